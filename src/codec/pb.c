/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "codec/pb.h"

static struct cdx_pb_span take_span(struct cdx_cursor *c)
{
	uint64_t len = cdx_cursor_varint(c);
	struct cdx_pb_span span = {NULL, 0};

	if (c->fail)
		return span;
	if (len > c->left) {
		c->fail = true;
		return span;
	}
	span.len = (size_t)len;
	if (span.len)
		span.p = cdx_cursor_take(c, span.len);
	return span;
}

bool cdx_pb_next(struct cdx_cursor *c, struct cdx_pb_field *f)
{
	uint64_t key;

	if (c->fail || c->left == 0)
		return false;
	key = cdx_cursor_varint(c);
	*f = (struct cdx_pb_field){.number = key >> 3};
	switch (key & 7) {
	case CDX_PB_VARINT:
		f->wire = CDX_PB_VARINT;
		f->value = cdx_cursor_varint(c);
		break;
	case CDX_PB_FIXED64:
		f->wire = CDX_PB_FIXED64;
		f->value = cdx_cursor_le64(c);
		break;
	case CDX_PB_BYTES:
		f->wire = CDX_PB_BYTES;
		f->bytes = take_span(c);
		break;
	case CDX_PB_FIXED32:
		f->wire = CDX_PB_FIXED32;
		f->value = cdx_cursor_le32(c);
		break;
	default:
		c->fail = true;
		break;
	}
	return !c->fail;
}

void cdx_pb_get_u64(uint64_t *out, const struct cdx_pb_field *f)
{
	if (f->wire == CDX_PB_VARINT)
		*out = f->value;
}

void cdx_pb_get_u32(uint32_t *out, struct cdx_cursor *c,
		    const struct cdx_pb_field *f)
{
	if (f->wire != CDX_PB_VARINT)
		return;
	if (f->value > UINT32_MAX)
		c->fail = true;
	else
		*out = (uint32_t)f->value;
}

void cdx_pb_get_bytes(struct cdx_pb_span *out, const struct cdx_pb_field *f)
{
	if (f->wire == CDX_PB_BYTES)
		*out = f->bytes;
}

static void put_key(struct cdx_buf *out, uint32_t number, enum cdx_pb_wire wire)
{
	cdx_buf_varint(out, (uint64_t)number << 3 | (uint64_t)wire);
}

void cdx_pb_put_u64(struct cdx_buf *out, uint32_t number, uint64_t v)
{
	put_key(out, number, CDX_PB_VARINT);
	cdx_buf_varint(out, v);
}

void cdx_pb_put_bytes(struct cdx_buf *out, uint32_t number, const void *p,
		      size_t len)
{
	put_key(out, number, CDX_PB_BYTES);
	cdx_buf_varint(out, len);
	if (len)
		cdx_buf_put(out, p, len);
}

void cdx_pb_put_msg(struct cdx_buf *out, uint32_t number,
		    const struct cdx_buf *msg)
{
	if (msg->fail)
		out->fail = true;
	cdx_pb_put_bytes(out, number, msg->p, msg->len);
}
