/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/await.h"
#include "base/err.h"
#include "node/peers_internal.h"
#include "store/cache.h"
#include "store/public.h"

/* Most that one search tells */
#define FOUND_MAX 1024u

struct cdx_exchange *cdx_peers_exchange(struct cdx_peers *p)
{
	return p->exchange;
}

const struct cdx_identity *cdx_peers_identity(const struct cdx_peers *p)
{
	return &p->who;
}

/* ---- announcing ---- */

void cdx_peers_changed(struct cdx_peers *p)
{
	pthread_mutex_lock(&p->mu);
	p->changed = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->mu);
}

int cdx_peers_announce(struct cdx_peers *p, const struct cdx_cid *cid, bool on)
{
	struct cdx_buf b = {0};
	struct cdx_digest d;
	int rc = cdx_dataset_publish(p->store, cid, on);

	/* what is in the cache alone is announced as long as its manifest is
	 * there */
	if (rc == -ENOENT && cid->codec == CDX_CODEC_MANIFEST) {
		memcpy(d.b, cid->digest, sizeof(d.b));
		rc = on ? cdx_cache_get_manifest(p->store, &b, &d)
			: cdx_cache_drop_manifest(p->store, cid);
		cdx_buf_free(&b);
	}
	if (rc == 0)
		cdx_peers_changed(p);
	return rc;
}

/* ---- finding ---- */

struct search {
	struct cdx_peers *p;
	const struct cdx_cid *cid;
	unsigned ms;
	struct cdx_find *find; /* loop-confined */
	pthread_mutex_t mu;
	pthread_cond_t news;
	bool end;			/* guarded by mu */
	size_t n;			/* guarded by mu */
	struct cdx_provider_record **r; /* guarded by mu; FOUND_MAX */
};

static void found(void *arg, const struct cdx_provider_record *r)
{
	struct search *s = arg;
	struct cdx_provider_record *copy = NULL;

	if (r != NULL)
		copy = malloc(sizeof(*copy));
	else
		s->find = NULL;
	if (copy != NULL)
		*copy = *r;
	pthread_mutex_lock(&s->mu);
	if (r == NULL)
		s->end = true;
	else if (copy != NULL && s->n < FOUND_MAX)
		s->r[s->n++] = copy;
	else
		free(copy);
	pthread_cond_signal(&s->news);
	pthread_mutex_unlock(&s->mu);
}

static void begin_search(void *arg, struct cdx_await *a)
{
	struct search *s = arg;

	cdx_await_done(a, cdx_discovery_find(s->p->discovery, &s->find, s->cid,
					     s->ms, found, s));
}

static void end_search(void *arg, struct cdx_await *a)
{
	struct search *s = arg;

	cdx_find_cancel(s->find);
	cdx_await_done(a, 0);
}

/* Hands out what comes until the end; the mutex is not held by @fn */
static int hand_out(struct search *s, cdx_peers_found_fn *fn, void *arg)
{
	const struct cdx_provider_record *r;
	size_t at = 0;
	int rc = 0;

	pthread_mutex_lock(&s->mu);
	while (rc >= 0 && (at < s->n || !s->end)) {
		if (at == s->n) {
			pthread_cond_wait(&s->news, &s->mu);
			continue;
		}
		r = s->r[at++];
		pthread_mutex_unlock(&s->mu);
		rc = fn(arg, r);
		pthread_mutex_lock(&s->mu);
	}
	pthread_mutex_unlock(&s->mu);
	return rc < 0 ? rc : 0;
}

int cdx_peers_find(struct cdx_peers *p, const struct cdx_cid *cid, unsigned ms,
		   cdx_peers_found_fn *fn, void *arg)
{
	struct search s = {.p = p, .cid = cid, .ms = ms};
	int rc;

	s.r = calloc(FOUND_MAX, sizeof(struct cdx_provider_record *));
	if (s.r == NULL)
		return -ENOMEM;
	pthread_mutex_init(&s.mu, NULL);
	pthread_cond_init(&s.news, NULL);
	rc = cdx_await(p->loop, begin_search, &s);
	if (rc == 0) {
		rc = hand_out(&s, fn, arg);
		/* a copy of its memory must not be reached any more */
		while (cdx_await(p->loop, end_search, &s) < 0)
			;
	}
	for (size_t i = 0; i < s.n; i++)
		free(s.r[i]);
	free(s.r);
	pthread_cond_destroy(&s.news);
	pthread_mutex_destroy(&s.mu);
	return rc;
}

