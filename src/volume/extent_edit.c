/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

void cdx_extent_begin(struct cdx_extent_edit *e, struct cdx_volume *v,
		      struct cdx_vnode *n, struct cdx_batch *b)
{
	memset(e, 0, sizeof(*e));
	e->v = v;
	e->n = n;
	e->b = b;
	e->alloc = n->alloc;
}

static void count(struct cdx_extent_edit *e, const struct cdx_extent *x,
		  int sign)
{
	int64_t len = (int64_t)x->len * sign;

	e->d_alloc += len;
	if (x->loc.kind == CDX_LOC_ZERO)
		e->d_zero += len;
	else
		e->d_bytes += len;
}

/* A new record: reference, counts, key and value.  Inline bytes are sealed. */
static void add(struct cdx_extent_edit *e, const struct cdx_extent *x)
{
	uint8_t key[CDX_EXTENT_KEY];
	uint8_t val[CDX_EXTENT_VAL_MAX];

	cdx_extent_key(key, e->n->ino, x->off + x->len);
	cdx_batch_put(e->b, CDX_DB_EXTENT, key, sizeof(key), val,
		      cdx_extent_encode(val, x));
	cdx_loc_ref(e->v, e->b, &x->loc, e->n->ino, x->off, x->len);
	count(e, x, 1);
}

/* The extent is no longer there; the key is the caller's business */
static void forget(struct cdx_extent_edit *e, const struct cdx_extent *x)
{
	cdx_loc_unref(e->v, e->b, &x->loc, e->n->ino, x->off, x->len);
	count(e, x, -1);
}

static void del_key(struct cdx_extent_edit *e, uint64_t end)
{
	uint8_t key[CDX_EXTENT_KEY];

	cdx_extent_key(key, e->n->ino, end);
	cdx_batch_del(e->b, CDX_DB_EXTENT, key, sizeof(key));
}

/* Bytes [from, to) of @x become an extent of their own */
static int add_piece(struct cdx_extent_edit *e, const struct cdx_extent *x,
		     uint64_t from, uint64_t to)
{
	struct cdx_extent y = *x;
	uint8_t plain[CDX_INLINE_MAX];
	uint8_t sealed[CDX_INLINE_MAX + CDX_SEAL_OVERHEAD];
	int rc;

	y.off = from;
	y.len = to - from;
	cdx_loc_advance(&y.loc, from - x->off);
	if (x->loc.kind != CDX_LOC_INLINE) {
		add(e, &y);
		return 0;
	}
	rc = cdx_inline_open(e->v, plain, e->n->ino, x);
	if (rc < 0)
		return rc;
	cdx_inline_seal(e->v, sealed, e->n->ino, from, plain + (from - x->off),
			(size_t)y.len);
	y.sealed = sealed;
	y.sealed_len = (uint32_t)(y.len + CDX_SEAL_OVERHEAD);
	add(e, &y);
	return 0;
}

/*
 * An extent as the tables have it, seen through what the edit did to it.
 * Inline ones are whole in @table: their bytes open with the old offset.
 */
struct seen {
	struct cdx_extent table;
	uint64_t from; /* what is left begins here */
};

static void see(const struct cdx_extent_edit *e, struct seen *s)
{
	s->from = s->table.off;
	if (e->cut_end != 0 && s->table.off + s->table.len == e->cut_end)
		s->from = e->cut_off;
}

/* What is left of it, with the reference it has now */
static struct cdx_extent left_of(const struct seen *s)
{
	struct cdx_extent x = s->table;

	x.off = s->from;
	x.len -= s->from - s->table.off;
	cdx_loc_advance(&x.loc, s->from - s->table.off);
	return x;
}

/* Takes [off, end) out of one extent that overlaps it */
static int carve(struct cdx_extent_edit *e, const struct seen *s, uint64_t off,
		 uint64_t end)
{
	const struct cdx_extent x = left_of(s);
	uint64_t x_end = x.off + x.len;
	int rc;

	forget(e, &x);
	if (x.off < off) {
		rc = add_piece(e, &s->table, x.off, off);
		if (rc < 0)
			return rc;
		/* it may be continued by what comes */
		e->last = x;
		e->last.len = off - x.off;
		e->done = off;
	}
	if (x_end <= end) {
		del_key(e, x_end);
		return 0;
	}
	rc = add_piece(e, &s->table, end, x_end);
	e->cut_end = x_end;
	e->cut_off = end;
	return rc;
}

