/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "node/market_internal.h"
#include "node/peers.h"
#include "store/dataset_store.h"
#include "store/protection.h"
#include "store/public.h"

/* What the market sees of the volume, and the volume of the market. */

/* ---- purchasing ---- */

struct listing {
	struct cdx_node_market *m;
	cdx_market_segment_fn *fn;
	void *arg;
};

static int list_one(void *arg, const struct cdx_segment_info *info)
{
	struct listing *l = arg;
	struct cdx_market_segment s = {.area = info->area};
	struct cdx_dataset_info plain;

	if (info->is_protected) {
		s.is_protected = true;
		s.verifiable = info->verifiable;
		s.bytes = info->content;
		s.live = info->live;
		if (cdx_dataset_info(l->m->n->store, &info->manifest, &plain) ==
		    0)
			s.sealed = plain.created;
	}
	return l->fn(l->arg, &s);
}

static int list(void *arg, cdx_market_segment_fn *fn, void *fn_arg)
{
	struct cdx_node_market *m = arg;
	struct listing l = {.m = m, .fn = fn, .arg = fn_arg};

	return cdx_vol_segments(m->n->volume, list_one, &l);
}

static int highest(void *arg, const struct cdx_segment_info *info)
{
	uint64_t *area = arg;

	if (info->area > *area)
		*area = info->area;
	return 0;
}

static uint64_t newest(void *arg)
{
	struct cdx_node_market *m = arg;
	uint64_t area = 0;

	/* of a table that cannot be read nothing is known to be old */
	return cdx_vol_segments(m->n->volume, highest, &area) < 0 ? UINT64_MAX
								  : area;
}

static int compact(void *arg, uint64_t area)
{
	struct cdx_node_market *m = arg;

	if (cdx_node_market_stopping(m))
		return -ECANCELED;
	return cdx_vol_compact_one(m->n->volume, area, NULL);
}

static int publish(void *arg, const struct cdx_cid *verifiable)
{
	struct cdx_node_market *m = arg;
	int rc = cdx_dataset_publish(m->n->store, verifiable, true);

	if (rc == 0)
		cdx_peers_changed(m->n->peers);
	return rc;
}

static void changed(void *arg)
{
	struct cdx_node_market *m = arg;

	pthread_mutex_lock(&m->mu);
	m->changes++;
	pthread_cond_broadcast(&m->cv);
	pthread_mutex_unlock(&m->mu);
}

struct cdx_purchase_volume cdx_node_market_volume(struct cdx_node_market *m)
{
	return (struct cdx_purchase_volume){
		.list = list,
		.newest = newest,
		.compact = compact,
		.publish = publish,
		.changed = changed,
		.arg = m,
		.location = m->location,
	};
}

/* ---- the patrol ---- */

/* What is stored elsewhere now: each dataset once, though a renewal has a request
 * of its own */
struct rounds {
	struct cdx_cid *cid;
	uint32_t *slots;
	size_t n;
	size_t cap;
};

static int grow(struct rounds *r)
{
	size_t cap = r->cap ? r->cap * 2 : 64;
	void *p = reallocarray(r->cid, cap, sizeof(*r->cid));

	if (p == NULL)
		return -ENOMEM;
	r->cid = p;
	p = reallocarray(r->slots, cap, sizeof(*r->slots));
	if (p == NULL)
		return -ENOMEM;
	r->slots = p;
	r->cap = cap;
	return 0;
}

static int note_purchase(void *arg, const struct cdx_purchase_info *info)
{
	struct rounds *r = arg;
	struct cdx_cid cid;

	if (info->state != CDX_PURCHASE_STARTED ||
	    info->what.ask.slots > CDX_PROTECTION_SLOTS_MAX ||
	    cdx_cid_decode(&cid, info->what.cid, info->what.cid_len) < 0)
		return 0;
	for (size_t i = 0; i < r->n; i++)
		if (cdx_cid_equal(&r->cid[i], &cid))
			return 0;
	if (r->n == r->cap && grow(r) < 0)
		return -ENOMEM;
	r->cid[r->n] = cid;
	r->slots[r->n++] = (uint32_t)info->what.ask.slots;
	return 0;
}

static int list_stored(void *arg, cdx_patrol_one_fn *fn, void *fn_arg)
{
	struct cdx_node_market *m = arg;
	struct rounds r = {.n = 0};
	int rc = 0;

	pthread_rwlock_rdlock(&m->lock);
	if (m->parts.purchasing != NULL)
		rc = cdx_purchasing_list(m->parts.purchasing, note_purchase,
					 &r);
	pthread_rwlock_unlock(&m->lock);
	for (size_t i = 0; i < r.n && rc >= 0; i++)
		rc = fn(fn_arg, &r.cid[i], r.slots[i]);
	free(r.cid);
	free(r.slots);
	return rc;
}

static void found(void *arg, const struct cdx_cid *verifiable, uint32_t bad)
{
	struct cdx_node_market *m = arg;

	pthread_rwlock_rdlock(&m->lock);
	if (m->parts.purchasing != NULL)
		cdx_purchasing_patrolled(m->parts.purchasing, verifiable, bad);
	pthread_rwlock_unlock(&m->lock);
}

struct cdx_patrol_opts cdx_node_market_patrol(struct cdx_node_market *m)
{
	return (struct cdx_patrol_opts){
		.list = list_stored,
		.found = found,
		.arg = m,
		.every_s = m->conf.patrol_s,
	};
}

/* ---- states of files ---- */

static enum cdx_file_state stage(void *arg, const struct cdx_cid *verifiable)
{
	struct cdx_node_market *m = arg;
	enum cdx_segment_stage st = CDX_SEGMENT_KEPT;

	pthread_rwlock_rdlock(&m->lock);
	if (m->parts.purchasing != NULL)
		st = cdx_purchasing_stage(m->parts.purchasing, verifiable);
	pthread_rwlock_unlock(&m->lock);
	switch (st) {
	case CDX_SEGMENT_REQUESTED:
		return CDX_STATE_REQUESTED;
	case CDX_SEGMENT_STORED:
		return CDX_STATE_STORED;
	case CDX_SEGMENT_PROVEN:
		return CDX_STATE_PROVEN;
	case CDX_SEGMENT_KEPT:
		break;
	}
	return CDX_STATE_PROTECTED;
}

static bool lasts(void *arg, struct cdx_vol_lasts *out,
		  const struct cdx_cid *verifiable)
{
	struct cdx_node_market *m = arg;
	int rc = -ENODATA;

	pthread_rwlock_rdlock(&m->lock);
	if (m->parts.purchasing != NULL)
		rc = cdx_purchasing_lasts(m->parts.purchasing, &out->end,
					  &out->nines, verifiable);
	pthread_rwlock_unlock(&m->lock);
	return rc == 0;
}

struct cdx_vol_stages cdx_node_market_stages(struct cdx_node_market *m)
{
	return (struct cdx_vol_stages){
		.stage = stage, .lasts = lasts, .arg = m};
}
