/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

/* Bytes written out under one hold of a file's lock */
#define FLUSH_SLICE ((uint64_t)2 << 20)
#define RELIEF ((uint64_t)8 << 20)

/* The list of files with dirty data, the hold on space for them, the hooks of
 * the store. */

/* A share of the machine's memory, within bounds */
static size_t default_limit(void)
{
	long pages = sysconf(_SC_PHYS_PAGES);
	long size = sysconf(_SC_PAGESIZE);
	size_t part =
		pages > 0 && size > 0 ? (size_t)pages / 32 * (size_t)size : 0;

	if (part < CDX_DIRTY_MIN)
		return CDX_DIRTY_MIN;
	return part > CDX_DIRTY_MAX ? CDX_DIRTY_MAX : part;
}

int cdx_data_open(struct cdx_volume *v)
{
	struct cdx_data *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return -ENOMEM;
	if (pthread_mutex_init(&d->mu, NULL) != 0) {
		free(d);
		return -ENOMEM;
	}
	d->limit = v->opts.dirty_bytes ? v->opts.dirty_bytes : default_limit();
	v->data = d;
	return 0;
}

void cdx_data_close(struct cdx_volume *v)
{
	struct cdx_data *d = v->data;

	if (d == NULL)
		return;
	while (!cdx_list_empty(&v->dirty)) {
		struct cdx_vnode *n = cdx_list_entry(
			v->dirty.next, struct cdx_vnode, dirty_link);

		cdx_vnode_pin(v, n);
		cdx_data_drop(v, n);
		cdx_vnode_put(v, n);
	}
	cdx_replay_free(d);
	pthread_mutex_destroy(&d->mu);
	free(d);
	v->data = NULL;
}

/* ---- small things ---- */

int cdx_data_file(struct cdx_volume *v, struct cdx_vnode **out, uint64_t ino)
{
	struct cdx_vnode *n;
	int rc = cdx_vnode_get(v, &n, ino);

	if (rc < 0)
		return rc;
	/* the type never changes */
	if (!S_ISREG(n->type)) {
		rc = S_ISDIR(n->type) ? -EISDIR : -EINVAL;
		cdx_vnode_put(v, n);
		return rc;
	}
	*out = n;
	return 0;
}

int cdx_data_result(int err)
{
	if (err == CDX_E_QUOTA)
		return -ENOSPC;
	if (err == CDX_E_HASH || err == CDX_E_CORRUPT)
		return -EIO;
	return err;
}

void cdx_vnode_unpinp(struct cdx_vnode_pin *p)
{
	if (p->n != NULL)
		cdx_vnode_put(p->v, p->n);
}

void cdx_vnode_lock2(struct cdx_vnode *a, struct cdx_vnode *b)
{
	struct cdx_vnode *first = a->ino < b->ino ? a : b;

	pthread_rwlock_wrlock(&first->lock);
	if (a != b)
		pthread_rwlock_wrlock(first == a ? &b->lock : &a->lock);
}

void cdx_vnode_unlock2(struct cdx_vnode *a, struct cdx_vnode *b)
{
	pthread_rwlock_unlock(&a->lock);
	if (a != b)
		pthread_rwlock_unlock(&b->lock);
}

void cdx_data_late(struct cdx_volume *v, struct cdx_vnode *n, int err)
{
	cdx_log(v->log, ERROR, "data",
		"inode %" PRIu64 ": writing out failed: %s", n->ino,
		cdx_strerror(err));
	n->error = cdx_data_result(err);
}

void cdx_data_cover(struct cdx_vnode *n)
{
	uint64_t lo;
	uint64_t hi;

	if (n->dirty == NULL ||
	    !cdx_dirty_next(n->dirty, n->disk_size, UINT64_MAX, &lo, &hi))
		n->disk_size = n->attr.size;
}

uint64_t cdx_data_pending(const struct cdx_vnode *n)
{
	uint64_t bytes = cdx_data_pages(n) * CDX_PAGE_SIZE;
	uint64_t missing =
		n->attr.size > n->alloc ? n->attr.size - n->alloc : 0;

	return bytes < missing ? bytes : missing;
}

/* ---- accounts ---- */

static void gate_off_locked(struct cdx_volume *v, struct cdx_vnode *n)
{
	if (!n->gated)
		return;
	n->gated = false;
	cdx_list_del(&n->gate_link);
	atomic_fetch_sub(&v->data->gates, 1);
}

