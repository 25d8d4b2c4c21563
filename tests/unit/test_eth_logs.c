/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Events of a contract: each once, in order, whatever the chain and its nodes
 * do. */
#include "config.h"

#include <errno.h>
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
#include "base/err.h"
#include "chain_env.h"
#include "eth/logs.h"
#include "fake_chain.h"
#include "seed.h"

#define POLL_MS 5
#define IDS_MAX 4096

struct env {
	struct fake_chain chain;
	struct fake_node nodes[2];
	struct rpc_kit *kits[2];
	struct chain_env c;
	struct cdx_logs *logs;
	/* what the handler knows: ids in the order of the chain */
	uint64_t ids[IDS_MAX];
	size_t n_ids;
	unsigned calls;
	unsigned removals;
	unsigned refuse;    /* so many calls */
	uint64_t refuse_id; /* this one, always; 0: none */
	bool repeats; /* what is known already may come, after a restart */
	bool free_logs;
	const char *want_why;
};

static int setup_of(void **state, size_t nodes)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	fake_chain_start(&e->chain, 100);
	for (size_t i = 0; i < 2; i++) {
		e->nodes[i] = (struct fake_node){
			.chain = &e->chain,
			.range_error = "query returned more than 10 results"};
		e->kits[i] = rpc_kit_start(fake_node_answer, &e->nodes[i]);
	}
	chain_env_start(&e->c, e->kits, nodes, 2000);
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

	cdx_logs_free(e->logs);
	chain_env_end(&e->c);
	for (size_t i = 0; i < 2; i++)
		rpc_kit_stop(e->kits[i]);
	fake_chain_end(&e->chain);
	free(e);
	return 0;
}

static bool knows(const struct env *e, uint64_t id)
{
	for (size_t i = 0; i < e->n_ids; i++) {
		if (e->ids[i] == id)
			return true;
	}
	return false;
}

static int on_log(void *arg, const struct cdx_chain_log *log)
{
	struct env *e = arg;
	struct cdx_addr mine = fake_chain_contract();
	uint64_t id;

	e->calls++;
	assert_int_equal(log->len, 8);
	assert_memory_equal(&log->contract, &mine, sizeof(mine));
	id = cdx_get_be64(log->data);
	if (e->refuse || id == e->refuse_id) {
		e->refuse -= e->refuse > 0;
		return -ENOSPC;
	}
	if (e->free_logs) {
		cdx_logs_free(e->logs);
		e->logs = NULL;
	}
	if (log->removed) {
		/* newest first */
		e->removals++;
		assert_true(e->n_ids > 0);
		assert_int_equal(e->ids[e->n_ids - 1], id);
		e->n_ids--;
		return 0;
	}
	if (e->repeats && knows(e, id))
		return 0;
	assert_false(knows(e, id));
	assert_true(e->n_ids < IDS_MAX);
	e->ids[e->n_ids++] = id;
	return 0;
}

static void begin(struct env *e, const struct cdx_logs_opts *base)
{
	struct cdx_logs_opts opts = *base;

	opts.persist = cdx_persist_memory(e->c.memory);
	opts.name = "market";
	opts.contract = fake_chain_contract();
	if (!e->c.head)
		chain_env_head(&e->c, POLL_MS);
	assert_int_equal(cdx_logs_new(&e->logs, e->c.loop.loop, e->c.rpc,
				      e->c.head, &opts, on_log, e),
			 0);
}

static void end(struct env *e)
{
	cdx_logs_free(e->logs);
	e->logs = NULL;
	/* what was put down is durable at the next turn */
	loop_kit_run_ms(&e->c.loop, 2);
}

static bool is_up(void *arg)
{
	struct env *e = arg;
	const struct cdx_block *head = cdx_head_latest(e->c.head);
	uint64_t top = fake_chain_height(&e->chain);

	return head && head->number == top &&
	       cdx_get_be32(head->hash.b + 8) == e->chain.blocks[top].branch &&
	       cdx_logs_caught_up(e->logs);
}

static void catch_up(struct env *e)
{
	loop_kit_until(&e->c.loop, is_up, e);
}

static bool why_is(void *arg)
{
	const struct env *e = arg;

	return strstr(cdx_logs_why(e->logs), e->want_why) != NULL;
}

static void wait_why(struct env *e, const char *part)
{
	e->want_why = part;
	loop_kit_until(&e->c.loop, why_is, e);
}

