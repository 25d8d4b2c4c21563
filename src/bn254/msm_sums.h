/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_MSM_SUMS_H
#define CDX_BN254_MSM_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/*
 * Many sums of affine points at once (msm.c, fixed_base.c).
 *
 * An affine addition needs the inverse of a difference.  A batch of independent
 * additions shares one inversion: the differences are multiplied up one after
 * the other, the product is inverted, and on the way back each gets its own
 * inverse from two products (Montgomery).  So the terms of every sum are added
 * in pairs, then the results in pairs, and all sums go along in one batch.
 *
 * The additions are a *kernel*'s, one for each group and back end.  It keeps
 * points in a form of its own, of the size that they have in a key file; all
 * zero bytes are the point at infinity there too.
 */

/*
 * The signed digit of @bits bits, at most 15, at bit @at of a number in four
 * limbs and a zero one: more than -2^(bits - 1), at most 2^(bits - 1).  @carry
 * is 0 for the lowest digit, and what a digit owes to the next one.
 */
static inline int msm_digit(const uint64_t v[5], unsigned at, unsigned bits,
			    int *carry)
{
	const int full = 1 << bits;
	const uint64_t low = v[at / 64] >> (at % 64);
	const uint64_t high = v[at / 64 + 1] << 1 << (63 - at % 64);
	const int digit = (int)((low | high) & (uint64_t)(full - 1)) + *carry;

	*carry = digit > full / 2;
	return digit - (full & -*carry);
}

/* What is to be added, as numbers of points; in a file (see below) they are
 * shifted by one bit, and bit 0 says that the point's opposite is meant */
struct msm_pair {
	uint32_t a;
	uint32_t b;
	uint32_t out;
};

/* A batch of additions */
struct msm_batch {
	uint8_t *points; /* out, and in when @file is NULL; own form */
	/* in, as a key file has them, aligned as limbs, none infinite */
	const uint8_t *file;
	const struct msm_pair *pairs; /* @count, those of a group alike at most */
	size_t count;		      /* a multiple of the kernel's group */
	void *scratch;
	/* may some of the points be infinite ones?  In and out. */
	bool infinite;
};

/* Additions in one group with one back end.  Immutable. */
struct msm_kernel {
	size_t size;	/* bytes of a point */
	size_t group;	/* additions that are done together */
	size_t scratch; /* bytes for each group */
	/* points[out] = a + b.  Within a group all is read before anything is
	 * written, and nothing else may be both written and read. */
	void (*add)(struct msm_batch *batch);
	/* points[out] = a of the file; b is not looked at */
	void (*take)(const struct msm_batch *batch);
	/* @n points in own form to a key file's; not the same memory */
	void (*give)(uint8_t *out, const uint8_t *points, size_t n);
};

/* The kernels of each back end, those that are compiled in; to be used only
 * where cdx_bn254_backend_have() */
extern const struct msm_kernel cdx_msm_portable_g1;
extern const struct msm_kernel cdx_msm_portable_g2;
extern const struct msm_kernel cdx_msm_adx_g1;
extern const struct msm_kernel cdx_msm_adx_g2;
extern const struct msm_kernel cdx_msm_ifma_g1;
extern const struct msm_kernel cdx_msm_ifma_g2;

/* The one of the back end in use */
const struct msm_kernel *cdx_msm_kernel_g1(void);
const struct msm_kernel *cdx_msm_kernel_g2(void);

/* Memory for a series of batches.  Confined to one call. */
struct msm_sums {
	const struct msm_kernel *kernel;
	size_t capacity; /* terms of a run, pairs of a batch twice */
	uint8_t *points; /* of the run, own form */
	uint8_t *stage;	 /* the run's terms that are not infinite */
	uint32_t *live;	 /* which, as in struct msm_pair */
	struct msm_part *parts;
	struct msm_pair *pairs;
	struct msm_pair *singles;
	void *scratch;
	size_t n_pairs;
	/* is there an infinite one among the points that were made? */
	bool infinite;
};

/* @terms: about how many there will be in all.  -ENOMEM. */
CDX_MUST_CHECK int cdx_msm_sums_init(struct msm_sums *s,
				     const struct msm_kernel *kernel,
				     size_t terms);
/* Wipes and frees the memory */
void cdx_msm_sums_free(struct msm_sums *s);

/**
 * cdx_msm_sums_add - sums of points of a file
 *
 * @out:   @n points in own form; infinite where there is nothing to add
 * @file:  points as a key file has them; infinite ones are passed over
 * @terms: what is added to what, sum after sum: twice the number of a point,
 *         and 1 for its opposite
 * @ends:  @n: sum i has the terms from ends[i - 1] (0 for the first) up to
 *         ends[i]
 */
void cdx_msm_sums_add(struct msm_sums *s, uint8_t *out, const uint8_t *file,
		      const uint32_t *terms, const uint32_t *ends, size_t n);

/**
 * cdx_msm_sums_fold - sums over the bits of a number
 *
 * @points: 2^@log_n in own form.  Afterwards number 0 is the sum of all, and
 *          number 2^k that of all whose number has bit k.
 */
void cdx_msm_sums_fold(struct msm_sums *s, uint8_t *points, unsigned log_n);

#endif
