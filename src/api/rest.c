/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "api/rest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_internal.h"

/* Slow downloads hold a connection each */
#define CONNECTIONS 64u
#define IDLE_S 60u

/* ---- answering ---- */

/* CDX_REST_METHODS: one that no path has */
static enum cdx_rest_method method_of(const char *name)
{
	static const char *const names[CDX_REST_METHODS] = {
		[CDX_REST_GET] = "GET",
		[CDX_REST_POST] = "POST",
		[CDX_REST_PATCH] = "PATCH",
		[CDX_REST_DELETE] = "DELETE",
	};
	unsigned i = 0;

	if (strcmp(name, "HEAD") == 0)
		return CDX_REST_GET;
	while (i < CDX_REST_METHODS && strcmp(name, names[i]) != 0)
		i++;
	return (enum cdx_rest_method)i;
}

/* What a page may do here: the answer to OPTIONS */
static void options(struct cdx_rest_call *q, const char *allow)
{
	struct cdx_call *c = q->call;
	const char *network =
		c->header(c, "Access-Control-Request-Private-Network");

	(void)!c->set(c, "Allow", allow);
	if (q->origin != NULL) {
		(void)!c->set(c, "Access-Control-Allow-Methods", allow);
		(void)!c->set(c, "Access-Control-Allow-Headers",
			      "Authorization, Content-Disposition, "
			      "Content-Type, If-None-Match, If-Range, Range");
		(void)!c->set(c, "Access-Control-Max-Age", "86400");
		if (network != NULL)
			(void)!c->set(c, "Access-Control-Allow-Private-Network",
				      "true");
	}
	cdx_rest_nothing(q, 204);
}

static void dispatch(struct cdx_rest_call *q, const struct cdx_rest_route *r,
		     enum cdx_rest_method m)
{
	char allow[64];

	if (r == NULL) {
		cdx_rest_text(q, 404,
			      "there is nothing here; the API is below "
			      "%s",
			      CDX_REST_PREFIX);
		return;
	}
	cdx_rest_route_allow(r, allow);
	if (strcmp(q->call->method, "OPTIONS") == 0) {
		options(q, allow);
	} else if (m == CDX_REST_METHODS || r->fn[m] == NULL) {
		(void)!q->call->set(q->call, "Allow", allow);
		cdx_rest_text(q, 405, "this path takes %s", allow);
	} else {
		r->fn[m](q);
	}
}

void cdx_rest_answer(void *arg, struct cdx_call *call)
{
	struct cdx_rest *rest = arg;
	struct cdx_rest_call q = {
		.rest = rest,
		.api = rest->api,
		.call = call,
		.head = strcmp(call->method, "HEAD") == 0,
	};
	enum cdx_rest_method m = method_of(call->method);
	const struct cdx_rest_route *r = cdx_rest_route_find(call->path, q.id);
	const char *why;
	int status;

	atomic_fetch_add(&rest->requests, 1);
	status = cdx_rest_guard_check(
		&rest->guard, call,
		r != NULL && m < CDX_REST_METHODS ? r->need[m] : 0, &q.origin,
		&why);
	if (status == 0) {
		dispatch(&q, r, m);
		return;
	}
	atomic_fetch_add(&rest->refused, 1);
	if (status == 401)
		(void)!call->set(call, "WWW-Authenticate",
				 "Basic realm=\"codexfs\"");
	cdx_rest_text(&q, status, "%s", why);
}

/* ---- the server ---- */

static int start(struct cdx_rest *r, const struct cdx_conf_api *conf,
		 char why[CDX_REST_WHY_MAX])
{
	struct cdx_server_tcp o = {
		.listen = conf->listen,
		.connections = CONNECTIONS,
		.idle_s = IDLE_S,
		.fn = cdx_rest_answer,
		.arg = r,
	};
	char text[256] = "";
	int rc = cdx_rest_guard_init(&r->guard, conf, why);

	if (rc == 0)
		rc = cdx_rest_token(r->guard.token, r->api->node->path,
				    conf->token_file, why);
	if (rc < 0)
		return rc;
	rc = cdx_server_tcp(&r->server, &o, text);
	if (rc < 0)
		snprintf(why, CDX_REST_WHY_MAX, "%s", text);
	else
		atomic_store(&r->api->rest_port, cdx_server_port(r->server));
	return rc;
}

int cdx_rest_new(struct cdx_rest **out, struct cdx_api *api,
		 const struct cdx_conf_api *conf, char why[CDX_REST_WHY_MAX])
{
	struct cdx_rest *r = calloc(1, sizeof(*r));
	int rc;

	*out = NULL;
	why[0] = '\0';
	if (r == NULL)
		return -ENOMEM;
	r->api = api;
	cdx_rest_fetches_init(&r->fetches);
	rc = start(r, conf, why);
	if (rc < 0) {
		cdx_rest_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void cdx_rest_free(struct cdx_rest *r)
{
	if (r == NULL)
		return;
	atomic_store(&r->api->rest_port, 0);
	cdx_server_free(r->server);
	cdx_rest_fetches_end(&r->fetches);
	cdx_rest_guard_end(&r->guard);
	free(r);
}

uint16_t cdx_rest_port(const struct cdx_rest *r)
{
	return cdx_server_port(r->server);
}
