/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "exchange/internal.h"

/* Who is asked for what, and when a block is given up. */

/* What a peer is asked for at once, of what it gives in a second: this part */
#define PART_OF_S 8u
/* ... and of one that was never asked */
#define FIRST_BYTES (1u << 20)
/* Of the memory for blocks one request takes this part at most */
#define PART_OF_MEMORY 8u
/* Requests for fewer are not worth their overhead */
#define MIN_BLOCKS 4u
/* Failures in a row after which nobody waits for a peer who could be done
 * without */
#define FAILS_GONE 3u
/* Wants that are looked at for one request */
#define SCAN_MAX 2048u
/* Wants that are given up in one turn */
#define LOST_MAX 64u

/* ---- memory ---- */

static size_t memory_free(struct cdx_exchange *ex)
{
	size_t used = atomic_load_explicit(&ex->used, memory_order_relaxed) +
		      atomic_load_explicit(&ex->reserved, memory_order_relaxed);

	return used < ex->memory ? ex->memory - used : 0;
}

unsigned cdx_xmemory_room(struct cdx_exchange *ex, unsigned n, uint32_t size,
			  bool demand)
{
	size_t room = memory_free(ex);

	if (demand && room < (size_t)n * size) {
		cdx_list_foreach_safe(pos, tmp, &ex->ready) {
			struct cdx_xwant *w =
				cdx_list_entry(pos, struct cdx_xwant, node);

			if (room >= (size_t)n * size)
				break;
			/* somebody is being served from it */
			if (!cdx_list_empty(&w->waiters))
				continue;
			cdx_xwant_free(w);
			room = memory_free(ex);
		}
	}
	if (room / size >= n)
		return n;
	if (room / size > 0)
		return (unsigned)(room / size);
	/* something always moves */
	return demand && ex->inflight == 0 &&
			       atomic_load_explicit(&ex->reserved,
						    memory_order_relaxed) == 0
		       ? 1
		       : 0;
}

/* ---- who ---- */

static bool holds(const struct cdx_xsession *s, const struct cdx_xsource *src,
		  uint32_t index)
{
	uint64_t slot;

	if (src->holding != CDX_HOLDS_SLOTS || !s->set->stepped)
		return src->holding != CDX_HOLDS_NOTHING;
	slot = index / s->set->g.steps;
	return slot < 256 && (src->slots.b[slot / 8] >> (slot % 8) & 1) != 0;
}

/* Whose leaf is not known is asked for also where it cannot be: the page comes
 * with the word that it is not there, and what is decoded needs its leaf. */
bool cdx_xsource_may(const struct cdx_xsession *s, unsigned at,
		     struct cdx_xwant *w)
{
	return (w->no >> at & 1) == 0 &&
	       (holds(s, &s->source[at], w->index) || !cdx_xwant_leaf(w));
}

/* Not a liar, and it has not said that it has nothing of it */
static bool alive(const struct cdx_xsource *src, uint64_t now)
{
	return !cdx_xpeer_out(src->peer, now) && src->gone_until <= now;
}

static bool ready(const struct cdx_xsource *src, uint64_t now)
{
	return alive(src, now) && src->peer->rest_until <= now &&
	       src->peer->inflight < CDX_X_REQUESTS;
}

/* ---- how much ---- */

static uint64_t quantum(const struct cdx_xsession *s, const struct cdx_xpeer *p)
{
	uint32_t size = s->set->manifest.block_size;
	uint64_t bytes = p->rate != 0 ? p->rate / PART_OF_S : FIRST_BYTES;
	uint64_t n;

	if (bytes > s->ex->memory / PART_OF_MEMORY)
		bytes = s->ex->memory / PART_OF_MEMORY;
	n = bytes / size;
	if (n < 1)
		return 1;
	return n < CDX_X_REQUEST_BLOCKS ? n : CDX_X_REQUEST_BLOCKS;
}

/* What is needed is divided among those who can be asked, by their rates, and
 * each one's part among its connections: nobody is left with all of the rest. */
static uint64_t share(const struct cdx_xsession *s, const struct cdx_xpeer *p,
		      uint64_t now)
{
	uint64_t rates = 0;
	uint64_t mine = p->rate != 0 ? p->rate : 1;
	uint64_t n;

	for (unsigned i = 0; i < s->n_sources; i++) {
		const struct cdx_xpeer *other = s->source[i].peer;

		if (ready(&s->source[i], now))
			rates += other->rate != 0 ? other->rate : mine;
	}
	if (rates == 0)
		rates = mine;
	n = (uint64_t)((double)s->needed * (double)mine / (double)rates) /
		    (CDX_X_REQUESTS - p->inflight) +
	    1;
	return n > MIN_BLOCKS ? n : MIN_BLOCKS;
}

