/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_FSCK_INTERNAL_H
#define CDX_STORE_FSCK_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "crypto/hash.h"
#include "store/area_internal.h"
#include "store/dataset_store.h"
#include "store/fsck.h"
#include "store/kv.h"

/* Inside the check of the store only. */

/* ---- scanning a table (fsck_scan.c) ---- */

#define CDX_SCAN_PAGE 512u

/* A walk over one table that copies a page of records at a time, so that no
 * LMDB reader is open while blocks are hashed.  Zero-initialise, set @s and
 * @db; free with cdx_scan_free. */
struct cdx_scan {
	struct cdx_store *s;
	enum cdx_db db;
	bool started;
	bool last_page;
	uint8_t last[CDX_KEY_MAX];
	size_t last_len;
	struct cdx_buf bytes;
	size_t key_len[CDX_SCAN_PAGE];
	size_t val_len[CDX_SCAN_PAGE];
	size_t n;
	size_t next;
	size_t pos; /* in bytes */
};
/* 1 and a pair (borrowed until the next call), 0 at the end, negative */
CDX_MUST_CHECK int cdx_scan_next(struct cdx_scan *sc, struct cdx_kv_pair *out);
void cdx_scan_free(struct cdx_scan *sc);

/* ---- counting (fsck_scan.c) ---- */

/* How many leaves name a block; 16 bytes a block.  The key is a keyed hash of
 * the digest, so that nobody can choose blocks that are counted together. */
struct cdx_ref_slot {
	uint64_t key; /* 0: free */
	uint32_t refs;
};
struct cdx_refs {
	struct cdx_ref_slot *slots;
	size_t cap;
	size_t len;
	uint64_t mul[4];
};
void cdx_refs_init(struct cdx_refs *r);
/* The slot of a digest, made when absent.  -ENOMEM. */
CDX_MUST_CHECK int cdx_refs_get(struct cdx_refs *r, struct cdx_ref_slot **out,
				const struct cdx_digest *digest);
void cdx_refs_free(struct cdx_refs *r);

/* ---- state ---- */

struct cdx_fsck_area {
	uint64_t id;
	struct cdx_area_info info;
	bool has_record;
	bool has_file;
	bool removing; /* a free record names the whole file */
	uint64_t file_size;
	uint64_t disk;	  /* bytes the file takes */
	uint64_t live;	  /* bytes of block locations in a loose file */
	uint64_t pending; /* bytes that wait to be punched */
};

struct cdx_fsck_ds {
	uint64_t dsid; /* sorted by */
	uint64_t area;
	uint64_t blocks;
	struct cdx_cid cid;
	struct cdx_digest tree;
	bool dropping; /* or an ingest that was not finished */
	bool met;      /* has leaves */
};

struct cdx_fsck_run {
	struct cdx_store *s;
	struct cdx_fsck *f;
	struct cdx_fsck_area *areas; /* sorted by id once listed */
	size_t n_areas;
	struct cdx_fsck_ds *ds;
	size_t n_ds;
	struct cdx_refs refs;
	uint8_t *block; /* CDX_BLOCK_SIZE of scratch */
};

/* One finding */
void cdx_fsck_say(struct cdx_fsck_run *r, const char *what, const char *fmt,
		  ...) CDX_PRINTF(3, 4);
void cdx_fsck_progress(struct cdx_fsck_run *r, const char *phase, uint64_t done,
		       uint64_t total);
/* NULL when unknown */
struct cdx_fsck_area *cdx_fsck_area_find(struct cdx_fsck_run *r, uint64_t id);
struct cdx_fsck_ds *cdx_fsck_ds_find(struct cdx_fsck_run *r, uint64_t dsid);
/* Hashes 64 KiB at a place.  0, CDX_E_HASH, or why it could not be read. */
CDX_MUST_CHECK int cdx_fsck_hash(struct cdx_fsck_run *r, uint64_t area,
				 uint64_t off, const struct cdx_digest *digest);

/* ---- phases ---- */

/* In this order.  Findings are reported; negative: could not go on. */
CDX_MUST_CHECK int cdx_fsck_datasets(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_trees(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_leaves(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_blocks(struct cdx_fsck_run *r);

#endif
