/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_PROTECTOR_H
#define CDX_VOLUME_PROTECTOR_H

/* Between protector.c and protect_job.c */

#include "protect/protect.h"
#include "volume/segs.h"

/* A segment that could not be protected */
struct cdx_protect_failure {
	uint64_t retry_ns; /* mono: not before */
	int err;
};

struct cdx_protector {
	struct cdx_volume *v; /* immutable */
	pthread_t thread;
	bool running; /* start, stop */
	atomic_bool stop;
	atomic_uint waiting; /* callers of cdx_protect_all */

	pthread_mutex_t mu; /* a leaf */
	pthread_cond_t cv;  /* kicked, or a job ended; on CLOCK_MONOTONIC */
	/* guarded by mu: */
	bool kicked;
	uint64_t area; /* somebody works on it; 0: nobody on any */
	bool dying;    /* it is to be dropped: the job ends */
	uint64_t done; /* bytes of data coded, and of all */
	uint64_t total;
	uint64_t rate; /* bytes a second */
	uint64_t steps;
	uint64_t protections;
	struct cdx_map failed; /* area -> struct cdx_protect_failure */
	int error;
	char why[256];
};

/* Who works, and who is told */
struct cdx_protect_ctx {
	struct cdx_protector *p;
	cdx_cancel_fn *cancel;	   /* or NULL */
	cdx_progress_fn *progress; /* or NULL; in bytes of @total */
	void *arg;
	uint64_t base;	/* bytes of segments done before this one */
	uint64_t total; /* bytes of all segments */
	/* of the running job: */
	uint64_t step_bytes;
	uint64_t steps_before; /* coded in an earlier life */
	uint64_t steps_seen;
	uint64_t requests_seen; /* v->requests at the last window */
	uint64_t began_ns;
};

/* Waits up to @wait_ns until nobody works; true: @area is the caller's */
bool cdx_protector_claim(struct cdx_protector *p, uint64_t area,
			 uint64_t wait_ns);
void cdx_protector_release(struct cdx_protector *p);
/* The claimed segment is not to be protected any more */
bool cdx_protector_unwanted(struct cdx_protector *p);

/**
 * cdx_protect_one - protect one segment, if it still wants that
 *
 * 0 also when it is protected or gone.  -ECANCELED; what cdx_protect_run says,
 * which is remembered, so that nobody tries again at once.
 */
CDX_MUST_CHECK int cdx_protect_one(struct cdx_protect_ctx *ctx, uint64_t area);

#endif
