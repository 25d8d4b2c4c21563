/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/internal.h"
#include "api/rest_internal.h"
#include "crypto/hash.h"

/* Who may call: docs/PEERS.md "REST" */

int cdx_rest_guard_init(struct cdx_rest_guard *g,
			const struct cdx_conf_api *conf,
			char why[CDX_REST_WHY_MAX])
{
	if (cdx_rest_host(&g->listen, conf->listen) < 0 ||
	    (g->listen.kind == CDX_REST_HOST_NAME)) {
		snprintf(why, CDX_REST_WHY_MAX,
			 "%s is no address to listen on: ADDR:PORT, "
			 "[ADDR6]:PORT or :PORT",
			 conf->listen);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < conf->n_origins; i++) {
		g->origin_text[i] = strdup(conf->origin[i]);
		if (g->origin_text[i] == NULL)
			return -ENOMEM;
		g->n_origins++;
	}
	return 0;
}

void cdx_rest_guard_end(struct cdx_rest_guard *g)
{
	for (unsigned i = 0; i < g->n_origins; i++)
		free(g->origin_text[i]);
	cdx_wipe(g, sizeof(*g));
}

/* Takes the same time whatever differs: digests are compared, to the end */
static bool same_secret(const char *a, const char *b)
{
	struct cdx_digest x;
	struct cdx_digest y;
	unsigned differs = 0;

	cdx_sha256(&x, a, strlen(a));
	cdx_sha256(&y, b, strlen(b));
	for (size_t i = 0; i < sizeof(x.b); i++)
		differs |= (unsigned)(x.b[i] ^ y.b[i]);
	return differs == 0;
}

static bool token_right(const struct cdx_rest_guard *g, struct cdx_call *call)
{
	char given[CDX_REST_TOKEN_MAX] = "";
	bool right = false;

	if (cdx_rest_credential(given, call->header(call, "Authorization")) ==
	    1)
		right = same_secret(given, g->token);
	cdx_wipe(given, sizeof(given));
	return right;
}

static bool host_right(const struct cdx_rest_guard *g,
		       const struct cdx_rest_host *h, bool token)
{
	switch (h->kind) {
	case CDX_REST_HOST_LOOPBACK:
		return true;
	case CDX_REST_HOST_ADDRESS:
		/* a page cannot have its name resolve to a literal address */
		return g->listen.kind == CDX_REST_HOST_ANY ||
		       strcmp(h->text, g->listen.text) == 0;
	case CDX_REST_HOST_NAME:
		/* a name of this machine: no page of others knows the token */
		return g->listen.kind != CDX_REST_HOST_LOOPBACK && token;
	case CDX_REST_HOST_ANY:
		break;
	}
	return false;
}

/* The server's own */
static bool origin_own(const char *origin, const char *host)
{
	static const char scheme[] = "http://";

	return strncasecmp(origin, scheme, sizeof(scheme) - 1) == 0 &&
	       strcasecmp(origin + sizeof(scheme) - 1, host) == 0;
}

/* One that was configured */
static bool origin_configured(const struct cdx_rest_guard *g,
			      const char *origin)
{
	for (unsigned i = 0; i < g->n_origins; i++)
		if (strcasecmp(origin, g->origin_text[i]) == 0)
			return true;
	return false;
}

/* Does the browser say that a page of somebody else has asked?  Pictures and
 * links carry no Origin. */
static bool foreign_page(struct cdx_call *call)
{
	const char *site = call->header(call, "Sec-Fetch-Site");

	return site != NULL && strcmp(site, "none") != 0 &&
	       strcmp(site, "same-origin") != 0;
}

int cdx_rest_guard_check(const struct cdx_rest_guard *g, struct cdx_call *call,
			 unsigned need, const char **origin, const char **why)
{
	const char *host = call->header(call, "Host");
	const char *from = call->header(call, "Origin");
	bool local = g->listen.kind == CDX_REST_HOST_LOOPBACK;
	bool token = token_right(g, call);
	bool configured = false;
	bool known = false;
	struct cdx_rest_host h;

	*origin = NULL;
	*why = "the header Host is missing or malformed";
	if (host == NULL || cdx_rest_host(&h, host) < 0)
		return 400;
	*why = "this server is not called that: use the address that it "
	       "listens on, or localhost";
	if (!host_right(g, &h, token))
		return 403;
	if (from != NULL) {
		configured = origin_configured(g, from);
		known = configured || origin_own(from, host);
		*why = "pages of this origin may not call here: name it with "
		       "origin in codexfs.conf";
		if (!known && !token)
			return 403;
	}
	if (known)
		*origin = from;
	*why = "this call needs the token (file api-token of the store, or "
	       "api-token-file of codexfs.conf): as Authorization: Bearer, or as "
	       "the password of Basic";
	/* a browser asks what is allowed without saying who it is */
	if (token || strcmp(call->method, "OPTIONS") == 0)
		return 0;
	if (!local && (need & CDX_REST_OPEN) == 0)
		return 401;
	/* no page of ours spends: whoever says so is a program without token */
	if ((need & CDX_REST_SPENDS) != 0 && !(local && configured))
		return 401;
	if ((need & CDX_REST_ACTS) != 0 && !known && foreign_page(call))
		return 401;
	return 0;
}
