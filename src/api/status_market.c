/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/clock.h"
#include "node/market.h"

/* A process's part in the market, for `status` (docs/FORMATS.md "Control socket"). */

static json_t *text_or_null(const char *text)
{
	return text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *time_or_null(int64_t t)
{
	return t <= 0 || t == INT64_MAX ? json_null() : json_integer(t);
}

/* ---- buying ---- */

struct stages {
	json_int_t n[CDX_STATE_PROVEN + 1];
};

static int count_stage(void *arg, const struct cdx_segment_info *info)
{
	struct stages *s = arg;

	if (info->is_protected && info->stage <= CDX_STATE_PROVEN)
		s->n[info->stage]++;
	return 0;
}

static json_t *segments_json(struct cdx_node *n)
{
	struct stages s = {.n = {0}};

	if (cdx_vol_segments(n->volume, count_stage, &s) < 0)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I}", "kept",
			 s.n[CDX_STATE_PROTECTED], "requested",
			 s.n[CDX_STATE_REQUESTED], "stored",
			 s.n[CDX_STATE_STORED], "proven",
			 s.n[CDX_STATE_PROVEN]);
}

/* The stored dataset that loses most when one host goes */
struct weakest {
	bool any;
	struct cdx_purchase_info info;
	uint32_t hosts; /* fewest of all */
};

/* Hosts that may go on top of the slots that have none now */
static uint64_t failures(const struct cdx_purchase_info *i)
{
	const struct cdx_ask *ask = &i->what.ask;
	uint64_t open = ask->slots > i->filled ? ask->slots - i->filled : 0;
	uint64_t worst = i->worst > 0 ? i->worst : 1;

	return open < ask->max_slot_loss ? (ask->max_slot_loss - open) / worst
					 : 0;
}

static int compare_purchase(void *arg, const struct cdx_purchase_info *info)
{
	struct weakest *w = arg;

	if (info->state != CDX_PURCHASE_STARTED || info->filled == 0)
		return 0;
	if (!w->any || info->hosts < w->hosts)
		w->hosts = info->hosts;
	if (!w->any || failures(info) < failures(&w->info))
		w->info = *info;
	w->any = true;
	return 0;
}

static json_t *durability_json(const struct cdx_market_parts *p)
{
	struct weakest w = {.any = false};

	if (cdx_purchasing_list(p->purchasing, compare_purchase, &w) < 0 ||
	    !w.any)
		return json_null();
	return json_pack(
		"{s:I, s:I, s:o, s:o, s:o}", "hosts", (json_int_t)w.hosts,
		"slotsOfOneHost", (json_int_t)w.info.worst, "until",
		time_or_null(w.info.end), "ninesUntilEnd",
		cdx_api_nines(&w.info, &p->config,
			      (double)(w.info.end - cdx_clock_wall_s())),
		"ninesInAYear",
		cdx_api_nines(&w.info, &p->config, CDX_DURABILITY_YEAR_S));
}

static json_t *patrol_json(const struct cdx_market_parts *p)
{
	struct cdx_patrol_stats st;

	if (p->patrol == NULL)
		return json_null();
	cdx_patrol_stats(p->patrol, &st);
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "rounds",
			 (json_int_t)st.rounds, "good", (json_int_t)st.good,
			 "bad", (json_int_t)st.bad, "silent",
			 (json_int_t)st.silent, "last", time_or_null(st.last));
}

static json_t *budget_json(const struct cdx_conf_market *c,
			   const struct cdx_purchasing_stats *st)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:I}", "limit",
			 c->policy.has_budget
				 ? cdx_api_u256_json(&c->policy.budget)
				 : json_null(),
			 "spent", cdx_api_u256_json(&st->spent), "committed",
			 cdx_api_u256_json(&st->committed), "returned",
			 cdx_api_u256_json(&st->returned), "seconds",
			 (json_int_t)c->policy.budget_s);
}

static void put_buying(json_t *j, struct cdx_node *n,
		       const struct cdx_market_parts *p,
		       const struct cdx_node_market_state *state)
{
	struct cdx_purchasing_stats st;
	json_t *by_state = json_object();

	cdx_purchasing_stats(p->purchasing, &st);
	for (unsigned i = 0; i < CDX_PURCHASE_STATES; i++)
		(void)json_object_set_new(by_state, cdx_purchase_state_name(i),
					  json_integer(st.by_state[i]));
	(void)json_object_update_new(
		j,
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:I, s:I, "
			  "s:o}",
			  "purchases", by_state, "durability",
			  durability_json(p), "budget",
			  budget_json(cdx_node_market_conf(n->market), &st),
			  "patrol", patrol_json(p), "alarm",
			  text_or_null(st.alarm), "waiting",
			  (json_int_t)st.waiting, "unpaid",
			  (json_int_t)st.unpaid, "nextEnd",
			  time_or_null(st.next_end), "toFetchBack",
			  (json_int_t)state->to_fetch, "fetchedBack",
			  (json_int_t)state->fetched, "fetchAlarm",
			  text_or_null(state->alarm)));
}

/* ---- selling ---- */

struct offers {
	json_int_t n;
	uint64_t total;
	uint64_t free;
};

