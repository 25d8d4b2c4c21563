/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_INTERNAL_H
#define CDX_VOLUME_INTERNAL_H

/*
 * Shared inside src/volume only.
 *
 * Lock order (docs/LOCKING.md): v->ns, then vnode locks in order of inode
 * number, then v->segs.mu, then v->cache_mu, then the store's own.  Nothing
 * blocks on disk under cache_mu.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "store/area.h"
#include "store/block.h"
#include "store/kv.h"
#include "store/quota.h"
#include "volume/volume.h"

/* ------------------------------------------------------------------ vnode */

/*
 * An inode in memory.  Pinned by cdx_vnode_get, unpinned by cdx_vnode_put;
 * idle clean ones wait in an LRU list and are dropped beyond cache_inodes.
 * Kernel references are counted apart (v->lookups), so that a million names
 * known to the kernel cost 16 bytes each, not a vnode.
 */
struct cdx_vnode {
	uint64_t ino;
	mode_t type;	     /* S_IFMT bits; immutable, no lock needed */
	uint32_t pins;	     /* guarded by v->cache_mu */
	uint32_t keeps;	     /* pins of the lists; guarded by v->cache_mu */
	struct cdx_list lru; /* guarded by v->cache_mu */
	pthread_rwlock_t lock;
	/* guarded by lock: */
	struct cdx_attr attr; /* as users see it; blocks is derived */
	uint64_t disk_size;   /* size that extents and holes really cover */
	uint64_t alloc;	      /* bytes of extents, holes not counted */
	uint64_t parent;      /* directories: for ".." and loops */
	uint64_t entries;     /* directories: number of names */
	bool unlinked;	      /* nlink 0: in the orphan table */
	bool attr_dirty;      /* times or size not yet in a batch */
	uint32_t flags;	      /* CDX_INODE_ bits */
	uint8_t state;	      /* enum cdx_vnode_state; guarded by cache_mu */
	bool dead;	      /* purged: nothing may store it again */
	struct cdx_list attr_link;  /* v->attrs, guarded by cache_mu */
	int error;		    /* late write error, told once */
	struct cdx_dirty *dirty;    /* data.c; NULL when there is none; else the
				  * inode is in v->dirty, which has a pin */
	struct cdx_list dirty_link; /* v->dirty list, guarded by v->dirty_mu */
	bool gated;		    /* renamed over something with dirty data */
	struct cdx_list gate_link;  /* guarded by v->dirty_mu */
	_Atomic uint64_t read_end;  /* of the last read: are they in order? */
};

/* cdx_vnode.flags, stored in the inode record */
enum cdx_inode_flags {
	CDX_INODE_XATTR = 1,	   /* may have extended attributes */
	CDX_INODE_ACL = 2,	   /* one of them is an access ACL */
	CDX_INODE_DEFAULT_ACL = 4, /* one of them is a default ACL */
	CDX_INODE_TMPFILE = 8,	   /* never had a name: may still get one */
};

/* Finds or loads an inode and pins it.  -ESTALE when there is none. */
CDX_MUST_CHECK int cdx_vnode_get(struct cdx_volume *v, struct cdx_vnode **out,
				 uint64_t ino);
/* Makes a vnode for a new inode that is not in any table yet (namespace.c) */
CDX_MUST_CHECK int cdx_vnode_new(struct cdx_volume *v, struct cdx_vnode **out,
				 const struct cdx_attr *attr);
void cdx_vnode_put(struct cdx_volume *v, struct cdx_vnode *n);
/* It is gone for good: never stored again, found again, or kept.  Caller holds
 * the lock exclusively. */
void cdx_vnode_kill(struct cdx_volume *v, struct cdx_vnode *n);
/* Frees the memory; for closing, when nobody has it */
void cdx_vnode_free(struct cdx_vnode *n);
/* One more pin on a vnode that is pinned already */
void cdx_vnode_pin(struct cdx_volume *v, struct cdx_vnode *n);
/* A pin that only keeps the inode in memory (dirty data, dirty attributes): an
 * unlinked inode with no other pin is purged all the same. */
void cdx_vnode_keep(struct cdx_volume *v, struct cdx_vnode *n);
void cdx_vnode_unkeep(struct cdx_volume *v, struct cdx_vnode *n);
/* Attributes as users see them, with ->blocks.  Caller holds the lock. */
void cdx_vnode_attr(const struct cdx_vnode *n, struct cdx_attr *out);
/* Sets attr_dirty and queues the inode for the next commit (it stays in memory
 * until then).  Caller holds the lock exclusively. */
