/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/zkey_write.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/err.h"

/* Where a file goes */
struct sink {
	cdx_setup_write_fn *write;
	void *arg;
};

#define PROTOCOL_GROTH16 1u
#define FIELD_BYTES 32u
/* Coefficients that are encoded at once */
#define COEF_BATCH 4096u

/* q and r, little endian */
static const uint8_t modulus_q[FIELD_BYTES] = {
	0x47, 0xfd, 0x7c, 0xd8, 0x16, 0x8c, 0x20, 0x3c, 0x8d, 0xca, 0x71,
	0x68, 0x91, 0x6a, 0x81, 0x97, 0x5d, 0x58, 0x81, 0x81, 0xb6, 0x45,
	0x50, 0xb8, 0x29, 0xa0, 0x31, 0xe1, 0x72, 0x4e, 0x64, 0x30};
static const uint8_t modulus_r[FIELD_BYTES] = {
	0x01, 0x00, 0x00, 0xf0, 0x93, 0xf5, 0xe1, 0x43, 0x91, 0x70, 0xb9,
	0x79, 0x48, 0xe8, 0x33, 0x28, 0x5d, 0x58, 0x81, 0x81, 0xb6, 0x45,
	0x50, 0xb8, 0x29, 0xa0, 0x31, 0xe1, 0x72, 0x4e, 0x64, 0x30};

static int section_head(const struct sink *s, uint32_t id, uint64_t size)
{
	uint8_t b[12];

	cdx_put_le32(b, id);
	cdx_put_le64(b + 4, size);
	return s->write(s->arg, b, sizeof(b));
}

static int section(const struct sink *s, uint32_t id, const void *p,
		   uint64_t size)
{
	int rc = section_head(s, id, size);

	return rc < 0 ? rc : s->write(s->arg, p, size);
}

static int write_buf(const struct sink *s, struct cdx_buf *b)
{
	int rc = cdx_buf_ok(b);

	if (rc == 0)
		rc = s->write(s->arg, b->p, b->len);
	cdx_buf_free(b);
	return rc;
}

/* Magic, sections 1 and 2 */
static int write_head(const struct sink *s, const struct cdx_zkey *k)
{
	struct cdx_buf b = {0};
	uint8_t g1[CDX_G1_BYTES];
	uint8_t g2[CDX_G2_BYTES];

	cdx_buf_put(&b, "zkey", 4);
	cdx_buf_le32(&b, 1);
	cdx_buf_le32(&b, 11); /* sections */
	cdx_buf_le32(&b, 1);
	cdx_buf_le64(&b, 4);
	cdx_buf_le32(&b, PROTOCOL_GROTH16);
	cdx_buf_le32(&b, 2);
	cdx_buf_le64(&b, 2 * (4 + FIELD_BYTES) + 3 * 4 + 3 * CDX_G1_BYTES +
				 3 * CDX_G2_BYTES);
	cdx_buf_le32(&b, FIELD_BYTES);
	cdx_buf_put(&b, modulus_q, FIELD_BYTES);
	cdx_buf_le32(&b, FIELD_BYTES);
	cdx_buf_put(&b, modulus_r, FIELD_BYTES);
	cdx_buf_le32(&b, k->wires);
	cdx_buf_le32(&b, k->public_inputs);
	cdx_buf_le32(&b, UINT32_C(1) << k->log_domain);
	cdx_g1_encode(g1, &k->alpha1);
	cdx_buf_put(&b, g1, sizeof(g1));
	cdx_g1_encode(g1, &k->beta1);
	cdx_buf_put(&b, g1, sizeof(g1));
	cdx_g2_encode(g2, &k->beta2);
	cdx_buf_put(&b, g2, sizeof(g2));
	cdx_g2_encode(g2, &k->gamma2);
	cdx_buf_put(&b, g2, sizeof(g2));
	cdx_g1_encode(g1, &k->delta1);
	cdx_buf_put(&b, g1, sizeof(g1));
	cdx_g2_encode(g2, &k->delta2);
	cdx_buf_put(&b, g2, sizeof(g2));
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

/* Values as a key has them: v * 2^512 */
static struct cdx_fr *key_values(const struct cdx_r1cs *r)
{
	struct cdx_fr *v = calloc((size_t)r->coefs + 1, sizeof(*v));
	struct cdx_fr shift;
	uint8_t b[CDX_FR_BYTES];

	if (v == NULL)
		return NULL;
	/* 2^256 as an element: its limbs are those of one, taken as an
	 * integer, which is below r */
	for (size_t i = 0; i < 4; i++)
		cdx_put_le64(b + 8 * i, cdx_fr_one.l[i]);
	if (cdx_fr_from_bytes(&shift, b) < 0) {
		free(v);
		return NULL;
	}
	for (uint32_t i = 0; i < r->coefs; i++)
		cdx_fr_mul(&v[i], &r->coef[i], &shift);
	v[r->coefs] = shift; /* of 1 */
	return v;
}

/* The rows of A and B, and those that tie the public inputs down */
static int write_coefs(const struct sink *s, const struct cdx_zkey *k,
		       const struct cdx_r1cs *r)
{
	const uint32_t count = r->m[0].row[r->constraints] +
			       r->m[1].row[r->constraints] + k->public_inputs +
			       1;
	struct cdx_fr *v = key_values(r);
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
