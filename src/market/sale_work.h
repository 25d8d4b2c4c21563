/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_SALE_WORK_H
#define CDX_MARKET_SALE_WORK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/list.h"
#include "base/loop.h"

/*
 * What sales may not do on the loop: a few threads that wait for the disk and for
 * others, whose results come back to the loop.  In lanes, so that what is short does
 * not wait behind what is long.
 */
struct sale_work;

enum sale_lane {
	SALE_LANE_BOOKS, /* rows of offers and reservations, release of data */
	SALE_LANE_DATA,	 /* manifests, slots that are had */
	SALE_LANE_LOOK,	 /* looks at slots that are here */
	SALE_LANES,
};

/* First member of what a job needs; the caller's memory until @end */
struct sale_job {
	struct cdx_list link;
	/* On a thread of the lane; not called when it was cancelled before */
	void (*run)(struct sale_job *j);
	/* On the loop, once; frees the job.  @gone: the whole work is being freed,
	 * nothing else may be done. */
	void (*end)(struct sale_job *j, bool gone);
	atomic_bool cancel; /* set by the loop, looked at by run */
	bool ran;	    /* run was called */
};

/* @threads: of the lane for data, from 1; the others have one.  @woken: called on the
 * loop after _wake.  Returns new; -ENOMEM, -EAGAIN no thread. */
CDX_MUST_CHECK int sale_work_new(struct sale_work **out, struct cdx_loop *loop,
				 unsigned threads, cdx_loop_fn *woken,
				 void *arg);
/* Cancels all and waits for those that run.  On the loop.  NULL is allowed. */
void sale_work_free(struct sale_work *w);
/* On the loop */
void sale_work_add(struct sale_work *w, enum sale_lane lane,
		   struct sale_job *j);
/* Has @woken called.  Thread: safe. */
void sale_work_wake(struct sale_work *w);

#endif
