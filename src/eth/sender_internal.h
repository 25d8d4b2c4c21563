/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_SENDER_INTERNAL_H
#define CDX_ETH_SENDER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/list.h"
#include "eth/sender.h"
#include "eth/tx.h"

/*
 * The parts of a sender.  Whatever happens (an answer, a head, a tick) changes
 * the state of transactions and asks for a turn (cdx_sender_kick); the turn, one
 * function on the loop, does what is due, in a fixed order.  So no part calls
 * another in the middle of its work, and functions of callers run in one place.
 */

/* Versions of a transaction: at 12.5 % more each, 48 of them are 280 times the
 * first price. */
#define CDX_SEND_VERSIONS_MAX 48u
/* Gas of a transaction that does nothing (yellow paper, G_transaction) */
#define CDX_SEND_EMPTY_GAS 21000u
/* Requests in one batch of ours, and estimates at a time */
#define CDX_SEND_BATCH 60u
#define CDX_SEND_ESTIMATES 16u
/* Seconds that an end is kept that nobody takes */
#define CDX_SEND_KEEP_S INT64_C(2592000) /* 30 days */

/* What one gas is paid with */
struct cdx_fees {
	bool legacy;
	struct cdx_u256 cap; /* legacy: the price */
	struct cdx_u256 tip; /* legacy: zero */
};

/* One signed form of a transaction.  Signatures are deterministic, so its bytes
 * can be made again. */
struct cdx_version {
	bool empty; /* to ourselves, nothing in it: frees the nonce */
	struct cdx_fees fees;
	struct cdx_b32 hash;
};

enum cdx_send_state {
	CDX_SEND_NEW,	/* to be estimated, or being estimated */
	CDX_SEND_READY, /* wants a nonce */
	CDX_SEND_OUT,	/* signed; in no block that we know of */
	CDX_SEND_MINED, /* in a block that may be undone */
	CDX_SEND_ENDED, /* its end is known and was not told */
};

/* What a node's refusal of a transaction means */
enum cdx_refusal {
	CDX_REFUSED_NOT,	/* it did not */
	CDX_REFUSED_KNOWN,	/* it has it already */
	CDX_REFUSED_NONCE_LOW,	/* the nonce is used: by it, perhaps */
	CDX_REFUSED_NONCE_HIGH, /* one before it is missing there */
	CDX_REFUSED_OTHER,	/* has one of this nonce, at no lower price */
	CDX_REFUSED_PRICE,	/* too cheap */
	CDX_REFUSED_FUNDS,	/* the account cannot pay */
	CDX_REFUSED_LATER,	/* cannot now */
	CDX_REFUSED_GAS,	/* limit too low for any transaction of this */
	CDX_REFUSED_BLOCK_GAS,	/* limit too high for any block */
	CDX_REFUSED,		/* anything else */
};
/* How it ended; for the callers, and for the record */
struct cdx_send_end {
	int err;
	bool has_sent;
	struct cdx_sent sent; /* logs: @logs */
	struct cdx_chain_log *logs;
	size_t n_logs;
	struct cdx_buf data;   /* of the logs */
	struct cdx_revert why; /* unless err is 0 */
	int64_t at;	       /* wall time, seconds since 1970 */
	bool asked_before;     /* for its reason, in the state before */
};

/* A transaction that is wanted.  What is written down of it is said in
 * docs/FORMATS.md "Chain records". */
struct cdx_send_rec {
	struct cdx_list link; /* in sender->recs, by id */
	struct cdx_sender *sender;
	struct cdx_list waiters; /* struct cdx_send */
	enum cdx_send_state state;

	/* written down */
	uint64_t id;
	uint64_t chain_id;		/* 0: never numbered */
	char tag[CDX_SEND_TAG_MAX + 1]; /* "" none */
	bool filler;			/* wanted by us, for its nonce alone */
	bool given_up; /* its deadline passed: only empty ones from now on */
	struct cdx_addr to;
	bool create;
	struct cdx_buf data;
	struct cdx_u256 value;
	struct cdx_u256 stake;
	int64_t deadline;
	uint32_t gas_num;
	uint32_t gas_den;
	uint64_t gas; /* limit; 0 not estimated */
	bool has_nonce;
	uint64_t nonce;
	struct cdx_version versions[CDX_SEND_VERSIONS_MAX];
	unsigned n_versions;
	struct cdx_send_end *end;

