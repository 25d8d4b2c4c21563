/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_POSEIDON2_TRACE_H
#define CDX_BN254_POSEIDON2_TRACE_H

#include <stddef.h>

#include "bn254/fr.h"

/*
 * The permutation with what happens inside, for the proof circuit: there every
 * product is a wire of its own, and so are enough of the states between the
 * rounds that all others are sums of them.  Pure; safe on any thread.
 */

#define CDX_TRACE_EXTERNAL 8u
#define CDX_TRACE_HALF (CDX_TRACE_EXTERNAL / 2)
#define CDX_TRACE_INTERNAL 56u

/* The square and the fourth power in an S-box */
struct cdx_trace_sbox {
	struct cdx_fr x2;
	struct cdx_fr x4;
};

/* In the order of the published circuit (spec/proofs.md 3); all elements are
 * fully reduced */
struct cdx_poseidon2_trace {
	/* states after the external rounds of the first half */
	struct cdx_fr first[CDX_TRACE_HALF][3];
	/* first element of the states after the internal rounds */
	struct cdx_fr middle[CDX_TRACE_INTERNAL];
	/* states after those of the second half, but for the last one */
	struct cdx_fr last[CDX_TRACE_HALF - 1][3];
	struct cdx_trace_sbox external[CDX_TRACE_EXTERNAL][3];
	struct cdx_trace_sbox internal[CDX_TRACE_INTERNAL];
};

/* The same seen as a row of elements */
#define CDX_TRACE_ELEMENTS \
	(sizeof(struct cdx_poseidon2_trace) / sizeof(struct cdx_fr))

/**
 * cdx_poseidon2_trace - one permutation in place
 *
 * @trace: written; need not be initialised
 *
 * Gives what cdx_poseidon2_permute gives.
 */
void cdx_poseidon2_trace(struct cdx_fr state[3],
			 struct cdx_poseidon2_trace *trace);

/* The constants that are added before the S-boxes: three in external round
 * @round, one in an internal one */
const struct cdx_fr *cdx_poseidon2_external_constants(size_t round);
const struct cdx_fr *cdx_poseidon2_internal_constant(size_t round);

#endif
