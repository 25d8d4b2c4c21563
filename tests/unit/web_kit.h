/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_WEB_KIT_H
#define CDX_TESTS_UNIT_WEB_KIT_H

/*
 * Both ends of HTTP for tests of servers: requests through net/http on the
 * test's own loop, and raw sockets for what no client would send.  Include after
 * cmocka.h.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "loop_kit.h"
#include "net/http.h"

#define WEB_KIT_LIMIT_MS 60000

struct web_kit {
	struct loop_kit loop;
	struct cdx_http *http;
	uint16_t port;
	const struct cdx_digest *pin; /* set: the key of a server with TLS */
	/* of the last answer */
	int err;
	int status;
	uint8_t *body; /* and a NUL */
	size_t len;
	char why[256];
};

static inline void web_kit_start(struct web_kit *k)
{
	*k = (struct web_kit){0};
	loop_kit_start(&k->loop);
	assert_int_equal(cdx_http_new(&k->http, k->loop.loop), 0);
}

static inline void web_kit_end(struct web_kit *k)
{
	cdx_http_free(k->http);
	loop_kit_end(&k->loop);
	free(k->body);
	k->body = NULL;
}

static inline void web_kit_answer(void *arg, int err,
				  const struct cdx_http_res *res,
				  const char *why)
{
	struct web_kit *k = arg;

	free(k->body);
	k->err = err;
	k->len = res != NULL ? res->len : 0;
	k->status = res != NULL ? res->status : 0;
	snprintf(k->why, sizeof(k->why), "%s", why);
	k->body = calloc(1, k->len + 1);
	assert_non_null(k->body);
	if (k->len > 0)
		memcpy(k->body, res->body, k->len);
	loop_kit_stop(&k->loop);
}

/* One request to its end; the status, or the negative error.  @url: whole, or a
 * path of http://127.0.0.1:port */
static inline int web_kit_do(struct web_kit *k, const char *method,
			     const char *url, const char *const *headers,
			     const void *body, size_t len)
{
	char whole[1024];
	struct cdx_http_req req = {.method = method,
				   .url = whole,
				   .headers = headers,
				   .body = body,
				   .body_len = len,
				   .connect_ms = WEB_KIT_LIMIT_MS,
				   .total_ms = WEB_KIT_LIMIT_MS,
				   .max_body = 64u << 20,
				   .tls_key = k->pin};

	if (url[0] == '/')
		snprintf(whole, sizeof(whole), "http%s://127.0.0.1:%u%s",
			 k->pin != NULL ? "s" : "", k->port, url);
	else
		snprintf(whole, sizeof(whole), "%s", url);
	assert_int_equal(cdx_http_start(k->http, NULL, &req, web_kit_answer, k),
			 0);
	loop_kit_run(&k->loop);
	return k->err != 0 ? k->err : k->status;
}

static inline int web_kit_get(struct web_kit *k, const char *path)
{
	return web_kit_do(k, "GET", path, NULL, NULL, 0);
}

/* ---- raw ---- */

/* A connected socket; -1 when it was refused.  @rcvbuf: 0 for the usual */
static inline int raw_connect(uint16_t port, int rcvbuf)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (rcvbuf > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What goes out before the other end has had enough */
static inline size_t raw_send(int fd, const void *p, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = send(fd, (const char *)p + done, len - done,
				 MSG_NOSIGNAL);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

static inline void raw_say(int fd, const char *text)
{
	raw_send(fd, text, strlen(text));
}

/* Reads until the other end closes, or @cap is full: the count; fails the test
 * when neither happens in time. */
static inline size_t raw_read(int fd, char *out, size_t cap)
{
	size_t n = 0;

	while (n < cap) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&pfd, 1, WEB_KIT_LIMIT_MS) != 1)
			fail_msg("nothing came and nobody closed");
		got = recv(fd, out + n, cap - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	return n;
}

/* The same as text; and closes */
static inline size_t raw_finish(int fd, char *out, size_t cap)
{
	size_t n = raw_read(fd, out, cap - 1);

	out[n] = '\0';
	close(fd);
	return n;
}

static inline void pause_ms(unsigned ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

#endif
