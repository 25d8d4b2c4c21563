/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/groth16.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/tasks.h"
#include "bn254/fixed_base.h"
#include "bn254/ntt.h"
#include "crypto/hash.h"
#include "proof/internal.h"
#include "proof/qap.h"
#include "proof/zkey_write.h"

/*
 * A key made from secrets that this process knows: every point of it is a
 * generator times a number that is computed first (spec/proofs.md 4 and 5).
 * gamma is one, as with snarkjs.
 */
struct secrets {
	struct cdx_fr tau;
	struct cdx_fr alpha;
	struct cdx_fr beta;
	struct cdx_fr delta;
};

/* Multiples that one task makes */
#define CHUNK 8192u

enum {
	PART_A,
	PART_B1,
	PART_B2,
	PART_IC,
	PART_C,
	PART_H,
	PARTS,
};

/* Points of one section */
struct part {
	const struct cdx_fr *k; /* what the generator is multiplied with */
	size_t n;
	bool g2;
	uint8_t *points;
};

struct setup {
	const struct cdx_r1cs *r;
	struct cdx_fixed_g1 *g1;
	struct cdx_fixed_g2 *g2;
	struct cdx_tasks tasks;
	atomic_int rc;
	struct secrets secret;
	unsigned log_domain;
	uint32_t public_inputs;
	struct cdx_fr *at[3]; /* A, B, C of each wire at tau */
	struct cdx_fr *h;
	struct part part[PARTS];
	struct chunk *chunks;
};

struct chunk {
	struct cdx_task task;
	struct setup *s;
	const struct part *part;
	size_t first;
	size_t n;
};

static void setup_free(struct setup *s)
{
	const size_t wires = (size_t)s->r->wires * sizeof(struct cdx_fr);

	for (size_t i = 0; i < 3; i++)
		cdx_proof_wipe_free(s->at[i], wires);
	cdx_proof_wipe_free(s->h, sizeof(*s->h) << s->log_domain);
	for (size_t i = 0; i < PARTS; i++)
		free(s->part[i].points);
	free(s->chunks);
	cdx_fixed_g1_free(s->g1);
	cdx_fixed_g2_free(s->g2);
	cdx_wipe(&s->secret, sizeof(s->secret));
}

/*
 * at[2] becomes (beta A + alpha B + C) of each wire, over delta for those that
 * are not public: what sections 3 and 8 have.
 */
static void combine(struct setup *s)
{
	struct cdx_fr over_delta;

	cdx_fr_inv(&over_delta, &s->secret.delta);
	for (uint32_t i = 0; i < s->r->wires; i++) {
		struct cdx_fr *c = &s->at[2][i];
		struct cdx_fr t;

		cdx_fr_mul(&t, &s->secret.beta, &s->at[0][i]);
		cdx_fr_add(c, c, &t);
		cdx_fr_mul(&t, &s->secret.alpha, &s->at[1][i]);
		cdx_fr_add(c, c, &t);
		if (i > s->public_inputs)
			cdx_fr_mul(c, c, &over_delta);
	}
	for (size_t i = 0; i < (size_t)1 << s->log_domain; i++)
		cdx_fr_mul(&s->h[i], &s->h[i], &over_delta);
}

/* Everything that the points are multiples by */
static int numbers(struct setup *s)
{
	const size_t wires = s->r->wires;
	const size_t domain = (size_t)1 << s->log_domain;
	struct cdx_fr *lagrange = calloc(domain, sizeof(*lagrange));
	int rc = lagrange == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < 3; i++) {
		s->at[i] = calloc(wires, sizeof(*s->at[i]));
		if (s->at[i] == NULL)
			rc = -ENOMEM;
	}
	s->h = calloc(domain, sizeof(*s->h));
	if (s->h == NULL)
		rc = -ENOMEM;
	cdx_proof_random_fr(&s->secret.alpha);
	cdx_proof_random_fr(&s->secret.beta);
	cdx_proof_random_fr(&s->secret.delta);
	if (rc == 0) {
		do
			cdx_proof_random_fr(&s->secret.tau);
		while (!cdx_qap_lagrange(lagrange, s->h, &s->secret.tau,
					 s->log_domain));
		cdx_qap_wires(s->at, s->r, lagrange);
		combine(s);
	}
	cdx_proof_wipe_free(lagrange, domain * sizeof(*lagrange));
	return rc;
}

static void run_chunk(struct cdx_task *t)
{
	struct chunk *c = CDX_CONTAINER(t, struct chunk, task);
	const struct part *p = c->part;
	struct setup *s = c->s;
	int none = 0;
	int rc;

	if (atomic_load(&s->rc) != 0)
		rc = 0;
	else if (p->g2)
		rc = cdx_fixed_g2_mul(s->g2,
				      p->points + c->first * CDX_G2_BYTES,
				      p->k + c->first, c->n);
	else
		rc = cdx_fixed_g1_mul(s->g1,
				      p->points + c->first * CDX_G1_BYTES,
				      p->k + c->first, c->n);
	if (rc < 0)
		(void)atomic_compare_exchange_strong(&s->rc, &none, rc);
}

