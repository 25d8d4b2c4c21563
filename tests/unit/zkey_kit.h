/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_ZKEY_KIT_H
#define CDX_TESTS_UNIT_ZKEY_KIT_H

/*
 * Small circuits, and keys of the right shape for them: all that cdx_zkey_check
 * sees is in order, but nobody could prove with them.  For unit tests; include
 * after cmocka.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "bn254/g1.h"
#include "bn254/g2.h"
#include "proof/binfile.h"
#include "proof/r1cs.h"
#include "proof/zkey.h"
#include "proof/zkey_write.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"

#define KIT_COEFS 5u
/* of Montgomery form, at the offset in an entry */
#define KIT_COEF_VALUE 12u

static inline void *kit_room(size_t n, size_t size)
{
	void *p = calloc(n, size);

	assert_non_null(p);
	return p;
}

/* A matrix whose rows have every wire with a probability of 1 / 3 */
static inline void kit_matrix(struct cdx_r1cs_matrix *m,
			      const struct cdx_r1cs *r, struct seed *s)
{
	uint32_t n = 0;

	m->row = kit_room((size_t)r->constraints + 1, sizeof(*m->row));
	m->term = kit_room((size_t)r->constraints * r->wires + 1,
			   sizeof(*m->term));
	for (uint32_t i = 0; i < r->constraints; i++) {
		for (uint32_t w = 0; w < r->wires; w++) {
			if (seed_below(s, 3) != 0)
				continue;
			m->term[n].wire = w;
			m->term[n++].coef = (uint32_t)seed_below(s, r->coefs);
		}
		m->row[i + 1] = n;
	}
}

/* Free with cdx_r1cs_free */
static inline void kit_circuit(struct cdx_r1cs *r, uint32_t constraints,
			       uint32_t wires, uint32_t outputs,
			       uint32_t inputs, struct seed *s)
{
	memset(r, 0, sizeof(*r));
	r->wires = wires;
	r->outputs = outputs;
	r->public_inputs = inputs;
	r->labels = wires;
	r->label = kit_room(wires, sizeof(*r->label));
	for (uint32_t i = 0; i < wires; i++)
		r->label[i] = i;
	r->constraints = constraints;
	r->coefs = KIT_COEFS;
	r->coef = kit_room(KIT_COEFS, sizeof(*r->coef));
	r->coef[0] = cdx_fr_one;
	for (size_t i = 1; i < KIT_COEFS; i++) /* all different, none zero */
		cdx_fr_from_u64(&r->coef[i], seed_u64(s) << 3 | i);
	for (size_t i = 0; i < CDX_ARRAY_LEN(r->m); i++)
		kit_matrix(&r->m[i], r, s);
}

static inline void kit_g1(struct cdx_g1 *out, const struct cdx_fr *k)
{
	struct cdx_g1j j;

	cdx_g1_mul(&j, &cdx_g1_generator, k);
	cdx_g1j_to_affine(out, &j);
}

static inline void kit_g2(struct cdx_g2 *out, const struct cdx_fr *k)
{
	struct cdx_g2j j;

	cdx_g2_mul(&j, &cdx_g2_generator, k);
	cdx_g2j_to_affine(out, &j);
}

/* @n multiples of the generator of G1, some of them infinity; and the same ones
 * of G2's when @g2 is not NULL */
static inline uint8_t *kit_points(size_t n, uint8_t *g2, struct seed *s)
{
	uint8_t *p = kit_room(n + 1, CDX_G1_BYTES);

	for (size_t i = 0; i < n; i++) {
		struct cdx_g1 a;
		struct cdx_g2 b;
		struct cdx_fr k;

		bn254_any(&k, s);
		kit_g1(&a, &k);
		cdx_g1_encode(p + i * CDX_G1_BYTES, &a);
		if (!g2)
			continue;
		kit_g2(&b, &k);
		cdx_g2_encode(g2 + i * CDX_G2_BYTES, &b);
	}
	return p;
}

static inline int kit_write(void *arg, const void *p, size_t len)
{
	cdx_buf_put(arg, p, len);
	return cdx_buf_ok(arg);
}

