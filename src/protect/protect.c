/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "protect/protect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "erasure/cache.h"
#include "protect/tree.h"
#include "protect/window.h"
#include "store/batch.h"
#include "store/block_set.h"

#define ROW_BYTES ((size_t)CDX_NODES_A_ROW * CDX_FR_BYTES)

/* One run of cdx_protect_run; on the stack of its thread */
struct job {
	struct cdx_store *s;
	const struct cdx_protect_opts *o;
	uint32_t codec;
	uint32_t cell_size;
	char *why;
	struct cdx_dataset_info info;
	struct cdx_manifest plain;
	struct cdx_geometry g;
	struct cdx_protection rec;
	struct cdx_protection fixed; /* what workers may see of it */
	struct cdx_ec *ec;
	struct cdx_window_shape sh;
	struct cdx_window *win[2];
	uint8_t *rows; /* of each slot the row of nodes that fills */
};

static uint32_t cell_size_of(const struct cdx_protect_opts *o)
{
	return o->cell_size ? o->cell_size : CDX_CELL_SIZE;
}

int cdx_protect_check(const struct cdx_protect_opts *o, uint64_t blocks,
		      uint32_t block_size, char why[CDX_PROTECT_WHY_MAX])
{
	struct cdx_geometry g;
	int rc;

	why[0] = '\0';
	rc = cdx_ec_check(o->codec, o->k, o->m, block_size, why);
	if (rc < 0)
		return rc;
	return cdx_geometry_init(&g, blocks, o->k, o->m, block_size,
				 cell_size_of(o), why);
}

/* ---- one window ---- */

static int bad_block(struct job *j, uint64_t index, enum cdx_block_state state)
{
	bool bad = state == CDX_BLOCK_BAD;

	(void)snprintf(j->why, CDX_PROTECT_WHY_MAX,
		       "block %" PRIu64 " of the dataset %s", index,
		       bad ? "does not match its hash" : "is not here");
	return bad ? CDX_E_HASH : -ENODATA;
}

static int check_data(struct job *j, const struct cdx_window *w)
{
	for (uint32_t c = 0; c < j->g.k; c++)
		for (uint32_t i = 0; i < w->n; i++) {
			uint8_t state = w->state[cdx_window_at(w, c, i)];

			if (state != CDX_BLOCK_GOOD && state != CDX_BLOCK_EMPTY)
				return bad_block(
					j,
					cdx_geometry_index(&j->g, c,
							   w->first + i),
					state);
		}
	return 0;
}

static uint64_t parity_off(const struct job *j, uint32_t column, uint64_t step)
{
	return ((column - j->g.k) * j->g.steps + step) *
	       cdx_block_room(j->g.block_size);
}

static int write_parity(struct job *j, const struct cdx_window *w)
{
	size_t size = j->g.block_size;
	/* blocks that adjoin in the file too go with one write */
	uint32_t run = cdx_block_room(j->g.block_size) == size ? w->n : 1;
	int rc;

	for (uint32_t c = j->g.k; c < j->g.slots; c++)
		for (uint32_t i = 0; i < w->n; i += run) {
			rc = cdx_area_write(j->s, j->rec.area,
					    parity_off(j, c, w->first + i),
					    cdx_window_block(w, c, i),
					    run * size);
			if (rc < 0)
				return rc;
		}
	return 0;
}

static int put_parity(struct job *j, const struct cdx_window *w,
		      struct cdx_block_set *set)
{
	int rc;

	for (uint32_t c = j->g.k; c < j->g.slots; c++)
		for (uint32_t i = 0; i < w->n; i++) {
			const struct cdx_block_loc loc = {
				.area = j->rec.area,
				.off = parity_off(j, c, w->first + i),
			};
			struct cdx_leaf leaf = {.state = CDX_LEAF_DATA};

			leaf.digest = w->sha[cdx_window_at(w, c, i)];
			cdx_leaf_put(cdx_block_set_batch(set), j->rec.id,
				     (uint32_t)cdx_geometry_index(&j->g, c,
								  w->first + i),
				     &leaf);
			rc = cdx_block_set_add(set, &leaf.digest,
					       j->g.block_size, &loc);
			if (rc < 0)
				return rc;
		}
	return 0;
}

