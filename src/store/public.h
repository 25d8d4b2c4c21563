/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_PUBLIC_H
#define CDX_STORE_PUBLIC_H

#include <stdbool.h>

#include "base/attr.h"
#include "store/dataset_store.h"

/*
 * Which blocks may be given to strangers: those of datasets that are not
 * private (cdx_dataset_info.is_private), and what the cache has.  A row for each
 * block of a public dataset: CDX_DB_PUBLIC, (digest, dataset's id) -> manifest
 * digest.  A row is a hint; the dataset's own record decides.
 */

/* May this block be served?  True also for a cached one.  Thread: safe. */
bool cdx_public_block(struct cdx_store *s, const struct cdx_digest *digest);

/**
 * cdx_dataset_publish - make a dataset public, or private again
 *
 * Public: the flag, then the rows, in bounded batches; private: the flag, then
 * the rows go.  Done again it finishes what a crash left.  -ENOENT; -EBUSY being
 * dropped; -EINVAL a protected manifest, which goes with its verifiable one.
 * Blocks.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_dataset_publish(struct cdx_store *s,
				       const struct cdx_cid *manifest,
				       bool is_public);
/* Puts rows of public datasets that have none: made before there was this table,
 * or interrupted.  Cheap when there is nothing to do.  @cancel may be NULL. */
CDX_MUST_CHECK int cdx_public_complete(struct cdx_store *s,
				       bool (*cancel)(void *arg), void *arg);

#endif
