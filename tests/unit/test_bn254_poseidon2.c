/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bn254/backend.h"
#include "bn254/internal.h"
#include "bn254/poseidon2.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"
#include "tests/unit/vector_file.h"

/*
 * Poseidon2 against the published numbers, with every back end that this
 * machine has, and the back ends against each other.
 */

#define MANY ((size_t)37) /* several groups of eight, and some more */

static void assert_text(const struct cdx_fr *got, const json_t *want)
{
	char text[CDX_FR_TEXT_MAX];

	cdx_fr_to_text(text, got);
	assert_string_equal(text, json_string_value(want));
}

static void assert_constant(const struct cdx_fr *got, const json_t *hex)
{
	const char *s = json_string_value(hex);
	struct cdx_fr want;
	uint8_t be[CDX_FR_BYTES];
	uint8_t le[CDX_FR_BYTES];

	assert_non_null(s);
	assert_int_equal(cdx_unhex(be, sizeof(be), s + 2), 0);
	for (size_t i = 0; i < sizeof(be); i++)
		le[i] = be[sizeof(be) - 1 - i];
	assert_int_equal(cdx_fr_from_bytes(&want, le), 0);
	assert_true(cdx_fr_equal(got, &want));
}

static void constants_are_the_published_ones(void **state)
{
	json_t *v = vector_load("poseidon2_bn254_t3_constants.json");
	const json_t *ext = vector_get(v, "external_round_constants_hex");
	const json_t *in = vector_get(v, "internal_round_constants_hex");

	(void)state;
	assert_int_equal(json_array_size(ext), CDX_POSEIDON2_EXTERNAL);
	assert_int_equal(json_array_size(in), CDX_POSEIDON2_INTERNAL);
	for (size_t i = 0; i < CDX_POSEIDON2_EXTERNAL; i++)
		for (size_t j = 0; j < 3; j++)
			assert_constant(&cdx_poseidon2_ext[i][j],
					json_array_get(json_array_get(ext, i),
						       j));
	for (size_t i = 0; i < CDX_POSEIDON2_INTERNAL; i++)
		assert_constant(&cdx_poseidon2_int[i], json_array_get(in, i));
	json_decref(v);
}

static void check_permutation(void)
{
	json_t *v = vector_load("poseidon2_permutation.json");
	const json_t *out = vector_get(v, "out_dec");
	struct cdx_fr s[MANY][3];

	for (size_t n = 0; n <= MANY; n++) {
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < 3; j++)
				cdx_fr_from_u64(&s[i][j], j);
		if (n == 1)
			cdx_poseidon2_permute(s[0]);
		else
			cdx_poseidon2_permute_many(s, n);
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < 3; j++)
				assert_text(&s[i][j], json_array_get(out, j));
	}
	json_decref(v);
}

static void permutation_of_the_vectors(void **state)
{
	(void)state;
	bn254_each_backend(check_permutation);
}

static void check_sponges(void)
{
	json_t *v = vector_load("poseidon2_sponge_fields.json");
	const json_t *rates[] = {vector_get(v, "rate1"),
				 vector_get(v, "rate2")};
	struct cdx_fr in[16];
	struct cdx_fr out;

	for (size_t i = 0; i < CDX_ARRAY_LEN(in); i++)
		cdx_fr_from_u64(&in[i], i + 1);
	for (unsigned r = 0; r < 2; r++) {
		assert_in_range(json_array_size(rates[r]), 1, 16);
		for (size_t n = 0; n < json_array_size(rates[r]); n++) {
			cdx_poseidon2_sponge(&out, in, n, r + 1);
			assert_text(&out, json_array_get(rates[r], n));
		}
	}
	json_decref(v);
}

