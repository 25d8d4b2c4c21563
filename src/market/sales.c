/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/sales.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "market/sales_internal.h"

/* Between looks at whether the past was told */
#define CATCH_UP_NS UINT64_C(200000000)

/* ---- agents ---- */

/* A slot's id is a hash, so all but who looks for trouble has a key of its own */
static uint64_t key_of(const struct cdx_b32 *slot)
{
	uint64_t v;

	memcpy(&v, slot->b, sizeof(v));
	return v;
}

struct sale_agent *sale_find(struct cdx_sales *s, const struct cdx_b32 *slot)
{
	struct sale_agent *a = cdx_map_get(&s->by_slot, key_of(slot));

	while (a != NULL &&
	       memcmp(a->info.slot.b, slot->b, sizeof(slot->b)) != 0)
		a = a->same_key;
	return a;
}

/* With mu */
static int put_in_map(struct cdx_sales *s, struct sale_agent *a)
{
	uint64_t key = key_of(&a->info.slot);

	a->same_key = cdx_map_get(&s->by_slot, key);
	return cdx_map_put(&s->by_slot, key, a);
}

void sale_forget(struct sale_agent *a)
{
	struct cdx_sales *s = a->sales;
	uint64_t key = key_of(&a->info.slot);
	struct sale_agent *at = cdx_map_get(&s->by_slot, key);

	cdx_list_del(&a->link);
	if (at != a) {
		while (at->same_key != a)
			at = at->same_key;
		at->same_key = a->same_key;
	} else if (a->same_key == NULL) {
		(void)cdx_map_del(&s->by_slot, key);
	} else {
		/* what is there is replaced: that takes no memory */
		(void)!cdx_map_put(&s->by_slot, key, a->same_key);
	}
}

struct sale_agent *sale_sibling(const struct sale_agent *a)
{
	const struct sale_agent *found = NULL;

	cdx_list_foreach(pos, &a->sales->agents) {
		const struct sale_agent *o =
			cdx_list_entry(pos, struct sale_agent, link);

		if (o == a || o->closing || !o->has_manifest ||
		    !a->has_manifest ||
		    (!o->info.has_reservation &&
		     o->note.step < CDX_SALE_STEP_FILLED) ||
		    o->info.index != a->info.index ||
		    !cdx_cid_equal(&o->note.manifest, &a->note.manifest))
			continue;
		/* best the one that has the bytes, or can have them */
		if (found == NULL || (o->info.has_reservation &&
				      (!found->info.has_reservation ||
				       o->info.reservation.bytes > 0)))
			found = o;
	}
	return (struct sale_agent *)(uintptr_t)found;
}

struct sale_agent *sale_agent_new(struct cdx_sales *s,
				  const struct cdx_b32 *slot)
{
	struct sale_agent *a = calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return NULL;
	a->sales = s;
	a->info.slot = *slot;
	a->info.state = CDX_SALE_UNKNOWN;
	pthread_mutex_lock(&s->mu);
	rc = put_in_map(s, a);
	if (rc == 0) {
		cdx_list_add_tail(&s->agents, &a->link);
		s->stats.started++;
	}
	pthread_mutex_unlock(&s->mu);
	if (rc == 0)
		return a;
	free(a);
	return NULL;
}

/* ---- the queue's other end ---- */

static bool is_working(const struct sale_agent *a)
{
	switch (a->info.state) {
	case CDX_SALE_PREPARING:
	case CDX_SALE_RESERVING:
	case CDX_SALE_DOWNLOADING:
	case CDX_SALE_INITIAL_PROVING:
	case CDX_SALE_FILLING:
		return true;
	case CDX_SALE_FILLED:
	case CDX_SALE_PROVING:
	case CDX_SALE_PAYOUT:
	case CDX_SALE_FINISHED:
	case CDX_SALE_CANCELLED:
	case CDX_SALE_FAILED:
	case CDX_SALE_IGNORED:
	case CDX_SALE_ERRORED:
	case CDX_SALE_UNKNOWN:
	case CDX_SALE_STATES:
		break;
	}
	return false;
}

static unsigned working(const struct cdx_sales *s)
{
	unsigned n = 0;

	cdx_list_foreach(pos, &s->agents)
		n += is_working(cdx_list_entry(pos, struct sale_agent, link));
	return n;
}

