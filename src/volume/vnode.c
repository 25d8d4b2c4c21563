/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "volume/names.h"

#define DIR_SIZE 4096u	    /* what tools are used to see */
#define ATIME_MAX_AGE 86400 /* seconds; the relatime rule */
/* The kernel tells dirty times within its write-back delay of 35 s */
#define KERNEL_TIMES_S 60
#define FLUSH_AT_ONCE 64u /* inodes in one batch of attributes */
#define SECTOR 512u

static struct cdx_vnode *vnode_alloc(uint64_t ino)
{
	struct cdx_vnode *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	if (pthread_rwlock_init(&n->lock, NULL) != 0) {
		free(n);
		return NULL;
	}
	n->ino = ino;
	n->attr.ino = ino;
	n->pins = 1;
	cdx_list_init(&n->lru);
	cdx_list_init(&n->dirty_link);
	cdx_list_init(&n->gate_link);
	cdx_list_init(&n->attr_link);
	return n;
}

void cdx_vnode_free(struct cdx_vnode *n)
{
	if (n == NULL)
		return;
	pthread_rwlock_destroy(&n->lock);
	free(n);
}

static void pin_locked(struct cdx_volume *v, struct cdx_vnode *n)
{
	if (n->pins++ == 0 && !cdx_list_empty(&n->lru)) {
		cdx_list_del(&n->lru);
		v->idle--;
	}
}

static void evict_locked(struct cdx_volume *v)
{
	while (v->idle > v->opts.cache_inodes) {
		struct cdx_vnode *n =
			cdx_list_entry(v->lru.next, struct cdx_vnode, lru);

		cdx_list_del(&n->lru);
		v->idle--;
		cdx_map_del(&v->vnodes, n->ino);
		cdx_vnode_free(n);
	}
}

static void unpin_locked(struct cdx_volume *v, struct cdx_vnode *n)
{
	if (--n->pins != 0) {
		if (n->pins == n->keeps)
			cdx_orphan_check_locked(v, n->ino);
		return;
	}
	if (n->state == CDX_VNODE_FAILED) {
		cdx_vnode_free(n);
		return;
	}
	if (n->dead) {
		cdx_map_del(&v->vnodes, n->ino);
		cdx_vnode_free(n);
		return;
	}
	cdx_orphan_check_locked(v, n->ino);
	/* an error that nobody was told yet must not be forgotten */
	if (n->error != 0)
		return;
	cdx_list_add_tail(&v->lru, &n->lru);
	v->idle++;
	evict_locked(v);
}

static int load(struct cdx_volume *v, struct cdx_vnode *n)
{
	uint8_t key[8];
	uint8_t val[256];
	int rc;

	cdx_put_be64(key, n->ino);
	rc = cdx_kv_get(v->store, CDX_DB_INODE, key, sizeof(key), val,
			sizeof(val));
	if (rc == -ENOENT)
		return -ESTALE;
	if (rc >= 0)
		rc = cdx_inode_decode(n, val, (size_t)rc);
	if (rc == CDX_E_FORMAT || rc == -ENOBUFS) {
		cdx_log(v->log, ERROR, "volume",
			"inode %" PRIu64 ": the record is damaged", n->ino);
		return CDX_E_CORRUPT;
	}
	return rc;
}

/* Loads outside cache_mu; whoever wants the inode meanwhile waits. */
static int load_new(struct cdx_volume *v, struct cdx_vnode *n)
{
	int rc = load(v, n);

	pthread_mutex_lock(&v->cache_mu);
	if (rc < 0) {
		cdx_map_del(&v->vnodes, n->ino);
		n->state = CDX_VNODE_FAILED;
		n->error = rc;
		unpin_locked(v, n);
	} else {
		n->state = CDX_VNODE_READY;
	}
	pthread_cond_broadcast(&v->cache_cv);
	pthread_mutex_unlock(&v->cache_mu);
	return rc;
}

static int wait_loaded(struct cdx_volume *v, struct cdx_vnode *n)
{
	int rc = 0;

	while (n->state == CDX_VNODE_LOADING)
		pthread_cond_wait(&v->cache_cv, &v->cache_mu);
	if (n->state == CDX_VNODE_FAILED) {
		rc = n->error;
		unpin_locked(v, n);
	}
	return rc;
}

