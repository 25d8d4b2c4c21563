/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_PROTECTION_INTERNAL_H
#define CDX_STORE_PROTECTION_INTERNAL_H

#include "base/attr.h"
#include "store/protection.h"

/* Inside the store only: protection*.c, slot_*.c, fsck. */

/* Steps of one batch that evicts, blocks of one that restores */
#define CDX_SLOT_BATCH 256u

/* Numbers that follow from a record.  Pure. */
static inline uint64_t cdx_protection_rounded(const struct cdx_protection *p)
{
	return p->steps * p->k;
}
static inline uint64_t cdx_protection_total(const struct cdx_protection *p)
{
	return p->steps * (p->k + p->m);
}
/* Bytes of the parity file */
uint64_t cdx_protection_parity_bytes(const struct cdx_protection *p);
/* Blocks of a slot that are not padding */
uint64_t cdx_protection_slot_blocks(const struct cdx_protection *p,
				    uint32_t slot);
/* Where a block of the encoded dataset has its place in a segment or parity
 * file; false: it has none (padding, loose data). */
bool cdx_protection_place(const struct cdx_protection *p, uint64_t index,
			  struct cdx_block_loc *out);

/*
 * Charges.  A protection is charged for its parity (@charge) unless its base
 * was.  From the batch that marks a slot absent to the one that begins its
 * restore the bytes of the slot's places are taken off; loose data is charged
 * block by block as it comes and goes.  So what a record has taken off follows
 * from its marks alone.
 */
/* Bytes of one slot's places, and of those that are taken off now */
uint64_t cdx_protection_slot_charge(const struct cdx_protection *p,
				    uint32_t slot);
uint64_t cdx_protection_uncharged(const struct cdx_protection *p);
/* What it has charged to its share now, by itself: below 0 when its base was
 * charged for its places.  Of a held one (held.h) the slots that are not off. */
int64_t cdx_protection_charged(const struct cdx_protection *p);
/* Is the slot marked absent and not being restored? */
static inline bool cdx_slot_is_off(const struct cdx_protection *p,
				   uint32_t slot)
{
	return ((p->absent & ~p->damaged) >> slot & 1) != 0;
}
/* Are bytes of the slot still to be given back? */
static inline bool cdx_slot_is_evicting(const struct cdx_protection *p,
					uint32_t slot)
{
	return p->evicting == slot + 1 || (p->evict_all && p->evicting <= slot);
}
/* Are data slots not here or not whole, by their marks? */
bool cdx_protection_incomplete(const struct cdx_protection *p);

/* Another protection of the same base?  @busy: does one of them have data slots
 * that are not here.  1 when there is one. */
CDX_MUST_CHECK int cdx_protection_others(struct cdx_store *s,
					 const struct cdx_protection *p,
					 bool *busy);
/* Gives back what an interrupted eviction left.  Caller holds drop_mu. */
CDX_MUST_CHECK int cdx_slot_evict_finish(struct cdx_store *s, uint64_t base,
					 uint64_t id);
/* cdx_protection_drop for who holds drop_mu.  @p: returns its record; 1 when the
 * base has to go too. */
CDX_MUST_CHECK int cdx_protection_take_back(struct cdx_store *s, uint64_t base,
					    uint64_t id, bool force,
					    struct cdx_protection *p);
/* After a start: finishes interrupted removals and evictions. */
CDX_MUST_CHECK int cdx_protections_resume(struct cdx_store *s);

#endif
