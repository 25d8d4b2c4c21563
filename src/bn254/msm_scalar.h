/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Additions without vectors: a template (no guard), included for G1 and G2 by
 * each scalar back end after
 *   FQ_NAME(x)       operations in Fq
 *   EL, EL_NAME(x)   type of a coordinate and its operations
 *   NAME(x)          makes the names
 *   KERNEL           the kernel's name
 *   NORMS            the member norm of a scratch, when a norm is another
 *                    number than dx
 *   norm_of(s, j)    the norm of s->dx[j], a number in Fq that is zero for a
 *                    zero only; kept_norm(s, j) the same once more
 *   over(x, a, inv)  x /= a with inv = 1 / norm of a
 * All results are below q.  A point's own form is that of a key file, two
 * coordinates in Montgomery form.
 *
 * One addition is a chain of products that wait for each other, longer than
 * what a processor looks ahead.  So MSM_GROUP of them go along side by side,
 * step by step, with as many products of norms.
 */

/* As it lies in memory, but for the order of bytes */
struct NAME(point) {
	EL x;
	EL y;
};

/* What the way back needs of a group.  @plain: the additions with a slope; the
 * others have the norm 1. */
struct NAME(scratch) {
	struct cdx_fq before[MSM_GROUP]; /* product of the norms before */
	EL dx[MSM_GROUP];		 /* slope is dy / dx */
	EL dy[MSM_GROUP];
	NORMS
	bool plain[MSM_GROUP];
};

/* Where a point's coordinates are */
struct NAME(view) {
	const EL *x;
	const EL *y;
};

/* Limbs between memory and a file, where they are little endian */
static inline void NAME(little_endian)(struct NAME(point) * p)
{
	uint8_t *at = (uint8_t *)p;

	for (size_t i = 0; i < sizeof(*p); i += sizeof(uint64_t)) {
		uint64_t v;

		memcpy(&v, at + i, sizeof(v));
		v = htole64(v);
		memcpy(at + i, &v, sizeof(v));
	}
}

/* Point @i where it lies, without a sign; @room is for what is not there in the
 * right form */
static inline struct NAME(view)
	NAME(get_unsigned)(struct NAME(point) * room,
			   const struct msm_batch *batch, uint32_t i, bool file)
{
	const size_t size = sizeof(*room);
	const struct NAME(point) *p =
		file ? (const void *)(batch->file + (i >> 1) * size)
		     : (const void *)(batch->points + i * size);

	if (file && BYTE_ORDER != LITTLE_ENDIAN) {
		*room = *p;
		NAME(little_endian)(room);
		p = room;
	}
	return (struct NAME(view)){&p->x, &p->y};
}

/* The same with the sign that it has when it is of a file */
static inline struct NAME(view)
	NAME(get)(struct NAME(point) * room, const struct msm_batch *batch,
		  uint32_t i, bool file)
{
	struct NAME(view) p = NAME(get_unsigned)(room, batch, i, file);

	if (file) {
		EL_NAME(neg_if)(&room->y, p.y, i & 1);
		p.y = &room->y;
	}
	return p;
}

/* No other point has both coordinates zero */
static inline bool NAME(infinite)(const struct NAME(view) * p)
{
	return EL_NAME(is_zero)(p->x) && EL_NAME(is_zero)(p->y);
}

/* The slope of addition @j, whose dx is zero; returns false when the result is
 * infinite */
static bool NAME(tangent)(struct NAME(scratch) * s, size_t j,
			  const struct NAME(view) * a)
{
	EL t;

	EL_NAME(add)(&s->dx[j], a->y, a->y);
	if (!EL_NAME(is_zero)(&s->dy[j]) || EL_NAME(is_zero)(&s->dx[j]))
		return false;
	EL_NAME(sqr)(&t, a->x);
	EL_NAME(add)(&s->dy[j], &t, &t);
	EL_NAME(add)(&s->dy[j], &s->dy[j], &t);
	return true;
}

/* The slopes of a group and their norms */
static inline void NAME(slopes)(struct NAME(scratch) * s,
				const struct msm_batch *batch,
				const struct msm_pair *pairs, bool file)
{
	for (size_t j = 0; j < MSM_GROUP; j++) {
		struct NAME(point) room[2];
		const struct NAME(view) a =
			NAME(get)(&room[0], batch, pairs[j].a, file);
		const struct NAME(view) b =
			NAME(get)(&room[1], batch, pairs[j].b, file);

		EL_NAME(sub)(&s->dx[j], b.x, a.x);
		EL_NAME(sub)(&s->dy[j], b.y, a.y);
		s->plain[j] = !batch->infinite ||
			      !(NAME(infinite)(&a) || NAME(infinite)(&b));
		if (EL_NAME(is_zero)(&s->dx[j]) && s->plain[j])
			s->plain[j] = NAME(tangent)(s, j, &a);
		if (!s->plain[j])
			s->dx[j] = EL_NAME(one);
	}
}

/* The sum when there is no slope; returns whether it is infinite */
static bool NAME(no_slope)(struct NAME(point) * out,
			   const struct NAME(view) * a,
			   const struct NAME(view) * b)
{
	if (NAME(infinite)(b)) {
		*out = (struct NAME(point)){*a->x, *a->y};
	} else if (NAME(infinite)(a)) {
		*out = (struct NAME(point)){*b->x, *b->y};
	} else {
		memset(out, 0, sizeof(*out));
		return true;
	}
	return false;
}

