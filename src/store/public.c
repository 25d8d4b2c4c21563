/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/public.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/cache.h"
#include "store/dataset_internal.h"
#include "store/protection.h"

/* ---- asking ---- */

/* Datasets that name one block, a few at a time: no look-up while an iterator
 * is open */
#define IDS 16u

struct ids {
	size_t n;
	uint64_t id[IDS];
	bool end;
};

static int ids_read(struct cdx_store *s, struct ids *v,
		    const struct cdx_digest *digest, uint64_t from)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	uint8_t key[CDX_PUBLIC_ROW_LEN];
	struct cdx_kv_pair pair;
	int rc;

	v->n = 0;
	memcpy(key, digest->b, sizeof(digest->b));
	cdx_put_be64(key + sizeof(digest->b), from);
	rc = cdx_kv_iter_open(s, &it, CDX_DB_PUBLIC, key, sizeof(digest->b),
			      key, sizeof(key));
	if (rc < 0)
		return rc;
	while (v->n < IDS && (rc = cdx_kv_iter_next(it, &pair)) > 0)
		if (pair.key_len == sizeof(key))
			v->id[v->n++] =
				cdx_get_be64(pair.key + sizeof(digest->b));
	v->end = rc == 0;
	return rc < 0 ? rc : 0;
}

bool cdx_public_block(struct cdx_store *s, const struct cdx_digest *digest)
{
	uint64_t from = 0;
	struct ids v;

	do {
		if (ids_read(s, &v, digest, from) < 0)
			break;
		for (size_t i = 0; i < v.n; i++)
			if (cdx_public_id(s, v.id[i]) > 0)
				return true;
		if (v.n > 0)
			from = v.id[v.n - 1] + 1;
	} while (!v.end && from != 0);
	return cdx_cache_block_size(s, digest) >= 0;
}

/* ---- publishing ---- */

/* The datasets of the same data, by their manifests */
struct family {
	struct cdx_digest *v;
	size_t n;
	size_t cap;
};

static int family_add(struct family *f, const uint8_t digest[32])
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 4;
		struct cdx_digest *v = reallocarray(f->v, cap, sizeof(f->v[0]));

		if (v == NULL)
			return -ENOMEM;
		f->v = v;
		f->cap = cap;
	}
	memcpy(f->v[f->n++].b, digest, sizeof(f->v[0].b));
	return 0;
}

static int family_protection(void *arg, const struct cdx_protection *p)
{
	struct family *f = arg;
	int rc = 0;

	if (f->n == 0)
		rc = family_add(f, p->plain.b);
	if (rc == 0 && p->state == CDX_PROTECTION_DONE)
		rc = family_add(f, p->protected_.b);
	if (rc == 0 && p->state == CDX_PROTECTION_DONE)
		rc = family_add(f, p->verifiable.b);
	return rc;
}

static int family_read(struct cdx_store *s, struct family *f,
		       const struct cdx_dataset_info *info)
{
	int rc = 0;

	if (info->kind == CDX_DATASET_PLAIN)
		rc = family_add(f, info->cid.digest);
	return rc < 0 ? rc
		      : cdx_protection_list(s, info->base, family_protection,
					    f);
}

/* One of them, into the batch; @ids: rows to settle. */
static int put_flag(struct cdx_store *s, struct cdx_batch *b,
		    const struct cdx_digest *digest, bool is_public)
{
	struct cdx_buf manifest CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, digest);
	struct cdx_dataset_info info;
	int rc;

	rc = cdx_dataset_load(s, &cid, &info, &manifest);
	if (rc < 0 || info.dropping)
		return rc == -ENOENT ? 0 : rc;
	info.is_private = !is_public;
	info.published = is_public;
	cdx_dataset_put(b, &info, manifest.p, manifest.len, false);
	if (info.kind != CDX_DATASET_PROTECTED)
		cdx_public_mark(b, info.dsid);
	return 0;
}

/* Is it what it shall be, in its record and its row? */
static bool is_so(struct cdx_store *s, const struct cdx_dataset_info *info,
		  bool is_public)
{
	return cdx_dataset_is_public(info) == is_public &&
	       (is_public || info->is_private) &&
	       cdx_public_id(s, info->dsid) == (is_public ? 1 : 0);
}

