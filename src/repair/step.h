/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_REPAIR_STEP_H
#define CDX_REPAIR_STEP_H

#include <stdint.h>

#include "base/attr.h"
#include "erasure/codec.h"
#include "repair/repair.h"
#include "store/protection.h"

/* One block of a step from k others, one after the other: for single blocks,
 * and where the quick way has met a bad block. */
struct cdx_step {
	struct cdx_store *s;
	const struct cdx_protection *p;
	cdx_repair_source_fn *source; /* asked before the store; NULL: none */
	void *source_arg;
	uint32_t suspects; /* bit i: tried last, and not blamed again */
	/* results, added to */
	uint64_t bad;	 /* blocks that did not verify */
	uint32_t blamed; /* bit i: slot i gave one */
	uint32_t found;	 /* good blocks of the last step */
};

/**
 * cdx_step_rebuild - block @want of step @step
 *
 * @out: block size; verified against the leaf
 *
 * Errors: -ENODATA fewer than k good ones (st->found says how many);
 * CDX_E_HASH what k good ones give is not the block; CDX_E_CODEC; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_step_rebuild(struct cdx_step *st, uint32_t want,
				    uint64_t step, uint8_t *out);

/* Do these bytes hash to the leaf at an encoded index?  Padding must be zeros.
 * 0; CDX_E_HASH; -ENOENT no leaf; those of the tables. */
CDX_MUST_CHECK int cdx_step_verify(struct cdx_store *s,
				   const struct cdx_protection *p,
				   uint64_t index, const uint8_t *block);

/* cdx_ec_rebuild for whole blocks with an encoder of cdx_ec_slice bytes */
CDX_MUST_CHECK int cdx_step_decode(const struct cdx_ec *ec, uint32_t slice,
				   const struct cdx_protection *p,
				   uint32_t want, const uint8_t *const *blocks,
				   uint8_t *out);

#endif
