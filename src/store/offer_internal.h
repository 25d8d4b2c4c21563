/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_OFFER_INTERNAL_H
#define CDX_STORE_OFFER_INTERNAL_H

#include "base/attr.h"
#include "store/offer.h"

/* Inside the store only: offer*.c, reservation.c, fsck_offer.c. */

/* Keys in CDX_DB_META: these and 64 hex digits of the id, or of the slot's id */
#define CDX_OFFER_PREFIX "offer/"
#define CDX_RESERVATION_PREFIX "reservation/"
#define CDX_OFFER_KEY_MAX 80u
/* Longest record of the two */
#define CDX_OFFER_VAL_MAX (256u + CDX_SALE_NOTE_MAX)

/* Put or delete a row; apply tells when memory was short. */
void cdx_offer_put(struct cdx_batch *b, const struct cdx_offer *o);
/* As cdx_offer_put */
void cdx_reservation_put(struct cdx_batch *b, const struct cdx_reservation *r);
/* As cdx_offer_put; its offers are the caller's. */
void cdx_reservation_del(struct cdx_batch *b, const uint8_t slot[32]);

/* What reservations have of an offer */
struct cdx_offer_use {
	uint64_t bytes;
	struct cdx_u256 collateral;
	int64_t until; /* the latest end, of either; 0: there are none */
};
/* @except: slot whose reservation is left out; NULL: none.  Caller holds the block
 * lock.  CDX_E_CORRUPT sums that no offer has. */
CDX_MUST_CHECK int cdx_offer_use(struct cdx_store *s,
				 const uint8_t id[CDX_OFFER_ID_LEN],
				 const uint8_t *except,
				 struct cdx_offer_use *out);
/* total less what is used, not below 0 */
struct cdx_u256 cdx_offer_remaining(const struct cdx_u256 *total,
				    const struct cdx_u256 *used);

/* Rows of the table meta whose keys begin with a prefix, copied out a page at a
 * time: no reader is open while @fn runs, which returns negative to stop. */
typedef int cdx_offer_row_fn(void *arg, const uint8_t *val, size_t len);
CDX_MUST_CHECK int cdx_offer_rows(struct cdx_store *s, const char *prefix,
				  cdx_offer_row_fn *fn, void *arg);
/* One row, into a new buffer.  -ENOENT */
CDX_MUST_CHECK int cdx_offer_row(struct cdx_store *s, const char *prefix,
				 const uint8_t id[32], struct cdx_buf *out);

#endif
