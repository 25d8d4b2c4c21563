/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_AREA_INTERNAL_H
#define CDX_STORE_AREA_INTERNAL_H

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "store/area.h"
#include "store/areas.h"
#include "store/quota.h"

/* Inside the data-file side of the store only. */

struct cdx_cache;

#define CDX_AREA_NAME_LEN 17 /* 16 hex digits, NUL */
#define CDX_AREA_OPEN_MAX 256u
/* start write-back of one file after so many bytes */
#define CDX_AREA_WB_BYTES (8u << 20)
#define CDX_LOOSE_BYTES (256u << 20)

/* An open data file.  @fd and @id are immutable, the rest is guarded by
 * cdx_areas.mu. */
struct cdx_area_file {
	uint64_t id;
	int fd;
	int direct; /* the same file with O_DIRECT; -1: not opened */
	unsigned refs;
	bool dead;	/* unlinked: not in the map, closed by the last put */
	bool syncing;	/* somebody is in fdatasync */
	uint64_t wrote; /* number of writes, and how many of them are synced */
	uint64_t synced;
	uint64_t wb_lo; /* bytes written since write-back was last started */
	uint64_t wb_hi;
	uint64_t wb_bytes;
	struct cdx_list lru;
};

/* One stripe of the reader counters, alone on its cache line */
struct cdx_readers {
	_Alignas(64) atomic_uint count[2];
};
#define CDX_READER_STRIPES 16u

/* A range that a free record names */
struct cdx_free {
	uint64_t group;
	uint64_t area;
	uint64_t off;
	uint64_t len; /* CDX_FREE_WHOLE: the file */
};
#define CDX_FREE_WHOLE UINT64_MAX
#define CDX_FREE_KEY_LEN 24

/* Free records that were read in one go and wait for the readers of the old
 * parity.  Guarded by mu. */
struct cdx_reclaim {
	pthread_mutex_t mu;
	struct cdx_free *v; /* sorted by area, offset */
	size_t n;
	size_t done;
};

/* Space promised in memory, and what statvfs said.  Guarded by mu. */
struct cdx_quota {
	pthread_mutex_t mu;
	uint64_t held[CDX_SHARES];
	uint64_t avail;	  /* bytes of the disk, our headroom taken off */
	uint64_t read_at; /* monotonic ns; 0 never */
};

/* What was said about a data file since the store was opened */
struct cdx_bad {
	unsigned lines;
	bool missing;
};

struct cdx_areas {
	struct cdx_store *s;
	int dirfd;	/* areas/ */
	bool no_direct; /* guarded by mu: this file system cannot */

	pthread_mutex_t mu;
	pthread_cond_t synced;
	struct cdx_map files;	 /* guarded by mu */
	struct cdx_list lru;	 /* guarded by mu; oldest first */
	int sync_err;		 /* guarded by mu; permanent */
	struct cdx_map bad;	 /* guarded by mu: struct cdx_bad by id */
	struct cdx_bad bad_rest; /* guarded by mu: when there are too many */

	struct cdx_readers readers[CDX_READER_STRIPES];
	atomic_uint parity; /* changed by reclaim only */
	struct cdx_reclaim reclaim;

	struct cdx_quota quota;

	pthread_mutex_t drop_mu; /* outside block_mu: one removal at a time */
	/* Block and dataset records are read, changed and applied under this
	 * lock; never taken by the committer. */
	pthread_mutex_t block_mu;
	uint64_t loose_id;  /* guarded by block_mu; 0 none */
	uint64_t loose_off; /* guarded by block_mu; next append */
	uint64_t loose_max; /* bytes of a loose file; tests make it small */

	struct cdx_cache *cache; /* cache_internal.h; immutable after open */
};

/* ---- files (area_file.c) ---- */

/* Name of a data file in areas/ */
void cdx_area_name(char out[CDX_AREA_NAME_LEN], uint64_t id);
/* CDX_E_FORMAT when @name is not the name of a data file */
CDX_MUST_CHECK int cdx_area_name_parse(uint64_t *id, const char *name);
/* Next entry; NULL at the end with errno 0, or with what went wrong. */
const struct dirent *cdx_area_readdir(DIR *dir);
/* Opens or finds; one reference for the caller.  -ENOENT, -errno. */
CDX_MUST_CHECK int cdx_area_file_get(struct cdx_areas *a,
				     struct cdx_area_file **out, uint64_t id);
