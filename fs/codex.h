/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_FS_CODEX_H
#define CDX_FS_CODEX_H

#include "base/bytes.h"
#include "codec/cid.h"
#include "fs/internal.h"
#include "store/dataset_store.h"

/* The virtual tree `.codex`: shared by codexdir.c, codex_node.c and
 * codex_dataset.c only. */

enum codex_kind {
	CODEX_ROOT = 1,
	CODEX_DATASETS,
	CODEX_NAMES,
	CODEX_SEGMENTS,
	CODEX_STATUS,
	CODEX_DATASET, /* a file under datasets or names */
	CODEX_SEGMENT,
};

/* Fixed numbers for the fixed nodes */
#define CODEX_INO(kind) (CDX_FS_VIRTUAL + (uint64_t)(kind))

struct codex_node {
	uint64_t ino;
	uint64_t lookups;
	enum codex_kind kind;
	struct cdx_cid cid; /* CODEX_DATASET */
	uint64_t area;	    /* CODEX_SEGMENT */
	/* of a dataset that is elsewhere: */
	bool far;
	uint64_t size;
	int64_t seen; /* wall seconds */
};

/* What an open file or directory reads from */
struct codex_handle {
	struct cdx_buf text;		 /* status, segments, listings */
	struct cdx_dataset_info dataset; /* valid when is_dataset, ... */
	struct cdx_reader *reader; /* ... unless it is read through this */
	bool is_dataset;
};

/* Which of the fixed nodes a number is, or 0.  Thread: safe. */
enum codex_kind cdx_codex_fixed_kind(uint64_t ino);
/* A copy of a node.  -ESTALE: the kernel has forgotten it.  Thread: safe. */
CDX_MUST_CHECK int cdx_codex_find_node(struct cdx_fs *fs, uint64_t ino,
				       struct codex_node *out);
/* Finds or makes the node of a dataset or segment and counts a kernel
 * reference; @want gets its number and when it was first seen.  -ENOMEM.  Thread:
 * safe. */
CDX_MUST_CHECK int cdx_codex_ref_node(struct cdx_fs *fs,
				      struct codex_node *want);

/* Answers a lookup: @rc, or the node, which gets a reference (codexdir.c) */
void cdx_codex_reply_entry(struct cdx_fs *fs, fuse_req_t req, int rc,
			   struct codex_node *n);

/* codex_dataset.c: each answers the request, at once or later */

/* A dataset that is not here; there must be an exchange */
void cdx_codex_find_dataset(struct cdx_fs *fs, fuse_req_t req,
			    const struct codex_node *n);
void cdx_codex_open_dataset(struct cdx_fs *fs, fuse_req_t req,
			    const struct codex_node *n,
			    struct fuse_file_info *fi);
void cdx_codex_read_dataset(struct cdx_fs *fs, fuse_req_t req,
			    struct codex_handle *h, size_t size, off_t off);
/* What a reader of a file is told.  Pure. */
int cdx_codex_read_error(int rc);

#endif
