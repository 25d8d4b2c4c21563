/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_CACHE_INTERNAL_H
#define CDX_STORE_CACHE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/list.h"
#include "codec/cid.h"
#include "store/area.h"
#include "store/cache.h"
#include "store/kv.h"

/* Inside the store only: cache*.c, area.c, fsck. */

/* ---- rows (cache_rec.c): docs/FORMATS.md "Cache".  Pure. ---- */

enum cdx_cache_kind {
	CDX_CACHE_BLOCK = 1,
	CDX_CACHE_PAGE = 2,
	CDX_CACHE_MANIFEST = 3,
	CDX_CACHE_TREE = 4, /* tree, manifest: no entry, but a way to one */
};

/* kind, digest and, by kind, the page or the second digest */
#define CDX_CACHE_KEY_MAX 65u
struct cdx_cache_key {
	size_t len;
	uint8_t b[CDX_CACHE_KEY_MAX];
};
struct cdx_cache_key cdx_cache_key(enum cdx_cache_kind kind,
				   const struct cdx_digest *digest);
struct cdx_cache_key cdx_cache_page_key(const struct cdx_digest *tree,
					uint32_t page);
struct cdx_cache_key cdx_cache_tree_key(const struct cdx_digest *tree,
					const struct cdx_digest *manifest);

#define CDX_CACHE_AGE_LEN 12u
#define CDX_CACHE_HEAD_LEN 13u /* version, age row's key */
#define CDX_CACHE_BLOCK_LEN (CDX_CACHE_HEAD_LEN + 4u + 16u)
#define CDX_CACHE_MANIFEST_MAX (CDX_VAL_MAX - CDX_CACHE_HEAD_LEN - 32u)

/* An entry.  What its row says, and what follows from that. */
struct cdx_cache_rec {
	enum cdx_cache_kind kind;
	uint32_t bucket; /* when it was used last */
	uint64_t number; /* of that use: never twice */
	uint64_t charge; /* bytes */
	/* a block */
	uint32_t size;
	uint64_t area;
	uint64_t off;
	/* a page: how many digests, of leaves and path, are at @body */
	uint64_t leaves;
	uint32_t page;
	/* a manifest: bytes at @body */
	struct cdx_digest tree;
	const uint8_t *body; /* in the row */
	size_t body_len;
};
/* Puts an entry's row; @body_len bytes of @rec->body are copied.  @out fails
 * sticky. */
void cdx_cache_encode(struct cdx_buf *out, const struct cdx_cache_rec *rec);
/* The canonical form only: CDX_E_CORRUPT, CDX_E_VERSION.  Not for tree rows. */
CDX_MUST_CHECK int cdx_cache_decode(struct cdx_cache_rec *out, const void *key,
				    size_t key_len, const void *val,
				    size_t val_len);
/* Bytes that an inline entry with so long a row is charged with */
uint64_t cdx_cache_inline_charge(size_t val_len);
/* The page that a decoded page entry holds */
void cdx_cache_to_page(struct cdx_tree_page *out,
		       const struct cdx_cache_rec *rec);
void cdx_cache_age_key(uint8_t out[CDX_CACHE_AGE_LEN], uint32_t bucket,
		       uint64_t number);

/* ---- state ---- */

/* A block that is being written */
struct cdx_cache_write {
	struct cdx_list node;
	struct cdx_digest digest;
	uint64_t area;
	uint64_t off;
	uint64_t room;
};

struct cdx_cache {
	/* Entries are read, changed and applied under this lock */
	pthread_mutex_t mu;
	pthread_cond_t wrote;	/* an entry left @writes */
	struct cdx_list writes; /* guarded by mu: struct cdx_cache_write */
	uint64_t area;		/* guarded by mu: to append to; 0 none */
	uint64_t off;		/* guarded by mu */
	uint64_t area_max;	/* bytes of a file; tests make it small */
	/* guarded by mu: no age row is before this key.  It only grows, because
	 * what is used gets a later one. */
	uint8_t from[CDX_CACHE_AGE_LEN];
	uint32_t newest;  /* guarded by mu: bucket; the clock may jump back */
	uint64_t yielded; /* guarded by mu: group in which a full disk was last
			   * given some room */
	/* tests set these before anything is cached */
	unsigned bucket_s;
	int64_t (*clock)(void);

