/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/area_internal.h"
#include "store/block_set.h"
#include "store/cache_internal.h"
#include "store/internal.h"
#include "store/quota.h"

#define EVICT_MAX 256u /* entries of one batch */
/* Room is made for some more than is asked for, so that a full cache need not
 * do it for every block: so much of the share, and no more than so many bytes */
#define EVICT_PART 256u
#define EVICT_BYTES (UINT64_C(16) << 20)

/* ---- one entry ---- */

int cdx_cache_load(struct cdx_store *s, struct cdx_cache_rec *out,
		   struct cdx_buf *row, const struct cdx_cache_key *key)
{
	int rc;

	row->len = 0;
	rc = cdx_kv_get_buf(s, CDX_DB_CACHE, key->b, key->len, row);
	if (rc < 0)
		return rc;
	rc = cdx_cache_decode(out, key->b, key->len, row->p, row->len);
	return rc == CDX_E_CORRUPT || rc == CDX_E_VERSION ? -ENOENT : rc;
}

/* ---- changes ---- */

int cdx_cache_change_begin(struct cdx_cache_change *ch, struct cdx_store *s)
{
	memset(ch, 0, sizeof(*ch));
	ch->s = s;
	ch->c = cdx_store_cache(s);
	return cdx_batch_new(&ch->b, s);
}

/* The record of a data file as the batch will leave it.  -ENOENT: it is gone, or
 * is no file of the cache. */
static int area_get(struct cdx_cache_change *ch, struct cdx_area_info **out,
		    uint64_t id)
{
	struct cdx_cache_area *v = ch->areas;
	struct cdx_area_info info;
	int rc;

	for (size_t i = 0; i < ch->n_areas; i++)
		if (v[i].id == id) {
			*out = &v[i].info;
			return 0;
		}
	rc = cdx_area_info(ch->s, id, &info);
	if (rc < 0 || info.kind != CDX_AREA_CACHE)
		return rc < 0 && rc != CDX_E_CORRUPT ? rc : -ENOENT;
	if (ch->n_areas == ch->cap) {
		size_t cap = ch->cap == 0 ? 8 : ch->cap * 2;

		v = realloc(v, cap * sizeof(*v));
		if (v == NULL)
			return -ENOMEM;
		ch->areas = v;
		ch->cap = cap;
	}
	v[ch->n_areas].id = id;
	v[ch->n_areas].info = info;
	*out = &v[ch->n_areas++].info;
	return 0;
}

static bool is_written(const struct cdx_cache *c, uint64_t area)
{
	cdx_list_foreach(pos, &c->writes) {
		if (cdx_list_entry(pos, const struct cdx_cache_write, node)
			    ->area == area)
			return true;
	}
	return false;
}

static bool is_done(const struct cdx_cache *c, const struct cdx_cache_area *v)
{
	return v->info.live == 0 && v->id != c->area && !is_written(c, v->id);
}

int cdx_cache_change_end(struct cdx_cache_change *ch, int rc)
{
	for (size_t i = 0; i < ch->n_areas && rc >= 0; i++) {
		const struct cdx_cache_area *v = &ch->areas[i];

		if (is_done(ch->c, v))
			cdx_area_remove(ch->b, v->id);
		else
			cdx_area_set_info(ch->b, v->id, &v->info);
	}
	free(ch->areas);
	if (rc < 0) {
		cdx_batch_drop(ch->b);
		return rc;
	}
	return cdx_batch_apply(ch->b);
}

int cdx_cache_settle(struct cdx_store *s, uint64_t area)
{
	struct cdx_cache_change ch;
	struct cdx_area_info *info;
	int rc;

	if (area == 0 || area == cdx_store_cache(s)->area)
		return 0;
	rc = cdx_cache_change_begin(&ch, s);
	if (rc < 0)
		return rc;
	rc = area_get(&ch, &info, area);
	if (rc == 0 && !is_done(ch.c, &ch.areas[0]))
		rc = -ENOENT;
	rc = cdx_cache_change_end(&ch, rc);
	return rc == -ENOENT ? 0 : rc;
}

/* ---- out and in ---- */

