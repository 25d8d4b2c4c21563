/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_internal.h"
#include "api/rest_metrics.h"
#include "base/err.h"
#include "node/peers.h"
#include "store/cache.h"
#include "store/kv.h"
#include "store/quota.h"

/* Figures in Prometheus' text form.  Those that begin with codex_ have the names
 * and meanings of Codex's own; what it counts and we do not have is 0. */

void cdx_metric_put(struct cdx_buf *b, const char *text)
{
	cdx_buf_put(b, text, strlen(text));
}

void cdx_metric_head(struct cdx_buf *b, const char *type, const char *name,
		     const char *help)
{
	char line[512];

	snprintf(line, sizeof(line), "# HELP %s %s\n# TYPE %s %s\n", name, help,
		 name, type);
	cdx_metric_put(b, line);
}

/* @label: "{...}" or "" */
void cdx_metric_sample(struct cdx_buf *b, const char *name, const char *label,
		       uint64_t value)
{
	char line[256];

	snprintf(line, sizeof(line), "%s%s %" PRIu64 "\n", name, label, value);
	cdx_metric_put(b, line);
}

static void all(struct cdx_buf *b, const char *type, const struct cdx_metric *m,
		size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cdx_metric_head(b, type, m[i].name, m[i].help);
		cdx_metric_sample(b, m[i].name, "", m[i].value);
	}
}

void cdx_metric_gauges(struct cdx_buf *b, const struct cdx_metric *m, size_t n)
{
	all(b, "gauge", m, n);
}

void cdx_metric_counters(struct cdx_buf *b, const struct cdx_metric *m,
			 size_t n)
{
	all(b, "counter", m, n);
}

/* Codex's counters by the names that it declares, and as its Prometheus client
 * shows them, with _total: dashboards ask for those */
static void codex_counters(struct cdx_buf *b, const struct cdx_metric *m,
			   size_t n)
{
	static const char suffix[] = "_total";
	char name[CDX_METRIC_NAME_MAX];

	cdx_metric_counters(b, m, n);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(m[i].name);

		if (len >= sizeof(suffix) &&
		    strcmp(m[i].name + len - (sizeof(suffix) - 1), suffix) == 0)
			continue;
		snprintf(name, sizeof(name), "%s%s", m[i].name, suffix);
		cdx_metric_head(b, "counter", name, m[i].help);
		cdx_metric_sample(b, name, "", m[i].value);
	}
}

/* ---- Codex's ---- */

static void codex_store(struct cdx_buf *b, struct cdx_store *s)
{
	struct cdx_cache_stats cache;
	uint64_t reserved = 0;
	uint64_t used = 0;

	for (int i = 0; i < CDX_SHARES; i++) {
		struct cdx_space sp;

		cdx_quota_space(s, (enum cdx_share)i, &sp);
		used += sp.used;
		reserved += sp.reserved + sp.held;
	}
	cdx_cache_stats(s, &cache);
	const struct cdx_metric m[] = {
		{"codex_repostore_blocks", "Blocks of the store and its cache",
		 (uint64_t)cdx_kv_counter(s, CDX_CNT_BLOCKS) + cache.entries},
		{"codex_repostore_bytes_used", "Bytes charged to the quota",
		 used},
		{"codex_repostore_bytes_reserved",
		 "Bytes of the quota that are promised", reserved},
	};
	cdx_metric_gauges(b, m, CDX_ARRAY_LEN(m));
}

