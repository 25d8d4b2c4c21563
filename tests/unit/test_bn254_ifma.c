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
#include "bn254/internal.h"
#include "bn254/poseidon2.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"

/*
 * The vector code against the portable one, with other values in every lane.
 * test_bn254_ifma_verify is this with the bounds checked in every lane.
 */

#define MANY 33u /* two groups of two vectors, and one more */
#define CHAIN 2000u

static void need_lanes(void)
{
	if (cdx_ifma_have())
		return;
	printf("no AVX-512 IFMA here\n");
	skip();
}

/* What the portable code makes of it */
static void portable(struct cdx_fr (*state)[3], size_t n)
{
	cdx_bn254_backend_force(CDX_BN254_PORTABLE);
	for (size_t i = 0; i < n; i++)
		cdx_poseidon2_permute(state[i]);
}

static void check_equal(const struct cdx_fr *a, const struct cdx_fr *b,
			size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!cdx_fr_equal(&a[i], &b[i]))
			fail_msg("element %zu of %zu differs", i, n);
	}
}

/* Every number of states, each other than its neighbours; what lies behind
 * them stays as it is */
static void permutations_of_any_number(void **unused)
{
	struct seed seed = seed_start("permutations_of_any_number");
	struct cdx_fr got[MANY + 1][3];
	struct cdx_fr want[MANY + 1][3];

	(void)unused;
	need_lanes();
	for (size_t n = 1; n <= MANY; n++) {
		for (size_t i = 0; i < 3 * (n + 1); i++)
			bn254_any(&got[i / 3][i % 3], &seed);
		memcpy(want, got, sizeof(want));
		cdx_ifma_permute(got, n);
		portable(want, n);
		check_equal(got[0], want[0], 3 * (n + 1));
	}
}

/* The state whose first S-boxes get what @st is: the matrix 1 + J, whose
 * inverse is 1 - J / 4, and the constants undone */
static void before_sbox(struct cdx_fr st[3])
{
	struct cdx_fr quarter;
	struct cdx_fr sum = cdx_fr_zero;

	cdx_fr_from_u64(&quarter, 4);
	cdx_fr_inv(&quarter, &quarter);
	for (size_t i = 0; i < 3; i++) {
		cdx_fr_sub(&st[i], &st[i], &cdx_poseidon2_ext[0][i]);
		cdx_fr_add(&sum, &sum, &st[i]);
	}
	cdx_fr_mul(&sum, &sum, &quarter);
	for (size_t i = 0; i < 3; i++)
		cdx_fr_sub(&st[i], &st[i], &sum);
}

/* All pairs of values at the edges, and a third one, in the state and in the
 * first S-boxes */
static void permutations_of_edges(void **unused)
{
	enum {
		EDGES = CDX_ARRAY_LEN(bn254_edges),
		ALL = EDGES * EDGES
	};
	static struct cdx_fr got[ALL][3];
	static struct cdx_fr want[ALL][3];

	(void)unused;
	need_lanes();
	for (size_t third = 0; third < (size_t)2 * EDGES; third++) {
		for (size_t i = 0; i < ALL; i++) {
			got[i][0] = bn254_edges[i / EDGES];
			got[i][1] = bn254_edges[i % EDGES];
			got[i][2] = bn254_edges[(third + i) % EDGES];
			if (third >= EDGES)
				before_sbox(got[i]);
		}
		memcpy(want, got, sizeof(want));
		cdx_ifma_permute(got, ALL);
		portable(want, ALL);
		check_equal(got[0], want[0], (size_t)3 * ALL);
	}
}

/* Single bits and limbs of 52 ones, at every place */
static void permutations_of_limbs(void **unused)
{
	enum {
		ALL = 253
	};
	static struct cdx_fr got[ALL][3];
	static struct cdx_fr want[ALL][3];

	(void)unused;
	need_lanes();
	memset(got, 0, sizeof(got));
	for (size_t i = 0; i < ALL; i++) {
		got[i][0].l[i / 64] = UINT64_C(1) << (i % 64);
		for (size_t j = i; j < i + 52 && j < ALL; j++)
			got[i][1].l[j / 64] |= UINT64_C(1) << (j % 64);
		for (size_t j = 0; j < i; j++)
			got[i][2].l[j / 64] |= UINT64_C(1) << (j % 64);
	}
	memcpy(want, got, sizeof(want));
	cdx_ifma_permute(got, ALL);
	portable(want, ALL);
	check_equal(got[0], want[0], (size_t)3 * ALL);
}

