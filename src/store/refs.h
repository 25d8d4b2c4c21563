/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_REFS_H
#define CDX_STORE_REFS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/hash.h"

/* How many leaves name a block; 16 bytes a block.  The key is a keyed hash of
 * the digest, so that nobody can choose blocks that are counted together. */
struct cdx_ref_slot {
	uint64_t key; /* 0: free */
	uint32_t refs;
};
struct cdx_refs {
	struct cdx_ref_slot *slots;
	size_t cap;
	size_t len;
	uint64_t mul[4];
};
void cdx_refs_init(struct cdx_refs *r);
/* The slot of a digest, made when absent.  -ENOMEM. */
CDX_MUST_CHECK int cdx_refs_get(struct cdx_refs *r, struct cdx_ref_slot **out,
				const struct cdx_digest *digest);
/* Its count, 0 when it has no slot */
uint32_t cdx_refs_count(const struct cdx_refs *r,
			const struct cdx_digest *digest);
void cdx_refs_free(struct cdx_refs *r);

#endif
