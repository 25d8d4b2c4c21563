/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "store/batch.h"

#define VARINT_MAX 10u

static uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *put_bytes(uint8_t *p, const void *from, size_t len)
{
	if (len > 0)
		memcpy(p, from, len);
	return p + len;
}

size_t cdx_op_bound(const struct cdx_op *op)
{
	return 2 + 3 * VARINT_MAX + op->key_len + op->val_len;
}

uint8_t *cdx_op_write(uint8_t *p, const struct cdx_op *op)
{
	*p++ = (uint8_t)op->kind;
	switch (op->kind) {
	case CDX_OP_PUT:
	case CDX_OP_PUT_GROUP:
		*p++ = op->db;
		p = put_varint(p, op->key_len);
		p = put_varint(p, op->val_len);
		p = put_bytes(p, op->key, op->key_len);
		return put_bytes(p, op->val, op->val_len);
	case CDX_OP_DEL:
		*p++ = op->db;
		p = put_varint(p, op->key_len);
		return put_bytes(p, op->key, op->key_len);
	case CDX_OP_ADD:
	case CDX_OP_MAX:
		*p++ = op->db;
		cdx_put_be64(p, op->num);
		return p + 8;
	case CDX_OP_DATA:
		p = put_varint(p, op->num);
		p = put_varint(p, op->off);
		p = put_varint(p, op->val_len);
		return put_bytes(p, op->val, op->val_len);
	case CDX_OP_CLEAN:
		p = put_varint(p, op->num);
		p = put_varint(p, op->off);
		return put_varint(p, op->len);
	}
	return p;
}

void cdx_op_encode(struct cdx_buf *out, const struct cdx_op *op)
{
	size_t bound = cdx_op_bound(op);
	uint8_t *p = cdx_buf_extend(out, bound);

	if (p)
		out->len -= bound - (size_t)(cdx_op_write(p, op) - p);
}

/* Lengths are checked against what is left by cdx_cursor_take. */
static const uint8_t *take(struct cdx_cursor *c, size_t *out, uint64_t len)
{
	if (len > c->left) {
		c->fail = true;
		return NULL;
	}
	*out = (size_t)len;
	return cdx_cursor_take(c, (size_t)len);
}

static void decode_table(struct cdx_op *op, struct cdx_cursor *c)
{
	size_t most = CDX_KEY_MAX;
	uint64_t key_len;
	uint64_t val_len = 0;

	if (op->kind == CDX_OP_PUT_GROUP)
		most -= 8;
	op->db = cdx_cursor_u8(c);
	key_len = cdx_cursor_varint(c);
	if (op->kind != CDX_OP_DEL)
		val_len = cdx_cursor_varint(c);
	if (op->db >= CDX_DBS || key_len == 0 || key_len > most ||
	    val_len > CDX_VAL_MAX) {
		c->fail = true;
		return;
	}
	op->key = take(c, &op->key_len, key_len);
	if (op->kind != CDX_OP_DEL)
		op->val = take(c, &op->val_len, val_len);
}

static void decode_counter(struct cdx_op *op, struct cdx_cursor *c)
{
	op->db = cdx_cursor_u8(c);
	op->num = cdx_cursor_be64(c);
	if (op->db >= CDX_COUNTERS)
		c->fail = true;
}

static void decode_data(struct cdx_op *op, struct cdx_cursor *c)
{
	op->num = cdx_cursor_varint(c);
	op->off = cdx_cursor_varint(c);
	op->len = cdx_cursor_varint(c);
	if (op->kind == CDX_OP_CLEAN)
		return;
	op->val = take(c, &op->val_len, op->len);
	if (op->off > UINT64_MAX - op->len)
		c->fail = true;
}

int cdx_op_decode(struct cdx_op *out, struct cdx_cursor *c)
{
	if (c->left == 0)
		return c->fail ? CDX_E_FORMAT : 0;
	memset(out, 0, sizeof(*out));
	out->kind = (enum cdx_op_kind)cdx_cursor_u8(c);
	switch (out->kind) {
	case CDX_OP_PUT:
	case CDX_OP_PUT_GROUP:
	case CDX_OP_DEL:
		decode_table(out, c);
		break;
	case CDX_OP_ADD:
	case CDX_OP_MAX:
		decode_counter(out, c);
		break;
	case CDX_OP_DATA:
	case CDX_OP_CLEAN:
		decode_data(out, c);
		break;
	default:
		return CDX_E_FORMAT;
	}
	return cdx_cursor_ok(c) < 0 ? CDX_E_FORMAT : 1;
}

int cdx_batch_check(const uint8_t *p, size_t len)
{
	struct cdx_cursor c = cdx_cursor_init(p, len);
	struct cdx_op op;
	int r;

	do {
		r = cdx_op_decode(&op, &c);
	} while (r > 0);
	return r;
}
