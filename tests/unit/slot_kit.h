/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_SLOT_KIT_H
#define CDX_TESTS_UNIT_SLOT_KIT_H

/* A client's protected dataset, and hosts with stores of their own who come to hold
 * slots of it.  Include after cmocka.h, seed.h, store_tmp.h, exchange_kit.h and
 * protect_kit.h. */

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "exchange/server.h"
#include "market/slot_data.h"
#include "market/slot_manifest.h"
#include "slots/builder.h"
#include "store/held.h"

#define SK_BLOCK 65536u

/* What a client has */
struct sk_client {
	struct tmp_store t;
	struct pk_data data;
	struct cdx_slots sl;
};

static inline void sk_client_new(struct sk_client *c, struct seed *seed,
				 uint32_t k, uint32_t m, uint64_t blocks)
{
	struct cdx_protect_opts o = pk_opts(k, m);

	memset(c, 0, sizeof(*c));
	tmp_store_new(&c->t, XK_SHARE);
	pk_add(&c->t, &c->data, seed, NULL, blocks * SK_BLOCK - 77, SK_BLOCK);
	pk_protect(&c->t, &c->data, &o);
	pk_slots(&c->t, &c->data, &c->sl);
}

static inline void sk_client_free(struct sk_client *c)
{
	cdx_slots_free(&c->sl);
	pk_free(&c->data);
	tmp_store_free(&c->t);
}

/* The request that buys it */
static inline struct cdx_storage_request sk_request(const struct sk_client *c)
{
	struct cdx_storage_request r = {
		.ask = {.slots = c->sl.g.slots,
			.slot_size = c->sl.g.slot_bytes,
			.duration = 3600,
			.max_slot_loss = c->sl.g.m},
		.expiry = 600,
	};
	struct cdx_fr root;

	r.cid_len = cdx_cid_encode(r.cid, &c->data.verifiable);
	assert_int_equal(
		cdx_root_from_cid(&root,
				  &c->sl.manifest.verification.verify_root),
		0);
	cdx_fr_to_bytes(r.merkle_root.b, &root);
	return r;
}

/* A host: a store that fetches and serves */
struct sk {
	struct xk x;
	struct cdx_market_env env;
	struct cdx_exchange_server *server;
	struct cdx_maddr addr;
	unsigned charged; /* how often bytes of a slot were */
	char why[CDX_MARKET_WHY_MAX];
};

static inline int sk_charge(void *arg, struct cdx_batch *b)
{
	struct sk *s = arg;

	(void)b;
	s->charged++;
	return 0;
}

static inline void sk_start(struct sk *s)
{
	xk_start(&s->x);
	s->env = (struct cdx_market_env){
		.loop = s->x.loop,
		.store = s->x.store->s,
		.pool = s->x.pool,
		.exchange = s->x.ex,
		.log = &s->x.store->log,
	};
}

static inline void sk_serve_make(void *arg, struct cdx_await *a)
{
	struct sk *s = arg;
	struct cdx_exchange_server_opts o = {
		.store = s->x.store->s,
		.loop = s->x.loop,
		.http = s->x.http,
		.listen = "127.0.0.1:0",
		.network = s->x.who.network,
	};
	char why[256];

	cdx_await_done(a, cdx_exchange_server_new(&s->server, &o, why));
}

static inline void sk_serve_drop(void *arg, struct cdx_await *a)
{
	struct sk *s = arg;

	cdx_exchange_server_free(s->server);
	s->server = NULL;
	cdx_await_done(a, 0);
}

/* Serves what it has, as a node does */
static inline void sk_serve(struct sk *s)
{
	struct cdx_buf b = {0};
	struct cdx_peer_record r = {
		.seq = 1,
		.expires = cdx_clock_wall_s() + 3600,
		.n_addrs = 1,
	};
	struct sockaddr_storage sa;

	assert_int_equal(cdx_await(s->x.loop, sk_serve_make, s), 0);
	cdx_exchange_server_addr(s->server, &sa);
	s->addr = (struct cdx_maddr){
		.kind = CDX_MADDR_IP4,
		.host = "127.0.0.1",
		.port = ntohs(((struct sockaddr_in *)&sa)->sin_port),
		.http = true,
	};
	r.addr[0] = s->addr;
	assert_int_equal(cdx_peer_record_sign(&b, &r, &s->x.who), 0);
	assert_int_equal(cdx_exchange_server_record(s->server, b.p, b.len), 0);
	cdx_buf_free(&b);
}

static inline void sk_silence(struct sk *s)
{
	if (s->server != NULL)
		assert_int_equal(cdx_await(s->x.loop, sk_serve_drop, s), 0);
}

static inline void sk_end(struct sk *s)
{
	sk_silence(s);
	xk_end(&s->x);
}

static inline int sk_obtain(struct sk *s, const struct sk_client *c,
			    uint32_t slot, struct cdx_slot_got *got)
{
	const struct cdx_slot_run run = {.stall_ms = XK_MS};
	const struct cdx_rider begin = {.put = sk_charge, .arg = s};
	int rc = cdx_slot_obtain(&s->env, &c->data.verifiable, slot, &begin,
				 &run, got, s->why);

	if (rc != 0 && getenv("CDX_TEST_LOG") != NULL)
		print_message("slot %u: %s: %s\n", slot, cdx_strerror(rc),
			      s->why);
	return rc;
}

static inline int sk_mend(struct sk *s, const struct sk_client *c,
			  uint32_t slot, struct cdx_slot_look *look)
{
	const struct cdx_slot_run run = {.stall_ms = XK_MS};
	int rc = cdx_slot_mend(&s->env, &c->data.verifiable, slot, 0, &run,
			       look, s->why);

	if (rc != 0 && getenv("CDX_TEST_LOG") != NULL)
		print_message("slot %u: %s: %s\n", slot, cdx_strerror(rc),
			      s->why);
	return rc;
}

/* Is it here and whole, by its marks?  What counts as whole is right to the last
 * block and node. */
static inline bool sk_whole(struct sk *s, const struct sk_client *c,
			    uint32_t slot)
{
	uint8_t *right = malloc(SK_BLOCK);
	uint8_t *got = malloc(SK_BLOCK);
	struct cdx_slots sl = {0};
	struct cdx_fr root;
	unsigned top = cdx_p2tree_depth(c->sl.g.slot_blocks);

	assert_true(right != NULL && got != NULL);
	if (cdx_slots_open(&sl, s->x.store->s, &c->data.verifiable) != 0 ||
	    !cdx_held_whole(&sl.rec, slot)) {
		cdx_slots_free(&sl);
		free(right);
		free(got);
		return false;
	}
	for (uint64_t i = 0; i < c->sl.g.steps; i++) {
		uint64_t index = cdx_geometry_index(&sl.g, slot, i);

		assert_int_equal(cdx_protection_read(c->t.s, right, &c->sl.rec,
						     index),
				 0);
		assert_int_equal(cdx_protection_read_own(s->x.store->s, got,
							 &sl.rec, index),
				 0);
		assert_memory_equal(got, right, SK_BLOCK);
	}
	assert_int_equal(
		cdx_slots_node(s->x.store->s, &sl, slot, top, 0, &root), 0);
	assert_true(cdx_fr_equal(&root, &c->sl.roots[slot]));
	cdx_slots_free(&sl);
	free(right);
	free(got);
	return true;
}

#endif
