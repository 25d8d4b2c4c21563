/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_SALE_QUEUE_H
#define CDX_MARKET_SALE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/market.h"

/*
 * Slots that others want stored, the best first (spec/marketplace.md 4.2): unseen
 * before seen, higher profit, lower collateral, later expiry, and else as they came.
 * Bounded: when it is full the worst one goes.  Whoever owns it locks.
 */
struct cdx_sale_queue;

/* Slots of one request that are taken up, at random: more would let one request push
 * all others out. */
#define CDX_SALE_QUEUE_SLOTS 32u
/* Requests with more slots than this are passed over, as Codex does */
#define CDX_SALE_SLOTS_MAX 65535u

struct cdx_sale_item {
	struct cdx_b32 request;
	uint64_t index;
	uint64_t max_loss;	    /* slots that the request may lose */
	struct cdx_u256 profit;	    /* what all of it pays */
	struct cdx_u256 collateral; /* that filling it takes */
	int64_t expiry;	 /* seconds since 1970, of the request; 0: not known */
	bool seen;	 /* was looked at, and no offer fits */
	uint64_t serial; /* set by push */
};

/**
 * cdx_sale_item_of - a slot as the queue wants it
 *
 * @discount: percent of the collateral that filling it takes less (a slot that is to
 *            be repaired); 0: none
 * @expiry:   absolute
 *
 * Amounts that do not fit count as the largest.  Pure.
 */
void cdx_sale_item_of(struct cdx_sale_item *out, const struct cdx_b32 *request,
		      uint64_t index, const struct cdx_ask *ask, int64_t expiry,
		      unsigned discount);
/* Negative: @a is served first; 0: neither.  Pure. */
int cdx_sale_item_cmp(const struct cdx_sale_item *a,
		      const struct cdx_sale_item *b);

/* @capacity: from 1.  Returns new; -ENOMEM. */
CDX_MUST_CHECK int cdx_sale_queue_new(struct cdx_sale_queue **out,
				      unsigned capacity);
/* NULL is allowed. */
void cdx_sale_queue_free(struct cdx_sale_queue *q);
/* Copied.  -EEXIST it is there already; -ENOSPC it is full of better ones. */
CDX_MUST_CHECK int cdx_sale_queue_push(struct cdx_sale_queue *q,
				       const struct cdx_sale_item *item);
/**
 * cdx_sale_queue_push_all - slots of a new request, in random order
 *
 * At most CDX_SALE_QUEUE_SLOTS of them.  Returns how many went in.
 */
unsigned cdx_sale_queue_push_all(struct cdx_sale_queue *q,
				 const struct cdx_b32 *request,
				 const struct cdx_ask *ask, int64_t expiry);
/* Takes the best one out that was not seen; false: there is none, and so nothing to
 * do until something is pushed or unseen. */
bool cdx_sale_queue_take(struct cdx_sale_queue *q, struct cdx_sale_item *out);
void cdx_sale_queue_remove(struct cdx_sale_queue *q,
			   const struct cdx_b32 *request, uint64_t index);
void cdx_sale_queue_remove_all(struct cdx_sale_queue *q,
			       const struct cdx_b32 *request);
/* All are looked at again; @request: those of one */
void cdx_sale_queue_unsee(struct cdx_sale_queue *q,
			  const struct cdx_b32 *request);
unsigned cdx_sale_queue_len(const struct cdx_sale_queue *q);

#endif
