/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

#define PREFIX "/control/v1"
#define PROGRESS_NS UINT64_C(200000000)

void cdx_api_reply_json(struct cdx_call *call, int status, json_t *json)
{
	char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

	json_decref(json);
	if (text == NULL) {
		call->begin(call, 500, "text/plain");
		return;
	}
	call->begin(call, status, "application/json");
	if (call->write(call, text, strlen(text)) == 0)
		(void)!call->write(call, "\n", 1);
	free(text);
}

void cdx_api_reply_error(struct cdx_call *call, int rc)
{
	cdx_api_reply_json(call, cdx_err_http(rc),
			   json_pack("{s:s, s:i}", "error", cdx_strerror(rc),
				     "code", rc));
}

int cdx_api_line(struct cdx_call *call, json_t *json)
{
	char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
	int rc;

	json_decref(json);
	if (text == NULL)
		return -ENOMEM;
	rc = call->write(call, text, strlen(text));
	if (rc == 0)
		rc = call->write(call, "\n", 1);
	free(text);
	return rc;
}

/* ---- long work with progress ---- */

struct long_call {
	struct cdx_call *call;
	uint64_t last_ns;
};

static void on_progress(void *arg, const char *phase, uint64_t done,
			uint64_t total)
{
	struct long_call *l = arg;
	uint64_t now = cdx_clock_mono_ns();

	if (done < total && now - l->last_ns < PROGRESS_NS)
		return;
	l->last_ns = now;
	/* nobody listening is no reason to stop the work */
	(void)!cdx_api_line(l->call, json_pack("{s:s, s:I, s:I}", "phase",
					       phase, "done", (json_int_t)done,
					       "total", (json_int_t)total));
}

static void end_long(struct cdx_call *call, int rc, json_t *result)
{
	if (rc < 0) {
		json_decref(result);
		result = json_pack("{s:s, s:i}", "error", cdx_strerror(rc),
				   "code", rc);
	}
	(void)!cdx_api_line(call, result);
}

static void do_sync(const struct cdx_api *api, struct cdx_call *call)
{
	const char *until = call->param(call, "until");
	struct long_call l = {.call = call};
	enum cdx_sync_until u = CDX_SYNC_COMMITTED;
	int rc;

	if (until != NULL && strcmp(until, "sealed") == 0)
		u = CDX_SYNC_SEALED;
	else if (until != NULL && strcmp(until, "committed") != 0) {
		cdx_api_reply_error(call, -EINVAL);
		return;
	}
	call->begin(call, 200, "application/x-ndjson");
	if (api->flush != NULL)
		api->flush(api->flush_arg);
	rc = cdx_vol_sync(api->node->volume, u, on_progress, &l);
	end_long(call, rc,
		 json_pack("{s:s, s:s}", "result",
			   u == CDX_SYNC_SEALED ? "sealed" : "committed",
			   "namespace", "on this disk only"));
}

struct compact_call {
	struct cdx_call *call;
	json_int_t segments;
	json_int_t moved;
	json_int_t dropped;
};

static void on_compacted(void *arg, const struct cdx_compact_report *r)
{
	struct compact_call *c = arg;
	char cid[CDX_CID_TEXT_MAX];

	cdx_cid_text(cid, &r->manifest);
	c->segments++;
	c->moved += (json_int_t)r->moved;
	c->dropped += r->dropped;
	(void)!cdx_api_line(
		c->call,
		json_pack("{s:{s:I, s:s, s:I, s:I, s:b}}", "segment", "id",
			  (json_int_t)r->area, "manifest", cid, "liveBefore",
			  (json_int_t)r->live_before, "moved",
			  (json_int_t)r->moved, "dropped", r->dropped));
}

static void do_compact(const struct cdx_api *api, struct cdx_call *call)
{
	const char *text = call->param(call, "below");
	struct compact_call c = {.call = call};
	char *end = NULL;
	unsigned long below = text == NULL ? 50 : strtoul(text, &end, 10);
	int rc;

	if (text != NULL && (end == text || *end != '\0' || below > 100)) {
		cdx_api_reply_error(call, -EINVAL);
		return;
	}
	call->begin(call, 200, "application/x-ndjson");
	rc = cdx_vol_compact(api->node->volume, (unsigned)below, on_compacted,
			     &c);
	end_long(call, rc,
		 json_pack("{s:s, s:I, s:I, s:I}", "result", "compacted",
			   "segments", c.segments, "moved", c.moved, "dropped",
			   c.dropped));
}

void cdx_api_call(void *arg, struct cdx_call *call)
{
	static const char datasets[] = PREFIX "/datasets";
	const struct cdx_api *api = arg;
	const char *path = call->path;

	if (strcmp(path, PREFIX "/status") == 0 &&
	    strcmp(call->method, "GET") == 0)
		cdx_api_reply_json(call, 200, cdx_api_status(api));
	else if (strcmp(path, PREFIX "/sync") == 0 &&
		 strcmp(call->method, "POST") == 0)
		do_sync(api, call);
	else if (strcmp(path, PREFIX "/compact") == 0 &&
		 strcmp(call->method, "POST") == 0)
		do_compact(api, call);
	else if (strncmp(path, datasets, sizeof(datasets) - 1) == 0)
		cdx_api_datasets(api, call, path + sizeof(datasets) - 1);
	else
		cdx_api_reply_error(call, -ENOENT);
}
