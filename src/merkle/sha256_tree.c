/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "merkle/sha256_tree.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "codec/cid.h"
#include "codec/multicodec.h"
#include "codec/pb.h"
#include "merkle/sha256_node.h"

const struct cdx_digest cdx_tree_zero;

static uint8_t bottom_key(unsigned layer)
{
	return layer == 0 ? CDX_KEY_BOTTOM : 0;
}

void cdx_tree_compress(struct cdx_digest *out, const struct cdx_digest *x,
		       const struct cdx_digest *y, uint8_t key)
{
	uint8_t in[sizeof(x->b) + sizeof(y->b) + 1];

	memcpy(in, x->b, sizeof(x->b));
	memcpy(in + sizeof(x->b), y->b, sizeof(y->b));
	in[sizeof(in) - 1] = key;
	cdx_sha256(out, in, sizeof(in));
}

unsigned cdx_tree_depth(uint64_t leaves)
{
	if (leaves <= 2)
		return 1;
	return 64u - (unsigned)__builtin_clzll(leaves - 1);
}

/* Works like a binary counter: two nodes of a layer make one of the next. */
void cdx_tree_stream_add(struct cdx_tree_stream *t,
			 const struct cdx_digest *leaf)
{
	struct cdx_digest node = *leaf;
	unsigned d = 0;

	while (t->pending >> d & 1) {
		cdx_tree_compress(&node, &t->layer[d], &node, bottom_key(d));
		t->pending &= ~(UINT64_C(1) << d);
		d++;
	}
	t->layer[d] = node;
	t->pending |= UINT64_C(1) << d;
	t->leaves++;
}

/*
 * Which node is odd is only known at the end.  @tail is the last node of the
 * layer when leaves below it are incomplete; a waiting node comes before it.
 */
int cdx_tree_stream_root(struct cdx_digest *out,
			 const struct cdx_tree_stream *t)
{
	unsigned depth;
	struct cdx_digest tail = cdx_tree_zero;
	bool has_tail = false;

	if (t->leaves == 0)
		return -EINVAL;
	depth = cdx_tree_depth(t->leaves);
	for (unsigned d = 0; d < depth; d++) {
		bool waits = t->pending >> d & 1;
		const struct cdx_digest *odd = has_tail ? &tail : &t->layer[d];

		if (waits && has_tail) {
			cdx_tree_compress(&tail, &t->layer[d], &tail,
					  bottom_key(d));
		} else if (waits || has_tail) {
			cdx_tree_compress(&tail, odd, &cdx_tree_zero,
					  bottom_key(d) | CDX_KEY_ODD);
			has_tail = true;
		}
	}
	*out = has_tail ? tail : t->layer[depth];
	return 0;
}

uint64_t cdx_tree_layer_up(struct cdx_digest *out, const struct cdx_digest *in,
			   uint64_t n, uint8_t key)
{
	uint64_t pairs = n / 2;

	for (uint64_t i = 0; i < pairs; i++)
		cdx_tree_compress(&out[i], &in[2 * i], &in[2 * i + 1], key);
	if (n & 1)
		cdx_tree_compress(&out[pairs], &in[n - 1], &cdx_tree_zero,
				  key | CDX_KEY_ODD);
	return pairs + (n & 1);
}

int cdx_tree_prove(struct cdx_tree_proof *out, const struct cdx_digest *leaves,
		   uint64_t n, uint64_t index)
{
	CDX_CLEANUP(cdx_freep) struct cdx_digest *scratch = NULL;
	const struct cdx_digest *layer = leaves;
	struct cdx_tree_proof p = {
		.index = index,
		.leaves = n,
		.mcodec = CDX_MHASH_SHA256,
	};
	uint64_t len = n;
	uint64_t i = index;

	if (n == 0 || index >= n)
		return -EINVAL;
	p.depth = cdx_tree_depth(n);
	if (p.depth > 1) {
		uint64_t half = n / 2 + (n & 1);

		if (half > SIZE_MAX / sizeof(*scratch))
			return -ENOMEM;
		scratch = malloc((size_t)half * sizeof(*scratch));
		if (!scratch)
			return -ENOMEM;
	}
	for (unsigned d = 0; d < p.depth; d++) {
		uint64_t sibling = i ^ 1;

		p.path[d] = sibling < len ? layer[sibling] : cdx_tree_zero;
		/* the root itself is not part of the path */
		if (d + 1 < p.depth)
			len = cdx_tree_layer_up(scratch, layer, len,
						bottom_key(d));
		layer = scratch;
		i >>= 1;
	}
	*out = p;
	return 0;
}

