/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "repair/repair.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "erasure/cache.h"
#include "merkle/poseidon2_tree.h"
#include "protect/window.h"
#include "repair/part.h"
#include "repair/step.h"
#include "slots/builder.h"

/* One cdx_rebuild_slot; on the stack of its thread */
struct rebuild {
	struct cdx_store *s;
	const struct cdx_slots *sl;
	uint32_t slot;
	const struct cdx_rebuild *o;
	struct cdx_rebuild_report *report;
	char *why;
	struct cdx_protection rec;   /* as the store changes it */
	struct cdx_protection fixed; /* as it was; what workers see */
	bool begun;		     /* the slot is marked, its room charged */
	int lost;		     /* error of the first step that is lost */
	char first[160];	     /* and what it lacks, in words */
	struct cdx_ec *ec;
	struct cdx_part_shape sh;
	struct cdx_part *part[2];
	struct cdx_fr *digests; /* g.steps */
};

static int begin(struct rebuild *r)
{
	int rc;

	if (r->begun)
		return 0;
	rc = cdx_slot_restore_begin(r->s, &r->rec, r->slot);
	/* evicted since: what was seen to be here is not here any more */
	if (rc == 0 && ((r->rec.absent ^ r->fixed.absent) >> r->slot & 1))
		rc = CDX_E_AGAIN;
	r->begun = rc == 0;
	return rc;
}

/* ---- one part ---- */

/* A step that cannot be made is no reason to leave later ones broken. */
static void note_lost(struct rebuild *r, uint64_t step, int rc, uint32_t found)
{
	if (r->report->lost++ != 0)
		return;
	r->lost = rc;
	if (rc == -ENODATA)
		(void)snprintf(r->first, sizeof(r->first),
			       "step %" PRIu64 ": %" PRIu32
			       " good blocks of other slots, %" PRIu32
			       " are needed",
			       step, found, r->fixed.k);
	else
		(void)snprintf(r->first, sizeof(r->first),
			       "step %" PRIu64
			       ": good blocks of other slots do not give the "
			       "block that the dataset names",
			       step);
}

static int tell_lost(const struct rebuild *r)
{
	const struct cdx_rebuild_report *report = r->report;

	(void)snprintf(r->why, CDX_REPAIR_WHY_MAX,
		       "%" PRIu64 " of %" PRIu64
		       " steps cannot be made again (the first is %s); %" PRIu64
		       " blocks were written; the rest can come from "
		       "elsewhere: --from another store or folder of slots",
		       report->lost, r->sl->g.steps, r->first, report->blocks);
	return r->lost;
}

/* A block that could not be made from the columns at hand */
static int slow_block(struct rebuild *r, struct cdx_part *t, uint32_t i)
{
	struct cdx_step st = {
		.s = r->s,
		.p = &r->fixed,
		.source = r->o->source,
		.source_arg = r->o->source_arg,
		.suspects = cdx_part_suspects(t, i),
	};
	uint8_t *out = t->out + (size_t)i * r->fixed.block_size;
	int rc;

	r->report->blamed |= st.suspects;
	r->report->bad += (uint64_t)__builtin_popcount(st.suspects);
	rc = cdx_step_rebuild(&st, r->slot, t->first + i, out);
	r->report->blamed |= st.blamed;
	r->report->bad += st.bad;
	if (rc == -ENODATA || rc == CDX_E_HASH) {
		note_lost(r, t->first + i, rc, st.found);
		return 0;
	}
	if (rc == 0)
		rc = cdx_block_digests(&t->field[i], &r->sl->g, out, 1);
	if (rc == 0)
		t->out_state[i] = CDX_BLOCK_GOOD;
	return rc;
}

/* What was here in a slot that counts as absent still has to get its place. */
static bool is_to_write(const struct rebuild *r, const struct cdx_part *t,
			uint32_t i)
{
	if (t->out_state[i] != CDX_BLOCK_GOOD)
		return false;
	return !t->kept[i] || (r->fixed.absent >> r->slot & 1);
}

static int write_part(struct rebuild *r, const struct cdx_part *t)
{
	uint32_t i = 0;
	int rc;

	while (i < t->n) {
		uint32_t end = i;

		while (end < t->n && is_to_write(r, t, end))
			end++;
		if (end == i) {
			r->report->kept += t->kept[i];
			i++;
			continue;
		}
		rc = begin(r);
		if (rc == 0)
			rc = cdx_slot_restore_put(
				r->s, &r->rec, r->slot, t->first + i,
				t->out + (size_t)i * r->fixed.block_size,
				end - i);
		if (rc < 0)
			return rc;
		r->report->blocks += end - i;
		i = end;
	}
	return 0;
}

static int finish_part(struct rebuild *r, struct cdx_part *t)
{
	int rc;

	rc = cdx_part_wait(t);
	for (uint32_t i = 0; i < t->n && rc == 0; i++)
		if (t->out_state[i] != CDX_BLOCK_GOOD &&
		    t->out_state[i] != CDX_BLOCK_EMPTY)
			rc = slow_block(r, t, i);
	if (rc == 0)
		rc = write_part(r, t);
	if (rc < 0)
		return rc;
	memcpy(r->digests + t->first, t->field, t->n * sizeof(*t->field));
	if (r->o->progress)
		r->o->progress(r->o->arg, t->first + t->n, r->sl->g.steps);
	return 0;
}

static bool canceled(const struct rebuild *r)
{
	return r->o->cancel && r->o->cancel(r->o->arg);
}

