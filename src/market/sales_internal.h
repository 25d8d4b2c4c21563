/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_SALES_INTERNAL_H
#define CDX_MARKET_SALES_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "base/map.h"
#include "market/allowance.h"
#include "market/prover.h"
#include "market/proving.h"
#include "market/sale_match.h"
#include "market/sale_note.h"
#include "market/sale_queue.h"
#include "market/sale_work.h"
#include "market/sales.h"
#include "market/slot_data.h"

/*
 * The parts of sales.  An agent does one thing after another on the loop: what it
 * asks (a view, a transaction, a job, a proof) calls a function that takes the next
 * step.  sale_go ends what was asked in the state before, but for jobs, which are
 * told to stop and waited for before the agent goes.
 *
 * Every step is put into the reservation's note as soon as it is known.  That is a
 * change of the store like those of the sender's records, in one log: a transaction
 * goes out when its record is durable, and so is what was noted before it; and the
 * end of a transaction is noted before its record is taken away.
 */

/* What the chain says of a slot and its request */
struct sale_facts {
	enum cdx_slot_state slot;
	enum cdx_request_state request;
	struct cdx_addr host;
	int64_t end;
	int64_t expiry;
	bool unknown; /* there is no such request */
};

struct sale_agent;
typedef void sale_facts_fn(struct sale_agent *a, int err);

struct sale_agent {
	struct cdx_list link;	     /* in agents */
	struct sale_agent *same_key; /* in by_slot */
	struct cdx_sales *sales;
	struct cdx_sale_info info; /* changed by the loop, under mu */
	struct cdx_sale_note note; /* also without a reservation */
	bool has_what;		   /* info.what is known */
	bool has_manifest;	   /* the request was checked */
	bool fresh;	  /* not of an earlier life: its data was just hashed */
	bool ours;	  /* the reconciliation was told so by the chain */
	bool rehearsed;	  /* a proof was made of it */
	bool reserve_any; /* of an offer that need not fit: it is ours already */

	struct sale_facts facts;
	sale_facts_fn *facts_fn; /* facts are being asked for */
	unsigned facts_left;
	int facts_err;
	bool facts_again; /* something changed meanwhile */
	bool facts_fresh; /* just asked for */

	struct sale_job *data;	/* under way */
	struct sale_job *look;	/* under way */
	struct sale_job *books; /* under way */
	bool closing;
	bool again; /* its slot is in the queue, as seen */

	struct cdx_allowance_hold *hold;
	struct cdx_prover_job *job;
	struct cdx_proving_slot *proving;
	struct cdx_loop_timer *retry;
	struct cdx_loop_timer *look_at;
	struct cdx_head_alarm *alarm;
	uint64_t wake_block;	    /* run again at this block; 0: none */
	unsigned tries;		    /* of this state */
	unsigned refused;	    /* fills that the contract refused */
	uint64_t period;	    /* that the proof is for */
	uint64_t not_before_period; /* the slot was proven in the one before */
	struct cdx_b32 challenge;
	struct cdx_proof_words proof;
	uint64_t seen_block; /* it was over for the first time */
	enum cdx_slot_state seen;
	bool counted; /* its payout, as earned */
	/* guarded by mu */
	char alarm_words[CDX_MARKET_WHY_MAX]; /* "" for none */
	int64_t paid_from;		      /* 0: not known */
	int64_t paid_until;
};

struct cdx_sales {
	const struct cdx_market_env *env;
	struct cdx_sales_opts opts;
	struct cdx_sale_queue *queue;
	struct sale_work *work;
	struct cdx_market_watch *watch;
	struct cdx_head_watch *head;
	struct cdx_loop_timer *reconcile;
	/* both changed by the loop, under mu */
	struct cdx_list agents;
	struct cdx_map by_slot;
	struct cdx_list lookups; /* freed slots whose request is asked for */
	unsigned n_lookups;
	bool loaded;	/* reservations of an earlier life have agents */
	bool loading;	/* they are being read */
	bool asking;	/* mySlots is asked for */
	bool caught_up; /* the past of the chain was told, once */
	struct cdx_loop_timer *soon;  /* until then */
	char why[CDX_MARKET_WHY_MAX]; /* guarded by mu: what is wrong with all */

	pthread_mutex_t mu;	      /* of what other threads read */
	struct cdx_sales_stats stats; /* guarded by mu: the counts of events */
};

/* ---- sales.c ---- */

/* Agent of a slot, or NULL; on the loop, or with mu */
struct sale_agent *sale_find(struct cdx_sales *s, const struct cdx_b32 *slot);
/* New agent in state unknown, whose run has not begun; NULL without memory */
struct sale_agent *sale_agent_new(struct cdx_sales *s,
				  const struct cdx_b32 *slot);
/* It is found no more; with mu */
void sale_forget(struct sale_agent *a);
/* Another agent that has, or has promised, the same bytes; NULL: none */
struct sale_agent *sale_sibling(const struct sale_agent *a);
/* Takes slots out of the queue as long as there is room for more */
void sale_dispatch(struct cdx_sales *s);
/* An alarm of all sales; "" when what it may say is over */
void sale_say(struct cdx_sales *s, const char *words);

/* The chain's new block: what waits for it goes on */
void sale_on_head(void *arg, const struct cdx_block *head, uint64_t fork);

