/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "protect/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "merkle/poseidon2_tree.h"
#include "merkle/sha256_tree.h"
#include "protect/slot.h"
#include "slots/builder.h"

static int decode_row(struct cdx_fr *out, const uint8_t *row, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (cdx_fr_from_bytes(&out[i], row + i * CDX_FR_BYTES) < 0)
			return CDX_E_CORRUPT;
	return 0;
}

int cdx_slot_digests(struct cdx_fr *out, struct cdx_store *s,
		     const struct cdx_protection *p, uint32_t slot)
{
	uint8_t *row CDX_CLEANUP(cdx_freep) = NULL;
	int rc;

	row = malloc((size_t)CDX_NODES_A_ROW * CDX_FR_BYTES);
	if (!row)
		return -ENOMEM;
	for (uint64_t i = 0; i < p->steps; i += CDX_NODES_A_ROW) {
		uint64_t n = p->steps - i;

		if (n > CDX_NODES_A_ROW)
			n = CDX_NODES_A_ROW;
		rc = cdx_slot_nodes_get(s, p->id, slot, 0,
					(uint32_t)(i / CDX_NODES_A_ROW), row);
		if (rc == -ENOENT || (rc >= 0 && (uint64_t)rc < n))
			return CDX_E_CORRUPT;
		if (rc < 0)
			return rc;
		rc = decode_row(out + i, row, n);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int cdx_protection_trees(struct cdx_digest *plain, struct cdx_digest *encoded,
			 struct cdx_store *s, const struct cdx_protection *p)
{
	uint64_t total = encoded ? p->steps * (p->k + p->m) : p->blocks;
	struct cdx_tree_stream tree = {0};
	struct cdx_leaf leaf;
	int rc;

	for (uint64_t i = 0; i < total; i++) {
		rc = cdx_protection_leaf(s, p, i, &leaf);
		if (rc < 0)
			return rc == -ENOENT ? CDX_E_CORRUPT : rc;
		cdx_tree_stream_add(&tree, &leaf.digest);
		if (i + 1 != p->blocks)
			continue;
		rc = cdx_tree_stream_root(plain, &tree);
		if (rc < 0)
			return rc;
	}
	return encoded ? cdx_tree_stream_root(encoded, &tree) : 0;
}

/* Builds and stores the tree of each slot; @roots: g->slots elements. */
static int build_slots(struct cdx_fr *roots, struct cdx_store *s,
		       const struct cdx_protection *p,
		       const struct cdx_geometry *g)
{
	uint64_t nodes = cdx_p2tree_nodes(g->slot_blocks);
	struct cdx_fr *tree CDX_CLEANUP(cdx_freep) = NULL;
	struct cdx_fr *digests CDX_CLEANUP(cdx_freep) = NULL;
	int rc = 0;

	tree = calloc(nodes, sizeof(*tree));
	digests = calloc(g->steps, sizeof(*digests));
	if (!tree || !digests)
		return -ENOMEM;
	for (uint32_t slot = 0; slot < g->slots && rc == 0; slot++) {
		rc = cdx_slot_digests(digests, s, p, slot);
		if (rc == 0)
			rc = cdx_slot_tree(tree, g, digests);
		if (rc == 0)
			rc = cdx_slots_put_tree(s, p->id, slot, g, tree);
		roots[slot] = tree[nodes - 1];
	}
	return rc;
}

/* Encodes both manifests. */
static int manifests(struct cdx_buf *pbuf, struct cdx_buf *vbuf,
		     const struct cdx_manifest *plain,
		     const struct cdx_geometry *g, uint32_t codec,
		     const struct cdx_digest *tree, const struct cdx_fr *roots)
{
	struct cdx_manifest pm CDX_CLEANUP(cdx_manifest_free) = {0};
	struct cdx_manifest vm CDX_CLEANUP(cdx_manifest_free) = {0};
	int rc;

	rc = cdx_manifest_protect(&pm, plain, g, codec, tree);
	if (rc == 0)
		rc = cdx_manifest_encode(pbuf, &pm);
	if (rc == 0)
		rc = cdx_manifest_verifiable(&vm, &pm, g, roots);
	if (rc == 0)
		rc = cdx_manifest_encode(vbuf, &vm);
	return rc;
}

int cdx_protect_end(struct cdx_cid *out, struct cdx_store *s,
		    struct cdx_protection *p, const struct cdx_geometry *g,
		    const struct cdx_manifest *plain, uint32_t refs)
{
	struct cdx_buf pbuf CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_buf vbuf CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_fr *roots CDX_CLEANUP(cdx_freep) = NULL;
	struct cdx_digest root;
	struct cdx_digest tree;
	int rc;

	roots = calloc(g->slots, sizeof(*roots));
	if (!roots)
		return -ENOMEM;
	rc = cdx_protection_trees(&root, &tree, s, p);
	if (rc < 0)
		return rc;
	/* the manifest would promise what its own leaves do not keep */
	if (plain->tree.len != sizeof(root.b) ||
	    memcmp(plain->tree.digest, root.b, sizeof(root.b)) != 0)
		return CDX_E_CORRUPT;
	rc = build_slots(roots, s, p, g);
	if (rc == 0)
		rc = manifests(&pbuf, &vbuf, plain, g, p->codec, &tree, roots);
	if (rc == 0)
		rc = cdx_protection_finish(s, p, &pbuf, &vbuf, &tree, refs);
	if (rc == 0)
		*out = cdx_manifest_cid(vbuf.p, vbuf.len);
	return rc;
}
