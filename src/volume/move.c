/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/move.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/block.h"

int cdx_move_new(struct cdx_move **out, struct cdx_volume *v)
{
	struct cdx_move *m = calloc(1, sizeof(*m));

	*out = NULL;
	if (!m)
		return -ENOMEM;
	m->v = v;
	m->buf = malloc(CDX_MOVE_BYTES);
	m->item = calloc(CDX_MOVE_ITEMS, sizeof(*m->item));
	m->src = calloc(CDX_MOVE_ITEMS, sizeof(*m->src));
	if (!m->buf || !m->item || !m->src) {
		cdx_move_free(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

void cdx_move_read_end(struct cdx_move *m)
{
	if (m->reading)
		cdx_store_read_end(m->v->store, m->token);
	m->reading = false;
}

void cdx_move_reset(struct cdx_move *m)
{
	cdx_move_read_end(m);
	m->used = 0;
	m->items = 0;
	m->srcs = 0;
	m->left_area = 0;
	m->left_off = 0;
}

void cdx_move_free(struct cdx_move *m)
{
	if (!m)
		return;
	cdx_move_read_end(m);
	if (m->buf)
		cdx_wipe(m->buf, CDX_MOVE_BYTES);
	free(m->buf);
	free(m->item);
	free(m->src);
	free(m);
}

size_t cdx_move_bytes(const struct cdx_move *m)
{
	return m->used;
}

/* ---- writing ---- */

/* Reads every source; what does not verify stays where it is */
static void load(struct cdx_move *m)
{
	for (uint32_t i = 0; i < m->srcs; i++) {
		struct cdx_move_src *s = &m->src[i];

		s->bad = cdx_loc_read(m->v, m->buf + s->pos, &s->loc, 0, s->len,
				      NULL) < 0;
	}
	cdx_move_read_end(m);
}

/* Does [file_off, + len) still lie where it was found? */
static bool unchanged(const struct cdx_extent *e, const struct cdx_move_item *i)
{
	uint64_t skip;

	if (e->off > i->file_off || e->len < i->len)
		return false;
	skip = i->file_off - e->off;
	if (skip > e->len - i->len || e->loc.kind != i->loc.kind ||
	    e->loc.area != i->loc.area)
		return false;
	if (e->loc.kind == CDX_LOC_SEGMENT)
		return e->loc.off + skip == i->loc.off;
	return e->loc.off == i->loc.off && e->loc.skip + skip == i->loc.skip;
}

/* Caller holds the vnode's lock */
static int point(struct cdx_move *m, struct cdx_vnode *n,
		 const struct cdx_move_item *i, const struct cdx_seg_run *run)
{
	uint8_t buf[2048];
	struct cdx_extent e;
	struct cdx_batch *b = NULL;
	struct cdx_loc loc = {
		.kind = CDX_LOC_SEGMENT,
		.area = run->area,
		.off = (uint64_t)run->index * CDX_BLOCK_SIZE + i->pos,
	};
	int r = cdx_extent_find(m->v, i->ino, i->file_off, &e, buf);

	if (r == -ENOENT || (r == 0 && !unchanged(&e, i)))
		return 0;
	if (r == 0)
		r = cdx_batch_new(&b, m->v->store);
	if (r < 0)
		return r;
	r = cdx_extent_replace(m->v, n, b, i->file_off, i->len, &loc, NULL);
	if (r < 0) {
		cdx_batch_drop(b);
		return r;
	}
	r = cdx_batch_apply(b);
	return r < 0 ? r : 1;
}

/* 1 moved, 0 left alone */
static int move_item(struct cdx_move *m, const struct cdx_move_item *i,
		     const struct cdx_seg_run *run, bool wait)
{
	struct cdx_vnode *n;
	int r = cdx_vnode_get(m->v, &n, i->ino);

	if (r == -ESTALE || r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (wait)
		pthread_rwlock_wrlock(&n->lock);
	else if (pthread_rwlock_trywrlock(&n->lock) != 0) {
		cdx_vnode_put(m->v, n);
		return 0;
	}
	r = point(m, n, i, run);
	pthread_rwlock_unlock(&n->lock);
	cdx_vnode_put(m->v, n);
	return r;
}

static int commit_run(struct cdx_move *m, struct cdx_seg_run *run)
{
	struct cdx_batch *b;
	int r = cdx_batch_new(&b, m->v->store);

	if (r < 0) {
		cdx_seg_run_burn(m->v, run);
		return r;
	}
	cdx_seg_run_commit(m->v, b, run);
	return cdx_batch_apply(b);
}

/* First item that does not lie in the written bytes: where to go on */
static void note_left(struct cdx_move *m, const struct cdx_move_item *i)
{
	if (m->left_area)
		return;
	m->left_area = i->loc.area;
	m->left_off = i->loc.off;
}

static int move_items(struct cdx_move *m, const struct cdx_seg_run *run,
		      bool wait, uint64_t *moved)
{
	size_t end = (size_t)run->n * CDX_BLOCK_SIZE;
	int r = 0;

	for (uint32_t k = 0; r >= 0 && k < m->items; k++) {
		const struct cdx_move_item *i = &m->item[k];

		if (m->src[i->src].bad)
			continue;
		if (i->pos + i->len > end) {
			note_left(m, i);
			continue;
		}
		r = move_item(m, i, run, wait);
		if (r > 0)
			*moved += i->len;
	}
	return r < 0 ? r : 0;
}

int cdx_move_run(struct cdx_move *m, bool partial, bool wait, uint64_t *moved)
{
	size_t blocks = m->used / CDX_BLOCK_SIZE;
	struct cdx_seg_run run;
	struct cdx_seg_run at; /* the run is consumed by its batch */
	struct iovec iov = {.iov_base = m->buf};
	int r;

	*moved = 0;
	if (partial)
		blocks = (m->used + CDX_BLOCK_SIZE - 1) / CDX_BLOCK_SIZE;
	if (!blocks)
		return 0;
	/* where locks may be held the epoch cannot be committed first */
	r = wait ? cdx_segs_ready(m->v) : 0;
	if (r < 0)
		return r;
	memset(m->buf, 0, CDX_MOVE_BYTES);
	load(m);
	iov.iov_len = blocks * CDX_BLOCK_SIZE;
	r = cdx_seg_write_reserve(m->v, &run, &iov, 1, (uint32_t)blocks,
				  m->reserve_too);
	if (r < 0)
		return r;
	at = run;
	at.leaf = NULL;
	/* these blocks must not be burnt, nor the segment sealed, before the
	 * references are there */
	cdx_seg_pin(m->v, at.area);
	r = commit_run(m, &run);
	if (r == 0)
		r = move_items(m, &at, wait, moved);
	cdx_seg_unpin(m->v, at.area);
	return r;
}
