/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "crypto/hash.h"
#include "store/env_check.h"
#include "store/internal.h"
#include "store/lock.h"

#define COMMIT_MS 5000u
#define GROUP_BYTES (32u << 20)
/* Unlogged batches kept for fsync; beyond it fsync is a group commit. */
#define FIFO_BYTES (8u << 20)

/* ---- open ---- */

/* A meta value of the last commit, of @least to @len bytes; returns its length.
 * Its absence is @missing. */
static int read_meta(struct cdx_store *s, const char *key, uint8_t *out,
		     size_t least, size_t len, int missing)
{
	MDB_txn *txn;
	MDB_val v;
	int r;

	r = cdx_env_read_begin(&s->env, &txn);
	if (r < 0)
		return r;
	r = cdx_env_get(&s->env, txn, CDX_DB_META, key, strlen(key), &v);
	if (!r && v.mv_size >= least && v.mv_size <= len) {
		memcpy(out, v.mv_data, v.mv_size);
		r = (int)v.mv_size;
	} else if (!r)
		r = CDX_E_CORRUPT;
	else if (r == -ENOENT)
		r = missing;
	cdx_env_read_end(&s->env, txn);
	return r;
}

static int load_state(struct cdx_store *s)
{
	uint8_t b[CDX_META_STATE_LEN];
	uint8_t c[CDX_META_COUNTERS_LEN];
	struct cdx_meta_state st;
	unsigned i;
	int r;

	r = read_meta(s, CDX_META_STATE, b, sizeof(b), sizeof(b),
		      CDX_E_CORRUPT);
	if (r >= 0)
		r = read_meta(s, CDX_META_COUNTERS, c, sizeof(c), sizeof(c),
			      CDX_E_CORRUPT);
	if (r < 0)
		return r;
	if (cdx_meta_state_decode(&st, b, sizeof(b)) < 0)
		return CDX_E_CORRUPT;
	for (i = 0; i < CDX_COUNTERS; i++)
		atomic_store(&s->counters[i],
			     (int64_t)cdx_get_be64(c + 8 * (size_t)i));
	atomic_store(&s->durable_group, st.group);
	atomic_store(&s->group, st.group + 1);
	s->seq = st.seq;
	s->covered = st.seq;
	s->logged = st.seq;
	s->ilog.head = st.log_pos;
	s->ilog.tail = st.log_pos;
	s->ilog.seq = st.log_seq;
	return 0;
}

static int load(struct cdx_store *s)
{
	uint8_t config[CDX_META_CONFIG_LEN];
	uint8_t format[4];
	int r;

	r = read_meta(s, CDX_META_FORMAT, format, sizeof(format),
		      sizeof(format), CDX_E_FORMAT);
	if (r < 0)
		return r;
	if (cdx_get_be32(format) > CDX_STORE_VERSION)
		return CDX_E_VERSION;
	r = read_meta(s, CDX_META_CONFIG, config, CDX_META_CONFIG_OLD_LEN,
		      sizeof(config), CDX_E_CORRUPT);
	if (r < 0)
		return r;
	if (cdx_meta_config_decode(&s->config, config, (size_t)r) < 0)
		return CDX_E_CORRUPT;
	r = cdx_ilog_open(&s->ilog, s->dirfd, s->config.log_bytes,
			  s->config.id);
	if (r < 0)
		cdx_log(s->log, ERROR, "store",
			"%s/log: %s: it is missing, cut, or of another store; "
			"put the right one back",
			s->path, cdx_strerror(r));
	return r < 0 ? r : load_state(s);
}

static int init_memory(struct cdx_store *s)
{
	int r = cdx_memtable_new(&s->fill);

	return r < 0 ? r : cdx_view_new(&s->view, s->fill, NULL);
}

static void init_locks(struct cdx_store *s)
{
	pthread_condattr_t mono;

	(void)pthread_condattr_init(&mono);
	(void)pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&s->mu, NULL);
	(void)pthread_mutex_init(&s->view_mu, NULL);
	(void)pthread_cond_init(&s->room_cv, NULL);
	(void)pthread_cond_init(&s->log_cv, NULL);
	(void)pthread_cond_init(&s->work_cv, &mono);
	(void)pthread_condattr_destroy(&mono);
}

