/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/fsck_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "dataset/manifest.h"
#include "merkle/poseidon2_tree.h"
#include "merkle/sha256_tree.h"
#include "store/block_set.h"
#include "store/dataset_internal.h"
#include "store/held.h"
#include "store/protection_internal.h"
#include "store/records.h"

/* ---- records ---- */

static int prot_cmp(const void *pa, const void *pb)
{
	const struct cdx_fsck_prot *x = pa;
	const struct cdx_fsck_prot *y = pb;

	return x->p.id < y->p.id ? -1 : x->p.id > y->p.id;
}

struct cdx_fsck_prot *cdx_fsck_prot_find(struct cdx_fsck_run *r, uint64_t id)
{
	const struct cdx_fsck_prot key = {.p = {.id = id}};

	if (r->n_prot == 0)
		return NULL;
	return bsearch(&key, r->prot, r->n_prot, sizeof(key), prot_cmp);
}

struct cdx_fsck_prot *cdx_fsck_held_find(struct cdx_fsck_run *r, uint64_t base)
{
	for (size_t i = 0; i < r->n_prot; i++)
		if (r->prot[i].p.base == base && cdx_held_is(&r->prot[i].p))
			return &r->prot[i];
	return NULL;
}

const struct cdx_protection *cdx_fsck_prot_gaps(struct cdx_fsck_run *r,
						uint64_t base)
{
	for (size_t i = 0; i < r->n_prot; i++)
		if (r->prot[i].p.base == base &&
		    cdx_protection_incomplete(&r->prot[i].p))
			return &r->prot[i].p;
	return NULL;
}

static int prot_new(struct cdx_fsck_run *r, const struct cdx_protection *p)
{
	struct cdx_fsck_prot *v;

	if ((r->n_prot & (r->n_prot + 1)) == 0) {
		v = realloc(r->prot, (2 * r->n_prot + 1) * sizeof(*v));
		if (v == NULL)
			return -ENOMEM;
		r->prot = v;
	}
	v = &r->prot[r->n_prot++];
	memset(v, 0, sizeof(*v));
	v->p = *p;
	return 0;
}

int cdx_fsck_prot_list(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(
		cdx_scan_free) = {.s = r->s, .db = CDX_DB_PROTECTION};
	uint64_t next = (uint64_t)cdx_kv_counter(r->s, CDX_CNT_NEXT_AREA);
	struct cdx_protection p;
	struct cdx_kv_pair pair;
	int rc;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		if (cdx_protection_decode(&p, &pair) < 0) {
			cdx_fsck_say(r, "protection-record-bad",
				     "key of %zu bytes", pair.key_len);
			continue;
		}
		if (p.id >= next)
			cdx_fsck_say(r, "counter-next-area",
				     "protection %" PRIu64
				     " is not below %" PRIu64,
				     p.id, next);
		rc = prot_new(r, &p);
		if (rc < 0)
			return rc;
	}
	if (r->n_prot != 0)
		qsort(r->prot, r->n_prot, sizeof(*r->prot), prot_cmp);
	for (size_t i = 1; i < r->n_prot; i++)
		if (r->prot[i].p.id == r->prot[i - 1].p.id)
			cdx_fsck_say(r, "dataset-id-twice", "%" PRIu64,
				     r->prot[i].p.id);
	return rc;
}

/* ---- nodes ---- */

/* The rows of one layer of one slot, which come in a row */
struct layer {
	struct cdx_fsck_prot *prot;
	uint64_t stray; /* id last complained of */
	bool open;
	struct cdx_slot_row at; /* next chunk */
	uint64_t nodes;
	bool short_row; /* one with fewer nodes came: it must be the last */
};

static uint64_t slot_blocks(const struct cdx_protection *p)
{
	uint64_t per_block = p->block_size / p->cell_size;
	unsigned depth = cdx_p2tree_depth(p->steps * per_block);

	return (UINT64_C(1) << depth) / per_block;
}