/* A row of nodes is put again with each window until it is full. */
static void put_nodes(struct job *j, const struct cdx_window *w,
		      struct cdx_batch *b)
{
	uint32_t chunk = (uint32_t)(w->first / CDX_NODES_A_ROW);
	uint32_t at = (uint32_t)(w->first % CDX_NODES_A_ROW);

	for (uint32_t c = 0; c < j->g.slots; c++) {
		uint8_t *row = j->rows + c * ROW_BYTES;

		for (uint32_t i = 0; i < w->n; i++)
			cdx_fr_to_bytes(row + (size_t)(at + i) * CDX_FR_BYTES,
					&w->field[cdx_window_at(w, c, i)]);
		cdx_slot_nodes_put(b, j->rec.id, c, 0, chunk, row, at + w->n);
	}
}

/* Under the block lock: is the record still what this job goes on from? */
static int same_record(struct job *j, const struct cdx_window *w)
{
	struct cdx_protection now;
	int rc;

	rc = cdx_protection_get(j->s, j->rec.base, j->rec.id, &now);
	if (rc < 0)
		return rc == -ENOENT ? -ECANCELED : rc;
	if (now.state != CDX_PROTECTION_CODING)
		return -ECANCELED;
	if (now.done != w->first)
		return CDX_E_SEQUENCE;
	j->rec = now;
	return 0;
}

static int put_window(struct job *j, const struct cdx_window *w)
{
	struct cdx_block_set *set;
	struct cdx_batch *b;
	int rc;

	rc = write_parity(j, w);
	if (rc < 0)
		return rc;
	rc = cdx_block_set_begin(&set, j->s);
	if (rc < 0)
		return rc;
	b = cdx_block_set_batch(set);
	rc = same_record(j, w);
	if (rc == 0)
		rc = put_parity(j, w, set);
	if (rc < 0) {
		cdx_block_set_drop(set);
		return rc;
	}
	put_nodes(j, w, b);
	j->rec.done = w->first + w->n;
	cdx_protection_put(b, &j->rec);
	if (j->g.m != 0)
		cdx_batch_names_data(b);
	return cdx_block_set_apply(set);
}

static int finish_window(struct job *j, struct cdx_window *w)
{
	int rc;

	rc = cdx_window_wait(w);
	if (rc == 0)
		rc = check_data(j, w);
	if (rc == 0)
		rc = put_window(j, w);
	if (rc == 0 && j->o->progress)
		j->o->progress(j->o->arg, j->rec.done, j->g.steps);
	return rc;
}

/* ---- all windows ---- */

static int begin_window(struct job *j, struct cdx_window *w, uint64_t step)
{
	uint64_t left = j->g.steps - step;
	/* windows begin at multiples of their size, so none crosses a row */
	uint32_t n = j->sh.steps - (uint32_t)(step % j->sh.steps);
	int rc;

	rc = cdx_window_load(w, step, left < n ? (uint32_t)left : n);
	if (rc == 0)
		cdx_window_start(w);
	return rc;
}

static bool canceled(const struct job *j)
{
	return j->o->cancel && j->o->cancel(j->o->arg);
}

/* While workers have one window, the next is read; while the first is put into
 * the store they have the second. */
static int run_windows(struct job *j)
{
	unsigned depth = j->win[1] ? 2 : 1;
	uint64_t next = j->rec.done;
	unsigned head = 0;
	unsigned tail = 0;
	int rc = 0;

	while (rc == 0 && (next < j->g.steps || tail != head)) {
		struct cdx_window *w;

		if (next < j->g.steps && head - tail < depth) {
			w = j->win[head % depth];
			rc = begin_window(j, w, next);
			if (rc < 0)
				break;
			head++;
			next += w->n;
			continue;
		}
		rc = finish_window(j, j->win[tail++ % depth]);
		if (rc == 0 && j->rec.done < j->g.steps && canceled(j))
			rc = -ECANCELED;
	}
	while (tail != head)
		cdx_window_cancel(j->win[tail++ % depth]);
	return rc;
}

