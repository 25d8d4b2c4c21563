/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_FAR_H
#define CDX_VOLUME_FAR_H

/*
 * Blocks of segments that are not here: what reads miss, reads that wait for
 * it, and what is asked for from others.  Shared inside src/volume only.
 * docs/DESIGN.md "Reading and checking", docs/LOCKING.md "Threads".
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "volume/internal.h"

/* ---- what a read misses ---- */

#define CDX_NEED_OWN 16u

struct cdx_need_block {
	uint64_t area;
	uint32_t index;
};

/* Confined to one thread */
struct cdx_need {
	struct cdx_need_block *block; /* missing ones, most once */
	size_t n;
	size_t cap;
	struct cdx_need_block own[CDX_NEED_OWN];
	bool touched;	/* something came from afar, or has to */
	uint64_t area;	/* of the last such block */
	uint32_t index; /* likewise */
	bool in_order;	/* the file is read in order */
};
void cdx_need_init(struct cdx_need *need);
void cdx_need_free(struct cdx_need *need);
/* A block that is missing; -ENOMEM */
CDX_MUST_CHECK int cdx_need_add(struct cdx_need *need, uint64_t area,
				uint32_t index);
/* A block that came from afar earlier */
void cdx_need_touch(struct cdx_need *need, uint64_t area, uint32_t index);

/* ---- a read ---- */

struct cdx_read_req {
	uint64_t ino;
	uint64_t off;
	size_t len;
	cdx_vol_wait_fn *waits; /* or NULL */
	cdx_read_fn *fn;
	void *arg;
};

/* Reads what is here and calls req->fn, or returns false with what is missing in
 * @need (NULL: what is missing is an error).  No lock or reader is held
 * afterwards.  (read.c) */
bool cdx_read_try(struct cdx_volume *v, const struct cdx_read_req *req,
		  struct cdx_need *need);

enum cdx_vol_op_state {
	CDX_OP_NEW,   /* not listed yet */
	CDX_OP_WAITS, /* for blocks, or for its turn to ask for them */
	CDX_OP_GOES,  /* to be told, or read again, by whoever has it */
};

/* A block that a waiting read wants */
struct cdx_want {
	struct cdx_list link; /* fetch->wants while that is under way */
	struct cdx_vol_op *op;
	uint64_t area;
	uint32_t index;
	bool pinned; /* it is in the cache and stays */
	bool joined; /* a fetch that was under way: its failure is not this one's */
};

/* A read that waits.  Guarded by far.mu, but for what is immutable; in state
 * GOES it belongs to one thread. */
struct cdx_vol_op {
	struct cdx_list link;	 /* far->ops, in order of arrival */
	struct cdx_list ready;	 /* far->ready */
	struct cdx_volume *v;	 /* immutable */
	struct cdx_read_req req; /* immutable */
	uint64_t deadline;	 /* mono ns; immutable once it is listed */
	enum cdx_vol_op_state state;
	struct cdx_want *want;
	size_t n;
	size_t left;   /* wants whose block is not here */
	bool admitted; /* its wants are counted in far->held */
	bool cancelled;
	int err; /* what it ends with, 0: it is read again */
};

/* ---- what is asked for ---- */

/* One block, asked for once however many want it.  Guarded by far.mu. */
struct cdx_fetch {
	struct cdx_list link;  /* far->starts or far->ends, or none */
	struct cdx_list wants; /* struct cdx_want */
	struct cdx_volume *v;
	uint64_t area;
	uint32_t index;
	unsigned refs; /* the callback's, and of whoever works on it */
	bool ahead;    /* wanted though nobody waits for it */
	bool listed;   /* in far->fetches */
	bool dropped;  /* nobody wants it any more */
	bool done;     /* the callback came */
	bool has_op;   /* op is to be given back */
	bool cancel;   /* and ended by that */
	void *op;
};

