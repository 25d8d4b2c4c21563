/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "repair/repair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "erasure/cache.h"
#include "merkle/poseidon2_tree.h"
#include "protect/tree.h"
#include "protect/window.h"
#include "slots/builder.h"
#include "store/held.h"

/* One cdx_verify_dataset; on the stack of its thread */
struct verify {
	struct cdx_store *s;
	const struct cdx_rebuild *o;
	struct cdx_verify_report *report;
	const struct cdx_slots *sl; /* NULL: a plain dataset */
	struct cdx_protection p;    /* plain: one column, no parity */
	struct cdx_ec *ec;
	struct cdx_window_shape sh;
	struct cdx_window *win[2];
	uint8_t *row; /* stored nodes, CDX_NODES_A_ROW */
};

/* Is a column there to be looked at?  Of an adopted dataset (store/held.h) a slot
 * that is not here has neither leaves nor nodes. */
static bool is_known(const struct verify *v, uint32_t column)
{
	return !cdx_held_is(&v->p) || !v->report->slot[column].absent;
}

/* ---- one window ---- */

static void count_block(struct verify *v, uint32_t column, uint8_t state)
{
	struct cdx_verify_slot *slot = &v->report->slot[column];

	if (state == CDX_BLOCK_GOOD || state == CDX_BLOCK_BAD)
		v->report->blocks++;
	if (state == CDX_BLOCK_BAD) {
		slot->bad++;
		v->report->bad++;
	}
	if (state == CDX_BLOCK_MISSING) {
		slot->missing++;
		if (!slot->absent)
			v->report->missing++;
	}
}

/* Digests of blocks that are right, against the leaves of the slot's tree */
static int compare_nodes(struct verify *v, const struct cdx_window *w,
			 uint32_t column)
{
	uint32_t chunk = (uint32_t)(w->first / CDX_NODES_A_ROW);
	uint32_t at = (uint32_t)(w->first % CDX_NODES_A_ROW);
	uint32_t have;
	int rc;

	rc = cdx_slot_nodes_get(v->s, v->p.id, column, 0, chunk, v->row);
	if (rc < 0 && rc != -ENOENT && rc != CDX_E_CORRUPT)
		return rc;
	have = rc < 0 ? 0 : (uint32_t)rc;
	for (uint32_t i = 0; i < w->n; i++) {
		size_t b = cdx_window_at(w, column, i);
		uint8_t got[CDX_FR_BYTES];

		if (w->state[b] != CDX_BLOCK_GOOD &&
		    w->state[b] != CDX_BLOCK_EMPTY)
			continue;
		cdx_fr_to_bytes(got, &w->field[b]);
		if (at + i >= have ||
		    memcmp(got, v->row + (size_t)(at + i) * CDX_FR_BYTES,
			   sizeof(got)) != 0)
			v->report->slot[column].tree_bad = true;
	}
	return 0;
}

static bool data_is_good(const struct verify *v, const struct cdx_window *w,
			 uint32_t i)
{
	for (uint32_t c = 0; c < v->p.k; c++) {
		uint8_t state = w->state[cdx_window_at(w, c, i)];

		if (state != CDX_BLOCK_GOOD && state != CDX_BLOCK_EMPTY)
			return false;
	}
	return true;
}

/* Parity that is what its hash says and yet not what the data code to */
static void check_parity(struct verify *v, const struct cdx_window *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		bool wrong = false;

		if (!data_is_good(v, w, i))
			continue;
		for (uint32_t c = v->p.k; c < v->p.k + v->p.m; c++) {
			size_t b = cdx_window_at(w, c, i);

			wrong = wrong ||
				(w->wrong[b] && w->state[b] != CDX_BLOCK_BAD);
		}
		v->report->parity_bad += wrong;
	}
}

static int finish_window(struct verify *v, struct cdx_window *w)
{
	uint64_t done = w->first + w->n;
	int rc;

	rc = cdx_window_wait(w);
	for (uint32_t c = 0; c < w->columns && rc == 0; c++) {
		for (uint32_t i = 0; i < w->n; i++)
			count_block(v, c, w->state[cdx_window_at(w, c, i)]);
		if (v->sl && is_known(v, c))
			rc = compare_nodes(v, w, c);
	}
	if (rc < 0)
		return rc;
	if (v->ec)
		check_parity(v, w);
	if (v->o->progress)
		v->o->progress(v->o->arg, done, v->p.steps);
	return done < v->p.steps && v->o->cancel && v->o->cancel(v->o->arg)
		       ? -ECANCELED
		       : 0;
}

