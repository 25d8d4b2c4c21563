/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_NODE_MARKET_INTERNAL_H
#define CDX_NODE_MARKET_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/aead.h"
#include "market/allowance.h"
#include "node/market.h"

/* Of a process's part in the market; for the files market*.c alone. */

struct cdx_node_market {
	struct cdx_node *n;	     /* immutable, like the next two */
	struct cdx_key location;     /* of the volume */
	struct cdx_conf_market raw;  /* as it was given */
	struct cdx_conf_market conf; /* of the thread until @cur points to it */
	const struct cdx_conf_market *_Atomic cur;
	unsigned look_ms; /* immutable */

	pthread_mutex_t mu; /* guards what follows, up to @lock */
	pthread_cond_t cv;  /* on CLOCK_MONOTONIC: stop, changes, answers */
	bool stop;
	uint64_t changes;		    /* of segments */
	struct cdx_node_market_state state; /* words, token, what comes back */

	pthread_rwlock_t lock; /* guards the next two: read by who uses them */
	bool ready;
	struct cdx_market_parts parts;

	pthread_t thread;
	bool has_thread;
	pthread_t back; /* fetches back what is not safe any more */
	bool has_back;

	/* the thread's, and of functions that it has run on the loop */
	const struct cdx_chain_parts *chain;
	struct cdx_market_env env;
	struct cdx_sender *sender[CDX_CHAIN_ROLES];
	struct cdx_allowance *allowance[CDX_CHAIN_ROLES];
	struct cdx_market_events *events[CDX_MARKET_ROLES];
	uint32_t samples; /* of the proving key; 0: not known yet */
	struct cdx_digest key;
};

/* Ends waiting threads now and then: true it is time to go */
bool cdx_node_market_stopping(struct cdx_node_market *m);
/* Waits @ms or until it is to stop or, with @changes, something changed; false: it is
 * to stop */
bool cdx_node_market_wait(struct cdx_node_market *m, unsigned ms,
			  const uint64_t *changes);
/* Words for status; logged when they are new.  @role: CDX_MARKET_ROLES for all */
void cdx_node_market_say(struct cdx_node_market *m, enum cdx_market_role role,
			 const char *why);

/* ---- market_setup.c: the market's own thread ---- */

/* Asks the chain what it must be asked once; 0, -ECANCELED, others (@why) */
CDX_MUST_CHECK int cdx_node_market_probe(struct cdx_node_market *m,
					 char why[CDX_CHAIN_WHY_MAX]);
/* Makes the roles that are wanted and not there yet, as far as that can be done;
 * true: all are there */
bool cdx_node_market_make(struct cdx_node_market *m);
/* The reverse of both */
void cdx_node_market_unmake(struct cdx_node_market *m);

/* ---- market_key.c ---- */

/* Which proving key the contract wants: in m->samples and m->key.  -ENOENT the store
 * has none such (@why says what to do). */
CDX_MUST_CHECK int cdx_node_market_find_key(struct cdx_node_market *m,
					    char why[CDX_CHAIN_WHY_MAX]);
/* That key, for the prover; m is the argument */
struct cdx_prover_keys cdx_node_market_keys(struct cdx_node_market *m);

/* ---- market_volume.c: what purchasing and patrol see of the volume ---- */

/* Hooks, whose argument is m */
struct cdx_purchase_volume cdx_node_market_volume(struct cdx_node_market *m);
/* Likewise, and how often */
struct cdx_patrol_opts cdx_node_market_patrol(struct cdx_node_market *m);
/* For cdx_vol_set_stages */
struct cdx_vol_stages cdx_node_market_stages(struct cdx_node_market *m);

/* ---- market_offer.c ---- */

/* Keeps the configured availability as the configuration has it.  Blocks.  Errors in
 * words. */
CDX_MUST_CHECK int cdx_node_market_offer(struct cdx_node_market *m,
					 char why[CDX_CHAIN_WHY_MAX]);

/* ---- market_back.c ---- */

/* Its thread; -EAGAIN */
CDX_MUST_CHECK int cdx_node_market_back_start(struct cdx_node_market *m);
void cdx_node_market_back_join(struct cdx_node_market *m);

#endif
