/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

/*
 * A long line: passes TCP connections, or datagrams, on to another address and
 * hands everything over a fixed time later, in both directions.  Nothing is lost
 * and nothing is slowed: what is under way is kept in memory.  For where a kernel
 * has no netem.
 *
 *   delay --ms N --listen ADDR:PORT --to ADDR:PORT [--udp]
 *
 * Says "ready PORT" when it listens; port 0 takes a free one.  Ends by SIGTERM.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNS_MAX 512
#define PIECE (256u << 10)
/* kept for one direction of a connection: 10 Gbit/s x 50 ms */
#define KEPT_MAX (64u << 20)
#define DATAGRAM_MAX 65535u

struct piece {
	struct piece *next;
	uint64_t due; /* ns */
	size_t off;
	size_t len; /* 0: the end of a stream */
	uint8_t p[];
};

/* One direction */
struct way {
	int from;
	int to;
	struct piece *head;
	struct piece **tail;
	size_t bytes;
	bool eof;  /* read */
	bool shut; /* handed on */
};

struct conn {
	bool used;
	struct way way[2];
	struct sockaddr_in client; /* of datagrams */
	uint64_t last;		   /* when a datagram came, ns */
};

static struct conn conns[CONNS_MAX];
static uint64_t delay_ns;
static struct sockaddr_in target;
static bool udp;
static int listener;

