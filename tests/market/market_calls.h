/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_MARKET_MARKET_CALLS_H
#define CDX_TESTS_MARKET_MARKET_CALLS_H

/* Calls of the contract that block: what the kit's two parts share. */

#include "tests/market/market_kit.h"

/* What a call is given; which members it looks at is its own affair */
struct args {
	struct mk *kit;
	struct cdx_sender *from;
	struct cdx_addr addr;
	struct cdx_u256 amount;
	struct cdx_b32 id;
	uint64_t n; /* index or period */
	const struct cdx_storage_request *request;
	const struct cdx_proof_words *proof;
};

#define START(name, call) \
	static void name(void *arg, struct cdx_await *a) CHAIN_BEGIN(call)
/* of the senders' RPC, and of the test's own */
#define M in->kit->c.market
#define H in->kit->hand.market

/* Does it on the loop of the senders, and it must work */
static inline struct chain_op fine(cdx_await_fn *fn, struct args in,
				   const char *what)
{
	struct chain_op op;

	chain_fine(&op, chain_do(&in.kit->c, &op, fn, &in), what);
	return op;
}

/* The same for questions of the test's own */
static inline struct chain_op ask(cdx_await_fn *fn, struct args in,
				  const char *what)
{
	struct chain_op op;

	chain_fine(&op, chain_do(&in.kit->hand, &op, fn, &in), what);
	return op;
}

#endif
