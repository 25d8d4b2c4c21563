/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_SLOT_DATA_H
#define CDX_MARKET_SLOT_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/market.h"
#include "market/env.h"
#include "store/held.h"

/*
 * The bytes behind a slot: had from others, compared with what the request and the
 * manifest say, kept, looked after, given back.  All of it blocks: for threads that
 * may wait, never for the loop.  Thread: safe; two at once for one slot wait for
 * each other.
 */

/* How long work is done; all members may be zero */
struct cdx_slot_run {
	bool (*cancel)(void *arg); /* asked some times a second: -ECANCELED */
	void (*progress)(void *arg, uint64_t done, uint64_t total); /* blocks */
	void *arg;
	unsigned stall_ms; /* so long nobody gives anything, and it is given up;
			    * 0: 60,000 */
};

/**
 * cdx_slot_check - is this request what it says it is?
 *
 * Fetches the manifest that content.cid names and compares: verifiable, slots =
 * k + m, maxSlotLoss <= m, slot size, cells that the circuit takes, a code that we
 * have, the tree of slot roots against the verification root, that against
 * content.merkleRoot.
 * @manifest: returns the CID
 *
 * -EINVAL it is not (@why says what); -ENOENT, -ETIMEDOUT nobody has the
 * manifest; CDX_E_CODEC we do not have its code.
 */
CDX_MUST_CHECK int cdx_slot_check(const struct cdx_market_env *env,
				  const struct cdx_storage_request *r,
				  struct cdx_cid *manifest,
				  const struct cdx_slot_run *run,
				  char why[CDX_MARKET_WHY_MAX]);

/* How a slot came */
struct cdx_slot_got {
	uint64_t fetched; /* blocks */
	uint64_t kept;	  /* blocks that were here and right */
};
/**
 * cdx_slot_obtain - have a slot that was checked
 *
 * @begin: goes into the batch that charges the slot's bytes to the provider's share
 *         (store/held.h); not called when it is here already
 *
 * Its blocks come from whoever has them, or are decoded from k others of their step
 * where nobody has them (a slot in repair), a window at a time; each is verified,
 * written, hashed into the slot's tree, whose root must be the manifest's.  An
 * interrupted one goes on where it stopped; who gives it up releases the slot
 * (cdx_held_release).  A slot that is here is read and compared all the same.
 *
 * CDX_E_QUOTA, -ENOSPC; -ENODATA blocks that nobody has, and fewer than k others;
 * -ETIMEDOUT nothing came for too long; CDX_E_PROOF another root; -EINVAL a dataset
 * that cdx_slot_check would refuse; -EBUSY, CDX_E_AGAIN it is being taken away.
 */
CDX_MUST_CHECK int cdx_slot_obtain(const struct cdx_market_env *env,
				   const struct cdx_cid *manifest,
				   uint32_t slot, const struct cdx_rider *begin,
				   const struct cdx_slot_run *run,
				   struct cdx_slot_got *got,
				   char why[CDX_MARKET_WHY_MAX]);

/* What a look at a slot found */
struct cdx_slot_look {
	uint64_t blocks;  /* read and hashed */
	uint64_t missing; /* not here, or wrong */
	uint64_t mended;  /* of them had again */
};
/**
 * cdx_slot_mend - is a slot that is to be here really here?
 *
 * Reads and hashes all of its blocks (at idle priority, and at most @rate bytes a
 * second; 0: as fast as it can), and has again what is missing or wrong, from
 * others.  Also for slots of a volume's own segments that come back (all of whose
 * blocks are missing then).
 * 0: it is whole now, or again; -ENODATA some blocks could not be had.
 */
CDX_MUST_CHECK int cdx_slot_mend(const struct cdx_market_env *env,
				 const struct cdx_cid *manifest, uint32_t slot,
				 uint64_t rate, const struct cdx_slot_run *run,
				 struct cdx_slot_look *look,
				 char why[CDX_MARKET_WHY_MAX]);

#endif
