/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_VALIDATOR_H
#define CDX_MARKET_VALIDATOR_H

#include <stdint.h>

#include "base/attr.h"
#include "eth/sender.h"
#include "market/env.h"
#include "market/events.h"

/*
 * Marks proofs that are missing, of all slots or of a group (docs/MARKET.md
 * "Validator").  loop-confined, but for what says otherwise.
 */
struct cdx_validator;

struct cdx_validator_opts {
	struct cdx_sender *sender;	  /* kept: who gets the rewards */
	struct cdx_market_events *events; /* kept */
	unsigned groups;		  /* 0: all; 2 to 65535 */
	unsigned group;			  /* below groups */
	unsigned max_slots;		  /* 0: no limit */
	struct cdx_u256 stake;		  /* wei that a mark may cost */
};
/* -EINVAL groups that there cannot be */
CDX_MUST_CHECK int cdx_validator_new(struct cdx_validator **out,
				     const struct cdx_market_env *env,
				     const struct cdx_validator_opts *opts);
/* NULL is allowed. */
void cdx_validator_free(struct cdx_validator *v);

/* (first 8 bytes of the slot's id, big endian) mod @groups.  Pure. */
unsigned cdx_validator_group(const struct cdx_b32 *slot, unsigned groups);

struct cdx_validator_stats {
	uint32_t slots;	   /* watched */
	uint32_t left_out; /* for want of max_slots */
	uint64_t periods;  /* looked at whole */
	uint64_t marked;   /* by us, in blocks */
	uint64_t late;	   /* slots and periods whose time ended first */
	uint64_t last_period;
	struct cdx_u256 rewards;
};
/* Thread: safe. */
void cdx_validator_stats(struct cdx_validator *v,
			 struct cdx_validator_stats *out);

#endif
