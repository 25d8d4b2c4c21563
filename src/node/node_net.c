/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "node/node_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypto/block.h"
#include "node/conf.h"
#include "node/peers.h"

/* ---- blocks of segments that are not here ---- */

/* One that the volume waits for */
struct wanted {
	cdx_vol_block_fn *fn;
	void *arg;
};

static void on_block(void *arg, int rc, const uint8_t *block, size_t size)
{
	struct wanted w = *(struct wanted *)arg;

	free(arg);
	/* a segment's blocks have one size */
	if (rc == 0 && size != CDX_BLOCK_SIZE)
		rc = CDX_E_CORRUPT;
	w.fn(w.arg, rc, rc == 0 ? block : NULL);
}

static int fetch(void *arg, void **op, const struct cdx_cid *manifest,
		 uint32_t index, cdx_vol_block_fn *fn, void *fn_arg)
{
	struct cdx_exchange *ex = arg;
	struct wanted *w = malloc(sizeof(*w));
	struct cdx_op *o = NULL;
	int rc;

	if (w == NULL)
		return -ENOMEM;
	w->fn = fn;
	w->arg = fn_arg;
	rc = cdx_exchange_block(ex, &o, manifest, index, 0, on_block, w);
	if (rc < 0) {
		free(w);
		return rc;
	}
	*op = o;
	return 0;
}

static void end(void *arg CDX_UNUSED, void *op, bool cancel)
{
	if (cancel)
		cdx_op_cancel(op);
	cdx_op_put(op);
}

/* ---- start and end ---- */

int cdx_node_net_start(struct cdx_node *n, const struct cdx_node_opts *opts,
		       const struct cdx_keyfile *keys, char *error)
{
	const struct cdx_peers_opts o = {
		.store = n->store,
		.pool = n->pool,
		.keys = keys,
		.conf = opts->peers,
		.log = opts->log,
	};
	/* which segments are safe elsewhere, nobody knows yet */
	struct cdx_vol_net net = {.fetch = fetch, .end = end};
	char why[CDX_PEERS_WHY_MAX];
	int rc;

	if (opts->peers == NULL)
		return 0;
	rc = cdx_peers_new(&n->peers, &o, why);
	if (rc < 0 && opts->alone_too) {
		cdx_log(opts->log, ERROR, "node",
			"%s is no node, though it was to be one: %s", n->path,
			why);
		n->alone_why = strdup(why);
		return n->alone_why == NULL ? -ENOMEM : 0;
	}
	if (rc < 0) {
		snprintf(error, CDX_NODE_ERROR_MAX, "%s cannot be a node: %s",
			 n->path, why);
		return rc;
	}
	net.arg = cdx_peers_exchange(n->peers);
	net.timeout_ms = opts->peers->read_timeout_s * 1000;
	rc = cdx_vol_set_net(n->volume, &net);
	if (rc < 0)
		snprintf(error, CDX_NODE_ERROR_MAX, "%s cannot be a node: %s",
			 n->path, cdx_strerror(rc));
	return rc;
}

void cdx_node_net_end(struct cdx_node *n)
{
	if (n->peers == NULL)
		return;
	(void)!cdx_vol_set_net(n->volume, NULL);
	cdx_peers_free(n->peers);
	n->peers = NULL;
}
