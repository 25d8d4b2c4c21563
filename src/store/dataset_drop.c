/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/dataset_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "crypto/block.h"
#include "store/area_internal.h"
#include "store/protection_internal.h"
#include "store/records.h"

/* ---- markers ---- */

size_t cdx_mark_ingest(char out[CDX_MARK_MAX], uint64_t dsid)
{
	return (size_t)snprintf(out, CDX_MARK_MAX,
				CDX_MARK_INGEST "%016" PRIx64, dsid);
}

size_t cdx_mark_drop(char out[CDX_MARK_MAX], const struct cdx_cid *cid)
{
	char hex[2 * 32 + 1];

	cdx_hex(hex, cid->digest, 32);
	return (size_t)snprintf(out, CDX_MARK_MAX, CDX_MARK_DROP "%s", hex);
}

void cdx_mark_put(struct cdx_batch *b, const char *key, size_t len)
{
	const uint8_t version = CDX_REC_VERSION;

	cdx_batch_put(b, CDX_DB_META, key, len, &version, 1);
}

void cdx_mark_del(struct cdx_batch *b, const char *key, size_t len)
{
	cdx_batch_del(b, CDX_DB_META, key, len);
}

int cdx_mark_first(struct cdx_store *s, char out[CDX_MARK_MAX],
		   const char *prefix)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	int rc;

	rc = cdx_kv_iter_open(s, &it, CDX_DB_META, prefix, strlen(prefix), NULL,
			      0);
	if (rc < 0)
		return rc;
	rc = cdx_kv_iter_next(it, &pair);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	if (pair.key_len >= CDX_MARK_MAX)
		return CDX_E_CORRUPT;
	memcpy(out, pair.key, pair.key_len);
	out[pair.key_len] = '\0';
	return 0;
}

/* ---- leaves ---- */

struct some_leaves {
	size_t n;
	uint32_t index[CDX_DROP_BATCH];
	struct cdx_digest digest[CDX_DROP_BATCH];
	bool has_block[CDX_DROP_BATCH];
};

static int some_read(struct cdx_store *s, struct some_leaves *v, uint64_t dsid)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	struct cdx_kv_pair pair;
	struct cdx_leaf leaf;
	uint8_t prefix[8];
	int rc;

	v->n = 0;
	cdx_put_be64(prefix, dsid);
	rc = cdx_kv_iter_open(s, &it, CDX_DB_LEAF, prefix, sizeof(prefix), NULL,
			      0);
	if (rc < 0)
		return rc;
	while (v->n < CDX_DROP_BATCH &&
	       (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		rc = cdx_leaf_decode(&leaf, &v->index[v->n], &pair);
		if (rc < 0)
			return rc;
		v->digest[v->n] = leaf.digest;
		v->has_block[v->n] = leaf.state != CDX_LEAF_BURNT;
		v->n++;
	}
	return rc < 0 ? rc : 0;
}

static int some_drop(struct cdx_store *s, const struct some_leaves *v,
		     uint64_t dsid, uint64_t area)
{
	bool any_public = cdx_public_any(s);
	struct cdx_block_set *set;
	int rc;

	rc = cdx_block_set_begin(&set, s);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < v->n; i++) {
		const struct cdx_block_loc loc = {
			.area = area,
			.off = (uint64_t)v->index[i] * CDX_BLOCK_SIZE,
		};

		cdx_leaf_del(cdx_block_set_batch(set), dsid, v->index[i]);
		if (!v->has_block[i])
			continue;
		if (any_public)
			cdx_public_del(cdx_block_set_batch(set), &v->digest[i],
				       dsid);
		rc = cdx_block_set_del(set, &v->digest[i],
				       area != 0 ? &loc : NULL);
		/* a leaf without its block is damage, no reason to keep it */
		if (rc < 0 && rc != -ENOENT) {
			cdx_block_set_drop(set);
			return rc;
		}
	}
	return cdx_block_set_apply(set);
}

