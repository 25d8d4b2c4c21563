/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_KEY_H
#define CDX_PROOF_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/hash.h"
#include "proof/groth16.h"
#include "proof/zkey.h"
#include "slots/sampler.h"
#include "proof/why.h"

/* A proving key of our circuit, in a file.  immutable once it is open. */
struct cdx_proof_key {
	void *map; /* the whole file */
	size_t len;
	struct cdx_digest sha256;
	uint32_t samples; /* of the circuit that it is for, by its wires */
	struct cdx_zkey zkey;
};

/**
 * cdx_proof_key_open - map a key file
 *
 * @out:   written on success only; cdx_proof_key_close
 * @dirfd: where a relative @path begins; AT_FDCWD
 * @pin:   NULL, or what the file's SHA-256 must be
 * @why:   in words, without the path
 *
 * Errors: -errno of the file; CDX_E_HASH not what was pinned; those of
 * cdx_zkey_open; -EDOM not of this circuit for any number of samples.
 */
CDX_MUST_CHECK int cdx_proof_key_open(struct cdx_proof_key *out, int dirfd,
				      const char *path,
				      const struct cdx_digest *pin,
				      char why[CDX_PROOF_WHY_MAX]);
void cdx_proof_key_close(struct cdx_proof_key *k);

/**
 * cdx_proof_key_check - may this key be used?
 *
 * All of cdx_zkey_check against our circuit, and a proof made with it that
 * verifies.  What cannot be checked here is how the key was made: that takes
 * the ceremony's transcript (snarkjs zkey verify).
 * Errors: those of cdx_zkey_check, but -EDOM for its -EINVAL, and those of
 * cdx_groth16_prove.
 */
CDX_MUST_CHECK int cdx_proof_key_check(const struct cdx_proof_key *k,
				       const struct cdx_groth16_run *run,
				       char why[CDX_PROOF_WHY_MAX]);

/**
 * cdx_proof_make - from inputs to a proof
 *
 * @out:     written on success only
 * @public:  CDX_CIRCUIT_PUBLIC elements
 * @in:      as many samples as the key is for, else -EINVAL
 *
 * Errors: those of cdx_circuit_witness, cdx_groth16_prove.
 */
CDX_MUST_CHECK int cdx_proof_make(struct cdx_proof *out, struct cdx_fr *public,
				  const struct cdx_proof_key *k,
				  const struct cdx_proof_inputs *in,
				  const struct cdx_groth16_run *run,
				  char why[CDX_PROOF_WHY_MAX]);

#endif
