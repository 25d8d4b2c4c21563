/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/ntt_internal.h"

#ifdef __x86_64__

#ifndef __clang__
#pragma GCC optimize("schedule-insns") /* as in poseidon2_ifma.c */
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bn254/ntt_ifma.h"

/*
 * The transforms in eight lanes: see struct cdx_ntt for the steps.
 *
 * A vector has eight consecutive elements, in the order that load_run gives.
 * Steps between elements that are 8 or more apart are steps between vectors;
 * the three smallest are done in the middle, where eight vectors at a time have
 * their elements and lanes exchanged.
 *
 * Transforms are linear: what is in memory, a 2^256, is transformed as the
 * number that it is, and only the roots have the form of the vector code.
 *
 * Bounds, as multiples of r: down starts with less than 1 and every half step
 * adds at most 2, because a product is below 2 when its factor is below 83:
 * 1 + 2 * 27 in the end.  The middle makes that less than 2, and up goes on
 * like down.  Numbers in scratch are raw: limbs 0 to 3 are not negative and
 * grow by at most 2^57 + 2^54 at a half step, which they can 54 times, and
 * limb 4 may be negative until the lower ones are carried into it.
 *
 * Memory: two layers of steps are done at a time, and the first and last two
 * with reading and writing the caller's elements.  All in between, down and up
 * again, is done for a piece that fits the L2 cache before the next one, and in
 * the same way for pieces of that in L1.
 */
#define L1_VECTORS ((size_t)64)	  /* 20 KiB */
#define L2_VECTORS ((size_t)4096) /* 1.25 MiB */

/* Limbs for a difference: 2 r with so much in the lower limbs, and as much less
 * in the next ones, that what is taken off, below 2^57, leaves them positive */
#define SPREAD (UINT64_C(1) << 57)
#define SPREAD_UP (UINT64_C(1) << 5) /* SPREAD in the next limb */
#define TWICE(i)                                          \
	(2 * ifma_r_modulus[i] + ((i) < 4 ? SPREAD : 0) - \
	 ((i) > 0 ? SPREAD_UP : 0))

/* Element number @i of a table, in all lanes */
static IFMA_INLINE void pick(struct fe *out, const struct fe *table, size_t i)
{
	const uint64_t *p = (const uint64_t *)&table[i / IFMA_LANES] +
			    place[i % IFMA_LANES];
	const uint64_t v[IFMA_LIMBS] = {p[0], p[8], p[16], p[24], p[32]};

	set(out, v);
}

/* (a, b) -> (a + b, a - b); b below 2, its limbs below 2^57 */
static IFMA_INLINE void cross(struct fe *a, struct fe *b)
{
	struct fe sum;

	plus(&sum, a, b);
	EACH(CHECK_MAX(b->l[s][4], 2 * ifma_r_modulus[4] + 1));
	EACH_LIMB(CHECK_MAX(b->l[s][i], SPREAD));
	EACH_LIMB(b->l[s][i] = add(a->l[s][i], _mm512_sub_epi64(bcast(TWICE(i)),
								b->l[s][i])));
	*a = sum;
}

/* (a, b) -> (a + x b, a - x b); @x below 1 */
static IFMA_INLINE void half_step(struct fe *a, struct fe *b,
				  const struct fe *x)
{
	ready(b);
	mul(b, b, x, NULL);
	cross(a, b);
}

/* Two layers: @x is 4 * @step vectors, block number @block of those that the
 * first layer halves */
static IFMA_CALL void down_two(const struct ntt_vectors *v, struct fe *x,
			       size_t step, size_t block)
{
	struct fe c[3];

	pick(&c[0], v->down, block);
	pick(&c[1], v->down, 2 * block);
	pick(&c[2], v->down, 2 * block + 1);
	for (size_t j = 0; j < step; j++, x++) {
		half_step(&x[0], &x[2 * step], &c[0]);
		half_step(&x[step], &x[3 * step], &c[0]);
		half_step(&x[0], &x[step], &c[1]);
		half_step(&x[2 * step], &x[3 * step], &c[2]);
	}
}

