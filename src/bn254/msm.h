/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_MSM_H
#define CDX_BN254_MSM_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/g1.h"
#include "bn254/g2.h"

/*
 * Sums of many points, each times a scalar (Pippenger's buckets).
 *
 * Scalars are cut into signed digits once, in a *plan*; several sums over the
 * same scalars share it.  One digit position of one sum is a *window*: windows
 * are independent, so whoever has workers gives each of them some, and joins
 * the results at the end.
 *
 * Points are given as a key file's bytes (cdx_g1_encode), at any alignment;
 * coordinates must be below q and points on the curve, which is not checked
 * here.  Points at infinity are passed over, equal and opposite points are
 * right.  Variable time.
 */
struct cdx_msm_plan; /* immutable; shared by threads */

/**
 * cdx_msm_plan_new - cuts scalars into digits
 *
 * @out:     returns new; free with cdx_msm_plan_free
 * @scalars: @n * 32 bytes, little endian, each below r; borrowed
 *
 * Errors: -ENOMEM; -EINVAL @n is 0 or above 2^28.
 */
CDX_MUST_CHECK int cdx_msm_plan_new(struct cdx_msm_plan **out,
				    const uint8_t *scalars, size_t n);
/* Wipes the digits.  NULL is allowed. */
void cdx_msm_plan_free(struct cdx_msm_plan *plan);
/* Number of windows */
unsigned cdx_msm_windows(const struct cdx_msm_plan *plan);

/**
 * cdx_msm_g1_window - one window of a sum
 *
 * @out:    sum over i < @n of digit @window of scalar @first + i times point i
 * @points: @n * CDX_G1_BYTES; borrowed
 * @first:  of the plan's scalars; @first + @n at most their number
 * @window: below cdx_msm_windows
 *
 * Errors: -ENOMEM (scratch of a few MiB; wiped at the end).
 * Thread: safe.
 */
CDX_MUST_CHECK int cdx_msm_g1_window(struct cdx_g1j *out,
				     const struct cdx_msm_plan *plan,
				     const uint8_t *points, size_t first,
				     size_t n, unsigned window);
/* The same in G2; points of CDX_G2_BYTES */
CDX_MUST_CHECK int cdx_msm_g2_window(struct cdx_g2j *out,
				     const struct cdx_msm_plan *plan,
				     const uint8_t *points, size_t first,
				     size_t n, unsigned window);
/* The sum from the results of all windows, in their order */
void cdx_msm_g1_join(struct cdx_g1j *out, const struct cdx_msm_plan *plan,
		     const struct cdx_g1j *windows);
void cdx_msm_g2_join(struct cdx_g2j *out, const struct cdx_msm_plan *plan,
		     const struct cdx_g2j *windows);

/* All of it on this thread: sum of scalar i times point i */
CDX_MUST_CHECK int cdx_msm_g1(struct cdx_g1j *out, const uint8_t *scalars,
			      const uint8_t *points, size_t n);
CDX_MUST_CHECK int cdx_msm_g2(struct cdx_g2j *out, const uint8_t *scalars,
			      const uint8_t *points, size_t n);

#endif
