/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "eth/json.h"
#include "eth/logs.h"

/* Blocks before lo are too early, and block hi is not.  loop-confined */
struct cdx_block_search {
	struct cdx_rpc *rpc;
	struct cdx_rpc_call *call;
	uint64_t time;
	uint64_t lo;
	uint64_t hi;
	cdx_block_at_fn *fn;
	void *arg;
};

static void on_middle(void *arg, int err, const struct cdx_rpc_reply *reply);

/* Asks for a header, by number or for the newest. */
static int ask(struct cdx_block_search *s, json_t *which, cdx_rpc_fn *fn)
{
	return cdx_rpc_call(s->rpc, &s->call, "eth_getBlockByNumber",
			    json_pack("[o, b]", which, 0), fn, s);
}

static void tell(struct cdx_block_search *s, int err, uint64_t number)
{
	cdx_block_at_fn *fn = s->fn;
	void *arg = s->arg;

	free(s);
	fn(arg, err, number);
}

static void step(struct cdx_block_search *s)
{
	int err = 0;

	if (s->lo < s->hi)
		err = ask(s, cdx_json_u64(s->lo + (s->hi - s->lo) / 2),
			  on_middle);
	if (err != 0 || s->lo == s->hi)
		tell(s, err, s->lo);
}

static void on_middle(void *arg, int err, const struct cdx_rpc_reply *reply)
{
	struct cdx_block_search *s = arg;
	uint64_t middle = s->lo + (s->hi - s->lo) / 2;
	struct cdx_block b = {0};
	/* a node that has forgotten its first blocks does not know this one */
	bool known = err == 0 && !json_is_null(reply->result);

	s->call = NULL;
	if (known)
		err = cdx_json_get_block(reply->result, &b);
	if (known && err == 0 && b.number != middle)
		err = CDX_E_FORMAT;
	if (err != 0) {
		tell(s, err, 0);
		return;
	}
	if (known && b.timestamp >= s->time)
		s->hi = middle;
	else
		s->lo = middle + 1;
	step(s);
}

static void on_newest(void *arg, int err, const struct cdx_rpc_reply *reply)
{
	struct cdx_block_search *s = arg;
	struct cdx_block b;

	s->call = NULL;
	if (err == 0)
		err = cdx_json_get_block(reply->result, &b);
	if (err != 0) {
		tell(s, err, 0);
		return;
	}
	if (b.timestamp < s->time) {
		tell(s, 0, b.number + 1);
		return;
	}
	s->hi = b.number;
	step(s);
}

int cdx_block_at_time(struct cdx_block_search **out, struct cdx_rpc *rpc,
		      uint64_t time, cdx_block_at_fn *fn, void *arg)
{
	struct cdx_block_search *s = calloc(1, sizeof(*s));
	int rc;

	*out = NULL;
	if (!s)
		return -ENOMEM;
	s->rpc = rpc;
	s->time = time;
	s->fn = fn;
	s->arg = arg;
	rc = ask(s, json_string("latest"), on_newest);
	if (rc != 0) {
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void cdx_block_search_end(struct cdx_block_search *s)
{
	if (!s)
		return;
	cdx_rpc_cancel(s->call);
	free(s);
}
