/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_CHANGE_H
#define CDX_VOLUME_CHANGE_H

/* What hangs on a batch until it is applied; refs.c notes, resolve.c resolves.
 * One thread, like the batch. */

#include "volume/segs.h"

/* One noted reference or its end */
struct cdx_ref_op {
	struct cdx_loc loc;
	uint64_t ino;
	uint64_t file_off;
	uint64_t len;
	uint32_t seq; /* order in the batch */
	bool add;
};

struct cdx_ref_run {
	uint64_t area;
	uint32_t index;
	uint32_t n;
};

struct cdx_ref_rec {
	uint64_t area;
	uint64_t off;
	uint32_t sealed;
};

/* A segment that the batch changes */
struct cdx_touch {
	uint64_t area;
	struct cdx_oseg *o;	/* NULL: not in memory */
	struct cdx_seg_rec was; /* before the batch */
	struct cdx_seg_rec rec; /* as it will be */
	bool gone;		/* the batch deletes the record */
	struct cdx_burn *burn;	/* blocks that get a BURNT leaf */
	uint32_t burns;
	uint32_t burn_cap;
	uint32_t pending; /* of o->burn, taken along; they come first */
};

/* A records file that the batch changes */
struct cdx_rec_touch {
	struct cdx_recfile *f;
	uint64_t size;
	uint64_t live;
	uint32_t own; /* records of this batch */
	bool remove;
};

struct cdx_change {
	struct cdx_volume *v;
	int err;
	bool locked;	/* ref_mu is held */
	size_t counted; /* ops whose bytes are in the live counts of blocks */
	struct cdx_ref_op *op;
	size_t ops;
	size_t op_cap;
	struct cdx_ref_run *run;
	size_t runs;
	size_t run_cap;
	struct cdx_ref_rec *rec;
	size_t recs;
	size_t rec_cap;
	uint64_t act_area;
	cdx_seg_act_fn *act;
	void *act_arg;
	uint64_t remove_area; /* records file to delete, 0 none */
	struct cdx_touch *touch;
	size_t touches;
	size_t touch_cap;
	struct cdx_rec_touch *rt;
	size_t rts;
	size_t rt_cap;
};

/* Room for one more entry; false (and c->err) when memory ran out */
bool cdx_change_room(struct cdx_change *c, void *list, size_t len, size_t *cap,
		     size_t entry);
/* ---- resolve.c: under ref_mu ---- */
/* Puts everything that was noted into the batch.  CDX_E_CORRUPT, -ENOMEM. */
CDX_MUST_CHECK int cdx_change_resolve(struct cdx_change *c,
				      struct cdx_batch *b);
/* The batch was applied (or not): memory follows */
void cdx_change_settle(struct cdx_change *c, bool applied);

#endif
