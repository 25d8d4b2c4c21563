/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

/* How long one is waited for */
#define ORDER_NS UINT64_C(2000000000)

/* ---- nonces ---- */

uint64_t cdx_sender_next_nonce(const struct cdx_sender *s)
{
	uint64_t next = s->pending > s->count ? s->pending : s->count;

	if (next < s->floor)
		next = s->floor;
	cdx_list_foreach(pos, &s->recs) {
		const struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (cdx_send_rec_live(rec) && rec->nonce >= next)
			next = rec->nonce + 1;
	}
	return next;
}

static bool any_above(const struct cdx_sender *s, uint64_t nonce)
{
	cdx_list_foreach(pos, &s->recs) {
		const struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (cdx_send_rec_live(rec) && rec->nonce > nonce)
			return true;
	}
	return false;
}

int cdx_sender_fill(struct cdx_sender *s, uint64_t nonce)
{
	struct cdx_send_rec *rec = cdx_send_rec_new(s);

	if (!rec)
		return -ENOMEM;
	rec->id = s->next_id++;
	rec->filler = true;
	rec->to = s->account.addr;
	rec->gas = CDX_SEND_EMPTY_GAS;
	rec->has_nonce = true;
	rec->nonce = nonce;
	rec->state = CDX_SEND_READY;
	return 0;
}

void cdx_send_rec_release(struct cdx_send_rec *rec)
{
	struct cdx_sender *s = rec->sender;

	if (any_above(s, rec->nonce) && cdx_sender_fill(s, rec->nonce) < 0)
		cdx_log(s->opts.log, WARN, "sender",
			"a gap of nonces is filled later: no memory");
	cdx_sender_kick(s);
}

/* A nonce that is free: the lowest of those that were to be filled, else the
 * next */
static uint64_t take_nonce(struct cdx_sender *s)
{
	struct cdx_send_rec *lowest = NULL;
	uint64_t nonce;

	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->filler && rec->state == CDX_SEND_READY &&
		    (!lowest || rec->nonce < lowest->nonce))
			lowest = rec;
	}
	if (!lowest)
		return cdx_sender_next_nonce(s);
	nonce = lowest->nonce;
	cdx_send_rec_free(lowest);
	return nonce;
}

/* ---- signing ---- */

static void tx_of(struct cdx_tx *tx, const struct cdx_send_rec *rec,
		  const struct cdx_version *v)
{
	*tx = (struct cdx_tx){
		.chain_id = rec->chain_id,
		.nonce = rec->nonce,
		.gas = v->empty ? CDX_SEND_EMPTY_GAS : rec->gas,
		.legacy = v->fees.legacy,
		.gas_price = v->fees.cap,
		.max_fee = v->fees.cap,
		.max_tip = v->fees.tip,
		.to = rec->sender->account.addr,
	};
	if (v->empty)
		return;
	tx->create = rec->create;
	tx->to = rec->to;
	tx->value = rec->value;
	tx->data = rec->data.p;
	tx->len = rec->data.len;
}

static int sign(const struct cdx_send_rec *rec, const struct cdx_version *v,
		struct cdx_buf *raw, struct cdx_b32 *hash)
{
	struct cdx_tx tx;

	tx_of(&tx, rec, v);
	return cdx_tx_sign(raw, hash, &tx, &rec->sender->account.key);
}

int cdx_send_rec_raw(const struct cdx_send_rec *rec,
		     const struct cdx_version *v, struct cdx_buf *out)
{
	struct cdx_b32 hash;
	int rc = sign(rec, v, out, &hash);

	if (rc == 0 && memcmp(hash.b, v->hash.b, sizeof(hash.b)) != 0)
		return CDX_E_CORRUPT;
	return rc;
}

void cdx_send_rec_sign(struct cdx_send_rec *rec, bool empty,
		       const struct cdx_fees *fees)
{
	struct cdx_version *v = &rec->versions[rec->n_versions];
	struct cdx_buf raw = {0};
	int rc;

	v->empty = empty;
	v->fees = *fees;
	rc = sign(rec, v, &raw, &v->hash);
	cdx_buf_free(&raw);
	rec->n_versions++;
	rec->state = CDX_SEND_OUT;
	rec->signed_ns = cdx_clock_mono_ns();
	rec->signed_head = rec->sender->height;
	if (rc < 0)
		cdx_send_rec_written(rec, rc);
	else
		cdx_send_rec_put(rec);
}

void cdx_send_rec_written(struct cdx_send_rec *rec, int err)
{
	rec->putting = false;
	cdx_sender_kick(rec->sender);
	if (rec->state == CDX_SEND_ENDED)
		return;
	if (err == 0) {
		rec->n_durable = rec->n_versions;
		rec->accepted = false;
		rec->refused = CDX_REFUSED_NOT;
		rec->want_send = true;
		if (rec->n_versions > 1)
			rec->sender->n_replaced++;
		return;
	}
	rec->n_versions--;
	snprintf(rec->trouble, sizeof(rec->trouble),
		 "a transaction could not be written down, so it was not "
		 "sent: %s",
		 cdx_strerror(err));
	if (rec->n_versions > 0)
		return;
	cdx_send_rec_fail(rec, err, rec->trouble);
	rec->unused = rec->state == CDX_SEND_ENDED;
}

/* Prices that are too high now are waited for, without a nonce: nothing else is
 * to wait behind it. */
static bool affordable(struct cdx_send_rec *rec, const struct cdx_prices *now,
		       struct cdx_fees *fees)
{
	struct cdx_u256 limit;

	cdx_send_rec_limit(rec, rec->filler, &limit);
	if (cdx_fees_first(fees, now, &limit) == 0) {
		rec->trouble[0] = 0;
		return true;
	}
	snprintf(rec->trouble, sizeof(rec->trouble),
		 "gas costs more now than a transaction may; it waits");
	return false;
}

static void number(struct cdx_send_rec *rec, const struct cdx_prices *now)
{
	struct cdx_sender *s = rec->sender;
	struct cdx_fees fees;

	if (!affordable(rec, now, &fees))
		return;
	if (!rec->has_nonce)
		rec->nonce = take_nonce(s);
	rec->has_nonce = true;
	rec->chain_id = s->chain_id;
	cdx_send_rec_sign(rec, rec->filler, &fees);
}

/* Nonces are given in the order in which transactions were wanted; those behind
 * do not wait long for an estimate. */
static bool is_soon(const struct cdx_send_rec *rec)
{
	return rec->state == CDX_SEND_NEW && !rec->estimate_again &&
	       (!rec->call ||
		cdx_clock_mono_ns() - rec->estimate_ns < ORDER_NS);
}

void cdx_sender_number(struct cdx_sender *s)
{
	struct cdx_prices now;

	if (s->chain_id == 0 || !s->counted || cdx_sender_prices(s, &now) < 0)
		return;
	/* wanted ones first: they take the nonces that are to be filled, and
	 * free the fillers, never themselves */
	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (is_soon(rec))
			break;
		if (rec->state == CDX_SEND_READY && !rec->filler)
			number(rec, &now);
	}
	cdx_list_foreach_safe(pos, tmp, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->state != CDX_SEND_READY || !rec->filler)
			continue;
		if (any_above(s, rec->nonce))
			number(rec, &now);
		else
			cdx_send_rec_free(rec);
	}
}
