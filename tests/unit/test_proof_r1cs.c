/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "bn254/fr_modulus.h"
#include "proof/binfile.h"
#include "proof/circuit.h"
#include "proof/r1cs.h"

/* Constraint systems and their files */

/* ---- a file, part by part ---- */

struct header {
	uint32_t wires, outputs, public_inputs, private_inputs;
	uint64_t labels;
	uint32_t constraints;
};

static const struct header small_header = {5, 1, 1, 1, 9, 2};

static void put_header(struct cdx_buf *b, const struct header *h)
{
	cdx_binfile_put_section(b, 1, CDX_BINFILE_MODULUS_BYTES + 28);
	cdx_binfile_put_modulus(b, fr_modulus.m);
	cdx_buf_le32(b, h->wires);
	cdx_buf_le32(b, h->outputs);
	cdx_buf_le32(b, h->public_inputs);
	cdx_buf_le32(b, h->private_inputs);
	cdx_buf_le64(b, h->labels);
	cdx_buf_le32(b, h->constraints);
}

static void put_term(struct cdx_buf *b, uint32_t wire, uint64_t v)
{
	cdx_buf_le32(b, wire);
	cdx_buf_le64(b, v);
	for (size_t i = 0; i < 3; i++)
		cdx_buf_le64(b, 0);
}

/* What may be wrong in the rows */
struct rows {
	uint32_t wire;	 /* of B's second term in constraint 0; 4 */
	uint64_t v;	 /* its coefficient; 7 */
	uint32_t length; /* of C in constraint 1; 0 */
};

/* (w1) (2 w3 + 7 w4) = w2 + 5, (w3) (w3 + w4) = 0; 4 terms in ABC and rows of
 * no terms */
static void put_rows(struct cdx_buf *b, const struct rows *r)
{
	cdx_binfile_put_section(b, 2, 6 * 4 + 8 * 36);
	cdx_buf_le32(b, 1);
	put_term(b, 1, 1);
	cdx_buf_le32(b, 2);
	put_term(b, 3, 2);
	put_term(b, r->wire, r->v);
	cdx_buf_le32(b, 2);
	put_term(b, 2, 1);
	put_term(b, 0, 5);
	cdx_buf_le32(b, 1);
	put_term(b, 3, 1);
	cdx_buf_le32(b, 2);
	put_term(b, 3, 1);
	put_term(b, 4, 1);
	cdx_buf_le32(b, r->length);
}

static void put_labels(struct cdx_buf *b, const uint64_t label[5])
{
	cdx_binfile_put_section(b, 3, 5 * 8);
	for (size_t i = 0; i < 5; i++)
		cdx_buf_le64(b, label[i]);
}

static const struct rows small_rows = {4, 7, 0};
static const uint64_t small_labels[5] = {0, 1, 3, 4, 8};

static void put_file(struct cdx_buf *b, const struct header *h,
		     const struct rows *r, const uint64_t label[5])
{
	cdx_binfile_put_header(b, "r1cs", 1, 3);
	put_header(b, h);
	put_rows(b, r);
	put_labels(b, label);
	assert_int_equal(cdx_buf_ok(b), 0);
}

static int read_copy(struct cdx_r1cs *r, const void *p, size_t len, char *why)
{
	/* so that ASan sees a byte too many */
	uint8_t *copy = malloc(len ? len : 1);
	int rc;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, p, len);
	rc = cdx_r1cs_read(r, copy, len, why);
	free(copy);
	return rc;
}

static void refused(const struct header *h, const struct rows *r,
		    const uint64_t *label, const char *want)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_r1cs out = {.wires = 77};
	struct cdx_buf b = {0};

	put_file(&b, h ? h : &small_header, r ? r : &small_rows,
		 label ? label : small_labels);
	assert_int_equal(read_copy(&out, b.p, b.len, why), CDX_E_FORMAT);
	assert_string_equal(why, want);
	assert_int_equal(out.wires, 77);
	cdx_buf_free(&b);
}

static void small_file(struct cdx_r1cs *r)
{
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_buf b = {0};

	put_file(&b, &small_header, &small_rows, small_labels);
	assert_int_equal(read_copy(r, b.p, b.len, why), 0);
	cdx_buf_free(&b);
}

static void what_is_read(void **state)
{
	struct cdx_r1cs r;
	struct cdx_fr seven;

	(void)state;
	small_file(&r);
	assert_int_equal(r.wires, 5);
	assert_int_equal(r.outputs, 1);
	assert_int_equal(r.public_inputs, 1);
	assert_int_equal(r.private_inputs, 1);
	assert_int_equal(r.labels, 9);
	assert_int_equal(r.constraints, 2);
	assert_memory_equal(r.label, small_labels, sizeof(small_labels));
	assert_int_equal(r.coefs, 4); /* 1, 2, 7, 5 */
	assert_int_equal(r.m[1].row[1], 2);
	assert_int_equal(r.m[1].term[1].wire, 4);
	cdx_fr_from_u64(&seven, 7);
	assert_true(cdx_fr_equal(&r.coef[r.m[1].term[1].coef], &seven));
	/* in order, whatever the file has */
	assert_int_equal(r.m[2].term[0].wire, 0);
	assert_int_equal(r.m[2].term[1].wire, 2);
	assert_int_equal(r.m[2].row[2], 2);
	cdx_r1cs_free(&r);
	assert_null(r.label);
}

