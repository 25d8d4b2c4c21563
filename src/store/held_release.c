/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/area_internal.h"
#include "store/block_set.h"
#include "store/dataset_internal.h"
#include "store/held_internal.h"
#include "store/protection_internal.h"
#include "store/records.h"

/*
 * The first batch takes the mark off, and the charge.  Then go nodes, pages and at
 * last leaves, each batch of which gives the places of its blocks back: so as long
 * as anything of a slot is left, there are leaves of it, and a start, which finds
 * leaves of a slot that is not sold, goes on there.
 */

/* ---- pages ---- */

#define DELETES 512u

/* Pages [@first, @end) of @id, as many as one batch takes; returns how many. */
static int drop_some_pages(struct cdx_store *s, uint64_t id, uint64_t first,
			   uint64_t end)
{
	struct cdx_kv_iter *it = NULL;
	uint8_t from[CDX_HELD_PAGE_KEY_LEN];
	struct cdx_kv_pair pair;
	struct cdx_batch *b;
	int n = 0;
	int rc;

	if (first >= end || first > UINT32_MAX)
		return 0;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	cdx_put_be64(from, id);
	cdx_put_be32(from + 8, (uint32_t)first);
	rc = cdx_kv_iter_open(s, &it, CDX_DB_HELD_PAGE, from, 8, from,
			      sizeof(from));
	while (rc >= 0 && n < (int)DELETES &&
	       (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		if (pair.key_len == sizeof(from) &&
		    cdx_get_be32(pair.key + 8) >= end)
			break;
		cdx_batch_del(b, CDX_DB_HELD_PAGE, pair.key, pair.key_len);
		n++;
	}
	/* apply may wait: no reader is open then */
	cdx_kv_iter_close(it);
	if (rc < 0 || n == 0) {
		cdx_batch_drop(b);
		return rc < 0 ? rc : 0;
	}
	rc = cdx_batch_apply(b);
	return rc < 0 ? rc : n;
}

static int drop_pages(struct cdx_store *s, uint64_t id, uint64_t first,
		      uint64_t end)
{
	int rc;

	do
		rc = drop_some_pages(s, id, first, end);
	while (rc == (int)DELETES);
	return rc < 0 ? rc : 0;
}

int cdx_held_pages_drop(struct cdx_store *s, uint64_t id)
{
	return drop_pages(s, id, 0, UINT64_C(1) << 32);
}

/* Is a page needed by another slot than @slot?  1, 0. */
static int page_needed(struct cdx_store *s, const struct cdx_protection *p,
		       uint32_t slot, uint64_t page)
{
	uint64_t first = page * CDX_TREE_PAGE;
	uint64_t last = first + CDX_TREE_PAGE - 1;
	uint32_t end = p->k + p->m;
	int rc = 0;

	for (uint64_t i = first / p->steps;
	     i <= last / p->steps && i < end && rc == 0; i++) {
		if (i == slot)
			continue;
		rc = p->sold >> i & 1;
		if (rc == 0)
			rc = cdx_held_any_leaf(
				s, p, i * p->steps,
				cdx_protection_slot_blocks(p, (uint32_t)i));
	}
	return rc;
}

/* The pages of a slot, but for the first and last where others need them */
static int drop_slot_pages(struct cdx_store *s, const struct cdx_protection *p,
			   uint32_t slot)
{
	uint64_t first = slot * p->steps / CDX_TREE_PAGE;
	uint64_t last = ((slot + 1) * p->steps - 1) / CDX_TREE_PAGE;
	int need_first = page_needed(s, p, slot, first);
	int need_last = page_needed(s, p, slot, last);

	if (need_first < 0 || need_last < 0)
		return need_first < 0 ? need_first : need_last;
	if (first == last && need_first)
		return 0;
	return drop_pages(s, p->id, first + (uint64_t)need_first,
			  last + 1 - (uint64_t)need_last);
}

/* ---- leaves ---- */

struct some {
	size_t n;
	uint32_t index[CDX_DROP_BATCH];
	struct cdx_leaf leaf[CDX_DROP_BATCH];
};

/* Leaves of [@first, @end), which all are kept under one id */
static int some_read(struct cdx_store *s, struct some *v,
		     const struct cdx_protection *p, uint64_t first,
		     uint64_t end)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	uint8_t from[CDX_LEAF_KEY_LEN];
	int rc;

	v->n = 0;
	cdx_put_be64(from, cdx_held_leaf_id(p, first));
	cdx_put_be32(from + 8, (uint32_t)first);
	rc = cdx_kv_iter_open(s, &it, CDX_DB_LEAF, from, 8, from, sizeof(from));
	while (rc >= 0 && v->n < CDX_DROP_BATCH &&
	       (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		rc = cdx_leaf_decode(&v->leaf[v->n], &v->index[v->n], &pair);
		if (rc < 0 || v->index[v->n] >= end)
			break;
		v->n++;
	}
	return rc < 0 ? rc : 0;
}

/* Drops them, and gives [@first, @end) back. */
static int some_drop(struct cdx_store *s, const struct some *v,
		     const struct cdx_protection *p, uint64_t first,
		     uint64_t end)
{
	struct cdx_block_set *set CDX_CLEANUP(cdx_block_set_dropp) = NULL;
	struct cdx_block_set *done;
	struct cdx_block_loc loc;
	struct cdx_batch *b;
	int rc;

	rc = cdx_block_set_begin(&set, s);
	if (rc < 0)
		return rc;
	b = cdx_block_set_batch(set);
	for (size_t i = 0; i < v->n; i++) {
		(void)cdx_protection_place(p, v->index[i], &loc);
		cdx_leaf_del(b, cdx_held_leaf_id(p, first), v->index[i]);
		cdx_public_del(b, &v->leaf[i].digest, p->id);
		rc = cdx_block_set_del(set, &v->leaf[i].digest, &loc);
		/* a leaf without its block is damage, no reason to keep it */
		if (rc < 0 && rc != -ENOENT)
			return rc;
	}
	if (cdx_protection_place(p, first, &loc))
		cdx_area_free_range(b, loc.area, loc.off,
				    (end - first) *
					    cdx_block_room(p->block_size));
	/* an equal block of another slot has the same row */
	cdx_public_mark(b, p->id);
	done = set;
	set = NULL;
	return cdx_block_set_apply(done);
}

static int drop_leaves(struct cdx_store *s, const struct cdx_protection *p,
		       uint32_t slot)
{
	uint64_t at = slot * p->steps;
	uint64_t end = at + cdx_protection_slot_blocks(p, slot);
	struct some *v = malloc(sizeof(*v));
	int rc = 0;

	if (v == NULL)
		return -ENOMEM;
	while (rc == 0 && at < end) {
		uint64_t to = end;

		rc = some_read(s, v, p, at, end);
		if (rc == 0 && v->n == 0)
			break;
		if (rc == 0 && v->n == CDX_DROP_BATCH)
			to = (uint64_t)v->index[v->n - 1] + 1;
		if (rc == 0)
			rc = some_drop(s, v, p, at, to);
		at = to;
	}
	free(v);
	return rc;
}

/* ---- a slot, and the dataset with the last one ---- */

/* Is there anything of a slot? */
static int slot_left(struct cdx_store *s, const struct cdx_protection *p,
		     uint32_t slot)
{
	return cdx_held_any_leaf(s, p, slot * p->steps,
				 cdx_protection_slot_blocks(p, slot));
}

static int clean_slot(struct cdx_store *s, const struct cdx_protection *p,
		      uint32_t slot)
{
	int rc;

	rc = cdx_slot_nodes_drop(s, p->id, slot);
	if (rc == 0)
		rc = drop_slot_pages(s, p, slot);
	return rc < 0 ? rc : drop_leaves(s, p, slot);
}

/* With its last slot the dataset goes; else rows of blocks that another slot has
 * as well are put again.  Caller holds drop_mu. */
static int end_dataset(struct cdx_store *s, const struct cdx_protection *p)
{
	struct cdx_protection gone;
	int left = p->sold != 0;
	int rc;

	for (uint32_t i = 0; i < p->k + p->m && left == 0; i++)
		left = slot_left(s, p, i);
	if (left < 0)
		return left;
	rc = left > 0
		     ? 0
		     : cdx_protection_take_back(s, p->base, p->id, true, &gone);
	/* one that is padding alone, and so has no leaves, was sold meanwhile */
	if (rc == -EBUSY)
		rc = 0;
	return rc < 0 ? rc : cdx_public_settle(s, p->id, NULL, NULL);
}

/* ---- release ---- */

static int apply_also(struct cdx_batch *b, const struct cdx_rider *also)
{
	int rc = also != NULL ? also->put(also->arg, b) : 0;

	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	return cdx_batch_apply(b);
}

/* The record of a dataset that is here.  1: it is not. */
static int find(struct cdx_store *s, const struct cdx_cid *cid,
		struct cdx_protection *p)
{
	struct cdx_dataset_info info;
	int rc;

	rc = cdx_dataset_info(s, cid, &info);
	if (rc == 0)
		rc = cdx_protection_of(s, &info, p);
	return rc == -ENOENT ? 1 : rc;
}

/* The first batch, under the block lock; 1: nothing else is to be done. */
static int unmark(struct cdx_store *s, const struct cdx_cid *cid, uint32_t slot,
		  const struct cdx_rider *also, struct cdx_protection *p)
{
	uint64_t charge = 0;
	struct cdx_batch *b;
	int gone;
	int rc;

	gone = find(s, cid, p);
	if (gone < 0)
		return gone;
	if (gone == 0 && slot >= p->k + p->m)
		return -EINVAL;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	if (gone == 0 && (p->sold >> slot & 1) != 0) {
		p->sold &= ~(1u << slot);
		if (cdx_held_is(p) && !cdx_slot_is_off(p, slot))
			charge = cdx_protection_slot_charge(p, slot);
		if (cdx_held_is(p)) {
			p->absent |= 1u << slot;
			p->damaged &= ~(1u << slot);
		}
		cdx_protection_put(b, p);
		cdx_quota_charge(b, p->share, -(int64_t)charge);
	}
	rc = apply_also(b, also);
	if (rc < 0)
		return rc;
	return gone != 0 || !cdx_held_is(p);
}

/* What of a slot is not sold, and with the last one the dataset.  Caller holds
 * drop_mu. */
static int clean(struct cdx_store *s, const struct cdx_protection *p,
		 uint32_t slot)
{
	int rc = clean_slot(s, p, slot);

	return rc < 0 ? rc : end_dataset(s, p);
}

int cdx_held_abandon(struct cdx_store *s, const struct cdx_cid *cid,
		     uint32_t slot)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_protection p;
	int rc;

	/* nobody begins it meanwhile */
	(void)pthread_mutex_lock(&a->drop_mu);
	rc = find(s, cid, &p);
	if (rc == 0 && slot >= p.k + p.m)
		rc = -EINVAL;
	if (rc == 0 && cdx_held_is(&p) && (p.sold >> slot & 1) == 0)
		rc = clean(s, &p, slot);
	(void)pthread_mutex_unlock(&a->drop_mu);
	return rc < 0 ? rc : 0;
}