static int plan_parts(struct setup *s)
{
	const size_t wires = s->r->wires;
	const size_t ic = (size_t)s->public_inputs + 1;
	const struct part parts[PARTS] = {
		[PART_A] = {.k = s->at[0], .n = wires},
		[PART_B1] = {.k = s->at[1], .n = wires},
		[PART_B2] = {.k = s->at[1], .n = wires, .g2 = true},
		[PART_IC] = {.k = s->at[2], .n = ic},
		[PART_C] = {.k = s->at[2] + ic, .n = wires - ic},
		[PART_H] = {.k = s->h, .n = (size_t)1 << s->log_domain},
	};
	size_t chunks = 0;
	size_t at = 0;

	for (size_t i = 0; i < PARTS; i++) {
		struct part *p = &s->part[i];

		*p = parts[i];
		p->points = malloc((p->n + 1) *
				   (p->g2 ? CDX_G2_BYTES : CDX_G1_BYTES));
		if (p->points == NULL)
			return -ENOMEM;
		chunks += (p->n + CHUNK - 1) / CHUNK;
	}
	s->chunks = calloc(chunks, sizeof(*s->chunks));
	if (s->chunks == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < PARTS; i++) {
		const size_t n = s->part[i].n;

		for (size_t first = 0; first < n; first += CHUNK) {
			struct chunk *c = &s->chunks[at++];

			c->s = s;
			c->part = &s->part[i];
			c->first = first;
			c->n = n - first < CHUNK ? n - first : CHUNK;
			cdx_tasks_add(&s->tasks, &c->task, run_chunk);
		}
	}
	return 0;
}

static int points(struct setup *s, const struct cdx_groth16_run *run)
{
	int rc = cdx_fixed_g1_new(&s->g1, &cdx_g1_generator);

	if (rc == 0)
		rc = cdx_fixed_g2_new(&s->g2, &cdx_g2_generator);
	if (rc < 0)
		return rc;
	cdx_tasks_init(&s->tasks, run->pool, CDX_POOL_PROOF);
	rc = plan_parts(s);
	cdx_proof_wait(&s->tasks, run, &s->rc);
	cdx_tasks_fini(&s->tasks);
	return rc < 0 ? rc : atomic_load(&s->rc);
}

static void g1_times(struct cdx_g1 *out, const struct cdx_fr *k)
{
	struct cdx_g1j t;

	cdx_g1_mul(&t, &cdx_g1_generator, k);
	cdx_g1j_to_affine(out, &t);
}

static void g2_times(struct cdx_g2 *out, const struct cdx_fr *k)
{
	struct cdx_g2j t;

	cdx_g2_mul(&t, &cdx_g2_generator, k);
	cdx_g2j_to_affine(out, &t);
}

static int write_key(const struct setup *s, cdx_setup_write_fn *write,
		     void *arg)
{
	struct cdx_zkey k = {
		.wires = s->r->wires,
		.public_inputs = s->public_inputs,
		.log_domain = s->log_domain,
		.gamma2 = cdx_g2_generator,
		.ic = s->part[PART_IC].points,
		.a = s->part[PART_A].points,
		.b1 = s->part[PART_B1].points,
		.b2 = s->part[PART_B2].points,
		.c = s->part[PART_C].points,
		.h = s->part[PART_H].points,
	};

	g1_times(&k.alpha1, &s->secret.alpha);
	g1_times(&k.beta1, &s->secret.beta);
	g1_times(&k.delta1, &s->secret.delta);
	g2_times(&k.beta2, &s->secret.beta);
	g2_times(&k.delta2, &s->secret.delta);
	return cdx_zkey_write(write, arg, &k, s->r);
}

int cdx_groth16_setup(const struct cdx_r1cs *r, cdx_setup_write_fn *write,
		      void *arg, const struct cdx_groth16_run *run)
{
	struct setup s = {
		.r = r,
		.public_inputs = r->outputs + r->public_inputs,
	};
	const uint64_t rows = (uint64_t)r->constraints + s.public_inputs + 1;
	int rc;

	while ((UINT64_C(1) << s.log_domain) < rows)
		s.log_domain++;
	if (s.log_domain >= CDX_NTT_LOG_MAX || s.public_inputs >= r->wires)
		return -EINVAL;
	rc = numbers(&s);
	if (rc == 0)
		rc = points(&s, run);
	if (rc == 0)
		rc = write_key(&s, write, arg);
	setup_free(&s);
	return rc;
}
