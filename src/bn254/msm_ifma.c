/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/msm_sums.h"

#ifdef __x86_64__

#include <string.h>

#include "bn254/fq.h"

#define IFMA_BODY IFMA_CALL
#include "bn254/ifma_vector.h"

/*
 * Additions in sixteen lanes, two vectors at a time.
 *
 * A coordinate in a key file is x 2^256, and products here are divided by
 * 2^260.  4 x 2^256 and 2 y 2^256, which need shifts only, are x / 4 and y / 8
 * in the form a 2^260 that products keep: the point that corresponds to (x, y)
 * on the curve y^2 = x^3 + b / 64, by the map that multiplies x by u^2 and y by
 * u^3, u = 1/2.  The formulas of addition do not contain b, so they are the
 * same there.  That is a point's own form; coordinates are numbers below
 * 1.03 q, four limbs of 64 bits.
 *
 * Bounds of values are multiples of q.
 */
#define IFMA_MOD(x) ifma_q_##x
#define IFMA_NAME(x) x
#define IFMA_STREAMS 2
#include "bn254/ifma_field.h"
#include "bn254/ifma_lanes.h"

#define GROUP ((size_t)IFMA_STREAMS * IFMA_LANES)
#define BLOCK 64u /* bytes that are moved together: eight limbs */
#define BLOCK_WORDS 8u

/* Some lanes of both vectors */
struct lanes {
	__mmask8 m[IFMA_STREAMS];
};

/* 2^258 and 2^259 mod q, as they are: a product with them takes x and y to the
 * form of a key file */
static const uint64_t x_to_file[IFMA_LIMBS] = {0x482203dbf392d, 0x126eaa626a115,
					       0x63c052926242, 0xdc93e16a48076,
					       0x7c5909386ed};
static const uint64_t y_to_file[IFMA_LIMBS] = {0x904407b7e725a, 0x24dd54c4d422a,
					       0xc780a524c484, 0xb927c2d4900ec,
					       0xf8b21270ddb};
/* Any number but zero */
static const uint64_t something[IFMA_LIMBS] = {1};
static const uint64_t nought[IFMA_LIMBS] = {0};

/* Rows and columns of eight times eight are exchanged */
static IFMA_INLINE void transpose(__m512i v[IFMA_STREAMS][BLOCK_WORDS])
{
	__m512i t[IFMA_STREAMS][BLOCK_WORDS];

#define PAIR(i)                                                                \
	do {                                                                   \
		EACH(t[s][i] = _mm512_unpacklo_epi64(v[s][i], v[s][(i) + 1])); \
		EACH(t[s][(i) + 1] =                                           \
			     _mm512_unpackhi_epi64(v[s][i], v[s][(i) + 1]));   \
	} while (0)
/* Quarters 0 and 2 of a and b, and 1 and 3 */
#define QUARTERS(even, odd, a, b)                              \
	do {                                                   \
		EACH(even = _mm512_shuffle_i64x2(a, b, 0x88)); \
		EACH(odd = _mm512_shuffle_i64x2(a, b, 0xdd));  \
	} while (0)
	PAIR(0);
	PAIR(2);
	PAIR(4);
	PAIR(6);
	/* words 0 and 4, and 2 and 6; of rows 0 to 3, then 4 to 7 */
	QUARTERS(v[s][0], v[s][2], t[s][0], t[s][2]);
	QUARTERS(v[s][4], v[s][6], t[s][4], t[s][6]);
	QUARTERS(v[s][1], v[s][3], t[s][1], t[s][3]);
	QUARTERS(v[s][5], v[s][7], t[s][5], t[s][7]);
	QUARTERS(t[s][0], t[s][4], v[s][0], v[s][4]);
	QUARTERS(t[s][2], t[s][6], v[s][2], v[s][6]);
	QUARTERS(t[s][1], t[s][5], v[s][1], v[s][5]);
	QUARTERS(t[s][3], t[s][7], v[s][3], v[s][7]);
#undef PAIR
#undef QUARTERS
	EACH(memcpy(v[s], t[s], sizeof(t[s])));
}

/* Bytes @at and up of every lane's point, a lane's words in one lane */
static IFMA_INLINE void load_block(__m512i v[IFMA_STREAMS][BLOCK_WORDS],
				   const uint8_t *const p[GROUP], size_t at)
{
#define ROW_OF(i) EACH(v[s][i] = _mm512_loadu_si512(p[s * 8 + (i)] + at))
	ROW_OF(0);
	ROW_OF(1);
	ROW_OF(2);
	ROW_OF(3);
	ROW_OF(4);
	ROW_OF(5);
	ROW_OF(6);
	ROW_OF(7);
#undef ROW_OF
	transpose(v);
}

