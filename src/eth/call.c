/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/json.h"

/* A call under way */
struct call {
	cdx_eth_call_fn *fn;
	void *arg;
};

/* Nodes say 3 for a revert (geth, anvil, besu), or -32000 or -32015 and
 * "revert" in the message (others, older ones); data alone is taken as one too:
 * nothing else comes with it. */
static bool is_revert(const struct cdx_rpc_reply *reply)
{
	return reply->code == 3 || reply->has_data ||
	       strcasestr(reply->message, "revert");
}

/* "execution reverted: the reason": nodes that give no data give this */
static const char *reason_of(const char *message)
{
	static const char mark[] = "reverted: ";
	const char *at = strcasestr(message, mark);

	return at ? at + sizeof(mark) - 1 : "";
}

static void of_refusal(struct cdx_revert *out,
		       const struct cdx_rpc_reply *reply)
{
	const char *reason;

	if (!is_revert(reply)) {
		snprintf(out->words, sizeof(out->words), "%s",
			 reply->why[0] ? reply->why : reply->message);
		return;
	}
	if (reply->data_len) {
		cdx_revert_decode(out, reply->data, reply->data_len);
		return;
	}
	reason = reason_of(reply->message);
	if (!*reason) {
		cdx_revert_decode(out, NULL, 0);
		return;
	}
	out->code = CDX_REVERT_TEXT;
	snprintf(out->name, sizeof(out->name), "Error");
	snprintf(out->words, sizeof(out->words), "the contract refused: %s",
		 reason);
}

void cdx_revert_of_reply(struct cdx_revert *out, int err,
			 const struct cdx_rpc_reply *reply)
{
	memset(out, 0, sizeof(*out));
	if (err == CDX_E_CHAIN)
		of_refusal(out, reply);
	else
		snprintf(out->words, sizeof(out->words), "%s",
			 reply && reply->why[0] ? reply->why
						: cdx_strerror(err));
}

static void call_done(void *arg, int err, const struct cdx_rpc_reply *reply)
{
	const struct call *c = arg;
	struct cdx_buf data = {0};
	struct cdx_revert why;

	if (err == 0) {
		err = cdx_json_get_bytes(reply->result, &data);
		memset(&why, 0, sizeof(why));
		snprintf(why.words, sizeof(why.words),
			 "%s answered a call with something else than bytes",
			 reply->endpoint);
	} else {
		cdx_revert_of_reply(&why, err, reply);
	}
	c->fn(c->arg, err, err ? NULL : data.p, err ? 0 : data.len,
	      err ? &why : NULL);
	cdx_buf_free(&data);
}

/* A member of an object; the value is taken, NULL is -ENOMEM */
static int add(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) ? -ENOMEM : 0;
}

json_t *cdx_call_object(const struct cdx_addr *from, const struct cdx_addr *to,
			const void *data, size_t len,
			const struct cdx_u256 *value)
{
	json_t *tx = json_object();

	if (tx && (!from || add(tx, "from", cdx_json_addr(from)) == 0) &&
	    (!to || add(tx, "to", cdx_json_addr(to)) == 0) &&
	    (!value || add(tx, "value", cdx_json_u256(value)) == 0) &&
	    add(tx, "data", cdx_json_bytes(data, len)) == 0)
		return tx;
	json_decref(tx);
	return NULL;
}

/* The function and its argument belong to the request, and go with it. */
int cdx_eth_call(struct cdx_rpc *rpc, struct cdx_rpc_call **out,
		 const struct cdx_call_req *req, cdx_eth_call_fn *fn, void *arg)
{
	json_t *tx =
		cdx_call_object(req->from, &req->to, req->data, req->len, NULL);
	json_t *params =
		tx ? json_pack("[os]", tx, cdx_json_at(req->at)) : NULL;
	struct call *c = malloc(sizeof(*c));
	struct cdx_rpc_call *call;
	int rc;

	if (!c || !params) {
		free(c);
		json_decref(params);
		return -ENOMEM;
	}
	*c = (struct call){.fn = fn, .arg = arg};
	rc = cdx_rpc_call(rpc, &call, "eth_call", params, call_done, c);
	if (rc == 0) {
		rc = cdx_rpc_call_own(call, c);
		if (rc < 0)
			cdx_rpc_cancel(call);
	}
	if (rc < 0)
		free(c);
	else if (out)
		*out = call;
	return rc;
}
