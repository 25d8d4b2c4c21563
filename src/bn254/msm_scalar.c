/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/msm_sums.h"

#include <endian.h>
#include <string.h>

#include "bn254/fq.h"
#include "bn254/fq2.h"

/* Additions with the field arithmetic of the back end in use, one at a time */

/* Limbs between memory and a file, where they are little endian */
static inline void little_endian(void *p, size_t size)
{
	uint8_t *at = p;

	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t v;

		memcpy(&v, at + i, sizeof(v));
		v = htole64(v);
		memcpy(at + i, &v, sizeof(v));
	}
}

static inline void norm_g1(struct cdx_fq *out, const struct cdx_fq *a)
{
	*out = *a;
}

static inline void over_g1(struct cdx_fq *x, const struct cdx_fq *a,
			   const struct cdx_fq *inv)
{
	(void)a;
	cdx_fq_mul(x, x, inv);
}

#define EL struct cdx_fq
#define EL_NAME(x) cdx_fq_##x
#define NAME(x) x##_g1
#include "bn254/msm_scalar.h"
#undef EL
#undef EL_NAME
#undef NAME

/* a conj(a) = a0^2 + a1^2 */
static inline void norm_g2(struct cdx_fq *out, const struct cdx_fq2 *a)
{
	struct cdx_fq t;

	cdx_fq_sqr(out, &a->c0);
	cdx_fq_sqr(&t, &a->c1);
	cdx_fq_add(out, out, &t);
}

/* 1 / a = conj(a) / norm(a) */
static inline void over_g2(struct cdx_fq2 *x, const struct cdx_fq2 *a,
			   const struct cdx_fq *inv)
{
	struct cdx_fq2 t;

	cdx_fq2_conj(&t, a);
	cdx_fq2_mul_fq(&t, &t, inv);
	cdx_fq2_mul(x, x, &t);
}

#define EL struct cdx_fq2
#define EL_NAME(x) cdx_fq2_##x
#define NAME(x) x##_g2
#include "bn254/msm_scalar.h"
