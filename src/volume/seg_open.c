/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/far.h"
#include "volume/segs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "crypto/block.h"

#define NS 1000000000u

/* ---- a segment in memory ---- */

struct cdx_oseg *cdx_oseg_find(struct cdx_segs *s, uint64_t area)
{
	cdx_list_foreach(pos, &s->active) {
		struct cdx_oseg *o = cdx_list_entry(pos, struct cdx_oseg, link);

		if (o->area == area)
			return o;
	}
	return NULL;
}

void cdx_oseg_rec(struct cdx_segs *s, const struct cdx_oseg *o,
		  struct cdx_seg_rec *out)
{
	pthread_mutex_lock(&s->ref_mu);
	*out = o->rec;
	pthread_mutex_unlock(&s->ref_mu);
}

/* An age on the wall clock, which may jump: never negative, never absurd */
static uint64_t age_ns(int64_t opened)
{
	int64_t age = cdx_clock_wall_s() - opened;

	if (age < 0)
		return 0;
	return (uint64_t)(age > 86400 ? 86400 : age) * NS;
}

int cdx_oseg_new(struct cdx_oseg **out, uint64_t area,
		 const struct cdx_seg_rec *rec)
{
	struct cdx_oseg *o = calloc(1, sizeof(*o));
	uint64_t age = age_ns(rec->opened);
	uint64_t now = cdx_clock_mono_ns();

	*out = NULL;
	if (!o)
		return -ENOMEM;
	cdx_list_init(&o->link);
	o->area = area;
	o->opened_mono = now > age ? now - age : 0;
	o->rec = *rec;
	o->slots = rec->cap;
	o->live = calloc(rec->cap, sizeof(*o->live));
	o->leaf = calloc(rec->cap, sizeof(*o->leaf));
	if (!o->live || !o->leaf) {
		cdx_oseg_free(o);
		return -ENOMEM;
	}
	o->next = rec->next;
	o->limit = rec->cap - cdx_seg_footer_room(rec->cap);
	o->full = rec->state != CDX_SEG_OPEN || o->next >= o->limit;
	*out = o;
	return 0;
}

void cdx_oseg_free(struct cdx_oseg *o)
{
	if (!o)
		return;
	cdx_wipe(&o->key, sizeof(o->key));
	free(o->live);
	free(o->leaf);
	free(o->burn);
	free(o);
}

void cdx_oseg_close(struct cdx_volume *v, struct cdx_oseg *o)
{
	o->full = true;
	if (v->segs->open == o)
		v->segs->open = NULL;
	cdx_background_kick(v);
}

/* ---- a new segment ---- */

static int put_new(struct cdx_volume *v, struct cdx_batch *b, uint32_t cap,
		   struct cdx_oseg **out)
{
	struct cdx_segs *s = v->segs;
	uint64_t bytes = (uint64_t)cap * CDX_BLOCK_SIZE;
	struct cdx_area_info info = {
		.kind = CDX_AREA_SEGMENT,
		.size = bytes,
	};
	struct cdx_seg_rec rec;
	struct cdx_key key;
	uint64_t area;
	int r;

	memset(&rec, 0, sizeof(rec));
	rec.state = CDX_SEG_OPEN;
	rec.k = s->code.k;
	rec.m = s->code.m;
	rec.codec = s->code.codec;
	rec.cap = cap;
	rec.opened = cdx_clock_wall_s();
	rec.epochs = 1;
	rec.epoch[0].cipher = (uint8_t)cdx_block_cipher_best();
	cdx_random(rec.id, sizeof(rec.id));
	cdx_random(key.b, sizeof(key.b));
	cdx_seg_wrap(rec.epoch[0].wrapped, v, rec.id, 0, &key);
	r = cdx_area_create(v->store, &area, CDX_AREA_SEGMENT, bytes, b);
	if (r == 0)
		r = cdx_oseg_new(out, area, &rec);
	if (r == 0) {
		cdx_area_set_info(b, area, &info);
		cdx_seg_rec_put(b, area, &rec);
		cdx_quota_charge(b, CDX_SHARE_VOLUME,
				 (int64_t)cdx_seg_charge(rec.k, rec.m, cap));
		cdx_batch_add(b, CDX_CNT_SEG_OPEN, 1);
		cdx_batch_add(b, CDX_CNT_SEG_BYTES, (int64_t)bytes);
		(*out)->key = key;
		(*out)->cipher = rec.epoch[0].cipher;
		(*out)->drawn = true;
		(*out)->ready = true;
	}
	cdx_wipe(&key, sizeof(key));
	return r;
}

