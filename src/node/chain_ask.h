/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_CHAIN_ASK_H
#define CDX_NODE_CHAIN_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/market.h"
#include "eth/types.h"
#include "node/chain.h"

/* Questions to the chain that wait for their answer; any thread but the loop's.
 * They start the chain client.  @why as in node/chain.h. */

/* Where the chain is */
struct cdx_chain_head {
	uint64_t chain_id;
	struct cdx_block block;
	int64_t age_s;	  /* since an endpoint confirmed it */
	int64_t offset_s; /* the chain's time minus ours */
};
/* -ETIMEDOUT, -ECONNREFUSED, ...: no endpoint says it */
CDX_MUST_CHECK int cdx_chain_head(struct cdx_chain *c,
				  struct cdx_chain_head *out,
				  char why[CDX_CHAIN_WHY_MAX]);

/* How the endpoints do, borrowed from the rpc where it says so */
CDX_MUST_CHECK int
cdx_chain_endpoints(struct cdx_chain *c,
		    void (*each)(void *arg, const struct cdx_rpc_endpoint *e),
		    void *arg, char why[CDX_CHAIN_WHY_MAX]);

/* A contract's absence looks like an empty answer to most questions, so it is
 * asked for by itself.  @name: what it is said to be.  CDX_E_CHAIN there is
 * none. */
CDX_MUST_CHECK int cdx_chain_check_code(struct cdx_chain *c,
					const struct cdx_addr *addr,
					const char *name,
					char why[CDX_CHAIN_WHY_MAX]);

/* What a marketplace says of itself; none of it ever changes */
struct cdx_chain_market {
	struct cdx_addr contract;
	struct cdx_market_config config;
	struct cdx_addr token;
	char symbol[64]; /* printable */
	unsigned decimals;
};
/* -ENODATA none is configured; CDX_E_CHAIN there is no contract at its address,
 * or not a marketplace */
CDX_MUST_CHECK int cdx_chain_market(struct cdx_chain *c,
				    struct cdx_chain_market *out,
				    char why[CDX_CHAIN_WHY_MAX]);

/* What an account has */
struct cdx_chain_funds {
	struct cdx_u256 wei;
	struct cdx_u256 tokens; /* units */
	bool has_tokens;	/* a marketplace is configured */
	uint64_t nonce;		/* transactions in blocks */
	uint64_t pending;	/* with those that the node knows of */
};
/* The account's; errors as above but -ENODATA */
CDX_MUST_CHECK int cdx_chain_funds(struct cdx_chain *c,
				   const struct cdx_addr *addr,
				   struct cdx_chain_funds *out,
				   char why[CDX_CHAIN_WHY_MAX]);

#endif
