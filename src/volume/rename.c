/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"

/* Deeper than any tree can be; more means a cycle */
#define DEPTH_MAX 1000000u

struct move {
	struct cdx_nsop c;
	struct cdx_vnode *from; /* directories */
	struct cdx_vnode *to;
	struct cdx_vnode *src; /* what the two names lead to */
	struct cdx_vnode *dst; /* NULL: no such name yet */
	struct cdx_name old;
	struct cdx_name new;
	unsigned flags;
};

/* 1 when @ino is @top or below it.  Parents change only under v->ns, which is
 * held. */
static int is_below(struct cdx_volume *v, uint64_t ino, uint64_t top)
{
	for (unsigned i = 0; i < DEPTH_MAX; i++) {
		struct cdx_vnode *n;
		uint64_t up;
		int rc;

		if (ino == top)
			return 1;
		if (ino == CDX_ROOT_INO)
			return 0;
		rc = cdx_vnode_get(v, &n, ino);
		if (rc < 0)
			return rc == -ESTALE ? CDX_E_CORRUPT : rc;
		pthread_rwlock_rdlock(&n->lock);
		up = n->parent;
		pthread_rwlock_unlock(&n->lock);
		cdx_vnode_put(v, n);
		if (up == 0)
			return 0; /* no directory: told later */
		ino = up;
	}
	cdx_log(v->log, ERROR, "volume",
		"directory %" PRIu64 " is its own ancestor", ino);
	return CDX_E_CORRUPT;
}

static int find_both(struct move *m)
{
	struct cdx_nsop *c = &m->c;
	int rc = cdx_nsop_add(c, &m->from, m->old.parent);

	if (rc == 0)
		rc = cdx_nsop_add(c, &m->to, m->new.parent);
	if (rc == 0)
		rc = cdx_nsop_dentry(c, m->from, &m->old);
	if (rc == 0)
		rc = cdx_nsop_child(c, &m->src, &m->old);
	if (rc < 0)
		return rc;
	rc = cdx_nsop_dentry(c, m->to, &m->new);
	if (rc == 0)
		return cdx_nsop_child(c, &m->dst, &m->new);
	return rc == -ENOENT ? 0 : rc;
}

/* Neither directory may go below itself */
static int check_loops(struct move *m)
{
	int rc = 0;

	if (m->old.parent == m->new.parent)
		return 0;
	if (m->old.type == S_IFDIR)
		rc = is_below(m->c.v, m->new.parent, m->old.ino);
	if (rc == 0 && m->dst != NULL && m->new.type == S_IFDIR &&
	    (m->flags & RENAME_EXCHANGE) != 0)
		rc = is_below(m->c.v, m->old.parent, m->new.ino);
	return rc > 0 ? -EINVAL : rc;
}

static int check_types(const struct move *m)
{
	const struct cdx_vnode *src = m->src;
	const struct cdx_vnode *dst = m->dst;
	bool src_dir = S_ISDIR(src->attr.mode);
	bool dst_dir = dst != NULL && S_ISDIR(dst->attr.mode);

	if (!S_ISDIR(m->from->attr.mode) || !S_ISDIR(m->to->attr.mode))
		return -ENOTDIR;
	if (m->to->unlinked)
		return -ENOENT;
	if (m->from != m->to && src_dir && !dst_dir &&
	    m->to->attr.nlink >= CDX_LINK_MAX)
		return -EMLINK;
	if ((m->flags & RENAME_EXCHANGE) != 0) {
		bool grows = m->from != m->to && dst_dir && !src_dir;

		return grows && m->from->attr.nlink >= CDX_LINK_MAX ? -EMLINK
								    : 0;
	}
	if (dst == NULL)
		return 0;
	if (src_dir && !dst_dir)
		return -ENOTDIR;
	if (!src_dir && dst_dir)
		return -EISDIR;
	return dst->entries > 0 ? -ENOTEMPTY : 0;
}

/* A directory moves between parents: ".." and link counts */
static int reparent(struct cdx_vnode *n, struct cdx_vnode *from,
		    struct cdx_vnode *to)
{
	if (!S_ISDIR(n->attr.mode) || from == to)
		return 0;
	if (from->attr.nlink <= 2)
		return CDX_E_CORRUPT;
	from->attr.nlink--;
	to->attr.nlink++;
	n->parent = to->ino;
	return 0;
}

