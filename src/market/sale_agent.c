/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "market/sales_internal.h"

#define PAUSE_NS UINT64_C(500000000)
#define PAUSES_MAX 7u /* doublings: 64 s */
/* A slot that is not ours is not worth more: with the pauses about two minutes, and
 * ten for its data, which a client may be slow to give */
#define TRIES_MAX 8u
#define TRIES_DATA_MAX 16u

/* Agents of an earlier life begin so many at once, so often */
#define BEGIN_AT_ONCE 16u
#define BEGIN_NS UINT64_C(50000000)

static const struct {
	const char *name;
	void (*run)(struct sale_agent *a);
} states[CDX_SALE_STATES] = {
	[CDX_SALE_PREPARING] = {"SalePreparing", sale_run_preparing},
	[CDX_SALE_RESERVING] = {"SaleSlotReserving", sale_run_reserving},
	[CDX_SALE_DOWNLOADING] = {"SaleDownloading", sale_run_downloading},
	[CDX_SALE_INITIAL_PROVING] = {"SaleInitialProving",
				      sale_run_initial_proving},
	[CDX_SALE_FILLING] = {"SaleFilling", sale_run_filling},
	[CDX_SALE_FILLED] = {"SaleFilled", sale_run_filled},
	[CDX_SALE_PROVING] = {"SaleProving", sale_run_proving},
	[CDX_SALE_PAYOUT] = {"SalePayout", sale_run_payout},
	[CDX_SALE_FINISHED] = {"SaleFinished", NULL},
	[CDX_SALE_CANCELLED] = {"SaleCancelled", sale_run_payout},
	[CDX_SALE_FAILED] = {"SaleFailed", sale_run_failed},
	[CDX_SALE_IGNORED] = {"SaleIgnored", NULL},
	[CDX_SALE_ERRORED] = {"SaleErrored", NULL},
	[CDX_SALE_UNKNOWN] = {"SaleUnknown", sale_run_unknown},
};

const char *cdx_sale_state_name(enum cdx_sale_state state)
{
	return (unsigned)state < CDX_SALE_STATES ? states[state].name
						 : "SaleUnknown";
}

/* ---- small things ---- */

void sale_tag(char out[SALE_TAG_MAX], const struct sale_agent *a,
	      const char *what)
{
	char hex[2 * 32 + 1];

	cdx_hex(hex, a->info.slot.b, sizeof(a->info.slot.b));
	snprintf(out, SALE_TAG_MAX, "%s-%s", what, hex);
}

bool sale_has_tx(const struct sale_agent *a, const char *what)
{
	char tag[SALE_TAG_MAX];

	sale_tag(tag, a, what);
	return cdx_sender_has(a->sales->opts.sender, tag);
}

const char *sale_words(const struct cdx_revert *why, int err)
{
	return why != NULL && why->words[0] != '\0' ? why->words
						    : cdx_strerror(err);
}

static void keep_error(struct sale_agent *a, const char *why)
{
	pthread_mutex_lock(&a->sales->mu);
	snprintf(a->info.error, sizeof(a->info.error), "%s", why);
	pthread_mutex_unlock(&a->sales->mu);
}

void sale_error(struct sale_agent *a, int err, const char *why)
{
	char hex[2 * 32 + 1];

	if (why == a->info.error && why[0] != '\0')
		return; /* was said already */
	if (why == NULL || why[0] == '\0')
		why = cdx_strerror(err);
	cdx_hex(hex, a->info.slot.b, sizeof(a->info.slot.b));
	cdx_log(a->sales->env->log, WARN, "market", "slot %s, %s: %s", hex,
		cdx_sale_state_name(a->info.state), why);
	keep_error(a, why);
}

void sale_outrun(struct sale_agent *a, const char *why)
{
	char hex[2 * 32 + 1];

	cdx_hex(hex, a->info.slot.b, sizeof(a->info.slot.b));
	cdx_log(a->sales->env->log, INFO, "market",
		"slot %s, %s: others were faster: %s", hex,
		cdx_sale_state_name(a->info.state), why);
	keep_error(a, why);
}

void sale_alarm(struct sale_agent *a, const char *words)
{
	pthread_mutex_lock(&a->sales->mu);
	snprintf(a->alarm_words, sizeof(a->alarm_words), "%s", words);
	pthread_mutex_unlock(&a->sales->mu);
}

int64_t sale_certain_time(const struct cdx_sales *s)
{
	const struct cdx_block *b = cdx_head_latest(s->env->head);
	uint64_t below = s->env->confirmations - 1;

	if (b == NULL)
		return 0;
	if (below == 0)
		return (int64_t)b->timestamp;
	if (b->number < below)
		return 0;
	b = cdx_head_block(s->env->head, b->number - below);
	return b != NULL ? (int64_t)b->timestamp : 0;
}

