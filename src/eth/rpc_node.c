/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "eth/json.h"
#include "eth/rpc_internal.h"

#define NS_PER_S UINT64_C(1000000000)
/* An endpoint that has failed is tried again after 1, 2, 4, ... seconds, while
 * others do its work. */
#define AGAIN_MAX_SHIFT 6
#define HTTP_OK 200
#define HTTP_TOO_LARGE 413

/* Scheme, host and port.  Whatever else there is may be a secret: user and
 * password, and keys that providers put into the path. */
static char *shown_url(const char *url)
{
	const char *host = strstr(url, "://");
	const char *at;
	size_t len;
	char *out;

	host = host ? host + 3 : url;
	len = strcspn(host, "/?#");
	at = memrchr(host, '@', len);
	if (at) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	if (asprintf(&out, "%s://%.*s",
		     strncasecmp(url, "https", 5) == 0 ? "https" : "http",
		     (int)len, host) < 0)
		return NULL;
	return out;
}

int cdx_rpc_node_init(struct cdx_rpc_node *n, struct cdx_rpc *rpc,
		      const char *url)
{
	int rc = cdx_http_url_check(url);

	n->rpc = rpc;
	cdx_list_init(&n->waiting);
	if (rc != 0)
		return rc;
	n->url = strdup(url);
	n->shown = shown_url(url);
	return n->url && n->shown ? 0 : -ENOMEM;
}

void cdx_rpc_node_fini(struct cdx_rpc_node *n)
{
	cdx_http_cancel(n->check);
	n->check = NULL;
	/* the URL may hold a password */
	if (n->url)
		cdx_wipe(n->url, strlen(n->url));
	free(n->url);
	free(n->shown);
	n->url = NULL;
	n->shown = NULL;
}

static struct cdx_rpc_node *pick_of(struct cdx_rpc *rpc, unsigned tried,
				    bool sick, bool foreign)
{
	for (size_t i = 0; i < rpc->n_nodes; i++) {
		struct cdx_rpc_node *n = &rpc->nodes[i];

		if (tried & (1u << i))
			continue;
		if ((sick || !n->sick) && (foreign || !n->foreign))
			return n;
	}
	return NULL;
}

struct cdx_rpc_node *cdx_rpc_node_pick(struct cdx_rpc *rpc, unsigned *tried)
{
	struct cdx_rpc_node *n;

	if (*tried == (1u << rpc->n_nodes) - 1)
		*tried = 0;
	n = pick_of(rpc, *tried, false, false);
	if (!n)
		n = pick_of(rpc, *tried, true, false);
	if (!n)
		n = pick_of(rpc, *tried, true, true);
	*tried |= 1u << (n - rpc->nodes);
	return n;
}

bool cdx_rpc_nodes_foreign(const struct cdx_rpc *rpc)
{
	for (size_t i = 0; i < rpc->n_nodes; i++) {
		if (!rpc->nodes[i].foreign)
			return false;
	}
	return true;
}

static void mark_well(struct cdx_rpc_node *n)
{
	if (n->sick || n->foreign)
		cdx_log(n->rpc->log, INFO, "chain", "%s: is well again",
			n->shown);
	n->sick = false;
	n->foreign = false;
	n->answered = true;
}

void cdx_rpc_node_well(struct cdx_rpc_node *n)
{
	n->falls = 0;
	/* another request may have failed after this one was sent */
	if (n->checked)
		mark_well(n);
}

static void fall(struct cdx_rpc_node *n, const char *why)
{
	bool news = (!n->sick && !n->foreign) || strcmp(n->why, why) != 0;

	snprintf(n->why, sizeof(n->why), "%s", why);
	n->checked = false;
	n->failures++;
	n->again_ns = cdx_clock_mono_ns() + (NS_PER_S << n->falls);
	if (n->falls < AGAIN_MAX_SHIFT)
		n->falls++;
	if (news)
		cdx_log(n->rpc->log, WARN, "chain", "%s: %s", n->shown, why);
}

void cdx_rpc_node_failed(struct cdx_rpc_node *n, const char *why)
{
	fall(n, why);
	n->sick = true;
}

/* 0 it is of our chain, -EXDEV of another; the first that answers says which
 * ours is, unless that was given. */
static int take_chain_id(struct cdx_rpc_node *n, uint64_t id)
{
	struct cdx_rpc *rpc = n->rpc;
	char why[CDX_RPC_WHY_MAX];

	n->chain_id = id;
	if (rpc->chain_id == 0)
		rpc->chain_id = id;
	if (rpc->chain_id == id) {
		n->checked = true;
		mark_well(n);
		return 0;
	}
	snprintf(why, sizeof(why),
		 "is of chain %" PRIu64 ", and %" PRIu64 " is wanted", id,
		 rpc->chain_id);
	fall(n, why);
	n->sick = false;
	n->foreign = true;
	return -EXDEV;
}

