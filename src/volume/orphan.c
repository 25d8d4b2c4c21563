/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"

/* What one batch of a purge takes at most */
#define PURGE_EXTENTS 64u
#define PURGE_XATTRS 128u
#define CLEAN_AT_ONCE 256u

/* ---- queues; callers hold cache_mu ---- */

static bool push(struct cdx_inoq *q, uint64_t ino)
{
	if (q->len == q->cap) {
		size_t cap = q->cap == 0 ? 64 : q->cap * 2;
		uint64_t *p = reallocarray(q->p, cap, sizeof(*p));

		if (p == NULL)
			return false;
		q->p = p;
		q->cap = cap;
	}
	q->p[q->len++] = ino;
	return true;
}

static uintptr_t state(struct cdx_volume *v, uint64_t ino)
{
	return (uintptr_t)cdx_map_get(&v->orphans, ino);
}

/* The key is there: no memory is needed, so it does not fail. */
static bool set_state(struct cdx_volume *v, uint64_t ino,
		      enum cdx_orphan_state st)
{
	return cdx_map_put(&v->orphans, ino, cdx_map_num(st)) == 0;
}

static bool in_use(struct cdx_volume *v, uint64_t ino)
{
	const struct cdx_vnode *n = cdx_map_get(&v->vnodes, ino);

	return (n != NULL && n->pins > n->keeps) ||
	       cdx_map_get(&v->lookups, ino) != NULL;
}

void cdx_orphan_check_locked(struct cdx_volume *v, uint64_t ino)
{
	if (v->orphans.len == 0 || state(v, ino) != CDX_ORPHAN_WAITING ||
	    in_use(v, ino))
		return;
	/* without memory for it, the next open cleans up */
	if (push(&v->purge, ino) && !set_state(v, ino, CDX_ORPHAN_QUEUED))
		v->purge.len--;
}

/* Takes one that is still nobody's; CLAIMED keeps it so. */
static bool claim(struct cdx_volume *v, struct cdx_inoq *q, uint64_t *out)
{
	bool found = false;

	pthread_mutex_lock(&v->cache_mu);
	while (!found && q->len > 0) {
		uint64_t ino = q->p[--q->len];
		uintptr_t st = state(v, ino);

		if (st == CDX_ORPHAN_CLAIMED)
			found = true; /* the rest of a large one */
		else if (st == CDX_ORPHAN_QUEUED && in_use(v, ino))
			(void)set_state(v, ino, CDX_ORPHAN_WAITING);
		else if (st == CDX_ORPHAN_QUEUED)
			found = set_state(v, ino, CDX_ORPHAN_CLAIMED);
		*out = ino;
	}
	pthread_mutex_unlock(&v->cache_mu);
	return found;
}

void cdx_orphan_forget(struct cdx_volume *v, uint64_t ino)
{
	pthread_mutex_lock(&v->cache_mu);
	cdx_map_del(&v->orphans, ino);
	pthread_mutex_unlock(&v->cache_mu);
}

/* ---- purging ---- */

static void batch_del_ino(struct cdx_batch *b, enum cdx_db db, uint64_t ino)
{
	uint8_t key[8];

	cdx_put_be64(key, ino);
	cdx_batch_del(b, db, key, sizeof(key));
}

/* One batch of a purge; 1 when there is more.  Caller holds the lock. */
static int purge_batch(struct cdx_volume *v, struct cdx_vnode *n)
{
	struct cdx_batch *b CDX_CLEANUP(cdx_batch_dropp) = NULL;
	struct cdx_batch *full;
	int more;
	int rc = cdx_batch_new(&b, v->store);

	if (rc < 0)
		return rc;
	more = cdx_data_purge(v, n, b, PURGE_EXTENTS);
	if (more == 0)
		more = cdx_xattr_purge(v, b, n->ino, PURGE_XATTRS);
	if (more < 0)
		return more;
	if (more > 0) {
		cdx_vnode_store(b, n);
	} else {
		batch_del_ino(b, CDX_DB_INODE, n->ino);
		batch_del_ino(b, CDX_DB_ORPHAN, n->ino);
		cdx_batch_add(b, CDX_CNT_INODES, -1);
	}
	full = b;
	b = NULL;
	rc = cdx_batch_apply(full);
	return rc < 0 ? rc : more;
}

