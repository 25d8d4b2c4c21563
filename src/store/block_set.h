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
 * @block: CDX_BLOCK_SIZE bytes that hash to @digest (not checked)
 *
 * A block that the store does not have is written to the loose file and
 * charged to the volume's share; the caller has promised the space
 * (cdx_block_charge).
 */
CDX_MUST_CHECK int cdx_block_set_append(struct cdx_block_set *set,
					const struct cdx_digest *digest,
					const uint8_t *block);
/* One more reference and, unless NULL, one more location.  -ENOENT unknown
 * block and no location. */
CDX_MUST_CHECK int cdx_block_set_add(struct cdx_block_set *set,
				     const struct cdx_digest *digest,
				     const struct cdx_block_loc *loc);
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

/* Puts the records into the batch, applies it and frees the set. */
CDX_MUST_CHECK int cdx_block_set_apply(struct cdx_block_set *set);
/* Throws everything away.  NULL is allowed. */
void cdx_block_set_drop(struct cdx_block_set *set);
void cdx_block_set_dropp(struct cdx_block_set **set);

/* Bytes that one loose block is charged with: itself and its share of parity
 * when it is packed into a segment one day. */
uint64_t cdx_block_charge(const struct cdx_store *s);

/* The same without lock and batch of its own: cdx_block_add and _del. */
CDX_MUST_CHECK int cdx_block_set_one(struct cdx_store *s, struct cdx_batch *b,
				     const struct cdx_digest *digest,
				     const struct cdx_block_loc *loc, bool add);

#endif
