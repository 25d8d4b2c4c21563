/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_HEAD_INTERNAL_H
#define CDX_ETH_HEAD_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "eth/head.h"

/* head.c asks for headers and keeps them; head_watch.c tells who watches, and
 * has the time. */

/* loop-confined */
struct cdx_head {
	struct cdx_loop *loop;
	struct cdx_rpc *rpc;
	const struct cdx_log *log;
	uint64_t poll_ns;
	struct cdx_loop_timer *poll;
	struct cdx_rpc_call *call;
	uint64_t asked_ns; /* when call was begun */
	/* Headers of the present chain, oldest first, without gaps */
	struct cdx_block kept[CDX_HEAD_KEEP];
	size_t n_kept;
	/* What is being read, newest first: the new head, its parent, ... */
	struct cdx_block fresh[CDX_HEAD_KEEP];
	size_t n_fresh;
	bool deep;	       /* all of KEEP is wanted, not only what came by */
	bool older_turn;       /* the last question was for older headers */
	size_t batch;	       /* how many an endpoint takes at once */
	unsigned behind;       /* heads in a row that were older than ours */
	uint64_t confirmed_ns; /* 0: never */
	char why[CDX_RPC_WHY_MAX];
	uint64_t reorgs;
	uint64_t deepest;
	/* time: head_ts seconds at head_ns, but never below floor_s */
	int64_t head_ts;
	uint64_t head_ns;
	int64_t floor_s;
	struct cdx_list watches;
	struct cdx_list *next_watch; /* while they are told */
	struct cdx_list alarms;
	struct cdx_loop_timer *greet; /* for watches that were told nothing */
	struct cdx_loop_timer *ring;  /* for the next alarm */
	/* freed from within a callback: memory goes after it */
	unsigned calling;
	bool dead;
};

/* Sets the time, tells the watches, rings alarms.  The head may be gone
 * afterwards. */
void cdx_head_changed(struct cdx_head *h, uint64_t fork, bool undone);
/* Ends both timers. */
void cdx_head_watch_fini(struct cdx_head *h);
/* Frees the memory, if it was freed and nobody is being called. */
void cdx_head_let_go(struct cdx_head *h);

#endif
