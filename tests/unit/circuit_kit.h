/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_CIRCUIT_KIT_H
#define CDX_TESTS_UNIT_CIRCUIT_KIT_H

/* Inputs of the proof circuit from made-up datasets, through src/slots. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bn254/poseidon2.h"
#include "slots/builder.h"
#include "slots/sampler.h"
#include "tests/unit/seed.h"

/*
 * A dataset of which one slot has blocks.  Slots of up to 2^KIT_VARIED_MAX
 * cells have blocks of their own each and some padding; in larger ones all
 * blocks are the same, so that the tree takes one node a layer.
 */
#define KIT_VARIED_MAX 10u
#define KIT_BLOCK_LOG 5u /* cells of a block, for slots that have so many */

struct circuit_case {
	const char *what;
	uint32_t slots;
	uint32_t slot;
	unsigned log_cells;
	bool last_cell; /* one of the samples is the slot's last cell */
};

/* What the circuit can be given that is out of the ordinary */
static const struct circuit_case circuit_edges[] = {
	{"one slot", 1, 0, 6, false},
	{"256 slots, the first", 256, 0, 6, false},
	{"256 slots, the last", 256, 255, 7, false},
	{"255 slots, the last, odd in every layer", 255, 254, 6, false},
	{"129 slots, the last, alone in all layers", 129, 128, 6, false},
	{"two slots", 2, 1, 6, false},
	{"three slots, the last", 3, 2, 6, false},
	{"five slots, the fourth", 5, 3, 6, false},
	{"seven slots, the last", 7, 6, 6, false},
	{"one block", 4, 3, 5, true},
	{"one block in one slot", 1, 0, 5, false},
	{"two cells", 3, 1, 1, true},
	{"four cells", 6, 5, 2, true},
	{"eight cells", 1, 0, 3, true},
	{"sixteen cells", 8, 7, 4, true},
	{"two blocks, the last cell", 2, 0, 6, true},
	{"eight blocks, the last cell", 11, 10, 8, true},
	{"2^20 cells", 31, 30, 20, false},
	{"2^31 cells", 5, 4, 31, false},
	{"2^32 cells, as many as there can be", 3, 2, 32, false},
};
#define CIRCUIT_EDGES (sizeof(circuit_edges) / sizeof(circuit_edges[0]))

struct kit_slot {
	struct cdx_geometry g;
	uint64_t content; /* seed of the blocks */
	bool varied;
	struct cdx_fr *nodes; /* of the slot's tree, or one for each layer */
};

/* Block @s, or the one of all */
static inline int kit_block(void *arg, uint64_t s, uint8_t *out)
{
	const struct kit_slot *k = arg;
	struct seed seed = {k->content + (k->varied ? s : 0)};

	for (size_t i = 0; i < k->g.block_size; i += sizeof(uint64_t)) {
		uint64_t v = seed_u64(&seed);

		memcpy(out + i, &v, sizeof(v));
	}
	return 0;
}

/* A node of the slot's tree */
static inline int kit_node(void *arg, unsigned layer, uint64_t i,
			   struct cdx_fr *out)
{
	const struct kit_slot *k = arg;
	const struct cdx_fr *node = k->nodes;

	for (unsigned d = 0; k->varied && d < layer; d++)
		node += cdx_p2tree_width(k->g.slot_blocks, d);
	*out = k->varied ? node[i] : node[layer];
	return 0;
}

/* The tree of a slot of the same block throughout, one node a layer */
static inline void kit_same_tree(struct kit_slot *k)
{
	struct cdx_fr *x = k->nodes;

	for (uint64_t n = k->g.slot_blocks; n > 1; n /= 2, x++)
		cdx_poseidon2_compress(&x[1], &x[0], &x[0], x == k->nodes);
}

/* Digests and the tree; the root into @root */
static inline int kit_tree(struct kit_slot *k, struct cdx_fr *root)
{
	const uint64_t steps = k->varied ? k->g.steps : 1;
	uint8_t *block = malloc(k->g.block_size);
	struct cdx_fr *digest = calloc(steps, sizeof(*digest));
	const size_t nodes =
		k->varied ? (size_t)cdx_p2tree_nodes(k->g.slot_blocks)
			  : CDX_P2TREE_DEPTH_MAX;
	int r = block && digest ? 0 : -ENOMEM;

	k->nodes = calloc(nodes, sizeof(*k->nodes));
	if (!k->nodes)
		r = -ENOMEM;
	for (uint64_t s = 0; s < steps && r == 0; s++) {
		r = kit_block(k, s, block);
		if (r == 0)
			r = cdx_block_digests(&digest[s], &k->g, block, 1);
	}
	if (r == 0 && k->varied)
		r = cdx_slot_tree(k->nodes, &k->g, digest);
	if (r == 0 && !k->varied) {
		k->nodes[0] = digest[0];
		kit_same_tree(k);
	}
	if (r == 0)
		*root = k->nodes[k->varied ? nodes - 1
					   : cdx_p2tree_depth(k->g.slot_blocks)];
	free(block);
	free(digest);
	return r;
}