static int give_back(struct cdx_cache_change *ch,
		     const struct cdx_cache_rec *rec)
{
	uint64_t room = cdx_block_room(rec->size);
	struct cdx_area_info *info;
	int rc;

	rc = area_get(ch, &info, rec->area);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	info->live -= info->live < room ? info->live : room;
	cdx_area_free_range(ch->b, rec->area, rec->off, room);
	return 0;
}

static void del(struct cdx_cache_change *ch, const struct cdx_cache_key *key)
{
	cdx_batch_del(ch->b, CDX_DB_CACHE, key->b, key->len);
}

static struct cdx_cache_key tree_row(const struct cdx_cache_key *key,
				     const struct cdx_cache_rec *rec)
{
	struct cdx_digest manifest;

	memcpy(manifest.b, key->b + 1, sizeof(manifest.b));
	return cdx_cache_tree_key(&rec->tree, &manifest);
}

int cdx_cache_take_out(struct cdx_cache_change *ch,
		       const struct cdx_cache_key *key,
		       const struct cdx_cache_rec *rec)
{
	uint8_t age[CDX_CACHE_AGE_LEN];
	struct cdx_cache_key other;
	int rc = 0;

	if (rec->kind == CDX_CACHE_BLOCK)
		rc = give_back(ch, rec);
	if (rc < 0)
		return rc;
	if (rec->kind == CDX_CACHE_MANIFEST) {
		other = tree_row(key, rec);
		del(ch, &other);
	}
	del(ch, key);
	cdx_cache_age_key(age, rec->bucket, rec->number);
	cdx_batch_del(ch->b, CDX_DB_CACHE_AGE, age, sizeof(age));
	cdx_batch_add(ch->b, CDX_CNT_CACHE, -1);
	cdx_quota_charge(ch->b, CDX_SHARE_CACHE, -(int64_t)rec->charge);
	ch->freed += rec->charge;
	return 0;
}

/* Age of what is used now.  Buckets never go down while the store is open: what
 * is used gets its row behind all others. */
static void now(struct cdx_cache *c, struct cdx_store *s,
		struct cdx_cache_rec *rec)
{
	int64_t t = c->clock() / (int64_t)c->bucket_s;
	uint32_t bucket = t > 0 && t <= UINT32_MAX ? (uint32_t)t : 0;

	if (c->newest < bucket)
		c->newest = bucket;
	rec->bucket = c->newest;
	rec->number = cdx_kv_next(s, CDX_CNT_NEXT_USE);
}

static void put_age(struct cdx_batch *b, const struct cdx_cache_key *key,
		    const struct cdx_cache_rec *rec)
{
	uint8_t age[CDX_CACHE_AGE_LEN];

	cdx_cache_age_key(age, rec->bucket, rec->number);
	cdx_batch_put(b, CDX_DB_CACHE_AGE, age, sizeof(age), key->b, key->len);
	cdx_batch_max(b, CDX_CNT_NEXT_USE, rec->number + 1);
}

static int place(struct cdx_cache_change *ch, const struct cdx_cache_rec *rec)
{
	uint64_t end = rec->off + cdx_block_room(rec->size);
	struct cdx_area_info *info;
	int rc;

	rc = area_get(ch, &info, rec->area);
	if (rc < 0)
		return rc;
	info->live += cdx_block_room(rec->size);
	if (info->size < end)
		info->size = end;
	cdx_batch_names_data(ch->b);
	return 0;
}

int cdx_cache_put_in(struct cdx_cache_change *ch,
		     const struct cdx_cache_key *key, struct cdx_cache_rec *rec)
{
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cache_key other;
	int rc = 0;

	if (rec->kind == CDX_CACHE_BLOCK)
		rc = place(ch, rec);
	if (rc < 0)
		return rc;
	now(ch->c, ch->s, rec);
	cdx_cache_encode(&row, rec);
	rc = cdx_buf_ok(&row);
	if (rc < 0)
		return rc;
	rec->charge = rec->kind == CDX_CACHE_BLOCK
			      ? cdx_block_room(rec->size)
			      : cdx_cache_inline_charge(row.len);
	cdx_batch_put(ch->b, CDX_DB_CACHE, key->b, key->len, row.p, row.len);
	if (rec->kind == CDX_CACHE_MANIFEST) {
		other = tree_row(key, rec);
		cdx_batch_put(ch->b, CDX_DB_CACHE, other.b, other.len, NULL, 0);
	}
	put_age(ch->b, key, rec);
	cdx_batch_add(ch->b, CDX_CNT_CACHE, 1);
	cdx_quota_charge(ch->b, CDX_SHARE_CACHE, (int64_t)rec->charge);
	return 0;
}

