/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Purchases without a chain: their records, what is decided about a segment, prices,
 * the budget. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "market/purchase_policy.h"
#include "market/purchase_record.h"
#include "tests/unit/seed.h"

#define DAY INT64_C(86400)

/* ---- records ---- */

static struct cdx_purchase_rec random_rec(struct seed *s)
{
	struct cdx_purchase_rec r = {
		.state = (enum cdx_purchase_state)seed_below(
			s, CDX_PURCHASE_STATES),
		.settled = seed_below(s, 2),
		.renewed = seed_below(s, 2),
		.posted = seed_below(s, 2),
		.safe = seed_below(s, 2),
		.chain_id = seed_u64(s),
		.area = seed_u64(s),
		.generation = (uint32_t)seed_u64(s),
		.attempts = (uint32_t)seed_u64(s),
		.created = (int64_t)seed_u64(s),
		.ended = (int64_t)seed_u64(s),
		.retry_at = (int64_t)seed_u64(s),
		.expires = (int64_t)seed_u64(s),
		.end = (int64_t)seed_u64(s),
		.barrier = seed_u64(s),
		.started_block = seed_u64(s),
		.settled_block = seed_u64(s),
	};

	seed_fill(s, r.contract.b, sizeof(r.contract.b));
	seed_fill(s, (uint8_t *)r.returned.v, sizeof(r.returned.v));
	seed_fill(s, r.what.client.b, sizeof(r.what.client.b));
	seed_fill(s, r.what.nonce.b, sizeof(r.what.nonce.b));
	seed_fill(s, r.what.merkle_root.b, sizeof(r.what.merkle_root.b));
	r.what.ask.slots = seed_u64(s);
	r.what.ask.duration = seed_u64(s);
	r.what.expiry = seed_u64(s);
	r.what.cid_len = seed_below(s, CDX_CONTENT_CID_MAX + 1);
	seed_fill(s, r.what.cid, r.what.cid_len);
	for (size_t i = seed_below(s, sizeof(r.error)); i > 0; i--)
		r.error[i - 1] = (char)('a' + seed_below(s, 26));
	return r;
}

static void assert_same(const struct cdx_purchase_rec *a,
			const struct cdx_purchase_rec *b)
{
	struct cdx_b32 id;
	struct cdx_b32 same;

	assert_int_equal(a->state, b->state);
	assert_int_equal(a->settled, b->settled);
	assert_int_equal(a->renewed, b->renewed);
	assert_int_equal(a->posted, b->posted);
	assert_int_equal(a->safe, b->safe);
	assert_int_equal(a->chain_id, b->chain_id);
	assert_memory_equal(a->contract.b, b->contract.b, sizeof(b->contract));
	assert_int_equal(a->area, b->area);
	assert_int_equal(a->generation, b->generation);
	assert_int_equal(a->attempts, b->attempts);
	assert_int_equal(a->created, b->created);
	assert_int_equal(a->ended, b->ended);
	assert_int_equal(a->retry_at, b->retry_at);
	assert_int_equal(a->expires, b->expires);
	assert_int_equal(a->end, b->end);
	assert_int_equal(a->barrier, b->barrier);
	assert_int_equal(a->started_block, b->started_block);
	assert_int_equal(a->settled_block, b->settled_block);
	assert_int_equal(cdx_u256_cmp(&a->returned, &b->returned), 0);
	assert_string_equal(a->error, b->error);
	/* of all of the request */
	assert_int_equal(cdx_request_id(&id, &a->what), 0);
	assert_int_equal(cdx_request_id(&same, &b->what), 0);
	assert_memory_equal(id.b, same.b, sizeof(id.b));
}

