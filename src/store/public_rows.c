/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "store/dataset_internal.h"
#include "store/held.h"

/* Rows of CDX_DB_PUBLIC: one for each block, (digest, dataset id), and one for
 * the dataset, (dataset id) -> manifest digest, without which the others mean
 * nothing. */

bool cdx_dataset_is_public(const struct cdx_dataset_info *info)
{
	if (info->is_private || info->dropping)
		return false;
	return info->published || (info->refs & CDX_REF_VOLUME) == 0;
}

static void block_key(uint8_t out[CDX_PUBLIC_ROW_LEN],
		      const struct cdx_digest *digest, uint64_t dsid)
{
	memcpy(out, digest->b, sizeof(digest->b));
	cdx_put_be64(out + sizeof(digest->b), dsid);
}

void cdx_public_note(struct cdx_batch *b, const struct cdx_dataset_info *info,
		     bool is_new)
{
	uint8_t key[CDX_PUBLIC_ID_LEN];

	/* it has the id of its verifiable one */
	if (info->kind == CDX_DATASET_PROTECTED)
		return;
	cdx_put_be64(key, info->dsid);
	if (cdx_dataset_is_public(info))
		cdx_batch_put(b, CDX_DB_PUBLIC, key, sizeof(key),
			      info->cid.digest, sizeof(struct cdx_digest));
	else if (!is_new)
		cdx_batch_del(b, CDX_DB_PUBLIC, key, sizeof(key));
}

void cdx_public_forget(struct cdx_batch *b, uint64_t dsid)
{
	uint8_t key[CDX_PUBLIC_ID_LEN];

	cdx_put_be64(key, dsid);
	cdx_batch_del(b, CDX_DB_PUBLIC, key, sizeof(key));
}

void cdx_public_add(struct cdx_batch *b, const struct cdx_digest *digest,
		    uint64_t dsid)
{
	uint8_t key[CDX_PUBLIC_ROW_LEN];

	block_key(key, digest, dsid);
	cdx_batch_put(b, CDX_DB_PUBLIC, key, sizeof(key), NULL, 0);
}

void cdx_public_del(struct cdx_batch *b, const struct cdx_digest *digest,
		    uint64_t dsid)
{
	uint8_t key[CDX_PUBLIC_ROW_LEN];

	block_key(key, digest, dsid);
	cdx_batch_del(b, CDX_DB_PUBLIC, key, sizeof(key));
}

bool cdx_public_any(struct cdx_store *s)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;

	if (cdx_kv_iter_open(s, &it, CDX_DB_PUBLIC, NULL, 0, NULL, 0) < 0)
		return true;
	return cdx_kv_iter_next(it, &pair) != 0;
}

int cdx_public_id(struct cdx_store *s, uint64_t dsid)
{
	uint8_t key[CDX_PUBLIC_ID_LEN];
	struct cdx_digest manifest;
	int rc;

	cdx_put_be64(key, dsid);
	rc = cdx_kv_get(s, CDX_DB_PUBLIC, key, sizeof(key), manifest.b,
			sizeof(manifest.b));
	if (rc == -ENOENT)
		return 0;
	return rc < 0 ? rc : 1;
}

/* ---- settling ---- */

static size_t mark_key(char out[CDX_MARK_MAX], uint64_t dsid)
{
	return (size_t)snprintf(out, CDX_MARK_MAX,
				CDX_MARK_PUBLIC "%016" PRIx64, dsid);
}

void cdx_public_mark(struct cdx_batch *b, uint64_t dsid)
{
	char mark[CDX_MARK_MAX];

	cdx_mark_put(b, mark, mark_key(mark, dsid));
}

/* Leaves of one batch, from index @next on */
struct settle {
	struct cdx_store *s;
	uint64_t dsid;
	uint64_t leaves; /* id that the leaves are looked for under */
	uint64_t data; /* of an adopted dataset (held.h): that of its data, which
			  * come next; else 0 */
	struct cdx_protection held; /* when @data is not 0 */
	int want;		    /* 1 rows, 0 none */
	uint64_t next;
	size_t n;
	struct cdx_digest digest[CDX_DROP_BATCH];
	bool end;
};

/* Of an adopted dataset only what is here and whole is given: that somebody named
 * a block is no reason to give it to him. */
static bool is_given(const struct settle *v, uint32_t index)
{
	return v->data == 0 ||
	       cdx_held_whole(&v->held, (uint32_t)(index / v->held.steps));
}

