/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/fr.h"

#include <string.h>

#include "base/bytes.h"
#include "bn254/backend.h"
#include "bn254/fp_common.h"
#include "bn254/fr_adx.h"
#include "bn254/fr_modulus.h"

const struct cdx_fr cdx_fr_zero = {{0, 0, 0, 0}};
const struct cdx_fr cdx_fr_one = {
	{UINT64_C(0xac96341c4ffffffb), UINT64_C(0x36fc76959f60cd29),
	 UINT64_C(0x666ea36f7879462e), UINT64_C(0x0e0a77c19a07df2f)}};

void cdx_fr_add(struct cdx_fr *out, const struct cdx_fr *a,
		const struct cdx_fr *b)
{
	fp_add(out->l, a->l, b->l, &fr_modulus);
}

void cdx_fr_sub(struct cdx_fr *out, const struct cdx_fr *a,
		const struct cdx_fr *b)
{
	fp_sub(out->l, a->l, b->l, &fr_modulus);
}

void cdx_fr_neg(struct cdx_fr *out, const struct cdx_fr *a)
{
	fp_sub(out->l, cdx_fr_zero.l, a->l, &fr_modulus);
}

void cdx_fr_mul(struct cdx_fr *out, const struct cdx_fr *a,
		const struct cdx_fr *b)
{
	if (cdx_bn254_backend() != CDX_BN254_PORTABLE)
		cdx_adx_mul(out, a, b);
	else
		fp_mul(out->l, a->l, b->l, &fr_modulus);
}

void cdx_fr_sqr(struct cdx_fr *out, const struct cdx_fr *a)
{
	if (cdx_bn254_backend() != CDX_BN254_PORTABLE)
		cdx_adx_sqr(out, a);
	else
		fp_mul(out->l, a->l, a->l, &fr_modulus);
}

void cdx_fr_inv(struct cdx_fr *out, const struct cdx_fr *a)
{
	cdx_fp_inv(out->l, a->l, &fr_modulus);
}

bool cdx_fr_equal(const struct cdx_fr *a, const struct cdx_fr *b)
{
	return memcmp(a->l, b->l, sizeof(a->l)) == 0;
}

bool cdx_fr_is_zero(const struct cdx_fr *a)
{
	return (a->l[0] | a->l[1] | a->l[2] | a->l[3]) == 0;
}

static void from_limbs(struct cdx_fr *out, const uint64_t v[4])
{
	const struct cdx_fr t = {{v[0], v[1], v[2], v[3]}};
	const struct cdx_fr r2 = {{fr_modulus.r2[0], fr_modulus.r2[1],
				   fr_modulus.r2[2], fr_modulus.r2[3]}};

	cdx_fr_mul(out, &t, &r2);
}

void cdx_fr_from_u64(struct cdx_fr *out, uint64_t v)
{
	const uint64_t t[4] = {v, 0, 0, 0};

	from_limbs(out, t);
}

int cdx_fr_from_bytes(struct cdx_fr *out, const uint8_t in[CDX_FR_BYTES])
{
	uint64_t v[4];
	int rc = cdx_fp_load(v, in, &fr_modulus);

	if (rc == 0)
		from_limbs(out, v);
	return rc;
}

void cdx_fr_from_short(struct cdx_fr *out, const void *p, size_t len)
{
	uint8_t b[CDX_FR_BYTES] = {0};
	uint64_t v[4];

	if (len > 0) /* else @p may be NULL */
		memcpy(b, p, len < CDX_FR_BYTES ? len : CDX_FR_BYTES - 1);
	for (size_t i = 0; i < 4; i++)
		v[i] = cdx_get_le64(b + 8 * i);
	from_limbs(out, v);
}

void cdx_fr_to_limbs(uint64_t out[4], const struct cdx_fr *a)
{
	fp_from_mont(out, a->l, &fr_modulus);
}

void cdx_fr_to_bytes(uint8_t out[CDX_FR_BYTES], const struct cdx_fr *a)
{
	uint64_t v[4];

	cdx_fr_to_limbs(v, a);
	cdx_fp_store(out, v);
}

int cdx_fr_from_text(struct cdx_fr *out, const char *text)
{
	uint64_t v[4];
	int rc = cdx_fp_from_text(v, text, &fr_modulus);

	if (rc == 0)
		from_limbs(out, v);
	return rc;
}

void cdx_fr_to_text(char out[CDX_FR_TEXT_MAX], const struct cdx_fr *a)
{
	uint64_t v[4];

	cdx_fr_to_limbs(v, a);
	cdx_fp_to_text(out, v);
}
