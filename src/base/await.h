/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_BASE_AWAIT_H
#define CDX_BASE_AWAIT_H

#include "base/attr.h"
#include "base/loop.h"

/* Waiting on one thread for what the loop of another does: for verbs, calls of
 * the control socket and tests.  Never for the loop's own thread. */
struct cdx_await;

/* Begins something on the loop thread; whatever comes of it calls
 * cdx_await_done once, at once or later. */
typedef void cdx_await_fn(void *arg, struct cdx_await *a);

/* Runs @fn on @loop's thread and blocks until cdx_await_done; what that was
 * given, or -ENOMEM (@fn was not called). */
CDX_MUST_CHECK int cdx_await(struct cdx_loop *loop, cdx_await_fn *fn,
			     void *arg);
/* On the loop thread, once; @a is dead afterwards. */
void cdx_await_done(struct cdx_await *a, int rc);

#endif
