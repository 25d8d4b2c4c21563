/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "bn254_kit.h"
#include "proof/groth16.h"
#include "proof/proof_json.h"
#include "proof/zkey.h"
#include "r1cs_kit.h"
#include "vector_file.h"
#include "zkey_kit.h"

/* Keys, proofs and their refusal, on small circuits; and the published key */

#define LENGTH 21u

/* A circuit with its key and a witness */
struct env {
	struct cdx_r1cs r;
	struct cdx_buf file;
	struct cdx_zkey k;
	struct cdx_vk vk;
	struct cdx_verifier *v;
	struct cdx_fr *w;
	struct cdx_pool *pool;
	struct cdx_groth16_run run;
};

static struct seed seed;

static int to_buf(void *arg, const void *p, size_t len)
{
	cdx_buf_put(arg, p, len);
	return cdx_buf_ok(arg);
}

static void env_open(struct env *e, uint32_t length, unsigned threads)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_fr x[2];

	memset(e, 0, sizeof(*e));
	assert_int_equal(cdx_pool_new(&e->pool, threads), 0);
	e->run.pool = e->pool;
	r1cs_kit_new(&e->r, length);
	bn254_any(&x[0], &seed);
	bn254_any(&x[1], &seed);
	e->w = r1cs_kit_witness(&e->r, &x[0], &x[1]);
	assert_int_equal(cdx_groth16_setup(&e->r, to_buf, &e->file, &e->run),
			 0);
	assert_int_equal(cdx_zkey_open(&e->k, e->file.p, e->file.len, why), 0);
	assert_int_equal(cdx_zkey_vk(&e->vk, &e->k), 0);
	assert_int_equal(cdx_verifier_new(&e->v, &e->vk), 0);
}

static void env_close(struct env *e)
{
	cdx_verifier_free(e->v);
	cdx_vk_free(&e->vk);
	cdx_buf_free(&e->file);
	cdx_r1cs_free(&e->r);
	cdx_pool_free(e->pool);
	free(e->w);
}

static void prove(struct env *e, struct cdx_proof *out)
{
	assert_int_equal(
		cdx_groth16_prove(out, &e->k, e->w, e->r.wires, &e->run), 0);
}

static void public_of(const struct env *e, uint8_t out[R1CS_KIT_PUBLIC][32])
{
	for (size_t i = 0; i < R1CS_KIT_PUBLIC; i++)
		cdx_fr_to_bytes(out[i], &e->w[i + 1]);
}

static int verify(const struct env *e, const struct cdx_proof *proof,
		  uint8_t public[R1CS_KIT_PUBLIC][32])
{
	return cdx_verify(e->v, proof, (const uint8_t(*)[32]) public,
			  R1CS_KIT_PUBLIC);
}

/* ---- a proof is right ---- */

static void round_trip(void)
{
	uint8_t public[R1CS_KIT_PUBLIC][32];
	struct cdx_proof proof[2];
	struct env e;

	for (unsigned threads = 0; threads < 3; threads++) {
		env_open(&e, 1 + (uint32_t)seed_below(&seed, 60), threads);
		public_of(&e, public);
		prove(&e, &proof[0]);
		prove(&e, &proof[1]);
		assert_int_equal(verify(&e, &proof[0], public), 0);
		assert_int_equal(verify(&e, &proof[1], public), 0);
		/* the same statement, and no two proofs alike */
		assert_false(cdx_g1_equal(&proof[0].a, &proof[1].a));
		assert_false(cdx_g2_equal(&proof[0].b, &proof[1].b));
		assert_false(cdx_g1_equal(&proof[0].c, &proof[1].c));
		env_close(&e);
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	bn254_each_backend(round_trip);
}

/* Sizes at both sides of a power of two */
static void test_sizes(void **state)
{
	static const uint32_t lengths[] = {1, 3, 4, 5, 11, 12, 13, 60, 61};
	struct cdx_proof proof;
	struct env e;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(lengths); i++) {
		env_open(&e, lengths[i], 0);
		prove(&e, &proof);
		env_close(&e);
	}
}

