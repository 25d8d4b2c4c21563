/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The newest block, reorganisations, and the time of the chain. */
#include "config.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "chain_env.h"
#include "fake_chain.h"

#define POLL_MS 5

struct env {
	struct fake_chain chain;
	struct fake_node nodes[2];
	struct rpc_kit *kits[2];
	struct chain_env c;
	struct cdx_head_watch *watch;
	struct cdx_head_alarm *alarm;
	/* what the watch was told */
	unsigned told;
	uint64_t fork;
	struct cdx_block head;
	unsigned rung;
	uint64_t want; /* height to wait for */
	uint64_t want_reorgs;
	const char *want_why;
	bool free_head; /* from within the watch */
};

static int setup_of(void **state, size_t nodes)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	fake_chain_start(&e->chain, 100);
	for (size_t i = 0; i < 2; i++) {
		e->nodes[i] = (struct fake_node){.chain = &e->chain};
		e->kits[i] = rpc_kit_start(fake_node_answer, &e->nodes[i]);
	}
	chain_env_start(&e->c, e->kits, nodes, 400);
	*state = e;
	return 0;
}

static int setup(void **state)
{
	return setup_of(state, 1);
}

static int setup_two(void **state)
{
	return setup_of(state, 2);
}

static int teardown(void **state)
{
	struct env *e = *state;

	cdx_head_watch_del(e->watch);
	cdx_head_alarm_del(e->alarm);
	chain_env_end(&e->c);
	for (size_t i = 0; i < 2; i++)
		rpc_kit_stop(e->kits[i]);
	fake_chain_end(&e->chain);
	free(e);
	return 0;
}

static void on_head(void *arg, const struct cdx_block *head, uint64_t fork)
{
	struct env *e = arg;

	e->told++;
	e->head = *head;
	e->fork = fork;
	if (e->free_head) {
		cdx_head_watch_del(e->watch);
		e->watch = NULL;
		cdx_head_free(e->c.head);
		e->c.head = NULL;
	}
}

static bool is_there(void *arg)
{
	const struct env *e = arg;
	uint64_t reorgs;
	uint64_t deepest;

	cdx_head_reorgs(e->c.head, &reorgs, &deepest);
	return e->told && e->head.number == e->want && reorgs >= e->want_reorgs;
}

static void wait_for(struct env *e, uint64_t height)
{
	e->want = height;
	loop_kit_until(&e->c.loop, is_there, e);
}

static bool why_is(void *arg)
{
	const struct env *e = arg;

	return strstr(cdx_head_why(e->c.head), e->want_why) != NULL;
}

static void wait_why(struct env *e, const char *part)
{
	e->want_why = part;
	loop_kit_until(&e->c.loop, why_is, e);
}

static void begin(struct env *e)
{
	chain_env_head(&e->c, POLL_MS);
	assert_int_equal(cdx_head_watch_add(e->c.head, &e->watch, on_head, e),
			 0);
	wait_for(e, fake_chain_height(&e->chain));
}

static void reorg_is(struct env *e, uint64_t count, uint64_t deepest)
{
	uint64_t got_count;
	uint64_t got_deepest;

	cdx_head_reorgs(e->c.head, &got_count, &got_deepest);
	assert_int_equal(got_count, count);
	assert_int_equal(got_deepest, deepest);
}

/* Every kept header is that of the chain, and they hang together. */
static void check_kept(struct env *e, uint64_t oldest)
{
	uint64_t top = fake_chain_height(&e->chain);
	const struct cdx_block *above = NULL;

	for (uint64_t n = top + 1; n-- > oldest;) {
		const struct cdx_block *b = cdx_head_block(e->c.head, n);

		assert_non_null(b);
		assert_int_equal(b->number, n);
		assert_int_equal(cdx_get_be32(b->hash.b + 8),
				 e->chain.blocks[n].branch);
		if (above)
			assert_memory_equal(&above->parent, &b->hash,
					    sizeof(b->hash));
		above = b;
	}
	assert_null(cdx_head_block(e->c.head, top + 1));
}

