/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "slots/sampler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "bn254/poseidon2.h"
#include "slots/builder.h"
#include "slots/internal.h"

/* The block whose tree is loaded; padding and empty blocks are all the same */
#define LOADED_NONE UINT64_MAX
#define LOADED_ZEROS (UINT64_MAX - 1)

struct work {
	const struct cdx_geometry *g;
	const struct cdx_sample_source *src;
	uint32_t slot;
	uint64_t loaded;
	uint8_t *block;
	struct cdx_fr *nodes;	     /* of the block's tree */
	const struct cdx_fr *digest; /* last of them */
};

int cdx_proof_inputs_room(struct cdx_proof_inputs *in)
{
	struct cdx_fr *data;
	size_t one;

	if (__builtin_mul_overflow((size_t)in->cell_elements, sizeof(*data),
				   &one) ||
	    __builtin_add_overflow(one, sizeof(*in->sample), &one))
		return -ENOMEM;
	in->sample = calloc(in->samples, one);
	if (!in->sample)
		return -ENOMEM;
	/* elements follow the samples */
	data = (struct cdx_fr *)(void *)(in->sample + in->samples);
	for (uint32_t i = 0; i < in->samples; i++)
		in->sample[i].data = data + (size_t)i * in->cell_elements;
	return 0;
}

void cdx_proof_inputs_free(struct cdx_proof_inputs *in)
{
	free(in->sample);
	memset(in, 0, sizeof(*in));
}

static int load_block(struct work *w, uint64_t s)
{
	const struct cdx_geometry *g = w->g;
	uint64_t index = cdx_geometry_index(g, w->slot, s);
	uint64_t want = s;
	int r;

	if (s >= g->steps || cdx_geometry_kind(g, index) == CDX_INDEX_EMPTY)
		want = LOADED_ZEROS;
	if (want == w->loaded)
		return 0;
	w->loaded = LOADED_NONE;
	if (want == LOADED_ZEROS) {
		memset(w->block, 0, g->block_size);
	} else {
		r = w->src->block(w->src->arg, s, w->block);
		if (r < 0)
			return r;
	}
	r = cdx_block_tree(w->nodes, g, w->block);
	if (r == 0)
		w->loaded = want;
	return r;
}

static int make_sample(struct cdx_proof_inputs *in, struct work *w, uint32_t i)
{
	const struct cdx_geometry *g = w->g;
	struct cdx_sample *sample = &in->sample[i];
	struct cdx_p2tree_proof in_block;
	struct cdx_p2tree_proof in_slot;
	uint64_t cell;
	int r;

	r = cdx_cell_index(&sample->cell, &in->entropy, &in->slot_root,
			   g->slot_cells, (uint64_t)i + 1);
	if (r < 0)
		return r;
	cell = sample->cell % g->cells_per_block;
	r = load_block(w, sample->cell / g->cells_per_block);
	if (r == 0)
		r = cdx_p2tree_prove_nodes(&in_block, w->nodes,
					   g->cells_per_block, cell);
	if (r == 0)
		r = cdx_p2tree_prove(&in_slot, g->slot_blocks,
				     sample->cell / g->cells_per_block,
				     w->src->node, w->src->arg);
	if (r == 0)
		r = cdx_p2tree_verify(&in_block, &w->nodes[cell], w->digest);
	if (r == 0)
		r = cdx_p2tree_verify(&in_slot, w->digest, &in->slot_root);
	if (r < 0)
		return r;
	if (in_block.depth + in_slot.depth > CDX_INPUT_DEPTH)
		return -EINVAL;
	memcpy(sample->path, in_block.path,
	       in_block.depth * sizeof(sample->path[0]));
	memcpy(sample->path + in_block.depth, in_slot.path,
	       in_slot.depth * sizeof(sample->path[0]));
	cdx_poseidon2_to_elements(sample->data,
				  w->block + (size_t)cell * g->cell_size,
				  g->cell_size);
	return 0;
}

static int make_samples(struct cdx_proof_inputs *in,
			const struct cdx_geometry *g,
			const struct cdx_sample_source *src)
{
	CDX_CLEANUP(cdx_freep) uint8_t *block = malloc(g->block_size);
	CDX_CLEANUP(cdx_freep) struct cdx_fr *nodes = NULL;
	size_t count = (size_t)cdx_p2tree_nodes(g->cells_per_block);
	struct work w = {
		.g = g,
		.src = src,
		.slot = (uint32_t)in->slot_index,
		.loaded = LOADED_NONE,
	};
	int r = 0;

	nodes = calloc(count, sizeof(*nodes));
	if (!block || !nodes)
		return -ENOMEM;
	w.block = block;
	w.nodes = nodes;
	w.digest = &nodes[count - 1];
	for (uint32_t i = 0; i < in->samples && r == 0; i++)
		r = make_sample(in, &w, i);
	return r;
}

/* Root of the dataset and the slot's path to it */
static int prove_slot(struct cdx_proof_inputs *in, const struct cdx_geometry *g,
		      const struct cdx_fr *slot_roots)
{
	CDX_CLEANUP(cdx_freep) struct cdx_fr *nodes = NULL;
	size_t count = (size_t)cdx_p2tree_nodes(g->slots);
	struct cdx_p2tree_proof p;
	int r;

	nodes = calloc(count, sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	memcpy(nodes, slot_roots, g->slots * sizeof(*nodes));
	r = cdx_p2tree_build(nodes, g->slots);
	if (r == 0)
		r = cdx_p2tree_prove_nodes(&p, nodes, g->slots, in->slot_index);
	if (r < 0)
		return r;
	if (p.depth > CDX_INPUT_SLOT_DEPTH)
		return -EINVAL;
	in->dataset_root = nodes[count - 1];
	memcpy(in->slot_proof, p.path, p.depth * sizeof(p.path[0]));
	return 0;
}

int cdx_proof_inputs_make(struct cdx_proof_inputs *out,
			  const struct cdx_geometry *g,
			  const struct cdx_fr *slot_roots, uint32_t slot,
			  const uint8_t challenge[CDX_CHALLENGE_LEN],
			  uint32_t samples, const struct cdx_sample_source *src)
{
	struct cdx_proof_inputs in = {
		.slot_index = slot,
		.slot_cells = g->slot_cells,
		.slots = g->slots,
		.samples = samples,
	};
	int r;

	if (slot >= g->slots || samples == 0 || samples > CDX_SAMPLES_MAX)
		return -EINVAL;
	in.slot_root = slot_roots[slot];
	in.cell_elements = (uint32_t)cdx_poseidon2_elements(g->cell_size);
	cdx_entropy(&in.entropy, challenge);
	r = prove_slot(&in, g, slot_roots);
	if (r == 0)
		r = cdx_proof_inputs_room(&in);
	if (r == 0)
		r = make_samples(&in, g, src);
	if (r < 0) {
		cdx_proof_inputs_free(&in);
		return r;
	}
	*out = in;
	return 0;
}
