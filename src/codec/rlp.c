/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codec/rlp.h"

#include <string.h>

/* First byte of a string and of a list: up to 55 bytes the length is added to
 * it, above that the number of bytes of the length and 55. */
#define STRING 0x80u
#define LIST 0xc0u
#define SHORT_MAX 55u

/* Big endian without leading zeros: the number's place in @room, its length in
 * *@len */
static const uint8_t *trim(const uint8_t *room, size_t size, size_t *len)
{
	const uint8_t *end = room + size;

	while (room < end && !*room)
		room++;
	*len = (size_t)(end - room);
	return room;
}

static void put_head(struct cdx_buf *out, unsigned kind, size_t len)
{
	uint8_t room[8];
	const uint8_t *p;
	size_t n;

	if (len <= SHORT_MAX) {
		cdx_buf_u8(out, (uint8_t)(kind + len));
		return;
	}
	cdx_put_be64(room, len);
	p = trim(room, sizeof(room), &n);
	cdx_buf_u8(out, (uint8_t)(kind + SHORT_MAX + n));
	cdx_buf_put(out, p, n);
}

void cdx_rlp_bytes(struct cdx_buf *out, const void *p, size_t len)
{
	if (len != 1 || *(const uint8_t *)p >= STRING)
		put_head(out, STRING, len);
	cdx_buf_put(out, p, len);
}

static void put_number(struct cdx_buf *out, const uint8_t *room, size_t size)
{
	size_t len;
	const uint8_t *p = trim(room, size, &len);

	cdx_rlp_bytes(out, p, len);
}

void cdx_rlp_u64(struct cdx_buf *out, uint64_t v)
{
	uint8_t room[8];

	cdx_put_be64(room, v);
	put_number(out, room, sizeof(room));
}

void cdx_rlp_u256(struct cdx_buf *out, const struct cdx_u256 *v)
{
	uint8_t room[32];

	cdx_u256_to_be(room, v);
	put_number(out, room, sizeof(room));
}

void cdx_rlp_list(struct cdx_buf *out, const struct cdx_buf *items)
{
	out->fail |= items->fail;
	put_head(out, LIST, items->len);
	cdx_buf_put(out, items->p, items->len);
}

/* ---- reading */

static const uint8_t *fail(struct cdx_cursor *c, size_t *len)
{
	c->fail = true;
	*len = 0;
	return NULL;
}

/* The length that follows in @n bytes: without leading zeros, and too long for
 * the short form; 0 when it is not so */
static uint64_t long_length(struct cdx_cursor *c, size_t n)
{
	uint64_t v = 0;
	uint8_t first = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t b = cdx_cursor_u8(c);

		if (i == 0)
			first = b;
		v = v << 8 | b;
	}
	return first && v > SHORT_MAX ? v : 0;
}

/* The content of the next item, which must be of @kind */
static const uint8_t *get_item(struct cdx_cursor *c, size_t *len, unsigned kind)
{
	const uint8_t *first = cdx_cursor_take(c, 1);
	uint64_t size;

	if (!first)
		return fail(c, len);
	if (*first < STRING) {
		if (kind != STRING)
			return fail(c, len);
		*len = 1;
		return first;
	}
	if ((*first >= LIST) != (kind == LIST))
		return fail(c, len);
	size = *first - kind;
	if (size > SHORT_MAX) {
		size = long_length(c, (size_t)size - SHORT_MAX);
		if (!size)
			return fail(c, len);
	}
	if (c->fail || size > c->left)
		return fail(c, len);
	*len = (size_t)size;
	first = cdx_cursor_take(c, *len);
	/* such a byte is its own encoding */
	if (kind == STRING && size == 1 && *first < STRING)
		return fail(c, len);
	return first;
}

const uint8_t *cdx_rlp_get_bytes(struct cdx_cursor *c, size_t *len)
{
	return get_item(c, len, STRING);
}

void cdx_rlp_get_fixed(struct cdx_cursor *c, void *out, size_t len)
{
	size_t n;
	const uint8_t *p = get_item(c, &n, STRING);

	if (p && n != len)
		p = fail(c, &n);
	if (p)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

/* A number of at most @size bytes into the end of @room, zeros before it; all
 * zeros after failure */
static void get_number(struct cdx_cursor *c, uint8_t *room, size_t size)
{
	size_t len;
	const uint8_t *p = get_item(c, &len, STRING);

	memset(room, 0, size);
	if (!p)
		return;
	if (len > size || (len && !*p))
		(void)fail(c, &len);
	else
		memcpy(room + size - len, p, len);
}

uint64_t cdx_rlp_get_u64(struct cdx_cursor *c)
{
	uint8_t room[8];

	get_number(c, room, sizeof(room));
	return cdx_get_be64(room);
}

struct cdx_u256 cdx_rlp_get_u256(struct cdx_cursor *c)
{
	uint8_t room[32];

	get_number(c, room, sizeof(room));
	return cdx_u256_from_be(room);
}

struct cdx_cursor cdx_rlp_get_list(struct cdx_cursor *c)
{
	size_t len;
	const uint8_t *p = get_item(c, &len, LIST);
	struct cdx_cursor items = cdx_cursor_init(p, len);

	items.fail = !p;
	return items;
}
