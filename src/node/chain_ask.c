/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/chain_ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/await.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "eth/call.h"
#include "eth/json.h"

/* One question under way */
struct ask {
	const struct cdx_chain_parts *parts;
	struct cdx_await *a;
	const struct cdx_addr *addr;
	void *out;
	char *why;
};

/* Of a callback: remembers what went wrong */
static void end(struct ask *q, int err, const struct cdx_revert *why)
{
	if (err < 0)
		snprintf(q->why, CDX_CHAIN_WHY_MAX, "%s",
			 why != NULL && why->words[0] != '\0'
				 ? why->words
				 : cdx_strerror(err));
	cdx_await_done(q->a, err);
}

/* Of what begins one: @rc is what the call returned */
static void begun(struct ask *q, int rc)
{
	if (rc < 0)
		end(q, rc, NULL);
}

/* ---- the head ---- */

#define HEAD_LOOK_NS UINT64_C(20000000)
/* longer than any endpoint is waited for */
#define HEAD_WAIT_NS UINT64_C(30000000000)

struct head_ask {
	struct ask q;
	struct cdx_loop_timer *timer;
	uint64_t end_ns;
};

/* The head's poller knows it soon, or why not */
static void look_at_head(void *arg)
{
	struct head_ask *h = arg;
	struct cdx_chain_head *out = h->q.out;
	struct cdx_head *head = h->q.parts->head;
	const struct cdx_block *block = cdx_head_latest(head);
	const char *why = cdx_head_why(head);

	if (block == NULL && why[0] == '\0' && cdx_clock_mono_ns() < h->end_ns)
		return;
	cdx_loop_timer_del(h->timer);
	if (block == NULL) {
		snprintf(h->q.why, CDX_CHAIN_WHY_MAX,
			 "no endpoint of the chain can be used%s%.900s; does "
			 "the node run, and is rpc right?",
			 why[0] != '\0' ? ": " : "", why);
		cdx_await_done(h->q.a, -ETIMEDOUT);
		return;
	}
	out->chain_id = cdx_rpc_chain_id(h->q.parts->rpc);
	out->block = *block;
	out->age_s = cdx_head_age_s(head);
	out->offset_s = cdx_head_now(head) - cdx_clock_wall_s();
	cdx_await_done(h->q.a, 0);
}

static void ask_head(void *arg, struct cdx_await *a)
{
	struct head_ask *h = arg;

	h->q.a = a;
	begun(&h->q, cdx_loop_timer_add(h->q.parts->loop, &h->timer, 0,
					HEAD_LOOK_NS, look_at_head, h));
}

int cdx_chain_head(struct cdx_chain *c, struct cdx_chain_head *out,
		   char why[CDX_CHAIN_WHY_MAX])
{
	struct head_ask h = {.q = {.out = out, .why = why},
			     .end_ns = cdx_clock_mono_ns() + HEAD_WAIT_NS};
	int rc = cdx_chain_start(c, &h.q.parts, why);

	return rc < 0 ? rc : cdx_await(h.q.parts->loop, ask_head, &h);
}

/* ---- endpoints ---- */

struct endpoints_ask {
	struct ask q;
	void (*each)(void *arg, const struct cdx_rpc_endpoint *e);
	void *arg;
};

static void ask_endpoints(void *arg, struct cdx_await *a)
{
	struct endpoints_ask *e = arg;
	struct cdx_rpc_endpoint one;

	for (size_t i = 0; cdx_rpc_endpoint(e->q.parts->rpc, i, &one) == 0; i++)
		e->each(e->arg, &one);
	cdx_await_done(a, 0);
}

int cdx_chain_endpoints(struct cdx_chain *c,
			void (*each)(void *arg,
				     const struct cdx_rpc_endpoint *e),
			void *arg, char why[CDX_CHAIN_WHY_MAX])
{
	struct endpoints_ask e = {.q = {.why = why}, .each = each, .arg = arg};
	int rc = cdx_chain_start(c, &e.q.parts, why);

	return rc < 0 ? rc : cdx_await(e.q.parts->loop, ask_endpoints, &e);
}

/* ---- the marketplace ---- */

