/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/tower.h"

const struct cdx_gt cdx_gt_one = {
	.c0.c0.c0 = {{UINT64_C(0xd35d438dc58f0d9d),
		      UINT64_C(0x0a78eb28f5c70b3d),
		      UINT64_C(0x666ea36f7879462c),
		      UINT64_C(0x0e0a77c19a07df2f)}},
};

/* xi^(i (q^k - 1) / 6), in row k - 1 and column i - 1: w^(i q^k) is w^i times
 * this.  Those of k = 2 are in Fq. */
/* clang-format off */
static const struct cdx_fq2 frobenius[3][5] = {
	{
		{{{UINT64_C(0xaf9ba69633144907), UINT64_C(0xca6b1d7387afb78a), UINT64_C(0x11bded5ef08a2087), UINT64_C(0x02f34d751a1f3a7c)}},
		 {{UINT64_C(0xa222ae234c492d72), UINT64_C(0xd00f02a4565de15b), UINT64_C(0xdc2ff3a253dfc926), UINT64_C(0x10a75716b3899551)}}},
		{{{UINT64_C(0xb5773b104563ab30), UINT64_C(0x347f91c8a9aa6454), UINT64_C(0x7a007127242e0991), UINT64_C(0x1956bcd8118214ec)}},
		 {{UINT64_C(0x6e849f1ea0aa4757), UINT64_C(0xaa1c7b6d89f89141), UINT64_C(0xb6e713cdfae0ca3a), UINT64_C(0x26694fbb4e82ebc3)}}},
		{{{UINT64_C(0xe4bbdd0c2936b629), UINT64_C(0xbb30f162e133bacb), UINT64_C(0x31a9d1b6f9645366), UINT64_C(0x253570bea500f8dd)}},
		 {{UINT64_C(0xa1d77ce45ffe77c7), UINT64_C(0x07affd117826d1db), UINT64_C(0x6d16bd27bb7edc6b), UINT64_C(0x2c87200285defecc)}}},
		{{{UINT64_C(0x7361d77f843abe92), UINT64_C(0xa5bb2bd3273411fb), UINT64_C(0x9c941f314b3e2399), UINT64_C(0x15df9cddbb9fd3ec)}},
		 {{UINT64_C(0x5dddfd154bd8c949), UINT64_C(0x62cb29a5a4445b60), UINT64_C(0x37bc870a0c7dd2b9), UINT64_C(0x24830a9d3171f0fd)}}},
		{{{UINT64_C(0xc970692f41690fe7), UINT64_C(0xe240342127694b0b), UINT64_C(0x32bee66b83c459e8), UINT64_C(0x12aabced0ab08841)}},
		 {{UINT64_C(0x0d485d2340aebfa9), UINT64_C(0x05193418ab2fcc57), UINT64_C(0xd3b0a40b8a4910f5), UINT64_C(0x2f21ebb535d2925a)}}},
	},
	{
		{{{UINT64_C(0xca8d800500fa1bf2), UINT64_C(0xf0c5d61468b39769), UINT64_C(0x0e201271ad0d4418), UINT64_C(0x04290f65bad856e6)}},
		 {{UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000)}}},
		{{{UINT64_C(0x3350c88e13e80b9c), UINT64_C(0x7dce557cdb5e56b9), UINT64_C(0x6001b4b8b615564a), UINT64_C(0x2682e617020217e0)}},
		 {{UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000)}}},
		{{{UINT64_C(0x68c3488912edefaa), UINT64_C(0x8d087f6872aabf4f), UINT64_C(0x51e1a24709081231), UINT64_C(0x2259d6b14729c0fa)}},
		 {{UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000)}}},
		{{{UINT64_C(0x71930c11d782e155), UINT64_C(0xa6bb947cffbe3323), UINT64_C(0xaa303344d4741444), UINT64_C(0x2c3b3f0d26594943)}},
		 {{UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000)}}},
		{{{UINT64_C(0x08cfc388c494f1ab), UINT64_C(0x19b315148d1373d4), UINT64_C(0x584e90fdcb6c0213), UINT64_C(0x09e1685bdf2f8849)}},
		 {{UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000), UINT64_C(0x0000000000000000)}}},
	},
	{
		{{{UINT64_C(0x365316184e46d97d), UINT64_C(0x0af7129ed4c96d9f), UINT64_C(0x659da72fca1009b5), UINT64_C(0x08116d8983a20d23)}},
		 {{UINT64_C(0xb1df4af7c39c1939), UINT64_C(0x3d9f02878a73bf7f), UINT64_C(0x9b2220928caf0ae0), UINT64_C(0x26684515eff054a6)}}},
		{{{UINT64_C(0xc9af22f716ad6bad), UINT64_C(0xb311782a4aa662b2), UINT64_C(0x19eeaf64e248c7f4), UINT64_C(0x20273e77e3439f82)}},
		 {{UINT64_C(0xacc02860f7ce93ac), UINT64_C(0x3933d5817ba76b4c), UINT64_C(0x69e6188b446c8467), UINT64_C(0x0a46036d4417cc55)}}},
		{{{UINT64_C(0x5764af0aaf46471e), UINT64_C(0xdc50792e873e0fc1), UINT64_C(0x86a673ff881d04f6), UINT64_C(0x0b2eddb43c30a74c)}},
		 {{UINT64_C(0x9a490f32787e8580), UINT64_C(0x8fd16d7ff04af8b1), UINT64_C(0x4b39888ec6027bf2), UINT64_C(0x03dd2e705b52a15d)}}},
		{{{UINT64_C(0x448a93a57b6762df), UINT64_C(0xbfd62df528fdeadf), UINT64_C(0xd858f5d00e9bd47a), UINT64_C(0x06b03d4d3476ec58)}},
		 {{UINT64_C(0x2b19daf4bcc936d1), UINT64_C(0xa1a54e7a56f4299f), UINT64_C(0xb533eee05adeaef1), UINT64_C(0x170c812b84dda0b2)}}},
		{{{UINT64_C(0xe0bc4b2275cf559f), UINT64_C(0xc238b945c154e60f), UINT64_C(0x803982a5929a7d5e), UINT64_C(0x15ce052df7e4a37e)}},
		 {{UINT64_C(0x2d28efbdbf3799a7), UINT64_C(0x9b097e3c1ad60773), UINT64_C(0x982d4113af4a535b), UINT64_C(0x24e18991e3056063)}}},
	},
};
/* clang-format on */

