/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_DATASET_INTERNAL_H
#define CDX_STORE_DATASET_INTERNAL_H

#include "base/attr.h"
#include "base/bytes.h"
#include "store/block_set.h"
#include "store/dataset_store.h"

/* Inside the store only: dataset.c, dataset_drop.c, ingest.c. */

/* Leaves given back by one batch */
#define CDX_DROP_BATCH 512u

/* Markers in CDX_DB_META; they make a start finish what was interrupted.
 * "ingest/<16 hex of the dataset id>" -> version byte,
 * "drop/<64 hex of the manifest digest>" -> version byte. */
#define CDX_MARK_INGEST "ingest/"
#define CDX_MARK_DROP "drop/"
#define CDX_MARK_MAX 80

/* Text of a marker's key; returns its length. */
size_t cdx_mark_ingest(char out[CDX_MARK_MAX], uint64_t dsid);
size_t cdx_mark_drop(char out[CDX_MARK_MAX], const struct cdx_cid *cid);
void cdx_mark_put(struct cdx_batch *b, const char *key, size_t len);
void cdx_mark_del(struct cdx_batch *b, const char *key, size_t len);

/* The record whatever its state; the manifest's bytes are appended to
 * @manifest unless NULL.  -ENOENT; CDX_E_CORRUPT. */
CDX_MUST_CHECK int cdx_dataset_load(struct cdx_store *s,
				    const struct cdx_cid *manifest_cid,
				    struct cdx_dataset_info *out,
				    struct cdx_buf *manifest);

/**
 * cdx_leaves_drop - give the blocks of all leaves of a dataset id back
 *
 * @area: a segment's file, whose locations go too; 0 for loose blocks
 *
 * In bounded batches; each takes the block lock.
 */
CDX_MUST_CHECK int cdx_leaves_drop(struct cdx_store *s, uint64_t dsid,
				   uint64_t area);

#endif
