/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "exchange/internal.h"

/* One request for blocks: a stream of frames that is bounded by what was asked
 * for, and in which nothing may be that was not. */

#define URL_MAX                                        \
	(CDX_MADDR_TEXT_MAX + CDX_CID_TEXT_MAX + 64u + \
	 24u * CDX_WIRE_RANGES_MAX)

static uint32_t block_size(const struct cdx_xrequest *r)
{
	return r->s->set->manifest.block_size;
}

/* Takes what was charged for blocks that did not begin. */
static void unreserve(struct cdx_xrequest *r, unsigned n)
{
	r->reserved -= n;
	atomic_fetch_sub_explicit(&r->s->ex->reserved,
				  (size_t)n * block_size(r),
				  memory_order_relaxed);
}

/* The item of an index that was asked for, and has not come; NULL */
static struct cdx_xitem *item_of(struct cdx_xrequest *r, uint32_t index)
{
	unsigned lo = 0;
	unsigned hi = r->n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (r->item[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == r->n || r->item[lo].index != index || r->item[lo].ended)
		return NULL;
	return &r->item[lo];
}

static int lie(struct cdx_xrequest *r, const char *what)
{
	r->lie = what;
	return CDX_E_FORMAT;
}

/* ---- what comes ---- */

static int on_page(void *arg, const struct cdx_tree_page *p)
{
	struct cdx_xrequest *r = arg;
	uint64_t first = (uint64_t)p->page * CDX_TREE_PAGE;
	bool wanted = false;

	for (unsigned i = 0; i < r->n && !wanted; i++)
		wanted = !r->item[i].ended && r->item[i].index >= first &&
			 r->item[i].index < first + CDX_TREE_PAGE;
	if (!wanted || p->leaves != r->s->set->leaves)
		return lie(r, "a page that was not asked for");
	cdx_xpage_put(r->page);
	r->page = NULL;
	if (cdx_xsession_page(r->s, p->page) != NULL)
		return 0;
	r->page = cdx_xpage_new(p, false);
	if (r->page == NULL)
		return -ENOMEM;
	cdx_xverify_page(r, r->page);
	return 0;
}

static void item_end(struct cdx_xrequest *r, struct cdx_xitem *item)
{
	struct cdx_xwant *w = cdx_xwant_get(r->s, item->index);

	item->ended = true;
	r->left--;
	if (w != NULL && w->serial == item->serial)
		w->flying--;
}

/* Where a block's bytes go.  For NULL nothing more is heard of it: it is ended
 * here, and what is wrong about it ends the reading in on_data. */
static uint8_t *on_block_begin(void *arg, uint32_t index, uint32_t len)
{
	struct cdx_xrequest *r = arg;
	struct cdx_xitem *item = item_of(r, index);
	struct cdx_xwant *w = cdx_xwant_get(r->s, index);

	if (item == NULL || len != block_size(r)) {
		(void)lie(r, item == NULL ? "a block that was not asked for"
					  : "a block of another size");
		return NULL;
	}
	if (w != NULL && w->state == CDX_X_FLY)
		r->arriving = cdx_xblock_new(r->s->ex, len);
	if (r->arriving != NULL) {
		unreserve(r, 1);
		return r->arriving->p;
	}
	/* somebody else was faster; or, without memory, once more later */
	cdx_xcount(r->s->ex, spurious);
	item_end(r, item);
	if (w != NULL && w->state == CDX_X_FLY && w->flying == 0)
		cdx_xwant_set(w, CDX_X_NEED);
	return NULL;
}

/* The page that proves a block, or NULL: its leaf is known */
static int proof_of(struct cdx_xrequest *r, struct cdx_xwant *w,
		    struct cdx_xpage **page)
{
	uint32_t at = w->index / CDX_TREE_PAGE;

