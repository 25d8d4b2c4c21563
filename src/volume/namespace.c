/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

/* ---- lookup ---- */

static int take(struct cdx_volume *v, uint64_t ino, struct cdx_attr *out)
{
	struct cdx_vnode *n;
	int rc = cdx_vnode_get(v, &n, ino);

	if (rc < 0)
		return rc;
	rc = cdx_ref_take(v, ino);
	if (rc == 0) {
		pthread_rwlock_rdlock(&n->lock);
		cdx_vnode_attr(n, out);
		pthread_rwlock_unlock(&n->lock);
	}
	cdx_vnode_put(v, n);
	return rc;
}

int cdx_vol_ref(struct cdx_volume *v, uint64_t ino, struct cdx_attr *out)
{
	return take(v, ino, out);
}

/* Why a name is not there: no such directory, no directory, or just so.
 * @up: the directory's parent, may be NULL */
static int check_dir(struct cdx_volume *v, uint64_t ino, uint64_t *up)
{
	struct cdx_vnode *n;
	int rc = cdx_vnode_get(v, &n, ino);

	if (rc < 0)
		return rc;
	pthread_rwlock_rdlock(&n->lock);
	if (!S_ISDIR(n->attr.mode))
		rc = -ENOTDIR;
	else if (up != NULL)
		*up = n->parent;
	pthread_rwlock_unlock(&n->lock);
	cdx_vnode_put(v, n);
	return rc;
}

static int lookup_dots(struct cdx_volume *v, const struct cdx_name *d,
		       struct cdx_attr *out)
{
	uint64_t up = 0;
	int rc;

	/* the kernel finds any inode of a file handle so, not only folders */
	if (d->len == 1)
		return take(v, d->parent, out);
	rc = check_dir(v, d->parent, &up);
	if (rc < 0)
		return rc;
	return take(v, up, out);
}

int cdx_vol_lookup(struct cdx_volume *v, uint64_t parent, const char *name,
		   struct cdx_attr *out)
{
	struct cdx_name d;
	uint64_t before = 0;
	int rc = cdx_name_init(&d, parent, name);

	if (rc < 0)
		return rc;
	if (cdx_name_is_dots(&d))
		return lookup_dots(v, &d, out);
	for (;;) {
		rc = cdx_dentry_find(v, &d);
		if (rc == -ENOENT) {
			rc = check_dir(v, parent, NULL);
			return rc < 0 ? rc : -ENOENT;
		}
		if (rc < 0)
			return rc;
		rc = take(v, d.ino, out);
		if (rc != -ESTALE)
			return rc;
		/* unlinked meanwhile, then the name is gone now */
		if (d.ino == before) {
			cdx_log(v->log, ERROR, "volume",
				"a name leads to inode %" PRIu64
				", which does not exist",
				d.ino);
			return CDX_E_CORRUPT;
		}
		before = d.ino;
	}
}

void cdx_vol_forget(struct cdx_volume *v, uint64_t ino, uint64_t n)
{
	cdx_ref_drop(v, ino, n);
	cdx_orphan_run(v);
}

/* ---- new inodes ---- */

struct spec {
	mode_t mode;
	dev_t rdev;
	const char *target; /* symlinks */
	const struct cdx_cred *cred;
	bool tmp; /* no name */
};

static bool in_group(const struct cdx_cred *cred, gid_t gid)
{
	return cred->fsetid || cred->gid == gid;
}

