/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_TOWER_H
#define CDX_BN254_TOWER_H

#include "bn254/pairing.h"

/*
 * Arithmetic of Fq6 = Fq2[v] / (v^3 - xi) and Fq12 = Fq6[w] / (w^2 - v), for
 * the files of the pairing.  Any aliasing.  An element of Fq12 is also a
 * polynomial in w over Fq2, as w^6 = xi: c0 has the coefficients of 1, w^2 and
 * w^4, c1 those of w, w^3 and w^5.
 */
extern const struct cdx_gt cdx_gt_one;

/* a + b, a - b, -a, a * b */
void cdx_fq6_add(struct cdx_fq6 *out, const struct cdx_fq6 *a,
		 const struct cdx_fq6 *b);
void cdx_fq6_sub(struct cdx_fq6 *out, const struct cdx_fq6 *a,
		 const struct cdx_fq6 *b);
void cdx_fq6_neg(struct cdx_fq6 *out, const struct cdx_fq6 *a);
void cdx_fq6_mul(struct cdx_fq6 *out, const struct cdx_fq6 *a,
		 const struct cdx_fq6 *b);
/* a * v */
void cdx_fq6_mul_v(struct cdx_fq6 *out, const struct cdx_fq6 *a);
/* 1/a; 0 for 0 */
void cdx_fq6_inv(struct cdx_fq6 *out, const struct cdx_fq6 *a);

/* a * a */
void cdx_gt_sqr(struct cdx_gt *out, const struct cdx_gt *a);
/* a^(q^6): c0 - c1 w.  The inverse of what the easy part of the final
 * exponentiation makes. */
void cdx_gt_conj(struct cdx_gt *out, const struct cdx_gt *a);
/* 1/a; 0 for 0 */
void cdx_gt_inv(struct cdx_gt *out, const struct cdx_gt *a);
/* a^(q^power), @power from 1 to 3 */
void cdx_gt_frobenius(struct cdx_gt *out, const struct cdx_gt *a,
		      unsigned power);
/* a * a for an a with a^(q^4 - q^2 + 1) = 1 */
void cdx_gt_sqr_cyclotomic(struct cdx_gt *out, const struct cdx_gt *a);
/* f *= 1 + b w + c w^3 */
void cdx_gt_mul_line(struct cdx_gt *f, const struct cdx_fq2 *b,
		     const struct cdx_fq2 *c);

#endif
