/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/env.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "store/env_check.h"

/* Address space, not disk: generous, because it cannot grow while readers run.
 * Halved until the machine grants it. */
#define MAP_MAX (UINT64_C(1) << 38)
#define MAP_MIN (UINT64_C(1) << 28)
#define READERS 512u

static const char *const names[CDX_DBS] = {
	[CDX_DB_META] = "meta",	      [CDX_DB_INODE] = "inode",
	[CDX_DB_DENTRY] = "dentry",   [CDX_DB_COOKIE] = "cookie",
	[CDX_DB_XATTR] = "xattr",     [CDX_DB_EXTENT] = "extent",
	[CDX_DB_BACKREF] = "backref", [CDX_DB_ORPHAN] = "orphan",
	[CDX_DB_SEGMENT] = "segment", [CDX_DB_AREA] = "area",
	[CDX_DB_FREE] = "free",	      [CDX_DB_LEAF] = "leaf",
	[CDX_DB_BLOCK] = "block",     [CDX_DB_DATASET] = "dataset",
	[CDX_DB_TREE] = "tree",	      [CDX_DB_PROTECTION] = "protection",
	[CDX_DB_SLOT_NODE] = "slot",  [CDX_DB_PUBLIC] = "public",
	[CDX_DB_CACHE] = "cache",     [CDX_DB_CACHE_AGE] = "age",
	[CDX_DB_HELD_PAGE] = "page",
};

/* The first of those that came later */
#define LATER CDX_DB_PROTECTION

int cdx_env_err(int rc)
{
	if (rc == 0)
		return 0;
	if (rc > 0)
		return -rc;
	switch (rc) {
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_MAP_FULL:
		return -ENOSPC;
	case MDB_READERS_FULL:
		return -EMFILE;
	case MDB_VERSION_MISMATCH:
		return CDX_E_VERSION;
	case MDB_INVALID:
		return CDX_E_FORMAT;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INCOMPATIBLE:
		return CDX_E_CORRUPT;
	default:
		return -EIO;
	}
}

static int open_mdb(MDB_env *mdb, const char *path, bool create)
{
	uint64_t size = MAP_MAX;
	int rc;

	rc = mdb_env_set_maxdbs(mdb, CDX_DBS);
	if (!rc)
		rc = mdb_env_set_maxreaders(mdb, READERS);
	if (rc)
		return cdx_env_err(rc);
	for (; size >= MAP_MIN; size /= 2) {
		if (size > SIZE_MAX / 2)
			continue;
		rc = mdb_env_set_mapsize(mdb, (size_t)size);
		if (rc)
			return cdx_env_err(rc);
		/* NOTLS: a reader belongs to whoever holds it, not to a
		 * thread.  NORDAHEAD: lookups are random. */
		rc = mdb_env_open(mdb, path,
				  MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD,
				  create ? 0600 : 0);
		if (rc != ENOMEM)
			break;
	}
	return cdx_env_err(rc);
}

static int open_tables(struct cdx_env *env, bool create)
{
	MDB_txn *txn;
	unsigned i;
	int rc;

	rc = mdb_txn_begin(env->mdb, NULL, create ? 0 : MDB_RDONLY, &txn);
	if (rc)
		return cdx_env_err(rc);
	for (i = 0; i < CDX_DBS; i++) {
		rc = mdb_dbi_open(txn, names[i], create ? MDB_CREATE : 0,
				  &env->dbi[i]);
		if (rc == MDB_NOTFOUND && i >= LATER) {
			env->dbi[i] = CDX_ENV_NO_DBI;
			rc = 0;
		}
		if (rc) {
			mdb_txn_abort(txn);
			return rc == MDB_NOTFOUND ? CDX_E_FORMAT
						  : cdx_env_err(rc);
		}
	}
	return cdx_env_err(mdb_txn_commit(txn));
}

static bool has_all_tables(const struct cdx_env *env)
{
	for (unsigned i = LATER; i < CDX_DBS; i++)
		if (env->dbi[i] == CDX_ENV_NO_DBI)
			return false;
	return true;
}

int cdx_env_add_tables(struct cdx_env *env)
{
	MDB_txn *txn;
	int rc = 0;

	if (has_all_tables(env))
		return 0;
	rc = mdb_txn_begin(env->mdb, NULL, 0, &txn);
	if (rc)
		return cdx_env_err(rc);
	for (unsigned i = LATER; i < CDX_DBS && !rc; i++)
		if (env->dbi[i] == CDX_ENV_NO_DBI)
			rc = mdb_dbi_open(txn, names[i], MDB_CREATE,
					  &env->dbi[i]);
	if (rc) {
		mdb_txn_abort(txn);
		return cdx_env_err(rc);
	}
	return cdx_env_err(mdb_txn_commit(txn));
}

int cdx_env_open(struct cdx_env *env, const char *dir, bool create)
{
	char path[4096];
	int r;

	memset(env, 0, sizeof(*env));
	r = snprintf(path, sizeof(path), "%s/db", dir);
	if (r < 0 || (size_t)r >= sizeof(path))
		return -ENAMETOOLONG;
	r = create ? 0 : cdx_env_check_length(path);
	if (!r)
		r = cdx_env_err(mdb_env_create(&env->mdb));
	if (r < 0)
		return r;
	(void)pthread_mutex_init(&env->mu, NULL);
	r = open_mdb(env->mdb, path, create);
	if (!r)
		r = cdx_env_fit(env->mdb, path, !create);
	if (!r)
		r = open_tables(env, create);
	if (r < 0)
		cdx_env_close(env);
	return r;
}

void cdx_env_close(struct cdx_env *env)
{
	if (!env->mdb)
		return;
	while (env->idle_n > 0)
		mdb_txn_abort(env->idle[--env->idle_n]);
	mdb_env_close(env->mdb);
	(void)pthread_mutex_destroy(&env->mu);
	env->mdb = NULL;
}

int cdx_env_read_begin(struct cdx_env *env, MDB_txn **out)
{
	MDB_txn *txn = NULL;
	int rc;

	pthread_mutex_lock(&env->mu);
	if (env->idle_n > 0)
		txn = env->idle[--env->idle_n];
	pthread_mutex_unlock(&env->mu);
	if (!txn)
		return cdx_env_err(
			mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, out));
	rc = mdb_txn_renew(txn);
	if (rc) {
		mdb_txn_abort(txn);
		return cdx_env_err(rc);
	}
	*out = txn;
	return 0;
}

void cdx_env_read_end(struct cdx_env *env, MDB_txn *txn)
{
	mdb_txn_reset(txn);
	pthread_mutex_lock(&env->mu);
	if (env->idle_n < CDX_ENV_IDLE) {
		env->idle[env->idle_n++] = txn;
		txn = NULL;
	}
	pthread_mutex_unlock(&env->mu);
	if (txn)
		mdb_txn_abort(txn);
}

int cdx_env_get(struct cdx_env *env, MDB_txn *txn, enum cdx_db db,
		const void *key, size_t key_len, MDB_val *val)
{
	MDB_val k = {.mv_size = key_len};

	if (env->dbi[db] == CDX_ENV_NO_DBI)
		return -ENOENT;
	/* LMDB does not write through it, but the member is not const */
	memcpy(&k.mv_data, &key, sizeof(key));
	return cdx_env_err(mdb_get(txn, env->dbi[db], &k, val));
}
