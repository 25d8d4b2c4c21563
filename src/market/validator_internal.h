/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_VALIDATOR_INTERNAL_H
#define CDX_MARKET_VALIDATOR_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/map.h"
#include "market/validator.h"

/* Parts of the validator: validator_slots.c knows which slots there are and asks
 * what became of them, validator_sweep.c looks at a period that has ended and has
 * what is missing marked, validator.c puts them together.  loop-confined. */

/* Pause after a failure of the node's */
#define VALIDATOR_RETRY_NS UINT64_C(1000000000)
/* Periods that are kept in mind; also sweeps at once */
#define VALIDATOR_PERIODS 64u

/* Some of the last periods: bit i is newest - i.  Zero: none */
struct validator_periods {
	uint64_t newest;
	uint64_t bits;
};
/* Puts one in; those that are too old for it leave, or are not taken. */
void validator_periods_set(struct validator_periods *p, uint64_t period);
/* Takes one out, if it is in */
void validator_periods_clear(struct validator_periods *p, uint64_t period);
/* Is it in? */
bool validator_periods_has(const struct validator_periods *p, uint64_t period);

/* A slot of our group that was filled within the duration limit */
struct validator_slot {
	struct cdx_list link;	     /* in slots, in the order of coming */
	struct validator_slot *next; /* ids that begin alike */
	struct cdx_b32 id;
	uint64_t probability; /* with the downtime; when has_probability */
	bool has_probability; /* else the contract is asked each time */
	bool told;	      /* its state is known: */
	bool filled;
	bool watched; /* filled, and there is room */
	unsigned gone; /* times in a row that the contract said it is not filled */
	uint64_t asked; /* in which refresh */
	uint64_t since; /* period that it was filled in; 0: not known */
	struct validator_periods proven;
	struct validator_periods handled; /* marked, or not to be marked */
};

/* What a request's slots have in common */
struct validator_request {
	struct cdx_list link;
	struct validator_request *next; /* ids that begin alike */
	struct cdx_b32 id;
	uint64_t probability;
	uint64_t over; /* the chain's time by which it has ended */
};

/* What is asked about the states of all slots */
struct validator_refresh {
	bool running;
	bool again;	/* once more behind this */
	bool whole;	/* the past was told when it began */
	uint64_t round; /* the how many-th */
	bool waiting;	/* pass over those that have no room yet */
	struct cdx_list *cursor;
	struct cdx_b32 ids[CDX_MARKET_MANY_MAX];
	size_t n;
	struct cdx_loop_timer *retry;
};

struct cdx_validator {
	const struct cdx_market_env *env;
	struct cdx_validator_opts opts;
	struct cdx_market_watch *watch;
	struct cdx_head_watch *head;
	struct cdx_head_alarm *alarm; /* end of next */
	struct cdx_loop_timer *tick;  /* until it is ready */
	bool ready;	      /* the past was told, and what became of it */
	bool timed;	      /* next is set */
	uint64_t next;	      /* the first period that was not begun */
	uint64_t head_number; /* of the last head */

	struct cdx_map slot_map; /* first 8 bytes of the id: the first such */
	struct cdx_list slots;
	uint32_t n_slots;
	uint32_t n_watched;
	uint32_t n_off; /* told, and not filled */
	bool full;	/* somebody was left out, and that was said */
	struct cdx_map request_map;
	struct cdx_list requests;
	uint32_t n_requests;
	struct validator_refresh refresh;

	struct cdx_list sweeps;
	struct cdx_list marks; /* transactions that are waited for */

	pthread_mutex_t mu; /* stats */
	struct cdx_validator_stats stats;
};

/* ---- validator_slots.c ---- */

/* None yet */
void validator_slots_init(struct cdx_validator *v);
/* Ends what is asked, and forgets them. */
void validator_slots_free(struct cdx_validator *v);
/* NULL: not one of ours; borrowed, until the loop turns */
struct validator_slot *validator_slot_find(const struct cdx_validator *v,
					   const struct cdx_b32 *id);
/* A cdx_market_event_fn */
void validator_on_event(void *arg, const struct cdx_market_event *e,
			uint64_t block, bool removed);
/* Asks for the state of all; again, when that is going on */
void validator_refresh(struct cdx_validator *v);

/* ---- validator_sweep.c ---- */

/* None yet */
void validator_sweeps_init(struct cdx_validator *v);
/* Ends them; transactions go on. */
void validator_sweeps_free(struct cdx_validator *v);
/* Begins with a period that has ended.  Without memory it is left out, with a
 * word in the log. */
void validator_sweep(struct cdx_validator *v, uint64_t period);
/* Goes on with all of them. */
void validator_sweeps_go(struct cdx_validator *v);
/* Blocks were undone: what was marked may not be any more. */
void validator_sweeps_undone(struct cdx_validator *v);
/* Waits for the marks that an earlier process has sent. */
void validator_marks_join(struct cdx_validator *v);

/* ---- validator.c ---- */

/* What became of the slots of the past is known. */
void validator_is_ready(struct cdx_validator *v);
/* First second of the chain's from which on no miss of a period can be marked */
int64_t validator_deadline(const struct cdx_validator *v, uint64_t period);
/* Numbers of the slots, for others */
void validator_tell(struct cdx_validator *v);

#endif
