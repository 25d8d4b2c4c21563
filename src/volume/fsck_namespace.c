/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define PROGRESS_EVERY 65536u

/* What the inode record says and what the other tables showed */
struct seen {
	uint64_t ino;
	uint64_t parent;
	uint64_t entries;
	uint64_t size;
	mode_t mode;
	uint32_t nlink;
	uint32_t flags;
	/* counted */
	uint64_t names;
	uint64_t subdirs;
	uint64_t items;
	uint64_t name_parent;
	uint32_t attrs; /* CDX_INODE_ bits of attributes that exist */
	bool orphan;
	bool target;
	bool rooted; /* its parents lead to the root */
};

struct check {
	struct cdx_volume *v;
	struct cdx_fsck *f;
	struct cdx_map byino; /* ino -> index + 1 */
	struct seen *node;
	size_t n;
	size_t cap;
	uint64_t max_cookie;
};

static void report(struct check *c, const char *what, const char *fmt, ...)
	CDX_PRINTF(3, 4);

static void report(struct check *c, const char *what, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->f->errors++;
	c->f->report(c->f->arg, what, text);
}

static struct seen *find(const struct check *c, uint64_t ino)
{
	uintptr_t i = (uintptr_t)cdx_map_get(&c->byino, ino);

	return i == 0 ? NULL : &c->node[i - 1];
}

/* ---- a table from begin to end ---- */

typedef int row_fn(struct check *c, const struct cdx_kv_pair *pair);

static int each(struct check *c, enum cdx_db db, const char *phase, row_fn *fn)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	uint64_t done = 0;
	int rc = cdx_kv_iter_open(c->v->store, &it, db, NULL, 0, NULL, 0);

	while (rc >= 0) {
		rc = cdx_kv_iter_next(it, &pair);
		if (rc <= 0)
			return rc;
		rc = fn(c, &pair);
		if (++done % PROGRESS_EVERY == 0 && c->f->progress != NULL)
			c->f->progress(c->f->arg, phase, done, 0);
	}
	return rc;
}

/* ---- inodes ---- */

static int node_add(struct check *c, const struct cdx_vnode *n, uint64_t ino)
{
	struct seen *s;

	if (c->n == c->cap) {
		size_t cap = c->cap == 0 ? 1024 : c->cap * 2;

		s = reallocarray(c->node, cap, sizeof(*s));
		if (s == NULL)
			return -ENOMEM;
		c->node = s;
		c->cap = cap;
	}
	s = &c->node[c->n];
	memset(s, 0, sizeof(*s));
	s->ino = ino;
	s->parent = n->parent;
	s->entries = n->entries;
	s->size = n->disk_size;
	s->mode = n->attr.mode;
	s->nlink = n->attr.nlink;
	s->flags = n->flags;
	return cdx_map_put(&c->byino, ino, cdx_map_num(++c->n));
}

static int inode_row(struct check *c, const struct cdx_kv_pair *pair)
{
	struct cdx_vnode n;
	uint64_t ino;

	if (pair->key_len != 8) {
		report(c, "inode-key", "a key of %zu bytes", pair->key_len);
		return 0;
	}
	ino = cdx_get_be64(pair->key);
	memset(&n, 0, sizeof(n));
	if (cdx_inode_decode(&n, pair->val, pair->val_len) < 0) {
		report(c, "inode-damaged", "inode %" PRIu64, ino);
		return 0;
	}
	return node_add(c, &n, ino);
}

/* ---- names ---- */

static void count_name(struct check *c, const struct cdx_name *d,
		       struct seen *dir)
{
	struct seen *s = find(c, d->ino);

	dir->items++;
	if (s == NULL) {
		report(c, "name-without-inode",
		       "directory %" PRIu64 " \"%s\": inode %" PRIu64,
		       d->parent, d->name, d->ino);
		return;
	}
	s->names++;
	s->name_parent = d->parent;
	if ((s->mode & S_IFMT) != d->type)
		report(c, "name-type", "directory %" PRIu64 " \"%s\"",
		       d->parent, d->name);
	if (S_ISDIR(s->mode))
		dir->subdirs++;
}

