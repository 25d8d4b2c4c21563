/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/market/market_gate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The relay is a thread; each byte that it reads it writes at once, since both
 * ends are on this machine and read. */
#define PAIRS 32
#define FIRST 2 /* fds before those of the pairs: orders, the listener */

enum order {
	ORDER_OPEN = 'o',
	ORDER_CLOSE = 'c',
	ORDER_END = 'e',
};

struct mk_gate {
	pthread_t thread;
	struct sockaddr_in to;
	int listener;
	int order[2]; /* pipe: to the thread */
	int done[2];  /* and back */
	bool open;
	int pair[PAIRS][2]; /* -1: none */
};

static void pair_close(struct mk_gate *g, unsigned i)
{
	for (unsigned side = 0; side < 2; side++) {
		if (g->pair[i][side] >= 0)
			close(g->pair[i][side]);
		g->pair[i][side] = -1;
	}
}

static void take(struct mk_gate *g)
{
	int fd = accept(g->listener, NULL, NULL);
	unsigned i = 0;
	int to;

	if (fd < 0)
		return;
	while (i < PAIRS && g->pair[i][0] >= 0)
		i++;
	to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!g->open || i == PAIRS || to < 0 ||
	    connect(to, (const struct sockaddr *)&g->to, sizeof(g->to)) < 0) {
		close(fd);
		if (to >= 0)
			close(to);
		return;
	}
	g->pair[i][0] = fd;
	g->pair[i][1] = to;
}

/* Bytes that wait at one side of a pair go to the other */
static void relay(struct mk_gate *g, unsigned i, unsigned side)
{
	char buf[65536];
	ssize_t n = recv(g->pair[i][side], buf, sizeof(buf), 0);

	for (ssize_t at = 0; at < n;) {
		ssize_t sent = send(g->pair[i][1 - side], buf + at,
				    (size_t)(n - at), MSG_NOSIGNAL);

		if (sent <= 0) {
			n = 0;
			break;
		}
		at += sent;
	}
	if (n <= 0)
		pair_close(g, i);
}

/* False: the end */
static bool obey(struct mk_gate *g)
{
	char order = ORDER_END;

	if (read(g->order[0], &order, 1) != 1)
		order = ORDER_END;
	g->open = order == ORDER_OPEN;
	if (!g->open)
		for (unsigned i = 0; i < PAIRS; i++)
			pair_close(g, i);
	if (write(g->done[1], &order, 1) != 1)
		abort();
	return order != ORDER_END;
}

static void *gate_run(void *arg)
{
	struct mk_gate *g = arg;
	struct pollfd fds[FIRST + 2 * PAIRS];

	for (;;) {
		fds[0] = (struct pollfd){g->order[0], POLLIN, 0};
		fds[1] = (struct pollfd){g->listener, POLLIN, 0};
		for (unsigned i = 0; i < 2 * PAIRS; i++)
			fds[FIRST + i] = (struct pollfd){g->pair[i / 2][i % 2],
							 POLLIN, 0};
		if (poll(fds, FIRST + 2 * PAIRS, -1) < 0)
			continue;
		if (fds[0].revents != 0 && !obey(g))
			return NULL;
		for (unsigned i = 0; i < 2 * PAIRS; i++)
			if (fds[FIRST + i].revents != 0 &&
			    g->pair[i / 2][i % 2] == fds[FIRST + i].fd)
				relay(g, i / 2, i % 2);
		if (fds[1].revents != 0)
			take(g);
	}
}

struct mk_gate *mk_gate_new(const char *url, char out[MK_GATE_URL_MAX])
{
	struct mk_gate *g = calloc(1, sizeof(*g));
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	unsigned port;

	assert_non_null(g);
	assert_int_equal(sscanf(url, "http://127.0.0.1:%u", &port), 1);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g->to = at;
	g->to.sin_port = htons((uint16_t)port);
	for (unsigned i = 0; i < PAIRS; i++)
		g->pair[i][0] = g->pair[i][1] = -1;
	g->open = true;
	g->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(g->listener >= 0);
	assert_int_equal(bind(g->listener, (const struct sockaddr *)&at, len),
			 0);
	assert_int_equal(listen(g->listener, PAIRS), 0);
	assert_int_equal(getsockname(g->listener, (struct sockaddr *)&at, &len),
			 0);
	assert_int_equal(pipe(g->order), 0);
	assert_int_equal(pipe(g->done), 0);
	assert_int_equal(pthread_create(&g->thread, NULL, gate_run, g), 0);
	snprintf(out, MK_GATE_URL_MAX, "http://127.0.0.1:%u",
		 (unsigned)ntohs(at.sin_port));
	return g;
}

static void say(struct mk_gate *g, enum order order)
{
	char c = (char)order;

	assert_int_equal(write(g->order[1], &c, 1), 1);
	assert_int_equal(read(g->done[0], &c, 1), 1);
}

void mk_gate_set(struct mk_gate *g, bool open)
{
	say(g, open ? ORDER_OPEN : ORDER_CLOSE);
}

void mk_gate_free(struct mk_gate *g)
{
	if (g == NULL)
		return;
	say(g, ORDER_END);
	pthread_join(g->thread, NULL);
	close(g->listener);
	for (unsigned i = 0; i < 2; i++) {
		close(g->order[i]);
		close(g->done[i]);
	}
	free(g);
}
