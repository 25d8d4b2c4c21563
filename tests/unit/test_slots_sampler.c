/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "bn254/poseidon2.h"
#include "slots/builder.h"
#include "slots/sampler.h"
#include "tests/unit/vector_file.h"

/* One slot in memory, and the roots of all */
struct slot_mem {
	struct cdx_geometry g;
	uint8_t *blocks;      /* steps of them */
	struct cdx_fr *nodes; /* of the slot's tree */
	struct cdx_fr roots[CDX_SLOTS_MAX];
	unsigned asked; /* blocks */
	int fail_block; /* results to give instead */
	int fail_node;
};

static int give_block(void *arg, uint64_t s, uint8_t *out)
{
	struct slot_mem *m = arg;

	assert_true(s < m->g.steps);
	m->asked++;
	memcpy(out, m->blocks + s * m->g.block_size, m->g.block_size);
	return m->fail_block;
}

static int give_node(void *arg, unsigned layer, uint64_t i, struct cdx_fr *out)
{
	struct slot_mem *m = arg;
	const struct cdx_fr *node = m->nodes;

	assert_true(i < cdx_p2tree_width(m->g.slot_blocks, layer));
	for (unsigned d = 0; d < layer; d++)
		node += cdx_p2tree_width(m->g.slot_blocks, d);
	*out = node[i];
	return m->fail_node;
}

static void slot_alloc(struct slot_mem *m)
{
	m->blocks = calloc(m->g.steps, m->g.block_size);
	m->nodes =
		calloc(cdx_p2tree_nodes(m->g.slot_blocks), sizeof(*m->nodes));
	assert_non_null(m->blocks);
	assert_non_null(m->nodes);
}

static void slot_free(struct slot_mem *m)
{
	free(m->blocks);
	free(m->nodes);
}

/* Builds the tree over what the blocks hold now; the root becomes @slot's */
static void slot_build(struct slot_mem *m, uint32_t slot)
{
	struct cdx_fr *digest = calloc(m->g.steps, sizeof(*digest));

	assert_non_null(digest);
	assert_int_equal(
		cdx_block_digests(digest, &m->g, m->blocks, m->g.steps), 0);
	assert_int_equal(cdx_slot_tree(m->nodes, &m->g, digest), 0);
	m->roots[slot] = m->nodes[cdx_p2tree_nodes(m->g.slot_blocks) - 1];
	free(digest);
}

static int make(struct cdx_proof_inputs *in, struct slot_mem *m, uint32_t slot,
		const uint8_t *challenge, uint32_t samples)
{
	struct cdx_sample_source src = {
		.block = give_block,
		.node = give_node,
		.arg = m,
	};

	return cdx_proof_inputs_make(in, &m->g, m->roots, slot, challenge,
				     samples, &src);
}

/* ---- indexes ---- */

static void published_cell_indices(void **state)
{
	json_t *v = vector_load("input_json_intermediates.json");
	json_t *input = vector_load("input.json");
	const json_t *want = vector_get(v, "cellIndex");
	const json_t *hashes = vector_get(v, "sampleHash");
	struct cdx_fr entropy;
	struct cdx_fr root;

	(void)state;
	cdx_fr_from_u64(&entropy, 1234567);
	assert_int_equal(
		cdx_fr_from_text(&root, vector_text(input, "slotRoot")), 0);
	assert_int_equal(json_array_size(want), CDX_SAMPLES);
	for (size_t i = 0; i < CDX_SAMPLES; i++) {
		struct cdx_fr hash;
		uint64_t limbs[4];
		uint64_t cell;

		assert_int_equal(
			cdx_cell_index(&cell, &entropy, &root, 512, i + 1), 0);
		assert_int_equal(cell,
				 json_integer_value(json_array_get(want, i)));
		/* for all sizes: that many low bits of the hash */
		assert_int_equal(
			cdx_fr_from_text(
				&hash,
				json_string_value(json_array_get(hashes, i))),
			0);
		cdx_fr_to_limbs(limbs, &hash);
		for (unsigned bits = 1; bits <= 32; bits++) {
			uint64_t cells = UINT64_C(1) << bits;

			assert_int_equal(cdx_cell_index(&cell, &entropy, &root,
							cells, i + 1),
					 0);
			assert_int_equal(cell, limbs[0] % cells);
		}
	}
	for (uint64_t bad = 0; bad < 8; bad++)
		if (bad != 2 && bad != 4)
			assert_int_equal(cdx_cell_index(&(uint64_t){0},
							&entropy, &root, bad,
							1),
					 -EINVAL);
	json_decref(v);
	json_decref(input);
}

