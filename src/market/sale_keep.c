/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "market/sales_internal.h"

/* A slot that is ours: looked after until it is over, and paid out */

/* What should be over is asked again so often when no block comes */
#define LATE_S 60

/* ---- what the chain says ---- */

static bool is_ours(const struct sale_agent *a)
{
	const struct cdx_addr *me = cdx_sender_addr(a->sales->opts.sender);

	return memcmp(a->facts.host.b, me->b, sizeof(me->b)) == 0;
}

/* Did the chain say so for as many blocks as it takes?  What cannot be taken back is
 * done only then: an endpoint may be behind, a block undone.  False: it is looked at
 * again. */
static bool settled(struct sale_agent *a, uint64_t more)
{
	const struct cdx_sales *s = a->sales;
	const struct cdx_block *b = cdx_head_latest(s->env->head);
	uint64_t until;

	if (b == NULL) {
		sale_run_at_block(a, 1);
		return false;
	}
	if (a->seen_block == 0 || a->seen != a->facts.slot) {
		a->seen = a->facts.slot;
		a->seen_block = b->number;
	}
	until = a->seen_block + s->env->confirmations - 1 + more;
	if (b->number >= until)
		return true;
	sale_run_at_block(a, until);
	return false;
}

/* It is nobody's or somebody else's, and was ours */
static bool lost(struct sale_agent *a)
{
	struct cdx_sales *s = a->sales;

	if (!settled(a, 2))
		return true;
	sale_error(a, CDX_E_CHAIN,
		   "the slot was taken from us, with what was left of its "
		   "collateral: proofs were missing");
	pthread_mutex_lock(&s->mu);
	s->stats.lost++;
	pthread_mutex_unlock(&s->mu);
	sale_close(a, CDX_SALE_ERRORED, false);
	return true;
}

static bool not_ours(struct sale_agent *a, enum cdx_sale_state state)
{
	if (a->note.step >= CDX_SALE_STEP_FILLED)
		return lost(a);
	sale_close(a, state, false);
	return true;
}

static bool move_to(struct sale_agent *a, enum cdx_sale_state state)
{
	if (a->info.state == state)
		return false;
	sale_go(a, state);
	return true;
}

static bool decide_filled(struct sale_agent *a)
{
	if (!is_ours(a))
		return not_ours(a, CDX_SALE_IGNORED);
	a->seen_block = 0;
	if (a->info.state == CDX_SALE_PROVING)
		return false;
	return move_to(a, CDX_SALE_FILLED);
}

static bool decide_paid(struct sale_agent *a)
{
	if (a->note.step != CDX_SALE_STEP_PAYING && !is_ours(a))
		return not_ours(a, CDX_SALE_IGNORED);
	sale_close(a, CDX_SALE_FINISHED, false);
	return true;
}

static bool decide_free(struct sale_agent *a)
{
	if (sale_time_left(a))
		return false;
	sale_close(a, CDX_SALE_CANCELLED, false);
	return true;
}

/* Never filled, although it was: a slot that is taken away waits for repair, so the
 * block was undone.  It is filled again. */
static bool undone(struct sale_agent *a)
{
	int rc;

	if (!settled(a, 2))
		return true;
	sale_error(a, CDX_E_CHAIN, "the block with its fill was undone");
	a->seen_block = 0;
	a->note.step = CDX_SALE_STEP_RESERVED;
	a->note.filled_at = 0;
	a->note.proven = 0;
	rc = sale_note_save(a);
	if (rc < 0) {
		sale_retry(a, rc, NULL);
		return true;
	}
	if (decide_free(a))
		return true;
	sale_go(a, CDX_SALE_DOWNLOADING);
	return true;
}

bool sale_decide(struct sale_agent *a)
{
	if (a->facts.unknown) {
		if (a->note.step >= CDX_SALE_STEP_FILLED)
			return lost(a);
		sale_close(a, CDX_SALE_ERRORED, false);
		return true;
	}
	switch (a->facts.slot) {
	case CDX_SLOT_FILLED:
		return decide_filled(a);
	case CDX_SLOT_FINISHED:
		if (!is_ours(a))
			return not_ours(a, CDX_SALE_IGNORED);
		return move_to(a, CDX_SALE_PAYOUT);
	case CDX_SLOT_CANCELLED:
		if (!is_ours(a))
			return not_ours(a, CDX_SALE_CANCELLED);
		return move_to(a, CDX_SALE_CANCELLED);
	case CDX_SLOT_FAILED:
		if (is_ours(a))
			return !settled(a, 1) || move_to(a, CDX_SALE_FAILED);
		sale_close(a, CDX_SALE_FAILED, false);
		return true;
	case CDX_SLOT_PAID:
		return decide_paid(a);
	case CDX_SLOT_FREE:
		if (a->note.step >= CDX_SALE_STEP_FILLED)
			return undone(a);
		return decide_free(a);
	case CDX_SLOT_REPAIR:
		if (a->note.step >= CDX_SALE_STEP_FILLED)
			return lost(a);
		return decide_free(a);
	}
	return false;
}

