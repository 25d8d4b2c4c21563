/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "bn254/fp_common.h"

/* The largest power of ten in half a limb */
#define TEN_9 UINT64_C(1000000000)
#define DIGITS_9 9u
/* 254 bits */
#define DIGITS_MAX 77u
#define CHUNKS 9u

int cdx_fp_load(uint64_t out[4], const uint8_t in[32],
		const struct fp_modulus *p)
{
	uint64_t v[4];

	for (size_t i = 0; i < 4; i++)
		v[i] = cdx_get_le64(in + 8 * i);
	if (!fp_below(v, p->m))
		return CDX_E_FORMAT;
	memcpy(out, v, sizeof(v));
	return 0;
}

void cdx_fp_store(uint8_t out[32], const uint64_t v[4])
{
	for (size_t i = 0; i < 4; i++)
		cdx_put_le64(out + 8 * i, v[i]);
}

int cdx_fp_from_text(uint64_t out[4], const char *text,
		     const struct fp_modulus *p)
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
	if (!fp_below(v, p->m))
		return CDX_E_FORMAT;
	memcpy(out, v, sizeof(v));
	return 0;
}

void cdx_fp_to_text(char out[CDX_FP_TEXT_MAX], const uint64_t in[4])
{
	char digits[CHUNKS * DIGITS_9];
	uint64_t v[4];
	size_t at = sizeof(digits);
	size_t len;

	memcpy(v, in, sizeof(v));
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
