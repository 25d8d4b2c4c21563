/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "store/block_set.h"
#include "store/cache_internal.h"
#include "store/records.h"

/* The cache: entries with their bytes, their ages, what they are charged with */

struct sums {
	uint64_t entries;
	uint64_t charge;
};

/* ---- one entry ---- */

static void name_of(char out[CDX_CID_TEXT_MAX], const struct cdx_kv_pair *pair,
		    enum cdx_codec codec)
{
	struct cdx_digest digest;
	struct cdx_cid cid;

	memcpy(digest.b, pair->key + 1, sizeof(digest.b));
	cid = cdx_cid_sha256(codec, &digest);
	cdx_cid_text(out, &cid);
}

static void check_block(struct cdx_fsck_run *r, const struct cdx_kv_pair *pair,
			const struct cdx_cache_rec *rec)
{
	struct cdx_fsck_area *v = cdx_fsck_area_find(r, rec->area);
	char name[CDX_CID_TEXT_MAX];
	struct cdx_digest digest;
	int rc;

	name_of(name, pair, CDX_CODEC_BLOCK);
	if (v == NULL || !v->has_record || v->info.kind != CDX_AREA_CACHE ||
	    rec->off + cdx_block_room(rec->size) > v->info.size) {
		cdx_fsck_say(r, "cache-area",
			     "%s: areas/%016" PRIx64 " at %" PRIu64, name,
			     rec->area, rec->off);
		return;
	}
	v->live += cdx_block_room(rec->size);
	memcpy(digest.b, pair->key + 1, sizeof(digest.b));
	rc = cdx_fsck_hash(r, rec->area, rec->off, rec->size, &digest);
	if (rc < 0)
		cdx_fsck_say(r, "cache-block-hash",
			     "%s: areas/%016" PRIx64 " at %" PRIu64 ": %s",
			     name, rec->area, rec->off, cdx_strerror(rc));
}

static void check_page(struct cdx_fsck_run *r, const struct cdx_kv_pair *pair,
		       const struct cdx_cache_rec *rec)
{
	char name[CDX_CID_TEXT_MAX];
	struct cdx_tree_page page;
	struct cdx_digest tree;

	memcpy(tree.b, pair->key + 1, sizeof(tree.b));
	cdx_cache_to_page(&page, rec);
	if (cdx_tree_page_verify(&page, &tree) == 0)
		return;
	name_of(name, pair, CDX_CODEC_ROOT);
	cdx_fsck_say(r, "cache-page", "%s: page %" PRIu32, name, rec->page);
}

static void check_manifest(struct cdx_fsck_run *r,
			   const struct cdx_kv_pair *pair,
			   const struct cdx_cache_rec *rec)
{
	char name[CDX_CID_TEXT_MAX];
	struct cdx_cache_key tree;
	struct cdx_digest digest;
	struct cdx_digest got;
	uint8_t none;

	name_of(name, pair, CDX_CODEC_MANIFEST);
	memcpy(digest.b, pair->key + 1, sizeof(digest.b));
	cdx_sha256(&got, rec->body, rec->body_len);
	if (memcmp(&got, &digest, sizeof(got)) != 0)
		cdx_fsck_say(r, "cache-manifest", "%s", name);
	tree = cdx_cache_tree_key(&rec->tree, &digest);
	if (cdx_kv_get(r->s, CDX_DB_CACHE, tree.b, tree.len, &none,
		       sizeof(none)) != 0)
		cdx_fsck_say(r, "cache-tree", "%s has no row for its tree",
			     name);
}

static void check_own_age(struct cdx_fsck_run *r,
			  const struct cdx_kv_pair *pair,
			  const struct cdx_cache_rec *rec)
{
	uint64_t next = (uint64_t)cdx_kv_counter(r->s, CDX_CNT_NEXT_USE);
	uint8_t age[CDX_CACHE_AGE_LEN];
	uint8_t key[CDX_CACHE_KEY_MAX];
	int rc;

	cdx_cache_age_key(age, rec->bucket, rec->number);
	rc = cdx_kv_get(r->s, CDX_DB_CACHE_AGE, age, sizeof(age), key,
			sizeof(key));
	if (rc < 0 || (size_t)rc != pair->key_len ||
	    memcmp(key, pair->key, pair->key_len) != 0)
		cdx_fsck_say(r, "cache-age",
			     "entry of kind %u, use %" PRIu64 ": no row",
			     pair->key[0], rec->number);
	if (rec->number >= next)
		cdx_fsck_say(r, "counter-next-use",
			     "use %" PRIu64 " is not below %" PRIu64,
			     rec->number, next);
}

