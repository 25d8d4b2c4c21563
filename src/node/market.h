/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_MARKET_H
#define CDX_NODE_MARKET_H

#include <stdbool.h>

#include "base/attr.h"
#include "market/durability.h"
#include "market/patrol.h"
#include "market/prover.h"
#include "market/proving.h"
#include "market/purchasing.h"
#include "market/sales.h"
#include "market/validator.h"
#include "node/chain.h"
#include "node/conf.h"
#include "node/node.h"

/*
 * A process's part in the market: buying for its volume, selling, validating.  A
 * thread of its own gets it going, and tries again as long as the chain does not
 * answer: a mount is there whatever the chain does.  Thread: safe.
 */
struct cdx_node_market;

struct cdx_node_market_opts {
	struct cdx_node *n; /* with chain, store, pool, volume, peers, proof_keys;
			     * kept */
	const struct cdx_conf_market *conf; /* copied */
	const struct cdx_keyfile *keys;	    /* read, not kept */
	/* why this process can have no part in it though it was to have one (it has
	 * no peers, it cannot write), in words; NULL: it can.  Then it does nothing
	 * but say so. */
	const char *none;
	unsigned look_ms; /* of cdx_node_opts */
};
/* Returns new; nothing of the chain is asked yet.  -ENOMEM, -EAGAIN. */
CDX_MUST_CHECK int cdx_node_market_new(struct cdx_node_market **out,
				       const struct cdx_node_market_opts *o);
/* After cdx_vol_set_net(NULL), before the chain, the peers and the volume go.  NULL
 * is allowed. */
void cdx_node_market_free(struct cdx_node_market *m);

enum cdx_market_role {
	CDX_MARKET_BUYS,
	CDX_MARKET_SELLS,
	CDX_MARKET_VALIDATES,
	CDX_MARKET_ROLES,
};
/* How far it is, for status */
struct cdx_node_market_state {
	bool wanted[CDX_MARKET_ROLES];
	bool runs[CDX_MARKET_ROLES];
	char why[CDX_CHAIN_WHY_MAX]; /* why none of them runs yet, "" */
	/* why this one does not, or what is wrong with it, "" */
	char role_why[CDX_MARKET_ROLES][CDX_CHAIN_WHY_MAX];
	bool has_token;	 /* the chain has said what follows */
	char symbol[64]; /* printable */
	unsigned decimals;
	/* segments that are neither safe elsewhere nor here */
	uint32_t to_fetch;
	uint64_t fetched;	       /* of them, since start */
	char alarm[CDX_CHAIN_WHY_MAX]; /* what keeps them from coming back, "" */
};
/* @m may be NULL: all zero.  Thread: safe. */
void cdx_node_market_state(struct cdx_node_market *m,
			   struct cdx_node_market_state *out);
/* May the bytes of this segment of the volume go?  False while nobody knows.  Thread:
 * safe; does not block. */
bool cdx_node_market_safe(struct cdx_node_market *m,
			  const struct cdx_cid *verifiable);

/* What runs.  Those that do not are NULL; borrowed between _enter and _leave, during
 * which nothing goes away. */
struct cdx_market_parts {
	struct cdx_market_config config; /* of the contract */
	struct cdx_purchasing *purchasing;
	struct cdx_sales *sales;
	struct cdx_prover *prover;
	struct cdx_proving *proving;
	struct cdx_validator *validator;
	struct cdx_patrol *patrol;
};
/* 0; -EAGAIN the chain has not answered yet; -ENODATA no chain or marketplace is
 * configured, or this process has none of the roles.  @why: in words, what to do.
 * Short calls only between the two.  @m may be NULL: -ENODATA. */
CDX_MUST_CHECK int cdx_node_market_enter(struct cdx_node_market *m,
					 struct cdx_market_parts *out,
					 char why[CDX_CHAIN_WHY_MAX]);
void cdx_node_market_leave(struct cdx_node_market *m);

/* The policy that segments are bought by, with what the configuration says; and the
 * rest of section [market].  Budget and collateral have CDX_CONF_TOKEN_DECIMALS digits
 * until _enter gives 0, and then the token's.  Borrowed. */
const struct cdx_conf_market *
cdx_node_market_conf(const struct cdx_node_market *m);

/**
 * cdx_node_market_sync - until every segment that is protected now is stored
 *
 * @progress: told the segments stored and all of them; may be NULL
 *
 * -ECANCELED; -ENODATA this process does not buy; CDX_E_QUOTA, CDX_E_CHAIN: one
 * cannot be bought, and nothing changes that by itself (@why).
 */
CDX_MUST_CHECK int cdx_node_market_sync(struct cdx_node_market *m,
					cdx_progress_fn *progress,
					cdx_cancel_fn *cancel, void *arg,
					char why[CDX_CHAIN_WHY_MAX]);

#endif