/* The handler knows exactly the chain's logs up to a block, in order. */
static void check_to(struct env *e, uint64_t from, uint64_t to)
{
	size_t n = 0;

	for (uint64_t b = from; b <= to; b++) {
		const struct fake_block *block = &e->chain.blocks[b];

		for (unsigned i = 0; i < block->n_logs; i++, n++) {
			assert_true(n < e->n_ids);
			assert_int_equal(e->ids[n], block->logs[i].id);
		}
	}
	assert_int_equal(n, e->n_ids);
}

static void check(struct env *e)
{
	check_to(e, 0, fake_chain_height(&e->chain));
}

static void add_logs(struct env *e, uint64_t first, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		fake_chain_grow(&e->chain, 1);
		fake_chain_log(&e->chain, first + 2 * i);
		fake_chain_log(&e->chain, first + 2 * i + 1);
	}
}

static void node_lock(struct env *e)
{
	fake_chain_lock(&e->chain);
}

static void node_unlock(struct env *e)
{
	fake_chain_unlock(&e->chain);
}

static const struct cdx_logs_opts plain;

static void test_follows(void **state)
{
	struct env *e = *state;

	add_logs(e, 1, 5);
	begin(e, &plain);
	assert_int_equal(cdx_logs_at(e->logs), 0);
	assert_false(cdx_logs_caught_up(e->logs));
	catch_up(e);
	check(e);
	assert_int_equal(cdx_logs_at(e->logs), 105);
	assert_string_equal(cdx_logs_why(e->logs), "");
	for (uint64_t i = 0; i < 5; i++) {
		add_logs(e, 100 + 10 * i, 2);
		catch_up(e);
		check(e);
	}
	assert_int_equal(e->n_ids, 30);
	assert_int_equal(e->calls, 30);
}

static void test_begins_later(void **state)
{
	struct env *e = *state;
	const struct cdx_logs_opts opts = {.from = 103, .depth = 2};

	add_logs(e, 1, 6);
	begin(e, &opts);
	/* two blocks behind the head */
	loop_kit_run_ms(&e->c.loop, 1);
	catch_up(e);
	assert_int_equal(cdx_logs_at(e->logs), 104);
	check_to(e, 103, 104);
	fake_chain_grow(&e->chain, 2);
	catch_up(e);
	check_to(e, 103, 106);
	/* what is reorganised within the depth was never delivered */
	fake_chain_reorg(&e->chain, 2, 3);
	catch_up(e);
	assert_int_equal(e->removals, 0);
}

static void test_strange_answers(void **state)
{
	struct env *e = *state;

	node_lock(e);
	e->nodes[0].shuffle = true;
	e->nodes[0].twice = true;
	e->nodes[0].foreign = true;
	node_unlock(e);
	add_logs(e, 1, 20);
	begin(e, &plain);
	catch_up(e);
	check(e);
	assert_int_equal(e->calls, 40);
}

static void test_bad_logs(void **state)
{
	struct env *e = *state;

	add_logs(e, 1, 2);
	node_lock(e);
	e->nodes[0].bad_logs = true;
	node_unlock(e);
	begin(e, &plain);
	wait_why(e, "its logs of blocks 0 to 102 are no logs");
	assert_int_equal(e->calls, 0);
	node_lock(e);
	e->nodes[0].bad_logs = false;
	node_unlock(e);
	fake_chain_grow(&e->chain, 1);
	catch_up(e);
	check(e);
}

static void test_reorganised(void **state)
{
	struct env *e = *state;

	begin(e, &plain);
	catch_up(e);
	add_logs(e, 1, 20);
	catch_up(e);
	check(e);
	/* ten blocks, with twenty logs, for others with other logs */
	fake_chain_reorg(&e->chain, 10, 0);
	add_logs(e, 1000, 12);
	catch_up(e);
	check(e);
	assert_int_equal(e->removals, 20);
	/* for fewer, without any */
	fake_chain_reorg(&e->chain, 10, 4);
	catch_up(e);
	check(e);
	assert_int_equal(e->removals, 40);
	assert_int_equal(cdx_logs_at(e->logs), fake_chain_height(&e->chain));
}

