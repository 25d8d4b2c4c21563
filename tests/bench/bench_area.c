/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
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
#include "store/area.h"
#include "store/block.h"
#include "store/store.h"

/*
 * What data files with an LMDB index cost: 64 KiB blocks written to a
 * preallocated area, each with its leaf record, in groups, against the same
 * bytes appended to a raw file; then both read back cold, in order and in
 * random order.  Everything is durable when the clock stops.  The ratio of
 * each round is taken within the round, as the disk alone varies threefold
 * within an hour; the median of the rounds is printed.
 *
 * CDX_COUNT: MiB per round (default 512).  TMPDIR: where.
 */

#define ROUNDS 5u
#define BATCH 64u /* leaf records of one batch */
#define MIB (1024.0 * 1024.0)

enum row {
	WRITE,
	READ_SEQ,
	READ_RND,
	ROWS
};
static const char *const Row[ROWS] = {"write + sync", "cold read in order",
				      "cold read at random"};

struct bench {
	char dir[PATH_MAX];
	char raw[PATH_MAX + 8];
	struct cdx_store *s;
	unsigned blocks;
	uint8_t *block;
	uint32_t *order;
	uint64_t area;
	double ratio[ROWS][ROUNDS];
};

static void check(int rc, const char *what)
{
	if (rc >= 0)
		return;
	(void)fprintf(stderr, "bench_area: %s: %s\n", what, cdx_strerror(rc));
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

static double area_write(struct bench *b, unsigned round)
{
	uint64_t t = cdx_clock_mono_ns();
	struct cdx_leaf leaf = {.state = CDX_LEAF_DATA, .has_sums = true};
	struct cdx_batch *batch;

	check(cdx_batch_new(&batch, b->s), "batch");
	check(cdx_area_create(b->s, &b->area, CDX_AREA_SEGMENT,
			      (uint64_t)b->blocks * CDX_BLOCK_SIZE, batch),
	      "create");
	for (unsigned i = 0; i < b->blocks; i++) {
		stamp(b, i, round);
		check(cdx_area_write(b->s, b->area,
				     (uint64_t)i * CDX_BLOCK_SIZE, b->block,
				     CDX_BLOCK_SIZE),
		      "write");
		cdx_put_be32(leaf.digest.b, i);
		cdx_leaf_put(batch, b->area, i, &leaf);
		if (i % BATCH != BATCH - 1)
			continue;
		cdx_batch_names_data(batch);
		check(cdx_batch_apply(batch), "apply");
		check(cdx_batch_new(&batch, b->s), "batch");
	}
	check(cdx_batch_apply(batch), "apply");
	check(cdx_store_commit(b->s), "commit");
	return seconds(t);
}

static void forget(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fdatasync(fd);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	(void)close(fd);
}

static void shuffle(struct bench *b, bool random, unsigned round)
{
	uint64_t x = round + 1;

	for (unsigned i = 0; i < b->blocks; i++)
		b->order[i] = i;
	for (unsigned i = b->blocks - 1; random && i > 0; i--) {
		uint32_t o = b->order[i];
		unsigned j;

		x = x * 6364136223846793005u + 1442695040888963407u;
		j = (unsigned)((x >> 33) % (i + 1));
		b->order[i] = b->order[j];
		b->order[j] = o;
	}
}

static double raw_read(struct bench *b)
{
	uint64_t t;
	int fd;

	forget(b->raw);
	t = cdx_clock_mono_ns();
	fd = open(b->raw, O_RDONLY | O_CLOEXEC);
	check(fd < 0 ? -errno : 0, b->raw);
	for (unsigned i = 0; i < b->blocks; i++)
		check(cdx_pread_full(fd, b->block, CDX_BLOCK_SIZE,
				     (off_t)b->order[i] * CDX_BLOCK_SIZE),
		      "read");
	(void)close(fd);
	return seconds(t);
}

static double area_read(struct bench *b)
{
	char path[PATH_MAX + 64];
	struct cdx_leaf leaf;
	uint64_t t;

	(void)snprintf(path, sizeof(path), "%s/areas/%016llx", b->dir,
		       (unsigned long long)b->area);
	forget(path);
	(void)snprintf(path, sizeof(path), "%s/db", b->dir);
	forget(path);
	t = cdx_clock_mono_ns();
	for (unsigned i = 0; i < b->blocks; i++) {
		uint64_t token = cdx_store_read_begin(b->s);

		check(cdx_leaf_get(b->s, b->area, b->order[i], &leaf), "leaf");
		check(cdx_area_read(b->s, b->area,
				    (uint64_t)b->order[i] * CDX_BLOCK_SIZE,
				    b->block, CDX_BLOCK_SIZE),
		      "read");
		cdx_store_read_end(b->s, token);
		if (cdx_get_be32(leaf.digest.b) != b->order[i])
			check(CDX_E_CORRUPT, "leaf");
	}
	return seconds(t);
}

/* Drops the area and has its file given back. */
static void area_drop(struct bench *b)
{
	struct cdx_batch *batch;

	check(cdx_batch_new(&batch, b->s), "batch");
	for (unsigned i = 0; i < b->blocks; i++)
		cdx_leaf_del(batch, b->area, i);
	cdx_area_remove(batch, b->area);
	check(cdx_batch_apply(batch), "apply");
	for (int i = 0; i < 3; i++)
		check(cdx_store_commit(b->s), "commit");
}

static void round_once(struct bench *b, unsigned r)
{
	double raw[ROWS];
	double area[ROWS];

	/* each goes first every other time */
	if (r % 2 == 0)
		raw[WRITE] = raw_write(b, r);
	area[WRITE] = area_write(b, r);
	if (r % 2 != 0)
		raw[WRITE] = raw_write(b, r);
	shuffle(b, false, r);
	raw[READ_SEQ] = raw_read(b);
	area[READ_SEQ] = area_read(b);
	shuffle(b, true, r);
	area[READ_RND] = area_read(b);
	raw[READ_RND] = raw_read(b);
	area_drop(b);
	for (unsigned i = 0; i < ROWS; i++) {
		double mib = b->blocks * (CDX_BLOCK_SIZE / MIB);

		b->ratio[i][r] = raw[i] / area[i];
		printf("round %u  %-20s raw %7.0f MiB/s  area %7.0f MiB/s  "
		       "ratio %.2f\n",
		       r, Row[i], mib / raw[i], mib / area[i], b->ratio[i][r]);
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
	for (unsigned i = 0; i < CDX_SHARES; i++)
		config.share[i] = UINT64_C(4) << 30;
	config.log_bytes = 16u << 20;
	check(cdx_store_init(b->dir, &config), "init");
	check(cdx_store_open(&b->s, &opts, holder, sizeof(holder)), "open");
	check(cdx_store_start(b->s, NULL, NULL, NULL, NULL), "start");
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	static struct bench b;
	unsigned long mib = count != NULL ? strtoul(count, NULL, 10) : 512;

	if (mib == 0 || mib > 65536)
		mib = 512;
	b.blocks = (unsigned)(mib * 16);
	b.block = calloc(1, CDX_BLOCK_SIZE);
	b.order = calloc(b.blocks, sizeof(*b.order));
	if (b.block == NULL || b.order == NULL)
		return 1;
	cdx_block_padding(b.block, CDX_BLOCK_SIZE);
	open_store(&b);
	for (unsigned r = 0; r < ROUNDS; r++)
		round_once(&b, r);
	for (unsigned i = 0; i < ROWS; i++) {
		qsort(b.ratio[i], ROUNDS, sizeof(double), by_value);
		printf("area/raw  %-20s median %.2f  (%.2f .. %.2f)\n", Row[i],
		       b.ratio[i][ROUNDS / 2], b.ratio[i][0],
		       b.ratio[i][ROUNDS - 1]);
	}
	check(cdx_store_close(b.s), "close");
	(void)unlink(b.raw);
	(void)nftw(b.dir, rm_one, 16, FTW_DEPTH | FTW_PHYS);
	free(b.block);
	free(b.order);
	return 0;
}
