/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/proving.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "market/proving_internal.h"

#define NS_PER_S UINT64_C(1000000000)
/* Periods that are looked back at for misses, after a time without a chain */
#define JUDGE_BACK 4u
/* Periods that it is known of whether they were proven */
#define PAST 64u

/* ---- times ---- */

static int64_t now_of(const struct cdx_proving *p)
{
	return cdx_head_now(p->env->head);
}

static int64_t period_s(const struct cdx_proving *p)
{
	return (int64_t)p->env->config.period;
}

int64_t cdx_proving_end(const struct cdx_proving *p,
			const struct cdx_proving_slot *s)
{
	int64_t end = (int64_t)(p->period + 1) * period_s(p);

	return s && s->what.end < end ? s->what.end : end;
}

bool cdx_proving_held(const struct cdx_proving *p)
{
	int64_t now = now_of(p);
	bool wait = !cdx_market_events_caught_up(p->opts.events);

	cdx_list_foreach(pos, &p->txs) {
		const struct proving_tx *tx =
			cdx_list_entry(pos, struct proving_tx, node);

		wait = wait || (tx->n == 0 && tx->period == p->period);
	}
	return wait && now < p->started + period_s(p) / 4 &&
	       now + 3 * cdx_proving_two_blocks(p) < cdx_proving_end(p, NULL);
}

/* ---- telling ---- */

void cdx_proving_emit(struct cdx_proving_slot *s, enum cdx_proving_event event,
		      uint64_t period, const char *why)
{
	if (s->dead)
		return;
	s->p->calling++;
	s->fn(s->arg, event, period, why);
	s->p->calling--;
}

void cdx_proving_trouble(struct cdx_proving_slot *s, const char *why)
{
	if (s->troubled)
		return;
	s->troubled = true;
	cdx_proving_emit(s, CDX_PROVING_TROUBLE, s->p->period, why);
}

void cdx_proving_gone(struct cdx_proving_slot *s, const char *why)
{
	if (s->gone)
		return;
	s->gone = true;
	cdx_proving_emit(s, CDX_PROVING_GONE, s->p->period, why);
}

void cdx_proving_tell(struct cdx_proving_slot *s)
{
	if (s->told)
		return;
	s->told = true;
	s->p->count.submitted++;
	s->p->count.last_success = cdx_clock_wall_s();
	cdx_proving_emit(s, CDX_PROVING_DONE, s->proven, "");
}

/* Frees what was deleted while functions were called. */
static void sweep(struct cdx_proving *p)
{
	if (p->calling > 0)
		return;
	cdx_list_foreach_safe(pos, next, &p->slots) {
		struct cdx_proving_slot *s =
			cdx_list_entry(pos, struct cdx_proving_slot, node);

		if (s->dead) {
			cdx_list_del(&s->node);
			free(s);
		}
	}
}

static void publish(struct cdx_proving *p)
{
	struct cdx_proving_stats *c = &p->count;

	c->slots = p->n_slots;
	c->next_deadline = 0;
	c->margin_s = INT64_MAX;
	cdx_list_foreach(pos, &p->slots) {
		const struct cdx_proving_slot *s =
			cdx_list_entry(pos, struct cdx_proving_slot, node);
		int64_t end = cdx_proving_end(p, s);

		if (!s->dead && s->wanted && s->phase != PROVING_PROVEN &&
		    (c->next_deadline == 0 || end < c->next_deadline))
			c->next_deadline = end;
	}
	for (size_t i = 0; i < PROVING_MARGINS; i++) {
		const struct proving_margin *m = &p->margins[i];

		if (m->period != 0 && m->period + PROVING_MARGINS > p->period &&
		    m->s < c->margin_s)
			c->margin_s = m->s;
	}
	pthread_mutex_lock(&p->mu);
	p->stats = *c;
	pthread_mutex_unlock(&p->mu);
}

/* ---- proofs that are known ---- */

static void leave_job(struct cdx_proving_slot *s)
{
	if (!s->job)
		return;
	cdx_prover_leave(s->job);
	s->job = NULL;
	s->p->n_asked--;
}

static void note_margin(struct cdx_proving *p, uint64_t period, uint64_t block)
{
	const struct cdx_block *b = cdx_head_block(p->env->head, block);
	struct proving_margin *m = &p->margins[period % PROVING_MARGINS];
	int64_t left;

	if (!b)
		return;
	left = (int64_t)((period + 1) * p->env->config.period - b->timestamp);
	if (m->period != period || left < m->s)
		*m = (struct proving_margin){.period = period, .s = left};
}

