/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Entries are copied in pages, so that neither a lock nor a reader of the
 * tables is held while the caller works. */
#define PAGE_BYTES 65536u
#define COOKIE_DOT 1u
#define COOKIE_DOTDOT 2u

/* In front of each name in the page; the name ends with NUL */
struct item {
	uint64_t ino;
	uint64_t cookie;
	mode_t type;
	uint8_t len;
};

struct page {
	uint64_t dir;
	uint64_t from; /* first cookie of the next page */
	bool more;
	size_t len;
	uint8_t *p;
};

static void page_add(struct page *pg, const struct cdx_name *d)
{
	struct item it = {.ino = d->ino,
			  .cookie = d->cookie,
			  .type = d->type,
			  .len = d->len};

	memcpy(pg->p + pg->len, &it, sizeof(it));
	memcpy(pg->p + pg->len + sizeof(it), d->name, (size_t)d->len + 1);
	pg->len += sizeof(it) + d->len + 1;
}

static int entry_decode(struct cdx_name *out, const struct cdx_kv_pair *pair)
{
	int rc;

	if (pair->key_len != 16)
		return CDX_E_CORRUPT;
	rc = cdx_cookie_decode(out, pair->val, pair->val_len);
	if (rc < 0)
		return CDX_E_CORRUPT;
	out->parent = cdx_get_be64(pair->key);
	out->cookie = cdx_get_be64(pair->key + 8);
	return out->cookie < CDX_COOKIE_FIRST ? CDX_E_CORRUPT : 0;
}

static int page_fill(struct cdx_volume *v, struct page *pg)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	struct cdx_name d;
	uint8_t key[16];
	int rc;

	cdx_put_be64(key, pg->dir);
	cdx_put_be64(key + 8, pg->from);
	pg->len = 0;
	pg->more = false;
	rc = cdx_kv_iter_open(v->store, &it, CDX_DB_COOKIE, key, 8, key,
			      sizeof(key));
	while (rc >= 0) {
		if (pg->len + sizeof(struct item) + sizeof(d.name) >
		    PAGE_BYTES) {
			pg->more = true;
			return 0;
		}
		rc = cdx_kv_iter_next(it, &pair);
		if (rc <= 0)
			return rc;
		rc = entry_decode(&d, &pair);
		if (rc < 0)
			break;
		page_add(pg, &d);
		pg->from = d.cookie + 1;
	}
	if (rc == CDX_E_CORRUPT)
		cdx_log(v->log, ERROR, "volume",
			"a name in directory %" PRIu64 ": record damaged",
			pg->dir);
	return rc;
}

/* Hands a page out; 0 when the caller has enough */
static int page_emit(const struct page *pg, cdx_dirent_fn *fn, void *arg)
{
	size_t at = 0;

	while (at < pg->len) {
		struct cdx_dirent e;
		struct item it;
		int rc;

		memcpy(&it, pg->p + at, sizeof(it));
		e.ino = it.ino;
		e.cookie = it.cookie;
		e.type = it.type;
		e.name = (const char *)pg->p + at + sizeof(it);
		e.name_len = it.len;
		rc = fn(arg, &e);
		if (rc <= 0)
			return rc;
		at += sizeof(it) + it.len + 1u;
	}
	return 1;
}

static int emit_dots(uint64_t ino, uint64_t up, uint64_t cookie,
		     cdx_dirent_fn *fn, void *arg)
{
	struct cdx_dirent e = {.ino = ino,
			       .cookie = COOKIE_DOT,
			       .type = S_IFDIR,
			       .name = ".",
			       .name_len = 1};
	int rc = 1;

	if (cookie < COOKIE_DOT)
		rc = fn(arg, &e);
	if (rc <= 0 || cookie >= COOKIE_DOTDOT)
		return rc;
	e.ino = up;
	e.cookie = COOKIE_DOTDOT;
	e.name = "..";
	e.name_len = 2;
	return fn(arg, &e);
}

static int emit_all(struct cdx_volume *v, struct page *pg, cdx_dirent_fn *fn,
		    void *arg)
{
	int rc = 1;

	pg->p = malloc(PAGE_BYTES);
	if (pg->p == NULL)
		return -ENOMEM;
	pg->more = true;
	while (rc > 0 && pg->more) {
		rc = page_fill(v, pg);
		if (rc == 0)
			rc = page_emit(pg, fn, arg);
	}
	free(pg->p);
	return rc < 0 ? rc : 0;
}

int cdx_vol_readdir(struct cdx_volume *v, uint64_t ino, uint64_t cookie,
		    cdx_dirent_fn *fn, void *arg)
{
	struct page pg = {.dir = ino};
	struct cdx_vnode *n;
	uint64_t up;
	bool is_dir;
	bool gone;
	int rc = cdx_vnode_get(v, &n, ino);

	if (rc < 0)
		return rc;
	pthread_rwlock_rdlock(&n->lock);
	is_dir = S_ISDIR(n->attr.mode);
	gone = n->unlinked;
	up = n->parent;
	pthread_rwlock_unlock(&n->lock);
	if (is_dir && !gone && cookie == 0)
		cdx_vnode_accessed(v, n);
	cdx_vnode_put(v, n);
	cdx_orphan_run(v);
	if (!is_dir)
		return -ENOTDIR;
	/* a removed directory has no entries, not even the dots */
	if (gone || cookie == UINT64_MAX)
		return 0;
	rc = emit_dots(ino, up, cookie, fn, arg);
	if (rc <= 0)
		return rc;
	pg.from = cookie < CDX_COOKIE_FIRST ? CDX_COOKIE_FIRST : cookie + 1;
	return emit_all(v, &pg, fn, arg);
}
