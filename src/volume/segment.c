/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/segs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "crypto/block.h"

/* ---- geometry and charges ---- */

uint32_t cdx_seg_footer_room(uint32_t cap)
{
	/* 0.8 %: 40 blocks of the default segment, some 200 000 extents */
	return 2 + cap / 128;
}

uint64_t cdx_seg_charge(uint32_t k, uint32_t m, uint32_t blocks)
{
	uint64_t steps = blocks / k;

	return steps * (k + m) * CDX_BLOCK_SIZE +
	       (uint64_t)blocks * CDX_SEG_META_BYTES;
}

static uint64_t slack(const struct cdx_seg_code *c)
{
	uint32_t lost = CDX_SEG_MIN_BLOCKS + c->k;

	for (uint32_t cap = c->cap; cap >= CDX_SEG_MIN_BLOCKS; cap /= 2)
		lost += cdx_seg_footer_room(cap);
	return (uint64_t)(lost / c->k + 1) * cdx_seg_charge(c->k, c->m, c->k);
}

void cdx_seg_code_init(struct cdx_seg_code *out, uint32_t k, uint32_t m,
		       uint32_t codec, uint64_t share)
{
	out->k = k;
	out->m = m;
	out->codec = codec;
	out->cap = cdx_seg_geometry(k, m, share);
	out->slack = slack(out);
	out->reserve = cdx_seg_charge(k, m, out->cap) + out->slack;
}

uint64_t cdx_small_charge(const struct cdx_volume *v, uint64_t bytes)
{
	const struct cdx_store_config *c = cdx_store_config(v->store);

	return (bytes * (c->loose_k + c->loose_m) + c->loose_k - 1) /
	       c->loose_k;
}

uint32_t cdx_seg_round(uint32_t k, uint32_t blocks)
{
	uint32_t n = k;

	while (n < blocks)
		n *= 2;
	return n;
}

uint32_t cdx_seg_geometry(uint32_t k, uint32_t m, uint64_t share)
{
	uint32_t cap = cdx_seg_round(k, CDX_SEG_MIN_BLOCKS);

	for (;;) {
		uint64_t data = (uint64_t)cap * 2 * CDX_BLOCK_SIZE;
		uint64_t all = data / k * (k + m);

		if (data > CDX_SEG_DATA_MAX || all > share / CDX_SEG_SHARE_PART)
			return cap;
		cap *= 2;
	}
}

/* ---- keys ---- */

int cdx_seg_epoch_of(const struct cdx_seg_rec *rec, uint32_t index)
{
	int found = -1;

	for (uint32_t i = 0; i < rec->epochs; i++) {
		if (rec->epoch[i].first <= index)
			found = (int)i;
	}
	return found;
}

/* Associated data of a wrapped key: "K", segment id, first index */
static void wrap_ad(uint8_t out[1 + CDX_SEG_ID_LEN + 4],
		    const uint8_t id[CDX_SEG_ID_LEN], uint32_t first)
{
	out[0] = 'K';
	memcpy(out + 1, id, CDX_SEG_ID_LEN);
	cdx_put_be32(out + 1 + CDX_SEG_ID_LEN, first);
}

void cdx_seg_wrap(uint8_t out[CDX_WRAPPED_LEN], const struct cdx_volume *v,
		  const uint8_t id[CDX_SEG_ID_LEN], uint32_t first,
		  const struct cdx_key *key)
{
	uint8_t ad[1 + CDX_SEG_ID_LEN + 4];

	wrap_ad(ad, id, first);
	cdx_seal(out, &v->keys.wrap, key->b, sizeof(key->b), ad, sizeof(ad));
}

int cdx_seg_unwrap(struct cdx_key *out, const struct cdx_volume *v,
		   const uint8_t id[CDX_SEG_ID_LEN], const struct cdx_epoch *e)
{
	uint8_t ad[1 + CDX_SEG_ID_LEN + 4];
	int r;

	wrap_ad(ad, id, e->first);
	r = cdx_unseal(out->b, &v->keys.wrap, e->wrapped, CDX_WRAPPED_LEN, ad,
		       sizeof(ad));
	return r < 0 ? r : 0;
}

