/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* HTTP for strangers: every kind of answer, TLS, rates, ends. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/web.h"
#include "tls_kit.h"
#include "web_kit.h"

#define STATIC_LEN (256u << 10)
#define MAX_BODY 1000u

struct env {
	struct web_kit kit;
	struct cdx_web *web;
	uint8_t *bytes; /* STATIC_LEN */
	atomic_uint released;
	atomic_uint done;
	atomic_uint gone;
	/* one deferred request, and who answers it */
	_Atomic(struct cdx_web_req *) deferred;
	pthread_t helper;
	bool helped;
};

struct stream {
	struct env *env;
	uint64_t at;
	uint64_t len;
	uint64_t fail_at;
};

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 13 + (at >> 9));
}

static ssize_t next(void *arg, void *out, size_t cap)
{
	struct stream *s = arg;
	size_t n = s->len - s->at < cap ? (size_t)(s->len - s->at) : cap;

	if (s->at >= s->fail_at)
		return -EIO;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)out)[i] = pattern(s->at + i);
	s->at += n;
	return (ssize_t)n;
}

static void done(void *arg)
{
	struct stream *s = arg;

	atomic_fetch_add(&s->env->done, 1);
	free(s);
}

static void release(void *arg)
{
	atomic_fetch_add(&((struct env *)arg)->released, 1);
}

static void gone(void *arg)
{
	atomic_fetch_add(&((struct env *)arg)->gone, 1);
}

static void *answer_later(void *arg)
{
	struct env *e = arg;

	pause_ms(50);
	cdx_web_reply(e->deferred, 200, "text/plain", "later", 5);
	return NULL;
}

static void begin_stream(struct env *e, struct cdx_web_req *r)
{
	const char *len = cdx_web_param(r, "len");
	const char *fail = cdx_web_param(r, "fail");
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL || len == NULL)
		abort();
	s->env = e;
	s->len = strtoull(len, NULL, 10);
	s->fail_at = fail != NULL ? strtoull(fail, NULL, 10) : UINT64_MAX;
	cdx_web_reply_stream(r, 200, "application/octet-stream",
			     cdx_web_param(r, "chunks") ? UINT64_MAX : s->len,
			     next, done, s);
}

static void describe(struct cdx_web_req *r)
{
	const char *asked = cdx_web_header(r, "x-asked");
	const char *a = cdx_web_param(r, "a");
	char text[256];

	if (cdx_web_set(r, "X-Told", "yes") < 0 ||
	    cdx_web_set(r, "X-Bad", "a\nb") != -EINVAL)
		abort();
	snprintf(text, sizeof(text), "%s %s %s %s %d", cdx_web_method(r),
		 cdx_web_path(r), asked ? asked : "-", a ? a : "-",
		 cdx_web_peer(r)->sa_family == AF_INET);
	cdx_web_reply(r, 201, "text/plain", text, strlen(text));
}

static void on_request(void *arg, struct cdx_web_req *r)
{
	struct env *e = arg;
	const char *path = cdx_web_path(r);
	size_t len;
	const void *body = cdx_web_body(r, &len);

	if (strcmp(path, "/static") == 0) {
		cdx_web_reply_static(r, 200, "application/octet-stream",
				     e->bytes, STATIC_LEN, release, e);
	} else if (strcmp(path, "/stream") == 0) {
		begin_stream(e, r);
	} else if (strcmp(path, "/echo") == 0) {
		cdx_web_reply(r, 200, "text/plain", body, len);
	} else if (strcmp(path, "/later") == 0) {
		e->deferred = r;
		cdx_web_defer(r, 60000, gone, e);
		if (pthread_create(&e->helper, NULL, answer_later, e) != 0)
			abort();
		e->helped = true;
	} else if (strcmp(path, "/never") == 0) {
		cdx_web_defer(r, 100, gone, e);
	} else if (strcmp(path, "/long") == 0) {
		cdx_web_defer(r, 600000, gone, e);
		e->deferred = r;
	} else {
		describe(r);
	}
}

static void start_with(struct env *e, struct cdx_web_opts *o)
{
	struct sockaddr_storage sa;
	char why[256];

	if (o->listen == NULL)
		o->listen = "127.0.0.1:0";
	o->threads = 2;
	o->max_body = MAX_BODY;
	o->fn = on_request;
	o->arg = e;
	if (cdx_web_new(&e->web, o, why) != 0)
		fail_msg("%s", why);
	cdx_web_addr(e->web, &sa);
	/* at the same place for IPv6 */
	e->kit.port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	signal(SIGPIPE, SIG_IGN);
	web_kit_start(&e->kit);
	e->bytes = malloc(STATIC_LEN);
	assert_non_null(e->bytes);
	for (size_t i = 0; i < STATIC_LEN; i++)
		e->bytes[i] = pattern(i);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	web_kit_end(&e->kit);
	cdx_web_free(e->web);
	if (e->helped)
		pthread_join(e->helper, NULL);
	free(e->bytes);
	free(e);
	return 0;
}

