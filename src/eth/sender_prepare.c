/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "eth/call.h"
#include "eth/json.h"

/* ---- prices ---- */

int cdx_sender_prices(const struct cdx_sender *s, struct cdx_prices *out)
{
	const struct cdx_block *head = cdx_head_latest(s->head);
	const struct cdx_u256 *tip = &s->opts.fees.tip;

	if (!head)
		return -EAGAIN;
	memset(out, 0, sizeof(*out));
	out->legacy = !head->has_base_fee;
	if (out->legacy && !s->has_suggested)
		return -EAGAIN;
	out->base = head->base_fee;
	out->tip = *tip;
	/* The configured tip is what we begin with at most: chains where much
	 * less is usual say so. */
	if (s->has_suggested) {
		out->suggested = s->suggested;
		if (cdx_u256_cmp(&s->suggested, tip) < 0)
			out->tip = s->suggested;
	}
	return 0;
}

/* Wei a gas that one alone may cost */
static void own_limit(const struct cdx_send_rec *rec, struct cdx_u256 *out)
{
	cdx_fees_limit(out, &rec->sender->opts.fees.max_fee, &rec->stake,
		       rec->gas);
}

void cdx_send_rec_limit(const struct cdx_send_rec *rec, bool empty,
			struct cdx_u256 *out)
{
	const struct cdx_sender *s = rec->sender;

	own_limit(rec, out);
	if (!rec->has_nonce)
		return;
	if (empty && rec->gas > CDX_SEND_EMPTY_GAS &&
	    cdx_u256_scale(out, out, rec->gas, CDX_SEND_EMPTY_GAS) < 0)
		*out = cdx_u256_max;
	cdx_list_foreach(pos, &s->recs) {
		const struct cdx_send_rec *other =
			cdx_list_entry(pos, struct cdx_send_rec, link);
		struct cdx_u256 limit;

		if (!cdx_send_rec_live(other) || other->nonce <= rec->nonce)
			continue;
		own_limit(other, &limit);
		if (cdx_u256_cmp(&limit, out) > 0)
			*out = limit;
	}
}

/* ---- estimates ---- */

json_t *cdx_send_rec_object(const struct cdx_send_rec *rec)
{
	return cdx_call_object(&rec->sender->account.addr,
			       rec->create ? NULL : &rec->to, rec->data.p,
			       rec->data.len, &rec->value);
}

/* Whether everything that was wanted before it has been sent: only then does
 * the pending state that it is estimated in hold all that it may rest on. */
static bool all_before_sent(const struct cdx_send_rec *rec)
{
	cdx_list_foreach(pos, &rec->sender->recs) {
		const struct cdx_send_rec *other =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (other == rec)
			break;
		if (other->state == CDX_SEND_NEW ||
		    other->state == CDX_SEND_READY ||
		    (other->state == CDX_SEND_OUT && !other->accepted))
			return false;
	}
	return true;
}

static void refused(struct cdx_send_rec *rec, const struct cdx_rpc_reply *reply)
{
	struct cdx_revert why;

	cdx_revert_of_reply(&why, CDX_E_CHAIN, reply);
	if (why.code != CDX_REVERT_NONE && !rec->alone) {
		rec->estimate_again = true;
		return;
	}
	if (why.code == CDX_REVERT_NONE) {
		enum cdx_refusal kind = cdx_refusal_of(reply->message);

		cdx_refusal_words(&why, kind, reply->message);
		if (kind == CDX_REFUSED_FUNDS) {
			cdx_send_rec_refuse(rec, -ENOBUFS, &why);
			return;
		}
	}
	cdx_send_rec_refuse(rec, CDX_E_CHAIN, &why);
}

/* The estimate times the factor, but no more than a block can hold, unless it
 * is the estimate itself */
static int gas_limit(struct cdx_send_rec *rec, uint64_t estimate)
{
	const struct cdx_block *head = cdx_head_latest(rec->sender->head);
	struct cdx_u256 gas = cdx_u256_of(estimate);
	uint64_t limit;

	if (cdx_u256_scale(&gas, &gas, rec->gas_num, rec->gas_den) < 0 ||
	    cdx_u256_to_u64(&limit, &gas) < 0)
		return CDX_E_FORMAT;
	if (head && head->gas_limit > 0 && limit > head->gas_limit)
		limit = head->gas_limit;
	rec->gas = limit > estimate ? limit : estimate;
	return 0;
}

