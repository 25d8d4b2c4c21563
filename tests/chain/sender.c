/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "eth/json.h"
#include "tests/chain/anvil_kit.h"

/*
 * The sender on a real node that mines only when it is told to
 * (tests/chain/sender.sh): what of docs/CHAIN.md "Sending" anvil can be made to
 * do.  tests/unit/test_eth_sender_*.c has the rest.
 */

static struct anvil a;
static char dir[256];

/* How one was told to end */
struct told {
	unsigned times;
	int err;
	struct cdx_sent sent;
	size_t n_logs;
	struct cdx_revert why;
};

static void told(void *arg, int err, const struct cdx_sent *sent,
		 const struct cdx_revert *why)
{
	struct told *t = arg;

	t->times++;
	t->err = err;
	if (sent) {
		t->sent = *sent;
		t->n_logs = sent->n_logs;
	}
	if (why)
		t->why = *why;
	assert_int_equal(why == NULL, err == 0);
}

static bool was_told(void *arg)
{
	return ((struct told *)arg)->times > 0;
}

static void until_told(struct told *t)
{
	loop_kit_until(&a.turns, was_told, t);
	assert_int_equal(t->times, 1);
}

static void mine_until_told(struct told *t)
{
	for (int i = 0; i < 300 && t->times == 0; i++) {
		anvil_mine(&a, 1);
		loop_kit_run_ms(&a.turns, 30);
	}
	until_told(t);
}

static void send(const struct cdx_send_req *req, struct told *t)
{
	memset(t, 0, sizeof(*t));
	assert_int_equal(cdx_sender_send(a.sender, NULL, req, told, t), 0);
}

/* A wei to an address that has no code; the data tells it from others */
static void send_text(const char *text, const char *tag, struct told *t)
{
	struct cdx_send_req req = {.data = text,
				   .len = strlen(text),
				   .value = cdx_u256_of(1),
				   .tag = tag};

	memset(req.to.b, 0x42, sizeof(req.to.b));
	send(&req, t);
}

static int setup(void **state)
{
	(void)state;
	anvil_folder(dir);
	anvil_begin(&a, dir, NULL);
	anvil_sender(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	anvil_end(&a);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

/* With that many confirmations, from now on */
static void confirmations(unsigned n)
{
	cdx_sender_free(a.sender);
	a.opts.confirmations = n;
	anvil_sender(&a);
}

static void nothing_left(void)
{
	loop_kit_run_ms(&a.turns, 100);
	assert_int_equal(anvil_files_count(dir), 0);
	assert_int_equal(anvil_pooled(&a), 0);
}

#define MANY 100

static void test_many(void **state)
{
	static struct told t[MANY];
	bool seen[MANY] = {false};
	char text[16];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "many %d", i);
		send_text(text, NULL, &t[i]);
	}
	anvil_until_pooled(&a, MANY);
	assert_int_equal(anvil_files_count(dir), MANY);
	anvil_mine(&a, 1);
	for (int i = 0; i < MANY; i++) {
		until_told(&t[i]);
		assert_int_equal(t[i].err, 0);
		assert_true(t[i].sent.nonce < MANY);
		assert_false(seen[t[i].sent.nonce]);
		seen[t[i].sent.nonce] = true;
	}
	assert_int_equal(anvil_count(&a), MANY);
	nothing_left();
}

/* ---- contracts: assembled by hand ---- */

/* The first call stores 1; what the others do follows. */
#define ONCE "\x60\x00\x54\x60\x0c\x57\x60\x01\x60\x00\x55\x00\x5b"
/* for ever */
#define LOOPS "\x60\x0c\x56"
/* revert() */
#define EMPTY "\x60\x00\x60\x00\xfd"
/* revert Marketplace_SlotNotFree() */
#define NOT_FREE "\x63\xff\x55\x6a\xcf\x60\xe0\x1b\x60\x00\x52\x60\x04" EMPTY_4
#define EMPTY_4 "\x60\x00\xfd"

static struct cdx_addr deploy(const char *code, size_t len)
{
	/* len, its copy at 0, return */
	uint8_t init[64] = {0x60, (uint8_t)len, 0x80, 0x60, 0x0b, 0x60,
			    0x00, 0x39,		0x60, 0x00, 0xf3};
	struct cdx_send_req req = {
		.create = true, .data = init, .len = 11 + len};
	struct told t;

	memcpy(init + 11, code, len);
	send(&req, &t);
	anvil_until_pooled(&a, 1);
	anvil_mine(&a, 1);
	until_told(&t);
	assert_int_equal(t.err, 0);
	return t.sent.contract;
}

/* Two calls that are estimated before either is sent: the second finds in its
 * block what the first did. */
