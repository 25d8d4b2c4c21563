/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MERKLE_SHA256_NODE_H
#define CDX_MERKLE_SHA256_NODE_H

#include <stdint.h>

#include "crypto/hash.h"

/* Inside this module only: the steps of which every dataset tree is made
 * (spec/datasets.md 3). */

/* Bits of the key: which kind of step a compression is */
#define CDX_KEY_BOTTOM 1u
#define CDX_KEY_ODD 2u

/* The partner of a node that has none */
extern const struct cdx_digest cdx_tree_zero;

/* SHA-256(x || y || key).  @out may be @x or @y. */
void cdx_tree_compress(struct cdx_digest *out, const struct cdx_digest *x,
		       const struct cdx_digest *y, uint8_t key);
/* The step from a layer of @n nodes, n > 0, to the one above.  @key: 0 or
 * CDX_KEY_BOTTOM.  @out may be @in; returns the new length. */
uint64_t cdx_tree_layer_up(struct cdx_digest *out, const struct cdx_digest *in,
			   uint64_t n, uint8_t key);
/* Layers above the leaves; a single leaf has one too. */
unsigned cdx_tree_depth(uint64_t leaves);

#endif
