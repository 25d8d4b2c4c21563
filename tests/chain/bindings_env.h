/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_CHAIN_BINDINGS_ENV_H
#define CDX_TESTS_CHAIN_BINDINGS_ENV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proof/groth16.h"
#include "proof/zkey.h"
#include "tests/chain/chain_kit.h"
#include "tests/unit/seed.h"

/*
 * What the tests of the bindings share: a chain with token, verifier and
 * marketplace, those who take part, and every call of the client as a function
 * that chain_do can run.
 *
 * The verifier's key is of a circuit of our own that has the public inputs of
 * the real one and is content with any: its proofs take milliseconds, and are
 * real ones for the contract (chain/life has the real circuit).
 */

#define ENV_PERIOD 120u
#define ENV_TIMEOUT 60u
#define ENV_DOWNTIME 64u
#define ENV_LIMIT 100000u /* seconds of a request */
#define ENV_ETHER UINT64_C(1000000000000000000)

enum role {
	CLIENT,
	HOST_0,
	HOST_1,
	VALIDATOR,
	RICH,
	ROLES,
};

struct env {
	const char *url;
	const char *artifacts;
	struct chain c;
	struct seed seed;
	struct cdx_market_config config;
	struct cdx_account account[ROLES];
	struct cdx_sender *sender[ROLES];
	struct cdx_addr token;
	struct cdx_addr verifier;
	struct cdx_addr contract;
	struct cdx_buf key; /* the file, which zkey points into */
	struct cdx_zkey zkey;
	/* events of the last transaction, and how many of each kind so far */
	struct cdx_market_event event[8];
	size_t n_events;
	unsigned events[CDX_EVENT_APPROVAL + 1];
	/* text of the last call that gives one */
	char text[CDX_MARKET_TEXT_MAX];
	/* how often each refusal was met */
	unsigned refused[CDX_REVERT_CODES];
};
extern struct env env;

/* What a call is given; which members it looks at is its own affair */
struct args {
	enum role from;
	struct cdx_addr addr;
	struct cdx_addr addr_2;
	struct cdx_b32 id; /* of a request or a slot */
	uint64_t n;	   /* index of a slot, period */
	struct cdx_u256 amount;
	const struct cdx_storage_request *request;
	struct cdx_proof_words proof;
	bool to; /* recipients: addr, and addr_2 for the collateral */
};

/* A client, and what it needs of the chain; token and verifier */
void env_start(const char *url, const char *artifacts);
void env_stop(void);
/* Code of a contract, to be freed or given to chain_deploy */
void env_artifact(struct cdx_buf *out, const char *name);
/* Deploys one that is refused: how */
void env_deploy_refused(struct cdx_buf *code, enum cdx_revert_code code_want);
/* Code and arguments of a marketplace */
void env_marketplace_code(struct cdx_buf *out,
			  const struct cdx_market_config *config,
			  const struct cdx_addr *token);

/* Does it, and it must work */
struct chain_op env_fine(cdx_await_fn *fn, struct args in, const char *what);
/* Does it, and it must be refused with this code */
void env_refused(cdx_await_fn *fn, struct args in, enum cdx_revert_code code);
/* A view that gives a small number or a flag */
uint64_t env_number(cdx_await_fn *fn, struct args in);
uint64_t env_amount(cdx_await_fn *fn, struct args in);

/* A request of the client's that the contract takes, with a fresh nonce */
struct cdx_storage_request env_request(uint64_t slots);
/* Posts it, having allowed what it costs; its id */
struct cdx_b32 env_post(const struct cdx_storage_request *r);
struct cdx_b32 env_slot(const struct cdx_b32 *request, uint64_t index);
/* Answer of a slot of @r to its present challenge */
struct cdx_proof_words env_prove(const struct cdx_storage_request *r,
				 const struct cdx_b32 *request, uint64_t index);
/* Both are the same */
void env_same(const struct cdx_storage_request *a,
	      const struct cdx_storage_request *b);
/* The marketplace may take so much of this account */
void env_allow(enum role who, const struct cdx_u256 *amount);
/* Fills a slot that @host has reserved, having allowed the collateral, in a new
 * period */
void env_fill(enum role host, const struct cdx_storage_request *r,
	      const struct cdx_b32 *request, uint64_t index);

/* The beginning of the next period; the slot's pointer is in [@low, @high] and
 * will be for the blocks to come */
void env_next_period(const struct cdx_b32 *slot, uint64_t low, uint64_t high);
uint64_t env_now(void);

/* How many events of a kind the last transaction had; the first in @out unless
 * NULL */
unsigned env_events(enum cdx_market_event_kind kind,
		    struct cdx_market_event *out);

/* A contract's answer to bytes of no binding; as cdx_eth_call_fn tells it */
int env_raw(struct cdx_revert *why, struct cdx_buf *answer,
	    const struct cdx_addr *to, const struct cdx_buf *data);

/* Tests of bindings_refuse.c, in the order in which they run among those of
 * bindings.c */
void bind_constructor(void **state);
void bind_published_key(void **state);
void bind_transfer_failed(void **state);
void bind_check(void **state);
void bind_all_met(void **state);

/* Every call, for chain_do; the argument is struct args */
cdx_await_fn do_configuration, do_token, do_get_request, do_get_active_slot,
	do_get_host, do_current_collateral, do_request_state, do_slot_state,
	do_request_end, do_request_expiry, do_my_requests, do_my_slots,
	do_can_reserve_slot, do_missing_proofs, do_is_proof_required,
	do_will_proof_be_required, do_get_challenge, do_get_pointer,
	do_slot_probability, do_can_mark_missing, do_proof_submitter,
	do_collateral_per_slot, do_repair_reward, do_collateral_to_fill,
	do_payout_if_filled, do_current_payout, do_request_funds,
	do_token_balance, do_token_allowance, do_token_total_supply,
	do_token_name, do_token_info, do_request_storage, do_reserve_slot,
	do_fill_slot, do_free_slot, do_submit_proof, do_submit_proofs,
	do_set_proof_submitter, do_mark_missing, do_withdraw, do_token_approve,
	do_token_transfer, do_token_transfer_from, do_token_mint;

#endif
