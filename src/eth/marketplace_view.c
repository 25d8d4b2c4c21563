/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/marketplace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/marketplace_internal.h"

/* Who is told, by what the function answers */
union view_fn {
	cdx_u64_fn *u64;
	cdx_bool_fn *flag;
	cdx_u256_fn *u256;
	cdx_addr_fn *addr;
	cdx_b32_fn *b32;
	cdx_ids_fn *ids;
	cdx_config_fn *config;
	cdx_request_fn *request;
	cdx_text_fn *text;
	cdx_token_info_fn *info;
};

/* A view under way */
struct view {
	struct market_op op;
	union view_fn fn;
	struct cdx_addr from;
	bool has_from;
	bool info; /* symbol first, then decimals: tells both */
	char symbol[CDX_MARKET_TEXT_MAX];
};
_Static_assert(offsetof(struct view, op) == 0, "market_op_free frees a view");

/* An address without code answers every call with nothing */
static void say_malformed(struct cdx_revert *why, const struct view *v,
			  size_t len)
{
	char addr[CDX_ADDR_TEXT_MAX];

	memset(why, 0, sizeof(*why));
	cdx_addr_text(addr, market_target(v->op.m, v->op.row));
	if (len == 0)
		snprintf(why->words, sizeof(why->words),
			 "%s is no %s, or no contract at all: it answers "
			 "%s with nothing",
			 addr, v->op.row->token ? "token" : "marketplace",
			 v->op.row->signature);
	else
		snprintf(why->words, sizeof(why->words),
			 "%s answers %s with something else than that returns",
			 addr, v->op.row->signature);
}

/* ---- telling ---- */

/* The only function without a result refuses for "no" */
static void tell_flag(const struct view *v, int err,
		      const struct cdx_revert *why)
{
	bool no = err == CDX_E_CHAIN && why->code != CDX_REVERT_NONE;

	v->fn.flag(v->op.arg, no ? 0 : err, err == 0, why);
}

static void tell(const struct view *v, int err, const struct market_answer *a,
		 const struct cdx_revert *why)
{
	bool ok = err == 0;

	switch (v->op.row->result) {
	case RESULT_NONE:
		tell_flag(v, err, why);
		return;
	case RESULT_U64:
		v->fn.u64(v->op.arg, err, ok ? a->u64 : 0, why);
		return;
	case RESULT_BOOL:
		v->fn.flag(v->op.arg, err, ok && a->flag, why);
		return;
	case RESULT_U256:
		v->fn.u256(v->op.arg, err, ok ? &a->u256 : NULL, why);
		return;
	case RESULT_ADDR:
		v->fn.addr(v->op.arg, err, ok ? &a->addr : NULL, why);
		return;
	case RESULT_B32:
		v->fn.b32(v->op.arg, err, ok ? &a->b32 : NULL, why);
		return;
	case RESULT_IDS:
		v->fn.ids(v->op.arg, err, ok ? a->ids : NULL, ok ? a->n_ids : 0,
			  why);
		return;
	case RESULT_CONFIG:
		v->fn.config(v->op.arg, err, ok ? &a->config : NULL, why);
		return;
	case RESULT_REQUEST:
	case RESULT_ACTIVE_SLOT:
		v->fn.request(v->op.arg, err, ok ? &a->request : NULL,
			      ok ? a->u64 : 0, why);
		return;
	case RESULT_TEXT:
		v->fn.text(v->op.arg, err, ok ? a->text : NULL, why);
		return;
	}
}

/* The function may end the marketplace: the view is on no list by then */
static void finish(struct view *v, int err, const struct market_answer *a,
		   const struct cdx_revert *why)
{
	cdx_list_del(&v->op.link);
	if (v->info)
		v->fn.info(v->op.arg, err, err == 0 ? v->symbol : NULL,
			   err == 0 ? (unsigned)a->u64 : 0, why);
	else
		tell(v, err, a, why);
	market_op_free(&v->op);
}

/* ---- asking ---- */

static int ask(struct view *v);

/* The symbol is there: decimals next */
static int ask_decimals(struct view *v, const struct market_answer *a)
{
	int err;

	memcpy(v->symbol, a->text, sizeof(v->symbol));
	v->op.row = &market_rows[TOKEN_DECIMALS];
	cdx_buf_free(&v->op.data);
	err = market_data(&v->op.data, v->op.row, NULL);
	return err < 0 ? err : ask(v);
}

