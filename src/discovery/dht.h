/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_DHT_H
#define CDX_DISCOVERY_DHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/loop.h"

/*
 * A node of OpenDHT.  Everything is called, and calls back, on the loop; what
 * OpenDHT says on its own threads is copied and posted.  Its C interface only
 * takes notes for its threads, so nothing of it but the start and the end makes
 * the loop wait.  loop-confined.
 */
struct cdx_dht;
struct cdx_dht_get;

#define CDX_DHT_PLACE_LEN 20u
struct cdx_dht_place {
	uint8_t b[CDX_DHT_PLACE_LEN];
};

/* Of one get at most so many values are looked at, and no longer ones copied: a
 * flooded place costs 256 KiB. */
#define CDX_DHT_VALUES_MAX 256u
#define CDX_DHT_VALUE_MAX 1024u

struct cdx_dht_opts {
	struct cdx_loop *loop;	      /* kept */
	const struct cdx_log *log;    /* kept */
	const char *const *bootstrap; /* "HOST:PORT"; copied */
	unsigned n_bootstrap;	      /* at most CDX_DHT_BOOTSTRAP_MAX */
	uint16_t port;		      /* 0: any */
	uint32_t network;
	const char *state; /* file of nodes that it knew, or NULL */
	/* it was alone and is not any more, or the other way round */
	void (*changed)(void *arg);
	void *arg;
};
#define CDX_DHT_BOOTSTRAP_MAX 16u

/* Returns new.  -ENOTSUP not built in; -EADDRINUSE, -EACCES the port; -EINVAL a
 * bootstrap that is no HOST:PORT; -EMFILE so many descriptors are open that
 * OpenDHT, which uses select, cannot have more; -ENOMEM; -EIO OpenDHT refused. */
CDX_MUST_CHECK int cdx_dht_new(struct cdx_dht **out,
			       const struct cdx_dht_opts *opts);
/* Calls nobody back.  Saves what is known of others, and waits for OpenDHT's
 * threads: some 100 ms, and as long as a resolver of names takes when one is being
 * asked.  NULL is allowed. */
void cdx_dht_free(struct cdx_dht *d);

/* UDP port in use */
uint16_t cdx_dht_port(const struct cdx_dht *d);
/* Did another node answer what was asked last?  The C interface does not count
 * them. */
bool cdx_dht_connected(const struct cdx_dht *d);

/* How many nodes took it is not said; @ok: one at least */
typedef void cdx_dht_put_fn(void *arg, bool ok);
/**
 * cdx_dht_put - put a value, which stays for ten minutes
 *
 * @last: it is not going to be put again
 * @fn:   called once, never before this returns; not after cdx_dht_free
 *
 * -ENOMEM.
 */
CDX_MUST_CHECK int cdx_dht_put(struct cdx_dht *d,
			       const struct cdx_dht_place *place,
			       const void *value, size_t len, bool last,
			       cdx_dht_put_fn *fn, void *arg);

enum cdx_dht_what {
	CDX_DHT_VALUE,	  /* @value of @len bytes */
	CDX_DHT_TOO_LONG, /* one that is longer than CDX_DHT_VALUE_MAX */
	CDX_DHT_END,	  /* all that could be found; the handle is dead */
};
typedef void cdx_dht_get_fn(void *arg, enum cdx_dht_what what,
			    const void *value, size_t len);
/* The values at a place, also our own.  Never calls back before it returns.
 * -ENOMEM. */
CDX_MUST_CHECK int cdx_dht_get(struct cdx_dht *d, struct cdx_dht_get **out,
			       const struct cdx_dht_place *place,
			       cdx_dht_get_fn *fn, void *arg);
/* Its function is not called any more.  NULL is allowed. */
void cdx_dht_get_cancel(struct cdx_dht_get *g);

#endif
