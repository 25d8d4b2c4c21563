/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

int cdx_nsop_begin(struct cdx_nsop *c, struct cdx_volume *v, bool ns)
{
	memset(c, 0, sizeof(*c));
	c->v = v;
	if (v->opts.readonly)
		return -EROFS;
	if (ns) {
		pthread_mutex_lock(&v->ns);
		c->has_ns = true;
	}
	return cdx_batch_new(&c->b, v->store);
}

int cdx_nsop_add(struct cdx_nsop *c, struct cdx_vnode **out, uint64_t ino)
{
	int rc;

	for (unsigned i = 0; i < c->n; i++) {
		if (c->node[i]->ino == ino) {
			*out = c->node[i];
			return 0;
		}
	}
	if (c->locked || c->n == CDX_NSOP_NODES)
		return -EINVAL;
	rc = cdx_vnode_get(c->v, out, ino);
	if (rc == 0)
		c->node[c->n++] = *out;
	return rc;
}

int cdx_nsop_dentry(struct cdx_nsop *c, struct cdx_vnode *dir,
		    struct cdx_name *d)
{
	int rc = cdx_dentry_find(c->v, d);
	bool is_dir;

	if (rc != -ENOENT)
		return rc;
	pthread_rwlock_rdlock(&dir->lock);
	is_dir = S_ISDIR(dir->attr.mode);
	pthread_rwlock_unlock(&dir->lock);
	return is_dir ? -ENOENT : -ENOTDIR;
}

int cdx_nsop_child(struct cdx_nsop *c, struct cdx_vnode **out,
		   const struct cdx_name *d)
{
	int rc = cdx_nsop_add(c, out, d->ino);

	if (rc != -ESTALE)
		return rc;
	cdx_log(c->v->log, ERROR, "volume",
		"a name leads to inode %" PRIu64 ", which does not exist",
		d->ino);
	return CDX_E_CORRUPT;
}

static void save(struct cdx_vnode_saved *s, const struct cdx_vnode *n)
{
	s->attr = n->attr;
	s->disk_size = n->disk_size;
	s->alloc = n->alloc;
	s->parent = n->parent;
	s->entries = n->entries;
	s->flags = n->flags;
	s->unlinked = n->unlinked;
	s->attr_dirty = n->attr_dirty;
}

static void restore(struct cdx_vnode *n, const struct cdx_vnode_saved *s)
{
	n->attr = s->attr;
	n->disk_size = s->disk_size;
	n->alloc = s->alloc;
	n->parent = s->parent;
	n->entries = s->entries;
	n->flags = s->flags;
	n->unlinked = s->unlinked;
	n->attr_dirty = s->attr_dirty;
}

/* Insertion sort: a handful, or a batch that is nearly in order */
void cdx_vnode_sort(struct cdx_vnode **v, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		struct cdx_vnode *x = v[i];
		unsigned j = i;

		for (; j > 0 && v[j - 1]->ino > x->ino; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
}

void cdx_nsop_lock(struct cdx_nsop *c)
{
	cdx_vnode_sort(c->node, c->n);
	for (unsigned i = 0; i < c->n; i++) {
		pthread_rwlock_wrlock(&c->node[i]->lock);
		save(&c->saved[i], c->node[i]);
	}
	c->locked = true;
}

int cdx_nsop_create(struct cdx_nsop *c, struct cdx_vnode **out,
		    struct cdx_attr *attr)
{
	struct cdx_vnode *n;
	int rc;

	do
		attr->ino = cdx_kv_next(c->v->store, CDX_CNT_NEXT_INO);
	while (attr->ino <= CDX_ROOT_INO);
	cdx_batch_max(c->b, CDX_CNT_NEXT_INO, attr->ino + 1);
	rc = cdx_vnode_new(c->v, &n, attr);
	if (rc < 0)
		return rc;
	pthread_rwlock_wrlock(&n->lock);
	save(&c->saved[c->n], n);
	c->node[c->n++] = n;
	c->fresh = n;
	cdx_batch_add(c->b, CDX_CNT_INODES, 1);
	rc = cdx_ref_take(c->v, n->ino);
	c->fresh_ref = rc == 0;
	*out = n;
	return rc;
}

int cdx_nsop_orphan(struct cdx_nsop *c, struct cdx_vnode *n)
{
	struct cdx_volume *v = c->v;
	uint8_t key[8];
	int rc;

	pthread_mutex_lock(&v->cache_mu);
	rc = cdx_map_put(&v->orphans, n->ino, cdx_map_num(CDX_ORPHAN_WAITING));
	pthread_mutex_unlock(&v->cache_mu);
	if (rc < 0)
		return rc;
	c->orphan = n->ino;
	n->unlinked = true;
	cdx_put_be64(key, n->ino);
	cdx_batch_put(c->b, CDX_DB_ORPHAN, key, sizeof(key), "", 0);
	return 0;
}

int cdx_nsop_apply(struct cdx_nsop *c)
{
	struct cdx_batch *b = c->b;
	int rc;

	for (unsigned i = 0; i < c->n; i++)
		cdx_vnode_store(b, c->node[i]);
	c->b = NULL;
	rc = cdx_batch_apply(b);
	if (rc == 0)
		c->applied = true;
	return rc;
}

static void undo(struct cdx_nsop *c)
{
	if (c->locked)
		for (unsigned i = 0; i < c->n; i++)
			restore(c->node[i], &c->saved[i]);
	if (c->orphan != 0)
		cdx_orphan_forget(c->v, c->orphan);
	if (c->fresh == NULL)
		return;
	if (c->fresh_ref)
		cdx_ref_drop(c->v, c->fresh->ino, 1);
	cdx_vnode_kill(c->v, c->fresh);
}

void cdx_nsop_endp(struct cdx_nsop *c)
{
	struct cdx_volume *v = c->v;

	cdx_batch_drop(c->b);
	if (!c->applied)
		undo(c);
	for (unsigned i = 0; i < c->n; i++) {
		struct cdx_vnode *n = c->node[i];

		if (c->locked)
			pthread_rwlock_unlock(&n->lock);
		cdx_vnode_put(v, n);
	}
	if (c->has_ns)
		pthread_mutex_unlock(&v->ns);
	cdx_orphan_run(v);
}
