/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What we compute of a slot's dice is what the contract says of them, block by
 * block: once round all pointers within a period, over many periods, and of
 * periods that are past.  A process that has just come knows it as well.
 *
 * usage: challenge URL KEY.zkey ARTIFACTS
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "market_kit.h"

#include "market/challenge.h"
#include "market_calls.h"

/* as many blocks, and some, as there are pointers, a second each */
#define PERIOD 300u
#define BLOCKS 262u
#define FILLED 2u
/* Periods in which all that the dice can say is said: what is rarest comes once in
 * 32 of them for each slot */
#define PERIODS_MAX 400u

START(get_will, cdx_market_will_proof_be_required(H, &in->id, chain_bool, op))

static char **argv_;

static struct {
	struct mk kit;
	struct chain young; /* another process, that came later */
	struct mk_account client;
	struct mk_account host;
	struct mk_request rq;
	uint64_t odds;
	/* what occurred */
	unsigned wraps, required, will, neither;
} w;

struct here {
	struct chain *c;
	unsigned slot;
	uint64_t period;
	int rc;
	struct cdx_challenge out;
};

static void compute(void *arg, struct cdx_await *a)
{
	struct here *h = arg;

	h->rc = cdx_challenge_of(&h->out, h->c->head, &w.kit.env.config,
				 &w.rq.slot[h->slot], h->period, w.odds);
	cdx_await_done(a, 0);
}

static struct cdx_challenge ours(unsigned slot, uint64_t period)
{
	struct here h = {.c = &w.kit.c, .slot = slot, .period = period};

	assert_int_equal(cdx_await(h.c->loop, compute, &h), 0);
	assert_int_equal(h.rc, 0);
	return h.out;
}

static int setup(void **state)
{
	struct cdx_market_config config = mk_config;
	const struct mk_opts opts = {.config = &config};

	(void)state;
	config.period = PERIOD;
	config.timeout = PERIOD;
	mk_start(&w.kit, "market/challenge", argv_, &opts);
	mk_account(&w.kit, &w.client);
	mk_account(&w.kit, &w.host);
	mk_request(&w.kit, &w.client, &w.rq);
	w.rq.r.ask.proof_probability = cdx_u256_of(3);
	w.rq.r.ask.duration = 8000 * PERIOD;
	w.rq.r.expiry = 7999 * PERIOD;
	mk_post(&w.kit, &w.client, &w.rq);
	for (unsigned i = 0; i < FILLED; i++)
		mk_fill(&w.kit, &w.host, &w.rq, i);
	w.odds = cdx_challenge_probability(&w.rq.r.ask.proof_probability,
					   config.downtime);
	assert_int_equal(w.odds, 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mk_sender_drop(&w.kit, &w.client);
	mk_sender_drop(&w.kit, &w.host);
	mk_stop(&w.kit);
	return 0;
}

/* The next block will be of this time, and the contract is asked as if it were
 * there. */
static void at(uint64_t time)
{
	json_decref(chain_rpc(&w.kit.hand, "evm_setNextBlockTimestamp",
			      json_pack("[I]", (json_int_t)time)));
	mk_sync(&w.kit);
}

/* Returns the pointer. */
static uint8_t same(unsigned slot, uint64_t period)
{
	const struct args in = {.kit = &w.kit, .id = w.rq.slot[slot]};
	struct cdx_challenge c = ours(slot, period);
	struct cdx_b32 challenge = mk_challenge(&w.kit, &in.id);
	bool will = ask(get_will, in, "willProofBeRequired").u64 != 0;
	bool required = mk_required(&w.kit, &in.id);

	assert_int_equal(c.pointer, mk_pointer(&w.kit, &in.id));
	assert_memory_equal(&c.challenge, &challenge, sizeof(challenge));
	assert_int_equal(c.rolled && !c.downtime, required);
	assert_int_equal(c.rolled && c.downtime, will);
	w.required += required;
	w.will += will;
	w.neither += !required && !will;
	return c.pointer;
}

static void test_around(void **state)
{
	uint8_t before[FILLED] = {0};
	uint64_t period;
	uint64_t begin;

	(void)state;
	mk_next_period(&w.kit);
	begin = mk_now(&w.kit);
	period = mk_period(&w.kit);
	for (unsigned n = 1; n <= BLOCKS; n++) {
		at(begin + n);
		for (unsigned i = 0; i < FILLED; i++) {
			uint8_t pointer = same(i, period);

			w.wraps += pointer < before[i];
			before[i] = pointer;
		}
		mk_mine(&w.kit, 1);
	}
	assert_int_equal(mk_period(&w.kit), period);
	assert_true(w.wraps >= FILLED);
}

static bool all_said(void)
{
	return w.required > 0 && w.will > 0 && w.neither > 0;
}

static void test_periods(void **state)
{
	const char *count = getenv("CDX_COUNT");
	unsigned long periods = count ? strtoul(count, NULL, 10) : 20;

	(void)state;
	for (unsigned long n = 0;
	     n < periods || (!all_said() && n < PERIODS_MAX); n++) {
		uint64_t period = mk_period(&w.kit) + 1;

		at(period * PERIOD + 1);
		for (unsigned i = 0; i < FILLED; i++) {
			struct cdx_challenge c = ours(i, period - 1);

			(void)same(i, period);
			/* the period before, which is over by then */
			assert_int_equal(mk_can_mark(&w.kit, &w.rq.slot[i],
						     period - 1),
					 c.rolled && !c.downtime);
		}
		mk_mine(&w.kit, 7);
	}
	assert_true(all_said());
}

static bool young_knows(void *arg)
{
	struct here *h = arg;

	if (!cdx_head_latest(h->c->head))
		return false;
	h->rc = cdx_challenge_of(&h->out, h->c->head, &w.kit.env.config,
				 &w.rq.slot[h->slot], h->period, w.odds);
	return h->rc == 0;
}

static void deepen(void *arg, struct cdx_await *a)
{
	struct chain *c = arg;

	cdx_head_deepen(c->head);
	cdx_await_done(a, 0);
}

struct look {
	struct here h;
	bool yes;
};

static void look(void *arg, struct cdx_await *a)
{
	struct look *l = arg;

	l->yes = young_knows(&l->h);
	cdx_await_done(a, 0);
}

static void test_young(void **state)
{
	struct look l = {.h = {.c = &w.young}};
	struct cdx_challenge want;

	(void)state;
	/* among the oldest blocks that a pointer can mean */
	do {
		mk_mine(&w.kit, 1);
		mk_sync(&w.kit);
		l.h.period = mk_period(&w.kit);
		want = ours(0, l.h.period);
	} while (want.pointer < 250);
	chain_open(&w.young, argv_[1]);
	assert_int_equal(cdx_await(w.young.loop, deepen, &w.young), 0);
	for (unsigned i = 0; i < 6000 && !l.yes; i++) {
		const struct timespec pause = {.tv_nsec = 10000000};

		nanosleep(&pause, NULL);
		assert_int_equal(cdx_await(w.young.loop, look, &l), 0);
	}
	assert_true(l.yes);
	assert_memory_equal(&l.h.out.challenge, &want.challenge,
			    sizeof(want.challenge));
	chain_close(&w.young);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_around),
		cmocka_unit_test(test_periods),
		cmocka_unit_test(test_young),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: challenge URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	argv_ = argv;
	return cmocka_run_group_tests_name("market/challenge", tests, setup,
					   teardown);
}
