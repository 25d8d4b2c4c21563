/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* JSON-RPC to endpoints that are down, slow, broken, or lie. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "rpc_calls.h"

static void test_down(void **state)
{
	struct env *e = *state;
	const struct cdx_rpc_opts opts = {.give_up_ms = 1000};
	char dead[64];
	const char *urls[] = {dead, rpc_kit_url(e->kits[0])};

	rpc_kit_dead_url(dead);
	e->rpc = rpc_of(e, urls, 2, &opts);
	assert_int_equal(cdx_rpc_chain_id(e->rpc), 0);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
	assert_string_equal(e->seen.endpoint, urls[1]);
	assert_int_equal(cdx_rpc_chain_id(e->rpc), 31337);
	assert_false(endpoint(e, 0).well);
	said(endpoint(e, 0).why, "Failed to connect");
	/* the next one goes there at once */
	call(e, "echo");
	assert_int_equal(endpoint(e, 0).requests, 1);
	cdx_rpc_free(e->rpc);
	/* nobody at all */
	e->rpc = rpc_of(e, urls, 1, &opts);
	call(e, "echo");
	assert_int_equal(e->seen.err, -ECONNREFUSED);
	said(e->seen.why, dead);
	said(e->seen.why, ": Failed to connect to 127.0.0.1");
	assert_true(endpoint(e, 0).requests > 1);
}

static void test_slow(void **state)
{
	struct env *e = *state;

	use(e, 2, 300, 10000);
	rpc_kit_spoil(e->kits[0], RPC_KIT_HANG, "echo", UINT_MAX);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
	assert_string_equal(e->seen.endpoint, rpc_kit_url(e->kits[1]));
	said(endpoint(e, 0).why, "timed out");
	cdx_rpc_free(e->rpc);
	use(e, 1, 200, 300);
	call(e, "echo");
	assert_int_equal(e->seen.err, -ETIMEDOUT);
	said(e->seen.why, "timed out after 2");
}

static void test_wrong_chain(void **state)
{
	struct env *e = *state;

	use(e, 2, 0, 0);
	rpc_kit_chain_id(e->kits[0], 5);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
	assert_string_equal(e->seen.endpoint, rpc_kit_url(e->kits[1]));
	assert_false(endpoint(e, 0).used);
	assert_false(endpoint(e, 0).well);
	assert_int_equal(endpoint(e, 0).chain_id, 5);
	assert_string_equal(endpoint(e, 0).why,
			    "is of chain 5, and 31337 is wanted");
	/* nothing but its chain id was asked of it */
	assert_int_equal(rpc_kit_count(e->kits[0], "echo"), 0);
	/* all of them: no waiting */
	rpc_kit_chain_id(e->kits[1], 6);
	rpc_kit_spoil(e->kits[1], RPC_KIT_CUT, "echo", 1);
	call(e, "echo");
	assert_int_equal(e->seen.err, -EXDEV);
	said(e->seen.why, ", and 31337 is wanted");
	/* asked again at the next request */
	rpc_kit_chain_id(e->kits[0], 31337);
	rpc_kit_chain_id(e->kits[1], 31337);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
}

/* It said the right chain, then fails once, and is another one's since. */
static void test_wrong_chain_later(void **state)
{
	struct env *e = *state;

	use(e, 1, 0, 0);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
	rpc_kit_chain_id(e->kits[0], 1);
	rpc_kit_spoil(e->kits[0], RPC_KIT_CUT, "echo", 1);
	call(e, "echo");
	assert_int_equal(e->seen.err, -EXDEV);
	said(e->seen.why, "is of chain 1, and 31337 is wanted");
	assert_false(endpoint(e, 0).well);
}

static void test_first_says_the_chain(void **state)
{
	struct env *e = *state;
	const struct cdx_rpc_opts opts = {0};
	const char *urls[] = {rpc_kit_url(e->kits[0]), rpc_kit_url(e->kits[1])};

	rpc_kit_chain_id(e->kits[0], 77);
	e->rpc = rpc_of(e, urls, 2, &opts);
	call(e, "echo");
	assert_int_equal(cdx_rpc_chain_id(e->rpc), 77);
	/* then the other does not do in its place */
	rpc_kit_spoil(e->kits[0], RPC_KIT_CUT, "echo", 1);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
	assert_string_equal(e->seen.endpoint, urls[0]);
	assert_string_equal(endpoint(e, 1).why,
			    "is of chain 31337, and 77 is wanted");
}

