/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stdio.h>

#include "api/internal.h"
#include "node/peers.h"
#include "store/cache.h"

/* Figures of a node among others, for status and metrics */

static const char *const states[] = {
	[CDX_REACH_NONE] = "not listening",
	[CDX_REACH_UNKNOWN] = "unknown",
	[CDX_REACH_YES] = "yes",
	[CDX_REACH_NO] = "no",
};

/* What a user does about it */
static void advise(char out[512], const struct cdx_peers_status *st)
{
	out[0] = '\0';
	if (st->reach == CDX_REACH_NO)
		snprintf(out, 512,
			 "others cannot reach this node: let TCP port %u "
			 "through the firewall, and have the router lead it "
			 "here (nat = upnp asks it to), or say with announce "
			 "where others do reach it",
			 st->port);
	else if (st->reach == CDX_REACH_NONE)
		snprintf(out, 512,
			 "this node fetches from others and serves nobody; "
			 "listen changes that");
}

static json_t *reach_json(const struct cdx_peers_status *st)
{
	char advice[512];

	advise(advice, st);
	return json_pack(
		"{s:s, s:o, s:s, s:s}", "state", states[st->reach], "at",
		st->reach_at == 0 ? json_null() : json_integer(st->reach_at),
		"why", st->reach_why, "advice", advice);
}

json_t *cdx_api_addrs_json(const struct cdx_maddr *addr, uint32_t n)
{
	char text[CDX_MADDR_TEXT_MAX];
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++) {
		cdx_maddr_text(text, &addr[i]);
		(void)json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *discovery_json(const struct cdx_discovery_stats *d)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:I, s:I}",
			 "announced", (json_int_t)d->announced, "keys",
			 (json_int_t)d->keys, "puts", (json_int_t)d->puts,
			 "putErrors", (json_int_t)d->put_errors, "finds",
			 (json_int_t)d->finds, "records",
			 (json_int_t)d->records, "forged",
			 (json_int_t)d->forged, "stale", (json_int_t)d->stale,
			 "oversized", (json_int_t)d->oversized, "foreign",
			 (json_int_t)d->foreign, "dhtNodes",
			 (json_int_t)d->nodes, "dhtPort", (json_int_t)d->port);
}

static json_t *exchange_json(const struct cdx_exchange_stats *e)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I}",
		"blocksReceived", (json_int_t)e->blocks_received,
		"bytesReceived", (json_int_t)e->bytes_received, "spurious",
		(json_int_t)e->spurious, "bad", (json_int_t)e->bad, "requests",
		(json_int_t)e->requests, "failed", (json_int_t)e->failed,
		"timeouts", (json_int_t)e->timeouts, "hedged",
		(json_int_t)e->hedged, "degraded", (json_int_t)e->degraded,
		"memory", (json_int_t)e->memory, "pending",
		(json_int_t)e->pending, "sessions", (json_int_t)e->sessions,
		"peers", (json_int_t)e->peers);
}

static json_t *server_json(const struct cdx_exchange_server_stats *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "requests",
			 (json_int_t)s->requests, "blocksSent",
			 (json_int_t)s->blocks_sent, "bytesSent",
			 (json_int_t)s->bytes_sent, "notServed",
			 (json_int_t)s->not_served, "hotHits",
			 (json_int_t)s->hot_hits, "refused",
			 (json_int_t)s->refused, "timedOut",
			 (json_int_t)s->timed_out, "connections",
			 (json_int_t)s->connections);
}

json_t *cdx_api_node_json(struct cdx_peers *p)
{
	char id[CDX_PEER_ID_TEXT_MAX];
	struct cdx_peers_status st;

	cdx_peers_status(p, &st);
	cdx_peer_id_text(id, &st.id.id);
	return json_pack("{s:s, s:i, s:o, s:o, s:s, s:o, s:o, s:o}", "id", id,
			 "port", (int)st.port, "addresses",
			 cdx_api_addrs_json(st.addr, st.n_addrs), "reach",
			 reach_json(&st), "nat", st.nat, "discovery",
			 discovery_json(&st.discovery), "exchange",
			 exchange_json(&st.exchange), "server",
			 server_json(&st.server));
}

json_t *cdx_api_cache_json(struct cdx_store *s)
{
	struct cdx_cache_stats st;

	cdx_cache_stats(s, &st);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "limit",
			 (json_int_t)st.limit, "used", (json_int_t)st.used,
			 "entries", (json_int_t)st.entries, "hits",
			 (json_int_t)st.hits, "misses", (json_int_t)st.misses,
			 "evicted", (json_int_t)st.evicted);
}
