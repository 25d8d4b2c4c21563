/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/purchase_policy.h"

#define DAY_S INT64_C(86400)
/* What failed on the chain is bought again soon, since nobody keeps it now; but not
 * over and over */
#define PAUSE_S INT64_C(60)

uint64_t cdx_buy_window(const struct cdx_purchase_policy *policy,
			uint64_t duration)
{
	uint64_t most = duration / 4;

	return policy->renew_s < most ? policy->renew_s : most;
}

uint64_t cdx_buy_lead(const struct cdx_purchase_policy *policy,
		      uint64_t duration)
{
	uint64_t most = duration / 4;
	uint64_t twice = policy->terms.expiry < most / 2
				 ? 2 * policy->terms.expiry
				 : most;

	return cdx_buy_window(policy, duration) + twice;
}

/* @data may be 0 for a segment of which nothing is known */
static bool worth_it(const struct cdx_purchase_policy *policy,
		     const struct cdx_buy_case *c)
{
	return c->live / 100 >= c->data / 100 * policy->live_percent / 100 ||
	       c->live >= c->data;
}

/* What is to be done once its request runs out, or has */
static enum cdx_buy_action go_on(const struct cdx_purchase_policy *policy,
				 const struct cdx_buy_case *c, int64_t left)
{
	if (!c->listed)
		return c->needed ? CDX_BUY_RENEW : CDX_BUY_NOTHING;
	if (c->far || worth_it(policy, c))
		return CDX_BUY_RENEW;
	/* compaction that does not come to an end must not cost the data */
	if (left <= (int64_t)cdx_buy_window(policy, c->duration) && c->live > 0)
		return CDX_BUY_RENEW;
	return CDX_BUY_COMPACT;
}

static enum cdx_buy_action expired(const struct cdx_buy_case *c, int64_t wall)
{
	if (!c->listed && !c->needed)
		return CDX_BUY_NOTHING;
	if (c->dearest && wall < c->ended + DAY_S)
		return CDX_BUY_NOTHING;
	return CDX_BUY_RAISE;
}

enum cdx_buy_action cdx_buy_decide(const struct cdx_purchase_policy *policy,
				   const struct cdx_buy_case *c, int64_t now,
				   int64_t wall)
{
	int64_t left = c->end - now;

	if (!c->any)
		return c->listed ? CDX_BUY_FIRST : CDX_BUY_NOTHING;
	switch (c->state) {
	case CDX_PURCHASE_PENDING:
	case CDX_PURCHASE_SUBMITTED:
	case CDX_PURCHASE_UNKNOWN:
	case CDX_PURCHASE_STATES:
		return CDX_BUY_NOTHING;
	case CDX_PURCHASE_STARTED:
		if (left > (int64_t)cdx_buy_lead(policy, c->duration))
			return CDX_BUY_NOTHING;
		return go_on(policy, c, left);
	case CDX_PURCHASE_FINISHED:
		return c->settled ? go_on(policy, c, 0) : CDX_BUY_NOTHING;
	case CDX_PURCHASE_CANCELLED:
		return c->settled ? expired(c, wall) : CDX_BUY_NOTHING;
	case CDX_PURCHASE_FAILED:
		return CDX_BUY_NOTHING;
	case CDX_PURCHASE_ERRORED:
		if (!c->settled || c->again || wall < c->ended + PAUSE_S)
			return CDX_BUY_NOTHING;
		return go_on(policy, c, 0);
	}
	return CDX_BUY_NOTHING;
}

