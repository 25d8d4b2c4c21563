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

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "eth/sender_internal.h"
#include "tests/unit/seed.h"
#include "tests/unit/sender_kit.h"

/* Whenever the process ends: nothing is sent twice, nothing is lost, and nonces
 * have no gap (docs/CHAIN.md "Sending" 3). */

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

static bool one_row(void *arg)
{
	(void)arg;
	return disk_rows(&env.disk) == 1;
}

static void restart(void)
{
	env_kill(&env);
	env.disk.mute = false;
	env.disk.stopped = false;
	env_start(&env);
}

/* Asks again with the tag, and is told what became of the first */
static void ask(const char *tag, struct told *t)
{
	env_send(&env, "asked again", tag, t);
}

static void settled(struct told *t, const char *data)
{
	env_mine_told(&env, t);
	assert_int_equal(t->err, 0);
	assert_int_equal(env_done(&env, data), 1);
	assert_int_equal(env_done(&env, "asked again"), 0);
	env_run_ms(&env, 50);
	assert_int_equal(disk_rows(&env.disk), 0);
	assert_false(cdx_sender_has(env.sender, "t"));
}

static void test_before_put(void **state)
{
	struct told t;

	(void)state;
	env.disk.stopped = true;
	env_start(&env);
	env_send(&env, "x", "t", &t);
	env_run_ms(&env, 150);
	assert_int_equal(env.disk.n_puts, 1);
	restart();
	assert_false(cdx_sender_has(env.sender, "t"));
	env_run_ms(&env, 150);
	assert_int_equal(env.model.n_sends, 0);
	env_send(&env, "y", "t", &t);
	env_pooled(&env, 1);
	settled(&t, "y");
	assert_int_equal(t.sent.nonce, 0);
	assert_int_equal(env_done(&env, "x"), 0);
}

static void test_after_put_before_send(void **state)
{
	struct told t;

	(void)state;
	env.disk.mute = true;
	env_start(&env);
	env_send(&env, "x", "t", &t);
	env_until(&env, one_row, NULL);
	env_run_ms(&env, 100);
	assert_int_equal(env.model.n_sends, 0);
	restart();
	assert_true(cdx_sender_has(env.sender, "t"));
	ask("t", &t);
	env_pooled(&env, 1);
	settled(&t, "x");
}

static void test_after_send_before_answer(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	rpc_kit_spoil(env.kit, RPC_KIT_DROP, "eth_sendRawTransaction",
		      UINT32_MAX);
	env_send(&env, "x", "t", &t);
	env_pooled(&env, 1);
	env_kill(&env);
	rpc_kit_spoil(env.kit, RPC_KIT_WELL, NULL, 0);
	env_start(&env);
	ask("t", &t);
	settled(&t, "x");
}

static void test_mined_meanwhile(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	env_send(&env, "x", "t", &t);
	env_pooled(&env, 1);
	env_kill(&env);
	rpc_kit_lock(env.kit);
	model_mine(&env.model, 1);
	rpc_kit_unlock(env.kit);
	env_start(&env);
	ask("t", &t);
	settled(&t, "x");
	assert_int_equal(t.sent.block, 1);
}

static bool has_ended(void *arg)
{
	struct cdx_sender_stats stats;

	(void)arg;
	cdx_sender_stats(env.sender, &stats);
	return stats.waiting + stats.unconfirmed == 0;
}

/* Nobody asks; the end is kept over two more restarts, without asking the node
 * again. */
static void test_untaken(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	env_send(&env, "x", "t", &t);
	env_send(&env, "no tag", NULL, &t);
	env_pooled(&env, 2);
	restart();
	env_mine(&env);
	env_until(&env, has_ended, NULL);
	env_run_ms(&env, 50);
	assert_int_equal(env_done(&env, "no tag"), 1);
	assert_int_equal(disk_rows(&env.disk), 1);
	env.model.no_receipts = true;
	restart();
	restart();
	assert_true(cdx_sender_has(env.sender, "t"));
	ask("t", &t);
	env_told(&env, &t, 1);
	assert_int_equal(t.sent.block, 1);
	assert_int_equal(t.sent.gas_used, 40000);
	settled(&t, "x");
}

