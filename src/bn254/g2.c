/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/g2.h"

#include "bn254/backend.h"
#include "bn254/bn_x.h"
#include "bn254/g2_steps.h"

/* Fewer points than this are done one by one with IFMA too */
#define LANES_MIN 3u

/* spec/proofs.md 5; x, then y */
const struct cdx_g2 cdx_g2_generator = {
	{{{UINT64_C(0x8e83b5d102bc2026), UINT64_C(0xdceb1935497b0172),
	   UINT64_C(0xfbb8264797811adf), UINT64_C(0x19573841af96503b)}},
	 {{UINT64_C(0xafb4737da84c6140), UINT64_C(0x6043dd5a5802d8c4),
	   UINT64_C(0x09e950fc52a02f86), UINT64_C(0x14fef0833aea7b6b)}}},
	{{{UINT64_C(0x619dfa9d886be9f6), UINT64_C(0xfe7fd297f59e9b78),
	   UINT64_C(0xff9e1a62231b7dfe), UINT64_C(0x28fd7eebae9e4206)}},
	 {{UINT64_C(0x64095b56c71856ee), UINT64_C(0xdc57f922327d3cbb),
	   UINT64_C(0x55f935be33351076), UINT64_C(0x0da4a0e693fd6482)}}}};
const struct cdx_g2 cdx_g2_infinity = {{{{0, 0, 0, 0}}, {{0, 0, 0, 0}}},
				       {{{0, 0, 0, 0}}, {{0, 0, 0, 0}}}};

/* 3 / (9 + u) */
static const struct cdx_fq2 curve_b = {
	{{UINT64_C(0x3bf938e377b802a8), UINT64_C(0x020b1b273633535d),
	  UINT64_C(0x26b7edf049755260), UINT64_C(0x2514c6324384a86d)}},
	{{UINT64_C(0x38e7ecccd1dcff67), UINT64_C(0x65f0b37d93ce0d3e),
	  UINT64_C(0xd749d0dd22ac00aa), UINT64_C(0x0141b9ce4a688d4d)}}};

/* xi^((q - 1) / 3) and xi^((q - 1) / 2) for xi = 9 + u: see cdx_g2_psi */
static const struct cdx_fq2 psi_x = {
	{{UINT64_C(0xb5773b104563ab30), UINT64_C(0x347f91c8a9aa6454),
	  UINT64_C(0x7a007127242e0991), UINT64_C(0x1956bcd8118214ec)}},
	{{UINT64_C(0x6e849f1ea0aa4757), UINT64_C(0xaa1c7b6d89f89141),
	  UINT64_C(0xb6e713cdfae0ca3a), UINT64_C(0x26694fbb4e82ebc3)}}};
static const struct cdx_fq2 psi_y = {
	{{UINT64_C(0xe4bbdd0c2936b629), UINT64_C(0xbb30f162e133bacb),
	  UINT64_C(0x31a9d1b6f9645366), UINT64_C(0x253570bea500f8dd)}},
	{{UINT64_C(0xa1d77ce45ffe77c7), UINT64_C(0x07affd117826d1db),
	  UINT64_C(0x6d16bd27bb7edc6b), UINT64_C(0x2c87200285defecc)}}};

#define FIELD cdx_fq2
#define F(name) cdx_fq2_##name
#define AFFINE cdx_g2
#define A(name) cdx_g2_##name
#define JACOBI cdx_g2j
#define J(name) cdx_g2j_##name
#define CURVE_B curve_b
#include "bn254/curve_impl.h"

void cdx_g2j_mul(struct cdx_g2j *out, const struct cdx_g2j *p,
		 const struct cdx_fr *k)
{
	struct cdx_g2 table[1][ODD];
	struct cdx_wnaf digits;
	uint64_t limbs[4];

	odd_multiples(table[0], p);
	cdx_fr_to_limbs(limbs, k);
	cdx_wnaf(&digits, limbs, WIDTH, false);
	sum_of_digits(out, (const struct cdx_g2(*)[ODD])table, &digits, 1);
	explicit_bzero(limbs, sizeof(limbs));
	explicit_bzero(&digits, sizeof(digits));
}

int cdx_g2_decode(struct cdx_g2 *out, const uint8_t in[CDX_G2_BYTES])
{
	struct cdx_g2 t;
	struct cdx_fq *part[4] = {&t.x.c0, &t.x.c1, &t.y.c0, &t.y.c1};

	for (size_t i = 0; i < 4; i++) {
		int rc = cdx_fq_from_mont(part[i], in + i * CDX_FQ_BYTES);

		if (rc != 0)
			return rc;
	}
	*out = t;
	return 0;
}

