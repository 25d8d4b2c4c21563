/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_DISCOVERY_H
#define CDX_DISCOVERY_DISCOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/loop.h"
#include "discovery/provider.h"
#include "net/http.h"

/*
 * Who has dataset X, and telling others that we have it.  Two sources: records in
 * OpenDHT, and a static list of peers, who are asked over HTTP.  loop-confined:
 * what OpenDHT's own threads say is posted to the loop first.
 */
struct cdx_discovery;

#define CDX_STATIC_PEERS_MAX 64u
#define CDX_BOOTSTRAP_MAX 16u

struct cdx_discovery_opts {
	struct cdx_loop *loop;			  /* kept */
	struct cdx_http *http;			  /* kept; for static peers */
	const struct cdx_identity *who;		  /* copied */
	const struct cdx_log *log;		  /* kept */
	const char *bootstrap[CDX_BOOTSTRAP_MAX]; /* "HOST:PORT"; copied */
	unsigned n_bootstrap;
	bool dht; /* run a DHT node (also with no bootstrap: a first one) */
	uint16_t dht_port; /* UDP; 0: any free one */
	const char *state; /* file in which it keeps nodes it knew; NULL: none */
	struct cdx_maddr peer[CDX_STATIC_PEERS_MAX];
	unsigned n_peers;
	/* for tests; 0: 480 s and 600 s */
	unsigned refresh_s;
	unsigned expire_s;
};

/* Returns new; starts OpenDHT's threads when it is wanted.  -ENOTSUP it is wanted
 * and was not built in; -EADDRINUSE, -EACCES the port; -EINVAL a bootstrap that is
 * no HOST:PORT; -EMFILE too many open files for OpenDHT; -ENOMEM; -EIO. */
CDX_MUST_CHECK int cdx_discovery_new(struct cdx_discovery **out,
				     const struct cdx_discovery_opts *opts);
/* Ends it at once: nothing is withdrawn.  Calls nobody back.  Waits for OpenDHT's
 * threads (some 100 ms).  NULL is allowed. */
void cdx_discovery_free(struct cdx_discovery *d);
/* Withdraws what was announced, as far as @ms go, then calls @done, from which or
 * after which cdx_discovery_free is called.  Nothing is announced any more. */
void cdx_discovery_withdraw(struct cdx_discovery *d, unsigned ms,
			    void (*done)(void *arg), void *arg);

/* Where we are, for all records from now on; addresses of others' view (dial-back,
 * UPnP) are the caller's to add.  Without one nothing is announced.  @tls_key: NULL
 * for none. */
void cdx_discovery_place(struct cdx_discovery *d, const struct cdx_maddr *addr,
			 unsigned n, const struct cdx_digest *tls_key);

/* Announce, or change what is held; NOTHING ends it and withdraws.  @slots: with
 * CDX_HOLDS_SLOTS, else NULL.  Repeated calls with the same are cheap.
 * -ENOMEM. */
CDX_MUST_CHECK int cdx_discovery_announce(struct cdx_discovery *d,
					  const struct cdx_cid *cid,
					  enum cdx_holding holding,
					  const struct cdx_slot_set *slots);

/* One find under way */
struct cdx_find;
/* @r: somebody (newest record of each peer; never ourselves); NULL: the end, with
 * nobody after it.  Static peers are given with the address they were configured
 * with. */
typedef void cdx_find_fn(void *arg, const struct cdx_provider_record *r);
/**
 * cdx_discovery_find - who has it?
 *
 * @cid: of a manifest or a tree
 * @ms:  the end comes at the latest then
 *
 * A peer whose newer record comes later is given again.  What was withdrawn, or is
 * older than what any find has seen, is not given; of the DHT at most 256 values of
 * a key are looked at, and 400 signatures a second checked for all finds.  Never
 * calls back before it returns.  @fn may cancel, and may not free the object.
 * -ENOMEM.
 */
CDX_MUST_CHECK int cdx_discovery_find(struct cdx_discovery *d,
				      struct cdx_find **out,
				      const struct cdx_cid *cid, unsigned ms,
				      cdx_find_fn *fn, void *arg);
/* Ends one that has not ended; @fn is not called any more.  NULL is allowed. */
void cdx_find_cancel(struct cdx_find *f);

struct cdx_discovery_stats {
	uint32_t announced;  /* manifests */
	uint32_t keys;	     /* and trees */
	uint64_t puts;	     /* since start: put again */
	uint64_t put_errors; /* not taken by any node */
	uint64_t finds;
	uint64_t records; /* seen */
	uint64_t forged;  /* dropped: signature */
	uint64_t stale;	  /* expired, or an older sequence */
	uint64_t oversized;
	uint64_t foreign; /* another network or key, or not ours at all */
	uint32_t nodes;	  /* 0: alone; 1: others answer, OpenDHT's C interface
			     does not say how many */
	uint16_t port;	  /* UDP port in use; 0: no DHT */
	uint32_t inflight_finds;
	uint32_t inflight_puts;
};
/* Counters since the start, and what is in flight now */
void cdx_discovery_stats(const struct cdx_discovery *d,
			 struct cdx_discovery_stats *out);

#endif
