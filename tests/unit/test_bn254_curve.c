/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"
#include "bn254/bn_x.h"
#include "bn254/g1.h"
#include "bn254/g2.h"
#include "bn254/glv.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"

/* G1 and G2: laws of a group, order, encodings, and who is in the subgroup. */

#define AFFINE cdx_g1
#define A(name) cdx_g1_##name
#define JACOBI cdx_g1j
#define J(name) cdx_g1j_##name
#define T(name) g1_##name
#define BYTES CDX_G1_BYTES
#include "tests/unit/curve_laws.h"

#define AFFINE cdx_g2
#define A(name) cdx_g2_##name
#define JACOBI cdx_g2j
#define J(name) cdx_g2j_##name
#define T(name) g2_##name
#define BYTES CDX_G2_BYTES
#include "tests/unit/curve_laws.h"

static void check_g1_sum(void)
{
	struct seed s = seed_start("g1 sum");
	struct cdx_g1 p[19];
	struct cdx_fr k[19];

	for (size_t i = 0; i < CDX_ARRAY_LEN(p); i++) {
		struct cdx_g1j t;

		g1_any(&t, &s);
		cdx_g1j_to_affine(&p[i], &t);
		bn254_any(&k[i], &s);
		if (i % 3 == 1)
			cdx_g1_short_scalar(&k[i], seed_u64(&s), seed_u64(&s));
	}
	p[4] = p[5];
	cdx_g1_neg(&p[6], &p[7]);
	k[6] = k[7];
	for (size_t n = 0; n <= CDX_ARRAY_LEN(p); n++) {
		struct cdx_g1j want;
		struct cdx_g1j got;
		struct cdx_g1j t;

		cdx_g1j_from_affine(&want, &cdx_g1_infinity);
		for (size_t i = 0; i < n; i++) {
			cdx_g1_mul(&t, &p[i], &k[i]);
			cdx_g1j_add(&want, &want, &t);
		}
		cdx_g1_sum(&got, p, k, n);
		assert_true(cdx_g1j_equal(&got, &want));
	}
}

static void g1_sum(void **state)
{
	(void)state;
	bn254_each_backend(check_g1_sum);
}

/* As the header of glv.h says */
static void halves_of_scalars(void **state)
{
	struct seed s = seed_start("halves_of_scalars");
	struct cdx_fr lambda;

	(void)state;
	cdx_g1_short_scalar(&lambda, 0, 1);
	for (size_t i = 0; i < 2000; i++) {
		struct cdx_glv_half half[2];
		struct cdx_fr part[2];
		struct cdx_fr k;
		uint64_t a = seed_u64(&s) >> seed_below(&s, 64);
		uint64_t b = seed_u64(&s) >> seed_below(&s, 64);
		uint64_t limbs[4];

		if (i % 2 == 0)
			bn254_any(&k, &s);
		else
			cdx_g1_short_scalar(&k, a, b);
		cdx_fr_to_limbs(limbs, &k);
		cdx_glv_split(half, limbs);
		for (size_t j = 0; j < 2; j++) {
			uint8_t bytes[CDX_FR_BYTES];

			assert_true(half[j].k[1] >> 63 == 0 &&
				    (half[j].k[2] | half[j].k[3]) == 0);
			for (size_t w = 0; w < 4; w++)
				cdx_put_le64(bytes + 8 * w, half[j].k[w]);
			assert_int_equal(cdx_fr_from_bytes(&part[j], bytes), 0);
			if (half[j].negative)
				cdx_fr_neg(&part[j], &part[j]);
		}
		cdx_fr_mul(&part[1], &part[1], &lambda);
		cdx_fr_add(&part[0], &part[0], &part[1]);
		assert_true(cdx_fr_equal(&part[0], &k));
		if (i % 2 == 1) {
			assert_true(half[0].k[0] == a && half[0].k[1] == 0);
			assert_true(half[1].k[0] == b && half[1].k[1] == 0);
			assert_false(half[0].negative && a != 0);
			assert_false(half[1].negative && b != 0);
		}
	}
}

/* ---- the curve around G2: c r points, c = 2 q - r = 10069 * ... ---- */

/* Most significant byte first */
static const uint8_t order_r[] = {0x30, 0x64, 0x4e, 0x72, 0xe1, 0x31, 0xa0,
				  0x29, 0xb8, 0x50, 0x45, 0xb6, 0x81, 0x81,
				  0x58, 0x5d, 0x28, 0x33, 0xe8, 0x48, 0x79,
				  0xb9, 0x70, 0x91, 0x43, 0xe1, 0xf5, 0x93,
				  0xf0, 0x00, 0x00, 0x01};
