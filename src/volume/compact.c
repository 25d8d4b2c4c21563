/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/move.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypto/block.h"

/*
 * Compaction: the live bytes of a sealed segment are copied to the open one.
 * When the last extent has gone the segment has no live byte and is dropped.
 */

#define PASSES 3

static bool below_percent(uint64_t live, uint32_t blocks, unsigned percent)
{
	return live * 100 < (uint64_t)blocks * CDX_BLOCK_SIZE * percent;
}

static int pass(struct cdx_move *m, uint64_t area, bool wait, uint64_t *moved)
{
	uint64_t cursor = 0;
	bool last = false;
	uint64_t n;

	while (!last && !cdx_background_stopping(m->v)) {
		int r;

		cdx_move_reset(m);
		r = cdx_move_gather(m, area, CDX_LOC_SEGMENT, &cursor);
		if (r < 0)
			return r;
		last = r == 1 || !cdx_move_bytes(m);
		r = cdx_move_run(m, true, wait, &n);
		if (r < 0)
			return r;
		*moved += n;
		if (m->left_area) {
			cursor = m->left_off;
			last = false;
		}
	}
	return 0;
}

int cdx_compact_segment(struct cdx_volume *v, uint64_t area, bool wait,
			struct cdx_compact_report *report)
{
	struct cdx_seg_rec rec;
	struct cdx_move *m;
	uint64_t moved = 1;
	int r = cdx_seg_rec_get(v, &rec, area);

	memset(report, 0, sizeof(*report));
	report->area = area;
	if (r < 0)
		return r;
	report->live_before = rec.live;
	if (rec.has_manifest)
		report->manifest =
			cdx_cid_sha256(CDX_CODEC_MANIFEST, &rec.manifest);
	r = cdx_move_new(&m, v);
	if (r < 0)
		return r;
	m->reserve_too = true;
	for (int i = 0; r == 0 && i < PASSES && moved; i++) {
		moved = 0;
		r = pass(m, area, wait, &moved);
		report->moved += moved;
		if (r == 0)
			r = cdx_seg_rec_get(v, &rec, area);
		if (r == 0 && !rec.live)
			break;
	}
	cdx_move_free(m);
	report->dropped = r == 0 && !rec.live;
	if (report->dropped)
		atomic_fetch_add(&v->segs->compactions, 1);
	cdx_log(v->log, INFO, "segment",
		"segment %" PRIx64 ": %" PRIu64 " of %" PRIu64
		" live bytes moved%s",
		area, report->moved, report->live_before,
		report->dropped ? ", it goes" : "");
	return r;
}

/* ---- which ones ---- */

void cdx_compact_hint(struct cdx_segs *s, uint64_t area,
		      const struct cdx_seg_rec *rec)
{
	if (rec->state != CDX_SEG_SEALED ||
	    !below_percent(rec->live, rec->cap, CDX_SEG_WORTH_PERCENT))
		return;
	pthread_mutex_lock(&s->mu);
	(void)!cdx_map_put(&s->sparse, area, s);
	pthread_mutex_unlock(&s->mu);
}

struct choice {
	struct cdx_volume *v;
	unsigned below;
	bool of_content;
	uint64_t area;
	uint64_t live;
};

/* Is this one better than what we have?  1 yes, 0 no, -1 forget it */
static int judge(struct choice *c, uint64_t area)
{
	struct cdx_seg_rec rec;

	if (cdx_seg_rec_get(c->v, &rec, area) < 0 ||
	    rec.state != CDX_SEG_SEALED)
		return -1;
	if (c->of_content ? rec.live >= rec.content / 100 * c->below
			  : !below_percent(rec.live, rec.cap, c->below))
		return 0;
	if (c->area && rec.live >= c->live)
		return 0;
	/* what is elsewhere would have to be fetched, and gives nothing back */
	if (cdx_seg_is_far(c->v, area))
		return 0;
	c->area = area;
	c->live = rec.live;
	return 1;
}

/* The areas of the hint, copied: tables are not read under mu */
static size_t copy_hint(struct cdx_segs *s, uint64_t **out)
{
	size_t n = 0;
	size_t pos = 0;
	uint64_t area;
	void *val;

	pthread_mutex_lock(&s->mu);
	*out = calloc(s->sparse.len + 1, sizeof(**out));
	while (*out && cdx_map_next(&s->sparse, &pos, &area, &val))
		(*out)[n++] = area;
	pthread_mutex_unlock(&s->mu);
	return n;
}