int sale_collateral(const struct sale_agent *a, struct cdx_u256 *out)
{
	const struct cdx_market_config *c = &a->sales->env->config;
	struct cdx_u256 reward = cdx_u256_of(0);
	int rc = cdx_ask_slot_collateral(out, &a->info.what.ask);

	if (rc == 0 && a->facts.slot == CDX_SLOT_REPAIR)
		rc = cdx_u256_scale(&reward, out, c->repair_reward, 100);
	return rc < 0 ? rc : cdx_u256_sub(out, out, &reward);
}

bool sale_time_left(const struct sale_agent *a)
{
	const struct cdx_sales *s = a->sales;
	int64_t now = cdx_head_now(s->env->head);
	int64_t margin = s->opts.fill_margin_s;

	if (a->facts.unknown || now > a->facts.end - margin)
		return false;
	if (a->facts.request == CDX_REQUEST_NEW)
		return now <= a->facts.expiry - margin;
	return a->facts.request == CDX_REQUEST_STARTED;
}

/* ---- notes ---- */

int sale_note_save(struct sale_agent *a)
{
	struct cdx_reservation *r = &a->info.reservation;
	struct cdx_buf note = {.p = NULL};
	int rc;

	if (!a->info.has_reservation)
		return 0;
	rc = cdx_sale_note_encode(&note, &a->note);
	if (rc == 0 && note.len > sizeof(r->note))
		rc = -E2BIG;
	if (rc == 0) {
		pthread_mutex_lock(&a->sales->mu);
		memcpy(r->note, note.p, note.len);
		r->note_len = (uint16_t)note.len;
		if (a->note.end > 0)
			r->valid_until = a->note.end;
		pthread_mutex_unlock(&a->sales->mu);
		rc = cdx_reservation_note(a->sales->env->store, r);
	}
	cdx_buf_free(&note);
	return rc;
}

void sale_obtained(struct sale_agent *a)
{
	a->note.obtained = true;
	a->fresh = true;
	pthread_mutex_lock(&a->sales->mu);
	a->info.reservation.size = 0;
	pthread_mutex_unlock(&a->sales->mu);
}

/* ---- states ---- */

/* Nothing that was asked calls any more, but jobs */
static void quiet(struct sale_agent *a)
{
	cdx_marketplace_forget(a->sales->env->market, a);
	cdx_sender_forget(a->sales->opts.sender, a);
	a->facts_fn = NULL;
	a->facts_again = false;
	cdx_allowance_release(a->hold);
	a->hold = NULL;
	cdx_prover_leave(a->job);
	a->job = NULL;
	cdx_loop_timer_del(a->retry);
	a->retry = NULL;
	cdx_head_alarm_del(a->alarm);
	a->alarm = NULL;
	a->wake_block = 0;
	if (a->data != NULL)
		atomic_store(&a->data->cancel, true);
}

static void set_state(struct sale_agent *a, enum cdx_sale_state state)
{
	char hex[2 * 32 + 1];

	pthread_mutex_lock(&a->sales->mu);
	a->info.state = state;
	a->info.end = a->facts.request == CDX_REQUEST_NEW && a->facts.expiry > 0
			      ? a->facts.expiry
			      : a->facts.end;
	a->info.proven = a->note.proven;
	a->paid_from = a->note.filled_at;
	a->paid_until = a->facts.end;
	pthread_mutex_unlock(&a->sales->mu);
	cdx_hex(hex, a->info.slot.b, sizeof(a->info.slot.b));
	cdx_log(a->sales->env->log, DEBUG, "market", "slot %s: %s", hex,
		cdx_sale_state_name(state));
}

void sale_go(struct sale_agent *a, enum cdx_sale_state state)
{
	quiet(a);
	if (state != CDX_SALE_PROVING && state != CDX_SALE_FILLED) {
		cdx_proving_del(a->proving);
		a->proving = NULL;
		cdx_loop_timer_del(a->look_at);
		a->look_at = NULL;
		if (a->look != NULL)
			atomic_store(&a->look->cancel, true);
	}
	if (state != CDX_SALE_FILLED)
		a->facts_fresh = false;
	a->tries = 0;
	set_state(a, state);
	states[state].run(a);
}

static void run_again(void *arg)
{
	struct sale_agent *a = arg;

	quiet(a);
	states[a->info.state].run(a);
}

void sale_begin(struct sale_agent *a, size_t n)
{
	if (cdx_loop_timer_add(a->sales->env->loop, &a->retry,
			       n / BEGIN_AT_ONCE * BEGIN_NS, 0, run_again,
			       a) < 0)
		a->wake_block = 1;
}

