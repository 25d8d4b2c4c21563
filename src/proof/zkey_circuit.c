/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/zkey_circuit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "proof/why.h"

/*
 * Comparing a key with a circuit.  The key has one entry for each term of A and
 * B, and one more for each public wire s (and the constant one): in A, row
 * constraints + s, wire s, value 1.  As many entries as terms, each of which is
 * one of the terms and none of which comes twice: then they are the terms.
 */
struct comparison {
	const struct cdx_zkey *k;
	const struct cdx_r1cs *r;
	uint32_t public_inputs;
	uint32_t terms[2];    /* of A and B */
	struct cdx_fr *value; /* cdx_zkey_values */
	bool *seen;	      /* terms of A, of B, then the public wires */
};

struct cdx_fr *cdx_zkey_values(const struct cdx_r1cs *r)
{
	struct cdx_fr *v = calloc((size_t)r->coefs + 1, sizeof(*v));
	struct cdx_fr shift = cdx_fr_one;

	if (!v)
		return NULL;
	/* 2^256: an element's limbs are those of v 2^256, this makes it one
	 * factor more */
	for (unsigned i = 0; i < 256; i++)
		cdx_fr_add(&shift, &shift, &shift);
	for (uint32_t i = 0; i < r->coefs; i++)
		cdx_fr_mul(&v[i], &r->coef[i], &shift);
	v[r->coefs] = shift;
	return v;
}

static unsigned log_domain(uint64_t rows)
{
	unsigned log = 1;

	while (UINT64_C(1) << log < rows)
		log++;
	return log;
}

static int check_counts(const struct comparison *c, char why[CDX_PROOF_WHY_MAX])
{
	const struct cdx_zkey *k = c->k;
	const struct cdx_r1cs *r = c->r;
	unsigned log =
		log_domain((uint64_t)r->constraints + c->public_inputs + 1);
	uint64_t coefs =
		(uint64_t)c->terms[0] + c->terms[1] + c->public_inputs + 1;

	if (k->wires != r->wires)
		return cdx_refuse(why, -EINVAL,
				  "made for a circuit with %" PRIu32
				  " wires, ours has %" PRIu32,
				  k->wires, r->wires);
	if (k->public_inputs != c->public_inputs)
		return cdx_refuse(why, -EINVAL,
				  "made for a circuit with %" PRIu32
				  " public inputs, ours has %" PRIu32,
				  k->public_inputs, c->public_inputs);
	if (k->log_domain != log)
		return cdx_refuse(why, -EINVAL,
				  "made for a domain of 2^%u, our circuit has "
				  "2^%u",
				  k->log_domain, log);
	if (k->coefs != coefs)
		return cdx_refuse(why, -EINVAL,
				  "made for a circuit with %" PRIu32
				  " coefficients, ours has %" PRIu64,
				  k->coefs, coefs);
	return 0;
}

/* Where in @m is the term of @row and @wire?  False when there is none. */
static bool find_term(uint32_t *at, const struct cdx_r1cs_matrix *m,
		      uint32_t row, uint32_t wire)
{
	uint32_t low = m->row[row];
	uint32_t high = m->row[row + 1];

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (m->term[mid].wire < wire)
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	return low < m->row[row + 1] && m->term[low].wire == wire;
}

/* Which term, and which value, an entry must be; false when it is none */
static bool find_entry(const struct comparison *c, size_t *term, size_t *value,
		       const uint8_t *e)
{
	uint32_t matrix = cdx_get_le32(e);
	uint32_t row = cdx_get_le32(e + 4);
	uint32_t wire = cdx_get_le32(e + 8);
	uint32_t at;

	if (row >= c->r->constraints) {
		*term = (size_t)c->terms[0] + c->terms[1] + wire;
		*value = c->r->coefs;
		return matrix == 0 && wire == row - c->r->constraints &&
		       wire <= c->public_inputs;
	}
	if (matrix > 1 || !find_term(&at, &c->r->m[matrix], row, wire))
		return false;
	*term = at + (matrix == 1 ? (size_t)c->terms[0] : 0);
	*value = c->r->m[matrix].term[at].coef;
	return true;
}

static bool same_value(const struct cdx_fr *v, const uint8_t *p)
{
	uint64_t differs = 0;

	for (size_t i = 0; i < 4; i++)
		differs |= v->l[i] ^ cdx_get_le64(p + 8 * i);
	return differs == 0;
}

static int check_entry(const struct comparison *c, uint32_t i,
		       char why[CDX_PROOF_WHY_MAX])
{
	const uint8_t *e = c->k->coef + (size_t)i * CDX_ZKEY_COEF_BYTES;
	const char *wrong = NULL;
	size_t term;
	size_t value;

	if (!find_entry(c, &term, &value, e))
		wrong = "our circuit has none there";
	else if (c->seen[term])
		wrong = "it is there twice";
	else if (!same_value(&c->value[value], e + 12))
		wrong = "our circuit has another value";
	if (wrong)
		return cdx_refuse(why, -EINVAL,
				  "coefficient %" PRIu32 " (%c, row %" PRIu32
				  ", wire %" PRIu32 "): %s",
				  i, cdx_get_le32(e) == 0 ? 'A' : 'B',
				  cdx_get_le32(e + 4), cdx_get_le32(e + 8),
				  wrong);
	c->seen[term] = true;
	return 0;
}

static int check_entries(struct comparison *c, char why[CDX_PROOF_WHY_MAX])
{
	int r = 0;

	c->value = cdx_zkey_values(c->r);
	c->seen = calloc(c->k->coefs, sizeof(*c->seen));
	if (!c->value || !c->seen)
		r = -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < c->k->coefs; i++)
		r = check_entry(c, i, why);
	free(c->value);
	free(c->seen);
	return r;
}

int cdx_zkey_check_circuit(const struct cdx_zkey *k, const struct cdx_r1cs *r,
			   char why[CDX_PROOF_WHY_MAX])
{
	struct comparison c = {
		.k = k,
		.r = r,
		.public_inputs = r->outputs + r->public_inputs,
		.terms = {r->m[0].row[r->constraints],
			  r->m[1].row[r->constraints]},
	};
	int err = check_counts(&c, why);

	return err < 0 ? err : check_entries(&c, why);
}
