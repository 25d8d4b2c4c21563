/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_API_REST_BODY_H
#define CDX_API_REST_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "market/purchasing.h"
#include "store/offer.h"

/*
 * The JSON bodies of the market's calls, taken apart.  Only what they hold counts:
 * clients of Codex send them as plain text.  Amounts of tokens are texts of decimal
 * digits; sizes, times and counts are whole numbers or such texts; null is as if it
 * was not there; unknown members are passed over.  What is malformed, of another
 * type, or there twice is -EINVAL with the reason in words.  Values are not judged
 * here.  Pure, safe on any thread; bodies may hold any bytes.
 */

/* Longest body that is read */
#define CDX_REST_BODY_MAX 65536u
#define CDX_REST_BODY_WHY_MAX 256u

struct cdx_rest_offer {
	/* total, duration, min_price, collateral, enabled, until; what was not
	 * said is 0, and enabled */
	struct cdx_offer o;
	unsigned has;  /* enum cdx_offer_set bits: members that were there */
	bool has_free; /* freeSize was there, which nobody may set */
};
/* @all: totalSize, duration, minPricePerBytePerSecond and totalCollateral must be
 * there */
CDX_MUST_CHECK int cdx_rest_offer_parse(struct cdx_rest_offer *out,
					const void *body, size_t len, bool all,
					char why[CDX_REST_BODY_WHY_MAX]);

struct cdx_rest_request {
	struct cdx_purchase_terms terms;
	uint64_t nodes;	    /* slots in all; 3 when it was not there */
	uint64_t tolerance; /* of them parity; 1 when it was not there */
	bool has_code;	    /* one of the two was there */
};
/* Of POST /storage/request: all but nodes and tolerance must be there */
CDX_MUST_CHECK int cdx_rest_request_parse(struct cdx_rest_request *out,
					  const void *body, size_t len,
					  char why[CDX_REST_BODY_WHY_MAX]);

/* An id: 64 hex digits, with 0x before them or without; -EINVAL */
CDX_MUST_CHECK int cdx_rest_id_parse(uint8_t out[32], const char *text);

#endif
