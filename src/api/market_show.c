/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/clock.h"
#include "base/err.h"
#include "market/durability.h"
#include "node/chain_slots.h"

/* What the market does here, as JSON: purchases, agents, slots */

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

/* ---- purchases ---- */

json_t *cdx_api_nines(const struct cdx_purchase_info *p,
		      const struct cdx_market_config *c, double horizon_s)
{
	double nines;

	if (cdx_durability_ask(&nines, &p->what.ask, p->filled, p->worst,
			       c->period, horizon_s) < 0)
		return json_null();
	return json_real(nines);
}

json_t *cdx_api_purchase_json(const struct cdx_purchase_info *p,
			      const struct cdx_market_config *c)
{
	bool runs = p->state == CDX_PURCHASE_STARTED;
	double left = (double)(p->end - cdx_clock_wall_s());

	return json_pack(
		"{s:o, s:o, s:s, s:s?, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:b, "
		"s:b, s:o, s:o}",
		"requestId", cdx_api_id_json(p->id.b), "request",
		cdx_api_request_json(&p->id, &p->what), "state",
		cdx_purchase_state_name(p->state), "error",
		text_or_null(p->error), "segment",
		p->area == 0 ? json_null() : json_integer((json_int_t)p->area),
		"generation", (json_int_t)p->generation, "created",
		(json_int_t)p->created, "end", (json_int_t)p->end, "filled",
		(json_int_t)p->filled, "hosts", (json_int_t)p->hosts,
		"mostOfOneHost", (json_int_t)p->worst, "proven", p->proven,
		"renewed", p->renewed, "ninesUntilEnd",
		runs ? cdx_api_nines(p, c, left) : json_null(), "ninesInAYear",
		runs ? cdx_api_nines(p, c, CDX_DURABILITY_YEAR_S)
		     : json_null());
}

/* ---- sales ---- */

json_t *cdx_api_sale_json(const struct cdx_sale_info *s)
{
	return json_pack(
		"{s:o, s:o, s:I, s:o, s:s, s:s?, s:o, s:I, s:I, s:I, s:I}",
		"id", cdx_api_id_json(s->slot.b), "requestId",
		cdx_api_id_json(s->request.b), "slotIndex",
		(json_int_t)s->index, "request",
		cdx_api_request_json(&s->request, &s->what), "state",
		cdx_sale_state_name(s->state), "error", text_or_null(s->error),
		"reservation",
		s->has_reservation ? cdx_api_reservation_json(&s->reservation)
				   : json_null(),
		"blocksDone", (json_int_t)s->done, "blocks",
		(json_int_t)s->total, "end", (json_int_t)s->end,
		"lastPeriodProven", (json_int_t)s->proven);
}

/* What an agent knows of a slot, or -ENOENT */
static int agent_of(const struct cdx_api *api, const struct cdx_b32 *slot,
		    struct cdx_sale_info *out, char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_market_parts parts;
	int rc = cdx_node_market_enter(api->node->market, &parts, why);

	if (rc < 0)
		return rc;
	rc = parts.sales == NULL ? -ENOENT
				 : cdx_sales_get(parts.sales, slot, out);
	cdx_node_market_leave(api->node->market);
	return rc;
}

/* The same from the contract, for a slot of ours that no agent has yet: a slot is
 * never in the list and then unknown. */
static int of_contract(const struct cdx_api *api, const struct cdx_b32 *slot,
		       struct cdx_sale_info *out, char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_chain *c = api->node->chain;
	struct cdx_chain_slot s;
	struct cdx_addr host;
	int rc = cdx_chain_addr(c, CDX_CHAIN_PROVIDER, &host, why);

	if (rc == 0)
		rc = cdx_chain_slot(c, slot, &s, why);
	if (rc < 0)
		return rc;
	if (memcmp(&s.host, &host, sizeof(host)) != 0)
		return -ENOENT;
	memset(out, 0, sizeof(*out));
	out->slot = *slot;
	out->index = s.index;
	out->what = s.request;
	out->state = CDX_SALE_UNKNOWN;
	return cdx_request_id(&out->request, &s.request);
}

int cdx_api_sale(const struct cdx_api *api, const struct cdx_b32 *slot,
		 struct cdx_sale_info *out, char why[CDX_CHAIN_WHY_MAX])
{
	int rc = agent_of(api, slot, out, why);

	return rc == -ENOENT ? of_contract(api, slot, out, why) : rc;
}

static int add_hosted(const struct cdx_api *api, const struct cdx_b32 *id,
		      json_t *list, struct cdx_sale_info *info,
		      char why[CDX_CHAIN_WHY_MAX])
{
	int rc = cdx_api_sale(api, id, info, why);

	/* an agent that was only just given it: all of it is told nevertheless */
	if (rc == 0 && info->what.ask.slots == 0)
		rc = of_contract(api, id, info, why);
	/* lost since the list was asked for */
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	return json_array_append_new(
		       list,
		       json_pack("{s:o, s:I, s:o, s:s}", "id",
				 cdx_api_id_json(id->b), "slotIndex",
				 (json_int_t)info->index, "request",
				 cdx_api_request_json(&info->request,
						      &info->what),
				 "state", cdx_sale_state_name(info->state))) < 0
		       ? -ENOMEM
		       : 0;
}

int cdx_api_hosted(const struct cdx_api *api, json_t *list,
		   char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_sale_info *info = malloc(sizeof(*info));
	struct cdx_market_parts parts;
	struct cdx_b32 *ids = NULL;
	struct cdx_addr host;
	size_t n = 0;
	int rc = info == NULL ? -ENOMEM
			      : cdx_node_market_enter(api->node->market, &parts,
						      why);

	if (rc < 0) {
		free(info);
		return rc;
	}
	cdx_node_market_leave(api->node->market);
	rc = cdx_chain_addr(api->node->chain, CDX_CHAIN_PROVIDER, &host, why);
	if (rc == 0)
		rc = cdx_chain_slots(api->node->chain, &host, &ids, &n, why);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_hosted(api, &ids[i], list, info, why);
	free(ids);
	free(info);
	return rc;
}
