/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The reason is a text, and there is one for what is refused alone. */
static void told(int rc, const char *why)
{
	if (memchr(why, '\0', CDX_REST_BODY_WHY_MAX) == NULL ||
	    (rc < 0) != (why[0] != '\0'))
		abort();
}

/* The input is the body of both calls.  What needs all members takes no more than
 * what needs none, and gives the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[CDX_REST_BODY_WHY_MAX];
	struct cdx_rest_offer some;
	struct cdx_rest_offer all;
	struct cdx_rest_request r;
	int some_rc = cdx_rest_offer_parse(&some, data, size, false, why);
	int rc;

	told(some_rc, why);
	rc = cdx_rest_offer_parse(&all, data, size, true, why);
	told(rc, why);
	if (rc == 0 &&
	    (some_rc < 0 || all.has != some.has || all.o.total != some.o.total))
		abort();
	rc = cdx_rest_request_parse(&r, data, size, why);
	told(rc, why);
	return 0;
}
