/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/internal.h"

/* One dataset that somebody uses: who has it, what is wanted of it. */

/* A search is not made again sooner */
#define FIND_AGAIN_S 10u

static struct cdx_xsession *find_session(struct cdx_exchange *ex,
					 const struct cdx_cid *cid)
{
	cdx_list_foreach(pos, &ex->sessions) {
		struct cdx_xsession *s =
			cdx_list_entry(pos, struct cdx_xsession, node);

		if (cdx_cid_equal(&s->cid, cid))
			return s;
	}
	return NULL;
}

/* Makes room: the session that was used least recently, and has no users. */
static void drop_one(struct cdx_exchange *ex)
{
	struct cdx_xsession *oldest = NULL;

	cdx_list_foreach(pos, &ex->sessions) {
		struct cdx_xsession *s =
			cdx_list_entry(pos, struct cdx_xsession, node);

		if (s->users == 0 &&
		    (oldest == NULL || s->used_at < oldest->used_at))
			oldest = s;
	}
	if (oldest != NULL)
		cdx_xsession_free(oldest);
}

int cdx_xsession_get(struct cdx_exchange *ex, struct cdx_xsession **out,
		     const struct cdx_cid *cid)
{
	struct cdx_xsession *s = find_session(ex, cid);

	*out = s;
	if (s != NULL)
		return 0;
	if (atomic_load(&ex->count.sessions) >= CDX_X_SESSIONS_MAX)
		drop_one(ex);
	if (atomic_load(&ex->count.sessions) >= CDX_X_SESSIONS_MAX)
		return -EAGAIN;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->ex = ex;
	s->cid = *cid;
	s->used_at = cdx_clock_mono_ns();
	cdx_list_init(&s->dirty_node);
	cdx_list_init(&s->openers);
	cdx_list_init(&s->asks);
	cdx_list_init(&s->fresh);
	cdx_list_init(&s->fresh_ahead);
	cdx_list_init(&s->demand);
	cdx_list_init(&s->ahead);
	cdx_list_init(&s->page_use);
	cdx_list_init(&s->requests);
	cdx_list_init(&s->decodes);
	cdx_list_add_tail(&ex->sessions, &s->node);
	atomic_fetch_add(&ex->count.sessions, 1);
	*out = s;
	return 0;
}

static void free_wants(struct cdx_xsession *s)
{
	uint64_t index;
	size_t pos = 0;
	void *val;

	/* one at a time: each may take others along */
	while (cdx_map_next(&s->wants, &pos, &index, &val)) {
		cdx_xwant_failed(val, -ECANCELED);
		pos = 0;
	}
}

void cdx_xsession_free(struct cdx_xsession *s)
{
	cdx_find_cancel(s->find);
	cdx_xopen_cancel(s);
	while (!cdx_list_empty(&s->requests))
		cdx_xrequest_cancel(cdx_list_entry(s->requests.next,
						   struct cdx_xrequest, node));
	free_wants(s);
	cdx_list_foreach_safe(pos, tmp, &s->page_use)
		cdx_xpage_put(cdx_list_entry(pos, struct cdx_xpage, node));
	for (unsigned i = 0; i < s->n_sources; i++)
		s->source[i].peer->users--;
	cdx_map_free(&s->wants);
	cdx_map_free(&s->pages);
	cdx_list_del(&s->dirty_node);
	cdx_list_del(&s->node);
	atomic_fetch_sub(&s->ex->count.sessions, 1);
	cdx_xset_put(s->set);
	free(s);
}

void cdx_xsession_use(struct cdx_xsession *s)
{
	s->users++;
}

void cdx_xsession_unuse(struct cdx_xsession *s)
{
	s->users--;
	s->used_at = cdx_clock_mono_ns();
}

void cdx_xsession_kick(struct cdx_xsession *s)
{
	if (s->dirty)
		return;
	s->dirty = true;
	cdx_list_add_tail(&s->ex->dirty, &s->dirty_node);
	cdx_xbox_wake(s->ex->box);
}

/* ---- pages ---- */

struct cdx_xpage *cdx_xsession_page(struct cdx_xsession *s, uint32_t page)
{
	struct cdx_xpage *p = cdx_map_get(&s->pages, page);

	if (p == NULL)
		return NULL;
	cdx_list_del(&p->node);
	cdx_list_add_tail(&s->page_use, &p->node);
	return p;
}

void cdx_xsession_page_add(struct cdx_xsession *s, struct cdx_xpage *p)
{
	if (cdx_map_get(&s->pages, p->p.page) != NULL ||
	    cdx_map_put(&s->pages, p->p.page, p) != 0) {
		cdx_xpage_put(p);
		return;
	}
	cdx_list_add_tail(&s->page_use, &p->node);
	if (s->pages.len > CDX_X_PAGES) {
		struct cdx_xpage *old = cdx_list_entry(s->page_use.next,
						       struct cdx_xpage, node);

		(void)cdx_map_del(&s->pages, old->p.page);
		cdx_list_del(&old->node);
		cdx_xpage_put(old);
	}
}

/* ---- sources ---- */

static int free_place(struct cdx_xsession *s)
{
	uint64_t now = cdx_clock_mono_ns();

	if (s->n_sources < CDX_X_SESSION_PEERS)
		return (int)s->n_sources++;
	/* a liar's, for good: his bit is in no want that matters */
	for (unsigned i = 0; i < s->n_sources; i++) {
		struct cdx_xsource *src = &s->source[i];

		if (cdx_xpeer_out(src->peer, now) && src->peer->inflight == 0 &&
		    !src->asking) {
			src->peer->users--;
			return (int)i;
		}
	}
	return -ENOSPC;
}

