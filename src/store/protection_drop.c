/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/protection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/area_internal.h"
#include "store/dataset_internal.h"
#include "store/held_internal.h"
#include "store/protection_internal.h"

/*
 * Order: dataset rows with the state DROPPING; parity leaves and their blocks;
 * slot nodes; at last the record together with the parity file, the charges
 * and the reference on the plain dataset.  A start goes on wherever it was cut.
 */

/* ---- 1: invisible ---- */

static int del_dataset(struct cdx_store *s, struct cdx_batch *b,
		       const struct cdx_protection *p,
		       const struct cdx_digest *digest)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, digest);
	struct cdx_dataset_info info;
	int rc;

	rc = cdx_dataset_load(s, &cid, &info, NULL);
	/* a damaged record may name another's */
	if (rc == 0 && info.kind != CDX_DATASET_PLAIN && info.dsid == p->id)
		cdx_dataset_del(b, &info);
	return rc == -ENOENT ? 0 : rc;
}

static int mark_locked(struct cdx_store *s, struct cdx_protection *p,
		       bool force)
{
	struct cdx_batch *b;
	int rc;

	if (p->state == CDX_PROTECTION_DROPPING)
		return 0;
	if (p->sold != 0)
		return -EBUSY;
	if (!force && cdx_protection_incomplete(p))
		return -EBUSY;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	if (p->state == CDX_PROTECTION_DONE) {
		rc = del_dataset(s, b, p, &p->protected_);
		if (rc == 0)
			rc = del_dataset(s, b, p, &p->verifiable);
	}
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	p->state = CDX_PROTECTION_DROPPING;
	cdx_protection_put(b, p);
	return cdx_batch_apply(b);
}

/* ---- 2: parity, and of a held one data ---- */

struct some {
	size_t n;
	uint32_t index[CDX_DROP_BATCH];
	struct cdx_leaf leaf[CDX_DROP_BATCH];
};

static int some_read(struct cdx_store *s, struct some *v, uint64_t id)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	uint8_t prefix[8];
	int rc;

	v->n = 0;
	cdx_put_be64(prefix, id);
	rc = cdx_kv_iter_open(s, &it, CDX_DB_LEAF, prefix, sizeof(prefix), NULL,
			      0);
	if (rc < 0)
		return rc;
	while (v->n < CDX_DROP_BATCH &&
	       (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		rc = cdx_leaf_decode(&v->leaf[v->n], &v->index[v->n], &pair);
		if (rc < 0)
			return rc;
		v->n++;
	}
	return rc < 0 ? rc : 0;
}

static int some_drop(struct cdx_store *s, const struct cdx_protection *p,
		     uint64_t id, const struct some *v)
{
	struct cdx_block_set *set CDX_CLEANUP(cdx_block_set_dropp) = NULL;
	bool any_public = cdx_public_any(s);
	struct cdx_block_set *done;
	int rc;

	rc = cdx_block_set_begin(&set, s);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < v->n; i++) {
		struct cdx_block_loc loc;
		bool placed = cdx_protection_place(p, v->index[i], &loc);

		cdx_leaf_del(cdx_block_set_batch(set), id, v->index[i]);
		if (v->leaf[i].state == CDX_LEAF_BURNT)
			continue;
		if (any_public)
			cdx_public_del(cdx_block_set_batch(set),
				       &v->leaf[i].digest, p->id);
		rc = cdx_block_set_del(set, &v->leaf[i].digest,
				       placed ? &loc : NULL);
		/* a leaf without its block is damage, no reason to keep it */
		if (rc < 0 && rc != -ENOENT)
			return rc;
	}
	done = set;
	set = NULL;
	return cdx_block_set_apply(done);
}

static int drop_leaves(struct cdx_store *s, const struct cdx_protection *p,
		       uint64_t id)
{
	struct some *v = malloc(sizeof(*v));
	int rc;

	if (v == NULL)
		return -ENOMEM;
	do {
		rc = some_read(s, v, id);
		if (rc == 0 && v->n != 0)
			rc = some_drop(s, p, id, v);
	} while (rc == 0 && v->n == CDX_DROP_BATCH);
	free(v);
	return rc;
}

/* ---- 3: the record ---- */

/* The plain dataset loses its reference with the last protection; 1 when
 * nothing keeps it any more. */
