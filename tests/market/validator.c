/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The validator on a real chain: who is watched, what is marked and what is not,
 * groups, a limit, nodes that do not answer, blocks that are undone, and time that
 * runs out.
 *
 * usage: validator URL KEY.zkey ARTIFACTS
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "validator_env.h"

/* ---- tests ---- */

static void bad_config_here(void *arg)
{
	static const unsigned bad[][2] = {
		{1, 0}, {2, 2}, {65535, 65535}, {65536, 0}};

	(void)arg;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct cdx_validator_opts o = {
			.sender = t.account[0].sender,
			.events = t.events[0],
			.groups = bad[i][0],
			.group = bad[i][1]};
		struct cdx_validator *v;

		assert_int_equal(cdx_validator_new(&v, &t.kit.env, &o),
				 -EINVAL);
		assert_null(v);
	}
	cdx_validator_free(NULL);
}

/* Empty at first; what is filled comes in, what was proven is not marked, what was
 * not is, once, and the reward is ours to the unit; what has ended goes. */
static void test_marks(void **state)
{
	const struct cdx_market_config config = gentle();
	struct cdx_u256 before;
	struct cdx_u256 got;
	struct cdx_u256 rewards;
	uint64_t period;

	(void)state;
	start(&config);
	begin(0);
	mk_on_loop(&t.kit, bad_config_here, NULL);
	until_slots(0, 0, 0);
	post_and_fill(1);
	until_slots(0, 1, 0);
	end(0);
	mk_fill(&t.kit, &t.host[1], &t.rq, 1);
	mk_fill(&t.kit, &t.host[2], &t.rq, 2);
	before = mk_balance(&t.kit, &t.account[0].account.addr);
	period = quiet_period();
	begin(0);
	/* those of the past, too */
	until_slots(0, SLOTS, 0);
	mk_submit(&t.kit, &t.host[0], &t.rq, 0);
	end_period(period);
	until_marked(0, 2);
	until_past(0, period);
	assert_missing(0, 0);
	assert_missing(1, 1);
	assert_missing(2, 1);
	assert_int_equal(stats(0).late, 0);
	assert_int_equal(stats(0).marked, 2);
	got = mk_balance(&t.kit, &t.account[0].account.addr);
	assert_int_equal(cdx_u256_sub(&got, &got, &before), 0);
	assert_false(cdx_u256_is_zero(&got));
	rewards = stats(0).rewards;
	mk_assert_amount(&rewards, &got, "rewards");
	/* the request ends: nobody is watched any more */
	mk_go_to(&t.kit, t.rq.posted + t.rq.r.ask.duration + 1);
	until_slots(0, 0, 0);
}

/* What the dice do not want is not marked: ours are the contract's. */
static void test_dice(void **state)
{
	const struct cdx_market_config config = gentle();
	uint64_t missed[SLOTS] = {0};

	(void)state;
	start(&config);
	mk_request(&t.kit, &t.client, &t.rq);
	t.rq.r.ask.proof_probability = cdx_u256_of(3);
	mk_post(&t.kit, &t.client, &t.rq);
	for (unsigned i = 0; i < SLOTS; i++)
		mk_fill(&t.kit, &t.host[i], &t.rq, i);
	for (unsigned n = 0; n < 4; n++) {
		uint64_t period = quiet_period();
		unsigned marked = 0;

		begin(0);
		until_slots(0, SLOTS, 0);
		end_period(period);
		for (unsigned i = 0; i < SLOTS; i++) {
			/* asked of the chain before or after the mark */
			bool can = mk_can_mark(&t.kit, &t.rq.slot[i], period);
			bool done =
				mk_missing(&t.kit, &t.rq.slot[i]) > missed[i];

			missed[i] += can || done;
			marked += can || done;
		}
		until_marked(0, marked);
		until_past(0, period);
		for (unsigned i = 0; i < SLOTS; i++)
			assert_missing(i, missed[i]);
		assert_int_equal(stats(0).late, 0);
		assert_int_equal(stats(0).marked, marked);
		end(0);
	}
}

/* More than the limit wait, and come in when there is room: live ones and those of
 * the past.  The dice want nothing of these. */
