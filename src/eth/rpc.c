/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "eth/rpc_internal.h"

#define NS_PER_MS UINT64_C(1000000)
#define TIMEOUT_MS 10000u
#define GIVE_UP_MS 60000u
#define MAX_REPLY ((size_t)16 << 20)
/* Pauses before an attempt: 250 ms, doubled up to 4 s */
#define PAUSE_MS 250u
#define PAUSE_SHIFT_MAX 4u

/* Memory of a layer above, that goes with a call */
struct owned {
	struct owned *next;
	void *mem;
};

/* loop-confined */
struct cdx_rpc_call {
	struct cdx_list node; /* in rpc->calls */
	struct cdx_list wait; /* in node->waiting */
	struct cdx_rpc *rpc;
	struct cdx_rpc_node *at; /* the endpoint that is being asked */
	struct cdx_http_transfer *transfer;
	struct cdx_loop_timer *pause;
	char *body;
	struct cdx_rpc_asked asked;
	uint64_t deadline_ns;
	unsigned attempts;
	bool lost;	/* an endpoint may have had it, and we have no answer */
	unsigned tried; /* endpoints, in this round; a bit each */
	/* of the last failure */
	int err;
	int64_t code;
	char message[CDX_RPC_MESSAGE_MAX];
	char why[CDX_RPC_WHY_MAX];
	cdx_rpc_fn *fn; /* of a single request */
	cdx_rpc_batch_fn *batch_fn;
	void *arg;
	struct owned *owned;
};

static void rpc_destroy(struct cdx_rpc *rpc)
{
	for (size_t i = 0; i < rpc->n_nodes; i++)
		cdx_rpc_node_fini(&rpc->nodes[i]);
	free(rpc);
}

static void call_free(struct cdx_rpc_call *c)
{
	cdx_list_del(&c->node);
	cdx_list_del(&c->wait);
	cdx_http_cancel(c->transfer);
	cdx_loop_timer_del(c->pause);
	free(c->body);
	while (c->owned) {
		struct owned *o = c->owned;

		c->owned = o->next;
		free(o->mem);
		free(o);
	}
	free(c);
}

/* Calls back and frees.  The client is gone afterwards if it was freed from
 * within and nobody holds it. */
static void tell(struct cdx_rpc_call *c, int err,
		 const struct cdx_rpc_reply *replies, size_t n)
{
	struct cdx_rpc *rpc = c->rpc;
	bool held = rpc->calling;

	cdx_list_del(&c->node);
	rpc->calling = true;
	if (c->batch_fn)
		c->batch_fn(c->arg, err, replies, n);
	else
		c->fn(c->arg, err, replies);
	rpc->calling = held;
	call_free(c);
	if (rpc->dead && !held)
		rpc_destroy(rpc);
}

/* "URL: what is wrong" */
static void put_why(char out[CDX_RPC_WHY_MAX], const struct cdx_rpc_call *c,
		    const char *words)
{
	snprintf(out, CDX_RPC_WHY_MAX, "%.128s: %.*s", c->at->shown,
		 (int)CDX_RPC_MESSAGE_MAX, words);
}

static void tell_failure(struct cdx_rpc_call *c, int err)
{
	char why[CDX_RPC_WHY_MAX];
	struct cdx_rpc_reply r = {
		.message = c->message,
		.code = c->code,
		.again = c->lost,
		.endpoint = c->at->shown,
		.why = why,
	};

	put_why(why, c, c->why);
	tell(c, err, &r, 1);
}

static int attempt(struct cdx_rpc_call *c);

static void on_pause(void *arg)
{
	struct cdx_rpc_call *c = arg;
	int rc;

	cdx_loop_timer_del(c->pause);
	c->pause = NULL;
	rc = attempt(c);
	if (rc != 0)
		tell_failure(c, rc);
}

/* 250, 500, 1000, 2000, 4000 ms, times a factor between 1/2 and 1 */
static uint64_t pause_ns(unsigned attempts)
{
	unsigned shift = attempts ? attempts - 1 : 0;
	uint64_t whole = PAUSE_MS * NS_PER_MS;
	uint32_t chance;

	whole <<= shift < PAUSE_SHIFT_MAX ? shift : PAUSE_SHIFT_MAX;
	cdx_random(&chance, sizeof(chance));
	return whole / 2 + (whole / 2 >> 16) * (chance >> 16);
}

