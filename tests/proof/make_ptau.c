/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bn254/fixed_base.h"
#include "bn254/fq_modulus.h"
#include "bn254/ntt.h"
#include "crypto/hash.h"
#include "proof/binfile.h"

/*
 * make_ptau POWER FILE - a prepared powers-of-tau file as snarkjs has it
 * (spec/proofs.md 4), of which everybody knows the secrets
 *
 * snarkjs prepares one for 2^17 by transforms of points, in more than an hour.
 * Who knows tau transforms numbers, and multiplies each with the generator.
 * For tests alone: from such a file anybody can forge.
 */

#define POWER_MAX 24u
#define BATCH 4096u
#define SECTIONS 11u

enum section {
	SECTION_HEADER = 1,
	SECTION_TAU_G1,
	SECTION_TAU_G2,
	SECTION_ALPHA_TAU_G1,
	SECTION_BETA_TAU_G1,
	SECTION_BETA_G2,
	SECTION_CONTRIBUTIONS,
	/* the same four lists as values of Lagrange polynomials at tau */
	SECTION_LAGRANGE = 10, /* to be added to one of those above */
};

struct maker {
	FILE *f;
	unsigned power;
	struct cdx_fr tau;
	struct cdx_fr alpha;
	struct cdx_fr beta;
	struct cdx_fixed_g1 *g1;
	struct cdx_fixed_g2 *g2;
	struct cdx_fr *values; /* 2^(power + 1) */
	struct cdx_fr scalar[BATCH];
	uint8_t points[BATCH * CDX_G2_BYTES];
};

/* A list of the file: its number as powers, times what, in which group */
struct list {
	enum section section;
	const struct cdx_fr *times; /* NULL: one */
	bool g2;
};

static int put(struct maker *m, const void *p, size_t len)
{
	return fwrite(p, 1, len, m->f) == len ? 0 : -EIO;
}

static int put_buf(struct maker *m, struct cdx_buf *b)
{
	int r = cdx_buf_ok(b);

	if (r == 0)
		r = put(m, b->p, b->len);
	cdx_buf_free(b);
	return r;
}

static int put_section(struct maker *m, uint32_t id, uint64_t size)
{
	struct cdx_buf b = {0};

	cdx_binfile_put_section(&b, id, size);
	return put_buf(m, &b);
}

static size_t point_bytes(const struct list *l)
{
	return l->g2 ? CDX_G2_BYTES : CDX_G1_BYTES;
}

/* The generator times the first @n of m->values, times l->times */
static int put_points(struct maker *m, const struct list *l, size_t n)
{
	int r = 0;

	for (size_t at = 0; r == 0 && at < n; at += BATCH) {
		size_t some = n - at < BATCH ? n - at : BATCH;

		memcpy(m->scalar, m->values + at, some * sizeof(*m->scalar));
		for (size_t i = 0; l->times && i < some; i++)
			cdx_fr_mul(&m->scalar[i], &m->scalar[i], l->times);
		r = l->g2 ? cdx_fixed_g2_mul(m->g2, m->points, m->scalar, some)
			  : cdx_fixed_g1_mul(m->g1, m->points, m->scalar, some);
		if (r == 0)
			r = put(m, m->points, some * point_bytes(l));
	}
	return r;
}

/* m->values = 1, tau, tau^2, ... */
static void make_powers(struct maker *m, size_t n)
{
	m->values[0] = cdx_fr_one;
	for (size_t i = 1; i < n; i++)
		cdx_fr_mul(&m->values[i], &m->values[i - 1], &m->tau);
}

/* m->values = the Lagrange polynomials of the roots of order 2^@log at tau: the
 * transform of its powers.  The file has one power of tau too few for the last
 * and largest domain, where snarkjs takes zero instead. */
static int make_lagrange(struct maker *m, unsigned log)
{
	size_t n = (size_t)1 << log;
	struct cdx_ntt *t;
	int r;

	make_powers(m, n);
	if (log == 0)
		return 0;
	if (log > m->power)
		m->values[n - 1] = cdx_fr_zero;
	r = cdx_ntt_new(&t, log);
	if (r < 0)
		return r;
	r = cdx_ntt_inverse(t, m->values);
	cdx_ntt_free(t);
	return r;
}

