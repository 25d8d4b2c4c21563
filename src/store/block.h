/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_BLOCK_H
#define CDX_STORE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "codec/cid.h"
#include "store/area.h"
#include "store/kv.h"

/* Where a block's bytes lie */
struct cdx_block_loc {
	uint64_t area;
	uint64_t off; /* bytes */
};

#define CDX_BLOCK_LOCS_MAX 8

/* Record in CDX_DB_BLOCK, key = digest */
struct cdx_block_info {
	uint32_t refs; /* leaf records that name it */
	uint32_t size; /* bytes; CDX_BLOCK_SIZE for segments */
	uint32_t locs; /* 0: known, but not here (an evicted slot's) */
	struct cdx_block_loc loc[CDX_BLOCK_LOCS_MAX];
};

CDX_MUST_CHECK int cdx_block_info(struct cdx_store *s,
				  const struct cdx_digest *digest,
				  struct cdx_block_info *out);
/*
 * Block records are read, changed and written back: hold this lock from the
 * first cdx_block_add or _del of a batch until that batch is applied.  Not on
 * the committer thread, not recursive; apply may block under it.
 */
void cdx_block_lock(struct cdx_store *s);
void cdx_block_unlock(struct cdx_store *s);

/**
 * cdx_block_add - one more reference and, when not there yet, one location
 *
 * @loc: of 64 KiB; NULL: the block must be known (-ENOENT)
 *
 * Sees the store, not @b: add or drop a digest once in a batch.  (Several
 * equal blocks, other sizes, or loose ones: store/block_set.h.)
 */
CDX_MUST_CHECK int cdx_block_add(struct cdx_store *s, struct cdx_batch *b,
				 const struct cdx_digest *digest,
				 const struct cdx_block_loc *loc);
/**
 * cdx_block_del - drops a reference and, when given, a location
 *
 * The record goes with its last reference, loose bytes with it; a block that
 * loses its last location but is still referenced is copied to a loose file.
 * The same rule as above, and only one block of a batch may lie in a loose
 * file.  -ENOENT no such block.
 */
CDX_MUST_CHECK int cdx_block_del(struct cdx_store *s, struct cdx_batch *b,
				 const struct cdx_digest *digest,
				 const struct cdx_block_loc *loc);
/* Reads a block from any location whose bytes still hash to @digest, or from
 * the cache (cache.h) when it is unknown, not here or bad.
 * Errors: -ENOENT unknown; -ENODATA known, but not here; CDX_E_HASH every copy
 * is bad (logged and counted); CDX_E_CORRUPT its size is not @size.
 * @out: @size bytes. */
CDX_MUST_CHECK int cdx_block_read(struct cdx_store *s, uint8_t *out,
				  uint32_t size,
				  const struct cdx_digest *digest);
/* The same for one that may well be gone: nothing is logged or counted (but for
 * a damaged entry of the cache). */
CDX_MUST_CHECK int cdx_block_read_quiet(struct cdx_store *s, uint8_t *out,
					uint32_t size,
					const struct cdx_digest *digest);

/* The same, with a sum of these */
enum cdx_block_how {
	CDX_BLOCK_QUIET = 1, /* as cdx_block_read_quiet */
	CDX_BLOCK_OWN = 2, /* not from the cache, which may drop it any time */
	/* the store's own bytes are not hashed: for who compared them lately, and
	 * whose reader compares them himself */
	CDX_BLOCK_TRUST = 4,
};
CDX_MUST_CHECK int cdx_block_read_how(struct cdx_store *s, uint8_t *out,
				      uint32_t size,
				      const struct cdx_digest *digest,
				      unsigned how);

/* ---- leaf records: the blocks of a dataset in index order ---- */

enum cdx_leaf_state {
	CDX_LEAF_DATA = 1,    /* content */
	CDX_LEAF_BURNT = 2,   /* index lost to a crash or punched: no content */
	CDX_LEAF_PADDING = 3, /* random bytes made at sealing */
	CDX_LEAF_FOOTER = 4,
};

/* Record in CDX_DB_LEAF; key (dataset id BE64, index BE32).  Segments use the
 * area's id and keep page checksums; other datasets have none. */
struct cdx_leaf {
	enum cdx_leaf_state state;
	struct cdx_digest digest; /* of the stored 64 KiB; zero when burnt */
	bool has_sums;
	uint8_t sums[16][8]; /* keyed checksum of each 4 KiB page */
};
void cdx_leaf_put(struct cdx_batch *b, uint64_t dsid, uint32_t index,
		  const struct cdx_leaf *leaf);
void cdx_leaf_del(struct cdx_batch *b, uint64_t dsid, uint32_t index);
/* -ENOENT; CDX_E_CORRUPT */
CDX_MUST_CHECK int cdx_leaf_get(struct cdx_store *s, uint64_t dsid,
				uint32_t index, struct cdx_leaf *out);
/* Iterate with cdx_kv_iter over the 8-byte prefix; decode with these. */
CDX_MUST_CHECK int cdx_leaf_decode(struct cdx_leaf *out, uint32_t *index,
				   const struct cdx_kv_pair *pair);

#endif
