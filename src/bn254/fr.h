/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FR_H
#define CDX_BN254_FR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * The scalar field of BN254 (spec/proofs.md 5): integers modulo
 *   r = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001
 *
 * An element in memory is a * 2^256 mod r, four limbs, least significant
 * first, always fully reduced, so equal elements are equal bytes.  All
 * functions take any aliasing of their arguments and are safe on any thread.
 * Their time may depend on the values: nothing here is for secret keys.
 */
struct cdx_fr {
	uint64_t l[4];
};

#define CDX_FR_BYTES 32u
/* Room for 77 digits and NUL */
#define CDX_FR_TEXT_MAX 80u

extern const struct cdx_fr cdx_fr_zero;
extern const struct cdx_fr cdx_fr_one;

/* a + b */
void cdx_fr_add(struct cdx_fr *out, const struct cdx_fr *a,
		const struct cdx_fr *b);
/* a - b */
void cdx_fr_sub(struct cdx_fr *out, const struct cdx_fr *a,
		const struct cdx_fr *b);
/* -a */
void cdx_fr_neg(struct cdx_fr *out, const struct cdx_fr *a);
/* a * b */
void cdx_fr_mul(struct cdx_fr *out, const struct cdx_fr *a,
		const struct cdx_fr *b);
/* a * a, a little faster than the product */
void cdx_fr_sqr(struct cdx_fr *out, const struct cdx_fr *a);
/* 1/a; 0 for 0 */
void cdx_fr_inv(struct cdx_fr *out, const struct cdx_fr *a);
bool cdx_fr_equal(const struct cdx_fr *a, const struct cdx_fr *b);
bool cdx_fr_is_zero(const struct cdx_fr *a);

/* The integer @v */
void cdx_fr_from_u64(struct cdx_fr *out, uint64_t v);
/* 32 bytes, little endian; CDX_E_FORMAT when not below r (nothing written) */
CDX_MUST_CHECK int cdx_fr_from_bytes(struct cdx_fr *out,
				     const uint8_t in[CDX_FR_BYTES]);
/* Up to 31 bytes, little endian: always below r */
void cdx_fr_from_short(struct cdx_fr *out, const void *p, size_t len);
/* Canonical integer, 32 bytes little endian */
void cdx_fr_to_bytes(uint8_t out[CDX_FR_BYTES], const struct cdx_fr *a);
/* Canonical integer as four limbs, least significant first */
void cdx_fr_to_limbs(uint64_t out[4], const struct cdx_fr *a);
/* Decimal text (digits only, no sign, no superfluous zero); CDX_E_FORMAT when
 * it is not one or not below r */
CDX_MUST_CHECK int cdx_fr_from_text(struct cdx_fr *out, const char *text);
void cdx_fr_to_text(char out[CDX_FR_TEXT_MAX], const struct cdx_fr *a);

#endif