static void on_answer(void *arg, int err, const uint8_t *data, size_t len,
		      const struct cdx_revert *why)
{
	struct view *v = arg;
	struct market_answer a = {.u64 = 0};
	struct cdx_revert local;

	v->op.rpc_call = NULL;
	if (err == 0) {
		err = market_answer_read(&a, v->op.row, data, len);
		if (err < 0)
			say_malformed(&local, v, len);
		why = err < 0 ? &local : NULL;
	}
	if (err == 0 && v->info && v->op.row == &market_rows[TOKEN_SYMBOL]) {
		err = ask_decimals(v, &a);
		if (err == 0)
			return;
		cdx_revert_of_reply(&local, err, NULL);
		why = &local;
	}
	finish(v, err, &a, why);
}

static int ask(struct view *v)
{
	const struct cdx_marketplace *m = v->op.m;
	const struct cdx_call_req req = {
		.to = *market_target(m, v->op.row),
		.from = v->has_from ? &v->from : NULL,
		.data = v->op.data.p,
		.len = v->op.data.len,
		.at = market_at(m, v->op.row),
	};

	return cdx_eth_call(m->rpc, &v->op.rpc_call, &req, on_answer, v);
}

/* The token's address is known, or why it is not */
static void on_ready(struct market_op *op, int err,
		     const struct cdx_revert *why)
{
	struct view *v = CDX_CONTAINER(op, struct view, op);
	struct cdx_revert local;

	if (err == 0) {
		err = ask(v);
		if (err == 0)
			return;
		cdx_revert_of_reply(&local, err, NULL);
		why = &local;
	}
	finish(v, err, NULL, why);
}

/* What is asked, and who is told */
struct question {
	enum market_call call;
	const struct cdx_addr *from; /* NULL: nobody */
	union view_fn fn;
	void *arg;
	bool info;
};

/* @args: freed */
static int begin(struct cdx_marketplace *m, const struct question *q,
		 struct cdx_abi *args)
{
	struct cdx_buf data = {.p = NULL};
	int err = market_data(&data, &market_rows[q->call], args);
	struct view *v = err < 0 ? NULL : calloc(1, sizeof(*v));

	if (!v) {
		cdx_buf_free(&data);
		return err < 0 ? err : -ENOMEM;
	}
	v->op.row = &market_rows[q->call];
	v->op.data = data;
	v->op.ready = on_ready;
	v->fn = q->fn;
	v->op.arg = q->arg;
	v->info = q->info;
	if (q->from) {
		v->from = *q->from;
		v->has_from = true;
	}
	err = market_op_begin(m, &v->op);
	if (err != 0)
		return err < 0 ? err : 0;
	err = ask(v);
	if (err < 0)
		market_op_free(&v->op);
	return err;
}

/* Functions by what they take: nothing, an id, an id and a number */
static int begin_plain(struct cdx_marketplace *m, enum market_call call,
		       union view_fn fn, void *arg)
{
	const struct question q = {.call = call, .fn = fn, .arg = arg};

	return begin(m, &q, NULL);
}

static int begin_id(struct cdx_marketplace *m, enum market_call call,
		    const struct cdx_b32 *id, union view_fn fn, void *arg)
{
	const struct question q = {.call = call, .fn = fn, .arg = arg};
	struct cdx_abi args;

	cdx_abi_begin(&args, 1);
	cdx_abi_b32(&args, id->b);
	return begin(m, &q, &args);
}

static int begin_at(struct cdx_marketplace *m, const struct question *q,
		    const struct cdx_b32 *id, uint64_t number)
{
	struct cdx_abi args;

	cdx_abi_begin(&args, 2);
	cdx_abi_b32(&args, id->b);
	cdx_abi_u64(&args, number);
	return begin(m, q, &args);
}

/* ---- without arguments ---- */

int cdx_market_configuration(struct cdx_marketplace *m, cdx_config_fn *fn,
			     void *arg)
{
	return begin_plain(m, MARKET_CONFIGURATION,
			   (union view_fn){.config = fn}, arg);
}

int cdx_market_token(struct cdx_marketplace *m, cdx_addr_fn *fn, void *arg)
{
	return begin_plain(m, MARKET_TOKEN, (union view_fn){.addr = fn}, arg);
}

int cdx_market_my_requests(struct cdx_marketplace *m,
			   const struct cdx_addr *client, cdx_ids_fn *fn,
			   void *arg)
{
	const struct question q = {
		.call = MARKET_MY_REQUESTS,
		.from = client,
		.fn.ids = fn,
		.arg = arg,
	};

	return begin(m, &q, NULL);
}

int cdx_market_my_slots(struct cdx_marketplace *m, const struct cdx_addr *host,
			cdx_ids_fn *fn, void *arg)
{
	const struct question q = {
		.call = MARKET_MY_SLOTS,
		.from = host,
		.fn.ids = fn,
		.arg = arg,
	};

	return begin(m, &q, NULL);
}

