/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/await.h"
#include "base/clock.h"
#include "exchange/internal.h"
#include "store/cache.h"
#include "store/leaf_page.h"

/* The exchange as a whole: its beginning and end, its clock, its figures. */

#define MEMORY (64u << 20)
#define BLOCK_MS 60000u
#define FIND_MS 10000u
#define LIE_S 3600u
/* Bytes of roots of pages that are kept */
#define LEAVES (1u << 20)

/* Is there a share for what is fetched?  It may be resized at any time. */
static void look_at_share(struct cdx_exchange *ex)
{
	struct cdx_cache_stats stats;

	cdx_cache_stats(ex->store, &stats);
	atomic_store_explicit(&ex->caching, stats.limit > 0,
			      memory_order_relaxed);
}

static void pump_dirty(struct cdx_exchange *ex)
{
	while (!cdx_list_empty(&ex->dirty)) {
		struct cdx_xsession *s = cdx_list_entry(
			ex->dirty.next, struct cdx_xsession, dirty_node);

		cdx_list_del(&s->dirty_node);
		s->dirty = false;
		cdx_xsession_pump(s);
	}
}

static void on_mail(void *arg, int fd, uint32_t events)
{
	struct cdx_exchange *ex = arg;

	(void)fd;
	(void)events;
	(void)cdx_xbox_run(ex, false);
	pump_dirty(ex);
}

static void on_tick(void *arg)
{
	struct cdx_exchange *ex = arg;
	uint64_t now = cdx_clock_mono_ns();

	look_at_share(ex);
	cdx_list_foreach_safe(pos, tmp, &ex->ops) {
		struct cdx_op *op = cdx_list_entry(pos, struct cdx_op, node);

		if (op->deadline <= now)
			cdx_xop_end(ex, op, -ETIMEDOUT);
		else if (op->poll != NULL)
			op->poll(ex, op);
	}
	cdx_list_foreach_safe(pos, tmp, &ex->sessions)
		cdx_xsession_tick(
			cdx_list_entry(pos, struct cdx_xsession, node), now);
	pump_dirty(ex);
}

static void set_up(struct cdx_exchange *ex,
		   const struct cdx_exchange_opts *opts)
{
	ex->loop = opts->loop;
	ex->http = opts->http;
	ex->pool = opts->pool;
	ex->store = opts->store;
	ex->discovery = opts->discovery;
	ex->log = opts->log;
	ex->id = opts->who->id;
	ex->network = opts->who->network;
	ex->memory = opts->memory != 0 ? opts->memory : MEMORY;
	ex->block_ms = opts->block_ms != 0 ? opts->block_ms : BLOCK_MS;
	ex->find_ms = opts->find_ms != 0 ? opts->find_ms : FIND_MS;
	ex->lie_s = opts->lie_s != 0 ? opts->lie_s : LIE_S;
	cdx_xspare_init(&ex->spare);
	cdx_list_init(&ex->ops);
	cdx_list_init(&ex->sessions);
	cdx_list_init(&ex->dirty);
	cdx_list_init(&ex->ready);
	cdx_list_init(&ex->peers);
}

int cdx_exchange_new(struct cdx_exchange **out,
		     const struct cdx_exchange_opts *opts)
{
	struct cdx_exchange *ex = calloc(1, sizeof(*ex));
	int rc;

	*out = NULL;
	if (ex == NULL)
		return -ENOMEM;
	set_up(ex, opts);
	look_at_share(ex);
	rc = cdx_leaf_pages_new(&ex->leaves, ex->store, LEAVES);
	if (rc == 0)
		rc = cdx_xbox_new(&ex->box, ex);
	if (rc == 0)
		rc = cdx_loop_io_add(ex->loop, &ex->io, ex->box->fd, EPOLLIN,
				     on_mail, ex);
	if (rc == 0)
		rc = cdx_loop_timer_add(ex->loop, &ex->tick,
					CDX_X_TICK_MS * CDX_X_NS_MS,
					CDX_X_TICK_MS * CDX_X_NS_MS, on_tick,
					ex);
	if (rc != 0) {
		cdx_exchange_free(ex);
		return rc;
	}
	*out = ex;
	return 0;
}

/* Ends what users and others have under way, and waits for the pool.  Work that
 * ends may begin other work, but no call of a user comes any more. */