/* Each permutation's result is the next one's input */
static void long_chains(void **unused)
{
	struct seed seed = seed_start("long_chains");
	struct cdx_fr got[25][3];
	struct cdx_fr want[25][3];

	(void)unused;
	need_lanes();
	for (size_t i = 0; i < (size_t)3 * 25; i++)
		bn254_any(&got[i / 3][i % 3], &seed);
	memcpy(want, got, sizeof(want));
	for (size_t i = 0; i < CHAIN; i++)
		cdx_ifma_permute(got, CDX_ARRAY_LEN(got));
	for (size_t i = 0; i < CHAIN; i++)
		portable(want, CDX_ARRAY_LEN(want));
	check_equal(got[0], want[0], 3 * CDX_ARRAY_LEN(got));
}

/* Into other memory and into its own */
static void layers_of_any_size(void **unused)
{
	struct seed seed = seed_start("layers_of_any_size");
	struct cdx_fr in[2 * MANY];
	struct cdx_fr got[MANY];
	struct cdx_fr want[MANY];

	(void)unused;
	need_lanes();
	for (size_t n = 1; n <= MANY; n++) {
		const unsigned key = (unsigned)(n % 4);

		for (size_t i = 0; i < 2 * n; i++)
			bn254_any(&in[i], &seed);
		cdx_bn254_backend_force(CDX_BN254_PORTABLE);
		for (size_t i = 0; i < n; i++)
			cdx_poseidon2_compress(&want[i], &in[2 * i],
					       &in[2 * i + 1], key);
		cdx_ifma_compress_pairs(got, in, n, key);
		check_equal(got, want, n);
		cdx_ifma_compress_pairs(in, in, n, key);
		check_equal(in, want, n);
	}
}

/* In memory that ends where the last cell does, so that ASan sees a read
 * beyond it */
static void check_cells(struct seed *seed, size_t len, size_t n, int fill)
{
	uint8_t *cells = malloc(len * n > 0 ? len * n : 1);
	struct cdx_fr got[MANY];

	assert_non_null(cells);
	if (fill < 0)
		seed_fill(seed, cells, len * n);
	else
		memset(cells, fill, len * n);
	cdx_ifma_hash_cells(got, cells, len, n);
	cdx_bn254_backend_force(CDX_BN254_PORTABLE);
	for (size_t i = 0; i < n; i++) {
		struct cdx_fr want;

		cdx_poseidon2_hash(&want, cells + i * len, len);
		if (!cdx_fr_equal(&got[i], &want))
			fail_msg("cell %zu of %zu, %zu bytes", i, n, len);
	}
	free(cells);
}

static void cells_of_any_size(void **unused)
{
	static const size_t lens[] = {30, 31, 32,   61,	  62,	63,
				      64, 93, 1024, 2047, 2048, 2049};
	struct seed seed = seed_start("cells_of_any_size");

	(void)unused;
	need_lanes();
	for (size_t len = 0; len < 130; len++)
		check_cells(&seed, len, 1 + len % MANY, -1);
	for (size_t i = 0; i < CDX_ARRAY_LEN(lens); i++) {
		check_cells(&seed, lens[i], 1 + i, -1);
		check_cells(&seed, lens[i], 17, 0xff);
		check_cells(&seed, lens[i], 9, 0);
	}
	for (size_t n = 1; n <= MANY; n++)
		check_cells(&seed, 100, n, -1);
	check_cells(&seed, 2048, MANY, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(permutations_of_any_number),
		cmocka_unit_test(permutations_of_edges),
		cmocka_unit_test(permutations_of_limbs),
		cmocka_unit_test(long_chains),
		cmocka_unit_test(layers_of_any_size),
		cmocka_unit_test(cells_of_any_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
