/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_R1CS_H
#define CDX_PROOF_R1CS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "bn254/fr.h"
#include "proof/why.h"

/*
 * A rank-1 constraint system: for each constraint three linear combinations of
 * wires with <A, w> <B, w> = <C, w>.  Wire 0 is the constant one; outputs,
 * public inputs, private inputs and the rest follow in this order.
 */
struct cdx_r1cs_term {
	uint32_t wire;
	uint32_t coef; /* index into r1cs.coef */
};

/* One of A, B, C: the terms of constraint i are term[row[i]] to
 * term[row[i + 1] - 1], in ascending order of wires, each wire once */
struct cdx_r1cs_matrix {
	uint32_t *row; /* constraints + 1 */
	struct cdx_r1cs_term *term;
};

struct cdx_r1cs {
	uint32_t wires;
	uint32_t outputs;
	uint32_t public_inputs;
	uint32_t private_inputs;
	uint64_t labels; /* of the circuit's source, also of those dropped */
	uint64_t *label; /* of each wire, ascending; label[0] = 0 */
	uint32_t constraints;
	uint32_t coefs;
	struct cdx_fr *coef; /* distinct, none zero */
	struct cdx_r1cs_matrix m[3];
};

/* Frees what is in it and zeroes it */
void cdx_r1cs_free(struct cdx_r1cs *r);

/**
 * cdx_r1cs_read - an .r1cs file, version 1 (docs/FORMATS.md)
 *
 * @out:     written on success only; free with cdx_r1cs_free
 * @p, @len: the whole file
 * @why:     what is wrong, and where
 *
 * Sections in any order; sizes, ranges and the order of wires are checked.
 * Errors: CDX_E_FORMAT, CDX_E_VERSION, -ENOMEM.
 */
CDX_MUST_CHECK int cdx_r1cs_read(struct cdx_r1cs *out, const uint8_t *p,
				 size_t len, char why[CDX_PROOF_WHY_MAX]);
/* The file, appended, sections 2, 1, 3 as circom writes them.  -ENOMEM. */
CDX_MUST_CHECK int cdx_r1cs_write(struct cdx_buf *out,
				  const struct cdx_r1cs *r);

/**
 * cdx_r1cs_check - does a witness satisfy it?
 *
 * @w:   r->wires elements, Montgomery form
 * @row: out, the first constraint that does not hold; may be NULL
 *
 * CDX_E_PROOF when it does not.
 */
CDX_MUST_CHECK int cdx_r1cs_check(const struct cdx_r1cs *r,
				  const struct cdx_fr *w, uint32_t *row);

#endif
