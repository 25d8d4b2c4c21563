/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FP_COMMON_H
#define CDX_BN254_FP_COMMON_H

#include <stdint.h>

#include "base/attr.h"
#include "bn254/fp_portable.h"

/*
 * What the two fields have in common and need not see the modulus as a constant
 * for: conversions and inversion.  Limbs are least significant first.
 */

/* Room for 77 digits and NUL */
#define CDX_FP_TEXT_MAX 80u

/* 32 bytes little endian to limbs; CDX_E_FORMAT when not below m (nothing
 * written) */
CDX_MUST_CHECK int cdx_fp_load(uint64_t out[4], const uint8_t in[32],
			       const struct fp_modulus *p);
/* Limbs to 32 bytes little endian */
void cdx_fp_store(uint8_t out[32], const uint64_t v[4]);
/* Decimal text (digits only, no sign, no superfluous zero) to limbs;
 * CDX_E_FORMAT when it is not one or not below m (nothing written) */
CDX_MUST_CHECK int cdx_fp_from_text(uint64_t out[4], const char *text,
				    const struct fp_modulus *p);
/* Limbs to decimal text */
void cdx_fp_to_text(char out[CDX_FP_TEXT_MAX], const uint64_t v[4]);
/* Inverse of an element in Montgomery form, in Montgomery form; 0 for 0.
 * @out may be @a.  Time depends on the value. */
void cdx_fp_inv(uint64_t out[4], const uint64_t a[4],
		const struct fp_modulus *p);

#endif
