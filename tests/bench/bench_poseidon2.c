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

#include "base/clock.h"
#include "bn254/backend.h"
#include "bn254/poseidon2.h"
#include "tests/bench/ifma_rate.h"

/*
 * Poseidon2 against what the processor can multiply, one thread: ns for each
 * permutation, and that as a multiple of the time of 3150 IFMA instructions
 * (240 multiplications of 105 for eight lanes) at the rate at which this
 * machine issues independent ones, measured in the same rounds.  The best of
 * CDX_COUNT rounds (300 without it) for every row.
 */

#define CELL ((size_t)2048)
#define CELLS ((size_t)32)
#define STATES ((size_t)64)
#define INSTRUCTIONS 3150.0
#define ISSUED ((size_t)64 * 1000)

struct bench {
	struct cdx_fr state[STATES][3];
	struct cdx_fr nodes[2 * STATES];
	uint8_t cells[CELLS * CELL];
	struct cdx_fr out[STATES];
};

static void run_permute(struct bench *b)
{
	cdx_poseidon2_permute_many(b->state, STATES);
}

static void run_compress(struct bench *b)
{
	cdx_poseidon2_compress_pairs(b->out, b->nodes, STATES, 1);
}

static void run_cells(struct bench *b)
{
	cdx_poseidon2_hash_cells(b->out, b->cells, CELL, CELLS);
}

static void run_multiplier(struct bench *b)
{
	(void)b;
	ifma_rate_run(ISSUED);
}

static struct {
	const char *name;
	enum cdx_bn254_backend backend;
	void (*run)(struct bench *b);
	size_t count; /* permutations, or instructions */
	size_t bytes; /* hashed, 0 for none */
	uint64_t best_ns;
} rows[] = {
	{"IFMA instruction", CDX_BN254_IFMA, run_multiplier, ISSUED, 0, 0},
	{"permutation", CDX_BN254_IFMA, run_permute, STATES, 0, 0},
	{"tree node", CDX_BN254_IFMA, run_compress, STATES, 0, 0},
	{"in a cell of 2048 bytes", CDX_BN254_IFMA, run_cells, CELLS * 34,
	 CELLS *CELL, 0},
	{"permutation", CDX_BN254_ADX, run_permute, STATES, 0, 0},
	{"in a cell of 2048 bytes", CDX_BN254_ADX, run_cells, CELLS * 34,
	 CELLS *CELL, 0},
	{"permutation", CDX_BN254_PORTABLE, run_permute, STATES, 0, 0},
	{"in a cell of 2048 bytes", CDX_BN254_PORTABLE, run_cells, CELLS * 34,
	 CELLS *CELL, 0},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void round_once(struct bench *b, size_t round)
{
	for (size_t i = 0; i < ROWS; i++) {
		uint64_t start;
		uint64_t took;

		if (!cdx_bn254_backend_have(rows[i].backend))
			continue;
		/* the scalar ones take long: a tenth of the rounds will do */
		if (rows[i].backend != CDX_BN254_IFMA && round % 10 != 0)
			continue;
		cdx_bn254_backend_force(rows[i].backend);
		start = cdx_clock_mono_ns();
		rows[i].run(b);
		took = cdx_clock_mono_ns() - start;
		if (rows[i].best_ns == 0 || took < rows[i].best_ns)
			rows[i].best_ns = took;
	}
}

static void print_rows(void)
{
	const double unit = (double)rows[0].best_ns / (double)rows[0].count;

	printf("%-9s %-25s %9s %9s %9s\n", "back end", "", "ns", "ratio",
	       "MB/s");
	for (size_t i = 0; i < ROWS; i++) {
		const double ns = (double)rows[i].best_ns;
		const double each = ns / (double)rows[i].count;

		if (rows[i].best_ns == 0)
			continue;
		printf("%-9s %-25s", cdx_bn254_backend_name(rows[i].backend),
		       rows[i].name);
		if (i == 0) {
			printf(" %9.4f\n", each);
			continue;
		}
		printf(" %9.1f", each);
		if (unit > 0)
			printf(" %9.2f", each / (INSTRUCTIONS * unit));
		if (rows[i].bytes > 0)
			printf(" %9.1f", (double)rows[i].bytes * 1000 / ns);
		printf("\n");
	}
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	const size_t rounds = count ? (size_t)strtoul(count, NULL, 10) : 300;
	static struct bench b;

	for (size_t i = 0; i < 3 * STATES; i++)
		cdx_fr_from_u64(&b.state[i / 3][i % 3], i);
	for (size_t i = 0; i < 2 * STATES; i++)
		cdx_fr_from_u64(&b.nodes[i], i);
	for (size_t i = 0; i < sizeof(b.cells); i++)
		b.cells[i] = (uint8_t)(i * 37 + i / 251);
	for (size_t i = 0; i < rounds; i++)
		round_once(&b, i);
	print_rows();
	return 0;
}
