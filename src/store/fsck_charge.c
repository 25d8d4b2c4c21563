/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <errno.h>

#include "base/err.h"
#include "store/block_set.h"
#include "store/protection_internal.h"
#include "store/records.h"

/* What the store itself charges, counted anew: loose blocks, manifests of added
 * datasets, parity less what evicted slots took off. */

struct sum {
	struct cdx_store *s;
	uint64_t area; /* asked for last */
	bool loose;    /* it is a loose file */
	int64_t total;
	enum cdx_share share; /* of the protections that count */
};

static bool is_loose(struct sum *sum, uint64_t area)
{
	struct cdx_area_info info;

	if (sum->area != area) {
		sum->area = area;
		sum->loose = cdx_area_info(sum->s, area, &info) == 0 &&
			     info.kind == CDX_AREA_LOOSE;
	}
	return sum->loose;
}

static void add_block(struct sum *sum, const struct cdx_kv_pair *pair)
{
	struct cdx_block_info info;

	if (cdx_block_info_decode(&info, pair->val, pair->val_len) < 0)
		return;
	for (uint32_t i = 0; i < info.locs; i++)
		if (is_loose(sum, info.loc[i].area))
			sum->total +=
				(int64_t)cdx_block_charge(sum->s, info.size);
}

static void add_dataset(struct sum *sum, const struct cdx_kv_pair *pair)
{
	struct cdx_dataset_info info;
	const uint8_t *manifest;
	size_t len;

	if (cdx_dataset_decode(&info, &manifest, &len, pair->val,
			       pair->val_len) == 0 &&
	    info.kind == CDX_DATASET_PLAIN && info.area == 0)
		sum->total += (int64_t)len;
}

static void add_protection(struct sum *sum, const struct cdx_kv_pair *pair)
{
	struct cdx_protection p;

	if (cdx_protection_decode(&p, pair) == 0 && p.share == sum->share)
		sum->total += cdx_protection_charged(&p);
}

static int walk(struct sum *sum, enum cdx_db db,
		void (*add)(struct sum *sum, const struct cdx_kv_pair *pair))
{
	struct cdx_scan sc CDX_CLEANUP(cdx_scan_free) = {.s = sum->s, .db = db};
	struct cdx_kv_pair pair;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0)
		add(sum, &pair);
	return rc;
}

int cdx_store_charged(struct cdx_store *s, int64_t *out)
{
	struct sum sum = {.s = s};
	int rc;

	rc = walk(&sum, CDX_DB_BLOCK, add_block);
	if (rc == 0)
		rc = walk(&sum, CDX_DB_DATASET, add_dataset);
	if (rc == 0)
		rc = walk(&sum, CDX_DB_PROTECTION, add_protection);
	if (rc == 0)
		*out = sum.total;
	return rc;
}

int cdx_store_charged_held(struct cdx_store *s, int64_t *out)
{
	struct sum sum = {.s = s, .share = CDX_SHARE_PROVIDER};
	int rc = walk(&sum, CDX_DB_PROTECTION, add_protection);

	if (rc == 0)
		*out = sum.total;
	return rc;
}