static void take_pending(struct cdx_sender *s,
			 const struct cdx_rpc_reply *reply)
{
	uint64_t n;

	if (cdx_json_get_u64(reply->result, &n) == 0) {
		s->pending = n;
		s->counted = true;
	}
}

static void estimated(void *arg, int err, const struct cdx_rpc_reply *replies,
		      size_t n)
{
	struct cdx_send_rec *rec = arg;
	struct cdx_sender *s = rec->sender;
	uint64_t gas;

	(void)n;
	rec->call = NULL;
	s->n_estimates--;
	cdx_sender_kick(s);
	if (err < 0) {
		cdx_send_rec_fail(rec, err, replies ? replies[0].why : NULL);
		return;
	}
	take_pending(s, &replies[1]);
	cdx_sender_suggested(s, &replies[2]);
	if (!replies[0].result) {
		refused(rec, &replies[0]);
		return;
	}
	if (cdx_json_get_u64(replies[0].result, &gas) < 0 ||
	    gas_limit(rec, gas) < 0) {
		cdx_send_rec_fail(rec, CDX_E_FORMAT,
				  "the node estimated gas in no number");
		return;
	}
	rec->state = CDX_SEND_READY;
}

void cdx_sender_suggested(struct cdx_sender *s,
			  const struct cdx_rpc_reply *reply)
{
	if (reply->result &&
	    cdx_json_get_u256(reply->result, &s->suggested) == 0)
		s->has_suggested = true;
}

struct cdx_rpc_req cdx_sender_ask_price(const struct cdx_sender *s)
{
	const struct cdx_block *head = cdx_head_latest(s->head);

	return (struct cdx_rpc_req){
		.method = head && head->has_base_fee
				  ? "eth_maxPriorityFeePerGas"
				  : "eth_gasPrice",
		.params = json_array(),
	};
}

struct cdx_rpc_req cdx_sender_ask_count(const struct cdx_sender *s,
					enum cdx_at at)
{
	json_t *addr = cdx_json_addr(&s->account.addr);

	return (struct cdx_rpc_req){
		.method = "eth_getTransactionCount",
		.params =
			addr ? json_pack("[os]", addr, cdx_json_at(at)) : NULL,
	};
}

int cdx_sender_batch(struct cdx_sender *s, struct cdx_rpc_call **out,
		     struct cdx_rpc_req *reqs, size_t n, cdx_rpc_batch_fn *fn,
		     void *arg)
{
	bool whole = true;

	for (size_t i = 0; i < n; i++)
		whole = whole && reqs[i].params;
	if (whole)
		return cdx_rpc_batch(s->rpc, out, reqs, n, fn, arg);
	for (size_t i = 0; i < n; i++)
		json_decref(reqs[i].params);
	return -ENOMEM;
}

static void begin(struct cdx_send_rec *rec)
{
	struct cdx_sender *s = rec->sender;
	json_t *tx = cdx_send_rec_object(rec);
	struct cdx_rpc_req reqs[] = {
		{.method = "eth_estimateGas",
		 .params =
			 tx ? json_pack("[os]", tx, cdx_json_at(CDX_AT_PENDING))
			    : NULL},
		cdx_sender_ask_count(s, CDX_AT_PENDING),
		cdx_sender_ask_price(s),
	};

	rec->estimate_again = false;
	rec->estimate_ns = cdx_clock_mono_ns();
	rec->alone = all_before_sent(rec);
	if (cdx_sender_batch(s, &rec->call, reqs, CDX_ARRAY_LEN(reqs),
			     estimated, rec) == 0)
		s->n_estimates++;
}

void cdx_sender_estimate(struct cdx_sender *s)
{
	/* which kind of price to ask for is not known before */
	if (!cdx_head_latest(s->head))
		return;
	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->state != CDX_SEND_NEW || rec->call)
			continue;
		if (s->n_estimates >= CDX_SEND_ESTIMATES)
			return;
		if (!rec->estimate_again || all_before_sent(rec))
			begin(rec);
	}
}
