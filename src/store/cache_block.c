/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "store/area_internal.h"
#include "store/block_set.h"
#include "store/cache_internal.h"
#include "store/dataset_store.h"
#include "store/internal.h"
#include "store/quota.h"

/* Blocks of the cache: bytes in data files, appended as loose ones are */

/* ---- where to ---- */

/* A new file to append to; the old one is closed, and goes when it is empty. */
static int next_area(struct cdx_store *s)
{
	struct cdx_cache *c = cdx_store_cache(s);
	struct cdx_area_info info;
	uint64_t old = c->area;
	struct cdx_batch *b;
	uint64_t id;
	int rc;

	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	if (old != 0 && cdx_area_info(s, old, &info) == 0) {
		info.closed = true;
		cdx_area_set_info(b, old, &info);
	}
	rc = cdx_area_create(s, &id, CDX_AREA_CACHE, 0, b);
	if (rc < 0) {
		cdx_batch_drop(b);
		return rc;
	}
	rc = cdx_batch_apply(b);
	if (rc < 0) {
		/* what stays after all is removed by the next open */
		(void)!cdx_area_file_unlink(cdx_store_areas(s), id);
		return rc;
	}
	c->area = id;
	c->off = 0;
	return cdx_cache_settle(s, old);
}

/* Takes a place for a block of @w->room bytes, which is then being written. */
static int take_place(struct cdx_store *s, struct cdx_cache_write *w)
{
	struct cdx_cache *c = cdx_store_cache(s);
	int rc;

	if (c->area == 0 || (c->off != 0 && c->off + w->room > c->area_max)) {
		rc = next_area(s);
		if (rc < 0)
			return rc;
	}
	w->area = c->area;
	w->off = c->off;
	c->off += w->room;
	cdx_list_add_tail(&c->writes, &w->node);
	return 0;
}

static void place_done(struct cdx_cache *c, struct cdx_cache_write *w)
{
	cdx_list_del(&w->node);
	(void)pthread_cond_broadcast(&c->wrote);
}

/* A block, and zeros up to where the next one begins, so that the file is as
 * long as its record says */
static int write_at(struct cdx_store *s, const struct cdx_cache_write *w,
		    const uint8_t *p, uint32_t size)
{
	static const uint8_t zero[4096];
	int rc;

	rc = cdx_area_write(s, w->area, w->off, p, size);
	if (rc == 0 && w->room != size)
		rc = cdx_area_write(s, w->area, w->off + size, zero,
				    (size_t)(w->room - size));
	return rc;
}

/* ---- put ---- */

static bool is_on_its_way(const struct cdx_cache *c,
			  const struct cdx_digest *digest)
{
	cdx_list_foreach(pos, &c->writes) {
		if (memcmp(&cdx_list_entry(pos, const struct cdx_cache_write,
					   node)
				    ->digest,
			   digest, sizeof(*digest)) == 0)
			return true;
	}
	return false;
}

/* 1: it is here, and was used now.  Waits for others that write it. */
static int is_here(struct cdx_store *s, const struct cdx_cache_key *key,
		   const struct cdx_digest *digest)
{
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cache *c = cdx_store_cache(s);
	struct cdx_cache_rec rec;
	int rc;

	while (is_on_its_way(c, digest))
		(void)pthread_cond_wait(&c->wrote, &c->mu);
	rc = cdx_cache_load(s, &rec, &row, key);
	if (rc == -ENOENT)
		return 0;
	if (rc == 0)
		rc = cdx_cache_touch(s, key, &rec, &row);
	return rc < 0 ? rc : 1;
}

static int record(struct cdx_store *s, const struct cdx_cache_key *key,
		  const struct cdx_cache_write *w, uint32_t size)
{
	struct cdx_cache_rec rec = {
		.kind = CDX_CACHE_BLOCK,
		.size = size,
		.area = w->area,
		.off = w->off,
	};
	struct cdx_cache_change ch;
	int rc;

	rc = cdx_cache_change_begin(&ch, s);
	if (rc < 0)
		return rc;
	rc = cdx_cache_put_in(&ch, key, &rec);
	return cdx_cache_change_end(&ch, rc);
}

