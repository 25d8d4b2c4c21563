/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "held_kit.h"
#include "net/web.h"
#include "node/peers.h"
#include "seed.h"
#include "store/cache.h"
#include "store/dataset_store.h"
#include "store/public.h"
#include "store_tmp.h"

/* Several nodes in one process, on the loopback, which know each other by
 * address: announcing, finding, getting, and whether others can reach one. */

#define SHARE (UINT64_C(256) << 20)
#define BYTES 1000000u
/* Longer than anything takes; nothing waits for it when all is well */
#define PATIENCE_NS UINT64_C(120000000000)

static struct seed seed;

struct node {
	struct tmp_store t;
	struct cdx_pool *pool;
	struct cdx_conf_node conf;
	struct cdx_keyfile keys;
	struct cdx_peers *p;
};

static void nap(void)
{
	const struct timespec ts = {.tv_nsec = 20000000};

	nanosleep(&ts, NULL);
}

static void init(struct node *n, const char *listen)
{
	memset(n, 0, sizeof(*n));
	tmp_store_new(&n->t, SHARE);
	assert_int_equal(cdx_pool_new(&n->pool, 2), 0);
	cdx_root_random(&n->keys.root);
	n->conf.network = strdup("test of peers");
	n->conf.listen = listen == NULL ? NULL : strdup(listen);
	assert_non_null(n->conf.network);
}

static int try_start(struct node *n, char why[CDX_PEERS_WHY_MAX])
{
	const struct cdx_peers_opts o = {
		.store = n->t.s,
		.pool = n->pool,
		.keys = &n->keys,
		.conf = &n->conf,
		.log = &n->t.log,
		.dial_s = 1,
	};

	return cdx_peers_new(&n->p, &o, why);
}

static void start(struct node *n)
{
	char why[CDX_PEERS_WHY_MAX];

	if (try_start(n, why) < 0)
		fail_msg("no node: %s", why);
}

static void stop(struct node *n)
{
	cdx_peers_free(n->p);
	cdx_pool_free(n->pool);
	cdx_conf_node_free(&n->conf);
	tmp_store_free(&n->t);
}

static void address(struct node *n, struct cdx_maddr *out)
{
	struct cdx_peers_status st;

	cdx_peers_status(n->p, &st);
	assert_int_equal(st.n_addrs, 1);
	*out = st.addr[0];
}

/* @n asks @of, too */
static void knows(struct node *n, struct node *of)
{
	address(of, &n->conf.peer[n->conf.n_peers++]);
}

static void add(struct node *n, struct cdx_cid *cid, uint8_t *bytes,
		bool private)
{
	const struct cdx_ingest_opts o = {.is_private = private};
	struct cdx_ingest *in;

	seed_fill(&seed, bytes, BYTES);
	assert_int_equal(cdx_ingest_new(&in, n->t.s, &o), 0);
	assert_int_equal(cdx_ingest_feed(in, bytes, BYTES), 0);
	assert_int_equal(cdx_ingest_end(in, cid), 0);
	cdx_ingest_free(in);
}

struct seen {
	unsigned n;
	struct cdx_provider_record last;
};

static int on_found(void *arg, const struct cdx_provider_record *r)
{
	struct seen *s = arg;

	s->n++;
	s->last = *r;
	return 0;
}

static unsigned found(struct node *n, const struct cdx_cid *cid,
		      struct seen *out)
{
	memset(out, 0, sizeof(*out));
	assert_int_equal(cdx_peers_find(n->p, cid, 20000, on_found, out), 0);
	return out->n;
}

/* Until as many say that they have it */
static void await_found(struct node *n, const struct cdx_cid *cid,
			unsigned want, struct seen *out)
{
	uint64_t end = cdx_clock_mono_ns() + PATIENCE_NS;

	while (found(n, cid, out) != want) {
		assert_true(cdx_clock_mono_ns() < end);
		nap();
	}
}

static void await_reach(struct node *n, enum cdx_reach want,
			struct cdx_peers_status *out)
{
	uint64_t end = cdx_clock_mono_ns() + PATIENCE_NS;

	for (;;) {
		cdx_peers_status(n->p, out);
		if (out->reach == want)
			return;
		if (cdx_clock_mono_ns() >= end)
			fail_msg("reach is %d, not %d: %s", (int)out->reach,
				 (int)want, out->reach_why);
		nap();
	}
}

