/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/discovery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/hash.h"
#include "discovery/internal.h"

#define S_NS UINT64_C(1000000000)
#define REFRESH_S 480u
#define EXPIRE_S 600u
/* New ones are put at this pace */
#define PUTS_PER_S 64u

_Static_assert(CDX_BOOTSTRAP_MAX <= CDX_DHT_BOOTSTRAP_MAX,
	       "the DHT takes all bootstrap nodes that there may be");

void cdx_discovery_locate(struct cdx_dht_place *out,
			  const struct cdx_discovery *d,
			  const struct cdx_digest *key)
{
	struct cdx_digest h;

	cdx_sha256_2(&h, d->who.network.b, sizeof(d->who.network.b), key->b,
		     sizeof(key->b));
	memcpy(out->b, h.b, sizeof(out->b));
}

/* The DHT found others, or lost them */
static void changed(void *arg)
{
	struct cdx_discovery *d = arg;

	cdx_log(d->log, INFO, "discovery",
		cdx_dht_connected(d->dht)
			? "the DHT has other nodes"
			: "nobody else in the DHT answers; trying again");
	cdx_discovery_pump(d);
}

static int start_dht(struct cdx_discovery *d,
		     const struct cdx_discovery_opts *o)
{
	const struct cdx_dht_opts opts = {
		.loop = o->loop,
		.log = o->log,
		.bootstrap = o->bootstrap,
		.n_bootstrap = o->n_bootstrap,
		.port = o->dht_port,
		.network = cdx_get_be32(o->who->network.b),
		.state = o->state,
		.changed = changed,
		.arg = d,
	};

	return cdx_dht_new(&d->dht, &opts);
}

int cdx_discovery_new(struct cdx_discovery **out,
		      const struct cdx_discovery_opts *o)
{
	struct cdx_discovery *d = calloc(1, sizeof(*d));
	const unsigned refresh = o->refresh_s ? o->refresh_s : REFRESH_S;
	int err;

	*out = NULL;
	if (!d)
		return -ENOMEM;
	d->loop = o->loop;
	d->log = o->log;
	d->who = *o->who;
	d->expire_s = o->expire_s ? o->expire_s : EXPIRE_S;
	d->checks.left = CDX_CHECKS_BURST;
	cdx_list_init(&d->finds);
	cdx_schedule_init(&d->schedule, refresh * S_NS, S_NS / PUTS_PER_S);
	err = cdx_seen_new(&d->seen);
	if (err == 0 && o->n_peers) {
		const struct cdx_static_opts opts = {.loop = o->loop,
						     .http = o->http,
						     .log = o->log,
						     .who = &d->who,
						     .peer = o->peer,
						     .n_peers = o->n_peers};

		err = cdx_static_new(&d->peers, &opts);
	}
	if (err == 0 && o->dht)
		err = start_dht(d, o);
	if (err < 0) {
		cdx_discovery_free(d);
		return err;
	}
	*out = d;
	return 0;
}

void cdx_discovery_free(struct cdx_discovery *d)
{
	if (!d)
		return;
	cdx_loop_timer_del(d->pump);
	cdx_loop_timer_del(d->withdraw);
	cdx_discovery_finds_end(d);
	cdx_dht_free(d->dht);
	cdx_static_free(d->peers);
	cdx_discovery_forget(d);
	cdx_seen_free(d->seen);
	cdx_wipe(&d->who, sizeof(d->who));
	free(d);
}

void cdx_discovery_place(struct cdx_discovery *d, const struct cdx_maddr *addr,
			 unsigned n, const struct cdx_digest *tls_key)
{
	if (n > CDX_PEER_ADDRS_MAX)
		n = CDX_PEER_ADDRS_MAX;
	for (unsigned i = 0; i < n; i++)
		d->addr[i] = addr[i];
	d->n_addrs = n;
	d->has_tls_key = tls_key != NULL;
	if (tls_key)
		d->tls_key = *tls_key;
	cdx_discovery_pump(d);
}

void cdx_discovery_stats(const struct cdx_discovery *d,
			 struct cdx_discovery_stats *out)
{
	*out = d->stats;
	if (d->dht) {
		out->port = cdx_dht_port(d->dht);
		out->nodes = cdx_dht_connected(d->dht) ? 1 : 0;
	}
}
