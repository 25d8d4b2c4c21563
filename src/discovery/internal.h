/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_INTERNAL_H
#define CDX_DISCOVERY_INTERNAL_H

/* What the sources of this module share. */

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "base/map.h"
#include "discovery/dht.h"
#include "discovery/discovery.h"
#include "discovery/peer.h"
#include "discovery/schedule.h"
#include "discovery/seen.h"
#include "discovery/static.h"

/* A peer id as bytes: an identity multihash */
#define CDX_PEER_ID_BIN_LEN 39u
void cdx_peer_id_bin(uint8_t out[CDX_PEER_ID_BIN_LEN],
		     const struct cdx_peer_id *id);

/* Checks of signatures: so many at once, and so many a second on the whole.
 * loop-confined. */
#define CDX_CHECKS_BURST 256u
#define CDX_CHECKS_PER_S 400u
struct cdx_checks {
	uint32_t left;
	uint64_t then_ns;
};
/* One more now? */
bool cdx_checks_take(struct cdx_checks *c, uint64_t now_ns);

/* loop-confined */
struct cdx_discovery {
	struct cdx_loop *loop;
	const struct cdx_log *log;
	struct cdx_identity who;
	struct cdx_discovery_stats stats;
	/* where we are */
	struct cdx_maddr addr[CDX_PEER_ADDRS_MAX];
	uint32_t n_addrs;
	bool has_tls_key;
	struct cdx_digest tls_key;
	/* announced.c */
	struct cdx_map entries; /* first 8 bytes of the key: struct entry */
	struct cdx_schedule schedule;
	struct cdx_loop_timer *pump;
	uint64_t seq; /* the last one given */
	unsigned expire_s;
	bool withdrawing;
	struct cdx_loop_timer *withdraw;
	void (*withdrawn)(void *arg);
	void *withdrawn_arg;
	/* find.c */
	struct cdx_list finds;
	struct cdx_checks checks;
	struct cdx_seen *seen;
	/* back ends; NULL: not there */
	struct cdx_dht *dht;
	struct cdx_static *peers;
};

/* The place of a key in the DHT */
void cdx_discovery_locate(struct cdx_dht_place *out,
			  const struct cdx_discovery *d,
			  const struct cdx_digest *key);
/* Puts what is due, and sets the timer for what comes next */
void cdx_discovery_pump(struct cdx_discovery *d);
/* Forgets all that is announced */
void cdx_discovery_forget(struct cdx_discovery *d);
/* Ends all finds without a word */
void cdx_discovery_finds_end(struct cdx_discovery *d);

#endif