uint64_t cdx_compact_next(struct cdx_volume *v, unsigned below, bool of_content)
{
	struct choice c = {
		.v = v,
		.below = below,
		.of_content = of_content,
	};
	uint64_t *hint;
	size_t n = copy_hint(v->segs, &hint);

	for (size_t i = 0; i < n; i++) {
		if (judge(&c, hint[i]) >= 0)
			continue;
		pthread_mutex_lock(&v->segs->mu);
		(void)cdx_map_del(&v->segs->sparse, hint[i]);
		pthread_mutex_unlock(&v->segs->mu);
	}
	free(hint);
	return c.area;
}

bool cdx_compact_now(struct cdx_volume *v)
{
	struct cdx_compact_report report = {0};
	uint64_t before = cdx_space_free(v);
	uint64_t area;

	if (pthread_mutex_trylock(&v->segs->job_mu) != 0)
		return false;
	(void)!cdx_seal_dead(v);
	(void)!cdx_drop_due(v);
	(void)!cdx_rec_sweep(v);
	area = cdx_compact_next(v, CDX_SEG_WORTH_PERCENT, false);
	if (area && cdx_compact_segment(v, area, false, &report) == 0)
		(void)!cdx_drop_due(v);
	pthread_mutex_unlock(&v->segs->job_mu);
	/* a new segment that took the bytes may cost what the old one gave */
	return report.dropped || cdx_space_free(v) > before;
}

/* ---- on demand ---- */

struct wanted {
	unsigned below;
	uint64_t *area;
	size_t n;
	size_t cap;
};

static int want(void *arg, const struct cdx_segment_info *info)
{
	struct wanted *w = arg;

	if (info->state != CDX_SEG_SEALED ||
	    !below_percent(info->live, info->capacity, w->below))
		return 0;
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 16;
		void *p = reallocarray(w->area, cap, sizeof(*w->area));

		if (!p)
			return -ENOMEM;
		w->area = p;
		w->cap = cap;
	}
	w->area[w->n++] = info->area;
	return 0;
}

static int compact_list(struct cdx_volume *v, const struct wanted *w,
			cdx_compact_fn *fn, void *arg)
{
	struct cdx_compact_report report;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->n; i++) {
		if (cdx_seg_is_far(v, w->area[i]))
			continue;
		r = cdx_compact_segment(v, w->area[i], true, &report);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		if (r == 0)
			r = cdx_drop_due(v);
		if (fn)
			fn(arg, &report);
	}
	return r;
}

int cdx_vol_compact_one(struct cdx_volume *v, uint64_t area,
			struct cdx_compact_report *report)
{
	struct cdx_compact_report own;
	struct cdx_seg_rec rec;
	int r;

	if (v->opts.readonly)
		return -EROFS;
	r = cdx_segs_ready(v);
	if (r < 0)
		return r;
	pthread_mutex_lock(&v->segs->job_mu);
	r = cdx_seg_rec_get(v, &rec, area);
	if (r == 0 && rec.state != CDX_SEG_SEALED)
		r = -ENOENT;
	if (r == 0 && cdx_seg_is_far(v, area))
		r = -ENODATA;
	if (r == 0)
		r = cdx_compact_segment(v, area, true, report ? report : &own);
	if (r == 0)
		r = cdx_drop_due(v);
	pthread_mutex_unlock(&v->segs->job_mu);
	return r < 0 ? r : 0;
}

int cdx_vol_compact(struct cdx_volume *v, unsigned below, cdx_compact_fn *fn,
		    void *arg)
{
	struct wanted w = {.below = below > 100 ? 101 : below};
	int r;

	if (v->opts.readonly)
		return -EROFS;
	r = cdx_segs_ready(v);
	if (r < 0)
		return r;
	pthread_mutex_lock(&v->segs->job_mu);
	r = cdx_seal_dead(v);
	if (r == 0)
		r = cdx_drop_due(v);
	if (r == 0)
		r = cdx_rec_sweep(v);
	if (r == 0)
		r = cdx_vol_segments(v, want, &w);
	if (r == 0)
		r = compact_list(v, &w, fn, arg);
	pthread_mutex_unlock(&v->segs->job_mu);
	free(w.area);
	return r < 0 ? r : 0;
}