static void test_limit(void **state)
{
	const struct cdx_market_config config = gentle();

	(void)state;
	start(&config);
	mk_request(&t.kit, &t.client, &t.rq);
	t.rq.r.ask.proof_probability = cdx_u256_of(UINT64_C(1) << 60);
	mk_post(&t.kit, &t.client, &t.rq);
	t.opts[0].max_slots = 1;
	begin(0);
	mk_fill(&t.kit, &t.host[0], &t.rq, 0);
	until_slots(0, 1, 0);
	mk_fill(&t.kit, &t.host[1], &t.rq, 1);
	until_slots(0, 1, 1);
	/* the first leaves, the next comes in */
	mk_free_slot(&t.kit, &t.host[0], &t.rq.slot[0]);
	until_slots(0, 1, 0);
	mk_fill(&t.kit, &t.host[2], &t.rq, 2);
	until_slots(0, 1, 1);
	end(0);
	begin(0);
	until_slots(0, 1, 1);
	/* it was never whole: it is cancelled, and its slots with it */
	assert_int_equal(mk_request_state(&t.kit, &t.rq.id), CDX_REQUEST_NEW);
	mk_go_to(&t.kit, t.rq.posted + t.rq.r.expiry + 1);
	assert_int_equal(mk_request_state(&t.kit, &t.rq.id),
			 CDX_REQUEST_CANCELLED);
	until_slots(0, 0, 0);
	assert_int_equal(stats(0).marked, 0);
	assert_int_equal(stats(0).late, 0);
}

/* Those that wait are not marked. */
static void test_limit_marks(void **state)
{
	const struct cdx_market_config config = gentle();
	uint64_t period;
	uint64_t missing = 0;

	(void)state;
	start(&config);
	post_and_fill(SLOTS);
	t.opts[0].max_slots = 1;
	period = quiet_period();
	begin(0);
	until_slots(0, 1, SLOTS - 1);
	end_period(period);
	until_marked(0, 1);
	until_past(0, period);
	for (unsigned i = 0; i < SLOTS; i++)
		missing += mk_missing(&t.kit, &t.rq.slot[i]);
	assert_int_equal(missing, 1);
}

/* With its second miss a slot is taken away; with more than the request bears it
 * fails, and nobody is watched any more. */
static void test_taken(void **state)
{
	uint64_t period;

	(void)state;
	start(&mk_config);
	post_and_fill(SLOTS);
	begin(0);
	until_slots(0, SLOTS, 0);
	for (unsigned i = 0;
	     mk_request_state(&t.kit, &t.rq.id) != CDX_REQUEST_FAILED; i++) {
		assert_true(i < 20);
		period = quiet_period();
		end_period(period);
		until_no_open(period, period);
	}
	until_slots(0, 0, 0);
	assert_in_range(stats(0).marked, 4, 6);
}

/* Two share the work: each marks what is its own, together all of it */
static void test_groups(void **state)
{
	const struct cdx_market_config config = gentle();
	unsigned of[VALIDATORS] = {0};
	uint64_t before[SLOTS];
	uint64_t period;
	unsigned own = 0;

	(void)state;
	start(&config);
	mk_request(&t.kit, &t.client, &t.rq);
	/* a request that both have slots of */
	do {
		cdx_random(t.rq.r.nonce.b, sizeof(t.rq.r.nonce.b));
		mk_request_ids(&t.rq);
		of[0] = 0;
		for (unsigned i = 0; i < SLOTS; i++)
			of[0] += cdx_validator_group(&t.rq.slot[i], 2) == 0;
		of[1] = SLOTS - of[0];
	} while (of[0] == 0 || of[1] == 0);
	mk_post(&t.kit, &t.client, &t.rq);
	for (unsigned i = 0; i < VALIDATORS; i++)
		t.opts[i] =
			(struct cdx_validator_opts){.groups = 2, .group = i};
	begin(0);
	for (unsigned i = 0; i < SLOTS; i++)
		mk_fill(&t.kit, &t.host[i], &t.rq, i);
	until_slots(0, of[0], 0);
	period = quiet_period();
	for (unsigned i = 0; i < SLOTS; i++) {
		before[i] = mk_missing(&t.kit, &t.rq.slot[i]);
		if (cdx_validator_group(&t.rq.slot[i], 2) == 0)
			own += (unsigned)before[i];
	}
	/* of periods in which slots were filled; what it does not know yet of its
	 * marks is told to who comes after it */
	until_marked(0, own);
	end(0);
	begin(0);
	begin(1);
	until_slots(0, of[0], 0);
	until_slots(1, of[1], 0);
	end_period(period);
	until_marked(0, of[0]);
	until_marked(1, of[1]);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_missing(i, before[i] + 1);
}