void sale_job_stopped(struct sale_agent *a)
{
	if (a->retry == NULL && (a->info.state == CDX_SALE_PREPARING ||
				 a->info.state == CDX_SALE_DOWNLOADING ||
				 a->info.state == CDX_SALE_FILLED))
		run_again(a);
}

static void wake(struct sale_agent *a)
{
	if (a->closing) {
		a->wake_block = 0;
		sale_close_go_on(a);
	} else {
		run_again(a);
	}
}

void sale_on_head(void *arg, const struct cdx_block *head,
		  uint64_t fork CDX_UNUSED)
{
	struct cdx_sales *s = arg;

	if (!s->loaded)
		sale_reconcile(s);
	cdx_list_foreach_safe(pos, tmp, &s->agents) {
		struct sale_agent *a =
			cdx_list_entry(pos, struct sale_agent, link);

		if (a->wake_block != 0 && head->number >= a->wake_block)
			wake(a);
	}
	sale_dispatch(s);
}

/* Does a state belong to a slot that is ours? */
static bool is_held(const struct sale_agent *a)
{
	switch (a->info.state) {
	case CDX_SALE_FILLED:
	case CDX_SALE_PROVING:
	case CDX_SALE_PAYOUT:
	case CDX_SALE_CANCELLED:
	case CDX_SALE_FAILED:
	case CDX_SALE_UNKNOWN:
		return true;
	case CDX_SALE_PREPARING:
	case CDX_SALE_RESERVING:
	case CDX_SALE_DOWNLOADING:
	case CDX_SALE_INITIAL_PROVING:
	case CDX_SALE_FILLING:
	case CDX_SALE_FINISHED:
	case CDX_SALE_IGNORED:
	case CDX_SALE_ERRORED:
	case CDX_SALE_STATES:
		break;
	}
	return false;
}

void sale_retry(struct sale_agent *a, int err, const char *why)
{
	unsigned doublings = a->tries < PAUSES_MAX ? a->tries : PAUSES_MAX;
	unsigned most = a->info.state == CDX_SALE_DOWNLOADING ? TRIES_DATA_MAX
							      : TRIES_MAX;

	sale_error(a, err, why);
	if (++a->tries > most && !is_held(a)) {
		sale_close(a, CDX_SALE_ERRORED, false);
		return;
	}
	quiet(a);
	if (cdx_loop_timer_add(a->sales->env->loop, &a->retry,
			       PAUSE_NS << doublings, 0, run_again, a) < 0)
		/* without memory for a timer: at the next block */
		a->wake_block = 1;
}

void sale_run_at(struct sale_agent *a, int64_t at)
{
	cdx_head_alarm_del(a->alarm);
	a->alarm = NULL;
	if (cdx_head_alarm_add(a->sales->env->head, &a->alarm, at, run_again,
			       a) < 0)
		a->wake_block = 1;
}

void sale_run_at_block(struct sale_agent *a, uint64_t number)
{
	a->wake_block = number;
}

/* ---- facts ---- */

static void facts_end(struct sale_agent *a)
{
	sale_facts_fn *fn = a->facts_fn;

	a->facts_fn = NULL;
	if (a->facts_again && a->facts_err == 0) {
		sale_facts_ask(a, fn);
		return;
	}
	if (a->facts_err == 0)
		set_state(a, a->info.state); /* its end is known */
	fn(a, a->facts_err);
}

static void facts_got(struct sale_agent *a, int err,
		      const struct cdx_revert *why)
{
	if (err == CDX_E_CHAIN && why->code == CDX_REVERT_UNKNOWN_REQUEST)
		a->facts.unknown = true;
	else if (err < 0 && a->facts_err == 0) {
		a->facts_err = err;
		sale_error(a, err, sale_words(why, err));
	}
	if (--a->facts_left == 0)
		facts_end(a);
}

static void on_slot_state(void *arg, int err, uint64_t v,
			  const struct cdx_revert *why)
{
	struct sale_agent *a = arg;

	a->facts.slot = (enum cdx_slot_state)v;
	facts_got(a, err, why);
}

static void on_request_state(void *arg, int err, uint64_t v,
			     const struct cdx_revert *why)
{
	struct sale_agent *a = arg;

	a->facts.request = (enum cdx_request_state)v;
	facts_got(a, err, why);
}

static void on_host(void *arg, int err, const struct cdx_addr *v,
		    const struct cdx_revert *why)
{
	struct sale_agent *a = arg;

	if (v != NULL)
		a->facts.host = *v;
	facts_got(a, err, why);
}

