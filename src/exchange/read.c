/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/internal.h"

/* Readers: bytes of the file, and what will be read next. */

/* The first window of a sequential reader */
#define WINDOW_MIN (1u << 20)
/* Reads that are so far out of order are still in order: a kernel's are */
#define SLOP (1u << 20)
/* Blocks that one read has wanted ahead */
#define AHEAD_BLOCKS 4096u

/* ---- readers ---- */

struct cdx_reader *cdx_xreader_new(struct cdx_xsession *s)
{
	struct cdx_reader *rd = calloc(1, sizeof(*rd));

	if (rd == NULL)
		return NULL;
	atomic_init(&rd->refs, 1);
	rd->box = cdx_xbox_ref(s->ex->box);
	rd->set = cdx_xset_ref(s->set);
	rd->s = s;
	cdx_xsession_use(s);
	return rd;
}

struct cdx_reader *cdx_reader_ref(struct cdx_reader *rd)
{
	atomic_fetch_add_explicit(&rd->refs, 1, memory_order_relaxed);
	return rd;
}

static void reader_free(struct cdx_reader *rd)
{
	cdx_xset_put(rd->set);
	cdx_xbox_put(rd->box);
	free(rd);
}

static void on_close(struct cdx_exchange *ex, struct cdx_xmail *m)
{
	struct cdx_reader *rd = CDX_CONTAINER(m, struct cdx_reader, close);

	(void)ex;
	cdx_xsession_unuse(rd->s);
	reader_free(rd);
}

void cdx_reader_put(struct cdx_reader *rd)
{
	if (rd == NULL || atomic_fetch_sub(&rd->refs, 1) != 1)
		return;
	rd->close.fn = on_close;
	/* without an exchange there is no session either */
	if (cdx_xbox_send(rd->box, &rd->close) != 0)
		reader_free(rd);
}

const struct cdx_manifest *cdx_reader_manifest(const struct cdx_reader *rd)
{
	return &rd->set->manifest;
}

const struct cdx_cid *cdx_reader_cid(const struct cdx_reader *rd)
{
	return &rd->set->cid;
}

uint64_t cdx_reader_size(const struct cdx_reader *rd)
{
	return rd->set->size;
}

bool cdx_reader_complete(struct cdx_reader *rd)
{
	const struct cdx_xset *set = rd->set;
	uint64_t missing[CDX_TREE_PAGE / 64];

	for (uint64_t at = 0; at < set->blocks; at += CDX_TREE_PAGE) {
		if (cdx_xset_missing(set, rd->box->ex->store,
				     (uint32_t)(at / CDX_TREE_PAGE),
				     set->blocks, missing) > 0)
			return false;
	}
	return true;
}

/* ---- one read ---- */

struct read_op {
	struct cdx_op op;
	struct cdx_exchange *ex;
	struct cdx_reader *rd;
	uint64_t off;
	size_t len;
	cdx_reader_read_fn *fn;
	void *arg;
	uint8_t *buf;
	bool own;      /* buf is ours */
	unsigned left; /* blocks */
	unsigned n;
	struct cdx_xwaiter *waiter;
};

static struct read_op *of(struct cdx_op *op)
{
	return CDX_CONTAINER(op, struct read_op, op);
}

static void on_block(struct cdx_xwaiter *w, int rc, struct cdx_xblock *block)
{
	struct read_op *r = of(w->op);

	if (rc != 0) {
		cdx_xop_end(r->ex, &r->op, rc);
		return;
	}
	if (!w->copied)
		memcpy(w->dst, block->p + w->off, w->len);
	if (--r->left == 0)
		cdx_xop_end(r->ex, &r->op, 0);
}

static void want_ahead(struct cdx_reader *rd)
{
	const struct cdx_xset *set = rd->set;
	uint32_t size = set->manifest.block_size;
	uint64_t end = rd->next + rd->window;
	uint64_t first;
	uint64_t last;

	if (end > set->size)
		end = set->size;
	if (rd->ahead < rd->next)
		rd->ahead = rd->next;
	if (rd->ahead >= end)
		return;
	/* the block at its start was wanted by who read up to there */
	first = (rd->ahead + size - 1) / size;
	last = (end + size - 1) / size;
	if (last > first + AHEAD_BLOCKS)
		last = first + AHEAD_BLOCKS;
	for (uint64_t i = first; i < last; i++)
		cdx_xwant_ahead(rd->s, (uint32_t)i);
	rd->ahead = last * size;
}