/* ---- sale_feed.c ---- */

/* What the contract says; for cdx_market_watch_add */
void sale_on_event(void *arg, const struct cdx_market_event *e, uint64_t block,
		   bool removed);
void sale_lookups_free(struct cdx_sales *s);

/* ---- sale_reconcile.c ---- */

/* Agents for what the store and the chain say is ours, when a block is there; again on
 * a timer */
CDX_MUST_CHECK int sale_reconcile_start(struct cdx_sales *s);
void sale_reconcile(void *arg);

/* ---- sale_agent.c ---- */

/* Ends what was begun, and begins the work of a state */
void sale_go(struct sale_agent *a, enum cdx_sale_state state);
/* Begins the work of an agent that was just made, the @n-th of many: a few at a time,
 * so that a thousand slots do not ask all at once */
void sale_begin(struct sale_agent *a, size_t n);
/* The work of the present state once more, after a pause that grows.  A slot that is
 * not ours is given up after some tries. */
void sale_retry(struct sale_agent *a, int err, const char *why);
/* The work of the present state, when the chain's time or block is there */
void sale_run_at(struct sale_agent *a, int64_t at);
void sale_run_at_block(struct sale_agent *a, uint64_t number);
/* The last error, for those who look; logged.  @why NULL or "": the error's own. */
void sale_error(struct sale_agent *a, int err, const char *why);
/* The same of a race for a slot that was lost, which is nothing to worry about */
void sale_outrun(struct sale_agent *a, const char *why);
void sale_alarm(struct sale_agent *a, const char *words);
/* An agent that is not needed: its reservation is ended, its data given back; @state
 * says why.  @again: the slot goes back into the queue, as seen. */
void sale_close(struct sale_agent *a, enum cdx_sale_state state, bool again);
/* A job that was told to stop has: what waited for that begins anew */
void sale_job_stopped(struct sale_agent *a);
/* A job has ended: goes on with sale_close where that waits */
void sale_close_go_on(struct sale_agent *a);
/* The store knows it; a failure is for sale_retry */
CDX_MUST_CHECK int sale_note_save(struct sale_agent *a);
/* All of its bytes are here, and charged */
void sale_obtained(struct sale_agent *a);
/* Asks for all facts; @fn on the loop, never from within.  One at a time: while facts
 * are asked for, they are asked for again behind that, for the first @fn. */
void sale_facts_ask(struct sale_agent *a, sale_facts_fn *fn);
/* Something of it happened on the chain */
void sale_poke(struct sale_agent *a);
/* Frees an agent whose jobs have ended; its records stay */
void sale_agent_free(struct sale_agent *a);
/* Enough time to fill it, by the facts */
bool sale_time_left(const struct sale_agent *a);
/* Is a transaction of this name under way, or has ended untold? */
bool sale_has_tx(const struct sale_agent *a, const char *what);
#define SALE_TAG_MAX 80u
/* "WHAT-SLOT" */
void sale_tag(char out[SALE_TAG_MAX], const struct sale_agent *a,
	      const char *what);
/* The chain's time as its last certain block says it; 0: no block is known */
int64_t sale_certain_time(const struct cdx_sales *s);
const char *sale_words(const struct cdx_revert *why, int err);
/* What filling the slot takes, by the facts */
CDX_MUST_CHECK int sale_collateral(const struct sale_agent *a,
				   struct cdx_u256 *out);

/* ---- work of states ---- */

/* Each is sale_go's, and begins a state's work, also again */
void sale_run_unknown(struct sale_agent *a);
void sale_run_preparing(struct sale_agent *a);
void sale_run_reserving(struct sale_agent *a);
void sale_run_downloading(struct sale_agent *a);
void sale_run_initial_proving(struct sale_agent *a);
void sale_run_filling(struct sale_agent *a);
void sale_run_filled(struct sale_agent *a);
void sale_run_proving(struct sale_agent *a);
void sale_run_payout(struct sale_agent *a); /* also of a cancelled request */
void sale_run_failed(struct sale_agent *a);
/* By the facts: the state that the slot is in, when that is another one than the
 * agent's.  False: it stays as it is. */
bool sale_decide(struct sale_agent *a);

/* ---- sale_data.c ---- */

/* Is the request what it says?  @fn on the loop. */
typedef void sale_data_fn(struct sale_agent *a, int rc, const char *why);
void sale_data_check(struct sale_agent *a, sale_data_fn *fn);
/* Have the slot */
void sale_data_obtain(struct sale_agent *a, sale_data_fn *fn);
/* Look at it, now or @after seconds */
void sale_data_look(struct sale_agent *a, unsigned after);

/* ---- sale_books.c ---- */

typedef void sale_books_fn(struct sale_agent *a, int rc);
/* Does any offer take it?  -ENOENT */
void sale_books_match(struct sale_agent *a, sale_books_fn *fn);
/* Reserves; -ENOENT no offer takes it */
void sale_books_reserve(struct sale_agent *a, sale_books_fn *fn);
/* Counts what was earned, ends the reservation, gives the data back; false: no memory */
bool sale_books_end(struct sale_agent *a, sale_books_fn *fn);
/* What was earned so far */
CDX_MUST_CHECK int sale_books_earned(struct cdx_store *store,
				     struct cdx_u256 *out);

#endif
