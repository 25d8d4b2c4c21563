/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_SALE_NOTE_H
#define CDX_MARKET_SALE_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "codec/cid.h"
#include "eth/market.h"

/* What is kept with a reservation: how far the sale has come, where the chain does
 * not say it.  docs/FORMATS.md "Notes of sales".  Pure. */

/* Numbers are stored on disk */
enum cdx_sale_step {
	CDX_SALE_STEP_PROMISED = 1, /* bytes and collateral of an offer */
	CDX_SALE_STEP_RESERVED = 2, /* reserveSlot is in a block */
	CDX_SALE_STEP_FILLED = 3,   /* fillSlot is */
	CDX_SALE_STEP_PAYING = 4,   /* freeSlot may be: @payout is fixed */
};

struct cdx_sale_note {
	uint64_t chain_id;
	struct cdx_addr contract;
	enum cdx_sale_step step;
	bool repair;   /* the slot was free for repair when it was promised */
	bool obtained; /* its bytes are all here */
	struct cdx_cid manifest;
	int64_t filled_at; /* the chain's time; 0: not known */
	int64_t end;	   /* of the request */
	uint64_t proven;   /* last period; 0: none */
	struct cdx_u256 payout;
	struct cdx_storage_request what;
};
/* Appended to @out: -EINVAL a CID that is too long; -ENOMEM. */
CDX_MUST_CHECK int cdx_sale_note_encode(struct cdx_buf *out,
					const struct cdx_sale_note *n);
/* CDX_E_CORRUPT; CDX_E_VERSION; -ENOMEM */
CDX_MUST_CHECK int cdx_sale_note_decode(struct cdx_sale_note *out,
					const void *p, size_t len);

#endif
