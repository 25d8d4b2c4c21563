/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NET_LISTEN_H
#define CDX_NET_LISTEN_H

#include <sys/socket.h>

#include "base/attr.h"

#define CDX_LISTEN_WHY_MAX 256u

/**
 * cdx_listen_tcp - a socket that listens
 *
 * @addr: returns where, with the port that port 0 became
 * @text: "ADDR:PORT", "[ADDR6]:PORT", ":PORT" (IPv4 and IPv6); ADDR is a number
 *        or "localhost"
 * @why:  what went wrong, in words; for -EADDRINUSE with who holds the port where
 *        /proc tells
 *
 * Returns a descriptor of the caller's; -EINVAL no such address; -errno of the
 * socket.  Thread: safe.
 */
CDX_MUST_CHECK int cdx_listen_tcp(struct sockaddr_storage *addr,
				  const char *text,
				  char why[CDX_LISTEN_WHY_MAX]);

/* The port of an address, 0 for other families than IPv4 and IPv6.  Pure. */
unsigned cdx_listen_port(const struct sockaddr *sa);

#endif
