/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_NODE_NET_H
#define CDX_NODE_NODE_NET_H

#include "base/attr.h"
#include "node/node.h"

/* A node's peers, its part in the market, and its volume's way to both; for node.c
 * alone. */

/* Starts them; @error: CDX_NODE_ERROR_MAX bytes, what failed in words */
CDX_MUST_CHECK int cdx_node_net_start(struct cdx_node *n,
				      const struct cdx_node_opts *opts,
				      const struct cdx_keyfile *keys,
				      char *error);
/* Ends what the volume waits for, and then them.  Nothing is wrong with a node
 * that has none. */
void cdx_node_net_end(struct cdx_node *n);

#endif
