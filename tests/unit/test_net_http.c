/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* HTTP on the loop: answers, faults of servers, ends in the middle of things. */
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

#include "base/clock.h"
#include "loop_kit.h"
#include "net/http.h"
#include "rpc_kit.h"

#define ASK "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\"}"
#define ANSWER "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x7a69\"}"
#define MANY 20

struct env {
	struct loop_kit loop;
	struct rpc_kit *kit;
	struct cdx_http *http;
	unsigned calls;
	unsigned expected;
	int err;
	int status;
	char text[256];
	char why[256];
	/* what the callback does: */
	struct cdx_http_transfer *cancel;
	bool free_http;
	unsigned again;
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	/* not to be asked: they lead nowhere */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	loop_kit_start(&e->loop);
	assert_int_equal(cdx_http_new(&e->http, e->loop.loop), 0);
	e->kit = rpc_kit_start(NULL, NULL);
	e->expected = 1;
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	cdx_http_free(e->http);
	rpc_kit_stop(e->kit);
	loop_kit_end(&e->loop);
	free(e);
	return 0;
}

static struct cdx_http_req request(const char *url)
{
	static const char *const headers[] = {"Content-Type: application/json",
					      NULL};

	return (struct cdx_http_req){.method = "POST",
				     .url = url,
				     .headers = headers,
				     .body = ASK,
				     .body_len = strlen(ASK),
				     .connect_ms = 5000,
				     .total_ms = 20000,
				     .max_body = 65536};
}

static void on_answer(void *arg, int err, const struct cdx_http_res *res,
		      const char *why);

static void start(struct env *e, struct cdx_http_transfer **out,
		  const struct cdx_http_req *req)
{
	unsigned before = e->calls;

	assert_int_equal(cdx_http_start(e->http, out, req, on_answer, e), 0);
	/* never from within */
	assert_int_equal(e->calls, before);
}

static void on_answer(void *arg, int err, const struct cdx_http_res *res,
		      const char *why)
{
	struct env *e = arg;
	struct cdx_http_req again = request(rpc_kit_url(e->kit));

	e->calls++;
	e->err = err;
	assert_true((err == 0) == (res != NULL));
	assert_true((err == 0) == (why[0] == '\0'));
	snprintf(e->why, sizeof(e->why), "%s", why);
	if (res != NULL) {
		e->status = res->status;
		snprintf(e->text, sizeof(e->text), "%.*s", (int)res->len,
			 (const char *)res->body);
	}
	cdx_http_cancel(e->cancel);
	e->cancel = NULL;
	if (e->again) {
		e->again--;
		start(e, NULL, &again);
	}
	if (e->free_http) {
		cdx_http_free(e->http);
		e->http = NULL;
	}
	if (e->calls == e->expected)
		loop_kit_stop(&e->loop);
}

static void do_one(struct env *e, const struct cdx_http_req *req)
{
	e->calls = 0;
	start(e, NULL, req);
	loop_kit_run(&e->loop);
	assert_int_equal(e->calls, 1);
}

static void test_answer(void **state)
{
	struct env *e = *state;
	struct cdx_http_req req = request(rpc_kit_url(e->kit));

	do_one(e, &req);
	assert_int_equal(e->err, 0);
	assert_int_equal(e->status, 200);
	assert_string_equal(e->text, ANSWER);
	rpc_kit_status(e->kit, 503, "busy", 1);
	do_one(e, &req);
	assert_int_equal(e->err, 0);
	assert_int_equal(e->status, 503);
	assert_string_equal(e->text, "busy");
	/* a redirect is an answer like any other */
	rpc_kit_status(e->kit, 302, "", 1);
	do_one(e, &req);
	assert_int_equal(e->status, 302);
	/* all on one connection */
	assert_int_equal(rpc_kit_connections(e->kit), 1);
}

static void test_many_at_once(void **state)
{
	struct env *e = *state;
	struct cdx_http_req req = request(rpc_kit_url(e->kit));

	e->expected = 2 * MANY;
	e->again = MANY;
	for (int i = 0; i < MANY; i++)
		start(e, NULL, &req);
	loop_kit_run(&e->loop);
	assert_int_equal(e->err, 0);
	assert_int_equal(rpc_kit_count(e->kit, NULL), 2 * MANY);
}

static void test_user_and_password(void **state)
{
	struct env *e = *state;
	char url[128];
	char auth[128];
	struct cdx_http_req req;

	snprintf(url, sizeof(url), "http://me:secret@%s",
		 rpc_kit_url(e->kit) + strlen("http://"));
	req = request(url);
	do_one(e, &req);
	assert_int_equal(e->err, 0);
	rpc_kit_authorization(e->kit, auth, sizeof(auth));
	/* base64 of me:secret */
	assert_string_equal(auth, "Basic bWU6c2VjcmV0");
}

static void test_bad_urls(void **state)
{
	static const char *const bad[] = {"",
					  "127.0.0.1:8545",
					  "file:///etc/passwd",
					  "ftp://127.0.0.1/",
					  "http://",
					  "http://a b/",
					  "http://127.0.0.1:99999/",
					  "gopher://127.0.0.1"};
	struct env *e = *state;

	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		struct cdx_http_req req = request(bad[i]);

		if (cdx_http_start(e->http, NULL, &req, on_answer, e) !=
		    -EINVAL)
			fail_msg("taken: \"%s\"", bad[i]);
	}
	assert_int_equal(e->calls, 0);
}