/* ---- all windows ---- */

static int begin_window(struct verify *v, struct cdx_window *w, uint64_t *next)
{
	uint64_t left = v->p.steps - *next;
	uint32_t n = left < v->sh.steps ? (uint32_t)left : v->sh.steps;
	int rc;

	rc = cdx_window_load(w, *next, n);
	if (rc < 0)
		return rc;
	cdx_window_start(w);
	*next += n;
	return 0;
}

static int run_windows(struct verify *v)
{
	unsigned depth = v->win[1] ? 2 : 1;
	unsigned head = 0;
	unsigned tail = 0;
	uint64_t next = 0;
	int rc = 0;

	while (rc == 0 && (next < v->p.steps || tail != head)) {
		if (next < v->p.steps && head - tail < depth) {
			rc = begin_window(v, v->win[head++ % depth], &next);
			continue;
		}
		rc = finish_window(v, v->win[tail++ % depth]);
	}
	while (tail != head)
		cdx_window_cancel(v->win[tail++ % depth]);
	return rc;
}

static int check_blocks(struct verify *v)
{
	int rc = 0;

	v->sh = (struct cdx_window_shape){
		.s = v->s,
		.p = &v->p,
		.g = v->sl ? &v->sl->g : NULL,
		.slice = cdx_ec_slice(v->p.codec, v->p.block_size),
		.check = true,
		.steps = cdx_window_steps(&v->p),
		.pool = v->o->pool,
		.prio = v->o->prio,
		.cancel = v->o->cancel,
		.arg = v->o->arg,
	};
	if (v->p.m != 0)
		rc = cdx_ec_get(&v->ec, v->p.codec, v->p.k, v->p.m,
				v->sh.slice);
	/* what a codec that is not here has made can still be hashed */
	if (rc == CDX_E_CODEC)
		rc = 0;
	v->sh.ec = v->ec;
	v->row = malloc((size_t)CDX_NODES_A_ROW * CDX_FR_BYTES);
	if (rc == 0 && !v->row)
		rc = -ENOMEM;
	for (unsigned i = 0; i < cdx_window_depth(&v->p) && rc == 0; i++)
		rc = cdx_window_new(&v->win[i], &v->sh);
	return rc == 0 ? run_windows(v) : rc;
}

/* ---- trees ---- */

static bool same_root(const struct cdx_cid *cid, const struct cdx_digest *root)
{
	return cid->len == sizeof(root->b) &&
	       memcmp(cid->digest, root->b, sizeof(root->b)) == 0;
}

static int check_sha_trees(struct verify *v, const struct cdx_cid *plain,
			   const struct cdx_cid *encoded)
{
	struct cdx_digest roots[2];
	int rc;

	rc = cdx_protection_trees(&roots[0], encoded ? &roots[1] : NULL, v->s,
				  &v->p);
	if (rc < 0 && rc != CDX_E_CORRUPT)
		return rc;
	v->report->tree_bad = rc < 0 || !same_root(plain, &roots[0]) ||
			      (encoded && !same_root(encoded, &roots[1]));
	return 0;
}

/* The stored layers of one slot against each other and the root */
static int check_slot_tree(struct verify *v, uint32_t slot,
			   struct cdx_fr *digests, struct cdx_fr *tree)
{
	const struct cdx_geometry *g = &v->sl->g;
	unsigned depth = cdx_p2tree_depth(g->slot_blocks);
	const struct cdx_fr *node = tree;
	struct cdx_fr stored;
	bool bad = false;
	int rc;

