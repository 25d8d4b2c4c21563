/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_body.h"
#include "base/err.h"
#include "node/room.h"

/* Space for sale, as the verbs see it: of the store, whether a process runs or not */

/* Makes it durable, and has sales look again */
static int changed(struct cdx_api *api)
{
	struct cdx_node_market *m = api->node->market;
	char why[CDX_CHAIN_WHY_MAX];
	struct cdx_market_parts parts;
	int rc = cdx_store_log_sync(api->node->store);

	/* who sells nothing yet will read them when it begins */
	if (rc < 0 || cdx_node_market_enter(m, &parts, why) < 0)
		return rc;
	if (parts.sales != NULL)
		cdx_sales_offers_changed(parts.sales);
	cdx_node_market_leave(m);
	return rc;
}

/* In the words of whoever has room, or why there is none of it */
static int refused(int rc, const struct cdx_offer *o, unsigned which,
		   const struct cdx_offer *was, char why[CDX_CHAIN_WHY_MAX])
{
	if (why[0] != '\0')
		return rc;
	if (rc == -EINVAL)
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "size, price, collateral and longest duration are "
			 "above 0, and until is no time before 1970");
	else if (rc == -ENOENT)
		snprintf(why, CDX_CHAIN_WHY_MAX, "Availability not found");
	else if (rc == -ERANGE && (which & CDX_OFFER_TOTAL) != 0 &&
		 o->total < was->total - was->free)
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "%llu bytes of it are in use; it cannot be smaller",
			 (unsigned long long)(was->total - was->free));
	else if (rc == -ERANGE)
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "until must not be before the end of a request that "
			 "is hosted");
	else if (rc == CDX_E_QUOTA)
		snprintf(why, CDX_CHAIN_WHY_MAX,
			 "there is no room for so much: something else was "
			 "offered at the same time");
	return rc;
}

int cdx_api_offer_add(struct cdx_api *api, struct cdx_offer *o,
		      char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_store *s = api->node->store;
	uint64_t was = 0;
	int rc;

	why[0] = '\0';
	pthread_mutex_lock(&api->offers);
	rc = cdx_node_room(s, o->total, &was, why);
	if (rc == 0) {
		rc = cdx_offer_add(s, o);
		if (rc < 0)
			cdx_node_room_undo(s, was);
	}
	pthread_mutex_unlock(&api->offers);
	if (rc == 0)
		rc = changed(api);
	return rc < 0 ? refused(rc, o, 0, o, why) : 0;
}

/* Room for what it grows by, then the change; @now is what it was */
static int change_offer(struct cdx_store *s, const struct cdx_offer *o,
			unsigned which, struct cdx_offer *now,
			char why[CDX_CHAIN_WHY_MAX])
{
	bool grows = (which & CDX_OFFER_TOTAL) != 0 && o->total > now->total;
	struct cdx_offer after;
	uint64_t was = 0;
	int rc = 0;

	if (grows)
		rc = cdx_node_room(s, o->total - now->total, &was, why);
	if (rc < 0)
		return rc;
	rc = cdx_offer_change(s, o, which, &after);
	if (rc == 0)
		*now = after;
	else if (grows)
		cdx_node_room_undo(s, was);
	return rc;
}

int cdx_api_offer_change(struct cdx_api *api, const struct cdx_offer *o,
			 unsigned which, struct cdx_offer *now,
			 char why[CDX_CHAIN_WHY_MAX])
{
	struct cdx_store *s = api->node->store;
	int rc;

	why[0] = '\0';
	pthread_mutex_lock(&api->offers);
	rc = cdx_offer_get(s, o->id, now);
	if (rc == 0)
		rc = change_offer(s, o, which, now, why);
	pthread_mutex_unlock(&api->offers);
	if (rc == 0)
		rc = changed(api);
	return rc < 0 ? refused(rc, o, which, now, why) : 0;
}

/* ---- parameters ---- */

