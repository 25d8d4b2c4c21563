/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_body.h"
#include "base/bytes.h"
#include "base/err.h"
#include "node/chain_ask.h"
#include "node/chain_slots.h"

/* What the verbs of the market ask a process */

#define WAIT_MS 500

/* False: answered */
static bool enter(const struct cdx_api *api, struct cdx_call *call,
		  struct cdx_market_parts *parts)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	int rc = cdx_node_market_enter(api->node->market, parts, why);

	if (rc < 0)
		cdx_api_reply_why(call, rc, why);
	return rc == 0;
}

static void leave(const struct cdx_api *api)
{
	cdx_node_market_leave(api->node->market);
}

/* ---- lists ---- */

int cdx_api_token(struct cdx_api *api, json_t **out,
		  char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_chain_market m = {.decimals = 0};
	bool has;
	int rc = 0;

	pthread_mutex_lock(&api->mu);
	has = api->has_token;
	pthread_mutex_unlock(&api->mu);
	if (!has)
		rc = cdx_chain_market(api->node->chain, &m, why);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&api->mu);
	if (!api->has_token) {
		snprintf(api->token_symbol, sizeof(api->token_symbol), "%s",
			 m.symbol);
		api->token_decimals = m.decimals;
		api->has_token = true;
	}
	*out = json_pack("{s:s, s:i}", "symbol", api->token_symbol, "decimals",
			 (int)api->token_decimals);
	pthread_mutex_unlock(&api->mu);
	return *out == NULL ? -ENOMEM : 0;
}

void cdx_api_market_listed(struct cdx_api *api, struct cdx_call *call,
			   const char *name, json_t *list, int rc)
{
	char why[CDX_CHAIN_WHY_MAX];
	json_t *tok = NULL;

	if (rc < 0) {
		json_decref(list);
		cdx_api_reply_error(call, rc);
		return;
	}
	/* amounts are shown without it then */
	(void)!cdx_api_token(api, &tok, why);
	cdx_api_reply_json(call, 200,
			   json_pack("{s:o, s:o}", name, list, "token",
				     tok != NULL ? tok : json_null()));
}

/* Where purchases are gathered */
struct gathering {
	const struct cdx_market_config *config;
	json_t *list;
};

static int add_purchase(void *arg, const struct cdx_purchase_info *p)
{
	const struct gathering *g = arg;

	return json_array_append_new(g->list,
				     cdx_api_purchase_json(p, g->config)) < 0
		       ? -ENOMEM
		       : 0;
}

static int add_sale(void *arg, const struct cdx_sale_info *s)
{
	return json_array_append_new(arg, cdx_api_sale_json(s)) < 0 ? -ENOMEM
								    : 0;
}

static void purchases(struct cdx_api *api, struct cdx_call *call)
{
	struct cdx_market_parts parts;
	struct gathering g = {.config = &parts.config};
	int rc = 0;

	if (!enter(api, call, &parts))
		return;
	g.list = json_array();
	if (parts.purchasing != NULL)
		rc = cdx_purchasing_list(parts.purchasing, add_purchase, &g);
	leave(api);
	cdx_api_market_listed(api, call, "purchases", g.list, rc);
}

static void sales(struct cdx_api *api, struct cdx_call *call)
{
	struct cdx_market_parts parts;
	json_t *list;
	int rc = 0;

	if (!enter(api, call, &parts))
		return;
	list = json_array();
	if (parts.sales != NULL)
		rc = cdx_sales_list(parts.sales, add_sale, list);
	leave(api);
	cdx_api_market_listed(api, call, "sales", list, rc);
}

static void slots(struct cdx_api *api, struct cdx_call *call)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	json_t *list = json_array();
	int rc = cdx_api_hosted(api, list, why);

	if (rc == 0) {
		cdx_api_market_listed(api, call, "slots", list, rc);
		return;
	}
	json_decref(list);
	cdx_api_reply_why(call, rc, why);
}

/* ---- asking for storage ---- */

static int read_terms(const struct cdx_api *api, struct cdx_call *call,
		      struct cdx_purchase_terms *t)
{
	struct {
		const char *name;
		struct cdx_u256 *out;
	} amounts[] = {
		{"price", &t->price},
		{"collateral", &t->collateral},
		{"probability", &t->proof_probability},
	};
	const char *text;

