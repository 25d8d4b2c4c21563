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

int cdx_vol_getattr(struct cdx_volume *v, uint64_t ino, struct cdx_attr *out)
{
	struct cdx_vnode *n;
	int rc = cdx_vnode_get(v, &n, ino);

	if (rc < 0)
		return rc;
	pthread_rwlock_rdlock(&n->lock);
	if (n->dead)
		rc = -ESTALE;
	else
		cdx_vnode_attr(n, out);
	pthread_rwlock_unlock(&n->lock);
	cdx_vnode_put(v, n);
	return rc;
}

static bool time_ok(const struct timespec *t)
{
	return t->tv_nsec >= 0 && t->tv_nsec < 1000000000;
}

static int check(const struct cdx_vnode *n, const struct cdx_attr *in,
		 unsigned which)
{
	if (n->dead)
		return -ESTALE;
	if (which & CDX_SET_SIZE) {
		if (S_ISDIR(n->attr.mode))
			return -EISDIR;
		if (!S_ISREG(n->attr.mode))
			return -EINVAL;
		if (in->size > (uint64_t)CDX_FILE_MAX)
			return -EFBIG;
	}
	if (((which & CDX_SET_ATIME) && !time_ok(&in->atime)) ||
	    ((which & CDX_SET_MTIME) && !time_ok(&in->mtime)) ||
	    ((which & CDX_SET_CTIME) && !time_ok(&in->ctime)))
		return -EINVAL;
	return 0;
}

static bool nothing_to_kill(const struct cdx_vnode *n)
{
	return S_ISDIR(n->attr.mode) ||
	       ((n->attr.mode & (S_ISUID | S_ISGID)) == 0 &&
		(n->flags & CDX_INODE_XATTR) == 0);
}

/* setuid goes always; setgid where it is not the mark for mandatory locking */
static void clear_setid(struct cdx_vnode *n)
{
	if (S_ISDIR(n->attr.mode))
		return;
	n->attr.mode &= ~(mode_t)S_ISUID;
	if (n->attr.mode & S_IXGRP)
		n->attr.mode &= ~(mode_t)S_ISGID;
}

/* The access ACL's entries for owner, group or mask, and others */
static int chmod_acl(struct cdx_nsop *c, struct cdx_vnode *n)
{
	struct cdx_acl acl CDX_CLEANUP(cdx_acl_free) = {0};
	struct cdx_buf raw CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_buf now CDX_CLEANUP(cdx_buf_free) = {0};
	int rc;

	if ((n->flags & CDX_INODE_ACL) == 0)
		return 0;
	rc = cdx_xattr_load(c->v, n->ino, CDX_ACL_ACCESS, &raw);
	if (rc == 0)
		rc = cdx_acl_decode(&acl, raw.p, raw.len);
	if (rc == 0 && acl.n == 0)
		rc = CDX_E_CORRUPT;
	if (rc < 0)
		return rc == -ENOMEM ? rc : CDX_E_CORRUPT;
	cdx_acl_chmod(&acl, n->attr.mode);
	cdx_acl_encode(&now, &acl);
	rc = cdx_buf_ok(&now);
	if (rc < 0)
		return rc;
	return cdx_xattr_put(c->v, c->b, n->ino, CDX_ACL_ACCESS, now.p,
			     now.len);
}

static int set_mode(struct cdx_nsop *c, struct cdx_vnode *n, mode_t mode,
		    const struct cdx_cred *cred)
{
	mode &= 07777;
	if (!S_ISDIR(n->attr.mode) && (mode & S_ISGID) && cred != NULL &&
	    !cred->fsetid && cred->gid != n->attr.gid)
		mode &= ~(mode_t)S_ISGID;
	n->attr.mode = (n->attr.mode & S_IFMT) | mode;
	return chmod_acl(c, n);
}

static int set_owner(struct cdx_nsop *c, struct cdx_vnode *n,
		     const struct cdx_attr *in, unsigned which)
{
	int rc = 0;

	if (which & CDX_SET_UID)
		n->attr.uid = in->uid;
	if (which & CDX_SET_GID)
		n->attr.gid = in->gid;
	if (S_ISDIR(n->attr.mode))
		return 0;
	clear_setid(n);
	rc = cdx_xattr_kill_caps(c->v, c->b, n);
	return rc < 0 ? rc : 0;
}

static void set_times(struct cdx_vnode *n, const struct cdx_attr *in,
		      unsigned which)
{
	struct timespec now = cdx_clock_wall();

	if (which & CDX_SET_ATIME)
		n->attr.atime = in->atime;
	if (which & CDX_SET_ATIME_NOW)
		n->attr.atime = now;
	if (which & CDX_SET_MTIME)
		n->attr.mtime = in->mtime;
	if (which & CDX_SET_MTIME_NOW)
		n->attr.mtime = now;
	n->attr.ctime = which & CDX_SET_CTIME ? in->ctime : now;
}

