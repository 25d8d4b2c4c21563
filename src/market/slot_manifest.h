/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_SLOT_MANIFEST_H
#define CDX_MARKET_SLOT_MANIFEST_H

#include "base/attr.h"
#include "base/bytes.h"
#include "dataset/manifest.h"
#include "market/env.h"
#include "slots/geometry.h"

/**
 * cdx_slot_manifest_check - can slots of this dataset be kept and proven?
 *
 * @m: from others; its CID, numbers and roots are the exchange's to check, and are
 *     looked at once more where it costs nothing
 *
 * Verifiable, a geometry of at most CDX_PROTECTION_SLOTS_MAX slots, the block and
 * cell size of the circuit, slot roots that give the verification root; -EINVAL
 * otherwise.  CDX_E_CODEC we do not have its code.  @why: in words.  Pure.
 */
CDX_MUST_CHECK int cdx_slot_manifest_check(struct cdx_geometry *g,
					   const struct cdx_manifest *m,
					   char why[CDX_MARKET_WHY_MAX]);
/* The bytes that its CID names; appended to @out.  -EINVAL it has fields that this
 * version does not write. */
CDX_MUST_CHECK int cdx_slot_manifest_bytes(struct cdx_buf *out,
					   const struct cdx_manifest *m,
					   const struct cdx_cid *cid,
					   char why[CDX_MARKET_WHY_MAX]);

#endif