/* After a failure that c->err and c->why tell: 0 when it will be tried again,
 * else what it has failed with. */
static int retry(struct cdx_rpc_call *c)
{
	struct cdx_rpc *rpc = c->rpc;
	uint64_t pause = pause_ns(c->attempts);

	if (c->err == -EXDEV && cdx_rpc_nodes_foreign(rpc))
		return c->err;
	/* an answer that is too long is so on every honest endpoint */
	if (c->err == -EMSGSIZE && c->attempts >= rpc->n_nodes)
		return c->err;
	if (cdx_clock_mono_ns() + pause >= c->deadline_ns)
		return c->err;
	return cdx_loop_timer_add(rpc->loop, &c->pause, pause, 0, on_pause, c);
}

static void note_failure(struct cdx_rpc_call *c, int err, const char *why,
			 const struct cdx_rpc_reply *reply)
{
	c->err = err;
	c->code = reply ? reply->code : 0;
	snprintf(c->message, sizeof(c->message), "%s",
		 reply ? reply->message : "");
	snprintf(c->why, sizeof(c->why), "%s", why);
}

static void refusal_words(char why[CDX_RPC_WHY_MAX],
			  const struct cdx_rpc_reply *r)
{
	if (r->message[0])
		snprintf(why, CDX_RPC_WHY_MAX, "%s", r->message);
	else
		snprintf(why, CDX_RPC_WHY_MAX, "refused with code %lld",
			 (long long)r->code);
}

/* The endpoint's answer, complete: to whom it belongs */
static void tell_answers(struct cdx_rpc_call *c,
			 struct cdx_rpc_answers *answers)
{
	char why[CDX_RPC_WHY_MAX];
	char words[CDX_RPC_WHY_MAX];
	struct cdx_rpc_reply *r = answers->replies;
	int err = 0;

	for (size_t i = 0; i < answers->n; i++) {
		r[i].endpoint = c->at->shown;
		r[i].again = c->lost;
	}
	if (!c->batch_fn && !r->result) {
		err = CDX_E_CHAIN;
		refusal_words(words, r);
		put_why(why, c, words);
		r->why = why;
	}
	tell(c, err, r, answers->n);
}

/* An error of one answer that says something of the endpoint, if any */
static const struct cdx_rpc_reply *
complaint_of(const struct cdx_rpc_answers *answers)
{
	for (size_t i = 0; i < answers->n; i++) {
		const struct cdx_rpc_reply *r = &answers->replies[i];

		if (!r->result && cdx_rpc_speaks_of_node(r))
			return r;
	}
	return NULL;
}

/* Whether a request that ended so may have reached the endpoint all the same */
static bool may_have_reached(int err)
{
	return err != -ECONNREFUSED && err != -EHOSTUNREACH &&
	       err != -ENETUNREACH && err != CDX_E_CHAIN;
}

static void on_answer(void *arg, int err, const struct cdx_http_res *res,
		      const char *words)
{
	struct cdx_rpc_call *c = arg;
	struct cdx_rpc_answers answers = {0};
	const struct cdx_rpc_reply *complaint = NULL;
	char why[CDX_RPC_WHY_MAX];

	c->transfer = NULL;
	snprintf(why, sizeof(why), "%s", words);
	err = cdx_rpc_receive(&answers, &c->asked, err, res, why);
	if (err == 0) {
		complaint = complaint_of(&answers);
	} else if (err == CDX_E_CHAIN) {
		/* about the batch, so as good as about each of it */
		if (cdx_rpc_speaks_of_node(answers.replies))
			complaint = answers.replies;
	}
	if (complaint) {
		err = CDX_E_CHAIN;
		refusal_words(why, complaint);
	}
	if (err == 0) {
		cdx_rpc_node_well(c->at);
		tell_answers(c, &answers);
	} else if (err == CDX_E_CHAIN && !complaint) {
		cdx_rpc_node_well(c->at);
		refusal_words(why, answers.replies);
		note_failure(c, err, why, answers.replies);
		tell_failure(c, err);
	} else {
		note_failure(c, err, why, complaint);
		c->lost = c->lost || may_have_reached(err);
		if (err != -ENOMEM)
			cdx_rpc_node_failed(c->at, why);
		err = retry(c);
		if (err != 0)
			tell_failure(c, err);
	}
	cdx_rpc_answers_free(&answers);
}

