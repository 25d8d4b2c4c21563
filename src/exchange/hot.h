/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_EXCHANGE_HOT_H
#define CDX_EXCHANGE_HOT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "crypto/hash.h"

/* Blocks in memory that were hashed once, the least recently used go first.  In
 * shards, each with its lock.  Thread: safe. */
struct cdx_hot;

/* What blocks may take beside those that are kept */
#define CDX_HOT_LOANS (128u << 20)

/* Immutable once it is put; counted */
struct cdx_hot_block {
	struct cdx_hot *hot;
	struct cdx_list node; /* in its shard, most lately used first */
	_Atomic unsigned refs;
	struct cdx_digest digest;
	uint32_t size; /* bytes */
	uint8_t bytes[];
};

/* @bytes: that kept blocks may take; those that are only being sent come on top.
 * -ENOMEM. */
CDX_MUST_CHECK int cdx_hot_new(struct cdx_hot **out, size_t bytes);
/* NULL is allowed.  Every block must have been released. */
void cdx_hot_free(struct cdx_hot *h);

/* A reference for the caller, or NULL */
struct cdx_hot_block *cdx_hot_get(struct cdx_hot *h,
				  const struct cdx_digest *digest);
/* @out: room for a block, with one reference.  -ENOMEM; -EAGAIN so many bytes are
 * being sent that there is none just now. */
CDX_MUST_CHECK int cdx_hot_block_new(struct cdx_hot *h,
				     struct cdx_hot_block **out,
				     const struct cdx_digest *digest,
				     uint32_t size);
/* Keeps it, when there is room and no other has its digest; what it holds is
 * right. */
void cdx_hot_put(struct cdx_hot *h, struct cdx_hot_block *b);
/* @block: a struct cdx_hot_block */
void cdx_hot_release(void *block);

#endif
