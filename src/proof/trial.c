/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/block.h"
#include "crypto/hash.h"
#include "slots/builder.h"
#include "slots/geometry.h"

/* Several blocks in several slots, with an odd number of slots: so that few wires
 * are zero whatever the key, and hardly any part of it goes unused */
#define TRIAL_SLOTS 5u
#define TRIAL_STEPS 4u
#define TRIAL_BLOCKS (TRIAL_SLOTS * TRIAL_STEPS)

struct trial {
	struct cdx_geometry g;
	uint32_t slot; /* that is proved */
	uint8_t *blocks;
	struct cdx_fr *nodes; /* of the slot's tree */
	struct cdx_fr roots[TRIAL_SLOTS];
};

static const uint8_t *block_of(const struct trial *t, uint32_t slot, uint64_t s)
{
	return t->blocks + cdx_geometry_index(&t->g, slot, s) * t->g.block_size;
}

static int get_block(void *arg, uint64_t s, uint8_t *out)
{
	const struct trial *t = arg;

	memcpy(out, block_of(t, t->slot, s), t->g.block_size);
	return 0;
}

static int get_node(void *arg, unsigned layer, uint64_t i, struct cdx_fr *out)
{
	const struct trial *t = arg;
	uint64_t at = 0;

	for (unsigned l = 0; l < layer; l++)
		at += cdx_p2tree_width(t->g.slot_blocks, l);
	*out = t->nodes[at + i];
	return 0;
}

/* The tree of one slot, into the nodes */
static int slot_tree(struct trial *t, uint32_t slot)
{
	struct cdx_fr digests[TRIAL_STEPS];
	int rc = cdx_block_digests(digests, &t->g, block_of(t, slot, 0),
				   TRIAL_STEPS);

	if (rc == 0)
		rc = cdx_slot_tree(t->nodes, &t->g, digests);
	if (rc == 0)
		t->roots[slot] =
			t->nodes[cdx_p2tree_nodes(t->g.slot_blocks) - 1];
	return rc;
}

static int build(struct trial *t)
{
	size_t len;
	int rc = cdx_geometry_init(&t->g, TRIAL_BLOCKS, TRIAL_SLOTS, 0,
				   CDX_BLOCK_SIZE, CDX_CELL_SIZE, NULL);

	if (rc < 0)
		return rc;
	len = (size_t)TRIAL_BLOCKS * t->g.block_size;
	t->blocks = malloc(len);
	t->nodes =
		calloc(cdx_p2tree_nodes(t->g.slot_blocks), sizeof(*t->nodes));
	if (t->blocks == NULL || t->nodes == NULL)
		return -ENOMEM;
	cdx_random(t->blocks, len);
	t->slot = t->blocks[0] % TRIAL_SLOTS;
	for (uint32_t i = 0; rc == 0 && i < TRIAL_SLOTS; i++)
		rc = slot_tree(t, i);
	return rc < 0 ? rc : slot_tree(t, t->slot);
}

int cdx_proof_trial_inputs(struct cdx_proof_inputs *out, uint32_t samples)
{
	uint8_t challenge[CDX_CHALLENGE_LEN];
	struct trial t = {.blocks = NULL};
	const struct cdx_sample_source src = {
		.block = get_block,
		.node = get_node,
		.arg = &t,
	};
	int rc = build(&t);

	cdx_random(challenge, sizeof(challenge));
	if (rc == 0)
		rc = cdx_proof_inputs_make(out, &t.g, t.roots, t.slot,
					   challenge, samples, &src);
	free(t.blocks);
	free(t.nodes);
	return rc;
}
