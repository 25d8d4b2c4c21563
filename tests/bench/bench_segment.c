/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/block.h"
#include "volume/segs.h"

/*
 * Segments without files: encrypting, hashing and writing blocks, reading them
 * back verified, sealing; and packing of small files.
 *   bench_segment [DIR [MIB]]
 * makes a fresh directory in DIR (here) and removes it; MIB is CDX_COUNT or 256
 */

#define CALL ((size_t)1 << 20)
#define SMALL_FILES 20000u
#define SMALL_BYTES 6000u

struct bench {
	char dir[512];
	struct cdx_store *s;
	struct cdx_volume *v;
	struct cdx_log log;
	uint8_t *buf;
	uint64_t rnd;
	uint64_t area;
	uint32_t blocks; /* written one behind the other in area */
};

static void die(const char *what, int r)
{
	fprintf(stderr, "%s: %s\n", what, cdx_strerror(r));
	exit(1);
}

static void must(const char *what, int r)
{
	if (r < 0)
		die(what, r);
}

static uint64_t next(struct bench *b)
{
	b->rnd ^= b->rnd << 13;
	b->rnd ^= b->rnd >> 7;
	b->rnd ^= b->rnd << 17;
	return b->rnd;
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void row(const char *what, uint64_t from, double n, const char *unit,
		double bytes)
{
	double us = (double)(cdx_clock_mono_ns() - from) / 1000.0;

	printf("%-34s %10.2f us/%s", what, us / n, unit);
	if (bytes > 0)
		printf(" %9.0f MiB/s", bytes / us * 1e6 / (1 << 20));
	printf("\n");
	(void)fflush(stdout);
}

static void start(struct bench *b, const char *where)
{
	struct cdx_store_config config = {
		.share = {(uint64_t)64 << 30, 1 << 20, 1 << 20},
		.k = 10,
		.m = 5,
	};
	struct cdx_keyfile keys = {.volume = 0};
	struct cdx_store_opts so = {.log = &b->log};
	struct cdx_volume_opts vo = {
		.keys = &keys,
		.log = &b->log,
		.no_background = true,
	};
	char holder[128];

	cdx_log_init(&b->log, CDX_LOG_TO_STDERR, CDX_LOG_WARN);
	(void)snprintf(b->dir, sizeof(b->dir), "%s/bench-seg-XXXXXX", where);
	if (!mkdtemp(b->dir))
		die(b->dir, -1);
	must("init", cdx_store_init(b->dir, &config));
	so.path = b->dir;
	must("open", cdx_store_open(&b->s, &so, holder, sizeof(holder)));
	vo.store = b->s;
	must("volume", cdx_volume_open(&b->v, &vo));
}

/* ---- blocks ---- */

/* References make the blocks live, as an extent would */
static void write_call(struct bench *b, uint64_t ino)
{
	struct iovec iov = {b->buf, CALL};
	struct cdx_seg_run run;
	struct cdx_batch *batch;
	struct cdx_loc loc = {.kind = CDX_LOC_SEGMENT};

	must("write",
	     cdx_seg_write(b->v, &run, &iov, 1, CALL / CDX_BLOCK_SIZE));
	loc.area = run.area;
	loc.off = (uint64_t)run.index * CDX_BLOCK_SIZE;
	b->area = run.area;
	b->blocks = run.index + run.n;
	must("batch", cdx_batch_new(&batch, b->s));
	cdx_loc_ref(b->v, batch, &loc, ino, 0,
		    (uint64_t)run.n * CDX_BLOCK_SIZE);
	cdx_seg_run_commit(b->v, batch, &run);
	must("apply", cdx_batch_apply(batch));
}

static void bench_write(struct bench *b, uint64_t mib)
{
	uint64_t t;

	/* the first call also opens the segment */
	write_call(b, 1000);
	t = cdx_clock_mono_ns();
	for (uint64_t i = 1; i < mib; i++)
		write_call(b, 1000 + i);
	row("seg_write 1 MiB", t, (double)(mib - 1), "call",
	    (double)(mib - 1) * CALL);
	t = cdx_clock_mono_ns();
	must("commit", cdx_store_commit(b->s));
	row("commit after it", t, 1, "commit", 0);
}

static void bench_read(struct bench *b, size_t len, unsigned n, bool aligned)
{
	struct cdx_loc loc = {.kind = CDX_LOC_SEGMENT, .area = b->area};
	uint64_t end = (uint64_t)b->blocks * CDX_BLOCK_SIZE;
	char what[64];
	uint64_t t = cdx_clock_mono_ns();

	for (unsigned i = 0; i < n; i++) {
		uint64_t off = next(b) % (end - len);

		if (aligned)
			off -= off % CDX_PAGE_SIZE;
		must("read", cdx_loc_read(b->v, b->buf, &loc, off, len));
	}
	(void)snprintf(what, sizeof(what), "loc_read %zu bytes%s", len,
		       aligned ? "" : " unaligned");
	row(what, t, n, "call", (double)n * (double)len);
}

static void bench_seal(struct bench *b)
{
	uint64_t t = cdx_clock_mono_ns();

	must("seal", cdx_seal_open(b->v, NULL, NULL));
	row("seal what is open", t, 1, "seal", 0);
	bench_read(b, CALL, 200, true);
}

/* ---- small files ---- */

static void bench_pack(struct bench *b)
{
	struct cdx_cred cred = {0};
	struct cdx_attr attr;
	char name[24];
	uint64_t t = cdx_clock_mono_ns();

	for (unsigned i = 0; i < SMALL_FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		must("mknod", cdx_vol_mknod(b->v, CDX_ROOT_INO, name,
					    S_IFREG | 0600, 0, &cred, &attr));
		must("write", cdx_vol_write(b->v, attr.ino, 0, b->buf,
					    SMALL_BYTES, false));
	}
	must("commit", cdx_store_commit(b->s));
	row("small files to records", t, SMALL_FILES, "file",
	    (double)SMALL_FILES * SMALL_BYTES);
	t = cdx_clock_mono_ns();
	must("pack", cdx_pack(b->v, UINT64_MAX, NULL, NULL));
	row("pack them", t, SMALL_FILES, "file",
	    (double)SMALL_FILES * SMALL_BYTES);
}

int main(int argc, char **argv)
{
	const char *count = getenv("CDX_COUNT");
	struct bench b = {.rnd = 88172645463325252u};
	uint64_t mib = 256;

	if (count)
		mib = strtoull(count, NULL, 10);
	if (argc > 2)
		mib = strtoull(argv[2], NULL, 10);
	if (mib < 8)
		mib = 8;
	b.buf = aligned_alloc(CDX_PAGE_SIZE, CALL);
	if (!b.buf)
		die("memory", -1);
	for (size_t i = 0; i < CALL / 8; i++)
		((uint64_t *)(void *)b.buf)[i] = next(&b);
	start(&b, argc > 1 ? argv[1] : ".");
	bench_write(&b, mib);
	bench_read(&b, CALL, 500, true);
	bench_read(&b, CDX_PAGE_SIZE, 100000, true);
	bench_read(&b, 3000, 100000, false);
	bench_seal(&b);
	bench_pack(&b);
	(void)!cdx_volume_close(b.v);
	(void)!cdx_store_close(b.s);
	(void)nftw(b.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(b.buf);
	return 0;
}