/* v->far */
struct cdx_far {
	_Atomic bool on;      /* the hook is set: a hint for readers */
	_Atomic bool evicts;  /* and can tell what is safe elsewhere */
	struct cdx_volume *v; /* immutable */
	pthread_mutex_t mu;
	pthread_cond_t
		cv; /* on CLOCK_MONOTONIC: for the thread, and for the end */
	/* guarded by mu: */
	struct cdx_vol_net net; /* changes while nothing is under way only */
	bool open;
	bool stop;		/* the thread is to end */
	struct cdx_list ops;	/* struct cdx_vol_op, until they are told */
	struct cdx_list ready;	/* of them: to be handed to the pool */
	struct cdx_list starts; /* struct cdx_fetch, to be asked for */
	struct cdx_list ends;	/* the same, to be given back */
	struct cdx_map fetches; /* key -> struct cdx_fetch, under way */
	size_t held;		/* blocks that admitted reads want */
	unsigned ahead;		/* fetches that nobody waits for */
	unsigned busy;		/* fetches and others that use this */
	struct cdx_map told;	/* areas whose trouble was logged */
	uint64_t blocks;	/* had from others since open */
	uint64_t waiting;	/* length of ops */
	pthread_t thread;	/* of set_net */
};

/* The object without the thread (cdx_segs_open, cdx_segs_close) */
CDX_MUST_CHECK int cdx_far_new(struct cdx_volume *v);
void cdx_far_free(struct cdx_volume *v);
static inline bool cdx_far_on(const struct cdx_far *f)
{
	return atomic_load_explicit(&f->on, memory_order_acquire);
}
/* May anything be evicted at all? */
static inline bool cdx_far_evicts(const struct cdx_far *f)
{
	return atomic_load_explicit(&f->evicts, memory_order_acquire);
}
/* Parks a read that cdx_read_try gave back; takes what @need has. */
void cdx_far_park(struct cdx_volume *v, const struct cdx_read_req *req,
		  struct cdx_need *need);
/* Between the two it does not go away, though nothing else is under way any more */
void cdx_far_enter(struct cdx_far *f);
void cdx_far_leave(struct cdx_far *f);
/* Does what was queued under mu; no lock held.  Thread: safe. */
void cdx_far_work(struct cdx_far *f);
/* A read ends its waiting: with @err, or 0 to read again.  Caller holds mu and
 * calls cdx_far_work afterwards. */
void cdx_far_finish(struct cdx_far *f, struct cdx_vol_op *op, int err);
/* Fills in the figures of status */
void cdx_far_status(struct cdx_volume *v, struct cdx_vol_status *out);
/* Asks the hook whether a segment may go; false without one.  Blocks. */
bool cdx_far_safe(struct cdx_volume *v, const struct cdx_cid *verifiable);

/* far_fetch.c: all with mu held */

/* Asks for what an admitted read wants; -ENOMEM */
CDX_MUST_CHECK int cdx_fetch_wants(struct cdx_far *f, struct cdx_vol_op *op);
/* Takes the wants of a read back */
void cdx_fetch_unwant(struct cdx_far *f, struct cdx_vol_op *op);
/* Nobody needs it; it ends soon */
void cdx_fetch_drop(struct cdx_far *f, struct cdx_fetch *x);
/* Is trouble with this segment worth a line?  Once, until it gives something. */
bool cdx_fetch_tell(struct cdx_far *f, uint64_t area);
/* Without mu: the line */
void cdx_fetch_log(struct cdx_volume *v, const struct cdx_need_block *b,
		   int rc);
/* Drops a reference */
void cdx_fetch_put(struct cdx_far *f, struct cdx_fetch *x);
/* Without mu: asks for the first of far->starts, gives the first of far->ends
 * back; false when there is none */
bool cdx_fetch_start(struct cdx_far *f);
bool cdx_fetch_end(struct cdx_far *f);
/* Without mu: asks for what a reader in order will want next */
void cdx_fetch_ahead(struct cdx_volume *v, const struct cdx_need *need);

#endif
