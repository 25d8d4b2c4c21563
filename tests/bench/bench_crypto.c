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
#include "crypto/block.h"
#include "crypto/hash.h"

/*
 * Speed of what every block passes through, one thread, in MiB/s, and as a
 * part of the speed at which this machine copies the same bytes.  The best of
 * CDX_COUNT rounds (15 without it); the rows of a round follow each other, so
 * that another process's burst does not fall on one row.
 */

#define BLOCKS ((size_t)64)
#define WORK (BLOCKS * CDX_BLOCK_SIZE)

struct bench {
	uint8_t *in;
	uint8_t *out;
	struct cdx_key key;
};

static void run_copy(struct bench *b)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		memcpy(b->out + i * CDX_BLOCK_SIZE, b->in + i * CDX_BLOCK_SIZE,
		       CDX_BLOCK_SIZE);
		/* the compiler must not see that nobody reads it */
		__asm__ volatile("" ::: "memory");
	}
}

static void crypt_all(struct bench *b, enum cdx_block_cipher cipher)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		if (cdx_block_crypt(b->out + i * CDX_BLOCK_SIZE, cipher,
				    &b->key, i, 0, b->in + i * CDX_BLOCK_SIZE,
				    CDX_BLOCK_SIZE) != 0)
			abort();
	}
}

static void run_aes(struct bench *b)
{
	crypt_all(b, CDX_CIPHER_AES256_CTR);
}

static void run_xchacha(struct bench *b)
{
	crypt_all(b, CDX_CIPHER_XCHACHA20);
}

static void run_padding(struct bench *b)
{
	for (size_t i = 0; i < BLOCKS; i++)
		cdx_block_padding(b->out + i * CDX_BLOCK_SIZE, CDX_BLOCK_SIZE);
}

static void run_sha256(struct bench *b)
{
	struct cdx_digest d;

	for (size_t i = 0; i < BLOCKS; i++) {
		cdx_sha256(&d, b->in + i * CDX_BLOCK_SIZE, CDX_BLOCK_SIZE);
		memcpy(b->out, d.b, sizeof(d.b));
	}
}

/* Tree nodes: two digests in, one out; counted by their 64 bytes */
static void run_sha256_nodes(struct bench *b)
{
	struct cdx_digest d;

	for (size_t i = 0; i < WORK; i += 64) {
		cdx_sha256(&d, b->in + i, 64);
		memcpy(b->out, d.b, sizeof(d.b));
	}
}

static void run_page_sum(struct bench *b)
{
	for (size_t i = 0; i < WORK / CDX_PAGE_SIZE; i++)
		cdx_page_sum(b->out, &b->key, 1, i, b->in + i * CDX_PAGE_SIZE);
}

static void run_seal(struct bench *b)
{
	const size_t each = CDX_BLOCK_SIZE / 16 - CDX_SEAL_OVERHEAD;

	for (size_t i = 0; i < 16 * BLOCKS; i++)
		cdx_seal(b->out + i * (each + CDX_SEAL_OVERHEAD), &b->key,
			 b->in + i * each, each, &i, sizeof(i));
}

static struct {
	const char *name;
	void (*run)(struct bench *b);
	uint64_t best_ns;
} rows[] = {
	{"memcpy, 64 KiB blocks", run_copy, UINT64_MAX},
	{"AES-256-CTR, 64 KiB blocks", run_aes, UINT64_MAX},
	{"XChaCha20, 64 KiB blocks", run_xchacha, UINT64_MAX},
	{"padding, 64 KiB blocks", run_padding, UINT64_MAX},
	{"SHA-256, 64 KiB blocks", run_sha256, UINT64_MAX},
	{"SHA-256, 64 B nodes", run_sha256_nodes, UINT64_MAX},
	{"SipHash-2-4, 4 KiB page sums", run_page_sum, UINT64_MAX},
	{"XChaCha20-Poly1305, 4 KiB records", run_seal, UINT64_MAX},
};

static void round_once(struct bench *b)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++) {
		uint64_t start = cdx_clock_mono_ns();
		uint64_t ns;

		rows[i].run(b);
		ns = cdx_clock_mono_ns() - start;
		if (ns < rows[i].best_ns)
			rows[i].best_ns = ns ? ns : 1;
	}
}

int main(void)
{
	struct bench b = {.in = malloc(WORK), .out = malloc(WORK)};
	const char *count = getenv("CDX_COUNT");
	unsigned long rounds = count ? strtoul(count, NULL, 10) : 15;
	double copy;

	if (!b.in || !b.out) {
		(void)fprintf(stderr, "bench_crypto: out of memory\n");
		free(b.in);
		free(b.out);
		return 1;
	}
	cdx_random(b.in, WORK);
	cdx_random(&b.key, sizeof(b.key));
	memset(b.out, 0, WORK);
	for (unsigned long i = 0; i == 0 || i < rounds; i++)
		round_once(&b);
	copy = (double)rows[0].best_ns;
	printf("best cipher here: %s\n",
	       cdx_block_cipher_best() == CDX_CIPHER_AES256_CTR ? "AES-256-CTR"
								: "XChaCha20");
	for (size_t i = 0; i < CDX_ARRAY_LEN(rows); i++) {
		double ns = (double)rows[i].best_ns;

		printf("%-36s %9.0f MiB/s  %6.3f of memcpy\n", rows[i].name,
		       (double)WORK / (1 << 20) * 1e9 / ns, copy / ns);
	}
	free(b.in);
	free(b.out);
	return 0;
}
