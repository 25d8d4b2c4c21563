/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataset/indexing.h"
#include "tests/unit/vector_file.h"

/* All iterations of @s equal an array of arrays, shifted by @offset */
static void assert_lists(const struct cdx_indexing *s, const json_t *want,
			 uint64_t offset)
{
	assert_int_equal(json_array_size(want), s->iterations);
	for (uint64_t k = 0; k < s->iterations; k++) {
		const json_t *list = json_array_get(want, (size_t)k);
		uint64_t n;
		uint64_t at;

		assert_int_equal(cdx_indexing_count(&n, s, k), 0);
		assert_int_equal(n, json_array_size(list));
		for (uint64_t i = 0; i < n; i++) {
			json_int_t j = json_integer_value(
				json_array_get(list, (size_t)i));

			assert_int_equal(cdx_indexing_at(&at, s, k, i), 0);
			assert_int_equal(at, (uint64_t)j + offset);
		}
		assert_int_equal(cdx_indexing_at(&at, s, k, n), -EINVAL);
	}
}

static void lists_of_the_vectors(void **state)
{
	json_t *v = vector_load("indexing_strategy.json");
	const json_t *twelve = vector_get(v, "first0_last12_iters3");
	const json_t *offsets = vector_get(v, "offsets_tested");
	struct cdx_indexing s;

	(void)state;
	for (size_t i = 0; i < json_array_size(offsets); i++) {
		uint64_t o = (uint64_t)json_integer_value(
			json_array_get(offsets, i));

		assert_int_equal(cdx_indexing_init(&s, CDX_STRATEGY_LINEAR, o,
						   o + 12, 3, 0, 0),
				 0);
		assert_lists(&s, vector_get(twelve, "linear"), o);
		assert_int_equal(cdx_indexing_init(&s, CDX_STRATEGY_STEPPED, o,
						   o + 12, 3, 0, 0),
				 0);
		assert_lists(&s, vector_get(twelve, "stepped"), o);
	}
	assert_int_equal(
		cdx_indexing_init(&s, CDX_STRATEGY_LINEAR, 0, 11, 3, 0, 0), 0);
	assert_lists(&s, vector_get(v, "first0_last11_iters3_linear"), 0);
	json_decref(v);
}

static void slots_of_the_small_dataset(void **state)
{
	json_t *v = vector_load("derived_small_k3m2.json");
	uint64_t slots = vector_u64(v, "numSlots");
	struct cdx_indexing s;

	(void)state;
	assert_int_equal(cdx_indexing_init(&s, CDX_STRATEGY_LINEAR, 0,
					   vector_u64(v, "blocksCount") - 1,
					   slots, slots,
					   vector_u64(v, "padBlocksPerSlot")),
			 0);
	assert_lists(&s, vector_get(v, "slotIndices"), 0);
	json_decref(v);
}

/* spec/datasets.md 5.2: decoding takes K data, then M parity of a step */
static void steps_of_the_worked_example(void **state)
{
	static const uint64_t want[3][3] = {{0, 3, 6}, {1, 4, 7}, {2, 5, 8}};
	struct cdx_indexing s;
	uint64_t at;

	(void)state;
	assert_int_equal(
		cdx_indexing_init(&s, CDX_STRATEGY_STEPPED, 0, 8, 3, 0, 0), 0);
	for (uint64_t k = 0; k < 3; k++)
		for (uint64_t i = 0; i < 3; i++) {
			assert_int_equal(cdx_indexing_at(&at, &s, k, i), 0);
			assert_int_equal(at, want[k][i]);
		}
}

/* Every index exactly once, whatever the shape */
static void every_index_is_dealt_once(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 40; n++)
		for (uint64_t iterations = 1; iterations <= 45; iterations++)
			for (int strategy = 0; strategy < 2; strategy++) {
				uint8_t seen[40] = {0};
				struct cdx_indexing s;

				assert_int_equal(
					cdx_indexing_init(
						&s, (enum cdx_strategy)strategy,
						7, 7 + n - 1, iterations, 0, 0),
					0);
				for (uint64_t k = 0; k < iterations; k++) {
					uint64_t c;
					uint64_t at;

					assert_int_equal(
						cdx_indexing_count(&c, &s, k),
						0);
					while (c--) {
						assert_int_equal(
							cdx_indexing_at(&at, &s,
									k, c),
							0);
						assert_in_range(at, 7,
								7 + n - 1);
						seen[at - 7]++;
					}
				}
				for (uint64_t i = 0; i < n; i++)
					assert_int_equal(seen[i], 1);
			}
}

static void absurd_shapes_are_refused(void **state)
{
	enum cdx_strategy lin = CDX_STRATEGY_LINEAR;
	struct cdx_indexing s;
	uint64_t out;

	(void)state;
	assert_int_equal(cdx_indexing_init(&s, lin, 1, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(cdx_indexing_init(&s, lin, 0, 9, 0, 0, 0), -EINVAL);
	assert_int_equal(cdx_indexing_init(&s, lin, 0, 9, 3, 0, 1), -EINVAL);
	assert_int_equal(cdx_indexing_init(&s, (enum cdx_strategy)2, 0, 9, 3, 0,
					   0),
			 -EINVAL);
	assert_int_equal(cdx_indexing_init(&s, lin, 0, UINT64_MAX, 1, 0, 0),
			 -EINVAL);
	assert_int_equal(cdx_indexing_init(&s, lin, 0, 9, UINT64_MAX, 0, 0),
			 -EINVAL);
	assert_int_equal(cdx_indexing_init(&s, lin, 0, 9, 3, UINT64_MAX, 3),
			 -EINVAL);
	assert_int_equal(cdx_indexing_init(&s, lin, 0, 9, 3, 5, INT64_MAX),
			 -EINVAL);

	assert_int_equal(cdx_indexing_init(&s, lin, 0, 9, 3, 3, 2), 0);
	assert_int_equal(cdx_indexing_count(&out, &s, 3), -EINVAL);
	assert_int_equal(cdx_indexing_at(&out, &s, 3, 0), -EINVAL);

	/* the largest shape that Codex can count */
	assert_int_equal(
		cdx_indexing_init(&s, lin, 0, INT64_MAX, INT64_MAX, 0, 0), 0);
	assert_int_equal(s.step, 2);
	assert_int_equal(cdx_indexing_count(&out, &s, INT64_MAX - 1), 0);
	assert_int_equal(out, 0);
	assert_int_equal(cdx_indexing_at(&out, &s, INT64_MAX / 2, 1), 0);
	assert_true(out == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_the_vectors),
		cmocka_unit_test(slots_of_the_small_dataset),
		cmocka_unit_test(steps_of_the_worked_example),
		cmocka_unit_test(every_index_is_dealt_once),
		cmocka_unit_test(absurd_shapes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
