/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/web_internal.h"

#define NS_PER_S UINT64_C(1000000000)
/* what may be sent ahead of the rate after a pause */
#define BURST_NS (NS_PER_S / 2)
/* addresses that are remembered; with none left newcomers are refused */
#define PEERS_MAX 16384u

uint64_t cdx_web_peer_key(const struct sockaddr *sa)
{
	const void *p = sa;
	const struct sockaddr_in *in4 = p;
	const struct sockaddr_in6 *in6 = p;
	const uint8_t *b;

	if (sa->sa_family == AF_INET)
		return ntohl(in4->sin_addr.s_addr) | UINT64_C(1) << 32;
	if (sa->sa_family != AF_INET6)
		return 0;
	b = in6->sin6_addr.s6_addr;
	/* an IPv4 caller of a socket for both */
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return cdx_get_be32(b + 12) | UINT64_C(1) << 32;
	return cdx_get_be64(b);
}

bool cdx_web_admit(struct cdx_web *w, const struct sockaddr *sa)
{
	const struct cdx_web_peer *p;
	bool ok;

	pthread_mutex_lock(&w->mu);
	p = cdx_map_get(&w->peers, cdx_web_peer_key(sa));
	ok = w->n_conns < w->opts.connections &&
	     (p == NULL ? w->peers.len < PEERS_MAX
			: p->connections < w->opts.connections_a_peer);
	w->refused += !ok;
	pthread_mutex_unlock(&w->mu);
	return ok;
}

/* mu is held. */
static struct cdx_web_peer *peer_get(struct cdx_web *w, uint64_t key)
{
	struct cdx_web_peer *p = cdx_map_get(&w->peers, key);

	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->key = key;
	p->bucket.rate = w->opts.rate_a_peer;
	if (cdx_map_put(&w->peers, key, p) < 0) {
		free(p);
		return NULL;
	}
	return p;
}

static bool peer_idle(const struct cdx_web_peer *p, uint64_t now)
{
	return p->connections == 0 && p->bucket.next_ns + BURST_NS <= now;
}

struct cdx_web_conn *cdx_web_conn_new(struct cdx_web *w,
				      const struct sockaddr *sa, int fd)
{
	struct cdx_web_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->web = w;
	c->fd = fd;
	cdx_web_conn_deadline(c, w->opts.idle_s);
	pthread_mutex_lock(&w->mu);
	c->peer = peer_get(w, cdx_web_peer_key(sa));
	if (c->peer != NULL) {
		c->peer->connections++;
		cdx_list_add_tail(&w->conns, &c->node);
		/* the timer sleeps while there is nobody */
		if (w->n_conns++ == 0)
			pthread_cond_signal(&w->cv);
	}
	pthread_mutex_unlock(&w->mu);
	if (c->peer == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

void cdx_web_conn_free(struct cdx_web_conn *c)
{
	struct cdx_web *w = c->web;
	struct cdx_web_peer *p = c->peer;

	pthread_mutex_lock(&w->mu);
	cdx_list_del(&c->node);
	w->n_conns--;
	p->connections--;
	if (peer_idle(p, cdx_clock_mono_ns())) {
		cdx_map_del(&w->peers, p->key);
		free(p);
	}
	pthread_mutex_unlock(&w->mu);
	free(c);
}

void cdx_web_conn_deadline(struct cdx_web_conn *c, unsigned s)
{
	atomic_store_explicit(&c->deadline_ns,
			      cdx_clock_mono_ns() + s * NS_PER_S,
			      memory_order_relaxed);
}

/* Forgets some; how many */
static unsigned sweep_some(struct cdx_web *w, uint64_t now)
{
	struct cdx_web_peer *idle[64];
	unsigned n = 0;
	size_t pos = 0;
	uint64_t key;
	void *val;

	/* the map must not change while it is walked */
	while (n < CDX_ARRAY_LEN(idle) &&
	       cdx_map_next(&w->peers, &pos, &key, &val)) {
		if (peer_idle(val, now))
			idle[n++] = val;
	}
	for (unsigned i = 0; i < n; i++) {
		cdx_map_del(&w->peers, idle[i]->key);
		free(idle[i]);
	}
	return n;
}

void cdx_web_sweep(struct cdx_web *w, uint64_t now)
{
	while (sweep_some(w, now) > 0)
		;
}

/* Reserves: when these bytes may begin */
static uint64_t reserve(struct cdx_web_bucket *b, uint64_t n, uint64_t now)
{
	uint64_t begin =
		b->next_ns + BURST_NS < now ? now - BURST_NS : b->next_ns;

	if (b->rate == 0)
		return 0;
	b->next_ns = begin + n * NS_PER_S / b->rate;
	return begin;
}

uint64_t cdx_web_pay(struct cdx_web_req *r, uint64_t n)
{
	struct cdx_web *w = r->web;
	uint64_t now;
	uint64_t when = 0;

	if (w->opts.rate == 0 && w->opts.rate_a_peer == 0)
		return 0;
	now = cdx_clock_mono_ns();
	pthread_mutex_lock(&w->mu);
	/* its own turn first: who waits for that keeps no place in the other */
	if (!(r->paid & CDX_WEB_PAID_PEER))
		when = reserve(&r->conn->peer->bucket, n, now);
	r->paid |= CDX_WEB_PAID_PEER;
	if (when <= now && !(r->paid & CDX_WEB_PAID_ALL)) {
		when = reserve(&w->all, n, now);
		r->paid |= CDX_WEB_PAID_ALL;
	}
	pthread_mutex_unlock(&w->mu);
	return when <= now ? 0 : when;
}

static void give_back(struct cdx_web_bucket *b, uint64_t n)
{
	if (b->rate > 0)
		b->next_ns -= n * NS_PER_S / b->rate;
}

void cdx_web_refund(struct cdx_web_req *r, uint64_t n)
{
	struct cdx_web *w = r->web;

	if (n == 0 || (w->opts.rate == 0 && w->opts.rate_a_peer == 0))
		return;
	pthread_mutex_lock(&w->mu);
	give_back(&r->conn->peer->bucket, n);
	give_back(&w->all, n);
	pthread_mutex_unlock(&w->mu);
}
