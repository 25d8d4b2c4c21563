/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <inttypes.h>

#include "crypto/block.h"
#include "dataset/manifest.h"
#include "store/dataset_internal.h"
#include "store/held_internal.h"
#include "store/protection_internal.h"
#include "store/records.h"

/* Adopted datasets: their files, rows and slots, their pages, what they are charged
 * with.  Slots that are not sold, and what is left of them, wait for the next open. */

/* ---- one dataset ---- */

static void check_row(struct cdx_fsck_run *r, const struct cdx_protection *p)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p->verifiable);
	struct cdx_manifest m CDX_CLEANUP(cdx_manifest_free) = {0};
	struct cdx_buf buf CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dataset_info info;

	if (cdx_dataset_load(r->s, &cid, &info, &buf) < 0 ||
	    info.kind != CDX_DATASET_VERIFIABLE || info.dsid != p->id ||
	    info.base != p->base || info.dropping ||
	    (info.refs & CDX_REF_HELD) == 0 || info.blocks != p->blocks ||
	    info.block_size != p->block_size ||
	    cdx_manifest_decode(&m, buf.p, buf.len) < 0 ||
	    m.erasure.k != p->k || m.erasure.m != p->m ||
	    cdx_manifest_blocks(&m) != cdx_protection_total(p))
		cdx_fsck_say(r, "protection-dataset",
			     "held dataset %" PRIu64
			     ": its manifest is missing or another",
			     p->id);
	if (cdx_fsck_ds_find(r, p->base) != NULL ||
	    cdx_fsck_prot_find(r, p->base) != NULL)
		cdx_fsck_say(r, "dataset-id-twice", "%" PRIu64, p->base);
}

static void check_slot(struct cdx_fsck_run *r, const struct cdx_fsck_prot *v,
		       uint32_t slot)
{
	const struct cdx_protection *p = &v->p;
	uint64_t want = cdx_protection_slot_blocks(p, slot);

	if ((p->sold >> slot & 1) != 0 && v->leaves[slot] != want)
		cdx_fsck_say(r, "leaf-missing",
			     "held dataset %" PRIu64 " slot %" PRIu32
			     " has %" PRIu64 " of %" PRIu64 " leaves",
			     p->id, slot, v->leaves[slot], want);
	if (cdx_held_whole(p, slot) && (v->has_nodes >> slot & 1) == 0)
		cdx_fsck_say(r, "slot-node-missing",
			     "held dataset %" PRIu64 " slot %" PRIu32, p->id,
			     slot);
}

static void check_one(struct cdx_fsck_run *r, const struct cdx_fsck_prot *v)
{
	const struct cdx_protection *p = &v->p;

	cdx_fsck_prot_file(r, p, p->segment, CDX_AREA_SEGMENT,
			   p->blocks * CDX_BLOCK_SIZE);
	if (p->m != 0)
		cdx_fsck_prot_file(r, p, p->area, CDX_AREA_PARITY,
				   cdx_protection_parity_bytes(p));
	if (p->state == CDX_PROTECTION_DROPPING)
		return;
	check_row(r, p);
	for (uint32_t i = 0; i < p->k + p->m; i++)
		check_slot(r, v, i);
}

/* ---- pages ---- */

static void check_page(struct cdx_fsck_run *r, const struct cdx_kv_pair *pair)
{
	struct cdx_fsck_prot *v;
	struct cdx_fsck_ds *ds;
	struct cdx_tree_page page;

	if (pair->key_len != CDX_HELD_PAGE_KEY_LEN) {
		cdx_fsck_say(r, "held-page-bad", "key of %zu bytes",
			     pair->key_len);
		return;
	}
	v = cdx_fsck_prot_find(r, cdx_get_be64(pair->key));
	if (v == NULL || !cdx_held_is(&v->p)) {
		cdx_fsck_say(r, "held-page-stray",
			     "id %" PRIu64 " is no held dataset",
			     cdx_get_be64(pair->key));
		return;
	}
	/* its name and its tree went first */
	if (v->p.state == CDX_PROTECTION_DROPPING)
		return;
	page.leaves = cdx_protection_total(&v->p);
	page.page = cdx_get_be32(pair->key + 8);
	ds = cdx_fsck_ds_find(r, v->p.id);
	if (ds == NULL ||
	    cdx_held_page_decode(&page, pair->val, pair->val_len) < 0 ||
	    cdx_tree_page_verify(&page, &ds->tree) < 0)
		cdx_fsck_say(r, "held-page-bad",
			     "held dataset %" PRIu64 " page %" PRIu32, v->p.id,
			     page.page);
}

static int check_pages(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(
		cdx_scan_free) = {.s = r->s, .db = CDX_DB_HELD_PAGE};
	struct cdx_kv_pair pair;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0)
		check_page(r, &pair);
	return rc;
}

/* ---- charges ---- */

static int check_charge(struct cdx_fsck_run *r)
{
	int64_t used = cdx_kv_counter(r->s, CDX_CNT_USED_PROVIDER);
	int64_t counted;
	int rc;

	rc = cdx_store_charged_held(r->s, &counted);
	if (rc == 0 && used >= 0 && counted != used)
		cdx_fsck_say(r, "counter-used",
			     "provider share: counter says %" PRId64
			     " bytes, %" PRId64 " counted",
			     used, counted);
	return rc;
}

int cdx_fsck_held(struct cdx_fsck_run *r)
{
	int rc;

	for (size_t i = 0; i < r->n_prot; i++)
		if (cdx_held_is(&r->prot[i].p))
			check_one(r, &r->prot[i]);
	for (size_t i = 0; i < r->n_areas; i++)
		if (r->areas[i].has_record && !r->areas[i].named &&
		    r->areas[i].info.kind == CDX_AREA_PARITY)
			cdx_fsck_say(r, "area-without-protection",
				     "areas/%016" PRIx64, r->areas[i].id);
	rc = check_pages(r);
	return rc < 0 ? rc : check_charge(r);
}
