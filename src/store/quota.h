/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_QUOTA_H
#define CDX_STORE_QUOTA_H

#include <stdint.h>

#include "base/attr.h"
#include "store/kv.h"
#include "store/store.h"

/* Space of one share.  free = limit - used - reserved (durable) - held, and
 * never more than the disk has left for us. */
struct cdx_space {
	uint64_t limit;
	uint64_t used;	   /* charged by applied batches */
	uint64_t reserved; /* durable reservations */
	uint64_t held;	   /* in memory: promises not charged yet */
	uint64_t free;
	uint64_t disk_free; /* statvfs of the store, cached for a second */
};
void cdx_quota_space(struct cdx_store *s, enum cdx_share share,
		     struct cdx_space *out);

/**
 * cdx_quota_hold - promise bytes to somebody, in memory
 *
 * @keep: bytes of the share that this call must leave free (the reserve)
 *
 * Errors: CDX_E_QUOTA the share is full; -ENOSPC the disk is.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_quota_hold(struct cdx_store *s, enum cdx_share share,
				  uint64_t bytes, uint64_t keep);
/* Gives a promise back (also when the batch that charged it is applied). */
void cdx_quota_release(struct cdx_store *s, enum cdx_share share,
		       uint64_t bytes);
/* Charges (or, negative, frees) bytes in a batch. */
void cdx_quota_charge(struct cdx_batch *b, enum cdx_share share, int64_t bytes);
/* Durable reservations (sales): same checks, made by the batch.  The check sees
 * applied batches only: reserve, and apply, one at a time. */
CDX_MUST_CHECK int cdx_quota_reserve(struct cdx_store *s, struct cdx_batch *b,
				     enum cdx_share share, uint64_t bytes);
void cdx_quota_unreserve(struct cdx_batch *b, enum cdx_share share,
			 uint64_t bytes);

#endif