int cdx_leaves_drop(struct cdx_store *s, uint64_t dsid, uint64_t area)
{
	struct some_leaves *v = malloc(sizeof(*v));
	int rc;

	if (v == NULL)
		return -ENOMEM;
	do {
		rc = some_read(s, v, dsid);
		if (rc == 0 && v->n != 0)
			rc = some_drop(s, v, dsid, area);
	} while (rc == 0 && v->n == CDX_DROP_BATCH);
	free(v);
	return rc;
}

/* ---- datasets ---- */

void cdx_dataset_mark_drop(struct cdx_batch *b,
			   const struct cdx_dataset_info *info)
{
	char mark[CDX_MARK_MAX];

	cdx_mark_put(b, mark, cdx_mark_drop(mark, &info->cid));
}

/* Applies a batch that changes a dataset's record, under the block lock. */
static int put_locked(struct cdx_store *s, const struct cdx_dataset_info *info,
		      const struct cdx_buf *manifest)
{
	struct cdx_batch *b;
	int rc;

	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	cdx_dataset_put(b, info, manifest->p, manifest->len, false);
	if (info->dropping)
		cdx_dataset_mark_drop(b, info);
	return cdx_batch_apply(b);
}

/* The last batch: record, marker, a segment's file, the manifest's charge */
static int finish(struct cdx_store *s, const struct cdx_dataset_info *info,
		  size_t manifest_len)
{
	char mark[CDX_MARK_MAX];
	struct cdx_batch *b;
	int rc;

	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	cdx_dataset_del(b, info);
	cdx_mark_del(b, mark, cdx_mark_drop(mark, &info->cid));
	/* A segment's charge is the volume's; it ended with the segment. */
	if (info->area != 0)
		cdx_area_remove(b, info->area);
	else
		cdx_quota_charge(b, CDX_SHARE_VOLUME, -(int64_t)manifest_len);
	return cdx_batch_apply(b);
}

/* Marks it, so that nobody finds it and a start finishes the work. */
static int mark_dropping(struct cdx_store *s, const struct cdx_cid *cid,
			 struct cdx_dataset_info *info,
			 struct cdx_buf *manifest)
{
	int rc;

	cdx_block_lock(s);
	rc = cdx_dataset_load(s, cid, info, manifest);
	if (rc == 0 && (info->refs != 0 || info->kind != CDX_DATASET_PLAIN))
		rc = -EBUSY;
	if (rc == 0 && !info->dropping) {
		info->dropping = true;
		rc = put_locked(s, info, manifest);
	}
	cdx_block_unlock(s);
	return rc;
}

/* Does nothing but this protection keep its base?  Then its missing slots are
 * no loss. */
static bool takes_base(struct cdx_store *s, const struct cdx_protection *p)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p->plain);
	struct cdx_dataset_info base;
	bool busy;

	return cdx_protection_others(s, p, &busy) == 0 &&
	       cdx_dataset_load(s, &cid, &base, NULL) == 0 &&
	       base.refs == CDX_REF_PROTECTED;
}

/* A verifiable dataset goes with its protection, whose record comes first: so
 * there is nothing to mark here. */
static int drop_verifiable(struct cdx_store *s,
			   const struct cdx_dataset_info *info)
{
	struct cdx_protection p;
	int rc;

	rc = cdx_protection_of(s, info, &p);
	if (rc < 0)
		return rc;
	return cdx_protection_drop(s, p.base, p.id, takes_base(s, &p));
}

int cdx_dataset_drop(struct cdx_store *s, const struct cdx_cid *manifest_cid)
{
	struct cdx_buf manifest CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_areas *a = cdx_store_areas(s);
	struct cdx_dataset_info info;
	int rc;

	rc = cdx_dataset_load(s, manifest_cid, &info, NULL);
	if (rc == 0 && info.kind == CDX_DATASET_VERIFIABLE)
		return info.refs != 0 ? -EBUSY : drop_verifiable(s, &info);
	if (rc < 0)
		return rc;
	/* One removal at a time: a second one of the same dataset would count
	 * it out twice. */
	(void)pthread_mutex_lock(&a->drop_mu);
	rc = mark_dropping(s, manifest_cid, &info, &manifest);
	if (rc == 0)
		rc = cdx_leaves_drop(s, info.dsid, info.area);
	if (rc == 0)
		rc = finish(s, &info, manifest.len);
	(void)pthread_mutex_unlock(&a->drop_mu);
	return rc;
}