static const uint8_t cofactor[] = {0x30, 0x64, 0x4e, 0x72, 0xe1, 0x31, 0xa0,
				   0x29, 0xb8, 0x50, 0x45, 0xb6, 0x81, 0x81,
				   0x58, 0x5e, 0x06, 0xce, 0xec, 0xda, 0x57,
				   0x2a, 0x24, 0x89, 0x34, 0x5f, 0x22, 0x99,
				   0xc0, 0xf9, 0xfa, 0x8d};
static const uint8_t order_less_10069[] =
	{/* c r / 10069 */
	 0x3b, 0x89, 0xd8, 0x4c, 0x6e, 0xaa, 0xb0, 0xcf, 0xb5, 0x6a, 0x56,
	 0x7e, 0xa5, 0xa2, 0xf2, 0xec, 0x80, 0x20, 0xad, 0xba, 0x71, 0xa1,
	 0x85, 0xdd, 0x3e, 0x29, 0x9a, 0x8f, 0xab, 0x26, 0x8e, 0xc1, 0x2d,
	 0x22, 0xf6, 0x54, 0x13, 0x70, 0xc6, 0x16, 0xfa, 0x58, 0xe5, 0xb7,
	 0x2d, 0x72, 0x88, 0xa0, 0xba, 0x93, 0x34, 0xd5, 0xd0, 0x6e, 0x1d,
	 0xbb, 0xfa, 0x43, 0x01, 0x5f, 0x16, 0x59};
/* (q + 1) / 4 */
static const uint8_t root_power[] = {0x0c, 0x19, 0x13, 0x9c, 0xb8, 0x4c, 0x68,
				     0x0a, 0x6e, 0x14, 0x11, 0x6d, 0xa0, 0x60,
				     0x56, 0x17, 0x65, 0xe0, 0x5a, 0xa4, 0x5a,
				     0x1c, 0x72, 0xa3, 0x4f, 0x08, 0x23, 0x05,
				     0xb6, 0x1f, 0x3f, 0x52};

static void times(struct cdx_g2j *out, const struct cdx_g2j *p,
		  const uint8_t *k, size_t n)
{
	struct cdx_g2j sum;

	cdx_g2j_from_affine(&sum, &cdx_g2_infinity);
	for (size_t i = 0; i < 8 * n; i++) {
		cdx_g2j_double(&sum, &sum);
		if (k[i / 8] >> (7 - i % 8) & 1)
			cdx_g2j_add(&sum, &sum, p);
	}
	*out = sum;
}

/* Square root in Fq, where q = 3 mod 4; false when there is none */
static bool root(struct cdx_fq *out, const struct cdx_fq *a)
{
	struct cdx_fq t = cdx_fq_one;
	struct cdx_fq u;
	bool right;

	for (size_t i = 0; i < 8 * sizeof(root_power); i++) {
		cdx_fq_sqr(&t, &t);
		if (root_power[i / 8] >> (7 - i % 8) & 1)
			cdx_fq_mul(&t, &t, a);
	}
	cdx_fq_sqr(&u, &t);
	right = cdx_fq_equal(&u, a);
	*out = t;
	return right;
}

/* In Fq2: with n^2 = a0^2 + a1^2, the real part squared is (a0 + n) / 2 */
static bool root2(struct cdx_fq2 *out, const struct cdx_fq2 *a)
{
	struct cdx_fq n;
	struct cdx_fq t;
	struct cdx_fq half;

	cdx_fq_sqr(&n, &a->c0);
	cdx_fq_sqr(&t, &a->c1);
	cdx_fq_add(&n, &n, &t);
	if (!root(&n, &n))
		return false;
	cdx_fq_from_u64(&half, 2);
	cdx_fq_inv(&half, &half);
	cdx_fq_add(&t, &a->c0, &n);
	cdx_fq_mul(&t, &t, &half);
	if (!root(&out->c0, &t)) {
		cdx_fq_sub(&t, &a->c0, &n);
		cdx_fq_mul(&t, &t, &half);
		if (!root(&out->c0, &t))
			return false;
	}
	cdx_fq_inv(&t, &out->c0);
	cdx_fq_mul(&t, &t, &half);
	cdx_fq_mul(&out->c1, &a->c1, &t);
	return true;
}

/* Any point of the curve; hardly ever one of G2 */
static void any_of_curve(struct cdx_g2 *out, struct seed *s)
{
	struct cdx_fq2 b;
	struct cdx_fq2 t;

	/* y^2 - x^3 of a point that is on it */
	cdx_fq2_sqr(&b, &cdx_g2_generator.y);
	cdx_fq2_sqr(&t, &cdx_g2_generator.x);
	cdx_fq2_mul(&t, &t, &cdx_g2_generator.x);
	cdx_fq2_sub(&b, &b, &t);
	do {
		bn254_any_fq(&out->x.c0, s);
		bn254_any_fq(&out->x.c1, s);
		cdx_fq2_sqr(&t, &out->x);
		cdx_fq2_mul(&t, &t, &out->x);
		cdx_fq2_add(&t, &t, &b);
	} while (!root2(&out->y, &t));
	assert_true(cdx_g2_on_curve(out));
}

