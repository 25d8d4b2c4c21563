/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/offer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/offer_internal.h"

/* Records of offers and reservations (docs/FORMATS.md "Offers"), and their rows */

#define VERSION 1u

static void put_u256(struct cdx_buf *out, const struct cdx_u256 *v)
{
	uint8_t b[32];

	cdx_u256_to_be(b, v);
	cdx_buf_put(out, b, sizeof(b));
}

static struct cdx_u256 get_u256(struct cdx_cursor *c)
{
	uint8_t b[32] = {0};

	cdx_cursor_get(c, b, sizeof(b));
	return cdx_u256_from_be(b);
}

static int begin(struct cdx_cursor *c, const void *p, size_t len)
{
	uint8_t version;

	*c = cdx_cursor_init(p, len);
	version = cdx_cursor_u8(c);
	if (version > VERSION)
		return CDX_E_VERSION;
	return version == VERSION ? 0 : CDX_E_CORRUPT;
}

/* ---- offer: version, flags (1 enabled), id, total, free, duration (BE64), price,
 * collateral, remaining (32 each), until, created (BE64) ---- */

void cdx_offer_encode(struct cdx_buf *out, const struct cdx_offer *o)
{
	cdx_buf_u8(out, VERSION);
	cdx_buf_u8(out, o->enabled ? 1 : 0);
	cdx_buf_put(out, o->id, sizeof(o->id));
	cdx_buf_be64(out, o->total);
	cdx_buf_be64(out, o->free);
	cdx_buf_be64(out, o->duration);
	put_u256(out, &o->min_price);
	put_u256(out, &o->collateral);
	put_u256(out, &o->remaining);
	cdx_buf_be64(out, (uint64_t)o->until);
	cdx_buf_be64(out, (uint64_t)o->created);
}

static bool offer_sound(const struct cdx_offer *o)
{
	return o->total != 0 && o->total <= INT64_MAX && o->free <= o->total &&
	       o->duration != 0 && !cdx_u256_is_zero(&o->min_price) &&
	       !cdx_u256_is_zero(&o->collateral) &&
	       cdx_u256_cmp(&o->remaining, &o->collateral) <= 0 &&
	       o->until >= 0;
}

int cdx_offer_decode(struct cdx_offer *out, const void *p, size_t len)
{
	struct cdx_cursor c;
	uint8_t flags;
	int rc;

	rc = begin(&c, p, len);
	if (rc < 0)
		return rc;
	memset(out, 0, sizeof(*out));
	flags = cdx_cursor_u8(&c);
	out->enabled = flags == 1;
	cdx_cursor_get(&c, out->id, sizeof(out->id));
	out->total = cdx_cursor_be64(&c);
	out->free = cdx_cursor_be64(&c);
	out->duration = cdx_cursor_be64(&c);
	out->min_price = get_u256(&c);
	out->collateral = get_u256(&c);
	out->remaining = get_u256(&c);
	out->until = (int64_t)cdx_cursor_be64(&c);
	out->created = (int64_t)cdx_cursor_be64(&c);
	return cdx_cursor_done(&c) == 0 && flags <= 1 && offer_sound(out)
		       ? 0
		       : CDX_E_CORRUPT;
}

/* ---- reservation: version, slot, id, offer, the offer of its bytes, request (32
 * each), index, size, bytes (BE64), collateral (32), valid until (BE64), note to the
 * end ---- */

void cdx_reservation_encode(struct cdx_buf *out,
			    const struct cdx_reservation *r)
{
	cdx_buf_u8(out, VERSION);
	cdx_buf_put(out, r->slot, sizeof(r->slot));
	cdx_buf_put(out, r->id, sizeof(r->id));
	cdx_buf_put(out, r->offer, sizeof(r->offer));
	cdx_buf_put(out, r->bytes_of, sizeof(r->bytes_of));
	cdx_buf_put(out, r->request, sizeof(r->request));
	cdx_buf_be64(out, r->index);
	cdx_buf_be64(out, r->size);
	cdx_buf_be64(out, r->bytes);
	put_u256(out, &r->collateral);
	cdx_buf_be64(out, (uint64_t)r->valid_until);
	cdx_buf_put(out, r->note, r->note_len);
}

static bool reservation_sound(const struct cdx_reservation *r)
{
	/* reserved as a whole, or charged as a whole */
	if (r->bytes > INT64_MAX || (r->size != 0 && r->size != r->bytes))
		return false;
	return r->bytes != 0 ||
	       memcmp(r->bytes_of, r->offer, sizeof(r->offer)) == 0;
}

