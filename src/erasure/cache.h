/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ERASURE_CACHE_H
#define CDX_ERASURE_CACHE_H

#include <stdint.h>

#include "base/attr.h"
#include "erasure/codec.h"

/* Making an encoder takes a lock of the library and costs more than coding a
 * step, and a degraded read needs one for a single block: the last few are
 * kept, for the whole process. */

/**
 * cdx_ec_get - an encoder from the cache, made when it is not there
 *
 * @out: shared and immutable; give it back with cdx_ec_put
 *
 * Errors as cdx_ec_new.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_ec_get(struct cdx_ec **out, uint32_t codec, uint32_t k,
			      uint32_t m, uint32_t block_size);
/* Gives it back; NULL is allowed.  Thread: safe. */
void cdx_ec_put(struct cdx_ec *ec);
/* The same as a cleanup helper */
void cdx_ec_putp(struct cdx_ec **ec);

/**
 * cdx_ec_slice - in which pieces blocks of this size are best coded
 *
 * Most codes work byte by byte, so the parity of a large block is that of its
 * pieces, one behind the other, which need less memory at a time.
 *
 * Returns a divisor of @block_size, in bytes; @block_size itself for small
 * blocks and for codes that mix bytes of a whole block.  Pure.
 */
uint32_t cdx_ec_slice(uint32_t codec, uint32_t block_size);

#endif
