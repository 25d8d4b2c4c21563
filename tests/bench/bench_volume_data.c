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
#include "crypto/hash.h"
#include "volume/volume.h"

/*
 * File data without a mount, beside a plain file on the same disk in the same
 * run: only the ratios mean something.
 *   bench_volume_data [DIR [MIB]]
 * makes a fresh directory in DIR (here) and removes it; MIB is CDX_COUNT or 512
 */

#define CALL ((size_t)1 << 20)
#define PAGE 4096u

struct bench {
	char dir[512];
	struct cdx_store *s;
	struct cdx_volume *v;
	struct cdx_log log;
	uint64_t ino;
	uint64_t bytes;
	int fd; /* the plain file */
	uint8_t *buf;
	uint64_t rnd;
};

static void die(const char *what, int rc)
{
	fprintf(stderr, "%s: %s\n", what, cdx_strerror(rc));
	exit(1);
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

static double since(uint64_t t0)
{
	return (double)(cdx_clock_mono_ns() - t0) / 1e9;
}

static void row(const char *what, const char *unit, double ours, double raw)
{
	printf("%-28s %12.1f %-6s raw %12.1f  ratio %.2f\n", what, ours, unit,
	       raw, raw > 0 ? ours / raw : 0.0);
	fflush(stdout);
}

static void open_all(struct bench *b, const char *dir)
{
	struct cdx_store_config config = {.k = 10, .m = 5};
	struct cdx_store_opts so = {.log = &b->log};
	struct cdx_keyfile keys = {.volume = 0};
	struct cdx_volume_opts vo = {.keys = &keys, .log = &b->log};
	struct cdx_cred cred = {.umask = 022};
	struct cdx_attr attr;
	char path[600];
	char holder[64];
	int rc;

	snprintf(b->dir, sizeof(b->dir), "%s/bench-data-%d", dir,
		 (int)getpid());
	if (mkdir(b->dir, 0700) < 0) {
		perror(b->dir);
		exit(1);
	}
	snprintf(path, sizeof(path), "%s/raw", b->dir);
	b->fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	snprintf(path, sizeof(path), "%s/store", b->dir);
	config.share[CDX_SHARE_VOLUME] = (uint64_t)64 << 30;
	rc = cdx_store_init(path, &config);
	if (rc < 0)
		die("init", rc);
	so.path = path;
	rc = cdx_store_open(&b->s, &so, holder, sizeof(holder));
	if (rc < 0)
		die("store", rc);
	cdx_root_random(&keys.root);
	vo.store = b->s;
	rc = cdx_volume_open(&b->v, &vo);
	if (rc < 0)
		die("volume", rc);
	rc = cdx_vol_mknod(b->v, CDX_ROOT_INO, "file", S_IFREG | 0600, 0, &cred,
			   &attr);
	if (rc < 0)
		die("file", rc);
	b->ino = attr.ino;
}

static void ours_write(struct bench *b, uint64_t off, size_t len)
{
	int rc = cdx_vol_write(b->v, b->ino, off, b->buf, len, false);

	if (rc < 0)
		die("write", rc);
}

static void raw_write(struct bench *b, uint64_t off, size_t len)
{
	if (pwrite(b->fd, b->buf, len, (off_t)off) != (ssize_t)len) {
		perror("pwrite");
		exit(1);
	}
}

static void got(void *arg, const uint8_t *buf, ssize_t result)
{
	(void)buf;
	if (result < 0)
		die("read", (int)result);
	*(size_t *)arg += (size_t)result;
}

static void ours_read(struct bench *b, uint64_t off, size_t len)
{
	size_t sum = 0;

	cdx_vol_read(b->v, b->ino, off, len, got, &sum);
	if (sum != len)
		die("short read", 0);
}

static void raw_read(struct bench *b, uint64_t off, size_t len)
{
	if (pread(b->fd, b->buf, len, (off_t)off) != (ssize_t)len) {
		perror("pread");
		exit(1);
	}
}

static void ours_sync(struct bench *b)
{
	int rc = cdx_vol_fsync(b->v, b->ino, true);

	if (rc < 0)
		die("fsync", rc);
}

static void raw_sync(struct bench *b)
{
	if (fdatasync(b->fd) < 0) {
		perror("fdatasync");
		exit(1);
	}
}

typedef void io_fn(struct bench *b, uint64_t off, size_t len);
typedef void sync_fn(struct bench *b);

/* MiB/s without and with the sync at the end */
static double stream(struct bench *b, io_fn *io, sync_fn *sync, double *synced)
{
	uint64_t t0 = cdx_clock_mono_ns();
	double t;

	for (uint64_t off = 0; off < b->bytes; off += CALL)
		io(b, off, CALL);
	t = since(t0);
	if (sync) {
		sync(b);
		*synced = (double)b->bytes / 1048576.0 / since(t0);
	}
	return (double)b->bytes / 1048576.0 / t;
}

/* Calls a second at random pages for about @seconds */
static double scatter(struct bench *b, io_fn *io, sync_fn *sync, double seconds)
{
	uint64_t t0 = cdx_clock_mono_ns();
	uint64_t n = 0;

	while (since(t0) < seconds) {
		io(b, next(b) % (b->bytes / PAGE) * PAGE, PAGE);
		if (sync)
			sync(b);
		n++;
	}
	return (double)n / since(t0);
}

static void run(struct bench *b)
{
	double raw_synced = 0;
	double synced = 0;
	double raw = stream(b, raw_write, raw_sync, &raw_synced);
	double ours = stream(b, ours_write, ours_sync, &synced);

	row("write, 1 MiB calls", "MiB/s", ours, raw);
	row("write + fsync", "MiB/s", synced, raw_synced);
	raw = stream(b, raw_read, NULL, NULL);
	ours = stream(b, ours_read, NULL, NULL);
	row("read warm, 1 MiB calls", "MiB/s", ours, raw);
	raw = scatter(b, raw_read, NULL, 1);
	ours = scatter(b, ours_read, NULL, 1);
	row("read warm, 4 KiB random", "1/s", ours, raw);
	raw = scatter(b, raw_write, raw_sync, 2);
	ours = scatter(b, ours_write, ours_sync, 2);
	row("write 4 KiB random + fsync", "1/s", ours, raw);
	raw = scatter(b, raw_write, NULL, 2);
	ours = scatter(b, ours_write, NULL, 4);
	row("write 4 KiB random", "1/s", ours, raw);
	ours = scatter(b, ours_read, NULL, 1);
	row("read 4 KiB after that", "1/s", ours, 0);
}

int main(int argc, char **argv)
{
	struct bench b = {.rnd = 88172645463325252u};
	const char *mib = argc > 2 ? argv[2] : getenv("CDX_COUNT");
	int rc;

	b.bytes = (uint64_t)(mib ? strtoul(mib, NULL, 10) : 512) << 20;
	b.buf = malloc(CALL);
	if (!b.buf || b.bytes == 0)
		return 2;
	cdx_random(b.buf, CALL);
	cdx_log_init(&b.log, CDX_LOG_TO_STDERR, CDX_LOG_WARN);
	open_all(&b, argc > 1 ? argv[1] : ".");
	run(&b);
	rc = cdx_volume_close(b.v);
	if (rc == 0)
		rc = cdx_store_close(b.s);
	if (rc < 0)
		die("close", rc);
	close(b.fd);
	free(b.buf);
	return nftw(b.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 1;
}
