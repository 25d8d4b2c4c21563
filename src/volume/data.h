/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_VOLUME_DATA_H
#define CDX_VOLUME_DATA_H

/* Shared by the data part of src/volume only: dirty pages, extents, write-out.
 * docs/DESIGN.md "File data". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "crypto/aead.h"
#include "crypto/block.h"
#include "volume/internal.h"

#define CDX_CHUNK CDX_BLOCK_SIZE /* plain bytes that make one block */
/* Default limit of dirty bytes: 1/32 of the memory, within these */
#define CDX_DIRTY_MIN ((size_t)96 << 20)
#define CDX_DIRTY_MAX ((size_t)512 << 20)
#define CDX_READ_MAX ((size_t)16 << 20)
/* fsync logs up to so many bytes of a file, writes out more */
#define CDX_FSYNC_LOG_MAX (256u << 10)
/* a batch is closed when it has so many bytes of changes, or of data */
#define CDX_OUT_BATCH (256u << 10)
#define CDX_OUT_DATA ((uint64_t)8 << 20)
/* byte ranges edited in one batch (bounds the old extents in them) */
#define CDX_EDIT_BYTES ((uint64_t)16 << 20)
#define CDX_EDIT_EXTENTS 2048u

/* ---- dirty pages of one file (dirty.c); guarded by the vnode's lock ---- */

/* A page holds one run of bytes [lo, hi) that is newer than the extents. */
struct cdx_page {
	uint8_t *p; /* CDX_PAGE_SIZE bytes, NULL: none */
	uint16_t lo;
	uint16_t hi;
	bool logged; /* these bytes are in batches applied already */
};

/* 64 KiB of a file */
struct cdx_chunk {
	uint64_t no; /* offset / CDX_CHUNK */
	unsigned pages;
	bool fresh; /* in cdx_dirty.fresh */
	struct cdx_page page[CDX_PAGES_PER_BLOCK];
};

struct cdx_dirty {
	struct cdx_chunk **v; /* ascending */
	size_t n;
	size_t cap;
	uint64_t pages;
	uint64_t unheld; /* pages that no space is held for (replay) */
	uint64_t cursor; /* where the last partial write-out ended */
	bool has_logged; /* the log may have bytes of this file */
	/* Chunks that may have pages which are not logged, so that an fsync
	 * costs what changed since the last one; numbers may be stale. */
	uint64_t *fresh;
	size_t fresh_n;
	size_t fresh_cap;
	bool fresh_all;	   /* the list is not complete: look everywhere */
	uint64_t unlogged; /* pages that are not logged */
};

/* Bytes that a page misses between its run and a new one, from the extents.
 * The caller of cdx_dirty_put gives it. */
typedef int cdx_below_fn(void *arg, uint8_t *out, uint64_t off, size_t len);

/**
 * cdx_dirty_put - copy bytes into the pages
 *
 * @below: called for the gap when a write does not meet the run of a page
 *
 * Errors: -ENOMEM, those of @below; pages before the failure are changed.
 */
CDX_MUST_CHECK int cdx_dirty_put(struct cdx_dirty *d, uint64_t off,
				 const uint8_t *p, size_t len,
				 cdx_below_fn *below, void *arg);
/* Forgets the bytes of [off, end): pages that lose all are freed, a run that
 * would fall in two keeps zeros in the middle.  Never fails. */
void cdx_dirty_cut(struct cdx_dirty *d, uint64_t off, uint64_t end);
/* First run of dirty bytes that ends behind @off, joined over neighbouring
 * pages up to @end; false when there is none before @end */
bool cdx_dirty_next(const struct cdx_dirty *d, uint64_t off, uint64_t end,
		    uint64_t *lo, uint64_t *hi);
/* Copies bytes that cdx_dirty_next reported */
void cdx_dirty_get(const struct cdx_dirty *d, uint8_t *out, uint64_t off,
		   size_t len);
