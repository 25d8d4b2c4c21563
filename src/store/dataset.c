/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/dataset_store.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypto/block.h"
#include "store/batch.h"
#include "store/dataset_internal.h"
#include "store/records.h"

#define KEY_LEN 32
#define TREE_KEY_LEN 40

/* Manifests are named by SHA-256; no other CID can be here. */
static bool has_key(const struct cdx_cid *cid)
{
	return cid->codec == CDX_CODEC_MANIFEST &&
	       cid->mhash == CDX_MHASH_SHA256 && cid->len == KEY_LEN;
}

int cdx_dataset_load(struct cdx_store *s, const struct cdx_cid *manifest_cid,
		     struct cdx_dataset_info *out, struct cdx_buf *manifest)
{
	struct cdx_buf val CDX_CLEANUP(cdx_buf_free) = {0};
	const uint8_t *m;
	size_t m_len;
	int rc;

	if (!has_key(manifest_cid))
		return -ENOENT;
	rc = cdx_kv_get_buf(s, CDX_DB_DATASET, manifest_cid->digest, KEY_LEN,
			    &val);
	if (rc < 0)
		return rc;
	rc = cdx_dataset_decode(out, &m, &m_len, val.p, val.len);
	if (rc < 0)
		return rc;
	if (!cdx_cid_equal(&out->cid, manifest_cid))
		return CDX_E_CORRUPT;
	if (manifest == NULL)
		return 0;
	cdx_buf_put(manifest, m, m_len);
	return cdx_buf_ok(manifest);
}

int cdx_dataset_info(struct cdx_store *s, const struct cdx_cid *manifest_cid,
		     struct cdx_dataset_info *out)
{
	struct cdx_dataset_info info;
	int rc;

	rc = cdx_dataset_load(s, manifest_cid, &info, NULL);
	if (rc < 0)
		return rc;
	if (info.dropping)
		return -ENOENT;
	*out = info;
	return 0;
}

int cdx_dataset_manifest(struct cdx_store *s,
			 const struct cdx_cid *manifest_cid,
			 struct cdx_buf *out)
{
	struct cdx_dataset_info info;
	size_t before = out->len;
	int rc;

	rc = cdx_dataset_load(s, manifest_cid, &info, out);
	if (rc == 0 && info.dropping)
		rc = -ENOENT;
	if (rc < 0)
		out->len = before;
	return rc;
}

static void tree_key(uint8_t out[TREE_KEY_LEN],
		     const struct cdx_dataset_info *info)
{
	memcpy(out, info->tree.digest, KEY_LEN);
	cdx_put_be64(out + KEY_LEN, info->dsid);
}

void cdx_dataset_put(struct cdx_batch *b, const struct cdx_dataset_info *info,
		     const void *manifest, size_t manifest_len, bool is_new)
{
	struct cdx_buf val CDX_CLEANUP(cdx_buf_free) = {0};
	uint8_t key[TREE_KEY_LEN];

	cdx_dataset_encode(&val, info, manifest, manifest_len);
	if (cdx_buf_ok(&val) < 0) {
		/* apply reports it */
		b->err = -ENOMEM;
		return;
	}
	cdx_batch_put(b, CDX_DB_DATASET, info->cid.digest, KEY_LEN, val.p,
		      val.len);
	cdx_public_note(b, info, is_new);
	if (!is_new || info->kind == CDX_DATASET_PROTECTED)
		return;
	tree_key(key, info);
	cdx_batch_put(b, CDX_DB_TREE, key, sizeof(key), info->cid.digest,
		      KEY_LEN);
	cdx_batch_add(b, CDX_CNT_DATASETS, 1);
}

void cdx_dataset_del(struct cdx_batch *b, const struct cdx_dataset_info *info)
{
	uint8_t key[TREE_KEY_LEN];

	cdx_batch_del(b, CDX_DB_DATASET, info->cid.digest, KEY_LEN);
	if (info->kind == CDX_DATASET_PROTECTED)
		return;
	cdx_public_forget(b, info->dsid);
	tree_key(key, info);
	cdx_batch_del(b, CDX_DB_TREE, key, sizeof(key));
	cdx_batch_add(b, CDX_CNT_DATASETS, -1);
}

/* ---- listing ---- */

#define PAGE 64u

/* Records that are copied out before @fn is called: it may take its time, an
 * open iterator may not. */
struct page {
	struct cdx_buf vals;
	size_t len[PAGE];
	size_t n;
	uint8_t last[KEY_LEN];
};