/* ---- of an id ---- */

int cdx_market_get_request(struct cdx_marketplace *m,
			   const struct cdx_b32 *request, cdx_request_fn *fn,
			   void *arg)
{
	return begin_id(m, MARKET_GET_REQUEST, request,
			(union view_fn){.request = fn}, arg);
}

int cdx_market_get_active_slot(struct cdx_marketplace *m,
			       const struct cdx_b32 *slot, cdx_request_fn *fn,
			       void *arg)
{
	return begin_id(m, MARKET_GET_ACTIVE_SLOT, slot,
			(union view_fn){.request = fn}, arg);
}

int cdx_market_get_host(struct cdx_marketplace *m, const struct cdx_b32 *slot,
			cdx_addr_fn *fn, void *arg)
{
	return begin_id(m, MARKET_GET_HOST, slot, (union view_fn){.addr = fn},
			arg);
}

int cdx_market_current_collateral(struct cdx_marketplace *m,
				  const struct cdx_b32 *slot, cdx_u256_fn *fn,
				  void *arg)
{
	return begin_id(m, MARKET_CURRENT_COLLATERAL, slot,
			(union view_fn){.u256 = fn}, arg);
}

int cdx_market_request_state(struct cdx_marketplace *m,
			     const struct cdx_b32 *request, cdx_u64_fn *fn,
			     void *arg)
{
	return begin_id(m, MARKET_REQUEST_STATE, request,
			(union view_fn){.u64 = fn}, arg);
}

int cdx_market_slot_state(struct cdx_marketplace *m, const struct cdx_b32 *slot,
			  cdx_u64_fn *fn, void *arg)
{
	return begin_id(m, MARKET_SLOT_STATE, slot, (union view_fn){.u64 = fn},
			arg);
}

int cdx_market_request_end(struct cdx_marketplace *m,
			   const struct cdx_b32 *request, cdx_u64_fn *fn,
			   void *arg)
{
	return begin_id(m, MARKET_REQUEST_END, request,
			(union view_fn){.u64 = fn}, arg);
}

int cdx_market_request_expiry(struct cdx_marketplace *m,
			      const struct cdx_b32 *request, cdx_u64_fn *fn,
			      void *arg)
{
	return begin_id(m, MARKET_REQUEST_EXPIRY, request,
			(union view_fn){.u64 = fn}, arg);
}

int cdx_market_missing_proofs(struct cdx_marketplace *m,
			      const struct cdx_b32 *slot, cdx_u64_fn *fn,
			      void *arg)
{
	return begin_id(m, MARKET_MISSING_PROOFS, slot,
			(union view_fn){.u64 = fn}, arg);
}

int cdx_market_is_proof_required(struct cdx_marketplace *m,
				 const struct cdx_b32 *slot, cdx_bool_fn *fn,
				 void *arg)
{
	return begin_id(m, MARKET_IS_PROOF_REQUIRED, slot,
			(union view_fn){.flag = fn}, arg);
}

int cdx_market_will_proof_be_required(struct cdx_marketplace *m,
				      const struct cdx_b32 *slot,
				      cdx_bool_fn *fn, void *arg)
{
	return begin_id(m, MARKET_WILL_PROOF_BE_REQUIRED, slot,
			(union view_fn){.flag = fn}, arg);
}

int cdx_market_get_challenge(struct cdx_marketplace *m,
			     const struct cdx_b32 *slot, cdx_b32_fn *fn,
			     void *arg)
{
	return begin_id(m, MARKET_GET_CHALLENGE, slot,
			(union view_fn){.b32 = fn}, arg);
}

int cdx_market_get_pointer(struct cdx_marketplace *m,
			   const struct cdx_b32 *slot, cdx_u64_fn *fn,
			   void *arg)
{
	return begin_id(m, MARKET_GET_POINTER, slot, (union view_fn){.u64 = fn},
			arg);
}

int cdx_market_slot_probability(struct cdx_marketplace *m,
				const struct cdx_b32 *slot, cdx_u256_fn *fn,
				void *arg)
{
	return begin_id(m, MARKET_SLOT_PROBABILITY, slot,
			(union view_fn){.u256 = fn}, arg);
}

int cdx_market_collateral_per_slot(struct cdx_marketplace *m,
				   const struct cdx_b32 *request,
				   cdx_u256_fn *fn, void *arg)
{
	return begin_id(m, MARKET_COLLATERAL_PER_SLOT, request,
			(union view_fn){.u256 = fn}, arg);
}

