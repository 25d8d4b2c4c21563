/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "net/http_internal.h"

/* What is read at a time for a data function; libcurl has a buffer of it for
 * each transfer. */
#define STREAM_BUFFER (512l << 10)

int cdx_http_url_check(const char *text)
{
	CURLU *url = curl_url();
	char *scheme = NULL;
	int rc = -EINVAL;

	if (url == NULL)
		return -ENOMEM;
	if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0))
		rc = 0;
	curl_free(scheme);
	curl_url_cleanup(url);
	return rc;
}

/* "Expect:" keeps libcurl from waiting for the leave to send a long body. */
static int set_headers(struct cdx_http_transfer *t, const char *const *headers)
{
	static const char *const own[] = {"Expect:", NULL};
	const char *const *lists[] = {own, headers};

	for (size_t i = 0; i < CDX_ARRAY_LEN(lists); i++) {
		for (const char *const *p = lists[i]; p != NULL && *p; p++) {
			struct curl_slist *longer =
				curl_slist_append(t->headers, *p);

			if (longer == NULL)
				return -ENOMEM;
			t->headers = longer;
		}
	}
	if (curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) !=
	    CURLE_OK)
		return -ENOMEM;
	return 0;
}

/* What holds for every request: no signals, proxies, redirects or other
 * protocols, and HTTP/1.1, of which kept connections need nothing more.  A
 * resolver that hangs is left behind, not waited for (QUICK_EXIT). */
static CURLcode set_manners(struct cdx_http_transfer *t)
{
	CURL *c = t->easy;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(c, CURLOPT_PRIVATE, t);
	bad |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->why);
	bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
				(long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_USERAGENT, "codexfs");
	bad |= curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, cdx_http_on_header);
	bad |= curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, cdx_http_on_body);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	return bad;
}

/* That key and no other: an authority's word adds nothing to it. */
static CURLcode set_pin(CURL *c, const struct cdx_digest *key)
{
	char pin[80] = "sha256//";
	CURLcode bad = CURLE_OK;

	sodium_bin2base64(pin + strlen(pin), sizeof(pin) - strlen(pin), key->b,
			  sizeof(key->b), sodium_base64_VARIANT_ORIGINAL);
	bad |= curl_easy_setopt(c, CURLOPT_PINNEDPUBLICKEY, pin);
	bad |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
	bad |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	return bad;
}

static CURLcode set_method(CURL *c, const struct cdx_http_req *req)
{
	CURLcode bad = CURLE_OK;

	if (strcmp(req->method, "GET") == 0)
		return CURLE_OK;
	if (strcmp(req->method, "HEAD") == 0)
		return curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
				(curl_off_t)req->body_len);
	bad |= curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS,
				req->body_len ? req->body : "");
	bad |= curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, req->method);
	return bad;
}

int cdx_http_setup(struct cdx_http_transfer *t, const struct cdx_http_req *req)
{
	CURL *c = t->easy;
	CURLcode bad = set_manners(t);

	t->max_body = req->max_body;
	t->data = req->data;
	bad |= curl_easy_setopt(c, CURLOPT_URL, req->url);
	bad |= curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE,
				(curl_off_t)req->max_body);
	bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
				(long)req->connect_ms);
	bad |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)req->total_ms);
	if (req->data != NULL)
		bad |= curl_easy_setopt(c, CURLOPT_BUFFERSIZE, STREAM_BUFFER);
	if (req->tls_key != NULL)
		bad |= set_pin(c, req->tls_key);
	bad |= set_method(c, req);
	if (bad != CURLE_OK)
		return -ENOMEM;
	return set_headers(t, req->headers);
}
