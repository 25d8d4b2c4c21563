/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/validator_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "market/challenge.h"

#define TAG "mark-"

/* One period that has ended, from its end until the contract takes no marks of it
 * any more.  Who may have missed its proof is what the dice say when this begins;
 * the contract has the last word. */
struct sweep {
	struct cdx_list link;
	struct cdx_validator *v;
	uint64_t period;
	int64_t deadline;
	struct cdx_b32 *ids; /* candidates */
	size_t n;
	size_t at;	 /* that are not asked about yet */
	size_t asked;	 /* that are being asked about */
	bool chosen;	 /* ids are what is to be asked about */
	bool again;	 /* some must be asked about again */
	bool resting;	 /* some are in the downtime still, which blocks end */
	bool complained; /* of what is in the way */
	struct cdx_loop_timer *retry;
};

/* One transaction */
struct mark {
	struct cdx_list link;
	struct cdx_validator *v;
	struct cdx_b32 slot;
	uint64_t period;
};

static void sweep_go(struct sweep *sw);

/* ---- who is a candidate? ---- */

/* The contract throws the dice for the block that the mark is in: a slot that was in
 * the downtime to the period's end comes out of it with later blocks, and its host was
 * told that it will (willProofBeRequired).  @rests: whether it is still in it. */
static bool is_wanted(const struct cdx_validator *v,
		      const struct validator_slot *s, uint64_t period,
		      bool *rests)
{
	struct cdx_challenge c;

	if (!s->watched || period <= s->since ||
	    validator_periods_has(&s->proven, period) ||
	    validator_periods_has(&s->handled, period))
		return false;
	/* where we cannot throw the dice the contract does */
	if (!s->has_probability || !cdx_head_latest(v->env->head) ||
	    cdx_challenge_of(&c, v->env->head, &v->env->config, &s->id, period,
			     s->probability) != 0)
		return true;
	*rests = *rests || (c.rolled && c.downtime);
	return c.rolled && !c.downtime;
}

