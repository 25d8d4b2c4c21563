/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The permutation that keeps its steps: a template, included once for each
 * scalar back end (no guard).  The includer defines
 *
 *   trace_sqr(o, a)            o = a a
 *   trace_mul(o, a, b)         o = a b
 *   trace_add(o, a, b)         o = a + b
 *   trace_sum3(o, a, b, c)     o = a + b + c
 *   trace_sum4(o, a, b, c, d)  o = a + b + c + d
 *   trace_keep(o, a)           o = a, fully reduced
 *
 * What is kept is reduced beside the chain of products that makes the time, not
 * in it.
 */

/* y := (x + c)^5 */
static inline void trace_sbox(struct cdx_fr *y, struct cdx_trace_sbox *t,
			      const struct cdx_fr *x, const struct cdx_fr *c)
{
	struct cdx_fr s;
	struct cdx_fr x2;
	struct cdx_fr x4;

	trace_add(&s, x, c);
	trace_sqr(&x2, &s);
	trace_sqr(&x4, &x2);
	trace_mul(y, &x4, &s);
	trace_keep(&t->x2, &x2);
	trace_keep(&t->x4, &x4);
}

/* Matrix [[2,1,1],[1,2,1],[1,1,2]] */
static inline void trace_mix(struct cdx_fr s[3])
{
	struct cdx_fr sum;

	trace_sum3(&sum, &s[0], &s[1], &s[2]);
	for (size_t j = 0; j < 3; j++)
		trace_sum3(&s[j], &s[j], &sum, &cdx_fr_zero);
}

/* External round @k; @after: the state, fully reduced */
static inline void trace_external(struct cdx_fr s[3],
				  struct cdx_poseidon2_trace *t, size_t k,
				  struct cdx_fr after[3])
{
	for (size_t j = 0; j < 3; j++)
		trace_sbox(&s[j], &t->external[k][j], &s[j],
			   &cdx_poseidon2_ext[k][j]);
	trace_mix(s);
	for (size_t j = 0; j < 3; j++)
		trace_keep(&after[j], &s[j]);
}

/* Internal round @k; matrix [[2,1,1],[1,2,1],[1,1,3]] */
static inline void trace_internal(struct cdx_fr s[3],
				  struct cdx_poseidon2_trace *t, size_t k)
{
	struct cdx_fr y;
	struct cdx_fr v;

	/* beside the S-box, not behind it */
	trace_add(&v, &s[1], &s[2]);
	trace_sbox(&y, &t->internal[k], &s[0], &cdx_poseidon2_int[k]);
	trace_sum3(&s[0], &y, &y, &v);
	trace_sum3(&s[1], &s[1], &y, &v);
	trace_sum4(&s[2], &s[2], &s[2], &y, &v);
	trace_keep(&t->middle[k], &s[0]);
}

/* The permutation */
static inline void trace_permute(struct cdx_fr s[3],
				 struct cdx_poseidon2_trace *t)
{
	trace_mix(s);
	for (size_t k = 0; k < CDX_TRACE_HALF; k++)
		trace_external(s, t, k, t->first[k]);
	for (size_t k = 0; k < CDX_TRACE_INTERNAL; k++)
		trace_internal(s, t, k);
	for (size_t k = 0; k < CDX_TRACE_HALF - 1; k++)
		trace_external(s, t, CDX_TRACE_HALF + k, t->last[k]);
	trace_external(s, t, CDX_TRACE_EXTERNAL - 1, s);
}
