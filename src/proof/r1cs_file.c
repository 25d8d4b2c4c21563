/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/r1cs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "bn254/fr_modulus.h"
#include "proof/binfile.h"
#include "proof/r1cs_coefs.h"

#define MAGIC "r1cs"
#define VERSION 1u
#define SECTION_HEADER 1u
#define SECTION_CONSTRAINTS 2u
#define SECTION_LABELS 3u
#define SECTIONS 3u
#define HEADER_BYTES (CDX_BINFILE_MODULUS_BYTES + 28)
#define TERM_BYTES (4 + CDX_FR_BYTES)
#define MATRICES 3u
#define LABEL_BYTES 8u

/* ---- read ---- */

static int read_header(struct cdx_r1cs *r, const struct cdx_binfile *f,
		       char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_cursor c;
	int rc = cdx_binfile_section(&c, f, SECTION_HEADER, why);

	if (rc == 0)
		rc = cdx_binfile_modulus(&c, fr_modulus.m, "the prime", why);
	if (rc < 0)
		return rc;
	r->wires = cdx_cursor_le32(&c);
	r->outputs = cdx_cursor_le32(&c);
	r->public_inputs = cdx_cursor_le32(&c);
	r->private_inputs = cdx_cursor_le32(&c);
	r->labels = cdx_cursor_le64(&c);
	r->constraints = cdx_cursor_le32(&c);
	if (cdx_cursor_done(&c) < 0)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "section 1 is not a circuit's header");
	if ((uint64_t)1 + r->outputs + r->public_inputs + r->private_inputs >
	    r->wires)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "more inputs and outputs than wires");
	return 0;
}

/* Ascending from 0, which is the constant one's; below the number of labels */
static int read_labels(struct cdx_r1cs *r, const struct cdx_binfile *f,
		       char why[CDX_PROOF_WHY_MAX])
{
	const uint8_t *p;
	int rc = cdx_binfile_array(&p, f, SECTION_LABELS, r->wires, LABEL_BYTES,
				   why);

	if (rc < 0)
		return rc;
	r->label = calloc(r->wires, sizeof(*r->label));
	if (!r->label)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->wires; i++) {
		r->label[i] = cdx_get_le64(p + (size_t)i * LABEL_BYTES);
		if (r->label[i] >= r->labels ||
		    (i == 0 ? r->label[i] != 0
			    : r->label[i] <= r->label[i - 1]))
			return cdx_refuse(why, CDX_E_FORMAT,
					  "wire %" PRIu32
					  ": not a label, or not in order",
					  i);
	}
	return 0;
}

static int by_wire(const void *a, const void *b)
{
	const struct cdx_r1cs_term *x = a;
	const struct cdx_r1cs_term *y = b;

	return x->wire < y->wire ? -1 : x->wire > y->wire;
}

/* Puts @n terms in order; false when a wire comes twice */
static bool put_in_order(struct cdx_r1cs_term *t, uint32_t n)
{
	bool ascending = true;

	for (uint32_t i = 1; i < n && ascending; i++)
		ascending = t[i - 1].wire < t[i].wire;
	if (ascending)
		return true;
	qsort(t, n, sizeof(*t), by_wire);
	for (uint32_t i = 1; i < n; i++)
		if (t[i - 1].wire == t[i].wire)
			return false;
	return true;
}

/* What is known of the rows while they are read */
struct reading {
	struct cdx_r1cs *r;
	struct cdx_r1cs_coefs coefs;
	struct cdx_cursor c;
};

static int read_terms(struct reading *d, struct cdx_r1cs_term *t, uint32_t n,
		      const char **wrong)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *p;
		struct cdx_fr v;

		t[i].wire = cdx_cursor_le32(&d->c);
		p = cdx_cursor_take(&d->c, CDX_FR_BYTES);
		*wrong = "a wire that there is not";
		if (!p || t[i].wire >= d->r->wires)
			return CDX_E_FORMAT;
		*wrong = "a coefficient not below the prime, or zero";
		if (cdx_fr_from_bytes(&v, p) < 0 || cdx_fr_is_zero(&v))
			return CDX_E_FORMAT;
		if (cdx_r1cs_coefs_find(&d->coefs, &t[i].coef, &v) < 0)
			return -ENOMEM;
	}
	*wrong = "a wire twice";
	return put_in_order(t, n) ? 0 : CDX_E_FORMAT;
}