static void await_keys(struct node *n, uint32_t want)
{
	uint64_t end = cdx_clock_mono_ns() + PATIENCE_NS;
	struct cdx_peers_status st;

	do {
		cdx_peers_status(n->p, &st);
		assert_true(cdx_clock_mono_ns() < end);
		nap();
	} while (st.discovery.keys != want);
}

static void get(struct node *n, const struct cdx_cid *cid, const uint8_t *bytes)
{
	uint8_t *buf = malloc(BYTES + 1);
	struct cdx_reader *rd;
	char why[256];
	int rc;

	assert_non_null(buf);
	rc = cdx_exchange_open_wait(cdx_peers_exchange(n->p), &rd, cid, false,
				    0, NULL, NULL, why);
	if (rc < 0)
		fail_msg("cannot open: %d %s", rc, why);
	assert_true(cdx_reader_size(rd) == BYTES);
	assert_int_equal(cdx_reader_read_wait(rd, buf, 0, BYTES + 1, 0, NULL,
					      NULL),
			 BYTES);
	assert_memory_equal(buf, bytes, BYTES);
	cdx_reader_put(rd);
	free(buf);
}

/* ---- tests ---- */

static void test_find_and_get(void **state)
{
	uint8_t *bytes = malloc(BYTES);
	struct cdx_dataset_info info;
	struct cdx_cache_stats cache;
	struct cdx_maddr addr;
	struct node a;
	struct node b;
	struct seen s;
	struct cdx_cid cid;

	(void)state;
	assert_non_null(bytes);
	init(&a, "127.0.0.1:0");
	init(&b, "127.0.0.1:0");
	b.conf.has_cache = true;
	b.conf.cache = 32u << 20;
	add(&a, &cid, bytes, false);
	start(&a);
	knows(&b, &a);
	start(&b);
	await_found(&b, &cid, 1, &s);
	assert_memory_equal(&s.last.id, &cdx_peers_identity(a.p)->id,
			    sizeof(s.last.id));
	assert_int_equal(s.last.holding, CDX_HOLDS_ALL);
	assert_int_equal(s.last.n_addrs, 1);
	address(&a, &addr);
	assert_true(cdx_maddr_equal(&s.last.addr[0], &addr));
	/* a tree is found as well */
	assert_int_equal(cdx_dataset_info(a.t.s, &cid, &info), 0);
	await_found(&b, &info.tree, 1, &s);
	get(&b, &cid, bytes);
	/* what is kept is announced: a manifest and a tree */
	await_keys(&b, 2);
	cdx_cache_stats(b.t.s, &cache);
	assert_true(cache.limit == 32u << 20);
	assert_true(cache.used >= BYTES);
	stop(&a);
	get(&b, &cid, bytes);
	stop(&b);
	free(bytes);
}

static void test_announce(void **state)
{
	uint8_t *bytes = malloc(BYTES);
	struct node a;
	struct node b;
	struct seen s;
	struct cdx_cid cid;

	(void)state;
	assert_non_null(bytes);
	init(&a, "127.0.0.1:0");
	init(&b, NULL);
	add(&a, &cid, bytes, true);
	start(&a);
	knows(&b, &a);
	start(&b);
	assert_int_equal(found(&b, &cid, &s), 0);
	assert_int_equal(cdx_peers_announce(a.p, &cid, true), 0);
	await_keys(&a, 2);
	await_found(&b, &cid, 1, &s);
	get(&b, &cid, bytes);
	assert_int_equal(cdx_peers_announce(a.p, &cid, false), 0);
	await_keys(&a, 0);
	await_found(&b, &cid, 0, &s);
	/* what was added later is told of when the node hears of it */
	add(&a, &cid, bytes, false);
	cdx_peers_changed(a.p);
	await_found(&b, &cid, 1, &s);
	seed_fill(&seed, cid.digest, 32);
	assert_int_equal(cdx_peers_announce(a.p, &cid, true), -ENOENT);
	assert_int_equal(cdx_peers_announce(a.p, &cid, false), -ENOENT);
	stop(&b);
	stop(&a);
	free(bytes);
}

/* Of somebody else's dataset (store/held.h) the slots that are whole are told of,
 * and nothing before there is one. */
