/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "exchange/serve_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS 5

/* A path that was understood has one with the CID's usual text, which means the
 * same. */
static void check_path(const char *path)
{
	static const char *const formats[][2] = {
		[CDX_SERVE_IPFS] = {"/ipfs/", ""},
		[CDX_SERVE_PEER] = {"/codex/v1/peer", NULL},
		[CDX_SERVE_DATASET] = {"/codex/v1/datasets/", ""},
		[CDX_SERVE_MANIFEST] = {"/codex/v1/datasets/", "/manifest"},
		[CDX_SERVE_BLOCKS] = {"/codex/v1/datasets/", "/blocks"},
		[CDX_SERVE_DIALBACK] = {"/codex/v1/dialback", NULL},
	};
	struct cdx_serve_request q;
	struct cdx_serve_request again;
	char text[CDX_CID_TEXT_MAX];
	char own[256];

	if (cdx_serve_parse(&q, path) < 0)
		return;
	if (formats[q.kind][1] == NULL) {
		if (strcmp(path, formats[q.kind][0]) != 0)
			abort();
		return;
	}
	cdx_cid_text(text, &q.cid);
	snprintf(own, sizeof(own), "%s%s%s", formats[q.kind][0], text,
		 formats[q.kind][1]);
	if (cdx_serve_parse(&again, own) < 0 || again.kind != q.kind ||
	    !cdx_cid_equal(&again.cid, &q.cid))
		abort();
}

static void check_port(const char *text)
{
	int port = cdx_serve_port(text);

	if (port >= 0
		    ? port < 1 || port > 65535 || strtol(text, NULL, 10) != port
		    : port != CDX_E_FORMAT)
		abort();
}

/* Alone and in a list with others a tag is found, and a refused type is not. */
static void check_lists(const char *accept, const char *tag)
{
	static const char own[] = "\"own\"";
	size_t len = strlen(accept) + strlen(tag) + 64;
	char *text = malloc(len);

	if (text == NULL)
		abort();
	snprintf(text, len, "%s, %s", tag, own);
	if (!cdx_serve_etag_matches(text, own))
		abort();
	snprintf(text, len, "%s, application/vnd.ipld.raw", accept);
	if (!cdx_serve_wants_raw(NULL, text) ||
	    cdx_serve_wants_raw("car", text) ||
	    !cdx_serve_wants_raw("raw", accept))
		abort();
	(void)cdx_serve_wants_raw(NULL, accept);
	(void)cdx_serve_etag_matches(tag, own);
	free(text);
}

/* Lines: a path, a format, an Accept, an If-None-Match, a port */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + FIELDS + 1);
	char *field[FIELDS];
	size_t at = 0;

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	memset(text + size, 0, FIELDS + 1);
	for (size_t i = 0; i < FIELDS; i++) {
		field[i] = text + at;
		while (text[at] != '\0' &&
		       (text[at] != '\n' || i + 1 == FIELDS))
			at++;
		if (text[at] == '\n')
			text[at++] = '\0';
	}
	check_path(field[0]);
	(void)cdx_serve_wants_raw(field[1], field[2]);
	check_lists(field[2], field[3]);
	check_port(field[4]);
	free(text);
	return 0;
}
