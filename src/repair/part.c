/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "repair/part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "protect/window.h"
#include "repair/step.h"
#include "slots/builder.h"

#define PART_STEPS_MAX 256u
#define UNIT_BYTES ((uint32_t)512 << 10)
#define BYTES_ALIGN 4096u
/* how often somebody who waits asks whether to go on */
#define POLL_MS 200u

struct cdx_part_unit {
	struct cdx_task task;
	struct cdx_part *t;
	uint32_t first;
	uint32_t n;
};

uint32_t cdx_part_steps(const struct cdx_protection *p)
{
	uint32_t n = cdx_window_steps(p);

	return n < PART_STEPS_MAX ? n : PART_STEPS_MAX;
}

static size_t at(const struct cdx_part *t, uint32_t source, uint32_t i)
{
	return (size_t)source * t->sh->steps + i;
}

static uint8_t *source_block(const struct cdx_part *t, uint32_t source,
			     uint32_t i)
{
	return t->bytes + at(t, source, i) * t->sh->p->block_size;
}

static uint8_t *out_block(const struct cdx_part *t, uint32_t i)
{
	return t->out + (size_t)i * t->sh->p->block_size;
}

static uint8_t *alloc_blocks(size_t n, size_t size)
{
	return aligned_alloc(BYTES_ALIGN, (n * size + BYTES_ALIGN - 1) /
						  BYTES_ALIGN * BYTES_ALIGN);
}

static int allocate(struct cdx_part *t)
{
	const struct cdx_protection *p = t->sh->p;
	size_t steps = t->sh->steps;
	size_t blocks = p->k * steps;

	t->bytes = alloc_blocks(t->sh->ec ? blocks : 1, p->block_size);
	t->sha = calloc(blocks, sizeof(*t->sha));
	t->state = calloc(blocks, 1);
	t->found = calloc(blocks, 1);
	t->out = alloc_blocks(steps, p->block_size);
	t->out_sha = calloc(steps, sizeof(*t->out_sha));
	t->out_state = calloc(steps, 1);
	t->decode = calloc(steps, 1);
	t->kept = calloc(steps, 1);
	t->field = calloc(steps, sizeof(*t->field));
	t->units = calloc(steps, sizeof(*t->units));
	if (!t->bytes || !t->sha || !t->state || !t->found || !t->out ||
	    !t->out_sha || !t->out_state || !t->decode || !t->kept ||
	    !t->field || !t->units)
		return -ENOMEM;
	return 0;
}