/* x = slope^2 - xa - xb, y = slope (xa - x) - ya; @s has the slopes in dy.  No
 * point of a file is infinite, so b's y is not needed with its sign. */
static inline void NAME(sums)(const struct NAME(scratch) * s,
			      struct msm_batch *batch,
			      const struct msm_pair *pairs, bool file)
{
	struct NAME(point) sum[MSM_GROUP];
	struct NAME(point) room[MSM_GROUP][2];
	struct NAME(view) a[MSM_GROUP];
	struct NAME(view) b[MSM_GROUP];
	EL t[MSM_GROUP];

	for (size_t j = 0; j < MSM_GROUP; j++) {
		a[j] = NAME(get)(&room[j][0], batch, pairs[j].a, file);
		b[j] = NAME(get_unsigned)(&room[j][1], batch, pairs[j].b, file);
		EL_NAME(sqr)(&t[j], &s->dy[j]);
	}
	for (size_t j = 0; j < MSM_GROUP; j++) {
		EL_NAME(sub)(&t[j], &t[j], a[j].x);
		EL_NAME(sub)(&sum[j].x, &t[j], b[j].x);
		EL_NAME(sub)(&t[j], a[j].x, &sum[j].x);
	}
	for (size_t j = 0; j < MSM_GROUP; j++)
		EL_NAME(mul)(&t[j], &t[j], &s->dy[j]);
	for (size_t j = 0; j < MSM_GROUP; j++) {
		EL_NAME(sub)(&sum[j].y, &t[j], a[j].y);
		if (!s->plain[j] && NAME(no_slope)(&sum[j], &a[j], &b[j]))
			batch->infinite = true;
	}
	for (size_t j = 0; j < MSM_GROUP; j++)
		memcpy(batch->points + pairs[j].out * sizeof(sum[j]), &sum[j],
		       sizeof(sum[j]));
}

/* Each of @acc inverted, with one inversion */
static void NAME(invert)(struct cdx_fq acc[MSM_GROUP])
{
	struct cdx_fq before[MSM_GROUP];
	struct cdx_fq inv = acc[0];

	for (size_t j = 1; j < MSM_GROUP; j++) {
		before[j] = inv;
		FQ_NAME(mul)(&inv, &inv, &acc[j]);
	}
	cdx_fq_inv(&inv, &inv);
	for (size_t j = MSM_GROUP; j-- > 1;) {
		FQ_NAME(mul)(&before[j], &before[j], &inv);
		FQ_NAME(mul)(&inv, &inv, &acc[j]);
		acc[j] = before[j];
	}
	acc[0] = inv;
}

/* There, multiplying all norms up, and back with their inverses */
static inline void NAME(add_from)(struct msm_batch *batch, bool file)
{
	const size_t groups = batch->count / MSM_GROUP;
	const struct msm_pair *pairs = batch->pairs;
	struct NAME(scratch) *s = batch->scratch;
	struct cdx_fq acc[MSM_GROUP];

	for (size_t j = 0; j < MSM_GROUP; j++)
		s->before[j] = cdx_fq_one;
	for (size_t i = 0; i < groups; i++, s++, pairs += MSM_GROUP) {
		struct cdx_fq *next = i + 1 < groups ? s[1].before : acc;

		NAME(slopes)(s, batch, pairs, file);
		for (size_t j = 0; j < MSM_GROUP; j++)
			FQ_NAME(mul)(&next[j], &s->before[j], norm_of(s, j));
	}
	NAME(invert)(acc);
	for (size_t i = 0; i < groups; i++) {
		s--;
		pairs -= MSM_GROUP;
		for (size_t j = 0; j < MSM_GROUP; j++) {
			FQ_NAME(mul)(&s->before[j], &s->before[j], &acc[j]);
			FQ_NAME(mul)(&acc[j], &acc[j], kept_norm(s, j));
		}
		for (size_t j = 0; j < MSM_GROUP; j++)
			NAME(over)(&s->dy[j], &s->dx[j], &s->before[j]);
		NAME(sums)(s, batch, pairs, file);
	}
}

/* See struct msm_kernel, as for the next two */
static void NAME(add)(struct msm_batch *batch)
{
	if (batch->file)
		NAME(add_from)(batch, true);
	else
		NAME(add_from)(batch, false);
}

/* The forms are the same but for signs */
static void NAME(take)(const struct msm_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct NAME(point) p;
		const struct NAME(view) from =
			NAME(get)(&p, batch, batch->pairs[i].a, true);

		p.x = *from.x;
		memcpy(batch->points + batch->pairs[i].out * sizeof(p), &p,
		       sizeof(p));
	}
}

/* As above */
static void NAME(give)(uint8_t *out, const uint8_t *points, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct NAME(point) p;

		memcpy(&p, points + i * sizeof(p), sizeof(p));
		NAME(little_endian)(&p);
		memcpy(out + i * sizeof(p), &p, sizeof(p));
	}
}

/* All of it */
const struct msm_kernel KERNEL = {
	.size = sizeof(struct NAME(point)),
	.group = MSM_GROUP,
	.scratch = sizeof(struct NAME(scratch)),
	.add = NAME(add),
	.take = NAME(take),
	.give = NAME(give),
};

#undef EL
#undef EL_NAME
#undef NAME
#undef KERNEL
#undef NORMS
#undef norm_of
#undef kept_norm
