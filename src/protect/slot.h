/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROTECT_SLOT_H
#define CDX_PROTECT_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"
#include "dataset/manifest.h"
#include "slots/geometry.h"
#include "store/protection.h"

/* Slots of a verifiable dataset in the store */

/* A verifiable dataset, looked up and checked.  Zero-initialise; free. */
struct cdx_slots {
	struct cdx_dataset_info info;
	struct cdx_protection rec;
	struct cdx_manifest manifest;
	struct cdx_geometry g;
	struct cdx_fr *roots; /* g.slots, checked against the verify root */
};

/* @cid: of the verifiable manifest, or of the protected or plain one when only
 * one protection is on it.  -ENOENT not here; -EINVAL not protected, or several
 * are (name one). */
CDX_MUST_CHECK int cdx_slots_open(struct cdx_slots *out, struct cdx_store *s,
				  const struct cdx_cid *cid);
void cdx_slots_free(struct cdx_slots *sl);

/* Nodes of a slot's tree from the store; a cdx_p2tree_node_fn's body.
 * CDX_E_CORRUPT. */
CDX_MUST_CHECK int cdx_slots_node(struct cdx_store *s,
				  const struct cdx_slots *sl, uint32_t slot,
				  unsigned layer, uint64_t i,
				  struct cdx_fr *out);
/* Writes the tree of a slot (cdx_slot_tree's nodes) in bounded batches */
CDX_MUST_CHECK int cdx_slots_put_tree(struct cdx_store *s, uint64_t id,
				      uint32_t slot,
				      const struct cdx_geometry *g,
				      const struct cdx_fr *nodes);

#endif