/* Writes with the lock not held; caller holds it before and after. */
static int write_block(struct cdx_store *s, const struct cdx_cache_key *key,
		       struct cdx_cache_write *w, const uint8_t *p,
		       uint32_t size)
{
	struct cdx_cache *c = cdx_store_cache(s);
	int settled;
	int rc;

	rc = take_place(s, w);
	if (rc < 0)
		return rc;
	(void)pthread_mutex_unlock(&c->mu);
	rc = write_at(s, w, p, size);
	(void)pthread_mutex_lock(&c->mu);
	if (rc == 0)
		rc = record(s, key, w, size);
	place_done(c, w);
	/* somebody removed the file: what it held is lost, what comes is not */
	if (rc == -ENOENT && c->area == w->area)
		c->area = 0;
	settled = cdx_cache_settle(s, w->area);
	return rc < 0 ? rc : settled;
}

static int put_locked(struct cdx_store *s, struct cdx_cache_write *w,
		      const uint8_t *p, uint32_t size)
{
	struct cdx_cache_key key = cdx_cache_key(CDX_CACHE_BLOCK, &w->digest);
	int rc;

	rc = is_here(s, &key, &w->digest);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = cdx_cache_hold(s, w->room);
	if (rc < 0)
		return rc;
	rc = write_block(s, &key, w, p, size);
	if (rc == -ENOENT)
		rc = write_block(s, &key, w, p, size);
	cdx_quota_release(s, CDX_SHARE_CACHE, w->room);
	return rc;
}

int cdx_cache_put_block(struct cdx_store *s, const struct cdx_digest *digest,
			const uint8_t *p, uint32_t size)
{
	struct cdx_cache_write w = {.digest = *digest,
				    .room = cdx_block_room(size)};
	struct cdx_cache *c = cdx_store_cache(s);
	int rc;

	if (size == 0 || size > CDX_BLOCK_SIZE_MAX)
		return -EINVAL;
	if (s->readonly)
		return -EROFS;
	(void)pthread_mutex_lock(&c->mu);
	rc = put_locked(s, &w, p, size);
	(void)pthread_mutex_unlock(&c->mu);
	return rc;
}

/* ---- out of files with little in them ---- */

#define SPARSE 16u /* one in so many of what a file can hold */

static int rewrite(struct cdx_store *s, const struct cdx_cache_key *key,
		   const struct cdx_cache_rec *rec,
		   const struct cdx_cache_write *w)
{
	struct cdx_cache_rec moved = *rec;
	struct cdx_cache_change ch;
	int rc;

	rc = cdx_cache_change_begin(&ch, s);
	if (rc < 0)
		return rc;
	moved.area = w->area;
	moved.off = w->off;
	rc = cdx_cache_take_out(&ch, key, rec);
	if (rc == 0)
		rc = cdx_cache_put_in(&ch, key, &moved);
	return cdx_cache_change_end(&ch, rc);
}

int cdx_cache_move(struct cdx_store *s, const struct cdx_cache_key *key,
		   const struct cdx_cache_rec *rec, const uint8_t *block)
{
	struct cdx_cache_write w = {.room = cdx_block_room(rec->size)};
	struct cdx_cache *c = cdx_store_cache(s);
	struct cdx_area_info info;
	int rc;

	if (rec->area == c->area)
		return 0;
	rc = cdx_area_info(s, rec->area, &info);
	if (rc < 0 || info.live > c->area_max / SPARSE)
		return rc < 0 ? rc : 0;
	memcpy(w.digest.b, key->b + 1, sizeof(w.digest.b));
	rc = take_place(s, &w);
	if (rc < 0)
		return rc;
	rc = write_at(s, &w, block, rec->size);
	if (rc == 0)
		rc = rewrite(s, key, rec, &w);
	place_done(c, &w);
	return rc < 0 ? rc : 1;
}

