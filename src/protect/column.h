/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROTECT_COLUMN_H
#define CDX_PROTECT_COLUMN_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/hash.h"
#include "store/protection.h"
#include "store/store.h"

/* What is known about a block that was asked for */
enum cdx_block_state {
	CDX_BLOCK_MISSING = 0, /* not here; its bytes are zeros */
	CDX_BLOCK_READ,	       /* bytes that nobody has hashed yet */
	CDX_BLOCK_GOOD,	       /* bytes that match the digest */
	CDX_BLOCK_BAD,	       /* unreadable, or bytes that do not match */
	CDX_BLOCK_EMPTY,       /* padding: zeros */
};

/* What is read; caller's memory, @n elements each */
struct cdx_column {
	uint8_t *blocks;	   /* of p->block_size bytes */
	struct cdx_digest *digest; /* what they should hash to; zeros where no
				    * leaf is known */
	uint8_t *state; /* enum cdx_block_state: MISSING, READ, BAD or EMPTY */
};

/**
 * cdx_column_read - neighbouring blocks of one slot, in few reads
 *
 * @step: the first block; @step + @n <= p->steps
 * @out:  where to
 *
 * Nothing is hashed here, and of a block with several locations one is read:
 * cdx_protection_read_own is the second chance.  Errors: those of the tables and
 * -ENOMEM; blocks that cannot be read are none.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_column_read(struct cdx_store *s,
				   const struct cdx_protection *p,
				   uint32_t slot, uint64_t step, size_t n,
				   const struct cdx_column *out);

#endif
