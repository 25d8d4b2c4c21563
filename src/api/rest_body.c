/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "api/rest_body.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/u256.h"

/* Codex's own values where a client says nothing */
#define NODES 3u
#define TOLERANCE 1u

/* Member by member: what went wrong first stays */
struct reader {
	json_t *body; /* owned, an object */
	char *why;
	int rc;
};

static int begin(struct reader *r, const void *body, size_t len, char *why)
{
	json_error_t e;

	memset(r, 0, sizeof(*r));
	r->why = why;
	why[0] = '\0';
	if (len > CDX_REST_BODY_MAX) {
		snprintf(why, CDX_REST_BODY_WHY_MAX,
			 "the body has more than %u bytes", CDX_REST_BODY_MAX);
		return -EINVAL;
	}
	r->body = json_loadb(len == 0 ? "" : body, len, JSON_REJECT_DUPLICATES,
			     &e);
	if (r->body == NULL) {
		/* its text repeats what was sent */
		snprintf(why, CDX_REST_BODY_WHY_MAX,
			 "the body is not JSON, or says something twice (line "
			 "%d, column %d)",
			 e.line, e.column);
		return -EINVAL;
	}
	if (json_is_object(r->body))
		return 0;
	snprintf(why, CDX_REST_BODY_WHY_MAX,
		 "the body is JSON, but no object: { \"name\": value, ... }");
	json_decref(r->body);
	return -EINVAL;
}

static int end(struct reader *r)
{
	json_decref(r->body);
	return r->rc;
}

static void bad(struct reader *r, const char *name, const char *what)
{
	if (r->rc == 0)
		snprintf(r->why, CDX_REST_BODY_WHY_MAX, "%s %s", name, what);
	r->rc = -EINVAL;
}

/* NULL: it is not there, which @needed makes an error */
static const json_t *member(struct reader *r, const char *name, bool needed)
{
	const json_t *v = json_object_get(r->body, name);

	if (v != NULL && !json_is_null(v))
		return v;
	if (needed)
		bad(r, name, "is missing");
	return NULL;
}

/* The three below: true, and *@out is set, when it is there and right */
static bool amount(struct reader *r, const char *name, bool needed,
		   struct cdx_u256 *out)
{
	const json_t *v = member(r, name, needed);

	if (v == NULL)
		return false;
	if (json_is_string(v) && cdx_u256_parse(out, json_string_value(v)) == 0)
		return true;
	bad(r, name, "is an amount, a text of decimal digits: \"1000\"");
	return false;
}

static bool whole(struct reader *r, const char *name, bool needed,
		  uint64_t *out)
{
	const json_t *v = member(r, name, needed);
	struct cdx_u256 n;

	if (v == NULL)
		return false;
	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		*out = (uint64_t)json_integer_value(v);
		return true;
	}
	if (json_is_string(v) &&
	    cdx_u256_parse(&n, json_string_value(v)) == 0 &&
	    cdx_u256_to_u64(out, &n) == 0)
		return true;
	bad(r, name, "is a whole number from 0 on");
	return false;
}

static bool truth(struct reader *r, const char *name, bool *out)
{
	const json_t *v = member(r, name, false);

	if (v == NULL)
		return false;
	if (!json_is_boolean(v)) {
		bad(r, name, "is true or false");
		return false;
	}
	*out = json_is_true(v);
	return true;
}

/* Seconds since 1970, and those before it, which the caller refuses */
static bool moment(struct reader *r, const char *name, int64_t *out)
{
	const json_t *v = member(r, name, false);
	const char *text = json_string_value(v);
	struct cdx_u256 n;
	uint64_t abs = 0;
	bool minus;

	if (v == NULL)
		return false;
	if (json_is_integer(v)) {
		*out = json_integer_value(v);
		return true;
	}
	minus = text != NULL && text[0] == '-';
	if (text != NULL && cdx_u256_parse(&n, text + minus) == 0 &&
	    cdx_u256_to_u64(&abs, &n) == 0 && abs <= INT64_MAX) {
		*out = minus ? -(int64_t)abs : (int64_t)abs;
		return true;
	}
	bad(r, name, "is a time in seconds since 1970");
	return false;
}

int cdx_rest_offer_parse(struct cdx_rest_offer *out, const void *body,
			 size_t len, bool all, char why[CDX_REST_BODY_WHY_MAX])
{
	struct cdx_offer *o = &out->o;
	struct reader r;
	int rc = begin(&r, body, len, why);

	memset(out, 0, sizeof(*out));
	o->enabled = true;
	if (rc < 0)
		return rc;
	if (whole(&r, "totalSize", all, &o->total))
		out->has |= CDX_OFFER_TOTAL;
	if (whole(&r, "duration", all, &o->duration))
		out->has |= CDX_OFFER_DURATION;
	if (amount(&r, "minPricePerBytePerSecond", all, &o->min_price))
		out->has |= CDX_OFFER_PRICE;
	if (amount(&r, "totalCollateral", all, &o->collateral))
		out->has |= CDX_OFFER_COLLATERAL;
	if (truth(&r, "enabled", &o->enabled))
		out->has |= CDX_OFFER_ENABLED;
	if (moment(&r, "until", &o->until))
		out->has |= CDX_OFFER_UNTIL;
	out->has_free = member(&r, "freeSize", false) != NULL;
	return end(&r);
}

int cdx_rest_request_parse(struct cdx_rest_request *out, const void *body,
			   size_t len, char why[CDX_REST_BODY_WHY_MAX])
{
	struct cdx_purchase_terms *t = &out->terms;
	struct reader r;
	int rc = begin(&r, body, len, why);

	memset(out, 0, sizeof(*out));
	out->nodes = NODES;
	out->tolerance = TOLERANCE;
	if (rc < 0)
		return rc;
	(void)whole(&r, "duration", true, &t->duration);
	(void)whole(&r, "expiry", true, &t->expiry);
	(void)amount(&r, "proofProbability", true, &t->proof_probability);
	(void)amount(&r, "pricePerBytePerSecond", true, &t->price);
	(void)amount(&r, "collateralPerByte", true, &t->collateral);
	out->has_code = whole(&r, "nodes", false, &out->nodes);
	if (whole(&r, "tolerance", false, &out->tolerance))
		out->has_code = true;
	return end(&r);
}

int cdx_rest_id_parse(uint8_t out[32], const char *text)
{
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	return cdx_unhex(out, 32, text) == 0 ? 0 : -EINVAL;
}
