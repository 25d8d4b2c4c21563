/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include "bn254/fp_common.h"

/*
 * Inversion by the binary Euclidean algorithm, in rounds of 31 halvings that
 * look at 64 bits only (T. Pornin, "Optimized Binary GCD for Modular
 * Inversion", 2020, section 3; here without his constant time).
 *
 * a and b start as the element and m; u and v keep
 *	a = u y and b = v y modulo m
 * for the y whose inverse is wanted.  A step halves a, after subtracting the
 * smaller of the two from the larger when a is odd; b stays odd.  When a
 * becomes zero b is their greatest common divisor, one, and v is the inverse.
 *
 * A round works on words made of the lowest 31 and the highest 33 bits of a
 * and b.  The low bits tell exactly what is odd; the high ones tell which is
 * larger, unless they are very close: a may become negative then, which is
 * mended at the end of the round.  As shown in the paper each round takes 31
 * bits off the two together, so at most 17 rounds are needed (254 + 254 bits,
 * less one, in 31s).
 */
#define STEPS 31u
#define LOW ((UINT64_C(1) << STEPS) - 1)

/* Factors of a round, from -2^31 + 1 to 2^31:
 * a' = (a fa + b ga) / 2^31, b' = (a fb + b gb) / 2^31 */
struct factors {
	int64_t fa;
	int64_t ga;
	int64_t fb;
	int64_t gb;
};

/* Two factors in a word, f + 2^32 g modulo 2^64; with this added both are
 * without sign */
#define PACK_BIAS UINT64_C(0x7fffffff7fffffff)

static void unpack(int64_t *f, int64_t *g, uint64_t packed)
{
	const int64_t bias = INT64_C(0x7fffffff);

	packed += PACK_BIAS;
	*f = (int64_t)(packed & UINT32_MAX) - bias;
	*g = (int64_t)(packed >> 32) - bias;
}

/* Where the bits above the low 31 are taken from: the top 33 of the longer of
 * a and b; all there is when both fit a word */
static void approximate(uint64_t *xa, uint64_t *xb, const uint64_t a[4],
			const uint64_t b[4])
{
	size_t i = 3;
	unsigned shift;
	uint64_t ta;
	uint64_t tb;

	while (i > 0 && (a[i] | b[i]) == 0)
		i--;
	if (i == 0) {
		*xa = a[0];
		*xb = b[0];
		return;
	}
	shift = (unsigned)__builtin_clzll(a[i] | b[i]);
	ta = a[i];
	tb = b[i];
	if (shift > 0) {
		ta = ta << shift | a[i - 1] >> (64 - shift);
		tb = tb << shift | b[i - 1] >> (64 - shift);
	}
	*xa = (ta & ~LOW) | (a[0] & LOW);
	*xb = (tb & ~LOW) | (b[0] & LOW);
}

/*
 * The steps of one round, of which those between two subtractions are done
 * together.  Which of the two words is larger is as good as random, so this
 * has no branch for it.
 */
static void round_steps(struct factors *f, uint64_t a, uint64_t b)
{
	uint64_t fa = 1;		 /* f = 1, g = 0 */
	uint64_t fb = UINT64_C(1) << 32; /* f = 0, g = 1 */
	unsigned left = STEPS;
	/* the steps end by this bit, if not by one of a's */
	unsigned n = (unsigned)__builtin_ctzll(a | UINT64_C(1) << left);

	for (;;) {
		uint64_t d;
		uint64_t swap;

		a >>= n;
		fb <<= n;
		left -= n;
		if (left == 0)
			break;
		d = a - b;
		swap = 0 - (uint64_t)(a < b);
		n = (unsigned)__builtin_ctzll(d | UINT64_C(1) << left);
		b ^= (a ^ b) & swap;
		a = (d ^ swap) - swap;
		d = fa - fb;
		fb ^= (fa ^ fb) & swap;
		fa = (d ^ swap) - swap;
	}
	unpack(&f->fa, &f->ga, fa);
	unpack(&f->fb, &f->gb, fb);
}

