/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/internal.h"

#include "base/bytes.h"
#include "base/err.h"

#define INODE_VERSION 1u
#define INODE_FLAGS                                                \
	(CDX_INODE_XATTR | CDX_INODE_ACL | CDX_INODE_DEFAULT_ACL | \
	 CDX_INODE_TMPFILE)
#define NSEC_PER_SEC 1000000000

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	cdx_put_be32(p, v);
	return p + 4;
}

static uint8_t *put64(uint8_t *p, uint64_t v)
{
	cdx_put_be64(p, v);
	return p + 8;
}

static uint8_t *put_time(uint8_t *p, const struct timespec *t)
{
	p = put64(p, (uint64_t)t->tv_sec);
	return put32(p, (uint32_t)t->tv_nsec);
}

size_t cdx_inode_encode(uint8_t out[256], const struct cdx_vnode *n)
{
	uint8_t *p = out;

	*p++ = INODE_VERSION;
	p = put32(p, n->flags);
	p = put32(p, n->attr.mode);
	p = put32(p, n->attr.nlink);
	p = put32(p, n->attr.uid);
	p = put32(p, n->attr.gid);
	p = put64(p, n->attr.rdev);
	p = put64(p, n->disk_size);
	p = put64(p, n->alloc);
	p = put64(p, n->parent);
	p = put64(p, n->entries);
	p = put_time(p, &n->attr.atime);
	p = put_time(p, &n->attr.mtime);
	p = put_time(p, &n->attr.ctime);
	p = put_time(p, &n->attr.btime);
	return (size_t)(p - out);
}

static struct timespec get_time(struct cdx_cursor *c)
{
	struct timespec t;

	t.tv_sec = (time_t)cdx_cursor_be64(c);
	t.tv_nsec = (long)cdx_cursor_be32(c);
	if (t.tv_nsec >= NSEC_PER_SEC)
		c->fail = true;
	return t;
}

static bool type_known(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFIFO:
	case S_IFSOCK:
	case S_IFCHR:
	case S_IFBLK:
		return (mode & ~(mode_t)(S_IFMT | 07777)) == 0;
	}
	return false;
}

static bool sane(const struct cdx_vnode *n)
{
	if (!type_known(n->attr.mode) || (n->flags & ~INODE_FLAGS) != 0)
		return false;
	if (n->attr.nlink > CDX_LINK_MAX || n->disk_size > CDX_FILE_MAX)
		return false;
	if (S_ISDIR(n->attr.mode))
		return n->parent != 0;
	return n->parent == 0 && n->entries == 0;
}

int cdx_inode_decode(struct cdx_vnode *out, const void *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);

	if (cdx_cursor_u8(&c) != INODE_VERSION)
		return CDX_E_FORMAT;
	out->flags = cdx_cursor_be32(&c);
	out->attr.mode = cdx_cursor_be32(&c);
	out->attr.nlink = cdx_cursor_be32(&c);
	out->attr.uid = cdx_cursor_be32(&c);
	out->attr.gid = cdx_cursor_be32(&c);
	out->attr.rdev = cdx_cursor_be64(&c);
	out->disk_size = cdx_cursor_be64(&c);
	out->alloc = cdx_cursor_be64(&c);
	out->parent = cdx_cursor_be64(&c);
	out->entries = cdx_cursor_be64(&c);
	out->attr.atime = get_time(&c);
	out->attr.mtime = get_time(&c);
	out->attr.ctime = get_time(&c);
	out->attr.btime = get_time(&c);
	if (cdx_cursor_done(&c) != 0 || !sane(out))
		return CDX_E_FORMAT;
	out->attr.size = out->disk_size;
	out->attr.blocks = 0;
	out->type = out->attr.mode & S_IFMT;
	out->unlinked = out->attr.nlink == 0;
	return 0;
}
