/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/zkey_write.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "bn254/fq_modulus.h"
#include "bn254/fr_modulus.h"
#include "proof/binfile.h"
#include "proof/zkey_circuit.h"

/* Where a file goes */
struct sink {
	cdx_setup_write_fn *write;
	void *arg;
};

#define VERSION 1u
#define SECTIONS 11u
#define PROTOCOL_GROTH16 1u
/* Coefficients that are encoded at once */
#define COEF_BATCH 4096u

static int write_buf(const struct sink *s, struct cdx_buf *b)
{
	int rc = cdx_buf_ok(b);

	if (rc == 0)
		rc = s->write(s->arg, b->p, b->len);
	cdx_buf_free(b);
	return rc;
}

static int section_head(const struct sink *s, uint32_t id, uint64_t size)
{
	struct cdx_buf b = {0};

	cdx_binfile_put_section(&b, id, size);
	return write_buf(s, &b);
}

static int section(const struct sink *s, uint32_t id, const void *p,
		   uint64_t size)
{
	int rc = section_head(s, id, size);

	return rc < 0 ? rc : s->write(s->arg, p, size);
}

static void put_g1(struct cdx_buf *b, const struct cdx_g1 *p)
{
	uint8_t bytes[CDX_G1_BYTES];

	cdx_g1_encode(bytes, p);
	cdx_buf_put(b, bytes, sizeof(bytes));
}

static void put_g2(struct cdx_buf *b, const struct cdx_g2 *p)
{
	uint8_t bytes[CDX_G2_BYTES];

	cdx_g2_encode(bytes, p);
	cdx_buf_put(b, bytes, sizeof(bytes));
}

/* Magic, sections 1 and 2 */
static int write_head(const struct sink *s, const struct cdx_zkey *k)
{
	struct cdx_buf b = {0};

	cdx_binfile_put_header(&b, "zkey", VERSION, SECTIONS);
	cdx_binfile_put_section(&b, 1, 4);
	cdx_buf_le32(&b, PROTOCOL_GROTH16);
	cdx_binfile_put_section(&b, 2,
				2 * CDX_BINFILE_MODULUS_BYTES + 3 * 4 +
					3 * CDX_G1_BYTES + 3 * CDX_G2_BYTES);
	cdx_binfile_put_modulus(&b, fq_modulus.m);
	cdx_binfile_put_modulus(&b, fr_modulus.m);
	cdx_buf_le32(&b, k->wires);
	cdx_buf_le32(&b, k->public_inputs);
	cdx_buf_le32(&b, UINT32_C(1) << k->log_domain);
	put_g1(&b, &k->alpha1);
	put_g1(&b, &k->beta1);
	put_g2(&b, &k->beta2);
	put_g2(&b, &k->gamma2);
	put_g1(&b, &k->delta1);
	put_g2(&b, &k->delta2);
	return write_buf(s, &b);
}

/* One entry; @v is the element whose Montgomery form is what the file has */
static void put_coef(struct cdx_buf *b, uint32_t matrix, uint32_t row,
		     uint32_t wire, const struct cdx_fr *v)
{
	cdx_buf_le32(b, matrix);
	cdx_buf_le32(b, row);
	cdx_buf_le32(b, wire);
	for (size_t i = 0; i < 4; i++)
		cdx_buf_le64(b, v->l[i]);
}

/* The rows of A and B, and those that tie the public inputs down */
static int write_coefs(const struct sink *s, const struct cdx_zkey *k,
		       const struct cdx_r1cs *r)
{
	const uint32_t count = r->m[0].row[r->constraints] +
			       r->m[1].row[r->constraints] + k->public_inputs +
			       1;
	struct cdx_fr *v = cdx_zkey_values(r);
	struct cdx_buf b = {0};
	int rc = v == NULL ? -ENOMEM : 0;

	if (rc == 0)
		rc = section_head(s, 4,
				  4 + (uint64_t)count * CDX_ZKEY_COEF_BYTES);
	cdx_buf_le32(&b, count);
	for (uint32_t i = 0; rc == 0 && i < r->constraints; i++) {
		for (uint32_t m = 0; m < 2; m++) {
			const struct cdx_r1cs_matrix *x = &r->m[m];

			for (uint32_t j = x->row[i]; j < x->row[i + 1]; j++)
				put_coef(&b, m, i, x->term[j].wire,
					 &v[x->term[j].coef]);
		}
		if (b.len >= COEF_BATCH * (size_t)CDX_ZKEY_COEF_BYTES)
			rc = write_buf(s, &b);
	}
	for (uint32_t i = 0; i <= k->public_inputs; i++)
		put_coef(&b, 0, r->constraints + i, i, &v[r->coefs]);
	if (rc == 0)
		rc = write_buf(s, &b);
	cdx_buf_free(&b);
	free(v);
	return rc;
}

int cdx_zkey_write(cdx_setup_write_fn *write, void *arg,
		   const struct cdx_zkey *k, const struct cdx_r1cs *r)
{
	static const uint8_t no_contributions[64 + 4];
	static const char text[] = CDX_ZKEY_DEVELOPMENT_TEXT;
	const struct sink s = {write, arg};
	const uint64_t wires = k->wires;
	const uint64_t private = wires - k->public_inputs - 1;
	const struct {
		uint32_t id;
		const uint8_t *p;
		uint64_t size;
	} sections[] = {
		{8, k->c, private * CDX_G1_BYTES},
		{5, k->a, wires * CDX_G1_BYTES},
		{6, k->b1, wires * CDX_G1_BYTES},
		{7, k->b2, wires * CDX_G2_BYTES},
		{10, no_contributions, sizeof(no_contributions)},
		{CDX_ZKEY_SECTION_DEVELOPMENT, (const uint8_t *)text,
		 sizeof(text) - 1},
	};
	int rc = write_head(&s, k);

	if (rc == 0)
		rc = write_coefs(&s, k, r);
	if (rc == 0)
		rc = section(&s, 3, k->ic,
			     ((uint64_t)k->public_inputs + 1) * CDX_G1_BYTES);
	if (rc == 0)
		rc = section(&s, 9, k->h,
			     (uint64_t)CDX_G1_BYTES << k->log_domain);
	for (size_t i = 0; rc == 0 && i < CDX_ARRAY_LEN(sections); i++)
		rc = section(&s, sections[i].id, sections[i].p,
			     sections[i].size);
	return rc;
}
