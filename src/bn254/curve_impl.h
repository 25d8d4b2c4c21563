/* SPDX-License-Identifier: Apache-2.0 OR MIT */

/*
 * Points of y^2 = x^3 + b, for G1 and G2, which differ in the field of the
 * coordinates: g1.c and g2.c include this once each, after defining
 *
 *	FIELD	the struct of a coordinate, F(name) a function on it
 *	AFFINE	the struct of an affine point, A(name) a function on it
 *	JACOBI	the struct of a Jacobian point, J(name) a function on it
 *	CURVE_B	the constant b
 *
 * Formulas: hyperelliptic.org's EFD, short Weierstrass with a = 0, Jacobian
 * coordinates: dbl-2009-l, add-2007-bl, madd-2007-bl.  They fail for points at
 * infinity and (the sums) for equal and opposite ones: these are told apart
 * here.  Neither curve has points with y = 0: both have odd order.
 */
#include <string.h>

#include "bn254/wnaf.h"

/* Of digits; the table of odd multiples that goes with it */
#define WIDTH 5u
#define ODD CDX_WNAF_ODD(WIDTH)

/* Both coordinates are zero: b is not */
bool A(is_infinity)(const struct AFFINE *p)
{
	return F(is_zero)(&p->x) && F(is_zero)(&p->y);
}

/* y^2 = x^3 + b, or infinity */
bool A(on_curve)(const struct AFFINE *p)
{
	struct FIELD s;
	struct FIELD t;

	if (A(is_infinity)(p))
		return true;
	F(sqr)(&s, &p->x);
	F(mul)(&s, &s, &p->x);
	F(add)(&s, &s, &CURVE_B);
	F(sqr)(&t, &p->y);
	return F(equal)(&s, &t);
}

/* Affine coordinates are unique */
bool A(equal)(const struct AFFINE *p, const struct AFFINE *q)
{
	return F(equal)(&p->x, &q->x) && F(equal)(&p->y, &q->y);
}

/* (x, -y); infinity stays */
void A(neg)(struct AFFINE *out, const struct AFFINE *p)
{
	out->x = p->x;
	F(neg)(&out->y, &p->y);
}

/* z is one, or zero at infinity */
void J(from_affine)(struct JACOBI *out, const struct AFFINE *p)
{
	const bool infinity = A(is_infinity)(p);

	out->x = p->x;
	out->y = p->y;
	out->z = infinity ? F(zero) : F(one);
}

/* (x / z^2, y / z^3), given 1 / z */
static void scale_by(struct AFFINE *out, const struct JACOBI *p,
		     const struct FIELD *inverse)
{
	struct FIELD square;
	struct FIELD cube;

	F(sqr)(&square, inverse);
	F(mul)(&cube, &square, inverse);
	F(mul)(&out->x, &p->x, &square);
	F(mul)(&out->y, &p->y, &cube);
}

/* One inversion; zero has the inverse zero */
void J(to_affine)(struct AFFINE *out, const struct JACOBI *p)
{
	struct FIELD inverse;

	F(inv)(&inverse, &p->z); /* zero at infinity, and so are x and y then */
	scale_by(out, p, &inverse);
}

/* One inversion for all (Montgomery) */
void J(to_affine_many)(struct AFFINE *out, const struct JACOBI *p, size_t n)
{
	struct FIELD all = F(one);

	/* x of each has the product of the z before it for a while */
	for (size_t i = 0; i < n; i++) {
		out[i].x = all;
		if (!J(is_infinity)(&p[i]))
			F(mul)(&all, &all, &p[i].z);
	}
	F(inv)(&all, &all);
	for (size_t i = n; i-- > 0;) {
		struct FIELD inverse;

		if (J(is_infinity)(&p[i])) {
			out[i].x = F(zero);
			out[i].y = F(zero);
			continue;
		}
		F(mul)(&inverse, &all, &out[i].x);
		F(mul)(&all, &all, &p[i].z);
		scale_by(&out[i], &p[i], &inverse);
	}
}

