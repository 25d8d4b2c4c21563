/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_VOLUME_H
#define CDX_VOLUME_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/pool.h"
#include "codec/cid.h"
#include "crypto/keys.h"
#include "store/fsck.h"
#include "store/store.h"

/*
 * A volume: a directory tree whose contents are extents in segments.  All file
 * semantics are here; no FUSE.  Every function is thread-safe and returns 0 or
 * a count, or a negative result; paths do not occur, only inode numbers and
 * names.  Inode numbers are never used twice.  docs/DESIGN.md "Volume".
 */
struct cdx_volume;

#define CDX_ROOT_INO 1u
#define CDX_NAME_MAX 255u
#define CDX_XATTR_SIZE_MAX 65536u
#define CDX_SYMLINK_MAX 4095u
#define CDX_LINK_MAX 0x7fffffffu
/* largest file: 2^63 - 1 bytes less one block */
#define CDX_FILE_MAX ((int64_t)0x7fffffffffff0000)

struct cdx_volume_opts {
	struct cdx_store *store;	/* opened, not started; kept */
	const struct cdx_keyfile *keys; /* borrowed */
	const struct cdx_log *log;	/* kept */
	struct cdx_pool *pool;		/* kept; NULL: work on the caller */
	bool readonly;
	bool noatime;
	bool sync_write;       /* every write is fsynced before it returns */
	bool kernel_times;     /* the kernel's write-back cache keeps mtime */
	size_t dirty_bytes;    /* limit of dirty file data, 0 = 1/32 of
				  * the memory within 96 .. 512 MiB */
	unsigned cache_inodes; /* idle inodes kept in memory, 0 = 65536 */
	unsigned seal_age_s;   /* seal an open segment after, 0 = 3600 */
	unsigned pack_age_s;   /* records older than this are cold, 0 = 30 */
	bool no_background;    /* no packer, sealer, compactor thread */
};

/**
 * cdx_volume_open - start the store, replay, clean orphans, start a key epoch
 *
 * @out: returns new
 *
 * A store without a root directory gets one (first open after init).  Errors:
 * CDX_E_AUTH the keys are not this store's; those of cdx_store_start.
 */
CDX_MUST_CHECK int cdx_volume_open(struct cdx_volume **out,
				   const struct cdx_volume_opts *opts);
/* Writes everything out, commits, stops the background thread.  The store is
 * left to the caller to close.  Returns the result of the last commit. */
int cdx_volume_close(struct cdx_volume *v);

/* Who asks.  Permission checks are the kernel's (default_permissions); this is
 * for ownership of new inodes and for clearing set-id bits. */
struct cdx_cred {
	uid_t uid;
	gid_t gid;
	mode_t umask;
	bool fsetid; /* may keep setgid when not in the group */
};

struct cdx_attr {
	uint64_t ino;
	mode_t mode; /* type and permissions */
	uint32_t nlink;
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	uint64_t size;
	uint64_t blocks; /* of 512 bytes: what is really held */
	struct timespec atime;
	struct timespec mtime;
	struct timespec ctime;
	struct timespec btime;
};

/* ---- names ---- */

/* lookup, create, mkdir, mknod, symlink, link each add one kernel reference to
 * the inode they return; cdx_vol_forget takes them back.  An unlinked inode
 * lives until its last reference goes.  Names are @len bytes, no '/' or NUL. */
CDX_MUST_CHECK int cdx_vol_lookup(struct cdx_volume *v, uint64_t parent,
				  const char *name, struct cdx_attr *out);
void cdx_vol_forget(struct cdx_volume *v, uint64_t ino, uint64_t n);
/* @mode has the type: regular, fifo, socket, char, block.  Default ACLs of the
 * parent are inherited, else the umask applies. */
CDX_MUST_CHECK int cdx_vol_mknod(struct cdx_volume *v, uint64_t parent,
				 const char *name, mode_t mode, dev_t rdev,
				 const struct cdx_cred *cred,
				 struct cdx_attr *out);
CDX_MUST_CHECK int cdx_vol_mkdir(struct cdx_volume *v, uint64_t parent,
				 const char *name, mode_t mode,
				 const struct cdx_cred *cred,
				 struct cdx_attr *out);
CDX_MUST_CHECK int cdx_vol_symlink(struct cdx_volume *v, uint64_t parent,
				   const char *name, const char *target,
				   const struct cdx_cred *cred,
				   struct cdx_attr *out);
