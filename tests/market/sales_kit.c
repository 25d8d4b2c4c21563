/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/market/sales_kit.h"

#include "base/clock.h"

/* ---- the bench ---- */

void sk_bench_host(struct sk_bench *b)
{
	host_start(&b->host, b->kit.store.s, HOST_HONEST);
}

void sk_bench_open(struct sk_bench *b, const char *what, char **args)
{
	memset(b, 0, sizeof(*b));
	mk_start(&b->kit, what, args, NULL);
	sk_bench_host(b);
	mk_account(&b->kit, &b->client);
	mk_account(&b->kit, &b->other);
}

void sk_bench_close(struct sk_bench *b)
{
	mk_sender_drop(&b->kit, &b->client);
	mk_sender_drop(&b->kit, &b->other);
	host_stop(&b->host);
	mk_stop(&b->kit);
}

/* What accounts, the contract and the burned ones have together */
static struct cdx_u256 total(struct sk_bench *b, const struct provider *p)
{
	struct cdx_addr dead = {{0}};
	const struct cdx_addr *who[] = {&b->client.account.addr,
					&b->other.account.addr,
					&p->account.account.addr,
					&b->kit.contract, &dead};
	struct cdx_u256 sum = cdx_u256_of(0);

	dead.b[18] = 0xde;
	dead.b[19] = 0xad;
	for (unsigned i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
		struct cdx_u256 v = mk_balance(&b->kit, who[i]);

		assert_int_equal(cdx_u256_add(&sum, &sum, &v), 0);
	}
	return sum;
}

void sk_open(struct sk_bench *b, struct provider *p, struct mk_request *rq)
{
	sk_provider(&b->kit, p, &b->host);
	mk_request(&b->kit, &b->client, rq);
	b->total = total(b, p);
}

void sk_close(struct sk_bench *b, struct provider *p)
{
	struct cdx_u256 now = total(b, p);

	mk_assert_amount(&now, &b->total, "all tokens");
	sk_provider_free(p);
}

void sk_fill_others(struct sk_bench *b, const struct mk_request *rq,
		    unsigned but)
{
	for (unsigned i = 0; i < rq->r.ask.slots; i++)
		if (i != but)
			mk_fill(&b->kit, &b->other, rq, i);
}

unsigned sk_sell(struct sk_bench *b, struct provider *p, struct mk_request *rq)
{
	unsigned mine;

	sk_begin(p);
	mk_post(&b->kit, &b->client, rq);
	mine = sk_until_state(p, rq, CDX_SALE_PROVING);
	sk_fill_others(b, rq, mine);
	return mine;
}

void sk_go_to_end(struct sk_bench *b, const struct mk_request *rq)
{
	mk_go_to(&b->kit, rq->posted + rq->r.ask.duration + 1);
}

void sk_pay_out(struct sk_bench *b, struct provider *p,
		const struct mk_request *rq)
{
	sk_go_to_end(b, rq);
	sk_until_none(p, rq);
	sk_assert_clean(p);
}

uint64_t sk_collateral(const struct mk_request *rq)
{
	struct cdx_u256 v;
	uint64_t n;

	assert_int_equal(cdx_ask_slot_collateral(&v, &rq->r.ask), 0);
	assert_int_equal(cdx_u256_to_u64(&n, &v), 0);
	return n;
}

uint64_t sk_charged(const struct sk_bench *b)
{
	return b->kit.slots.g.steps * b->kit.data.block_size;
}

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
	uint64_t patience = UINT64_C(1000000000);
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

unsigned sk_hold_state(struct provider *p, const struct mk_request *rq,
		       enum cdx_sale_state state)
{
	struct wait w = {.p = p, .rq = rq, .state = state};

	mk_until(p->kit, is_in_state, &w, cdx_sale_state_name(state));
	return (unsigned)w.info.index;
}

struct pooled {
	struct provider *p;
	unsigned n;
};

static bool is_pooled(void *arg)
{
	struct pooled *w = arg;
	struct cdx_sender_stats st;

	cdx_sender_stats(w->p->account.sender, &st);
	return st.waiting >= w->n && st.sent > 0;
}

void sk_until_pooled(struct provider *p, unsigned n)
{
	struct pooled w = {p, n};

	mk_until(p->kit, is_pooled, &w, "a transaction that waits");
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

struct counted {
	struct provider *p;
	uint64_t started;
	uint64_t lost;
};

static bool is_counted(void *arg)
{
	struct counted *w = arg;
	struct cdx_sales_stats st = sk_stats(w->p);

	return st.started >= w->started && st.lost >= w->lost;
}

void sk_until_started(struct provider *p, uint64_t n)
{
	struct counted w = {.p = p, .started = n};

	sk_until(p->kit, is_counted, &w, "agents");
}

void sk_until_lost(struct provider *p, uint64_t n)
{
	struct counted w = {.p = p, .lost = n};

	sk_until(p->kit, is_counted, &w, "a slot that is lost");
}

void sk_until_filled(struct provider *p, const struct mk_request *rq,
		     unsigned slot)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	uint64_t end = cdx_clock_mono_ns() + MK_WAIT_S * UINT64_C(1000000000);
	unsigned i = 0;

	while (mk_slot_state(p->kit, &rq->slot[slot]) != CDX_SLOT_FILLED) {
		if (cdx_clock_mono_ns() > end)
			fail_msg("waited for in vain: a fill");
		nanosleep(&pause, NULL);
		/* periods in which a proof may be made */
		if (++i % 50 == 0)
			mk_next_period(p->kit);
		else
			mk_mine(p->kit, 1);
	}
	assert_memory_equal(mk_host(p->kit, &rq->slot[slot]).b,
			    p->account.account.addr.b, 20);
}

struct allowed {
	struct provider *p;
	struct cdx_await *await;
	struct cdx_u256 v;
};

static void on_allowance(void *arg, int err, const struct cdx_u256 *v,
			 const struct cdx_revert *why)
{
	struct allowed *w = arg;

	(void)why;
	if (v != NULL)
		w->v = *v;
	cdx_await_done(w->await, err);
}

static void ask_allowance(void *arg, struct cdx_await *a)
{
	struct allowed *w = arg;
	int rc;

	w->await = a;
	rc = cdx_token_allowance(w->p->env.market, &w->p->account.account.addr,
				 &w->p->kit->contract, on_allowance, w);
	if (rc < 0)
		cdx_await_done(a, rc);
}

uint64_t sk_allowance(struct provider *p)
{
	struct allowed w = {.p = p};
	uint64_t n;

	assert_int_equal(cdx_await(p->env.loop, ask_allowance, &w), 0);
	assert_int_equal(cdx_u256_to_u64(&n, &w.v), 0);
	return n;
}

/* ---- books ---- */

struct books {
	unsigned n;
	uint64_t size;
};

static int count(void *arg, const struct cdx_reservation *r)
{
	struct books *b = arg;

	b->n++;
	b->size += r->size;
	return 0;
}

static struct books books(struct provider *p)
{
	struct books b = {0};

	assert_int_equal(cdx_reservation_list(p->env.store, count, &b), 0);
	return b;
}

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
			 o.free + books(p).size);
}

void sk_assert_clean(struct provider *p)
{
	struct tmp_findings v;

	sk_assert_used(p, 0, 0);
	assert_int_equal(cdx_kv_counter(p->env.store, CDX_CNT_USED_PROVIDER),
			 0);
	assert_int_equal(books(p).n, 0);
	tmp_fsck(p->x.store, &v);
	assert_int_equal(v.n, 0);
}
