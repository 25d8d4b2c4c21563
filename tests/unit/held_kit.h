/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_HELD_KIT_H
#define CDX_TESTS_UNIT_HELD_KIT_H

/* Somebody else's verifiable dataset, as a host gets to know it: manifest, pages of
 * its tree, blocks.  Made up, without codes and slot trees, which the store does not
 * look into.  Include after cmocka.h and protection_kit.h.  What children call
 * returns 0 or a negative result. */

#include "protection_kit.h"
#include "store/held.h"

struct hk {
	uint64_t seed;
	uint64_t same; /* of the data's last blocks so many are equal */
	uint32_t k;
	uint32_t m;
	uint64_t blocks;
	uint64_t steps;
	uint64_t total;
	struct cdx_digest *leaf;
	struct cdx_digest *nodes;
	struct cdx_digest root;
	struct cdx_buf manifest;
	struct cdx_cid cid;
};

static inline void hk_block(uint8_t *out, const struct hk *h, uint64_t index)
{
	uint64_t rounded = h->steps * h->k;

	if (index >= h->blocks && index < rounded)
		memset(out, 0, CDX_BLOCK_SIZE);
	else
		pk_block(out, CDX_BLOCK_SIZE, h->seed,
			 index < h->blocks && index + h->same >= h->blocks
				 ? 1u << 30
				 : index);
}

static inline int hk_manifest(struct hk *h)
{
	const struct cdx_digest plain = {{(uint8_t)h->seed}};
	struct cdx_manifest m = {0};
	int rc;

	rc = cdx_manifest_plain(&m, &h->root, h->total * CDX_BLOCK_SIZE,
				CDX_BLOCK_SIZE, NULL, NULL);
	if (rc < 0)
		return rc;
	m.is_protected = true;
	m.is_verifiable = true;
	m.erasure.k = h->k;
	m.erasure.m = h->m;
	m.erasure.original_tree = cdx_cid_sha256(CDX_CODEC_ROOT, &plain);
	m.erasure.original_size = h->blocks * CDX_BLOCK_SIZE - 5;
	m.erasure.strategy = CDX_STRATEGY_STEPPED;
	m.erasure.codec = h->m != 0;
	m.verification.verify_root =
		pk_root_cid(CDX_CODEC_PROVING_ROOT, h->seed);
	m.verification.cell_size = 2048;
	m.verification.strategy = CDX_STRATEGY_LINEAR;
	m.verification.slots = h->k + h->m;
	m.verification.slot_roots = calloc(h->k + h->m, sizeof(struct cdx_cid));
	for (uint32_t i = 0; i < h->k + h->m; i++)
		m.verification.slot_roots[i] =
			pk_root_cid(CDX_CODEC_SLOT_ROOT, i);
	rc = cdx_manifest_encode(&h->manifest, &m);
	cdx_manifest_free(&m);
	if (rc == 0)
		h->cid = cdx_manifest_cid(h->manifest.p, h->manifest.len);
	return rc;
}

static inline int hk_make(struct hk *h, uint64_t seed, uint64_t blocks,
			  uint32_t k, uint32_t m, uint64_t same)
{
	uint8_t *block = malloc(CDX_BLOCK_SIZE);

	memset(h, 0, sizeof(*h));
	h->seed = seed;
	h->same = same;
	h->k = k;
	h->m = m;
	h->blocks = blocks;
	h->steps = (blocks - 1) / k + 1;
	h->total = h->steps * (k + m);
	h->leaf = calloc(h->total, sizeof(*h->leaf));
	h->nodes = calloc(cdx_tree_page_nodes(h->total), sizeof(*h->nodes));
	if (block == NULL || h->leaf == NULL || h->nodes == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < h->total; i++) {
		if (i >= blocks && i < h->steps * k) {
			h->leaf[i] = cdx_digest_empty;
			continue;
		}
		hk_block(block, h, i);
		cdx_sha256(&h->leaf[i], block, CDX_BLOCK_SIZE);
	}
	free(block);
	for (uint32_t i = 0; i < cdx_tree_pages(h->total); i++)
		cdx_tree_page_root(&h->nodes[i], h->leaf + i * CDX_TREE_PAGE,
				   h->total, i);
	cdx_tree_page_climb(h->nodes, h->total);
	h->root = h->nodes[cdx_tree_page_nodes(h->total) - 1];
	return hk_manifest(h);
}

