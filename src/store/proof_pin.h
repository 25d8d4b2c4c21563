/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_PROOF_PIN_H
#define CDX_STORE_PROOF_PIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/hash.h"
#include "store/store.h"

/* Which proving keys were checked and may be used: one for each number of
 * samples (docs/FORMATS.md "Databases", meta). */
struct cdx_proof_pin {
	uint32_t samples;
	uint64_t bytes; /* of the file */
	bool development;
	struct cdx_digest sha256; /* of the file */
};

/* The folder of their files, in the store's directory */
#define CDX_PROOF_PIN_FOLDER "proof"
/* Room for a file's name: 64 hex digits, .zkey, NUL */
#define CDX_PROOF_PIN_NAME_MAX 72u
/* Name of the file in the folder */
void cdx_proof_pin_name(char out[CDX_PROOF_PIN_NAME_MAX],
			const struct cdx_digest *sha256);

/* Replaces that of the same number of samples.  Applied as a batch; commit to
 * have it durable. */
CDX_MUST_CHECK int cdx_proof_pin_put(struct cdx_store *s,
				     const struct cdx_proof_pin *pin);
/* -ENOENT none for @samples; CDX_E_CORRUPT */
CDX_MUST_CHECK int cdx_proof_pin_get(struct cdx_store *s, uint32_t samples,
				     struct cdx_proof_pin *out);
/**
 * cdx_proof_pin_next - go through all of them
 *
 * @samples: the one with the smallest number above this is given
 *
 * 1 and a pin; 0 there is none; CDX_E_CORRUPT, -EIO, -ENOMEM.
 */
CDX_MUST_CHECK int cdx_proof_pin_next(struct cdx_store *s, uint32_t samples,
				      struct cdx_proof_pin *out);

#endif