/* An unnamed regular file (O_TMPFILE); an orphan until it is linked. */
CDX_MUST_CHECK int cdx_vol_tmpfile(struct cdx_volume *v, uint64_t parent,
				   mode_t mode, const struct cdx_cred *cred,
				   struct cdx_attr *out);
CDX_MUST_CHECK int cdx_vol_link(struct cdx_volume *v, uint64_t ino,
				uint64_t parent, const char *name,
				struct cdx_attr *out);
CDX_MUST_CHECK int cdx_vol_unlink(struct cdx_volume *v, uint64_t parent,
				  const char *name);
CDX_MUST_CHECK int cdx_vol_rmdir(struct cdx_volume *v, uint64_t parent,
				 const char *name);
/* @flags: 0, RENAME_NOREPLACE or RENAME_EXCHANGE */
CDX_MUST_CHECK int cdx_vol_rename(struct cdx_volume *v, uint64_t parent,
				  const char *name, uint64_t newparent,
				  const char *newname, unsigned flags);
/* Target, not NUL-terminated; returns its length, -ENOBUFS */
CDX_MUST_CHECK int cdx_vol_readlink(struct cdx_volume *v, uint64_t ino,
				    char *out, size_t cap);

struct cdx_dirent {
	uint64_t ino;
	uint64_t cookie;  /* give it to the next readdir to go on behind it */
	mode_t type;	  /* S_IFMT bits */
	const char *name; /* NUL-terminated, borrowed */
	size_t name_len;
};
/* Return 1 to go on, 0 to stop before this entry, negative to fail.  Called
 * with no lock of the namespace held. */
typedef int cdx_dirent_fn(void *arg, const struct cdx_dirent *e);
/**
 * cdx_vol_readdir - entries after @cookie in stable order
 *
 * @cookie: 0 for the start; "." and ".." come first, as cookies 1 and 2
 */
CDX_MUST_CHECK int cdx_vol_readdir(struct cdx_volume *v, uint64_t ino,
				   uint64_t cookie, cdx_dirent_fn *fn,
				   void *arg);
/* Attributes of an entry for readdirplus; adds a kernel reference like lookup */
CDX_MUST_CHECK int cdx_vol_ref(struct cdx_volume *v, uint64_t ino,
			       struct cdx_attr *out);

/* ---- attributes ---- */

enum cdx_setattr {
	CDX_SET_MODE = 1,
	CDX_SET_UID = 2,
	CDX_SET_GID = 4,
	CDX_SET_SIZE = 8,
	CDX_SET_ATIME = 16,
	CDX_SET_MTIME = 32,
	CDX_SET_ATIME_NOW = 64,
	CDX_SET_MTIME_NOW = 128,
	CDX_SET_CTIME = 256,	 /* the kernel's own, with write-back cache */
	CDX_SET_KILL_PRIV = 512, /* clear setuid, setgid, capabilities */
};
/* -ESTALE no such inode */
CDX_MUST_CHECK int cdx_vol_getattr(struct cdx_volume *v, uint64_t ino,
				   struct cdx_attr *out);
/**
 * cdx_vol_accessed - a file was opened for reading
 *
 * Its atime by the relatime rule: what the kernel has cached is read without a
 * word to us.  Returns 1 when the atime changed, 0; -ESTALE.  Thread: any.
 */
CDX_MUST_CHECK int cdx_vol_accessed(struct cdx_volume *v, uint64_t ino);
/* @in: the members that @which names; @out: all of them afterwards */
CDX_MUST_CHECK int cdx_vol_setattr(struct cdx_volume *v, uint64_t ino,
				   const struct cdx_attr *in, unsigned which,
				   const struct cdx_cred *cred,
				   struct cdx_attr *out);
/* user., trusted., security. and system.posix_acl_*; others -EOPNOTSUPP.
 * @flags: XATTR_CREATE, XATTR_REPLACE.  An access ACL also sets the mode. */
CDX_MUST_CHECK int cdx_vol_setxattr(struct cdx_volume *v, uint64_t ino,
				    const char *name, const void *val,
				    size_t len, int flags,
				    const struct cdx_cred *cred);
/* Length; @cap 0 asks for it only; -ERANGE, -ENODATA */
CDX_MUST_CHECK int cdx_vol_getxattr(struct cdx_volume *v, uint64_t ino,
				    const char *name, void *out, size_t cap);
