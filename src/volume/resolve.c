/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/block.h"

/* ---- order ---- */

#define COMPARE(a, b)                              \
	do {                                       \
		if ((a) != (b))                    \
			return (a) < (b) ? -1 : 1; \
	} while (0)

static int by_key(const void *pa, const void *pb)
{
	const struct cdx_ref_op *a = pa;
	const struct cdx_ref_op *b = pb;

	COMPARE(a->loc.kind, b->loc.kind);
	COMPARE(a->loc.area, b->loc.area);
	COMPARE(a->loc.off, b->loc.off);
	COMPARE(a->ino, b->ino);
	COMPARE(a->file_off, b->file_off);
	COMPARE(a->seq, b->seq);
	return 0;
}

static int by_place(const void *pa, const void *pb)
{
	const struct cdx_ref_rec *a = pa;
	const struct cdx_ref_rec *b = pb;

	COMPARE(a->area, b->area);
	COMPARE(a->off, b->off);
	return 0;
}

static bool same_unit(const struct cdx_ref_op *a, const struct cdx_ref_op *b)
{
	return a->loc.kind == b->loc.kind && a->loc.area == b->loc.area &&
	       a->loc.off == b->loc.off;
}

static bool same_key(const struct cdx_ref_op *a, const struct cdx_ref_op *b)
{
	return same_unit(a, b) && a->ino == b->ino &&
	       a->file_off == b->file_off;
}

/* ---- segments ---- */

static int touch_load(struct cdx_change *c, struct cdx_touch *t, uint64_t area)
{
	struct cdx_segs *s = c->v->segs;
	int r;

	memset(t, 0, sizeof(*t));
	t->area = area;
	t->o = cdx_oseg_find(s, area);
	if (!t->o) {
		r = cdx_seg_rec_get(c->v, &t->rec, area);
		t->was = t->rec;
		return r == -ENOENT ? CDX_E_CORRUPT : r;
	}
	t->rec = t->o->rec;
	t->was = t->rec;
	pthread_mutex_lock(&s->mu);
	if (t->rec.state == CDX_SEG_OPEN && t->o->next > t->rec.next)
		t->rec.next = t->o->next;
	pthread_mutex_unlock(&s->mu);
	return 0;
}

static int touch_get(struct cdx_change *c, struct cdx_touch **out,
		     uint64_t area)
{
	int r;

	for (size_t i = c->touches; i-- > 0;) {
		if (c->touch[i].area == area) {
			*out = &c->touch[i];
			return 0;
		}
	}
	if (!cdx_change_room(c, &c->touch, c->touches, &c->touch_cap,
			     sizeof(*c->touch)))
		return -ENOMEM;
	r = touch_load(c, &c->touch[c->touches], area);
	if (r < 0)
		return r;
	*out = &c->touch[c->touches++];
	return 0;
}

/* Bytes of [*pos, end) that lie in the block of *pos; moves *pos behind them */
static uint64_t next_piece(uint64_t *pos, uint64_t end, uint32_t *index)
{
	uint64_t n = CDX_BLOCK_SIZE - *pos % CDX_BLOCK_SIZE;

	*index = (uint32_t)(*pos / CDX_BLOCK_SIZE);
	if (n > end - *pos)
		n = end - *pos;
	*pos += n;
	return n;
}

/* Adds or takes an op's bytes to the block counts of a segment in memory */
static void count_blocks(struct cdx_oseg *o, const struct cdx_ref_op *op,
			 bool add)
{
	uint64_t pos = op->loc.off;
	uint64_t end = pos + op->len;
	uint32_t i;

	while (pos < end) {
		uint64_t n = next_piece(&pos, end, &i);

		o->live[i] = add ? o->live[i] + n : o->live[i] - n;
	}
}