static void published_low_bits(void **state)
{
	json_t *v = vector_load("sampler_utils.json");
	const json_t *bits = vector_get(v, "extractLowBits");
	const json_t *blocks = vector_get(v, "blockInSlot_32cells");
	const json_t *cells = vector_get(v, "cellInBlock_32cells");
	struct cdx_geometry g;

	(void)state;
	for (size_t i = 0; i < json_array_size(bits); i++) {
		const json_t *row = json_array_get(bits, i);
		uint64_t in = strtoull(
			json_string_value(json_array_get(row, 0)), NULL, 16);
		uint64_t n =
			(uint64_t)json_integer_value(json_array_get(row, 1));
		uint64_t want = strtoull(
			json_string_value(json_array_get(row, 2)), NULL, 16);
		struct cdx_fr x;
		uint64_t limbs[4];

		cdx_fr_from_u64(&x, in);
		cdx_fr_to_limbs(limbs, &x);
		assert_int_equal(limbs[0] & ((UINT64_C(1) << n) - 1), want);
	}
	assert_int_equal(cdx_geometry_init(&g, 6, 2, 1, 65536, 2048, NULL), 0);
	for (size_t i = 0; i < json_array_size(blocks); i++) {
		const json_t *b = json_array_get(blocks, i);
		const json_t *c = json_array_get(cells, i);
		uint64_t cell =
			(uint64_t)json_integer_value(json_array_get(b, 0));

		assert_int_equal(cell / g.cells_per_block,
				 json_integer_value(json_array_get(b, 1)));
		assert_int_equal(cell % g.cells_per_block,
				 json_integer_value(json_array_get(c, 1)));
	}
	json_decref(v);
}

static void entropy_drops_the_last_byte(void **state)
{
	uint8_t challenge[CDX_CHALLENGE_LEN];
	uint8_t back[CDX_FR_BYTES];
	struct cdx_fr entropy;

	(void)state;
	for (size_t i = 0; i < sizeof(challenge); i++)
		challenge[i] = (uint8_t)(0xe0 + i);
	cdx_entropy(&entropy, challenge);
	cdx_fr_to_bytes(back, &entropy);
	assert_memory_equal(back, challenge, 31);
	assert_int_equal(back[31], 0);
}

/* ---- the published fixture: 11 slots of 512 fake cells ---- */

static void fake_cell(uint8_t *out, size_t len, uint64_t slot, uint64_t cell)
{
	uint64_t seed1 = 12345 + 72 + 1001 * slot + 0xdeadcafe;
	uint64_t seed2 = cell + 0x98765432;
	uint64_t state = 1;

	for (size_t i = 0; i < len; i++) {
		state = state * (state + seed1) * (state + seed2) +
			state * (state ^ 0x5a5a5a5a) + seed1 * state + seed2 +
			17;
		state %= UINT64_C(1698428844001831);
		out[i] = (uint8_t)state;
	}
}

static void fill_fake_slot(struct slot_mem *m, uint32_t slot)
{
	for (uint64_t c = 0; c < m->g.slot_cells; c++)
		fake_cell(m->blocks + c * m->g.cell_size, m->g.cell_size, slot,
			  c);
	slot_build(m, slot);
}

static void published_fixture(void **state)
{
	struct slot_mem m = {0};
	struct cdx_proof_inputs in;
	struct cdx_buf want = {0};
	struct cdx_buf got = {0};
	/* 1234567, little endian */
	const uint8_t challenge[CDX_CHALLENGE_LEN] = {0x87, 0xd6, 0x12};
	json_t *v = vector_load("input.json");
	json_t *j;

	(void)state;
	assert_int_equal(
		cdx_geometry_init(&m.g, 8 * 16, 8, 3, 65536, 2048, NULL), 0);
	assert_int_equal(m.g.slot_cells, 512);
	slot_alloc(&m);
	for (uint32_t slot = 0; slot < 11; slot++)
		if (slot != 3)
			fill_fake_slot(&m, slot);
	fill_fake_slot(&m, 3);
	assert_int_equal(make(&in, &m, 3, challenge, CDX_SAMPLES), 0);
	assert_int_equal(cdx_proof_inputs_text(&got, &in), 0);
	vector_raw(&want, "input.json");
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	j = cdx_proof_inputs_json(&in);
	assert_true(json_equal(j, v));
	json_decref(j);
	json_decref(v);
	cdx_proof_inputs_free(&in);
	cdx_buf_free(&want);
	cdx_buf_free(&got);
	slot_free(&m);
}

