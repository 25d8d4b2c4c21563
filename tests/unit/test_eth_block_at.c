/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Which block a time belongs to. */
#include "config.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "chain_env.h"
#include "eth/logs.h"
#include "fake_chain.h"

struct env {
	struct fake_chain chain;
	struct fake_node node;
	struct rpc_kit *kit;
	struct chain_env c;
	bool found;
	uint64_t at;
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	fake_chain_start(&e->chain, 100);
	e->node.chain = &e->chain;
	e->kit = rpc_kit_start(fake_node_answer, &e->node);
	chain_env_start(&e->c, &e->kit, 1, 1500);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	chain_env_end(&e->c);
	rpc_kit_stop(e->kit);
	fake_chain_end(&e->chain);
	free(e);
	return 0;
}

static void on_found(void *arg, int err, uint64_t number)
{
	struct env *e = arg;

	assert_int_equal(err, 0);
	e->found = true;
	e->at = number;
	loop_kit_stop(&e->c.loop);
}

static void found(struct env *e, uint64_t time, uint64_t number)
{
	struct cdx_block_search *search;

	e->found = false;
	assert_int_equal(
		cdx_block_at_time(&search, e->c.rpc, time, on_found, e), 0);
	assert_false(e->found);
	loop_kit_run(&e->c.loop);
	assert_int_equal(e->at, number);
}

static void on_not_found(void *arg, int err, uint64_t number)
{
	struct env *e = arg;

	(void)number;
	assert_int_equal(err, CDX_E_FORMAT);
	loop_kit_stop(&e->c.loop);
}

static void test_search(void **state)
{
	struct env *e = *state;

	found(e, 0, 0);
	found(e, 1000000, 0);
	found(e, 1000001, 1);
	found(e, 1000010, 1);
	found(e, 1000505, 51);
	found(e, 1000999, 100);
	found(e, 1001000, 100);
	found(e, 1001001, 101);
	found(e, UINT64_MAX, 101);
}

static void test_same_time(void **state)
{
	struct env *e = *state;

	for (int i = 0; i < 3; i++) {
		fake_chain_grow(&e->chain, 1);
		fake_chain_jump(&e->chain, -FAKE_INTERVAL_S);
	}
	found(e, 1001000, 100);
}

static void test_history_begins_later(void **state)
{
	struct env *e = *state;

	fake_chain_lock(&e->chain);
	e->node.forgotten = 40;
	fake_chain_unlock(&e->chain);
	found(e, 0, 40);
	found(e, 1000505, 51);
}

static void test_faults(void **state)
{
	struct env *e = *state;
	struct cdx_block_search *search;

	rpc_kit_spoil(e->kit, RPC_KIT_GARBAGE, "eth_getBlockByNumber",
		      UINT_MAX);
	assert_int_equal(
		cdx_block_at_time(&search, e->c.rpc, 1, on_not_found, e), 0);
	loop_kit_run(&e->c.loop);
	/* ended in the middle of it */
	assert_int_equal(
		cdx_block_at_time(&search, e->c.rpc, 1, on_not_found, e), 0);
	cdx_block_search_end(search);
	cdx_block_search_end(NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(search),
		T(same_time),
		T(history_begins_later),
		T(faults),
	};

	return cmocka_run_group_tests_name("eth/block_at", tests, NULL, NULL);
}
