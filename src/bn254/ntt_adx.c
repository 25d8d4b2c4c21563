/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/ntt_internal.h"

#include "bn254/fr_adx.h"
#include "bn254/fr_modulus.h"

#ifdef CDX_ADX

#include "bn254/fr_adx_ops.h"

static inline void mul(struct cdx_fr *out, const struct cdx_fr *a,
		       const struct cdx_fr *b)
{
	adx_mul_once(out, a, b);
}

static inline void cross(struct cdx_fr *a, struct cdx_fr *b)
{
	struct cdx_fr sum;

	fp_add(sum.l, a->l, b->l, &fr_modulus);
	fp_sub(b->l, a->l, b->l, &fr_modulus);
	*a = sum;
}

#define NTT_NAME(x) cdx_ntt_adx_##x
#include "bn254/ntt_scalar.h"

#else

void cdx_ntt_adx_down(const struct cdx_ntt *t, struct cdx_fr *a)
{
	cdx_ntt_portable_down(t, a);
}

void cdx_ntt_adx_up(const struct cdx_ntt *t, struct cdx_fr *a)
{
	cdx_ntt_portable_up(t, a);
}

void cdx_ntt_adx_scale(struct cdx_fr *a, size_t n, const struct cdx_fr *c)
{
	cdx_ntt_portable_scale(a, n, c);
}

#endif
