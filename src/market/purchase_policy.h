/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_PURCHASE_POLICY_H
#define CDX_MARKET_PURCHASE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "market/purchasing.h"

/* What is bought when, and what it may cost (docs/MARKET.md "Which segments, when",
 * "Money").  Pure, safe on any thread. */

/* Seconds before its end from which on a request does not count as safe any more:
 * renew_s, at most a quarter of its duration */
uint64_t cdx_buy_window(const struct cdx_purchase_policy *policy,
			uint64_t duration);
/* Seconds before its end at which it is renewed: as long before that as one request
 * and its dearer successor may take to start */
uint64_t cdx_buy_lead(const struct cdx_purchase_policy *policy,
		      uint64_t duration);

/* A segment, and the last request for it */
struct cdx_buy_case {
	bool listed;   /* protected and in the volume */
	bool needed;   /* not listed, but what took its extents is not safe */
	bool far;      /* its bytes are not here: it cannot be compacted */
	uint64_t data; /* bytes */
	uint64_t live; /* bytes */
	bool any;      /* there is a request; all below is of it */
	enum cdx_purchase_state state;
	bool settled;
	bool again;	   /* it was never sent, and the same will be tried */
	bool dearest;	   /* its price is the highest that is paid */
	uint64_t duration; /* seconds */
	int64_t end;	   /* the chain's time */
	int64_t ended;	   /* wall seconds; 0: it has not */
};
enum cdx_buy_action {
	CDX_BUY_NOTHING,
	CDX_BUY_FIRST, /* with others, when they are enough or it is old enough */
	CDX_BUY_RENEW, /* at the price of the last one */
	CDX_BUY_RAISE, /* at a quarter more */
	CDX_BUY_COMPACT,
};
/* @now: the chain's time; @wall: seconds */
enum cdx_buy_action cdx_buy_decide(const struct cdx_purchase_policy *policy,
				   const struct cdx_buy_case *c, int64_t now,
				   int64_t wall);
/* Price of a byte and second: of the first request (@last NULL), of a renewal, or
 * @raise: a quarter more than @last; never above what the policy allows */
struct cdx_u256 cdx_buy_price(const struct cdx_purchase_policy *policy,
			      const struct cdx_u256 *last, bool raise);

/* What was spent, or will be */
struct cdx_buy_cost {
	int64_t at; /* wall seconds */
	struct cdx_u256 amount;
};
/* Sum of those at or behind @since; 2^256 - 1 when there is no such sum */
struct cdx_u256 cdx_buy_spent(const struct cdx_buy_cost *costs, size_t n,
			      int64_t since);
/* Whether @price may be spent beside @spent; @missing: how much more the budget
 * would have to be */
bool cdx_buy_fits(const struct cdx_purchase_policy *policy,
		  const struct cdx_u256 *spent, const struct cdx_u256 *price,
		  struct cdx_u256 *missing);
/* What renewals are paid from: the account's tokens, and costs of before */
struct cdx_buy_funds {
	struct cdx_u256 balance;
	const struct cdx_buy_cost *costs; /* the oldest first */
	size_t n;
};
/* How many of @renewals (the earliest first) balance and budget pay for, each when
 * it comes, one behind the other: the first that they do not pay ends it.
 * @missing: what that one lacks, zero when all are paid */
size_t cdx_buy_funded(const struct cdx_purchase_policy *policy,
		      const struct cdx_buy_funds *funds,
		      const struct cdx_buy_cost *renewals, size_t n,
		      struct cdx_u256 *missing);

#endif
