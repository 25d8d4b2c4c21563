/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_PURCHASE_INTERNAL_H
#define CDX_MARKET_PURCHASE_INTERNAL_H

#include <pthread.h>

#include "base/await.h"
#include "base/list.h"
#include "base/map.h"
#include "market/allowance.h"
#include "market/nonce.h"
#include "market/purchase_policy.h"
#include "market/purchase_record.h"
#include "market/purchasing.h"

/*
 * What the parts of purchasing share: purchasing.c (the object, calls of other
 * threads), purchase_state.c (one purchase's way), purchase_ask.c (questions in
 * batches), purchase_slots.c (events, hosts), purchase_money.c (budget, balance,
 * what came back), purchase_watch.c (head, comparison
 * with the chain), purchase_round.c (segments: what is bought), purchase_volume.c
 * (the thread that may wait), purchase_view.c (what others see).
 *
 * Everything is the loop's but what says otherwise.
 */

/* Slots of a request that are followed */
#define PURCHASE_SLOTS_MAX CDX_SLOTS_MAX

/* What is known of one slot */
struct purchase_slot {
	bool filled;
	bool ask;   /* the question for its host waits to be sent */
	bool known; /* its host was told once */
	struct cdx_addr host;
	uint64_t changed; /* block of the last fill or release; 0: none */
	uint64_t proven;  /* block of the last proof behind it; 0: none */
};

struct purchase {
	struct cdx_list link; /* in p->all, the oldest first */
	struct cdx_purchasing *p;
	struct cdx_b32 id;
	struct cdx_purchase_rec rec;
	struct cdx_cid verifiable;
	bool has_cid;
	bool foreign; /* of another chain, contract or account: left alone */
	struct cdx_u256 price; /* most that it costs */
	/* what is under way */
	bool durable;	 /* the record is on the disk */
	bool unsaved;	 /* it could not be put: tried again */
	bool look;	 /* the chain is to be asked for its state */
	int64_t expires; /* what it said last of its expiry; 0: nothing */
	bool asking;	 /* it is being asked */
	bool absent;	 /* the chain does not know it, as of the last answer */
	bool publishing; /* the thread was told to publish its dataset */
	bool published;
	bool allowed; /* the contract may take the price */
	bool sending; /* requestStorage or withdrawFunds */
	struct cdx_allowance_hold *hold;
	struct cdx_head_alarm *alarm;
	int64_t alarm_at;
	uint64_t retry_ns;		  /* mono: nothing is tried before */
	unsigned failures;		  /* in a row */
	char trouble[CDX_MARKET_WHY_MAX]; /* what is in the way now */
	struct cdx_await *await;	  /* who waits until it is durable */
	struct purchase_slot *slots;
	unsigned n_slots;
	unsigned filled;
	unsigned hosts;
	unsigned worst;
	unsigned bad; /* silent for the patrol */
	bool proven;
	bool told; /* the chain has said its state since the start */
	bool safe;
	bool funded; /* its renewal can be paid */
	bool unpaid; /* of what is gone from the volume: it cannot be renewed */
	struct cdx_u256 missing;       /* unpaid: so many tokens' units */
	struct cdx_purchase_info info; /* guarded by p->mu */
};

/* A question, for a batch */
enum purchase_question {
	PURCHASE_ASK_STATE,
	PURCHASE_ASK_EXPIRY,
	PURCHASE_ASK_HOST,
};
struct purchase_ask {
	struct cdx_list link;
	struct purchase *b; /* NULL: nobody wants to know any more */
	enum purchase_question what;
	unsigned index;
};
struct purchase_batch;

/* A segment of the volume */
struct purchase_seg {
	struct cdx_list link; /* in p->segs, by area */
	struct cdx_market_segment is;
	bool listed;	  /* in the last round */
	int64_t since;	  /* wall seconds: seen first */
	bool wanted;	  /* somebody asked that all be bought */
	bool has_request; /* of what is asked for it: all but price, nonce */
	struct cdx_storage_request request;
	bool working; /* the thread makes that, or compacts it */
	bool far;     /* it cannot be compacted: its bytes are not here */
	bool unpaid;
	struct cdx_u256 missing; /* unpaid: so many tokens' units */
	bool safe;
	int64_t retry_at;	      /* wall seconds: after what @why says */
	char why[CDX_MARKET_WHY_MAX]; /* it cannot be bought, "" when it can */
};

/* Work for the thread, and what came of it */
enum purchase_work_kind {
	PURCHASE_WORK_REQUEST, /* what would be asked for a segment */
	PURCHASE_WORK_PUBLISH,
	PURCHASE_WORK_COMPACT,
	PURCHASE_WORK_ROUND, /* made by the thread itself: all segments */
};
struct purchase_work {
	struct cdx_list link;
	enum purchase_work_kind kind;
	uint64_t area;
	struct cdx_cid verifiable;
	struct cdx_b32 id; /* publish: of the purchase */
	int rc;
	struct cdx_storage_request request;
	char why[CDX_MARKET_WHY_MAX];
	/* round: */
	bool hurry;
	uint64_t newest;
	struct cdx_market_segment *segs;
	size_t n_segs;
	size_t room; /* of @segs */
};

