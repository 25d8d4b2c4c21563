/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "exchange/ask.h"

#define URL_MAX (CDX_MADDR_TEXT_MAX + CDX_CID_TEXT_MAX + 64u)
/* Of one peer that fails; what it says is final */
#define TRIES_MAX 2u
/* Of one peer in flight.  Not of those that it has for blocks: who is busy with these
 * would never be asked */
#define ASKS_MAX 4u
/* Failures in a row after which nobody waits until it has rested */
#define FAILS_GONE 3u

static void next(struct cdx_xask *a);

static struct cdx_xask *of(struct cdx_op *op)
{
	return CDX_CONTAINER(op, struct cdx_xask, op);
}

static int lie(struct cdx_xask *a, const char *what)
{
	a->lie = what;
	return CDX_E_FORMAT;
}

/* ---- what comes ---- */

static int on_page(void *arg, const struct cdx_tree_page *p)
{
	struct cdx_xask *a = arg;

	if (a->page != NULL || p->page != a->index / CDX_TREE_PAGE ||
	    p->leaves != a->rd->set->leaves)
		return lie(a, "a page that was not asked for");
	a->page = cdx_xpage_new(p, false);
	return a->page != NULL ? 0 : -ENOMEM;
}

/* The first word about the block, and with it its proof? */
static bool may_say(struct cdx_xask *a, uint32_t index)
{
	if (!a->said && index == a->index)
		return true;
	(void)lie(a, "a block that was not asked for");
	return false;
}

static uint8_t *on_block_begin(void *arg, uint32_t index, uint32_t len)
{
	struct cdx_xask *a = arg;

	if (!may_say(a, index))
		return NULL;
	if (len != a->rd->set->manifest.block_size) {
		(void)lie(a, "a block of another size");
		return NULL;
	}
	a->block = cdx_xblock_new(a->ex, len);
	return a->block != NULL ? a->block->p : NULL;
}

static int on_block(void *arg, uint32_t index, uint32_t len)
{
	struct cdx_xask *a = arg;

	if (!may_say(a, index))
		return CDX_E_FORMAT;
	if (!a->has_leaf && a->page == NULL)
		return lie(a, "a block without the page that proves it");
	a->said = true;
	if (len == 0)
		a->block = cdx_xblock_new(a->ex, 0);
	return a->block != NULL ? 0 : -ENOMEM;
}

static int on_absent(void *arg, uint32_t index)
{
	struct cdx_xask *a = arg;

	if (!may_say(a, index))
		return CDX_E_FORMAT;
	a->said = true;
	return 0;
}

static int on_have(void *arg, uint32_t index)
{
	(void)index;
	return lie(arg, "an answer to another question");
}

static const struct cdx_wire_events events = {
	.page = on_page,
	.block_begin = on_block_begin,
	.block = on_block,
	.absent = on_absent,
	.have = on_have,
};

static int on_data(void *arg, const uint8_t *p, size_t len)
{
	struct cdx_xask *a = arg;
	int rc = cdx_wire_read(a->wire, p, len);

	if (a->lie != NULL)
		return CDX_E_FORMAT;
	if (rc == CDX_E_FORMAT)
		a->lie = "what is no stream of blocks";
	return rc;
}

/* ---- the end of a request ---- */

/* Lets go of the peer and of what came. */
static void drop(struct cdx_xask *a)
{
	if (a->peer != NULL)
		a->peer->users--;
	a->peer = NULL;
	cdx_wire_reader_free(a->wire);
	a->wire = NULL;
	cdx_xpage_put(a->page);
	a->page = NULL;
	cdx_xblock_put(a->block);
	a->block = NULL;
}

static void liar(struct cdx_xask *a, const char *what)
{
	a->tries[a->at] = TRIES_MAX;
	if (a->peer->has_id) {
		a->lied = true;
		a->liar = a->peer->id;
	}
	cdx_xpeer_lied(a->ex, a->peer, NULL, what);
}

