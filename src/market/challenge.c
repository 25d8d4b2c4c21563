/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/challenge.h"

#include <errno.h>

#include "crypto/hash.h"

/* All of it is of the contract's numbers modulo 256, which is what uint8_t
 * keeps. */
uint8_t cdx_challenge_pointer(const struct cdx_b32 *slot, uint64_t block,
			      uint64_t period, uint8_t product)
{
	uint8_t moved = (uint8_t)((unsigned)(uint8_t)period * product);

	return (uint8_t)((unsigned)(uint8_t)block + moved +
			 slot->b[sizeof(slot->b) - 1]);
}

uint64_t cdx_challenge_probability(const struct cdx_u256 *probability,
				   uint8_t downtime)
{
	struct cdx_u256 scaled;
	uint64_t v;

	if (cdx_u256_scale(&scaled, probability, 256u - downtime, 256) != 0 ||
	    cdx_u256_to_u64(&v, &scaled) != 0)
		return UINT64_MAX;
	return v;
}

int cdx_challenge_of(struct cdx_challenge *out, const struct cdx_head *head,
		     const struct cdx_market_config *config,
		     const struct cdx_b32 *slot, uint64_t period,
		     uint64_t probability)
{
	uint64_t newest = cdx_head_latest(head)->number;
	const struct cdx_block *block;
	struct cdx_u256 number;
	uint64_t rest = 0;
	uint8_t pointer = cdx_challenge_pointer(slot, newest + 1, period,
						config->downtime_product);

	/* the contract looks at its own block - 1 - pointer */
	block = newest >= pointer ? cdx_head_block(head, newest - pointer)
				  : NULL;
	if (!block)
		return -ENODATA;
	out->pointer = pointer;
	cdx_keccak256(out->challenge.b, block->hash.b, sizeof(block->hash.b));
	if (probability != 0) {
		number = cdx_u256_from_be(out->challenge.b);
		(void)cdx_u256_div_u64(&number, probability, &rest);
	}
	out->rolled = rest == 0;
	out->downtime = pointer < config->downtime;
	return 0;
}