static void test_key_is_development(void **state)
{
	char why[CDX_PROOF_WHY_MAX];
	uint8_t random[32] = {7};
	struct env e;

	(void)state;
	env_open(&e, LENGTH, 0);
	assert_true(e.k.development);
	assert_true(e.vk.development);
	assert_int_equal(cdx_zkey_check(&e.k, &e.r, random, why), 0);
	env_close(&e);
}

/* ---- wrong witnesses ---- */

static void test_wrong_witness(void **state)
{
	struct cdx_proof proof;
	struct env e;

	(void)state;
	env_open(&e, LENGTH, 1);
	for (uint32_t i = 0; i < e.r.wires; i++) {
		struct cdx_fr kept = e.w[i];
		int want = i == 0 ? -EINVAL : CDX_E_PROOF;

		cdx_fr_add(&e.w[i], &e.w[i], &cdx_fr_one);
		assert_int_equal(cdx_groth16_prove(&proof, &e.k, e.w, e.r.wires,
						   &e.run),
				 want);
		e.w[i] = kept;
	}
	assert_int_equal(cdx_groth16_prove(&proof, &e.k, e.w, e.r.wires - 1,
					   &e.run),
			 -EINVAL);
	prove(&e, &proof);
	env_close(&e);
}

/* ---- tampered proofs and inputs ---- */

static void test_tampered_proof(void **state)
{
	uint8_t public[R1CS_KIT_PUBLIC][32];
	struct cdx_proof good;
	struct cdx_proof bad;
	struct env e;

	(void)state;
	env_open(&e, LENGTH, 0);
	public_of(&e, public);
	prove(&e, &good);
	/* other points of the groups */
	bad = good;
	cdx_g1_neg(&bad.a, &good.a);
	assert_int_equal(verify(&e, &bad, public), CDX_E_PROOF);
	bad = good;
	cdx_g2_neg(&bad.b, &good.b);
	assert_int_equal(verify(&e, &bad, public), CDX_E_PROOF);
	bad = good;
	cdx_g1_neg(&bad.c, &good.c);
	assert_int_equal(verify(&e, &bad, public), CDX_E_PROOF);
	bad = good;
	bad.a = good.c;
	bad.c = good.a;
	assert_int_equal(verify(&e, &bad, public), CDX_E_PROOF);
	bad = good;
	bad.a = cdx_g1_infinity;
	assert_int_equal(verify(&e, &bad, public), CDX_E_PROOF);
	bad = good;
	bad.b = cdx_g2_infinity;
	assert_int_equal(verify(&e, &bad, public), CDX_E_PROOF);
	bad = good;
	bad.c = cdx_g1_infinity;
	assert_int_equal(verify(&e, &bad, public), CDX_E_PROOF);
	/* Groth16 allows this one: it is another proof of the same statement */
	cdx_g1_neg(&bad.a, &good.a);
	cdx_g2_neg(&bad.b, &good.b);
	bad.c = good.c;
	assert_int_equal(verify(&e, &bad, public), 0);
	env_close(&e);
}

/* Each coordinate plus one: off the curve */
static void test_off_curve(void **state)
{
	uint8_t public[R1CS_KIT_PUBLIC][32];
	struct cdx_proof good;
	struct cdx_proof bad;
	struct cdx_fq *const at[] = {&bad.a.x,	  &bad.a.y,    &bad.b.x.c0,
				     &bad.b.x.c1, &bad.b.y.c0, &bad.b.y.c1,
				     &bad.c.x,	  &bad.c.y};
	struct env e;

	(void)state;
	env_open(&e, LENGTH, 0);
	public_of(&e, public);
	prove(&e, &good);
	for (size_t i = 0; i < CDX_ARRAY_LEN(at); i++) {
		bad = good;
		cdx_fq_add(at[i], at[i], &cdx_fq_one);
		assert_int_equal(verify(&e, &bad, public), CDX_E_FORMAT);
		assert_int_equal(cdx_verify_batch(e.v, &bad, 1,
						  (const uint8_t(*)[32]) public,
						  R1CS_KIT_PUBLIC),
				 CDX_E_FORMAT);
	}
	env_close(&e);
}

