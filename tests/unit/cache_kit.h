/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_CACHE_KIT_H
#define CDX_TESTS_UNIT_CACHE_KIT_H

/* What the tests of the cache put into it.  Include after cmocka.h.  Nothing
 * here asserts, so that child processes can use it too. */

#include <string.h>

#include "base/err.h"
#include "crypto/block.h"
#include "merkle/sha256_page.h"
#include "seed.h"
#include "store/cache.h"
#include "store/cache_internal.h"

#define CK_SIZE CDX_BLOCK_SIZE

/* The @size bytes that number @n stands for */
static inline struct cdx_digest ck_content(unsigned n, uint8_t *out,
					   size_t size)
{
	struct seed rnd = {.state = n};
	struct cdx_digest d;

	seed_fill(&rnd, out, size < 64 ? size : 64);
	if (size > 64)
		memset(out + 64, (int)n, size - 64);
	cdx_sha256(&d, out, size);
	return d;
}

static inline struct cdx_digest ck_digest(unsigned n)
{
	uint8_t block[CK_SIZE];

	return ck_content(n, block, sizeof(block));
}

static inline int ck_put(struct cdx_store *s, unsigned n)
{
	uint8_t block[CK_SIZE];
	struct cdx_digest d = ck_content(n, block, sizeof(block));

	return cdx_cache_put_block(s, &d, block, sizeof(block));
}

/* CDX_E_CORRUPT: other bytes came back */
static inline int ck_get(struct cdx_store *s, unsigned n)
{
	uint8_t block[CK_SIZE];
	uint8_t out[CK_SIZE];
	struct cdx_digest d = ck_content(n, block, sizeof(block));
	int rc;

	rc = cdx_cache_get_block(s, out, sizeof(out), &d);
	if (rc == 0 && memcmp(out, block, sizeof(out)) != 0)
		return CDX_E_CORRUPT;
	return rc;
}

/* Without using it */
static inline bool ck_has(struct cdx_store *s, unsigned n)
{
	struct cdx_digest d = ck_digest(n);

	return cdx_cache_block_size(s, &d) == (int)CK_SIZE;
}

/* ---- trees: leaf i of tree @n is a hash of both ---- */

#define CK_LEAVES_MAX 2048u

struct ck_tree {
	uint64_t leaves;
	struct cdx_digest root;
	struct cdx_digest leaf[CK_LEAVES_MAX];
	struct cdx_digest nodes[64];
};

static inline void ck_tree_make(struct ck_tree *t, unsigned n, uint64_t leaves)
{
	uint32_t pages = (uint32_t)cdx_tree_pages(leaves);

	t->leaves = leaves;
	for (uint32_t i = 0; i < leaves; i++) {
		const uint32_t both[2] = {n, i};

		cdx_sha256(&t->leaf[i], both, sizeof(both));
	}
	for (uint32_t i = 0; i < pages; i++)
		cdx_tree_page_root(&t->nodes[i], t->leaf + i * CDX_TREE_PAGE,
				   leaves, i);
	cdx_tree_page_climb(t->nodes, leaves);
	t->root = t->nodes[cdx_tree_page_nodes(leaves) - 1];
}

static inline int ck_tree_page(struct cdx_tree_page *p, const struct ck_tree *t,
			       uint32_t page)
{
	memset(p, 0, sizeof(*p));
	p->leaves = t->leaves;
	p->page = page;
	p->n = cdx_tree_page_leaves(t->leaves, page);
	p->path_len = cdx_tree_page_depth(t->leaves);
	memcpy(p->leaf, t->leaf + page * CDX_TREE_PAGE,
	       p->n * sizeof(p->leaf[0]));
	return cdx_tree_page_path(p->path, t->nodes, t->leaves, page);
}

/* ---- manifests: the cache does not look into them ---- */

static inline struct cdx_cid ck_manifest(unsigned n, uint8_t *out, size_t size)
{
	struct cdx_digest d = ck_content(n, out, size);

	return cdx_cid_sha256(CDX_CODEC_MANIFEST, &d);
}

#endif
