/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "api/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "store/quota.h"

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

static json_t *error_json(int rc, const char *why)
{
	if (why == NULL || why[0] == '\0')
		why = cdx_strerror(rc);
	return json_pack("{s:s, s:i}", "error", why, "code", rc);
}

void cdx_api_reply_why(struct cdx_call *call, int rc, const char *why)
{
	cdx_api_reply_json(call, cdx_err_http(rc), error_json(rc, why));
}

void cdx_api_reply_error(struct cdx_call *call, int rc)
{
	cdx_api_reply_why(call, rc, NULL);
}

void cdx_api_why_quota(char why[CDX_API_WHY_MAX], uint64_t need, uint64_t room)
{
	int n = 0;

	if (need > 0)
		n = snprintf(why, CDX_API_WHY_MAX, "it takes %llu bytes, and ",
			     (unsigned long long)need);
	snprintf(why + n, CDX_API_WHY_MAX - (size_t)n,
		 "%llu bytes of the store's quota were free",
		 (unsigned long long)room);
}

uint64_t cdx_api_room(const struct cdx_api *api)
{
	struct cdx_space sp;

	cdx_quota_space(api->node->store, CDX_SHARE_VOLUME, &sp);
	return sp.free;
}

/* ---- long work ---- */

void cdx_api_work_begin(struct cdx_api_work *w, struct cdx_api *api,
			struct cdx_call *call)
{
	memset(w, 0, sizeof(*w));
	w->api = api;
	w->call = call;
	w->unit = 1;
	call->begin(call, 200, "application/x-ndjson");
}

void cdx_api_work_phase(struct cdx_api_work *w, uint64_t unit, const char *fmt,
			...)
{
	va_list ap;

	w->unit = unit;
	va_start(ap, fmt);
	vsnprintf(w->phase, sizeof(w->phase), fmt, ap);
	va_end(ap);
}

void cdx_api_work_line(struct cdx_api_work *w, json_t *json)
{
	char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

	json_decref(json);
	if (text == NULL)
		return;
	if (w->call->write(w->call, text, strlen(text)) < 0 ||
	    w->call->write(w->call, "\n", 1) < 0)
		w->gone = true;
	free(text);
}

void cdx_api_work_progress(void *arg, const char *phase, uint64_t done,
			   uint64_t total)
{
	struct cdx_api_work *w = arg;
	uint64_t now = cdx_clock_mono_ns();

	if (done < total && now - w->last_ns < PROGRESS_NS)
		return;
	w->last_ns = now;
	cdx_api_work_line(w, json_pack("{s:s, s:I, s:I}", "phase", phase,
				       "done", (json_int_t)done, "total",
				       (json_int_t)total));
}

void cdx_api_work_units(void *arg, uint64_t done, uint64_t total)
{
	struct cdx_api_work *w = arg;

	cdx_api_work_progress(w, w->phase, done * w->unit, total * w->unit);
}

bool cdx_api_work_cancelled(void *arg)
{
	const struct cdx_api_work *w = arg;

	return w->gone || atomic_load(&w->api->stopping);
}

void cdx_api_work_end(struct cdx_api_work *w, int rc, const char *why,
		      json_t *result)
{
	if (rc == -ECANCELED && (why == NULL || why[0] == '\0'))
		why = "ended before it was done; the same command goes on "
		      "with it";
	if (rc < 0) {
		json_decref(result);
		result = error_json(rc, why);
	}
	cdx_api_work_line(w, result);
}

/* ---- one at a time ---- */

int cdx_api_claim(struct cdx_api *api, uint64_t base, char why[CDX_API_WHY_MAX])
{
	int rc = -EBUSY;

	pthread_mutex_lock(&api->mu);
	if (api->claims < CDX_ARRAY_LEN(api->claimed)) {
		rc = 0;
		for (unsigned i = 0; i < api->claims; i++)
			if (api->claimed[i] == base)
				rc = -EBUSY;
	}
	if (rc == 0)
		api->claimed[api->claims++] = base;
	pthread_mutex_unlock(&api->mu);
	if (rc < 0)
		snprintf(why, CDX_API_WHY_MAX,
			 "something else changes this dataset now; try again "
			 "when that has ended");
	return rc;
}

void cdx_api_unclaim(struct cdx_api *api, uint64_t base)
{
	pthread_mutex_lock(&api->mu);
	for (unsigned i = 0; i < api->claims; i++) {
		if (api->claimed[i] == base) {
			api->claimed[i] = api->claimed[--api->claims];
			break;
		}
	}
	pthread_mutex_unlock(&api->mu);
}