void cdx_data_settle(struct cdx_volume *v, struct cdx_vnode *n, uint64_t before,
		     uint64_t held)
{
	struct cdx_dirty *d = n->dirty;
	uint64_t now = d ? d->pages : 0;
	uint64_t come = now > before ? (now - before) * CDX_PAGE_SIZE : 0;
	uint64_t gone = before > now ? before - now : 0;
	uint64_t back = gone;
	bool unpin = false;

	pthread_mutex_lock(&v->dirty_mu);
	v->dirty_bytes += come;
	v->dirty_bytes -= gone * CDX_PAGE_SIZE;
	if (now > 0 && cdx_list_empty(&n->dirty_link)) {
		cdx_vnode_keep(v, n);
		cdx_list_add_tail(&v->dirty, &n->dirty_link);
	} else if (now == 0 && !cdx_list_empty(&n->dirty_link)) {
		cdx_list_del(&n->dirty_link);
		unpin = true;
	}
	if (now == 0)
		gate_off_locked(v, n);
	pthread_mutex_unlock(&v->dirty_mu);
	if (d != NULL && d->unheld > 0) {
		uint64_t free_of = d->unheld < back ? d->unheld : back;

		d->unheld -= free_of;
		back -= free_of;
	}
	back *= CDX_PAGE_SIZE;
	if (held > come)
		back += held - come;
	else if (d != NULL)
		d->unheld += (come - held) / CDX_PAGE_SIZE;
	if (back > 0)
		cdx_space_release(v, back);
	if (now == 0) {
		n->dirty = NULL;
		cdx_dirty_free(d);
	}
	/* the caller has a pin of its own: this is not the last */
	if (unpin)
		cdx_vnode_unkeep(v, n);
}

void cdx_data_cut(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		  uint64_t end)
{
	uint64_t before = cdx_data_pages(n);

	if (n->dirty == NULL)
		return;
	cdx_dirty_cut(n->dirty, off, end);
	cdx_data_settle(v, n, before, 0);
}

void cdx_data_drop(struct cdx_volume *v, struct cdx_vnode *n)
{
	cdx_data_cut(v, n, 0, UINT64_MAX);
}

/* ---- too much dirty ---- */

/* The oldest dirty file, pinned; NULL when there is none */
static struct cdx_vnode *oldest(struct cdx_volume *v)
{
	struct cdx_vnode *n = NULL;

	pthread_mutex_lock(&v->dirty_mu);
	if (!cdx_list_empty(&v->dirty)) {
		n = cdx_list_entry(v->dirty.next, struct cdx_vnode, dirty_link);
		cdx_vnode_pin(v, n);
		/* the next writer takes another one */
		cdx_list_del(&n->dirty_link);
		cdx_list_add_tail(&v->dirty, &n->dirty_link);
	}
	pthread_mutex_unlock(&v->dirty_mu);
	return n;
}

static bool over(struct cdx_volume *v, uint64_t limit)
{
	bool is;

	pthread_mutex_lock(&v->dirty_mu);
	is = v->dirty_bytes > limit;
	pthread_mutex_unlock(&v->dirty_mu);
	return is;
}

/* Writes out about @max bytes of one file */
static int relieve(struct cdx_volume *v, struct cdx_vnode *n, uint64_t max)
{
	uint64_t from = 0;
	uint64_t next = 0;
	int rc = 0;

	pthread_rwlock_wrlock(&n->lock);
	if (n->dirty != NULL) {
		/* in turns over the file, but never past bytes that the size
		 * on disk does not cover yet */
		from = n->dirty->cursor;
		if (cdx_dirty_seek(n->dirty, from / CDX_CHUNK) == n->dirty->n)
			from = 0;
		rc = cdx_out_range(v, n, from, UINT64_MAX, max, &next);
		if (rc == 0 && n->dirty != NULL)
			n->dirty->cursor = next;
	}
	pthread_rwlock_unlock(&n->lock);
	return rc;
}

static void early_done(void *arg, int result)
{
	struct cdx_data *d = arg;

	(void)result; /* the commit itself says what went wrong */
	atomic_store(&d->early, false);
}

/* At half the limit the committer begins to write out, so that writers need
 * not. */
