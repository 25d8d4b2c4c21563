/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/fixed_base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "bn254/msm_sums.h"

/*
 * A scalar is cut into signed digits of DIGIT bits.  The table has, for each
 * position w and each value v from 1 to VALUES, the point v 2^(DIGIT w) base,
 * as in a key file, so a multiple is the sum of one point of each position, or
 * its opposite, and many of them are one series of batches.
 */
#define DIGIT 13u
#define POSITIONS 20u /* 260 bits: room for the carry out of the top one */
#define VALUES ((size_t)1 << (DIGIT - 1))
/* Scalars that go along together */
#define AT_ONCE ((size_t)4096)

/* Position and value: number of the point in the table */
static size_t place(size_t position, size_t value)
{
	return position * VALUES + value - 1;
}

/* The terms of one multiple; returns how many */
static size_t cut(uint32_t *terms, const struct cdx_fr *k)
{
	uint64_t v[5] = {0};
	size_t count = 0;
	int carry = 0;

	cdx_fr_to_limbs(v, k);
	for (unsigned w = 0; w < POSITIONS; w++) {
		const int digit = msm_digit(v, w * DIGIT, DIGIT, &carry);

		if (digit > 0)
			terms[count++] =
				(uint32_t)(place(w, (size_t)digit) << 1);
		else if (digit < 0)
			terms[count++] =
				(uint32_t)(place(w, (size_t)-digit) << 1) | 1;
	}
	return count;
}

/* What a call needs besides the table */
struct work {
	struct msm_sums sums;
	uint8_t *points; /* results in the kernel's form */
	uint32_t *terms;
	uint32_t *ends;
};

static void work_free(struct work *w)
{
	cdx_msm_sums_free(&w->sums);
	free(w->points);
	free(w->terms);
	free(w->ends);
}

static int work_init(struct work *w, const struct msm_kernel *kernel)
{
	memset(w, 0, sizeof(*w));
	w->points = malloc(AT_ONCE * kernel->size);
	w->terms = malloc(AT_ONCE * POSITIONS * sizeof(*w->terms));
	w->ends = malloc(AT_ONCE * sizeof(*w->ends));
	if (w->points && w->terms && w->ends &&
	    cdx_msm_sums_init(&w->sums, kernel, AT_ONCE * POSITIONS) == 0)
		return 0;
	work_free(w);
	return -ENOMEM;
}

static int multiply(const struct msm_kernel *kernel, const uint8_t *table,
		    uint8_t *out, const struct cdx_fr *k, size_t n)
{
	struct work w;
	int rc = work_init(&w, kernel);

	if (rc < 0)
		return rc;
	while (n > 0) {
		const size_t some = n < AT_ONCE ? n : AT_ONCE;
		uint32_t count = 0;

		for (size_t i = 0; i < some; i++) {
			count += (uint32_t)cut(w.terms + count, &k[i]);
			w.ends[i] = count;
		}
		cdx_msm_sums_add(&w.sums, w.points, table, w.terms, w.ends,
				 some);
		kernel->give(out, w.points, some);
		out += some * kernel->size;
		k += some;
		n -= some;
	}
	work_free(&w);
	return 0;
}

/* Fills the rest of the table, which has the values that are powers of two:
 * with those up to a power of two known, the next as many are sums of two */
static int fill(const struct msm_kernel *kernel, uint8_t *table)
{
	struct work w;
	int rc = work_init(&w, kernel);

	if (rc < 0)
		return rc;
	for (size_t p = 0; p < POSITIONS; p++) {
		for (size_t half = 2; half < VALUES; half *= 2) {
			uint8_t *to = table + place(p, half + 1) * kernel->size;

			for (size_t i = 1; i < half; i++) {
				uint32_t *terms = w.terms + 2 * (i - 1);

				terms[0] = (uint32_t)place(p, half) << 1;
				terms[1] = (uint32_t)place(p, i) << 1;
				w.ends[i - 1] = (uint32_t)(2 * i);
			}
			cdx_msm_sums_add(&w.sums, w.points, table, w.terms,
					 w.ends, half - 1);
			kernel->give(to, w.points, half - 1);
		}
	}
	work_free(&w);
	return 0;
}

#define TABLE struct cdx_fixed_g1
#define NAME(x) cdx_fixed_g1_##x
#define AFFINE struct cdx_g1
#define JACOBIAN struct cdx_g1j
#define AFFINE_NAME(x) cdx_g1_##x
#define JACOBIAN_NAME(x) cdx_g1j_##x
#define KERNEL cdx_msm_kernel_g1
#define POINT_BYTES CDX_G1_BYTES
#include "bn254/fixed_base_group.h"
#undef TABLE
#undef NAME
#undef AFFINE
#undef JACOBIAN
#undef AFFINE_NAME
#undef JACOBIAN_NAME
#undef KERNEL
#undef POINT_BYTES

#define TABLE struct cdx_fixed_g2
#define NAME(x) cdx_fixed_g2_##x
#define AFFINE struct cdx_g2
#define JACOBIAN struct cdx_g2j
#define AFFINE_NAME(x) cdx_g2_##x
#define JACOBIAN_NAME(x) cdx_g2j_##x
#define KERNEL cdx_msm_kernel_g2
#define POINT_BYTES CDX_G2_BYTES
#include "bn254/fixed_base_group.h"