static int cookie_of(struct check *c, const struct cdx_name *d,
		     struct cdx_name *out)
{
	uint8_t key[16];
	uint8_t val[320];
	int rc;

	cdx_put_be64(key, d->parent);
	cdx_put_be64(key + 8, d->cookie);
	rc = cdx_kv_get(c->v->store, CDX_DB_COOKIE, key, sizeof(key), val,
			sizeof(val));
	return rc < 0 ? rc : cdx_cookie_decode(out, val, (size_t)rc);
}

static bool same_name(const struct cdx_name *a, const struct cdx_name *b)
{
	return a->ino == b->ino && a->type == b->type && a->len == b->len &&
	       memcmp(a->name, b->name, a->len) == 0;
}

static int name_row(struct check *c, const struct cdx_kv_pair *pair)
{
	struct cdx_name d = {0};
	struct cdx_name other = {0};
	struct seen *dir;
	int rc;

	if (pair->key_len <= 8 || pair->key_len > 8 + CDX_NAME_MAX) {
		report(c, "name-key", "a key of %zu bytes", pair->key_len);
		return 0;
	}
	d.parent = cdx_get_be64(pair->key);
	d.len = (uint8_t)(pair->key_len - 8);
	memcpy(d.name, pair->key + 8, d.len);
	if (cdx_dentry_decode(&d, pair->val, pair->val_len) < 0) {
		report(c, "name-damaged", "directory %" PRIu64 " \"%s\"",
		       d.parent, d.name);
		return 0;
	}
	dir = find(c, d.parent);
	if (dir == NULL || !S_ISDIR(dir->mode))
		report(c, "name-without-directory",
		       "directory %" PRIu64 " \"%s\"", d.parent, d.name);
	else
		count_name(c, &d, dir);
	if (d.cookie > c->max_cookie)
		c->max_cookie = d.cookie;
	rc = cookie_of(c, &d, &other);
	if (rc == -ENOENT || rc == CDX_E_FORMAT ||
	    (rc == 0 && !same_name(&d, &other)))
		report(c, "name-without-cookie", "directory %" PRIu64 " \"%s\"",
		       d.parent, d.name);
	else if (rc < 0)
		return rc;
	return 0;
}

static int cookie_row(struct check *c, const struct cdx_kv_pair *pair)
{
	struct cdx_name d = {0};
	struct cdx_name other;
	uint64_t cookie;
	int rc;

	if (pair->key_len != 16) {
		report(c, "cookie-key", "a key of %zu bytes", pair->key_len);
		return 0;
	}
	d.parent = cdx_get_be64(pair->key);
	cookie = cdx_get_be64(pair->key + 8);
	if (cdx_cookie_decode(&d, pair->val, pair->val_len) < 0) {
		report(c, "cookie-damaged",
		       "directory %" PRIu64 " cookie %" PRIu64, d.parent,
		       cookie);
		return 0;
	}
	other = d;
	rc = cdx_dentry_find(c->v, &other);
	if (rc == -ENOENT ||
	    (rc == 0 && (other.cookie != cookie || other.ino != d.ino)))
		report(c, "cookie-without-name", "directory %" PRIu64 " \"%s\"",
		       d.parent, d.name);
	/* a damaged name was told when the names were read */
	return rc < 0 && rc != -ENOENT && rc != CDX_E_CORRUPT ? rc : 0;
}

/* ---- orphans and attributes ---- */