static void test_begins(void **state)
{
	struct env *e = *state;

	chain_env_head(&e->c, POLL_MS);
	assert_null(cdx_head_latest(e->c.head));
	assert_null(cdx_head_block(e->c.head, 0));
	assert_true(cdx_head_age_s(e->c.head) == INT64_MAX);
	assert_true(cdx_head_now(e->c.head) - cdx_clock_wall_s() <= 1);
	assert_int_equal(cdx_head_watch_add(e->c.head, &e->watch, on_head, e),
			 0);
	wait_for(e, 100);
	assert_int_equal(e->told, 1);
	assert_true(e->fork == UINT64_MAX);
	assert_int_equal(cdx_head_latest(e->c.head)->number, 100);
	assert_int_equal(e->head.timestamp, 1001000);
	assert_true(e->head.has_base_fee);
	assert_true(cdx_head_age_s(e->c.head) <= 30);
	assert_string_equal(cdx_head_why(e->c.head), "");
	/* enough of what was before to know reorganisations by */
	check_kept(e, 40);
	reorg_is(e, 0, 0);
}

static void test_grows(void **state)
{
	struct env *e = *state;

	begin(e);
	fake_chain_grow(&e->chain, 1);
	wait_for(e, 101);
	assert_int_equal(e->fork, 100);
	/* several at once */
	fake_chain_grow(&e->chain, 150);
	wait_for(e, 251);
	assert_int_equal(e->fork, 101);
	check_kept(e, 60);
	/* more than is kept: the old head is looked for, and found */
	fake_chain_grow(&e->chain, 1000);
	wait_for(e, 1251);
	assert_int_equal(e->fork, 251);
	check_kept(e, 1251 - 255);
	assert_null(cdx_head_block(e->c.head, 1251 - 256));
	reorg_is(e, 0, 0);
	/* nothing new, nobody told */
	e->told = 0;
	loop_kit_run_ms(&e->c.loop, 50);
	assert_int_equal(e->told, 0);
}

static void test_reorganised(void **state)
{
	static const struct {
		uint64_t undo, grow;
	} t[] = {{1, 1}, {1, 2}, {10, 11}, {10, 10}, {10, 3}, {30, 90}};
	struct env *e = *state;
	uint64_t deepest = 0;

	begin(e);
	for (size_t i = 0; i < CDX_ARRAY_LEN(t); i++) {
		uint64_t before = fake_chain_height(&e->chain);

		fake_chain_reorg(&e->chain, t[i].undo, t[i].grow);
		e->want_reorgs = i + 1;
		wait_for(e, before - t[i].undo + t[i].grow);
		assert_int_equal(e->fork, before - t[i].undo);
		if (t[i].undo > deepest)
			deepest = t[i].undo;
		reorg_is(e, i + 1, deepest);
		check_kept(e, 45);
	}
}

static void test_reorganised_deeper_than_kept(void **state)
{
	struct env *e = *state;

	begin(e);
	fake_chain_grow(&e->chain, 400);
	wait_for(e, 500);
	check_kept(e, 500 - 255);
	fake_chain_reorg(&e->chain, 300, 310);
	wait_for(e, 510);
	/* as far as we can know */
	assert_int_equal(e->fork, 500 - 255 - 1);
	reorg_is(e, 1, 256);
	check_kept(e, 510 - 255);
	/* and with a gap that is longer than what is kept */
	fake_chain_reorg(&e->chain, 5, 600);
	e->want_reorgs = 2;
	wait_for(e, 1105);
	assert_int_equal(e->fork, 510 - 255 - 1);
}

/* A chain that begins anew, as development chains do */
static void test_begins_anew(void **state)
{
	struct env *e = *state;

	begin(e);
	fake_chain_reorg(&e->chain, 97, 0);
	wait_why(e, "is behind: its newest block is 3, and 100 is known");
	assert_int_equal(cdx_head_latest(e->c.head)->number, 100);
	e->want_reorgs = 1;
	wait_for(e, 3);
	assert_true(e->fork < 3);
	assert_string_equal(cdx_head_why(e->c.head), "");
	fake_chain_grow(&e->chain, 2);
	wait_for(e, 5);
	assert_int_equal(e->fork, 3);
}

