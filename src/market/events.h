/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_EVENTS_H
#define CDX_MARKET_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "market/env.h"

/*
 * The marketplace's events, for all parts of a process: read once, from the time
 * on from which a request can still run (now less the duration limit), at each
 * start anew, since what the parts know of others' requests is not kept.
 * loop-confined.
 */
struct cdx_market_events;
struct cdx_market_watch;

/* @removed: the block with it was undone.  @block: its number.  Handlers are
 * idempotent: an event may come twice, and late. */
typedef void cdx_market_event_fn(void *arg, const struct cdx_market_event *e,
				 uint64_t block, bool removed);

/* Begins on a later turn of the loop: who watches at once misses nothing.
 * @env: kept.  Returns new; -ENOMEM. */
CDX_MUST_CHECK int cdx_market_events_new(struct cdx_market_events **out,
					 const struct cdx_market_env *env);
/* Watches must be gone.  NULL is allowed. */
void cdx_market_events_free(struct cdx_market_events *ev);
/* Told in the order in which they were added, from now on; may be ended from
 * within.  -ENOMEM. */
CDX_MUST_CHECK int cdx_market_watch_add(struct cdx_market_events *ev,
					struct cdx_market_watch **out,
					cdx_market_event_fn *fn, void *arg);
/* NULL is allowed. */
void cdx_market_watch_del(struct cdx_market_watch *w);
/* Was the past told, up to the head? */
bool cdx_market_events_caught_up(const struct cdx_market_events *ev);
/* What keeps it from going on, "" for nothing; borrowed */
const char *cdx_market_events_why(const struct cdx_market_events *ev);

#endif
