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
#include "store/protection.h"
#include "store/refs.h"

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

/* ---- state ---- */

struct cdx_fsck_area {
	uint64_t id;
	struct cdx_area_info info;
	bool has_record;
	bool has_file;
	bool removing; /* a free record names the whole file */
	uint64_t file_size;
	uint64_t disk;	  /* bytes the file takes */
	uint64_t live;	  /* bytes of blocks in a loose or cache file */
	uint64_t pending; /* bytes that wait to be punched */
	bool named;	  /* by a protection */
};

struct cdx_fsck_ds {
	enum cdx_dataset_kind kind; /* plain or verifiable */
	uint64_t dsid;		    /* sorted by */
	uint64_t area;
	uint64_t blocks;
	struct cdx_cid cid;
	struct cdx_digest tree;
	bool dropping; /* or an ingest that was not finished */
	bool is_public;
	bool met; /* has leaves */
};

struct cdx_fsck_prot {
	struct cdx_protection p; /* sorted by id */
	uint64_t layers;	 /* of slot trees that have rows */
	uint32_t has_nodes;	 /* bit i: slot i has some */
	uint64_t leaves[CDX_PROTECTION_SLOTS_MAX]; /* held ones: of each slot */
	bool met;				   /* has leaves */
};

struct cdx_fsck_run {
	struct cdx_store *s;
	struct cdx_fsck *f;
	struct cdx_fsck_area *areas; /* sorted by id once listed */
	size_t n_areas;
	struct cdx_fsck_ds *ds;
	size_t n_ds;
	struct cdx_fsck_prot *prot;
	size_t n_prot;
	struct cdx_refs refs;
	struct cdx_refs absent; /* leaves of slots that are not here */
	uint8_t *block;		/* CDX_BLOCK_SIZE_MAX of scratch */
};

/* One finding */
void cdx_fsck_say(struct cdx_fsck_run *r, const char *what, const char *fmt,
		  ...) CDX_PRINTF(3, 4);
void cdx_fsck_progress(struct cdx_fsck_run *r, const char *phase, uint64_t done,
		       uint64_t total);
/* NULL when unknown */
struct cdx_fsck_area *cdx_fsck_area_find(struct cdx_fsck_run *r, uint64_t id);
struct cdx_fsck_ds *cdx_fsck_ds_find(struct cdx_fsck_run *r, uint64_t dsid);
/* Hashes a block at a place.  0, CDX_E_HASH, or why it could not be read. */
CDX_MUST_CHECK int cdx_fsck_hash(struct cdx_fsck_run *r, uint64_t area,
				 uint64_t off, uint32_t size,
				 const struct cdx_digest *digest);

/* NULL when @id is no protection's */
struct cdx_fsck_prot *cdx_fsck_prot_find(struct cdx_fsck_run *r, uint64_t id);
/* The adopted one (held.h) whose data's leaves are kept under @base; NULL: none */
struct cdx_fsck_prot *cdx_fsck_held_find(struct cdx_fsck_run *r, uint64_t base);
/* Is this the file that it names?  From then on the area counts as named. */
void cdx_fsck_prot_file(struct cdx_fsck_run *r, const struct cdx_protection *p,
			uint64_t id, enum cdx_area_kind kind, uint64_t size);
/* The protection whose data slots of @base are not all here; NULL: none */
const struct cdx_protection *cdx_fsck_prot_gaps(struct cdx_fsck_run *r,
						uint64_t base);

/* ---- phases ---- */

/* In this order.  Findings are reported; negative: could not go on. */
CDX_MUST_CHECK int cdx_fsck_prot_list(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_datasets(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_trees(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_public(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_leaves(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_blocks(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_protections(struct cdx_fsck_run *r);
/* Adopted ones, after cdx_fsck_protections, which passes them over */
CDX_MUST_CHECK int cdx_fsck_held(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_offers(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_proof_keys(struct cdx_fsck_run *r);
CDX_MUST_CHECK int cdx_fsck_cache(struct cdx_fsck_run *r);

#endif
