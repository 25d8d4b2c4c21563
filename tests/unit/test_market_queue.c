/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The queue of slots (spec/marketplace.md 4.2), what an offer takes (4.1), and what
 * is kept of a sale. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "market/sale_match.h"
#include "market/sale_note.h"
#include "market/sale_queue.h"
#include "seed.h"

static struct cdx_b32 id(uint8_t v)
{
	struct cdx_b32 b;

	memset(b.b, v, sizeof(b.b));
	return b;
}

static struct cdx_ask ask(void)
{
	return (struct cdx_ask){.proof_probability = cdx_u256_of(4),
				.price = cdx_u256_of(3),
				.collateral = cdx_u256_of(5),
				.slots = 4,
				.slot_size = 1000,
				.duration = 60,
				.max_slot_loss = 1};
}

static struct cdx_sale_item item(uint8_t request, uint64_t index)
{
	const struct cdx_b32 r = id(request);
	const struct cdx_ask a = ask();
	struct cdx_sale_item it;

	cdx_sale_item_of(&it, &r, index, &a, 1000, 0);
	return it;
}

/* ---- order ---- */

/* Each row is better than the next, in one thing, whatever follows says */
static void test_order(void **state)
{
	const struct {
		bool seen;
		uint64_t profit;
		uint64_t collateral;
		int64_t expiry;
	} rows[] = {
		{false, 9, 9, 5}, {false, 8, 1, 5}, {false, 8, 2, 9},
		{false, 8, 2, 8}, {false, 8, 3, 9}, {true, 99, 1, 99},
		{true, 98, 0, 0},
	};
	const size_t n = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			struct cdx_sale_item a = item(1, i);
			struct cdx_sale_item b = item(1, j);
			int c;

			a.seen = rows[i].seen;
			a.profit = cdx_u256_of(rows[i].profit);
			a.collateral = cdx_u256_of(rows[i].collateral);
			a.expiry = rows[i].expiry;
			b.seen = rows[j].seen;
			b.profit = cdx_u256_of(rows[j].profit);
			b.collateral = cdx_u256_of(rows[j].collateral);
			b.expiry = rows[j].expiry;
			c = cdx_sale_item_cmp(&a, &b);
			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
		}
	}
}

/* An expiry that is not known decides nothing */
static void test_order_unknown_expiry(void **state)
{
	struct cdx_sale_item a = item(1, 0);
	struct cdx_sale_item b = item(1, 1);

	(void)state;
	a.expiry = 0;
	assert_int_equal(cdx_sale_item_cmp(&a, &b), 0);
	assert_int_equal(cdx_sale_item_cmp(&b, &a), 0);
}

/* The numbers of an item: discounts, and amounts beyond 2^256 */
static void test_item(void **state)
{
	const struct cdx_b32 r = id(1);
	struct cdx_ask a = ask();
	struct cdx_sale_item it;
	uint64_t v;

	(void)state;
	cdx_sale_item_of(&it, &r, 3, &a, 77, 0);
	assert_int_equal(cdx_u256_to_u64(&v, &it.profit), 0);
	assert_int_equal(v, 3 * 1000 * 60);
	assert_int_equal(cdx_u256_to_u64(&v, &it.collateral), 0);
	assert_int_equal(v, 5000);
	assert_int_equal(it.expiry, 77);
	cdx_sale_item_of(&it, &r, 3, &a, 77, 10);
	assert_int_equal(cdx_u256_to_u64(&v, &it.collateral), 0);
	assert_int_equal(v, 4500);
	/* the contract rounds the reward down */
	a.slot_size = 3;
	cdx_sale_item_of(&it, &r, 3, &a, 77, 10);
	assert_int_equal(cdx_u256_to_u64(&v, &it.collateral), 0);
	assert_int_equal(v, 14);
	a.price = cdx_u256_max;
	a.collateral = cdx_u256_max;
	cdx_sale_item_of(&it, &r, 3, &a, 77, 0);
	assert_int_equal(cdx_u256_cmp(&it.profit, &cdx_u256_max), 0);
	assert_int_equal(cdx_u256_cmp(&it.collateral, &cdx_u256_max), 0);
}