static int make_segment(struct cdx_volume *v, uint32_t cap)
{
	struct cdx_segs *s = v->segs;
	struct cdx_oseg *o = NULL;
	struct cdx_batch *b;
	int r = cdx_batch_new(&b, v->store);

	if (r < 0)
		return r;
	r = put_new(v, b, cap, &o);
	if (r < 0 || !o) {
		cdx_batch_drop(b);
		return r;
	}
	/* visible to the counting of batches before anyone can write to it */
	pthread_mutex_lock(&s->ref_mu);
	pthread_mutex_lock(&s->mu);
	cdx_list_add(&s->active, &o->link);
	pthread_mutex_unlock(&s->mu);
	pthread_mutex_unlock(&s->ref_mu);
	r = cdx_batch_apply(b);
	pthread_mutex_lock(&s->ref_mu);
	pthread_mutex_lock(&s->mu);
	if (r == 0)
		s->open = o;
	else
		cdx_list_del(&o->link);
	pthread_mutex_unlock(&s->mu);
	pthread_mutex_unlock(&s->ref_mu);
	if (r < 0)
		cdx_oseg_free(o);
	return r;
}

/* The largest segment that leaves @keep bytes of the share alone */
static int open_within(struct cdx_volume *v, uint64_t keep)
{
	const struct cdx_seg_code *c = &v->segs->code;
	int r = -ENOSPC;

	for (uint32_t cap = c->cap; cap >= CDX_SEG_MIN_BLOCKS; cap /= 2) {
		uint64_t charge = cdx_seg_charge(c->k, c->m, cap);

		r = cdx_quota_hold(v->store, CDX_SHARE_VOLUME, charge, keep);
		if (r == 0) {
			r = make_segment(v, cap);
			cdx_quota_release(v->store, CDX_SHARE_VOLUME, charge);
		}
		if (r != -ENOSPC && r != CDX_E_QUOTA)
			return r;
		if (cap % (2 * c->k))
			return r;
	}
	return r;
}

static int open_new(struct cdx_volume *v, bool reserve_too)
{
	return open_within(v, reserve_too ? 0 : v->segs->code.reserve);
}

/* Caller holds open_mu */
static int prepare_locked(struct cdx_volume *v, bool reserve_too)
{
	struct cdx_segs *s = v->segs;
	struct cdx_oseg *o;
	int r;

	pthread_mutex_lock(&s->mu);
	if (s->open && s->open->next >= s->open->limit)
		cdx_oseg_close(v, s->open);
	o = s->open;
	pthread_mutex_unlock(&s->mu);
	if (!o)
		return open_new(v, reserve_too);
	if (!o->drawn) {
		r = cdx_epoch_start(v, o);
		if (r < 0 && r != -EOVERFLOW)
			return r;
		if (r == -EOVERFLOW) {
			pthread_mutex_lock(&s->mu);
			cdx_oseg_close(v, o);
			pthread_mutex_unlock(&s->mu);
			return open_new(v, reserve_too);
		}
	}
	/* Nobody asked for it to be durable first (cdx_segs_ready); then it
	 * becomes so with the first batch that names its blocks. */
	pthread_mutex_lock(&s->mu);
	o->ready = true;
	pthread_mutex_unlock(&s->mu);
	return 0;
}

int cdx_seg_prepare(struct cdx_volume *v, bool reserve_too)
{
	int r;

	pthread_mutex_lock(&v->segs->open_mu);
	r = prepare_locked(v, reserve_too);
	pthread_mutex_unlock(&v->segs->open_mu);
	return r;
}

/* ---- what the tables have ---- */

static int load_leaves(struct cdx_volume *v, struct cdx_oseg *o)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	struct cdx_leaf leaf;
	uint8_t prefix[8];
	uint32_t index;
	int r;

	cdx_put_be64(prefix, o->area);
	r = cdx_kv_iter_open(v->store, &it, CDX_DB_LEAF, prefix, sizeof(prefix),
			     NULL, 0);
	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		r = cdx_leaf_decode(&leaf, &index, &pair);
		if (r < 0)
			return r;
		if (index >= o->slots)
			return CDX_E_CORRUPT;
		o->leaf[index] = (uint8_t)leaf.state;
	}
	return r;
}

static int load_live(struct cdx_volume *v, struct cdx_oseg *o)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	struct cdx_backref ref;
	uint8_t prefix[8];
	uint64_t cap = (uint64_t)o->slots * CDX_BLOCK_SIZE;
	int r;

	cdx_put_be64(prefix, o->area);
	r = cdx_kv_iter_open(v->store, &it, CDX_DB_BACKREF, prefix,
			     sizeof(prefix), NULL, 0);
	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		r = cdx_backref_decode(&ref, CDX_LOC_SEGMENT, &pair);
		if (r < 0)
			return r;
		if (ref.loc.off > cap || ref.len > cap - ref.loc.off)
			return CDX_E_CORRUPT;
		while (ref.len) {
			uint64_t n =
				CDX_BLOCK_SIZE - ref.loc.off % CDX_BLOCK_SIZE;

			if (n > ref.len)
				n = ref.len;
			o->live[ref.loc.off / CDX_BLOCK_SIZE] += n;
			ref.loc.off += n;
			ref.len -= n;
		}
	}
	return r;
}

/* No room for this open's epoch: it can only be sealed */
static bool epochs_full(const struct cdx_seg_rec *rec)
{
	return rec->epochs == CDX_SEG_EPOCHS_MAX &&
	       rec->epoch[rec->epochs - 1].first != rec->next;
}

