/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_STORE_H
#define CDX_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "crypto/aead.h"

/*
 * The store: one directory, one process.
 *
 *   lock          flock; names the holder
 *   key           key file (not read by this module)
 *   db, db-lock   LMDB: everything that is known
 *   log           intent log: fsync is answered from here
 *   areas/<id>    data files; only LMDB gives their bytes meaning
 *   control.sock  of the running process (not made by this module)
 *   init-unfinished  until the first start
 *
 * Everything that changes goes through a batch (store/kv.h); batches gather in
 * memory as a group; the committer thread makes a group durable in one LMDB
 * transaction after the data files it speaks of are synced.  docs/DESIGN.md
 * "Groups" and docs/LOCKING.md.
 */
struct cdx_store;

#define CDX_STORE_ID_LEN 16
#define CDX_STORE_VERSION 1u

/* Whose bytes a charge counts for; shares cannot starve each other. */
enum cdx_share {
	CDX_SHARE_VOLUME,
	CDX_SHARE_PROVIDER,
	CDX_SHARE_CACHE,
	CDX_SHARES,
};

/* Fixed when the store is made, except the quota and the code; kept in LMDB. */
struct cdx_store_config {
	uint8_t id[CDX_STORE_ID_LEN]; /* random */
	uint64_t share[CDX_SHARES];   /* bytes; the quota is their sum */
	uint32_t k;		      /* data columns of a segment */
	uint32_t m;		      /* parity columns */
	uint32_t codec;		      /* of the parity; 0 means 1 */
	uint32_t loose_k; /* k and m of the start: charges of loose blocks */
	uint32_t loose_m;
	uint64_t log_bytes; /* size of the intent log file */
	int64_t created;    /* wall seconds */
};

/**
 * cdx_store_init - make a store in an empty or new directory
 *
 * @path:   directory, made with mode 0700 when it does not exist
 * @config: id and created are filled in by the store; log_bytes 0 means
 *          1/64 of the quota within 16 .. 128 MiB
 *
 * Writes LMDB, the zero-filled log and the lock file; leaves nothing behind on
 * failure.  What an init left that was killed, or whose store was never
 * started, is replaced, its key file too.  Errors: -EEXIST it is a store already, -ENOTEMPTY other things are
 * there, -ENOSPC, -EINVAL absurd sizes.
 */
CDX_MUST_CHECK int cdx_store_init(const char *path,
				  struct cdx_store_config *config);

/*
 * What the owner of the data above (the volume) does for the store.  All
 * members may be NULL.  No lock of the store is held in any call but
 * @gate, which runs under the apply lock and must only look.
 */
struct cdx_store_hooks {
	/* Committer thread, before a group is frozen: write out dirty data and
	 * apply the batches that name it.  Everything that a cdx_batch_data
	 * applied before this call speaks of must be written out (and cleaned)
	 * when it returns: the log forgets it with this group.  What is applied
	 * while it runs is kept for replay (docs/DESIGN.md "Carry").
	 * Negative: the commit is retried later and whoever waits for this
	 * group gets the error. */
	int (*prepare)(void *arg);
	/* Thread that wants a log flush: log data that a renamed file still
	 * has in memory only. */
	int (*prelog)(void *arg);
	/* True: something must still be prepared (prelogged) before this group
	 * may be frozen (logged); the hook above is called again. */
	bool (*gate)(void *arg);
	/* Committer thread, after group @group is durable. */
	void (*committed)(void *arg, uint64_t group);
};

struct cdx_store_opts {
	const char *path;
	const struct cdx_log *log; /* kept */
	bool readonly;		   /* refuse batches with -EROFS */
	bool check_db;		   /* read all of the databases first */
	unsigned commit_ms;	   /* group interval, 0 = 5000 */
	size_t group_bytes;	   /* close a group above, 0 = 32 MiB */
};

/**
 * cdx_store_open - lock and open a store; no replay yet
 *
 * @out:    returns new
 * @opts:   borrowed
 * @holder: @holder_len bytes; on CDX_E_LOCKED text like
 *          "process 123 (codexfs mount ...)"
 *
 * Area files that no record names are removed.  Errors: -ENOENT, CDX_E_FORMAT
 * not a store, CDX_E_VERSION newer, CDX_E_LOCKED, -EIO, CDX_E_CORRUPT.
 */
CDX_MUST_CHECK int cdx_store_open(struct cdx_store **out,
				  const struct cdx_store_opts *opts,
				  char *holder, size_t holder_len);

/* Replayed data: what was fsynced but not yet written out (kv.h). */
struct cdx_store_replay {
	int (*data)(void *arg, uint64_t ino, uint64_t off, const uint8_t *p,
		    size_t len);
	int (*clean)(void *arg, uint64_t ino, uint64_t off, uint64_t len);
	void *arg;
};

