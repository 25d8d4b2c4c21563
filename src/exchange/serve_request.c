/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "exchange/serve_request.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

#define RAW_TYPE "application/vnd.ipld.raw"

/* What follows a prefix, or NULL */
static const char *after(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(path, prefix, n) == 0 ? path + n : NULL;
}

int cdx_serve_parse(struct cdx_serve_request *out, const char *path)
{
	static const struct {
		const char *rest;
		enum cdx_serve_kind kind;
	} of_dataset[] = {
		{"", CDX_SERVE_DATASET},
		{"/manifest", CDX_SERVE_MANIFEST},
		{"/blocks", CDX_SERVE_BLOCKS},
	};
	const char *text = after(path, "/ipfs/");
	size_t len;

	memset(out, 0, sizeof(*out));
	if (text != NULL) {
		out->kind = CDX_SERVE_IPFS;
		return cdx_cid_parse(&out->cid, text, strlen(text));
	}
	if (strcmp(path, "/codex/v1/peer") == 0) {
		out->kind = CDX_SERVE_PEER;
		return 0;
	}
	if (strcmp(path, "/codex/v1/dialback") == 0) {
		out->kind = CDX_SERVE_DIALBACK;
		return 0;
	}
	text = after(path, "/codex/v1/datasets/");
	if (text == NULL)
		return -ENOENT;
	len = strcspn(text, "/");
	for (size_t i = 0; i < CDX_ARRAY_LEN(of_dataset); i++) {
		if (strcmp(text + len, of_dataset[i].rest) != 0)
			continue;
		out->kind = of_dataset[i].kind;
		return cdx_cid_parse(&out->cid, text, len);
	}
	return -ENOENT;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Is "q=0", which refuses, among the parameters? */
static bool refuses(const char *params, size_t len)
{
	const char *end = params + len;

	for (const char *p = params; p + 3 <= end; p++) {
		if (strncasecmp(p, "q=0", 3) != 0)
			continue;
		/* 0, 0. and 0.000 */
		p += 3;
		p += p < end && *p == '.';
		while (p < end && *p == '0')
			p++;
		return p == end || is_space(*p) || *p == ';';
	}
	return false;
}

/* One media range of an Accept header */
static bool takes_raw(const char *p, size_t len)
{
	static const char *const ranges[] = {RAW_TYPE, "*/*", "application/*",
					     "application/octet-stream"};
	size_t type = 0;

	while (type < len && p[type] != ';' && !is_space(p[type]))
		type++;
	for (size_t i = 0; i < CDX_ARRAY_LEN(ranges); i++) {
		if (strlen(ranges[i]) == type &&
		    strncasecmp(p, ranges[i], type) == 0)
			return !refuses(p + type, len - type);
	}
	return false;
}

bool cdx_serve_wants_raw(const char *format, const char *accept)
{
	if (format != NULL)
		return strcmp(format, "raw") == 0;
	if (accept == NULL)
		return true;
	while (*accept != '\0') {
		size_t len;

		while (is_space(*accept) || *accept == ',')
			accept++;
		len = strcspn(accept, ",");
		if (len > 0 && takes_raw(accept, len))
			return true;
		accept += len;
	}
	return false;
}

bool cdx_serve_etag_matches(const char *header, const char *etag)
{
	size_t n = strlen(etag);

	while (header != NULL && *header != '\0') {
		while (is_space(*header) || *header == ',')
			header++;
		if (*header == '*')
			return true;
		/* weak or not is the same for what never changes */
		if (strncmp(header, "W/", 2) == 0)
			header += 2;
		if (strncmp(header, etag, n) == 0)
			return true;
		header += strcspn(header, ",");
	}
	return false;
}

int cdx_serve_port(const char *text)
{
	int port = 0;

	if (text == NULL || *text == '\0')
		return CDX_E_FORMAT;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return CDX_E_FORMAT;
		port = port * 10 + (*text - '0');
		if (port > 65535)
			return CDX_E_FORMAT;
	}
	return port > 0 ? port : CDX_E_FORMAT;
}
