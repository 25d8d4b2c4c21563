/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_CHAIN_SEND_H
#define CDX_NODE_CHAIN_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/types.h"
#include "node/chain.h"

/* Transactions that are waited for, by any thread but the loop's. */

/* How it ended */
struct cdx_chain_sent {
	struct cdx_b32 hash;
	uint64_t nonce;
	uint64_t block;
	uint64_t gas_used;
	struct cdx_u256 gas_price; /* wei a gas */
	struct cdx_u256 cost;	   /* wei */
	struct cdx_addr contract;
	unsigned replaced;
	/* one of the same intent was under way, or ended and not told: it is
	 * that one, nothing else was sent */
	bool joined;
};

/* Called every now and then while a transaction is under way; true: wait no
 * longer.  @why: what is in its way, "" for nothing. */
typedef bool cdx_chain_wait_fn(void *arg, const char *why);

/* Tokens from the client's account to somebody */
struct cdx_chain_transfer {
	struct cdx_addr token; /* the contract */
	struct cdx_addr to;
	struct cdx_u256 amount; /* units */
};

/**
 * cdx_chain_transfer - send tokens from the client's account
 *
 * While a transfer of the same token, receiver and amount is under way, or its
 * end was told to nobody, this joins it, also after a restart: who does not
 * know whether it was sent asks again.
 * -ECANCELED: @wait ended it, the transaction goes on; errors of
 * cdx_chain_sender and of cdx_send_fn.
 */
CDX_MUST_CHECK int cdx_chain_transfer(struct cdx_chain *c,
				      struct cdx_chain_sent *out,
				      const struct cdx_chain_transfer *t,
				      cdx_chain_wait_fn *wait, void *arg,
				      char why[CDX_CHAIN_WHY_MAX]);

/* Whether such a transfer would be joined: 1, 0; errors of cdx_chain_sender */
CDX_MUST_CHECK int cdx_chain_transfer_known(struct cdx_chain *c,
					    const struct cdx_chain_transfer *t,
					    char why[CDX_CHAIN_WHY_MAX]);

/**
 * cdx_chain_create - make a contract from the client's account
 *
 * @code: and the constructor's arguments
 *
 * Errors as above.
 */
CDX_MUST_CHECK int cdx_chain_create(struct cdx_chain *c,
				    struct cdx_chain_sent *out,
				    const void *code, size_t len,
				    cdx_chain_wait_fn *wait, void *arg,
				    char why[CDX_CHAIN_WHY_MAX]);

#endif
