/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

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
#include "bn254/fixed_base.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"

/* Multiples from the table against those of one point at a time, by every back
 * end.  test_bn254_fixed_base_verify has the bounds checked. */

#define MANY 300u

/* Edges, small ones, powers of two and their opposites, any */
static void scalars(struct cdx_fr *k, size_t n, struct seed *s)
{
	for (size_t i = 0; i < n; i++) {
		switch (seed_below(s, 4)) {
		case 0:
			cdx_fr_from_u64(&k[i], seed_below(s, 5));
			break;
		case 1:
			cdx_fr_from_u64(&k[i], UINT64_C(1)
						       << seed_below(s, 64));
			break;
		default:
			bn254_any(&k[i], s);
			break;
		}
		if (seed_below(s, 4) == 0)
			cdx_fr_neg(&k[i], &k[i]);
	}
}

/* Into memory at an odd address, of just the size */
#define CHECK_GROUP(g, bytes)                                                  \
	static void check_##g(void)                                            \
	{                                                                      \
		struct seed seed = seed_start(#g);                             \
		uint8_t *got = malloc(1 + (size_t)MANY * (bytes));             \
		struct cdx_##g base = cdx_##g##_generator;                     \
		struct cdx_fixed_##g *t;                                       \
		struct cdx_##g##j j;                                           \
		struct cdx_fr k[MANY];                                         \
                                                                               \
		assert_non_null(got);                                          \
		bn254_any(&k[0], &seed);                                       \
		if (!cdx_fr_is_zero(&k[0])) {                                  \
			cdx_##g##_mul(&j, &base, &k[0]);                       \
			cdx_##g##j_to_affine(&base, &j);                       \
		}                                                              \
		assert_int_equal(cdx_fixed_##g##_new(&t, &base), 0);           \
		scalars(k, MANY, &seed);                                       \
		assert_int_equal(cdx_fixed_##g##_mul(t, got + 1, k, MANY), 0); \
		assert_int_equal(cdx_fixed_##g##_mul(t, NULL, NULL, 0), 0);    \
		for (size_t i = 0; i < MANY; i++) {                            \
			uint8_t want[bytes];                                   \
			struct cdx_##g p;                                      \
                                                                               \
			cdx_##g##_mul(&j, &base, &k[i]);                       \
			cdx_##g##j_to_affine(&p, &j);                          \
			cdx_##g##_encode(want, &p);                            \
			assert_memory_equal(got + 1 + i * (bytes), want,       \
					    bytes);                            \
		}                                                              \
		cdx_fixed_##g##_free(t);                                       \
		free(got);                                                     \
	}

CHECK_GROUP(g1, CDX_G1_BYTES)
CHECK_GROUP(g2, CDX_G2_BYTES)

static void multiples_in_g1(void **unused)
{
	(void)unused;
	bn254_each_backend(check_g1);
}

static void multiples_in_g2(void **unused)
{
	(void)unused;
	bn254_each_backend(check_g2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(multiples_in_g1),
		cmocka_unit_test(multiples_in_g2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
