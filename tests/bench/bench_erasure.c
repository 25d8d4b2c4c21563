/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ISAL
#include <isa-l/erasure_code.h>
#endif

#include "base/clock.h"
#include "erasure/codec.h"

/*
 * Speed of the erasure codes in GB of data per second, one thread, 64 KiB
 * blocks, over a window of steps as sealing has it.  The peer is ISA-L called
 * by itself, with the same matrix, on the same bytes; the best of several
 * rounds counts, and rounds of all rows alternate.
 */

#define SIZE 65536u
#define STEPS 8u   /* of a window */
#define PASSES 12u /* over the window in one round */
#define GB 1e9

struct bench {
	uint32_t k;
	uint32_t m;
	struct cdx_ec *ec;
	uint8_t *data;	 /* STEPS stripes */
	uint8_t *parity; /* STEPS times m blocks */
	uint8_t *out;	 /* k blocks */
	uint8_t *tables; /* of the peer */
};

static void blocks_of(const struct bench *b, uint32_t step,
		      const uint8_t *blocks[CDX_EC_COLUMNS_MAX])
{
	const uint8_t *data = b->data + (size_t)step * b->k * SIZE;
	const uint8_t *parity = b->parity + (size_t)step * b->m * SIZE;

	for (uint32_t i = 0; i < b->k; i++)
		blocks[i] = data + (size_t)i * SIZE;
	for (uint32_t j = 0; j < b->m; j++)
		blocks[b->k + j] = parity + (size_t)j * SIZE;
}

#ifdef HAVE_ISAL
static void run_peer(struct bench *b, uint32_t step)
{
	const uint8_t *blocks[CDX_EC_COLUMNS_MAX];
	uint8_t *p[CDX_EC_COLUMNS_MAX];

	blocks_of(b, step, blocks);
	/* its interface knows no const */
	for (uint32_t i = 0; i < b->k + b->m; i++)
		p[i] = b->data + (blocks[i] - b->data);
	for (uint32_t j = 0; j < b->m; j++)
		p[b->k + j] = b->parity + ((size_t)step * b->m + j) * SIZE;
	ec_encode_data((int)SIZE, (int)b->k, (int)b->m, b->tables, p, p + b->k);
}
#endif

/* Parity is there to be hashed and written from where it lies. */
static void run_encode(struct bench *b, uint32_t step)
{
	struct cdx_ec_parity p;

	if (cdx_ec_encode(b->ec, &p, b->data + (size_t)step * b->k * SIZE) < 0)
		abort();
	cdx_ec_parity_free(b->ec, &p);
}

static void run_decode(struct bench *b, uint32_t step, uint32_t lost)
{
	const uint8_t *blocks[CDX_EC_COLUMNS_MAX];

	blocks_of(b, step, blocks);
	for (uint32_t i = 0; i < lost; i++)
		blocks[i] = NULL;
	if (cdx_ec_decode(b->ec, b->out, blocks) < 0)
		abort();
}

static void run_decode_one(struct bench *b, uint32_t step)
{
	run_decode(b, step, 1);
}

static void run_decode_all(struct bench *b, uint32_t step)
{
	run_decode(b, step, b->m);
}

static void rebuild(struct bench *b, uint32_t step, uint32_t column)
{
	const uint8_t *blocks[CDX_EC_COLUMNS_MAX];

	blocks_of(b, step, blocks);
	if (cdx_ec_rebuild(b->ec, b->out, column, blocks) < 0)
		abort();
}

static void run_rebuild_data(struct bench *b, uint32_t step)
{
	rebuild(b, step, 0);
}

static void run_rebuild_parity(struct bench *b, uint32_t step)
{
	rebuild(b, step, b->k);
}

