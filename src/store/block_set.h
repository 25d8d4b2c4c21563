/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_BLOCK_SET_H
#define CDX_STORE_BLOCK_SET_H

#include "base/attr.h"
#include "store/block.h"

/*
 * Changes of block records that go into one batch.  The set knows what it has
 * changed itself, so equal blocks and several blocks of one loose file are
 * counted right, and it holds the block lock (block.h) from begin to the end.
 * One thread; keep it short, at most about 1000 blocks.
 */
struct cdx_block_set;

/* Takes the block lock and makes an empty batch.  -ENOMEM. */
CDX_MUST_CHECK int cdx_block_set_begin(struct cdx_block_set **out,
				       struct cdx_store *s);
/* The batch, for other changes that belong to these; owned by the set. */
struct cdx_batch *cdx_block_set_batch(struct cdx_block_set *set);

/**
 * cdx_block_set_append - one more reference to a block whose bytes are given
 *
 * @block: @size bytes that hash to @digest (not checked)
 *
 * A block that the store does not have is written to the loose file and
 * charged to the volume's share; the caller has promised the space
 * (cdx_block_charge).
 */
CDX_MUST_CHECK int cdx_block_set_append(struct cdx_block_set *set,
					const struct cdx_digest *digest,
					const uint8_t *block, uint32_t size);
/* One more reference and, unless NULL, one more location, where @size bytes
 * lie.  -ENOENT unknown block and no location; CDX_E_CORRUPT it is known with
 * another size. */
CDX_MUST_CHECK int cdx_block_set_add(struct cdx_block_set *set,
				     const struct cdx_digest *digest,
				     uint32_t size,
				     const struct cdx_block_loc *loc);
/* One more reference to a block that may well not be here: an unknown one becomes
 * known, without a location.  CDX_E_CORRUPT as above. */
CDX_MUST_CHECK int cdx_block_set_name(struct cdx_block_set *set,
				      const struct cdx_digest *digest,
				      uint32_t size);
/**
 * cdx_block_set_del - one reference less and, unless NULL, one location less
 *
 * With its last reference the record goes, and so do its loose bytes and their
 * charge.  A block that loses its last location while it is still referenced
 * is copied to the loose file first.  -ENOENT no such block.
 */
CDX_MUST_CHECK int cdx_block_set_del(struct cdx_block_set *set,
				     const struct cdx_digest *digest,
				     const struct cdx_block_loc *loc);

/**
 * cdx_block_set_evict - a block is not kept any more, but stays known
 *
 * @loc: its place in a segment or parity file, whose bytes the caller frees;
 *       NULL: its loose bytes
 * @own: how many of its references are content with that
 *
 * With other references than @own a block that has no other place is copied to
 * the loose file, and loose bytes stay.  -ENOENT no such block.
 */
CDX_MUST_CHECK int cdx_block_set_evict(struct cdx_block_set *set,
				       const struct cdx_digest *digest,
				       const struct cdx_block_loc *loc,
				       uint32_t own);
/* A known block lies at @loc (again).  -ENOENT no such block. */
CDX_MUST_CHECK int cdx_block_set_place(struct cdx_block_set *set,
				       const struct cdx_digest *digest,
				       const struct cdx_block_loc *loc);
/* Bytes for a known block that is loose: written and charged unless a good copy
 * is here; bad loose copies are given back.  @block: as long as the record says
 * (CDX_E_CORRUPT when that is not @size).  -ENOENT no such block. */
CDX_MUST_CHECK int cdx_block_set_refill(struct cdx_block_set *set,
					const struct cdx_digest *digest,
					const uint8_t *block, uint32_t size);

/* Puts the records into the batch, applies it and frees the set. */
CDX_MUST_CHECK int cdx_block_set_apply(struct cdx_block_set *set);
/* Throws everything away.  NULL is allowed. */
void cdx_block_set_drop(struct cdx_block_set *set);
void cdx_block_set_dropp(struct cdx_block_set **set);

/* Bytes that a block of @size takes in a loose or parity file.  Pure. */
uint64_t cdx_block_room(uint32_t size);
/* Bytes that one loose block is charged with: its room and its share of parity
 * when it is packed into a segment one day, by the code that the store was made
 * with: what was charged must be what is uncharged. */
uint64_t cdx_block_charge(const struct cdx_store *s, uint32_t size);

/* The same without lock and batch of its own: cdx_block_add and _del. */
CDX_MUST_CHECK int cdx_block_set_one(struct cdx_store *s, struct cdx_batch *b,
				     const struct cdx_digest *digest,
				     uint32_t size,
				     const struct cdx_block_loc *loc, bool add);

#endif
