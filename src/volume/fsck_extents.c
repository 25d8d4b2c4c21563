/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "volume/far.h"
#include "volume/segs.h"

/*
 * Extents: in order, without overlap, inside their file, readable; each of a
 * record or block has its back reference and the other way round; counters and
 * what inodes say they hold are the sums.
 */

#define BATCH 128u

/* An extent with bytes of its own */
struct held {
	struct cdx_extent x;
	uint64_t ino;
	uint8_t sealed[CDX_INLINE_MAX + CDX_SEAL_OVERHEAD];
};

struct check {
	struct cdx_volume *v;
	struct cdx_fsck *f;
	struct held *some; /* BATCH */
	uint8_t *buf;	   /* CDX_BLOCK_SIZE */
	/* the inode the walk is at */
	uint64_t ino;
	uint64_t end;
	uint64_t alloc;
	uint64_t size;
	bool known;
	/* sums */
	uint64_t bytes;
	uint64_t zero;
	uint64_t inlined;
	uint64_t seen;
};

static void bad(struct check *c, const char *what, const char *fmt, ...)
	CDX_PRINTF(3, 4);

static void bad(struct check *c, const char *what, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->f->errors++;
	if (c->f->report)
		c->f->report(c->f->arg, what, text);
}

/* ---- inodes ---- */

static int inode_read(struct check *c, uint64_t ino, struct cdx_vnode *out)
{
	uint8_t key[8];
	uint8_t val[256];
	int rc;

	memset(out, 0, sizeof(*out));
	cdx_put_be64(key, ino);
	rc = cdx_kv_get(c->v->store, CDX_DB_INODE, key, sizeof(key), val,
			sizeof(val));
	if (rc < 0)
		return rc;
	return cdx_inode_decode(out, val, (size_t)rc);
}

static void leave_inode(struct check *c)
{
	struct cdx_vnode n;

	if (c->ino == 0 || !c->known || inode_read(c, c->ino, &n) < 0)
		return;
	if (n.alloc != c->alloc)
		bad(c, "inode-alloc",
		    "inode %" PRIu64 " says %" PRIu64 ", extents are %" PRIu64,
		    c->ino, n.alloc, c->alloc);
}

static void enter_inode(struct check *c, uint64_t ino)
{
	struct cdx_vnode n;
	int rc = inode_read(c, ino, &n);

	leave_inode(c);
	c->ino = ino;
	c->end = 0;
	c->alloc = 0;
	c->known = rc == 0 && S_ISREG(n.attr.mode);
	c->size = c->known ? n.attr.size : 0;
	if (!c->known)
		bad(c, "extent-without-file", "inode %" PRIu64, ino);
}

/* ---- one extent ---- */

static void check_backref(struct check *c, const struct held *h)
{
	const struct cdx_loc *loc = &h->x.loc;
	uint8_t key[CDX_BACKREF_KEY];
	uint8_t val[CDX_BACKREF_VAL];
	struct cdx_kv_pair pair = {key, sizeof(key), val, 0};
	struct cdx_backref ref;
	int rc;

	cdx_put_be64(key, loc->area);
	cdx_put_be64(key + 8, loc->off);
	cdx_put_be64(key + 16, h->ino);
	cdx_put_be64(key + 24, h->x.off);
	rc = cdx_kv_get(c->v->store, CDX_DB_BACKREF, key, sizeof(key), val,
			sizeof(val));
	if (rc >= 0) {
		pair.val_len = (size_t)rc;
		rc = cdx_backref_decode(&ref, loc->kind, &pair);
	}
	if (rc == 0 && (ref.len != h->x.len || ref.loc.plain != loc->plain ||
			ref.loc.skip != loc->skip))
		rc = CDX_E_CORRUPT;
	if (rc < 0)
		bad(c, "extent-without-backref",
		    "inode %" PRIu64 " offset %" PRIu64 ": %s", h->ino,
		    h->x.off, cdx_strerror(rc));
}

/* Blocks are hashed by the store's own check; here the path to them counts:
 * the first and the last bytes of a run in a segment, all of a record. */