static bool counts_allow(const struct cdx_oseg *o, const struct cdx_ref_op *op)
{
	uint64_t pos = op->loc.off;
	uint64_t end = pos + op->len;
	uint32_t i;

	if (op->add)
		return true;
	while (pos < end) {
		uint64_t n = next_piece(&pos, end, &i);

		if (o->live[i] < n)
			return false;
	}
	return true;
}

static int count_op(struct cdx_change *c, struct cdx_touch *t,
		    const struct cdx_ref_op *op)
{
	uint64_t end;

	if (__builtin_add_overflow(op->loc.off, op->len, &end) ||
	    end > (uint64_t)t->rec.cap * CDX_BLOCK_SIZE)
		return CDX_E_CORRUPT;
	if (op->add && t->rec.state == CDX_SEG_DROPPING)
		return CDX_E_AGAIN;
	if (!op->add && (t->rec.live < op->len || !t->rec.entries))
		return CDX_E_CORRUPT;
	if (t->o && !counts_allow(t->o, op))
		return CDX_E_CORRUPT;
	if (t->o)
		count_blocks(t->o, op, op->add);
	t->rec.live = op->add ? t->rec.live + op->len : t->rec.live - op->len;
	t->rec.entries = op->add ? t->rec.entries + 1 : t->rec.entries - 1;
	c->counted = (size_t)(op - c->op) + 1;
	return 0;
}

static int burn_add(struct cdx_change *c, struct cdx_touch *t, uint32_t index,
		    uint32_t n)
{
	size_t cap = t->burn_cap;

	if (!cdx_change_room(c, &t->burn, t->burns, &cap, sizeof(*t->burn)))
		return -ENOMEM;
	t->burn_cap = (uint32_t)cap;
	t->burn[t->burns].index = index;
	t->burn[t->burns].n = n;
	t->burns++;
	return 0;
}

/* Blocks that lost their last byte.  Not while a move still has references to
 * add to blocks it has written. */
static int find_dead(struct cdx_change *c, struct cdx_touch *t,
		     const struct cdx_ref_op *op)
{
	uint64_t pos = op->loc.off;
	uint64_t end = pos + op->len;
	uint32_t i;
	int r;

	while (pos < end) {
		(void)next_piece(&pos, end, &i);
		if (t->o->live[i] || t->o->leaf[i] != CDX_LEAF_DATA)
			continue;
		r = burn_add(c, t, i, 1);
		if (r < 0)
			return r;
		t->o->leaf[i] = CDX_LEAF_BURNT;
	}
	return 0;
}

static int take_pending(struct cdx_change *c, struct cdx_touch *t, bool *pinned)
{
	struct cdx_segs *s = c->v->segs;
	int r = 0;

	pthread_mutex_lock(&s->mu);
	*pinned = t->o->pins > 0;
	for (uint32_t i = 0; r == 0 && i < t->o->burns; i++)
		r = burn_add(c, t, t->o->burn[i].index, t->o->burn[i].n);
	pthread_mutex_unlock(&s->mu);
	if (r == 0)
		t->pending = t->burns;
	return r;
}

/* Sealing begins: blocks that nothing refers to become padding, after the
 * readers that may still look at them have ended */
static int burn_unreferenced(struct cdx_change *c, struct cdx_touch *t)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < t->o->slots; i++) {
		if (t->o->live[i] || t->o->leaf[i] != CDX_LEAF_DATA)
			continue;
		r = burn_add(c, t, i, 1);
		if (r == 0)
			t->o->leaf[i] = CDX_LEAF_BURNT;
	}
	return r;
}

static int burn_dead(struct cdx_change *c, struct cdx_touch *t)
{
	bool pinned;
	int r;

	if (!t->o || t->o->rec.state != CDX_SEG_OPEN)
		return 0;
	r = take_pending(c, t, &pinned);
	if (r == 0 && t->rec.state == CDX_SEG_SEALING)
		return burn_unreferenced(c, t);
	for (size_t i = 0; r == 0 && !pinned && i < c->ops; i++) {
		const struct cdx_ref_op *op = &c->op[i];

		if (!op->add && op->loc.kind == CDX_LOC_SEGMENT &&
		    op->loc.area == t->area)
			r = find_dead(c, t, op);
	}
	return r;
}

