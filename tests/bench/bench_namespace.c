/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "volume/volume.h"

/*
 * Names without a mount, beside the same system calls in a directory of the
 * same disk in the same run: only the ratios mean something.
 *   bench_namespace [DIR [NAMES]]   (a fresh directory below DIR, 100 000)
 */

struct bench {
	char dir[512];
	struct cdx_store *s;
	struct cdx_volume *v;
	struct cdx_log log;
	uint64_t ino; /* the directory */
	unsigned n;
	int fd; /* the plain directory */
	uint64_t seen;
};

static const struct cdx_cred cred = {.uid = 1000, .gid = 1000, .umask = 022};

static void die(const char *what, int rc)
{
	fprintf(stderr, "%s: %s\n", what, cdx_strerror(rc));
	exit(1);
}

static void open_all(struct bench *b, const char *dir)
{
	struct cdx_store_config config = {
		.share = {UINT64_C(2) << 30, UINT64_C(64) << 20,
			  UINT64_C(64) << 20},
		.k = 10,
		.m = 5,
	};
	struct cdx_keyfile keys = {.volume = 0};
	struct cdx_store_opts so = {.log = &b->log};
	struct cdx_volume_opts vo = {.keys = &keys, .log = &b->log};
	char path[600];
	char holder[64];
	int rc;

	snprintf(b->dir, sizeof(b->dir), "%s/bench-names-%d", dir,
		 (int)getpid());
	if (mkdir(b->dir, 0700) < 0) {
		perror(b->dir);
		exit(1);
	}
	snprintf(path, sizeof(path), "%s/plain", b->dir);
	(void)mkdir(path, 0700);
	b->fd = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof(path), "%s/store", b->dir);
	cdx_log_init(&b->log, CDX_LOG_TO_STDERR, CDX_LOG_WARN);
	so.path = path;
	rc = cdx_store_init(path, &config);
	if (rc == 0)
		rc = cdx_store_open(&b->s, &so, holder, sizeof(holder));
	vo.store = b->s;
	if (rc == 0)
		rc = cdx_volume_open(&b->v, &vo);
	if (rc < 0)
		die("open", rc);
}

/* ---- one operation on name @i, ours and the disk's ---- */

typedef void op_fn(struct bench *b, unsigned i);

static void name_of(char out[32], unsigned i)
{
	snprintf(out, 32, "some-file-%06u.dat", i);
}

static void our_create(struct bench *b, unsigned i)
{
	struct cdx_attr a;
	char name[32];
	int rc;

	name_of(name, i);
	rc = cdx_vol_mknod(b->v, b->ino, name, S_IFREG | 0644, 0, &cred, &a);
	if (rc < 0)
		die("create", rc);
	cdx_vol_forget(b->v, a.ino, 1);
}

static void raw_create(struct bench *b, unsigned i)
{
	char name[32];
	int fd;

	name_of(name, i);
	fd = openat(b->fd, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || close(fd) < 0)
		die("create", -EIO);
}

static void our_lookup(struct bench *b, unsigned i)
{
	struct cdx_attr a;
	char name[32];
	int rc;

	name_of(name, i);
	rc = cdx_vol_lookup(b->v, b->ino, name, &a);
	if (rc < 0)
		die("lookup", rc);
	cdx_vol_forget(b->v, a.ino, 1);
}

static void raw_lookup(struct bench *b, unsigned i)
{
	struct stat st;
	char name[32];

	name_of(name, i);
	if (fstatat(b->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		die("stat", -EIO);
}

static void our_stat(struct bench *b, unsigned i)
{
	struct cdx_attr a;
	int rc = cdx_vol_getattr(b->v, b->ino + 1 + i, &a);

	if (rc < 0)
		die("getattr", rc);
}

static void our_unlink(struct bench *b, unsigned i)
{
	char name[32];
	int rc;

	name_of(name, i);
	rc = cdx_vol_unlink(b->v, b->ino, name);
	if (rc < 0)
		die("unlink", rc);
}

static void raw_unlink(struct bench *b, unsigned i)
{
	char name[32];

	name_of(name, i);
	if (unlinkat(b->fd, name, 0) < 0)
		die("unlink", -EIO);
}

static int count(void *arg, const struct cdx_dirent *e)
{
	struct bench *b = arg;

	(void)e;
	b->seen++;
	return 1;
}

static void our_readdir(struct bench *b, unsigned i)
{
	int rc;

	(void)i;
	b->seen = 0;
	rc = cdx_vol_readdir(b->v, b->ino, 0, count, b);
	if (rc < 0 || b->seen != b->n + 2)
		die("readdir", rc);
}

static void raw_readdir(struct bench *b, unsigned i)
{
	int fd = openat(b->fd, ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	unsigned n = 0;

	(void)i;
	if (d == NULL)
		die("readdir", -EIO);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	if (n != b->n + 2)
		die("readdir", -EIO);
}

/* ---- rows ---- */

static double timed(struct bench *b, op_fn *fn, unsigned times)
{
	uint64_t t0 = cdx_clock_mono_ns();

	for (unsigned i = 0; i < times; i++)
		fn(b, i);
	return (double)(cdx_clock_mono_ns() - t0) / 1e9;
}

static void row(struct bench *b, const char *what, op_fn *ours, op_fn *raw,
		unsigned times)
{
	double names = b->n;
	double a = names / timed(b, ours, times);
	double c = names / timed(b, raw, times);

	printf("%-12s %12.0f /s   disk %12.0f /s   ratio %.2f\n", what, a, c,
	       a / c);
	fflush(stdout);
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int main(int argc, char **argv)
{
	struct bench b = {.n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10)
					: 100000};
	struct cdx_attr a;
	int rc;

	open_all(&b, argc > 1 ? argv[1] : ".");
	rc = cdx_vol_mkdir(b.v, CDX_ROOT_INO, "d", 0755, &cred, &a);
	if (rc < 0)
		die("mkdir", rc);
	b.ino = a.ino;
	row(&b, "create", our_create, raw_create, b.n);
	row(&b, "lookup", our_lookup, raw_lookup, b.n);
	row(&b, "stat", our_stat, raw_lookup, b.n);
	row(&b, "readdir", our_readdir, raw_readdir, 1);
	row(&b, "unlink", our_unlink, raw_unlink, b.n);
	rc = cdx_volume_close(b.v);
	if (rc == 0)
		rc = cdx_store_close(b.s);
	close(b.fd);
	(void)nftw(b.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return rc < 0;
}
