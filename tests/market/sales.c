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

/* The client's side, and one provider */
struct bench {
	struct mk kit;
	struct host host; /* serves the client's store */
	struct mk_account client;
	struct mk_account other; /* a host by hand */
	struct provider p;
	struct mk_request rq;
};

static void open_bench(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	mk_start(&b->kit, "market/sales", args, NULL);
	host_start(&b->host, b->kit.store.s, HOST_HONEST);
	mk_account(&b->kit, &b->client);
	mk_account(&b->kit, &b->other);
	sk_provider(&b->kit, &b->p, &b->host);
	mk_request(&b->kit, &b->client, &b->rq);
}

static void close_bench(struct bench *b)
{
	sk_provider_free(&b->p);
	mk_sender_drop(&b->kit, &b->client);
	mk_sender_drop(&b->kit, &b->other);
	host_stop(&b->host);
	mk_stop(&b->kit);
}

static uint64_t slot_collateral(const struct bench *b)
{
	struct cdx_u256 v;
	uint64_t n;

	assert_int_equal(cdx_ask_slot_collateral(&v, &b->rq.r.ask), 0);
	assert_int_equal(cdx_u256_to_u64(&n, &v), 0);
	return n;
}

/* All tokens are where somebody can say: accounts, contract, the burned ones */
static void assert_all_tokens(struct bench *b, struct provider *const *p,
			      unsigned n)
{
	struct cdx_addr dead = {{0}};
	struct cdx_u256 sum = mk_balance(&b->kit, &b->client.account.addr);
	struct cdx_u256 v;

	dead.b[18] = 0xde;
	dead.b[19] = 0xad;
	for (unsigned i = 0; i < n + 3; i++) {
		const struct cdx_addr *a = i < n ? &p[i]->account.account.addr
					   : i == n	? &b->other.account.addr
					   : i == n + 1 ? &b->kit.contract
							: &dead;

		v = mk_balance(&b->kit, a);
		assert_int_equal(cdx_u256_add(&sum, &sum, &v), 0);
	}
	mk_assert_amount(&sum, &b->kit.minted, "all tokens");
}

/* ---- the whole life ---- */

static bool is_proven(void *arg)
{
	struct bench *b = arg;
	struct cdx_sale_info info;

	return sk_agent(&b->p, &b->rq.id, &info) && info.proven > 0;
}

static void test_life(void **state)
{
	struct provider *all[1];
	struct cdx_u256 before;
	struct cdx_u256 want;
	struct cdx_u256 pay;
	struct bench b;
	unsigned mine;

	(void)state;
	open_bench(&b);
	all[0] = &b.p;
	before = mk_balance(&b.kit, &b.p.account.account.addr);
	sk_begin(&b.p);
	mk_post(&b.kit, &b.client, &b.rq);
	mine = sk_until_state(&b.p, &b.rq, CDX_SALE_PROVING);
	sk_assert_used(&b.p, b.rq.r.ask.slot_size, slot_collateral(&b));
	/* rows of zeros behind the last block are charged to nobody */
	assert_int_equal(cdx_kv_counter(b.p.env.store, CDX_CNT_USED_PROVIDER),
			 b.kit.slots.g.steps * b.kit.data.block_size);
	for (unsigned i = 0; i < 3; i++) {
		if (i != mine)
			mk_fill(&b.kit, &b.other, &b.rq, i);
	}
	assert_int_equal(mk_request_state(&b.kit, &b.rq.id),
			 CDX_REQUEST_STARTED);
	sk_until(&b.kit, is_proven, &b, "a proof");
	mk_go_to(&b.kit, b.rq.posted + b.rq.r.ask.duration + 1);
	sk_until_none(&b.p, &b.rq);
	assert_int_equal(mk_slot_state(&b.kit, &b.rq.slot[mine]),
			 CDX_SLOT_PAID);
	assert_int_equal(sk_stats(&b.p).finished, 1);
	/* what was earned is what the account has more */
	want = sk_stats(&b.p).earned;
	assert_false(cdx_u256_is_zero(&want));
	assert_int_equal(cdx_u256_add(&want, &want, &before), 0);
	pay = mk_balance(&b.kit, &b.p.account.account.addr);
	mk_assert_amount(&pay, &want, "earned");
	assert_all_tokens(&b, all, 1);
	sk_assert_clean(&b.p);
	close_bench(&b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: sales URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	args = argv;
	return cmocka_run_group_tests_name("market/sales", tests, NULL, NULL);
}
