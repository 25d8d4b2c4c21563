/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_CHAIN_SLOTS_H
#define CDX_NODE_CHAIN_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/market.h"
#include "eth/types.h"
#include "node/chain.h"

/* What the contract says of slots; like node/chain_ask.h: waits, any thread but the
 * loop's. */

/* Ids of the slots that a host has filled; @out: returns new.  -ENODATA no
 * marketplace is configured. */
CDX_MUST_CHECK int cdx_chain_slots(struct cdx_chain *c,
				   const struct cdx_addr *host,
				   struct cdx_b32 **out, size_t *n,
				   char why[CDX_CHAIN_WHY_MAX]);

/* A slot that is filled, or was */
struct cdx_chain_slot {
	struct cdx_addr host; /* zeros: none now */
	struct cdx_storage_request request;
	uint64_t index;
};
/* -ENOENT it is free, or there is no such slot */
CDX_MUST_CHECK int cdx_chain_slot(struct cdx_chain *c,
				  const struct cdx_b32 *slot,
				  struct cdx_chain_slot *out,
				  char why[CDX_CHAIN_WHY_MAX]);

#endif