static int choose(struct sweep *sw)
{
	struct cdx_validator *v = sw->v;
	struct cdx_b32 *ids =
		calloc(v->n_watched > 0 ? v->n_watched : 1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	free(sw->ids);
	sw->ids = ids;
	sw->n = 0;
	sw->at = 0;
	sw->resting = false;
	cdx_list_foreach(pos, &v->slots) {
		const struct validator_slot *s =
			cdx_list_entry(pos, struct validator_slot, link);

		if (is_wanted(v, s, sw->period, &sw->resting))
			ids[sw->n++] = s->id;
	}
	sw->chosen = true;
	sw->again = false;
	return 0;
}

/* ---- the course of it ---- */

static void sweep_free(struct sweep *sw)
{
	cdx_marketplace_forget(sw->v->env->market, sw);
	cdx_loop_timer_del(sw->retry);
	cdx_list_del(&sw->link);
	free(sw->ids);
	free(sw);
}

static void on_retry(void *arg)
{
	struct sweep *sw = arg;

	cdx_loop_timer_del(sw->retry);
	sw->retry = NULL;
	sweep_go(sw);
}

/* Goes on in a moment; without memory the next head does it. */
static void later(struct sweep *sw)
{
	if (!sw->retry &&
	    cdx_loop_timer_add(sw->v->env->loop, &sw->retry, VALIDATOR_RETRY_NS,
			       0, on_retry, sw) != 0)
		sw->retry = NULL;
}

/* Says once a period what is in the way. */
static void complain(struct sweep *sw, const char *what, const char *words)
{
	if (!sw->complained)
		cdx_log(sw->v->env->log, WARN, "market",
			"missing proofs of period %" PRIu64
			" %s yet, it is tried again: %s",
			sw->period, what, words);
	sw->complained = true;
}

static struct sweep *sweep_of(const struct cdx_validator *v, uint64_t period)
{
	cdx_list_foreach(pos, &v->sweeps) {
		struct sweep *sw = cdx_list_entry(pos, struct sweep, link);

		if (sw->period == period)
			return sw;
	}
	return NULL;
}

/* The time for marks is over.  What was late is told once we know what the chain
 * says up to then; frees it. */
static void sweep_end(struct sweep *sw)
{
	struct cdx_validator *v = sw->v;
	const struct cdx_block *head = cdx_head_latest(v->env->head);
	uint32_t late;

	if (!head || (int64_t)head->timestamp < sw->deadline ||
	    !cdx_market_events_caught_up(v->opts.events) || choose(sw) != 0) {
		later(sw);
		return;
	}
	late = (uint32_t)sw->n;
	if (late > 0)
		cdx_log(v->env->log, WARN, "market",
			"period %" PRIu64 ": the time to have %" PRIu32
			" missing proofs marked has passed",
			sw->period, late);
	pthread_mutex_lock(&v->mu);
	v->stats.late += late;
	v->stats.periods += late == 0;
	v->stats.last_period = sw->period;
	pthread_mutex_unlock(&v->mu);
	sweep_free(sw);
}

/* ---- marks ---- */

static void mark_free(struct mark *m)
{
	cdx_list_del(&m->link);
	free(m);
}

/* What the contract gave us for it */
static void add_reward(struct cdx_validator *v, const struct cdx_sent *sent)
{
	const struct cdx_addr *us = cdx_sender_addr(v->opts.sender);
	const struct cdx_addr *from = cdx_marketplace_addr(v->env->market);
	struct cdx_market_event e;

	for (size_t i = 0; i < sent->n_logs; i++) {
		if (cdx_market_event_decode(&e, &sent->logs[i]) != 0 ||
		    e.kind != CDX_EVENT_TRANSFER ||
		    memcmp(&e.to, us, sizeof(e.to)) != 0 ||
		    memcmp(&e.from, from, sizeof(e.from)) != 0)
			continue;
		/* a sum of more than there can be stays as it was */
		if (cdx_u256_add(&v->stats.rewards, &v->stats.rewards,
				 &e.value) != 0)
			return;
	}
}

/* It failed, and not for good. */
static void mark_again(const struct mark *m, const char *words)
{
	struct validator_slot *s = validator_slot_find(m->v, &m->slot);
	struct sweep *sw = sweep_of(m->v, m->period);

	if (s)
		validator_periods_clear(&s->handled, m->period);
	if (!sw)
		return;
	complain(sw, "could not be marked", words);
	sw->again = true;
	later(sw);
}

static bool is_late(int err, const struct cdx_revert *why)
{
	return err == -ETIME || (err == CDX_E_CHAIN &&
				 why->code == CDX_REVERT_VALIDATION_TIMED_OUT);
}

static void on_marked(void *arg, int err, const struct cdx_sent *sent,
		      const struct cdx_revert *why)
{
	struct mark *m = arg;
	struct cdx_validator *v = m->v;
	char slot[2 * sizeof(m->slot) + 1];

	cdx_hex(slot, m->slot.b, sizeof(m->slot.b));
	pthread_mutex_lock(&v->mu);
	v->stats.marked += err == 0;
	v->stats.late += is_late(err, why);
	if (err == 0)
		add_reward(v, sent);
	pthread_mutex_unlock(&v->mu);
	if (err == 0)
		cdx_log(v->env->log, INFO, "market",
			"marked: no proof of slot %s in period %" PRIu64, slot,
			m->period);
	else if (err == -ETIME ||
		 (err == CDX_E_CHAIN && why->code != CDX_REVERT_NONE &&
		  why->code != CDX_REVERT_PERIOD_NOT_ENDED))
		cdx_log(v->env->log, DEBUG, "market",
			"not marked: slot %s in period %" PRIu64 ": %s", slot,
			m->period, why->words);
	else
		mark_again(m, why->words);
	mark_free(m);
}

static struct mark *mark_new(struct cdx_validator *v,
			     const struct cdx_b32 *slot, uint64_t period)
{
	struct mark *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->v = v;
	m->slot = *slot;
	m->period = period;
	cdx_list_add_tail(&v->marks, &m->link);
	return m;
}

static int mark(struct cdx_validator *v, const struct cdx_b32 *slot,
		uint64_t period)
{
	char tag[CDX_SEND_TAG_MAX];
	char hex[2 * sizeof(*slot) + 1];
	const struct cdx_market_how how = {
		.tag = tag,
		.stake = v->opts.stake,
		.deadline = validator_deadline(v, period),
	};
	struct mark *m = mark_new(v, slot, period);
	int rc;

	if (!m)
		return -ENOMEM;
	cdx_hex(hex, slot->b, sizeof(slot->b));
	snprintf(tag, sizeof(tag), TAG "%s-%" PRIu64, hex, period);
	rc = cdx_market_mark_missing(v->env->market, v->opts.sender, slot,
				     period, &how, on_marked, m);
	if (rc != 0)
		mark_free(m);
	return rc;
}

static bool is_being_marked(const struct cdx_validator *v,
			    const struct cdx_b32 *slot, uint64_t period)
{
	cdx_list_foreach(pos, &v->marks) {
		const struct mark *m = cdx_list_entry(pos, struct mark, link);

		if (m->period == period &&
		    memcmp(&m->slot, slot, sizeof(*slot)) == 0)
			return true;
	}
	return false;
}

/* ---- questions ---- */

static void on_answer(struct sweep *sw, const struct cdx_b32 *id,
		      const struct cdx_slot_answer *a)
{
	struct validator_slot *s = validator_slot_find(sw->v, id);

	if (!s || validator_periods_has(&s->proven, sw->period))
		return;
	/* the pending block may be one of the period, still */
	if (a->err != 0 ||
	    (a->v == 0 && a->code == CDX_REVERT_PERIOD_NOT_ENDED)) {
		sw->again = true;
		return;
	}
	/* told with the end of the sweep */
	if (a->v == 0 && a->code == CDX_REVERT_VALIDATION_TIMED_OUT)
		return;
	validator_periods_set(&s->handled, sw->period);
	/* one of an earlier process may be on its way */
	if (a->v == 0 || is_being_marked(sw->v, id, sw->period) ||
	    mark(sw->v, id, sw->period) == 0)
		return;
	validator_periods_clear(&s->handled, sw->period);
	sw->again = true;
}

static void on_answers(void *arg, int err,
		       const struct cdx_slot_answer *answers, size_t n,
		       const struct cdx_revert *why)
{
	struct sweep *sw = arg;

	sw->asked = 0;
	if (err != 0) {
		complain(sw, "could not be asked for", why->words);
		sw->chosen = false;
		later(sw);
		return;
	}
	for (size_t i = 0; i < n; i++)
		on_answer(sw, &sw->ids[sw->at + i], &answers[i]);
	sw->at += n;
	sweep_go(sw);
}

static void ask(struct sweep *sw)
{
	size_t n = sw->n - sw->at;

	if (n > CDX_MARKET_MANY_MAX)
		n = CDX_MARKET_MANY_MAX;
	if (cdx_market_can_mark_many(sw->v->env->market, sw->ids + sw->at, n,
				     sw->period, on_answers, sw) != 0)
		later(sw);
	else
		sw->asked = n;
}

static void sweep_go(struct sweep *sw)
{
	struct cdx_validator *v = sw->v;

	if (sw->asked != 0 || sw->retry)
		return;
	if (cdx_head_now(v->env->head) >= sw->deadline) {
		sweep_end(sw);
		return;
	}
	if (!v->ready)
		return;
	if ((!sw->chosen || (sw->at == sw->n && sw->again)) &&
	    choose(sw) != 0) {
		later(sw);
		return;
	}
	if (sw->at < sw->n)
		ask(sw);
	if (sw->asked == 0 && sw->again)
		later(sw);
}

/* ---- all of them ---- */

void validator_sweeps_init(struct cdx_validator *v)
{
	cdx_list_init(&v->sweeps);
	cdx_list_init(&v->marks);
}

void validator_sweeps_free(struct cdx_validator *v)
{
	cdx_list_foreach_safe(pos, next, &v->sweeps)
		sweep_free(cdx_list_entry(pos, struct sweep, link));
	cdx_list_foreach_safe(pos, next, &v->marks) {
		struct mark *m = cdx_list_entry(pos, struct mark, link);

		cdx_marketplace_forget(v->env->market, m);
		cdx_sender_forget(v->opts.sender, m);
		mark_free(m);
	}
}

void validator_sweep(struct cdx_validator *v, uint64_t period)
{
	struct sweep *sw = calloc(1, sizeof(*sw));

	if (!sw) {
		cdx_log(v->env->log, ERROR, "market",
			"no memory to look at period %" PRIu64, period);
		return;
	}
	sw->v = v;
	sw->period = period;
	sw->deadline = validator_deadline(v, period);
	cdx_list_add_tail(&v->sweeps, &sw->link);
	sweep_go(sw);
}

void validator_sweeps_go(struct cdx_validator *v)
{
	cdx_list_foreach_safe(pos, next, &v->sweeps) {
		struct sweep *sw = cdx_list_entry(pos, struct sweep, link);

		/* when all that is chosen was answered */
		if (sw->resting && sw->asked == 0 && sw->at == sw->n)
			sw->chosen = false;
		sweep_go(sw);
	}
}

void validator_sweeps_undone(struct cdx_validator *v)
{
	cdx_list_foreach(pos, &v->slots)
		cdx_list_entry(pos, struct validator_slot, link)->handled =
			(struct validator_periods){0};
	/* the sender sees to those that are under way */
	cdx_list_foreach(pos, &v->marks) {
		const struct mark *m = cdx_list_entry(pos, struct mark, link);
		struct validator_slot *s = validator_slot_find(v, &m->slot);

		if (s)
			validator_periods_set(&s->handled, m->period);
	}
	/* what is being answered was asked of what is void */
	cdx_list_foreach(pos, &v->sweeps) {
		struct sweep *sw = cdx_list_entry(pos, struct sweep, link);

		cdx_marketplace_forget(v->env->market, sw);
		sw->asked = 0;
		sw->chosen = false;
	}
}

/* ---- of an earlier process ---- */

static void join(void *arg, const char *tag)
{
	struct cdx_list *found = arg;
	struct cdx_b32 slot;
	unsigned long long period;
	struct mark *m;
	char hex[2 * sizeof(slot) + 1];

	if (sscanf(tag, TAG "%64[0-9a-f]-%llu", hex, &period) != 2 ||
	    cdx_unhex(slot.b, sizeof(slot.b), hex) != 0)
		return;
	m = calloc(1, sizeof(*m));
	if (!m)
		return;
	m->slot = slot;
	m->period = period;
	cdx_list_add_tail(found, &m->link);
}

void validator_marks_join(struct cdx_validator *v)
{
	struct cdx_list found;

	cdx_list_init(&found);
	cdx_sender_tags(v->opts.sender, join, &found);
	cdx_list_foreach_safe(pos, next, &found) {
		struct mark *m = cdx_list_entry(pos, struct mark, link);

		/* one that cannot be joined is joined when it is marked */
		(void)mark(v, &m->slot, m->period);
		mark_free(m);
	}
}
