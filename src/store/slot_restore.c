/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/protection.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "store/area_internal.h"
#include "store/block_set.h"
#include "store/dataset_internal.h"
#include "store/held_internal.h"
#include "store/protection_internal.h"

/* ---- begin ---- */

#define BEGIN_TRIES 8u

/* Bytes that a restore may come to be charged with: places at once, loose
 * blocks one by one. */
static uint64_t most_charge(struct cdx_store *s, const struct cdx_protection *p,
			    uint32_t slot)
{
	if (slot < p->k && p->segment == 0)
		return cdx_protection_slot_blocks(p, slot) *
		       cdx_block_charge(s, p->block_size);
	return cdx_protection_slot_charge(p, slot);
}

/* The file that the slot's places are in; 0: it is loose */
static uint64_t area_of(const struct cdx_protection *p, uint32_t slot)
{
	return slot < p->k ? p->segment : p->area;
}

bool cdx_slot_file_gone(struct cdx_store *s, const struct cdx_protection *p,
			uint32_t slot)
{
	return area_of(p, slot) != 0 && cdx_area_is_gone(s, area_of(p, slot));
}

/* Slots that are here by their marks and had their places in a file whose bytes
 * are lost */
static uint32_t lost_slots(const struct cdx_protection *p, uint64_t area)
{
	uint32_t lost = 0;

	for (uint32_t i = 0; i < p->k + p->m; i++)
		if (area_of(p, i) == area && (p->absent >> i & 1) == 0)
			lost |= 1u << i;
	return lost;
}

/* May it begin?  What is adopted comes by way of held.h alone. */
static int may_begin(const struct cdx_protection *p, uint32_t slot,
		     const struct cdx_slot_sale *sale)
{
	if (p->state != CDX_PROTECTION_DONE ||
	    (cdx_held_is(p) && sale == NULL && (p->sold >> slot & 1) == 0))
		return -EBUSY;
	return 0;
}

/* What a sale wants of the batch that begins a slot.  Without its leaves what comes
 * could not be compared, and nothing would say at its end what has to go. */
static int put_sale(struct cdx_store *s, struct cdx_batch *b,
		    struct cdx_protection *p, uint32_t slot,
		    const struct cdx_slot_sale *sale)
{
	bool fresh = cdx_slot_is_off(p, slot);
	bool has = true;
	int rc = 0;

	if (cdx_held_is(p))
		rc = cdx_held_has_leaves(s, p, slot, &has);
	if (rc == 0 && !has)
		rc = CDX_E_SEQUENCE;
	p->sold |= 1u << slot;
	if (rc == 0 && fresh && sale->also != NULL)
		rc = sale->also->put(sale->also->arg, b);
	return rc;
}

static int mark_locked(struct cdx_store *s, struct cdx_protection *p,
		       uint32_t slot, bool lost,
		       const struct cdx_slot_sale *sale)
{
	uint64_t charge = cdx_slot_is_off(p, slot)
				  ? cdx_protection_slot_charge(p, slot)
				  : 0;
	uint64_t area = area_of(p, slot);
	bool pending = false;
	struct cdx_batch *b;
	int rc;

	rc = may_begin(p, slot, sale);
	if (rc < 0)
		return rc;
	if (area != 0)
		rc = cdx_area_frees_pending(s, area, &pending);
	if (rc < 0)
		return rc;
	/* evicted since we waited: what is written now would be punched.  An
	 * eviction of all slots counts on none of them coming back meanwhile */
	if (p->evicting == slot + 1 || p->evict_all || pending)
		return 1;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	if (sale != NULL)
		rc = put_sale(s, b, p, slot, sale);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	p->damaged |= 1u << slot;
	/* they must not count as whole any more */
	if (lost)
		p->damaged |= lost_slots(p, area);
	cdx_protection_put(b, p);
	cdx_quota_charge(b, p->share, (int64_t)charge);
	return cdx_batch_apply(b);
}

/* 1: it has to wait again */
static int mark(struct cdx_store *s, struct cdx_protection *p, uint32_t slot,
		bool lost, const struct cdx_slot_sale *sale)
{
	struct cdx_protection rec;
	int rc;

	cdx_block_lock(s);
	rc = cdx_protection_get(s, p->base, p->id, &rec);
	if (rc == 0)
		rc = mark_locked(s, &rec, slot, lost, sale);
	cdx_block_unlock(s);
	if (rc == 0)
		*p = rec;
	return rc;
}