int cdx_part_new(struct cdx_part **out, struct cdx_part_shape *sh)
{
	struct cdx_part *t = calloc(1, sizeof(*t));
	uint32_t unit = UNIT_BYTES / sh->p->block_size;

	*out = NULL;
	if (!t)
		return -ENOMEM;
	t->sh = sh;
	t->unit_steps = unit == 0 ? 1 : unit;
	atomic_init(&t->err, 0);
	atomic_init(&t->skip, false);
	cdx_tasks_init(&t->tasks, sh->o->pool, sh->o->prio);
	if (allocate(t) < 0) {
		cdx_part_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void cdx_part_free(struct cdx_part *t)
{
	if (!t)
		return;
	atomic_store(&t->skip, true);
	cdx_tasks_wait(&t->tasks);
	cdx_tasks_fini(&t->tasks);
	free(t->units);
	free(t->field);
	free(t->kept);
	free(t->decode);
	free(t->out_state);
	free(t->out_sha);
	free(t->out);
	free(t->found);
	free(t->state);
	free(t->sha);
	free(t->bytes);
	free(t);
}

/* ---- on workers ---- */

/* Fills @blocks with the sources of a step; false when one of them is not
 * good. */
static bool check_sources(struct cdx_part *t, uint32_t i,
			  const uint8_t **blocks)
{
	bool good = true;

	for (uint32_t c = 0; c < t->sources; c++) {
		uint8_t *block = source_block(t, c, i);
		struct cdx_digest got;

		blocks[t->source[c]] = block;
		if (t->state[at(t, c, i)] == CDX_BLOCK_EMPTY)
			continue;
		if (t->state[at(t, c, i)] != CDX_BLOCK_READ) {
			good = false;
			continue;
		}
		cdx_sha256(&got, block, t->sh->p->block_size);
		if (memcmp(&got, &t->sha[at(t, c, i)], sizeof(got)) == 0)
			continue;
		t->found[at(t, c, i)] = CDX_BLOCK_BAD;
		good = false;
	}
	return good;
}

static int make_block(struct cdx_part *t, uint32_t i)
{
	const struct cdx_part_shape *sh = t->sh;
	const uint8_t *blocks[CDX_EC_COLUMNS_MAX] = {NULL};
	struct cdx_digest got;
	int rc;

	if (t->sources < sh->p->k || !check_sources(t, i, blocks))
		return 0;
	rc = cdx_step_decode(sh->ec, sh->slice, sh->p, sh->slot, blocks,
			     out_block(t, i));
	if (rc < 0)
		return rc;
	cdx_sha256(&got, out_block(t, i), sh->p->block_size);
	if (memcmp(&got, &t->out_sha[i], sizeof(got)) == 0)
		t->out_state[i] = CDX_BLOCK_GOOD;
	return 0;
}

static void unit_run(struct cdx_task *task)
{
	struct cdx_part_unit *u =
		CDX_CONTAINER(task, struct cdx_part_unit, task);
	struct cdx_part *t = u->t;
	int none = 0;
	int rc = 0;

	if (atomic_load(&t->skip))
		return;
	for (uint32_t i = u->first; i < u->first + u->n && rc == 0; i++)
		if (t->decode[i])
			rc = make_block(t, i);
	if (rc == 0)
		rc = cdx_block_digests(t->field + u->first, t->sh->g,
				       out_block(t, u->first), u->n);
	if (rc < 0)
		(void)atomic_compare_exchange_strong(&t->err, &none, rc);
}

static void start(struct cdx_part *t)
{
	for (uint32_t i = 0; i < t->n; i += t->unit_steps) {
		struct cdx_part_unit *u = &t->units[i / t->unit_steps];
		uint32_t left = t->n - i;

		u->t = t;
		u->first = i;
		u->n = left < t->unit_steps ? left : t->unit_steps;
		cdx_tasks_add(&t->tasks, &u->task, unit_run);
	}
}

/* ---- on the owner ---- */

static uint64_t index_of(const struct cdx_part *t, uint32_t column, uint32_t i)
{
	return column * t->sh->p->steps + t->first + i;
}

/* One block from where the caller said it may be; returns 1 when it came. */
static int from_outside(struct cdx_part *t, uint32_t column, uint32_t i,
			uint8_t *out, struct cdx_digest *digest)
{
	const struct cdx_part_shape *sh = t->sh;
	struct cdx_leaf leaf;
	int rc;

	if (!sh->o->source)
		return 0;
	rc = cdx_protection_leaf(sh->s, sh->p, index_of(t, column, i), &leaf);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	/* padding needs nobody */
	if (memcmp(&leaf.digest, &cdx_digest_empty, sizeof(*digest)) == 0 ||
	    sh->o->source(sh->o->source_arg, column, t->first + i, out) < 0)
		return 0;
	*digest = leaf.digest;
	return 1;
}

/* The wanted blocks themselves: those that are here, then those that the
 * source has. */
static int load_own(struct cdx_part *t)
{
	const struct cdx_part_shape *sh = t->sh;
	const struct cdx_column own = {t->out, t->out_sha, t->out_state};
	int rc;

	rc = cdx_column_read(sh->s, sh->p, sh->slot, t->first, t->n, &own);
	for (uint32_t i = 0; i < t->n && rc >= 0; i++) {
		uint8_t *block = out_block(t, i);
		bool here = t->out_state[i] == CDX_BLOCK_READ;

		t->kept[i] = t->out_state[i] == CDX_BLOCK_EMPTY;
		t->decode[i] = 0;
		if (t->kept[i])
			continue;
		rc = here ? cdx_step_verify(sh->s, sh->p,
					    index_of(t, sh->slot, i), block)
			  : CDX_E_HASH;
		t->kept[i] = rc == 0;
		if (rc == CDX_E_HASH) {
			rc = from_outside(t, sh->slot, i, block,
					  &t->out_sha[i]);
			if (rc > 0)
				rc = cdx_step_verify(sh->s, sh->p,
						     index_of(t, sh->slot, i),
						     block);
			else if (rc == 0)
				rc = CDX_E_HASH;
		}
		t->out_state[i] = rc == 0 ? CDX_BLOCK_GOOD : CDX_BLOCK_MISSING;
		t->decode[i] = rc != 0;
		if (rc == CDX_E_HASH || rc == -ENOENT)
			rc = 0;
	}
	return rc < 0 ? rc : 0;
}

/* Is there any sense in asking for this column? */
static bool is_candidate(const struct cdx_part *t, uint32_t column)
{
	const struct cdx_part_shape *sh = t->sh;
	uint32_t doubtful = sh->p->absent | sh->p->damaged;

	return column != sh->slot &&
	       (sh->o->source || !(doubtful >> column & 1));
}

/* The k columns that have failed least, data before parity */
static void choose(struct cdx_part *t)
{
	const struct cdx_part_shape *sh = t->sh;
	uint32_t taken = 0;

	for (t->sources = 0; t->sources < sh->p->k; t->sources++) {
		uint32_t best = CDX_EC_COLUMNS_MAX;

		for (uint32_t c = 0; c < sh->p->k + sh->p->m; c++)
			if (is_candidate(t, c) && !(taken >> c & 1) &&
			    (best == CDX_EC_COLUMNS_MAX ||
			     sh->score[c] < sh->score[best]))
				best = c;
		if (best == CDX_EC_COLUMNS_MAX)
			return;
		t->source[t->sources] = best;
		taken |= UINT32_C(1) << best;
	}
}

/* Blocks @i to @i + @n - 1 of a source from the store */
static int from_store(struct cdx_part *t, uint32_t c, uint32_t i, uint32_t n)
{
	const struct cdx_column col = {
		.blocks = source_block(t, c, i),
		.digest = &t->sha[at(t, c, i)],
		.state = &t->state[at(t, c, i)],
	};

	return cdx_column_read(t->sh->s, t->sh->p, t->source[c], t->first + i,
			       n, &col);
}

static int load_source(struct cdx_part *t, uint32_t c)
{
	int rc = 0;

	if (!t->sh->o->source)
		return from_store(t, c, 0, t->n);
	for (uint32_t i = 0; i < t->n && rc >= 0; i++) {
		size_t a = at(t, c, i);

		t->state[a] = CDX_BLOCK_MISSING;
		if (!t->decode[i])
			continue;
		rc = from_outside(t, t->source[c], i, source_block(t, c, i),
				  &t->sha[a]);
		if (rc > 0)
			t->state[a] = CDX_BLOCK_READ;
		if (rc == 0)
			rc = from_store(t, c, i, 1);
	}
	return rc < 0 ? rc : 0;
}

int cdx_part_load(struct cdx_part *t, uint64_t first, uint32_t n)
{
	bool any = false;
	int rc;

	t->first = first;
	t->n = n;
	t->sources = 0;
	memset(t->found, 0, (size_t)t->sh->p->k * t->sh->steps);
	rc = load_own(t);
	for (uint32_t i = 0; i < n; i++)
		any = any || t->decode[i];
	if (rc == 0 && any && t->sh->ec)
		choose(t);
	if (t->sources < t->sh->p->k)
		t->sources = 0;
	for (uint32_t c = 0; c < t->sources && rc == 0; c++)
		rc = load_source(t, c);
	if (rc == 0)
		start(t);
	return rc;
}

/* A source that fails is chosen less gladly the next time. */
static void count_failures(struct cdx_part *t)
{
	for (uint32_t c = 0; c < t->sources; c++)
		for (uint32_t i = 0; i < t->n; i++) {
			size_t a = at(t, c, i);

			if (t->decode[i] && (t->found[a] == CDX_BLOCK_BAD ||
					     t->state[a] == CDX_BLOCK_BAD ||
					     t->state[a] == CDX_BLOCK_MISSING))
				t->sh->score[t->source[c]]++;
		}
}

int cdx_part_wait(struct cdx_part *t)
{
	const struct cdx_rebuild *o = t->sh->o;

	while (!cdx_tasks_wait_ms(&t->tasks, POLL_MS))
		if (o->cancel && o->cancel(o->arg))
			return -ECANCELED;
	count_failures(t);
	return atomic_load(&t->err);
}

uint32_t cdx_part_suspects(const struct cdx_part *t, uint32_t i)
{
	uint32_t bits = 0;

	for (uint32_t c = 0; c < t->sources; c++)
		if (t->found[at(t, c, i)] == CDX_BLOCK_BAD ||
		    t->state[at(t, c, i)] == CDX_BLOCK_BAD)
			bits |= UINT32_C(1) << t->source[c];
	return bits;
}