/* ---- the published small dataset: slot 1 is a data slot ---- */

static void open_small(struct slot_mem *m, json_t *v, uint32_t slot)
{
	const json_t *roots = vector_get(v, "slotRoots");
	size_t size = vector_u64(v, "datasetSize");

	assert_int_equal(cdx_geometry_init(&m->g, 8, 3, 2, 1024, 64, NULL), 0);
	slot_alloc(m);
	for (size_t i = 0; i < m->g.steps * m->g.block_size; i++) {
		size_t o = slot * m->g.steps * m->g.block_size + i;

		if (o < size)
			m->blocks[i] = (uint8_t)(o * 31 + (o >> 8) * 17 +
						 (o >> 16) * 7 + 5);
	}
	slot_build(m, slot);
	for (size_t i = 0; i < 5; i++) {
		struct cdx_fr root;

		assert_int_equal(
			cdx_fr_from_text(
				&root,
				json_string_value(json_array_get(roots, i))),
			0);
		if (i == slot)
			assert_true(cdx_fr_equal(&root, &m->roots[i]));
		m->roots[i] = root;
	}
}

static void published_small_dataset(void **state)
{
	struct slot_mem m = {0};
	struct cdx_proof_inputs in;
	json_t *v = vector_load("derived_small_k3m2.json");
	json_t *want = vector_load("derived_small_k3m2_input.json");
	const json_t *cells = vector_get(v, "sampledCells");
	struct cdx_buf challenge = {0};
	json_t *j;

	(void)state;
	vector_hex(&challenge, vector_text(v, "challengeHex"));
	open_small(&m, v, 1);
	assert_int_equal(make(&in, &m, 1, challenge.p, CDX_SAMPLES), 0);
	j = cdx_proof_inputs_json(&in);
	assert_true(json_equal(j, want));
	for (uint32_t i = 0; i < CDX_SAMPLES; i++)
		assert_int_equal(in.sample[i].cell,
				 vector_u64(json_array_get(cells, i), "cell"));
	/* padding is not asked for */
	assert_true(m.asked > 0 && m.asked < CDX_SAMPLES);
	json_decref(j);
	json_decref(want);
	json_decref(v);
	cdx_proof_inputs_free(&in);
	cdx_buf_free(&challenge);
	slot_free(&m);
}

/* ---- other geometries, and what goes wrong ---- */

/* Checks one sample on its own: its cell, hashed, up to the slot's root */
static void check_sample(const struct cdx_proof_inputs *in,
			 const struct slot_mem *m, uint32_t i)
{
	const struct cdx_sample *s = &in->sample[i];
	uint64_t cpb = m->g.cells_per_block;
	struct cdx_p2tree_proof p = {
		.index = s->cell % cpb,
		.leaves = cpb,
		.depth = cdx_p2tree_depth(cpb),
	};
	struct cdx_p2tree_proof q = {
		.index = s->cell / cpb,
		.leaves = m->g.slot_blocks,
		.depth = cdx_p2tree_depth(m->g.slot_blocks),
	};
	struct cdx_fr digest;
	struct cdx_fr cell;
	uint8_t *block = calloc(1, m->g.block_size);

	assert_non_null(block);
	if (q.index < m->g.steps)
		memcpy(block, m->blocks + q.index * m->g.block_size,
		       m->g.block_size);
	cdx_poseidon2_sponge(&cell, s->data, in->cell_elements, 2);
	assert_int_equal(cdx_block_digests(&digest, &m->g, block, 1), 0);
	memcpy(p.path, s->path, p.depth * sizeof(p.path[0]));
	memcpy(q.path, s->path + p.depth, q.depth * sizeof(q.path[0]));
	assert_int_equal(cdx_p2tree_verify(&p, &cell, &digest), 0);
	assert_int_equal(cdx_p2tree_verify(&q, &digest, &in->slot_root), 0);
	for (unsigned d = p.depth + q.depth; d < CDX_INPUT_DEPTH; d++)
		assert_true(cdx_fr_is_zero(&s->path[d]));
	free(block);
}

