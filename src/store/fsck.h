/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_STORE_FSCK_H
#define CDX_STORE_FSCK_H

#include <stdint.h>

#include "base/attr.h"
#include "store/store.h"

/* One finding; @what is a short identifier such as "leaf-without-block". */
typedef void cdx_fsck_fn(void *arg, const char *what, const char *detail);

struct cdx_fsck {
	cdx_fsck_fn *report;
	void *arg;
	void (*progress)(void *arg, const char *phase, uint64_t done,
			 uint64_t total); /* may be NULL */
	uint64_t errors;
	uint64_t blocks_checked;
	uint64_t bytes_checked;
	uint64_t orphaned_bytes; /* space nobody owns */
};

/* Checks what the store knows: every leaf, block, location, area, free record,
 * counter and every block's hash.  Nothing else may change the store
 * meanwhile.  0 also when errors were found; negative when it could not
 * check. */
CDX_MUST_CHECK int cdx_store_fsck(struct cdx_store *s, struct cdx_fsck *f);

/**
 * cdx_store_charged - what the store itself has charged to the volume's share
 *
 * @out: bytes: loose blocks, manifests of added datasets, protections; what a
 *       volume charges (segments, records, inline values) comes on top.  A
 *       protection of a segment may take more off than it charges: negative.
 *
 * Counted from the tables, for checks.  Thread: safe; slow.
 */
CDX_MUST_CHECK int cdx_store_charged(struct cdx_store *s, int64_t *out);
/* The same of the provider's share, which nobody else charges: slots of others'
 * datasets (held.h) */
CDX_MUST_CHECK int cdx_store_charged_held(struct cdx_store *s, int64_t *out);

#endif
