/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_REPAIR_REPAIR_H
#define CDX_REPAIR_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/pool.h"
#include "protect/slot.h"
#include "slots/sampler.h"
#include "store/protection.h"
#include "store/store.h"

/*
 * Blocks that are not here, or wrong, from k others of their step; whole slots
 * the same way in a stream; checks of everything.
 */

/**
 * cdx_repair_block - one block of a dataset from others
 *
 * @base:  dataset id of the plain dataset (a segment's area)
 * @index: data block
 * @out:   its block size
 * @size:  bytes of @out; must be the block size
 *
 * Tries every finished protection of it.  Blocks that do not verify are passed
 * over, logged with slot and index.  What is returned is verified against the
 * leaf.  -ENODATA: not protected, or fewer than k are left.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_repair_block(struct cdx_store *s, uint64_t base,
				    uint64_t index, uint8_t *out, size_t size);
/* Any block of a protection, parity too */
CDX_MUST_CHECK int cdx_repair_index(struct cdx_store *s,
				    const struct cdx_protection *p,
				    uint64_t index, uint8_t *out);

/* cdx_dataset_read that makes what is missing from other blocks */
CDX_MUST_CHECK int cdx_repair_read(struct cdx_store *s, uint8_t *out,
				   const struct cdx_dataset_info *info,
				   uint64_t off, size_t len);

typedef void cdx_repair_progress_fn(void *arg, uint64_t done, uint64_t total);

/* Where blocks of the other slots come from, besides the store.  Returns the
 * block (not yet trusted), or -ENODATA. */
typedef int cdx_repair_source_fn(void *arg, uint32_t slot, uint64_t step,
				 uint8_t *out);

struct cdx_rebuild {
	struct cdx_pool *pool; /* NULL: on the caller */
	enum cdx_pool_prio prio;
	cdx_repair_source_fn *source; /* asked first; NULL: the store alone */
	void *source_arg;
	cdx_repair_progress_fn *progress; /* or NULL */
	void *arg;
	bool (*cancel)(void *arg); /* or NULL; -ECANCELED */
};

#define CDX_REPAIR_WHY_MAX 512u
struct cdx_rebuild_report {
	uint64_t blocks; /* written */
	uint64_t kept;	 /* were here and right */
	uint64_t lost;	 /* steps whose block could not be made */
	uint64_t bad;	 /* survivors that did not verify */
	uint32_t blamed; /* bit i: slot i gave a wrong block */
	struct cdx_fr root;
};

/**
 * cdx_rebuild_slot - make a slot whole
 *
 * A window of steps at a time: k verified blocks of each step, decode the
 * wanted column alone (or take it from the source when it has that slot),
 * verify, write, hash into the slot's tree.  At the end the root is compared
 * with the manifest's: CDX_E_PROOF.  The slot is marked whole only then.
 * Memory: some windows of k blocks, whatever the slot's size.
 *
 * Steps that cannot be made do not keep the others from being mended; they are
 * counted, the slot stays marked as not whole, and what comes back is that of
 * the first: -ENODATA, fewer than k good blocks; CDX_E_HASH, k good ones do not
 * give it.  @why has it in words.
 */
CDX_MUST_CHECK int cdx_rebuild_slot(struct cdx_store *s,
				    const struct cdx_slots *sl, uint32_t slot,
				    const struct cdx_rebuild *o,
				    struct cdx_rebuild_report *report,
				    char why[CDX_REPAIR_WHY_MAX]);

/**
 * cdx_repair_can_spare - could a slot be made again once it is gone?
 *
 * @o:   pool, prio, progress, cancel are used
 * @why: which step could not, and what to do
 *
 * Reads and hashes blocks of the other slots that are not evicted, until every
 * step has k good ones: marks do not tell of bytes that changed by themselves.
 * 0; -EBUSY it could not; -EINVAL no such slot; -ENOENT not finished;
 * -ECANCELED; those of the tables.  Thread: safe; blocks.
 */
CDX_MUST_CHECK int cdx_repair_can_spare(struct cdx_store *s,
					const struct cdx_slots *sl,
					uint32_t slot,
					const struct cdx_rebuild *o,
					char why[CDX_REPAIR_WHY_MAX]);

/* A rebuild source from files DIR/slot-NNN (three digits; steps blocks one
 * after the other, as cdx_slot_export writes them) */
struct cdx_slot_dir;
CDX_MUST_CHECK int cdx_slot_dir_open(struct cdx_slot_dir **out, const char *dir,
				     const struct cdx_geometry *g);
void cdx_slot_dir_close(struct cdx_slot_dir *d);
int cdx_slot_dir_read(void *dir, uint32_t slot, uint64_t step, uint8_t *out);
/* Which slots the directory has, bit i */
uint32_t cdx_slot_dir_have(const struct cdx_slot_dir *d);
/* Writes DIR/slot-NNN, by a temporary name; padding blocks as zeros */
CDX_MUST_CHECK int cdx_slot_export(struct cdx_store *s,
				   const struct cdx_slots *sl, uint32_t slot,
				   const char *dir,
				   cdx_repair_progress_fn *progress, void *arg);

/**
 * cdx_slots_inputs - proof inputs for a challenge
 *
 * Reads the sampled blocks and stored paths only.  Blocks of the slot that are
 * not here are made from others where that works.  Errors: -EINVAL no
 * such slot; -ENODATA; CDX_E_PROOF what is stored does not fit together.
 */
CDX_MUST_CHECK int cdx_slots_inputs(struct cdx_proof_inputs *out,
				    struct cdx_store *s,
				    const struct cdx_slots *sl, uint32_t slot,
				    const uint8_t challenge[CDX_CHALLENGE_LEN],
				    uint32_t samples);

/* ---- verification of everything ---- */

/* CDX_EC_COLUMNS_MAX */
#define CDX_REPAIR_SLOTS_MAX 32u

struct cdx_verify_slot {
	bool absent;	  /* marked so */
	uint64_t missing; /* blocks that are not here */
	uint64_t bad;	  /* blocks that do not match their hash */
	bool tree_bad;	  /* stored nodes or root contradict the blocks */
};
struct cdx_verify_report {
	uint64_t blocks; /* read and hashed */
	uint64_t missing;
	uint64_t bad;
	bool tree_bad;	     /* SHA-256 tree of the plain or encoded dataset */
	bool roots_bad;	     /* slot roots against the verification root */
	uint64_t parity_bad; /* steps whose parity is not that of their data */
	uint32_t slots;
	struct cdx_verify_slot slot[CDX_REPAIR_SLOTS_MAX];
};
/**
 * cdx_verify_dataset - all hashes, trees and parity of a dataset
 *
 * Plain datasets too.  Returns 0 when it could look at everything, whatever it
 * found; cdx_verify_ok says whether all is well.  Absent slots are no damage.
 */
CDX_MUST_CHECK int cdx_verify_dataset(struct cdx_store *s,
				      const struct cdx_cid *cid,
				      const struct cdx_rebuild *o,
				      struct cdx_verify_report *report);
bool cdx_verify_ok(const struct cdx_verify_report *r);

#endif
