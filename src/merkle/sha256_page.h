/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MERKLE_SHA256_PAGE_H
#define CDX_MERKLE_SHA256_PAGE_H

#include <stdint.h>

#include "base/attr.h"
#include "crypto/hash.h"

/*
 * Pages of a dataset's tree: 256 leaves from a multiple of 256 on, with the path
 * from their own root to the tree's.  One proof for all blocks of a page
 * (docs/PEERS.md "Blocks in a stream").
 */
#define CDX_TREE_PAGE 256u
/* layers above a page in a tree of 2^32 leaves */
#define CDX_TREE_PAGE_PATH_MAX 24u

struct cdx_tree_page {
	uint64_t leaves;   /* of the whole tree, 1 to 2^32 */
	uint32_t page;	   /* its first leaf is page * CDX_TREE_PAGE */
	uint32_t n;	   /* leaves in it; all but the last page are full */
	uint32_t path_len; /* 0 when it is the whole tree */
	struct cdx_digest leaf[CDX_TREE_PAGE];
	struct cdx_digest path[CDX_TREE_PAGE_PATH_MAX];
};

/* Pages of a tree.  Pure. */
uint64_t cdx_tree_pages(uint64_t leaves);
/* Leaves in a page; 0 when there is no such page.  Pure. */
uint32_t cdx_tree_page_leaves(uint64_t leaves, uint32_t page);
/* Nodes of a page's path in a tree of @leaves.  Pure. */
uint32_t cdx_tree_page_depth(uint64_t leaves);

/* The node that a page's leaves have in the tree: layer 8, or the root when it
 * is the whole tree.  @leaf: cdx_tree_page_leaves of them, at least one. */
void cdx_tree_page_root(struct cdx_digest *out, const struct cdx_digest *leaf,
			uint64_t leaves, uint32_t page);

/* Nodes of the pages' roots and of all layers above them; the last is the root
 * of the tree.  Pure. */
uint64_t cdx_tree_page_nodes(uint64_t leaves);
/* The layers above the pages.  @nodes: cdx_tree_page_nodes of them, of which the
 * first ones are cdx_tree_page_root of every page, in order; fills the others. */
void cdx_tree_page_climb(struct cdx_digest *nodes, uint64_t leaves);
/**
 * cdx_tree_page_path - the path of a page
 *
 * @path:  returns cdx_tree_page_depth nodes, bottom to top
 * @nodes: as cdx_tree_page_climb left them
 *
 * -EINVAL: no such page.  Copies only.
 */
CDX_MUST_CHECK int
cdx_tree_page_path(struct cdx_digest path[CDX_TREE_PAGE_PATH_MAX],
		   const struct cdx_digest *nodes, uint64_t leaves,
		   uint32_t page);
/* Does it belong to the tree with this root?  0; CDX_E_FORMAT its numbers
 * contradict each other; CDX_E_PROOF it does not.  A root does not tell how many
 * leaves it has: @p->leaves must have been compared with the manifest's. */
CDX_MUST_CHECK int cdx_tree_page_verify(const struct cdx_tree_page *p,
					const struct cdx_digest *root);

#endif
