/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_JSON_H
#define CDX_ETH_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "eth/types.h"

/* Values of JSON-RPC, to and from JSON.  What is read comes from a stranger:
 * CDX_E_FORMAT for anything that is not exactly what the name says (NULL and
 * JSON's null too).  What is made is new, NULL without memory. */

/* To JSON */
json_t *cdx_json_u64(uint64_t v); /* "0x1f" */
json_t *cdx_json_u256(const struct cdx_u256 *v);
json_t *cdx_json_addr(const struct cdx_addr *a);
json_t *cdx_json_b32(const struct cdx_b32 *v);
json_t *cdx_json_bytes(const void *p, size_t len); /* "0x0102" */
const char *cdx_json_at(enum cdx_at at);	   /* a block tag */

/* From JSON */
CDX_MUST_CHECK int cdx_json_get_u64(const json_t *v, uint64_t *out);
CDX_MUST_CHECK int cdx_json_get_u256(const json_t *v, struct cdx_u256 *out);
CDX_MUST_CHECK int cdx_json_get_addr(const json_t *v, struct cdx_addr *out);
CDX_MUST_CHECK int cdx_json_get_b32(const json_t *v, struct cdx_b32 *out);
/* Appended to @out; also -ENOMEM */
CDX_MUST_CHECK int cdx_json_get_bytes(const json_t *v, struct cdx_buf *out);
CDX_MUST_CHECK int cdx_json_get_block(const json_t *v, struct cdx_block *out);
/* @data: what out->data will point into, appended to; borrow out before it
 * grows again.  Also -ENOMEM. */
CDX_MUST_CHECK int cdx_json_get_log(const json_t *v, struct cdx_chain_log *out,
				    struct cdx_buf *data);

#endif