static int by_index(const void *a, const void *b)
{
	const struct cdx_xwant *const *x = a;
	const struct cdx_xwant *const *y = b;

	return ((*x)->index > (*y)->index) - ((*x)->index < (*y)->index);
}

static unsigned take(struct cdx_xsession *s, unsigned at,
		     struct cdx_list *queue, struct cdx_xwant **want,
		     unsigned n, unsigned max)
{
	unsigned seen = 0;

	cdx_list_foreach(pos, queue) {
		struct cdx_xwant *w =
			cdx_list_entry(pos, struct cdx_xwant, node);

		if (n >= max || ++seen > SCAN_MAX)
			break;
		if (cdx_xsource_may(s, at, w))
			want[n++] = w;
	}
	return n;
}

/* One request to one source; false: there is nothing to ask it for */
static bool assign(struct cdx_xsession *s, unsigned at, uint64_t now)
{
	struct cdx_xwant *want[CDX_X_REQUEST_BLOCKS];
	struct cdx_xpeer *p = s->source[at].peer;
	uint64_t max = quantum(s, p);
	uint64_t part = share(s, p, now);
	uint32_t size = s->set->manifest.block_size;
	unsigned n = 0;

	if (max > part)
		max = part;
	if (!cdx_list_empty(&s->demand))
		n = take(s, at, &s->demand, want, 0,
			 cdx_xmemory_room(s->ex, (unsigned)max, size, true));
	if (n < max)
		n = take(s, at, &s->ahead, want, n,
			 cdx_xmemory_room(s->ex, (unsigned)max, size, false));
	if (n == 0)
		return false;
	qsort(want, n, sizeof(want[0]), by_index);
	return cdx_xrequest_start(s, at, want, n, false) == 0;
}

/* The source that should have the next request: the fewest in flight, then the
 * fastest */
static int best(const struct cdx_xsession *s, uint32_t tried, uint64_t now)
{
	int at = -1;

	for (unsigned i = 0; i < s->n_sources; i++) {
		const struct cdx_xpeer *p = s->source[i].peer;
		const struct cdx_xpeer *q;

		if ((tried >> i & 1) != 0 || !ready(&s->source[i], now))
			continue;
		if (at < 0) {
			at = (int)i;
			continue;
		}
		q = s->source[at].peer;
		if (p->inflight < q->inflight ||
		    (p->inflight == q->inflight && p->rate > q->rate))
			at = (int)i;
	}
	return at;
}

static void ask(struct cdx_xsession *s, uint64_t now)
{
	uint32_t tried = 0;
	int at;

	while (s->needed > 0 && (at = best(s, tried, now)) >= 0) {
		if (!assign(s, (unsigned)at, now))
			tried |= UINT32_C(1) << at;
	}
}

/* ---- giving up ---- */

enum hope {
	HOPE_SOON,  /* somebody has it, or is being searched */
	HOPE_LATER, /* only peers that have failed again and again */
	HOPE_NONE,
};

/* Nobody waits for a peer that has failed, where others can make up for it. */
static unsigned fails_max(const struct cdx_xsession *s)
{
	return s->set->codable ? 1 : FAILS_GONE;
}

static enum hope hope(struct cdx_xsession *s, struct cdx_xwant *w, uint64_t now)
{
	bool later = false;

	for (unsigned i = 0; i < s->n_sources; i++) {
		const struct cdx_xsource *src = &s->source[i];

		if (!alive(src, now) || !cdx_xsource_may(s, i, w))
			continue;
		if (src->peer->fails < fails_max(s))
			return HOPE_SOON;
		later = true;
	}
	cdx_xsession_find(s);
	if (!cdx_xsession_found(s, w->since))
		return HOPE_SOON;
	return later ? HOPE_LATER : HOPE_NONE;
}

/* What can be had from nobody is made from others of its step, or given up. */
static void give_up(struct cdx_xwant *w, enum hope h, uint64_t now)
{
	if (cdx_xdecode_can(w) && w->not_before <= now) {
		/* otherwise it goes on waiting, for room or memory */
		(void)!cdx_xdecode_start(w);
		return;
	}
	if (h == HOPE_NONE && w->not_before <= now)
		cdx_xwant_failed(w, -ENODATA);
	else if (w->part)
		cdx_xdecode_disappoint(w, true);
}

/* What still waits after that gives way to others, or they would never be looked
 * at; a part that no step counts on any more goes. */
static void set_aside(struct cdx_xsession *s, uint32_t index, uint64_t serial)
{
	struct cdx_xwant *w = cdx_xwant_get(s, index);

	if (w == NULL || w->serial != serial || w->state != CDX_X_NEED)
		return;
	if (w->part && cdx_list_empty(&w->waiters)) {
		cdx_xwant_free(w);
		return;
	}
	cdx_list_del(&w->node);
	cdx_list_add_tail(w->demand ? &s->demand : &s->ahead, &w->node);
}