static void die(const char *what)
{
	fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void way_init(struct way *w, int from, int to)
{
	memset(w, 0, sizeof(*w));
	w->from = from;
	w->to = to;
	w->tail = &w->head;
}

static void way_drop(struct way *w)
{
	struct piece *p = w->head;

	while (p) {
		struct piece *next = p->next;

		free(p);
		p = next;
	}
	way_init(w, -1, -1);
}

static void conn_end(struct conn *c)
{
	int a = c->way[0].from;
	int b = c->way[0].to;

	way_drop(&c->way[0]);
	way_drop(&c->way[1]);
	/* the listener is everybody's */
	if (a != listener)
		close(a);
	close(b);
	c->used = false;
}

static void keep(struct way *w, struct piece *p, size_t len)
{
	p->next = NULL;
	p->due = now_ns() + delay_ns;
	p->off = 0;
	p->len = len;
	*w->tail = p;
	w->tail = &p->next;
	w->bytes += len;
}

static struct piece *piece_new(size_t len)
{
	struct piece *p = malloc(sizeof(*p) + len);

	if (!p)
		die("memory");
	return p;
}

static void piece_done(struct way *w)
{
	struct piece *p = w->head;

	w->head = p->next;
	if (!w->head)
		w->tail = &w->head;
	w->bytes -= p->len;
	free(p);
}

static int new_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

/* A free place; of datagrams the one that was quiet longest */
static struct conn *place(void)
{
	struct conn *oldest = NULL;

	for (int i = 0; i < CONNS_MAX; i++) {
		if (!conns[i].used)
			return &conns[i];
		if (!oldest || conns[i].last < oldest->last)
			oldest = &conns[i];
	}
	if (!udp)
		return NULL;
	conn_end(oldest);
	return oldest;
}

/* ---- streams ---- */

static void accept_one(void)
{
	int one = 1;
	int a = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conn *c;
	int b;

	if (a < 0)
		return;
	c = place();
	if (!c) {
		close(a);
		return;
	}
	b = new_socket(SOCK_STREAM);
	setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(b, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(b, (struct sockaddr *)&target, sizeof(target)) < 0 &&
	    errno != EINPROGRESS) {
		close(a);
		close(b);
		return;
	}
	c->used = true;
	way_init(&c->way[0], a, b);
	way_init(&c->way[1], b, a);
}

/* false: the connection is at its end */
static bool stream_read(struct way *w)
{
	struct piece *p = piece_new(PIECE);
	ssize_t n = read(w->from, p->p, PIECE);
	struct piece *less;

	if (n < 0) {
		free(p);
		return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
	}
	less = realloc(p, sizeof(*p) + (size_t)n);
	keep(w, less ? less : p, (size_t)n);
	w->eof = n == 0;
	return true;
}

static bool stream_write(struct way *w, uint64_t now)
{
	while (w->head && w->head->due <= now) {
		struct piece *p = w->head;
		ssize_t n;

		if (p->len == 0) {
			w->shut = true;
			shutdown(w->to, SHUT_WR);
			piece_done(w);
			continue;
		}
		n = send(w->to, p->p + p->off, p->len - p->off, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		p->off += (size_t)n;
		if (p->off == p->len)
			piece_done(w);
	}
	return true;
}

/* ---- datagrams ---- */

static struct conn *client_of(const struct sockaddr_in *from)
{
	struct conn *c;
	int b;

	for (int i = 0; i < CONNS_MAX; i++)
		if (conns[i].used &&
		    conns[i].client.sin_addr.s_addr == from->sin_addr.s_addr &&
		    conns[i].client.sin_port == from->sin_port)
			return &conns[i];
	c = place();
	b = new_socket(SOCK_DGRAM);
	if (connect(b, (struct sockaddr *)&target, sizeof(target)) < 0)
		die("connect");
	c->used = true;
	c->client = *from;
	way_init(&c->way[0], listener, b);
	way_init(&c->way[1], b, listener);
	return c;
}

static void datagram_in(void)
{
	struct piece *p = piece_new(DATAGRAM_MAX);
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(listener, p->p, DATAGRAM_MAX, 0,
			     (struct sockaddr *)&from, &len);
	struct conn *c;

	if (n < 0) {
		free(p);
		return;
	}
	c = client_of(&from);
	c->last = now_ns();
	keep(&c->way[0], p, (size_t)n);
}

static void datagram_back(struct conn *c)
{
	struct piece *p = piece_new(DATAGRAM_MAX);
	ssize_t n = recv(c->way[1].from, p->p, DATAGRAM_MAX, 0);

	if (n < 0)
		free(p);
	else
		keep(&c->way[1], p, (size_t)n);
}

/* What cannot be sent is lost, as datagrams are. */
static void datagrams_out(struct conn *c, uint64_t now)
{
	struct way *w;

	for (w = &c->way[0]; w->head && w->head->due <= now; piece_done(w))
		(void)send(w->to, w->head->p, w->head->len, MSG_NOSIGNAL);
	for (w = &c->way[1]; w->head && w->head->due <= now; piece_done(w))
		(void)sendto(listener, w->head->p, w->head->len, MSG_NOSIGNAL,
			     (struct sockaddr *)&c->client, sizeof(c->client));
}

/* ---- the loop ---- */

struct wait {
	struct pollfd fd[1 + 2 * CONNS_MAX];
	struct conn *conn[1 + 2 * CONNS_MAX];
	nfds_t n;
	uint64_t next; /* when the next piece is due */
};

static void wait_for(struct wait *w, int fd, short events, struct conn *c)
{
	w->fd[w->n] = (struct pollfd){.fd = fd, .events = events};
	w->conn[w->n++] = c;
}

static short wants(const struct way *in, const struct way *out, uint64_t now)
{
	short events = 0;

	if (!in->eof && in->bytes < KEPT_MAX)
		events |= POLLIN;
	if (out->head && out->head->due <= now)
		events |= POLLOUT;
	return events;
}

static void look(struct wait *w, uint64_t now)
{
	w->n = 0;
	w->next = UINT64_MAX;
	wait_for(w, listener, POLLIN, NULL);
	for (int i = 0; i < CONNS_MAX; i++) {
		struct conn *c = &conns[i];

		if (!c->used)
			continue;
		for (int k = 0; k < 2; k++) {
			const struct piece *p = c->way[k].head;

			/* what a stream has due waits for its socket */
			if (p && (udp || p->due > now) && p->due < w->next)
				w->next = p->due > now ? p->due : now;
		}
		if (udp) {
			wait_for(w, c->way[1].from, POLLIN, c);
			continue;
		}
		wait_for(w, c->way[0].from, wants(&c->way[0], &c->way[1], now),
			 c);
		wait_for(w, c->way[1].from, wants(&c->way[1], &c->way[0], now),
			 c);
	}
}

static void serve(const struct pollfd *fd, struct conn *c, uint64_t now)
{
	struct way *in = &c->way[fd->fd == c->way[0].from ? 0 : 1];
	struct way *out = in == &c->way[0] ? &c->way[1] : &c->way[0];
	bool ok = true;

	if (fd->revents & (POLLERR | POLLNVAL))
		ok = false;
	if (ok && (fd->events & POLLIN) && (fd->revents & (POLLIN | POLLHUP)))
		ok = stream_read(in);
	if (ok && (fd->revents & POLLOUT))
		ok = stream_write(out, now);
	if (!ok || (in->shut && out->shut))
		conn_end(c);
}

static void run(void)
{
	static struct wait w;

	for (;;) {
		uint64_t now = now_ns();
		struct timespec t;

		look(&w, now);
		t.tv_sec = (time_t)((w.next - now) / 1000000000u);
		t.tv_nsec = (long)((w.next - now) % 1000000000u);
		if (ppoll(w.fd, w.n, w.next == UINT64_MAX ? NULL : &t, NULL) <
			    0 &&
		    errno != EINTR)
			die("poll");
		now = now_ns();
		for (nfds_t i = 1; i < w.n; i++) {
			struct conn *c = w.conn[i];

			if (!c->used)
				continue;
			if (!udp && w.fd[i].revents)
				serve(&w.fd[i], c, now);
			if (udp && w.fd[i].revents)
				datagram_back(c);
			if (udp)
				datagrams_out(c, now);
		}
		if (w.fd[0].revents && udp)
			datagram_in();
		else if (w.fd[0].revents)
			accept_one();
	}
}

/* ---- start ---- */

static void parse(struct sockaddr_in *out, const char *text)
{
	char host[64];
	unsigned port;
	int n = 0;

	memset(out, 0, sizeof(*out));
	out->sin_family = AF_INET;
	if (sscanf(text, "%63[0-9.]:%5u%n", host, &port, &n) != 2 ||
	    text[n] != '\0' || port > UINT16_MAX ||
	    inet_pton(AF_INET, host, &out->sin_addr) != 1) {
		fprintf(stderr, "delay: %s is not ADDR:PORT\n", text);
		exit(2);
	}
	out->sin_port = htons((uint16_t)port);
}

static void listen_at(const char *text)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	int one = 1;

	parse(&at, text);
	listener = new_socket(udp ? SOCK_DGRAM : SOCK_STREAM);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    (!udp && listen(listener, 256) < 0) ||
	    getsockname(listener, (struct sockaddr *)&at, &len) < 0)
		die(text);
	printf("ready %u\n", ntohs(at.sin_port));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"ms", required_argument, NULL, 'm'},
		{"listen", required_argument, NULL, 'l'},
		{"to", required_argument, NULL, 't'},
		{"udp", no_argument, NULL, 'u'},
		{0},
	};
	const char *at = NULL;
	const char *to = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'm')
			delay_ns = strtoull(optarg, NULL, 10) * 1000000u;
		else if (opt == 'l')
			at = optarg;
		else if (opt == 't')
			to = optarg;
		else if (opt == 'u')
			udp = true;
		else
			at = to = NULL;
	}
	if (!at || !to || optind != argc) {
		fprintf(stderr, "usage: delay --ms N --listen ADDR:PORT --to "
				"ADDR:PORT [--udp]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	parse(&target, to);
	listen_at(at);
	run();
	return 0;
}