static int some_read(struct settle *v)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	struct cdx_leaf leaf;
	uint8_t from[12];
	uint32_t index;
	int rc;

	v->n = 0;
	v->end = v->next > UINT32_MAX;
	if (v->end)
		return 0;
	cdx_put_be64(from, v->leaves);
	cdx_put_be32(from + 8, (uint32_t)v->next);
	rc = cdx_kv_iter_open(v->s, &it, CDX_DB_LEAF, from, 8, from,
			      sizeof(from));
	if (rc < 0)
		return rc;
	while (v->n < CDX_DROP_BATCH) {
		rc = cdx_kv_iter_next(it, &pair);
		v->end = rc == 0;
		if (rc > 0)
			rc = cdx_leaf_decode(&leaf, &index, &pair);
		if (rc < 0 || v->end)
			return rc;
		v->next = (uint64_t)index + 1;
		if (leaf.state != CDX_LEAF_BURNT && is_given(v, index))
			v->digest[v->n++] = leaf.digest;
	}
	return 0;
}

/* One batch, under the block lock; CDX_E_AGAIN: it is wanted otherwise now. */
static int some_settle(struct settle *v)
{
	char mark[CDX_MARK_MAX];
	struct cdx_batch *b;
	int rc;

	rc = cdx_public_id(v->s, v->dsid);
	if (rc >= 0 && rc != v->want)
		rc = CDX_E_AGAIN;
	/* as its slots are now */
	if (rc >= 0 && v->data != 0)
		rc = cdx_protection_get(v->s, v->data, v->dsid, &v->held);
	if (rc >= 0)
		rc = some_read(v);
	if (rc == 0)
		rc = cdx_batch_new(&b, v->s);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < v->n; i++) {
		if (v->want)
			cdx_public_add(b, &v->digest[i], v->dsid);
		else
			cdx_public_del(b, &v->digest[i], v->dsid);
	}
	if (v->end && v->leaves != v->data && v->data != 0) {
		v->leaves = v->data;
		v->next = 0;
		v->end = false;
	}
	if (v->end)
		cdx_mark_del(b, mark, mark_key(mark, v->dsid));
	return cdx_batch_apply(b);
}

/* The leaves of an adopted dataset's data have no dataset of their own. */
static int find_data(struct settle *v)
{
	struct cdx_digest manifest;
	struct cdx_dataset_info info;
	struct cdx_protection p = {.base = 0};
	struct cdx_cid cid;
	uint8_t key[CDX_PUBLIC_ID_LEN];
	int rc;

	v->data = 0;
	cdx_put_be64(key, v->dsid);
	rc = cdx_kv_get(v->s, CDX_DB_PUBLIC, key, sizeof(key), manifest.b,
			sizeof(manifest.b));
	if (rc == (int)sizeof(manifest.b)) {
		cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &manifest);
		rc = cdx_dataset_load(v->s, &cid, &info, NULL);
	}
	if (rc == 0 && (info.refs & CDX_REF_HELD) != 0)
		rc = cdx_protection_of(v->s, &info, &p);
	if (rc == 0 && cdx_held_is(&p))
		v->data = p.base;
	/* gone meanwhile, or not public: then its rows count for nothing */
	return rc == -ENOENT || rc > 0 ? 0 : rc;
}

static int settle(struct settle *v, bool (*cancel)(void *arg), void *arg)
{
	int rc;

	v->want = cdx_public_id(v->s, v->dsid);
	if (v->want < 0)
		return v->want;
	v->next = 0;
	v->leaves = v->dsid;
	rc = find_data(v);
	if (rc < 0)
		return rc;
	do {
		if (cancel && cancel(arg))
			return -ECANCELED;
		cdx_block_lock(v->s);
		rc = some_settle(v);
		cdx_block_unlock(v->s);
	} while (rc == 0 && !v->end);
	return rc;
}

static bool is_marked(struct cdx_store *s, uint64_t dsid)
{
	char mark[CDX_MARK_MAX];
	uint8_t version;

	return cdx_kv_get(s, CDX_DB_META, mark, mark_key(mark, dsid), &version,
			  sizeof(version)) >= 0;
}

int cdx_public_settle(struct cdx_store *s, uint64_t dsid,
		      bool (*cancel)(void *arg), void *arg)
{
	struct settle *v;
	int rc;

	if (!is_marked(s, dsid))
		return 0;
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	v->s = s;
	v->dsid = dsid;
	do {
		rc = settle(v, cancel, arg);
	} while (rc == CDX_E_AGAIN);
	free(v);
	return rc;
}
