/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_SALE_MATCH_H
#define CDX_MARKET_SALE_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "store/offer.h"

/* What a slot wants of an offer */
struct cdx_sale_want {
	uint64_t slot_size;
	uint64_t duration;	    /* of the request, seconds */
	struct cdx_u256 price;	    /* a byte and second */
	struct cdx_u256 collateral; /* in all, less a discount for repair */
	int64_t end;		    /* of the request, seconds since 1970 */
	bool here; /* its bytes are here for another sale: none are taken */
};
/**
 * cdx_sale_match - does an offer take it?
 *
 * The rule of spec/marketplace.md 4.1; of a discounted collateral, what is paid
 * counts.  Pure.
 */
bool cdx_sale_match(const struct cdx_offer *o, const struct cdx_sale_want *w);

#endif
