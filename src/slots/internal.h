/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_SLOTS_INTERNAL_H
#define CDX_SLOTS_INTERNAL_H

#include "slots/sampler.h"

/**
 * cdx_proof_inputs_room - memory of the samples
 *
 * @in:       samples and cell_elements are set; sample is set here, zeroed,
 *            with data of each sample; free with cdx_proof_inputs_free
 *
 * Errors: -ENOMEM, also when the product does not fit size_t.
 */
CDX_MUST_CHECK int cdx_proof_inputs_room(struct cdx_proof_inputs *in);

#endif
