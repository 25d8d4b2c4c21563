/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "rpc_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

json_t *rpc_calls_node(void *arg, const char *method, const json_t *params,
		       struct rpc_kit_answer *out)
{
	const struct env *e = arg;

	if (strcmp(method, "fail") == 0) {
		out->code = e->error.code;
		snprintf(out->message, sizeof(out->message), "%s",
			 e->error.message);
		if (e->error.data)
			out->data = json_loads(e->error.data, JSON_DECODE_ANY,
					       NULL);
		return NULL;
	}
	if (strcmp(method, "null") == 0)
		return NULL;
	/* says what it was asked */
	return json_deep_copy(json_array_get(params, 0));
}

int rpc_calls_setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	loop_kit_start(&e->loop);
	assert_int_equal(cdx_http_new(&e->http, e->loop.loop), 0);
	for (int i = 0; i < NODES; i++)
		e->kits[i] = rpc_kit_start(rpc_calls_node, e);
	*state = e;
	return 0;
}

int rpc_calls_teardown(void **state)
{
	struct env *e = *state;

	cdx_rpc_free(e->rpc);
	cdx_http_free(e->http);
	for (int i = 0; i < NODES; i++)
		rpc_kit_stop(e->kits[i]);
	loop_kit_end(&e->loop);
	free(e);
	return 0;
}

struct cdx_rpc *rpc_of(struct env *e, const char *const *urls, size_t n,
		       const struct cdx_rpc_opts *base)
{
	struct cdx_rpc_opts opts = *base;
	char why[CDX_RPC_WHY_MAX];
	struct cdx_rpc *rpc;

	opts.urls = urls;
	opts.n_urls = n;
	assert_int_equal(cdx_rpc_new(&rpc, e->loop.loop, e->http, &opts, why),
			 0);
	assert_string_equal(why, "");
	return rpc;
}

/* The first @n of the kits */
void use(struct env *e, size_t n, unsigned timeout_ms, unsigned give_up_ms)
{
	const struct cdx_rpc_opts opts = {.chain_id = 31337,
					  .timeout_ms = timeout_ms,
					  .give_up_ms = give_up_ms};
	const char *urls[NODES];

	for (size_t i = 0; i < n; i++)
		urls[i] = rpc_kit_url(e->kits[i]);
	e->rpc = rpc_of(e, urls, n, &opts);
}

static void note_result(char out[64], const struct cdx_rpc_reply *r)
{
	char *text;

	if (!r->result) {
		snprintf(out, 64, "error %lld", (long long)r->code);
		return;
	}
	text = json_dumps(r->result, JSON_ENCODE_ANY | JSON_COMPACT);
	assert_non_null(text);
	snprintf(out, 64, "%s", text);
	free(text);
}

static void note(struct env *e, int err, const struct cdx_rpc_reply *r,
		 size_t n)
{
	struct seen *s = &e->seen;

	s->calls++;
	s->err = err;
	s->n = n;
	assert_true((err == 0) == (r->why[0] == '\0'));
	s->code = r->code;
	s->has_data = r->has_data;
	assert_true(r->data_len < sizeof(s->data) / 2);
	cdx_hex(s->data, r->data, r->data_len);
	snprintf(s->message, sizeof(s->message), "%s", r->message);
	snprintf(s->why, sizeof(s->why), "%s", r->why);
	snprintf(s->endpoint, sizeof(s->endpoint), "%s", r->endpoint);
	for (size_t i = 0; i < n && i < CDX_ARRAY_LEN(s->results); i++)
		note_result(s->results[i], &r[i]);
	cdx_rpc_cancel(e->cancel);
	e->cancel = NULL;
	if (e->free_all) {
		cdx_rpc_free(e->rpc);
		cdx_http_free(e->http);
		e->rpc = NULL;
		e->http = NULL;
	}
	loop_kit_stop(&e->loop);
}

void on_batch(void *arg, int err, const struct cdx_rpc_reply *r, size_t n)
{
	note(arg, err, r, n);
}

void on_call(void *arg, int err, const struct cdx_rpc_reply *r)
{
	assert_true((err == 0) == (r->result != NULL));
	note(arg, err, r, 1);
}

void begin(struct env *e, struct cdx_rpc_call **out, const char *method)
{
	unsigned before = e->seen.calls;

	assert_int_equal(cdx_rpc_call(e->rpc, out, method, json_pack("[i]", 7),
				      on_call, e),
			 0);
	assert_int_equal(e->seen.calls, before);
}

void call(struct env *e, const char *method)
{
	e->seen.calls = 0;
	begin(e, NULL, method);
	loop_kit_run(&e->loop);
	assert_int_equal(e->seen.calls, 1);
}

/* echo 1, echo 2, ... */
void batch(struct env *e, size_t n, const char *last)
{
	struct cdx_rpc_req reqs[CDX_RPC_ENDPOINTS_MAX];

	for (size_t i = 0; i < n; i++)
		reqs[i] = (struct cdx_rpc_req){
			.method = i == n - 1 ? last : "echo",
			.params = json_pack("[i]", (int)i + 1)};
	e->seen.calls = 0;
	assert_int_equal(cdx_rpc_batch(e->rpc, NULL, reqs, n, on_batch, e), 0);
	loop_kit_run(&e->loop);
	assert_int_equal(e->seen.calls, 1);
}

void said(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

struct cdx_rpc_endpoint endpoint(struct env *e, size_t i)
{
	struct cdx_rpc_endpoint out;

	assert_int_equal(cdx_rpc_endpoint(e->rpc, i, &out), 0);
	return out;
}
