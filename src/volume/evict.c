/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/far.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/block.h"
#include "store/dataset_store.h"
#include "store/protection.h"
#include "volume/segs.h"

/*
 * When space is short, protected segments that are safe elsewhere give their
 * bytes back, those that were read longest ago first.  Rows stay: leaves, trees,
 * manifests, extents; reads ask others for the blocks.  One thread, with job_mu,
 * so nothing is sealed, compacted or dropped meanwhile.
 */

#define NS 1000000000u
#define COUNT_NS ((uint64_t)60 * NS)
#define WAIT_NS ((uint64_t)30 * NS)
#define RECLAIMS 3

/* ---- what was evicted ---- */

static uint32_t all_slots(const struct cdx_protection *p)
{
	return (uint32_t)((UINT64_C(1) << (p->k + p->m)) - 1);
}

static bool is_evicted(const struct cdx_protection *p)
{
	/* others' datasets (store/held.h) have places of their own, too */
	return p->state == CDX_PROTECTION_DONE && p->segment &&
	       p->share == CDX_SHARE_VOLUME &&
	       (p->absent & all_slots(p)) == all_slots(p);
}

struct sum {
	uint64_t n;
	uint64_t bytes;
};

static int add_evicted(void *arg, const struct cdx_protection *p)
{
	struct sum *s = arg;

	if (is_evicted(p)) {
		s->n++;
		s->bytes += p->blocks * CDX_BLOCK_SIZE;
	}
	return 0;
}

void cdx_evict_count(struct cdx_volume *v)
{
	struct sum sum = {0};

	if (cdx_protection_list(v->store, 0, add_evicted, &sum) < 0)
		return;
	atomic_store(&v->segs->evicted, sum.n);
	atomic_store(&v->segs->evicted_bytes, sum.bytes);
}

static int too_few(void *arg, const struct cdx_protection *p)
{
	uint32_t here = 0;

	if (p->state != CDX_PROTECTION_DONE)
		return 0;
	for (uint32_t i = 0; i < p->k + p->m; i++)
		here += !((p->absent | p->damaged) >> i & 1);
	if (here < p->k)
		*(bool *)arg = true;
	return 0;
}

bool cdx_seg_is_far(struct cdx_volume *v, uint64_t area)
{
	bool far = false;

	return cdx_protection_list(v->store, area, too_few, &far) == 0 && far;
}

/* ---- which ones ---- */

struct candidate {
	uint64_t area;
	struct cdx_cid manifest;
	struct cdx_cid verifiable;
	int64_t used; /* wall seconds */
};

struct candidates {
	struct cdx_volume *v;
	struct candidate *c;
	size_t n;
	size_t cap;
};

static int note(void *arg, const struct cdx_segment_info *info)
{
	struct candidates *l = arg;

	if (!info->is_protected)
		return 0;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		void *p = reallocarray(l->c, cap, sizeof(*l->c));

		if (!p)
			return -ENOMEM;
		l->c = p;
		l->cap = cap;
	}
	l->c[l->n].area = info->area;
	l->c[l->n].manifest = info->manifest;
	l->c[l->n].verifiable = info->verifiable;
	l->c[l->n++].used = 0;
	return 0;
}

static int by_use(const void *a, const void *b)
{
	const struct candidate *x = a;
	const struct candidate *y = b;

	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	return x->area < y->area ? -1 : x->area > y->area;
}

/* Nobody but the volume keeps it, no slot of it is sold, and some of it is here:
 * true, with its protection, and when it was used last */
static bool may_go(struct cdx_volume *v, struct candidate *c,
		   struct cdx_protection *p)
{
	struct cdx_store *s = v->store;
	struct cdx_dataset_info plain;
	struct cdx_dataset_info info;
	uint32_t ours = CDX_REF_VOLUME | CDX_REF_PROTECTED;
	int64_t read;

	if (cdx_dataset_info(s, &c->manifest, &plain) < 0 ||
	    cdx_dataset_info(s, &c->verifiable, &info) < 0 ||
	    ((plain.refs | info.refs) & ~ours) ||
	    cdx_protection_of(s, &info, p) < 0 ||
	    p->state != CDX_PROTECTION_DONE || p->sold || is_evicted(p))
		return false;
	read = cdx_seg_last_read(v->segs, c->area);
	c->used = read > plain.created ? read : plain.created;
	return true;
}

static int gather(struct candidates *l)
{
	struct cdx_protection p;
	size_t n = 0;
	int r = cdx_vol_segments(l->v, note, l);

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		if (may_go(l->v, &l->c[i], &p))
			l->c[n++] = l->c[i];
	}
	l->n = n;
	if (n)
		qsort(l->c, n, sizeof(*l->c), by_use);
	return r;
}