static int put_powers(struct maker *m, const struct list *l)
{
	size_t n = (size_t)1 << m->power;
	int r;

	if (l->section == SECTION_TAU_G1)
		n = 2 * n - 1;
	make_powers(m, n);
	r = put_section(m, l->section, n * point_bytes(l));
	return r < 0 ? r : put_points(m, l, n);
}

static int put_lagrange(struct maker *m, const struct list *l)
{
	unsigned last = m->power + (l->section == SECTION_TAU_G1);
	size_t n = ((size_t)2 << last) - 1;
	int r = put_section(m, l->section + SECTION_LAGRANGE,
			    n * point_bytes(l));

	for (unsigned log = 0; r == 0 && log <= last; log++) {
		r = make_lagrange(m, log);
		if (r == 0)
			r = put_points(m, l, (size_t)1 << log);
	}
	return r;
}

static int put_header(struct maker *m)
{
	struct cdx_buf b = {0};

	cdx_binfile_put_header(&b, "ptau", 1, SECTIONS);
	cdx_binfile_put_section(&b, SECTION_HEADER,
				CDX_BINFILE_MODULUS_BYTES + 8);
	cdx_binfile_put_modulus(&b, fq_modulus.m);
	cdx_buf_le32(&b, m->power);
	cdx_buf_le32(&b, m->power); /* of the ceremony */
	return put_buf(m, &b);
}

static int put_beta_g2(struct maker *m)
{
	const struct list l = {SECTION_BETA_G2, NULL, true};
	int r = put_section(m, SECTION_BETA_G2, CDX_G2_BYTES);

	m->values[0] = m->beta;
	return r < 0 ? r : put_points(m, &l, 1);
}

static int put_contributions(struct maker *m)
{
	struct cdx_buf b = {0};

	cdx_binfile_put_section(&b, SECTION_CONTRIBUTIONS, 4);
	cdx_buf_le32(&b, 0);
	return put_buf(m, &b);
}

static int put_all(struct maker *m)
{
	const struct list lists[] = {
		{SECTION_TAU_G1, NULL, false},
		{SECTION_TAU_G2, NULL, true},
		{SECTION_ALPHA_TAU_G1, &m->alpha, false},
		{SECTION_BETA_TAU_G1, &m->beta, false},
	};
	int r = put_header(m);

	for (size_t i = 0; r == 0 && i < CDX_ARRAY_LEN(lists); i++)
		r = put_powers(m, &lists[i]);
	if (r == 0)
		r = put_beta_g2(m);
	if (r == 0)
		r = put_contributions(m);
	for (size_t i = 0; r == 0 && i < CDX_ARRAY_LEN(lists); i++)
		r = put_lagrange(m, &lists[i]);
	return r;
}

/* Known to all, and no root of unity */
static void make_secret(struct cdx_fr *out, const char *name)
{
	struct cdx_digest d;

	cdx_sha256(&d, name, strlen(name));
	cdx_fr_from_short(out, d.b, 31);
}

static int make_file(struct maker *m, const char *path)
{
	int r;

	make_secret(&m->tau, "codexfs test tau");
	make_secret(&m->alpha, "codexfs test alpha");
	make_secret(&m->beta, "codexfs test beta");
	m->values = calloc((size_t)2 << m->power, sizeof(*m->values));
	if (!m->values)
		return -ENOMEM;
	r = cdx_fixed_g1_new(&m->g1, &cdx_g1_generator);
	if (r == 0)
		r = cdx_fixed_g2_new(&m->g2, &cdx_g2_generator);
	if (r < 0)
		return r;
	m->f = fopen(path, "wb");
	if (!m->f)
		return -errno;
	r = put_all(m);
	if (fclose(m->f) != 0 && r == 0)
		r = -EIO;
	return r;
}

int main(int argc, char **argv)
{
	static struct maker m;
	char *end = NULL;
	unsigned long power = argc == 3 ? strtoul(argv[1], &end, 10) : 0;
	int r;

	if (power < 1 || power > POWER_MAX || *end != '\0') {
		fprintf(stderr, "usage: make_ptau POWER FILE, POWER 1 to %u\n",
			POWER_MAX);
		return 2;
	}
	m.power = (unsigned)power;
	r = make_file(&m, argv[2]);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", argv[2], cdx_strerror(r));
	cdx_fixed_g1_free(m.g1);
	cdx_fixed_g2_free(m.g2);
	free(m.values);
	return r < 0;
}
