/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/err.h"

#define LIST_MAX 65536u

enum kind {
	KIND_USER,
	KIND_TRUSTED,
	KIND_SECURITY,
	KIND_ACL_ACCESS,
	KIND_ACL_DEFAULT,
};

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* enum kind; -ERANGE, -EINVAL a prefix alone, -EOPNOTSUPP */
static int kind_of(const char *name)
{
	static const struct {
		const char *prefix;
		enum kind kind;
	} known[] = {
		{"user.", KIND_USER},
		{"trusted.", KIND_TRUSTED},
		{"security.", KIND_SECURITY},
	};
	size_t len = strnlen(name, CDX_NAME_MAX + 1);

	if (len == 0 || len > CDX_NAME_MAX)
		return -ERANGE;
	if (strcmp(name, CDX_ACL_ACCESS) == 0)
		return KIND_ACL_ACCESS;
	if (strcmp(name, CDX_ACL_DEFAULT) == 0)
		return KIND_ACL_DEFAULT;
	for (size_t i = 0; i < CDX_ARRAY_LEN(known); i++) {
		if (!has_prefix(name, known[i].prefix))
			continue;
		return len == strlen(known[i].prefix) ? -EINVAL
						      : (int)known[i].kind;
	}
	return -EOPNOTSUPP;
}

static bool takes_user(const struct cdx_vnode *n)
{
	return S_ISREG(n->attr.mode) || S_ISDIR(n->attr.mode);
}

/* ---- listing ---- */

struct list {
	char *out;
	size_t cap;
	size_t len;
};

static int list_one(void *arg, const char *name, size_t name_len)
{
	struct list *l = arg;

	if (name_len == 0)
		return 0; /* a symlink's target */
	if (l->cap != 0) {
		if (l->cap - l->len < name_len + 1)
			return -ERANGE;
		memcpy(l->out + l->len, name, name_len + 1);
	}
	l->len += name_len + 1;
	return 0;
}

static int list_len(struct cdx_volume *v, uint64_t ino, size_t *out)
{
	struct list l = {0};
	int rc = cdx_xattr_each(v, ino, list_one, &l);

	*out = l.len;
	return rc;
}

int cdx_vol_listxattr(struct cdx_volume *v, uint64_t ino, char *out, size_t cap)
{
	struct list l = {.cap = cap};
	struct cdx_vnode *n;
	bool any;
	int rc = cdx_vnode_get(v, &n, ino);

	if (rc < 0)
		return rc;
	l.out = out;
	pthread_rwlock_rdlock(&n->lock);
	any = (n->flags & CDX_INODE_XATTR) != 0;
	if (any)
		rc = cdx_xattr_each(v, ino, list_one, &l);
	pthread_rwlock_unlock(&n->lock);
	cdx_vnode_put(v, n);
	return rc < 0 ? rc : (int)l.len;
}

/* ---- reading ---- */

static int get_locked(struct cdx_volume *v, const struct cdx_vnode *n,
		      const char *name, enum kind kind, struct cdx_buf *val)
{
	if (kind == KIND_USER && !takes_user(n))
		return -ENODATA;
	if ((kind == KIND_ACL_ACCESS || kind == KIND_ACL_DEFAULT) &&
	    S_ISLNK(n->attr.mode))
		return -EOPNOTSUPP;
	if ((n->flags & CDX_INODE_XATTR) == 0)
		return -ENODATA;
	return cdx_xattr_load(v, n->ino, name, val);
}

int cdx_vol_getxattr(struct cdx_volume *v, uint64_t ino, const char *name,
		     void *out, size_t cap)
{
	struct cdx_buf val CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_vnode *n;
	int kind = kind_of(name);
	int rc;

	if (kind < 0)
		return kind;
	rc = cdx_vnode_get(v, &n, ino);
	if (rc < 0)
		return rc;
	pthread_rwlock_rdlock(&n->lock);
	rc = get_locked(v, n, name, (enum kind)kind, &val);
	pthread_rwlock_unlock(&n->lock);
	cdx_vnode_put(v, n);
	if (rc < 0)
		return rc;
	if (cap != 0 && val.len > cap)
		return -ERANGE;
	if (cap != 0 && val.len != 0)
		memcpy(out, val.p, val.len);
	return (int)val.len;
}

/* ---- changing ---- */

static int room_for_name(struct cdx_volume *v, uint64_t ino, const char *name)
{
	size_t len;
	int rc = list_len(v, ino, &len);

	if (rc < 0)
		return rc;
	return len + strlen(name) + 1 > LIST_MAX ? -ENOSPC : 0;
}

static int put_value(struct cdx_nsop *c, struct cdx_vnode *n, const char *name,
		     const void *val, size_t len)
{
	n->flags |= CDX_INODE_XATTR;
	cdx_vnode_touch(n, false);
	return cdx_xattr_put(c->v, c->b, n->ino, name, val, len);
}

static void del_value(struct cdx_nsop *c, struct cdx_vnode *n, const char *name)
{
	cdx_vnode_touch(n, false);
	cdx_xattr_del(c->b, n->ino, name);
}

static uint32_t acl_flag(enum kind kind)
{
	return kind == KIND_ACL_ACCESS ? CDX_INODE_ACL : CDX_INODE_DEFAULT_ACL;
}

/* Removing one that is not there is no error, as with other filesystems. */
static int acl_remove(struct cdx_nsop *c, struct cdx_vnode *n, const char *name,
		      enum kind kind)
{
	if ((n->flags & acl_flag(kind)) == 0)
		return 0;
	n->flags &= ~acl_flag(kind);
	del_value(c, n, name);
	return 0;
}