/* ---- the queue ---- */

static void push(struct cdx_sale_queue *q, uint8_t request, uint64_t index,
		 uint64_t profit)
{
	struct cdx_sale_item it = item(request, index);

	it.profit = cdx_u256_of(profit);
	assert_int_equal(cdx_sale_queue_push(q, &it), 0);
}

static void assert_take(struct cdx_sale_queue *q, uint8_t request,
			uint64_t index)
{
	const struct cdx_b32 r = id(request);
	struct cdx_sale_item it;

	assert_true(cdx_sale_queue_take(q, &it));
	assert_memory_equal(it.request.b, r.b, 32);
	assert_int_equal(it.index, index);
}

static void test_queue(void **state)
{
	const struct cdx_b32 one = id(1);
	const struct cdx_b32 two = id(2);
	struct cdx_sale_queue *q;
	struct cdx_sale_item it;

	(void)state;
	assert_int_equal(cdx_sale_queue_new(&q, 8), 0);
	assert_false(cdx_sale_queue_take(q, &it));
	push(q, 1, 0, 5);
	push(q, 1, 1, 7);
	push(q, 2, 0, 6);
	push(q, 2, 1, 6);
	it = item(1, 1);
	assert_int_equal(cdx_sale_queue_push(q, &it), -EEXIST);
	assert_int_equal(cdx_sale_queue_len(q), 4);
	assert_take(q, 1, 1);
	assert_take(q, 2, 0); /* as they came */
	assert_take(q, 2, 1);
	assert_take(q, 1, 0);
	assert_false(cdx_sale_queue_take(q, &it));
	/* leaving */
	push(q, 1, 0, 1);
	push(q, 1, 1, 2);
	push(q, 2, 0, 3);
	cdx_sale_queue_remove(q, &two, 1); /* not there */
	cdx_sale_queue_remove(q, &two, 0);
	assert_int_equal(cdx_sale_queue_len(q), 2);
	cdx_sale_queue_remove_all(q, &one);
	assert_int_equal(cdx_sale_queue_len(q), 0);
	cdx_sale_queue_free(q);
}

/* What was seen waits until something says that it may fit now: the queue is paused
 * meanwhile, whatever it would pay */
static void test_seen(void **state)
{
	const struct cdx_b32 one = id(1);
	struct cdx_sale_queue *q;
	struct cdx_sale_item it;

	(void)state;
	assert_int_equal(cdx_sale_queue_new(&q, 8), 0);
	for (uint8_t r = 1; r <= 2; r++) {
		it = item(r, 0);
		it.profit = cdx_u256_of(100);
		it.seen = true;
		assert_int_equal(cdx_sale_queue_push(q, &it), 0);
	}
	assert_false(cdx_sale_queue_take(q, &it));
	push(q, 3, 0, 1);
	assert_take(q, 3, 0);
	assert_false(cdx_sale_queue_take(q, &it));
	cdx_sale_queue_unsee(q, &one);
	assert_take(q, 1, 0);
	assert_false(cdx_sale_queue_take(q, &it));
	cdx_sale_queue_unsee(q, NULL);
	assert_take(q, 2, 0);
	cdx_sale_queue_free(q);
}

/* A full queue drops the worst of all, wherever it lies (Codex drops the last of its
 * array), against a sorted model */
