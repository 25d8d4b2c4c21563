/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codec/u256.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define LIMBS ((size_t)4)
/* digits of 2^256 - 1 */
#define DEC_DIGITS 78u
#define HEX_DIGITS 64u

__extension__ typedef unsigned __int128 u128;

const struct cdx_u256 cdx_u256_max = {
	{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
};

struct cdx_u256 cdx_u256_of(uint64_t v)
{
	return (struct cdx_u256){{v, 0, 0, 0}};
}

struct cdx_u256 cdx_u256_from_be(const uint8_t in[32])
{
	struct cdx_u256 a = {{0}};

	for (size_t i = 0; i < LIMBS; i++)
		a.v[LIMBS - 1 - i] = cdx_get_be64(in + 8 * i);
	return a;
}

void cdx_u256_to_be(uint8_t out[32], const struct cdx_u256 *a)
{
	for (size_t i = 0; i < LIMBS; i++)
		cdx_put_be64(out + 8 * i, a->v[LIMBS - 1 - i]);
}

int cdx_u256_cmp(const struct cdx_u256 *a, const struct cdx_u256 *b)
{
	for (size_t i = LIMBS; i-- > 0;) {
		if (a->v[i] != b->v[i])
			return a->v[i] < b->v[i] ? -1 : 1;
	}
	return 0;
}

bool cdx_u256_is_zero(const struct cdx_u256 *a)
{
	return !(a->v[0] | a->v[1] | a->v[2] | a->v[3]);
}

int cdx_u256_to_u64(uint64_t *out, const struct cdx_u256 *a)
{
	if (a->v[1] | a->v[2] | a->v[3])
		return -ERANGE;
	*out = a->v[0];
	return 0;
}

int cdx_u256_add(struct cdx_u256 *out, const struct cdx_u256 *a,
		 const struct cdx_u256 *b)
{
	struct cdx_u256 sum = {{0}};
	uint64_t carry = 0;

	for (size_t i = 0; i < LIMBS; i++) {
		u128 t = (u128)a->v[i] + b->v[i] + carry;

		sum.v[i] = (uint64_t)t;
		carry = (uint64_t)(t >> 64);
	}
	if (carry)
		return -ERANGE;
	*out = sum;
	return 0;
}

int cdx_u256_sub(struct cdx_u256 *out, const struct cdx_u256 *a,
		 const struct cdx_u256 *b)
{
	struct cdx_u256 rest = {{0}};
	uint64_t borrow = 0;

	for (size_t i = 0; i < LIMBS; i++) {
		u128 t = (u128)a->v[i] - b->v[i] - borrow;

		rest.v[i] = (uint64_t)t;
		borrow = (uint64_t)(t >> 64) & 1;
	}
	if (borrow)
		return -ERANGE;
	*out = rest;
	return 0;
}

/* out += a * m, LIMBS limbs; returns what goes beyond them.  @out and @a are
 * not the same.  Each step is at most (2^64 - 1)^2 + 2 (2^64 - 1), which fits
 * 128 bits. */
static uint64_t add_mul(uint64_t *out, const uint64_t *a, uint64_t m)
{
	uint64_t carry = 0;

	for (size_t i = 0; i < LIMBS; i++) {
		u128 t = (u128)a[i] * m + out[i] + carry;

		out[i] = (uint64_t)t;
		carry = (uint64_t)(t >> 64);
	}
	return carry;
}

int cdx_u256_mul(struct cdx_u256 *out, const struct cdx_u256 *a,
		 const struct cdx_u256 *b)
{
	uint64_t product[2 * LIMBS] = {0};

	for (size_t i = 0; i < LIMBS; i++)
		product[i + LIMBS] = add_mul(product + i, a->v, b->v[i]);
	for (size_t i = LIMBS; i < 2 * LIMBS; i++) {
		if (product[i])
			return -ERANGE;
	}
	memcpy(out->v, product, sizeof(out->v));
	return 0;
}

/* a * m + c.  Returns what goes beyond 256 bits; @out may be @a. */
static uint64_t mul_limb(struct cdx_u256 *out, const struct cdx_u256 *a,
			 uint64_t m, uint64_t c)
{
	struct cdx_u256 product = cdx_u256_of(c);
	uint64_t over = add_mul(product.v, a->v, m);

	*out = product;
	return over;
}

/* (high : a) / d, where high < d; returns the remainder.  @out may be @a. */
static uint64_t div_limb(struct cdx_u256 *out, uint64_t high,
			 const struct cdx_u256 *a, uint64_t d)
{
	for (size_t i = LIMBS; i-- > 0;) {
		u128 t = (u128)high << 64 | a->v[i];

		out->v[i] = (uint64_t)(t / d);
		high = (uint64_t)(t % d);
	}
	return high;
}

int cdx_u256_mul_u64(struct cdx_u256 *out, const struct cdx_u256 *a, uint64_t b)
{
	struct cdx_u256 product;

	if (mul_limb(&product, a, b, 0))
		return -ERANGE;
	*out = product;
	return 0;
}

struct cdx_u256 cdx_u256_div_u64(const struct cdx_u256 *a, uint64_t d,
				 uint64_t *rem)
{
	struct cdx_u256 quotient;
	uint64_t rest = div_limb(&quotient, 0, a, d);

	if (rem)
		*rem = rest;
	return quotient;
}

int cdx_u256_scale(struct cdx_u256 *out, const struct cdx_u256 *a, uint64_t num,
		   uint64_t den)
{
	struct cdx_u256 product;
	uint64_t high = mul_limb(&product, a, num, 0);

	/* the quotient has a fifth limb exactly then */
	if (high >= den)
		return -ERANGE;
	(void)div_limb(out, high, &product, den);
	return 0;
}

/* ---- decimal text */

/* Digits, least significant first; returns their number, at least 1 */
static size_t digits_of(char out[DEC_DIGITS], const struct cdx_u256 *a)
{
	struct cdx_u256 rest = *a;
	size_t n = 0;

	do {
		out[n++] = (char)('0' + div_limb(&rest, 0, &rest, 10));
	} while (!cdx_u256_is_zero(&rest));
	return n;
}

/* @out: the digits, a point and a zero before it, NUL */
static void put_units(char *out, const struct cdx_u256 *a, unsigned decimals)
{
	char digits[DEC_DIGITS];
	size_t n = digits_of(digits, a);
	size_t low = 0;

	/* a zero stands before the point */
	while (n <= decimals)
		digits[n++] = '0';
	while (low < decimals && digits[low] == '0')
		low++;
	while (n > low) {
		if (n == decimals)
			*out++ = '.';
		*out++ = digits[--n];
	}
	*out = '\0';
}

void cdx_u256_units(char out[CDX_U256_TEXT_MAX + 2], const struct cdx_u256 *a,
		    unsigned decimals)
{
	put_units(out, a, decimals);
}

void cdx_u256_dec(char out[CDX_U256_TEXT_MAX], const struct cdx_u256 *a)
{
	put_units(out, a, 0);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes the digits in front of @text, @n of them, and appends them to the
 * number.  -ERANGE when it does not fit. */
static int take_digits(struct cdx_u256 *io, size_t *n, const char *text)
{
	int err = 0;

	for (*n = 0; is_digit(text[*n]); (*n)++) {
		if (mul_limb(io, io, 10, (uint64_t)(text[*n] - '0')))
			err = -ERANGE;
	}
	return err;
}

int cdx_u256_parse_units(struct cdx_u256 *out, const char *text,
			 unsigned decimals)
{
	struct cdx_u256 a = {{0}};
	size_t whole;
	size_t behind = 0;
	int err = take_digits(&a, &whole, text);

	text += whole;
	if (whole && *text == '.') {
		int later = take_digits(&a, &behind, text + 1);

		err = err ? err : later;
		text += behind ? 1 + behind : 0;
	}
	/* that it is no number at all comes before its size */
	if (!whole || *text || behind > decimals)
		return CDX_E_FORMAT;
	for (; !err && behind < decimals; behind++)
		err = cdx_u256_mul_u64(&a, &a, 10);
	if (err)
		return err;
	*out = a;
	return 0;
}

int cdx_u256_parse(struct cdx_u256 *out, const char *text)
{
	return cdx_u256_parse_units(out, text, 0);
}

/* ---- hexadecimal text */

void cdx_u256_quantity(char out[67], const struct cdx_u256 *a)
{
	uint8_t bytes[32];
	char hex[HEX_DIGITS + 1];
	const char *p = hex;

	cdx_u256_to_be(bytes, a);
	cdx_hex(hex, bytes, sizeof(bytes));
	while (p[0] == '0' && p[1])
		p++;
	out[0] = '0';
	out[1] = 'x';
	memcpy(out + 2, p, strlen(p) + 1);
}

int cdx_u256_parse_quantity(struct cdx_u256 *out, const char *text)
{
	char hex[HEX_DIGITS + 1];
	uint8_t bytes[32];
	size_t len;

	if (text[0] != '0' || text[1] != 'x')
		return CDX_E_FORMAT;
	len = strnlen(text + 2, HEX_DIGITS + 1);
	if (!len || len > HEX_DIGITS)
		return CDX_E_FORMAT;
	memset(hex, '0', HEX_DIGITS - len);
	memcpy(hex + HEX_DIGITS - len, text + 2, len + 1);
	if (cdx_unhex(bytes, sizeof(bytes), hex) < 0)
		return CDX_E_FORMAT;
	*out = cdx_u256_from_be(bytes);
	return 0;
}
