/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* JSON-RPC: calls, batches, what nodes refuse, and ends in the middle. */
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

static void test_call(void **state)
{
	struct env *e = *state;

	use(e, 2, 0, 0);
	assert_int_equal(cdx_rpc_chain_id(e->rpc), 31337);
	assert_false(endpoint(e, 0).used);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
	assert_string_equal(e->seen.results[0], "7");
	assert_string_equal(e->seen.endpoint, rpc_kit_url(e->kits[0]));
	/* null is a result */
	call(e, "null");
	assert_int_equal(e->seen.err, 0);
	assert_string_equal(e->seen.results[0], "null");
	/* who it is was asked first, and once; the second one is not needed */
	assert_int_equal(rpc_kit_count(e->kits[0], "eth_chainId"), 1);
	assert_int_equal(rpc_kit_count(e->kits[0], NULL), 3);
	assert_int_equal(rpc_kit_count(e->kits[1], NULL), 0);
	assert_true(endpoint(e, 0).used);
	assert_true(endpoint(e, 0).well);
	assert_int_equal(endpoint(e, 0).chain_id, 31337);
	assert_int_equal(endpoint(e, 0).requests, 3);
	assert_int_equal(endpoint(e, 0).failures, 0);
	assert_string_equal(endpoint(e, 0).why, "");
	assert_false(endpoint(e, 1).used);
}

static void test_options(void **state)
{
	static const char *const bad[] = {"ftp://u:secret@127.0.0.1/", "secret",
					  "",
					  "http://u:secret@127.0.0.1:99999"};
	static const char *const many[9] = {"http://a"};
	struct env *e = *state;
	struct cdx_rpc_opts opts = {.n_urls = 1};
	char why[CDX_RPC_WHY_MAX];
	struct cdx_rpc_endpoint out;

	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		opts.urls = &bad[i];
		assert_int_equal(cdx_rpc_new(&e->rpc, e->loop.loop, e->http,
					     &opts, why),
				 -EINVAL);
		assert_null(e->rpc);
		said(why, "URL 1 of the chain's endpoints is not http");
		assert_null(strstr(why, "secret"));
	}
	opts.urls = many;
	opts.n_urls = 9;
	assert_int_equal(cdx_rpc_new(&e->rpc, e->loop.loop, e->http, &opts,
				     why),
			 -EINVAL);
	said(why, "1 to 8 endpoints");
	opts.n_urls = 0;
	assert_int_equal(cdx_rpc_new(&e->rpc, e->loop.loop, e->http, &opts,
				     why),
			 -EINVAL);
	use(e, 2, 0, 0);
	assert_int_equal(cdx_rpc_endpoint(e->rpc, 2, &out), -ENOENT);
}

static void test_secrets(void **state)
{
	struct env *e = *state;
	const struct cdx_rpc_opts opts = {.give_up_ms = 300};
	char url[128];
	const char *urls[] = {url};
	char auth[64];

	snprintf(url, sizeof(url), "http://me:secret@%s/v3/secretkey?k=secret",
		 rpc_kit_url(e->kits[0]) + strlen("http://"));
	e->rpc = rpc_of(e, urls, 1, &opts);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
	/* base64 of me:secret */
	rpc_kit_authorization(e->kits[0], auth, sizeof(auth));
	assert_string_equal(auth, "Basic bWU6c2VjcmV0");
	assert_string_equal(endpoint(e, 0).url, rpc_kit_url(e->kits[0]));
	rpc_kit_status(e->kits[0], 401, "no", UINT_MAX);
	call(e, "echo");
	assert_int_equal(e->seen.err, -EREMOTEIO);
	said(e->seen.why, "HTTP status 401: user, password or key are wrong");
	assert_null(strstr(e->seen.why, "secret"));
	assert_null(strstr(e->seen.endpoint, "secret"));
	assert_null(strstr(endpoint(e, 0).why, "secret"));
}