static void read_ahead(struct read_op *r)
{
	struct cdx_reader *rd = r->rd;
	uint64_t end = r->off + r->len;
	uint64_t max = r->ex->memory / 2;
	bool in_order = r->off <= rd->next + SLOP && end + SLOP >= rd->next;

	if (max > CDX_X_AHEAD_MAX)
		max = CDX_X_AHEAD_MAX;
	if (!in_order) {
		rd->next = end;
		rd->window = 0;
		rd->ahead = 0;
		return;
	}
	if (end > rd->next)
		rd->next = end;
	rd->window = rd->window == 0 ? WINDOW_MIN : rd->window * 2;
	if (rd->window > max)
		rd->window = max;
	want_ahead(rd);
}

static void read_begin(struct cdx_exchange *ex, struct cdx_op *op)
{
	struct read_op *r = of(op);
	uint32_t size = r->rd->set->manifest.block_size;
	uint64_t first;
	size_t done = 0;

	if (r->n == 0) {
		cdx_xop_end(ex, op, 0);
		return;
	}
	first = r->off / size;
	r->left = r->n;
	for (unsigned i = 0; i < r->n; i++) {
		struct cdx_xwaiter *w = &r->waiter[i];

		w->fn = on_block;
		w->op = op;
		w->dst = r->buf + done;
		w->off = (uint32_t)((r->off + done) % size);
		w->len = size - w->off;
		if (w->len > r->len - done)
			w->len = (uint32_t)(r->len - done);
		done += w->len;
		if (cdx_xwant_wait(r->rd->s, (uint32_t)(first + i), w) != 0) {
			cdx_xop_end(ex, op, -ENOMEM);
			return;
		}
	}
	read_ahead(r);
}

static void read_detach(struct cdx_op *op)
{
	struct read_op *r = of(op);

	for (unsigned i = 0; i < r->n; i++)
		cdx_xwaiter_leave(&r->waiter[i]);
}

static void read_tell(struct cdx_op *op)
{
	struct read_op *r = of(op);

	r->fn(r->arg, op->rc == 0 ? r->buf : NULL,
	      op->rc == 0 ? (ssize_t)r->len : (ssize_t)op->rc);
}

static void read_destroy(struct cdx_op *op)
{
	struct read_op *r = of(op);

	cdx_reader_put(r->rd);
	free(r->waiter);
	if (r->own)
		free(r->buf);
	free(r);
}

/* Cuts it at the end of the file, and after many small blocks. */
static int make_room(struct read_op *r)
{
	const struct cdx_xset *set = r->rd->set;
	uint32_t size = set->manifest.block_size;
	uint64_t most;

	if (r->off >= set->size)
		r->len = 0;
	else if (r->len > set->size - r->off)
		r->len = (size_t)(set->size - r->off);
	most = (uint64_t)CDX_X_READ_BLOCKS * size - r->off % size;
	if (r->len > most)
		r->len = (size_t)most;
	if (r->len == 0)
		return 0;
	r->n = (unsigned)((r->off % size + r->len + size - 1) / size);
	if (r->buf == NULL) {
		r->own = true;
		r->buf = malloc(r->len);
	}
	r->waiter = calloc(r->n, sizeof(*r->waiter));
	if (r->buf == NULL || r->waiter == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < r->n; i++)
		cdx_list_init(&r->waiter[i].node);
	return 0;
}

int cdx_xread(struct cdx_reader *rd, struct cdx_op **op,
	      const struct cdx_xread_args *a)
{
	struct read_op *r;

	if (a->len > CDX_X_READ_MAX)
		return -EINVAL;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	r->op.begin = read_begin;
	r->op.detach = read_detach;
	r->op.tell = read_tell;
	r->op.destroy = read_destroy;
	r->ex = rd->box->ex;
	r->rd = cdx_reader_ref(rd);
	r->off = a->off;
	r->len = a->len;
	r->fn = a->fn;
	r->arg = a->arg;
	r->buf = a->buf;
	if (make_room(r) != 0) {
		read_destroy(&r->op);
		return -ENOMEM;
	}
	return cdx_xop_start(r->ex, &r->op, op, a->ms);
}

int cdx_reader_read(struct cdx_reader *rd, struct cdx_op **op, uint64_t off,
		    size_t len, unsigned ms, cdx_reader_read_fn *fn, void *arg)
{
	const struct cdx_xread_args a = {
		.off = off,
		.len = len,
		.ms = ms,
		.fn = fn,
		.arg = arg,
	};

	return cdx_xread(rd, op, &a);
}
