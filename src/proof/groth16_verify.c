/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/groth16.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypto/hash.h"

/*
 * A proof (A, B, C) of public inputs x is right when
 *
 *   e(A, B) = e(alpha, beta) e(L, gamma) e(C, delta),
 *   L = IC[0] + sum of x[i] IC[i + 1].
 *
 * that is, when e(A, B) e(-alpha, beta) e(-L, gamma) e(-C, delta) is one.  The
 * lines of beta, gamma and delta come with the key.  e(alpha, beta) does not: it
 * would save a few products a proof, and cost as much as a proof at the start.
 */
struct cdx_verifier {
	struct cdx_g1 alpha1;
	struct cdx_g2_lines beta;
	struct cdx_g2_lines gamma;
	struct cdx_g2_lines delta;
	uint32_t public_inputs;
	struct cdx_g1 ic[]; /* public_inputs + 1 */
};

static bool g1_ok(const struct cdx_g1 *p)
{
	return cdx_g1_on_curve(p); /* the curve is the group: cofactor 1 */
}

/* A key with a point at infinity in these places accepts what it should not */
static bool vk_ok(const struct cdx_vk *vk)
{
	if (!g1_ok(&vk->alpha1) || cdx_g1_is_infinity(&vk->alpha1))
		return false;
	if (!cdx_g2_on_curve(&vk->beta2) || cdx_g2_is_infinity(&vk->beta2) ||
	    !cdx_g2_on_curve(&vk->gamma2) || cdx_g2_is_infinity(&vk->gamma2) ||
	    !cdx_g2_on_curve(&vk->delta2) || cdx_g2_is_infinity(&vk->delta2))
		return false;
	for (size_t i = 0; i <= vk->public_inputs; i++)
		if (!g1_ok(&vk->ic[i]))
			return false;
	return true;
}

int cdx_verifier_new(struct cdx_verifier **out, const struct cdx_vk *vk)
{
	const size_t ic = (size_t)vk->public_inputs + 1;
	struct cdx_verifier *v;

	if (!vk_ok(vk))
		return CDX_E_FORMAT;
	v = calloc(1, sizeof(*v) + ic * sizeof(v->ic[0]));
	if (v == NULL)
		return -ENOMEM;
	v->alpha1 = vk->alpha1;
	v->public_inputs = vk->public_inputs;
	memcpy(v->ic, vk->ic, ic * sizeof(v->ic[0]));
	cdx_g2_prepare(&v->beta, &vk->beta2);
	cdx_g2_prepare(&v->gamma, &vk->gamma2);
	cdx_g2_prepare(&v->delta, &vk->delta2);
	*out = v;
	return 0;
}

void cdx_verifier_free(struct cdx_verifier *v)
{
	free(v);
}

/* On their curves */
static bool proof_on_curve(const struct cdx_proof *p)
{
	return g1_ok(&p->a) && cdx_g2_on_curve(&p->b) && g1_ok(&p->c);
}

/* L without IC[0], the sum over the public inputs */
static int public_sum(struct cdx_g1j *out, const struct cdx_verifier *v,
		      const uint8_t (*public)[CDX_FR_BYTES])
{
	const uint32_t n = v->public_inputs;
	struct cdx_fr *x = calloc((size_t)n + 1, sizeof(*x));
	int rc = x == NULL ? -ENOMEM : 0;

	for (uint32_t i = 0; rc == 0 && i < n; i++)
		rc = cdx_fr_from_bytes(&x[i], public[i]);
	if (rc == 0)
		cdx_g1_sum(out, &v->ic[1], x, n);
	free(x);
	return rc;
}

int cdx_verify(const struct cdx_verifier *v, const struct cdx_proof *proof,
	       const uint8_t (*public)[CDX_FR_BYTES], uint32_t n)
{
	const struct cdx_g2_lines *const lines[] = {&v->beta, &v->gamma,
						    &v->delta};
	struct cdx_g1 at[3];
	struct cdx_g1j sum;
	struct cdx_gt f;
	int rc;

	if (n != v->public_inputs)
		return -EINVAL;
	if (!proof_on_curve(proof) || !cdx_g2_in_subgroup(&proof->b))
		return CDX_E_FORMAT;
	rc = public_sum(&sum, v, public);
	if (rc < 0)
		return rc;
	cdx_g1j_add_affine(&sum, &sum, &v->ic[0]);
	cdx_g1_neg(&at[0], &v->alpha1);
	cdx_g1j_to_affine(&at[1], &sum);
	cdx_g1_neg(&at[1], &at[1]);
	cdx_g1_neg(&at[2], &proof->c);
	rc = cdx_miller(&f, &proof->a, &proof->b, 1, at, lines, 3);
	if (rc < 0)
		return rc;
	cdx_final_exp(&f, &f);
	return cdx_gt_is_one(&f) ? 0 : CDX_E_PROOF;
}