/* Caller holds the block lock. */
static int publish(struct cdx_store *s, const struct cdx_cid *cid,
		   bool is_public, struct family *f)
{
	struct cdx_dataset_info info;
	struct cdx_batch *b;
	int rc;

	rc = cdx_dataset_load(s, cid, &info, NULL);
	if (rc < 0)
		return rc;
	if (info.dropping)
		return -EBUSY;
	if (info.kind == CDX_DATASET_PROTECTED)
		return -EINVAL;
	rc = family_read(s, f, &info);
	if (rc < 0 || is_so(s, &info, is_public))
		return rc;
	rc = cdx_batch_new(&b, s);
	for (size_t i = 0; i < f->n && rc == 0; i++) {
		rc = put_flag(s, b, &f->v[i], is_public);
		if (rc < 0)
			cdx_batch_drop(b);
	}
	return rc < 0 ? rc : cdx_batch_apply(b);
}

static int settle_family(struct cdx_store *s, const struct family *f)
{
	int rc = 0;

	for (size_t i = 0; i < f->n && rc == 0; i++) {
		struct cdx_cid cid =
			cdx_cid_sha256(CDX_CODEC_MANIFEST, &f->v[i]);
		struct cdx_dataset_info info;

		rc = cdx_dataset_load(s, &cid, &info, NULL);
		if (rc == 0 && info.kind != CDX_DATASET_PROTECTED)
			rc = cdx_public_settle(s, info.dsid, NULL, NULL);
		if (rc == -ENOENT)
			rc = 0;
	}
	return rc;
}

int cdx_dataset_publish(struct cdx_store *s, const struct cdx_cid *manifest,
			bool is_public)
{
	struct family f = {0};
	int rc;

	cdx_block_lock(s);
	rc = publish(s, manifest, is_public, &f);
	cdx_block_unlock(s);
	if (rc == 0)
		rc = settle_family(s, &f);
	if (rc == 0)
		rc = cdx_store_commit(s);
	free(f.v);
	return rc;
}

/* ---- what is not complete ---- */

struct missing {
	struct cdx_store *s;
	bool (*cancel)(void *arg);
	void *arg;
	struct family found;
};

static int note_missing(void *arg, const struct cdx_dataset_info *info,
			const struct cdx_manifest *m)
{
	struct missing *v = arg;
	int rc;

	(void)m;
	if (v->cancel && v->cancel(v->arg))
		return -ECANCELED;
	if (!cdx_dataset_is_public(info))
		return 0;
	rc = cdx_public_id(v->s, info->dsid);
	return rc == 0 ? family_add(&v->found, info->cid.digest) : rc;
}

/* The record again, now with its row and a marker; caller holds the block lock. */
static int put_row(struct cdx_store *s, const struct cdx_digest *digest)
{
	struct cdx_buf manifest CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, digest);
	struct cdx_dataset_info info;
	struct cdx_batch *b;
	int rc;

	rc = cdx_dataset_load(s, &cid, &info, &manifest);
	if (rc < 0 || !cdx_dataset_is_public(&info))
		return rc == -ENOENT ? 0 : rc;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	cdx_dataset_put(b, &info, manifest.p, manifest.len, false);
	cdx_public_mark(b, info.dsid);
	return cdx_batch_apply(b);
}

static int settle_marked(struct missing *v)
{
	char key[CDX_MARK_MAX];
	uint8_t id[8];
	int rc;

	while ((rc = cdx_mark_first(v->s, key, CDX_MARK_PUBLIC)) == 0) {
		rc = cdx_unhex(id, sizeof(id), key + strlen(CDX_MARK_PUBLIC));
		if (rc == 0)
			rc = cdx_public_settle(v->s, cdx_get_be64(id),
					       v->cancel, v->arg);
		if (rc < 0)
			return rc;
	}
	return rc == -ENOENT ? 0 : rc;
}

int cdx_public_complete(struct cdx_store *s, bool (*cancel)(void *arg),
			void *arg)
{
	struct missing v = {.s = s, .cancel = cancel, .arg = arg};
	int rc;

	rc = cdx_dataset_list(s, note_missing, &v);
	for (size_t i = 0; i < v.found.n && rc == 0; i++) {
		cdx_block_lock(s);
		rc = put_row(s, &v.found.v[i]);
		cdx_block_unlock(s);
	}
	free(v.found.v);
	return rc < 0 ? rc : settle_marked(&v);
}
