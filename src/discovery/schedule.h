/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_SCHEDULE_H
#define CDX_DISCOVERY_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"

/*
 * When what was announced is put again.  New ones are put soon, one after the
 * other at a steady pace; all others go round in a ring, of which the next is due
 * after interval / number, so that there never is a burst, and none waits longer
 * than the interval.  Nothing here reads a clock.  loop-confined.
 */

/* One that is announced; embedded in what it stands for */
struct cdx_due {
	struct cdx_list node; /* in one of the lists, or in none */
	uint64_t put_ns;      /* when it was put */
	uint8_t list;	      /* which one: 0 none, 1 fresh, 2 ring */
};

struct cdx_schedule {
	struct cdx_list fresh; /* to be put as soon as the pace allows */
	struct cdx_list ring;  /* longest ago first */
	uint32_t n_fresh;
	uint32_t n_ring;
	uint64_t interval_ns;
	uint64_t pace_ns;      /* between any two */
	uint64_t last_ring_ns; /* when the ring turned last */
	uint64_t last_ns;      /* when one was taken last */
	bool taken;	       /* one was taken ever */
};

/* @interval_ns: nobody waits longer; @pace_ns: between any two, less where the
 * ring has to turn faster */
void cdx_schedule_init(struct cdx_schedule *s, uint64_t interval_ns,
		       uint64_t pace_ns);
/* To be put soon, whatever list it was on */
void cdx_schedule_soon(struct cdx_schedule *s, struct cdx_due *d);
/* It was put at @now: at the end of the ring */
void cdx_schedule_put(struct cdx_schedule *s, struct cdx_due *d, uint64_t now);
/* On no list any more; twice is safe */
void cdx_schedule_drop(struct cdx_schedule *s, struct cdx_due *d);
/**
 * cdx_schedule_take - the one to put at @now
 *
 * @wait_ns: when there is none: how long until there is, UINT64_MAX when nothing
 *           is announced
 *
 * What is returned is on no list: the caller gives it back with
 * cdx_schedule_put or cdx_schedule_soon.
 */
struct cdx_due *cdx_schedule_take(struct cdx_schedule *s, uint64_t now,
				  uint64_t *wait_ns);

#endif