/* Index of the first chunk that is not below @no */
size_t cdx_dirty_seek(const struct cdx_dirty *d, uint64_t no);
/* Calls @fn for every page that is not logged (@all: for every page), which is
 * logged then. @off: file offset of the page */
typedef void cdx_dirty_log_fn(void *arg, uint64_t off,
			      const struct cdx_page *pg);
void cdx_dirty_log(struct cdx_dirty *d, bool all, cdx_dirty_log_fn *fn,
		   void *arg);
/* The log did not take them: no page is logged */
void cdx_dirty_unlog(struct cdx_dirty *d);
/* All sixteen pages are there and full */
bool cdx_chunk_full(const struct cdx_chunk *c);
void cdx_dirty_free(struct cdx_dirty *d);

/* ---- the dirty list and the hold on space (data.c) ---- */

/* State of this part; v->data */
struct cdx_data {
	_Atomic unsigned gates; /* length of v->gates */
	size_t limit;		/* of dirty bytes */
	atomic_bool early;	/* a commit was asked for at half of it */
	/* replayed bytes per inode, until cdx_data_replay_done; only the
	 * opening thread and the committer touch it, under mu */
	pthread_mutex_t mu;
	struct cdx_map replay;
};

/* Adapts list, counters and hold after pages came (+) or went (-) since
 * @before; caller holds the vnode exclusively and has a pin.  @held: bytes of
 * hold the caller took for new pages; what is left over is released. */
void cdx_data_settle(struct cdx_volume *v, struct cdx_vnode *n, uint64_t before,
		     uint64_t held);
/* Dirty pages of a file */
static inline uint64_t cdx_data_pages(const struct cdx_vnode *n)
{
	return n->dirty ? n->dirty->pages : 0;
}
/* Those of them that the log does not have */
static inline uint64_t cdx_data_unlogged(const struct cdx_vnode *n)
{
	return n->dirty ? n->dirty->unlogged : 0;
}
/* Forgets dirty bytes, with all accounts */
void cdx_data_cut(struct cdx_volume *v, struct cdx_vnode *n, uint64_t off,
		  uint64_t end);
/* Copies bytes into dirty pages and moves the end of the file; accounts them
 * against @held bytes of hold, which it uses up or gives back even when it
 * fails.  Caller holds the vnode exclusively; times are the caller's. */
CDX_MUST_CHECK int cdx_data_put(struct cdx_volume *v, struct cdx_vnode *n,
				uint64_t off, const uint8_t *p, size_t len,
				uint64_t held);
/* When no dirty byte lies behind it the size on disk is the true one.  Caller
 * holds the vnode exclusively and stores it. */
void cdx_data_cover(struct cdx_vnode *n);
/* Writes out dirty bytes between the size on disk and @off, so that a larger
 * size never shows a hole there after a crash.  As cdx_out_range. */
CDX_MUST_CHECK int cdx_out_below(struct cdx_volume *v, struct cdx_vnode *n,
				 uint64_t off);
/* Bytes of hold for [off, off + len) in whole pages */
uint64_t cdx_data_hold_for(uint64_t off, uint64_t len);
/* Makes room when too much is dirty: writes out something of @n or of the
 * oldest dirty file.  No lock held. */
CDX_MUST_CHECK int cdx_data_balance(struct cdx_volume *v, struct cdx_vnode *n);
/* Puts dirty bytes into the batch for the log; @all: also what was logged
 * before.  Then the size of the inode's record may be the true one. */
void cdx_data_log(struct cdx_batch *b, struct cdx_vnode *n, bool all);
/* The same with the inode's record, applied.  Caller holds the vnode
 * exclusively. */
CDX_MUST_CHECK int cdx_data_log_apply(struct cdx_volume *v, struct cdx_vnode *n,
				      bool all);
/* Remembers a late error; the caller holds the vnode exclusively */
void cdx_data_late(struct cdx_volume *v, struct cdx_vnode *n, int err);
/* Pins a regular file.  -ESTALE, -EISDIR, -EINVAL. */
CDX_MUST_CHECK int cdx_data_file(struct cdx_volume *v, struct cdx_vnode **out,
				 uint64_t ino);