static void call_twice(const struct cdx_addr *to, struct told *second)
{
	struct cdx_send_req req = {.to = *to, .gas_num = 2, .gas_den = 1};
	struct told first;

	send(&req, &first);
	send(&req, second);
	anvil_until_pooled(&a, 2);
	anvil_mine(&a, 1);
	until_told(&first);
	until_told(second);
	assert_int_equal(first.err, 0);
	assert_int_equal(second->err, CDX_E_CHAIN);
	assert_int_equal(second->sent.nonce, first.sent.nonce + 1);
	assert_int_equal(second->sent.block, first.sent.block);
}

static void test_reverts(void **state)
{
	struct cdx_addr not_free =
		deploy(ONCE NOT_FREE, sizeof(ONCE NOT_FREE) - 1);
	struct cdx_addr empty = deploy(ONCE EMPTY, sizeof(ONCE EMPTY) - 1);
	struct cdx_addr loops = deploy(ONCE LOOPS, sizeof(ONCE LOOPS) - 1);
	struct cdx_send_req req = {.to = not_free};
	uint64_t count;
	struct told t;

	(void)state;
	call_twice(&not_free, &t);
	assert_int_equal(t.why.code, CDX_REVERT_SLOT_NOT_FREE);
	call_twice(&empty, &t);
	assert_int_equal(t.why.code, CDX_REVERT_EMPTY);
	call_twice(&loops, &t);
	assert_non_null(strstr(t.why.words, "out of gas"));
	/* and in the estimate: nothing is sent */
	count = anvil_count(&a);
	send(&req, &t);
	until_told(&t);
	assert_int_equal(t.err, CDX_E_CHAIN);
	assert_int_equal(t.why.code, CDX_REVERT_SLOT_NOT_FREE);
	assert_int_equal(t.sent.gas_used, 0);
	req.to = empty;
	send(&req, &t);
	until_told(&t);
	assert_int_equal(t.why.code, CDX_REVERT_EMPTY);
	nothing_left();
	assert_int_equal(anvil_count(&a), count);
}

/* ---- fees ---- */

static void base_fee(uint64_t gwei)
{
	anvil_do(&a, "anvil_setNextBlockBaseFeePerGas",
		 json_pack("[o]", cdx_json_u64(gwei * 1000000000)));
}

static void test_replaced(void **state)
{
	struct cdx_sender_stats stats;
	struct told t[3];
	uint64_t now;

	(void)state;
	for (int i = 0; i < 3; i++)
		send_text("replaced", NULL, &t[i]);
	anvil_until_pooled(&a, 3);
	now = cdx_head_latest(a.head)->base_fee.v[0] / 1000000000 + 1;
	for (int i = 0; i < 100 && t[2].times == 0; i++) {
		base_fee(40 * now);
		anvil_mine(&a, 1);
		loop_kit_run_ms(&a.turns, 60);
	}
	for (int i = 0; i < 3; i++) {
		until_told(&t[i]);
		assert_int_equal(t[i].err, 0);
		assert_true(t[i].sent.replaced >= 1);
	}
	cdx_sender_stats(a.sender, &stats);
	assert_true(stats.replaced >= 3);
	assert_int_equal(anvil_count(&a), 3);
	base_fee(1);
	anvil_mine(&a, 1);
	nothing_left();
}

static void test_insufficient(void **state)
{
	struct told t;

	(void)state;
	/* enough for the wei, not for the gas */
	anvil_do(&a, "anvil_setBalance",
		 json_pack("[os]", anvil_addr(&a), "0x3e8"));
	send_text("poor", NULL, &t);
	until_told(&t);
	assert_int_equal(t.err, -ENOBUFS);
	assert_non_null(strstr(t.why.words, "cannot pay"));
	anvil_do(&a, "anvil_setBalance",
		 json_pack("[os]", anvil_addr(&a), "0x0"));
	send_text("poorer", NULL, &t);
	until_told(&t);
	assert_int_equal(t.err, -ENOBUFS);
	anvil_do(&a, "anvil_setBalance",
		 json_pack("[os]", anvil_addr(&a), "0xde0b6b3a7640000"));
	send_text("rich", NULL, &t);
	anvil_until_pooled(&a, 1);
	mine_until_told(&t);
	assert_int_equal(t.err, 0);
	assert_int_equal(t.sent.nonce, 0);
	nothing_left();
}

/* ---- others, and the pool ---- */

/* Somebody else unlocks the same account and takes the nonce of ours, which the
 * pool has lost. */