/* No second of the chain is beyond what int64_t holds */
static int64_t second(uint64_t v)
{
	return v > (uint64_t)INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)v;
}

static void on_end(void *arg, int err, uint64_t v, const struct cdx_revert *why)
{
	struct sale_agent *a = arg;

	a->facts.end = second(v);
	facts_got(a, err, why);
}

static void on_expiry(void *arg, int err, uint64_t v,
		      const struct cdx_revert *why)
{
	struct sale_agent *a = arg;

	a->facts.expiry = second(v);
	facts_got(a, err, why);
}

void sale_facts_ask(struct sale_agent *a, sale_facts_fn *fn)
{
	struct cdx_marketplace *m = a->sales->env->market;
	const struct cdx_b32 *slot = &a->info.slot;
	const struct cdx_b32 *request = &a->info.request;
	int rc;

	if (a->facts_fn != NULL) {
		a->facts_again = true;
		return;
	}
	a->facts_fn = fn;
	a->facts_again = false;
	a->facts_err = 0;
	a->facts.unknown = false;
	a->facts_left = 5;
	rc = cdx_market_slot_state(m, slot, on_slot_state, a);
	if (rc == 0)
		rc = cdx_market_request_state(m, request, on_request_state, a);
	if (rc == 0)
		rc = cdx_market_get_host(m, slot, on_host, a);
	if (rc == 0)
		rc = cdx_market_request_end(m, request, on_end, a);
	if (rc == 0)
		rc = cdx_market_request_expiry(m, request, on_expiry, a);
	if (rc < 0)
		sale_retry(a, rc, NULL);
}

/* ---- the end ---- */

static void close_timer(void *arg)
{
	sale_close_go_on(arg);
}

static void on_ended(struct sale_agent *a, int rc)
{
	struct cdx_sales *s = a->sales;
	struct cdx_b32 request = a->info.request;
	bool again = a->again;

	if (rc < 0) {
		/* rows and data stay: once more */
		sale_error(a, rc, "the end of a reservation cannot be written");
		quiet(a);
		if (cdx_loop_timer_add(s->env->loop, &a->retry,
				       PAUSE_NS << PAUSES_MAX, 0, close_timer,
				       a) < 0)
			a->wake_block = 1;
		return;
	}
	sale_agent_free(a);
	/* another slot of this request may be had now */
	if (!again)
		cdx_sale_queue_unsee(s->queue, &request);
	sale_dispatch(s);
}

/* Does another one promise the same bytes right now, and count on them? */
static bool is_awaited(const struct sale_agent *a)
{
	cdx_list_foreach(pos, &a->sales->agents) {
		const struct sale_agent *o =
			cdx_list_entry(pos, struct sale_agent, link);

		if (o != a && !o->closing && o->books != NULL &&
		    o->has_manifest && a->has_manifest &&
		    o->info.index == a->info.index &&
		    cdx_cid_equal(&o->note.manifest, &a->note.manifest))
			return true;
	}
	return false;
}

void sale_close_go_on(struct sale_agent *a)
{
	/* of others the timer is for something else */
	if (!a->closing)
		return;
	cdx_loop_timer_del(a->retry);
	a->retry = NULL;
	if (a->data != NULL || a->look != NULL || a->books != NULL ||
	    is_awaited(a))
		return;
	if (!sale_books_end(a, on_ended))
		a->wake_block = 1; /* without memory: at the next block */
}

void sale_close(struct sale_agent *a, enum cdx_sale_state state, bool again)
{
	struct cdx_sales *s = a->sales;
	struct cdx_sale_item it;

	quiet(a);
	cdx_proving_del(a->proving);
	a->proving = NULL;
	cdx_loop_timer_del(a->look_at);
	a->look_at = NULL;
	if (a->look != NULL)
		atomic_store(&a->look->cancel, true);
	if (again) {
		cdx_sale_item_of(&it, &a->info.request, a->info.index,
				 &a->info.what.ask, a->facts.expiry,
				 a->facts.slot == CDX_SLOT_REPAIR
					 ? s->env->config.repair_reward
					 : 0);
		it.seen = true;
		/* a full queue has better ones */
		(void)!cdx_sale_queue_push(s->queue, &it);
	}
	set_state(a, state);
	a->again = again;
	a->closing = true;
	sale_close_go_on(a);
}

void sale_agent_free(struct sale_agent *a)
{
	quiet(a);
	cdx_proving_del(a->proving);
	cdx_loop_timer_del(a->look_at);
	pthread_mutex_lock(&a->sales->mu);
	sale_forget(a);
	pthread_mutex_unlock(&a->sales->mu);
	free(a);
}
