/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_PEERS_INTERNAL_H
#define CDX_NODE_PEERS_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/loop.h"
#include "discovery/nat.h"
#include "net/http.h"
#include "node/peers.h"

/* What the files peers*.c share. */

/* Peers that are asked to dial back until it is believed that nobody can */
#define DIAL_TRIES 3u

/* What is told of one dataset */
struct announced {
	struct cdx_cid manifest;
	struct cdx_cid tree;
	enum cdx_holding holding; /* 0: it is private */
	struct cdx_slot_set slots;
};

/* By digest of the manifest */
struct announced_set {
	struct announced *v;
	size_t n;
	size_t cap;
};

/* Where somebody saw us */
struct seen_at {
	struct cdx_maddr addr;
	struct cdx_peer_id by;
};

/* One question to dial back, under way while reach.inflight */
struct dial {
	struct cdx_peer_info peer;
	struct cdx_peer_record record;
	struct cdx_maddr port_of; /* where we said that we are: port and TLS */
};

struct cdx_peers {
	/* immutable */
	struct cdx_store *store;
	struct cdx_pool *pool;
	const struct cdx_log *log;
	struct cdx_conf_node conf;
	struct cdx_identity who;
	unsigned dial_s;
	char *tls_cert; /* PEM texts; NULL: no TLS */
	char *tls_key;
	struct cdx_digest tls_digest;
	struct cdx_loop *loop;
	pthread_t thread;
	bool has_thread;
	pthread_t worker;
	bool has_worker;
	pthread_t keeper;
	bool has_keeper;
	/* immutable once started; what they are, is loop-confined or safe */
	struct cdx_http *http;
	struct cdx_discovery *discovery;
	struct cdx_exchange *exchange;
	struct cdx_exchange_server *server; /* NULL: nobody is served */
	uint16_t port;			    /* TCP; 0: the same */
	/* loop-confined */
	struct cdx_nat *nat;
	struct cdx_loop_timer *timer;
	bool has_nat_addr;
	struct cdx_maddr nat_addr;
	int64_t record_at; /* wall seconds of the last signing */
	uint64_t seq;
	/* locked by mu */
	pthread_mutex_t mu;
	pthread_cond_t wake; /* of the worker */
	bool stop;
	bool changed; /* datasets */
	uint32_t n_addrs;
	struct cdx_maddr addr[CDX_PEER_ADDRS_MAX]; /* announced */
	struct cdx_buf record;			   /* our own, an envelope */
	char nat_text[256];
	struct {
		enum cdx_reach state;
		int64_t at;
		char why[256];
		bool inflight;
		uint64_t next_ns; /* not before */
		unsigned failed;  /* peers that tried in vain */
		unsigned n_asked;
		struct cdx_peer_id asked[8]; /* in this round */
		unsigned n_seen;
		struct seen_at seen[4];
		bool has_outer; /* two of them agree */
		struct cdx_maddr outer;
	} reach;
	struct dial dial; /* belongs to who set reach.inflight */
	/* worker-confined */
	struct announced_set now;
};

/* ---- where we are (peers_place.c); on the loop ---- */

/* Looks where we are, tells discovery and the server when that is new or their
 * records grow old.  A timer's function; @arg is the peers. */
void cdx_peers_place(void *arg);
/* A cdx_nat_fn */
void cdx_peers_on_nat(void *arg, const char *ip, uint16_t port,
		      const char *why);

/* ---- can others reach us? (peers_dial.c); on the worker ---- */

/* Asks somebody to dial back, when it is time for that */
void cdx_peers_dial(struct cdx_peers *p);
/* It is time: with mu held */
void cdx_peers_dial_again_locked(struct cdx_peers *p);

/* ---- what we have (peers_announce.c); on the worker ---- */

/* Tells discovery what came and went since the last time */
void cdx_peers_scan(struct cdx_peers *p);
/* Frees what is remembered of that */
void cdx_announced_free(struct announced_set *set);

/* Is the worker to end?  A cancel function; @arg is the peers. */
bool cdx_peers_stopping(void *arg);

#endif
