/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MERKLE_POSEIDON2_TREE_H
#define CDX_MERKLE_POSEIDON2_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "bn254/fr.h"

/*
 * Trees over field elements (spec/datasets.md 6.4): the same rules as dataset
 * trees (sha256_tree.h), with Poseidon2's keyed compression.  A tree of one
 * leaf has one layer above it.  Nodes are kept layer by layer, leaves first.
 */

#define CDX_P2TREE_DEPTH_MAX 40u

/* Layers above the leaves: max(1, ceil(log2 leaves)).  Pure. */
unsigned cdx_p2tree_depth(uint64_t leaves);
/* Nodes of layer @layer, 0 being the leaves.  Pure. */
uint64_t cdx_p2tree_width(uint64_t leaves, unsigned layer);
/* Nodes of all layers, leaves and root included.  Pure. */
uint64_t cdx_p2tree_nodes(uint64_t leaves);

/**
 * cdx_p2tree_build - all layers of a tree
 *
 * @nodes:  cdx_p2tree_nodes(@leaves) elements; the first @leaves are given, the
 *          rest is written, layer behind layer; the last one is the root
 * @leaves: at least 1, else -EINVAL
 */
CDX_MUST_CHECK int cdx_p2tree_build(struct cdx_fr *nodes, uint64_t leaves);

/* The root alone; scratch of half the leaves.  -EINVAL no leaf, -ENOMEM. */
CDX_MUST_CHECK int cdx_p2tree_root(struct cdx_fr *out,
				   const struct cdx_fr *leaves, uint64_t n);

/* A path from a leaf to the root, bottom to top */
struct cdx_p2tree_proof {
	uint64_t index;
	uint64_t leaves;
	unsigned depth; /* entries of path */
	struct cdx_fr path[CDX_P2TREE_DEPTH_MAX];
};

/* Fetches node @i of layer @layer; only nodes that exist are asked for */
typedef int cdx_p2tree_node_fn(void *arg, unsigned layer, uint64_t i,
			       struct cdx_fr *out);
/* The path of one leaf; @out is written on success only.  -EINVAL index or
 * leaf count out of range; what @fn fails with. */
CDX_MUST_CHECK int cdx_p2tree_prove(struct cdx_p2tree_proof *out,
				    uint64_t leaves, uint64_t index,
				    cdx_p2tree_node_fn *fn, void *arg);
/* The same from nodes that cdx_p2tree_build wrote */
CDX_MUST_CHECK int cdx_p2tree_prove_nodes(struct cdx_p2tree_proof *out,
					  const struct cdx_fr *nodes,
					  uint64_t leaves, uint64_t index);
/* CDX_E_PROOF: the leaf is not under the root, or the path's length does not
 * fit */
CDX_MUST_CHECK int cdx_p2tree_verify(const struct cdx_p2tree_proof *proof,
				     const struct cdx_fr *leaf,
				     const struct cdx_fr *root);

/* Codex's wire form of a slot proof (spec/datasets.md 3.1: hash code 0,
 * nodes of 32 little-endian bytes).  Encode appends, check cdx_buf_ok; decode:
 * CDX_E_FORMAT, and nothing is proved yet. */
void cdx_p2tree_proof_encode(struct cdx_buf *out,
			     const struct cdx_p2tree_proof *proof);
CDX_MUST_CHECK int cdx_p2tree_proof_decode(struct cdx_p2tree_proof *out,
					   const void *in, size_t len);

#endif