static int purge_step(struct cdx_volume *v, uint64_t ino)
{
	struct cdx_vnode *n;
	int rc = cdx_vnode_get(v, &n, ino);

	if (rc < 0)
		return rc;
	pthread_rwlock_wrlock(&n->lock);
	if (n->dead || n->attr.nlink != 0) {
		rc = n->dead ? 0 : CDX_E_CORRUPT;
	} else {
		cdx_data_drop(v, n);
		rc = purge_batch(v, n);
		if (rc == 0)
			cdx_vnode_kill(v, n);
	}
	pthread_rwlock_unlock(&n->lock);
	cdx_vnode_put(v, n);
	if (rc < 0)
		cdx_log(v->log, ERROR, "volume",
			"inode %" PRIu64 ": purge of an unlinked file: %s", ino,
			cdx_strerror(rc));
	if (rc == 0)
		cdx_orphan_forget(v, ino);
	return rc;
}

int cdx_orphan_purge(struct cdx_volume *v, uint64_t ino)
{
	int rc;

	do
		rc = purge_step(v, ino);
	while (rc > 0);
	return rc;
}

static void purge_job(void *arg)
{
	struct cdx_volume *v = arg;
	uint64_t ino;

	for (;;) {
		/* a failure was logged; the next open tries again */
		while (claim(v, &v->big, &ino))
			(void)!cdx_orphan_purge(v, ino);
		pthread_mutex_lock(&v->cache_mu);
		if (v->big.len == 0)
			break;
		pthread_mutex_unlock(&v->cache_mu);
	}
	v->purging = false;
	pthread_cond_broadcast(&v->purge_cv);
	pthread_mutex_unlock(&v->cache_mu);
}

/* Gives the rest of a large inode to the pool; false: do it here */
static bool hand_over(struct cdx_volume *v, uint64_t ino)
{
	bool start;

	if (v->pool == NULL)
		return false;
	pthread_mutex_lock(&v->cache_mu);
	if (!push(&v->big, ino)) {
		pthread_mutex_unlock(&v->cache_mu);
		return false;
	}
	start = !v->purging;
	v->purging = true;
	pthread_mutex_unlock(&v->cache_mu);
	/* it takes locks of the volume: not for a worker that may be starved */
	if (start && cdx_pool_submit(v->pool, CDX_POOL_WRITE, purge_job, v) < 0)
		purge_job(v);
	return true;
}

void cdx_orphan_run(struct cdx_volume *v)
{
	uint64_t ino;

	while (claim(v, &v->purge, &ino)) {
		int rc = purge_step(v, ino);

		if (rc > 0 && !hand_over(v, ino))
			(void)!cdx_orphan_purge(v, ino);
	}
}

void cdx_orphan_drain(struct cdx_volume *v)
{
	uint64_t ino;

	cdx_orphan_run(v);
	pthread_mutex_lock(&v->cache_mu);
	while (v->purging)
		pthread_cond_wait(&v->purge_cv, &v->cache_mu);
	pthread_mutex_unlock(&v->cache_mu);
	while (claim(v, &v->big, &ino))
		(void)!cdx_orphan_purge(v, ino);
}

/* ---- what a crash left ---- */

static int orphans_after(struct cdx_volume *v, uint64_t from,
			 uint64_t out[CLEAN_AT_ONCE])
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	uint8_t key[8];
	int n = 0;
	int rc;

	cdx_put_be64(key, from);
	rc = cdx_kv_iter_open(v->store, &it, CDX_DB_ORPHAN, NULL, 0, key,
			      sizeof(key));
	while (rc >= 0 && n < (int)CLEAN_AT_ONCE) {
		rc = cdx_kv_iter_next(it, &pair);
		if (rc <= 0)
			break;
		if (pair.key_len != sizeof(key))
			return CDX_E_CORRUPT;
		out[n++] = cdx_get_be64(pair.key);
	}
	return rc < 0 ? rc : n;
}

static int drop_record(struct cdx_volume *v, uint64_t ino)
{
	struct cdx_batch *b;
	int rc = cdx_batch_new(&b, v->store);

	if (rc < 0)
		return rc;
	batch_del_ino(b, CDX_DB_ORPHAN, ino);
	return cdx_batch_apply(b);
}

int cdx_orphan_clean(struct cdx_volume *v)
{
	uint64_t ino[CLEAN_AT_ONCE];
	uint64_t from = 0;
	int n;

	for (;;) {
		n = orphans_after(v, from, ino);
		if (n <= 0)
			return n;
		for (int i = 0; i < n; i++) {
			int rc = cdx_orphan_purge(v, ino[i]);

			if (rc == -ESTALE)
				rc = drop_record(v, ino[i]);
			/* damage was logged and is fsck's; go on */
			if (rc < 0 && rc != CDX_E_CORRUPT && rc != -EIO)
				return rc;
		}
		from = ino[n - 1] + 1;
	}
}
