/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "merkle/sha256_page.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "merkle/sha256_node.h"

#define PAGE_LAYERS 8u /* CDX_TREE_PAGE is 2 to this */
#define LEAVES_MAX (UINT64_C(1) << 32)

uint64_t cdx_tree_pages(uint64_t leaves)
{
	return leaves / CDX_TREE_PAGE + (leaves % CDX_TREE_PAGE != 0);
}

uint32_t cdx_tree_page_leaves(uint64_t leaves, uint32_t page)
{
	uint64_t first = (uint64_t)page * CDX_TREE_PAGE;

	if (first >= leaves)
		return 0;
	return leaves - first < CDX_TREE_PAGE ? (uint32_t)(leaves - first)
					      : CDX_TREE_PAGE;
}

uint32_t cdx_tree_page_depth(uint64_t leaves)
{
	return leaves <= CDX_TREE_PAGE ? 0
				       : cdx_tree_depth(leaves) - PAGE_LAYERS;
}

/* A last page that is not full climbs as high as the others: alone, its node
 * is an odd one of every layer. */
void cdx_tree_page_root(struct cdx_digest *out, const struct cdx_digest *leaf,
			uint64_t leaves, uint32_t page)
{
	struct cdx_digest layer[CDX_TREE_PAGE / 2];
	uint64_t n = cdx_tree_page_leaves(leaves, page);
	unsigned depth =
		leaves <= CDX_TREE_PAGE ? cdx_tree_depth(leaves) : PAGE_LAYERS;

	n = cdx_tree_layer_up(layer, leaf, n, CDX_KEY_BOTTOM);
	for (unsigned d = 1; d < depth; d++)
		n = cdx_tree_layer_up(layer, layer, n, 0);
	*out = layer[0];
}

uint64_t cdx_tree_page_nodes(uint64_t leaves)
{
	uint64_t n = cdx_tree_pages(leaves);
	uint64_t sum = n;

	while (n > 1) {
		n = n / 2 + (n & 1);
		sum += n;
	}
	return sum;
}

void cdx_tree_page_climb(struct cdx_digest *nodes, uint64_t leaves)
{
	uint64_t n = cdx_tree_pages(leaves);

	while (n > 1) {
		struct cdx_digest *above = nodes + n;

		n = cdx_tree_layer_up(above, nodes, n, 0);
		nodes = above;
	}
}

int cdx_tree_page_path(struct cdx_digest path[CDX_TREE_PAGE_PATH_MAX],
		       const struct cdx_digest *nodes, uint64_t leaves,
		       uint32_t page)
{
	uint64_t n = cdx_tree_pages(leaves);
	uint64_t i = page;

	if (i >= n || leaves > LEAVES_MAX)
		return -EINVAL;
	for (; n > 1; path++) {
		uint64_t sibling = i ^ 1;

		*path = sibling < n ? nodes[sibling] : cdx_tree_zero;
		nodes += n;
		i /= 2;
		n = n / 2 + (n & 1);
	}
	return 0;
}

int cdx_tree_page_verify(const struct cdx_tree_page *p,
			 const struct cdx_digest *root)
{
	struct cdx_digest h;
	uint64_t i = p->page;
	uint64_t n = cdx_tree_pages(p->leaves);

	if (p->leaves == 0 || p->leaves > LEAVES_MAX || i >= n ||
	    p->n != cdx_tree_page_leaves(p->leaves, p->page) ||
	    p->path_len != cdx_tree_page_depth(p->leaves))
		return CDX_E_FORMAT;
	cdx_tree_page_root(&h, p->leaf, p->leaves, p->page);
	for (uint32_t d = 0; d < p->path_len; d++) {
		const struct cdx_digest *q = &p->path[d];

		if (i & 1)
			cdx_tree_compress(&h, q, &h, 0);
		else
			cdx_tree_compress(&h, &h, q,
					  i == n - 1 ? CDX_KEY_ODD : 0);
		i /= 2;
		n = n / 2 + (n & 1);
	}
	return memcmp(h.b, root->b, sizeof(h.b)) == 0 ? 0 : CDX_E_PROOF;
}
