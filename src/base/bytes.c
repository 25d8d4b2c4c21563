/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define BUF_MIN 64u
#define VARINT_MAX 10u

void cdx_put_be16(uint8_t out[2], uint16_t v)
{
	out[0] = (uint8_t)(v >> 8);
	out[1] = (uint8_t)v;
}

void cdx_put_be32(uint8_t out[4], uint32_t v)
{
	cdx_put_be16(out, (uint16_t)(v >> 16));
	cdx_put_be16(out + 2, (uint16_t)v);
}

void cdx_put_be64(uint8_t out[8], uint64_t v)
{
	cdx_put_be32(out, (uint32_t)(v >> 32));
	cdx_put_be32(out + 4, (uint32_t)v);
}

void cdx_put_le16(uint8_t out[2], uint16_t v)
{
	out[0] = (uint8_t)v;
	out[1] = (uint8_t)(v >> 8);
}

void cdx_put_le32(uint8_t out[4], uint32_t v)
{
	cdx_put_le16(out, (uint16_t)v);
	cdx_put_le16(out + 2, (uint16_t)(v >> 16));
}

void cdx_put_le64(uint8_t out[8], uint64_t v)
{
	cdx_put_le32(out, (uint32_t)v);
	cdx_put_le32(out + 4, (uint32_t)(v >> 32));
}

uint16_t cdx_get_be16(const uint8_t in[2])
{
	return (uint16_t)((in[0] << 8) | in[1]);
}

uint32_t cdx_get_be32(const uint8_t in[4])
{
	return ((uint32_t)cdx_get_be16(in) << 16) | cdx_get_be16(in + 2);
}

uint64_t cdx_get_be64(const uint8_t in[8])
{
	return ((uint64_t)cdx_get_be32(in) << 32) | cdx_get_be32(in + 4);
}

uint16_t cdx_get_le16(const uint8_t in[2])
{
	return (uint16_t)(in[0] | (in[1] << 8));
}

uint32_t cdx_get_le32(const uint8_t in[4])
{
	return cdx_get_le16(in) | ((uint32_t)cdx_get_le16(in + 2) << 16);
}

uint64_t cdx_get_le64(const uint8_t in[8])
{
	return cdx_get_le32(in) | ((uint64_t)cdx_get_le32(in + 4) << 32);
}

