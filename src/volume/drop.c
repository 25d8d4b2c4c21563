/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/seal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/block.h"
#include "store/dataset_store.h"

/*
 * Removing a segment without live bytes: first its dataset record, then leaf
 * and block records some at a time, then segment record, area and charge.
 * Interrupted, it goes on with what is left.
 */

#define LEAVES_A_BATCH 256u

struct some {
	uint32_t n;
	uint32_t index[LEAVES_A_BATCH];
	struct cdx_digest digest[LEAVES_A_BATCH];
	bool has_block[LEAVES_A_BATCH];
};

static int read_some(struct cdx_volume *v, uint64_t area, struct some *out)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	struct cdx_leaf leaf;
	uint8_t prefix[8];
	int r;

	out->n = 0;
	cdx_put_be64(prefix, area);
	r = cdx_kv_iter_open(v->store, &it, CDX_DB_LEAF, prefix, sizeof(prefix),
			     NULL, 0);
	if (r < 0)
		return r;
	while (out->n < LEAVES_A_BATCH &&
	       (r = cdx_kv_iter_next(it, &pair)) > 0) {
		r = cdx_leaf_decode(&leaf, &out->index[out->n], &pair);
		if (r < 0)
			return r;
		out->digest[out->n] = leaf.digest;
		out->has_block[out->n] = leaf.state != CDX_LEAF_BURNT;
		out->n++;
	}
	return r < 0 ? r : 0;
}

static int del_some(struct cdx_volume *v, uint64_t area, const struct some *s,
		    bool recorded)
{
	struct cdx_batch *b;
	int r = cdx_batch_new(&b, v->store);

	if (r < 0)
		return r;
	cdx_block_lock(v->store);
	for (uint32_t i = 0; r == 0 && i < s->n; i++) {
		struct cdx_block_loc loc = {
			.area = area,
			.off = (uint64_t)s->index[i] * CDX_BLOCK_SIZE,
		};

		cdx_leaf_del(b, area, s->index[i]);
		if (!recorded || !s->has_block[i])
			continue;
		r = cdx_block_del(v->store, b, &s->digest[i], &loc);
		if (r == -ENOENT)
			r = 0;
	}
	if (r == 0)
		r = cdx_batch_apply(b);
	else
		cdx_batch_drop(b);
	cdx_block_unlock(v->store);
	return r;
}

/* 1 when somebody pinned the dataset: it stays */
static int is_pinned(struct cdx_volume *v, const struct cdx_seg_rec *rec)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &rec->manifest);
	struct cdx_dataset_info info;
	int r = cdx_dataset_info(v->store, &cid, &info);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : (info.refs & CDX_REF_PIN) != 0;
}

/* 1 when somebody pinned or protected it meanwhile */
static int del_dataset(struct cdx_volume *v, const struct cdx_seg_rec *rec)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &rec->manifest);
	struct cdx_dataset_info info;
	struct cdx_batch *b = NULL;
	int r;

	cdx_block_lock(v->store);
	r = cdx_dataset_info(v->store, &cid, &info);
	if (r == 0 && (info.refs & ~(uint32_t)CDX_REF_VOLUME))
		r = 1;
	if (r == 0)
		r = cdx_batch_new(&b, v->store);
	if (r == 0) {
		cdx_dataset_del(b, &info);
		r = cdx_batch_apply(b);
	}
	cdx_block_unlock(v->store);
	return r == -ENOENT ? 0 : r;
}

struct end {
	struct cdx_volume *v;
	uint64_t area;
};

static int to_nothing(void *arg, struct cdx_batch *b, struct cdx_seg_rec *rec)
{
	const struct end *e = arg;
	uint8_t key[8];

	if (rec->live || rec->entries)
		return CDX_E_CORRUPT;
	cdx_put_be64(key, e->area);
	cdx_batch_del(b, CDX_DB_SEGMENT, key, sizeof(key));
	cdx_area_remove(b, e->area);
	cdx_quota_charge(b, CDX_SHARE_VOLUME,
			 -(int64_t)cdx_seg_charge(rec->k, rec->m, rec->cap));
	cdx_batch_add(b, CDX_CNT_SEG_BYTES,
		      -(int64_t)rec->cap * CDX_BLOCK_SIZE);
	return 1;
}

static int drop_leaves(struct cdx_volume *v, uint64_t area, bool recorded)
{
	struct some *s = malloc(sizeof(*s));
	int r = s ? 0 : -ENOMEM;

	while (r == 0) {
		r = read_some(v, area, s);
		if (r < 0 || !s->n)
			break;
		r = del_some(v, area, s, recorded);
		if (r == 0 && cdx_background_stopping(v))
			r = CDX_E_AGAIN;
	}
	free(s);
	return r;
}

/* 1 when it has to stay for now */
static int drop_segment(struct cdx_volume *v, uint64_t area)
{
	struct end e = {.v = v, .area = area};
	struct cdx_seg_rec rec;
	struct cdx_batch *b = NULL;
	int r = cdx_seg_rec_get(v, &rec, area);

	if (r == 0 && cdx_protector_busy(v, area))
		return 1;
	if (r == 0 && rec.has_manifest)
		r = is_pinned(v, &rec);
	if (r == 0 && rec.has_manifest)
		r = cdx_protect_drop(v, area);
	if (r == 0 && rec.has_manifest)
		r = del_dataset(v, &rec);
	if (r)
		return r;
	/* one that never came to its footer has no block records */
	r = drop_leaves(v, area, rec.footers > 0);
	if (r == 0)
		r = cdx_batch_new(&b, v->store);
	if (r < 0)
		return r;
	r = cdx_seal_act(v, b, area, to_nothing, &e);
	if (r < 0)
		return r;
	cdx_seg_key_forget(v->segs, area);
	cdx_seg_use_forget(v->segs, area);
	cdx_log(v->log, INFO, "segment", "segment %" PRIx64 " is dropped",
		area);
	return 0;
}

struct list {
	uint64_t area[64];
	unsigned n;
	uint64_t skip; /* areas up to here were looked at */
};

static int note(void *arg, const struct cdx_segment_info *info)
{
	struct list *l = arg;

	if (info->state != CDX_SEG_DROPPING || info->area <= l->skip)
		return 0;
	l->area[l->n++] = info->area;
	return l->n == CDX_ARRAY_LEN(l->area);
}

int cdx_drop_due(struct cdx_volume *v)
{
	struct list l = {.skip = 0};
	bool kept = false;
	int r = 0;

	if (!atomic_exchange(&v->segs->dropping, false))
		return 0;
	do {
		l.n = 0;
		r = cdx_vol_segments(v, note, &l);
		for (unsigned i = 0; r >= 0 && i < l.n; i++) {
			r = drop_segment(v, l.area[i]);
			kept |= r != 0;
			l.skip = l.area[i];
		}
	} while (r >= 0 && l.n == CDX_ARRAY_LEN(l.area));
	if (kept || r < 0)
		atomic_store(&v->segs->dropping, true);
	return r < 0 ? r : 0;
}