static void test_record(void **state)
{
	struct seed s = seed_start("market/record");

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		struct cdx_purchase_rec r = random_rec(&s);
		struct cdx_purchase_rec got;
		struct cdx_buf a = {.p = NULL};
		struct cdx_buf b = {.p = NULL};
		size_t at;

		assert_int_equal(cdx_purchase_rec_encode(&a, &r), 0);
		assert_int_equal(cdx_purchase_rec_decode(&got, a.p, a.len), 0);
		assert_int_equal(cdx_purchase_rec_encode(&b, &got), 0);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.p, b.p, a.len);
		assert_same(&r, &got);
		/* nothing shorter, nothing with another byte */
		at = seed_below(&s, a.len);
		assert_true(cdx_purchase_rec_decode(&got, a.p, at) < 0);
		a.p[at] ^= (uint8_t)(1 + seed_below(&s, 255));
		assert_true(cdx_purchase_rec_decode(&got, a.p, a.len) < 0);
		cdx_buf_free(&a);
		cdx_buf_free(&b);
	}
}

static void test_record_version(void **state)
{
	struct cdx_purchase_rec r = {.state = CDX_PURCHASE_STARTED};
	struct cdx_purchase_rec got;
	struct cdx_buf a = {.p = NULL};

	(void)state;
	assert_int_equal(cdx_purchase_rec_encode(&a, &r), 0);
	a.p[0] = 2;
	assert_int_equal(cdx_purchase_rec_decode(&got, a.p, a.len),
			 CDX_E_VERSION);
	a.p[0] = 0;
	assert_int_equal(cdx_purchase_rec_decode(&got, a.p, a.len),
			 CDX_E_CORRUPT);
	assert_int_equal(cdx_purchase_rec_decode(&got, a.p, 0), CDX_E_CORRUPT);
	cdx_buf_free(&a);
}

/* ---- decisions ---- */

static const struct cdx_purchase_policy policy = {
	.terms = {.duration = 30 * DAY,
		  .expiry = 3600,
		  .price = {{100}},
		  .collateral = {{1}},
		  .proof_probability = {{4}}},
	.max_price = {{200}},
	.renew_s = 7 * DAY,
	.live_percent = 50,
};

static enum cdx_buy_action decide(struct cdx_buy_case c, int64_t now)
{
	return cdx_buy_decide(&policy, &c, now, now);
}

static struct cdx_buy_case started(int64_t end, uint64_t live)
{
	return (struct cdx_buy_case){.listed = live > 0,
				     .data = 1000000,
				     .live = live,
				     .any = true,
				     .state = CDX_PURCHASE_STARTED,
				     .duration = 30 * DAY,
				     .end = end};
}

static void test_windows(void **state)
{
	(void)state;
	assert_int_equal(cdx_buy_window(&policy, 30 * DAY), 7 * DAY);
	assert_int_equal(cdx_buy_lead(&policy, 30 * DAY), 7 * DAY + 7200);
	/* a quarter at most, and a quarter for the next one to start */
	assert_int_equal(cdx_buy_window(&policy, 4000), 1000);
	assert_int_equal(cdx_buy_lead(&policy, 4000), 2000);
}

static void test_first(void **state)
{
	(void)state;
	assert_int_equal(decide((struct cdx_buy_case){.listed = true}, 0),
			 CDX_BUY_FIRST);
	assert_int_equal(decide((struct cdx_buy_case){.listed = false}, 0),
			 CDX_BUY_NOTHING);
}

/* Above the live share it is renewed, below it is compacted, but not when that has
 * left no time */
static void test_renew(void **state)
{
	const int64_t end = 100 * DAY;
	const int64_t lead = 7 * DAY + 7200;
	struct cdx_buy_case c;

	(void)state;
	assert_int_equal(decide(started(end, 1000000), end - lead - 1),
			 CDX_BUY_NOTHING);
	assert_int_equal(decide(started(end, 1000000), end - lead),
			 CDX_BUY_RENEW);
	assert_int_equal(decide(started(end, 500000), end - lead),
			 CDX_BUY_RENEW);
	assert_int_equal(decide(started(end, 490000), end - lead),
			 CDX_BUY_COMPACT);
	assert_int_equal(decide(started(end, 490000), end - 7 * DAY),
			 CDX_BUY_RENEW);
	/* its bytes are elsewhere only */
	c = started(end, 490000);
	c.far = true;
	assert_int_equal(decide(c, end - lead), CDX_BUY_RENEW);
}