struct cdx_u256 cdx_buy_price(const struct cdx_purchase_policy *policy,
			      const struct cdx_u256 *last, bool raise)
{
	const struct cdx_u256 *least = &policy->terms.price;
	const struct cdx_u256 *most = &policy->max_price;
	const struct cdx_u256 one = cdx_u256_of(1);
	struct cdx_u256 price = *least;

	if (cdx_u256_cmp(most, least) < 0)
		most = least;
	if (last == NULL)
		return price;
	if (!raise)
		price = *last;
	else if (cdx_u256_scale(&price, last, 5, 4) < 0)
		price = *most;
	/* a quarter of so little is nothing */
	if (raise && cdx_u256_cmp(&price, last) == 0 &&
	    cdx_u256_add(&price, &price, &one) < 0)
		price = *most;
	if (cdx_u256_cmp(&price, least) < 0)
		price = *least;
	return cdx_u256_cmp(&price, most) > 0 ? *most : price;
}

/* ---- money ---- */

/* Sums that do not fit stay at the most there is: nothing fits beside them */
static void add(struct cdx_u256 *sum, const struct cdx_u256 *amount)
{
	if (cdx_u256_add(sum, sum, amount) < 0)
		*sum = cdx_u256_max;
}

struct cdx_u256 cdx_buy_spent(const struct cdx_buy_cost *costs, size_t n,
			      int64_t since)
{
	struct cdx_u256 sum = cdx_u256_of(0);

	for (size_t i = 0; i < n; i++)
		if (costs[i].at >= since)
			add(&sum, &costs[i].amount);
	return sum;
}

bool cdx_buy_fits(const struct cdx_purchase_policy *policy,
		  const struct cdx_u256 *spent, const struct cdx_u256 *price,
		  struct cdx_u256 *missing)
{
	struct cdx_u256 sum = *spent;

	*missing = cdx_u256_of(0);
	if (!policy->has_budget)
		return true;
	add(&sum, price);
	return cdx_u256_sub(missing, &sum, &policy->budget) < 0 ||
	       cdx_u256_is_zero(missing);
}

/* Costs within the budget's time before a moment that only goes forward */
struct window {
	const struct cdx_buy_cost *costs;
	size_t n;
	size_t from; /* the first that counts */
	struct cdx_u256 sum;
};

/* False: the sum is no number */
static bool window_add(struct window *w, const struct cdx_u256 *amount)
{
	return cdx_u256_add(&w->sum, &w->sum, amount) == 0;
}

static bool window_move(struct window *w, int64_t since)
{
	for (; w->from < w->n && w->costs[w->from].at < since; w->from++)
		if (cdx_u256_sub(&w->sum, &w->sum, &w->costs[w->from].amount) <
		    0)
			return false;
	return true;
}

/* What was spent within the budget's time before the renewal behind those in
 * @coming */
static bool spent_before(struct cdx_u256 *out, struct window *old,
			 struct window *coming, int64_t since)
{
	return window_move(old, since) && window_move(coming, since) &&
	       cdx_u256_add(out, &old->sum, &coming->sum) == 0;
}

size_t cdx_buy_funded(const struct cdx_purchase_policy *policy,
		      const struct cdx_buy_funds *funds,
		      const struct cdx_buy_cost *renewals, size_t n,
		      struct cdx_u256 *missing)
{
	struct window old = {.costs = funds->costs, .n = funds->n};
	struct window coming = {.costs = renewals};
	struct cdx_u256 total = cdx_u256_of(0);
	struct cdx_u256 spent = cdx_u256_of(0);
	bool sums = true;

	*missing = cdx_u256_of(0);
	for (size_t i = 0; i < old.n; i++)
		sums = sums && window_add(&old, &old.costs[i].amount);
	for (size_t i = 0; i < n; i++) {
		const struct cdx_buy_cost *r = &renewals[i];

		add(&total, &r->amount);
		if (cdx_u256_sub(missing, &total, &funds->balance) == 0 &&
		    !cdx_u256_is_zero(missing))
			return i;
		if (policy->has_budget &&
		    (!sums || !spent_before(&spent, &old, &coming,
					    r->at - (int64_t)policy->budget_s)))
			spent = cdx_u256_max;
		if (!cdx_buy_fits(policy, &spent, &r->amount, missing))
			return i;
		sums = sums && window_add(&coming, &r->amount);
		coming.n = i + 1;
	}
	return n;
}
