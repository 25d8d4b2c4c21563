/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/market.h"

#include <string.h>

#include "crypto/hash.h"
#include "eth/revert.h"

/* ---- ids ---- */

int cdx_request_id(struct cdx_b32 *out, const struct cdx_storage_request *r)
{
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf b = {.p = NULL};
	int err = cdx_storage_request_encode(&b, r);

	if (err < 0)
		return err;
	cdx_keccak256(out->b, b.p, b.len);
	return 0;
}

/* Two words: the contract hashes the ABI encoding of (bytes32, uint64) */
void cdx_slot_id(struct cdx_b32 *out, const struct cdx_b32 *request,
		 uint64_t index)
{
	uint8_t words[64] = {0};

	memcpy(words, request->b, 32);
	cdx_put_be64(words + 56, index);
	cdx_keccak256(out->b, words, sizeof(words));
}

/* ---- amounts ---- */

int cdx_ask_slot_price(struct cdx_u256 *out, const struct cdx_ask *a)
{
	return cdx_u256_mul_u64(out, &a->price, a->slot_size);
}

int cdx_ask_slot_collateral(struct cdx_u256 *out, const struct cdx_ask *a)
{
	return cdx_u256_mul_u64(out, &a->collateral, a->slot_size);
}

int cdx_ask_max_price(struct cdx_u256 *out, const struct cdx_ask *a)
{
	struct cdx_u256 price;
	int err = cdx_ask_slot_price(&price, a);

	if (err < 0)
		return err;
	err = cdx_u256_mul_u64(&price, &price, a->slots);
	if (err < 0)
		return err;
	return cdx_u256_mul_u64(out, &price, a->duration);
}

/* ---- what the contract would say ---- */

/* Slots that our contract counts in a request */
#define SLOTS_MAX 0xffffffu

static int check_ask(const struct cdx_ask *a)
{
	if (a->slots == 0)
		return CDX_REVERT_INSUFFICIENT_SLOTS;
	if (a->max_slot_loss > a->slots)
		return CDX_REVERT_INVALID_MAX_SLOT_LOSS;
	if (cdx_u256_is_zero(&a->proof_probability))
		return CDX_REVERT_INSUFFICIENT_PROOF_PROBABILITY;
	if (cdx_u256_is_zero(&a->collateral))
		return CDX_REVERT_INSUFFICIENT_COLLATERAL;
	if (cdx_u256_is_zero(&a->price))
		return CDX_REVERT_INSUFFICIENT_REWARD;
	return 0;
}

/* What only our contract refuses comes last: Codex's takes it, or panics */
static int check_amounts(const struct cdx_ask *a)
{
	struct cdx_u256 sum;

	if (a->slot_size == 0)
		return CDX_REVERT_INSUFFICIENT_SLOT_SIZE;
	if (a->slots > SLOTS_MAX)
		return CDX_REVERT_TOO_MANY_SLOTS;
	if (cdx_ask_slot_collateral(&sum, a) < 0 ||
	    cdx_u256_mul_u64(&sum, &sum, a->slots) < 0)
		return CDX_REVERT_COLLATERAL_TOO_HIGH;
	if (cdx_ask_max_price(&sum, a) < 0)
		return CDX_REVERT_PRICE_TOO_HIGH;
	return 0;
}

/* The order of spec/marketplace.md 1.6.  A duration of zero never gets its own
 * refusal: no expiry is below it. */
int cdx_storage_request_check(const struct cdx_storage_request *r,
			      const struct cdx_addr *sender, uint64_t limit)
{
	int code;

	if (memcmp(r->client.b, sender->b, sizeof(sender->b)) != 0)
		return CDX_REVERT_INVALID_CLIENT_ADDRESS;
	if (r->expiry == 0 || r->expiry >= r->ask.duration)
		return CDX_REVERT_INVALID_EXPIRY;
	code = check_ask(&r->ask);
	if (code != 0)
		return code;
	if (r->cid_len == 0)
		return CDX_REVERT_INVALID_CID;
	if (r->ask.duration > limit)
		return CDX_REVERT_DURATION_EXCEEDS_LIMIT;
	return check_amounts(&r->ask);
}