	*t = cdx_node_market_conf(api->node->market)->policy.terms;
	if (cdx_api_number(call, "duration", 1, UINT64_MAX, &t->duration) < 0 ||
	    cdx_api_number(call, "expiry", 1, UINT64_MAX, &t->expiry) < 0)
		return -EINVAL;
	for (size_t i = 0; i < CDX_ARRAY_LEN(amounts); i++) {
		text = call->param(call, amounts[i].name);
		if (text != NULL && (cdx_u256_parse(amounts[i].out, text) < 0 ||
				     cdx_u256_is_zero(amounts[i].out)))
			return -EINVAL;
	}
	return 0;
}

/* What the contract would refuse, before anything is coded */
static int check_terms(const struct cdx_purchase_terms *t,
		       const struct cdx_market_config *c,
		       char why[CDX_CHAIN_WHY_MAX])
{
	if (t->expiry >= t->duration)
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "the expiry, %llu s, must be below the duration, "
			 "%llu s",
			 (unsigned long long)t->expiry,
			 (unsigned long long)t->duration);
	else if (t->duration > c->duration_limit)
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "the duration, %llu s, is above the contract's limit, "
			 "%llu s",
			 (unsigned long long)t->duration,
			 (unsigned long long)c->duration_limit);
	else
		return 0;
	return -EINVAL;
}

static int prepare(struct cdx_api_buy *b, struct cdx_call *call,
		   char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_market_parts parts;
	/* nothing is coded for hours to find out that nobody can buy */
	int rc = cdx_node_market_enter(b->api->node->market, &parts, why);

	if (rc < 0)
		return rc;
	leave(b->api);
	if (parts.purchasing == NULL) {
		snprintf(why, CDX_CHAIN_WHY_MAX, "%s", cdx_api_buys_none);
		return -ENODATA;
	}
	rc = read_terms(b->api, call, &b->terms);
	if (rc < 0) {
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "price, collateral, probability, duration and expiry "
			 "are whole numbers above 0");
		return rc;
	}
	rc = check_terms(&b->terms, &parts.config, why);
	if (rc < 0)
		return rc;
	b->has_code = call->param(call, "data") != NULL ||
		      call->param(call, "parity") != NULL;
	rc = cdx_api_code(b->api, call, &b->code, why);
	return rc < 0 ? rc : cdx_api_buy_prepare(b, why);
}

/* Until the contract has it started, or it has ended otherwise */
static int wait_started(struct cdx_api_work *w, const struct cdx_b32 *id,
			struct cdx_purchase_info *info,
			char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_market_parts parts;
	bool waits = true;
	int rc = 0;

	while (rc == 0 && waits) {
		if (cdx_api_work_cancelled(w))
			return -ECANCELED;
		rc = cdx_node_market_enter(w->api->node->market, &parts, why);
		if (rc < 0)
			break;
		rc = parts.purchasing == NULL
			     ? -ENODATA
			     : cdx_purchasing_get(parts.purchasing, id, info);
		leave(w->api);
		waits = info->state == CDX_PURCHASE_PENDING ||
			info->state == CDX_PURCHASE_SUBMITTED ||
			info->state == CDX_PURCHASE_UNKNOWN;
		if (rc < 0 || !waits)
			break;
		cdx_api_work_line(
			w, json_pack("{s:s, s:I, s:I}", "phase",
				     info->state == CDX_PURCHASE_SUBMITTED
					     ? "slots filled"
					     : "waiting for the transaction",
				     "done", (json_int_t)info->filled, "total",
				     (json_int_t)info->what.ask.slots));
		poll(NULL, 0, WAIT_MS);
	}
	return rc;
}

static void posted(struct cdx_api_work *w, const struct cdx_b32 *id, bool waits)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	struct cdx_purchase_info *info = calloc(1, sizeof(*info));
	json_t *j = json_pack("{s:s, s:o}", "result", "requested", "id",
			      cdx_api_id_json(id->b));
	int rc = info == NULL ? -ENOMEM : 0;

	if (rc == 0 && waits) {
		rc = wait_started(w, id, info, why);
		if (rc == 0)
			(void)json_object_set_new(
				j, "state",
				json_string(
					cdx_purchase_state_name(info->state)));
		if (rc == 0 && info->state != CDX_PURCHASE_STARTED) {
			rc = CDX_E_CHAIN;
			snprintf(why, sizeof(why), "the request %s%s%s",
				 cdx_purchase_state_name(info->state),
				 info->error[0] != '\0' ? ": " : "",
				 info->error);
		}
		/* what was asked for goes on */
		if (rc == -ECANCELED)
			snprintf(why, sizeof(why),
				 "the request is posted and goes on; codexfs "
				 "purchases shows it");
	}
	free(info);
	cdx_api_work_end(w, rc, why, j);
}

