/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_PURCHASE_RECORD_H
#define CDX_MARKET_PURCHASE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "eth/market.h"
#include "market/env.h"
#include "market/purchasing.h"

/* What is kept of a purchase (docs/FORMATS.md "Purchases").  Pure, safe on any
 * thread. */
struct cdx_purchase_rec {
	enum cdx_purchase_state state;
	/* its money came back, or nothing is left to come */
	bool settled;
	bool renewed; /* another one follows it */
	bool posted;  /* it was seen on the chain */
	bool safe;    /* it was safe once */
	uint64_t chain_id;
	struct cdx_addr contract;
	uint64_t area; /* of the segment; 0: it was asked for */
	uint32_t generation;
	uint32_t attempts; /* that ended before it was on the chain */
	int64_t created;   /* wall seconds */
	int64_t ended;	   /* wall seconds; 0: it has not */
	int64_t retry_at; /* wall seconds: errored, to be tried again; 0: never */
	int64_t expires; /* the chain's time; 0: not known */
	int64_t end;	 /* likewise */
	uint64_t barrier; /* newest area when the segment was gone; 0: it is not */
	uint64_t started_block; /* where it was seen started; 0: nowhere */
	uint64_t settled_block; /* of the withdrawal; 0: there was none */
	struct cdx_u256 returned;
	struct cdx_storage_request what;
	char error[CDX_MARKET_WHY_MAX]; /* "" for none */
};

/* Appended to @out.  -EINVAL a content CID that is too long; -ENOMEM. */
CDX_MUST_CHECK int cdx_purchase_rec_encode(struct cdx_buf *out,
					   const struct cdx_purchase_rec *rec);
/* CDX_E_CORRUPT; CDX_E_VERSION a newer codexfs wrote it */
CDX_MUST_CHECK int cdx_purchase_rec_decode(struct cdx_purchase_rec *out,
					   const void *p, size_t len);

/* Key of a record: CDX_PURCHASE_PREFIX and the request's id in hex */
#define CDX_PURCHASE_PREFIX "eth/market/buy/"
#define CDX_PURCHASE_KEY_MAX (sizeof(CDX_PURCHASE_PREFIX) + 64u)
void cdx_purchase_key(char out[CDX_PURCHASE_KEY_MAX], const struct cdx_b32 *id);

#endif
