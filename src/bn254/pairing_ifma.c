/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/pairing_steps.h"

#ifdef __x86_64__

#ifndef __clang__
#pragma GCC optimize("schedule-insns") /* as in poseidon2_ifma.c */
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bn254/fq2_lanes.h"
#include "bn254/tower.h"

/*
 * The Miller loop in eight lanes, each with a pair of its own.  There is one
 * value f for all groups of eight, so squarings are shared by the pairs of a
 * lane; the lanes' values are multiplied at the end.
 *
 * Points are Jacobian and no line is divided by anything: at P = (xP, yP) it is
 * a + b w + c w^3, for a tangent at (X, Y, Z), with E = 3 X^2 and the new z Z3,
 *	a = Z3 Z^2 yP, b = -E Z^2 xP, c = E X - 2 Y^2
 * and for the line through that and (x, y), with the slope's numerator r,
 *	a = Z3 yP, b = -r xP, c = r x - y Z3
 * which is that of pairing.c times a factor in Fq2.
 *
 * f is kept as a polynomial in w over Fq2, w^6 = xi.  Products of polynomials
 * are sums of many products of limbs with one reduction each: as few
 * instructions as Karatsuba's way, and hardly any sums of elements.
 *
 * Bounds: as in fq2_lanes.h; f is below 1.7 q, see square and times_line.
 */

/* a xi = (9 c0 - c1) + (9 c1 + c0) u, as a factor */
static IFMA_TARGET void xi_factor_of(struct factor *out, const struct fe2 *a)
{
	struct fe2 t;

	EACH_LIMB(t.c0.l[s][i] = add(_mm512_slli_epi64(a->c0.l[s][i], 3),
				     a->c0.l[s][i]));
	EACH_LIMB(t.c1.l[s][i] = add(_mm512_slli_epi64(a->c1.l[s][i], 3),
				     a->c1.l[s][i]));
	minus(&t.c0, &t.c0, &a->c1, 2);
	plus(&t.c1, &t.c1, &a->c0);
	shrink(&t.c0);
	shrink(&t.c1);
	factor_of(out, &t);
}

struct line {
	struct fe2 a;
	struct fe2 b;
	struct fe2 c;
};

/* Eight pairs */
struct group {
	struct point t;
	struct fe2 x[CDX_MILLER_KINDS]; /* what steps add */
	struct fe2 y[CDX_MILLER_KINDS];
	struct fe minus_xp;
	struct fe yp;
	__mmask8 used; /* lanes that have a pair */
};

/* t := 2 t, and the tangent at the old one, without P */
static IFMA_TARGET void double_step(struct line *l, struct point *t)
{
	const struct fe2 x = t->x;
	const struct fe2 z = t->z;
	struct fe2 e;
	struct fe2 yy;
	struct fe2 zz;
	struct factor f;

	point_double(t, &e, &yy);
	factor_of(&f, &x);
	mul2_by(&l->c, &e, &f);
	sub2(&l->c, &l->c, &yy);
	sub2(&l->c, &l->c, &yy);
	factor_of(&f, &z);
	mul2_by(&zz, &z, &f);
	factor_of(&f, &zz);
	mul2_by(&l->a, &t->z, &f);
	mul2_by(&l->b, &e, &f);
}

/* t := t + (x, y), and the line through both, without P */
static IFMA_TARGET void add_step(struct line *l, struct point *t,
				 const struct fe2 *x, const struct fe2 *y)
{
	struct fe2 minus_y;
	struct factor f;
	struct factor g;

	point_add(t, &l->b, x, y);
	l->a = t->z;
	negative2(&minus_y, y);
	factor_of(&f, &l->b);
	factor_of(&g, &t->z);
	mul2_sum(&l->c, x, &f, &minus_y, &g);
}

/* @x in the lanes @used, @other elsewhere */
static IFMA_INLINE void keep(struct fe *x, const struct fe *other,
			     __mmask8 used)
{
	EACH_LIMB(x->l[s][i] = _mm512_mask_mov_epi64(other->l[s][i], used,
						     x->l[s][i]));
}