static void test_reorganised_deeper_than_kept(void **state)
{
	struct env *e = *state;

	begin(e, &plain);
	catch_up(e);
	add_logs(e, 1, 10);
	fake_chain_grow(&e->chain, 200);
	add_logs(e, 100, 100);
	catch_up(e);
	check(e);
	fake_chain_reorg(&e->chain, 290, 0);
	add_logs(e, 1000, 295);
	catch_up(e);
	/* the last 256 are right; what was before is what it was */
	assert_int_equal(e->removals, 200);
	assert_int_equal(e->ids[e->n_ids - 1], 1000 + 2 * 294 + 1);
	assert_int_equal(e->ids[0], 1);
}

/* The head is asked of one that is ahead, the logs of one that is not. */
static void test_endpoint_behind(void **state)
{
	struct env *e = *state;

	begin(e, &plain);
	catch_up(e);
	rpc_kit_spoil(e->kits[0], RPC_KIT_GARBAGE, "eth_getLogs", UINT_MAX);
	node_lock(e);
	e->nodes[1].lag = 8;
	node_unlock(e);
	add_logs(e, 1, 5);
	wait_why(e, ": does not have block ");
	assert_int_equal(e->calls, 0);
	/* one that is of another chain in spite of its id */
	node_lock(e);
	e->nodes[1].lag = 0;
	e->nodes[1].other_chain = true;
	node_unlock(e);
	loop_kit_run_ms(&e->c.loop, 300);
	node_lock(e);
	e->nodes[1].other_chain = false;
	node_unlock(e);
	rpc_kit_spoil(e->kits[0], RPC_KIT_WELL, NULL, 0);
	e->repeats = true;
	fake_chain_grow(&e->chain, 1);
	catch_up(e);
	check(e);
}

static void test_restart(void **state)
{
	struct env *e = *state;

	add_logs(e, 1, 10);
	begin(e, &plain);
	catch_up(e);
	end(e);
	add_logs(e, 100, 10);
	e->calls = 0;
	begin(e, &plain);
	catch_up(e);
	check(e);
	/* nothing twice: the place was put down with the last log */
	assert_int_equal(e->calls, 20);
	end(e);
	/* reorganised meanwhile: what took the place of the undone is new, and
	 * what was undone cannot be taken back */
	fake_chain_reorg(&e->chain, 5, 0);
	add_logs(e, 1000, 7);
	e->n_ids -= 10;
	e->calls = 0;
	e->repeats = true;
	begin(e, &plain);
	catch_up(e);
	check(e);
	/* from the last mark that is in both, so a few come again */
	assert_true(e->calls >= 14 && e->calls <= 20);
}

static void test_bad_place(void **state)
{
	struct env *e = *state;
	const struct cdx_persist *p = cdx_persist_memory(e->c.memory);
	const struct cdx_logs_opts opts = {.persist = p,
					   .name = "market",
					   .contract = fake_chain_contract()};

	chain_env_head(&e->c, POLL_MS);
	assert_int_equal(
		p->put(p->arg, "eth/logs/market", "\2x", 2, NULL, NULL), 0);
	assert_int_equal(cdx_logs_new(&e->logs, e->c.loop.loop, e->c.rpc,
				      e->c.head, &opts, on_log, e),
			 CDX_E_CORRUPT);
	assert_null(e->logs);
}

/* Another chain with the same id: its marks are met nowhere. */
static void test_restart_on_another_chain(void **state)
{
	struct env *e = *state;
	const struct cdx_persist *p = cdx_persist_memory(e->c.memory);
	uint8_t place[41] = {1, 0, 0, 0, 0, 0, 0, 0, 104, 7, 7, 7};

	add_logs(e, 1, 10);
	assert_int_equal(p->put(p->arg, "eth/logs/market", place, sizeof(place),
				NULL, NULL),
			 0);
	begin(e, &plain);
	catch_up(e);
	check(e);
}

static void test_ranges(void **state)
{
	static const char *const words[] = {
		"query returned more than 10000 results",
		"block range too wide",
	};
	struct env *e = *state;
	const struct cdx_logs_opts opts = {.range = 512};

	fake_chain_grow(&e->chain, 900);
	add_logs(e, 1, 20);
	node_lock(e);
	e->nodes[0].range_max = 30;
	e->nodes[0].range_error = words[0];
	node_unlock(e);
	begin(e, &opts);
	catch_up(e);
	check(e);
	/* about 1,020 / 30, and some to find that out */
	assert_in_range(e->nodes[0].log_calls, 34, 120);
	/* not even one block: it says so, and goes on when it can */
	node_lock(e);
	e->nodes[0].range_max = UINT64_MAX;
	node_unlock(e);
	rpc_kit_spoil(e->kits[0], RPC_KIT_ONE_ERROR, "eth_getLogs", UINT_MAX);
	add_logs(e, 100, 3);
	wait_why(e, "batch too large");
	rpc_kit_spoil(e->kits[0], RPC_KIT_WELL, NULL, 0);
	fake_chain_grow(&e->chain, 1);
	catch_up(e);
	check(e);
}

