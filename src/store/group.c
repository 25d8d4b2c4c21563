/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "store/area.h"
#include "store/internal.h"

/* Groups: the committer thread prepares, freezes and writes them. */

#define PREPARE_TRIES 100
/* Prepare again while so many bytes came meanwhile, but not for ever. */
#define CARRY_SOFT (256u << 10)
#define CARRY_TRIES 8
#define BACKOFF_MIN_MS 100u
#define BACKOFF_MAX_MS 10000u

/* Somebody waits for the next group. */
struct ticket {
	struct cdx_list node;
	cdx_store_ticket_fn *fn;
	void *arg;
	bool heap;
};

void cdx_group_drop(struct cdx_group *g)
{
	cdx_memtable_unref(g->mem);
	cdx_view_put(g->after);
	cdx_batch_refs_clear(&g->carry);
	memset(g, 0, sizeof(*g));
}

/* ---- prepare and freeze ---- */

/* 1 frozen, 0 nothing to do.  Caller holds mu. */
static int freeze_locked(struct cdx_store *s)
{
	struct cdx_group *g = &s->group_frozen;
	struct cdx_memtable *fresh = NULL;
	struct cdx_view *during = NULL;
	struct cdx_view *after = NULL;
	unsigned i;
	int r;

	if (s->seq == s->covered && !s->more)
		return 0;
	r = cdx_memtable_new(&fresh);
	if (!r)
		r = cdx_view_new(&during, fresh, s->fill);
	if (!r)
		r = cdx_view_new(&after, fresh, NULL);
	if (r < 0) {
		cdx_view_put(during);
		cdx_memtable_unref(fresh);
		return r;
	}
	g->mem = s->fill;
	g->after = after;
	for (i = 0; i < CDX_COUNTERS; i++)
		g->counters[i] = cdx_kv_counter(s, (enum cdx_counter)i);
	g->number = atomic_fetch_add(&s->group, 1);
	g->seq = s->seq;
	g->log_pos = s->ilog.head;
	g->log_seq = s->ilog.seq;
	g->carry = s->carry;
	memset(&s->carry, 0, sizeof(s->carry));
	s->fill = fresh;
	s->is_frozen = true;
	cdx_view_publish(s, during);
	return 1;
}

/* What came before the hook is called is the hook's; what comes while it runs
 * may be missed by it and is carried along. */
static int run_prepare(struct cdx_store *s)
{
	struct cdx_batch_refs old;

	pthread_mutex_lock(&s->mu);
	old = s->carry;
	memset(&s->carry, 0, sizeof(s->carry));
	s->preparing = true;
	pthread_mutex_unlock(&s->mu);
	cdx_batch_refs_clear(&old);
	return cdx_hooks_prepare(s);
}

/* Caller holds mu. */
static bool again_locked(struct cdx_store *s, int tries)
{
	if (cdx_hooks_gate_locked(s))
		return true;
	return s->carry.bytes > CARRY_SOFT && tries < CARRY_TRIES;
}

/* One round: 1 frozen, 0 nothing to do, CDX_E_AGAIN not ready yet. */
static int try_freeze(struct cdx_store *s, int tries)
{
	int r = run_prepare(s);

	if (r < 0)
		return r;
	pthread_mutex_lock(&s->mu);
	r = again_locked(s, tries) ? CDX_E_AGAIN : freeze_locked(s);
	if (r >= 0)
		s->preparing = false;
	pthread_mutex_unlock(&s->mu);
	return r;
}

static void stop_preparing(struct cdx_store *s)
{
	struct cdx_batch_refs old;

	pthread_mutex_lock(&s->mu);
	s->preparing = false;
	old = s->carry;
	memset(&s->carry, 0, sizeof(s->carry));
	pthread_mutex_unlock(&s->mu);
	cdx_batch_refs_clear(&old);
}