static void stuck(struct cdx_xsession *s, struct cdx_list *queue, uint64_t now)
{
	struct cdx_xwant *lost[LOST_MAX];
	uint64_t serial[LOST_MAX];
	uint32_t index[LOST_MAX];
	unsigned n = 0;
	unsigned seen = 0;

	cdx_list_foreach(pos, queue) {
		struct cdx_xwant *w =
			cdx_list_entry(pos, struct cdx_xwant, node);

		if (n == LOST_MAX || ++seen > SCAN_MAX)
			break;
		if (hope(s, w, now) == HOPE_SOON)
			continue;
		lost[n] = w;
		serial[n] = w->serial;
		index[n++] = w->index;
	}
	/* each may take others along */
	for (unsigned i = 0; i < n; i++) {
		struct cdx_xwant *w = cdx_xwant_get(s, index[i]);

		if (w != lost[i] || w->serial != serial[i] ||
		    w->state != CDX_X_NEED)
			continue;
		give_up(w, hope(s, w, now), now);
		set_aside(s, index[i], serial[i]);
	}
}

/* ---- the end of it ---- */

static bool late(const struct cdx_xrequest *r, uint64_t now)
{
	const struct cdx_xpeer *p = r->peer;
	uint64_t size = (uint64_t)r->n * r->s->set->manifest.block_size;
	uint64_t need;

	if (p->rate == 0)
		return now - r->began > CDX_X_NS_S;
	need = size * 1000 / p->rate * p->inflight * CDX_X_NS_MS + p->rtt_ns;
	return now - r->began > 2 * need + 2 * CDX_X_TICK_MS * CDX_X_NS_MS;
}

/* Somebody with nothing to do, who would have given what is left by now */
static int helper(const struct cdx_xrequest *r, uint64_t now)
{
	const struct cdx_xsession *s = r->s;
	uint64_t size = (uint64_t)r->left * s->set->manifest.block_size;
	int at = -1;

	for (unsigned i = 0; i < s->n_sources; i++) {
		const struct cdx_xpeer *p = s->source[i].peer;

		if (i == r->at || !ready(&s->source[i], now) || p->inflight > 0)
			continue;
		if (p->rate != 0 &&
		    size * 1000 / p->rate * CDX_X_NS_MS + p->rtt_ns >
			    now - r->began)
			continue;
		if (at < 0 || p->rate > s->source[at].peer->rate)
			at = (int)i;
	}
	return at;
}

static void hedge(struct cdx_xrequest *r, unsigned at)
{
	struct cdx_xwant *want[CDX_X_REQUEST_BLOCKS];
	struct cdx_xsession *s = r->s;
	unsigned n = 0;

	for (unsigned i = 0; i < r->n && n < CDX_X_REQUEST_BLOCKS; i++) {
		struct cdx_xwant *w = cdx_xwant_get(s, r->item[i].index);

		if (!r->item[i].ended && w != NULL && w->state == CDX_X_FLY &&
		    w->flying == 1 && cdx_xsource_may(s, at, w))
			want[n++] = w;
	}
	n = cdx_xmemory_room(s->ex, n, s->set->manifest.block_size, true);
	if (n > 0 && cdx_xrequest_start(s, at, want, n, true) == 0)
		r->hedged = true;
}

void cdx_xhedge(struct cdx_xsession *s, uint64_t now)
{
	if (s->needed > 0)
		return;
	cdx_list_foreach_safe(pos, tmp, &s->requests) {
		struct cdx_xrequest *r =
			cdx_list_entry(pos, struct cdx_xrequest, node);
		bool useful = false;
		int at;

		for (unsigned i = 0; i < r->n && !useful; i++) {
			struct cdx_xwant *w =
				cdx_xwant_get(s, r->item[i].index);

			useful = !r->item[i].ended && w != NULL &&
				 w->serial == r->item[i].serial &&
				 w->state == CDX_X_FLY;
		}
		if (!useful && r->left > 0) {
			/* others were faster with all that is left of it */
			cdx_xrequest_cancel(r);
			continue;
		}
		if (r->hedge || r->hedged || !late(r, now))
			continue;
		at = helper(r, now);
		if (at >= 0)
			hedge(r, (unsigned)at);
	}
}

void cdx_xsession_pump(struct cdx_xsession *s)
{
	uint64_t now = cdx_clock_mono_ns();

	cdx_xverify_flush(s);
	if (s->set == NULL) {
		cdx_xopen_pump(s);
		return;
	}
	cdx_xlook_pump(s);
	if (s->needed == 0)
		return;
	if (s->n_sources == 0) {
		cdx_xsession_find(s);
		s->doubt = true;
	}
	ask(s, now);
	if (s->needed > 0 && s->doubt) {
		s->doubt = false;
		stuck(s, &s->demand, now);
		stuck(s, &s->ahead, now);
	}
}
