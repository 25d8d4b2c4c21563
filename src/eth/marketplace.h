/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_MARKETPLACE_H
#define CDX_ETH_MARKETPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "eth/call.h"
#include "eth/head.h"
#include "eth/market.h"
#include "eth/rpc.h"
#include "eth/sender.h"
#include "eth/types.h"

/*
 * Calls of a marketplace contract and of its token.  loop-confined.
 *
 * Views: @fn is called once, on the loop, never from within.  @err and @why as
 * in eth/call.h.  Which state they look at is Codex's choice
 * (spec/marketplace.md 4.5): pending for states, proofs and challenges, latest
 * for the rest; with a head that is fresh, latest for states too (cdx_head_at).
 * All results are borrowed for the call.
 */
struct cdx_marketplace;

struct cdx_marketplace_opts {
	struct cdx_addr contract;
	const struct cdx_addr *token; /* NULL: ask the contract, once */
	const struct cdx_head *head;  /* kept; NULL: none */
};

/* @opts is copied; returns new; -ENOMEM */
CDX_MUST_CHECK int cdx_marketplace_new(struct cdx_marketplace **out,
				       struct cdx_rpc *rpc,
				       const struct cdx_marketplace_opts *opts);
/* Ends the calls that are under way without their functions.  NULL allowed. */
void cdx_marketplace_free(struct cdx_marketplace *m);
/* Ends the calls that were begun with this argument, without their functions.
 * Transactions that the sender has got go on: cdx_sender_forget. */
void cdx_marketplace_forget(struct cdx_marketplace *m, const void *arg);
const struct cdx_addr *cdx_marketplace_addr(const struct cdx_marketplace *m);
/* Whether one of the calls below is of this function of the contract or the
 * token, by its signature in the ABI: "freeSlot(bytes32)" */
bool cdx_marketplace_calls(const char *signature);

typedef void cdx_u64_fn(void *arg, int err, uint64_t v,
			const struct cdx_revert *why);
typedef void cdx_bool_fn(void *arg, int err, bool v,
			 const struct cdx_revert *why);
typedef void cdx_u256_fn(void *arg, int err, const struct cdx_u256 *v,
			 const struct cdx_revert *why);
typedef void cdx_addr_fn(void *arg, int err, const struct cdx_addr *v,
			 const struct cdx_revert *why);
/* A stranger's text: printable ASCII when it gets here, cut to
 * CDX_MARKET_TEXT_MAX - 1 bytes */
#define CDX_MARKET_TEXT_MAX 65u
typedef void cdx_text_fn(void *arg, int err, const char *text,
			 const struct cdx_revert *why);
typedef void cdx_b32_fn(void *arg, int err, const struct cdx_b32 *v,
			const struct cdx_revert *why);
typedef void cdx_ids_fn(void *arg, int err, const struct cdx_b32 *ids, size_t n,
			const struct cdx_revert *why);
typedef void cdx_config_fn(void *arg, int err,
			   const struct cdx_market_config *config,
			   const struct cdx_revert *why);
/* @index: of the slot, getActiveSlot only */
typedef void cdx_request_fn(void *arg, int err,
			    const struct cdx_storage_request *r, uint64_t index,
			    const struct cdx_revert *why);

/* ---- views ---- */

