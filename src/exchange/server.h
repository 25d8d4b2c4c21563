/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_EXCHANGE_SERVER_H
#define CDX_EXCHANGE_SERVER_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/loop.h"
#include "discovery/peer.h"
#include "net/http.h"
#include "store/store.h"

/*
 * What a store gives to others: the paths of docs/PEERS.md "Exchange", over
 * net/web.h.  Single blocks are hashed before they go out, or were when they came
 * into memory, where those that are asked for often are kept; blocks of a stream
 * are, unless they were in the last ten minutes.
 */
struct cdx_exchange_server;

struct cdx_exchange_server_opts {
	struct cdx_store *store; /* kept */
	struct cdx_loop *loop;	 /* kept: for dialling back */
	struct cdx_http *http;	 /* kept; of that loop */
	struct cdx_network network;
	const char *listen; /* as cdx_web_opts has it */
	uint64_t rate;
	uint64_t rate_a_peer;
	unsigned connections;
	unsigned connections_a_peer;
	const char *tls_cert; /* PEM texts, or NULL */
	const char *tls_key;
	size_t hot_bytes; /* memory for blocks that are asked for often; 0: 64 MiB */
};

/* Returns new, on the loop's thread.  @why and errors: as cdx_web_new. */
CDX_MUST_CHECK int
cdx_exchange_server_new(struct cdx_exchange_server **out,
			const struct cdx_exchange_server_opts *opts,
			char why[256]);
/* On the loop's thread.  NULL is allowed. */
void cdx_exchange_server_free(struct cdx_exchange_server *s);
/* Our record, an envelope; copied.  -EMSGSIZE.  Thread: safe. */
CDX_MUST_CHECK int cdx_exchange_server_record(struct cdx_exchange_server *s,
					      const void *envelope, size_t len);
/* Where it listens: port 0 is filled in */
void cdx_exchange_server_addr(const struct cdx_exchange_server *s,
			      struct sockaddr_storage *out);

struct cdx_exchange_server_stats {
	uint64_t requests;
	uint64_t blocks_sent;
	uint64_t bytes_sent; /* of all bodies */
	uint64_t not_served; /* asked for and private */
	uint64_t hot_hits;
	uint64_t refused;
	uint64_t timed_out;
	uint32_t connections;
};
/* Thread: safe. */
void cdx_exchange_server_stats(struct cdx_exchange_server *s,
			       struct cdx_exchange_server_stats *out);

#endif
