/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Purchases from their record to their end, on a chain: every state, by its way and
 * by the others.
 *
 * usage: purchasing URL KEY.zkey ARTIFACTS
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "market/nonce.h"
#include "tests/market/purchasing_kit.h"

static char **args;
static struct bk w;

static int setup(void **state)
{
	(void)state;
	bk_start(&w, "market/purchasing", args, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bk_stop(&w);
	return 0;
}

static bool is_settled(void *arg)
{
	struct cdx_purchasing_stats st;

	(void)arg;
	cdx_purchasing_stats(w.p, &st);
	return !cdx_u256_is_zero(&st.returned);
}

static bool is_proven(void *arg)
{
	(void)arg;
	return cdx_purchasing_stage(w.p, &w.kit.data.verifiable) ==
	       CDX_SEGMENT_PROVEN;
}

/* The whole way of a segment: bought, filled, safe, proven, finished, paid back; the
 * contract has nothing left */
static void test_life(void **state)
{
	struct cdx_purchase_info info;
	struct mk_request rq;
	struct cdx_u256 left;

	(void)state;
	bk_client(&w);
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	assert_int_equal(mk_request_state(&w.kit, &info.id), CDX_REQUEST_NEW);
	assert_int_equal(w.v.published, 1);
	assert_int_equal(cdx_purchasing_stage(w.p, &w.kit.data.verifiable),
			 CDX_SEGMENT_REQUESTED);
	assert_false(bk_safe(&w));
	bk_fill_all(&w, &info);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	mk_until(&w.kit, bk_safe, &w, "safe");
	info = bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	assert_int_equal(info.filled, 3);
	assert_int_equal(info.hosts, 3);
	assert_int_equal(info.worst, 1);
	assert_int_equal(cdx_purchasing_stage(w.p, &w.kit.data.verifiable),
			 CDX_SEGMENT_STORED);
	rq = bk_request(&info);
	for (unsigned i = 0; i < 3; i++) {
		mk_next_period(&w.kit);
		mk_settle(&w.kit, &rq.slot[i]);
		mk_submit(&w.kit, &w.host[i], &rq, i);
	}
	mk_until(&w.kit, is_proven, NULL, "proven");
	/* nothing of it is wanted any more */
	bk_segment_gone(&w, 1);
	bk_rounds(&w);
	mk_go_to(&w.kit, (uint64_t)info.end + 2);
	bk_until(&w, 1, 0, CDX_PURCHASE_FINISHED);
	mk_until(&w.kit, is_settled, NULL, "withdrawn");
	for (unsigned i = 0; i < 3; i++)
		mk_free_slot(&w.kit, &w.host[i], &rq.slot[i]);
	bk_rounds(&w);
	assert_int_equal(bk_count(&w), 1);
	assert_int_equal(cdx_purchasing_stage(w.p, &w.kit.data.verifiable),
			 CDX_SEGMENT_KEPT);
	bk_client_end(&w);
	left = mk_balance(&w.kit, &w.kit.contract);
	assert_true(cdx_u256_is_zero(&left));
}

/* ---- money ---- */

static struct cdx_u256 tokens(void)
{
	return mk_balance(&w.kit, &w.client.account.addr);
}

struct stat_is {
	bool (*is)(const struct cdx_purchasing_stats *st);
};

static bool stat_is(void *arg)
{
	const struct stat_is *s = arg;
	struct cdx_purchasing_stats st;

	cdx_purchasing_stats(w.p, &st);
	return s->is(&st);
}

static void until_stats(bool (*is)(const struct cdx_purchasing_stats *st),
			const char *what)
{
	struct stat_is s = {is};

	mk_until(&w.kit, stat_is, &s, what);
}

static bool one_unpaid(const struct cdx_purchasing_stats *st)
{
	/* in words, once the token's name is known */
	return st->unpaid == 1 && strstr(st->alarm, " TST are missing") != NULL;
}

static bool none_unpaid(const struct cdx_purchasing_stats *st)
{
	return st->unpaid == 0;
}

/* All the money of the account is there again */
static bool all_back(void *arg)
{
	const struct cdx_u256 *all = arg;
	struct cdx_u256 now = tokens();

	return cdx_u256_cmp(&now, all) == 0;
}

static void until_all_back(struct cdx_u256 all)
{
	/* asks the node itself: not from the loop */
	for (unsigned i = 0; i < 6000 && !all_back(&all); i++)
		usleep(10000);
	assert_true(all_back(&all));
}

/* Nobody fills it: it expires, the money comes back, then it is posted at a quarter
 * more, up to the highest price, and not again on that day */
static void test_cancelled(void **state)
{
	struct cdx_purchase_info info;
	struct cdx_u256 before;

	(void)state;
	bk_client(&w);
	w.policy.max_price = cdx_u256_of(5);
	before = tokens();
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	assert_int_equal(info.what.ask.price.v[0], 4);
	assert_int_equal(info.end, mk_now(&w.kit) + BK_DURATION);
	mk_go_to(&w.kit, mk_now(&w.kit) + BK_EXPIRY + 1);
	bk_until(&w, 1, 0, CDX_PURCHASE_CANCELLED);
	info = bk_until(&w, 1, 1, CDX_PURCHASE_SUBMITTED);
	assert_int_equal(info.what.ask.price.v[0], 5);
	assert_memory_equal(info.what.cid,
			    bk_until(&w, 1, 0, CDX_PURCHASE_CANCELLED).what.cid,
			    info.what.cid_len);
	/* the first one's money was back before the second was paid */
	assert_true(is_settled(NULL));
	mk_go_to(&w.kit, mk_now(&w.kit) + BK_EXPIRY + 1);
	bk_until(&w, 1, 1, CDX_PURCHASE_CANCELLED);
	until_all_back(before);
	bk_rounds(&w);
	assert_int_equal(bk_count(&w), 2);
	bk_client_end(&w);
}

/* Two of three slots are given up: failed, and all of the money is back */
static void test_failed(void **state)
{
	struct cdx_purchase_info info;
	struct cdx_u256 before;
	struct mk_request rq;

	(void)state;
	bk_client(&w);
	before = tokens();
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	bk_fill_all(&w, &info);
	mk_until(&w.kit, bk_safe, &w, "safe");
	rq = bk_request(&info);
	mk_free_slot(&w.kit, &w.host[0], &rq.slot[0]);
	/* two are enough with a margin of none */
	bk_rounds(&w);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	assert_int_equal(info.filled, 2);
	assert_true(bk_safe(&w));
	mk_free_slot(&w.kit, &w.host[1], &rq.slot[1]);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_ERRORED);
	assert_non_null(strstr(info.error, "failed"));
	until_all_back(before);
	mk_until(&w.kit, bk_unsafe, &w, "not safe");
	bk_client_end(&w);
	/* the last host's slot, which is worth nothing any more */
	mk_free_slot(&w.kit, &w.host[2], &rq.slot[2]);
}

