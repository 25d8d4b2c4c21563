/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/block.h"
#include "erasure/codec.h"

/* version 1 had neither codec nor verifiable manifest */
#define REC_VERSION 2u
#define REC_VERSION_1 1u
/* k and m of a store are far smaller; keeps products within 64 bits */
#define COLUMNS_MAX 256u
#define BLOCKS_MAX (1u << 20)

const char *cdx_seg_state_name(enum cdx_seg_state st)
{
	switch (st) {
	case CDX_SEG_OPEN:
		return "open";
	case CDX_SEG_SEALING:
		return "sealing";
	case CDX_SEG_SEALED:
		return "sealed";
	case CDX_SEG_DROPPING:
		return "dropping";
	}
	return "unknown";
}

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

static uint8_t *put_bytes(uint8_t *p, const void *in, size_t len)
{
	memcpy(p, in, len);
	return p + len;
}

size_t cdx_seg_rec_encode(uint8_t out[CDX_SEG_REC_MAX],
			  const struct cdx_seg_rec *rec)
{
	uint8_t *p = out;

	*p++ = REC_VERSION;
	*p++ = (uint8_t)rec->state;
	p = put32(p, rec->k);
	p = put32(p, rec->m);
	p = put32(p, rec->cap);
	p = put32(p, rec->next);
	p = put32(p, rec->footers);
	p = put32(p, rec->progress);
	p = put64(p, rec->live);
	p = put64(p, rec->entries);
	p = put64(p, rec->content);
	p = put64(p, (uint64_t)rec->opened);
	p = put_bytes(p, rec->id, sizeof(rec->id));
	*p++ = rec->has_manifest;
	if (rec->has_manifest)
		p = put_bytes(p, rec->manifest.b, sizeof(rec->manifest.b));
	*p++ = (uint8_t)rec->epochs;
	for (uint32_t i = 0; i < rec->epochs; i++) {
		p = put32(p, rec->epoch[i].first);
		*p++ = rec->epoch[i].cipher;
		p = put_bytes(p, rec->epoch[i].wrapped, CDX_WRAPPED_LEN);
	}
	p = put32(p, rec->codec);
	*p++ = rec->has_verifiable;
	if (rec->has_verifiable)
		p = put_bytes(p, rec->verifiable.b, sizeof(rec->verifiable.b));
	return (size_t)(p - out);
}

static bool epochs_ok(const struct cdx_seg_rec *rec)
{
	for (uint32_t i = 0; i < rec->epochs; i++) {
		uint8_t c = rec->epoch[i].cipher;

		if (c != CDX_CIPHER_AES256_CTR && c != CDX_CIPHER_XCHACHA20)
			return false;
		if (rec->epoch[i].first >= rec->cap)
			return false;
		if (i && rec->epoch[i].first <= rec->epoch[i - 1].first)
			return false;
	}
	return true;
}

static bool rec_ok(const struct cdx_seg_rec *rec)
{
	return rec->state >= CDX_SEG_OPEN && rec->state <= CDX_SEG_DROPPING &&
	       rec->k && rec->k <= COLUMNS_MAX && rec->m <= COLUMNS_MAX &&
	       rec->cap && rec->cap <= BLOCKS_MAX && rec->next <= rec->cap &&
	       rec->footers <= rec->cap && rec->progress <= rec->cap &&
	       (rec->has_manifest || !rec->has_verifiable) && epochs_ok(rec);
}

/* A digest that may be there */
static int get_digest(struct cdx_cursor *c, bool *has, struct cdx_digest *out)
{
	uint8_t flag = cdx_cursor_u8(c);

	if (flag > 1)
		return CDX_E_CORRUPT;
	*has = flag;
	if (flag)
		cdx_cursor_get(c, out->b, sizeof(out->b));
	return 0;
}

static int get_epochs(struct cdx_cursor *c, struct cdx_seg_rec *out)
{
	out->epochs = cdx_cursor_u8(c);
	if (out->epochs > CDX_SEG_EPOCHS_MAX)
		return CDX_E_CORRUPT;
	for (uint32_t i = 0; i < out->epochs; i++) {
		out->epoch[i].first = cdx_cursor_be32(c);
		out->epoch[i].cipher = cdx_cursor_u8(c);
		cdx_cursor_get(c, out->epoch[i].wrapped, CDX_WRAPPED_LEN);
	}
	return 0;
}

int cdx_seg_rec_decode(struct cdx_seg_rec *out, const void *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	uint8_t version = cdx_cursor_u8(&c);
	int r;

	if (version != REC_VERSION && version != REC_VERSION_1)
		return len ? CDX_E_VERSION : CDX_E_CORRUPT;
	memset(out, 0, sizeof(*out));
	out->state = (enum cdx_seg_state)cdx_cursor_u8(&c);
	out->k = cdx_cursor_be32(&c);
	out->m = cdx_cursor_be32(&c);
	out->cap = cdx_cursor_be32(&c);
	out->next = cdx_cursor_be32(&c);
	out->footers = cdx_cursor_be32(&c);
	out->progress = cdx_cursor_be32(&c);
	out->live = cdx_cursor_be64(&c);
	out->entries = cdx_cursor_be64(&c);
	out->content = cdx_cursor_be64(&c);
	out->opened = (int64_t)cdx_cursor_be64(&c);
	cdx_cursor_get(&c, out->id, sizeof(out->id));
	r = get_digest(&c, &out->has_manifest, &out->manifest);
	if (r == 0)
		r = get_epochs(&c, out);
	out->codec = CDX_EC_ISA_L_CAUCHY;
	if (r == 0 && version != REC_VERSION_1) {
		out->codec = cdx_cursor_be32(&c);
		r = get_digest(&c, &out->has_verifiable, &out->verifiable);
	}
	if (r < 0)
		return r;
	if (cdx_cursor_done(&c) < 0 || !rec_ok(out))
		return CDX_E_CORRUPT;
	return 0;
}

int cdx_seg_rec_get(struct cdx_volume *v, struct cdx_seg_rec *out,
		    uint64_t area)
{
	uint8_t key[8];
	uint8_t val[CDX_SEG_REC_MAX];
	int r;

	cdx_put_be64(key, area);
	r = cdx_kv_get(v->store, CDX_DB_SEGMENT, key, sizeof(key), val,
		       sizeof(val));
	if (r == -ENOBUFS)
		return CDX_E_CORRUPT;
	if (r < 0)
		return r;
	return cdx_seg_rec_decode(out, val, (size_t)r);
}

void cdx_seg_rec_put(struct cdx_batch *b, uint64_t area,
		     const struct cdx_seg_rec *rec)
{
	uint8_t key[8];
	uint8_t val[CDX_SEG_REC_MAX];
	size_t len = cdx_seg_rec_encode(val, rec);

	cdx_put_be64(key, area);
	cdx_batch_put(b, CDX_DB_SEGMENT, key, sizeof(key), val, len);
}
