/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "store/areas.h"
#include "store/internal.h"
#include "store/lock.h"

#define LOG_DEFAULT_MIN (UINT64_C(16) << 20)
#define LOG_DEFAULT_MAX (UINT64_C(128) << 20)

/* Fills in what the caller left open.  -EINVAL. */
static int complete(struct cdx_store_config *c)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < CDX_SHARES; i++) {
		if (__builtin_add_overflow(sum, c->share[i], &sum))
			return -EINVAL;
	}
	if (sum == 0 || sum > INT64_MAX || c->k == 0 ||
	    c->k > CDX_COLUMNS_MAX || c->m > CDX_COLUMNS_MAX)
		return -EINVAL;
	if (c->codec == 0)
		c->codec = 1;
	c->loose_k = c->k;
	c->loose_m = c->m;
	if (c->log_bytes == 0) {
		c->log_bytes = sum / 64;
		if (c->log_bytes < LOG_DEFAULT_MIN)
			c->log_bytes = LOG_DEFAULT_MIN;
		if (c->log_bytes > LOG_DEFAULT_MAX)
			c->log_bytes = LOG_DEFAULT_MAX;
		c->log_bytes &= ~(uint64_t)(CDX_ILOG_ALIGN - 1);
	}
	if (c->log_bytes < CDX_ILOG_MIN || c->log_bytes > CDX_ILOG_MAX ||
	    c->log_bytes % CDX_ILOG_ALIGN != 0)
		return -EINVAL;
	cdx_random(c->id, sizeof(c->id));
	c->created = cdx_clock_wall_s();
	return 0;
}

/*
 * An init that is killed leaves CDX_INIT_MARK beside what it made, until the
 * store is started for the first time; another init takes such a directory as
 * its own, and never one with anything else in it.
 */
static const char *const ours[] = {"db",    "db-lock", "log",
				   "areas", "lock",    CDX_INIT_MARK};

/* The key file (not ours, but of the same init), also before its rename, is
 * lost with the store: nothing was ever sealed with it. */
static bool is_key(const char *name)
{
	return strcmp(name, "key") == 0 || strncmp(name, ".key.", 5) == 0;
}

static bool is_ours(const char *name)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(ours); i++) {
		if (strcmp(name, ours[i]) == 0)
			return true;
	}
	return is_key(name);
}

static bool has(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static DIR *open_list(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d == NULL && fd >= 0)
		(void)close(fd);
	return d;
}

/* 0 when a store can be made here: nothing is there, or what a killed init
 * left.  A lock file alone is nothing. */
static int check_empty(int dirfd)
{
	bool marked = has(dirfd, CDX_INIT_MARK);
	const struct dirent *e;
	DIR *d;
	int r = 0;

	if (!marked && has(dirfd, "db"))
		return -EEXIST;
	d = open_list(dirfd);
	if (d == NULL)
		return -errno;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): @d is only ours */
	while (!r && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (marked ? !is_ours(e->d_name)
			   : strcmp(e->d_name, "lock") != 0)
			r = -ENOTEMPTY;
	}
	(void)closedir(d);
	return r;
}

static int put(MDB_txn *txn, struct cdx_env *env, const char *key,
	       const uint8_t *p, size_t len)
{
	MDB_val k = {.mv_size = strlen(key)};
	MDB_val v = {.mv_size = len};

	/* not const in LMDB, which does not write through them */
	memcpy(&k.mv_data, &key, sizeof(key));
	memcpy(&v.mv_data, &p, sizeof(p));
	return mdb_put(txn, env->dbi[CDX_DB_META], &k, &v, 0);
}

