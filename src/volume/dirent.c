/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"

#define TYPE_SHIFT 12

int cdx_name_init(struct cdx_name *out, uint64_t parent, const char *name)
{
	size_t len = strnlen(name, CDX_NAME_MAX + 1);

	if (len == 0)
		return -ENOENT;
	if (len > CDX_NAME_MAX)
		return -ENAMETOOLONG;
	if (memchr(name, '/', len) != NULL)
		return -EINVAL;
	memset(out, 0, offsetof(struct cdx_name, name));
	out->parent = parent;
	out->len = (uint8_t)len;
	memcpy(out->name, name, len);
	out->name[len] = '\0';
	return 0;
}

bool cdx_name_is_dots(const struct cdx_name *d)
{
	return d->name[0] == '.' &&
	       (d->len == 1 || (d->len == 2 && d->name[1] == '.'));
}

size_t cdx_dentry_encode(uint8_t out[32], const struct cdx_name *d)
{
	cdx_put_be64(out, d->ino);
	out[8] = (uint8_t)(d->type >> TYPE_SHIFT);
	cdx_put_be64(out + 9, d->cookie);
	return 17;
}

size_t cdx_cookie_encode(uint8_t out[320], const struct cdx_name *d)
{
	cdx_put_be64(out, d->ino);
	out[8] = (uint8_t)(d->type >> TYPE_SHIFT);
	memcpy(out + 9, d->name, d->len);
	return 9 + (size_t)d->len;
}

static bool type_sane(mode_t type)
{
	switch (type) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFIFO:
	case S_IFSOCK:
	case S_IFCHR:
	case S_IFBLK:
		return true;
	}
	return false;
}

int cdx_dentry_decode(struct cdx_name *out, const void *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);

	out->ino = cdx_cursor_be64(&c);
	out->type = (mode_t)cdx_cursor_u8(&c) << TYPE_SHIFT;
	out->cookie = cdx_cursor_be64(&c);
	if (cdx_cursor_done(&c) != 0 || out->ino == 0 ||
	    out->cookie < CDX_COOKIE_FIRST || !type_sane(out->type))
		return CDX_E_FORMAT;
	return 0;
}

int cdx_cookie_decode(struct cdx_name *out, const void *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	const uint8_t *name;

	out->ino = cdx_cursor_be64(&c);
	out->type = (mode_t)cdx_cursor_u8(&c) << TYPE_SHIFT;
	if (c.fail || c.left == 0 || c.left > CDX_NAME_MAX || out->ino == 0 ||
	    !type_sane(out->type))
		return CDX_E_FORMAT;
	out->len = (uint8_t)c.left;
	name = cdx_cursor_take(&c, out->len);
	if (name == NULL || memchr(name, '/', out->len) != NULL ||
	    memchr(name, '\0', out->len) != NULL)
		return CDX_E_FORMAT;
	memcpy(out->name, name, out->len);
	out->name[out->len] = '\0';
	return 0;
}

static size_t dentry_key(uint8_t key[8 + CDX_NAME_MAX],
			 const struct cdx_name *d)
{
	cdx_put_be64(key, d->parent);
	memcpy(key + 8, d->name, d->len);
	return 8 + (size_t)d->len;
}

static void cookie_key(uint8_t key[16], const struct cdx_name *d)
{
	cdx_put_be64(key, d->parent);
	cdx_put_be64(key + 8, d->cookie);
}

int cdx_dentry_find(struct cdx_volume *v, struct cdx_name *d)
{
	uint8_t key[8 + CDX_NAME_MAX];
	uint8_t val[32];
	size_t len = dentry_key(key, d);
	int rc =
		cdx_kv_get(v->store, CDX_DB_DENTRY, key, len, val, sizeof(val));

	if (rc >= 0)
		rc = cdx_dentry_decode(d, val, (size_t)rc);
	if (rc == CDX_E_FORMAT || rc == -ENOBUFS) {
		cdx_log(v->log, ERROR, "volume",
			"a name in directory %" PRIu64 ": record damaged",
			d->parent);
		return CDX_E_CORRUPT;
	}
	return rc;
}

void cdx_name_put(struct cdx_batch *b, const struct cdx_name *d)
{
	uint8_t key[8 + CDX_NAME_MAX];
	uint8_t val[320];
	size_t len = dentry_key(key, d);

	cdx_batch_put(b, CDX_DB_DENTRY, key, len, val,
		      cdx_dentry_encode(val, d));
	cookie_key(key, d);
	cdx_batch_put(b, CDX_DB_COOKIE, key, 16, val,
		      cdx_cookie_encode(val, d));
}

void cdx_name_del(struct cdx_batch *b, const struct cdx_name *d)
{
	uint8_t key[8 + CDX_NAME_MAX];
	size_t len = dentry_key(key, d);

	cdx_batch_del(b, CDX_DB_DENTRY, key, len);
	cookie_key(key, d);
	cdx_batch_del(b, CDX_DB_COOKIE, key, 16);
}

uint64_t cdx_name_cookie(struct cdx_volume *v, struct cdx_batch *b)
{
	uint64_t c;

	do
		c = cdx_kv_next(v->store, CDX_CNT_NEXT_COOKIE);
	while (c < CDX_COOKIE_FIRST);
	cdx_batch_max(b, CDX_CNT_NEXT_COOKIE, c + 1);
	return c;
}