/* It goes back to a block that is kept, and nothing comes in its place. */
static void test_goes_back(void **state)
{
	struct env *e = *state;

	begin(e);
	fake_chain_reorg(&e->chain, 10, 0);
	e->want_reorgs = 1;
	wait_for(e, 90);
	assert_int_equal(e->fork, 90);
	check_kept(e, 45);
}

static void test_endpoint_behind(void **state)
{
	struct env *e = *state;

	begin(e);
	/* the one that is ahead fails; the other has 20 blocks less */
	fake_chain_lock(&e->chain);
	e->nodes[1].lag = 20;
	fake_chain_unlock(&e->chain);
	rpc_kit_spoil(e->kits[0], RPC_KIT_GARBAGE, "eth_getBlockByNumber",
		      UINT_MAX);
	e->told = 0;
	wait_why(e, "is behind: its newest block is 80, and 100 is known");
	assert_int_equal(cdx_head_latest(e->c.head)->number, 100);
	assert_int_equal(e->told, 0);
	/* it catches up */
	fake_chain_lock(&e->chain);
	e->nodes[1].lag = 0;
	fake_chain_unlock(&e->chain);
	fake_chain_grow(&e->chain, 1);
	wait_for(e, 101);
	assert_int_equal(e->fork, 100);
	reorg_is(e, 0, 0);
	assert_string_equal(cdx_head_why(e->c.head), "");
}

static void test_faults(void **state)
{
	static const struct {
		enum rpc_kit_fault fault;
		const char *words;
	} t[] = {
		{RPC_KIT_GARBAGE, "its answer is no JSON"},
		{RPC_KIT_HANG, "timed out"},
		{RPC_KIT_CUT, "transfer closed"},
	};
	struct env *e = *state;

	begin(e);
	e->told = 0;
	for (size_t i = 0; i < CDX_ARRAY_LEN(t); i++) {
		rpc_kit_spoil(e->kits[0], t[i].fault, NULL, UINT_MAX);
		wait_why(e, t[i].words);
	}
	assert_int_equal(cdx_head_latest(e->c.head)->number, 100);
	rpc_kit_spoil(e->kits[0], RPC_KIT_WELL, NULL, 0);
	fake_chain_grow(&e->chain, 1);
	wait_for(e, 101);
	assert_string_equal(cdx_head_why(e->c.head), "");
}

static void test_time(void **state)
{
	struct env *e = *state;
	int64_t now;

	begin(e);
	now = cdx_head_now(e->c.head);
	/* the chain's, not ours; whole seconds since, at most a slow test's */
	assert_true(now >= 1001000 && now < 1001000 + LOOP_KIT_GUARD_S);
	fake_chain_grow(&e->chain, 1);
	fake_chain_jump(&e->chain, 100000);
	wait_for(e, 101);
	now = cdx_head_now(e->c.head);
	assert_true(now >= 1101010 && now < 1101010 + LOOP_KIT_GUARD_S);
	/* a reorganisation may take it back */
	fake_chain_reorg(&e->chain, 1, 1);
	e->want_reorgs = 1;
	wait_for(e, 101);
	assert_true(cdx_head_now(e->c.head) < 1101010);
}

/* Blocks whose times do not keep up with the wall do not turn it back. */
static void test_time_never_goes_back(void **state)
{
	struct env *e = *state;
	int64_t last = 0;

	begin(e);
	for (int i = 0; i < 5; i++) {
		int64_t now = cdx_head_now(e->c.head);

		assert_true(now >= last);
		last = now;
		fake_chain_grow(&e->chain, 1);
		fake_chain_jump(&e->chain, -FAKE_INTERVAL_S);
		wait_for(e, 101 + (uint64_t)i);
		loop_kit_run_ms(&e->c.loop, 300);
	}
	assert_true(cdx_head_now(e->c.head) >= last);
}

