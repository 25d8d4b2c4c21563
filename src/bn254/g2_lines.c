/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bn254/g2_steps.h"
#include "bn254/pairing_steps.h"

/* The lines of the Miller loop; see pairing.c for what they are */

#define D CDX_MILLER_DOUBLE
#define A CDX_MILLER_ADD
#define S CDX_MILLER_SUBTRACT
#define P CDX_MILLER_PSI
#define R CDX_MILLER_PSI2

/* 6 x + 2 = 29793968203157093288, digits -1, 0, 1 without neighbours (22 of 66),
 * the highest first and left out */
/* clang-format off */
const uint8_t cdx_miller_steps[CDX_MILLER_STEPS] = {
	D, D, S, D, D, A, D, D, D, D, S, D, D, S, D, D,
	D, D, S, D, D, A, D, D, S, D, D, D, S, D, D, D,
	D, D, D, A, D, D, D, S, D, D, A, D, D, D, S, D,
	D, D, D, D, S, D, D, A, D, D, D, D, S, D, D, S,
	D, D, D, A, D, D, D, D, S, D, D, D, S, D, D, A,
	D, D, A, D, D, D, P, R,
};
/* clang-format on */

#define STEPS CDX_MILLER_STEPS
_Static_assert(STEPS <= CDX_G2_LINES, "room for all lines");

/* From as many on points are kept affine, with inversions shared by all */
#define TOGETHER_MIN 6u

/* @v[i] := 1 / @v[i] for @n of them with one inversion; zeros stay.  @before is
 * for the products of those before each. */
static void invert_all(struct cdx_fq2 *v, struct cdx_fq2 *before, size_t n)
{
	struct cdx_fq2 all = cdx_fq2_one;
	struct cdx_fq2 t;

	for (size_t i = 0; i < n; i++) {
		before[i] = all;
		if (!cdx_fq2_is_zero(&v[i]))
			cdx_fq2_mul(&all, &all, &v[i]);
	}
	cdx_fq2_inv(&all, &all);
	for (size_t i = n; i-- > 0;) {
		if (cdx_fq2_is_zero(&v[i]))
			continue;
		cdx_fq2_mul(&t, &all, &before[i]);
		cdx_fq2_mul(&all, &all, &v[i]);
		v[i] = t;
	}
}

void cdx_miller_points(struct cdx_g2 out[CDX_MILLER_KINDS],
		       const struct cdx_g2 *q)
{
	out[A] = *q;
	cdx_g2_neg(&out[S], q);
	cdx_g2_psi(&out[P], q);
	cdx_g2_psi(&out[R], &out[P]);
	cdx_g2_neg(&out[R], &out[R]);
}

/*
 * Two passes, so that one inversion will do: Jacobian coordinates first, of
 * which the slope is a fraction over the new z; of a tangent at (X, Y, Z) also
 *	s x - y = (slope X - 2 Y^2) / (z Z^2)
 */
void cdx_g2_prepare(struct cdx_g2_lines *out, const struct cdx_g2 *q)
{
	struct cdx_g2 add[CDX_MILLER_KINDS];
	struct cdx_fq2 z[STEPS];
	struct cdx_fq2 scratch[STEPS];
	struct cdx_g2j t;
	struct cdx_fq2 u;
	struct cdx_fq2 before = cdx_fq2_one;

	memset(out, 0, sizeof(*out));
	out->infinity = cdx_g2_is_infinity(q);
	if (out->infinity)
		return;
	out->n = STEPS;
	cdx_miller_points(add, q);
	cdx_g2j_from_affine(&t, q);
	for (size_t i = 0; i < STEPS; i++) {
		struct cdx_fq2 *line = out->line[i];

		if (cdx_miller_steps[i] == D) {
			line[1] = t.x;
			cdx_fq2_sqr(&u, &t.y);
			cdx_g2j_double_step(&t, &line[0], &t);
			cdx_fq2_mul(&line[1], &line[1], &line[0]);
			cdx_fq2_add(&u, &u, &u);
			cdx_fq2_sub(&line[1], &line[1], &u);
		} else {
			/* never the same point: T = k Q with 1 < k < r - 1 */
			(void)cdx_g2j_add_step(&t, &line[0], &t,
					       &add[cdx_miller_steps[i]]);
		}
		z[i] = t.z;
	}
	invert_all(z, scratch, STEPS);
	for (size_t i = 0; i < STEPS; i++) {
		struct cdx_fq2 *line = out->line[i];

		cdx_fq2_mul(&line[0], &line[0], &z[i]);
		if (cdx_miller_steps[i] == D) {
			cdx_fq2_sqr(&u, &before);
			cdx_fq2_mul(&u, &u, &z[i]);
			cdx_fq2_mul(&line[1], &line[1], &u);
		} else {
			cdx_fq2_mul(&line[1], &line[0],
				    &add[cdx_miller_steps[i]].x);
			cdx_fq2_sub(&line[1], &line[1],
				    &add[cdx_miller_steps[i]].y);
		}
		before = z[i];
	}
}

