/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/internal.h"

/* Blocks that are wanted: one object each, whoever waits for it. */

struct cdx_xwant *cdx_xwant_get(struct cdx_xsession *s, uint32_t index)
{
	return cdx_map_get(&s->wants, index);
}

static bool queued(const struct cdx_xwant *w)
{
	return w->state == CDX_X_NEED;
}

void cdx_xwant_set(struct cdx_xwant *w, enum cdx_xwant_state state)
{
	struct cdx_xsession *s = w->s;

	if (queued(w))
		s->needed--;
	cdx_list_del(&w->node);
	w->state = state;
	switch (state) {
	case CDX_X_NEW:
		cdx_list_add_tail(w->demand ? &s->fresh : &s->fresh_ahead,
				  &w->node);
		break;
	case CDX_X_NEED:
		s->needed++;
		cdx_list_add_tail(w->demand ? &s->demand : &s->ahead, &w->node);
		break;
	case CDX_X_READY:
		cdx_list_add_tail(&s->ex->ready, &w->node);
		break;
	case CDX_X_LOOK:
	case CDX_X_FLY:
	case CDX_X_CHECK:
	case CDX_X_DECODE:
		break;
	}
}

static struct cdx_xwant *want_new(struct cdx_xsession *s, uint32_t index,
				  bool demand)
{
	struct cdx_xwant *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->s = s;
	w->index = index;
	w->serial = ++s->ex->serial;
	w->demand = demand;
	w->since = cdx_clock_mono_ns();
	cdx_list_init(&w->node);
	cdx_list_init(&w->waiters);
	if (cdx_map_put(&s->wants, index, w) != 0) {
		free(w);
		return NULL;
	}
	atomic_fetch_add(&s->ex->count.pending, 1);
	w->state = CDX_X_NEW;
	cdx_xwant_set(w, CDX_X_NEW);
	cdx_xsession_kick(s);
	return w;
}

void cdx_xwant_free(struct cdx_xwant *w)
{
	struct cdx_xsession *s = w->s;

	if (queued(w))
		s->needed--;
	if (w->state != CDX_X_READY)
		atomic_fetch_sub(&s->ex->count.pending, 1);
	cdx_list_del(&w->node);
	(void)cdx_map_del(&s->wants, w->index);
	if (w->decode != NULL)
		cdx_xdecode_cancel(w->decode);
	cdx_xblock_put(w->block);
	free(w);
}

/* What was wanted ahead is waited for now. */
static void demand(struct cdx_xwant *w)
{
	if (w->demand)
		return;
	w->demand = true;
	if (w->state == CDX_X_NEW || w->state == CDX_X_NEED)
		cdx_xwant_set(w, w->state);
}

static struct cdx_xwaiter *next_waiter(struct cdx_xwant *w)
{
	cdx_list_foreach(pos, &w->waiters) {
		struct cdx_xwaiter *waiter =
			cdx_list_entry(pos, struct cdx_xwaiter, node);

		if (!waiter->promised)
			return waiter;
	}
	return NULL;
}

/* Those that a worker is copying for are left to the end of its job.  The waiters'
 * functions may begin other things, and let others leave. */
void cdx_xwant_serve(struct cdx_xwant *w)
{
	struct cdx_xblock *block = cdx_xblock_ref(w->block);
	struct cdx_xwaiter *waiter;
	bool to_end = false;

	while ((waiter = next_waiter(w)) != NULL) {
		cdx_list_del(&waiter->node);
		waiter->want = NULL;
		if (waiter->dst == NULL ||
		    waiter->off + waiter->len == block->size)
			to_end = true;
		waiter->fn(waiter, 0, block);
	}
	/* read to its end: nobody is expected to come back, and there may be a
	 * cache */
	if (to_end && cdx_list_empty(&w->waiters))
		cdx_xwant_free(w);
	cdx_xblock_put(block);
}

/* Copies for late comers to a block that was here already */
struct copy {
	struct cdx_xjob job;
	struct cdx_xsession *s;
	uint32_t index;
	struct cdx_xblock *block;
	unsigned n;
	struct cdx_xtarget target[CDX_X_TARGETS];
};

static void copy_work(struct cdx_xjob *j)
{
	struct copy *c = CDX_CONTAINER(j, struct copy, job);

	cdx_xtargets_copy(c->target, c->n, c->block);
}

