/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Questions about purchases, many in one request. */
#include "config.h"

#include "market/purchase_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "codec/abi.h"
#include "eth/call.h"
#include "eth/json.h"

#define BATCH_MAX 64u

struct purchase_batch {
	struct cdx_list link; /* in p->batches */
	struct cdx_purchasing *p;
	struct cdx_rpc_call *call;
	struct purchase_ask *asks[BATCH_MAX];
	size_t n;
};

/* ---- asking ---- */

static bool put(struct purchase *b, enum purchase_question what, unsigned index)
{
	struct purchase_ask *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return false;
	a->b = b;
	a->what = what;
	a->index = index;
	cdx_list_add_tail(&b->p->asks, &a->link);
	purchase_soon(b->p);
	return true;
}

/* The expiry first: the answer to the other ends the question.  Without memory it
 * is asked again. */
void purchase_ask_state(struct purchase *b)
{
	b->expires = 0;
	if (!put(b, PURCHASE_ASK_EXPIRY, 0) || !put(b, PURCHASE_ASK_STATE, 0))
		return;
	b->asking = true;
	b->look = false;
}

void purchase_ask_host(struct purchase *b, unsigned index)
{
	if (b->slots[index].ask || put(b, PURCHASE_ASK_HOST, index))
		b->slots[index].ask = true;
}

/* ---- answers ---- */

/* A word of a contract's; @revert when it is none */
static int word(struct cdx_abi_in *in, struct cdx_buf *data,
		const struct cdx_rpc_reply *reply, struct cdx_revert *why)
{
	int err = reply->result == NULL ? CDX_E_CHAIN : 0;

	if (err == 0)
		err = cdx_json_get_bytes(reply->result, data);
	if (err == 0 && data->len != 32)
		err = CDX_E_FORMAT;
	cdx_revert_of_reply(why, err, reply);
	*in = cdx_abi_in(data->p, data->len);
	return err;
}

static void answer(const struct purchase_ask *a,
		   const struct cdx_rpc_reply *reply)
{
	struct cdx_buf data = {.p = NULL};
	struct cdx_addr host = {{0}};
	struct cdx_abi_in in;
	struct cdx_revert why;
	uint64_t v = 0;
	int err = word(&in, &data, reply, &why);

	switch (a->what) {
	case PURCHASE_ASK_EXPIRY:
		v = err == 0 ? cdx_abi_get_u64(&in) : 0;
		if (err == 0 && cdx_abi_ok(&in) == 0 && v < INT64_MAX / 2)
			a->b->expires = (int64_t)v;
		break;
	case PURCHASE_ASK_STATE:
		v = err == 0 ? cdx_abi_get_u64(&in) : 0;
		if (err == 0 && (cdx_abi_ok(&in) < 0 || v > CDX_REQUEST_FAILED))
			err = CDX_E_FORMAT;
		if (err == CDX_E_FORMAT)
			cdx_revert_of_reply(&why, err, reply);
		purchase_is(a->b, err, v, a->b->expires, &why);
		break;
	case PURCHASE_ASK_HOST:
		if (err == 0)
			cdx_abi_get_addr(&in, host.b);
		if (err == 0 && cdx_abi_ok(&in) == 0)
			purchase_slots_host(a->b, a->index, &host);
		break;
	}
	cdx_buf_free(&data);
}

/* No answer at all */
static void fail(const struct purchase_ask *a, int err,
		 const struct cdx_rpc_reply *reply)
{
	struct cdx_revert why;

	if (a->what != PURCHASE_ASK_STATE)
		return;
	cdx_revert_of_reply(&why, err, reply);
	/* whatever the node says, the contract has said nothing */
	why.code = CDX_REVERT_NONE;
	purchase_is(a->b, err, 0, 0, &why);
}

static void batch_free(struct purchase_batch *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->asks[i]);
	cdx_list_del(&t->link);
	free(t);
}

static void on_batch(void *arg, int err, const struct cdx_rpc_reply *replies,
		     size_t n)
{
	struct purchase_batch *t = arg;

	for (size_t i = 0; i < t->n; i++) {
		if (t->asks[i]->b == NULL)
			continue;
		if (err < 0 || i >= n)
			fail(t->asks[i], err < 0 ? err : CDX_E_FORMAT, replies);
		else
			answer(t->asks[i], &replies[i]);
	}
	batch_free(t);
}