static int write_meta(struct cdx_env *env, const struct cdx_store_config *c)
{
	static const uint8_t zero[CDX_META_COUNTERS_LEN];
	struct cdx_meta_state st = {0};
	uint8_t config[CDX_META_CONFIG_LEN];
	uint8_t state[CDX_META_STATE_LEN];
	uint8_t format[4];
	MDB_txn *txn;
	int rc;

	cdx_put_be32(format, CDX_STORE_VERSION);
	cdx_meta_config_encode(config, c);
	cdx_meta_state_encode(state, &st);
	rc = mdb_txn_begin(env->mdb, NULL, 0, &txn);
	if (rc)
		return cdx_env_err(rc);
	rc = put(txn, env, CDX_META_FORMAT, format, sizeof(format));
	if (!rc)
		rc = put(txn, env, CDX_META_CONFIG, config, sizeof(config));
	if (!rc)
		rc = put(txn, env, CDX_META_STATE, state, sizeof(state));
	if (!rc)
		rc = put(txn, env, CDX_META_COUNTERS, zero, sizeof(zero));
	if (rc) {
		mdb_txn_abort(txn);
		return cdx_env_err(rc);
	}
	return cdx_env_err(mdb_txn_commit(txn));
}

static int fill(int dirfd, const char *path, const struct cdx_store_config *c)
{
	struct cdx_env env;
	int r;

	r = cdx_areas_init(dirfd);
	if (!r)
		r = cdx_ilog_create(dirfd, c->log_bytes, c->id);
	if (r < 0)
		return r;
	r = cdx_env_open(&env, path, true);
	if (r < 0)
		return r;
	r = write_meta(&env, c);
	cdx_env_close(&env);
	return r < 0 ? r : cdx_fsync_dir(dirfd);
}

/* Removes what a killed init left; the mark stays for whoever comes after a
 * kill in here. */
static int clean(int dirfd)
{
	const struct dirent *e;
	DIR *d;

	(void)unlinkat(dirfd, "db", 0);
	(void)unlinkat(dirfd, "db-lock", 0);
	(void)unlinkat(dirfd, "log", 0);
	(void)unlinkat(dirfd, "areas", AT_REMOVEDIR);
	d = open_list(dirfd);
	if (d == NULL)
		return -errno;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): @d is only ours */
	while ((e = readdir(d)) != NULL) {
		if (is_key(e->d_name))
			(void)unlinkat(dirfd, e->d_name, 0);
	}
	(void)closedir(d);
	return cdx_fsync_dir(dirfd);
}

static int mark(int dirfd)
{
	int fd = openat(dirfd, CDX_INIT_MARK,
			O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	(void)close(fd);
	return cdx_fsync_dir(dirfd);
}

int cdx_init_finish(int dirfd)
{
	if (unlinkat(dirfd, CDX_INIT_MARK, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return cdx_fsync_dir(dirfd);
}

static int make(int dirfd, const char *path, const struct cdx_store_config *c)
{
	int r = mark(dirfd);

	if (!r)
		r = clean(dirfd);
	if (!r)
		r = fill(dirfd, path, c);
	if (r < 0) {
		(void)clean(dirfd);
		(void)unlinkat(dirfd, CDX_INIT_MARK, 0);
		(void)unlinkat(dirfd, "lock", 0);
	}
	return r;
}

static int init_in(int dirfd, const char *path, struct cdx_store_config *c)
{
	int lockfd = -1;
	int r;

	r = check_empty(dirfd);
	if (!r)
		r = cdx_lock_take(&lockfd, dirfd, NULL, 0);
	if (r < 0)
		return r;
	/* somebody may have made one before we had the lock */
	r = check_empty(dirfd);
	if (!r)
		r = make(dirfd, path, c);
	cdx_lock_drop(&lockfd);
	return r;
}

/* The new directory's own entry */
static int sync_parent(int dirfd)
{
	CDX_CLEANUP(cdx_closep) int up = -1;

	up = openat(dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return up < 0 ? -errno : cdx_fsync_dir(up);
}

int cdx_store_init(const char *path, struct cdx_store_config *config)
{
	CDX_CLEANUP(cdx_closep) int dirfd = -1;
	struct cdx_store_config c = *config;
	bool made;
	int r;

	r = complete(&c);
	if (r < 0)
		return r;
	made = mkdir(path, 0700) == 0;
	if (!made && errno != EEXIST)
		return -errno;
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	r = init_in(dirfd, path, &c);
	if (!r && made)
		r = sync_parent(dirfd);
	if (r < 0) {
		if (made)
			(void)rmdir(path);
		return r;
	}
	*config = c;
	return 0;
}
