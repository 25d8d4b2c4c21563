/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NET_SERVER_H
#define CDX_NET_SERVER_H

#include <stdint.h>

#include "base/attr.h"
#include "net/call.h"

/* HTTP server over libmicrohttpd; one thread a connection, one a call.  For our
 * own tools; strangers are served by net/web.h. */
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
				   const char *name, cdx_call_fn *fn,
				   void *arg);

struct cdx_server_tcp {
	const char
		*listen; /* "ADDR:PORT", "[ADDR6]:PORT", ":PORT"; port 0: any */
	unsigned connections; /* 0: 32; more are refused */
	unsigned idle_s;      /* 0: 60 */
	cdx_call_fn *fn;
	void *arg;
};
/* The same calls on TCP, for few clients.  @why and errors: as cdx_web_new. */
CDX_MUST_CHECK int cdx_server_tcp(struct cdx_server **out,
				  const struct cdx_server_tcp *o,
				  char why[256]);
/* The port of a TCP server */
uint16_t cdx_server_port(const struct cdx_server *s);

/* Waits for the calls under way, stops, removes the socket.  NULL allowed. */
void cdx_server_free(struct cdx_server *s);

#endif
