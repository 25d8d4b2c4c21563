/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_SALES_H
#define CDX_MARKET_SALES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/market.h"
#include "eth/sender.h"
#include "market/allowance.h"
#include "market/env.h"
#include "market/events.h"
#include "market/prover.h"
#include "market/proving.h"
#include "store/offer.h"

/*
 * Selling storage: availabilities (store/offer.h), the queue of slots that others
 * want stored, and an agent for each slot from the first look to the payout
 * (docs/MARKET.md "Sales").  The loop's, but for what says otherwise.
 */
struct cdx_sales;

/* States as Codex names them; the names are those of the REST API */
enum cdx_sale_state {
	CDX_SALE_PREPARING,
	CDX_SALE_RESERVING, /* SaleSlotReserving */
	CDX_SALE_DOWNLOADING,
	CDX_SALE_INITIAL_PROVING,
	CDX_SALE_FILLING,
	CDX_SALE_FILLED,
	CDX_SALE_PROVING,
	CDX_SALE_PAYOUT,
	CDX_SALE_FINISHED,
	CDX_SALE_CANCELLED,
	CDX_SALE_FAILED,
	CDX_SALE_IGNORED,
	CDX_SALE_ERRORED,
	CDX_SALE_UNKNOWN,
	CDX_SALE_STATES,
};
/* "SalePreparing", "SaleSlotReserving", ...; a static string */
const char *cdx_sale_state_name(enum cdx_sale_state state);

struct cdx_sales_opts {
	struct cdx_sender *sender;	  /* the provider's; kept */
	struct cdx_allowance *allowance;  /* of the same account; kept */
	struct cdx_market_events *events; /* kept */
	struct cdx_prover *prover;	  /* kept */
	struct cdx_proving *proving;	  /* kept */
	struct cdx_addr client; /* our own volume's: its requests are not taken */
	bool has_client;
	unsigned queue;		/* slots that wait; 0: 128 */
	unsigned workers;	/* slots obtained at once; 0: 3 */
	unsigned per_request;	/* slots of one request; 0: 1; more than m are
				 * never taken */
	unsigned fill_margin_s; /* nothing is filled so shortly before the expiry;
				 * 0: 2 periods, and at least 60 s */
	unsigned check_s;	/* between looks at a slot's data; 0: 24 h */
	uint64_t check_rate; /* bytes a second that such a look reads; 0: 16 MiB */
	unsigned reconcile_s;  /* between comparisons with the chain; 0: 300 */
	struct cdx_u256 stake; /* wei that a fill or payout may cost */
	bool has_recipient;
	struct cdx_addr recipient; /* of rewards; collateral is always ours */
};
/* Takes up what the store says of an earlier life.  Returns new. */
CDX_MUST_CHECK int cdx_sales_new(struct cdx_sales **out,
				 const struct cdx_market_env *env,
				 const struct cdx_sales_opts *opts);
/* Slots stay filled, records stay; waits for workers.  NULL is allowed. */
void cdx_sales_free(struct cdx_sales *s);

/* ---- any thread but the loop's ---- */

/* Availabilities were made or changed (in the store): what was passed over is looked
 * at again.  Does not wait. */
void cdx_sales_offers_changed(struct cdx_sales *s);

/* One slot */
struct cdx_sale_info {
	struct cdx_b32 slot; /* id */
	struct cdx_b32 request;
	uint64_t index;
	struct cdx_storage_request what;
	enum cdx_sale_state state;
	bool has_reservation;
	struct cdx_reservation reservation;
	uint64_t done; /* downloading: blocks */
	uint64_t total;
	int64_t end; /* of the request, or its expiry before it has started */
	uint64_t proven;		/* last period; 0: none */
	char error[CDX_MARKET_WHY_MAX]; /* last trouble, "" for none */
};
typedef int cdx_sale_fn(void *arg, const struct cdx_sale_info *info);
/* Called for each agent, of a copy, with no lock held; negative stops */
CDX_MUST_CHECK int cdx_sales_list(struct cdx_sales *s, cdx_sale_fn *fn,
				  void *arg);
/* -ENOENT no agent has it */
CDX_MUST_CHECK int cdx_sales_get(struct cdx_sales *s,
				 const struct cdx_b32 *slot,
				 struct cdx_sale_info *out);

struct cdx_sales_stats {
	uint32_t by_state[CDX_SALE_STATES];
	uint32_t queued;
	uint64_t started; /* agents, since start */
	uint64_t filled;
	uint64_t finished;	    /* paid out */
	uint64_t lost;		    /* slots that were taken from us */
	struct cdx_u256 earned;	    /* paid out since the store was made */
	struct cdx_u256 collateral; /* at risk now */
	struct cdx_u256
		due;	 /* what the filled slots will pay if kept to the end */
	uint64_t mended; /* blocks of slots that were had again */
	uint32_t foreign; /* reservations of another marketplace, left alone */
	char alarm[CDX_MARKET_WHY_MAX]; /* the gravest trouble now, "" for none */
};
void cdx_sales_stats(struct cdx_sales *s, struct cdx_sales_stats *out);

#endif
