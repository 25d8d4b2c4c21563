/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "crypto/block.h"
#include "store/block_set.h"
#include "store/records.h"

static void check_loc(struct cdx_fsck_run *r, const char *name,
		      const struct cdx_digest *digest, uint32_t size,
		      const struct cdx_block_loc *loc)
{
	struct cdx_fsck_area *v = cdx_fsck_area_find(r, loc->area);
	int rc;

	if (v == NULL || !v->has_record) {
		cdx_fsck_say(r, "block-location-unknown",
			     "%s: no areas/%016" PRIx64, name, loc->area);
		return;
	}
	if (v->info.kind == CDX_AREA_LOOSE)
		v->live += cdx_block_room(size);
	if (!v->has_file || loc->off + size > v->file_size ||
	    loc->off % (v->info.kind == CDX_AREA_SEGMENT ? CDX_BLOCK_SIZE
							 : 4096u) !=
		    0) {
		cdx_fsck_say(r, "block-location-bad",
			     "%s: areas/%016" PRIx64 " at %" PRIu64, name,
			     loc->area, loc->off);
		return;
	}
	rc = cdx_fsck_hash(r, loc->area, loc->off, size, digest);
	if (rc < 0)
		cdx_fsck_say(r, "block-hash",
			     "%s: areas/%016" PRIx64 " at %" PRIu64 ": %s",
			     name, loc->area, loc->off, cdx_strerror(rc));
}

static int check_block(struct cdx_fsck_run *r, const struct cdx_kv_pair *pair)
{
	char name[CDX_CID_TEXT_MAX];
	struct cdx_block_info info;
	struct cdx_ref_slot *slot;
	struct cdx_digest digest;
	struct cdx_cid cid;
	int rc;

	rc = cdx_block_info_decode(&info, pair->val, pair->val_len);
	if (pair->key_len != sizeof(digest.b) || rc < 0) {
		cdx_fsck_say(r, "block-record-bad", "key of %zu bytes",
			     pair->key_len);
		return 0;
	}
	memcpy(digest.b, pair->key, sizeof(digest.b));
	cid = cdx_cid_sha256(CDX_CODEC_BLOCK, &digest);
	cdx_cid_text(name, &cid);
	rc = cdx_refs_get(&r->refs, &slot, &digest);
	if (rc < 0)
		return rc;
	if (slot->refs != info.refs)
		cdx_fsck_say(r, "block-refs",
			     "%s: record says %" PRIu32 ", %" PRIu32
			     " leaves name it",
			     name, info.refs, slot->refs);
	if (info.locs == 0) {
		rc = cdx_refs_get(&r->absent, &slot, &digest);
		if (rc < 0)
			return rc;
		/* all who name it know that it is not here */
		if (slot->refs < info.refs)
			cdx_fsck_say(r, "block-without-location", "%s", name);
	}
	for (uint32_t i = 0; i < info.locs; i++)
		check_loc(r, name, &digest, info.size, &info.loc[i]);
	return 0;
}

int cdx_fsck_blocks(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(cdx_scan_free) = {.s = r->s,
							 .db = CDX_DB_BLOCK};
	uint64_t total = (uint64_t)cdx_kv_counter(r->s, CDX_CNT_BLOCKS);
	struct cdx_kv_pair pair;
	uint64_t n = 0;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		rc = check_block(r, &pair);
		if (rc < 0)
			return rc;
		if (++n % 64 == 0)
			cdx_fsck_progress(r, "blocks", n, total);
	}
	if (rc < 0)
		return rc;
	cdx_fsck_progress(r, "blocks", n, total);
	if (n != total)
		cdx_fsck_say(r, "counter-blocks",
			     "counter says %" PRIu64 ", there are %" PRIu64,
			     total, n);
	return 0;
}
