/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"

/*
 * The kernel's attribute form: LE32 version 2, then per entry LE16 tag, LE16
 * permissions, LE32 id (all ones where the tag has none), in the order of the
 * tags.  Source: linux/posix_acl_xattr.h; POSIX 1003.1e draft 17.
 */
#define ACL_VERSION 2u
#define ACL_HEAD 4u
#define ACL_ENTRY 8u
#define ID_NONE UINT32_MAX

enum tag {
	TAG_USER_OBJ = 0x01,
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
};

void cdx_acl_free(struct cdx_acl *a)
{
	free(a->e);
	a->e = NULL;
	a->n = 0;
}

/* One tag after the other, each where it may stand */
static bool in_order(unsigned before, unsigned tag)
{
	if (tag == before)
		return tag == TAG_USER || tag == TAG_GROUP;
	return tag > before;
}

static bool valid(const struct cdx_acl *a)
{
	const unsigned need = TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_OTHER;
	unsigned before = 0;
	unsigned seen = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct cdx_acl_entry *e = &a->e[i];
		bool named = e->tag == TAG_USER || e->tag == TAG_GROUP;

		if (!in_order(before, e->tag) || e->perm > 7)
			return false;
		if (named && e->id == ID_NONE)
			return false;
		before = e->tag;
		seen |= e->tag;
	}
	if ((seen & need) != need)
		return false;
	return (seen & (TAG_USER | TAG_GROUP)) == 0 || (seen & TAG_MASK) != 0;
}

static bool tag_known(unsigned tag)
{
	return tag != 0 && tag <= TAG_OTHER && (tag & (tag - 1)) == 0;
}

static int entries_decode(struct cdx_acl *a, struct cdx_cursor *c)
{
	for (size_t i = 0; i < a->n; i++) {
		struct cdx_acl_entry *e = &a->e[i];

		e->tag = cdx_cursor_le16(c);
		e->perm = cdx_cursor_le16(c);
		e->id = cdx_cursor_le32(c);
		if (!tag_known(e->tag))
			return -EINVAL;
		if (e->tag != TAG_USER && e->tag != TAG_GROUP)
			e->id = ID_NONE;
	}
	return cdx_cursor_done(c) == 0 && valid(a) ? 0 : -EINVAL;
}

int cdx_acl_decode(struct cdx_acl *out, const void *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	struct cdx_acl a = {0};
	uint32_t version = cdx_cursor_le32(&c);
	int rc;

	if (c.fail)
		return -EINVAL;
	if (version != ACL_VERSION)
		return -EOPNOTSUPP;
	if (c.left % ACL_ENTRY != 0)
		return -EINVAL;
	a.n = c.left / ACL_ENTRY;
	if (a.n == 0) {
		out->n = 0;
		return 0;
	}
	a.e = calloc(a.n, sizeof(*a.e));
	if (a.e == NULL)
		return -ENOMEM;
	rc = entries_decode(&a, &c);
	if (rc < 0) {
		cdx_acl_free(&a);
		return rc;
	}
	*out = a;
	return 0;
}

void cdx_acl_encode(struct cdx_buf *out, const struct cdx_acl *a)
{
	cdx_buf_le32(out, ACL_VERSION);
	for (size_t i = 0; i < a->n; i++) {
		cdx_buf_le16(out, a->e[i].tag);
		cdx_buf_le16(out, a->e[i].perm);
		cdx_buf_le32(out, a->e[i].id);
	}
}

static struct cdx_acl_entry *find(const struct cdx_acl *a, unsigned tag)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->e[i].tag == tag)
			return &a->e[i];
	}
	return NULL;
}

/* The tag of the entry that the group bits of the mode show */
static unsigned group_class(const struct cdx_acl *a)
{
	return find(a, TAG_MASK) != NULL ? TAG_MASK : TAG_GROUP_OBJ;
}

/* A valid ACL has each of the entries that these are asked for. */
static unsigned perm_get(const struct cdx_acl *a, unsigned tag)
{
	const struct cdx_acl_entry *e = find(a, tag);

	return e != NULL ? e->perm : 0;
}

static void perm_set(struct cdx_acl *a, unsigned tag, unsigned perm)
{
	struct cdx_acl_entry *e = find(a, tag);

	if (e != NULL)
		e->perm = (uint16_t)(perm & 7);
}

bool cdx_acl_mode(const struct cdx_acl *a, mode_t *mode)
{
	mode_t bits = (mode_t)perm_get(a, TAG_USER_OBJ) << 6;

	bits |= (mode_t)perm_get(a, group_class(a)) << 3;
	bits |= perm_get(a, TAG_OTHER);
	*mode = (*mode & ~(mode_t)0777) | bits;
	/* owner, group and others, and nothing else */
	return a->n == 3;
}

void cdx_acl_chmod(struct cdx_acl *a, mode_t mode)
{
	perm_set(a, TAG_USER_OBJ, mode >> 6);
	perm_set(a, group_class(a), mode >> 3);
	perm_set(a, TAG_OTHER, mode);
}

bool cdx_acl_create(struct cdx_acl *a, mode_t *mode)
{
	mode_t old = 0;

	(void)cdx_acl_mode(a, &old);
	cdx_acl_chmod(a, old & *mode);
	return cdx_acl_mode(a, mode);
}
