/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_MARKET_SLOT_FETCH_H
#define CDX_MARKET_SLOT_FETCH_H

#include "base/attr.h"
#include "exchange/exchange.h"
#include "market/slot_data.h"
#include "merkle/sha256_page.h"
#include "slots/geometry.h"

/*
 * Blocks of one slot in order, had from others ahead of who asks for them, so that
 * the exchange has many of them to divide among its peers.  One thread asks.
 */
struct cdx_slot_fetch;

/* @rd, @run: kept; @g: copied.  Returns new; -ENOMEM. */
CDX_MUST_CHECK int cdx_slot_fetch_new(struct cdx_slot_fetch **out,
				      struct cdx_reader *rd,
				      const struct cdx_geometry *g,
				      uint32_t slot,
				      const struct cdx_slot_run *run);
/* Ends what is under way, and waits for it.  NULL is allowed. */
void cdx_slot_fetch_free(struct cdx_slot_fetch *f);

/* A source of cdx_rebuild_slot: blocks of its slot, in ascending order; -ENODATA of
 * others, or it is to be had from nobody; -ETIMEDOUT, -ECANCELED from then on. */
int cdx_slot_fetch_block(void *fetch, uint32_t slot, uint64_t step,
			 uint8_t *out);
/* What made it give up: 0, -ETIMEDOUT, -ECANCELED */
int cdx_slot_fetch_error(const struct cdx_slot_fetch *f);
/* Blocks that came */
uint64_t cdx_slot_fetch_count(const struct cdx_slot_fetch *f);

/* Calls @fn for each page of the tree that has leaves of the slot; several are
 * fetched at once.  Errors: its own, and @fn's; -ENODATA, -ETIMEDOUT,
 * -ECANCELED. */
typedef int cdx_slot_page_fn(void *arg, const struct cdx_tree_page *page);
CDX_MUST_CHECK int cdx_slot_fetch_pages(struct cdx_reader *rd,
					const struct cdx_geometry *g,
					uint32_t slot,
					const struct cdx_slot_run *run,
					cdx_slot_page_fn *fn, void *arg);

#endif