/* What happened while nobody listened (spec/marketplace.md 10.2, 1): a request that
 * was filled does not end as cancelled, one that failed not as finished */
static void test_missed(void **state)
{
	struct cdx_purchase_info info;
	struct cdx_u256 before;
	struct mk_request rq;

	(void)state;
	bk_client(&w);
	before = tokens();
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	bk_close(&w);
	bk_fill_all(&w, &info);
	mk_go_to(&w.kit, mk_now(&w.kit) + BK_EXPIRY + 1);
	bk_open(&w);
	bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	mk_until(&w.kit, bk_safe, &w, "safe");
	bk_close(&w);
	rq = bk_request(&info);
	mk_free_slot(&w.kit, &w.host[0], &rq.slot[0]);
	mk_free_slot(&w.kit, &w.host[1], &rq.slot[1]);
	mk_free_slot(&w.kit, &w.host[2], &rq.slot[2]);
	mk_go_to(&w.kit, (uint64_t)info.end + 10);
	bk_open(&w);
	bk_until(&w, 1, 0, CDX_PURCHASE_ERRORED);
	until_all_back(before);
	bk_client_end(&w);
}

/* The first payout takes a finished request out of myRequests (10.1, 3): we know it,
 * and withdraw */
static void test_offline_at_the_end(void **state)
{
	struct cdx_purchase_info info;
	struct mk_request rq;

	(void)state;
	bk_client(&w);
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	bk_fill_all(&w, &info);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	bk_close(&w);
	bk_segment_gone(&w, 1);
	rq = bk_request(&info);
	mk_go_to(&w.kit, (uint64_t)info.end + 2);
	for (unsigned i = 0; i < 3; i++)
		mk_free_slot(&w.kit, &w.host[i], &rq.slot[i]);
	bk_open(&w);
	bk_until(&w, 1, 0, CDX_PURCHASE_FINISHED);
	mk_until(&w.kit, is_settled, NULL, "withdrawn");
	bk_client_end(&w);
}