static int set_all(struct cdx_nsop *c, struct cdx_vnode *n,
		   const struct cdx_attr *in, unsigned which,
		   const struct cdx_cred *cred)
{
	int rc = 0;

	if (which & (CDX_SET_UID | CDX_SET_GID))
		rc = set_owner(c, n, in, which);
	if (rc == 0 && (which & CDX_SET_KILL_PRIV)) {
		clear_setid(n);
		rc = cdx_xattr_kill_caps(c->v, c->b, n);
	}
	if (rc >= 0 && (which & CDX_SET_MODE))
		rc = set_mode(c, n, in->mode, cred);
	if (rc >= 0 && (which & CDX_SET_SIZE)) {
		bool changed = in->size != n->attr.size;

		rc = cdx_data_truncate(c->v, n, c->b, in->size);
		if (changed)
			cdx_vnode_touch(n, true);
	}
	if (rc >= 0)
		set_times(n, in, which);
	return rc < 0 ? rc : 0;
}

/* Nothing but times: no batch now, it goes with the next commit.  This is what
 * the kernel's write-back cache sends after every run of writes. */
#define ONLY_TIMES                                           \
	(CDX_SET_ATIME | CDX_SET_MTIME | CDX_SET_ATIME_NOW | \
	 CDX_SET_MTIME_NOW | CDX_SET_CTIME)

static int set_times_only(struct cdx_volume *v, uint64_t ino,
			  const struct cdx_attr *in, unsigned which,
			  struct cdx_attr *out)
{
	struct cdx_vnode *n = NULL;
	int rc;

	if (v->opts.readonly)
		return -EROFS;
	rc = cdx_store_failed(v->store);
	if (rc == 0)
		rc = cdx_vnode_get(v, &n, ino);
	if (rc != 0)
		return rc;
	pthread_rwlock_wrlock(&n->lock);
	rc = check(n, in, which);
	if (rc == 0) {
		set_times(n, in, which);
		cdx_vnode_mark(v, n);
		cdx_vnode_attr(n, out);
	}
	pthread_rwlock_unlock(&n->lock);
	cdx_vnode_put(v, n);
	return rc;
}

int cdx_vol_setattr(struct cdx_volume *v, uint64_t ino,
		    const struct cdx_attr *in, unsigned which,
		    const struct cdx_cred *cred, struct cdx_attr *out)
{
	struct cdx_nsop c CDX_CLEANUP(cdx_nsop_endp) = {.v = v};
	struct cdx_vnode *n = NULL;
	int rc;

	if (which == 0)
		return cdx_vol_getattr(v, ino, out);
	if ((which & ~(unsigned)ONLY_TIMES) == 0)
		return set_times_only(v, ino, in, which, out);
	rc = cdx_nsop_begin(&c, v, false);
	if (rc == 0)
		rc = cdx_nsop_add(&c, &n, ino);
	if (rc != 0)
		return rc;
	cdx_nsop_lock(&c);
	rc = check(n, in, which);
	/* writers without CAP_FSETID ask for this with every write */
	if (rc == 0 && which == CDX_SET_KILL_PRIV && nothing_to_kill(n)) {
		cdx_vnode_attr(n, out);
		return 0;
	}
	if (rc == 0)
		rc = set_all(&c, n, in, which, cred);
	if (rc == 0)
		rc = cdx_nsop_apply(&c);
	if (rc == 0)
		cdx_vnode_attr(n, out);
	return rc;
}

/* ---- symlinks ---- */

static int read_target(struct cdx_volume *v, struct cdx_vnode *n,
		       struct cdx_buf *out)
{
	int rc;

	pthread_rwlock_rdlock(&n->lock);
	if (n->dead)
		rc = -ESTALE;
	else if (!S_ISLNK(n->attr.mode))
		rc = -EINVAL;
	else
		rc = cdx_xattr_load(v, n->ino, CDX_XATTR_SYMLINK, out);
	pthread_rwlock_unlock(&n->lock);
	if (rc == -ENODATA)
		cdx_log(v->log, ERROR, "volume",
			"symlink %" PRIu64 " has no target", n->ino);
	return rc == -ENODATA ? CDX_E_CORRUPT : rc;
}

int cdx_vol_accessed(struct cdx_volume *v, uint64_t ino)
{
	struct cdx_vnode *n;
	int rc = cdx_vnode_get(v, &n, ino);

	if (rc < 0)
		return rc;
	rc = cdx_vnode_accessed(v, n) ? 1 : 0;
	cdx_vnode_put(v, n);
	return rc;
}

int cdx_vol_readlink(struct cdx_volume *v, uint64_t ino, char *out, size_t cap)
{
	struct cdx_buf target CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_vnode *n;
	int rc = cdx_vnode_get(v, &n, ino);

	if (rc < 0)
		return rc;
	rc = read_target(v, n, &target);
	if (rc == 0 && target.len > cap)
		rc = -ENOBUFS;
	if (rc == 0)
		cdx_vnode_accessed(v, n);
	cdx_vnode_put(v, n);
	if (rc < 0)
		return rc;
	memcpy(out, target.p, target.len);
	return (int)target.len;
}
