/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* HTTP on the loop: answers as they come, back-pressure, stalls. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/io.h"
#include "loop_kit.h"
#include "net/http.h"

#define BIG (24u << 20) /* more than the sockets of both sides take */

/* A server that does what the path says, one connection after the other. */
struct raw {
	int listener;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t mu;
	size_t sent;	 /* guarded by mu: of the answer under way */
	int held;	 /* guarded by mu: a connection left open, or -1 */
	bool ended;	 /* guarded by mu */
	char method[16]; /* guarded by mu: of the last request */
};

static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 31 + (at >> 13));
}

static void send_pattern(struct raw *r, int fd, size_t len)
{
	uint8_t piece[8192];

	for (size_t at = 0; at < len; at += sizeof(piece)) {
		size_t n = len - at < sizeof(piece) ? len - at : sizeof(piece);

		for (size_t i = 0; i < n; i++)
			piece[i] = pattern(at + i);
		if (send(fd, piece, n, MSG_NOSIGNAL) != (ssize_t)n)
			return;
		pthread_mutex_lock(&r->mu);
		r->sent = at + n;
		pthread_mutex_unlock(&r->mu);
	}
}

static void hold(struct raw *r, int *fd)
{
	pthread_mutex_lock(&r->mu);
	cdx_close(&r->held);
	r->held = *fd;
	*fd = -1;
	pthread_mutex_unlock(&r->mu);
}

static void answer(struct raw *r, int *fd, const char *path)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n"
				   "Connection: close\r\n\r\n";
	size_t len = (size_t)strtoul(path + 1, NULL, 10);

	if (strcmp(path, "/none") == 0) {
		dprintf(*fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n"
			     "Retry-After: 17\r\n"
			     "Connection: close\r\n\r\nnope");
		return;
	}
	if (strcmp(path, "/stall") == 0) {
		dprintf(*fd, head, (size_t)1000);
		send_pattern(r, *fd, 10);
		hold(r, fd);
		return;
	}
	if (strcmp(path, "/silent") == 0) {
		hold(r, fd);
		return;
	}
	dprintf(*fd, head, len);
	send_pattern(r, *fd, len);
}

static void serve_one(struct raw *r, int fd)
{
	char text[2048];
	char method[16] = "";
	char path[64] = "";
	size_t n = 0;

	text[0] = '\0';
	while (n < sizeof(text) - 1 && strstr(text, "\r\n\r\n") == NULL) {
		ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);

		if (got <= 0)
			break;
		n += (size_t)got;
		text[n] = '\0';
	}
	if (sscanf(text, "%15s %63s", method, path) == 2) {
		pthread_mutex_lock(&r->mu);
		snprintf(r->method, sizeof(r->method), "%s", method);
		r->sent = 0;
		pthread_mutex_unlock(&r->mu);
		answer(r, &fd, path);
	}
	cdx_close(&fd);
}

static void *serve(void *arg)
{
	struct raw *r = arg;

	for (;;) {
		int fd = accept(r->listener, NULL, NULL);
		bool ended;

		pthread_mutex_lock(&r->mu);
		ended = r->ended;
		pthread_mutex_unlock(&r->mu);
		if (fd < 0 || ended) {
			cdx_close(&fd);
			return NULL;
		}
		serve_one(r, fd);
	}
}

struct got {
	size_t len;
	bool wrong;
	unsigned calls; /* of the data function */
	int say;	/* what it says */
	unsigned ends;
	int err;
	int status;
	unsigned retry;
	char why[128];
	char body[16];
};

struct env {
	struct loop_kit loop;
	struct cdx_http *http;
	struct raw raw;
	struct got got;
	struct cdx_http_transfer *t;
	void (*in_data)(struct env *e);
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);

	assert_non_null(e);
	loop_kit_start(&e->loop);
	assert_int_equal(cdx_http_new(&e->http, e->loop.loop), 0);
	pthread_mutex_init(&e->raw.mu, NULL);
	e->raw.held = -1;
	e->raw.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(e->raw.listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(e->raw.listener, 16), 0);
	assert_int_equal(
		getsockname(e->raw.listener, (struct sockaddr *)&sa, &len), 0);
	e->raw.port = ntohs(sa.sin_port);
	assert_int_equal(pthread_create(&e->raw.thread, NULL, serve, &e->raw),
			 0);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	cdx_http_free(e->http);
	pthread_mutex_lock(&e->raw.mu);
	e->raw.ended = true;
	pthread_mutex_unlock(&e->raw.mu);
	shutdown(e->raw.listener, SHUT_RDWR);
	pthread_join(e->raw.thread, NULL);
	cdx_close(&e->raw.listener);
	cdx_close(&e->raw.held);
	pthread_mutex_destroy(&e->raw.mu);
	loop_kit_end(&e->loop);
	free(e);
	return 0;
}

