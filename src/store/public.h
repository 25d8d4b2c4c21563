/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_PUBLIC_H
#define CDX_STORE_PUBLIC_H

#include <stdbool.h>

#include "base/attr.h"
#include "store/dataset_store.h"

/*
 * Which blocks may be given to strangers: those of datasets that are public
 * (cdx_dataset_is_public), and what the cache has.  CDX_DB_PUBLIC has a row for
 * each block of a public dataset, (digest, dataset's id), and one for the dataset,
 * its id.  The latter is put and deleted with the dataset's record, and a block's
 * row counts only beside it: so one batch makes a dataset private.
 *
 * A dataset and its protected forms have the same bytes: they are public or private
 * together.
 */

/* May this block be served?  True also for a cached one.  Thread: safe. */
bool cdx_public_block(struct cdx_store *s, const struct cdx_digest *digest);

/**
 * cdx_dataset_publish - make a dataset public, or private again
 *
 * @manifest: of a plain or a verifiable dataset; all that is built on the same
 *            data goes with it
 *
 * Public: the flag, then the rows, in bounded batches; private: the flag, then
 * the rows go.  Done again it finishes what a crash left.  Durable when it
 * returns.  -ENOENT; -EBUSY being dropped; -EINVAL a protected manifest, which
 * goes with its verifiable one.  Blocks.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_dataset_publish(struct cdx_store *s,
				       const struct cdx_cid *manifest,
				       bool is_public);
/* Puts rows of public datasets that have none: made before there was this table,
 * or interrupted.  Cheap when there is nothing to do: a look at every dataset.
 * @cancel may be NULL: never; true from it ends with -ECANCELED, and the next call
 * goes on.  Blocks.  Thread: safe. */
CDX_MUST_CHECK int cdx_public_complete(struct cdx_store *s,
				       bool (*cancel)(void *arg), void *arg);

#endif
