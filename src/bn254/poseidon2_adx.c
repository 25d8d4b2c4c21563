/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/poseidon2_scalar.h"

#include "bn254/fr_adx.h"

#ifdef CDX_ADX

#include "bn254/fp_portable.h"
#include "bn254/fr_adx_ops.h"
#include "bn254/internal.h"
#include "bn254/verify.h"

/*
 * The 56 rounds in the middle are one chain of dependent products, and a
 * product takes half as long again to finish as the processor needs before it
 * can start the next one.  So permutations are done in pairs, step by step in
 * turn; the processor overlaps what does not depend on each other.
 *
 * Sums are reduced only as far as the next product asks for.  Bounds are
 * written "< 3" for below 3 r; see fr_adx_ops.h for what a product makes of
 * them.  "Tight" values count as < 1: what they may exceed it by, 2^-26, is
 * covered by the rounding up of the others.
 */

#define OUTER_HALF (CDX_POSEIDON2_EXTERNAL / 2)

static const struct cdx_fr no_constants[3];

struct lane {
	struct cdx_fr s[3]; /* what goes into the S-boxes */
	struct cdx_fr t[3];
	struct cdx_fr x[3]; /* [0] is not used in the middle rounds */
	struct cdx_fr w;    /* x1 + x2 + the next round's constant, tight */
	struct cdx_fr v;    /* x1 + x2 */
	struct cdx_fr u;
};

#define TIGHT 101 /* hundredths of r, for fr_verify_below */

/* x := s^5: s < 1, t < 1.19, t < 1.27, x < 1.24 */
static inline void outer_sboxes(struct lane *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < 3; j++) {
			fr_verify_below(&l[i].s[j], TIGHT);
			adx_sqr_loose(&l[i].t[j], &l[i].s[j]);
		}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < 3; j++)
			adx_sqr_loose(&l[i].t[j], &l[i].t[j]);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < 3; j++) {
			fr_verify_below(&l[i].t[j], 127);
			adx_mul_loose(&l[i].x[j], &l[i].t[j], &l[i].s[j]);
			fr_verify_below(&l[i].x[j], 124);
		}
}

/* u := x0 + x1 + x2, for x < 1.24 */
static inline void outer_sum(struct lane *l)
{
	adx_add3_tight(&l->u, &l->x[0], &l->x[1], &l->x[2]);
	fr_verify_below(&l->u, TIGHT);
}

/* Matrix [[2,1,1],[1,2,1],[1,1,2]] of x < 1.24, then @c added: s < 1 */
static inline void outer_mix(struct lane *l, size_t n, const struct cdx_fr c[3])
{
	for (size_t i = 0; i < n; i++) {
		outer_sum(&l[i]);
		for (size_t j = 0; j < 3; j++)
			adx_add3_tight(&l[i].s[j], &l[i].x[j], &l[i].u, &c[j]);
	}
}

/* v and w from x1 and x2 */
static inline void inner_sums(struct lane *l, const struct cdx_fr *c)
{
	fr_verify_below(&l->x[1], TIGHT);
	fr_verify_below(&l->x[2], TIGHT);
	adx_add_loose(&l->v, &l->x[1], &l->x[2]);
	adx_add_tight(&l->w, &l->v, c);
	fr_verify_below(&l->w, TIGHT);
}

/* From the last of the first outer rounds to the first middle one */
static inline void enter_inner(struct lane *l, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		outer_sum(&l[i]);
		adx_add3_tight(&l[i].s[0], &l[i].x[0], &l[i].u,
			       &cdx_poseidon2_int[0]);
		for (size_t j = 1; j < 3; j++)
			adx_add_tight(&l[i].x[j], &l[i].x[j], &l[i].u);
		inner_sums(&l[i], &cdx_poseidon2_int[1]);
	}
}