/* Slots of this request that we have or are after */
static unsigned of_request(const struct cdx_sales *s,
			   const struct cdx_b32 *request)
{
	unsigned n = 0;

	cdx_list_foreach(pos, &s->agents)
		n += memcmp(cdx_list_entry(pos, struct sale_agent, link)
				    ->info.request.b,
			    request->b, sizeof(request->b)) == 0;
	return n;
}

static void start(struct cdx_sales *s, const struct cdx_sale_item *it)
{
	struct cdx_sale_item later = *it;
	struct sale_agent *a;
	struct cdx_b32 slot;
	unsigned most = s->opts.per_request;

	cdx_slot_id(&slot, &it->request, it->index);
	if (most > it->max_loss && most > 1)
		most = it->max_loss > 1 ? (unsigned)it->max_loss : 1;
	if (of_request(s, &it->request) >= most || sale_find(s, &slot)) {
		/* looked at again when one of them has ended */
		later.seen = true;
		(void)!cdx_sale_queue_push(s->queue, &later);
		return;
	}
	a = sale_agent_new(s, &slot);
	if (a == NULL)
		return;
	pthread_mutex_lock(&s->mu);
	a->info.request = it->request;
	a->info.index = it->index;
	pthread_mutex_unlock(&s->mu);
	sale_go(a, CDX_SALE_PREPARING);
}

static void dispatch_again(void *arg)
{
	struct cdx_sales *s = arg;

	cdx_loop_timer_del(s->soon);
	s->soon = NULL;
	sale_dispatch(s);
}

/* What the past says of slots must be known, and what is ours.  Nobody tells when the
 * last event was told. */
static bool is_ready(struct cdx_sales *s)
{
	s->caught_up =
		s->caught_up || cdx_market_events_caught_up(s->opts.events);
	if (s->loaded && s->caught_up)
		return true;
	if (s->soon == NULL)
		/* without memory the next block tries again */
		(void)!cdx_loop_timer_add(s->env->loop, &s->soon, CATCH_UP_NS,
					  0, dispatch_again, s);
	return false;
}

void sale_dispatch(struct cdx_sales *s)
{
	struct cdx_sale_item it;

	if (!is_ready(s))
		return;
	while (working(s) < s->opts.workers &&
	       cdx_sale_queue_take(s->queue, &it))
		start(s, &it);
	pthread_mutex_lock(&s->mu);
	s->stats.queued = cdx_sale_queue_len(s->queue);
	pthread_mutex_unlock(&s->mu);
}

void sale_say(struct cdx_sales *s, const char *words)
{
	pthread_mutex_lock(&s->mu);
	snprintf(s->why, sizeof(s->why), "%s", words);
	pthread_mutex_unlock(&s->mu);
}

static void on_woken(void *arg)
{
	struct cdx_sales *s = arg;

	cdx_sale_queue_unsee(s->queue, NULL);
	sale_dispatch(s);
}

/* ---- the object ---- */

static void set_defaults(struct cdx_sales *s)
{
	struct cdx_sales_opts *o = &s->opts;
	uint64_t margin = 2 * s->env->config.period;

	if (o->queue == 0)
		o->queue = 128;
	if (o->workers == 0)
		o->workers = 3;
	if (o->per_request == 0)
		o->per_request = 1;
	if (o->fill_margin_s == 0)
		o->fill_margin_s = margin > 60 ? (unsigned)margin : 60;
	if (o->check_s == 0)
		o->check_s = 24 * 3600;
	if (o->check_rate == 0)
		o->check_rate = 16u << 20;
	if (o->reconcile_s == 0)
		o->reconcile_s = 300;
}