static void test_held(void **state)
{
	struct cdx_protection p;
	struct node a;
	struct node b;
	struct seen s;
	struct hk h;

	(void)state;
	init(&a, "127.0.0.1:0");
	init(&b, NULL);
	assert_int_equal(hk_make(&h, 5, 6, 2, 1, 0), 0);
	assert_int_equal(hk_adopt(a.t.s, &h, &p), 0);
	assert_int_equal(hk_leaves(a.t.s, &h, &p, 1), 0);
	assert_int_equal(cdx_held_begin(a.t.s, &p, 1, NULL), 0);
	start(&a);
	knows(&b, &a);
	start(&b);
	assert_int_equal(found(&b, &h.cid, &s), 0);
	await_keys(&a, 0);
	assert_int_equal(hk_put(a.t.s, &h, &p, 1, 0, 3), 0);
	assert_int_equal(hk_nodes(a.t.s, &p, 1), 0);
	assert_int_equal(cdx_slot_restore_end(a.t.s, &p, 1), 0);
	cdx_peers_changed(a.p);
	await_keys(&a, 2);
	await_found(&b, &h.cid, 1, &s);
	assert_int_equal(s.last.holding, CDX_HOLDS_SLOTS);
	assert_int_equal(s.last.slots.b[0], 1u << 1);
	assert_int_equal(cdx_held_release(a.t.s, &h.cid, 1, NULL), 0);
	cdx_peers_changed(a.p);
	await_keys(&a, 0);
	await_found(&b, &h.cid, 0, &s);
	stop(&b);
	stop(&a);
	hk_free(&h);
}

static void test_reached(void **state)
{
	char id[CDX_PEER_ID_TEXT_MAX];
	struct cdx_peers_status st;
	struct node a;
	struct node b;

	(void)state;
	init(&a, "127.0.0.1:0");
	init(&b, "127.0.0.1:0");
	start(&a);
	cdx_peers_status(a.p, &st);
	assert_int_equal(st.reach, CDX_REACH_UNKNOWN);
	assert_true(st.port != 0);
	knows(&b, &a);
	start(&b);
	await_reach(&b, CDX_REACH_YES, &st);
	cdx_peer_id_text(id, &cdx_peers_identity(a.p)->id);
	assert_non_null(strstr(st.reach_why, id));
	assert_true(st.reach_at > 0);
	stop(&b);
	stop(&a);
}

/* ---- one whose words are not to be kept as they are ---- */

struct talker {
	struct cdx_web *web;
	struct cdx_buf record;
};

/* Says who it is, and of the dial-back much in letters of two bytes, the first
 * at an odd place */
static void talk(void *arg, struct cdx_web_req *r)
{
	const struct talker *t = arg;
	char text[1024];
	char *p;

	if (strcmp(cdx_web_path(r), "/codex/v1/peer") == 0) {
		cdx_web_reply(r, 200, "application/octet-stream", t->record.p,
			      t->record.len);
		return;
	}
	p = stpcpy(text, "{\"reachable\": false, \"why\": \"\\u001b");
	for (unsigned i = 0; i < 300; i++)
		p = stpcpy(p, "\xC3\xA4");
	p = stpcpy(p, "\"}");
	cdx_web_reply(r, 200, "application/json", text, (size_t)(p - text));
}

static void talker_start(struct talker *t, const char *network,
			 struct cdx_maddr *at)
{
	const struct cdx_web_opts o = {
		.listen = "127.0.0.1:0", .fn = talk, .arg = t};
	struct cdx_peer_record r = {.seq = 1, .n_addrs = 1};
	const uint8_t store[16] = {1};
	struct sockaddr_storage ss;
	struct cdx_identity who;
	struct cdx_root root;
	char text[64];
	char why[256];

	memset(t, 0, sizeof(*t));
	assert_int_equal(cdx_web_new(&t->web, &o, why), 0);
	cdx_web_addr(t->web, &ss);
	snprintf(text, sizeof(text), "127.0.0.1:%u",
		 ntohs(((struct sockaddr_in *)&ss)->sin_port));
	assert_int_equal(cdx_maddr_parse(at, text), 0);
	cdx_root_random(&root);
	assert_int_equal(cdx_identity_derive(&who, &root, store, network), 0);
	r.addr[0] = *at;
	r.expires = cdx_clock_wall_s() + 3600;
	assert_int_equal(cdx_peer_record_sign(&t->record, &r, &who), 0);
}

/* What it says is cut, and cut within a letter it would be no text: no JSON
 * could have it, and the status of the node would be without all of it. */