void cdx_fq6_add(struct cdx_fq6 *out, const struct cdx_fq6 *a,
		 const struct cdx_fq6 *b)
{
	cdx_fq2_add(&out->c0, &a->c0, &b->c0);
	cdx_fq2_add(&out->c1, &a->c1, &b->c1);
	cdx_fq2_add(&out->c2, &a->c2, &b->c2);
}

void cdx_fq6_sub(struct cdx_fq6 *out, const struct cdx_fq6 *a,
		 const struct cdx_fq6 *b)
{
	cdx_fq2_sub(&out->c0, &a->c0, &b->c0);
	cdx_fq2_sub(&out->c1, &a->c1, &b->c1);
	cdx_fq2_sub(&out->c2, &a->c2, &b->c2);
}

void cdx_fq6_neg(struct cdx_fq6 *out, const struct cdx_fq6 *a)
{
	cdx_fq2_neg(&out->c0, &a->c0);
	cdx_fq2_neg(&out->c1, &a->c1);
	cdx_fq2_neg(&out->c2, &a->c2);
}

/* a0 b1 + a1 b0 = (a0 + a1) (b0 + b1) - st, for st = a0 b0 + a1 b1 */
static void cross(struct cdx_fq2 *out, const struct cdx_fq2 *a0,
		  const struct cdx_fq2 *a1, const struct cdx_fq2 *b0,
		  const struct cdx_fq2 *b1, const struct cdx_fq2 *st)
{
	struct cdx_fq2 x;
	struct cdx_fq2 y;

	cdx_fq2_add(&x, a0, a1);
	cdx_fq2_add(&y, b0, b1);
	cdx_fq2_mul(&x, &x, &y);
	cdx_fq2_sub(out, &x, st);
}