/* What others ask about a dataset */
struct purchase_view {
	struct cdx_cid verifiable;
	enum cdx_segment_stage stage;
	bool safe;
	/* of the request that ends last, of those that have started; 0: none */
	int64_t end;
	struct cdx_ask ask;
	uint32_t filled;
	uint32_t worst;
};

struct cdx_purchasing {
	const struct cdx_market_env *env;
	struct cdx_purchasing_opts opts; /* its volume points to the next */
	struct cdx_purchase_volume volume;
	bool has_volume;
	struct cdx_addr client;
	uint64_t chain_id;
	struct cdx_list all;	/* struct purchase, the oldest first */
	struct cdx_map by_id;	/* first 8 bytes of the id -> struct purchase */
	struct cdx_map by_slot; /* of slots' ids -> struct purchase */
	struct cdx_map last;	/* of datasets -> the purchase of a segment that
				 * has the highest generation */
	struct cdx_head_watch *head_watch;
	struct cdx_market_watch *watch;
	struct cdx_loop_timer *tick;
	struct cdx_loop_timer *turn; /* soon */
	struct cdx_list asks;	     /* not sent yet */
	struct cdx_list batches;
	uint64_t head;	       /* number of the newest block */
	uint64_t reconcile_ns; /* mono: when the next comparison is due */
	bool listing;	       /* myRequests is being asked */
	bool has_list;	   /* it was answered, and all in it are known here */
	unsigned adopting; /* of it, requests that are being asked for */
	bool asking_balance;
	bool has_balance;
	struct cdx_u256 balance;
	bool decide;	/* the round waits for the balance */
	bool has_round; /* there was one */
	bool asking_info;
	bool has_info;
	unsigned decimals;
	char symbol[CDX_MARKET_TEXT_MAX];
	struct cdx_list segs;  /* struct purchase_seg, by area */
	struct cdx_map seg_of; /* of datasets -> struct purchase_seg */
	uint64_t newest;
	unsigned waiting;
	bool confirming; /* the next block may make something safe */
	bool known;	 /* the chain has spoken of all that goes on, once */
	bool stale;	 /* what others see is not what is */
	struct cdx_loop_io *io;
	int event;
	/* the thread */
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mu;
	pthread_cond_t cv;
	bool stop;		  /* guarded by mu */
	bool kicked;		  /* guarded by mu */
	bool hurry;		  /* guarded by mu */
	bool changed;		  /* guarded by mu: the volume is to be told */
	struct cdx_list work;	  /* guarded by mu: to do */
	struct cdx_list worked;	  /* guarded by mu: done, for the loop */
	struct cdx_map views;	  /* guarded by mu: digest -> purchase_view */
	struct cdx_map patrolled; /* guarded by mu: digest -> bad + 1 */
	bool patrol_news;	  /* guarded by mu */
	struct cdx_purchasing_stats stats; /* guarded by mu */
};

/* ---- purchasing.c ---- */

/* First 8 bytes of an id or a CID's digest */
uint64_t purchase_key_of(const uint8_t *bytes);
struct purchase *purchase_find(const struct cdx_purchasing *p,
			       const struct cdx_b32 *id);
/* A new one of this record, on the list; returns new, NULL without memory or for a
 * request that there is already */
struct purchase *purchase_add(struct cdx_purchasing *p,
			      const struct cdx_purchase_rec *rec);
void purchase_drop(struct purchase *b);
/* Counts as made then: its place on the list changes */
void purchase_date(struct purchase *b, int64_t created);
/* Writes the record down; @tell: b->durable when it is */
void purchase_save(struct purchase *b, bool tell);
/* Work is done soon */
void purchase_soon(struct cdx_purchasing *p);
/* An amount for people: "1.5 TST" */
#define PURCHASE_AMOUNT_MAX (CDX_U256_TEXT_MAX + CDX_MARKET_TEXT_MAX + 2)
void purchase_amount(const struct cdx_purchasing *p,
		     char out[PURCHASE_AMOUNT_MAX],
		     const struct cdx_u256 *amount);
/**
 * purchase_make - written down, what follows goes on by itself
 *
 * @what: all but its nonce when it is of a segment
 * @area: 0: it was asked for
 *
 * CDX_E_QUOTA the budget does not allow it; -EINVAL the contract would refuse it;
 * @why in words.
 */
CDX_MUST_CHECK int purchase_make(struct cdx_purchasing *p,
				 struct purchase **out,
				 const struct cdx_storage_request *what,
				 uint64_t area, char why[CDX_MARKET_WHY_MAX]);

/* ---- purchase_money.c ---- */

/* Of the requests within the budget's time, what they cost less what came back; the
 * oldest first.  Returns new, NULL without memory (or none: @n is 0). */
struct cdx_buy_cost *purchase_costs(const struct cdx_purchasing *p, size_t *n);
/* Whether the budget allows this price now; @missing: what it lacks */
bool purchase_budget(const struct cdx_purchasing *p,
		     const struct cdx_u256 *price, struct cdx_u256 *missing);
