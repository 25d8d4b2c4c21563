/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_ETH_PERSIST_MEMORY_H
#define CDX_ETH_PERSIST_MEMORY_H

#include "base/attr.h"
#include "base/loop.h"
#include "eth/persist.h"

/* Keeps everything in memory: for a program that waits for its transactions and
 * ends.  Also the model that tests compare with. */
struct cdx_persist_memory;

/* Returns new; -ENOMEM.  Free it before the loop. */
CDX_MUST_CHECK int cdx_persist_memory_new(struct cdx_persist_memory **out,
					  struct cdx_loop *loop);
void cdx_persist_memory_free(struct cdx_persist_memory *m);
/* The calls on it; borrowed */
const struct cdx_persist *cdx_persist_memory(struct cdx_persist_memory *m);

#endif