static void layer_end(struct cdx_fsck_run *r, const struct layer *l)
{
	const struct cdx_protection *p;
	uint64_t least;
	uint64_t most;

	if (!l->open || l->prot == NULL ||
	    l->prot->p.state == CDX_PROTECTION_DROPPING)
		return;
	p = &l->prot->p;
	most = cdx_p2tree_width(slot_blocks(p), l->at.layer);
	/* the leaves may come without their padding */
	least = l->at.layer == 0 ? p->steps : most;
	/* of one that is coming, or going, any of them */
	if (cdx_held_is(p) && !cdx_held_whole(p, l->at.slot))
		least = 0;
	if (p->state == CDX_PROTECTION_CODING)
		least = l->at.layer == 0 ? p->done : 0;
	if (l->at.slot >= p->k + p->m ||
	    l->at.layer > cdx_p2tree_depth(slot_blocks(p)) ||
	    l->nodes < least || l->nodes > most)
		cdx_fsck_say(r, "slot-node-bad",
			     "protection %" PRIu64 " slot %" PRIu32
			     " layer %u: %" PRIu64 " nodes",
			     p->id, l->at.slot, l->at.layer, l->nodes);
	l->prot->layers++;
	if (l->at.slot < CDX_PROTECTION_SLOTS_MAX)
		l->prot->has_nodes |= 1u << l->at.slot;
}

static void layer_begin(struct cdx_fsck_run *r, struct layer *l,
			const struct cdx_slot_row *row)
{
	layer_end(r, l);
	l->prot = cdx_fsck_prot_find(r, row->id);
	l->open = true;
	l->at = *row;
	l->at.chunk = 0;
	l->nodes = 0;
	l->short_row = false;
	if (l->prot == NULL && l->stray != row->id) {
		cdx_fsck_say(r, "slot-node-stray",
			     "id %" PRIu64 " is no protection", row->id);
		l->stray = row->id;
	}
}

static int check_nodes(struct cdx_fsck_run *r)
{
	struct cdx_scan sc CDX_CLEANUP(
		cdx_scan_free) = {.s = r->s, .db = CDX_DB_SLOT_NODE};
	struct layer l = {.prot = NULL};
	struct cdx_slot_row row;
	struct cdx_kv_pair pair;
	int rc;
	int n;

	while ((rc = cdx_scan_next(&sc, &pair)) > 0) {
		n = cdx_slot_row_decode(&row, &pair);
		if (n < 0) {
			cdx_fsck_say(r, "slot-node-bad", "key of %zu bytes",
				     pair.key_len);
			continue;
		}
		if (!l.open || row.id != l.at.id || row.slot != l.at.slot ||
		    row.layer != l.at.layer)
			layer_begin(r, &l, &row);
		if (row.chunk != l.at.chunk || l.short_row)
			cdx_fsck_say(r, "slot-node-bad",
				     "id %" PRIu64 " slot %" PRIu32
				     " layer %u: row %" PRIu32
				     " does not follow",
				     row.id, row.slot, row.layer, row.chunk);
		l.at.chunk = row.chunk + 1;
		l.short_row = n != (int)CDX_NODES_A_ROW;
		l.nodes += (uint64_t)n;
	}
	layer_end(r, &l);
	return rc;
}

/* ---- one protection ---- */

static void check_base(struct cdx_fsck_run *r, const struct cdx_protection *p)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p->plain);
	struct cdx_dataset_info info;

	if (cdx_dataset_load(r->s, &cid, &info, NULL) < 0 ||
	    info.kind != CDX_DATASET_PLAIN || info.dsid != p->base ||
	    info.area != p->segment || info.blocks != p->blocks ||
	    info.block_size != p->block_size ||
	    (info.refs & CDX_REF_PROTECTED) == 0)
		cdx_fsck_say(r, "protection-base",
			     "protection %" PRIu64 ": plain dataset %" PRIu64
			     " is missing or another",
			     p->id, p->base);
}

void cdx_fsck_prot_file(struct cdx_fsck_run *r, const struct cdx_protection *p,
			uint64_t id, enum cdx_area_kind kind, uint64_t size)
{
	struct cdx_fsck_area *v = cdx_fsck_area_find(r, id);

	if (v != NULL)
		v->named = true;
	if (v == NULL || !v->has_record || v->info.kind != kind ||
	    v->info.size != size)
		cdx_fsck_say(r, "protection-area",
			     "protection %" PRIu64 ": areas/%016" PRIx64, p->id,
			     id);
}

