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

/* Space for sale.  It is the store's: whether the chain answers does not matter. */

/* ---- lists ---- */

/* Takes @list */
static void listed(struct cdx_rest_call *q, json_t *list, int rc)
{
	if (rc == 0) {
		cdx_rest_json(q, 200, list);
		return;
	}
	json_decref(list);
	cdx_rest_error(q, rc, NULL);
}

void cdx_rest_offers(struct cdx_rest_call *q)
{
	json_t *list;

	if (!cdx_rest_sells(q))
		return;
	list = json_array();
	listed(q, list, cdx_api_offers_all(q->api->node->store, list));
}

/* Those of one offer */
struct mine {
	const uint8_t *offer;
	json_t *list;
};

static int add_reservation(void *arg, const struct cdx_reservation *r)
{
	const struct mine *m = arg;

	if (memcmp(r->offer, m->offer, sizeof(r->offer)) != 0)
		return 0;
	return json_array_append_new(m->list, cdx_api_reservation_json(r)) < 0
		       ? -ENOMEM
		       : 0;
}

static void not_found(struct cdx_rest_call *q, int rc)
{
	if (rc == -ENOENT)
		cdx_rest_text(q, 404, "Availability not found");
	else
		cdx_rest_error(q, rc, NULL);
}

void cdx_rest_reservations(struct cdx_rest_call *q)
{
	struct cdx_store *s = q->api->node->store;
	uint8_t id[CDX_OFFER_ID_LEN];
	struct mine m = {.offer = id};
	struct cdx_offer o;
	int rc;

	if (!cdx_rest_sells(q) || !cdx_rest_id(q, id))
		return;
	rc = cdx_offer_get(s, id, &o);
	if (rc < 0) {
		not_found(q, rc);
		return;
	}
	m.list = json_array();
	listed(q, m.list, cdx_reservation_list(s, add_reservation, &m));
}

/* ---- changes ---- */

/* What nobody may set: false, and answered with 422.  Codex's order. */
static bool check_values(struct cdx_rest_call *q,
			 const struct cdx_rest_offer *v)
{
	const struct cdx_offer *o = &v->o;
	const char *why = NULL;

	if ((v->has & CDX_OFFER_TOTAL) != 0 && o->total == 0)
		why = "totalSize must be above 0";
	else if ((v->has & CDX_OFFER_DURATION) != 0 && o->duration == 0)
		why = "duration must be above 0";
	else if ((v->has & CDX_OFFER_PRICE) != 0 &&
		 cdx_u256_is_zero(&o->min_price))
		why = "minPricePerBytePerSecond must be above 0";
	else if ((v->has & CDX_OFFER_COLLATERAL) != 0 &&
		 cdx_u256_is_zero(&o->collateral))
		why = "totalCollateral must be above 0";
	else if (o->until < 0)
		why = "until must not be before 1970 (0: no end)";
	if (why != NULL)
		cdx_rest_text(q, 422, "%s", why);
	return why == NULL;
}

/* Reads and judges a body; false: answered */
static bool read_offer(struct cdx_rest_call *q, struct cdx_rest_offer *v,
		       bool all)
{
	char why[CDX_REST_BODY_WHY_MAX] = "";
	size_t len;
	uint8_t *body = cdx_rest_body(q, &len);
	int rc;

	if (body == NULL)
		return false;
	rc = cdx_rest_offer_parse(v, body, len, all, why);
	free(body);
	if (rc < 0)
		cdx_rest_text(q, 400, "%s", why);
	return rc == 0;
}

static void refused(struct cdx_rest_call *q, int rc, const char *why)
{
	switch (rc) {
	case -ENOENT:
		not_found(q, rc);
		break;
	case -EINVAL:
	case -ERANGE:
	case -ENOSPC:
	case CDX_E_QUOTA:
		cdx_rest_text(q, 422, "%s",
			      why[0] != '\0' ? why : cdx_strerror(rc));
		break;
	default:
		cdx_rest_error(q, rc, why);
		break;
	}
}

void cdx_rest_offer_add(struct cdx_rest_call *q)
{
	char why[CDX_CHAIN_WHY_MAX];
	struct cdx_rest_offer v;
	int rc;

	if (!cdx_rest_sells(q) || !read_offer(q, &v, true) ||
	    !check_values(q, &v))
		return;
	rc = cdx_api_offer_add(q->api, &v.o, why);
	if (rc < 0)
		refused(q, rc, why);
	else
		cdx_rest_json(q, 201, cdx_api_offer_json(&v.o));
}

void cdx_rest_offer_change(struct cdx_rest_call *q)
{
	uint8_t id[CDX_OFFER_ID_LEN];
	char why[CDX_CHAIN_WHY_MAX];
	struct cdx_rest_offer v;
	struct cdx_offer now;
	int rc;

	if (!cdx_rest_sells(q) || !cdx_rest_id(q, id) ||
	    !read_offer(q, &v, false))
		return;
	rc = cdx_offer_get(q->api->node->store, id, &now);
	if (rc < 0) {
		not_found(q, rc);
		return;
	}
	if (v.has_free) {
		cdx_rest_text(q, 422,
			      "freeSize follows from totalSize; it "
			      "cannot be set");
		return;
	}
	if (!check_values(q, &v))
		return;
	memcpy(v.o.id, id, sizeof(id));
	rc = cdx_api_offer_change(q->api, &v.o, v.has, &now, why);
	if (rc < 0)
		refused(q, rc, why);
	else
		cdx_rest_nothing(q, 204);
}