/* Whether there is code at an address, and on which chain */
struct code {
	bool there;
	uint64_t chain_id;
};

static void on_code(void *arg, int err, const struct cdx_rpc_reply *reply)
{
	struct ask *q = arg;
	struct code *out = q->out;
	struct cdx_buf code = {0};
	struct cdx_revert why;

	if (err < 0) {
		cdx_revert_of_reply(&why, err, reply);
		end(q, err, &why);
		return;
	}
	err = cdx_json_get_bytes(reply->result, &code);
	if (err == 0)
		err = cdx_buf_ok(&code);
	out->there = code.len > 0;
	out->chain_id = cdx_rpc_chain_id(q->parts->rpc);
	cdx_buf_free(&code);
	end(q, err, NULL);
}

static void ask_code(void *arg, struct cdx_await *a)
{
	struct ask *q = arg;
	json_t *params = json_pack("[o, s]", cdx_json_addr(q->addr), "latest");

	q->a = a;
	begun(q, params == NULL
			 ? -ENOMEM
			 : cdx_rpc_call(q->parts->rpc, NULL, "eth_getCode",
					params, on_code, q));
}

static void on_config(void *arg, int err,
		      const struct cdx_market_config *config,
		      const struct cdx_revert *why)
{
	struct ask *q = arg;

	if (err == 0)
		((struct cdx_chain_market *)q->out)->config = *config;
	end(q, err, why);
}

static void ask_config(void *arg, struct cdx_await *a)
{
	struct ask *q = arg;

	q->a = a;
	begun(q, cdx_market_configuration(q->parts->market, on_config, q));
}

static void on_token(void *arg, int err, const struct cdx_addr *v,
		     const struct cdx_revert *why)
{
	struct ask *q = arg;

	if (err == 0)
		((struct cdx_chain_market *)q->out)->token = *v;
	end(q, err, why);
}

static void ask_token(void *arg, struct cdx_await *a)
{
	struct ask *q = arg;

	q->a = a;
	begun(q, cdx_market_token(q->parts->market, on_token, q));
}

static void on_token_info(void *arg, int err, const char *symbol,
			  unsigned decimals, const struct cdx_revert *why)
{
	struct ask *q = arg;
	struct cdx_chain_market *out = q->out;

	if (err == 0) {
		snprintf(out->symbol, sizeof(out->symbol), "%.60s", symbol);
		out->decimals = decimals;
	}
	end(q, err, why);
}

static void ask_token_info(void *arg, struct cdx_await *a)
{
	struct ask *q = arg;

	q->a = a;
	begun(q, cdx_token_info(q->parts->market, on_token_info, q));
}

/* Puts what was asked before what went wrong */
static int failed(int rc, const char *what, char why[CDX_CHAIN_WHY_MAX])
{
	char reason[CDX_CHAIN_WHY_MAX];

	snprintf(reason, sizeof(reason), "%s", why);
	snprintf(why, CDX_CHAIN_WHY_MAX, "%s: %.1000s", what, reason);
	return rc;
}

int cdx_chain_check_code(struct cdx_chain *c, const struct cdx_addr *addr,
			 const char *name, char why[CDX_CHAIN_WHY_MAX])
{
	char text[CDX_ADDR_TEXT_MAX];
	struct code code = {.there = false};
	struct ask q = {.addr = addr, .out = &code, .why = why};
	int rc = cdx_chain_start(c, &q.parts, why);

	if (rc == 0)
		rc = cdx_await(q.parts->loop, ask_code, &q);
	if (rc < 0 || code.there)
		return rc;
	cdx_addr_text(text, addr);
	snprintf(why, CDX_CHAIN_WHY_MAX,
		 "there is no contract at %s, which is said to be the %s, on "
		 "the chain with id %llu; check both",
		 text, name, (unsigned long long)code.chain_id);
	return CDX_E_CHAIN;
}

