/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_MAP_H
#define CDX_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/**
 * cdx_map - hash map from uint64_t to a pointer
 *
 * Open addressing with linear probing, grows at 3/4 load, shrinks at 1/8,
 * no tombstones.  16 bytes a slot.  Not thread-safe: the owner locks.  Zero-initialise.
 */
struct cdx_map {
	struct cdx_map_slot *slots;
	size_t cap; /* power of two or 0 */
	size_t len;
};

struct cdx_map_slot {
	uint64_t key;
	void *val; /* NULL: free */
};

void *cdx_map_get(const struct cdx_map *m, uint64_t key);
/* replaces; @val must not be NULL; -ENOMEM leaves the map unchanged */
CDX_MUST_CHECK int cdx_map_put(struct cdx_map *m, uint64_t key, void *val);
/* returns the removed value or NULL */
void *cdx_map_del(struct cdx_map *m, uint64_t key);
void cdx_map_free(struct cdx_map *m);
/* iteration in no order; start with *pos = 0; false at the end; the map must
 * not change meanwhile */
int cdx_map_next(const struct cdx_map *m, size_t *pos, uint64_t *key,
		 void **val);

#endif