/* B plus a point of the twist outside of G2, in each place of a batch */
static void off_subgroup(void)
{
	uint8_t public[12][R1CS_KIT_PUBLIC][32];
	struct cdx_proof proof[12];
	uint8_t bytes[CDX_G2_BYTES];
	struct cdx_g2 stray;
	struct env e;

	env_open(&e, LENGTH, 0);
	prove(&e, &proof[0]);
	for (size_t i = 0; i < CDX_ARRAY_LEN(proof); i++) {
		public_of(&e, public[i]);
		proof[i] = proof[0];
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(proof); i++) {
		const struct cdx_g2 kept = proof[i].b;
		struct cdx_g2j sum;

		kit_twist(bytes, i % 2 == 0);
		assert_int_equal(cdx_g2_decode(&stray, bytes), 0);
		cdx_g2j_from_affine(&sum, &kept);
		cdx_g2j_add_affine(&sum, &sum, &stray);
		cdx_g2j_to_affine(&proof[i].b, &sum);
		assert_int_equal(verify(&e, &proof[i], public[i]),
				 CDX_E_FORMAT);
		for (size_t n = i + 1; n <= CDX_ARRAY_LEN(proof); n += 5)
			assert_int_equal(
				cdx_verify_batch(
					e.v, proof, n,
					(const uint8_t(*)[32]) public[0],
					R1CS_KIT_PUBLIC),
				CDX_E_FORMAT);
		proof[i].b = kept;
	}
	env_close(&e);
}

static void test_off_subgroup(void **state)
{
	(void)state;
	bn254_each_backend(off_subgroup);
}

/* x + r where it fits 32 bytes: the same number modulo r, and refused */
static bool add_r(uint8_t out[32], const uint8_t in[32])
{
	static const uint64_t r[4] = {UINT64_C(0x43e1f593f0000001),
				      UINT64_C(0x2833e84879b97091),
				      UINT64_C(0xb85045b68181585d),
				      UINT64_C(0x30644e72e131a029)};
	unsigned carry = 0;

	for (size_t i = 0; i < 32; i++) {
		unsigned v = in[i] + (unsigned)(r[i / 8] >> (i % 8 * 8) & 0xff);

		v += carry;
		out[i] = (uint8_t)v;
		carry = v >> 8;
	}
	return carry == 0;
}

static void test_public_inputs(void **state)
{
	uint8_t public[R1CS_KIT_PUBLIC][32];
	struct cdx_proof proof;
	struct env e;

	(void)state;
	env_open(&e, LENGTH, 0);
	prove(&e, &proof);
	for (size_t i = 0; i < R1CS_KIT_PUBLIC; i++) {
		struct cdx_fr x;

		public_of(&e, public);
		assert_true(add_r(public[i], public[i]));
		assert_int_equal(verify(&e, &proof, public), CDX_E_FORMAT);
		public_of(&e, public);
		cdx_fr_add(&x, &e.w[i + 1], &cdx_fr_one);
		cdx_fr_to_bytes(public[i], &x);
		assert_int_equal(verify(&e, &proof, public), CDX_E_PROOF);
	}
	public_of(&e, public);
	assert_int_equal(cdx_verify(e.v, &proof, (const uint8_t(*)[32]) public,
				    R1CS_KIT_PUBLIC - 1),
			 -EINVAL);
	env_close(&e);
}

/* A proof under another key of the same circuit */
static void test_other_key(void **state)
{
	uint8_t public[R1CS_KIT_PUBLIC][32];
	struct cdx_proof proof;
	struct env e;
	struct env other;

	(void)state;
	env_open(&e, LENGTH, 0);
	env_open(&other, LENGTH, 0);
	public_of(&e, public);
	prove(&e, &proof);
	assert_int_equal(verify(&e, &proof, public), 0);
	assert_int_equal(verify(&other, &proof, public), CDX_E_PROOF);
	env_close(&e);
	env_close(&other);
}

/* ---- batches ---- */

#define BATCH 9u

static int batch(const struct env *e, const struct cdx_proof *proof, size_t n,
		 uint8_t public[][R1CS_KIT_PUBLIC][32])
{
	return cdx_verify_batch(e->v, proof, n,
				(const uint8_t(*)[32]) public[0],
				R1CS_KIT_PUBLIC);
}

