/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_API_API_H
#define CDX_API_API_H

#include <jansson.h>
#include <stdint.h>

#include "base/attr.h"
#include "net/call.h"
#include "node/node.h"

/*
 * What a process answers on its control socket, and what a verb asks of itself
 * when no process runs.  Paths (docs/FORMATS.md "Control socket"):
 *
 *   GET    /control/v1/status
 *   POST   /control/v1/sync?until=committed|sealed
 *   POST   /control/v1/compact?below=PERCENT
 *   GET    /control/v1/datasets
 *   POST   /control/v1/datasets?filename=&mimetype=&private=
 *   GET    /control/v1/datasets/CID
 *   GET    /control/v1/datasets/CID/data
 *   DELETE /control/v1/datasets/CID
 *
 * Long work answers with one JSON object a line: progress, then a last line
 * with "result" or with "error" and "code".
 */
struct cdx_api {
	struct cdx_node *node;	/* borrowed */
	const char *mountpoint; /* NULL: not mounted */
	int64_t started;	/* wall seconds */
	/* Brings in what a kernel still caches of open files; NULL: nothing
	 * is mounted */
	void (*flush)(void *arg);
	void *flush_arg;
};

/* A cdx_call_fn; @arg is a struct cdx_api.  Thread: safe. */
void cdx_api_call(void *arg, struct cdx_call *call);

/* What GET status says; returns new, NULL without memory.  Thread: safe. */
json_t *cdx_api_status(const struct cdx_api *api);

/* The same as text, malloc'd; a cdx_fs_status_fn */
char *cdx_api_status_text(void *arg);

/* An error as the answer to a call: {"error": ..., "code": ...} */
void cdx_api_reply_error(struct cdx_call *call, int rc);
/* A JSON value as the answer; takes @json */
void cdx_api_reply_json(struct cdx_call *call, int status, json_t *json);
/* One line of a long answer; takes @json.  Negative: nobody listens. */
CDX_MUST_CHECK int cdx_api_line(struct cdx_call *call, json_t *json);

/* dataset calls (datasets.c); @rest is what follows /control/v1/datasets */
void cdx_api_datasets(const struct cdx_api *api, struct cdx_call *call,
		      const char *rest);

#endif