void cdx_proving_put(struct cdx_proving_slot *s, uint64_t period,
		     uint64_t block)
{
	uint64_t on = period - s->proven;

	/* late news of an earlier one: it was not missed */
	if (period < s->proven) {
		if (s->proven - period < PAST)
			s->past |= UINT64_C(1) << (s->proven - period);
		return;
	}
	if (on > 0) {
		s->past = (on < PAST ? s->past << on : 0) | 1;
		s->told = false;
	}
	s->refused = false;
	s->proven = period;
	s->block = block;
	note_margin(s->p, period, block);
	if (period == s->p->period) {
		leave_job(s);
		s->phase = PROVING_PROVEN;
	}
}

/* The block with the last proof is no longer part of the chain. */
static void undo(struct cdx_proving_slot *s)
{
	bool present = s->proven == s->p->period;

	if (s->told)
		s->p->count.submitted--;
	s->past &= ~UINT64_C(1);
	while (s->past != 0 && (s->past & 1) == 0) {
		s->past >>= 1;
		s->proven--;
	}
	if (s->past == 0)
		s->proven = 0;
	s->block = 0;
	s->told = true;
	if (!present)
		return;
	if (s->tx)
		s->phase = PROVING_SENT;
	else
		s->phase = s->has_words ? PROVING_READY : PROVING_IDLE;
	s->alone = true;
	s->again = 0;
}

/* ---- a slot, looked at ---- */

/* Nothing is wanted of it before, and in, the period that it was filled in. */
static bool too_early(const struct cdx_proving_slot *s, uint64_t period)
{
	return period <= cdx_market_period(s->p->env, s->what.filled_at);
}

static bool was_proven(const struct cdx_proving_slot *s, uint64_t period)
{
	return period <= s->proven && s->proven - period < PAST &&
	       (s->past >> (s->proven - period) & 1) != 0;
}

/* Did it miss a period?  What is asked is what a validator asks the contract
 * for. */
static bool missed(struct cdx_proving_slot *s, uint64_t period)
{
	struct cdx_proving *p = s->p;
	struct cdx_challenge c;

	if (too_early(s, period) || was_proven(s, period) ||
	    (int64_t)(period + 1) * period_s(p) >= s->what.end)
		return false;
	return cdx_challenge_of(&c, p->env->head, &p->env->config,
				&s->what.slot, period, s->odds) == 0 &&
	       c.rolled && !c.downtime;
}

/* A transaction with its proof for that period that has not ended */
static struct proving_item *under_way(struct cdx_proving_slot *s,
				      uint64_t period)
{
	cdx_list_foreach(pos, &s->p->txs) {
		struct proving_tx *tx =
			cdx_list_entry(pos, struct proving_tx, node);

		if (tx->period != period || tx->ended)
			continue;
		for (size_t i = 0; i < tx->n; i++) {
			if (tx->items[i].slot == s)
				return &tx->items[i];
		}
	}
	return NULL;
}

/* The periods that are over on the chain, and whose events are known */
static void judge(struct cdx_proving_slot *s)
{
	struct cdx_proving *p = s->p;
	const struct cdx_block *head = cdx_head_latest(p->env->head);
	uint64_t present = head->timestamp / p->env->config.period;

	if (s->judged + 1 >= present ||
	    !cdx_market_events_caught_up(p->opts.events))
		return;
	if (present > JUDGE_BACK && s->judged < present - JUDGE_BACK)
		s->judged = present - JUDGE_BACK;
	while (s->judged + 1 < present) {
		struct proving_item *item = under_way(s, ++s->judged);
		bool miss = missed(s, s->judged);

		if (miss && item) {
			item->missed = true;
		} else if (miss) {
			p->count.missed++;
			cdx_proving_emit(s, CDX_PROVING_MISSED, s->judged, "");
		}
	}
}

static void on_proof(void *arg, int rc, const struct cdx_proof_words *words,
		     const char *why)
{
	struct cdx_proving_slot *s = arg;
	struct cdx_proving *p = s->p;

	s->job = NULL;
	p->n_asked--;
	if (rc == 0) {
		s->words = *words;
		s->has_words = true;
		s->phase = PROVING_READY;
	} else if (rc == -ETIME) {
		s->phase = PROVING_IDLE;
		s->again = cdx_proving_end(p, s);
	} else {
		s->phase = PROVING_IDLE;
		s->again = now_of(p) + cdx_proving_pause(p);
		cdx_proving_trouble(s, why[0] ? why : cdx_strerror(rc));
	}
	cdx_proving_send(p, false);
	sweep(p);
	publish(p);
}

