/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Records taken up, the head, events, and the comparison with the chain. */
#include "config.h"

#include "market/purchase_internal.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

#define NS_PER_S UINT64_C(1000000000)
/* What ended is kept so long */
#define KEEP_S INT64_C(2592000)

/* ---- records ---- */

static int load_one(void *arg, const char *key, const void *val, size_t len)
{
	struct cdx_purchasing *p = arg;
	struct cdx_purchase_rec rec;
	struct purchase *b;
	int rc = cdx_purchase_rec_decode(&rec, val, len);

	if (rc == CDX_E_VERSION || rc == -ENOMEM)
		return rc;
	if (rc < 0) {
		/* the money is not lost: its request is in myRequests until it
		 * was withdrawn */
		cdx_log(p->env->log, ERROR, "purchasing",
			"the record %s cannot be read and is passed over", key);
		return 0;
	}
	b = purchase_add(p, &rec);
	if (b == NULL)
		return -ENOMEM;
	b->durable = true;
	b->look = true;
	return 0;
}

/* ---- events, the head ---- */

static void on_event(void *arg, const struct cdx_market_event *e,
		     uint64_t block, bool removed)
{
	struct cdx_purchasing *p = arg;
	struct purchase *b;

	if (e->kind == CDX_EVENT_PROOF_SUBMITTED) {
		purchase_slots_proof(p, &e->slot, block, removed);
		return;
	}
	b = purchase_find(p, &e->request);
	if (b == NULL || b->foreign)
		return;
	switch (e->kind) {
	case CDX_EVENT_SLOT_FILLED:
	case CDX_EVENT_SLOT_FREED:
		purchase_slots_event(b, e, block, removed);
		break;
	case CDX_EVENT_STORAGE_REQUESTED:
	case CDX_EVENT_REQUEST_FULFILLED:
	case CDX_EVENT_REQUEST_CANCELLED:
	case CDX_EVENT_REQUEST_FAILED:
		if (!purchase_over(b)) {
			b->look = true;
			purchase_soon(p);
		}
		break;
	case CDX_EVENT_SLOT_RESERVATIONS_FULL:
	case CDX_EVENT_PROOF_SUBMITTED:
	case CDX_EVENT_PROOF_SUBMITTER_SET:
	case CDX_EVENT_TRANSFER:
	case CDX_EVENT_APPROVAL:
		break;
	}
}

static void on_head(void *arg, const struct cdx_block *head, uint64_t fork)
{
	struct cdx_purchasing *p = arg;
	uint64_t before = p->head;

	p->head = head->number;
	if (p->confirming || !p->has_volume)
		p->stale = true;
	if (before != 0 && fork < before) {
		cdx_list_foreach(pos, &p->all)
			purchase_undone(cdx_list_entry(pos, struct purchase,
						       link),
					fork);
		p->reconcile_ns = 0;
	}
	purchase_soon(p);
}

/* ---- requests of the account ---- */

static void adopt(struct cdx_purchasing *p, const struct cdx_b32 *id,
		  const struct cdx_storage_request *r)
{
	struct cdx_purchase_rec rec = {
		.state = CDX_PURCHASE_UNKNOWN,
		.chain_id = p->chain_id,
		.contract = *cdx_marketplace_addr(p->env->market),
		.posted = true,
		.created = cdx_clock_wall_s(),
		.what = *r};
	struct cdx_nonce_what what;
	struct purchase *b;
	struct cdx_b32 got;

	/* an answer to another question than ours */
	if (cdx_request_id(&got, r) < 0 ||
	    memcmp(got.b, id->b, sizeof(got.b)) != 0 ||
	    memcmp(r->client.b, p->client.b, sizeof(p->client.b)) != 0 ||
	    purchase_find(p, id) != NULL)
		return;
	if (p->has_volume &&
	    cdx_nonce_read(&what, &p->volume.location, &r->nonce) == 0 &&
	    what.kind == CDX_NONCE_SEGMENT) {
		rec.area = what.number;
		rec.generation = what.generation;
	}
	b = purchase_add(p, &rec);
	if (b == NULL)
		return;
	cdx_log(p->env->log, INFO, "purchasing",
		"a request of this account that was not known here is followed "
		"from now on");
	b->look = true;
	purchase_save(b, true);
	purchase_slots_look(b);
	purchase_soon(p);
}

/* Not all that the account has asked for is known here: soon again */
static void list_again(struct cdx_purchasing *p)
{
	p->has_list = false;
	p->reconcile_ns = cdx_clock_mono_ns() + 10 * NS_PER_S;
}

static void on_request(void *arg, int err, const struct cdx_storage_request *r,
		       uint64_t index, const struct cdx_revert *why)
{
	struct cdx_purchasing *p = arg;
	struct cdx_b32 id;

	(void)index;
	p->adopting--;
	if (err == 0 && cdx_request_id(&id, r) == 0)
		adopt(p, &id, r);
	else if (err < 0 && err != CDX_E_FORMAT &&
		 (err != CDX_E_CHAIN || why->code == CDX_REVERT_NONE))
		/* neither gone meanwhile nor one that is nothing for us */
		list_again(p);
}

