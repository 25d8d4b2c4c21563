/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "bn254/pairing.h"
#include "bn254/tower.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"
#include "tests/unit/vector_file.h"

/*
 * Fq12 and the pairing: laws of a field, bilinearity, products, known lines;
 * and the proof that Codex publishes, by hand.
 */

/* k times the generator; infinity now and then */
static void any_g1(struct cdx_g1 *out, struct seed *s)
{
	struct cdx_fr k;
	struct cdx_g1j t;

	bn254_any(&k, s);
	cdx_g1_mul(&t, &cdx_g1_generator, &k);
	cdx_g1j_to_affine(out, &t);
}

static void any_g2(struct cdx_g2 *out, struct seed *s)
{
	struct cdx_fr k;
	struct cdx_g2j t;

	bn254_any(&k, s);
	cdx_g2_mul(&t, &cdx_g2_generator, &k);
	cdx_g2j_to_affine(out, &t);
}

static void any_gt(struct cdx_gt *out, struct seed *s)
{
	struct cdx_fq6 *half[2] = {&out->c0, &out->c1};

	for (size_t i = 0; i < 2; i++) {
		bn254_any_fq(&half[i]->c0.c0, s);
		bn254_any_fq(&half[i]->c0.c1, s);
		bn254_any_fq(&half[i]->c1.c0, s);
		bn254_any_fq(&half[i]->c1.c1, s);
		bn254_any_fq(&half[i]->c2.c0, s);
		bn254_any_fq(&half[i]->c2.c1, s);
	}
}

static void pair(struct cdx_gt *out, const struct cdx_g1 *p,
		 const struct cdx_g2 *q)
{
	assert_int_equal(cdx_pairing(out, p, q), 0);
}

static void check_tower(void)
{
	/* q, least significant limb first */
	static const uint64_t q[4] = {UINT64_C(0x3c208c16d87cfd47),
				      UINT64_C(0x97816a916871ca8d),
				      UINT64_C(0xb85045b68181585d),
				      UINT64_C(0x30644e72e131a029)};
	struct seed s = seed_start("tower");
	struct cdx_gt a;
	struct cdx_gt b;
	struct cdx_gt c;
	struct cdx_gt t;
	struct cdx_gt u;

	for (size_t i = 0; i < 30; i++) {
		any_gt(&a, &s);
		any_gt(&b, &s);
		any_gt(&c, &s);
		cdx_gt_mul(&t, &a, &b);
		cdx_gt_mul(&u, &b, &a);
		assert_true(cdx_gt_equal(&t, &u));
		cdx_gt_mul(&t, &t, &c);
		cdx_gt_mul(&u, &b, &c);
		cdx_gt_mul(&u, &a, &u);
		assert_true(cdx_gt_equal(&t, &u));
		cdx_gt_mul(&t, &a, &a);
		cdx_gt_sqr(&u, &a);
		assert_true(cdx_gt_equal(&t, &u));
		cdx_gt_inv(&t, &a);
		cdx_gt_mul(&t, &t, &a);
		assert_true(cdx_gt_is_one(&t));
		/* a line is a sparse factor */
		t = cdx_gt_one;
		t.c1.c0 = b.c0.c0;
		t.c1.c1 = b.c0.c1;
		cdx_gt_mul(&t, &a, &t);
		u = a;
		cdx_gt_mul_line(&u, &b.c0.c0, &b.c0.c1);
		assert_true(cdx_gt_equal(&t, &u));
	}
	/* a^q by squarings, and what is made of it */
	t = cdx_gt_one;
	for (size_t i = 256; i-- > 0;) {
		cdx_gt_sqr(&t, &t);
		if (q[i / 64] >> (i % 64) & 1)
			cdx_gt_mul(&t, &t, &a);
	}
	cdx_gt_frobenius(&u, &a, 1);
	assert_true(cdx_gt_equal(&t, &u));
	cdx_gt_frobenius(&t, &t, 1);
	cdx_gt_frobenius(&u, &a, 2);
	assert_true(cdx_gt_equal(&t, &u));
	cdx_gt_frobenius(&t, &t, 1);
	cdx_gt_frobenius(&u, &a, 3);
	assert_true(cdx_gt_equal(&t, &u));
	cdx_gt_frobenius(&t, &t, 3);
	cdx_gt_conj(&u, &a);
	assert_true(cdx_gt_equal(&t, &u));
	/* in the cyclotomic subgroup squares are cheaper */
	cdx_final_exp(&a, &a);
	cdx_gt_sqr(&t, &a);
	cdx_gt_sqr_cyclotomic(&u, &a);
	assert_true(cdx_gt_equal(&t, &u));
}

