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

#include "base/err.h"
#include "dataset/indexing.h"
#include "slots/geometry.h"
#include "tests/unit/vector_file.h"

#define BLOCK 65536u

static void assert_numbers(const struct cdx_geometry *g, uint64_t rounded,
			   uint64_t steps, uint64_t total, uint64_t slot_blocks,
			   uint64_t slot_cells)
{
	assert_int_equal(g->slots, g->k + g->m);
	assert_int_equal(g->rounded, rounded);
	assert_int_equal(g->steps, steps);
	assert_int_equal(g->total, total);
	assert_int_equal(g->slot_blocks, slot_blocks);
	assert_int_equal(g->slot_cells, slot_cells);
	assert_int_equal(g->slot_bytes, slot_blocks * g->block_size);
}

static void worked_examples(void **state)
{
	struct cdx_geometry g;

	(void)state;
	assert_int_equal(
		cdx_geometry_init(&g, 5, 2, 1, BLOCK, CDX_CELL_SIZE, NULL), 0);
	assert_int_equal(g.cells_per_block, 32);
	assert_numbers(&g, 6, 3, 9, 4, 128);
	assert_int_equal(g.slot_bytes, 262144);
	assert_int_equal(cdx_geometry_index(&g, 2, 1), 7);
	assert_int_equal(cdx_geometry_kind(&g, 4), CDX_INDEX_DATA);
	assert_int_equal(cdx_geometry_kind(&g, 5), CDX_INDEX_EMPTY);
	assert_int_equal(cdx_geometry_kind(&g, 6), CDX_INDEX_PARITY);

	assert_int_equal(
		cdx_geometry_init(&g, 8, 3, 2, BLOCK, CDX_CELL_SIZE, NULL), 0);
	assert_numbers(&g, 9, 3, 15, 4, 128);
	assert_int_equal(cdx_geometry_kind(&g, 8), CDX_INDEX_EMPTY);

	/* a slot of one block; no parity; exactly K blocks */
	assert_int_equal(
		cdx_geometry_init(&g, 4, 4, 0, BLOCK, CDX_CELL_SIZE, NULL), 0);
	assert_numbers(&g, 4, 1, 4, 1, 32);
	/* one column, no parity, one block */
	assert_int_equal(
		cdx_geometry_init(&g, 1, 1, 0, BLOCK, CDX_CELL_SIZE, NULL), 0);
	assert_numbers(&g, 1, 1, 1, 1, 32);
	/* a default segment */
	assert_int_equal(cdx_geometry_init(&g, 5120, 10, 5, BLOCK,
					   CDX_CELL_SIZE, NULL),
			 0);
	assert_numbers(&g, 5120, 512, 7680, 512, 16384);
	/* cells as large as blocks */
	assert_int_equal(cdx_geometry_init(&g, 5, 2, 1, BLOCK, BLOCK, NULL), 0);
	assert_numbers(&g, 6, 3, 9, 4, 4);
}

static void published_numbers(void **state)
{
	json_t *v = vector_load("derived_small_k3m2.json");
	const json_t *slots = vector_get(v, "slotIndices");
	struct cdx_geometry g;
	struct cdx_indexing all;

	(void)state;
	assert_int_equal(cdx_geometry_init(&g, vector_u64(v, "blocks"),
					   (uint32_t)vector_u64(v, "ecK"),
					   (uint32_t)vector_u64(v, "ecM"),
					   (uint32_t)vector_u64(v, "blockSize"),
					   (uint32_t)vector_u64(v, "cellSize"),
					   NULL),
			 0);
	assert_int_equal(g.cells_per_block, vector_u64(v, "cellsPerBlock"));
	assert_numbers(&g, vector_u64(v, "rounded"), vector_u64(v, "steps"),
		       vector_u64(v, "blocksCount"),
		       vector_u64(v, "numSlotBlocksTotal"),
		       vector_u64(v, "cellsPerSlot"));
	assert_int_equal(g.slot_bytes, vector_u64(v, "slotBytes"));
	assert_int_equal(g.slot_blocks - g.steps,
			 vector_u64(v, "padBlocksPerSlot"));
	/* the labels of padding are the indexing's, ours are below them */
	assert_int_equal(cdx_indexing_init(&all, CDX_STRATEGY_LINEAR, 0,
					   g.total - 1, g.slots, g.slots,
					   g.slot_blocks - g.steps),
			 0);
	for (uint32_t slot = 0; slot < g.slots; slot++) {
		const json_t *list = json_array_get(slots, slot);

		assert_int_equal(json_array_size(list), g.slot_blocks);
		for (uint64_t s = 0; s < g.slot_blocks; s++) {
			uint64_t want = (uint64_t)json_integer_value(
				json_array_get(list, s));
			uint64_t label;

			assert_int_equal(cdx_indexing_at(&label, &all, slot, s),
					 0);
			assert_int_equal(label, want);
			if (s < g.steps)
				assert_int_equal(
					cdx_geometry_index(&g, slot, s), want);
			else
				assert_true(want >= g.total);
		}
	}
	json_decref(v);
}

