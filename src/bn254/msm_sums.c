/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/msm_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bn254/backend.h"
#include "bn254/fr_adx.h"

/* Bytes of points in own form that a run works on: what a core has near */
#define RUN_BYTES ((size_t)512 * 1024)
/* How many terms ahead points are asked for: enough to have the second level of
 * cache busy, which waits for more lines at a time than the first */
#define AHEAD 64u
#define LINE 64u

/* A sum's part in a run: @count points from @first on */
struct msm_part {
	uint32_t first;
	uint32_t count;
};

/* The arguments of cdx_msm_sums_add, and how far it is */
struct terms {
	const uint8_t *file;
	const uint32_t *terms;
	const uint32_t *ends;
	size_t n;
	const uint32_t *next;
};

const struct msm_kernel *cdx_msm_kernel_g1(void)
{
	const enum cdx_bn254_backend which = cdx_bn254_backend();

#ifdef CDX_ADX
	if (which == CDX_BN254_ADX)
		return &cdx_msm_adx_g1;
#endif
	return which == CDX_BN254_IFMA ? &cdx_msm_ifma_g1
				       : &cdx_msm_portable_g1;
}

const struct msm_kernel *cdx_msm_kernel_g2(void)
{
	const enum cdx_bn254_backend which = cdx_bn254_backend();

#ifdef CDX_ADX
	if (which == CDX_BN254_ADX)
		return &cdx_msm_adx_g2;
#endif
	return which == CDX_BN254_IFMA ? &cdx_msm_ifma_g2
				       : &cdx_msm_portable_g2;
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Of all arrays, in cache lines each */
static size_t layout(struct msm_sums *s, uint8_t *base)
{
	const size_t group = s->kernel->group;
	const size_t groups = round_up(s->capacity / 2, group) / group;
	const size_t sizes[] = {
		s->capacity * s->kernel->size,
		groups * s->kernel->scratch,
		groups * group * sizeof(*s->pairs),
		round_up(s->capacity, group) * sizeof(*s->singles),
		s->capacity * sizeof(*s->live),
		s->capacity * s->kernel->size,
		s->capacity * sizeof(*s->parts),
	};
	size_t at[CDX_ARRAY_LEN(sizes) + 1] = {0};

	for (size_t i = 0; i < CDX_ARRAY_LEN(sizes); i++)
		at[i + 1] = at[i] + round_up(sizes[i], LINE);
	if (base) {
		s->points = base;
		s->scratch = base + at[1];
		s->pairs = (void *)(base + at[2]);
		s->singles = (void *)(base + at[3]);
		s->live = (void *)(base + at[4]);
		s->stage = base + at[5];
		s->parts = (void *)(base + at[6]);
	}
	return at[CDX_ARRAY_LEN(sizes)];
}

int cdx_msm_sums_init(struct msm_sums *s, const struct msm_kernel *kernel,
		      size_t terms)
{
	const size_t most = RUN_BYTES / kernel->size;
	uint8_t *base;

	memset(s, 0, sizeof(*s));
	s->kernel = kernel;
	s->capacity = terms < most ? round_up(terms + 1, LINE) : most;
	base = aligned_alloc(LINE, layout(s, NULL));
	if (!base)
		return -ENOMEM;
	(void)layout(s, base);
	return 0;
}

void cdx_msm_sums_free(struct msm_sums *s)
{
	if (s->points)
		explicit_bzero(s->points, layout(s, NULL));
	free(s->points);
	s->points = NULL;
}

/* All pairs that wait, with those that fill the last group up.  @points: where
 * the results go; @file: where the terms are, or NULL. */
static void flush(struct msm_sums *s, uint8_t *points, const uint8_t *file)
{
	struct msm_batch batch = {
		.points = points,
		.file = file,
		.pairs = s->pairs,
		.scratch = s->scratch,
		.infinite = s->infinite,
	};

	if (s->n_pairs == 0)
		return;
	batch.count = round_up(s->n_pairs, s->kernel->group);
	for (size_t i = s->n_pairs; i < batch.count; i++)
		s->pairs[i] = s->pairs[s->n_pairs - 1];
	s->kernel->add(&batch);
	s->infinite = batch.infinite;
	s->n_pairs = 0;
}

static void put_pair(struct msm_sums *s, size_t a, size_t b, size_t out)
{
	s->pairs[s->n_pairs++] = (struct msm_pair){
		.a = (uint32_t)a, .b = (uint32_t)b, .out = (uint32_t)out};
}

/* A point; it has one or two blocks, and a copy of a fixed size is no call */
static void copy_point(uint8_t *to, const uint8_t *from, size_t size)
{
	for (size_t i = 0; i < size; i += LINE)
		memcpy(to + i, from + i, LINE);
}

static bool all_zero(const uint8_t *p, size_t size)
{
	uint64_t any = 0;

	for (size_t i = 0; i < size; i += sizeof(any)) {
		uint64_t v;

		memcpy(&v, p + i, sizeof(v));
		any |= v;
		if (any != 0)
			return false;
	}
	return true;
}

static void ask_for(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i += LINE)
		__builtin_prefetch(p + i, 0, 2);
	__builtin_prefetch(p + size - 1, 0, 2);
}

/*
 * The points of the next @n terms into stage, from number @at on, infinite ones
 * left out; live has their numbers there, with signs.  Returns where they end.
 * Points come from anywhere in the file and are needed twice.
 */
