/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_LOGS_INTERNAL_H
#define CDX_ETH_LOGS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/list.h"
#include "eth/logs.h"

/* Parts of the poller of events: logs_read.c asks for a range and checks what
 * comes, logs_place.c keeps the place, logs.c delivers. */

/* A log with its bytes; loop-confined */
struct cdx_log_item {
	struct cdx_list node; /* in logs->pending or delivered */
	struct cdx_chain_log log;
	uint8_t data[];
};

/* One block that the place is known by */
struct cdx_log_mark {
	uint64_t number;
	struct cdx_b32 hash;
};

/* The newest first, then each about twice as far behind it as the one before,
 * to CDX_HEAD_KEEP: after a restart the highest that is still in the chain
 * tells where to go on. */
#define CDX_LOG_MARKS_MAX 10u

/* loop-confined */
struct cdx_logs {
	struct cdx_loop *loop;
	struct cdx_rpc *rpc;
	struct cdx_head *head;
	const struct cdx_persist *persist;
	const struct cdx_log *log;
	char *key; /* in the persistent store */
	struct cdx_addr contract;
	uint64_t from;
	unsigned depth;
	unsigned range_max;
	cdx_logs_fn *fn;
	void *arg;

	struct cdx_head_watch *watch;
	struct cdx_rpc_call *call;
	struct cdx_loop_timer *retry;
	char why[CDX_RPC_WHY_MAX];

	bool placed;   /* the place of an earlier process was looked up */
	uint64_t next; /* the first block that was not read to its end */
	/* Logs before this block were delivered by an earlier process: they are
	 * read only to be taken back if need be. */
	uint64_t quiet;
	uint64_t to; /* last block of the range in call or pending */
	struct cdx_b32 to_hash;
	unsigned range;
	bool reading;		 /* a range is in call or pending */
	struct cdx_list pending; /* logs of it that are to be delivered */
	/* Logs that may have to be taken back, oldest first */
	struct cdx_list delivered;
	bool undoing;
	uint64_t undo_to; /* blocks after it are void */
	uint64_t saved;	  /* next, as it was put down last */

	struct cdx_log_mark marks[CDX_LOG_MARKS_MAX]; /* of the store */
	size_t n_marks;
	/* freed from within the handler: memory goes after it */
	bool calling;
	bool dead;
};

/* Goes on with whatever is next.  The poller may be gone afterwards. */
void cdx_logs_go(struct cdx_logs *l);
/* Something is in the way: says what, and goes on in a moment. */
void cdx_logs_wait(struct cdx_logs *l, const char *why);
/* Frees the logs of a list. */
void cdx_logs_drop(struct cdx_list *items);

/* Asks for the blocks from next on, to @target at most. */
void cdx_logs_read(struct cdx_logs *l, uint64_t target);

/* Reads the place, as it was put down.  CDX_E_CORRUPT; -errno. */
CDX_MUST_CHECK int cdx_logs_place_load(struct cdx_logs *l);
/* Asks which of the marks is still in the chain, then sets next. */
void cdx_logs_place_find(struct cdx_logs *l);
/* Puts down that everything before next was delivered. */
void cdx_logs_place_save(struct cdx_logs *l);

/* The bytes of a place, for the store and fuzzers */
void cdx_log_marks_encode(struct cdx_buf *out, const struct cdx_log_mark *marks,
			  size_t n);
/* CDX_E_FORMAT */
CDX_MUST_CHECK int
cdx_log_marks_decode(struct cdx_log_mark marks[CDX_LOG_MARKS_MAX], size_t *n,
		     const void *p, size_t len);
/**
 * cdx_logs_decode - the logs of an answer, in the order of the chain, each once
 *
 * @out: appended to; freed by cdx_logs_drop in any case
 *
 * Of other contracts, and removed ones, are left out.  CDX_E_FORMAT: some are no
 * logs, are not of blocks @lo to @hi, or contradict one another; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_logs_decode(struct cdx_list *out, const json_t *result,
				   const struct cdx_addr *contract, uint64_t lo,
				   uint64_t hi);

#endif