static void ask(struct cdx_proving_slot *s, const struct cdx_b32 *challenge)
{
	struct cdx_proving *p = s->p;
	struct cdx_prover_req req = {
		.manifest = s->what.manifest,
		.slot = s->what.index,
		.challenge = *challenge,
		.deadline = cdx_proving_end(p, s) - cdx_proving_two_blocks(p),
	};

	if (now_of(p) >= req.deadline ||
	    cdx_prover_ask(p->opts.prover, &s->job, &req, on_proof, s) < 0)
		return;
	s->challenge = *challenge;
	s->has_words = false;
	s->phase = PROVING_ASKED;
	p->n_asked++;
}

bool cdx_proving_stands(const struct cdx_proving_slot *s)
{
	const struct cdx_market_env *env = s->p->env;
	struct cdx_challenge c;

	/* a header that is not kept says nothing against it */
	return cdx_challenge_of(&c, env->head, &env->config, &s->what.slot,
				s->p->period, s->odds) != 0 ||
	       (c.rolled &&
		memcmp(&c.challenge, &s->challenge, sizeof(c.challenge)) == 0);
}

/* Another challenge than the one that is being answered, or none */
static void drop_answer(struct cdx_proving_slot *s)
{
	leave_job(s);
	s->has_words = false;
	s->phase = PROVING_IDLE;
}

static void roll(struct cdx_proving_slot *s)
{
	const struct cdx_market_env *env = s->p->env;
	struct cdx_challenge c;

	if (cdx_challenge_of(&c, env->head, &env->config, &s->what.slot,
			     s->p->period, s->odds) != 0)
		return;
	s->wanted = c.rolled;
	if ((s->phase == PROVING_ASKED || s->phase == PROVING_READY) &&
	    (!c.rolled ||
	     memcmp(&c.challenge, &s->challenge, sizeof(c.challenge)) != 0))
		drop_answer(s);
	if (s->phase == PROVING_IDLE && c.rolled && now_of(s->p) >= s->again &&
	    !cdx_proving_held(s->p))
		ask(s, &c.challenge);
}

static void look_at(struct cdx_proving_slot *s)
{
	struct cdx_proving *p = s->p;
	const struct cdx_block *head = cdx_head_latest(p->env->head);

	if (!s->told && s->block != 0 &&
	    head->number + 1 >= s->block + p->env->confirmations)
		cdx_proving_tell(s);
	judge(s);
	if (now_of(p) > s->what.end)
		cdx_proving_gone(s, "the request is over");
	else if (!s->dead && !s->gone && !too_early(s, p->period) &&
		 s->phase != PROVING_PROVEN)
		roll(s);
}

/* What was begun for the period before is worth nothing any more; of what was
 * sent, the ends are still told. */
static void new_period(struct cdx_proving *p, uint64_t period)
{
	p->period = period;
	if (p->started == 0)
		p->started = now_of(p);
	cdx_proving_drop_ended(p);
	cdx_list_foreach(pos, &p->slots) {
		struct cdx_proving_slot *s =
			cdx_list_entry(pos, struct cdx_proving_slot, node);

		leave_job(s);
		s->phase = s->proven == period ? PROVING_PROVEN : PROVING_IDLE;
		s->tx = NULL;
		s->has_words = s->wanted = s->alone = false;
		s->troubled = s->gone = false;
		s->again = 0;
		s->seen = 0;
	}
}

static void look(struct cdx_proving *p, bool tick)
{
	uint64_t period;

	if (!cdx_head_latest(p->env->head))
		return;
	period = cdx_market_period(p->env, now_of(p));
	if (period != p->period)
		new_period(p, period);
	p->calling++;
	cdx_list_foreach(pos, &p->slots) {
		struct cdx_proving_slot *s =
			cdx_list_entry(pos, struct cdx_proving_slot, node);

		if (!s->dead)
			look_at(s);
	}
	p->calling--;
	cdx_proving_send(p, tick);
	sweep(p);
	publish(p);
}

static void on_head(void *arg, const struct cdx_block *head, uint64_t fork)
{
	struct cdx_proving *p = arg;

	/* a block that is newer than the last head was seen by who sent it
	 * before the head was: nothing is undone by its coming */
	cdx_list_foreach(pos, &p->slots) {
		struct cdx_proving_slot *s =
			cdx_list_entry(pos, struct cdx_proving_slot, node);

		if (fork < p->height && s->block > fork)
			undo(s);
	}
	p->height = head->number;
	look(p, false);
}

static void on_tick(void *arg)
{
	look(arg, true);
}

/* ---- events ---- */

