/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/protection.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "store/area_internal.h"
#include "store/block_set.h"
#include "store/protection_internal.h"
#include "store/refs.h"

/*
 * The first batch marks the slot (or all of them) absent and takes the charge
 * off; each further one takes the locations of some blocks out, frees their
 * bytes and notes in the record how far it came.  A start goes on there.
 */

/* ---- how often the slots themselves name each block: blocks that only one leaf
 * names, which are most, are left out ---- */

static int count_leaf(struct cdx_store *s, struct cdx_refs *own,
		      const struct cdx_leaf *leaf)
{
	struct cdx_block_info info;
	struct cdx_ref_slot *slot;
	int rc;

	rc = cdx_block_info(s, &leaf->digest, &info);
	if (rc < 0 || info.refs <= 1)
		return rc;
	rc = cdx_refs_get(own, &slot, &leaf->digest);
	if (rc == 0)
		slot->refs++;
	return rc;
}

static uint32_t count_of(const struct cdx_refs *own,
			 const struct cdx_digest *digest)
{
	uint32_t n = cdx_refs_count(own, digest);

	return n != 0 ? n : 1;
}

static int count_slot(struct cdx_store *s, const struct cdx_protection *p,
		      uint32_t slot, struct cdx_refs *own)
{
	uint64_t first = slot * p->steps;
	uint64_t n = cdx_protection_slot_blocks(p, slot);
	struct cdx_leaf leaf;
	int rc = 0;

	for (uint64_t i = 0; i < n && rc == 0; i++) {
		rc = cdx_protection_leaf(s, p, first + i, &leaf);
		if (rc == 0 && leaf.state != CDX_LEAF_BURNT)
			rc = count_leaf(s, own, &leaf);
		/* damage; fsck tells */
		if (rc == -ENOENT)
			rc = 0;
	}
	return rc;
}

/* ---- giving back ---- */

static int evict_block(struct cdx_store *s, struct cdx_block_set *set,
		       const struct cdx_protection *p, uint64_t index,
		       const struct cdx_refs *own)
{
	struct cdx_block_loc loc;
	struct cdx_leaf leaf;
	uint32_t refs;
	bool placed;
	int rc;

	rc = cdx_protection_leaf(s, p, index, &leaf);
	if (rc == 0 && leaf.state == CDX_LEAF_BURNT)
		return 0;
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	refs = count_of(own, &leaf.digest);
	placed = cdx_protection_place(p, index, &loc);
	rc = cdx_block_set_evict(set, &leaf.digest, placed ? &loc : NULL, refs);
	/* what an earlier eviction kept for another slot */
	if (rc == 0 && placed && p->evict_all)
		rc = cdx_block_set_evict(set, &leaf.digest, NULL, refs);
	return rc == -ENOENT ? 0 : rc;
}

/* The places of steps @from up to @to are neighbours: one free record. */
static void free_places(struct cdx_batch *b, const struct cdx_protection *p,
			uint64_t index, uint64_t n)
{
	struct cdx_block_loc loc;

	if (n != 0 && cdx_protection_place(p, index, &loc))
		cdx_area_free_range(b, loc.area, loc.off,
				    n * cdx_block_room(p->block_size));
}

/* The place in the record after @end of @n steps of the slot; true at the end. */
static bool step_on(struct cdx_protection *p, uint64_t end, uint64_t n)
{
	bool more = p->evict_all && p->evicting < p->k + p->m;

	p->evicted = end == n ? 0 : end;
	if (end != n)
		return false;
	p->evicting = more ? p->evicting + 1 : 0;
	p->evict_all = more;
	return !more;
}

/* One batch; 1 when there is no more to do. */
static int evict_some(struct cdx_store *s, uint64_t base, uint64_t id,
		      const struct cdx_refs *own)
{
	struct cdx_block_set *set CDX_CLEANUP(cdx_block_set_dropp) = NULL;
	struct cdx_block_set *ready;
	struct cdx_protection p = {0};
	uint64_t first;
	uint64_t end;
	uint64_t n;
	bool last;
	int rc;

	rc = cdx_block_set_begin(&set, s);
	if (rc == 0)
		rc = cdx_protection_get(s, base, id, &p);
	if (rc < 0)
		return rc;
	if (p.evicting == 0)
		return 1;
	first = (p.evicting - 1) * p.steps;
	n = cdx_protection_slot_blocks(&p, p.evicting - 1);
	end = n - p.evicted > CDX_SLOT_BATCH ? p.evicted + CDX_SLOT_BATCH : n;
	for (uint64_t i = p.evicted; i < end && rc == 0; i++)
		rc = evict_block(s, set, &p, first + i, own);
	if (rc < 0)
		return rc;
	free_places(cdx_block_set_batch(set), &p, first + p.evicted,
		    end - p.evicted);
	last = step_on(&p, end, n);
	cdx_protection_put(cdx_block_set_batch(set), &p);
	ready = set;
	set = NULL;
	rc = cdx_block_set_apply(ready);
	return rc < 0 ? rc : last;
}