static int prepare_and_freeze(struct cdx_store *s)
{
	int tries = 0;
	int r;

	do {
		r = try_freeze(s, tries);
	} while (r == CDX_E_AGAIN && ++tries < PREPARE_TRIES);
	stop_preparing(s);
	return r == CDX_E_AGAIN ? -EBUSY : r;
}

/* ---- write ---- */

/* The frozen group is durable: readers go on without it, the log before it is
 * free. */
static void retire(struct cdx_store *s)
{
	struct cdx_group *g = &s->group_frozen;
	struct cdx_list old;

	cdx_list_init(&old);
	pthread_mutex_lock(&s->mu);
	s->covered = g->seq;
	if (s->logged < g->seq)
		s->logged = g->seq;
	cdx_fifo_retire(&s->fifo, &old, g->seq);
	s->ilog.tail = g->log_pos;
	s->is_frozen = false;
	atomic_store(&s->durable_group, g->number);
	cdx_view_publish(s, g->after);
	g->after = NULL;
	pthread_cond_broadcast(&s->room_cv);
	pthread_cond_broadcast(&s->log_cv);
	pthread_mutex_unlock(&s->mu);
	cdx_batch_list_free(&old);
	cdx_group_drop(g);
}

static int write_frozen(struct cdx_store *s)
{
	uint64_t number = s->group_frozen.number;
	uint64_t t0 = cdx_clock_mono_ns();
	int r;

	r = cdx_area_sync_dirty(s);
	if (r < 0) {
		pthread_mutex_lock(&s->mu);
		cdx_store_fail_locked(s, r, "sync of data files");
		pthread_mutex_unlock(&s->mu);
		return r;
	}
	r = cdx_group_write(s);
	if (r < 0) {
		cdx_log(s->log, ERROR, "store", "group %llu: commit failed: %s",
			(unsigned long long)number, cdx_strerror(r));
		return r;
	}
	retire(s);
	atomic_store(&s->last_commit_us, (cdx_clock_mono_ns() - t0) / 1000);
	atomic_fetch_add(&s->commits, 1);
	cdx_hooks_committed(s, number);
	return 0;
}

/* ---- the thread ---- */

static void answer(struct cdx_list *tickets, int result)
{
	struct ticket *t;
	bool heap;

	while (!cdx_list_empty(tickets)) {
		t = cdx_list_entry(tickets->next, struct ticket, node);
		cdx_list_del(&t->node);
		/* one on a stack is gone once it is told */
		heap = t->heap;
		t->fn(t->arg, result);
		if (heap)
			free(t);
	}
}

static void take_tickets(struct cdx_store *s, struct cdx_list *out)
{
	struct ticket *t;

	cdx_list_init(out);
	pthread_mutex_lock(&s->mu);
	s->asked = false;
	while (!cdx_list_empty(&s->tickets)) {
		t = cdx_list_entry(s->tickets.next, struct ticket, node);
		cdx_list_del(&t->node);
		cdx_list_add_tail(out, &t->node);
	}
	pthread_mutex_unlock(&s->mu);
}

static int commit_once(struct cdx_store *s)
{
	int r = cdx_store_failed(s);

	if (r < 0)
		return r;
	if (s->group_frozen.mem) {
		r = write_frozen(s);
		if (r < 0)
			return r;
	}
	r = prepare_and_freeze(s);
	return r > 0 ? write_frozen(s) : r;
}

static void cycle(struct cdx_store *s, bool last)
{
	struct cdx_list tickets;
	int r;

	take_tickets(s, &tickets);
	r = commit_once(s);
	pthread_mutex_lock(&s->mu);
	s->commit_err = r < 0 ? r : 0;
	pthread_cond_broadcast(&s->room_cv);
	pthread_mutex_unlock(&s->mu);
	s->last_result = r;
	answer(&tickets, r);
	s->more = false;
	if (r < 0 || last)
		return;
	r = cdx_store_reclaim(s);
	if (r < 0)
		cdx_log(s->log, WARN, "store", "giving space back: %s",
			cdx_strerror(r));
	s->more = r > 0;
}