static const struct row {
	const char *what;
	void (*run)(struct bench *b, uint32_t step);
} rows[] = {
#ifdef HAVE_ISAL
	{"ISA-L alone: encode", run_peer},
#endif
	{"encode", run_encode},
	{"decode, m data columns lost", run_decode_all},
	{"decode, 1 data column lost", run_decode_one},
	{"rebuild 1 data column", run_rebuild_data},
	{"rebuild 1 parity column", run_rebuild_parity},
};
#define ROWS CDX_ARRAY_LEN(rows)

/* Parity of the whole window, and is the peer's the same? */
static void make_parity(struct bench *b)
{
	for (uint32_t s = 0; s < STEPS; s++) {
		uint8_t *parity = b->parity + (size_t)s * b->m * SIZE;
		struct cdx_ec_parity p;

		if (cdx_ec_encode(b->ec, &p,
				  b->data + (size_t)s * b->k * SIZE) < 0)
			abort();
		for (uint32_t j = 0; j < b->m; j++)
			memcpy(parity + (size_t)j * SIZE, p.block[j], SIZE);
#ifdef HAVE_ISAL
		run_peer(b, s);
		for (uint32_t j = 0; j < b->m; j++)
			if (memcmp(parity + (size_t)j * SIZE, p.block[j],
				   SIZE) != 0)
				abort();
#endif
		cdx_ec_parity_free(b->ec, &p);
	}
}

static void begin(struct bench *b, uint32_t k, uint32_t m)
{
	size_t len = (size_t)STEPS * k * SIZE;

	*b = (struct bench){.k = k, .m = m};
	b->data = aligned_alloc(64, len);
	b->parity = aligned_alloc(64, (size_t)STEPS * m * SIZE);
	b->out = aligned_alloc(64, (size_t)k * SIZE);
	b->tables = malloc(32u * (k + m) * k);
	if (!b->data || !b->parity || !b->out || !b->tables ||
	    cdx_ec_new(&b->ec, CDX_EC_ISA_L_CAUCHY, k, m, SIZE) < 0)
		abort();
	for (size_t i = 0; i < len; i++)
		b->data[i] = (uint8_t)((i * UINT64_C(2654435761)) >> 13);
#ifdef HAVE_ISAL
	{
		uint8_t matrix[CDX_EC_COLUMNS_MAX * CDX_EC_COLUMNS_MAX];

		gf_gen_cauchy1_matrix(matrix, (int)(k + m), (int)k);
		ec_init_tables((int)k, (int)m, matrix + (size_t)k * k,
			       b->tables);
	}
#endif
	make_parity(b);
}

static void end(struct bench *b)
{
	cdx_ec_free(b->ec);
	free(b->data);
	free(b->parity);
	free(b->out);
	free(b->tables);
}

static void geometry(uint32_t k, uint32_t m, unsigned rounds)
{
	double work = (double)PASSES * STEPS * k * SIZE / GB;
	double best[ROWS] = {0};
	struct bench b;

	begin(&b, k, m);
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < ROWS; i++) {
			uint64_t at = cdx_clock_mono_ns();
			double s;

			for (uint32_t n = 0; n < PASSES * STEPS; n++)
				rows[i].run(&b, n % STEPS);
			s = (double)(cdx_clock_mono_ns() - at) / 1e9;
			if (work / s > best[i])
				best[i] = work / s;
		}
	}
	end(&b);
	for (size_t i = 0; i < ROWS; i++) {
		printf("%u+%u  %-28s %6.2f GB/s", k, m, rows[i].what, best[i]);
		if (i > 0)
			printf("  %.2f of the first", best[i] / best[0]);
		printf("\n");
	}
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	long rounds = count ? strtol(count, NULL, 10) : 15;
	char why[CDX_EC_WHY_MAX];

	if (cdx_ec_check(CDX_EC_ISA_L_CAUCHY, 10, 5, SIZE, why) < 0) {
		puts(why);
		return 77;
	}
#ifndef HAVE_ISAL
	puts("built without libisal-dev: measured without the peer");
#endif
	geometry(4, 2, (unsigned)rounds);
	geometry(8, 4, (unsigned)rounds);
	geometry(10, 5, (unsigned)rounds);
	return 0;
}