static void put_burnt(struct cdx_batch *b, const struct cdx_touch *t)
{
	struct cdx_leaf leaf = {.state = CDX_LEAF_BURNT};

	for (uint32_t i = 0; i < t->burns; i++) {
		const struct cdx_burn *burn = &t->burn[i];

		for (uint32_t j = 0; j < burn->n; j++)
			cdx_leaf_put(b, t->area, burn->index + j, &leaf);
		cdx_area_free_range(b, t->area,
				    (uint64_t)burn->index * CDX_BLOCK_SIZE,
				    (uint64_t)burn->n * CDX_BLOCK_SIZE);
	}
}

/* Live bytes of the record as the tables have them now */
static int live_now(struct cdx_change *c, const struct cdx_touch *t,
		    uint64_t *out)
{
	struct cdx_seg_rec rec;
	int r;

	if (t->o) {
		*out = t->o->rec.live;
		return 0;
	}
	r = cdx_seg_rec_get(c->v, &rec, t->area);
	*out = rec.live;
	return r;
}

static int finish_touch(struct cdx_change *c, struct cdx_batch *b,
			struct cdx_touch *t)
{
	uint64_t before = 0;
	int r = live_now(c, t, &before);

	if (r == 0)
		r = burn_dead(c, t);
	if (r < 0)
		return r;
	put_burnt(b, t);
	cdx_batch_add(b, CDX_CNT_SEG_LIVE, (int64_t)(t->rec.live - before));
	if (t->gone)
		return 0;
	if (t->rec.state == CDX_SEG_SEALED && !t->rec.live) {
		t->rec.state = CDX_SEG_DROPPING;
		t->rec.progress = 0;
		cdx_batch_add(b, CDX_CNT_SEG_SEALED, -1);
	}
	cdx_seg_rec_put(b, t->area, &t->rec);
	return 0;
}

static int resolve_runs(struct cdx_change *c)
{
	struct cdx_touch *t;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->runs; i++)
		r = touch_get(c, &t, c->run[i].area);
	return r;
}

static int resolve_act(struct cdx_change *c, struct cdx_batch *b)
{
	struct cdx_touch *t;
	int r;

	if (!c->act)
		return 0;
	r = touch_get(c, &t, c->act_area);
	if (r == 0)
		r = c->act(c->act_arg, b, &t->rec);
	if (r > 0)
		t->gone = true;
	return r < 0 ? r : 0;
}

/* ---- records ---- */

static int rec_touch_get(struct cdx_change *c, struct cdx_rec_touch **out,
			 uint64_t area)
{
	struct cdx_segs *s = c->v->segs;
	struct cdx_recfile *f;

	for (size_t i = c->rts; i-- > 0;) {
		if (c->rt[i].f->area == area) {
			*out = &c->rt[i];
			return 0;
		}
	}
	if (!cdx_change_room(c, &c->rt, c->rts, &c->rt_cap, sizeof(*c->rt)))
		return -ENOMEM;
	pthread_mutex_lock(&s->mu);
	f = cdx_recfile_find(s, area);
	pthread_mutex_unlock(&s->mu);
	if (!f)
		return CDX_E_CORRUPT;
	memset(&c->rt[c->rts], 0, sizeof(*c->rt));
	c->rt[c->rts].f = f;
	c->rt[c->rts].size = f->size;
	c->rt[c->rts].live = f->live;
	*out = &c->rt[c->rts++];
	return 0;
}

static void count_record(struct cdx_change *c, struct cdx_batch *b,
			 struct cdx_rec_touch *t, uint64_t sealed, bool add)
{
	int64_t bytes = add ? (int64_t)sealed : -(int64_t)sealed;
	int64_t charge = (int64_t)cdx_small_charge(c->v, sealed);

