/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Slots that are held: repaired, renewed, lost, taken up again without a store; offers
 * that have no room; where the money goes.
 *
 * usage: sales_keep URL KEY.zkey ARTIFACTS
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/market/sales_kit.h"

#include "market/sale_note.h"

static char **args;
static struct sk_bench bench;

static int group_setup(void **state)
{
	(void)state;
	sk_bench_open(&bench, "market/sales_keep", args);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	sk_bench_close(&bench);
	return 0;
}

/* One that has a slot of a request that has begun; returns the slot's index */
static unsigned open_held(struct provider *p, struct mk_request *rq)
{
	sk_open(&bench, p, rq);
	return sk_sell(&bench, p, rq);
}

/* The same account with another store */
static void open_again(struct provider *q, struct provider *p,
		       const struct host *knows)
{
	sk_end(p);
	sk_provider(&bench.kit, q, knows);
	mk_sender_drop(&bench.kit, &q->account);
	q->account = p->account;
}

static uint64_t balance(const struct mk_account *a)
{
	struct cdx_u256 v = mk_balance(&bench.kit, &a->account.addr);
	uint64_t n;

	assert_int_equal(cdx_u256_to_u64(&n, &v), 0);
	return n;
}

/* ---- repair ---- */

/* A slot that was freed is filled for less, and that is what the offer is charged
 * (defect 4 of spec/marketplace.md 10.2); its bytes are charged once, and come back
 * (defect 8); not in the period in which it was proven already; although the expiry
 * of the request is long over (defect 6) */
static void test_repair(void **state)
{
	struct provider p;
	struct mk_request rq;
	uint64_t less;
	uint64_t had;

	(void)state;
	sk_open(&bench, &p, &rq);
	mk_post(&bench.kit, &bench.client, &rq);
	sk_fill_others(&bench, &rq, UINT_MAX);
	mk_go_to(&bench.kit, rq.posted + rq.r.expiry + 10);
	sk_begin(&p);
	mk_settle(&bench.kit, &rq.slot[2]);
	mk_submit(&bench.kit, &bench.other, &rq, 2);
	had = balance(&p.account);
	mk_free_slot(&bench.kit, &bench.other, &rq.slot[2]);
	assert_int_equal(mk_slot_state(&bench.kit, &rq.slot[2]),
			 CDX_SLOT_REPAIR);
	assert_int_equal(sk_until_state(&p, &rq, CDX_SALE_PROVING), 2);
	less = sk_collateral(&rq) -
	       sk_collateral(&rq) * bench.kit.env.config.repair_reward / 100;
	assert_int_equal(had - balance(&p.account), less);
	sk_assert_used(&p, rq.r.ask.slot_size, less);
	assert_int_equal(cdx_kv_counter(p.env.store, CDX_CNT_USED_PROVIDER),
			 sk_charged(&bench));
	sk_pay_out(&bench, &p, &rq);
	assert_true(balance(&p.account) > had);
	sk_close(&bench, &p);
}

/* ---- renewal ---- */

/* The same slot in another request: nothing is had again, its bytes are charged once,
 * and stay as long as one of the two (defect 9) */
static void test_renewal(void **state)
{
	struct provider p;
	struct mk_request one;
	struct mk_request two;
	unsigned mine;
	unsigned blocks;

	(void)state;
	mine = open_held(&p, &one);
	sk_end(&p);
	mk_request(&bench.kit, &bench.client, &two);
	mk_post(&bench.kit, &bench.client, &two);
	sk_fill_others(&bench, &two, mine);
	blocks = atomic_load(&bench.host.blocks);
	sk_begin(&p);
	assert_int_equal(sk_until_state(&p, &two, CDX_SALE_PROVING), mine);
	assert_int_equal(atomic_load(&bench.host.blocks), blocks);
	sk_assert_used(&p, one.r.ask.slot_size, 2 * sk_collateral(&one));
	assert_int_equal(cdx_kv_counter(p.env.store, CDX_CNT_USED_PROVIDER),
			 sk_charged(&bench));
	sk_go_to_end(&bench, &one);
	sk_until_none(&p, &one);
	sk_assert_used(&p, two.r.ask.slot_size, sk_collateral(&two));
	assert_int_equal(cdx_kv_counter(p.env.store, CDX_CNT_USED_PROVIDER),
			 sk_charged(&bench));
	sk_pay_out(&bench, &p, &two);
	sk_close(&bench, &p);
}

/* ---- what is lost ---- */

/* A slot of the account without a record: its data is had again, it is proven, paid
 * out, and the offer has its bytes back (defect 11: what is ours is never let go) */
