/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "eth/call.h"
#include "net/http.h"
#include "tests/unit/loop_kit.h"
#include "tests/unit/rpc_kit.h"

/* Calls of contracts: what comes back, and every way in which a node says that
 * one refuses. */

/* What the node answers */
static struct {
	const char *result; /* NULL: an error */
	int64_t code;
	const char *message;
	const char *data;
	char seen[512]; /* the parameters */
} node;

static struct {
	struct loop_kit turns;
	struct rpc_kit *kit;
	struct cdx_http *http;
	struct cdx_rpc *rpc;
} env;

/* What came of one */
struct got {
	bool done;
	int err;
	uint8_t data[64];
	size_t len;
	struct cdx_revert why;
};

static json_t *answer(void *arg, const char *method, const json_t *params,
		      struct rpc_kit_answer *out)
{
	char *text = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);

	(void)arg;
	(void)method;
	snprintf(node.seen, sizeof(node.seen), "%s", text ? text : "");
	free(text);
	if (node.result)
		return json_string(node.result);
	out->code = node.code;
	snprintf(out->message, sizeof(out->message), "%s", node.message);
	if (node.data)
		out->data = json_string(node.data);
	return NULL;
}

static int setup(void **state)
{
	const char *url;
	struct cdx_rpc_opts opts = {.urls = &url, .n_urls = 1};
	char why[CDX_RPC_WHY_MAX];

	(void)state;
	memset(&node, 0, sizeof(node));
	env.kit = rpc_kit_start(answer, NULL);
	url = rpc_kit_url(env.kit);
	loop_kit_start(&env.turns);
	assert_int_equal(cdx_http_new(&env.http, env.turns.loop), 0);
	assert_int_equal(
		cdx_rpc_new(&env.rpc, env.turns.loop, env.http, &opts, why), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cdx_rpc_free(env.rpc);
	cdx_http_free(env.http);
	loop_kit_end(&env.turns);
	rpc_kit_stop(env.kit);
	return 0;
}

static void got_data(void *arg, int err, const uint8_t *data, size_t len,
		     const struct cdx_revert *why)
{
	struct got *g = arg;

	assert_false(g->done);
	g->done = true;
	g->err = err;
	assert_int_equal(why == NULL, err == 0);
	if (why)
		g->why = *why;
	g->len = len;
	assert_true(len <= sizeof(g->data));
	if (len)
		memcpy(g->data, data, len);
}

static bool is_done(void *arg)
{
	return ((struct got *)arg)->done;
}

static struct got call(void)
{
	struct cdx_addr from = {{1}};
	struct cdx_call_req req = {
		.to = {{0x42}}, .from = &from, .data = "\x01\x02", .len = 2};
	struct got g = {.done = false};

	req.at = CDX_AT_PENDING;
	assert_int_equal(cdx_eth_call(env.rpc, NULL, &req, got_data, &g), 0);
	loop_kit_until(&env.turns, is_done, &g);
	return g;
}

static struct got refused(int64_t code, const char *message, const char *data)
{
	node.result = NULL;
	node.code = code;
	node.message = message;
	node.data = data;
	return call();
}

static void test_result(void **state)
{
	struct got g;

	(void)state;
	node.result = "0x0a0b0c";
	g = call();
	assert_int_equal(g.err, 0);
	assert_int_equal(g.len, 3);
	assert_memory_equal(g.data, "\x0a\x0b\x0c", 3);
	assert_non_null(strstr(node.seen, "\"data\":\"0x0102\""));
	assert_non_null(strstr(node.seen, "\"pending\""));
	assert_non_null(strstr(
		node.seen,
		"\"from\":\"0x0100000000000000000000000000000000000000\""));
	node.result = "0x";
	g = call();
	assert_int_equal(g.err, 0);
	assert_int_equal(g.len, 0);
	node.result = "goose";
	g = call();
	assert_int_equal(g.err, CDX_E_FORMAT);
	assert_non_null(strstr(g.why.words, "something else than bytes"));
}

static void test_reverts(void **state)
{
	struct got g;

	(void)state;
	g = refused(3, "execution reverted", "0xff556acf");
	assert_int_equal(g.err, CDX_E_CHAIN);
	assert_int_equal(g.why.code, CDX_REVERT_SLOT_NOT_FREE);
	g = refused(3, "execution reverted", "0x");
	assert_int_equal(g.why.code, CDX_REVERT_EMPTY);
	g = refused(-32000, "execution reverted", NULL);
	assert_int_equal(g.why.code, CDX_REVERT_EMPTY);
	g = refused(-32000, "execution reverted: too early", NULL);
	assert_int_equal(g.why.code, CDX_REVERT_TEXT);
	assert_non_null(strstr(g.why.words, "too early"));
	g = refused(-32015, "VM execution error", "0xff556acf");
	assert_int_equal(g.why.code, CDX_REVERT_SLOT_NOT_FREE);
	/* the node's own refusal is no revert */
	g = refused(-32601, "no such method", NULL);
	assert_int_equal(g.err, CDX_E_CHAIN);
	assert_int_equal(g.why.code, CDX_REVERT_NONE);
	assert_non_null(strstr(g.why.words, "no such method"));
}

/* Cancelled or left in flight: nothing is called, nothing leaks (ASan). */
static void test_cancel(void **state)
{
	struct cdx_call_req req = {.len = 0};
	struct got g = {.done = false};
	struct cdx_rpc_call *c;

	(void)state;
	node.result = "0x";
	assert_int_equal(cdx_eth_call(env.rpc, &c, &req, got_data, &g), 0);
	cdx_rpc_cancel(c);
	assert_int_equal(cdx_eth_call(env.rpc, &c, &req, got_data, &g), 0);
	cdx_rpc_free(env.rpc);
	env.rpc = NULL;
	loop_kit_run_ms(&env.turns, 50);
	assert_false(g.done);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_result),
		T(test_reverts),
		T(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