	_Atomic uint64_t hits;
	_Atomic uint64_t misses;
	_Atomic uint64_t evicted;
};

CDX_MUST_CHECK int cdx_cache_new(struct cdx_cache **out);
/* NULL is allowed. */
void cdx_cache_free(struct cdx_cache *c);
/* At the start: the file that was appended to. */
void cdx_cache_append_to(struct cdx_cache *c, uint64_t area, uint64_t off);
struct cdx_cache *cdx_store_cache(struct cdx_store *s);

/* ---- changes (cache_evict.c) ---- */

/* An entry by its key, with the row's bytes appended to @row, which the record
 * points into.  -ENOENT; damage is -ENOENT too: fsck tells.  Thread: safe. */
CDX_MUST_CHECK int cdx_cache_load(struct cdx_store *s,
				  struct cdx_cache_rec *out,
				  struct cdx_buf *row,
				  const struct cdx_cache_key *key);

/* Data files whose records a batch changes */
struct cdx_cache_area {
	uint64_t id;
	struct cdx_area_info info;
};
/* A batch that takes entries out or puts one in.  Caller holds mu from the
 * first use to the end. */
struct cdx_cache_change {
	struct cdx_store *s;
	struct cdx_cache *c;
	struct cdx_batch *b;
	struct cdx_cache_area *areas;
	size_t n_areas;
	size_t cap;
	uint64_t freed; /* bytes charged to what is taken out */
};
CDX_MUST_CHECK int cdx_cache_change_begin(struct cdx_cache_change *ch,
					  struct cdx_store *s);
/* Takes an entry out, with its age row, place and charge. */
CDX_MUST_CHECK int cdx_cache_take_out(struct cdx_cache_change *ch,
				      const struct cdx_cache_key *key,
				      const struct cdx_cache_rec *rec);
/* Puts a new one in as used now; fills in bucket and number.  A block's bytes
 * are written. */
CDX_MUST_CHECK int cdx_cache_put_in(struct cdx_cache_change *ch,
				    const struct cdx_cache_key *key,
				    struct cdx_cache_rec *rec);
/* Applies or, when @rc is negative, drops; returns the result. */
CDX_MUST_CHECK int cdx_cache_change_end(struct cdx_cache_change *ch, int rc);
/* Drops a closed file that has no entries and no writers.  Caller holds mu. */
CDX_MUST_CHECK int cdx_cache_settle(struct cdx_store *s, uint64_t area);

/* It was used now: a new age row once a bucket.  Caller holds mu; @row is its
 * whole row, which is changed. */
CDX_MUST_CHECK int cdx_cache_touch(struct cdx_store *s,
				   const struct cdx_cache_key *key,
				   struct cdx_cache_rec *rec,
				   struct cdx_buf *row);
/* The same for a reader, who does not wait for anybody and does not care whether
 * it came about.  @block: bytes of a block; NULL for others. */
void cdx_cache_used(struct cdx_store *s, const struct cdx_cache_key *key,
		    const struct cdx_cache_rec *seen, const uint8_t *block);
/* Moves a block that was used out of a file that has little else, so that files
 * do not stay for ever for the sake of a few: 1 it was, 0 no need.  Caller holds
 * mu. */
CDX_MUST_CHECK int cdx_cache_move(struct cdx_store *s,
				  const struct cdx_cache_key *key,
				  const struct cdx_cache_rec *rec,
				  const uint8_t *block);
/* Drops what was read and is not what it should be, unless it was replaced. */
void cdx_cache_drop_bad(struct cdx_store *s, const struct cdx_cache_key *key,
			const struct cdx_cache_rec *seen);

/* Takes the oldest entries out, up to @bytes or so and a bounded number; returns
 * how many.  Caller holds mu. */
CDX_MUST_CHECK int cdx_cache_evict(struct cdx_store *s, uint64_t bytes);
/* Holds @bytes of the share, evicting for it; cdx_quota_release gives them back.
 * -ENOSPC.  Caller holds mu. */
CDX_MUST_CHECK int cdx_cache_hold(struct cdx_store *s, uint64_t bytes);

#endif