/* ---- connecting ---- */

struct meeting {
	pthread_mutex_t mu;
	pthread_cond_t met;
	bool end; /* guarded by mu, as all below */
	int rc;
	struct cdx_peer_record *out;
	char *why;
};

static void on_met(void *arg, int rc, const struct cdx_peer_record *r,
		   const char *why)
{
	struct meeting *m = arg;

	pthread_mutex_lock(&m->mu);
	m->end = true;
	m->rc = rc;
	if (rc == 0)
		*m->out = *r;
	else
		snprintf(m->why, CDX_PEERS_WHY_MAX, "%.400s",
			 why != NULL && why[0] != '\0' ? why
						       : cdx_strerror(rc));
	pthread_cond_signal(&m->met);
	pthread_mutex_unlock(&m->mu);
}

int cdx_peers_connect(struct cdx_peers *p, const struct cdx_maddr *addr,
		      const struct cdx_peer_id *expect,
		      struct cdx_peer_record *out, char why[CDX_PEERS_WHY_MAX])
{
	struct meeting m = {.out = out, .why = why};
	int rc;

	why[0] = '\0';
	pthread_mutex_init(&m.mu, NULL);
	pthread_cond_init(&m.met, NULL);
	rc = cdx_exchange_connect(p->exchange, NULL, addr, expect, on_met, &m);
	if (rc == 0) {
		pthread_mutex_lock(&m.mu);
		while (!m.end)
			pthread_cond_wait(&m.met, &m.mu);
		pthread_mutex_unlock(&m.mu);
		rc = m.rc;
	} else {
		snprintf(why, CDX_PEERS_WHY_MAX, "%s", cdx_strerror(rc));
	}
	pthread_cond_destroy(&m.met);
	pthread_mutex_destroy(&m.mu);
	return rc;
}

/* ---- what is shown ---- */

int cdx_peers_spr(struct cdx_peers *p, char **out)
{
	pthread_mutex_lock(&p->mu);
	*out = p->record.len == 0 ? NULL
				  : cdx_spr_text(p->record.p, p->record.len);
	pthread_mutex_unlock(&p->mu);
	return *out == NULL ? -ENOMEM : 0;
}

struct shown {
	struct cdx_peers *p;
	struct cdx_peers_status *out;
};

static void show(void *arg, struct cdx_await *a)
{
	struct shown *s = arg;

	cdx_discovery_stats(s->p->discovery, &s->out->discovery);
	cdx_await_done(a, 0);
}

void cdx_peers_status(struct cdx_peers *p, struct cdx_peers_status *out)
{
	struct shown s = {.p = p, .out = out};

	memset(out, 0, sizeof(*out));
	out->id = p->who;
	explicit_bzero(&out->id.key, sizeof(out->id.key));
	out->port = p->port;
	(void)!cdx_await(p->loop, show, &s);
	cdx_exchange_stats(p->exchange, &out->exchange);
	if (p->server != NULL)
		cdx_exchange_server_stats(p->server, &out->server);
	pthread_mutex_lock(&p->mu);
	out->n_addrs = p->n_addrs;
	memcpy(out->addr, p->addr, sizeof(out->addr));
	out->reach = p->port == 0			? CDX_REACH_NONE
		     : p->reach.state == CDX_REACH_NONE ? CDX_REACH_UNKNOWN
							: p->reach.state;
	out->reach_at = p->reach.at;
	memcpy(out->reach_why, p->reach.why, sizeof(out->reach_why));
	memcpy(out->nat, p->nat_text, sizeof(out->nat));
	pthread_mutex_unlock(&p->mu);
}
