/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/dht.h"

#include <errno.h>

/* In the place of dht.c where OpenDHT is not there */

int cdx_dht_new(struct cdx_dht **out, const struct cdx_dht_opts *opts)
{
	(void)opts;
	*out = NULL;
	return -ENOTSUP;
}

void cdx_dht_free(struct cdx_dht *d)
{
	(void)d;
}

uint16_t cdx_dht_port(const struct cdx_dht *d)
{
	(void)d;
	return 0;
}

bool cdx_dht_connected(const struct cdx_dht *d)
{
	(void)d;
	return false;
}

int cdx_dht_put(struct cdx_dht *d, const struct cdx_dht_place *place,
		const void *value, size_t len, bool last, cdx_dht_put_fn *fn,
		void *arg)
{
	(void)d, (void)place, (void)value, (void)len, (void)last, (void)fn,
		(void)arg;
	return -ENOTSUP;
}

int cdx_dht_get(struct cdx_dht *d, struct cdx_dht_get **out,
		const struct cdx_dht_place *place, cdx_dht_get_fn *fn,
		void *arg)
{
	(void)d, (void)out, (void)place, (void)fn, (void)arg;
	return -ENOTSUP;
}

void cdx_dht_get_cancel(struct cdx_dht_get *g)
{
	(void)g;
}
