/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_DHT_BOOT_H
#define CDX_DISCOVERY_DHT_BOOT_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/log.h"

/*
 * A thread that looks up the names of bootstrap nodes, which may take long, and
 * hands their addresses on.  OpenDHT can do that itself, but on the thread that
 * does everything else, and waits longer after each try, up to a day.
 */
struct cdx_dht_boot;

/* On that thread; @addr is borrowed */
typedef void cdx_dht_boot_fn(void *arg, struct sockaddr *addr, socklen_t len);

/* Returns new, and looks them up a first time.  @hosts: @n times "HOST:PORT",
 * copied.  -EINVAL one that is none; -ENOMEM, -EAGAIN. */
CDX_MUST_CHECK int cdx_dht_boot_new(struct cdx_dht_boot **out,
				    const char *const *hosts, unsigned n,
				    const struct cdx_log *log,
				    cdx_dht_boot_fn *fn, void *arg);
/* Looks all of them up once more.  Thread: safe. */
void cdx_dht_boot_wake(struct cdx_dht_boot *b);
/* Waits for a look-up under way.  NULL is allowed. */
void cdx_dht_boot_free(struct cdx_dht_boot *b);

/* Whether OpenDHT can have this UDP port: where it is taken it goes on without
 * IPv4 and says nothing, and for descriptors above 1023 its select writes beyond
 * its array.  -EADDRINUSE, -EACCES, -EMFILE. */
CDX_MUST_CHECK int cdx_dht_port_check(uint16_t port);
/* OpenDHT keeps its ports beside its file of nodes, and would go on without IPv4
 * when that one is taken at the next start: removes them. */
void cdx_dht_port_forget(const char *state);

#endif