struct fault_case {
	enum rpc_kit_fault fault;
	int err;
	int err2; /* may be that instead; 0 */
	const char *words;
	struct env *e;
	struct rpc_kit *kit;
	struct cdx_rpc *rpc;
	struct seen seen;
};

static unsigned faults_left;

static void on_fault(void *arg, int err, const struct cdx_rpc_reply *r)
{
	struct fault_case *c = arg;

	c->seen.err = err;
	snprintf(c->seen.why, sizeof(c->seen.why), "%s", r->why);
	if (--faults_left == 0)
		loop_kit_stop(&c->e->loop);
}

/* Each spoils every answer; all at the same time, since each takes a while. */
static void test_faults(void **state)
{
	struct fault_case t[] = {
		{.fault = RPC_KIT_GARBAGE,
		 .err = CDX_E_FORMAT,
		 .words = "its answer is no JSON: '[' or '{' expected near"},
		{.fault = RPC_KIT_OTHER_JSON,
		 .err = CDX_E_FORMAT,
		 .words = "its answer is not to what was asked"},
		{.fault = RPC_KIT_HALF_JSON,
		 .err = CDX_E_FORMAT,
		 .words = "its answer is no JSON"},
		{.fault = RPC_KIT_CUT,
		 .err = -EPIPE,
		 .words = "transfer closed"},
		{.fault = RPC_KIT_DROP,
		 .err = -EPIPE,
		 .err2 = -ECONNRESET,
		 .words = ""},
		{.fault = RPC_KIT_FLOOD,
		 .err = -EMSGSIZE,
		 .words = "the answer is too long"},
		{.fault = RPC_KIT_LONG,
		 .err = -EMSGSIZE,
		 .words = "Maximum file size exceeded"},
		{.fault = RPC_KIT_DEEP,
		 .err = CDX_E_FORMAT,
		 .words = "nested too deep"},
		{.fault = RPC_KIT_TWICE,
		 .err = CDX_E_FORMAT,
		 .words = "duplicate object key"},
		{.fault = RPC_KIT_WRONG_ID,
		 .err = CDX_E_FORMAT,
		 .words = "its answer is not to what was asked"},
		{.fault = RPC_KIT_NO_RESULT,
		 .err = CDX_E_FORMAT,
		 .words = "neither result nor error"},
	};
	struct env *e = *state;
	const struct cdx_rpc_opts opts = {
		.chain_id = 31337, .give_up_ms = 1500, .max_reply = 1000000};

	faults_left = CDX_ARRAY_LEN(t);
	for (size_t i = 0; i < CDX_ARRAY_LEN(t); i++) {
		const char *url;

		t[i].e = e;
		t[i].kit = rpc_kit_start(rpc_calls_node, e);
		url = rpc_kit_url(t[i].kit);
		rpc_kit_spoil(t[i].kit, t[i].fault, "echo", UINT_MAX);
		t[i].rpc = rpc_of(e, &url, 1, &opts);
		assert_int_equal(cdx_rpc_call(t[i].rpc, NULL, "echo",
					      json_pack("[i]", 1), on_fault,
					      &t[i]),
				 0);
	}
	loop_kit_run(&e->loop);
	for (size_t i = 0; i < CDX_ARRAY_LEN(t); i++) {
		if (t[i].seen.err != t[i].err &&
		    (t[i].err2 == 0 || t[i].seen.err != t[i].err2))
			fail_msg("fault %d: %d, %s", t[i].fault, t[i].seen.err,
				 t[i].seen.why);
		said(t[i].seen.why, rpc_kit_url(t[i].kit));
		said(t[i].seen.why, t[i].words);
		/* tried again, but for what is too long everywhere */
		assert_true((rpc_kit_count(t[i].kit, "echo") > 1) ==
			    (t[i].err != -EMSGSIZE));
		cdx_rpc_free(t[i].rpc);
		rpc_kit_stop(t[i].kit);
	}
}

