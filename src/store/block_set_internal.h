/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_BLOCK_SET_INTERNAL_H
#define CDX_STORE_BLOCK_SET_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/map.h"
#include "store/block_set.h"

/* block_set.c and loose.c only */

/* A block record as the batch will leave it */
struct cdx_block_entry {
	struct cdx_block_entry *next; /* all entries */
	struct cdx_block_entry *same; /* equal first eight bytes */
	struct cdx_digest digest;
	struct cdx_block_info info;
	bool existed; /* in the store before the batch */
	bool exists;
	bool changed;
};

/* A loose file's record as the batch will leave it */
struct cdx_loose {
	struct cdx_loose *next;
	uint64_t id;
	struct cdx_area_info info;
	bool changed;
};

struct cdx_block_set {
	struct cdx_store *s;
	struct cdx_areas *a;
	struct cdx_batch *b;
	struct cdx_map map; /* first digest bytes -> entries */
	struct cdx_block_entry *entries;
	struct cdx_loose *areas;
	uint64_t loose_id; /* where to append; 0 none */
	uint64_t loose_off;
	bool appended;
};

/* A location more, unless it is known or there are enough */
void cdx_block_info_add_loc(struct cdx_block_info *info,
			    const struct cdx_block_loc *loc);

/* Writes a block to the loose file and charges it.  @block: as long as the
 * entry says.  -errno, -ENOMEM. */
CDX_MUST_CHECK int cdx_loose_append(struct cdx_block_set *set,
				    struct cdx_block_entry *e,
				    const uint8_t *block);
/* Gives back the bytes of a location, and their charge, when it lies in a loose
 * file: 1; else 0. */
CDX_MUST_CHECK int cdx_loose_give_back(struct cdx_block_set *set,
				       const struct cdx_block_entry *e,
				       const struct cdx_block_loc *loc);

#endif
