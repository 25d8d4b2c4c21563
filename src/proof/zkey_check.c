/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/zkey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bn254/msm.h"
#include "bn254/pairing.h"
#include "crypto/hash.h"
#include "proof/why.h"
#include "proof/zkey_circuit.h"

/*
 * Checking a key's points.
 *
 * G1 is the whole curve, so its points need nothing more than to be on it.  The
 * twist has r h points, h = 2q - r = 10069 * 5864401 * 1875725156269 * (a prime
 * of 178 bits), and a multiplication for each of the many points of B2, to see
 * whether it is among the r of G2, would take seconds.  Instead:
 *
 * r does not divide h, so each point P_i of the twist is, in one way, a point
 * of G2 plus a point T_i whose order divides h, and a sum of points, each times
 * a weight, is in G2 if and only if the sum of the weighted T_i is zero.
 * Suppose T_j is not zero: its order m divides h, so it is at least 10069.
 * Whatever the other weights are, the weighted sum is zero for the weights w_j
 * of at most one class modulo m.  A weight that takes 2^c different consecutive
 * values with equal probability hits that class with at most
 *   ceil(2^c / m) / 2^c <= 1 / 10069 + 2^-c.
 *
 * One sum is therefore not enough; but a sum of many points times long random
 * scalars (bn254/msm.h) is made of windows, and each window is such a sum, over
 * one digit of c bits of each scalar.  The digits of a scalar are as good as
 * independent: whatever the lower ones are (with the carry that the sign of a
 * digit causes), the next c random bits make each of the 2^c values equally
 * probable.  So each window that lies wholly in the random bits is a round of
 * its own.  Scalars have 160 random bits.  Up to c = 12 the bound is 2^-c a
 * round, and the 160 / c rounds together let a bad point pass with at most
 * 2^-153; from 13 to 16 there are 12 to 10 rounds of at most 2^-13: together at
 * most 2^-130.  Plans with longer digits, which there are not for any size of
 * key that we make, are not relied upon.
 *
 * The joined windows are a random combination of all points of B2, which must
 * be to B1's as the generators are: then both have the same scalars, but for a
 * probability of 2^-160.
 */
#define WEIGHT_BYTES 20u
#define WINDOWS_MIN 16u /* of plans whose digits have at most 16 bits */

static int check_g1s(const uint8_t *p, size_t n, const char *name,
		     char why[CDX_PROOF_WHY_MAX])
{
	for (size_t i = 0; i < n; i++) {
		struct cdx_g1 a;

		if (cdx_g1_decode(&a, p + i * CDX_G1_BYTES) < 0)
			return cdx_refuse(why, CDX_E_FORMAT,
					  "%s[%zu]: a coordinate is not below "
					  "the prime",
					  name, i);
		if (!cdx_g1_on_curve(&a))
			return cdx_refuse(why, CDX_E_FORMAT,
					  "%s[%zu]: not a point of G1", name,
					  i);
	}
	return 0;
}

/* On the curve */
static int check_g2s(const uint8_t *p, size_t n, char why[CDX_PROOF_WHY_MAX])
{
	for (size_t i = 0; i < n; i++) {
		struct cdx_g2 a;

		if (cdx_g2_decode(&a, p + i * CDX_G2_BYTES) < 0)
			return cdx_refuse(why, CDX_E_FORMAT,
					  "B2[%zu]: a coordinate is not below "
					  "the prime",
					  i);
		if (!cdx_g2_on_curve(&a))
			return cdx_refuse(why, CDX_E_FORMAT,
					  "B2[%zu]: not a point of the twist",
					  i);
	}
	return 0;
}

/* One by one: which are not in the subgroup? */
static int check_subgroup(const uint8_t *p, size_t n,
			  char why[CDX_PROOF_WHY_MAX])
{
	for (size_t i = 0; i < n; i++) {
		struct cdx_g2 a;

		if (cdx_g2_decode(&a, p + i * CDX_G2_BYTES) < 0 ||
		    !cdx_g2_in_subgroup(&a))
			return cdx_refuse(why, CDX_E_FORMAT,
					  "B2[%zu]: not a point of G2", i);
	}
	return 0;
}

/* e(a, G2) = e(G1, b): has @a the scalar that @b has? */
static int check_pair(const struct cdx_g1 *a, const struct cdx_g2 *b,
		      const char *name, char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_g1 p[2] = {*a};
	const struct cdx_g2 q[2] = {cdx_g2_generator, *b};
	struct cdx_gt f;
	int r;

	cdx_g1_neg(&p[1], &cdx_g1_generator);
	r = cdx_miller(&f, p, q, 2, NULL, NULL, 0);
	if (r < 0)
		return r;
	cdx_final_exp(&f, &f);
	if (!cdx_gt_is_one(&f))
		return cdx_refuse(why, CDX_E_FORMAT,
				  "%s is not the same in G1 and in G2", name);
	return 0;
}

