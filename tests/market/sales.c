/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Sales on a real chain, with real data over real sockets: from a request to the
 * payout, and all that may come between.
 *
 * usage: sales URL KEY.zkey ARTIFACTS
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/market/sales_kit.h"

static char **args;
/* One chain, client and host by hand for all; providers come and go */
static struct sk_bench bench;

static int group_setup(void **state)
{
	(void)state;
	sk_bench_open(&bench, "market/sales", args);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	sk_bench_close(&bench);
	return 0;
}

/* ---- the whole life ---- */

struct proven {
	struct provider *p;
	const struct mk_request *rq;
	uint64_t above;
	uint64_t got;
};

static bool is_proven(void *arg)
{
	struct proven *w = arg;
	struct cdx_sale_info info;

	if (!sk_agent(w->p, &w->rq->id, &info))
		return false;
	w->got = info.proven;
	return info.proven > w->above;
}

/* Until a period above this is proven; returns it */
static uint64_t until_proven(struct provider *p, const struct mk_request *rq,
			     uint64_t above)
{
	struct proven w = {p, rq, above, 0};

	sk_until(p->kit, is_proven, &w, "a proof");
	return w.got;
}

/* It has more than before by what it says it earned */
static void assert_earned(struct provider *p, const struct cdx_u256 *before)
{
	struct cdx_u256 want = sk_stats(p).earned;
	struct cdx_u256 now = mk_balance(p->kit, &p->account.account.addr);

	assert_false(cdx_u256_is_zero(&want));
	assert_int_equal(cdx_u256_add(&want, &want, before), 0);
	mk_assert_amount(&now, &want, "earned");
}

static void test_life(void **state)
{
	struct provider p;
	struct mk_request rq;
	struct cdx_u256 before;
	unsigned mine;

	(void)state;
	sk_open(&bench, &p, &rq);
	before = mk_balance(&bench.kit, &p.account.account.addr);
	mine = sk_sell(&bench, &p, &rq);
	sk_assert_used(&p, rq.r.ask.slot_size, sk_collateral(&rq));
	/* rows of zeros behind the last block are charged to nobody */
	assert_int_equal(cdx_kv_counter(p.env.store, CDX_CNT_USED_PROVIDER),
			 sk_charged(&bench));
	assert_int_equal(mk_request_state(&bench.kit, &rq.id),
			 CDX_REQUEST_STARTED);
	(void)until_proven(&p, &rq, until_proven(&p, &rq, 0));
	sk_pay_out(&bench, &p, &rq);
	assert_int_equal(mk_slot_state(&bench.kit, &rq.slot[mine]),
			 CDX_SLOT_PAID);
	assert_int_equal(sk_stats(&p).finished, 1);
	assert_earned(&p, &before);
	sk_close(&bench, &p);
}

/* ---- restarts ---- */

static void restart(struct provider *p)
{
	sk_end(p);
	sk_begin(p);
}

