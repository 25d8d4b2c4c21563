/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The kernel of one group in vectors: a template (no guard), included for G1
 * and G2 by msm_ifma.c.  Coordinates are of type EL with operations EL_NAME(x);
 * NAME(x) makes the names.
 *
 * Points that come from a file have x below 4 and, with the sign, y up to 3;
 * all others have both below 1.03.
 */

/* What the way back needs of a group */
struct NAME(scratch) {
	struct fe before; /* product of all norms before this one; ready */
	struct fe norm;	  /* of dx; ready */
	EL dx;
	/* with care only: see consider */
	EL dy;
	struct lanes first;
	struct lanes second;
	struct lanes neither;
};

/* One in each lane */
struct NAME(point) {
	EL x;
	EL y;
};

/* A group's points number @at[0], @at[3] ... (the size of msm_pair) */
static IFMA_INLINE void NAME(get)(struct NAME(point) * p,
				  const struct msm_batch *batch,
				  const uint32_t *at, bool file)
{
	const uint8_t *from[GROUP];
	unsigned signs = 0;
	struct lanes minus_y;

	for (size_t j = 0; j < GROUP; j++) {
		const uint32_t n = at[j * (sizeof(struct msm_pair) / 4)];

		if (file) {
			from[j] = batch->file + (n >> 1) * POINT_BYTES;
			signs |= (n & 1) << j;
		} else {
			from[j] = batch->points + n * POINT_BYTES;
		}
	}
	EL_NAME(load)(&p->x, &p->y, from, file);
	if (file) {
		EACH(minus_y.m[s] = (__mmask8)(signs >> (8 * s)));
		EL_NAME(change_signs)(&p->y, minus_y);
	}
}

/* @p below 1.03 */
static IFMA_INLINE void NAME(put)(const struct msm_batch *batch,
				  const struct msm_pair *pairs,
				  const struct NAME(point) * p)
{
	uint8_t *to[GROUP];

	for (size_t j = 0; j < GROUP; j++)
		to[j] = batch->points + pairs[j].out * POINT_BYTES;
	EL_NAME(store)(to, &p->x, &p->y);
}

/*
 * The additions that are none: those with a point at infinity, of equal and of
 * opposite points.  Finds the lanes in which the result is the first point, the
 * second, or infinite, and makes dx in them something to divide by; for equal
 * points (unless y is zero, which no point of the curve has) dx and dy become
 * the tangent's, 2 y and 3 x^2.  So no dx is zero.
 */
static IFMA_INLINE void NAME(consider)(struct NAME(scratch) * k, EL *dx,
				       const struct NAME(point) * a,
				       const struct NAME(point) * b, bool file)
{
	struct lanes none_a = {{0, 0}};
	struct lanes none_b = {{0, 0}};
	struct lanes same;
	EL t;
	EL u;

	if (!file) {
		none_a = both(EL_NAME(nothing)(&a->x), EL_NAME(nothing)(&a->y));
		none_b = both(EL_NAME(nothing)(&b->x), EL_NAME(nothing)(&b->y));
	}
	t = *dx;
	EL_NAME(shrink)(&t);
	same = but_not(EL_NAME(zeros)(&t), either(none_a, none_b));
	EL_NAME(minus)(&k->dy, &b->y, &a->y, 4);
	t = k->dy;
	EL_NAME(shrink)(&t);
	EL_NAME(plus)(&u, &a->y, &a->y);
	EL_NAME(shrink)(&u);
	k->first = but_not(none_b, none_a);
	k->second = none_a;
	k->neither = same;
	same = but_not(both(same, EL_NAME(zeros)(&t)), EL_NAME(zeros)(&u));
	k->neither = but_not(k->neither, same);

	EL_NAME(choose)(dx, same, &u);
	EL_NAME(set)(&t, something);
	EL_NAME(choose)(dx, either(k->neither, either(none_a, none_b)), &t);
	EL_NAME(square)(&t, &a->x);
	EL_NAME(plus)(&u, &t, &t);
	EL_NAME(plus)(&u, &u, &t);
	EL_NAME(choose)(&k->dy, same, &u);
}

/* The results that consider found; returns whether some are infinite */
static IFMA_INLINE bool NAME(replace)(struct NAME(point) * sum,
				      const struct NAME(scratch) * k,
				      const struct NAME(point) * a,
				      const struct NAME(point) * b)
{
	EL none;

	EL_NAME(choose)(&sum->x, k->first, &a->x);
	EL_NAME(choose)(&sum->y, k->first, &a->y);
	EL_NAME(choose)(&sum->x, k->second, &b->x);
	EL_NAME(choose)(&sum->y, k->second, &b->y);
	EL_NAME(set)(&none, nought);
	EL_NAME(choose)(&sum->x, k->neither, &none);
	EL_NAME(choose)(&sum->y, k->neither, &none);
	return (k->neither.m[0] | k->neither.m[1]) != 0;
}

/*
 * x = slope^2 - xa - xb, y = slope (xa - x) - ya.  Bounds: the square 1.2 and x
 * 10.2 before it is made small, then xa - x 6 and y 1.3 + 4.
 */
static IFMA_INLINE void NAME(sum)(struct NAME(point) * out, const EL *slope,
				  const struct NAME(point) * a,
				  const struct NAME(point) * b)
{
	EL t;
	EL u;

	EL_NAME(square)(&t, slope);
	EL_NAME(plus)(&u, &a->x, &b->x);
	EL_NAME(minus)(&out->x, &t, &u, 9);
	EL_NAME(shrink)(&out->x);
	EL_NAME(minus)(&t, &a->x, &out->x, 2);
	EL_NAME(ready)(&t);
	EL_NAME(negative)(&u, &a->y, 4);
	EL_NAME(product)(&out->y, slope, &t, &u);
	EL_NAME(shrink)(&out->y);
}

