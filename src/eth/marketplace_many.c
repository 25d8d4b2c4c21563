/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/marketplace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/json.h"
#include "eth/marketplace_internal.h"

/* One question about many slots, in one request to the node */
struct many {
	struct market_op op; /* without bytes: each slot has its own */
	cdx_slot_answers_fn *fn;
	bool has_period;
	uint64_t period;
	struct cdx_slot_answer answers[CDX_MARKET_MANY_MAX];
};
_Static_assert(offsetof(struct many, op) == 0, "market_op_free frees a many");

/* What the node said about one slot */
static struct cdx_slot_answer read_one(const struct market_row *row,
				       const struct cdx_rpc_reply *reply)
{
	struct cdx_slot_answer out = {.err = 0};
	struct market_answer a = {.u64 = 0};
	struct cdx_buf data = {.p = NULL};
	struct cdx_revert why;

	if (!reply->result) {
		cdx_revert_of_reply(&why, CDX_E_CHAIN, reply);
		out.code = why.code;
		/* the function without a result refuses for "no" */
		if (row->result != RESULT_NONE || why.code == CDX_REVERT_NONE)
			out.err = CDX_E_CHAIN;
		return out;
	}
	out.err = cdx_json_get_bytes(reply->result, &data);
	if (out.err == 0)
		out.err = market_answer_read(&a, row, data.p, data.len);
	if (out.err == 0)
		out.v = row->result == RESULT_NONE ? 1 : a.u64;
	cdx_buf_free(&data);
	return out;
}

static void on_replies(void *arg, int err, const struct cdx_rpc_reply *replies,
		       size_t n)
{
	struct many *q = arg;
	struct cdx_revert why;

	q->op.rpc_call = NULL;
	if (err != 0)
		cdx_revert_of_reply(&why, err, replies);
	for (size_t i = 0; err == 0 && i < n; i++)
		q->answers[i] = read_one(q->op.row, &replies[i]);
	/* the function may end the marketplace: it is on no list by then */
	cdx_list_del(&q->op.link);
	q->fn(q->op.arg, err, err == 0 ? q->answers : NULL, err == 0 ? n : 0,
	      err == 0 ? NULL : &why);
	market_op_free(&q->op);
}

/* The question about one slot; -ENOMEM */
static int make_req(struct cdx_rpc_req *out, const struct many *q,
		    const struct cdx_b32 *slot)
{
	struct cdx_buf data = {.p = NULL};
	struct cdx_abi args;
	json_t *object = NULL;
	int err;

	cdx_abi_begin(&args, q->has_period ? 2 : 1);
	cdx_abi_b32(&args, slot->b);
	if (q->has_period)
		cdx_abi_u64(&args, q->period);
	err = market_data(&data, q->op.row, &args);
	if (err == 0)
		object =
			cdx_call_object(NULL, market_target(q->op.m, q->op.row),
					data.p, data.len, NULL);
	cdx_buf_free(&data);
	out->method = "eth_call";
	out->params =
		object ? json_pack("[os]", object,
				   cdx_json_at(market_at(q->op.m, q->op.row)))
		       : NULL;
	return out->params ? 0 : -ENOMEM;
}

/* @q: taken */
static int begin(struct cdx_marketplace *m, struct many *q,
		 const struct cdx_b32 *slots, size_t n)
{
	struct cdx_rpc_req reqs[CDX_MARKET_MANY_MAX];
	size_t made = 0;
	int err = -EINVAL;

	if (n == 0 || n > CDX_MARKET_MANY_MAX) {
		free(q);
		return err;
	}
	/* the contract's address is known: it never waits */
	err = market_op_begin(m, &q->op);
	if (err != 0)
		return err;
	while (err == 0 && made < n) {
		err = make_req(&reqs[made], q, &slots[made]);
		if (err == 0)
			made++;
	}
	if (err == 0) {
		err = cdx_rpc_batch(m->rpc, &q->op.rpc_call, reqs, n,
				    on_replies, q);
		made = 0;
	}
	while (made > 0)
		json_decref(reqs[--made].params);
	if (err != 0)
		market_op_free(&q->op);
	return err;
}

static struct many *new_many(enum market_call call, cdx_slot_answers_fn *fn,
			     void *arg)
{
	struct many *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->op.row = &market_rows[call];
	q->op.arg = arg;
	q->fn = fn;
	return q;
}

int cdx_market_slot_states(struct cdx_marketplace *m,
			   const struct cdx_b32 *slots, size_t n,
			   cdx_slot_answers_fn *fn, void *arg)
{
	struct many *q = new_many(MARKET_SLOT_STATE, fn, arg);

	return q ? begin(m, q, slots, n) : -ENOMEM;
}

int cdx_market_can_mark_many(struct cdx_marketplace *m,
			     const struct cdx_b32 *slots, size_t n,
			     uint64_t period, cdx_slot_answers_fn *fn,
			     void *arg)
{
	struct many *q = new_many(MARKET_CAN_MARK_MISSING, fn, arg);

	if (!q)
		return -ENOMEM;
	q->has_period = true;
	q->period = period;
	return begin(m, q, slots, n);
}
