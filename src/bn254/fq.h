/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FQ_H
#define CDX_BN254_FQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * The base field of BN254 (spec/proofs.md 5): integers modulo
 *   q = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47
 *
 * As cdx_fr in every respect: a * 2^256 mod q in four limbs, least significant
 * first, always fully reduced; any aliasing; any thread; time may depend on the
 * values.
 */
struct cdx_fq {
	uint64_t l[4];
};

#define CDX_FQ_BYTES 32u
/* Room for 77 digits and NUL */
#define CDX_FQ_TEXT_MAX 80u

extern const struct cdx_fq cdx_fq_zero;
extern const struct cdx_fq cdx_fq_one;

/* a + b */
void cdx_fq_add(struct cdx_fq *out, const struct cdx_fq *a,
		const struct cdx_fq *b);
/* a - b */
void cdx_fq_sub(struct cdx_fq *out, const struct cdx_fq *a,
		const struct cdx_fq *b);
/* -a */
void cdx_fq_neg(struct cdx_fq *out, const struct cdx_fq *a);
/* a * b */
void cdx_fq_mul(struct cdx_fq *out, const struct cdx_fq *a,
		const struct cdx_fq *b);
/* a * a */
void cdx_fq_sqr(struct cdx_fq *out, const struct cdx_fq *a);
/* 1/a; 0 for 0 */
void cdx_fq_inv(struct cdx_fq *out, const struct cdx_fq *a);
bool cdx_fq_equal(const struct cdx_fq *a, const struct cdx_fq *b);
bool cdx_fq_is_zero(const struct cdx_fq *a);

/* The integer @v */
void cdx_fq_from_u64(struct cdx_fq *out, uint64_t v);
/* 32 bytes, little endian; CDX_E_FORMAT when not below q (nothing written) */
CDX_MUST_CHECK int cdx_fq_from_bytes(struct cdx_fq *out,
				     const uint8_t in[CDX_FQ_BYTES]);
/* Canonical integer, 32 bytes little endian */
void cdx_fq_to_bytes(uint8_t out[CDX_FQ_BYTES], const struct cdx_fq *a);
/* The Montgomery form itself, little endian, as key files have it;
 * CDX_E_FORMAT when not below q (nothing written) */
CDX_MUST_CHECK int cdx_fq_from_mont(struct cdx_fq *out,
				    const uint8_t in[CDX_FQ_BYTES]);
void cdx_fq_to_mont(uint8_t out[CDX_FQ_BYTES], const struct cdx_fq *a);
/* Decimal text (digits only, no sign, no superfluous zero); CDX_E_FORMAT when
 * it is not one or not below q */
CDX_MUST_CHECK int cdx_fq_from_text(struct cdx_fq *out, const char *text);
void cdx_fq_to_text(char out[CDX_FQ_TEXT_MAX], const struct cdx_fq *a);

#endif
