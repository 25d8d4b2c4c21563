/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_PAIRING_STEPS_H
#define CDX_BN254_PAIRING_STEPS_H

#include <stddef.h>
#include <stdint.h>

#include "bn254/pairing.h"

/* The steps of the Miller loop, in their order; see g2_lines.c */
enum cdx_miller_step {
	CDX_MILLER_DOUBLE,
	CDX_MILLER_ADD,	     /* + Q */
	CDX_MILLER_SUBTRACT, /* - Q */
	CDX_MILLER_PSI,	     /* + psi(Q) */
	CDX_MILLER_PSI2,     /* - psi^2(Q) */
	CDX_MILLER_KINDS,
};

#define CDX_MILLER_STEPS 88u
extern const uint8_t cdx_miller_steps[CDX_MILLER_STEPS];

/* What the steps add: @out[step], for those that are not doublings */
void cdx_miller_points(struct cdx_g2 out[CDX_MILLER_KINDS],
		       const struct cdx_g2 *q);

/* The lines of @n finite points; many at once take half the time.  -ENOMEM. */
CDX_MUST_CHECK int cdx_g2_prepare_many(struct cdx_g2_lines *out,
				       const struct cdx_g2 *const *q, size_t n);

/* Product of the Miller loops of @n pairs of finite points, up to factors that
 * the final exponentiation takes away; eight pairs at a time.  Call only when
 * cdx_ifma_have().  -ENOMEM. */
CDX_MUST_CHECK int cdx_ifma_miller(struct cdx_gt *out,
				   const struct cdx_g1 *const *p,
				   const struct cdx_g2 *const *q, size_t n);

#endif
