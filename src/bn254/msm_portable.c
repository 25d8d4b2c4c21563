/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/msm_sums.h"

#include <endian.h>
#include <string.h>

#include "bn254/fq2.h"

/* Additions with the field arithmetic of the back end in use, which is that for
 * any processor where these kernels are used */

/* @out = @a, or -@a when @sign is 1; not to be guessed, so without a branch */
static inline void cdx_fq_neg_if(struct cdx_fq *out, const struct cdx_fq *a,
				 uint32_t sign)
{
	const uint64_t mask = 0 - (uint64_t)sign;
	struct cdx_fq minus;

	cdx_fq_neg(&minus, a);
	for (size_t i = 0; i < 4; i++)
		out->l[i] = a->l[i] ^ ((a->l[i] ^ minus.l[i]) & mask);
}

/* As above */
static inline void cdx_fq2_neg_if(struct cdx_fq2 *out, const struct cdx_fq2 *a,
				  uint32_t sign)
{
	cdx_fq_neg_if(&out->c0, &a->c0, sign);
	cdx_fq_neg_if(&out->c1, &a->c1, sign);
}

/* a conj(a) = a0^2 + a1^2 */
static inline const struct cdx_fq *norm(struct cdx_fq *out,
					const struct cdx_fq2 *a)
{
	struct cdx_fq t;

	cdx_fq_sqr(out, &a->c0);
	cdx_fq_sqr(&t, &a->c1);
	cdx_fq_add(out, out, &t);
	return out;
}

#define MSM_GROUP 8u
#define FQ_NAME(x) cdx_fq_##x
#define FQ2_NAME(x) cdx_fq2_##x
#define KERNEL_NAME(x) cdx_msm_portable_##x
#include "bn254/msm_scalar_groups.h"
