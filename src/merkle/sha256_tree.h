/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MERKLE_SHA256_TREE_H
#define CDX_MERKLE_SHA256_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "crypto/hash.h"

/* Dataset trees (spec/datasets.md 3): leaves are block digests, compression is
 * SHA-256(x || y || key) with the key byte last. */

/**
 * cdx_tree_stream - the root of a tree whose leaves arrive one by one
 *
 * Memory is one digest a layer.  Zero-initialise; loop-confined.
 */
struct cdx_tree_stream {
	uint64_t leaves;
	uint64_t pending; /* bit d: layer d waits for a partner */
	struct cdx_digest layer[64];
};

/**
 * cdx_tree_stream_add - the next leaf
 *
 * @t:    stream; must have fewer than 2^63 leaves
 * @leaf: digest of the next block, in index order; copied
 */
CDX_API void cdx_tree_stream_add(struct cdx_tree_stream *t,
				 const struct cdx_digest *leaf);
/**
 * cdx_tree_stream_root - the root of the leaves so far
 *
 * @out: written on success only
 * @t:   stream, unchanged: leaves may follow
 *
 * Errors: -EINVAL no leaf.  Source: spec/datasets.md 3.
 */
CDX_API CDX_MUST_CHECK int
cdx_tree_stream_root(struct cdx_digest *out, const struct cdx_tree_stream *t);

#define CDX_TREE_DEPTH_MAX 64
/* A path from a leaf to the root, bottom to top.  Value type. */
struct cdx_tree_proof {
	uint64_t index;
	uint64_t leaves;
	uint32_t mcodec; /* CDX_MHASH_SHA256 for dataset trees */
	uint32_t depth;	 /* entries of path */
	struct cdx_digest path[CDX_TREE_DEPTH_MAX];
};

/**
 * cdx_tree_prove - the path of one leaf
 *
 * @out:    written on success only
 * @leaves: @n digests in index order; borrowed
 * @index:  < @n
 *
 * Errors: -EINVAL no leaf or an index beyond the last; -ENOMEM (needs n / 2
 * digests of scratch).  Thread: safe; n hashes.
 */
CDX_API CDX_MUST_CHECK int cdx_tree_prove(struct cdx_tree_proof *out,
					  const struct cdx_digest *leaves,
					  uint64_t n, uint64_t index);

/**
 * cdx_tree_verify - is a leaf under a root?
 *
 * @leaf: digest of the block at proof->index; borrowed
 * @root: digest of the treeCid; borrowed
 *
 * Errors: CDX_E_PROOF when it is not, also for a path whose length does not
 * fit the leaf count, an index beyond the last leaf and another hash than
 * SHA-256.  Thread: safe.
 */
CDX_API CDX_MUST_CHECK int cdx_tree_verify(const struct cdx_tree_proof *proof,
					   const struct cdx_digest *leaf,
					   const struct cdx_digest *root);

/* Wire form (spec/datasets.md 3.1); appended to @out, check cdx_buf_ok */
CDX_API void cdx_tree_proof_encode(struct cdx_buf *out,
				   const struct cdx_tree_proof *proof);
/**
 * cdx_tree_proof_decode - read the wire form of a proof
 *
 * @out: written on success only; nothing about it is proved yet
 * @in:  @len bytes; borrowed
 *
 * Errors: CDX_E_FORMAT malformed, empty path, a node that is not 32 bytes,
 * unknown hash codec, more than CDX_TREE_DEPTH_MAX nodes.  Thread: safe.
 */
CDX_API CDX_MUST_CHECK int cdx_tree_proof_decode(struct cdx_tree_proof *out,
						 const void *in, size_t len);

#endif
