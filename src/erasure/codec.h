/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ERASURE_CODEC_H
#define CDX_ERASURE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "codec/ec_codec.h"

/*
 * One step of a protected dataset: k data blocks become m parity blocks, and
 * any k of the k + m give the others back.  Blocks carry no header: parity
 * block j of a step is a function of the step's data and of (codec, k, m, j).
 *
 * A block that is not what was encoded cannot be told here: what comes out is
 * then wrong too, without an error.  Callers compare every block that goes in,
 * or every one that comes out, with its hash.
 */

#define CDX_EC_COLUMNS_MAX 32u /* k + m; liberasurecode's limit */

#define CDX_EC_WHY_MAX 256u
/**
 * cdx_ec_check - may this geometry be coded here?
 *
 * @why: CDX_EC_WHY_MAX bytes; on failure the reason in words
 *
 * Errors: -EINVAL k = 0, k + m beyond CDX_EC_COLUMNS_MAX, isa_l_rs_vand with
 * m > 4, block size 0, k blocks of more than 1 GiB together, or a block size
 * that the codec's words do not divide (2 bytes for liberasurecode_rs_vand and
 * jerasure_rs_vand, 8192 for jerasure_rs_cauchy); CDX_E_CODEC Leopard with
 * parity, an unknown codec, or one whose library is not installed.  m = 0 needs
 * no codec.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_ec_check(uint32_t codec, uint32_t k, uint32_t m,
				uint32_t block_size, char why[CDX_EC_WHY_MAX]);

struct cdx_ec;

/**
 * cdx_ec_new - an encoder and decoder
 *
 * @out:        returns new; immutable afterwards, safe on any thread
 * @block_size: bytes of a block; with the ISA-L codecs any size from 1 on
 *
 * Takes a step's worth of memory for a moment.  Errors as cdx_ec_check;
 * -ENOMEM; CDX_E_CODEC the library failed.  Thread: safe; waits for calls that
 * other threads have under way.
 */
CDX_MUST_CHECK int cdx_ec_new(struct cdx_ec **out, uint32_t codec, uint32_t k,
			      uint32_t m, uint32_t block_size);
/* NULL is allowed.  No call may be under way. */
void cdx_ec_free(struct cdx_ec *ec);

/* Parity of one step; owned by the caller until cdx_ec_parity_free */
struct cdx_ec_parity {
	const uint8_t *block[CDX_EC_COLUMNS_MAX]; /* m of block_size bytes */
	void *priv[2];
};
/**
 * cdx_ec_encode - parity of one step
 *
 * @out:    on success to be given to cdx_ec_parity_free
 * @stripe: k blocks one behind the other, borrowed
 *
 * Errors: -ENOMEM, CDX_E_CODEC the library failed.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_ec_encode(const struct cdx_ec *ec,
				 struct cdx_ec_parity *out,
				 const uint8_t *stripe);
/* Gives the blocks back and zeroes @p; a zeroed one is allowed. */
void cdx_ec_parity_free(const struct cdx_ec *ec, struct cdx_ec_parity *p);

/**
 * cdx_ec_rebuild - one block of a step from k others
 *
 * @out:    block_size bytes
 * @want:   column to make, 0..k+m-1; columns from k on are parity
 * @blocks: k + m pointers, NULL where a block is not at hand; blocks[want] is
 *          not looked at; any k of the others are used
 *
 * Errors: -ENODATA fewer than k; -EINVAL no such column; -ENOMEM; CDX_E_CODEC
 * the library failed.  @out is then undefined.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_ec_rebuild(const struct cdx_ec *ec, uint8_t *out,
				  uint32_t want, const uint8_t *const *blocks);
/**
 * cdx_ec_decode - all missing data blocks of a step
 *
 * @out:    k * block_size bytes: all data blocks, those at hand copied; a data
 *          block at hand may already lie at its place there
 * @blocks: as above
 *
 * Errors: -ENODATA fewer than k; -ENOMEM; CDX_E_CODEC the library failed.  @out
 * is then undefined.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_ec_decode(const struct cdx_ec *ec, uint8_t *out,
				 const uint8_t *const *blocks);

#endif
