/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include "base/err.h"
#include "crypto/block.h"
#include "store/block_set.h"
#include "store/cache_internal.h"
#include "store/records.h"

#define DIGEST sizeof(struct cdx_digest)
/* Longer values have pages of LMDB's to themselves. */
#define IN_LEAF 2000u

/* ---- keys ---- */

static struct cdx_cache_key key_of(enum cdx_cache_kind kind, const uint8_t *p,
				   size_t len)
{
	struct cdx_cache_key key = {.len = 1 + len};

	key.b[0] = (uint8_t)kind;
	memcpy(key.b + 1, p, len);
	return key;
}

struct cdx_cache_key cdx_cache_key(enum cdx_cache_kind kind,
				   const struct cdx_digest *digest)
{
	return key_of(kind, digest->b, sizeof(digest->b));
}

struct cdx_cache_key cdx_cache_page_key(const struct cdx_digest *tree,
					uint32_t page)
{
	uint8_t p[DIGEST + 4];

	memcpy(p, tree->b, DIGEST);
	cdx_put_be32(p + DIGEST, page);
	return key_of(CDX_CACHE_PAGE, p, sizeof(p));
}

struct cdx_cache_key cdx_cache_tree_key(const struct cdx_digest *tree,
					const struct cdx_digest *manifest)
{
	uint8_t p[2 * DIGEST];

	memcpy(p, tree->b, DIGEST);
	memcpy(p + DIGEST, manifest->b, DIGEST);
	return key_of(CDX_CACHE_TREE, p, sizeof(p));
}

void cdx_cache_age_key(uint8_t out[CDX_CACHE_AGE_LEN], uint32_t bucket,
		       uint64_t number)
{
	cdx_put_be32(out, bucket);
	cdx_put_be64(out + 4, number);
}

/* ---- rows: version, bucket BE32, number BE64; a block: size BE32, area, offset
 * (BE64); a page: leaves BE64, digests of leaves and path; a manifest: digest of
 * its tree, its bytes ---- */

uint64_t cdx_cache_inline_charge(size_t val_len)
{
	return val_len <= IN_LEAF ? val_len : cdx_block_room((uint32_t)val_len);
}

void cdx_cache_encode(struct cdx_buf *out, const struct cdx_cache_rec *rec)
{
	cdx_buf_u8(out, CDX_REC_VERSION);
	cdx_buf_be32(out, rec->bucket);
	cdx_buf_be64(out, rec->number);
	switch (rec->kind) {
	case CDX_CACHE_BLOCK:
		cdx_buf_be32(out, rec->size);
		cdx_buf_be64(out, rec->area);
		cdx_buf_be64(out, rec->off);
		return;
	case CDX_CACHE_PAGE:
		cdx_buf_be64(out, rec->leaves);
		break;
	case CDX_CACHE_MANIFEST:
		cdx_buf_put(out, rec->tree.b, sizeof(rec->tree.b));
		break;
	case CDX_CACHE_TREE:
		return;
	}
	cdx_buf_put(out, rec->body, rec->body_len);
}

static int decode_block(struct cdx_cache_rec *out, struct cdx_cursor *c)
{
	out->size = cdx_cursor_be32(c);
	out->area = cdx_cursor_be64(c);
	out->off = cdx_cursor_be64(c);
	if (cdx_cursor_done(c) < 0 || out->size == 0 ||
	    out->size > CDX_BLOCK_SIZE_MAX || out->area == 0 ||
	    out->off > INT64_MAX - CDX_BLOCK_SIZE_MAX ||
	    out->off % CDX_PAGE_SIZE != 0)
		return CDX_E_CORRUPT;
	out->charge = cdx_block_room(out->size);
	return 0;
}

static int decode_page(struct cdx_cache_rec *out, struct cdx_cursor *c)
{
	uint32_t n;

	out->leaves = cdx_cursor_be64(c);
	out->body_len = c->left;
	out->body = cdx_cursor_take(c, c->left);
	if (cdx_cursor_ok(c) < 0 || out->leaves > UINT64_C(1) << 32)
		return CDX_E_CORRUPT;
	n = cdx_tree_page_leaves(out->leaves, out->page);
	if (n == 0 ||
	    out->body_len != (n + cdx_tree_page_depth(out->leaves)) * DIGEST)
		return CDX_E_CORRUPT;
	return 0;
}

static int decode_manifest(struct cdx_cache_rec *out, struct cdx_cursor *c)
{
	cdx_cursor_get(c, out->tree.b, sizeof(out->tree.b));
	out->body_len = c->left;
	out->body = cdx_cursor_take(c, c->left);
	return cdx_cursor_ok(c) < 0 || out->body_len == 0 ||
			       out->body_len > CDX_CACHE_MANIFEST_MAX
		       ? CDX_E_CORRUPT
		       : 0;
}

int cdx_cache_decode(struct cdx_cache_rec *out, const void *key, size_t key_len,
		     const void *val, size_t val_len)
{
	struct cdx_cursor k = cdx_cursor_init(key, key_len);
	struct cdx_cursor c = cdx_cursor_init(val, val_len);
	uint8_t version = cdx_cursor_u8(&c);
	uint8_t kind = cdx_cursor_u8(&k);

	if (version > CDX_REC_VERSION)
		return CDX_E_VERSION;
	memset(out, 0, sizeof(*out));
	(void)cdx_cursor_take(&k, DIGEST);
	if (kind == CDX_CACHE_PAGE)
		out->page = cdx_cursor_be32(&k);
	if (cdx_cursor_done(&k) < 0 || version != CDX_REC_VERSION)
		return CDX_E_CORRUPT;
	out->bucket = cdx_cursor_be32(&c);
	out->number = cdx_cursor_be64(&c);
	out->kind = (enum cdx_cache_kind)kind;
	out->charge = cdx_cache_inline_charge(val_len);
	switch (kind) {
	case CDX_CACHE_BLOCK:
		return decode_block(out, &c);
	case CDX_CACHE_PAGE:
		return decode_page(out, &c);
	case CDX_CACHE_MANIFEST:
		return decode_manifest(out, &c);
	default:
		return CDX_E_CORRUPT;
	}
}

void cdx_cache_to_page(struct cdx_tree_page *out,
		       const struct cdx_cache_rec *rec)
{
	memset(out, 0, sizeof(*out));
	out->leaves = rec->leaves;
	out->page = rec->page;
	out->n = cdx_tree_page_leaves(rec->leaves, rec->page);
	out->path_len = cdx_tree_page_depth(rec->leaves);
	memcpy(out->leaf, rec->body, out->n * DIGEST);
	memcpy(out->path, rec->body + out->n * DIGEST, out->path_len * DIGEST);
}
