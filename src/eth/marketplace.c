/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/marketplace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "eth/market_fields.h"
#include "eth/marketplace_internal.h"

/* ---- functions ---- */

#define PROOF                                    \
	"((uint256,uint256),((uint256,uint256)," \
	"(uint256,uint256)),(uint256,uint256))"

/* A view of the newest block, and one of the pending */
#define VIEW(signature_, result_)                                      \
	{                                                              \
		.signature = (signature_), .result = RESULT_##result_, \
		.max = UINT64_MAX                                      \
	}
#define PENDING(signature_, result_)                                   \
	{                                                              \
		.signature = (signature_), .result = RESULT_##result_, \
		.max = UINT64_MAX, .at = CDX_AT_PENDING                \
	}
/* The token's view; transactions, with the margin of their gas */
#define TOKEN(signature_, result_)                                     \
	{                                                              \
		.signature = (signature_), .result = RESULT_##result_, \
		.max = UINT64_MAX, .token = true                       \
	}
#define SEND(signature_, num_, den_)                          \
	{                                                     \
		.signature = (signature_), .gas_num = (num_), \
		.gas_den = (den_)                             \
	}
#define TOKEN_SEND(signature_)                                           \
	{                                                                \
		.signature = (signature_), .gas_num = 11, .gas_den = 10, \
		.token = true                                            \
	}

/* Which block views look at: spec/marketplace.md 4.5; margins: docs/CHAIN.md
 * "Sending" */