static void test_lost_store(void **state)
{
	struct provider p;
	struct provider q;
	struct mk_request rq;
	unsigned mine;

	(void)state;
	mine = open_held(&p, &rq);
	open_again(&q, &p, &bench.host);
	sk_begin(&q);
	assert_int_equal(sk_until_state(&q, &rq, CDX_SALE_PROVING), mine);
	sk_assert_used(&q, rq.r.ask.slot_size, sk_collateral(&rq));
	assert_int_equal(cdx_kv_counter(q.env.store, CDX_CNT_USED_PROVIDER),
			 sk_charged(&bench));
	sk_pay_out(&bench, &q, &rq);
	assert_int_equal(mk_slot_state(&bench.kit, &rq.slot[mine]),
			 CDX_SLOT_PAID);
	sk_provider_free(&q);
	sk_close(&bench, &p);
}

struct trying {
	struct provider *p;
	const struct mk_request *rq;
};

static bool is_trying(void *arg)
{
	struct trying *w = arg;
	struct cdx_sale_info info;

	return sk_agent(w->p, &w->rq->id, &info) &&
	       info.state == CDX_SALE_FILLED && info.error[0] != '\0';
}

/* Nobody has the data of a slot that is ours: it is looked for until somebody has,
 * whatever comes to nothing meanwhile for others */
static void test_tried_again(void **state)
{
	struct provider p;
	struct provider q;
	struct mk_request rq;
	struct mk_request two;
	struct trying w = {&q, &rq};
	unsigned mine;

	(void)state;
	mine = open_held(&p, &rq);
	open_again(&q, &p, NULL);
	q.offer.enabled = false;
	assert_int_equal(cdx_offer_change(q.env.store, &q.offer,
					  CDX_OFFER_ENABLED, NULL),
			 0);
	sk_begin(&q);
	mk_until(&bench.kit, is_trying, &w, "data that is missing");
	mk_request(&bench.kit, &bench.client, &two);
	mk_post(&bench.kit, &bench.client, &two);
	for (unsigned i = 1; i <= 8; i++) {
		/* no offer takes one of these */
		sk_until_started(&q, 1 + i);
		sk_until_none(&q, &two);
		cdx_sales_offers_changed(q.sales);
	}
	assert_int_equal(sk_state(&q, &rq.slot[mine]), CDX_SALE_FILLED);
	xk_know(&q.x, &bench.host);
	assert_int_equal(sk_until_state(&q, &rq, CDX_SALE_PROVING), mine);
	sk_pay_out(&bench, &q, &rq);
	mk_withdraw(&bench.kit, &bench.client, &two.id);
	sk_provider_free(&q);
	sk_close(&bench, &p);
}

/* Its proofs are missing until the contract takes it away */
static void take_away(const struct mk_request *rq, unsigned slot)
{
	struct cdx_revert why;

	while (mk_slot_state(&bench.kit, &rq->slot[slot]) == CDX_SLOT_FILLED) {
		uint64_t period;

		mk_until_required(&bench.kit, &rq->slot[slot]);
		period = mk_period(&bench.kit);
		mk_go_to(&bench.kit,
			 (period + 1) * bench.kit.env.config.period + 1);
		if (mk_can_mark(&bench.kit, &rq->slot[slot], period))
			assert_int_equal(mk_mark(&bench.kit, &bench.other,
						 &rq->slot[slot], period, &why),
					 0);
	}
}

/* Taken away for proofs that were missing while no process ran */
static void test_lost_slot(void **state)
{
	struct provider p;
	struct mk_request rq;
	unsigned mine;

	(void)state;
	mine = open_held(&p, &rq);
	sk_end(&p);
	take_away(&rq, mine);
	p.opts.has_client = true; /* not to be had again */
	p.opts.client = bench.client.account.addr;
	sk_begin(&p);
	sk_until_lost(&p, 1);
	sk_until_none(&p, &rq);
	sk_assert_clean(&p);
	sk_go_to_end(&bench, &rq); /* nobody else wants it */
	sk_close(&bench, &p);
}

/* The same, when somebody has repaired it by the time that we look */
static void test_lost_to_other(void **state)
{
	struct provider p;
	struct mk_request rq;
	unsigned mine;

	(void)state;
	mine = open_held(&p, &rq);
	sk_end(&p);
	take_away(&rq, mine);
	mk_fill(&bench.kit, &bench.other, &rq, mine);
	sk_begin(&p);
	sk_until_lost(&p, 1);
	sk_until_none(&p, &rq);
	sk_assert_clean(&p);
	sk_go_to_end(&bench, &rq);
	sk_close(&bench, &p);
}

