/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_SLOTS_GEOMETRY_H
#define CDX_SLOTS_GEOMETRY_H

#include <stdint.h>

#include "base/attr.h"
#include "dataset/manifest.h"

#define CDX_CELL_SIZE 2048u   /* default, bytes */
#define CDX_SLOT_DEPTH_MAX 32u /* log2 of cells in a slot; the circuit's */
#define CDX_SLOTS_WHY_MAX 256u

/* Numbers of a protected dataset and its slots (spec/datasets.md 5, 6.5).
 * Immutable after init; value type. */
struct cdx_geometry {
	uint32_t k;
	uint32_t m;
	uint32_t slots; /* k + m */
	uint32_t block_size;
	uint32_t cell_size;
	uint32_t cells_per_block; /* a power of two */
	uint64_t blocks;	  /* n: data blocks */
	uint64_t rounded;	  /* n rounded up to a multiple of k */
	uint64_t steps;		  /* blocks of a slot, without padding */
	uint64_t total;		  /* steps * slots */
	uint64_t slot_blocks;	  /* with padding */
	uint64_t slot_cells;	  /* a power of two, at least 2 */
	uint64_t slot_bytes;	  /* block_size * slot_blocks: slotSize */
};

/**
 * cdx_geometry_init - numbers of a dataset, checked
 *
 * @out:    written on success only
 * @blocks: data blocks of the plain dataset, at least 1
 * @why:    CDX_SLOTS_WHY_MAX bytes or NULL: on failure the reason in words,
 *          with the smallest dataset that would do where that is the matter
 *
 * Errors: -EINVAL k = 0, fewer blocks than k, k + m > 256, block size that is
 * no multiple of the cell size, cells of a block no power of two, slots of
 * fewer than two or more than 2^32 cells, more than 2^32 - 1 blocks.
 * Thread: safe.
 */
CDX_MUST_CHECK int cdx_geometry_init(struct cdx_geometry *out, uint64_t blocks,
				     uint32_t k, uint32_t m,
				     uint32_t block_size, uint32_t cell_size,
				     char why[CDX_SLOTS_WHY_MAX]);
/* The same from a protected or verifiable manifest; @cell_size is used for one
 * that is not verifiable.  Also -EINVAL when its strategies are not stepped
 * coding and linear slots, CDX_E_FORMAT when its numbers contradict. */
CDX_MUST_CHECK int cdx_geometry_of(struct cdx_geometry *out,
				   const struct cdx_manifest *m,
				   uint32_t cell_size,
				   char why[CDX_SLOTS_WHY_MAX]);

/* Index in the encoded dataset of block @s of slot @slot: slot * steps + s */
uint64_t cdx_geometry_index(const struct cdx_geometry *g, uint32_t slot,
			    uint64_t s);
/* What is at an encoded index?  Data [0, n), empty [n, rounded), parity. */
enum cdx_index_kind {
	CDX_INDEX_DATA,
	CDX_INDEX_EMPTY,
	CDX_INDEX_PARITY,
};
enum cdx_index_kind cdx_geometry_kind(const struct cdx_geometry *g,
				      uint64_t index);

#endif
