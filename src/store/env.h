/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_ENV_H
#define CDX_STORE_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "store/kv.h"

/* The LMDB environment: open tables and a pool of idle readers. */

#define CDX_ENV_IDLE 64u
#define CDX_ENV_NO_DBI UINT32_MAX /* a table that is not there */

struct cdx_env {
	MDB_env *mdb;
	MDB_dbi dbi[CDX_DBS];
	pthread_mutex_t mu;
	MDB_txn *idle[CDX_ENV_IDLE]; /* guarded by mu */
	unsigned idle_n;	     /* guarded by mu */
};

/**
 * cdx_env_open - open (or make) the environment of a store
 *
 * @env:    caller's memory
 * @dir:    directory of the store
 * @create: make file and tables
 *
 * Errors: -ENOENT, CDX_E_FORMAT not LMDB or a table is missing that was always
 * there, CDX_E_CORRUPT,
 * CDX_E_VERSION, -errno.
 */
CDX_MUST_CHECK int cdx_env_open(struct cdx_env *env, const char *dir,
				bool create);
/* Makes the tables that a store of an older codexfs lacks.  Without it they
 * read as empty ones.  Before anybody else uses @env. */
CDX_MUST_CHECK int cdx_env_add_tables(struct cdx_env *env);
void cdx_env_close(struct cdx_env *env);

/* Our result for one of LMDB's */
int cdx_env_err(int rc);

/* A reader of the last commit; end it in the function that began it or in the
 * iterator that holds it.  Thread: safe. */
CDX_MUST_CHECK int cdx_env_read_begin(struct cdx_env *env, MDB_txn **out);
void cdx_env_read_end(struct cdx_env *env, MDB_txn *txn);

/* One value as @txn sees it, borrowed until the reader ends.  -ENOENT, -EIO,
 * CDX_E_CORRUPT.  Thread: as @txn. */
CDX_MUST_CHECK int cdx_env_get(struct cdx_env *env, MDB_txn *txn,
			       enum cdx_db db, const void *key, size_t key_len,
			       MDB_val *val);

#endif
