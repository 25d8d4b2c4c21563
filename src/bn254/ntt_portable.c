/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/ntt_internal.h"

#include "bn254/fr_modulus.h"

static inline void mul(struct cdx_fr *b, const struct cdx_fr *c)
{
	fp_mul(b->l, b->l, c->l, &fr_modulus);
}

static inline void cross(struct cdx_fr *a, struct cdx_fr *b)
{
	struct cdx_fr sum;

	fp_add(sum.l, a->l, b->l, &fr_modulus);
	fp_sub(b->l, a->l, b->l, &fr_modulus);
	*a = sum;
}

/* All results here are below r */
#define settle(b) (void)(b)
#define finish(b) (void)(b)

#define NTT_NAME(x) cdx_ntt_portable_##x
#include "bn254/ntt_scalar.h"
