/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_PROTECTION_H
#define CDX_STORE_PROTECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "store/block.h"
#include "store/dataset_store.h"
#include "store/kv.h"

/*
 * What makes a plain dataset protected: parity blocks, slot trees, two more
 * manifests.  One record says how far it is; rows of other tables belong to it
 * by its id, which is a dataset id of its own (docs/DESIGN.md "Protection").
 *
 * Leaf records of indices below n are the base dataset's; those of parity have
 * the protection's id and the index in the encoded dataset; padding in between
 * has none (it is the empty block).
 */
#define CDX_PROTECTION_SLOTS_MAX 32u /* bits of a mask */

enum cdx_protection_state {
	CDX_PROTECTION_CODING = 1, /* not visible to anyone */
	CDX_PROTECTION_DONE = 2,
	CDX_PROTECTION_DROPPING = 3, /* being taken back */
};

/* Record in CDX_DB_PROTECTION, key = (base BE64, id BE64) */
struct cdx_protection {
	uint64_t base; /* dataset id of the plain dataset's leaves */
	uint64_t id;   /* this one's dataset id, never used twice */
	enum cdx_protection_state state;
	uint32_t k;
	uint32_t m;
	uint32_t codec; /* enum cdx_ec_codec; 0 when m = 0 */
	uint32_t block_size;
	uint32_t cell_size;
	uint64_t blocks; /* n, of the plain dataset */
	uint64_t steps;
	uint64_t area;	  /* parity file: block j * steps + s at its index times
			  * cdx_block_room; 0 when m = 0 */
	uint64_t segment; /* area of the data blocks; 0: they are loose */
	uint64_t done;	  /* coding: steps finished, in all columns */
	uint64_t charge;  /* bytes charged for parity, by itself; 0 for a
			  * segment, which was charged when it was opened */
	enum cdx_share share; /* that its places are charged to: the volume's, or
			       * the provider's (held.h) */
	uint32_t sold; /* bit i: slot i is kept for a sale, and never evicted */
	uint32_t absent;   /* bit i: slot i is not here */
	uint32_t damaged;  /* bit i: slot i is being written again */
	uint32_t evicting; /* slot + 1 whose bytes are being given back, or 0 */
	uint64_t evicted;  /* of it: steps that are done */
	bool evict_all;	   /* the slots behind it come next */
	struct cdx_digest plain;      /* manifest digests */
	struct cdx_digest protected_; /* valid when done */
	struct cdx_digest verifiable; /* valid when done */
};

/* -ENOENT; CDX_E_CORRUPT */
CDX_MUST_CHECK int cdx_protection_get(struct cdx_store *s, uint64_t base,
				      uint64_t id, struct cdx_protection *out);
/* Of a protected or verifiable dataset.  -ENOENT: it is plain, or was dropped
 * meanwhile. */
CDX_MUST_CHECK int cdx_protection_of(struct cdx_store *s,
				     const struct cdx_dataset_info *info,
				     struct cdx_protection *out);
/* Records are read, changed and written back: hold cdx_block_lock from the read
 * until the batch is applied (cdx_block_set_begin takes it, block_set.h), and
 * give up when the state is not the expected one any more. */
void cdx_protection_put(struct cdx_batch *b, const struct cdx_protection *p);
void cdx_protection_del(struct cdx_batch *b, const struct cdx_protection *p);
/* Called for every one of @base, or of all when 0; negative stops.  No lock
 * or reader is held.  Records that cannot be read are passed over (fsck finds
 * them). */
typedef int cdx_protection_fn(void *arg, const struct cdx_protection *p);
CDX_MUST_CHECK int cdx_protection_list(struct cdx_store *s, uint64_t base,
				       cdx_protection_fn *fn, void *arg);

/* ---- nodes of slot trees: CDX_DB_SLOT_NODE ---- */

#define CDX_NODES_A_ROW 512u
#define CDX_NODE_LEN 32u