static void batches(void)
{
	uint8_t public[BATCH][R1CS_KIT_PUBLIC][32];
	struct cdx_proof proof[BATCH];
	uint8_t kept_public[32];
	struct cdx_fr other;
	struct cdx_proof kept;
	struct cdx_fr x[2];
	struct env e;

	env_open(&e, LENGTH, 0);
	for (size_t i = 0; i < BATCH; i++) {
		free(e.w);
		bn254_any(&x[0], &seed);
		bn254_any(&x[1], &seed);
		e.w = r1cs_kit_witness(&e.r, &x[0], &x[1]);
		public_of(&e, public[i]);
		prove(&e, &proof[i]);
	}
	for (size_t n = 0; n <= BATCH; n++)
		assert_int_equal(batch(&e, proof, n, public), 0);
	for (size_t i = 0; i < BATCH; i++) {
		kept = proof[i];
		proof[i].c = proof[(i + 1) % BATCH].c;
		assert_int_equal(batch(&e, proof, BATCH, public), CDX_E_PROOF);
		proof[i] = kept;
		public[i][1][0] ^= 1;
		assert_int_equal(batch(&e, proof, BATCH, public), CDX_E_PROOF);
		public[i][1][0] ^= 1;
		memcpy(kept_public, public[i][2], sizeof(kept_public));
		memset(public[i][2], 0xff, 32);
		assert_int_equal(batch(&e, proof, BATCH, public), CDX_E_FORMAT);
		assert_int_equal(cdx_fr_from_bytes(&other, kept_public), 0);
		cdx_fr_add(&other, &other, &cdx_fr_one);
		cdx_fr_to_bytes(public[i][2], &other);
		assert_int_equal(batch(&e, proof, BATCH, public), CDX_E_PROOF);
		memcpy(public[i][2], kept_public, sizeof(kept_public));
	}
	env_close(&e);
}

static void test_batches(void **state)
{
	(void)state;
	bn254_each_backend(batches);
}

/* Two errors that cancel each other without weights */
static void test_batch_weights(void **state)
{
	uint8_t public[2][R1CS_KIT_PUBLIC][32];
	struct cdx_proof proof[2];
	struct cdx_g1j sum;
	struct cdx_g1 minus;
	struct env e;

	(void)state;
	env_open(&e, LENGTH, 0);
	for (size_t i = 0; i < 2; i++) {
		public_of(&e, public[i]);
		prove(&e, &proof[i]);
	}
	cdx_g1j_from_affine(&sum, &proof[0].c);
	cdx_g1j_add_affine(&sum, &sum, &cdx_g1_generator);
	cdx_g1j_to_affine(&proof[0].c, &sum);
	cdx_g1_neg(&minus, &cdx_g1_generator);
	cdx_g1j_from_affine(&sum, &proof[1].c);
	cdx_g1j_add_affine(&sum, &sum, &minus);
	cdx_g1j_to_affine(&proof[1].c, &sum);
	assert_int_equal(batch(&e, proof, 2, public), CDX_E_PROOF);
	env_close(&e);
}

/* ---- keys that verify anything ---- */

static void test_bad_vk(void **state)
{
	struct cdx_verifier *v = NULL;
	struct cdx_vk vk;
	struct env e;

	(void)state;
	env_open(&e, LENGTH, 0);
	vk = e.vk;
	vk.delta2 = cdx_g2_infinity;
	assert_int_equal(cdx_verifier_new(&v, &vk), CDX_E_FORMAT);
	vk = e.vk;
	vk.gamma2 = cdx_g2_infinity;
	assert_int_equal(cdx_verifier_new(&v, &vk), CDX_E_FORMAT);
	vk = e.vk;
	vk.alpha1 = cdx_g1_infinity;
	assert_int_equal(cdx_verifier_new(&v, &vk), CDX_E_FORMAT);
	vk = e.vk;
	cdx_fq_add(&vk.beta2.y.c1, &vk.beta2.y.c1, &cdx_fq_one);
	assert_int_equal(cdx_verifier_new(&v, &vk), CDX_E_FORMAT);
	assert_null(v);
	env_close(&e);
}

/* ---- cancelling ---- */

static bool always(void *arg)
{
	(*(unsigned *)arg)++;
	return true;
}

