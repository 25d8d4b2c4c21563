/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/ifma_tables.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define ROUNDS CDX_POSEIDON2_INTERNAL
#define HALF (CDX_POSEIDON2_EXTERNAL / 2)

__extension__ typedef __int128 ifma_i128;

static struct ifma_tables tables;
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* The four limbs of 64 bits as five of 52 */
static void split(uint64_t out[IFMA_LIMBS], const struct cdx_fr *a)
{
	const uint64_t *v = a->l;

	out[0] = v[0] & IFMA_MASK;
	out[1] = (v[0] >> 52 | v[1] << 12) & IFMA_MASK;
	out[2] = (v[1] >> 40 | v[2] << 24) & IFMA_MASK;
	out[3] = (v[2] >> 28 | v[3] << 36) & IFMA_MASK;
	out[4] = v[3] >> 16;
}

void cdx_ifma_element(uint64_t out[IFMA_LIMBS], const struct cdx_fr *a)
{
	struct cdx_fr t;

	/* memory holds a 2^256; 16 times that is what is wanted */
	cdx_fr_from_u64(&t, 16);
	cdx_fr_mul(&t, &t, a);
	split(out, &t);
}

static void half(struct cdx_fr *a)
{
	struct cdx_fr t;

	cdx_fr_from_u64(&t, 2);
	cdx_fr_inv(&t, &t);
	cdx_fr_mul(a, a, &t);
}

/*
 * Constants to be added before the external matrix instead of @c after it: the
 * inverse of 1 + J (J all ones, three wide) is 1 - J / 4.
 */
static void before_matrix(uint64_t out[3][IFMA_LIMBS], const struct cdx_fr c[3])
{
	struct cdx_fr sum;

	cdx_fr_add(&sum, &c[0], &c[1]);
	cdx_fr_add(&sum, &sum, &c[2]);
	half(&sum);
	half(&sum);
	for (size_t i = 0; i < 3; i++) {
		struct cdx_fr t;

		cdx_fr_sub(&t, &c[i], &sum);
		cdx_ifma_element(out[i], &t);
	}
}

/*
 * The internal rounds with constants added to y = x^5 only.  Elements 1 and 2
 * are then off by some @d[0] and @d[1]; k is such that the next x, which is
 * 2 (y + k) + a + b, is off by the round constant that it needs, and the two
 * go on like a and b themselves.
 */
static void shifted(struct cdx_fr k[ROUNDS], struct cdx_fr d[2], bool constants)
{
	for (size_t n = 0; n < ROUNDS; n++) {
		struct cdx_fr sum;

		k[n] = cdx_fr_zero;
		if (constants)
			k[n] = n + 1 < ROUNDS ? cdx_poseidon2_int[n + 1]
					      : cdx_poseidon2_ext[HALF][0];
		cdx_fr_add(&sum, &d[0], &d[1]);
		cdx_fr_sub(&k[n], &k[n], &sum);
		half(&k[n]);
		cdx_fr_add(&sum, &sum, &k[n]);
		cdx_fr_add(&d[0], &d[0], &sum);
		cdx_fr_add(&d[1], &d[1], &d[1]);
		cdx_fr_add(&d[1], &d[1], &sum);
	}
}

/* ad - bc */
static void det(struct cdx_fr *out, const struct cdx_fr *a,
		const struct cdx_fr *b, const struct cdx_fr *c,
		const struct cdx_fr *d)
{
	struct cdx_fr t;
	struct cdx_fr u;

	cdx_fr_mul(&t, a, d);
	cdx_fr_mul(&u, b, c);
	cdx_fr_sub(out, &t, &u);
}

/*
 * What elements 1 and 2 must be off by at the start in order to be off by the
 * constants of the external round that follows at the end.  The end depends
 * linearly on the start: three runs and Cramer's rule.
 */
static void shift_start(struct cdx_fr d[2])
{
	struct cdx_fr k[ROUNDS];
	struct cdx_fr o[2] = {cdx_fr_zero, cdx_fr_zero};
	struct cdx_fr u[2] = {cdx_fr_one, cdx_fr_zero};
	struct cdx_fr v[2] = {cdx_fr_zero, cdx_fr_one};
	struct cdx_fr inv;

	shifted(k, o, true);
	shifted(k, u, false);
	shifted(k, v, false);
	for (size_t i = 0; i < 2; i++)
		cdx_fr_sub(&o[i], &cdx_poseidon2_ext[HALF][i + 1], &o[i]);
	det(&inv, &u[0], &v[0], &u[1], &v[1]);
	cdx_fr_inv(&inv, &inv);
	det(&d[0], &o[0], &v[0], &o[1], &v[1]);
	det(&d[1], &u[0], &o[0], &u[1], &o[1]);
	cdx_fr_mul(&d[0], &d[0], &inv);
	cdx_fr_mul(&d[1], &d[1], &inv);
}

/* Row @which of round @n: the constant less the largest multiple of r that is
 * not above @which * 2^256 (third round of a group) or 2^257 (fourth) */
static void off_row(size_t n, size_t which)
{
	const uint64_t q = which * IFMA_QUOTIENT >> (n % 2 == 0 ? 44 : 43);
	ifma_i128 carry = 0;

	for (size_t i = 0; i < IFMA_LIMBS; i++) {
		uint64_t v;

		carry += (ifma_i128)tables.internal[n][i] -
			 (ifma_i128)q * (ifma_i128)ifma_r_modulus[i];
		v = (uint64_t)carry;
		tables.off[n][i][which] = i < 4 ? v & IFMA_MASK : v;
		carry >>= 52;
	}
}

static void make_forms(void)
{
	const uint8_t iv[9] = {2, 3, 0, 0, 0, 0, 0, 0, 1};
	struct cdx_fr t;
	struct cdx_fr u;

	cdx_ifma_element(tables.one, &cdx_fr_one);
	cdx_fr_from_short(&t, iv, sizeof(iv));
	cdx_ifma_element(tables.sponge, &t);

	/* memory holds a 2^256: 2^0, 2^8 and 2^264 */
	split(tables.to_fr, &cdx_fr_one);
	cdx_fr_from_u64(&t, UINT64_C(1) << 8);
	split(tables.from_fr, &t);
	cdx_fr_from_u64(&u, UINT64_C(1) << 32);
	for (size_t i = 0; i < 8; i++)
		cdx_fr_mul(&t, &t, &u);
	split(tables.from_plain, &t);
}

static void make(void)
{
	struct cdx_fr k[ROUNDS];
	struct cdx_fr d[2];
	struct cdx_fr c[3];

	make_forms();
	for (size_t i = 0; i < 3; i++)
		cdx_ifma_element(tables.first[i], &cdx_poseidon2_ext[0][i]);
	/* the last round of each half has no external one after it */
	for (size_t i = 0; i + 1 < CDX_POSEIDON2_EXTERNAL; i++)
		before_matrix(tables.external[i], cdx_poseidon2_ext[i + 1]);
	shift_start(d);
	c[0] = cdx_poseidon2_int[0];
	c[1] = d[0];
	c[2] = d[1];
	before_matrix(tables.external[HALF - 1], c);
	shifted(k, d, true);
	for (size_t n = 0; n < ROUNDS; n++) {
		cdx_ifma_element(tables.internal[n], &k[n]);
		for (size_t i = 0; i < IFMA_LANES; i++)
			off_row(n, i);
	}
}

const struct ifma_tables *cdx_ifma_tables(void)
{
	/* fails for an invalid argument only */
	(void)pthread_once(&made, make);
	return &tables;
}
