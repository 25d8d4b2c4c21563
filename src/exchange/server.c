/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "exchange/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "exchange/serve_internal.h"

#define HOT_BYTES (64u << 20)
/* roots of trees that are kept: of some TiB */
#define PAGES_BYTES (16u << 20)
/* nobody has to send us anything */
#define BODY_MAX 1024u

static void answer_peer(struct cdx_exchange_server *s, struct cdx_web_req *r)
{
	uint8_t record[CDX_RECORD_MAX];
	size_t len;

	pthread_mutex_lock(&s->mu);
	len = s->record_len;
	memcpy(record, s->record, len);
	pthread_mutex_unlock(&s->mu);
	if (len == 0)
		cdx_serve_fail(r, 503, "no record yet\n");
	else if (cdx_serve_set(r, "Cache-Control", "no-store"))
		cdx_web_reply(r, 200, "application/octet-stream", record, len);
}

static bool method_fits(struct cdx_web_req *r,
			const struct cdx_serve_request *q)
{
	const char *method = cdx_web_method(r);
	bool post = q->kind == CDX_SERVE_DIALBACK;

	if (post ? strcmp(method, "POST") == 0
		 : strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
		return true;
	if (cdx_serve_set(r, "Allow", post ? "POST" : "GET, HEAD"))
		cdx_serve_fail(r, 405, "not with this method\n");
	return false;
}

static void on_request(void *arg, struct cdx_web_req *r)
{
	struct cdx_exchange_server *s = arg;
	struct cdx_serve_request q;
	int rc = cdx_serve_parse(&q, cdx_web_path(r));

	if (rc == -ENOENT) {
		cdx_serve_fail(r, 404, "no such path\n");
		return;
	}
	if (rc < 0) {
		cdx_serve_fail(r, 400, "that is no CID\n");
		return;
	}
	if (!method_fits(r, &q))
		return;
	switch (q.kind) {
	case CDX_SERVE_IPFS:
		cdx_serve_ipfs(s, r, &q.cid);
		break;
	case CDX_SERVE_PEER:
		answer_peer(s, r);
		break;
	case CDX_SERVE_DIALBACK:
		cdx_serve_dialback(s, r);
		break;
	case CDX_SERVE_DATASET:
	case CDX_SERVE_MANIFEST:
	case CDX_SERVE_BLOCKS:
		cdx_serve_of_dataset(s, r, &q);
		break;
	}
}

static int start_web(struct cdx_exchange_server *s,
		     const struct cdx_exchange_server_opts *o, char why[256])
{
	struct cdx_web_opts web = {
		.listen = o->listen,
		.connections = o->connections,
		.connections_a_peer = o->connections_a_peer,
		.max_body = BODY_MAX,
		.rate = o->rate,
		.rate_a_peer = o->rate_a_peer,
		.tls_cert = o->tls_cert,
		.tls_key = o->tls_key,
		.fn = on_request,
		.arg = s,
	};

	return cdx_web_new(&s->web, &web, why);
}

int cdx_exchange_server_new(struct cdx_exchange_server **out,
			    const struct cdx_exchange_server_opts *opts,
			    char why[256])
{
	struct cdx_exchange_server *s = calloc(1, sizeof(*s));
	int rc;

	*out = NULL;
	snprintf(why, 256, "out of memory");
	if (s == NULL)
		return -ENOMEM;
	s->store = opts->store;
	s->loop = opts->loop;
	s->http = opts->http;
	s->network = opts->network;
	cdx_list_init(&s->dials);
	pthread_mutex_init(&s->mu, NULL);
	rc = cdx_hot_new(&s->hot,
			 opts->hot_bytes ? opts->hot_bytes : HOT_BYTES);
	if (rc == 0)
		rc = cdx_leaf_pages_new(&s->pages, s->store, PAGES_BYTES);
	if (rc == 0)
		rc = start_web(s, opts, why);
	if (rc < 0) {
		cdx_exchange_server_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void cdx_exchange_server_free(struct cdx_exchange_server *s)
{
	if (s == NULL)
		return;
	cdx_web_free(s->web);
	cdx_serve_dialback_end(s);
	cdx_leaf_pages_free(s->pages);
	cdx_hot_free(s->hot);
	pthread_mutex_destroy(&s->mu);
	free(s);
}

int cdx_exchange_server_record(struct cdx_exchange_server *s,
			       const void *envelope, size_t len)
{
	if (len > sizeof(s->record))
		return -EMSGSIZE;
	pthread_mutex_lock(&s->mu);
	memcpy(s->record, envelope, len);
	s->record_len = len;
	pthread_mutex_unlock(&s->mu);
	return 0;
}

void cdx_exchange_server_addr(const struct cdx_exchange_server *s,
			      struct sockaddr_storage *out)
{
	cdx_web_addr(s->web, out);
}

void cdx_exchange_server_stats(struct cdx_exchange_server *s,
			       struct cdx_exchange_server_stats *out)
{
	struct cdx_web_stats web;

	cdx_web_stats(s->web, &web);
	out->requests = web.requests;
	out->refused = web.refused;
	out->timed_out = web.timed_out;
	out->connections = web.connections;
	out->bytes_sent = web.bytes_sent;
	out->blocks_sent = atomic_load(&s->blocks_sent);
	out->not_served = atomic_load(&s->not_served);
	out->hot_hits = atomic_load(&s->hot_hits);
}