static void on_check(void *arg, int err, const struct cdx_http_res *res,
		     const char *words)
{
	static const struct cdx_rpc_asked asked = {.first_id = 1, .n = 1};
	struct cdx_rpc_node *n = arg;
	struct cdx_rpc_answers answers = {0};
	char why[CDX_RPC_WHY_MAX];
	uint64_t id = 0;

	n->check = NULL;
	snprintf(why, sizeof(why), "%s", words);
	err = cdx_rpc_receive(&answers, &asked, err, res, why);
	if (err == 0 &&
	    (cdx_json_get_u64(answers.replies[0].result, &id) != 0 ||
	     id == 0)) {
		err = CDX_E_FORMAT;
		snprintf(why, sizeof(why), "does not say its chain id%s%s",
			 answers.messages[0][0] ? ": " : "",
			 answers.messages[0]);
	}
	cdx_rpc_answers_free(&answers);
	if (err == 0)
		err = take_chain_id(n, id);
	else
		cdx_rpc_node_failed(n, why);
	cdx_rpc_node_checked(n, err);
}

int cdx_rpc_node_check(struct cdx_rpc_node *n)
{
	static const char body[] = "{\"jsonrpc\":\"2.0\",\"id\":1,"
				   "\"method\":\"eth_chainId\",\"params\":[]}";

	if (n->check)
		return 0;
	return cdx_rpc_post(n, &n->check, body, on_check, n);
}

void cdx_rpc_nodes_visit(struct cdx_rpc *rpc, const struct cdx_rpc_node *n)
{
	uint64_t now = cdx_clock_mono_ns();

	for (struct cdx_rpc_node *i = rpc->nodes; i < n; i++) {
		if (!i->sick && !i->foreign)
			continue;
		if (now < i->again_ns)
			continue;
		/* no memory for it: at the next request, then */
		if (cdx_rpc_node_check(i) != 0)
			return;
	}
}

int cdx_rpc_post(struct cdx_rpc_node *n, struct cdx_http_transfer **out,
		 const char *body, cdx_http_fn *fn, void *arg)
{
	static const char *const headers[] = {"Content-Type: application/json",
					      "Accept: application/json", NULL};
	const struct cdx_http_req req = {
		.method = "POST",
		.url = n->url,
		.headers = headers,
		.body = body,
		.body_len = strlen(body),
		/* a host that is not there leaves time for another */
		.connect_ms = n->rpc->timeout_ms / 2 + 1,
		.total_ms = n->rpc->timeout_ms,
		.max_body = n->rpc->max_reply,
	};

	n->requests++;
	return cdx_http_start(n->rpc->http, out, &req, fn, arg);
}

/* Statuses that are the server's, or a gate's before it: what they say is not
 * an answer of the chain.  Others come with answers on some nodes. */
static bool is_gate(int status)
{
	return status == 401 || status == 403 || status == 404 ||
	       status == 408 || status == 429 ||
	       (status >= 502 && status <= 504);
}

static const char *status_words(int status)
{
	switch (status) {
	case 401:
	case 403:
		return ": user, password or key are wrong";
	case 404:
		return ": no such path there";
	case HTTP_TOO_LARGE:
		return ": too much at once";
	case 429:
		return ": too many requests";
	case 502:
	case 503:
	case 504:
		return ": out of order";
	default:
		return "";
	}
}

int cdx_rpc_receive(struct cdx_rpc_answers *out,
		    const struct cdx_rpc_asked *asked, int err,
		    const struct cdx_http_res *res, char why[CDX_RPC_WHY_MAX])
{
	char words[CDX_RPC_WHY_MAX];

	if (err != 0) {
		snprintf(words, sizeof(words), "%s", why);
		cdx_rpc_printable(why, CDX_RPC_WHY_MAX, words, strlen(words));
		return err;
	}
	err = cdx_rpc_decode(out, res->body, res->len, asked, why);
	if (err == -ENOMEM)
		return err;
	if (is_gate(res->status) ||
	    (err == CDX_E_FORMAT && res->status != HTTP_OK)) {
		const char *more = "";

		if (out->replies && out->messages[0][0])
			more = out->messages[0];
		snprintf(why, CDX_RPC_WHY_MAX, "HTTP status %d%s%s%s",
			 res->status, status_words(res->status),
			 *more ? ": " : "", more);
		cdx_rpc_answers_free(out);
		return res->status == HTTP_TOO_LARGE ? -EMSGSIZE : -EREMOTEIO;
	}
	return err;
}