static int add_offer(void *arg, const struct cdx_offer *o)
{
	struct offers *f = arg;

	f->n += o->enabled;
	f->total += o->total;
	f->free += o->enabled ? o->free : 0;
	return 0;
}

static json_t *offers_json(struct cdx_store *s)
{
	struct offers f = {.n = 0};

	if (cdx_offer_list(s, add_offer, &f) < 0)
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "enabled", f.n, "bytes",
			 (json_int_t)f.total, "free", (json_int_t)f.free);
}

static json_t *proofs_json(const struct cdx_market_parts *p)
{
	struct cdx_proving_stats st;
	struct cdx_prover_stats made;

	cdx_proving_stats(p->proving, &st);
	cdx_prover_stats(p->prover, &made);
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I}",
		"slots", (json_int_t)st.slots, "submitted",
		(json_int_t)st.submitted, "failed", (json_int_t)st.failed,
		"missed", (json_int_t)st.missed, "last",
		time_or_null(st.last_success), "nextDeadline",
		time_or_null(st.next_deadline), "marginSeconds",
		st.margin_s == INT64_MAX ? json_null()
					 : json_integer(st.margin_s),
		"made", (json_int_t)made.made, "late", (json_int_t)made.late,
		"waiting", (json_int_t)made.waiting, "lastMilliseconds",
		(json_int_t)(made.last_ns / 1000000));
}

static void put_selling(json_t *j, struct cdx_node *n,
			const struct cdx_market_parts *p)
{
	struct cdx_sales_stats st;
	json_t *by_state = json_object();

	cdx_sales_stats(p->sales, &st);
	for (unsigned i = 0; i < CDX_SALE_STATES; i++)
		(void)json_object_set_new(by_state, cdx_sale_state_name(i),
					  json_integer(st.by_state[i]));
	(void)json_object_update_new(
		j,
		json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, "
			  "s:I, s:o, s:o, s:o}",
			  "slots", by_state, "queued", (json_int_t)st.queued,
			  "filled", (json_int_t)st.filled, "finished",
			  (json_int_t)st.finished, "lost", (json_int_t)st.lost,
			  "foreign", (json_int_t)st.foreign, "earned",
			  cdx_api_u256_json(&st.earned), "atRisk",
			  cdx_api_u256_json(&st.collateral), "due",
			  cdx_api_u256_json(&st.due), "mended",
			  (json_int_t)st.mended, "alarm",
			  text_or_null(st.alarm), "offers",
			  offers_json(n->store), "proofs", proofs_json(p)));
}

/* ---- validating ---- */

static void put_validating(json_t *j, const struct cdx_market_parts *p)
{
	struct cdx_validator_stats st;

	cdx_validator_stats(p->validator, &st);
	(void)json_object_update_new(
		j, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "slots",
			     (json_int_t)st.slots, "leftOut",
			     (json_int_t)st.left_out, "periods",
			     (json_int_t)st.periods, "lastPeriod",
			     (json_int_t)st.last_period, "marked",
			     (json_int_t)st.marked, "late", (json_int_t)st.late,
			     "rewards", cdx_api_u256_json(&st.rewards)));
}

/* ---- together ---- */

static json_t *role_json(const struct cdx_node_market_state *s,
			 enum cdx_market_role role)
{
	return json_pack("{s:b, s:o}", "runs", s->runs[role], "why",
			 text_or_null(s->role_why[role]));
}

json_t *cdx_api_market_json(struct cdx_node *n)
{
	static const char *const names[CDX_MARKET_ROLES] = {
		[CDX_MARKET_BUYS] = "buying",
		[CDX_MARKET_SELLS] = "selling",
		[CDX_MARKET_VALIDATES] = "validating",
	};
	struct cdx_node_market_state state;
	struct cdx_market_parts p;
	char why[CDX_CHAIN_WHY_MAX];
	json_t *role[CDX_MARKET_ROLES] = {NULL};
	json_t *j;

	cdx_node_market_state(n->market, &state);
	j = json_pack("{s:o, s:o}", "why", text_or_null(state.why), "token",
		      state.has_token
			      ? json_pack("{s:s, s:i}", "symbol", state.symbol,
					  "decimals", (int)state.decimals)
			      : json_null());
	for (unsigned i = 0; i < CDX_MARKET_ROLES; i++) {
		if (!state.wanted[i])
			continue;
		role[i] = role_json(&state, i);
		(void)json_object_set_new(j, names[i], role[i]);
	}
	/* the volume asks the market: not between the two below */
	if (role[CDX_MARKET_BUYS] != NULL)
		(void)json_object_set_new(role[CDX_MARKET_BUYS], "segments",
					  segments_json(n));
	if (j == NULL || cdx_node_market_enter(n->market, &p, why) < 0)
		return j;
	if (p.purchasing != NULL)
		put_buying(role[CDX_MARKET_BUYS], n, &p, &state);
	if (p.sales != NULL)
		put_selling(role[CDX_MARKET_SELLS], n, &p);
	if (p.validator != NULL)
		put_validating(role[CDX_MARKET_VALIDATES], &p);
	cdx_node_market_leave(n->market);
	return j;
}