/* Requests of the account that were not made here: the nonce says what for */
static void test_adopted(void **state)
{
	const struct cdx_nonce_what what = {
		.kind = CDX_NONCE_SEGMENT, .number = 77, .generation = 3};
	struct cdx_u256 before;
	struct cdx_key key;
	struct mk_request rq;

	(void)state;
	bk_client(&w);
	before = tokens();
	memset(key.b, 7, sizeof(key.b));
	mk_request(&w.kit, &w.client, &rq);
	assert_int_equal(cdx_nonce_make(&rq.r.nonce, &key, &what), 0);
	mk_request_ids(&rq);
	mk_post(&w.kit, &w.client, &rq);
	mk_request(&w.kit, &w.client, &rq);
	mk_post(&w.kit, &w.client, &rq);
	/* its segment is there, and is not bought once more */
	bk_segment(&w, 77, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	bk_until(&w, 77, 3, CDX_PURCHASE_SUBMITTED);
	bk_until(&w, 0, 0, CDX_PURCHASE_SUBMITTED);
	bk_rounds(&w);
	assert_int_equal(bk_count(&w), 2);
	bk_segment_gone(&w, 77);
	bk_rounds(&w);
	mk_go_to(&w.kit, mk_now(&w.kit) + rq.r.expiry + 1);
	bk_until(&w, 77, 3, CDX_PURCHASE_CANCELLED);
	bk_until(&w, 0, 0, CDX_PURCHASE_CANCELLED);
	until_all_back(before);
	assert_int_equal(bk_count(&w), 2);
	bk_client_end(&w);
}

struct record {
	const struct cdx_purchase_rec *rec;
	const struct cdx_b32 *id;
	bool written;
};

static void on_written(void *arg, int err)
{
	struct record *r = arg;

	assert_int_equal(err, 0);
	r->written = true;
}

static void write_here(void *arg)
{
	struct record *r = arg;
	const struct cdx_persist *persist = w.kit.env.persist;
	struct cdx_buf val = {.p = NULL};
	char key[CDX_PURCHASE_KEY_MAX];

	cdx_purchase_key(key, r->id);
	assert_int_equal(cdx_purchase_rec_encode(&val, r->rec), 0);
	assert_int_equal(persist->put(persist->arg, key, val.p, val.len,
				      on_written, r),
			 0);
	cdx_buf_free(&val);
}

static bool is_written(void *arg)
{
	const struct record *r = arg;

	return r->written;
}

/* A request that was found on the chain and is there no more when its state is read
 * for the first time (10.2, 12): it ends, and is not posted by us */
static void test_unknown(void **state)
{
	struct cdx_purchase_rec rec = {
		.state = CDX_PURCHASE_UNKNOWN, .posted = true, .created = 1};
	struct cdx_purchase_info info;
	struct cdx_u256 before;
	struct cdx_u256 after;
	struct mk_request rq;
	struct record r = {&rec, &rq.id, false};

	(void)state;
	bk_client(&w);
	before = tokens();
	mk_request(&w.kit, &w.client, &rq);
	rec.chain_id = cdx_rpc_chain_id(w.kit.env.rpc);
	rec.contract = w.kit.contract;
	rec.what = rq.r;
	mk_on_loop(&w.kit, write_here, &r);
	mk_until(&w.kit, is_written, &r, "written");
	bk_open(&w);
	info = bk_until(&w, 0, 0, CDX_PURCHASE_ERRORED);
	assert_memory_equal(&info.id, &rq.id, sizeof(rq.id));
	assert_non_null(strstr(info.error, "does not know"));
	bk_restart(&w);
	bk_rounds(&w);
	bk_until(&w, 0, 0, CDX_PURCHASE_ERRORED);
	assert_int_equal(bk_count(&w), 1);
	after = tokens();
	mk_assert_amount(&after, &before, "the client's tokens");
	bk_client_end(&w);
}

static void do_mint(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	const struct cdx_u256 *amount = op->in;
	int rc;

	op->await = a;
	rc = cdx_token_mint(w.kit.c.market, w.kit.rich.sender,
			    &w.client.account.addr, amount, NULL, chain_sent,
			    op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

/* More than the account has: nothing is made, an alarm says so; then it is bought */
static void test_no_tokens(void **state)
{
	struct cdx_u256 more = cdx_u256_of(UINT64_C(1000000000000000000));
	struct chain_op op;

	(void)state;
	bk_client(&w);
	w.policy.terms.price = cdx_u256_of(1000000);
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	until_stats(one_unpaid, "unpaid");
	assert_int_equal(bk_count(&w), 0);
	chain_fine(&op, chain_do(&w.kit.c, &op, do_mint, &more), "mint");
	bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	until_stats(none_unpaid, "paid");
	bk_client_end(&w);
}

static void set_ether(const char *wei)
{
	char addr[CDX_ADDR_TEXT_MAX];

	cdx_addr_text(addr, &w.client.account.addr);
	json_decref(chain_rpc(&w.kit.hand, "anvil_setBalance",
			      json_pack("[ss]", addr, wei)));
	mk_mine(&w.kit, 1);
}

/* Tokens but no ether: errored, and tried again with the same Request */
static void test_no_ether(void **state)
{
	struct cdx_purchase_info first;
	struct cdx_purchase_info info;

	(void)state;
	bk_client(&w);
	set_ether("0x0");
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	first = bk_until(&w, 1, 0, CDX_PURCHASE_ERRORED);
	assert_true(first.error[0] != '\0');
	set_ether("0xde0b6b3a7640000");
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	assert_memory_equal(&first.id, &info.id, sizeof(info.id));
	assert_int_equal(bk_count(&w), 1);
	/* the budget's time begins anew */
	assert_true(info.created > first.created);
	bk_client_end(&w);
}

/* The same one waits for its time, though it is compared with the chain meanwhile */
static void test_retry_waits(void **state)
{
	(void)state;
	bk_client(&w);
	w.retry_s = 600;
	set_ether("0x0");
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	bk_until(&w, 1, 0, CDX_PURCHASE_ERRORED);
	set_ether("0xde0b6b3a7640000");
	/* also after a start, and at two comparisons at least */
	bk_restart(&w);
	for (unsigned i = 0; i < 3; i++)
		bk_rounds(&w);
	bk_until(&w, 1, 0, CDX_PURCHASE_ERRORED);
	assert_int_equal(bk_count(&w), 1);
	bk_client_end(&w);
}

/* The budget is for all requests of its time together */
static void test_budget(void **state)
{
	struct cdx_purchase_info info;
	char why[CDX_MARKET_WHY_MAX];
	struct cdx_u256 price;
	struct cdx_b32 id;

	(void)state;
	bk_client(&w);
	w.policy.has_budget = true;
	/* one segment's and a half */
	w.policy.budget =
		cdx_u256_of(UINT64_C(4) * 524288 * 3 * BK_DURATION * 3 / 2);
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_segment(&w, 2, &w.more[0].verifiable, 600000);
	bk_open(&w);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	assert_int_equal(cdx_ask_max_price(&price, &info.what.ask), 0);
	until_stats(one_unpaid, "unpaid");
	assert_false(bk_has(&w, 2, 0));
	assert_int_equal(cdx_purchasing_request(w.p, &id, &w.more[1].verifiable,
						&w.policy.terms, why),
			 CDX_E_QUOTA);
	assert_non_null(strstr(why, "budget"));
	/* what came back may be spent again */
	mk_go_to(&w.kit, mk_now(&w.kit) + BK_EXPIRY + 1);
	bk_until(&w, 1, 0, CDX_PURCHASE_CANCELLED);
	bk_until(&w, 2, 0, CDX_PURCHASE_SUBMITTED);
	bk_client_end(&w);
}

/* Asked for: terms that the contract would refuse, datasets that are none */
static void test_request(void **state)
{
	struct cdx_purchase_terms terms;
	struct cdx_purchase_info info;
	char why[CDX_MARKET_WHY_MAX];
	struct cdx_cid none;
	struct cdx_b32 id;

	(void)state;
	bk_client(&w);
	w.no_volume = true;
	bk_open(&w);
	terms = w.policy.terms;
	none = cdx_cid_block("none", 4);
	assert_int_equal(cdx_purchasing_request(w.p, &id, &none, &terms, why),
			 -ENOENT);
	assert_int_equal(cdx_purchasing_request(w.p, &id, &w.more[2].plain,
						&terms, why),
			 -EINVAL);
	assert_true(why[0] != '\0');
	terms.expiry = terms.duration;
	assert_int_equal(cdx_purchasing_request(w.p, &id, &w.more[2].verifiable,
						&terms, why),
			 -EINVAL);
	assert_true(why[0] != '\0');
	terms = w.policy.terms;
	terms.duration = w.kit.env.config.duration_limit + 1;
	assert_int_equal(cdx_purchasing_request(w.p, &id, &w.more[2].verifiable,
						&terms, why),
			 -EINVAL);
	terms = w.policy.terms;
	assert_int_equal(cdx_purchasing_request(w.p, &id, &w.more[2].verifiable,
						&terms, why),
			 0);
	info = bk_until(&w, 0, 0, CDX_PURCHASE_SUBMITTED);
	assert_memory_equal(&info.id, &id, sizeof(id));
	assert_int_equal(cdx_purchasing_get(w.p, &id, &info), 0);
	assert_int_equal(info.what.ask.slots, 3);
	assert_int_equal(info.what.ask.max_slot_loss, 1);
	id.b[0] ^= 1;
	assert_int_equal(cdx_purchasing_get(w.p, &id, &info), -ENOENT);
	bk_client_end(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_missed),
		cmocka_unit_test(test_offline_at_the_end),
		cmocka_unit_test(test_adopted),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_no_tokens),
		cmocka_unit_test(test_no_ether),
		cmocka_unit_test(test_retry_waits),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_request),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: purchasing URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	args = argv;
	if (getenv("BK_FILTER") != NULL)
		cmocka_set_test_filter(getenv("BK_FILTER"));
	return cmocka_run_group_tests_name("market/purchasing", tests, setup,
					   teardown);
}