/* ---- use ---- */

int cdx_cache_touch(struct cdx_store *s, const struct cdx_cache_key *key,
		    struct cdx_cache_rec *rec, struct cdx_buf *row)
{
	struct cdx_cache *c = cdx_store_cache(s);
	uint8_t age[CDX_CACHE_AGE_LEN];
	struct cdx_batch *b;
	int rc;

	cdx_cache_age_key(age, rec->bucket, rec->number);
	if (rec->bucket >= c->newest &&
	    c->clock() / (int64_t)c->bucket_s <= (int64_t)rec->bucket)
		return 0;
	rc = cdx_batch_new(&b, s);
	if (rc < 0)
		return rc;
	now(c, s, rec);
	cdx_batch_del(b, CDX_DB_CACHE_AGE, age, sizeof(age));
	put_age(b, key, rec);
	cdx_cache_age_key(row->p + 1, rec->bucket, rec->number);
	cdx_batch_put(b, CDX_DB_CACHE, key->b, key->len, row->p, row->len);
	return cdx_batch_apply(b);
}

/* Is it still the entry that was seen? */
static bool same(struct cdx_store *s, const struct cdx_cache_key *key,
		 const struct cdx_cache_rec *seen, struct cdx_cache_rec *rec,
		 struct cdx_buf *row)
{
	return cdx_cache_load(s, rec, row, key) == 0 &&
	       rec->number == seen->number;
}

void cdx_cache_used(struct cdx_store *s, const struct cdx_cache_key *key,
		    const struct cdx_cache_rec *seen, const uint8_t *block)
{
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cache *c = cdx_store_cache(s);
	struct cdx_cache_rec rec;
	int rc = 0;

	if (s->readonly ||
	    c->clock() / (int64_t)c->bucket_s <= (int64_t)seen->bucket ||
	    pthread_mutex_trylock(&c->mu) != 0)
		return;
	if (same(s, key, seen, &rec, &row)) {
		if (block != NULL)
			rc = cdx_cache_move(s, key, &rec, block);
		/* if it fails it looks older than it is */
		if (rc == 0)
			(void)!cdx_cache_touch(s, key, &rec, &row);
	}
	(void)pthread_mutex_unlock(&c->mu);
}

void cdx_cache_drop_bad(struct cdx_store *s, const struct cdx_cache_key *key,
			const struct cdx_cache_rec *seen)
{
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cache *c = cdx_store_cache(s);
	struct cdx_cache_change ch;
	struct cdx_cache_rec rec;
	int rc;

	if (s->readonly)
		return;
	(void)pthread_mutex_lock(&c->mu);
	if (same(s, key, seen, &rec, &row) &&
	    cdx_cache_change_begin(&ch, s) == 0) {
		rc = cdx_cache_take_out(&ch, key, &rec);
		/* what stays is found bad again */
		(void)!cdx_cache_change_end(&ch, rc);
	}
	(void)pthread_mutex_unlock(&c->mu);
}

/* ---- eviction ---- */

struct oldest {
	uint8_t age[EVICT_MAX][CDX_CACHE_AGE_LEN];
	struct cdx_cache_key key[EVICT_MAX];
	size_t n;
};

