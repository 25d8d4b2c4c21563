/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/marketplace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "eth/marketplace_internal.h"

/* Proofs in one call: more do not fit into the gas of a block, nor into
 * CDX_TX_MAX */
#define PROOFS_MAX 1024u

/* A transaction of the token whose address is not known yet */
struct send {
	struct market_op op;
	struct cdx_sender *from;
	bool has_tag;
	char tag[CDX_SEND_TAG_MAX + 1];
	struct cdx_u256 stake;
	int64_t deadline;
	cdx_send_fn *fn;
};
_Static_assert(offsetof(struct send, op) == 0, "market_op_free frees a send");

static int hand_over(const struct send *s)
{
	const struct market_row *row = s->op.row;
	const struct cdx_send_req req = {
		.to = *market_target(s->op.m, row),
		.data = s->op.data.p,
		.len = s->op.data.len,
		.tag = s->has_tag ? s->tag : NULL,
		.gas_num = row->gas_num,
		.gas_den = row->gas_den,
		.stake = s->stake,
		.deadline = s->deadline,
	};

	return cdx_sender_send(s->from, NULL, &req, s->fn, s->op.arg);
}

/* The token's address is known, or why it is not.  The function may end the
 * marketplace: the op is on no list by then. */
static void on_ready(struct market_op *op, int err,
		     const struct cdx_revert *why)
{
	struct send *s = CDX_CONTAINER(op, struct send, op);
	struct cdx_revert local;

	if (err == 0) {
		err = hand_over(s);
		cdx_revert_of_reply(&local, err, NULL);
		why = &local;
	}
	cdx_list_del(&op->link);
	if (err < 0 && s->fn)
		s->fn(s->op.arg, err, NULL, why);
	market_op_free(op);
}

/* Who sends it, how, and who is told */
struct order {
	struct cdx_marketplace *m;
	struct cdx_sender *from;
	const struct cdx_market_how *how;
	cdx_send_fn *fn;
	void *arg;
};

static int take_how(struct send *s, const struct order *o)
{
	const char *tag = o->how ? o->how->tag : NULL;
	size_t len = tag ? strlen(tag) : 0;

	if (len > CDX_SEND_TAG_MAX || (!tag && !o->fn))
		return -EINVAL;
	s->from = o->from;
	s->fn = o->fn;
	s->op.arg = o->arg;
	if (!o->how)
		return 0;
	s->has_tag = tag != NULL;
	memcpy(s->tag, tag ? tag : "", len + 1);
	s->stake = o->how->stake;
	s->deadline = o->how->deadline;
	return 0;
}

/* @data: what calls the function; taken, also on failure */
static int begin_data(const struct order *o, enum market_call call,
		      struct cdx_buf data)
{
	struct send *s = calloc(1, sizeof(*s));
	int err = s ? take_how(s, o) : -ENOMEM;

	if (err < 0) {
		cdx_buf_free(&data);
		free(s);
		return err;
	}
	s->op.row = &market_rows[call];
	s->op.data = data;
	s->op.ready = on_ready;
	err = market_op_begin(o->m, &s->op);
	if (err != 0)
		return err < 0 ? err : 0;
	err = hand_over(s);
	market_op_free(&s->op);
	return err;
}

/* @args: freed */
static int begin(const struct order *o, enum market_call call,
		 struct cdx_abi *args)
{
	struct cdx_buf data = {.p = NULL};
	int err = market_data(&data, &market_rows[call], args);

	if (err < 0) {
		cdx_buf_free(&data);
		return err;
	}
	return begin_data(o, call, data);
}

static void put_proof(struct cdx_abi *args, const struct cdx_proof_words *p)
{
	for (size_t i = 0; i < CDX_ARRAY_LEN(p->w); i++)
		cdx_abi_b32(args, p->w[i]);
}

/* ---- clients ---- */

