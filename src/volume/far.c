/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume/far.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "volume/segs.h"

/*
 * Reads that wait.  A read that misses blocks gives its worker back: it is
 * listed with what it wants, and when all of it is in the cache, pinned, a
 * worker of the pool reads again from the beginning, since the file may have
 * changed meanwhile.  No lock and no reader of the store is held in between.
 *
 * A thread looks after deadlines, and runs what the pool does not take.
 */

#define NS 1000000000u
/* blocks that admitted reads want, all together; one read alone may have more */
#define HELD_MAX 1024u

/* ---- what is missing ---- */

void cdx_need_init(struct cdx_need *need)
{
	need->block = need->own;
	need->n = 0;
	need->cap = CDX_NEED_OWN;
	need->touched = false;
	need->area = 0;
	need->index = 0;
	need->in_order = false;
}

void cdx_need_free(struct cdx_need *need)
{
	if (need->block != need->own)
		free(need->block);
	cdx_need_init(need);
}

void cdx_need_touch(struct cdx_need *need, uint64_t area, uint32_t index)
{
	need->touched = true;
	need->area = area;
	need->index = index;
}

int cdx_need_add(struct cdx_need *need, uint64_t area, uint32_t index)
{
	struct cdx_need_block *b = need->n ? &need->block[need->n - 1] : NULL;

	cdx_need_touch(need, area, index);
	if (b && b->area == area && b->index == index)
		return 0;
	if (need->n == need->cap) {
		b = reallocarray(NULL, need->cap * 2, sizeof(*b));
		if (!b)
			return -ENOMEM;
		memcpy(b, need->block, need->n * sizeof(*b));
		if (need->block != need->own)
			free(need->block);
		need->block = b;
		need->cap *= 2;
	}
	need->block[need->n].area = area;
	need->block[need->n++].index = index;
	return 0;
}

/* ---- who is at work here ---- */

void cdx_far_enter(struct cdx_far *f)
{
	pthread_mutex_lock(&f->mu);
	f->busy++;
	pthread_mutex_unlock(&f->mu);
}

void cdx_far_leave(struct cdx_far *f)
{
	pthread_mutex_lock(&f->mu);
	if (--f->busy == 0)
		pthread_cond_broadcast(&f->cv);
	pthread_mutex_unlock(&f->mu);
}

/* ---- waiting; caller holds mu ---- */

/* Lets as many ask as there is memory for, in order of arrival */
static void admit(struct cdx_far *f)
{
	cdx_list_foreach_safe(pos, tmp, &f->ops) {
		struct cdx_vol_op *op =
			cdx_list_entry(pos, struct cdx_vol_op, link);

		if (op->state != CDX_OP_WAITS || op->admitted)
			continue;
		if (f->held && f->held + op->n > HELD_MAX)
			return;
		f->held += op->n;
		op->admitted = true;
		if (cdx_fetch_wants(f, op) < 0)
			cdx_far_finish(f, op, -ENOMEM);
		else if (!op->left)
			cdx_far_finish(f, op, 0);
	}
}

void cdx_far_finish(struct cdx_far *f, struct cdx_vol_op *op, int err)
{
	if (op->state != CDX_OP_WAITS)
		return;
	op->state = CDX_OP_GOES;
	op->err = err;
	cdx_fetch_unwant(f, op);
	cdx_list_add_tail(&f->ready, &op->ready);
}

/* What it has in the cache may go; others may ask now */
static void release(struct cdx_far *f, struct cdx_vol_op *op)
{
	for (size_t i = 0; i < op->n; i++) {
		if (op->want[i].pinned)
			cdx_recovered_unpin(op->v, op->want[i].area,
					    op->want[i].index);
	}
	if (op->admitted)
		f->held -= op->n;
	op->admitted = false;
	free(op->want);
	op->want = NULL;
	op->n = 0;
	op->left = 0;
}