/* ---- Unknown ---- */

static void on_unknown_facts(struct sale_agent *a, int err)
{
	if (err < 0) {
		sale_retry(a, err, a->info.error);
		return;
	}
	if (sale_has_tx(a, "fill")) {
		sale_go(a, CDX_SALE_FILLING);
		return;
	}
	a->facts_fresh = true;
	/* the states may be those with what no block has for certain yet */
	if (a->note.step == CDX_SALE_STEP_PAYING && sale_has_tx(a, "free")) {
		sale_go(a, CDX_SALE_PAYOUT);
		return;
	}
	if (sale_decide(a))
		return;
	/* free, with a promise of ours, and time left */
	sale_go(a, a->note.step >= CDX_SALE_STEP_RESERVED ? CDX_SALE_DOWNLOADING
							  : CDX_SALE_RESERVING);
}

static void on_active(void *arg, int err, const struct cdx_storage_request *r,
		      uint64_t index, const struct cdx_revert *why)
{
	struct sale_agent *a = arg;
	struct cdx_b32 request;
	struct cdx_b32 slot;

	if (err == CDX_E_CHAIN && why->code == CDX_REVERT_SLOT_IS_FREE) {
		sale_close(a, CDX_SALE_ERRORED, false);
		return;
	}
	if (err == 0)
		err = cdx_request_id(&request, r);
	if (err == 0) {
		cdx_slot_id(&slot, &request, index);
		if (memcmp(slot.b, a->info.slot.b, sizeof(slot.b)) != 0)
			err = CDX_E_FORMAT;
	}
	if (err < 0) {
		sale_retry(a, err, sale_words(why, err));
		return;
	}
	pthread_mutex_lock(&a->sales->mu);
	a->info.request = request;
	a->info.index = index;
	a->info.what = *r;
	pthread_mutex_unlock(&a->sales->mu);
	a->has_what = true;
	a->note.what = *r;
	a->note.chain_id = cdx_rpc_chain_id(a->sales->env->rpc);
	a->note.contract = *cdx_marketplace_addr(a->sales->env->market);
	sale_facts_ask(a, on_unknown_facts);
}

