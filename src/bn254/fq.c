/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/fq.h"

#include <string.h>

#include "bn254/backend.h"
#include "bn254/fp_common.h"
#include "bn254/fq_modulus.h"
#include "bn254/fr_adx.h"

#ifdef CDX_ADX
#define ADX_P fq_modulus
#include "bn254/fp_adx.h"
#endif

const struct cdx_fq cdx_fq_zero = {{0, 0, 0, 0}};
const struct cdx_fq cdx_fq_one = {
	{UINT64_C(0xd35d438dc58f0d9d), UINT64_C(0x0a78eb28f5c70b3d),
	 UINT64_C(0x666ea36f7879462c), UINT64_C(0x0e0a77c19a07df2f)}};

void cdx_fq_add(struct cdx_fq *out, const struct cdx_fq *a,
		const struct cdx_fq *b)
{
#ifdef CDX_ADX
	if (cdx_bn254_backend() != CDX_BN254_PORTABLE) {
		adx_fp_add_once(out->l, a->l, b->l);
		return;
	}
#endif
	fp_add(out->l, a->l, b->l, &fq_modulus);
}

void cdx_fq_sub(struct cdx_fq *out, const struct cdx_fq *a,
		const struct cdx_fq *b)
{
#ifdef CDX_ADX
	if (cdx_bn254_backend() != CDX_BN254_PORTABLE) {
		adx_fp_sub_once(out->l, a->l, b->l);
		return;
	}
#endif
	fp_sub(out->l, a->l, b->l, &fq_modulus);
}

void cdx_fq_neg(struct cdx_fq *out, const struct cdx_fq *a)
{
	fp_sub(out->l, cdx_fq_zero.l, a->l, &fq_modulus);
}

void cdx_fq_mul(struct cdx_fq *out, const struct cdx_fq *a,
		const struct cdx_fq *b)
{
#ifdef CDX_ADX
	if (cdx_bn254_backend() != CDX_BN254_PORTABLE) {
		adx_fp_mul_once(out->l, a->l, b->l);
		return;
	}
#endif
	fp_mul(out->l, a->l, b->l, &fq_modulus);
}

void cdx_fq_sqr(struct cdx_fq *out, const struct cdx_fq *a)
{
#ifdef CDX_ADX
	if (cdx_bn254_backend() != CDX_BN254_PORTABLE) {
		adx_fp_sqr_once(out->l, a->l);
		return;
	}
#endif
	fp_mul(out->l, a->l, a->l, &fq_modulus);
}

void cdx_fq_inv(struct cdx_fq *out, const struct cdx_fq *a)
{
	cdx_fp_inv(out->l, a->l, &fq_modulus);
}

bool cdx_fq_equal(const struct cdx_fq *a, const struct cdx_fq *b)
{
	return memcmp(a->l, b->l, sizeof(a->l)) == 0;
}

bool cdx_fq_is_zero(const struct cdx_fq *a)
{
	return (a->l[0] | a->l[1] | a->l[2] | a->l[3]) == 0;
}

static void from_limbs(struct cdx_fq *out, const uint64_t v[4])
{
	const struct cdx_fq t = {{v[0], v[1], v[2], v[3]}};
	const struct cdx_fq r2 = {{fq_modulus.r2[0], fq_modulus.r2[1],
				   fq_modulus.r2[2], fq_modulus.r2[3]}};

	cdx_fq_mul(out, &t, &r2);
}

void cdx_fq_from_u64(struct cdx_fq *out, uint64_t v)
{
	const uint64_t t[4] = {v, 0, 0, 0};

	from_limbs(out, t);
}

int cdx_fq_from_bytes(struct cdx_fq *out, const uint8_t in[CDX_FQ_BYTES])
{
	uint64_t v[4];
	int rc = cdx_fp_load(v, in, &fq_modulus);

	if (rc == 0)
		from_limbs(out, v);
	return rc;
}

void cdx_fq_to_bytes(uint8_t out[CDX_FQ_BYTES], const struct cdx_fq *a)
{
	uint64_t v[4];

	fp_from_mont(v, a->l, &fq_modulus);
	cdx_fp_store(out, v);
}

int cdx_fq_from_mont(struct cdx_fq *out, const uint8_t in[CDX_FQ_BYTES])
{
	return cdx_fp_load(out->l, in, &fq_modulus);
}

void cdx_fq_to_mont(uint8_t out[CDX_FQ_BYTES], const struct cdx_fq *a)
{
	cdx_fp_store(out, a->l);
}

int cdx_fq_from_text(struct cdx_fq *out, const char *text)
{
	uint64_t v[4];
	int rc = cdx_fp_from_text(v, text, &fq_modulus);

	if (rc == 0)
		from_limbs(out, v);
	return rc;
}

void cdx_fq_to_text(char out[CDX_FQ_TEXT_MAX], const struct cdx_fq *a)
{
	uint64_t v[4];

	fp_from_mont(v, a->l, &fq_modulus);
	cdx_fp_to_text(out, v);
}
