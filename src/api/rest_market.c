/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/internal.h"
#include "api/rest_internal.h"
#include "base/err.h"

/* What the calls of the market share: Codex's words where there is none, bodies,
 * ids. */

void cdx_rest_market_none(struct cdx_rest_call *q, const char *why)
{
	/* its exact words where there is no market at all */
	if (q->api->node->market == NULL)
		cdx_rest_text(q, 503, "Persistence is not enabled");
	else
		cdx_rest_text(q, 503, "Persistence is not enabled: %s", why);
}

bool cdx_rest_sells(struct cdx_rest_call *q)
{
	const struct cdx_node_market *m = q->api->node->market;

	if (m != NULL && cdx_node_market_conf(m)->provides)
		return true;
	cdx_rest_market_none(q, "this process sells no storage (provide in "
				"section [market] of codexfs.conf)");
	return false;
}

bool cdx_rest_market_enter(struct cdx_rest_call *q,
			   struct cdx_market_parts *out)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	int rc = cdx_node_market_enter(q->api->node->market, out, why);

	if (rc == 0)
		return true;
	if (why[0] == '\0')
		snprintf(why, sizeof(why), "%s", cdx_strerror(rc));
	if (rc == -ENODATA)
		cdx_rest_market_none(q, why);
	else
		cdx_rest_text(q, 503, "%s", why);
	return false;
}

void cdx_rest_market_leave(struct cdx_rest_call *q)
{
	cdx_node_market_leave(q->api->node->market);
}

uint8_t *cdx_rest_body(struct cdx_rest_call *q, size_t *len)
{
	uint8_t *out = malloc(CDX_REST_BODY_MAX + 1);
	struct cdx_call *c = q->call;
	ssize_t n = 1;

	*len = 0;
	if (out == NULL) {
		cdx_rest_error(q, -ENOMEM, NULL);
		return NULL;
	}
	while (n > 0 && *len <= CDX_REST_BODY_MAX) {
		n = c->read(c, out + *len, CDX_REST_BODY_MAX + 1 - *len);
		if (n > 0)
			*len += (size_t)n;
	}
	if (n >= 0)
		return out;
	free(out);
	cdx_rest_text(q, 400, "the body broke off");
	return NULL;
}

bool cdx_rest_id(struct cdx_rest_call *q, uint8_t out[32])
{
	if (cdx_rest_id_parse(out, q->id) == 0)
		return true;
	cdx_rest_text(q, 400,
		      "that is no id: 64 hex digits, with 0x or "
		      "without");
	return false;
}
