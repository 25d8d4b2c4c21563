/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/circuit_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Far more than the longest sum of the circuit, which has 255 terms */
#define CHUNK_TERMS ((uint32_t)1 << 14)
#define TERMS_FIRST ((size_t)1 << 16)

static const struct cdx_sum nothing = {NULL, 0};

/* ---- sums ---- */

/* Room for @n terms at the end, to be claimed by keep; NULL after failure */
static struct cdx_sum_term *room(struct cdx_sums *s, uint32_t n)
{
	if (s->err < 0)
		return NULL;
	if (n > CHUNK_TERMS - s->at.used) {
		s->at.chunk++;
		s->at.used = 0;
	}
	if (n > CHUNK_TERMS || s->at.chunk == CDX_SUMS_CHUNKS) {
		s->err = -ENOMEM;
		return NULL;
	}
	if (!s->chunk[s->at.chunk])
		s->chunk[s->at.chunk] =
			malloc(CHUNK_TERMS * sizeof(struct cdx_sum_term));
	if (!s->chunk[s->at.chunk]) {
		s->err = -ENOMEM;
		return NULL;
	}
	return s->chunk[s->at.chunk] + s->at.used;
}

static struct cdx_sum keep(struct cdx_sums *s, const struct cdx_sum_term *t,
			   uint32_t n)
{
	const struct cdx_sum sum = {t, n};

	s->at.used += n;
	return sum;
}

typedef void combine_fn(struct cdx_fr *out, const struct cdx_fr *a,
			const struct cdx_fr *b);

/* One walk over both; @combine is cdx_fr_add or cdx_fr_sub */
static struct cdx_sum merge(struct cdx_sums *s, struct cdx_sum a,
			    struct cdx_sum b, combine_fn *combine)
{
	struct cdx_sum_term *t = room(s, a.n + b.n);
	uint32_t i = 0;
	uint32_t j = 0;
	uint32_t n = 0;

	if (!t)
		return nothing;
	while (i < a.n || j < b.n) {
		if (j == b.n || (i < a.n && a.term[i].wire < b.term[j].wire)) {
			t[n++] = a.term[i++];
			continue;
		}
		t[n].wire = b.term[j].wire;
		if (i == a.n || b.term[j].wire < a.term[i].wire)
			combine(&t[n].k, &cdx_fr_zero, &b.term[j].k);
		else
			combine(&t[n].k, &a.term[i++].k, &b.term[j].k);
		j++;
		if (!cdx_fr_is_zero(&t[n].k))
			n++;
	}
	return keep(s, t, n);
}

struct cdx_sum cdx_sums_plus(struct cdx_sums *s, struct cdx_sum a,
			     struct cdx_sum b)
{
	return merge(s, a, b, cdx_fr_add);
}

struct cdx_sum cdx_sums_minus(struct cdx_sums *s, struct cdx_sum a,
			      struct cdx_sum b)
{
	return merge(s, a, b, cdx_fr_sub);
}

struct cdx_sum cdx_sums_scale(struct cdx_sums *s, struct cdx_sum a,
			      const struct cdx_fr *k)
{
	struct cdx_sum_term *t = room(s, a.n);

	if (!t)
		return nothing;
	for (uint32_t i = 0; i < a.n; i++) {
		t[i].wire = a.term[i].wire;
		cdx_fr_mul(&t[i].k, &a.term[i].k, k);
	}
	return keep(s, t, a.n);
}

struct cdx_sum cdx_sums_wire(struct cdx_sums *s, uint32_t wire,
			     const struct cdx_fr *k)
{
	struct cdx_sum_term *t = room(s, 1);

	if (!t || cdx_fr_is_zero(k))
		return nothing;
	t->wire = wire;
	t->k = *k;
	return keep(s, t, 1);
}

void cdx_sums_free(struct cdx_sums *s)
{
	for (size_t i = 0; i < CDX_SUMS_CHUNKS; i++)
		free(s->chunk[i]);
	memset(s, 0, sizeof(*s));
}

/* ---- rows ---- */

int cdx_rows_init(struct cdx_rows *rows, uint32_t count)
{
	memset(rows, 0, sizeof(*rows));
	rows->row = calloc(count, sizeof(*rows->row));
	if (!rows->row)
		return -ENOMEM;
	rows->count = count;
	return 0;
}

static int grow(struct cdx_rows *rows, size_t more)
{
	size_t cap = rows->cap ? rows->cap : TERMS_FIRST;
	struct cdx_r1cs_term *term;

	if (more <= rows->cap - rows->len)
		return 0;
	while (cap - rows->len < more)
		cap *= 2;
	term = realloc(rows->term, cap * sizeof(*term));
	if (!term)
		return -ENOMEM;
	rows->term = term;
	rows->cap = cap;
	return 0;
}

int cdx_rows_put(struct cdx_rows *rows, uint32_t i, struct cdx_sum a,
		 struct cdx_sum b, struct cdx_sum d)
{
	const struct cdx_sum sum[3] = {a, b, d};
	struct cdx_rows_row *row = &rows->row[i];

	if (grow(rows, (size_t)a.n + b.n + d.n) < 0)
		return -ENOMEM;
	row->at = rows->len;
	for (size_t j = 0; j < 3; j++) {
		row->n[j] = sum[j].n;
		for (uint32_t k = 0; k < sum[j].n; k++) {
			struct cdx_r1cs_term *t = &rows->term[rows->len++];

			t->wire = sum[j].term[k].wire;
			if (cdx_r1cs_coefs_find(&rows->coefs, &t->coef,
						&sum[j].term[k].k) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* Matrix @j in the order of rows */
static int take_matrix(const struct cdx_rows *rows, struct cdx_r1cs_matrix *m,
		       size_t j)
{
	size_t total = 0;

	m->row = calloc((size_t)rows->count + 1, sizeof(*m->row));
	if (!m->row)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->count; i++) {
		m->row[i] = (uint32_t)total;
		total += rows->row[i].n[j];
	}
	if (total > UINT32_MAX)
		return -ENOMEM;
	m->row[rows->count] = (uint32_t)total;
	m->term = calloc(total + 1, sizeof(*m->term));
	if (!m->term)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct cdx_rows_row *row = &rows->row[i];
		size_t at = row->at;

		for (size_t k = 0; k < j; k++)
			at += row->n[k];
		if (row->n[j] > 0)
			memcpy(m->term + m->row[i], rows->term + at,
			       row->n[j] * sizeof(*m->term));
	}
	return 0;
}

int cdx_rows_take(struct cdx_rows *rows, struct cdx_r1cs *r)
{
	int rc = 0;

	for (size_t j = 0; j < 3 && rc == 0; j++)
		rc = take_matrix(rows, &r->m[j], j);
	if (rc < 0)
		return rc;
	r->constraints = rows->count;
	r->coefs = rows->coefs.count;
	r->coef = cdx_r1cs_coefs_take(&rows->coefs);
	return 0;
}

void cdx_rows_free(struct cdx_rows *rows)
{
	free(rows->row);
	free(rows->term);
	cdx_r1cs_coefs_free(&rows->coefs);
	memset(rows, 0, sizeof(*rows));
}
