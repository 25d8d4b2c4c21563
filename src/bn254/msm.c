/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/msm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "bn254/fr.h"
#include "bn254/msm_sums.h"

/*
 * With digits of c bits there are 2^(c - 1) buckets, one for each absolute
 * value but zero.  A point goes to the bucket of its digit, or its opposite
 * does; a bucket's points are summed, and the buckets weighted by their
 * numbers: bucket i counts i + 1 times, which is once, and 2^k times for each
 * bit k of i.
 */

#define MAX_SCALARS ((size_t)1 << 28)
#define SCALAR_BITS 254u
#define MIN_DIGIT 2u
#define MAX_DIGIT 15u
/* Scalars that are cut together */
#define AT_ONCE ((size_t)64)

/* Sums and what else they need, per window */
struct window {
	struct msm_sums sums;
	uint8_t *buckets; /* in the kernel's form */
	unsigned log_n;	  /* of the number of buckets */
	uint32_t *terms;  /* points, bucket after bucket */
	uint32_t *ends;	  /* of each bucket */
	size_t n_terms;
};

struct cdx_msm_plan {
	size_t n;
	unsigned bits; /* of a digit */
	unsigned windows;
	int16_t digits[]; /* [window][scalar], -2^(bits - 1) to 2^(bits - 1) */
};

/* Digits of @bits are enough for the scalar and the carry out of its top */
static unsigned windows_of(unsigned bits)
{
	return SCALAR_BITS / bits + 1;
}

/* The fewest additions: in a window one for each scalar, and two for each
 * bucket to weight them */
static unsigned best_bits(size_t n)
{
	unsigned best = MIN_DIGIT;
	uint64_t least = UINT64_MAX;

	for (unsigned bits = MIN_DIGIT; bits <= MAX_DIGIT; bits++) {
		const uint64_t cost = windows_of(bits) *
				      ((uint64_t)n + (UINT64_C(1) << bits));

		if (cost < least) {
			least = cost;
			best = bits;
		}
	}
	return best;
}

/* @digits: of one scalar, @stride apart */
static void cut(const struct cdx_msm_plan *plan, int16_t *digits, size_t stride,
		const uint8_t *scalar)
{
	uint64_t v[5] = {0};
	int carry = 0;

	for (size_t j = 0; j < 4; j++)
		v[j] = cdx_get_le64(scalar + 8 * j);
	for (unsigned w = 0; w < plan->windows; w++)
		digits[w * stride] = (int16_t)msm_digit(v, w * plan->bits,
							plan->bits, &carry);
}

/* Scalars of whole cache lines at a time: the windows' arrays are far apart,
 * and as far as caches cannot tell them apart when @n is a power of two */
static void cut_all(struct cdx_msm_plan *plan, const uint8_t *scalars)
{
	int16_t some[(SCALAR_BITS / MIN_DIGIT + 1) * AT_ONCE];

	for (size_t i = 0; i < plan->n; i += AT_ONCE) {
		const size_t left = plan->n - i;
		const size_t count = left < AT_ONCE ? left : AT_ONCE;

		for (size_t j = 0; j < count; j++)
			cut(plan, some + j, AT_ONCE,
			    scalars + (i + j) * CDX_FR_BYTES);
		for (size_t w = 0; w < plan->windows; w++)
			memcpy(plan->digits + w * plan->n + i,
			       some + w * AT_ONCE, count * sizeof(some[0]));
	}
	explicit_bzero(some, sizeof(some));
}

int cdx_msm_plan_new(struct cdx_msm_plan **out, const uint8_t *scalars,
		     size_t n)
{
	struct cdx_msm_plan *plan;
	unsigned bits;
	unsigned windows;

	if (n == 0 || n > MAX_SCALARS)
		return -EINVAL;
	bits = best_bits(n);
	windows = windows_of(bits);
	if (n > (SIZE_MAX - sizeof(*plan)) / (windows * sizeof(int16_t)))
		return -ENOMEM;
	plan = malloc(sizeof(*plan) + windows * n * sizeof(plan->digits[0]));
	if (!plan)
		return -ENOMEM;
	plan->n = n;
	plan->bits = bits;
	plan->windows = windows;
	cut_all(plan, scalars);
	*out = plan;
	return 0;
}

void cdx_msm_plan_free(struct cdx_msm_plan *plan)
{
	if (plan)
		explicit_bzero(plan->digits, plan->windows * plan->n *
						     sizeof(plan->digits[0]));
	free(plan);
}

unsigned cdx_msm_windows(const struct cdx_msm_plan *plan)
{
	return plan->windows;
}