static int new_store(struct cdx_store **out, const struct cdx_store_opts *o)
{
	struct cdx_store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->dirfd = -1;
	s->lockfd = -1;
	s->ilog.fd = -1;
	s->log = o->log;
	s->readonly = o->readonly;
	s->commit_ms = o->commit_ms ? o->commit_ms : COMMIT_MS;
	s->group_bytes = o->group_bytes ? o->group_bytes : GROUP_BYTES;
	init_locks(s);
	cdx_list_init(&s->tickets);
	cdx_fifo_init(&s->fifo, FIFO_BYTES);
	s->path = strdup(o->path);
	*out = s;
	return s->path ? 0 : -ENOMEM;
}

/* A file that is not LMDB's is damage when the rest of a store is there. */
static int open_env(struct cdx_store *s, bool check)
{
	char path[4096];
	int r = snprintf(path, sizeof(path), "%s/db", s->path);

	if (r < 0 || (size_t)r >= sizeof(path))
		return -ENAMETOOLONG;
	r = check ? cdx_env_check_length(path) : 0;
	if (!r && check)
		r = cdx_env_check_pages(path);
	if (!r)
		r = cdx_env_open(&s->env, s->path, false);
	if (!r && !s->readonly)
		r = cdx_env_add_tables(&s->env);
	if (r == CDX_E_FORMAT && faccessat(s->dirfd, "areas", F_OK, 0) == 0)
		r = CDX_E_CORRUPT;
	if (r == CDX_E_CORRUPT)
		cdx_log(s->log, ERROR, "store",
			"%s is damaged or cut short; only a copy of it helps",
			path);
	return r;
}

static int open_all(struct cdx_store *s, bool check, char *holder,
		    size_t holder_len)
{
	int r;

	s->dirfd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0)
		return -errno;
	if (faccessat(s->dirfd, "db", F_OK, 0) < 0)
		return errno == ENOENT ? CDX_E_FORMAT : -errno;
	r = cdx_lock_take(&s->lockfd, s->dirfd, holder, holder_len);
	if (!r)
		r = open_env(s, check);
	if (!r)
		r = load(s);
	if (!r)
		r = init_memory(s);
	return r < 0 ? r : cdx_areas_open(&s->areas, s);
}

int cdx_store_open(struct cdx_store **out, const struct cdx_store_opts *opts,
		   char *holder, size_t holder_len)
{
	struct cdx_store *s = NULL;
	int r;

	*out = NULL;
	r = new_store(&s, opts);
	if (!r)
		r = open_all(s, opts->check_db, holder, holder_len);
	if (r < 0) {
		(void)cdx_store_close(s);
		return r;
	}
	*out = s;
	return 0;
}

int cdx_store_start(struct cdx_store *s, const struct cdx_key *log_key,
		    const struct cdx_store_hooks *hooks, void *hooks_arg,
		    const struct cdx_store_replay *replay)
{
	int r;

	if (s->started)
		return CDX_E_SEQUENCE;
	if (log_key) {
		s->ilog.key = *log_key;
		s->has_key = true;
	}
	if (hooks)
		s->hooks = *hooks;
	s->hooks_arg = hooks_arg;
	/* from here on there may be data: no init takes it for its own */
	r = s->readonly ? 0 : cdx_init_finish(s->dirfd);
	if (!r)
		r = cdx_replay(s, replay);
	if (!r)
		r = cdx_areas_start(s);
	if (r < 0)
		return r;
	/* before the committer, whose hooks apply batches at once */
	s->started = true;
	r = s->readonly ? 0 : cdx_group_start(s);
	if (r < 0)
		return r;
	if (s->log_replayed > 0)
		cdx_log(s->log, INFO, "store", "replayed %llu log records",
			(unsigned long long)s->log_replayed);
	return s->readonly ? 0 : cdx_areas_resume(s);
}

int cdx_store_close(struct cdx_store *s)
{
	struct cdx_list left;
	int r = 0;

	if (!s)
		return 0;
	if (s->committer_runs)
		r = cdx_group_stop(s);
	cdx_areas_close(s->areas);
	cdx_group_drop(&s->group_frozen);
	cdx_batch_refs_clear(&s->carry);
	cdx_list_init(&left);
	cdx_fifo_take(&s->fifo, &left);
	cdx_batch_list_free(&left);
	cdx_view_put(s->view);
	cdx_memtable_unref(s->fill);
	cdx_ilog_close(&s->ilog);
	cdx_env_close(&s->env);
	cdx_lock_drop(&s->lockfd);
	cdx_close(&s->dirfd);
	(void)pthread_mutex_destroy(&s->mu);
	(void)pthread_mutex_destroy(&s->view_mu);
	(void)pthread_cond_destroy(&s->room_cv);
	(void)pthread_cond_destroy(&s->log_cv);
	(void)pthread_cond_destroy(&s->work_cv);
	free(s->path);
	free(s);
	return r;
}
