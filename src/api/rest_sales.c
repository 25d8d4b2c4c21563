/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_internal.h"
#include "base/err.h"

/* Slots that are hosted, or on their way to be */

/* What the chain's questions may end with */
static void failed(struct cdx_rest_call *q, int rc, const char *why)
{
	if (why[0] == '\0')
		why = cdx_strerror(rc);
	if (rc == -ENODATA)
		cdx_rest_market_none(q, why);
	else if (rc == -ENOMEM)
		cdx_rest_error(q, rc, NULL);
	else
		cdx_rest_text(q, 503, "%s", why);
}

void cdx_rest_slots(struct cdx_rest_call *q)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	json_t *list;
	json_t *one;
	size_t i;
	int rc;

	if (!cdx_rest_sells(q))
		return;
	list = json_array();
	rc = cdx_api_hosted(q->api, list, why);
	if (rc < 0) {
		json_decref(list);
		failed(q, rc, why);
		return;
	}
	/* which a list of Codex's has not */
	json_array_foreach(list, i, one)(void) json_object_del(one, "state");
	cdx_rest_json(q, 200, list);
}

static json_t *agent_json(const struct cdx_sale_info *s)
{
	return json_pack("{s:s, s:o, s:I, s:o, s:o}", "state",
			 cdx_sale_state_name(s->state), "requestId",
			 cdx_api_id_json(s->request.b), "slotIndex",
			 (json_int_t)s->index, "request",
			 cdx_api_request_json(&s->request, &s->what),
			 "reservation",
			 s->has_reservation
				 ? cdx_api_reservation_json(&s->reservation)
				 : json_null());
}

void cdx_rest_slot(struct cdx_rest_call *q)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	struct cdx_sale_info *info;
	struct cdx_b32 id;
	int rc;

	if (!cdx_rest_sells(q) || !cdx_rest_id(q, id.b))
		return;
	info = calloc(1, sizeof(*info));
	rc = info == NULL ? -ENOMEM : cdx_api_sale(q->api, &id, info, why);
	if (rc == 0)
		cdx_rest_json(q, 200, agent_json(info));
	else if (rc == -ENOENT)
		cdx_rest_text(q, 404, "Provider not filling slot");
	else
		failed(q, rc, why);
	free(info);
}
