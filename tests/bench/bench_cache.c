/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "crypto/block.h"
#include "crypto/hash.h"
#include "store/cache.h"
#include "store/store.h"

/*
 * The cache of what was fetched against a raw file, 64 KiB blocks: put against
 * write, with both durable at the end; put into a full cache, which evicts as
 * much; get, which hashes, against read and hash, warm.  Ratios are taken within
 * a round; the median of the rounds is printed.
 *
 * CDX_COUNT: MiB per round (default 128).  TMPDIR: where.
 */

#define ROUNDS 5u
#define MIB (1024.0 * 1024.0)

enum row {
	PUT,
	PUT_FULL,
	GET,
	ROWS
};
static const char *const Row[ROWS] = {"put + sync", "put when full + sync",
				      "get warm"};

struct bench {
	char dir[PATH_MAX];
	char raw[PATH_MAX + 8];
	struct cdx_store *s;
	unsigned blocks;
	uint8_t *block;
	struct cdx_digest *names;
	double ratio[ROWS][ROUNDS];
};

static void check(int rc, const char *what)
{
	if (rc >= 0)
		return;
	(void)fprintf(stderr, "bench_cache: %s: %s\n", what, cdx_strerror(rc));
	exit(1);
}

static double seconds(uint64_t since)
{
	return (double)(cdx_clock_mono_ns() - since) / 1e9;
}

/* No two blocks alike, or a clever disk could cheat. */
static void stamp(struct bench *b, unsigned i, unsigned round)
{
	for (size_t off = 0; off < CDX_BLOCK_SIZE; off += 4096)
		cdx_put_le64(b->block + off,
			     ((uint64_t)round << 32 | i) * 0x9e3779b97f4a7c15);
}

static double raw_write(struct bench *b, unsigned round)
{
	uint64_t t = cdx_clock_mono_ns();
	int fd = open(b->raw, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check(fd < 0 ? -errno : 0, b->raw);
	for (unsigned i = 0; i < b->blocks; i++) {
		stamp(b, i, round);
		check(cdx_write_full(fd, b->block, CDX_BLOCK_SIZE), "write");
	}
	check(fdatasync(fd) < 0 ? -errno : 0, "fdatasync");
	(void)close(fd);
	return seconds(t);
}

/* Names are what a fetch has hashed already. */
static double cache_put(struct bench *b, unsigned round)
{
	uint64_t t;

	for (unsigned i = 0; i < b->blocks; i++) {
		stamp(b, i, round);
		cdx_sha256(&b->names[i], b->block, CDX_BLOCK_SIZE);
	}
	t = cdx_clock_mono_ns();
	for (unsigned i = 0; i < b->blocks; i++) {
		stamp(b, i, round);
		check(cdx_cache_put_block(b->s, &b->names[i], b->block,
					  CDX_BLOCK_SIZE),
		      "put");
	}
	check(cdx_store_commit(b->s), "commit");
	return seconds(t);
}

static double raw_read(struct bench *b)
{
	struct cdx_digest digest;
	uint64_t t;
	int fd = open(b->raw, O_RDONLY | O_CLOEXEC);

	check(fd < 0 ? -errno : 0, b->raw);
	t = cdx_clock_mono_ns();
	for (unsigned i = 0; i < b->blocks; i++) {
		check(cdx_pread_full(fd, b->block, CDX_BLOCK_SIZE,
				     (off_t)i * CDX_BLOCK_SIZE),
		      "read");
		cdx_sha256(&digest, b->block, CDX_BLOCK_SIZE);
	}
	(void)close(fd);
	return seconds(t);
}

static double cache_get(struct bench *b)
{
	uint64_t t = cdx_clock_mono_ns();

	for (unsigned i = 0; i < b->blocks; i++)
		check(cdx_cache_get_block(b->s, b->block, CDX_BLOCK_SIZE,
					  &b->names[i]),
		      "get");
	return seconds(t);
}

static void round_once(struct bench *b, unsigned r)
{
	double mib = b->blocks * (CDX_BLOCK_SIZE / MIB);
	double cache[ROWS];
	double raw[ROWS];

	check(cdx_cache_resize(b->s, 0), "resize");
	check(cdx_cache_resize(b->s, (uint64_t)b->blocks * CDX_BLOCK_SIZE),
	      "resize");
	raw[PUT] = raw_write(b, 2 * r);
	cache[PUT] = cache_put(b, 2 * r);
	cache[PUT_FULL] = cache_put(b, 2 * r + 1);
	raw[PUT_FULL] = raw_write(b, 2 * r + 1);
	raw[GET] = raw_read(b);
	cache[GET] = cache_get(b);
	for (unsigned i = 0; i < ROWS; i++) {
		b->ratio[i][r] = raw[i] / cache[i];
		printf("round %u  %-20s raw %7.0f MiB/s  cache %7.0f MiB/s  "
		       "ratio %.2f\n",
		       r, Row[i], mib / raw[i], mib / cache[i], b->ratio[i][r]);
	}
}

static int by_value(const void *pa, const void *pb)
{
	double x = *(const double *)pa;
	double y = *(const double *)pb;

	return x < y ? -1 : x > y;
}

static int rm_one(const char *path, const struct stat *st, int flag,
		  struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void open_store(struct bench *b)
{
	struct cdx_store_config config = {.k = 10, .m = 5};
	struct cdx_store_opts opts = {.path = b->dir};
	const char *tmp = getenv("TMPDIR");
	char holder[128];

	(void)snprintf(b->dir, sizeof(b->dir), "%s/cdx-bench-XXXXXX",
		       tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(b->dir) == NULL)
		check(-errno, b->dir);
	(void)snprintf(b->raw, sizeof(b->raw), "%s.raw", b->dir);
	config.share[CDX_SHARE_VOLUME] = UINT64_C(1) << 30;
	config.log_bytes = 16u << 20;
	check(cdx_store_init(b->dir, &config), "init");
	check(cdx_store_open(&b->s, &opts, holder, sizeof(holder)), "open");
	check(cdx_store_start(b->s, NULL, NULL, NULL, NULL), "start");
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	static struct bench b;
	unsigned long mib = count != NULL ? strtoul(count, NULL, 10) : 128;

	if (mib == 0 || mib > 65536)
		mib = 128;
	b.blocks = (unsigned)(mib * 16);
	b.block = calloc(1, CDX_BLOCK_SIZE);
	b.names = calloc(b.blocks, sizeof(*b.names));
	if (b.block == NULL || b.names == NULL)
		return 1;
	cdx_block_padding(b.block, CDX_BLOCK_SIZE);
	open_store(&b);
	for (unsigned r = 0; r < ROUNDS; r++)
		round_once(&b, r);
	for (unsigned i = 0; i < ROWS; i++) {
		qsort(b.ratio[i], ROUNDS, sizeof(double), by_value);
		printf("cache/raw %-20s median %.2f  (%.2f .. %.2f)\n", Row[i],
		       b.ratio[i][ROUNDS / 2], b.ratio[i][0],
		       b.ratio[i][ROUNDS - 1]);
	}
	check(cdx_store_close(b.s), "close");
	(void)unlink(b.raw);
	(void)nftw(b.dir, rm_one, 16, FTW_DEPTH | FTW_PHYS);
	free(b.block);
	free(b.names);
	return 0;
}
