/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_CHAIN_CHAIN_KIT_H
#define CDX_TESTS_CHAIN_CHAIN_KIT_H

/*
 * The chain client against a real chain, from a test's thread: one loop thread,
 * and calls that block until what they began has ended.  Include after
 * cmocka.h.  Everything fails the test but what a function's result says.
 */

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/await.h"
#include "base/err.h"
#include "base/log.h"
#include "eth/deploy.h"
#include "eth/head.h"
#include "eth/json.h"
#include "eth/marketplace.h"
#include "eth/persist_memory.h"
#include "eth/rpc.h"
#include "eth/sender.h"
#include "net/http.h"

/* One process's client */
struct chain {
	struct cdx_log log;
	struct cdx_loop *loop;
	pthread_t thread;
	struct cdx_http *http;
	struct cdx_rpc *rpc;
	struct cdx_head *head;
	struct cdx_persist_memory *memory;
	struct cdx_marketplace *market;
};

/* What a call came to.  Begin on the loop thread, end there, then read here. */
struct chain_op {
	struct chain *c;
	struct cdx_await *await;
	/* what is asked, by who wrote the start function */
	void *in;
	/* what came of it */
	int err;
	struct cdx_revert why;
	struct cdx_sent sent; /* its logs are gone */
	uint64_t u64;
	struct cdx_u256 u256;
	struct cdx_b32 b32;
	struct cdx_addr addr;
	struct cdx_storage_request request;
	struct cdx_market_config config;
	struct cdx_b32 ids[64];
	size_t n_ids;
	json_t *json; /* owned */
};

static inline void *chain_thread(void *arg)
{
	struct chain *c = arg;

	return (void *)(intptr_t)cdx_loop_run(c->loop);
}

static inline void chain_end(struct chain_op *op, int err,
			     const struct cdx_revert *why)
{
	op->err = err;
	if (why != NULL)
		op->why = *why;
	cdx_await_done(op->await, err);
}

/* Runs @fn on the loop thread, which begins a call with one of the functions
 * below and the op as its argument; returns the call's result. */
static inline int chain_do(struct chain *c, struct chain_op *op,
			   cdx_await_fn *fn, void *in)
{
	memset(op, 0, sizeof(*op));
	op->c = c;
	op->in = in;
	return cdx_await(c->loop, fn, op);
}

/* The body of a function for chain_do: begins a call of the client's, which may
 * name op, and in, the caller's struct args */
#define CHAIN_BEGIN(call)                       \
	{                                       \
		struct chain_op *op = arg;      \
		const struct args *in = op->in; \
		int rc;                         \
                                                \
		(void)in;                       \
		op->await = a;                  \
		rc = (call);                    \
		if (rc < 0)                     \
			cdx_await_done(a, rc);  \
	}

/* ---- functions for the client's calls ---- */

static inline void chain_sent(void *arg, int err, const struct cdx_sent *sent,
			      const struct cdx_revert *why)
{
	struct chain_op *op = arg;

	if (sent != NULL) {
		op->sent = *sent;
		op->sent.logs = NULL;
	}
	chain_end(op, err, why);
}

static inline void chain_u64(void *arg, int err, uint64_t v,
			     const struct cdx_revert *why)
{
	struct chain_op *op = arg;

	op->u64 = v;
	chain_end(op, err, why);
}

static inline void chain_bool(void *arg, int err, bool v,
			      const struct cdx_revert *why)
{
	chain_u64(arg, err, v, why);
}

static inline void chain_u256(void *arg, int err, const struct cdx_u256 *v,
			      const struct cdx_revert *why)
{
	struct chain_op *op = arg;

	if (v != NULL)
		op->u256 = *v;
	chain_end(op, err, why);
}

static inline void chain_b32(void *arg, int err, const struct cdx_b32 *v,
			     const struct cdx_revert *why)
{
	struct chain_op *op = arg;

	if (v != NULL)
		op->b32 = *v;
	chain_end(op, err, why);
}

static inline void chain_addr(void *arg, int err, const struct cdx_addr *v,
			      const struct cdx_revert *why)
{
	struct chain_op *op = arg;

	if (v != NULL)
		op->addr = *v;
	chain_end(op, err, why);
}

static inline void chain_request(void *arg, int err,
				 const struct cdx_storage_request *r,
				 uint64_t index, const struct cdx_revert *why)
{
	struct chain_op *op = arg;

	if (r != NULL)
		op->request = *r;
	op->u64 = index;
	chain_end(op, err, why);
}