void cdx_vnode_mark(struct cdx_volume *v, struct cdx_vnode *n);
/* A read happened: atime by the relatime rule, in memory.  Caller has a pin
 * and does NOT hold the lock.  Nothing when noatime or readonly. */
bool cdx_vnode_accessed(struct cdx_volume *v, struct cdx_vnode *n);
/* Stores every inode whose attributes are dirty (commit hook, close) */
CDX_MUST_CHECK int cdx_vnode_flush_attrs(struct cdx_volume *v);
/* Puts the inode record into a batch.  Caller holds the lock exclusively.
 * The record's size is disk_size: bytes only in memory are not promised. */
void cdx_vnode_store(struct cdx_batch *b, struct cdx_vnode *n);
/* Sets ctime (and mtime) to now; caller holds the lock exclusively */
void cdx_vnode_touch(struct cdx_vnode *n, bool mtime);
/* The same for a change of the contents, where the kernel does not keep the
 * times (opts.kernel_times) or has not told them for long */
void cdx_vnode_wrote(const struct cdx_volume *v, struct cdx_vnode *n);

/* Record in CDX_DB_INODE */
CDX_MUST_CHECK int cdx_inode_decode(struct cdx_vnode *out, const void *p,
				    size_t len);
size_t cdx_inode_encode(uint8_t out[256], const struct cdx_vnode *n);

/* Removes everything an unlinked, unreferenced inode has: extents in bounded
 * batches, xattrs, record, orphan entry.  (namespace/orphan.c; calls
 * cdx_data_purge) */
CDX_MUST_CHECK int cdx_orphan_purge(struct cdx_volume *v, uint64_t ino);
/* All orphans a crash left, at open */
CDX_MUST_CHECK int cdx_orphan_clean(struct cdx_volume *v);

/* Namespace part of cdx_vol_fsck */
CDX_MUST_CHECK int cdx_fsck_namespace(struct cdx_volume *v, struct cdx_fsck *f);

/* --------------------------------------------------------------- locations */

enum cdx_loc_kind {
	CDX_LOC_ZERO = 1,    /* preallocated, reads as zeros */
	CDX_LOC_INLINE = 2,  /* sealed bytes in the extent's own value */
	CDX_LOC_RECORD = 3,  /* sealed record in a CDX_AREA_RECORDS file */
	CDX_LOC_SEGMENT = 4, /* bytes of segment blocks */
};

/*
 * Where a run of plain bytes lies.
 * RECORD: the record starts at byte @off of @area, holds @plain bytes; the run
 * begins @skip bytes into them.  SEGMENT: the run begins at plain byte @off of
 * the segment (index * 64 KiB + offset in block) and may cross blocks.
 */
struct cdx_loc {
	enum cdx_loc_kind kind;
	uint64_t area;
	uint64_t off;
	uint32_t plain;
	uint32_t skip;
};

#define CDX_INLINE_MAX 1900u /* plain bytes; sealed value stays under 2 KiB */
#define CDX_REC_MAX 65536u   /* plain bytes */

/* One extent of a file: [off, off + len) is at loc (decoded from CDX_DB_EXTENT,
 * whose key is ino, off + len: the first key above (ino, x) is the first
 * extent that ends behind x).  Inline extents carry their sealed bytes. */
struct cdx_extent {
	uint64_t off;
	uint64_t len;
	struct cdx_loc loc;
	const uint8_t *sealed; /* INLINE: borrowed from the caller's buffer */
	uint32_t sealed_len;
};

/* ---- segment.c, seal.c, record.c, pack.c, compact.c ("segments" part) ---- */

enum cdx_seg_state {
	CDX_SEG_OPEN = 1,
	CDX_SEG_SEALING = 2, /* full: padding, footer, tree are being made */
	CDX_SEG_SEALED = 3,
	CDX_SEG_DROPPING = 4, /* no live byte: being removed */
};

struct cdx_segs; /* all state of this part; v->segs */
struct cdx_need; /* far.h */

/* Loads segment records, starts a new key epoch in the open segment (durable
 * before its first use), resumes interrupted sealing and dropping. */
CDX_MUST_CHECK int cdx_segs_open(struct cdx_volume *v);
void cdx_segs_close(struct cdx_volume *v);

/* Blocks that were written but whose batch is not applied yet */
struct cdx_seg_run {
	uint64_t area;
	uint32_t index; /* of the first block */
	uint32_t n;
	uint64_t live;	       /* bytes of content; set by the writer */
	struct cdx_leaf *leaf; /* @n, owned */
};

