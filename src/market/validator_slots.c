/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/validator_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "market/challenge.h"

/* A slot that is not filled is forgotten when so many looks in a row, a period
 * apart, found it so: a reorganisation may have it filled again without an
 * event. */
#define LOOKS 3u
/* Strangers make both, and pay for it: so many are kept in mind.  Of a request that
 * is not, the contract throws the dice; a slot that is not is left out. */
#define REQUESTS_MAX (UINT32_C(1) << 17)
#define SLOTS_MAX (UINT32_C(1) << 20)

/* ---- periods ---- */

void validator_periods_set(struct validator_periods *p, uint64_t period)
{
	if (period > p->newest) {
		uint64_t by = period - p->newest;

		p->bits = by < VALIDATOR_PERIODS ? p->bits << by : 0;
		p->newest = period;
	}
	if (p->newest - period < VALIDATOR_PERIODS)
		p->bits |= UINT64_C(1) << (p->newest - period);
}

void validator_periods_clear(struct validator_periods *p, uint64_t period)
{
	if (validator_periods_has(p, period))
		p->bits &= ~(UINT64_C(1) << (p->newest - period));
}

bool validator_periods_has(const struct validator_periods *p, uint64_t period)
{
	return period <= p->newest && p->newest - period < VALIDATOR_PERIODS &&
	       (p->bits >> (p->newest - period) & 1) != 0;
}

/* ---- what there is ---- */

static uint64_t key_of(const struct cdx_b32 *id)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < sizeof(v); i++)
		v = v << 8 | id->b[i];
	return v;
}

unsigned cdx_validator_group(const struct cdx_b32 *slot, unsigned groups)
{
	return (unsigned)(key_of(slot) % groups);
}

void validator_slots_init(struct cdx_validator *v)
{
	cdx_list_init(&v->slots);
	cdx_list_init(&v->requests);
	v->refresh.cursor = &v->slots;
}

void validator_slots_free(struct cdx_validator *v)
{
	cdx_marketplace_forget(v->env->market, v);
	cdx_loop_timer_del(v->refresh.retry);
	cdx_list_foreach_safe(pos, next, &v->slots)
		free(cdx_list_entry(pos, struct validator_slot, link));
	cdx_list_foreach_safe(pos, next, &v->requests)
		free(cdx_list_entry(pos, struct validator_request, link));
	cdx_map_free(&v->slot_map);
	cdx_map_free(&v->request_map);
}

struct validator_slot *validator_slot_find(const struct cdx_validator *v,
					   const struct cdx_b32 *id)
{
	struct validator_slot *s = cdx_map_get(&v->slot_map, key_of(id));

	while (s && memcmp(&s->id, id, sizeof(*id)) != 0)
		s = s->next;
	return s;
}

static struct validator_request *request_find(const struct cdx_validator *v,
					      const struct cdx_b32 *id)
{
	struct validator_request *r = cdx_map_get(&v->request_map, key_of(id));

	while (r && memcmp(&r->id, id, sizeof(*id)) != 0)
		r = r->next;
	return r;
}

static void request_drop(struct cdx_validator *v, struct validator_request *r)
{
	struct validator_request *at =
		cdx_map_get(&v->request_map, key_of(&r->id));

	if (at != r) {
		while (at->next != r)
			at = at->next;
		at->next = r->next;
	} else if (!r->next) {
		(void)cdx_map_del(&v->request_map, key_of(&r->id));
	} else if (cdx_map_put(&v->request_map, key_of(&r->id), r->next) != 0) {
		return;
	}
	cdx_list_del(&r->link);
	v->n_requests--;
	free(r);
}

static void slot_set(struct cdx_validator *v, struct validator_slot *s,
		     bool told, bool filled)
{
	v->n_off -= s->told && !s->filled;
	s->told = told;
	s->filled = told && filled;
	v->n_off += s->told && !s->filled;
	if (s->filled)
		s->gone = 0;
	if (!s->filled && s->watched) {
		s->watched = false;
		v->n_watched--;
	}
}

static bool has_room(const struct cdx_validator *v)
{
	return v->opts.max_slots == 0 || v->n_watched < v->opts.max_slots;
}

static void take_in(struct cdx_validator *v, struct validator_slot *s)
{
	if (!s->filled || s->watched || !has_room(v))
		return;
	s->watched = true;
	v->n_watched++;
}

/* Those that waited for room, the first to come first */
static void take_in_all(struct cdx_validator *v)
{
	if (v->n_slots - v->n_off == v->n_watched)
		return;
	cdx_list_foreach(pos, &v->slots) {
		if (!has_room(v))
			return;
		take_in(v, cdx_list_entry(pos, struct validator_slot, link));
	}
}

