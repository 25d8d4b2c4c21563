/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_HEAD_H
#define CDX_ETH_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/loop.h"
#include "eth/rpc.h"
#include "eth/types.h"

/*
 * The newest block, those before it, and the time of the chain.  Asks for the
 * head now and then; keeps the last headers, whose parents must fit: when one
 * does not, the chain was reorganised, and headers are read backwards until one
 * is known.  loop-confined.
 */
struct cdx_head;
struct cdx_head_watch;
struct cdx_head_alarm;

/* Headers that are kept: reorganisations no deeper than this are followed
 * block by block, deeper ones count as reaching to the oldest that is kept. */
#define CDX_HEAD_KEEP 256u

/* Called when the head has changed.  @fork: number of the last block that the
 * old and the new chain share (the old head's number where nothing was undone;
 * UINT64_MAX for the first head of all): what was known of later blocks is
 * void. */
typedef void cdx_head_fn(void *arg, const struct cdx_block *head,
			 uint64_t fork);

/* @poll_ms: how often; 0 = 1,000.  Returns new; begins at once. */
CDX_MUST_CHECK int cdx_head_new(struct cdx_head **out, struct cdx_loop *loop,
				struct cdx_rpc *rpc, unsigned poll_ms,
				const struct cdx_log *log);
/* NULL is allowed; watches and alarms must be gone. */
void cdx_head_free(struct cdx_head *h);

/* NULL until there is one; borrowed, until the loop turns */
const struct cdx_block *cdx_head_latest(const struct cdx_head *h);
/* A kept header of the present chain, or NULL; borrowed likewise */
const struct cdx_block *cdx_head_block(const struct cdx_head *h,
				       uint64_t number);
/* From now on CDX_HEAD_KEEP headers are kept, as far as the chain has them: who
 * needs blocks of before this process came reads them backwards, within some
 * polls.  Without it they become as many as time goes by. */
void cdx_head_deepen(struct cdx_head *h);
/* Seconds since the head was last confirmed by an endpoint; INT64_MAX never */
int64_t cdx_head_age_s(const struct cdx_head *h);
/* Why it could not be asked for lately, "" when it could; borrowed */
const char *cdx_head_why(const struct cdx_head *h);
/* Deepest reorganisation seen, and how many */
void cdx_head_reorgs(const struct cdx_head *h, uint64_t *count,
		     uint64_t *deepest);

/* In the order in which they were added; may be removed from within.  Called
 * for the present head too, soon, when there is one.  -ENOMEM. */
CDX_MUST_CHECK int cdx_head_watch_add(struct cdx_head *h,
				      struct cdx_head_watch **out,
				      cdx_head_fn *fn, void *arg);
void cdx_head_watch_del(struct cdx_head_watch *w);

/**
 * cdx_head_now - the chain's time, seconds since 1970
 *
 * The head's timestamp, and the wall time that has passed since it was first
 * seen: chains of tests may be hours away from our clock.  Our own wall time
 * until there is a head.  Never goes back but by a reorganisation.
 */
int64_t cdx_head_now(const struct cdx_head *h);
/* The state to ask for what changes with time: the newest block's, as long as
 * blocks come; the pending one, for which a node may have to execute all that waits,
 * where the newest block is older than 15 s of the chain's time.  @h may be NULL:
 * pending. */
enum cdx_at cdx_head_at(const struct cdx_head *h);
/* Calls @fn once the chain's time is @at or later, also when it gets there by a
 * jump of the chain.  -ENOMEM. */
CDX_MUST_CHECK int cdx_head_alarm_add(struct cdx_head *h,
				      struct cdx_head_alarm **out, int64_t at,
				      cdx_loop_fn *fn, void *arg);
/* Frees it, also after it has rung.  NULL is allowed. */
void cdx_head_alarm_del(struct cdx_head_alarm *a);

#endif
