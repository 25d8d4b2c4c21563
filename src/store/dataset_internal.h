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

/* "public/<16 hex of the dataset id>" -> version byte: its rows in CDX_DB_PUBLIC
 * are not yet what its record says */
#define CDX_MARK_PUBLIC "public/"

/* Text of a marker's key; returns its length. */
size_t cdx_mark_ingest(char out[CDX_MARK_MAX], uint64_t dsid);
size_t cdx_mark_drop(char out[CDX_MARK_MAX], const struct cdx_cid *cid);
void cdx_mark_put(struct cdx_batch *b, const char *key, size_t len);
void cdx_mark_del(struct cdx_batch *b, const char *key, size_t len);
/* Key of the first marker with this prefix, NUL at its end; -ENOENT */
CDX_MUST_CHECK int cdx_mark_first(struct cdx_store *s, char out[CDX_MARK_MAX],
				  const char *prefix);

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

/* ---- what may be served (public.c) ---- */

#define CDX_PUBLIC_ID_LEN 8
#define CDX_PUBLIC_ROW_LEN 40

/* The row that says of a dataset id that it is public, or none; in the batch
 * that puts the record.  cdx_dataset_put and _del call these. */
void cdx_public_note(struct cdx_batch *b, const struct cdx_dataset_info *info,
		     bool is_new);
void cdx_public_forget(struct cdx_batch *b, uint64_t dsid);
/* The row of one block, in the batch that puts or deletes its leaf.  It counts
 * while the dataset is public. */
void cdx_public_add(struct cdx_batch *b, const struct cdx_digest *digest,
		    uint64_t dsid);
void cdx_public_del(struct cdx_batch *b, const struct cdx_digest *digest,
		    uint64_t dsid);
/* 1: this dataset id is public; 0: it is not */
CDX_MUST_CHECK int cdx_public_id(struct cdx_store *s, uint64_t dsid);
/* Is there anything public?  Else there are no rows to delete. */
bool cdx_public_any(struct cdx_store *s);
/* Has the rows of a dataset id settled later; in the batch that changes what
 * they should be. */
void cdx_public_mark(struct cdx_batch *b, uint64_t dsid);
/* Puts or deletes the rows of all its leaves, as the record wants them, in bounded
 * batches, and takes the marker away.  -ECANCELED. */
CDX_MUST_CHECK int cdx_public_settle(struct cdx_store *s, uint64_t dsid,
				     bool (*cancel)(void *arg), void *arg);

#endif