/* The way back */
static IFMA_INLINE void store_block(uint8_t *const p[GROUP], size_t at,
				    __m512i v[IFMA_STREAMS][BLOCK_WORDS])
{
	transpose(v);
#define ROW_OF(i) EACH(_mm512_storeu_si512(p[s * 8 + (i)] + at, v[s][i]))
	ROW_OF(0);
	ROW_OF(1);
	ROW_OF(2);
	ROW_OF(3);
	ROW_OF(4);
	ROW_OF(5);
	ROW_OF(6);
	ROW_OF(7);
#undef ROW_OF
}

/* (a | b) & IFMA_MASK */
static IFMA_INLINE __m512i limb(__m512i a, __m512i b)
{
	return _mm512_ternarylogic_epi64(a, b, bcast(IFMA_MASK), 0xa8);
}

/* Words @w to @w + 3 times 2^@up, @up at most 12, in limbs of 52 bits; a
 * number below 2^(256 - @up) */
static IFMA_INLINE void spread(struct fe *x,
			       __m512i v[IFMA_STREAMS][BLOCK_WORDS],
			       const unsigned w, const unsigned up)
{
	EACH(x->l[s][0] = low(_mm512_slli_epi64(v[s][w], up)));
	EACH(x->l[s][1] = limb(_mm512_srli_epi64(v[s][w], 52 - up),
			       _mm512_slli_epi64(v[s][w + 1], 12 + up)));
	EACH(x->l[s][2] = limb(_mm512_srli_epi64(v[s][w + 1], 40 - up),
			       _mm512_slli_epi64(v[s][w + 2], 24 + up)));
	EACH(x->l[s][3] = limb(_mm512_srli_epi64(v[s][w + 2], 28 - up),
			       _mm512_slli_epi64(v[s][w + 3], 36 + up)));
	EACH(x->l[s][4] = _mm512_srli_epi64(v[s][w + 3], 16 - up));
}

/* Limbs of 52 bits into words @w to @w + 3 */
static IFMA_INLINE void gather(__m512i v[IFMA_STREAMS][BLOCK_WORDS],
			       const unsigned w, const struct fe *x)
{
	__m512i t[IFMA_STREAMS][IFMA_WORDS];

	pack(t, x);
	EACH(v[s][w] = t[s][0]);
	EACH(v[s][w + 1] = t[s][1]);
	EACH(v[s][w + 2] = t[s][2]);
	EACH(v[s][w + 3] = t[s][3]);
}

/* Lanes whose limbs are all zero */
static IFMA_INLINE struct lanes nothing(const struct fe *x)
{
	struct lanes z;
	__m512i any[IFMA_STREAMS];

	EACH(any[s] = zero());
	EACH_LIMB(any[s] = _mm512_or_epi64(any[s], x->l[s][i]));
	EACH(z.m[s] = _mm512_testn_epi64_mask(any[s], any[s]));
	return z;
}

/* Lanes that are zero modulo q; limbs of 52 bits, below 2 q */
static IFMA_INLINE struct lanes zeros(const struct fe *x)
{
	struct lanes z = nothing(x);
	__m512i off[IFMA_STREAMS];

	EACH(off[s] = zero());
	EACH_LIMB(
		off[s] = _mm512_or_epi64(
			off[s], _mm512_xor_epi64(x->l[s][i],
						 bcast(IFMA_MOD(modulus)[i]))));
	EACH(z.m[s] |= _mm512_testn_epi64_mask(off[s], off[s]));
	return z;
}

/* In these lanes, out = a */
static IFMA_INLINE void choose(struct fe *out, struct lanes which,
			       const struct fe *a)
{
	EACH_LIMB(out->l[s][i] = _mm512_mask_mov_epi64(out->l[s][i], which.m[s],
						       a->l[s][i]));
}

/* In these lanes, y = 3 q - y; y in limbs of 52 bits, below 2 */
static IFMA_INLINE void change_signs(struct fe *y, struct lanes which)
{
	EACH_LIMB(y->l[s][i] = _mm512_mask_sub_epi64(
			  y->l[s][i], which.m[s],
			  bcast(3 * IFMA_MOD(modulus)[i] + IFMA_RAISE(i, 53)),
			  y->l[s][i]));
}

/*
 * The product of all lanes is inverted, and each lane gets its own inverse:
 * acc is ready, below 2, and becomes below 1.  Returns false, and leaves it,
 * when there is a zero among them.  In memory there are a 2^260, which as a
 * cdx_fq is 16 a: the inverse of all is that of 16 a and is to be 1 / a in the
 * same form, so 256 times as much.
 */