static int on_data(void *arg, const uint8_t *p, size_t len)
{
	struct env *e = arg;
	struct got *g = &e->got;

	for (size_t i = 0; i < len; i++)
		g->wrong |= p[i] != pattern(g->len + i);
	g->len += len;
	g->calls++;
	if (e->in_data != NULL)
		e->in_data(e);
	return g->say;
}

static void on_end(void *arg, int err, const struct cdx_http_res *res,
		   const char *why)
{
	struct env *e = arg;
	struct got *g = &e->got;

	g->ends++;
	g->err = err;
	snprintf(g->why, sizeof(g->why), "%s", why);
	if (res != NULL) {
		g->status = res->status;
		g->retry = res->retry_after_s;
		snprintf(g->body, sizeof(g->body), "%.*s", (int)res->len,
			 (const char *)res->body);
	}
	e->t = NULL;
	loop_kit_stop(&e->loop);
}

static void start_as(struct env *e, const char *method, const char *path,
		     unsigned idle_ms, size_t max_body)
{
	char url[128];
	struct cdx_http_req req = {.method = method,
				   .url = url,
				   .connect_ms = 5000,
				   .idle_ms = idle_ms,
				   .max_body = max_body,
				   .data = on_data};

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", e->raw.port, path);
	assert_int_equal(cdx_http_start(e->http, &e->t, &req, on_end, e), 0);
}

static void start(struct env *e, const char *path)
{
	start_as(e, "GET", path, 20000, BIG);
}

static void test_as_it_comes(void **state)
{
	struct env *e = *state;

	start(e, "/3000000");
	loop_kit_run(&e->loop);
	assert_int_equal(e->got.err, 0);
	assert_int_equal(e->got.status, 200);
	assert_int_equal(e->got.retry, 0);
	assert_int_equal(e->got.len, 3000000);
	assert_false(e->got.wrong);
	assert_true(e->got.calls > 1);
	/* what was handed out is not there again */
	assert_string_equal(e->got.body, "");
	/* others than 2xx are no data */
	e->got = (struct got){0};
	start(e, "/none");
	loop_kit_run(&e->loop);
	assert_int_equal(e->got.err, 0);
	assert_int_equal(e->got.status, 404);
	assert_int_equal(e->got.len, 0);
	assert_string_equal(e->got.body, "nope");
	assert_int_equal(e->got.retry, 17);
}

static void test_head(void **state)
{
	struct env *e = *state;
	char method[sizeof(e->raw.method)];

	start_as(e, "HEAD", "/3000", 20000, BIG);
	loop_kit_run(&e->loop);
	assert_int_equal(e->got.err, 0);
	assert_int_equal(e->got.status, 200);
	assert_int_equal(e->got.len, 0);
	pthread_mutex_lock(&e->raw.mu);
	memcpy(method, e->raw.method, sizeof(method));
	pthread_mutex_unlock(&e->raw.mu);
	assert_string_equal(method, "HEAD");
}

static size_t sent(struct env *e)
{
	size_t n;

	pthread_mutex_lock(&e->raw.mu);
	n = e->raw.sent;
	pthread_mutex_unlock(&e->raw.mu);
	return n;
}

static bool was_called(void *arg)
{
	return ((struct env *)arg)->got.calls > 0;
}