/* Karatsuba: six products */
void cdx_fq6_mul(struct cdx_fq6 *out, const struct cdx_fq6 *a,
		 const struct cdx_fq6 *b)
{
	struct cdx_fq2 d0;
	struct cdx_fq2 d1;
	struct cdx_fq2 d2;
	struct cdx_fq2 s;
	struct cdx_fq2 x01;
	struct cdx_fq2 x02;
	struct cdx_fq2 x12;

	cdx_fq2_mul(&d0, &a->c0, &b->c0);
	cdx_fq2_mul(&d1, &a->c1, &b->c1);
	cdx_fq2_mul(&d2, &a->c2, &b->c2);
	cdx_fq2_add(&s, &d0, &d1);
	cross(&x01, &a->c0, &a->c1, &b->c0, &b->c1, &s);
	cdx_fq2_add(&s, &d0, &d2);
	cross(&x02, &a->c0, &a->c2, &b->c0, &b->c2, &s);
	cdx_fq2_add(&s, &d1, &d2);
	cross(&x12, &a->c1, &a->c2, &b->c1, &b->c2, &s);
	cdx_fq2_mul_xi(&x12, &x12);
	cdx_fq2_add(&out->c0, &d0, &x12);
	cdx_fq2_mul_xi(&d2, &d2);
	cdx_fq2_add(&out->c1, &x01, &d2);
	cdx_fq2_add(&out->c2, &x02, &d1);
}

void cdx_fq6_mul_v(struct cdx_fq6 *out, const struct cdx_fq6 *a)
{
	struct cdx_fq2 t;

	cdx_fq2_mul_xi(&t, &a->c2);
	out->c2 = a->c1;
	out->c1 = a->c0;
	out->c0 = t;
}

/*
 * With the other two conjugates over Fq2 (v times cube roots of one): their
 * product is t0 + t1 v + t2 v^2 for t as below, and the norm is in Fq2.
 */
void cdx_fq6_inv(struct cdx_fq6 *out, const struct cdx_fq6 *a)
{
	struct cdx_fq2 t0;
	struct cdx_fq2 t1;
	struct cdx_fq2 t2;
	struct cdx_fq2 n;
	struct cdx_fq2 s;

	cdx_fq2_sqr(&t0, &a->c0); /* t0 = a0^2 - xi a1 a2 */
	cdx_fq2_mul(&s, &a->c1, &a->c2);
	cdx_fq2_mul_xi(&s, &s);
	cdx_fq2_sub(&t0, &t0, &s);
	cdx_fq2_sqr(&t1, &a->c2); /* t1 = xi a2^2 - a0 a1 */
	cdx_fq2_mul_xi(&t1, &t1);
	cdx_fq2_mul(&s, &a->c0, &a->c1);
	cdx_fq2_sub(&t1, &t1, &s);
	cdx_fq2_sqr(&t2, &a->c1); /* t2 = a1^2 - a0 a2 */
	cdx_fq2_mul(&s, &a->c0, &a->c2);
	cdx_fq2_sub(&t2, &t2, &s);
	cdx_fq2_mul(&n, &a->c2, &t1); /* a0 t0 + xi (a2 t1 + a1 t2) */
	cdx_fq2_mul(&s, &a->c1, &t2);
	cdx_fq2_add(&n, &n, &s);
	cdx_fq2_mul_xi(&n, &n);
	cdx_fq2_mul(&s, &a->c0, &t0);
	cdx_fq2_add(&n, &n, &s);
	cdx_fq2_inv(&n, &n);
	cdx_fq2_mul(&out->c0, &t0, &n);
	cdx_fq2_mul(&out->c1, &t1, &n);
	cdx_fq2_mul(&out->c2, &t2, &n);
}

void cdx_gt_mul(struct cdx_gt *out, const struct cdx_gt *a,
		const struct cdx_gt *b)
{
	struct cdx_fq6 d0;
	struct cdx_fq6 d1;
	struct cdx_fq6 s;
	struct cdx_fq6 t;

	cdx_fq6_mul(&d0, &a->c0, &b->c0);
	cdx_fq6_mul(&d1, &a->c1, &b->c1);
	cdx_fq6_add(&s, &a->c0, &a->c1);
	cdx_fq6_add(&t, &b->c0, &b->c1);
	cdx_fq6_mul(&s, &s, &t);
	cdx_fq6_sub(&s, &s, &d0);
	cdx_fq6_sub(&out->c1, &s, &d1);
	cdx_fq6_mul_v(&d1, &d1);
	cdx_fq6_add(&out->c0, &d0, &d1);
}

