/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_REPAIR_PART_H
#define CDX_REPAIR_PART_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "bn254/fr.h"
#include "erasure/codec.h"
#include "protect/column.h"
#include "base/tasks.h"
#include "repair/repair.h"

/*
 * Some steps of a slot that is being made whole.  The thread that rebuilds
 * reads them; workers check the sources, decode, and hash what came out.
 */

struct cdx_part_unit;

/* What the parts of one rebuild share; immutable while a part runs, but for
 * score */
struct cdx_part_shape {
	struct cdx_store *s;
	const struct cdx_protection *p; /* workers read its numbers only */
	const struct cdx_geometry *g;
	const struct cdx_rebuild *o;
	const struct cdx_ec *ec; /* blocks of @slice; NULL: m = 0 */
	uint32_t slice;
	uint32_t slot;
	uint32_t steps; /* room */
	/* owner only: sources that failed, by column */
	uint64_t score[CDX_EC_COLUMNS_MAX];
};

/* Loop-confined but between load and wait */
struct cdx_part {
	struct cdx_part_shape *sh;
	uint64_t first; /* step */
	uint32_t n;
	uint32_t source[CDX_EC_COLUMNS_MAX]; /* the k columns decoded from */
	uint32_t sources;		     /* fewer than k: nothing decoded */
	uint8_t *bytes;			     /* [k][steps] blocks of sources */
	struct cdx_digest *sha;		     /* likewise */
	uint8_t *state;
	uint8_t *found; /* by workers */
	/* the wanted blocks, [steps] */
	uint8_t *out;
	struct cdx_digest *out_sha;
	uint8_t *out_state;
	uint8_t *decode; /* is it to be decoded? */
	uint8_t *kept;	 /* was it here, and right? */
	struct cdx_fr *field;
	atomic_int err;
	atomic_bool skip; /* what has not begun need not */
	struct cdx_tasks tasks;
	struct cdx_part_unit *units;
	uint32_t unit_steps;
};

/* Steps of a part: at most 256 (cdx_slot_restore_put).  Pure. */
uint32_t cdx_part_steps(const struct cdx_protection *p);

/* @sh: kept.  Returns new; -ENOMEM. */
CDX_MUST_CHECK int cdx_part_new(struct cdx_part **out,
				struct cdx_part_shape *sh);
/* Waits for what runs.  NULL is allowed. */
void cdx_part_free(struct cdx_part *t);

/* Reads what is here of the wanted blocks and, where some are missing, of k
 * others of each step, and starts the workers.  Errors: of the tables,
 * -ENOMEM. */
CDX_MUST_CHECK int cdx_part_load(struct cdx_part *t, uint64_t first,
				 uint32_t n);
/* Until the workers are done, or o->cancel says so (-ECANCELED); out_state is then GOOD, EMPTY, or something else
 * for a block that could not be made the quick way. */
CDX_MUST_CHECK int cdx_part_wait(struct cdx_part *t);
/* Column of a source that was bad in step @i: bits.  Pure. */
uint32_t cdx_part_suspects(const struct cdx_part *t, uint32_t i);

#endif