static void other_geometries(void **state)
{
	static const struct {
		uint64_t blocks;
		uint32_t k, m, block, cell;
	} shapes[] = {
		{1, 1, 0, 128, 64},   /* one slot of one block */
		{4, 4, 1, 128, 64},   /* slots of one block, an odd number */
		{2, 1, 0, 100, 100},  /* blocks of one cell */
		{5, 2, 1, 62, 62},    /* the same with padding */
		{11, 2, 1, 256, 32},  /* padding, an empty block */
		{21, 4, 3, 1024, 31}, /* refused: no multiple */
		{60, 12, 4, 2048, 2048},
	};

	(void)state;
	for (size_t k = 0; k < CDX_ARRAY_LEN(shapes); k++) {
		struct slot_mem m = {0};
		struct cdx_proof_inputs in;
		uint8_t challenge[CDX_CHALLENGE_LEN] = {(uint8_t)k, 1};
		uint32_t slot = shapes[k].k - 1;
		uint64_t data;
		int r = cdx_geometry_init(&m.g, shapes[k].blocks, shapes[k].k,
					  shapes[k].m, shapes[k].block,
					  shapes[k].cell, NULL);

		if (shapes[k].block % shapes[k].cell) {
			assert_int_equal(r, -EINVAL);
			continue;
		}
		assert_int_equal(r, 0);
		slot_alloc(&m);
		/* the last data slot ends with the empty blocks */
		data = shapes[k].blocks - slot * m.g.steps;
		for (uint64_t i = 0; i < data * m.g.block_size; i++)
			m.blocks[i] = (uint8_t)(i * 7 + (i >> 8));
		for (uint32_t i = 0; i < m.g.slots; i++)
			cdx_fr_from_u64(&m.roots[i], i);
		slot_build(&m, slot);
		assert_int_equal(make(&in, &m, slot, challenge, 40), 0);
		for (uint32_t i = 0; i < in.samples; i++)
			check_sample(&in, &m, i);
		cdx_proof_inputs_free(&in);
		slot_free(&m);
	}
}

static void make_refuses(void **state)
{
	struct slot_mem m = {0};
	struct cdx_proof_inputs in = {.samples = 99};
	json_t *v = vector_load("derived_small_k3m2.json");
	uint8_t challenge[CDX_CHALLENGE_LEN] = {1};

	(void)state;
	open_small(&m, v, 1);
	assert_int_equal(make(&in, &m, 5, challenge, 5), -EINVAL);
	assert_int_equal(make(&in, &m, 1, challenge, 0), -EINVAL);
	assert_int_equal(make(&in, &m, 1, challenge, CDX_SAMPLES_MAX + 1),
			 -EINVAL);
	m.fail_block = -EIO;
	assert_int_equal(make(&in, &m, 1, challenge, 20), -EIO);
	m.fail_block = 0;
	m.fail_node = -ENODATA;
	assert_int_equal(make(&in, &m, 1, challenge, 20), -ENODATA);
	m.fail_node = 0;
	/* a wrong block, a wrong node, the root of another slot */
	m.blocks[100] ^= 1;
	assert_int_equal(make(&in, &m, 1, challenge, 40), CDX_E_PROOF);
	m.blocks[100] ^= 1;
	cdx_fr_add(&m.nodes[5], &m.nodes[5], &cdx_fr_one);
	assert_int_equal(make(&in, &m, 1, challenge, 40), CDX_E_PROOF);
	cdx_fr_sub(&m.nodes[5], &m.nodes[5], &cdx_fr_one);
	assert_int_equal(make(&in, &m, 2, challenge, 40), CDX_E_PROOF);
	assert_int_equal(in.samples, 99);
	assert_int_equal(make(&in, &m, 1, challenge, CDX_SAMPLES_MAX), 0);
	cdx_proof_inputs_free(&in);
	/* twice is safe */
	cdx_proof_inputs_free(&in);
	json_decref(v);
	slot_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_cell_indices),
		cmocka_unit_test(published_low_bits),
		cmocka_unit_test(entropy_drops_the_last_byte),
		cmocka_unit_test(published_fixture),
		cmocka_unit_test(published_small_dataset),
		cmocka_unit_test(other_geometries),
		cmocka_unit_test(make_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