/* a0^2 + a1^2 v = (a0 + a1) (a0 + a1 v) - a0 a1 - a0 a1 v */
void cdx_gt_sqr(struct cdx_gt *out, const struct cdx_gt *a)
{
	struct cdx_fq6 s;
	struct cdx_fq6 t;
	struct cdx_fq6 p;

	cdx_fq6_add(&s, &a->c0, &a->c1);
	cdx_fq6_mul_v(&t, &a->c1);
	cdx_fq6_add(&t, &t, &a->c0);
	cdx_fq6_mul(&p, &a->c0, &a->c1);
	cdx_fq6_mul(&s, &s, &t);
	cdx_fq6_sub(&s, &s, &p);
	cdx_fq6_add(&out->c1, &p, &p);
	cdx_fq6_mul_v(&p, &p);
	cdx_fq6_sub(&out->c0, &s, &p);
}

void cdx_gt_conj(struct cdx_gt *out, const struct cdx_gt *a)
{
	out->c0 = a->c0;
	cdx_fq6_neg(&out->c1, &a->c1);
}

/* conj(a) / (a0^2 - v a1^2) */
void cdx_gt_inv(struct cdx_gt *out, const struct cdx_gt *a)
{
	struct cdx_fq6 n;
	struct cdx_fq6 t;

	cdx_fq6_mul(&n, &a->c0, &a->c0);
	cdx_fq6_mul(&t, &a->c1, &a->c1);
	cdx_fq6_mul_v(&t, &t);
	cdx_fq6_sub(&n, &n, &t);
	cdx_fq6_inv(&n, &n);
	cdx_fq6_mul(&out->c0, &a->c0, &n);
	cdx_fq6_mul(&t, &a->c1, &n);
	cdx_fq6_neg(&out->c1, &t);
}

/* a^(q^power) in Fq2, times @k */
static void raise(struct cdx_fq2 *out, const struct cdx_fq2 *a, unsigned power,
		  const struct cdx_fq2 *k)
{
	struct cdx_fq2 t;

	if (power == 2) {
		cdx_fq2_mul_fq(out, a, &k->c0);
		return;
	}
	cdx_fq2_conj(&t, a);
	cdx_fq2_mul(out, &t, k);
}

void cdx_gt_frobenius(struct cdx_gt *out, const struct cdx_gt *a,
		      unsigned power)
{
	const struct cdx_fq2 *k = frobenius[power - 1];

	raise(&out->c0.c0, &a->c0.c0, power, &cdx_fq2_one);
	raise(&out->c1.c0, &a->c1.c0, power, &k[0]);
	raise(&out->c0.c1, &a->c0.c1, power, &k[1]);
	raise(&out->c1.c1, &a->c1.c1, power, &k[2]);
	raise(&out->c0.c2, &a->c0.c2, power, &k[3]);
	raise(&out->c1.c2, &a->c1.c2, power, &k[4]);
}

/* (a + b s)^2 for s^2 = xi: a^2 + xi b^2, and (a + b)^2 - a^2 - b^2 */
static void sqr_fq4(struct cdx_fq2 *re, struct cdx_fq2 *im,
		    const struct cdx_fq2 *a, const struct cdx_fq2 *b)
{
	struct cdx_fq2 aa;
	struct cdx_fq2 bb;

	cdx_fq2_add(im, a, b);
	cdx_fq2_sqr(im, im);
	cdx_fq2_sqr(&aa, a);
	cdx_fq2_sqr(&bb, b);
	cdx_fq2_sub(im, im, &aa);
	cdx_fq2_sub(im, im, &bb);
	cdx_fq2_mul_xi(&bb, &bb);
	cdx_fq2_add(re, &aa, &bb);
}

/* out = 3 t - 2 a */
static void less_twice(struct cdx_fq2 *out, const struct cdx_fq2 *t,
		       const struct cdx_fq2 *a)
{
	struct cdx_fq2 s;

	cdx_fq2_sub(&s, t, a);
	cdx_fq2_add(&s, &s, &s);
	cdx_fq2_add(out, &s, t);
}