/* Puts row @chunk of a layer: nodes chunk * CDX_NODES_A_ROW and on.
 * @nodes: @n * 32 bytes, canonical little endian; n <= CDX_NODES_A_ROW */
void cdx_slot_nodes_put(struct cdx_batch *b, uint64_t id, uint32_t slot,
			unsigned layer, uint32_t chunk, const uint8_t *nodes,
			size_t n);
/* One node.  -ENOENT; CDX_E_CORRUPT.  @out: 32 bytes. */
CDX_MUST_CHECK int cdx_slot_node_get(struct cdx_store *s, uint64_t id,
				     uint32_t slot, unsigned layer, uint64_t i,
				     uint8_t out[32]);
/* A whole row; returns the number of nodes in it.  @out: CDX_NODES_A_ROW * 32
 * bytes. */
CDX_MUST_CHECK int cdx_slot_nodes_get(struct cdx_store *s, uint64_t id,
				      uint32_t slot, unsigned layer,
				      uint32_t chunk, uint8_t *out);
/* Deletes all rows of a slot (all slots: UINT32_MAX), in bounded batches */
CDX_MUST_CHECK int cdx_slot_nodes_drop(struct cdx_store *s, uint64_t id,
				       uint32_t slot);

/* ---- leaves and blocks of the encoded dataset ---- */

/* Leaf at an encoded index; the empty block for padding (state
 * CDX_LEAF_PADDING with the digest of nothing).  -ENOENT. */
CDX_MUST_CHECK int cdx_protection_leaf(struct cdx_store *s,
				       const struct cdx_protection *p,
				       uint64_t index, struct cdx_leaf *out);
/* The digest of the empty block: SHA-256 of nothing */
extern const struct cdx_digest cdx_digest_empty;
/* Block at an encoded index, verified; zeros for padding.  -ENODATA: not here,
 * nor in the cache; CDX_E_HASH: here and wrong (logged and counted, but not for a
 * slot that is marked absent).  @out: p->block_size bytes. */
CDX_MUST_CHECK int cdx_protection_read(struct cdx_store *s, uint8_t *out,
				       const struct cdx_protection *p,
				       uint64_t index);

/* The same from its own places alone: for who asks whether it is kept, since
 * the cache keeps nothing. */
CDX_MUST_CHECK int cdx_protection_read_own(struct cdx_store *s, uint8_t *out,
					   const struct cdx_protection *p,
					   uint64_t index);

/**
 * cdx_protection_begin - a new record in state CODING
 *
 * @p:    base, k, m, codec, block_size, cell_size, blocks, steps, plain are
 *        set; id and area are filled in
 * @paid: the base was charged for its parity already (a segment)
 *
 * Makes the parity file (preallocated), charges its bytes unless @paid, puts
 * CDX_REF_PROTECTED on the plain dataset, applies.  Errors: CDX_E_QUOTA,
 * -ENOSPC, -ENOENT no such plain dataset; -EINVAL numbers that do not fit it,
 * more than CDX_PROTECTION_SLOTS_MAX slots; -EBUSY another protection of it has
 * data slots that are not here.  Thread: safe; blocks.
 */
CDX_MUST_CHECK int cdx_protection_begin(struct cdx_store *s,
					struct cdx_protection *p, bool paid);
/**
 * cdx_protection_finish - makes a finished coding visible
 *
 * @protected_: encoded manifest, @verifiable likewise; their digests go into
 *              the record
 * @tree:       root of the encoded dataset
 * @refs:       enum cdx_dataset_ref bits of the verifiable dataset
 *
 * One batch: record DONE, two dataset rows.  Rows that exist already (the same
 * dataset was protected the same way before) are -EEXIST.  CDX_E_SEQUENCE not
 * coding, or not all steps are done; CDX_E_FORMAT manifests that do not fit the
 * record.  @p is brought up to date.
 */
