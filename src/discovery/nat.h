/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_NAT_H
#define CDX_DISCOVERY_NAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"

/* A port of the router that leads to ours, by UPnP (miniupnpc), which blocks: it
 * has a thread of its own.  Renewed every 20 minutes, removed at the end. */
struct cdx_nat;

#define CDX_NAT_WHY_MAX 256u
/* On the loop: @ip is the router's outer address as text and @port the outer port;
 * or @ip is NULL and @why says what failed (tried again after 5 minutes). */
typedef void cdx_nat_fn(void *arg, const char *ip, uint16_t port,
			const char *why);

/* Returns new.  -ENOTSUP not built in; -ENOMEM, -EAGAIN. */
CDX_MUST_CHECK int cdx_nat_new(struct cdx_nat **out, struct cdx_loop *loop,
			       uint16_t port, cdx_nat_fn *fn, void *arg);
/* Removes the mapping (2 s at most).  NULL is allowed. */
void cdx_nat_free(struct cdx_nat *n);

#endif