	*page = NULL;
	if (cdx_xwant_leaf(w))
		return 0;
	if (r->page == NULL || r->page->p.page != at)
		return lie(r, "a block without the page that proves it");
	*page = r->page;
	return 0;
}

static int on_block(void *arg, uint32_t index, uint32_t len)
{
	struct cdx_xrequest *r = arg;
	struct cdx_xitem *item = item_of(r, index);
	struct cdx_xwant *w = cdx_xwant_get(r->s, index);
	struct cdx_xblock *block = r->arriving;
	struct cdx_xpage *page;
	int rc;

	r->arriving = NULL;
	if (item == NULL)
		return lie(r, "a block that was not asked for");
	item_end(r, item);
	atomic_fetch_add_explicit(&r->s->ex->count.bytes, len,
				  memory_order_relaxed);
	if (len == 0 && w != NULL && w->state == CDX_X_FLY)
		block = cdx_xblock_new(r->s->ex, 0);
	if (block == NULL || w == NULL || w->state != CDX_X_FLY) {
		cdx_xblock_put(block);
		cdx_xcount(r->s->ex, spurious);
		/* without memory: once more, later */
		if (w != NULL && w->state == CDX_X_FLY && w->flying == 0)
			cdx_xwant_set(w, CDX_X_NEED);
		return 0;
	}
	rc = proof_of(r, w, &page);
	if (rc != 0) {
		cdx_xblock_put(block);
		if (w->flying == 0)
			cdx_xwant_set(w, CDX_X_NEED);
		return rc;
	}
	cdx_xverify(r, w, block, page);
	return 0;
}

/* It has not got this one: others are asked. */
static void not_there(struct cdx_xrequest *r, struct cdx_xitem *item)
{
	struct cdx_xwant *w = cdx_xwant_get(r->s, item->index);

	item_end(r, item);
	if (w == NULL)
		return;
	w->no |= UINT32_C(1) << r->at;
	r->s->doubt = true;
	if (w->state == CDX_X_FLY && w->flying == 0)
		cdx_xwant_set(w, CDX_X_NEED);
}

static int on_absent(void *arg, uint32_t index)
{
	struct cdx_xrequest *r = arg;
	struct cdx_xitem *item = item_of(r, index);

	if (item == NULL)
		return lie(r, "a word about a block that was not asked for");
	not_there(r, item);
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
	struct cdx_xrequest *r = arg;
	uint64_t now = cdx_clock_mono_ns();
	int rc;

	if (r->first == 0) {
		r->first = now;
		r->peer->rtt_ns = now - r->began;
	}
	cdx_xpeer_bytes(r->peer, len, now);
	rc = cdx_wire_read(r->wire, p, len);
	if (r->lie != NULL)
		return CDX_E_FORMAT;
	if (rc == CDX_E_FORMAT)
		r->lie = "what is no stream of blocks";
	return rc;
}

/* ---- its end ---- */

/* Frees it; what has not come is needed again, or was said not to be there. */
static void request_end(struct cdx_xrequest *r, bool absent)
{
	struct cdx_xsession *s = r->s;

	if (r->left > 0)
		s->doubt = true;
	for (unsigned i = 0; i < r->n; i++) {
		struct cdx_xitem *item = &r->item[i];
		struct cdx_xwant *w;

		if (item->ended)
			continue;
		if (absent) {
			not_there(r, item);
			continue;
		}
		item_end(r, item);
		w = cdx_xwant_get(s, item->index);
		if (w != NULL && w->state == CDX_X_FLY && w->flying == 0)
			cdx_xwant_set(w, CDX_X_NEED);
	}
	cdx_list_del(&r->node);
	unreserve(r, r->reserved);
	cdx_xpeer_end(r->peer, cdx_clock_mono_ns());
	s->ex->inflight--;
	r->peer->users--;
	cdx_xblock_put(r->arriving);
	cdx_xpage_put(r->page);
	cdx_wire_reader_free(r->wire);
	cdx_xsession_kick(s);
	free(r);
}

void cdx_xrequest_cancel(struct cdx_xrequest *r)
{
	cdx_http_cancel(r->transfer);
	request_end(r, false);
}

static void refused(struct cdx_xrequest *r, const struct cdx_http_res *res)
{
	struct cdx_exchange *ex = r->s->ex;
	unsigned rest = 0;

	if (res->status == 404) {
		/* it is alive, and has not got the dataset (any more) */
		r->s->source[r->at].gone_until =
			cdx_clock_mono_ns() + CDX_X_IDLE_S * CDX_X_NS_S;
		return;
	}
	if (res->status == 503 || res->status == 429)
		rest = res->retry_after_s > 0 ? res->retry_after_s : 1;
	cdx_xpeer_failed(ex, r->peer, rest);
}

static void on_end(void *arg, int err, const struct cdx_http_res *res,
		   const char *why)
{
	struct cdx_xrequest *r = arg;
	struct cdx_exchange *ex = r->s->ex;
	bool absent = false;

	r->transfer = NULL;
	if (r->lie != NULL) {
		cdx_xpeer_lied(ex, r->peer, r, r->lie);
	} else if (err == -EMSGSIZE) {
		cdx_xpeer_lied(ex, r->peer, r, "more than was asked for");
	} else if (err == -ENOMEM) {
		/* ours, not theirs */
		r->peer->rest_until = cdx_clock_mono_ns() + CDX_X_NS_S;
	} else if (err != 0) {
		char name[CDX_X_NAME_MAX];

		if (err == -ETIMEDOUT)
			cdx_xcount(ex, timeouts);
		cdx_xpeer_name(name, r->peer);
		cdx_log(ex->log, DEBUG, "exchange", "%s: %s", name,
			why[0] ? why : cdx_strerror(err));
		/* one that gives something each time is not left for long */
		if (r->left < r->n)
			cdx_xpeer_worked(r->peer);
		cdx_xpeer_failed(ex, r->peer, 0);
	} else if (res->status < 200 || res->status > 299) {
		refused(r, res);
	} else if (!cdx_wire_ended(r->wire)) {
		cdx_xpeer_failed(ex, r->peer, 0);
	} else {
		cdx_xpeer_worked(r->peer);
		absent = true;
	}
	request_end(r, absent);
}

/* ---- its beginning ---- */

/* @n wants by index as ranges; how many of the wants fit */
static unsigned make_ranges(struct cdx_range *range, unsigned *n_ranges,
			    struct cdx_xwant *const *want, unsigned n)
{
	unsigned ranges = 0;
	unsigned i;