static void codex_exchange(struct cdx_buf *b, const struct cdx_peers_status *st)
{
	const struct cdx_exchange_stats *x = &st->exchange;
	const struct cdx_metric g[] = {
		{"codex_inflight_discovery", "Searches for peers under way",
		 st->discovery.inflight_finds},
		{"codex_inflight_advertise", "Announcements under way",
		 st->discovery.inflight_puts},
		{"codex_block_exchange_pending_block_requests",
		 "Blocks that are waited for", x->pending},
		{"codex_block_exchange_retrieval_time_us",
		 "Microseconds that the last block took", x->wait_us},
	};
	const struct cdx_metric c[] = {
		{"codex_block_exchange_blocks_sent", "Blocks given to others",
		 st->server.blocks_sent},
		{"codex_block_exchange_blocks_received", "Blocks had of others",
		 x->blocks_received},
		{"codex_block_exchange_want_have_lists_sent",
		 "Lists of Codex's own exchange, which is not spoken here", 0},
		{"codex_block_exchange_want_have_lists_received",
		 "Lists of Codex's own exchange, which is not spoken here", 0},
		{"codex_block_exchange_want_block_lists_sent",
		 "Requests for blocks that were made", x->requests},
		{"codex_block_exchange_want_block_lists_received",
		 "Requests that were answered", st->server.requests},
		{"codex_block_exchange_spurious_blocks_received",
		 "Blocks that somebody else was faster with", x->spurious},
		{"codex_block_exchange_discovery_requests_total",
		 "Searches for peers", x->finds},
		{"codex_block_exchange_peer_timeouts_total",
		 "Requests that peers did not answer in time", x->timeouts},
		{"codex_block_exchange_requests_failed_total",
		 "Requests that failed", x->failed},
	};

	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	codex_counters(b, c, CDX_ARRAY_LEN(c));
}

/* ---- ours ---- */

static void store_metrics(struct cdx_buf *b, struct cdx_store *s)
{
	struct cdx_store_stats st;
	int failed = cdx_store_failed(s);

	cdx_store_stats(s, &st);
	const struct cdx_metric g[] = {
		{"codexfs_store_failed",
		 "1: the store takes no changes any more", failed < 0},
		{"codexfs_store_memtable_bytes",
		 "Changes that are not committed yet", st.memtable_bytes},
		{"codexfs_store_last_commit_microseconds",
		 "How long the last commit took", st.last_commit_us},
		{"codexfs_datasets", "Datasets, segments of the volume too",
		 (uint64_t)cdx_kv_counter(s, CDX_CNT_DATASETS)},
		{"codexfs_blocks", "Blocks of datasets",
		 (uint64_t)cdx_kv_counter(s, CDX_CNT_BLOCKS)},
	};
	const struct cdx_metric c[] = {
		{"codexfs_store_commits_total", "Groups committed", st.commits},
		{"codexfs_store_log_records_total", "Records of the log",
		 st.log_records},
		{"codexfs_store_bad_blocks_total",
		 "Blocks that did not match their hash", st.bad_blocks},
	};

	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	cdx_metric_counters(b, c, CDX_ARRAY_LEN(c));
}

static void share_metrics(struct cdx_buf *b, struct cdx_store *s)
{
	static const char *const names[CDX_SHARES] = {
		[CDX_SHARE_VOLUME] = "{share=\"volume\"}",
		[CDX_SHARE_PROVIDER] = "{share=\"provider\"}",
		[CDX_SHARE_CACHE] = "{share=\"cache\"}",
	};
	struct cdx_space sp[CDX_SHARES];

	for (int i = 0; i < CDX_SHARES; i++)
		cdx_quota_space(s, (enum cdx_share)i, &sp[i]);
	cdx_metric_head(b, "gauge", "codexfs_share_limit_bytes",
			"Size of a share");
	for (int i = 0; i < CDX_SHARES; i++)
		cdx_metric_sample(b, "codexfs_share_limit_bytes", names[i],
				  sp[i].limit);
	cdx_metric_head(b, "gauge", "codexfs_share_used_bytes",
			"What is charged to it");
	for (int i = 0; i < CDX_SHARES; i++)
		cdx_metric_sample(b, "codexfs_share_used_bytes", names[i],
				  sp[i].used);
	cdx_metric_head(b, "gauge", "codexfs_share_reserved_bytes",
			"What of it is promised");
	for (int i = 0; i < CDX_SHARES; i++)
		cdx_metric_sample(b, "codexfs_share_reserved_bytes", names[i],
				  sp[i].reserved + sp[i].held);
	cdx_metric_head(b, "gauge", "codexfs_share_free_bytes",
			"What of it is left");
	for (int i = 0; i < CDX_SHARES; i++)
		cdx_metric_sample(b, "codexfs_share_free_bytes", names[i],
				  sp[i].free);
	cdx_metric_head(b, "gauge", "codexfs_disk_free_bytes",
			"What the disk has left");
	cdx_metric_sample(b, "codexfs_disk_free_bytes", "", sp[0].disk_free);
}