static inline void chain_config(void *arg, int err,
				const struct cdx_market_config *config,
				const struct cdx_revert *why)
{
	struct chain_op *op = arg;

	if (config != NULL)
		op->config = *config;
	chain_end(op, err, why);
}

static inline void chain_ids(void *arg, int err, const struct cdx_b32 *ids,
			     size_t n, const struct cdx_revert *why)
{
	struct chain_op *op = arg;
	const size_t room = sizeof(op->ids) / sizeof(op->ids[0]);

	op->n_ids = n;
	if (n > 0)
		memcpy(op->ids, ids, (n < room ? n : room) * sizeof(*ids));
	chain_end(op, err, why);
}

/* ---- the chain itself ---- */

static inline void chain_rpc_reply(void *arg, int err,
				   const struct cdx_rpc_reply *reply)
{
	struct chain_op *op = arg;

	op->json = json_incref(reply->result);
	if (err < 0)
		snprintf(op->why.words, sizeof(op->why.words), "%s%s",
			 reply->why, reply->message);
	chain_end(op, err, NULL);
}

struct chain_rpc_in {
	const char *method;
	json_t *params;
};

static inline void chain_rpc_start(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	struct chain_rpc_in *in = op->in;
	int rc;

	op->await = a;
	rc = cdx_rpc_call(op->c->rpc, NULL, in->method, in->params,
			  chain_rpc_reply, op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

/* A call of the node's that must succeed; takes @params, returns new */
static inline json_t *chain_rpc(struct chain *c, const char *method,
				json_t *params)
{
	struct chain_rpc_in in = {method, params};
	struct chain_op op;
	int rc = chain_do(c, &op, chain_rpc_start, &in);

	if (rc < 0)
		print_error("%s: %s: %s\n", method, cdx_strerror(rc),
			    op.why.words);
	assert_int_equal(rc, 0);
	return op.json;
}

static inline void chain_mine(struct chain *c, unsigned blocks)
{
	char text[20];

	snprintf(text, sizeof(text), "0x%x", blocks);
	json_decref(chain_rpc(c, "anvil_mine", json_pack("[s]", text)));
}

/* The next block's time; it is mined */
static inline void chain_go_to(struct chain *c, uint64_t time)
{
	json_decref(chain_rpc(c, "evm_setNextBlockTimestamp",
			      json_pack("[I]", (json_int_t)time)));
	chain_mine(c, 1);
}

/* Number and time of the newest block, from the node */
static inline struct cdx_block chain_latest(struct chain *c)
{
	json_t *j = chain_rpc(c, "eth_getBlockByNumber",
			      json_pack("[s, b]", "latest", 0));
	struct cdx_block b;

	assert_int_equal(cdx_json_get_block(j, &b), 0);
	json_decref(j);
	return b;
}

/* ---- set up ---- */

static inline void chain_open_here(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	struct chain *c = op->c;
	const char *url = op->in;
	const struct cdx_rpc_opts opts = {
		.urls = &url, .n_urls = 1, .log = &c->log};
	char why[CDX_RPC_WHY_MAX] = "";

	op->err = cdx_http_new(&c->http, c->loop);
	if (op->err == 0)
		op->err = cdx_rpc_new(&c->rpc, c->loop, c->http, &opts, why);
	if (op->err == 0)
		op->err = cdx_head_new(&c->head, c->loop, c->rpc, 50, &c->log);
	if (op->err == 0)
		op->err = cdx_persist_memory_new(&c->memory, c->loop);
	cdx_await_done(a, op->err);
}

static inline void chain_open(struct chain *c, const char *url)
{
	struct chain_op op;

	memset(c, 0, sizeof(*c));
	cdx_log_init(&c->log,
		     getenv("CDX_TEST_LOG") != NULL ? CDX_LOG_TO_STDERR
						    : CDX_LOG_TO_NONE,
		     CDX_LOG_DEBUG);
	assert_int_equal(cdx_loop_new(&c->loop), 0);
	assert_int_equal(pthread_create(&c->thread, NULL, chain_thread, c), 0);
	assert_int_equal(
		chain_do(c, &op, chain_open_here, (void *)(uintptr_t)url), 0);
}

static inline void chain_close_here(void *arg, struct cdx_await *a)
{
	struct chain *c = ((struct chain_op *)arg)->c;

	cdx_marketplace_free(c->market);
	cdx_head_free(c->head);
	cdx_persist_memory_free(c->memory);
	cdx_rpc_free(c->rpc);
	cdx_http_free(c->http);
	cdx_await_done(a, 0);
}

/* Senders and watches are gone before this */
static inline void chain_close(struct chain *c)
{
	struct chain_op op;

	assert_int_equal(chain_do(c, &op, chain_close_here, NULL), 0);
	cdx_loop_stop(c->loop);
	pthread_join(c->thread, NULL);
	cdx_loop_free(c->loop);
}

struct chain_market_in {
	struct cdx_addr contract;
	struct cdx_addr token;
};

static inline void chain_market_here(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	struct chain_market_in *in = op->in;
	const struct cdx_marketplace_opts opts = {.contract = in->contract,
						  .token = &in->token};

	cdx_await_done(a,
		       cdx_marketplace_new(&op->c->market, op->c->rpc, &opts));
}

/* From here on c->market */
static inline void chain_market(struct chain *c,
				const struct cdx_addr *contract,
				const struct cdx_addr *token)
{
	struct chain_market_in in = {*contract, *token};
	struct chain_op op;

	assert_int_equal(chain_do(c, &op, chain_market_here, &in), 0);
}

/* ---- accounts ---- */

struct chain_sender_in {
	const struct cdx_account *account;
	struct cdx_sender *sender;
};

static inline void chain_sender_here(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	struct chain_sender_in *in = op->in;
	const struct cdx_sender_opts opts = {.log = &op->c->log};

	if (in->sender == NULL) {
		op->err = cdx_sender_new(&in->sender, op->c->loop, op->c->rpc,
					 op->c->head,
					 cdx_persist_memory(op->c->memory),
					 in->account, &opts);
	} else {
		cdx_sender_free(in->sender);
	}
	cdx_await_done(a, op->err);
}

static inline struct cdx_sender *chain_sender(struct chain *c,
					      const struct cdx_account *account)
{
	struct chain_sender_in in = {account, NULL};
	struct chain_op op;

	assert_int_equal(chain_do(c, &op, chain_sender_here, &in), 0);
	return in.sender;
}

static inline void chain_sender_free(struct chain *c, struct cdx_sender *s)
{
	struct chain_sender_in in = {NULL, s};
	struct chain_op op;

	if (s != NULL)
		assert_int_equal(chain_do(c, &op, chain_sender_here, &in), 0);
}

/* The first account that anvil has money on: its key is public, of the words
 * "test test test test test test test test test test test junk" */
static inline struct cdx_account chain_rich(void)
{
	struct cdx_account a;
	struct cdx_seckey key;

	assert_int_equal(cdx_unhex(key.b, sizeof(key.b),
				   "ac0974bec39a17e36ba4a6b4d238ff94"
				   "4bacb478cbed5efcae784d7bf4f2ff80"),
			 0);
	assert_int_equal(cdx_account_of(&a, &key), 0);
	return a;
}

struct chain_send_in {
	struct cdx_sender *from;
	struct cdx_send_req req;
};

static inline void chain_send_here(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	struct chain_send_in *in = op->in;
	int rc;

	op->await = a;
	rc = cdx_sender_send(in->from, NULL, &in->req, chain_sent, op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

/* A result that must be 0 */
static inline void chain_fine(const struct chain_op *op, int rc,
			      const char *what)
{
	if (rc < 0)
		print_error("%s: %s: %s\n", what, cdx_strerror(rc),
			    op->why.words);
	assert_int_equal(rc, 0);
}

/* Wei to an account that is none yet */
static inline void chain_give(struct chain *c, struct cdx_sender *from,
			      const struct cdx_addr *to, uint64_t wei)
{
	struct chain_send_in in = {
		.from = from,
		.req = {.to = *to, .value = cdx_u256_of(wei)},
	};
	struct chain_op op;

	chain_fine(&op, chain_do(c, &op, chain_send_here, &in), "value");
}

struct chain_deploy_in {
	struct cdx_sender *from;
	const struct cdx_buf *code;
};

static inline void chain_deploy_here(void *arg, struct cdx_await *a)
{
	struct chain_op *op = arg;
	struct chain_deploy_in *in = op->in;
	int rc;

	op->await = a;
	rc = cdx_deploy(in->from, in->code->p, in->code->len, chain_sent, op);
	if (rc < 0)
		cdx_await_done(a, rc);
}

/* Frees @code */
static inline struct cdx_sent
chain_deploy(struct chain *c, struct cdx_sender *from, struct cdx_buf *code)
{
	struct chain_deploy_in in = {from, code};
	struct chain_op op;

	assert_int_equal(cdx_buf_ok(code), 0);
	chain_fine(&op, chain_do(c, &op, chain_deploy_here, &in), "deploy");
	cdx_buf_free(code);
	return op.sent;
}

#endif