/* Whether the account's tokens are enough for it beside what is not taken yet */
bool purchase_balance(const struct cdx_purchasing *p,
		      const struct cdx_u256 *price, struct cdx_u256 *missing);
/* Asks for the account's tokens */
void purchase_ask_balance(struct cdx_purchasing *p);
/* What came to the client of a withdrawal, out of its logs */
struct cdx_u256 purchase_came_back(const struct purchase *b,
				   const struct cdx_sent *sent);

/* One that runs for a segment, and is due some day */
bool purchase_is_followed(const struct purchase *b);
/* Sets of which ones the renewal can be paid, with what is missing */
void purchase_fund(struct cdx_purchasing *p);

/* ---- purchase_state.c ---- */

/* The next step of one purchase, if there is one and nothing is under way */
void purchase_go(struct purchase *b);
/* Answers to purchase_ask: the chain's state and its expiry; @err with words */
void purchase_is(struct purchase *b, int err, uint64_t state, int64_t expires,
		 const struct cdx_revert *why);
/* Its dataset was made public, or not */
void purchase_published(struct purchase *b, int rc, const char *why);
/* A reorganisation: blocks behind @fork are void */
void purchase_undone(struct purchase *b, uint64_t fork);
/* Whether it is over for good */
bool purchase_over(const struct purchase *b);

/* ---- purchase_ask.c ---- */

/* The state of one purchase, and its expiry */
void purchase_ask_state(struct purchase *b);
void purchase_ask_host(struct purchase *b, unsigned index);
/* Sends what is asked */
void purchase_ask_flush(struct cdx_purchasing *p);
/* Its questions are not answered any more */
void purchase_ask_forget(struct purchase *b);
/* Ends all */
void purchase_ask_end(struct cdx_purchasing *p);

/* ---- purchase_slots.c ---- */

/* Room for its slots; -ENOMEM */
CDX_MUST_CHECK int purchase_slots_new(struct purchase *b);
void purchase_slots_free(struct purchase *b);
void purchase_slots_event(struct purchase *b, const struct cdx_market_event *e,
			  uint64_t block, bool removed);
/* A proof of a slot with this id */
void purchase_slots_proof(struct cdx_purchasing *p, const struct cdx_b32 *slot,
			  uint64_t block, bool removed);
/* All hosts are asked for */
void purchase_slots_look(struct purchase *b);
/* Answer: @host zero for none */
void purchase_slots_host(struct purchase *b, unsigned index,
			 const struct cdx_addr *host);

/* ---- purchase_watch.c ---- */

/* Takes up records, watches head and events.  -ENOMEM and what the store says */
CDX_MUST_CHECK int purchase_watch_begin(struct cdx_purchasing *p);
void purchase_watch_end(struct cdx_purchasing *p);
/* Compares with the chain when it is time */
void purchase_reconcile(struct cdx_purchasing *p);

/* ---- purchase_round.c ---- */

/* What the thread has seen; takes over w->segs */
void purchase_round(struct cdx_purchasing *p, struct purchase_work *w);
/* The balance is there: what is to be bought, renewed, compacted */
void purchase_decide(struct cdx_purchasing *p);
/* What the thread found out about a segment */
void purchase_worked(struct cdx_purchasing *p, const struct purchase_work *w);
/* The segment of a dataset, NULL for none */
struct purchase_seg *purchase_seg_of(const struct cdx_purchasing *p,
				     const struct cdx_cid *verifiable);
void purchase_segs_free(struct cdx_purchasing *p);
/* Whether it is to be renewed: its segment is there, or not all that took what was in
 * it is safe */
bool purchase_needed(const struct purchase *b);
/* The purchase of highest generation for a dataset, NULL for none */
struct purchase *purchase_last(const struct cdx_purchasing *p,
			       const struct cdx_cid *verifiable);

/* ---- purchase_volume.c ---- */

/* -EAGAIN no thread; -errno of its eventfd */
CDX_MUST_CHECK int purchase_thread_begin(struct cdx_purchasing *p);
/* Waits for it */
void purchase_thread_end(struct cdx_purchasing *p);
/* Returns new, NULL without memory */
struct purchase_work *purchase_work_new(enum purchase_work_kind kind);
/* Gives it something to do; takes @w */
void purchase_work_give(struct cdx_purchasing *p, struct purchase_work *w);
/* Reads what a dataset's request says beside terms, client and nonce.  Blocks; any
 * thread.  -ENOENT; -EINVAL it is not verifiable (@why). */
CDX_MUST_CHECK int purchase_request_of(const struct cdx_purchasing *p,
				       struct cdx_storage_request *out,
				       const struct cdx_cid *verifiable,
				       char why[CDX_MARKET_WHY_MAX]);

/* ---- purchase_view.c ---- */

/* What others see of it */
void purchase_show(struct purchase *b);
/* What others see is made anew */
void purchase_refresh(struct cdx_purchasing *p);
void purchase_views_free(struct cdx_purchasing *p);

#endif
