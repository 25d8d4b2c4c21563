/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_OFFER_H
#define CDX_STORE_OFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "codec/u256.h"
#include "store/kv.h"
#include "store/store.h"

/*
 * What is offered of the provider's share, and what is promised of it: availabilities
 * and reservations, rows of the table meta.  At all times
 *
 *   reserved bytes of the share = sum of free (offers) + sum of size (reservations)
 *
 * since each change of a row and of the counter is one batch.  Collateral likewise:
 * remaining of an offer + collateral of its reservations = its total, unless the
 * total was lowered below what is in use (then remaining is 0).
 *
 * One change at a time, under the block lock; thread: safe; calls may block on the
 * store.  Not from a rider, which has that lock.  Durable with the
 * next flush of the log, which is the caller's.
 */

#define CDX_OFFER_ID_LEN 32u

struct cdx_offer {
	uint8_t id[CDX_OFFER_ID_LEN];
	uint64_t total; /* bytes; free, and what reservations hold, add up to it */
	uint64_t free;
	uint64_t duration;	    /* longest request that is taken, seconds */
	struct cdx_u256 min_price;  /* a byte and second */
	struct cdx_u256 collateral; /* in all */
	struct cdx_u256 remaining;
	bool enabled;
	int64_t until; /* no request that ends later, seconds since 1970; 0: any */
	int64_t created; /* wall seconds */
};

/* Largest value of what the market keeps with a reservation */
#define CDX_SALE_NOTE_MAX 4096u

/* One for each slot that is being sold: key is the slot's id */
struct cdx_reservation {
	uint8_t slot[32];
	uint8_t id[CDX_OFFER_ID_LEN]; /* random: its name in the REST API */
	uint8_t offer[CDX_OFFER_ID_LEN];
	uint8_t request[32];
	uint64_t index;
	uint64_t size;	/* bytes that are still reserved: not charged yet */
	uint64_t bytes; /* that go back to the offer at its end; 0: the slot was
			 * here for another sale, which has them */
	uint8_t bytes_of[CDX_OFFER_ID_LEN]; /* the offer they go back to: another
					     * one where they were inherited;
					     * filled in */
	struct cdx_u256 collateral;
	int64_t valid_until; /* seconds since 1970 */
	/* what else the market wants to know after a restart (docs/FORMATS.md) */
	uint8_t note[CDX_SALE_NOTE_MAX];
	uint16_t note_len;
};

/* ---- offers ---- */

/**
 * cdx_offer_add - make one
 *
 * @o: total, duration, min_price, collateral, enabled, until are set; id too, or
 *     zero: then it is drawn; the rest is filled in
 *
 * CDX_E_QUOTA the share has not so much left; -ENOSPC; -EEXIST; -EINVAL zeros,
 * until below 0.
 */
CDX_MUST_CHECK int cdx_offer_add(struct cdx_store *s, struct cdx_offer *o);
/* -ENOENT; CDX_E_CORRUPT */
CDX_MUST_CHECK int cdx_offer_get(struct cdx_store *s,
				 const uint8_t id[CDX_OFFER_ID_LEN],
				 struct cdx_offer *out);
typedef int cdx_offer_fn(void *arg, const struct cdx_offer *o);
/* In the order of their ids; negative stops.  No lock or reader is held. */
CDX_MUST_CHECK int cdx_offer_list(struct cdx_store *s, cdx_offer_fn *fn,
				  void *arg);

enum cdx_offer_set {
	CDX_OFFER_TOTAL = 1,
	CDX_OFFER_DURATION = 2,
	CDX_OFFER_PRICE = 4,
	CDX_OFFER_COLLATERAL =
		8, /* the total; remaining follows by difference */
	CDX_OFFER_ENABLED = 16,
	CDX_OFFER_UNTIL = 32,
};
/**
 * cdx_offer_change - the members that @which names
 *
 * @now: returns all of it; may be NULL
 *
 * -ENOENT; -EINVAL zeros, until below 0; -ERANGE total below what is in use, or
 * until below the end of a reservation; CDX_E_QUOTA the increase is more than the
 * share has left.  Only the increase is asked for.
 */
CDX_MUST_CHECK int cdx_offer_change(struct cdx_store *s,
				    const struct cdx_offer *o, unsigned which,
				    struct cdx_offer *now);

/* ---- reservations ---- */

/**
 * cdx_reservation_add - bytes and collateral of an offer for one slot
 *
 * @r: slot, offer, request, index, bytes, collateral, valid_until, note; id is
 *     drawn, size = bytes
 *
 * -ENOENT no such offer; -ERANGE it has not so much left; -EEXIST the slot has
 * one.
 */
CDX_MUST_CHECK int cdx_reservation_add(struct cdx_store *s,
				       struct cdx_reservation *r);
/* Its note and valid_until, as @r has them.  -ENOENT */
CDX_MUST_CHECK int cdx_reservation_note(struct cdx_store *s,
					const struct cdx_reservation *r);
CDX_MUST_CHECK int cdx_reservation_get(struct cdx_store *s,
				       const uint8_t slot[32],
				       struct cdx_reservation *out);
typedef int cdx_reservation_fn(void *arg, const struct cdx_reservation *r);
/* In the order of their slots; negative stops */
CDX_MUST_CHECK int cdx_reservation_list(struct cdx_store *s,
					cdx_reservation_fn *fn, void *arg);

/* The bytes of a slot are charged now instead of reserved: puts that into the batch
 * that charges them (a rider of store/held.h; @arg is a struct cdx_rider_reservation,
 * whose slot names it).  A second one is harmless; -ENOENT no such reservation. */
struct cdx_rider_reservation {
	struct cdx_store *s;
	uint8_t slot[32];
	bool has_heir;
	uint8_t heir[32]; /* ended: another reservation of the same bytes */
	int rc; /* returns what went wrong: the batch is not applied */
};
int cdx_reservation_filled(void *arg, struct cdx_batch *b);
/* It is over: its bytes and collateral go back to the offer (reserved again), or the
 * bytes to the heir, which was made with none.  Puts that into the batch that
 * uncharges them.  One that is not there any more is no error.  -ENOENT no such heir;
 * -EINVAL it has bytes. */
int cdx_reservation_ended(void *arg, struct cdx_batch *b);
/* The same as a batch of its own, where nothing was charged or an heir goes on with
 * what was.  -ENOENT no such reservation, or no such heir */
CDX_MUST_CHECK int cdx_reservation_end(struct cdx_store *s,
				       struct cdx_rider_reservation *r);

/* Records, for the store's check and fuzzers: decoders take untrusted bytes.
 * CDX_E_CORRUPT, CDX_E_VERSION.  Appended to @out. */
void cdx_offer_encode(struct cdx_buf *out, const struct cdx_offer *o);
CDX_MUST_CHECK int cdx_offer_decode(struct cdx_offer *out, const void *p,
				    size_t len);
void cdx_reservation_encode(struct cdx_buf *out,
			    const struct cdx_reservation *r);
CDX_MUST_CHECK int cdx_reservation_decode(struct cdx_reservation *out,
					  const void *p, size_t len);

#endif
