/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NET_CALL_H
#define CDX_NET_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/*
 * One request being answered.  The same handler serves a socket (net/server.h)
 * and a verb that has opened the store itself (api/client.h): it reads the
 * body and writes the answer through these members.  A call belongs to the one
 * thread that answers it, which may block.
 */
struct cdx_call {
	const char *method; /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE",
		   * "OPTIONS", or whatever else */
	const char *path;   /* decoded, begins with '/' */
	/* Value of a query parameter, or NULL; borrowed. */
	const char *(*param)(struct cdx_call *call, const char *name);
	/* The same of a parameter that may be given often: value @i, from 0 */
	const char *(*param_at)(struct cdx_call *call, const char *name,
				unsigned i);
	/* Value of a header of the request, or NULL; borrowed.  A call that came over
	 * no network has none. */
	const char *(*header)(struct cdx_call *call, const char *name);
	/* A header of the answer, before begin; copied.  -ENOMEM; -EINVAL a line
	 * break in it; CDX_E_SEQUENCE after begin. */
	int (*set)(struct cdx_call *call, const char *name, const char *value);
	/* The length of the answer's body, before begin, where it is known; with
	 * 304 that of what is not sent again */
	void (*length)(struct cdx_call *call, uint64_t len);
	/* Next bytes of the body: count, 0 at the end, -errno (-EPIPE: whoever
	 * asked went in the middle of it).  Nothing any more after begin: what was
	 * not read by then is dropped. */
	ssize_t (*read)(struct cdx_call *call, void *out, size_t cap);
	/* Status and content type; once, before the first write */
	int (*begin)(struct cdx_call *call, int status, const char *type);
	/* Before begin, for long work that has nothing to say yet: has whoever asked
	 * gone, or closed his side?  A call that came over no network: false. */
	bool (*gone)(struct cdx_call *call);
	/* Bytes of the answer; -EPIPE when nobody listens any more */
	int (*write)(struct cdx_call *call, const void *p, size_t len);
};

/* Answers one call. */
typedef void cdx_call_fn(void *arg, struct cdx_call *call);

#endif