static void cache_metrics(struct cdx_buf *b, struct cdx_store *s)
{
	struct cdx_cache_stats st;

	cdx_cache_stats(s, &st);
	const struct cdx_metric g[] = {
		{"codexfs_cache_entries", "Entries of the cache", st.entries},
		{"codexfs_cache_used_bytes", "Bytes of the cache", st.used},
	};
	const struct cdx_metric c[] = {
		{"codexfs_cache_hits_total", "Look-ups that found it", st.hits},
		{"codexfs_cache_misses_total", "Look-ups that did not",
		 st.misses},
		{"codexfs_cache_evicted_total", "Entries that had to go",
		 st.evicted},
	};
	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	cdx_metric_counters(b, c, CDX_ARRAY_LEN(c));
}

static void exchange_metrics(struct cdx_buf *b,
			     const struct cdx_exchange_stats *x)
{
	const struct cdx_metric g[] = {
		{"codexfs_exchange_memory_bytes", "Blocks on their way",
		 x->memory},
		{"codexfs_exchange_sessions", "Datasets that somebody reads",
		 x->sessions},
		{"codexfs_exchange_peers", "Peers that are known", x->peers},
	};
	const struct cdx_metric c[] = {
		{"codexfs_exchange_bytes_received_total", "Bytes of blocks",
		 x->bytes_received},
		{"codexfs_exchange_bad_total",
		 "Blocks, proofs and manifests that did not verify", x->bad},
		{"codexfs_exchange_hedged_total",
		 "Requests made twice because the first was late", x->hedged},
		{"codexfs_exchange_degraded_total",
		 "Blocks decoded from others", x->degraded},
	};

	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	cdx_metric_counters(b, c, CDX_ARRAY_LEN(c));
}

static void discovery_metrics(struct cdx_buf *b,
			      const struct cdx_discovery_stats *d)
{
	static const char dropped[] = "codexfs_discovery_dropped_total";
	const struct cdx_metric g[] = {
		{"codexfs_discovery_announced", "Datasets announced",
		 d->announced},
		{"codexfs_discovery_nodes", "Nodes that the DHT knows",
		 d->nodes},
	};
	const struct cdx_metric c[] = {
		{"codexfs_discovery_puts_total", "Announcements made", d->puts},
		{"codexfs_discovery_put_errors_total",
		 "Announcements that no node took", d->put_errors},
		{"codexfs_discovery_finds_total", "Searches", d->finds},
		{"codexfs_discovery_records_total", "Records seen", d->records},
	};

	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	cdx_metric_counters(b, c, CDX_ARRAY_LEN(c));
	cdx_metric_head(b, "counter", dropped, "Records passed over, and why");
	cdx_metric_sample(b, dropped, "{reason=\"forged\"}", d->forged);
	cdx_metric_sample(b, dropped, "{reason=\"stale\"}", d->stale);
	cdx_metric_sample(b, dropped, "{reason=\"oversized\"}", d->oversized);
	cdx_metric_sample(b, dropped, "{reason=\"foreign\"}", d->foreign);
}