/* What is gone is renewed as long as what took its extents is not safe */
static void test_gone(void **state)
{
	const int64_t end = 100 * DAY;
	struct cdx_buy_case c = started(end, 0);

	(void)state;
	assert_int_equal(decide(c, end - DAY), CDX_BUY_NOTHING);
	c.needed = true;
	assert_int_equal(decide(c, end - DAY), CDX_BUY_RENEW);
	assert_int_equal(decide(c, end - 20 * DAY), CDX_BUY_NOTHING);
	c.state = CDX_PURCHASE_CANCELLED;
	c.settled = true;
	assert_int_equal(decide(c, end), CDX_BUY_RAISE);
	c.needed = false;
	assert_int_equal(decide(c, end), CDX_BUY_NOTHING);
}

/* Nothing new before the money of the last one is back */
static void test_settled_first(void **state)
{
	static const enum cdx_purchase_state over[] = {CDX_PURCHASE_FINISHED,
						       CDX_PURCHASE_CANCELLED,
						       CDX_PURCHASE_FAILED,
						       CDX_PURCHASE_ERRORED};
	struct cdx_buy_case c = started(10 * DAY, 1000000);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		c.state = over[i];
		assert_int_equal(decide(c, 20 * DAY), CDX_BUY_NOTHING);
	}
	c.settled = true;
	c.state = CDX_PURCHASE_FINISHED;
	assert_int_equal(decide(c, 20 * DAY), CDX_BUY_RENEW);
	c.state = CDX_PURCHASE_CANCELLED;
	assert_int_equal(decide(c, 20 * DAY), CDX_BUY_RAISE);
	/* failed ends as errored */
	c.state = CDX_PURCHASE_ERRORED;
	c.ended = 20 * DAY;
	assert_int_equal(decide(c, 20 * DAY + 59), CDX_BUY_NOTHING);
	assert_int_equal(decide(c, 20 * DAY + 60), CDX_BUY_RENEW);
	/* one that was never sent is sent as it is */
	c.again = true;
	assert_int_equal(decide(c, 30 * DAY), CDX_BUY_NOTHING);
}

/* At the highest price only once a day */
static void test_dearest(void **state)
{
	struct cdx_buy_case c = started(10 * DAY, 1000000);

	(void)state;
	c.state = CDX_PURCHASE_CANCELLED;
	c.settled = true;
	c.dearest = true;
	c.ended = 11 * DAY;
	assert_int_equal(decide(c, 11 * DAY), CDX_BUY_NOTHING);
	assert_int_equal(decide(c, 12 * DAY), CDX_BUY_RAISE);
}

static void test_live_waits(void **state)
{
	static const enum cdx_purchase_state under_way[] = {
		CDX_PURCHASE_PENDING, CDX_PURCHASE_SUBMITTED,
		CDX_PURCHASE_UNKNOWN};
	struct cdx_buy_case c = started(10 * DAY, 1000000);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		c.state = under_way[i];
		assert_int_equal(decide(c, 20 * DAY), CDX_BUY_NOTHING);
	}
}

static uint64_t price(uint64_t last, bool raise)
{
	struct cdx_u256 l = cdx_u256_of(last);
	struct cdx_u256 p = cdx_buy_price(&policy, last ? &l : NULL, raise);
	uint64_t v;

	assert_int_equal(cdx_u256_to_u64(&v, &p), 0);
	return v;
}

static void test_price(void **state)
{
	struct cdx_purchase_policy low = policy;
	struct cdx_u256 one = cdx_u256_of(1);
	struct cdx_u256 p;

	(void)state;
	assert_int_equal(price(0, false), 100);
	assert_int_equal(price(100, true), 125);
	assert_int_equal(price(170, true), 200);
	assert_int_equal(price(200, true), 200);
	assert_int_equal(price(150, false), 150);
	/* the configuration has changed since */
	assert_int_equal(price(90, false), 100);
	assert_int_equal(price(900, false), 200);
	/* a quarter of 1 is one more */
	low.terms.price = one;
	p = cdx_buy_price(&low, &one, true);
	assert_true(p.v[0] == 2);
	/* a highest price below the first is the first */
	low.max_price = cdx_u256_of(0);
	p = cdx_buy_price(&low, &one, true);
	assert_true(p.v[0] == 1);
	/* no product overflows */
	low.max_price = cdx_u256_max;
	p = cdx_buy_price(&low, &cdx_u256_max, true);
	assert_int_equal(cdx_u256_cmp(&p, &cdx_u256_max), 0);
}