static void test_foreign(void **state)
{
	struct cdx_sender_stats stats;
	struct told t;

	(void)state;
	send_text("ours", NULL, &t);
	anvil_until_pooled(&a, 1);
	anvil_do(&a, "anvil_dropAllTransactions", json_array());
	anvil_do(&a, "anvil_impersonateAccount",
		 json_pack("[o]", anvil_addr(&a)));
	anvil_do(&a, "eth_sendTransaction",
		 json_pack("[{s:o,s:o,s:s,s:s}]", "from", anvil_addr(&a), "to",
			   anvil_addr(&a), "nonce", "0x0", "gas", "0x5208"));
	mine_until_told(&t);
	assert_int_equal(t.err, 0);
	assert_int_equal(t.sent.nonce, 1);
	cdx_sender_stats(a.sender, &stats);
	assert_int_equal(stats.foreign, 1);
	assert_int_equal(anvil_count(&a), 2);
	nothing_left();
}

static void test_forgotten(void **state)
{
	struct told t;

	(void)state;
	send_text("forgotten", NULL, &t);
	anvil_until_pooled(&a, 1);
	anvil_do(&a, "anvil_dropAllTransactions", json_array());
	mine_until_told(&t);
	assert_int_equal(t.err, 0);
	assert_int_equal(anvil_count(&a), 1);
	nothing_left();
}

static void test_deadline(void **state)
{
	struct cdx_send_req req = {.data = "late", .len = 4};
	struct told late;
	struct told next;

	(void)state;
	anvil_mine(&a, 1);
	req.deadline = cdx_head_now(a.head) + 2;
	send(&req, &late);
	anvil_until_pooled(&a, 1);
	send_text("next", NULL, &next);
	anvil_until_pooled(&a, 2);
	loop_kit_run_ms(&a.turns, 3500);
	mine_until_told(&late);
	mine_until_told(&next);
	assert_int_equal(late.err, -ETIME);
	assert_int_equal(next.err, 0);
	assert_int_equal(next.sent.nonce, 1);
	nothing_left();
}

/* ---- reorganisations ---- */

static void in_ten_blocks(struct told t[10])
{
	for (int i = 0; i < 10; i++) {
		send_text("in ten blocks", NULL, &t[i]);
		anvil_until_pooled(&a, 1);
		anvil_mine(&a, 1);
	}
	loop_kit_run_ms(&a.turns, 100);
	for (int i = 0; i < 10; i++)
		assert_int_equal(t[i].times, 0);
}

static void all_again(struct told t[10])
{
	mine_until_told(&t[9]);
	for (int i = 0; i < 10; i++) {
		until_told(&t[i]);
		assert_int_equal(t[i].err, 0);
		assert_int_equal(t[i].sent.nonce, i);
	}
	assert_int_equal(anvil_count(&a), 10);
	nothing_left();
}

static void test_reorg(void **state)
{
	struct told t[10];
	uint64_t count;
	uint64_t deepest;

	(void)state;
	confirmations(12);
	in_ten_blocks(t);
	anvil_do(&a, "anvil_reorg", json_pack("[i,[]]", 10));
	loop_kit_run_ms(&a.turns, 200);
	cdx_head_reorgs(a.head, &count, &deepest);
	assert_int_equal(count, 1);
	assert_int_equal(deepest, 10);
	all_again(t);
}

/* The same by going back to a former state: the chain is shorter then. */
static void test_revert_chain(void **state)
{
	struct told t[10];
	json_t *id;

	(void)state;
	confirmations(12);
	id = anvil_ask(&a, "evm_snapshot", json_array());
	in_ten_blocks(t);
	anvil_do(&a, "evm_revert", json_pack("[o]", id));
	loop_kit_run_ms(&a.turns, 200);
	all_again(t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* On a chain without base fee (anvil --hardfork berlin) */
static void test_legacy(void **state)
{
	json_t *tx;
	json_t *hash;
	struct told t;

	(void)state;
	anvil_mine(&a, 1);
	assert_false(cdx_head_latest(a.head)->has_base_fee);
	send_text("old", NULL, &t);
	anvil_until_pooled(&a, 1);
	mine_until_told(&t);
	assert_int_equal(t.err, 0);
	hash = cdx_json_b32(&t.sent.hash);
	tx = anvil_ask(&a, "eth_getTransactionByHash", json_pack("[o]", hash));
	assert_string_equal(json_string_value(json_object_get(tx, "type")),
			    "0x0");
	json_decref(tx);
	nothing_left();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_many),	      T(test_reverts), T(test_replaced),
		T(test_insufficient), T(test_foreign), T(test_forgotten),
		T(test_deadline),     T(test_reorg),   T(test_revert_chain),
	};
	const struct CMUnitTest legacy[] = {T(test_many), T(test_legacy)};

	if (argc == 2 && strcmp(argv[1], "legacy") == 0)
		return cmocka_run_group_tests(legacy, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