/* A whole number or nothing; sets @bit when it is there */
static int read_number(struct cdx_call *call, const char *name, uint64_t max,
		       unsigned bit, uint64_t *out, unsigned *which)
{
	int rc = cdx_api_number(call, name, 0, max, out);

	if (rc > 0)
		*which |= bit;
	return rc < 0 ? rc : 0;
}

static int read_amount(struct cdx_call *call, const char *name, unsigned bit,
		       struct cdx_u256 *out, unsigned *which)
{
	const char *text = call->param(call, name);

	if (text == NULL)
		return 0;
	if (cdx_u256_parse(out, text) < 0)
		return -EINVAL;
	*which |= bit;
	return 0;
}

static int read_offer(struct cdx_call *call, struct cdx_offer *o,
		      unsigned *which)
{
	uint64_t enabled = 1;
	uint64_t until = 0;
	int rc;

	memset(o, 0, sizeof(*o));
	*which = 0;
	rc = read_number(call, "size", UINT64_MAX, CDX_OFFER_TOTAL, &o->total,
			 which);
	if (rc == 0)
		rc = read_number(call, "duration", UINT64_MAX,
				 CDX_OFFER_DURATION, &o->duration, which);
	if (rc == 0)
		rc = read_number(call, "enabled", 1, CDX_OFFER_ENABLED,
				 &enabled, which);
	if (rc == 0)
		rc = read_number(call, "until", INT64_MAX, CDX_OFFER_UNTIL,
				 &until, which);
	if (rc == 0)
		rc = read_amount(call, "price", CDX_OFFER_PRICE, &o->min_price,
				 which);
	if (rc == 0)
		rc = read_amount(call, "collateral", CDX_OFFER_COLLATERAL,
				 &o->collateral, which);
	o->enabled = enabled != 0;
	o->until = (int64_t)until;
	return rc;
}

/* ---- calls ---- */

static int add_one(void *arg, const struct cdx_offer *o)
{
	return json_array_append_new(arg, cdx_api_offer_json(o)) < 0 ? -ENOMEM
								     : 0;
}

int cdx_api_offers_all(struct cdx_store *s, json_t *list)
{
	return cdx_offer_list(s, add_one, list);
}

static void list(struct cdx_api *api, struct cdx_call *call)
{
	json_t *all = json_array();
	int rc = cdx_api_offers_all(api->node->store, all);

	cdx_api_market_listed(api, call, "availabilities", all, rc);
}

/* The codes of an answer: none of them says that something must be deleted */
static void answer(struct cdx_call *call, int rc, const struct cdx_offer *o,
		   const char *why)
{
	if (rc < 0)
		cdx_api_reply_why(call, rc == CDX_E_QUOTA ? -ENOSPC : rc, why);
	else
		cdx_api_reply_json(call, 200, cdx_api_offer_json(o));
}

static void add(struct cdx_api *api, struct cdx_call *call)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	struct cdx_offer o;
	unsigned which;
	int rc = read_offer(call, &o, &which);

	if (rc == 0)
		rc = cdx_api_offer_add(api, &o, why);
	answer(call, rc, &o, why);
}

static void change(struct cdx_api *api, struct cdx_call *call, const char *id)
{
	char why[CDX_CHAIN_WHY_MAX] = "";
	struct cdx_offer now;
	struct cdx_offer o;
	unsigned which;
	int rc = read_offer(call, &o, &which);

	if (rc == 0 && cdx_rest_id_parse(o.id, id) < 0)
		rc = -ENOENT;
	if (rc == 0)
		rc = cdx_api_offer_change(api, &o, which, &now, why);
	answer(call, rc, &now, why);
}

void cdx_api_offers(struct cdx_api *api, struct cdx_call *call,
		    const char *rest)
{
	bool post = strcmp(call->method, "POST") == 0;

	if (rest[0] == '\0' && strcmp(call->method, "GET") == 0)
		list(api, call);
	else if (rest[0] == '\0' && post)
		add(api, call);
	else if (rest[0] == '/' && post)
		change(api, call, rest + 1);
	else
		cdx_api_reply_error(call, -ENOENT);
}
