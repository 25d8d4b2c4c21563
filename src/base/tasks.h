/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_TASKS_H
#define CDX_BASE_TASKS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/pool.h"

/* Pieces of work on the pool that somebody waits for together */

/* locked by mu */
struct cdx_tasks {
	struct cdx_pool *pool;	 /* NULL: work on the caller; immutable */
	enum cdx_pool_prio prio; /* immutable */
	pthread_mutex_t mu;
	pthread_cond_t done;
	unsigned pending;
	unsigned added; /* since init */
};

/* One piece; lies in the caller's memory until it has run */
struct cdx_task {
	struct cdx_tasks *of;
	void (*run)(struct cdx_task *t); /* may add tasks to the same group */
};

/* @pool: kept; NULL: everything runs on the caller */
void cdx_tasks_init(struct cdx_tasks *g, struct cdx_pool *pool,
		    enum cdx_pool_prio prio);
/* Nothing may be pending */
void cdx_tasks_fini(struct cdx_tasks *g);
/* Runs @fn(@t) on a worker, or here where that cannot be.  Thread: safe. */
void cdx_tasks_add(struct cdx_tasks *g, struct cdx_task *t,
		   void (*fn)(struct cdx_task *t));
/* Until nothing is pending; blocks */
void cdx_tasks_wait(struct cdx_tasks *g);
/* The same for at most @ms milliseconds; false: something is pending still */
bool cdx_tasks_wait_ms(struct cdx_tasks *g, unsigned ms);
/* How many were added since init, and how many of them are done */
void cdx_tasks_counts(struct cdx_tasks *g, unsigned *added, unsigned *done);

#endif