static void on_serve(struct cdx_xjob *j)
{
	struct copy *c = CDX_CONTAINER(j, struct copy, job);
	struct cdx_xwant *w = cdx_xwant_get(c->s, c->index);

	cdx_xtargets_end(c->target, c->n, true);
	if (w != NULL && w->state == CDX_X_READY)
		cdx_xwant_serve(w);
	cdx_xblock_put(c->block);
	cdx_xsession_kick(c->s);
	cdx_xsession_unuse(c->s);
	free(c);
}

/* A ready block: who waits for it is served by a worker, later. */
static int serve_later(struct cdx_xwant *w)
{
	struct copy *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->s = w->s;
	c->index = w->index;
	c->block = cdx_xblock_ref(w->block);
	c->n = cdx_xwant_targets(w, c->target);
	c->job.work = copy_work;
	c->job.done = on_serve;
	cdx_xsession_use(w->s);
	cdx_xjob_submit(w->s->ex, &c->job, CDX_POOL_READ);
	return 0;
}

static int wait_for(struct cdx_xsession *s, uint32_t index,
		    struct cdx_xwaiter *waiter, bool part)
{
	struct cdx_xwant *w = cdx_xwant_get(s, index);

	if (w == NULL) {
		w = want_new(s, index, true);
		if (w == NULL)
			return -ENOMEM;
		w->part = part;
		w->passes = waiter->passes;
	} else {
		w->part = w->part && part;
		w->passes = w->passes && waiter->passes;
	}
	demand(w);
	cdx_list_add_tail(&w->waiters, &waiter->node);
	waiter->want = w;
	waiter->copied = false;
	waiter->promised = false;
	if (w->state == CDX_X_READY && serve_later(w) != 0) {
		cdx_list_del(&waiter->node);
		waiter->want = NULL;
		return -ENOMEM;
	}
	return 0;
}

bool cdx_xwant_leaf(struct cdx_xwant *w)
{
	struct cdx_xpage *p;

	if (w->has_leaf)
		return true;
	p = cdx_xsession_page(w->s, w->index / CDX_TREE_PAGE);
	if (p == NULL)
		return false;
	w->leaf = p->p.leaf[w->index % CDX_TREE_PAGE];
	w->has_leaf = true;
	return true;
}

int cdx_xwant_wait(struct cdx_xsession *s, uint32_t index,
		   struct cdx_xwaiter *w)
{
	return wait_for(s, index, w, false);
}

int cdx_xwant_wait_part(struct cdx_xsession *s, uint32_t index,
			struct cdx_xwaiter *w)
{
	return wait_for(s, index, w, true);
}

void cdx_xwant_ahead(struct cdx_xsession *s, uint32_t index)
{
	struct cdx_xwant *w = cdx_xwant_get(s, index);

	if (w == NULL)
		(void)want_new(s, index, false);
	else
		w->passes = false;
}

void cdx_xwaiter_leave(struct cdx_xwaiter *waiter)
{
	struct cdx_xwant *w = waiter->want;

	cdx_list_del(&waiter->node);
	waiter->want = NULL;
	if (w == NULL || !cdx_list_empty(&w->waiters))
		return;
	/* what is under way may come all the same */
	if (w->state == CDX_X_NEW || w->state == CDX_X_NEED ||
	    w->state == CDX_X_DECODE)
		cdx_xwant_free(w);
}

void cdx_xwant_arrived(struct cdx_xwant *w, struct cdx_xblock *block)
{
	if (w->state == CDX_X_READY) {
		cdx_xwant_serve(w);
		return;
	}
	if (w->decode != NULL)
		cdx_xdecode_cancel(w->decode);
	w->block = cdx_xblock_ref(block);
	atomic_fetch_sub(&w->s->ex->count.pending, 1);
	cdx_xwant_set(w, CDX_X_READY);
	if (!cdx_list_empty(&w->waiters))
		cdx_xwant_serve(w);
}

void cdx_xwant_failed(struct cdx_xwant *w, int rc)
{
	struct cdx_list waiters;

	cdx_list_init(&waiters);
	cdx_list_foreach_safe(pos, tmp, &w->waiters) {
		cdx_list_del(pos);
		cdx_list_add_tail(&waiters, pos);
		/* it may leave before its turn */
		cdx_list_entry(pos, struct cdx_xwaiter, node)->want = NULL;
	}
	cdx_xwant_free(w);
	while (!cdx_list_empty(&waiters)) {
		struct cdx_xwaiter *waiter =
			cdx_list_entry(waiters.next, struct cdx_xwaiter, node);

		cdx_list_del(&waiter->node);
		waiter->fn(waiter, rc, NULL);
	}
}