/* A pool whose only worker is busy until the proof was given up */
struct blocker {
	pthread_mutex_t mu;
};

static void block(void *arg)
{
	struct blocker *b = arg;

	(void)pthread_mutex_lock(&b->mu);
	(void)pthread_mutex_unlock(&b->mu);
}

static bool give_up(void *arg)
{
	(void)pthread_mutex_unlock(&((struct blocker *)arg)->mu);
	return true;
}

static void test_cancel(void **state)
{
	struct blocker b = {.mu = PTHREAD_MUTEX_INITIALIZER};
	struct cdx_proof proof;
	unsigned asked = 0;
	struct env e;

	(void)state;
	env_open(&e, LENGTH, 1);
	(void)pthread_mutex_lock(&b.mu);
	assert_int_equal(cdx_pool_submit(e.pool, CDX_POOL_READ, block, &b), 0);
	e.run.cancel = give_up;
	e.run.arg = &b;
	assert_int_equal(cdx_groth16_prove(&proof, &e.k, e.w, e.r.wires,
					   &e.run),
			 -ECANCELED);
	/* nobody is asked where nothing is waited for */
	e.run = (struct cdx_groth16_run){.cancel = always, .arg = &asked};
	prove(&e, &proof);
	assert_int_equal(asked, 0);
	env_close(&e);
}

/* ---- the published key and its example ---- */

static void load_published(struct cdx_vk *vk, struct cdx_proof *proof,
			   uint8_t public[3][32])
{
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_buf b = {0};
	struct cdx_fr *x;
	uint32_t n;

	vector_raw(&b, "hardhat_verification_key.json");
	assert_int_equal(cdx_vk_read(vk, (const char *)b.p, b.len, why), 0);
	cdx_buf_free(&b);
	vector_raw(&b, "hardhat_example_proof.json");
	assert_int_equal(cdx_proof_read(proof, (const char *)b.p, b.len, why),
			 0);
	cdx_buf_free(&b);
	vector_raw(&b, "hardhat_example_public.json");
	assert_int_equal(cdx_public_read(&x, &n, (const char *)b.p, b.len, why),
			 0);
	cdx_buf_free(&b);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < 3; i++)
		cdx_fr_to_bytes(public[i], &x[i]);
	free(x);
}

static void published(void)
{
	uint8_t public[3][32];
	struct cdx_verifier *v;
	struct cdx_proof proof;
	struct cdx_vk vk;
	struct env e;

	load_published(&vk, &proof, public);
	assert_false(vk.development);
	assert_int_equal(cdx_verifier_new(&v, &vk), 0);
	assert_int_equal(
		cdx_verify(v, &proof, (const uint8_t(*)[32]) public, 3), 0);
	assert_int_equal(cdx_verify_batch(v, &proof, 1,
					  (const uint8_t(*)[32]) public, 3),
			 0);
	public[2][0] ^= 1; /* another slot */
	assert_int_equal(cdx_verify(v, &proof, (const uint8_t(*)[32]) public,
				    3),
			 CDX_E_PROOF);
	public[2][0] ^= 1;
	cdx_verifier_free(v);
	/* and under no other key: delta alone differs, then all of it */
	vk.delta2 = cdx_g2_generator;
	assert_int_equal(cdx_verifier_new(&v, &vk), 0);
	assert_int_equal(cdx_verify(v, &proof, (const uint8_t(*)[32]) public,
				    3),
			 CDX_E_PROOF);
	cdx_verifier_free(v);
	cdx_vk_free(&vk);
	env_open(&e, LENGTH, 0);
	assert_int_equal(verify(&e, &proof, public), CDX_E_PROOF);
	env_close(&e);
}

static void test_published(void **state)
{
	(void)state;
	bn254_each_backend(published);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_key_is_development),
		cmocka_unit_test(test_wrong_witness),
		cmocka_unit_test(test_tampered_proof),
		cmocka_unit_test(test_off_curve),
		cmocka_unit_test(test_off_subgroup),
		cmocka_unit_test(test_public_inputs),
		cmocka_unit_test(test_other_key),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_batch_weights),
		cmocka_unit_test(test_bad_vk),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_published),
	};

	seed = seed_start("test_proof_groth16");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
