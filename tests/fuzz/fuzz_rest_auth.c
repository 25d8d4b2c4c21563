/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A host says the same when its text is read again */
static void check_host(const char *text)
{
	struct cdx_rest_host h;
	struct cdx_rest_host again;
	char plain[sizeof(h.text) + 8];

	if (cdx_rest_host(&h, text) < 0)
		return;
	if (strchr(h.text, ':') != NULL)
		snprintf(plain, sizeof(plain), "[%s]:1", h.text);
	else
		snprintf(plain, sizeof(plain), "%s:1", h.text);
	if (cdx_rest_host(&again, plain) < 0 || again.kind != h.kind ||
	    strcmp(again.text, h.text) != 0)
		abort();
}

/* The input is taken for the headers Authorization and Host. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char secret[CDX_REST_TOKEN_MAX];
	char again[CDX_REST_TOKEN_MAX];
	char bearer[CDX_REST_TOKEN_MAX + 8];
	char *text = strndup((const char *)data, size);

	if (text == NULL)
		return 0;
	if (cdx_rest_credential(secret, text) == 1) {
		if (secret[0] == '\0' || strlen(secret) >= sizeof(secret))
			abort();
		snprintf(bearer, sizeof(bearer), "Bearer %s", secret);
		if (strpbrk(secret, " \t") == NULL &&
		    (cdx_rest_credential(again, bearer) != 1 ||
		     strcmp(secret, again) != 0))
			abort();
	}
	check_host(text);
	free(text);
	return 0;
}
