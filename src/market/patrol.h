/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_PATROL_H
#define CDX_MARKET_PATROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "market/env.h"

/*
 * The client's own look at its slots: are their hosts there, do they give what they
 * are paid for?  A random block of each slot now and then, from whoever says that he
 * holds the slot, never from here (docs/MARKET.md "Patrol").  A thread of its own;
 * thread: safe.
 */
struct cdx_patrol;

/* Which datasets: called on the patrol's thread */
typedef int cdx_patrol_one_fn(void *arg, const struct cdx_cid *verifiable,
			      uint32_t slots);
struct cdx_patrol_opts {
	/* Calls @fn for each dataset that is stored elsewhere; negative stops */
	int (*list)(void *arg, cdx_patrol_one_fn *fn, void *fn_arg);
	/* What was found, after each look at a dataset: @bad slots gave nothing in
	 * two rounds or more.  On the patrol's thread, no lock held */
	void (*found)(void *arg, const struct cdx_cid *verifiable,
		      uint32_t bad);
	void *arg;
	unsigned every_s; /* a round; 0: 3600 */
	unsigned blocks;  /* of each slot and round; 0: 1 */
};
/* @env: kept; @opts: copied.  Returns new.  -ENOMEM; -errno of the thread.  The first
 * round comes within @every_s, and 5 minutes at the latest. */
CDX_MUST_CHECK int cdx_patrol_new(struct cdx_patrol **out,
				  const struct cdx_market_env *env,
				  const struct cdx_patrol_opts *opts);
/* Waits for its thread, which ends what it asks at once.  NULL is allowed. */
void cdx_patrol_free(struct cdx_patrol *p);
/* A round soon.  Does not wait. */
void cdx_patrol_kick(struct cdx_patrol *p);

/* What is known of one slot */
struct cdx_patrol_slot {
	uint32_t index;
	int64_t asked;	  /* wall seconds of the last try; 0: not yet */
	int64_t answered; /* of the last good block */
	uint32_t failed;  /* rounds in a row */
	bool lied;	  /* in them: what came was not the block */
	char host[64];	  /* peer id that answered last, "" */
};
typedef int cdx_patrol_slot_fn(void *arg, const struct cdx_cid *verifiable,
			       const struct cdx_patrol_slot *slot);
/* Of copies; negative stops */
CDX_MUST_CHECK int cdx_patrol_slots(struct cdx_patrol *p,
				    cdx_patrol_slot_fn *fn, void *arg);
/* Since its beginning */
struct cdx_patrol_stats {
	uint64_t rounds;
	uint64_t good;	 /* blocks */
	uint64_t bad;	 /* blocks that were wrong */
	uint64_t silent; /* blocks that nobody gave */
	int64_t last;	 /* wall seconds of the last round's end */
};
void cdx_patrol_stats(struct cdx_patrol *p, struct cdx_patrol_stats *out);

#endif