/* x and y are not looked at */
bool J(is_infinity)(const struct JACOBI *p)
{
	return F(is_zero)(&p->z);
}

/* With both denominators multiplied across */
bool J(equal)(const struct JACOBI *p, const struct JACOBI *q)
{
	struct FIELD zp;
	struct FIELD zq;
	struct FIELD s;
	struct FIELD t;

	if (J(is_infinity)(p) || J(is_infinity)(q))
		return J(is_infinity)(p) && J(is_infinity)(q);
	F(sqr)(&zp, &p->z);
	F(sqr)(&zq, &q->z);
	F(mul)(&s, &p->x, &zq);
	F(mul)(&t, &q->x, &zp);
	if (!F(equal)(&s, &t))
		return false;
	F(mul)(&zp, &zp, &p->z);
	F(mul)(&zq, &zq, &q->z);
	F(mul)(&s, &p->y, &zq);
	F(mul)(&t, &q->y, &zp);
	return F(equal)(&s, &t);
}

/* (x, -y, z) */
void J(neg)(struct JACOBI *out, const struct JACOBI *p)
{
	out->x = p->x;
	F(neg)(&out->y, &p->y);
	out->z = p->z;
}

/* 2 p.  The slope of the tangent at p is @slope over the new z. */
static void double_step(struct JACOBI *out, struct FIELD *slope,
			const struct JACOBI *p)
{
	struct FIELD a;
	struct FIELD b;
	struct FIELD c;
	struct FIELD d;

	F(sqr)(&a, &p->x);
	F(sqr)(&b, &p->y);
	F(sqr)(&c, &b);
	F(add)(&d, &p->x, &b);
	F(sqr)(&d, &d);
	F(sub)(&d, &d, &a);
	F(sub)(&d, &d, &c);
	F(add)(&d, &d, &d);
	F(mul)(&out->z, &p->y, &p->z); /* zero stays zero */
	F(add)(&out->z, &out->z, &out->z);
	F(add)(slope, &a, &a);
	F(add)(slope, slope, &a);
	F(sqr)(&out->x, slope);
	F(sub)(&out->x, &out->x, &d);
	F(sub)(&out->x, &out->x, &d);
	F(add)(&c, &c, &c);
	F(add)(&c, &c, &c);
	F(add)(&c, &c, &c);
	F(sub)(&d, &d, &out->x);
	F(mul)(&out->y, slope, &d);
	F(sub)(&out->y, &out->y, &c);
}

/* 2 p */
void J(double)(struct JACOBI *out, const struct JACOBI *p)
{
	struct FIELD slope;

	double_step(out, &slope, p);
}

/*
 * The common end of both sums: x and y from u1 = x1 z2^2, s1 = y1 z2^3,
 * h = u2 - u1 and r = 2 (s2 - s1).  @u1 and @s1 may be parts of @out.
 */
static void add_end(struct JACOBI *out, const struct FIELD *u1,
		    const struct FIELD *s1, const struct FIELD *h,
		    const struct FIELD *r)
{
	struct FIELD i;
	struct FIELD j;
	struct FIELD v;

	F(add)(&i, h, h);
	F(sqr)(&i, &i);
	F(mul)(&j, h, &i);
	F(mul)(&v, u1, &i);
	F(mul)(&i, s1, &j);
	F(add)(&i, &i, &i);
	F(sqr)(&out->x, r);
	F(sub)(&out->x, &out->x, &j);
	F(sub)(&out->x, &out->x, &v);
	F(sub)(&out->x, &out->x, &v);
	F(sub)(&v, &v, &out->x);
	F(mul)(&v, &v, r);
	F(sub)(&out->y, &v, &i);
}