/* The line at P; where there is no pair it is one */
static IFMA_TARGET void evaluate(struct line *l, const struct group *g)
{
	struct fe one;
	struct fe none;

	mul_fe(&l->a.c0, &l->a.c0, &g->yp);
	mul_fe(&l->a.c1, &l->a.c1, &g->yp);
	mul_fe(&l->b.c0, &l->b.c0, &g->minus_xp);
	mul_fe(&l->b.c1, &l->b.c1, &g->minus_xp);
	if (g->used == 0xff)
		return;
	set(&one, one_260);
	EACH_LIMB(none.l[s][i] = zero());
	keep(&l->a.c0, &one, g->used);
	keep(&l->a.c1, &none, g->used);
	keep(&l->b.c0, &none, g->used);
	keep(&l->b.c1, &none, g->used);
	keep(&l->c.c0, &none, g->used);
	keep(&l->c.c1, &none, g->used);
}

/* ---- Fq12: coefficients of 1, w, ..., w^5 ---- */

#define DEGREE 6

/*
 * f := f^2.  Below 1.7 as it was: a sum has at most eight products, of factors
 * below 3.4 and 2, so is below 8 * 6.8 / 84.6 + 1.02 < 1.67.
 */
static IFMA_TARGET void square(struct fe2 f[DEGREE])
{
	struct fe2 twice[DEGREE];
	struct factor y[DEGREE];
	struct factor xi[DEGREE];
	struct fe2 out[DEGREE];

	for (size_t k = 0; k < DEGREE; k++) {
		plus(&twice[k].c0, &f[k].c0, &f[k].c0);
		plus(&twice[k].c1, &f[k].c1, &f[k].c1);
		tidy(&twice[k].c0);
		tidy(&twice[k].c1);
		factor_of(&y[k], &f[k]);
		if (k >= DEGREE / 2)
			xi_factor_of(&xi[k], &f[k]);
	}
	for (size_t k = 0; k < DEGREE; k++) {
		const struct fe2 *a[TERMS_MAX];
		const struct factor *b[TERMS_MAX];
		size_t n = 0;

		for (size_t i = 0; i < DEGREE; i++) {
			const size_t j = (k + DEGREE - i) % DEGREE;

			if (i > j) /* counted with j and i */
				continue;
			a[n] = i == j ? &f[i] : &twice[i];
			b[n++] = i + j >= DEGREE ? &xi[j] : &y[j];
		}
		dot2(&out[k], a, b, n);
	}
	memcpy(f, out, sizeof(out));
}

/*
 * f := f (a + b w + c w^3): six products of factors below 1.7 and 2, so below
 * 6 * 3.4 / 84.6 + 1.02 < 1.3.
 */
static IFMA_TARGET void times_line(struct fe2 f[DEGREE], const struct line *l)
{
	static const size_t shift[3] = {0, 1, 3};
	struct factor y[3];
	struct factor xi[3];
	struct fe2 out[DEGREE];

	factor_of(&y[0], &l->a);
	factor_of(&y[1], &l->b);
	factor_of(&y[2], &l->c);
	xi_factor_of(&xi[1], &l->b);
	xi_factor_of(&xi[2], &l->c);
	for (size_t k = 0; k < DEGREE; k++) {
		const struct fe2 *a[3];
		const struct factor *b[3];

		for (size_t i = 0; i < 3; i++) {
			const bool wraps = k < shift[i];

			a[i] = &f[k + (wraps ? DEGREE : 0) - shift[i]];
			b[i] = wraps ? &xi[i] : &y[i];
		}
		dot2(&out[k], a, b, 3);
	}
	memcpy(f, out, sizeof(out));
}

