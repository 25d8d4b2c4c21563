/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_KV_H
#define CDX_STORE_KV_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "store/store.h"

/*
 * Ordered key-value tables with batches.  A read sees every batch applied
 * before it: filling memtable, then the frozen one being committed, then LMDB.
 * Keys are at most CDX_KEY_MAX bytes, values at most CDX_VAL_MAX.
 * docs/FORMATS.md "Databases" says what each holds; keys are big endian so
 * that byte order is numeric order.
 */
enum cdx_db {
	CDX_DB_META,	/* text -> config, format, log position, counters */
	CDX_DB_INODE,	/* ino -> inode record */
	CDX_DB_DENTRY,	/* parent, name -> ino, type, cookie */
	CDX_DB_COOKIE,	/* parent, cookie -> ino, type, name */
	CDX_DB_XATTR,	/* ino, name -> sealed value */
	CDX_DB_EXTENT,	/* ino, end offset -> extent */
	CDX_DB_BACKREF, /* area, offset in area, ino, file offset -> length */
	CDX_DB_ORPHAN,	/* ino -> nothing: unlinked, to be purged */
	CDX_DB_SEGMENT, /* area -> segment record */
	CDX_DB_AREA,	/* area -> area record */
	CDX_DB_FREE,	/* group, area, offset -> length: space to give back */
	CDX_DB_LEAF,	/* dataset id, index -> leaf record */
	CDX_DB_BLOCK,	/* SHA-256 digest -> block record: locations, refs */
	CDX_DB_DATASET, /* manifest digest -> dataset record */
	CDX_DB_TREE,	/* tree digest, dataset id -> manifest digest */
	CDX_DB_PROTECTION, /* base id, id -> protection record */
	CDX_DB_SLOT_NODE,  /* id, slot, layer, chunk -> nodes of slot trees */
	CDX_DB_PUBLIC,	   /* digest, dataset id: may be served (public.h) */
	CDX_DB_CACHE,	   /* kind, digest (and page) -> what was fetched */
	CDX_DB_CACHE_AGE,  /* bucket, number -> key in CDX_DB_CACHE */
	CDX_DB_HELD_PAGE,  /* id, page -> leaves and path (held.h) */
	CDX_DBS,
};

#define CDX_KEY_MAX 480u
#define CDX_VAL_MAX (1u << 20)

/* Exact counters; changed by batches only. */
enum cdx_counter {
	CDX_CNT_NEXT_INO,    /* maximum, not a sum */
	CDX_CNT_NEXT_COOKIE, /* maximum */
	CDX_CNT_NEXT_AREA,   /* maximum; also dataset ids */
	CDX_CNT_USED_VOLUME, /* bytes charged, by share (order as enum) */
	CDX_CNT_USED_PROVIDER,
	CDX_CNT_USED_CACHE,
	CDX_CNT_RESERVED_VOLUME, /* bytes reserved durably, by share */
	CDX_CNT_RESERVED_PROVIDER,
	CDX_CNT_RESERVED_CACHE,
	CDX_CNT_INODES,	     /* in the tree, orphans included */
	CDX_CNT_FILE_BYTES,  /* bytes of extents that hold data */
	CDX_CNT_RECORD_LIVE, /* bytes of live records, sealed size */
	CDX_CNT_INLINE_LIVE, /* bytes of live inline values */
	CDX_CNT_BLOCKS,	     /* block records */
	CDX_CNT_DATASETS,
	CDX_CNT_SEG_OPEN, /* segments by state */
	CDX_CNT_SEG_SEALED,
	CDX_CNT_ZERO_BYTES, /* preallocated, not written */
	CDX_CNT_SEG_BYTES,  /* blocks of all segments, data part */
	CDX_CNT_SEG_LIVE,   /* of them referenced (shared: each time) */
	CDX_CNT_NEXT_USE, /* maximum: number of the next use of a cache entry */
	CDX_CNT_CACHE,	  /* entries of the cache */
	CDX_COUNTERS = 32, /* room on disk */
};

/* Value of a counter, all applied batches included.  Thread: safe. */
int64_t cdx_kv_counter(struct cdx_store *s, enum cdx_counter c);
/* Takes the next number of a CDX_CNT_NEXT_ counter.  The batch that first uses
 * it must carry cdx_batch_max(b, c, number + 1).  Thread: safe. */
uint64_t cdx_kv_next(struct cdx_store *s, enum cdx_counter c);

/* ---- reading ---- */

/**
 * cdx_kv_get - read one value
 *
 * @out: @cap bytes
 *
 * Returns its length; -ENOENT; -ENOBUFS when longer than @cap; -EIO.
 * Thread: safe.
 */
CDX_MUST_CHECK int cdx_kv_get(struct cdx_store *s, enum cdx_db db,
			      const void *key, size_t key_len, void *out,
			      size_t cap);
