/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "market/sales_internal.h"

/* A slot that is over: its money */

static void free_slot(struct sale_agent *a, cdx_send_fn *fn)
{
	struct cdx_sales *s = a->sales;
	const struct cdx_market_recipients to = {
		.reward = s->opts.recipient,
		.collateral = *cdx_sender_addr(s->opts.sender)};
	char tag[SALE_TAG_MAX];
	const struct cdx_market_how how = {.tag = tag, .stake = s->opts.stake};
	int rc;

	sale_tag(tag, a, "free");
	rc = cdx_market_free_slot(s->env->market, s->opts.sender, &a->info.slot,
				  s->opts.has_recipient ? &to : NULL, &how, fn,
				  a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

/* ---- Payout, Cancelled ---- */

static void paid(struct sale_agent *a)
{
	struct cdx_sales *s = a->sales;

	sale_say(s, "");
	pthread_mutex_lock(&s->mu);
	s->stats.finished++;
	pthread_mutex_unlock(&s->mu);
	sale_close(a, CDX_SALE_FINISHED, false);
}

static void on_freed(void *arg, int err, const struct cdx_sent *sent CDX_UNUSED,
		     const struct cdx_revert *why)
{
	struct sale_agent *a = arg;

	if (err == 0 ||
	    (err == CDX_E_CHAIN && why->code == CDX_REVERT_ALREADY_PAID)) {
		paid(a);
		return;
	}
	if (err == CDX_E_CHAIN &&
	    why->code == CDX_REVERT_START_NOT_BEFORE_EXPIRY) {
		/* Codex's contract, filled in the last second: never paid */
		sale_error(a, err, sale_words(why, err));
		sale_close(a, CDX_SALE_ERRORED, false);
		return;
	}
	if (err == -ENOBUFS)
		sale_say(a->sales, sale_words(why, err));
	sale_retry(a, err, sale_words(why, err));
}

/* Until when it was hosted: by the contract */
static int64_t paid_until(const struct sale_agent *a)
{
	return a->facts.slot == CDX_SLOT_CANCELLED ? a->facts.expiry
						   : a->facts.end;
}

static struct cdx_u256 payout_of(const struct sale_agent *a)
{
	struct cdx_u256 v = cdx_u256_of(0);
	int64_t until = paid_until(a);

	if (a->note.filled_at == 0 || until <= a->note.filled_at ||
	    cdx_ask_slot_price(&v, &a->info.what.ask) < 0 ||
	    cdx_u256_mul_u64(&v, &v, (uint64_t)(until - a->note.filled_at)) < 0)
		return cdx_u256_of(0);
	return v;
}

/* The sum is written down before it is paid: who comes back after it was paid cannot
 * ask for it any more */
static void on_payout(void *arg, int err, const struct cdx_u256 *v,
		      const struct cdx_revert *why)
{
	struct sale_agent *a = arg;

	/* Codex's contract does not say it */
	if (err < 0 && err != CDX_E_CHAIN) {
		sale_retry(a, err, sale_words(why, err));
		return;
	}
	a->note.payout = err == 0 ? *v : payout_of(a);
	a->note.step = CDX_SALE_STEP_PAYING;
	err = sale_note_save(a);
	if (err < 0)
		sale_retry(a, err, NULL);
	else
		free_slot(a, on_freed);
}

static void on_payout_facts(struct sale_agent *a, int err)
{
	const struct cdx_sales *s = a->sales;
	int rc;

	if (err < 0) {
		sale_retry(a, err, a->info.error);
		return;
	}
	if (a->note.step == CDX_SALE_STEP_PAYING && sale_has_tx(a, "free")) {
		free_slot(a, on_freed); /* joins what is under way */
		return;
	}
	if (sale_decide(a))
		return;
	/* freeing a slot that is not over costs all of its collateral: no word of
	 * an endpoint is enough for that, and no block that may be undone */
	if (sale_certain_time(s) <= paid_until(a)) {
		const struct cdx_block *b = cdx_head_latest(s->env->head);

		sale_run_at_block(a, b != NULL ? b->number + 1 : 1);
		return;
	}
	rc = cdx_market_current_payout(s->env->market, &a->info.slot, on_payout,
				       a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

void sale_run_payout(struct sale_agent *a)
{
	sale_facts_ask(a, on_payout_facts);
}

/* ---- Failed ---- */

static void on_let_go(void *arg, int err,
		      const struct cdx_sent *sent CDX_UNUSED,
		      const struct cdx_revert *why)
{
	struct sale_agent *a = arg;

	if (err < 0 && err != CDX_E_CHAIN) {
		sale_retry(a, err, sale_words(why, err));
		return;
	}
	sale_error(a, CDX_E_CHAIN,
		   "the request failed: too many of its slots were lost, and "
		   "with them all collateral");
	sale_close(a, CDX_SALE_FAILED, false);
}

static void on_failed_facts(struct sale_agent *a, int err)
{
	if (err < 0) {
		sale_retry(a, err, a->info.error);
		return;
	}
	/* the same as above; it stays failed when it is so once */
	if (!sale_decide(a))
		free_slot(a, on_let_go);
}

void sale_run_failed(struct sale_agent *a)
{
	sale_facts_ask(a, on_failed_facts);
}
