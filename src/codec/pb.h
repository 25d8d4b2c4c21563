/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEC_PB_H
#define CDX_CODEC_PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"

/*
 * Protobuf wire format, the dialect of spec/datasets.md 0.
 *
 * Written here and not with protobuf-c, because the dialect is not the one
 * that protobuf-c speaks: fields are written even when they are zero or empty,
 * a known field with the wrong wire type is skipped instead of refused, and
 * the last of several values wins for sub-messages too, where protobuf-c
 * merges.  A message is walked field by field with no recursion: the caller
 * keeps the span of a sub-message and walks it afterwards, so the depth is
 * what the caller's code has and not what the input says.
 */

enum cdx_pb_wire {
	CDX_PB_VARINT = 0,
	CDX_PB_FIXED64 = 1,
	CDX_PB_BYTES = 2,
	CDX_PB_FIXED32 = 5,
};

/* Bytes inside the input; borrowed.  @p may be NULL when @len is 0. */
struct cdx_pb_span {
	const uint8_t *p;
	size_t len;
};

/* One field as it stands on the wire */
struct cdx_pb_field {
	uint64_t number;
	enum cdx_pb_wire wire;
	uint64_t value;		  /* VARINT, FIXED64, FIXED32 */
	struct cdx_pb_span bytes; /* BYTES */
};

/**
 * cdx_pb_next - the next field of a message
 *
 * @c: cursor over the message; fails (sticky) on malformed input
 * @f: out; spans point into the cursor's input
 *
 * Returns false at the end and after failure: loop, then ask cdx_cursor_done.
 * Wire types other than the four above are malformed.  Thread: any, @c is the
 * caller's.
 */
CDX_MUST_CHECK bool cdx_pb_next(struct cdx_cursor *c, struct cdx_pb_field *f);

/* Takes a varint field as a uint64; another wire type leaves @out alone. */
void cdx_pb_get_u64(uint64_t *out, const struct cdx_pb_field *f);
/* The same as a uint32; a varint that does not fit fails the cursor @c. */
void cdx_pb_get_u32(uint32_t *out, struct cdx_cursor *c,
		    const struct cdx_pb_field *f);
/* Takes a length-delimited field; another wire type leaves @out alone. */
void cdx_pb_get_bytes(struct cdx_pb_span *out, const struct cdx_pb_field *f);

/* Appends a varint field, zero too. */
void cdx_pb_put_u64(struct cdx_buf *out, uint32_t number, uint64_t v);
/* Appends a length-delimited field of @len bytes, which may be none. */
void cdx_pb_put_bytes(struct cdx_buf *out, uint32_t number, const void *p,
		      size_t len);
/* Appends a sub-message; the failure of @msg becomes that of @out. */
void cdx_pb_put_msg(struct cdx_buf *out, uint32_t number,
		    const struct cdx_buf *msg);

#endif
