/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_CHAIN_PERSIST_H
#define CDX_NODE_CHAIN_PERSIST_H

#include "base/attr.h"
#include "base/loop.h"
#include "eth/persist.h"
#include "store/store.h"

/*
 * What the chain client keeps, in a store: table meta, keys "eth/..." (the
 * caller's keys have that beginning already).  A change is applied at once, and
 * durable after a flush of the store's log, which a thread of its own does for
 * all changes that wait; so the loop never waits for the disk but when the
 * store's memory is full.
 */
struct cdx_chain_persist;

/* Keeps @store and @loop; returns new.  -ENOMEM, -EAGAIN no thread. */
CDX_MUST_CHECK int cdx_chain_persist_new(struct cdx_chain_persist **out,
					 struct cdx_store *store,
					 struct cdx_loop *loop);
/* Functions that wait are not called any more.  On the loop thread or when that
 * has ended; before the loop and the store.  NULL is allowed. */
void cdx_chain_persist_free(struct cdx_chain_persist *p);
/* The calls on it; borrowed */
const struct cdx_persist *cdx_chain_persist(struct cdx_chain_persist *p);

#endif