/* The bytes of a held slot, whose file is sparse */
static int take(struct cdx_store *s, const struct cdx_protection *p,
		uint32_t slot)
{
	uint64_t n = cdx_protection_slot_blocks(p, slot);
	struct cdx_block_loc loc;

	if (n == 0 || !cdx_protection_place(p, slot * p->steps, &loc))
		return 0;
	return cdx_area_take(s, loc.area, loc.off,
			     n * cdx_block_room(p->block_size),
			     cdx_slot_is_off(p, slot));
}

/* The rest of an eviction, and the file.  Caller holds drop_mu, so the
 * protection stays; @lost: its bytes are gone. */
static int make_room(struct cdx_store *s, struct cdx_protection *rec,
		     uint32_t slot, bool *lost,
		     const struct cdx_slot_sale *sale)
{
	int rc;

	rc = cdx_slot_evict_finish(s, rec->base, rec->id);
	if (rc == 0)
		rc = cdx_protection_get(s, rec->base, rec->id, rec);
	if (rc == 0)
		rc = may_begin(rec, slot, sale);
	if (rc == 0 && area_of(rec, slot) != 0)
		rc = cdx_area_remake(s, area_of(rec, slot), cdx_held_is(rec));
	if (rc < 0)
		return rc;
	*lost |= rc == 1;
	return 0;
}

/* One try; 1: the slot was evicted meanwhile. */
static int try_begin(struct cdx_store *s, struct cdx_protection *p,
		     uint32_t slot, bool *lost,
		     const struct cdx_slot_sale *sale)
{
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_protection rec = *p;
	uint64_t need = 0;
	int rc;

	(void)pthread_mutex_lock(&a->drop_mu);
	rc = make_room(s, &rec, slot, lost, sale);
	(void)pthread_mutex_unlock(&a->drop_mu);
	/* until nothing waits to be punched where the slot has its places */
	if (rc == 0 && area_of(&rec, slot) != 0)
		rc = cdx_area_frees_wait(s, area_of(&rec, slot));
	/* not before: what is taken would be punched again */
	if (rc == 0 && cdx_held_is(&rec))
		rc = take(s, &rec, slot);
	if (rc < 0)
		return rc;
	/* who brings a rider along has reserved them */
	if (cdx_slot_is_off(&rec, slot) &&
	    !(cdx_held_is(&rec) && sale != NULL && sale->also != NULL))
		need = most_charge(s, &rec, slot);
	rc = cdx_quota_hold(s, rec.share, need, 0);
	if (rc < 0)
		return rc;
	/* not while what is not sold of it is being removed */
	(void)pthread_mutex_lock(&a->drop_mu);
	rc = mark(s, p, slot, *lost, sale);
	(void)pthread_mutex_unlock(&a->drop_mu);
	cdx_quota_release(s, rec.share, need);
	return rc;
}

int cdx_slot_begin(struct cdx_store *s, struct cdx_protection *p, uint32_t slot,
		   const struct cdx_slot_sale *sale)
{
	bool lost = false;
	int rc = 1;

	if (slot >= p->k + p->m)
		return -EINVAL;
	for (unsigned i = 0; i < BEGIN_TRIES && rc == 1; i++)
		rc = try_begin(s, p, slot, &lost, sale);
	return rc == 1 ? CDX_E_AGAIN : rc;
}

int cdx_slot_restore_begin(struct cdx_store *s, struct cdx_protection *p,
			   uint32_t slot)
{
	return cdx_slot_begin(s, p, slot, NULL);
}

/* Is the restore that @p was given back by still under way?  Evicting the slot
 * ends it. */
static bool is_begun(const struct cdx_protection *rec,
		     const struct cdx_protection *p, uint32_t slot)
{
	return rec->state == CDX_PROTECTION_DONE &&
	       (rec->damaged >> slot & 1) != 0 &&
	       ((rec->absent ^ p->absent) >> slot & 1) == 0;
}

/* ---- put ---- */

/* Where all blocks have their places: bytes first, then the locations */
static int write_places(struct cdx_store *s, const struct cdx_protection *p,
			uint64_t index, const uint8_t *blocks, size_t n)
{
	uint64_t room = cdx_block_room(p->block_size);
	struct cdx_block_loc loc;
	int rc = 0;

	if (!cdx_protection_place(p, index, &loc))
		return 0;
	if (room == p->block_size)
		return cdx_area_write(s, loc.area, loc.off, blocks,
				      n * p->block_size);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = cdx_area_write(s, loc.area, loc.off + i * room,
				    blocks + i * p->block_size, p->block_size);
	return rc;
}

