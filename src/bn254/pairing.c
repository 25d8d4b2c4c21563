/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/pairing.h"

#include <errno.h>
#include <stdlib.h>

#include "bn254/backend.h"
#include "bn254/pairing_steps.h"
#include "bn254/tower.h"

/*
 * The Miller loop of the optimal ate pairing (F. Vercauteren, "Optimal
 * Pairings", 2010, IV B): for Q in G2, T starts at Q and is taken to (6 x + 2) Q
 * by doublings and additions, then psi(Q) and -psi^2(Q) are added.  The value
 * is squared before each doubling, and multiplied by the line of every step at
 * P.
 *
 * A point (x, y) of the twist stands for (x w^2, y w^3) on the curve over Fq12.
 * There a line through it with slope s w has, at P, the value
 *	yP - s xP w + (s x - y) w^3
 * which may be divided by yP, because factors in Fq do not survive the final
 * exponentiation:
 *	1 + s (-xP / yP) w + (s x - y) (1 / yP) w^3
 * So a line is kept as s and s x - y.  The vertical lines of the textbook are
 * in Fq6 and do not survive either.
 */

/* One of the pairs */
struct pair {
	const struct cdx_g2_lines *lines;
	struct cdx_fq x; /* -xP / yP */
	struct cdx_fq y; /* 1 / yP */
};

/* What the lines are multiplied with.  One inversion for all; yP is not zero
 * for finite points, as the order of G1 is odd. */
static void evaluate_at(struct pair *pairs, const struct cdx_g1 *const *p,
			size_t n)
{
	struct cdx_fq all = cdx_fq_one;

	for (size_t i = 0; i < n; i++) {
		pairs[i].y = all;
		cdx_fq_mul(&all, &all, &p[i]->y);
	}
	cdx_fq_inv(&all, &all);
	for (size_t i = n; i-- > 0;) {
		cdx_fq_mul(&pairs[i].y, &pairs[i].y, &all);
		cdx_fq_mul(&all, &all, &p[i]->y);
		cdx_fq_mul(&pairs[i].x, &p[i]->x, &pairs[i].y);
		cdx_fq_neg(&pairs[i].x, &pairs[i].x);
	}
}

static void loop(struct cdx_gt *f, const struct pair *pairs, size_t n)
{
	*f = cdx_gt_one;
	for (size_t i = 0; i < CDX_MILLER_STEPS; i++) {
		if (cdx_miller_steps[i] == CDX_MILLER_DOUBLE && i > 0)
			cdx_gt_sqr(f, f);
		for (size_t j = 0; j < n; j++) {
			const struct cdx_fq2 *line = pairs[j].lines->line[i];
			struct cdx_fq2 b;
			struct cdx_fq2 c;

			cdx_fq2_mul_fq(&b, &line[0], &pairs[j].x);
			cdx_fq2_mul_fq(&c, &line[1], &pairs[j].y);
			cdx_gt_mul_line(f, &b, &c);
		}
	}
}

/* Fewer pairs than this are done one by one with IFMA too */
#define LANES_MIN 4u

/* Scratch of one call.  The lists are of finite pairs. */
struct scratch {
	struct pair *pairs;
	const struct cdx_g1 **points;
	const struct cdx_g2 **twists;
	struct cdx_g2_lines *lines;
};

static void scratch_free(struct scratch *s)
{
	free(s->pairs);
	free(s->points);
	free(s->twists);
	free(s->lines);
}

/* The @n pairs without lines that the lists begin with: done in lanes, of which
 * @out is the value and nothing is left; or they get their lines */
static int first_pairs(struct cdx_gt *out, struct scratch *s, size_t *n)
{
	*out = cdx_gt_one;
	if (cdx_bn254_backend() == CDX_BN254_IFMA && *n >= LANES_MIN) {
		int rc = cdx_ifma_miller(out, s->points, s->twists, *n);

		*n = 0;
		return rc;
	}
	s->lines = calloc(*n + 1, sizeof(*s->lines));
	if (!s->lines)
		return -ENOMEM;
	for (size_t i = 0; i < *n; i++)
		s->pairs[i].lines = &s->lines[i];
	return cdx_g2_prepare_many(s->lines, s->twists, *n);
}

int cdx_miller(struct cdx_gt *out, const struct cdx_g1 *p,
	       const struct cdx_g2 *q, size_t n, const struct cdx_g1 *pp,
	       const struct cdx_g2_lines *const *ql, size_t m)
{
	CDX_CLEANUP(scratch_free) struct scratch s = {0};
	struct cdx_gt lanes;
	struct cdx_gt rest;
	size_t used = 0;
	int rc;

	if (n > SIZE_MAX - m - 1)
		return -ENOMEM;
	/* one more: nothing is no size for calloc */
	s.pairs = calloc(n + m + 1, sizeof(*s.pairs));
	s.points = calloc(n + m + 1, sizeof(*s.points));
	s.twists = calloc(n + 1, sizeof(*s.twists));
	if (!s.pairs || !s.points || !s.twists)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (cdx_g1_is_infinity(&p[i]) || cdx_g2_is_infinity(&q[i]))
			continue;
		s.points[used] = &p[i];
		s.twists[used++] = &q[i];
	}
	rc = first_pairs(&lanes, &s, &used);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < m; i++) {
		if (cdx_g1_is_infinity(&pp[i]) || ql[i]->infinity)
			continue;
		s.pairs[used].lines = ql[i];
		s.points[used++] = &pp[i];
	}
	evaluate_at(s.pairs, s.points, used);
	loop(&rest, s.pairs, used);
	cdx_gt_mul(out, &lanes, &rest);
	return 0;
}

int cdx_pairing(struct cdx_gt *out, const struct cdx_g1 *p,
		const struct cdx_g2 *q)
{
	int rc = cdx_miller(out, p, q, 1, NULL, NULL, 0);

	if (rc == 0)
		cdx_final_exp(out, out);
	return rc;
}