static void check_work(struct cdx_xjob *j)
{
	struct cdx_xask *a = CDX_CONTAINER(j, struct cdx_xask, job);
	struct cdx_digest leaf = a->leaf;
	struct cdx_digest got;

	a->rc = 0;
	if (a->page != NULL) {
		if (cdx_tree_page_verify(&a->page->p, &a->rd->set->tree) != 0) {
			a->rc = CDX_E_PROOF;
			return;
		}
		a->page->state = CDX_X_GOOD;
		if (!a->has_leaf)
			leaf = a->page->p.leaf[a->index % CDX_TREE_PAGE];
	}
	if (a->block == NULL)
		return;
	cdx_sha256(&got, a->block->p, a->block->size);
	if (memcmp(&got, &leaf, sizeof(got)) != 0)
		a->rc = CDX_E_HASH;
}

static void check_done(struct cdx_xjob *j)
{
	struct cdx_xask *a = CDX_CONTAINER(j, struct cdx_xask, job);

	a->checking = false;
	if (a->rc != 0) {
		liar(a, a->rc == CDX_E_PROOF ? "a page of another tree"
					     : "a block that is not its leaf");
	} else {
		cdx_xpeer_worked(a->peer);
		a->tries[a->at] = TRIES_MAX;
		if (!a->op.ended)
			a->take(a);
	}
	drop(a);
	next(a);
	cdx_op_put(&a->op);
}

static void check(struct cdx_xask *a)
{
	a->checking = true;
	a->job.work = check_work;
	a->job.done = check_done;
	cdx_xop_ref(&a->op);
	cdx_xjob_submit(a->ex, &a->job, CDX_POOL_READ);
}

static void refused(struct cdx_xask *a, const struct cdx_http_res *res)
{
	struct cdx_xsource *src = &a->rd->s->source[a->at];
	unsigned rest = 0;

	if (res->status == 404) {
		/* it is alive, and has not got the dataset (any more) */
		if (src->peer == a->peer)
			src->gone_until =
				cdx_clock_mono_ns() + CDX_X_IDLE_S * CDX_X_NS_S;
		a->tries[a->at] = TRIES_MAX;
		return;
	}
	if (res->status == 503 || res->status == 429)
		rest = res->retry_after_s > 0 ? res->retry_after_s : 1;
	cdx_xpeer_failed(a->ex, a->peer, rest);
}

static void on_end(void *arg, int err, const struct cdx_http_res *res,
		   const char *why)
{
	struct cdx_xask *a = arg;

	(void)why;
	a->transfer = NULL;
	a->peer->asks--;
	a->tries[a->at]++;
	if (a->lie != NULL) {
		liar(a, a->lie);
	} else if (err == -EMSGSIZE) {
		liar(a, "more than was asked for");
	} else if (err == -ENOMEM) {
		drop(a);
		cdx_xop_end(a->ex, &a->op, -ENOMEM);
		return;
	} else if (err != 0) {
		if (err == -ETIMEDOUT)
			cdx_xcount(a->ex, timeouts);
		cdx_xpeer_failed(a->ex, a->peer, 0);
	} else if (res->status < 200 || res->status > 299) {
		refused(a, res);
	} else if (!cdx_wire_ended(a->wire) || !a->said) {
		cdx_xpeer_failed(a->ex, a->peer, 0);
	} else {
		check(a);
		return;
	}
	drop(a);
	next(a);
}

/* ---- whom, and how ---- */

static bool may(const struct cdx_xask *a, unsigned at)
{
	const struct cdx_xsession *s = a->rd->s;
	const struct cdx_xsource *src = &s->source[at];
	uint64_t slot;

	if (!a->holders)
		return src->holding != CDX_HOLDS_NOTHING;
	if (!src->peer->has_id)
		return false;
	if (src->holding != CDX_HOLDS_SLOTS)
		return src->holding == CDX_HOLDS_ALL;
	slot = a->index / s->set->g.steps;
	return slot < 256 && (src->slots.b[slot / 8] >> (slot % 8) & 1) != 0;
}

/* The one to ask now: the fewest tries, then the fewest in flight.  -1: none;
 * @later: there will be one */
