/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "store/area_internal.h"
#include "store/cache_internal.h"
#include "store/internal.h"
#include "store/quota.h"

#define BUCKET_S 3600u

/* ---- state ---- */

int cdx_cache_new(struct cdx_cache **out)
{
	struct cdx_cache *c = calloc(1, sizeof(*c));

	*out = c;
	if (c == NULL)
		return -ENOMEM;
	(void)pthread_mutex_init(&c->mu, NULL);
	(void)pthread_cond_init(&c->wrote, NULL);
	cdx_list_init(&c->writes);
	c->area_max = CDX_LOOSE_BYTES;
	c->bucket_s = BUCKET_S;
	c->clock = cdx_clock_wall_s;
	return 0;
}

void cdx_cache_free(struct cdx_cache *c)
{
	if (c == NULL)
		return;
	(void)pthread_cond_destroy(&c->wrote);
	(void)pthread_mutex_destroy(&c->mu);
	free(c);
}

void cdx_cache_append_to(struct cdx_cache *c, uint64_t area, uint64_t off)
{
	c->area = area;
	c->off = off;
}

struct cdx_cache *cdx_store_cache(struct cdx_store *s)
{
	return cdx_store_areas(s)->cache;
}

/* ---- what is inline ---- */

static int put_new(struct cdx_store *s, const struct cdx_cache_key *key,
		   struct cdx_cache_rec *rec, uint64_t charge)
{
	struct cdx_cache_change ch;
	int rc;

	rc = cdx_cache_hold(s, charge);
	if (rc < 0)
		return rc;
	rc = cdx_cache_change_begin(&ch, s);
	if (rc == 0) {
		rc = cdx_cache_put_in(&ch, key, rec);
		rc = cdx_cache_change_end(&ch, rc);
	}
	cdx_quota_release(s, CDX_SHARE_CACHE, charge);
	return rc;
}

/* @fixed: bytes of the row before the body */
static int put_inline(struct cdx_store *s, const struct cdx_cache_key *key,
		      struct cdx_cache_rec *rec, size_t fixed)
{
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cache *c = cdx_store_cache(s);
	struct cdx_cache_rec old;
	int rc;

	if (s->readonly)
		return -EROFS;
	(void)pthread_mutex_lock(&c->mu);
	rc = cdx_cache_load(s, &old, &row, key);
	if (rc == 0)
		rc = cdx_cache_touch(s, key, &old, &row);
	else if (rc == -ENOENT)
		rc = put_new(s, key, rec,
			     cdx_cache_inline_charge(fixed + rec->body_len));
	(void)pthread_mutex_unlock(&c->mu);
	return rc;
}

static void count(struct cdx_store *s, int rc)
{
	struct cdx_cache *c = cdx_store_cache(s);

	atomic_fetch_add(rc == 0 ? &c->hits : &c->misses, 1);
}

/* The row says what it should not: a disk or a program was wrong. */
static void drop_inline(struct cdx_store *s, const struct cdx_cache_key *key,
			const struct cdx_cache_rec *rec, const char *what)
{
	cdx_store_count_bad(s);
	cdx_log(cdx_store_log(s), WARN, "store",
		"a cached %s is damaged and is dropped", what);
	cdx_cache_drop_bad(s, key, rec);
}

/* ---- pages ---- */

int cdx_cache_put_page(struct cdx_store *s, const struct cdx_digest *tree,
		       const struct cdx_tree_page *p)
{
	struct cdx_cache_key key = cdx_cache_page_key(tree, p->page);
	struct cdx_cache_rec rec = {
		.kind = CDX_CACHE_PAGE,
		.leaves = p->leaves,
		.page = p->page,
	};
	struct cdx_digest both[CDX_TREE_PAGE + CDX_TREE_PAGE_PATH_MAX];

	if (p->n == 0 || p->n != cdx_tree_page_leaves(p->leaves, p->page) ||
	    p->path_len != cdx_tree_page_depth(p->leaves) ||
	    p->path_len > CDX_TREE_PAGE_PATH_MAX)
		return -EINVAL;
	memcpy(both, p->leaf, p->n * sizeof(both[0]));
	memcpy(both + p->n, p->path, p->path_len * sizeof(both[0]));
	rec.body = both[0].b;
	rec.body_len = (p->n + p->path_len) * sizeof(both[0]);
	return put_inline(s, &key, &rec, CDX_CACHE_HEAD_LEN + 8);
}