/* In each state in which something is out: before it is in a block, and behind */
static void test_restart(void **state)
{
	struct provider p;
	struct mk_request rq;
	struct cdx_u256 before;
	struct cdx_sale_info info;
	uint64_t period;
	unsigned mine;

	(void)state;
	sk_open(&bench, &p, &rq);
	before = mk_balance(&bench.kit, &p.account.account.addr);
	mk_post(&bench.kit, &bench.client, &rq);
	mk_automine(&bench.kit, false);
	sk_begin(&p);
	sk_until_pooled(&p, 1);
	mine = sk_hold_state(&p, &rq, CDX_SALE_RESERVING);
	restart(&p);
	assert_int_equal(sk_hold_state(&p, &rq, CDX_SALE_RESERVING), mine);
	sk_assert_used(&p, rq.r.ask.slot_size, sk_collateral(&rq));
	atomic_store(&bench.host.way, HOST_BUSY);
	mk_automine(&bench.kit, true);
	mk_mine(&bench.kit, 1);
	assert_int_equal(sk_until_state(&p, &rq, CDX_SALE_DOWNLOADING), mine);
	restart(&p);
	assert_int_equal(sk_until_state(&p, &rq, CDX_SALE_DOWNLOADING), mine);
	atomic_store(&bench.host.way, HOST_HONEST);
	mk_settle(&bench.kit, &rq.slot[mine]);
	mk_automine(&bench.kit, false);
	assert_int_equal(sk_hold_state(&p, &rq, CDX_SALE_FILLING), mine);
	sk_until_pooled(&p, 1); /* the allowance */
	restart(&p);
	assert_int_equal(sk_hold_state(&p, &rq, CDX_SALE_FILLING), mine);
	mk_mine(&bench.kit, 1);
	sk_until_pooled(&p, 1); /* the fill */
	restart(&p);
	assert_int_equal(sk_hold_state(&p, &rq, CDX_SALE_FILLING), mine);
	mk_automine(&bench.kit, true);
	mk_mine(&bench.kit, 1);
	assert_int_equal(sk_until_state(&p, &rq, CDX_SALE_PROVING), mine);
	restart(&p);
	assert_int_equal(sk_until_state(&p, &rq, CDX_SALE_PROVING), mine);
	sk_assert_used(&p, rq.r.ask.slot_size, sk_collateral(&rq));
	sk_fill_others(&bench, &rq, mine);
	/* a proof of before is not made again */
	period = until_proven(&p, &rq, 0);
	restart(&p);
	assert_int_equal(sk_until_state(&p, &rq, CDX_SALE_PROVING), mine);
	assert_true(sk_agent(&p, &rq.id, &info));
	assert_true(info.proven >= period);
	sk_go_to_end(&bench, &rq);
	mk_automine(&bench.kit, false);
	sk_until_pooled(&p, 1);
	assert_int_equal(sk_hold_state(&p, &rq, CDX_SALE_PAYOUT), mine);
	restart(&p);
	assert_int_equal(sk_hold_state(&p, &rq, CDX_SALE_PAYOUT), mine);
	mk_automine(&bench.kit, true);
	mk_mine(&bench.kit, 1);
	sk_until_none(&p, &rq);
	assert_earned(&p, &before);
	restart(&p);
	assert_earned(&p, &before);
	sk_assert_clean(&p);
	sk_close(&bench, &p);
}

/* Whenever it may be: kills in the middle of things, until it is proven */
static void test_restart_random(void **state)
{
	const char *count = getenv("CDX_COUNT");
	unsigned rounds =
		count != NULL ? (unsigned)strtoul(count, NULL, 10) : 1;

	(void)state;
	for (unsigned round = 0; round < rounds; round++) {
		struct provider p;
		struct mk_request rq;

		sk_open(&bench, &p, &rq);
		mk_post(&bench.kit, &bench.client, &rq);
		for (unsigned i = 0; i < 12; i++) {
			struct timespec t = {
				.tv_nsec = (long)seed_below(&bench.kit.seed,
							    300000000)};

			sk_begin(&p);
			nanosleep(&t, NULL);
			sk_end(&p);
			mk_mine(&bench.kit, 1);
		}
		sk_begin(&p);
		sk_fill_others(&bench, &rq,
			       sk_until_state(&p, &rq, CDX_SALE_PROVING));
		sk_assert_used(&p, rq.r.ask.slot_size, sk_collateral(&rq));
		sk_pay_out(&bench, &p, &rq);
		sk_close(&bench, &p);
	}
}

/* ---- others are faster, or it ends ---- */

/* Two want the same slot of a request from before they came: one gets it, the other
 * has everything back (defect 3 of spec/marketplace.md 10.2) */
struct race {
	struct provider *p[2];
	const struct mk_request *rq;
	unsigned winner;
};

static bool is_won(void *arg)
{
	struct race *r = arg;
	struct cdx_sale_info info;

	for (unsigned i = 0; i < 2; i++) {
		r->winner = i;
		if (sk_agent(r->p[i], &r->rq->id, &info) &&
		    info.state == CDX_SALE_PROVING)
			return !sk_agent(r->p[1 - i], &r->rq->id, &info);
	}
	return false;
}