/* Counts the terms of each matrix, so that the rows fit what is allocated */
static int count_terms(struct cdx_cursor c, uint32_t constraints,
		       size_t count[MATRICES])
{
	for (uint32_t i = 0; i < constraints; i++) {
		for (size_t j = 0; j < MATRICES; j++) {
			uint32_t n = cdx_cursor_le32(&c);

			if (n > c.left / TERM_BYTES)
				return CDX_E_FORMAT;
			(void)cdx_cursor_take(&c, (size_t)n * TERM_BYTES);
			count[j] += n;
		}
	}
	for (size_t j = 0; j < MATRICES; j++)
		if (count[j] > UINT32_MAX)
			return CDX_E_FORMAT;
	return cdx_cursor_done(&c);
}

static int allocate_rows(struct cdx_r1cs *r, const size_t count[MATRICES])
{
	for (size_t j = 0; j < MATRICES; j++) {
		struct cdx_r1cs_matrix *m = &r->m[j];

		m->row = calloc((size_t)r->constraints + 1, sizeof(*m->row));
		m->term = calloc(count[j] + 1, sizeof(*m->term));
		if (!m->row || !m->term)
			return -ENOMEM;
	}
	return 0;
}

static int read_rows(struct reading *d, char why[CDX_PROOF_WHY_MAX])
{
	for (uint32_t i = 0; i < d->r->constraints; i++) {
		for (size_t j = 0; j < MATRICES; j++) {
			struct cdx_r1cs_matrix *m = &d->r->m[j];
			const uint32_t n = cdx_cursor_le32(&d->c);
			const char *wrong = "";
			int rc = read_terms(d, m->term + m->row[i], n, &wrong);

			if (rc == CDX_E_FORMAT)
				return cdx_refuse(why, rc,
						  "constraint %" PRIu32
						  ", %c: %s",
						  i, "ABC"[j], wrong);
			if (rc < 0)
				return rc;
			m->row[i + 1] = m->row[i] + n;
		}
	}
	return 0;
}

static int read_constraints(struct cdx_r1cs *r, const struct cdx_binfile *f,
			    char why[CDX_PROOF_WHY_MAX])
{
	struct reading d = {.r = r};
	size_t count[MATRICES] = {0};
	int rc = cdx_binfile_section(&d.c, f, SECTION_CONSTRAINTS, why);

	if (rc < 0)
		return rc;
	if (r->constraints > d.c.left / (MATRICES * 4) ||
	    count_terms(d.c, r->constraints, count) < 0)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "section 2 is not %" PRIu32 " constraints",
				  r->constraints);
	rc = allocate_rows(r, count);
	if (rc == 0)
		rc = read_rows(&d, why);
	r->coefs = d.coefs.count;
	r->coef = cdx_r1cs_coefs_take(&d.coefs);
	return rc;
}

int cdx_r1cs_read(struct cdx_r1cs *out, const uint8_t *p, size_t len,
		  char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_r1cs r = {0};
	struct cdx_binfile f;
	int rc = cdx_binfile_open(&f, p, len, MAGIC, VERSION, why);

	if (rc == 0)
		rc = read_header(&r, &f, why);
	if (rc == 0)
		rc = read_labels(&r, &f, why);
	if (rc == 0)
		rc = read_constraints(&r, &f, why);
	if (rc < 0) {
		cdx_r1cs_free(&r);
		return rc;
	}
	*out = r;
	return 0;
}

/* ---- write ---- */

/* circom sorts the terms of a row by the bytes of the wire, least significant
 * first */