static void refused(const char *want, uint64_t blocks, uint32_t k, uint32_t m,
		    uint32_t block_size, uint32_t cell_size)
{
	struct cdx_geometry g = {.k = 99};
	char why[CDX_SLOTS_WHY_MAX] = "";

	assert_int_equal(cdx_geometry_init(&g, blocks, k, m, block_size,
					   cell_size, why),
			 -EINVAL);
	assert_string_equal(why, want);
	assert_int_equal(g.k, 99);
	assert_int_equal(cdx_geometry_init(&g, blocks, k, m, block_size,
					   cell_size, NULL),
			 -EINVAL);
}

static void refusals_in_words(void **state)
{
	struct cdx_geometry g;

	(void)state;
	refused("there must be at least 1 data column", 5, 0, 1, BLOCK, 2048);
	refused("datasets of fewer than 4 blocks cannot be protected with 4 "
		"data columns: the smallest has 4 blocks (262144 bytes)",
		3, 4, 2, BLOCK, 2048);
	refused("datasets of fewer than 4 blocks cannot be protected with 4 "
		"data columns: the smallest has 4 blocks (262144 bytes)",
		0, 4, 2, BLOCK, 2048);
	refused("200 data and 57 parity columns make more than 256 slots", 300,
		200, 57, BLOCK, 2048);
	refused("4294967295 data and 4294967295 parity columns make more than "
		"256 slots",
		300, UINT32_MAX, UINT32_MAX, BLOCK, 2048);
	assert_int_equal(cdx_geometry_init(&g, 300, 200, 56, BLOCK, 2048, NULL),
			 0);
	refused("the block size (65536 bytes) must be a multiple of the cell "
		"size (1000 bytes)",
		5, 2, 1, BLOCK, 1000);
	refused("the block size (65536 bytes) must be a multiple of the cell "
		"size (0 bytes)",
		5, 2, 1, BLOCK, 0);
	refused("the block size (0 bytes) must be a multiple of the cell size "
		"(2048 bytes)",
		5, 2, 1, 0, 2048);
	refused("a block has 3 cells; it must be a power of two", 5, 2, 1, 6144,
		2048);
	/* one block of one cell in a slot is too little to be sampled */
	refused("datasets of fewer than 3 blocks cannot be protected with 2 "
		"data columns: the smallest has 3 blocks (196608 bytes)",
		2, 2, 1, BLOCK, BLOCK);
}

static void too_large(void **state)
{
	struct cdx_geometry g;
	uint64_t cells = UINT64_C(1) << 32;

	(void)state;
	/* 2^32 cells in one column are the most, one block more is refused */
	assert_int_equal(
		cdx_geometry_init(&g, cells / 32, 1, 0, BLOCK, 2048, NULL), 0);
	assert_int_equal(g.slot_cells, cells);
	refused("a slot of 134217729 blocks has more than 2^32 cells of 2048 "
		"bytes",
		cells / 32 + 1, 1, 0, BLOCK, 2048);
	/* 2^32 - 1 blocks with parity are the most */
	refused("2863311532 blocks in 2 data and 1 parity columns become more "
		"than 4294967295 blocks",
		UINT64_C(2863311532), 2, 1, BLOCK, BLOCK);
	assert_int_equal(cdx_geometry_init(&g, UINT64_C(2863311530), 2, 1,
					   BLOCK, BLOCK, NULL),
			 0);
	assert_int_equal(g.total, UINT32_MAX);
	refused("18446744073709551615 blocks in 2 data and 1 parity columns "
		"become more than 4294967295 blocks",
		UINT64_MAX, 2, 1, BLOCK, 2048);
	/* a tree of one cell has one layer, which the circuit has no room for
	 * above 2^31 blocks */
	refused("the path of a cell has 33 nodes; the circuit takes 32",
		UINT32_MAX, 1, 0, BLOCK, BLOCK);
}

