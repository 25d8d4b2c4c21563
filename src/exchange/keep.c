/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "exchange/internal.h"

/* Having all of a dataset here: page by page, what is missing is wanted, a window
 * of it at a time, and goes to the cache as everything does. */

#define WINDOW 512u

struct fetch_op {
	struct cdx_op op;
	struct cdx_exchange *ex;
	struct cdx_reader *rd;
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void (*done)(void *arg, int rc);
	void *arg;
	uint64_t end;	/* blocks that are looked at */
	uint64_t total; /* without padding */
	uint64_t ready; /* of these */
	uint64_t told;
	/* the page under way */
	struct cdx_xjob job;
	bool looking;
	uint64_t next; /* block, of the next page */
	uint64_t page;
	uint64_t missing[CDX_TREE_PAGE / 64];
	unsigned n_missing;
	int first_rc;
	unsigned waiting;
	struct cdx_xwaiter waiter[WINDOW];
	struct cdx_xwaiter *idle[WINDOW];
	unsigned n_idle;
};

static void step(struct fetch_op *f);

static struct fetch_op *of(struct cdx_op *op)
{
	return CDX_CONTAINER(op, struct fetch_op, op);
}

static void on_block(struct cdx_xwaiter *w, int rc, struct cdx_xblock *block)
{
	struct fetch_op *f = of(w->op);

	(void)block;
	f->waiting--;
	f->idle[f->n_idle++] = w;
	if (rc == 0)
		f->ready++;
	else if (f->first_rc == 0)
		f->first_rc = rc;
	step(f);
}

/* ---- pages ---- */

static void look_work(struct cdx_xjob *j)
{
	struct fetch_op *f = CDX_CONTAINER(j, struct fetch_op, job);

	f->n_missing = cdx_xset_missing(f->rd->set, j->ex->store,
					(uint32_t)(f->page / CDX_TREE_PAGE),
					f->end, f->missing);
}

static uint64_t padding(const struct cdx_xset *set, uint64_t from, uint64_t to)
{
	uint64_t first;
	uint64_t last;

	if (!set->stepped)
		return 0;
	first = from > set->g.blocks ? from : set->g.blocks;
	last = to < set->g.rounded ? to : set->g.rounded;
	return last > first ? last - first : 0;
}

static void look_done(struct cdx_xjob *j)
{
	struct fetch_op *f = CDX_CONTAINER(j, struct fetch_op, job);
	uint64_t last = f->page + CDX_TREE_PAGE;

	if (last > f->end)
		last = f->end;
	f->looking = false;
	f->ready += last - f->page - padding(f->rd->set, f->page, last) -
		    f->n_missing;
	step(f);
	cdx_op_put(&f->op);
}

static void look(struct fetch_op *f)
{
	f->page = f->next;
	f->next += CDX_TREE_PAGE;
	f->looking = true;
	f->job.work = look_work;
	f->job.done = look_done;
	cdx_xop_ref(&f->op);
	cdx_xjob_submit(f->ex, &f->job, CDX_POOL_WRITE);
}

/* The next missing block of the page; it is taken. */
static uint32_t take(struct fetch_op *f)
{
	unsigned i = 0;

	while (f->missing[i] == 0)
		i++;
	f->n_missing--;
	for (unsigned bit = 0;; bit++) {
		if ((f->missing[i] >> bit & 1) != 0) {
			f->missing[i] &= f->missing[i] - 1;
			return (uint32_t)(f->page + i * 64 + bit);
		}
	}
}

static void finish(struct fetch_op *f)
{
	struct cdx_xsession *s = f->rd->s;

	/* what was fetched is being put down */
	if (s->puts > 0)
		return;
	cdx_xop_end(f->ex, &f->op, f->first_rc != 0 ? f->first_rc : s->put_rc);
}

static void step(struct fetch_op *f)
{
	/* who looks has the list of what is missing */
	if (f->op.ended || f->looking)
		return;
	while (f->n_missing > 0 && f->n_idle > 0) {
		struct cdx_xwaiter *w;

		if (!f->ex->caching) {
			cdx_xop_end(f->ex, &f->op, -ENOSPC);
			return;
		}
		w = f->idle[--f->n_idle];
		if (cdx_xwant_wait(f->rd->s, take(f), w) != 0) {
			cdx_xop_end(f->ex, &f->op, -ENOMEM);
			return;
		}
		f->waiting++;
	}
	if (f->n_missing > 0)
		return;
	if (f->next < f->end)
		look(f);
	else if (f->waiting == 0)
		finish(f);
}

/* ---- the call ---- */

static void fetch_begin(struct cdx_exchange *ex, struct cdx_op *op)
{
	struct fetch_op *f = of(op);

	(void)ex;
	f->rd->s->put_rc = 0;
	for (unsigned i = 0; i < WINDOW; i++) {
		f->waiter[i].fn = on_block;
		f->waiter[i].op = op;
		f->idle[f->n_idle++] = &f->waiter[i];
	}
	step(f);
}

/* It lasts as long as it takes, while something comes. */
static void fetch_poll(struct cdx_exchange *ex, struct cdx_op *op)
{
	struct fetch_op *f = of(op);

	if (f->ready != f->told) {
		f->told = f->ready;
		op->deadline = cdx_clock_mono_ns() + op->ms * CDX_X_NS_MS;
		if (f->progress != NULL)
			f->progress(f->arg, f->ready, f->total);
	}
	(void)ex;
	step(f);
}

static void fetch_detach(struct cdx_op *op)
{
	struct fetch_op *f = of(op);

	for (unsigned i = 0; i < WINDOW; i++)
		cdx_xwaiter_leave(&f->waiter[i]);
}

static void fetch_tell(struct cdx_op *op)
{
	of(op)->done(of(op)->arg, op->rc);
}

static void fetch_destroy(struct cdx_op *op)
{
	cdx_reader_put(of(op)->rd);
	free(of(op));
}

int cdx_reader_fetch(struct cdx_reader *rd, struct cdx_op **op, bool parity,
		     void (*progress)(void *arg, uint64_t done, uint64_t total),
		     void (*done)(void *arg, int rc), void *arg)
{
	struct fetch_op *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -ENOMEM;
	f->op.begin = fetch_begin;
	f->op.poll = fetch_poll;
	f->op.detach = fetch_detach;
	f->op.tell = fetch_tell;
	f->op.destroy = fetch_destroy;
	f->ex = rd->box->ex;
	f->rd = cdx_reader_ref(rd);
	f->progress = progress;
	f->done = done;
	f->arg = arg;
	f->end = parity ? rd->set->leaves : rd->set->blocks;
	f->total = f->end - padding(rd->set, 0, f->end);
	for (unsigned i = 0; i < WINDOW; i++)
		cdx_list_init(&f->waiter[i].node);
	return cdx_xop_start(f->ex, &f->op, op, 0);
}
