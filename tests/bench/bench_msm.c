/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/attr.h"
#include "bn254/backend.h"
#include "bn254/fixed_base.h"
#include "bn254/fq.h"
#include "bn254/msm.h"
#include "tests/bench/ifma_rate.h"

/*
 * Sums of points and multiples of one point, CPU time of one thread: the whole,
 * and each affine addition as a multiple of the products in Fq that it is made
 * of.  Those are 6 in G1, and in G2 the work of 15: what is more is moving,
 * sorting and the inversions.  A product is measured in the same rounds: eight
 * independent ones in turn, and with IFMA the time in which this machine issues
 * the 105 instructions of one for eight lanes, an eighth of it.  The best of
 * CDX_COUNT rounds (3 without it).
 */

#define SIDE ((size_t)8)
#define PRODUCTS ((size_t)1 << 16)
#define MOST ((size_t)1 << 17)

struct bench {
	uint8_t *scalars;
	uint8_t *g1;
	uint8_t *g2;
	struct cdx_fr *k;
	struct cdx_fixed_g1 *fixed_g1;
	struct cdx_fixed_g2 *fixed_g2;
	uint8_t *out;
	struct cdx_fq x[SIDE];
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void check(int rc)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "bench_msm: out of memory\n");
	exit(1);
}

static void products(struct bench *b, size_t n)
{
	if (cdx_bn254_backend() == CDX_BN254_IFMA) {
		ifma_rate_run(n / 8 * 105);
		return;
	}
	for (size_t i = 0; i < n / SIDE; i++)
		for (size_t j = 0; j < SIDE; j++)
			cdx_fq_mul(&b->x[j], &b->x[j], &b->x[(j + 1) % SIDE]);
}

static void sum_g1(struct bench *b, size_t n)
{
	struct cdx_g1j out;

	check(cdx_msm_g1(&out, b->scalars, b->g1, n));
}

static void sum_g2(struct bench *b, size_t n)
{
	struct cdx_g2j out;

	check(cdx_msm_g2(&out, b->scalars, b->g2, n));
}

static void multiples_g1(struct bench *b, size_t n)
{
	check(cdx_fixed_g1_mul(b->fixed_g1, b->out, b->k, n));
}

static void multiples_g2(struct bench *b, size_t n)
{
	check(cdx_fixed_g2_mul(b->fixed_g2, b->out, b->k, n));
}

static void plan(struct bench *b, size_t n)
{
	struct cdx_msm_plan *p;

	check(cdx_msm_plan_new(&p, b->scalars, n));
	cdx_msm_plan_free(p);
}

static struct {
	const char *name;
	void (*run)(struct bench *b, size_t n);
	size_t n;
	double additions; /* for each of n, about */
	double products;  /* of an addition */
	uint64_t best_ns[CDX_BN254_BACKENDS];
} rows[] = {
	{"product", products, PRODUCTS, 0, 0, {0}},
	{"G1 sum, 2^16", sum_g1, (size_t)1 << 16, 21.25, 6, {0}},
	{"G1 sum, 2^17", sum_g1, (size_t)1 << 17, 20.6, 6, {0}},
	{"G2 sum, 2^16", sum_g2, (size_t)1 << 16, 21.25, 15, {0}},
	{"digits, 2^17", plan, (size_t)1 << 17, 0, 0, {0}},
	{"G1 multiples", multiples_g1, (size_t)1 << 15, 19, 6, {0}},
	{"G2 multiples", multiples_g2, (size_t)1 << 15, 19, 15, {0}},
};

static void start(struct bench *b)
{
	uint64_t z = 1;

	b->scalars = malloc(MOST * CDX_FR_BYTES);
	b->g1 = malloc(MOST * CDX_G1_BYTES);
	b->g2 = malloc(MOST * CDX_G2_BYTES);
	b->out = malloc(MOST * CDX_G2_BYTES);
	b->k = malloc(MOST * sizeof(*b->k));
	check(b->scalars && b->g1 && b->g2 && b->out && b->k ? 0 : -1);
	cdx_fr_from_u64(&b->k[0], 0x123456789abcdefu);
	for (size_t i = 1; i < MOST; i++)
		cdx_fr_sqr(&b->k[i], &b->k[i - 1]);
	for (size_t i = 0; i < MOST; i++)
		cdx_fr_to_bytes(b->scalars + i * CDX_FR_BYTES, &b->k[i]);
	for (size_t i = 0; i < SIDE; i++)
		cdx_fq_from_u64(&b->x[i], z += 3);
	check(cdx_fixed_g1_new(&b->fixed_g1, &cdx_g1_generator));
	check(cdx_fixed_g2_new(&b->fixed_g2, &cdx_g2_generator));
	check(cdx_fixed_g1_mul(b->fixed_g1, b->g1, b->k, MOST));
	check(cdx_fixed_g2_mul(b->fixed_g2, b->g2, b->k, MOST));
	/* other scalars than the points' logarithms */
	for (size_t i = 0; i < MOST / 2; i++) {
		uint8_t t[CDX_FR_BYTES];
		uint8_t *p = b->scalars + i * CDX_FR_BYTES;
		uint8_t *q = b->scalars + (MOST - 1 - i) * CDX_FR_BYTES;

		memcpy(t, p, sizeof(t));
		memcpy(p, q, sizeof(t));
		memcpy(q, t, sizeof(t));
	}
}

static void round_once(struct bench *b)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++) {
		for (int k = 0; k < CDX_BN254_BACKENDS; k++) {
			enum cdx_bn254_backend which =
				(enum cdx_bn254_backend)k;
			uint64_t ns;

			if (!cdx_bn254_backend_have(which))
				continue;
			cdx_bn254_backend_force(which);
			ns = cpu_ns();
			rows[i].run(b, rows[i].n);
			ns = cpu_ns() - ns;
			if (rows[i].best_ns[k] == 0 || ns < rows[i].best_ns[k])
				rows[i].best_ns[k] = ns ? ns : 1;
		}
	}
}

static void print_row(size_t i)
{
	for (int k = 0; k < CDX_BN254_BACKENDS; k++) {
		const double ns = (double)rows[i].best_ns[k];
		const double unit = (double)rows[0].best_ns[k] / PRODUCTS;
		const double each = ns / (double)rows[i].n;

		if (rows[i].best_ns[k] == 0)
			continue;
		printf("%-14s %-9s %9.2f ms %9.1f ns each", rows[i].name,
		       cdx_bn254_backend_name((enum cdx_bn254_backend)k),
		       ns / 1e6, each);
		if (rows[i].additions > 0)
			printf(" %7.1f ns an addition, %5.2f",
			       each / rows[i].additions,
			       each / rows[i].additions /
				       (unit * rows[i].products));
		printf("\n");
	}
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	unsigned long rounds = count ? strtoul(count, NULL, 10) : 3;
	static struct bench b;

	start(&b);
	for (unsigned long i = 0; i == 0 || i < rounds; i++)
		round_once(&b);
	for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++)
		print_row(i);
	cdx_fixed_g1_free(b.fixed_g1);
	cdx_fixed_g2_free(b.fixed_g2);
	free(b.scalars);
	free(b.g1);
	free(b.g2);
	free(b.out);
	free(b.k);
	return 0;
}