static bool in_subgroup(const struct cdx_g2j *p)
{
	struct cdx_g2 a;

	cdx_g2j_to_affine(&a, p);
	return cdx_g2_in_subgroup(&a);
}

static void check_subgroup(void)
{
	struct seed s = seed_start("subgroup");

	assert_true(cdx_g2_in_subgroup(&cdx_g2_generator));
	assert_true(cdx_g2_in_subgroup(&cdx_g2_infinity));
	for (size_t i = 0; i < 8; i++) {
		struct cdx_g2 a;
		struct cdx_g2j all; /* of order c r, or nearly */
		struct cdx_g2j good;
		struct cdx_g2j bad;
		struct cdx_g2j small;
		struct cdx_g2j t;

		any_of_curve(&a, &s);
		assert_false(cdx_g2_in_subgroup(&a));
		cdx_g2j_from_affine(&all, &a);
		times(&good, &all, cofactor, sizeof(cofactor));
		assert_true(in_subgroup(&good));
		times(&t, &good, order_r, sizeof(order_r));
		assert_true(cdx_g2j_is_infinity(&t));
		/* of an order that divides c: alone, and beside G2 */
		times(&bad, &all, order_r, sizeof(order_r));
		assert_false(in_subgroup(&bad));
		cdx_g2j_add(&t, &good, &bad);
		assert_false(in_subgroup(&t));
		times(&small, &all, order_less_10069, sizeof(order_less_10069));
		if (cdx_g2j_is_infinity(&small))
			continue; /* once in 10069 times */
		assert_false(in_subgroup(&small));
		cdx_g2j_add(&t, &good, &small);
		assert_false(in_subgroup(&t));
		cdx_g2j_add_affine(&t, &small, &cdx_g2_generator);
		assert_false(in_subgroup(&t));
	}
}

/* Of many at once: the good ones, then with a bad one at each place */
static void check_many_subgroups(void)
{
	struct seed s = seed_start("many subgroups");
	struct cdx_g2 p[21];
	struct cdx_g2 keep;
	struct cdx_g2 bad[3];
	struct cdx_g2j t;

	for (size_t i = 0; i < CDX_ARRAY_LEN(p); i++) {
		g2_any(&t, &s);
		cdx_g2j_to_affine(&p[i], &t);
	}
	p[2] = cdx_g2_infinity;
	p[11] = p[12];
	/* any, of small order, and that beside a point of G2 */
	any_of_curve(&bad[0], &s);
	cdx_g2j_from_affine(&t, &bad[0]);
	times(&t, &t, order_less_10069, sizeof(order_less_10069));
	cdx_g2j_to_affine(&bad[1], &t);
	cdx_g2j_add_affine(&t, &t, &p[0]);
	cdx_g2j_to_affine(&bad[2], &t);
	for (size_t n = 0; n <= CDX_ARRAY_LEN(p); n++)
		assert_true(cdx_g2_all_in_subgroup(p, n));
	for (size_t i = 0; i < CDX_ARRAY_LEN(p); i++) {
		keep = p[i];
		p[i] = bad[i % 3];
		if (!cdx_g2_is_infinity(&bad[1]) || i % 3 == 0)
			assert_false(
				cdx_g2_all_in_subgroup(p, CDX_ARRAY_LEN(p)));
		assert_true(cdx_g2_all_in_subgroup(p, i));
		p[i] = keep;
	}
}

static void many_subgroups(void **state)
{
	(void)state;
	bn254_each_backend(check_many_subgroups);
}

static void subgroup(void **state)
{
	(void)state;
	bn254_each_backend(check_subgroup);
}

/* psi is the multiplication by 6 x^2 = q mod r */
static void endomorphism(void **state)
{
	struct seed s = seed_start("endomorphism");

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		struct cdx_fr k;
		struct cdx_fr x;
		struct cdx_g2 a;
		struct cdx_g2j p;

		g2_any(&p, &s);
		cdx_g2j_to_affine(&a, &p);
		cdx_fr_from_u64(&x, BN_X);
		cdx_fr_sqr(&x, &x);
		cdx_fr_from_u64(&k, 6);
		cdx_fr_mul(&k, &k, &x);
		cdx_g2_mul(&p, &a, &k);
		cdx_g2_psi(&a, &a);
		assert_true(g2_is(&p, &a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g1_sums),
		cmocka_unit_test(g1_multiples),
		cmocka_unit_test(g1_codec),
		cmocka_unit_test(g2_sums),
		cmocka_unit_test(g2_multiples),
		cmocka_unit_test(g2_codec),
		cmocka_unit_test(g1_sum),
		cmocka_unit_test(halves_of_scalars),
		cmocka_unit_test(subgroup),
		cmocka_unit_test(many_subgroups),
		cmocka_unit_test(endomorphism),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
