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

#include "bn254/ifma_vector.h"
#include "bn254/tower.h"

#define IFMA_MOD(x) ifma_q_##x
#define IFMA_NAME(x) x
#define IFMA_STREAMS 1
#include "bn254/ifma_field.h"
#include "bn254/ifma_lanes.h"

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
 * All elements at rest have limbs of 52 bits.  Bounds, multiples of q:
 *	sums and differences are shrunk, below 1.03;
 *	a factor's negative is 2 q less it: factors are below 2;
 *	a product of n pairs of elements is below n x y / 84.6 + 1.02, so below
 *	2 for those of the points: n = 4, x y < 16;
 *	f is below 1.7: see square and times_line.
 */

/* 2^264, 2^256 and 2^260 modulo q */
static const uint64_t in_264[IFMA_LIMBS] = {0xb0f2afaec667a, 0xed9626b0fffbd,
					    0x9e2a0fcad825a, 0xe357276f48b70,
					    0xd791464ef86};
static const uint64_t out_256[IFMA_LIMBS] = {0xd438dc58f0d9d, 0x28f5c70b3dd35,
					     0x879462c0a78eb, 0xdf2f666ea36f7,
					     0xe0a77c19a07};
static const uint64_t one_260[IFMA_LIMBS] = {0x20880f6fce4b4, 0x49baa989a8455,
					     0x18f014a498908, 0x724f85a9201d8,
					     0x1f16424e1bb7};

/* Fq2 */
struct fe2 {
	struct fe c0;
	struct fe c1;
};

/* An element of Fq2 as the right side of products: also its -c1 */
struct factor {
	struct fe c0;
	struct fe c1;
	struct fe minus;
};

/* Pairs of Fq2 in a sum; of Fq twice as many */
#define TERMS_MAX 4

/* Carries go up, limbs to 52 bits; the value does not change */
static IFMA_INLINE void tidy(struct fe *x)
{
	ready(x);
	EACH_LIMB(x->l[s][i] = low(x->l[s][i]));
}

#define ROWS(i)                                \
	do {                                   \
		for (size_t k = 0; k < n; k++) \
			ROW(i, x[k], y[k]);    \
	} while (0)

/*
 * out = sum of x[k] y[k] / 2^260 below @n, tidy: mul of ifma_field.h with
 * several products.  Columns have 10 @n terms of the products at most, 16
 * others and a carry; @n is up to 8, so they stay below 2^59.
 */
static IFMA_CALL void dot(struct fe *out, const struct fe *const *x,
			  const struct fe *const *y, size_t n)
{
	const struct fe *none = NULL;
	__m512i t[IFMA_STREAMS][2 * IFMA_LIMBS];
	__m512i q[2][IFMA_STREAMS];

	START(none);
	ROWS(0);
	FOLD(0);
	CARRY(0);
	ROWS(1);
	FOLD(1);
	CARRY(1);
	ROWS(2);
	FOLD(2);
	CARRY(2);
	ROWS(3);
	MONT_Q(3);
	ROWS(4);
	MONT_FIRST(3);
	MONT_Q(4);
	MONT_REST(3);
	MONT_FIRST(4);
	MONT_REST(4);
	FINISH();
	tidy(out);
}

/* out = sum of x[k] y[k] in Fq2, @n at most TERMS_MAX */
static IFMA_TARGET void dot2(struct fe2 *out, const struct fe2 *const *x,
			     const struct factor *const *y, size_t n)
{
	const struct fe *a[2 * TERMS_MAX] = {NULL};
	const struct fe *b[2 * TERMS_MAX] = {NULL};
	struct fe t;

	for (size_t k = 0; k < n; k++) {
		a[2 * k] = &x[k]->c0;
		a[2 * k + 1] = &x[k]->c1;
		b[2 * k] = &y[k]->c0;
		b[2 * k + 1] = &y[k]->minus;
	}
	dot(&t, a, b, 2 * n);
	for (size_t k = 0; k < n; k++) {
		b[2 * k] = &y[k]->c1;
		b[2 * k + 1] = &y[k]->c0;
	}
	dot(&out->c1, a, b, 2 * n);
	out->c0 = t;
}

/* out = a b */
static IFMA_TARGET void mul_fe(struct fe *out, const struct fe *a,
			       const struct fe *b)
{
	dot(out, &a, &b, 1);
}

/* out = a b in Fq2 */
static IFMA_TARGET void mul2_by(struct fe2 *out, const struct fe2 *a,
				const struct factor *b)
{
	dot2(out, &a, &b, 1);
}

/* out = a b + c d in Fq2 */
static IFMA_TARGET void mul2_sum(struct fe2 *out, const struct fe2 *a,
				 const struct factor *b, const struct fe2 *c,
				 const struct factor *d)
{
	const struct fe2 *x[2] = {a, c};
	const struct factor *y[2] = {b, d};

	dot2(out, x, y, 2);
}

/* a - b, for b below 2 */
static IFMA_TARGET void sub2(struct fe2 *out, const struct fe2 *a,
			     const struct fe2 *b)
{
	minus(&out->c0, &a->c0, &b->c0, 2);
	minus(&out->c1, &a->c1, &b->c1, 2);
	shrink(&out->c0);
	shrink(&out->c1);
}

/* a times a small number */
static IFMA_TARGET void scale2(struct fe2 *out, const struct fe2 *a,
			       unsigned by)
{
	EACH_LIMB(out->c0.l[s][i] =
			  _mm512_mullo_epi64(a->c0.l[s][i], bcast(by)));
	EACH_LIMB(out->c1.l[s][i] =
			  _mm512_mullo_epi64(a->c1.l[s][i], bcast(by)));
	shrink(&out->c0);
	shrink(&out->c1);
}