/* A bit that means another peer now is forgotten. */
static void clear_bit(struct cdx_xsession *s, unsigned at)
{
	uint64_t index;
	size_t pos = 0;
	void *val;

	while (cdx_map_next(&s->wants, &pos, &index, &val))
		((struct cdx_xwant *)val)->no &= ~(UINT32_C(1) << at);
}

static int place_of(const struct cdx_xsession *s, const struct cdx_xpeer *p)
{
	for (unsigned i = 0; i < s->n_sources; i++) {
		if (s->source[i].peer == p)
			return (int)i;
	}
	return -ENOENT;
}

int cdx_xsession_source(struct cdx_xsession *s, struct cdx_xpeer *p,
			enum cdx_holding holding,
			const struct cdx_slot_set *slots)
{
	struct cdx_xsource *src;
	int at = place_of(s, p);

	if (at < 0) {
		at = free_place(s);
		if (at < 0)
			return at;
		memset(&s->source[at], 0, sizeof(s->source[at]));
		clear_bit(s, (unsigned)at);
		s->source[at].peer = p;
		p->users++;
	}
	src = &s->source[at];
	src->holding = holding;
	if (slots != NULL)
		src->slots = *slots;
	if (holding == CDX_HOLDS_NOTHING)
		src->gone_until = UINT64_MAX;
	else
		/* who announces it now may have got it since he said no */
		src->gone_until = 0;
	cdx_xsession_kick(s);
	return at;
}

static void on_found(void *arg, const struct cdx_provider_record *r)
{
	struct cdx_xsession *s = arg;
	struct cdx_xpeer *p;

	if (r == NULL) {
		s->find = NULL;
		s->find_tree =
			!s->find_tree && s->set != NULL && s->n_sources == 0;
		if (!s->find_tree)
			s->found_at = cdx_clock_mono_ns();
		else
			cdx_xsession_find(s);
		s->doubt = true;
		cdx_xsession_kick(s);
		return;
	}
	p = cdx_xpeer_of(s->ex, r);
	if (p != NULL)
		(void)cdx_xsession_source(s, p, r->holding, &r->slots);
}

static void add_known(struct cdx_xsession *s)
{
	cdx_list_foreach(pos, &s->ex->peers) {
		struct cdx_xpeer *p =
			cdx_list_entry(pos, struct cdx_xpeer, node);

		if (p->known && place_of(s, p) < 0)
			(void)cdx_xsession_source(s, p, CDX_HOLDS_SOME, NULL);
	}
}

/* Peers that somebody named first; then whoever announced the manifest, and where
 * it is known its tree (which has other manifests too). */
void cdx_xsession_find(struct cdx_xsession *s)
{
	struct cdx_exchange *ex = s->ex;
	uint64_t now = cdx_clock_mono_ns();

	if (s->find != NULL)
		return;
	add_known(s);
	if (!s->find_tree && s->found_at != 0 &&
	    now - s->found_at < FIND_AGAIN_S * CDX_X_NS_S)
		return;
	if (ex->discovery != NULL) {
		cdx_xcount(ex, finds);
		if (cdx_discovery_find(ex->discovery, &s->find,
				       s->find_tree ? &s->set->manifest.tree
						    : &s->cid,
				       ex->find_ms, on_found, s) == 0)
			return;
	}
	s->find = NULL;
	s->find_tree = false;
	s->found_at = now;
	s->doubt = true;
	cdx_xsession_kick(s);
}

bool cdx_xsession_found(const struct cdx_xsession *s, uint64_t since)
{
	return s->find == NULL && s->found_at != 0 &&
	       s->found_at + FIND_AGAIN_S * CDX_X_NS_S >= since;
}

/* ---- time ---- */

/* Wants that nobody waits for and that nobody answers */
static void drop_stale(struct cdx_xsession *s, struct cdx_list *queue,
		       uint64_t now)
{
	cdx_list_foreach_safe(pos, tmp, queue) {
		struct cdx_xwant *w =
			cdx_list_entry(pos, struct cdx_xwant, node);

		if (cdx_list_empty(&w->waiters) &&
		    (s->users == 0 || now - w->since > 30 * CDX_X_NS_S))
			cdx_xwant_free(w);
	}
}

/* Who was named meanwhile is asked too; and others are searched for when those
 * that are known do not do. */
static void look_around(struct cdx_xsession *s, uint64_t now)
{
	add_known(s);
	for (unsigned i = 0; i < s->n_sources; i++) {
		if (s->source[i].peer->fails == 0 &&
		    !cdx_xpeer_out(s->source[i].peer, now))
			return;
	}
	cdx_xsession_find(s);
}

void cdx_xsession_tick(struct cdx_xsession *s, uint64_t now)
{
	drop_stale(s, &s->demand, now);
	drop_stale(s, &s->ahead, now);
	if (s->users == 0 && now - s->used_at > CDX_X_IDLE_S * CDX_X_NS_S) {
		cdx_xsession_free(s);
		return;
	}
	cdx_xhedge(s, now);
	if (s->needed > 0 && s->set != NULL)
		look_around(s, now);
	s->doubt = true;
	if (s->needed > 0 || !cdx_list_empty(&s->openers))
		cdx_xsession_kick(s);
}
