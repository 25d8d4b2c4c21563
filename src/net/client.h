/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NET_CLIENT_H
#define CDX_NET_CLIENT_H

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"

/* One HTTP request, synchronous, over a Unix socket (libcurl). */
struct cdx_request {
	const char *method;
	const char *path; /* with query, percent-encoded */
	/* Body: next bytes into @out; count, 0 at the end, negative aborts.
	 * NULL: no body. */
	ssize_t (*read)(void *arg, void *out, size_t cap);
	/* Answer's bytes; 0 or negative aborts.  @status is known. */
	int (*write)(void *arg, int status, const void *p, size_t len);
	void *arg;
};

/**
 * cdx_request_unix - do a request and wait for its end
 *
 * @socket: path of the Unix socket, at most 107 bytes, or a longer one that is
 *          reached through its directory
 *
 * Returns the HTTP status; -ECONNREFUSED or -ENOENT nobody serves it; what a
 * callback returned; -ECONNRESET the connection broke.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_request_unix(const char *socket,
				    const struct cdx_request *req);

#endif
