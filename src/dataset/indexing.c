/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "dataset/indexing.h"

#include <errno.h>
#include <stdbool.h>

/* Codex counts blocks in signed 64-bit integers */
#define INDEX_MAX ((uint64_t)INT64_MAX)

/* The highest padding label: last + iterations + (pads - 1) * groups */
static bool pads_fit(uint64_t last, uint64_t iterations, uint64_t groups,
		     uint64_t pads)
{
	uint64_t span;

	if (pads == 0)
		return true;
	if (groups == 0 || __builtin_mul_overflow(pads - 1, groups, &span) ||
	    __builtin_add_overflow(span, last, &span) ||
	    __builtin_add_overflow(span, iterations, &span))
		return false;
	return span <= INDEX_MAX;
}

int cdx_indexing_init(struct cdx_indexing *out, enum cdx_strategy strategy,
		      uint64_t first, uint64_t last, uint64_t iterations,
		      uint64_t groups, uint64_t pads)
{
	if (strategy != CDX_STRATEGY_LINEAR && strategy != CDX_STRATEGY_STEPPED)
		return -EINVAL;
	if (first > last || last > INDEX_MAX || iterations == 0 ||
	    iterations > INDEX_MAX)
		return -EINVAL;
	if (!pads_fit(last, iterations, groups, pads))
		return -EINVAL;
	*out = (struct cdx_indexing){
		.strategy = strategy,
		.first = first,
		.last = last,
		.iterations = iterations,
		.step = (last - first) / iterations + 1,
		.groups = groups,
		.pads = pads,
	};
	return 0;
}

/* First index of an iteration and how many real ones it has */
static void real_indices(uint64_t *start, uint64_t *count,
			 const struct cdx_indexing *s, uint64_t iteration)
{
	uint64_t span = s->last - s->first;
	uint64_t off = iteration;

	*start = s->first;
	*count = 0;
	if (s->strategy == CDX_STRATEGY_LINEAR &&
	    __builtin_mul_overflow(iteration, s->step, &off))
		return;
	if (off > span)
		return;
	*start = s->first + off;
	*count = (span - off) / s->iterations + 1;
	if (s->strategy == CDX_STRATEGY_LINEAR) {
		*count = span - off + 1;
		if (*count > s->step)
			*count = s->step;
	}
}

int cdx_indexing_count(uint64_t *out, const struct cdx_indexing *s,
		       uint64_t iteration)
{
	uint64_t start;
	uint64_t count;

	if (iteration >= s->iterations)
		return -EINVAL;
	real_indices(&start, &count, s, iteration);
	*out = count + s->pads;
	return 0;
}

int cdx_indexing_at(uint64_t *out, const struct cdx_indexing *s,
		    uint64_t iteration, uint64_t i)
{
	uint64_t start;
	uint64_t count;

	if (iteration >= s->iterations)
		return -EINVAL;
	real_indices(&start, &count, s, iteration);
	if (i < count) {
		*out = start + (s->strategy == CDX_STRATEGY_LINEAR
					? i
					: i * s->iterations);
		return 0;
	}
	i -= count;
	if (i >= s->pads)
		return -EINVAL;
	*out = s->last + iteration + 1 + i * s->groups;
	return 0;
}