int cdx_tree_verify(const struct cdx_tree_proof *proof,
		    const struct cdx_digest *leaf,
		    const struct cdx_digest *root)
{
	struct cdx_digest h = *leaf;
	uint64_t i = proof->index;
	uint64_t n = proof->leaves;

	if (proof->mcodec != CDX_MHASH_SHA256 || i >= n ||
	    proof->depth != cdx_tree_depth(n))
		return CDX_E_PROOF;
	for (unsigned d = 0; d < proof->depth; d++) {
		const struct cdx_digest *q = &proof->path[d];
		uint8_t key = bottom_key(d);

		if (i & 1)
			cdx_tree_compress(&h, q, &h, key);
		else if (i == n - 1)
			cdx_tree_compress(&h, &h, q, key | CDX_KEY_ODD);
		else
			cdx_tree_compress(&h, &h, q, key);
		i >>= 1;
		n = n / 2 + (n & 1);
	}
	return memcmp(h.b, root->b, sizeof(h.b)) == 0 ? 0 : CDX_E_PROOF;
}

/* CodexProof, spec/datasets.md 3.1 */
enum proof_field {
	PROOF_MCODEC = 1,
	PROOF_INDEX = 2,
	PROOF_LEAVES = 3,
	PROOF_PATH = 4,
};
#define PATH_NODE 1u /* the only field of a path element */

void cdx_tree_proof_encode(struct cdx_buf *out,
			   const struct cdx_tree_proof *proof)
{
	cdx_pb_put_u64(out, PROOF_MCODEC, proof->mcodec);
	cdx_pb_put_u64(out, PROOF_INDEX, proof->index);
	cdx_pb_put_u64(out, PROOF_LEAVES, proof->leaves);
	for (uint32_t d = 0; d < proof->depth; d++) {
		struct cdx_buf node = {0};

		cdx_pb_put_bytes(&node, PATH_NODE, proof->path[d].b,
				 sizeof(proof->path[d].b));
		cdx_pb_put_msg(out, PROOF_PATH, &node);
		cdx_buf_free(&node);
	}
}

static int decode_node(struct cdx_tree_proof *p, struct cdx_pb_span msg)
{
	struct cdx_cursor c = cdx_cursor_init(msg.p, msg.len);
	struct cdx_pb_span node = {NULL, 0};
	struct cdx_pb_field f;

	while (cdx_pb_next(&c, &f))
		if (f.number == PATH_NODE)
			cdx_pb_get_bytes(&node, &f);
	if (cdx_cursor_done(&c) < 0 || p->depth == CDX_TREE_DEPTH_MAX ||
	    node.len != sizeof(p->path[0].b))
		return CDX_E_FORMAT;
	memcpy(p->path[p->depth++].b, node.p, node.len);
	return 0;
}

int cdx_tree_proof_decode(struct cdx_tree_proof *out, const void *in,
			  size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(in, len);
	struct cdx_tree_proof p = {0};
	struct cdx_pb_field f;
	int r;

	while (cdx_pb_next(&c, &f)) {
		switch (f.number) {
		case PROOF_MCODEC:
			cdx_pb_get_u32(&p.mcodec, &c, &f);
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
	    cdx_multicodec_digest_len(p.mcodec) < 0)
		return CDX_E_FORMAT;
	*out = p;
	return 0;
}
