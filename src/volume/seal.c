/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/seal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "crypto/block.h"
#include "dataset/manifest.h"
#include "merkle/sha256_tree.h"
#include "store/dataset_store.h"

/*
 * Sealing.  Every step is a batch, and a step that a crash interrupts is done
 * again:
 * 1. SEALING: no more indexes; runs under way end; dead blocks are burnt.
 * 2. Wait until no reader can still look at a burnt block.
 * 3. Padding for every index without content, leaves with it.
 * 4. Footer blocks; one batch has their leaves, the final size and its charge.
 * 5. Block records, 256 at a time; the record says how far.
 * 6. Manifest, dataset, state SEALED.
 */

#define NS 1000000000u
#define BLOCKS_A_BATCH 256u

/* ---- 1 and 2 ---- */

static int to_sealing(void *arg, struct cdx_batch *b, struct cdx_seg_rec *rec)
{
	(void)arg;
	if (rec->live) {
		rec->state = CDX_SEG_SEALING;
		return 0;
	}
	/* nothing in it: it is not worth a single block of padding */
	rec->state = CDX_SEG_DROPPING;
	cdx_batch_add(b, CDX_CNT_SEG_OPEN, -1);
	return 0;
}

/* The same for a caller that may not wait for anything */
static int to_dropping(void *arg, struct cdx_batch *b, struct cdx_seg_rec *rec)
{
	return rec->live ? CDX_E_AGAIN : to_sealing(arg, b, rec);
}

int cdx_seal_act(struct cdx_volume *v, struct cdx_batch *b, uint64_t area,
		 cdx_seg_act_fn *fn, void *arg)
{
	cdx_change_act(v, b, area, fn, arg);
	return cdx_batch_apply(b);
}

/* The segment is no longer in memory */
static void forget(struct cdx_volume *v, struct cdx_oseg *o)
{
	struct cdx_segs *s = v->segs;

	pthread_mutex_lock(&s->ref_mu);
	pthread_mutex_lock(&s->mu);
	cdx_list_del(&o->link);
	pthread_mutex_unlock(&s->mu);
	pthread_mutex_unlock(&s->ref_mu);
	cdx_oseg_free(o);
}

static enum cdx_seg_state state_of(struct cdx_segs *s, const struct cdx_oseg *o)
{
	struct cdx_seg_rec rec;

	cdx_oseg_rec(s, o, &rec);
	return rec.state;
}

static int begin(struct cdx_volume *v, struct cdx_oseg *o, cdx_seg_act_fn *fn)
{
	struct cdx_segs *s = v->segs;
	struct cdx_batch *b;
	int r;

	if (state_of(s, o) != CDX_SEG_OPEN)
		return 0;
	/* open_mu: nobody is just drawing an epoch for it */
	pthread_mutex_lock(&s->open_mu);
	pthread_mutex_lock(&s->mu);
	o->full = true;
	if (s->open == o)
		s->open = NULL;
	pthread_mutex_unlock(&s->mu);
	pthread_mutex_unlock(&s->open_mu);
	pthread_mutex_lock(&s->mu);
	while (o->inflight)
		pthread_cond_wait(&s->cv, &s->mu);
	pthread_mutex_unlock(&s->mu);
	r = cdx_batch_new(&b, v->store);
	if (r < 0)
		return r;
	return cdx_seal_act(v, b, o->area, fn, NULL);
}

/* ---- 5 ---- */

struct upto {
	uint32_t progress;
};

static int set_progress(void *arg, struct cdx_batch *b, struct cdx_seg_rec *rec)
{
	const struct upto *u = arg;

	(void)b;
	rec->progress = u->progress;
	return 0;
}

static int add_blocks(struct cdx_volume *v, struct cdx_batch *b, uint64_t area,
		      uint32_t from, uint32_t to)
{
	int r = 0;

	for (uint32_t i = from; r == 0 && i < to; i++) {
		struct cdx_block_loc loc = {
			.area = area,
			.off = (uint64_t)i * CDX_BLOCK_SIZE,
		};
		struct cdx_leaf leaf;

		r = cdx_leaf_get(v->store, area, i, &leaf);
		if (r == -ENOENT)
			r = CDX_E_CORRUPT;
		if (r == 0)
			r = cdx_block_add(v->store, b, &leaf.digest, &loc);
	}
	return r;
}

static int record_some(struct cdx_volume *v, struct cdx_oseg *o, uint32_t from,
		       struct upto *u)
{
	struct cdx_batch *b;
	int r = cdx_batch_new(&b, v->store);

