/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/groth16.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/tasks.h"
#include "bn254/fr_vec.h"
#include "bn254/msm.h"
#include "bn254/ntt.h"
#include "crypto/hash.h"
#include "proof/internal.h"
#include "proof/zkey.h"

/*
 * How a proof is cut into tasks:
 *
 *   plan of the witness --+--> windows of B2, A, B1, C
 *   rows of A and B ------+--> three transforms --> quotients and their plan
 *                                                       --> windows of H
 *
 * Whoever finishes the last of what a step waits for begins that step.  The
 * transforms are queued before the windows, and the last of them goes on with
 * the quotients at once: both are what the windows of H wait for, and the
 * windows of the witness keep the other workers busy meanwhile.
 */

enum {
	SUM_A,
	SUM_B1,
	SUM_C,
	SUM_H,
	SUM_G1, /* number of sums in G1 */
	SUM_B2 = SUM_G1,
};
enum {
	PLAN_WITNESS,
	PLAN_QUOTIENT,
	PLANS,
};

struct job;

struct piece {
	struct cdx_task task;
	struct job *job;
	unsigned sum; /* or which transform */
	unsigned window;
};

struct job {
	const struct cdx_zkey *k;
	struct cdx_tasks tasks;
	atomic_int rc;	       /* the first failure */
	atomic_int first_left; /* plan and rows */
	atomic_int transforms_left;
	size_t domain;
	struct cdx_ntt *ntt;
	uint8_t *scalars;     /* the witness as integers; until the first end */
	struct cdx_fr *at[3]; /* a, b, c; then a is the quotients as integers */
	struct cdx_msm_plan *plan[PLANS];
	struct piece *windows[PLANS];
	struct piece step[2];
	struct piece transform[3];
	struct cdx_g1j *g1[SUM_G1]; /* of each window */
	struct cdx_g2j *b2;
};

static void fail(struct job *j, int rc)
{
	int none = 0;

	(void)atomic_compare_exchange_strong(&j->rc, &none, rc);
}

static bool going(struct job *j)
{
	return atomic_load(&j->rc) == 0;
}

/* Large memory that goes back to the system when it is freed: malloc would keep
 * it, and a proof lets go of most of it before it needs more */
