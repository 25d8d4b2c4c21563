/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "eth/head.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "eth/head_internal.h"
#include "eth/json.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define POLL_MS 1000u
/* Headers in one question; halved when an endpoint finds it too many */
#define BATCH_MAX 64u
/* Below a header that does not fit, the first question: most reorganisations
 * are not deeper */
#define BATCH_FIRST 8u
/* Headers that are read when none is kept, to know a reorganisation by that
 * begins before we came */
#define BEGIN_WITH 64u
/* An endpoint may lag behind the others; when all that we hear for so many
 * polls is an older head, the chain itself went back */
#define BEHIND_MAX 60u
/* A question is slow, and status says what the endpoints do, after so long */
#define SLOW_NS (3 * NS_PER_S)

static const char bad_headers[] = "the endpoint's headers are no headers";
static const char unfit[] = "the endpoint's headers do not fit together";

const struct cdx_block *cdx_head_latest(const struct cdx_head *h)
{
	return h->n_kept ? &h->kept[h->n_kept - 1] : NULL;
}

const struct cdx_block *cdx_head_block(const struct cdx_head *h,
				       uint64_t number)
{
	uint64_t at;

	if (h->n_kept == 0 || number < h->kept[0].number)
		return NULL;
	at = number - h->kept[0].number;
	return at < h->n_kept ? &h->kept[at] : NULL;
}

int64_t cdx_head_age_s(const struct cdx_head *h)
{
	if (h->confirmed_ns == 0)
		return INT64_MAX;
	return (int64_t)((cdx_clock_mono_ns() - h->confirmed_ns) / NS_PER_S);
}

/* The rpc tries for a minute before it says what is wrong. */
const char *cdx_head_why(const struct cdx_head *h)
{
	struct cdx_rpc_endpoint e;

	if (h->why[0] || !h->call ||
	    cdx_clock_mono_ns() - h->asked_ns < SLOW_NS)
		return h->why;
	for (size_t i = 0; cdx_rpc_endpoint(h->rpc, i, &e) == 0; i++) {
		if (!e.well && e.why[0])
			return e.why;
	}
	return "the endpoint does not answer";
}

void cdx_head_reorgs(const struct cdx_head *h, uint64_t *count,
		     uint64_t *deepest)
{
	*count = h->reorgs;
	*deepest = h->deepest;
}

