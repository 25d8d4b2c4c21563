/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define TICK_NS UINT64_C(1000000000)
#define GWEI UINT64_C(1000000000)

/* What is not data in a signed transaction: fields, signature, lengths */
#define TX_ROOM 512u

/* ---- turns ---- */

/* Records of another chain than the one that answers: their transactions are
 * void here, and stay written down for the day that it is asked again. */
static void leave_other_chains(struct cdx_sender *s)
{
	unsigned n = 0;

	cdx_list_foreach_safe(pos, tmp, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->chain_id == 0 || rec->chain_id == s->chain_id)
			continue;
		cdx_send_rec_free(rec);
		n++;
	}
	if (n > 0)
		cdx_log(s->opts.log, WARN, "sender",
			"%u transactions of another chain are left alone", n);
}

static void turn(void *arg)
{
	struct cdx_sender *s = arg;

	cdx_loop_timer_del(s->turn);
	s->turn = NULL;
	if (s->chain_id == 0) {
		s->chain_id = cdx_rpc_chain_id(s->rpc);
		if (s->chain_id != 0)
			leave_other_chains(s);
	}
	cdx_sender_expire(s);
	cdx_sender_estimate(s);
	cdx_sender_gaps(s);
	cdx_sender_number(s);
	cdx_sender_raise(s);
	cdx_sender_flush(s);
	cdx_sender_look(s);
	cdx_sender_tell(s);
}

void cdx_sender_kick(struct cdx_sender *s)
{
	if (s->turn)
		return;
	if (cdx_loop_timer_add(s->loop, &s->turn, 0, 0, turn, s) < 0)
		s->turn = NULL;
}

static void tick(void *arg)
{
	cdx_sender_kick(arg);
}

static void on_head(void *arg, const struct cdx_block *head, uint64_t fork)
{
	struct cdx_sender *s = arg;

	cdx_sender_moved(s, head, fork);
	cdx_sender_kick(s);
}

/* ---- records ---- */

struct cdx_send_rec *cdx_send_rec_new(struct cdx_sender *s)
{
	struct cdx_send_rec *rec = calloc(1, sizeof(*rec));

	if (!rec)
		return NULL;
	rec->sender = s;
	rec->gas_num = 11;
	rec->gas_den = 10;
	cdx_list_init(&rec->waiters);
	cdx_list_add_tail(&s->recs, &rec->link);
	return rec;
}

void cdx_send_rec_dispose(struct cdx_send_rec *rec)
{
	cdx_list_foreach_safe(pos, tmp, &rec->waiters)
		free(cdx_list_entry(pos, struct cdx_send, link));
	cdx_send_end_free(rec->end);
	cdx_buf_free(&rec->data);
	free(rec);
}

static void forget(struct cdx_asked *asked, size_t n,
		   const struct cdx_send_rec *rec)
{
	for (size_t i = 0; i < n; i++)
		if (asked[i].rec == rec)
			asked[i].rec = NULL;
}

void cdx_send_rec_unask(struct cdx_send_rec *rec)
{
	struct cdx_sender *s = rec->sender;

	forget(s->outs, CDX_ARRAY_LEN(s->outs), rec);
	forget(s->looks, CDX_ARRAY_LEN(s->looks), rec);
}

void cdx_send_rec_free(struct cdx_send_rec *rec)
{
	struct cdx_sender *s = rec->sender;

	s->persist->forget(s->persist->arg, rec);
	cdx_send_rec_unask(rec);
	if (rec->call && rec->state == CDX_SEND_NEW)
		s->n_estimates--;
	cdx_rpc_cancel(rec->call);
	cdx_list_del(&rec->link);
	cdx_send_rec_dispose(rec);
}

bool cdx_send_rec_live(const struct cdx_send_rec *rec)
{
	return rec->has_nonce && (rec->state != CDX_SEND_ENDED || rec->unused);
}

/* ---- a sender ---- */

static void prefix_of(struct cdx_sender *s)
{
	char hex[2 * sizeof(s->account.addr.b) + 1];

	cdx_hex(hex, s->account.addr.b, sizeof(s->account.addr.b));
	snprintf(s->prefix, sizeof(s->prefix), "eth/send/%s/", hex);
}

static void take_opts(struct cdx_sender *s, const struct cdx_sender_opts *opts)
{
	s->opts = *opts;
	if (s->opts.confirmations == 0)
		s->opts.confirmations = 1;
	if (s->opts.fees.stuck_s == 0)
		s->opts.fees.stuck_s = 30;
	if (cdx_u256_is_zero(&s->opts.fees.tip))
		s->opts.fees.tip = cdx_u256_of(GWEI);
	if (cdx_u256_is_zero(&s->opts.fees.max_fee))
		s->opts.fees.max_fee = cdx_u256_of(200 * GWEI);
}