/* The chain lists it: there is something to do about it still */
static void listed(struct purchase *b)
{
	if (b->foreign || b->sending)
		return;
	if (purchase_over(b) || b->rec.state == CDX_PURCHASE_ERRORED) {
		b->rec.settled = false;
		b->rec.retry_at = 0;
		if (b->rec.state == CDX_PURCHASE_ERRORED && !b->rec.posted)
			b->rec.state = CDX_PURCHASE_UNKNOWN;
		b->p->stale = true;
		b->look = true;
		purchase_save(b, false);
	}
}

static void on_mine(void *arg, int err, const struct cdx_b32 *ids, size_t n,
		    const struct cdx_revert *why)
{
	struct cdx_purchasing *p = arg;

	(void)why;
	p->listing = false;
	if (err < 0) {
		p->reconcile_ns = cdx_clock_mono_ns() + 10 * NS_PER_S;
		return;
	}
	p->has_list = true;
	for (size_t i = 0; i < n; i++) {
		struct purchase *b = purchase_find(p, &ids[i]);

		if (b != NULL)
			listed(b);
		else if (cdx_market_get_request(p->env->market, &ids[i],
						on_request, p) < 0)
			list_again(p);
		else
			p->adopting++;
	}
	purchase_soon(p);
}

static void on_info(void *arg, int err, const char *symbol, unsigned decimals,
		    const struct cdx_revert *why)
{
	struct cdx_purchasing *p = arg;

	(void)why;
	p->asking_info = false;
	if (err < 0)
		return;
	p->has_info = true;
	p->decimals = decimals;
	memcpy(p->symbol, symbol, strnlen(symbol, sizeof(p->symbol) - 1));
	p->stale = true;
}

/* Is there a later request for what it was for, or is that gone? */
static bool superseded(const struct purchase *b)
{
	const struct purchase *last;

	if (b->rec.area == 0 || !b->has_cid)
		return true;
	last = purchase_last(b->p, &b->verifiable);
	if (last != b)
		return true;
	return b->p->has_round && purchase_seg_of(b->p, &b->verifiable) == NULL;
}

static void drop_old(struct cdx_purchasing *p)
{
	int64_t now = cdx_clock_wall_s();
	int64_t keep = KEEP_S;

	if (p->opts.policy.has_budget &&
	    (int64_t)p->opts.policy.budget_s > keep)
		keep = (int64_t)p->opts.policy.budget_s;
	cdx_list_foreach_safe(pos, tmp, &p->all) {
		struct purchase *b = cdx_list_entry(pos, struct purchase, link);
		char key[CDX_PURCHASE_KEY_MAX];

		if (b->foreign || !purchase_over(b) || b->sending ||
		    b->rec.ended == 0 || now - b->rec.ended < keep ||
		    !superseded(b))
			continue;
		cdx_purchase_key(key, &b->id);
		if (p->env->persist->del(p->env->persist->arg, key, NULL,
					 NULL) < 0)
			continue;
		purchase_drop(b);
	}
}

void purchase_reconcile(struct cdx_purchasing *p)
{
	if (p->listing || cdx_clock_mono_ns() < p->reconcile_ns ||
	    cdx_head_latest(p->env->head) == NULL)
		return;
	p->reconcile_ns = cdx_clock_mono_ns() + p->opts.reconcile_s * NS_PER_S;
	drop_old(p);
	cdx_list_foreach(pos, &p->all) {
		struct purchase *b = cdx_list_entry(pos, struct purchase, link);

		if (b->foreign || purchase_over(b))
			continue;
		b->look = true;
		purchase_slots_look(b);
	}
	purchase_ask_balance(p);
	if (!p->has_info && !p->asking_info)
		p->asking_info =
			cdx_token_info(p->env->market, on_info, p) == 0;
	p->listing = cdx_market_my_requests(p->env->market, &p->client, on_mine,
					    p) == 0;
}

/* ---- begin and end ---- */

int purchase_watch_begin(struct cdx_purchasing *p)
{
	const struct cdx_persist *persist = p->env->persist;
	int rc;

	p->chain_id = cdx_rpc_chain_id(p->env->rpc);
	rc = persist->list(persist->arg, CDX_PURCHASE_PREFIX, load_one, p);
	if (rc == 0)
		rc = cdx_market_watch_add(p->opts.events, &p->watch, on_event,
					  p);
	if (rc == 0)
		rc = cdx_head_watch_add(p->env->head, &p->head_watch, on_head,
					p);
	return rc;
}

void purchase_watch_end(struct cdx_purchasing *p)
{
	if (p->head_watch != NULL)
		cdx_head_watch_del(p->head_watch);
	cdx_market_watch_del(p->watch);
	p->head_watch = NULL;
	p->watch = NULL;
}
