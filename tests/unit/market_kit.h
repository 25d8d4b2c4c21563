/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_MARKET_KIT_H
#define CDX_TESTS_UNIT_MARKET_KIT_H

/* Requests and other values of the marketplace for tests.  Include after
 * cmocka.h. */

#include <string.h>

#include "eth/market.h"
#include "eth/revert.h"
#include "tests/unit/seed.h"

/* spec/marketplace.md 1.1, the checked vector */
static inline struct cdx_storage_request mk_vector(void)
{
	static const char cid[] =
		"zb2rhheVmk3bLks5MgzTqyznLu1zqGH5jrfTA1eAZXrjx7Vob";
	struct cdx_storage_request r = {
		.ask = {.proof_probability = cdx_u256_of(4),
			.price = cdx_u256_of(1),
			.collateral = cdx_u256_of(1),
			.slots = 4,
			.slot_size = 1073741824,
			.duration = 36000,
			.max_slot_loss = 2},
		.cid_len = sizeof(cid) - 1,
		.expiry = 3600,
	};

	memset(r.client.b, 0x11, sizeof(r.client.b));
	memset(r.merkle_root.b, 0x22, sizeof(r.merkle_root.b));
	memset(r.nonce.b, 0x33, sizeof(r.nonce.b));
	memcpy(r.cid, cid, r.cid_len);
	return r;
}

/* Numbers of any length */
static inline uint64_t mk_any_u64(struct seed *s)
{
	return seed_u64(s) >> seed_below(s, 64);
}

static inline struct cdx_u256 mk_any_u256(struct seed *s)
{
	struct cdx_u256 v = {{0}};

	for (size_t i = 0; i < 4; i++)
		v.v[i] = mk_any_u64(s);
	return v;
}

static inline struct cdx_ask mk_any_ask(struct seed *s)
{
	return (struct cdx_ask){
		.proof_probability = mk_any_u256(s),
		.price = mk_any_u256(s),
		.collateral = mk_any_u256(s),
		.slots = mk_any_u64(s),
		.slot_size = mk_any_u64(s),
		.duration = mk_any_u64(s),
		.max_slot_loss = mk_any_u64(s),
	};
}

static inline struct cdx_storage_request mk_any_request(struct seed *s)
{
	struct cdx_storage_request r = {.ask = mk_any_ask(s)};

	seed_fill(s, r.client.b, sizeof(r.client.b));
	r.cid_len = seed_below(s, sizeof(r.cid) + 1);
	seed_fill(s, r.cid, r.cid_len);
	seed_fill(s, r.merkle_root.b, sizeof(r.merkle_root.b));
	r.expiry = mk_any_u64(s);
	seed_fill(s, r.nonce.b, sizeof(r.nonce.b));
	return r;
}

static inline struct cdx_market_config mk_any_config(struct seed *s)
{
	struct cdx_market_config c = {
		.repair_reward = (uint8_t)seed_u64(s),
		.max_slashes = (uint8_t)seed_u64(s),
		.slash = (uint8_t)seed_u64(s),
		.validator_reward = (uint8_t)seed_u64(s),
		.period = mk_any_u64(s),
		.timeout = mk_any_u64(s),
		.downtime = (uint8_t)seed_u64(s),
		.downtime_product = (uint8_t)seed_u64(s),
		.max_reservations = (uint8_t)seed_u64(s),
		.duration_limit = mk_any_u64(s),
	};
	size_t len = seed_below(s, sizeof(c.zkey_hash));

	for (size_t i = 0; i < len; i++)
		c.zkey_hash[i] = (char)('!' + seed_below(s, 94));
	return c;
}

static inline void mk_same_u256(const struct cdx_u256 *a,
				const struct cdx_u256 *b)
{
	assert_int_equal(cdx_u256_cmp(a, b), 0);
}