static void test_handler_refuses(void **state)
{
	struct env *e = *state;

	add_logs(e, 1, 5);
	e->refuse_id = 4;
	begin(e, &plain);
	wait_why(e, "an event of block 102 could not be taken in: No space");
	assert_int_equal(e->n_ids, 3);
	assert_int_equal(cdx_logs_at(e->logs), 0);
	assert_false(cdx_logs_caught_up(e->logs));
	/* a reorganisation of what it waits with */
	fake_chain_reorg(&e->chain, 3, 0);
	add_logs(e, 50, 4);
	e->refuse_id = 53;
	wait_why(e, "an event of block 104");
	assert_int_equal(e->removals, 0);
	assert_int_equal(e->n_ids, 7);
	/* of what was delivered, in the middle of a range */
	fake_chain_reorg(&e->chain, 3, 0);
	add_logs(e, 70, 4);
	e->refuse_id = 0;
	e->refuse = 2;
	fake_chain_grow(&e->chain, 1);
	catch_up(e);
	check(e);
	assert_int_equal(e->removals, 1);
}

static void test_handler_refuses_removals(void **state)
{
	struct env *e = *state;

	add_logs(e, 1, 5);
	begin(e, &plain);
	catch_up(e);
	e->refuse = 2;
	fake_chain_reorg(&e->chain, 4, 0);
	add_logs(e, 20, 5);
	wait_why(e, "could not be taken in");
	/* deeper, while it waits */
	fake_chain_reorg(&e->chain, 7, 0);
	add_logs(e, 40, 8);
	catch_up(e);
	check(e);
	assert_int_equal(e->removals, 10);
}

static void test_freed_by_handler(void **state)
{
	struct env *e = *state;

	add_logs(e, 1, 5);
	e->free_logs = true;
	begin(e, &plain);
	for (int i = 0; e->logs && i < 1000; i++)
		loop_kit_run_ms(&e->c.loop, 10);
	assert_null(e->logs);
	loop_kit_run_ms(&e->c.loop, 50);
	assert_int_equal(e->calls, 1);
	cdx_logs_free(NULL);
}

/* Grows, reorganises, refuses, fails and restarts by chance. */
static void test_random(void **state)
{
	struct env *e = *state;
	struct seed s = seed_start("logs");
	uint64_t id = 1;

	begin(e, &plain);
	for (int i = 0; i < 60; i++) {
		switch (seed_below(&s, 6)) {
		case 0:
			fake_chain_reorg(&e->chain, seed_below(&s, 12) + 1, 1);
			break;
		case 1:
			e->refuse = (unsigned)seed_below(&s, 3);
			break;
		case 2:
			rpc_kit_spoil(e->kits[0], RPC_KIT_CUT, NULL, 1);
			break;
		case 3:
			catch_up(e);
			check(e);
			end(e);
			/* what is undone while nobody looks is not taken back
			 */
			begin(e, &plain);
			catch_up(e);
			break;
		default:
			break;
		}
		add_logs(e, id, (unsigned)seed_below(&s, 4) + 1);
		id += 10;
		if (seed_below(&s, 2))
			loop_kit_run_ms(&e->c.loop, 8);
	}
	fake_chain_grow(&e->chain, 1);
	e->refuse = 0;
	catch_up(e);
	check(e);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(follows),
		T(begins_later),
		T(strange_answers),
		T(bad_logs),
		T(reorganised),
		T(reorganised_deeper_than_kept),
		cmocka_unit_test_setup_teardown(test_endpoint_behind, setup_two,
						teardown),
		T(restart),
		T(bad_place),
		T(restart_on_another_chain),
		T(ranges),
		T(handler_refuses),
		T(handler_refuses_removals),
		T(freed_by_handler),
		T(random),
	};

	return cmocka_run_group_tests_name("eth/logs", tests, NULL, NULL);
}