/* The encoding of a request is that of a sole argument already */
int cdx_market_request_storage(struct cdx_marketplace *m,
			       struct cdx_sender *from,
			       const struct cdx_storage_request *r,
			       const struct cdx_market_how *how,
			       cdx_send_fn *fn, void *arg)
{
	const struct order o = {m, from, how, fn, arg};
	struct cdx_buf data = {.p = NULL};
	int err =
		market_data(&data, &market_rows[MARKET_REQUEST_STORAGE], NULL);

	if (err == 0)
		err = cdx_storage_request_encode(&data, r);
	if (err < 0) {
		cdx_buf_free(&data);
		return err;
	}
	return begin_data(&o, MARKET_REQUEST_STORAGE, data);
}

int cdx_market_withdraw(struct cdx_marketplace *m, struct cdx_sender *from,
			const struct cdx_b32 *request,
			const struct cdx_addr *recipient,
			const struct cdx_market_how *how, cdx_send_fn *fn,
			void *arg)
{
	const struct order o = {m, from, how, fn, arg};
	struct cdx_abi args;

	cdx_abi_begin(&args, recipient ? 2 : 1);
	cdx_abi_b32(&args, request->b);
	if (!recipient)
		return begin(&o, MARKET_WITHDRAW, &args);
	cdx_abi_addr(&args, recipient->b);
	return begin(&o, MARKET_WITHDRAW_TO, &args);
}

/* ---- hosts and validators ---- */

static int begin_at(const struct order *o, enum market_call call,
		    const struct cdx_b32 *id, uint64_t number)
{
	struct cdx_abi args;

	cdx_abi_begin(&args, 2);
	cdx_abi_b32(&args, id->b);
	cdx_abi_u64(&args, number);
	return begin(o, call, &args);
}

int cdx_market_reserve_slot(struct cdx_marketplace *m, struct cdx_sender *from,
			    const struct cdx_b32 *request, uint64_t index,
			    const struct cdx_market_how *how, cdx_send_fn *fn,
			    void *arg)
{
	const struct order o = {m, from, how, fn, arg};

	return begin_at(&o, MARKET_RESERVE_SLOT, request, index);
}

int cdx_market_mark_missing(struct cdx_marketplace *m, struct cdx_sender *from,
			    const struct cdx_b32 *slot, uint64_t period,
			    const struct cdx_market_how *how, cdx_send_fn *fn,
			    void *arg)
{
	const struct order o = {m, from, how, fn, arg};

	return begin_at(&o, MARKET_MARK_MISSING, slot, period);
}

int cdx_market_fill_slot(struct cdx_marketplace *m, struct cdx_sender *from,
			 const struct cdx_market_fill *fill,
			 const struct cdx_market_how *how, cdx_send_fn *fn,
			 void *arg)
{
	const struct order o = {m, from, how, fn, arg};
	struct cdx_abi args;

	cdx_abi_begin(&args, 2 + CDX_ARRAY_LEN(fill->proof.w));
	cdx_abi_b32(&args, fill->request.b);
	cdx_abi_u64(&args, fill->index);
	put_proof(&args, &fill->proof);
	return begin(&o, MARKET_FILL_SLOT, &args);
}

int cdx_market_free_slot(struct cdx_marketplace *m, struct cdx_sender *from,
			 const struct cdx_b32 *slot,
			 const struct cdx_market_recipients *to,
			 const struct cdx_market_how *how, cdx_send_fn *fn,
			 void *arg)
{
	const struct order o = {m, from, how, fn, arg};
	struct cdx_abi args;

	cdx_abi_begin(&args, to ? 3 : 1);
	cdx_abi_b32(&args, slot->b);
	if (!to)
		return begin(&o, MARKET_FREE_SLOT, &args);
	cdx_abi_addr(&args, to->reward.b);
	cdx_abi_addr(&args, to->collateral.b);
	return begin(&o, MARKET_FREE_SLOT_TO, &args);
}

int cdx_market_submit_proof(struct cdx_marketplace *m, struct cdx_sender *from,
			    const struct cdx_b32 *slot,
			    const struct cdx_proof_words *proof,
			    const struct cdx_market_how *how, cdx_send_fn *fn,
			    void *arg)
{
	const struct order o = {m, from, how, fn, arg};
	struct cdx_abi args;

	cdx_abi_begin(&args, 1 + CDX_ARRAY_LEN(proof->w));
	cdx_abi_b32(&args, slot->b);
	put_proof(&args, proof);
	return begin(&o, MARKET_SUBMIT_PROOF, &args);
}

