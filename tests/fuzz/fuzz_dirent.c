/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "volume/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both records of a name: what decodes encodes to the same bytes, and its name
 * is one that could be made. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdx_name d;
	struct cdx_name again;
	uint8_t out[320];

	memset(&d, 0, sizeof(d));
	if (cdx_dentry_decode(&d, data, size) == 0 &&
	    (cdx_dentry_encode(out, &d) != size ||
	     memcmp(out, data, size) != 0))
		abort();
	memset(&d, 0, sizeof(d));
	if (cdx_cookie_decode(&d, data, size) < 0)
		return 0;
	if (cdx_cookie_encode(out, &d) != size || memcmp(out, data, size) != 0)
		abort();
	if (cdx_name_init(&again, 1, d.name) < 0 || again.len != d.len)
		abort();
	return 0;
}
