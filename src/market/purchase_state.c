/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The way of one purchase, from its record to its end. */
#include "config.h"

#include "market/purchase_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"

#define NS_PER_S UINT64_C(1000000000)
/* Between tries that failed for reasons that pass: doubling to the most */
#define PAUSE_S 2u
#define PAUSE_MAX_S 60u
#define DAY_S 86400u
/* A time of the chain has passed, and its state does not say so yet */
#define AGAIN_S 5

bool purchase_over(const struct purchase *b)
{
	switch (b->rec.state) {
	case CDX_PURCHASE_FINISHED:
	case CDX_PURCHASE_CANCELLED:
	case CDX_PURCHASE_FAILED:
		return b->rec.settled;
	case CDX_PURCHASE_ERRORED:
		return b->rec.settled && b->rec.retry_at == 0;
	case CDX_PURCHASE_PENDING:
	case CDX_PURCHASE_SUBMITTED:
	case CDX_PURCHASE_STARTED:
	case CDX_PURCHASE_UNKNOWN:
	case CDX_PURCHASE_STATES:
		break;
	}
	return false;
}

static void tag_of(char out[CDX_SEND_TAG_MAX + 1], const char *what,
		   const struct purchase *b)
{
	char hex[65];

	cdx_hex(hex, b->id.b, sizeof(b->id.b));
	snprintf(out, CDX_SEND_TAG_MAX + 1, "%s-%s", what, hex);
}

/* ---- changes ---- */

static void set_error(struct purchase *b, const char *words)
{
	snprintf(b->rec.error, sizeof(b->rec.error), "%s", words);
}

static void enter(struct purchase *b, enum cdx_purchase_state state)
{
	char hex[65];

	if (b->rec.state == state)
		return;
	cdx_hex(hex, b->id.b, sizeof(b->id.b));
	cdx_log(b->p->env->log, INFO, "purchasing", "request %s: %s, was %s",
		hex, cdx_purchase_state_name(state),
		cdx_purchase_state_name(b->rec.state));
	b->rec.state = state;
	b->failures = 0;
	b->trouble[0] = '\0';
	b->p->stale = true;
	purchase_save(b, false);
}

/* Over, but for what is to come back */
static void end(struct purchase *b, enum cdx_purchase_state state,
		const char *words)
{
	if (words != NULL)
		set_error(b, words);
	if (b->rec.ended == 0)
		b->rec.ended = cdx_clock_wall_s();
	enter(b, state);
}

/* In the way for now */
static void later(struct purchase *b, const char *words)
{
	unsigned pause = PAUSE_S << (b->failures < 5 ? b->failures : 5);

	if (pause > PAUSE_MAX_S)
		pause = PAUSE_MAX_S;
	b->failures++;
	b->retry_ns = cdx_clock_mono_ns() + pause * NS_PER_S;
	snprintf(b->trouble, sizeof(b->trouble), "%s", words);
	b->p->stale = true;
}

static void well(struct purchase *b)
{
	b->failures = 0;
	b->retry_ns = 0;
	if (b->trouble[0] != '\0') {
		b->trouble[0] = '\0';
		b->p->stale = true;
	}
}

/* It ended before it was on the chain.  What is bought for a segment is tried again
 * with the same Request: it can be there only once. */
static void refuse(struct purchase *b, const char *words)
{
	uint64_t pause = b->p->opts.retry_s;

	for (unsigned i = 0; i < b->rec.attempts && pause < DAY_S; i++)
		pause *= 2;
	b->rec.attempts++;
	b->rec.settled = true;
	b->rec.retry_at = 0;
	if (b->rec.area != 0)
		b->rec.retry_at = cdx_clock_wall_s() +
				  (int64_t)(pause < DAY_S ? pause : DAY_S);
	cdx_log(b->p->env->log, WARN, "purchasing",
		"storage is not requested: %s", words);
	end(b, CDX_PURCHASE_ERRORED, words);
}

static void release(struct purchase *b)
{
	cdx_allowance_release(b->hold);
	b->hold = NULL;
	b->allowed = false;
}

/* ---- time ---- */

static void on_alarm(void *arg)
{
	struct purchase *b = arg;

	cdx_head_alarm_del(b->alarm);
	b->alarm = NULL;
	b->alarm_at = 0;
	b->look = true;
	purchase_soon(b->p);
}