static void test_pause(void **state)
{
	struct env *e = *state;
	char path[32];
	size_t had;

	snprintf(path, sizeof(path), "/%u", BIG);
	e->got.say = 1;
	/* and idling is not the peer's fault meanwhile; later the peer, a
	 * thread here, may have to wait for a processor */
	start_as(e, "GET", path, 1000, BIG);
	loop_kit_until(&e->loop, was_called, e);
	had = e->got.len;
	loop_kit_run_ms(&e->loop, 1200);
	assert_int_equal(e->got.len, had);
	assert_int_equal(e->got.calls, 1);
	assert_int_equal(e->got.ends, 0);
	assert_true(sent(e) < BIG);
	/* one piece more for every time */
	for (unsigned i = 2; i < 20; i++) {
		cdx_http_resume(e->t);
		assert_int_equal(e->got.calls, i - 1);
		while (e->got.calls < i)
			loop_kit_run_ms(&e->loop, 1);
		loop_kit_run_ms(&e->loop, 5);
		assert_int_equal(e->got.calls, i);
	}
	e->got.say = 0;
	cdx_http_resume(e->t);
	/* twice does no harm */
	cdx_http_resume(e->t);
	loop_kit_run(&e->loop);
	assert_int_equal(e->got.err, 0);
	assert_int_equal(e->got.len, BIG);
	assert_false(e->got.wrong);
	/* one that is paused can be ended */
	e->got = (struct got){.say = 1};
	start(e, path);
	loop_kit_until(&e->loop, was_called, e);
	loop_kit_run_ms(&e->loop, 20);
	cdx_http_resume(e->t);
	cdx_http_cancel(e->t);
	loop_kit_run_ms(&e->loop, 20);
	assert_int_equal(e->got.ends, 0);
	assert_int_equal(e->got.calls, 1);
}

static void test_refused_by_reader(void **state)
{
	struct env *e = *state;

	e->got.say = -EBADMSG;
	start(e, "/3000000");
	loop_kit_run(&e->loop);
	assert_int_equal(e->got.err, -EBADMSG);
	assert_int_equal(e->got.calls, 1);
	/* an answer that is longer than was agreed on */
	e->got = (struct got){0};
	start_as(e, "GET", "/3000000", 20000, 2999999);
	loop_kit_run(&e->loop);
	assert_int_equal(e->got.err, -EMSGSIZE);
}

static void test_refused_after_pause(void **state)
{
	struct env *e = *state;

	e->got.say = 1;
	start(e, "/3000000");
	loop_kit_until(&e->loop, was_called, e);
	loop_kit_run_ms(&e->loop, 20);
	e->got.say = -EBADMSG;
	cdx_http_resume(e->t);
	loop_kit_run(&e->loop);
	assert_int_equal(e->got.err, -EBADMSG);
	assert_int_equal(e->got.calls, 2);
}

static void test_idle(void **state)
{
	struct env *e = *state;
	uint64_t begin = cdx_clock_mono_ns();

	start_as(e, "GET", "/stall", 200, BIG);
	loop_kit_run(&e->loop);
	assert_int_equal(e->got.err, -ETIMEDOUT);
	assert_non_null(strstr(e->got.why, "timed out"));
	assert_int_equal(e->got.len, 10);
	assert_true(cdx_clock_mono_ns() - begin >= 195 * LOOP_KIT_MS);
	start_as(e, "GET", "/silent", 100, BIG);
	loop_kit_run(&e->loop);
	assert_int_equal(e->got.err, -ETIMEDOUT);
	assert_int_equal(e->got.ends, 2);
}

static void cancel_itself(struct env *e)
{
	cdx_http_cancel(e->t);
	e->t = NULL;
	start(e, "/none");
	e->in_data = NULL;
}

static void free_all(struct env *e)
{
	cdx_http_free(e->http);
	e->http = NULL;
	e->in_data = NULL;
}

/* Everything is allowed in a data function. */
static void test_within_data(void **state)
{
	struct env *e = *state;

	e->in_data = cancel_itself;
	start(e, "/3000000");
	loop_kit_run(&e->loop);
	assert_int_equal(e->got.ends, 1);
	assert_int_equal(e->got.status, 404);
	assert_int_equal(e->got.calls, 1);
	e->in_data = free_all;
	start(e, "/3000000");
	start(e, "/3000000");
	loop_kit_until(&e->loop, was_called, e);
	loop_kit_run_ms(&e->loop, 50);
	assert_int_equal(e->got.ends, 1);
	assert_null(e->http);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(as_it_comes),
		T(head),
		T(pause),
		T(refused_by_reader),
		T(refused_after_pause),
		T(idle),
		T(within_data),
	};

	return cmocka_run_group_tests_name("net/http stream", tests, NULL,
					   NULL);
}