static IFMA_CALL bool invert(struct fe *acc)
{
	struct cdx_fq value[GROUP];
	struct cdx_fq before[GROUP];
	struct cdx_fq all = cdx_fq_one;
	struct cdx_fq t;
	struct fe x = *acc;

	EACH_LIMB(x.l[s][i] = low(x.l[s][i]));
	canonical(&x);
	store_run(value, &x);
	for (size_t i = 0; i < GROUP; i++) {
		before[i] = all;
		cdx_fq_mul(&all, &all, &value[i]);
	}
	if (cdx_fq_is_zero(&all))
		return false;
	cdx_fq_inv(&all, &all);
	cdx_fq_from_u64(&t, 256);
	cdx_fq_mul(&all, &all, &t);
	for (size_t i = GROUP; i-- > 0;) {
		cdx_fq_mul(&t, &all, &value[i]);
		cdx_fq_mul(&value[i], &all, &before[i]);
		all = t;
	}
	load_run(acc, value);
	return true;
}

/* a & ~b */
static IFMA_INLINE struct lanes but_not(struct lanes a, struct lanes b)
{
	EACH(a.m[s] &= (__mmask8)~b.m[s]);
	return a;
}

static IFMA_INLINE struct lanes both(struct lanes a, struct lanes b)
{
	EACH(a.m[s] &= b.m[s]);
	return a;
}

static IFMA_INLINE struct lanes either(struct lanes a, struct lanes b)
{
	EACH(a.m[s] |= b.m[s]);
	return a;
}

/* Coordinates in G1 are single elements */

/* a a; @a raw, below 5, out raw */
static IFMA_INLINE void square(struct fe *out, const struct fe *a)
{
	struct fe t = *a;

	ready(&t);
	sqr(out, &t);
}

/* a b + init; @a and out raw, @b ready */
static IFMA_INLINE void product(struct fe *out, const struct fe *a,
				const struct fe *b, const struct fe *init)
{
	struct fe t = *a;

	ready(&t);
	mul(out, &t, b, init);
}

/* What is inverted for a division by @a: itself; ready */
static IFMA_INLINE void norm(struct fe *out, const struct fe *a)
{
	*out = *a;
	ready(out);
}

/* dy / dx, with the inverse of dx's norm; @dy and out raw, below 1.1 */
static IFMA_INLINE void slope(struct fe *out, const struct fe *dy,
			      const struct fe *dx, const struct fe *inv)
{
	(void)dx;
	product(out, dy, inv, NULL);
}

/* To the form of a file: @x below 1.1, and @by one of the factors above */
static IFMA_INLINE void scale(struct fe *x, const uint64_t by[IFMA_LIMBS])
{
	struct fe t;

	set(&t, by);
	product(x, x, &t, NULL);
	canonical(x);
}

static IFMA_INLINE void load(struct fe *x, struct fe *y,
			     const uint8_t *const p[GROUP], bool file)
{
	__m512i v[IFMA_STREAMS][BLOCK_WORDS];

	load_block(v, p, 0);
	spread(x, v, 0, file ? 2 : 0);
	spread(y, v, 4, file ? 1 : 0);
}

static IFMA_INLINE void store(uint8_t *const p[GROUP], const struct fe *x,
			      const struct fe *y)
{
	__m512i v[IFMA_STREAMS][BLOCK_WORDS];

	gather(v, 0, x);
	gather(v, 4, y);
	store_block(p, 0, v);
}

#define EL struct fe
#define EL_NAME(x) x
#define NAME(x) x##_g1
#define KEEP_DX false
#define POINT_BYTES ((size_t)BLOCK)
#include "bn254/msm_ifma.h"
#undef EL
#undef EL_NAME
#undef NAME
#undef KEEP_DX
#undef POINT_BYTES

/* Those in G2 have two, c0 + c1 u with u u = -1: what is above, for these */
struct fe2 {
	struct fe c0;
	struct fe c1;
};

static IFMA_INLINE void plus_2(struct fe2 *out, const struct fe2 *a,
			       const struct fe2 *b)
{
	plus(&out->c0, &a->c0, &b->c0);
	plus(&out->c1, &a->c1, &b->c1);
}

static IFMA_INLINE void minus_2(struct fe2 *out, const struct fe2 *a,
				const struct fe2 *b, const uint64_t times)
{
	minus(&out->c0, &a->c0, &b->c0, times);
	minus(&out->c1, &a->c1, &b->c1, times);
}

static IFMA_INLINE void negative_2(struct fe2 *out, const struct fe2 *a,
				   const uint64_t times)
{
	negative(&out->c0, &a->c0, times);
	negative(&out->c1, &a->c1, times);
}

static IFMA_INLINE void ready_2(struct fe2 *x)
{
	ready(&x->c0);
	ready(&x->c1);
}

static IFMA_INLINE void shrink_2(struct fe2 *x)
{
	shrink(&x->c0);
	shrink(&x->c1);
}