static int orphan_row(struct check *c, const struct cdx_kv_pair *pair)
{
	struct seen *s;
	uint64_t ino;

	if (pair->key_len != 8) {
		report(c, "orphan-key", "a key of %zu bytes", pair->key_len);
		return 0;
	}
	ino = cdx_get_be64(pair->key);
	s = find(c, ino);
	if (s == NULL)
		report(c, "orphan-without-inode", "inode %" PRIu64, ino);
	else if (s->nlink != 0)
		report(c, "orphan-with-links", "inode %" PRIu64, ino);
	else
		s->orphan = true;
	return 0;
}

static void check_acl(struct check *c, const struct seen *s, const char *name,
		      const struct cdx_buf *val)
{
	struct cdx_acl acl CDX_CLEANUP(cdx_acl_free) = {0};
	mode_t mode = s->mode;

	if (cdx_acl_decode(&acl, val->p, val->len) < 0 || acl.n == 0) {
		report(c, "acl-damaged", "inode %" PRIu64 " %s", s->ino, name);
		return;
	}
	if (strcmp(name, CDX_ACL_ACCESS) != 0)
		return;
	(void)cdx_acl_mode(&acl, &mode);
	if (mode != s->mode)
		report(c, "acl-mode", "inode %" PRIu64, s->ino);
}

static void check_attr(struct check *c, struct seen *s, const char *name,
		       const struct cdx_buf *val)
{
	if (name[0] == '\0') {
		s->target = S_ISLNK(s->mode) && s->size == val->len &&
			    val->len != 0;
		return;
	}
	s->attrs |= CDX_INODE_XATTR;
	if (strcmp(name, CDX_ACL_ACCESS) == 0)
		s->attrs |= CDX_INODE_ACL;
	else if (strcmp(name, CDX_ACL_DEFAULT) == 0)
		s->attrs |= CDX_INODE_DEFAULT_ACL;
	else
		return;
	check_acl(c, s, name, val);
}

static int attr_row(struct check *c, const struct cdx_kv_pair *pair)
{
	struct cdx_buf val CDX_CLEANUP(cdx_buf_free) = {0};
	char name[CDX_NAME_MAX + 1] = {0};
	struct seen *s;
	uint64_t ino;
	int rc;

	if (pair->key_len <= 8 || pair->key_len > 8 + CDX_NAME_MAX) {
		report(c, "xattr-key", "a key of %zu bytes", pair->key_len);
		return 0;
	}
	ino = cdx_get_be64(pair->key);
	memcpy(name, pair->key + 8, pair->key_len - 8);
	s = find(c, ino);
	if (s == NULL) {
		report(c, "xattr-without-inode", "inode %" PRIu64 " \"%s\"",
		       ino, name);
		return 0;
	}
	rc = cdx_xattr_unseal(c->v, &val, pair);
	if (rc == CDX_E_CORRUPT) {
		report(c, "xattr-damaged", "inode %" PRIu64 " \"%s\"", ino,
		       name);
		return 0;
	}
	if (rc == 0)
		check_attr(c, s, name, &val);
	return rc;
}

/* ---- what the counts say ---- */

static void check_dir(struct check *c, const struct seen *s)
{
	uint64_t links = s->nlink == 0 ? 0 : 2 + s->subdirs;
	uint64_t names = s->ino == CDX_ROOT_INO || s->nlink == 0 ? 0 : 1;

	if (s->nlink != links)
		report(c, "link-count",
		       "directory %" PRIu64 " has %u links, not %" PRIu64,
		       s->ino, s->nlink, links);
	if (s->entries != s->items)
		report(c, "entry-count",
		       "directory %" PRIu64 " has %" PRIu64
		       " entries, not %" PRIu64,
		       s->ino, s->items, s->entries);
	if (s->names != names)
		report(c, "directory-names",
		       "directory %" PRIu64 " has %" PRIu64 " names", s->ino,
		       s->names);
	else if (names == 1 && s->parent != s->name_parent)
		report(c, "parent",
		       "directory %" PRIu64 ": \"..\" is %" PRIu64
		       ", its name is in %" PRIu64,
		       s->ino, s->parent, s->name_parent);
}

