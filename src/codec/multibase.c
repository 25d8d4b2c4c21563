/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codec/multibase.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"

#define BASE58_BTC "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
#define BASE58_FLICKR \
	"123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
#define BASE64_RFC \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define BASE64_URL \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define BASE32_LOWER "abcdefghijklmnopqrstuvwxyz234567"
#define BASE32_UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#define BASE32_HEX_LOWER "0123456789abcdefghijklmnopqrstuv"
#define BASE32_HEX_UPPER "0123456789ABCDEFGHIJKLMNOPQRSTUV"
#define BASE32_Z "ybndrfg8ejkmcpqxot1uwisza345h769"

/* log(256) / log(58) is 1.3658, so 138 digits stand for 100 bytes */
#define BASE58_DIGITS(bytes) ((bytes)*138 / 100 + 1)

struct base {
	char prefix;
	uint8_t bits; /* a digit's; 0 for a positional base */
	bool pad;     /* '=' may follow */
	const char *digits;
};

static const struct base bases[] = {
	{'0', 1, false, "01"},
	{'7', 3, false, "01234567"},
	{'9', 0, false, "0123456789"},
	{'f', 4, false, "0123456789abcdef"},
	{'F', 4, false, "0123456789ABCDEF"},
	{'v', 5, false, BASE32_HEX_LOWER},
	{'V', 5, false, BASE32_HEX_UPPER},
	{'t', 5, true, BASE32_HEX_LOWER},
	{'T', 5, true, BASE32_HEX_UPPER},
	{'b', 5, false, BASE32_LOWER},
	{'B', 5, false, BASE32_UPPER},
	{'c', 5, true, BASE32_LOWER},
	{'C', 5, true, BASE32_UPPER},
	{'h', 5, false, BASE32_Z},
	{'Z', 0, false, BASE58_FLICKR},
	{'z', 0, false, BASE58_BTC},
	{'m', 6, false, BASE64_RFC},
	{'M', 6, true, BASE64_RFC},
	{'u', 6, false, BASE64_URL},
	{'U', 6, true, BASE64_URL},
};

/* Value of a digit, or -1 */
static int digit_value(const char *digits, size_t radix, char c)
{
	const char *at = memchr(digits, c, radix);

	return at ? (int)(at - digits) : -1;
}

ssize_t cdx_base58_encode(char *out, size_t cap, const uint8_t *in, size_t len)
{
	uint8_t digit[BASE58_DIGITS(CDX_MULTIBASE_BYTES_MAX)];
	size_t zeros = 0;
	size_t used = 0; /* digits so far, least significant first */

	if (len > CDX_MULTIBASE_BYTES_MAX)
		return -EINVAL;
	while (zeros < len && in[zeros] == 0)
		zeros++;
	for (size_t i = zeros; i < len; i++) {
		unsigned carry = in[i];

		for (size_t j = 0; j < used; j++) {
			carry += 256u * digit[j];
			digit[j] = (uint8_t)(carry % 58);
			carry /= 58;
		}
		for (; carry; carry /= 58)
			digit[used++] = (uint8_t)(carry % 58);
	}
	if (cap <= zeros + used)
		return -EINVAL;
	memset(out, BASE58_BTC[0], zeros);
	for (size_t j = 0; j < used; j++)
		out[zeros + j] = BASE58_BTC[digit[used - 1 - j]];
	out[zeros + used] = '\0';
	return (ssize_t)(zeros + used);
}

/* Positional bases: leading zero digits stand for a zero byte each, the rest
 * is one big-endian number. */
static ssize_t decode_positional(uint8_t *out, size_t cap, const char *digits,
				 const char *text, size_t len)
{
	uint8_t byte[CDX_MULTIBASE_BYTES_MAX]; /* least significant first */
	size_t radix = strlen(digits);
	size_t zeros = 0;
	size_t used = 0;

	if (len > CDX_MULTIBASE_TEXT_MAX)
		return CDX_E_FORMAT;
	while (zeros < len && text[zeros] == digits[0])
		zeros++;
	for (size_t i = zeros; i < len; i++) {
		int v = digit_value(digits, radix, text[i]);
		size_t carry;

		if (v < 0)
			return CDX_E_FORMAT;
		carry = (size_t)v;
		for (size_t j = 0; j < used; j++) {
			carry += radix * byte[j];
			byte[j] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry && used == sizeof(byte))
			return CDX_E_FORMAT;
		if (carry)
			byte[used++] = (uint8_t)carry;
	}
	if (zeros + used > cap)
		return CDX_E_FORMAT;
	if (zeros)
		memset(out, 0, zeros);
	for (size_t j = 0; j < used; j++)
		out[zeros + j] = byte[used - 1 - j];
	return (ssize_t)(zeros + used);
}

/* Bases of 2^bits: digits are a bit string, cut into bytes from the front */
static ssize_t decode_bits(uint8_t *out, size_t cap, const struct base *b,
			   const char *text, size_t len)
{
	size_t radix = (size_t)1 << b->bits;
	unsigned acc = 0;
	unsigned have = 0; /* bits in acc that are not out yet */
	size_t n = 0;

	while (b->pad && len && text[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		int v = digit_value(b->digits, radix, text[i]);

		if (v < 0)
			return CDX_E_FORMAT;
		acc = acc << b->bits | (unsigned)v;
		have += b->bits;
		if (have < 8)
			continue;
		have -= 8;
		if (n == cap)
			return CDX_E_FORMAT;
		out[n++] = (uint8_t)(acc >> have);
		acc &= (1u << have) - 1;
	}
	/* a whole digit too many, or bits that no encoder writes */
	if (have >= b->bits || acc)
		return CDX_E_FORMAT;
	return (ssize_t)n;
}

ssize_t cdx_base58_decode(uint8_t *out, size_t cap, const char *text,
			  size_t len)
{
	return decode_positional(out, cap, BASE58_BTC, text, len);
}

ssize_t cdx_multibase_decode(uint8_t *out, size_t cap, const char *text,
			     size_t len)
{
	if (len == 0 || len > CDX_MULTIBASE_TEXT_MAX)
		return CDX_E_FORMAT;
	if (text[0] == '\0') {
		if (len - 1 > cap)
			return CDX_E_FORMAT;
		memcpy(out, text + 1, len - 1);
		return (ssize_t)(len - 1);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(bases); i++) {
		const struct base *b = &bases[i];

		if (b->prefix != text[0])
			continue;
		if (b->bits == 0)
			return decode_positional(out, cap, b->digits, text + 1,
						 len - 1);
		return decode_bits(out, cap, b, text + 1, len - 1);
	}
	return CDX_E_CODEC;
}
