/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_PROVING_INTERNAL_H
#define CDX_MARKET_PROVING_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "market/challenge.h"
#include "market/proving.h"

/* proving.c has slots and periods, proving_send.c the transactions,
 * proving_room.c the pace of the chain, and how much
 * more could be proven. */

/* Proofs of one transaction, and for how many periods margins are kept */
#define PROVING_BATCH 32u
#define PROVING_MARGINS 10u

/* How far a slot is in the present period */
enum proving_phase {
	PROVING_IDLE,  /* nothing was done, or is to be done again */
	PROVING_ASKED, /* the prover has it */
	PROVING_READY, /* there is a proof */
	PROVING_SENT,
	PROVING_PROVEN,
};

struct proving_tx;

/* loop-confined */
struct cdx_proving_slot {
	struct cdx_list node;
	struct cdx_proving *p;
	struct cdx_proving_what what;
	uint64_t odds; /* of cdx_challenge_probability */
	cdx_proving_fn *fn;
	void *arg;
	bool dead; /* deleted while functions were called */
	/* the present period */
	enum proving_phase phase;
	struct cdx_prover_job *job;
	struct cdx_b32 challenge; /* of job, or of words */
	struct cdx_proof_words words;
	bool has_words;
	struct proving_tx *tx;
	bool wanted;   /* by the dice */
	bool alone;    /* a transaction of many was refused with it */
	bool troubled; /* was told */
	bool gone;     /* likewise */
	int64_t again; /* the chain's time; nothing before */
	uint64_t seen; /* height at which the contract had it already; 0 */
	/* over periods */
	uint64_t proven; /* the last one; 0 none */
	uint64_t block;	 /* with that proof; 0: long ago, or not known */
	uint64_t past;	 /* bit i: i periods before that one */
	bool told;	 /* of it, with confirmations */
	bool refused;	 /* one since then: invalid for the contract */
	uint64_t judged; /* the last period that cannot be missed any more */
};

/* One proof in a transaction */
struct proving_item {
	struct cdx_proving_slot *slot; /* NULL: it is gone, or not yet there */
	struct cdx_b32 id;
	bool missed; /* if it fails: its period is over and wanted it */
};

/* loop-confined */
struct proving_tx {
	struct cdx_list node;
	struct cdx_proving *p;
	uint64_t period;
	bool adopted; /* of an earlier process */
	bool ended;   /* adopted, well, and kept for a slot that comes */
	uint64_t block;
	size_t n; /* 0: of an earlier process, of nobody knows which slots */
	struct proving_item items[PROVING_BATCH];
};

struct proving_margin {
	uint64_t period;
	int64_t s;
};

/* loop-confined, but for stats */
struct cdx_proving {
	const struct cdx_market_env *env;
	struct cdx_proving_opts opts;
	struct cdx_head_watch *head_watch;
	struct cdx_market_watch *watch;
	struct cdx_loop_timer *tick;
	struct cdx_list slots;
	uint32_t n_slots;
	struct cdx_list txs;
	uint64_t period;  /* 0: there was no head */
	uint64_t height;  /* of the head that was seen last */
	int64_t started;  /* the chain's time; 0 likewise */
	uint64_t batches; /* for their names */
	unsigned calling; /* functions; slots are freed after them */
	unsigned n_asked; /* slots that the prover has */
	struct proving_margin margins[PROVING_MARGINS];
	struct cdx_proving_stats count;
	pthread_mutex_t mu;
	struct cdx_proving_stats stats; /* guarded by mu */
};

/* ---- proving.c ---- */

/* First second of the chain at which a proof for the present period is worth
 * nothing; @s may be NULL */
int64_t cdx_proving_end(const struct cdx_proving *p,
			const struct cdx_proving_slot *s);
/* Calls the function of a slot.  The slot is there until calling is 0 again. */
void cdx_proving_emit(struct cdx_proving_slot *s, enum cdx_proving_event event,
		      uint64_t period, const char *why);
/* TROUBLE, or GONE, once in a period */
void cdx_proving_trouble(struct cdx_proving_slot *s, const char *why);
void cdx_proving_gone(struct cdx_proving_slot *s, const char *why);
/* A proof for a period is in a block */
void cdx_proving_put(struct cdx_proving_slot *s, uint64_t period,
		     uint64_t block);
/* It has its confirmations: told, once. */
void cdx_proving_tell(struct cdx_proving_slot *s);
/* Nothing is made or sent for now: what an earlier process did is not known */
bool cdx_proving_held(const struct cdx_proving *p);
/* The dice now; whether the slot's proof still answers them */
bool cdx_proving_stands(const struct cdx_proving_slot *s);

/* ---- proving_room.c ---- */

/* Seconds that two blocks take */
int64_t cdx_proving_two_blocks(const struct cdx_proving *p);
/* Seconds after which something that failed is tried again */
int64_t cdx_proving_pause(const struct cdx_proving *p);
/* Do these slots and another one, that wants a proof once in @odds periods, want no
 * more than @most proofs in one, but for one of 1,000?  Pure. */
bool cdx_proving_fits(const struct cdx_list *slots, uint64_t odds,
		      uint64_t most);

/* ---- proving_send.c ---- */

/* Takes up transactions of an earlier process.  -ENOMEM. */
CDX_MUST_CHECK int cdx_proving_adopt(struct cdx_proving *p);
/* What such a one says of a slot that comes */
void cdx_proving_meet(struct cdx_proving_slot *s);
/* Sends what is ready.  @all: does not wait for more of them. */
void cdx_proving_send(struct cdx_proving *p, bool all);
/* The slot goes, or its period is over. */
void cdx_proving_unsend(struct cdx_proving_slot *s);
/* Forgets what ended for slots that did not come. */
void cdx_proving_drop_ended(struct cdx_proving *p);
void cdx_proving_send_fini(struct cdx_proving *p);

#endif
