/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "market/sales_internal.h"

/* The proof with which a slot is filled, and the fill */

/* Fills of one sale that the contract may refuse for their proof */
#define REFUSED_MAX 8u
/* Blocks that the proof and its transaction may take before the pointer wraps */
#define WRAP_BLOCKS 16u
/* Headers over which the time between blocks is measured */
#define INTERVAL_BLOCKS 10u

/* ---- when ---- */

/* Seconds between blocks, lately; at least one */
static int64_t interval(const struct cdx_sales *s)
{
	const struct cdx_block *b = cdx_head_latest(s->env->head);
	const struct cdx_block *old;

	if (b == NULL || b->number < INTERVAL_BLOCKS)
		return 1;
	old = cdx_head_block(s->env->head, b->number - INTERVAL_BLOCKS);
	if (old == NULL || old->timestamp >= b->timestamp)
		return 1;
	return (int64_t)((b->timestamp - old->timestamp) / INTERVAL_BLOCKS) + 1;
}

/* Seconds that a proof and its way into a block take; at most so much of a period
 * that its beginning is good for it */
static int64_t needed(const struct cdx_sales *s)
{
	int64_t made = (int64_t)(cdx_prover_time_ns(s->opts.prover) * 3 / 2 /
				 UINT64_C(1000000000)) +
		       1;
	int64_t most = (int64_t)s->env->config.period * 3 / 4;
	int64_t all = made + 2 * interval(s);

	return all < most ? all : most;
}

static int64_t period_end(const struct cdx_sales *s, uint64_t period)
{
	return (int64_t)((period + 1) * s->env->config.period);
}

/* ---- InitialProving ---- */

static void failed_proof(struct sale_agent *a, int rc, const char *why)
{
	if (rc == -ETIME) {
		sale_run_at(a, period_end(a->sales, a->period) + 1);
		return;
	}
	if (rc == -ENODATA) {
		/* had again what is missing */
		a->note.obtained = false;
		sale_error(a, rc, why);
		sale_go(a, CDX_SALE_DOWNLOADING);
		return;
	}
	if (rc == -ENOKEY || rc == -ENOENT)
		sale_say(a->sales, why);
	sale_retry(a, rc, why);
}

static void on_same(void *arg, int err, const struct cdx_b32 *v,
		    const struct cdx_revert *why)
{
	struct sale_agent *a = arg;
	const struct cdx_sales *s = a->sales;
	int64_t now = cdx_head_now(s->env->head);

	if (err < 0) {
		sale_retry(a, err, sale_words(why, err));
		return;
	}
	if (cdx_market_period(s->env, now) != a->period ||
	    memcmp(v->b, a->challenge.b, sizeof(v->b)) != 0)
		sale_retry(a, -EAGAIN,
			   "the challenge changed while it was answered");
	else
		sale_go(a, CDX_SALE_FILLING);
}

