/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_R1CS_KIT_H
#define CDX_TESTS_UNIT_R1CS_KIT_H

/*
 * A small constraint system for tests: x_0 and x_1 are public, and so is the
 * last of the chain x_(i+1) = (x_i + i) (x_(i-1) + 2 x_i) of @length products.
 * Wires: 1, the last one, x_0, x_1, x_2 and so on up to the last but one.
 * Include after cmocka.h.
 */

#include <stdint.h>
#include <stdlib.h>

#include "proof/r1cs.h"

#define R1CS_KIT_PUBLIC 3u

/* Wire of x_i */
static inline uint32_t r1cs_kit_wire(uint32_t i, uint32_t length)
{
	return i == length + 1 ? 1 : i + 2;
}

static inline void r1cs_kit_term(struct cdx_r1cs *r, unsigned m, uint32_t wire,
				 uint32_t coef)
{
	struct cdx_r1cs_matrix *x = &r->m[m];
	uint32_t *end = &x->row[r->constraints + 1];

	x->term[(*end)++] = (struct cdx_r1cs_term){wire, coef};
}

/* Coefficient i is the number i + 1 */
static inline void r1cs_kit_new(struct cdx_r1cs *r, uint32_t length)
{
	*r = (struct cdx_r1cs){
		.wires = length + 3,
		.outputs = 1,
		.public_inputs = 2,
		.labels = length + 3,
		.coefs = length + 2,
	};
	r->label = calloc(r->wires, sizeof(*r->label));
	r->coef = calloc(r->coefs, sizeof(*r->coef));
	assert_true(r->label != NULL && r->coef != NULL);
	for (uint32_t i = 0; i < r->wires; i++)
		r->label[i] = i;
	for (uint32_t i = 0; i < r->coefs; i++)
		cdx_fr_from_u64(&r->coef[i], i + 1);
	for (unsigned m = 0; m < 3; m++) {
		r->m[m].row = calloc(length + 1, sizeof(uint32_t));
		r->m[m].term = calloc(3 * (size_t)length,
				      sizeof(struct cdx_r1cs_term));
		assert_true(r->m[m].row != NULL && r->m[m].term != NULL);
	}
	for (uint32_t i = 1; i <= length; i++, r->constraints++) {
		for (unsigned m = 0; m < 3; m++)
			r->m[m].row[i] = r->m[m].row[i - 1];
		r1cs_kit_term(r, 0, 0, i - 1);
		r1cs_kit_term(r, 0, r1cs_kit_wire(i, length), 0);
		r1cs_kit_term(r, 1, r1cs_kit_wire(i - 1, length), 0);
		r1cs_kit_term(r, 1, r1cs_kit_wire(i, length), 1);
		r1cs_kit_term(r, 2, r1cs_kit_wire(i + 1, length), 0);
	}
}

/* All wires from x_0 and x_1; malloc'd */
static inline struct cdx_fr *r1cs_kit_witness(const struct cdx_r1cs *r,
					      const struct cdx_fr *x0,
					      const struct cdx_fr *x1)
{
	const uint32_t length = r->constraints;
	struct cdx_fr *w = calloc(r->wires, sizeof(*w));

	assert_non_null(w);
	w[0] = cdx_fr_one;
	w[2] = *x0;
	w[3] = *x1;
	for (uint32_t i = 1; i <= length; i++) {
		const struct cdx_fr *x = &w[r1cs_kit_wire(i, length)];
		struct cdx_fr a;
		struct cdx_fr b;

		cdx_fr_from_u64(&a, i);
		cdx_fr_add(&a, &a, x);
		cdx_fr_add(&b, x, x);
		cdx_fr_add(&b, &b, &w[r1cs_kit_wire(i - 1, length)]);
		cdx_fr_mul(&w[r1cs_kit_wire(i + 1, length)], &a, &b);
	}
	return w;
}

#endif
