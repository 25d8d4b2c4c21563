/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "api/rest_internal.h"
#include "base/err.h"
#include "base/log.h"
#include "node/peers.h"

/* Peers that one answer names */
#define PEERS_MAX 256u
/* Addresses of one call of connect */
#define ADDRS_MAX 16u

static const char alone[] =
	"this process has no peers: give it listen, bootstrap or peer in "
	"codexfs.conf";

/* One text, plain or as the only member of an object */
static void one_text(struct cdx_rest_call *q, const char *key, const char *text)
{
	struct cdx_call *c = q->call;

	if (cdx_rest_wants_text(c->header(c, "Accept"),
				c->header(c, "Content-Type")))
		cdx_rest_text(q, 200, "%s", text);
	else
		cdx_rest_json(q, 200, json_pack("{s:s}", key, text));
}

void cdx_rest_spr(struct cdx_rest_call *q)
{
	struct cdx_peers *p = q->api->node->peers;
	char *spr = NULL;
	int rc;

	if (p == NULL) {
		cdx_rest_text(q, 503, "%s", alone);
		return;
	}
	rc = cdx_peers_spr(p, &spr);
	if (rc < 0)
		cdx_rest_error(q, rc, NULL);
	else
		one_text(q, "spr", spr);
	free(spr);
}

void cdx_rest_peerid(struct cdx_rest_call *q)
{
	struct cdx_peers *p = q->api->node->peers;
	char text[CDX_PEER_ID_TEXT_MAX];

	if (p == NULL) {
		cdx_rest_text(q, 503, "%s", alone);
		return;
	}
	cdx_peer_id_text(text, &cdx_peers_identity(p)->id);
	one_text(q, "id", text);
}

/* ---- connect ---- */

/* Where a peer that we know was last; -ENOENT */
static int known_addr(struct cdx_peers *p, const struct cdx_peer_id *id,
		      struct cdx_maddr *out)
{
	struct cdx_peer_info *all = calloc(PEERS_MAX, sizeof(*all));
	unsigned n;
	int rc = -ENOENT;

	if (all == NULL)
		return -ENOMEM;
	n = cdx_exchange_peers(cdx_peers_exchange(p), all, PEERS_MAX);
	for (unsigned i = 0; i < n && i < PEERS_MAX && rc < 0; i++) {
		if (!all[i].has_id || memcmp(&all[i].id, id, sizeof(*id)) != 0)
			continue;
		*out = all[i].addr;
		rc = 0;
	}
	free(all);
	return rc;
}

static int dial(struct cdx_peers *p, const struct cdx_peer_id *id,
		const struct cdx_maddr *addr, char why[CDX_PEERS_WHY_MAX])
{
	struct cdx_peer_record r;

	return cdx_peers_connect(p, addr, id, &r, why);
}

/* Each address until one is the peer's; -ENOENT there is none to try */
static int dial_each(struct cdx_rest_call *q, const struct cdx_peer_id *id,
		     char why[CDX_PEERS_WHY_MAX])
{
	struct cdx_peers *p = q->api->node->peers;
	struct cdx_call *c = q->call;
	struct cdx_maddr addr;
	const char *text;
	int rc = -ENOENT;

	for (unsigned i = 0; i < ADDRS_MAX; i++) {
		text = c->param_at(c, "addrs", i);
		if (text == NULL)
			break;
		/* Codex names all that a peer has, of many kinds */
		if (cdx_maddr_parse(&addr, text) < 0)
			continue;
		addr.http = true;
		rc = dial(p, id, &addr, why);
		if (rc == 0)
			return 0;
	}
	if (c->param(c, "addrs") != NULL)
		return rc;
	rc = known_addr(p, id, &addr);
	return rc < 0 ? rc : dial(p, id, &addr, why);
}

void cdx_rest_connect(struct cdx_rest_call *q)
{
	char why[CDX_PEERS_WHY_MAX] = "";
	struct cdx_peer_id id;
	int rc;

	if (cdx_peer_id_parse(&id, q->id) < 0) {
		cdx_rest_text(q, 400, "that is no peer id of codexfs");
		return;
	}
	if (q->api->node->peers == NULL) {
		cdx_rest_text(q, 503, "%s", alone);
		return;
	}
	rc = dial_each(q, &id, why);
	if (rc == -ENOENT && why[0] == '\0')
		cdx_rest_text(q, 400,
			      "no address of this peer is known: give "
			      "addrs=/ip4/ADDR/tcp/PORT/http");
	else if (rc < 0)
		cdx_rest_text(q, 400, "cannot connect: %s",
			      why[0] != '\0' ? why : cdx_strerror(rc));
	else
		cdx_rest_text(q, 200, "connected to %s", q->id);
}