/* What a batch adds up */
struct batch {
	struct cdx_g1j *aj; /* A of each proof, times its weight */
	struct cdx_g1 *a;   /* the same, affine */
	struct cdx_g2 *b;
	struct cdx_g1 *c;
	struct cdx_fr *weight;
	struct cdx_fr *x; /* sums: of the weights, of the weighted inputs */
};

static int batch_new(struct batch *s, size_t count, uint32_t n)
{
	*s = (struct batch){
		.aj = calloc(count, sizeof(*s->aj)),
		.a = calloc(count, sizeof(*s->a)),
		.b = calloc(count, sizeof(*s->b)),
		.c = calloc(count, sizeof(*s->c)),
		.weight = calloc(count, sizeof(*s->weight)),
		.x = calloc((size_t)n + 1, sizeof(*s->x)),
	};
	return s->aj == NULL || s->a == NULL || s->b == NULL || s->c == NULL ||
			       s->weight == NULL || s->x == NULL
		       ? -ENOMEM
		       : 0;
}

static void batch_free(struct batch *s)
{
	free(s->aj);
	free(s->a);
	free(s->b);
	free(s->c);
	free(s->weight);
	free(s->x);
}

static int batch_add(struct batch *s, size_t at, const struct cdx_proof *proof,
		     const uint8_t (*public)[CDX_FR_BYTES], uint32_t n)
{
	struct cdx_fr *weight = &s->weight[at];
	uint64_t random[2];

	if (!proof_on_curve(proof))
		return CDX_E_FORMAT;
	cdx_random(random, sizeof(random));
	cdx_g1_short_scalar(weight, random[0], random[1]);
	cdx_g1_mul(&s->aj[at], &proof->a, weight);
	s->b[at] = proof->b;
	s->c[at] = proof->c;
	cdx_fr_add(&s->x[0], &s->x[0], weight);
	for (uint32_t i = 0; i < n; i++) {
		struct cdx_fr x;
		int rc = cdx_fr_from_bytes(&x, public[i]);

		if (rc < 0)
			return rc;
		cdx_fr_mul(&x, &x, weight);
		cdx_fr_add(&s->x[i + 1], &s->x[i + 1], &x);
	}
	return 0;
}

/* The product of all pairings is one */
static int batch_check(const struct cdx_verifier *v, struct batch *s,
		       size_t count)
{
	const struct cdx_g2_lines *const lines[] = {&v->beta, &v->gamma,
						    &v->delta};
	struct cdx_g1j sum[3];
	struct cdx_g1 at[3];
	struct cdx_gt f;
	int rc;

	if (!cdx_g2_all_in_subgroup(s->b, count))
		return CDX_E_FORMAT;
	cdx_g1_mul(&sum[0], &v->alpha1, &s->x[0]);
	cdx_g1_sum(&sum[1], v->ic, s->x, (size_t)v->public_inputs + 1);
	cdx_g1_sum(&sum[2], s->c, s->weight, count);
	cdx_g1j_to_affine_many(at, sum, 3);
	for (size_t i = 0; i < 3; i++)
		cdx_g1_neg(&at[i], &at[i]);
	cdx_g1j_to_affine_many(s->a, s->aj, count);
	rc = cdx_miller(&f, s->a, s->b, count, at, lines, 3);
	if (rc < 0)
		return rc;
	cdx_final_exp(&f, &f);
	return cdx_gt_is_one(&f) ? 0 : CDX_E_PROOF;
}

int cdx_verify_batch(const struct cdx_verifier *v,
		     const struct cdx_proof *proofs, size_t count,
		     const uint8_t (*public)[CDX_FR_BYTES], uint32_t n)
{
	struct batch s;
	int rc;

	if (n != v->public_inputs)
		return -EINVAL;
	if (count == 0)
		return 0;
	rc = batch_new(&s, count, n);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = batch_add(&s, i, &proofs[i], public + i * n, n);
	if (rc == 0)
		rc = batch_check(v, &s, count);
	batch_free(&s);
	return rc;
}
