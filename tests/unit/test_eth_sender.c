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
#include "eth/tx.h"
#include "tests/unit/sender_kit.h"

/* What the sender of an account promises when all is well, and how ends reach
 * those who ask for them (docs/CHAIN.md "Sending"). */

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

static void test_one(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	env_send(&env, "one", NULL, &t);
	env_pooled(&env, 1);
	assert_int_equal(disk_rows(&env.disk), 1);
	env_mine(&env);
	env_told(&env, &t, 1);
	assert_int_equal(t.err, 0);
	assert_true(t.has_sent);
	assert_int_equal(t.sent.nonce, 0);
	assert_int_equal(t.sent.block, 1);
	assert_int_equal(t.sent.gas_used, 40000);
	assert_int_equal(t.sent.replaced, 0);
	assert_int_equal(env_done(&env, "one"), 1);
	env_run_ms(&env, 50);
	assert_int_equal(disk_rows(&env.disk), 0);
}

static void test_confirmations(void **state)
{
	struct cdx_sender_stats stats;
	struct told t;

	(void)state;
	env.opts.confirmations = 3;
	env_start(&env);
	env_send(&env, "deep", "tag", &t);
	env_pooled(&env, 1);
	for (int i = 0; i < 2; i++) {
		env_mine(&env);
		env_run_ms(&env, 60);
		assert_int_equal(t.times, 0);
	}
	cdx_sender_stats(env.sender, &stats);
	assert_int_equal(stats.unconfirmed, 1);
	assert_int_equal(stats.waiting, 0);
	env_mine(&env);
	env_told(&env, &t, 1);
	assert_int_equal(t.sent.block, 1);
	cdx_sender_stats(env.sender, &stats);
	assert_int_equal(stats.unconfirmed, 0);
	assert_int_equal(stats.sent, 1);
	assert_int_equal(stats.confirmed, 1);
	assert_int_equal(stats.next_nonce, 1);
	assert_string_equal(stats.why, "");
}

#define MANY 100

static void test_many(void **state)
{
	static struct told t[MANY];
	bool nonces[MANY] = {false};
	char data[16];

	(void)state;
	env_start(&env);
	for (int i = 0; i < MANY; i++) {
		snprintf(data, sizeof(data), "many %d", i);
		env_send(&env, data, NULL, &t[i]);
	}
	env_pooled(&env, MANY);
	env_mine(&env);
	for (int i = 0; i < MANY; i++) {
		env_told(&env, &t[i], 1);
		assert_int_equal(t[i].err, 0);
		assert_true(t[i].sent.nonce < MANY);
		assert_false(nonces[t[i].sent.nonce]);
		nonces[t[i].sent.nonce] = true;
		snprintf(data, sizeof(data), "many %d", i);
		assert_int_equal(env_done(&env, data), 1);
	}
	env_run_ms(&env, 50);
	assert_int_equal(disk_rows(&env.disk), 0);
}

static void test_arguments(void **state)
{
	static uint8_t big[CDX_TX_MAX];
	char tag[CDX_SEND_TAG_MAX + 2];
	struct cdx_send_req req = {.tag = "a/b"};
	struct told t = {0};

	(void)state;
	env_start(&env);
	assert_int_equal(cdx_sender_send(env.sender, NULL, &req, told, &t),
			 -EINVAL);
	req.tag = "";
	assert_int_equal(cdx_sender_send(env.sender, NULL, &req, told, &t),
			 -EINVAL);
	req.tag = "new\nline";
	assert_int_equal(cdx_sender_send(env.sender, NULL, &req, told, &t),
			 -EINVAL);
	memset(tag, 'x', sizeof(tag));
	tag[CDX_SEND_TAG_MAX + 1] = 0;
	req.tag = tag;
	assert_int_equal(cdx_sender_send(env.sender, NULL, &req, told, &t),
			 -EINVAL);
	req.tag = NULL;
	assert_int_equal(cdx_sender_send(env.sender, NULL, &req, NULL, NULL),
			 -EINVAL);
	req.data = big;
	req.len = sizeof(big);
	assert_int_equal(cdx_sender_send(env.sender, NULL, &req, told, &t),
			 -E2BIG);
	assert_memory_equal(cdx_sender_addr(env.sender), &env.account.addr,
			    sizeof(struct cdx_addr));
	env_run_ms(&env, 50);
	assert_int_equal(t.times, 0);
}

static void count_tags(void *arg, const char *tag)
{
	assert_string_equal(tag, "slot 7");
	(*(unsigned *)arg)++;
}