static void test_said(void **state)
{
	struct cdx_peers_status st;
	struct talker t;
	struct node d;

	(void)state;
	init(&d, "127.0.0.1:0");
	talker_start(&t, d.conf.network, &d.conf.peer[0]);
	d.conf.n_peers = 1;
	start(&d);
	await_reach(&d, CDX_REACH_NO, &st);
	assert_non_null(strstr(st.reach_why, " tried: ??????"));
	for (const char *c = st.reach_why; *c != '\0'; c++)
		assert_true(*c >= ' ' && *c <= '~');
	stop(&d);
	cdx_web_free(t.web);
	cdx_buf_free(&t.record);
}

/* It announces a port where nobody is: three peers try, and are believed. */
static void test_not_reached(void **state)
{
	struct cdx_peers_status st;
	struct node peer[3];
	struct node d;

	(void)state;
	init(&d, "127.0.0.1:0");
	for (unsigned i = 0; i < 3; i++) {
		init(&peer[i], "127.0.0.1:0");
		start(&peer[i]);
		knows(&d, &peer[i]);
	}
	assert_int_equal(cdx_maddr_parse(&d.conf.announce[0], "127.0.0.1:1"),
			 0);
	d.conf.n_announce = 1;
	start(&d);
	await_reach(&d, CDX_REACH_NO, &st);
	assert_true(st.reach_why[0] != '\0');
	stop(&d);
	for (unsigned i = 0; i < 3; i++)
		stop(&peer[i]);
}

static void test_connect(void **state)
{
	struct cdx_peer_record r;
	struct cdx_peers_status st;
	struct cdx_maddr addr;
	struct cdx_buf b = {0};
	char why[CDX_PEERS_WHY_MAX];
	struct node a;
	struct node c;
	struct node other;
	char *spr;

	(void)state;
	init(&a, "127.0.0.1:0");
	init(&c, NULL);
	init(&other, NULL);
	free(other.conf.network);
	other.conf.network = strdup("another");
	start(&a);
	start(&c);
	start(&other);
	address(&a, &addr);
	assert_int_equal(cdx_peers_connect(c.p, &addr, NULL, &r, why), 0);
	assert_memory_equal(&r.id, &cdx_peers_identity(a.p)->id, sizeof(r.id));
	assert_int_equal(cdx_peers_connect(c.p, &addr,
					   &cdx_peers_identity(c.p)->id, &r,
					   why),
			 CDX_E_AUTH);
	assert_int_equal(cdx_peers_connect(other.p, &addr, NULL, &r, why),
			 -ENOENT);
	addr.port = 1;
	assert_true(cdx_peers_connect(c.p, &addr, NULL, &r, why) < 0);
	assert_true(why[0] != '\0');
	/* who does not listen has a record without addresses */
	cdx_peers_status(c.p, &st);
	assert_int_equal(st.reach, CDX_REACH_NONE);
	assert_int_equal(st.n_addrs, 0);
	assert_int_equal(cdx_peers_spr(a.p, &spr), 0);
	assert_int_equal(cdx_spr_parse(&b, spr), 0);
	assert_int_equal(cdx_peer_record_open(&r, b.p, b.len,
					      &cdx_peers_identity(a.p)->network,
					      cdx_clock_wall_s()),
			 0);
	assert_int_equal(r.n_addrs, 1);
	assert_true(r.expires > cdx_clock_wall_s() + 3000);
	cdx_buf_free(&b);
	free(spr);
	stop(&other);
	stop(&c);
	stop(&a);
}

static void test_no_start(void **state)
{
	char why[CDX_PEERS_WHY_MAX] = "";
	struct cdx_maddr addr;
	char text[64];
	struct node a;
	struct node b;

	(void)state;
	init(&a, "127.0.0.1:0");
	init(&b, NULL);
	start(&a);
	address(&a, &addr);
	snprintf(text, sizeof(text), "127.0.0.1:%u", addr.port);
	b.conf.listen = strdup(text);
	assert_int_equal(try_start(&b, why), -EADDRINUSE);
	assert_non_null(strstr(why, text));
	assert_null(b.p);
	free(b.conf.listen);
	b.conf.listen = strdup("127.0.0.1:0");
	b.conf.tls_cert = strdup("/nowhere/cert.pem");
	b.conf.tls_key = strdup("/nowhere/key.pem");
	assert_int_equal(try_start(&b, why), -ENOENT);
	assert_non_null(strstr(why, "/nowhere/cert.pem"));
	stop(&b);
	stop(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_and_get),
		cmocka_unit_test(test_announce),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_reached),
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_not_reached),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_no_start),
	};

	seed = seed_start("test_node_peers");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