static void end_all(struct cdx_exchange *ex)
{
	cdx_xbox_close(ex->box);
	ex->closing = true;
	do {
		while (!cdx_list_empty(&ex->ops))
			cdx_xop_end(ex,
				    cdx_list_entry(ex->ops.next, struct cdx_op,
						   node),
				    -ECANCELED);
		cdx_list_foreach(pos, &ex->sessions) {
			struct cdx_xsession *s =
				cdx_list_entry(pos, struct cdx_xsession, node);

			cdx_xopen_cancel(s);
			cdx_xverify_flush(s);
			while (!cdx_list_empty(&s->requests))
				cdx_xrequest_cancel(cdx_list_entry(
					s->requests.next, struct cdx_xrequest,
					node));
		}
	} while (cdx_xbox_run(ex, ex->jobs > 0) || ex->jobs > 0);
}

void cdx_exchange_free(struct cdx_exchange *ex)
{
	if (ex == NULL)
		return;
	if (ex->box != NULL)
		end_all(ex);
	while (!cdx_list_empty(&ex->sessions))
		cdx_xsession_free(cdx_list_entry(ex->sessions.next,
						 struct cdx_xsession, node));
	while (!cdx_list_empty(&ex->peers))
		cdx_xpeer_free(
			cdx_list_entry(ex->peers.next, struct cdx_xpeer, node));
	cdx_loop_timer_del(ex->tick);
	cdx_loop_io_del(ex->io);
	cdx_xbox_put(ex->box);
	cdx_leaf_pages_free(ex->leaves);
	cdx_xspare_fini(&ex->spare);
	free(ex);
}

/* ---- figures ---- */

struct peers_call {
	struct cdx_exchange *ex;
	struct cdx_peer_info *out;
	unsigned max;
	unsigned n;
};

static uint32_t seconds_left(uint64_t until, uint64_t now)
{
	uint64_t s = until > now ? (until - now) / CDX_X_NS_S + 1 : 0;

	return s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

static void peer_info(struct cdx_peer_info *out, const struct cdx_xpeer *p,
		      uint64_t now)
{
	uint64_t until =
		p->out_until > p->rest_until ? p->out_until : p->rest_until;

	memset(out, 0, sizeof(*out));
	out->id = p->id;
	out->has_id = p->has_id;
	out->addr = p->addr[p->at];
	out->bytes = p->bytes;
	out->blocks = p->blocks;
	out->rate = p->rate;
	out->rtt_us = (uint32_t)(p->rtt_ns / 1000);
	out->failures = p->failures;
	out->lies = p->lies;
	out->inflight = p->inflight;
	out->out_s = seconds_left(until, now);
	out->kept = p->known;
}

static void list_peers(void *arg, struct cdx_await *a)
{
	struct peers_call *c = arg;
	uint64_t now = cdx_clock_mono_ns();

	cdx_list_foreach(pos, &c->ex->peers) {
		if (c->n < c->max)
			peer_info(&c->out[c->n],
				  cdx_list_entry(pos, struct cdx_xpeer, node),
				  now);
		c->n++;
	}
	cdx_await_done(a, 0);
}

unsigned cdx_exchange_peers(struct cdx_exchange *ex, struct cdx_peer_info *out,
			    unsigned max)
{
	struct peers_call c = {.ex = ex, .out = out, .max = max};

	return cdx_await(ex->loop, list_peers, &c) == 0 ? c.n : 0;
}

void cdx_exchange_stats(struct cdx_exchange *ex, struct cdx_exchange_stats *out)
{
	struct cdx_xcounts *c = &ex->count;

	memset(out, 0, sizeof(*out));
	out->blocks_received = atomic_load(&c->blocks);
	out->bytes_received = atomic_load(&c->bytes);
	out->spurious = atomic_load(&c->spurious);
	out->bad = atomic_load(&c->bad);
	out->requests = atomic_load(&c->requests);
	out->failed = atomic_load(&c->failed);
	out->timeouts = atomic_load(&c->timeouts);
	out->hedged = atomic_load(&c->hedged);
	out->degraded = atomic_load(&c->degraded);
	out->finds = atomic_load(&c->finds);
	out->wait_us = atomic_load(&c->wait_us);
	out->memory = atomic_load(&ex->used) + atomic_load(&ex->reserved);
	out->pending = atomic_load(&c->pending);
	out->sessions = atomic_load(&c->sessions);
	out->peers = atomic_load(&c->peers);
}
