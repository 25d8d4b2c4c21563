/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "base/err.h"
#include "node/chain_ask.h"
#include "node/chain_send.h"
#include "store/proof_pin.h"

/* Amounts are texts, as in market_json.c. */

/* The answer with what could be had, and what went wrong, if anything did */
static void reply(struct cdx_call *call, json_t *j, int rc, const char *why)
{
	if (rc < 0) {
		if (why[0] == '\0')
			why = cdx_strerror(rc);
		(void)json_object_set_new(j, "error", json_string(why));
		(void)json_object_set_new(j, "code", json_integer(rc));
	}
	cdx_api_reply_json(call, cdx_err_http(rc), j);
}

/* ---- info ---- */

static const char *endpoint_state(const struct cdx_rpc_endpoint *e)
{
	if (e->well && e->used)
		return "good";
	if (e->why[0] != '\0')
		return "failing";
	return "not asked";
}

static void add_endpoint(void *arg, const struct cdx_rpc_endpoint *e)
{
	(void)json_array_append_new(
		arg, json_pack("{s:s, s:s, s:I, s:I, s:I, s:s?}", "url", e->url,
			       "state", endpoint_state(e), "chainId",
			       (json_int_t)e->chain_id, "requests",
			       (json_int_t)e->requests, "failures",
			       (json_int_t)e->failures, "error",
			       e->why[0] != '\0' ? e->why : NULL));
}

static json_t *head_json(const struct cdx_chain_head *h)
{
	return json_pack("{s:I, s:o, s:I, s:I, s:o}", "number",
			 (json_int_t)h->block.number, "hash",
			 cdx_api_id_json(h->block.hash.b), "timestamp",
			 (json_int_t)h->block.timestamp, "age",
			 (json_int_t)h->age_s, "baseFee",
			 h->block.has_base_fee
				 ? cdx_api_u256_json(&h->block.base_fee)
				 : json_null());
}

static json_t *token_json(const struct cdx_chain_market *m)
{
	return json_pack("{s:o, s:s, s:i}", "address",
			 cdx_api_addr_json(&m->token), "symbol", m->symbol,
			 "decimals", (int)m->decimals);
}

static json_t *market_json(const struct cdx_chain_market *m)
{
	const struct cdx_market_config *c = &m->config;

	return json_pack(
		"{s:o, s:{s:i, s:i, s:i, s:i, s:I, s:I, s:i, s:i, s:s, s:i, "
		"s:I}, s:o}",
		"address", cdx_api_addr_json(&m->contract), "configuration",
		"repairReward", (int)c->repair_reward, "maxSlashes",
		(int)c->max_slashes, "slash", (int)c->slash, "validatorReward",
		(int)c->validator_reward, "period", (json_int_t)c->period,
		"timeout", (json_int_t)c->timeout, "downtime", (int)c->downtime,
		"downtimeProduct", (int)c->downtime_product, "zkeyHash",
		c->zkey_hash, "maxReservations", (int)c->max_reservations,
		"durationLimit", (json_int_t)c->duration_limit, "token",
		token_json(m));
}

static bool same_hash(const struct cdx_digest *d, const char *text)
{
	char hex[2 * sizeof(d->b) + 1];

	cdx_hex(hex, d->b, sizeof(d->b));
	return strcasecmp(hex, text) == 0;
}

/* How the contract's zkeyHash stands to one that we hold */
static const char *hash_state(bool have, bool same)
{
	return !have ? "none" : same ? "matches" : "differs";
}

/* Beside the keys of the store, and what the configuration pins */
static json_t *zkey_json(const struct cdx_api *api,
			 const struct cdx_conf_chain *cfg,
			 const struct cdx_chain_market *m)
{
	struct cdx_proof_pin pin = {.samples = 0};
	bool have = false;
	bool same = false;

	while (api->node->store != NULL &&
	       cdx_proof_pin_next(api->node->store, pin.samples, &pin) > 0) {
		have = true;
		same = same || same_hash(&pin.sha256, m->config.zkey_hash);
	}
	return json_pack(
		"{s:s, s:s, s:s}", "contract", m->config.zkey_hash, "store",
		hash_state(have, same), "configured",
		hash_state(cfg->has_zkey_hash,
			   same_hash(&cfg->zkey_hash, m->config.zkey_hash)));
}