static struct cdx_web_stats stats(struct env *e)
{
	struct cdx_web_stats s;

	cdx_web_stats(e->web, &s);
	return s;
}

static void test_answers(void **state)
{
	struct env *e = *state;
	static const char *const headers[] = {"X-Asked: so", NULL};
	struct cdx_web_opts o = {0};

	start_with(e, &o);
	assert_int_equal(web_kit_do(&e->kit, "GET", "/a%20b?a=1%262", headers,
				    NULL, 0),
			 201);
	assert_string_equal(e->kit.body, "GET /a b so 1&2 1");
	assert_int_equal(web_kit_do(&e->kit, "DELETE", "/x", NULL, NULL, 0),
			 201);
	assert_string_equal(e->kit.body, "DELETE /x - - 1");
	assert_int_equal(web_kit_do(&e->kit, "HEAD", "/x", NULL, NULL, 0), 201);
	assert_int_equal(e->kit.len, 0);
	assert_int_equal(web_kit_get(&e->kit, "/static"), 200);
	assert_int_equal(e->kit.len, STATIC_LEN);
	assert_memory_equal(e->kit.body, e->bytes, STATIC_LEN);
	assert_int_equal(web_kit_do(&e->kit, "HEAD", "/static", NULL, NULL, 0),
			 200);
	/* all on one connection */
	assert_int_equal(stats(e).connections, 1);
	assert_int_equal(stats(e).requests, 5);
	web_kit_end(&e->kit);
	cdx_web_free(e->web);
	e->web = NULL;
	assert_int_equal(e->released, 2);
	web_kit_start(&e->kit);
}

static void check_pattern(struct env *e, size_t len)
{
	assert_int_equal(e->kit.len, len);
	for (size_t i = 0; i < len; i++) {
		if (e->kit.body[i] != pattern(i))
			fail_msg("byte %zu differs", i);
	}
}

static void test_streams(void **state)
{
	struct env *e = *state;
	struct cdx_web_opts o = {0};

	start_with(e, &o);
	assert_int_equal(web_kit_get(&e->kit, "/stream?len=3000001"), 200);
	check_pattern(e, 3000001);
	assert_int_equal(web_kit_get(&e->kit, "/stream?len=3000001&chunks=1"),
			 200);
	check_pattern(e, 3000001);
	assert_int_equal(web_kit_get(&e->kit, "/stream?len=0"), 200);
	assert_int_equal(e->kit.len, 0);
	assert_int_equal(web_kit_do(&e->kit, "HEAD", "/stream?len=3000001",
				    NULL, NULL, 0),
			 200);
	assert_true(stats(e).bytes_sent >= 6000002);
	/* one that fails is seen as cut, in both forms */
	assert_int_equal(web_kit_get(&e->kit, "/stream?len=900000&fail=500000"),
			 -EPIPE);
	assert_true(web_kit_get(&e->kit,
				"/stream?len=900000&fail=500000&chunks=1") < 0);
	web_kit_end(&e->kit);
	cdx_web_free(e->web);
	e->web = NULL;
	assert_int_equal(e->done, 6);
	web_kit_start(&e->kit);
}

static void test_bodies(void **state)
{
	struct env *e = *state;
	static const char *const chunked[] = {"Transfer-Encoding: chunked",
					      NULL};
	struct cdx_web_opts o = {0};
	char body[MAX_BODY + 1];

	start_with(e, &o);
	memset(body, 'b', sizeof(body));
	assert_int_equal(web_kit_do(&e->kit, "POST", "/echo", NULL, body,
				    MAX_BODY),
			 200);
	assert_int_equal(e->kit.len, MAX_BODY);
	assert_memory_equal(e->kit.body, body, MAX_BODY);
	assert_int_equal(web_kit_do(&e->kit, "POST", "/echo", NULL, body,
				    MAX_BODY + 1),
			 413);
	assert_int_equal(web_kit_do(&e->kit, "POST", "/echo", chunked, body,
				    MAX_BODY),
			 200);
	assert_int_equal(web_kit_do(&e->kit, "POST", "/echo", chunked, body,
				    MAX_BODY + 1),
			 413);
	assert_int_equal(web_kit_do(&e->kit, "POST", "/echo", NULL, NULL, 0),
			 200);
	assert_int_equal(e->kit.len, 0);
}

static void test_deferred(void **state)
{
	struct env *e = *state;
	struct cdx_web_opts o = {0};

	start_with(e, &o);
	assert_int_equal(web_kit_get(&e->kit, "/later"), 200);
	assert_string_equal(e->kit.body, "later");
	assert_int_equal(web_kit_get(&e->kit, "/never"), 503);
	assert_int_equal(web_kit_get(&e->kit, "/x"), 201);
	assert_int_equal(stats(e).connections, 1);
	/* told once of each, also of the one that was answered */
	assert_int_equal(e->gone, 2);
}

