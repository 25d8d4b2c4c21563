/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_DISCOVERY_DHT_EAR_H
#define CDX_DISCOVERY_DHT_EAR_H

#include <opendht/opendht_c.h>

/*
 * For the first node of a network, which nobody has told of another one.  Whoever
 * asks it goes into its table, but is not asked back, and so not believed, until
 * OpenDHT looks after its table, up to half a minute later; everything that we ask
 * for waits until then.  A search that does not end asks everybody at once who
 * comes into the table: such a one, for a place that nobody has, is what this is.
 */
struct cdx_dht_ear {
	dht_infohash place;
	dht_op_token *token; /* NULL: closed */
};

/* Begins the search, unless it is there; for as long as nobody is known.  Thread:
 * that of @e's owner, as with the others. */
void cdx_dht_ear_open(struct cdx_dht_ear *e, dht_runner *runner);
/* Ends it, when somebody has answered: it is not for nothing. */
void cdx_dht_ear_close(struct cdx_dht_ear *e, dht_runner *runner);
/* Frees what it has; the search ends with the runner. */
void cdx_dht_ear_fini(struct cdx_dht_ear *e);

#endif
