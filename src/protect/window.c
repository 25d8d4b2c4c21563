/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "protect/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "slots/builder.h"

#define WINDOW_BYTES ((uint64_t)16 << 20)
/* two windows above this would be too much */
#define WINDOW_LARGE ((uint64_t)32 << 20)
/* parity blocks of one batch */
#define WINDOW_PARITY 1024u
/* one unit of work: eight blocks of 64 KiB fill the vector lanes */
#define UNIT_BYTES ((uint32_t)512 << 10)
/* data files are written past the page cache from aligned memory */
#define BYTES_ALIGN 4096u
/* how often somebody who waits asks whether to go on */
#define POLL_MS 200u

/* Blocks of one column, or, with column == CODE, whole steps */
struct cdx_window_unit {
	struct cdx_task task;
	struct cdx_window *w;
	uint32_t column;
	uint32_t first;
	uint32_t n;
};

static uint64_t step_bytes(const struct cdx_protection *p)
{
	return (uint64_t)(p->k + p->m) * p->block_size;
}

uint32_t cdx_window_steps(const struct cdx_protection *p)
{
	uint64_t bytes = step_bytes(p);
	uint32_t n = 1;

	while (n < CDX_NODES_A_ROW && n < p->steps &&
	       UINT64_C(2) * n * bytes <= WINDOW_BYTES &&
	       UINT64_C(2) * n * p->m <= WINDOW_PARITY)
		n *= 2;
	return n;
}

unsigned cdx_window_depth(const struct cdx_protection *p)
{
	return cdx_window_steps(p) * step_bytes(p) > WINDOW_LARGE ? 1 : 2;
}

static uint32_t unit_steps(const struct cdx_window_shape *sh)
{
	uint32_t n = UNIT_BYTES / sh->p->block_size;

	if (n > sh->steps)
		n = sh->steps;
	return n == 0 ? 1 : n;
}

static int allocate(struct cdx_window *w)
{
	const struct cdx_window_shape *sh = w->sh;
	size_t blocks = (size_t)w->columns * sh->steps;
	size_t bytes = blocks * sh->p->block_size;
	uint32_t groups = (sh->steps + w->unit_steps - 1) / w->unit_steps;

	bytes = (bytes + BYTES_ALIGN - 1) / BYTES_ALIGN * BYTES_ALIGN;
	w->bytes = aligned_alloc(BYTES_ALIGN, bytes);
	w->sha = calloc(blocks, sizeof(*w->sha));
	w->state = calloc(blocks, 1);
	w->found = calloc(blocks, 1);
	w->wrong = calloc(blocks, 1);
	/* one column more for the steps that are coded */
	w->units = calloc((size_t)groups * (w->columns + 1), sizeof(*w->units));
	if (sh->g)
		w->field = calloc(blocks, sizeof(*w->field));
	if (!w->bytes || !w->sha || !w->state || !w->found || !w->wrong ||
	    !w->units || (sh->g && !w->field))
		return -ENOMEM;
	return 0;
}