/* An array of static elements: how many, then one behind another */
static int put_array(struct cdx_buf *out, size_t n, const void *p, size_t len)
{
	uint8_t word[32] = {0};

	cdx_put_be64(word + 24, n);
	cdx_buf_put(out, word, sizeof(word));
	cdx_buf_put(out, p, len);
	return cdx_buf_ok(out);
}

int cdx_market_submit_proofs(struct cdx_marketplace *m, struct cdx_sender *from,
			     const struct cdx_market_proofs *p,
			     const struct cdx_market_how *how, cdx_send_fn *fn,
			     void *arg)
{
	const struct order o = {m, from, how, fn, arg};
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf slots = {.p = NULL};
	CDX_CLEANUP(cdx_buf_free) struct cdx_buf proofs = {.p = NULL};
	struct cdx_abi args;

	if (p->n > PROOFS_MAX)
		return -E2BIG;
	if (put_array(&slots, p->n, p->slots, p->n * sizeof(p->slots[0])) < 0 ||
	    put_array(&proofs, p->n, p->proofs, p->n * sizeof(p->proofs[0])) <
		    0)
		return -ENOMEM;
	cdx_abi_begin(&args, 2);
	cdx_abi_dynamic(&args, &slots);
	cdx_abi_dynamic(&args, &proofs);
	return begin(&o, MARKET_SUBMIT_PROOFS, &args);
}

int cdx_market_set_proof_submitter(struct cdx_marketplace *m,
				   struct cdx_sender *from,
				   const struct cdx_addr *submitter,
				   const struct cdx_market_how *how,
				   cdx_send_fn *fn, void *arg)
{
	const struct order o = {m, from, how, fn, arg};
	struct cdx_abi args;

	cdx_abi_begin(&args, 1);
	cdx_abi_addr(&args, submitter->b);
	return begin(&o, MARKET_SET_PROOF_SUBMITTER, &args);
}

/* ---- the token ---- */

static int begin_amount(const struct order *o, enum market_call call,
			const struct cdx_addr *to,
			const struct cdx_u256 *amount)
{
	struct cdx_abi args;

	cdx_abi_begin(&args, 2);
	cdx_abi_addr(&args, to->b);
	cdx_abi_u256(&args, amount);
	return begin(o, call, &args);
}

int cdx_token_approve(struct cdx_marketplace *m, struct cdx_sender *from,
		      const struct cdx_addr *spender,
		      const struct cdx_u256 *amount,
		      const struct cdx_market_how *how, cdx_send_fn *fn,
		      void *arg)
{
	const struct order o = {m, from, how, fn, arg};

	return begin_amount(&o, TOKEN_APPROVE, spender, amount);
}

int cdx_token_transfer(struct cdx_marketplace *m, struct cdx_sender *from,
		       const struct cdx_addr *to, const struct cdx_u256 *amount,
		       const struct cdx_market_how *how, cdx_send_fn *fn,
		       void *arg)
{
	const struct order o = {m, from, how, fn, arg};

	return begin_amount(&o, TOKEN_TRANSFER, to, amount);
}

int cdx_token_mint(struct cdx_marketplace *m, struct cdx_sender *from,
		   const struct cdx_addr *to, const struct cdx_u256 *amount,
		   const struct cdx_market_how *how, cdx_send_fn *fn, void *arg)
{
	const struct order o = {m, from, how, fn, arg};

	return begin_amount(&o, TOKEN_MINT, to, amount);
}

int cdx_token_transfer_from(struct cdx_marketplace *m, struct cdx_sender *from,
			    const struct cdx_token_pull *pull,
			    const struct cdx_market_how *how, cdx_send_fn *fn,
			    void *arg)
{
	const struct order o = {m, from, how, fn, arg};
	struct cdx_abi args;

	cdx_abi_begin(&args, 3);
	cdx_abi_addr(&args, pull->owner.b);
	cdx_abi_addr(&args, pull->to.b);
	cdx_abi_u256(&args, &pull->amount);
	return begin(&o, TOKEN_TRANSFER_FROM, &args);
}