static void check_bilinear(void)
{
	struct seed s = seed_start("bilinear");
	struct cdx_gt e;
	struct cdx_gt t;
	struct cdx_gt u;

	pair(&e, &cdx_g1_generator, &cdx_g2_generator);
	assert_false(cdx_gt_is_one(&e));
	for (size_t i = 0; i < 6; i++) {
		struct cdx_fr j;
		struct cdx_fr k;
		struct cdx_g1j pj;
		struct cdx_g2j qj;
		struct cdx_g1 p;
		struct cdx_g2 q;

		bn254_any(&j, &s);
		bn254_any(&k, &s);
		cdx_g1_mul(&pj, &cdx_g1_generator, &j);
		cdx_g1j_to_affine(&p, &pj);
		cdx_g2_mul(&qj, &cdx_g2_generator, &k);
		cdx_g2j_to_affine(&q, &qj);
		pair(&t, &p, &q);
		cdx_fr_mul(&j, &j, &k);
		cdx_gt_pow(&u, &e, &j);
		assert_true(cdx_gt_equal(&t, &u));
		cdx_g1_neg(&p, &p);
		pair(&t, &p, &q);
		cdx_gt_mul(&t, &t, &u);
		assert_true(cdx_gt_is_one(&t));
	}
	/* e has order r: the power -1 is the inverse */
	{
		struct cdx_fr k;

		cdx_fr_neg(&k, &cdx_fr_one);
		cdx_gt_pow(&t, &e, &k);
		cdx_gt_mul(&t, &t, &e);
		assert_true(cdx_gt_is_one(&t));
		cdx_gt_pow(&t, &e, &cdx_fr_zero);
		assert_true(cdx_gt_is_one(&t));
	}
}

/* More than two groups of eight lanes, and some left */
#define PAIRS 19u

static void check_products(void)
{
	struct seed s = seed_start("products");
	static struct cdx_g2_lines lines[PAIRS];
	const struct cdx_g2_lines *ql[PAIRS];
	struct cdx_g1 p[PAIRS];
	struct cdx_g2 q[PAIRS];
	struct cdx_gt want = cdx_gt_one;
	struct cdx_gt t;

	for (size_t i = 0; i < PAIRS; i++) {
		any_g1(&p[i], &s);
		any_g2(&q[i], &s);
	}
	p[3] = cdx_g1_infinity;
	q[5] = cdx_g2_infinity;
	q[7] = q[6];
	for (size_t i = 0; i < PAIRS; i++) {
		cdx_g2_prepare(&lines[i], &q[i]);
		ql[i] = &lines[i];
		pair(&t, &p[i], &q[i]);
		if (i == 3 || i == 5)
			assert_true(cdx_gt_is_one(&t));
		cdx_gt_mul(&want, &want, &t);
	}
	for (size_t n = 0; n <= PAIRS; n += n < 9 ? 1 : 5) {
		assert_int_equal(
			cdx_miller(&t, p, q, n, p + n, ql + n, PAIRS - n), 0);
		cdx_final_exp(&t, &t);
		assert_true(cdx_gt_equal(&t, &want));
	}
	assert_int_equal(cdx_miller(&t, NULL, NULL, 0, NULL, NULL, 0), 0);
	assert_true(cdx_gt_is_one(&t));
}

static void laws_of_fq12(void **state)
{
	(void)state;
	bn254_each_backend(check_tower);
}

static void pairing_is_bilinear(void **state)
{
	(void)state;
	bn254_each_backend(check_bilinear);
}

static void products_of_pairings(void **state)
{
	(void)state;
	bn254_each_backend(check_products);
}

/* ---- Codex's example ---- */

static void fq_of(struct cdx_fq *out, const json_t *j)
{
	assert_int_equal(cdx_fq_from_text(out, json_string_value(j)), 0);
}

static void fq2_of(struct cdx_fq2 *out, const json_t *j)
{
	fq_of(&out->c0, json_array_get(j, 0));
	fq_of(&out->c1, json_array_get(j, 1));
}

