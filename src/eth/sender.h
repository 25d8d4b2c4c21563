/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_SENDER_H
#define CDX_ETH_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/loop.h"
#include "eth/account.h"
#include "eth/head.h"
#include "eth/persist.h"
#include "eth/revert.h"
#include "eth/rpc.h"
#include "eth/types.h"

/*
 * The transactions of one account: one sender for an account in a process, many
 * transactions in flight.  docs/CHAIN.md "Sending".  loop-confined.
 *
 * A transaction is estimated, given the next nonce, signed, written down
 * durably, and only then sent; until it has enough confirmations it is watched,
 * sent again when nodes have forgotten it, and replaced with higher fees when it
 * is stuck.  After a restart all of that goes on.
 */
struct cdx_sender;
struct cdx_send;

/* Fees, in wei a gas where nothing else is said */
struct cdx_fee_opts {
	struct cdx_u256 tip;	 /* EIP-1559 priority fee; zero = 1 gwei */
	struct cdx_u256 max_fee; /* price that no transaction without a stake
				  * goes above; zero = 200 gwei */
	unsigned stuck_s; /* in flight so long with no block: fees are raised;
			   * 0 = 30 */
};

struct cdx_sender_opts {
	unsigned confirmations; /* blocks, the first included; 0 = 1 */
	struct cdx_fee_opts fees;
	const struct cdx_log *log;
};

#define CDX_SEND_TAG_MAX 96u

/* One transaction that is wanted */
struct cdx_send_req {
	struct cdx_addr to;
	bool create;
	const void *data; /* copied */
	size_t len;
	struct cdx_u256 value;
	/* Name of the intent, printable ASCII without '/', in the account: while
	 * a transaction of this name is under way or its end was not taken,
	 * asking again joins it instead of sending another.  NULL: none. */
	const char *tag;
	/* limit = estimate * gas_num / gas_den; 0: 11 / 10 */
	unsigned gas_num;
	unsigned gas_den;
	/* Wei that all of it may cost if need be: what is lost when it comes too
	 * late.  Zero: only what cdx_fee_opts allows. */
	struct cdx_u256 stake;
	/* The chain's time from which on it is worth nothing: then its nonce is
	 * freed by an empty transaction.  0: never. */
	int64_t deadline;
};

/* What became of it */
struct cdx_sent {
	struct cdx_b32 hash; /* of the one that got in */
	uint64_t nonce;
	uint64_t block;
	struct cdx_b32 block_hash;
	uint64_t gas_used;
	struct cdx_u256 gas_price;	  /* effective, wei a gas */
	struct cdx_addr contract;	  /* that it made */
	const struct cdx_chain_log *logs; /* borrowed for the call */
	size_t n_logs;
	unsigned replaced; /* times that its fees were raised */
};

/* Called once, on the loop, never from within cdx_sender_send.
 * @err: 0 it is in a block, succeeded, and has its confirmations; CDX_E_CHAIN it
 * reverted (in a block, @sent is set; or it would, in the estimate, and was
 * never sent: @sent is NULL); -ETIME its deadline passed without it; -ENOBUFS
 * the account cannot pay for it; others: it could not be sent, as cdx_rpc_fn
 * says, or not be written down.  @why: NULL on success; its words are fit for
 * the user. */
typedef void cdx_send_fn(void *arg, int err, const struct cdx_sent *sent,
			 const struct cdx_revert *why);

/**
 * cdx_sender_new - start the sender of an account
 *
 * @out:     returns new
 * @account: copied; wiped by free
 *
 * Takes up what an earlier process left under way.
 * CDX_E_CORRUPT what was written down cannot be read, CDX_E_VERSION a newer
 * codexfs wrote it; -ENOMEM; what the persistent store says.
 */
CDX_MUST_CHECK int cdx_sender_new(struct cdx_sender **out,
				  struct cdx_loop *loop, struct cdx_rpc *rpc,
				  struct cdx_head *head,
				  const struct cdx_persist *persist,
				  const struct cdx_account *account,
				  const struct cdx_sender_opts *opts);
/* What is under way stays written down.  Functions are not called any more.
 * NULL is allowed. */
void cdx_sender_free(struct cdx_sender *s);

/**
 * cdx_sender_send - have a transaction done
 *
 * @out: for cdx_send_leave, dead once @fn was called; may be NULL
 * @fn:  may be NULL only with a tag
 *
 * -EINVAL a bad tag; -E2BIG; -ENOMEM.  @fn is not called then.
 */
CDX_MUST_CHECK int cdx_sender_send(struct cdx_sender *s, struct cdx_send **out,
				   const struct cdx_send_req *req,
				   cdx_send_fn *fn, void *arg);
/* Its function is not called any more; the transaction goes on.  NULL is
 * allowed. */
void cdx_send_leave(struct cdx_send *w);
/* The same for all that are told with this argument */
void cdx_sender_forget(struct cdx_sender *s, const void *arg);
/* Whether a transaction of this tag is under way, or has ended and nobody was
 * told */
bool cdx_sender_has(const struct cdx_sender *s, const char *tag);
/* Called for each tag that is under way or untold; must not send */
void cdx_sender_tags(const struct cdx_sender *s,
		     void (*each)(void *arg, const char *tag), void *arg);

/* Of its account; borrowed */
const struct cdx_addr *cdx_sender_addr(const struct cdx_sender *s);

/* Numbers for status and metrics */
struct cdx_sender_stats {
	uint64_t next_nonce;
	size_t waiting;	    /* not in a block */
	size_t unconfirmed; /* in a block that may be undone */
	uint64_t sent, confirmed, reverted, replaced, expired;
	uint64_t foreign; /* nonces that somebody else used */
	const char *why;  /* what is in the way now, "" for nothing; borrowed */
};
void cdx_sender_stats(const struct cdx_sender *s, struct cdx_sender_stats *out);

#endif
