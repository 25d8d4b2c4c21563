/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "tests/unit/sender_kit.h"

/* What nodes, prices, other programs and the chain do to transactions
 * (docs/CHAIN.md "Sending" 4 to 9), each ends in one of them on the chain and a
 * correct state. */

static struct sender_env env;

static int setup(void **state)
{
	(void)state;
	env_begin(&env);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	env_end(&env);
	return 0;
}

/* The next so many transactions are refused so; @takes: and taken all the same */
static void refuse(const char *message, unsigned n, bool takes)
{
	rpc_kit_lock(env.kit);
	env.model.refuse = message;
	env.model.refuse_n = n;
	env.model.refuse_takes = takes;
	rpc_kit_unlock(env.kit);
}

static void base_fee(uint64_t gwei)
{
	rpc_kit_lock(env.kit);
	env.model.base_fee = cdx_u256_of(gwei * MODEL_GWEI);
	rpc_kit_unlock(env.kit);
	env_mine(&env);
}

static struct cdx_sender_stats stats_of(void)
{
	struct cdx_sender_stats stats;

	cdx_sender_stats(env.sender, &stats);
	return stats;
}

static void all_is_well(struct told *t, const char *data)
{
	env_mine_told(&env, t);
	assert_int_equal(t->err, 0);
	assert_int_equal(env_done(&env, data), 1);
	env_run_ms(&env, 50);
	assert_int_equal(disk_rows(&env.disk), 0);
	assert_string_equal(stats_of().why, "");
}

/* ---- answers that do not come, or mean something else ---- */

static void test_lost_answers(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	rpc_kit_spoil(env.kit, RPC_KIT_DROP, "eth_sendRawTransaction", 2);
	env_send(&env, "lost", "lost", &t);
	/* asked again after a pause of the rpc's */
	while (env.model.n_sends < 3)
		env_run_ms(&env, 50);
	all_is_well(&t, "lost");
}

/* Taken, but the answer cannot be read; asked again, the node refuses it for
 * good.  It may be in a pool, so its nonce is not given to another. */
static void test_lost_then_refused(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	env.model.refuse = "insufficient funds for gas * price + value";
	env.model.refuse_takes = true;
	env.model.refuse_n = 2;
	rpc_kit_spoil(env.kit, RPC_KIT_GARBAGE, "eth_sendRawTransaction", 1);
	env_send(&env, "lost", NULL, &t);
	env_pooled(&env, 1);
	env_run_ms(&env, 600);
	assert_true(env.model.n_sends > 1);
	assert_int_equal(t.times, 0);
	all_is_well(&t, "lost");
}

static void test_lost_receipts(void **state)
{
	struct told t;

	(void)state;
	env.opts.confirmations = 4;
	env_start(&env);
	env_send(&env, "lost", NULL, &t);
	env_pooled(&env, 1);
	env.model.no_receipts = true;
	for (int i = 0; i < 3; i++) {
		env_mine(&env);
		env_run_ms(&env, 60);
	}
	env.model.no_receipts = false;
	all_is_well(&t, "lost");
	assert_int_equal(stats_of().foreign, 0);
}

static void test_known(void **state)
{
	static const char *const messages[] = {
		"already known",
		"Transaction AlreadyKnown",
		"nonce too low: next nonce 1, tx nonce 0",
		"nonce too high",
		"txpool is full",
	};

	(void)state;
	env_start(&env);
	for (size_t i = 0; i < CDX_ARRAY_LEN(messages); i++) {
		struct told t;
		char data[16];

		snprintf(data, sizeof(data), "known %zu", i);
		refuse(messages[i], 1, i < 3);
		env_send(&env, data, NULL, &t);
		env_pooled(&env, 1);
		all_is_well(&t, data);
		assert_int_equal(t.sent.nonce, i);
	}
}

/* ---- refusals ---- */

static void test_refused(void **state)
{
	static const struct {
		const char *message;
		int err;
	} cases[] = {
		{"insufficient funds for gas * price + value", -ENOBUFS},
		{"Insufficient Funds for transfer", -ENOBUFS},
		{"intrinsic gas too low", CDX_E_CHAIN},
		{"exceeds block gas limit", CDX_E_CHAIN},
		{"a goose has eaten it", CDX_E_CHAIN},
	};
	struct told t;

	(void)state;
	env_start(&env);
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		refuse(cases[i].message, 1, false);
		env_send(&env, "refused", "tag", &t);
		env_told(&env, &t, 1);
		assert_int_equal(t.err, cases[i].err);
		assert_false(t.has_sent);
		assert_int_equal(t.why.code, CDX_REVERT_NONE);
		assert_non_null(strstr(t.why.words, cases[i].message));
		env_run_ms(&env, 30);
		assert_int_equal(disk_rows(&env.disk), 0);
	}
	/* the nonce was given to the next each time */
	env_send(&env, "next", NULL, &t);
	env_pooled(&env, 1);
	all_is_well(&t, "next");
	assert_int_equal(t.sent.nonce, 0);
	assert_int_equal(env_done(&env, "refused"), 0);
}