/* ---- get ---- */

static int load_block(struct cdx_store *s, struct cdx_cache_rec *out,
		      const struct cdx_cache_key *key)
{
	uint8_t row[CDX_CACHE_BLOCK_LEN];
	int rc;

	rc = cdx_kv_get(s, CDX_DB_CACHE, key->b, key->len, row, sizeof(row));
	if (rc == -ENOBUFS)
		return -ENOENT;
	if (rc < 0)
		return rc;
	rc = cdx_cache_decode(out, key->b, key->len, row, (size_t)rc);
	return rc == CDX_E_CORRUPT || rc == CDX_E_VERSION ? -ENOENT : rc;
}

static void report_bad(struct cdx_store *s, const struct cdx_digest *digest,
		       const struct cdx_cache_rec *rec, int err)
{
	const struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_BLOCK, digest);
	char text[CDX_CID_TEXT_MAX];

	cdx_store_count_bad(s);
	if (err == -ENOENT) {
		cdx_area_missing(cdx_store_areas(s), rec->area);
		return;
	}
	if (!cdx_area_bad_line(cdx_store_areas(s), rec->area))
		return;
	cdx_cid_text(text, &cid);
	cdx_log(cdx_store_log(s), WARN, "store",
		"cached block %s at %" PRIu64 " of areas/%016" PRIx64
		" is dropped: %s",
		text, rec->off, rec->area, cdx_strerror(err));
}

/* A row may be replaced and its place punched between two looks: between begin
 * and end it may not. */
static int read_block(struct cdx_store *s, uint8_t *out,
		      const struct cdx_digest *digest,
		      const struct cdx_cache_key *key, uint32_t size,
		      struct cdx_cache_rec *rec)
{
	struct cdx_digest got;
	int rc;

	rc = load_block(s, rec, key);
	if (rc < 0)
		return rc;
	if (rec->size != size)
		return -EINVAL;
	rc = cdx_area_read(s, rec->area, rec->off, out, size);
	if (rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE)
		return rc;
	if (rc == 0) {
		cdx_sha256(&got, out, size);
		rc = memcmp(&got, digest, sizeof(got)) == 0 ? 0 : CDX_E_HASH;
	}
	if (rc == 0)
		return 0;
	report_bad(s, digest, rec, rc);
	return CDX_E_HASH;
}

int cdx_cache_get_block(struct cdx_store *s, uint8_t *out, uint32_t size,
			const struct cdx_digest *digest)
{
	struct cdx_cache_key key = cdx_cache_key(CDX_CACHE_BLOCK, digest);
	struct cdx_cache *c = cdx_store_cache(s);
	struct cdx_cache_rec rec;
	uint64_t token;
	int rc = -ENOENT;

	if (cdx_kv_counter(s, CDX_CNT_CACHE) != 0) {
		token = cdx_store_read_begin(s);
		rc = read_block(s, out, digest, &key, size, &rec);
		cdx_store_read_end(s, token);
	}
	if (rc == CDX_E_HASH) {
		cdx_cache_drop_bad(s, &key, &rec);
		rc = -ENOENT;
	}
	if (rc == 0)
		cdx_cache_used(s, &key, &rec, out);
	atomic_fetch_add(rc == 0 ? &c->hits : &c->misses, 1);
	return rc;
}

int cdx_cache_block_size(struct cdx_store *s, const struct cdx_digest *digest)
{
	struct cdx_cache_key key = cdx_cache_key(CDX_CACHE_BLOCK, digest);
	struct cdx_cache_rec rec;
	int rc;

	rc = load_block(s, &rec, &key);
	return rc < 0 ? rc : (int)rec.size;
}