/* ---- going on ---- */

static void op_end(struct cdx_vol_op *op)
{
	struct cdx_far *f = op->v->far;

	pthread_mutex_lock(&f->mu);
	release(f, op);
	cdx_list_del(&op->link);
	f->waiting--;
	admit(f);
	if (cdx_list_empty(&f->ops))
		pthread_cond_broadcast(&f->cv);
	pthread_mutex_unlock(&f->mu);
	free(op);
}

/* Lists what is missing as its wants; negative: it cannot wait (any more) */
static int op_wait(struct cdx_vol_op *op, const struct cdx_need *need)
{
	struct cdx_far *f = op->v->far;
	struct cdx_want *want = calloc(need->n, sizeof(*want));
	int r = 0;

	if (!want)
		return -ENOMEM;
	for (size_t i = 0; i < need->n; i++) {
		cdx_list_init(&want[i].link);
		want[i].op = op;
		want[i].area = need->block[i].area;
		want[i].index = need->block[i].index;
	}
	pthread_mutex_lock(&f->mu);
	release(f, op);
	op->want = want;
	op->n = need->n;
	op->left = need->n;
	/* it may have been cancelled while it was not waiting */
	if (op->cancelled || !f->open) {
		r = op->cancelled ? -EINTR : -EIO;
	} else {
		op->state = CDX_OP_WAITS;
		admit(f);
		pthread_cond_broadcast(&f->cv);
	}
	pthread_mutex_unlock(&f->mu);
	return r;
}

static void fail(struct cdx_vol_op *op, int err)
{
	if (err != -EINTR)
		atomic_fetch_add(&op->v->read_errors, 1);
	op->req.fn(op->req.arg, NULL, err);
	op_end(op);
}

/* Read again, or tell why not */
static void end_wait(struct cdx_vol_op *op)
{
	struct cdx_volume *v = op->v;
	struct cdx_need need;
	int r;

	if (op->err < 0) {
		fail(op, op->err);
		return;
	}
	cdx_need_init(&need);
	if (cdx_read_try(v, &op->req, &need)) {
		op_end(op);
	} else {
		r = op_wait(op, &need);
		if (r < 0)
			fail(op, r);
	}
	cdx_fetch_ahead(v, &need);
	cdx_need_free(&need);
}

/* On a worker, or the thread */
static void go_on(void *arg)
{
	struct cdx_vol_op *op = arg;
	struct cdx_far *f = op->v->far;

	cdx_far_enter(f);
	end_wait(op);
	cdx_far_work(f);
	cdx_far_leave(f);
}

/* The first that is ready, if the pool takes it; the thread runs others */
static bool hand_over(struct cdx_far *f)
{
	struct cdx_vol_op *op = NULL;

	pthread_mutex_lock(&f->mu);
	if (!cdx_list_empty(&f->ready)) {
		op = cdx_list_entry(f->ready.next, struct cdx_vol_op, ready);
		cdx_list_del(&op->ready);
	}
	pthread_mutex_unlock(&f->mu);
	if (!op)
		return false;
	if (op->v->pool &&
	    cdx_pool_submit(op->v->pool, CDX_POOL_READ, go_on, op) == 0)
		return true;
	pthread_mutex_lock(&f->mu);
	cdx_list_add(&f->ready, &op->ready);
	pthread_cond_broadcast(&f->cv);
	pthread_mutex_unlock(&f->mu);
	return false;
}

void cdx_far_work(struct cdx_far *f)
{
	while (cdx_fetch_end(f) || cdx_fetch_start(f) || hand_over(f)) {
	}
}

void cdx_far_park(struct cdx_volume *v, const struct cdx_read_req *req,
		  struct cdx_need *need)
{
	struct cdx_far *f = v->far;
	struct cdx_vol_op *op = calloc(1, sizeof(*op));
	int r;