	if (r < 0)
		return r;
	cdx_block_lock(v->store);
	r = add_blocks(v, b, o->area, from, u->progress);
	if (r == 0)
		r = cdx_seal_act(v, b, o->area, set_progress, u);
	else
		cdx_batch_drop(b);
	cdx_block_unlock(v->store);
	return r;
}

static int record_blocks(struct cdx_volume *v, struct cdx_oseg *o,
			 const struct cdx_seg_rec *rec,
			 cdx_progress_fn *progress, void *arg)
{
	uint32_t total = rec->cap;
	uint32_t from = rec->progress;
	struct upto u;
	int r = 0;

	while (r == 0 && from < total) {
		if (cdx_background_stopping(v))
			return CDX_E_AGAIN;
		u.progress = total - from > BLOCKS_A_BATCH
				     ? from + BLOCKS_A_BATCH
				     : total;
		r = record_some(v, o, from, &u);
		from = u.progress;
		if (progress)
			progress(arg, "recording blocks", from, total);
	}
	return r;
}

/* ---- 6 ---- */

static int tree_root(struct cdx_volume *v, uint64_t area, uint32_t blocks,
		     struct cdx_digest *root)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_tree_stream tree = {0};
	struct cdx_kv_pair pair;
	struct cdx_leaf leaf;
	uint8_t prefix[8];
	uint32_t index;
	int r;

	cdx_put_be64(prefix, area);
	r = cdx_kv_iter_open(v->store, &it, CDX_DB_LEAF, prefix, sizeof(prefix),
			     NULL, 0);
	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		r = cdx_leaf_decode(&leaf, &index, &pair);
		if (r < 0)
			return r;
		if (index != tree.leaves || leaf.state == CDX_LEAF_BURNT)
			return CDX_E_CORRUPT;
		cdx_tree_stream_add(&tree, &leaf.digest);
	}
	if (r == 0 && tree.leaves != blocks)
		return CDX_E_CORRUPT;
	return r < 0 ? r : cdx_tree_stream_root(root, &tree);
}

struct sealed {
	struct cdx_digest manifest;
};

static int to_sealed(void *arg, struct cdx_batch *b, struct cdx_seg_rec *rec)
{
	const struct sealed *s = arg;

	rec->has_manifest = true;
	rec->manifest = s->manifest;
	rec->progress = 0;
	rec->content = rec->live;
	rec->state = rec->live ? CDX_SEG_SEALED : CDX_SEG_DROPPING;
	cdx_batch_add(b, CDX_CNT_SEG_OPEN, -1);
	if (rec->live)
		cdx_batch_add(b, CDX_CNT_SEG_SEALED, 1);
	return 0;
}

static int put_dataset(struct cdx_volume *v, uint64_t area, uint32_t blocks,
		       const struct cdx_digest *root,
		       const struct cdx_buf *manifest)
{
	struct cdx_dataset_info info;
	struct sealed s;
	struct cdx_batch *b;
	int r;

	memset(&info, 0, sizeof(info));
	info.cid = cdx_manifest_cid(manifest->p, manifest->len);
	info.tree = cdx_cid_sha256(CDX_CODEC_ROOT, root);
	info.dsid = area;
	info.base = area;
	info.block_size = CDX_BLOCK_SIZE;
	info.area = area;
	info.blocks = blocks;
	info.size = (uint64_t)blocks * CDX_BLOCK_SIZE;
	info.refs = CDX_REF_VOLUME;
	info.is_private = true;
	info.created = cdx_clock_wall_s();
	memcpy(s.manifest.b, info.cid.digest, sizeof(s.manifest.b));
	r = cdx_batch_new(&b, v->store);
	if (r < 0)
		return r;
	cdx_block_lock(v->store);
	cdx_dataset_put(b, &info, manifest->p, manifest->len, true);
	r = cdx_seal_act(v, b, area, to_sealed, &s);
	cdx_block_unlock(v->store);
	return r;
}

static int finish(struct cdx_volume *v, uint64_t area, uint32_t blocks)
{
	struct cdx_buf buf = {0};
	struct cdx_manifest m = {0};
	struct cdx_digest root;
	int r = tree_root(v, area, blocks, &root);

	if (r == 0)
		r = cdx_manifest_plain(&m, &root,
				       (uint64_t)blocks * CDX_BLOCK_SIZE,
				       CDX_BLOCK_SIZE, NULL, NULL);
	if (r == 0)
		r = cdx_manifest_encode(&buf, &m);
	if (r == 0)
		r = put_dataset(v, area, blocks, &root, &buf);
	cdx_manifest_free(&m);
	cdx_buf_free(&buf);
	return r;
}

/* ---- all of it ---- */