int cdx_sender_new(struct cdx_sender **out, struct cdx_loop *loop,
		   struct cdx_rpc *rpc, struct cdx_head *head,
		   const struct cdx_persist *persist,
		   const struct cdx_account *account,
		   const struct cdx_sender_opts *opts)
{
	struct cdx_sender *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	cdx_list_init(&s->recs);
	s->loop = loop;
	s->rpc = rpc;
	s->head = head;
	s->persist = persist;
	s->account = *account;
	s->next_id = 1;
	s->want_look = true;
	take_opts(s, opts);
	prefix_of(s);
	rc = cdx_sender_load(s);
	if (rc == 0)
		rc = cdx_head_watch_add(head, &s->watch, on_head, s);
	if (rc == 0)
		rc = cdx_loop_timer_add(loop, &s->tick, TICK_NS, TICK_NS, tick,
					s);
	if (rc < 0) {
		cdx_sender_free(s);
		return rc;
	}
	cdx_sender_kick(s);
	*out = s;
	return 0;
}

void cdx_sender_free(struct cdx_sender *s)
{
	if (!s)
		return;
	if (s->gone)
		*s->gone = true;
	cdx_list_foreach_safe(pos, tmp, &s->recs)
		cdx_send_rec_free(
			cdx_list_entry(pos, struct cdx_send_rec, link));
	cdx_rpc_cancel(s->out_call);
	cdx_rpc_cancel(s->look_call);
	cdx_loop_timer_del(s->turn);
	cdx_loop_timer_del(s->tick);
	cdx_head_watch_del(s->watch);
	cdx_account_wipe(&s->account);
	free(s);
}

const struct cdx_addr *cdx_sender_addr(const struct cdx_sender *s)
{
	return &s->account.addr;
}

/* ---- wanting one ---- */

static struct cdx_send_rec *by_tag(const struct cdx_sender *s, const char *tag)
{
	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->tag[0] && strcmp(rec->tag, tag) == 0)
			return rec;
	}
	return NULL;
}

static bool tag_fits(const char *tag)
{
	size_t len = strlen(tag);

	if (len == 0 || len > CDX_SEND_TAG_MAX)
		return false;
	for (; *tag; tag++)
		if (*tag < 0x20 || *tag > 0x7e || *tag == '/')
			return false;
	return true;
}

static struct cdx_send_rec *make(struct cdx_sender *s,
				 const struct cdx_send_req *req)
{
	struct cdx_send_rec *rec = cdx_send_rec_new(s);

	if (!rec)
		return NULL;
	rec->id = s->next_id++;
	rec->to = req->to;
	rec->create = req->create;
	rec->value = req->value;
	rec->stake = req->stake;
	rec->deadline = req->deadline;
	if (req->gas_num != 0 && req->gas_den != 0) {
		rec->gas_num = req->gas_num;
		rec->gas_den = req->gas_den;
	}
	if (req->tag)
		snprintf(rec->tag, sizeof(rec->tag), "%s", req->tag);
	cdx_buf_put(&rec->data, req->data, req->len);
	if (cdx_buf_ok(&rec->data) < 0) {
		cdx_send_rec_free(rec);
		return NULL;
	}
	return rec;
}

int cdx_sender_send(struct cdx_sender *s, struct cdx_send **out,
		    const struct cdx_send_req *req, cdx_send_fn *fn, void *arg)
{
	struct cdx_send_rec *rec;
	struct cdx_send *w = NULL;

	if (req->tag ? !tag_fits(req->tag) : !fn)
		return -EINVAL;
	if (req->len > CDX_TX_MAX - TX_ROOM)
		return -E2BIG;
	if (fn) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return -ENOMEM;
		w->fn = fn;
		w->arg = arg;
	}
	rec = req->tag ? by_tag(s, req->tag) : NULL;
	if (!rec)
		rec = make(s, req);
	if (!rec) {
		free(w);
		return -ENOMEM;
	}
	if (w)
		cdx_list_add_tail(&rec->waiters, &w->link);
	if (out)
		*out = w;
	cdx_sender_kick(s);
	return 0;
}

void cdx_send_leave(struct cdx_send *w)
{
	if (!w)
		return;
	cdx_list_del(&w->link);
	free(w);
}

void cdx_sender_forget(struct cdx_sender *s, const void *arg)
{
	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		cdx_list_foreach_safe(it, next, &rec->waiters) {
			struct cdx_send *w =
				cdx_list_entry(it, struct cdx_send, link);

			if (w->arg == arg)
				cdx_send_leave(w);
		}
	}
}

bool cdx_sender_has(const struct cdx_sender *s, const char *tag)
{
	return by_tag(s, tag) != NULL;
}

void cdx_sender_tags(const struct cdx_sender *s,
		     void (*each)(void *arg, const char *tag), void *arg)
{
	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->tag[0])
			each(arg, rec->tag);
	}
}

void cdx_sender_stats(const struct cdx_sender *s, struct cdx_sender_stats *out)
{
	*out = (struct cdx_sender_stats){
		.next_nonce = cdx_sender_next_nonce(s),
		.sent = s->n_sent,
		.confirmed = s->n_confirmed,
		.reverted = s->n_reverted,
		.replaced = s->n_replaced,
		.expired = s->n_expired,
		.foreign = s->n_foreign,
		.why = s->trouble,
	};
	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->state == CDX_SEND_ENDED)
			continue;
		if (rec->state == CDX_SEND_MINED)
			out->unconfirmed++;
		else
			out->waiting++;
		if (!out->why[0])
			out->why = rec->trouble;
	}
}
