/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "store/quota.h"

json_t *cdx_api_share_json(struct cdx_store *s, enum cdx_share share)
{
	struct cdx_space sp;

	cdx_quota_space(s, share, &sp);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "limit",
			 (json_int_t)sp.limit, "used", (json_int_t)sp.used,
			 "reserved", (json_int_t)sp.reserved, "held",
			 (json_int_t)sp.held, "free", (json_int_t)sp.free);
}

static json_t *quota_json(struct cdx_store *s)
{
	struct cdx_space sp;

	cdx_quota_space(s, CDX_SHARE_VOLUME, &sp);
	return json_pack("{s:o, s:o, s:o, s:I}", "volume",
			 cdx_api_share_json(s, CDX_SHARE_VOLUME), "provider",
			 cdx_api_share_json(s, CDX_SHARE_PROVIDER), "cache",
			 cdx_api_share_json(s, CDX_SHARE_CACHE), "diskFree",
			 (json_int_t)sp.disk_free);
}

static json_t *volume_json(struct cdx_volume *v)
{
	struct cdx_vol_status st;
	struct cdx_statfs fs;

	cdx_vol_status(v, &st);
	cdx_vol_statfs(v, &fs);
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:s}",
		"inodes", (json_int_t)st.inodes, "fileBytes",
		(json_int_t)st.file_bytes, "dirtyBytes",
		(json_int_t)st.dirty_bytes, "recordBytes",
		(json_int_t)st.record_bytes, "inlineBytes",
		(json_int_t)st.inline_bytes, "capacity", (json_int_t)fs.bytes,
		"free", (json_int_t)fs.bytes_free, "cachedInodes",
		(json_int_t)st.cached_inodes, "readErrors",
		(json_int_t)st.read_errors, "degradedReads",
		(json_int_t)st.degraded_reads, "compactions",
		(json_int_t)st.compactions, "seals", (json_int_t)st.seals,
		/* until snapshots exist */
		"namespace", "on this disk only");
}

static json_t *segments_json(struct cdx_volume *v)
{
	struct cdx_vol_status st;

	cdx_vol_status(v, &st);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "open", (json_int_t)st.seg_open, "sealed",
			 (json_int_t)st.seg_sealed, "bytes",
			 (json_int_t)st.seg_bytes, "liveBytes",
			 (json_int_t)st.seg_live_bytes,
			 /* what is elsewhere */
			 "evicted", (json_int_t)st.seg_evicted, "evictedBytes",
			 (json_int_t)st.evicted_bytes, "evictions",
			 (json_int_t)st.evictions, "blocksFetched",
			 (json_int_t)st.far_blocks, "readsWaiting",
			 (json_int_t)st.far_waiting);
}

/* How far the protection of segments is; bytes are of their data */
static json_t *protection_json(struct cdx_volume *v)
{
	struct cdx_vol_status st;

	cdx_vol_status(v, &st);
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s?}",
		"protected", (json_int_t)st.seg_protected, "waiting",
		(json_int_t)st.seg_waiting, "failed",
		(json_int_t)st.seg_unprotectable, "backlogBytes",
		(json_int_t)st.protect_backlog, "currentDone",
		(json_int_t)st.protect_done, "currentTotal",
		(json_int_t)st.protect_total, "bytesPerSecond",
		(json_int_t)st.protect_rate, "secondsLeft",
		(json_int_t)st.protect_left_s, "stepsCoded",
		(json_int_t)st.protect_steps, "protections",
		(json_int_t)st.protections, "error",
		st.protect_error == 0	    ? NULL
		: st.protect_why[0] != '\0' ? st.protect_why
					    : cdx_strerror(st.protect_error));
}

static json_t *store_json(struct cdx_store *s)
{
	const struct cdx_store_config *c = cdx_store_config(s);
	struct cdx_store_stats st;
	char id[2 * CDX_STORE_ID_LEN + 1];
	int failed = cdx_store_failed(s);
	uint32_t k;
	uint32_t m;
	uint32_t codec;

	cdx_store_code(s, &k, &m, &codec);
	cdx_store_stats(s, &st);
	cdx_hex(id, c->id, sizeof(c->id));
	return json_pack(
		"{s:s, s:s, s:i, s:i, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:s}",
		"path", cdx_store_path(s), "id", id, "k", (int)k, "m", (int)m,
		"codec", cdx_api_codec(codec, 1), "group", (json_int_t)st.group,
		"commits", (json_int_t)st.commits, "lastCommitMicroseconds",
		(json_int_t)st.last_commit_us, "logRecords",
		(json_int_t)st.log_records, "logReplayed",
		(json_int_t)st.log_replayed, "memtableBytes",
		(json_int_t)st.memtable_bytes, "badBlocks",
		(json_int_t)st.bad_blocks, "state",
		failed < 0 ? cdx_strerror(failed) : "ok");
}

json_t *cdx_api_status(const struct cdx_api *api)
{
	struct cdx_node *n = api->node;
	json_t *j = json_pack(
		"{s:s, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o*}", "version",
		PACKAGE_VERSION, "pid", (int)getpid(), "uptime",
		(json_int_t)(cdx_clock_wall_s() - api->started), "store",
		store_json(n->store), "quota", quota_json(n->store), "volume",
		volume_json(n->volume), "segments", segments_json(n->volume),
		"protection", protection_json(n->volume), "proofKeys",
		cdx_api_proof_keys_json(n->store));

	if (j != NULL && atomic_load(&api->rest_port) != 0)
		json_object_set_new(
			j, "api",
			json_pack("{s:i}", "port",
				  (int)atomic_load(&api->rest_port)));
	if (j != NULL)
		(void)json_object_set_new(j, "cache",
					  cdx_api_cache_json(n->store));
	if (j != NULL && n->alone_why != NULL)
		(void)json_object_set_new(j, "noNode",
					  json_string(n->alone_why));
	if (j != NULL && n->market != NULL)
		(void)json_object_set_new(j, "market", cdx_api_market_json(n));
	if (j != NULL && n->peers != NULL)
		(void)json_object_set_new(j, "node",
					  cdx_api_node_json(n->peers));
	if (j != NULL && api->mountpoint != NULL)
		json_object_set_new(j, "mountpoint",
				    json_string(api->mountpoint));
	return j;
}

char *cdx_api_status_text(void *arg)
{
	json_t *j = cdx_api_status(arg);
	char *text = j == NULL ? NULL : json_dumps(j, JSON_INDENT(2));
	size_t len;
	char *line;

	json_decref(j);
	if (text == NULL)
		return NULL;
	len = strlen(text);
	line = realloc(text, len + 2);
	if (line == NULL) {
		free(text);
		return NULL;
	}
	line[len] = '\n';
	line[len + 1] = '\0';
	return line;
}
