/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BN254_FQ2_LANES_H
#define CDX_BN254_FQ2_LANES_H

#include <stddef.h>

#include "bn254/g2.h"
#include "bn254/ifma_vector.h"

/*
 * Fq2 and points over it in eight lanes, for the files that work on eight
 * points of G2 at a time.
 *
 * All elements at rest have limbs of 52 bits.  Bounds, multiples of q:
 *	sums and differences are shrunk, below 1.03;
 *	a factor's negative is 2 q less it: factors are below 2;
 *	a sum of n products of x and y is below n x y / 84.6 + 1.02, so below 2
 *	for those of points: n is up to 4 and x y below 16.
 */
#define IFMA_MOD(x) ifma_q_##x
#define IFMA_NAME(x) x
#define IFMA_STREAMS 1
#include "bn254/ifma_field.h"
#include "bn254/ifma_lanes.h"

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

/* Jacobian */
struct point {
	struct fe2 x;
	struct fe2 y;
	struct fe2 z;
};

/* t := 2 t, with E = 3 X^2 of the old one, and its Y^2 */
static IFMA_TARGET void point_double(struct point *t, struct fe2 *e,
				     struct fe2 *yy)
{
	struct fe2 d;
	struct fe2 four;
	struct factor f;
	struct factor g;

	factor_of(&f, &t->x);
	mul2_by(e, &t->x, &f);
	scale2(e, e, 3);
	factor_of(&f, &t->y);
	mul2_by(yy, &t->y, &f);
	mul2_by(&t->z, &t->z, &f);
	scale2(&t->z, &t->z, 2);
	scale2(&four, yy, 4);
	factor_of(&f, &four);
	mul2_by(&d, &t->x, &f); /* D = 4 X Y^2 */
	factor_of(&g, e);
	mul2_by(&t->x, e, &g);
	sub2(&t->x, &t->x, &d);
	sub2(&t->x, &t->x, &d); /* E^2 - 2 D */
	sub2(&d, &d, &t->x);
	negative2(&four, &four);
	scale2(&t->y, yy, 2);
	factor_of(&f, &t->y);
	mul2_sum(&t->y, &d, &g, &four, &f); /* E (D - X3) - 8 Y^4 */
}

/*
 * t := t + (x, y), with the numerator r of the slope, over the new z.  When t
 * is at infinity, or one of the two points (x, +-y), z becomes zero, and stays
 * so in whatever follows.
 */
static IFMA_TARGET void point_add(struct point *t, struct fe2 *r,
				  const struct fe2 *x, const struct fe2 *y)
{
	struct fe2 h;
	struct fe2 v;
	struct fe2 w;
	struct factor f;
	struct factor g;

	factor_of(&g, &t->z);
	mul2_by(&v, &t->z, &g); /* Z^2 */
	factor_of(&f, &v);
	mul2_by(&h, x, &f);
	sub2(&h, &h, &t->x); /* H = x Z^2 - X */
	mul2_by(r, y, &f);
	mul2_by(r, r, &g);
	sub2(r, r, &t->y);
	scale2(r, r, 2); /* r = 2 (y Z^3 - Y) */
	mul2_by(&t->z, &h, &g);
	scale2(&t->z, &t->z, 2); /* 2 Z H */
	scale2(&w, &h, 2);
	factor_of(&f, &w);
	mul2_by(&w, &w, &f); /* I = (2 H)^2 */
	factor_of(&f, &w);
	mul2_by(&v, &t->x, &f); /* V = X I */
	mul2_by(&h, &h, &f);	/* J = H I */
	factor_of(&g, r);
	mul2_by(&t->x, r, &g);
	sub2(&t->x, &t->x, &h);
	sub2(&t->x, &t->x, &v);
	sub2(&t->x, &t->x, &v); /* r^2 - J - 2 V */
	sub2(&v, &v, &t->x);
	scale2(&h, &h, 2);
	negative2(&h, &h);
	factor_of(&f, &h);
	mul2_sum(&t->y, &v, &g, &t->y, &f); /* r (V - X3) - 2 Y J */
}

/* Elements in memory are a 2^256, in lanes a 2^260 */
static IFMA_TARGET void load_fe(struct fe *out,
				const struct cdx_fq from[IFMA_LANES])
{
	struct fe k;

	set(&k, in_264);
	load_run(out, from);
	mul_fe(out, out, &k);
}

/* The way back; @from tidy and below 2 */
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

/* Eight of Fq2 */
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

/* The way back */
static IFMA_TARGET void store_fe2(struct cdx_fq2 to[IFMA_LANES],
				  const struct fe2 *from)
{
	struct cdx_fq part[IFMA_LANES];

	store_fe(part, &from->c0);
	for (size_t i = 0; i < IFMA_LANES; i++)
		to[i].c0 = part[i];
	store_fe(part, &from->c1);
	for (size_t i = 0; i < IFMA_LANES; i++)
		to[i].c1 = part[i];
}

/* z := 1 */
static IFMA_TARGET void set_z(struct point *t)
{
	set(&t->z.c0, one_260);
	EACH_LIMB(t->z.c1.l[s][i] = zero());
}

#endif