void cdx_g2_encode(uint8_t out[CDX_G2_BYTES], const struct cdx_g2 *p)
{
	const struct cdx_fq *part[4] = {&p->x.c0, &p->x.c1, &p->y.c0, &p->y.c1};

	for (size_t i = 0; i < 4; i++)
		cdx_fq_to_mont(out + i * CDX_FQ_BYTES, part[i]);
}

void cdx_g2_psi(struct cdx_g2 *out, const struct cdx_g2 *p)
{
	cdx_fq2_conj(&out->x, &p->x);
	cdx_fq2_mul(&out->x, &out->x, &psi_x);
	cdx_fq2_conj(&out->y, &p->y);
	cdx_fq2_mul(&out->y, &out->y, &psi_y);
}

/* As cdx_g2_psi; z is raised to the power q like the others */
static void psi(struct cdx_g2j *out, const struct cdx_g2j *p)
{
	cdx_fq2_conj(&out->x, &p->x);
	cdx_fq2_mul(&out->x, &out->x, &psi_x);
	cdx_fq2_conj(&out->y, &p->y);
	cdx_fq2_mul(&out->y, &out->y, &psi_y);
	cdx_fq2_conj(&out->z, &p->z);
}

void cdx_g2j_double_step(struct cdx_g2j *out, struct cdx_fq2 *slope,
			 const struct cdx_g2j *p)
{
	double_step(out, slope, p);
}

bool cdx_g2j_add_step(struct cdx_g2j *out, struct cdx_fq2 *slope,
		      const struct cdx_g2j *p, const struct cdx_g2 *q)
{
	return add_step(out, slope, p, q);
}

/* x p */
static void times_x(struct cdx_g2j *out, const struct cdx_g2 *p)
{
	struct cdx_g2 minus;

	cdx_g2_neg(&minus, p);
	cdx_g2j_from_affine(out, p);
	for (unsigned i = BN_X_TOP; i-- > 0;) {
		cdx_g2j_double(out, out);
		if (BN_X_PLUS >> i & 1)
			cdx_g2j_add_affine(out, out, p);
		if (BN_X_MINUS >> i & 1)
			cdx_g2j_add_affine(out, out, &minus);
	}
}

/*
 * On the whole curve, of c r points with c = 2 q - r, psi is a root of its
 * characteristic polynomial: psi^2 - t psi + q = 0 with t = 6 x^2 + 1.  On G2
 * it is the multiplication by 6 x^2, and f(6 x^2) = 0 modulo r for
 *	f(X) = 1 + x + x X + x X^2 - 2 x X^3
 * so f(psi) p = 0 is necessary.  It is sufficient: reduced by the polynomial
 * f is a + b psi, and from (a + b psi) p = 0 follows n p = 0 for its norm
 * n = a^2 + a b t + b^2 q.  The greatest common divisor of n and c r is r
 * (test_bn254_fq computes it), so the order of p, which divides both, divides r.
 *
 * @xp: x p
 */
static bool check(const struct cdx_g2 *p, struct cdx_g2j xp)
{
	struct cdx_g2j left;
	struct cdx_g2j right;

	psi(&left, &xp);
	cdx_g2j_double(&right, &left);
	cdx_g2j_add(&left, &left, &xp); /* x p + psi(x p) */
	psi(&right, &right);		/* psi^2(2 x p) */
	psi(&xp, &xp);
	psi(&xp, &xp);
	cdx_g2j_add(&left, &left, &xp);
	cdx_g2j_add_affine(&left, &left, p);
	psi(&right, &right);
	return cdx_g2j_equal(&left, &right);
}

bool cdx_g2_in_subgroup(const struct cdx_g2 *p)
{
	struct cdx_g2j xp;

	times_x(&xp, p);
	return check(p, xp);
}

/* Are the @n points, up to CDX_G2_LANES?  Those at infinity, and those whose
 * multiple the lanes could not make, are asked one by one. */
static bool lanes_in_subgroup(const struct cdx_g2 *p, size_t n)
{
	struct cdx_g2 q[CDX_G2_LANES];
	struct cdx_g2j xq[CDX_G2_LANES];

	for (size_t i = 0; i < CDX_G2_LANES; i++)
		q[i] = p[i < n ? i : 0];
	cdx_ifma_times_x(xq, q);
	for (size_t i = 0; i < n; i++)
		if (!(cdx_g2j_is_infinity(&xq[i]) ? cdx_g2_in_subgroup(&p[i])
						  : check(&p[i], xq[i])))
			return false;
	return true;
}

bool cdx_g2_all_in_subgroup(const struct cdx_g2 *p, size_t n)
{
	if (cdx_bn254_backend() == CDX_BN254_IFMA) {
		while (n >= LANES_MIN) {
			const size_t some = n < CDX_G2_LANES ? n : CDX_G2_LANES;

			if (!lanes_in_subgroup(p, some))
				return false;
			p += some;
			n -= some;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (!cdx_g2_in_subgroup(&p[i]))
			return false;
	return true;
}
