/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "market/sales_internal.h"

/* From the first look at a slot to its reservation on the chain */

/* ---- Preparing ---- */

static void on_reserved(struct sale_agent *a, int rc)
{
	if (a->closing) {
		sale_close_go_on(a);
		return;
	}
	if (rc == -ENOENT)
		sale_close(a, CDX_SALE_IGNORED, true);
	else if (rc < 0)
		sale_retry(a, rc, NULL);
	else
		sale_go(a, CDX_SALE_RESERVING);
}

/* Without its bytes a second sale of the same slot could not say who has them */
static bool must_wait(const struct sale_agent *a)
{
	const struct sale_agent *other = sale_sibling(a);

	return other != NULL && !other->note.obtained;
}

static void promise(struct sale_agent *a)
{
	const struct cdx_sales *s = a->sales;

	if (must_wait(a) ||
	    !cdx_proving_room(s->opts.proving,
			      &a->info.what.ask.proof_probability)) {
		sale_error(a, -EAGAIN,
			   must_wait(a)
				   ? "another sale of the same slot has it not "
				     "yet"
				   : "more slots than this machine can prove "
				     "in time: this one is not taken");
		sale_close(a, CDX_SALE_IGNORED, true);
		return;
	}
	a->note.chain_id = cdx_rpc_chain_id(s->env->rpc);
	a->note.contract = *cdx_marketplace_addr(s->env->market);
	a->note.step = CDX_SALE_STEP_PROMISED;
	a->note.repair = a->facts.slot == CDX_SLOT_REPAIR;
	a->note.end = a->facts.end;
	a->note.what = a->info.what;
	sale_books_reserve(a, on_reserved);
}

static void on_checked(struct sale_agent *a, int rc, const char *why)
{
	struct cdx_sales *s = a->sales;

	if (rc == -EINVAL || rc == CDX_E_CODEC) {
		/* none of its slots is better */
		sale_error(a, rc, why);
		cdx_sale_queue_remove_all(s->queue, &a->info.request);
		sale_close(a, CDX_SALE_IGNORED, false);
	} else if (rc < 0) {
		sale_error(a, rc, why);
		sale_close(a, CDX_SALE_IGNORED, true);
	} else {
		promise(a);
	}
}

static void on_balance(void *arg, int err, const struct cdx_u256 *v,
		       const struct cdx_revert *why)
{
	struct sale_agent *a = arg;
	char words[CDX_MARKET_WHY_MAX];
	char need[CDX_U256_TEXT_MAX];
	struct cdx_u256 collateral;

	if (err < 0) {
		sale_retry(a, err, sale_words(why, err));
		return;
	}
	if (sale_collateral(a, &collateral) == 0 &&
	    cdx_u256_cmp(v, &collateral) >= 0) {
		sale_say(a->sales, "");
		sale_data_check(a, on_checked);
		return;
	}
	cdx_u256_dec(need, &collateral);
	snprintf(words, sizeof(words),
		 "the account has too few tokens for the collateral of a slot "
		 "(%s of the smallest units): send it more",
		 need);
	sale_say(a->sales, words);
	sale_error(a, -ENOBUFS, words);
	sale_close(a, CDX_SALE_IGNORED, true);
}

