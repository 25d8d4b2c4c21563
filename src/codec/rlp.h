/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_CODEC_RLP_H
#define CDX_CODEC_RLP_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "codec/u256.h"

/* Ethereum's RLP.  Source: Ethereum yellow paper, appendix B. */

/* A string of bytes */
void cdx_rlp_bytes(struct cdx_buf *out, const void *p, size_t len);
/* Numbers: big endian, without leading zeros; zero is the empty string */
void cdx_rlp_u64(struct cdx_buf *out, uint64_t v);
void cdx_rlp_u256(struct cdx_buf *out, const struct cdx_u256 *v);
/* A list whose items are encoded already, one behind another */
void cdx_rlp_list(struct cdx_buf *out, const struct cdx_buf *items);

/* Reading: only the shortest encoding is taken; a failure sticks to the
 * cursor. */

/* A string: pointer into the input and its length; NULL after failure.  An
 * empty string is not NULL. */
const uint8_t *cdx_rlp_get_bytes(struct cdx_cursor *c, size_t *len);
/* A string of exactly @len bytes, copied; zeros after failure */
void cdx_rlp_get_fixed(struct cdx_cursor *c, void *out, size_t len);
uint64_t cdx_rlp_get_u64(struct cdx_cursor *c);
struct cdx_u256 cdx_rlp_get_u256(struct cdx_cursor *c);
/* A cursor over a list's items; @c goes on behind it.  After failure the result
 * has failed too. */
struct cdx_cursor cdx_rlp_get_list(struct cdx_cursor *c);

#endif