static int load_active(struct cdx_volume *v, uint64_t area,
		       const struct cdx_seg_rec *rec)
{
	struct cdx_segs *s = v->segs;
	struct cdx_oseg *o;
	int r = cdx_oseg_new(&o, area, rec);

	if (r < 0)
		return r;
	cdx_list_add_tail(&s->active, &o->link);
	r = load_leaves(v, o);
	if (r == 0)
		r = load_live(v, o);
	if (r == 0 && !o->full && !s->open && !epochs_full(rec))
		s->open = o;
	else
		o->full = true;
	return r;
}

struct found {
	uint64_t *area;
	size_t n;
	size_t cap;
};

/* Segments that need something: all but quiet sealed ones */
static int note_found(struct cdx_segs *s, struct found *f,
		      const struct cdx_kv_pair *pair)
{
	struct cdx_seg_rec rec;
	uint64_t area;
	void *p;
	int r;

	if (pair->key_len != 8)
		return CDX_E_CORRUPT;
	area = cdx_get_be64(pair->key);
	r = cdx_seg_rec_decode(&rec, pair->val, pair->val_len);
	if (r < 0)
		return r;
	if (rec.state == CDX_SEG_DROPPING)
		atomic_store(&s->dropping, true);
	cdx_compact_hint(s, area, &rec);
	cdx_protect_count(s, NULL, &rec);
	if (rec.state != CDX_SEG_OPEN && rec.state != CDX_SEG_SEALING)
		return 0;
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 8;
		p = reallocarray(f->area, f->cap, sizeof(*f->area));
		if (!p)
			return -ENOMEM;
		f->area = p;
	}
	f->area[f->n++] = area;
	return 0;
}

static int find_active(struct cdx_volume *v, struct found *f)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	int r = cdx_kv_iter_open(v->store, &it, CDX_DB_SEGMENT, NULL, 0, NULL,
				 0);

	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		r = note_found(v->segs, f, &pair);
		if (r < 0)
			return r;
	}
	return r;
}

static int load(struct cdx_volume *v)
{
	struct cdx_seg_rec rec;
	struct found f = {0};
	int r = find_active(v, &f);

	for (size_t i = 0; r == 0 && i < f.n; i++) {
		r = cdx_seg_rec_get(v, &rec, f.area[i]);
		if (r == 0)
			r = load_active(v, f.area[i], &rec);
	}
	free(f.area);
	if (r == 0)
		r = cdx_recs_open(v);
	return r;
}

static int init_locks(struct cdx_segs *s)
{
	pthread_mutex_init(&s->job_mu, NULL);
	pthread_mutex_init(&s->open_mu, NULL);
	pthread_mutex_init(&s->ref_mu, NULL);
	pthread_mutex_init(&s->mu, NULL);
	pthread_cond_init(&s->cv, NULL);
	pthread_mutex_init(&s->cache_mu, NULL);
	return cdx_cond_mono(&s->evict_cv);
}

uint64_t cdx_seg_share(struct cdx_volume *v)
{
	struct cdx_space sp;

	cdx_quota_space(v->store, CDX_SHARE_VOLUME, &sp);
	return sp.limit < sp.used + sp.disk_free ? sp.limit
						 : sp.used + sp.disk_free;
}

int cdx_segs_open(struct cdx_volume *v)
{
	struct cdx_segs *s = calloc(1, sizeof(*s));
	uint32_t k;
	uint32_t m;
	uint32_t codec;
	int r;

	if (!s)
		return -ENOMEM;
	r = init_locks(s);
	if (r < 0) {
		free(s);
		return r;
	}
	cdx_list_init(&s->active);
	cdx_list_init(&s->recfiles);
	cdx_store_code(v->store, &k, &m, &codec);
	cdx_seg_code_init(&s->code, k, m, codec, cdx_seg_share(v));
	v->segs = s;
	r = cdx_background_new(v);
	if (r == 0)
		r = cdx_protector_new(v);
	if (r == 0)
		r = cdx_recovered_new(v);
	if (r == 0)
		r = cdx_far_new(v);
	if (r == 0)
		r = load(v);
	if (r == 0)
		cdx_evict_count(v);
	if (r < 0)
		cdx_segs_close(v);
	return r;
}

void cdx_segs_close(struct cdx_volume *v)
{
	struct cdx_segs *s = v->segs;

	if (!s)
		return;
	cdx_far_free(v);
	cdx_protector_free(v);
	cdx_recovered_free(v);
	cdx_background_free(v);
	cdx_list_foreach_safe(pos, tmp, &s->active) {
		cdx_list_del(pos);
		cdx_oseg_free(cdx_list_entry(pos, struct cdx_oseg, link));
	}
	cdx_recs_close(v);
	cdx_seg_cache_free(s);
	cdx_map_free(&s->sparse);
	while (s->bufs)
		free(s->buf[--s->bufs]);
	pthread_mutex_destroy(&s->cache_mu);
	pthread_cond_destroy(&s->evict_cv);
	pthread_cond_destroy(&s->cv);
	pthread_mutex_destroy(&s->mu);
	pthread_mutex_destroy(&s->ref_mu);
	pthread_mutex_destroy(&s->open_mu);
	pthread_mutex_destroy(&s->job_mu);
	free(s);
	v->segs = NULL;
}
