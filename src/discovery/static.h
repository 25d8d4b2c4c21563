/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_STATIC_H
#define CDX_DISCOVERY_STATIC_H

#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/loop.h"
#include "codec/cid.h"
#include "discovery/provider.h"
#include "net/http.h"

/*
 * Peers that the configuration names: they are asked over HTTP what they hold, and
 * no DHT is needed.  Who they are is in the peer record that they serve, which is
 * kept until it expires.  loop-confined.
 */
struct cdx_static;
struct cdx_static_ask;

struct cdx_static_opts {
	struct cdx_loop *loop;		/* kept */
	struct cdx_http *http;		/* kept */
	const struct cdx_log *log;	/* kept */
	const struct cdx_identity *who; /* kept */
	const struct cdx_maddr *peer;	/* copied */
	unsigned n_peers;
};

/* Returns new.  -ENOMEM. */
CDX_MUST_CHECK int cdx_static_new(struct cdx_static **out,
				  const struct cdx_static_opts *opts);
/* No ask may be under way.  NULL is allowed. */
void cdx_static_free(struct cdx_static *s);

/* @r: a peer that has something of it, with the address of the configuration, a
 * sequence of now; NULL: the end, the handle is dead */
typedef void cdx_static_fn(void *arg, const struct cdx_provider_record *r);
/* Asks all of them; @ms: for each answer.  Never calls back before it returns.
 * -ENOMEM. */
CDX_MUST_CHECK int cdx_static_ask(struct cdx_static *s,
				  struct cdx_static_ask **out,
				  const struct cdx_cid *cid, unsigned ms,
				  cdx_static_fn *fn, void *arg);
/* NULL is allowed. */
void cdx_static_cancel(struct cdx_static_ask *a);

/* What a peer answers about a dataset: JSON, docs/PEERS.md "Exchange".  Of @r the
 * holding and the slots are set; CDX_HOLDS_NOTHING is none of it.  CDX_E_FORMAT;
 * -ENOMEM. */
CDX_MUST_CHECK int cdx_static_decode(struct cdx_provider_record *r,
				     const void *json, size_t len);

#endif
