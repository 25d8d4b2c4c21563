/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"

/* ---- link ---- */

static int may_link(struct cdx_volume *v, const struct cdx_vnode *n,
		    const struct cdx_vnode *dir, struct cdx_name *d)
{
	int rc;

	if (S_ISDIR(n->attr.mode))
		return -EPERM;
	if (!S_ISDIR(dir->attr.mode))
		return -ENOTDIR;
	if (dir->unlinked)
		return -ENOENT;
	rc = cdx_dentry_find(v, d);
	if (rc != -ENOENT)
		return rc == 0 ? -EEXIST : rc;
	if (n->attr.nlink >= CDX_LINK_MAX)
		return -EMLINK;
	/* what lost its last name does not come back */
	if (n->unlinked && (n->flags & CDX_INODE_TMPFILE) == 0)
		return -ENOENT;
	return 0;
}

static void link_locked(struct cdx_nsop *c, struct cdx_vnode *n,
			struct cdx_vnode *dir, struct cdx_name *d)
{
	uint8_t key[8];

	if (n->unlinked) {
		cdx_put_be64(key, n->ino);
		cdx_batch_del(c->b, CDX_DB_ORPHAN, key, sizeof(key));
		n->flags &= ~(uint32_t)CDX_INODE_TMPFILE;
		n->unlinked = false;
	}
	d->ino = n->ino;
	d->type = n->attr.mode & S_IFMT;
	d->cookie = cdx_name_cookie(c->v, c->b);
	cdx_name_put(c->b, d);
	n->attr.nlink++;
	cdx_vnode_touch(n, false);
	dir->entries++;
	cdx_vnode_touch(dir, true);
}

int cdx_vol_link(struct cdx_volume *v, uint64_t ino, uint64_t parent,
		 const char *name, struct cdx_attr *out)
{
	struct cdx_nsop c CDX_CLEANUP(cdx_nsop_endp);
	struct cdx_vnode *n = NULL;
	struct cdx_vnode *dir = NULL;
	struct cdx_name d;
	bool was_orphan;
	int rc = cdx_nsop_begin(&c, v, true);

	if (rc == 0)
		rc = cdx_name_init(&d, parent, name);
	if (rc != 0)
		return rc;
	if (cdx_name_is_dots(&d))
		return -EEXIST;
	rc = cdx_nsop_add(&c, &n, ino);
	if (rc == 0)
		rc = cdx_nsop_add(&c, &dir, parent);
	if (rc != 0)
		return rc;
	cdx_nsop_lock(&c);
	rc = may_link(v, n, dir, &d);
	/* the reference comes first: from here on nobody purges it */
	if (rc == 0)
		rc = cdx_ref_take(v, ino);
	if (rc < 0)
		return rc;
	was_orphan = n->unlinked;
	link_locked(&c, n, dir, &d);
	rc = cdx_nsop_apply(&c);
	if (rc < 0) {
		cdx_ref_drop(v, ino, 1);
		return rc;
	}
	if (was_orphan)
		cdx_orphan_forget(v, ino);
	cdx_vnode_attr(n, out);
	return 0;
}

/* ---- unlink and rmdir ---- */

static int may_remove(const struct cdx_vnode *dir, const struct cdx_vnode *n,
		      bool is_rmdir)
{
	if (!S_ISDIR(dir->attr.mode))
		return -ENOTDIR;
	if (n->attr.nlink == 0)
		return CDX_E_CORRUPT;
	if (!is_rmdir)
		return S_ISDIR(n->attr.mode) ? -EISDIR : 0;
	if (!S_ISDIR(n->attr.mode))
		return -ENOTDIR;
	return n->entries > 0 ? -ENOTEMPTY : 0;
}

int cdx_nsop_unlink(struct cdx_nsop *c, struct cdx_vnode *dir,
		    struct cdx_vnode *n)
{
	cdx_vnode_touch(n, false);
	if (S_ISDIR(n->attr.mode)) {
		if (dir->attr.nlink <= 2)
			return CDX_E_CORRUPT;
		dir->attr.nlink--;
		n->attr.nlink = 0;
	} else {
		n->attr.nlink--;
	}
	return n->attr.nlink == 0 ? cdx_nsop_orphan(c, n) : 0;
}

static int remove_locked(struct cdx_nsop *c, struct cdx_vnode *dir,
			 struct cdx_vnode *n, const struct cdx_name *d)
{
	if (dir->entries == 0)
		return CDX_E_CORRUPT;
	cdx_name_del(c->b, d);
	dir->entries--;
	cdx_vnode_touch(dir, true);
	return cdx_nsop_unlink(c, dir, n);
}

static int remove_name(struct cdx_volume *v, struct cdx_name *d, bool is_rmdir)
{
	struct cdx_nsop c CDX_CLEANUP(cdx_nsop_endp);
	struct cdx_vnode *dir = NULL;
	struct cdx_vnode *n = NULL;
	int rc = cdx_nsop_begin(&c, v, true);

	if (rc == 0)
		rc = cdx_nsop_add(&c, &dir, d->parent);
	if (rc == 0)
		rc = cdx_nsop_dentry(&c, dir, d);
	if (rc == 0)
		rc = cdx_nsop_child(&c, &n, d);
	if (rc != 0)
		return rc;
	cdx_nsop_lock(&c);
	rc = may_remove(dir, n, is_rmdir);
	if (rc == 0)
		rc = remove_locked(&c, dir, n, d);
	if (rc == 0)
		rc = cdx_nsop_apply(&c);
	if (rc == CDX_E_CORRUPT)
		cdx_log(v->log, ERROR, "volume",
			"directory %" PRIu64 " or inode %" PRIu64
			" in it: wrong counts",
			d->parent, d->ino);
	return rc;
}

int cdx_vol_unlink(struct cdx_volume *v, uint64_t parent, const char *name)
{
	struct cdx_name d;
	int rc = cdx_name_init(&d, parent, name);

	if (rc < 0)
		return rc;
	if (cdx_name_is_dots(&d))
		return -EISDIR;
	return remove_name(v, &d, false);
}

int cdx_vol_rmdir(struct cdx_volume *v, uint64_t parent, const char *name)
{
	struct cdx_name d;
	int rc = cdx_name_init(&d, parent, name);

	if (rc < 0)
		return rc;
	if (cdx_name_is_dots(&d))
		return d.len == 1 ? -EINVAL : -ENOTEMPTY;
	return remove_name(v, &d, true);
}