static void server_metrics(struct cdx_buf *b,
			   const struct cdx_exchange_server_stats *st,
			   enum cdx_reach reach)
{
	const struct cdx_metric g[] = {
		{"codexfs_server_connections", "Connections of others now",
		 st->connections},
	};
	const struct cdx_metric c[] = {
		{"codexfs_server_requests_total", "Requests of others",
		 st->requests},
		{"codexfs_server_bytes_sent_total", "Bytes given to others",
		 st->bytes_sent},
		{"codexfs_server_not_served_total",
		 "Private blocks that were asked for", st->not_served},
		{"codexfs_server_hot_hits_total", "Blocks given from memory",
		 st->hot_hits},
		{"codexfs_server_refused_total", "Connections over a limit",
		 st->refused},
		{"codexfs_server_timed_out_total", "Connections that were slow",
		 st->timed_out},
	};

	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	cdx_metric_counters(b, c, CDX_ARRAY_LEN(c));
	cdx_metric_head(
		b, "gauge", "codexfs_reachable",
		"1: a peer got through to us; 0: none did; NaN: nobody tried");
	cdx_metric_put(b, reach == CDX_REACH_YES  ? "codexfs_reachable 1\n"
			  : reach == CDX_REACH_NO ? "codexfs_reachable 0\n"
						  : "codexfs_reachable NaN\n");
}

static void api_metrics(struct cdx_buf *b, struct cdx_rest *r)
{
	const struct cdx_metric codex[] = {
		{"codex_api_uploads", "Datasets uploaded",
		 atomic_load(&r->uploads)},
		{"codex_api_downloads", "Downloads begun",
		 atomic_load(&r->downloads)},
	};
	const struct cdx_metric g[] = {
		{"codexfs_start_time_seconds", "When the process began",
		 (uint64_t)r->api->started},
		{"codexfs_api_fetches", "Datasets being fetched for clients",
		 cdx_rest_fetches_count(&r->fetches)},
	};
	const struct cdx_metric c[] = {
		{"codexfs_api_requests_total", "Calls of this API",
		 atomic_load(&r->requests)},
		{"codexfs_api_refused_total",
		 "Calls refused by their Host, Origin or token",
		 atomic_load(&r->refused)},
	};

	codex_counters(b, codex, CDX_ARRAY_LEN(codex));
	cdx_metric_head(b, "gauge", "codexfs_info", "What runs here");
	cdx_metric_put(b, "codexfs_info{version=\"" PACKAGE_VERSION "\"} 1\n");
	cdx_metric_gauges(b, g, CDX_ARRAY_LEN(g));
	cdx_metric_counters(b, c, CDX_ARRAY_LEN(c));
}

void cdx_rest_metrics(struct cdx_rest_call *q)
{
	struct cdx_store *s = q->api->node->store;
	struct cdx_peers *p = q->api->node->peers;
	/* without peers all of it is 0: a dashboard finds every name */
	struct cdx_peers_status *st = calloc(1, sizeof(*st));
	struct cdx_buf b = {0};

	if (st == NULL) {
		cdx_rest_error(q, -ENOMEM, NULL);
		return;
	}
	if (p != NULL)
		cdx_peers_status(p, st);
	codex_store(&b, s);
	cdx_rest_metrics_market(&b, q->api);
	codex_exchange(&b, st);
	api_metrics(&b, q->rest);
	store_metrics(&b, s);
	share_metrics(&b, s);
	cache_metrics(&b, s);
	exchange_metrics(&b, &st->exchange);
	discovery_metrics(&b, &st->discovery);
	server_metrics(&b, &st->server, st->reach);
	free(st);
	if (cdx_buf_ok(&b) < 0)
		cdx_rest_error(q, -ENOMEM, NULL);
	else
		cdx_rest_reply(q, 200,
			       "text/plain; version=0.0.4; charset=utf-8", b.p,
			       b.len);
	cdx_buf_free(&b);
}

void cdx_rest_health(struct cdx_rest_call *q)
{
	int rc = cdx_store_failed(q->api->node->store);

	if (rc < 0)
		cdx_rest_json(q, 503,
			      json_pack("{s:s, s:s}", "status", "failed", "why",
					cdx_strerror(rc)));
	else
		cdx_rest_json(q, 200, json_pack("{s:s}", "status", "ok"));
}
