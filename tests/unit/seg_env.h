/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_SEG_ENV_H
#define CDX_TESTS_UNIT_SEG_ENV_H

/* A volume in a temporary directory whose segments are small, for the tests of
 * segments.  Nothing happens in the background: the tests pack, seal and
 * compact by hand.  Include after cmocka.h. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/block.h"
#include "seed.h"
#include "store/area.h"
#include "store/fsck.h"
#include "volume/names.h"
#include "volume/segs.h"

#define ENV_MIB ((uint64_t)1 << 20)

struct seg_env {
	char path[PATH_MAX];
	struct cdx_log log;
	struct cdx_keyfile keys;
	struct cdx_store *s;
	struct cdx_volume *v;
	/* for the next open */
	bool background;
	unsigned seal_age_s;
	unsigned pack_age_s;
	unsigned commit_ms;
	struct cdx_pool *pool; /* NULL: work on the caller */
};

static inline int seg_env_rm(const char *path, const struct stat *st, int flag,
			     struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* What cdx_volume_open says */
static inline int seg_env_try(struct seg_env *e)
{
	struct cdx_store_opts so = {
		.path = e->path,
		.log = &e->log,
		.commit_ms = e->commit_ms ? e->commit_ms : 3600000,
	};
	char holder[256];
	struct cdx_volume_opts vo = {
		.keys = &e->keys,
		.log = &e->log,
		.pool = e->pool,
		.no_background = !e->background,
		.seal_age_s = e->seal_age_s,
		.pack_age_s = e->pack_age_s,
	};
	int r = cdx_store_open(&e->s, &so, holder, sizeof(holder));

	if (r < 0)
		return r;
	vo.store = e->s;
	r = cdx_volume_open(&e->v, &vo);
	if (r < 0) {
		(void)!cdx_store_close(e->s);
		e->s = NULL;
	}
	return r;
}

static inline void seg_env_open(struct seg_env *e)
{
	assert_int_equal(seg_env_try(e), 0);
}

static inline void seg_env_new(struct seg_env *e, uint64_t share, uint32_t k,
			       uint32_t m)
{
	struct cdx_store_config config = {
		.share = {share, share, share},
		.k = k,
		.m = m,
		.log_bytes = 1u << 20,
	};
	const char *dir = getenv("TMPDIR");

	memset(e, 0, sizeof(*e));
	memset(&e->keys, 0, sizeof(e->keys));
	e->keys.root.b[0] = 7;
	cdx_log_init(&e->log,
		     getenv("CDX_TEST_LOG") ? CDX_LOG_TO_STDERR
					    : CDX_LOG_TO_NONE,
		     CDX_LOG_DEBUG);
	(void)snprintf(e->path, sizeof(e->path), "%s/cdx-seg-XXXXXX",
		       dir ? dir : "/tmp");
	assert_non_null(mkdtemp(e->path));
	assert_int_equal(cdx_store_init(e->path, &config), 0);
	seg_env_open(e);
}

static inline void seg_env_close(struct seg_env *e)
{
	if (!e->s)
		return;
	assert_int_equal(cdx_volume_close(e->v), 0);
	assert_int_equal(cdx_store_close(e->s), 0);
	e->v = NULL;
	e->s = NULL;
}

static inline void seg_env_reopen(struct seg_env *e)
{
	seg_env_close(e);
	seg_env_open(e);
}

static inline void seg_env_free(struct seg_env *e)
{
	seg_env_close(e);
	assert_int_equal(nftw(e->path, seg_env_rm, 16, FTW_DEPTH | FTW_PHYS),
			 0);
}

/* ---- files ---- */

static inline uint64_t seg_env_make(struct seg_env *e, const char *name)
{
	struct cdx_cred cred = {0};
	struct cdx_attr attr;

	assert_int_equal(cdx_vol_mknod(e->v, CDX_ROOT_INO, name, S_IFREG | 0644,
				       0, &cred, &attr),
			 0);
	return attr.ino;
}

static inline uint64_t seg_env_find(struct seg_env *e, const char *name)
{
	struct cdx_attr attr;

	if (cdx_vol_lookup(e->v, CDX_ROOT_INO, name, &attr) < 0)
		return 0;
	return attr.ino;
}

static inline void seg_env_drop(struct seg_env *e, const char *name)
{
	uint64_t ino = seg_env_find(e, name);

	assert_int_equal(cdx_vol_unlink(e->v, CDX_ROOT_INO, name), 0);
	/* creation and this look-up */
	cdx_vol_forget(e->v, ino, 1000);
	/* its atime may be waiting for a commit, with a pin */
	assert_int_equal(cdx_store_commit(e->s), 0);
	cdx_orphan_drain(e->v);
}

static inline void seg_env_write(struct seg_env *e, uint64_t ino, uint64_t off,
				 const void *p, size_t len)
{
	for (size_t done = 0; done < len;) {
		size_t n = len - done < ENV_MIB ? len - done : ENV_MIB;

		assert_int_equal(cdx_vol_write(e->v, ino, off + done,
					       (const uint8_t *)p + done, n,
					       false),
				 0);
		done += n;
	}
}

/* A read, which may end on another thread */
struct seg_env_read {
	uint8_t *out;
	ssize_t result;
	bool done;
	pthread_mutex_t mu;
	pthread_cond_t cv;
};

static inline void seg_env_got(void *arg, const uint8_t *buf, ssize_t result)
{
	struct seg_env_read *r = arg;

	pthread_mutex_lock(&r->mu);
	r->result = result;
	if (result > 0)
		memcpy(r->out, buf, (size_t)result);
	r->done = true;
	pthread_cond_signal(&r->cv);
	pthread_mutex_unlock(&r->mu);
}

static inline ssize_t seg_env_wait(struct seg_env_read *r)
{
	pthread_mutex_lock(&r->mu);
	while (!r->done)
		(void)pthread_cond_wait(&r->cv, &r->mu);
	pthread_mutex_unlock(&r->mu);
	pthread_mutex_destroy(&r->mu);
	pthread_cond_destroy(&r->cv);
	return r->result;
}

static inline void seg_env_read_init(struct seg_env_read *r, uint8_t *out)
{
	r->out = out;
	r->result = -EIO;
	r->done = false;
	pthread_mutex_init(&r->mu, NULL);
	pthread_cond_init(&r->cv, NULL);
}

static inline ssize_t seg_env_read(struct seg_env *e, uint64_t ino,
				   uint64_t off, void *out, size_t len)
{
	struct seg_env_read r;

	seg_env_read_init(&r, out);
	cdx_vol_read(e->v, ino, off, len, seg_env_got, &r);
	return seg_env_wait(&r);
}

/* The bytes of a file are exactly these */
static inline void seg_env_same(struct seg_env *e, uint64_t ino, const void *p,
				size_t len)
{
	uint8_t *got = malloc(ENV_MIB);

	assert_non_null(got);
	for (size_t done = 0; done < len;) {
		size_t n = len - done < ENV_MIB ? len - done : ENV_MIB;

		assert_int_equal(seg_env_read(e, ino, done, got, n), n);
		assert_memory_equal(got, (const uint8_t *)p + done, n);
		done += n;
	}
	assert_int_equal(seg_env_read(e, ino, len, got, 1), 0);
	free(got);
}

static inline void seg_env_commit(struct seg_env *e)
{
	assert_int_equal(cdx_store_commit(e->s), 0);
}

/* Commits until no space waits to be given back */
static inline void seg_env_reclaim(struct seg_env *e)
{
	for (int i = 0; i < 5; i++) {
		seg_env_commit(e);
		assert_true(cdx_store_reclaim(e->s) >= 0);
	}
}

/* ---- where things lie ---- */

static inline struct cdx_extent seg_env_extent(struct seg_env *e, uint64_t ino,
					       uint64_t off)
{
	static uint8_t buf[2048];
	struct cdx_extent x;

	assert_int_equal(cdx_extent_find(e->v, ino, off, &x, buf), 0);
	return x;
}

static inline void seg_env_area_path(const struct seg_env *e,
				     char out[PATH_MAX], uint64_t area)
{
	assert_true(snprintf(out, PATH_MAX, "%.3000s/areas/%016llx", e->path,
			     (unsigned long long)area) < PATH_MAX);
}

/* Changes one byte of a data file behind the store's back */
static inline void seg_env_flip(struct seg_env *e, uint64_t area, off_t off)
{
	char path[PATH_MAX];
	unsigned char c;
	int fd;

	seg_env_area_path(e, path, area);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, off), 1);
	c ^= 0x20;
	assert_int_equal(pwrite(fd, &c, 1, off), 1);
	(void)close(fd);
}