/* Begins late, and then the node does not answer for two periods: within the time of
 * the contract nothing is lost by that, not one period, not the validator. */
static void test_node_is_down(void **state)
{
	struct cdx_market_config config = gentle();
	uint64_t period;
	uint64_t from;

	(void)state;
	config.timeout = 4 * config.period;
	/* so that what can be marked at all can be at any time */
	config.downtime = 0;
	start(&config);
	post_and_fill(SLOTS);
	period = quiet_period();
	from = period - 5;
	mk_next_period(&t.kit);
	mk_go_to(&t.kit, mk_now(&t.kit) + 1);
	assert_true(open_misses(from, period) > 0);
	begin(0);
	until_slots(0, SLOTS, 0);
	until_no_open(from, period);

	period = quiet_period();
	for (unsigned i = 0; i < SLOTS; i++)
		mk_submit(&t.kit, &t.host[i], &t.rq, i);
	mk_sync(&t.kit);
	mk_gate(&t.kit, false);
	mk_go_to(&t.kit, (period + 2) * config.period);
	mk_go_to(&t.kit, (period + 3) * config.period + 1);
	assert_int_equal(open_misses(period, period), 0);
	assert_true(open_misses(period + 1, period + 2) > 0);
	mk_gate(&t.kit, true);
	until_no_open(period + 1, period + 2);
	assert_int_equal(stats(0).late, 0);
}

/* Its time is over when the node answers again: it is counted, no transaction is
 * sent, and the next period is looked at as ever. */
static void test_late(void **state)
{
	const struct cdx_market_config config = gentle();
	struct wanted w = {.i = 0};
	uint64_t period;

	(void)state;
	start(&config);
	post_and_fill(SLOTS);
	period = quiet_period();
	begin(0);
	until_slots(0, SLOTS, 0);
	mk_gate(&t.kit, false);
	end_period(period);
	mk_go_to(&t.kit, (period + 1) * config.period + config.timeout + 1);
	mk_gate(&t.kit, true);
	w.period = period;
	mk_until(&t.kit, is_past, &w, "a period that was late");
	assert_int_equal(stats(0).late, SLOTS);
	assert_int_equal(stats(0).marked, 0);
	assert_int_equal(stats(0).periods, 0);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_missing(i, 0);
	period = quiet_period();
	end_period(period);
	mk_until(&t.kit, has_marked, &(struct wanted){.i = 0, .marked = SLOTS},
		 "marks");
}

/* Into a period whose end a slot spends in the downtime, though not for long; which
 * one */
static unsigned resting_period(void)
{
	const struct cdx_market_config *c = &t.kit.env.config;

	for (;;) {
		mk_next_period(&t.kit);
		mk_go_to(&t.kit,
			 mk_period(&t.kit) * c->period + c->timeout + 1);
		for (unsigned i = 0; i < SLOTS; i++) {
			if (mk_pointer(&t.kit, &t.rq.slot[i]) + 5 <=
			    c->downtime)
				return i;
		}
	}
}

/* A slot that is in the downtime when a period ends is marked when it comes out of it
 * in time: its host knew that a proof would be wanted. */
static void test_downtime(void **state)
{
	const struct cdx_market_config config = gentle();
	const struct timespec pause = {.tv_nsec = 100000000};
	uint64_t missing;
	uint64_t period;
	unsigned slot;

	(void)state;
	start(&config);
	post_and_fill(SLOTS);
	slot = resting_period();
	period = mk_period(&t.kit);
	missing = mk_missing(&t.kit, &t.rq.slot[slot]);
	begin(0);
	until_slots(0, SLOTS, 0);
	end_period(period);
	mk_sync(&t.kit);
	assert_false(mk_can_mark(&t.kit, &t.rq.slot[slot], period));
	assert_missing(slot, missing);
	mk_mine(&t.kit, config.downtime);
	for (unsigned i = 0; mk_missing(&t.kit, &t.rq.slot[slot]) == missing;
	     i++) {
		assert_true(i < MK_WAIT_S * 10);
		nanosleep(&pause, NULL);
	}
	assert_missing(slot, missing + 1);
}