/* Those behind a refused one do not wait for its nonce: an empty one takes it,
 * or the next that is wanted. */
static void test_refused_before_others(void **state)
{
	struct told t[3];
	unsigned refused = 0;

	(void)state;
	env_start(&env);
	/* all are numbered before one is sent; which is the first is open */
	env.disk.delay_ms = 100;
	refuse("a goose has eaten it", 1, false);
	for (int i = 0; i < 3; i++)
		env_send(&env, "abc", NULL, &t[i]);
	env_pooled(&env, 3);
	env_mine(&env);
	for (int i = 0; i < 3; i++) {
		env_told(&env, &t[i], 1);
		assert_true(t[i].err == 0 || t[i].err == CDX_E_CHAIN);
		refused += t[i].err != 0;
	}
	assert_int_equal(refused, 1);
	assert_int_equal(env_done(&env, "abc"), 2);
	assert_int_equal(model_empties(&env.model), 1);
	env_run_ms(&env, 300);
	assert_int_equal(disk_rows(&env.disk), 0);
	assert_int_equal(stats_of().waiting + stats_of().unconfirmed, 0);
	assert_int_equal(stats_of().expired, 0);
}

static void test_poor(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	env.model.poor = true;
	env_send(&env, "poor", NULL, &t);
	env_told(&env, &t, 1);
	assert_int_equal(t.err, -ENOBUFS);
	assert_non_null(strstr(t.why.words, "cannot pay"));
	env.model.poor = false;
	env_send(&env, "rich", NULL, &t);
	env_pooled(&env, 1);
	all_is_well(&t, "rich");
}

/* A node wants more at once: so it gets more with the next head. */
static void test_underpriced(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	refuse("transaction underpriced: tip needed 2 gwei", 1, false);
	env_send(&env, "cheap", NULL, &t);
	env_run_ms(&env, 100);
	assert_int_equal(t.times, 0);
	assert_non_null(strstr(stats_of().why, "wants more"));
	env_mine(&env);
	env_pooled(&env, 1);
	all_is_well(&t, "cheap");
	assert_true(t.sent.replaced >= 1);
}

/* ---- fees ---- */

static void test_stuck(void **state)
{
	const struct model_tx *tx;
	struct told t;

	(void)state;
	env_start(&env);
	env_send(&env, "stuck", NULL, &t);
	env_pooled(&env, 1);
	tx = model_last(&env.model, "stuck");
	assert_int_equal(tx->cap.v[0], 3 * MODEL_GWEI);
	base_fee(50);
	env_mine(&env);
	env_run_ms(&env, 500);
	/* not yet: one second, and two blocks */
	assert_int_equal(model_last(&env.model, "stuck")->cap.v[0],
			 3 * MODEL_GWEI);
	all_is_well(&t, "stuck");
	tx = model_last(&env.model, "stuck");
	assert_true(tx->cap.v[0] >= 50 * MODEL_GWEI);
	assert_true(tx->tip.v[0] >= MODEL_GWEI + MODEL_GWEI / 8);
	assert_int_equal(t.sent.replaced, 1);
	assert_int_equal(stats_of().replaced, 1);
}

/* No more than the configured price, however long it waits; and as much as is
 * at stake, of its own or of one behind it. */