/* The same appended to a buffer; returns the length. */
CDX_MUST_CHECK int cdx_kv_get_buf(struct cdx_store *s, enum cdx_db db,
				  const void *key, size_t key_len,
				  struct cdx_buf *out);

/* Forward iteration over one table, merged over the three layers as they are
 * when it is opened (batches applied later may or may not be seen).  Holds an
 * LMDB reader: close it soon, and never block on anything while it is open. */
struct cdx_kv_iter;

/**
 * cdx_kv_iter_open - iterate the keys that begin with a prefix
 *
 * @out:    returns new
 * @prefix: @prefix_len bytes, copied; 0 for the whole table
 * @from:   @from_len bytes: first key not below; NULL: from the prefix
 */
CDX_MUST_CHECK int cdx_kv_iter_open(struct cdx_store *s,
				    struct cdx_kv_iter **out, enum cdx_db db,
				    const void *prefix, size_t prefix_len,
				    const void *from, size_t from_len);
struct cdx_kv_pair {
	const uint8_t *key;
	size_t key_len;
	const uint8_t *val;
	size_t val_len;
};
/* 1 and a pair (borrowed until the next call), 0 at the end, negative errors */
CDX_MUST_CHECK int cdx_kv_iter_next(struct cdx_kv_iter *it,
				    struct cdx_kv_pair *out);
void cdx_kv_iter_close(struct cdx_kv_iter *it);
void cdx_kv_iter_closep(struct cdx_kv_iter **it);

/* ---- changing ---- */

/* A set of changes that becomes visible and durable as one.  Build it on one
 * thread; a failed put is remembered and reported by apply.  Later changes of
 * one key in the batch replace earlier ones. */
struct cdx_batch;

/* -ENOMEM */
CDX_MUST_CHECK int cdx_batch_new(struct cdx_batch **out, struct cdx_store *s);
void cdx_batch_put(struct cdx_batch *b, enum cdx_db db, const void *key,
		   size_t key_len, const void *val, size_t val_len);
void cdx_batch_del(struct cdx_batch *b, enum cdx_db db, const void *key,
		   size_t key_len);
void cdx_batch_add(struct cdx_batch *b, enum cdx_counter c, int64_t delta);
void cdx_batch_max(struct cdx_batch *b, enum cdx_counter c, uint64_t v);
/* The batch names bytes that were just written to a data file: a log flush
 * must sync the data files first. */
void cdx_batch_names_data(struct cdx_batch *b);
/* File bytes that exist in memory only, for the log: replayed in order with
 * the changes around them.  Not a table change. */
void cdx_batch_data(struct cdx_batch *b, uint64_t ino, uint64_t off,
		    const void *p, size_t len);
/* Logged bytes of this range are obsolete from here on (written out,
 * truncated, punched, purged).  Put it in every batch that does one of these. */
void cdx_batch_clean(struct cdx_batch *b, uint64_t ino, uint64_t off,
		     uint64_t len);
/*
 * A layer above keeps counts that depend on what is applied before (segments,
 * references).  It hangs one hook on a batch:
 * @before: in cdx_batch_apply before anything is applied, with no lock of the
 *          store held; may read tables, put
 *          into the batch and take locks of its own that @after gives back;
 *          negative: the batch is not applied.  Not called when a put failed.
 * @after:  exactly once a batch, on the same thread, with no lock of the store
 *          held: 0 applied, else negative (not applied; -ECANCELED dropped).
 * Setting it twice replaces it.  (src/volume/refs.c is the only user.)
 */
struct cdx_batch_hook {
	int (*before)(void *arg, struct cdx_batch *b);
	void (*after)(void *arg, int result);
};
void cdx_batch_set_hook(struct cdx_batch *b, const struct cdx_batch_hook *hook,
			void *arg);
/* The argument given with this hook, NULL when it is not set */
void *cdx_batch_hook_arg(const struct cdx_batch *b,
			 const struct cdx_batch_hook *hook);
/* Bytes of changes so far */
size_t cdx_batch_size(const struct cdx_batch *b);
/**
 * cdx_batch_apply - make the changes visible; frees the batch in any case
 *
 * Durable as one, always.  Who reads without a lock against the writer while
 * this call runs may see the first changes of the batch and not yet the last;
 * after it returns everybody sees all of them.
 *
 * Blocks while the memtables are over their limit, unless called from a hook;
 * it waits only for the commit that is being written, never for a prepare
 * hook: callers hold vnode locks that the hook takes.
 * Errors: -ENOMEM, -EROFS, the store's failure; nothing is changed then.
 */
CDX_MUST_CHECK int cdx_batch_apply(struct cdx_batch *b);
/* Throws the changes away.  NULL is allowed. */
void cdx_batch_drop(struct cdx_batch *b);
void cdx_batch_dropp(struct cdx_batch **b);

#endif
