/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_MARKET_MARKET_KIT_H
#define CDX_TESTS_MARKET_MARKET_KIT_H

/*
 * A market on a real chain, from a test's thread: our contracts with the real
 * verifier, accounts that have money, a protected dataset in a real store, the
 * environment that the parts of src/market take, and the chain's time in the
 * test's hand.  Include after cmocka.h.  Calls block; everything fails the test
 * but what a function's result says.
 *
 * The loop of the parts is kit->env.loop: what is confined to it is begun by
 * mk_on_loop and looked at by mk_until.
 */

#include "market/env.h"
#include "market/prover.h"
#include "proof/circuit.h"
#include "proof/key.h"
#include "tests/chain/chain_kit.h"
#include "tests/unit/seed.h"
#include "tests/unit/store_tmp.h"

#include "tests/unit/protect_kit.h"

#define MK_SLOTS_MAX 64u
/* Seconds that anything is waited for */
#define MK_WAIT_S 60u

struct mk_opts {
	/* NULL: mk_config.  An empty zkey_hash becomes the key's. */
	const struct cdx_market_config *config;
	unsigned confirmations; /* 0: 1 */
	uint32_t k;		/* of the dataset; 0: 2 */
	uint32_t m;		/* 0: 1 */
	size_t len;		/* 0: 600,000 bytes */
	uint32_t block_size;	/* 0: 64 KiB */
	bool no_data;		/* neither a store nor a dataset */
	bool gate;		/* the environment's RPC goes through mk_gate */
};
/* Periods of 120 s, a downtime of 16 blocks, two slashes of 20 % */
extern const struct cdx_market_config mk_config;

/* An account and its sender, which may be thrown away and made again */
struct mk_account {
	struct cdx_account account;
	struct cdx_sender *sender;
};

struct mk_gate;
struct mk {
	const char *url;
	const char *artifacts;
	struct chain c;	   /* the environment's loop and RPC */
	struct chain hand; /* the test's own, never behind the gate */
	struct mk_gate *gate;
	struct seed seed;
	struct tmp_store store;
	struct pk_data data;
	struct cdx_slots slots;
	struct cdx_proof_key key;
	struct cdx_pool *pool;
	struct mk_account rich;
	struct cdx_addr contract;
	struct cdx_addr token;
	uint64_t contract_block;
	struct cdx_u256 minted; /* in all */
	struct cdx_market_env env;
};

/* From the arguments of a program: URL KEY.zkey ARTIFACTS.  @opts: NULL is all
 * default.  Mines 257 blocks: challenges are hashes of blocks. */
void mk_start(struct mk *kit, const char *what, char **argv,
	      const struct mk_opts *opts);
/* Accounts of the test are dropped before. */
void mk_stop(struct mk *kit);
/* As prover.h wants it: the key that the contract knows */
struct cdx_prover_keys mk_keys(struct mk *kit);

/* ---- accounts ---- */

/* A new one with an ether and 10^15 tokens, and its sender */
void mk_account(struct mk *kit, struct mk_account *a);
/* The sender goes, what it wrote down stays with env.persist; and comes again */
void mk_sender_drop(struct mk *kit, struct mk_account *a);
void mk_sender_make(struct mk *kit, struct mk_account *a);

/* ---- the loop ---- */

/* Runs @fn there, returns when it has */
void mk_on_loop(struct mk *kit, void (*fn)(void *arg), void *arg);
/* Until @fn says so on the loop; asked every 10 ms, fails after MK_WAIT_S */
void mk_until(struct mk *kit, bool (*fn)(void *arg), void *arg,
	      const char *what);
/* The same, and a block is mined between looks once in 100 ms: for
 * confirmations and pointers that move */
void mk_until_mining(struct mk *kit, bool (*fn)(void *arg), void *arg,
		     const char *what);
/* Until the environment's head is the chain's */
void mk_sync(struct mk *kit);

/* ---- the chain's time ---- */