int cdx_cache_get_page(struct cdx_store *s, struct cdx_tree_page *out,
		       const struct cdx_digest *tree, uint32_t page)
{
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cache_key key = cdx_cache_page_key(tree, page);
	struct cdx_cache_rec rec;
	int rc;

	rc = cdx_cache_load(s, &rec, &row, &key);
	if (rc == 0) {
		cdx_cache_to_page(out, &rec);
		rc = cdx_tree_page_verify(out, tree);
		if (rc == CDX_E_FORMAT || rc == CDX_E_PROOF) {
			drop_inline(s, &key, &rec, "page of a tree");
			rc = -ENOENT;
		}
	}
	if (rc == 0)
		cdx_cache_used(s, &key, &rec, NULL);
	count(s, rc);
	return rc;
}

/* ---- manifests ---- */

static int digest_of(struct cdx_digest *out, const struct cdx_cid *cid)
{
	if (cid->codec != CDX_CODEC_MANIFEST ||
	    cid->mhash != CDX_MHASH_SHA256 || cid->len != sizeof(out->b))
		return -EINVAL;
	memcpy(out->b, cid->digest, sizeof(out->b));
	return 0;
}

int cdx_cache_put_manifest(struct cdx_store *s, const struct cdx_cid *cid,
			   const struct cdx_digest *tree, const void *bytes,
			   size_t len)
{
	struct cdx_cache_rec rec = {
		.kind = CDX_CACHE_MANIFEST,
		.tree = *tree,
		.body = bytes,
		.body_len = len,
	};
	struct cdx_cache_key key;
	struct cdx_digest digest;
	int rc;

	rc = digest_of(&digest, cid);
	if (rc < 0 || len == 0 || len > CDX_CACHE_MANIFEST_MAX)
		return -EINVAL;
	key = cdx_cache_key(CDX_CACHE_MANIFEST, &digest);
	return put_inline(s, &key, &rec, CDX_CACHE_HEAD_LEN + 32);
}

static int get_manifest(struct cdx_store *s, struct cdx_buf *out,
			const struct cdx_digest *digest)
{
	struct cdx_cache_key key = cdx_cache_key(CDX_CACHE_MANIFEST, digest);
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cache_rec rec;
	struct cdx_digest got;
	int rc;

	rc = cdx_cache_load(s, &rec, &row, &key);
	if (rc < 0)
		return rc;
	cdx_sha256(&got, rec.body, rec.body_len);
	if (memcmp(&got, digest, sizeof(got)) != 0) {
		drop_inline(s, &key, &rec, "manifest");
		return -ENOENT;
	}
	cdx_buf_put(out, rec.body, rec.body_len);
	rc = cdx_buf_ok(out);
	if (rc == 0)
		cdx_cache_used(s, &key, &rec, NULL);
	return rc;
}

#define PAGE 64u

/* Digests at the end of keys that begin with @prefix; the iterator is closed
 * again before anything is done with them. */
struct found {
	struct cdx_digest v[PAGE];
	size_t n;
	bool started;
	struct cdx_cache_key last;
};

/* 1 when there may be more */
static int find_some(struct cdx_store *s, struct found *f,
		     const uint8_t *prefix, size_t prefix_len, size_t key_len)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	const size_t digest_len = sizeof(f->v[0].b);
	struct cdx_kv_pair pair;
	int rc;

	f->n = 0;
	rc = cdx_kv_iter_open(s, &it, CDX_DB_CACHE, prefix, prefix_len,
			      f->started ? f->last.b : NULL,
			      f->started ? f->last.len : 0);
	while (rc >= 0 && f->n < PAGE &&
	       (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		if (pair.key_len != key_len ||
		    (f->started && memcmp(pair.key, f->last.b, key_len) == 0))
			continue;
		f->started = true;
		f->last.len = key_len;
		memcpy(f->last.b, pair.key, key_len);
		memcpy(f->v[f->n++].b, pair.key + key_len - digest_len,
		       digest_len);
	}
	return rc;
}