int cdx_window_new(struct cdx_window **out, const struct cdx_window_shape *sh)
{
	struct cdx_window *w = calloc(1, sizeof(*w));

	*out = NULL;
	if (!w)
		return -ENOMEM;
	w->sh = sh;
	w->columns = sh->p->k + sh->p->m;
	w->unit_steps = unit_steps(sh);
	atomic_init(&w->err, 0);
	atomic_init(&w->skip, false);
	cdx_tasks_init(&w->tasks, sh->pool, sh->prio);
	if (allocate(w) < 0) {
		cdx_window_free(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

void cdx_window_free(struct cdx_window *w)
{
	if (!w)
		return;
	cdx_tasks_fini(&w->tasks);
	free(w->units);
	free(w->field);
	free(w->wrong);
	free(w->found);
	free(w->state);
	free(w->sha);
	free(w->bytes);
	free(w);
}

int cdx_window_load(struct cdx_window *w, uint64_t first, uint32_t n)
{
	const struct cdx_window_shape *sh = w->sh;
	uint32_t columns = sh->check ? w->columns : sh->p->k;
	int rc = 0;

	w->first = first;
	w->n = n;
	for (uint32_t c = 0; c < columns && rc == 0; c++) {
		size_t at = cdx_window_at(w, c, 0);

		const struct cdx_column col = {
			.blocks = cdx_window_block(w, c, 0),
			.digest = &w->sha[at],
			.state = &w->state[at],
		};

		rc = cdx_column_read(sh->s, sh->p, c, first, n, &col);
	}
	return rc;
}

/* ---- on workers ---- */

static void fail(struct cdx_window *w, int rc)
{
	int none = 0;

	(void)atomic_compare_exchange_strong(&w->err, &none, rc);
}

static bool is_made(const struct cdx_window *w, uint32_t column)
{
	return !w->sh->check && column >= w->sh->p->k;
}

/* Returns whether the column has bytes worth a Poseidon2 digest. */
static bool hash_blocks(struct cdx_window *w, const struct cdx_window_unit *u)
{
	bool made = is_made(w, u->column);
	bool any = false;

	for (uint32_t i = u->first; i < u->first + u->n; i++) {
		size_t at = cdx_window_at(w, u->column, i);
		struct cdx_digest got;

		any = any || w->state[at] != CDX_BLOCK_MISSING;
		if (w->state[at] != CDX_BLOCK_READ &&
		    w->state[at] != CDX_BLOCK_GOOD)
			continue;
		cdx_sha256(&got, cdx_window_block(w, u->column, i),
			   w->sh->p->block_size);
		if (made)
			w->sha[at] = got;
		w->found[at] = memcmp(&got, &w->sha[at], sizeof(got)) == 0
				       ? CDX_BLOCK_GOOD
				       : CDX_BLOCK_BAD;
	}
	return any;
}

static void column_run(struct cdx_task *t)
{
	struct cdx_window_unit *u =
		CDX_CONTAINER(t, struct cdx_window_unit, task);
	struct cdx_window *w = u->w;
	int rc = 0;

	if (atomic_load(&w->skip))
		return;
	if (hash_blocks(w, u) && w->sh->g)
		rc = cdx_block_digests(
			w->field + cdx_window_at(w, u->column, u->first),
			w->sh->g, cdx_window_block(w, u->column, u->first),
			u->n);
	if (rc < 0)
		fail(w, rc);
}

static void start_column(struct cdx_window *w, uint32_t column, uint32_t first)
{
	struct cdx_window_unit *u;
	uint32_t left = w->n - first;

	u = &w->units[first / w->unit_steps * (w->columns + 1) + column];
	u->w = w;
	u->column = column;
	u->first = first;
	u->n = left < w->unit_steps ? left : w->unit_steps;
	cdx_tasks_add(&w->tasks, &u->task, column_run);
}

/* What a piece of parity column @j of step @i should be is @made. */
static void take_parity(struct cdx_window *w, uint32_t j, uint32_t i,
			size_t off, const uint8_t *made)
{
	uint32_t column = w->sh->p->k + j;
	size_t at = cdx_window_at(w, column, i);
	uint8_t *block = cdx_window_block(w, column, i);
	struct cdx_digest got;

	if (!w->sh->check) {
		memcpy(block + off, made, w->sh->slice);
		w->state[at] = CDX_BLOCK_READ;
		return;
	}
	if (w->state[at] != CDX_BLOCK_MISSING) {
		if (memcmp(block + off, made, w->sh->slice) != 0)
			w->wrong[at] = 1;
		return;
	}
	/* it is not here, but its hash is known */
	if (w->sh->slice != w->sh->p->block_size)
		return;
	cdx_sha256(&got, made, w->sh->slice);
	if (memcmp(&got, &w->sha[at], sizeof(got)) != 0)
		w->wrong[at] = 1;
}

static int code_step(struct cdx_window *w, uint32_t i, uint8_t *stripe)
{
	const struct cdx_window_shape *sh = w->sh;
	struct cdx_ec_parity parity;
	int rc;

	for (size_t off = 0; off < sh->p->block_size; off += sh->slice) {
		for (uint32_t c = 0; c < sh->p->k; c++)
			memcpy(stripe + (size_t)c * sh->slice,
			       cdx_window_block(w, c, i) + off, sh->slice);
		rc = cdx_ec_encode(sh->ec, &parity, stripe);
		if (rc < 0)
			return rc;
		for (uint32_t j = 0; j < sh->p->m; j++)
			take_parity(w, j, i, off, parity.block[j]);
		cdx_ec_parity_free(sh->ec, &parity);
	}
	return 0;
}

/* Parity that was made is hashed by tasks of its own, which the others wait
 * for no less than for this one. */
static void code_run(struct cdx_task *t)
{
	struct cdx_window_unit *u =
		CDX_CONTAINER(t, struct cdx_window_unit, task);
	struct cdx_window *w = u->w;
	uint8_t *stripe;
	int rc;

	if (atomic_load(&w->skip))
		return;
	stripe = malloc((size_t)w->sh->p->k * w->sh->slice);
	rc = stripe ? 0 : -ENOMEM;
	for (uint32_t i = u->first; i < u->first + u->n && rc == 0; i++)
		rc = code_step(w, i, stripe);
	free(stripe);
	if (rc < 0) {
		fail(w, rc);
		return;
	}
	for (uint32_t j = 0; j < w->sh->p->m && !w->sh->check; j++)
		start_column(w, w->sh->p->k + j, u->first);
}

static void start_code(struct cdx_window *w, uint32_t first)
{
	struct cdx_window_unit *u;
	uint32_t left = w->n - first;

	u = &w->units[first / w->unit_steps * (w->columns + 1) + w->columns];
	u->w = w;
	u->first = first;
	u->n = left < w->unit_steps ? left : w->unit_steps;
	cdx_tasks_add(&w->tasks, &u->task, code_run);
}

/* ---- on the owner ---- */

/* Coding looks at bytes that are hashed at the same moment: whether they were
 * right is known when both are done. */
void cdx_window_start(struct cdx_window *w)
{
	const struct cdx_window_shape *sh = w->sh;
	uint32_t read = sh->check ? w->columns : sh->p->k;

	memset(w->wrong, 0, (size_t)w->columns * sh->steps);
	memset(w->found, 0, (size_t)w->columns * sh->steps);
	for (uint32_t i = 0; i < w->n; i += w->unit_steps)
		if (sh->ec)
			start_code(w, i);
	for (uint32_t i = 0; i < w->n; i += w->unit_steps)
		for (uint32_t c = 0; c < read; c++)
			start_column(w, c, i);
}

/* What workers found about a column; they share @state and only read it. */
static void settle(struct cdx_window *w, uint32_t column)
{
	for (uint32_t i = 0; i < w->n; i++) {
		size_t at = cdx_window_at(w, column, i);

		if (w->found[at])
			w->state[at] = w->found[at];
	}
}

/* Returns 1 when a bad block was found good elsewhere. */
static int second_chance(struct cdx_window *w, uint32_t column, uint32_t i)
{
	const struct cdx_protection *p = w->sh->p;
	size_t at = cdx_window_at(w, column, i);
	int rc;

	if (w->state[at] != CDX_BLOCK_BAD)
		return 0;
	rc = cdx_protection_read_own(w->sh->s, cdx_window_block(w, column, i),
				     p, column * p->steps + w->first + i);
	if (rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE)
		return rc;
	if (rc == 0)
		w->state[at] = CDX_BLOCK_READ;
	return rc == 0;
}

int cdx_window_wait(struct cdx_window *w)
{
	bool again = false;
	int rc;

	while (!cdx_tasks_wait_ms(&w->tasks, POLL_MS))
		if (w->sh->cancel && w->sh->cancel(w->sh->arg)) {
			cdx_window_cancel(w);
			return -ECANCELED;
		}
	rc = atomic_load(&w->err);
	for (uint32_t c = 0; c < w->columns && rc >= 0; c++) {
		settle(w, c);
		for (uint32_t i = 0; i < w->n && rc >= 0; i++) {
			rc = second_chance(w, c, i);
			again = again || rc > 0;
		}
	}
	if (rc < 0 || !again)
		return rc < 0 ? rc : 0;
	cdx_window_start(w);
	cdx_tasks_wait(&w->tasks);
	for (uint32_t c = 0; c < w->columns; c++)
		settle(w, c);
	return atomic_load(&w->err);
}

void cdx_window_cancel(struct cdx_window *w)
{
	atomic_store(&w->skip, true);
	cdx_tasks_wait(&w->tasks);
}
