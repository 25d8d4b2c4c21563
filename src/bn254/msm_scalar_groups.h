/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Both groups' kernels of a scalar back end: a template (no guard), see
 * msm_scalar.h, included after MSM_GROUP,
 *   FQ_NAME(x), FQ2_NAME(x)  operations in the fields
 *   KERNEL_NAME(x)           makes the kernels' names
 *   norm(out, a)             out = a conj(a) in Fq, which it returns
 */

/* A number of Fq is its own norm */
static inline void over_g1(struct cdx_fq *x, const struct cdx_fq *a,
			   const struct cdx_fq *inv)
{
	(void)a;
	FQ_NAME(mul)(x, x, inv);
}

#define EL struct cdx_fq
#define EL_NAME(x) FQ_NAME(x)
#define NAME(x) x##_g1
#define KERNEL KERNEL_NAME(g1)
#define NORMS
#define norm_of(s, j) (&(s)->dx[j])
#define kept_norm(s, j) (&(s)->dx[j])
#include "bn254/msm_scalar.h"

/* 1 / a = conj(a) / norm(a) */
static inline void over_g2(struct cdx_fq2 *x, const struct cdx_fq2 *a,
			   const struct cdx_fq *inv)
{
	struct cdx_fq2 t;

	FQ_NAME(sub)(&t.c1, &cdx_fq_zero, &a->c1);
	FQ_NAME(mul)(&t.c0, &a->c0, inv);
	FQ_NAME(mul)(&t.c1, &t.c1, inv);
	FQ2_NAME(mul)(x, x, &t);
}

#define EL struct cdx_fq2
#define EL_NAME(x) FQ2_NAME(x)
#define NAME(x) x##_g2
#define KERNEL KERNEL_NAME(g2)
#define NORMS struct cdx_fq norm[MSM_GROUP];
#define norm_of(s, j) norm(&(s)->norm[j], &(s)->dx[j])
#define kept_norm(s, j) (&(s)->norm[j])
#include "bn254/msm_scalar.h"
