/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_CACHE_H
#define CDX_STORE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "codec/cid.h"
#include "merkle/sha256_page.h"
#include "store/store.h"

/*
 * What was fetched from others: blocks by digest, pages of trees, manifests.
 * Charged to CDX_SHARE_CACHE and never needed: whatever is here may be gone the
 * next moment.  When there is no room the least recently used entries go, by
 * hours.  A put of what is here already counts as use.  cdx_block_read looks
 * here last, so whoever reads blocks reads these too.
 *
 * Puts are batches like all others: visible at once, durable with the next group,
 * and the callers do not wait for that.  Thread: all safe; they block on the
 * disk.  -ENOSPC: the share has no room for it even when everything else goes, or
 * the disk is full; -EROFS; those of batches.  An error of a put is no reason not
 * to hand on what was fetched.
 */

/* @p: @size bytes that hash to @digest (not checked again).  -EINVAL: not 1 byte to
 * 4 MiB. */
CDX_MUST_CHECK int cdx_cache_put_block(struct cdx_store *s,
				       const struct cdx_digest *digest,
				       const uint8_t *p, uint32_t size);
/* Verified bytes.  -ENOENT; -EINVAL it is not @size bytes; one that does not
 * match is dropped, counted and -ENOENT. */
CDX_MUST_CHECK int cdx_cache_get_block(struct cdx_store *s, uint8_t *out,
				       uint32_t size,
				       const struct cdx_digest *digest);
/* Its size without reading it; -ENOENT */
CDX_MUST_CHECK int cdx_cache_block_size(struct cdx_store *s,
					const struct cdx_digest *digest);

/* @p: verified against @tree.  -EINVAL: its numbers contradict each other. */
CDX_MUST_CHECK int cdx_cache_put_page(struct cdx_store *s,
				      const struct cdx_digest *tree,
				      const struct cdx_tree_page *p);
/* -ENOENT.  What is read is verified against @tree again. */
CDX_MUST_CHECK int cdx_cache_get_page(struct cdx_store *s,
				      struct cdx_tree_page *out,
				      const struct cdx_digest *tree,
				      uint32_t page);

/* @bytes: the manifest that @cid names (not checked); @tree: of it, by which it
 * is found too.  -EINVAL: no CID of a manifest, or too long. */
CDX_MUST_CHECK int cdx_cache_put_manifest(struct cdx_store *s,
					  const struct cdx_cid *cid,
					  const struct cdx_digest *tree,
					  const void *bytes, size_t len);
/* Appends its exact bytes.  @digest: of the manifest, or of its tree (of several
 * manifests with one tree the longest).  -ENOENT */
CDX_MUST_CHECK int cdx_cache_get_manifest(struct cdx_store *s,
					  struct cdx_buf *out,
					  const struct cdx_digest *digest);
/* Drops a manifest, so that its dataset is not announced any more; pages and
 * blocks go by their age.  -ENOENT. */
CDX_MUST_CHECK int cdx_cache_drop_manifest(struct cdx_store *s,
					   const struct cdx_cid *cid);
/* Called for every manifest; negative stops.  No lock or reader is held. */
typedef int cdx_cache_manifest_fn(void *arg, const struct cdx_cid *cid);
CDX_MUST_CHECK int cdx_cache_list(struct cdx_store *s,
				  cdx_cache_manifest_fn *fn, void *arg);

/**
 * cdx_cache_resize - a new size of the share
 *
 * @bytes: CDX_SHARE_CACHE becomes this; what is over goes, oldest first
 *
 * Blocks while it removes.  Errors: those of batches.
 */
CDX_MUST_CHECK int cdx_cache_resize(struct cdx_store *s, uint64_t bytes);

struct cdx_cache_stats {
	uint64_t limit;	  /* bytes */
	uint64_t used;	  /* bytes */
	uint64_t entries; /* since open: */
	uint64_t hits;
	uint64_t misses;
	uint64_t evicted; /* entries */
};
/* Thread: safe. */
void cdx_cache_stats(struct cdx_store *s, struct cdx_cache_stats *out);

#endif
