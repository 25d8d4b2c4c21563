/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_HELD_INTERNAL_H
#define CDX_STORE_HELD_INTERNAL_H

#include "base/attr.h"
#include "store/held.h"

/* Inside the store only: held*.c, slot_restore.c, protection_drop.c, fsck. */

/* A restore that is for a sale */
struct cdx_slot_sale {
	const struct cdx_rider *also; /* NULL: none */
};
/* cdx_slot_restore_begin; with @sale, which may be NULL, it marks the slot as sold
 * in the same batch and takes @also along when that charges. */
CDX_MUST_CHECK int cdx_slot_begin(struct cdx_store *s, struct cdx_protection *p,
				  uint32_t slot,
				  const struct cdx_slot_sale *sale);

/* Is there a leaf of @p in [@first, @first + @n), a range of encoded indices?  1; 0. */
CDX_MUST_CHECK int cdx_held_any_leaf(struct cdx_store *s,
				     const struct cdx_protection *p,
				     uint64_t first, uint64_t n);
/* The dataset id that the leaf at an encoded index is kept under */
uint64_t cdx_held_leaf_id(const struct cdx_protection *p, uint64_t index);

/* Deletes all kept pages of a protection's id, in bounded batches. */
CDX_MUST_CHECK int cdx_held_pages_drop(struct cdx_store *s, uint64_t id);
/* After a start: what of an adopted dataset is not sold goes. */
CDX_MUST_CHECK int cdx_held_resume(struct cdx_store *s,
				   const struct cdx_protection *p);

#endif