static void slot_drop(struct cdx_validator *v, struct validator_slot *s)
{
	struct validator_slot *at = cdx_map_get(&v->slot_map, key_of(&s->id));

	if (at != s) {
		while (at->next != s)
			at = at->next;
		at->next = s->next;
	} else if (!s->next) {
		(void)cdx_map_del(&v->slot_map, key_of(&s->id));
	} else if (cdx_map_put(&v->slot_map, key_of(&s->id), s->next) != 0) {
		return;
	}
	slot_set(v, s, false, false);
	v->n_slots--;
	if (v->refresh.cursor == &s->link)
		v->refresh.cursor = s->link.next;
	cdx_list_del(&s->link);
	free(s);
}

/* ---- events ---- */

static void on_requested(struct cdx_validator *v,
			 const struct cdx_market_event *e, bool removed)
{
	struct validator_request *r = request_find(v, &e->request);
	uint64_t key = key_of(&e->request);

	if (r && removed)
		request_drop(v, r);
	if (r || removed || v->n_requests >= REQUESTS_MAX)
		return;
	r = calloc(1, sizeof(*r));
	if (!r)
		return;
	r->id = e->request;
	r->probability = cdx_challenge_probability(&e->ask.proof_probability,
						   v->env->config.downtime);
	if (__builtin_add_overflow(e->expiry, e->ask.duration, &r->over))
		r->over = UINT64_MAX;
	r->next = cdx_map_get(&v->request_map, key);
	if (cdx_map_put(&v->request_map, key, r) != 0) {
		free(r);
		return;
	}
	cdx_list_add_tail(&v->requests, &r->link);
	v->n_requests++;
}

/* Returns NULL without room for it */
static struct validator_slot *slot_new(struct cdx_validator *v,
				       const struct cdx_b32 *id)
{
	struct validator_slot *s =
		v->n_slots < SLOTS_MAX ? calloc(1, sizeof(*s)) : NULL;
	uint64_t key = key_of(id);

	if (!s)
		return NULL;
	s->id = *id;
	s->next = cdx_map_get(&v->slot_map, key);
	if (cdx_map_put(&v->slot_map, key, s) != 0) {
		free(s);
		return NULL;
	}
	cdx_list_add_tail(&v->slots, &s->link);
	v->n_slots++;
	return s;
}

/* The period that a block of an event is in; 0: not known */
static uint64_t period_of_block(const struct cdx_validator *v, uint64_t number)
{
	const struct cdx_block *b = cdx_head_block(v->env->head, number);

	return b ? b->timestamp / v->env->config.period : 0;
}

/* @since: period that it was filled in; 0: not known */
static void on_filled(struct cdx_validator *v, const struct cdx_market_event *e,
		      const struct cdx_b32 *id, uint64_t since)
{
	const struct validator_request *r = request_find(v, &e->request);
	struct validator_slot *s = validator_slot_find(v, id);

	if (!s)
		s = slot_new(v, id);
	if (!s) {
		if (!v->full)
			cdx_log(v->env->log, ERROR, "market",
				"no room to watch more slots than %" PRIu32
				": have validators share them by groups",
				v->n_slots);
		v->full = true;
		return;
	}
	s->since = since;
	s->has_probability = r != NULL;
	s->probability = r ? r->probability : 0;
	/* much may have happened since to one that is read of the past */
	slot_set(v, s, v->ready, true);
	take_in(v, s);
}

static void on_not_filled(struct cdx_validator *v, const struct cdx_b32 *id)
{
	struct validator_slot *s = validator_slot_find(v, id);

	if (!s)
		return;
	slot_set(v, s, true, false);
	take_in_all(v);
}

static void on_proof(struct cdx_validator *v, const struct cdx_market_event *e,
		     uint64_t block, bool removed)
{
	struct validator_slot *s = validator_slot_find(v, &e->slot);
	uint64_t period = period_of_block(v, block);

	/* where the header is gone, the contract is asked */
	if (s && removed)
		s->proven = (struct validator_periods){0};
	else if (s && period != 0)
		validator_periods_set(&s->proven, period);
}

static void on_slot(struct cdx_validator *v, const struct cdx_market_event *e,
		    uint64_t block, bool removed)
{
	bool filled = (e->kind == CDX_EVENT_SLOT_FILLED) != removed;
	struct cdx_b32 id;

	cdx_slot_id(&id, &e->request, e->slot_index);
	if (v->opts.groups != 0 &&
	    cdx_validator_group(&id, v->opts.groups) != v->opts.group)
		return;
	if (filled)
		on_filled(v, e, &id, removed ? 0 : period_of_block(v, block));
	else
		on_not_filled(v, &id);
	validator_tell(v);
}