int64_t cdx_seg_last_read(struct cdx_segs *s, uint64_t area)
{
	int64_t at;

	pthread_mutex_lock(&s->cache_mu);
	at = (int64_t)(uintptr_t)cdx_map_get(&s->used, area);
	pthread_mutex_unlock(&s->cache_mu);
	return at;
}

void cdx_seg_use_forget(struct cdx_segs *s, uint64_t area)
{
	pthread_mutex_lock(&s->cache_mu);
	(void)cdx_map_del(&s->used, area);
	pthread_mutex_unlock(&s->cache_mu);
}

static void keys_free(struct cdx_seg_keys *k)
{
	if (!k)
		return;
	cdx_wipe(k->epoch, k->epochs * sizeof(k->epoch[0]));
	free(k);
}

void cdx_seg_key_forget(struct cdx_segs *s, uint64_t area)
{
	pthread_mutex_lock(&s->cache_mu);
	keys_free(cdx_map_del(&s->cache, area));
	s->cache_gen++;
	pthread_mutex_unlock(&s->cache_mu);
}

/* Caller holds cache_mu (or nobody else is left) */
static void cache_clear(struct cdx_segs *s)
{
	size_t pos = 0;
	uint64_t area;
	void *val;

	while (cdx_map_next(&s->cache, &pos, &area, &val))
		keys_free(val);
	cdx_map_free(&s->cache);
	memset(&s->cache, 0, sizeof(s->cache));
}

void cdx_seg_cache_free(struct cdx_segs *s)
{
	cache_clear(s);
	cdx_map_free(&s->used);
}

static int keys_load(struct cdx_volume *v, struct cdx_seg_keys **out,
		     uint64_t area)
{
	struct cdx_seg_rec rec;
	struct cdx_seg_keys *k;
	int r = cdx_seg_rec_get(v, &rec, area);

	if (r < 0)
		return r;
	k = calloc(1, sizeof(*k) + rec.epochs * sizeof(k->epoch[0]));
	if (!k)
		return -ENOMEM;
	k->epochs = rec.epochs;
	for (uint32_t i = 0; i < rec.epochs; i++) {
		k->epoch[i].first = rec.epoch[i].first;
		k->epoch[i].cipher = rec.epoch[i].cipher;
		r = cdx_seg_unwrap(&k->epoch[i].key, v, rec.id, &rec.epoch[i]);
		if (r < 0) {
			keys_free(k);
			return r;
		}
	}
	*out = k;
	return 0;
}

/* Copies the key of @index; false when no epoch has it */
static bool keys_find(const struct cdx_seg_keys *k, struct cdx_key *out,
		      uint8_t *cipher, uint32_t index)
{
	for (uint32_t i = k->epochs; i-- > 0;) {
		if (k->epoch[i].first > index)
			continue;
		*out = k->epoch[i].key;
		*cipher = k->epoch[i].cipher;
		return true;
	}
	return false;
}

#define CACHE_MAX 1024u

int cdx_seg_key(struct cdx_volume *v, struct cdx_key *out, uint8_t *cipher,
		uint64_t area, uint32_t index)
{
	struct cdx_segs *s = v->segs;
	/* in a map a number of seconds goes where a pointer does */
	uintptr_t now = (uintptr_t)cdx_clock_wall_s();
	struct cdx_seg_keys *k;
	uint64_t gen;
	bool found;
	int r;

	pthread_mutex_lock(&s->cache_mu);
	(void)!cdx_map_put(&s->used, area, (void *)now);
	gen = s->cache_gen;
	k = cdx_map_get(&s->cache, area);
	found = k && keys_find(k, out, cipher, index);
	pthread_mutex_unlock(&s->cache_mu);
	if (found)
		return 0;
	r = keys_load(v, &k, area);
	if (r < 0)
		return r;
	found = keys_find(k, out, cipher, index);
	pthread_mutex_lock(&s->cache_mu);
	keys_free(cdx_map_del(&s->cache, area));
	if (s->cache.len >= CACHE_MAX)
		cache_clear(s);
	/* keys read before an epoch was added must not come to stay */
	if (gen != s->cache_gen || cdx_map_put(&s->cache, area, k) < 0)
		keys_free(k);
	pthread_mutex_unlock(&s->cache_mu);
	return found ? 0 : CDX_E_CORRUPT;
}