/* a f + b g, which is below 2^63 * 2^256, with a sign (two's complement) */
static inline void combine(uint64_t out[5], const uint64_t a[4],
			   const uint64_t b[4], int64_t f, int64_t g)
{
	const uint64_t minus_f = 0 - (uint64_t)(f < 0);
	const uint64_t minus_g = 0 - (uint64_t)(g < 0);
	uint64_t cf = 0;
	uint64_t cg = 0;

#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
		out[i] = fp_mac(0, a[i], (uint64_t)f, &cf);
		out[i] = fp_mac(out[i], b[i], (uint64_t)g, &cg);
	}
	out[4] = cf + cg;
	/* a negative factor was taken 2^64 too large */
	cf = 0;
	cg = 0;
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
		out[i + 1] = fp_sbb(out[i + 1], a[i] & minus_f, &cf);
		out[i + 1] = fp_sbb(out[i + 1], b[i] & minus_g, &cg);
	}
}

/* |t| / 2^31, which fits; true when t was negative */
static inline bool halve(uint64_t out[4], uint64_t t[5])
{
	const uint64_t minus = 0 - (t[4] >> 63);
	uint64_t carry = minus & 1;

#pragma GCC unroll 5
	for (size_t i = 0; i < 5; i++)
		t[i] = fp_adc(t[i] ^ minus, 0, &carry);
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++)
		out[i] = t[i] >> STEPS | t[i + 1] << (64 - STEPS);
	return minus != 0;
}

/* t / 2^31 modulo m, for |t| < 2^31 m; its negative if @negate */
static inline void halve_mod(uint64_t out[4], uint64_t t[5],
			     const struct fp_modulus *p, bool negate)
{
	const uint64_t minus = 0 - (t[4] >> 63);
	uint64_t carry = 0;
	uint64_t high = 0;
	uint64_t q;

	/* made positive by adding 2^31 m */
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
		uint64_t m = (p->m[i] << STEPS | high) & minus;

		high = p->m[i] >> (64 - STEPS);
		t[i] = fp_adc(t[i], m, &carry);
	}
	t[4] += (high & minus) + carry;
	q = (t[0] * p->inv) & LOW;
	carry = 0;
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++)
		t[i] = fp_mac(t[i], q, p->m[i], &carry);
	t[4] += carry;
	/* below (2^31 m + 2^31 m) / 2^31 */
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++)
		t[i] = t[i] >> STEPS | t[i + 1] << (64 - STEPS);
	fp_reduce_once(out, t, p);
	if (negate) {
		static const uint64_t zero[4] = {0};

		fp_sub(out, zero, out, p);
	}
}

static bool is_zero(const uint64_t a[4])
{
	return (a[0] | a[1] | a[2] | a[3]) == 0;
}

void cdx_fp_inv(uint64_t out[4], const uint64_t x[4],
		const struct fp_modulus *p)
{
	uint64_t a[4];
	uint64_t b[4];
	uint64_t u[4];
	uint64_t v[4] = {0};

	memcpy(a, x, sizeof(a));
	memcpy(b, p->m, sizeof(b));
	/* x = y 2^256 = 2^512 (y / 2^256): so v becomes 2^256 / y */
	memcpy(u, p->r2, sizeof(u));
	while (!is_zero(a)) {
		struct factors f;
		uint64_t xa;
		uint64_t xb;
		uint64_t s[5];
		uint64_t t[5];
		bool na;
		bool nb;

		approximate(&xa, &xb, a, b);
		round_steps(&f, xa, xb);
		combine(s, a, b, f.fa, f.ga);
		combine(t, a, b, f.fb, f.gb);
		na = halve(a, s);
		nb = halve(b, t);
		combine(s, u, v, f.fa, f.ga);
		combine(t, u, v, f.fb, f.gb);
		halve_mod(u, s, p, na);
		halve_mod(v, t, p, nb);
	}
	memcpy(out, v, sizeof(v));
}