int cdx_sales_new(struct cdx_sales **out, const struct cdx_market_env *env,
		  const struct cdx_sales_opts *opts)
{
	struct cdx_sales *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return -ENOMEM;
	s->env = env;
	s->opts = *opts;
	pthread_mutex_init(&s->mu, NULL);
	cdx_list_init(&s->agents);
	cdx_list_init(&s->lookups);
	set_defaults(s);
	rc = cdx_sale_queue_new(&s->queue, s->opts.queue);
	if (rc == 0)
		rc = sale_books_earned(env->store, &s->stats.earned);
	if (rc == 0)
		rc = sale_work_new(&s->work, env->loop, s->opts.workers,
				   on_woken, s);
	if (rc == 0)
		rc = cdx_market_watch_add(opts->events, &s->watch,
					  sale_on_event, s);
	if (rc == 0)
		rc = cdx_head_watch_add(env->head, &s->head, sale_on_head, s);
	if (rc == 0)
		rc = sale_reconcile_start(s);
	if (rc < 0) {
		cdx_sales_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void cdx_sales_free(struct cdx_sales *s)
{
	if (s == NULL)
		return;
	cdx_loop_timer_del(s->reconcile);
	cdx_loop_timer_del(s->soon);
	if (s->head != NULL)
		cdx_head_watch_del(s->head);
	cdx_market_watch_del(s->watch);
	cdx_marketplace_forget(s->env->market, s);
	sale_lookups_free(s);
	/* jobs speak of agents */
	sale_work_free(s->work);
	cdx_list_foreach_safe(pos, tmp, &s->agents)
		sale_agent_free(cdx_list_entry(pos, struct sale_agent, link));
	cdx_map_free(&s->by_slot);
	cdx_sale_queue_free(s->queue);
	pthread_mutex_destroy(&s->mu);
	free(s);
}

void cdx_sales_offers_changed(struct cdx_sales *s)
{
	sale_work_wake(s->work);
}

/* ---- what others see ---- */

static int copy_all(struct cdx_sales *s, struct cdx_sale_info **out,
		    size_t *n_out)
{
	struct cdx_sale_info *list;
	size_t n = 0;

	pthread_mutex_lock(&s->mu);
	cdx_list_foreach(pos, &s->agents)
		n++;
	list = calloc(n > 0 ? n : 1, sizeof(*list));
	n = 0;
	cdx_list_foreach(pos, &s->agents) {
		if (list != NULL)
			list[n++] = cdx_list_entry(pos, struct sale_agent, link)
					    ->info;
	}
	pthread_mutex_unlock(&s->mu);
	*out = list;
	*n_out = n;
	return list != NULL ? 0 : -ENOMEM;
}

int cdx_sales_list(struct cdx_sales *s, cdx_sale_fn *fn, void *arg)
{
	struct cdx_sale_info *list;
	size_t n;
	int rc = copy_all(s, &list, &n);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = fn(arg, &list[i]);
	free(list);
	return rc < 0 ? rc : 0;
}

int cdx_sales_get(struct cdx_sales *s, const struct cdx_b32 *slot,
		  struct cdx_sale_info *out)
{
	const struct sale_agent *a;
	int rc = -ENOENT;

	pthread_mutex_lock(&s->mu);
	a = sale_find(s, slot);
	if (a != NULL) {
		*out = a->info;
		rc = 0;
	}
	pthread_mutex_unlock(&s->mu);
	return rc;
}

/* What a slot that is ours has at stake, and will bring */
static void add_amounts(struct cdx_sales_stats *out, const struct sale_agent *a)
{
	const struct cdx_ask *ask = &a->info.what.ask;
	int64_t from = a->paid_from;
	struct cdx_u256 v;

	if (a->info.state != CDX_SALE_FILLED &&
	    a->info.state != CDX_SALE_PROVING &&
	    a->info.state != CDX_SALE_PAYOUT)
		return;
	if (cdx_ask_slot_collateral(&v, ask) == 0)
		(void)!cdx_u256_add(&out->collateral, &out->collateral, &v);
	if (from > 0 && a->paid_until > from &&
	    cdx_ask_slot_price(&v, ask) == 0 &&
	    cdx_u256_mul_u64(&v, &v, (uint64_t)(a->paid_until - from)) == 0)
		(void)!cdx_u256_add(&out->due, &out->due, &v);
}

void cdx_sales_stats(struct cdx_sales *s, struct cdx_sales_stats *out)
{
	const struct sale_agent *a;

	pthread_mutex_lock(&s->mu);
	*out = s->stats;
	snprintf(out->alarm, sizeof(out->alarm), "%s", s->why);
	cdx_list_foreach(pos, &s->agents) {
		a = cdx_list_entry(pos, struct sale_agent, link);
		out->by_state[a->info.state]++;
		add_amounts(out, a);
		/* data that is missing is worse than money that is */
		if (a->alarm_words[0] != '\0')
			snprintf(out->alarm, sizeof(out->alarm), "%s",
				 a->alarm_words);
	}
	pthread_mutex_unlock(&s->mu);
}