static void test_recovers(void **state)
{
	struct env *e = *state;

	use(e, 1, 0, 0);
	rpc_kit_spoil(e->kits[0], RPC_KIT_GARBAGE, NULL, 2);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
	assert_string_equal(e->seen.results[0], "7");
	assert_int_equal(endpoint(e, 0).failures, 2);
	assert_true(endpoint(e, 0).well);
}

static bool says_503(void *arg)
{
	return strstr(endpoint(arg, 0).why, "503") != NULL;
}

static void test_limits(void **state)
{
	static const struct {
		int64_t code;
		const char *message;
		bool passed_on;
	} t[] = {
		{429, "slow down", true},
		{-32005, "daily request count exceeded", true},
		{-32000, "node is syncing", true},
		{-32016, "over rate limit", true},
		{-32005, "query returned more than 10000 results", false},
		{-32602, "eth_getLogs block range is too wide", false},
		{-32000, "nonce too low", false},
		{3, "execution reverted: quota", false},
		{-32000, "execution reverted: rate limit", false},
	};
	struct env *e = *state;

	for (size_t i = 0; i < CDX_ARRAY_LEN(t); i++) {
		unsigned before = rpc_kit_count(e->kits[1], "fail");

		/* one attempt, or some at each of them */
		use(e, 2, 0, t[i].passed_on ? 600 : 0);
		e->error.code = t[i].code;
		e->error.message = t[i].message;
		e->error.data = t[i].code == 3 ? "\"0x01\"" : NULL;
		call(e, "fail");
		assert_int_equal(e->seen.err, CDX_E_CHAIN);
		assert_int_equal(e->seen.code, t[i].code);
		said(e->seen.why, t[i].message);
		if (rpc_kit_count(e->kits[1], "fail") != before &&
		    !t[i].passed_on)
			fail_msg("passed on: %s", t[i].message);
		assert_int_equal(endpoint(e, 0).well, !t[i].passed_on);
		cdx_rpc_free(e->rpc);
	}
	/* too much for a gate before the node, or for us */
	use(e, 1, 0, 0);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
	rpc_kit_status(e->kits[0], 413, "<html>", 1);
	call(e, "echo");
	assert_int_equal(e->seen.err, -EMSGSIZE);
	said(e->seen.why, "HTTP status 413: too much at once");
	cdx_rpc_free(e->rpc);
	/* what a gate before the node says */
	use(e, 2, 0, 0);
	rpc_kit_status(e->kits[0], 429, "", UINT_MAX);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
	assert_string_equal(e->seen.endpoint, rpc_kit_url(e->kits[1]));
	said(endpoint(e, 0).why, "HTTP status 429: too many requests");
	rpc_kit_status(e->kits[0], 503, "{\"error\":{\"message\":\"tea\"}}",
		       UINT_MAX);
	loop_kit_run_ms(&e->loop, 1100);
	call(e, "echo");
	loop_kit_until(&e->loop, says_503, e);
	said(endpoint(e, 0).why, "HTTP status 503: out of order: tea");
}

static bool is_well(void *arg)
{
	return endpoint(arg, 0).well;
}

/* The first one comes back when it is well, without any request waiting. */
static void test_comes_back(void **state)
{
	struct env *e = *state;

	use(e, 2, 0, 0);
	rpc_kit_spoil(e->kits[0], RPC_KIT_CUT, "echo", 1);
	call(e, "echo");
	assert_string_equal(e->seen.endpoint, rpc_kit_url(e->kits[1]));
	call(e, "echo");
	assert_string_equal(e->seen.endpoint, rpc_kit_url(e->kits[1]));
	loop_kit_run_ms(&e->loop, 1100);
	call(e, "echo");
	assert_string_equal(e->seen.endpoint, rpc_kit_url(e->kits[1]));
	loop_kit_until(&e->loop, is_well, e);
	call(e, "echo");
	assert_string_equal(e->seen.endpoint, rpc_kit_url(e->kits[0]));
}

#define T(name)                                                       \
	cmocka_unit_test_setup_teardown(test_##name, rpc_calls_setup, \
					rpc_calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(down),
		T(slow),
		T(wrong_chain),
		T(wrong_chain_later),
		T(first_says_the_chain),
		T(faults),
		T(recovers),
		T(limits),
		T(comes_back),
	};

	return cmocka_run_group_tests_name("eth/rpc faults", tests, NULL, NULL);
}
