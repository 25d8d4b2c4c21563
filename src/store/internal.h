/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_INTERNAL_H
#define CDX_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "crypto/aead.h"
#include "store/areas.h"
#include "store/batch.h"
#include "store/env.h"
#include "store/ilog.h"
#include "store/kv.h"
#include "store/memtable.h"
#include "store/store.h"

/* Shared inside src/store only. */

/* ---- faults, set by tests only ---- */

enum cdx_fault_at {
	CDX_FAULT_LOG_WRITE,
	CDX_FAULT_FDATASYNC, /* of the log or of a data file */
	CDX_FAULT_COMMIT,    /* LMDB */
	CDX_FAULTS,
};

/* Zero: no fault.  Set before the store is used by a second thread. */
struct cdx_store_fault {
	atomic_int after[CDX_FAULTS]; /* fail the n-th call from here; 0 never */
	atomic_int times[CDX_FAULTS]; /* and so many calls in a row */
	int err[CDX_FAULTS];	      /* with this negative result */
};

/* ---- what readers see ---- */

/* The two memory layers as one; immutable but for @refs (what @fill holds
 * grows, see memtable.h). */
struct cdx_view {
	atomic_uint refs;
	struct cdx_memtable *fill;
	struct cdx_memtable *frozen; /* NULL when no commit is under way */
};

/* ---- what a freeze took, until it is durable ---- */

struct cdx_group {
	struct cdx_memtable *mem; /* NULL: nothing is frozen */
	struct cdx_view *after;	  /* to publish once it is durable */
	int64_t counters[CDX_COUNTERS];
	uint64_t number;
	uint64_t seq;		     /* last batch in it */
	uint64_t log_pos;	     /* where the log goes on after it */
	uint64_t log_seq;	     /* number of the record there */
	struct cdx_batch_refs carry; /* data that came while it was prepared */
};

/*
 * Locks, outermost first: mu, view_mu, env.mu.  The locks of the data files
 * are never held when one of these is asked for, nor the other way round.
 */
struct cdx_store {
	/* immutable after open */
	char *path;
	int dirfd;
	int lockfd;
	const struct cdx_log *log;
	bool readonly;
	unsigned commit_ms;
	size_t group_bytes;
	struct cdx_env env;
	/* share[], k, m, codec change, under the block lock: use
	 * cdx_store_share, cdx_store_code */
	struct cdx_store_config config;
	struct cdx_store_fault fault;

	/* immutable after start */
	bool started;
	bool has_key;
	void *hooks_arg;

	/* the apply lock */
	pthread_mutex_t mu;
	struct cdx_store_hooks hooks; /* guarded by mu */
	unsigned hooks_busy;	      /* guarded by mu: calls under way */
	pthread_cond_t room_cv;	     /* frozen went away, or the store failed */
	pthread_cond_t log_cv;	     /* a log flush or a commit ended */
	pthread_cond_t work_cv;	     /* for the committer */
	struct cdx_memtable *fill;   /* guarded by mu; view owns it */
	uint64_t seq;		     /* guarded by mu: last batch applied */
	uint64_t covered;	     /* guarded by mu: last batch in LMDB */
	uint64_t logged;	     /* guarded by mu: last batch in the log */
	bool is_frozen;		     /* guarded by mu: a commit is under way */
	struct cdx_fifo fifo;	     /* guarded by mu: batches not logged */
	struct cdx_ilog ilog;	     /* see ilog.h */
	bool log_busy;		     /* guarded by mu: a flush is under way */
	bool preparing;		     /* guarded by mu: gather carry */
	struct cdx_batch_refs carry; /* guarded by mu */
	struct cdx_list tickets;     /* guarded by mu: not taken yet */
	bool asked;		     /* guarded by mu: commit soon */
	bool stop;		     /* guarded by mu */
	int commit_err;		     /* guarded by mu: last commit's failure */
	bool more;	 /* committer only: a later group is waited for */
	int last_result; /* committer only, then close */

	/* readers take the view; the committer replaces it */
	pthread_mutex_t view_mu;
	struct cdx_view *view; /* guarded by view_mu */

	/* committer thread only */
	pthread_t committer;
	bool committer_runs;
	struct cdx_group group_frozen;

	_Atomic int64_t counters[CDX_COUNTERS]; /* written under mu */
	_Atomic uint64_t next[CDX_COUNTERS];
	_Atomic uint64_t group;		/* filling now */
	_Atomic uint64_t durable_group; /* last one in LMDB */
	_Atomic int failed;
	_Atomic uint64_t commits;
	_Atomic uint64_t log_records;
	_Atomic uint64_t log_replayed;
	_Atomic uint64_t bad_blocks;
	_Atomic uint64_t last_commit_us;

	struct cdx_areas *areas; /* immutable after open; the data files */
};

/* Columns of a code, data or parity, that a configuration may ask for */
#define CDX_COLUMNS_MAX 256u

/* Size of a share now.  Thread: safe. */
uint64_t cdx_store_share(const struct cdx_store *s, enum cdx_share share);

/* Makes the store stop taking changes for good; logs once.  @err negative.
 * Caller holds mu. */
void cdx_store_fail_locked(struct cdx_store *s, int err, const char *what);

/* Result that a test wants here, or 0.  Thread: safe. */
int cdx_store_fault_hit(struct cdx_store *s, enum cdx_fault_at at);