	if (!op) {
		req->fn(req->arg, NULL, -ENOMEM);
		return;
	}
	op->v = v;
	op->req = *req;
	cdx_list_init(&op->ready);
	pthread_mutex_lock(&f->mu);
	op->deadline =
		cdx_clock_mono_ns() + (uint64_t)f->net.timeout_ms * (NS / 1000);
	cdx_list_add_tail(&f->ops, &op->link);
	f->waiting++;
	pthread_mutex_unlock(&f->mu);
	if (req->waits)
		req->waits(req->arg, op);
	r = op_wait(op, need);
	if (r < 0)
		fail(op, r);
	cdx_fetch_ahead(v, need);
	cdx_far_work(f);
}

void cdx_vol_op_cancel(struct cdx_vol_op *op)
{
	struct cdx_far *f = op->v->far;

	pthread_mutex_lock(&f->mu);
	op->cancelled = true;
	cdx_far_finish(f, op, -EINTR);
	/* the thread does what follows: not the caller, who may hold locks that
	 * the read's function wants */
	pthread_cond_broadcast(&f->cv);
	pthread_mutex_unlock(&f->mu);
}

/* ---- the thread ---- */

/* A block that it still waits for */
static struct cdx_need_block first_want(const struct cdx_vol_op *op)
{
	struct cdx_need_block b = {op->want[0].area, op->want[0].index};

	for (size_t i = 0; i < op->n; i++) {
		if (op->want[i].pinned)
			continue;
		b.area = op->want[i].area;
		b.index = op->want[i].index;
		break;
	}
	return b;
}

/* Ends what waited too long; the next deadline, or 0.  @late: one to be logged,
 * or area 0.  Caller holds mu. */
static uint64_t expire(struct cdx_far *f, struct cdx_need_block *late)
{
	uint64_t now = cdx_clock_mono_ns();
	uint64_t next = 0;

	cdx_list_foreach(pos, &f->ops) {
		struct cdx_vol_op *op =
			cdx_list_entry(pos, struct cdx_vol_op, link);

		if (op->state != CDX_OP_WAITS)
			continue;
		if (op->deadline > now) {
			if (!next || op->deadline < next)
				next = op->deadline;
			continue;
		}
		if (!late->area) {
			*late = first_want(op);
			if (!cdx_fetch_tell(f, late->area))
				late->area = 0;
		}
		cdx_far_finish(f, op, -EIO);
	}
	return next;
}

static bool has_work(const struct cdx_far *f)
{
	return !cdx_list_empty(&f->ready) || !cdx_list_empty(&f->starts) ||
	       !cdx_list_empty(&f->ends);
}

/* Caller holds mu */
static void wait_until(struct cdx_far *f, uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / NS),
		.tv_nsec = (long)(ns % NS),
	};

	if (ns)
		(void)pthread_cond_timedwait(&f->cv, &f->mu, &ts);
	else
		(void)pthread_cond_wait(&f->cv, &f->mu);
}

/* What the pool did not take */
static void run_ready(struct cdx_far *f)
{
	struct cdx_vol_op *op = NULL;

	pthread_mutex_lock(&f->mu);
	if (!cdx_list_empty(&f->ready)) {
		op = cdx_list_entry(f->ready.next, struct cdx_vol_op, ready);
		cdx_list_del(&op->ready);
	}
	pthread_mutex_unlock(&f->mu);
	if (op)
		go_on(op);
}

static void *run(void *arg)
{
	struct cdx_far *f = arg;

	pthread_mutex_lock(&f->mu);
	for (;;) {
		struct cdx_need_block late = {0, 0};
		uint64_t next = expire(f, &late);

		if (late.area) {
			pthread_mutex_unlock(&f->mu);
			cdx_fetch_log(f->v, &late, -ETIMEDOUT);
			pthread_mutex_lock(&f->mu);
		} else if (has_work(f)) {
			pthread_mutex_unlock(&f->mu);
			cdx_far_work(f);
			run_ready(f);
			pthread_mutex_lock(&f->mu);
		} else if (f->stop) {
			break;
		} else {
			wait_until(f, next);
		}
	}
	pthread_mutex_unlock(&f->mu);
	return NULL;
}