static void check_entry(struct cdx_fsck_run *r, struct sums *sums,
			const struct cdx_kv_pair *pair)
{
	struct cdx_cache_rec rec;

	if (cdx_cache_decode(&rec, pair->key, pair->key_len, pair->val,
			     pair->val_len) < 0) {
		cdx_fsck_say(r, "cache-record-bad",
			     "key of %zu bytes, row of %zu", pair->key_len,
			     pair->val_len);
		return;
	}
	sums->entries++;
	sums->charge += rec.charge;
	check_own_age(r, pair, &rec);
	if (rec.kind == CDX_CACHE_BLOCK)
		check_block(r, pair, &rec);
	else if (rec.kind == CDX_CACHE_PAGE)
		check_page(r, pair, &rec);
	else
		check_manifest(r, pair, &rec);
}

/* ---- ways to entries ---- */

/* A row by which a manifest is found by its tree */
static int check_tree(struct cdx_fsck_run *r, struct cdx_buf *row,
		      const struct cdx_kv_pair *pair)
{
	const size_t len = sizeof(struct cdx_digest);
	struct cdx_cache_rec rec;
	struct cdx_cache_key key;
	struct cdx_digest digest;
	int rc;

	if (pair->key_len != 1 + 2 * len || pair->val_len != 0) {
		cdx_fsck_say(r, "cache-record-bad",
			     "key of %zu bytes, row of %zu", pair->key_len,
			     pair->val_len);
		return 0;
	}
	memcpy(digest.b, pair->key + 1 + len, len);
	key = cdx_cache_key(CDX_CACHE_MANIFEST, &digest);
	rc = cdx_cache_load(r->s, &rec, row, &key);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc < 0 || memcmp(rec.tree.b, pair->key + 1, len) != 0)
		cdx_fsck_say(r, "cache-tree",
			     "a tree leads to a manifest that is not its own");
	return 0;
}

static int check_age(struct cdx_fsck_run *r, struct cdx_buf *row,
		     const struct cdx_kv_pair *pair)
{
	uint8_t age[CDX_CACHE_AGE_LEN];
	struct cdx_cache_key key = {0};
	struct cdx_cache_rec rec;
	int rc = -ENOENT;

	if (pair->key_len == sizeof(age) && pair->val_len != 0 &&
	    pair->val_len <= sizeof(key.b)) {
		key.len = pair->val_len;
		memcpy(key.b, pair->val, key.len);
		rc = cdx_cache_load(r->s, &rec, row, &key);
	}
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc == 0)
		cdx_cache_age_key(age, rec.bucket, rec.number);
	if (rc < 0 || memcmp(age, pair->key, sizeof(age)) != 0)
		cdx_fsck_say(r, "cache-age", "a row leads to no entry");
	return 0;
}

/* ---- all ---- */

static int walk_entries(struct cdx_fsck_run *r, struct sums *sums)
{
	struct cdx_scan sc CDX_CLEANUP(cdx_scan_free) = {.s = r->s,
							 .db = CDX_DB_CACHE};
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	uint64_t total = (uint64_t)cdx_kv_counter(r->s, CDX_CNT_CACHE);
	struct cdx_kv_pair pair;
	uint64_t n = 0;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		if (pair.key_len != 0 && pair.key[0] == CDX_CACHE_TREE)
			rc = check_tree(r, &row, &pair);
		else
			check_entry(r, sums, &pair);
		if (rc < 0)
			return rc;
		if (++n % 64 == 0)
			cdx_fsck_progress(r, "cache", n, total);
	}
	return rc;
}

static int walk_ages(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(
		cdx_scan_free) = {.s = r->s, .db = CDX_DB_CACHE_AGE};
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_kv_pair pair;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		rc = check_age(r, &row, &pair);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int cdx_fsck_cache(struct cdx_fsck_run *r)
{
	int64_t used = cdx_kv_counter(r->s, CDX_CNT_USED_CACHE);
	int64_t entries = cdx_kv_counter(r->s, CDX_CNT_CACHE);
	struct sums sums = {0};
	int rc;

	rc = walk_entries(r, &sums);
	if (rc == 0)
		rc = walk_ages(r);
	if (rc < 0)
		return rc;
	if (entries != (int64_t)sums.entries)
		cdx_fsck_say(r, "counter-cache",
			     "counter says %" PRId64 ", there are %" PRIu64,
			     entries, sums.entries);
	if (used >= 0 && used != (int64_t)sums.charge)
		cdx_fsck_say(r, "counter-used",
			     "cache share: counter says %" PRId64
			     " bytes, %" PRIu64 " counted",
			     used, sums.charge);
	return 0;
}
