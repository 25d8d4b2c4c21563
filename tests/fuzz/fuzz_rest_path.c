/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/rest_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is taken for a path.  One that is found is its route's, with the id in
 * place of "*"; what the route allows fits its buffer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = strndup((const char *)data, size);
	const struct cdx_rest_route *r;
	char id[CDX_CID_TEXT_MAX];
	char allow[64];
	const char *star;
	size_t before;

	if (path == NULL)
		return 0;
	r = cdx_rest_route_find(path, id);
	if (strlen(id) >= sizeof(id) || strchr(id, '/') != NULL)
		abort();
	if (r != NULL) {
		cdx_rest_route_allow(r, allow);
		if (strlen(allow) >= sizeof(allow))
			abort();
		star = strchr(r->path, '*');
		before = star == NULL ? strlen(path) : (size_t)(star - r->path);
		if (strncmp(path, r->path, before) != 0 ||
		    strncmp(path + before, id, strlen(id)) != 0)
			abort();
	}
	free(path);
	return 0;
}