/* The state is looked at then, too.  Without memory the next comparison does. */
static void look_at(struct purchase *b, int64_t at)
{
	int64_t now = cdx_head_now(b->p->env->head);

	if (at <= now)
		at = now + AGAIN_S;
	if (b->alarm != NULL && b->alarm_at == at)
		return;
	cdx_head_alarm_del(b->alarm);
	b->alarm = NULL;
	b->alarm_at = at;
	if (cdx_head_alarm_add(b->p->env->head, &b->alarm, at, on_alarm, b) < 0)
		b->alarm = NULL;
}

/* ---- what the chain says ---- */

static void set_times(struct purchase *b, int64_t expires)
{
	const struct cdx_storage_request *r = &b->rec.what;
	int64_t end;

	if (expires <= 0 || b->rec.expires == expires)
		return;
	/* both count from the block that it was posted in */
	end = expires - (int64_t)r->expiry + (int64_t)r->ask.duration;
	/* one that was found on the chain counts from when it was posted */
	if (b->rec.state == CDX_PURCHASE_UNKNOWN)
		purchase_date(b, cdx_clock_wall_s() -
					 (cdx_head_now(b->p->env->head) -
					  expires + (int64_t)r->expiry));
	b->rec.expires = expires;
	b->rec.end = end;
	b->p->stale = true;
	purchase_save(b, false);
}

/* The chain does not know it (any more) */
static void vanished(struct purchase *b)
{
	b->absent = true;
	/* refused, and to be sent again when it is time, not when it is asked for */
	if (b->rec.state == CDX_PURCHASE_PENDING ||
	    (b->rec.state == CDX_PURCHASE_ERRORED && b->rec.retry_at != 0))
		return;
	b->rec.posted = false;
	b->rec.started_block = 0;
	b->rec.settled = false;
	b->rec.settled_block = 0;
	b->rec.ended = 0;
	b->rec.expires = 0;
	b->rec.end = 0;
	b->rec.error[0] = '\0';
	if (b->rec.state == CDX_PURCHASE_UNKNOWN) {
		/* somebody else's with this account's key: not for us to post */
		b->rec.settled = true;
		end(b, CDX_PURCHASE_ERRORED,
		    "the chain does not know this request any more");
		return;
	}
	purchase_slots_look(b);
	enter(b, CDX_PURCHASE_PENDING);
}

static void started(struct purchase *b)
{
	if (b->rec.started_block == 0)
		b->rec.started_block = b->p->head != 0 ? b->p->head : 1;
	enter(b, CDX_PURCHASE_STARTED);
	look_at(b, b->rec.end + 1);
}

static void on_chain(struct purchase *b, uint64_t state)
{
	if (!b->rec.posted || b->absent) {
		b->absent = false;
		b->rec.posted = true;
		b->rec.retry_at = 0;
		b->rec.settled = false;
		b->rec.settled_block = 0;
		b->rec.ended = 0;
		b->rec.error[0] = '\0';
		purchase_save(b, false);
		purchase_slots_look(b);
		release(b);
	}
	if (state == CDX_REQUEST_NEW || state == CDX_REQUEST_STARTED) {
		b->rec.ended = 0;
		b->rec.error[0] = '\0';
	}
	switch (state) {
	case CDX_REQUEST_NEW:
		b->rec.started_block = 0;
		enter(b, CDX_PURCHASE_SUBMITTED);
		look_at(b, b->rec.expires + 1);
		return;
	case CDX_REQUEST_STARTED:
		started(b);
		return;
	case CDX_REQUEST_CANCELLED:
		end(b, CDX_PURCHASE_CANCELLED,
		    "cancelled: not all slots were filled before it expired");
		return;
	case CDX_REQUEST_FINISHED:
		end(b, CDX_PURCHASE_FINISHED, NULL);
		return;
	case CDX_REQUEST_FAILED:
		/* ends as errored once the money is back */
		if (b->rec.state != CDX_PURCHASE_ERRORED)
			end(b, CDX_PURCHASE_FAILED,
			    "failed: more slots were lost than it bears");
		return;
	default:
		return;
	}
}