static void test_end_while_deferred(void **state)
{
	struct env *e = *state;
	struct cdx_web_opts o = {0};
	char out[512];
	int fd;

	start_with(e, &o);
	fd = raw_connect(e->kit.port, 0);
	raw_say(fd, "GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
	for (int i = 0; e->deferred == NULL && i < WEB_KIT_LIMIT_MS; i++)
		pause_ms(1);
	cdx_web_free(e->web);
	e->web = NULL;
	assert_int_equal(e->gone, 1);
	/* 503 or just an end */
	raw_finish(fd, out, sizeof(out));
}

/* A lower limit of time is no matter of the machine's speed. */
static uint64_t time_of(struct env *e, const char *path)
{
	uint64_t begin = cdx_clock_mono_ns();

	assert_int_equal(web_kit_get(&e->kit, path), 200);
	return (cdx_clock_mono_ns() - begin) / LOOP_KIT_MS;
}

static void test_rate_of_one(void **state)
{
	struct env *e = *state;
	struct cdx_web_opts o = {.rate_a_peer = 4000000};
	uint16_t port;

	start_with(e, &o);
	port = e->kit.port;
	/* half a second's worth may go ahead of it */
	assert_true(time_of(e, "/stream?len=4000000") >= 400);
	check_pattern(e, 4000000);
	/* a new connection is no new address */
	web_kit_end(&e->kit);
	web_kit_start(&e->kit);
	e->kit.port = port;
	assert_true(time_of(e, "/stream?len=5000000") >= 650);
}

static void test_rate_of_all(void **state)
{
	struct env *e = *state;
	struct cdx_web_opts o = {.rate = 4000000};
	uint64_t begin;

	start_with(e, &o);
	begin = cdx_clock_mono_ns();
	for (int i = 0; i < 16; i++)
		assert_int_equal(web_kit_get(&e->kit, "/static"), 200);
	assert_true((cdx_clock_mono_ns() - begin) / LOOP_KIT_MS >= 400);
	assert_int_equal(web_kit_get(&e->kit, "/stream?len=1000000&chunks=1"),
			 200);
	check_pattern(e, 1000000);
}

static void test_tls(void **state)
{
	struct env *e = *state;
	struct tls_kit tls;
	struct tls_kit other;
	struct cdx_web_opts o = {.tls_cert = tls.cert, .tls_key = tls.key};
	char why[256];
	char url[64];

	tls_kit_make(&tls);
	tls_kit_make(&other);
	start_with(e, &o);
	e->kit.pin = &tls.pin;
	assert_int_equal(web_kit_get(&e->kit, "/static"), 200);
	assert_memory_equal(e->kit.body, e->bytes, STATIC_LEN);
	assert_int_equal(web_kit_get(&e->kit, "/stream?len=1000000"), 200);
	check_pattern(e, 1000000);
	assert_int_equal(stats(e).connections, 1);
	/* the kept connection is no excuse for another key */
	e->kit.pin = &other.pin;
	assert_int_equal(web_kit_get(&e->kit, "/static"), -EPROTO);
	/* nobody has signed it */
	e->kit.pin = NULL;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/static", e->kit.port);
	assert_int_equal(web_kit_get(&e->kit, url), -EPROTO);
	e->kit.pin = &tls.pin;
	assert_int_equal(web_kit_get(&e->kit, "/static"), 200);
	/* texts that are no pair */
	cdx_web_free(e->web);
	o.tls_key = other.key;
	assert_int_equal(cdx_web_new(&e->web, &o, why), -EINVAL);
	assert_non_null(strstr(why, "not that of the certificate"));
	o.tls_key = "nothing";
	assert_int_equal(cdx_web_new(&e->web, &o, why), -EINVAL);
	o.tls_cert = "";
	assert_int_equal(cdx_web_new(&e->web, &o, why), -EINVAL);
	assert_null(e->web);
}

static void test_listen(void **state)
{
	struct env *e = *state;
	struct cdx_web_opts o = {.listen = ":0"};
	struct cdx_web *second;
	char why[256];
	char text[64];

	start_with(e, &o);
	snprintf(text, sizeof(text), "http://127.0.0.1:%u/x", e->kit.port);
	assert_int_equal(web_kit_get(&e->kit, text), 201);
	/* an IPv4 caller of a socket for both is one all the same */
	snprintf(text, sizeof(text), "http://[::1]:%u/x", e->kit.port);
	assert_int_equal(web_kit_get(&e->kit, text), 201);
	snprintf(text, sizeof(text), ":%u", e->kit.port);
	o.listen = text;
	assert_int_equal(cdx_web_new(&second, &o, why), -EADDRINUSE);
	snprintf(text, sizeof(text), "by process %d (", getpid());
	assert_non_null(strstr(why, text));
	o.listen = "nowhere";
	assert_int_equal(cdx_web_new(&second, &o, why), -EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(answers),
		T(streams),
		T(bodies),
		T(deferred),
		T(end_while_deferred),
		T(rate_of_one),
		T(rate_of_all),
		T(tls),
		T(listen),
	};

	return cmocka_run_group_tests_name("net/web", tests, NULL, NULL);
}