static void test_refusals(void **state)
{
	static const struct {
		const char *message, *data; /* what the node says */
		const char *words, *hex;    /* what is made of it */
	} t[] = {
		{"execution reverted", "\"0x08c379a0\"", "execution reverted",
		 "08c379a0"},
		{"execution reverted", "\"0x\"", "execution reverted", ""},
		{"nonce too low", NULL, "nonce too low", NULL},
		{"a\x1b[31m\nb", NULL, "a\\x1b[31m\\x0ab", NULL},
		{"n\xc3\xb6", NULL, "n\\xc3\\xb6", NULL},
		{"", NULL, "refused with code -32000", NULL},
		{"x", "{\"data\":\"0x01\",\"message\":\"m\"}", "x", "01"},
		{"x", "{\"data\":{\"data\":\"0x02\"}}", "x", "02"},
		{"x", "{\"0xabcd\":{\"error\":\"revert\",\"return\":\"0x03\"}}",
		 "x", "03"},
		{"x", "\"Reverted 0x04\"", "x", "04"},
		{"x", "{\"hash\":null,\"result\":\"0x05\",\"reason\":null}",
		 "x", "05"},
		{"x", "\"not hex\"", "x", NULL},
		{"x", "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":\"0x05\"}}}}}", "x",
		 NULL},
		{"x", "{}", "x", NULL},
		{"x", "[1]", "x", NULL},
	};
	struct env *e = *state;

	use(e, 2, 0, 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(t); i++) {
		e->error.code = -32000;
		e->error.message = t[i].message;
		e->error.data = t[i].data;
		call(e, "fail");
		assert_int_equal(e->seen.err, CDX_E_CHAIN);
		assert_int_equal(e->seen.code, -32000);
		said(e->seen.why, rpc_kit_url(e->kits[0]));
		said(e->seen.why, t[i].words);
		assert_int_equal(e->seen.has_data, t[i].hex != NULL);
		if (t[i].hex)
			assert_string_equal(e->seen.data, t[i].hex);
	}
	/* an answer is an answer: nobody else is asked */
	assert_int_equal(rpc_kit_count(e->kits[0], "fail"), CDX_ARRAY_LEN(t));
	assert_int_equal(rpc_kit_count(e->kits[1], NULL), 0);
	assert_true(endpoint(e, 0).well);
}

