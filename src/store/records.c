/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/records.h"

#include <string.h>

#include "base/err.h"
#include "crypto/block.h"
#include "store/protection_internal.h"

/* Reads the version byte, 1 to @max; returns it. */
static int begin(struct cdx_cursor *c, const void *p, size_t len, uint8_t max)
{
	uint8_t version;

	*c = cdx_cursor_init(p, len);
	version = cdx_cursor_u8(c);
	if (version > max)
		return CDX_E_VERSION;
	return version >= CDX_REC_VERSION ? version : CDX_E_CORRUPT;
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

	rc = begin(&c, p, len, CDX_REC_VERSION);
	if (rc < 0)
		return rc;
	kind = cdx_cursor_u8(&c);
	flags = cdx_cursor_u8(&c);
	out->size = cdx_cursor_be64(&c);
	out->live = cdx_cursor_be64(&c);
	out->kind = (enum cdx_area_kind)kind;
	out->closed = flags == 1;
	if (kind < CDX_AREA_SEGMENT || kind > CDX_AREA_CACHE || flags > 1)
		return CDX_E_CORRUPT;
	if (out->live > out->size || out->size > INT64_MAX)
		return CDX_E_CORRUPT;
	return end(&c);
}

/* ---- block: version, refs BE32, size BE32 unless it is 64 KiB (version 1),
 * n, n x (area BE64, offset BE64) ---- */

