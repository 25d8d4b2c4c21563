/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FQ2_H
#define CDX_BN254_FQ2_H

#include <stdbool.h>

#include "bn254/fq.h"

/* Fq[u] / (u^2 + 1): c0 + c1 u.  Any aliasing, any thread. */
struct cdx_fq2 {
	struct cdx_fq c0;
	struct cdx_fq c1;
};

extern const struct cdx_fq2 cdx_fq2_zero;
extern const struct cdx_fq2 cdx_fq2_one;

/* a + b, a - b, -a */
void cdx_fq2_add(struct cdx_fq2 *out, const struct cdx_fq2 *a,
		 const struct cdx_fq2 *b);
void cdx_fq2_sub(struct cdx_fq2 *out, const struct cdx_fq2 *a,
		 const struct cdx_fq2 *b);
void cdx_fq2_neg(struct cdx_fq2 *out, const struct cdx_fq2 *a);
/* c0 - c1 u, which is a^q */
void cdx_fq2_conj(struct cdx_fq2 *out, const struct cdx_fq2 *a);
/* a * b, a * a */
void cdx_fq2_mul(struct cdx_fq2 *out, const struct cdx_fq2 *a,
		 const struct cdx_fq2 *b);
void cdx_fq2_sqr(struct cdx_fq2 *out, const struct cdx_fq2 *a);
/* a * b, b in Fq */
void cdx_fq2_mul_fq(struct cdx_fq2 *out, const struct cdx_fq2 *a,
		    const struct cdx_fq *b);
/* a * (9 + u) */
void cdx_fq2_mul_xi(struct cdx_fq2 *out, const struct cdx_fq2 *a);
/* 1/a; 0 for 0 */
void cdx_fq2_inv(struct cdx_fq2 *out, const struct cdx_fq2 *a);
bool cdx_fq2_equal(const struct cdx_fq2 *a, const struct cdx_fq2 *b);
bool cdx_fq2_is_zero(const struct cdx_fq2 *a);

#endif
