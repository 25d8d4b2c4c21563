/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What strangers do to a web server: each attack ends by itself, and others are
 * answered meanwhile.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/web.h"
#include "web_kit.h"

#define IDLE_S 1
#define ANSWER_S 2
#define HUGE_LEN (UINT64_C(1) << 40)
#define PER_PEER 12
#define HOST "Host: a\r\n"

struct env {
	struct web_kit kit;
	struct cdx_web *web;
};

static ssize_t zeros(void *arg, void *out, size_t cap)
{
	(void)arg;
	memset(out, 0, cap);
	return (ssize_t)cap;
}

static void nothing(void *arg)
{
	(void)arg;
}

static void on_request(void *arg, struct cdx_web_req *r)
{
	const char *path = cdx_web_path(r);

	if (strcmp(path, "/endless") == 0)
		cdx_web_reply_stream(r, 200, "a/b", HUGE_LEN, zeros, nothing,
				     arg);
	else
		cdx_web_reply(r, 200, "text/plain", path, strlen(path));
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	struct cdx_web_opts o = {.listen = "127.0.0.1:0",
				 .threads = 2,
				 .connections = 64,
				 .connections_a_peer = PER_PEER,
				 .idle_s = IDLE_S,
				 .answer_s = ANSWER_S,
				 .max_body = 1000,
				 .fn = on_request,
				 .arg = e};
	struct sockaddr_storage sa;
	char why[256];

	assert_non_null(e);
	signal(SIGPIPE, SIG_IGN);
	web_kit_start(&e->kit);
	assert_int_equal(cdx_web_new(&e->web, &o, why), 0);
	cdx_web_addr(e->web, &sa);
	e->kit.port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	web_kit_end(&e->kit);
	cdx_web_free(e->web);
	free(e);
	return 0;
}

static struct cdx_web_stats stats(struct env *e)
{
	struct cdx_web_stats s;

	cdx_web_stats(e->web, &s);
	return s;
}

/* Nobody is left but the kit's own connection: it takes the server a moment to
 * see an end. */
static void until_alone(struct env *e)
{
	for (int i = 0; stats(e).connections > 1 && i < WEB_KIT_LIMIT_MS; i++)
		pause_ms(1);
	assert_true(stats(e).connections <= 1);
}

static void others_are_served(struct env *e)
{
	assert_int_equal(web_kit_get(&e->kit, "/other"), 200);
	assert_string_equal(e->kit.body, "/other");
}

/* Sends a byte now and then until the other end has had enough: how often */
static unsigned dribble(struct env *e, int fd, const char *bytes)
{
	unsigned n;

	for (n = 0; n < 1000; n++) {
		char c;

		if (send(fd, &bytes[n % strlen(bytes)], 1, MSG_NOSIGNAL) != 1)
			break;
		if (n % 5 == 0)
			others_are_served(e);
		pause_ms(50);
		if (recv(fd, &c, 1, MSG_DONTWAIT) == 0)
			break;
	}
	return n;
}

static void test_slow_headers(void **state)
{
	struct env *e = *state;
	int fd = raw_connect(e->kit.port, 0);

	raw_say(fd, "GET / HTTP/1.1\r\n" HOST);
	assert_true(dribble(e, fd, "X-A: b\r\n") < 1000);
	close(fd);
	assert_true(stats(e).timed_out >= 1);
	/* and one that says nothing at all */
	fd = raw_connect(e->kit.port, 0);
	others_are_served(e);
	raw_finish(fd, (char[16]){0}, 16);
}

