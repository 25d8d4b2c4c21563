/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_POOL_H
#define CDX_BASE_POOL_H

#include "base/attr.h"

/*
 * CPU pool: hashing, encryption, coding, proofs.  Higher priorities first;
 * within one priority in order of submission.
 *
 * CDX_POOL_IDLE has as many workers again for itself, which the scheduler
 * serves only when nobody else wants the processor.  What runs there may not
 * move for a long time, so it must hold no lock that others take.
 */
enum cdx_pool_prio {
	CDX_POOL_READ, /* somebody waits for a read */
	CDX_POOL_WRITE, /* write-back, commit, unlinked files, what a user awaits */
	CDX_POOL_PROOF, /* has a deadline */
	CDX_POOL_IDLE,	/* parity, slot trees, scrub: computing only */
	CDX_POOL_PRIOS,
};

struct cdx_pool;

typedef void cdx_pool_fn(void *arg);

/**
 * cdx_pool_new - start a pool
 *
 * @out:     returns new
 * @threads: workers, and as many idle ones; 0 means the serial twin:
 *           cdx_pool_submit runs the work before it returns (for tests)
 *
 * Errors: -ENOMEM, -EAGAIN.
 */
CDX_MUST_CHECK int cdx_pool_new(struct cdx_pool **out, unsigned threads);

/* Waits for everything submitted, then ends the workers.  NULL is allowed. */
void cdx_pool_free(struct cdx_pool *pool);

/**
 * cdx_pool_submit - queue work
 *
 * @fn:  called once on a worker, with no lock held
 * @arg: kept until @fn returns
 *
 * Errors: -ENOMEM (nothing queued).  Thread: safe, may be called by a worker.
 */
CDX_MUST_CHECK int cdx_pool_submit(struct cdx_pool *pool,
				   enum cdx_pool_prio prio, cdx_pool_fn *fn,
				   void *arg);

/* Workers that a pool of this machine should have: one a processor, at most 16 */
unsigned cdx_pool_processors(void);

/* Number of workers without the idle ones, which are as many (0 for the serial
 * twin) */
unsigned cdx_pool_threads(const struct cdx_pool *pool);

#endif
