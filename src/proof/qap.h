/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_QAP_H
#define CDX_PROOF_QAP_H

#include <stdbool.h>

#include "base/attr.h"
#include "bn254/fr.h"
#include "proof/r1cs.h"

/* The polynomials of a constraint system at one point (spec/proofs.md 4, 5) */

/**
 * cdx_qap_lagrange - the Lagrange polynomials of a domain at tau
 *
 * @even: 2^@log_n elements: L_i of the domain of the roots w^i, at tau
 * @odd:  2^@log_n elements: those with numbers 2 i + 1 of the domain of twice
 *        the size
 *
 * False when tau is itself one of the roots; then they are not written.
 */
CDX_MUST_CHECK bool cdx_qap_lagrange(struct cdx_fr *even, struct cdx_fr *odd,
				     const struct cdx_fr *tau, unsigned log_n);

/**
 * cdx_qap_wires - A, B and C of each wire
 *
 * @at:       three arrays of r->wires elements, zero
 * @lagrange: of each constraint, and of the rows behind them, one for each
 *            public input and the one: they have the wire itself in A
 */
void cdx_qap_wires(struct cdx_fr *const at[3], const struct cdx_r1cs *r,
		   const struct cdx_fr *lagrange);

#endif
