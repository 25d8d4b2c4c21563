/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROTECT_WINDOW_H
#define CDX_PROTECT_WINDOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"
#include "erasure/codec.h"
#include "protect/column.h"
#include "base/tasks.h"
#include "slots/geometry.h"
#include "store/protection.h"

/*
 * A window of steps: the same few blocks of every column in memory, hashed
 * with SHA-256 and Poseidon2 and coded, on the pool.  The thread that owns it
 * reads, starts, waits; workers see nothing but the window.
 */

/* What windows of one job have in common.  Borrowed members must outlive the
 * windows; immutable. */
struct cdx_window_shape {
	struct cdx_store *s;
	const struct cdx_protection *p;
	const struct cdx_geometry *g; /* NULL: no Poseidon2 digests */
	const struct cdx_ec *ec;      /* blocks of @slice; NULL: no parity */
	uint32_t slice;		      /* bytes coded at a time */
	bool check;	/* parity is read and compared; else it is made */
	uint32_t steps; /* room: cdx_window_steps */
	struct cdx_pool *pool; /* NULL: on the caller */
	enum cdx_pool_prio prio;
	/* asked while the owner waits: idle workers may have no processor for
	 * long; NULL: never */
	bool (*cancel)(void *arg);
	void *arg;
};

struct cdx_window_unit;

/* Arrays are [column][shape.steps].  Loop-confined but between start and
 * wait. */
struct cdx_window {
	const struct cdx_window_shape *sh;
	uint32_t columns;
	uint64_t first;		/* step */
	uint32_t n;		/* steps in it now */
	uint8_t *bytes;		/* blocks of a column adjoin */
	struct cdx_digest *sha; /* what blocks should hash to; made: do */
	struct cdx_fr *field;	/* Poseidon2 digests; NULL without g */
	uint8_t *state;		/* enum cdx_block_state */
	uint8_t *found;		/* by workers, until it is put into state */
	uint8_t *wrong; /* checking: parity is not what the data code to */
	atomic_int err;
	atomic_bool skip; /* what has not begun need not */
	struct cdx_tasks tasks;
	struct cdx_window_unit *units;
	uint32_t unit_steps;
};

/* Steps of a window: a power of two of at most CDX_NODES_A_ROW, about 16 MiB
 * of blocks, at least 1.  Pure. */
uint32_t cdx_window_steps(const struct cdx_protection *p);
/* How many windows may be in memory at once: 2, or 1 when they are large.
 * Pure. */
unsigned cdx_window_depth(const struct cdx_protection *p);

/* @sh: kept.  Returns new; -ENOMEM. */
CDX_MUST_CHECK int cdx_window_new(struct cdx_window **out,
				  const struct cdx_window_shape *sh);
/* Not between start and wait.  NULL is allowed. */
void cdx_window_free(struct cdx_window *w);

/* Reads steps @first .. @first + @n - 1, @n <= sh->steps.  Errors as
 * cdx_column_read. */
CDX_MUST_CHECK int cdx_window_load(struct cdx_window *w, uint64_t first,
				   uint32_t n);
/* Hands what was loaded to the pool */
void cdx_window_start(struct cdx_window *w);
/**
 * cdx_window_wait - until everything is hashed and coded
 *
 * Blocks that turned out bad are looked for at their other places; no block is
 * READ afterwards.  Errors: -ECANCELED sh->cancel said so; -ENOMEM,
 * CDX_E_CODEC, those of the store; blocks that are bad or missing are none.
 */
CDX_MUST_CHECK int cdx_window_wait(struct cdx_window *w);
/* Until nothing of it runs any more; results are worthless */
void cdx_window_cancel(struct cdx_window *w);

/* Place of a block in the arrays.  Pure. */
static inline size_t cdx_window_at(const struct cdx_window *w, uint32_t column,
				   uint32_t i)
{
	return (size_t)column * w->sh->steps + i;
}
/* Bytes of a block.  Pure. */
static inline uint8_t *cdx_window_block(const struct cdx_window *w,
					uint32_t column, uint32_t i)
{
	return w->bytes + cdx_window_at(w, column, i) * w->sh->p->block_size;
}

#endif
