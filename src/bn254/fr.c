/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "bn254/fr.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "bn254/backend.h"
#include "bn254/fr_adx.h"
#include "bn254/fr_modulus.h"

const struct cdx_fr cdx_fr_zero = {{0, 0, 0, 0}};
const struct cdx_fr cdx_fr_one = {
	{UINT64_C(0xac96341c4ffffffb), UINT64_C(0x36fc76959f60cd29),
	 UINT64_C(0x666ea36f7879462e), UINT64_C(0x0e0a77c19a07df2f)}};

/* The largest power of ten in half a limb */
#define TEN_9 UINT64_C(1000000000)
#define DIGITS_9 9u
/* 254 bits */
#define DIGITS_MAX 77u
#define CHUNKS 9u

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

/* a^(r - 2), four bits of the exponent at a time */
void cdx_fr_inv(struct cdx_fr *out, const struct cdx_fr *a)
{
	uint64_t e[4];
	struct cdx_fr power[16]; /* power[i] = a^i */
	struct cdx_fr x = cdx_fr_one;

	memcpy(e, fr_modulus.m, sizeof(e));
	e[0] -= 2; /* r ends in ...0001 with higher bits in the same limb */
	power[0] = cdx_fr_one;
	for (size_t i = 1; i < 16; i++)
		cdx_fr_mul(&power[i], &power[i - 1], a);
	for (size_t i = 64; i-- > 0;) {
		for (size_t j = 0; j < 4; j++)
			cdx_fr_sqr(&x, &x);
		cdx_fr_mul(&x, &x, &power[(e[i / 16] >> (i % 16 * 4)) & 15]);
	}
	*out = x;
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

	for (size_t i = 0; i < 4; i++)
		v[i] = cdx_get_le64(in + 8 * i);
	if (!fp_below(v, fr_modulus.m))
		return CDX_E_FORMAT;
	from_limbs(out, v);
	return 0;
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
	for (size_t i = 0; i < 4; i++)
		cdx_put_le64(out + 8 * i, v[i]);
}

int cdx_fr_from_text(struct cdx_fr *out, const char *text)
{
	uint64_t v[4] = {0};
	size_t n = strnlen(text, DIGITS_MAX + 1);

	if (n == 0 || n > DIGITS_MAX || (text[0] == '0' && n > 1))
		return CDX_E_FORMAT;
	/* 10^77 is below 2^256: no carry leaves the top limb */
	for (size_t i = 0; i < n; i++) {
		uint64_t carry;

		if (text[i] < '0' || text[i] > '9')
			return CDX_E_FORMAT;
		carry = (uint64_t)(text[i] - '0');
		for (size_t j = 0; j < 4; j++)
			v[j] = fp_mac(0, v[j], 10, &carry);
	}
	if (!fp_below(v, fr_modulus.m))
		return CDX_E_FORMAT;
	from_limbs(out, v);
	return 0;
}

void cdx_fr_to_text(char out[CDX_FR_TEXT_MAX], const struct cdx_fr *a)
{
	char digits[CHUNKS * DIGITS_9];
	uint64_t v[4];
	size_t at = sizeof(digits);
	size_t len;

	cdx_fr_to_limbs(v, a);
	while (at > 0) {
		uint64_t rest = 0;

		for (size_t i = 4; i-- > 0;) {
			uint64_t high = rest << 32 | v[i] >> 32;
			uint64_t low =
				(high % TEN_9) << 32 | (v[i] & UINT32_MAX);

			v[i] = (high / TEN_9) << 32 | low / TEN_9;
			rest = low % TEN_9;
		}
		for (size_t i = 0; i < DIGITS_9; i++) {
			digits[--at] = (char)('0' + rest % 10);
			rest /= 10;
		}
	}
	while (at < sizeof(digits) - 1 && digits[at] == '0')
		at++;
	len = sizeof(digits) - at;
	memcpy(out, digits + at, len);
	out[len] = '\0';
}