/* Names with their NULs, in a row */
CDX_MUST_CHECK int cdx_vol_listxattr(struct cdx_volume *v, uint64_t ino,
				     char *out, size_t cap);
CDX_MUST_CHECK int cdx_vol_removexattr(struct cdx_volume *v, uint64_t ino,
				       const char *name,
				       const struct cdx_cred *cred);

/* ---- what is elsewhere ---- */

enum cdx_file_state {
	CDX_STATE_DIRTY,     /* in memory or in the log only */
	CDX_STATE_OPEN,	     /* in records or an open segment, on this disk */
	CDX_STATE_SEALED,    /* in sealed segments */
	CDX_STATE_PROTECTED, /* in segments with parity and slots */
	CDX_STATE_REQUESTED, /* for which storage was asked for on the chain */
	CDX_STATE_STORED,    /* and others have all of them */
	CDX_STATE_PROVEN,    /* and have proven so since */
};

/* @block: CDX_BLOCK_SIZE verified bytes as stored, borrowed for the call; NULL
 * with an error */
typedef void cdx_vol_block_fn(void *arg, int rc, const uint8_t *block);
/* Blocks of segments that are not here any more, and which segments may go */
struct cdx_vol_net {
	/* Begins to have block @index of the dataset with this manifest; @fn is
	 * called once, on any thread, with no lock held, never before this
	 * returns.  @op: returns what ends it.  Negative: @fn is not called. */
	int (*fetch)(void *arg, void **op, const struct cdx_cid *manifest,
		     uint32_t index, cdx_vol_block_fn *fn, void *fn_arg);
	/* Gives @op back; @fn is called with -ECANCELED soon if it was not yet. */
	void (*end)(void *arg, void *op, bool cancel);
	/* Is this segment safe elsewhere, so that its bytes here may go?  Asked on
	 * a background thread.  NULL: none is. */
	bool (*safe)(void *arg, const struct cdx_cid *verifiable);
	void *arg;
	unsigned timeout_ms; /* a read that waits longer is -EIO */
};
/* Once, before the first read; @net is copied.  -ENOMEM, -EAGAIN: no thread; it is
 * not set.  Reset with NULL after the last request, before what it leads to goes
 * away (it never fails): reads that wait end with -EIO first.  Not for a worker of
 * the pool, nor from a callback. */
CDX_MUST_CHECK int cdx_vol_set_net(struct cdx_volume *v,
				   const struct cdx_vol_net *net);

/* How long what others have of a segment is paid for, and how sure it is */
struct cdx_vol_lasts {
	int64_t end;  /* seconds since 1970 */
	double nines; /* against loss within a year; 0: nothing is known */
};
/* How far protected segments are beyond this machine, which somebody else knows */
struct cdx_vol_stages {
	/* CDX_STATE_PROTECTED, _REQUESTED, _STORED or _PROVEN.  Must not block; any
	 * thread. */
	enum cdx_file_state (*stage)(void *arg,
				     const struct cdx_cid *verifiable);
	/* False: nobody else has all of it.  Likewise. */
	bool (*lasts)(void *arg, struct cdx_vol_lasts *out,
		      const struct cdx_cid *verifiable);
	void *arg;
};
/* @st is copied; NULL: nobody knows (any more).  No call is under way when it
 * returns.  Not from these functions themselves. */
void cdx_vol_set_stages(struct cdx_volume *v, const struct cdx_vol_stages *st);

/* ---- contents ---- */

/* @result: bytes read (0 at the end) or negative; @buf is borrowed for the
 * call.  Runs once, on the caller's thread or another, with no lock held. */
typedef void cdx_read_fn(void *arg, const uint8_t *buf, ssize_t result);
/**
 * cdx_vol_read - verified, decrypted bytes of a file
 *
 * @len: at most 16 MiB
 *
 * Whatever happens is told through @fn.  CDX_E_HASH becomes -EIO there, logged
 * with the block's CID and counted.  When blocks are elsewhere (cdx_vol_set_net)
 * this returns before @fn is called, and no thread waits for them.
 */
void cdx_vol_read(struct cdx_volume *v, uint64_t ino, uint64_t off, size_t len,
		  cdx_read_fn *fn, void *arg);
/* A read that waits for blocks that are elsewhere */
struct cdx_vol_op;
/* Tells that a read will wait: on the caller's thread, with no lock held, before
 * @fn of the read can run.  From now on until that has returned @op may be
 * cancelled. */