/* A replaced one: every version is known after a restart. */
static void test_replaced(void **state)
{
	struct cdx_sender_stats stats;
	struct told t;

	(void)state;
	env_start(&env);
	env_send(&env, "x", "t", &t);
	env_pooled(&env, 1);
	env.model.base_fee = cdx_u256_of(20 * MODEL_GWEI);
	do {
		env_mine(&env);
		env_run_ms(&env, 50);
		cdx_sender_stats(env.sender, &stats);
	} while (stats.replaced == 0);
	env_kill(&env);
	/* the first gets in: somebody had kept it */
	rpc_kit_lock(env.kit);
	for (unsigned i = 0; i < env.model.n_txs; i++)
		env.model.txs[i].pooled = i == 0;
	env.model.base_fee = cdx_u256_of(MODEL_GWEI);
	model_mine(&env.model, 1);
	rpc_kit_unlock(env.kit);
	env_start(&env);
	ask("t", &t);
	settled(&t, "x");
	assert_memory_equal(&t.sent.hash, &env.model.txs[0].hash, 32);
}

#define TAGS 40
#define KILLS 25

/* Blocks come; pools forget, answers are lost, prices jump, until it is to end
 */
static void mischief(struct seed *seed, bool on)
{
	size_t what = seed_below(seed, on ? 40 : 4);

	if (what == 5)
		rpc_kit_spoil(env.kit, RPC_KIT_DROP, "eth_sendRawTransaction",
			      1);
	rpc_kit_lock(env.kit);
	if (what == 4)
		model_forget(&env.model);
	if (what == 6 || !on)
		env.model.base_fee = cdx_u256_of(MODEL_GWEI);
	if (what == 7)
		env.model.base_fee = cdx_u256_of(20 * MODEL_GWEI);
	if (what < 4 || what > 30)
		model_mine(&env.model, (unsigned)seed_below(seed, 8));
	rpc_kit_unlock(env.kit);
}

/* Killed at any moment, with a disk that is late; callers remember what they
 * were told, as they would in their own transaction, and ask for the rest. */
static void test_random_kills(void **state)
{
	static struct told t[TAGS];
	static char data[TAGS][16];
	bool taken[TAGS] = {false};
	unsigned left = TAGS;
	struct seed seed = seed_start("random kills");

	(void)state;
	env.disk.delay_ms = 3;
	for (int i = 0; i < TAGS; i++)
		snprintf(data[i], sizeof(data[i]), "tag %d", i);
	for (int round = 0; left > 0; round++) {
		unsigned turns = round < KILLS ? 15 : 400;

		env_start(&env);
		for (int i = 0; i < TAGS; i++)
			if (!taken[i] &&
			    (round >= KILLS || seed_below(&seed, 3) == 0))
				env_send(&env, data[i], data[i], &t[i]);
			else
				t[i].times = 0;
		turns = (unsigned)seed_below(&seed, turns) + 1;
		for (unsigned k = 0; k < turns; k++) {
			env_run_ms(&env, 8);
			mischief(&seed, round < KILLS);
		}
		for (int i = 0; i < TAGS; i++) {
			if (t[i].times == 0)
				continue;
			assert_int_equal(t[i].err, 0);
			assert_false(taken[i]);
			taken[i] = true;
			left--;
		}
		env_kill(&env);
	}
	for (int i = 0; i < TAGS; i++)
		assert_int_equal(env_done(&env, data[i]), 1);
	assert_int_equal(model_count(&env.model),
			 TAGS + model_empties(&env.model));
	assert_int_equal(model_pooled(&env.model), 0);
}

/* ---- what was written down, by others or not at all ---- */

static int start_alone(void)
{
	struct cdx_sender *s = NULL;
	int rc = cdx_sender_new(&s, env.loop, env.rpc, env.head,
				&env.disk.calls, &env.account, &env.opts);

	cdx_sender_free(s);
	return rc;
}

static void test_damage(void **state)
{
	struct told t;
	uint8_t *val;
	size_t len;

	(void)state;
	env.disk.mute = true;
	env_start(&env);
	env_send(&env, "x", "t", &t);
	env_until(&env, one_row, NULL);
	assert_int_equal(start_alone(), 0);
	val = disk_first(&env.disk, &len);
	for (size_t i = 0; i < len; i++) {
		val[i] ^= 0x40;
		assert_int_equal(start_alone(),
				 i == 0 ? CDX_E_VERSION : CDX_E_CORRUPT);
		val[i] ^= 0x40;
	}
	assert_int_equal(start_alone(), 0);
	disk_add(&env.disk, "eth/send/", val, len);
	assert_int_equal(start_alone(), 0);
}

/* A key that no record of ours has */
static void test_odd_key(void **state)
{
	char key[80] = "eth/send/";
	char hex[41];

	(void)state;
	env_start(&env);
	cdx_hex(hex, env.account.addr.b, 20);
	snprintf(key, sizeof(key), "eth/send/%s/odd", hex);
	disk_add(&env.disk, key, "x", 1);
	assert_int_equal(start_alone(), CDX_E_CORRUPT);
}