/* ---- money ---- */

/* Whatever comes, no window of the budget's time has more than the budget */
static void test_budget_random(void **state)
{
	struct seed s = seed_start("market/budget");
	struct cdx_purchase_policy p = {.has_budget = true,
					.budget = cdx_u256_of(1000),
					.budget_s = 100};
	struct cdx_buy_cost costs[400];
	struct cdx_u256 spent;
	struct cdx_u256 missing;
	size_t n = 0;

	(void)state;
	for (int64_t now = 0; now < 2000 && n < 400; now++) {
		struct cdx_u256 price_ = cdx_u256_of(1 + seed_below(&s, 400));

		spent = cdx_buy_spent(costs, n, now - 100);
		if (cdx_buy_fits(&p, &spent, &price_, &missing))
			costs[n++] = (struct cdx_buy_cost){now, price_};
		else
			assert_false(cdx_u256_is_zero(&missing));
		spent = cdx_buy_spent(costs, n, now - 100);
		assert_true(cdx_u256_cmp(&spent, &p.budget) <= 0);
	}
	assert_true(n > 20);
	/* sums that do not fit are more than any budget */
	costs[0].amount = cdx_u256_max;
	costs[0].at = 5000;
	costs[1].at = 5000;
	spent = cdx_buy_spent(costs, 2, 4000);
	assert_int_equal(cdx_u256_cmp(&spent, &cdx_u256_max), 0);
	p.budget = cdx_u256_of(UINT64_MAX);
	assert_false(cdx_buy_fits(&p, &spent, &costs[1].amount, &missing));
}

/* The same by looking at everything again for each renewal */
static size_t slow_funded(const struct cdx_purchase_policy *p,
			  const struct cdx_buy_funds *f,
			  const struct cdx_buy_cost *r, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t spent = r[i].amount.v[0];
		int64_t since = r[i].at - (int64_t)p->budget_s;

		total += r[i].amount.v[0];
		for (size_t j = 0; j < f->n; j++)
			if (f->costs[j].at >= since)
				spent += f->costs[j].amount.v[0];
		for (size_t j = 0; j < i; j++)
			if (r[j].at >= since)
				spent += r[j].amount.v[0];
		if (total > f->balance.v[0] || spent > p->budget.v[0])
			return i;
	}
	return n;
}

static void test_funded(void **state)
{
	struct seed s = seed_start("market/funded");

	(void)state;
	for (unsigned round = 0; round < 500; round++) {
		struct cdx_purchase_policy p = {
			.has_budget = true,
			.budget = cdx_u256_of(200 + seed_below(&s, 500)),
			.budget_s = 50};
		struct cdx_buy_cost costs[20];
		struct cdx_buy_cost renewals[20];
		struct cdx_buy_funds f = {
			.balance = cdx_u256_of(seed_below(&s, 2000)),
			.costs = costs,
			.n = 20};
		struct cdx_u256 missing;
		int64_t at = 0;
		size_t n;

		for (unsigned i = 0; i < 20; i++) {
			at += (int64_t)seed_below(&s, 10);
			costs[i].at = at;
			costs[i].amount = cdx_u256_of(seed_below(&s, 50));
		}
		for (unsigned i = 0; i < 20; i++) {
			at += (int64_t)seed_below(&s, 10);
			renewals[i].at = at;
			renewals[i].amount = cdx_u256_of(seed_below(&s, 100));
		}
		n = cdx_buy_funded(&p, &f, renewals, 20, &missing);
		assert_int_equal(n, slow_funded(&p, &f, renewals, 20));
		assert_int_equal(n < 20, !cdx_u256_is_zero(&missing));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_record_version),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_settled_first),
		cmocka_unit_test(test_dearest),
		cmocka_unit_test(test_live_waits),
		cmocka_unit_test(test_price),
		cmocka_unit_test(test_budget_random),
		cmocka_unit_test(test_funded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
