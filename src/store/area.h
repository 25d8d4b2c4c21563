/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_AREA_H
#define CDX_STORE_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "store/kv.h"
#include "store/store.h"

/* Data files.  An area is a file areas/<16 hex digits of its id>; bytes in it
 * mean something only where LMDB says so.  Ids are never used twice. */
enum cdx_area_kind {
	CDX_AREA_SEGMENT = 1, /* block i at i * 64 KiB, preallocated */
	CDX_AREA_RECORDS = 2, /* sealed records of a volume, appended */
	CDX_AREA_LOOSE = 3,   /* loose blocks at multiples of 4 KiB, appended */
	CDX_AREA_PARITY = 4,  /* parity of a protection, preallocated */
	CDX_AREA_CACHE = 5,   /* blocks of the cache, as loose ones */
};

/* Record in CDX_DB_AREA */
struct cdx_area_info {
	enum cdx_area_kind kind;
	uint64_t size; /* bytes that may be in use; grows only */
	uint64_t live; /* bytes referenced; loose, cache and records files */
	bool closed;   /* no more appends */
};

/**
 * cdx_area_create - make a data file
 *
 * @id:       out
 * @kind:     what for
 * @prealloc: bytes to fallocate (0: none); -ENOSPC when the disk is full
 * @b:        gets the area record
 *
 * The file is durable (directory synced) before this returns; it vanishes at
 * the next open when @b was never applied.
 */
CDX_MUST_CHECK int cdx_area_create(struct cdx_store *s, uint64_t *id,
				   enum cdx_area_kind kind, uint64_t prealloc,
				   struct cdx_batch *b);

/* Whole transfers at a byte offset; a write marks the file to be synced by the
 * next commit or log flush and starts write-back of long runs early.  Errors:
 * -errno, -ENOENT unknown area.  Thread: safe. */
CDX_MUST_CHECK int cdx_area_write(struct cdx_store *s, uint64_t id,
				  uint64_t off, const void *p, size_t len);
CDX_MUST_CHECK int cdx_area_read(struct cdx_store *s, uint64_t id, uint64_t off,
				 void *p, size_t len);
/* The same for long runs that nobody else will read soon: past the page cache,
 * and with no read-ahead, where offset, length and memory allow it (4 KiB). */
CDX_MUST_CHECK int cdx_area_read_once(struct cdx_store *s, uint64_t id,
				      uint64_t off, void *p, size_t len);

/* Reads and changes of the record.  set_info puts it into the batch. */
CDX_MUST_CHECK int cdx_area_info(struct cdx_store *s, uint64_t id,
				 struct cdx_area_info *out);
void cdx_area_set_info(struct cdx_batch *b, uint64_t id,
		       const struct cdx_area_info *info);

/**
 * cdx_area_free_range - give bytes back, safely
 *
 * Writes a free record; the hole is punched only after the group of @b and one
 * later group are durable and every reader that began before has ended.
 */
void cdx_area_free_range(struct cdx_batch *b, uint64_t id, uint64_t off,
			 uint64_t len);
/* The same for the whole file, which is then unlinked; drops the record. */
void cdx_area_remove(struct cdx_batch *b, uint64_t id);

/* Are free records of this area still waiting?  (Sealing waits for them.) */
CDX_MUST_CHECK int cdx_area_frees_pending(struct cdx_store *s, uint64_t id,
					  bool *out);

/* Commits and reclaims until none waits: what is written to such a range before
 * would be punched.  CDX_E_AGAIN readers hold it for too long.  Blocks; not from
 * a hook. */
CDX_MUST_CHECK int cdx_area_frees_wait(struct cdx_store *s, uint64_t id);

/* Cuts a file to @size at once (sealing early). */
CDX_MUST_CHECK int cdx_area_truncate(struct cdx_store *s, uint64_t id,
				     uint64_t size);

/* Readers: look up locations and read them between begin and end, and what
 * they point to stays.  Keep it short; nests.  Thread: safe. */
uint64_t cdx_store_read_begin(struct cdx_store *s);
void cdx_store_read_end(struct cdx_store *s, uint64_t token);

/* Punches and unlinks what has become safe, for at most a quarter of a second;
 * the store calls it after each commit, tests call it by hand.  Returns 1 when
 * more waits for a later group or a reader, 0 when nothing does; -errno.
 * Thread: safe. */
CDX_MUST_CHECK int cdx_store_reclaim(struct cdx_store *s);

#endif