int cdx_chain_market(struct cdx_chain *c, struct cdx_chain_market *out,
		     char why[CDX_CHAIN_WHY_MAX])
{
	struct ask q = {.out = out, .why = why};
	const struct cdx_conf_chain *cfg;
	int rc = cdx_chain_conf(c, NULL, &cfg, why);

	if (rc == 0)
		rc = cdx_chain_start(c, &q.parts, why);
	if (rc < 0)
		return rc;
	if (q.parts->market == NULL) {
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "no marketplace is configured; name its contract with "
			 "marketplace in section [chain]");
		return -ENODATA;
	}
	memset(out, 0, sizeof(*out));
	out->contract = cfg->marketplace;
	rc = cdx_chain_check_code(c, &cfg->marketplace, "marketplace", why);
	if (rc < 0)
		return rc;
	rc = cdx_await(q.parts->loop, ask_config, &q);
	if (rc < 0)
		return failed(rc,
			      "the contract that is said to be the "
			      "marketplace does not tell its configuration",
			      why);
	rc = cdx_await(q.parts->loop, ask_token, &q);
	if (rc < 0)
		return failed(rc, "the marketplace does not tell its token",
			      why);
	rc = cdx_chain_check_code(c, &out->token, "token", why);
	if (rc == 0)
		rc = cdx_await(q.parts->loop, ask_token_info, &q);
	if (rc < 0)
		return failed(rc, "the token does not tell what it is", why);
	return 0;
}

/* ---- funds ---- */

static void on_funds(void *arg, int err, const struct cdx_rpc_reply *replies,
		     size_t n)
{
	struct ask *q = arg;
	struct cdx_chain_funds *out = q->out;
	struct cdx_revert why;
	size_t bad = 0;

	/* an answer that is an error, or no answer to any of them */
	while (err == 0 && bad < n && replies[bad].result != NULL)
		bad++;
	if (err < 0 || bad < n) {
		if (err == 0)
			err = CDX_E_CHAIN;
		cdx_revert_of_reply(&why, err, &replies[bad]);
		end(q, err, &why);
		return;
	}
	err = cdx_json_get_u256(replies[0].result, &out->wei);
	if (err == 0)
		err = cdx_json_get_u64(replies[1].result, &out->nonce);
	if (err == 0)
		err = cdx_json_get_u64(replies[2].result, &out->pending);
	end(q, err, NULL);
}

static void ask_funds(void *arg, struct cdx_await *a)
{
	struct ask *q = arg;
	struct cdx_rpc_req reqs[] = {
		{"eth_getBalance",
		 json_pack("[o, s]", cdx_json_addr(q->addr), "latest")},
		{"eth_getTransactionCount",
		 json_pack("[o, s]", cdx_json_addr(q->addr), "latest")},
		{"eth_getTransactionCount",
		 json_pack("[o, s]", cdx_json_addr(q->addr), "pending")},
	};
	bool ok = true;

	q->a = a;
	for (size_t i = 0; i < CDX_ARRAY_LEN(reqs); i++)
		ok = ok && reqs[i].params != NULL;
	if (ok) {
		begun(q, cdx_rpc_batch(q->parts->rpc, NULL, reqs,
				       CDX_ARRAY_LEN(reqs), on_funds, q));
		return;
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(reqs); i++)
		json_decref(reqs[i].params);
	end(q, -ENOMEM, NULL);
}

static void on_tokens(void *arg, int err, const struct cdx_u256 *v,
		      const struct cdx_revert *why)
{
	struct ask *q = arg;
	struct cdx_chain_funds *out = q->out;

	if (err == 0) {
		out->tokens = *v;
		out->has_tokens = true;
	}
	end(q, err, why);
}

static void ask_tokens(void *arg, struct cdx_await *a)
{
	struct ask *q = arg;

	q->a = a;
	begun(q, cdx_token_balance(q->parts->market, q->addr, on_tokens, q));
}

int cdx_chain_funds(struct cdx_chain *c, const struct cdx_addr *addr,
		    struct cdx_chain_funds *out, char why[CDX_CHAIN_WHY_MAX])
{
	struct ask q = {.addr = addr, .out = out, .why = why};
	int rc = cdx_chain_start(c, &q.parts, why);

	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = cdx_await(q.parts->loop, ask_funds, &q);
	if (rc == 0 && q.parts->market != NULL)
		rc = cdx_await(q.parts->loop, ask_tokens, &q);
	return rc;
}
