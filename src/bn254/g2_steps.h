/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_G2_STEPS_H
#define CDX_BN254_G2_STEPS_H

#include "bn254/g2.h"

/*
 * Sums for the Miller loop, which wants the lines as well: the slope of the
 * tangent, or of the line through both points, is @slope over the new z.
 */

/* 2 p */
void cdx_g2j_double_step(struct cdx_g2j *out, struct cdx_fq2 *slope,
			 const struct cdx_g2j *p);
/* p + q, both finite; false, and nothing done, when they are the same point */
bool cdx_g2j_add_step(struct cdx_g2j *out, struct cdx_fq2 *slope,
		      const struct cdx_g2j *p, const struct cdx_g2 *q);

#define CDX_G2_LANES 8u

/* x (bn_x.h) times each, eight at a time.  The point at infinity where it is
 * that, and also where the sums on the way met equal or opposite points, which
 * those of a finite point of G2 never do.  Call only when cdx_ifma_have(). */
void cdx_ifma_times_x(struct cdx_g2j out[CDX_G2_LANES],
		      const struct cdx_g2 p[CDX_G2_LANES]);

#endif
