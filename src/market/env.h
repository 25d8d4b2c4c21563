/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_ENV_H
#define CDX_MARKET_ENV_H

#include <stdbool.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/pool.h"
#include "eth/head.h"
#include "eth/market.h"
#include "eth/marketplace.h"
#include "eth/persist.h"
#include "eth/rpc.h"
#include "exchange/exchange.h"
#include "store/store.h"

/* Reasons in words of this module's functions */
#define CDX_MARKET_WHY_MAX 512u

/*
 * What the parts of the market work with (docs/MARKET.md).  All members are
 * borrowed and outlive the parts; immutable.
 *
 * The parts belong to the loop's thread, which never waits for the disk, the
 * network or a proof: what blocks is done on threads of their own, and comes back
 * as posted work.  What other threads may call says so.
 */
struct cdx_market_env {
	struct cdx_loop *loop;
	struct cdx_rpc *rpc;
	struct cdx_head *head;
	struct cdx_marketplace *market;
	const struct cdx_persist *persist;
	struct cdx_market_config config; /* of the contract */
	unsigned confirmations;		 /* from 1 */
	bool batches; /* the contract is ours: it takes submitProofs */
	struct cdx_store *store;
	struct cdx_pool *pool;
	struct cdx_exchange *exchange;
	const struct cdx_log *log;
};

/* The period that a time of the chain is in */
static inline uint64_t cdx_market_period(const struct cdx_market_env *env,
					 int64_t time)
{
	return (uint64_t)time / env->config.period;
}

#endif
