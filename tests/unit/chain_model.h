/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_CHAIN_MODEL_H
#define CDX_TESTS_UNIT_CHAIN_MODEL_H

/*
 * A chain in memory behind rpc_kit: blocks, a pool, an account's nonces.  It
 * does what a real node does with transactions, and what none can be made to do:
 * forgets, undoes blocks, refuses, loses receipts.  Everything but the answers
 * is called under rpc_kit_lock.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eth/types.h"
#include "tests/unit/rpc_kit.h"

#define MODEL_TXS 4096
#define MODEL_BLOCKS 1024
#define MODEL_GWEI UINT64_C(1000000000)

/* A transaction that the chain has seen */
struct model_tx {
	struct cdx_b32 hash;
	struct cdx_addr from;
	uint64_t nonce;
	uint64_t gas;
	struct cdx_u256 cap;
	struct cdx_u256 tip;
	bool legacy;
	uint8_t data[64]; /* the first bytes */
	size_t len;
	bool empty;    /* to its own sender, nothing in it */
	bool pooled;   /* waits */
	int64_t block; /* it is in; -1 in none */
	bool fails;
	uint64_t gas_used;
};

/* How the model takes what is sent to it */
struct chain_model {
	struct cdx_block blocks[MODEL_BLOCKS]; /* of the present chain */
	unsigned n_blocks;
	struct model_tx txs[MODEL_TXS];
	unsigned n_txs;
	uint64_t salt;		  /* of the next block's hash */
	bool automine;		  /* a block for each transaction */
	struct cdx_u256 base_fee; /* of the next block */
	bool legacy;		  /* no base fee */
	struct cdx_u256 gas_price;
	struct cdx_u256 tip; /* suggested */
	bool poor;	     /* the account cannot pay */

	uint64_t estimate;  /* of gas; 0: the estimate reverts */
	const char *revert; /* hex of the reason, or NULL for no data */
	bool after_pool; /* what begins with "after" reverts on an empty pool */

	const char *refuse; /* message for transactions, that are not taken */
	unsigned refuse_n;  /* the next so many; UINT_MAX all */
	bool refuse_takes;  /* they are taken in spite of it */
	bool no_receipts;   /* lost for now */
	bool hide_pool;	    /* counts no pending ones */
	bool fail_next;	    /* those of the next block revert */
	bool out_of_gas;    /* and use all of their gas */
	unsigned n_sends;   /* eth_sendRawTransaction, whatever came of it */
};

void model_init(struct chain_model *m);
/* For rpc_kit_start; @arg: the model */
json_t *model_answer(void *arg, const char *method, const json_t *params,
		     struct rpc_kit_answer *out);
/* A block with what is payable and in order, at most @n transactions */
void model_mine(struct chain_model *m, unsigned n);
/* Undoes the newest blocks; what was in them goes back to the pool, or is
 * forgotten.  As many empty ones, and one more, take their place. */
void model_reorg(struct chain_model *m, unsigned depth, bool forget);
/* The pool is empty. */
void model_forget(struct chain_model *m);
/* Somebody with the same key sends one with this nonce. */
void model_foreign(struct chain_model *m, const struct cdx_addr *from,
		   uint64_t nonce);
/* Transactions of the present chain with this data; of the account in blocks;
 * waiting in the pool; empty ones in the chain */
unsigned model_done(const struct chain_model *m, const char *data);
unsigned model_count(const struct chain_model *m);
unsigned model_pooled(const struct chain_model *m);
unsigned model_empties(const struct chain_model *m);
/* The transaction with this data that was sent last, or NULL */
const struct model_tx *model_last(const struct chain_model *m,
				  const char *data);

#endif