static void check_node(struct check *c, const struct seen *s)
{
	const uint32_t flags = CDX_INODE_ACL | CDX_INODE_DEFAULT_ACL;

	if (S_ISDIR(s->mode))
		check_dir(c, s);
	else if (s->names != s->nlink)
		report(c, "link-count",
		       "inode %" PRIu64 " has %u links, not %" PRIu64, s->ino,
		       s->nlink, s->names);
	if (s->nlink == 0 && !s->orphan)
		report(c, "unlinked-not-orphan", "inode %" PRIu64, s->ino);
	if ((s->flags & flags) != (s->attrs & flags) ||
	    (s->attrs & ~s->flags) != 0)
		report(c, "xattr-flag", "inode %" PRIu64, s->ino);
	if (S_ISLNK(s->mode) && !s->target)
		report(c, "symlink-target", "inode %" PRIu64, s->ino);
}

/* Directories form one tree: marks everything that leads to the root. */
static void check_rooted(struct check *c, struct seen *s)
{
	struct seen *up = s;
	size_t steps = 0;

	if (s->nlink == 0)
		return;
	while (up != NULL && !up->rooted && steps++ <= c->n)
		up = find(c, up->parent);
	if (up == NULL || !up->rooted) {
		report(c, "unreachable-directory", "directory %" PRIu64,
		       s->ino);
		return;
	}
	for (up = s; up != NULL && !up->rooted; up = find(c, up->parent))
		up->rooted = true;
}

static void check_nodes(struct check *c)
{
	struct seen *root = find(c, CDX_ROOT_INO);

	if (root == NULL || !S_ISDIR(root->mode) || root->nlink == 0) {
		report(c, "no-root", "inode %u", CDX_ROOT_INO);
		return;
	}
	root->rooted = true;
	for (size_t i = 0; i < c->n; i++) {
		check_node(c, &c->node[i]);
		if (S_ISDIR(c->node[i].mode))
			check_rooted(c, &c->node[i]);
	}
}

static void check_counter(struct check *c, const char *name, enum cdx_counter k,
			  uint64_t least, bool exact)
{
	int64_t have = cdx_kv_counter(c->v->store, k);

	if (have < 0 || (uint64_t)have < least ||
	    (exact && (uint64_t)have != least))
		report(c, "counter", "%s is %" PRId64 ", not %" PRIu64, name,
		       have, least);
}

static void check_counters(struct check *c)
{
	uint64_t max = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (c->node[i].ino > max)
			max = c->node[i].ino;
	}
	check_counter(c, "inodes", CDX_CNT_INODES, c->n, true);
	check_counter(c, "next inode", CDX_CNT_NEXT_INO, max + 1, false);
	check_counter(c, "next cookie", CDX_CNT_NEXT_COOKIE, c->max_cookie + 1,
		      false);
}

int cdx_fsck_namespace(struct cdx_volume *v, struct cdx_fsck *f)
{
	static const struct {
		enum cdx_db db;
		const char *phase;
		row_fn *fn;
	} pass[] = {
		{CDX_DB_INODE, "inodes", inode_row},
		{CDX_DB_DENTRY, "names", name_row},
		{CDX_DB_COOKIE, "cookies", cookie_row},
		{CDX_DB_ORPHAN, "orphans", orphan_row},
		{CDX_DB_XATTR, "attributes", attr_row},
	};
	struct check c = {.v = v, .f = f};
	int rc = 0;

	for (size_t i = 0; i < CDX_ARRAY_LEN(pass) && rc >= 0; i++)
		rc = each(&c, pass[i].db, pass[i].phase, pass[i].fn);
	if (rc >= 0) {
		check_nodes(&c);
		check_counters(&c);
	}
	cdx_map_free(&c.byino);
	free(c.node);
	return rc < 0 ? rc : 0;
}