static size_t take_live(struct msm_sums *s, struct terms *t, size_t n,
			size_t at)
{
	const uint32_t *end = t->terms + t->ends[t->n - 1];
	const size_t size = s->kernel->size;

	for (size_t i = 0; i < n; i++, t->next++) {
		const uint8_t *from = t->file + (*t->next >> 1) * size;

		if (end - t->next > (ptrdiff_t)AHEAD)
			ask_for(t->file + (t->next[AHEAD] >> 1) * size, size);
		copy_point(s->stage + at * size, from, size);
		s->live[at] = (uint32_t)(at << 1) | (*t->next & 1);
		at += !all_zero(from, size);
	}
	return at;
}

/* The first additions of a part: points of the file in pairs, and one that is
 * left over.  @at: where its results begin; returns where they end. */
static size_t first_pairs(struct msm_sums *s, const uint32_t *live,
			  size_t count, size_t at, size_t *n_singles)
{
	size_t i;

	for (i = 0; i + 1 < count; i += 2)
		put_pair(s, live[i], live[i + 1], at++);
	if (i < count)
		s->singles[(*n_singles)++] =
			(struct msm_pair){.a = live[i], .out = (uint32_t)at++};
	return at;
}

static void take_singles(struct msm_sums *s, size_t n)
{
	struct msm_batch batch = {
		.points = s->points,
		.file = s->stage,
		.pairs = s->singles,
	};

	if (n == 0)
		return;
	batch.count = round_up(n, s->kernel->group);
	for (size_t i = n; i < batch.count; i++)
		s->singles[i] = s->singles[n - 1];
	s->kernel->take(&batch);
}

/* Adds the points of each part up, in place, into its first */
static void add_up(struct msm_sums *s, size_t n_parts)
{
	size_t step = 1;

	for (;;) {
		for (size_t k = 0; k < n_parts; k++) {
			const size_t first = s->parts[k].first;
			const size_t end = first + s->parts[k].count;

			for (size_t i = first; i + step < end; i += 2 * step)
				put_pair(s, i, i + step, i);
		}
		if (s->n_pairs == 0)
			return;
		flush(s, s->points, NULL);
		step *= 2;
	}
}

/* The results of a run; returns whether some may be infinite */
static bool put_sums(const struct msm_sums *s, uint8_t *out, size_t n_parts)
{
	const size_t size = s->kernel->size;
	bool infinite = s->infinite;

	for (size_t k = 0; k < n_parts; k++) {
		if (s->parts[k].count > 0) {
			copy_point(out + k * size,
				   s->points + s->parts[k].first * size, size);
			continue;
		}
		memset(out + k * size, 0, size);
		infinite = true;
	}
	return infinite;
}

/* The next run: terms of sum @i and those after it, up to the capacity, as
 * parts; the additions of the terms themselves are done.  @carry: the first
 * part begins with the point that is its sum so far.  Returns the number of
 * parts; @more: the last one's sum has more terms. */
static size_t start_run(struct msm_sums *s, struct terms *t, size_t i,
			const uint8_t *carry, bool *more)
{
	size_t at = carry ? 1 : 0; /* where points go */
	size_t used = at;	   /* of the capacity */
	size_t staged = 0;	   /* points in stage */
	size_t n_singles = 0;
	size_t n = 0;

	if (carry)
		copy_point(s->points, carry, s->kernel->size);
	*more = false;
	while (!*more && i + n < t->n && used < s->capacity) {
		const uint32_t *end = t->terms + t->ends[i + n];
		const size_t left = (size_t)(end - t->next);
		const size_t room = s->capacity - used;
		const size_t some = left < room ? left : room;
		const size_t begin = staged;
		const size_t first = n == 0 ? 0 : at;

		staged = take_live(s, t, some, begin);
		at = first_pairs(s, s->live + begin, staged - begin, at,
				 &n_singles);
		s->parts[n++] =
			(struct msm_part){.first = (uint32_t)first,
					  .count = (uint32_t)(at - first)};
		/* one without terms takes room too: it has a part */
		used += some > 0 ? some : 1;
		*more = some < left;
	}
	flush(s, s->points, s->stage);
	take_singles(s, n_singles);
	return n;
}

void cdx_msm_sums_add(struct msm_sums *s, uint8_t *out, const uint8_t *file,
		      const uint32_t *terms, const uint32_t *ends, size_t n)
{
	struct terms t = {file, terms, ends, n, terms};
	const size_t size = s->kernel->size;
	const uint8_t *carry = NULL;
	bool infinite = false;
	size_t i = 0;

	while (i < n) {
		bool more;
		size_t parts;

		if (!carry)
			s->infinite = false;
		parts = start_run(s, &t, i, carry, &more);
		add_up(s, parts);
		infinite |= put_sums(s, out + i * size, parts);
		carry = NULL;
		i += parts;
		if (more) {
			i--;
			if (s->parts[parts - 1].count > 0)
				carry = out + i * size;
		}
	}
	s->infinite = infinite;
}

/*
 * Round t adds blocks of 2^t in pairs.  In each, number 0 holds the sum of all
 * and number 2^k, k < t, the sum of those with bit k set, and these are added
 * to each other; the other block's sum of all stays where it is as the sum for
 * bit t.
 */
void cdx_msm_sums_fold(struct msm_sums *s, uint8_t *points, unsigned log_n)
{
	const size_t n = (size_t)1 << log_n;

	for (size_t half = 1; half < n; half *= 2) {
		for (size_t base = 0; base < n; base += 2 * half) {
			size_t k = 0;

			for (;;) {
				put_pair(s, base + k, base + half + k,
					 base + k);
				if (s->n_pairs == s->capacity / 2)
					flush(s, points, NULL);
				k = k == 0 ? 1 : 2 * k;
				if (k >= half)
					break;
			}
		}
		flush(s, points, NULL);
	}
}
