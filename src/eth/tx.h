/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_TX_H
#define CDX_ETH_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "eth/types.h"

/* A transaction.  With max_fee it is one of EIP-1559 (type 2), without one of
 * EIP-155.  Pure, safe on any thread. */
struct cdx_tx {
	uint64_t chain_id; /* not 0 */
	uint64_t nonce;
	uint64_t gas; /* limit */
	bool legacy;
	struct cdx_u256 gas_price; /* legacy: wei a gas */
	struct cdx_u256 max_fee;   /* else: at most, with the base fee */
	struct cdx_u256 max_tip;   /* else: above the base fee, at most */
	bool create;		   /* a contract: no @to */
	struct cdx_addr to;
	struct cdx_u256 value; /* wei */
	const uint8_t *data;   /* borrowed */
	size_t len;
};

/* Longest signed transaction that is made or read */
#define CDX_TX_MAX (160u << 10)

/**
 * cdx_tx_sign - the bytes that eth_sendRawTransaction takes
 *
 * @out:  appended to
 * @hash: name of the transaction
 *
 * Sources: EIP-155, EIP-1559, EIP-2718.  CDX_E_FORMAT the key is none; -EINVAL
 * no chain id; -E2BIG; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_tx_sign(struct cdx_buf *out, struct cdx_b32 *hash,
			       const struct cdx_tx *tx,
			       const struct cdx_seckey *key);
/**
 * cdx_tx_read - a signed transaction's fields, its name and who signed it
 *
 * @out: data points into @raw
 *
 * Takes what cdx_tx_sign makes and nothing else (no access lists).
 * CDX_E_FORMAT; CDX_E_AUTH the signature is nobody's; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_tx_read(struct cdx_tx *out, struct cdx_addr *from,
			       struct cdx_b32 *hash, const void *raw,
			       size_t len);
/* Address of the contract that @from makes with @nonce */
void cdx_tx_contract(struct cdx_addr *out, const struct cdx_addr *from,
		     uint64_t nonce);

#endif