/* clang-format off */
const struct market_row market_rows[MARKET_CALLS] = {
	[MARKET_CONFIGURATION] = VIEW("configuration()", CONFIG),
	[MARKET_TOKEN] = VIEW("token()", ADDR),
	[MARKET_GET_REQUEST] = VIEW("getRequest(bytes32)", REQUEST),
	[MARKET_GET_ACTIVE_SLOT] = VIEW("getActiveSlot(bytes32)", ACTIVE_SLOT),
	[MARKET_GET_HOST] = VIEW("getHost(bytes32)", ADDR),
	[MARKET_CURRENT_COLLATERAL] = VIEW("currentCollateral(bytes32)", U256),
	[MARKET_REQUEST_STATE] = {
		.signature = "requestState(bytes32)", .result = RESULT_U64,
		.max = CDX_REQUEST_FAILED, .at = CDX_AT_PENDING,
		.timely = true },
	[MARKET_SLOT_STATE] = {
		.signature = "slotState(bytes32)", .result = RESULT_U64,
		.max = CDX_SLOT_REPAIR, .at = CDX_AT_PENDING,
		.timely = true },
	[MARKET_REQUEST_END] = VIEW("requestEnd(bytes32)", U64),
	[MARKET_REQUEST_EXPIRY] = VIEW("requestExpiry(bytes32)", U64),
	[MARKET_MY_REQUESTS] = VIEW("myRequests()", IDS),
	[MARKET_MY_SLOTS] = VIEW("mySlots()", IDS),
	[MARKET_CAN_RESERVE_SLOT] = VIEW("canReserveSlot(bytes32,uint64)", BOOL),
	[MARKET_MISSING_PROOFS] = VIEW("missingProofs(bytes32)", U64),
	[MARKET_IS_PROOF_REQUIRED] = PENDING("isProofRequired(bytes32)", BOOL),
	[MARKET_WILL_PROOF_BE_REQUIRED] =
		PENDING("willProofBeRequired(bytes32)", BOOL),
	[MARKET_GET_CHALLENGE] = PENDING("getChallenge(bytes32)", B32),
	[MARKET_GET_POINTER] = {
		.signature = "getPointer(bytes32)", .result = RESULT_U64,
		.max = UINT8_MAX, .at = CDX_AT_PENDING },
	[MARKET_SLOT_PROBABILITY] = VIEW("slotProbability(bytes32)", U256),
	[MARKET_CAN_MARK_MISSING] =
		PENDING("canMarkProofAsMissing(bytes32,uint64)", NONE),
	[MARKET_PROOF_SUBMITTER] = VIEW("proofSubmitter(address)", ADDR),
	[MARKET_COLLATERAL_PER_SLOT] = VIEW("collateralPerSlot(bytes32)", U256),
	[MARKET_REPAIR_REWARD] = VIEW("repairReward(bytes32)", U256),
	[MARKET_COLLATERAL_TO_FILL] =
		VIEW("collateralToFill(bytes32,uint64)", U256),
	[MARKET_PAYOUT_IF_FILLED] = VIEW("payoutIfFilled(bytes32)", U256),
	[MARKET_CURRENT_PAYOUT] = VIEW("currentPayout(bytes32)", U256),
	[MARKET_REQUEST_FUNDS] = VIEW("requestFunds(bytes32)", U256),
	[TOKEN_BALANCE] = TOKEN("balanceOf(address)", U256),
	[TOKEN_ALLOWANCE] = TOKEN("allowance(address,address)", U256),
	[TOKEN_TOTAL_SUPPLY] = TOKEN("totalSupply()", U256),
	[TOKEN_NAME] = TOKEN("name()", TEXT),
	[TOKEN_SYMBOL] = TOKEN("symbol()", TEXT),
	/* more digits than 2^256 has fit into no amount */
	[TOKEN_DECIMALS] = {
		.signature = "decimals()", .result = RESULT_U64,
		.max = 77, .token = true },
	[MARKET_REQUEST_STORAGE] = SEND("requestStorage((address," CDX_ASK_TYPE
					",(bytes,bytes32),uint64,bytes32))",
					11, 10),
	[MARKET_RESERVE_SLOT] = SEND("reserveSlot(bytes32,uint64)", 5, 4),
	[MARKET_FILL_SLOT] = SEND("fillSlot(bytes32,uint64," PROOF ")", 11, 10),
	[MARKET_FREE_SLOT] = SEND("freeSlot(bytes32)", 3, 1),
	[MARKET_FREE_SLOT_TO] = SEND("freeSlot(bytes32,address,address)", 3, 1),
	[MARKET_SUBMIT_PROOF] = SEND("submitProof(bytes32," PROOF ")", 11, 10),
	[MARKET_SUBMIT_PROOFS] =
		SEND("submitProofs(bytes32[]," PROOF "[])", 11, 10),
	[MARKET_SET_PROOF_SUBMITTER] =
		SEND("setProofSubmitter(address)", 11, 10),
	[MARKET_MARK_MISSING] =
		SEND("markProofAsMissing(bytes32,uint64)", 3, 2),
	[MARKET_WITHDRAW] = SEND("withdrawFunds(bytes32)", 11, 10),
	[MARKET_WITHDRAW_TO] = SEND("withdrawFunds(bytes32,address)", 11, 10),
	[TOKEN_APPROVE] = TOKEN_SEND("approve(address,uint256)"),
	[TOKEN_TRANSFER] = TOKEN_SEND("transfer(address,uint256)"),
	[TOKEN_TRANSFER_FROM] =
		TOKEN_SEND("transferFrom(address,address,uint256)"),
	[TOKEN_MINT] = TOKEN_SEND("mint(address,uint256)"),
};
/* clang-format on */

bool cdx_marketplace_calls(const char *signature)
{
	for (size_t i = 0; i < MARKET_CALLS; i++)
		if (strcmp(market_rows[i].signature, signature) == 0)
			return true;
	return false;
}

int market_data(struct cdx_buf *out, const struct market_row *row,
		struct cdx_abi *args)
{
	uint8_t selector[4];

	cdx_abi_selector(selector, row->signature);
	cdx_buf_put(out, selector, sizeof(selector));
	return args ? cdx_abi_end(args, out) : cdx_buf_ok(out);
}

