/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FP_PORTABLE_H
#define CDX_BN254_FP_PORTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Arithmetic modulo a prime of 254 bits in four limbs, least significant
 * first, for any such prime: every function takes the modulus as a pointer to
 * a constant, and once inlined the compiler sees the numbers.  Elements are in
 * Montgomery form (a * 2^256) and fully reduced; outputs may be inputs.
 *
 * The two spare bits of the top limb are used throughout: 2m < 2^255, so sums
 * of two elements have no carry out, and the carries of the multiplication fit
 * (see fp_mul).
 *
 * The loops are unrolled on request: gcc does not by itself at -O2, and keeps
 * the limbs in memory then, which makes products half as slow again.
 */
struct fp_modulus {
	uint64_t m[4];
	uint64_t inv;	 /* -1/m mod 2^64 */
	uint64_t one[4]; /* 2^256 mod m */
	uint64_t r2[4];	 /* 2^512 mod m */
};

#ifdef __SIZEOF_INT128__

__extension__ typedef unsigned __int128 fp_u128;

/* a + b + *carry; *carry, 0 or 1, becomes the one out of it */
static inline uint64_t fp_adc(uint64_t a, uint64_t b, uint64_t *carry)
{
	fp_u128 t = (fp_u128)a + b + *carry;

	*carry = (uint64_t)(t >> 64);
	return (uint64_t)t;
}

/* a - b - *borrow; *borrow becomes 0 or 1 */
static inline uint64_t fp_sbb(uint64_t a, uint64_t b, uint64_t *borrow)
{
	fp_u128 t = (fp_u128)a - b - *borrow;

	*borrow = (uint64_t)(t >> 64) & 1;
	return (uint64_t)t;
}

/* acc + a * b + *carry, which fits 128 bits; *carry becomes the high limb */
static inline uint64_t fp_mac(uint64_t acc, uint64_t a, uint64_t b,
			      uint64_t *carry)
{
	fp_u128 t = (fp_u128)a * b + acc + *carry;

	*carry = (uint64_t)(t >> 64);
	return (uint64_t)t;
}

#else /* 32-bit processors: the same three from 64-bit integers */

/* As above */
static inline uint64_t fp_adc(uint64_t a, uint64_t b, uint64_t *carry)
{
	uint64_t s = a + b;
	uint64_t t = s + *carry;

	*carry = (uint64_t)(s < a) + (uint64_t)(t < s);
	return t;
}

/* As above */
static inline uint64_t fp_sbb(uint64_t a, uint64_t b, uint64_t *borrow)
{
	uint64_t d = a - b;
	uint64_t t = d - *borrow;

	*borrow = (uint64_t)(a < b) + (uint64_t)(d < *borrow);
	return t;
}

/* As above */
static inline uint64_t fp_mac(uint64_t acc, uint64_t a, uint64_t b,
			      uint64_t *carry)
{
	const uint64_t half = UINT32_MAX;
	uint64_t low = (a & half) * (b & half);
	uint64_t mid = (a >> 32) * (b & half) + (low >> 32);
	uint64_t mid2 = (a & half) * (b >> 32) + (mid & half);
	uint64_t high = (a >> 32) * (b >> 32) + (mid >> 32) + (mid2 >> 32);
	uint64_t c1 = 0;
	uint64_t c2 = 0;

	low = fp_adc(mid2 << 32 | (low & half), acc, &c1);
	low = fp_adc(low, *carry, &c2);
	*carry = high + c1 + c2;
	return low;
}

#endif

/* a < m, for any limbs */
static inline bool fp_below(const uint64_t a[4], const uint64_t m[4])
{
	uint64_t borrow = 0;

#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++)
		(void)fp_sbb(a[i], m[i], &borrow);
	return borrow != 0;
}

/* @out = @a or @a - m, the one below m; needs @a < 2m */
static inline void fp_reduce_once(uint64_t out[4], const uint64_t a[4],
				  const struct fp_modulus *p)
{
	uint64_t borrow = 0;
	uint64_t d[4];

#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++)
		d[i] = fp_sbb(a[i], p->m[i], &borrow);
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++)
		out[i] = borrow ? a[i] : d[i];
}

/* a + b mod m */
static inline void fp_add(uint64_t out[4], const uint64_t a[4],
			  const uint64_t b[4], const struct fp_modulus *p)
{
	uint64_t carry = 0;
	uint64_t s[4];

#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++)
		s[i] = fp_adc(a[i], b[i], &carry);
	fp_reduce_once(out, s, p);
}

/* a - b mod m */
static inline void fp_sub(uint64_t out[4], const uint64_t a[4],
			  const uint64_t b[4], const struct fp_modulus *p)
{
	uint64_t borrow = 0;
	uint64_t carry = 0;
	uint64_t d[4];

#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++)
		d[i] = fp_sbb(a[i], b[i], &borrow);
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++)
		out[i] = fp_adc(d[i], p->m[i] & (0 - borrow), &carry);
}

/*
 * Montgomery product a * b / 2^256, operand scanning with the reduction in the
 * same pass.  The running value t stays below 2m: a pass makes
 * (t + a b_i + q m) / 2^64 < (2m + 2 (2^64 - 1) m) / 2^64 = 2m.  So four limbs
 * hold it, and the top limb, the sum of the two carries, does not wrap.
 */
static inline void fp_mul(uint64_t out[4], const uint64_t a[4],
			  const uint64_t b[4], const struct fp_modulus *p)
{
	uint64_t t[4] = {0};

#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
		uint64_t ca = 0;
		uint64_t cm = 0;
		uint64_t q;

		t[0] = fp_mac(t[0], a[0], b[i], &ca);
		q = t[0] * p->inv;
		(void)fp_mac(t[0], q, p->m[0], &cm);
#pragma GCC unroll 4
		for (size_t j = 1; j < 4; j++) {
			t[j] = fp_mac(t[j], a[j], b[i], &ca);
			t[j - 1] = fp_mac(t[j], q, p->m[j], &cm);
		}
		t[3] = ca + cm;
	}
	fp_reduce_once(out, t, p);
}

/* Out of Montgomery form: a / 2^256 */
static inline void fp_from_mont(uint64_t out[4], const uint64_t a[4],
				const struct fp_modulus *p)
{
	static const uint64_t one[4] = {1, 0, 0, 0};

	fp_mul(out, a, one, p);
}

#endif
