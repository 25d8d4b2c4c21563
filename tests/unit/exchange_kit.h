/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_EXCHANGE_KIT_H
#define CDX_TESTS_UNIT_EXCHANGE_KIT_H

/* An exchange with a store, a pool and a loop of its own, and providers to fetch
 * from.  Include after cmocka.h, seed.h and store_tmp.h. */

#include <pthread.h>
#include <semaphore.h>

#include "base/await.h"
#include "exchange/exchange.h"
#include "host_kit.h"
#include "store/cache.h"
#include "store/quota.h"

#define XK_SHARE (256u << 20)
#define XK_MS 20000u

struct xk {
	struct tmp_store own;
	struct cdx_loop *loop;
	struct cdx_http *http;
	struct cdx_pool *pool;
	struct cdx_exchange *ex;
	struct cdx_identity who;
	pthread_t thread;
	/* before xk_start */
	struct tmp_store *store; /* NULL: one of its own */
	size_t memory;
	unsigned find_ms;
	unsigned lie_s;
	unsigned threads;
	struct cdx_discovery *discovery;
	/* static peers, who tell what they hold; with them there is a discovery
	 * of its own */
	struct cdx_maddr peer[8];
	unsigned n_peers;
};

static inline void *xk_run(void *arg)
{
	struct xk *k = arg;

	return cdx_loop_run(k->loop) == 0 ? NULL : k;
}

static inline int xk_discovery(struct xk *k)
{
	struct cdx_discovery_opts o = {
		.loop = k->loop,
		.http = k->http,
		.who = &k->who,
		.log = &k->store->log,
		.n_peers = k->n_peers,
	};

	for (unsigned i = 0; i < k->n_peers; i++)
		o.peer[i] = k->peer[i];
	return cdx_discovery_new(&k->discovery, &o);
}

static inline void xk_make(void *arg, struct cdx_await *a)
{
	struct xk *k = arg;
	int rc = k->n_peers > 0 ? xk_discovery(k) : 0;
	const struct cdx_exchange_opts opts = {
		.loop = k->loop,
		.http = k->http,
		.pool = k->pool,
		.store = k->store->s,
		.discovery = k->discovery,
		.who = &k->who,
		.log = &k->store->log,
		.memory = k->memory,
		.block_ms = XK_MS,
		.find_ms = k->find_ms,
		.lie_s = k->lie_s,
	};

	cdx_await_done(a, rc != 0 ? rc : cdx_exchange_new(&k->ex, &opts));
}

static inline void xk_drop(void *arg, struct cdx_await *a)
{
	struct xk *k = arg;

	cdx_exchange_free(k->ex);
	k->ex = NULL;
	if (k->n_peers > 0)
		cdx_discovery_free(k->discovery);
	cdx_await_done(a, 0);
}

static inline void xk_start(struct xk *k)
{
	if (k->store == NULL) {
		k->store = &k->own;
		tmp_store_new(k->store, XK_SHARE);
	}
	assert_int_equal(cdx_loop_new(&k->loop), 0);
	assert_int_equal(cdx_http_new(&k->http, k->loop), 0);
	assert_int_equal(
		cdx_pool_new(&k->pool, k->threads != 0 ? k->threads : 2), 0);
	cdx_seckey_random(&k->who.key);
	assert_int_equal(cdx_seckey_public(k->who.id.b, &k->who.key), 0);
	cdx_network_of(&k->who.network, "codexfs");
	assert_int_equal(pthread_create(&k->thread, NULL, xk_run, k), 0);
	assert_int_equal(cdx_await(k->loop, xk_make, k), 0);
}

static inline void xk_free_exchange(struct xk *k)
{
	if (k->ex != NULL)
		assert_int_equal(cdx_await(k->loop, xk_drop, k), 0);
}

static inline void xk_end(struct xk *k)
{
	void *rc;

	xk_free_exchange(k);
	cdx_loop_stop(k->loop);
	assert_int_equal(pthread_join(k->thread, &rc), 0);
	assert_null(rc);
	cdx_http_free(k->http);
	cdx_loop_free(k->loop);
	cdx_pool_free(k->pool);
	if (k->store == &k->own)
		tmp_store_free(k->store);
	memset(k, 0, sizeof(*k));
}