/* The public functions of the contract that change nothing */
CDX_MUST_CHECK int cdx_market_configuration(struct cdx_marketplace *m,
					    cdx_config_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_token(struct cdx_marketplace *m, cdx_addr_fn *fn,
				    void *arg);
CDX_MUST_CHECK int cdx_market_get_request(struct cdx_marketplace *m,
					  const struct cdx_b32 *request,
					  cdx_request_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_get_active_slot(struct cdx_marketplace *m,
					      const struct cdx_b32 *slot,
					      cdx_request_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_get_host(struct cdx_marketplace *m,
				       const struct cdx_b32 *slot,
				       cdx_addr_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_current_collateral(struct cdx_marketplace *m,
						 const struct cdx_b32 *slot,
						 cdx_u256_fn *fn, void *arg);
/* enum cdx_request_state */
CDX_MUST_CHECK int cdx_market_request_state(struct cdx_marketplace *m,
					    const struct cdx_b32 *request,
					    cdx_u64_fn *fn, void *arg);
/* enum cdx_slot_state */
CDX_MUST_CHECK int cdx_market_slot_state(struct cdx_marketplace *m,
					 const struct cdx_b32 *slot,
					 cdx_u64_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_request_end(struct cdx_marketplace *m,
					  const struct cdx_b32 *request,
					  cdx_u64_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_request_expiry(struct cdx_marketplace *m,
					     const struct cdx_b32 *request,
					     cdx_u64_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_my_requests(struct cdx_marketplace *m,
					  const struct cdx_addr *client,
					  cdx_ids_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_my_slots(struct cdx_marketplace *m,
				       const struct cdx_addr *host,
				       cdx_ids_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_can_reserve_slot(struct cdx_marketplace *m,
					       const struct cdx_addr *host,
					       const struct cdx_b32 *request,
					       uint64_t index, cdx_bool_fn *fn,
					       void *arg);
CDX_MUST_CHECK int cdx_market_missing_proofs(struct cdx_marketplace *m,
					     const struct cdx_b32 *slot,
					     cdx_u64_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_is_proof_required(struct cdx_marketplace *m,
						const struct cdx_b32 *slot,
						cdx_bool_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_will_proof_be_required(struct cdx_marketplace *m,
						     const struct cdx_b32 *slot,
						     cdx_bool_fn *fn,
						     void *arg);
CDX_MUST_CHECK int cdx_market_get_challenge(struct cdx_marketplace *m,
					    const struct cdx_b32 *slot,
					    cdx_b32_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_get_pointer(struct cdx_marketplace *m,
					  const struct cdx_b32 *slot,
					  cdx_u64_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_slot_probability(struct cdx_marketplace *m,
					       const struct cdx_b32 *slot,
					       cdx_u256_fn *fn, void *arg);
/* False when the contract would refuse, with the reason in @why and @err 0 */
CDX_MUST_CHECK int cdx_market_can_mark_missing(struct cdx_marketplace *m,
					       const struct cdx_b32 *slot,
					       uint64_t period, cdx_bool_fn *fn,
					       void *arg);
/* The same questions about many slots, 1 to CDX_MARKET_MANY_MAX, in one request:
 * @answers: @n, in the order of the slots; @err and @why: of the request.  Also
 * -EINVAL another number of them. */
#define CDX_MARKET_MANY_MAX 64u
struct cdx_slot_answer {
	int err;    /* of this one; as in eth/call.h */
	uint64_t v; /* enum cdx_slot_state; 1: can be marked, 0: cannot */
	enum cdx_revert_code code; /* why it cannot, or of err */
};
typedef void cdx_slot_answers_fn(void *arg, int err,
				 const struct cdx_slot_answer *answers,
				 size_t n, const struct cdx_revert *why);
CDX_MUST_CHECK int cdx_market_slot_states(struct cdx_marketplace *m,
					  const struct cdx_b32 *slots, size_t n,
					  cdx_slot_answers_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_can_mark_many(struct cdx_marketplace *m,
					    const struct cdx_b32 *slots,
					    size_t n, uint64_t period,
					    cdx_slot_answers_fn *fn, void *arg);
/* Ours only; CDX_E_CHAIN on Codex's contract */
CDX_MUST_CHECK int cdx_market_proof_submitter(struct cdx_marketplace *m,
					      const struct cdx_addr *host,
					      cdx_addr_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_collateral_per_slot(struct cdx_marketplace *m,
						  const struct cdx_b32 *request,
						  cdx_u256_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_repair_reward(struct cdx_marketplace *m,
					    const struct cdx_b32 *request,
					    cdx_u256_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_collateral_to_fill(struct cdx_marketplace *m,
						 const struct cdx_b32 *request,
						 uint64_t index,
						 cdx_u256_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_payout_if_filled(struct cdx_marketplace *m,
					       const struct cdx_b32 *request,
					       cdx_u256_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_current_payout(struct cdx_marketplace *m,
					     const struct cdx_b32 *slot,
					     cdx_u256_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_request_funds(struct cdx_marketplace *m,
					    const struct cdx_b32 *request,
					    cdx_u256_fn *fn, void *arg);
/* ERC-20 */
CDX_MUST_CHECK int cdx_token_balance(struct cdx_marketplace *m,
				     const struct cdx_addr *owner,
				     cdx_u256_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_token_allowance(struct cdx_marketplace *m,
				       const struct cdx_addr *owner,
				       const struct cdx_addr *spender,
				       cdx_u256_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_token_total_supply(struct cdx_marketplace *m,
					  cdx_u256_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_token_name(struct cdx_marketplace *m, cdx_text_fn *fn,
				  void *arg);
/* What it takes to show an amount; the symbol as in cdx_text_fn, decimals at
 * most 77 (else CDX_E_FORMAT) */
typedef void cdx_token_info_fn(void *arg, int err, const char *symbol,
			       unsigned decimals, const struct cdx_revert *why);
CDX_MUST_CHECK int cdx_token_info(struct cdx_marketplace *m,
				  cdx_token_info_fn *fn, void *arg);

/* ---- transactions ----
 * @how: NULL, or what a sender needs beside the call: tag, stake, deadline (its
 * to, data, margins are filled in here).  @fn as in eth/sender.h; likewise the
 * errors that are returned at once.  The token's wait until its address is
 * known: then @from must live until @fn was called or the marketplace is freed.
 */

/* What a transaction may cost and until when it is worth it */
struct cdx_market_how {
	const char *tag;
	struct cdx_u256 stake;
	int64_t deadline;
};

/* The public functions of the contract that change something */
CDX_MUST_CHECK int
cdx_market_request_storage(struct cdx_marketplace *m, struct cdx_sender *from,
			   const struct cdx_storage_request *r,
			   const struct cdx_market_how *how, cdx_send_fn *fn,
			   void *arg);
CDX_MUST_CHECK int cdx_market_reserve_slot(struct cdx_marketplace *m,
					   struct cdx_sender *from,
					   const struct cdx_b32 *request,
					   uint64_t index,
					   const struct cdx_market_how *how,
					   cdx_send_fn *fn, void *arg);
/* What is filled, with which proof */
struct cdx_market_fill {
	struct cdx_b32 request;
	uint64_t index;
	struct cdx_proof_words proof;
};
CDX_MUST_CHECK int cdx_market_fill_slot(struct cdx_marketplace *m,
					struct cdx_sender *from,
					const struct cdx_market_fill *fill,
					const struct cdx_market_how *how,
					cdx_send_fn *fn, void *arg);
/* Where the money goes; both or none (NULL) */
struct cdx_market_recipients {
	struct cdx_addr reward;
	struct cdx_addr collateral;
};
CDX_MUST_CHECK int cdx_market_free_slot(struct cdx_marketplace *m,
					struct cdx_sender *from,
					const struct cdx_b32 *slot,
					const struct cdx_market_recipients *to,
					const struct cdx_market_how *how,
					cdx_send_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_submit_proof(struct cdx_marketplace *m,
					   struct cdx_sender *from,
					   const struct cdx_b32 *slot,
					   const struct cdx_proof_words *proof,
					   const struct cdx_market_how *how,
					   cdx_send_fn *fn, void *arg);
/* Many proofs of many slots, @n of both */
struct cdx_market_proofs {
	const struct cdx_b32 *slots;
	const struct cdx_proof_words *proofs;
	size_t n;
};
CDX_MUST_CHECK int cdx_market_submit_proofs(struct cdx_marketplace *m,
					    struct cdx_sender *from,
					    const struct cdx_market_proofs *p,
					    const struct cdx_market_how *how,
					    cdx_send_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_set_proof_submitter(
	struct cdx_marketplace *m, struct cdx_sender *from,
	const struct cdx_addr *submitter, const struct cdx_market_how *how,
	cdx_send_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_market_mark_missing(struct cdx_marketplace *m,
					   struct cdx_sender *from,
					   const struct cdx_b32 *slot,
					   uint64_t period,
					   const struct cdx_market_how *how,
					   cdx_send_fn *fn, void *arg);
/* @recipient: NULL is the client itself */
CDX_MUST_CHECK int cdx_market_withdraw(struct cdx_marketplace *m,
				       struct cdx_sender *from,
				       const struct cdx_b32 *request,
				       const struct cdx_addr *recipient,
				       const struct cdx_market_how *how,
				       cdx_send_fn *fn, void *arg);
/* The token's.  Each transaction fixes the allowance; who adds to one reads it
 * first. */
CDX_MUST_CHECK int
cdx_token_approve(struct cdx_marketplace *m, struct cdx_sender *from,
		  const struct cdx_addr *spender, const struct cdx_u256 *amount,
		  const struct cdx_market_how *how, cdx_send_fn *fn, void *arg);
CDX_MUST_CHECK int cdx_token_transfer(struct cdx_marketplace *m,
				      struct cdx_sender *from,
				      const struct cdx_addr *to,
				      const struct cdx_u256 *amount,
				      const struct cdx_market_how *how,
				      cdx_send_fn *fn, void *arg);
/* Out of an account that has allowed it to the sender's */
struct cdx_token_pull {
	struct cdx_addr owner;
	struct cdx_addr to;
	struct cdx_u256 amount;
};
CDX_MUST_CHECK int cdx_token_transfer_from(struct cdx_marketplace *m,
					   struct cdx_sender *from,
					   const struct cdx_token_pull *pull,
					   const struct cdx_market_how *how,
					   cdx_send_fn *fn, void *arg);
/* Test tokens only */
CDX_MUST_CHECK int
cdx_token_mint(struct cdx_marketplace *m, struct cdx_sender *from,
	       const struct cdx_addr *to, const struct cdx_u256 *amount,
	       const struct cdx_market_how *how, cdx_send_fn *fn, void *arg);

#endif