static void touch_all(struct move *m)
{
	cdx_vnode_touch(m->from, true);
	m->to->attr.mtime = m->from->attr.mtime;
	m->to->attr.ctime = m->from->attr.ctime;
	m->src->attr.ctime = m->from->attr.ctime;
	if (m->dst != NULL)
		m->dst->attr.ctime = m->from->attr.ctime;
}

static void swap_targets(struct move *m)
{
	struct cdx_name *a = &m->old;
	struct cdx_name *b = &m->new;
	uint64_t ino = a->ino;
	mode_t type = a->type;

	a->ino = b->ino;
	a->type = b->type;
	b->ino = ino;
	b->type = type;
}

static int exchange(struct move *m)
{
	int rc;

	/* counts must not pass through a state below two */
	if (S_ISDIR(m->src->attr.mode) && S_ISDIR(m->dst->attr.mode)) {
		m->src->parent = m->to->ino;
		m->dst->parent = m->from->ino;
		rc = 0;
	} else {
		rc = reparent(m->src, m->from, m->to);
		if (rc == 0)
			rc = reparent(m->dst, m->to, m->from);
	}
	if (rc < 0)
		return rc;
	swap_targets(m);
	cdx_name_put(m->c.b, &m->old);
	cdx_name_put(m->c.b, &m->new);
	return 0;
}

/*
 * Which cookie the new name has: the replaced name's, because that name was
 * there all along; in the same directory else the old one's, so that a reader
 * who renames what he reads comes to an end.
 */
static int replace(struct move *m)
{
	struct cdx_nsop *c = &m->c;
	int rc = 0;

	if (m->from->entries == 0)
		return CDX_E_CORRUPT;
	cdx_name_del(c->b, &m->old);
	m->from->entries--;
	m->to->entries++;
	if (m->dst != NULL) {
		m->to->entries--;
		rc = cdx_nsop_unlink(c, m->to, m->dst);
		if (rc == 0 && S_ISREG(m->src->attr.mode) &&
		    m->src->dirty != NULL)
			cdx_data_gate(c->v, m->src);
	} else if (m->from == m->to) {
		m->new.cookie = m->old.cookie;
	} else {
		m->new.cookie = cdx_name_cookie(c->v, c->b);
	}
	if (rc == 0)
		rc = reparent(m->src, m->from, m->to);
	m->new.ino = m->old.ino;
	m->new.type = m->old.type;
	cdx_name_put(c->b, &m->new);
	return rc;
}

static int move_locked(struct move *m)
{
	int rc = check_types(m);

	if (rc < 0)
		return rc;
	rc = (m->flags & RENAME_EXCHANGE) != 0 ? exchange(m) : replace(m);
	if (rc < 0)
		return rc;
	touch_all(m);
	return cdx_nsop_apply(&m->c);
}

static int do_rename(struct cdx_volume *v, struct move *m)
{
	int rc = cdx_nsop_begin(&m->c, v, true);

	if (rc == 0)
		rc = find_both(m);
	if (rc < 0)
		return rc;
	if (m->dst != NULL && (m->flags & RENAME_NOREPLACE) != 0)
		return -EEXIST;
	if (m->dst == NULL && (m->flags & RENAME_EXCHANGE) != 0)
		return -ENOENT;
	/* POSIX: two names of one file, nothing happens */
	if (m->dst == m->src)
		return 0;
	rc = check_loops(m);
	if (rc < 0)
		return rc;
	cdx_nsop_lock(&m->c);
	return move_locked(m);
}

int cdx_vol_rename(struct cdx_volume *v, uint64_t parent, const char *name,
		   uint64_t newparent, const char *newname, unsigned flags)
{
	struct move m = {.flags = flags};
	int rc;

	if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	rc = cdx_name_init(&m.old, parent, name);
	if (rc == 0)
		rc = cdx_name_init(&m.new, newparent, newname);
	if (rc < 0)
		return rc;
	if (cdx_name_is_dots(&m.old) || cdx_name_is_dots(&m.new))
		return -EBUSY;
	rc = do_rename(v, &m);
	cdx_nsop_endp(&m.c);
	if (rc == CDX_E_CORRUPT)
		cdx_log(v->log, ERROR, "volume",
			"rename from directory %" PRIu64 " to %" PRIu64
			": the records contradict each other",
			parent, newparent);
	return rc;
}
