/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/err.h"
#include "node/peers.h"
#include "store/public.h"

#define PEERS_MAX 1024u
#define FIND_MS_MAX 600000u
#define FIND_MS 10000u
#define PIECE (1u << 20)

static const char no_node[] =
	"the process that has this store is no node: start one with codexfs "
	"node, or mount with listen, bootstrap or peer in its configuration";

/* ---- who is known ---- */

static json_t *peer_json(const struct cdx_peer_info *p)
{
	char id[CDX_PEER_ID_TEXT_MAX];
	char addr[CDX_MADDR_TEXT_MAX];

	cdx_peer_id_text(id, &p->id);
	cdx_maddr_text(addr, &p->addr);
	return json_pack(
		"{s:s?, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
		"id", p->has_id ? id : NULL, "address", addr, "bytes",
		(json_int_t)p->bytes, "blocks", (json_int_t)p->blocks,
		"bytesPerSecond", (json_int_t)p->rate, "roundTripMicroseconds",
		(json_int_t)p->rtt_us, "failures", (json_int_t)p->failures,
		"lies", (json_int_t)p->lies, "inflight",
		(json_int_t)p->inflight, "outSeconds", (json_int_t)p->out_s,
		"kept", p->kept);
}

static int fastest_first(const void *a, const void *b)
{
	const struct cdx_peer_info *x = a;
	const struct cdx_peer_info *y = b;

	return (x->rate < y->rate) - (x->rate > y->rate);
}

static void list(const struct cdx_api *api, struct cdx_call *call)
{
	struct cdx_peer_info *known = calloc(PEERS_MAX, sizeof(*known));
	json_t *all = json_array();
	unsigned n = 0;

	if (known == NULL || all == NULL) {
		free(known);
		json_decref(all);
		cdx_api_reply_error(call, -ENOMEM);
		return;
	}
	n = cdx_exchange_peers(cdx_peers_exchange(api->node->peers), known,
			       PEERS_MAX);
	if (n > PEERS_MAX)
		n = PEERS_MAX;
	qsort(known, n, sizeof(*known), fastest_first);
	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(all, peer_json(&known[i]));
	free(known);
	cdx_api_reply_json(call, 200, json_pack("{s:o}", "peers", all));
}

void cdx_api_peers(struct cdx_api *api, struct cdx_call *call, const char *rest)
{
	if (rest[0] != '\0' || strcmp(call->method, "GET") != 0)
		cdx_api_reply_error(call, -ENOENT);
	else if (api->node->peers == NULL)
		cdx_api_reply_why(call, -ENOTCONN, no_node);
	else
		list(api, call);
}

/* ---- who has it ---- */

struct finding {
	struct cdx_api_work w;
	unsigned n;
};

static const char *holding_name(enum cdx_holding h)
{
	switch (h) {
	case CDX_HOLDS_ALL:
		return "all";
	case CDX_HOLDS_SLOTS:
		return "slots";
	case CDX_HOLDS_SOME:
		return "some";
	case CDX_HOLDS_NOTHING:
		return "nothing";
	}
	return "unknown";
}

static json_t *slots_json(const struct cdx_provider_record *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < 8 * sizeof(r->slots.b); i++)
		if (r->holding == CDX_HOLDS_SLOTS &&
		    (r->slots.b[i / 8] & 1u << i % 8) != 0)
			(void)json_array_append_new(list, json_integer(i));
	return list;
}

static int on_found(void *arg, const struct cdx_provider_record *r)
{
	struct finding *f = arg;
	char id[CDX_PEER_ID_TEXT_MAX];

	cdx_peer_id_text(id, &r->id);
	f->n++;
	cdx_api_work_line(&f->w,
			  json_pack("{s:{s:s, s:s, s:o, s:o, s:I}}", "provider",
				    "id", id, "holds", holding_name(r->holding),
				    "slots", slots_json(r), "addresses",
				    cdx_api_addrs_json(r->addr, r->n_addrs),
				    "expires", (json_int_t)r->expires));
	return cdx_api_work_cancelled(&f->w) ? -ECANCELED : 0;
}

void cdx_api_find(struct cdx_api *api, struct cdx_call *call,
		  const struct cdx_cid *cid)
{
	uint64_t ms = FIND_MS;
	struct finding f = {.n = 0};
	int rc = cdx_api_number(call, "ms", 1, FIND_MS_MAX, &ms);

	if (rc < 0) {
		cdx_api_reply_error(call, rc);
		return;
	}
	if (api->node->peers == NULL) {
		cdx_api_reply_why(call, -ENOTCONN, no_node);
		return;
	}
	cdx_api_work_begin(&f.w, api, call);
	rc = cdx_peers_find(api->node->peers, cid, (unsigned)ms, on_found, &f);
	cdx_api_work_end(&f.w, rc, NULL,
			 json_pack("{s:s, s:I}", "result", "searched",
				   "providers", (json_int_t)f.n));
}