void purchase_is(struct purchase *b, int err, uint64_t state, int64_t expires,
		 const struct cdx_revert *why)
{
	b->asking = false;
	if (err == 0 && !b->told) {
		b->told = true;
		b->p->stale = true;
	}
	if (err == CDX_E_CHAIN && why->code == CDX_REVERT_UNKNOWN_REQUEST) {
		well(b);
		vanished(b);
	} else if (err < 0) {
		b->look = true;
		later(b, why->words);
	} else if (expires <= 0 && b->rec.expires == 0) {
		/* without its end it would look as if it was over, and be
		 * renewed at once */
		b->look = true;
		later(b, "the chain's node does not tell when the request "
			 "expires");
	} else {
		well(b);
		set_times(b, expires);
		on_chain(b, state);
	}
	purchase_soon(b->p);
}

void purchase_undone(struct purchase *b, uint64_t fork)
{
	if (b->foreign)
		return;
	if (b->rec.started_block > fork)
		b->rec.started_block = 0;
	if (b->rec.settled && b->rec.settled_block > fork) {
		b->rec.settled = false;
		b->rec.settled_block = 0;
		b->rec.returned = cdx_u256_of(0);
		purchase_save(b, false);
	}
	if (purchase_over(b))
		return;
	b->look = true;
	purchase_slots_look(b);
}

/* ---- pending: public, allowed, requested ---- */

static void publish(struct purchase *b)
{
	struct purchase_work *w = purchase_work_new(PURCHASE_WORK_PUBLISH);

	if (w == NULL) {
		later(b, cdx_strerror(-ENOMEM));
		return;
	}
	w->id = b->id;
	w->area = b->rec.area;
	w->verifiable = b->verifiable;
	b->publishing = true;
	purchase_work_give(b->p, w);
}

void purchase_published(struct purchase *b, int rc, const char *why)
{
	b->publishing = false;
	b->published = rc == 0;
	if (rc == -ENOENT && b->rec.area == 0)
		refuse(b, why);
	else if (rc < 0 && rc != -ENOENT)
		later(b, why);
	else
		/* compacted away: its providers have it */
		b->published = true;
	purchase_soon(b->p);
}

static void on_allowed(void *arg, int err, const char *why)
{
	struct purchase *b = arg;

	b->sending = false;
	b->allowed = err == 0;
	if (err == -ENOBUFS) {
		release(b);
		refuse(b, why);
	} else if (err < 0) {
		release(b);
		later(b, why);
	} else {
		well(b);
	}
	purchase_soon(b->p);
}

static void allow(struct purchase *b)
{
	char tag[CDX_SEND_TAG_MAX + 1];
	int rc;

	tag_of(tag, "approve", b);
	rc = cdx_allowance_take(b->p->opts.allowance, &b->hold, tag, &b->price,
				NULL, on_allowed, b);
	if (rc < 0)
		later(b, cdx_strerror(rc));
	else
		b->sending = true;
}

/* Of a refusal: whether the same may go well another time without anybody's doing */
static bool passes(int err, const struct cdx_revert *why)
{
	return err != -ENOBUFS && err != -E2BIG && err != -EINVAL &&
	       (err != CDX_E_CHAIN || why->code == CDX_REVERT_NONE);
}

static void on_requested(void *arg, int err, const struct cdx_sent *sent,
			 const struct cdx_revert *why)
{
	struct purchase *b = arg;

	(void)sent;
	b->sending = false;
	b->look = true;
	release(b);
	purchase_ask_balance(b->p);
	if (b->rec.state != CDX_PURCHASE_PENDING) {
		/* of an earlier life; what the chain says is what counts */
		well(b);
	} else if (err == 0) {
		well(b);
		b->absent = false;
		b->rec.posted = true;
		enter(b, CDX_PURCHASE_SUBMITTED);
	} else if (err == CDX_E_CHAIN &&
		   (why->code == CDX_REVERT_REQUEST_ALREADY_EXISTS ||
		    why->code == CDX_REVERT_INSUFFICIENT_ALLOWANCE)) {
		/* there already; or another program changed the allowance */
		later(b, why->words);
	} else if (passes(err, why)) {
		later(b, why->words);
	} else {
		b->look = false;
		refuse(b, why->words);
	}
	purchase_soon(b->p);
}

