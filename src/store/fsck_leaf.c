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
#include "merkle/sha256_tree.h"
#include "store/records.h"

/* The leaves of one dataset id, which come in a row */
struct walk {
	struct cdx_fsck_run *r;
	bool open; /* @dsid is valid */
	uint64_t dsid;
	struct cdx_fsck_ds *ds;	    /* NULL: an open segment, or nobody's */
	struct cdx_fsck_area *area; /* of an open segment */
	uint64_t expect;	    /* index that comes next */
	struct cdx_tree_stream tree;
};

static void finish(struct walk *w)
{
	struct cdx_digest root;

	if (!w->open || w->ds == NULL || w->ds->dropping)
		return;
	if (w->expect != w->ds->blocks) {
		cdx_fsck_say(w->r, "leaf-missing",
			     "dataset id %" PRIu64 " has %" PRIu64
			     " of %" PRIu64 " leaves",
			     w->dsid, w->expect, w->ds->blocks);
		return;
	}
	if (cdx_tree_stream_root(&root, &w->tree) < 0 ||
	    memcmp(&root, &w->ds->tree, sizeof(root)) != 0)
		cdx_fsck_say(w->r, "tree-mismatch",
			     "leaves of dataset id %" PRIu64
			     " do not make its tree",
			     w->dsid);
}

static void begin(struct walk *w, uint64_t dsid)
{
	finish(w);
	w->open = true;
	w->dsid = dsid;
	w->expect = 0;
	memset(&w->tree, 0, sizeof(w->tree));
	w->ds = cdx_fsck_ds_find(w->r, dsid);
	w->area = NULL;
	if (w->ds != NULL) {
		w->ds->met = true;
		return;
	}
	w->area = cdx_fsck_area_find(w->r, dsid);
	if (w->area != NULL &&
	    (!w->area->has_record || w->area->info.kind != CDX_AREA_SEGMENT))
		w->area = NULL;
	if (w->area == NULL)
		cdx_fsck_say(w->r, "leaf-without-dataset",
			     "id %" PRIu64 " is no dataset and no segment",
			     dsid);
}

/* A leaf of an open segment: only its own bytes can answer for it. */
static void check_open(struct walk *w, uint32_t index,
		       const struct cdx_leaf *leaf)
{
	struct cdx_block_info info;
	struct cdx_ref_slot *slot;
	int rc;

	if (w->area == NULL || leaf->state == CDX_LEAF_BURNT)
		return;
	/* its sealing (or removal) is half done: some blocks are recorded */
	if (cdx_block_info(w->r->s, &leaf->digest, &info) == 0 &&
	    cdx_refs_get(&w->r->refs, &slot, &leaf->digest) == 0)
		slot->refs++;
	rc = cdx_fsck_hash(w->r, w->dsid, (uint64_t)index * CDX_BLOCK_SIZE,
			   &leaf->digest);
	if (rc < 0)
		cdx_fsck_say(w->r, "segment-block-hash",
			     "areas/%016" PRIx64 " block %" PRIu32 ": %s",
			     w->dsid, index, cdx_strerror(rc));
}

static void check_place(struct walk *w, uint32_t index,
			const struct cdx_block_info *info)
{
	/* with all locations taken this one may have been left out */
	if (w->ds->area == 0 || info->locs == CDX_BLOCK_LOCS_MAX)
		return;
	for (uint32_t i = 0; i < info->locs; i++)
		if (info->loc[i].area == w->ds->area &&
		    info->loc[i].off == (uint64_t)index * CDX_BLOCK_SIZE)
			return;
	cdx_fsck_say(w->r, "leaf-without-location",
		     "areas/%016" PRIx64 " block %" PRIu32, w->ds->area, index);
}

static int check_owned(struct walk *w, uint32_t index,
		       const struct cdx_leaf *leaf)
{
	struct cdx_block_info info;
	struct cdx_ref_slot *slot;
	int rc;

	if (w->expect != index && !w->ds->dropping)
		cdx_fsck_say(w->r, "leaf-order",
			     "dataset id %" PRIu64 ": leaf %" PRIu32
			     " where %" PRIu64 " should be",
			     w->dsid, index, w->expect);
	w->expect++;
	cdx_tree_stream_add(&w->tree, &leaf->digest);
	if (leaf->state == CDX_LEAF_BURNT) {
		cdx_fsck_say(w->r, "leaf-burnt",
			     "dataset id %" PRIu64 " leaf %" PRIu32
			     " has no content",
			     w->dsid, index);
		return 0;
	}
	rc = cdx_refs_get(&w->r->refs, &slot, &leaf->digest);
	if (rc < 0)
		return rc;
	slot->refs++;
	rc = cdx_block_info(w->r->s, &leaf->digest, &info);
	if (rc == -ENOENT)
		cdx_fsck_say(w->r, "leaf-without-block",
			     "dataset id %" PRIu64 " leaf %" PRIu32, w->dsid,
			     index);
	else if (rc == 0 && !w->ds->dropping)
		check_place(w, index, &info);
	return 0;
}

static int check_leaf(struct walk *w, const struct cdx_kv_pair *pair)
{
	struct cdx_leaf leaf;
	uint32_t index;

	if (pair->key_len != CDX_LEAF_KEY_LEN) {
		cdx_fsck_say(w->r, "leaf-record-bad", "key of %zu bytes",
			     pair->key_len);
		return 0;
	}
	if (!w->open || cdx_get_be64(pair->key) != w->dsid)
		begin(w, cdx_get_be64(pair->key));
	if (cdx_leaf_decode(&leaf, &index, pair) < 0) {
		cdx_fsck_say(w->r, "leaf-record-bad",
			     "dataset id %" PRIu64 " leaf %" PRIu32, w->dsid,
			     cdx_get_be32(pair->key + 8));
		return 0;
	}
	if (w->ds != NULL)
		return check_owned(w, index, &leaf);
	check_open(w, index, &leaf);
	return 0;
}

int cdx_fsck_leaves(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(cdx_scan_free) = {.s = r->s,
							 .db = CDX_DB_LEAF};
	struct walk w = {.r = r};
	struct cdx_kv_pair pair;
	uint64_t n = 0;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		rc = check_leaf(&w, &pair);
		if (rc < 0)
			return rc;
		if (++n % 256 == 0)
			cdx_fsck_progress(r, "leaves", n, 0);
	}
	if (rc < 0)
		return rc;
	finish(&w);
	cdx_fsck_progress(r, "leaves", n, n);
	for (size_t i = 0; i < r->n_ds; i++)
		if (!r->ds[i].met && !r->ds[i].dropping)
			cdx_fsck_say(r, "leaf-missing",
				     "dataset id %" PRIu64 " has no leaves",
				     r->ds[i].dsid);
	return 0;
}