/**
 * cdx_seg_write - encrypt, hash and write blocks at fresh indexes in a row
 *
 * @run:   out
 * @data:  @n * 64 KiB plain bytes, borrowed; in pieces of @iov
 * @n:     1 .. 256; fewer may be taken at the end of a segment: see run->n
 *
 * Opens a new segment when needed (charging it; -ENOSPC or CDX_E_QUOTA, which
 * bytes that cdx_space_hold promised do not meet).  Every index is used once
 * whatever happens.  Commits nothing: allowed on the committer thread and with
 * vnode locks held.  Thread: safe; runs are encrypted and written in parallel.
 */
CDX_MUST_CHECK int cdx_seg_write(struct cdx_volume *v, struct cdx_seg_run *run,
				 const struct iovec *iov, int iovcnt,
				 uint32_t n);
/* Puts leaf records and the segment's next index into the batch that also has
 * the extents.  The run is consumed. */
void cdx_seg_run_commit(struct cdx_volume *v, struct cdx_batch *b,
			struct cdx_seg_run *run);
/* The batch failed: the indexes are burnt. */
void cdx_seg_run_burn(struct cdx_volume *v, struct cdx_seg_run *run);

/**
 * cdx_rec_write - seal one record and append it to the records file
 *
 * @loc: out, RECORD
 * @p:   @len <= CDX_REC_MAX bytes
 *
 * The batch gets what the area needs (and names_data).  -ENOSPC, CDX_E_QUOTA.
 */
CDX_MUST_CHECK int cdx_rec_write(struct cdx_volume *v, struct cdx_batch *b,
				 struct cdx_loc *loc, const void *p,
				 uint32_t len);

/**
 * cdx_loc_read - verified plain bytes of a location
 *
 * @loc: RECORD or SEGMENT; the caller is between read_begin and read_end or
 *       holds the vnode's lock
 * @skip: bytes into the run
 * @need: gets the blocks that can be had from others only: the bytes of these
 *        are not written, and that is no error; NULL: it is one
 *
 * Errors: CDX_E_HASH (logged with the CID and counted), -EIO; -ENODATA not here.
 */
CDX_MUST_CHECK int cdx_loc_read(struct cdx_volume *v, uint8_t *out,
				const struct cdx_loc *loc, uint64_t skip,
				size_t len, struct cdx_need *need);

/*
 * References (refs.c).  ref, unref, cdx_seg_run_commit and cdx_rec_write only
 * note the change with the batch; a hook on the batch (kv.h cdx_batch_hook)
 * resolves all of them together when cdx_batch_apply runs: back references,
 * live counts, burnt blocks, freed records, segment and area records.  So any
 * order and any number of refs and unrefs of one record or block in one batch
 * is right (splits: unref the old extent, ref the pieces), concurrent batches
 * are serialised there, and a batch that fails or is dropped
 * (cdx_batch_drop) undoes what was noted: runs in it are burnt, records freed.
 * Nothing more to call.  The batch's own back-reference keys are (area, off,
 * ino, file_off): a ref and an unref of the same key in one batch end as
 * whatever came last.
 */
/* An extent of @ino at @file_off came to refer, or no longer refers, to
 * @len bytes at @loc: back references, live counts, charges, burnt blocks of
 * the open segment, free records.  Not for ZERO; INLINE only counts. */
void cdx_loc_ref(struct cdx_volume *v, struct cdx_batch *b,
		 const struct cdx_loc *loc, uint64_t ino, uint64_t file_off,
		 uint64_t len);
void cdx_loc_unref(struct cdx_volume *v, struct cdx_batch *b,
		   const struct cdx_loc *loc, uint64_t ino, uint64_t file_off,
		   uint64_t len);

/* How far a protected segment is (cdx_vol_set_stages) */
enum cdx_file_state cdx_stage_of(struct cdx_volume *v,
				 const struct cdx_cid *verifiable);
/* Likewise, how long; false: nobody knows, or others have not all of it */
bool cdx_lasts_of(struct cdx_volume *v, struct cdx_vol_lasts *out,
		  const struct cdx_cid *verifiable);
/* How far the segment that holds a location is (records: OPEN) */
enum cdx_file_state cdx_loc_state(struct cdx_volume *v,
				  const struct cdx_loc *loc);
/* And how long others have it; as cdx_lasts_of */
bool cdx_loc_lasts(struct cdx_volume *v, struct cdx_vol_lasts *out,
		   const struct cdx_loc *loc);

/* Data that can still be written, and the hold on space for dirty bytes:
 * statfs and write use the same sum.  -ENOSPC, CDX_E_QUOTA.  May compact when
 * space is short; better called with no vnode lock (locked ones are skipped). */