/* Of several manifests with one tree the longest says most: a verifiable one. */
static int get_by_tree(struct cdx_store *s, struct cdx_buf *out,
		       const struct cdx_digest *tree)
{
	struct cdx_cache_key key = cdx_cache_key(CDX_CACHE_TREE, tree);
	struct cdx_buf best CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_buf one CDX_CLEANUP(cdx_buf_free) = {0};
	struct found f = {.started = false};
	struct cdx_buf swap;
	int rc;

	rc = find_some(s, &f, key.b, key.len, CDX_CACHE_KEY_MAX);
	for (size_t i = 0; i < f.n && rc >= 0; i++) {
		one.len = 0;
		rc = get_manifest(s, &one, &f.v[i]);
		if (rc == -ENOENT)
			rc = 0;
		else if (rc == 0 && one.len > best.len) {
			swap = best;
			best = one;
			one = swap;
		}
	}
	if (rc < 0)
		return rc;
	if (best.len == 0)
		return -ENOENT;
	cdx_buf_put(out, best.p, best.len);
	return cdx_buf_ok(out);
}

int cdx_cache_get_manifest(struct cdx_store *s, struct cdx_buf *out,
			   const struct cdx_digest *digest)
{
	int rc;

	rc = get_manifest(s, out, digest);
	if (rc == -ENOENT)
		rc = get_by_tree(s, out, digest);
	count(s, rc);
	return rc;
}

static int drop_locked(struct cdx_store *s, const struct cdx_cache_key *key)
{
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cache_change ch;
	struct cdx_cache_rec rec;
	int rc;

	rc = cdx_cache_load(s, &rec, &row, key);
	if (rc == 0)
		rc = cdx_cache_change_begin(&ch, s);
	if (rc < 0)
		return rc;
	rc = cdx_cache_take_out(&ch, key, &rec);
	return cdx_cache_change_end(&ch, rc);
}

int cdx_cache_drop_manifest(struct cdx_store *s, const struct cdx_cid *cid)
{
	struct cdx_cache *c = cdx_store_cache(s);
	struct cdx_cache_key key;
	struct cdx_digest digest;
	int rc;

	if (digest_of(&digest, cid) < 0)
		return -ENOENT;
	key = cdx_cache_key(CDX_CACHE_MANIFEST, &digest);
	(void)pthread_mutex_lock(&c->mu);
	rc = drop_locked(s, &key);
	(void)pthread_mutex_unlock(&c->mu);
	return rc;
}

int cdx_cache_list(struct cdx_store *s, cdx_cache_manifest_fn *fn, void *arg)
{
	const uint8_t prefix = CDX_CACHE_MANIFEST;
	struct found f = {.started = false};
	int more = 1;
	int rc = 0;

	while (rc >= 0 && more > 0) {
		more = find_some(s, &f, &prefix, 1, 33);
		for (size_t i = 0; i < f.n && rc >= 0 && more >= 0; i++) {
			struct cdx_cid cid =
				cdx_cid_sha256(CDX_CODEC_MANIFEST, &f.v[i]);

			rc = fn(arg, &cid);
		}
	}
	if (rc < 0)
		return rc;
	return more < 0 ? more : 0;
}

/* ---- size ---- */

int cdx_cache_resize(struct cdx_store *s, uint64_t bytes)
{
	struct cdx_cache *c = cdx_store_cache(s);
	uint64_t used;
	int rc;

	rc = cdx_store_set_share(s, CDX_SHARE_CACHE, bytes);
	if (rc < 0)
		return rc;
	do {
		(void)pthread_mutex_lock(&c->mu);
		used = (uint64_t)cdx_kv_counter(s, CDX_CNT_USED_CACHE);
		rc = used > bytes ? cdx_cache_evict(s, used - bytes) : 0;
		(void)pthread_mutex_unlock(&c->mu);
	} while (rc > 0);
	return rc;
}

void cdx_cache_stats(struct cdx_store *s, struct cdx_cache_stats *out)
{
	struct cdx_cache *c = cdx_store_cache(s);
	int64_t used = cdx_kv_counter(s, CDX_CNT_USED_CACHE);
	int64_t entries = cdx_kv_counter(s, CDX_CNT_CACHE);

	out->limit = cdx_store_share(s, CDX_SHARE_CACHE);
	out->used = used > 0 ? (uint64_t)used : 0;
	out->entries = entries > 0 ? (uint64_t)entries : 0;
	out->hits = atomic_load(&c->hits);
	out->misses = atomic_load(&c->misses);
	out->evicted = atomic_load(&c->evicted);
}