/* One layer: @x is 2 * @step vectors */
static IFMA_CALL void down_one(const struct ntt_vectors *v, struct fe *x,
			       size_t step, size_t block)
{
	struct fe c;

	pick(&c, v->down, block);
	for (size_t j = 0; j < step; j++, x++)
		half_step(&x[0], &x[step], &c);
}

/* The layers that take blocks of @count vectors to blocks of @to, for the one
 * that begins at vector @at */
static void down_layers(const struct ntt_vectors *v, struct fe *x, size_t at,
			size_t count, size_t to)
{
	size_t size = count;

	for (; size >= 4 * to; size /= 4)
		for (size_t i = at; i < at + count; i += size)
			down_two(v, x + i, size / 4, i / size);
	if (size > to)
		for (size_t i = at; i < at + count; i += size)
			down_one(v, x + i, size / 2, i / size);
}

/* Two layers on 4 * @step vectors */
static IFMA_CALL void up_two(const struct ntt_vectors *v, struct fe *x,
			     size_t step)
{
	const struct fe *c = v->up + step;

	for (size_t j = 0; j < step; j++, x++, c++) {
		half_step(&x[0], &x[step], &c[0]);
		half_step(&x[2 * step], &x[3 * step], &c[0]);
		half_step(&x[0], &x[2 * step], &c[step]);
		half_step(&x[step], &x[3 * step], &c[2 * step]);
	}
}

/* One layer on 2 * @step vectors */
static IFMA_CALL void up_one(const struct ntt_vectors *v, struct fe *x,
			     size_t step)
{
	for (size_t j = 0; j < step; j++, x++)
		half_step(&x[0], &x[step], &v->up[step + j]);
}

/* The layers that take blocks of @from vectors to one of @count, at @x */
static void up_layers(const struct ntt_vectors *v, struct fe *x, size_t from,
		      size_t count)
{
	size_t size = from;

	for (; 4 * size <= count; size *= 4)
		for (size_t i = 0; i < count; i += 4 * size)
			up_two(v, x + i, size);
	if (size < count)
		up_one(v, x, size);
}

/* Rows become columns: of eight vectors, lane number j becomes vector j */
static IFMA_INLINE void exchange_limb(struct fe x[IFMA_LANES], size_t limb)
{
	__m512i r[IFMA_LANES];

	for (size_t j = 0; j < IFMA_LANES; j += 2) {
		const __m512i a = x[j].l[0][limb];
		const __m512i b = x[j + 1].l[0][limb];

		r[j] = _mm512_unpacklo_epi64(a, b);
		r[j + 1] = _mm512_unpackhi_epi64(a, b);
	}
	for (size_t j = 0; j < 2; j++) {
		const __m512i a = _mm512_shuffle_i64x2(r[j], r[j + 2], 0x88);
		const __m512i b = _mm512_shuffle_i64x2(r[j], r[j + 2], 0xdd);
		const __m512i c =
			_mm512_shuffle_i64x2(r[j + 4], r[j + 6], 0x88);
		const __m512i d =
			_mm512_shuffle_i64x2(r[j + 4], r[j + 6], 0xdd);

		x[j].l[0][limb] = _mm512_shuffle_i64x2(a, c, 0x88);
		x[j + 2].l[0][limb] = _mm512_shuffle_i64x2(b, d, 0x88);
		x[j + 4].l[0][limb] = _mm512_shuffle_i64x2(a, c, 0xdd);
		x[j + 6].l[0][limb] = _mm512_shuffle_i64x2(b, d, 0xdd);
	}
}

static IFMA_CALL void exchange(struct fe x[IFMA_LANES])
{
	for (size_t i = 0; i < IFMA_LIMBS; i++)
		exchange_limb(x, i);
}

/* What one call does */
struct work {
	const struct ntt_vectors *v;
	struct fe *x;	       /* scratch */
	const uint64_t *scale; /* factor between down and up, or NULL */
	bool up;
};

