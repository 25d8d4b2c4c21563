/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <inttypes.h>
#include <string.h>

#include "store/dataset_internal.h"

/* What may be served: rows of datasets that are public, and of nobody else */

static void check_id(struct cdx_fsck_run *r, const struct cdx_kv_pair *pair)
{
	uint64_t dsid = cdx_get_be64(pair->key);
	const struct cdx_fsck_ds *ds = cdx_fsck_ds_find(r, dsid);

	if (ds == NULL || !ds->is_public ||
	    memcmp(ds->cid.digest, pair->val, pair->val_len) != 0)
		cdx_fsck_say(r, "public-stray",
			     "dataset id %" PRIu64 " is not public", dsid);
}

/* Also while a dataset is added or removed, and when it was made private a
 * moment ago: such rows count for nothing. */
static void check_block(struct cdx_fsck_run *r, const struct cdx_kv_pair *pair)
{
	uint64_t dsid = cdx_get_be64(pair->key + sizeof(struct cdx_digest));

	if (cdx_fsck_ds_find(r, dsid) == NULL &&
	    cdx_fsck_prot_find(r, dsid) == NULL)
		cdx_fsck_say(r, "public-stray",
			     "a block of dataset id %" PRIu64
			     ", which is not here",
			     dsid);
}

int cdx_fsck_public(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(cdx_scan_free) = {.s = r->s,
							 .db = CDX_DB_PUBLIC};
	struct cdx_kv_pair pair;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		if (pair.key_len == CDX_PUBLIC_ID_LEN &&
		    pair.val_len == sizeof(struct cdx_digest))
			check_id(r, &pair);
		else if (pair.key_len == CDX_PUBLIC_ROW_LEN &&
			 pair.val_len == 0)
			check_block(r, &pair);
		else
			cdx_fsck_say(r, "public-record-bad", "key of %zu bytes",
				     pair.key_len);
	}
	return rc;
}
