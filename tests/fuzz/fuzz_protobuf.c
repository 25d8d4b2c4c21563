/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_field(struct cdx_buf *out, const struct cdx_pb_field *f)
{
	uint64_t key = f->number << 3 | (uint64_t)f->wire;

	switch (f->wire) {
	case CDX_PB_VARINT:
		cdx_buf_varint(out, key);
		cdx_buf_varint(out, f->value);
		break;
	case CDX_PB_FIXED64:
		cdx_buf_varint(out, key);
		cdx_buf_le64(out, f->value);
		break;
	case CDX_PB_BYTES:
		if (f->number <= UINT32_MAX) {
			cdx_pb_put_bytes(out, (uint32_t)f->number, f->bytes.p,
					 f->bytes.len);
			break;
		}
		cdx_buf_varint(out, key);
		cdx_buf_varint(out, f->bytes.len);
		cdx_buf_put(out, f->bytes.p, f->bytes.len);
		break;
	case CDX_PB_FIXED32:
		cdx_buf_varint(out, key);
		cdx_buf_le32(out, (uint32_t)f->value);
		break;
	}
}

/* Varints have one form only, so what is read as a message is written back as
 * the very same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_cursor c = cdx_cursor_init(data, size);
	struct cdx_buf out = {0};
	struct cdx_pb_field f;

	while (cdx_pb_next(&c, &f)) {
		uint32_t v = 0;

		if (f.wire == CDX_PB_BYTES && f.bytes.len > 0 &&
		    (f.bytes.p < data ||
		     f.bytes.len > size - (size_t)(f.bytes.p - data)))
			abort();
		if (f.value <= UINT32_MAX)
			cdx_pb_get_u32(&v, &c, &f);
		if (f.wire == CDX_PB_VARINT && v != (uint32_t)f.value &&
		    f.value <= UINT32_MAX)
			abort();
		put_field(&out, &f);
	}
	if (cdx_cursor_done(&c) == 0 && cdx_buf_ok(&out) == 0 &&
	    (out.len != size || (size && memcmp(out.p, data, size) != 0)))
		abort();
	cdx_buf_free(&out);
	return 0;
}