static void inherit(struct cdx_attr *a, const struct cdx_vnode *dir,
		    const struct spec *sp)
{
	memset(a, 0, sizeof(*a));
	a->mode = sp->mode;
	a->uid = sp->cred->uid;
	a->gid = sp->cred->gid;
	a->rdev = sp->rdev;
	a->nlink = sp->tmp ? 0 : (S_ISDIR(sp->mode) ? 2 : 1);
	if (sp->target != NULL)
		a->size = strlen(sp->target);
	a->btime = cdx_clock_wall();
	a->atime = a->btime;
	a->mtime = a->btime;
	a->ctime = a->btime;
	if ((dir->attr.mode & S_ISGID) == 0)
		return;
	a->gid = dir->attr.gid;
	if (S_ISDIR(a->mode))
		a->mode |= S_ISGID;
	else if ((a->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		 !in_group(sp->cred, a->gid))
		a->mode &= ~(mode_t)S_ISGID;
}

/* Loads the directory's default ACL; both forms of it */
static int default_acl(struct cdx_nsop *c, const struct cdx_vnode *dir,
		       struct cdx_acl *acl, struct cdx_buf *raw)
{
	int rc = cdx_xattr_load(c->v, dir->ino, CDX_ACL_DEFAULT, raw);

	if (rc < 0)
		return rc == -ENODATA ? CDX_E_CORRUPT : rc;
	rc = cdx_acl_decode(acl, raw->p, raw->len);
	return rc == -ENOMEM ? rc : (rc < 0 ? CDX_E_CORRUPT : 0);
}

/* POSIX 1003.1e draft 17, 23.1.4: the default ACL instead of the umask */
static int inherit_acl(struct cdx_nsop *c, const struct cdx_vnode *dir,
		       struct cdx_vnode *n)
{
	struct cdx_acl acl CDX_CLEANUP(cdx_acl_free) = {0};
	struct cdx_buf raw CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_buf mine CDX_CLEANUP(cdx_buf_free) = {0};
	int rc = default_acl(c, dir, &acl, &raw);

	if (rc < 0)
		return rc;
	if (S_ISDIR(n->attr.mode)) {
		rc = cdx_xattr_put(c->v, c->b, n->ino, CDX_ACL_DEFAULT, raw.p,
				   raw.len);
		n->flags |= CDX_INODE_XATTR | CDX_INODE_DEFAULT_ACL;
	}
	if (rc < 0 || cdx_acl_create(&acl, &n->attr.mode))
		return rc;
	cdx_acl_encode(&mine, &acl);
	rc = cdx_buf_ok(&mine);
	if (rc < 0)
		return rc;
	n->flags |= CDX_INODE_XATTR | CDX_INODE_ACL;
	return cdx_xattr_put(c->v, c->b, n->ino, CDX_ACL_ACCESS, mine.p,
			     mine.len);
}

static int dir_ready(const struct cdx_vnode *dir, const struct spec *sp)
{
	if (!S_ISDIR(dir->attr.mode))
		return -ENOTDIR;
	if (dir->unlinked)
		return -ENOENT;
	if (S_ISDIR(sp->mode) && dir->attr.nlink >= CDX_LINK_MAX)
		return -EMLINK;
	return 0;
}

static int make_inode(struct cdx_nsop *c, struct cdx_vnode *dir,
		      struct cdx_vnode **out, const struct spec *sp)
{
	struct cdx_attr attr;
	struct cdx_vnode *n;
	int rc;

	inherit(&attr, dir, sp);
	rc = cdx_nsop_create(c, &n, &attr);
	if (rc < 0)
		return rc;
	*out = n;
	if (S_ISDIR(attr.mode))
		n->parent = dir->ino;
	if (sp->target != NULL)
		return cdx_xattr_put(c->v, c->b, n->ino, CDX_XATTR_SYMLINK,
				     sp->target, attr.size);
	if (dir->flags & CDX_INODE_DEFAULT_ACL)
		return inherit_acl(c, dir, n);
	n->attr.mode &= ~(sp->cred->umask & 0777);
	return 0;
}

static void add_name(struct cdx_nsop *c, struct cdx_vnode *dir,
		     struct cdx_name *d, const struct cdx_vnode *n)
{
	d->ino = n->ino;
	d->type = n->attr.mode & S_IFMT;
	d->cookie = cdx_name_cookie(c->v, c->b);
	cdx_name_put(c->b, d);
	dir->entries++;
	if (S_ISDIR(d->type))
		dir->attr.nlink++;
	dir->attr.mtime = n->attr.ctime;
	dir->attr.ctime = n->attr.ctime;
}

static int create(struct cdx_volume *v, struct cdx_name *d,
		  const struct spec *sp, struct cdx_attr *out)
{
	struct cdx_nsop c CDX_CLEANUP(cdx_nsop_endp);
	struct cdx_vnode *dir = NULL;
	struct cdx_vnode *n = NULL;
	int rc = cdx_nsop_begin(&c, v, !sp->tmp);

	if (rc == 0)
		rc = cdx_nsop_add(&c, &dir, d->parent);
	if (rc != 0)
		return rc;
	cdx_nsop_lock(&c);
	rc = dir_ready(dir, sp);
	if (rc != 0)
		return rc;
	if (!sp->tmp) {
		rc = cdx_dentry_find(v, d);
		if (rc != -ENOENT)
			return rc == 0 ? -EEXIST : rc;
	}
	rc = make_inode(&c, dir, &n, sp);
	if (rc < 0)
		return rc;
	if (sp->tmp) {
		n->flags |= CDX_INODE_TMPFILE;
		rc = cdx_nsop_orphan(&c, n);
	} else {
		add_name(&c, dir, d, n);
	}
	if (rc == 0)
		rc = cdx_nsop_apply(&c);
	if (rc == 0)
		cdx_vnode_attr(n, out);
	return rc;
}

static int create_named(struct cdx_volume *v, uint64_t parent, const char *name,
			const struct spec *sp, struct cdx_attr *out)
{
	struct cdx_name d;
	int rc = cdx_name_init(&d, parent, name);

	if (rc < 0)
		return rc;
	if (cdx_name_is_dots(&d))
		return -EEXIST;
	return create(v, &d, sp, out);
}

int cdx_vol_mknod(struct cdx_volume *v, uint64_t parent, const char *name,
		  mode_t mode, dev_t rdev, const struct cdx_cred *cred,
		  struct cdx_attr *out)
{
	struct spec sp = {.mode = mode & (S_IFMT | 07777), .cred = cred};

	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		sp.rdev = rdev;
		break;
	default:
		return -EINVAL;
	}
	return create_named(v, parent, name, &sp, out);
}

int cdx_vol_mkdir(struct cdx_volume *v, uint64_t parent, const char *name,
		  mode_t mode, const struct cdx_cred *cred,
		  struct cdx_attr *out)
{
	struct spec sp = {.mode = S_IFDIR | (mode & 07777), .cred = cred};

	return create_named(v, parent, name, &sp, out);
}

int cdx_vol_symlink(struct cdx_volume *v, uint64_t parent, const char *name,
		    const char *target, const struct cdx_cred *cred,
		    struct cdx_attr *out)
{
	struct spec sp = {
		.mode = S_IFLNK | 0777, .cred = cred, .target = target};
	size_t len = strnlen(target, CDX_SYMLINK_MAX + 1);

	if (len == 0)
		return -ENOENT;
	if (len > CDX_SYMLINK_MAX)
		return -ENAMETOOLONG;
	return create_named(v, parent, name, &sp, out);
}

int cdx_vol_tmpfile(struct cdx_volume *v, uint64_t parent, mode_t mode,
		    const struct cdx_cred *cred, struct cdx_attr *out)
{
	struct spec sp = {
		.mode = S_IFREG | (mode & 07777), .cred = cred, .tmp = true};
	struct cdx_name d = {.parent = parent};

	return create(v, &d, &sp, out);
}
