/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/fr_modulus.h"
#include "bn254/internal.h"
#include "bn254/poseidon2_scalar.h"

static void add(struct cdx_fr *out, const struct cdx_fr *a,
		const struct cdx_fr *b)
{
	fp_add(out->l, a->l, b->l, &fr_modulus);
}

/* x := (x + c)^5 */
static void sbox(struct cdx_fr *x, const struct cdx_fr *c)
{
	struct cdx_fr s;
	struct cdx_fr t;

	add(&s, x, c);
	fp_mul(t.l, s.l, s.l, &fr_modulus);
	fp_mul(t.l, t.l, t.l, &fr_modulus);
	fp_mul(x->l, t.l, s.l, &fr_modulus);
}

static void sum(struct cdx_fr *out, const struct cdx_fr s[3])
{
	add(out, &s[0], &s[1]);
	add(out, out, &s[2]);
}

/* Matrix [[2,1,1],[1,2,1],[1,1,2]] */
static void mix_external(struct cdx_fr s[3])
{
	struct cdx_fr t;

	sum(&t, s);
	for (size_t i = 0; i < 3; i++)
		add(&s[i], &s[i], &t);
}

/* Matrix [[2,1,1],[1,2,1],[1,1,3]] */
static void mix_internal(struct cdx_fr s[3])
{
	struct cdx_fr t;

	sum(&t, s);
	add(&s[0], &s[0], &t);
	add(&s[1], &s[1], &t);
	add(&s[2], &s[2], &s[2]);
	add(&s[2], &s[2], &t);
}

static void external_rounds(struct cdx_fr s[3], size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		for (size_t j = 0; j < 3; j++)
			sbox(&s[j], &cdx_poseidon2_ext[i][j]);
		mix_external(s);
	}
}

void cdx_poseidon2_portable(struct cdx_fr s[3])
{
	mix_external(s);
	external_rounds(s, 0, CDX_POSEIDON2_EXTERNAL / 2);
	for (size_t i = 0; i < CDX_POSEIDON2_INTERNAL; i++) {
		sbox(&s[0], &cdx_poseidon2_int[i]);
		mix_internal(s);
	}
	external_rounds(s, CDX_POSEIDON2_EXTERNAL / 2, CDX_POSEIDON2_EXTERNAL);
}
