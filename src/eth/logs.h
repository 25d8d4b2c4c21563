/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_LOGS_H
#define CDX_ETH_LOGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "eth/head.h"
#include "eth/persist.h"
#include "eth/rpc.h"
#include "eth/types.h"

/*
 * The events of one contract, in order, from a place on that survives the
 * process.  Asks eth_getLogs by ranges of blocks, in one batch with the header
 * of the range's last block, so that an endpoint that does not have that block
 * yet, or has another one there, cannot make us miss anything.  loop-confined.
 *
 * Delivery: every log of the chain at least once, in the order of the chain, and
 * once as long as the process lives.  When blocks are undone, what was delivered
 * of them is delivered again with removed set, newest first, then the logs of
 * the blocks that took their place.  After a restart, logs of the last
 * blocks before the place may come again: handlers are idempotent.  Blocks that
 * were undone while no process looked are not taken back, since nobody knows
 * their logs any more; those in their place do come.
 */
struct cdx_logs;

struct cdx_logs_opts {
	const struct cdx_persist *persist; /* where the place is kept */
	const char *name;		   /* of the place there; copied */
	struct cdx_addr contract;
	uint64_t from;	/* first block, when there is no place yet */
	unsigned depth; /* blocks behind the head to stay; 0: with it */
	unsigned range; /* blocks in one question; 0 = 2,000; halved when an
			 * endpoint finds it too many, and grown again */
	const struct cdx_log *log;
};

/* A log; a negative result stops the poller: it tries that one again, later */
typedef int cdx_logs_fn(void *arg, const struct cdx_chain_log *log);

/* Borrowed pointers are kept.  Returns new; begins at the next head. */
CDX_MUST_CHECK int cdx_logs_new(struct cdx_logs **out, struct cdx_loop *loop,
				struct cdx_rpc *rpc, struct cdx_head *head,
				const struct cdx_logs_opts *opts,
				cdx_logs_fn *fn, void *arg);
/* Leaves the place as it is.  NULL is allowed. */
void cdx_logs_free(struct cdx_logs *l);

/* Everything up to this block was delivered; 0 nothing yet */
uint64_t cdx_logs_at(const struct cdx_logs *l);
/* Whether it is where it should be (head minus depth) */
bool cdx_logs_caught_up(const struct cdx_logs *l);
/* What keeps it from going on, "" for nothing; borrowed */
const char *cdx_logs_why(const struct cdx_logs *l);

/* A search under way */
struct cdx_block_search;
/* Called once, on the loop, never from within the call that begins it */
typedef void cdx_block_at_fn(void *arg, int err, uint64_t number);
/**
 * cdx_block_at_time - the first block whose timestamp is not below @time
 *
 * @out: for cdx_block_search_end, dead once @fn was called
 *
 * By search over the headers of the chain.  @fn gets its number, or the head's
 * number + 1 when there is none; a history that begins later gives its first
 * block.  -ENOMEM: @fn is not called.
 */
CDX_MUST_CHECK int cdx_block_at_time(struct cdx_block_search **out,
				     struct cdx_rpc *rpc, uint64_t time,
				     cdx_block_at_fn *fn, void *arg);
/* Its function is not called any more.  NULL is allowed. */
void cdx_block_search_end(struct cdx_block_search *s);

#endif