int cdx_held_release(struct cdx_store *s, const struct cdx_cid *cid,
		     uint32_t slot, const struct cdx_rider *also)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_protection p;
	int rc;

	(void)pthread_mutex_lock(&a->drop_mu);
	cdx_block_lock(s);
	rc = unmark(s, cid, slot, also, &p);
	cdx_block_unlock(s);
	if (rc == 0)
		rc = clean(s, &p, slot);
	(void)pthread_mutex_unlock(&a->drop_mu);
	return rc < 0 ? rc : 0;
}

/* ---- after a start ---- */

int cdx_held_resume(struct cdx_store *s, const struct cdx_protection *p)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_protection now;
	int left;
	int rc;

	(void)pthread_mutex_lock(&a->drop_mu);
	rc = cdx_protection_get(s, p->base, p->id, &now);
	for (uint32_t i = 0; rc == 0 && i < now.k + now.m; i++) {
		if ((now.sold >> i & 1) != 0)
			continue;
		left = slot_left(s, &now, i);
		/* padding alone has no leaves that would tell */
		if (left > 0 || cdx_protection_slot_blocks(&now, i) == 0)
			left = clean_slot(s, &now, i);
		rc = left < 0 ? left : 0;
	}
	if (rc == 0)
		rc = end_dataset(s, &now);
	(void)pthread_mutex_unlock(&a->drop_mu);
	return rc == -ENOENT ? 0 : rc;
}