static int page_read(struct cdx_store *s, struct page *pg, bool first)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	int rc;

	pg->n = 0;
	pg->vals.len = 0;
	rc = cdx_kv_iter_open(s, &it, CDX_DB_DATASET, NULL, 0,
			      first ? NULL : pg->last, first ? 0 : KEY_LEN);
	if (rc < 0)
		return rc;
	while (pg->n < PAGE && (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		if (pair.key_len != KEY_LEN)
			return CDX_E_CORRUPT;
		if (!first && memcmp(pair.key, pg->last, KEY_LEN) <= 0)
			continue;
		cdx_buf_put(&pg->vals, pair.val, pair.val_len);
		pg->len[pg->n++] = pair.val_len;
		memcpy(pg->last, pair.key, KEY_LEN);
		first = false;
	}
	if (rc < 0)
		return rc;
	return cdx_buf_ok(&pg->vals);
}

static int call_one(cdx_dataset_fn *fn, void *arg, const uint8_t *val,
		    size_t len)
{
	struct cdx_manifest m CDX_CLEANUP(cdx_manifest_free) = {0};
	struct cdx_dataset_info info;
	const uint8_t *p;
	size_t p_len;
	int rc;

	rc = cdx_dataset_decode(&info, &p, &p_len, val, len);
	if (rc < 0 || info.dropping || info.kind == CDX_DATASET_PROTECTED)
		return rc;
	rc = cdx_manifest_decode(&m, p, p_len);
	if (rc < 0)
		return rc == -ENOMEM ? rc : CDX_E_CORRUPT;
	return fn(arg, &info, &m);
}

int cdx_dataset_list(struct cdx_store *s, cdx_dataset_fn *fn, void *arg)
{
	struct page *pg = calloc(1, sizeof(*pg));
	bool first = true;
	int rc;

	if (pg == NULL)
		return -ENOMEM;
	do {
		const uint8_t *p;

		rc = page_read(s, pg, first);
		first = false;
		p = pg->vals.p;
		for (size_t i = 0; i < pg->n && rc >= 0; i++) {
			rc = call_one(fn, arg, p, pg->len[i]);
			p += pg->len[i];
		}
	} while (rc >= 0 && pg->n == PAGE);
	cdx_buf_free(&pg->vals);
	free(pg);
	return rc < 0 ? rc : 0;
}

/* ---- reading ---- */

static int read_block(struct cdx_store *s, uint8_t *out,
		      const struct cdx_dataset_info *info, uint64_t index)
{
	struct cdx_leaf leaf;
	int rc;

	if (index > UINT32_MAX)
		return -ENODATA;
	rc = cdx_leaf_get(s, info->base, (uint32_t)index, &leaf);
	if (rc == 0 && leaf.state == CDX_LEAF_BURNT)
		rc = -ENODATA;
	if (rc == 0)
		rc = cdx_block_read(s, out, info->block_size, &leaf.digest);
	return rc == -ENOENT ? -ENODATA : rc;
}

/* @len bytes at @off inside block @index */
static int read_part(struct cdx_store *s, uint8_t *out,
		     const struct cdx_dataset_info *info, uint64_t index,
		     size_t off, size_t len)
{
	uint8_t *block;
	int rc;

	if (len == info->block_size)
		return read_block(s, out, info, index);
	block = malloc(info->block_size);
	if (block == NULL)
		return -ENOMEM;
	rc = read_block(s, block, info, index);
	if (rc == 0)
		memcpy(out, block + off, len);
	free(block);
	return rc;
}

int cdx_dataset_read(struct cdx_store *s, uint8_t *out,
		     const struct cdx_dataset_info *info, uint64_t off,
		     size_t len)
{
	size_t done = 0;

	if (off >= info->size)
		return 0;
	if (len > INT_MAX)
		len = INT_MAX;
	if (len > info->size - off)
		len = (size_t)(info->size - off);
	while (done < len) {
		size_t in = (off + done) % info->block_size;
		size_t n = info->block_size - in;
		uint64_t token;
		int rc;

		if (n > len - done)
			n = len - done;
		/* from the leaf to the bytes nothing may be given back */
		token = cdx_store_read_begin(s);
		rc = read_part(s, out + done, info,
			       (off + done) / info->block_size, in, n);
		cdx_store_read_end(s, token);
		if (rc < 0)
			return rc;
		done += n;
	}
	return (int)len;
}