static void test_full(void **state)
{
	struct seed s = seed_start("full queue");

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		unsigned kept = 0;
		uint64_t model[6] = {0}; /* profits, falling */
		struct cdx_sale_queue *q;
		struct cdx_sale_item it;

		assert_int_equal(cdx_sale_queue_new(&q, 6), 0);
		for (uint64_t i = 0; i < 40; i++) {
			uint64_t profit = 1 + i * 64 + seed_below(&s, 2000);
			unsigned at = kept;
			int rc;

			it = item(1, i);
			it.profit = cdx_u256_of(profit);
			rc = cdx_sale_queue_push(q, &it);
			while (at > 0 && model[at - 1] < profit)
				at--;
			if (at == 6) {
				assert_int_equal(rc, -ENOSPC);
				continue;
			}
			assert_int_equal(rc, 0);
			if (kept < 6)
				kept++;
			memmove(model + at + 1, model + at,
				(kept - 1 - at) * sizeof(model[0]));
			model[at] = profit;
			assert_int_equal(cdx_sale_queue_len(q), kept);
		}
		for (unsigned i = 0; i < kept; i++) {
			uint64_t v;

			assert_true(cdx_sale_queue_take(q, &it));
			assert_int_equal(cdx_u256_to_u64(&v, &it.profit), 0);
			assert_int_equal(v, model[i]);
		}
		cdx_sale_queue_free(q);
	}
}

/* Slots of one request: each once, in an order that differs, few of many */
static void test_shuffle(void **state)
{
	const struct cdx_b32 r = id(9);
	struct cdx_ask a = ask();
	unsigned first[8] = {0};
	unsigned seen = 0;
	struct cdx_sale_queue *q;
	struct cdx_sale_item it;

	(void)state;
	a.slots = 8;
	for (unsigned round = 0; round < 400; round++) {
		bool got[8] = {false};

		assert_int_equal(cdx_sale_queue_new(&q, 128), 0);
		assert_int_equal(cdx_sale_queue_push_all(q, &r, &a, 5), 8);
		for (unsigned i = 0; i < 8; i++) {
			assert_true(cdx_sale_queue_take(q, &it));
			assert_true(it.index < 8 && !got[it.index]);
			got[it.index] = true;
			if (i == 0)
				first[it.index]++;
		}
		cdx_sale_queue_free(q);
	}
	/* one of eight missing in 400: chance of 8 * (7/8)^400 = 5e-23 */
	for (unsigned i = 0; i < 8; i++)
		seen += first[i] > 0;
	assert_int_equal(seen, 8);

	assert_int_equal(cdx_sale_queue_new(&q, 128), 0);
	a.slots = 0;
	assert_int_equal(cdx_sale_queue_push_all(q, &r, &a, 5), 0);
	a.slots = CDX_SALE_SLOTS_MAX + 1;
	assert_int_equal(cdx_sale_queue_push_all(q, &r, &a, 5), 0);
	a.slots = CDX_SALE_SLOTS_MAX;
	assert_int_equal(cdx_sale_queue_push_all(q, &r, &a, 5),
			 CDX_SALE_QUEUE_SLOTS);
	for (unsigned i = 0; i < CDX_SALE_QUEUE_SLOTS; i++) {
		assert_true(cdx_sale_queue_take(q, &it));
		assert_true(it.index < a.slots);
	}
	cdx_sale_queue_free(q);
}

/* ---- offers ---- */

static void test_match(void **state)
{
	const struct cdx_offer good = {.total = 4000,
				       .free = 2000,
				       .duration = 60,
				       .min_price = cdx_u256_of(3),
				       .collateral = cdx_u256_of(20000),
				       .remaining = cdx_u256_of(10000),
				       .enabled = true,
				       .until = 1000};
	const struct cdx_sale_want want = {.slot_size = 1000,
					   .duration = 60,
					   .price = cdx_u256_of(3),
					   .collateral = cdx_u256_of(5000),
					   .end = 1000};
	struct cdx_offer o = good;
	struct cdx_sale_want w = want;

	(void)state;
	assert_true(cdx_sale_match(&o, &w));
	o.enabled = false;
	assert_false(cdx_sale_match(&o, &w));
	o = good;
	w.slot_size = 2001;
	assert_false(cdx_sale_match(&o, &w));
	w.here = true; /* a renewal takes no bytes */
	assert_true(cdx_sale_match(&o, &w));
	w = want;
	w.duration = 61;
	assert_false(cdx_sale_match(&o, &w));
	w = want;
	w.price = cdx_u256_of(2);
	assert_false(cdx_sale_match(&o, &w));
	w = want;
	w.end = 1001;
	assert_false(cdx_sale_match(&o, &w));
	o.until = 0;
	assert_true(cdx_sale_match(&o, &w));
	o = good;
	w = want;
	w.collateral = cdx_u256_of(5001); /* floor(10000 / 2000) a byte */
	assert_false(cdx_sale_match(&o, &w));
	w.here = true;
	assert_true(cdx_sale_match(&o, &w));
	w.collateral = cdx_u256_of(10001);
	assert_false(cdx_sale_match(&o, &w));
	w = want;
	o.free = 0;
	assert_false(cdx_sale_match(&o, &w));
	o = good;
	o.remaining = cdx_u256_max;
	w.collateral = cdx_u256_max;
	w.slot_size = 2000;
	assert_false(cdx_sale_match(&o, &w));
}