CDX_MUST_CHECK int cdx_space_hold(struct cdx_volume *v, uint64_t bytes);
/* The same; where segments may be evicted it waits for that.  No lock held. */
CDX_MUST_CHECK int cdx_space_hold_wait(struct cdx_volume *v, uint64_t bytes);
void cdx_space_release(struct cdx_volume *v, uint64_t bytes);
uint64_t cdx_space_free(struct cdx_volume *v);

/* Before the first dirty byte after an open, with NO lock held (it commits):
 * makes the new key epoch of the open segment durable.  Cheap when that is
 * done.  cdx_vol_write, cdx_vol_fallocate and replay call it first. */
CDX_MUST_CHECK int cdx_segs_ready(struct cdx_volume *v);

/* Fills in what this part knows (records, inline, segments, seals,
 * compactions); cdx_vol_status calls it. */
void cdx_segs_status(struct cdx_volume *v, struct cdx_vol_status *out);
/* Segments part of cdx_vol_fsck: segment records, live counts, records,
 * footers, manifests, charges. */
CDX_MUST_CHECK int cdx_fsck_segments(struct cdx_volume *v, struct cdx_fsck *f);
/* The thread that packs, seals, compacts and drops; nothing when
 * opts.no_background or readonly.  start is the last step of an open, stop the
 * first of a close. */
CDX_MUST_CHECK int cdx_background_start(struct cdx_volume *v);
void cdx_background_stop(struct cdx_volume *v);

/* Packs cold records into blocks of the open segment.  @older_than: mono ns;
 * records written before it are cold. */
CDX_MUST_CHECK int cdx_pack(struct cdx_volume *v, uint64_t older_than,
			    cdx_progress_fn *progress, void *arg);
/* Seals the open segment if it has content */
CDX_MUST_CHECK int cdx_seal_open(struct cdx_volume *v,
				 cdx_progress_fn *progress, void *arg);

/* ---- data.c, dirty.c, extent.c, read.c, writeout.c, range.c ("data") ---- */

/* Before cdx_store_start: its hooks and replay come here */
CDX_MUST_CHECK int cdx_data_open(struct cdx_volume *v);
/* Drops what is still dirty (nothing, after a good commit), frees */
void cdx_data_close(struct cdx_volume *v);

/* New size of a file; puts extents, inode and clean marks into @b.  Caller
 * holds the vnode exclusively and applies the batch before unlocking. */
CDX_MUST_CHECK int cdx_data_truncate(struct cdx_volume *v, struct cdx_vnode *n,
				     struct cdx_batch *b, uint64_t size);
/* Removes up to @max extents of a dead inode; 1 when there are more. */
CDX_MUST_CHECK int cdx_data_purge(struct cdx_volume *v, struct cdx_vnode *n,
				  struct cdx_batch *b, unsigned max);
/* Drops dirty data of a dead inode, gives its space hold back.  Caller has a
 * pin and either the vnode's lock or nobody else can have it. */
void cdx_data_drop(struct cdx_volume *v, struct cdx_vnode *n);
/* Writes a file's dirty data out (blocks, records, inline) and applies.  Takes
 * the vnode's lock. */
CDX_MUST_CHECK int cdx_data_flush(struct cdx_volume *v, struct cdx_vnode *n);
/* The same for all; group hook */
CDX_MUST_CHECK int cdx_data_flush_all(struct cdx_volume *v);
/* Marks a file whose dirty data must not come later than a rename; caller
 * holds v->ns and applies the rename's batch after it. */
void cdx_data_gate(struct cdx_volume *v, struct cdx_vnode *n);
/* Store hooks and replay (store.h); @arg is the struct cdx_volume */
CDX_MUST_CHECK int cdx_data_prelog(void *arg);
bool cdx_data_gate_pending(void *arg);
CDX_MUST_CHECK int cdx_data_replay_data(void *arg, uint64_t ino, uint64_t off,
					const uint8_t *p, size_t len);
CDX_MUST_CHECK int cdx_data_replay_clean(void *arg, uint64_t ino, uint64_t off,
					 uint64_t len);
/* Writes out what was replayed; call after cdx_segs_open, before others use
 * the volume, with no lock held (it commits). */
CDX_MUST_CHECK int cdx_data_replay_done(struct cdx_volume *v);
/* Bytes of a file that are in memory and have no extent yet, for st_blocks.
 * Caller holds the vnode's lock. */
uint64_t cdx_data_pending(const struct cdx_vnode *n);
/* Extents part of cdx_vol_fsck */
CDX_MUST_CHECK int cdx_fsck_extents(struct cdx_volume *v, struct cdx_fsck *f);

struct cdx_sealed {
	const uint8_t *p;
	uint32_t len;
};