/**
 * cdx_store_start - set the log key, replay the log, start the committer
 *
 * @log_key: seals log records (the local key); NULL for a store that never
 *           had a volume
 * @hooks:   kept, with @hooks_arg; NULL for none
 * @replay:  borrowed; NULL when there can be no data
 *
 * Call once, before any batch.  Replayed batches are in the first group; the
 * caller then writes the replayed data out and commits.  Errors: CDX_E_AUTH
 * not the key that sealed the log; -ENOKEY no key, but something in the log
 * that only the key can read (a read-only open goes on without it);
 * CDX_E_SEQUENCE there is data, and no @replay to take it; CDX_E_CORRUPT,
 * -ENOMEM, -EIO.  After an error close the store; nothing was changed.
 */
CDX_MUST_CHECK int cdx_store_start(struct cdx_store *s,
				   const struct cdx_key *log_key,
				   const struct cdx_store_hooks *hooks,
				   void *hooks_arg,
				   const struct cdx_store_replay *replay);

/* Forgets the hooks of cdx_store_start, after a call of one that is under way
 * has returned: the owner goes away before the store does.  Not from a hook. */
void cdx_store_unhook(struct cdx_store *s);

/* Commits, stops the committer, closes, unlocks.  Returns the result of the
 * last commit; the object is gone in any case.  NULL is allowed. */
int cdx_store_close(struct cdx_store *s);

/* Borrowed for the life of the store; immutable but for the shares and the code
 * (ask cdx_store_code).  Thread: safe. */
const struct cdx_store_config *cdx_store_config(const struct cdx_store *s);
/* The sink given at open; borrowed */
const struct cdx_log *cdx_store_log(const struct cdx_store *s);
/* Directory of the store as given, and its open descriptor (borrowed) */
const char *cdx_store_path(const struct cdx_store *s);
int cdx_store_dirfd(const struct cdx_store *s);

/* New sizes of the shares (grow or shrink; shrinking below what is used only
 * stops new charges).  Applied as a batch. */
CDX_MUST_CHECK int cdx_store_set_shares(struct cdx_store *s,
					const uint64_t share[CDX_SHARES]);
/* The same for one of them (of the cache: cdx_cache_resize). */
CDX_MUST_CHECK int cdx_store_set_share(struct cdx_store *s,
				       enum cdx_share share, uint64_t bytes);
/* The code of segments that are opened from now on: k, m and codec of the
 * configuration.  What is there keeps its own.  -EINVAL out of range.  Applied
 * as a batch. */
CDX_MUST_CHECK int cdx_store_set_code(struct cdx_store *s, uint32_t k,
				      uint32_t m, uint32_t codec);
/* What it is now; any of them may be NULL.  Thread: safe. */
void cdx_store_code(const struct cdx_store *s, uint32_t *k, uint32_t *m,
		    uint32_t *codec);

/* ---- durability ---- */

/* Number of the group that is filling now */
uint64_t cdx_store_group(struct cdx_store *s);

/* Makes everything applied so far durable in the log (and syncs the data files
 * its batches name), or by a group commit when that is cheaper.  Blocks.
 * Errors: -EIO, -ENOSPC; the store is then failed and says so. */
CDX_MUST_CHECK int cdx_store_log_sync(struct cdx_store *s);

/* Prepares, closes and commits the current group.  Blocks. */
CDX_MUST_CHECK int cdx_store_commit(struct cdx_store *s);

typedef void cdx_store_ticket_fn(void *arg, int result);
/* The same without blocking; @fn runs on the committer thread. */
CDX_MUST_CHECK int cdx_store_commit_async(struct cdx_store *s,
					  cdx_store_ticket_fn *fn, void *arg);

/* 0, or the error that made the store stop taking changes */
int cdx_store_failed(struct cdx_store *s);

/* Figures for status; all exact */
struct cdx_store_stats {
	uint64_t group;		 /* filling now */
	uint64_t commits;	 /* since open */
	uint64_t log_records;	 /* since open */
	uint64_t log_replayed;	 /* records replayed at open */
	uint64_t memtable_bytes; /* filling and freezing */
	uint64_t bad_blocks;	 /* hash or checksum mismatches since open */
	uint64_t last_commit_us;
};
void cdx_store_stats(struct cdx_store *s, struct cdx_store_stats *out);
/* Counts a mismatch; callers log the CID */
void cdx_store_count_bad(struct cdx_store *s);

/* Lines that are logged about bad blocks of one data file or dataset */
#define CDX_BAD_LINES 8u
/* Number of the next line about @id (of a data file or a dataset, which share
 * their ids) since the store was opened.  CDX_BAD_LINES + 1: say that no more
 * are shown; 0: say nothing.  Thread: safe. */
unsigned cdx_store_bad_line(struct cdx_store *s, uint64_t id);

#endif
