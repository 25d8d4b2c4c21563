/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEC_U256_H
#define CDX_CODEC_U256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* An unsigned number of 256 bits: amounts of tokens and fees.  Limbs, least
 * significant first.  Sums and products are checked: what does not fit is an
 * error and never wraps.  Pure, safe on any thread. */
struct cdx_u256 {
	uint64_t v[4];
};

/* 2^256 - 1 */
extern const struct cdx_u256 cdx_u256_max;

/* From and to other forms */
struct cdx_u256 cdx_u256_of(uint64_t v);
struct cdx_u256 cdx_u256_from_be(const uint8_t in[32]);
void cdx_u256_to_be(uint8_t out[32], const struct cdx_u256 *a);
/* -1, 0, 1 */
int cdx_u256_cmp(const struct cdx_u256 *a, const struct cdx_u256 *b);
bool cdx_u256_is_zero(const struct cdx_u256 *a);
/* 0 when it fits, else -ERANGE and @out unchanged */
CDX_MUST_CHECK int cdx_u256_to_u64(uint64_t *out, const struct cdx_u256 *a);

/* -ERANGE, @out unchanged, when the result is not in [0, 2^256).  @out may be
 * an operand. */
CDX_MUST_CHECK int cdx_u256_add(struct cdx_u256 *out, const struct cdx_u256 *a,
				const struct cdx_u256 *b);
CDX_MUST_CHECK int cdx_u256_sub(struct cdx_u256 *out, const struct cdx_u256 *a,
				const struct cdx_u256 *b);
CDX_MUST_CHECK int cdx_u256_mul(struct cdx_u256 *out, const struct cdx_u256 *a,
				const struct cdx_u256 *b);
CDX_MUST_CHECK int cdx_u256_mul_u64(struct cdx_u256 *out,
				    const struct cdx_u256 *a, uint64_t b);
/* floor(a / d), remainder in *@rem unless NULL; @d is not zero */
struct cdx_u256 cdx_u256_div_u64(const struct cdx_u256 *a, uint64_t d,
				 uint64_t *rem);
/* floor(a * num / den), the product in 320 bits; @den is not zero.  -ERANGE
 * when the quotient does not fit. */
CDX_MUST_CHECK int cdx_u256_scale(struct cdx_u256 *out,
				  const struct cdx_u256 *a, uint64_t num,
				  uint64_t den);

/* Room for decimal digits, a point, NUL */
#define CDX_U256_TEXT_MAX 80u
/* Decimal digits, no leading zeros */
void cdx_u256_dec(char out[CDX_U256_TEXT_MAX], const struct cdx_u256 *a);
/* Only digits, at least one, at most 2^256 - 1.  CDX_E_FORMAT, -ERANGE. */
CDX_MUST_CHECK int cdx_u256_parse(struct cdx_u256 *out, const char *text);
/**
 * cdx_u256_units - amount in units of 10^decimals: "1.5", no trailing zeros
 *
 * @decimals: at most 77
 */
void cdx_u256_units(char out[CDX_U256_TEXT_MAX + 2], const struct cdx_u256 *a,
		    unsigned decimals);
/* Reads such a number; more digits behind the point than @decimals is
 * CDX_E_FORMAT, too large -ERANGE. */
CDX_MUST_CHECK int cdx_u256_parse_units(struct cdx_u256 *out, const char *text,
					unsigned decimals);

/* A "quantity" of JSON-RPC: 0x, hex digits without leading zeros, "0x0".
 * @out: 67 bytes */
void cdx_u256_quantity(char out[67], const struct cdx_u256 *a);
/* Takes leading zeros too (some nodes write them); at most 64 digits.
 * CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_u256_parse_quantity(struct cdx_u256 *out,
					   const char *text);

#endif