/* ---- debug ---- */

/* A peer as Codex's table shows it */
static json_t *node_json(const struct cdx_peer_id *id,
			 const struct cdx_maddr *addr, const char *record,
			 bool seen)
{
	char text[CDX_PEER_ID_TEXT_MAX];
	char where[CDX_MADDR_TEXT_MAX] = "";
	char hex[2 * sizeof(struct cdx_digest) + 1];
	struct cdx_digest d;

	cdx_peer_id_text(text, id);
	if (addr != NULL)
		cdx_maddr_text(where, addr);
	/* Codex's nodeId is a number of its own DHT; ours has another */
	cdx_sha256(&d, id->b, sizeof(id->b));
	cdx_hex(hex, d.b, sizeof(d.b));
	return json_pack("{s:s, s:s, s:s, s:s, s:b}", "nodeId", hex, "peerId",
			 text, "record", record, "address", where, "seen",
			 seen);
}

static json_t *nodes_json(struct cdx_peers *p)
{
	struct cdx_peer_info *all = calloc(PEERS_MAX, sizeof(*all));
	json_t *out = json_array();
	unsigned n = 0;

	if (all != NULL)
		n = cdx_exchange_peers(cdx_peers_exchange(p), all, PEERS_MAX);
	for (unsigned i = 0; i < n && i < PEERS_MAX; i++)
		if (all[i].has_id)
			json_array_append_new(out, node_json(&all[i].id,
							     &all[i].addr, "",
							     all[i].bytes > 0));
	free(all);
	return out;
}

void cdx_rest_info(struct cdx_rest_call *q)
{
	struct cdx_peers *p = q->api->node->peers;
	struct cdx_peers_status *st;
	char text[CDX_PEER_ID_TEXT_MAX];
	const struct cdx_peer_id *id;
	char *spr = NULL;
	int rc;

	if (p == NULL) {
		cdx_rest_text(q, 503, "%s", alone);
		return;
	}
	st = malloc(sizeof(*st));
	rc = st == NULL ? -ENOMEM : cdx_peers_spr(p, &spr);
	if (rc < 0) {
		free(st);
		cdx_rest_error(q, rc, NULL);
		return;
	}
	cdx_peers_status(p, st);
	id = &cdx_peers_identity(p)->id;
	cdx_peer_id_text(text, id);
	cdx_rest_json(
		q, 200,
		json_pack("{s:s, s:o, s:s, s:s, s:o, s:{s:o, s:o}, "
			  "s:{s:s, s:s, s:s}}",
			  "id", text, "addrs",
			  cdx_api_addrs_json(st->addr, st->n_addrs), "repo",
			  q->api->node->path, "spr", spr, "announceAddresses",
			  cdx_api_addrs_json(st->addr, st->n_addrs), "table",
			  "localNode",
			  node_json(id, st->n_addrs > 0 ? &st->addr[0] : NULL,
				    spr, true),
			  "nodes", nodes_json(p), "codex", "version",
			  "codexfs-" PACKAGE_VERSION, "revision", "",
			  "contracts", ""));
	free(spr);
	free(st);
}

void cdx_rest_loglevel(struct cdx_rest_call *q)
{
	/* the names of Codex's logger, and those of ours */
	static const struct {
		const char *name;
		enum cdx_log_level level;
	} names[] = {
		{"trace", CDX_LOG_TRACE}, {"debug", CDX_LOG_DEBUG},
		{"info", CDX_LOG_INFO},	  {"notice", CDX_LOG_INFO},
		{"warn", CDX_LOG_WARN},	  {"error", CDX_LOG_ERROR},
		{"fatal", CDX_LOG_ERROR},
	};
	const char *level = q->call->param(q->call, "level");

	for (size_t i = 0; level != NULL && i < CDX_ARRAY_LEN(names); i++) {
		if (strcasecmp(level, names[i].name) != 0)
			continue;
		if (q->api->log != NULL)
			cdx_log_set_level(q->api->log, names[i].level);
		cdx_rest_text(q, 200, "%s", "");
		return;
	}
	cdx_rest_text(q, 400,
		      "level is one of trace, debug, info, notice, warn, "
		      "error and fatal");
}
