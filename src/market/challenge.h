/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_CHALLENGE_H
#define CDX_MARKET_CHALLENGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/head.h"
#include "eth/market.h"

/*
 * Which period wants a proof of a slot, and what it asks for: the contract's dice
 * (spec/marketplace.md 1.7), from the headers that we have, so that a thousand slots
 * cost no question.
 */

/* (block + period * product + slot) mod 256.  Pure. */
uint8_t cdx_challenge_pointer(const struct cdx_b32 *slot, uint64_t block,
			      uint64_t period, uint8_t product);
/* floor(probability * (256 - downtime) / 256); saturates at 2^64 - 1.  Pure. */
uint64_t cdx_challenge_probability(const struct cdx_u256 *probability,
				   uint8_t downtime);

/* What the dice say of a filled slot */
struct cdx_challenge {
	uint8_t pointer;
	bool rolled;   /* a proof is wanted in this period ... */
	bool downtime; /* ... but for now it is in the downtime */
	struct cdx_b32 challenge;
};
/**
 * cdx_challenge_of - as the block behind the head will see it
 *
 * @probability: of cdx_challenge_probability
 *
 * The block that a pointer means stays the same while the pointer moves, until it
 * wraps: for a past period this is what decides whether it can be marked missing.
 * -ENODATA: the header is not kept (a young process, which has asked for it with
 * cdx_head_deepen a moment ago; a chain younger than 256 blocks).  @head must have
 * a newest block.  Pure: it asks nobody.
 */
CDX_MUST_CHECK int cdx_challenge_of(struct cdx_challenge *out,
				    const struct cdx_head *head,
				    const struct cdx_market_config *config,
				    const struct cdx_b32 *slot, uint64_t period,
				    uint64_t probability);

#endif