int cdx_reservation_decode(struct cdx_reservation *out, const void *p,
			   size_t len)
{
	struct cdx_cursor c;
	int rc;

	rc = begin(&c, p, len);
	if (rc < 0)
		return rc;
	memset(out, 0, sizeof(*out));
	cdx_cursor_get(&c, out->slot, sizeof(out->slot));
	cdx_cursor_get(&c, out->id, sizeof(out->id));
	cdx_cursor_get(&c, out->offer, sizeof(out->offer));
	cdx_cursor_get(&c, out->bytes_of, sizeof(out->bytes_of));
	cdx_cursor_get(&c, out->request, sizeof(out->request));
	out->index = cdx_cursor_be64(&c);
	out->size = cdx_cursor_be64(&c);
	out->bytes = cdx_cursor_be64(&c);
	out->collateral = get_u256(&c);
	out->valid_until = (int64_t)cdx_cursor_be64(&c);
	if (cdx_cursor_ok(&c) < 0 || c.left > CDX_SALE_NOTE_MAX)
		return CDX_E_CORRUPT;
	out->note_len = (uint16_t)c.left;
	cdx_cursor_get(&c, out->note, c.left);
	return reservation_sound(out) ? 0 : CDX_E_CORRUPT;
}

/* ---- rows ---- */

static size_t key_of(char out[CDX_OFFER_KEY_MAX], const char *prefix,
		     const uint8_t id[32])
{
	char hex[2 * 32 + 1];

	cdx_hex(hex, id, 32);
	return (size_t)snprintf(out, CDX_OFFER_KEY_MAX, "%s%s", prefix, hex);
}

void cdx_offer_put(struct cdx_batch *b, const struct cdx_offer *o)
{
	struct cdx_buf val CDX_CLEANUP(cdx_buf_free) = {0};
	char key[CDX_OFFER_KEY_MAX];
	size_t len = key_of(key, CDX_OFFER_PREFIX, o->id);

	cdx_offer_encode(&val, o);
	/* an empty key is refused: apply reports that the value is not whole */
	if (cdx_buf_ok(&val) < 0)
		len = 0;
	cdx_batch_put(b, CDX_DB_META, key, len, val.p, val.len);
}

void cdx_reservation_put(struct cdx_batch *b, const struct cdx_reservation *r)
{
	struct cdx_buf val CDX_CLEANUP(cdx_buf_free) = {0};
	char key[CDX_OFFER_KEY_MAX];
	size_t len = key_of(key, CDX_RESERVATION_PREFIX, r->slot);

	cdx_reservation_encode(&val, r);
	if (cdx_buf_ok(&val) < 0)
		len = 0;
	cdx_batch_put(b, CDX_DB_META, key, len, val.p, val.len);
}

void cdx_reservation_del(struct cdx_batch *b, const uint8_t slot[32])
{
	char key[CDX_OFFER_KEY_MAX];
	size_t len = key_of(key, CDX_RESERVATION_PREFIX, slot);

	cdx_batch_del(b, CDX_DB_META, key, len);
}

int cdx_offer_row(struct cdx_store *s, const char *prefix, const uint8_t id[32],
		  struct cdx_buf *out)
{
	char key[CDX_OFFER_KEY_MAX];
	size_t len = key_of(key, prefix, id);
	int rc = cdx_kv_get_buf(s, CDX_DB_META, key, len, out);

	return rc < 0 ? rc : 0;
}

#define PAGE 32u

struct rows {
	struct cdx_buf bytes;
	size_t len[PAGE];
	size_t n;
	char last[CDX_OFFER_KEY_MAX];
	size_t last_len;
	bool end;
};

static int rows_read(struct cdx_store *s, struct rows *v, const char *prefix)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	int rc;

	v->n = 0;
	v->bytes.len = 0;
	rc = cdx_kv_iter_open(s, &it, CDX_DB_META, prefix, strlen(prefix),
			      v->last_len ? v->last : NULL, v->last_len);
	while (rc >= 0 && v->n < PAGE &&
	       (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		if (pair.key_len > sizeof(v->last) ||
		    (pair.key_len == v->last_len &&
		     memcmp(pair.key, v->last, v->last_len) == 0))
			continue;
		memcpy(v->last, pair.key, pair.key_len);
		v->last_len = pair.key_len;
		cdx_buf_put(&v->bytes, pair.val, pair.val_len);
		v->len[v->n++] = pair.val_len;
	}
	v->end = rc == 0;
	return rc < 0 ? rc : cdx_buf_ok(&v->bytes);
}

int cdx_offer_rows(struct cdx_store *s, const char *prefix,
		   cdx_offer_row_fn *fn, void *arg)
{
	struct rows *v = calloc(1, sizeof(*v));
	int rc;

	if (v == NULL)
		return -ENOMEM;
	do {
		size_t at = 0;

		rc = rows_read(s, v, prefix);
		for (size_t i = 0; i < v->n && rc >= 0; i++) {
			rc = fn(arg, v->bytes.p + at, v->len[i]);
			at += v->len[i];
		}
	} while (rc >= 0 && !v->end);
	cdx_buf_free(&v->bytes);
	free(v);
	return rc < 0 ? rc : 0;
}