	t->live = add ? t->live + sealed : t->live - sealed;
	cdx_batch_add(b, CDX_CNT_RECORD_LIVE, bytes);
	cdx_quota_charge(b, CDX_SHARE_VOLUME, add ? charge : -charge);
}

static bool is_new(const struct cdx_change *c, const struct cdx_loc *loc)
{
	struct cdx_ref_rec key = {.area = loc->area, .off = loc->off};

	return c->recs && bsearch(&key, c->rec, c->recs, sizeof(key), by_place);
}

/* What the last op of this batch leaves of one back reference: 1 there, 0 not,
 * -1 the batch says nothing */
static int left_by_batch(const struct cdx_ref_op *op, size_t n, uint64_t ino,
			 uint64_t file_off)
{
	int left = -1;

	for (size_t i = 0; i < n; i++) {
		if (op[i].ino == ino && op[i].file_off == file_off)
			left = op[i].add;
	}
	return left;
}

/* 1 when a back reference that the batch leaves alone keeps the record */
static int kept_by_table(struct cdx_change *c, const struct cdx_ref_op *op,
			 size_t n)
{
	CDX_CLEANUP(cdx_kv_iter_closep) struct cdx_kv_iter *it = NULL;
	struct cdx_kv_pair pair;
	struct cdx_backref ref;
	uint8_t prefix[16];
	int r;

	cdx_put_be64(prefix, op->loc.area);
	cdx_put_be64(prefix + 8, op->loc.off);
	r = cdx_kv_iter_open(c->v->store, &it, CDX_DB_BACKREF, prefix,
			     sizeof(prefix), NULL, 0);
	if (r < 0)
		return r;
	while ((r = cdx_kv_iter_next(it, &pair)) > 0) {
		r = cdx_backref_decode(&ref, CDX_LOC_RECORD, &pair);
		if (r < 0)
			return r;
		if (left_by_batch(op, n, ref.ino, ref.file_off) < 0)
			return 1;
	}
	return r;
}

/* 1 when the record of these ops has a reference after the batch */
static int record_alive(struct cdx_change *c, const struct cdx_ref_op *op,
			size_t n, bool fresh)
{
	for (size_t i = 0; i < n; i++) {
		bool last = i + 1 == n || !same_key(&op[i], &op[i + 1]);

		if (last && op[i].add)
			return 1;
	}
	return fresh ? 0 : kept_by_table(c, op, n);
}

/* Whole pages in it? */
static bool worth_freeing(uint64_t off, uint64_t len)
{
	uint64_t from = (off + CDX_PAGE_SIZE - 1) / CDX_PAGE_SIZE;

	return (off + len) / CDX_PAGE_SIZE > from;
}

/* All ops of one record */
static int resolve_record(struct cdx_change *c, struct cdx_batch *b,
			  const struct cdx_ref_op *op, size_t n)
{
	uint64_t sealed = (uint64_t)op->loc.plain + CDX_SEAL_OVERHEAD;
	bool fresh = is_new(c, &op->loc);
	struct cdx_rec_touch *t;
	int alive = record_alive(c, op, n, fresh);
	int r;

	if (alive < 0)
		return alive;
	/* never referred to, or referred to by others still */
	if (fresh != (alive > 0))
		return 0;
	r = rec_touch_get(c, &t, op->loc.area);
	if (r < 0)
		return r;
	if (fresh) {
		if (t->size < op->loc.off + sealed)
			t->size = op->loc.off + sealed;
		count_record(c, b, t, sealed, true);
		return 0;
	}
	if (t->live < sealed)
		return CDX_E_CORRUPT;
	count_record(c, b, t, sealed, false);
	if (worth_freeing(op->loc.off, sealed))
		cdx_area_free_range(b, op->loc.area, op->loc.off, sealed);
	return 0;
}

