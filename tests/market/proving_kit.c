/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/market/proving_kit.h"

#include "market/challenge.h"

#define POINTER_MAX 230u

struct pv pv;

void pv_start(struct pv *w, char **argv, uint64_t probability)
{
	const struct mk_opts opts = {.gate = true};

	memset(w, 0, sizeof(*w));
	mk_start(&w->kit, "market/proving", argv, &opts);
	mk_account(&w->kit, &w->client);
	mk_account(&w->kit, &w->host);
	mk_request(&w->kit, &w->client, &w->rq);
	w->rq.r.ask.proof_probability = cdx_u256_of(probability);
	w->rq.r.ask.duration = 30000;
	mk_post(&w->kit, &w->client, &w->rq);
	for (unsigned i = 0; i < PV_SLOTS; i++) {
		mk_fill(&w->kit, &w->host, &w->rq, i);
		w->filled_at[i] = (int64_t)mk_now(&w->kit);
		w->index[i] = i;
	}
	w->env = w->kit.env;
	w->stake = UINT64_C(10000000000000000);
}

void pv_stop(struct pv *w)
{
	mk_sender_drop(&w->kit, &w->client);
	mk_sender_drop(&w->kit, &w->host);
	mk_stop(&w->kit);
}

/* ---- a process ---- */

static void on_told(void *arg, enum cdx_proving_event event, uint64_t period,
		    const char *why)
{
	struct pv_slot *s = arg;

	snprintf(s->why, sizeof(s->why), "%s", why);
	switch (event) {
	case CDX_PROVING_DONE:
		s->done++;
		s->again += period == s->done_period;
		s->done_period = period;
		break;
	case CDX_PROVING_MISSED:
		s->missed++;
		s->missed_period = period;
		break;
	case CDX_PROVING_TROUBLE:
		s->trouble++;
		break;
	case CDX_PROVING_GONE:
		s->gone++;
		break;
	}
}

static void on_event(void *arg, const struct cdx_market_event *e,
		     uint64_t block, bool removed)
{
	struct pv *w = arg;

	(void)block;
	for (unsigned i = 0;
	     e->kind == CDX_EVENT_PROOF_SUBMITTED && i < PV_SLOTS; i++) {
		if (memcmp(&e->slot, &w->rq.slot[i], sizeof(e->slot)) == 0)
			w->slot[i].submitted += removed ? -1u : 1u;
	}
}

struct begin {
	struct pv *w;
	unsigned mask;
};

static void begin(void *arg)
{
	struct begin *in = arg;
	struct pv *w = in->w;
	const struct cdx_prover_keys keys = mk_keys(&w->kit);
	struct cdx_proving_opts opts = {.sender = w->host.sender,
					.stake = cdx_u256_of(w->stake)};

	assert_int_equal(cdx_market_events_new(&w->events, &w->env), 0);
	assert_int_equal(
		cdx_market_watch_add(w->events, &w->watch, on_event, w), 0);
	assert_int_equal(cdx_prover_new(&w->prover, &w->env, &keys), 0);
	opts.events = w->events;
	opts.prover = w->prover;
	assert_int_equal(cdx_proving_new(&w->proving, &w->env, &opts), 0);
	memset(w->slot, 0, sizeof(w->slot));
	for (unsigned i = 0; i < PV_SLOTS; i++) {
		const struct cdx_proving_what what = {
			.slot = w->rq.slot[i],
			.manifest = w->kit.data.verifiable,
			.index = w->index[i],
			.probability = w->rq.r.ask.proof_probability,
			.filled_at = w->filled_at[i],
			.end = (int64_t)(w->rq.posted + w->rq.r.ask.duration),
		};

		if ((in->mask >> i & 1) != 0)
			assert_int_equal(
				cdx_proving_add(w->proving, &w->slot[i].handle,
						&what, on_told, &w->slot[i]),
				0);
	}
}

void pv_begin(struct pv *w, unsigned mask)
{
	mk_on_loop(&w->kit, begin, &(struct begin){w, mask});
}

static void end(void *arg)
{
	struct pv *w = arg;

	for (unsigned i = 0; i < PV_SLOTS; i++)
		cdx_proving_del(w->slot[i].handle);
	cdx_proving_free(w->proving);
	cdx_prover_free(w->prover);
	cdx_market_watch_del(w->watch);
	cdx_market_events_free(w->events);
	w->proving = NULL;
}