int cdx_market_repair_reward(struct cdx_marketplace *m,
			     const struct cdx_b32 *request, cdx_u256_fn *fn,
			     void *arg)
{
	return begin_id(m, MARKET_REPAIR_REWARD, request,
			(union view_fn){.u256 = fn}, arg);
}

int cdx_market_payout_if_filled(struct cdx_marketplace *m,
				const struct cdx_b32 *request, cdx_u256_fn *fn,
				void *arg)
{
	return begin_id(m, MARKET_PAYOUT_IF_FILLED, request,
			(union view_fn){.u256 = fn}, arg);
}

int cdx_market_current_payout(struct cdx_marketplace *m,
			      const struct cdx_b32 *slot, cdx_u256_fn *fn,
			      void *arg)
{
	return begin_id(m, MARKET_CURRENT_PAYOUT, slot,
			(union view_fn){.u256 = fn}, arg);
}

int cdx_market_request_funds(struct cdx_marketplace *m,
			     const struct cdx_b32 *request, cdx_u256_fn *fn,
			     void *arg)
{
	return begin_id(m, MARKET_REQUEST_FUNDS, request,
			(union view_fn){.u256 = fn}, arg);
}

/* ---- of more ---- */

int cdx_market_can_reserve_slot(struct cdx_marketplace *m,
				const struct cdx_addr *host,
				const struct cdx_b32 *request, uint64_t index,
				cdx_bool_fn *fn, void *arg)
{
	const struct question q = {
		.call = MARKET_CAN_RESERVE_SLOT,
		.from = host,
		.fn.flag = fn,
		.arg = arg,
	};

	return begin_at(m, &q, request, index);
}

int cdx_market_can_mark_missing(struct cdx_marketplace *m,
				const struct cdx_b32 *slot, uint64_t period,
				cdx_bool_fn *fn, void *arg)
{
	const struct question q = {
		.call = MARKET_CAN_MARK_MISSING,
		.fn.flag = fn,
		.arg = arg,
	};

	return begin_at(m, &q, slot, period);
}

int cdx_market_collateral_to_fill(struct cdx_marketplace *m,
				  const struct cdx_b32 *request, uint64_t index,
				  cdx_u256_fn *fn, void *arg)
{
	const struct question q = {
		.call = MARKET_COLLATERAL_TO_FILL,
		.fn.u256 = fn,
		.arg = arg,
	};

	return begin_at(m, &q, request, index);
}

/* Of an account */
static int begin_addr(struct cdx_marketplace *m, const struct question *q,
		      const struct cdx_addr *a)
{
	struct cdx_abi args;

	cdx_abi_begin(&args, 1);
	cdx_abi_addr(&args, a->b);
	return begin(m, q, &args);
}

int cdx_market_proof_submitter(struct cdx_marketplace *m,
			       const struct cdx_addr *host, cdx_addr_fn *fn,
			       void *arg)
{
	const struct question q = {
		.call = MARKET_PROOF_SUBMITTER,
		.fn.addr = fn,
		.arg = arg,
	};

	return begin_addr(m, &q, host);
}

/* ---- the token ---- */

int cdx_token_balance(struct cdx_marketplace *m, const struct cdx_addr *owner,
		      cdx_u256_fn *fn, void *arg)
{
	const struct question q = {
		.call = TOKEN_BALANCE,
		.fn.u256 = fn,
		.arg = arg,
	};

	return begin_addr(m, &q, owner);
}

int cdx_token_allowance(struct cdx_marketplace *m, const struct cdx_addr *owner,
			const struct cdx_addr *spender, cdx_u256_fn *fn,
			void *arg)
{
	const struct question q = {
		.call = TOKEN_ALLOWANCE,
		.fn.u256 = fn,
		.arg = arg,
	};
	struct cdx_abi args;

	cdx_abi_begin(&args, 2);
	cdx_abi_addr(&args, owner->b);
	cdx_abi_addr(&args, spender->b);
	return begin(m, &q, &args);
}

int cdx_token_total_supply(struct cdx_marketplace *m, cdx_u256_fn *fn,
			   void *arg)
{
	return begin_plain(m, TOKEN_TOTAL_SUPPLY, (union view_fn){.u256 = fn},
			   arg);
}

int cdx_token_name(struct cdx_marketplace *m, cdx_text_fn *fn, void *arg)
{
	return begin_plain(m, TOKEN_NAME, (union view_fn){.text = fn}, arg);
}

int cdx_token_info(struct cdx_marketplace *m, cdx_token_info_fn *fn, void *arg)
{
	const struct question q = {
		.call = TOKEN_SYMBOL,
		.fn.info = fn,
		.arg = arg,
		.info = true,
	};

	return begin(m, &q, NULL);
}
