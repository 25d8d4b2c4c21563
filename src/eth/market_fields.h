/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_MARKET_FIELDS_H
#define CDX_ETH_MARKET_FIELDS_H

#include "codec/abi.h"
#include "eth/market.h"

/* Parts that several encodings of the marketplace share.  Pure, safe on any
 * thread. */

/* An ask in signatures */
#define CDX_ASK_TYPE "(uint256,uint256,uint256,uint64,uint64,uint64,uint64)"
/* Words that an ask takes: it is static, so it stands in the head of what holds
 * it */
#define CDX_ASK_WORDS 7u

/* The words of an ask; a reader that fails leaves zeros */
void cdx_ask_get(struct cdx_ask *out, struct cdx_abi_in *r);

#endif