/* Too many other slots are lost: no money, but all promises come back */
static void test_failed(void **state)
{
	struct provider p;
	struct mk_request rq;
	unsigned mine;

	(void)state;
	mine = open_held(&p, &rq);
	for (unsigned i = 0; i < 3; i++)
		if (i != mine)
			mk_free_slot(&bench.kit, &bench.other, &rq.slot[i]);
	assert_int_equal(mk_request_state(&bench.kit, &rq.id),
			 CDX_REQUEST_FAILED);
	sk_until_none(&p, &rq);
	sk_assert_clean(&p);
	mk_withdraw(&bench.kit, &bench.client, &rq.id);
	sk_close(&bench, &p);
}

/* The blocks with reservation and fill are undone: both come again, by themselves */
static void test_undone(void **state)
{
	struct provider p;
	struct mk_request rq;
	struct cdx_block before;
	struct cdx_block now;
	unsigned mine;

	(void)state;
	sk_open(&bench, &p, &rq);
	mk_post(&bench.kit, &bench.client, &rq);
	before = chain_latest(&bench.kit.hand);
	sk_begin(&p);
	mine = sk_until_state(&p, &rq, CDX_SALE_PROVING);
	now = chain_latest(&bench.kit.hand);
	mk_reorg(&bench.kit, (unsigned)(now.number - before.number));
	assert_int_equal(mk_slot_state(&bench.kit, &rq.slot[mine]),
			 CDX_SLOT_FREE);
	sk_until_filled(&p, &rq, mine);
	assert_int_equal(sk_until_state(&p, &rq, CDX_SALE_PROVING), mine);
	sk_assert_used(&p, rq.r.ask.slot_size, sk_collateral(&rq));
	mk_go_to(&bench.kit, rq.posted + rq.r.expiry + 1);
	sk_until_none(&p, &rq);
	sk_assert_clean(&p);
	sk_close(&bench, &p);
}

/* ---- allowances ---- */

/* Two at once do not overwrite each other; what is allowed already costs nothing, and
 * what was let go does not add up */
struct holds {
	struct provider *p;
	struct cdx_allowance_hold *h[3];
	unsigned told;
	int err;
};

static void on_allowed(void *arg, int err, const char *why)
{
	struct holds *w = arg;

	(void)why;
	if (err < 0)
		w->err = err;
	w->told++;
}

static void take_two(void *arg)
{
	struct holds *w = arg;
	const struct cdx_u256 seven = cdx_u256_of(7);
	const struct cdx_u256 five = cdx_u256_of(5);

	assert_int_equal(cdx_allowance_take(w->p->allowance, &w->h[0], "a",
					    &seven, NULL, on_allowed, w),
			 0);
	assert_int_equal(cdx_allowance_take(w->p->allowance, &w->h[1], "b",
					    &five, NULL, on_allowed, w),
			 0);
}

static void take_third(void *arg)
{
	struct holds *w = arg;
	const struct cdx_u256 six = cdx_u256_of(6);

	cdx_allowance_release(w->h[0]);
	assert_int_equal(cdx_allowance_take(w->p->allowance, &w->h[2], "c",
					    &six, NULL, on_allowed, w),
			 0);
}

static void let_go(void *arg)
{
	struct holds *w = arg;

	cdx_allowance_release(w->h[1]);
	cdx_allowance_release(w->h[2]);
}

static bool two_told(void *arg)
{
	return ((struct holds *)arg)->told == 2;
}

static bool three_told(void *arg)
{
	return ((struct holds *)arg)->told == 3;
}

static void test_allowance(void **state)
{
	struct provider p;
	struct mk_request rq;
	struct holds w = {.p = &p};
	struct cdx_sender_stats st;

	(void)state;
	sk_open(&bench, &p, &rq);
	sk_begin(&p);
	mk_on_loop(&bench.kit, take_two, &w);
	mk_until(&bench.kit, two_told, &w, "allowances");
	assert_int_equal(w.err, 0);
	assert_int_equal(sk_allowance(&p), 12);
	mk_on_loop(&bench.kit, take_third, &w);
	mk_until(&bench.kit, three_told, &w, "another one");
	assert_int_equal(w.err, 0);
	assert_int_equal(sk_allowance(&p), 12);
	cdx_sender_stats(p.account.sender, &st);
	assert_true(st.confirmed <= 2);
	mk_on_loop(&bench.kit, let_go, &w);
	sk_close(&bench, &p);
}

/* ---- offers ---- */

