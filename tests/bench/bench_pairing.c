/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/attr.h"
#include "bn254/backend.h"
#include "bn254/pairing.h"

/*
 * Curves and pairing, one thread, for each back end that this machine has: ns
 * of processor time, and that in products of Fq of the same back end, measured
 * in the same rounds.  The best of CDX_COUNT rounds (15 without it); back ends
 * and rows take turns within a round.
 *
 * The last two lines are differences: what each pair costs by which eight are
 * more than one, and 32 more than eight.
 */
#define SIDE ((size_t)8)
#define PAIRS ((size_t)32)

struct bench {
	struct cdx_fq x[SIDE];
	struct cdx_fq y;
	struct cdx_fr k;
	struct cdx_fr half; /* a short scalar */
	struct cdx_g1j pj;
	struct cdx_g2j qj;
	struct cdx_g1 p[PAIRS];
	struct cdx_g2 q[PAIRS];
	struct cdx_g2_lines lines[2];
	struct cdx_gt e;
	struct cdx_gt f;
	bool failed;
};

static void fq_mul(struct bench *b)
{
	for (size_t j = 0; j < SIDE; j++)
		cdx_fq_mul(&b->x[j], &b->x[j], &b->y);
}

static void fq_sqr(struct bench *b)
{
	for (size_t j = 0; j < SIDE; j++)
		cdx_fq_sqr(&b->x[j], &b->x[j]);
}

static void fq_inv(struct bench *b)
{
	cdx_fq_inv(&b->x[0], &b->x[0]);
	cdx_fq_add(&b->x[0], &b->x[0], &b->y); /* new bits each time */
}

static void g1_double(struct bench *b)
{
	cdx_g1j_double(&b->pj, &b->pj);
}

static void g1_add(struct bench *b)
{
	cdx_g1j_add_affine(&b->pj, &b->pj, &b->p[0]);
}

static void g2_double(struct bench *b)
{
	cdx_g2j_double(&b->qj, &b->qj);
}

static void g2_add(struct bench *b)
{
	cdx_g2j_add_affine(&b->qj, &b->qj, &b->q[0]);
}

static void g1_mul(struct bench *b)
{
	cdx_g1_mul(&b->pj, &b->p[0], &b->k);
}

static void g1_mul_short(struct bench *b)
{
	cdx_g1_mul(&b->pj, &b->p[0], &b->half);
}

static void g2_mul(struct bench *b)
{
	cdx_g2_mul(&b->qj, &b->q[0], &b->k);
}

static void g2_check(struct bench *b)
{
	if (!cdx_g2_in_subgroup(&b->q[0]))
		b->failed = true;
}

static void g2_check_many(struct bench *b)
{
	if (!cdx_g2_all_in_subgroup(b->q, PAIRS))
		b->failed = true;
}

static void prepare(struct bench *b)
{
	cdx_g2_prepare(&b->lines[0], &b->q[0]);
}

static void miller(struct bench *b, size_t n, size_t m)
{
	const struct cdx_g2_lines *lines[2] = {&b->lines[0], &b->lines[1]};

	if (cdx_miller(&b->f, b->p, b->q, n, b->p, lines, m) != 0)
		b->failed = true;
}

static void miller_one(struct bench *b)
{
	miller(b, 1, 0);
}

static void miller_verifier(struct bench *b)
{
	miller(b, 1, 2);
}

static void miller_eight(struct bench *b)
{
	miller(b, 8, 2);
}

static void miller_many(struct bench *b)
{
	miller(b, PAIRS, 2);
}

static void final_exp(struct bench *b)
{
	cdx_final_exp(&b->f, &b->e);
}

static void gt_pow(struct bench *b)
{
	cdx_gt_pow(&b->f, &b->e, &b->k);
}

enum {
	PRODUCT,
	VERIFIER = 14,
	EIGHT,
	MANY,
};