static void test_long_message(void **state)
{
	struct env *e = *state;
	char message[250];

	memset(message, '\x01', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	e->error.code = 1;
	e->error.message = message;
	use(e, 1, 0, 0);
	call(e, "fail");
	said(e->seen.message, "\\x01\\x01...");
	assert_true(strlen(e->seen.message) < 320);
}

static void test_batch(void **state)
{
	struct env *e = *state;

	use(e, 1, 0, 1000);
	batch(e, 3, "echo");
	assert_int_equal(e->seen.err, 0);
	assert_int_equal(e->seen.n, 3);
	assert_string_equal(e->seen.results[0], "1");
	assert_string_equal(e->seen.results[2], "3");
	assert_int_equal(rpc_kit_count(e->kits[0], NULL), 2);
	/* in another order, with one that is not ours */
	rpc_kit_spoil(e->kits[0], RPC_KIT_SHUFFLED, NULL, 1);
	batch(e, 3, "echo");
	assert_string_equal(e->seen.results[0], "1");
	assert_string_equal(e->seen.results[2], "3");
	rpc_kit_spoil(e->kits[0], RPC_KIT_STRANGE_ID, NULL, 1);
	batch(e, 2, "echo");
	assert_string_equal(e->seen.results[1], "2");
	/* an error among answers is an answer */
	e->error.code = -32000;
	e->error.message = "no";
	batch(e, 2, "fail");
	assert_int_equal(e->seen.err, 0);
	assert_string_equal(e->seen.results[0], "1");
	assert_string_equal(e->seen.results[1], "error -32000");
	/* broken once, right the second time */
	rpc_kit_spoil(e->kits[0], RPC_KIT_DOUBLED, "echo", 1);
	batch(e, 2, "echo");
	assert_string_equal(e->seen.results[0], "1");
	assert_string_equal(endpoint(e, 0).why, "it answered a request twice");
	rpc_kit_spoil(e->kits[0], RPC_KIT_MISSING, "echo", 1);
	batch(e, 2, "echo");
	assert_string_equal(e->seen.results[1], "2");
	assert_string_equal(endpoint(e, 0).why,
			    "its answer to a batch is not complete");
	/* one error for all of it */
	rpc_kit_spoil(e->kits[0], RPC_KIT_ONE_ERROR, "echo", 1);
	batch(e, 2, "echo");
	assert_int_equal(e->seen.err, CDX_E_CHAIN);
	assert_int_equal(e->seen.n, 1);
	assert_int_equal(e->seen.code, -32600);
	said(e->seen.why, "batch too large");
	assert_int_equal(cdx_rpc_batch(e->rpc, NULL, NULL, 0, on_batch, e),
			 -EINVAL);
}

static void test_batch_sizes(void **state)
{
	struct env *e = *state;
	struct cdx_rpc_req reqs[65];

	use(e, 1, 0, 0);
	for (size_t n = 64; n <= 65; n++) {
		for (size_t i = 0; i < n; i++)
			reqs[i] = (struct cdx_rpc_req){
				.method = "echo",
				.params = json_pack("[i]", (int)i)};
		assert_int_equal(cdx_rpc_batch(e->rpc, NULL, reqs, n, on_batch,
					       e),
				 n == 64 ? 0 : -EINVAL);
	}
	loop_kit_run(&e->loop);
	assert_int_equal(e->seen.n, 64);
	assert_int_equal(cdx_rpc_call(e->rpc, NULL, "echo", NULL, on_call, e),
			 -ENOMEM);
}

static bool has_arrived(void *arg)
{
	struct env *e = arg;

	return rpc_kit_count(e->kits[0], "echo") > 0;
}

static bool has_failed(void *arg)
{
	/* the first time, its chain was another */
	return endpoint(arg, 0).failures > 1;
}

static void test_cancel(void **state)
{
	struct env *e = *state;
	struct cdx_rpc_call *c;

	use(e, 1, 0, 0);
	cdx_rpc_cancel(NULL);
	/* while who it is is being asked, one from outside, and one from within
	 * the callback of another that waits */
	rpc_kit_chain_id(e->kits[0], 1);
	begin(e, &c, "echo");
	begin(e, NULL, "echo");
	begin(e, &e->cancel, "echo");
	cdx_rpc_cancel(c);
	loop_kit_run(&e->loop);
	loop_kit_run_ms(&e->loop, 50);
	assert_int_equal(e->seen.calls, 1);
	assert_int_equal(e->seen.err, -EXDEV);
	rpc_kit_chain_id(e->kits[0], 31337);
	/* in flight */
	rpc_kit_spoil(e->kits[0], RPC_KIT_HANG, "echo", 1);
	begin(e, &c, "echo");
	loop_kit_until(&e->loop, has_arrived, e);
	cdx_rpc_cancel(c);
	/* in the pause before another attempt */
	rpc_kit_spoil(e->kits[0], RPC_KIT_CUT, "echo", 1);
	begin(e, &c, "echo");
	loop_kit_until(&e->loop, has_failed, e);
	cdx_rpc_cancel(c);
	loop_kit_run_ms(&e->loop, 300);
	assert_int_equal(e->seen.calls, 1);
	call(e, "echo");
	assert_int_equal(e->seen.err, 0);
}

static void test_freed(void **state)
{
	struct env *e = *state;

	/* from within the callback of one of several */
	use(e, 1, 0, 0);
	for (int i = 0; i < 4; i++)
		begin(e, NULL, "echo");
	e->free_all = true;
	loop_kit_run(&e->loop);
	assert_int_equal(e->seen.calls, 1);
	assert_null(e->rpc);
	loop_kit_run_ms(&e->loop, 50);
	/* from within the first of several that fail together */
	assert_int_equal(cdx_http_new(&e->http, e->loop.loop), 0);
	use(e, 1, 0, 0);
	rpc_kit_chain_id(e->kits[0], 2);
	for (int i = 0; i < 4; i++)
		begin(e, NULL, "echo");
	loop_kit_run(&e->loop);
	assert_int_equal(e->seen.calls, 2);
	assert_int_equal(e->seen.err, -EXDEV);
	/* from outside, at once */
	assert_int_equal(cdx_http_new(&e->http, e->loop.loop), 0);
	use(e, 1, 0, 0);
	begin(e, NULL, "echo");
	cdx_rpc_free(e->rpc);
	e->rpc = NULL;
	loop_kit_run_ms(&e->loop, 50);
	assert_int_equal(e->seen.calls, 2);
	cdx_rpc_free(NULL);
}

#define T(name)                                                       \
	cmocka_unit_test_setup_teardown(test_##name, rpc_calls_setup, \
					rpc_calls_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(call),	T(options),	 T(secrets),
		T(refusals),	T(long_message), T(batch),
		T(batch_sizes), T(cancel),	 T(freed),
	};

	return cmocka_run_group_tests_name("eth/rpc", tests, NULL, NULL);
}