/* dx below 9.1, dy below 7.1; so norms are below 9.1 and products of them,
 * each divided by 2^260, below 1.2 */
static IFMA_INLINE void NAME(forth)(struct fe *acc, struct msm_batch *batch,
				    bool file, bool careful)
{
	struct NAME(scratch) *k = batch->scratch;
	struct NAME(point) a;
	struct NAME(point) b;
	EL dx;

	set(acc, something);
	for (size_t i = 0; i < batch->count; i += GROUP, k++) {
		NAME(get)(&a, batch, &batch->pairs[i].a, file);
		NAME(get)(&b, batch, &batch->pairs[i].b, file);
		EL_NAME(minus)(&dx, &b.x, &a.x, 5);
		if (careful)
			NAME(consider)(k, &dx, &a, &b, file);
		if (KEEP_DX)
			k->dx = dx;
		k->before = *acc;
		EL_NAME(norm)(&k->norm, &dx);
		mul(acc, acc, &k->norm, NULL);
		ready(acc);
	}
}

/* From the last group to the first: @acc is the inverse of the product of all
 * norms that are left */
static IFMA_INLINE void NAME(back)(struct fe *acc, struct msm_batch *batch,
				   bool file, bool careful)
{
	struct NAME(scratch) *all = batch->scratch;

	for (size_t i = batch->count / GROUP; i-- > 0;) {
		const struct msm_pair *pairs = batch->pairs + i * GROUP;
		const struct NAME(scratch) *k = &all[i];
		struct NAME(point) a;
		struct NAME(point) b;
		struct NAME(point) sum;
		struct fe inv;
		EL line;
		EL dy;

		mul(&inv, acc, &k->before, NULL);
		ready(&inv);
		mul(acc, acc, &k->norm, NULL);
		ready(acc);
		NAME(get)(&a, batch, &pairs->a, file);
		NAME(get)(&b, batch, &pairs->b, file);
		if (careful)
			dy = k->dy;
		else
			EL_NAME(minus)(&dy, &b.y, &a.y, 4);
		EL_NAME(slope)(&line, &dy, &k->dx, &inv);
		NAME(sum)(&sum, &line, &a, &b);
		if (careful && NAME(replace)(&sum, k, &a, &b))
			batch->infinite = true;
		NAME(put)(batch, pairs, &sum);
	}
}

/* Returns false, and has done nothing, when there is a dx that is zero */
static IFMA_INLINE bool NAME(try)(struct msm_batch *batch, bool file,
				  bool careful)
{
	struct fe acc;

	NAME(forth)(&acc, batch, file, careful);
	if (!invert(&acc))
		return false;
	NAME(back)(&acc, batch, file, careful);
	return true;
}

/* The four uses, each with its constants */
static IFMA_CALL bool NAME(try_file)(struct msm_batch *batch)
{
	return NAME(try)(batch, true, false);
}

/* As above */
static IFMA_CALL bool NAME(try_points)(struct msm_batch *batch)
{
	return NAME(try)(batch, false, false);
}

/* These do not fail */
static IFMA_CALL void NAME(careful_file)(struct msm_batch *batch)
{
	(void)NAME(try)(batch, true, true);
}

/* As above */
static IFMA_CALL void NAME(careful_points)(struct msm_batch *batch)
{
	(void)NAME(try)(batch, false, true);
}

/* With care only when there is need */
static void NAME(add)(struct msm_batch *batch)
{
	if (batch->file) {
		if (!NAME(try_file)(batch))
			NAME(careful_file)(batch);
	} else if (batch->infinite || !NAME(try_points)(batch)) {
		NAME(careful_points)(batch);
	}
}

/* No additions: a file's points to own form */
static IFMA_CALL void NAME(take)(const struct msm_batch *batch)
{
	struct NAME(point) p;

	for (size_t i = 0; i < batch->count; i += GROUP) {
		NAME(get)(&p, batch, &batch->pairs[i].a, true);
		EL_NAME(shrink)(&p.x);
		EL_NAME(shrink)(&p.y);
		NAME(put)(batch, &batch->pairs[i], &p);
	}
}

/* What is left over fills the lanes up by being there more than once */
static IFMA_CALL void NAME(give)(uint8_t *out, const uint8_t *points, size_t n)
{
	for (size_t i = 0; i < n; i += GROUP) {
		const uint8_t *from[GROUP];
		uint8_t *to[GROUP];
		struct NAME(point) p;

		for (size_t j = 0; j < GROUP; j++) {
			const size_t at = i + j < n ? i + j : n - 1;

			from[j] = points + at * POINT_BYTES;
			to[j] = out + at * POINT_BYTES;
		}
		EL_NAME(load)(&p.x, &p.y, from, false);
		EL_NAME(scale)(&p.x, x_to_file);
		EL_NAME(scale)(&p.y, y_to_file);
		EL_NAME(store)(to, &p.x, &p.y);
	}
}

/* All of it */
const struct msm_kernel NAME(cdx_msm_ifma) = {
	.size = POINT_BYTES,
	.group = GROUP,
	.scratch = sizeof(struct NAME(scratch)),
	.add = NAME(add),
	.take = NAME(take),
	.give = NAME(give),
};
