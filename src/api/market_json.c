/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdlib.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "codec/cid.h"

/* The market's values as JSON: the names are those of Codex's REST API.  Amounts
 * are texts, in the token's smallest units and in wei: JSON's numbers are too
 * small. */

json_t *cdx_api_addr_json(const struct cdx_addr *a)
{
	char text[CDX_ADDR_TEXT_MAX];

	cdx_addr_text(text, a);
	return json_string(text);
}

json_t *cdx_api_u256_json(const struct cdx_u256 *v)
{
	char text[CDX_U256_TEXT_MAX];

	cdx_u256_dec(text, v);
	return json_string(text);
}

json_t *cdx_api_id_json(const uint8_t id[32])
{
	char hex[2 + 2 * 32 + 1] = "0x";

	cdx_hex(hex + 2, id, 32);
	return json_string(hex);
}

/* What a stranger wrote into a contract may be more than a number of JSON's */
static json_t *u64_json(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

json_t *cdx_api_offer_json(const struct cdx_offer *o)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:I}", "id",
			 cdx_api_id_json(o->id), "totalSize",
			 u64_json(o->total), "freeSize", u64_json(o->free),
			 "duration", u64_json(o->duration),
			 "minPricePerBytePerSecond",
			 cdx_api_u256_json(&o->min_price), "totalCollateral",
			 cdx_api_u256_json(&o->collateral),
			 "totalRemainingCollateral",
			 cdx_api_u256_json(&o->remaining), "enabled",
			 o->enabled, "until", (json_int_t)o->until);
}

json_t *cdx_api_reservation_json(const struct cdx_reservation *r)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "id",
			 cdx_api_id_json(r->id), "availabilityId",
			 cdx_api_id_json(r->offer), "size", u64_json(r->size),
			 "requestId", cdx_api_id_json(r->request), "slotIndex",
			 u64_json(r->index), "validUntil",
			 (json_int_t)r->valid_until);
}

/* A contract takes any bytes for a CID */
static json_t *content_json(const struct cdx_storage_request *r)
{
	char text[CDX_CID_TEXT_MAX];
	struct cdx_cid cid;

	if (cdx_cid_decode(&cid, r->cid, r->cid_len) < 0)
		return json_pack("{s:n}", "cid");
	cdx_cid_text(text, &cid);
	return json_pack("{s:s}", "cid", text);
}

static json_t *ask_json(const struct cdx_ask *a)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "proofProbability",
			 cdx_api_u256_json(&a->proof_probability),
			 "pricePerBytePerSecond", cdx_api_u256_json(&a->price),
			 "collateralPerByte", cdx_api_u256_json(&a->collateral),
			 "slots", u64_json(a->slots), "slotSize",
			 u64_json(a->slot_size), "duration",
			 u64_json(a->duration), "maxSlotLoss",
			 u64_json(a->max_slot_loss));
}

json_t *cdx_api_request_json(const struct cdx_b32 *id,
			     const struct cdx_storage_request *r)
{
	if (r->ask.slots == 0)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "id",
			 cdx_api_id_json(id->b), "client",
			 cdx_api_addr_json(&r->client), "ask",
			 ask_json(&r->ask), "content", content_json(r),
			 "expiry", u64_json(r->expiry), "nonce",
			 cdx_api_id_json(r->nonce.b));
}
