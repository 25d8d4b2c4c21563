/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_NAMES_H
#define CDX_VOLUME_NAMES_H

/* Shared by the namespace files of src/volume only: records of names, changes
 * of several inodes at once, attributes by name, ACLs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "volume/internal.h"

/* ---- records of names (dirent.c) ---- */

#define CDX_COOKIE_FIRST 3u /* 1 and 2 are "." and ".." */

/* One name of a directory.  CDX_DB_DENTRY: (parent, name) -> ino, type, cookie;
 * CDX_DB_COOKIE: (parent, cookie) -> ino, type, name. */
struct cdx_name {
	uint64_t parent;
	uint64_t cookie;
	uint64_t ino;
	mode_t type; /* S_IFMT bits */
	uint8_t len;
	char name[CDX_NAME_MAX + 1]; /* NUL behind */
};

/* Fills in parent and name.  -ENOENT empty, -ENAMETOOLONG, -EINVAL with '/' */
CDX_MUST_CHECK int cdx_name_init(struct cdx_name *out, uint64_t parent,
				 const char *name);
bool cdx_name_is_dots(const struct cdx_name *d);
/* Value of either table; returns its length */
size_t cdx_dentry_encode(uint8_t out[32], const struct cdx_name *d);
size_t cdx_cookie_encode(uint8_t out[320], const struct cdx_name *d);
/* The key's members (parent and name; parent and cookie) are the caller's.
 * CDX_E_FORMAT. */
CDX_MUST_CHECK int cdx_dentry_decode(struct cdx_name *out, const void *p,
				     size_t len);
CDX_MUST_CHECK int cdx_cookie_decode(struct cdx_name *out, const void *p,
				     size_t len);
/* Finds d->ino, type and cookie by parent and name.  -ENOENT, CDX_E_CORRUPT. */
CDX_MUST_CHECK int cdx_dentry_find(struct cdx_volume *v, struct cdx_name *d);
/* Both records of a name */
void cdx_name_put(struct cdx_batch *b, const struct cdx_name *d);
void cdx_name_del(struct cdx_batch *b, const struct cdx_name *d);
/* A fresh cookie for a new name of the batch */
uint64_t cdx_name_cookie(struct cdx_volume *v, struct cdx_batch *b);

/* ---- changes (nsop.c) ---- */

#define CDX_NSOP_NODES 6u

/* What a failed batch takes back */
struct cdx_vnode_saved {
	struct cdx_attr attr;
	uint64_t disk_size;
	uint64_t alloc;
	uint64_t parent;
	uint64_t entries;
	uint32_t flags;
	bool unlinked;
	bool attr_dirty;
};

/*
 * One change of the namespace: v->ns held, the inodes it touches pinned and
 * locked in order of number, one batch.  Ended by cdx_nsop_endp, which takes
 * everything back unless cdx_nsop_apply succeeded.
 */
struct cdx_nsop {
	struct cdx_volume *v;
	struct cdx_batch *b;
	struct cdx_vnode *node[CDX_NSOP_NODES];
	struct cdx_vnode_saved saved[CDX_NSOP_NODES];
	unsigned n;
	bool has_ns;
	bool locked;
	bool applied;
	struct cdx_vnode *fresh; /* a new inode; dies with a failed change */
	uint64_t orphan;	 /* 0 or what loses its last name */
	bool fresh_ref;		 /* @fresh got its first kernel reference */
};

/* -EROFS, -ENOMEM.  @ns: also take v->ns (names change).  The struct is
 * initialised in any case. */
CDX_MUST_CHECK int cdx_nsop_begin(struct cdx_nsop *c, struct cdx_volume *v,
				  bool ns);
/* Pins an inode for the change; twice gives the same vnode */
CDX_MUST_CHECK int cdx_nsop_add(struct cdx_nsop *c, struct cdx_vnode **out,
				uint64_t ino);
/* Locks all; nothing may be added afterwards, but a new inode */
void cdx_nsop_lock(struct cdx_nsop *c);
/* A new inode, whose number is the highest; after cdx_nsop_lock.  It is
 * locked, counted and given a kernel reference. */
CDX_MUST_CHECK int cdx_nsop_create(struct cdx_nsop *c, struct cdx_vnode **out,
				   struct cdx_attr *attr);
/* A locked inode of the change lost its last name, or never had one: orphan
 * record in the batch, purged once nobody has it.  -ENOMEM. */
CDX_MUST_CHECK int cdx_nsop_orphan(struct cdx_nsop *c, struct cdx_vnode *n);
/* Finds a name under v->ns: cdx_dentry_find, but -ENOTDIR when @dir is none */
CDX_MUST_CHECK int cdx_nsop_dentry(struct cdx_nsop *c, struct cdx_vnode *dir,
				   struct cdx_name *d);
/* Adds the inode of a name that was found; CDX_E_CORRUPT when it is missing */
CDX_MUST_CHECK int cdx_nsop_child(struct cdx_nsop *c, struct cdx_vnode **out,
				  const struct cdx_name *d);
/* A name of @n in @dir goes: link counts, ctime, orphan; all locked.  The name
 * and @dir->entries are the caller's.  (link.c) */
CDX_MUST_CHECK int cdx_nsop_unlink(struct cdx_nsop *c, struct cdx_vnode *dir,
				   struct cdx_vnode *n);