void cdx_hex(char *out, const uint8_t *in, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[2 * len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int cdx_unhex(uint8_t *out, size_t len, const char *hex)
{
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(hex[2 * i]);
		int lo;

		/* the first digit may be the NUL: do not look past it */
		if (hi < 0)
			return CDX_E_FORMAT;
		lo = hex_digit(hex[2 * i + 1]);
		if (lo < 0)
			return CDX_E_FORMAT;
		out[i] = (uint8_t)((hi << 4) | lo);
	}
	return hex[2 * len] == '\0' ? 0 : CDX_E_FORMAT;
}

static bool buf_reserve(struct cdx_buf *b, size_t len)
{
	size_t need;
	size_t cap = b->cap ? b->cap : BUF_MIN;
	uint8_t *p;

	if (b->fail)
		return false;
	if (__builtin_add_overflow(b->len, len, &need)) {
		b->fail = true;
		return false;
	}
	if (b->p && need <= b->cap)
		return true;
	while (cap < need) {
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			cap = need;
	}
	p = realloc(b->p, cap);
	if (!p) {
		b->fail = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

uint8_t *cdx_buf_extend(struct cdx_buf *b, size_t len)
{
	uint8_t *p;

	if (!buf_reserve(b, len))
		return NULL;
	p = b->p + b->len;
	b->len += len;
	return p;
}

void cdx_buf_put(struct cdx_buf *b, const void *p, size_t len)
{
	uint8_t *to = cdx_buf_extend(b, len);

	if (to && len)
		memcpy(to, p, len);
}

void cdx_buf_u8(struct cdx_buf *b, uint8_t v)
{
	cdx_buf_put(b, &v, sizeof(v));
}

void cdx_buf_be16(struct cdx_buf *b, uint16_t v)
{
	uint8_t raw[sizeof(v)];

	cdx_put_be16(raw, v);
	cdx_buf_put(b, raw, sizeof(raw));
}

void cdx_buf_be32(struct cdx_buf *b, uint32_t v)
{
	uint8_t raw[sizeof(v)];

	cdx_put_be32(raw, v);
	cdx_buf_put(b, raw, sizeof(raw));
}

void cdx_buf_be64(struct cdx_buf *b, uint64_t v)
{
	uint8_t raw[sizeof(v)];

	cdx_put_be64(raw, v);
	cdx_buf_put(b, raw, sizeof(raw));
}

void cdx_buf_le16(struct cdx_buf *b, uint16_t v)
{
	uint8_t raw[sizeof(v)];

	cdx_put_le16(raw, v);
	cdx_buf_put(b, raw, sizeof(raw));
}

void cdx_buf_le32(struct cdx_buf *b, uint32_t v)
{
	uint8_t raw[sizeof(v)];

	cdx_put_le32(raw, v);
	cdx_buf_put(b, raw, sizeof(raw));
}

void cdx_buf_le64(struct cdx_buf *b, uint64_t v)
{
	uint8_t raw[sizeof(v)];

	cdx_put_le64(raw, v);
	cdx_buf_put(b, raw, sizeof(raw));
}

void cdx_buf_varint(struct cdx_buf *b, uint64_t v)
{
	uint8_t raw[VARINT_MAX];
	size_t len = 0;

	while (v >= 0x80) {
		raw[len++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	raw[len++] = (uint8_t)v;
	cdx_buf_put(b, raw, len);
}

int cdx_buf_ok(const struct cdx_buf *b)
{
	return b->fail ? -ENOMEM : 0;
}

void cdx_buf_free(struct cdx_buf *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

void cdx_buf_wipe(struct cdx_buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	cdx_buf_free(b);
}

struct cdx_cursor cdx_cursor_init(const void *p, size_t len)
{
	struct cdx_cursor c = {.p = p, .left = len, .fail = false};

	return c;
}

const uint8_t *cdx_cursor_take(struct cdx_cursor *c, size_t len)
{
	static const uint8_t nothing[1];
	const uint8_t *p = c->p ? c->p : nothing;

	if (c->fail || len > c->left) {
		c->fail = true;
		return NULL;
	}
	if (len) {
		c->p += len;
		c->left -= len;
	}
	return p;
}

void cdx_cursor_get(struct cdx_cursor *c, void *out, size_t len)
{
	const uint8_t *p = cdx_cursor_take(c, len);

	if (!len)
		return;
	if (p)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

uint8_t cdx_cursor_u8(struct cdx_cursor *c)
{
	const uint8_t *p = cdx_cursor_take(c, 1);

	return p ? *p : 0;
}

uint16_t cdx_cursor_be16(struct cdx_cursor *c)
{
	const uint8_t *p = cdx_cursor_take(c, sizeof(uint16_t));

	return p ? cdx_get_be16(p) : 0;
}

uint32_t cdx_cursor_be32(struct cdx_cursor *c)
{
	const uint8_t *p = cdx_cursor_take(c, sizeof(uint32_t));

	return p ? cdx_get_be32(p) : 0;
}

uint64_t cdx_cursor_be64(struct cdx_cursor *c)
{
	const uint8_t *p = cdx_cursor_take(c, sizeof(uint64_t));

	return p ? cdx_get_be64(p) : 0;
}

uint16_t cdx_cursor_le16(struct cdx_cursor *c)
{
	const uint8_t *p = cdx_cursor_take(c, sizeof(uint16_t));

	return p ? cdx_get_le16(p) : 0;
}

uint32_t cdx_cursor_le32(struct cdx_cursor *c)
{
	const uint8_t *p = cdx_cursor_take(c, sizeof(uint32_t));

	return p ? cdx_get_le32(p) : 0;
}

uint64_t cdx_cursor_le64(struct cdx_cursor *c)
{
	const uint8_t *p = cdx_cursor_take(c, sizeof(uint64_t));

	return p ? cdx_get_le64(p) : 0;
}

uint64_t cdx_cursor_varint(struct cdx_cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = cdx_cursor_u8(c);

		if (c->fail)
			return 0;
		/* only one bit is left for the tenth byte, and a last byte of
		 * zero says that a shorter encoding exists */
		if ((shift == 63 && b > 1) || (shift && b == 0))
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
	c->fail = true;
	return 0;
}

int cdx_cursor_done(const struct cdx_cursor *c)
{
	return c->fail || c->left ? CDX_E_FORMAT : 0;
}

int cdx_cursor_ok(const struct cdx_cursor *c)
{
	return c->fail ? CDX_E_FORMAT : 0;
}
