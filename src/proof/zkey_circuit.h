/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_ZKEY_CIRCUIT_H
#define CDX_PROOF_ZKEY_CIRCUIT_H

#include "base/attr.h"
#include "bn254/fr.h"
#include "proof/r1cs.h"
#include "proof/zkey.h"

/* The circuit's coefficients as keys have them, and one at the end: limbs are
 * those of v 2^512.  Returns new, malloc'd, r->coefs + 1 elements; NULL without
 * memory. */
struct cdx_fr *cdx_zkey_values(const struct cdx_r1cs *r);

/**
 * cdx_zkey_check_circuit - is a key for this circuit?
 *
 * Counts, domain, and the coefficients entry by entry, in any order.
 * Errors: -EINVAL it is for another; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_zkey_check_circuit(const struct cdx_zkey *k,
					  const struct cdx_r1cs *r,
					  char why[CDX_PROOF_WHY_MAX]);

#endif