/* p + q */
void J(add)(struct JACOBI *out, const struct JACOBI *p, const struct JACOBI *q)
{
	struct FIELD zp;
	struct FIELD zq;
	struct FIELD u;
	struct FIELD s;
	struct FIELD h;
	struct FIELD r;

	if (J(is_infinity)(q)) {
		*out = *p;
		return;
	}
	if (J(is_infinity)(p)) {
		*out = *q;
		return;
	}
	F(sqr)(&zp, &p->z);
	F(sqr)(&zq, &q->z);
	F(mul)(&u, &p->x, &zq);
	F(mul)(&h, &q->x, &zp);
	F(mul)(&s, &p->y, &q->z);
	F(mul)(&s, &s, &zq);
	F(mul)(&r, &q->y, &p->z);
	F(mul)(&r, &r, &zp);
	F(sub)(&h, &h, &u);
	F(sub)(&r, &r, &s);
	if (F(is_zero)(&h) && F(is_zero)(&r)) {
		J(double)(out, p);
		return;
	}
	/* with h alone zero, z becomes zero: opposite points */
	F(add)(&r, &r, &r);
	F(mul)(&out->z, &p->z, &q->z);
	F(mul)(&out->z, &out->z, &h);
	F(add)(&out->z, &out->z, &out->z);
	add_end(out, &u, &s, &h, &r);
}

/*
 * p + q, both finite; false, and nothing done, when they are the same point.
 * The slope of the line through them is @slope over the new z.
 */
static bool add_step(struct JACOBI *out, struct FIELD *slope,
		     const struct JACOBI *p, const struct AFFINE *q)
{
	struct FIELD zp;
	struct FIELD h;

	F(sqr)(&zp, &p->z);
	F(mul)(&h, &q->x, &zp);
	F(mul)(slope, &q->y, &zp);
	F(mul)(slope, slope, &p->z);
	F(sub)(&h, &h, &p->x);
	F(sub)(slope, slope, &p->y);
	if (F(is_zero)(&h) && F(is_zero)(slope))
		return false;
	F(add)(slope, slope, slope);
	F(mul)(&out->z, &p->z, &h);
	F(add)(&out->z, &out->z, &out->z);
	add_end(out, &p->x, &p->y, &h, slope);
	return true;
}

/* p + q, where z of q is one */
void J(add_affine)(struct JACOBI *out, const struct JACOBI *p,
		   const struct AFFINE *q)
{
	struct FIELD slope;

	if (A(is_infinity)(q))
		*out = *p;
	else if (J(is_infinity)(p))
		J(from_affine)(out, q);
	else if (!add_step(out, &slope, p, q))
		J(double)(out, p);
}

/* Odd multiples of p: p, 3 p, 5 p, ... */
static void odd_multiples(struct AFFINE table[ODD], const struct JACOBI *p)
{
	struct JACOBI t[ODD];
	struct JACOBI twice;

	t[0] = *p;
	J(double)(&twice, p);
	for (size_t i = 1; i < ODD; i++)
		J(add)(&t[i], &t[i - 1], &twice);
	J(to_affine_many)(table, t, ODD);
}

/* out += digit times the point of whose odd multiples @table is */
static void add_digit(struct JACOBI *out, const struct AFFINE *table, int digit)
{
	struct AFFINE t;

	if (digit > 0) {
		J(add_affine)(out, out, &table[digit / 2]);
	} else if (digit < 0) {
		A(neg)(&t, &table[-digit / 2]);
		J(add_affine)(out, out, &t);
	}
}

/* Sum of @n scalars times the points of whose odd multiples the tables are;
 * the doublings are shared */
static void sum_of_digits(struct JACOBI *out,
			  const struct AFFINE (*tables)[ODD],
			  const struct cdx_wnaf *digits, size_t n)
{
	unsigned top = 0;

	for (size_t i = 0; i < n; i++)
		if (digits[i].n > top)
			top = digits[i].n;
	memset(out, 0, sizeof(*out));
	for (unsigned at = top; at-- > 0;) {
		J(double)(out, out);
		for (size_t i = 0; i < n; i++)
			if (at < digits[i].n)
				add_digit(out, tables[i], digits[i].d[at]);
	}
}

/* k p, by the function of Jacobian points */
void A(mul)(struct JACOBI *out, const struct AFFINE *p, const struct cdx_fr *k)
{
	struct JACOBI t;

	J(from_affine)(&t, p);
	J(mul)(out, &t, k);
}
