/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_SLOTS_SAMPLER_H
#define CDX_SLOTS_SAMPLER_H

#include <jansson.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"
#include "merkle/poseidon2_tree.h"
#include "slots/geometry.h"

/* Which cells a challenge asks for, and what the circuit is given
 * (spec/datasets.md 7).  Pure but for the source of blocks. */

#define CDX_CHALLENGE_LEN 32u
#define CDX_SAMPLES 5u	     /* default of the deployed circuits */
#define CDX_SAMPLES_MAX 1024u
#define CDX_INPUT_DEPTH 32u  /* entries of a merkle path in the input */
#define CDX_INPUT_SLOT_DEPTH 8u

/* First 31 bytes of a challenge, little endian */
void cdx_entropy(struct cdx_fr *out, const uint8_t challenge[CDX_CHALLENGE_LEN]);
/* Cell of sample @counter (from 1): low bits of sponge(entropy, root, counter).
 * @slot_cells: a power of two, else -EINVAL */
CDX_MUST_CHECK int cdx_cell_index(uint64_t *out, const struct cdx_fr *entropy,
				  const struct cdx_fr *slot_root,
				  uint64_t slot_cells, uint64_t counter);

struct cdx_sample {
	uint64_t cell;	    /* in the slot */
	struct cdx_fr *data; /* elements of the cell; in the inputs' memory */
	struct cdx_fr path[CDX_INPUT_DEPTH]; /* zero behind its end */
};

/* What the circuit takes */
struct cdx_proof_inputs {
	struct cdx_fr entropy;
	struct cdx_fr dataset_root;
	uint64_t slot_index;
	struct cdx_fr slot_root;
	uint64_t slot_cells;
	uint64_t slots;
	struct cdx_fr slot_proof[CDX_INPUT_SLOT_DEPTH];
	uint32_t cell_elements; /* 67 for 2048 bytes */
	uint32_t samples;
	struct cdx_sample *sample; /* owned, with the elements */
};

/* Where the blocks and nodes of a slot come from */
struct cdx_sample_source {
	/* Block @s of the slot, s < g->steps: g->block_size bytes, verified;
	 * padding and empty blocks are not asked for */
	int (*block)(void *arg, uint64_t s, uint8_t *out);
	/* Node of the slot's tree (cdx_slot_tree) */
	cdx_p2tree_node_fn *node;
	void *arg;
};

/**
 * cdx_proof_inputs_make - answers a challenge
 *
 * @out:        written on success only; free with cdx_proof_inputs_free
 * @slot_roots: g->slots elements
 * @samples:    1 to CDX_SAMPLES_MAX
 *
 * Every sample's path is checked up to the slot root before it is returned:
 * CDX_E_PROOF when blocks, nodes and roots do not fit together.  Errors also
 * those of @src; -EINVAL; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_proof_inputs_make(struct cdx_proof_inputs *out,
					 const struct cdx_geometry *g,
					 const struct cdx_fr *slot_roots,
					 uint32_t slot,
					 const uint8_t challenge[CDX_CHALLENGE_LEN],
					 uint32_t samples,
					 const struct cdx_sample_source *src);
void cdx_proof_inputs_free(struct cdx_proof_inputs *in);

/* The circuit's input as JSON; returns new, NULL without memory */
json_t *cdx_proof_inputs_json(const struct cdx_proof_inputs *in);
/**
 * cdx_proof_inputs_text - the input file
 *
 * Appends what nim and the published fixture write, up to white space: decimal
 * strings, JSON numbers for slotIndex, nCellsPerSlot, nSlotsPerDataSet.
 */
CDX_MUST_CHECK int cdx_proof_inputs_text(struct cdx_buf *out,
					 const struct cdx_proof_inputs *in);
/**
 * cdx_proof_inputs_parse - reads an input file
 *
 * Takes numbers as strings or JSON integers.  Checks shapes and ranges, not
 * proofs.  @why: CDX_SLOTS_WHY_MAX bytes: what is wrong, and where.
 * Errors: CDX_E_FORMAT, -ENOMEM.
 */
CDX_MUST_CHECK int cdx_proof_inputs_parse(struct cdx_proof_inputs *out,
					  const char *text, size_t len,
					  char why[CDX_SLOTS_WHY_MAX]);

#endif