/* A development key of @r; free with cdx_buf_free */
static inline void kit_key(struct cdx_buf *out, const struct cdx_r1cs *r,
			   struct seed *s)
{
	struct cdx_zkey k = {.wires = r->wires,
			     .public_inputs = r->outputs + r->public_inputs,
			     .log_domain = 1,
			     .gamma2 = cdx_g2_generator};
	struct cdx_fr x;
	uint8_t *p[6];

	while (UINT32_C(1) << k.log_domain <
	       r->constraints + k.public_inputs + 1)
		k.log_domain++;
	cdx_fr_from_u64(&x, seed_u64(s) | 1);
	kit_g1(&k.alpha1, &x);
	cdx_fr_from_u64(&x, seed_u64(s) | 1);
	kit_g1(&k.beta1, &x);
	kit_g2(&k.beta2, &x);
	cdx_fr_from_u64(&x, seed_u64(s) | 2);
	kit_g1(&k.delta1, &x);
	kit_g2(&k.delta2, &x);
	k.ic = p[0] = kit_points((size_t)k.public_inputs + 1, NULL, s);
	k.a = p[1] = kit_points(k.wires, NULL, s);
	k.b2 = p[2] = kit_room(k.wires, CDX_G2_BYTES);
	k.b1 = p[3] = kit_points(k.wires, p[2], s);
	k.c = p[4] = kit_points(k.wires - k.public_inputs - 1, NULL, s);
	k.h = p[5] = kit_points((size_t)1 << k.log_domain, NULL, s);
	assert_int_equal(cdx_zkey_write(kit_write, out, &k, r), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(p); i++)
		free(p[i]);
}

/* A point of the twist that is not in G2: the one at x = 1, or, when @small,
 * one of order 10069, the least there is.  Found with a few lines of Python:
 * the root of x^3 + 3 / (9 + u), and a multiplication by the other factors of
 * the twist's order. */
static inline void kit_twist(uint8_t out[CDX_G2_BYTES], bool small)
{
	static const char *const text[2][4] = {
		{"1", "0",
		 "182781510054531087937788601322952910983636474559263401520566"
		 "52516292830556603",
		 "591265419973672148668017501617623195619508505569868713513130"
		 "7249486702594212"},
		{"171043131221657651347510715739543979989107420571605867415044"
		 "31865092530247148",
		 "680329814090727505219337427969679882924453201804668048442215"
		 "9498316181153049",
		 "209292281092150856416735340028756677497811681087890686280409"
		 "84026599887111329",
		 "717535573572059415844575060885625982841398457036564749994433"
		 "381333260146759"}};
	struct cdx_g2 p;
	struct cdx_fq *c[4] = {&p.x.c0, &p.x.c1, &p.y.c0, &p.y.c1};

	for (size_t i = 0; i < CDX_ARRAY_LEN(c); i++)
		assert_int_equal(cdx_fq_from_text(c[i], text[small][i]), 0);
	assert_true(cdx_g2_on_curve(&p));
	assert_false(cdx_g2_in_subgroup(&p));
	cdx_g2_encode(out, &p);
}

/* Where section @id of a key lies, to be bent; and its length */
static inline uint8_t *kit_section(struct cdx_buf *b, uint32_t id, size_t *len)
{
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_binfile f;

	if (len)
		*len = 0;
	assert_int_equal(cdx_binfile_open(&f, b->p, b->len, "zkey", 1, why), 0);
	for (unsigned i = 0; i < f.sections; i++) {
		if (f.section[i].id != id)
			continue;
		if (len)
			*len = f.section[i].len;
		return b->p + (f.section[i].p - b->p);
	}
	fail_msg("no section %u", (unsigned)id);
	return b->p;
}

/* The key again with sections @ids only, in this order; an id may come twice */
static inline void kit_again(struct cdx_buf *out, struct cdx_buf *in,
			     const uint32_t *ids, size_t n)
{
	cdx_binfile_put_header(out, "zkey", 1, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		size_t len;
		const uint8_t *p = kit_section(in, ids[i], &len);

		cdx_binfile_put_section(out, ids[i], len);
		cdx_buf_put(out, p, len);
	}
	assert_int_equal(cdx_buf_ok(out), 0);
}

#endif