static bool all_missing(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (mk_missing(&t.kit, &t.rq.slot[i]) != 1)
			return false;
	return true;
}

/* The blocks with the marks are undone: they are made again. */
static void test_undone(void **state)
{
	const struct cdx_market_config config = gentle();
	const struct timespec pause = {.tv_nsec = 100000000};
	uint64_t period;

	(void)state;
	start(&config);
	post_and_fill(SLOTS);
	period = quiet_period();
	begin(0);
	until_slots(0, SLOTS, 0);
	end_period(period);
	until_marked(0, SLOTS);
	assert_true(all_missing());
	/* no more than the marks, whichever blocks they are in */
	mk_reorg(&t.kit, 1);
	assert_false(all_missing());
	mk_mine(&t.kit, 1);
	for (unsigned i = 0; !all_missing(); i++) {
		assert_true(i < MK_WAIT_S * 10);
		nanosleep(&pause, NULL);
	}
	mk_until(&t.kit, has_marked,
		 &(struct wanted){.i = 0, .marked = SLOTS + 1}, "marks again");
}

/* Transactions of the first validator's that are in no block */
static bool has_waiting(void *arg)
{
	struct cdx_sender_stats s;

	cdx_sender_stats(t.account[0].sender, &s);
	return s.waiting == *(unsigned *)arg;
}

static uint64_t nonce_of(const struct cdx_addr *a)
{
	json_t *j = chain_rpc(&t.kit.hand, "eth_getTransactionCount",
			      json_pack("[o, s]", cdx_json_addr(a), "latest"));
	uint64_t n;

	assert_int_equal(cdx_json_get_u64(j, &n), 0);
	json_decref(j);
	return n;
}

/* Marks that are on their way when the process ends are taken up by the next one,
 * and not sent twice. */
static void test_again(void **state)
{
	const struct cdx_market_config config = gentle();
	unsigned waiting = SLOTS;
	uint64_t nonce;

	(void)state;
	start(&config);
	post_and_fill(SLOTS);
	nonce = nonce_of(&t.account[0].account.addr);
	end_period_unmined();
	mk_until(&t.kit, has_waiting, &waiting, "transactions");
	end(0);
	mk_sender_drop(&t.kit, &t.account[0]);
	mk_sender_make(&t.kit, &t.account[0]);
	begin(0);
	until_slots(0, SLOTS, 0);
	mk_until_mining(&t.kit, has_marked,
			&(struct wanted){.i = 0, .marked = SLOTS}, "marks");
	assert_true(all_missing());
	assert_int_equal(stats(0).marked, SLOTS);
	assert_int_equal(nonce_of(&t.account[0].account.addr), nonce + SLOTS);
	mk_automine(&t.kit, true);
}

static void base_fee(const char *wei)
{
	json_decref(chain_rpc(&t.kit.hand, "anvil_setNextBlockBaseFeePerGas",
			      json_pack("[s]", wei)));
}

static bool has_late(void *arg)
{
	return stats(0).late >= *(unsigned *)arg;
}

/* Marks that no block takes in time are given up, and nothing is paid for them. */
static void test_dear(void **state)
{
	const struct cdx_market_config config = gentle();
	unsigned waiting = SLOTS;
	uint64_t period;

	(void)state;
	start(&config);
	post_and_fill(SLOTS);
	period = end_period_unmined();
	mk_until(&t.kit, has_waiting, &waiting, "transactions");
	/* a thousand gwei a gas, until it is too late */
	base_fee("0xe8d4a51000");
	mk_go_to(&t.kit, (period + 1) * config.period + config.timeout);
	base_fee("0x3b9aca00");
	mk_until_mining(&t.kit, has_late, &waiting, "late ones");
	waiting = 0;
	mk_until_mining(&t.kit, has_waiting, &waiting, "an end of them");
	assert_int_equal(stats(0).late, SLOTS);
	assert_int_equal(stats(0).marked, 0);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_missing(i, 0);
	mk_automine(&t.kit, true);
}

#define T(name) cmocka_unit_test_teardown(test_##name, stop)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(marks),  T(dice),  T(limit),	      T(limit_marks),
		T(groups), T(late),  T(undone),	      T(again),
		T(dear),   T(taken), T(node_is_down), T(downtime),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: validator URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	args = argv;
	return cmocka_run_group_tests_name("market/validator", tests, NULL,
					   stop_all);
}
