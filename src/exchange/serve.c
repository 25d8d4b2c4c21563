/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <string.h>

#include "exchange/serve_internal.h"

void cdx_serve_fail(struct cdx_web_req *r, int status, const char *text)
{
	cdx_web_reply(r, status, "text/plain", text, strlen(text));
}

bool cdx_serve_set(struct cdx_web_req *r, const char *name, const char *value)
{
	if (cdx_web_set(r, name, value) == 0)
		return true;
	cdx_serve_fail(r, 503, "out of memory\n");
	return false;
}

/* The bytes are a stranger's: no browser is to guess that they are a page. */
bool cdx_serve_forever(struct cdx_web_req *r, const char *etag)
{
	return cdx_serve_set(r, "Cache-Control",
			     "public, max-age=29030400, immutable") &&
	       cdx_serve_set(r, "X-Content-Type-Options", "nosniff") &&
	       (etag == NULL || cdx_serve_set(r, "ETag", etag));
}
