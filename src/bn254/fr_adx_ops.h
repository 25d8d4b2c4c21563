/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FR_ADX_OPS_H
#define CDX_BN254_FR_ADX_OPS_H

#include <stdint.h>

#include "bn254/fr.h"
#include "bn254/fr_modulus.h"

#define ADX_P fr_modulus
#include "bn254/fp_adx.h"

/*
 * The blocks of fp_adx.h for the scalar field, and sums for lazy reduction,
 * which know r.  Bounds as said there.
 */

/* a * b, loose; see adx_fp_mul_loose */
static inline void adx_mul_loose(struct cdx_fr *o, const struct cdx_fr *a,
				 const struct cdx_fr *b)
{
	adx_fp_mul_loose(o->l, a->l, b->l);
}

/* a * b, once less r */
static inline void adx_mul_once(struct cdx_fr *o, const struct cdx_fr *a,
				const struct cdx_fr *b)
{
	adx_fp_mul_once(o->l, a->l, b->l);
}

/* a * a, loose */
static inline void adx_sqr_loose(struct cdx_fr *o, const struct cdx_fr *a)
{
	adx_fp_sqr_loose(o->l, a->l);
}

/* a * a, once less r */
static inline void adx_sqr_once(struct cdx_fr *o, const struct cdx_fr *a)
{
	adx_fp_sqr_once(o->l, a->l);
}

/* 0 to 5 times r */
static const uint64_t fr_multiples[6][4] __attribute__((aligned(64))) = {
	{0, 0, 0, 0},
	{UINT64_C(0x43e1f593f0000001), UINT64_C(0x2833e84879b97091),
	 UINT64_C(0xb85045b68181585d), UINT64_C(0x30644e72e131a029)},
	{UINT64_C(0x87c3eb27e0000002), UINT64_C(0x5067d090f372e122),
	 UINT64_C(0x70a08b6d0302b0ba), UINT64_C(0x60c89ce5c2634053)},
	{UINT64_C(0xcba5e0bbd0000003), UINT64_C(0x789bb8d96d2c51b3),
	 UINT64_C(0x28f0d12384840917), UINT64_C(0x912ceb58a394e07d)},
	{UINT64_C(0x0f87d64fc0000004), UINT64_C(0xa0cfa121e6e5c245),
	 UINT64_C(0xe14116da06056174), UINT64_C(0xc19139cb84c680a6)},
	{UINT64_C(0x5369cbe3b0000005), UINT64_C(0xc903896a609f32d6),
	 UINT64_C(0x99915c908786b9d1), UINT64_C(0xf1f5883e65f820d0)},
};

/*
 * A quotient by r that is never too large: with h = value / 2^224 and
 * d = r / 2^224 + 1 = 0x30644e73, q = h * (2^61 / d) / 2^61 (all rounded down).
 * Value / r exceeds it by less than 1 + 2^-26, so the rest is below
 * (1 + 2^-26) r: "tight".
 */
static const uint64_t fr_quotient = UINT64_C(0xa948e8c4);

#define ADX_TIGHT                               \
	"movq %[t3], %[q]\n\t"                  \
	"shrq $32, %[q]\n\t"                    \
	"imulq %[quotient], %[q]\n\t"           \
	"shrq $61, %[q]\n\t"                    \
	"shlq $5, %[q]\n\t"                     \
	"subq (%[multiples],%[q]), %[t0]\n\t"   \
	"sbbq 8(%[multiples],%[q]), %[t1]\n\t"  \
	"sbbq 16(%[multiples],%[q]), %[t2]\n\t" \
	"sbbq 24(%[multiples],%[q]), %[t3]\n\t"

#define ADX_QUOTIENT [quotient] "m"(fr_quotient), [multiples] "r"(fr_multiples)

/* a + b; the sum must be below 2^256 */
static inline void adx_add_loose(struct cdx_fr *o, const struct cdx_fr *a,
				 const struct cdx_fr *b)
{
	adx_fp_add_loose(o->l, a->l, b->l);
}

/* a + b + c; the sum must be below 2^256 */
static inline void adx_add3_loose(struct cdx_fr *o, const struct cdx_fr *a,
				  const struct cdx_fr *b,
				  const struct cdx_fr *c)
{
	uint64_t t0, t1, t2, t3;

	__asm__ volatile(
		ADX_LOAD ADX_PLUS("b") ADX_PLUS("c")
			ADX_STORE("t0", "t1", "t2", "t3")
		: [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3)
		: [o] "r"(o), [a] "r"(a), [b] "r"(b), [c] "r"(c)
		: "cc", "memory");
}

/* a, tight */
static inline void adx_tight(struct cdx_fr *o, const struct cdx_fr *a)
{
	uint64_t t0, t1, t2, t3, q;

	__asm__ volatile(ADX_LOAD ADX_TIGHT ADX_STORE("t0", "t1", "t2", "t3")
			 : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2),
			   [t3] "=&r"(t3), [q] "=&r"(q)
			 : [o] "r"(o), [a] "r"(a), ADX_QUOTIENT
			 : "cc", "memory");
}

/* a + b, tight; the sum must be below 2^256 */
static inline void adx_add_tight(struct cdx_fr *o, const struct cdx_fr *a,
				 const struct cdx_fr *b)
{
	uint64_t t0, t1, t2, t3, q;

	__asm__ volatile(ADX_LOAD ADX_PLUS("b")
				 ADX_TIGHT ADX_STORE("t0", "t1", "t2", "t3")
			 : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2),
			   [t3] "=&r"(t3), [q] "=&r"(q)
			 : [o] "r"(o), [a] "r"(a), [b] "r"(b), ADX_QUOTIENT
			 : "cc", "memory");
}

/* a + b + c, tight; the sum must be below 2^256 */
static inline void adx_add3_tight(struct cdx_fr *o, const struct cdx_fr *a,
				  const struct cdx_fr *b,
				  const struct cdx_fr *c)
{
	uint64_t t0, t1, t2, t3, q;

	__asm__ volatile(ADX_LOAD ADX_PLUS("b") ADX_PLUS("c")
				 ADX_TIGHT ADX_STORE("t0", "t1", "t2", "t3")
			 : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2),
			   [t3] "=&r"(t3), [q] "=&r"(q)
			 : [o] "r"(o), [a] "r"(a), [b] "r"(b), [c] "r"(c),
			   ADX_QUOTIENT
			 : "cc", "memory");
}

#endif
