/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_AREAS_H
#define CDX_STORE_AREAS_H

#include "base/attr.h"
#include "store/kv.h"
#include "store/store.h"

/*
 * Inside the store only: what the batch side calls of the data-file side.
 * struct cdx_store has one member `struct cdx_areas *areas` (NULL until
 * cdx_areas_open); this side reaches it and a batch's store through the two
 * accessors at the end, which the batch side implements.
 */
struct cdx_areas;

/* Makes the directory areas/ of a new store.  @dirfd: the store's. */
CDX_MUST_CHECK int cdx_areas_init(int dirfd);

/* Opens areas/ and makes the object (returns new); no table is read yet.  Call
 * at cdx_store_open, after LMDB is open and the config is known. */
CDX_MUST_CHECK int cdx_areas_open(struct cdx_areas **out, struct cdx_store *s);

/* After replay, before the committer runs: removes files that no area record
 * names and finds the loose file to append to.  Applies no batch.  A named
 * file that is missing is logged, not an error. */
CDX_MUST_CHECK int cdx_areas_start(struct cdx_store *s);

/* After the committer runs: gives back what an interrupted ingest or removal
 * of a dataset left.  Applies batches (may block on a commit); not for a
 * read-only store. */
CDX_MUST_CHECK int cdx_areas_resume(struct cdx_store *s);

/* Closes every file, frees.  Nothing may use areas any more.  NULL allowed. */
void cdx_areas_close(struct cdx_areas *a);

/**
 * cdx_area_sync_dirty - data files to disk
 *
 * When it returns 0 every cdx_area_write that returned before the call is on
 * disk; concurrent callers share the work.  An error is permanent: it is
 * returned to every later caller too, and the store must fail.
 * Thread: safe; blocks.
 */
CDX_MUST_CHECK int cdx_area_sync_dirty(struct cdx_store *s);

/*
 * Reclaim (area.h) is called by the committer after each durable commit.  It
 * returns 1 when something waits for a later group: the committer then commits
 * again after its interval even when no batch came, so that space comes back
 * on an idle store too.
 */

/* ---- implemented by the batch side ---- */

/* The data-file side's object */
struct cdx_areas *cdx_store_areas(const struct cdx_store *s);
/* Number of the newest durable group.  Thread: safe. */
uint64_t cdx_store_durable(struct cdx_store *s);
/* The store a batch belongs to */
struct cdx_store *cdx_batch_store(const struct cdx_batch *b);

#endif