/* ---- giving back ---- */

/* Bytes given back, 0: it stays */
static uint64_t evict_one(struct cdx_volume *v, struct candidate *c)
{
	struct cdx_protection p;
	uint64_t bytes;
	int r;

	if (!may_go(v, c, &p) || !cdx_far_safe(v, &c->verifiable))
		return 0;
	bytes = (uint64_t)__builtin_popcount(all_slots(&p) & ~p.absent) *
		p.steps * CDX_BLOCK_SIZE;
	r = cdx_protection_evict(v->store, &p);
	if (r < 0 && r != -EBUSY)
		cdx_log(v->log, WARN, "segment",
			"segment %" PRIx64 " cannot be evicted: %s", c->area,
			cdx_strerror(r));
	if (r < 0)
		return 0;
	atomic_fetch_add(&v->segs->evictions, 1);
	cdx_log(v->log, INFO, "segment",
		"segment %" PRIx64 " is safe elsewhere and gives %" PRIu64
		" bytes back",
		c->area, bytes);
	return bytes;
}

/* On a disk that is smaller than the quota the bytes are free only when their
 * pages are */
static void give_to_disk(struct cdx_volume *v)
{
	struct cdx_space sp;

	cdx_quota_space(v->store, CDX_SHARE_VOLUME, &sp);
	if (sp.free + sp.used + sp.reserved + sp.held >= sp.limit)
		return;
	for (int i = 0; i < RECLAIMS; i++) {
		if (cdx_background_stopping(v) ||
		    cdx_store_commit(v->store) < 0 ||
		    cdx_store_reclaim(v->store) < 0)
			return;
	}
}

static uint64_t evict_some(struct cdx_volume *v, uint64_t room)
{
	struct candidates l = {.v = v};
	uint64_t want = cdx_space_short(v, room);
	uint64_t given = 0;

	if (!want)
		return 0;
	if (gather(&l) == 0) {
		for (size_t i = 0;
		     i < l.n && given < want && !cdx_background_stopping(v);
		     i++)
			given += evict_one(v, &l.c[i]);
	}
	free(l.c);
	if (given)
		give_to_disk(v);
	return given;
}

/* ---- rounds, and who waits for one ---- */

void cdx_evict_due(struct cdx_volume *v)
{
	struct cdx_segs *s = v->segs;
	uint64_t now = cdx_clock_mono_ns();
	uint64_t given = 0;
	bool in_vain = false;
	uint64_t want;

	pthread_mutex_lock(&s->mu);
	s->evict_begun++;
	want = s->evict_want;
	s->evict_want = 0;
	pthread_mutex_unlock(&s->mu);
	if (cdx_far_evicts(v->far)) {
		given = evict_some(v, want);
		in_vain = !given && cdx_space_short(v, 0);
	}
	/* Where nothing may go, every write would ask for another round: the next
	 * one then comes in its own time. */
	atomic_store(&s->evict_asked, in_vain);
	if (given || now - s->evict_counted >= COUNT_NS) {
		cdx_evict_count(v);
		s->evict_counted = now;
	}
	pthread_mutex_lock(&s->mu);
	s->evict_done = s->evict_begun;
	s->evict_gained = given != 0;
	pthread_cond_broadcast(&s->evict_cv);
	pthread_mutex_unlock(&s->mu);
}

void cdx_evict_ask(struct cdx_volume *v)
{
	if (cdx_far_evicts(v->far) &&
	    !atomic_exchange(&v->segs->evict_asked, true))
		cdx_background_kick(v);
}

bool cdx_evict_wait(struct cdx_volume *v, uint64_t bytes)
{
	struct cdx_segs *s = v->segs;
	uint64_t at = cdx_clock_mono_ns() + WAIT_NS;
	struct timespec ts = {
		.tv_sec = (time_t)(at / NS),
		.tv_nsec = (long)(at % NS),
	};
	uint64_t round;
	bool gained;
	int r = 0;

	if (!cdx_far_evicts(v->far) || !cdx_background_running(v))
		return false;
	pthread_mutex_lock(&s->mu);
	round = s->evict_begun + 1;
	if (s->evict_want < bytes)
		s->evict_want = bytes;
	pthread_mutex_unlock(&s->mu);
	cdx_background_kick(v);
	pthread_mutex_lock(&s->mu);
	while (s->evict_done < round && r == 0 && !cdx_background_stopping(v))
		r = pthread_cond_timedwait(&s->evict_cv, &s->mu, &ts);
	gained = s->evict_done >= round && s->evict_gained;
	pthread_mutex_unlock(&s->mu);
	return gained;
}