static void on_match(struct sale_agent *a, int rc)
{
	const struct cdx_sales *s = a->sales;

	if (a->closing) {
		sale_close_go_on(a);
		return;
	}
	if (rc == -ENOENT) {
		sale_close(a, CDX_SALE_IGNORED, true);
		return;
	}
	if (rc == 0)
		rc = cdx_token_balance(s->env->market,
				       cdx_sender_addr(s->opts.sender),
				       on_balance, a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

static void on_facts(struct sale_agent *a, int err)
{
	if (err < 0) {
		sale_retry(a, err, a->info.error);
		return;
	}
	if ((a->facts.slot != CDX_SLOT_FREE &&
	     a->facts.slot != CDX_SLOT_REPAIR) ||
	    !sale_time_left(a)) {
		sale_close(a, CDX_SALE_IGNORED, false);
		return;
	}
	sale_books_match(a, on_match);
}

/* What an endpoint says is a request must be the one that the id names */
static bool is_it(const struct sale_agent *a,
		  const struct cdx_storage_request *r)
{
	struct cdx_b32 id;

	return cdx_request_id(&id, r) == 0 &&
	       memcmp(id.b, a->info.request.b, sizeof(id.b)) == 0 &&
	       a->info.index < r->ask.slots && a->info.index <= UINT32_MAX;
}

static void on_request(void *arg, int err, const struct cdx_storage_request *r,
		       uint64_t index CDX_UNUSED, const struct cdx_revert *why)
{
	struct sale_agent *a = arg;
	struct cdx_sales *s = a->sales;

	if (err == CDX_E_CHAIN || (err == 0 && !is_it(a, r))) {
		sale_error(a, err,
			   err == 0 ? "another request than its id names"
				    : sale_words(why, err));
		sale_close(a, CDX_SALE_IGNORED, false);
		return;
	}
	if (err < 0) {
		sale_retry(a, err, sale_words(why, err));
		return;
	}
	if (s->opts.has_client &&
	    memcmp(r->client.b, s->opts.client.b, sizeof(r->client.b)) == 0) {
		cdx_sale_queue_remove_all(s->queue, &a->info.request);
		sale_close(a, CDX_SALE_IGNORED, false);
		return;
	}
	pthread_mutex_lock(&s->mu);
	a->info.what = *r;
	pthread_mutex_unlock(&s->mu);
	a->has_what = true;
	sale_facts_ask(a, on_facts);
}

void sale_run_preparing(struct sale_agent *a)
{
	int rc;

	if (a->data != NULL || a->books != NULL)
		return; /* its end begins this anew */
	rc = cdx_market_get_request(a->sales->env->market, &a->info.request,
				    on_request, a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

/* ---- SlotReserving ---- */

static void on_reserve_sent(void *arg, int err,
			    const struct cdx_sent *sent CDX_UNUSED,
			    const struct cdx_revert *why)
{
	struct sale_agent *a = arg;

	if (err == CDX_E_CHAIN) {
		/* or it is over */
		if (why->code == CDX_REVERT_RESERVATION_NOT_ALLOWED)
			sale_outrun(a, why->words);
		else
			sale_error(a, err, sale_words(why, err));
		sale_close(a, CDX_SALE_IGNORED, false);
		return;
	}
	if (err < 0) {
		sale_retry(a, err, sale_words(why, err));
		return;
	}
	a->note.step = CDX_SALE_STEP_RESERVED;
	err = sale_note_save(a);
	if (err < 0)
		sale_retry(a, err, NULL);
	else
		sale_go(a, CDX_SALE_DOWNLOADING);
}

static void reserve(struct sale_agent *a)
{
	struct cdx_sales *s = a->sales;
	char tag[SALE_TAG_MAX];
	const struct cdx_market_how how = {
		.tag = tag,
		.deadline = a->facts.request == CDX_REQUEST_NEW &&
					    a->facts.expiry > 0
				    ? a->facts.expiry
				    : a->note.end};
	int rc;

	sale_tag(tag, a, "reserve");
	rc = cdx_market_reserve_slot(s->env->market, s->opts.sender,
				     &a->info.request, a->info.index, &how,
				     on_reserve_sent, a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

static void on_may_reserve(void *arg, int err, bool v,
			   const struct cdx_revert *why)
{
	struct sale_agent *a = arg;

	if (err < 0)
		sale_retry(a, err, sale_words(why, err));
	else if (v)
		reserve(a);
	else
		sale_close(a, CDX_SALE_IGNORED, false);
}

void sale_run_reserving(struct sale_agent *a)
{
	struct cdx_sales *s = a->sales;
	int rc;

	if (a->note.step >= CDX_SALE_STEP_RESERVED) {
		sale_go(a, CDX_SALE_DOWNLOADING);
		return;
	}
	if (sale_has_tx(a, "reserve")) {
		reserve(a); /* joins what is under way */
		return;
	}
	rc = cdx_market_can_reserve_slot(s->env->market,
					 cdx_sender_addr(s->opts.sender),
					 &a->info.request, a->info.index,
					 on_may_reserve, a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

/* ---- Downloading ---- */

static void on_obtained(struct sale_agent *a, int rc, const char *why)
{
	if (rc == 0) {
		sale_obtained(a);
		rc = sale_note_save(a);
	}
	if (rc == CDX_E_QUOTA || rc == -ENOSPC || rc == CDX_E_PROOF ||
	    rc == -EINVAL) {
		sale_error(a, rc, why);
		sale_close(a, CDX_SALE_ERRORED, false);
	} else if (rc < 0) {
		sale_retry(a, rc, why);
	} else {
		sale_go(a, CDX_SALE_INITIAL_PROVING);
	}
}

static void on_time_facts(struct sale_agent *a, int err)
{
	int64_t last;

	if (err < 0) {
		sale_retry(a, err, a->info.error);
		return;
	}
	if (sale_decide(a))
		return;
	/* until it is too late for a fill */
	last = a->facts.request == CDX_REQUEST_NEW ? a->facts.expiry
						   : a->facts.end;
	sale_run_at(a, last - a->sales->opts.fill_margin_s + 1);
	if (a->data == NULL)
		sale_data_obtain(a, on_obtained);
}

void sale_run_downloading(struct sale_agent *a)
{
	if (a->note.obtained) {
		sale_go(a, CDX_SALE_INITIAL_PROVING);
		return;
	}
	if (a->data != NULL)
		return; /* its end begins this anew */
	sale_facts_ask(a, on_time_facts);
}