static struct {
	const char *name;
	void (*run)(struct bench *b);
	size_t repeat; /* runs in a row */
	size_t count;  /* operations in each */
	uint64_t best_ns[CDX_BN254_BACKENDS];
} rows[] = {
	[PRODUCT] = {"product of Fq", fq_mul, 256, SIDE, {0}},
	{"square of Fq", fq_sqr, 256, SIDE, {0}},
	{"inverse in Fq", fq_inv, 32, 1, {0}},
	{"G1 doubling", g1_double, 128, 1, {0}},
	{"G1 addition of an affine one", g1_add, 128, 1, {0}},
	{"G2 doubling", g2_double, 128, 1, {0}},
	{"G2 addition of an affine one", g2_add, 128, 1, {0}},
	{"G1 multiple", g1_mul, 4, 1, {0}},
	{"G1 multiple, short scalar", g1_mul_short, 4, 1, {0}},
	{"G2 multiple", g2_mul, 2, 1, {0}},
	{"G2 subgroup check", g2_check, 4, 1, {0}},
	{"G2 subgroup check, 32 points", g2_check_many, 1, PAIRS, {0}},
	{"G2 lines", prepare, 2, 1, {0}},
	{"Miller loop, one pair", miller_one, 1, 1, {0}},
	[VERIFIER] = {"Miller loop, 1 pair + 2 with lines",
		      miller_verifier,
		      1,
		      1,
		      {0}},
	[EIGHT] = {"Miller loop, 8 pairs + 2", miller_eight, 1, 1, {0}},
	[MANY] = {"Miller loop, 32 pairs + 2", miller_many, 1, 1, {0}},
	{"final exponentiation", final_exp, 1, 1, {0}},
	{"power of a pairing", gt_pow, 1, 1, {0}},
};

/* Of this thread, other work on the machine left out */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void start_values(struct bench *b)
{
	struct cdx_fr k;

	for (size_t i = 0; i < SIDE; i++)
		cdx_fq_from_u64(&b->x[i], 3 + i);
	cdx_fq_from_u64(&b->y, 12345);
	cdx_fq_inv(&b->y, &b->y);
	cdx_fr_from_u64(&k, 12345);
	cdx_fr_inv(&k, &k);
	b->k = k;
	cdx_g1_short_scalar(&b->half, UINT64_C(0xfedcba9876543210),
			    UINT64_C(0xf0e1d2c3b4a59687));
	for (size_t i = 0; i < PAIRS; i++) {
		cdx_fr_sqr(&k, &k);
		cdx_g1_mul(&b->pj, &cdx_g1_generator, &k);
		cdx_g1j_to_affine(&b->p[i], &b->pj);
		cdx_g2_mul(&b->qj, &cdx_g2_generator, &k);
		cdx_g2j_to_affine(&b->q[i], &b->qj);
	}
	cdx_g2_prepare(&b->lines[0], &b->q[0]);
	cdx_g2_prepare(&b->lines[1], &b->q[1]);
	if (cdx_pairing(&b->e, &b->p[0], &b->q[0]) != 0)
		b->failed = true;
}

static void round_once(struct bench *b)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++) {
		for (int k = 0; k < CDX_BN254_BACKENDS; k++) {
			enum cdx_bn254_backend which =
				(enum cdx_bn254_backend)k;
			uint64_t start;
			uint64_t ns;

			if (!cdx_bn254_backend_have(which))
				continue;
			cdx_bn254_backend_force(which);
			start = cpu_ns();
			for (size_t j = 0; j < rows[i].repeat; j++)
				rows[i].run(b);
			ns = cpu_ns() - start;
			if (rows[i].best_ns[k] == 0 || ns < rows[i].best_ns[k])
				rows[i].best_ns[k] = ns ? ns : 1;
		}
	}
}

static double each(size_t row, int k)
{
	return (double)rows[row].best_ns[k] /
	       (double)(rows[row].repeat * rows[row].count);
}

static void print_line(const char *name, int k, double ns)
{
	printf("%-9s %-36s %11.1f ns %9.1f products\n",
	       cdx_bn254_backend_name((enum cdx_bn254_backend)k), name, ns,
	       ns / each(PRODUCT, k));
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	unsigned long rounds = count ? strtoul(count, NULL, 10) : 15;
	struct bench *b = calloc(1, sizeof(*b));
	bool failed;

	if (!b) {
		(void)fprintf(stderr, "bench_pairing: out of memory\n");
		return 1;
	}
	start_values(b);
	for (unsigned long i = 0; i == 0 || i < rounds; i++)
		round_once(b);
	for (int k = 0; k < CDX_BN254_BACKENDS; k++) {
		if (!cdx_bn254_backend_have((enum cdx_bn254_backend)k))
			continue;
		for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++)
			print_line(rows[i].name, k, each(i, k));
		print_line("each of 7 further pairs", k,
			   (each(EIGHT, k) - each(VERIFIER, k)) / 7);
		print_line("each of 24 further pairs", k,
			   (each(MANY, k) - each(EIGHT, k)) /
				   (double)(PAIRS - 8));
	}
	failed = b->failed;
	free(b);
	if (failed)
		(void)fprintf(stderr, "bench_pairing: wrong results\n");
	return failed ? 1 : 0;
}
