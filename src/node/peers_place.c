/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "node/peers_internal.h"

#define RECORD_LIVES_S 3600
#define RECORD_RENEW_S 1200

/* Addresses as they are gathered: each once, as many as a record takes */
struct gather {
	const struct cdx_peers *p;
	uint32_t n;
	struct cdx_maddr addr[CDX_PEER_ADDRS_MAX];
};

static void add(struct gather *g, const struct cdx_maddr *a)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (cdx_maddr_equal(&g->addr[i], a))
			return;
	if (g->n < CDX_PEER_ADDRS_MAX)
		g->addr[g->n++] = *a;
}

/* One of this machine's, with our port */
static void add_ip(struct gather *g, const struct sockaddr *sa)
{
	struct cdx_maddr a = {.port = g->p->port,
			      .tls = g->p->tls_cert != NULL,
			      .http = true};
	const void *ip;

	if (sa->sa_family == AF_INET) {
		a.kind = CDX_MADDR_IP4;
		ip = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	} else {
		a.kind = CDX_MADDR_IP6;
		ip = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	}
	if (inet_ntop(sa->sa_family, ip, a.host, sizeof(a.host)) != NULL)
		add(g, &a);
}

/* What only the same link understands, others cannot use */
static bool is_link_local(const struct sockaddr *sa)
{
	uint32_t ip;

	if (sa->sa_family == AF_INET6)
		return IN6_IS_ADDR_LINKLOCAL(
			&((const struct sockaddr_in6 *)(const void *)sa)
				 ->sin6_addr);
	ip = ntohl(
		((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr);
	return ip >> 16 == 0xa9fe;
}

/* Of all interfaces that are up; @loopback: those or the others */
static void add_interfaces(struct gather *g, bool with_ip6, bool loopback)
{
	struct ifaddrs *list;

	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		const struct sockaddr *sa = i->ifa_addr;

		if (sa == NULL || (i->ifa_flags & IFF_UP) == 0 ||
		    ((i->ifa_flags & IFF_LOOPBACK) != 0) != loopback ||
		    !(sa->sa_family == AF_INET ||
		      (sa->sa_family == AF_INET6 && with_ip6)) ||
		    is_link_local(sa))
			continue;
		add_ip(g, sa);
	}
	freeifaddrs(list);
}

static void add_bound(struct gather *g)
{
	struct sockaddr_storage ss;
	const struct sockaddr *sa = (const struct sockaddr *)&ss;
	bool any;

	cdx_exchange_server_addr(g->p->server, &ss);
	if (sa->sa_family == AF_INET6)
		any = IN6_IS_ADDR_UNSPECIFIED(
			&((const struct sockaddr_in6 *)(const void *)sa)
				 ->sin6_addr);
	else
		any = ((const struct sockaddr_in *)(const void *)sa)
			      ->sin_addr.s_addr == htonl(INADDR_ANY);
	if (!any) {
		add_ip(g, sa);
		return;
	}
	add_interfaces(g, sa->sa_family == AF_INET6, false);
	/* a machine without a network serves itself */
	if (g->n == 0)
		add_interfaces(g, sa->sa_family == AF_INET6, true);
}

static void gather(struct cdx_peers *p, struct gather *g)
{
	g->p = p;
	g->n = 0;
	if (p->port == 0)
		return;
	for (uint32_t i = 0; i < p->conf.n_announce; i++)
		add(g, &p->conf.announce[i]);
	if (g->n > 0)
		return;
	if (p->has_nat_addr)
		add(g, &p->nat_addr);
	pthread_mutex_lock(&p->mu);
	if (p->reach.has_outer)
		add(g, &p->reach.outer);
	pthread_mutex_unlock(&p->mu);
	add_bound(g);
}

static bool same_place(const struct cdx_peers *p, const struct gather *g)
{
	if (p->n_addrs != g->n)
		return false;
	for (uint32_t i = 0; i < g->n; i++)
		if (!cdx_maddr_equal(&p->addr[i], &g->addr[i]))
			return false;
	return true;
}

/* A newer record; kept, and given to the server */
static int sign(struct cdx_peers *p, const struct gather *g)
{
	struct cdx_peer_record r = {.n_addrs = g->n};
	struct cdx_buf b = {0};
	int64_t now = cdx_clock_wall_s();
	uint64_t seq = (uint64_t)now * 1000;
	int rc;

	/* also when two are made within a second, or the clock was set back */
	r.seq = seq > p->seq ? seq : p->seq + 1;
	r.expires = now + RECORD_LIVES_S;
	r.has_tls_key = p->tls_cert != NULL;
	r.tls_key = p->tls_digest;
	memcpy(r.addr, g->addr, sizeof(r.addr));
	rc = cdx_peer_record_sign(&b, &r, &p->who);
	if (rc == 0 && p->server != NULL)
		rc = cdx_exchange_server_record(p->server, b.p, b.len);
	if (rc < 0) {
		cdx_buf_free(&b);
		return rc;
	}
	p->seq = r.seq;
	p->record_at = now;
	pthread_mutex_lock(&p->mu);
	cdx_buf_free(&p->record);
	p->record = b;
	pthread_mutex_unlock(&p->mu);
	return 0;
}

void cdx_peers_place(void *arg)
{
	struct cdx_peers *p = arg;
	int64_t now = cdx_clock_wall_s();
	struct gather g;
	bool moved;
	int rc;

	gather(p, &g);
	pthread_mutex_lock(&p->mu);
	moved = !same_place(p, &g);
	if (moved) {
		memcpy(p->addr, g.addr, sizeof(p->addr));
		p->n_addrs = g.n;
		cdx_peers_dial_again_locked(p);
	}
	pthread_mutex_unlock(&p->mu);
	if (!moved && p->record_at != 0 && now >= p->record_at &&
	    now < p->record_at + RECORD_RENEW_S)
		return;
	if (moved)
		cdx_discovery_place(p->discovery, g.addr, g.n,
				    p->tls_cert != NULL ? &p->tls_digest
							: NULL);
	rc = sign(p, &g);
	if (rc < 0)
		cdx_log(p->log, ERROR, "peers",
			"the record of where we are cannot be made: %s",
			cdx_strerror(rc));
}

void cdx_peers_on_nat(void *arg, const char *ip, uint16_t port, const char *why)
{
	struct cdx_peers *p = arg;
	struct in6_addr scratch;
	bool six = ip != NULL && inet_pton(AF_INET6, ip, &scratch) == 1;

	/* no record could be made with whatever else a router says */
	if (ip != NULL && !six && inet_pton(AF_INET, ip, &scratch) != 1) {
		ip = NULL;
		why = "what the router tells as its address is none";
	}
	pthread_mutex_lock(&p->mu);
	if (ip != NULL)
		snprintf(p->nat_text, sizeof(p->nat_text),
			 "the router leads %.100s port %u here", ip, port);
	else
		snprintf(p->nat_text, sizeof(p->nat_text), "%.255s", why);
	pthread_mutex_unlock(&p->mu);
	p->has_nat_addr = ip != NULL;
	if (ip != NULL) {
		memset(&p->nat_addr, 0, sizeof(p->nat_addr));
		p->nat_addr.kind = six ? CDX_MADDR_IP6 : CDX_MADDR_IP4;
		snprintf(p->nat_addr.host, sizeof(p->nat_addr.host), "%s", ip);
		p->nat_addr.port = port;
		p->nat_addr.tls = p->tls_cert != NULL;
		p->nat_addr.http = true;
	}
	cdx_peers_place(p);
}
