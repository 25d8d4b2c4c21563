/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/nat.h"

#include <errno.h>
#include <stddef.h>

#ifndef HAVE_MINIUPNPC

int cdx_nat_new(struct cdx_nat **out, struct cdx_loop *loop, uint16_t port,
		cdx_nat_fn *fn, void *arg)
{
	(void)loop, (void)port, (void)fn, (void)arg;
	*out = NULL;
	return -ENOTSUP;
}

void cdx_nat_free(struct cdx_nat *n)
{
	(void)n;
}

#else

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>

#include "base/clock.h"

#define S_NS UINT64_C(1000000000)
#define DISCOVER_MS 2000
#define RENEW_S 1200u
#define RETRY_S 300u
#define LEASE "3600"
#define FREE_NS (2 * S_NS)
/* Mappings of others at the ports that follow ours are gone round */
#define PORTS 8u
#define IP_MAX 46u

/* What is known of the router; the thread's alone */
struct router {
	struct UPNPUrls urls;
	struct IGDdatas data;
	char lan[IP_MAX];
	bool have;
};

/* Lives until its thread has ended and the last posted word was taken */
struct cdx_nat {
	struct cdx_loop *loop; /* immutable, as what follows */
	uint16_t port;
	cdx_nat_fn *fn;
	void *arg;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t cond;
	bool quit;     /* guarded by mu */
	bool over;     /* guarded by mu: the thread does nothing more */
	bool gone;     /* guarded by mu: nobody is called back any more */
	unsigned refs; /* guarded by mu: owner, thread, posted words */
};

/* One word for the loop */
struct word {
	struct cdx_nat *n;
	char ip[IP_MAX]; /* "" failed */
	uint16_t port;
	char why[CDX_NAT_WHY_MAX];
};

static void unref(struct cdx_nat *n)
{
	bool last;

	(void)pthread_mutex_lock(&n->mu);
	last = --n->refs == 0;
	(void)pthread_mutex_unlock(&n->mu);
	if (!last)
		return;
	(void)pthread_cond_destroy(&n->cond);
	(void)pthread_mutex_destroy(&n->mu);
	free(n);
}

/* On the loop, as cdx_nat_free is: so @gone does not change meanwhile */
static void on_word(void *arg)
{
	struct word *w = arg;
	struct cdx_nat *n = w->n;
	bool gone;

	(void)pthread_mutex_lock(&n->mu);
	gone = n->gone;
	(void)pthread_mutex_unlock(&n->mu);
	if (!gone)
		n->fn(n->arg, w->ip[0] ? w->ip : NULL, w->port, w->why);
	free(w);
	unref(n);
}

static void say(struct cdx_nat *n, const struct word *w)
{
	struct word *copy = malloc(sizeof(*copy));
	bool gone;

	if (!copy)
		return;
	*copy = *w;
	copy->n = n;
	(void)pthread_mutex_lock(&n->mu);
	/* the loop may be no more once the owner has gone */
	gone = n->gone || cdx_loop_post(n->loop, on_word, copy) < 0;
	if (!gone)
		n->refs++;
	(void)pthread_mutex_unlock(&n->mu);
	if (gone)
		free(copy);
}

/* ---- the thread */

static void router_forget(struct router *r)
{
	if (r->have)
		FreeUPNPUrls(&r->urls);
	memset(r, 0, sizeof(*r));
}

/* What UPNP_GetValidIGD says of routers that do not serve */
#if MINIUPNPC_API_VERSION >= 18
#define IGD_PRIVATE 2
#define IGD_OFFLINE 3
#else
#define IGD_PRIVATE (-2) /* not told apart */
#define IGD_OFFLINE 2
#endif

static const char *router_why(int rc)
{
	if (rc == IGD_OFFLINE)
		return "the router has no connection";
	if (rc == IGD_PRIVATE)
		return "the router is behind another one, and cannot be "
		       "reached itself";
	return "no router answers UPnP: switch it on there, or forward the "
	       "port by hand and use --announce";
}

static int router_find(struct router *r, char why[CDX_NAT_WHY_MAX])
{
	int err = 0;
	struct UPNPDev *list =
		upnpDiscover(DISCOVER_MS, NULL, NULL, 0, 0, 2, &err);
	int rc = 0;

	router_forget(r);
	if (list)
#if MINIUPNPC_API_VERSION >= 18
		rc = UPNP_GetValidIGD(list, &r->urls, &r->data, r->lan,
				      sizeof(r->lan), NULL, 0);
#else
		rc = UPNP_GetValidIGD(list, &r->urls, &r->data, r->lan,
				      sizeof(r->lan));
#endif
	freeUPNPDevlist(list);
	r->have = rc != 0;
	/* 1: connected */
	if (rc == 1)
		return 0;
	(void)snprintf(why, CDX_NAT_WHY_MAX, "%s", router_why(rc));
	return -ENOENT;
}