/*
 * A middle round but for its constant, which s has in it already:
 *   y = s^5; x1 := 2 x1 + x2 + y; x2 := x1 + 3 x2 + y; s := 2 y + x1 + x2 + c
 * with the old x1 and x2 on the right.  The way from s to the next s is kept
 * short: u, v and w are computed beside it; the w that is added was made with
 * the constant of the next round, and @c is that of the round after it.
 *
 *   s < 3, t < 2.71, t < 2.39, product with u < 1.46, so y < 1, s < 3
 */
static inline void inner_round(struct lane *l, size_t n, const struct cdx_fr *c)
{
	for (size_t i = 0; i < n; i++) {
		fr_verify_below(&l[i].s[0], 301);
		adx_sqr_loose(&l[i].t[0], &l[i].s[0]);
	}
	for (size_t i = 0; i < n; i++)
		adx_tight(&l[i].u, &l[i].s[0]);
	for (size_t i = 0; i < n; i++)
		adx_sqr_loose(&l[i].t[0], &l[i].t[0]);
	for (size_t i = 0; i < n; i++) {
		fr_verify_below(&l[i].t[0], 239);
		fr_verify_below(&l[i].u, TIGHT);
		adx_mul_once(&l[i].t[0], &l[i].t[0], &l[i].u);
	}
	for (size_t i = 0; i < n; i++) {
		const struct cdx_fr *y = &l[i].t[0];

		fr_verify_below(y, 100);
		adx_add3_loose(&l[i].s[0], y, y, &l[i].w);
		adx_add_loose(&l[i].v, &l[i].v, y); /* < 3 */
		fr_verify_below(&l[i].v, 303);
		adx_add_tight(&l[i].x[1], &l[i].x[1], &l[i].v);
		adx_add3_tight(&l[i].x[2], &l[i].x[2], &l[i].x[2], &l[i].v);
		inner_sums(&l[i], c);
	}
}

/* From the last middle round to the S-boxes of the outer one behind it, whose
 * constant for s0 came with w */
static inline void leave_inner(struct lane *l, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		adx_tight(&l[i].s[0], &l[i].s[0]);
		for (size_t j = 1; j < 3; j++)
			adx_add_tight(&l[i].s[j], &l[i].x[j],
				      &cdx_poseidon2_ext[OUTER_HALF][j]);
	}
}

static inline void permute(struct cdx_fr (*state)[3], size_t n)
{
	struct lane l[2];

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < 3; j++)
			l[i].x[j] = state[i][j];
	for (size_t k = 0; k < OUTER_HALF; k++) {
		outer_mix(l, n, cdx_poseidon2_ext[k]);
		outer_sboxes(l, n);
	}
	enter_inner(l, n);
	for (size_t k = 2; k < CDX_POSEIDON2_INTERNAL; k++)
		inner_round(l, n, &cdx_poseidon2_int[k]);
	inner_round(l, n, &cdx_poseidon2_ext[OUTER_HALF][0]);
	inner_round(l, n, &cdx_fr_zero); /* nothing comes of this w */
	leave_inner(l, n);
	outer_sboxes(l, n);
	for (size_t k = OUTER_HALF + 1; k < CDX_POSEIDON2_EXTERNAL; k++) {
		outer_mix(l, n, cdx_poseidon2_ext[k]);
		outer_sboxes(l, n);
	}
	outer_mix(l, n, no_constants);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < 3; j++)
			fp_reduce_once(state[i][j].l, l[i].s[j].l, &fr_modulus);
}

void cdx_poseidon2_adx(struct cdx_fr state[3])
{
	struct cdx_fr(*one)[3] = (struct cdx_fr(*)[3])state;

	permute(one, 1);
}

void cdx_poseidon2_adx_pair(struct cdx_fr (*state)[3])
{
	permute(state, 2);
}

#else

void cdx_poseidon2_adx(struct cdx_fr state[3])
{
	cdx_poseidon2_portable(state);
}

void cdx_poseidon2_adx_pair(struct cdx_fr (*state)[3])
{
	cdx_poseidon2_portable(state[0]);
	cdx_poseidon2_portable(state[1]);
}

#endif
