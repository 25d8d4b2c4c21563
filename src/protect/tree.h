/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROTECT_TREE_H
#define CDX_PROTECT_TREE_H

#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"
#include "codec/cid.h"
#include "dataset/manifest.h"
#include "slots/geometry.h"
#include "store/protection.h"

/* Trees over what is in the store, and the manifests that name their roots */

/* Digests of a slot's blocks, p->steps of them, from the stored nodes.
 * CDX_E_CORRUPT when some are missing or no field elements. */
CDX_MUST_CHECK int cdx_slot_digests(struct cdx_fr *out, struct cdx_store *s,
				    const struct cdx_protection *p,
				    uint32_t slot);

/**
 * cdx_protection_trees - SHA-256 roots from the leaf records
 *
 * @plain:   root of the first p->blocks leaves
 * @encoded: root of all of them; NULL: not wanted
 *
 * CDX_E_CORRUPT a leaf is missing.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_protection_trees(struct cdx_digest *plain,
					struct cdx_digest *encoded,
					struct cdx_store *s,
					const struct cdx_protection *p);

/**
 * cdx_protect_end - trees and manifests of a protection whose steps are done
 *
 * @p:     state CODING, all steps done; becomes DONE
 * @plain: manifest of the plain dataset
 * @refs:  of the verifiable dataset
 * @out:   CID of its manifest
 *
 * Memory: one slot's tree.  Errors: CDX_E_CORRUPT, those of
 * cdx_protection_finish.
 */
CDX_MUST_CHECK int cdx_protect_end(struct cdx_cid *out, struct cdx_store *s,
				   struct cdx_protection *p,
				   const struct cdx_geometry *g,
				   const struct cdx_manifest *plain,
				   uint32_t refs);

#endif