static int by_bytes(const void *a, const void *b)
{
	const struct cdx_r1cs_term *x = a;
	const struct cdx_r1cs_term *y = b;
	const uint32_t i = __builtin_bswap32(x->wire);
	const uint32_t j = __builtin_bswap32(y->wire);

	return i < j ? -1 : i > j;
}

static uint8_t *put_row(uint8_t *p, const struct cdx_r1cs_term *t, uint32_t n,
			const uint8_t (*value)[CDX_FR_BYTES])
{
	cdx_put_le32(p, n);
	p += 4;
	for (uint32_t i = 0; i < n; i++) {
		cdx_put_le32(p, t[i].wire);
		memcpy(p + 4, value[t[i].coef], CDX_FR_BYTES);
		p += TERM_BYTES;
	}
	return p;
}

static uint32_t longest_row(const struct cdx_r1cs *r)
{
	uint32_t max = 0;

	for (size_t j = 0; j < MATRICES; j++) {
		const uint32_t *row = r->m[j].row;

		for (uint32_t i = 0; i < r->constraints; i++)
			if (row[i + 1] - row[i] > max)
				max = row[i + 1] - row[i];
	}
	return max;
}

static size_t constraint_bytes(const struct cdx_r1cs *r)
{
	size_t size = (size_t)r->constraints * MATRICES * 4;

	for (size_t j = 0; j < MATRICES; j++)
		size += (size_t)r->m[j].row[r->constraints] * TERM_BYTES;
	return size;
}

static int put_constraints(struct cdx_buf *out, const struct cdx_r1cs *r)
{
	const uint32_t longest = longest_row(r);
	CDX_CLEANUP(cdx_freep) uint8_t(*value)[CDX_FR_BYTES] = NULL;
	CDX_CLEANUP(cdx_freep) struct cdx_r1cs_term *row = NULL;
	uint8_t *p = cdx_buf_extend(out, constraint_bytes(r));

	value = calloc((size_t)r->coefs + 1, sizeof(*value));
	row = calloc((size_t)longest + 1, sizeof(*row));
	if (!p || !value || !row)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->coefs; i++)
		cdx_fr_to_bytes(value[i], &r->coef[i]);
	for (uint32_t i = 0; i < r->constraints; i++) {
		for (size_t j = 0; j < MATRICES; j++) {
			const struct cdx_r1cs_matrix *m = &r->m[j];
			const uint32_t n = m->row[i + 1] - m->row[i];

			memcpy(row, m->term + m->row[i], n * sizeof(*row));
			qsort(row, n, sizeof(*row), by_bytes);
			p = put_row(p, row, n,
				    (const uint8_t(*)[CDX_FR_BYTES])value);
		}
	}
	return 0;
}

int cdx_r1cs_write(struct cdx_buf *out, const struct cdx_r1cs *r)
{
	uint8_t *p;

	cdx_binfile_put_header(out, MAGIC, VERSION, SECTIONS);
	cdx_binfile_put_section(out, SECTION_CONSTRAINTS, constraint_bytes(r));
	if (put_constraints(out, r) < 0)
		return -ENOMEM;
	cdx_binfile_put_section(out, SECTION_HEADER, HEADER_BYTES);
	cdx_binfile_put_modulus(out, fr_modulus.m);
	cdx_buf_le32(out, r->wires);
	cdx_buf_le32(out, r->outputs);
	cdx_buf_le32(out, r->public_inputs);
	cdx_buf_le32(out, r->private_inputs);
	cdx_buf_le64(out, r->labels);
	cdx_buf_le32(out, r->constraints);
	cdx_binfile_put_section(out, SECTION_LABELS,
				(uint64_t)r->wires * LABEL_BYTES);
	p = cdx_buf_extend(out, (size_t)r->wires * LABEL_BYTES);
	for (uint32_t i = 0; p && i < r->wires; i++)
		cdx_put_le64(p + (size_t)i * LABEL_BYTES, r->label[i]);
	return cdx_buf_ok(out);
}