static int make(struct cdx_volume *v, struct cdx_oseg *o,
		cdx_progress_fn *progress, void *arg)
{
	struct cdx_seg_rec rec;
	uint32_t cap;
	int r = 0;

	cdx_oseg_rec(v->segs, o, &rec);
	cap = rec.cap;
	if (!rec.footers) {
		r = cdx_area_frees_wait(v->store, o->area);
		if (r == 0)
			r = cdx_seal_fill(v, o, progress, arg);
		cdx_oseg_rec(v->segs, o, &rec);
	}
	/* Not shorter on disk than what is durable says: after a crash this is
	 * an open segment of the old size again. */
	if (r == 0 && rec.cap < cap)
		r = cdx_store_commit(v->store);
	if (r == 0)
		r = cdx_area_truncate(v->store, o->area,
				      (uint64_t)rec.cap * CDX_BLOCK_SIZE);
	if (r == 0)
		r = record_blocks(v, o, &rec, progress, arg);
	if (r == 0)
		r = finish(v, o->area, rec.cap);
	return r;
}

int cdx_seal_segment(struct cdx_volume *v, struct cdx_oseg *o,
		     cdx_progress_fn *progress, void *arg)
{
	struct cdx_seg_rec rec;
	int r = begin(v, o, to_sealing);

	if (r == 0 && state_of(v->segs, o) == CDX_SEG_SEALING)
		r = make(v, o, progress, arg);
	if (r < 0)
		return r;
	cdx_oseg_rec(v->segs, o, &rec);
	cdx_compact_hint(v->segs, o->area, &rec);
	if (rec.state == CDX_SEG_SEALED) {
		atomic_fetch_add(&v->segs->seals, 1);
		cdx_protector_kick(v);
		cdx_log(v->log, INFO, "segment",
			"segment %" PRIx64 " is sealed: %u blocks, %" PRIu64
			" bytes live",
			o->area, rec.cap, rec.live);
	} else {
		atomic_store(&v->segs->dropping, true);
	}
	forget(v, o);
	return 0;
}

/* What a walk over the active segments looks for */
struct due {
	uint64_t age_ns;
	bool dead; /* only what has no live byte and can go at once */
};

/* Caller holds ref_mu and mu */
static bool is_due(const struct cdx_oseg *o, const struct due *d, uint64_t now)
{
	bool full = o->full || o->next >= o->limit;

	if (d->dead)
		return o->next && !o->rec.live && !o->inflight &&
		       o->rec.state == CDX_SEG_OPEN;
	return full || (o->next && now - o->opened_mono >= d->age_ns);
}

/* The next segment to seal; NULL when there is none */
static struct cdx_oseg *next_due(struct cdx_segs *s, const struct due *d)
{
	uint64_t now = cdx_clock_mono_ns();
	struct cdx_oseg *found = NULL;

	pthread_mutex_lock(&s->ref_mu);
	pthread_mutex_lock(&s->mu);
	cdx_list_foreach(pos, &s->active) {
		struct cdx_oseg *o = cdx_list_entry(pos, struct cdx_oseg, link);

		if (!found && is_due(o, d, now))
			found = o;
	}
	pthread_mutex_unlock(&s->mu);
	pthread_mutex_unlock(&s->ref_mu);
	return found;
}

int cdx_seal_due(struct cdx_volume *v, unsigned age_s,
		 cdx_progress_fn *progress, void *arg)
{
	struct due d = {.age_ns = (uint64_t)age_s * NS};
	struct cdx_oseg *o;
	int r = 0;

	while (r == 0 && (o = next_due(v->segs, &d)) != NULL)
		r = cdx_seal_segment(v, o, progress, arg);
	return r;
}

int cdx_seal_dead(struct cdx_volume *v)
{
	struct due d = {.dead = true};
	struct cdx_oseg *o;
	int r = 0;

	while (r == 0 && (o = next_due(v->segs, &d)) != NULL) {
		r = begin(v, o, to_dropping);
		if (r < 0)
			break;
		atomic_store(&v->segs->dropping, true);
		forget(v, o);
	}
	/* somebody wrote to it meanwhile: it is sealed one day */
	return r == CDX_E_AGAIN ? 0 : r;
}

int cdx_seal_open(struct cdx_volume *v, cdx_progress_fn *progress, void *arg)
{
	int r;

	if (v->opts.readonly)
		return -EROFS;
	pthread_mutex_lock(&v->segs->job_mu);
	do
		r = cdx_seal_due(v, 0, progress, arg);
	while (r == CDX_E_AGAIN && !cdx_background_stopping(v));
	if (r == 0)
		r = cdx_drop_due(v);
	pthread_mutex_unlock(&v->segs->job_mu);
	return r;
}
