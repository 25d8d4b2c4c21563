/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_BYTES_H
#define CDX_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Fixed-width integers to and from bytes; pure, safe on any thread. */
void cdx_put_be16(uint8_t out[2], uint16_t v);
void cdx_put_be32(uint8_t out[4], uint32_t v);
void cdx_put_be64(uint8_t out[8], uint64_t v);
void cdx_put_le16(uint8_t out[2], uint16_t v);
void cdx_put_le32(uint8_t out[4], uint32_t v);
void cdx_put_le64(uint8_t out[8], uint64_t v);
uint16_t cdx_get_be16(const uint8_t in[2]);
uint32_t cdx_get_be32(const uint8_t in[4]);
uint64_t cdx_get_be64(const uint8_t in[8]);
uint16_t cdx_get_le16(const uint8_t in[2]);
uint32_t cdx_get_le32(const uint8_t in[4]);
uint64_t cdx_get_le64(const uint8_t in[8]);

/**
 * cdx_hex - bytes to lower-case hex
 *
 * @out: 2 * @len + 1 bytes, ends with NUL
 * @in:  @len bytes
 */
void cdx_hex(char *out, const uint8_t *in, size_t len);

/**
 * cdx_unhex - hex to bytes, either case
 *
 * @out: @len bytes
 * @len: exact number of bytes expected
 * @hex: NUL-terminated text of exactly 2 * @len digits
 *
 * Errors: CDX_E_FORMAT (out may be clobbered).
 */
CDX_MUST_CHECK int cdx_unhex(uint8_t *out, size_t len, const char *hex);

/**
 * cdx_buf - growable byte buffer with sticky failure
 *
 * Zero-initialise.  When memory runs out @fail is set and every later put is a
 * no-op: write everything, check once with cdx_buf_ok.  loop-confined.
 */
struct cdx_buf {
	uint8_t *p;
	size_t len;
	size_t cap;
	bool fail;
};

void cdx_buf_put(struct cdx_buf *b, const void *p, size_t len);
void cdx_buf_u8(struct cdx_buf *b, uint8_t v);
void cdx_buf_be16(struct cdx_buf *b, uint16_t v);
void cdx_buf_be32(struct cdx_buf *b, uint32_t v);
void cdx_buf_be64(struct cdx_buf *b, uint64_t v);
void cdx_buf_le16(struct cdx_buf *b, uint16_t v);
void cdx_buf_le32(struct cdx_buf *b, uint32_t v);
void cdx_buf_le64(struct cdx_buf *b, uint64_t v);
/* unsigned LEB128 */
void cdx_buf_varint(struct cdx_buf *b, uint64_t v);
/* @len uninitialised bytes at the end; NULL after failure */
uint8_t *cdx_buf_extend(struct cdx_buf *b, size_t len);
/* 0 or -ENOMEM */
CDX_API CDX_MUST_CHECK int cdx_buf_ok(const struct cdx_buf *b);
/* frees the memory and zeroes the struct */
CDX_API void cdx_buf_free(struct cdx_buf *b);
/* the same after wiping the bytes; growing leaves old copies behind, so a
 * secret goes in with one cdx_buf_extend or cdx_buf_put on an empty buffer */
void cdx_buf_wipe(struct cdx_buf *b);

/**
 * cdx_cursor - bounded reader over untrusted bytes, sticky failure
 *
 * Once a read runs short @fail is set and every later read gives zero (or
 * NULL): read linearly, check once at the end with cdx_cursor_done.
 */
struct cdx_cursor {
	const uint8_t *p;
	size_t left;
	bool fail;
};

struct cdx_cursor cdx_cursor_init(const void *p, size_t len);
uint8_t cdx_cursor_u8(struct cdx_cursor *c);
uint16_t cdx_cursor_be16(struct cdx_cursor *c);
uint32_t cdx_cursor_be32(struct cdx_cursor *c);
uint64_t cdx_cursor_be64(struct cdx_cursor *c);
uint16_t cdx_cursor_le16(struct cdx_cursor *c);
uint32_t cdx_cursor_le32(struct cdx_cursor *c);
uint64_t cdx_cursor_le64(struct cdx_cursor *c);
/* unsigned LEB128 of at most 64 bits; overlong or longer fails */
uint64_t cdx_cursor_varint(struct cdx_cursor *c);
/* pointer to @len bytes inside the input, or NULL; advances */
const uint8_t *cdx_cursor_take(struct cdx_cursor *c, size_t len);
/* copies @len bytes; zero-fills @out after failure */
void cdx_cursor_get(struct cdx_cursor *c, void *out, size_t len);
/* 0 when nothing failed and nothing is left, else CDX_E_FORMAT */
CDX_MUST_CHECK int cdx_cursor_done(const struct cdx_cursor *c);
/* 0 when nothing failed (bytes may be left), else CDX_E_FORMAT */
CDX_MUST_CHECK int cdx_cursor_ok(const struct cdx_cursor *c);

#endif
