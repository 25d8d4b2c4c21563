/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_WNAF_H
#define CDX_BN254_WNAF_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Scalars as sums of powers of two times digits: every digit is zero or odd, at
 * most 2^(width - 1) - 1 in size, and at least width - 1 zeros follow one that
 * is not zero.
 */
#define CDX_WNAF_WIDTH_MAX 6u
/* Multiples that are needed for a width: 1, 3, ..., the largest digit */
#define CDX_WNAF_ODD(width) (1u << ((width)-2))
/* Digits of a scalar below 2^255 */
#define CDX_WNAF_DIGITS 256u

/* Digits, least significant first; those from @n on are zero and not written */
struct cdx_wnaf {
	unsigned n;
	int8_t d[CDX_WNAF_DIGITS];
};

/* Digits of @k, four limbs, below 2^255, or of -k if @negate.  @width from 2 to
 * CDX_WNAF_WIDTH_MAX. */
void cdx_wnaf(struct cdx_wnaf *out, const uint64_t k[4], unsigned width,
	      bool negate);

#endif
