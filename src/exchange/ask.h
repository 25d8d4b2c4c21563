/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_EXCHANGE_ASK_H
#define CDX_EXCHANGE_ASK_H

#include "exchange/internal.h"

/*
 * One block, or the page that proves it, of one peer after another: beside what is
 * wanted of the dataset, of which it knows nothing, and kept by nobody.  A call of a
 * user, whose kind embeds it first.  loop-confined
 */
struct cdx_xask {
	struct cdx_op op;
	struct cdx_exchange *ex;
	struct cdx_reader *rd; /* keeps the session; set before it begins */
	uint32_t index;
	bool holders;  /* only who says that he has the block's slot */
	bool has_leaf; /* no page is asked for */
	struct cdx_digest leaf;
	/* Something true came: page, block or both, and from @peer.  It may end the
	 * op; else the next one is asked. */
	void (*take)(struct cdx_xask *a);
	/* ---- inside ---- */
	uint64_t since;
	uint8_t tries[CDX_X_SESSION_PEERS];
	bool checking;
	bool lied;		 /* somebody has ... */
	struct cdx_peer_id liar; /* ... and who */
	/* the request under way, or what came of it */
	unsigned at;
	struct cdx_xpeer *peer; /* NULL: none */
	struct cdx_http_transfer *transfer;
	struct cdx_wire_reader *wire;
	const char *lie;
	bool said; /* about the block, whatever it was */
	struct cdx_xpage *page;
	struct cdx_xblock *block;
	struct cdx_xjob job;
	int rc;
};
/* Asks the first one; the op ends with -ENODATA when nobody is left, or CDX_E_HASH
 * when one of them lied. */
void cdx_xask_begin(struct cdx_xask *a);
/* Those of its op: once a tick; at its end */
void cdx_xask_poll(struct cdx_exchange *ex, struct cdx_op *op);
void cdx_xask_detach(struct cdx_op *op);

#endif