/* Gives a reference back. */
void cdx_area_file_put(struct cdx_areas *a, struct cdx_area_file *f);
/**
 * cdx_area_file_direct - a descriptor that goes past the page cache
 *
 * Long runs are written through it: no copy into pages that nobody will read
 * from there, and writers of one file do not wait for each other's copying.
 * -1 when the file system has no O_DIRECT.  Thread: safe.
 */
int cdx_area_file_direct(struct cdx_areas *a, struct cdx_area_file *f);
/* O_DIRECT was refused after all: not again in this store.  Thread: safe. */
void cdx_area_no_direct(struct cdx_areas *a);
/* Takes a new descriptor into the cache; closes it on failure (-ENOMEM). */
CDX_MUST_CHECK int cdx_area_file_adopt(struct cdx_areas *a, uint64_t id,
				       int fd);
/* Bytes of @f changed (by write, truncate or punch): sync it next time.
 * @len 0: no bytes to write back early. */
void cdx_area_file_dirty(struct cdx_areas *a, struct cdx_area_file *f,
			 uint64_t off, uint64_t len);
/* Forgets the descriptor: the next use opens the file by its name. */
void cdx_area_file_forget(struct cdx_areas *a, uint64_t id);
/* Unlinks the file and forgets the descriptor; 0 also when it was gone. */
CDX_MUST_CHECK int cdx_area_file_unlink(struct cdx_areas *a, uint64_t id);
/* Closes everything */
void cdx_area_files_close(struct cdx_areas *a);

/* ---- what is said about bad ones (bad.c) ---- */

/* Is a line about a bad block of this file still to be shown?  After the last
 * one says itself that no more are.  Thread: safe. */
bool cdx_area_bad_line(struct cdx_areas *a, uint64_t id);
/* Logs once that a data file is missing.  Thread: safe. */
void cdx_area_missing(struct cdx_areas *a, uint64_t id);
/* At the end; nothing runs any more. */
void cdx_bad_free(struct cdx_areas *a);

/* ---- the other parts of struct cdx_areas ---- */

/**
 * cdx_area_create_sparse - a data file whose bytes are taken piece by piece
 *
 * As cdx_area_create with a record that says @size, but nothing is preallocated:
 * cdx_area_take does that.
 */
CDX_MUST_CHECK int cdx_area_create_sparse(struct cdx_store *s, uint64_t *id,
					  enum cdx_area_kind kind,
					  uint64_t size, struct cdx_batch *b);
/* Preallocates a range inside such a file; bytes in it stay.  @fresh: nothing of it
 * was taken before, and a disk that is too full is not tried.  -ENOSPC; -errno. */
CDX_MUST_CHECK int cdx_area_take(struct cdx_store *s, uint64_t id, uint64_t off,
				 uint64_t len, bool fresh);

/**
 * cdx_area_remake - a preallocated data file that is gone comes back
 *
 * @sparse: it was made with cdx_area_create_sparse
 *
 * Made with the size that its record says, directory synced, logged; one that
 * was cut short is made longer.  Bytes that an open descriptor still has are
 * copied.  Returns 1 when bytes are lost (they read as zeros), 0 when nothing
 * was amiss.  Errors: CDX_E_CORRUPT no record, or one of another kind; -ENOSPC;
 * -errno.  Caller holds drop_mu.
 */
CDX_MUST_CHECK int cdx_area_remake(struct cdx_store *s, uint64_t id,
				   bool sparse);
/* Has it lost its name? */
bool cdx_area_is_gone(struct cdx_store *s, uint64_t id);

/* Next id of a data file or dataset, never 0; the batch that uses it carries
 * cdx_batch_max(b, CDX_CNT_NEXT_AREA, id + 1). */
uint64_t cdx_area_next_id(struct cdx_store *s);

/* Pair of init and fini per part; fini after the last use. */
void cdx_quota_init(struct cdx_quota *q);
void cdx_quota_fini(struct cdx_quota *q);
void cdx_reclaim_init(struct cdx_reclaim *r);
void cdx_reclaim_fini(struct cdx_reclaim *r);

#endif
