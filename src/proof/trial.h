/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_TRIAL_H
#define CDX_PROOF_TRIAL_H

#include <stdint.h>

#include "base/attr.h"
#include "slots/sampler.h"

/**
 * cdx_proof_trial_inputs - inputs that satisfy the circuit
 *
 * Those of a small dataset of random bytes, under a random challenge.  Free with
 * cdx_proof_inputs_free.  -ENOMEM.
 */
CDX_MUST_CHECK int cdx_proof_trial_inputs(struct cdx_proof_inputs *out,
					  uint32_t samples);

#endif
