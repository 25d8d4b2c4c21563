/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <errno.h>

/* Sums and products of fees that do not fit are more than anybody has: the
 * largest number stands for them. */
static struct cdx_u256 plus(const struct cdx_u256 *a, const struct cdx_u256 *b)
{
	struct cdx_u256 out;

	return cdx_u256_add(&out, a, b) < 0 ? cdx_u256_max : out;
}

static const struct cdx_u256 *larger(const struct cdx_u256 *a,
				     const struct cdx_u256 *b)
{
	return cdx_u256_cmp(a, b) >= 0 ? a : b;
}

static const struct cdx_u256 *smaller(const struct cdx_u256 *a,
				      const struct cdx_u256 *b)
{
	return cdx_u256_cmp(a, b) <= 0 ? a : b;
}

/* At least an eighth more, and one at least: nodes want a tenth more of cap and
 * tip alike, and more than nothing. */
static struct cdx_u256 bump(const struct cdx_u256 *a)
{
	struct cdx_u256 eighth = cdx_u256_div_u64(a, 8, NULL);
	struct cdx_u256 one = cdx_u256_of(1);

	eighth = plus(&eighth, &one);
	return plus(a, &eighth);
}

/* Twice the base fee: it grows by an eighth a block at most (EIP-1559), so this
 * is enough for five full blocks in a row. */
static struct cdx_u256 comfortable(const struct cdx_u256 *base,
				   const struct cdx_u256 *tip)
{
	struct cdx_u256 twice = plus(base, base);

	return plus(&twice, tip);
}

int cdx_fees_first(struct cdx_fees *out, const struct cdx_prices *now,
		   const struct cdx_u256 *limit)
{
	struct cdx_u256 cap;

	if (now->legacy) {
		if (cdx_u256_cmp(&now->suggested, limit) > 0)
			return -ENOBUFS;
		*out = (struct cdx_fees){.legacy = true, .cap = now->suggested};
		return 0;
	}
	if (cdx_u256_cmp(&now->base, limit) > 0)
		return -ENOBUFS;
	cap = comfortable(&now->base, &now->tip);
	out->legacy = false;
	out->cap = *smaller(&cap, limit);
	out->tip = *smaller(&now->tip, &out->cap);
	return 0;
}

int cdx_fees_raise(struct cdx_fees *out, const struct cdx_fees *old,
		   const struct cdx_prices *now, const struct cdx_u256 *limit)
{
	struct cdx_u256 least = bump(&old->cap);
	struct cdx_u256 tip = {{0}};
	struct cdx_u256 cap = now->suggested;

	if (cdx_u256_cmp(&least, limit) > 0)
		return -ENOBUFS;
	if (!old->legacy) {
		tip = bump(&old->tip);
		tip = *larger(&tip, &now->suggested);
		cap = comfortable(&now->base, &tip);
	}
	cap = *smaller(&cap, limit);
	out->legacy = old->legacy;
	out->cap = *larger(&cap, &least);
	out->tip = *smaller(&tip, &out->cap);
	return 0;
}

bool cdx_fees_enough(const struct cdx_fees *fees, const struct cdx_prices *now)
{
	const struct cdx_u256 *want =
		now->legacy ? &now->suggested : &now->base;

	return cdx_u256_cmp(&fees->cap, want) >= 0;
}

void cdx_fees_limit(struct cdx_u256 *out, const struct cdx_u256 *max_fee,
		    const struct cdx_u256 *stake, uint64_t gas)
{
	if (cdx_u256_is_zero(stake) || gas == 0)
		*out = *max_fee;
	else
		*out = cdx_u256_div_u64(stake, gas, NULL);
}