/*
 * The last three layers of down, and the first three of up, on 64 elements.
 * Vector j has element place[j] of each eight (pairs of steps of 4 are the same
 * for both orders).
 */
static IFMA_CALL void middle_down(struct fe x[IFMA_LANES], const struct fe c[7])
{
	for (size_t j = 0; j < 4; j++)
		half_step(&x[j], &x[j + 4], &c[0]);
	for (size_t j = 0; j < 2; j++) {
		half_step(&x[2 * j], &x[2 * j + 1], &c[1]);
		half_step(&x[2 * j + 4], &x[2 * j + 5], &c[2]);
	}
	for (size_t j = 0; j < 2; j++) {
		half_step(&x[j], &x[j + 2], &c[3 + j]);
		half_step(&x[j + 4], &x[j + 6], &c[5 + j]);
	}
}

static IFMA_CALL void middle_up(struct fe x[IFMA_LANES],
				const struct ntt_vectors *v)
{
	struct fe c;

	pick(&c, v->up, 1);
	for (size_t j = 0; j < 2; j++) {
		half_step(&x[j], &x[j + 2], &c);
		half_step(&x[j + 4], &x[j + 6], &c);
	}
	for (size_t j = 0; j < 2; j++) {
		pick(&c, v->up, 2 + j);
		half_step(&x[2 * j], &x[2 * j + 1], &c);
		half_step(&x[2 * j + 4], &x[2 * j + 5], &c);
	}
	for (size_t j = 0; j < 4; j++) {
		pick(&c, v->up, 4 + place[j]);
		half_step(&x[j], &x[j + 4], &c);
	}
}

static IFMA_CALL void scale(struct fe x[IFMA_LANES],
			    const uint64_t factor[IFMA_LIMBS])
{
	struct fe c;

	set(&c, factor);
	for (size_t j = 0; j < IFMA_LANES; j++) {
		ready(&x[j]);
		mul(&x[j], &x[j], &c, NULL);
	}
}

/* Pieces of up to L1_VECTORS; multiples of 8 */
static void in_l1(const struct work *w, size_t at, size_t count)
{
	down_layers(w->v, w->x, at, count, 1);
	for (size_t i = at; i < at + count; i += IFMA_LANES) {
		exchange(w->x + i);
		middle_down(w->x + i, w->v->middle[i / IFMA_LANES]);
		if (w->scale)
			scale(w->x + i, w->scale);
		if (w->up)
			middle_up(w->x + i, w->v);
		exchange(w->x + i);
	}
	if (w->up)
		up_layers(w->v, w->x + at, 1, count);
}

/* The layers above pieces of @piece vectors, and @inner for each */
static void
in_pieces(const struct work *w, size_t at, size_t count, size_t piece,
	  void (*inner)(const struct work *w, size_t at, size_t count))
{
	if (piece > count)
		piece = count;
	down_layers(w->v, w->x, at, count, piece);
	for (size_t i = at; i < at + count; i += piece)
		inner(w, i, piece);
	if (w->up)
		up_layers(w->v, w->x + at, piece, count);
}

static void in_l2(const struct work *w, size_t at, size_t count)
{
	in_pieces(w, at, count, L1_VECTORS, in_l1);
}

static void in_memory(const struct work *w, size_t at, size_t count)
{
	in_pieces(w, at, count, L2_VECTORS, in_l2);
}

/* load_run, with limbs of 52 bits: they are going to be added */
static IFMA_INLINE void load(struct fe *x, const struct cdx_fr *from)
{
	load_run(x, from);
	EACH_LIMB(x->l[s][i] = low(x->l[s][i]));
}

/* Reads the elements and does the first two layers of down, where all but one
 * factor is 1 */