static int acl_store(struct cdx_nsop *c, struct cdx_vnode *n, const char *name,
		     enum kind kind, const struct cdx_acl *acl)
{
	struct cdx_buf now CDX_CLEANUP(cdx_buf_free) = {0};
	int rc;

	cdx_acl_encode(&now, acl);
	rc = cdx_buf_ok(&now);
	if (rc < 0)
		return rc;
	n->flags |= acl_flag(kind);
	return put_value(c, n, name, now.p, now.len);
}

static void drop_setgid(struct cdx_vnode *n, const struct cdx_cred *cred)
{
	if (cred != NULL && !cred->fsetid && cred->gid != n->attr.gid)
		n->attr.mode &= ~(mode_t)S_ISGID;
}

static int set_acl(struct cdx_nsop *c, struct cdx_vnode *n, const char *name,
		   const struct cdx_acl *acl, const struct cdx_cred *cred)
{
	enum kind kind = (enum kind)kind_of(name);

	if (S_ISLNK(n->attr.mode))
		return -EOPNOTSUPP;
	if (kind == KIND_ACL_DEFAULT && !S_ISDIR(n->attr.mode))
		return acl->n == 0 ? 0 : -EACCES;
	if (acl->n == 0)
		return acl_remove(c, n, name, kind);
	if (kind == KIND_ACL_DEFAULT)
		return acl_store(c, n, name, kind, acl);
	drop_setgid(n, cred);
	cdx_vnode_touch(n, false);
	if (cdx_acl_mode(acl, &n->attr.mode))
		return acl_remove(c, n, name, kind);
	return acl_store(c, n, name, kind, acl);
}

struct setting {
	const char *name;
	const void *val;
	size_t len;
	int flags;
	enum kind kind;
	const struct cdx_cred *cred;
	struct cdx_acl acl;
};

static int set_locked(struct cdx_nsop *c, struct cdx_vnode *n,
		      const struct setting *st)
{
	int rc;

	if (n->dead)
		return -ESTALE;
	if (st->kind == KIND_USER && !takes_user(n))
		return -EPERM;
	rc = (n->flags & CDX_INODE_XATTR) != 0
		     ? cdx_xattr_exists(c->v, n->ino, st->name)
		     : -ENODATA;
	if (rc == 0 && (st->flags & XATTR_CREATE) != 0)
		return -EEXIST;
	if (rc == -ENODATA && (st->flags & XATTR_REPLACE) != 0)
		return -ENODATA;
	if (rc == -ENODATA)
		rc = room_for_name(c->v, n->ino, st->name);
	if (rc < 0)
		return rc;
	if (st->kind == KIND_ACL_ACCESS || st->kind == KIND_ACL_DEFAULT)
		return set_acl(c, n, st->name, &st->acl, st->cred);
	return put_value(c, n, st->name, st->val, st->len);
}

static int set_value(struct cdx_volume *v, uint64_t ino,
		     const struct setting *st)
{
	struct cdx_nsop c CDX_CLEANUP(cdx_nsop_endp);
	struct cdx_vnode *n = NULL;
	int rc = cdx_nsop_begin(&c, v, false);

	if (rc == 0)
		rc = cdx_nsop_add(&c, &n, ino);
	if (rc != 0)
		return rc;
	cdx_nsop_lock(&c);
	rc = set_locked(&c, n, st);
	return rc < 0 ? rc : cdx_nsop_apply(&c);
}

int cdx_vol_setxattr(struct cdx_volume *v, uint64_t ino, const char *name,
		     const void *val, size_t len, int flags,
		     const struct cdx_cred *cred)
{
	struct setting st = {.name = name,
			     .val = val,
			     .len = len,
			     .flags = flags,
			     .cred = cred};
	int rc = kind_of(name);

	if (rc < 0)
		return rc;
	st.kind = (enum kind)rc;
	if (len > CDX_XATTR_SIZE_MAX)
		return -E2BIG;
	if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) != 0)
		return -EINVAL;
	if ((st.kind == KIND_ACL_ACCESS || st.kind == KIND_ACL_DEFAULT) &&
	    len != 0) {
		rc = cdx_acl_decode(&st.acl, val, len);
		if (rc < 0)
			return rc;
	}
	rc = set_value(v, ino, &st);
	cdx_acl_free(&st.acl);
	return rc;
}

static int remove_locked(struct cdx_nsop *c, struct cdx_vnode *n,
			 const char *name, enum kind kind)
{
	int rc;

	if (n->dead)
		return -ESTALE;
	if (kind == KIND_USER && !takes_user(n))
		return -EPERM;
	if (kind == KIND_ACL_ACCESS || kind == KIND_ACL_DEFAULT) {
		if (S_ISLNK(n->attr.mode))
			return -EOPNOTSUPP;
		return acl_remove(c, n, name, kind);
	}
	rc = (n->flags & CDX_INODE_XATTR) != 0
		     ? cdx_xattr_exists(c->v, n->ino, name)
		     : -ENODATA;
	if (rc == 0)
		del_value(c, n, name);
	return rc;
}

int cdx_vol_removexattr(struct cdx_volume *v, uint64_t ino, const char *name,
			const struct cdx_cred *cred)
{
	struct cdx_nsop c CDX_CLEANUP(cdx_nsop_endp) = {.v = v};
	struct cdx_vnode *n = NULL;
	int kind = kind_of(name);
	int rc;

	(void)cred;
	if (kind < 0)
		return kind;
	rc = cdx_nsop_begin(&c, v, false);
	if (rc == 0)
		rc = cdx_nsop_add(&c, &n, ino);
	if (rc != 0)
		return rc;
	cdx_nsop_lock(&c);
	rc = remove_locked(&c, n, name, (enum kind)kind);
	return rc < 0 ? rc : cdx_nsop_apply(&c);
}
