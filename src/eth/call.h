/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_CALL_H
#define CDX_ETH_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/revert.h"
#include "eth/rpc.h"
#include "eth/types.h"

/* What a contract would answer or do.  loop-confined. */
struct cdx_call_req {
	struct cdx_addr to;
	const struct cdx_addr *from; /* NULL: nobody */
	const void *data;
	size_t len;
	enum cdx_at at;
};

/* @err: 0 with what the contract returned (borrowed); CDX_E_CHAIN with
 * @why->code when it reverted, with CDX_REVERT_NONE when the node refused; else
 * what cdx_rpc_fn says.  @why is NULL on success only; its words are fit for
 * the user in any case. */
typedef void cdx_eth_call_fn(void *arg, int err, const uint8_t *data,
			     size_t len, const struct cdx_revert *why);
CDX_MUST_CHECK int cdx_eth_call(struct cdx_rpc *rpc, struct cdx_rpc_call **out,
				const struct cdx_call_req *req,
				cdx_eth_call_fn *fn, void *arg);

/* The parameter object of eth_call and eth_estimateGas: returns new, NULL without
 * memory.  Of @from, @to, @value those that are NULL are left out. */
json_t *cdx_call_object(const struct cdx_addr *from, const struct cdx_addr *to,
			const void *data, size_t len,
			const struct cdx_u256 *value);

/* What is wrong, of any failed reply of the rpc; for who makes calls of its
 * own */
void cdx_revert_of_reply(struct cdx_revert *out, int err,
			 const struct cdx_rpc_reply *reply);

#endif
