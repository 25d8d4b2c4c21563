/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "eth/json.h"
#include "eth/logs.h"

/* A step of the search; goes with the call that it waits for.  Blocks before
 * lo are too early, and block hi is not.  loop-confined */
struct search {
	struct cdx_rpc *rpc;
	uint64_t time;
	uint64_t lo;
	uint64_t hi;
	cdx_block_at_fn *fn;
	void *arg;
};

static void on_middle(void *arg, int err, const struct cdx_rpc_reply *reply);

/* Begins a step: asks for a header, by number or for the newest. */
static int ask(const struct search *s, json_t *which, cdx_rpc_fn *fn)
{
	struct search *next = malloc(sizeof(*next));
	struct cdx_rpc_call *call;
	int rc;

	if (!next) {
		json_decref(which);
		return -ENOMEM;
	}
	*next = *s;
	rc = cdx_rpc_call(s->rpc, &call, "eth_getBlockByNumber",
			  json_pack("[o, b]", which, 0), fn, next);
	if (rc == 0)
		rc = cdx_rpc_call_own(call, next);
	else
		call = NULL;
	if (rc != 0) {
		cdx_rpc_cancel(call);
		free(next);
	}
	return rc;
}

static void step(const struct search *s)
{
	int err = 0;

	if (s->lo < s->hi)
		err = ask(s, cdx_json_u64(s->lo + (s->hi - s->lo) / 2),
			  on_middle);
	if (err != 0 || s->lo == s->hi)
		s->fn(s->arg, err, s->lo);
}

static void on_middle(void *arg, int err, const struct cdx_rpc_reply *reply)
{
	struct search s = *(struct search *)arg;
	uint64_t middle = s.lo + (s.hi - s.lo) / 2;
	struct cdx_block b = {0};
	/* a node that has forgotten its first blocks does not know this one */
	bool known = err == 0 && !json_is_null(reply->result);

	if (known)
		err = cdx_json_get_block(reply->result, &b);
	if (known && err == 0 && b.number != middle)
		err = CDX_E_FORMAT;
	if (err != 0) {
		s.fn(s.arg, err, 0);
		return;
	}
	if (known && b.timestamp >= s.time)
		s.hi = middle;
	else
		s.lo = middle + 1;
	step(&s);
}

static void on_newest(void *arg, int err, const struct cdx_rpc_reply *reply)
{
	struct search s = *(struct search *)arg;
	struct cdx_block b;

	if (err == 0)
		err = cdx_json_get_block(reply->result, &b);
	if (err != 0) {
		s.fn(s.arg, err, 0);
		return;
	}
	if (b.timestamp < s.time) {
		s.fn(s.arg, 0, b.number + 1);
		return;
	}
	s.hi = b.number;
	step(&s);
}

int cdx_block_at_time(struct cdx_rpc *rpc, uint64_t time, cdx_block_at_fn *fn,
		      void *arg)
{
	const struct search s = {
		.rpc = rpc, .time = time, .fn = fn, .arg = arg};

	return ask(&s, json_string("latest"), on_newest);
}