typedef void cdx_vol_wait_fn(void *arg, struct cdx_vol_op *op);
/* The same, for who wants to be able to end it; @waits and @fn get @arg */
void cdx_vol_read_op(struct cdx_volume *v, uint64_t ino, uint64_t off,
		     size_t len, cdx_vol_wait_fn *waits, cdx_read_fn *fn,
		     void *arg);
/* The read ends with -EINTR soon, if it still waits; its function is not called
 * before this returns.  Thread: safe. */
void cdx_vol_op_cancel(struct cdx_vol_op *op);
/* Whole write or an error (-ENOSPC, -EFBIG, -EIO, -ESTALE); bytes are in
 * memory, space for them is held.  @append: at the end, whatever @off says. */
CDX_MUST_CHECK int cdx_vol_write(struct cdx_volume *v, uint64_t ino,
				 uint64_t off, const void *p, size_t len,
				 bool append);
/* @mode: 0 or FALLOC_FL_ bits: KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE */
CDX_MUST_CHECK int cdx_vol_fallocate(struct cdx_volume *v, uint64_t ino,
				     int mode, uint64_t off, uint64_t len);
/* Shares extents; returns the bytes copied (short at the end of the source) */
CDX_MUST_CHECK int64_t cdx_vol_copy_range(struct cdx_volume *v, uint64_t src,
					  uint64_t src_off, uint64_t dst,
					  uint64_t dst_off, uint64_t len);
/* @whence: SEEK_DATA or SEEK_HOLE; the offset or -ENXIO */
CDX_MUST_CHECK int64_t cdx_vol_lseek(struct cdx_volume *v, uint64_t ino,
				     uint64_t off, int whence);
/* Durable when it returns.  Also for directories. */
CDX_MUST_CHECK int cdx_vol_fsync(struct cdx_volume *v, uint64_t ino,
				 bool datasync);
/* A write error that happened after write(2) had succeeded, once per inode;
 * 0 when there is none.  For flush. */
CDX_MUST_CHECK int cdx_vol_error(struct cdx_volume *v, uint64_t ino);

/* ---- the whole ---- */

struct cdx_statfs {
	uint64_t bytes;	     /* share of the volume as data */
	uint64_t bytes_free; /* data that can still be written */
	uint64_t inodes;     /* used */
	uint64_t inodes_free;
};
/* From counters, never a walk.  Thread: safe. */
void cdx_vol_statfs(struct cdx_volume *v, struct cdx_statfs *out);

enum cdx_sync_until {
	CDX_SYNC_COMMITTED, /* flushed and committed; seals nothing */
	CDX_SYNC_SEALED,    /* packs every record older than the call, seals */
	CDX_SYNC_PROTECTED, /* the same, and every sealed segment has its parity
			     * and slots */
};
/* @progress may be NULL */
typedef void cdx_progress_fn(void *arg, const char *phase, uint64_t done,
			     uint64_t total);
CDX_MUST_CHECK int cdx_vol_sync(struct cdx_volume *v, enum cdx_sync_until until,
				cdx_progress_fn *progress, void *arg);
/* True: give up */
typedef bool cdx_cancel_fn(void *arg);
/**
 * cdx_vol_sync_until - the same, for who may lose patience
 *
 * @cancel: asked now and then with @arg, with no lock held; NULL: never
 *
 * Progress of the phase "protecting" is in bytes of data.  Segments that are
 * sealed while it runs are no part of it.  Errors: -ECANCELED, what is done
 * stays done; CDX_E_HASH a segment has a bad block, and others were protected
 * all the same (status says which).
 */
CDX_MUST_CHECK int cdx_vol_sync_until(struct cdx_volume *v,
				      enum cdx_sync_until until,
				      cdx_progress_fn *progress,
				      cdx_cancel_fn *cancel, void *arg);

/* What compaction did to one segment */
struct cdx_compact_report {
	uint64_t area;
	struct cdx_cid manifest;
	uint64_t live_before; /* bytes */
	uint64_t moved;	      /* bytes copied to the open segment */
	bool dropped;	      /* its space comes back with the next groups */
};
typedef void cdx_compact_fn(void *arg, const struct cdx_compact_report *r);
/* @below: segments whose live share is less than this many percent */
CDX_MUST_CHECK int cdx_vol_compact(struct cdx_volume *v, unsigned below,
				   cdx_compact_fn *fn, void *arg);
/* The same for one segment, which may be protected and wanted elsewhere.  @report
 * may be NULL.  -ENOENT there is no such sealed one; -ENODATA its bytes are not here:
 * moving them would mean to fetch them. */
