/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifndef CDX_TESTS_UNIT_SERVE_KIT_H
#define CDX_TESTS_UNIT_SERVE_KIT_H

/* A real store behind a real exchange server, asked over sockets.  Include after
 * cmocka.h. */

#include <errno.h>
#include <signal.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "crypto/block.h"
#include "exchange/server.h"
#include "exchange/wire.h"
#include "seed.h"
#include "store/cache.h"
#include "store/leaf_page.h"
#include "store/protection.h"
#include "store/public.h"
#include "store_tmp.h"
#include "tls_kit.h"
#include "web_kit.h"

#define SHARE (64u << 20)
#define BLOCKS 300u /* two pages */
#define LEN ((size_t)BLOCKS * CDX_BLOCK_SIZE - 1000)

struct env {
	struct web_kit kit;
	struct tmp_store store;
	struct tmp_store other; /* has what the cache gets */
	struct cdx_exchange_server *server;
	struct cdx_identity who;
	struct cdx_leaf_pages *pages;
	uint8_t *data; /* BLOCKS * CDX_BLOCK_SIZE, zeros at the end */
	struct cdx_cid cid;
	struct cdx_dataset_info info;
	struct cdx_tree_page page[2];
};

static inline void add(struct cdx_cid *cid, struct cdx_store *s,
		       const uint8_t *p, size_t len, bool is_private)
{
	struct cdx_ingest_opts o = {.is_private = is_private};
	struct cdx_ingest *in;

	assert_int_equal(cdx_ingest_new(&in, s, &o), 0);
	assert_int_equal(cdx_ingest_feed(in, p, len), 0);
	assert_int_equal(cdx_ingest_end(in, cid), 0);
	cdx_ingest_free(in);
	assert_int_equal(cdx_public_complete(s, NULL, NULL), 0);
}

static inline void fill(struct env *e)
{
	struct seed rnd = seed_start("exchange server");

	e->data = calloc(BLOCKS, CDX_BLOCK_SIZE);
	assert_non_null(e->data);
	for (size_t i = 0; i + 8 <= LEN; i += 8)
		cdx_put_le64(e->data + i, seed_u64(&rnd));
	/* a block of zeros is one like all others */
	memset(e->data + 7 * CDX_BLOCK_SIZE, 0, CDX_BLOCK_SIZE);
}

static inline void sign_record(struct env *e)
{
	struct cdx_buf CDX_CLEANUP(cdx_buf_free) b = {0};
	struct cdx_peer_record r = {.seq = 1,
				    .expires = cdx_clock_wall_s() + 3600};
	struct cdx_root root;
	uint8_t id[16] = "0123456789abcde";

	cdx_root_random(&root);
	assert_int_equal(cdx_identity_derive(&e->who, &root, id, "a test"), 0);
	r.n_addrs = 1;
	assert_int_equal(
		cdx_maddr_parse(&r.addr[0], "/ip4/192.0.2.1/tcp/1/http"), 0);
	assert_int_equal(cdx_peer_record_sign(&b, &r, &e->who), 0);
	assert_int_equal(cdx_exchange_server_record(e->server, b.p, b.len), 0);
}

static inline void start_server(struct env *e, const struct tls_kit *tls)
{
	struct cdx_exchange_server_opts o = {
		.store = e->store.s,
		.loop = e->kit.loop.loop,
		.http = e->kit.http,
		.listen = "127.0.0.1:0",
		.tls_cert = tls != NULL ? tls->cert : NULL,
		.tls_key = tls != NULL ? tls->key : NULL,
	};
	struct sockaddr_storage sa;
	char why[256];

	cdx_network_of(&o.network, "a test");
	if (cdx_exchange_server_new(&e->server, &o, why) != 0)
		fail_msg("%s", why);
	cdx_exchange_server_addr(e->server, &sa);
	e->kit.port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
	sign_record(e);
}

static inline int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	signal(SIGPIPE, SIG_IGN);
	web_kit_start(&e->kit);
	tmp_store_new(&e->store, SHARE);
	fill(e);
	start_server(e, NULL);
	*state = e;
	return 0;
}

static inline int teardown(void **state)
{
	struct env *e = *state;

	cdx_exchange_server_free(e->server);
	cdx_leaf_pages_free(e->pages);
	web_kit_end(&e->kit);
	tmp_store_free(&e->store);
	if (e->other.s != NULL)
		tmp_store_free(&e->other);
	free(e->data);
	free(e);
	return 0;
}

/* The dataset in @s, and its pages */
static inline void make_dataset(struct env *e, struct cdx_store *s,
				bool is_private)
{
	add(&e->cid, s, e->data, LEN, is_private);
	assert_int_equal(cdx_dataset_info(s, &e->cid, &e->info), 0);
	assert_int_equal(cdx_leaf_pages_new(&e->pages, s, 1u << 20), 0);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(
			cdx_leaf_page(e->pages, &e->info, i, &e->page[i]), 0);
}

static inline const struct cdx_digest *leaf(struct env *e, uint32_t index)
{
	return &e->page[index / CDX_TREE_PAGE].leaf[index % CDX_TREE_PAGE];
}

/* @format with the CID in the place of its %s */
static inline void path_of(char path[512], const char *format,
			   const struct cdx_cid *cid)
{
	const char *at = strstr(format, "%s");
	char text[CDX_CID_TEXT_MAX];

	assert_non_null(at);
	cdx_cid_text(text, cid);
	snprintf(path, 512, "%.*s%s%s", (int)(at - format), format, text,
		 at + 2);
}

static inline int get(struct env *e, const char *format,
		      const struct cdx_cid *cid)
{
	char path[512];

	path_of(path, format, cid);
	return web_kit_get(&e->kit, path);
}

static inline int get_block(struct env *e, uint32_t index)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_BLOCK, leaf(e, index));

	return get(e, "/ipfs/%s?format=raw", &cid);
}

static inline struct cdx_exchange_server_stats stats(struct env *e)
{
	struct cdx_exchange_server_stats s;

	cdx_exchange_server_stats(e->server, &s);
	return s;
}

/* One raw request with these lines; the answer's header as text */
static inline void raw_ask(struct env *e, char *out, size_t cap,
			   const char *method, const char *format,
			   const struct cdx_cid *cid, const char *lines)
{
	char path[512];
	char ask[2048];
	int fd = raw_connect(e->kit.port, 0);

	path_of(path, format, cid);
	snprintf(ask, sizeof(ask),
		 "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n",
		 method, path, lines);
	raw_say(fd, ask);
	raw_finish(fd, out, cap);
}

#endif