void pv_end(struct pv *w)
{
	mk_on_loop(&w->kit, end, w);
	mk_sender_drop(&w->kit, &w->host);
	mk_sender_make(&w->kit, &w->host);
}

static void make_eager(void *arg)
{
	struct pv *w = arg;
	const struct cdx_sender_opts opts = {.confirmations = 1,
					     .fees = {.stuck_s = 1},
					     .log = &w->kit.c.log};

	cdx_sender_free(w->host.sender);
	assert_int_equal(cdx_sender_new(&w->host.sender, w->env.loop,
					w->env.rpc, w->env.head, w->env.persist,
					&w->host.account, &opts),
			 0);
}

void pv_eager_sender(struct pv *w)
{
	mk_on_loop(&w->kit, make_eager, w);
}

struct cdx_proving_stats pv_stats(struct pv *w)
{
	struct cdx_proving_stats s;

	cdx_proving_stats(w->proving, &s);
	return s;
}

static json_t *host_addr(struct pv *w)
{
	char text[2 + 2 * sizeof(w->host.account.addr) + 1] = "0x";

	cdx_hex(text + 2, w->host.account.addr.b,
		sizeof(w->host.account.addr.b));
	return json_string(text);
}

static uint64_t count_of(struct pv *w, const char *at)
{
	json_t *j = chain_rpc(&w->kit.hand, "eth_getTransactionCount",
			      json_pack("[o, s]", host_addr(w), at));
	uint64_t n;

	assert_int_equal(cdx_json_get_u64(j, &n), 0);
	json_decref(j);
	return n;
}

uint64_t pv_nonce(struct pv *w)
{
	return count_of(w, "latest");
}

uint64_t pv_pending(struct pv *w)
{
	return count_of(w, "pending");
}

void pv_until_pooled(struct pv *w, unsigned n)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	unsigned tries = 50 * MK_WAIT_S;

	while (pv_pending(w) < pv_nonce(w) + n) {
		assert_true(tries-- > 0);
		nanosleep(&pause, NULL);
	}
}

/* ---- periods ---- */

static void will(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	int rc;

	op->await = a;
	rc = cdx_market_will_proof_be_required(op->c->market, op->in,
					       chain_bool, op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

bool pv_wanted(struct pv *w, unsigned slot)
{
	struct chain_op op;

	chain_fine(&op, chain_do(&w->kit.hand, &op, will, &w->rq.slot[slot]),
		   "willProofBeRequired");
	return op.u64 != 0 || mk_required(&w->kit, &w->rq.slot[slot]);
}

void pv_next_period(struct pv *w)
{
	bool near;

	do {
		near = false;
		mk_next_period(&w->kit);
		for (unsigned i = 0; i < PV_SLOTS; i++)
			near = near || mk_pointer(&w->kit, &w->rq.slot[i]) >
					       POINTER_MAX;
	} while (near);
	mk_sync(&w->kit);
}

void pv_after_period(struct pv *w)
{
	mk_next_period(&w->kit);
	mk_go_to(&w->kit, mk_now(&w->kit) + 1);
}

struct wait {
	struct pv *w;
	unsigned mask;
	uint64_t period;
	uint64_t block;
};

static bool are_done(void *arg)
{
	struct wait *in = arg;

	for (unsigned i = 0; i < PV_SLOTS; i++) {
		if ((in->mask >> i & 1) != 0 &&
		    in->w->slot[i].done_period != in->period)
			return false;
	}
	return true;
}

void pv_until_done(struct pv *w, unsigned mask)
{
	struct wait in = {.w = w, .mask = mask, .period = mk_period(&w->kit)};

	mk_until(&w->kit, are_done, &in, "proofs");
}

static bool is_caught_up(void *arg)
{
	struct wait *in = arg;

	return cdx_market_events_caught_up(in->w->events);
}

void pv_settle(struct pv *w)
{
	struct wait in = {.w = w};
	/* two ticks of the part, so that what it would do had its time */
	const struct timespec ticks = {.tv_sec = 2, .tv_nsec = 200000000};

	mk_sync(&w->kit);
	mk_until(&w->kit, is_caught_up, &in, "events");
	nanosleep(&ticks, NULL);
}