int cdx_api_put_market(const struct cdx_api *api, json_t *j,
		       char why[CDX_CHAIN_WHY_MAX])
{
	const struct cdx_conf_chain *cfg;
	struct cdx_chain_market market;
	int rc = cdx_chain_conf(api->node->chain, NULL, &cfg, why);

	if (rc < 0 || !cfg->has_marketplace)
		return rc;
	rc = cdx_chain_market(api->node->chain, &market, why);
	if (rc == 0 &&
	    (json_object_set_new(j, "marketplace", market_json(&market)) < 0 ||
	     json_object_set_new(j, "zkeyHash", zkey_json(api, cfg, &market)) <
		     0))
		rc = -ENOMEM;
	return rc;
}

static void info(const struct cdx_api *api, struct cdx_call *call)
{
	struct cdx_chain *c = api->node->chain;
	json_t *endpoints = json_array();
	json_t *j = json_pack("{s:o, s:n, s:n, s:n, s:n, s:n}", "endpoints",
			      endpoints, "chainId", "head", "clockOffset",
			      "marketplace", "zkeyHash");
	char why[CDX_CHAIN_WHY_MAX] = "";
	char none[CDX_CHAIN_WHY_MAX];
	struct cdx_chain_head head;
	int rc = cdx_chain_head(c, &head, why);

	if (rc == 0) {
		(void)json_object_set_new(j, "head", head_json(&head));
		(void)json_object_set_new(j, "clockOffset",
					  json_integer(head.offset_s));
		(void)json_object_set_new(
			j, "chainId", json_integer((json_int_t)head.chain_id));
		rc = cdx_api_put_market(api, j, why);
	}
	/* also when none answers: they say why */
	(void)!cdx_chain_endpoints(c, add_endpoint, endpoints, none);
	reply(call, j, rc, why);
}

/* ---- accounts ---- */

static const char *const roles[CDX_CHAIN_ROLES] = {
	[CDX_CHAIN_CLIENT] = "client",
	[CDX_CHAIN_PROVIDER] = "provider",
};

static void put_funds(json_t *j, const struct cdx_chain_funds *f)
{
	(void)json_object_set_new(j, "wei", cdx_api_u256_json(&f->wei));
	(void)json_object_set_new(j, "tokens",
				  f->has_tokens ? cdx_api_u256_json(&f->tokens)
						: json_null());
	(void)json_object_set_new(j, "nonce",
				  json_integer((json_int_t)f->nonce));
	(void)json_object_set_new(j, "pending",
				  json_integer((json_int_t)f->pending));
}

/* What the token is, where there is a marketplace that names it */
static int put_token(struct cdx_chain *c, json_t *j,
		     char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_chain_market market;
	const struct cdx_conf_chain *cfg;
	int rc = cdx_chain_conf(c, NULL, &cfg, why);

	if (rc < 0 || !cfg->has_marketplace)
		return rc;
	rc = cdx_chain_market(c, &market, why);
	if (rc == 0 && json_object_set_new(j, "token", token_json(&market)) < 0)
		rc = -ENOMEM;
	return rc;
}

