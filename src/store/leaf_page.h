/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_LEAF_PAGE_H
#define CDX_STORE_LEAF_PAGE_H

#include <stdint.h>

#include "base/attr.h"
#include "merkle/sha256_page.h"
#include "store/dataset_store.h"

/*
 * Leaves of a dataset by their index in its own tree, whatever kind it is, and
 * their proofs.  The roots of a tree's pages and what is above them are made at its
 * first page and kept (64 bytes for 16 MiB of blocks), for the datasets that were
 * asked for last.
 */

/* Digest at an index of the tree that @info names; that of the empty block for
 * padding.  -ENOENT no such leaf. */
CDX_MUST_CHECK int cdx_dataset_leaf(struct cdx_store *s,
				    const struct cdx_dataset_info *info,
				    uint64_t index, struct cdx_digest *out);
/* Leaves of its tree: blocks of a plain dataset, steps * slots of others */
CDX_MUST_CHECK int cdx_dataset_leaves(struct cdx_store *s,
				      const struct cdx_dataset_info *info,
				      uint64_t *out);

struct cdx_leaf_pages;
/* @bytes: most that kept roots may take; those of one dataset are kept however
 * large.  @s: kept.  -ENOMEM. */
CDX_MUST_CHECK int cdx_leaf_pages_new(struct cdx_leaf_pages **out,
				      struct cdx_store *s, size_t bytes);
/* NULL is allowed. */
void cdx_leaf_pages_free(struct cdx_leaf_pages *p);
/* A page with its path, verified.  -ENOENT no such page or dataset any more, or not
 * one that is kept of an adopted dataset (held.h);
 * CDX_E_CORRUPT the leaves do not give the tree's root.  Thread: safe; the first
 * page of a large dataset takes some seconds a TiB, for which all who want one of
 * this dataset wait. */
CDX_MUST_CHECK int cdx_leaf_page(struct cdx_leaf_pages *p,
				 const struct cdx_dataset_info *info,
				 uint32_t page, struct cdx_tree_page *out);

#endif
