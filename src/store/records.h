/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_RECORDS_H
#define CDX_STORE_RECORDS_H

#include "base/attr.h"
#include "base/bytes.h"
#include "merkle/sha256_page.h"
#include "store/area_internal.h"
#include "store/block.h"
#include "store/dataset_store.h"
#include "store/protection.h"

/* Encodings of the records of areas, blocks, leaves, datasets and free ranges
 * (docs/FORMATS.md "Databases").  Every value begins with a version byte;
 * integers are big endian.  Decoders take untrusted bytes, accept the
 * canonical form alone and return CDX_E_CORRUPT for anything else
 * (CDX_E_VERSION for a newer version byte).  A record has the lowest version
 * that can say what it says, so what an older codexfs wrote is canonical too.
 * Pure, safe on any thread. */

#define CDX_REC_VERSION 1u
#define CDX_AREA_VAL_LEN 19
#define CDX_BLOCK_VAL_MAX (10 + 16 * CDX_BLOCK_LOCS_MAX)
#define CDX_PROTECTION_KEY_LEN 16
#define CDX_PROTECTION_VAL_LEN 186
#define CDX_PROTECTION_VAL_MAX (CDX_PROTECTION_VAL_LEN + 5)
#define CDX_HELD_PAGE_KEY_LEN 12
#define CDX_HELD_PAGE_VAL_MAX \
	(1 + 32 * (CDX_TREE_PAGE + CDX_TREE_PAGE_PATH_MAX))
#define CDX_SLOT_NODE_KEY_LEN 15
#define CDX_SLOT_NODE_VAL_MAX (1 + CDX_NODES_A_ROW * CDX_NODE_LEN)
#define CDX_LEAF_KEY_LEN 12
#define CDX_LEAF_VAL_MAX (3 + 32 + 128)

/* Area record.  live <= size. */
void cdx_area_info_encode(uint8_t out[CDX_AREA_VAL_LEN],
			  const struct cdx_area_info *info);
CDX_MUST_CHECK int cdx_area_info_decode(struct cdx_area_info *out,
					const void *p, size_t len);

/* Block record; returns the length */
size_t cdx_block_info_encode(uint8_t out[CDX_BLOCK_VAL_MAX],
			     const struct cdx_block_info *info);
CDX_MUST_CHECK int cdx_block_info_decode(struct cdx_block_info *out,
					 const void *p, size_t len);

/* Leaf record's value; returns the length */
size_t cdx_leaf_encode(uint8_t out[CDX_LEAF_VAL_MAX],
		       const struct cdx_leaf *leaf);
CDX_MUST_CHECK int cdx_leaf_decode_val(struct cdx_leaf *out, const void *p,
				       size_t len);

/* Dataset record: fields, then the manifest's bytes to the end.  Appended to
 * @out; sticky failure. */
void cdx_dataset_encode(struct cdx_buf *out,
			const struct cdx_dataset_info *info,
			const void *manifest, size_t manifest_len);
/* @manifest: returns a pointer into @p */
CDX_MUST_CHECK int cdx_dataset_decode(struct cdx_dataset_info *out,
				      const uint8_t **manifest,
				      size_t *manifest_len, const void *p,
				      size_t len);

/* Free record: key (group, area, offset), value length */
void cdx_free_encode(uint8_t key[CDX_FREE_KEY_LEN], uint8_t val[8],
		     const struct cdx_free *f);
CDX_MUST_CHECK int cdx_free_decode(struct cdx_free *out,
				   const struct cdx_kv_pair *pair);

/* Protection record: key (base, id) and value, whose length it returns.  What
 * decodes is in itself sound: its numbers fit each other. */
size_t cdx_protection_encode(uint8_t key[CDX_PROTECTION_KEY_LEN],
			     uint8_t val[CDX_PROTECTION_VAL_MAX],
			     const struct cdx_protection *p);
CDX_MUST_CHECK int cdx_protection_decode(struct cdx_protection *out,
					 const struct cdx_kv_pair *pair);

/* Where nodes of slot trees belong */
struct cdx_slot_row {
	uint64_t id;
	uint32_t slot;	/* < CDX_PROTECTION_SLOTS_MAX */
	unsigned layer; /* < 256 */
	uint32_t chunk;
};
void cdx_slot_row_key(uint8_t key[CDX_SLOT_NODE_KEY_LEN],
		      const struct cdx_slot_row *row);
/* Number of nodes in a row, from 1; they begin at val + 1. */
CDX_MUST_CHECK int cdx_slot_row_decode(struct cdx_slot_row *out,
				       const struct cdx_kv_pair *pair);

/* A kept page of a tree: key (id, page), value version, leaves, path.  How many of
 * them there are follows from the number of leaves of the whole tree.  Returns the
 * value's length. */
size_t cdx_held_page_encode(uint8_t key[CDX_HELD_PAGE_KEY_LEN],
			    uint8_t val[CDX_HELD_PAGE_VAL_MAX], uint64_t id,
			    const struct cdx_tree_page *page);
/* @out: leaves and page are set; the rest is filled in */
CDX_MUST_CHECK int cdx_held_page_decode(struct cdx_tree_page *out,
					const void *val, size_t len);

#endif
