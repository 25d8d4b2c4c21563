/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/fr_adx.h"

#ifdef CDX_ADX

#include <cpuid.h>

#include "bn254/fr_adx_ops.h"

#define LEAF7_EBX_BMI2 (1u << 8)
#define LEAF7_EBX_ADX (1u << 19)

/* Neither needs anything of the system: they use general registers only */
bool cdx_adx_have(void)
{
	const unsigned want = LEAF7_EBX_BMI2 | LEAF7_EBX_ADX;
	unsigned a;
	unsigned b;
	unsigned c;
	unsigned d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & want) == want;
}

void cdx_adx_mul(struct cdx_fr *out, const struct cdx_fr *a,
		 const struct cdx_fr *b)
{
	adx_mul_once(out, a, b);
}

void cdx_adx_sqr(struct cdx_fr *out, const struct cdx_fr *a)
{
	adx_sqr_once(out, a);
}

#else

#include "bn254/fr_modulus.h"

bool cdx_adx_have(void)
{
	return false;
}

void cdx_adx_mul(struct cdx_fr *out, const struct cdx_fr *a,
		 const struct cdx_fr *b)
{
	fp_mul(out->l, a->l, b->l, &fr_modulus);
}

void cdx_adx_sqr(struct cdx_fr *out, const struct cdx_fr *a)
{
	fp_mul(out->l, a->l, a->l, &fr_modulus);
}

#endif
