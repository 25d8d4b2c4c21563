/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A header that can be sent: one line of printable characters */
static void check_line(const char *text)
{
	if (strlen(text) >= CDX_REST_DISPOSITION_MAX)
		abort();
	for (const char *p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			abort();
}

/* The input is taken for a Content-Disposition, and for a name out of a
 * manifest.  A name that was accepted comes back from what we say of it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[CDX_REST_DISPOSITION_MAX];
	char name[CDX_FILENAME_MAX + 1];
	char again[CDX_FILENAME_MAX + 1];
	char *text = strndup((const char *)data, size);

	if (text == NULL)
		return 0;
	if (cdx_rest_filename(name, text) == 1) {
		if (name[0] == '\0' || strchr(name, '/') != NULL)
			abort();
		cdx_rest_disposition(out, name);
		check_line(out);
		if (cdx_rest_filename(again, out) != 1 ||
		    strcmp(name, again) != 0)
			abort();
	}
	cdx_rest_disposition(out, text);
	check_line(out);
	if (cdx_rest_mimetype(text))
		check_line(text);
	free(text);
	return 0;
}
