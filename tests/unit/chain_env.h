/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_CHAIN_ENV_H
#define CDX_TESTS_UNIT_CHAIN_ENV_H

/* All that the chain's client stands on, on the test's own thread (loop_kit):
 * HTTP, JSON-RPC, the head, and a store in memory. */

#include <stddef.h>

#include "eth/head.h"
#include "eth/persist_memory.h"
#include "eth/rpc.h"
#include "loop_kit.h"
#include "rpc_kit.h"

struct chain_env {
	struct loop_kit loop;
	struct cdx_http *http;
	struct cdx_rpc *rpc;
	struct cdx_head *head; /* NULL until chain_env_head */
	struct cdx_persist_memory *memory;
};

/* A client of these nodes, whose chain id is 31337.  @give_up_ms: as in
 * cdx_rpc_opts. */
void chain_env_start(struct chain_env *e, struct rpc_kit *const *kits, size_t n,
		     unsigned give_up_ms);
/* The head begins to be asked for. */
void chain_env_head(struct chain_env *e, unsigned poll_ms);
/* What is freed, in the right order; twice is allowed */
void chain_env_end(struct chain_env *e);

#endif