static inline void mk_same_ask(const struct cdx_ask *a, const struct cdx_ask *b)
{
	mk_same_u256(&a->proof_probability, &b->proof_probability);
	mk_same_u256(&a->price, &b->price);
	mk_same_u256(&a->collateral, &b->collateral);
	assert_true(a->slots == b->slots);
	assert_true(a->slot_size == b->slot_size);
	assert_true(a->duration == b->duration);
	assert_true(a->max_slot_loss == b->max_slot_loss);
}

/* Faults of a request; @limit: of its duration */
static inline void mk_bad_client(struct cdx_storage_request *r, uint64_t limit)
{
	(void)limit;
	r->client.b[19] ^= 1;
}

static inline void mk_bad_expiry(struct cdx_storage_request *r, uint64_t limit)
{
	(void)limit;
	r->expiry = r->ask.duration;
}

static inline void mk_no_slots(struct cdx_storage_request *r, uint64_t limit)
{
	(void)limit;
	r->ask.slots = 0;
}

static inline void mk_much_loss(struct cdx_storage_request *r, uint64_t limit)
{
	(void)limit;
	r->ask.max_slot_loss = UINT64_MAX;
}

static inline void mk_no_proofs(struct cdx_storage_request *r, uint64_t limit)
{
	(void)limit;
	r->ask.proof_probability = cdx_u256_of(0);
}

static inline void mk_no_collateral(struct cdx_storage_request *r,
				    uint64_t limit)
{
	(void)limit;
	r->ask.collateral = cdx_u256_of(0);
}

static inline void mk_no_price(struct cdx_storage_request *r, uint64_t limit)
{
	(void)limit;
	r->ask.price = cdx_u256_of(0);
}

static inline void mk_no_cid(struct cdx_storage_request *r, uint64_t limit)
{
	(void)limit;
	r->cid_len = 0;
}

static inline void mk_long_duration(struct cdx_storage_request *r,
				    uint64_t limit)
{
	r->ask.duration = limit + 1;
}

static inline void mk_no_size(struct cdx_storage_request *r, uint64_t limit)
{
	(void)limit;
	r->ask.slot_size = 0;
}

static inline void mk_many_slots(struct cdx_storage_request *r, uint64_t limit)
{
	(void)limit;
	r->ask.slots = 1u << 24;
}

static inline void mk_much_collateral(struct cdx_storage_request *r,
				      uint64_t limit)
{
	(void)limit;
	r->ask.collateral = cdx_u256_max;
}

static inline void mk_high_price(struct cdx_storage_request *r, uint64_t limit)
{
	(void)limit;
	r->ask.price = cdx_u256_max;
}

/* Each refusal of requestStorage that one fault brings about, in the order of
 * the contract's checks */
static const struct {
	void (*spoil)(struct cdx_storage_request *r, uint64_t limit);
	enum cdx_revert_code code;
} mk_refusals[] = {
	{mk_bad_client, CDX_REVERT_INVALID_CLIENT_ADDRESS},
	{mk_bad_expiry, CDX_REVERT_INVALID_EXPIRY},
	{mk_no_slots, CDX_REVERT_INSUFFICIENT_SLOTS},
	{mk_much_loss, CDX_REVERT_INVALID_MAX_SLOT_LOSS},
	{mk_no_proofs, CDX_REVERT_INSUFFICIENT_PROOF_PROBABILITY},
	{mk_no_collateral, CDX_REVERT_INSUFFICIENT_COLLATERAL},
	{mk_no_price, CDX_REVERT_INSUFFICIENT_REWARD},
	{mk_no_cid, CDX_REVERT_INVALID_CID},
	{mk_long_duration, CDX_REVERT_DURATION_EXCEEDS_LIMIT},
	{mk_no_size, CDX_REVERT_INSUFFICIENT_SLOT_SIZE},
	{mk_many_slots, CDX_REVERT_TOO_MANY_SLOTS},
	{mk_much_collateral, CDX_REVERT_COLLATERAL_TOO_HIGH},
	{mk_high_price, CDX_REVERT_PRICE_TOO_HIGH},
};

#endif
