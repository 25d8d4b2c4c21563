/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What purchases cost, and what there is for them. */
#include "config.h"

#include "market/purchase_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Never on the chain, and never will be */
static bool is_void(const struct purchase *b)
{
	return b->foreign || (b->rec.state == CDX_PURCHASE_ERRORED &&
			      !b->rec.posted && b->rec.retry_at == 0);
}

static struct cdx_u256 net(const struct purchase *b)
{
	struct cdx_u256 left;

	if (cdx_u256_sub(&left, &b->price, &b->rec.returned) < 0)
		left = cdx_u256_of(0);
	return left;
}

struct cdx_buy_cost *purchase_costs(const struct cdx_purchasing *p, size_t *n)
{
	struct cdx_buy_cost *costs;
	size_t room = 0;

	*n = 0;
	cdx_list_foreach(pos, &p->all)
		room++;
	costs = calloc(room > 0 ? room : 1, sizeof(*costs));
	if (costs == NULL)
		return NULL;
	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);

		if (is_void(b))
			continue;
		costs[*n].at = b->rec.created;
		costs[(*n)++].amount = net(b);
	}
	return costs;
}

bool purchase_budget(const struct cdx_purchasing *p,
		     const struct cdx_u256 *price, struct cdx_u256 *missing)
{
	const struct cdx_purchase_policy *policy = &p->opts.policy;
	struct cdx_buy_cost *costs;
	struct cdx_u256 spent;
	size_t n;

	*missing = cdx_u256_of(0);
	if (!policy->has_budget)
		return true;
	costs = purchase_costs(p, &n);
	if (costs == NULL)
		return false;
	spent = cdx_buy_spent(costs, n,
			      cdx_clock_wall_s() - (int64_t)policy->budget_s);
	free(costs);
	return cdx_buy_fits(policy, &spent, price, missing);
}

bool purchase_balance(const struct cdx_purchasing *p,
		      const struct cdx_u256 *price, struct cdx_u256 *missing)
{
	struct cdx_u256 sum = *price;

	*missing = cdx_u256_of(0);
	if (!p->has_balance)
		return false;
	/* what others will take from it first */
	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);

		if (!b->foreign && b->rec.state == CDX_PURCHASE_PENDING &&
		    cdx_u256_add(&sum, &sum, &b->price) < 0)
			sum = cdx_u256_max;
	}
	return cdx_u256_sub(missing, &sum, &p->balance) < 0 ||
	       cdx_u256_is_zero(missing);
}

static void on_balance(void *arg, int err, const struct cdx_u256 *v,
		       const struct cdx_revert *why)
{
	struct cdx_purchasing *p = arg;

	(void)why;
	p->asking_balance = false;
	if (err < 0)
		return;
	p->has_balance = true;
	p->balance = *v;
	p->stale = true;
	if (p->decide)
		purchase_decide(p);
	purchase_soon(p);
}

void purchase_ask_balance(struct cdx_purchasing *p)
{
	if (p->asking_balance)
		return;
	p->asking_balance = cdx_token_balance(p->env->market, &p->client,
					      on_balance, p) == 0;
}

struct cdx_u256 purchase_came_back(const struct purchase *b,
				   const struct cdx_sent *sent)
{
	const struct cdx_addr *market = cdx_marketplace_addr(b->p->env->market);
	struct cdx_u256 sum = cdx_u256_of(0);
	struct cdx_market_event e;

	for (size_t i = 0; i < sent->n_logs; i++) {
		if (cdx_market_event_decode(&e, &sent->logs[i]) < 0 ||
		    e.kind != CDX_EVENT_TRANSFER ||
		    memcmp(e.from.b, market->b, sizeof(market->b)) != 0 ||
		    memcmp(e.to.b, b->rec.what.client.b, sizeof(e.to.b)) != 0)
			continue;
		if (cdx_u256_add(&sum, &sum, &e.value) < 0)
			sum = cdx_u256_max;
	}
	return sum;
}

/* ---- which renewals can be paid ---- */

/* A renewal to come */
struct coming {
	struct purchase *b;
	struct cdx_buy_cost cost;
};

static int cmp_coming(const void *a, const void *b)
{
	const struct coming *x = a;
	const struct coming *y = b;

	return (x->cost.at > y->cost.at) - (x->cost.at < y->cost.at);
}

/* The price of the request that would follow this one */
static struct cdx_u256 renewal_price(const struct purchase *b)
{
	const struct cdx_purchase_policy *policy = &b->p->opts.policy;
	struct cdx_ask ask = b->rec.what.ask;
	struct cdx_u256 price;

	ask.price = cdx_buy_price(policy, &ask.price, false);
	ask.duration = policy->terms.duration;
	return cdx_ask_max_price(&price, &ask) == 0 ? price : cdx_u256_max;
}

bool purchase_is_followed(const struct purchase *b)
{
	return !b->foreign && b->rec.area != 0 && b->has_cid &&
	       b->rec.state == CDX_PURCHASE_STARTED;
}

static size_t collect(struct cdx_purchasing *p, struct coming *list)
{
	int64_t now = cdx_head_now(p->env->head);
	int64_t wall = cdx_clock_wall_s();
	size_t n = 0;

	cdx_list_foreach(pos, &p->all) {
		struct purchase *b = cdx_list_entry(pos, struct purchase, link);
		uint64_t lead;

		b->funded = false;
		if (!purchase_is_followed(b))
			continue;
		if (b->rec.renewed) {
			/* that one is paid already, or waits to be */
			b->funded = true;
			continue;
		}
		lead = cdx_buy_lead(&p->opts.policy, b->rec.what.ask.duration);
		list[n].b = b;
		list[n].cost.at = wall + (b->rec.end - (int64_t)lead - now);
		list[n++].cost.amount = renewal_price(b);
	}
	qsort(list, n, sizeof(*list), cmp_coming);
	return n;
}

/* What nobody will take before the renewals */
static struct cdx_u256 free_balance(const struct cdx_purchasing *p)
{
	struct cdx_u256 left = p->balance;

	cdx_list_foreach(pos, &p->all) {
		const struct purchase *b =
			cdx_list_entry(pos, struct purchase, link);

		if (!b->foreign && b->rec.state == CDX_PURCHASE_PENDING &&
		    cdx_u256_sub(&left, &left, &b->price) < 0)
			return cdx_u256_of(0);
	}
	return left;
}

void purchase_fund(struct cdx_purchasing *p)
{
	struct cdx_u256 missing = cdx_u256_of(0);
	struct cdx_buy_cost *costs = NULL;
	struct cdx_buy_cost *renewals;
	struct cdx_buy_funds funds;
	struct coming *list;
	size_t n_costs = 0;
	size_t paid = 0;
	size_t n;

	n = 1;
	cdx_list_foreach(pos, &p->all)
		n++;
	list = calloc(n, sizeof(*list));
	renewals = calloc(n, sizeof(*renewals));
	costs = purchase_costs(p, &n_costs);
	if (list != NULL && renewals != NULL && costs != NULL) {
		n = collect(p, list);
		for (size_t i = 0; i < n; i++)
			renewals[i] = list[i].cost;
		funds = (struct cdx_buy_funds){free_balance(p), costs, n_costs};
		if (p->has_balance)
			paid = cdx_buy_funded(&p->opts.policy, &funds, renewals,
					      n, &missing);
		for (size_t i = 0; i < n; i++) {
			list[i].b->funded = i < paid;
			list[i].b->missing = missing;
		}
	}
	free(list);
	free(renewals);
	free(costs);
}