static struct cdx_proving_slot *find(const struct cdx_proving *p,
				     const struct cdx_b32 *id)
{
	cdx_list_foreach(pos, &p->slots) {
		struct cdx_proving_slot *s =
			cdx_list_entry(pos, struct cdx_proving_slot, node);

		if (!s->dead && memcmp(&s->what.slot, id, sizeof(*id)) == 0)
			return s;
	}
	return NULL;
}

/* A proof that counts is of the present period, or the one before: that is in
 * blocks whose headers are kept.  What happened to a slot before it was added,
 * its owner has asked the contract for. */
static void on_event(void *arg, const struct cdx_market_event *e,
		     uint64_t block, bool removed)
{
	struct cdx_proving *p = arg;
	const struct cdx_block *b = cdx_head_block(p->env->head, block);
	uint64_t period = b ? b->timestamp / p->env->config.period : 0;
	struct cdx_proving_slot *s = NULL;
	struct cdx_b32 id;

	if (e->kind == CDX_EVENT_PROOF_SUBMITTED) {
		s = find(p, &e->slot);
		if (s && removed && s->block == block)
			undo(s);
		else if (s && !removed && !too_early(s, period) &&
			 period + 1 >= cdx_market_period(p->env, now_of(p)))
			cdx_proving_put(s, period, block);
	} else if (e->kind == CDX_EVENT_SLOT_FREED && b && !removed) {
		cdx_slot_id(&id, &e->request, e->slot_index);
		s = find(p, &id);
		if (s && (int64_t)b->timestamp > s->what.filled_at)
			cdx_proving_gone(s, "the slot was freed");
	}
	if (s)
		sweep(p);
}

/* ---- from outside ---- */

int cdx_proving_new(struct cdx_proving **out, const struct cdx_market_env *env,
		    const struct cdx_proving_opts *opts)
{
	struct cdx_proving *p = calloc(1, sizeof(*p));
	int rc;

	*out = NULL;
	if (!p)
		return -ENOMEM;
	p->env = env;
	p->opts = *opts;
	p->stats.margin_s = INT64_MAX;
	cdx_list_init(&p->slots);
	cdx_list_init(&p->txs);
	pthread_mutex_init(&p->mu, NULL);
	cdx_head_deepen(env->head);
	rc = cdx_head_watch_add(env->head, &p->head_watch, on_head, p);
	if (rc == 0)
		rc = cdx_market_watch_add(opts->events, &p->watch, on_event, p);
	if (rc == 0)
		rc = cdx_loop_timer_add(env->loop, &p->tick, NS_PER_S, NS_PER_S,
					on_tick, p);
	if (rc == 0)
		rc = cdx_proving_adopt(p);
	if (rc < 0)
		cdx_proving_free(p);
	else
		*out = p;
	return rc;
}

void cdx_proving_free(struct cdx_proving *p)
{
	if (!p)
		return;
	cdx_loop_timer_del(p->tick);
	cdx_head_watch_del(p->head_watch);
	cdx_market_watch_del(p->watch);
	cdx_proving_send_fini(p);
	cdx_list_foreach_safe(pos, next, &p->slots) {
		struct cdx_proving_slot *s =
			cdx_list_entry(pos, struct cdx_proving_slot, node);

		cdx_prover_leave(s->job);
		free(s);
	}
	pthread_mutex_destroy(&p->mu);
	free(p);
}

int cdx_proving_add(struct cdx_proving *p, struct cdx_proving_slot **out,
		    const struct cdx_proving_what *what, cdx_proving_fn *fn,
		    void *arg)
{
	struct cdx_proving_slot *s = calloc(1, sizeof(*s));
	uint64_t present = cdx_market_period(p->env, now_of(p));

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->p = p;
	s->what = *what;
	s->odds = cdx_challenge_probability(&what->probability,
					    p->env->config.downtime);
	s->fn = fn;
	s->arg = arg;
	s->proven = what->proven;
	s->past = what->proven != 0;
	s->told = true;
	s->judged = present > 0 ? present - 1 : 0;
	if (s->proven == p->period)
		s->phase = PROVING_PROVEN;
	cdx_list_add_tail(&p->slots, &s->node);
	p->n_slots++;
	cdx_proving_meet(s);
	*out = s;
	return 0;
}

void cdx_proving_del(struct cdx_proving_slot *s)
{
	struct cdx_proving *p;

	if (!s)
		return;
	p = s->p;
	leave_job(s);
	cdx_proving_unsend(s);
	s->dead = true;
	p->n_slots--;
	sweep(p);
}

void cdx_proving_stats(struct cdx_proving *p, struct cdx_proving_stats *out)
{
	pthread_mutex_lock(&p->mu);
	*out = p->stats;
	pthread_mutex_unlock(&p->mu);
}