/* ---- notes ---- */

static struct cdx_sale_note note(void)
{
	struct cdx_sale_note n;

	memset(&n, 0, sizeof(n));
	n.chain_id = 31337;
	memset(n.contract.b, 0xc0, sizeof(n.contract.b));
	n.step = CDX_SALE_STEP_FILLED;
	n.repair = true;
	n.obtained = true;
	n.manifest = cdx_cid_block("slot", 4);
	n.filled_at = 1700000000;
	n.end = 1700003600;
	n.proven = 14166667;
	n.payout = cdx_u256_of(123456789);
	n.what.ask = ask();
	n.what.cid_len = cdx_cid_encode(n.what.cid, &n.manifest);
	n.what.merkle_root = id(0x22);
	n.what.nonce = id(0x33);
	n.what.expiry = 30;
	return n;
}

static void test_note(void **state)
{
	const struct cdx_sale_note n = note();
	struct cdx_buf b = {.p = NULL};
	struct cdx_buf again = {.p = NULL};
	struct cdx_sale_note got;

	(void)state;
	assert_int_equal(cdx_sale_note_encode(&b, &n), 0);
	assert_int_equal(cdx_sale_note_decode(&got, b.p, b.len), 0);
	assert_int_equal(got.step, CDX_SALE_STEP_FILLED);
	assert_true(got.repair && got.obtained);
	assert_true(cdx_cid_equal(&got.manifest, &n.manifest));
	assert_int_equal(got.proven, n.proven);
	assert_int_equal(cdx_u256_cmp(&got.payout, &n.payout), 0);
	assert_int_equal(got.what.ask.slots, 4);
	assert_int_equal(cdx_sale_note_encode(&again, &got), 0);
	assert_int_equal(again.len, b.len);
	assert_memory_equal(again.p, b.p, b.len);
	cdx_buf_free(&again);
	cdx_buf_free(&b);
}

/* Cut anywhere, with a byte too many, of a later version */
static void test_note_bad(void **state)
{
	const struct cdx_sale_note n = note();
	struct cdx_buf b = {.p = NULL};
	struct cdx_sale_note got;

	(void)state;
	assert_int_equal(cdx_sale_note_encode(&b, &n), 0);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(cdx_sale_note_decode(&got, b.p, len),
				 CDX_E_CORRUPT);
	cdx_buf_u8(&b, 0);
	assert_int_equal(cdx_sale_note_decode(&got, b.p, b.len), CDX_E_CORRUPT);
	b.len--;
	b.p[29] = CDX_SALE_STEP_PAYING + 1;
	assert_int_equal(cdx_sale_note_decode(&got, b.p, b.len), CDX_E_CORRUPT);
	b.p[29] = CDX_SALE_STEP_PAYING;
	b.p[30] = 4;
	assert_int_equal(cdx_sale_note_decode(&got, b.p, b.len), CDX_E_CORRUPT);
	b.p[0] = 2;
	assert_int_equal(cdx_sale_note_decode(&got, b.p, b.len), CDX_E_VERSION);
	cdx_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_order_unknown_expiry),
		cmocka_unit_test(test_item),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_seen),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_shuffle),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_note_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