enum cdx_at market_at(const struct cdx_marketplace *m,
		      const struct market_row *row)
{
	return row->timely ? cdx_head_at(m->head) : row->at;
}

/* ---- the object ---- */

int cdx_marketplace_new(struct cdx_marketplace **out, struct cdx_rpc *rpc,
			const struct cdx_marketplace_opts *opts)
{
	struct cdx_marketplace *m = calloc(1, sizeof(*m));

	*out = NULL;
	if (!m)
		return -ENOMEM;
	m->rpc = rpc;
	m->head = opts->head;
	m->contract = opts->contract;
	if (opts->token) {
		m->token = *opts->token;
		m->token_state = TOKEN_KNOWN;
	}
	cdx_list_init(&m->ops);
	cdx_list_init(&m->waiting);
	*out = m;
	return 0;
}

static void free_ops(struct cdx_list *head)
{
	cdx_list_foreach_safe(pos, next, head)
		market_op_free(cdx_list_entry(pos, struct market_op, link));
}

static void forget_ops(struct cdx_list *head, const void *arg)
{
	cdx_list_foreach_safe(pos, next, head) {
		struct market_op *op =
			cdx_list_entry(pos, struct market_op, link);

		if (op->arg == arg)
			market_op_free(op);
	}
}

void cdx_marketplace_free(struct cdx_marketplace *m)
{
	if (!m)
		return;
	free_ops(&m->ops);
	free_ops(&m->waiting);
	m->dead = true;
	if (!m->telling)
		free(m);
}

void cdx_marketplace_forget(struct cdx_marketplace *m, const void *arg)
{
	forget_ops(&m->ops, arg);
	forget_ops(&m->waiting, arg);
}

const struct cdx_addr *cdx_marketplace_addr(const struct cdx_marketplace *m)
{
	return &m->contract;
}

const struct cdx_addr *market_target(const struct cdx_marketplace *m,
				     const struct market_row *row)
{
	return row->token ? &m->token : &m->contract;
}

/* ---- what is under way ---- */

void market_op_free(struct market_op *op)
{
	if (!op)
		return;
	cdx_list_del(&op->link);
	cdx_rpc_cancel(op->rpc_call);
	cdx_buf_free(&op->data);
	free(op);
}

/* Those that waited are told.  Each may end the marketplace, or ask for more:
 * that waits behind them, for another answer than this one. */
static void on_token(void *arg, int err, const struct cdx_addr *token,
		     const struct cdx_revert *why)
{
	struct cdx_marketplace *m = arg;
	struct market_op *op;
	size_t n = 0;

	if (err == 0)
		m->token = *token;
	m->token_state = err == 0 ? TOKEN_KNOWN : TOKEN_UNKNOWN;
	cdx_list_foreach(pos, &m->waiting)
		n++;
	m->telling = true;
	/* fewer when one of them has others forgotten */
	for (; n > 0 && !m->dead && !cdx_list_empty(&m->waiting); n--) {
		op = cdx_list_entry(m->waiting.next, struct market_op, link);
		cdx_list_del(&op->link);
		cdx_list_add_tail(&m->ops, &op->link);
		op->ready(op, err, why);
	}
	m->telling = false;
	if (m->dead)
		free(m);
}

static int want_token(struct cdx_marketplace *m)
{
	int err = 0;

	if (m->token_state == TOKEN_UNKNOWN)
		err = cdx_market_token(m, on_token, m);
	if (err == 0)
		m->token_state = TOKEN_ASKED;
	return err;
}

int market_op_begin(struct cdx_marketplace *m, struct market_op *op)
{
	bool wait = op->row->token && m->token_state != TOKEN_KNOWN;
	int err = wait ? want_token(m) : 0;

	op->m = m;
	cdx_list_init(&op->link);
	if (err < 0) {
		market_op_free(op);
		return err;
	}
	cdx_list_add_tail(wait ? &m->waiting : &m->ops, &op->link);
	return wait;
}