static void test_stake(void **state)
{
	struct cdx_send_req req = {.data = "dear", .len = 4};
	struct told cheap;
	struct told dear;

	(void)state;
	env.opts.fees.max_fee = cdx_u256_of(5 * MODEL_GWEI);
	env_start(&env);
	env_send(&env, "cheap", NULL, &cheap);
	env_pooled(&env, 1);
	base_fee(40);
	for (int i = 0; i < 30; i++) {
		env_mine(&env);
		env_run_ms(&env, 60);
	}
	assert_int_equal(cheap.times, 0);
	assert_true(model_last(&env.model, "cheap")->cap.v[0] <=
		    5 * MODEL_GWEI);
	assert_non_null(strstr(stats_of().why, "waits for lower prices"));
	/* a price that is too high now is waited for without a nonce */
	env_send(&env, "waits", NULL, &dear);
	env_run_ms(&env, 200);
	assert_int_equal(stats_of().next_nonce, 1);
	env.model.estimate = 50000;
	req.stake = cdx_u256_of(55000 * 100 * MODEL_GWEI);
	env_send_req(&env, &req, &dear);
	env_mine_told(&env, &dear);
	assert_int_equal(dear.err, 0);
	env_told(&env, &cheap, 1);
	assert_int_equal(cheap.err, 0);
	assert_true(cheap.sent.replaced >= 1);
	assert_true(model_last(&env.model, "cheap")->cap.v[0] >=
		    40 * MODEL_GWEI);
	/* the one that waited goes when prices fall */
	base_fee(1);
	env_pooled(&env, 1);
	env_mine(&env);
	env_run_ms(&env, 100);
	assert_int_equal(env_done(&env, "waits"), 1);
}

/* ---- deadlines ---- */

static void test_deadline(void **state)
{
	struct cdx_send_req req = {.data = "late", .len = 4, .tag = "late"};
	struct told late;
	struct told next;

	(void)state;
	env_start(&env);
	env_mine(&env);
	req.deadline = cdx_head_now(env.head) + 2;
	env_send_req(&env, &req, &late);
	env_pooled(&env, 1);
	env_send(&env, "next", NULL, &next);
	env_pooled(&env, 2);
	/* nothing is mined until an empty one has taken its place */
	for (int i = 0; i < 400; i++) {
		rpc_kit_lock(env.kit);
		assert_int_equal(late.times, 0);
		i = model_last(&env.model, "late")->pooled ? i : 400;
		rpc_kit_unlock(env.kit);
		env_run_ms(&env, 10);
	}
	env_mine(&env);
	env_told(&env, &late, 1);
	env_told(&env, &next, 1);
	assert_int_equal(late.err, -ETIME);
	assert_false(late.has_sent);
	assert_int_equal(next.err, 0);
	assert_int_equal(next.sent.nonce, 1);
	assert_int_equal(env_done(&env, "late"), 0);
	assert_int_equal(model_empties(&env.model), 1);
	assert_int_equal(stats_of().expired, 1);
	/* one that is too late from the beginning takes no nonce */
	req.deadline = cdx_head_now(env.head) - 1;
	env_send_req(&env, &req, &late);
	env_told(&env, &late, 1);
	assert_int_equal(late.err, -ETIME);
	assert_int_equal(stats_of().next_nonce, 2);
}

/* ---- pools and chains ---- */

static void test_forgotten(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	env_send(&env, "forgotten", NULL, &t);
	env_pooled(&env, 1);
	rpc_kit_lock(env.kit);
	model_forget(&env.model);
	rpc_kit_unlock(env.kit);
	env_mine(&env);
	env_pooled(&env, 1);
	all_is_well(&t, "forgotten");
}

static void reorg(unsigned depth, bool forget)
{
	rpc_kit_lock(env.kit);
	model_reorg(&env.model, depth, forget);
	rpc_kit_unlock(env.kit);
}

static void test_reorg(void **state)
{
	static struct told t[10];
	char data[16];

	(void)state;
	env.opts.confirmations = 12;
	for (int round = 0; round < 2; round++) {
		env_start(&env);
		for (int i = 0; i < 10; i++) {
			snprintf(data, sizeof(data), "r%d %d", round, i);
			env_send(&env, data, NULL, &t[i]);
			env_pooled(&env, 1);
			env_mine(&env);
		}
		env_run_ms(&env, 60);
		assert_true(stats_of().unconfirmed > 0);
		reorg(10, round == 1);
		env_run_ms(&env, 200);
		for (int i = 0; i < 14; i++)
			env_mine(&env);
		for (int i = 0; i < 10; i++) {
			env_told(&env, &t[i], 1);
			assert_int_equal(t[i].err, 0);
			snprintf(data, sizeof(data), "r%d %d", round, i);
			assert_int_equal(env_done(&env, data), 1);
		}
		env_kill(&env);
	}
}

/* Undone further than it asked for: what was told is gone, and its nonce would
 * be missed by those behind it. */
static void test_deep_reorg(void **state)
{
	struct told a;
	struct told b;

	(void)state;
	env_start(&env);
	env_send(&env, "told", NULL, &a);
	env_pooled(&env, 1);
	env_mine_told(&env, &a);
	env_send(&env, "behind", NULL, &b);
	env_pooled(&env, 1);
	reorg(1, true);
	env_mine_told(&env, &b);
	assert_int_equal(b.err, 0);
	assert_int_equal(env_done(&env, "behind"), 1);
	assert_int_equal(model_empties(&env.model), 1);
}

