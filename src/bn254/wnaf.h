/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_WNAF_H
#define CDX_BN254_WNAF_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Scalars as sums of odd digits: every digit is zero or odd and at most
 * CDX_WNAF_MAX away from it, and at least CDX_WNAF_WIDTH - 1 zeros follow one
 * that is not.
 */
#define CDX_WNAF_WIDTH 5u
#define CDX_WNAF_MAX ((1 << (CDX_WNAF_WIDTH - 1)) - 1)
/* Multiples that are needed: 1, 3, ..., CDX_WNAF_MAX */
#define CDX_WNAF_ODD (1u << (CDX_WNAF_WIDTH - 2))
/* Digits of a scalar below 2^255 */
#define CDX_WNAF_DIGITS 256u

/* Digits, least significant first; those from @n on are zero and not written */
struct cdx_wnaf {
	unsigned n;
	int8_t d[CDX_WNAF_DIGITS];
};

/* Digits of @k, four limbs, below 2^255; all of them negative if @negate */
void cdx_wnaf(struct cdx_wnaf *out, const uint64_t k[4], bool negate);

#endif
