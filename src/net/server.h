/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NET_SERVER_H
#define CDX_NET_SERVER_H

#include "base/attr.h"
#include "base/log.h"
#include "net/call.h"

/* HTTP server over libmicrohttpd; one thread a connection, one a call. */
struct cdx_server;

/**
 * cdx_server_unix - serve on a Unix socket, mode 0600
 *
 * @out:   returns new
 * @dirfd: directory that the socket is made in
 * @name:  its name there; an old socket is replaced (the caller holds the
 *         store's lock, so nobody serves it)
 * @fn:    answers every call, on a thread of its own
 *
 * Errors: -errno of the socket calls; -EIO libmicrohttpd refuses.
 */
CDX_MUST_CHECK int cdx_server_unix(struct cdx_server **out, int dirfd,
				   const char *name, cdx_call_fn *fn, void *arg,
				   const struct cdx_log *log);

/* Waits for the calls under way, stops, removes the socket.  NULL allowed. */
void cdx_server_free(struct cdx_server *s);

#endif
