/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/sender_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "eth/json.h"

/* Without a new head, we look at least so often. */
#define LOOK_NS UINT64_C(15000000000)

/* ---- a new head ---- */

/* A block that was undone: whatever was in it may be anywhere now, and is sent
 * again. */
static void undone(struct cdx_send_rec *rec)
{
	rec->state = CDX_SEND_OUT;
	rec->accepted = false;
	rec->foreign = false;
	rec->signed_ns = cdx_clock_mono_ns();
	rec->signed_head = rec->sender->height;
	cdx_log(rec->sender->opts.log, INFO, "sender",
		"the block of nonce %" PRIu64 " was undone; it is sent again",
		rec->nonce);
}

bool cdx_sender_in_chain(const struct cdx_sender *s, uint64_t number,
			 const struct cdx_b32 *hash)
{
	const struct cdx_block *block = cdx_head_block(s->head, number);

	/* blocks older than those that are kept count as what they were */
	return s->height >= number &&
	       (!block || memcmp(block->hash.b, hash->b, sizeof(hash->b)) == 0);
}

void cdx_sender_moved(struct cdx_sender *s, const struct cdx_block *head,
		      uint64_t fork)
{
	/* what was counted and confirmed may be void: the node says it anew */
	if (fork != UINT64_MAX && fork < s->height) {
		s->floor = 0;
		s->count = 0;
		s->pending = 0;
		s->counted = false;
	}
	s->height = head->number;
	s->want_look = true;
	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->state == CDX_SEND_MINED && !rec->call &&
		    !cdx_sender_in_chain(s, rec->block, &rec->block_hash))
			undone(rec);
		if (rec->state == CDX_SEND_OUT && !rec->accepted &&
		    rec->n_durable > 0)
			rec->want_send = true;
	}
}

/* ---- what the chain says ---- */

/* Somebody else used the nonce.  Whatever of it may be in blocks that are undone
 * later than we ask confirmations for is the price of going on. */
static void begin_anew(struct cdx_send_rec *rec)
{
	struct cdx_sender *s = rec->sender;

	s->n_foreign++;
	cdx_log(s->opts.log, WARN, "sender",
		"nonce %" PRIu64 " of this account was used by somebody else: "
		"is its key in another program?",
		rec->nonce);
	rec->foreign = false;
	if (rec->filler || rec->given_up) {
		cdx_send_rec_expired(rec);
		return;
	}
	cdx_send_rec_unask(rec);
	rec->has_nonce = false;
	rec->n_versions = 0;
	rec->n_durable = 0;
	rec->accepted = false;
	rec->want_send = false;
	rec->doubt = false;
	rec->refused = CDX_REFUSED_NOT;
	rec->state = CDX_SEND_NEW;
}

static void no_receipt(struct cdx_send_rec *rec, uint64_t count)
{
	struct cdx_sender *s = rec->sender;
	uint64_t now = cdx_clock_mono_ns();
	unsigned blocks = s->opts.confirmations > 2 ? s->opts.confirmations : 2;

	if (count <= rec->nonce) {
		rec->foreign = false;
		return;
	}
	if (!rec->foreign) {
		rec->foreign = true;
		rec->foreign_head = s->height;
		rec->foreign_ns = now;
		return;
	}
	/* Blocks alone may pass in a second, while the node behind a balancer
	 * that answers for receipts lags behind the one that counts.  A version
	 * that is being written down cannot be forgotten now. */
	if (s->height >= rec->foreign_head + blocks &&
	    now - rec->foreign_ns >= cdx_sender_patience(s) && !rec->putting)
		begin_anew(rec);
}

static void counted(struct cdx_sender *s, uint64_t count)
{
	if (!s->counted || count > s->count) {
		s->progress_ns = cdx_clock_mono_ns();
		s->progress_head = s->height;
	}
	s->count = count;
	s->counted = true;
}

/* ---- looking: first the counts, then receipts in batches ---- */

static void look_failed(struct cdx_sender *s, int err, const char *why)
{
	snprintf(s->trouble, sizeof(s->trouble), "%s",
		 why && *why ? why : cdx_strerror(err));
	s->n_looks = 0;
}

/* One record's part of a batch: @n answers about it */
static void answered(struct cdx_send_rec *rec, const struct cdx_asked *asked,
		     const struct cdx_rpc_reply *replies, unsigned n,
		     uint64_t count)
{
	if (rec->state != CDX_SEND_OUT && rec->state != CDX_SEND_MINED)
		return;
	if (asked->pool) {
		/* forgotten */
		if (json_is_null(replies[0].result)) {
			rec->accepted = false;
			rec->want_send = true;
		}
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		if (!replies[i].result)
			return;
		if (json_is_null(replies[i].result))
			continue;
		cdx_send_rec_receipt(rec, asked[i].version, replies[i].result);
		return;
	}
	if (rec->state == CDX_SEND_OUT)
		no_receipt(rec, count);
	else if (!cdx_head_block(rec->sender->head, rec->block))
		undone(rec);
}

