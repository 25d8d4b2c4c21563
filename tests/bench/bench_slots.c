/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bn254/backend.h"
#include "bn254/poseidon2.h"
#include "crypto/block.h"
#include "slots/builder.h"

/*
 * Speed of the digests of 64 KiB blocks, one thread, in MiB/s, and as a part
 * of what the hash of their cells allows: a cell takes 34 permutations and its
 * share of the block's tree nearly one more.  The best of several rounds, which
 * are interleaved, so that another process's burst does not fall on one row.
 */

#define BLOCKS 8u
#define WORK ((size_t)BLOCKS * CDX_BLOCK_SIZE)
#define MIB (1024.0 * 1024.0)
#define ROUNDS_DEFAULT 15
#define TREE_BLOCKS 512u /* of a slot of a default segment */

struct bench {
	struct cdx_geometry g;
	uint8_t *in;	       /* WORK bytes */
	struct cdx_fr *hashes; /* of all cells */
	struct cdx_fr *nodes;  /* of a slot's tree */
	struct cdx_fr *leaves;
};

static void run_cells(struct bench *b)
{
	cdx_poseidon2_hash_cells(b->hashes, b->in, b->g.cell_size,
				 WORK / b->g.cell_size);
}

static void run_eight(struct bench *b)
{
	if (cdx_block_digests(b->hashes, &b->g, b->in, BLOCKS) < 0)
		abort();
}

static void run_single(struct bench *b)
{
	for (size_t i = 0; i < BLOCKS; i++)
		if (cdx_block_digests(b->hashes, &b->g,
				      b->in + i * CDX_BLOCK_SIZE, 1) < 0)
			abort();
}

static void run_slot(struct bench *b)
{
	if (cdx_slot_tree(b->nodes, &b->g, b->leaves) < 0)
		abort();
}

static const struct row {
	const char *what;
	void (*run)(struct bench *b);
	double work;	/* MiB of one run */
	double allowed; /* of the speed of the first row; 0: no matter */
} rows[] = {
	{"cells alone", run_cells, WORK / MIB, 1},
	{"digests, 8 blocks at a time", run_eight, WORK / MIB, 34.0 / 35},
	{"digests, 1 block at a time", run_single, WORK / MIB, 34.0 / 35},
	{"tree of a slot of 512 blocks", run_slot,
	 (double)TREE_BLOCKS *CDX_BLOCK_SIZE / MIB, 0},
};
#define ROWS CDX_ARRAY_LEN(rows)

static void bench_init(struct bench *b)
{
	if (cdx_geometry_init(&b->g, TREE_BLOCKS, 1, 0, CDX_BLOCK_SIZE,
			      CDX_CELL_SIZE, NULL) < 0)
		abort();
	b->in = malloc(WORK);
	b->hashes = calloc(WORK / CDX_CELL_SIZE, sizeof(*b->hashes));
	b->nodes = calloc(cdx_p2tree_nodes(TREE_BLOCKS), sizeof(*b->nodes));
	b->leaves = calloc(TREE_BLOCKS, sizeof(*b->leaves));
	if (!b->in || !b->hashes || !b->nodes || !b->leaves)
		abort();
	for (size_t i = 0; i < WORK; i++)
		b->in[i] = (uint8_t)(i * 31 + (i >> 8) * 17);
}

int main(void)
{
	const char *given = getenv("CDX_COUNT");
	unsigned long rounds = given ? strtoul(given, NULL, 10) : 0;
	double best[ROWS] = {0};
	struct bench b = {0};

	if (rounds == 0)
		rounds = ROUNDS_DEFAULT;
	bench_init(&b);
	for (unsigned long round = 0; round < rounds; round++) {
		for (size_t i = 0; i < ROWS; i++) {
			uint64_t begin = cdx_clock_mono_ns();
			double s;

			rows[i].run(&b);
			s = (double)(cdx_clock_mono_ns() - begin) / 1e9;
			if (rows[i].work / s > best[i])
				best[i] = rows[i].work / s;
		}
	}
	printf("slots, %-22s %12s %s\n",
	       cdx_bn254_backend_name(cdx_bn254_backend()), "MiB/s",
	       "of what the cells allow");
	for (size_t i = 0; i < ROWS; i++) {
		printf("%-29s %12.1f", rows[i].what, best[i]);
		if (rows[i].allowed > 0)
			printf(" %.3f", best[i] / (best[0] * rows[i].allowed));
		printf("\n");
	}
	free(b.in);
	free(b.hashes);
	free(b.nodes);
	free(b.leaves);
	return 0;
}
