/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_env.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

const struct cdx_cred volume_env_cred = {
	.uid = 1000, .gid = 1000, .umask = 022, .fsetid = true};

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void volume_env_new(struct volume_env *e, uint64_t share)
{
	struct cdx_store_config config = {
		.share = {share != 0 ? share : UINT64_C(1) << 30,
			  UINT64_C(64) << 20, UINT64_C(64) << 20},
		.k = 10,
		.m = 5,
		.log_bytes = 16u << 20,
	};
	const char *dir = getenv("TMPDIR");

	memset(e, 0, sizeof(*e));
	cdx_log_init(&e->log,
		     getenv("CDX_TEST_LOG") != NULL ? CDX_LOG_TO_STDERR
						    : CDX_LOG_TO_NONE,
		     CDX_LOG_DEBUG);
	(void)snprintf(e->path, sizeof(e->path), "%s/cdx-vol-XXXXXX",
		       dir != NULL ? dir : "/tmp");
	assert_non_null(mkdtemp(e->path));
	assert_int_equal(cdx_store_init(e->path, &config), 0);
	memset(e->keys.root.b, 0x5a, sizeof(e->keys.root.b));
	assert_int_equal(cdx_pool_new(&e->pool, 0), 0);
	e->opts.no_background = true;
	e->commit_ms = 3600000;
	volume_env_open(e);
}

int volume_env_try_open(struct volume_env *e)
{
	struct cdx_store_opts so = {
		.path = e->path,
		.log = &e->log,
		.commit_ms = e->commit_ms,
		.readonly = e->readonly,
	};
	char holder[256];
	int rc;

	assert_int_equal(cdx_store_open(&e->store, &so, holder, sizeof(holder)),
			 0);
	e->opts.store = e->store;
	e->opts.keys = &e->keys;
	e->opts.log = &e->log;
	e->opts.pool = e->pool;
	e->opts.readonly = e->readonly;
	rc = cdx_volume_open(&e->v, &e->opts);
	if (rc < 0) {
		assert_null(e->v);
		(void)cdx_store_close(e->store);
		e->store = NULL;
	}
	return rc;
}

void volume_env_open(struct volume_env *e)
{
	assert_int_equal(volume_env_try_open(e), 0);
}

void volume_env_close(struct volume_env *e)
{
	assert_int_equal(cdx_volume_close(e->v), 0);
	e->v = NULL;
	assert_int_equal(cdx_store_close(e->store), 0);
	e->store = NULL;
}

void volume_env_reopen(struct volume_env *e)
{
	volume_env_close(e);
	volume_env_open(e);
}

void volume_env_commit(struct volume_env *e)
{
	assert_int_equal(cdx_vol_sync(e->v, CDX_SYNC_COMMITTED, NULL, NULL), 0);
}

/* ---- crashes ---- */

/* nftw has no argument of the caller's */
static const char *copy_from;
static const char *copy_to;

/* Runs of data only: data files are preallocated and large. */
static int copy_data(int in, int out, off_t size)
{
	static uint8_t buf[1 << 20];
	off_t at = 0;

	if (ftruncate(out, size) < 0)
		return -1;
	while ((at = lseek(in, at, SEEK_DATA)) >= 0) {
		off_t end = lseek(in, at, SEEK_HOLE);

		while (at < end) {
			size_t want = sizeof(buf);
			ssize_t n;

			if (end - at < (off_t)want)
				want = (size_t)(end - at);
			n = pread(in, buf, want, at);
			if (n <= 0 || pwrite(out, buf, (size_t)n, at) != n)
				return -1;
			at += n;
		}
	}
	return errno == ENXIO ? 0 : -1;
}

static int copy_one(const char *path, const struct stat *st, int flag,
		    struct FTW *ftw)
{
	char to[PATH_MAX + 64];
	int in;
	int out;
	int rc = -1;

	(void)ftw;
	(void)snprintf(to, sizeof(to), "%s%s", copy_to,
		       path + strlen(copy_from));
	if (flag == FTW_D)
		return mkdir(to, 0700);
	/* after a commit the store still unlinks what was freed before it */
	if (flag != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0 && errno == ENOENT)
		return 0;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in >= 0 && out >= 0)
		rc = copy_data(in, out, st->st_size);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return rc;
}

void volume_env_crash(struct volume_env *e)
{
	char to[PATH_MAX];
	char *dot = strrchr(e->path, '.');
	size_t len = dot != NULL ? (size_t)(dot - e->path) : strlen(e->path);

	assert_true(snprintf(to, sizeof(to), "%.*s.%u", (int)len, e->path,
			     ++e->crashes) < (int)sizeof(to));
	copy_from = e->path;
	copy_to = to;
	assert_int_equal(nftw(e->path, copy_one, 16, FTW_PHYS), 0);
	(void)cdx_volume_close(e->v);
	(void)cdx_store_close(e->store);
	remove_tree(e->path);
	memcpy(e->path, to, sizeof(to));
	volume_env_open(e);
}

/* ---- checks ---- */

static void print_finding(void *arg, const char *what, const char *detail)
{
	(void)arg;
	print_message("fsck: %s: %s\n", what, detail);
}

void volume_env_tick(void)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	struct timespec before = cdx_clock_wall();
	struct timespec now;

	do {
		(void)nanosleep(&ms, NULL);
		now = cdx_clock_wall();
	} while (now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec);
}

uint64_t volume_env_fsck(struct volume_env *e)
{
	struct cdx_fsck f = {.report = print_finding};

	volume_env_commit(e);
	assert_int_equal(cdx_store_fsck(e->store, &f), 0);
	assert_int_equal(cdx_vol_fsck(e->v, &f), 0);
	return f.errors;
}

void volume_env_free(struct volume_env *e)
{
	if (e->store != NULL)
		volume_env_close(e);
	cdx_pool_free(e->pool);
	remove_tree(e->path);
}

/* ---- small things ---- */

uint64_t volume_env_file(struct volume_env *e, uint64_t parent,
			 const char *name)
{
	struct cdx_attr a;

	assert_int_equal(cdx_vol_mknod(e->v, parent, name, S_IFREG | 0644, 0,
				       &volume_env_cred, &a),
			 0);
	cdx_vol_forget(e->v, a.ino, 1);
	return a.ino;
}

uint64_t volume_env_dir(struct volume_env *e, uint64_t parent, const char *name)
{
	struct cdx_attr a;

	assert_int_equal(cdx_vol_mkdir(e->v, parent, name, 0755,
				       &volume_env_cred, &a),
			 0);
	cdx_vol_forget(e->v, a.ino, 1);
	return a.ino;
}

uint64_t volume_env_find(struct volume_env *e, uint64_t parent,
			 const char *name)
{
	struct cdx_attr a;
	int rc = cdx_vol_lookup(e->v, parent, name, &a);

	if (rc == -ENOENT)
		return 0;
	assert_int_equal(rc, 0);
	cdx_vol_forget(e->v, a.ino, 1);
	return a.ino;
}

struct cdx_attr volume_env_stat(struct volume_env *e, uint64_t ino)
{
	struct cdx_attr a;

	assert_int_equal(cdx_vol_getattr(e->v, ino, &a), 0);
	return a;
}