/* Asking again joins; once it was told, it is another one. */
static void test_join(void **state)
{
	struct told a;
	struct told b;
	unsigned n = 0;

	(void)state;
	env_start(&env);
	assert_false(cdx_sender_has(env.sender, "slot 7"));
	env_send(&env, "fill", "slot 7", &a);
	assert_true(cdx_sender_has(env.sender, "slot 7"));
	env_pooled(&env, 1);
	env_send(&env, "ignored", "slot 7", &b);
	cdx_sender_tags(env.sender, count_tags, &n);
	assert_int_equal(n, 1);
	env_mine(&env);
	env_told(&env, &a, 1);
	env_told(&env, &b, 1);
	assert_memory_equal(&a.sent.hash, &b.sent.hash, 32);
	assert_false(cdx_sender_has(env.sender, "slot 7"));
	env_send(&env, "again", "slot 7", &a);
	env_pooled(&env, 1);
	env_mine(&env);
	env_told(&env, &a, 1);
	assert_int_equal(env_done(&env, "fill"), 1);
	assert_int_equal(env_done(&env, "ignored"), 0);
	assert_int_equal(env_done(&env, "again"), 1);
}

struct again {
	struct told t;
	struct told second;
};

static void ask_again(void *arg, int err, const struct cdx_sent *sent,
		      const struct cdx_revert *why)
{
	struct again *a = arg;

	told(&a->t, err, sent, why);
	assert_false(cdx_sender_has(env.sender, "t"));
	env_send(&env, "second", "t", &a->second);
}

/* From within its own function, a tag is free again. */
static void test_again_from_within(void **state)
{
	struct cdx_send_req req = {.data = "first", .len = 5, .tag = "t"};
	struct again a = {0};

	(void)state;
	env_start(&env);
	assert_int_equal(cdx_sender_send(env.sender, NULL, &req, ask_again, &a),
			 0);
	env_pooled(&env, 1);
	env_mine(&env);
	env_told(&env, &a.t, 1);
	env_pooled(&env, 1);
	env_mine(&env);
	env_told(&env, &a.second, 1);
	assert_int_equal(env_done(&env, "first"), 1);
	assert_int_equal(env_done(&env, "second"), 1);
}

static void free_sender(void *arg, int err, const struct cdx_sent *sent,
			const struct cdx_revert *why)
{
	told(arg, err, sent, why);
	cdx_sender_free(env.sender);
	env.sender = NULL;
}

static void test_free_from_within(void **state)
{
	struct cdx_send_req req = {.data = "x", .len = 1, .tag = "t"};
	struct told t = {0};
	struct told other;

	(void)state;
	env_start(&env);
	assert_int_equal(
		cdx_sender_send(env.sender, NULL, &req, free_sender, &t), 0);
	env_send(&env, "y", NULL, &other);
	env_pooled(&env, 2);
	env_mine(&env);
	env_told(&env, &t, 1);
	env_run_ms(&env, 50);
	assert_int_equal(other.times, 0);
}

static bool nothing_waits(void *arg)
{
	struct cdx_sender_stats stats;

	(void)arg;
	cdx_sender_stats(env.sender, &stats);
	return stats.waiting + stats.unconfirmed == 0;
}

/* Who leaves is not called; a tag's end waits for the next who asks. */
static void test_leave(void **state)
{
	struct cdx_send_req req = {.data = "left", .len = 4, .tag = "kept"};
	struct cdx_send *w;
	struct told t = {0};
	struct told none = {0};
	struct told stays = {0};

	(void)state;
	env_start(&env);
	assert_int_equal(cdx_sender_send(env.sender, &w, &req, told, &none), 0);
	cdx_send_leave(w);
	req.tag = NULL;
	req.data = "lost";
	assert_int_equal(cdx_sender_send(env.sender, &w, &req, told, &none), 0);
	cdx_send_leave(w);
	cdx_send_leave(NULL);
	req.tag = "both";
	req.data = "both";
	assert_int_equal(cdx_sender_send(env.sender, NULL, &req, told, &none),
			 0);
	assert_int_equal(cdx_sender_send(env.sender, NULL, &req, told, &stays),
			 0);
	cdx_sender_forget(env.sender, &none);
	/* nobody at all, with a tag */
	req.tag = "nobody";
	req.data = "none";
	assert_int_equal(cdx_sender_send(env.sender, NULL, &req, NULL, NULL),
			 0);
	env_pooled(&env, 4);
	env_mine(&env);
	env_until(&env, nothing_waits, NULL);
	env_run_ms(&env, 50);
	assert_int_equal(disk_rows(&env.disk), 2);
	assert_true(cdx_sender_has(env.sender, "kept"));
	env_send(&env, "ignored", "kept", &t);
	env_told(&env, &t, 1);
	assert_int_equal(t.err, 0);
	assert_int_equal(t.sent.block, 1);
	env_send(&env, "ignored", "nobody", &t);
	env_told(&env, &t, 1);
	env_run_ms(&env, 50);
	assert_int_equal(disk_rows(&env.disk), 0);
	assert_int_equal(none.times, 0);
	assert_int_equal(stays.times, 1);
	assert_int_equal(env_done(&env, "lost"), 1);
	assert_int_equal(env_done(&env, "left"), 1);
}