static int best(const struct cdx_xask *a, uint64_t now, bool *later)
{
	const struct cdx_xsession *s = a->rd->s;
	int at = -1;

	*later = false;
	for (unsigned i = 0; i < s->n_sources; i++) {
		const struct cdx_xsource *src = &s->source[i];
		const struct cdx_xpeer *p = src->peer;

		if (a->tries[i] >= TRIES_MAX || !may(a, i) ||
		    cdx_xpeer_out(p, now) || src->gone_until > now)
			continue;
		if (p->rest_until > now || p->asks >= ASKS_MAX) {
			*later |= p->fails < FAILS_GONE;
			continue;
		}
		if (at < 0 || a->tries[i] < a->tries[at] ||
		    (a->tries[i] == a->tries[at] &&
		     p->asks < s->source[at].peer->asks))
			at = (int)i;
	}
	return at;
}

static int send(struct cdx_xask *a)
{
	uint32_t size = a->rd->set->manifest.block_size;
	char cid[CDX_CID_TEXT_MAX];
	char base[CDX_MADDR_TEXT_MAX];
	char url[URL_MAX];
	struct cdx_http_req req = {
		.method = "GET",
		.url = url,
		.connect_ms = CDX_X_CONNECT_MS,
		.idle_ms = CDX_X_SILENT_MS,
		.max_body = CDX_X_STREAM_ROOM + CDX_WIRE_PAGE_MAX + size,
		.data = on_data,
		.tls_key = cdx_xpeer_tls(a->peer),
	};

	cdx_cid_text(cid, &a->rd->set->cid);
	cdx_xpeer_url(base, a->peer);
	(void)snprintf(url, sizeof(url),
		       "%s/codex/v1/datasets/%s/blocks?r=%u-%u%s", base, cid,
		       a->index, a->index, a->has_leaf ? "&p=0" : "");
	return cdx_http_start(a->ex->http, &a->transfer, &req, on_end, a);
}

static int ask(struct cdx_xask *a, unsigned at)
{
	int rc;

	a->at = at;
	a->peer = a->rd->s->source[at].peer;
	a->peer->users++;
	a->lie = NULL;
	a->said = false;
	rc = cdx_wire_reader_new(&a->wire, a->rd->set->manifest.block_size,
				 &events, a);
	if (rc == 0)
		rc = send(a);
	if (rc != 0) {
		drop(a);
		return rc;
	}
	a->peer->asks++;
	a->peer->used_at = cdx_clock_mono_ns();
	cdx_xcount(a->ex, requests);
	return 0;
}

static void next(struct cdx_xask *a)
{
	struct cdx_xsession *s = a->rd->s;
	uint64_t now = cdx_clock_mono_ns();
	unsigned known;
	bool later;
	int at;
	int rc;

	if (a->op.ended || a->peer != NULL)
		return;
	do {
		at = best(a, now, &later);
		if (at >= 0) {
			rc = ask(a, (unsigned)at);
			if (rc != 0)
				cdx_xop_end(a->ex, &a->op, rc);
			return;
		}
		if (later)
			return;
		/* it may bring those that were named, at once */
		known = s->n_sources;
		cdx_xsession_find(s);
	} while (s->n_sources != known);
	if (cdx_xsession_found(s, a->since))
		cdx_xop_end(a->ex, &a->op, a->lied ? CDX_E_HASH : -ENODATA);
}

void cdx_xask_begin(struct cdx_xask *a)
{
	a->since = cdx_clock_mono_ns();
	next(a);
}

void cdx_xask_poll(struct cdx_exchange *ex, struct cdx_op *op)
{
	(void)ex;
	/* not before it has begun */
	if (of(op)->since != 0)
		next(of(op));
}

void cdx_xask_detach(struct cdx_op *op)
{
	struct cdx_xask *a = of(op);

	if (a->transfer != NULL) {
		cdx_http_cancel(a->transfer);
		a->transfer = NULL;
		a->peer->asks--;
	}
	/* what is being checked goes when that is done */
	if (!a->checking)
		drop(a);
}
