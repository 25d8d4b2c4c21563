/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/fq2.h"

#include "bn254/backend.h"
#include "bn254/fr_adx.h"

#ifdef CDX_ADX
#include "bn254/fq2_adx.h"

static bool use_adx(void)
{
	return cdx_bn254_backend() != CDX_BN254_PORTABLE;
}
#endif

const struct cdx_fq2 cdx_fq2_zero = {{{0, 0, 0, 0}}, {{0, 0, 0, 0}}};
const struct cdx_fq2 cdx_fq2_one = {
	{{UINT64_C(0xd35d438dc58f0d9d), UINT64_C(0x0a78eb28f5c70b3d),
	  UINT64_C(0x666ea36f7879462c), UINT64_C(0x0e0a77c19a07df2f)}},
	{{0, 0, 0, 0}}};

void cdx_fq2_add(struct cdx_fq2 *out, const struct cdx_fq2 *a,
		 const struct cdx_fq2 *b)
{
#ifdef CDX_ADX
	if (use_adx()) {
		adx_fp_add_once(out->c0.l, a->c0.l, b->c0.l);
		adx_fp_add_once(out->c1.l, a->c1.l, b->c1.l);
		return;
	}
#endif
	cdx_fq_add(&out->c0, &a->c0, &b->c0);
	cdx_fq_add(&out->c1, &a->c1, &b->c1);
}

void cdx_fq2_sub(struct cdx_fq2 *out, const struct cdx_fq2 *a,
		 const struct cdx_fq2 *b)
{
#ifdef CDX_ADX
	if (use_adx()) {
		adx_fp_sub_once(out->c0.l, a->c0.l, b->c0.l);
		adx_fp_sub_once(out->c1.l, a->c1.l, b->c1.l);
		return;
	}
#endif
	cdx_fq_sub(&out->c0, &a->c0, &b->c0);
	cdx_fq_sub(&out->c1, &a->c1, &b->c1);
}

void cdx_fq2_neg(struct cdx_fq2 *out, const struct cdx_fq2 *a)
{
	cdx_fq_neg(&out->c0, &a->c0);
	cdx_fq_neg(&out->c1, &a->c1);
}

void cdx_fq2_conj(struct cdx_fq2 *out, const struct cdx_fq2 *a)
{
	out->c0 = a->c0;
	cdx_fq_neg(&out->c1, &a->c1);
}

/* Karatsuba: three products; (a0 + a1) (b0 + b1) less the two others is the
 * part at u */
void cdx_fq2_mul(struct cdx_fq2 *out, const struct cdx_fq2 *a,
		 const struct cdx_fq2 *b)
{
	struct cdx_fq s;
	struct cdx_fq t;
	struct cdx_fq low;
	struct cdx_fq high;

#ifdef CDX_ADX
	if (use_adx()) {
		fq2_mul_adx(out, a, b);
		return;
	}
#endif
	cdx_fq_add(&s, &a->c0, &a->c1);
	cdx_fq_add(&t, &b->c0, &b->c1);
	cdx_fq_mul(&low, &a->c0, &b->c0);
	cdx_fq_mul(&high, &a->c1, &b->c1);
	cdx_fq_mul(&s, &s, &t);
	cdx_fq_sub(&out->c0, &low, &high);
	cdx_fq_sub(&s, &s, &low);
	cdx_fq_sub(&out->c1, &s, &high);
}

/* (a0 + a1) (a0 - a1) + 2 a0 a1 u */
void cdx_fq2_sqr(struct cdx_fq2 *out, const struct cdx_fq2 *a)
{
	struct cdx_fq s;
	struct cdx_fq d;
	struct cdx_fq t;

#ifdef CDX_ADX
	if (use_adx()) {
		fq2_sqr_adx(out, a);
		return;
	}
#endif
	cdx_fq_add(&s, &a->c0, &a->c1);
	cdx_fq_sub(&d, &a->c0, &a->c1);
	cdx_fq_mul(&t, &a->c0, &a->c1);
	cdx_fq_mul(&out->c0, &s, &d);
	cdx_fq_add(&out->c1, &t, &t);
}

void cdx_fq2_mul_fq(struct cdx_fq2 *out, const struct cdx_fq2 *a,
		    const struct cdx_fq *b)
{
	const struct cdx_fq k = *b; /* may be a part of @out */

	cdx_fq_mul(&out->c0, &a->c0, &k);
	cdx_fq_mul(&out->c1, &a->c1, &k);
}

/* (9 a0 - a1) + (9 a1 + a0) u */
void cdx_fq2_mul_xi(struct cdx_fq2 *out, const struct cdx_fq2 *a)
{
	struct cdx_fq2 t;

	cdx_fq2_add(&t, a, a);
	cdx_fq2_add(&t, &t, &t);
	cdx_fq2_add(&t, &t, &t);
	cdx_fq2_add(&t, &t, a);
	cdx_fq_sub(&t.c0, &t.c0, &a->c1);
	cdx_fq_add(&out->c1, &t.c1, &a->c0);
	out->c0 = t.c0;
}

/* conj(a) / (a0^2 + a1^2), which is zero for a zero only: -1 is no square */
void cdx_fq2_inv(struct cdx_fq2 *out, const struct cdx_fq2 *a)
{
	struct cdx_fq n;
	struct cdx_fq t;

	cdx_fq_sqr(&n, &a->c0);
	cdx_fq_sqr(&t, &a->c1);
	cdx_fq_add(&n, &n, &t);
	cdx_fq_inv(&n, &n);
	cdx_fq_mul(&out->c0, &a->c0, &n);
	cdx_fq_mul(&t, &a->c1, &n);
	cdx_fq_neg(&out->c1, &t);
}

bool cdx_fq2_equal(const struct cdx_fq2 *a, const struct cdx_fq2 *b)
{
	return cdx_fq_equal(&a->c0, &b->c0) && cdx_fq_equal(&a->c1, &b->c1);
}

bool cdx_fq2_is_zero(const struct cdx_fq2 *a)
{
	return cdx_fq_is_zero(&a->c0) && cdx_fq_is_zero(&a->c1);
}
