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

/* One block, one slot: the tree of the slot is its root, the block's digest */
struct trial {
	struct cdx_geometry g;
	uint8_t *block;
	struct cdx_fr digest;
	struct cdx_fr *nodes; /* of the slot's tree */
};

static int get_block(void *arg, uint64_t s, uint8_t *out)
{
	const struct trial *t = arg;

	(void)s;
	memcpy(out, t->block, t->g.block_size);
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

static int build(struct trial *t)
{
	int rc = cdx_geometry_init(&t->g, 1, 1, 0, CDX_BLOCK_SIZE,
				   CDX_CELL_SIZE, NULL);

	if (rc < 0)
		return rc;
	t->block = malloc(t->g.block_size);
	t->nodes =
		calloc(cdx_p2tree_nodes(t->g.slot_blocks), sizeof(*t->nodes));
	if (t->block == NULL || t->nodes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->g.block_size; i++)
		t->block[i] = (uint8_t)(i * 197u + (i >> 8) * 31u);
	rc = cdx_block_digests(&t->digest, &t->g, t->block, 1);
	return rc < 0 ? rc : cdx_slot_tree(t->nodes, &t->g, &t->digest);
}

int cdx_proof_trial_inputs(struct cdx_proof_inputs *out, uint32_t samples)
{
	uint8_t challenge[CDX_CHALLENGE_LEN];
	struct trial t = {.block = NULL};
	const struct cdx_sample_source src = {
		.block = get_block,
		.node = get_node,
		.arg = &t,
	};
	int rc = build(&t);

	cdx_random(challenge, sizeof(challenge));
	if (rc == 0)
		rc = cdx_proof_inputs_make(
			out, &t.g,
			&t.nodes[cdx_p2tree_nodes(t.g.slot_blocks) - 1], 0,
			challenge, samples, &src);
	free(t.block);
	free(t.nodes);
	return rc;
}
