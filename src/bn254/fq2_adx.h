/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FQ2_ADX_H
#define CDX_BN254_FQ2_ADX_H

#include "bn254/fq2.h"
#include "bn254/fq_modulus.h"

#define ADX_P fq_modulus
#include "bn254/fp_adx.h"

/* Products in Fq2 with mulx, adcx and adox; everything below q */

/* As two sums of two products: Karatsuba's way would save a sixth of the limb
 * products, but has wide sums */
static inline void fq2_mul_adx(struct cdx_fq2 *out, const struct cdx_fq2 *a,
			       const struct cdx_fq2 *b)
{
	struct cdx_fq minus;
	struct cdx_fq t;

	adx_fp_sub_once(minus.l, cdx_fq_zero.l, b->c1.l);
	adx_fp_mul2_once(t.l, a->c0.l, b->c0.l, a->c1.l, minus.l);
	adx_fp_mul2_once(out->c1.l, a->c0.l, b->c1.l, a->c1.l, b->c0.l);
	out->c0 = t;
}

/* (a0 + a1) (a0 - a1) + 2 a0 a1 u; one factor of each product below 2 q */
static inline void fq2_sqr_adx(struct cdx_fq2 *out, const struct cdx_fq2 *a)
{
	struct cdx_fq s;
	struct cdx_fq d;
	struct cdx_fq t;

	adx_fp_add_loose(s.l, a->c0.l, a->c1.l);
	adx_fp_sub_once(d.l, a->c0.l, a->c1.l);
	adx_fp_add_loose(t.l, a->c0.l, a->c0.l);
	adx_fp_mul_once(out->c1.l, t.l, a->c1.l);
	adx_fp_mul_once(out->c0.l, s.l, d.l);
}

#endif