/* -a, for a below 2 */
static IFMA_TARGET void negative2(struct fe2 *out, const struct fe2 *a)
{
	negative(&out->c0, &a->c0, 2);
	negative(&out->c1, &a->c1, 2);
	shrink(&out->c0);
	shrink(&out->c1);
}

/* @a, below 2, as a factor */
static IFMA_TARGET void factor_of(struct factor *out, const struct fe2 *a)
{
	out->c0 = a->c0;
	out->c1 = a->c1;
	negative(&out->minus, &a->c1, 2);
	tidy(&out->minus);
}

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

/* ---- points ---- */

struct point {
	struct fe2 x;
	struct fe2 y;
	struct fe2 z;
};

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
	struct fe2 b;
	struct fe2 d;
	struct fe2 e;
	struct fe2 zz;
	struct fe2 four;
	struct factor f;
	struct factor g;

	factor_of(&f, &t->x);
	mul2_by(&e, &t->x, &f);
	scale2(&e, &e, 3); /* E = 3 X^2 */
	mul2_by(&l->c, &e, &f);
	factor_of(&f, &t->y);
	mul2_by(&b, &t->y, &f);
	sub2(&l->c, &l->c, &b);
	sub2(&l->c, &l->c, &b);
	factor_of(&g, &t->z);
	mul2_by(&zz, &t->z, &g);
	mul2_by(&t->z, &t->y, &g);
	scale2(&t->z, &t->z, 2);
	scale2(&four, &b, 4);
	factor_of(&f, &four);
	mul2_by(&d, &t->x, &f); /* D = 4 X Y^2 */
	factor_of(&g, &e);
	mul2_by(&t->x, &e, &g);
	sub2(&t->x, &t->x, &d);
	sub2(&t->x, &t->x, &d); /* E^2 - 2 D */
	sub2(&d, &d, &t->x);
	negative2(&four, &four);
	scale2(&b, &b, 2);
	factor_of(&f, &b);
	mul2_sum(&t->y, &d, &g, &four, &f); /* E (D - X3) - 8 Y^4 */
	factor_of(&f, &zz);
	mul2_by(&l->a, &t->z, &f);
	mul2_by(&l->b, &e, &f);
}

/* t := t + (x, y), and the line through both, without P */
static IFMA_TARGET void add_step(struct line *l, struct point *t,
				 const struct fe2 *x, const struct fe2 *y)
{
	struct fe2 h;
	struct fe2 r;
	struct fe2 v;
	struct fe2 w;
	struct factor f;
	struct factor g;

	factor_of(&g, &t->z);
	mul2_by(&v, &t->z, &g); /* Z^2 */
	factor_of(&f, &v);
	mul2_by(&h, x, &f);
	sub2(&h, &h, &t->x); /* H = x Z^2 - X */
	mul2_by(&r, y, &f);
	mul2_by(&r, &r, &g);
	sub2(&r, &r, &t->y);
	scale2(&r, &r, 2); /* r = 2 (y Z^3 - Y) */
	mul2_by(&t->z, &h, &g);
	scale2(&t->z, &t->z, 2); /* 2 Z H */
	scale2(&w, &h, 2);
	factor_of(&f, &w);
	mul2_by(&w, &w, &f); /* I = (2 H)^2 */
	factor_of(&f, &w);
	mul2_by(&v, &t->x, &f); /* V = X I */
	mul2_by(&h, &h, &f);	/* J = H I */
	factor_of(&g, &r);
	mul2_by(&t->x, &r, &g);
	sub2(&t->x, &t->x, &h);
	sub2(&t->x, &t->x, &v);
	sub2(&t->x, &t->x, &v); /* r^2 - J - 2 V */
	sub2(&v, &v, &t->x);
	scale2(&h, &h, 2);
	negative2(&h, &h);
	factor_of(&f, &h);
	mul2_sum(&t->y, &v, &g, &t->y, &f); /* r (V - X3) - 2 Y J */
	l->a = t->z;
	l->b = r;
	negative2(&w, y);
	factor_of(&f, &t->z);
	mul2_sum(&l->c, x, &g, &w, &f);
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

/* ---- between memory and lanes ---- */

/* Elements in memory are a 2^256, in lanes a 2^260 */
static IFMA_TARGET void load_fe(struct fe *out,
				const struct cdx_fq from[IFMA_LANES])
{
	struct fe k;

	set(&k, in_264);
	load_run(out, from);
	mul_fe(out, out, &k);
}

static IFMA_TARGET void store_fe(struct cdx_fq to[IFMA_LANES],
				 const struct fe *from)
{
	struct fe k;
	struct fe t;

	set(&k, out_256);
	mul_fe(&t, from, &k);
	canonical(&t);
	store_run(to, &t);
}

static IFMA_TARGET void load_fe2(struct fe2 *out,
				 const struct cdx_fq2 from[IFMA_LANES])
{
	struct cdx_fq part[IFMA_LANES];

	for (size_t i = 0; i < IFMA_LANES; i++)
		part[i] = from[i].c0;
	load_fe(&out->c0, part);
	for (size_t i = 0; i < IFMA_LANES; i++)
		part[i] = from[i].c1;
	load_fe(&out->c1, part);
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
	set(&g->t.z.c0, one_260);
	EACH_LIMB(g->t.z.c1.l[s][i] = zero());
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
	struct cdx_fq part[IFMA_LANES];

	for (size_t k = 0; k < DEGREE; k++) {
		store_fe(part, &f[k].c0);
		for (size_t i = 0; i < IFMA_LANES; i++)
			coefficient(&lane[i], k)->c0 = part[i];
		store_fe(part, &f[k].c1);
		for (size_t i = 0; i < IFMA_LANES; i++)
			coefficient(&lane[i], k)->c1 = part[i];
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
