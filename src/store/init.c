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
#define COLUMNS_MAX 256u

/* Fills in what the caller left open.  -EINVAL. */
static int complete(struct cdx_store_config *c)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < CDX_SHARES; i++) {
		if (__builtin_add_overflow(sum, c->share[i], &sum))
			return -EINVAL;
	}
	if (sum == 0 || sum > INT64_MAX || c->k == 0 || c->k > COLUMNS_MAX ||
	    c->m > COLUMNS_MAX)
		return -EINVAL;
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

/* 0 when nothing is in the directory */
static int check_empty(int dirfd)
{
	const struct dirent *e;
	DIR *d;
	int r = 0;
	int fd;

	if (faccessat(dirfd, "db", F_OK, 0) == 0)
		return -EEXIST;
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		(void)close(fd);
		return -ENOMEM;
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): @d is only ours */
	while (!r && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
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

/* LMDB last: a directory with a complete one is a store. */
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

static void undo(int dirfd)
{
	(void)unlinkat(dirfd, "db", 0);
	(void)unlinkat(dirfd, "db-lock", 0);
	(void)unlinkat(dirfd, "log", 0);
	(void)unlinkat(dirfd, "areas", AT_REMOVEDIR);
	(void)unlinkat(dirfd, "lock", 0);
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
	r = faccessat(dirfd, "db", F_OK, 0) == 0 ? -EEXIST : 0;
	if (!r) {
		r = fill(dirfd, path, c);
		if (r < 0)
			undo(dirfd);
	}
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