static void test_race(void **state)
{
	struct provider p;
	struct provider q;
	struct mk_request rq;
	struct race r = {{&p, &q}, &rq, 0};

	(void)state;
	sk_open(&bench, &p, &rq);
	sk_provider(&bench.kit, &q, &bench.host);
	mk_post(&bench.kit, &bench.client, &rq);
	sk_fill_others(&bench, &rq, 1);
	sk_begin(&p);
	sk_begin(&q);
	sk_until(&bench.kit, is_won, &r, "one has it, the other has not");
	assert_memory_equal(mk_host(&bench.kit, &rq.slot[1]).b,
			    cdx_sender_addr(r.p[r.winner]->account.sender)->b,
			    20);
	sk_assert_clean(r.p[1 - r.winner]);
	sk_assert_used(r.p[r.winner], rq.r.ask.slot_size, sk_collateral(&rq));
	sk_pay_out(&bench, r.p[r.winner], &rq);
	sk_provider_free(&q);
	sk_provider_free(&p);
}

/* Its expiry passes while the slot comes: everything goes back; and again for one
 * that was filled in a request that never started: reward until the expiry, and the
 * collateral (defect 3) */
static void test_cancelled(void **state)
{
	struct provider p;
	struct mk_request rq;
	struct cdx_u256 before;
	unsigned mine;

	(void)state;
	sk_open(&bench, &p, &rq);
	before = mk_balance(&bench.kit, &p.account.account.addr);
	mk_post(&bench.kit, &bench.client, &rq);
	mk_automine(&bench.kit, false);
	sk_begin(&p);
	sk_until_pooled(&p, 1);
	atomic_store(&bench.host.way, HOST_BUSY);
	mk_automine(&bench.kit, true);
	mk_mine(&bench.kit, 1);
	(void)sk_until_state(&p, &rq, CDX_SALE_DOWNLOADING);
	mk_go_to(&bench.kit, rq.posted + rq.r.expiry + 1);
	sk_until_none(&p, &rq);
	sk_assert_clean(&p);
	atomic_store(&bench.host.way, HOST_HONEST);

	mk_request(&bench.kit, &bench.client, &rq);
	mk_post(&bench.kit, &bench.client, &rq);
	mine = sk_until_state(&p, &rq, CDX_SALE_PROVING);
	mk_go_to(&bench.kit, rq.posted + rq.r.expiry + 1);
	sk_until_none(&p, &rq);
	assert_int_equal(mk_slot_state(&bench.kit, &rq.slot[mine]),
			 CDX_SLOT_PAID);
	assert_earned(&p, &before);
	sk_assert_clean(&p);
	sk_close(&bench, &p);
}

/* Too near the expiry, our own client's, of a dataset that nobody has: not touched */
static bool is_idle(void *arg)
{
	struct provider *p = arg;
	struct cdx_sales_stats st = sk_stats(p);
	unsigned n = 0;

	for (unsigned i = 0; i < CDX_SALE_STATES; i++)
		n += st.by_state[i];
	return st.started > 0 && n == 0;
}

static void test_passed_over(void **state)
{
	struct provider p;
	struct mk_request rq;

	(void)state;
	sk_open(&bench, &p, &rq);
	rq.r.expiry = 200;
	mk_request_ids(&rq);
	mk_post(&bench.kit, &bench.client, &rq);
	p.opts.has_client = true;
	p.opts.client = bench.client.account.addr;
	sk_begin(&p);
	mk_request(&bench.kit, &bench.client, &rq);
	mk_post(&bench.kit, &bench.client, &rq);
	sk_until(&bench.kit, is_idle, &p, "a look at it");
	assert_int_equal(sk_stats(&p).started, 1);
	assert_int_equal(sk_stats(&p).queued, 0);
	sk_end(&p);

	p.opts.has_client = false;
	atomic_store(&bench.host.way, HOST_SILENT);
	host_stop(&bench.host);
	sk_begin(&p);
	sk_until(&bench.kit, is_idle, &p, "a try");
	sk_assert_clean(&p);
	/* it is there again when there is reason to look again */
	sk_bench_host(&bench);
	xk_know(&p.x, &bench.host);
	cdx_sales_offers_changed(p.sales);
	(void)sk_until_state(&p, &rq, CDX_SALE_PROVING);
	sk_provider_free(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restart_random),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_passed_over),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: sales URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	args = argv;
	/* names with * and ?, for who looks for a fault */
	cmocka_set_test_filter(getenv("CDX_TEST_ONLY"));
	return cmocka_run_group_tests_name("market/sales", tests, group_setup,
					   group_teardown);
}