static int touch_own_recs(struct cdx_change *c)
{
	struct cdx_rec_touch *t;
	int r;

	for (size_t i = 0; i < c->recs; i++) {
		r = rec_touch_get(c, &t, c->rec[i].area);
		if (r < 0)
			return r;
		t->own++;
	}
	if (!c->remove_area)
		return 0;
	r = rec_touch_get(c, &t, c->remove_area);
	/* the batch of its last record was quicker */
	return r == CDX_E_CORRUPT ? 0 : r;
}

static void finish_recfile(struct cdx_change *c, struct cdx_batch *b,
			   struct cdx_rec_touch *t)
{
	struct cdx_segs *s = c->v->segs;
	struct cdx_area_info info = {
		.kind = CDX_AREA_RECORDS,
		.size = t->size,
		.live = t->live,
	};

	pthread_mutex_lock(&s->mu);
	info.closed = t->f->closed;
	t->remove = t->f->closed && !t->live && t->f->inflight <= t->own;
	pthread_mutex_unlock(&s->mu);
	if (t->remove)
		cdx_area_remove(b, t->f->area);
	else
		cdx_area_set_info(b, t->f->area, &info);
}

/* ---- all of it ---- */

static void put_backref(struct cdx_batch *b, const struct cdx_ref_op *op)
{
	uint8_t key[CDX_BACKREF_KEY];
	uint8_t val[CDX_BACKREF_VAL];

	cdx_put_be64(key, op->loc.area);
	cdx_put_be64(key + 8, op->loc.off);
	cdx_put_be64(key + 16, op->ino);
	cdx_put_be64(key + 24, op->file_off);
	if (!op->add) {
		cdx_batch_del(b, CDX_DB_BACKREF, key, sizeof(key));
		return;
	}
	cdx_put_be64(val, op->len);
	cdx_put_be32(val + 8, op->loc.plain);
	cdx_put_be32(val + 12, op->loc.skip);
	cdx_batch_put(b, CDX_DB_BACKREF, key, sizeof(key), val, sizeof(val));
}

/* Ops [from, from + n) of one record, or of one place in a segment */
static int resolve_unit(struct cdx_change *c, struct cdx_batch *b, size_t from,
			size_t n)
{
	struct cdx_touch *t;
	int r = 0;

	for (size_t i = from; i < from + n; i++) {
		if (i + 1 == from + n || !same_key(&c->op[i], &c->op[i + 1]))
			put_backref(b, &c->op[i]);
	}
	if (c->op[from].loc.kind == CDX_LOC_RECORD)
		return resolve_record(c, b, &c->op[from], n);
	r = touch_get(c, &t, c->op[from].loc.area);
	for (size_t i = from; r == 0 && i < from + n; i++)
		r = count_op(c, t, &c->op[i]);
	return r;
}

static int resolve_ops(struct cdx_change *c, struct cdx_batch *b)
{
	size_t n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->ops; i += n) {
		n = 1;
		while (i + n < c->ops && same_unit(&c->op[i], &c->op[i + n]))
			n++;
		r = resolve_unit(c, b, i, n);
	}
	return r;
}

int cdx_change_resolve(struct cdx_change *c, struct cdx_batch *b)
{
	int r;

	if (c->ops)
		qsort(c->op, c->ops, sizeof(*c->op), by_key);
	if (c->recs)
		qsort(c->rec, c->recs, sizeof(*c->rec), by_place);
	r = touch_own_recs(c);
	if (r == 0)
		r = resolve_runs(c);
	if (r == 0)
		r = resolve_ops(c, b);
	if (r == 0)
		r = resolve_act(c, b);
	for (size_t i = 0; r == 0 && i < c->touches; i++)
		r = finish_touch(c, b, &c->touch[i]);
	for (size_t i = 0; r == 0 && i < c->rts; i++)
		finish_recfile(c, b, &c->rt[i]);
	if (r == CDX_E_CORRUPT)
		cdx_log(c->v->log, ERROR, "segment",
			"references disagree with segments; run codexfs fsck");
	return r;
}