/* The row that an interrupted job had begun */
static int load_rows(struct job *j)
{
	uint32_t at = (uint32_t)(j->rec.done % CDX_NODES_A_ROW);
	uint32_t chunk = (uint32_t)(j->rec.done / CDX_NODES_A_ROW);
	int rc;

	for (uint32_t c = 0; c < j->g.slots && at != 0; c++) {
		rc = cdx_slot_nodes_get(j->s, j->rec.id, c, 0, chunk,
					j->rows + c * ROW_BYTES);
		if (rc == -ENOENT || (rc >= 0 && (uint32_t)rc < at))
			return CDX_E_CORRUPT;
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int code(struct job *j)
{
	unsigned depth = cdx_window_depth(&j->rec);
	int rc = 0;

	j->fixed = j->rec;
	j->sh = (struct cdx_window_shape){
		.s = j->s,
		.p = &j->fixed,
		.g = &j->g,
		.slice = cdx_ec_slice(j->codec, j->g.block_size),
		.steps = cdx_window_steps(&j->rec),
		.pool = j->o->pool,
		.prio = j->o->prio,
		.cancel = j->o->cancel,
		.arg = j->o->arg,
	};
	if (j->g.m != 0)
		rc = cdx_ec_get(&j->ec, j->codec, j->g.k, j->g.m, j->sh.slice);
	j->sh.ec = j->ec;
	j->rows = calloc(j->g.slots, ROW_BYTES);
	if (rc == 0 && !j->rows)
		rc = -ENOMEM;
	for (unsigned i = 0; i < depth && rc == 0; i++)
		rc = cdx_window_new(&j->win[i], &j->sh);
	if (rc == 0)
		rc = load_rows(j);
	return rc == 0 ? run_windows(j) : rc;
}

/* ---- the record ---- */

struct search {
	const struct job *j;
	struct cdx_protection found;
	bool have;
};

static int look(void *arg, const struct cdx_protection *p)
{
	struct search *v = arg;
	const struct job *j = v->j;

	if (p->k != j->o->k || p->m != j->o->m || p->codec != j->codec ||
	    p->cell_size != j->cell_size ||
	    memcmp(p->plain.b, j->info.cid.digest, sizeof(p->plain.b)) != 0)
		return 0;
	/* one that is finished is better than one that is begun, and that
	 * better than one that is going */
	if (v->have && v->found.state != CDX_PROTECTION_DROPPING &&
	    p->state != CDX_PROTECTION_DONE)
		return 0;
	v->found = *p;
	v->have = true;
	return 0;
}

static int begin(struct job *j)
{
	struct cdx_protection *p = &j->rec;

	memset(p, 0, sizeof(*p));
	p->base = j->info.base;
	p->k = j->g.k;
	p->m = j->g.m;
	p->codec = j->codec;
	p->block_size = j->g.block_size;
	p->cell_size = j->g.cell_size;
	p->blocks = j->g.blocks;
	p->steps = j->g.steps;
	memcpy(p->plain.b, j->info.cid.digest, sizeof(p->plain.b));
	return cdx_protection_begin(j->s, p, j->o->paid);
}

/* Finds or makes the record. */
static int find_or_begin(struct job *j)
{
	struct search v = {.j = j};
	int rc;

	rc = cdx_protection_list(j->s, j->info.base, look, &v);
	if (rc < 0)
		return rc;
	if (v.have && v.found.state != CDX_PROTECTION_DROPPING) {
		j->rec = v.found;
		return j->rec.steps == j->g.steps &&
				       j->rec.blocks == j->g.blocks &&
				       j->rec.block_size == j->g.block_size &&
				       j->rec.done <= j->g.steps
			       ? 0
			       : CDX_E_CORRUPT;
	}
	/* its rows would be in the way of the new one's */
	if (v.have)
		rc = cdx_protection_drop(j->s, v.found.base, v.found.id, false);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	rc = begin(j);
	if (rc == -EBUSY)
		(void)snprintf(j->why, CDX_PROTECT_WHY_MAX,
			       "data slots of the dataset are not here; "
			       "rebuild them first");
	return rc;
}

/* The protection is here already: its dataset gets the references. */
static int add_refs(struct job *j, struct cdx_cid *out)
{
	struct cdx_buf manifest CDX_CLEANUP(cdx_buf_free) = {0};
	const struct cdx_cid cid =
		cdx_cid_sha256(CDX_CODEC_MANIFEST, &j->rec.verifiable);
	struct cdx_dataset_info info;
	struct cdx_batch *b;
	int rc;

	cdx_block_lock(j->s);
	rc = cdx_dataset_info(j->s, &cid, &info);
	if (rc == 0)
		rc = cdx_dataset_manifest(j->s, &cid, &manifest);
	if (rc == 0)
		rc = cdx_batch_new(&b, j->s);
	if (rc == 0) {
		info.refs |= j->o->refs;
		cdx_dataset_put(b, &info, manifest.p, manifest.len, false);
		rc = cdx_batch_apply(b);
	}
	cdx_block_unlock(j->s);
	if (rc == 0)
		*out = cid;
	return rc;
}

/* ---- a run ---- */

static int open_plain(struct job *j, const struct cdx_cid *plain)
{
	struct cdx_buf buf CDX_CLEANUP(cdx_buf_free) = {0};
	int rc;

	rc = cdx_dataset_info(j->s, plain, &j->info);
	if (rc == 0)
		rc = cdx_dataset_manifest(j->s, plain, &buf);
	if (rc < 0)
		return rc;
	if (j->info.kind != CDX_DATASET_PLAIN) {
		(void)snprintf(j->why, CDX_PROTECT_WHY_MAX,
			       "the dataset is protected already");
		return -EINVAL;
	}
	rc = cdx_manifest_decode(&j->plain, buf.p, buf.len);
	if (rc < 0)
		return rc == -ENOMEM ? rc : CDX_E_CORRUPT;
	rc = cdx_protect_check(j->o, j->info.blocks, j->plain.block_size,
			       j->why);
	if (rc < 0)
		return rc;
	return cdx_geometry_init(&j->g, j->info.blocks, j->o->k, j->o->m,
				 j->plain.block_size, j->cell_size, j->why);
}

/* Damage of the dataset will still be there the next time; anything else may
 * pass, and what is done is kept for then. */
static bool is_hopeless(int rc)
{
	return rc == CDX_E_HASH || rc == -ENODATA || rc == CDX_E_CORRUPT;
}

static int run(struct job *j, const struct cdx_cid *plain, struct cdx_cid *out)
{
	int rc;

	rc = open_plain(j, plain);
	if (rc == 0)
		rc = find_or_begin(j);
	if (rc < 0)
		return rc;
	if (j->rec.state == CDX_PROTECTION_DONE)
		return add_refs(j, out);
	rc = code(j);
	if (rc == 0)
		rc = cdx_protect_end(out, j->s, &j->rec, &j->g, &j->plain,
				     j->o->refs);
	if (is_hopeless(rc) &&
	    cdx_protection_drop(j->s, j->rec.base, j->rec.id, true) < 0)
		cdx_log(cdx_store_log(j->s), WARN, "protect",
			"an unfinished protection could not be taken back");
	return rc;
}

int cdx_protect_run(struct cdx_store *s, const struct cdx_cid *plain,
		    const struct cdx_protect_opts *o, struct cdx_cid *out,
		    char why[CDX_PROTECT_WHY_MAX])
{
	struct job j = {
		.s = s,
		.o = o,
		.codec = o->m != 0 ? o->codec : 0,
		.cell_size = cell_size_of(o),
		.why = why,
	};
	int rc;

	why[0] = '\0';
	rc = run(&j, plain, out);
	for (unsigned i = 0; i < CDX_ARRAY_LEN(j.win); i++)
		cdx_window_free(j.win[i]);
	free(j.rows);
	cdx_ec_put(j.ec);
	cdx_manifest_free(&j.plain);
	return rc;
}
