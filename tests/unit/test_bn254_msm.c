/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "bn254/backend.h"
#include "bn254/msm.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"

/*
 * Sums of points against products, by every back end.  test_bn254_msm_verify
 * is this with the bounds of the vector code checked in every lane.
 */

#define POOL 1024u
#define LARGE 6000u

/* A point, @log times the generator, and a scalar */
struct term {
	int log;
	struct cdx_fr k;
};

/* How the points are chosen */
enum {
	POINTS_ANY,
	POINTS_EQUAL,	 /* all the same */
	POINTS_OPPOSITE, /* one and its opposite in turn */
	POINTS_FEW,	 /* one of three, or its opposite, or infinity */
	POINTS_INFINITE, /* half of them, and all but one sometimes */
	POINTS_NONE,	 /* all infinite */
	POINT_KINDS,
};

/* How the scalars are chosen */
enum {
	SCALARS_ANY,
	SCALARS_SMALL,
	SCALARS_EDGES, /* 0, 1, r - 1 and their neighbours */
	SCALARS_SAME,  /* all the same */
	SCALARS_BITS,  /* one bit */
	SCALARS_ZERO,
	SCALAR_KINDS,
};

static void from_log(struct cdx_fr *out, int log)
{
	cdx_fr_from_u64(out, (uint64_t)(log < 0 ? -log : log));
	if (log < 0)
		cdx_fr_neg(out, out);
}

static int any_log(struct seed *s)
{
	const int log = 1 + (int)seed_below(s, POOL);

	return seed_below(s, 2) ? log : -log;
}

static int make_log(int kind, size_t i, int one, struct seed *s)
{
	switch (kind) {
	case POINTS_EQUAL:
		return one;
	case POINTS_OPPOSITE:
		return i % 2 ? one : -one;
	case POINTS_FEW:
		return (int)seed_below(s, 7) - 3;
	case POINTS_INFINITE:
		return seed_below(s, 2) || (one % 2 && i > 0) ? 0 : any_log(s);
	case POINTS_NONE:
		return 0;
	default:
		return any_log(s);
	}
}

static void make_scalar(struct cdx_fr *k, int kind, const struct cdx_fr *one,
			struct seed *s)
{
	switch (kind) {
	case SCALARS_SMALL:
		cdx_fr_from_u64(k, seed_below(s, 20));
		break;
	case SCALARS_EDGES:
		from_log(k, (int)seed_below(s, 5) - 2);
		break;
	case SCALARS_SAME:
		*k = *one;
		break;
	case SCALARS_BITS:
		cdx_fr_from_u64(k, UINT64_C(1) << seed_below(s, 64));
		break;
	case SCALARS_ZERO:
		*k = cdx_fr_zero;
		break;
	default:
		bn254_any(k, s);
		break;
	}
}

static void make_terms(struct term *terms, size_t n, int points, int scalars,
		       struct seed *s)
{
	const int log = any_log(s);
	struct cdx_fr k;

	bn254_any(&k, s);
	for (size_t i = 0; i < n; i++) {
		terms[i].log = make_log(points, i, log, s);
		make_scalar(&terms[i].k, scalars, &k, s);
	}
}

/* Mostly any, some of every kind */
static void any_terms(struct term *terms, size_t n, struct seed *s)
{
	make_terms(terms, n, POINTS_ANY, SCALARS_ANY, s);
	for (size_t i = 0; i < n / 8; i++)
		make_terms(&terms[seed_below(s, n)], 1,
			   (int)seed_below(s, POINT_KINDS),
			   (int)seed_below(s, SCALAR_KINDS), s);
}

/* Returns new memory */
static uint8_t *encode_scalars(const struct term *terms, size_t n)
{
	uint8_t *bytes = malloc(n * CDX_FR_BYTES);

	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++)
		cdx_fr_to_bytes(bytes + i * CDX_FR_BYTES, &terms[i].k);
	return bytes;
}

#define CASE(x) x##_g1
#define NAME(x) cdx_msm_g1_##x
#define WHOLE cdx_msm_g1
#define AFFINE struct cdx_g1
#define JACOBIAN struct cdx_g1j
#define AFFINE_NAME(x) cdx_g1_##x
#define JACOBIAN_NAME(x) cdx_g1j_##x
#define POINT_BYTES CDX_G1_BYTES
#include "tests/unit/msm_cases.h"
#undef CASE
#undef NAME
#undef WHOLE
#undef AFFINE
#undef JACOBIAN
#undef AFFINE_NAME
#undef JACOBIAN_NAME
#undef POINT_BYTES

#define CASE(x) x##_g2
#define NAME(x) cdx_msm_g2_##x
#define WHOLE cdx_msm_g2
#define AFFINE struct cdx_g2
#define JACOBIAN struct cdx_g2j
#define AFFINE_NAME(x) cdx_g2_##x
#define JACOBIAN_NAME(x) cdx_g2j_##x
#define POINT_BYTES CDX_G2_BYTES
#include "tests/unit/msm_cases.h"

static int make_pools(void **unused)
{
	(void)unused;
	make_pool_g1();
	make_pool_g2();
	return 0;
}

static void small_sums(void **unused)
{
	(void)unused;
	bn254_each_backend(small_g1);
	bn254_each_backend(small_g2);
}

static void structured_sums(void **unused)
{
	(void)unused;
	bn254_each_backend(structured_g1);
	bn254_each_backend(structured_g2);
}

static void large_sums(void **unused)
{
	(void)unused;
	bn254_each_backend(large_g1);
	bn254_each_backend(large_g2);
}

static void naive_sums(void **unused)
{
	(void)unused;
	bn254_each_backend(naive_g1);
	bn254_each_backend(naive_g2);
}

static void nothing_to_add(void **unused)
{
	const uint8_t scalar[CDX_FR_BYTES] = {5};
	struct cdx_msm_plan *plan = NULL;
	struct cdx_g1j g1;
	struct cdx_g2j g2;

	(void)unused;
	assert_int_equal(cdx_msm_plan_new(&plan, scalar, 0), -EINVAL);
	assert_int_equal(cdx_msm_plan_new(&plan, scalar, ((size_t)1 << 28) + 1),
			 -EINVAL);
	assert_null(plan);
	cdx_msm_plan_free(NULL);
	assert_int_equal(cdx_msm_g1(&g1, NULL, NULL, 0), 0);
	assert_true(cdx_g1j_is_infinity(&g1));
	assert_int_equal(cdx_msm_g2(&g2, NULL, NULL, 0), 0);
	assert_true(cdx_g2j_is_infinity(&g2));
	assert_int_equal(cdx_msm_plan_new(&plan, scalar, 1), 0);
	assert_int_equal(cdx_msm_g1_window(&g1, plan, NULL, 1, 0, 0), 0);
	assert_true(cdx_g1j_is_infinity(&g1));
	cdx_msm_plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(naive_sums),	   cmocka_unit_test(small_sums),
		cmocka_unit_test(structured_sums), cmocka_unit_test(large_sums),
		cmocka_unit_test(nothing_to_add),
	};

	return cmocka_run_group_tests(tests, make_pools, NULL);
}