	/* of this process */
	unsigned n_durable; /* versions that a crash would not lose */
	bool putting;	    /* its newest version */
	bool stored;	    /* something of it is, or may be, written down */
	bool end_stored;
	bool unused;		   /* ended, and its nonce is free */
	struct cdx_rpc_call *call; /* estimate, or why it reverted */
	uint64_t estimate_ns;	   /* when it was asked for */
	bool estimate_again;	   /* once all before it were sent */
	bool alone;	/* nothing before it was unsent, when estimated */
	bool want_send; /* its newest durable version */
	bool doubt;	/* some version may have reached a node */
	bool accepted;	/* a node has the newest version */
	enum cdx_refusal refused; /* why a node refused the newest */
	uint64_t out_head;	  /* head's number when it was last sent */
	uint64_t signed_ns;	  /* when the newest version was made */
	uint64_t signed_head;
	bool foreign;	       /* its nonce seems to be used by others */
	uint64_t foreign_head; /* head's number since when */
	uint64_t foreign_ns;
	uint64_t block; /* it is in, and the hash of it */
	struct cdx_b32 block_hash;
	char trouble[CDX_REVERT_WORDS_MAX]; /* what is in its way */
};

/* Who waits for one */
struct cdx_send {
	struct cdx_list link; /* in rec->waiters */
	cdx_send_fn *fn;
	void *arg;
};

/* What one request of a batch is about.  @rec is NULL once it is gone. */
struct cdx_asked {
	struct cdx_send_rec *rec;
	unsigned version;
	bool pool; /* whether a node has it, not its receipt */
};

/* Prices of now */
struct cdx_prices {
	bool legacy;
	struct cdx_u256 base;	   /* of the newest block */
	struct cdx_u256 tip;	   /* to begin with */
	struct cdx_u256 suggested; /* tip, or legacy: price, by the node */
};

/* loop-confined */
struct cdx_sender {
	struct cdx_loop *loop;
	struct cdx_rpc *rpc;
	struct cdx_head *head;
	const struct cdx_persist *persist;
	struct cdx_account account;
	struct cdx_sender_opts opts;
	char prefix[sizeof("eth/send//") + 2 * 20]; /* of its keys */

	struct cdx_list recs;
	uint64_t next_id;
	uint64_t chain_id; /* 0 until it is known */
	bool *gone;	   /* told by free, when a caller's function calls it */

	struct cdx_loop_timer *turn; /* soon */
	struct cdx_loop_timer *tick; /* each second */
	struct cdx_head_watch *watch;
	uint64_t height; /* of the last head that we saw */

	/* what the node counts: transactions of the account in blocks, and with
	 * those in its pool */
	bool counted;
	uint64_t count;
	uint64_t pending;
	uint64_t floor; /* nonces below are used by what we saw confirmed */
	bool has_suggested;
	struct cdx_u256 suggested; /* tip, or price of a legacy chain */

	unsigned n_estimates; /* under way */
	struct cdx_rpc_call *out_call;
	struct cdx_asked outs[CDX_SEND_BATCH];
	unsigned n_outs;
	uint64_t out_ns; /* nothing is sent before, after a failure */

	struct cdx_rpc_call *look_call;
	struct cdx_asked looks[CDX_SEND_BATCH];
	unsigned n_looks;
	bool want_look;
	uint64_t look_from; /* id that the look goes on with */
	uint64_t looked_ns;

	uint64_t progress_ns; /* when the count last grew */
	uint64_t progress_head;
	bool gap; /* nonces below all of ours are nobody's */
	uint64_t gap_ns;
	uint64_t gap_head;

	uint64_t n_sent, n_confirmed, n_reverted, n_replaced, n_expired;
	uint64_t n_foreign;
	char trouble[CDX_REVERT_WORDS_MAX]; /* with the endpoints */
};

/* ---- sender.c ---- */