int cdx_vnode_get(struct cdx_volume *v, struct cdx_vnode **out, uint64_t ino)
{
	struct cdx_vnode *n;
	int rc;

	pthread_mutex_lock(&v->cache_mu);
	n = cdx_map_get(&v->vnodes, ino);
	if (n != NULL) {
		rc = n->dead ? -ESTALE : 0;
		if (rc == 0) {
			pin_locked(v, n);
			rc = wait_loaded(v, n);
		}
		pthread_mutex_unlock(&v->cache_mu);
		if (rc == 0)
			*out = n;
		return rc;
	}
	n = vnode_alloc(ino);
	rc = n == NULL ? -ENOMEM : cdx_map_put(&v->vnodes, ino, n);
	if (rc < 0) {
		pthread_mutex_unlock(&v->cache_mu);
		cdx_vnode_free(n);
		return rc;
	}
	n->state = CDX_VNODE_LOADING;
	pthread_mutex_unlock(&v->cache_mu);
	rc = load_new(v, n);
	if (rc == 0)
		*out = n;
	return rc;
}

int cdx_vnode_new(struct cdx_volume *v, struct cdx_vnode **out,
		  const struct cdx_attr *attr)
{
	struct cdx_vnode *n = vnode_alloc(attr->ino);
	int rc;

	if (n == NULL)
		return -ENOMEM;
	n->attr = *attr;
	n->type = attr->mode & S_IFMT;
	n->disk_size = attr->size;
	n->unlinked = attr->nlink == 0;
	pthread_mutex_lock(&v->cache_mu);
	rc = cdx_map_put(&v->vnodes, n->ino, n);
	pthread_mutex_unlock(&v->cache_mu);
	if (rc < 0) {
		cdx_vnode_free(n);
		return rc;
	}
	*out = n;
	return 0;
}

void cdx_vnode_pin(struct cdx_volume *v, struct cdx_vnode *n)
{
	pthread_mutex_lock(&v->cache_mu);
	pin_locked(v, n);
	pthread_mutex_unlock(&v->cache_mu);
}

void cdx_vnode_keep(struct cdx_volume *v, struct cdx_vnode *n)
{
	pthread_mutex_lock(&v->cache_mu);
	pin_locked(v, n);
	n->keeps++;
	pthread_mutex_unlock(&v->cache_mu);
}

void cdx_vnode_unkeep(struct cdx_volume *v, struct cdx_vnode *n)
{
	pthread_mutex_lock(&v->cache_mu);
	n->keeps--;
	unpin_locked(v, n);
	pthread_mutex_unlock(&v->cache_mu);
}

void cdx_vnode_put(struct cdx_volume *v, struct cdx_vnode *n)
{
	if (n == NULL)
		return;
	pthread_mutex_lock(&v->cache_mu);
	unpin_locked(v, n);
	pthread_mutex_unlock(&v->cache_mu);
}

void cdx_vnode_kill(struct cdx_volume *v, struct cdx_vnode *n)
{
	pthread_mutex_lock(&v->cache_mu);
	n->dead = true;
	n->error = 0;
	pthread_mutex_unlock(&v->cache_mu);
}

void cdx_vnode_attr(const struct cdx_vnode *n, struct cdx_attr *out)
{
	uint64_t held = n->alloc;

	*out = n->attr;
	if (S_ISDIR(n->attr.mode))
		out->size = DIR_SIZE;
	if (S_ISREG(n->attr.mode))
		held += cdx_data_pending(n);
	out->blocks = held / SECTOR + (held % SECTOR != 0);
}

void cdx_vnode_store(struct cdx_batch *b, struct cdx_vnode *n)
{
	uint8_t key[8];
	uint8_t val[256];
	size_t len;

	if (n->dead)
		return;
	cdx_put_be64(key, n->ino);
	len = cdx_inode_encode(val, n);
	cdx_batch_put(b, CDX_DB_INODE, key, sizeof(key), val, len);
	n->attr_dirty = false;
}

void cdx_vnode_touch(struct cdx_vnode *n, bool mtime)
{
	n->attr.ctime = cdx_clock_wall();
	if (mtime)
		n->attr.mtime = n->attr.ctime;
}

void cdx_vnode_wrote(const struct cdx_volume *v, struct cdx_vnode *n)
{
	time_t age = cdx_clock_wall().tv_sec - n->attr.mtime.tv_sec;

	/* ours would differ from what it shows, and stay when it has nothing
	 * to add; but new bytes must not survive a crash with an old time */
	if (v->opts.kernel_times && age >= 0 && age < KERNEL_TIMES_S)
		return;
	cdx_vnode_touch(n, true);
}

/* ---- attributes that wait for the next commit ---- */

void cdx_vnode_mark(struct cdx_volume *v, struct cdx_vnode *n)
{
	n->attr_dirty = true;
	pthread_mutex_lock(&v->cache_mu);
	if (cdx_list_empty(&n->attr_link)) {
		cdx_list_add_tail(&v->attrs, &n->attr_link);
		pin_locked(v, n);
		n->keeps++;
		v->attrs_len++;
	}
	pthread_mutex_unlock(&v->cache_mu);
}

