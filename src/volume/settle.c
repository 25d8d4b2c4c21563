/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/change.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/block.h"

/* Takes back what count_op did to the blocks of segments in memory */
static void uncount(struct cdx_change *c)
{
	for (size_t i = 0; i < c->counted; i++) {
		const struct cdx_ref_op *op = &c->op[i];
		struct cdx_oseg *o;
		uint64_t pos = op->loc.off;
		uint64_t end = pos + op->len;

		if (op->loc.kind != CDX_LOC_SEGMENT)
			continue;
		o = cdx_oseg_find(c->v->segs, op->loc.area);
		while (o && pos < end) {
			uint64_t n = CDX_BLOCK_SIZE - pos % CDX_BLOCK_SIZE;
			uint64_t i_block = pos / CDX_BLOCK_SIZE;

			if (n > end - pos)
				n = end - pos;
			o->live[i_block] = op->add ? o->live[i_block] - n
						   : o->live[i_block] + n;
			pos += n;
		}
	}
}

static void settle_touch(struct cdx_segs *s, struct cdx_touch *t, bool applied)
{
	struct cdx_oseg *o = t->o;

	if (applied)
		cdx_protect_count(s, &t->was, t->gone ? NULL : &t->rec);
	if (!o) {
		if (applied)
			cdx_compact_hint(s, t->area, &t->rec);
		return;
	}
	for (uint32_t i = t->pending; i < t->burns && !applied; i++)
		o->leaf[t->burn[i].index] = CDX_LEAF_DATA;
	if (!applied)
		return;
	o->rec = t->rec;
	for (uint32_t i = 0; i < t->pending; i++)
		memset(o->leaf + t->burn[i].index, CDX_LEAF_BURNT,
		       t->burn[i].n);
	pthread_mutex_lock(&s->mu);
	o->burns -= t->pending;
	if (o->burns)
		memmove(o->burn, o->burn + t->pending,
			o->burns * sizeof(*o->burn));
	pthread_mutex_unlock(&s->mu);
}

static void settle_run(struct cdx_change *c, const struct cdx_ref_run *run,
		       bool applied)
{
	struct cdx_segs *s = c->v->segs;
	struct cdx_seg_run lost = {
		.area = run->area,
		.index = run->index,
		.n = run->n,
	};
	struct cdx_oseg *o;

	if (!applied) {
		cdx_seg_run_burn(c->v, &lost);
		return;
	}
	o = cdx_oseg_find(s, run->area);
	if (!o)
		return;
	memset(o->leaf + run->index, CDX_LEAF_DATA, run->n);
	pthread_mutex_lock(&s->mu);
	o->inflight--;
	pthread_cond_broadcast(&s->cv);
	pthread_mutex_unlock(&s->mu);
}

static void settle_recfile(struct cdx_segs *s, struct cdx_rec_touch *t)
{
	t->f->size = t->size;
	t->f->live = t->live;
	if (!t->remove)
		return;
	pthread_mutex_lock(&s->mu);
	cdx_list_del(&t->f->link);
	pthread_mutex_unlock(&s->mu);
	free(t->f);
}

void cdx_change_settle(struct cdx_change *c, bool applied)
{
	struct cdx_segs *s = c->v->segs;

	if (!applied)
		uncount(c);
	for (size_t i = 0; i < c->runs; i++)
		settle_run(c, &c->run[i], applied);
	for (size_t i = 0; i < c->touches; i++)
		settle_touch(s, &c->touch[i], applied);
	for (size_t i = 0; i < c->recs; i++)
		cdx_rec_done(c->v, c->rec[i].area);
	for (size_t i = 0; applied && i < c->rts; i++)
		settle_recfile(s, &c->rt[i]);
}
