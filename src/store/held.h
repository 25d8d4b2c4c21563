/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_HELD_H
#define CDX_STORE_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "merkle/sha256_page.h"
#include "store/block.h"
#include "store/protection.h"

/*
 * Slots of somebody else's datasets, kept for money.  Such a dataset is a verifiable
 * one like others, with a protection whose slots are all absent but those that are
 * held; it has no plain dataset, and of its leaves only those of its slots, with the
 * pages of the tree that prove them.  Its bytes are charged to the provider's share.
 *
 * Where the dataset is here already for another reason (a user's own), nothing is
 * adopted: its slots are marked as sold, and so cannot be evicted.
 *
 * Thread: safe; all of them block.
 */

/* Something that belongs into the batch of a change below.  Called once, under the
 * block lock, before that is applied; negative: it is not. */
struct cdx_rider {
	int (*put)(void *arg, struct cdx_batch *b);
	void *arg;
};

/**
 * cdx_held_adopt - make a dataset known
 *
 * @cid:      of its verifiable manifest
 * @manifest: its exact bytes, whose numbers and roots the caller has checked
 * @out:      its protection
 *
 * Blocks of 64 KiB only.  Public: it may be announced and served as far as it is
 * here.  0 also when it is here already.  -EINVAL not a verifiable manifest that a
 * protection can have, or not what @cid names; -EBUSY it is being dropped.
 *
 * One of which no slot is sold goes with the next release of any of its slots, and at
 * the next open: who adopts one calls _leaves and _begin soon, adopts it again when
 * they say -ENOENT, and calls _abandon when nothing comes of it.
 */
CDX_MUST_CHECK int cdx_held_adopt(struct cdx_store *s,
				  const struct cdx_cid *cid,
				  const void *manifest, size_t len,
				  struct cdx_protection *out);
/* Is it here for others' sake alone (adopted)? */
bool cdx_held_is(const struct cdx_protection *p);

/**
 * cdx_held_may_use - may a block that is here count as one of this dataset?
 *
 * @info: of the block, which is that of the encoded @index
 *
 * Whoever posts a request names blocks in it as he likes, also such as are here for
 * other reasons.  So until a slot of an adopted dataset is whole, only what came for
 * this dataset counts, and what anybody is given: else the sale would tell that a
 * private block is here, and give it away.  True for all other slots.
 */
bool cdx_held_may_use(struct cdx_store *s, const struct cdx_protection *p,
		      uint64_t index, const struct cdx_digest *digest,
		      const struct cdx_block_info *info);

/**
 * cdx_held_leaves - what a slot's blocks are to hash to
 *
 * @page: verified against the manifest's tree by the caller
 *
 * Puts the leaves of @slot that the page has, and keeps the page for who asks for
 * proofs.  Call it for each page that overlaps the slot, before _begin; again is
 * harmless.  Nothing to do for a dataset that is not adopted.  -ENOENT it is not
 * here any more; -EINVAL no such page or slot; CDX_E_FORMAT padding that is none;
 * CDX_E_CORRUPT it contradicts what is here.
 */
CDX_MUST_CHECK int cdx_held_leaves(struct cdx_store *s,
				   const struct cdx_protection *p,
				   uint32_t slot,
				   const struct cdx_tree_page *page);
/* Whether all leaves of the slot are here */
CDX_MUST_CHECK int cdx_held_has_leaves(struct cdx_store *s,
				       const struct cdx_protection *p,
				       uint32_t slot, bool *out);
/* A kept page of an adopted dataset's tree, verified.  -ENOENT; CDX_E_CORRUPT */
CDX_MUST_CHECK int cdx_held_page(struct cdx_store *s,
				 const struct cdx_dataset_info *info,
				 uint32_t page, struct cdx_tree_page *out);

/**
 * cdx_held_begin - room for a slot
 *
 * @also: may be NULL; goes into the batch that charges the slot, not called when
 *        that was done already
 *
 * As cdx_slot_restore_begin, of the provider's share; marks the slot as sold in the
 * same batch.  Then come cdx_slot_restore_put, the slot's tree, cdx_slot_restore_end.
 * For a slot that is whole it only marks it as sold (and @also is not called).  @p is
 * brought up to date.
 *
 * With @also the share is not asked for room: what it puts unreserves as much
 * (cdx_reservation_filled).  CDX_E_SEQUENCE not all leaves are here; CDX_E_QUOTA,
 * -ENOSPC; -ENOENT it is not here any more; -EBUSY it is going; CDX_E_AGAIN; what
 * @also returned.
 */
CDX_MUST_CHECK int cdx_held_begin(struct cdx_store *s, struct cdx_protection *p,
				  uint32_t slot, const struct cdx_rider *also);
/* Nothing came of it: what is here of a slot goes, and the dataset with the last one,
 * unless somebody else has sold the slot meanwhile.  0 also when it is not there any
 * more; -EINVAL no such slot. */
CDX_MUST_CHECK int cdx_held_abandon(struct cdx_store *s,
				    const struct cdx_cid *cid, uint32_t slot);
/* Is it here and whole, by its marks? */
bool cdx_held_whole(const struct cdx_protection *p, uint32_t slot);

/**
 * cdx_held_release - a slot is not sold any more
 *
 * @also: may be NULL; goes into the batch that uncharges it, or that takes the mark
 *        off where nothing was charged
 *
 * Of an adopted dataset the slot's bytes, leaves, nodes and pages go, and with its
 * last slot the dataset; an interrupted one is finished by another call, or at the
 * next open.  0 also when the dataset or the mark is not there any more (@also is
 * applied by itself).  -EINVAL no such slot; what @also returned: nothing was done.
 */
CDX_MUST_CHECK int cdx_held_release(struct cdx_store *s,
				    const struct cdx_cid *cid, uint32_t slot,
				    const struct cdx_rider *also);

#endif
