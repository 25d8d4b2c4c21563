/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/move.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/block.h"

/*
 * Packing: what lies in records files that nobody writes to any more is copied
 * into full blocks of the open segment, in the order in which it was written,
 * and the extents are pointed there, each under its file's lock.
 */

#define PASSES 3

struct cold {
	uint64_t *area; /* in order of age */
	size_t n;
	uint64_t bytes; /* live */
};

static int by_area(const void *pa, const void *pb)
{
	uint64_t a;
	uint64_t b;

	memcpy(&a, pa, sizeof(a));
	memcpy(&b, pb, sizeof(b));
	return a < b ? -1 : a > b;
}

static bool is_cold(const struct cdx_recfile *f, uint64_t older_than)
{
	return f->closed && f->live && !f->inflight &&
	       f->last_write < older_than;
}

static int find_cold(struct cdx_segs *s, uint64_t older_than, struct cold *out)
{
	size_t n = 0;

	out->n = 0;
	out->bytes = 0;
	pthread_mutex_lock(&s->ref_mu);
	pthread_mutex_lock(&s->mu);
	cdx_list_foreach(pos, &s->recfiles)
		n++;
	out->area = calloc(n + 1, sizeof(*out->area));
	cdx_list_foreach(pos, &s->recfiles) {
		const struct cdx_recfile *f =
			cdx_list_entry(pos, struct cdx_recfile, link);

		if (!out->area || !is_cold(f, older_than))
			continue;
		out->area[out->n++] = f->area;
		out->bytes += f->live;
	}
	pthread_mutex_unlock(&s->mu);
	pthread_mutex_unlock(&s->ref_mu);
	if (!out->area)
		return -ENOMEM;
	qsort(out->area, out->n, sizeof(*out->area), by_area);
	return 0;
}

/* The current file, when all of it is older: it gets no more records */
static void close_cold(struct cdx_volume *v, uint64_t older_than)
{
	struct cdx_segs *s = v->segs;

	pthread_mutex_lock(&s->mu);
	if (s->cur && s->cur->end && s->cur->last_write < older_than) {
		s->cur->closed = true;
		s->cur = NULL;
	}
	pthread_mutex_unlock(&s->mu);
}

/* Where the next step begins */
struct at {
	size_t file;
	uint64_t off;
};

/* Gathers from *at on; true when that was the end of the last file */
static int gather(struct cdx_move *m, const struct cold *c, struct at *at)
{
	cdx_move_reset(m);
	while (at->file < c->n) {
		int r = cdx_move_gather(m, c->area[at->file], CDX_LOC_RECORD,
					&at->off);

		if (r <= 0)
			return r;
		at->file++;
		at->off = 0;
	}
	return 1;
}

static void go_back(const struct cdx_move *m, const struct cold *c,
		    struct at *at)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->area[i] == m->left_area) {
			at->file = i;
			at->off = m->left_off;
		}
	}
}

/* One walk over the cold files; *moved grows */
static int walk(struct cdx_move *m, const struct cold *c, bool partial,
		cdx_progress_fn *progress, void *arg, uint64_t *moved)
{
	struct at at = {0};
	bool last = false;
	uint64_t n;

	while (!last && !cdx_background_stopping(m->v)) {
		int r = gather(m, c, &at);

		if (r < 0)
			return r;
		last = r == 1;
		if (last && !partial && cdx_move_bytes(m) < CDX_BLOCK_SIZE)
			break;
		r = cdx_move_run(m, last && partial, true, &n);
		if (r < 0)
			return r;
		*moved += n;
		if (progress)
			progress(arg, "packing", *moved, c->bytes);
		if (!m->left_area)
			continue;
		/* a tail that did not fill a block, or a segment's end */
		if (last && !partial)
			break;
		go_back(m, c, &at);
		last = false;
	}
	return 0;
}

int cdx_pack_files(struct cdx_volume *v, uint64_t older_than, bool partial,
		   cdx_progress_fn *progress, void *arg)
{
	struct cdx_move *m;
	struct cold c = {0};
	uint64_t moved = 1;
	int r;

	close_cold(v, older_than);
	r = cdx_move_new(&m, v);
	/* somebody waits for it: then it may borrow */
	if (r == 0)
		m->reserve_too = partial;
	for (int i = 0; r == 0 && i < PASSES && moved; i++) {
		moved = 0;
		r = find_cold(v->segs, older_than, &c);
		if (r == 0 && c.bytes >= (partial ? 1 : CDX_BLOCK_SIZE))
			r = walk(m, &c, partial, progress, arg, &moved);
		free(c.area);
		c.area = NULL;
	}
	cdx_move_free(m);
	if (r == 0)
		r = cdx_rec_sweep(v);
	return r;
}

int cdx_pack(struct cdx_volume *v, uint64_t older_than,
	     cdx_progress_fn *progress, void *arg)
{
	int r;

	if (v->opts.readonly)
		return -EROFS;
	pthread_mutex_lock(&v->segs->job_mu);
	/* records that are being written now go to a file of their own */
	cdx_rec_rotate(v);
	r = cdx_pack_files(v,
			   older_than > cdx_clock_mono_ns()
				   ? older_than
				   : cdx_clock_mono_ns() + 1,
			   true, progress, arg);
	pthread_mutex_unlock(&v->segs->job_mu);
	return r;
}
