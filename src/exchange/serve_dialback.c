/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "exchange/serve_internal.h"

/*
 * Can the caller be reached from here?  Only its own address is dialled, so that
 * nobody can point us at others; how often and how many at a time is limited.
 */
#define DIALS_MAX 8u
#define DIAL_MS 5000u
/* the answer: what the dial takes, and some */
#define ANSWER_MS (2 * DIAL_MS)
#define EVERY_NS (60 * UINT64_C(1000000000))
/* addresses that are remembered; with none left the others wait */
#define CALLERS_MAX 4096u

/* Shared by the request, which may go first, and the loop. */
struct dial {
	struct cdx_list node;		    /* in server->dials */
	struct cdx_exchange_server *server; /* guarded by its mu; loop's */
	struct cdx_maddr addr;
	bool pinned;
	struct cdx_digest tls_key;
	struct cdx_http_transfer *transfer; /* the loop's */
	pthread_mutex_t mu;
	struct cdx_web_req *req; /* guarded by mu; NULL: gone */
	unsigned refs;		 /* guarded by mu */
};

static void dial_put(struct dial *d)
{
	bool last;

	pthread_mutex_lock(&d->mu);
	last = --d->refs == 0;
	pthread_mutex_unlock(&d->mu);
	if (!last)
		return;
	pthread_mutex_destroy(&d->mu);
	free(d);
}

/* ---- who may ask ---- */

struct caller {
	uint64_t last_ns;
};

/* mu is held. */
static void forget_callers(struct cdx_exchange_server *s, uint64_t before)
{
	uint64_t old[64];
	size_t n;

	do {
		size_t pos = 0;
		uint64_t key;
		void *val;

		n = 0;
		while (n < CDX_ARRAY_LEN(old) &&
		       cdx_map_next(&s->dialled, &pos, &key, &val)) {
			if (((struct caller *)val)->last_ns <= before)
				old[n++] = key;
		}
		for (size_t i = 0; i < n; i++)
			free(cdx_map_del(&s->dialled, old[i]));
	} while (n > 0);
}

/* 0; -EAGAIN too early, or too many; -ENOMEM.  mu is held. */
static int admit_locked(struct cdx_exchange_server *s, uint64_t key)
{
	uint64_t now = cdx_clock_mono_ns();
	struct caller *c;

	if (s->n_dials >= DIALS_MAX)
		return -EAGAIN;
	if (now > EVERY_NS)
		forget_callers(s, now - EVERY_NS);
	if (cdx_map_get(&s->dialled, key) != NULL ||
	    s->dialled.len >= CALLERS_MAX)
		return -EAGAIN;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->last_ns = now;
	if (cdx_map_put(&s->dialled, key, c) < 0) {
		free(c);
		return -ENOMEM;
	}
	s->n_dials++;
	return 0;
}

/* ---- the answer ---- */

static void answer(struct dial *d, const char *id, const char *why)
{
	char addr[CDX_MADDR_TEXT_MAX];
	char *text = NULL;
	json_t *json;

	cdx_maddr_text(addr, &d->addr);
	json = json_pack("{s:b, s:s*, s:s, s:s}", "reachable", id != NULL, "id",
			 id, "address", addr, "why", why);
	if (json != NULL)
		text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	pthread_mutex_lock(&d->mu);
	/* without memory it is answered when its time is over */
	if (d->req != NULL && text != NULL)
		cdx_web_reply(d->req, 200, "application/json", text,
			      strlen(text));
	d->req = NULL;
	pthread_mutex_unlock(&d->mu);
	free(text);
}

/* The request is over, answered or not. */
static void on_gone(void *arg)
{
	struct dial *d = arg;

	pthread_mutex_lock(&d->mu);
	d->req = NULL;
	pthread_mutex_unlock(&d->mu);
	dial_put(d);
}

/* ---- on the loop ---- */

/* The server forgets it, unless it has. */
static void leave(struct dial *d)
{
	struct cdx_exchange_server *s = d->server;

	if (s == NULL)
		return;
	pthread_mutex_lock(&s->mu);
	cdx_list_del(&d->node);
	s->n_dials--;
	d->server = NULL;
	pthread_mutex_unlock(&s->mu);
}

static void on_answer(void *arg, int err, const struct cdx_http_res *res,
		      const char *why)
{
	struct dial *d = arg;
	char id[CDX_PEER_ID_TEXT_MAX];
	char text[512];
	struct cdx_peer_record record;
	int rc = err;

	if (rc == 0 && res->status != 200)
		rc = -EPROTO;
	if (rc == 0)
		rc = cdx_peer_record_open(&record, res->body, res->len,
					  &d->server->network,
					  cdx_clock_wall_s());
	if (rc == 0) {
		cdx_peer_id_text(id, &record.id);
		answer(d, id, "");
	} else if (err == 0) {
		answer(d, NULL,
		       "something answers there, but not with a record of a "
		       "peer of this network");
	} else {
		snprintf(text, sizeof(text), "no answer: %s",
			 why[0] ? why : cdx_strerror(err));
		answer(d, NULL, text);
	}
	leave(d);
	dial_put(d);
}

