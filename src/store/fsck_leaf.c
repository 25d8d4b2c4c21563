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
#include "store/held_internal.h"
#include "store/protection_internal.h"
#include "store/records.h"

/* The leaves of one dataset id, which come in a row */
struct walk {
	struct cdx_fsck_run *r;
	bool open; /* @dsid is valid */
	uint64_t dsid;
	struct cdx_fsck_ds *ds; /* NULL: an open segment, or nobody's */
	const struct cdx_protection *gaps; /* where it is not all here */
	const struct cdx_protection *prot; /* leaves of its parity */
	struct cdx_fsck_prot *held; /* leaves of an adopted one, of either id */
	uint64_t parity;	    /* met so far */
	struct cdx_fsck_area *area; /* of an open segment */
	uint64_t expect;	    /* index that comes next */
	struct cdx_tree_stream tree;
};

/* ---- parity of a protection ---- */

static void finish_parity(struct walk *w)
{
	const struct cdx_protection *p = w->prot;

	if (p->state != CDX_PROTECTION_DROPPING && w->parity != p->done * p->m)
		cdx_fsck_say(w->r, "leaf-missing",
			     "protection %" PRIu64 " has %" PRIu64
			     " of %" PRIu64 " leaves",
			     p->id, w->parity, p->done * p->m);
}

/* Parity leaves have indices of their own; others do not belong there. */
static bool is_parity(const struct cdx_protection *p, uint32_t index)
{
	uint64_t rounded = cdx_protection_rounded(p);

	if (index < rounded || index >= cdx_protection_total(p))
		return false;
	return (index - rounded) % p->steps < p->done ||
	       p->state == CDX_PROTECTION_DROPPING;
}

static bool is_listed(const struct cdx_block_info *info,
		      const struct cdx_block_loc *loc)
{
	for (uint32_t i = 0; i < info->locs; i++)
		if (info->loc[i].area == loc->area &&
		    info->loc[i].off == loc->off)
			return true;
	return false;
}

/* One who names a block and does without it */
static int note_absent(struct walk *w, const struct cdx_leaf *leaf)
{
	struct cdx_ref_slot *count;
	int rc;

	rc = cdx_refs_get(&w->r->absent, &count, &leaf->digest);
	if (rc == 0)
		count->refs++;
	return rc;
}

/* A leaf of a slot: 1 when it is marked as not here, which is noted. */
static int check_slot(struct walk *w, const struct cdx_protection *p,
		      uint32_t index, const struct cdx_leaf *leaf,
		      const struct cdx_block_info *info)
{
	uint32_t slot = (uint32_t)(index / p->steps);
	struct cdx_block_loc loc;
	int rc;

	if ((p->absent >> slot & 1) == 0)
		return 0;
	rc = note_absent(w, leaf);
	if (rc < 0)
		return rc;
	if (cdx_slot_is_off(p, slot) && !cdx_slot_is_evicting(p, slot) &&
	    cdx_protection_place(p, index, &loc) && is_listed(info, &loc))
		cdx_fsck_say(w->r, "slot-absent-located",
			     "protection %" PRIu64 " slot %" PRIu32
			     " index %" PRIu32,
			     p->id, slot, index);
	return 1;
}

static int check_parity(struct walk *w, uint32_t index,
			const struct cdx_leaf *leaf)
{
	const struct cdx_protection *p = w->prot;
	struct cdx_block_info info;
	struct cdx_ref_slot *slot;
	struct cdx_block_loc loc;
	int rc;

	w->parity++;
	if (!is_parity(p, index) || leaf->state != CDX_LEAF_DATA) {
		cdx_fsck_say(w->r, "leaf-order",
			     "protection %" PRIu64 ": leaf %" PRIu32
			     " does not belong there",
			     p->id, index);
		return 0;
	}
	rc = cdx_refs_get(&w->r->refs, &slot, &leaf->digest);
	if (rc < 0)
		return rc;
	slot->refs++;
	rc = cdx_block_info(w->r->s, &leaf->digest, &info);
	if (rc == -ENOENT) {
		cdx_fsck_say(w->r, "leaf-without-block",
			     "protection %" PRIu64 " leaf %" PRIu32, p->id,
			     index);
		return 0;
	}
	if (rc < 0)
		return 0;
	rc = check_slot(w, p, index, leaf, &info);
	if (rc == 0 && p->state != CDX_PROTECTION_DROPPING &&
	    info.locs != CDX_BLOCK_LOCS_MAX &&
	    cdx_protection_place(p, index, &loc) && !is_listed(&info, &loc))
		cdx_fsck_say(w->r, "leaf-without-location",
			     "protection %" PRIu64 " index %" PRIu32, p->id,
			     index);
	return rc < 0 ? rc : 0;
}