static void commit_early(struct cdx_volume *v)
{
	struct cdx_data *d = v->data;

	if (atomic_exchange(&d->early, true))
		return;
	if (cdx_store_commit_async(v->store, early_done, d) < 0)
		atomic_store(&d->early, false);
}

int cdx_data_balance(struct cdx_volume *v, struct cdx_vnode *n)
{
	uint64_t limit = v->data->limit;
	uint64_t relief = limit / 8 < RELIEF ? limit / 8 : RELIEF;

	if (over(v, limit / 2))
		commit_early(v);
	if (!over(v, limit))
		return 0;
	/* a file that is much of it pays for itself */
	for (int i = 0; i < 64 && over(v, limit - relief); i++) {
		struct cdx_vnode *o = NULL;
		uint64_t mine;
		int rc;

		pthread_rwlock_rdlock(&n->lock);
		mine = cdx_data_pages(n) * CDX_PAGE_SIZE;
		pthread_rwlock_unlock(&n->lock);
		if (mine < limit / 4)
			o = oldest(v);
		rc = relieve(v, o ? o : n, relief);
		if (o != NULL)
			cdx_vnode_put(v, o);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- the log ---- */

struct log_to {
	struct cdx_batch *b;
	uint64_t ino;
};

static void log_page(void *arg, uint64_t off, const struct cdx_page *pg)
{
	const struct log_to *to = arg;

	cdx_batch_data(to->b, to->ino, off + pg->lo, pg->p + pg->lo,
		       (size_t)(pg->hi - pg->lo));
}

void cdx_data_log(struct cdx_batch *b, struct cdx_vnode *n, bool all)
{
	struct log_to to = {b, n->ino};

	if (n->dirty == NULL)
		return;
	if (all || n->dirty->unlogged > 0)
		n->dirty->has_logged = true;
	cdx_dirty_log(n->dirty, all, log_page, &to);
}

int cdx_data_log_apply(struct cdx_volume *v, struct cdx_vnode *n, bool all)
{
	struct cdx_batch *b = NULL;
	uint64_t size = n->disk_size;
	int rc = cdx_batch_new(&b, v->store);

	if (rc < 0)
		return rc;
	cdx_data_log(b, n, all);
	/* all bytes up to the end are in the log with this */
	n->disk_size = n->attr.size;
	cdx_vnode_store(b, n);
	rc = cdx_batch_apply(b);
	if (rc < 0) {
		if (n->dirty != NULL)
			cdx_dirty_unlog(n->dirty);
		n->disk_size = size;
		cdx_vnode_mark(v, n);
	}
	return rc;
}

/* ---- gates ---- */

void cdx_data_gate(struct cdx_volume *v, struct cdx_vnode *n)
{
	pthread_mutex_lock(&v->dirty_mu);
	if (!cdx_list_empty(&n->dirty_link) && !n->gated) {
		n->gated = true;
		cdx_list_add_tail(&v->gates, &n->gate_link);
		atomic_fetch_add(&v->data->gates, 1);
	}
	pthread_mutex_unlock(&v->dirty_mu);
}

bool cdx_data_gate_pending(void *arg)
{
	const struct cdx_volume *v = arg;

	return v->data != NULL && atomic_load(&v->data->gates) > 0;
}

static void gate_off(struct cdx_volume *v, struct cdx_vnode *n)
{
	pthread_mutex_lock(&v->dirty_mu);
	gate_off_locked(v, n);
	pthread_mutex_unlock(&v->dirty_mu);
}

static int prelog_one(struct cdx_volume *v, struct cdx_vnode *n)
{
	int rc = 0;

	pthread_rwlock_wrlock(&n->lock);
	if (cdx_data_unlogged(n) * CDX_PAGE_SIZE > CDX_FSYNC_LOG_MAX)
		rc = cdx_out_all(v, n);
	if (n->dirty != NULL && cdx_store_failed(v->store) == 0)
		rc = cdx_data_log_apply(v, n, false);
	if (rc == 0)
		gate_off(v, n);
	pthread_rwlock_unlock(&n->lock);
	return rc;
}

int cdx_data_prelog(void *arg)
{
	struct cdx_volume *v = arg;
	int rc = 0;

	while (rc == 0) {
		struct cdx_vnode *n = NULL;

		pthread_mutex_lock(&v->dirty_mu);
		if (!cdx_list_empty(&v->gates)) {
			n = cdx_list_entry(v->gates.next, struct cdx_vnode,
					   gate_link);
			cdx_vnode_pin(v, n);
		}
		pthread_mutex_unlock(&v->dirty_mu);
		if (n == NULL)
			return 0;
		rc = prelog_one(v, n);
		cdx_vnode_put(v, n);
	}
	return rc;
}

/* ---- groups ---- */

int cdx_data_flush(struct cdx_volume *v, struct cdx_vnode *n)
{
	int rc;

	pthread_rwlock_wrlock(&n->lock);
	rc = cdx_out_all(v, n);
	pthread_rwlock_unlock(&n->lock);
	return rc;
}

/*
 * The group goes on without a file that cannot be written out now (the disk is
 * full: removing something must still commit), but nothing that was promised
 * may be lost with the part of the log that the group retires: those bytes are
 * logged again, and what is logged while a group is prepared goes over to the
 * next.
 */
static int stay_behind(struct cdx_volume *v, struct cdx_vnode *n, int err)
{
	int rc = 0;

	if (cdx_store_failed(v->store) != 0)
		return err;
	if (n->error == 0)
		cdx_data_late(v, n, err);
	if (err == -EIO) {
		cdx_data_drop(v, n);
		n->attr.size = n->disk_size;
		cdx_vnode_mark(v, n);
		return 0;
	}
	if (n->gated || n->dirty->has_logged)
		rc = cdx_data_log_apply(v, n, true);
	if (rc == 0)
		gate_off(v, n);
	return rc;
}

/* Most of a large file goes out in slices, so that whoever uses it meanwhile
 * waits for one slice only.  The rest, and every error, is flush_one's. */
static void flush_slices(struct cdx_volume *v, struct cdx_vnode *n)
{
	uint64_t left = 0;
	uint64_t from = 0;
	int rc = 0;

	pthread_rwlock_rdlock(&n->lock);
	if (!n->dead && !n->unlinked)
		left = cdx_data_pages(n) * CDX_PAGE_SIZE / FLUSH_SLICE;
	pthread_rwlock_unlock(&n->lock);
	for (; left > 0 && rc == 0; left--) {
		pthread_rwlock_wrlock(&n->lock);
		if (n->dirty != NULL && !n->dead)
			rc = cdx_out_range(v, n, from, UINT64_MAX, FLUSH_SLICE,
					   &from);
		else
			left = 1;
		pthread_rwlock_unlock(&n->lock);
		sched_yield();
	}
}

static int flush_one(struct cdx_volume *v, struct cdx_vnode *n)
{
	int rc;

	flush_slices(v, n);
	pthread_rwlock_wrlock(&n->lock);
	rc = cdx_out_all(v, n);
	if (rc < 0 && n->dirty != NULL)
		rc = stay_behind(v, n, rc);
	pthread_rwlock_unlock(&n->lock);
	return rc;
}

/* Inode numbers of the files that are dirty now */
static int dirty_list(struct cdx_volume *v, uint64_t **out, size_t *n)
{
	size_t cap = 0;
	size_t i = 0;
	uint64_t *ino;

	pthread_mutex_lock(&v->dirty_mu);
	cdx_list_foreach(pos, &v->dirty)
		cap++;
	ino = reallocarray(NULL, cap + 1, sizeof(*ino));
	if (ino != NULL) {
		cdx_list_foreach(pos, &v->dirty)
			ino[i++] = cdx_list_entry(pos, struct cdx_vnode,
						  dirty_link)
					   ->ino;
	}
	pthread_mutex_unlock(&v->dirty_mu);
	if (ino == NULL)
		return -ENOMEM;
	*out = ino;
	*n = i;
	return 0;
}

int cdx_data_flush_all(struct cdx_volume *v)
{
	uint64_t *ino = NULL;
	size_t n = 0;
	int rc;

	if (v->data == NULL || v->opts.readonly)
		return 0;
	rc = cdx_replay_carry(v);
	if (rc == 0)
		rc = dirty_list(v, &ino, &n);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct cdx_vnode *o = NULL;

		rc = cdx_vnode_get(v, &o, ino[i]);
		if (rc == -ESTALE) {
			rc = 0;
			continue;
		}
		if (rc == 0) {
			rc = flush_one(v, o);
			cdx_vnode_put(v, o);
		}
	}
	free(ino);
	return rc;
}