/* ---- peers ---- */

struct xk_connect {
	sem_t done;
	int rc;
	struct cdx_peer_record r;
	char why[256];
};

static inline void xk_connected(void *arg, int rc,
				const struct cdx_peer_record *r,
				const char *why)
{
	struct xk_connect *c = arg;

	c->rc = rc;
	if (r != NULL)
		c->r = *r;
	(void)snprintf(c->why, sizeof(c->why), "%s", why);
	(void)sem_post(&c->done);
}

static inline int xk_connect(struct xk *k, const struct cdx_maddr *at,
			     const struct cdx_peer_id *expect,
			     struct xk_connect *c)
{
	memset(c, 0, sizeof(*c));
	assert_int_equal(sem_init(&c->done, 0, 0), 0);
	assert_int_equal(cdx_exchange_connect(k->ex, NULL, at, expect,
					      xk_connected, c),
			 0);
	(void)sem_wait(&c->done);
	(void)sem_destroy(&c->done);
	return c->rc;
}

static inline void xk_know(struct xk *k, const struct host *h)
{
	struct xk_connect c;
	struct cdx_maddr at;

	host_addr(h, &at);
	assert_int_equal(xk_connect(k, &at, &h->who.id, &c), 0);
	assert_memory_equal(&c.r.id, &h->who.id, sizeof(h->who.id));
}

/* Seconds that the host is left alone for */
static inline uint32_t xk_out(struct xk *k, const struct host *h,
			      struct cdx_peer_info *info)
{
	struct cdx_peer_info all[64];
	unsigned n = cdx_exchange_peers(k->ex, all, 64);

	for (unsigned i = 0; i < n; i++) {
		if (all[i].addr.port != h->port)
			continue;
		if (info != NULL)
			*info = all[i];
		return all[i].out_s;
	}
	fail_msg("no such peer");
	return 0;
}

/* ---- data ---- */

struct xk_data {
	uint8_t *p;
	size_t len;
	struct cdx_cid cid;
};

static inline void xk_add(struct tmp_store *t, struct xk_data *d,
			  struct seed *seed, size_t len, uint32_t block_size)
{
	const struct cdx_ingest_opts opts = {.block_size = block_size};
	struct cdx_ingest *in;

	d->p = malloc(len);
	assert_non_null(d->p);
	seed_fill(seed, d->p, len);
	d->len = len;
	assert_int_equal(cdx_ingest_new(&in, t->s, &opts), 0);
	assert_int_equal(cdx_ingest_feed(in, d->p, d->len), 0);
	assert_int_equal(cdx_ingest_end(in, &d->cid), 0);
	cdx_ingest_free(in);
}

static inline struct cdx_reader *xk_open(struct xk *k,
					 const struct cdx_cid *cid)
{
	struct cdx_reader *rd = NULL;
	char why[256];
	int rc = cdx_exchange_open_wait(k->ex, &rd, cid, false, 0, NULL, NULL,
					why);

	if (rc != 0)
		print_error("open: %d: %s\n", rc, why);
	assert_int_equal(rc, 0);
	return rd;
}

/* Reads everything in pieces of @piece bytes. */
static inline void xk_same(struct cdx_reader *rd, const struct xk_data *d,
			   size_t piece)
{
	uint8_t *got = malloc(piece);

	assert_non_null(got);
	assert_int_equal(cdx_reader_size(rd), d->len);
	for (size_t off = 0; off < d->len; off += piece) {
		size_t want = piece < d->len - off ? piece : d->len - off;

		assert_int_equal(cdx_reader_read_wait(rd, got, off, piece, 0,
						      NULL, NULL),
				 want);
		assert_memory_equal(got, d->p + off, want);
	}
	assert_int_equal(
		cdx_reader_read_wait(rd, got, d->len, piece, 0, NULL, NULL), 0);
	free(got);
}

static inline struct cdx_exchange_stats xk_stats(struct xk *k)
{
	struct cdx_exchange_stats st;

	cdx_exchange_stats(k->ex, &st);
	return st;
}

#endif
