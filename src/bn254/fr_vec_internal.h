/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FR_VEC_INTERNAL_H
#define CDX_BN254_FR_VEC_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "bn254/fr.h"

/* cdx_fr_quotients and cdx_fr_to_canonical_many in eight lanes.  Call only when
 * cdx_ifma_have(). */
void cdx_ifma_quotients(uint8_t *out, const struct cdx_fr *a,
			const struct cdx_fr *b, const struct cdx_fr *c,
			size_t n);
void cdx_ifma_to_canonical(uint8_t *out, const struct cdx_fr *a, size_t n);

#endif