/* No room: seen, and passed over until there is; then taken.  Only one slot of a
 * request. */
static void test_full(void **state)
{
	struct provider p;
	struct mk_request rq;
	struct cdx_sale_info info;

	(void)state;
	sk_open(&bench, &p, &rq);
	p.offer.total = rq.r.ask.slot_size - 1;
	assert_int_equal(cdx_offer_change(p.env.store, &p.offer,
					  CDX_OFFER_TOTAL, NULL),
			 0);
	sk_begin(&p);
	mk_post(&bench.kit, &bench.client, &rq);
	sk_until_started(&p, 3); /* each slot once */
	sk_until_none(&p, &rq);
	assert_int_equal(sk_stats(&p).queued, 3);
	p.offer.total = SK_FREE;
	assert_int_equal(cdx_offer_change(p.env.store, &p.offer,
					  CDX_OFFER_TOTAL, NULL),
			 0);
	cdx_sales_offers_changed(p.sales);
	(void)sk_until_state(&p, &rq, CDX_SALE_PROVING);
	sk_assert_used(&p, rq.r.ask.slot_size, sk_collateral(&rq));
	assert_true(sk_agent(&p, &rq.id, &info));
	assert_int_equal(sk_stats(&p).by_state[CDX_SALE_PROVING], 1);
	sk_fill_others(&bench, &rq, (unsigned)info.index);
	sk_pay_out(&bench, &p, &rq);
	sk_close(&bench, &p);
}

/* The reward goes where it is wanted, the collateral comes back */
static void test_recipient(void **state)
{
	struct provider p;
	struct mk_request rq;
	uint64_t had;
	uint64_t got;
	struct cdx_u256 earned;
	uint64_t pay;

	(void)state;
	sk_open(&bench, &p, &rq);
	p.opts.has_recipient = true;
	p.opts.recipient = bench.client.account.addr;
	had = balance(&p.account);
	(void)sk_sell(&bench, &p, &rq);
	got = balance(&bench.client);
	sk_go_to_end(&bench, &rq);
	sk_until_none(&p, &rq);
	earned = sk_stats(&p).earned;
	assert_int_equal(cdx_u256_to_u64(&pay, &earned), 0);
	assert_true(pay > 0);
	assert_int_equal(balance(&p.account), had);
	assert_int_equal(balance(&bench.client), got + pay);
	sk_close(&bench, &p);
}

/* A reservation of another contract is neither ended nor touched */
static void test_foreign(void **state)
{
	struct provider p;
	struct mk_request rq;
	struct cdx_sale_note note = {.chain_id = 5, .step = 1};
	struct cdx_reservation r;
	struct cdx_reservation now;
	struct cdx_buf b = {.p = NULL};

	(void)state;
	sk_open(&bench, &p, &rq);
	note.manifest = bench.kit.data.verifiable;
	note.what = rq.r;
	assert_int_equal(cdx_sale_note_encode(&b, &note), 0);
	memset(&r, 0, sizeof(r));
	memcpy(r.offer, p.offer.id, sizeof(r.offer));
	memset(r.slot, 7, sizeof(r.slot));
	r.bytes = 1000;
	r.collateral = cdx_u256_of(3);
	memcpy(r.note, b.p, b.len);
	r.note_len = (uint16_t)b.len;
	cdx_buf_free(&b);
	assert_int_equal(cdx_reservation_add(p.env.store, &r), 0);
	sk_begin(&p);
	mk_post(&bench.kit, &bench.client, &rq);
	(void)sk_until_state(&p, &rq, CDX_SALE_PROVING);
	assert_int_equal(sk_stats(&p).foreign, 1);
	assert_int_equal(cdx_reservation_get(p.env.store, r.slot, &now), 0);
	assert_int_equal(now.bytes, 1000);
	mk_go_to(&bench.kit, rq.posted + rq.r.expiry + 1);
	sk_until_none(&p, &rq);
	sk_assert_used(&p, 1000, 3);
	sk_close(&bench, &p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repair),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_lost_store),
		cmocka_unit_test(test_tried_again),
		cmocka_unit_test(test_lost_slot),
		cmocka_unit_test(test_lost_to_other),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_undone),
		cmocka_unit_test(test_allowance),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_recipient),
		cmocka_unit_test(test_foreign),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: sales_keep URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	args = argv;
	/* names with * and ?, for who looks for a fault */
	cmocka_set_test_filter(getenv("CDX_TEST_ONLY"));
	return cmocka_run_group_tests_name("market/sales_keep", tests,
					   group_setup, group_teardown);
}