static int read_bytes(struct check *c, const struct held *h)
{
	const struct cdx_extent *x = &h->x;
	uint64_t len = x->len;
	struct cdx_need need;
	int rc;

	cdx_need_init(&need);
	if (len > CDX_BLOCK_SIZE)
		len = CDX_BLOCK_SIZE;
	rc = cdx_loc_read(c->v, c->buf, &x->loc, 0, (size_t)len, &need);
	if (rc == 0 && len < x->len)
		rc = cdx_loc_read(c->v, c->buf, &x->loc, x->len - 1, 1, &need);
	/* what was given away on purpose is no damage */
	for (size_t i = 0; rc == 0 && i < need.n; i++) {
		if (!cdx_seg_absent(c->v, need.block[i].area,
				    need.block[i].index))
			rc = CDX_E_HASH;
	}
	cdx_need_free(&need);
	c->f->bytes_checked += len;
	return rc;
}

static void check_bytes(struct check *c, const struct held *h)
{
	int rc = 0;

	switch (h->x.loc.kind) {
	case CDX_LOC_ZERO:
		c->zero += h->x.len;
		return;
	case CDX_LOC_INLINE:
		c->inlined += h->x.sealed_len;
		rc = cdx_inline_open(c->v, c->buf, h->ino, &h->x);
		break;
	case CDX_LOC_RECORD:
	case CDX_LOC_SEGMENT:
		check_backref(c, h);
		rc = read_bytes(c, h);
		break;
	}
	c->bytes += h->x.len;
	if (rc < 0)
		bad(c, "extent-unreadable",
		    "inode %" PRIu64 " offset %" PRIu64 ": %s", h->ino,
		    h->x.off, cdx_strerror(rc));
}

static void check_extent(struct check *c, const struct held *h)
{
	uint64_t end = h->x.off + h->x.len;

	if (h->ino != c->ino)
		enter_inode(c, h->ino);
	if (h->x.off < c->end)
		bad(c, "extents-overlap", "inode %" PRIu64 " offset %" PRIu64,
		    h->ino, h->x.off);
	if (c->known && end > c->size && h->x.loc.kind != CDX_LOC_ZERO)
		bad(c, "extent-behind-end",
		    "inode %" PRIu64 " offset %" PRIu64 " size %" PRIu64,
		    h->ino, h->x.off, c->size);
	c->end = end;
	c->alloc += h->x.len;
	c->seen++;
	check_bytes(c, h);
}

/* Copies out up to BATCH extents behind a key, so that no iterator is open
 * while bytes are read; returns how many */
static int some_extents(struct check *c, uint8_t key[CDX_EXTENT_KEY],
			bool *first)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	int n = 0;
	int rc = cdx_kv_iter_open(c->v->store, &it, CDX_DB_EXTENT, NULL, 0,
				  *first ? NULL : key,
				  *first ? 0 : CDX_EXTENT_KEY);

	while (rc >= 0 && n < (int)BATCH) {
		struct held *h = &c->some[n];

		rc = cdx_kv_iter_next(it, &pair);
		if (rc <= 0)
			break;
		if (pair.key_len != CDX_EXTENT_KEY) {
			bad(c, "extent-key", "%zu bytes", pair.key_len);
			continue;
		}
		/* the key itself comes again when it is where we stopped */
		if (!*first && memcmp(pair.key, key, CDX_EXTENT_KEY) == 0)
			continue;
		memcpy(key, pair.key, CDX_EXTENT_KEY);
		*first = false;
		if (cdx_extent_decode(&h->x, &h->ino, &pair) < 0) {
			bad(c, "extent-record", "inode %" PRIu64,
			    cdx_get_be64(key));
			continue;
		}
		if (h->x.sealed_len > 0) {
			memcpy(h->sealed, h->x.sealed, h->x.sealed_len);
			h->x.sealed = h->sealed;
		}
		n++;
	}
	return rc < 0 ? rc : n;
}

static int walk_extents(struct check *c)
{
	uint8_t key[CDX_EXTENT_KEY];
	bool first = true;
	int n = 1;

	while (n > 0) {
		n = some_extents(c, key, &first);
		for (int i = 0; i < n; i++)
			check_extent(c, &c->some[i]);
		if (c->f->progress)
			c->f->progress(c->f->arg, "extents", c->seen, 0);
	}
	leave_inode(c);
	return n;
}