static void ring(void *arg)
{
	struct env *e = arg;

	e->rung++;
	cdx_head_alarm_del(e->alarm);
	e->alarm = NULL;
	loop_kit_stop(&e->c.loop);
}

static void set_alarm(struct env *e, int64_t at)
{
	assert_null(e->alarm);
	assert_int_equal(cdx_head_alarm_add(e->c.head, &e->alarm, at, ring, e),
			 0);
	/* never from within */
	assert_non_null(e->alarm);
}

static void test_alarms(void **state)
{
	struct env *e = *state;
	struct cdx_head_alarm *never;
	int64_t at;

	/* before there is a head, nobody knows what time it is */
	chain_env_head(&e->c, POLL_MS);
	rpc_kit_spoil(e->kits[0], RPC_KIT_DROP, NULL, 2);
	set_alarm(e, 1000);
	assert_int_equal(e->rung, 0);
	loop_kit_run(&e->c.loop);
	assert_int_equal(e->rung, 1);
	assert_non_null(cdx_head_latest(e->c.head));
	/* in the past */
	set_alarm(e, 1000);
	loop_kit_run(&e->c.loop);
	assert_int_equal(e->rung, 2);
	/* as the wall's time goes */
	at = cdx_head_now(e->c.head) + 2;
	set_alarm(e, at);
	loop_kit_run(&e->c.loop);
	assert_int_equal(e->rung, 3);
	assert_true(cdx_head_now(e->c.head) >= at);
	/* by a jump; one that is far away, and one that is deleted, do not */
	assert_int_equal(
		cdx_head_alarm_add(e->c.head, &never, INT64_MAX, ring, e), 0);
	at = cdx_head_now(e->c.head) + 90000;
	set_alarm(e, at);
	cdx_head_alarm_del(e->alarm);
	e->alarm = NULL;
	set_alarm(e, at);
	loop_kit_run_ms(&e->c.loop, 50);
	assert_int_equal(e->rung, 3);
	fake_chain_grow(&e->chain, 1);
	fake_chain_jump(&e->chain, 100000);
	loop_kit_run(&e->c.loop);
	assert_int_equal(e->rung, 4);
	cdx_head_alarm_del(never);
	cdx_head_alarm_del(NULL);
}

static struct cdx_head_watch *second;
static unsigned second_told;
static uint64_t second_fork;

static void on_second(void *arg, const struct cdx_block *head, uint64_t fork)
{
	(void)arg;
	(void)head;
	second_told++;
	second_fork = fork;
	cdx_head_watch_del(second);
	second = NULL;
}

static bool second_was_told(void *arg)
{
	(void)arg;
	return second_told > 0;
}

static void test_watches(void **state)
{
	struct env *e = *state;

	second_told = 0;
	begin(e);
	e->told = 0;
	/* one that comes later is told of the head that there is, once */
	assert_int_equal(cdx_head_watch_add(e->c.head, &second, on_second, e),
			 0);
	assert_int_equal(second_told, 0);
	loop_kit_until(&e->c.loop, second_was_told, NULL);
	assert_true(second_fork == UINT64_MAX);
	assert_int_equal(e->told, 0);
	/* and is deleted from within */
	fake_chain_grow(&e->chain, 1);
	wait_for(e, 101);
	assert_int_equal(second_told, 1);
	cdx_head_watch_del(NULL);
	/* the whole head, from within */
	e->free_head = true;
	e->told = 0;
	fake_chain_grow(&e->chain, 1);
	loop_kit_run_ms(&e->c.loop, 10);
	for (int i = 0; !e->told && i < 1000; i++)
		loop_kit_run_ms(&e->c.loop, 10);
	assert_null(e->c.head);
	assert_int_equal(e->told, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(begins),
		T(grows),
		T(reorganised),
		T(reorganised_deeper_than_kept),
		T(begins_anew),
		T(goes_back),
		cmocka_unit_test_setup_teardown(test_endpoint_behind, setup_two,
						teardown),
		T(faults),
		T(time),
		T(time_never_goes_back),
		T(alarms),
		T(watches),
	};

	return cmocka_run_group_tests_name("eth/head", tests, NULL, NULL);
}