static bool same(const struct cdx_b32 *a, const struct cdx_b32 *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Until the next poll */
static void failed(struct cdx_head *h, const char *why)
{
	snprintf(h->why, sizeof(h->why), "%s", why);
	h->n_fresh = 0;
}

static void confirm(struct cdx_head *h)
{
	h->confirmed_ns = cdx_clock_mono_ns();
	h->behind = 0;
	h->why[0] = '\0';
}

/* Takes what was read in place of the blocks after @keep of those kept. */
static void splice(struct cdx_head *h, size_t keep)
{
	size_t over = keep + h->n_fresh > CDX_HEAD_KEEP
			      ? keep + h->n_fresh - CDX_HEAD_KEEP
			      : 0;

	memmove(h->kept, h->kept + over, (keep - over) * sizeof(h->kept[0]));
	h->n_kept = keep - over;
	while (h->n_fresh)
		h->kept[h->n_kept++] = h->fresh[--h->n_fresh];
}

/* @fork: the last block that is still in the chain; @keep: how many of those
 * kept go on */
static void accept(struct cdx_head *h, uint64_t fork, size_t keep)
{
	const struct cdx_block *old = cdx_head_latest(h);
	bool undone = old && fork < old->number;

	if (undone) {
		uint64_t depth = old->number - fork;

		h->reorgs++;
		if (depth > h->deepest)
			h->deepest = depth;
		cdx_log(h->log, INFO, "chain",
			"reorganised: %" PRIu64 " blocks after block %" PRIu64
			" are no longer part of it",
			depth, fork);
	}
	splice(h, keep);
	confirm(h);
	cdx_head_changed(h, fork, undone);
}

/* The old chain is not met at all, or so deep that it was forgotten. */
static void accept_strange(struct cdx_head *h)
{
	uint64_t oldest = h->kept[0].number;
	uint64_t low = h->fresh[h->n_fresh - 1].number;

	if (low < oldest)
		oldest = low;
	accept(h, oldest ? oldest - 1 : 0, 0);
}

static void on_headers(void *arg, int err, const struct cdx_rpc_reply *replies,
		       size_t n);

/* Asks for @n headers, or as many as one question takes, the highest @hi,
 * downwards. */
static void ask_batch(struct cdx_head *h, uint64_t hi, size_t n,
		      cdx_rpc_batch_fn *fn)
{
	struct cdx_rpc_req reqs[BATCH_MAX];

	if (n > h->batch)
		n = h->batch;
	for (size_t i = 0; i < n; i++)
		reqs[i] = (struct cdx_rpc_req){
			.method = "eth_getBlockByNumber",
			.params = json_pack("[o, b]", cdx_json_u64(hi - i), 0)};
	if (cdx_rpc_batch(h->rpc, &h->call, reqs, n, fn, h) != 0) {
		h->call = NULL;
		failed(h, cdx_strerror(-ENOMEM));
	}
}

static void ask_headers(struct cdx_head *h, uint64_t hi, size_t n)
{
	ask_batch(h, hi, n, on_headers);
}

/* The gap between what is kept and what is being read is longer than what can
 * be kept: whether the old head is still there decides. */
static void on_old_head(void *arg, int err, const struct cdx_rpc_reply *reply)
{
	struct cdx_head *h = arg;
	const struct cdx_block *old = cdx_head_latest(h);
	struct cdx_block b;

	h->call = NULL;
	if (err == 0)
		err = cdx_json_get_block(reply->result, &b);
	if (err != 0)
		failed(h, reply->why[0] ? reply->why : bad_headers);
	else if (b.number == old->number && same(&b.hash, &old->hash))
		accept(h, old->number, 0);
	else
		accept_strange(h);
}

static void ask_old_head(struct cdx_head *h)
{
	json_t *params = json_pack("[o, b]",
				   cdx_json_u64(cdx_head_latest(h)->number), 0);

	if (cdx_rpc_call(h->rpc, &h->call, "eth_getBlockByNumber", params,
			 on_old_head, h) != 0) {
		h->call = NULL;
		failed(h, cdx_strerror(-ENOMEM));
	}
}

/* The kept block that is the parent of the lowest that was read, or NULL */
static const struct cdx_block *meeting(const struct cdx_head *h)
{
	const struct cdx_block *low = &h->fresh[h->n_fresh - 1];
	const struct cdx_block *below =
		low->number ? cdx_head_block(h, low->number - 1) : NULL;

	return below && same(&below->hash, &low->parent) ? below : NULL;
}

/* How many headers below those that were read to ask for */
static size_t more_wanted(const struct cdx_head *h)
{
	const struct cdx_block *low = &h->fresh[h->n_fresh - 1];
	const struct cdx_block *old = cdx_head_latest(h);
	uint64_t want = h->n_fresh < BATCH_FIRST ? BATCH_FIRST : BATCH_MAX;

	if (!old)
		want = BEGIN_WITH - h->n_fresh;
	else if (low->number > old->number + 1)
		want = low->number - old->number - 1;
	if (want > low->number)
		want = low->number;
	if (want > CDX_HEAD_KEEP - h->n_fresh)
		want = CDX_HEAD_KEEP - h->n_fresh;
	return (size_t)want;
}

/* With what was read: it fits what is kept, or cannot, or there is more to be
 * read. */
static void go_on(struct cdx_head *h)
{
	const struct cdx_block *low = &h->fresh[h->n_fresh - 1];
	const struct cdx_block *old = cdx_head_latest(h);
	const struct cdx_block *below = meeting(h);
	bool full = h->n_fresh == CDX_HEAD_KEEP;

	if (below)
		accept(h, below->number,
		       (size_t)(below->number - h->kept[0].number) + 1);
	else if (!old && (low->number == 0 || h->n_fresh >= BEGIN_WITH))
		accept(h, UINT64_MAX, 0);
	else if (old && full && low->number > old->number + 1)
		ask_old_head(h);
	else if (old && (full || low->number <= h->kept[0].number))
		accept_strange(h);
	else
		ask_headers(h, low->number - 1, more_wanted(h));
}

/* The next header downwards.  CDX_E_FORMAT; CDX_E_AGAIN the chain, or the
 * endpoint, has changed since the first was read. */
static int put_header(struct cdx_head *h, const json_t *v)
{
	const struct cdx_block *low = &h->fresh[h->n_fresh - 1];
	struct cdx_block b;

	if (json_is_null(v))
		return CDX_E_AGAIN;
	if (cdx_json_get_block(v, &b) != 0 || b.number != low->number - 1)
		return CDX_E_FORMAT;
	if (!same(&b.hash, &low->parent))
		return CDX_E_AGAIN;
	h->fresh[h->n_fresh++] = b;
	return 0;
}

static void on_headers(void *arg, int err, const struct cdx_rpc_reply *replies,
		       size_t n)
{
	struct cdx_head *h = arg;

	h->call = NULL;
	if (err != 0) {
		/* perhaps it takes smaller batches */
		if (err == CDX_E_CHAIN && h->batch > 1)
			h->batch /= 2;
		failed(h, replies->why);
		return;
	}
	for (size_t i = 0; i < n && !meeting(h); i++) {
		err = put_header(h, replies[i].result);
		if (err != 0) {
			failed(h, err == CDX_E_AGAIN ? unfit : bad_headers);
			return;
		}
	}
	go_on(h);
}

/* A head that is part of what we know, or below it.  True: nothing is to be
 * done about it. */
static bool is_old(struct cdx_head *h, const struct cdx_block *b)
{
	const struct cdx_block *mine = cdx_head_block(h, b->number);
	const struct cdx_block *newest = cdx_head_latest(h);

	if (!newest || b->number > newest->number)
		return false;
	if (mine && !same(&mine->hash, &b->hash))
		return false;
	if (mine == newest) {
		confirm(h);
		return true;
	}
	if (++h->behind >= BEHIND_MAX)
		return false;
	snprintf(h->why, sizeof(h->why),
		 "the endpoint is behind: its newest block is %" PRIu64
		 ", and %" PRIu64 " is known",
		 b->number, newest->number);
	return true;
}

/* The chain went back to a block that we know. */
static void go_back(struct cdx_head *h, const struct cdx_block *b)
{
	h->n_fresh = 0;
	accept(h, b->number, (size_t)(b->number - h->kept[0].number) + 1);
}

static void on_latest(void *arg, int err, const struct cdx_rpc_reply *reply)
{
	struct cdx_head *h = arg;
	const struct cdx_block *mine;
	struct cdx_block b;

	h->call = NULL;
	if (err != 0) {
		failed(h, reply->why);
		return;
	}
	if (cdx_json_get_block(reply->result, &b) != 0) {
		failed(h, "the endpoint's newest block is no block");
		return;
	}
	if (is_old(h, &b))
		return;
	mine = cdx_head_block(h, b.number);
	if (mine && same(&mine->hash, &b.hash)) {
		go_back(h, &b);
		return;
	}
	h->fresh[0] = b;
	h->n_fresh = 1;
	go_on(h);
}

/* ---- headers older than those kept ---- */

static bool wants_older(const struct cdx_head *h)
{
	return h->deep && h->n_kept && h->n_kept < CDX_HEAD_KEEP &&
	       h->kept[0].number > 0;
}

static void ask_older(struct cdx_head *h);

/* Newest first; those that fit go in front of what is kept. */
static int put_older(struct cdx_head *h, const struct cdx_rpc_reply *replies,
		     size_t n)
{
	struct cdx_block older[BATCH_MAX];
	struct cdx_block above = h->kept[0];

	for (size_t i = 0; i < n; i++) {
		struct cdx_block *b = &older[n - 1 - i];

		if (json_is_null(replies[i].result))
			return CDX_E_AGAIN;
		if (cdx_json_get_block(replies[i].result, b) != 0 ||
		    b->number != above.number - 1)
			return CDX_E_FORMAT;
		if (!same(&b->hash, &above.parent))
			return CDX_E_AGAIN;
		above = *b;
	}
	memmove(h->kept + n, h->kept, h->n_kept * sizeof(h->kept[0]));
	memcpy(h->kept, older, n * sizeof(older[0]));
	h->n_kept += n;
	return 0;
}

static void on_older(void *arg, int err, const struct cdx_rpc_reply *replies,
		     size_t n)
{
	struct cdx_head *h = arg;

	h->call = NULL;
	if (err == CDX_E_CHAIN && h->batch > 1)
		h->batch /= 2;
	if (err != 0) {
		failed(h, replies->why);
		return;
	}
	err = put_older(h, replies, n);
	if (err != 0)
		failed(h, err == CDX_E_AGAIN ? unfit : bad_headers);
	else if (wants_older(h))
		ask_older(h);
}

static void ask_older(struct cdx_head *h)
{
	uint64_t low = h->kept[0].number;
	size_t n = CDX_HEAD_KEEP - h->n_kept;

	ask_batch(h, low - 1, n < low ? n : (size_t)low, on_older);
}

void cdx_head_deepen(struct cdx_head *h)
{
	h->deep = true;
}

static void ask_latest(void *arg)
{
	struct cdx_head *h = arg;

	/* a question, or headers, under way: the next time, then */
	if (h->call)
		return;
	h->asked_ns = cdx_clock_mono_ns();
	/* in turns, so that neither keeps the other from being read */
	h->older_turn = wants_older(h) && !h->older_turn;
	if (h->older_turn) {
		ask_older(h);
		return;
	}
	if (cdx_rpc_call(h->rpc, &h->call, "eth_getBlockByNumber",
			 json_pack("[s, b]", "latest", 0), on_latest, h) != 0) {
		h->call = NULL;
		failed(h, cdx_strerror(-ENOMEM));
	}
}

int cdx_head_new(struct cdx_head **out, struct cdx_loop *loop,
		 struct cdx_rpc *rpc, unsigned poll_ms,
		 const struct cdx_log *log)
{
	struct cdx_head *h = calloc(1, sizeof(*h));

	*out = NULL;
	if (!h)
		return -ENOMEM;
	h->loop = loop;
	h->rpc = rpc;
	h->log = log;
	h->batch = BATCH_MAX;
	cdx_list_init(&h->watches);
	cdx_list_init(&h->alarms);
	if (cdx_loop_timer_add(loop, &h->poll, 0,
			       (poll_ms ? poll_ms : POLL_MS) * NS_PER_MS,
			       ask_latest, h) != 0) {
		free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

void cdx_head_let_go(struct cdx_head *h)
{
	if (h->dead && h->calling == 0)
		free(h);
}

void cdx_head_free(struct cdx_head *h)
{
	if (!h)
		return;
	cdx_rpc_cancel(h->call);
	h->call = NULL;
	cdx_loop_timer_del(h->poll);
	cdx_head_watch_fini(h);
	h->dead = true;
	cdx_head_let_go(h);
}