void sale_run_unknown(struct sale_agent *a)
{
	int rc = 0;

	if (a->has_what)
		sale_facts_ask(a, on_unknown_facts);
	else
		rc = cdx_market_get_active_slot(a->sales->env->market,
						&a->info.slot, on_active, a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

/* ---- Filled ---- */

static void on_held_checked(struct sale_agent *a, int rc, const char *why);
static void on_held_obtained(struct sale_agent *a, int rc, const char *why);
static void prepare_held(struct sale_agent *a);

static void on_held_reserved(struct sale_agent *a, int rc)
{
	a->reserve_any = false;
	if (a->closing) {
		sale_close_go_on(a);
		return;
	}
	/* it is kept also where no offer has room for it */
	if (rc < 0 && rc != -ENOENT)
		sale_error(a, rc, "no reservation for a slot that is ours");
	if (a->info.state == CDX_SALE_FILLED)
		prepare_held(a);
}

/* Manifest, a reservation if there is none (the store was lost), the bytes */
static void prepare_held(struct sale_agent *a)
{
	int rc;

	if (a->data != NULL || a->books != NULL)
		return; /* its end begins this anew */
	if (!a->has_manifest) {
		sale_data_check(a, on_held_checked);
		return;
	}
	if (a->reserve_any && !a->info.has_reservation) {
		a->note.end = a->facts.end;
		sale_books_reserve(a, on_held_reserved);
		return;
	}
	if (!a->note.obtained) {
		sale_data_obtain(a, on_held_obtained);
		return;
	}
	rc = sale_note_save(a);
	if (rc < 0) {
		sale_retry(a, rc, NULL);
		return;
	}
	sale_alarm(a, "");
	sale_go(a, CDX_SALE_PROVING);
}

/* Tried again for as long as it is ours */
static void held_missing(struct sale_agent *a, int rc, const char *why)
{
	sale_alarm(a,
		   "the data of a slot that is ours is missing and cannot be "
		   "had from others: proofs will fail, and collateral is "
		   "lost");
	sale_retry(a, rc, why);
}

static void on_held_checked(struct sale_agent *a, int rc, const char *why)
{
	if (a->info.state != CDX_SALE_FILLED)
		return;
	if (rc < 0)
		held_missing(a, rc, why);
	else
		prepare_held(a);
}

static void on_held_obtained(struct sale_agent *a, int rc, const char *why)
{
	if (a->info.state != CDX_SALE_FILLED)
		return;
	if (rc < 0) {
		held_missing(a, rc, why);
		return;
	}
	sale_obtained(a);
	prepare_held(a);
}

/* Looked at again when it may be over */
static void watch_end(struct sale_agent *a)
{
	int64_t at = a->facts.request == CDX_REQUEST_NEW ? a->facts.expiry
							 : a->facts.end;
	int64_t now = cdx_head_now(a->sales->env->head);
	const struct cdx_block *b = cdx_head_latest(a->sales->env->head);

	sale_run_at(a, at < now ? now + LATE_S : at + 1);
	/* the time has come, but the chain has no block of it yet */
	if (at < now && b != NULL)
		sale_run_at_block(a, b->number + 1);
}

static void on_ours(struct sale_agent *a)
{
	watch_end(a);
	prepare_held(a);
}

static void on_filled_facts(struct sale_agent *a, int err)
{
	if (err < 0) {
		sale_retry(a, err, a->info.error);
		return;
	}
	if (!sale_decide(a))
		on_ours(a);
}

void sale_run_filled(struct sale_agent *a)
{
	int rc;

	if (a->note.step < CDX_SALE_STEP_FILLED) {
		a->note.step = CDX_SALE_STEP_FILLED;
		rc = sale_note_save(a);
		if (rc < 0) {
			sale_retry(a, rc, NULL);
			return;
		}
	}
	if (a->facts_fresh) {
		a->facts_fresh = false;
		on_ours(a);
		return;
	}
	sale_facts_ask(a, on_filled_facts);
}

/* ---- Proving ---- */

static void on_proving(void *arg, enum cdx_proving_event event, uint64_t period,
		       const char *why)
{
	struct sale_agent *a = arg;
	int rc;

	switch (event) {
	case CDX_PROVING_DONE:
		if (period <= a->note.proven)
			return;
		a->note.proven = period;
		pthread_mutex_lock(&a->sales->mu);
		a->info.proven = period;
		a->info.error[0] = '\0';
		pthread_mutex_unlock(&a->sales->mu);
		rc = sale_note_save(a);
		if (rc < 0)
			sale_error(a, rc, NULL);
		return;
	case CDX_PROVING_MISSED:
		sale_error(a, -ETIME, "a period ended without a proof");
		return;
	case CDX_PROVING_TROUBLE:
		sale_error(a, -EIO, why);
		/* is its data here? */
		if (a->look == NULL)
			sale_data_look(a, 0);
		return;
	case CDX_PROVING_GONE:
		sale_poke(a);
		return;
	}
}

static void on_keep_facts(struct sale_agent *a, int err)
{
	if (err < 0)
		sale_retry(a, err, a->info.error);
	else if (!sale_decide(a))
		watch_end(a);
}

void sale_run_proving(struct sale_agent *a)
{
	const struct cdx_proving_what what = {
		.slot = a->info.slot,
		.manifest = a->note.manifest,
		.index = (uint32_t)a->info.index,
		.probability = a->info.what.ask.proof_probability,
		.filled_at = a->note.filled_at,
		.end = a->facts.end,
		.proven = a->note.proven,
	};
	int rc;

	if (a->proving == NULL) {
		rc = cdx_proving_add(a->sales->opts.proving, &a->proving, &what,
				     on_proving, a);
		if (rc < 0) {
			sale_retry(a, rc, NULL);
			return;
		}
		sale_data_look(a, a->fresh ? a->sales->opts.check_s : 0);
		a->fresh = false;
		watch_end(a);
		sale_dispatch(a->sales);
		return;
	}
	sale_facts_ask(a, on_keep_facts);
}

static void on_poke(struct sale_agent *a, int err)
{
	/* what is missed is seen at the end, or by the reconciliation */
	if (err == 0 && !sale_decide(a) && a->proving != NULL)
		watch_end(a);
}

void sale_poke(struct sale_agent *a)
{
	if (a->closing)
		return;
	switch (a->info.state) {
	case CDX_SALE_DOWNLOADING:
	case CDX_SALE_INITIAL_PROVING:
	case CDX_SALE_FILLED:
	case CDX_SALE_PROVING:
		sale_facts_ask(a, on_poke);
		return;
	case CDX_SALE_PREPARING:
	case CDX_SALE_RESERVING:
	case CDX_SALE_FILLING:
	case CDX_SALE_PAYOUT:
	case CDX_SALE_FINISHED:
	case CDX_SALE_CANCELLED:
	case CDX_SALE_FAILED:
	case CDX_SALE_IGNORED:
	case CDX_SALE_ERRORED:
	case CDX_SALE_UNKNOWN:
	case CDX_SALE_STATES:
		return; /* they look at it themselves */
	}
}