/* Sums of one list of points, window by window, and joined */
struct combination {
	struct cdx_msm_plan *plan;
	unsigned windows;
	struct cdx_g1j *g1;
	struct cdx_g2j *g2;
};

static void combination_free(struct combination *c)
{
	cdx_msm_plan_free(c->plan);
	free(c->g1);
	free(c->g2);
}

/* A hash for each weight: whoever made the key did not know @random, so the
 * weights are as good as random to him */
static int combination_new(struct combination *out, size_t n,
			   const uint8_t random[32])
{
	uint8_t *scalars = calloc(n, CDX_FR_BYTES);
	struct combination c = {.plan = NULL};
	int r;

	if (!scalars)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct cdx_digest d;
		uint8_t number[8];

		cdx_put_le64(number, i);
		cdx_sha256_2(&d, random, 32, number, sizeof(number));
		memcpy(scalars + i * CDX_FR_BYTES, d.b, WEIGHT_BYTES);
	}
	r = cdx_msm_plan_new(&c.plan, scalars, n);
	free(scalars);
	if (r < 0)
		return r;
	c.windows = cdx_msm_windows(c.plan);
	c.g1 = calloc(c.windows, sizeof(*c.g1));
	c.g2 = calloc(c.windows, sizeof(*c.g2));
	if (!c.g1 || !c.g2) {
		combination_free(&c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

/* Window by window, see above */
static int combine_b2(struct combination *c, const struct cdx_zkey *k,
		      char why[CDX_PROOF_WHY_MAX])
{
	bool good = c->windows >= WINDOWS_MIN;

	for (unsigned i = 0; i < c->windows; i++) {
		struct cdx_g2 sum;
		int r = cdx_msm_g2_window(&c->g2[i], c->plan, k->b2, 0,
					  k->wires, i);

		if (r < 0)
			return r;
		cdx_g2j_to_affine(&sum, &c->g2[i]);
		good = good && cdx_g2_in_subgroup(&sum);
	}
	/* a sum outside has a point outside: this says which */
	return good ? 0 : check_subgroup(k->b2, k->wires, why);
}

static int check_b(const struct cdx_zkey *k, const uint8_t random[32],
		   char why[CDX_PROOF_WHY_MAX])
{
	struct combination c;
	struct cdx_g1j sum1;
	struct cdx_g2j sum2;
	struct cdx_g1 a;
	struct cdx_g2 b;
	int r = combination_new(&c, k->wires, random);

	if (r < 0)
		return r;
	r = combine_b2(&c, k, why);
	for (unsigned i = 0; r == 0 && i < c.windows; i++)
		r = cdx_msm_g1_window(&c.g1[i], c.plan, k->b1, 0, k->wires, i);
	if (r == 0) {
		cdx_msm_g1_join(&sum1, c.plan, c.g1);
		cdx_msm_g2_join(&sum2, c.plan, c.g2);
		cdx_g1j_to_affine(&a, &sum1);
		cdx_g2j_to_affine(&b, &sum2);
		r = check_pair(&a, &b, "B", why);
	}
	combination_free(&c);
	return r;
}

static int check_points(const struct cdx_zkey *k, char why[CDX_PROOF_WHY_MAX])
{
	int r = check_g1s(k->ic, (size_t)k->public_inputs + 1, "IC", why);

	if (r == 0)
		r = check_g1s(k->a, k->wires, "A", why);
	if (r == 0)
		r = check_g1s(k->b1, k->wires, "B1", why);
	if (r == 0)
		r = check_g2s(k->b2, k->wires, why);
	if (r == 0)
		r = check_g1s(k->c, (size_t)k->wires - k->public_inputs - 1,
			      "C", why);
	if (r == 0)
		r = check_g1s(k->h, (size_t)1 << k->log_domain, "H", why);
	return r;
}

static int check_values(const struct cdx_zkey *k, char why[CDX_PROOF_WHY_MAX])
{
	for (uint32_t i = 0; i < k->coefs; i++) {
		struct cdx_fr v;

		if (cdx_fr_from_bytes(
			    &v,
			    k->coef + 12 + (size_t)i * CDX_ZKEY_COEF_BYTES) < 0)
			return cdx_refuse(why, CDX_E_FORMAT,
					  "coefficient %u: not below the prime",
					  (unsigned)i);
	}
	return 0;
}

int cdx_zkey_check(const struct cdx_zkey *k, const struct cdx_r1cs *r,
		   const uint8_t random[32], char why[CDX_PROOF_WHY_MAX])
{
	int err = check_values(k, why);

	if (err == 0 && r)
		err = cdx_zkey_check_circuit(k, r, why);
	if (err == 0)
		err = check_points(k, why);
	if (err == 0)
		err = check_pair(&k->beta1, &k->beta2, "beta", why);
	if (err == 0)
		err = check_pair(&k->delta1, &k->delta2, "delta", why);
	if (err == 0)
		err = check_b(k, random, why);
	return err;
}