size_t cdx_block_info_encode(uint8_t out[CDX_BLOCK_VAL_MAX],
			     const struct cdx_block_info *info)
{
	uint8_t *p = out + 5;

	out[0] = info->size == CDX_BLOCK_SIZE ? 1 : 2;
	cdx_put_be32(out + 1, info->refs);
	if (out[0] == 2) {
		cdx_put_be32(p, info->size);
		p += 4;
	}
	*p++ = (uint8_t)info->locs;
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

	rc = begin(&c, p, len, 2);
	if (rc < 0)
		return rc;
	memset(out, 0, sizeof(*out));
	out->refs = cdx_cursor_be32(&c);
	out->size = rc == 1 ? CDX_BLOCK_SIZE : cdx_cursor_be32(&c);
	out->locs = cdx_cursor_u8(&c);
	if (out->locs > CDX_BLOCK_LOCS_MAX ||
	    (rc == 2 && out->size == CDX_BLOCK_SIZE) || out->size == 0 ||
	    out->size > CDX_BLOCK_SIZE_MAX)
		return CDX_E_CORRUPT;
	for (uint32_t i = 0; i < out->locs; i++) {
		out->loc[i].area = cdx_cursor_be64(&c);
		out->loc[i].off = cdx_cursor_be64(&c);
		if (out->loc[i].off > INT64_MAX - CDX_BLOCK_SIZE_MAX)
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

	rc = begin(&c, p, len, CDX_REC_VERSION);
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

/* ---- dataset: version, flags (1 private, 2 dropping), refs BE32, version 2:
 * kind, block size BE32, base BE64; CID and tree CID (length byte each),
 * dataset id, area, size, blocks, created (BE64 each), manifest to the end.
 * Version 1: plain, of 64 KiB blocks, no protection on it; 3: published; 4: held
 * for money ---- */

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

/* Can version 1 say it? */
static bool is_simple(const struct cdx_dataset_info *info)
{
	return info->kind == CDX_DATASET_PLAIN && info->base == info->dsid &&
	       info->block_size == CDX_BLOCK_SIZE &&
	       (info->refs & CDX_REF_PROTECTED) == 0;
}

static uint8_t dataset_version(const struct cdx_dataset_info *info)
{
	if ((info->refs & CDX_REF_HELD) != 0)
		return 4;
	if (info->published)
		return 3;
	return is_simple(info) ? 1 : 2;
}

void cdx_dataset_encode(struct cdx_buf *out,
			const struct cdx_dataset_info *info,
			const void *manifest, size_t manifest_len)
{
	uint8_t version = dataset_version(info);

	cdx_buf_u8(out, version);
	cdx_buf_u8(out, (info->is_private ? 1 : 0) | (info->dropping ? 2 : 0) |
				(info->published ? 4 : 0));
	cdx_buf_be32(out, info->refs);
	if (version > 1) {
		cdx_buf_u8(out, (uint8_t)info->kind);
		cdx_buf_be32(out, info->block_size);
		cdx_buf_be64(out, info->base);
	}
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
	uint8_t version;
	uint8_t flags;
	uint8_t kind = CDX_DATASET_PLAIN;
	int rc;

	rc = begin(&c, p, len, 4);
	if (rc < 0)
		return rc;
	version = (uint8_t)rc;
	memset(out, 0, sizeof(*out));
	flags = cdx_cursor_u8(&c);
	out->refs = cdx_cursor_be32(&c);
	out->block_size = CDX_BLOCK_SIZE;
	if (version > 1) {
		kind = cdx_cursor_u8(&c);
		out->block_size = cdx_cursor_be32(&c);
		out->base = cdx_cursor_be64(&c);
	}
	if (get_cid(&out->cid, &c) < 0 || get_cid(&out->tree, &c) < 0)
		return CDX_E_CORRUPT;
	out->dsid = cdx_cursor_be64(&c);
	if (version == 1)
		out->base = out->dsid;
	out->area = cdx_cursor_be64(&c);
	out->size = cdx_cursor_be64(&c);
	out->blocks = cdx_cursor_be64(&c);
	out->created = (int64_t)cdx_cursor_be64(&c);
	out->is_private = (flags & 1) != 0;
	out->dropping = (flags & 2) != 0;
	out->published = (flags & 4) != 0;
	*manifest_len = c.left;
	*manifest = cdx_cursor_take(&c, c.left);
	if (cdx_cursor_ok(&c) < 0 || flags > 7 ||
	    kind > CDX_DATASET_VERIFIABLE || out->block_size == 0 ||
	    out->block_size > CDX_BLOCK_SIZE_MAX ||
	    out->refs > (CDX_REF_PIN | CDX_REF_VOLUME | CDX_REF_PROTECTED |
			 CDX_REF_HELD))
		return CDX_E_CORRUPT;
	out->kind = (enum cdx_dataset_kind)kind;
	return dataset_version(out) == version ? 0 : CDX_E_CORRUPT;
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

/* ---- protection: key base, id (BE64 each); version, state, k, m, codec, block
 * size, cell size (BE32), n, steps, parity area, segment, done, charge (BE64),
 * absent, damaged, evicting (BE32), evicted (BE64), three manifest digests.  Version 2:
 * the slots behind the evicting one come next.  Version 3: share, sold (BE32) at the
 * end ---- */

static uint8_t protection_version(const struct cdx_protection *p)
{
	if (p->share != CDX_SHARE_VOLUME || p->sold != 0)
		return 3;
	return p->evict_all ? 2 : 1;
}

size_t cdx_protection_encode(uint8_t key[CDX_PROTECTION_KEY_LEN],
			     uint8_t val[CDX_PROTECTION_VAL_MAX],
			     const struct cdx_protection *p)
{
	const uint32_t numbers[5] = {p->k, p->m, p->codec, p->block_size,
				     p->cell_size};
	const uint64_t longs[6] = {p->blocks,  p->steps, p->area,
				   p->segment, p->done,	 p->charge};
	const uint32_t marks[3] = {p->absent, p->damaged, p->evicting};
	uint8_t *v = val;

	cdx_put_be64(key, p->base);
	cdx_put_be64(key + 8, p->id);
	*v++ = protection_version(p);
	*v++ = (uint8_t)p->state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(numbers); i++, v += 4)
		cdx_put_be32(v, numbers[i]);
	for (size_t i = 0; i < CDX_ARRAY_LEN(longs); i++, v += 8)
		cdx_put_be64(v, longs[i]);
	for (size_t i = 0; i < CDX_ARRAY_LEN(marks); i++, v += 4)
		cdx_put_be32(v, marks[i]);
	cdx_put_be64(v, p->evicted);
	memcpy(v + 8, p->plain.b, 32);
	memcpy(v + 40, p->protected_.b, 32);
	memcpy(v + 72, p->verifiable.b, 32);
	if (val[0] != 3)
		return CDX_PROTECTION_VAL_LEN;
	v[104] = (uint8_t)p->share;
	cdx_put_be32(v + 105, p->sold);
	return CDX_PROTECTION_VAL_MAX;
}

/* Of somebody else's dataset: places for all blocks, charged slot by slot, and what
 * is not sold is not here. */
static bool held_sound(const struct cdx_protection *p, uint64_t mask)
{
	return p->segment != 0 && p->charge == 0 &&
	       p->block_size == CDX_BLOCK_SIZE && p->evicting == 0 &&
	       ((p->absent & ~p->damaged) | p->sold) == mask;
}

/* Numbers that contradict each other would be used as if they did not. */
static bool protection_sound(const struct cdx_protection *p)
{
	uint64_t slots = (uint64_t)p->k + p->m;
	uint64_t mask;

	if (p->base == 0 || p->id == 0 || p->base == p->id || p->k == 0 ||
	    slots > CDX_PROTECTION_SLOTS_MAX || p->block_size == 0 ||
	    p->block_size > CDX_BLOCK_SIZE_MAX || p->cell_size == 0 ||
	    p->block_size % p->cell_size != 0)
		return false;
	if (p->blocks == 0 || p->steps != (p->blocks - 1) / p->k + 1 ||
	    p->steps > UINT32_MAX / slots || p->done > p->steps)
		return false;
	if ((p->area == 0) != (p->m == 0) ||
	    (p->charge != 0 && p->charge != cdx_protection_parity_bytes(p)))
		return false;
	mask = (UINT64_C(1) << slots) - 1;
	if (p->absent > mask || p->damaged > mask || p->evicting > slots ||
	    p->evicted > p->steps || (p->evicting == 0 && p->evicted != 0))
		return false;
	if (p->evicting != 0 && (p->absent >> (p->evicting - 1) & 1) == 0)
		return false;
	if (p->evict_all &&
	    (p->evicting == 0 || p->absent != mask || p->damaged != 0))
		return false;
	if (p->sold > mask || (p->sold != 0 && p->evict_all))
		return false;
	if (p->share != CDX_SHARE_VOLUME && !held_sound(p, mask))
		return false;
	if (p->state == CDX_PROTECTION_CODING)
		return (p->absent | p->damaged | p->sold) == 0 &&
		       p->share == CDX_SHARE_VOLUME;
	return p->state == CDX_PROTECTION_DROPPING ||
	       (p->state == CDX_PROTECTION_DONE && p->done == p->steps);
}

int cdx_protection_decode(struct cdx_protection *out,
			  const struct cdx_kv_pair *pair)
{
	struct cdx_protection p = {0};
	uint32_t *const numbers[5] = {&p.k, &p.m, &p.codec, &p.block_size,
				      &p.cell_size};
	uint64_t *const longs[6] = {&p.blocks,	&p.steps, &p.area,
				    &p.segment, &p.done,  &p.charge};
	uint32_t *const marks[3] = {&p.absent, &p.damaged, &p.evicting};
	struct cdx_cursor c;
	uint8_t share;
	int version;

	if (pair->key_len != CDX_PROTECTION_KEY_LEN)
		return CDX_E_CORRUPT;
	version = begin(&c, pair->val, pair->val_len, 3);
	if (version < 0)
		return version;
	p.evict_all = version == 2;
	p.base = cdx_get_be64(pair->key);
	p.id = cdx_get_be64(pair->key + 8);
	p.state = (enum cdx_protection_state)cdx_cursor_u8(&c);
	for (size_t i = 0; i < CDX_ARRAY_LEN(numbers); i++)
		*numbers[i] = cdx_cursor_be32(&c);
	for (size_t i = 0; i < CDX_ARRAY_LEN(longs); i++)
		*longs[i] = cdx_cursor_be64(&c);
	for (size_t i = 0; i < CDX_ARRAY_LEN(marks); i++)
		*marks[i] = cdx_cursor_be32(&c);
	p.evicted = cdx_cursor_be64(&c);
	cdx_cursor_get(&c, p.plain.b, sizeof(p.plain.b));
	cdx_cursor_get(&c, p.protected_.b, sizeof(p.protected_.b));
	cdx_cursor_get(&c, p.verifiable.b, sizeof(p.verifiable.b));
	if (version == 3) {
		share = cdx_cursor_u8(&c);
		p.sold = cdx_cursor_be32(&c);
		if (share > CDX_SHARE_PROVIDER)
			return CDX_E_CORRUPT;
		p.share = (enum cdx_share)share;
	}
	if (end(&c) < 0 || protection_version(&p) != version ||
	    !protection_sound(&p))
		return CDX_E_CORRUPT;
	*out = p;
	return 0;
}

/* ---- slot nodes: key id BE64, slot BE16, layer, chunk BE32; version, nodes of
 * 32 bytes ---- */

void cdx_slot_row_key(uint8_t key[CDX_SLOT_NODE_KEY_LEN],
		      const struct cdx_slot_row *row)
{
	cdx_put_be64(key, row->id);
	key[8] = (uint8_t)(row->slot >> 8);
	key[9] = (uint8_t)row->slot;
	key[10] = (uint8_t)row->layer;
	cdx_put_be32(key + 11, row->chunk);
}

int cdx_slot_row_decode(struct cdx_slot_row *out,
			const struct cdx_kv_pair *pair)
{
	size_t len = pair->val_len;

	if (pair->key_len != CDX_SLOT_NODE_KEY_LEN || len == 0)
		return CDX_E_CORRUPT;
	if (pair->val[0] > CDX_REC_VERSION)
		return CDX_E_VERSION;
	if (pair->val[0] != CDX_REC_VERSION || len == 1 ||
	    len > CDX_SLOT_NODE_VAL_MAX || (len - 1) % CDX_NODE_LEN != 0)
		return CDX_E_CORRUPT;
	out->id = cdx_get_be64(pair->key);
	out->slot = (uint32_t)pair->key[8] << 8 | pair->key[9];
	out->layer = pair->key[10];
	out->chunk = cdx_get_be32(pair->key + 11);
	if (out->slot >= CDX_PROTECTION_SLOTS_MAX)
		return CDX_E_CORRUPT;
	return (int)((len - 1) / CDX_NODE_LEN);
}

/* ---- kept pages: key id BE64, page BE32; version, leaves, path ---- */

static uint32_t page_digests(const struct cdx_tree_page *page)
{
	return cdx_tree_page_leaves(page->leaves, page->page) +
	       cdx_tree_page_depth(page->leaves);
}

size_t cdx_held_page_encode(uint8_t key[CDX_HELD_PAGE_KEY_LEN],
			    uint8_t val[CDX_HELD_PAGE_VAL_MAX], uint64_t id,
			    const struct cdx_tree_page *page)
{
	uint8_t *v = val;

	cdx_put_be64(key, id);
	cdx_put_be32(key + 8, page->page);
	*v++ = CDX_REC_VERSION;
	for (uint32_t i = 0; i < page->n; i++, v += 32)
		memcpy(v, page->leaf[i].b, 32);
	for (uint32_t i = 0; i < page->path_len; i++, v += 32)
		memcpy(v, page->path[i].b, 32);
	return (size_t)(v - val);
}

int cdx_held_page_decode(struct cdx_tree_page *out, const void *val, size_t len)
{
	uint32_t n = page_digests(out);
	struct cdx_cursor c;
	int rc;

	rc = begin(&c, val, len, CDX_REC_VERSION);
	if (rc < 0)
		return rc;
	out->n = cdx_tree_page_leaves(out->leaves, out->page);
	out->path_len = cdx_tree_page_depth(out->leaves);
	if (out->n == 0 || len != 1 + 32 * (size_t)n)
		return CDX_E_CORRUPT;
	for (uint32_t i = 0; i < out->n; i++)
		cdx_cursor_get(&c, out->leaf[i].b, sizeof(out->leaf[i].b));
	for (uint32_t i = 0; i < out->path_len; i++)
		cdx_cursor_get(&c, out->path[i].b, sizeof(out->path[i].b));
	return end(&c);
}