	rc = cdx_slot_digests(digests, v->s, &v->p, slot);
	if (rc == 0)
		rc = cdx_slot_tree(tree, g, digests);
	for (unsigned layer = 0; layer <= depth && rc == 0; layer++)
		for (uint64_t i = 0;
		     rc == 0 && i < cdx_p2tree_width(g->slot_blocks, layer);
		     i++) {
			rc = cdx_slots_node(v->s, v->sl, slot, layer, i,
					    &stored);
			bad = bad ||
			      (rc == 0 && !cdx_fr_equal(&stored, node++));
		}
	if (rc == CDX_E_CORRUPT || bad ||
	    (rc == 0 && !cdx_fr_equal(&stored, &v->sl->roots[slot])))
		v->report->slot[slot].tree_bad = true;
	return rc == CDX_E_CORRUPT ? 0 : rc;
}

static int check_slot_trees(struct verify *v)
{
	const struct cdx_geometry *g = &v->sl->g;
	struct cdx_fr *tree CDX_CLEANUP(cdx_freep) = NULL;
	struct cdx_fr *digests CDX_CLEANUP(cdx_freep) = NULL;
	int rc = 0;

	tree = calloc(cdx_p2tree_nodes(g->slot_blocks), sizeof(*tree));
	digests = calloc(g->steps, sizeof(*digests));
	if (!tree || !digests)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->slots && rc == 0; i++)
		if (is_known(v, i))
			rc = check_slot_tree(v, i, digests, tree);
	return rc;
}

/* ---- a dataset ---- */

static int verify_plain(struct verify *v, const struct cdx_dataset_info *info)
{
	int rc;

	v->p = (struct cdx_protection){
		.base = info->base,
		.k = 1,
		.block_size = info->block_size,
		.blocks = info->blocks,
		.steps = info->blocks,
	};
	rc = check_blocks(v);
	return rc == 0 ? check_sha_trees(v, &info->tree, NULL) : rc;
}

static int verify_slots(struct verify *v, const struct cdx_slots *sl)
{
	int rc;

	if (sl->g.slots > CDX_REPAIR_SLOTS_MAX)
		return -EINVAL;
	v->sl = sl;
	v->p = sl->rec;
	v->report->slots = sl->g.slots;
	for (uint32_t i = 0; i < sl->g.slots; i++)
		v->report->slot[i].absent = sl->rec.absent >> i & 1;
	rc = check_blocks(v);
	/* of some slots' leaves no tree can be made; each came with its proof */
	if (rc == 0 && !cdx_held_is(&v->p))
		rc = check_sha_trees(v, &sl->manifest.erasure.original_tree,
				     &sl->manifest.tree);
	if (rc == 0)
		rc = check_slot_trees(v);
	v->sl = NULL;
	return rc;
}

static int run(struct verify *v, const struct cdx_cid *cid)
{
	struct cdx_dataset_info info;
	struct cdx_slots sl = {0};
	int rc;

	rc = cdx_dataset_info(v->s, cid, &info);
	if (rc < 0)
		return rc;
	if (info.kind == CDX_DATASET_PLAIN)
		return verify_plain(v, &info);
	rc = cdx_slots_open(&sl, v->s, cid);
	/* the manifest contradicts itself: its data can still be looked at */
	if (rc == CDX_E_CORRUPT) {
		v->report->roots_bad = true;
		return verify_plain(v, &info);
	}
	if (rc == 0)
		rc = verify_slots(v, &sl);
	cdx_slots_free(&sl);
	return rc;
}

int cdx_verify_dataset(struct cdx_store *s, const struct cdx_cid *cid,
		       const struct cdx_rebuild *o,
		       struct cdx_verify_report *report)
{
	const struct cdx_rebuild none = {.pool = NULL};
	struct verify v = {.s = s, .o = o ? o : &none, .report = report};
	int rc;

	memset(report, 0, sizeof(*report));
	rc = run(&v, cid);
	for (unsigned i = 0; i < CDX_ARRAY_LEN(v.win); i++)
		cdx_window_free(v.win[i]);
	free(v.row);
	cdx_ec_put(v.ec);
	return rc;
}

bool cdx_verify_ok(const struct cdx_verify_report *r)
{
	bool ok = r->missing == 0 && r->bad == 0 && !r->tree_bad &&
		  !r->roots_bad && r->parity_bad == 0;

	for (uint32_t i = 0; i < r->slots; i++)
		ok = ok && !r->slot[i].tree_bad;
	return ok;
}
