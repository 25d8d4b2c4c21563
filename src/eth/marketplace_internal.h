/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_MARKETPLACE_INTERNAL_H
#define CDX_ETH_MARKETPLACE_INTERNAL_H

#include "base/list.h"
#include "codec/abi.h"
#include "eth/marketplace.h"

/* What the calls of a marketplace share: which functions there are, what is
 * under way, and where the token is.  loop-confined. */

/* Every function that is called */
enum market_call {
	MARKET_CONFIGURATION,
	MARKET_TOKEN,
	MARKET_GET_REQUEST,
	MARKET_GET_ACTIVE_SLOT,
	MARKET_GET_HOST,
	MARKET_CURRENT_COLLATERAL,
	MARKET_REQUEST_STATE,
	MARKET_SLOT_STATE,
	MARKET_REQUEST_END,
	MARKET_REQUEST_EXPIRY,
	MARKET_MY_REQUESTS,
	MARKET_MY_SLOTS,
	MARKET_CAN_RESERVE_SLOT,
	MARKET_MISSING_PROOFS,
	MARKET_IS_PROOF_REQUIRED,
	MARKET_WILL_PROOF_BE_REQUIRED,
	MARKET_GET_CHALLENGE,
	MARKET_GET_POINTER,
	MARKET_SLOT_PROBABILITY,
	MARKET_CAN_MARK_MISSING,
	MARKET_PROOF_SUBMITTER,
	MARKET_COLLATERAL_PER_SLOT,
	MARKET_REPAIR_REWARD,
	MARKET_COLLATERAL_TO_FILL,
	MARKET_PAYOUT_IF_FILLED,
	MARKET_CURRENT_PAYOUT,
	MARKET_REQUEST_FUNDS,
	TOKEN_BALANCE,
	TOKEN_ALLOWANCE,
	TOKEN_TOTAL_SUPPLY,
	TOKEN_NAME,
	TOKEN_SYMBOL,
	TOKEN_DECIMALS,
	/* transactions */
	MARKET_REQUEST_STORAGE,
	MARKET_RESERVE_SLOT,
	MARKET_FILL_SLOT,
	MARKET_FREE_SLOT,
	MARKET_FREE_SLOT_TO,
	MARKET_SUBMIT_PROOF,
	MARKET_SUBMIT_PROOFS,
	MARKET_SET_PROOF_SUBMITTER,
	MARKET_MARK_MISSING,
	MARKET_WITHDRAW,
	MARKET_WITHDRAW_TO,
	TOKEN_APPROVE,
	TOKEN_TRANSFER,
	TOKEN_TRANSFER_FROM,
	TOKEN_MINT,
	MARKET_CALLS,
};

/* What a function answers */
enum market_result {
	RESULT_NONE, /* nothing, or it is sent as a transaction */
	RESULT_U64,
	RESULT_BOOL,
	RESULT_U256,
	RESULT_ADDR,
	RESULT_B32,
	RESULT_IDS,
	RESULT_CONFIG,
	RESULT_REQUEST,
	RESULT_ACTIVE_SLOT,
	RESULT_TEXT,
};

/* One function */
struct market_row {
	const char *signature;
	bool token; /* the token's, not the marketplace's */
	enum market_result result;
	uint64_t max;	  /* RESULT_U64: larger ones are not what it says */
	enum cdx_at at;	  /* views */
	bool timely;	  /* at pending, or what cdx_head_at says will do */
	unsigned gas_num; /* transactions, as in struct cdx_send_req */
	unsigned gas_den;
};
extern const struct market_row market_rows[MARKET_CALLS];

/* What a function answered: the member that its row says */
struct market_answer {
	uint64_t u64; /* also the slot's index */
	bool flag;
	struct cdx_u256 u256;
	struct cdx_addr addr;
	struct cdx_b32 b32;
	const struct cdx_b32 *ids;
	size_t n_ids;
	struct cdx_market_config config;
	struct cdx_storage_request request;
	char text[CDX_MARKET_TEXT_MAX];
};

/* Reads it out of what a node gave; ids point into that.  CDX_E_FORMAT. */
CDX_MUST_CHECK int market_answer_read(struct market_answer *a,
				      const struct market_row *row,
				      const uint8_t *p, size_t len);

/* Where the token is */
enum token_state {
	TOKEN_UNKNOWN,
	TOKEN_ASKED,
	TOKEN_KNOWN,
};

struct cdx_marketplace {
	struct cdx_rpc *rpc;
	const struct cdx_head *head; /* or NULL */
	struct cdx_addr contract;
	struct cdx_addr token;
	enum token_state token_state;
	struct cdx_list ops;	 /* all but those that wait */
	struct cdx_list waiting; /* for the token's address */
	bool telling; /* those that waited: it must not go meanwhile */
	bool dead;    /* goes when they are told */
};

/* A call under way; the first member of what a view or transaction keeps */
struct market_op {
	struct cdx_list link;
	struct cdx_marketplace *m;
	const struct market_row *row;
	struct cdx_buf data; /* selector and arguments */
	struct cdx_rpc_call *rpc_call;
	void *arg; /* of who is told */
	/* The address that @row speaks of is known (@err 0), or not to be
	 * had; must end the op or go on with it */
	void (*ready)(struct market_op *op, int err,
		      const struct cdx_revert *why);
};

/**
 * market_data - the bytes that call a function
 *
 * @out:  written, free it also on failure
 * @args: of the function, complete; NULL: there are none.  Freed
 */
CDX_MUST_CHECK int market_data(struct cdx_buf *out,
			       const struct market_row *row,
			       struct cdx_abi *args);
/* Which state a view looks at */
enum cdx_at market_at(const struct cdx_marketplace *m,
		      const struct market_row *row);
/* Whom a function's bytes go to; known */
const struct cdx_addr *market_target(const struct cdx_marketplace *m,
				     const struct market_row *row);
/**
 * market_op_begin - take up a call
 *
 * @op: zeroed memory of malloc but for row, data and ready; taken, also on
 *      failure
 *
 * Returns 0: whom it goes to is known; 1: its ready will be called, not from
 * within.  -ENOMEM.
 */
CDX_MUST_CHECK int market_op_begin(struct cdx_marketplace *m,
				   struct market_op *op);
/* Ends what it waits for, and frees it.  NULL is allowed. */
void market_op_free(struct market_op *op);

#endif