CDX_MUST_CHECK int cdx_protection_finish(struct cdx_store *s,
					 struct cdx_protection *p,
					 const struct cdx_buf *protected_,
					 const struct cdx_buf *verifiable,
					 const struct cdx_digest *tree,
					 uint32_t refs);
/**
 * cdx_protection_drop - takes a protection back, whatever its state
 *
 * Dataset rows go first; then parity's leaves, blocks, file and charge, slot
 * nodes, and last the record, with which the base loses CDX_REF_PROTECTED when
 * it was the last one.  In bounded batches; an interrupted one is finished at
 * the next open.  For absent slots of a base that stays, see below: the base
 * is not complete then, and -EBUSY refuses unless @force (the base is about to
 * be dropped).
 */
CDX_MUST_CHECK int cdx_protection_drop(struct cdx_store *s, uint64_t base,
				       uint64_t id, bool force);

/**
 * cdx_slot_evict - gives the blocks of one slot back
 *
 * The record's bit goes in first; then locations and bytes, in bounded
 * batches; leaves, nodes and manifests stay.  Bytes that other datasets use
 * stay too (copied to a loose file where they lay in the slot's place alone).
 * What is given back is uncharged (also of a segment).  Refuses with -EBUSY when
 * fewer than k other slots would be here and whole (by their marks), when it
 * is not finished, and for data slots when the base has another protection,
 * which counts on them.  An interrupted one is finished at the next open.
 */
CDX_MUST_CHECK int cdx_slot_evict(struct cdx_store *s,
				  const struct cdx_protection *p,
				  uint32_t slot);
/**
 * cdx_protection_evict - gives the blocks of all slots back
 *
 * For a dataset that is safe elsewhere: nothing is asked of what is left here.
 * Marks all slots absent first, then as cdx_slot_evict, but that equal blocks of
 * several slots go too; each slot can be restored.  -EBUSY not finished, or the
 * base has another protection.
 */
CDX_MUST_CHECK int cdx_protection_evict(struct cdx_store *s,
					const struct cdx_protection *p);
/**
 * cdx_slot_restore_begin - room for a slot that is to come back
 *
 * Charges its bytes again, when it is marked absent, and waits until nothing
 * of it is still to be given back.  Marks it damaged until _end.  Also for a
 * slot that is here and has bad blocks.  A segment's or parity file that is
 * gone is made again, and all slots that had their places in it are marked
 * damaged, since their bytes are lost.  CDX_E_QUOTA, -ENOSPC, CDX_E_AGAIN; -EBUSY
 * not finished, or being dropped.
 *
 * An interrupted restore leaves both marks as they are, and what was written:
 * it counts as not here until another one ends, which finds those blocks by
 * reading them (cdx_protection_read works), and its bytes stay charged (evict
 * gives them back).  @p is brought up to date.
 */
CDX_MUST_CHECK int cdx_slot_restore_begin(struct cdx_store *s,
					  struct cdx_protection *p,
					  uint32_t slot);
/* Is the data file that the slot's places are in gone from its directory?  A
 * process that has it open can still read it; restoring any slot of it makes it
 * again. */
bool cdx_slot_file_gone(struct cdx_store *s, const struct cdx_protection *p,
			uint32_t slot);
/* Writes @n blocks from step @s on at their places, and adds locations; the
 * caller has verified them against the leaves.  Loose ones that are here and
 * right are not written twice.  One batch; n <= 256.  Padding is passed over.
 * CDX_E_SEQUENCE: no restore has begun, or an eviction ended it.  @p: as _begin
 * left it. */
CDX_MUST_CHECK int cdx_slot_restore_put(struct cdx_store *s,
					const struct cdx_protection *p,
					uint32_t slot, uint64_t step,
					const uint8_t *blocks, size_t n);
/* Clears the marks and commits.  CDX_E_SEQUENCE as _put. */
CDX_MUST_CHECK int cdx_slot_restore_end(struct cdx_store *s,
					struct cdx_protection *p,
					uint32_t slot);

#endif
