/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/block.h"
#include "proof/circuit.h"
#include "proof/key.h"
#include "proof/proof_json.h"
#include "slots/builder.h"
#include "tests/unit/seed.h"

/*
 * Usage: make_proofs KEY SLOTS CHALLENGE
 *
 * Real proofs for tests of the contracts: makes up a dataset of SLOTS slots,
 * answers CHALLENGE (64 hex digits) for each of them with the proving key KEY
 * (codexfs proof setup), and writes to standard output
 *
 *   samples     of a proof, as the key has them
 *   slotSize    bytes
 *   merkleRoot  as the request has it: 32 bytes, little endian
 *   challenge
 *   key         words of the verification key, in the order of the verifier's
 *               constructor: alpha1, beta2, gamma2, delta2, points of ic
 *   inputs      three words for each slot: entropy, dataset root, slot index
 *   proofs      eight words for each slot
 *
 * Words are strings, 0x and 64 digits; flat arrays, since that is what forge's
 * vm.parseJsonUintArray reads.
 */

#define WORD 32u
#define STEPS 2u /* blocks of a slot */

struct job {
	struct cdx_geometry g;
	uint8_t challenge[CDX_CHALLENGE_LEN];
	struct cdx_proof_key key;
	uint8_t *blocks;
	struct cdx_fr *nodes; /* of each slot's tree */
	struct cdx_fr *roots;
	uint32_t slot; /* that is proved */
	json_t *out;
};

static const uint8_t *block_of(const struct job *j, uint32_t slot, uint64_t s)
{
	return j->blocks + cdx_geometry_index(&j->g, slot, s) * j->g.block_size;
}

static struct cdx_fr *tree_of(const struct job *j, uint32_t slot)
{
	return j->nodes + slot * cdx_p2tree_nodes(j->g.slot_blocks);
}

static int get_block(void *arg, uint64_t s, uint8_t *out)
{
	const struct job *j = arg;

	memcpy(out, block_of(j, j->slot, s), j->g.block_size);
	return 0;
}

static int get_node(void *arg, unsigned layer, uint64_t i, struct cdx_fr *out)
{
	const struct job *j = arg;
	uint64_t at = 0;

	for (unsigned l = 0; l < layer; l++)
		at += cdx_p2tree_width(j->g.slot_blocks, l);
	*out = tree_of(j, j->slot)[at + i];
	return 0;
}

/* The dataset: made-up blocks, the trees of its slots and their roots */
static int make_dataset(struct job *j, uint32_t slots)
{
	struct cdx_fr digests[STEPS];
	struct seed seed = {slots};
	uint64_t nodes;
	size_t len;
	int rc = cdx_geometry_init(&j->g, (uint64_t)slots * STEPS, slots, 0,
				   CDX_BLOCK_SIZE, CDX_CELL_SIZE, NULL);

	if (rc < 0)
		return rc;
	nodes = cdx_p2tree_nodes(j->g.slot_blocks);
	len = (size_t)j->g.blocks * j->g.block_size;
	j->blocks = malloc(len);
	j->nodes = calloc(slots * nodes, sizeof(*j->nodes));
	j->roots = calloc(slots, sizeof(*j->roots));
	if (!j->blocks || !j->nodes || !j->roots)
		return -ENOMEM;
	seed_fill(&seed, j->blocks, len);
	for (uint32_t i = 0; rc == 0 && i < slots; i++) {
		rc = cdx_block_digests(digests, &j->g, block_of(j, i, 0),
				       STEPS);
		if (rc == 0)
			rc = cdx_slot_tree(tree_of(j, i), &j->g, digests);
		j->roots[i] = tree_of(j, i)[nodes - 1];
	}
	return rc;
}

/* Bytes as 0x and digits */
static json_t *hex(const uint8_t b[WORD])
{
	char text[2 + 2 * WORD + 1] = "0x";

	cdx_hex(text + 2, b, WORD);
	return json_string(text);
}

/* A number of little-endian bytes, as the EVM writes it */
static json_t *number(const uint8_t le[WORD])
{
	uint8_t be[WORD];

	for (size_t i = 0; i < WORD; i++)
		be[i] = le[WORD - 1 - i];
	return hex(be);
}

static int add_words(json_t *words, const uint8_t (*w)[WORD], size_t n)
{
	int bad = 0;

	for (size_t i = 0; i < n; i++)
		bad |= json_array_append_new(words, hex(w[i]));
	return bad;
}

static int add_fr(json_t *words, const struct cdx_fr *a)
{
	uint8_t le[CDX_FR_BYTES];

	cdx_fr_to_bytes(le, a);
	return json_array_append_new(words, number(le));
}

