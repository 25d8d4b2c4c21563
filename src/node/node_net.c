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
#include "node/market.h"
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
	struct cdx_node *n = arg;
	struct wanted *w = malloc(sizeof(*w));
	struct cdx_op *o = NULL;
	int rc;

	if (w == NULL)
		return -ENOMEM;
	w->fn = fn;
	w->arg = fn_arg;
	rc = cdx_exchange_block(cdx_peers_exchange(n->peers), &o, manifest,
				index, 0, on_block, w);
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

/* Whoever buys storage for the volume knows */
static bool safe(void *arg, const struct cdx_cid *verifiable)
{
	struct cdx_node *n = arg;

	return cdx_node_market_safe(n->market, verifiable);
}

/* ---- start and end ---- */

static int start_market(struct cdx_node *n, const struct cdx_node_opts *opts,
			const struct cdx_keyfile *keys, char *error)
{
	char none[CDX_CHAIN_WHY_MAX];
	struct cdx_node_market_opts o = {
		.n = n,
		.conf = opts->market,
		.keys = keys,
		.look_ms = opts->look_ms,
	};
	int rc;

	if (opts->market == NULL || !cdx_conf_wants_market(opts->market))
		return 0;
	if (opts->readonly) {
		o.none = "the store is open for reading only, and whoever buys "
			 "or sells writes down what he does; mount it without "
			 "ro";
	} else if (n->peers == NULL) {
		snprintf(none, sizeof(none),
			 "this process is no node among others, which who buys "
			 "or sells must be: %s",
			 n->alone_why != NULL ? n->alone_why
					      : "it listens nowhere");
		o.none = none;
	}
	rc = cdx_node_market_new(&n->market, &o);
	if (rc < 0)
		snprintf(error, CDX_NODE_ERROR_MAX,
			 "%s cannot take part in the market: %s", n->path,
			 cdx_strerror(rc));
	return rc;
}

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
	struct cdx_vol_net net = {.fetch = fetch, .end = end, .arg = n};
	char why[CDX_PEERS_WHY_MAX];
	int rc;

	if (opts->peers == NULL)
		return start_market(n, opts, keys, error);
	rc = cdx_peers_new(&n->peers, &o, why);
	if (rc < 0 && opts->alone_too) {
		cdx_log(opts->log, ERROR, "node",
			"%s is no node, though it was to be one: %s", n->path,
			why);
		n->alone_why = strdup(why);
		return n->alone_why == NULL
			       ? -ENOMEM
			       : start_market(n, opts, keys, error);
	}
	if (rc < 0) {
		snprintf(error, CDX_NODE_ERROR_MAX, "%s cannot be a node: %s",
			 n->path, why);
		return rc;
	}
	rc = start_market(n, opts, keys, error);
	if (rc < 0)
		return rc;
	/* elsewhere only what was bought is safe */
	if (n->market != NULL && opts->market->buys)
		net.safe = safe;
	net.timeout_ms = opts->peers->read_timeout_s * 1000;
	rc = cdx_vol_set_net(n->volume, &net);
	if (rc < 0)
		snprintf(error, CDX_NODE_ERROR_MAX, "%s cannot be a node: %s",
			 n->path, cdx_strerror(rc));
	return rc;
}

void cdx_node_net_end(struct cdx_node *n)
{
	/* the volume asks both */
	if (n->peers != NULL)
		(void)!cdx_vol_set_net(n->volume, NULL);
	cdx_node_market_free(n->market);
	n->market = NULL;
	cdx_peers_free(n->peers);
	n->peers = NULL;
}