static void window_free(struct window *w, const struct cdx_msm_plan *plan,
			size_t n)
{
	const size_t buckets = (size_t)1 << (plan->bits - 1);

	cdx_msm_sums_free(&w->sums);
	if (w->buckets)
		explicit_bzero(w->buckets, buckets * w->sums.kernel->size);
	if (w->terms)
		explicit_bzero(w->terms, n * sizeof(*w->terms));
	if (w->ends)
		explicit_bzero(w->ends, buckets * sizeof(*w->ends));
	free(w->buckets);
	free(w->terms);
	free(w->ends);
}

static int window_init(struct window *w, const struct cdx_msm_plan *plan,
		       const struct msm_kernel *kernel, size_t n)
{
	const size_t buckets = (size_t)1 << (plan->bits - 1);

	memset(w, 0, sizeof(*w));
	w->buckets = malloc(buckets * kernel->size);
	w->terms = malloc(n * sizeof(*w->terms));
	w->ends = calloc(buckets, sizeof(*w->ends));
	if (w->buckets && w->terms && w->ends &&
	    cdx_msm_sums_init(&w->sums, kernel, n) == 0)
		return 0;
	w->sums.kernel = kernel;
	window_free(w, plan, n);
	return -ENOMEM;
}

/* Without a branch: signs are not to be guessed */
static uint32_t magnitude(int16_t digit)
{
	const int32_t sign = digit >> 15;

	return (uint32_t)((digit ^ sign) - sign);
}

/* The points in the order of their buckets (counting sort) */
static void sort_points(struct window *w, const int16_t *digits, size_t n)
{
	uint32_t *ends = w->ends;
	uint32_t most = 1; /* the largest digit */
	uint32_t at = 0;

	for (size_t i = 0; i < n; i++) {
		const int digit = digits[i];
		const unsigned value = (unsigned)(digit < 0 ? -digit : digit);

		if (value == 0)
			continue;
		ends[value - 1]++;
		most = value > most ? value : most;
	}
	while ((1u << w->log_n) < most)
		w->log_n++;
	/* where each begins; putting a point there moves it to its end */
	for (size_t i = 0; i < (size_t)1 << w->log_n; i++) {
		const uint32_t count = ends[i];

		ends[i] = at;
		at += count;
	}
	w->n_terms = at;
	for (size_t i = 0; i < n; i++) {
		const uint32_t value = magnitude(digits[i]);

		if (value != 0)
			w->terms[ends[value - 1]++] =
				(uint32_t)i << 1 | (digits[i] < 0);
	}
}

/* @out: the sum of all buckets, then what counts 2^k times; points of a key
 * file, log_n + 1 of them.  Returns their number, -ENOMEM. */
static int window_run(uint8_t *out, const struct cdx_msm_plan *plan,
		      const struct msm_kernel *kernel, const uint8_t *points,
		      size_t first, size_t n, unsigned window)
{
	struct window w;
	int rc = window_init(&w, plan, kernel, n);

	if (rc < 0)
		return rc;
	sort_points(&w, plan->digits + window * plan->n + first, n);
	cdx_msm_sums_add(&w.sums, w.buckets, points, w.terms, w.ends,
			 (size_t)1 << w.log_n);
	cdx_msm_sums_fold(&w.sums, w.buckets, w.log_n);
	/* those wanted to the front, which they are not behind */
	for (size_t k = 1; k < w.log_n; k++)
		memcpy(w.buckets + (k + 1) * kernel->size,
		       w.buckets + ((size_t)1 << k) * kernel->size,
		       kernel->size);
	kernel->give(out, w.buckets, w.log_n + 1);
	rc = (int)w.log_n + 1;
	window_free(&w, plan, n);
	return rc;
}

#define NAME(x) cdx_msm_g1_##x
#define AFFINE struct cdx_g1
#define JACOBIAN struct cdx_g1j
#define AFFINE_NAME(x) cdx_g1_##x
#define JACOBIAN_NAME(x) cdx_g1j_##x
#define KERNEL cdx_msm_kernel_g1
#define POINT_BYTES CDX_G1_BYTES
#define WHOLE cdx_msm_g1
#include "bn254/msm_group.h"
#undef NAME
#undef AFFINE
#undef JACOBIAN
#undef AFFINE_NAME
#undef JACOBIAN_NAME
#undef KERNEL
#undef POINT_BYTES
#undef WHOLE

#define NAME(x) cdx_msm_g2_##x
#define AFFINE struct cdx_g2
#define JACOBIAN struct cdx_g2j
#define AFFINE_NAME(x) cdx_g2_##x
#define JACOBIAN_NAME(x) cdx_g2j_##x
#define KERNEL cdx_msm_kernel_g2
#define POINT_BYTES CDX_G2_BYTES
#define WHOLE cdx_msm_g2
#include "bn254/msm_group.h"
