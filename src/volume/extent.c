/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/data.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

/* Extent records, docs/FORMATS.md "Extents". */

#define EXTENT_VERSION 1u

void cdx_extent_key(uint8_t out[CDX_EXTENT_KEY], uint64_t ino, uint64_t end)
{
	cdx_put_be64(out, ino);
	cdx_put_be64(out + 8, end);
}

size_t cdx_extent_encode(uint8_t out[CDX_EXTENT_VAL_MAX],
			 const struct cdx_extent *x)
{
	const struct cdx_loc *loc = &x->loc;

	out[0] = EXTENT_VERSION;
	out[1] = (uint8_t)loc->kind;
	cdx_put_be64(out + 2, x->len);
	switch (loc->kind) {
	case CDX_LOC_ZERO:
		return 10;
	case CDX_LOC_INLINE:
		memcpy(out + 10, x->sealed, x->sealed_len);
		return 10 + (size_t)x->sealed_len;
	case CDX_LOC_RECORD:
		cdx_put_be64(out + 10, loc->area);
		cdx_put_be64(out + 18, loc->off);
		cdx_put_be32(out + 26, loc->plain);
		cdx_put_be32(out + 30, loc->skip);
		return 34;
	case CDX_LOC_SEGMENT:
		cdx_put_be64(out + 10, loc->area);
		cdx_put_be64(out + 18, loc->off);
		return 26;
	}
	return 0;
}

static bool inline_ok(struct cdx_extent *x, struct cdx_cursor *c)
{
	if (x->len > CDX_INLINE_MAX || c->left != x->len + CDX_SEAL_OVERHEAD)
		return false;
	x->sealed_len = (uint32_t)c->left;
	x->sealed = cdx_cursor_take(c, c->left);
	return true;
}

static bool record_ok(struct cdx_extent *x, struct cdx_cursor *c)
{
	x->loc.area = cdx_cursor_be64(c);
	x->loc.off = cdx_cursor_be64(c);
	x->loc.plain = cdx_cursor_be32(c);
	x->loc.skip = cdx_cursor_be32(c);
	return x->loc.plain <= CDX_REC_MAX && x->loc.skip <= x->loc.plain &&
	       x->len <= x->loc.plain - x->loc.skip;
}

static bool segment_ok(struct cdx_extent *x, struct cdx_cursor *c)
{
	x->loc.area = cdx_cursor_be64(c);
	x->loc.off = cdx_cursor_be64(c);
	return x->loc.off <= UINT64_MAX - x->len;
}

int cdx_extent_decode(struct cdx_extent *out, uint64_t *ino,
		      const struct cdx_kv_pair *pair)
{
	struct cdx_cursor k = cdx_cursor_init(pair->key, pair->key_len);
	struct cdx_cursor c = cdx_cursor_init(pair->val, pair->val_len);
	struct cdx_extent x = {0};
	uint64_t owner = cdx_cursor_be64(&k);
	uint64_t end = cdx_cursor_be64(&k);
	uint8_t version = cdx_cursor_u8(&c);
	uint8_t kind = cdx_cursor_u8(&c);
	bool ok = false;

	x.len = cdx_cursor_be64(&c);
	if (cdx_cursor_done(&k) < 0 || cdx_cursor_ok(&c) < 0 ||
	    version != EXTENT_VERSION)
		return CDX_E_CORRUPT;
	if (x.len == 0 || x.len > end || end > (uint64_t)CDX_FILE_MAX)
		return CDX_E_CORRUPT;
	x.off = end - x.len;
	switch (kind) {
	case CDX_LOC_ZERO:
		ok = true;
		break;
	case CDX_LOC_INLINE:
		ok = inline_ok(&x, &c);
		break;
	case CDX_LOC_RECORD:
		ok = record_ok(&x, &c);
		break;
	case CDX_LOC_SEGMENT:
		ok = segment_ok(&x, &c);
		break;
	default:
		break;
	}
	if (!ok || cdx_cursor_done(&c) < 0)
		return CDX_E_CORRUPT;
	x.loc.kind = (enum cdx_loc_kind)kind;
	*out = x;
	*ino = owner;
	return 0;
}

/* ---- finding ---- */

int cdx_extent_iter(struct cdx_volume *v, struct cdx_kv_iter **out,
		    uint64_t ino, uint64_t off)
{
	uint8_t from[CDX_EXTENT_KEY];

	cdx_extent_key(from, ino, off == UINT64_MAX ? off : off + 1);
	return cdx_kv_iter_open(v->store, out, CDX_DB_EXTENT, from, 8, from,
				sizeof(from));
}

int cdx_extent_next(struct cdx_kv_iter *it, struct cdx_extent *out)
{
	struct cdx_kv_pair pair;
	uint64_t ino;
	int rc = cdx_kv_iter_next(it, &pair);

	if (rc <= 0)
		return rc;
	rc = cdx_extent_decode(out, &ino, &pair);
	return rc < 0 ? rc : 1;
}

int cdx_extent_find(struct cdx_volume *v, uint64_t ino, uint64_t off,
		    struct cdx_extent *out, uint8_t buf[2048])
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_extent x;
	int rc = cdx_extent_iter(v, &it, ino, off);

	if (rc < 0)
		return rc;
	rc = cdx_extent_next(it, &x);
	if (rc <= 0)
		return rc == 0 ? -ENOENT : rc;
	if (x.sealed_len > 0) {
		memcpy(buf, x.sealed, x.sealed_len);
		x.sealed = buf;
	}
	*out = x;
	return 0;
}

/* ---- locations ---- */

void cdx_loc_advance(struct cdx_loc *loc, uint64_t by)
{
	if (loc->kind == CDX_LOC_SEGMENT)
		loc->off += by;
	else if (loc->kind == CDX_LOC_RECORD)
		loc->skip += (uint32_t)by;
}

static void inline_ad(uint8_t out[CDX_INLINE_AD], uint64_t ino, uint64_t off)
{
	out[0] = 'I';
	cdx_put_be64(out + 1, ino);
	cdx_put_be64(out + 9, off);
}

void cdx_inline_seal(const struct cdx_volume *v, uint8_t *out, uint64_t ino,
		     uint64_t off, const uint8_t *p, size_t len)
{
	uint8_t ad[CDX_INLINE_AD];

	inline_ad(ad, ino, off);
	cdx_seal(out, &v->keys.local, p, len, ad, sizeof(ad));
}

int cdx_inline_open(struct cdx_volume *v, uint8_t *out, uint64_t ino,
		    const struct cdx_extent *x)
{
	uint8_t ad[CDX_INLINE_AD];
	int rc;

	inline_ad(ad, ino, x->off);
	rc = cdx_unseal(out, &v->keys.local, x->sealed, x->sealed_len, ad,
			sizeof(ad));
	if (rc >= 0)
		return 0;
	cdx_log(v->log, ERROR, "data",
		"inode %" PRIu64 " offset %" PRIu64
		": the bytes in the extent do not open",
		ino, x->off);
	atomic_fetch_add(&v->read_errors, 1);
	return rc;
}