static void g1_of(struct cdx_g1 *out, const json_t *j)
{
	fq_of(&out->x, json_array_get(j, 0));
	fq_of(&out->y, json_array_get(j, 1));
	assert_true(cdx_g1_on_curve(out));
}

static void g2_of(struct cdx_g2 *out, const json_t *j)
{
	fq2_of(&out->x, json_array_get(j, 0));
	fq2_of(&out->y, json_array_get(j, 1));
	assert_true(cdx_g2_on_curve(out));
	assert_true(cdx_g2_in_subgroup(out));
}

static void fq6_of(struct cdx_fq6 *out, const json_t *j)
{
	fq2_of(&out->c0, json_array_get(j, 0));
	fq2_of(&out->c1, json_array_get(j, 1));
	fq2_of(&out->c2, json_array_get(j, 2));
}

/* IC0 + sum of public input i times IC(i + 1) */
static void sum_inputs(struct cdx_g1 *out, const json_t *ic,
		       const json_t *inputs)
{
	struct cdx_g1j sum;
	struct cdx_g1j t;
	struct cdx_g1 p;

	g1_of(&p, json_array_get(ic, 0));
	cdx_g1j_from_affine(&sum, &p);
	for (size_t i = 0; i < json_array_size(inputs); i++) {
		struct cdx_fr k;

		assert_int_equal(
			cdx_fr_from_text(&k, json_string_value(json_array_get(
						     inputs, i))),
			0);
		g1_of(&p, json_array_get(ic, i + 1));
		cdx_g1_mul(&t, &p, &k);
		cdx_g1j_add(&sum, &sum, &t);
	}
	cdx_g1j_to_affine(out, &sum);
}

/* e(A, B) = e(alpha, beta) e(L, gamma) e(C, delta), spec/proofs.md 5 */
static void published_proof_verifies(void **state)
{
	json_t *vk = vector_load("hardhat_verification_key.json");
	json_t *proof = vector_load("hardhat_example_proof.json");
	json_t *inputs = vector_load("hardhat_example_public.json");
	struct cdx_g1 p[4];
	struct cdx_g2 q[4];
	struct cdx_gt t;

	(void)state;
	g1_of(&p[0], vector_get(proof, "pi_a"));
	cdx_g1_neg(&p[0], &p[0]);
	g2_of(&q[0], vector_get(proof, "pi_b"));
	g1_of(&p[1], vector_get(vk, "vk_alpha_1"));
	g2_of(&q[1], vector_get(vk, "vk_beta_2"));
	sum_inputs(&p[2], vector_get(vk, "IC"), inputs);
	g2_of(&q[2], vector_get(vk, "vk_gamma_2"));
	g1_of(&p[3], vector_get(proof, "pi_c"));
	g2_of(&q[3], vector_get(vk, "vk_delta_2"));
	assert_int_equal(cdx_miller(&t, p, q, 4, NULL, NULL, 0), 0);
	cdx_final_exp(&t, &t);
	assert_true(cdx_gt_is_one(&t));
	cdx_g1_neg(&p[0], &p[0]);
	assert_int_equal(cdx_miller(&t, p, q, 4, NULL, NULL, 0), 0);
	cdx_final_exp(&t, &t);
	assert_false(cdx_gt_is_one(&t));
	json_decref(vk);
	json_decref(proof);
	json_decref(inputs);
}

/* The key has e(alpha, beta) as snarkjs computes it, whose final exponentiation
 * has the same factor as ours */
static void published_value_of_a_pairing(void **state)
{
	json_t *vk = vector_load("hardhat_verification_key.json");
	const json_t *ab = vector_get(vk, "vk_alphabeta_12");
	struct cdx_g1 p;
	struct cdx_g2 q;
	struct cdx_gt got;
	struct cdx_gt want;

	(void)state;
	g1_of(&p, vector_get(vk, "vk_alpha_1"));
	g2_of(&q, vector_get(vk, "vk_beta_2"));
	pair(&got, &p, &q);
	fq6_of(&want.c0, json_array_get(ab, 0));
	fq6_of(&want.c1, json_array_get(ab, 1));
	assert_true(cdx_gt_equal(&got, &want));
	json_decref(vk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(laws_of_fq12),
		cmocka_unit_test(pairing_is_bilinear),
		cmocka_unit_test(products_of_pairings),
		cmocka_unit_test(published_proof_verifies),
		cmocka_unit_test(published_value_of_a_pairing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
