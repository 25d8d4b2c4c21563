/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_text.h"
#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first 8 bytes are the size of the whole, the rest is a Range.  What is
 * found lies within, and reads back from the plainest way to say it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_rest_range r;
	struct cdx_rest_range again;
	char plain[64];
	char *text;
	uint64_t whole;
	int rc;

	if (size < 8)
		return 0;
	whole = cdx_get_be64(data);
	text = strndup((const char *)data + 8, size - 8);
	if (text == NULL)
		return 0;
	rc = cdx_rest_range(&r, text, whole);
	(void)cdx_rest_etag_match(text, "\"zDv\"", whole % 2 == 0);
	(void)cdx_rest_wants_text(text, text);
	free(text);
	if (rc != 0 && rc != 1 && rc != -ERANGE)
		abort();
	if (rc != 1)
		return 0;
	if (r.len == 0 || r.first >= whole || r.len > whole - r.first)
		abort();
	snprintf(plain, sizeof(plain), "bytes=%" PRIu64 "-%" PRIu64, r.first,
		 r.first + (r.len - 1));
	if (cdx_rest_range(&again, plain, whole) != 1 ||
	    again.first != r.first || again.len != r.len)
		abort();
	return 0;
}