static IFMA_CALL void first_pass(const struct work *w, const struct cdx_fr *a,
				 size_t step)
{
	struct fe *x = w->x;
	struct fe c;

	pick(&c, w->v->down, 1);
	for (size_t j = 0; j < step; j++, x++, a += IFMA_LANES) {
		load(&x[0], a);
		load(&x[step], a + step * IFMA_LANES);
		load(&x[2 * step], a + 2 * step * IFMA_LANES);
		load(&x[3 * step], a + 3 * step * IFMA_LANES);
		cross(&x[0], &x[2 * step]);
		cross(&x[step], &x[3 * step]);
		cross(&x[0], &x[step]);
		half_step(&x[2 * step], &x[3 * step], &c);
	}
}

/* From raw to memory.  shrink wants limb 4 positive, and the carries into it
 * gone from the others. */
static IFMA_INLINE void store(struct cdx_fr *to, struct fe *x)
{
	ready(x);
	EACH_LIMB(x->l[s][i] = low(x->l[s][i]));
	shrink(x);
	canonical(x);
	store_run(to, x);
}

/* The last two layers of up, and writes the elements */
static IFMA_CALL void last_pass(const struct work *w, struct cdx_fr *a,
				size_t step)
{
	struct fe *x = w->x;

	for (size_t j = 0; j < step; j++, x++, a += IFMA_LANES) {
		const struct fe *c = w->v->up + step + j;

		half_step(&x[0], &x[step], &c[0]);
		half_step(&x[2 * step], &x[3 * step], &c[0]);
		half_step(&x[0], &x[2 * step], &c[step]);
		half_step(&x[step], &x[3 * step], &c[2 * step]);
		store(a, &x[0]);
		store(a + step * IFMA_LANES, &x[step]);
		store(a + 2 * step * IFMA_LANES, &x[2 * step]);
		store(a + 3 * step * IFMA_LANES, &x[3 * step]);
	}
}

/* Writes what down left, in natural order: the root was 1/w, which is right for
 * the inverse; for the other one number i is at n - i */
static IFMA_CALL void reordered_pass(const struct work *w, struct cdx_fr *a,
				     unsigned log_n, bool inverse)
{
	const size_t n = (size_t)1 << log_n;
	struct cdx_fr run[IFMA_LANES];

	for (size_t at = 0; at < n; at += IFMA_LANES) {
		store(run, &w->x[at / IFMA_LANES]);
		for (size_t j = 0; j < IFMA_LANES; j++) {
			const size_t to = ntt_reverse(at + j, log_n);

			a[inverse ? to : (n - to) & (n - 1)] = run[j];
		}
	}
	explicit_bzero(run, sizeof(run));
}

static int transform(const struct cdx_ntt *t, struct cdx_fr *a, struct work *w,
		     bool inverse)
{
	const size_t count = (size_t)1 << t->log_n >> 3;

	w->v = t->vectors;
	w->x = ntt_vectors_alloc(count);
	if (!w->x)
		return -ENOMEM;
	first_pass(w, a, count / 4);
	for (size_t i = 0; i < count; i += count / 4)
		in_memory(w, i, count / 4);
	if (w->up)
		last_pass(w, a, count / 4);
	else
		reordered_pass(w, a, t->log_n, inverse);
	explicit_bzero(w->x, count * sizeof(*w->x));
	free(w->x);
	return 0;
}

int cdx_ntt_ifma(const struct cdx_ntt *t, struct cdx_fr *a, bool inverse)
{
	struct work w = {.scale = inverse ? t->vectors->inv_n : NULL};

	return transform(t, a, &w, inverse);
}

int cdx_ntt_ifma_to_coset(const struct cdx_ntt *t, struct cdx_fr *a)
{
	struct work w = {.scale = t->vectors->inv_n, .up = true};

	return transform(t, a, &w, true);
}

#else

#include <errno.h>

int cdx_ntt_ifma(const struct cdx_ntt *t, struct cdx_fr *a, bool inverse)
{
	(void)t;
	(void)a;
	(void)inverse;
	return -ENOMEM;
}

int cdx_ntt_ifma_to_coset(const struct cdx_ntt *t, struct cdx_fr *a)
{
	(void)t;
	(void)a;
	return -ENOMEM;
}

#endif