static void request(struct cdx_api *api, struct cdx_call *call,
		    const char *text)
{
	struct cdx_api_buy b = {.api = api};
	char why[CDX_CHAIN_WHY_MAX] = "";
	struct cdx_api_work w;
	struct cdx_b32 id;
	uint64_t waits = 0;
	int rc = cdx_cid_parse(&b.cid, text, strlen(text));

	if (rc < 0) {
		snprintf(why, sizeof(why), "that is not a CID");
		rc = -EINVAL;
	}
	if (rc == 0)
		rc = cdx_api_number(call, "wait", 0, 1, &waits);
	if (rc >= 0)
		rc = prepare(&b, call, why);
	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
		return;
	}
	cdx_api_work_begin(&w, api, call);
	if (!b.verifiable)
		cdx_api_work_phase(
			&w, (uint64_t)b.protect.o.k * b.protect.info.block_size,
			"protecting");
	b.cancel = cdx_api_work_cancelled;
	b.progress = cdx_api_work_units;
	b.arg = &w;
	rc = cdx_api_buy_run(&b, &id, why);
	if (rc < 0)
		cdx_api_work_end(&w, rc, why, NULL);
	else
		posted(&w, &id, waits != 0);
}

/* ---- the market itself ---- */

/* Roles, figures, room; what the chain says of itself, as far as it does */
static void info(struct cdx_api *api, struct cdx_call *call)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	json_t *j = json_pack("{s:n, s:n}", "marketplace", "zkeyHash");
	json_t *market = api->node->market == NULL
				 ? json_null()
				 : cdx_api_market_json(api->node);
	int rc;

	(void)json_object_set_new(j, "market", market);
	(void)json_object_set_new(
		j, "share",
		api->node->store == NULL
			? json_null()
			: cdx_api_share_json(api->node->store,
					     CDX_SHARE_PROVIDER));
	rc = cdx_api_put_market(api, j, why);
	if (rc == 0)
		rc = cdx_api_put_accounts(api, j, why);
	if (rc < 0) {
		if (why[0] == '\0')
			snprintf(why, sizeof(why), "%s", cdx_strerror(rc));
		(void)json_object_set_new(j, "error", json_string(why));
		(void)json_object_set_new(j, "code", json_integer(rc));
	}
	cdx_api_reply_json(call, cdx_err_http(rc), j);
}

/* What it takes to show amounts */
static void token(struct cdx_api *api, struct cdx_call *call)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	json_t *j;
	int rc = cdx_api_token(api, &j, why);

	if (rc < 0)
		cdx_api_reply_why(call, rc, why);
	else
		cdx_api_reply_json(call, 200, j);
}

void cdx_api_market(struct cdx_api *api, struct cdx_call *call,
		    const char *rest)
{
	static const char offers[] = "/availability";
	static const char buy[] = "/request/";
	bool get = strcmp(call->method, "GET") == 0;

	if (strncmp(rest, offers, sizeof(offers) - 1) == 0)
		cdx_api_offers(api, call, rest + sizeof(offers) - 1);
	else if (strncmp(rest, buy, sizeof(buy) - 1) == 0 &&
		 strcmp(call->method, "POST") == 0)
		request(api, call, rest + sizeof(buy) - 1);
	else if (get && strcmp(rest, "/info") == 0)
		info(api, call);
	else if (get && strcmp(rest, "/token") == 0)
		token(api, call);
	else if (get && strcmp(rest, "/purchases") == 0)
		purchases(api, call);
	else if (get && strcmp(rest, "/sales") == 0)
		sales(api, call);
	else if (get && strcmp(rest, "/slots") == 0)
		slots(api, call);
	else
		cdx_api_reply_error(call, -ENOENT);
}
