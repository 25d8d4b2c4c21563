/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "slots/builder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "bn254/poseidon2.h"

/* Blocks hashed together: one for each vector lane at the top of their trees,
 * and few enough that the hashes of their cells stay in the cache */
#define BATCH 8u

/* Keys of the lowest step of a tree (spec/datasets.md 6.4), also when it has
 * only one child */
#define KEY_BOTTOM 1u
#define KEY_BOTTOM_ODD 3u

/*
 * From cell hashes to block digests, in place.  Blocks are neighbours and all
 * have the same power of two of cells, so a layer of all their trees is a
 * layer of one long array.  @node: 2 * @n elements where a block is one cell.
 */
static void fold(struct cdx_fr *node, const struct cdx_geometry *g, size_t n)
{
	unsigned key = KEY_BOTTOM;

	if (g->cells_per_block == 1) {
		for (size_t i = n; i-- > 0;) {
			node[2 * i] = node[i];
			node[2 * i + 1] = cdx_fr_zero;
		}
		cdx_poseidon2_compress_pairs(node, node, n, KEY_BOTTOM_ODD);
		return;
	}
	for (size_t width = g->cells_per_block / 2; width; width /= 2) {
		cdx_poseidon2_compress_pairs(node, node, n * width, key);
		key = 0;
	}
}

int cdx_block_digests(struct cdx_fr *out, const struct cdx_geometry *g,
		      const uint8_t *blocks, size_t n)
{
	CDX_CLEANUP(cdx_freep) struct cdx_fr *node = NULL;
	size_t width = g->cells_per_block == 1 ? 2 : g->cells_per_block;
	size_t batch = n < BATCH ? n : BATCH;

	if (n == 0)
		return 0;
	node = calloc(batch, width * sizeof(*node));
	if (!node)
		return -ENOMEM;
	while (n) {
		size_t some = n < BATCH ? n : BATCH;

		cdx_poseidon2_hash_cells(node, blocks, g->cell_size,
					 some * g->cells_per_block);
		fold(node, g, some);
		memcpy(out, node, some * sizeof(*out));
		out += some;
		blocks += some * g->block_size;
		n -= some;
	}
	return 0;
}

/* Every cell is the same, so one node of each layer is enough. */
int cdx_block_digest_zero(struct cdx_fr *out, const struct cdx_geometry *g)
{
	CDX_CLEANUP(cdx_freep) uint8_t *cell = calloc(1, g->cell_size);
	unsigned key = KEY_BOTTOM;
	struct cdx_fr h;

	if (!cell)
		return -ENOMEM;
	cdx_poseidon2_hash(&h, cell, g->cell_size);
	if (g->cells_per_block == 1)
		cdx_poseidon2_compress(&h, &h, &cdx_fr_zero, KEY_BOTTOM_ODD);
	for (size_t width = g->cells_per_block / 2; width; width /= 2) {
		cdx_poseidon2_compress(&h, &h, &h, key);
		key = 0;
	}
	*out = h;
	return 0;
}

int cdx_block_tree(struct cdx_fr *nodes, const struct cdx_geometry *g,
		   const uint8_t *block)
{
	cdx_poseidon2_hash_cells(nodes, block, g->cell_size,
				 g->cells_per_block);
	return cdx_p2tree_build(nodes, g->cells_per_block);
}

int cdx_slot_tree(struct cdx_fr *nodes, const struct cdx_geometry *g,
		  const struct cdx_fr *digests)
{
	struct cdx_fr zero = cdx_fr_zero;
	int r = 0;

	if (g->slot_blocks > g->steps)
		r = cdx_block_digest_zero(&zero, g);
	if (r < 0)
		return r;
	memmove(nodes, digests, (size_t)g->steps * sizeof(*nodes));
	for (uint64_t i = g->steps; i < g->slot_blocks; i++)
		nodes[i] = zero;
	return cdx_p2tree_build(nodes, g->slot_blocks);
}

int cdx_verify_root(struct cdx_fr *out, const struct cdx_fr *slot_roots,
		    uint32_t slots)
{
	return cdx_p2tree_root(out, slot_roots, slots);
}

static struct cdx_cid fr_cid(enum cdx_codec codec, enum cdx_mhash mhash,
			     const struct cdx_fr *value)
{
	struct cdx_cid cid = {
		.version = 1,
		.len = CDX_FR_BYTES,
		.codec = codec,
		.mhash = mhash,
	};

	cdx_fr_to_bytes(cid.digest, value);
	return cid;
}

struct cdx_cid cdx_slot_root_cid(const struct cdx_fr *root)
{
	return fr_cid(CDX_CODEC_SLOT_ROOT, CDX_MHASH_IDENTITY, root);
}

struct cdx_cid cdx_verify_root_cid(const struct cdx_fr *root)
{
	return fr_cid(CDX_CODEC_PROVING_ROOT, CDX_MHASH_IDENTITY, root);
}

struct cdx_cid cdx_block_digest_cid(const struct cdx_fr *digest)
{
	return fr_cid(CDX_CODEC_SLOT_CELL, CDX_MHASH_POSEIDON2_MERKLE, digest);
}

int cdx_root_from_cid(struct cdx_fr *out, const struct cdx_cid *cid)
{
	static const struct {
		uint32_t codec;
		uint32_t mhash;
	} kinds[] = {
		{CDX_CODEC_SLOT_ROOT, CDX_MHASH_IDENTITY},
		{CDX_CODEC_PROVING_ROOT, CDX_MHASH_IDENTITY},
		{CDX_CODEC_SLOT_CELL, CDX_MHASH_POSEIDON2_MERKLE},
	};

	for (size_t i = 0; i < CDX_ARRAY_LEN(kinds); i++)
		if (cid->version == 1 && cid->codec == kinds[i].codec &&
		    cid->mhash == kinds[i].mhash && cid->len == CDX_FR_BYTES)
			return cdx_fr_from_bytes(out, cid->digest);
	return CDX_E_CODEC;
}