void validator_on_event(void *arg, const struct cdx_market_event *e,
			uint64_t block, bool removed)
{
	struct cdx_validator *v = arg;

	if (e->kind == CDX_EVENT_STORAGE_REQUESTED)
		on_requested(v, e, removed);
	else if (e->kind == CDX_EVENT_SLOT_FILLED ||
		 e->kind == CDX_EVENT_SLOT_FREED)
		on_slot(v, e, block, removed);
	else if (e->kind == CDX_EVENT_PROOF_SUBMITTED)
		on_proof(v, e, block, removed);
	else if (e->kind == CDX_EVENT_REQUEST_FAILED && v->ready)
		validator_refresh(v); /* all of its slots have ended */
}

/* ---- what became of them ---- */

static void refresh_go(struct cdx_validator *v);

static void on_retry(void *arg)
{
	struct cdx_validator *v = arg;

	cdx_loop_timer_del(v->refresh.retry);
	v->refresh.retry = NULL;
	refresh_go(v);
}

/* Requests that have ended: nothing of them can be filled any more. */
static void forget_requests(struct cdx_validator *v)
{
	int64_t now = cdx_head_now(v->env->head);

	cdx_list_foreach_safe(pos, next, &v->requests) {
		struct validator_request *r =
			cdx_list_entry(pos, struct validator_request, link);

		if (now > 0 && r->over < (uint64_t)now)
			request_drop(v, r);
	}
}

static void refresh_end(struct cdx_validator *v)
{
	v->refresh.running = false;
	take_in_all(v);
	forget_requests(v);
	validator_tell(v);
	if (v->refresh.whole)
		validator_is_ready(v);
	if (v->refresh.again)
		validator_refresh(v);
}

static void on_state(struct cdx_validator *v, struct validator_slot *s,
		     const struct cdx_slot_answer *a)
{
	if (a->err != 0)
		return;
	slot_set(v, s, true, a->v == CDX_SLOT_FILLED);
	if (s->filled)
		take_in(v, s);
	else if (++s->gone >= LOOKS)
		slot_drop(v, s);
}

static void on_states(void *arg, int err, const struct cdx_slot_answer *answers,
		      size_t n, const struct cdx_revert *why)
{
	struct cdx_validator *v = arg;

	if (err != 0) {
		cdx_log(v->env->log, DEBUG, "market",
			"states of slots could not be had yet: %s", why->words);
		if (cdx_loop_timer_add(v->env->loop, &v->refresh.retry,
				       VALIDATOR_RETRY_NS, 0, on_retry, v) == 0)
			return;
		/* the next period tries again */
		n = 0;
	}
	for (size_t i = 0; i < n; i++) {
		struct validator_slot *s =
			validator_slot_find(v, &v->refresh.ids[i]);

		if (s)
			on_state(v, s, &answers[i]);
	}
	v->refresh.n = 0;
	refresh_go(v);
}

/* The next slots to be asked about: those that are watched, then those of the past
 * that nothing is known of, and, as long as there is room, the others. */
static void refresh_choose(struct cdx_validator *v)
{
	struct validator_refresh *r = &v->refresh;
	struct validator_slot *s;

	while (r->n < CDX_MARKET_MANY_MAX) {
		if (r->cursor == &v->slots) {
			/* what is said of the others comes first: it makes
			 * room */
			if (r->waiting || r->n > 0)
				return;
			r->waiting = true;
			r->cursor = v->slots.next;
			continue;
		}
		s = cdx_list_entry(r->cursor, struct validator_slot, link);
		r->cursor = r->cursor->next;
		if (s->watched == r->waiting || s->asked == r->round ||
		    (r->waiting && s->told && !has_room(v)))
			continue;
		s->asked = r->round;
		r->ids[r->n++] = s->id;
	}
}

static void refresh_go(struct cdx_validator *v)
{
	struct validator_refresh *r = &v->refresh;

	if (r->n == 0)
		refresh_choose(v);
	if (r->n == 0) {
		refresh_end(v);
		return;
	}
	if (cdx_market_slot_states(v->env->market, r->ids, r->n, on_states,
				   v) == 0 ||
	    cdx_loop_timer_add(v->env->loop, &r->retry, VALIDATOR_RETRY_NS, 0,
			       on_retry, v) == 0)
		return;
	/* the next period tries again */
	r->running = false;
}

void validator_refresh(struct cdx_validator *v)
{
	struct validator_refresh *r = &v->refresh;

	r->again = r->running;
	if (r->running)
		return;
	r->running = true;
	r->round++;
	r->whole = cdx_market_events_caught_up(v->opts.events);
	r->waiting = false;
	r->n = 0;
	r->cursor = v->slots.next;
	refresh_go(v);
}
