/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_PROVING_H
#define CDX_MARKET_PROVING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/market.h"
#include "eth/sender.h"
#include "market/env.h"
#include "market/events.h"
#include "market/prover.h"

/*
 * The proofs of all slots that this process has filled: asked for as soon as the
 * dice of a period are known, downtime included, sent once for each period, never
 * late, many in one transaction where the contract takes that (docs/MARKET.md
 * "Proving").  loop-confined, but for what says otherwise.
 */
struct cdx_proving;
struct cdx_proving_slot;

struct cdx_proving_opts {
	struct cdx_sender *sender;	  /* the host's; kept */
	struct cdx_prover *prover;	  /* kept */
	struct cdx_market_events *events; /* kept */
	struct cdx_u256 stake; /* wei that a proof may cost when fees rise */
};
/* Takes up what an earlier process sent; has all headers kept that dice are made
 * of.  @env: kept; @opts: copied.  Returns new; -ENOMEM. */
CDX_MUST_CHECK int cdx_proving_new(struct cdx_proving **out,
				   const struct cdx_market_env *env,
				   const struct cdx_proving_opts *opts);
/* What was sent goes on, and is taken up by the next one.  Not from within one of
 * its functions.  NULL is allowed. */
void cdx_proving_free(struct cdx_proving *p);

struct cdx_proving_what {
	struct cdx_b32 slot; /* slot id */
	struct cdx_cid manifest;
	uint32_t index;
	struct cdx_u256 probability; /* of the ask */
	int64_t filled_at;	     /* the chain's time */
	int64_t end;		     /* of the request */
	uint64_t proven; /* last period known to be proven; 0: none */
};
enum cdx_proving_event {
	CDX_PROVING_DONE,   /* @period is proven, with confirmations */
	CDX_PROVING_MISSED, /* it ended without a proof that was wanted */
	CDX_PROVING_TROUBLE, /* a proof cannot be made: @why; it is tried again */
	CDX_PROVING_GONE,    /* the contract says that the slot is not ours any
			   * more, or is over: look at its state.  Told once in
			   * a period; goes on in the next until deleted */
};
typedef void cdx_proving_fn(void *arg, enum cdx_proving_event event,
			    uint64_t period, const char *why);
/* Functions are called on the loop, never from within.  -ENOMEM. */
CDX_MUST_CHECK int cdx_proving_add(struct cdx_proving *p,
				   struct cdx_proving_slot **out,
				   const struct cdx_proving_what *what,
				   cdx_proving_fn *fn, void *arg);
/* NULL is allowed; also from its own function. */
void cdx_proving_del(struct cdx_proving_slot *s);

/**
 * cdx_proving_room - could one more slot be proven in time?
 *
 * The most that one period wants of all slots and this one with a chance of more
 * than 1 in 1000, by their probabilities, against what the prover makes in it.
 * True as long as no proof was ever made.
 */
bool cdx_proving_room(const struct cdx_proving *p,
		      const struct cdx_u256 *probability);

struct cdx_proving_stats {
	uint32_t slots;
	uint64_t submitted; /* proofs that are in a block */
	uint64_t failed;    /* transactions */
	uint64_t missed;    /* periods */
	uint64_t transactions;
	int64_t last_success;  /* wall seconds; 0: never */
	int64_t next_deadline; /* the chain's time; 0: nothing is wanted now */
	int64_t margin_s; /* least time that was left when a proof was in a block,
			   * of the last ten periods; INT64_MAX: none was */
};
/* Thread: safe. */
void cdx_proving_stats(struct cdx_proving *p, struct cdx_proving_stats *out);

#endif
