/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_TYPES_H
#define CDX_ETH_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/u256.h"
#include "crypto/secp.h"

/* bytes32: hashes and ids of the chain */
struct cdx_b32 {
	uint8_t b[32];
};

/* A block's header, as far as it is used */
struct cdx_block {
	uint64_t number;
	uint64_t timestamp; /* seconds since 1970 */
	struct cdx_b32 hash;
	struct cdx_b32 parent;
	struct cdx_u256 base_fee; /* wei a gas */
	bool has_base_fee;	  /* EIP-1559 */
	uint64_t gas_limit;
};

/* What a contract wrote to the log of a transaction */
struct cdx_chain_log {
	struct cdx_addr contract;
	struct cdx_b32 topics[4];
	unsigned n_topics;
	const uint8_t *data; /* borrowed for the call that it is given in */
	size_t len;
	uint64_t block;
	struct cdx_b32 block_hash;
	struct cdx_b32 tx;
	uint64_t index; /* in the block */
	bool removed;	/* its block is no longer part of the chain */
};

/* Which state a question is about */
enum cdx_at {
	CDX_AT_LATEST,
	CDX_AT_PENDING, /* with the transactions that the node knows of */
};

#endif