/* A revert in the estimate ends it: nothing is signed, written down or sent. */
static void test_estimate_reverts(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	env.model.estimate = 0;
	env.model.revert = "0xff556acf";
	env_send(&env, "taken", "tag", &t);
	env_told(&env, &t, 1);
	assert_int_equal(t.err, CDX_E_CHAIN);
	assert_false(t.has_sent);
	assert_int_equal(t.why.code, CDX_REVERT_SLOT_NOT_FREE);
	env.model.revert = NULL;
	env_send(&env, "taken", "tag", &t);
	env_told(&env, &t, 1);
	assert_int_equal(t.why.code, CDX_REVERT_EMPTY);
	assert_int_equal(env.disk.n_puts, 0);
	assert_int_equal(env.model.n_sends, 0);
}

/* What rests on one that is not sent yet is estimated again once it is. */
static void test_estimate_after(void **state)
{
	struct told a;
	struct told b;

	(void)state;
	env.model.after_pool = true;
	env.disk.delay_ms = 100;
	env_start(&env);
	env_send(&env, "before", NULL, &a);
	env_send(&env, "after", NULL, &b);
	env_pooled(&env, 2);
	env_mine(&env);
	env_told(&env, &a, 1);
	env_told(&env, &b, 1);
	assert_int_equal(b.err, 0);
	assert_int_equal(b.sent.nonce, 1);
	/* alone, it is refused */
	env_send(&env, "after", NULL, &b);
	env_told(&env, &b, 1);
	assert_int_equal(b.err, CDX_E_CHAIN);
}

static void test_reverts_in_block(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	env.model.revert = "0xff556acf";
	env_send(&env, "late", NULL, &t);
	env_pooled(&env, 1);
	env.model.fail_next = true;
	env_mine(&env);
	env_told(&env, &t, 1);
	assert_int_equal(t.err, CDX_E_CHAIN);
	assert_true(t.has_sent);
	assert_int_equal(t.sent.block, 1);
	assert_int_equal(t.why.code, CDX_REVERT_SLOT_NOT_FREE);
	env_send(&env, "gas", NULL, &t);
	env_pooled(&env, 1);
	env.model.fail_next = true;
	env.model.out_of_gas = true;
	env_mine(&env);
	env_told(&env, &t, 1);
	assert_int_equal(t.err, CDX_E_CHAIN);
	assert_non_null(strstr(t.why.words, "out of gas"));
	assert_int_equal(t.sent.gas_used, 55000);
}

/* Limits of gas: estimate times the factor, never above a block's */
static void test_gas(void **state)
{
	struct cdx_send_req req = {.data = "g", .len = 1, .gas_num = 3};
	struct told t;

	(void)state;
	env_start(&env);
	req.gas_den = 2;
	env_send_req(&env, &req, &t);
	env_pooled(&env, 1);
	assert_int_equal(model_last(&env.model, "g")->gas, 75000);
	env_mine_told(&env, &t);
	env.model.estimate = 29000000;
	env_send_req(&env, &req, &t);
	env_pooled(&env, 1);
	assert_int_equal(model_last(&env.model, "g")->gas, 30000000);
	env_mine_told(&env, &t);
}

static void test_legacy(void **state)
{
	struct told t;

	(void)state;
	env.model.legacy = true;
	env.model.n_blocks = 0;
	model_mine(&env.model, 0);
	env_start(&env);
	env_send(&env, "old", NULL, &t);
	env_pooled(&env, 1);
	assert_true(model_last(&env.model, "old")->legacy);
	assert_int_equal(model_last(&env.model, "old")->cap.v[0],
			 2 * MODEL_GWEI);
	env_mine_told(&env, &t);
	assert_int_equal(t.err, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one),
		T(test_confirmations),
		T(test_many),
		T(test_arguments),
		T(test_join),
		T(test_again_from_within),
		T(test_free_from_within),
		T(test_leave),
		T(test_estimate_reverts),
		T(test_estimate_after),
		T(test_reverts_in_block),
		T(test_gas),
		T(test_legacy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