static int release_base(struct cdx_store *s, struct cdx_batch *b,
			const struct cdx_protection *p)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p->plain);
	struct cdx_buf manifest CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dataset_info info;
	bool busy;
	int rc;

	rc = cdx_protection_others(s, p, &busy);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = cdx_dataset_load(s, &cid, &info, &manifest);
	/* damage; the protection of nothing goes all the same */
	if (rc == -ENOENT || (rc == 0 && (info.kind != CDX_DATASET_PLAIN ||
					  info.dsid != p->base)))
		return 0;
	if (rc < 0)
		return rc;
	info.refs &= ~(uint32_t)CDX_REF_PROTECTED;
	if (info.refs == 0 && !info.dropping) {
		info.dropping = true;
		cdx_dataset_mark_drop(b, &info);
	}
	cdx_dataset_put(b, &info, manifest.p, manifest.len, false);
	return info.refs == 0 ? 1 : 0;
}

static int end_locked(struct cdx_store *s, const struct cdx_protection *p)
{
	int64_t charge = cdx_protection_charged(p);
	struct cdx_batch *b;
	int gone;
	int rc;

	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	gone = release_base(s, b, p);
	if (gone < 0) {
		cdx_batch_drop(b);
		return gone;
	}
	cdx_protection_del(b, p);
	if (p->area != 0)
		cdx_area_remove(b, p->area);
	if (cdx_held_is(p))
		cdx_area_remove(b, p->segment);
	cdx_quota_charge(b, p->share, -charge);
	rc = cdx_batch_apply(b);
	return rc < 0 ? rc : gone;
}

int cdx_protection_take_back(struct cdx_store *s, uint64_t base, uint64_t id,
			     bool force, struct cdx_protection *p)
{
	int rc;

	cdx_block_lock(s);
	rc = cdx_protection_get(s, base, id, p);
	if (rc == 0)
		rc = mark_locked(s, p, force);
	cdx_block_unlock(s);
	if (rc == 0)
		rc = drop_leaves(s, p, p->id);
	if (rc == 0 && cdx_held_is(p))
		rc = drop_leaves(s, p, p->base);
	if (rc == 0 && cdx_held_is(p))
		rc = cdx_held_pages_drop(s, id);
	if (rc == 0)
		rc = cdx_slot_nodes_drop(s, id, UINT32_MAX);
	if (rc < 0)
		return rc;
	cdx_block_lock(s);
	rc = end_locked(s, p);
	cdx_block_unlock(s);
	return rc;
}

int cdx_protection_drop(struct cdx_store *s, uint64_t base, uint64_t id,
			bool force)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_protection p;
	struct cdx_cid cid;
	int rc;

	(void)pthread_mutex_lock(&a->drop_mu);
	rc = cdx_protection_take_back(s, base, id, force, &p);
	(void)pthread_mutex_unlock(&a->drop_mu);
	if (rc <= 0)
		return rc;
	cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p.plain);
	rc = cdx_dataset_drop(s, &cid);
	return rc == -ENOENT ? 0 : rc;
}

/* ---- after a start ---- */

struct resume {
	struct cdx_store *s;
	int rc; /* of the first one that failed */
};

static int finish_one(struct cdx_store *s, const struct cdx_protection *p)
{
	struct cdx_areas *a = cdx_store_areas(s);
	int rc;

	if (p->state == CDX_PROTECTION_DROPPING)
		return cdx_protection_drop(s, p->base, p->id, true);
	if (cdx_held_is(p))
		return cdx_held_resume(s, p);
	if (p->evicting == 0)
		return 0;
	(void)pthread_mutex_lock(&a->drop_mu);
	rc = cdx_slot_evict_finish(s, p->base, p->id);
	(void)pthread_mutex_unlock(&a->drop_mu);
	return rc;
}

/* Damage of one is no reason to leave the others as they are. */
static int resume_one(void *arg, const struct cdx_protection *p)
{
	struct resume *r = arg;
	int rc = finish_one(r->s, p);

	if (rc < 0 && r->rc == 0)
		r->rc = rc;
	return cdx_store_failed(r->s);
}

int cdx_protections_resume(struct cdx_store *s)
{
	struct resume r = {.s = s};
	int rc = cdx_protection_list(s, 0, resume_one, &r);

	return rc < 0 ? rc : r.rc;
}