static IFMA_INLINE void set_2(struct fe2 *out, const uint64_t v[IFMA_LIMBS])
{
	set(&out->c0, v);
	EACH_LIMB(out->c1.l[s][i] = zero());
}

static IFMA_INLINE void change_signs_2(struct fe2 *y, struct lanes which)
{
	change_signs(&y->c0, which);
	change_signs(&y->c1, which);
}

static IFMA_INLINE void choose_2(struct fe2 *out, struct lanes which,
				 const struct fe2 *a)
{
	choose(&out->c0, which, &a->c0);
	choose(&out->c1, which, &a->c1);
}

static IFMA_INLINE struct lanes zeros_2(const struct fe2 *x)
{
	return both(zeros(&x->c0), zeros(&x->c1));
}

static IFMA_INLINE struct lanes nothing_2(const struct fe2 *x)
{
	return both(nothing(&x->c0), nothing(&x->c1));
}

/* (a0 + a1) (a0 - a1) + 2 a0 a1 u; below 1.9 for @a below 4, 1.2 below 1.3 */
static IFMA_INLINE void square_2(struct fe2 *out, const struct fe2 *a)
{
	struct fe sum;
	struct fe less;
	struct fe twice;

	plus(&sum, &a->c0, &a->c1);
	ready(&sum);
	minus(&less, &a->c0, &a->c1, 5);
	ready(&less);
	plus(&twice, &a->c1, &a->c1);
	ready(&twice);
	product(&out->c1, &a->c0, &twice, NULL);
	mul(&out->c0, &sum, &less, NULL);
}

/* Below (a0 + 2) b / 84.6 + 1.01 + init; @a below 2 - 2^-39 */
static IFMA_INLINE void product_2(struct fe2 *out, const struct fe2 *a,
				  const struct fe2 *b, const struct fe2 *init)
{
	struct fe2 x = *a;
	struct fe neg;

	negative(&neg, &a->c1, 2);
	ready(&neg);
	ready_2(&x);
	mul2(&out->c0, &x.c0, &b->c0, &neg, &b->c1, &init->c0);
	mul2(&out->c1, &x.c0, &b->c1, &x.c1, &b->c0, &init->c1);
}

/* a0^2 + a1^2, below 3 for @a below 9.1 */
static IFMA_INLINE void norm_2(struct fe *out, const struct fe2 *a)
{
	struct fe2 x = *a;

	ready_2(&x);
	mul2(out, &x.c0, &x.c0, &x.c1, &x.c1, NULL);
	ready(out);
}

/* dy (dx0 - dx1 u) / norm; below 1.3 for @dy below 7.1, @dx below 9.1 */
static IFMA_INLINE void slope_2(struct fe2 *out, const struct fe2 *dy,
				const struct fe2 *dx, const struct fe *inv)
{
	struct fe2 y = *dy;
	struct fe2 e; /* (dx0 + dx1 u) / norm, below 1.2 */
	struct fe neg;

	product(&e.c0, &dx->c0, inv, NULL);
	product(&e.c1, &dx->c1, inv, NULL);
	negative(&neg, &e.c1, 2);
	ready(&neg);
	ready_2(&e);
	ready_2(&y);
	mul2(&out->c0, &y.c0, &e.c0, &y.c1, &e.c1, NULL);
	mul2(&out->c1, &y.c1, &e.c0, &y.c0, &neg, NULL);
}

static IFMA_INLINE void load_2(struct fe2 *x, struct fe2 *y,
			       const uint8_t *const p[GROUP], bool file)
{
	__m512i v[IFMA_STREAMS][BLOCK_WORDS];

	load_block(v, p, 0);
	spread(&x->c0, v, 0, file ? 2 : 0);
	spread(&x->c1, v, 4, file ? 2 : 0);
	load_block(v, p, BLOCK);
	spread(&y->c0, v, 0, file ? 1 : 0);
	spread(&y->c1, v, 4, file ? 1 : 0);
}

static IFMA_INLINE void store_2(uint8_t *const p[GROUP], const struct fe2 *x,
				const struct fe2 *y)
{
	__m512i v[IFMA_STREAMS][BLOCK_WORDS];

	gather(v, 0, &x->c0);
	gather(v, 4, &x->c1);
	store_block(p, 0, v);
	gather(v, 0, &y->c0);
	gather(v, 4, &y->c1);
	store_block(p, BLOCK, v);
}

/* To the form of a file */
static IFMA_INLINE void scale_2(struct fe2 *x, const uint64_t by[IFMA_LIMBS])
{
	scale(&x->c0, by);
	scale(&x->c1, by);
}

#define EL struct fe2
#define EL_NAME(x) x##_2
#define NAME(x) x##_g2
#define KEEP_DX true /* for slope_2 */
#define POINT_BYTES ((size_t)2 * BLOCK)
#include "bn254/msm_ifma.h"

#endif
