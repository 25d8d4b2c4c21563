/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/market/sales_kit.h"

#include "base/clock.h"

/* ---- a provider ---- */

void sk_provider(struct mk *kit, struct provider *p, const struct host *h)
{
	memset(p, 0, sizeof(*p));
	p->kit = kit;
	xk_start(&p->x);
	if (h != NULL)
		xk_know(&p->x, h);
	mk_account(kit, &p->account);
	p->env = kit->env;
	p->env.store = p->x.store->s;
	p->env.exchange = p->x.ex;
	p->opts.stake = cdx_u256_of(UINT64_C(10000000000000000));
	p->opts.fill_margin_s = 240;
	p->offer = (struct cdx_offer){
		.total = SK_FREE,
		.duration = 100000,
		.min_price = cdx_u256_of(1),
		.collateral = cdx_u256_of(UINT64_C(100) * SK_FREE),
		.enabled = true};
	assert_int_equal(cdx_offer_add(p->env.store, &p->offer), 0);
}

void sk_provider_free(struct provider *p)
{
	if (p->sales != NULL)
		sk_end(p);
	mk_sender_drop(p->kit, &p->account);
	xk_end(&p->x);
}

static void begin(void *arg)
{
	struct provider *p = arg;
	const struct cdx_prover_keys keys = mk_keys(p->kit);
	struct cdx_proving_opts proving = {.sender = p->account.sender,
					   .stake = p->opts.stake};

	assert_int_equal(cdx_market_events_new(&p->events, &p->env), 0);
	assert_int_equal(cdx_allowance_new(&p->allowance, &p->env,
					   p->account.sender),
			 0);
	assert_int_equal(cdx_prover_new(&p->prover, &p->env, &keys), 0);
	proving.events = p->events;
	proving.prover = p->prover;
	assert_int_equal(cdx_proving_new(&p->proving, &p->env, &proving), 0);
	p->opts.sender = p->account.sender;
	p->opts.allowance = p->allowance;
	p->opts.events = p->events;
	p->opts.prover = p->prover;
	p->opts.proving = p->proving;
	assert_int_equal(cdx_sales_new(&p->sales, &p->env, &p->opts), 0);
}

void sk_begin(struct provider *p)
{
	if (p->account.sender == NULL)
		mk_sender_make(p->kit, &p->account);
	mk_on_loop(p->kit, begin, p);
}

static void end(void *arg)
{
	struct provider *p = arg;

	cdx_sales_free(p->sales);
	cdx_proving_free(p->proving);
	cdx_prover_free(p->prover);
	cdx_allowance_free(p->allowance);
	cdx_market_events_free(p->events);
	p->sales = NULL;
}

void sk_end(struct provider *p)
{
	mk_on_loop(p->kit, end, p);
	mk_sender_drop(p->kit, &p->account);
}

/* ---- looking ---- */

enum cdx_sale_state sk_state(struct provider *p, const struct cdx_b32 *slot)
{
	struct cdx_sale_info info;

	return cdx_sales_get(p->sales, slot, &info) == 0 ? info.state
							 : CDX_SALE_STATES;
}

struct find {
	const struct cdx_b32 *request;
	struct cdx_sale_info *out;
	bool found;
};

static int find(void *arg, const struct cdx_sale_info *info)
{
	struct find *f = arg;

	if (f->found ||
	    memcmp(info->request.b, f->request->b, sizeof(f->request->b)) != 0)
		return 0;
	*f->out = *info;
	f->found = true;
	return 0;
}

bool sk_agent(struct provider *p, const struct cdx_b32 *request,
	      struct cdx_sale_info *out)
{
	struct find f = {.request = request, .out = out};

	assert_int_equal(cdx_sales_list(p->sales, find, &f), 0);
	return f.found;
}

static void look(void *arg);

struct look {
	bool (*fn)(void *arg);
	void *arg;
	bool yes;
};

static void look(void *arg)
{
	struct look *l = arg;

	l->yes = l->fn(l->arg);
}

void sk_until(struct mk *kit, bool (*fn)(void *arg), void *arg,
	      const char *what)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	uint64_t begun = cdx_clock_mono_ns();
	uint64_t patience = UINT64_C(2000000000);
	uint64_t moved = begun;
	struct look l = {.fn = fn, .arg = arg};

	for (unsigned i = 1;; i++) {
		uint64_t now = cdx_clock_mono_ns();

		mk_on_loop(kit, look, &l);
		if (l.yes)
			return;
		if (now - begun > MK_WAIT_S * UINT64_C(1000000000))
			fail_msg("waited for in vain: %s", what);
		nanosleep(&pause, NULL);
		if (now - moved > patience) {
			mk_next_period(kit);
			moved = now;
			/* however slow the machine is */
			patience += patience / 2;
		} else if (i % 10 == 0) {
			mk_mine(kit, 1);
		}
	}
}

struct wait {
	struct provider *p;
	const struct mk_request *rq;
	enum cdx_sale_state state;
	struct cdx_sale_info info;
};

static bool is_in_state(void *arg)
{
	struct wait *w = arg;

	return sk_agent(w->p, &w->rq->id, &w->info) &&
	       w->info.state == w->state;
}

static bool is_none(void *arg)
{
	struct wait *w = arg;

	return !sk_agent(w->p, &w->rq->id, &w->info);
}

unsigned sk_until_state(struct provider *p, const struct mk_request *rq,
			enum cdx_sale_state state)
{
	struct wait w = {.p = p, .rq = rq, .state = state};

	sk_until(p->kit, is_in_state, &w, cdx_sale_state_name(state));
	return (unsigned)w.info.index;
}

void sk_until_none(struct provider *p, const struct mk_request *rq)
{
	struct wait w = {.p = p, .rq = rq};

	sk_until(p->kit, is_none, &w, "no agent");
}

struct cdx_sales_stats sk_stats(struct provider *p)
{
	struct cdx_sales_stats st;

	cdx_sales_stats(p->sales, &st);
	return st;
}

/* ---- books ---- */

void sk_assert_used(struct provider *p, uint64_t bytes, uint64_t collateral)
{
	struct cdx_store *s = p->env.store;
	struct cdx_u256 want = cdx_u256_of(collateral);
	struct cdx_offer o;

	assert_int_equal(cdx_offer_get(s, p->offer.id, &o), 0);
	assert_int_equal(o.total, SK_FREE);
	assert_int_equal(o.free, SK_FREE - bytes);
	assert_int_equal(cdx_u256_add(&want, &want, &o.remaining), 0);
	mk_assert_amount(&want, &o.collateral, "collateral of the offer");
	assert_int_equal(cdx_kv_counter(s, CDX_CNT_RESERVED_PROVIDER),
			 SK_FREE - bytes);
}

static int count(void *arg, const struct cdx_reservation *r)
{
	(void)r;
	++*(unsigned *)arg;
	return 0;
}

void sk_assert_clean(struct provider *p)
{
	struct tmp_findings v;
	unsigned n = 0;

	sk_assert_used(p, 0, 0);
	assert_int_equal(cdx_kv_counter(p->env.store, CDX_CNT_USED_PROVIDER),
			 0);
	assert_int_equal(cdx_reservation_list(p->env.store, count, &n), 0);
	assert_int_equal(n, 0);
	tmp_fsck(p->x.store, &v);
	assert_int_equal(v.n, 0);
}