CDX_MUST_CHECK int cdx_vol_compact_one(struct cdx_volume *v, uint64_t area,
				       struct cdx_compact_report *report);

/**
 * cdx_vol_set_code - what segments opened from now on are protected with
 *
 * @codec: enum cdx_ec_codec; 0: as it is
 *
 * Segments that exist keep their geometry, the open one too.  Durable when it
 * returns.  Errors: -EINVAL, CDX_E_CODEC no such code; -ENOSPC what is promised
 * to dirty bytes would no longer fit.
 */
CDX_MUST_CHECK int cdx_vol_set_code(struct cdx_volume *v, uint32_t k,
				    uint32_t m, uint32_t codec);

/* Its name as users see it; a static string */
const char *cdx_file_state_name(enum cdx_file_state st);
/* State of the least advanced extent; an empty or inline file follows the
 * namespace: CDX_STATE_OPEN once committed */
CDX_MUST_CHECK int cdx_vol_state(struct cdx_volume *v, uint64_t ino,
				 enum cdx_file_state *out);
/* The earliest end and the least nines of all that a file is in.  -ENODATA not all of
 * it is stored, or there is nothing to store. */
CDX_MUST_CHECK int cdx_vol_lasts(struct cdx_volume *v, uint64_t ino,
				 struct cdx_vol_lasts *out);

struct cdx_vol_status {
	uint64_t inodes;
	uint64_t file_bytes;
	uint64_t dirty_bytes;
	uint64_t record_bytes;
	uint64_t inline_bytes;
	uint64_t seg_open;
	uint64_t seg_sealed;
	uint64_t seg_bytes;	 /* capacity of all segments, data part */
	uint64_t seg_live_bytes; /* of them live */
	uint64_t cached_inodes;
	uint64_t read_errors;
	uint64_t compactions;
	uint64_t seals;
	/* protection of segments; bytes are of their data */
	uint64_t seg_protected;
	uint64_t seg_waiting;	    /* sealed, and not protected yet */
	uint64_t seg_unprotectable; /* of them: failed, will be tried again */
	uint64_t protect_backlog;   /* bytes still to be coded */
	uint64_t protect_done;	    /* bytes of the one that is coded now */
	uint64_t protect_total;	    /* the same; 0: none is */
	uint64_t protect_rate;	    /* bytes a second, 0: not known yet */
	uint64_t protect_left_s;    /* seconds for the backlog, 0: not known */
	uint64_t protect_steps;	    /* steps coded since open */
	uint64_t protections;	    /* segments protected since open */
	uint64_t degraded_reads;    /* blocks made from others since open */
	/* what is elsewhere */
	uint64_t seg_evicted;	/* protected segments without a byte here */
	uint64_t evicted_bytes; /* of their data */
	uint64_t evictions;	/* of segments since open */
	uint64_t far_blocks;	/* blocks had from others since open */
	uint64_t far_waiting;	/* reads that wait for some */
	int protect_error;	/* of the last failure, 0: none since open */
	char protect_why[256];	/* the same in words */
};
/* From counters, never a walk.  Thread: safe. */
void cdx_vol_status(struct cdx_volume *v, struct cdx_vol_status *out);

/* One segment, for `.codex/segments` and status */
struct cdx_segment_info {
	uint64_t area;
	unsigned state; /* enum cdx_seg_state of volume/internal.h */
	const char *state_name;
	uint32_t capacity;	 /* blocks */
	uint32_t used;		 /* indexes taken */
	uint64_t live;		 /* bytes */
	uint64_t content;	 /* live bytes when it was sealed */
	struct cdx_cid manifest; /* sealed only; version 0 otherwise */
	uint32_t k;
	uint32_t m;
	bool is_protected;
	struct cdx_cid verifiable; /* protected only; version 0 otherwise */
	/* protected only: as cdx_vol_set_stages has it */
	enum cdx_file_state stage;
};
typedef int cdx_segment_fn(void *arg, const struct cdx_segment_info *info);
CDX_MUST_CHECK int cdx_vol_segments(struct cdx_volume *v, cdx_segment_fn *fn,
				    void *arg);

/* Invariants of the namespace, extents, segments, records and footers; run on
 * an open, quiet volume (no_background), after cdx_store_fsck. */
CDX_MUST_CHECK int cdx_vol_fsck(struct cdx_volume *v, struct cdx_fsck *f);

#endif
