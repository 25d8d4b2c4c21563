/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_CIRCUIT_H
#define CDX_PROOF_CIRCUIT_H

#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"
#include "proof/r1cs.h"
#include "slots/sampler.h"
#include "proof/why.h"

/*
 * The proof circuit of Codex: SampleAndProve(32, 8, 5, 67, n) for n samples
 * (spec/proofs.md 1 and 3, docs/FORMATS.md).  One definition gives the
 * constraints and the witness.
 */
#define CDX_CIRCUIT_DEPTH 32u	   /* of a slot's tree, at most */
#define CDX_CIRCUIT_SLOT_DEPTH 8u  /* of the tree of slot roots, at most */
#define CDX_CIRCUIT_BLOCK_DEPTH 5u /* of the tree in a block */
#define CDX_CIRCUIT_CELL_ELEMENTS 67u
#define CDX_CIRCUIT_PUBLIC 3u /* entropy, dataset root, slot index */
#define CDX_CIRCUIT_SAMPLES_MAX 1024u

/* Wires and constraints for @samples samples: 2033 + 17652 n, 2022 + 17556 n */
uint32_t cdx_circuit_wires(uint32_t samples);
uint32_t cdx_circuit_constraints(uint32_t samples);
/* log2 of the domain: the smallest 2^k with room for the constraints and
 * CDX_CIRCUIT_PUBLIC + 1 more */
unsigned cdx_circuit_log_domain(uint32_t samples);

/**
 * cdx_circuit_r1cs - the constraint system, as circom --O2 makes it of the
 * published source
 *
 * @out:     written on success only; free with cdx_r1cs_free
 * @samples: 1 to CDX_CIRCUIT_SAMPLES_MAX
 *
 * Errors: -EINVAL, -ENOMEM.
 */
CDX_MUST_CHECK int cdx_circuit_r1cs(struct cdx_r1cs *out, uint32_t samples);

/*
 * Of which source are the labels?  The one of July 2024 (network hardhat) and
 * the present one (testnet) make the same constraints, but the present one has
 * 514 signals more, none of which is kept.
 */
enum cdx_circuit_labels {
	CDX_CIRCUIT_LABELS_TESTNET, /* those of cdx_circuit_r1cs */
	CDX_CIRCUIT_LABELS_2024,
};

/* cdx_circuit_r1cs with the labels of one or the other */
CDX_MUST_CHECK int cdx_circuit_r1cs_labels(struct cdx_r1cs *out,
					   uint32_t samples,
					   enum cdx_circuit_labels labels);

/**
 * cdx_circuit_witness - all wires for given inputs
 *
 * @w:   cdx_circuit_wires(in->samples) elements, Montgomery form, written; may
 *       be overwritten on failure
 * @in:  borrowed
 * @why: which root or sample does not fit
 *
 * Refuses inputs that do not satisfy the circuit: CDX_E_PROOF roots, paths or
 * samples that do not fit together, -EINVAL numbers or shapes that the circuit
 * cannot take.  All others are taken, but for a slotIndex that is not below
 * nSlotsPerDataSet (-EINVAL), which the circuit does not compare.
 * Thread: safe; copies of the cells' elements are wiped, @w is the caller's to
 * wipe.
 */
CDX_MUST_CHECK int cdx_circuit_witness(struct cdx_fr *w,
				       const struct cdx_proof_inputs *in,
				       char why[CDX_PROOF_WHY_MAX]);

#endif
