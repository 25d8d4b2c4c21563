/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_API_API_H
#define CDX_API_API_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "net/call.h"
#include "node/node.h"

/*
 * What a process answers on its control socket, and what a verb asks of itself
 * when no process runs.  Paths (docs/FORMATS.md "Control socket"):
 *
 *   GET    /control/v1/status
 *   POST   /control/v1/sync?until=committed|sealed|protected|stored
 *   POST   /control/v1/compact?below=PERCENT
 *   GET    /control/v1/policy
 *   POST   /control/v1/policy?data=&parity=&codec=
 *   GET    /control/v1/datasets
 *   POST   /control/v1/datasets?filename=&mimetype=&private=&blockSize=
 *   GET    /control/v1/datasets/CID
 *   GET    /control/v1/datasets/CID/data
 *   DELETE /control/v1/datasets/CID
 *   POST   /control/v1/datasets/CID/protect?data=&parity=&codec=&cellSize=
 *   POST   /control/v1/datasets/CID/verify
 *   GET    /control/v1/datasets/CID/slots?slots=
 *   GET    /control/v1/datasets/CID/inputs?slots=&challenge=&samples=
 *   POST   /control/v1/datasets/CID/export?slots=&dir=
 *   POST   /control/v1/datasets/CID/evict?slots=
 *   POST   /control/v1/datasets/CID/rebuild?slots=&from=
 *   GET    /control/v1/datasets/CID/open
 *   GET    /control/v1/datasets/CID/providers?ms=
 *   POST   /control/v1/datasets/CID/announce?private=
 *   GET    /control/v1/peers
 *   GET    /control/v1/chain/info
 *   GET    /control/v1/chain/accounts
 *   GET    /control/v1/chain/balance?address=
 *   GET    /control/v1/chain/config?check=1
 *   POST   /control/v1/chain/send-token?to=&amount=
 *   GET    /control/v1/market/info
 *   GET    /control/v1/market/token
 *   GET    /control/v1/market/availability
 *   POST   /control/v1/market/availability?size=&price=&collateral=&duration=
 *          &enabled=&until=
 *   POST   /control/v1/market/availability/ID?(the same)
 *   GET    /control/v1/market/sales
 *   GET    /control/v1/market/slots
 *   GET    /control/v1/market/purchases
 *   POST   /control/v1/market/request/CID?data=&parity=&codec=&price=
 *          &collateral=&duration=&expiry=&probability=&wait=
 *
 * Long work answers with one JSON object a line: progress, then a last line
 * with "result" or with "error" and "code".
 */
#define CDX_API_CLAIMS_MAX 16u

struct cdx_api {
	struct cdx_node *node;	/* borrowed */
	const char *mountpoint; /* NULL: not mounted */
	int64_t started;	/* wall seconds */
	struct cdx_log *log;	/* whose level can be changed; NULL: none's */
	atomic_uint rest_port;	/* where REST is answered; 0: nowhere */
	/* Brings in what a kernel still caches of open files; NULL: nothing
	 * is mounted */
	void (*flush)(void *arg);
	void *flush_arg;
	/* true: the process is ending; long calls that can go on later end */
	atomic_bool stopping;
	pthread_mutex_t offers; /* held while one changes: room, then it */
	pthread_mutex_t mu;	/* guards what is below */
	uint64_t claimed[CDX_API_CLAIMS_MAX]; /* datasets being changed */
	unsigned claims;
	/* of the marketplace's token, once it was asked for: they never change */
	bool has_token;
	char token_symbol[64];
	unsigned token_decimals;
};

/* Before its first call: nothing but @node and the time are set.  Undone with
 * cdx_api_end, which allows an all-zero one. */
void cdx_api_init(struct cdx_api *api, struct cdx_node *node);
/* After the last call */
void cdx_api_end(struct cdx_api *api);

/* A cdx_call_fn; @arg is a struct cdx_api.  Thread: safe. */
void cdx_api_call(void *arg, struct cdx_call *call);

/* What GET status says; returns new, NULL without memory.  Thread: safe. */
json_t *cdx_api_status(const struct cdx_api *api);

/* The same as text, malloc'd; a cdx_fs_status_fn */
char *cdx_api_status_text(void *arg);

/* What a configuration says, an array of {section, key, value, from} without
 * passwords.  @section: that one alone; NULL: all.  Returns new, NULL without
 * memory. */
json_t *cdx_api_conf_json(const struct cdx_conf *conf, const char *section);

#endif