/* ---- sending ---- */

static int call_of(struct cdx_rpc_req *out, const struct purchase_ask *a)
{
	static const char *const signatures[] = {
		[PURCHASE_ASK_STATE] = "requestState(bytes32)",
		[PURCHASE_ASK_EXPIRY] = "requestExpiry(bytes32)",
		[PURCHASE_ASK_HOST] = "getHost(bytes32)",
	};
	const struct cdx_addr *to = cdx_marketplace_addr(a->b->p->env->market);
	/* states change with time, which the newest block's may be far behind */
	enum cdx_at at = a->what == PURCHASE_ASK_STATE
				 ? cdx_head_at(a->b->p->env->head)
				 : CDX_AT_LATEST;
	struct cdx_b32 id = a->b->id;
	uint8_t data[36];
	json_t *tx;

	if (a->what == PURCHASE_ASK_HOST)
		cdx_slot_id(&id, &a->b->id, a->index);
	cdx_abi_selector(data, signatures[a->what]);
	memcpy(data + 4, id.b, sizeof(id.b));
	tx = cdx_call_object(NULL, to, data, sizeof(data), NULL);
	out->method = "eth_call";
	out->params = tx ? json_pack("[os]", tx, cdx_json_at(at)) : NULL;
	return out->params != NULL ? 0 : -ENOMEM;
}

static void take(struct purchase_batch *t, struct cdx_list *asks)
{
	while (!cdx_list_empty(asks) && t->n < BATCH_MAX) {
		struct purchase_ask *a =
			cdx_list_entry(asks->next, struct purchase_ask, link);

		/* the two about a state stay together */
		if (a->what == PURCHASE_ASK_EXPIRY && t->n + 1 == BATCH_MAX)
			return;
		cdx_list_del(&a->link);
		if (a->b == NULL) {
			free(a);
			continue;
		}
		/* what happens from now on is asked for again */
		if (a->what == PURCHASE_ASK_HOST)
			a->b->slots[a->index].ask = false;
		t->asks[t->n++] = a;
	}
}

static int send(struct purchase_batch *t)
{
	struct cdx_rpc_req reqs[BATCH_MAX];
	int rc = 0;

	for (size_t i = 0; i < t->n; i++) {
		rc = call_of(&reqs[i], t->asks[i]);
		if (rc < 0) {
			while (i-- > 0)
				json_decref(reqs[i].params);
			return rc;
		}
	}
	return cdx_rpc_batch(t->p->env->rpc, &t->call, reqs, t->n, on_batch, t);
}

void purchase_ask_flush(struct cdx_purchasing *p)
{
	struct purchase_batch *t;
	int rc;

	while (!cdx_list_empty(&p->asks)) {
		t = calloc(1, sizeof(*t));
		if (t == NULL)
			return;
		t->p = p;
		cdx_list_init(&t->link);
		cdx_list_add_tail(&p->batches, &t->link);
		take(t, &p->asks);
		if (t->n == 0) {
			batch_free(t);
			return;
		}
		rc = send(t);
		if (rc < 0) {
			const struct cdx_rpc_reply none = {
				.message = "", .endpoint = "", .why = ""};

			t->call = NULL;
			on_batch(t, rc, &none, 1);
			return;
		}
	}
}

/* ---- ends ---- */

void purchase_ask_forget(struct purchase *b)
{
	cdx_list_foreach(pos, &b->p->asks) {
		struct purchase_ask *a =
			cdx_list_entry(pos, struct purchase_ask, link);

		if (a->b == b)
			a->b = NULL;
	}
	cdx_list_foreach(pos, &b->p->batches) {
		struct purchase_batch *t =
			cdx_list_entry(pos, struct purchase_batch, link);

		for (size_t i = 0; i < t->n; i++)
			if (t->asks[i]->b == b)
				t->asks[i]->b = NULL;
	}
}

void purchase_ask_end(struct cdx_purchasing *p)
{
	cdx_list_foreach_safe(pos, tmp, &p->asks)
		free(cdx_list_entry(pos, struct purchase_ask, link));
	cdx_list_init(&p->asks);
	cdx_list_foreach_safe(pos, tmp, &p->batches) {
		struct purchase_batch *t =
			cdx_list_entry(pos, struct purchase_batch, link);

		cdx_rpc_cancel(t->call);
		batch_free(t);
	}
}