/* Asks for the port, and for the next ones where others have it */
static int router_map(struct router *r, struct word *w, uint16_t port)
{
	char inner[8];
	int rc = UPNPCOMMAND_UNKNOWN_ERROR;

	(void)snprintf(inner, sizeof(inner), "%u", (unsigned)port);
	for (unsigned i = 0; i < PORTS && port + i <= UINT16_MAX; i++) {
		char outer[8];

		(void)snprintf(outer, sizeof(outer), "%u", port + i);
		rc = UPNP_AddPortMapping(r->urls.controlURL,
					 r->data.first.servicetype, outer,
					 inner, r->lan, "codexfs", "TCP", NULL,
					 LEASE);
		/* OnlyPermanentLeasesSupported */
		if (rc == 725)
			rc = UPNP_AddPortMapping(r->urls.controlURL,
						 r->data.first.servicetype,
						 outer, inner, r->lan,
						 "codexfs", "TCP", NULL, "0");
		if (rc == UPNPCOMMAND_SUCCESS) {
			w->port = (uint16_t)(port + i);
			return 0;
		}
		/* ConflictInMappingEntry */
		if (rc != 718)
			break;
	}
	(void)snprintf(w->why, sizeof(w->why),
		       "the router refuses to forward port %u: %s",
		       (unsigned)port, strupnperror(rc));
	return -EACCES;
}

static int open_port(struct cdx_nat *n, struct router *r, struct word *w)
{
	int rc;
	int err = r->have ? 0 : router_find(r, w->why);

	if (err == 0)
		err = router_map(r, w, n->port);
	if (err < 0)
		return err;
	rc = UPNP_GetExternalIPAddress(r->urls.controlURL,
				       r->data.first.servicetype, w->ip);
	if (rc == UPNPCOMMAND_SUCCESS && w->ip[0])
		return 0;
	(void)snprintf(w->why, sizeof(w->why),
		       "the router does not tell its address: %s",
		       strupnperror(rc));
	w->ip[0] = '\0';
	return -ENOENT;
}

static void close_port(struct router *r, uint16_t port)
{
	char outer[8];

	if (!r->have || !port)
		return;
	(void)snprintf(outer, sizeof(outer), "%u", (unsigned)port);
	(void)UPNP_DeletePortMapping(r->urls.controlURL,
				     r->data.first.servicetype, outer, "TCP",
				     NULL);
}

/* False: the end */
static bool rest(struct cdx_nat *n, unsigned seconds)
{
	uint64_t until = cdx_clock_mono_ns() + seconds * S_NS;
	const struct timespec ts = {.tv_sec = (time_t)(until / S_NS),
				    .tv_nsec = (long)(until % S_NS)};
	bool quit;
	int rc = 0;

	(void)pthread_mutex_lock(&n->mu);
	while (!n->quit && rc == 0)
		rc = pthread_cond_timedwait(&n->cond, &n->mu, &ts);
	quit = n->quit;
	(void)pthread_mutex_unlock(&n->mu);
	return !quit;
}

static void *nat_main(void *arg)
{
	struct cdx_nat *n = arg;
	struct router r = {.have = false};
	uint16_t mapped = 0;
	bool ok;

	do {
		struct word w = {.port = 0};

		ok = open_port(n, &r, &w) == 0;
		/* another router perhaps, next time */
		if (!ok)
			router_forget(&r);
		mapped = ok ? w.port : 0;
		say(n, &w);
	} while (rest(n, ok ? RENEW_S : RETRY_S));
	close_port(&r, mapped);
	router_forget(&r);
	(void)pthread_mutex_lock(&n->mu);
	n->over = true;
	(void)pthread_cond_broadcast(&n->cond);
	(void)pthread_mutex_unlock(&n->mu);
	unref(n);
	return NULL;
}

/* ---- the owner */

int cdx_nat_new(struct cdx_nat **out, struct cdx_loop *loop, uint16_t port,
		cdx_nat_fn *fn, void *arg)
{
	struct cdx_nat *n = calloc(1, sizeof(*n));
	pthread_condattr_t attr;
	int rc;

	*out = NULL;
	if (!n)
		return -ENOMEM;
	n->loop = loop;
	n->port = port;
	n->fn = fn;
	n->arg = arg;
	n->refs = 2;
	(void)pthread_mutex_init(&n->mu, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&n->cond, &attr);
	(void)pthread_condattr_destroy(&attr);
	rc = pthread_create(&n->thread, NULL, nat_main, n);
	if (rc != 0) {
		n->refs = 1;
		unref(n);
		return -rc;
	}
	*out = n;
	return 0;
}

void cdx_nat_free(struct cdx_nat *n)
{
	uint64_t until = cdx_clock_mono_ns() + FREE_NS;
	const struct timespec ts = {.tv_sec = (time_t)(until / S_NS),
				    .tv_nsec = (long)(until % S_NS)};
	int rc = 0;
	bool over;

	if (!n)
		return;
	(void)pthread_mutex_lock(&n->mu);
	n->quit = true;
	n->gone = true;
	(void)pthread_cond_broadcast(&n->cond);
	while (!n->over && rc == 0)
		rc = pthread_cond_timedwait(&n->cond, &n->mu, &ts);
	over = n->over;
	(void)pthread_mutex_unlock(&n->mu);
	/* miniupnpc cannot be interrupted: with a router that hangs the thread
	 * ends by itself, and touches nothing of ours but this */
	if (over)
		(void)pthread_join(n->thread, NULL);
	else
		(void)pthread_detach(n->thread);
	unref(n);
}

#endif