static void check_small(const struct cdx_r1cs *r, uint64_t w2, uint64_t w3,
			int want, uint32_t want_row)
{
	/* w1 (2 w3 + 7 w4) = w2 + 5, w3 (w3 + w4) = 0 */
	const uint64_t v[5] = {1, 3, w2, w3, 10};
	uint32_t row = 99;
	struct cdx_fr w[5];

	for (size_t i = 0; i < 5; i++)
		cdx_fr_from_u64(&w[i], v[i]);
	assert_int_equal(cdx_r1cs_check(r, w, &row), want);
	assert_int_equal(row, want_row);
}

static void what_satisfies(void **state)
{
	struct cdx_fr w[5] = {{{0}}};
	struct cdx_r1cs r;

	(void)state;
	small_file(&r);
	check_small(&r, 205, 0, 0, 99);
	check_small(&r, 206, 0, CDX_E_PROOF, 0);
	check_small(&r, 211, 1, CDX_E_PROOF, 1);
	/* zeros satisfy every row, but zero is not one */
	assert_int_equal(cdx_r1cs_check(&r, w, NULL), CDX_E_PROOF);
	cdx_r1cs_free(&r);
}

static void bad_headers(void **state)
{
	struct header h = small_header;

	(void)state;
	h.private_inputs = 3;
	refused(&h, NULL, NULL, "more inputs and outputs than wires");
	h.private_inputs = UINT32_MAX;
	refused(&h, NULL, NULL, "more inputs and outputs than wires");
	h = small_header;
	h.wires = 0;
	refused(&h, NULL, NULL, "more inputs and outputs than wires");
	h = small_header;
	h.constraints = 1;
	refused(&h, NULL, NULL, "section 2 is not 1 constraints");
	h.constraints = 3;
	refused(&h, NULL, NULL, "section 2 is not 3 constraints");
	h.constraints = UINT32_MAX;
	refused(&h, NULL, NULL, "section 2 is not 4294967295 constraints");
	h = small_header;
	h.labels = 8;
	refused(&h, NULL, NULL, "wire 4: not a label, or not in order");
}

static void bad_rows_and_labels(void **state)
{
	const uint64_t twice[5] = {0, 1, 3, 3, 8};
	const uint64_t no_zero[5] = {1, 2, 3, 4, 8};
	struct rows r = small_rows;

	(void)state;
	refused(NULL, NULL, twice, "wire 3: not a label, or not in order");
	refused(NULL, NULL, no_zero, "wire 0: not a label, or not in order");
	r.wire = 5;
	refused(NULL, &r, NULL, "constraint 0, B: a wire that there is not");
	r.wire = 3;
	refused(NULL, &r, NULL, "constraint 0, B: a wire twice");
	r = small_rows;
	r.v = 0;
	refused(NULL, &r, NULL,
		"constraint 0, B: a coefficient not below the prime, or zero");
	r = small_rows;
	r.length = 1;
	refused(NULL, &r, NULL, "section 2 is not 2 constraints");
	r.length = UINT32_MAX;
	refused(NULL, &r, NULL, "section 2 is not 2 constraints");
}

/* Every file that is cut, and every one with a byte turned over, is refused or
 * read as something that can be written again */
static void cut_and_bent_files(void **state)
{
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_buf b = {0};
	struct cdx_r1cs r;

	(void)state;
	put_file(&b, &small_header, &small_rows, small_labels);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(read_copy(&r, b.p, len, why), CDX_E_FORMAT);
	for (size_t i = 0; i < b.len; i++) {
		b.p[i] ^= 0xff;
		if (read_copy(&r, b.p, b.len, why) == 0) {
			struct cdx_buf again = {0};

			assert_int_equal(cdx_r1cs_write(&again, &r), 0);
			assert_int_equal(again.len, b.len);
			cdx_buf_free(&again);
			cdx_r1cs_free(&r);
		}
		b.p[i] ^= 0xff;
	}
	cdx_buf_free(&b);
}

static void circuit_comes_back(void **state)
{
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_r1cs r;
	struct cdx_r1cs again;
	struct cdx_buf b = {0};
	struct cdx_buf second = {0};

	(void)state;
	assert_int_equal(cdx_circuit_r1cs(&r, 1), 0);
	assert_int_equal(cdx_r1cs_write(&b, &r), 0);
	assert_int_equal(cdx_r1cs_read(&again, b.p, b.len, why), 0);
	assert_int_equal(again.coefs, r.coefs);
	for (size_t j = 0; j < 3; j++) {
		const uint32_t n = r.m[j].row[r.constraints];

		assert_memory_equal(again.m[j].row, r.m[j].row,
				    (r.constraints + 1) * sizeof(*r.m[j].row));
		for (uint32_t i = 0; i < n; i++) {
			const struct cdx_r1cs_term *x = &r.m[j].term[i];
			const struct cdx_r1cs_term *y = &again.m[j].term[i];

			assert_int_equal(x->wire, y->wire);
			assert_true(cdx_fr_equal(&r.coef[x->coef],
						 &again.coef[y->coef]));
		}
	}
	assert_int_equal(cdx_r1cs_write(&second, &again), 0);
	assert_int_equal(b.len, second.len);
	assert_memory_equal(b.p, second.p, b.len);
	cdx_buf_free(&b);
	cdx_buf_free(&second);
	cdx_r1cs_free(&r);
	cdx_r1cs_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read),
		cmocka_unit_test(what_satisfies),
		cmocka_unit_test(bad_headers),
		cmocka_unit_test(bad_rows_and_labels),
		cmocka_unit_test(cut_and_bent_files),
		cmocka_unit_test(circuit_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