static void check_bytes(void)
{
	json_t *v = vector_load("poseidon2_sponge_bytes.json");
	const json_t *want = vector_get(v, "hash");
	size_t most = json_array_size(want);
	struct cdx_fr elements[8];
	struct cdx_fr out[MANY];
	uint8_t cells[MANY * 128];

	assert_in_range(most, 1, 128);
	for (size_t n = 0; n < most; n++) {
		for (size_t i = 0; i < MANY; i++)
			for (size_t j = 0; j < n; j++)
				cells[i * n + j] = (uint8_t)(j + 1);
		cdx_poseidon2_hash(&out[0], cells, n);
		assert_text(&out[0], json_array_get(want, n));
		cdx_poseidon2_hash_cells(out, cells, n, MANY);
		for (size_t i = 0; i < MANY; i++)
			assert_text(&out[i], json_array_get(want, n));
		assert_in_range(cdx_poseidon2_elements(n), 1, 8);
		cdx_poseidon2_to_elements(elements, cells, n);
		cdx_poseidon2_sponge(&out[0], elements,
				     cdx_poseidon2_elements(n), 2);
		assert_text(&out[0], json_array_get(want, n));
	}
	/* no bytes at no address */
	cdx_poseidon2_hash(&out[0], NULL, 0);
	assert_text(&out[0], json_array_get(want, 0));
	cdx_poseidon2_hash_cells(out, NULL, 0, MANY);
	for (size_t i = 0; i < MANY; i++)
		assert_text(&out[i], json_array_get(want, 0));
	json_decref(v);
}

static void sponges_of_the_vectors(void **state)
{
	(void)state;
	bn254_each_backend(check_sponges);
	bn254_each_backend(check_bytes);
}

/* 66 elements of 31 bytes; the two bytes left and the marker are the last */
static void elements_of_a_cell(void **state)
{
	struct cdx_fr got[67];
	struct cdx_fr want;
	uint8_t cell[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(cell); i++)
		cell[i] = (uint8_t)(i * 7 + 3);
	assert_int_equal(cdx_poseidon2_elements(sizeof(cell)), 67);
	assert_int_equal(cdx_poseidon2_elements(0), 1);
	assert_int_equal(cdx_poseidon2_elements(30), 1);
	assert_int_equal(cdx_poseidon2_elements(31), 2);
	cdx_poseidon2_to_elements(got, cell, sizeof(cell));
	for (size_t i = 0; i < 66; i++) {
		cdx_fr_from_short(&want, cell + 31 * i, 31);
		assert_true(cdx_fr_equal(&got[i], &want));
	}
	cdx_fr_from_u64(&want,
			cell[2046] + 256u * cell[2047] + UINT64_C(65536));
	assert_true(cdx_fr_equal(&got[66], &want));
}

/* One layer of a tree in place: odd nodes get a zero and the key's bit 1 */
static size_t layer(struct cdx_fr *nodes, size_t n, unsigned bottom)
{
	bool odd = n % 2 != 0;
	struct cdx_fr last = nodes[n - 1];

	cdx_poseidon2_compress_pairs(nodes, nodes, n / 2, bottom);
	if (odd)
		cdx_poseidon2_compress(&nodes[n / 2], &last, &cdx_fr_zero,
				       bottom + 2);
	return n / 2 + odd;
}

static void root(struct cdx_fr *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cdx_fr_from_u64(&nodes[i], i + 1);
	n = layer(nodes, n, 1);
	while (n > 1)
		n = layer(nodes, n, 0);
}

static void check_trees(void)
{
	json_t *v = vector_load("poseidon2_merkle_fields.json");
	const json_t *want = vector_get(v, "root");
	struct cdx_fr nodes[64];

	assert_in_range(json_array_size(want), 1, 64);
	for (size_t n = 1; n <= json_array_size(want); n++) {
		root(nodes, n);
		assert_text(&nodes[0], json_array_get(want, n - 1));
	}
	json_decref(v);
}

static void trees_of_the_vectors(void **state)
{
	(void)state;
	bn254_each_backend(check_trees);
}

static void a_large_tree(void **state)
{
	json_t *v = vector_load("poseidon2_merkle_fields.json");
	const size_t n = (size_t)1 << 17;
	struct cdx_fr *nodes = malloc(n * sizeof(*nodes));
	uint8_t bytes[CDX_FR_BYTES];
	char hex[2 * CDX_FR_BYTES + 1];

	(void)state;
	assert_non_null(nodes);
	root(nodes, n);
	cdx_fr_to_bytes(bytes, &nodes[0]);
	cdx_hex(hex, bytes, sizeof(bytes));
	assert_string_equal(
		hex, vector_text(v, "root_2pow17_elements_1..131072_LEhex"));
	free(nodes);
	json_decref(v);
}