static int clear_range(struct cdx_extent_edit *e, uint64_t off, uint64_t end)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct seen s;
	int rc = cdx_extent_iter(e->v, &it, e->n->ino, off);

	while (rc == 0) {
		rc = cdx_extent_next(it, &s.table);
		if (rc <= 0)
			return rc;
		see(e, &s);
		if (s.from >= end)
			return 0;
		rc = carve(e, &s, off, end);
	}
	return rc;
}

static bool continues(const struct cdx_extent *a, const struct cdx_extent *b)
{
	if (a->len == 0 || a->off + a->len != b->off ||
	    a->loc.kind != b->loc.kind)
		return false;
	switch (a->loc.kind) {
	case CDX_LOC_ZERO:
		return true;
	case CDX_LOC_INLINE:
		return false;
	case CDX_LOC_RECORD:
		return a->loc.area == b->loc.area && a->loc.off == b->loc.off &&
		       a->loc.skip + a->len == b->loc.skip;
	case CDX_LOC_SEGMENT:
		return a->loc.area == b->loc.area &&
		       a->loc.off + a->len == b->loc.off;
	}
	return false;
}

/* The extent that ends at @off, len 0 when there is none; inline ones are left
 * out, nothing continues them */
static int before(struct cdx_extent_edit *e, uint64_t off,
		  struct cdx_extent *out)
{
	uint8_t key[CDX_EXTENT_KEY];
	uint8_t val[CDX_EXTENT_VAL_MAX];
	struct cdx_kv_pair pair = {
		.key = key, .key_len = sizeof(key), .val = val};
	struct seen s;
	uint64_t ino;
	int rc;

	if (e->done == off) {
		*out = e->last;
		return 0;
	}
	out->len = 0;
	cdx_extent_key(key, e->n->ino, off);
	rc = cdx_kv_get(e->v->store, CDX_DB_EXTENT, key, sizeof(key), val,
			sizeof(val));
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	pair.val_len = (size_t)rc;
	rc = cdx_extent_decode(&s.table, &ino, &pair);
	if (rc < 0 || s.table.loc.kind == CDX_LOC_INLINE)
		return rc;
	see(e, &s);
	*out = left_of(&s);
	return 0;
}

static void place(struct cdx_extent_edit *e, struct cdx_extent *x,
		  const struct cdx_extent *prev)
{
	if (continues(prev, x)) {
		forget(e, prev);
		del_key(e, x->off);
		x->off = prev->off;
		x->len += prev->len;
		x->loc = prev->loc;
	}
	add(e, x);
}

int cdx_extent_put(struct cdx_extent_edit *e, uint64_t off, uint64_t len,
		   const struct cdx_loc *loc, const struct cdx_sealed *sealed)
{
	struct cdx_extent x = {.off = off, .len = len};
	struct cdx_extent prev = {0};
	uint64_t end;
	int rc;

	if (len == 0 || off < e->done ||
	    __builtin_add_overflow(off, len, &end) ||
	    end > (uint64_t)CDX_FILE_MAX)
		return -EINVAL;
	/* first: clearing forgets a cut that ended at @off */
	rc = loc != NULL ? before(e, off, &prev) : 0;
	if (rc == 0)
		rc = clear_range(e, off, end);
	if (rc < 0)
		return rc;
	/* or it left a piece that ends there */
	if (e->done == off)
		prev = e->last;
	if (loc != NULL) {
		x.loc = *loc;
		if (sealed != NULL) {
			x.sealed = sealed->p;
			x.sealed_len = sealed->len;
		}
		place(e, &x, &prev);
	}
	e->last = x;
	e->last.sealed = NULL;
	if (loc == NULL)
		e->last.len = 0;
	e->done = end;
	return 0;
}

static void add_nonzero(struct cdx_batch *b, enum cdx_counter c, int64_t delta)
{
	if (delta != 0)
		cdx_batch_add(b, c, delta);
}

void cdx_extent_end(struct cdx_extent_edit *e)
{
	e->n->alloc = (uint64_t)((int64_t)e->alloc + e->d_alloc);
	add_nonzero(e->b, CDX_CNT_FILE_BYTES, e->d_bytes);
	add_nonzero(e->b, CDX_CNT_ZERO_BYTES, e->d_zero);
}

int cdx_extent_replace(struct cdx_volume *v, struct cdx_vnode *n,
		       struct cdx_batch *b, uint64_t off, uint64_t len,
		       const struct cdx_loc *loc,
		       const struct cdx_sealed *sealed)
{
	struct cdx_extent_edit e;
	int rc;

	cdx_extent_begin(&e, v, n, b);
	rc = cdx_extent_put(&e, off, len, loc, sealed);
	if (rc == 0)
		cdx_extent_end(&e);
	return rc;
}