/* ---- telling others ---- */

void cdx_api_changed(struct cdx_api *api)
{
	if (api->node->peers != NULL)
		cdx_peers_changed(api->node->peers);
}

void cdx_api_announce(struct cdx_api *api, struct cdx_call *call,
		      const struct cdx_cid *cid)
{
	const char *private = call->param(call, "private");
	bool on = private == NULL || strcmp(private, "1") != 0;
	struct cdx_peers *p = api->node->peers;
	const char *why = NULL;
	int rc = p != NULL ? cdx_peers_announce(p, cid, on)
			   : cdx_dataset_publish(api->node->store, cid, on);

	if (rc == -ENOENT)
		why = "there is no such dataset in this store";
	else if (rc == -EINVAL)
		why = "that is the protected manifest, which goes with its "
		      "verifiable one (see codexfs dataset ls)";
	else if (rc == -EBUSY)
		why = "it is being removed";
	if (rc < 0)
		cdx_api_reply_why(call, rc, why);
	else
		cdx_api_reply_json(call, 200,
				   json_pack("{s:b, s:b}", "public", on,
					     "announced", on && p != NULL));
}

/* ---- from wherever it is ---- */

/* Waits until its manifest is here */
static int open_reader(struct cdx_api *api, struct cdx_api_work *w,
		       struct cdx_reader **rd, const struct cdx_cid *cid,
		       char why[CDX_API_WHY_MAX])
{
	int rc;

	why[0] = '\0';
	rc = cdx_exchange_open_wait(cdx_peers_exchange(api->node->peers), rd,
				    cid, false, 0, cdx_api_work_cancelled, w,
				    why);
	if (rc == -ENOENT && why[0] == '\0')
		snprintf(why, CDX_API_WHY_MAX,
			 "it is not in this store, and nobody was found who "
			 "has it");
	return rc;
}

void cdx_api_open(struct cdx_api *api, struct cdx_call *call,
		  const struct cdx_cid *cid)
{
	struct cdx_api_work w = {.api = api, .call = call};
	const struct cdx_manifest *m;
	char why[CDX_API_WHY_MAX];
	struct cdx_reader *rd;
	int rc;

	if (api->node->peers == NULL) {
		cdx_api_reply_why(call, -ENOENT,
				  "there is no such dataset in this store, and "
				  "its process is no node that could look for "
				  "it elsewhere");
		return;
	}
	rc = open_reader(api, &w, &rd, cid, why);
	if (rc < 0) {
		cdx_api_reply_why(call, rc, why);
		return;
	}
	m = cdx_reader_manifest(rd);
	cdx_api_reply_json(call, 200,
			   json_pack("{s:I, s:I, s:b}", "size",
				     (json_int_t)cdx_reader_size(rd),
				     "blockSize", (json_int_t)m->block_size,
				     "complete", cdx_reader_complete(rd)));
	cdx_reader_put(rd);
}

void cdx_api_fetch(struct cdx_api *api, struct cdx_call *call,
		   const struct cdx_cid *cid)
{
	struct cdx_api_work w = {.api = api, .call = call};
	char why[CDX_API_WHY_MAX];
	struct cdx_reader *rd = NULL;
	uint8_t *buf = malloc(PIECE);
	uint64_t off = 0;
	ssize_t n = -ENOMEM;

	why[0] = '\0';
	if (buf != NULL)
		n = open_reader(api, &w, &rd, cid, why);
	/* the first piece is read before the status is fixed, so that what
	 * cannot be had is an error and not an empty file */
	if (n == 0)
		n = cdx_reader_read_wait(rd, buf, 0, PIECE, 0,
					 cdx_api_work_cancelled, &w);
	if (n < 0) {
		cdx_api_reply_why(call, (int)n, why);
	} else {
		call->length(call, cdx_reader_size(rd));
		call->begin(call, 200, "application/octet-stream");
		while (n > 0 && call->write(call, buf, (size_t)n) == 0) {
			off += (uint64_t)n;
			n = cdx_reader_read_wait(rd, buf, off, PIECE, 0,
						 cdx_api_work_cancelled, &w);
		}
	}
	cdx_reader_put(rd);
	free(buf);
}