/* ---- an adopted dataset: leaves of some of its slots ---- */

static int check_held(struct walk *w, uint32_t index,
		      const struct cdx_leaf *leaf)
{
	const struct cdx_protection *p = &w->held->p;
	uint32_t slot = (uint32_t)(index / p->steps);
	struct cdx_block_info info;
	struct cdx_ref_slot *count;
	struct cdx_block_loc loc;
	int rc;

	if (!cdx_protection_place(p, index, &loc) ||
	    index >= cdx_protection_total(p) ||
	    cdx_held_leaf_id(p, index) != w->dsid ||
	    leaf->state != CDX_LEAF_DATA) {
		cdx_fsck_say(w->r, "leaf-order",
			     "held dataset %" PRIu64 ": leaf %" PRIu32
			     " does not belong there",
			     p->id, index);
		return 0;
	}
	w->held->leaves[slot]++;
	rc = cdx_refs_get(&w->r->refs, &count, &leaf->digest);
	if (rc < 0)
		return rc;
	count->refs++;
	rc = cdx_block_info(w->r->s, &leaf->digest, &info);
	if (rc == -ENOENT)
		cdx_fsck_say(w->r, "leaf-without-block",
			     "held dataset %" PRIu64 " leaf %" PRIu32, p->id,
			     index);
	if (rc < 0)
		return 0;
	if (!cdx_held_whole(p, slot))
		return note_absent(w, leaf);
	/* of many equal blocks not all places are known, and those that are may
	 * have gone with another slot */
	if (info.refs == 1 && !is_listed(&info, &loc))
		cdx_fsck_say(w->r, "leaf-without-location",
			     "held dataset %" PRIu64 " index %" PRIu32, p->id,
			     index);
	return 0;
}

/* ---- datasets and segments ---- */

static void finish(struct walk *w)
{
	struct cdx_digest root;

	if (w->open && w->prot != NULL && w->held == NULL)
		finish_parity(w);
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
	struct cdx_fsck_prot *prot;

	finish(w);
	w->open = true;
	w->dsid = dsid;
	w->expect = 0;
	memset(&w->tree, 0, sizeof(w->tree));
	w->ds = NULL;
	w->area = NULL;
	w->gaps = NULL;
	w->parity = 0;
	prot = cdx_fsck_prot_find(w->r, dsid);
	w->prot = prot != NULL ? &prot->p : NULL;
	w->held = prot != NULL && cdx_held_is(&prot->p)
			  ? prot
			  : cdx_fsck_held_find(w->r, dsid);
	if (w->held != NULL)
		return;
	if (prot != NULL) {
		prot->met = true;
		return;
	}
	w->ds = cdx_fsck_ds_find(w->r, dsid);
	if (w->ds != NULL && w->ds->kind != CDX_DATASET_PLAIN)
		w->ds = NULL;
	if (w->ds != NULL) {
		w->ds->met = true;
		w->gaps = cdx_fsck_prot_gaps(w->r, dsid);
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
			   CDX_BLOCK_SIZE, &leaf->digest);
	if (rc < 0)
		cdx_fsck_say(w->r, "segment-block-hash",
			     "areas/%016" PRIx64 " block %" PRIu32 ": %s",
			     w->dsid, index, cdx_strerror(rc));
}

static void check_place(struct walk *w, uint32_t index,
			const struct cdx_block_info *info)
{
	const struct cdx_block_loc loc = {
		.area = w->ds->area,
		.off = (uint64_t)index * CDX_BLOCK_SIZE,
	};

	/* with all locations taken this one may have been left out */
	if (w->ds->area == 0 || info->locs == CDX_BLOCK_LOCS_MAX ||
	    is_listed(info, &loc))
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
	if (rc < 0)
		return 0;
	/* with its last protection it may have lost what was not here */
	if (w->ds->dropping)
		return note_absent(w, leaf);
	rc = w->gaps != NULL ? check_slot(w, w->gaps, index, leaf, &info) : 0;
	if (rc == 0)
		check_place(w, index, &info);
	return rc < 0 ? rc : 0;
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
	if (w->held != NULL)
		return check_held(w, index, &leaf);
	if (w->prot != NULL)
		return check_parity(w, index, &leaf);
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
		if (!r->ds[i].met && !r->ds[i].dropping &&
		    r->ds[i].kind == CDX_DATASET_PLAIN)
			cdx_fsck_say(r, "leaf-missing",
				     "dataset id %" PRIu64 " has no leaves",
				     r->ds[i].dsid);
	return 0;
}