/* A turn soon.  Without memory for it, the next tick is one. */
void cdx_sender_kick(struct cdx_sender *s);
/* A new record at the end of the list, or NULL */
struct cdx_send_rec *cdx_send_rec_new(struct cdx_sender *s);
/* What batches under way say of it is about what it was */
void cdx_send_rec_unask(struct cdx_send_rec *rec);
/* Unlinks and frees it; what is written down stays. */
void cdx_send_rec_free(struct cdx_send_rec *rec);
/* Frees the memory of one that is on no list, and that nothing refers to */
void cdx_send_rec_dispose(struct cdx_send_rec *rec);
/* Has it a nonce that nobody else may have? */
bool cdx_send_rec_live(const struct cdx_send_rec *rec);

/* ---- sender_record.c: bytes; pure but for memory ---- */

/* -ENOMEM; -E2BIG not even without the logs */
CDX_MUST_CHECK int cdx_send_rec_encode(struct cdx_buf *out,
				       const struct cdx_send_rec *rec);
/* Into a record whose written members are zero.  CDX_E_VERSION, CDX_E_CORRUPT,
 * -ENOMEM. */
CDX_MUST_CHECK int cdx_send_rec_decode(struct cdx_send_rec *rec, const void *p,
				       size_t len);
/* NULL is allowed. */
void cdx_send_end_free(struct cdx_send_end *end);
/* Points its logs into its data, which has moved while it grew */
void cdx_send_end_settle(struct cdx_send_end *end);

/* ---- sender_store.c ---- */

/* Takes up everything that is written down.  CDX_E_CORRUPT, CDX_E_VERSION,
 * -ENOMEM. */
CDX_MUST_CHECK int cdx_sender_load(struct cdx_sender *s);
/* Writes it down; cdx_send_rec_written is called in any case, later or at once.
 */
void cdx_send_rec_put(struct cdx_send_rec *rec);
/* Its end, which nobody took */
void cdx_send_rec_put_end(struct cdx_send_rec *rec);
/* Removes what is written down of it */
void cdx_send_rec_del(struct cdx_send_rec *rec);

/* ---- sender_fees.c: pure ---- */

/* Of a new transaction.  -ENOBUFS: @limit, wei a gas, is below the price of
 * now. */
CDX_MUST_CHECK int cdx_fees_first(struct cdx_fees *out,
				  const struct cdx_prices *now,
				  const struct cdx_u256 *limit);
/* Of one that replaces another.  -ENOBUFS: @limit leaves no room for a price
 * that nodes would take. */
CDX_MUST_CHECK int cdx_fees_raise(struct cdx_fees *out,
				  const struct cdx_fees *old,
				  const struct cdx_prices *now,
				  const struct cdx_u256 *limit);
/* Whether a block that wants the base fee of now can take it */
bool cdx_fees_enough(const struct cdx_fees *fees, const struct cdx_prices *now);
/* Wei a gas that a transaction may cost at most, by its own stake */
void cdx_fees_limit(struct cdx_u256 *out, const struct cdx_u256 *max_fee,
		    const struct cdx_u256 *stake, uint64_t gas);

/* ---- sender_prepare.c ---- */

/* Prices of now.  -EAGAIN: they are not known. */
CDX_MUST_CHECK int cdx_sender_prices(const struct cdx_sender *s,
				     struct cdx_prices *out);
/* Wei a gas for it and for all behind it, whose way it is in; @empty: for an
 * empty one with its nonce, that costs no more than the real one might */
void cdx_send_rec_limit(const struct cdx_send_rec *rec, bool empty,
			struct cdx_u256 *out);
/* Begins estimates of new ones */
void cdx_sender_estimate(struct cdx_sender *s);
/* The parameter of eth_call and eth_estimateGas; NULL without memory */
json_t *cdx_send_rec_object(const struct cdx_send_rec *rec);
/* Requests for batches: the node's idea of a tip, or of a price on a chain
 * without base fee; how many transactions the account has sent */
struct cdx_rpc_req cdx_sender_ask_price(const struct cdx_sender *s);
struct cdx_rpc_req cdx_sender_ask_count(const struct cdx_sender *s,
					enum cdx_at at);
