/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_ALLOWANCE_H
#define CDX_MARKET_ALLOWANCE_H

#include "base/attr.h"
#include "codec/u256.h"
#include "eth/sender.h"
#include "market/env.h"

/*
 * What the marketplace may take from an account: one of these for each account,
 * whoever spends from it.  Approving fixes the whole allowance, so two at once would
 * overwrite each other: they are done one after the other, and each time for the sum
 * of all that is held.  A hold is what somebody is about to have taken; it costs no
 * transaction where the allowance is high enough already, as after a restart.
 * loop-confined.
 */
struct cdx_allowance;
struct cdx_allowance_hold;

/* Called once, on the loop, never from within.  @err: 0 the contract may take it now;
 * -ENOBUFS the account cannot pay for the transaction; others: of the transaction, or
 * of asking.  @why: in words, "" for none */
typedef void cdx_allowance_fn(void *arg, int err, const char *why);

/* @env, @sender: kept.  Returns new; -ENOMEM. */
CDX_MUST_CHECK int cdx_allowance_new(struct cdx_allowance **out,
				     const struct cdx_market_env *env,
				     struct cdx_sender *sender);
/* Before the sender goes; holds must be released.  NULL is allowed. */
void cdx_allowance_free(struct cdx_allowance *a);

/**
 * cdx_allowance_take - let the marketplace take so much more
 *
 * @out: for cdx_allowance_release; returns new
 * @tag: of the transaction, if one is needed (eth/sender.h)
 * @how: its stake and deadline; the tag is not looked at; NULL: none
 *
 * -ENOMEM: @fn is not called.
 */
CDX_MUST_CHECK int cdx_allowance_take(struct cdx_allowance *a,
				      struct cdx_allowance_hold **out,
				      const char *tag,
				      const struct cdx_u256 *amount,
				      const struct cdx_market_how *how,
				      cdx_allowance_fn *fn, void *arg);
/* It was taken, or will not be.  Its function is not called any more.  NULL is
 * allowed. */
void cdx_allowance_release(struct cdx_allowance_hold *h);

#endif
