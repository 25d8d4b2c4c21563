/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEC_EC_CODEC_H
#define CDX_CODEC_EC_CODEC_H

#include <stdint.h>

#include "base/attr.h"

/* Who made a dataset's parity.  Numbers are stored in manifests
 * (docs/FORMATS.md "CIDs, trees and manifests"); 0 is what a manifest without
 * the field means. */
enum cdx_ec_codec {
	CDX_EC_LEOPARD = 0, /* Codex's; known, not had */
	CDX_EC_ISA_L_CAUCHY = 1,
	CDX_EC_ISA_L_VAND = 2, /* m <= 4 only */
	CDX_EC_LIBEC_VAND = 3, /* liberasurecode's own */
	CDX_EC_JERASURE_VAND = 4,
	CDX_EC_JERASURE_CAUCHY = 5,
	CDX_EC_CODECS,
};

/* Name as liberasurecode has it ("isa_l_rs_cauchy", ...), "leopard", or NULL
 * for an unknown number.  Static; pure. */
const char *cdx_ec_name(uint32_t codec);
/* Number of a name; -ENOENT.  Pure. */
CDX_MUST_CHECK int cdx_ec_by_name(const char *name);

#endif
