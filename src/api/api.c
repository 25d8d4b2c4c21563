/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "api/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "base/clock.h"
#include "base/err.h"
#include "node/market.h"

#define PREFIX "/control/v1"

void cdx_api_init(struct cdx_api *api, struct cdx_node *node)
{
	memset(api, 0, sizeof(*api));
	api->node = node;
	api->started = cdx_clock_wall_s();
	atomic_init(&api->stopping, false);
	pthread_mutex_init(&api->mu, NULL);
	pthread_mutex_init(&api->offers, NULL);
}

void cdx_api_end(struct cdx_api *api)
{
	if (api->node != NULL) {
		pthread_mutex_destroy(&api->mu);
		pthread_mutex_destroy(&api->offers);
	}
	api->node = NULL;
}

/* ---- sync ---- */

static const struct {
	const char *name;
	enum cdx_sync_until until;
	bool stored; /* and others have it */
} states[] = {
	{"committed", CDX_SYNC_COMMITTED, false},
	{"sealed", CDX_SYNC_SEALED, false},
	{"protected", CDX_SYNC_PROTECTED, false},
	{"stored", CDX_SYNC_PROTECTED, true},
};

static void do_sync(struct cdx_api *api, struct cdx_call *call)
{
	const char *until = call->param(call, "until");
	char why[CDX_CHAIN_WHY_MAX] = "";
	struct cdx_vol_status st;
	struct cdx_api_work w;
	size_t i = 0;
	int rc;

	if (until == NULL)
		until = states[0].name;
	while (i < CDX_ARRAY_LEN(states) && strcmp(until, states[i].name) != 0)
		i++;
	if (i == CDX_ARRAY_LEN(states)) {
		cdx_api_reply_error(call, -EINVAL);
		return;
	}
	cdx_api_work_begin(&w, api, call);
	if (api->flush != NULL)
		api->flush(api->flush_arg);
	rc = cdx_vol_sync_until(api->node->volume, states[i].until,
				cdx_api_work_progress, cdx_api_work_cancelled,
				&w);
	if (rc == CDX_E_HASH) {
		cdx_vol_status(api->node->volume, &st);
		snprintf(why, sizeof(why), "%s", st.protect_why);
	}
	if (rc == 0 && states[i].stored)
		rc = cdx_node_market_sync(api->node->market,
					  cdx_api_work_progress,
					  cdx_api_work_cancelled, &w, why);
	cdx_api_work_end(&w, rc, why,
			 json_pack("{s:s, s:s}", "result", states[i].name,
				   "namespace", "on this disk only"));
}

/* ---- compact ---- */

struct compact_call {
	struct cdx_api_work work;
	json_int_t segments;
	json_int_t moved;
	json_int_t dropped;
};

static void on_compacted(void *arg, const struct cdx_compact_report *r)
{
	struct compact_call *c = arg;
	char cid[CDX_CID_TEXT_MAX];

	cdx_cid_text(cid, &r->manifest);
	c->segments++;
	c->moved += (json_int_t)r->moved;
	c->dropped += r->dropped;
	cdx_api_work_line(&c->work,
			  json_pack("{s:{s:I, s:s, s:I, s:I, s:b}}", "segment",
				    "id", (json_int_t)r->area, "manifest", cid,
				    "liveBefore", (json_int_t)r->live_before,
				    "moved", (json_int_t)r->moved, "dropped",
				    r->dropped));
}

static void do_compact(struct cdx_api *api, struct cdx_call *call)
{
	struct compact_call c = {0};
	uint64_t below = 50;
	int rc;

	if (cdx_api_number(call, "below", 0, 100, &below) < 0) {
		cdx_api_reply_error(call, -EINVAL);
		return;
	}
	cdx_api_work_begin(&c.work, api, call);
	rc = cdx_vol_compact(api->node->volume, (unsigned)below, on_compacted,
			     &c);
	cdx_api_work_end(&c.work, rc, NULL,
			 json_pack("{s:s, s:I, s:I, s:I}", "result",
				   "compacted", "segments", c.segments, "moved",
				   c.moved, "dropped", c.dropped));
}

void cdx_api_call(void *arg, struct cdx_call *call)
{
	static const char datasets[] = PREFIX "/datasets";
	static const char chain[] = PREFIX "/chain";
	static const char peers[] = PREFIX "/peers";
	static const char market[] = PREFIX "/market";
	static const char proof[] = PREFIX "/proof";
	struct cdx_api *api = arg;
	const char *path = call->path;

	if (strcmp(path, PREFIX "/status") == 0 &&
	    strcmp(call->method, "GET") == 0)
		cdx_api_reply_json(call, 200, cdx_api_status(api));
	else if (strcmp(path, PREFIX "/sync") == 0 &&
		 strcmp(call->method, "POST") == 0)
		do_sync(api, call);
	else if (strcmp(path, PREFIX "/compact") == 0 &&
		 strcmp(call->method, "POST") == 0)
		do_compact(api, call);
	else if (strcmp(path, PREFIX "/policy") == 0)
		cdx_api_policy(api, call);
	else if (strncmp(path, chain, sizeof(chain) - 1) == 0)
		cdx_api_chain(api, call, path + sizeof(chain) - 1);
	else if (strncmp(path, peers, sizeof(peers) - 1) == 0)
		cdx_api_peers(api, call, path + sizeof(peers) - 1);
	else if (strncmp(path, market, sizeof(market) - 1) == 0)
		cdx_api_market(api, call, path + sizeof(market) - 1);
	else if (strncmp(path, proof, sizeof(proof) - 1) == 0)
		cdx_api_proof(api, call, path + sizeof(proof) - 1);
	else if (strncmp(path, datasets, sizeof(datasets) - 1) == 0)
		cdx_api_datasets(api, call, path + sizeof(datasets) - 1);
	else
		cdx_api_reply_error(call, -ENOENT);
}
