/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_FAKE_CHAIN_H
#define CDX_TESTS_UNIT_FAKE_CHAIN_H

/*
 * A chain of blocks with logs, for rpc_kit: grows, forgets its last blocks for
 * others, and answers eth_getBlockByNumber and eth_getLogs.  Several nodes may
 * show the same chain, each with faults of its own.
 */

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eth/types.h"
#include "rpc_kit.h"

#define FAKE_BLOCKS_MAX 4096
#define FAKE_LOGS_MAX 8
#define FAKE_INTERVAL_S 10

/* A log: its number is in the data, and so is nothing else */
struct fake_log {
	uint64_t id;
	struct cdx_addr contract;
};

struct fake_block {
	uint64_t timestamp;
	uint32_t branch; /* part of its hash */
	struct fake_log logs[FAKE_LOGS_MAX];
	unsigned n_logs;
};

/* locked by mu */
struct fake_chain {
	pthread_mutex_t mu;
	struct fake_block blocks[FAKE_BLOCKS_MAX]; /* by number */
	uint64_t n;
	uint32_t branch; /* of blocks to come */
};

/* What a node shows of it; guarded by the chain's mu */
struct fake_node {
	struct fake_chain *chain;
	uint64_t lag;	    /* blocks that it does not have yet */
	uint64_t forgotten; /* blocks from the first on that it lost */
	uint64_t range_max; /* eth_getLogs of more is an error; 0: none */
	const char *range_error;
	bool shuffle;	  /* logs, last first */
	bool twice;	  /* each log two times */
	bool foreign;	  /* adds logs of another contract, and removed ones */
	bool bad_logs;	  /* a log that is none */
	bool other_chain; /* other hashes for the same numbers */
	unsigned log_calls;
};

/* Genesis, and @n blocks more, one in FAKE_INTERVAL_S from 1,000,000 on */
void fake_chain_start(struct fake_chain *c, uint64_t n);
void fake_chain_end(struct fake_chain *c);
void fake_chain_lock(struct fake_chain *c);
void fake_chain_unlock(struct fake_chain *c);
/* These lock it. */
void fake_chain_grow(struct fake_chain *c, uint64_t n);
/* The last @undo blocks go, @grow others come. */
void fake_chain_reorg(struct fake_chain *c, uint64_t undo, uint64_t grow);
/* A log of contract 0xcc..cc in the newest block */
void fake_chain_log(struct fake_chain *c, uint64_t id);
/* The time of the newest block jumps so far. */
void fake_chain_jump(struct fake_chain *c, int64_t seconds);
uint64_t fake_chain_height(struct fake_chain *c);
/* The contract */
struct cdx_addr fake_chain_contract(void);

/* For rpc_kit_start, with a struct fake_node */
json_t *fake_node_answer(void *arg, const char *method, const json_t *params,
			 struct rpc_kit_answer *out);

#endif
