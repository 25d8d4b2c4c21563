/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_MEMTABLE_H
#define CDX_STORE_MEMTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "store/kv.h"

/*
 * A group's changes in memory: one skip list a table, nodes and values in an
 * arena that is freed as a whole.  One writer at a time (the caller's lock),
 * any number of readers without one.  A node never goes away and its value is
 * replaced by one pointer store, so a reader sees the old or the new value.
 */
struct cdx_memtable;

/* A value; immutable once it is reachable. */
struct cdx_mem_val {
	uint32_t len; /* CDX_MEM_TOMBSTONE: the key is deleted */
	uint8_t p[];
};
#define CDX_MEM_TOMBSTONE UINT32_MAX

struct cdx_mem_node;

/* -ENOMEM; one reference */
CDX_MUST_CHECK int cdx_memtable_new(struct cdx_memtable **out);
struct cdx_memtable *cdx_memtable_ref(struct cdx_memtable *m);
/* NULL is allowed.  Thread: safe. */
void cdx_memtable_unref(struct cdx_memtable *m);

/* Upper bound of what one put takes */
size_t cdx_memtable_cost(size_t key_len, size_t val_len);
/* Makes room, so that puts that cost @bytes in sum cannot fail.  -ENOMEM.
 * Writer only. */
CDX_MUST_CHECK int cdx_memtable_reserve(struct cdx_memtable *m, size_t bytes);
/* Sets or (@val NULL) deletes; within what was reserved.  Writer only. */
void cdx_memtable_put(struct cdx_memtable *m, enum cdx_db db, const void *key,
		      size_t key_len, const void *val, size_t val_len);
/* Bytes taken so far.  Thread: safe. */
size_t cdx_memtable_bytes(const struct cdx_memtable *m);

/* Value or tombstone, NULL when the key is not in this layer; lives as long as
 * the memtable.  Thread: safe. */
const struct cdx_mem_val *cdx_memtable_get(const struct cdx_memtable *m,
					   enum cdx_db db, const void *key,
					   size_t key_len);

/* First node of a table not below a key (NULL: the first), the next one; NULL
 * at the end.  Thread: safe. */
const struct cdx_mem_node *cdx_memtable_seek(const struct cdx_memtable *m,
					     enum cdx_db db, const void *key,
					     size_t key_len);
const struct cdx_mem_node *cdx_mem_next(const struct cdx_mem_node *n);
const uint8_t *cdx_mem_key(const struct cdx_mem_node *n, size_t *len);
const struct cdx_mem_val *cdx_mem_value(const struct cdx_mem_node *n);

#endif