/* The next part is read while workers have the last one. */
static int run_parts(struct rebuild *r)
{
	uint64_t steps = r->sl->g.steps;
	unsigned depth = r->part[1] ? 2 : 1;
	unsigned head = 0;
	unsigned tail = 0;
	uint64_t next = 0;
	int rc = 0;

	while (rc == 0 && (next < steps || tail != head)) {
		uint64_t n = steps - next;

		if (next < steps && head - tail < depth) {
			if (n > r->sh.steps)
				n = r->sh.steps;
			rc = cdx_part_load(r->part[head++ % depth], next,
					   (uint32_t)n);
			next += n;
			continue;
		}
		rc = finish_part(r, r->part[tail++ % depth]);
		if (rc == 0 && (next < steps || tail != head) && canceled(r))
			rc = -ECANCELED;
	}
	return rc;
}

/* ---- the tree ---- */

/* Are the stored nodes those of @tree? 1, 0, or an error */
static int same_nodes(struct rebuild *r, const struct cdx_fr *tree)
{
	const struct cdx_geometry *g = &r->sl->g;
	unsigned depth = cdx_p2tree_depth(g->slot_blocks);
	struct cdx_fr stored;
	int rc;

	for (unsigned layer = 0; layer <= depth; layer++)
		for (uint64_t i = 0;
		     i < cdx_p2tree_width(g->slot_blocks, layer); i++) {
			rc = cdx_slots_node(r->s, r->sl, r->slot, layer, i,
					    &stored);
			if (rc == CDX_E_CORRUPT)
				return 0;
			if (rc < 0)
				return rc;
			if (!cdx_fr_equal(&stored, tree++))
				return 0;
		}
	return 1;
}

static int check_tree(struct rebuild *r)
{
	const struct cdx_geometry *g = &r->sl->g;
	uint64_t nodes = cdx_p2tree_nodes(g->slot_blocks);
	struct cdx_fr *tree CDX_CLEANUP(cdx_freep) = NULL;
	int rc;

	tree = calloc(nodes, sizeof(*tree));
	if (!tree)
		return -ENOMEM;
	rc = cdx_slot_tree(tree, g, r->digests);
	if (rc < 0)
		return rc;
	r->report->root = tree[nodes - 1];
	if (!cdx_fr_equal(&r->report->root, &r->sl->roots[r->slot])) {
		(void)snprintf(r->why, CDX_REPAIR_WHY_MAX,
			       "the blocks do not give the slot root that the "
			       "manifest names");
		return CDX_E_PROOF;
	}
	rc = same_nodes(r, tree);
	if (rc == 0)
		rc = cdx_slots_put_tree(r->s, r->rec.id, r->slot, g, tree);
	return rc < 0 ? rc : 0;
}

/* ---- a rebuild ---- */

static int prepare(struct rebuild *r)
{
	const struct cdx_protection *p = &r->fixed;
	int rc = 0;

	r->sh = (struct cdx_part_shape){
		.s = r->s,
		.p = p,
		.g = &r->sl->g,
		.o = r->o,
		.slice = cdx_ec_slice(p->codec, p->block_size),
		.slot = r->slot,
		.steps = cdx_part_steps(p),
	};
	if (p->m != 0)
		rc = cdx_ec_get(&r->ec, p->codec, p->k, p->m, r->sh.slice);
	r->sh.ec = r->ec;
	r->digests = calloc(p->steps, sizeof(*r->digests));
	if (rc == 0 && !r->digests)
		rc = -ENOMEM;
	for (unsigned i = 0; i < cdx_window_depth(p) && rc == 0; i++)
		rc = cdx_part_new(&r->part[i], &r->sh);
	return rc;
}

static int run(struct rebuild *r)
{
	uint32_t marks;
	int rc;

	/* the caller may have looked at it a while ago */
	rc = cdx_protection_get(r->s, r->sl->rec.base, r->sl->rec.id, &r->rec);
	if (rc < 0)
		return rc;
	if (r->rec.state != CDX_PROTECTION_DONE)
		return -ENOENT;
	r->fixed = r->rec;
	rc = prepare(r);
	marks = r->fixed.absent | r->fixed.damaged;
	if (rc == 0 && ((marks >> r->slot & 1) ||
			cdx_slot_file_gone(r->s, &r->rec, r->slot)))
		rc = begin(r);
	if (rc == 0)
		rc = run_parts(r);
	if (rc == 0 && r->report->lost != 0)
		rc = tell_lost(r);
	if (rc == 0)
		rc = check_tree(r);
	if (rc == 0 && r->begun)
		rc = cdx_slot_restore_end(r->s, &r->rec, r->slot);
	return rc;
}

int cdx_rebuild_slot(struct cdx_store *s, const struct cdx_slots *sl,
		     uint32_t slot, const struct cdx_rebuild *o,
		     struct cdx_rebuild_report *report,
		     char why[CDX_REPAIR_WHY_MAX])
{
	struct rebuild r = {
		.s = s,
		.sl = sl,
		.slot = slot,
		.o = o,
		.report = report,
		.why = why,
	};
	int rc;

	why[0] = '\0';
	memset(report, 0, sizeof(*report));
	if (slot >= sl->g.slots) {
		(void)snprintf(why, CDX_REPAIR_WHY_MAX,
			       "there is no slot %" PRIu32
			       "; the last is %" PRIu32,
			       slot, sl->g.slots - 1);
		return -EINVAL;
	}
	rc = run(&r);
	for (unsigned i = 0; i < CDX_ARRAY_LEN(r.part); i++)
		cdx_part_free(r.part[i]);
	free(r.digests);
	cdx_ec_put(r.ec);
	return rc;
}
