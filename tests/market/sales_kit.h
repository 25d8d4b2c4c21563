/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_MARKET_SALES_KIT_H
#define CDX_TESTS_MARKET_SALES_KIT_H

/* Providers that sell on a real chain, with stores of their own, and the client's
 * exchange to fetch from.  Include after cmocka.h. */

#include "tests/market/market_kit.h"

#include "market/allowance.h"
#include "market/events.h"
#include "market/prover.h"
#include "market/proving.h"
#include "market/sales.h"
#include "tests/unit/exchange_kit.h"

#define SK_FREE (64u << 20) /* of an offer */

/* One that sells.  What it has of a process can be thrown away and made again over
 * the same store. */
struct provider {
	struct mk *kit;
	struct xk x;
	struct mk_account account;
	struct cdx_market_env env;
	struct cdx_offer offer;
	/* before it begins */
	struct cdx_sales_opts opts;
	/* a process */
	struct cdx_market_events *events;
	struct cdx_allowance *allowance;
	struct cdx_prover *prover;
	struct cdx_proving *proving;
	struct cdx_sales *sales;
};

/* The chain, the client's side, and a host by hand */
struct sk_bench {
	struct mk kit;
	struct host host; /* serves the client's store */
	struct mk_account client;
	struct mk_account other;
	struct cdx_u256 total; /* tokens, when the test began */
};
void sk_bench_open(struct sk_bench *b, const char *what, char **args);
void sk_bench_close(struct sk_bench *b);
/* The host again, after host_stop */
void sk_bench_host(struct sk_bench *b);
/* A provider and a request that is not posted */
void sk_open(struct sk_bench *b, struct provider *p, struct mk_request *rq);
/* Not a token was made or lost meanwhile */
void sk_close(struct sk_bench *b, struct provider *p);
/* All slots but one, by hand */
void sk_fill_others(struct sk_bench *b, const struct mk_request *rq,
		    unsigned but);
/* Its process begins, the request is posted; it fills one slot, whose index is
 * returned, and all others are filled by hand: the request has begun */
unsigned sk_sell(struct sk_bench *b, struct provider *p, struct mk_request *rq);
/* Past the end of the request */
void sk_go_to_end(struct sk_bench *b, const struct mk_request *rq);
/* The same, until its slot is paid out and everything is free again */
void sk_pay_out(struct sk_bench *b, struct provider *p,
		const struct mk_request *rq);
uint64_t sk_collateral(const struct mk_request *rq); /* of a slot */
uint64_t sk_charged(const struct sk_bench *b); /* bytes of a slot in a store */

/* A store, an account, and an offer that takes what mk_request asks for; knows @h */
void sk_provider(struct mk *kit, struct provider *p, const struct host *h);
void sk_provider_free(struct provider *p);
/* Its process begins and ends; the sender too */
void sk_begin(struct provider *p);
void sk_end(struct provider *p);

/* An agent's state; CDX_SALE_STATES: there is none */
enum cdx_sale_state sk_state(struct provider *p, const struct cdx_b32 *slot);
/* Its first agent of the request; false: it has none */
bool sk_agent(struct provider *p, const struct cdx_b32 *request,
	      struct cdx_sale_info *out);
/* Until @fn says so, while blocks are mined, and periods pass when nothing comes of
 * it */
void sk_until(struct mk *kit, bool (*fn)(void *arg), void *arg,
	      const char *what);
/* Until its agent of the request is in a state; returns the slot's index */
unsigned sk_until_state(struct provider *p, const struct mk_request *rq,
			enum cdx_sale_state state);
/* The same while no block is mined */
unsigned sk_hold_state(struct provider *p, const struct mk_request *rq,
		       enum cdx_sale_state state);
/* Until so many of its transactions wait for a block */
void sk_until_pooled(struct provider *p, unsigned n);
/* Until it has no agent of the request any more */
void sk_until_none(struct provider *p, const struct mk_request *rq);
/* Until so many agents were started in all, and so many slots lost */
void sk_until_started(struct provider *p, uint64_t n);
void sk_until_lost(struct provider *p, uint64_t n);
/* Until the slot is its own on the chain */
void sk_until_filled(struct provider *p, const struct mk_request *rq,
		     unsigned slot);
/* What the contract may take of its account */
uint64_t sk_allowance(struct provider *p);
struct cdx_sales_stats sk_stats(struct provider *p);
/* All of the offer is free again, nothing is reserved but that, nothing charged, the
 * store is sound */
void sk_assert_clean(struct provider *p);
/* The bytes that its slots take are in use, and nothing else */
void sk_assert_used(struct provider *p, uint64_t bytes, uint64_t collateral);

#endif
