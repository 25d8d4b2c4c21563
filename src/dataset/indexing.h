/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DATASET_INDEXING_H
#define CDX_DATASET_INDEXING_H

#include <stdint.h>

#include "base/attr.h"

/* How the block indices of a dataset are dealt out to iterations (the steps of
 * a code, or the slots).  Numbers are stored in manifests. */
enum cdx_strategy {
	CDX_STRATEGY_LINEAR = 0,  /* an iteration is a run of neighbours */
	CDX_STRATEGY_STEPPED = 1, /* an iteration takes every I-th index */
};

/* immutable after cdx_indexing_init; value type */
struct cdx_indexing {
	enum cdx_strategy strategy;
	uint64_t first; /* block index */
	uint64_t last;	/* block index, included */
	uint64_t iterations;
	uint64_t step;	 /* ceil((last - first + 1) / iterations) */
	uint64_t groups; /* distance of an iteration's padding indices */
	uint64_t pads;	 /* padding indices of each iteration */
};

/**
 * cdx_indexing_init - set up a strategy over the indices @first..@last
 *
 * @out:        written on success only
 * @iterations: at least 1
 * @groups:     at least 1 when @pads is not 0
 * @pads:       padding indices that each iteration gets at its end; they are
 *              labels from last + 1 on, and stand for blocks of zeros
 *
 * Errors: -EINVAL first > last, no iterations, padding without groups, an
 * index beyond 2^63.  Source: spec/datasets.md 5.1.
 */
CDX_MUST_CHECK int cdx_indexing_init(struct cdx_indexing *out,
				     enum cdx_strategy strategy, uint64_t first,
				     uint64_t last, uint64_t iterations,
				     uint64_t groups, uint64_t pads);

/**
 * cdx_indexing_count - number of indices in one iteration
 *
 * @out:       indices, the padding ones included; may be 0
 * @iteration: < iterations, else -EINVAL
 */
CDX_MUST_CHECK int cdx_indexing_count(uint64_t *out,
				      const struct cdx_indexing *s,
				      uint64_t iteration);

/**
 * cdx_indexing_at - the @i-th index of one iteration, ascending
 *
 * @out:       block index, or a padding label when above last
 * @iteration: < iterations
 * @i:         < cdx_indexing_count
 *
 * Errors: -EINVAL out of range.  Constant time.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_indexing_at(uint64_t *out, const struct cdx_indexing *s,
				   uint64_t iteration, uint64_t i);

#endif
