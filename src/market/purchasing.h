/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_PURCHASING_H
#define CDX_MARKET_PURCHASING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/aead.h"
#include "eth/market.h"
#include "eth/sender.h"
#include "market/allowance.h"
#include "market/env.h"
#include "market/events.h"

/*
 * Buying storage: one state machine for each request, from before its broadcast to
 * the withdrawal (docs/MARKET.md "Purchasing").  The loop's, but for what says
 * otherwise.
 */
struct cdx_purchasing;

/* States as Codex names them */
enum cdx_purchase_state {
	CDX_PURCHASE_PENDING,
	CDX_PURCHASE_SUBMITTED,
	CDX_PURCHASE_STARTED,
	CDX_PURCHASE_FINISHED,
	CDX_PURCHASE_CANCELLED,
	CDX_PURCHASE_FAILED,
	CDX_PURCHASE_ERRORED,
	CDX_PURCHASE_UNKNOWN,
	CDX_PURCHASE_STATES,
};
/* "pending", ...; a static string */
const char *cdx_purchase_state_name(enum cdx_purchase_state state);

/* What is offered for storage */
struct cdx_purchase_terms {
	uint64_t duration; /* seconds */
	uint64_t expiry;   /* seconds, below duration */
	struct cdx_u256 proof_probability;
	struct cdx_u256 price;	    /* a byte and second */
	struct cdx_u256 collateral; /* a byte */
};

/* What is bought by itself for a volume */
struct cdx_purchase_policy {
	struct cdx_purchase_terms terms; /* to begin with */
	struct cdx_u256 max_price; /* a byte and second: an expired request is
					  * posted again at a quarter more, up to
					  * this; as terms.price: never more */
	uint64_t min_bytes; /* of data: smaller segments wait until together they
			     * are so many, ... */
	unsigned max_age_s;    /* ... or one is so old */
	uint64_t renew_s;      /* a request is renewed so long before its end */
	unsigned live_percent; /* less live ones are not renewed */
	unsigned margin; /* slots over k that must be filled for a segment to be
			  * safe */
	bool has_budget;
	struct cdx_u256
		budget; /* tokens' units that requests together may cost in
				 * budget_s, less what came back */
	uint64_t budget_s;
};

/* A segment of the volume */
struct cdx_market_segment {
	uint64_t area;	   /* its name in the volume; they only grow */
	bool is_protected; /* else only its area is known */
	struct cdx_cid verifiable;
	uint64_t bytes; /* of data */
	uint64_t live;	/* bytes */
	int64_t sealed; /* wall seconds; 0: not known */
};
typedef int cdx_market_segment_fn(void *arg,
				  const struct cdx_market_segment *s);
/* The volume, as far as the market knows it; called on a thread of purchasing's own,
 * which may wait */
struct cdx_purchase_volume {
	/* All segments in use, those too that are not protected yet: what a
	 * compacted one has left may be there; negative stops */
	int (*list)(void *arg, cdx_market_segment_fn *fn, void *fn_arg);
	/* Highest area in use, the open segment's included */
	uint64_t (*newest)(void *arg);
	/* Empties a segment into others; its request is not renewed then.
	 * -ENODATA: its bytes are not here; then it is renewed */
	int (*compact)(void *arg, uint64_t area);
	/* A segment is to be served and announced from now on: durable when it
	 * returns */
	int (*publish)(void *arg, const struct cdx_cid *verifiable);
	/* States of some segments have changed */
	void (*changed)(void *arg);
	void *arg;
	struct cdx_key location; /* of the volume: nonces (design/privacy) */
};

struct cdx_purchasing_opts {
	struct cdx_sender *sender;	  /* the client's; kept */
	struct cdx_allowance *allowance;  /* of the same account; kept */
	struct cdx_market_events *events; /* kept */
	const struct cdx_purchase_volume
		*volume; /* copied; NULL: by request only */
	struct cdx_purchase_policy policy;
	unsigned poll_s;      /* between looks at the volume; 0: 10 */
	unsigned reconcile_s; /* between comparisons with the chain; 0: 300 */
	unsigned retry_s; /* until one that errored before it was on the chain
			   * is tried again, doubling to a day; 0: 600 */
};
CDX_MUST_CHECK int cdx_purchasing_new(struct cdx_purchasing **out,
				      const struct cdx_market_env *env,
				      const struct cdx_purchasing_opts *opts);
/* Records stay, transactions go on at the next start.  NULL is allowed. */
void cdx_purchasing_free(struct cdx_purchasing *p);

