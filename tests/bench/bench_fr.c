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

#include "base/attr.h"
#include "base/clock.h"
#include "bn254/backend.h"
#include "bn254/fr.h"
#include "bn254/poseidon2.h"

/*
 * The scalar field and Poseidon2, one thread, for each back end that this
 * machine has, in ns, and as a part of what the portable code takes.  The best
 * of CDX_COUNT rounds (15 without it); back ends and rows take turns within a
 * round.  "Chain": each needs the result of the one before; "many": eight
 * independent ones in turn.  contrib/peers-bn254.sh measures other projects'
 * code in the same way.
 */

#define SIDE ((size_t)8)
#define PRODUCTS ((size_t)4096)
#define PERMUTATIONS ((size_t)256)
#define CELLS ((size_t)16)
#define CELL_SIZE ((size_t)2048)
#define CELL_PERMUTATIONS ((size_t)34)

struct bench {
	struct cdx_fr x[SIDE];
	struct cdx_fr y;
	struct cdx_fr state[PERMUTATIONS][3];
	uint8_t cells[CELLS * CELL_SIZE];
	struct cdx_fr hash[CELLS];
};

static void mul_chain(struct bench *b)
{
	for (size_t i = 0; i < PRODUCTS; i++)
		cdx_fr_mul(&b->y, &b->y, &b->x[0]);
}

static void mul_many(struct bench *b)
{
	for (size_t i = 0; i < PRODUCTS / SIDE; i++)
		for (size_t j = 0; j < SIDE; j++)
			cdx_fr_mul(&b->x[j], &b->x[j], &b->y);
}

static void sqr_chain(struct bench *b)
{
	for (size_t i = 0; i < PRODUCTS; i++)
		cdx_fr_sqr(&b->y, &b->y);
}

static void sqr_many(struct bench *b)
{
	for (size_t i = 0; i < PRODUCTS / SIDE; i++)
		for (size_t j = 0; j < SIDE; j++)
			cdx_fr_sqr(&b->x[j], &b->x[j]);
}

static void permute_chain(struct bench *b)
{
	for (size_t i = 0; i < PERMUTATIONS; i++)
		cdx_poseidon2_permute(b->state[0]);
}

static void permute_many(struct bench *b)
{
	cdx_poseidon2_permute_many(b->state, PERMUTATIONS);
}

static void hash_cells(struct bench *b)
{
	cdx_poseidon2_hash_cells(b->hash, b->cells, CELL_SIZE, CELLS);
}

static struct {
	const char *name;
	void (*run)(struct bench *b);
	size_t count;
	uint64_t best_ns[CDX_BN254_BACKENDS];
} rows[] = {
	{"product, chain", mul_chain, PRODUCTS, {0}},
	{"product, many", mul_many, PRODUCTS, {0}},
	{"square, chain", sqr_chain, PRODUCTS, {0}},
	{"square, many", sqr_many, PRODUCTS, {0}},
	{"permutation, chain", permute_chain, PERMUTATIONS, {0}},
	{"permutation, many", permute_many, PERMUTATIONS, {0}},
	{"permutation, in cells of 2 KiB",
	 hash_cells,
	 CELLS *CELL_PERMUTATIONS,
	 {0}},
};

static void start_values(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	for (size_t i = 0; i < SIDE; i++)
		cdx_fr_from_u64(&b->x[i], 3 + i);
	cdx_fr_from_u64(&b->y, 12345);
	cdx_fr_inv(&b->y, &b->y);
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
			start_values(b);
			start = cdx_clock_mono_ns();
			rows[i].run(b);
			ns = cdx_clock_mono_ns() - start;
			if (rows[i].best_ns[k] == 0 || ns < rows[i].best_ns[k])
				rows[i].best_ns[k] = ns ? ns : 1;
		}
	}
}

static void print_row(size_t i)
{
	double portable = (double)rows[i].best_ns[CDX_BN254_PORTABLE];

	for (int k = 0; k < CDX_BN254_BACKENDS; k++) {
		double ns = (double)rows[i].best_ns[k];

		if (rows[i].best_ns[k] == 0)
			continue;
		printf("%-32s %-9s %9.1f ns  %6.3f of portable\n", rows[i].name,
		       cdx_bn254_backend_name((enum cdx_bn254_backend)k),
		       ns / (double)rows[i].count, ns / portable);
	}
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	unsigned long rounds = count ? strtoul(count, NULL, 10) : 15;
	struct bench *b = malloc(sizeof(*b));

	if (!b) {
		(void)fprintf(stderr, "bench_fr: out of memory\n");
		return 1;
	}
	printf("in use here: %s\n",
	       cdx_bn254_backend_name(cdx_bn254_backend()));
	for (unsigned long i = 0; i == 0 || i < rounds; i++)
		round_once(b);
	for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++)
		print_row(i);
	free(b);
	return 0;
}
