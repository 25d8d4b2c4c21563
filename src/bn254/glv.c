/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/glv.h"

#include <string.h>

#include "bn254/fp_portable.h"

/*
 * Pairs (a, b) with a + b lambda = 0 modulo r form a lattice, with the basis
 *	(6 x^2 + 4 x + 1, 2 x + 1) and (2 x + 1, -(6 x^2 + 2 x))
 * for the x of bn_x.h; its determinant is -r.  (k, 0) is this basis times
 *	k (6 x^2 + 2 x) / r and k (2 x + 1) / r
 * and what is left when both are rounded is the shorter pair wanted.  They are
 * multiplied by constants times 2^256 instead of divided: the error is below
 * k / 2^256 < 1/5, so a coordinate is at most 0.7 (6 x^2 + 6 x + 2) < 2^127.
 *
 * If k = a + b lambda with both below 2^65, the two are within 2^-59 of
 * integers, with that error still nearer to these than to the next.
 */
#define N 3 /* limbs of signed numbers below 2^130 */

/* 6 x^2 + 4 x + 1, 6 x^2 + 2 x, 2 x + 1 */
static const uint64_t long1[2] = {UINT64_C(0x0be4e1541221250b),
				  UINT64_C(0x6f4d8248eeb859fd)};
static const uint64_t long2[2] = {UINT64_C(0x8211bbeb7d4f1128),
				  UINT64_C(0x6f4d8248eeb859fc)};
static const uint64_t short1[1] = {UINT64_C(0x89d3256894d213e3)};
/* 2^256 long2 / r and 2^256 short1 / r, rounded down */
static const uint64_t ratio2[N] = {UINT64_C(0x7a7bd9d4391eb18d),
				   UINT64_C(0x4ccef014a773d2cf),
				   UINT64_C(0x0000000000000002)};
static const uint64_t ratio1[N] = {UINT64_C(0xd91d232ec7e0b3d7),
				   UINT64_C(0x0000000000000002), 0};

/* a * ratio / 2^256, rounded to the nearest; below 2^128 */
static void round_ratio(uint64_t out[2], const uint64_t a[4],
			const uint64_t ratio[N])
{
	uint64_t t[4 + N] = {0};
	uint64_t carry = 0;

	for (size_t i = 0; i < N; i++) {
		carry = 0;
		for (size_t j = 0; j < 4; j++)
			t[i + j] = fp_mac(t[i + j], a[j], ratio[i], &carry);
		t[i + 4] = carry;
	}
	carry = t[3] >> 63;
	out[0] = fp_adc(t[4], 0, &carry);
	out[1] = fp_adc(t[5], 0, &carry);
}

/* acc += a * b, or acc -= it, modulo 2^(64 N); @b has @n limbs */
static void accumulate(uint64_t acc[N], const uint64_t a[2], const uint64_t *b,
		       size_t n, bool minus)
{
	uint64_t t[N + 2] = {0};
	uint64_t carry;

	for (size_t i = 0; i < n; i++) {
		carry = 0;
		for (size_t j = 0; j < 2; j++)
			t[i + j] = fp_mac(t[i + j], a[j], b[i], &carry);
		t[i + 2] = carry;
	}
	carry = 0;
	for (size_t i = 0; i < N; i++)
		acc[i] = minus ? fp_sbb(acc[i], t[i], &carry)
			       : fp_adc(acc[i], t[i], &carry);
}

/* From two's complement */
static void set_half(struct cdx_glv_half *out, const uint64_t v[N])
{
	const uint64_t minus = 0 - (v[N - 1] >> 63);
	uint64_t carry = minus & 1;

	out->negative = carry != 0;
	for (size_t i = 0; i < N; i++)
		out->k[i] = fp_adc(v[i] ^ minus, 0, &carry);
	out->k[3] = 0;
}

void cdx_glv_split(struct cdx_glv_half half[2], const uint64_t k[4])
{
	uint64_t c1[2];
	uint64_t c2[2];
	uint64_t a[N] = {k[0], k[1], k[2]};
	uint64_t b[N] = {0};

	round_ratio(c1, k, ratio2);
	round_ratio(c2, k, ratio1);
	accumulate(a, c1, long1, 2, true);
	accumulate(a, c2, short1, 1, true);
	accumulate(b, c1, short1, 1, true);
	accumulate(b, c2, long2, 2, false);
	set_half(&half[0], a);
	set_half(&half[1], b);
	explicit_bzero(a, sizeof(a));
	explicit_bzero(b, sizeof(b));
}
