/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/records.h"

#include <string.h>

#include "base/err.h"
#include "crypto/block.h"

/* Reads the version byte. */
static int begin(struct cdx_cursor *c, const void *p, size_t len)
{
	uint8_t version;

	*c = cdx_cursor_init(p, len);
	version = cdx_cursor_u8(c);
	if (version > CDX_REC_VERSION)
		return CDX_E_VERSION;
	return version == CDX_REC_VERSION ? 0 : CDX_E_CORRUPT;
}

static int end(const struct cdx_cursor *c)
{
	return cdx_cursor_done(c) < 0 ? CDX_E_CORRUPT : 0;
}

/* ---- area: version, kind, flags (1 closed), size BE64, live BE64 ---- */

void cdx_area_info_encode(uint8_t out[CDX_AREA_VAL_LEN],
			  const struct cdx_area_info *info)
{
	out[0] = CDX_REC_VERSION;
	out[1] = (uint8_t)info->kind;
	out[2] = info->closed ? 1 : 0;
	cdx_put_be64(out + 3, info->size);
	cdx_put_be64(out + 11, info->live);
}

int cdx_area_info_decode(struct cdx_area_info *out, const void *p, size_t len)
{
	struct cdx_cursor c;
	uint8_t kind;
	uint8_t flags;
	int rc;

	rc = begin(&c, p, len);
	if (rc < 0)
		return rc;
	kind = cdx_cursor_u8(&c);
	flags = cdx_cursor_u8(&c);
	out->size = cdx_cursor_be64(&c);
	out->live = cdx_cursor_be64(&c);
	out->kind = (enum cdx_area_kind)kind;
	out->closed = flags == 1;
	if (kind < CDX_AREA_SEGMENT || kind > CDX_AREA_LOOSE || flags > 1)
		return CDX_E_CORRUPT;
	if (out->live > out->size || out->size > INT64_MAX)
		return CDX_E_CORRUPT;
	return end(&c);
}

/* ---- block: version, refs BE32, n, n x (area BE64, offset BE64) ---- */

size_t cdx_block_info_encode(uint8_t out[CDX_BLOCK_VAL_MAX],
			     const struct cdx_block_info *info)
{
	uint8_t *p = out + 6;

	out[0] = CDX_REC_VERSION;
	cdx_put_be32(out + 1, info->refs);
	out[5] = (uint8_t)info->locs;
	for (uint32_t i = 0; i < info->locs; i++, p += 16) {
		cdx_put_be64(p, info->loc[i].area);
		cdx_put_be64(p + 8, info->loc[i].off);
	}
	return (size_t)(p - out);
}

int cdx_block_info_decode(struct cdx_block_info *out, const void *p, size_t len)
{
	struct cdx_cursor c;
	int rc;

	rc = begin(&c, p, len);
	if (rc < 0)
		return rc;
	memset(out, 0, sizeof(*out));
	out->refs = cdx_cursor_be32(&c);
	out->locs = cdx_cursor_u8(&c);
	if (out->locs > CDX_BLOCK_LOCS_MAX)
		return CDX_E_CORRUPT;
	for (uint32_t i = 0; i < out->locs; i++) {
		out->loc[i].area = cdx_cursor_be64(&c);
		out->loc[i].off = cdx_cursor_be64(&c);
		if (out->loc[i].off > INT64_MAX - CDX_BLOCK_SIZE)
			return CDX_E_CORRUPT;
	}
	return end(&c);
}

/* ---- leaf: version, state, flags (1 sums), digest unless burnt, sums ---- */

size_t cdx_leaf_encode(uint8_t out[CDX_LEAF_VAL_MAX],
		       const struct cdx_leaf *leaf)
{
	bool burnt = leaf->state == CDX_LEAF_BURNT;
	bool sums = leaf->has_sums && !burnt;
	size_t len = 3;

	out[0] = CDX_REC_VERSION;
	out[1] = (uint8_t)leaf->state;
	out[2] = sums ? 1 : 0;
	if (!burnt) {
		memcpy(out + len, leaf->digest.b, sizeof(leaf->digest.b));
		len += sizeof(leaf->digest.b);
	}
	if (sums) {
		memcpy(out + len, leaf->sums, sizeof(leaf->sums));
		len += sizeof(leaf->sums);
	}
	return len;
}

int cdx_leaf_decode_val(struct cdx_leaf *out, const void *p, size_t len)
{
	struct cdx_cursor c;
	uint8_t state;
	uint8_t flags;
	int rc;

	rc = begin(&c, p, len);
	if (rc < 0)
		return rc;
	memset(out, 0, sizeof(*out));
	state = cdx_cursor_u8(&c);
	flags = cdx_cursor_u8(&c);
	if (state < CDX_LEAF_DATA || state > CDX_LEAF_FOOTER || flags > 1)
		return CDX_E_CORRUPT;
	out->state = (enum cdx_leaf_state)state;
	out->has_sums = flags == 1;
	if (out->state == CDX_LEAF_BURNT && out->has_sums)
		return CDX_E_CORRUPT;
	if (out->state != CDX_LEAF_BURNT)
		cdx_cursor_get(&c, out->digest.b, sizeof(out->digest.b));
	if (out->has_sums)
		cdx_cursor_get(&c, out->sums, sizeof(out->sums));
	return end(&c);
}

