/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/cid.h"
#include "crypto/block.h"
#include "crypto/hash.h"
#include "dataset/chunker.h"
#include "merkle/sha256_tree.h"

/*
 * Speed of making a dataset out of bytes, one thread, in MiB/s, and as a part
 * of the speed of plain SHA-256 over the same bytes, which bounds it: every
 * byte has to be hashed once.  The best of several rounds, which are
 * interleaved, so that another process's burst does not fall on one row.
 */

#define BLOCKS 512u
#define WORK ((size_t)BLOCKS * CDX_BLOCK_SIZE)
#define ROUNDS 9
#define MIB (1024.0 * 1024.0)
#define TREE_LEAVES 5120u /* a default segment's data blocks */

struct bench {
	uint8_t *in; /* WORK bytes */
	size_t feed; /* bytes of one cdx_chunker_feed */
	struct cdx_digest *leaves;
	struct cdx_cid cid;
};

static void run_plain(struct bench *b)
{
	struct cdx_digest d;

	cdx_sha256(&d, b->in, WORK);
}

static int drop(void *arg, uint64_t index, const uint8_t *block,
		const struct cdx_digest *digest)
{
	(void)arg;
	(void)index;
	(void)block;
	(void)digest;
	return 0;
}

static void chunk_all(struct bench *b)
{
	struct cdx_chunker *c;
	struct cdx_digest root;
	uint64_t size;

	if (cdx_chunker_new(&c, CDX_BLOCK_SIZE, drop, NULL) < 0)
		abort();
	for (size_t at = 0; at < WORK; at += b->feed) {
		size_t n = WORK - at < b->feed ? WORK - at : b->feed;

		if (cdx_chunker_feed(c, b->in + at, n) < 0)
			abort();
	}
	if (cdx_chunker_end(c, &root, &size) < 0 || size != WORK)
		abort();
	cdx_chunker_free(c);
}

static void run_blocks(struct bench *b)
{
	b->feed = (size_t)1 << 20;
	chunk_all(b);
}

static void run_pieces(struct bench *b)
{
	b->feed = 10007; /* never a whole block: all of it is copied */
	chunk_all(b);
}

static void run_tree(struct bench *b)
{
	struct cdx_tree_stream t = {0};
	struct cdx_digest root;

	for (size_t i = 0; i < TREE_LEAVES; i++)
		cdx_tree_stream_add(&t, &b->leaves[i]);
	if (cdx_tree_stream_root(&root, &t) < 0)
		abort();
}

static void run_prove(struct bench *b)
{
	struct cdx_tree_proof p;

	if (cdx_tree_prove(&p, b->leaves, TREE_LEAVES, TREE_LEAVES / 3) < 0)
		abort();
}

static void run_text(struct bench *b)
{
	char text[CDX_CID_TEXT_MAX];

	for (size_t i = 0; i < 1000; i++) {
		b->cid.digest[i % 32]++;
		cdx_cid_text(text, &b->cid);
		if (cdx_cid_parse(&b->cid, text, strlen(text)) < 0)
			abort();
	}
}

static const struct row {
	const char *what;
	void (*run)(struct bench *b);
	double work; /* of one run, in the unit */
	const char *unit;
} rows[] = {
	{"SHA-256 of it all", run_plain, WORK / MIB, "MiB/s"},
	{"chunk+hash+tree, 1 MiB fed", run_blocks, WORK / MIB, "MiB/s"},
	{"chunk+hash+tree, 10007 B fed", run_pieces, WORK / MIB, "MiB/s"},
	{"tree root", run_tree, TREE_LEAVES, "leaves/s"},
	{"proof of one in 5120 leaves", run_prove, 1, "proofs/s"},
	{"CID to text and back", run_text, 1000, "CIDs/s"},
};
#define ROWS CDX_ARRAY_LEN(rows)

int main(void)
{
	struct bench b = {.in = malloc(WORK)};
	double best[ROWS] = {0};

	b.leaves = calloc(TREE_LEAVES, sizeof(*b.leaves));
	if (!b.in || !b.leaves)
		abort();
	for (size_t i = 0; i < WORK; i++)
		b.in[i] = (uint8_t)(i * 31 + (i >> 8) * 17);
	b.cid = cdx_cid_block(b.in, CDX_BLOCK_SIZE);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < ROWS; i++) {
			uint64_t begin = cdx_clock_mono_ns();
			double s;

			rows[i].run(&b);
			s = (double)(cdx_clock_mono_ns() - begin) / 1e9;
			if (rows[i].work / s > best[i])
				best[i] = rows[i].work / s;
		}
	}
	printf("%-30s %12s %-9s %s\n", "dataset", "best", "", "of SHA-256");
	for (size_t i = 0; i < ROWS; i++) {
		printf("%-30s %12.0f %-9s", rows[i].what, best[i],
		       rows[i].unit);
		if (strcmp(rows[i].unit, rows[0].unit) == 0)
			printf(" %.3f", best[i] / best[0]);
		printf("\n");
	}
	free(b.leaves);
	free(b.in);
	return 0;
}
