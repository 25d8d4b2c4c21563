/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The server of calls on TCP: what reaches a handler, what it can say. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "net/server.h"
#include "web_kit.h"

#define BIG (5u << 20)

struct env {
	struct web_kit kit;
	struct cdx_server *server;
	_Atomic ssize_t result; /* of reading the last body that was kept */
};
static struct env *kept;

static void say(struct cdx_call *c, int status, const char *text)
{
	(void)!c->begin(c, status, "text/plain");
	(void)!c->write(c, text, strlen(text));
}

/* What came in goes out, with its length when it is known */
static void echo(struct cdx_call *c)
{
	struct env *e = c->param(c, "keep") ? kept : NULL;
	uint8_t *all = malloc(BIG);
	size_t len = 0;
	ssize_t n = 1;

	if (all == NULL)
		abort();
	while (n > 0 && len < BIG) {
		n = c->read(c, all + len, BIG - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (e != NULL)
		e->result = n;
	if (c->param(c, "len") != NULL)
		c->length(c, strtoull(c->param(c, "len"), NULL, 10));
	(void)!c->begin(c, 200, "application/octet-stream");
	(void)!c->write(c, all, len);
	if (c->read(c, all, BIG) != 0)
		abort();
	free(all);
}

/* A long answer to somebody who goes on sending */
static void flood(struct cdx_call *c)
{
	char piece[4096] = "";

	(void)!c->begin(c, 200, "application/octet-stream");
	for (size_t i = 0; i < BIG / sizeof(piece); i++) {
		if (c->write(c, piece, sizeof(piece)) < 0)
			return;
	}
}

static void headers(struct cdx_call *c)
{
	const char *value = c->header(c, "x-asked");
	char text[256];
	bool bad = c->set(c, "X-Bad", "a\r\nSet-Cookie: b") == -EINVAL &&
		   c->set(c, "X\nBad", "a") == -EINVAL;

	if (c->set(c, "X-Told", "one two") < 0 ||
	    c->set(c, "X-Told", "three") < 0)
		bad = false;
	snprintf(text, sizeof(text), "%s %s %s %d", c->method,
		 value != NULL ? value : "-",
		 c->header(c, "X-None") == NULL ? "none" : "some", bad);
	c->length(c, strlen(text));
	say(c, 200, text);
	if (c->set(c, "X-Late", "a") != CDX_E_SEQUENCE)
		abort();
}

static void slow(struct cdx_call *c)
{
	pause_ms(1700);
	(void)!c->begin(c, 200, "text/plain");
	(void)!c->write(c, "slow ", 5);
	pause_ms(1700);
	(void)!c->write(c, "but sure", 8);
}

/* Work with nothing to say, as long as somebody waits for it */
static void work(struct cdx_call *c)
{
	kept->result = 1;
	for (int i = 0; !c->gone(c) && i < WEB_KIT_LIMIT_MS; i++)
		pause_ms(1);
	kept->result = c->gone(c) ? 2 : 3;
}

static void on_call(void *arg CDX_UNUSED, struct cdx_call *c)
{
	if (strcmp(c->path, "/echo") == 0)
		echo(c);
	else if (strcmp(c->path, "/flood") == 0)
		flood(c);
	else if (strcmp(c->path, "/headers") == 0)
		headers(c);
	else if (strcmp(c->path, "/slow") == 0)
		slow(c);
	else if (strcmp(c->path, "/work") == 0)
		work(c);
	else if (strcmp(c->path, "/here") == 0)
		say(c, 200, c->gone(c) ? "gone" : "here");
	else if (strcmp(c->path, "/nothing") == 0)
		(void)!c->begin(c, 204, "");
	else if (strcmp(c->path, "/same") == 0) {
		if (c->param(c, "len") != NULL)
			c->length(c, 12345);
		(void)!c->begin(c, 304, "");
	} else if (strcmp(c->path, "/mute") != 0)
		say(c, 404, "no such path");
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	struct cdx_server_tcp o = {.listen = "127.0.0.1:0",
				   .connections = 8,
				   .idle_s = 1,
				   .fn = on_call};
	char why[256];

	assert_non_null(e);
	signal(SIGPIPE, SIG_IGN);
	web_kit_start(&e->kit);
	assert_int_equal(cdx_server_tcp(&e->server, &o, why), 0);
	e->kit.port = cdx_server_port(e->server);
	assert_int_not_equal(e->kit.port, 0);
	kept = e;
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	web_kit_end(&e->kit);
	cdx_server_free(e->server);
	free(e);
	return 0;
}

/* One raw request; the whole answer as text */
static void ask(struct env *e, char *out, size_t cap, const char *text)
{
	int fd = raw_connect(e->kit.port, 0);

	assert_true(fd >= 0);
	raw_say(fd, text);
	raw_finish(fd, out, cap);
}

static void test_methods(void **state)
{
	static const char *const methods[] = {
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
	struct env *e = *state;
	char text[256];
	char out[2048];

	for (size_t i = 0; i < CDX_ARRAY_LEN(methods); i++) {
		snprintf(text, sizeof(text),
			 "%s /headers HTTP/1.1\r\nHost: a\r\nX-Asked: yes\r\n"
			 "Connection: close\r\n\r\n",
			 methods[i]);
		ask(e, out, sizeof(out), text);
		assert_non_null(strstr(out, "HTTP/1.1 200 OK\r\n"));
		assert_non_null(strstr(out, "X-Told: one two\r\n"));
		assert_non_null(strstr(out, "X-Told: three\r\n"));
		assert_null(strstr(out, "Set-Cookie"));
		snprintf(text, sizeof(text), "%s yes none 1", methods[i]);
		if (strcmp(methods[i], "HEAD") != 0) {
			assert_non_null(strstr(out, text));
		} else {
			char len[64];

			assert_null(strstr(out, text));
			snprintf(len, sizeof(len), "Content-Length: %zu\r\n",
				 strlen(text));
			assert_non_null(strstr(out, len));
		}
	}
}

static void test_bodies(void **state)
{
	struct env *e = *state;
	uint8_t *big = malloc(BIG);
	char path[64];

	assert_non_null(big);
	for (size_t i = 0; i < BIG; i++)
		big[i] = (uint8_t)(i * 7 + (i >> 11));
	assert_int_equal(web_kit_do(&e->kit, "POST", "/echo", NULL, big, BIG),
			 200);
	assert_int_equal(e->kit.len, BIG);
	assert_memory_equal(e->kit.body, big, BIG);
	snprintf(path, sizeof(path), "/echo?len=%u", BIG);
	assert_int_equal(web_kit_do(&e->kit, "PUT", path, NULL, big, BIG), 200);
	assert_int_equal(e->kit.len, BIG);
	/* fewer than were promised: seen as cut */
	assert_int_equal(web_kit_do(&e->kit, "PUT", path, NULL, big, BIG / 2),
			 -EPIPE);
	/* a body that the handler does not read */
	assert_int_equal(web_kit_do(&e->kit, "POST", "/no", NULL, big, BIG),
			 404);
	/* and one that answers at once */
	assert_int_equal(web_kit_do(&e->kit, "POST", "/flood", NULL, big, BIG),
			 200);
	assert_int_equal(e->kit.len, BIG);
	free(big);
}

/* Half a body is told from a whole one. */
static void test_cut(void **state)
{
	struct env *e = *state;
	int fd = raw_connect(e->kit.port, 0);

	e->result = 1;
	raw_say(fd, "POST /echo?keep=1 HTTP/1.1\r\nHost: a\r\n"
		    "Content-Length: 100\r\n\r\nabc");
	close(fd);
	for (int i = 0; e->result == 1 && i < WEB_KIT_LIMIT_MS; i++)
		pause_ms(1);
	assert_int_equal(e->result, -EPIPE);
	e->result = 1;
	assert_int_equal(web_kit_do(&e->kit, "POST", "/echo?keep=1", NULL,
				    "abc", 3),
			 200);
	assert_int_equal(e->result, 0);
}

/* Long work learns that nobody waits any more, before and after its body came. */
static void test_gone(void **state)
{
	static const char *const asked[] = {
		"POST /work HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
		"GET /work HTTP/1.1\r\nHost: a\r\n\r\n",
	};
	struct env *e = *state;

	assert_int_equal(web_kit_get(&e->kit, "/here"), 200);
	assert_string_equal(e->kit.body, "here");
	for (size_t i = 0; i < CDX_ARRAY_LEN(asked); i++) {
		int fd = raw_connect(e->kit.port, 0);

		e->result = 0;
		raw_say(fd, asked[i]);
		for (int t = 0; e->result == 0 && t < WEB_KIT_LIMIT_MS; t++)
			pause_ms(1);
		assert_int_equal(e->result, 1);
		close(fd);
		for (int t = 0; e->result == 1 && t < WEB_KIT_LIMIT_MS; t++)
			pause_ms(1);
		assert_int_equal(e->result, 2);
	}
}

static void test_no_body(void **state)
{
	struct env *e = *state;
	char out[512];

	ask(e, out, sizeof(out),
	    "GET /same HTTP/1.1\r\nHost: a\r\n"
	    "Connection: close\r\n\r\n");
	assert_non_null(strstr(out, " 304 "));
	assert_null(strstr(out, "Content-Type"));
	assert_null(strstr(out, "Transfer-"));
	assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\n");
	ask(e, out, sizeof(out),
	    "GET /same?len=1 HTTP/1.1\r\nHost: a\r\n"
	    "Connection: close\r\n\r\n");
	assert_non_null(strstr(out, " 304 "));
	assert_non_null(strstr(out, "Content-Length: 12345"));
	assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\n");
	ask(e, out, sizeof(out),
	    "GET /nothing HTTP/1.1\r\nHost: a\r\n"
	    "Connection: close\r\n\r\n");
	assert_non_null(strstr(out, " 204 "));
	assert_null(strstr(out, "Content-"));
	assert_null(strstr(out, "Transfer-"));
	assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\n");
	assert_int_equal(web_kit_get(&e->kit, "/nothing"), 204);
	assert_int_equal(e->kit.len, 0);
	assert_int_equal(web_kit_get(&e->kit, "/mute"), 500);
	assert_int_equal(web_kit_get(&e->kit, "/else"), 404);
	assert_string_equal(e->kit.body, "no such path");
}

/* A handler's time is not the client's idleness; a client's is. */
static void test_patience(void **state)
{
	struct env *e = *state;
	char out[64];
	int fd = raw_connect(e->kit.port, 0);

	raw_say(fd, "GET /headers HTTP/1.1\r\nHos");
	assert_int_equal(web_kit_get(&e->kit, "/slow"), 200);
	assert_string_equal(e->kit.body, "slow but sure");
	assert_int_equal(raw_finish(fd, out, sizeof(out)), 0);
}

static void test_listen(void **state)
{
	struct env *e = *state;
	struct cdx_server_tcp o = {.fn = on_call};
	struct cdx_server *s;
	char why[256];
	char text[64];
	char me[64];

	static const char *const bad[] = {
		"",
		"8080",
		"a:80",
		"1.2.3:80",
		"[::1:80",
		"127.0.0.1:",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"::1:80",
		":80a",
		"[]:80",
	};

	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		o.listen = bad[i];
		if (cdx_server_tcp(&s, &o, why) != -EINVAL)
			fail_msg("taken: \"%s\"", bad[i]);
		assert_non_null(strstr(why, "ADDRESS:PORT"));
		assert_null(s);
	}
	/* who holds it is said */
	snprintf(text, sizeof(text), "localhost:%u", e->kit.port);
	o.listen = text;
	assert_int_equal(cdx_server_tcp(&s, &o, why), -EADDRINUSE);
	snprintf(me, sizeof(me), "by process %d (", getpid());
	assert_non_null(strstr(why, me));
	/* both families */
	o.listen = ":0";
	assert_int_equal(cdx_server_tcp(&s, &o, why), 0);
	snprintf(text, sizeof(text), "http://127.0.0.1:%u/else",
		 cdx_server_port(s));
	assert_int_equal(web_kit_get(&e->kit, text), 404);
	snprintf(text, sizeof(text), "http://[::1]:%u/else",
		 cdx_server_port(s));
	assert_int_equal(web_kit_get(&e->kit, text), 404);
	cdx_server_free(s);
	o.listen = "[::1]:0";
	assert_int_equal(cdx_server_tcp(&s, &o, why), 0);
	snprintf(text, sizeof(text), "http://[::1]:%u/else",
		 cdx_server_port(s));
	assert_int_equal(web_kit_get(&e->kit, text), 404);
	cdx_server_free(s);
}

/* More connections than were agreed on do not get in, those that were there go
 * on. */
static void test_connections(void **state)
{
	struct env *e = *state;
	int fd[8];
	char out[64];
	int more;

	for (size_t i = 0; i < CDX_ARRAY_LEN(fd); i++) {
		fd[i] = raw_connect(e->kit.port, 0);
		raw_say(fd[i], "GET /else HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_true(raw_read(fd[i], out, 8) == 8);
	}
	more = raw_connect(e->kit.port, 0);
	raw_say(more, "GET /else HTTP/1.1\r\nHost: a\r\n");
	assert_int_equal(raw_finish(more, out, sizeof(out)), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(fd); i++)
		close(fd[i]);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(methods), T(bodies),	 T(cut),    T(gone),
		T(no_body), T(patience), T(listen), T(connections),
	};

	return cmocka_run_group_tests_name("net/server", tests, NULL, NULL);
}
