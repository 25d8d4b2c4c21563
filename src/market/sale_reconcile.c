/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "market/sales_internal.h"

/* What the store says of an earlier life, and what the chain says is ours */

/* ---- reservations of before ---- */

struct load {
	struct sale_job job; /* first */
	struct cdx_sales *sales;
	struct cdx_store *store;
	struct cdx_reservation *list;
	size_t n;
	size_t cap;
	int rc;
};

static int add_row(void *arg, const struct cdx_reservation *r)
{
	struct load *l = arg;
	struct cdx_reservation *list;

	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : 2 * l->cap;
		list = realloc(l->list, l->cap * sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		l->list = list;
	}
	l->list[l->n++] = *r;
	return 0;
}

static void load_run(struct sale_job *j)
{
	struct load *l = CDX_CONTAINER(j, struct load, job);

	l->rc = cdx_reservation_list(l->store, add_row, l);
}

/* Of this contract?  Who goes back to another one finds its reservations as they
 * were. */
static bool is_of_here(const struct cdx_sales *s, const struct cdx_sale_note *n)
{
	const struct cdx_addr *addr = cdx_marketplace_addr(s->env->market);

	return n->chain_id == cdx_rpc_chain_id(s->env->rpc) &&
	       memcmp(n->contract.b, addr->b, sizeof(addr->b)) == 0;
}

static int take_up(struct cdx_sales *s, const struct cdx_reservation *r)
{
	struct cdx_sale_note note;
	struct sale_agent *a;
	struct cdx_b32 slot;
	int rc = cdx_sale_note_decode(&note, r->note, r->note_len);

	if (rc < 0 || !is_of_here(s, &note)) {
		pthread_mutex_lock(&s->mu);
		s->stats.foreign++;
		pthread_mutex_unlock(&s->mu);
		return 0;
	}
	memcpy(slot.b, r->slot, sizeof(slot.b));
	if (sale_find(s, &slot) != NULL)
		return 0;
	a = sale_agent_new(s, &slot);
	if (a == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&s->mu);
	memcpy(a->info.request.b, r->request, sizeof(a->info.request.b));
	a->info.index = r->index;
	a->info.what = note.what;
	a->info.reservation = *r;
	a->info.has_reservation = true;
	pthread_mutex_unlock(&s->mu);
	a->note = note;
	a->has_what = true;
	a->has_manifest = true;
	return 0;
}

static void load_end(struct sale_job *j, bool gone)
{
	struct load *l = CDX_CONTAINER(j, struct load, job);
	struct cdx_sales *s = l->sales;
	int rc = l->rc;
	size_t n = 0;

	for (size_t i = 0; i < l->n && !gone && rc == 0; i++)
		rc = take_up(s, &l->list[i]);
	free(l->list);
	free(l);
	if (gone)
		return;
	s->loading = false;
	if (s->stats.foreign > 0)
		cdx_log(s->env->log, WARN, "market",
			"%" PRIu32
			" reservations are of another marketplace or "
			"cannot be read: they are left alone",
			s->stats.foreign);
	if (rc < 0) {
		/* the rest at the next round */
		sale_say(s, "reservations cannot be read from the store");
		return;
	}
	s->loaded = true;
	sale_say(s, "");
	/* all are known before any looks for others of the same bytes */
	cdx_list_foreach(pos, &s->agents)
		sale_begin(cdx_list_entry(pos, struct sale_agent, link), n++);
	sale_reconcile(s);
}

/* ---- slots of the account ---- */

static void on_my_slots(void *arg, int err, const struct cdx_b32 *ids, size_t n,
			const struct cdx_revert *why)
{
	struct cdx_sales *s = arg;
	struct sale_agent *a;

	s->asking = false;
	if (err < 0) {
		cdx_log(s->env->log, WARN, "market",
			"the slots of this account cannot be asked for: %s",
			sale_words(why, err));
		return;
	}
	cdx_list_foreach(pos, &s->agents)
		cdx_list_entry(pos, struct sale_agent, link)->ours = false;
	for (size_t i = 0; i < n; i++) {
		a = sale_find(s, &ids[i]);
		if (a != NULL) {
			a->ours = true;
			continue;
		}
		a = sale_agent_new(s, &ids[i]);
		if (a == NULL)
			return;
		a->ours = true;
		a->reserve_any = true;
		sale_begin(a, i);
	}
	/* those that the chain does not name: looked at one by one */
	cdx_list_foreach_safe(pos, tmp, &s->agents) {
		a = cdx_list_entry(pos, struct sale_agent, link);
		if (!a->ours && (a->info.state == CDX_SALE_PROVING ||
				 a->info.state == CDX_SALE_FILLED))
			sale_poke(a);
	}
}

static void begin_load(struct cdx_sales *s)
{
	struct load *l;

	/* which contract it is must be known first */
	if (s->loading || cdx_rpc_chain_id(s->env->rpc) == 0)
		return;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return;
	l->job.run = load_run;
	l->job.end = load_end;
	l->sales = s;
	l->store = s->env->store;
	pthread_mutex_lock(&s->mu);
	s->stats.foreign = 0;
	pthread_mutex_unlock(&s->mu);
	s->loading = true;
	sale_work_add(s->work, SALE_LANE_BOOKS, &l->job);
}

void sale_reconcile(void *arg)
{
	struct cdx_sales *s = arg;

	if (!s->loaded) {
		begin_load(s);
		return;
	}
	if (!s->asking &&
	    cdx_market_my_slots(s->env->market, cdx_sender_addr(s->opts.sender),
				on_my_slots, s) == 0)
		s->asking = true;
	/* what did not fit may fit now: tokens came, a manifest is to be had */
	cdx_sale_queue_unsee(s->queue, NULL);
	sale_dispatch(s);
}

int sale_reconcile_start(struct cdx_sales *s)
{
	uint64_t every = s->opts.reconcile_s * UINT64_C(1000000000);

	return cdx_loop_timer_add(s->env->loop, &s->reconcile, every, every,
				  sale_reconcile, s);
}
