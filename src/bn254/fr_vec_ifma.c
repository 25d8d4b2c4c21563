/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/fr_vec_internal.h"

#ifdef __x86_64__

#ifndef __clang__
#pragma GCC optimize("schedule-insns") /* as in poseidon2_ifma.c */
#endif

#include <string.h>

#include "bn254/ifma_vector.h"

#define IFMA_MOD(x) ifma_r_##x
#define IFMA_NAME(x) x
#define IFMA_STREAMS 1
#include "bn254/ifma_field.h"
#include "bn254/ifma_lanes.h"

/*
 * An element in memory is a 2^256.  Read as a number and multiplied by the
 * integer 16 it becomes a, because products here are divided by 2^260.
 */
static const uint64_t sixteen[IFMA_LIMBS] = {16};

/* @x raw, below 40: to the integer */
static IFMA_INLINE void put(uint8_t *out, struct fe *x)
{
	struct fe k;

	set(&k, sixteen);
	ready(x);
	mul(x, x, &k, NULL); /* below 1.02: 16 is next to nothing */
	canonical(x);
	store_run(out, x);
}

/* Eight of them */
static IFMA_TARGET void to_canonical(uint8_t *out, const struct cdx_fr *a)
{
	struct fe x;
	struct fe k;

	load_run(&x, a); /* ready */
	set(&k, sixteen);
	mul(&x, &x, &k, NULL);
	canonical(&x);
	store_run(out, &x);
}

/*
 * Eight of a b - c.  The product of the numbers in memory is a b 2^252, below
 * 1.03; 16 times that less c 2^256 plus r is below 17.5, and a b - c in the
 * form of memory.  r is added with so much in the lower limbs, and as much less
 * in the next ones, that no limb of the difference is negative; limb 4 is
 * not after carrying.
 */
static IFMA_TARGET void quotients(uint8_t *out, const struct cdx_fr *a,
				  const struct cdx_fr *b,
				  const struct cdx_fr *c)
{
	const uint64_t spread[IFMA_LIMBS] = {
		ifma_r_modulus[0] + 2 * IFMA_LIMB,
		ifma_r_modulus[1] + 2 * IFMA_LIMB - 2,
		ifma_r_modulus[2] + 2 * IFMA_LIMB - 2,
		ifma_r_modulus[3] + 2 * IFMA_LIMB - 2, ifma_r_modulus[4] - 2};
	struct fe x;
	struct fe y;

	load_run(&x, a);
	load_run(&y, b);
	mul(&x, &x, &y, NULL);
	load_run(&y, c);
	EACH_LIMB(x.l[s][i] = add(_mm512_slli_epi64(x.l[s][i], 4),
				  _mm512_sub_epi64(bcast(spread[i]),
						   low(y.l[s][i]))));
	put(out, &x);
}

/* What @n leaves of eight, filled up */
static void fill(struct cdx_fr out[IFMA_LANES], const struct cdx_fr *a,
		 size_t n)
{
	memset(out, 0, sizeof(*out) * IFMA_LANES);
	memcpy(out, a, sizeof(*out) * n);
}

void cdx_ifma_to_canonical(uint8_t *out, const struct cdx_fr *a, size_t n)
{
	struct cdx_fr last[IFMA_LANES];

	for (; n >= IFMA_LANES; n -= IFMA_LANES) {
		to_canonical(out, a);
		out += sizeof(last);
		a += IFMA_LANES;
	}
	if (n == 0)
		return;
	fill(last, a, n);
	to_canonical((uint8_t *)last, last);
	memcpy(out, last, n * sizeof(*last));
	explicit_bzero(last, sizeof(last));
}

void cdx_ifma_quotients(uint8_t *out, const struct cdx_fr *a,
			const struct cdx_fr *b, const struct cdx_fr *c,
			size_t n)
{
	struct cdx_fr last[3][IFMA_LANES];

	for (; n >= IFMA_LANES; n -= IFMA_LANES) {
		quotients(out, a, b, c);
		out += sizeof(last[0]);
		a += IFMA_LANES;
		b += IFMA_LANES;
		c += IFMA_LANES;
	}
	if (n == 0)
		return;
	fill(last[0], a, n);
	fill(last[1], b, n);
	fill(last[2], c, n);
	quotients((uint8_t *)last[0], last[0], last[1], last[2]);
	memcpy(out, last[0], n * sizeof(last[0][0]));
	explicit_bzero(last, sizeof(last));
}

#else

void cdx_ifma_to_canonical(uint8_t *out, const struct cdx_fr *a, size_t n)
{
	(void)out;
	(void)a;
	(void)n;
}

void cdx_ifma_quotients(uint8_t *out, const struct cdx_fr *a,
			const struct cdx_fr *b, const struct cdx_fr *c,
			size_t n)
{
	(void)out;
	(void)a;
	(void)b;
	(void)c;
	(void)n;
}

#endif