/* Different values in all lanes, edges among them, a chain of permutations */
static void back_ends_agree_on_permutations(void **state)
{
	struct seed seed = seed_start("back_ends_agree_on_permutations");
	struct cdx_fr start[MANY][3];
	struct cdx_fr want[MANY][3];
	struct cdx_fr got[MANY][3];

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		for (size_t j = 0; j < 3; j++)
			bn254_any(&start[i][j], &seed);
	cdx_bn254_backend_force(CDX_BN254_PORTABLE);
	memcpy(want, start, sizeof(want));
	for (size_t k = 0; k < 20; k++)
		for (size_t i = 0; i < MANY; i++)
			cdx_poseidon2_permute(want[i]);
	for (int b = 0; b < CDX_BN254_BACKENDS; b++) {
		if (!cdx_bn254_backend_have((enum cdx_bn254_backend)b))
			continue;
		cdx_bn254_backend_force((enum cdx_bn254_backend)b);
		memcpy(got, start, sizeof(got));
		for (size_t k = 0; k < 20; k++)
			cdx_poseidon2_permute_many(got, MANY);
		assert_memory_equal(got, want, sizeof(got));
		memcpy(got, start, sizeof(got));
		for (size_t k = 0; k < 20; k++)
			for (size_t i = 0; i < MANY; i++)
				cdx_poseidon2_permute(got[i]);
		assert_memory_equal(got, want, sizeof(got));
	}
}

static void back_ends_agree_on_layers(void **state)
{
	struct seed seed = seed_start("back_ends_agree_on_layers");
	struct cdx_fr in[2 * MANY];
	struct cdx_fr want[MANY];
	struct cdx_fr got[2 * MANY];

	(void)state;
	for (size_t i = 0; i < 2 * MANY; i++)
		bn254_any(&in[i], &seed);
	for (unsigned key = 0; key < 4; key++) {
		cdx_bn254_backend_force(CDX_BN254_PORTABLE);
		for (size_t i = 0; i < MANY; i++)
			cdx_poseidon2_compress(&want[i], &in[2 * i],
					       &in[2 * i + 1], key);
		for (int b = 0; b < CDX_BN254_BACKENDS; b++) {
			if (!cdx_bn254_backend_have((enum cdx_bn254_backend)b))
				continue;
			cdx_bn254_backend_force((enum cdx_bn254_backend)b);
			for (size_t n = 0; n <= MANY; n++) {
				memcpy(got, in, sizeof(got));
				cdx_poseidon2_compress_pairs(got, got, n, key);
				assert_memory_equal(got, want,
						    n * sizeof(got[0]));
			}
		}
	}
}

static void check_cells(struct seed *seed, size_t len, size_t n)
{
	uint8_t *cells = malloc(len > 0 ? n * len : 1);
	struct cdx_fr want[MANY];
	struct cdx_fr got[MANY];

	assert_non_null(cells);
	seed_fill(seed, cells, n * len);
	if (seed_below(seed, 4) == 0)
		memset(cells, 0xff, n * len);
	cdx_bn254_backend_force(CDX_BN254_PORTABLE);
	for (size_t i = 0; i < n; i++)
		cdx_poseidon2_hash(&want[i], cells + i * len, len);
	for (int b = 0; b < CDX_BN254_BACKENDS; b++) {
		if (!cdx_bn254_backend_have((enum cdx_bn254_backend)b))
			continue;
		cdx_bn254_backend_force((enum cdx_bn254_backend)b);
		cdx_poseidon2_hash_cells(got, cells, len, n);
		assert_memory_equal(got, want, n * sizeof(got[0]));
	}
	free(cells);
}

static void back_ends_agree_on_cells(void **state)
{
	struct seed seed = seed_start("back_ends_agree_on_cells");

	(void)state;
	for (size_t len = 0; len < 140; len++)
		check_cells(&seed, len, 1 + len % MANY);
	for (size_t n = 1; n <= 17; n++)
		check_cells(&seed, 2048, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constants_are_the_published_ones),
		cmocka_unit_test(permutation_of_the_vectors),
		cmocka_unit_test(sponges_of_the_vectors),
		cmocka_unit_test(elements_of_a_cell),
		cmocka_unit_test(trees_of_the_vectors),
		cmocka_unit_test(a_large_tree),
		cmocka_unit_test(back_ends_agree_on_permutations),
		cmocka_unit_test(back_ends_agree_on_layers),
		cmocka_unit_test(back_ends_agree_on_cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