static struct cdx_manifest manifest_of(uint64_t size, uint32_t k, uint32_t m,
				       uint64_t total)
{
	struct cdx_manifest man = {
		.block_size = BLOCK,
		.dataset_size = total * BLOCK,
		.is_protected = true,
		.erasure = {.k = k,
			    .m = m,
			    .original_size = size,
			    .strategy = CDX_STRATEGY_STEPPED},
	};

	return man;
}

static void from_manifests(void **state)
{
	struct cdx_geometry g;
	struct cdx_geometry want;
	struct cdx_manifest m = manifest_of((uint64_t)4 * BLOCK + 1, 2, 1, 9);
	char why[CDX_SLOTS_WHY_MAX];

	(void)state;
	assert_int_equal(cdx_geometry_init(&want, 5, 2, 1, BLOCK, 4096, NULL),
			 0);
	assert_int_equal(cdx_geometry_of(&g, &m, 4096, NULL), 0);
	assert_memory_equal(&g, &want, sizeof(g));
	/* its own cell size, where it has one */
	m.is_verifiable = true;
	m.verification.cell_size = 4096;
	m.verification.slots = 3;
	assert_int_equal(cdx_geometry_of(&g, &m, 2048, NULL), 0);
	assert_memory_equal(&g, &want, sizeof(g));

	m.verification.slots = 4;
	assert_int_equal(cdx_geometry_of(&g, &m, 2048, why), CDX_E_FORMAT);
	assert_string_equal(why, "the manifest has 4 slot roots for 3 slots");
	m.verification.slots = 3;
	m.verification.strategy = CDX_STRATEGY_STEPPED;
	assert_int_equal(cdx_geometry_of(&g, &m, 2048, why), -EINVAL);
	assert_string_equal(why, "only linear slots are known, not strategy 1");
	m.verification.strategy = CDX_STRATEGY_LINEAR;
	m.verification.cell_size = 3000;
	assert_int_equal(cdx_geometry_of(&g, &m, 2048, why), -EINVAL);

	m = manifest_of((uint64_t)4 * BLOCK + 1, 2, 1, 8);
	assert_int_equal(cdx_geometry_of(&g, &m, 2048, why), CDX_E_FORMAT);
	assert_string_equal(
		why, "the manifest has 8 blocks where its geometry has 9");
	m = manifest_of(BLOCK, 2, 1, 3);
	assert_int_equal(cdx_geometry_of(&g, &m, 2048, why), -EINVAL);
	m = manifest_of(0, 1, 0, 0);
	assert_int_equal(cdx_geometry_of(&g, &m, 2048, why), -EINVAL);
	m = manifest_of((uint64_t)5 * BLOCK, 2, 1, 9);
	m.erasure.strategy = CDX_STRATEGY_LINEAR;
	assert_int_equal(cdx_geometry_of(&g, &m, 2048, why), -EINVAL);
	assert_string_equal(why,
			    "only stepped coding is known, not strategy 0");
	m.is_protected = false;
	assert_int_equal(cdx_geometry_of(&g, &m, 2048, why), -EINVAL);
	assert_string_equal(why, "the dataset is not protected");
}

/* Every encoded index belongs to one block of one slot, and blocks s of all
 * slots are one step of the code. */
static void slots_are_columns(void **state)
{
	(void)state;
	for (uint64_t blocks = 1; blocks < 60; blocks++) {
		for (uint32_t k = 1; k <= 6 && k <= blocks; k++) {
			struct cdx_geometry g;
			uint64_t next = 0;
			uint64_t data = 0;

			assert_int_equal(cdx_geometry_init(&g, blocks, k, 2,
							   BLOCK, 2048, NULL),
					 0);
			for (uint32_t slot = 0; slot < g.slots; slot++) {
				for (uint64_t s = 0; s < g.steps; s++) {
					uint64_t i =
						cdx_geometry_index(&g, slot, s);
					enum cdx_index_kind kind =
						cdx_geometry_kind(&g, i);

					assert_int_equal(i, next++);
					assert_int_equal(i % g.steps, s);
					data += kind == CDX_INDEX_DATA;
					assert_true(
						(kind == CDX_INDEX_PARITY) ==
						(slot >= k));
				}
			}
			assert_int_equal(next, g.total);
			assert_int_equal(data, blocks);
			assert_true(g.slot_blocks >= g.steps);
			assert_true(g.slot_blocks < 2 * g.steps);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worked_examples),
		cmocka_unit_test(published_numbers),
		cmocka_unit_test(refusals_in_words),
		cmocka_unit_test(too_large),
		cmocka_unit_test(from_manifests),
		cmocka_unit_test(slots_are_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
