/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_internal.h"
#include "base/err.h"

#define TEXT_MAX 1024u

void cdx_rest_headers(struct cdx_rest_call *q)
{
	static const char *const seen =
		"Accept-Ranges, Content-Disposition, Content-Length, "
		"Content-Range, ETag";
	struct cdx_call *c = q->call;

	/* Without memory for a header the answer has fewer: browsers then
	 * refuse to show it, which is on the safe side. */
	(void)!c->set(c, "X-Content-Type-Options", "nosniff");
	(void)!c->set(c, "Vary", "Origin");
	if (q->origin == NULL)
		return;
	(void)!c->set(c, "Access-Control-Allow-Origin", q->origin);
	(void)!c->set(c, "Access-Control-Expose-Headers", seen);
}

void cdx_rest_reply(struct cdx_rest_call *q, int status, const char *type,
		    const void *p, size_t len)
{
	struct cdx_call *c = q->call;

	cdx_rest_headers(q);
	c->length(c, len);
	if (c->begin(c, status, type) == 0 && !q->head)
		(void)!c->write(c, p, len);
}

void cdx_rest_text(struct cdx_rest_call *q, int status, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text) - 1, fmt, ap);
	va_end(ap);
	if (status >= 400)
		(void)stpcpy(text + strlen(text), "\n");
	cdx_rest_reply(q, status, "text/plain; charset=utf-8", text,
		       strlen(text));
}

void cdx_rest_error(struct cdx_rest_call *q, int rc, const char *why)
{
	if (why == NULL || why[0] == '\0')
		why = cdx_strerror(rc);
	cdx_rest_text(q, cdx_err_http(rc), "%s", why);
}

void cdx_rest_json(struct cdx_rest_call *q, int status, json_t *json)
{
	char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

	json_decref(json);
	if (text == NULL) {
		cdx_rest_error(q, -ENOMEM, NULL);
		return;
	}
	cdx_rest_reply(q, status, "application/json", text, strlen(text));
	free(text);
}

void cdx_rest_nothing(struct cdx_rest_call *q, int status)
{
	cdx_rest_headers(q);
	(void)!q->call->begin(q->call, status, "");
}

bool cdx_rest_cid(struct cdx_rest_call *q, struct cdx_cid *out)
{
	if (cdx_cid_parse(out, q->id, strlen(q->id)) == 0)
		return true;
	cdx_rest_text(q, 400, "that is not a CID");
	return false;
}

bool cdx_rest_cancelled(void *arg)
{
	const struct cdx_rest_call *q = arg;

	return atomic_load(&q->api->stopping);
}