static void request(struct purchase *b)
{
	char tag[CDX_SEND_TAG_MAX + 1];
	const struct cdx_market_how how = {.tag = tag};
	int rc;

	tag_of(tag, "request", b);
	rc = cdx_market_request_storage(b->p->env->market, b->p->opts.sender,
					&b->rec.what, &how, on_requested, b);
	if (rc < 0)
		later(b, cdx_strerror(rc));
	else
		b->sending = true;
}

/* Sent in an earlier life, and its end was not told */
static bool under_way(const struct purchase *b, const char *what)
{
	char tag[CDX_SEND_TAG_MAX + 1];

	tag_of(tag, what, b);
	return cdx_sender_has(b->p->opts.sender, tag);
}

static void pending(struct purchase *b)
{
	if (under_way(b, "request"))
		request(b);
	else if (b->look)
		purchase_ask_state(b);
	else if (!b->published)
		publish(b);
	else if (!b->allowed)
		allow(b);
	else
		request(b);
}

/* ---- the money comes back ---- */

static void settle(struct purchase *b)
{
	b->rec.settled = true;
	if (b->rec.ended == 0)
		b->rec.ended = cdx_clock_wall_s();
	b->p->stale = true;
	purchase_ask_balance(b->p);
	if (b->rec.state == CDX_PURCHASE_FAILED)
		enter(b, CDX_PURCHASE_ERRORED);
	else
		purchase_save(b, false);
}

static void on_withdrawn(void *arg, int err, const struct cdx_sent *sent,
			 const struct cdx_revert *why)
{
	struct purchase *b = arg;

	b->sending = false;
	if (err == 0) {
		well(b);
		b->rec.returned = purchase_came_back(b, sent);
		b->rec.settled_block = sent->block;
		settle(b);
	} else if (err == CDX_E_CHAIN &&
		   why->code == CDX_REVERT_NOTHING_TO_WITHDRAW) {
		well(b);
		settle(b);
	} else {
		/* in another state than we think: it is looked at again */
		b->look = true;
		later(b, why->words);
	}
	purchase_soon(b->p);
}

static void withdraw(struct purchase *b)
{
	char tag[CDX_SEND_TAG_MAX + 1];
	const struct cdx_market_how how = {.tag = tag};
	int rc;

	tag_of(tag, "withdraw", b);
	rc = cdx_market_withdraw(b->p->env->market, b->p->opts.sender, &b->id,
				 NULL, &how, on_withdrawn, b);
	if (rc < 0)
		later(b, cdx_strerror(rc));
	else
		b->sending = true;
}

static void ended(struct purchase *b)
{
	if (b->rec.settled)
		return;
	if (under_way(b, "withdraw"))
		withdraw(b);
	else if (b->look)
		purchase_ask_state(b);
	else
		withdraw(b);
}

static void errored(struct purchase *b)
{
	if (b->look && !purchase_over(b)) {
		purchase_ask_state(b);
	} else if (b->rec.posted && !b->rec.settled) {
		ended(b);
	} else if (b->rec.retry_at != 0 &&
		   cdx_clock_wall_s() >= b->rec.retry_at) {
		/* the budget's time may be over before it is posted at last */
		purchase_date(b, cdx_clock_wall_s());
		b->rec.settled = false;
		b->rec.ended = 0;
		b->rec.retry_at = 0;
		b->rec.error[0] = '\0';
		b->look = true;
		enter(b, CDX_PURCHASE_PENDING);
		purchase_soon(b->p);
	}
}

void purchase_go(struct purchase *b)
{
	if (b->foreign)
		return;
	if (b->unsaved)
		purchase_save(b, true);
	if (!b->durable || b->asking || b->sending || b->publishing ||
	    cdx_clock_mono_ns() < b->retry_ns)
		return;
	switch (b->rec.state) {
	case CDX_PURCHASE_PENDING:
		pending(b);
		return;
	case CDX_PURCHASE_SUBMITTED:
	case CDX_PURCHASE_STARTED:
	case CDX_PURCHASE_UNKNOWN:
		/* takes what a transaction of an earlier life ended with */
		if (under_way(b, "request"))
			request(b);
		else if (b->look)
			purchase_ask_state(b);
		return;
	case CDX_PURCHASE_FINISHED:
	case CDX_PURCHASE_CANCELLED:
	case CDX_PURCHASE_FAILED:
		ended(b);
		return;
	case CDX_PURCHASE_ERRORED:
		errored(b);
		return;
	case CDX_PURCHASE_STATES:
		return;
	}
}