/* ---- back references ---- */

static void check_owner(struct check *c, const struct cdx_kv_pair *pair)
{
	struct cdx_backref ref;
	struct cdx_extent x;
	uint8_t buf[2048];
	enum cdx_loc_kind kind = CDX_LOC_RECORD;
	int rc;

	if (pair->val_len == CDX_BACKREF_VAL &&
	    cdx_get_be64(pair->val + 8) == 0)
		kind = CDX_LOC_SEGMENT;
	rc = cdx_backref_decode(&ref, kind, pair);
	if (rc == 0)
		rc = cdx_extent_find(c->v, ref.ino, ref.file_off, &x, buf);
	if (rc == 0 && (x.off != ref.file_off || x.len != ref.len ||
			x.loc.kind != ref.loc.kind ||
			x.loc.area != ref.loc.area || x.loc.off != ref.loc.off))
		rc = -ENOENT;
	if (rc < 0)
		bad(c, "backref-without-extent",
		    "area %" PRIx64 " offset %" PRIu64 ": %s",
		    pair->key_len >= 16 ? cdx_get_be64(pair->key) : 0,
		    pair->key_len >= 16 ? cdx_get_be64(pair->key + 8) : 0,
		    cdx_strerror(rc));
}

static int walk_backrefs(struct check *c)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	int rc = cdx_kv_iter_open(c->v->store, &it, CDX_DB_BACKREF, NULL, 0,
				  NULL, 0);

	while (rc >= 0) {
		rc = cdx_kv_iter_next(it, &pair);
		if (rc <= 0)
			break;
		check_owner(c, &pair);
	}
	return rc < 0 ? rc : 0;
}

/* ---- inodes that hold something without extents ---- */

static bool has_extents(struct check *c, uint64_t ino)
{
	struct cdx_extent x;
	uint8_t buf[2048];

	return cdx_extent_find(c->v, ino, 0, &x, buf) == 0;
}

static int walk_inodes(struct check *c)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	int rc = cdx_kv_iter_open(c->v->store, &it, CDX_DB_INODE, NULL, 0, NULL,
				  0);

	while (rc >= 0) {
		struct cdx_vnode n;

		rc = cdx_kv_iter_next(it, &pair);
		if (rc <= 0)
			break;
		memset(&n, 0, sizeof(n));
		if (pair.key_len != 8 ||
		    cdx_inode_decode(&n, pair.val, pair.val_len) < 0)
			continue; /* the namespace's check tells */
		n.ino = cdx_get_be64(pair.key);
		if (n.alloc != 0 && !has_extents(c, n.ino))
			bad(c, "inode-alloc",
			    "inode %" PRIu64 " says %" PRIu64
			    ", there are no extents",
			    n.ino, n.alloc);
	}
	return rc < 0 ? rc : 0;
}

static void check_counter(struct check *c, enum cdx_counter which,
			  const char *name, uint64_t want)
{
	int64_t have = cdx_kv_counter(c->v->store, which);

	if (have != (int64_t)want)
		bad(c, "counter", "%s is %" PRId64 ", should be %" PRIu64, name,
		    have, want);
}

int cdx_fsck_extents(struct cdx_volume *v, struct cdx_fsck *f)
{
	struct check c = {.v = v, .f = f};
	int rc = -ENOMEM;

	c.some = reallocarray(NULL, BATCH, sizeof(*c.some));
	c.buf = malloc(CDX_BLOCK_SIZE);
	if (c.some != NULL && c.buf != NULL)
		rc = walk_extents(&c);
	if (rc == 0)
		rc = walk_backrefs(&c);
	if (rc == 0)
		rc = walk_inodes(&c);
	if (rc == 0) {
		check_counter(&c, CDX_CNT_FILE_BYTES, "file bytes", c.bytes);
		check_counter(&c, CDX_CNT_ZERO_BYTES, "preallocated bytes",
			      c.zero);
		check_counter(&c, CDX_CNT_INLINE_LIVE, "inline bytes",
			      c.inlined);
	}
	free(c.some);
	free(c.buf);
	return rc;
}