int cdx_slot_evict_finish(struct cdx_store *s, uint64_t base, uint64_t id)
{
	struct cdx_protection p;
	struct cdx_refs own;
	int rc;

	rc = cdx_protection_get(s, base, id, &p);
	if (rc < 0 || p.evicting == 0)
		return rc;
	cdx_refs_init(&own);
	for (uint32_t i = 0; i < p.k + p.m && rc == 0; i++)
		if (p.evict_all || p.evicting == i + 1)
			rc = count_slot(s, &p, i, &own);
	while (rc == 0)
		rc = evict_some(s, base, id, &own);
	cdx_refs_free(&own);
	return rc < 0 ? rc : 0;
}

/* ---- marking ---- */

/* Would k other slots be here and whole? */
static bool enough_others(const struct cdx_protection *p, uint32_t slot)
{
	uint32_t here = 0;

	for (uint32_t i = 0; i < p->k + p->m; i++)
		here += i != slot && ((p->absent | p->damaged) >> i & 1) == 0;
	return here >= p->k;
}

static int may_evict(struct cdx_store *s, const struct cdx_protection *p,
		     uint32_t slot)
{
	bool busy;
	int rc;

	if (p->state != CDX_PROTECTION_DONE || (p->sold >> slot & 1) != 0 ||
	    !enough_others(p, slot))
		return -EBUSY;
	if (slot >= p->k)
		return 0;
	rc = cdx_protection_others(s, p, &busy);
	return rc > 0 ? -EBUSY : rc;
}

static int mark_locked(struct cdx_store *s, struct cdx_protection *p,
		       uint32_t slot)
{
	struct cdx_batch *b;
	int rc;

	if (cdx_slot_is_off(p, slot))
		return 0;
	rc = may_evict(s, p, slot);
	if (rc == 0)
		rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	p->absent |= 1u << slot;
	p->damaged &= ~(1u << slot);
	p->evicting = slot + 1;
	p->evicted = 0;
	cdx_protection_put(b, p);
	cdx_quota_charge(b, p->share,
			 -(int64_t)cdx_protection_slot_charge(p, slot));
	return cdx_batch_apply(b);
}

#define ALL UINT32_MAX

static int may_evict_all(struct cdx_store *s, const struct cdx_protection *p)
{
	bool busy;
	int rc;

	if (p->state != CDX_PROTECTION_DONE || p->sold != 0)
		return -EBUSY;
	rc = cdx_protection_others(s, p, &busy);
	return rc > 0 ? -EBUSY : rc;
}

static int mark_all_locked(struct cdx_store *s, struct cdx_protection *p)
{
	const uint32_t mask = (uint32_t)((UINT64_C(1) << (p->k + p->m)) - 1);
	uint64_t charge = 0;
	struct cdx_batch *b;
	int rc;

	if (p->absent == mask && p->damaged == 0)
		return 0;
	rc = may_evict_all(s, p);
	if (rc == 0)
		rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < p->k + p->m; i++)
		if (!cdx_slot_is_off(p, i))
			charge += cdx_protection_slot_charge(p, i);
	p->absent = mask;
	p->damaged = 0;
	/* those that were off already have nothing left to give */
	p->evicting = 1;
	p->evicted = 0;
	p->evict_all = true;
	cdx_protection_put(b, p);
	cdx_quota_charge(b, p->share, -(int64_t)charge);
	return cdx_batch_apply(b);
}

static int mark(struct cdx_store *s, uint64_t base, uint64_t id, uint32_t slot)
{
	struct cdx_protection p;
	int rc;

	cdx_block_lock(s);
	rc = cdx_protection_get(s, base, id, &p);
	if (rc == 0 && slot == ALL)
		rc = mark_all_locked(s, &p);
	else if (rc == 0)
		rc = slot < p.k + p.m ? mark_locked(s, &p, slot) : -EINVAL;
	cdx_block_unlock(s);
	return rc;
}

static int evict(struct cdx_store *s, const struct cdx_protection *p,
		 uint32_t slot)
{
	struct cdx_areas *a = cdx_store_areas(s);
	int rc;

	(void)pthread_mutex_lock(&a->drop_mu);
	/* one at a time: what an earlier one left comes first */
	rc = cdx_slot_evict_finish(s, p->base, p->id);
	if (rc == 0)
		rc = mark(s, p->base, p->id, slot);
	if (rc == 0)
		rc = cdx_slot_evict_finish(s, p->base, p->id);
	(void)pthread_mutex_unlock(&a->drop_mu);
	return rc;
}

int cdx_slot_evict(struct cdx_store *s, const struct cdx_protection *p,
		   uint32_t slot)
{
	return slot == ALL ? -EINVAL : evict(s, p, slot);
}

int cdx_protection_evict(struct cdx_store *s, const struct cdx_protection *p)
{
	return evict(s, p, ALL);
}