/* ---- dataset: version, flags (1 private, 2 dropping), refs BE32, CID and
 * tree CID (length byte each), dataset id, area, size, blocks, created (BE64
 * each), manifest to the end ---- */

static void put_cid(struct cdx_buf *b, const struct cdx_cid *cid)
{
	uint8_t bin[CDX_CID_BIN_MAX];
	size_t len = cdx_cid_encode(bin, cid);

	cdx_buf_u8(b, (uint8_t)len);
	cdx_buf_put(b, bin, len);
}

/* The canonical form only: what decodes must encode to the same bytes. */
static int get_cid(struct cdx_cid *out, struct cdx_cursor *c)
{
	uint8_t again[CDX_CID_BIN_MAX];
	size_t len = cdx_cursor_u8(c);
	const uint8_t *p = cdx_cursor_take(c, len);

	if (p == NULL || len > sizeof(again) || cdx_cid_decode(out, p, len) < 0)
		return CDX_E_CORRUPT;
	if (cdx_cid_encode(again, out) != len || memcmp(again, p, len) != 0)
		return CDX_E_CORRUPT;
	return 0;
}

void cdx_dataset_encode(struct cdx_buf *out,
			const struct cdx_dataset_info *info,
			const void *manifest, size_t manifest_len)
{
	cdx_buf_u8(out, CDX_REC_VERSION);
	cdx_buf_u8(out, (info->is_private ? 1 : 0) | (info->dropping ? 2 : 0));
	cdx_buf_be32(out, info->refs);
	put_cid(out, &info->cid);
	put_cid(out, &info->tree);
	cdx_buf_be64(out, info->dsid);
	cdx_buf_be64(out, info->area);
	cdx_buf_be64(out, info->size);
	cdx_buf_be64(out, info->blocks);
	cdx_buf_be64(out, (uint64_t)info->created);
	cdx_buf_put(out, manifest, manifest_len);
}

int cdx_dataset_decode(struct cdx_dataset_info *out, const uint8_t **manifest,
		       size_t *manifest_len, const void *p, size_t len)
{
	struct cdx_cursor c;
	uint8_t flags;
	int rc;

	rc = begin(&c, p, len);
	if (rc < 0)
		return rc;
	memset(out, 0, sizeof(*out));
	flags = cdx_cursor_u8(&c);
	out->refs = cdx_cursor_be32(&c);
	if (get_cid(&out->cid, &c) < 0 || get_cid(&out->tree, &c) < 0)
		return CDX_E_CORRUPT;
	out->dsid = cdx_cursor_be64(&c);
	out->area = cdx_cursor_be64(&c);
	out->size = cdx_cursor_be64(&c);
	out->blocks = cdx_cursor_be64(&c);
	out->created = (int64_t)cdx_cursor_be64(&c);
	out->is_private = (flags & 1) != 0;
	out->dropping = (flags & 2) != 0;
	*manifest_len = c.left;
	*manifest = cdx_cursor_take(&c, c.left);
	if (cdx_cursor_ok(&c) < 0 || flags > 3 ||
	    out->refs > (CDX_REF_PIN | CDX_REF_VOLUME))
		return CDX_E_CORRUPT;
	return 0;
}

/* ---- free: key group, area, offset; value length; BE64 each ---- */

void cdx_free_encode(uint8_t key[CDX_FREE_KEY_LEN], uint8_t val[8],
		     const struct cdx_free *f)
{
	cdx_put_be64(key, f->group);
	cdx_put_be64(key + 8, f->area);
	cdx_put_be64(key + 16, f->off);
	cdx_put_be64(val, f->len);
}

int cdx_free_decode(struct cdx_free *out, const struct cdx_kv_pair *pair)
{
	if (pair->key_len != CDX_FREE_KEY_LEN || pair->val_len != 8)
		return CDX_E_CORRUPT;
	out->group = cdx_get_be64(pair->key);
	out->area = cdx_get_be64(pair->key + 8);
	out->off = cdx_get_be64(pair->key + 16);
	out->len = cdx_get_be64(pair->val);
	if (out->len == CDX_FREE_WHOLE)
		return out->off == 0 ? 0 : CDX_E_CORRUPT;
	if (out->len == 0 || out->off > INT64_MAX ||
	    out->len > INT64_MAX - out->off)
		return CDX_E_CORRUPT;
	return 0;
}
