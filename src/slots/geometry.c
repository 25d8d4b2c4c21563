/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "slots/geometry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "dataset/indexing.h"
#include "merkle/poseidon2_tree.h"

#define SLOT_CELLS_MAX (UINT64_C(1) << CDX_SLOT_DEPTH_MAX)

CDX_PRINTF(3, 4)
static int refuse(char *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why) {
		va_start(ap, fmt);
		vsnprintf(why, CDX_SLOTS_WHY_MAX, fmt, ap);
		va_end(ap);
	}
	return err;
}

static bool is_power_of_two(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* What can be said without knowing the number of blocks */
static int check_form(const struct cdx_geometry *g, char *why)
{
	if (g->k == 0)
		return refuse(why, -EINVAL,
			      "there must be at least 1 data column");
	if ((uint64_t)g->k + g->m > CDX_SLOTS_MAX)
		return refuse(why, -EINVAL,
			      "%" PRIu32 " data and %" PRIu32
			      " parity columns make more than %u slots",
			      g->k, g->m, (unsigned)CDX_SLOTS_MAX);
	if (g->block_size == 0 || g->cell_size == 0 ||
	    g->block_size % g->cell_size != 0)
		return refuse(why, -EINVAL,
			      "the block size (%" PRIu32
			      " bytes) must be a multiple of the cell size "
			      "(%" PRIu32 " bytes)",
			      g->block_size, g->cell_size);
	if (!is_power_of_two(g->block_size / g->cell_size))
		return refuse(why, -EINVAL,
			      "a block has %" PRIu32
			      " cells; it must be a power of two",
			      g->block_size / g->cell_size);
	return 0;
}

static int too_small(char *why, const struct cdx_geometry *g, uint64_t least)
{
	return refuse(why, -EINVAL,
		      "datasets of fewer than %" PRIu64
		      " blocks cannot be protected with %" PRIu32
		      " data columns: the smallest has %" PRIu64
		      " blocks (%" PRIu64 " bytes)",
		      least, g->k, least, least * g->block_size);
}

/* The trees above a cell: one in its block, one in its slot.  Each has at
 * least one layer, so small ones may need one more than log2 of the cells. */
static unsigned path_len(const struct cdx_geometry *g)
{
	return cdx_p2tree_depth(g->cells_per_block) +
	       cdx_p2tree_depth(g->slot_blocks);
}

/* Fills what follows from form and @g->blocks */
static int derive(struct cdx_geometry *g, char *why)
{
	uint64_t cells;

	if (g->blocks < g->k)
		return too_small(why, g, g->k);
	g->slots = g->k + g->m;
	g->cells_per_block = g->block_size / g->cell_size;
	g->steps = (g->blocks - 1) / g->k + 1;
	if (g->steps > UINT32_MAX / g->slots)
		return refuse(
			why, -EINVAL,
			"%" PRIu64 " blocks in %" PRIu32 " data and %" PRIu32
			" parity columns become more than %" PRIu32 " blocks",
			g->blocks, g->k, g->m, UINT32_MAX);
	g->rounded = g->steps * g->k;
	g->total = g->steps * g->slots;
	/* at most 2^32 steps of at most 2^32 cells */
	if (__builtin_mul_overflow(g->steps, (uint64_t)g->cells_per_block,
				   &cells) ||
	    cells > SLOT_CELLS_MAX)
		return refuse(why, -EINVAL,
			      "a slot of %" PRIu64 " blocks has more than "
			      "2^%u cells of %" PRIu32 " bytes",
			      g->steps, CDX_SLOT_DEPTH_MAX, g->cell_size);
	if (cells < 2)
		return too_small(why, g, (uint64_t)g->k + 1);
	g->slot_cells = UINT64_C(1) << cdx_p2tree_depth(cells);
	g->slot_blocks = g->slot_cells / g->cells_per_block;
	g->slot_bytes = g->slot_blocks * g->block_size;
	if (path_len(g) > CDX_SLOT_DEPTH_MAX)
		return refuse(why, -EINVAL,
			      "the path of a cell has %u nodes; the circuit "
			      "takes %u",
			      path_len(g), CDX_SLOT_DEPTH_MAX);
	return 0;
}

int cdx_geometry_init(struct cdx_geometry *out, uint64_t blocks, uint32_t k,
		      uint32_t m, uint32_t block_size, uint32_t cell_size,
		      char why[CDX_SLOTS_WHY_MAX])
{
	struct cdx_geometry g = {
		.k = k,
		.m = m,
		.block_size = block_size,
		.cell_size = cell_size,
		.blocks = blocks,
	};
	int r = check_form(&g, why);

	if (r == 0)
		r = derive(&g, why);
	if (r == 0)
		*out = g;
	return r;
}

int cdx_geometry_of(struct cdx_geometry *out, const struct cdx_manifest *m,
		    uint32_t cell_size, char why[CDX_SLOTS_WHY_MAX])
{
	const struct cdx_erasure_info *e = &m->erasure;
	struct cdx_geometry g;
	uint64_t blocks = 0;
	int r;

	if (!m->is_protected)
		return refuse(why, -EINVAL, "the dataset is not protected");
	if (e->strategy != CDX_STRATEGY_STEPPED)
		return refuse(why, -EINVAL,
			      "only stepped coding is known, not strategy "
			      "%" PRIu32,
			      e->strategy);
	if (m->is_verifiable) {
		if (m->verification.strategy != CDX_STRATEGY_LINEAR)
			return refuse(why, -EINVAL,
				      "only linear slots are known, not "
				      "strategy %" PRIu32,
				      m->verification.strategy);
		cell_size = m->verification.cell_size;
	}
	if (m->block_size == 0)
		return refuse(why, CDX_E_FORMAT, "the block size is 0");
	if (e->original_size)
		blocks = (e->original_size - 1) / m->block_size + 1;
	r = cdx_geometry_init(&g, blocks, e->k, e->m, m->block_size, cell_size,
			      why);
	if (r < 0)
		return r;
	if (g.total != cdx_manifest_blocks(m))
		return refuse(why, CDX_E_FORMAT,
			      "the manifest has %" PRIu64
			      " blocks where its geometry has %" PRIu64,
			      cdx_manifest_blocks(m), g.total);
	if (m->is_verifiable && m->verification.slots != g.slots)
		return refuse(why, CDX_E_FORMAT,
			      "the manifest has %" PRIu32
			      " slot roots for %" PRIu32 " slots",
			      m->verification.slots, g.slots);
	*out = g;
	return 0;
}

uint64_t cdx_geometry_index(const struct cdx_geometry *g, uint32_t slot,
			    uint64_t s)
{
	return slot * g->steps + s;
}

enum cdx_index_kind cdx_geometry_kind(const struct cdx_geometry *g,
				      uint64_t index)
{
	if (index < g->blocks)
		return CDX_INDEX_DATA;
	return index < g->rounded ? CDX_INDEX_EMPTY : CDX_INDEX_PARITY;
}