/* ---- the hook ---- */

static int hook_set(struct cdx_far *f, const struct cdx_vol_net *net)
{
	int r;

	pthread_mutex_lock(&f->mu);
	f->net = *net;
	f->stop = false;
	f->open = true;
	pthread_mutex_unlock(&f->mu);
	r = -pthread_create(&f->thread, NULL, run, f);
	pthread_mutex_lock(&f->mu);
	f->open = r == 0;
	pthread_mutex_unlock(&f->mu);
	atomic_store(&f->on, r == 0);
	atomic_store(&f->evicts, r == 0 && net->safe != NULL);
	return r;
}

static void hook_reset(struct cdx_far *f)
{
	size_t pos = 0;
	uint64_t key;
	void *x;

	atomic_store(&f->on, false);
	atomic_store(&f->evicts, false);
	pthread_mutex_lock(&f->mu);
	f->open = false;
	cdx_list_foreach(op, &f->ops)
		cdx_far_finish(f, cdx_list_entry(op, struct cdx_vol_op, link),
			       -EIO);
	/* what is left was asked for ahead; the map changes with each */
	while (cdx_map_next(&f->fetches, &pos, &key, &x)) {
		cdx_fetch_drop(f, x);
		pos = 0;
	}
	pthread_cond_broadcast(&f->cv);
	while (!cdx_list_empty(&f->ops) || f->busy)
		(void)pthread_cond_wait(&f->cv, &f->mu);
	f->stop = true;
	pthread_cond_broadcast(&f->cv);
	pthread_mutex_unlock(&f->mu);
	(void)pthread_join(f->thread, NULL);
}

int cdx_vol_set_net(struct cdx_volume *v, const struct cdx_vol_net *net)
{
	struct cdx_far *f = v->far;

	if (cdx_far_on(f))
		hook_reset(f);
	return net ? hook_set(f, net) : 0;
}

bool cdx_far_safe(struct cdx_volume *v, const struct cdx_cid *verifiable)
{
	struct cdx_far *f = v->far;
	bool ask;
	bool safe;

	pthread_mutex_lock(&f->mu);
	ask = f->open && f->net.safe != NULL;
	if (ask)
		f->busy++;
	pthread_mutex_unlock(&f->mu);
	if (!ask)
		return false;
	safe = f->net.safe(f->net.arg, verifiable);
	cdx_far_leave(f);
	return safe;
}

/* ---- the object ---- */

int cdx_far_new(struct cdx_volume *v)
{
	struct cdx_far *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	r = cdx_cond_mono(&f->cv);
	if (r < 0) {
		free(f);
		return r;
	}
	pthread_mutex_init(&f->mu, NULL);
	f->v = v;
	cdx_list_init(&f->ops);
	cdx_list_init(&f->ready);
	cdx_list_init(&f->starts);
	cdx_list_init(&f->ends);
	v->far = f;
	return 0;
}

void cdx_far_free(struct cdx_volume *v)
{
	struct cdx_far *f = v->far;

	if (!f)
		return;
	if (cdx_far_on(f))
		hook_reset(f);
	v->far = NULL;
	cdx_map_free(&f->fetches);
	cdx_map_free(&f->told);
	pthread_mutex_destroy(&f->mu);
	pthread_cond_destroy(&f->cv);
	free(f);
}

void cdx_far_status(struct cdx_volume *v, struct cdx_vol_status *out)
{
	struct cdx_far *f = v->far;

	pthread_mutex_lock(&f->mu);
	out->far_blocks = f->blocks;
	out->far_waiting = f->waiting;
	pthread_mutex_unlock(&f->mu);
}