/* out = 3 t + 2 a */
static void more_twice(struct cdx_fq2 *out, const struct cdx_fq2 *t,
		       const struct cdx_fq2 *a)
{
	struct cdx_fq2 s;

	cdx_fq2_add(&s, t, a);
	cdx_fq2_add(&s, &s, &s);
	cdx_fq2_add(out, &s, t);
}

/*
 * R. Granger, M. Scott, "Faster Squaring in the Cyclotomic Subgroup of Sixth
 * Degree Extensions", 2010, 3.2: with a = A + B w + C w^2, its parts in
 * Fq4 = Fq2[w^3],
 *	a^2 = 3 A^2 - 2 conj(A) + (3 s C^2 + 2 conj(B)) w
 *	      + (3 B^2 - 2 conj(C)) w^2
 * where s = w^3 and conj changes its sign.
 */
void cdx_gt_sqr_cyclotomic(struct cdx_gt *out, const struct cdx_gt *a)
{
	struct cdx_fq2 re;
	struct cdx_fq2 im;
	struct cdx_fq2 re_b;
	struct cdx_fq2 im_b;

	sqr_fq4(&re, &im, &a->c0.c0, &a->c1.c1); /* A = 1 and w^3 */
	less_twice(&out->c0.c0, &re, &a->c0.c0);
	more_twice(&out->c1.c1, &im, &a->c1.c1);
	sqr_fq4(&re_b, &im_b, &a->c1.c0, &a->c0.c2); /* B = w and w^4 */
	sqr_fq4(&re, &im, &a->c0.c1, &a->c1.c2);     /* C = w^2 and w^5 */
	cdx_fq2_mul_xi(&im, &im);
	more_twice(&out->c1.c0, &im, &a->c1.c0);
	less_twice(&out->c0.c2, &re, &a->c0.c2);
	less_twice(&out->c0.c1, &re_b, &a->c0.c1);
	more_twice(&out->c1.c2, &im_b, &a->c1.c2);
}

/* a * (b + c v): five products */
static void mul_sparse(struct cdx_fq6 *out, const struct cdx_fq6 *a,
		       const struct cdx_fq2 *b, const struct cdx_fq2 *c)
{
	struct cdx_fq2 d0;
	struct cdx_fq2 d1;
	struct cdx_fq2 s;
	struct cdx_fq2 t;

	cdx_fq2_mul(&d0, &a->c0, b);
	cdx_fq2_mul(&d1, &a->c1, c);
	cdx_fq2_add(&s, &d0, &d1);
	cross(&s, &a->c0, &a->c1, b, c, &s);
	cdx_fq2_mul(&t, &a->c2, b);
	cdx_fq2_mul(&out->c0, &a->c2, c);
	cdx_fq2_mul_xi(&out->c0, &out->c0);
	cdx_fq2_add(&out->c0, &out->c0, &d0);
	out->c1 = s;
	cdx_fq2_add(&out->c2, &t, &d1);
}

void cdx_gt_mul_line(struct cdx_gt *f, const struct cdx_fq2 *b,
		     const struct cdx_fq2 *c)
{
	struct cdx_fq6 s;
	struct cdx_fq6 t;

	mul_sparse(&s, &f->c1, b, c);
	cdx_fq6_mul_v(&s, &s);
	mul_sparse(&t, &f->c0, b, c);
	cdx_fq6_add(&f->c0, &f->c0, &s);
	cdx_fq6_add(&f->c1, &f->c1, &t);
}

bool cdx_gt_equal(const struct cdx_gt *a, const struct cdx_gt *b)
{
	return cdx_fq2_equal(&a->c0.c0, &b->c0.c0) &&
	       cdx_fq2_equal(&a->c0.c1, &b->c0.c1) &&
	       cdx_fq2_equal(&a->c0.c2, &b->c0.c2) &&
	       cdx_fq2_equal(&a->c1.c0, &b->c1.c0) &&
	       cdx_fq2_equal(&a->c1.c1, &b->c1.c1) &&
	       cdx_fq2_equal(&a->c1.c2, &b->c1.c2);
}

bool cdx_gt_is_one(const struct cdx_gt *a)
{
	return cdx_gt_equal(a, &cdx_gt_one);
}