static void test_refused(void **state)
{
	struct env *e = *state;
	char url[64];
	struct cdx_http_req req;

	rpc_kit_dead_url(url);
	req = request(url);
	do_one(e, &req);
	assert_int_equal(e->err, -ECONNREFUSED);
	assert_non_null(strstr(e->why, "Failed to connect to 127.0.0.1"));
	req = request("http://no-such-host.invalid/");
	do_one(e, &req);
	assert_int_equal(e->err, -EHOSTUNREACH);
	assert_non_null(strstr(e->why, "no-such-host.invalid"));
}

static void test_slow(void **state)
{
	struct env *e = *state;
	struct cdx_http_req req = request(rpc_kit_url(e->kit));
	uint64_t begin = cdx_clock_mono_ns();

	req.total_ms = 150;
	rpc_kit_spoil(e->kit, RPC_KIT_HANG, NULL, 1);
	do_one(e, &req);
	assert_int_equal(e->err, -ETIMEDOUT);
	assert_non_null(strstr(e->why, "timed out"));
	assert_true(cdx_clock_mono_ns() - begin >= 140 * LOOP_KIT_MS);
	/* the next one is not held up by it */
	req.total_ms = 20000;
	do_one(e, &req);
	assert_int_equal(e->err, 0);
}

static void test_cut(void **state)
{
	struct env *e = *state;
	struct cdx_http_req req = request(rpc_kit_url(e->kit));

	rpc_kit_spoil(e->kit, RPC_KIT_CUT, NULL, 1);
	do_one(e, &req);
	assert_int_equal(e->err, -EPIPE);
	rpc_kit_spoil(e->kit, RPC_KIT_DROP, NULL, 1);
	do_one(e, &req);
	assert_true(e->err == -EPIPE || e->err == -ECONNRESET);
}

static void test_too_long(void **state)
{
	struct env *e = *state;
	struct cdx_http_req req = request(rpc_kit_url(e->kit));

	rpc_kit_spoil(e->kit, RPC_KIT_FLOOD, NULL, 1);
	do_one(e, &req);
	assert_int_equal(e->err, -EMSGSIZE);
	assert_non_null(strstr(e->why, "too long"));
	/* by its own word, before a byte of it */
	rpc_kit_spoil(e->kit, RPC_KIT_LONG, NULL, 1);
	do_one(e, &req);
	assert_int_equal(e->err, -EMSGSIZE);
	/* one byte decides */
	req.max_body = strlen(ANSWER) - 1;
	do_one(e, &req);
	assert_int_equal(e->err, -EMSGSIZE);
	req.max_body = strlen(ANSWER);
	do_one(e, &req);
	assert_int_equal(e->err, 0);
}

static bool has_arrived(void *arg)
{
	struct env *e = arg;

	return rpc_kit_count(e->kit, NULL) > 0;
}

static void test_cancel(void **state)
{
	struct env *e = *state;
	struct cdx_http_req req = request(rpc_kit_url(e->kit));
	struct cdx_http_transfer *t;

	/* before anything happened */
	start(e, &t, &req);
	cdx_http_cancel(t);
	cdx_http_cancel(NULL);
	/* in the middle, from another's callback */
	rpc_kit_spoil(e->kit, RPC_KIT_HANG, NULL, 1);
	start(e, &e->cancel, &req);
	loop_kit_until(&e->loop, has_arrived, e);
	start(e, NULL, &req);
	loop_kit_run(&e->loop);
	loop_kit_run_ms(&e->loop, 50);
	assert_int_equal(e->calls, 1);
	assert_int_equal(e->err, 0);
}

static void test_free_in_flight(void **state)
{
	struct env *e = *state;
	struct cdx_http_req req = request(rpc_kit_url(e->kit));

	rpc_kit_spoil(e->kit, RPC_KIT_HANG, NULL, 2);
	for (int i = 0; i < 4; i++)
		start(e, NULL, &req);
	/* from within a callback, with others under way and perhaps done */
	e->free_http = true;
	loop_kit_run(&e->loop);
	assert_int_equal(e->calls, 1);
	assert_null(e->http);
	loop_kit_run_ms(&e->loop, 50);
	assert_int_equal(e->calls, 1);
	/* and from outside, before anything happened */
	e->free_http = false;
	assert_int_equal(cdx_http_new(&e->http, e->loop.loop), 0);
	start(e, NULL, &req);
	cdx_http_free(e->http);
	e->http = NULL;
	loop_kit_run_ms(&e->loop, 50);
	assert_int_equal(e->calls, 1);
	cdx_http_free(NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(answer),
		T(many_at_once),
		T(user_and_password),
		T(bad_urls),
		T(refused),
		T(slow),
		T(cut),
		T(too_long),
		T(cancel),
		T(free_in_flight),
	};

	return cmocka_run_group_tests_name("net/http", tests, NULL, NULL);
}
