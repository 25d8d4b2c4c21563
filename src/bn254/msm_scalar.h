/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Additions one after the other: a template (no guard), included for G1 and G2
 * by msm_scalar.c after
 *   EL, EL_NAME(x)   type of a coordinate and its operations
 *   NAME(x)          makes the names
 *   norm(out, a)     a number in Fq that is zero for a = 0 only
 *   over(x, a, inv)  x /= a with inv = 1 / norm(a)
 * A point's own form is that of a key file, two coordinates in Montgomery form.
 */

/* As it lies in memory, but for the order of bytes */
struct NAME(point) {
	EL x;
	EL y;
};

/* What the way back needs of an addition */
struct NAME(scratch) {
	struct cdx_fq before; /* product of all norms before this one */
	struct cdx_fq norm;
	EL dx; /* slope is dy / dx */
	EL dy;
};

/* Point @i; of a file when @file is not NULL, then with its sign */
static inline void NAME(get)(struct NAME(point) * p,
			     const struct msm_batch *batch, uint32_t i)
{
	if (!batch->file) {
		memcpy(p, batch->points + i * sizeof(*p), sizeof(*p));
		return;
	}
	memcpy(p, batch->file + (i >> 1) * sizeof(*p), sizeof(*p));
	little_endian(p, sizeof(*p));
	if (i & 1)
		EL_NAME(neg)(&p->y, &p->y);
}

/* No other point has both coordinates zero */
static inline bool NAME(infinite)(const struct NAME(point) * p)
{
	return EL_NAME(is_zero)(&p->x) && EL_NAME(is_zero)(&p->y);
}

/* The slope of an addition that has one; returns false when the result is
 * infinite or one of the two */
static inline bool NAME(slope)(struct NAME(scratch) * s,
			       const struct NAME(point) * a,
			       const struct NAME(point) * b)
{
	EL t;

	EL_NAME(sub)(&s->dx, &b->x, &a->x);
	EL_NAME(sub)(&s->dy, &b->y, &a->y);
	if (!EL_NAME(is_zero)(&s->dx))
		return true;
	EL_NAME(add)(&s->dx, &a->y, &a->y);
	if (!EL_NAME(is_zero)(&s->dy) || EL_NAME(is_zero)(&s->dx))
		return false;
	/* the same point twice: the tangent */
	EL_NAME(sqr)(&t, &a->x);
	EL_NAME(add)(&s->dy, &t, &t);
	EL_NAME(add)(&s->dy, &s->dy, &t);
	return true;
}

/* The sum when there is no slope */
static inline void NAME(no_slope)(struct NAME(point) * out,
				  const struct NAME(point) * a,
				  const struct NAME(point) * b,
				  struct msm_batch *batch)
{
	if (NAME(infinite)(b)) {
		*out = *a;
	} else if (NAME(infinite)(a)) {
		*out = *b;
	} else {
		memset(out, 0, sizeof(*out));
		batch->infinite = true;
	}
}

/* x = slope^2 - xa - xb, y = slope (xa - x) - ya */
static inline void NAME(sum)(struct NAME(point) * out,
			     const struct NAME(point) * a,
			     const struct NAME(point) * b, const EL *slope)
{
	EL t;

	EL_NAME(sqr)(&t, slope);
	EL_NAME(sub)(&t, &t, &a->x);
	EL_NAME(sub)(&out->x, &t, &b->x);
	EL_NAME(sub)(&t, &a->x, &out->x);
	EL_NAME(mul)(&t, &t, slope);
	EL_NAME(sub)(&out->y, &t, &a->y);
}

/* There, multiplying all norms up, and back with their inverses; a norm of zero
 * stands for an addition without a slope */
static void NAME(add)(struct msm_batch *batch)
{
	const struct msm_pair *pairs = batch->pairs;
	const bool careful = batch->infinite;
	struct NAME(scratch) *s = batch->scratch;
	struct cdx_fq acc = cdx_fq_one;
	struct NAME(point) a;
	struct NAME(point) b;

	for (size_t i = 0; i < batch->count; i++) {
		NAME(get)(&a, batch, pairs[i].a);
		NAME(get)(&b, batch, pairs[i].b);
		s[i].before = acc;
		s[i].norm = cdx_fq_zero;
		if ((careful && (NAME(infinite)(&a) || NAME(infinite)(&b))) ||
		    !NAME(slope)(&s[i], &a, &b))
			continue;
		NAME(norm)(&s[i].norm, &s[i].dx);
		cdx_fq_mul(&acc, &acc, &s[i].norm);
	}
	cdx_fq_inv(&acc, &acc);
	for (size_t i = batch->count; i-- > 0;) {
		struct NAME(point) sum;
		struct cdx_fq inv;

		NAME(get)(&a, batch, pairs[i].a);
		NAME(get)(&b, batch, pairs[i].b);
		if (cdx_fq_is_zero(&s[i].norm)) {
			NAME(no_slope)(&sum, &a, &b, batch);
		} else {
			cdx_fq_mul(&inv, &acc, &s[i].before);
			cdx_fq_mul(&acc, &acc, &s[i].norm);
			NAME(over)(&s[i].dy, &s[i].dx, &inv);
			NAME(sum)(&sum, &a, &b, &s[i].dy);
		}
		memcpy(batch->points + pairs[i].out * sizeof(sum), &sum,
		       sizeof(sum));
	}
}

/* See struct msm_kernel, as for the next */
static void NAME(take)(const struct msm_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct NAME(point) p;

		NAME(get)(&p, batch, batch->pairs[i].a);
		memcpy(batch->points + batch->pairs[i].out * sizeof(p), &p,
		       sizeof(p));
	}
}

/* The form is the same */
static void NAME(give)(uint8_t *out, const uint8_t *points, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct NAME(point) p;

		memcpy(&p, points + i * sizeof(p), sizeof(p));
		little_endian(&p, sizeof(p));
		memcpy(out + i * sizeof(p), &p, sizeof(p));
	}
}

/* All of it */
const struct msm_kernel NAME(cdx_msm_scalar) = {
	.size = sizeof(struct NAME(point)),
	.group = 1,
	.scratch = sizeof(struct NAME(scratch)),
	.add = NAME(add),
	.take = NAME(take),
	.give = NAME(give),
};