static void check_area(struct cdx_fsck_run *r, const struct cdx_protection *p)
{
	if (p->m != 0)
		cdx_fsck_prot_file(r, p, p->area, CDX_AREA_PARITY,
				   cdx_protection_parity_bytes(p));
}

static bool has_dataset(struct cdx_fsck_run *r, const struct cdx_protection *p,
			const struct cdx_digest *digest,
			enum cdx_dataset_kind kind, struct cdx_manifest *m)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, digest);
	struct cdx_buf buf CDX_CLEANUP(cdx_buf_free) = {0};
	struct cdx_dataset_info info;

	return cdx_dataset_load(r->s, &cid, &info, &buf) == 0 &&
	       info.kind == kind && info.dsid == p->id &&
	       info.base == p->base && !info.dropping &&
	       info.blocks == p->blocks && info.block_size == p->block_size &&
	       cdx_manifest_decode(m, buf.p, buf.len) == 0 && m->is_protected &&
	       m->erasure.k == p->k && m->erasure.m == p->m &&
	       cdx_manifest_blocks(m) == cdx_protection_total(p);
}

/* The tree over data, padding and parity */
static void check_tree(struct cdx_fsck_run *r, const struct cdx_protection *p,
		       const struct cdx_manifest *m)
{
	struct cdx_tree_stream tree = {0};
	struct cdx_digest root;
	struct cdx_leaf leaf;
	int rc = 0;

	for (uint64_t i = 0; rc == 0 && i < cdx_protection_total(p); i++) {
		rc = cdx_protection_leaf(r->s, p, i, &leaf);
		if (rc == 0)
			cdx_tree_stream_add(&tree, &leaf.digest);
	}
	if (rc == 0)
		rc = cdx_tree_stream_root(&root, &tree);
	if (rc < 0 || m->tree.len != sizeof(root.b) ||
	    memcmp(m->tree.digest, root.b, sizeof(root.b)) != 0)
		cdx_fsck_say(r, "tree-mismatch",
			     "leaves of protection %" PRIu64
			     " do not make its tree",
			     p->id);
}

static void check_done(struct cdx_fsck_run *r, const struct cdx_fsck_prot *v)
{
	struct cdx_manifest prot CDX_CLEANUP(cdx_manifest_free) = {0};
	struct cdx_manifest ver CDX_CLEANUP(cdx_manifest_free) = {0};
	const struct cdx_protection *p = &v->p;
	unsigned layers = cdx_p2tree_depth(slot_blocks(p)) + 1;

	if (v->layers != (uint64_t)layers * (p->k + p->m))
		cdx_fsck_say(r, "slot-node-missing",
			     "protection %" PRIu64 " has %" PRIu64
			     " of %" PRIu64 " layers",
			     p->id, v->layers,
			     (uint64_t)layers * (p->k + p->m));
	if (!has_dataset(r, p, &p->protected_, CDX_DATASET_PROTECTED, &prot) ||
	    !has_dataset(r, p, &p->verifiable, CDX_DATASET_VERIFIABLE, &ver) ||
	    !ver.is_verifiable || !cdx_cid_equal(&prot.tree, &ver.tree)) {
		cdx_fsck_say(r, "protection-dataset",
			     "protection %" PRIu64
			     ": a manifest is missing or another",
			     p->id);
		return;
	}
	check_tree(r, p, &ver);
}

int cdx_fsck_protections(struct cdx_fsck_run *r)
{
	int rc = check_nodes(r);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < r->n_prot; i++) {
		const struct cdx_fsck_prot *v = &r->prot[i];

		if (cdx_held_is(&v->p))
			continue;
		check_base(r, &v->p);
		check_area(r, &v->p);
		if (v->p.state == CDX_PROTECTION_DROPPING)
			continue;
		if (!v->met && v->p.done * v->p.m != 0)
			cdx_fsck_say(r, "leaf-missing",
				     "protection %" PRIu64 " has no leaves",
				     v->p.id);
		if (v->p.state == CDX_PROTECTION_DONE)
			check_done(r, v);
		cdx_fsck_progress(r, "protections", i + 1, r->n_prot);
	}
	return 0;
}