/* Addresses are there without the chain, and stay when that does not answer. */
int cdx_api_put_accounts(const struct cdx_api *api, json_t *j,
			 char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_chain *c = api->node->chain;
	json_t *list = json_array();
	struct cdx_addr addr[CDX_CHAIN_ROLES];
	json_t *one[CDX_CHAIN_ROLES] = {NULL};
	struct cdx_chain_funds funds;
	int rc = json_object_set_new(j, "accounts", list) < 0 ? -ENOMEM : 0;

	for (unsigned i = 0; i < CDX_CHAIN_ROLES && rc == 0; i++) {
		int64_t index = cdx_chain_index(c, i);

		/* without words there is no provider's */
		if (i != CDX_CHAIN_CLIENT && index < 0)
			continue;
		rc = cdx_chain_addr(c, i, &addr[i], why);
		if (rc < 0)
			break;
		index = cdx_chain_index(c, i);
		one[i] =
			json_pack("{s:s, s:o, s:o}", "role", roles[i], "index",
				  index < 0 ? json_null() : json_integer(index),
				  "address", cdx_api_addr_json(&addr[i]));
		if (json_array_append_new(list, one[i]) < 0)
			rc = -ENOMEM;
	}
	if (rc == 0)
		rc = put_token(c, j, why);
	for (unsigned i = 0; i < CDX_CHAIN_ROLES && rc == 0; i++) {
		if (one[i] == NULL)
			continue;
		rc = cdx_chain_funds(c, &addr[i], &funds, why);
		if (rc == 0)
			put_funds(one[i], &funds);
	}
	return rc;
}

static void accounts(const struct cdx_api *api, struct cdx_call *call)
{
	json_t *j = json_pack("{s:n, s:n}", "accounts", "token");
	char why[CDX_CHAIN_WHY_MAX] = "";
	int rc = cdx_api_put_accounts(api, j, why);

	reply(call, j, rc, why);
}

static void balance(const struct cdx_api *api, struct cdx_call *call)
{
	struct cdx_chain *c = api->node->chain;
	const char *text = call->param(call, "address");
	json_t *j = json_pack("{s:n}", "token");
	char why[CDX_CHAIN_WHY_MAX] = "";
	struct cdx_chain_funds funds;
	struct cdx_addr addr;
	int rc;

	if (text == NULL) {
		rc = cdx_chain_addr(c, CDX_CHAIN_CLIENT, &addr, why);
	} else {
		rc = cdx_addr_parse(&addr, text);
		if (rc < 0)
			snprintf(why, sizeof(why),
				 "%.64s is not an address, or a digit of it is "
				 "wrong",
				 text);
	}
	if (rc == 0) {
		(void)json_object_set_new(j, "address",
					  cdx_api_addr_json(&addr));
		rc = put_token(c, j, why);
	}
	if (rc == 0)
		rc = cdx_chain_funds(c, &addr, &funds, why);
	if (rc == 0)
		put_funds(j, &funds);
	reply(call, j, rc, why);
}

/* ---- configuration ---- */

/* "check" also looks at what the values lead to, but not at the chain */
static void config(const struct cdx_api *api, struct cdx_call *call)
{
	struct cdx_chain *c = api->node->chain;
	json_t *j = json_pack("{s:n}", "file");
	char why[CDX_CHAIN_WHY_MAX] = "";
	const struct cdx_conf_chain *cfg = NULL;
	const struct cdx_conf *conf = NULL;
	struct cdx_addr addr;
	uint64_t check = 0;
	int rc = cdx_api_number(call, "check", 0, 1, &check);

	if (rc >= 0)
		rc = cdx_chain_conf(c, &conf, &cfg, why);
	if (rc == 0) {
		if (conf->file != NULL)
			(void)json_object_set_new(j, "file",
						  json_string(conf->file));
		if (json_object_set_new(j, "values",
					cdx_api_conf_json(conf, "chain")) < 0)
			rc = -ENOMEM;
	}
	if (rc == 0 && check != 0 &&
	    (cfg->account != NULL || cdx_chain_index(c, CDX_CHAIN_CLIENT) >= 0))
		rc = cdx_chain_addr(c, CDX_CHAIN_CLIENT, &addr, why);
	reply(call, j, rc, why);
}

/* ---- sending ---- */