static void foreign(uint64_t nonce)
{
	rpc_kit_lock(env.kit);
	model_foreign(&env.model, &env.account.addr, nonce);
	rpc_kit_unlock(env.kit);
}

/* Another program with the same key was quicker. */
static void test_foreign(void **state)
{
	struct told a;
	struct told b;

	(void)state;
	env_start(&env);
	env_send(&env, "a", NULL, &a);
	env_pooled(&env, 1);
	env_send(&env, "b", NULL, &b);
	env_pooled(&env, 2);
	rpc_kit_lock(env.kit);
	model_forget(&env.model);
	rpc_kit_unlock(env.kit);
	foreign(0);
	env_mine(&env);
	env_mine_told(&env, &a);
	env_told(&env, &b, 1);
	assert_int_equal(a.err, 0);
	assert_int_equal(b.err, 0);
	assert_int_equal(env_done(&env, "a"), 1);
	assert_int_equal(env_done(&env, "b"), 1);
	assert_int_equal(b.sent.nonce, 1);
	assert_int_equal(a.sent.nonce, 2);
	assert_int_equal(stats_of().foreign, 1);
}

/* Its own waits in the pool, at a price that ours does not replace. */
static void test_foreign_pooled(void **state)
{
	struct told t;

	(void)state;
	env.model.hide_pool = true;
	env_start(&env);
	foreign(0);
	env_send(&env, "ours", NULL, &t);
	env_run_ms(&env, 100);
	assert_int_equal(t.times, 0);
	assert_non_null(strstr(stats_of().why, "another transaction"));
	env_mine_told(&env, &t);
	assert_int_equal(t.err, 0);
	assert_int_equal(t.sent.nonce, 1);
	assert_int_equal(stats_of().foreign, 1);
	/* where the pool is counted, there is no quarrel at all */
	env.model.hide_pool = false;
	foreign(2);
	env_send(&env, "later", NULL, &t);
	env_pooled(&env, 2);
	env_mine_told(&env, &t);
	assert_int_equal(t.sent.nonce, 3);
	assert_int_equal(stats_of().foreign, 1);
}

/* ---- the disk ---- */

static void test_disk_fails(void **state)
{
	struct told t[3];
	unsigned lost = 0;

	(void)state;
	env_start(&env);
	env.disk.fails = 1;
	env.disk.fail_at_once = -EIO;
	env_send(&env, "x", "x", &t[0]);
	env_told(&env, &t[0], 1);
	assert_int_equal(t[0].err, -EIO);
	assert_non_null(strstr(t[0].why.words, "not be written down"));
	env.disk.fail_at_once = 0;
	env.disk.fail_later = -ENOSPC;
	env.disk.delay_ms = 100;
	env.disk.fails = 1;
	for (int i = 0; i < 3; i++)
		env_send(&env, "three", NULL, &t[i]);
	env_pooled(&env, 3);
	env_mine(&env);
	for (int i = 0; i < 3; i++) {
		env_told(&env, &t[i], 1);
		assert_true(t[i].err == 0 || t[i].err == -ENOSPC);
		lost += t[i].err != 0;
	}
	assert_int_equal(lost, 1);
	assert_int_equal(env_done(&env, "x"), 0);
	assert_int_equal(env_done(&env, "three"), 2);
	assert_int_equal(model_empties(&env.model), 1);
	env_run_ms(&env, 300);
	assert_int_equal(disk_rows(&env.disk), 0);
}

static void test_disk_late(void **state)
{
	struct told t;

	(void)state;
	env.disk.delay_ms = 300;
	env_start(&env);
	env_send(&env, "late", NULL, &t);
	env_run_ms(&env, 200);
	assert_int_equal(env.disk.n_puts, 1);
	assert_int_equal(env.model.n_sends, 0);
	assert_int_equal(disk_rows(&env.disk), 0);
	env_pooled(&env, 1);
	assert_int_equal(disk_rows(&env.disk), 1);
	env_mine_told(&env, &t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lost_answers),  T(test_lost_then_refused),
		T(test_lost_receipts), T(test_known),
		T(test_refused),       T(test_refused_before_others),
		T(test_poor),	       T(test_underpriced),
		T(test_stuck),	       T(test_stake),
		T(test_deadline),      T(test_forgotten),
		T(test_reorg),	       T(test_deep_reorg),
		T(test_foreign),       T(test_foreign_pooled),
		T(test_disk_fails),    T(test_disk_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
