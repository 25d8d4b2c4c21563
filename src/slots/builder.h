/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_SLOTS_BUILDER_H
#define CDX_SLOTS_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"
#include "codec/cid.h"
#include "merkle/poseidon2_tree.h"
#include "slots/geometry.h"

/* Cells, block digests, slot trees, the verification tree (spec/datasets.md 6).
 * Everything here is pure and safe on any thread. */

/**
 * cdx_block_digests - Poseidon2 digests of whole blocks
 *
 * @out:    @n elements
 * @blocks: @n * g->block_size bytes; eight at a time are fastest
 *
 * Scratch on the heap; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_block_digests(struct cdx_fr *out,
				     const struct cdx_geometry *g,
				     const uint8_t *blocks, size_t n);
/* Digest of a block of zeros: padding and empty blocks.  -ENOMEM. */
CDX_MUST_CHECK int cdx_block_digest_zero(struct cdx_fr *out,
					 const struct cdx_geometry *g);
/* The tree inside one block, all nodes: cdx_p2tree_nodes(cells_per_block) */
CDX_MUST_CHECK int cdx_block_tree(struct cdx_fr *nodes,
				  const struct cdx_geometry *g,
				  const uint8_t *block);

/**
 * cdx_slot_tree - the tree of a slot from its blocks' digests
 *
 * @nodes:   cdx_p2tree_nodes(g->slot_blocks) elements, written; last: the root
 * @digests: g->steps elements; padding is added here
 */
CDX_MUST_CHECK int cdx_slot_tree(struct cdx_fr *nodes,
				 const struct cdx_geometry *g,
				 const struct cdx_fr *digests);

/* Root of the verification tree over g->slots slot roots */
CDX_MUST_CHECK int cdx_verify_root(struct cdx_fr *out,
				   const struct cdx_fr *slot_roots,
				   uint32_t slots);

/* CIDs of field elements, and back (CDX_E_CODEC another kind of CID,
 * CDX_E_FORMAT not below r) */
struct cdx_cid cdx_slot_root_cid(const struct cdx_fr *root);
struct cdx_cid cdx_verify_root_cid(const struct cdx_fr *root);
struct cdx_cid cdx_block_digest_cid(const struct cdx_fr *digest);
CDX_MUST_CHECK int cdx_root_from_cid(struct cdx_fr *out,
				     const struct cdx_cid *cid);

/**
 * cdx_manifest_protect - the protected manifest of a plain one
 *
 * @out:       written on success only; free with cdx_manifest_free
 * @plain:     borrowed
 * @g:         geometry of it
 * @codec:     enum cdx_ec_codec; 0 when there is no parity
 * @tree_root: root of the encoded dataset's SHA-256 tree
 */
CDX_MUST_CHECK int cdx_manifest_protect(struct cdx_manifest *out,
					const struct cdx_manifest *plain,
					const struct cdx_geometry *g,
					uint32_t codec,
					const struct cdx_digest *tree_root);
/* The verifiable manifest of a protected one; @slot_roots: g->slots of them */
CDX_MUST_CHECK int cdx_manifest_verifiable(struct cdx_manifest *out,
					   const struct cdx_manifest *protected,
					   const struct cdx_geometry *g,
					   const struct cdx_fr *slot_roots);
/* Slot roots against the verification root, and counts: CDX_E_PROOF when they
 * do not fit.  @slot_roots: CDX_SLOTS_MAX elements or NULL. */
CDX_MUST_CHECK int cdx_manifest_check_roots(const struct cdx_manifest *m,
					    struct cdx_fr *slot_roots);

#endif