/* Pairs @p and @q, @n of them; lanes without one get the first */
static IFMA_TARGET void load_group(struct group *g,
				   const struct cdx_g1 *const *p,
				   const struct cdx_g2 *const *q, size_t n)
{
	/* of the element in each lane, see load_run */
	static const uint8_t place[IFMA_LANES] = {0, 2, 1, 3, 4, 6, 5, 7};
	struct cdx_g2 point[IFMA_LANES][CDX_MILLER_KINDS];
	struct cdx_fq2 part[IFMA_LANES];
	struct cdx_fq x[IFMA_LANES];
	struct cdx_fq y[IFMA_LANES];

	g->used = 0;
	for (size_t i = 0; i < IFMA_LANES; i++) {
		const size_t from = i < n ? i : 0;

		if (place[i] < n)
			g->used |= (__mmask8)(1u << i);
		cdx_fq_neg(&x[i], &p[from]->x);
		y[i] = p[from]->y;
		point[i][CDX_MILLER_DOUBLE] = *q[from];
		cdx_miller_points(point[i], q[from]);
	}
	load_fe(&g->minus_xp, x);
	load_fe(&g->yp, y);
	for (size_t k = 0; k < CDX_MILLER_KINDS; k++) {
		for (size_t i = 0; i < IFMA_LANES; i++)
			part[i] = point[i][k].x;
		load_fe2(&g->x[k], part);
		for (size_t i = 0; i < IFMA_LANES; i++)
			part[i] = point[i][k].y;
		load_fe2(&g->y[k], part);
	}
	g->t.x = g->x[CDX_MILLER_DOUBLE];
	g->t.y = g->y[CDX_MILLER_DOUBLE];
	set_z(&g->t);
}

/* Coefficient @k of the value */
static struct cdx_fq2 *coefficient(struct cdx_gt *f, size_t k)
{
	struct cdx_fq6 *half = k % 2 == 0 ? &f->c0 : &f->c1;
	struct cdx_fq2 *c[3] = {&half->c0, &half->c1, &half->c2};

	return c[k / 2];
}

/* The product of all lanes' values */
static IFMA_TARGET void join_lanes(struct cdx_gt *out,
				   const struct fe2 f[DEGREE])
{
	struct cdx_gt lane[IFMA_LANES];
	struct cdx_fq2 part[IFMA_LANES];

	for (size_t k = 0; k < DEGREE; k++) {
		store_fe2(part, &f[k]);
		for (size_t i = 0; i < IFMA_LANES; i++)
			*coefficient(&lane[i], k) = part[i];
	}
	*out = lane[0];
	for (size_t i = 1; i < IFMA_LANES; i++)
		cdx_gt_mul(out, out, &lane[i]);
}

static IFMA_TARGET void loop(struct fe2 f[DEGREE], struct group *groups,
			     size_t n)
{
	memset(f, 0, DEGREE * sizeof(*f));
	set(&f[0].c0, one_260);
	for (size_t i = 0; i < CDX_MILLER_STEPS; i++) {
		const unsigned step = cdx_miller_steps[i];

		if (step == CDX_MILLER_DOUBLE && i > 0)
			square(f);
		for (size_t j = 0; j < n; j++) {
			struct group *g = &groups[j];
			struct line l;

			if (step == CDX_MILLER_DOUBLE)
				double_step(&l, &g->t);
			else
				add_step(&l, &g->t, &g->x[step], &g->y[step]);
			evaluate(&l, g);
			times_line(f, &l);
		}
	}
}

int cdx_ifma_miller(struct cdx_gt *out, const struct cdx_g1 *const *p,
		    const struct cdx_g2 *const *q, size_t n)
{
	const size_t count = (n + IFMA_LANES - 1) / IFMA_LANES;
	struct fe2 f[DEGREE];
	struct group *groups;

	*out = cdx_gt_one;
	if (n == 0)
		return 0;
	if (count > SIZE_MAX / sizeof(*groups))
		return -ENOMEM;
	/* vectors are aligned to their size, which the struct's is a multiple of */
	groups = aligned_alloc(sizeof(__m512i), count * sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const size_t at = i * IFMA_LANES;

		load_group(&groups[i], p + at, q + at,
			   n - at < IFMA_LANES ? n - at : IFMA_LANES);
	}
	loop(f, groups, count);
	free(groups);
	join_lanes(out, f);
	return 0;
}

#else

int cdx_ifma_miller(struct cdx_gt *out, const struct cdx_g1 *const *p,
		    const struct cdx_g2 *const *q, size_t n)
{
	(void)out;
	(void)p;
	(void)q;
	(void)n;
	return 0;
}

#endif
