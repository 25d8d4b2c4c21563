/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_internal.h"
#include "base/bytes.h"
#include "base/err.h"
#include "erasure/codec.h"

/* Storage that others sell us */

/* False: answered.  Ends with cdx_rest_market_leave. */
static bool enter(struct cdx_rest_call *q, struct cdx_market_parts *parts)
{
	if (!cdx_rest_market_enter(q, parts))
		return false;
	if (parts->purchasing != NULL)
		return true;
	cdx_rest_market_leave(q);
	cdx_rest_market_none(q, cdx_api_buys_none);
	return false;
}

static int add_id(void *arg, const struct cdx_purchase_info *p)
{
	return json_array_append_new(arg, cdx_api_id_json(p->id.b)) < 0
		       ? -ENOMEM
		       : 0;
}

void cdx_rest_purchases(struct cdx_rest_call *q)
{
	struct cdx_market_parts parts;
	json_t *list;
	int rc;

	if (!enter(q, &parts))
		return;
	list = json_array();
	rc = cdx_purchasing_list(parts.purchasing, add_id, list);
	cdx_rest_market_leave(q);
	if (rc == 0) {
		cdx_rest_json(q, 200, list);
		return;
	}
	json_decref(list);
	cdx_rest_error(q, rc, NULL);
}

static json_t *purchase_json(const struct cdx_purchase_info *p)
{
	return json_pack("{s:o, s:o, s:s, s:s?}", "requestId",
			 cdx_api_id_json(p->id.b), "request",
			 cdx_api_request_json(&p->id, &p->what), "state",
			 cdx_purchase_state_name(p->state), "error",
			 p->error[0] != '\0' ? p->error : NULL);
}

void cdx_rest_purchase(struct cdx_rest_call *q)
{
	struct cdx_purchase_info *info;
	struct cdx_market_parts parts;
	struct cdx_b32 id;
	int rc;

	if (!enter(q, &parts))
		return;
	cdx_rest_market_leave(q);
	if (!cdx_rest_id(q, id.b) || !enter(q, &parts))
		return;
	info = calloc(1, sizeof(*info));
	rc = info == NULL ? -ENOMEM
			  : cdx_purchasing_get(parts.purchasing, &id, info);
	cdx_rest_market_leave(q);
	if (rc == 0)
		cdx_rest_json(q, 200, purchase_json(info));
	else if (rc == -ENOENT)
		cdx_rest_text(q, 404, "there is no such purchase");
	else
		cdx_rest_error(q, rc, NULL);
	free(info);
}

/* ---- requests ---- */

/* What is wrong with what was asked for, in Codex's order; NULL: nothing */
static const char *judge(const struct cdx_rest_request *r,
			 const struct cdx_market_config *c)
{
	const struct cdx_purchase_terms *t = &r->terms;

	if (t->expiry == 0 || t->expiry >= t->duration)
		return "expiry must be above 0 and below duration";
	if (cdx_u256_is_zero(&t->proof_probability))
		return "proofProbability must be above 0";
	if (cdx_u256_is_zero(&t->collateral))
		return "collateralPerByte must be above 0";
	if (cdx_u256_is_zero(&t->price))
		return "pricePerBytePerSecond must be above 0";
	if (t->duration > c->duration_limit)
		return "duration is above the contract's limit";
	if (r->tolerance == 0)
		return "tolerance must be above 0";
	if (r->tolerance > r->nodes)
		return "tolerance must not be above nodes, which counts all "
		       "slots";
	if (r->nodes - r->tolerance <= 1 ||
	    r->nodes - r->tolerance < r->tolerance)
		return "nodes less tolerance must be at least 2, and at least "
		       "tolerance";
	if (r->nodes > CDX_EC_COLUMNS_MAX)
		return "nodes is above what can be coded here (32)";
	return NULL;
}

/* Reads the body; false: answered */
static bool read_request(struct cdx_rest_call *q, struct cdx_rest_request *r)
{
	char why[CDX_REST_BODY_WHY_MAX] = "";
	size_t len;
	uint8_t *body = cdx_rest_body(q, &len);
	int rc;

	if (body == NULL)
		return false;
	rc = cdx_rest_request_parse(r, body, len, why);
	free(body);
	if (rc < 0)
		cdx_rest_text(q, 400, "%s", why);
	return rc == 0;
}

static void answer(struct cdx_rest_call *q, int rc, const struct cdx_b32 *id,
		   const char *why)
{
	char hex[2 * sizeof(id->b) + 1];

	switch (rc) {
	case 0:
		cdx_hex(hex, id->b, sizeof(id->b));
		cdx_rest_text(q, 200, "%s", hex);
		break;
	case -ENOENT:
		cdx_rest_text(q, 404, "%s",
			      why[0] != '\0' ? why
					     : "there is no such dataset in "
					       "this store");
		break;
	case -EINVAL:
	case -ENOBUFS:
	case CDX_E_CODEC:
		cdx_rest_text(q, 422, "%s",
			      why[0] != '\0' ? why : cdx_strerror(rc));
		break;
	case -ENODATA:
	case -EAGAIN:
	case -EBUSY:
		cdx_rest_text(q, 503, "%s",
			      why[0] != '\0' ? why : cdx_strerror(rc));
		break;
	default:
		cdx_rest_error(q, rc, why);
		break;
	}
}

/* Nobody waits for the answer any more, or the process is ending: what was coded
 * stays for the next time */
static bool given_up(void *arg)
{
	struct cdx_rest_call *q = arg;

	return cdx_rest_cancelled(q) || q->call->gone(q->call);
}

void cdx_rest_request(struct cdx_rest_call *q)
{
	struct cdx_api_buy b = {.api = q->api, .cancel = given_up, .arg = q};
	char why[CDX_CHAIN_WHY_MAX] = "";
	struct cdx_market_parts parts;
	struct cdx_rest_request r;
	const char *wrong;
	struct cdx_b32 id;
	uint32_t k;
	uint32_t m;
	int rc;

	if (!enter(q, &parts))
		return;
	cdx_rest_market_leave(q);
	if (!cdx_rest_cid(q, &b.cid) || !read_request(q, &r))
		return;
	wrong = judge(&r, &parts.config);
	if (wrong != NULL) {
		cdx_rest_text(q, 422, "%s", wrong);
		return;
	}
	cdx_store_code(q->api->node->store, &k, &m, &b.code.codec);
	b.code.k = (uint32_t)(r.nodes - r.tolerance);
	b.code.m = (uint32_t)r.tolerance;
	b.has_code = r.has_code;
	b.terms = r.terms;
	rc = cdx_api_buy_prepare(&b, why);
	if (rc == 0)
		rc = cdx_api_buy_run(&b, &id, why);
	answer(q, rc, &id, why);
}