static void *pages_new(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void pages_wipe_free(void *p, size_t len)
{
	if (p == NULL)
		return;
	cdx_wipe(p, len);
	(void)munmap(p, len);
}

static void free_scalars(struct job *j)
{
	pages_wipe_free(j->scalars, (size_t)j->k->wires * CDX_FR_BYTES);
	j->scalars = NULL;
}

static void free_at(struct job *j, size_t i)
{
	pages_wipe_free(j->at[i], j->domain * sizeof(*j->at[i]));
	j->at[i] = NULL;
}

static void run_window(struct cdx_task *t)
{
	struct piece *p = CDX_CONTAINER(t, struct piece, task);
	struct job *j = p->job;
	const struct cdx_zkey *k = j->k;
	const struct cdx_msm_plan *plan =
		j->plan[p->sum == SUM_H ? PLAN_QUOTIENT : PLAN_WITNESS];
	const uint8_t *const points[SUM_G1] = {k->a, k->b1, k->c, k->h};
	size_t first = 0;
	size_t n = k->wires;
	int rc;

	if (!going(j))
		return;
	if (p->sum == SUM_C) {
		first = k->public_inputs + 1;
		n -= first;
	} else if (p->sum == SUM_H) {
		n = j->domain;
	}
	if (p->sum == SUM_B2)
		rc = cdx_msm_g2_window(&j->b2[p->window], plan, k->b2, first, n,
				       p->window);
	else
		rc = cdx_msm_g1_window(&j->g1[p->sum][p->window], plan,
				       points[p->sum], first, n, p->window);
	if (rc < 0)
		fail(j, rc);
}

/* Tasks and results for all windows of @plan in the sums listed */
static int add_windows(struct job *j, unsigned plan, const unsigned *sums,
		       size_t n)
{
	const unsigned windows = cdx_msm_windows(j->plan[plan]);
	struct piece *p = calloc(n * windows, sizeof(*p));

	j->windows[plan] = p;
	if (p == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		void *results =
			calloc(windows, sums[i] == SUM_B2 ? sizeof(*j->b2)
							  : sizeof(*j->g1[0]));

		if (results == NULL)
			return -ENOMEM;
		if (sums[i] == SUM_B2)
			j->b2 = results;
		else
			j->g1[sums[i]] = results;
	}
	for (size_t i = 0; i < n; i++) {
		for (unsigned w = 0; w < windows; w++, p++) {
			p->job = j;
			p->sum = sums[i];
			p->window = w;
			cdx_tasks_add(&j->tasks, &p->task, run_window);
		}
	}
	return 0;
}

/* The quotients and their windows */
static void end_transforms(struct job *j)
{
	static const unsigned sums[] = {SUM_H};
	struct cdx_fr *a = j->at[0];
	int rc;

	cdx_ntt_free(j->ntt);
	j->ntt = NULL;
	cdx_fr_quotients((uint8_t *)a, a, j->at[1], j->at[2], j->domain);
	free_at(j, 1);
	free_at(j, 2);
	rc = cdx_msm_plan_new(&j->plan[PLAN_QUOTIENT], (const uint8_t *)a,
			      j->domain);
	if (rc == 0)
		rc = add_windows(j, PLAN_QUOTIENT, sums, CDX_ARRAY_LEN(sums));
	if (rc < 0)
		fail(j, rc);
}

static void run_transform(struct cdx_task *t)
{
	struct piece *p = CDX_CONTAINER(t, struct piece, task);
	struct job *j = p->job;
	int rc;

	if (!going(j))
		return;
	rc = cdx_ntt_to_coset(j->ntt, j->at[p->sum]);
	if (rc < 0)
		fail(j, rc);
	if (atomic_fetch_sub(&j->transforms_left, 1) == 1 && going(j))
		end_transforms(j);
}

/* Plan and rows are there */
static void end_first(struct job *j)
{
	/* the longest ones first */
	static const unsigned sums[] = {SUM_B2, SUM_A, SUM_B1, SUM_C};
	int rc;

	free_scalars(j);
	for (unsigned i = 0; i < 3; i++) {
		j->transform[i].job = j;
		j->transform[i].sum = i;
		cdx_tasks_add(&j->tasks, &j->transform[i].task, run_transform);
	}
	rc = add_windows(j, PLAN_WITNESS, sums, CDX_ARRAY_LEN(sums));
	if (rc < 0)
		fail(j, rc);
}

static void run_plan(struct cdx_task *t)
{
	struct job *j = CDX_CONTAINER(t, struct piece, task)->job;
	int rc;

	if (!going(j))
		return;
	rc = cdx_msm_plan_new(&j->plan[PLAN_WITNESS], j->scalars, j->k->wires);
	if (rc < 0)
		fail(j, rc);
	if (atomic_fetch_sub(&j->first_left, 1) == 1 && going(j))
		end_first(j);
}

static void raw_limbs(struct cdx_fr *out, const uint8_t *p)
{
	for (size_t i = 0; i < 4; i++)
		out->l[i] = cdx_get_le64(p + 8 * i);
}

/*
 * a and b: the rows of A and B times the witness.  A key's coefficient is
 * v * 2^512, so that its Montgomery product with a plain integer is the
 * Montgomery form of their product.
 */
static void run_rows(struct cdx_task *t)
{
	struct job *j = CDX_CONTAINER(t, struct piece, task)->job;
	const uint8_t *p = j->k->coef;
	struct cdx_fr *a = j->at[0];
	struct cdx_fr *b = j->at[1];

	if (!going(j))
		return;
	for (uint32_t i = 0; i < j->k->coefs; i++, p += CDX_ZKEY_COEF_BYTES) {
		struct cdx_fr *row = cdx_get_le32(p) == 0 ? a : b;
		struct cdx_fr v;
		struct cdx_fr w;

		row += cdx_get_le32(p + 4);
		raw_limbs(&v, p + 12);
		raw_limbs(&w, j->scalars + (size_t)cdx_get_le32(p + 8) *
						   CDX_FR_BYTES);
		cdx_fr_mul(&v, &v, &w);
		cdx_fr_add(row, row, &v);
	}
	for (size_t i = 0; i < j->domain; i++)
		cdx_fr_mul(&j->at[2][i], &a[i], &b[i]);
	if (atomic_fetch_sub(&j->first_left, 1) == 1 && going(j))
		end_first(j);
}

static int job_run(struct job *j, const struct cdx_fr *w,
		   const struct cdx_groth16_run *run)
{
	const size_t wires = j->k->wires;
	int rc = cdx_ntt_new(&j->ntt, j->k->log_domain);

	if (rc < 0)
		return rc;
	j->scalars = pages_new(wires * CDX_FR_BYTES);
	if (j->scalars == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < 3; i++) {
		j->at[i] = pages_new(j->domain * sizeof(*j->at[i]));
		if (j->at[i] == NULL)
			return -ENOMEM;
	}
	cdx_fr_to_canonical_many(j->scalars, w, wires);
	atomic_init(&j->first_left, 2);
	atomic_init(&j->transforms_left, 3);
	cdx_tasks_init(&j->tasks, run->pool, CDX_POOL_PROOF);
	j->step[0].job = j;
	j->step[1].job = j;
	cdx_tasks_add(&j->tasks, &j->step[0].task, run_rows);
	cdx_tasks_add(&j->tasks, &j->step[1].task, run_plan);
	cdx_proof_wait(&j->tasks, run, &j->rc);
	cdx_tasks_fini(&j->tasks);
	return atomic_load(&j->rc);
}

static void job_end(struct job *j)
{
	for (unsigned i = 0; i < SUM_G1; i++) {
		const unsigned plan = i == SUM_H ? PLAN_QUOTIENT : PLAN_WITNESS;

		if (j->g1[i] != NULL)
			cdx_proof_wipe_free(j->g1[i],
					    cdx_msm_windows(j->plan[plan]) *
						    sizeof(*j->g1[i]));
	}
	if (j->b2 != NULL)
		cdx_proof_wipe_free(j->b2,
				    cdx_msm_windows(j->plan[PLAN_WITNESS]) *
					    sizeof(*j->b2));
	for (unsigned i = 0; i < PLANS; i++) {
		cdx_msm_plan_free(j->plan[i]);
		free(j->windows[i]);
	}
	free_scalars(j);
	for (size_t i = 0; i < 3; i++)
		free_at(j, i);
	cdx_ntt_free(j->ntt);
}

/* out += k * p */
static void add_mul_g1(struct cdx_g1j *out, const struct cdx_g1 *p,
		       const struct cdx_fr *k)
{
	struct cdx_g1j t;

	cdx_g1_mul(&t, p, k);
	cdx_g1j_add(out, out, &t);
}

/* The sums, blinded (spec/proofs.md 5, step 5) */
static void blind(struct cdx_proof *out, const struct job *j)
{
	const struct cdx_zkey *k = j->k;
	struct cdx_g1j sum[SUM_G1];
	struct cdx_g2j b2;
	struct cdx_g2j t2;
	struct cdx_g1 point;
	struct cdx_fr r;
	struct cdx_fr s;
	struct cdx_fr rs;

	for (unsigned i = 0; i < SUM_G1; i++)
		cdx_msm_g1_join(
			&sum[i],
			j->plan[i == SUM_H ? PLAN_QUOTIENT : PLAN_WITNESS],
			j->g1[i]);
	cdx_msm_g2_join(&b2, j->plan[PLAN_WITNESS], j->b2);
	cdx_proof_random_fr(&r);
	cdx_proof_random_fr(&s);
	cdx_fr_mul(&rs, &r, &s);
	cdx_fr_neg(&rs, &rs);

	cdx_g1j_add_affine(&sum[SUM_A], &sum[SUM_A], &k->alpha1);
	add_mul_g1(&sum[SUM_A], &k->delta1, &r);
	cdx_g1j_to_affine(&out->a, &sum[SUM_A]);

	cdx_g2j_add_affine(&b2, &b2, &k->beta2);
	cdx_g2_mul(&t2, &k->delta2, &s);
	cdx_g2j_add(&b2, &b2, &t2);
	cdx_g2j_to_affine(&out->b, &b2);

	cdx_g1j_add_affine(&sum[SUM_B1], &sum[SUM_B1], &k->beta1);
	add_mul_g1(&sum[SUM_B1], &k->delta1, &s);
	cdx_g1j_to_affine(&point, &sum[SUM_B1]);
	cdx_g1j_add(&sum[SUM_C], &sum[SUM_C], &sum[SUM_H]);
	add_mul_g1(&sum[SUM_C], &out->a, &s);
	add_mul_g1(&sum[SUM_C], &point, &r);
	add_mul_g1(&sum[SUM_C], &k->delta1, &rs);
	cdx_g1j_to_affine(&out->c, &sum[SUM_C]);

	cdx_wipe(&r, sizeof(r));
	cdx_wipe(&s, sizeof(s));
	cdx_wipe(&rs, sizeof(rs));
	cdx_wipe(sum, sizeof(sum));
	cdx_wipe(&b2, sizeof(b2));
	cdx_wipe(&t2, sizeof(t2));
	cdx_wipe(&point, sizeof(point));
}

/* Finds what spoils a proof: a witness that does not fit, a miscalculation */
static int check_own(const struct cdx_proof *proof, const struct cdx_zkey *k,
		     const struct cdx_fr *w)
{
	struct cdx_verifier *v = NULL;
	struct cdx_vk vk = {.ic = NULL};
	uint8_t(*public)[CDX_FR_BYTES] = NULL;
	int rc = cdx_zkey_vk(&vk, k);

	if (rc == 0)
		rc = cdx_verifier_new(&v, &vk);
	if (rc == 0) {
		public = calloc((size_t)k->public_inputs + 1, sizeof(*public));
		rc = public == NULL ? -ENOMEM : 0;
	}
	if (rc == 0) {
		for (uint32_t i = 0; i < k->public_inputs; i++)
			cdx_fr_to_bytes(public[i], &w[i + 1]);
		rc = cdx_verify(v, proof,
				(const uint8_t(*)[CDX_FR_BYTES]) public,
				k->public_inputs);
		/* a point off its curve is a miscalculation as well */
		if (rc == CDX_E_FORMAT)
			rc = CDX_E_PROOF;
	}
	free(public);
	cdx_verifier_free(v);
	cdx_vk_free(&vk);
	return rc;
}

int cdx_groth16_prove(struct cdx_proof *out, const struct cdx_zkey *k,
		      const struct cdx_fr *w, uint32_t wires,
		      const struct cdx_groth16_run *run)
{
	struct job j = {
		.k = k,
		.domain = (size_t)1 << k->log_domain,
	};
	struct cdx_proof proof = {0};
	int rc;

	if (wires != k->wires || !cdx_fr_equal(&w[0], &cdx_fr_one))
		return -EINVAL;
	rc = job_run(&j, w, run);
	if (rc == 0)
		blind(&proof, &j);
	job_end(&j);
	if (rc == 0)
		rc = check_own(&proof, k, w);
	if (rc == 0)
		*out = proof;
	return rc;
}