/* Takes up to @max from the list; their keeps become pins */
static unsigned attrs_take(struct cdx_volume *v, struct cdx_vnode **out,
			   unsigned max)
{
	unsigned n = 0;

	pthread_mutex_lock(&v->cache_mu);
	while (n < max && !cdx_list_empty(&v->attrs)) {
		struct cdx_list *l = v->attrs.next;

		out[n] = cdx_list_entry(l, struct cdx_vnode, attr_link);
		out[n++]->keeps--;
		cdx_list_del(l);
		v->attrs_len--;
	}
	pthread_mutex_unlock(&v->cache_mu);
	cdx_vnode_sort(out, n);
	return n;
}

static int attrs_store(struct cdx_volume *v, struct cdx_vnode **node,
		       unsigned n)
{
	struct cdx_batch *b = NULL;
	bool was[FLUSH_AT_ONCE];
	int rc = cdx_batch_new(&b, v->store);

	for (unsigned i = 0; i < n; i++) {
		pthread_rwlock_wrlock(&node[i]->lock);
		was[i] = node[i]->attr_dirty;
		if (rc == 0 && was[i])
			cdx_vnode_store(b, node[i]);
	}
	if (rc == 0)
		rc = cdx_batch_apply(b);
	for (unsigned i = 0; i < n; i++) {
		if (rc < 0 && was[i])
			cdx_vnode_mark(v, node[i]);
		pthread_rwlock_unlock(&node[i]->lock);
		cdx_vnode_put(v, node[i]);
	}
	return rc;
}

int cdx_vnode_flush_attrs(struct cdx_volume *v)
{
	struct cdx_vnode *node[FLUSH_AT_ONCE];
	size_t left;

	pthread_mutex_lock(&v->cache_mu);
	left = v->attrs_len; /* not those that come meanwhile */
	pthread_mutex_unlock(&v->cache_mu);
	while (left > 0) {
		unsigned n = attrs_take(v, node,
					left < FLUSH_AT_ONCE ? (unsigned)left
							     : FLUSH_AT_ONCE);
		int rc;

		if (n == 0)
			break;
		rc = attrs_store(v, node, n);
		if (rc < 0)
			return rc;
		left -= n;
	}
	return 0;
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec;
	return a->tv_nsec <= b->tv_nsec;
}

static bool atime_due(const struct cdx_vnode *n, const struct timespec *now)
{
	const struct cdx_attr *a = &n->attr;

	return before(&a->atime, &a->mtime) || before(&a->atime, &a->ctime) ||
	       now->tv_sec - a->atime.tv_sec >= ATIME_MAX_AGE;
}

bool cdx_vnode_accessed(struct cdx_volume *v, struct cdx_vnode *n)
{
	struct timespec now;
	bool due;

	if (v->opts.noatime || v->opts.readonly)
		return false;
	now = cdx_clock_wall();
	pthread_rwlock_rdlock(&n->lock);
	due = !n->dead && atime_due(n, &now);
	pthread_rwlock_unlock(&n->lock);
	if (!due)
		return false;
	pthread_rwlock_wrlock(&n->lock);
	n->attr.atime = now;
	cdx_vnode_mark(v, n);
	pthread_rwlock_unlock(&n->lock);
	return true;
}

/* ---- kernel references ---- */

static uintptr_t refs_locked(struct cdx_volume *v, uint64_t ino)
{
	return (uintptr_t)cdx_map_get(&v->lookups, ino);
}

static uintptr_t orphan_state(struct cdx_volume *v, uint64_t ino)
{
	return (uintptr_t)cdx_map_get(&v->orphans, ino);
}

int cdx_ref_take(struct cdx_volume *v, uint64_t ino)
{
	int rc = -ESTALE;

	pthread_mutex_lock(&v->cache_mu);
	if (orphan_state(v, ino) != CDX_ORPHAN_CLAIMED)
		rc = cdx_map_put(&v->lookups, ino,
				 cdx_map_num(refs_locked(v, ino) + 1));
	pthread_mutex_unlock(&v->cache_mu);
	return rc;
}

void cdx_ref_drop(struct cdx_volume *v, uint64_t ino, uint64_t n)
{
	uintptr_t have;

	pthread_mutex_lock(&v->cache_mu);
	have = refs_locked(v, ino);
	/* lowering a count that is there needs no memory */
	if (have > n) {
		if (cdx_map_put(&v->lookups, ino, cdx_map_num(have - n)) < 0)
			cdx_log(v->log, WARN, "volume",
				"inode %" PRIu64 ": a reference stays", ino);
	} else if (have != 0) {
		cdx_map_del(&v->lookups, ino);
		cdx_orphan_check_locked(v, ino);
	}
	pthread_mutex_unlock(&v->cache_mu);
}
