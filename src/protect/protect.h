/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_PROTECT_PROTECT_H
#define CDX_PROTECT_PROTECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/pool.h"
#include "codec/cid.h"
#include "slots/geometry.h"
#include "store/protection.h"
#include "store/store.h"

/*
 * Makes plain datasets of a store verifiable: parity, slot trees, manifests.
 * A job goes through the dataset once, a window of steps at a time; what a
 * window gave is one batch, and an interrupted job goes on behind the last one
 * that became durable.  docs/DESIGN.md "Protection".
 */

#define CDX_PROTECT_WHY_MAX 512u

struct cdx_protect_opts {
	uint32_t k;
	uint32_t m;
	uint32_t codec;	       /* enum cdx_ec_codec; ignored when m = 0 */
	uint32_t cell_size;    /* 0: CDX_CELL_SIZE */
	bool paid;	       /* parity is charged already (a segment) */
	uint32_t refs;	       /* of the verifiable dataset */
	struct cdx_pool *pool; /* NULL: work on the caller */
	enum cdx_pool_prio prio;
	/* asked between windows and while waiting for one; true ends the job with -ECANCELED, to be
	 * gone on with later.  NULL: never. */
	bool (*cancel)(void *arg);
	/* after each window: steps done of all; NULL: nobody asks */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

/* May this dataset be protected so?  -EINVAL, CDX_E_CODEC with the reason in
 * words. */
CDX_MUST_CHECK int cdx_protect_check(const struct cdx_protect_opts *o,
				     uint64_t blocks, uint32_t block_size,
				     char why[CDX_PROTECT_WHY_MAX]);

/**
 * cdx_protect_run - protect a plain dataset, or go on with it
 *
 * @plain: CID of its manifest
 * @out:   CID of the verifiable manifest; when the same protection is here
 *         already that one, and its refs are added
 * @why:   reason in words for -EINVAL, CDX_E_CODEC, CDX_E_HASH
 *
 * Every data block is hashed and compared before it is coded: CDX_E_HASH names
 * the bad one, and nothing is left behind.  Not two at once for one dataset.
 * Blocks.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_protect_run(struct cdx_store *s,
				   const struct cdx_cid *plain,
				   const struct cdx_protect_opts *o,
				   struct cdx_cid *out,
				   char why[CDX_PROTECT_WHY_MAX]);

#endif
