/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "eth/head_internal.h"

#define NS_PER_S UINT64_C(1000000000)
/* Timers are set for no longer, whatever the chain's clock says. */
#define WAIT_MAX_S 3600

/* loop-confined */
struct cdx_head_watch {
	struct cdx_list node;
	struct cdx_head *head;
	bool greeted; /* was told a head */
	cdx_head_fn *fn;
	void *arg;
};

/* loop-confined */
struct cdx_head_alarm {
	struct cdx_list node;
	struct cdx_head *head;
	int64_t at;
	bool rung;
	cdx_loop_fn *fn;
	void *arg;
};

static void set_ring(struct cdx_head *h);

int64_t cdx_head_now(const struct cdx_head *h)
{
	int64_t now;

	if (h->n_kept == 0)
		return cdx_clock_wall_s();
	now = h->head_ts +
	      (int64_t)((cdx_clock_mono_ns() - h->head_ns) / NS_PER_S);
	return now > h->floor_s ? now : h->floor_s;
}

/* A block is not older than this while they come */
#define FRESH_S 15

enum cdx_at cdx_head_at(const struct cdx_head *h)
{
	const struct cdx_block *b = h != NULL ? cdx_head_latest(h) : NULL;

	if (b == NULL || b->timestamp + FRESH_S < (uint64_t)cdx_head_now(h))
		return CDX_AT_PENDING;
	return CDX_AT_LATEST;
}

/* The new head is the last one kept.  A block may come later than its time
 * says: then the time stands still for a moment and does not go back. */
static void set_time(struct cdx_head *h, int64_t before, bool undone)
{
	uint64_t ts = h->kept[h->n_kept - 1].timestamp;

	h->head_ts = ts < INT64_MAX / 2 ? (int64_t)ts : INT64_MAX / 2;
	h->head_ns = cdx_clock_mono_ns();
	h->floor_s = undone ? INT64_MIN : before;
}

static void tell(struct cdx_head *h, struct cdx_head_watch *w, uint64_t fork)
{
	/* what it knew nothing of cannot be void */
	if (!w->greeted)
		fork = UINT64_MAX;
	w->greeted = true;
	w->fn(w->arg, &h->kept[h->n_kept - 1], fork);
}

static void tell_all(struct cdx_head *h, uint64_t fork, bool new_only)
{
	h->next_watch = h->watches.next;
	while (!h->dead && h->next_watch != &h->watches) {
		struct cdx_head_watch *w = cdx_list_entry(
			h->next_watch, struct cdx_head_watch, node);

		h->next_watch = w->node.next;
		if (!new_only || !w->greeted)
			tell(h, w, fork);
	}
	h->next_watch = NULL;
}

static struct cdx_head_alarm *due(struct cdx_head *h)
{
	int64_t now = cdx_head_now(h);

	cdx_list_foreach(pos, &h->alarms) {
		struct cdx_head_alarm *a =
			cdx_list_entry(pos, struct cdx_head_alarm, node);

		if (!a->rung && a->at <= now)
			return a;
	}
	return NULL;
}

/* Not before there is a head: until then nobody knows the chain's time. */
static void ring_all(struct cdx_head *h)
{
	struct cdx_head_alarm *a;

	while (!h->dead && h->n_kept && (a = due(h))) {
		a->rung = true;
		a->fn(a->arg);
	}
	if (!h->dead)
		set_ring(h);
}

void cdx_head_changed(struct cdx_head *h, uint64_t fork, bool undone)
{
	int64_t before = h->head_ns ? cdx_head_now(h) : INT64_MIN;

	set_time(h, before, undone);
	h->calling++;
	tell_all(h, fork, false);
	ring_all(h);
	h->calling--;
	cdx_head_let_go(h);
}

static void on_greet(void *arg)
{
	struct cdx_head *h = arg;

	cdx_loop_timer_del(h->greet);
	h->greet = NULL;
	h->calling++;
	if (h->n_kept)
		tell_all(h, UINT64_MAX, true);
	h->calling--;
	cdx_head_let_go(h);
}

static void on_ring(void *arg)
{
	struct cdx_head *h = arg;

	h->calling++;
	ring_all(h);
	h->calling--;
	cdx_head_let_go(h);
}

/* For the first alarm that has not rung.  Without memory the next head does
 * it. */
static void set_ring(struct cdx_head *h)
{
	int64_t now = cdx_head_now(h);
	int64_t wait = INT64_MAX;
	uint64_t ns;

	cdx_loop_timer_del(h->ring);
	h->ring = NULL;
	if (h->n_kept == 0)
		return;
	cdx_list_foreach(pos, &h->alarms) {
		const struct cdx_head_alarm *a =
			cdx_list_entry(pos, struct cdx_head_alarm, node);

		if (a->rung)
			continue;
		if (a->at <= now)
			wait = 0;
		else if (a->at - now < wait)
			wait = a->at - now;
	}
	if (wait == INT64_MAX)
		return;
	if (wait > WAIT_MAX_S)
		wait = WAIT_MAX_S;
	ns = (uint64_t)wait * NS_PER_S;
	/* of the present second, some has passed */
	if (wait > 0)
		ns -= (cdx_clock_mono_ns() - h->head_ns) % NS_PER_S;
	if (cdx_loop_timer_add(h->loop, &h->ring, ns, 0, on_ring, h) != 0)
		h->ring = NULL;
}

int cdx_head_watch_add(struct cdx_head *h, struct cdx_head_watch **out,
		       cdx_head_fn *fn, void *arg)
{
	struct cdx_head_watch *w = calloc(1, sizeof(*w));

	*out = NULL;
	if (!w)
		return -ENOMEM;
	if (!h->greet &&
	    cdx_loop_timer_add(h->loop, &h->greet, 0, 0, on_greet, h) != 0) {
		free(w);
		return -ENOMEM;
	}
	w->head = h;
	w->fn = fn;
	w->arg = arg;
	cdx_list_add_tail(&h->watches, &w->node);
	*out = w;
	return 0;
}

void cdx_head_watch_del(struct cdx_head_watch *w)
{
	if (!w)
		return;
	if (w->head->next_watch == &w->node)
		w->head->next_watch = w->node.next;
	cdx_list_del(&w->node);
	free(w);
}

int cdx_head_alarm_add(struct cdx_head *h, struct cdx_head_alarm **out,
		       int64_t at, cdx_loop_fn *fn, void *arg)
{
	struct cdx_head_alarm *a = calloc(1, sizeof(*a));

	*out = NULL;
	if (!a)
		return -ENOMEM;
	a->head = h;
	a->at = at;
	a->fn = fn;
	a->arg = arg;
	cdx_list_add_tail(&h->alarms, &a->node);
	set_ring(h);
	if (h->n_kept && !h->ring) {
		cdx_head_alarm_del(a);
		return -ENOMEM;
	}
	*out = a;
	return 0;
}

void cdx_head_alarm_del(struct cdx_head_alarm *a)
{
	if (!a)
		return;
	cdx_list_del(&a->node);
	free(a);
}

void cdx_head_watch_fini(struct cdx_head *h)
{
	cdx_loop_timer_del(h->greet);
	cdx_loop_timer_del(h->ring);
	h->greet = NULL;
	h->ring = NULL;
}
