/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROOF_CIRCUIT_SUMS_H
#define CDX_PROOF_CIRCUIT_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "proof/r1cs.h"
#include "proof/r1cs_coefs.h"

/*
 * Linear combinations of wires, and rows of them, while a constraint system is
 * being built.  One thread at a time.
 */
struct cdx_sum_term {
	uint32_t wire;
	struct cdx_fr k; /* not zero */
};

/* In ascending order of wires, each once; wire 0 is the constant.  A value type;
 * the terms are never changed. */
struct cdx_sum {
	const struct cdx_sum_term *term;
	uint32_t n;
};

#define CDX_SUMS_CHUNKS 64u

/* Memory of sums: chunks that are filled one after the other, and used again
 * from a mark on */
struct cdx_sums {
	struct cdx_sum_term *chunk[CDX_SUMS_CHUNKS];
	struct cdx_sums_mark {
		uint32_t chunk;
		uint32_t used; /* terms in that chunk */
	} at;
	int err; /* of whatever failed first; nothing is done after it */
};

/* a + b, a - b; what cancels out is not in the result.  All give nothing after a
 * failure, of which s->err is the first. */
struct cdx_sum cdx_sums_plus(struct cdx_sums *s, struct cdx_sum a,
			     struct cdx_sum b);
struct cdx_sum cdx_sums_minus(struct cdx_sums *s, struct cdx_sum a,
			      struct cdx_sum b);
/* k a; @k is not zero */
struct cdx_sum cdx_sums_scale(struct cdx_sums *s, struct cdx_sum a,
			      const struct cdx_fr *k);
/* k times a wire; nothing when @k is zero */
struct cdx_sum cdx_sums_wire(struct cdx_sums *s, uint32_t wire,
			     const struct cdx_fr *k);
/* Frees the memory of all sums */
void cdx_sums_free(struct cdx_sums *s);

/* Rows as they come, in any order */
struct cdx_rows {
	struct cdx_rows_row {
		size_t at; /* of its terms: those of A, B, C */
		uint32_t n[3];
	} * row;
	uint32_t count;
	struct cdx_r1cs_term *term;
	size_t len;
	size_t cap;
	struct cdx_r1cs_coefs coefs;
};

/* Room for @count rows.  -ENOMEM. */
CDX_MUST_CHECK int cdx_rows_init(struct cdx_rows *rows, uint32_t count);
/* Row @i: a b = d; copies them.  -ENOMEM. */
CDX_MUST_CHECK int cdx_rows_put(struct cdx_rows *rows, uint32_t i,
				struct cdx_sum a, struct cdx_sum b,
				struct cdx_sum d);
/* Moves everything into the matrices and coefficients of @r, which the caller
 * frees in any case.  -ENOMEM. */
CDX_MUST_CHECK int cdx_rows_take(struct cdx_rows *rows, struct cdx_r1cs *r);
/* Frees what has not been taken */
void cdx_rows_free(struct cdx_rows *rows);

#endif