static int put_block(struct cdx_store *s, struct cdx_block_set *set,
		     const struct cdx_protection *p, uint64_t index,
		     const uint8_t *block)
{
	struct cdx_block_loc loc;
	struct cdx_leaf leaf;
	int rc;

	rc = cdx_protection_leaf(s, p, index, &leaf);
	if (rc == 0 && cdx_protection_place(p, index, &loc))
		rc = cdx_block_set_place(set, &leaf.digest, &loc);
	else if (rc == 0)
		rc = cdx_block_set_refill(set, &leaf.digest, block,
					  p->block_size);
	/* leaf or block record is gone: nothing to restore to */
	return rc == -ENOENT ? CDX_E_CORRUPT : rc;
}

static int put_all(struct cdx_store *s, const struct cdx_protection *p,
		   uint32_t slot, uint64_t step, const uint8_t *blocks,
		   size_t n)
{
	struct cdx_block_set *set CDX_CLEANUP(cdx_block_set_dropp) = NULL;
	struct cdx_block_set *ready;
	uint64_t index = slot * p->steps + step;
	struct cdx_protection rec;
	int rc;

	rc = cdx_block_set_begin(&set, s);
	if (rc == 0)
		rc = cdx_protection_get(s, p->base, p->id, &rec);
	if (rc < 0)
		return rc;
	if (!is_begun(&rec, p, slot))
		return CDX_E_SEQUENCE;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = put_block(s, set, &rec, index + i,
			       blocks + i * rec.block_size);
	if (rc < 0)
		return rc;
	cdx_batch_names_data(cdx_block_set_batch(set));
	ready = set;
	set = NULL;
	return cdx_block_set_apply(ready);
}

int cdx_slot_restore_put(struct cdx_store *s, const struct cdx_protection *p,
			 uint32_t slot, uint64_t step, const uint8_t *blocks,
			 size_t n)
{
	struct cdx_protection rec;
	uint64_t have;
	uint64_t need = 0;
	int rc;

	if (slot >= p->k + p->m || n > CDX_SLOT_BATCH || step > p->steps ||
	    n > p->steps - step)
		return -EINVAL;
	have = cdx_protection_slot_blocks(p, slot);
	if (step >= have || n == 0)
		return 0;
	if (n > have - step)
		n = (size_t)(have - step);
	if (slot < p->k && p->segment == 0)
		need = n * cdx_block_charge(s, p->block_size);
	/* bytes of a slot that is not being restored would never be punched
	 * again; put_all looks once more, under the lock */
	rc = cdx_protection_get(s, p->base, p->id, &rec);
	if (rc == 0 && !is_begun(&rec, p, slot))
		rc = CDX_E_SEQUENCE;
	if (rc < 0)
		return rc;
	rc = cdx_quota_hold(s, rec.share, need, 0);
	if (rc < 0)
		return rc;
	rc = write_places(s, p, slot * p->steps + step, blocks, n);
	if (rc == 0)
		rc = put_all(s, p, slot, step, blocks, n);
	cdx_quota_release(s, rec.share, need);
	return rc;
}

/* ---- end ---- */

static int unmark_locked(struct cdx_store *s, struct cdx_protection *p,
			 uint32_t slot)
{
	struct cdx_batch *b;
	int rc;

	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	p->absent &= ~(1u << slot);
	p->damaged &= ~(1u << slot);
	cdx_protection_put(b, p);
	/* only now may its blocks be given to strangers */
	if (cdx_held_is(p))
		cdx_public_mark(b, p->id);
	return cdx_batch_apply(b);
}

int cdx_slot_restore_end(struct cdx_store *s, struct cdx_protection *p,
			 uint32_t slot)
{
	struct cdx_protection rec;
	int rc;

	if (slot >= p->k + p->m)
		return -EINVAL;
	cdx_block_lock(s);
	rc = cdx_protection_get(s, p->base, p->id, &rec);
	if (rc == 0)
		rc = is_begun(&rec, p, slot) ? unmark_locked(s, &rec, slot)
					     : CDX_E_SEQUENCE;
	cdx_block_unlock(s);
	if (rc < 0)
		return rc;
	*p = rec;
	/* it is finished whatever comes of this, which a start makes good */
	if (cdx_held_is(p) && cdx_public_settle(s, p->id, NULL, NULL) < 0)
		cdx_log(cdx_store_log(s), WARN, "store",
			"blocks of a sold slot are not served by their CIDs "
			"until the next start");
	return cdx_store_commit(s);
}