static void on_proof(void *arg, int rc, const struct cdx_proof_words *proof,
		     const char *why)
{
	struct sale_agent *a = arg;

	a->job = NULL;
	if (rc < 0) {
		failed_proof(a, rc, why);
		return;
	}
	if (!a->rehearsed) {
		a->rehearsed = true;
		sale_go(a, CDX_SALE_INITIAL_PROVING);
		return;
	}
	a->proof = *proof;
	rc = cdx_market_get_challenge(a->sales->env->market, &a->info.slot,
				      on_same, a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

static void on_challenge(void *arg, int err, const struct cdx_b32 *v,
			 const struct cdx_revert *why)
{
	struct sale_agent *a = arg;
	struct cdx_prover_req req = {.manifest = a->note.manifest,
				     .slot = (uint32_t)a->info.index,
				     .deadline = INT64_MAX};
	int rc;

	if (err < 0) {
		sale_retry(a, err, sale_words(why, err));
		return;
	}
	a->challenge = *v;
	req.challenge = *v;
	if (a->rehearsed)
		req.deadline = period_end(a->sales, a->period);
	rc = cdx_prover_ask(a->sales->opts.prover, &a->job, &req, on_proof, a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

static void ask_challenge(struct sale_agent *a)
{
	int rc = cdx_market_get_challenge(a->sales->env->market, &a->info.slot,
					  on_challenge, a);

	if (rc < 0)
		sale_retry(a, rc, NULL);
}

static void on_pointer(void *arg, int err, uint64_t v,
		       const struct cdx_revert *why)
{
	struct sale_agent *a = arg;
	const struct cdx_block *b = cdx_head_latest(a->sales->env->head);

	if (err < 0) {
		sale_retry(a, err, sale_words(why, err));
		return;
	}
	if (v + WRAP_BLOCKS > UINT8_MAX && b != NULL) {
		/* behind the wrap, or in another period, whatever is first */
		sale_run_at(a, period_end(a->sales, a->period) + 1);
		sale_run_at_block(a, b->number + UINT8_MAX + 1 - v);
		return;
	}
	ask_challenge(a);
}

/* In a period with enough time left, and not the one that it was proven in */
static void begin_proof(struct sale_agent *a)
{
	const struct cdx_sales *s = a->sales;
	int64_t now = cdx_head_now(s->env->head);
	int rc;

	a->period = cdx_market_period(s->env, now);
	if (a->period < a->not_before_period ||
	    period_end(s, a->period) - now < needed(s)) {
		sale_run_at(a, period_end(s, a->period) + 1);
		return;
	}
	rc = cdx_market_get_pointer(s->env->market, &a->info.slot, on_pointer,
				    a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

static void on_proving_facts(struct sale_agent *a, int err)
{
	if (err < 0) {
		sale_retry(a, err, a->info.error);
		return;
	}
	if (sale_decide(a))
		return;
	if (!a->rehearsed && cdx_prover_time_ns(a->sales->opts.prover) > 0)
		a->rehearsed = true;
	if (!a->rehearsed)
		ask_challenge(a);
	else
		begin_proof(a);
}

void sale_run_initial_proving(struct sale_agent *a)
{
	sale_facts_ask(a, on_proving_facts);
}

/* ---- Filling ---- */

/* The contract says no; others may have been faster, or the block a late one */
static void refused(struct sale_agent *a, const struct cdx_revert *why)
{
	enum cdx_revert_code code = why != NULL ? why->code : CDX_REVERT_NONE;

	if (code == CDX_REVERT_SLOT_NOT_FREE)
		sale_outrun(a, why->words);
	else
		sale_error(a, CDX_E_CHAIN, sale_words(why, CDX_E_CHAIN));
	if (code == CDX_REVERT_INSUFFICIENT_BALANCE) {
		sale_say(a->sales, a->info.error);
		sale_close(a, CDX_SALE_ERRORED, false);
		return;
	}
	if (code == CDX_REVERT_INSUFFICIENT_ALLOWANCE ||
	    code == CDX_REVERT_SLOT_NOT_FREE) {
		/* whose it is is looked at there */
		sale_retry(a, CDX_E_CHAIN, a->info.error);
		return;
	}
	if (code == CDX_REVERT_RESERVATION_REQUIRED) {
		/* the slot was freed meanwhile: another round of reservations */
		a->note.step = CDX_SALE_STEP_PROMISED;
		if (++a->refused > 2) {
			sale_close(a, CDX_SALE_IGNORED, false);
			return;
		}
		sale_go(a, CDX_SALE_RESERVING);
		return;
	}
	if (code == CDX_REVERT_PROOF_ALREADY_SUBMITTED)
		a->not_before_period = a->period + 1;
	if (++a->refused > REFUSED_MAX)
		sale_close(a, CDX_SALE_ERRORED, false);
	else
		sale_go(a, CDX_SALE_INITIAL_PROVING);
}

static void on_fill_sent(void *arg, int err, const struct cdx_sent *sent,
			 const struct cdx_revert *why)
{
	struct sale_agent *a = arg;
	struct cdx_sales *s = a->sales;
	const struct cdx_block *b;

	cdx_allowance_release(a->hold);
	a->hold = NULL;
	if (err == CDX_E_CHAIN) {
		refused(a, why);
		return;
	}
	if (err == -ETIME) {
		sale_error(a, err, sale_words(why, err));
		sale_go(a, CDX_SALE_INITIAL_PROVING);
		return;
	}
	if (err < 0) {
		if (err == -ENOBUFS)
			sale_say(s, sale_words(why, err));
		sale_retry(a, err, sale_words(why, err));
		return;
	}
	sale_say(s, "");
	b = cdx_head_block(s->env->head, sent->block);
	a->note.filled_at = b != NULL ? (int64_t)b->timestamp : 0;
	a->note.step = CDX_SALE_STEP_FILLED;
	pthread_mutex_lock(&s->mu);
	s->stats.filled++;
	pthread_mutex_unlock(&s->mu);
	err = sale_note_save(a);
	if (err < 0)
		sale_retry(a, err, NULL);
	else
		sale_go(a, CDX_SALE_FILLED);
}

static void fill(struct sale_agent *a)
{
	struct cdx_sales *s = a->sales;
	const struct cdx_market_fill what = {.request = a->info.request,
					     .index = a->info.index,
					     .proof = a->proof};
	char tag[SALE_TAG_MAX];
	const struct cdx_market_how how = {.tag = tag,
					   .stake = s->opts.stake,
					   .deadline =
						   period_end(s, a->period)};
	int rc;

	sale_tag(tag, a, "fill");
	rc = cdx_market_fill_slot(s->env->market, s->opts.sender, &what, &how,
				  on_fill_sent, a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

static void on_allowed(void *arg, int err, const char *why)
{
	struct sale_agent *a = arg;

	if (err == -ENOBUFS)
		sale_say(a->sales, why);
	if (err < 0)
		sale_retry(a, err, why);
	else
		fill(a);
}

static void on_filling_facts(struct sale_agent *a, int err)
{
	struct cdx_sales *s = a->sales;
	struct cdx_u256 collateral;
	char tag[SALE_TAG_MAX];
	const struct cdx_market_how how = {
		.stake = s->opts.stake, .deadline = period_end(s, a->period)};
	int rc;

	if (err < 0) {
		sale_retry(a, err, a->info.error);
		return;
	}
	if (sale_decide(a))
		return;
	if (cdx_market_period(s->env, cdx_head_now(s->env->head)) !=
	    a->period) {
		sale_go(a, CDX_SALE_INITIAL_PROVING);
		return;
	}
	sale_tag(tag, a, "allow");
	rc = sale_collateral(a, &collateral);
	if (rc == 0)
		rc = cdx_allowance_take(s->opts.allowance, &a->hold, tag,
					&collateral, &how, on_allowed, a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

void sale_run_filling(struct sale_agent *a)
{
	if (sale_has_tx(a, "fill"))
		fill(a); /* joins what is under way */
	else
		sale_facts_ask(a, on_filling_facts);
}