static int write_key(struct job *j)
{
	json_t *words = json_array();
	struct cdx_vk vk = {0};
	struct cdx_vk_words w = {0};
	int rc = cdx_zkey_vk(&vk, &j->key.zkey);

	if (rc == 0)
		rc = cdx_vk_calldata(&w, &vk);
	if (rc == 0 &&
	    (add_words(words, w.alpha1, 2) | add_words(words, w.beta2, 4) |
	     add_words(words, w.gamma2, 4) | add_words(words, w.delta2, 4)))
		rc = -ENOMEM;
	for (size_t i = 0; i < w.n_ic && rc == 0; i++)
		rc = add_words(words, w.ic[i], 2) ? -ENOMEM : 0;
	free(w.ic);
	cdx_vk_free(&vk);
	if (json_object_set_new(j->out, "key", words) && rc == 0)
		rc = -ENOMEM;
	return rc;
}

static int write_dataset(struct job *j)
{
	uint8_t root[CDX_FR_BYTES];
	struct cdx_fr verify_root;
	int rc = cdx_verify_root(&verify_root, j->roots, j->g.slots);
	int bad;

	if (rc < 0)
		return rc;
	cdx_fr_to_bytes(root, &verify_root);
	bad = json_object_set_new(j->out, "samples",
				  json_integer(j->key.samples)) |
	      json_object_set_new(j->out, "slotSize",
				  json_integer((json_int_t)j->g.slot_bytes)) |
	      json_object_set_new(j->out, "merkleRoot", hex(root)) |
	      json_object_set_new(j->out, "challenge", hex(j->challenge));
	return bad ? -ENOMEM : 0;
}

/* The proof of one slot, behind those of the slots before it */
static int prove(struct job *j, json_t *inputs, json_t *proofs)
{
	const struct cdx_groth16_run run = {0};
	const struct cdx_sample_source src = {get_block, get_node, j};
	struct cdx_fr public[CDX_CIRCUIT_PUBLIC];
	char why[CDX_PROOF_WHY_MAX] = "";
	uint8_t words[8][WORD];
	struct cdx_proof_inputs in;
	struct cdx_proof proof;
	int bad = 0;
	int rc = cdx_proof_inputs_make(&in, &j->g, j->roots, j->slot,
				       j->challenge, j->key.samples, &src);

	if (rc < 0)
		return rc;
	rc = cdx_proof_make(&proof, public, &j->key, &in, &run, why);
	cdx_proof_inputs_free(&in);
	if (rc < 0) {
		(void)fprintf(stderr, "make_proofs: slot %u: %s\n", j->slot,
			      why);
		return rc;
	}
	for (size_t i = 0; i < CDX_CIRCUIT_PUBLIC; i++)
		bad |= add_fr(inputs, &public[i]);
	cdx_proof_calldata(words, &proof);
	bad |= add_words(proofs, words, CDX_ARRAY_LEN(words));
	return bad ? -ENOMEM : 0;
}

static int write_proofs(struct job *j)
{
	json_t *inputs = json_array();
	json_t *proofs = json_array();
	int rc = 0;

	for (j->slot = 0; j->slot < j->g.slots && rc == 0; j->slot++)
		rc = prove(j, inputs, proofs);
	if (json_object_set_new(j->out, "inputs", inputs) |
	    json_object_set_new(j->out, "proofs", proofs))
		rc = rc < 0 ? rc : -ENOMEM;
	return rc;
}

static int make(struct job *j, const char *path, uint32_t slots)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	int rc = cdx_proof_key_open(&j->key, AT_FDCWD, path, NULL, why);

	if (rc < 0) {
		(void)fprintf(stderr, "make_proofs: %s: %s\n", path, why);
		return rc;
	}
	j->out = json_object();
	rc = make_dataset(j, slots);
	if (rc == 0)
		rc = write_key(j);
	if (rc == 0)
		rc = write_dataset(j);
	if (rc == 0)
		rc = write_proofs(j);
	if (rc == 0 && json_dumpf(j->out, stdout, JSON_INDENT(1)) < 0)
		rc = -EIO;
	json_decref(j->out);
	free(j->blocks);
	free(j->nodes);
	free(j->roots);
	cdx_proof_key_close(&j->key);
	return rc;
}

int main(int argc, char **argv)
{
	struct job j = {0};
	unsigned long slots;
	int rc;

	if (argc != 4) {
		(void)fprintf(stderr,
			      "usage: make_proofs KEY SLOTS CHALLENGE\n");
		return 2;
	}
	slots = strtoul(argv[2], NULL, 10);
	if (slots == 0 || slots > 256 ||
	    cdx_unhex(j.challenge, sizeof(j.challenge), argv[3]) < 0)
		return 2;
	rc = make(&j, argv[1], (uint32_t)slots);
	if (rc == 0 && fflush(stdout) != 0)
		rc = -errno;
	if (rc < 0) {
		(void)fprintf(stderr, "make_proofs: %s\n", cdx_strerror(rc));
		return 1;
	}
	return 0;
}