/* ---- states ---- */

enum cdx_file_state cdx_loc_state(struct cdx_volume *v,
				  const struct cdx_loc *loc)
{
	struct cdx_seg_rec rec;
	struct cdx_cid verifiable;

	if (loc->kind != CDX_LOC_SEGMENT ||
	    cdx_seg_rec_get(v, &rec, loc->area) < 0)
		return CDX_STATE_OPEN;
	if (rec.state != CDX_SEG_SEALED && rec.state != CDX_SEG_DROPPING)
		return CDX_STATE_OPEN;
	if (!rec.has_verifiable)
		return CDX_STATE_SEALED;
	verifiable = cdx_cid_sha256(CDX_CODEC_MANIFEST, &rec.verifiable);
	return cdx_stage_of(v, &verifiable);
}

bool cdx_loc_lasts(struct cdx_volume *v, struct cdx_vol_lasts *out,
		   const struct cdx_loc *loc)
{
	struct cdx_seg_rec rec;
	struct cdx_cid verifiable;

	if (loc->kind != CDX_LOC_SEGMENT ||
	    cdx_seg_rec_get(v, &rec, loc->area) < 0 || !rec.has_verifiable)
		return false;
	verifiable = cdx_cid_sha256(CDX_CODEC_MANIFEST, &rec.verifiable);
	return cdx_lasts_of(v, out, &verifiable);
}

static int list_one(struct cdx_segment_info *out, const struct cdx_kv_pair *p)
{
	struct cdx_seg_rec rec;
	int r;

	if (p->key_len != 8)
		return CDX_E_CORRUPT;
	r = cdx_seg_rec_decode(&rec, p->val, p->val_len);
	if (r < 0)
		return r;
	memset(out, 0, sizeof(*out));
	out->area = cdx_get_be64(p->key);
	out->state = rec.state;
	out->state_name = cdx_seg_state_name(rec.state);
	out->capacity = rec.cap;
	out->used = rec.next;
	out->live = rec.live;
	out->content = rec.content;
	out->k = rec.k;
	out->m = rec.m;
	out->is_protected = rec.has_verifiable && rec.state == CDX_SEG_SEALED;
	if (out->is_protected)
		out->verifiable =
			cdx_cid_sha256(CDX_CODEC_MANIFEST, &rec.verifiable);
	if (rec.has_manifest)
		out->manifest =
			cdx_cid_sha256(CDX_CODEC_MANIFEST, &rec.manifest);
	return 0;
}

/* Up to @max infos with areas not below *@from; returns their number and moves
 * *@from behind them.  The callback then runs with no reader open. */
static int list_some(struct cdx_volume *v, struct cdx_segment_info *out,
		     int max, uint64_t *from)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	uint8_t key[8];
	int n = 0;
	int r;

	cdx_put_be64(key, *from);
	r = cdx_kv_iter_open(v->store, &it, CDX_DB_SEGMENT, NULL, 0, key,
			     sizeof(key));
	if (r < 0)
		return r;
	while (n < max) {
		r = cdx_kv_iter_next(it, &pair);
		if (r <= 0)
			return r < 0 ? r : n;
		r = list_one(&out[n], &pair);
		if (r < 0)
			return r;
		*from = out[n++].area + 1;
	}
	return n;
}

int cdx_vol_segments(struct cdx_volume *v, cdx_segment_fn *fn, void *arg)
{
	struct cdx_segment_info info[64];
	uint64_t from = 0;

	for (;;) {
		int n = list_some(v, info, CDX_ARRAY_LEN(info), &from);

		if (n <= 0)
			return n;
		for (int i = 0; i < n; i++) {
			int r;

			if (info[i].is_protected)
				info[i].stage =
					cdx_stage_of(v, &info[i].verifiable);
			r = fn(arg, &info[i]);

			if (r)
				return r < 0 ? r : 0;
		}
	}
}
