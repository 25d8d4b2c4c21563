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

/* Weights of a batch have this many bits */
#define WEIGHT_BYTES 16u

static bool g1_ok(const struct cdx_g1 *p)
{
	return cdx_g1_on_curve(p); /* the curve is the group: cofactor 1 */
}

static bool g2_ok(const struct cdx_g2 *p)
{
	return cdx_g2_on_curve(p) && cdx_g2_in_subgroup(p);
}

/* A key with a point at infinity in these places accepts what it should not */
static bool vk_ok(const struct cdx_vk *vk)
{
	if (!g1_ok(&vk->alpha1) || cdx_g1_is_infinity(&vk->alpha1))
		return false;
	if (!g2_ok(&vk->beta2) || cdx_g2_is_infinity(&vk->beta2) ||
	    !g2_ok(&vk->gamma2) || cdx_g2_is_infinity(&vk->gamma2) ||
	    !g2_ok(&vk->delta2) || cdx_g2_is_infinity(&vk->delta2))
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

static int proof_ok(const struct cdx_proof *p)
{
	return g1_ok(&p->a) && g2_ok(&p->b) && g1_ok(&p->c) ? 0 : CDX_E_FORMAT;
}

/* out += k * p */
static void add_mul(struct cdx_g1j *out, const struct cdx_g1 *p,
		    const struct cdx_fr *k)
{
	struct cdx_g1j t;

	cdx_g1_mul(&t, p, k);
	cdx_g1j_add(out, out, &t);
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
	rc = proof_ok(proof);
	if (rc < 0)
		return rc;
	cdx_g1j_from_affine(&sum, &v->ic[0]);
	for (uint32_t i = 0; i < n; i++) {
		struct cdx_fr x;

		rc = cdx_fr_from_bytes(&x, public[i]);
		if (rc < 0)
			return rc;
		add_mul(&sum, &v->ic[i + 1], &x);
	}
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

/* What a batch adds up; @x has the sums of the weighted public inputs */
struct batch {
	struct cdx_g1 *a; /* weighted, for each proof */
	struct cdx_g2 *b;
	struct cdx_g1j *aj;
	struct cdx_g1j c;
	struct cdx_fr weight;
	struct cdx_fr *x;
};

static int batch_add(struct batch *s, size_t at, const struct cdx_proof *proof,
		     const uint8_t (*public)[CDX_FR_BYTES], uint32_t n)
{
	uint8_t bytes[WEIGHT_BYTES];
	struct cdx_fr weight;
	int rc = proof_ok(proof);

	if (rc < 0)
		return rc;
	cdx_random(bytes, sizeof(bytes));
	cdx_fr_from_short(&weight, bytes, sizeof(bytes));
	cdx_g1_mul(&s->aj[at], &proof->a, &weight);
	s->b[at] = proof->b;
	add_mul(&s->c, &proof->c, &weight);
	cdx_fr_add(&s->weight, &s->weight, &weight);
	for (uint32_t i = 0; i < n; i++) {
		struct cdx_fr x;

		rc = cdx_fr_from_bytes(&x, public[i]);
		if (rc < 0)
			return rc;
		cdx_fr_mul(&x, &x, &weight);
		cdx_fr_add(&s->x[i], &s->x[i], &x);
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

	cdx_g1_mul(&sum[0], &v->alpha1, &s->weight);
	cdx_g1_mul(&sum[1], &v->ic[0], &s->weight);
	for (uint32_t i = 0; i < v->public_inputs; i++)
		add_mul(&sum[1], &v->ic[i + 1], &s->x[i]);
	sum[2] = s->c;
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
	struct batch s = {
		.a = calloc(count, sizeof(*s.a)),
		.b = calloc(count, sizeof(*s.b)),
		.aj = calloc(count, sizeof(*s.aj)),
		.x = calloc((size_t)n + 1, sizeof(*s.x)),
	};
	int rc = 0;

	if (n != v->public_inputs)
		rc = -EINVAL;
	else if (s.x == NULL ||
		 (count > 0 && (s.a == NULL || s.b == NULL || s.aj == NULL)))
		rc = -ENOMEM;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = batch_add(&s, i, &proofs[i], public + i * n, n);
	if (rc == 0 && count > 0)
		rc = batch_check(v, &s, count);
	free(s.a);
	free(s.b);
	free(s.aj);
	free(s.x);
	return rc;
}
