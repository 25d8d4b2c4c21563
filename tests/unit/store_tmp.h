/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_STORE_TMP_H
#define CDX_TESTS_UNIT_STORE_TMP_H

/* A store in a temporary directory, for the tests of the data-file side.
 * Include after cmocka.h. */

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/area.h"
#include "store/areas.h"
#include "store/fsck.h"
#include "store/internal.h"
#include "store/store.h"

struct tmp_store {
	char path[PATH_MAX];
	struct cdx_store *s;
	struct cdx_log log;
	unsigned commit_ms; /* 0: the test commits by hand */
};

static inline int tmp_rm_one(const char *path, const struct stat *st, int flag,
			     struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void tmp_store_open(struct tmp_store *t)
{
	struct cdx_store_opts opts = {
		.path = t->path,
		.log = &t->log,
		.commit_ms = t->commit_ms != 0 ? t->commit_ms : 3600000,
	};
	char holder[256];

	cdx_log_init(&t->log,
		     getenv("CDX_TEST_LOG") != NULL ? CDX_LOG_TO_STDERR
						    : CDX_LOG_TO_NONE,
		     CDX_LOG_DEBUG);
	assert_int_equal(cdx_store_open(&t->s, &opts, holder, sizeof(holder)),
			 0);
	assert_int_equal(cdx_store_start(t->s, NULL, NULL, NULL, NULL), 0);
}

static inline void tmp_store_new(struct tmp_store *t, uint64_t share)
{
	struct cdx_store_config config = {
		.share = {share, share, share},
		.k = 10,
		.m = 5,
		.log_bytes = 16u << 20,
	};
	const char *dir = getenv("TMPDIR");

	memset(t, 0, sizeof(*t));
	(void)snprintf(t->path, sizeof(t->path), "%s/cdx-store-XXXXXX",
		       dir != NULL ? dir : "/tmp");
	assert_non_null(mkdtemp(t->path));
	assert_int_equal(cdx_store_init(t->path, &config), 0);
	tmp_store_open(t);
}

static inline void tmp_store_close(struct tmp_store *t)
{
	assert_int_equal(cdx_store_close(t->s), 0);
	t->s = NULL;
}

static inline void tmp_store_reopen(struct tmp_store *t)
{
	tmp_store_close(t);
	tmp_store_open(t);
}

static inline void tmp_store_free(struct tmp_store *t)
{
	if (t->s != NULL)
		tmp_store_close(t);
	assert_int_equal(nftw(t->path, tmp_rm_one, 16, FTW_DEPTH | FTW_PHYS),
			 0);
}

/* Name of a data file */
static inline void tmp_area_path(const struct tmp_store *t, char out[PATH_MAX],
				 uint64_t id)
{
	assert_true(snprintf(out, PATH_MAX, "%.3000s/areas/%016llx", t->path,
			     (unsigned long long)id) < PATH_MAX);
}

/* Overwrites one byte of a data file behind the store's back. */
static inline void tmp_area_flip(const struct tmp_store *t, uint64_t id,
				 off_t off)
{
	char path[PATH_MAX];
	unsigned char c;
	int fd;

	tmp_area_path(t, path, id);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, off), 1);
	c ^= 0x40;
	assert_int_equal(pwrite(fd, &c, 1, off), 1);
	(void)close(fd);
}

/* ---- what fsck found ---- */

#define TMP_FINDINGS 32
struct tmp_findings {
	unsigned n;
	char what[TMP_FINDINGS][40];
	struct cdx_fsck f;
};

static inline void tmp_finding(void *arg, const char *what, const char *detail)
{
	struct tmp_findings *v = arg;

	if (getenv("CDX_TEST_LOG") != NULL)
		printf("fsck: %s: %s\n", what, detail);
	if (v->n < TMP_FINDINGS)
		(void)snprintf(v->what[v->n], sizeof(v->what[0]), "%s", what);
	v->n++;
}

static inline void tmp_fsck(struct tmp_store *t, struct tmp_findings *v)
{
	memset(v, 0, sizeof(*v));
	v->f.report = tmp_finding;
	v->f.arg = v;
	assert_int_equal(cdx_store_fsck(t->s, &v->f), 0);
	assert_int_equal(v->f.errors, v->n);
}

static inline unsigned tmp_found(const struct tmp_findings *v, const char *what)
{
	unsigned n = 0;

	for (unsigned i = 0; i < v->n && i < TMP_FINDINGS; i++)
		n += strcmp(v->what[i], what) == 0;
	return n;
}

static inline void tmp_fsck_clean(struct tmp_store *t)
{
	struct tmp_findings v;

	tmp_fsck(t, &v);
	if (v.n != 0)
		print_error("first finding: %s\n", v.what[0]);
	assert_int_equal(v.n, 0);
}

/* Commits until no space waits to be given back. */
static inline void tmp_reclaim(struct tmp_store *t)
{
	for (int i = 0; i < 4; i++) {
		assert_int_equal(cdx_store_commit(t->s), 0);
		assert_true(cdx_store_reclaim(t->s) >= 0);
	}
	assert_int_equal(cdx_store_commit(t->s), 0);
}

#endif
