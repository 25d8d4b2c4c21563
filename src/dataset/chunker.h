/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DATASET_CHUNKER_H
#define CDX_DATASET_CHUNKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "codec/cid.h"
#include "merkle/sha256_tree.h"

/**
 * cdx_chunk_fn - takes one block
 *
 * @arg:    what cdx_chunker_new was given
 * @index:  number of the block, from 0, in order
 * @block:  block_size bytes, the last one zero-padded; borrowed
 * @digest: SHA-256 of the block; borrowed
 *
 * A negative result ends the chunking with that result.
 */
typedef int cdx_chunk_fn(void *arg, uint64_t index, const uint8_t *block,
			 const struct cdx_digest *digest);

/* Cuts a byte stream of unknown length into blocks, hashes them and keeps the
 * running tree.  loop-confined.  One block of memory. */
struct cdx_chunker;

/**
 * cdx_chunker_new - start a dataset
 *
 * @out:        returns new
 * @block_size: bytes, 1 to CDX_BLOCK_SIZE_MAX
 * @fn:         called for every block during feed and end; kept
 * @arg:        for @fn; kept
 *
 * Errors: -EINVAL block size out of range; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_chunker_new(struct cdx_chunker **out,
				   uint32_t block_size, cdx_chunk_fn *fn,
				   void *arg);
/**
 * cdx_chunker_feed - the next bytes
 *
 * @p: @len bytes, any length; borrowed.  Whole blocks are handed on from here
 *     without a copy.
 *
 * Errors: what the callback returned when negative, then and for every later
 * call; CDX_E_SEQUENCE after cdx_chunker_end.
 */
CDX_MUST_CHECK int cdx_chunker_feed(struct cdx_chunker *c, const void *p,
				    size_t len);
/**
 * cdx_chunker_end - pad and hand out the last block, give the tree's root
 *
 * @root: out, tree root; written on success only
 * @size: out, bytes fed, the padding not counted; written on success only
 *
 * Errors: -ENODATA when nothing was fed (an empty dataset has no tree);
 * CDX_E_SEQUENCE the second time; else as cdx_chunker_feed.
 */
CDX_MUST_CHECK int cdx_chunker_end(struct cdx_chunker *c,
				   struct cdx_digest *root, uint64_t *size);
/* Frees at any point; NULL is allowed. */
void cdx_chunker_free(struct cdx_chunker *c);

#endif