static void looked(void *arg, int err, const struct cdx_rpc_reply *replies,
		   size_t n)
{
	struct cdx_sender *s = arg;
	unsigned n_looks = s->n_looks;
	uint64_t count = 0;

	(void)n;
	s->look_call = NULL;
	s->n_looks = 0;
	cdx_sender_kick(s);
	if (err == 0)
		err = cdx_json_get_u64(replies[0].result, &count);
	if (err < 0) {
		look_failed(s, err, replies[0].why);
		s->look_from = 0;
		return;
	}
	counted(s, count);
	for (unsigned i = 0; i < n_looks;) {
		struct cdx_send_rec *rec = s->looks[i].rec;
		unsigned group = 1;

		while (i + group < n_looks && s->looks[i + group].rec == rec)
			group++;
		if (rec)
			answered(rec, &s->looks[i], &replies[1 + i], group,
				 count);
		i += group;
	}
}

static void add(struct cdx_sender *s, struct cdx_send_rec *rec,
		unsigned version, bool pool)
{
	s->looks[s->n_looks++] = (struct cdx_asked){
		.rec = rec, .version = version, .pool = pool};
}

/* What is to be asked about it; false: the batch has no room for it. */
static bool ask_about(struct cdx_sender *s, struct cdx_send_rec *rec)
{
	unsigned room = CDX_SEND_BATCH - 1 - s->n_looks;
	bool mined = rec->state == CDX_SEND_MINED && !rec->call &&
		     s->height + 1 >= rec->block + s->opts.confirmations;

	if (!mined && (rec->state != CDX_SEND_OUT || rec->n_durable == 0))
		return true;
	if (mined || rec->nonce < s->count) {
		if (room < rec->n_durable)
			return false;
		/* the newest is the likeliest */
		for (unsigned v = rec->n_durable; v-- > 0;)
			add(s, rec, v, false);
	} else if (rec->nonce >= s->pending && rec->accepted &&
		   rec->out_head < s->height) {
		if (room < 1)
			return false;
		add(s, rec, rec->n_durable - 1, true);
	}
	return true;
}

static struct cdx_rpc_req request(const struct cdx_asked *asked)
{
	const struct cdx_version *v = &asked->rec->versions[asked->version];
	json_t *hash = cdx_json_b32(&v->hash);

	return (struct cdx_rpc_req){
		.method = asked->pool ? "eth_getTransactionByHash"
				      : "eth_getTransactionReceipt",
		.params = hash ? json_pack("[o]", hash) : NULL,
	};
}

/* The next batch of receipts; the account's count is asked for with it, so that
 * both come of about the same state. */
static void look_on(struct cdx_sender *s)
{
	struct cdx_rpc_req reqs[CDX_SEND_BATCH];
	uint64_t next = 0;

	s->n_looks = 0;
	cdx_list_foreach(pos, &s->recs) {
		struct cdx_send_rec *rec =
			cdx_list_entry(pos, struct cdx_send_rec, link);

		if (rec->id < s->look_from)
			continue;
		if (!ask_about(s, rec)) {
			next = rec->id;
			break;
		}
	}
	s->look_from = next;
	if (s->n_looks == 0)
		return;
	reqs[0] = cdx_sender_ask_count(s, CDX_AT_LATEST);
	for (unsigned i = 0; i < s->n_looks; i++)
		reqs[1 + i] = request(&s->looks[i]);
	if (cdx_sender_batch(s, &s->look_call, reqs, 1 + s->n_looks, looked,
			     s) < 0)
		s->n_looks = 0;
}

static void counts_known(void *arg, int err,
			 const struct cdx_rpc_reply *replies, size_t n)
{
	struct cdx_sender *s = arg;
	uint64_t count = 0;
	uint64_t pending = 0;

	(void)n;
	s->look_call = NULL;
	cdx_sender_kick(s);
	if (err == 0)
		err = cdx_json_get_u64(replies[0].result, &count);
	if (err == 0)
		err = cdx_json_get_u64(replies[1].result, &pending);
	if (err < 0) {
		look_failed(s, err, replies[0].why);
		return;
	}
	s->trouble[0] = 0;
	counted(s, count);
	s->pending = pending;
	cdx_sender_suggested(s, &replies[2]);
	s->look_from = 1;
}

static void look_anew(struct cdx_sender *s)
{
	struct cdx_rpc_req reqs[] = {
		cdx_sender_ask_count(s, CDX_AT_LATEST),
		cdx_sender_ask_count(s, CDX_AT_PENDING),
		cdx_sender_ask_price(s),
	};

	s->want_look = false;
	s->looked_ns = cdx_clock_mono_ns();
	if (cdx_sender_batch(s, &s->look_call, reqs, CDX_ARRAY_LEN(reqs),
			     counts_known, s) < 0)
		s->want_look = true;
}

static bool any_live(const struct cdx_sender *s)
{
	cdx_list_foreach(pos, &s->recs)
		if (cdx_send_rec_live(
			    cdx_list_entry(pos, struct cdx_send_rec, link)))
			return true;
	return false;
}

void cdx_sender_look(struct cdx_sender *s)
{
	/* nothing is asked for while nothing is under way */
	if (s->chain_id == 0 || s->look_call || !cdx_head_latest(s->head) ||
	    !any_live(s))
		return;
	if (cdx_clock_mono_ns() - s->looked_ns > LOOK_NS)
		s->want_look = true;
	if (s->look_from > 0)
		look_on(s);
	if (!s->look_call && s->want_look)
		look_anew(s);
}
