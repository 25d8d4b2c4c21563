/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_PEERS_H
#define CDX_NODE_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/pool.h"
#include "crypto/keys.h"
#include "discovery/discovery.h"
#include "exchange/exchange.h"
#include "exchange/server.h"
#include "node/conf.h"
#include "store/store.h"

/*
 * A process's place among others: one thread with a loop on which discovery and
 * exchange run, the server for strangers, and the list of what is announced.
 * Thread: all calls are safe from any thread but the loop's, unless they say so.
 */
struct cdx_peers;
#define CDX_PEERS_WHY_MAX 512u

struct cdx_peers_opts {
	struct cdx_store *store;	  /* kept */
	struct cdx_pool *pool;		  /* kept */
	const struct cdx_keyfile *keys;	  /* read, not kept */
	const struct cdx_conf_node *conf; /* copied */
	const struct cdx_log *log;	  /* kept */
	unsigned dial_s; /* between tests of being reached; 0: 1800 */
};
/* Returns new: listens, searches, announces from now on.  @why: in words. */
CDX_MUST_CHECK int cdx_peers_new(struct cdx_peers **out,
				 const struct cdx_peers_opts *opts,
				 char why[CDX_PEERS_WHY_MAX]);
/* Withdraws what was announced (2 s at most), ends.  NULL is allowed. */
void cdx_peers_free(struct cdx_peers *p);

/* Borrowed for the object's life */
struct cdx_exchange *cdx_peers_exchange(struct cdx_peers *p);
const struct cdx_identity *cdx_peers_identity(const struct cdx_peers *p);

/* Datasets came or went: what is announced by default is looked up again soon.
 * Does not wait. */
void cdx_peers_changed(struct cdx_peers *p);
/* What `dataset announce` asks for: makes it public (store/public.h) and tells
 * others; @on false: private, and withdraws.  Errors of cdx_dataset_publish. */
CDX_MUST_CHECK int cdx_peers_announce(struct cdx_peers *p,
				      const struct cdx_cid *cid, bool on);
/* Who has it?  @fn on the caller's thread, negative stops; blocks up to @ms. */
typedef int cdx_peers_found_fn(void *arg, const struct cdx_provider_record *r);
CDX_MUST_CHECK int cdx_peers_find(struct cdx_peers *p,
				  const struct cdx_cid *cid, unsigned ms,
				  cdx_peers_found_fn *fn, void *arg);
/* Blocks.  @expect may be NULL. */
CDX_MUST_CHECK int cdx_peers_connect(struct cdx_peers *p,
				     const struct cdx_maddr *addr,
				     const struct cdx_peer_id *expect,
				     struct cdx_peer_record *out,
				     char why[CDX_PEERS_WHY_MAX]);
/* Our record as "spr:..."; returns new */
CDX_MUST_CHECK int cdx_peers_spr(struct cdx_peers *p, char **out);

enum cdx_reach {
	CDX_REACH_NONE,	   /* we do not listen */
	CDX_REACH_UNKNOWN, /* nobody has tried yet */
	CDX_REACH_YES,	   /* a peer got through */
	CDX_REACH_NO,	   /* peers tried and did not */
};
struct cdx_peers_status {
	struct cdx_identity id; /* without the key */
	uint16_t port;		/* TCP; 0: not listening */
	uint32_t n_addrs;
	struct cdx_maddr addr[CDX_PEER_ADDRS_MAX]; /* announced */
	enum cdx_reach reach;
	int64_t reach_at;    /* wall seconds of the last try */
	char reach_why[256]; /* who said so, or what failed */
	char nat[256];	     /* what became of UPnP, "" when not wanted */
	struct cdx_discovery_stats discovery;
	struct cdx_exchange_stats exchange;
	struct cdx_exchange_server_stats server;
};
/* Blocks for a turn of the loop. */
void cdx_peers_status(struct cdx_peers *p, struct cdx_peers_status *out);

#endif