static inline void hk_free(struct hk *h)
{
	free(h->leaf);
	free(h->nodes);
	cdx_buf_free(&h->manifest);
}

static inline int hk_page(const struct hk *h, uint32_t page,
			  struct cdx_tree_page *out)
{
	memset(out, 0, sizeof(*out));
	out->leaves = h->total;
	out->page = page;
	out->n = cdx_tree_page_leaves(h->total, page);
	out->path_len = cdx_tree_page_depth(h->total);
	memcpy(out->leaf, h->leaf + (uint64_t)page * CDX_TREE_PAGE,
	       out->n * sizeof(out->leaf[0]));
	return out->path_len == 0 ? 0
				  : cdx_tree_page_path(out->path, h->nodes,
						       h->total, page);
}

static inline int hk_adopt(struct cdx_store *s, const struct hk *h,
			   struct cdx_protection *p)
{
	return cdx_held_adopt(s, &h->cid, h->manifest.p, h->manifest.len, p);
}

static inline int hk_leaves(struct cdx_store *s, const struct hk *h,
			    const struct cdx_protection *p, uint32_t slot)
{
	uint64_t first = slot * h->steps / CDX_TREE_PAGE;
	uint64_t last = ((slot + 1) * h->steps - 1) / CDX_TREE_PAGE;
	struct cdx_tree_page page;
	int rc = 0;

	for (uint64_t i = first; i <= last && rc == 0; i++) {
		rc = hk_page(h, (uint32_t)i, &page);
		if (rc == 0)
			rc = cdx_held_leaves(s, p, slot, &page);
	}
	return rc;
}

/* Nodes of the right shape */
static inline int hk_nodes(struct cdx_store *s, const struct cdx_protection *p,
			   uint32_t slot)
{
	uint64_t per_block = p->block_size / p->cell_size;
	uint64_t blocks =
		(UINT64_C(1) << cdx_p2tree_depth(p->steps * per_block)) /
		per_block;
	uint8_t nodes[CDX_NODES_A_ROW * 32] = {0};
	struct cdx_batch *b;
	int rc = cdx_batch_new(&b, s);

	if (rc < 0)
		return rc;
	for (unsigned l = 0; l <= cdx_p2tree_depth(blocks); l++) {
		uint64_t left = cdx_p2tree_width(blocks, l);

		for (uint32_t c = 0; left != 0; c++) {
			uint64_t n =
				left < CDX_NODES_A_ROW ? left : CDX_NODES_A_ROW;

			cdx_slot_nodes_put(b, p->id, slot, l, c, nodes,
					   (size_t)n);
			left -= n;
		}
	}
	return cdx_batch_apply(b);
}

/* The blocks of steps [@from, @to) */
static inline int hk_put(struct cdx_store *s, const struct hk *h,
			 const struct cdx_protection *p, uint32_t slot,
			 uint64_t from, uint64_t to)
{
	uint8_t *blocks = malloc((size_t)16 * CDX_BLOCK_SIZE);
	int rc = blocks == NULL ? -ENOMEM : 0;

	for (uint64_t i = from; rc == 0 && i < to; i += 16) {
		size_t n = to - i < 16 ? (size_t)(to - i) : 16;

		for (size_t j = 0; j < n; j++)
			hk_block(blocks + j * CDX_BLOCK_SIZE, h,
				 slot * h->steps + i + j);
		rc = cdx_slot_restore_put(s, p, slot, i, blocks, n);
	}
	free(blocks);
	return rc;
}

/* From nothing to a slot that is whole and sold */
static inline int hk_fill(struct cdx_store *s, const struct hk *h,
			  struct cdx_protection *p, uint32_t slot,
			  const struct cdx_rider *also)
{
	int rc = hk_adopt(s, h, p);

	if (rc == 0)
		rc = hk_leaves(s, h, p, slot);
	if (rc == 0)
		rc = cdx_held_begin(s, p, slot, also);
	if (rc < 0 || cdx_held_whole(p, slot))
		return rc;
	rc = hk_put(s, h, p, slot, 0, p->steps);
	if (rc == 0)
		rc = hk_nodes(s, p, slot);
	return rc < 0 ? rc : cdx_slot_restore_end(s, p, slot);
}

#endif