/* ---- any thread but the loop's ---- */

/**
 * cdx_purchasing_request - buy storage for a verifiable dataset of this store
 *
 * @id: returns the request's id
 *
 * Blocks until the Request is written down durably; what follows goes on by itself.
 * -EINVAL terms that the contract would refuse (@why); -ENOENT no such dataset;
 * CDX_E_QUOTA the budget does not allow it.
 */
CDX_MUST_CHECK int
cdx_purchasing_request(struct cdx_purchasing *p, struct cdx_b32 *id,
		       const struct cdx_cid *verifiable,
		       const struct cdx_purchase_terms *terms,
		       char why[CDX_MARKET_WHY_MAX]);
/* Segments are not to wait for size or age: all that are protected now are bought at
 * once.  Does not wait. */
void cdx_purchasing_hurry(struct cdx_purchasing *p);

struct cdx_purchase_info {
	struct cdx_b32 id;
	struct cdx_storage_request what;
	enum cdx_purchase_state state;
	uint64_t area; /* of the segment; 0: it was asked for */
	uint32_t generation;
	int64_t created; /* wall seconds */
	int64_t end;	 /* the chain's time; 0: not known */
	uint32_t filled; /* slots */
	uint32_t hosts;	 /* distinct */
	uint32_t worst;	 /* slots of the host that has most */
	bool proven;	 /* every slot was proven again after its fill */
	bool renewed;	 /* another one follows it */
	char error[CDX_MARKET_WHY_MAX]; /* "" for none */
};
typedef int cdx_purchase_fn(void *arg, const struct cdx_purchase_info *info);
/* Of copies, with no lock held, the oldest first; negative stops */
CDX_MUST_CHECK int cdx_purchasing_list(struct cdx_purchasing *p,
				       cdx_purchase_fn *fn, void *arg);
/* -ENOENT */
CDX_MUST_CHECK int cdx_purchasing_get(struct cdx_purchasing *p,
				      const struct cdx_b32 *id,
				      struct cdx_purchase_info *out);

/* How far a segment is */
enum cdx_segment_stage {
	CDX_SEGMENT_KEPT, /* nothing is bought for it */
	CDX_SEGMENT_REQUESTED,
	CDX_SEGMENT_STORED, /* its request has started */
	CDX_SEGMENT_PROVEN,
};
/* Does not block; thread: any. */
enum cdx_segment_stage cdx_purchasing_stage(struct cdx_purchasing *p,
					    const struct cdx_cid *verifiable);
/**
 * cdx_purchasing_safe - may the bytes of this segment go?
 *
 * Started at the configured depth, k + margin slots filled, the end later than the
 * renewal window, its renewal within budget and balance, and the patrol has nothing
 * against it.  Does not block; thread: any.
 */
bool cdx_purchasing_safe(struct cdx_purchasing *p,
			 const struct cdx_cid *verifiable);
/* When the last of its requests that have started ends (the chain's time), and nines
 * against its loss within a year with the hosts that have it now (0: nothing is known
 * of them).  -ENODATA none has.  Does not block; thread: any. */
CDX_MUST_CHECK int cdx_purchasing_lasts(struct cdx_purchasing *p, int64_t *end,
					double *nines,
					const struct cdx_cid *verifiable);
/* What the patrol says: @bad slots of this dataset did not answer lately.
 * Thread: any. */
void cdx_purchasing_patrolled(struct cdx_purchasing *p,
			      const struct cdx_cid *verifiable, uint32_t bad);

struct cdx_purchasing_stats {
	bool known; /* the chain has been heard since the start: until then
		     * nothing is safe, which says nothing */
	uint32_t by_state[CDX_PURCHASE_STATES];
	struct cdx_u256 spent; /* in the budget's time, less what came back */
	struct cdx_u256 committed; /* of requests that run */
	struct cdx_u256 returned;  /* withdrawn, of requests that are listed */
	int64_t next_end; /* the earliest end of a segment that is not renewed; 0 */
	uint32_t waiting; /* segments that wait for size or age */
	uint32_t unpaid; /* segments whose purchase or renewal cannot be paid */
	char refused[CDX_MARKET_WHY_MAX]; /* why nothing can be bought for the first
					   * segment of which that is so; "" */
	char alarm[CDX_MARKET_WHY_MAX]; /* "" for none: what is wrong, what to do */
};
void cdx_purchasing_stats(struct cdx_purchasing *p,
			  struct cdx_purchasing_stats *out);

#endif