/* While true for this thread cdx_batch_apply does not wait for room.  The
 * committer has it on always; log flushes set it around the prelog hook.
 * Returns what it was. */
bool cdx_store_set_in_hook(bool on);

/* ---- views (view.c) ---- */

/* New reference to what is visible now.  Never fails.  Thread: safe. */
struct cdx_view *cdx_view_get(struct cdx_store *s);
/* The same with an LMDB reader of the same moment. */
CDX_MUST_CHECK int cdx_view_get_txn(struct cdx_store *s, struct cdx_view **out,
				    MDB_txn **txn);
void cdx_view_put(struct cdx_view *v);
/* -ENOMEM; takes a reference of each */
CDX_MUST_CHECK int cdx_view_new(struct cdx_view **out,
				struct cdx_memtable *fill,
				struct cdx_memtable *frozen);
/* Takes @v, publishes it and drops the old one.  Takes view_mu. */
void cdx_view_publish(struct cdx_store *s, struct cdx_view *v);

/* ---- groups (group.c, commit.c) ---- */

/* Starts the committer thread; after replay. */
CDX_MUST_CHECK int cdx_group_start(struct cdx_store *s);
/* Ends the committer after a last commit; returns that commit's result. */
int cdx_group_stop(struct cdx_store *s);
/* Writes @s->group_frozen in one LMDB transaction.  Committer only. */
CDX_MUST_CHECK int cdx_group_write(struct cdx_store *s);
/* Drops a group that was never written. */
void cdx_group_drop(struct cdx_group *g);

/* ---- hooks (hooks.c): what the owner of the data does, if it is there ---- */

/* Call a hook; 0 when there is none.  No lock held. */
CDX_MUST_CHECK int cdx_hooks_prepare(struct cdx_store *s);
CDX_MUST_CHECK int cdx_hooks_prelog(struct cdx_store *s);
void cdx_hooks_committed(struct cdx_store *s, uint64_t group);
/* The gate; false when there is none.  Caller holds mu. */
bool cdx_hooks_gate_locked(struct cdx_store *s);

/* ---- replay (replay.c) ---- */

/* Reads carry and log; applies.  Before the committer runs. */
CDX_MUST_CHECK int cdx_replay(struct cdx_store *s,
			      const struct cdx_store_replay *r);

/* ---- apply (apply.c) ---- */

/* Into the memtable and the counters, nothing else; caller holds mu or is
 * alone.  -ENOMEM: nothing changed. */
CDX_MUST_CHECK int cdx_batch_insert(struct cdx_store *s, const uint8_t *p,
				    size_t len, size_t mem);

/* ---- a store that is being made (init.c) ---- */

/* Beside the files of a store that was never started */
#define CDX_INIT_MARK "init-unfinished"
/* The store is started: removes the mark, durably.  Nothing without one. */
CDX_MUST_CHECK int cdx_init_finish(int dirfd);

/* ---- meta values (meta.c) ---- */

#define CDX_META_FORMAT "format"
#define CDX_META_CONFIG "config"
#define CDX_META_STATE "state"
#define CDX_META_COUNTERS "counters"
#define CDX_META_CARRY "carry"
#define CDX_META_LOGKEY "log-key"

/* Where LMDB stands: the fixed part of every commit */
struct cdx_meta_state {
	uint64_t group;	  /* last durable */
	uint64_t seq;	  /* last batch it covers */
	uint64_t log_pos; /* position of the record expected next */
	uint64_t log_seq; /* its number */
};

#define CDX_META_COUNTERS_LEN (8u * CDX_COUNTERS)
#define CDX_META_LOGKEY_LEN 32u
#define CDX_META_STATE_LEN 32u
#define CDX_META_CONFIG_OLD_LEN \
	(CDX_STORE_ID_LEN + 8u * CDX_SHARES + 4u + 4u + 8u + 8u)
/* with the codec, and the code that loose blocks are charged by */
#define CDX_META_CONFIG_LEN (CDX_META_CONFIG_OLD_LEN + 3u * 4u)

/* The values as they are stored; decode takes nothing else, but the config of
 * an older codexfs: CDX_E_FORMAT */
void cdx_meta_state_encode(uint8_t out[CDX_META_STATE_LEN],
			   const struct cdx_meta_state *st);
CDX_MUST_CHECK int cdx_meta_state_decode(struct cdx_meta_state *out,
					 const void *p, size_t len);
void cdx_meta_config_encode(uint8_t out[CDX_META_CONFIG_LEN],
			    const struct cdx_store_config *c);
CDX_MUST_CHECK int cdx_meta_config_decode(struct cdx_store_config *out,
					  const void *p, size_t len);

/* What the carry's seal is bound to */
#define CDX_CARRY_AD_LEN (16u + CDX_STORE_ID_LEN + 8u)
void cdx_carry_ad(uint8_t out[CDX_CARRY_AD_LEN],
		  const uint8_t id[CDX_STORE_ID_LEN], uint64_t group);

/* Recognises the log key without telling it. */
void cdx_meta_logkey(uint8_t out[CDX_META_LOGKEY_LEN],
		     const struct cdx_key *key,
		     const uint8_t id[CDX_STORE_ID_LEN]);

/* Faults reach the data files too: cdx_area_sync_dirty asks
 * cdx_store_fault_hit(s, CDX_FAULT_FDATASYNC) once per file. */

#endif