uint64_t mk_now(struct mk *kit); /* of the newest block */
uint64_t mk_period(struct mk *kit);
void mk_go_to(struct mk *kit, uint64_t time); /* mines a block of then */
void mk_mine(struct mk *kit, unsigned blocks);
/* The first second of the next period */
void mk_next_period(struct mk *kit);
/* Whether a slot's pointer is behind the downtime and far from wrapping */
bool mk_settled(struct mk *kit, const struct cdx_b32 *slot);
/* Periods on until it is; and until the dice want a proof of it too */
void mk_settle(struct mk *kit, const struct cdx_b32 *slot);
void mk_until_required(struct mk *kit, const struct cdx_b32 *slot);
void mk_automine(struct mk *kit, bool on);
/* The newest @depth blocks are replaced by empty ones */
void mk_reorg(struct mk *kit, unsigned depth);
/* A state to come back to; coming back uses it up */
json_t *mk_snapshot(struct mk *kit);
void mk_revert(struct mk *kit, json_t *snapshot);

/* The environment's way to the node, where opts.gate is set: closed, every
 * connection is cut and none is taken */
void mk_gate(struct mk *kit, bool open);

/* ---- requests ---- */

struct mk_request {
	struct cdx_storage_request r;
	struct cdx_b32 id;
	struct cdx_b32 slot[MK_SLOTS_MAX];
	uint64_t posted; /* timestamp of its block */
};

/* A request for the kit's dataset: a proof in each period, price 1, collateral
 * 3, two hours, expiry half of that; change what is to be otherwise, then post.
 */
void mk_request(struct mk *kit, const struct mk_account *client,
		struct mk_request *out);
/* After a change of @rq->r: its ids */
void mk_request_ids(struct mk_request *rq);
/* Allows the price and posts it */
void mk_post(struct mk *kit, const struct mk_account *client,
	     struct mk_request *rq);
void mk_reserve(struct mk *kit, const struct mk_account *host,
		const struct mk_request *rq, uint64_t slot);
/* The answer to the present challenge of a slot; it lies in kit->store */
struct cdx_proof_words mk_prove(struct mk *kit, const struct mk_request *rq,
				uint32_t slot);
/* Reserves, goes to a period that is settled, proves, allows the collateral,
 * fills */
void mk_fill(struct mk *kit, const struct mk_account *host,
	     const struct mk_request *rq, uint32_t slot);
/* A proof of the present period, made and sent */
void mk_submit(struct mk *kit, const struct mk_account *host,
	       const struct mk_request *rq, uint32_t slot);
void mk_free_slot(struct mk *kit, const struct mk_account *host,
		  const struct cdx_b32 *slot);
void mk_withdraw(struct mk *kit, const struct mk_account *client,
		 const struct cdx_b32 *request);
/* 0 or what the contract says against it */
int mk_mark(struct mk *kit, const struct mk_account *validator,
	    const struct cdx_b32 *slot, uint64_t period,
	    struct cdx_revert *why);

/* ---- questions, answered from the test's own RPC ---- */

enum cdx_request_state mk_request_state(struct mk *kit,
					const struct cdx_b32 *request);
enum cdx_slot_state mk_slot_state(struct mk *kit, const struct cdx_b32 *slot);
struct cdx_u256 mk_balance(struct mk *kit, const struct cdx_addr *owner);
struct cdx_u256 mk_collateral(struct mk *kit, const struct cdx_b32 *slot);
struct cdx_addr mk_host(struct mk *kit, const struct cdx_b32 *slot);
uint64_t mk_missing(struct mk *kit, const struct cdx_b32 *slot);
uint64_t mk_pointer(struct mk *kit, const struct cdx_b32 *slot);
struct cdx_b32 mk_challenge(struct mk *kit, const struct cdx_b32 *slot);
bool mk_required(struct mk *kit, const struct cdx_b32 *slot);
bool mk_can_mark(struct mk *kit, const struct cdx_b32 *slot, uint64_t period);
void mk_assert_amount(const struct cdx_u256 *got, const struct cdx_u256 *want,
		      const char *what);

#endif
