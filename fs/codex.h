/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_FS_CODEX_H
#define CDX_FS_CODEX_H

#include "codec/cid.h"
#include "fs/internal.h"

/* Nodes of the virtual tree `.codex` (codex_node.c), for codexdir.c only. */

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
};

/* Which of the fixed nodes a number is, or 0.  Thread: safe. */
enum codex_kind cdx_codex_fixed_kind(uint64_t ino);
/* A copy of a node.  -ESTALE: the kernel has forgotten it.  Thread: safe. */
CDX_MUST_CHECK int cdx_codex_find_node(struct cdx_fs *fs, uint64_t ino,
				       struct codex_node *out);
/* Finds or makes the node of a dataset or segment and counts a kernel
 * reference; @ino is its number.  -ENOMEM.  Thread: safe. */
CDX_MUST_CHECK int cdx_codex_ref_node(struct cdx_fs *fs,
				      const struct codex_node *want,
				      uint64_t *ino);

#endif
