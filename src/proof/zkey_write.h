/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_ZKEY_WRITE_H
#define CDX_PROOF_ZKEY_WRITE_H

#include <stdint.h>

#include "base/attr.h"
#include "proof/groth16.h"
#include "proof/r1cs.h"
#include "proof/zkey.h"

/**
 * cdx_zkey_write - a development key's file, section by section
 *
 * @write: gets it in order; @arg is passed
 * @k:     counts and points; k->coef and k->coefs are not looked at
 * @r:     the circuit, of which the coefficients are written
 *
 * Sections in the order of snarkjs; then ours, which says what the key is.
 * Circuit hash and contributions are zero.
 * Errors: those of @write, -ENOMEM.
 */
CDX_MUST_CHECK int cdx_zkey_write(cdx_setup_write_fn *write, void *arg,
				  const struct cdx_zkey *k,
				  const struct cdx_r1cs *r);

#endif