static void test_slow_body(void **state)
{
	struct env *e = *state;
	int fd = raw_connect(e->kit.port, 0);

	raw_say(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 900\r\n\r\n");
	assert_true(dribble(e, fd, "b") < 900);
	close(fd);
}

static void test_huge_headers(void **state)
{
	struct env *e = *state;
	char *line = malloc(1u << 20);
	char out[512];
	int fd;

	assert_non_null(line);
	memset(line, 'a', 1u << 20);
	/* one long header, a long path, and no end of short ones */
	fd = raw_connect(e->kit.port, 0);
	raw_say(fd, "GET / HTTP/1.1\r\n" HOST "X-A: ");
	raw_send(fd, line, 1u << 20);
	raw_finish(fd, out, sizeof(out));
	assert_true(out[0] == '\0' || strstr(out, " 431 ") != NULL ||
		    strstr(out, " 413 ") != NULL);
	fd = raw_connect(e->kit.port, 0);
	raw_say(fd, "GET /");
	raw_send(fd, line, 1u << 20);
	raw_finish(fd, out, sizeof(out));
	assert_true(out[0] == '\0' || strstr(out, " 414 ") != NULL);
	fd = raw_connect(e->kit.port, 0);
	raw_say(fd, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 0; i < 100000; i++) {
		if (raw_send(fd, "X: y\r\n", 6) != 6)
			break;
	}
	raw_finish(fd, out, sizeof(out));
	assert_null(strstr(out, " 200 "));
	others_are_served(e);
	free(line);
}

static void test_endless_body(void **state)
{
	struct env *e = *state;
	static const char chunk[] = "400\r\n%01024d\r\n";
	char text[2048];
	char out[512];
	size_t sent = 0;
	int fd = raw_connect(e->kit.port, 0);
	int n = snprintf(text, sizeof(text), chunk, 0);

	raw_say(fd, "POST / HTTP/1.1\r\n" HOST
		    "Transfer-Encoding: chunked\r\n\r\n");
	while (raw_send(fd, text, (size_t)n) == (size_t)n) {
		sent += (size_t)n;
		assert_true(sent < 256u << 20);
	}
	close(fd);
	/* and one that announces it */
	fd = raw_connect(e->kit.port, 0);
	raw_say(fd, "POST / HTTP/1.1\r\n" HOST
		    "Content-Length: 1000000000000\r\n\r\nabc");
	raw_finish(fd, out, sizeof(out));
	assert_non_null(strstr(out, " 413 "));
	others_are_served(e);
}

/* Somebody at another address of the loopback */
static void another_is_served(struct env *e)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(e->kit.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char out[512];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	raw_say(fd,
		"GET /another HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	raw_finish(fd, out, sizeof(out));
	assert_non_null(strstr(out, " 200 "));
}

static void test_flood_of_connections(void **state)
{
	struct env *e = *state;
	int fd[5 * PER_PEER];
	char out[64];

	for (size_t i = 0; i < CDX_ARRAY_LEN(fd); i++)
		fd[i] = raw_connect(e->kit.port, 0);
	another_is_served(e);
	/* one more than allowed for each worker that accepts at once */
	assert_true(stats(e).connections <= PER_PEER + 2);
	for (size_t i = 0; i < CDX_ARRAY_LEN(fd); i++) {
		/* each ends without our doing */
		if (fd[i] >= 0)
			raw_finish(fd[i], out, sizeof(out));
	}
	assert_true(stats(e).refused >= 1);
	/* and there is room again */
	until_alone(e);
	others_are_served(e);
}

static void test_pipeline(void **state)
{
	struct env *e = *state;
	char text[16384];
	char *out = malloc(1u << 20);
	const char *at = out;
	size_t len = 0;
	int fd = raw_connect(e->kit.port, 0);

	assert_non_null(out);
	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"GET /number%d. HTTP/1.1\r\n" HOST
					"%s\r\n",
					i,
					i == 99 ? "Connection: close\r\n" : "");
	raw_send(fd, text, len);
	raw_finish(fd, out, 1u << 20);
	for (int i = 0; i < 100; i++) {
		char want[32];

		snprintf(want, sizeof(want), "/number%d.", i);
		at = strstr(at, want);
		assert_non_null(at);
	}
	free(out);
}

/* Takes nothing of a long answer, or a little now and then. */
static void test_slow_readers(void **state)
{
	struct env *e = *state;
	int never = raw_connect(e->kit.port, 4096);
	int slow = raw_connect(e->kit.port, 4096);
	char out[64];
	bool ended = false;

	raw_say(never, "GET /endless HTTP/1.1\r\n" HOST "\r\n");
	raw_say(slow, "GET /endless HTTP/1.1\r\n" HOST "\r\n");
	for (int i = 0; i < 1000 && !ended; i++) {
		ssize_t n = recv(slow, out, 16, MSG_DONTWAIT);

		ended = n == 0 || (n < 0 && errno != EAGAIN);
		pause_ms(20);
		if (i % 10 == 0) {
			others_are_served(e);
			/* the end is behind what it has not read yet */
			ended |= stats(e).timed_out >= 2;
		}
	}
	assert_true(ended);
	for (int i = 0; stats(e).timed_out < 2 && i < 1000; i++)
		pause_ms(10);
	assert_true(stats(e).timed_out >= 2);
	close(never);
	close(slow);
}

static void test_half_open(void **state)
{
	struct env *e = *state;
	char out[512];
	int fd = raw_connect(e->kit.port, 0);
	struct linger hard = {1, 0};

	/* says that it will send no more, within a request and after one */
	raw_say(fd, "GET /half HTTP/1.1\r\n");
	shutdown(fd, SHUT_WR);
	raw_finish(fd, out, sizeof(out));
	assert_null(strstr(out, " 200 "));
	fd = raw_connect(e->kit.port, 0);
	raw_say(fd, "GET /half HTTP/1.1\r\n" HOST "\r\n");
	shutdown(fd, SHUT_WR);
	raw_finish(fd, out, sizeof(out));
	/* resets within an answer */
	for (int i = 0; i < 20; i++) {
		fd = raw_connect(e->kit.port, 0);
		raw_say(fd, "GET /endless HTTP/1.1\r\n" HOST "\r\n");
		if (i % 2)
			raw_read(fd, out, sizeof(out));
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(fd);
	}
	others_are_served(e);
	until_alone(e);
}

static void test_nonsense(void **state)
{
	static const char *const texts[] = {
		"\r\n\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n"
		"\r\n",
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		"ffffffffffffffff1\r\n",
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		"zz\r\n",
		"GET /%00%ff%zz%2 HTTP/1.1\r\n" HOST "\r\n",
		"GET http://other/ HTTP/1.1\r\n" HOST "\r\n",
		"CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n",
	};
	struct env *e = *state;
	int fd[CDX_ARRAY_LEN(texts)];
	char out[1024];

	for (size_t i = 0; i < CDX_ARRAY_LEN(texts); i++) {
		fd[i] = raw_connect(e->kit.port, 0);
		raw_say(fd[i], texts[i]);
		shutdown(fd[i], SHUT_WR);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(texts); i++)
		raw_finish(fd[i], out, sizeof(out));
	others_are_served(e);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(slow_headers),
		T(slow_body),
		T(huge_headers),
		T(endless_body),
		T(flood_of_connections),
		T(pipeline),
		T(slow_readers),
		T(half_open),
		T(nonsense),
	};

	return cmocka_run_group_tests_name("net/web hostile", tests, NULL,
					   NULL);
}