/* Takes what cdx_sender_ask_price was answered, unless it is an error */
void cdx_sender_suggested(struct cdx_sender *s,
			  const struct cdx_rpc_reply *reply);
/* cdx_rpc_batch, for which parameters may be missing: -ENOMEM then */
CDX_MUST_CHECK int cdx_sender_batch(struct cdx_sender *s,
				    struct cdx_rpc_call **out,
				    struct cdx_rpc_req *reqs, size_t n,
				    cdx_rpc_batch_fn *fn, void *arg);

/* ---- sender_sign.c ---- */

/* The nonce that the next transaction gets */
uint64_t cdx_sender_next_nonce(const struct cdx_sender *s);
/* Gives nonces to those that are ready; signs, and writes down */
void cdx_sender_number(struct cdx_sender *s);
/* Wants an empty transaction with a nonce; -ENOMEM */
CDX_MUST_CHECK int cdx_sender_fill(struct cdx_sender *s, uint64_t nonce);
/* Signs a version more and writes it down */
void cdx_send_rec_sign(struct cdx_send_rec *rec, bool empty,
		       const struct cdx_fees *fees);
/* The bytes of a version, to @out.  CDX_E_CORRUPT: another hash comes of it. */
CDX_MUST_CHECK int cdx_send_rec_raw(const struct cdx_send_rec *rec,
				    const struct cdx_version *v,
				    struct cdx_buf *out);
/* After the put of its newest version */
void cdx_send_rec_written(struct cdx_send_rec *rec, int err);
/* The nonce that it did not use: to the next, or to an empty one */
void cdx_send_rec_release(struct cdx_send_rec *rec);

/* ---- sender_out.c ---- */

/* Whether the answer to its sending is awaited */
bool cdx_sender_is_out(const struct cdx_send_rec *rec);
/* Sends what is durable and was not taken yet, in the order of nonces */
void cdx_sender_flush(struct cdx_sender *s);

/* By the message alone: codes differ from node to node.  Pure. */
enum cdx_refusal cdx_refusal_of(const char *message);
/* In words for the user, with the node's own */
void cdx_refusal_words(struct cdx_revert *out, enum cdx_refusal kind,
		       const char *message);

/* ---- sender_watch.c ---- */

/* Asks for counts and receipts, when that is wanted */
void cdx_sender_look(struct cdx_sender *s);
/* After a new head: what was undone, what is to be looked for */
void cdx_sender_moved(struct cdx_sender *s, const struct cdx_block *head,
		      uint64_t fork);

/* Whether a block is part of the chain as the head knows it */
bool cdx_sender_in_chain(const struct cdx_sender *s, uint64_t number,
			 const struct cdx_b32 *hash);

/* ---- sender_receipt.c ---- */

/* It ends since it was not in a block in time */
void cdx_send_rec_expired(struct cdx_send_rec *rec);

/* What a receipt says of a version */
void cdx_send_rec_receipt(struct cdx_send_rec *rec, unsigned version,
			  const json_t *receipt);

/* ---- sender_stuck.c ---- */

/* Nanoseconds after which one is stuck */
uint64_t cdx_sender_patience(const struct cdx_sender *s);

/* Ends or gives up those whose deadline passed */
void cdx_sender_expire(struct cdx_sender *s);
/* Signs those anew that are stuck, refused for their price, or given up */
void cdx_sender_raise(struct cdx_sender *s);
/* Fills nonces that are nobody's and that ours wait for */
void cdx_sender_gaps(struct cdx_sender *s);

/* ---- sender_end.c ---- */

/* It ends without having been in a block; words NULL: those of @err */
void cdx_send_rec_fail(struct cdx_send_rec *rec, int err, const char *words);
/* The same with a contract's reason */
void cdx_send_rec_refuse(struct cdx_send_rec *rec, int err,
			 const struct cdx_revert *why);
/* It ends so; takes @end */
void cdx_send_rec_end(struct cdx_send_rec *rec, struct cdx_send_end *end);
/* Tells ends to those who wait, writes down or drops the others.  The sender may
 * be gone afterwards: functions of callers may free it. */
void cdx_sender_tell(struct cdx_sender *s);

#endif
