/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/msm_sums.h"

#include <endian.h>
#include <string.h>

#include "bn254/fq2.h"
#include "bn254/fr_adx.h"

/* Additions with mulx, adcx and adox */

#ifdef CDX_ADX

#include "bn254/fq2_adx.h"

#define fq_one cdx_fq_one
#define fq2_one cdx_fq2_one

/* a + b; all results here are below q */
static inline void fq_add(struct cdx_fq *out, const struct cdx_fq *a,
			  const struct cdx_fq *b)
{
	adx_fp_add_once(out->l, a->l, b->l);
}

/* a - b */
static inline void fq_sub(struct cdx_fq *out, const struct cdx_fq *a,
			  const struct cdx_fq *b)
{
	adx_fp_sub_once(out->l, a->l, b->l);
}

/* a b */
static inline void fq_mul(struct cdx_fq *out, const struct cdx_fq *a,
			  const struct cdx_fq *b)
{
	adx_fp_mul_once(out->l, a->l, b->l);
}

/* a a */
static inline void fq_sqr(struct cdx_fq *out, const struct cdx_fq *a)
{
	adx_fp_sqr_once(out->l, a->l);
}

static inline bool fq_is_zero(const struct cdx_fq *a)
{
	return (a->l[0] | a->l[1] | a->l[2] | a->l[3]) == 0;
}

/* @out = @a, or -@a when @sign is 1.  That of a point is never zero: the orders
 * of both curves are odd. */
static inline void fq_neg_if(struct cdx_fq *out, const struct cdx_fq *a,
			     uint32_t sign)
{
	adx_fp_neg_if(out->l, a->l, sign);
}

/* The same in Fq2 */
static inline void fq2_add(struct cdx_fq2 *out, const struct cdx_fq2 *a,
			   const struct cdx_fq2 *b)
{
	fq_add(&out->c0, &a->c0, &b->c0);
	fq_add(&out->c1, &a->c1, &b->c1);
}

/* As above */
static inline void fq2_sub(struct cdx_fq2 *out, const struct cdx_fq2 *a,
			   const struct cdx_fq2 *b)
{
	fq_sub(&out->c0, &a->c0, &b->c0);
	fq_sub(&out->c1, &a->c1, &b->c1);
}

#define fq2_mul fq2_mul_adx
#define fq2_sqr fq2_sqr_adx

static inline bool fq2_is_zero(const struct cdx_fq2 *a)
{
	return fq_is_zero(&a->c0) && fq_is_zero(&a->c1);
}

/* As fq_neg_if */
static inline void fq2_neg_if(struct cdx_fq2 *out, const struct cdx_fq2 *a,
			      uint32_t sign)
{
	fq_neg_if(&out->c0, &a->c0, sign);
	fq_neg_if(&out->c1, &a->c1, sign);
}

/* a conj(a) = a0^2 + a1^2 */
static inline const struct cdx_fq *norm(struct cdx_fq *out,
					const struct cdx_fq2 *a)
{
	adx_fp_mul2_once(out->l, a->c0.l, a->c0.l, a->c1.l, a->c1.l);
	return out;
}

#define MSM_GROUP 8u
#define FQ_NAME(x) fq_##x
#define FQ2_NAME(x) fq2_##x
#define KERNEL_NAME(x) cdx_msm_adx_##x
#include "bn254/msm_scalar_groups.h"

#endif
