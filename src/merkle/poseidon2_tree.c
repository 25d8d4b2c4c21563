/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "merkle/poseidon2_tree.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "bn254/poseidon2.h"
#include "codec/cid.h"
#include "codec/pb.h"

/* Bits of the key: which kind of step a compression is */
#define KEY_BOTTOM 1u
#define KEY_ODD 2u

#define LEAVES_MAX (UINT64_C(1) << CDX_P2TREE_DEPTH_MAX)

static unsigned bottom_key(unsigned layer)
{
	return layer == 0 ? KEY_BOTTOM : 0;
}

static uint64_t half_up(uint64_t n)
{
	return n / 2 + (n & 1);
}

unsigned cdx_p2tree_depth(uint64_t leaves)
{
	if (leaves <= 2)
		return 1;
	return 64u - (unsigned)__builtin_clzll(leaves - 1);
}

uint64_t cdx_p2tree_width(uint64_t leaves, unsigned layer)
{
	if (leaves == 0 || layer > 63)
		return leaves != 0;
	return ((leaves - 1) >> layer) + 1;
}

uint64_t cdx_p2tree_nodes(uint64_t leaves)
{
	unsigned depth = cdx_p2tree_depth(leaves);
	uint64_t nodes = 0;

	for (unsigned d = 0; d <= depth; d++)
		nodes += cdx_p2tree_width(leaves, d);
	return nodes;
}

/* One layer up.  @out may be @in; returns the new length. */
static uint64_t layer_step(struct cdx_fr *out, const struct cdx_fr *in,
			   uint64_t n, unsigned key)
{
	uint64_t pairs = n / 2;

	if (pairs)
		cdx_poseidon2_compress_pairs(out, in, (size_t)pairs, key);
	if (n & 1)
		cdx_poseidon2_compress(&out[pairs], &in[n - 1], &cdx_fr_zero,
				       key | KEY_ODD);
	return half_up(n);
}

int cdx_p2tree_build(struct cdx_fr *nodes, uint64_t leaves)
{
	uint64_t n = leaves;
	unsigned depth = cdx_p2tree_depth(leaves);

	if (leaves == 0 || leaves > LEAVES_MAX)
		return -EINVAL;
	for (unsigned d = 0; d < depth; d++) {
		struct cdx_fr *next = nodes + n;

		n = layer_step(next, nodes, n, bottom_key(d));
		nodes = next;
	}
	return 0;
}

int cdx_p2tree_root(struct cdx_fr *out, const struct cdx_fr *leaves, uint64_t n)
{
	CDX_CLEANUP(cdx_freep) struct cdx_fr *scratch = NULL;
	unsigned depth = cdx_p2tree_depth(n);

	if (n == 0 || n > LEAVES_MAX)
		return -EINVAL;
	if (half_up(n) > SIZE_MAX / sizeof(*scratch))
		return -ENOMEM;
	scratch = malloc((size_t)half_up(n) * sizeof(*scratch));
	if (!scratch)
		return -ENOMEM;
	for (unsigned d = 0; d < depth; d++) {
		n = layer_step(scratch, leaves, n, bottom_key(d));
		leaves = scratch;
	}
	*out = scratch[0];
	return 0;
}

int cdx_p2tree_prove(struct cdx_p2tree_proof *out, uint64_t leaves,
		     uint64_t index, cdx_p2tree_node_fn *fn, void *arg)
{
	struct cdx_p2tree_proof p = {
		.index = index,
		.leaves = leaves,
		.depth = cdx_p2tree_depth(leaves),
	};
	uint64_t i = index;

	if (leaves > LEAVES_MAX || index >= leaves)
		return -EINVAL;
	for (unsigned d = 0; d < p.depth; d++) {
		uint64_t sibling = i ^ 1;

		i >>= 1;
		if (sibling < cdx_p2tree_width(leaves, d)) {
			int r = fn(arg, d, sibling, &p.path[d]);

			if (r < 0)
				return r;
		}
	}
	*out = p;
	return 0;
}

struct node_array {
	const struct cdx_fr *nodes;
	uint64_t leaves;
};

static int node_of_array(void *arg, unsigned layer, uint64_t i,
			 struct cdx_fr *out)
{
	const struct node_array *a = arg;
	const struct cdx_fr *nodes = a->nodes;