/* 1 when it has to go now */
static int unpin(struct cdx_store *s, const struct cdx_cid *cid,
		 struct cdx_dataset_info *info)
{
	struct cdx_buf manifest CDX_CLEANUP(cdx_buf_free) = {0};
	int rc;

	rc = cdx_dataset_load(s, cid, info, &manifest);
	if (rc < 0)
		return rc;
	if (info->dropping || (info->refs & CDX_REF_PIN) == 0)
		return -ENOENT;
	info->refs &= ~(uint32_t)CDX_REF_PIN;
	/* the pin goes with the whole protection or not at all */
	if (info->refs == 0 && info->kind != CDX_DATASET_PLAIN)
		return 1;
	info->dropping = info->refs == 0;
	rc = put_locked(s, info, &manifest);
	if (rc < 0)
		return rc;
	return info->dropping ? 1 : 0;
}

int cdx_dataset_unpin(struct cdx_store *s, const struct cdx_cid *manifest_cid)
{
	struct cdx_dataset_info info;
	int gone;
	int rc;

	cdx_block_lock(s);
	gone = unpin(s, manifest_cid, &info);
	cdx_block_unlock(s);
	if (gone <= 0)
		return gone;
	if (info.kind == CDX_DATASET_PLAIN) {
		rc = cdx_dataset_drop(s, manifest_cid);
		/* somebody else ended the removal, and it was added anew since */
		if (rc == -EBUSY)
			rc = 0;
	} else {
		rc = drop_verifiable(s, &info);
	}
	return rc < 0 ? rc : 1;
}

/* ---- what an interrupted process left ---- */

static int drop_mark(struct cdx_store *s, const char *key)
{
	struct cdx_batch *b;
	int rc;

	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	cdx_mark_del(b, key, strlen(key));
	return cdx_batch_apply(b);
}

static int resume_ingest(struct cdx_store *s, const char *key)
{
	uint8_t id[8];
	int rc;

	rc = cdx_unhex(id, sizeof(id), key + strlen(CDX_MARK_INGEST));
	if (rc == 0) {
		cdx_log(cdx_store_log(s), INFO, "store",
			"giving back what an interrupted dataset add left");
		rc = cdx_leaves_drop(s, cdx_get_be64(id), 0);
	}
	return rc < 0 ? rc : drop_mark(s, key);
}

static int resume_drop(struct cdx_store *s, const char *key)
{
	struct cdx_digest digest;
	struct cdx_cid cid;
	int rc;

	rc = cdx_unhex(digest.b, sizeof(digest.b), key + strlen(CDX_MARK_DROP));
	if (rc < 0)
		return rc;
	cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &digest);
	rc = cdx_dataset_drop(s, &cid);
	return rc == -ENOENT ? drop_mark(s, key) : rc;
}

static int resume(struct cdx_store *s)
{
	char key[CDX_MARK_MAX];
	int rc;

	while ((rc = cdx_mark_first(s, key, CDX_MARK_INGEST)) == 0) {
		rc = resume_ingest(s, key);
		if (rc < 0)
			return rc;
	}
	if (rc != -ENOENT)
		return rc;
	while ((rc = cdx_mark_first(s, key, CDX_MARK_DROP)) == 0) {
		rc = resume_drop(s, key);
		if (rc < 0)
			return rc;
	}
	return rc == -ENOENT ? cdx_protections_resume(s) : rc;
}

int cdx_areas_resume(struct cdx_store *s)
{
	int rc = resume(s);

	/* Damage here costs space; it is no reason not to open. */
	if (rc < 0)
		cdx_log(cdx_store_log(s), ERROR, "store",
			"cannot finish an interrupted removal: %s; run "
			"codexfs fsck",
			cdx_strerror(rc));
	return cdx_store_failed(s);
}
