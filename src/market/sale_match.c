/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "market/sale_match.h"

/* The offer's collateral is spread over its bytes: a slot takes no more than its
 * share, so that the bytes can all be sold */
static bool collateral_fits(const struct cdx_offer *o,
			    const struct cdx_sale_want *w)
{
	struct cdx_u256 most;

	if (cdx_u256_cmp(&w->collateral, &o->remaining) > 0)
		return false;
	if (w->here || o->free == 0)
		return true;
	most = cdx_u256_div_u64(&o->remaining, o->free, NULL);
	if (cdx_u256_mul_u64(&most, &most, w->slot_size) < 0)
		return true;
	return cdx_u256_cmp(&w->collateral, &most) <= 0;
}

bool cdx_sale_match(const struct cdx_offer *o, const struct cdx_sale_want *w)
{
	return o->enabled && (w->here || w->slot_size <= o->free) &&
	       w->duration <= o->duration &&
	       cdx_u256_cmp(&w->price, &o->min_price) >= 0 &&
	       (o->until == 0 || o->until >= w->end) && collateral_fits(o, w);
}
