/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_MARKET_PROVING_KIT_H
#define CDX_TESTS_MARKET_PROVING_KIT_H

/* A host that has filled three slots on a real chain, and what proves them.
 * Include after cmocka.h. */

#include "tests/market/market_kit.h"

#include "market/events.h"
#include "market/prover.h"
#include "market/proving.h"

#define PV_SLOTS 3u

/* What was told of a slot; the loop's */
struct pv_slot {
	struct cdx_proving_slot *handle;
	unsigned done, missed, trouble, gone;
	unsigned again; /* done that was told before */
	uint64_t done_period;
	uint64_t missed_period;
	char why[CDX_MARKET_WHY_MAX];
	unsigned submitted; /* events of the contract, less those removed */
};

struct pv {
	struct mk kit;
	struct mk_account client;
	struct mk_account host;
	struct mk_request rq;
	int64_t filled_at[PV_SLOTS];
	/* what the next process does otherwise */
	struct cdx_market_env env;
	uint64_t stake;		  /* wei */
	uint32_t index[PV_SLOTS]; /* of the data that is proven with */
	/* a process */
	struct cdx_market_events *events;
	struct cdx_market_watch *watch;
	struct cdx_prover *prover;
	struct cdx_proving *proving;
	struct pv_slot slot[PV_SLOTS];
};

/* A request is posted and its slots are filled; one proof in @probability */
void pv_start(struct pv *w, char **argv, uint64_t probability);
void pv_stop(struct pv *w);
/* A process: of the slots that the mask has, nothing is known of before */
void pv_begin(struct pv *w, unsigned mask);
/* It ends; so does its sender, which is made again. */
void pv_end(struct pv *w);
/* A sender that finds out soon that it is stuck */
void pv_eager_sender(struct pv *w);
struct cdx_proving_stats pv_stats(struct pv *w);
/* Transactions of the host that are in blocks */
uint64_t pv_nonce(struct pv *w);
/* The same with those in the pool */
uint64_t pv_pending(struct pv *w);
/* Until there are so many in the pool */
void pv_until_pooled(struct pv *w, unsigned n);

/* Whether the contract wants a proof of the slot in this period, now or later */
bool pv_wanted(struct pv *w, unsigned slot);
/* Into a later period, in which no pointer is about to wrap */
void pv_next_period(struct pv *w);
/* When what was missed in this period can be marked */
void pv_after_period(struct pv *w);
/* Until the slots of the mask were told to be proven in the present period */
void pv_until_done(struct pv *w, unsigned mask);
/* Until the process has looked at the newest block and its events, and then
 * some */
void pv_settle(struct pv *w);

/* proving_faults.c */
void pv_test_gate(void **state);
void pv_test_stuck(void **state);
void pv_test_late(void **state);
void pv_test_data(void **state);
void pv_test_bad_one(void **state);
void pv_test_freed(void **state);

extern struct pv pv;

#endif
