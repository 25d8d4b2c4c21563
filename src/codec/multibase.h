/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEC_MULTIBASE_H
#define CDX_CODEC_MULTIBASE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/* Bytes that one text of a positional base (10 or 58) may stand for.  The
 * conversion is quadratic, so it is bounded. */
#define CDX_MULTIBASE_BYTES_MAX 128

/* Characters that any text may have: 128 bytes in base 2, and the prefix */
#define CDX_MULTIBASE_TEXT_MAX (8 * CDX_MULTIBASE_BYTES_MAX + 1)

/**
 * cdx_base58_encode - bytes to base58btc, without a multibase prefix
 *
 * @out: @cap bytes; ends with NUL
 * @cap: room, the NUL included
 * @in:  @len bytes, at most CDX_MULTIBASE_BYTES_MAX; borrowed
 *
 * Returns the number of characters without the NUL.
 * Errors: -EINVAL too many bytes or too little room (@out untouched).
 * Thread: safe.  Source: the Bitcoin alphabet; each leading zero byte is a '1'.
 */
CDX_MUST_CHECK ssize_t cdx_base58_encode(char *out, size_t cap,
					 const uint8_t *in, size_t len);

/**
 * cdx_base58_decode - base58btc without a multibase prefix to bytes
 *
 * @out:  @cap bytes; may be clobbered on failure
 * @text: @len characters, need not end with NUL; borrowed
 *
 * Returns the number of bytes.
 * Errors: CDX_E_FORMAT a foreign character, or more bytes than @cap or
 * CDX_MULTIBASE_BYTES_MAX.  Thread: safe.
 */
CDX_MUST_CHECK ssize_t cdx_base58_decode(uint8_t *out, size_t cap,
					 const char *text, size_t len);

/**
 * cdx_multibase_decode - text with a multibase prefix to bytes
 *
 * @out:  @cap bytes; may be clobbered on failure
 * @text: @len characters, the first one names the base; need not end with NUL
 *
 * Bases: identity (NUL), 2 '0', 8 '7', 10 '9', 16 f F, 32 b B c C, 32hex v V t
 * T, 32z 'h', 58flickr Z, 58btc z, 64 m M, 64url u U.  Letters of the wrong
 * case are foreign.  Padded bases take any number of '=' at the end, as
 * nim-libp2p does; bits left over must be zero and less than a digit.
 *
 * Returns the number of bytes, 0 for a prefix alone.
 * Errors: CDX_E_FORMAT malformed, or it does not fit; CDX_E_CODEC a base that
 * is known but that we cannot read ('1', unary) or an unknown prefix.
 * Thread: safe.  Source: the multibase table as nim-libp2p lists it.
 */
CDX_MUST_CHECK ssize_t cdx_multibase_decode(uint8_t *out, size_t cap,
					    const char *text, size_t len);

#endif