static bool on_wait(void *arg, const char *why)
{
	struct cdx_api_work *w = arg;

	cdx_api_work_progress(
		w, why[0] != '\0' ? why : "waiting for the transaction", 0, 1);
	return cdx_api_work_cancelled(w);
}

/* Is there enough of it?  A contract would say so too, less clearly. */
static int check_funds(struct cdx_chain *c, const struct cdx_chain_transfer *t,
		       const struct cdx_chain_market *m,
		       char why[CDX_CHAIN_WHY_MAX])
{
	char have[CDX_U256_TEXT_MAX + 2];
	char need[CDX_U256_TEXT_MAX + 2];
	char from[CDX_ADDR_TEXT_MAX];
	struct cdx_chain_funds funds;
	struct cdx_addr addr;
	int rc = cdx_chain_addr(c, CDX_CHAIN_CLIENT, &addr, why);

	if (rc == 0)
		rc = cdx_chain_funds(c, &addr, &funds, why);
	if (rc < 0)
		return rc;
	cdx_addr_text(from, &addr);
	if (cdx_u256_cmp(&funds.tokens, &t->amount) < 0) {
		cdx_u256_units(have, &funds.tokens, m->decimals);
		cdx_u256_units(need, &t->amount, m->decimals);
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "the account %s has %s %s, and %s are to be sent",
			 from, have, m->symbol, need);
		return -ENOBUFS;
	}
	if (cdx_u256_is_zero(&funds.wei)) {
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "the account %s has no ether to pay the transaction "
			 "with",
			 from);
		return -ENOBUFS;
	}
	return 0;
}

static json_t *sent_json(const struct cdx_chain_sent *s)
{
	return json_pack("{s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:i, s:b}",
			 "result", "sent", "transaction",
			 cdx_api_id_json(s->hash.b), "block",
			 (json_int_t)s->block, "nonce", (json_int_t)s->nonce,
			 "gas", (json_int_t)s->gas_used, "gasPrice",
			 cdx_api_u256_json(&s->gas_price), "cost",
			 cdx_api_u256_json(&s->cost), "replaced",
			 (int)s->replaced, "joined", s->joined);
}

static void send_token(struct cdx_api *api, struct cdx_call *call)
{
	struct cdx_chain *c = api->node->chain;
	const char *to = call->param(call, "to");
	const char *amount = call->param(call, "amount");
	char why[CDX_CHAIN_WHY_MAX] = "";
	struct cdx_chain_market market;
	struct cdx_chain_transfer t;
	struct cdx_chain_sent sent;
	struct cdx_api_work w;
	int rc;

	if (to == NULL || amount == NULL || cdx_addr_parse(&t.to, to) < 0 ||
	    cdx_u256_parse(&t.amount, amount) < 0) {
		cdx_api_reply_error(call, -EINVAL);
		return;
	}
	cdx_api_work_begin(&w, api, call);
	rc = cdx_chain_market(c, &market, why);
	if (rc == 0) {
		t.token = market.token;
		rc = cdx_chain_transfer_known(c, &t, why);
	}
	if (rc == 0)
		rc = check_funds(c, &t, &market, why);
	if (rc >= 0)
		rc = cdx_chain_transfer(c, &sent, &t, on_wait, &w, why);
	cdx_api_work_end(&w, rc, why, rc < 0 ? NULL : sent_json(&sent));
}

void cdx_api_chain(struct cdx_api *api, struct cdx_call *call, const char *rest)
{
	bool get = strcmp(call->method, "GET") == 0;

	if (get && strcmp(rest, "/info") == 0)
		info(api, call);
	else if (get && strcmp(rest, "/accounts") == 0)
		accounts(api, call);
	else if (get && strcmp(rest, "/balance") == 0)
		balance(api, call);
	else if (get && strcmp(rest, "/config") == 0)
		config(api, call);
	else if (strcmp(call->method, "POST") == 0 &&
		 strcmp(rest, "/send-token") == 0)
		send_token(api, call);
	else
		cdx_api_reply_error(call, -ENOENT);
}