/* Copies the directory as it is now, open or not */
static inline void seg_env_copy(const struct seg_env *from, struct seg_env *to)
{
	const char *argv[] = {"cp",	  "-a",	    "--sparse=always",
			      from->path, to->path, NULL};
	int status = -1;
	pid_t pid;

	*to = *from;
	to->v = NULL;
	to->s = NULL;
	assert_true(snprintf(to->path, sizeof(to->path), "%.3000s.copy",
			     from->path) < PATH_MAX);
	assert_int_equal(posix_spawnp(&pid, argv[0], NULL, NULL,
				      (char *const *)(uintptr_t)argv, environ),
			 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- segments ---- */

struct seg_env_count {
	unsigned open;
	unsigned sealing;
	unsigned sealed;
	unsigned dropping;
	struct cdx_segment_info last_sealed;
	struct cdx_segment_info last_open;
};

static inline int seg_env_count_one(void *arg, const struct cdx_segment_info *i)
{
	struct seg_env_count *c = arg;

	switch ((enum cdx_seg_state)i->state) {
	case CDX_SEG_OPEN:
		c->open++;
		c->last_open = *i;
		break;
	case CDX_SEG_SEALING:
		c->sealing++;
		break;
	case CDX_SEG_SEALED:
		c->sealed++;
		c->last_sealed = *i;
		break;
	case CDX_SEG_DROPPING:
		c->dropping++;
		break;
	}
	return 0;
}

static inline struct seg_env_count seg_env_segments(struct seg_env *e)
{
	struct seg_env_count c;

	memset(&c, 0, sizeof(c));
	assert_int_equal(cdx_vol_segments(e->v, seg_env_count_one, &c), 0);
	return c;
}

/* ---- fsck ---- */

static inline void seg_env_finding(void *arg, const char *what,
				   const char *detail)
{
	unsigned *n = arg;

	if ((*n)++ < 10)
		print_message("fsck: %s: %s\n", what, detail);
}

/* Number of things wrong */
static inline unsigned seg_env_fsck(struct seg_env *e)
{
	unsigned n = 0;
	struct cdx_fsck f = {.report = seg_env_finding, .arg = &n};

	seg_env_commit(e);
	assert_int_equal(cdx_store_fsck(e->s, &f), 0);
	assert_int_equal(cdx_vol_fsck(e->v, &f), 0);
	assert_int_equal(f.errors, n);
	return n;
}

static inline void seg_env_clean(struct seg_env *e)
{
	assert_int_equal(seg_env_fsck(e), 0);
}

#endif