	for (i = 0; i < n; i++) {
		uint32_t index = want[i]->index;

		if (ranges > 0 && range[ranges - 1].last + 1 == index) {
			range[ranges - 1].last = index;
			continue;
		}
		if (ranges == CDX_WIRE_RANGES_MAX)
			break;
		range[ranges].first = index;
		range[ranges++].last = index;
	}
	*n_ranges = ranges;
	return i;
}

static int send(struct cdx_xrequest *r, const struct cdx_range *range,
		unsigned n_ranges, bool pages)
{
	char ranges[24 * CDX_WIRE_RANGES_MAX + 1];
	char cid[CDX_CID_TEXT_MAX];
	char base[CDX_MADDR_TEXT_MAX];
	char url[URL_MAX];
	struct cdx_http_req req = {
		.method = "GET",
		.url = url,
		.connect_ms = CDX_X_CONNECT_MS,
		.idle_ms = CDX_X_SILENT_MS,
		.data = on_data,
		.tls_key = cdx_xpeer_tls(r->peer),
	};

	cdx_wire_ranges_text(ranges, range, n_ranges);
	cdx_cid_text(cid, &r->s->cid);
	cdx_xpeer_url(base, r->peer);
	(void)snprintf(url, sizeof(url),
		       "%s/codex/v1/datasets/%s/blocks?r=%s%s", base, cid,
		       ranges, pages ? "" : "&p=0");
	req.max_body = CDX_X_STREAM_ROOM +
		       (size_t)r->n * (CDX_WIRE_BLOCK_HEAD + block_size(r)) +
		       (size_t)2 * n_ranges * CDX_WIRE_PAGE_MAX +
		       (size_t)(r->n / CDX_TREE_PAGE) * CDX_WIRE_PAGE_MAX;
	return cdx_http_start(r->s->ex->http, &r->transfer, &req, on_end, r);
}

int cdx_xrequest_start(struct cdx_xsession *s, unsigned at,
		       struct cdx_xwant *const *want, unsigned n, bool hedge)
{
	struct cdx_range range[CDX_WIRE_RANGES_MAX];
	struct cdx_exchange *ex = s->ex;
	struct cdx_xrequest *r;
	unsigned n_ranges;
	bool pages = false;
	int rc;

	n = make_ranges(range, &n_ranges, want, n);
	r = calloc(1, sizeof(*r) + n * sizeof(r->item[0]));
	if (r == NULL)
		return -ENOMEM;
	r->s = s;
	r->at = at;
	r->peer = s->source[at].peer;
	r->n = n;
	r->left = n;
	r->hedge = hedge;
	r->began = cdx_clock_mono_ns();
	for (unsigned i = 0; i < n; i++) {
		r->item[i].index = want[i]->index;
		r->item[i].serial = want[i]->serial;
		if (!cdx_xwant_leaf(want[i]))
			pages = true;
	}
	rc = cdx_wire_reader_new(&r->wire, block_size(r), &events, r);
	if (rc == 0)
		rc = send(r, range, n_ranges, pages);
	if (rc != 0) {
		cdx_wire_reader_free(r->wire);
		free(r);
		return rc;
	}
	for (unsigned i = 0; i < n; i++) {
		want[i]->flying++;
		if (want[i]->state == CDX_X_NEED)
			cdx_xwant_set(want[i], CDX_X_FLY);
	}
	r->reserved = n;
	atomic_fetch_add_explicit(&ex->reserved, (size_t)n * block_size(r),
				  memory_order_relaxed);
	cdx_xpeer_begin(r->peer, r->began);
	r->peer->users++;
	ex->inflight++;
	cdx_xcount(ex, requests);
	if (hedge)
		cdx_xcount(ex, hedged);
	cdx_list_add_tail(&s->requests, &r->node);
	return 0;
}
