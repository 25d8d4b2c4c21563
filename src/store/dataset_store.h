/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_DATASET_STORE_H
#define CDX_STORE_DATASET_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "codec/cid.h"
#include "dataset/manifest.h"
#include "store/block.h"

/* Who keeps a dataset from expiring; bits. */
enum cdx_dataset_ref {
	CDX_REF_PIN = 1,       /* the user's own pin: `dataset add` */
	CDX_REF_VOLUME = 2,    /* a sealed segment of a volume */
	CDX_REF_PROTECTED = 4, /* a protection is built on it (protection.h) */
	CDX_REF_HELD = 8,      /* slots of it are kept for money (held.h) */
};

enum cdx_dataset_kind {
	CDX_DATASET_PLAIN = 0,
	CDX_DATASET_PROTECTED =
		1, /* listed nowhere; goes with its verifiable */
	CDX_DATASET_VERIFIABLE = 2,
};

/* Record in CDX_DB_DATASET, key = digest of the manifest */
struct cdx_dataset_info {
	struct cdx_cid cid; /* of the manifest */
	struct cdx_cid tree;
	enum cdx_dataset_kind kind;
	uint64_t dsid; /* leaf records; a segment's area id; a protection's id */
	uint64_t base; /* dataset id of the data blocks' leaves: dsid of a plain
			* dataset, else that of the one below */
	uint64_t area; /* segment area, 0 for loose blocks */
	uint64_t size; /* bytes of the file, as a reader sees it */
	uint64_t blocks;     /* data blocks */
	uint32_t block_size; /* bytes */
	uint32_t refs;	     /* enum cdx_dataset_ref bits */
	bool is_private;     /* neither announced nor served */
	bool published;	     /* somebody said so: also what a volume uses may
			      * be served (cdx_dataset_is_public) */
	bool dropping;	     /* being removed: not found, listed or read */
	int64_t created;     /* wall seconds */
};

/*
 * May it be announced, and given to strangers?  What a volume uses never may
 * unless it was published by name, whatever else its record says.  Everybody who
 * announces or serves asks this, never is_private alone.  Pure.
 */
bool cdx_dataset_is_public(const struct cdx_dataset_info *info);

/* -ENOENT; CDX_E_CORRUPT */
CDX_MUST_CHECK int cdx_dataset_info(struct cdx_store *s,
				    const struct cdx_cid *manifest_cid,
				    struct cdx_dataset_info *out);
/* The manifest's exact bytes, appended */
CDX_MUST_CHECK int cdx_dataset_manifest(struct cdx_store *s,
					const struct cdx_cid *manifest_cid,
					struct cdx_buf *out);
/*
 * Puts a dataset record (new or changed); a new one counts.  Records are read,
 * changed and written back: hold cdx_block_lock (block.h) from the read until
 * the batch is applied.
 *
 * A volume that stops using a segment puts the record without CDX_REF_VOLUME
 * in the batch that ends the segment's own record and charge, and calls
 * cdx_dataset_drop after that batch when no reference is left.  It sets
 * @dropping in that put, with cdx_dataset_mark_drop, so that a crash in
 * between is made good at the next open.
 */
void cdx_dataset_put(struct cdx_batch *b, const struct cdx_dataset_info *info,
		     const void *manifest, size_t manifest_len, bool is_new);
/* Removes the record; leaf and block records are the caller's. */
void cdx_dataset_del(struct cdx_batch *b, const struct cdx_dataset_info *info);
/* Has a removal finished by the next open if it is interrupted; goes into the
 * batch that puts @info with dropping set. */
void cdx_dataset_mark_drop(struct cdx_batch *b,
			   const struct cdx_dataset_info *info);

/* Called for every dataset; negative stops. */
typedef int cdx_dataset_fn(void *arg, const struct cdx_dataset_info *info,
			   const struct cdx_manifest *m);
CDX_MUST_CHECK int cdx_dataset_list(struct cdx_store *s, cdx_dataset_fn *fn,
				    void *arg);

/**
 * cdx_dataset_read - verified bytes of a dataset
 *
 * @out: @len bytes; what lies beyond the end is not read
 *
 * Returns the bytes read (0 at the end).  Every block is hashed.  Errors:
 * CDX_E_HASH, -ENODATA a block is not here.
 */
CDX_MUST_CHECK int cdx_dataset_read(struct cdx_store *s, uint8_t *out,
				    const struct cdx_dataset_info *info,
				    uint64_t off, size_t len);

/* ---- ingest: `dataset add` ---- */
struct cdx_ingest;
struct cdx_ingest_opts {
	const char *filename; /* or NULL; copied */
	const char *mimetype; /* or NULL; copied */
	bool is_private;
	uint32_t block_size; /* bytes, up to CDX_BLOCK_SIZE_MAX; 0: 64 KiB */
};
/* @opts: borrowed; NULL: none of them.  -EINVAL block size; -ENOMEM. */
CDX_MUST_CHECK int cdx_ingest_new(struct cdx_ingest **out, struct cdx_store *s,
				  const struct cdx_ingest_opts *opts);
/* Any length; blocks go to a loose area, in batches.  CDX_E_QUOTA, -ENOSPC. */
CDX_MUST_CHECK int cdx_ingest_feed(struct cdx_ingest *in, const void *p,
				   size_t len);
/* Writes the manifest, pins it and commits.  A dataset that is here already is
 * pinned again.  -ENODATA: nothing was fed. */
CDX_MUST_CHECK int cdx_ingest_end(struct cdx_ingest *in,
				  struct cdx_cid *manifest_cid);
/* Ends an ingest; without cdx_ingest_end its blocks are given back. */
void cdx_ingest_free(struct cdx_ingest *in);

/**
 * cdx_dataset_unpin - drop the user's own pin
 *
 * A dataset that a volume still uses stays, and so does one that is protected;
 * else its blocks are given back in bounded batches.  A verifiable one takes
 * its protection along, and a plain one that nothing else keeps then.  Returns
 * 1 when it is gone, 0 when something else keeps it; -ENOENT no such dataset or
 * no pin; -EBUSY verifiable, with data slots that are not here, of a plain one
 * that stays.
 */
CDX_MUST_CHECK int cdx_dataset_unpin(struct cdx_store *s,
				     const struct cdx_cid *manifest_cid);

/**
 * cdx_dataset_drop - remove a dataset whose references are gone
 *
 * In bounded batches; an interrupted removal is finished at the next open.  A
 * segment's file goes too (its charge is the volume's affair); loose blocks
 * and the manifest are uncharged.  Of a verifiable dataset its protection goes
 * (cdx_protection_drop).  Errors: -ENOENT; -EBUSY still referenced, protected,
 * or a protected manifest, which goes with its verifiable one.
 * Blocks.  Thread: safe; not from a hook.
 */
CDX_MUST_CHECK int cdx_dataset_drop(struct cdx_store *s,
				    const struct cdx_cid *manifest_cid);

#endif