/*
 * Changes of one file's extents in one batch, by ascending ranges.  The tables
 * do not show the pending batch; the edit remembers what it did.  One edit per
 * file and batch, begin .. put .. end; after a failure drop the batch and do
 * not end.  Caller holds the vnode exclusively from begin to the apply; end
 * changes n->alloc, which the inode record holds: store it in the same batch,
 * and set it back to @alloc when the apply fails.
 */
struct cdx_extent_edit {
	struct cdx_volume *v;
	struct cdx_vnode *n;
	struct cdx_batch *b;
	uint64_t alloc;	  /* n->alloc before */
	uint64_t done;	  /* ranges below are edited */
	uint64_t cut_end; /* the extent that ends here in the tables ... */
	uint64_t cut_off; /* ... now begins here */
	struct cdx_extent last; /* ends at done when len is not 0 */
	int64_t d_alloc;
	int64_t d_bytes;
	int64_t d_zero;
};
void cdx_extent_begin(struct cdx_extent_edit *e, struct cdx_volume *v,
		      struct cdx_vnode *n, struct cdx_batch *b);
/**
 * cdx_extent_put - [off, off + len) of the file now lies at @loc
 *
 * @off:    not below the end of the range before
 * @loc:    NULL punches a hole; ZERO; RECORD; SEGMENT; INLINE
 * @sealed: of INLINE only
 *
 * Splits and drops what was there, joins with the extent before when it
 * continues the same location, does all references and counters.
 * Errors: CDX_E_HASH an inline value that must be cut does not open;
 * CDX_E_CORRUPT; -EINVAL; -ENOMEM.
 */
CDX_MUST_CHECK int cdx_extent_put(struct cdx_extent_edit *e, uint64_t off,
				  uint64_t len, const struct cdx_loc *loc,
				  const struct cdx_sealed *sealed);
void cdx_extent_end(struct cdx_extent_edit *e);
/* begin, put, end: for a file that has one range in the batch */
CDX_MUST_CHECK int cdx_extent_replace(struct cdx_volume *v, struct cdx_vnode *n,
				      struct cdx_batch *b, uint64_t off,
				      uint64_t len, const struct cdx_loc *loc,
				      const struct cdx_sealed *sealed);
/* First extent that ends behind @off, with its sealed bytes in @buf; -ENOENT */
CDX_MUST_CHECK int cdx_extent_find(struct cdx_volume *v, uint64_t ino,
				   uint64_t off, struct cdx_extent *out,
				   uint8_t buf[2048]);
CDX_MUST_CHECK int cdx_extent_decode(struct cdx_extent *out, uint64_t *ino,
				     const struct cdx_kv_pair *pair);

/* ----------------------------------------------------------------- volume */

/* Inode numbers in no order; grows */
struct cdx_inoq {
	uint64_t *p;
	size_t len;
	size_t cap;
};

struct cdx_volume {
	/* immutable after open */
	struct cdx_store *store;
	const struct cdx_log *log;
	struct cdx_pool *pool;
	struct cdx_volume_keys keys;
	struct cdx_volume_opts opts; /* @keys not kept */

	pthread_mutex_t ns; /* namespace: names, links, directories */

	pthread_mutex_t cache_mu; /* guards the members down to purge_cv */
	pthread_cond_t cache_cv;  /* a vnode came out of loading */
	struct cdx_map vnodes;	  /* ino -> struct cdx_vnode */
	struct cdx_map lookups;	  /* ino -> kernel references, as a pointer */
	struct cdx_list lru;
	size_t idle;
	struct cdx_list attrs; /* vnodes with dirty attributes, pinned */
	size_t attrs_len;
	struct cdx_map orphans; /* ino -> enum cdx_orphan_state */
	struct cdx_inoq purge;	/* orphans that nobody has any more */
	struct cdx_inoq big;	/* the same, for the pool: many extents */
	bool purging;		/* a pool job works on big */
	pthread_cond_t purge_cv;

	pthread_mutex_t dirty_mu; /* guards the two lists and dirty_bytes */
	struct cdx_list dirty;	  /* vnodes with dirty data */
	struct cdx_list gates;
	uint64_t dirty_bytes;

	struct cdx_segs *segs;
	struct cdx_far *far; /* what is elsewhere (far.h) */
	struct cdx_data *data;
	struct cdx_background *bg; /* packer, sealer, compactor (pack.c) */

	pthread_rwlock_t stages_lock; /* a leaf; held while @stages are asked */
	struct cdx_vol_stages stages;

	_Atomic uint64_t read_errors;
	_Atomic uint64_t requests; /* reads and writes: is the mount in use? */
};

#endif