static int send_body(struct cdx_rpc_call *c)
{
	return cdx_rpc_post(c->at, &c->transfer, c->body, on_answer, c);
}

/* 0: it is under way, else it has failed for good. */
static int attempt(struct cdx_rpc_call *c)
{
	struct cdx_rpc *rpc = c->rpc;
	int rc;

	c->at = cdx_rpc_node_pick(rpc, &c->tried);
	c->attempts++;
	cdx_rpc_nodes_visit(rpc, c->at);
	if (c->at->checked)
		rc = send_body(c);
	else
		rc = cdx_rpc_node_check(c->at);
	if (rc != 0) {
		note_failure(c, rc, cdx_strerror(rc), NULL);
		return retry(c);
	}
	if (!c->transfer)
		cdx_list_add_tail(&c->at->waiting, &c->wait);
	return 0;
}

void cdx_rpc_node_checked(struct cdx_rpc_node *n, int err)
{
	struct cdx_rpc *rpc = n->rpc;
	bool held = rpc->calling;

	/* callbacks may cancel calls that wait, begin others, free the client */
	rpc->calling = true;
	while (!cdx_list_empty(&n->waiting)) {
		struct cdx_rpc_call *c = cdx_list_entry(
			n->waiting.next, struct cdx_rpc_call, wait);
		int rc = err;

		cdx_list_del(&c->wait);
		if (rc == 0)
			rc = send_body(c);
		if (rc == 0)
			continue;
		note_failure(c, rc, rc == err ? n->why : cdx_strerror(rc),
			     NULL);
		rc = retry(c);
		if (rc != 0)
			tell_failure(c, rc);
	}
	rpc->calling = held;
	if (rpc->dead && !held)
		rpc_destroy(rpc);
}

static json_t *request_json(uint64_t id, const char *method, json_t *params)
{
	return json_pack("{s:s, s:I, s:s, s:O}", "jsonrpc", "2.0", "id",
			 (json_int_t)id, "method", method, "params", params);
}

static char *requests_text(uint64_t id, const struct cdx_rpc_req *reqs,
			   size_t n, bool batch)
{
	json_t *all = batch ? json_array()
			    : request_json(id, reqs->method, reqs->params);
	char *text;

	for (size_t i = 0; batch && i < n; i++) {
		json_t *one =
			request_json(id + i, reqs[i].method, reqs[i].params);

		if (json_array_append_new(all, one) != 0) {
			json_decref(all);
			return NULL;
		}
	}
	text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	json_decref(all);
	return text;
}

static struct cdx_rpc_call *call_new(struct cdx_rpc *rpc,
				     const struct cdx_rpc_req *reqs, size_t n,
				     bool batch)
{
	struct cdx_rpc_call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->rpc = rpc;
	cdx_list_add_tail(&rpc->calls, &c->node);
	cdx_list_init(&c->wait);
	c->asked = (struct cdx_rpc_asked){
		.first_id = rpc->next_id, .n = n, .batch = batch};
	c->deadline_ns = cdx_clock_mono_ns() + rpc->give_up_ms * NS_PER_MS;
	c->body = requests_text(rpc->next_id, reqs, n, batch);
	if (!c->body) {
		call_free(c);
		return NULL;
	}
	rpc->next_id += n;
	return c;
}

static int call_begin(struct cdx_rpc_call *c, struct cdx_rpc_call **out)
{
	if (attempt(c) != 0) {
		call_free(c);
		return -ENOMEM;
	}
	if (out)
		*out = c;
	return 0;
}

int cdx_rpc_call(struct cdx_rpc *rpc, struct cdx_rpc_call **out,
		 const char *method, json_t *params, cdx_rpc_fn *fn, void *arg)
{
	const struct cdx_rpc_req req = {.method = method, .params = params};
	struct cdx_rpc_call *c = params ? call_new(rpc, &req, 1, false) : NULL;

	json_decref(params);
	if (!c)
		return -ENOMEM;
	c->fn = fn;
	c->arg = arg;
	return call_begin(c, out);
}