/* A challenge, with which one of @samples is the last cell if @last */
static inline int kit_challenge(uint8_t challenge[CDX_CHALLENGE_LEN],
				const struct kit_slot *k,
				const struct cdx_fr *root, uint32_t samples,
				bool last, struct seed *seed)
{
	for (;;) {
		struct cdx_fr entropy;

		seed_fill(seed, challenge, CDX_CHALLENGE_LEN);
		cdx_entropy(&entropy, challenge);
		for (uint32_t i = 0; i < samples; i++) {
			uint64_t cell;
			int r = cdx_cell_index(&cell, &entropy, root,
					       k->g.slot_cells,
					       (uint64_t)i + 1);

			if (r < 0 || !last || cell == k->g.slot_cells - 1)
				return r;
		}
	}
}

/* Any element */
static inline void kit_element(struct cdx_fr *out, struct seed *seed)
{
	uint8_t b[CDX_FR_BYTES - 1];

	seed_fill(seed, b, sizeof(b));
	cdx_fr_from_short(out, b, sizeof(b));
}

/**
 * kit_inputs - the circuit's inputs for a dataset of this form
 *
 * @out: free with cdx_proof_inputs_free
 */
static inline int kit_inputs(struct cdx_proof_inputs *out,
			     const struct circuit_case *c, uint32_t samples,
			     struct seed *seed)
{
	const unsigned log_block =
		c->log_cells < KIT_BLOCK_LOG ? c->log_cells : KIT_BLOCK_LOG;
	const uint64_t blocks = UINT64_C(1) << (c->log_cells - log_block);
	struct kit_slot k = {.content = seed_u64(seed),
			     .varied = c->log_cells <= KIT_VARIED_MAX};
	struct cdx_sample_source src = {kit_block, kit_node, &k};
	uint64_t steps = blocks;
	uint8_t challenge[CDX_CHALLENGE_LEN];
	struct cdx_fr *root = calloc(c->slots, sizeof(*root));
	int r = root ? 0 : -ENOMEM;

	if (k.varied && blocks > 1)
		steps -= seed_below(seed, blocks / 2);
	if (r == 0)
		r = cdx_geometry_init(&k.g, steps, 1, c->slots - 1,
				      CDX_CELL_SIZE << log_block, CDX_CELL_SIZE,
				      NULL);
	for (uint32_t i = 0; i < c->slots && r == 0; i++)
		kit_element(&root[i], seed);
	if (r == 0)
		r = kit_tree(&k, &root[c->slot]);
	if (r == 0)
		r = kit_challenge(challenge, &k, &root[c->slot], samples,
				  c->last_cell, seed);
	if (r == 0)
		r = cdx_proof_inputs_make(out, &k.g, root, c->slot, challenge,
					  samples, &src);
	free(k.nodes);
	free(root);
	return r;
}

/* Any form; seldom a large one */
static inline struct circuit_case kit_any(struct seed *seed)
{
	const unsigned logs = seed_below(seed, 4) == 0 ? 32 : KIT_VARIED_MAX;
	struct circuit_case c = {.what = "any"};
	unsigned log_slots = 1 + (unsigned)seed_below(seed, 8);

	c.log_cells = 1 + (unsigned)seed_below(seed, logs);
	/* blocks of all slots together are counted in 32 bits */
	if (c.log_cells > 27)
		log_slots = 4;
	c.slots = 1 + (uint32_t)seed_below(seed, (size_t)1 << log_slots);
	c.slot = (uint32_t)seed_below(seed, c.slots);
	c.last_cell = c.log_cells <= 6 && seed_below(seed, 2) == 0;
	return c;
}

/* The scalars of an input, one after the other: those that are elements, in
 * the order of the wires; NULL behind the last.  Numbers: kit_number. */
static inline struct cdx_fr *kit_scalar(struct cdx_proof_inputs *in, size_t i)
{
	struct cdx_fr *const first[] = {&in->entropy, &in->dataset_root,
					&in->slot_root};

	if (i < 3)
		return first[i];
	i -= 3;
	if (i < CDX_INPUT_SLOT_DEPTH)
		return &in->slot_proof[i];
	i -= CDX_INPUT_SLOT_DEPTH;
	if (i < (size_t)in->samples * in->cell_elements)
		return &in->sample[i / in->cell_elements]
				.data[i % in->cell_elements];
	i -= (size_t)in->samples * in->cell_elements;
	if (i < (size_t)in->samples * CDX_INPUT_DEPTH)
		return &in->sample[i / CDX_INPUT_DEPTH]
				.path[i % CDX_INPUT_DEPTH];
	return NULL;
}

#define KIT_NUMBERS 3u

/* The three that are numbers */
static inline uint64_t *kit_number(struct cdx_proof_inputs *in, size_t i)
{
	uint64_t *const number[KIT_NUMBERS] = {&in->slot_index, &in->slot_cells,
					       &in->slots};

	return number[i];
}

#endif
