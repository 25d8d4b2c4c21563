/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "market/sales_internal.h"

/* From events to the queue and to the agents */

/* Freed slots whose request is asked for at once; more are found by later events, or
 * not: others take them */
#define LOOKUPS_MAX 256u

/* A slot that was freed: what its request asks for, and its absolute expiry */
struct lookup {
	struct cdx_list link; /* in lookups */
	struct cdx_sales *sales;
	struct cdx_b32 request;
	uint64_t index;
	struct cdx_ask ask;
};

static void lookup_free(struct lookup *l)
{
	cdx_marketplace_forget(l->sales->env->market, l);
	cdx_list_del(&l->link);
	l->sales->n_lookups--;
	free(l);
}

void sale_lookups_free(struct cdx_sales *s)
{
	cdx_list_foreach_safe(pos, tmp, &s->lookups)
		lookup_free(cdx_list_entry(pos, struct lookup, link));
}

static void on_expiry(void *arg, int err, uint64_t v,
		      const struct cdx_revert *why CDX_UNUSED)
{
	struct lookup *l = arg;
	struct cdx_sales *s = l->sales;
	struct cdx_sale_item it;

	if (err == 0) {
		cdx_sale_item_of(&it, &l->request, l->index, &l->ask,
				 v <= INT64_MAX ? (int64_t)v : 0,
				 s->env->config.repair_reward);
		(void)!cdx_sale_queue_push(s->queue, &it);
	}
	lookup_free(l);
	if (err == 0)
		sale_dispatch(s);
}

static void on_request(void *arg, int err, const struct cdx_storage_request *r,
		       uint64_t index CDX_UNUSED,
		       const struct cdx_revert *why CDX_UNUSED)
{
	struct lookup *l = arg;

	if (err == 0 && l->index < r->ask.slots) {
		l->ask = r->ask;
		err = cdx_market_request_expiry(l->sales->env->market,
						&l->request, on_expiry, l);
		if (err == 0)
			return;
	}
	lookup_free(l);
}

static void look_up(struct cdx_sales *s, const struct cdx_b32 *request,
		    uint64_t index)
{
	struct lookup *l;

	if (s->n_lookups >= LOOKUPS_MAX)
		return;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return;
	l->sales = s;
	l->request = *request;
	l->index = index;
	cdx_list_add_tail(&s->lookups, &l->link);
	s->n_lookups++;
	if (cdx_market_get_request(s->env->market, request, on_request, l) < 0)
		lookup_free(l);
}

/* ---- events ---- */

static void poke_all(struct cdx_sales *s, const struct cdx_b32 *request)
{
	cdx_list_foreach_safe(pos, tmp, &s->agents) {
		struct sale_agent *a =
			cdx_list_entry(pos, struct sale_agent, link);

		if (memcmp(a->info.request.b, request->b, sizeof(request->b)) ==
		    0)
			sale_poke(a);
	}
}

static void poke_one(struct cdx_sales *s, const struct cdx_b32 *request,
		     uint64_t index)
{
	struct cdx_b32 slot;
	struct sale_agent *a;

	cdx_slot_id(&slot, request, index);
	a = sale_find(s, &slot);
	if (a != NULL)
		sale_poke(a);
}

static void on_requested(struct cdx_sales *s, const struct cdx_market_event *e,
			 bool removed)
{
	int64_t expiry = e->expiry <= INT64_MAX ? (int64_t)e->expiry : 0;

	if (removed) {
		cdx_sale_queue_remove_all(s->queue, &e->request);
		poke_all(s, &e->request);
	} else if (expiry - (int64_t)s->opts.fill_margin_s >
		   cdx_head_now(s->env->head)) {
		(void)cdx_sale_queue_push_all(s->queue, &e->request, &e->ask,
					      expiry);
	}
}

void sale_on_event(void *arg, const struct cdx_market_event *e,
		   uint64_t block CDX_UNUSED, bool removed)
{
	struct cdx_sales *s = arg;

	switch (e->kind) {
	case CDX_EVENT_STORAGE_REQUESTED:
		on_requested(s, e, removed);
		break;
	case CDX_EVENT_SLOT_FREED:
		poke_one(s, &e->request, e->slot_index);
		if (!removed)
			look_up(s, &e->request, e->slot_index);
		break;
	case CDX_EVENT_SLOT_FILLED:
		poke_one(s, &e->request, e->slot_index);
		if (removed)
			look_up(s, &e->request, e->slot_index);
		else
			cdx_sale_queue_remove(s->queue, &e->request,
					      e->slot_index);
		break;
	case CDX_EVENT_SLOT_RESERVATIONS_FULL:
		if (!removed)
			cdx_sale_queue_remove(s->queue, &e->request,
					      e->slot_index);
		break;
	case CDX_EVENT_REQUEST_FULFILLED:
	case CDX_EVENT_REQUEST_CANCELLED:
	case CDX_EVENT_REQUEST_FAILED:
		if (!removed)
			cdx_sale_queue_remove_all(s->queue, &e->request);
		poke_all(s, &e->request);
		break;
	case CDX_EVENT_PROOF_SUBMITTED:
	case CDX_EVENT_PROOF_SUBMITTER_SET:
	case CDX_EVENT_TRANSFER:
	case CDX_EVENT_APPROVAL:
		return;
	}
	sale_dispatch(s);
}