int cdx_rpc_batch(struct cdx_rpc *rpc, struct cdx_rpc_call **out,
		  const struct cdx_rpc_req *reqs, size_t n,
		  cdx_rpc_batch_fn *fn, void *arg)
{
	bool fits = n > 0 && n <= CDX_RPC_BATCH_MAX;
	struct cdx_rpc_call *c = NULL;
	bool whole = true;

	for (size_t i = 0; i < n; i++)
		whole = whole && reqs[i].params;
	if (fits && whole)
		c = call_new(rpc, reqs, n, true);
	for (size_t i = 0; i < n; i++)
		json_decref(reqs[i].params);
	if (!c)
		return fits ? -ENOMEM : -EINVAL;
	c->batch_fn = fn;
	c->arg = arg;
	return call_begin(c, out);
}

int cdx_rpc_call_own(struct cdx_rpc_call *call, void *mem)
{
	struct owned *o = malloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->mem = mem;
	o->next = call->owned;
	call->owned = o;
	return 0;
}

void cdx_rpc_cancel(struct cdx_rpc_call *call)
{
	if (call)
		call_free(call);
}

static int nodes_init(struct cdx_rpc *rpc, const struct cdx_rpc_opts *opts,
		      char why[CDX_RPC_WHY_MAX])
{
	for (size_t i = 0; i < opts->n_urls; i++) {
		int rc = cdx_rpc_node_init(&rpc->nodes[i], rpc, opts->urls[i]);

		rpc->n_nodes = i + 1;
		if (rc == -EINVAL)
			snprintf(why, CDX_RPC_WHY_MAX,
				 "URL %zu of the chain's endpoints is not "
				 "http://HOST or https://HOST",
				 i + 1);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int cdx_rpc_new(struct cdx_rpc **out, struct cdx_loop *loop,
		struct cdx_http *http, const struct cdx_rpc_opts *opts,
		char why[CDX_RPC_WHY_MAX])
{
	struct cdx_rpc *rpc;
	int rc;

	*out = NULL;
	why[0] = '\0';
	if (opts->n_urls == 0 || opts->n_urls > CDX_RPC_ENDPOINTS_MAX) {
		snprintf(why, CDX_RPC_WHY_MAX,
			 "1 to %u endpoints of the chain are wanted, not %zu",
			 CDX_RPC_ENDPOINTS_MAX, opts->n_urls);
		return -EINVAL;
	}
	rpc = calloc(1, sizeof(*rpc));
	if (!rpc)
		return -ENOMEM;
	rpc->loop = loop;
	rpc->http = http;
	rpc->log = opts->log;
	rpc->chain_id = opts->chain_id;
	rpc->timeout_ms = opts->timeout_ms ? opts->timeout_ms : TIMEOUT_MS;
	rpc->give_up_ms = opts->give_up_ms ? opts->give_up_ms : GIVE_UP_MS;
	rpc->max_reply = opts->max_reply ? opts->max_reply : MAX_REPLY;
	if (rpc->timeout_ms > rpc->give_up_ms)
		rpc->timeout_ms = rpc->give_up_ms;
	rpc->next_id = 1;
	cdx_list_init(&rpc->calls);
	rc = nodes_init(rpc, opts, why);
	if (rc != 0) {
		rpc_destroy(rpc);
		return rc;
	}
	*out = rpc;
	return 0;
}

void cdx_rpc_free(struct cdx_rpc *rpc)
{
	if (!rpc)
		return;
	cdx_list_foreach_safe(pos, tmp, &rpc->calls)
		call_free(cdx_list_entry(pos, struct cdx_rpc_call, node));
	rpc->dead = true;
	/* not later: the HTTP client may go before that */
	for (size_t i = 0; i < rpc->n_nodes; i++) {
		cdx_http_cancel(rpc->nodes[i].check);
		rpc->nodes[i].check = NULL;
	}
	if (!rpc->calling)
		rpc_destroy(rpc);
}

uint64_t cdx_rpc_chain_id(const struct cdx_rpc *rpc)
{
	return rpc->chain_id;
}

int cdx_rpc_endpoint(const struct cdx_rpc *rpc, size_t i,
		     struct cdx_rpc_endpoint *out)
{
	const struct cdx_rpc_node *n = &rpc->nodes[i];

	if (i >= rpc->n_nodes)
		return -ENOENT;
	*out = (struct cdx_rpc_endpoint){
		.url = n->shown,
		.used = n->answered,
		.well = n->answered && !n->sick && !n->foreign,
		.chain_id = n->chain_id,
		.requests = n->requests,
		.failures = n->failures,
		.why = n->why,
	};
	return 0;
}