/* Ends that nobody took are dropped after 30 days, at a start. */
static void test_old_ends(void **state)
{
	struct cdx_sender s = {.next_id = 1};
	struct cdx_send_rec *rec;
	char hex[41];

	(void)state;
	cdx_list_init(&s.recs);
	s.persist = &env.disk.calls;
	cdx_hex(hex, env.account.addr.b, 20);
	for (unsigned i = 0; i < 3; i++) {
		char key[CDX_PERSIST_KEY_MAX];
		struct cdx_buf b = {0};

		rec = cdx_send_rec_new(&s);
		assert_non_null(rec);
		if (i < 2)
			snprintf(rec->tag, sizeof(rec->tag), "t%u", i);
		rec->end = calloc(1, sizeof(*rec->end));
		assert_non_null(rec->end);
		rec->end->err = -ETIME;
		rec->end->at = cdx_clock_wall_s() - (i == 0 ? 31 : 29) * 86400;
		snprintf(rec->end->why.words, sizeof(rec->end->why.words),
			 "too late");
		assert_int_equal(cdx_send_rec_encode(&b, rec), 0);
		snprintf(key, sizeof(key), "eth/send/%s/%016x", hex, i);
		disk_add(&env.disk, key, b.p, b.len);
		cdx_buf_free(&b);
		cdx_send_rec_free(rec);
	}
	env_start(&env);
	env_run_ms(&env, 50);
	assert_false(cdx_sender_has(env.sender, "t0"));
	assert_true(cdx_sender_has(env.sender, "t1"));
	assert_int_equal(disk_rows(&env.disk), 1);
}

static bool is_left(void *arg)
{
	(void)arg;
	return !cdx_sender_has(env.sender, "t");
}

/* What is under way on one chain waits while another one is asked. */
static void test_other_chain(void **state)
{
	struct told t;

	(void)state;
	env.disk.mute = true;
	env_start(&env);
	env_send(&env, "x", "t", &t);
	env_until(&env, one_row, NULL);
	env_kill(&env);
	env.disk.mute = false;
	rpc_kit_chain_id(env.kit, 5);
	env_start(&env);
	env_until(&env, is_left, NULL);
	env_run_ms(&env, 100);
	assert_int_equal(env.model.n_sends, 0);
	assert_int_equal(disk_rows(&env.disk), 1);
	rpc_kit_chain_id(env.kit, 31337);
	restart();
	ask("t", &t);
	env_pooled(&env, 1);
	settled(&t, "x");
}

/* Deadlines are the chain's time, which is not known before there is a head:
 * the model's is years behind ours. */
static void test_deadline_kept(void **state)
{
	struct cdx_send_req req = {.data = "x", .len = 1, .tag = "t"};
	struct told t;

	(void)state;
	env_start(&env);
	env_mine(&env);
	req.deadline = cdx_head_now(env.head) + 1000;
	env_send_req(&env, &req, &t);
	env_pooled(&env, 1);
	restart();
	ask("t", &t);
	env_run_ms(&env, 1200);
	settled(&t, "x");
}

static bool one_put(void *arg)
{
	(void)arg;
	return env.disk.n_puts == 1;
}

/* A nonce whose record was never written, and one above it that was: the gap is
 * filled after the restart. */
static void test_gap(void **state)
{
	struct told t;

	(void)state;
	env_start(&env);
	env.disk.fails = 1;
	env.disk.fail_later = -EIO;
	env.disk.delay_ms = 50;
	rpc_kit_spoil(env.kit, RPC_KIT_DROP, "eth_sendRawTransaction",
		      UINT32_MAX);
	env_send(&env, "lost", NULL, &t);
	env_until(&env, one_put, NULL);
	env_send(&env, "kept", "t", &t);
	env_until(&env, one_row, NULL);
	env_kill(&env);
	rpc_kit_spoil(env.kit, RPC_KIT_WELL, NULL, 0);
	env_start(&env);
	ask("t", &t);
	env_mine_told(&env, &t);
	assert_int_equal(t.err, 0);
	assert_int_equal(t.sent.nonce, 1);
	assert_int_equal(env_done(&env, "kept"), 1);
	assert_int_equal(env_done(&env, "lost"), 0);
	assert_int_equal(model_empties(&env.model), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_before_put),
		T(test_after_put_before_send),
		T(test_after_send_before_answer),
		T(test_mined_meanwhile),
		T(test_untaken),
		T(test_replaced),
		T(test_random_kills),
		T(test_damage),
		T(test_odd_key),
		T(test_old_ends),
		T(test_other_chain),
		T(test_gap),
		T(test_deadline_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
