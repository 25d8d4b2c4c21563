/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/dht_ear.h"

#include <stdbool.h>

#include "crypto/hash.h"

/* OpenDHT's thread; what somebody puts there is of no use */
static bool ignore(const dht_value *value, bool expired, void *arg)
{
	(void)value;
	(void)expired;
	(void)arg;
	return true;
}

void cdx_dht_ear_open(struct cdx_dht_ear *e, dht_runner *runner)
{
	if (e->token)
		return;
	cdx_random(e->place.d, sizeof(e->place.d));
	e->token = dht_runner_listen(runner, &e->place, ignore, NULL, NULL);
}

void cdx_dht_ear_close(struct cdx_dht_ear *e, dht_runner *runner)
{
	if (!e->token)
		return;
	dht_runner_cancel_listen(runner, &e->place, e->token);
	cdx_dht_ear_fini(e);
}

void cdx_dht_ear_fini(struct cdx_dht_ear *e)
{
	if (e->token)
		dht_op_token_delete(e->token);
	e->token = NULL;
}