	for (unsigned d = 0; d < layer; d++)
		nodes += cdx_p2tree_width(a->leaves, d);
	*out = nodes[i];
	return 0;
}

int cdx_p2tree_prove_nodes(struct cdx_p2tree_proof *out,
			   const struct cdx_fr *nodes, uint64_t leaves,
			   uint64_t index)
{
	struct node_array a = {.nodes = nodes, .leaves = leaves};

	return cdx_p2tree_prove(out, leaves, index, node_of_array, &a);
}

int cdx_p2tree_verify(const struct cdx_p2tree_proof *proof,
		      const struct cdx_fr *leaf, const struct cdx_fr *root)
{
	struct cdx_fr h = *leaf;
	uint64_t i = proof->index;
	uint64_t n = proof->leaves;

	if (n > LEAVES_MAX || i >= n || proof->depth != cdx_p2tree_depth(n))
		return CDX_E_PROOF;
	for (unsigned d = 0; d < proof->depth; d++) {
		const struct cdx_fr *q = &proof->path[d];
		unsigned key = bottom_key(d);

		if (i & 1)
			cdx_poseidon2_compress(&h, q, &h, key);
		else if (i == n - 1)
			cdx_poseidon2_compress(&h, &h, q, key | KEY_ODD);
		else
			cdx_poseidon2_compress(&h, &h, q, key);
		i >>= 1;
		n = half_up(n);
	}
	return cdx_fr_equal(&h, root) ? 0 : CDX_E_PROOF;
}

/* CodexProof, spec/datasets.md 3.1 */
enum proof_field {
	PROOF_MCODEC = 1,
	PROOF_INDEX = 2,
	PROOF_LEAVES = 3,
	PROOF_PATH = 4,
};
#define PATH_NODE 1u /* the only field of a path element */

void cdx_p2tree_proof_encode(struct cdx_buf *out,
			     const struct cdx_p2tree_proof *proof)
{
	cdx_pb_put_u64(out, PROOF_MCODEC, CDX_MHASH_IDENTITY);
	cdx_pb_put_u64(out, PROOF_INDEX, proof->index);
	cdx_pb_put_u64(out, PROOF_LEAVES, proof->leaves);
	for (unsigned d = 0; d < proof->depth; d++) {
		struct cdx_buf node = {0};
		uint8_t bytes[CDX_FR_BYTES];

		cdx_fr_to_bytes(bytes, &proof->path[d]);
		cdx_pb_put_bytes(&node, PATH_NODE, bytes, sizeof(bytes));
		cdx_pb_put_msg(out, PROOF_PATH, &node);
		cdx_buf_free(&node);
	}
}

static int decode_node(struct cdx_p2tree_proof *p, struct cdx_pb_span msg)
{
	struct cdx_cursor c = cdx_cursor_init(msg.p, msg.len);
	struct cdx_pb_span node = {NULL, 0};
	struct cdx_pb_field f;

	while (cdx_pb_next(&c, &f))
		if (f.number == PATH_NODE)
			cdx_pb_get_bytes(&node, &f);
	if (cdx_cursor_done(&c) < 0 || p->depth == CDX_P2TREE_DEPTH_MAX ||
	    node.len != CDX_FR_BYTES)
		return CDX_E_FORMAT;
	return cdx_fr_from_bytes(&p->path[p->depth++], node.p);
}

int cdx_p2tree_proof_decode(struct cdx_p2tree_proof *out, const void *in,
			    size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(in, len);
	struct cdx_p2tree_proof p = {0};
	uint32_t mcodec = CDX_MHASH_IDENTITY;
	struct cdx_pb_field f;
	int r;

	while (cdx_pb_next(&c, &f)) {
		switch (f.number) {
		case PROOF_MCODEC:
			cdx_pb_get_u32(&mcodec, &c, &f);
			break;
		case PROOF_INDEX:
			cdx_pb_get_u64(&p.index, &f);
			break;
		case PROOF_LEAVES:
			cdx_pb_get_u64(&p.leaves, &f);
			break;
		case PROOF_PATH:
			if (f.wire != CDX_PB_BYTES)
				break;
			r = decode_node(&p, f.bytes);
			if (r < 0)
				return r;
			break;
		default:
			break;
		}
	}
	if (cdx_cursor_done(&c) < 0 || p.depth == 0 ||
	    mcodec != CDX_MHASH_IDENTITY)
		return CDX_E_FORMAT;
	*out = p;
	return 0;
}