/* A point on its way */
struct walk {
	struct cdx_g2 t;
	struct cdx_g2 add[CDX_MILLER_KINDS];
};

/*
 * One step of all: the numerator and the denominator of each slope s first;
 * then, with the c = s x - y of the line, the new point is
 *	x' = s^2 - x - x2, y' = s (x - x') - y = c - s x'
 */
static void step_together(struct cdx_g2_lines *out, struct walk *w,
			  struct cdx_fq2 *z, size_t n, size_t i)
{
	const unsigned step = cdx_miller_steps[i];

	for (size_t j = 0; j < n; j++) {
		const struct cdx_g2 *t = &w[j].t;
		struct cdx_fq2 *slope = &out[j].line[i][0];

		if (step == D) {
			cdx_fq2_sqr(&z[j], &t->x);
			cdx_fq2_add(slope, &z[j], &z[j]);
			cdx_fq2_add(slope, slope, &z[j]);
			cdx_fq2_add(&z[j], &t->y, &t->y);
		} else {
			cdx_fq2_sub(slope, &t->y, &w[j].add[step].y);
			cdx_fq2_sub(&z[j], &t->x, &w[j].add[step].x);
		}
	}
	invert_all(z, z + n, n);
	for (size_t j = 0; j < n; j++) {
		struct cdx_g2 *t = &w[j].t;
		const struct cdx_fq2 *x2 =
			step == D ? &t->x : &w[j].add[step].x;
		struct cdx_fq2 *line = out[j].line[i];
		struct cdx_fq2 x;

		cdx_fq2_mul(&line[0], &line[0], &z[j]);
		cdx_fq2_mul(&line[1], &line[0], &t->x);
		cdx_fq2_sub(&line[1], &line[1], &t->y);
		cdx_fq2_sqr(&x, &line[0]);
		cdx_fq2_sub(&x, &x, &t->x);
		cdx_fq2_sub(&t->x, &x, x2);
		cdx_fq2_mul(&t->y, &line[0], &t->x);
		cdx_fq2_sub(&t->y, &line[1], &t->y);
	}
}

int cdx_g2_prepare_many(struct cdx_g2_lines *out, const struct cdx_g2 *const *q,
			size_t n)
{
	struct walk *w;
	struct cdx_fq2 *z;

	if (n < TOGETHER_MIN) {
		for (size_t j = 0; j < n; j++)
			cdx_g2_prepare(&out[j], q[j]);
		return 0;
	}
	w = calloc(n, sizeof(*w));
	z = calloc(n, 2 * sizeof(*z));
	if (!w || !z) {
		free(w);
		free(z);
		return -ENOMEM;
	}
	for (size_t j = 0; j < n; j++) {
		out[j].n = STEPS;
		out[j].infinity = false;
		w[j].t = *q[j];
		cdx_miller_points(w[j].add, q[j]);
	}
	for (size_t i = 0; i < STEPS; i++)
		step_together(out, w, z, n, i);
	free(w);
	free(z);
	return 0;
}
