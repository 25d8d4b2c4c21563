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
#include "bn254/fr.h"
#include "bn254/fr_vec.h"
#include "bn254/ntt.h"

/*
 * Transforms over Fr, one thread, CPU time, for each back end that this machine
 * has: ms; as a multiple of what their products alone would take (n / 2 for
 * each of log n layers, two for each element of a b - c) at the rate of the same
 * back end in the same rounds, which is that of cdx_fr_to_canonical_many on
 * elements in the L1 cache: a product each with reading and writing; and as a
 * multiple of a memcpy of the elements.  The best of CDX_COUNT rounds (15
 * without it).
 */

#define SMALL ((size_t)512)
#define SMALL_TIMES ((size_t)32)

static const unsigned logs[] = {15, 17, 18};

struct bench {
	struct cdx_ntt *t;
	unsigned log_n;
	struct cdx_fr *a; /* 2^log_n each */
	struct cdx_fr *b;
	struct cdx_fr *c;
	struct cdx_fr small[SMALL];
	int rc;
};

static void products(struct bench *b)
{
	for (size_t i = 0; i < SMALL_TIMES; i++)
		cdx_fr_to_canonical_many((uint8_t *)b->small, b->small, SMALL);
}

static void copy(struct bench *b)
{
	memcpy(b->a, b->b, sizeof(*b->a) << b->log_n);
}

static void forward(struct bench *b)
{
	b->rc |= cdx_ntt_forward(b->t, b->a);
}

static void inverse(struct bench *b)
{
	b->rc |= cdx_ntt_inverse(b->t, b->a);
}

static void to_coset(struct bench *b)
{
	b->rc |= cdx_ntt_to_coset(b->t, b->a);
}

static void quotients(struct bench *b)
{
	cdx_fr_quotients((uint8_t *)b->a, b->a, b->b, b->c,
			 (size_t)1 << b->log_n);
}

static void roots(struct bench *b)
{
	cdx_ntt_free(b->t);
	b->rc |= cdx_ntt_new(&b->t, b->log_n);
}

enum {
	PRODUCTS,
	COPY
};

static const struct {
	const char *name;
	void (*run)(struct bench *b);
	double layers; /* of half steps; 0: two products for each element */
} rows[] = {
	[PRODUCTS] = {"product", products, 0},
	[COPY] = {"memcpy", copy, 0},
	{"forward", forward, 1},
	{"inverse", inverse, 1},
	{"to coset", to_coset, 2},
	{"a b - c", quotients, 0},
	{"roots", roots, 0},
};

#define ROWS CDX_ARRAY_LEN(rows)

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int start(struct bench *b, unsigned log_n)
{
	const size_t n = (size_t)1 << log_n;
	struct cdx_fr x;

	b->log_n = log_n;
	b->a = malloc(n * sizeof(*b->a));
	b->b = malloc(n * sizeof(*b->b));
	b->c = malloc(n * sizeof(*b->c));
	if (!b->a || !b->b || !b->c || cdx_ntt_new(&b->t, log_n) != 0)
		return -1;
	cdx_fr_from_u64(&x, 3);
	for (size_t i = 0; i < n; i++) {
		cdx_fr_sqr(&x, &x);
		cdx_fr_add(&x, &x, &cdx_fr_one);
		b->a[i] = x;
		b->b[i] = x;
		b->c[i] = x;
		b->small[i % SMALL] = x;
	}
	return 0;
}

static void stop(struct bench *b)
{
	cdx_ntt_free(b->t);
	free(b->a);
	free(b->b);
	free(b->c);
}

static void print(const struct bench *b, const double best[ROWS])
{
	const double n = (double)((size_t)1 << b->log_n);
	const double product = best[PRODUCTS] / (double)(SMALL * SMALL_TIMES);

	for (size_t i = COPY; i < ROWS; i++) {
		const double count = rows[i].layers > 0
					     ? rows[i].layers * n / 2 * b->log_n
					     : 2 * n;

		printf("2^%u  %-8s  %-8s  %8.3f ms", b->log_n,
		       cdx_bn254_backend_name(cdx_bn254_backend()),
		       rows[i].name, best[i] / 1e6);
		if (i != COPY)
			printf("  %5.2f of its products at %.2f ns, "
			       "%6.1f of a copy",
			       best[i] / count / product, product,
			       best[i] / best[COPY]);
		(void)putchar('\n');
	}
}

static int bench(unsigned log_n, unsigned long rounds)
{
	struct bench *b = calloc(1, sizeof(*b));
	double best[ROWS] = {0};
	int rc = -1;

	if (b && start(b, log_n) == 0) {
		for (unsigned long k = 0; k == 0 || k < rounds; k++) {
			for (size_t i = 0; i < ROWS; i++) {
				double took = now();

				rows[i].run(b);
				took = now() - took;
				if (k == 0 || took < best[i])
					best[i] = took;
			}
		}
		rc = b->rc;
		print(b, best);
	}
	if (b)
		stop(b);
	free(b);
	return rc;
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	unsigned long rounds = count ? strtoul(count, NULL, 10) : 15;
	int rc = 0;

	for (size_t i = 0; i < CDX_ARRAY_LEN(logs); i++) {
		for (int k = 0; k < CDX_BN254_BACKENDS; k++) {
			if (!cdx_bn254_backend_have((enum cdx_bn254_backend)k))
				continue;
			cdx_bn254_backend_force((enum cdx_bn254_backend)k);
			rc |= bench(logs[i], rounds);
		}
	}
	if (!cdx_bn254_backend_have(CDX_BN254_IFMA))
		printf("no AVX-512 IFMA here: no rows for it\n");
	if (rc == 0)
		return 0;
	(void)fprintf(stderr, "bench_ntt: out of memory\n");
	return 1;
}
