/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include "bn254/bn_x.h"
#include "bn254/pairing.h"
#include "bn254/tower.h"
#include "bn254/wnaf.h"

/* Of the digits of exponents */
#define WIDTH 4u
#define ODD CDX_WNAF_ODD(WIDTH)

/* a^k for the k with these digits, for an a whose inverse is its conjugate and
 * that can be squared as such */
static void power(struct cdx_gt *out, const struct cdx_gt *a,
		  const struct cdx_wnaf *k)
{
	struct cdx_gt odd[ODD];
	struct cdx_gt t;

	odd[0] = *a;
	cdx_gt_sqr_cyclotomic(&t, a);
	for (size_t i = 1; i < ODD; i++)
		cdx_gt_mul(&odd[i], &odd[i - 1], &t);
	*out = cdx_gt_one;
	for (size_t i = k->n; i-- > 0;) {
		const int digit = k->d[i];

		if (i + 1 < k->n) /* else it is one */
			cdx_gt_sqr_cyclotomic(out, out);
		if (digit > 0) {
			cdx_gt_mul(out, out, &odd[digit / 2]);
		} else if (digit < 0) {
			cdx_gt_conj(&t, &odd[-digit / 2]);
			cdx_gt_mul(out, out, &t);
		}
	}
}

void cdx_gt_pow(struct cdx_gt *out, const struct cdx_gt *a,
		const struct cdx_fr *k)
{
	struct cdx_wnaf digits;
	uint64_t limbs[4];

	cdx_fr_to_limbs(limbs, k);
	cdx_wnaf(&digits, limbs, WIDTH, false);
	power(out, a, &digits);
	explicit_bzero(limbs, sizeof(limbs));
	explicit_bzero(&digits, sizeof(digits));
}

/* To the power (q^6 - 1) (q^2 + 1); zero stays zero */
static void easy_part(struct cdx_gt *out, const struct cdx_gt *f)
{
	struct cdx_gt s;
	struct cdx_gt t;

	cdx_gt_inv(&s, f);
	cdx_gt_conj(&t, f);
	cdx_gt_mul(&s, &s, &t);
	cdx_gt_frobenius(&t, &s, 2);
	cdx_gt_mul(out, &s, &t);
}

/*
 * To the power 2 x (6 x^2 + 3 x + 1) (q^4 - q^2 + 1) / r, which is
 *	  (1 + 6 x + 12 x^2 + 12 x^3) + (4 x + 6 x^2 + 12 x^3) q
 *	+ (6 x + 6 x^2 + 12 x^3) q^2 + (-1 + 4 x + 6 x^2 + 12 x^3) q^3
 * (L. Fuentes-Castaneda, E. Knapp, F. Rodriguez-Henriquez, "Faster Hashing to
 * G2", 2011, 5).  The factor is not divisible by r.
 */
static void hard_part(struct cdx_gt *out, const struct cdx_gt *f)
{
	static const uint64_t limbs[4] = {BN_X, 0, 0, 0};
	struct cdx_wnaf x;
	struct cdx_gt x2; /* f^(2 x) */
	struct cdx_gt x6x;
	struct cdx_gt a;
	struct cdx_gt b;
	struct cdx_gt t;

	cdx_wnaf(&x, limbs, WIDTH, false);
	power(&t, f, &x);
	cdx_gt_sqr_cyclotomic(&x2, &t);
	cdx_gt_sqr_cyclotomic(&t, &x2);
	cdx_gt_mul(&a, &t, &x2); /* 6 x */
	power(&x6x, &a, &x);	 /* 6 x^2 */
	cdx_gt_sqr_cyclotomic(&t, &x6x);
	power(&t, &t, &x); /* 12 x^3 */
	cdx_gt_mul(&a, &a, &x6x);
	cdx_gt_mul(&a, &a, &t); /* 6 x + 6 x^2 + 12 x^3 */
	cdx_gt_conj(&t, &x2);
	cdx_gt_mul(&b, &a, &t); /* 4 x + 6 x^2 + 12 x^3 */
	cdx_gt_mul(&x6x, &x6x, &a);
	cdx_gt_conj(&t, f);
	cdx_gt_mul(&x6x, &x6x, f);
	cdx_gt_mul(&t, &t, &b);
	cdx_gt_frobenius(&t, &t, 3);
	cdx_gt_frobenius(&b, &b, 1);
	cdx_gt_frobenius(&a, &a, 2);
	cdx_gt_mul(&x6x, &x6x, &b);
	cdx_gt_mul(&x6x, &x6x, &a);
	cdx_gt_mul(out, &x6x, &t);
}

void cdx_final_exp(struct cdx_gt *out, const struct cdx_gt *f)
{
	struct cdx_gt t;

	easy_part(&t, f);
	hard_part(out, &t);
}