/* Stores all inodes and applies */
CDX_MUST_CHECK int cdx_nsop_apply(struct cdx_nsop *c);
void cdx_nsop_endp(struct cdx_nsop *c);

/* By inode number: the order in which vnodes are locked */
void cdx_vnode_sort(struct cdx_vnode **v, unsigned n);

/* A number as the value of a struct cdx_map; not 0 */
static inline void *cdx_map_num(uintptr_t n)
{
	return (void *)n; /* NOLINT(performance-no-int-to-ptr) */
}

/* ---- kernel references and orphans (vnode.c, orphan.c) ---- */

enum cdx_vnode_state {
	CDX_VNODE_READY,
	CDX_VNODE_LOADING,
	CDX_VNODE_FAILED,
};

/* v->orphans: inodes without a name, until they are purged */
enum cdx_orphan_state {
	CDX_ORPHAN_WAITING = 1, /* somebody still has it */
	CDX_ORPHAN_QUEUED = 2,	/* in v->purge */
	CDX_ORPHAN_CLAIMED = 3, /* being purged: no more references */
};

/* One kernel reference more, or @n fewer.  -ESTALE when it is being purged. */
CDX_MUST_CHECK int cdx_ref_take(struct cdx_volume *v, uint64_t ino);
void cdx_ref_drop(struct cdx_volume *v, uint64_t ino, uint64_t n);
/* Called under cache_mu when a pin or reference went: queues the purge of an
 * orphan that nobody has any more. */
void cdx_orphan_check_locked(struct cdx_volume *v, uint64_t ino);
/* It is no orphan (any more) */
void cdx_orphan_forget(struct cdx_volume *v, uint64_t ino);
/* Works on the queue; large inodes go to the pool.  No lock may be held. */
void cdx_orphan_run(struct cdx_volume *v);
/* Waits for the pool's part and finishes the queue (close) */
void cdx_orphan_drain(struct cdx_volume *v);

/* ---- attributes by name (xattr_store.c) ---- */

/* Value of an attribute in the clear, appended; -ENODATA, CDX_E_CORRUPT.
 * @name: @name_len bytes; CDX_XATTR_SYMLINK is a symlink's target. */
#define CDX_XATTR_SYMLINK ""
CDX_MUST_CHECK int cdx_xattr_load(struct cdx_volume *v, uint64_t ino,
				  const char *name, struct cdx_buf *out);
/* Value as stored back to clear */
CDX_MUST_CHECK int cdx_xattr_unseal(struct cdx_volume *v, struct cdx_buf *out,
				    const struct cdx_kv_pair *pair);
/* Length of the value, -ENODATA */
CDX_MUST_CHECK int cdx_xattr_exists(struct cdx_volume *v, uint64_t ino,
				    const char *name);
/* Seals into the batch.  -ENOMEM. */
CDX_MUST_CHECK int cdx_xattr_put(struct cdx_volume *v, struct cdx_batch *b,
				 uint64_t ino, const char *name,
				 const void *val, size_t len);
void cdx_xattr_del(struct cdx_batch *b, uint64_t ino, const char *name);
/* Calls with each name and its sealed value; the target of a symlink has the
 * empty name.  Negative stops. */
typedef int cdx_xattr_fn(void *arg, const char *name, size_t name_len);
CDX_MUST_CHECK int cdx_xattr_each(struct cdx_volume *v, uint64_t ino,
				  cdx_xattr_fn *fn, void *arg);
/* Deletes up to @max of all; 1 when there are more */
CDX_MUST_CHECK int cdx_xattr_purge(struct cdx_volume *v, struct cdx_batch *b,
				   uint64_t ino, unsigned max);
/* Removes security.capability if it is there; tells whether it was.  Caller
 * holds the lock. */
CDX_MUST_CHECK int cdx_xattr_kill_caps(struct cdx_volume *v,
				       struct cdx_batch *b,
				       struct cdx_vnode *n);

/* ---- access control lists (acl.c) ---- */

#define CDX_ACL_ACCESS "system.posix_acl_access"
#define CDX_ACL_DEFAULT "system.posix_acl_default"

struct cdx_acl_entry {
	uint16_t tag;
	uint16_t perm;
	uint32_t id;
};
/* Zero-initialise; free with cdx_acl_free. */
struct cdx_acl {
	struct cdx_acl_entry *e;
	size_t n;
};
void cdx_acl_free(struct cdx_acl *a);
/* Binary form of the kernel's attribute, version 2.  An empty list is n = 0.
 * Errors: -EINVAL, -EOPNOTSUPP version, -ENOMEM. */
CDX_MUST_CHECK int cdx_acl_decode(struct cdx_acl *out, const void *p,
				  size_t len);
void cdx_acl_encode(struct cdx_buf *out, const struct cdx_acl *a);
/* Permission bits that say the same; true when they say all of it */
bool cdx_acl_mode(const struct cdx_acl *a, mode_t *mode);
/* chmod: the owner's, mask's (or group's) and others' entries follow @mode */
void cdx_acl_chmod(struct cdx_acl *a, mode_t mode);
/* A default ACL becomes the access ACL of a new inode: both it and @mode keep
 * what both allow.  True when @mode says all of it. */
bool cdx_acl_create(struct cdx_acl *a, mode_t *mode);

#endif