static void start(void *arg)
{
	struct dial *d = arg;
	char url[CDX_MADDR_TEXT_MAX + 32];
	char base[CDX_MADDR_TEXT_MAX];
	struct cdx_http_req req = {
		.method = "GET",
		.url = url,
		.connect_ms = DIAL_MS,
		.total_ms = DIAL_MS,
		.max_body = CDX_RECORD_MAX,
		.tls_key = d->pinned ? &d->tls_key : NULL,
	};

	if (d->server == NULL) {
		dial_put(d);
		return;
	}
	cdx_maddr_url(base, &d->addr);
	snprintf(url, sizeof(url), "%s/codex/v1/peer", base);
	if (cdx_http_start(d->server->http, &d->transfer, &req, on_answer, d) ==
	    0)
		return;
	answer(d, NULL, "out of memory");
	leave(d);
	dial_put(d);
}

void cdx_serve_dialback_end(struct cdx_exchange_server *s)
{
	while (!cdx_list_empty(&s->dials)) {
		struct dial *d =
			cdx_list_entry(s->dials.next, struct dial, node);
		bool started = d->transfer != NULL;

		cdx_http_cancel(d->transfer);
		leave(d);
		/* else the loop has it still to begin, and puts it then */
		if (started)
			dial_put(d);
	}
	forget_callers(s, UINT64_MAX);
	cdx_map_free(&s->dialled);
}

/* ---- the request ---- */

/* The caller's address with the port that it names */
static void address_of(struct dial *d, const struct sockaddr *sa, int port)
{
	const void *p = sa;
	const struct sockaddr_in *in4 = p;
	const struct sockaddr_in6 *in6 = p;
	const uint8_t *b = in6->sin6_addr.s6_addr;

	d->addr.http = true;
	d->addr.port = (uint16_t)port;
	d->addr.tls = d->pinned;
	d->addr.kind = CDX_MADDR_IP4;
	if (sa->sa_family == AF_INET) {
		inet_ntop(AF_INET, &in4->sin_addr, d->addr.host,
			  sizeof(d->addr.host));
	} else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		inet_ntop(AF_INET, b + 12, d->addr.host, sizeof(d->addr.host));
	} else {
		d->addr.kind = CDX_MADDR_IP6;
		inet_ntop(AF_INET6, b, d->addr.host, sizeof(d->addr.host));
	}
}

static int dial_new(struct cdx_exchange_server *s, struct dial **out,
		    const struct sockaddr *sa)
{
	struct dial *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return -ENOMEM;
	pthread_mutex_init(&d->mu, NULL);
	cdx_list_init(&d->node);
	d->server = s;
	d->refs = 1;
	pthread_mutex_lock(&s->mu);
	rc = admit_locked(s, cdx_web_peer_key(sa));
	if (rc == 0)
		cdx_list_add_tail(&s->dials, &d->node);
	pthread_mutex_unlock(&s->mu);
	if (rc == 0)
		*out = d;
	else
		dial_put(d);
	return rc;
}

void cdx_serve_dialback(struct cdx_exchange_server *s, struct cdx_web_req *r)
{
	const struct sockaddr *sa = cdx_web_peer(r);
	const char *tls = cdx_web_param(r, "tls");
	int port = cdx_serve_port(cdx_web_param(r, "port"));
	struct cdx_digest key;
	struct dial *d;
	int rc;

	if (port < 0 ||
	    (tls != NULL && cdx_unhex(key.b, sizeof(key.b), tls) < 0)) {
		cdx_serve_fail(r, 400,
			       "port wants a number from 1 to 65535, tls the "
			       "SHA-256 of the TLS key in hex\n");
		return;
	}
	rc = dial_new(s, &d, sa);
	if (rc < 0) {
		if (cdx_serve_set(r, "Retry-After", "60"))
			cdx_serve_fail(r, rc == -EAGAIN ? 429 : 503,
				       "not now: once a minute for each "
				       "address\n");
		return;
	}
	d->pinned = tls != NULL;
	if (d->pinned)
		d->tls_key = key;
	address_of(d, sa, port);
	d->req = r;
	/* one reference for the request, one for the loop */
	d->refs = 2;
	cdx_web_defer(r, ANSWER_MS, on_gone, d);
	if (cdx_loop_post(s->loop, start, d) == 0)
		return;
	answer(d, NULL, "out of memory");
	leave(d);
	dial_put(d);
}