static struct timespec deadline(unsigned ms)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += (time_t)(ms / 1000);
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	return ts;
}

/* Until somebody asks, the interval is over or the store closes; true in the
 * last case. */
static bool wait_work(struct cdx_store *s, unsigned ms)
{
	struct timespec until = deadline(ms);
	bool stop;

	pthread_mutex_lock(&s->mu);
	while (!s->asked && !s->stop &&
	       pthread_cond_timedwait(&s->work_cv, &s->mu, &until) == 0)
		;
	stop = s->stop;
	pthread_mutex_unlock(&s->mu);
	return stop;
}

static void *committer(void *arg)
{
	struct cdx_store *s = arg;
	unsigned backoff = BACKOFF_MIN_MS;
	unsigned ms = s->commit_ms;
	bool stop;

	(void)cdx_store_set_in_hook(true);
	do {
		stop = wait_work(s, ms);
		cycle(s, stop);
		ms = s->commit_ms;
		if (s->last_result >= 0) {
			backoff = BACKOFF_MIN_MS;
		} else {
			ms = backoff;
			backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2
							       : BACKOFF_MAX_MS;
		}
	} while (!stop);
	return NULL;
}

int cdx_group_start(struct cdx_store *s)
{
	int r = pthread_create(&s->committer, NULL, committer, s);

	if (r)
		return -r;
	s->committer_runs = true;
	return 0;
}

int cdx_group_stop(struct cdx_store *s)
{
	pthread_mutex_lock(&s->mu);
	s->stop = true;
	pthread_cond_signal(&s->work_cv);
	pthread_mutex_unlock(&s->mu);
	(void)pthread_join(s->committer, NULL);
	s->committer_runs = false;
	return s->last_result;
}

/* ---- asking ---- */

static void post_locked(struct cdx_store *s, struct ticket *t)
{
	cdx_list_add_tail(&s->tickets, &t->node);
	s->asked = true;
	pthread_cond_signal(&s->work_cv);
}

/* A thread that waits for its ticket */
struct waiter {
	struct cdx_store *s;
	bool done; /* guarded by mu */
	int result;
};

static void wake(void *arg, int result)
{
	struct waiter *w = arg;
	struct cdx_store *s = w->s;

	pthread_mutex_lock(&s->mu);
	w->result = result;
	w->done = true;
	pthread_cond_broadcast(&s->log_cv);
	pthread_mutex_unlock(&s->mu);
}

int cdx_store_commit(struct cdx_store *s)
{
	struct waiter w = {.s = s};
	struct ticket t = {.fn = wake, .arg = &w};

	if (!s->started)
		return CDX_E_SEQUENCE;
	if (s->readonly)
		return 0;
	if (pthread_equal(pthread_self(), s->committer))
		return -EDEADLK;
	pthread_mutex_lock(&s->mu);
	post_locked(s, &t);
	while (!w.done)
		pthread_cond_wait(&s->log_cv, &s->mu);
	pthread_mutex_unlock(&s->mu);
	return w.result;
}

int cdx_store_commit_async(struct cdx_store *s, cdx_store_ticket_fn *fn,
			   void *arg)
{
	struct ticket *t;

	if (!s->started)
		return CDX_E_SEQUENCE;
	if (s->readonly) {
		fn(arg, 0);
		return 0;
	}
	t = malloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct ticket){.fn = fn, .arg = arg, .heap = true};
	pthread_mutex_lock(&s->mu);
	post_locked(s, t);
	pthread_mutex_unlock(&s->mu);
	return 0;
}

uint64_t cdx_store_group(struct cdx_store *s)
{
	return atomic_load(&s->group);
}

uint64_t cdx_store_durable(struct cdx_store *s)
{
	return atomic_load(&s->durable_group);
}