/* CDX_E_QUOTA is -ENOSPC to callers of volume.h */
int cdx_data_result(int err);
/* Locks two files in order of number (they may be one) */
void cdx_vnode_lock2(struct cdx_vnode *a, struct cdx_vnode *b);
void cdx_vnode_unlock2(struct cdx_vnode *a, struct cdx_vnode *b);
struct cdx_vnode_pin {
	struct cdx_volume *v;
	struct cdx_vnode *n;
};
/* for CDX_CLEANUP: gives the pin back */
void cdx_vnode_unpinp(struct cdx_vnode_pin *p);

/* ---- replay (replay.c) ---- */

/* Forgets what was replayed and is not in a file yet */
void cdx_replay_free(struct cdx_data *d);
/* Logs again what was replayed and is not dirty data yet; for a group that is
 * committed before cdx_data_replay_done */
CDX_MUST_CHECK int cdx_replay_carry(struct cdx_volume *v);

/* ---- write-out (writeout.c) ---- */

/**
 * cdx_out_range - write out the dirty bytes of [from, to), in whole chunks
 *
 * @max:  stop after so many bytes (at least one batch)
 * @next: out, may be NULL: where it stopped; @to or more when all is done
 *
 * Caller holds the vnode exclusively.  What has to be written before (between
 * disk_size and @from) is, too.  Errors: nothing of the failed batch changed.
 */
CDX_MUST_CHECK int cdx_out_range(struct cdx_volume *v, struct cdx_vnode *n,
				 uint64_t from, uint64_t to, uint64_t max,
				 uint64_t *next);
/* Everything; drops the data of an inode that nobody can reach any more */
CDX_MUST_CHECK int cdx_out_all(struct cdx_volume *v, struct cdx_vnode *n);

/* ---- reading under the lock (read.c) ---- */

/* Bytes of extents and holes, without dirty pages.  Caller holds the lock. */
CDX_MUST_CHECK int cdx_read_below(struct cdx_volume *v,
				  const struct cdx_vnode *n, uint8_t *out,
				  uint64_t off, size_t len);
struct cdx_below {
	struct cdx_volume *v;
	struct cdx_vnode *n;
};
/* The same as a cdx_below_fn, of a struct cdx_below */
CDX_MUST_CHECK int cdx_read_below_cb(void *arg, uint8_t *out, uint64_t off,
				     size_t len);

/* ---- extents (extent.c, extent_edit.c) ---- */

#define CDX_EXTENT_KEY 16u
#define CDX_EXTENT_VAL_MAX (2u + 24u + CDX_INLINE_MAX + CDX_SEAL_OVERHEAD)

/* Key of the extent that ends at @end */
void cdx_extent_key(uint8_t out[CDX_EXTENT_KEY], uint64_t ino, uint64_t end);
/* Value; returns its length */
size_t cdx_extent_encode(uint8_t out[CDX_EXTENT_VAL_MAX],
			 const struct cdx_extent *x);
/* Extents that end behind @off, in order */
CDX_MUST_CHECK int cdx_extent_iter(struct cdx_volume *v,
				   struct cdx_kv_iter **out, uint64_t ino,
				   uint64_t off);
/* 1, 0 at the end; CDX_E_CORRUPT.  @out borrows until the next call. */
CDX_MUST_CHECK int cdx_extent_next(struct cdx_kv_iter *it,
				   struct cdx_extent *out);
/* Associated data of an inline value */
#define CDX_INLINE_AD 17u
void cdx_inline_seal(const struct cdx_volume *v, uint8_t *out, uint64_t ino,
		     uint64_t off, const uint8_t *p, size_t len);
/* @out: x->len bytes; CDX_E_HASH (counted and logged) */
CDX_MUST_CHECK int cdx_inline_open(struct cdx_volume *v, uint8_t *out,
				   uint64_t ino, const struct cdx_extent *x);
/* Location @by bytes further */
void cdx_loc_advance(struct cdx_loc *loc, uint64_t by);

#endif