static int find_oldest(struct cdx_store *s, struct oldest *o)
{
	struct cdx_kv_iter *it CDX_CLEANUP(cdx_kv_iter_closep) = NULL;
	const struct cdx_cache *c = cdx_store_cache(s);
	struct cdx_kv_pair pair;
	int rc;

	rc = cdx_kv_iter_open(s, &it, CDX_DB_CACHE_AGE, NULL, 0, c->from,
			      sizeof(c->from));
	while (rc >= 0 && o->n < EVICT_MAX &&
	       (rc = cdx_kv_iter_next(it, &pair)) > 0) {
		if (pair.key_len != CDX_CACHE_AGE_LEN)
			continue;
		memcpy(o->age[o->n], pair.key, CDX_CACHE_AGE_LEN);
		o->key[o->n].len =
			pair.val_len <= CDX_CACHE_KEY_MAX ? pair.val_len : 0;
		memcpy(o->key[o->n].b, pair.val, o->key[o->n].len);
		o->n++;
	}
	return rc < 0 ? rc : 0;
}

static int evict_one(struct cdx_cache_change *ch, struct cdx_buf *row,
		     const struct oldest *o, size_t i)
{
	uint8_t age[CDX_CACHE_AGE_LEN];
	struct cdx_cache_rec rec;
	int rc;

	rc = cdx_cache_load(ch->s, &rec, row, &o->key[i]);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc == 0) {
		cdx_cache_age_key(age, rec.bucket, rec.number);
		if (memcmp(age, o->age[i], sizeof(age)) == 0)
			return cdx_cache_take_out(ch, &o->key[i], &rec);
	}
	/* a row that names nothing, or something with another age */
	cdx_batch_del(ch->b, CDX_DB_CACHE_AGE, o->age[i], sizeof(o->age[i]));
	return 0;
}

static int evict(struct cdx_store *s, struct oldest *o, uint64_t bytes)
{
	struct cdx_buf row CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_cache *c = cdx_store_cache(s);
	struct cdx_cache_change ch;
	size_t i = 0;
	int rc;

	rc = find_oldest(s, o);
	if (rc < 0 || o->n == 0)
		return rc;
	rc = cdx_cache_change_begin(&ch, s);
	if (rc < 0)
		return rc;
	while (i < o->n && ch.freed < bytes && rc == 0)
		rc = evict_one(&ch, &row, o, i++);
	rc = cdx_cache_change_end(&ch, rc);
	if (rc < 0)
		return rc;
	memcpy(c->from, o->age[i - 1], sizeof(c->from));
	if (c->newest < cdx_get_be32(c->from))
		c->newest = cdx_get_be32(c->from);
	atomic_fetch_add(&c->evicted, i);
	return (int)i;
}

int cdx_cache_evict(struct cdx_store *s, uint64_t bytes)
{
	struct oldest *o = malloc(sizeof(*o));
	int rc;

	if (o == NULL)
		return -ENOMEM;
	o->n = 0;
	rc = evict(s, o, bytes);
	free(o);
	return rc;
}

static void committed(void *arg, int result)
{
	(void)arg;
	(void)result;
}

/* The disk is full, whatever the share says: the cache gives way a little, and
 * again when that has come back, which takes two groups. */
static int yield(struct cdx_store *s, uint64_t bytes)
{
	struct cdx_cache *c = cdx_store_cache(s);
	int rc;

	if (c->yielded != 0 && cdx_store_durable(s) < c->yielded + 1)
		return -ENOSPC;
	rc = cdx_cache_evict(s, bytes);
	if (rc < 0)
		return rc;
	c->yielded = cdx_store_group(s);
	if (rc > 0)
		(void)!cdx_store_commit_async(s, committed, NULL);
	return -ENOSPC;
}

int cdx_cache_hold(struct cdx_store *s, uint64_t bytes)
{
	uint64_t limit = cdx_store_share(s, CDX_SHARE_CACHE);
	uint64_t more = limit / EVICT_PART;
	int rc;

	if (bytes > limit)
		return -ENOSPC;
	if (more > EVICT_BYTES)
		more = EVICT_BYTES;
	more = more > bytes ? more : bytes;
	do {
		rc = cdx_quota_hold(s, CDX_SHARE_CACHE, bytes, 0);
		if (rc == -ENOSPC)
			return yield(s, more);
		if (rc != CDX_E_QUOTA)
			return rc;
		rc = cdx_cache_evict(s, more);
	} while (rc > 0);
	/* others' promises take all of it */
	return rc < 0 ? rc : -ENOSPC;
}
