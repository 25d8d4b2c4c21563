/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What a store gives to others: a real store behind a real server, asked over
 * sockets.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

static void add(struct cdx_cid *cid, struct cdx_store *s, const uint8_t *p,
		size_t len, bool is_private)
{
	struct cdx_ingest_opts o = {.is_private = is_private};
	struct cdx_ingest *in;

	assert_int_equal(cdx_ingest_new(&in, s, &o), 0);
	assert_int_equal(cdx_ingest_feed(in, p, len), 0);
	assert_int_equal(cdx_ingest_end(in, cid), 0);
	cdx_ingest_free(in);
	assert_int_equal(cdx_public_complete(s, NULL, NULL), 0);
}

static void fill(struct env *e)
{
	struct seed rnd = seed_start("exchange server");

	e->data = calloc(BLOCKS, CDX_BLOCK_SIZE);
	assert_non_null(e->data);
	for (size_t i = 0; i + 8 <= LEN; i += 8)
		cdx_put_le64(e->data + i, seed_u64(&rnd));
	/* a block of zeros is one like all others */
	memset(e->data + 7 * CDX_BLOCK_SIZE, 0, CDX_BLOCK_SIZE);
}

static void sign_record(struct env *e)
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

static void start_server(struct env *e, const struct tls_kit *tls)
{
	struct cdx_exchange_server_opts o = {
		.store = e->store.s,
		.loop = e->kit.loop.loop,
		.http = e->kit.http,
		.log = &e->store.log,
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

static int setup(void **state)
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

static int teardown(void **state)
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
static void make_dataset(struct env *e, struct cdx_store *s, bool is_private)
{
	add(&e->cid, s, e->data, LEN, is_private);
	assert_int_equal(cdx_dataset_info(s, &e->cid, &e->info), 0);
	assert_int_equal(cdx_leaf_pages_new(&e->pages, s, 1u << 20), 0);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(
			cdx_leaf_page(e->pages, &e->info, i, &e->page[i]), 0);
}

static const struct cdx_digest *leaf(struct env *e, uint32_t index)
{
	return &e->page[index / CDX_TREE_PAGE].leaf[index % CDX_TREE_PAGE];
}

/* @format with the CID in the place of its %s */
static void path_of(char path[512], const char *format,
		    const struct cdx_cid *cid)
{
	const char *at = strstr(format, "%s");
	char text[CDX_CID_TEXT_MAX];

	assert_non_null(at);
	cdx_cid_text(text, cid);
	snprintf(path, 512, "%.*s%s%s", (int)(at - format), format, text,
		 at + 2);
}

static int get(struct env *e, const char *format, const struct cdx_cid *cid)
{
	char path[512];

	path_of(path, format, cid);
	return web_kit_get(&e->kit, path);
}

static int get_block(struct env *e, uint32_t index)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_BLOCK, leaf(e, index));

	return get(e, "/ipfs/%s?format=raw", &cid);
}

static struct cdx_exchange_server_stats stats(struct env *e)
{
	struct cdx_exchange_server_stats s;

	cdx_exchange_server_stats(e->server, &s);
	return s;
}

/* One raw request with these lines; the answer's header as text */
static void raw_ask(struct env *e, char *out, size_t cap, const char *method,
		    const char *format, const struct cdx_cid *cid,
		    const char *lines)
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

static void test_blocks(void **state)
{
	struct env *e = *state;
	struct cdx_cid cid;

	make_dataset(e, e->store.s, false);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 12; i++) {
			assert_int_equal(get_block(e, i), 200);
			assert_int_equal(e->kit.len, CDX_BLOCK_SIZE);
			assert_memory_equal(e->kit.body,
					    e->data + i * CDX_BLOCK_SIZE,
					    CDX_BLOCK_SIZE);
		}
	}
	assert_int_equal(stats(e).hot_hits, 12);
	assert_int_equal(stats(e).blocks_sent, 24);
	/* the raw codec names the same */
	cid = cdx_cid_sha256(CDX_CODEC_BLOCK, leaf(e, 3));
	cid.codec = 0x55;
	assert_int_equal(get(e, "/ipfs/%s", &cid), 200);
	assert_memory_equal(e->kit.body, e->data + 3 * CDX_BLOCK_SIZE,
			    CDX_BLOCK_SIZE);
	/* a block is no manifest */
	cid.codec = CDX_CODEC_MANIFEST;
	assert_int_equal(get(e, "/ipfs/%s", &cid), 404);
	cid = cdx_cid_empty();
	assert_int_equal(get(e, "/ipfs/%s", &cid), 200);
	assert_int_equal(e->kit.len, 0);
	/* what gateways are probed with: the CID is the content */
	assert_int_equal(web_kit_get(&e->kit, "/ipfs/bafkqaaa?format=raw"),
			 200);
	assert_int_equal(e->kit.len, 0);
}

static void test_manifest(void **state)
{
	struct env *e = *state;
	struct cdx_buf CDX_CLEANUP(cdx_buf_free) bytes = {0};
	struct cdx_cid tree;
	struct cdx_cid raw;

	make_dataset(e, e->store.s, false);
	assert_int_equal(cdx_dataset_manifest(e->store.s, &e->cid, &bytes), 0);
	raw = e->cid;
	raw.codec = 0x55;
	tree = e->info.tree;
	for (int i = 0; i < 4; i++) {
		int rc;

		switch (i) {
		case 0:
			rc = get(e, "/ipfs/%s", &e->cid);
			break;
		case 1:
			rc = get(e, "/ipfs/%s?format=raw", &raw);
			break;
		case 2:
			rc = get(e, "/codex/v1/datasets/%s/manifest", &e->cid);
			break;
		default:
			rc = get(e, "/codex/v1/datasets/%s/manifest", &tree);
		}
		assert_int_equal(rc, 200);
		assert_int_equal(e->kit.len, bytes.len);
		assert_memory_equal(e->kit.body, bytes.p, bytes.len);
	}
	/* the tree itself is nothing to be had */
	assert_int_equal(get(e, "/ipfs/%s", &tree), 404);
	assert_int_equal(get(e, "/codex/v1/datasets/%s", &raw), 404);
	assert_int_equal(get(e, "/codex/v1/datasets/%s", &tree), 200);
	assert_non_null(strstr((char *)e->kit.body, "\"leaves\":300,"));
	assert_non_null(strstr((char *)e->kit.body, "\"blockSize\":65536,"));
	assert_non_null(strstr((char *)e->kit.body, "\"slots\":[],"));
	assert_non_null(strstr((char *)e->kit.body, "\"complete\":true"));
}

static void test_gateway(void **state)
{
	struct env *e = *state;
	static const struct {
		const char *query;
		const char *lines;
		int status;
	} asked[] = {
		{"", "", 200},
		{"?format=raw", "Accept: text/html\r\n", 200},
		{"?format=car", "", 406},
		{"?format=", "", 406},
		{"", "Accept: application/vnd.ipld.raw\r\n", 200},
		{"", "Accept: text/html, APPLICATION/vnd.ipld.raw;q=0.5\r\n",
		 200},
		{"", "Accept: text/html,application/xml;q=0.9,*/*;q=0.8\r\n",
		 200},
		{"", "Accept: application/vnd.ipld.car\r\n", 406},
		{"", "Accept: application/vnd.ipld.raw;q=0\r\n", 406},
		{"", "Accept: application/vnd.ipld.raw; q=0.000, text/html\r\n",
		 406},
		{"", "If-None-Match: \"x\", *\r\n", 304},
		{"", "If-None-Match: \"x\"\r\n", 200},
	};
	char *out = malloc(1u << 20);
	char text[CDX_CID_TEXT_MAX];
	char etag[CDX_CID_TEXT_MAX + 64];
	struct cdx_cid cid;

	assert_non_null(out);
	make_dataset(e, e->store.s, false);
	cid = cdx_cid_sha256(CDX_CODEC_BLOCK, leaf(e, 1));
	for (size_t i = 0; i < CDX_ARRAY_LEN(asked); i++) {
		char format[64];
		char status[32];

		snprintf(format, sizeof(format), "/ipfs/%%s%s", asked[i].query);
		snprintf(status, sizeof(status), "HTTP/1.1 %d ",
			 asked[i].status);
		raw_ask(e, out, 1u << 20, "GET", format, &cid, asked[i].lines);
		if (strncmp(out, status, strlen(status)) != 0)
			fail_msg("case %zu: %.40s", i, out);
	}
	cdx_cid_text(text, &cid);
	raw_ask(e, out, 1u << 20, "HEAD", "/ipfs/%s", &cid, "");
	snprintf(etag, sizeof(etag), "\r\nETag: \"%s\"\r\n", text);
	assert_non_null(strstr(out, etag));
	assert_non_null(strstr(out, "\r\nCache-Control: public, "
				    "max-age=29030400, immutable\r\n"));
	assert_non_null(strstr(out, "\r\nX-Content-Type-Options: nosniff\r\n"));
	assert_non_null(
		strstr(out, "\r\nContent-Type: application/vnd.ipld.raw\r\n"));
	assert_non_null(strstr(out, "\r\nContent-Length: 65536\r\n"));
	assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\n");
	snprintf(etag, sizeof(etag), "If-None-Match: W/\"%s\"\r\n", text);
	raw_ask(e, out, 1u << 20, "GET", "/ipfs/%s", &cid, etag);
	assert_non_null(strstr(out, " 304 "));
	free(out);
}

static void test_bad_requests(void **state)
{
	struct env *e = *state;
	static const struct {
		const char *method;
		const char *path;
		int status;
	} asked[] = {
		{"GET", "/", 404},
		{"GET", "/ipfs", 404},
		{"GET", "/ipfs/", 400},
		{"GET", "/ipfs/nonsense", 400},
		{"GET", "/ipfs/bafkqaaa/more", 400},
		{"GET", "/ipfs/%2e%2e/codex/v1/peer", 400},
		{"GET", "/codex/v1/datasets/", 400},
		{"GET", "/codex/v1/datasets/x/blocks", 400},
		{"GET", "/codex/v1/datasets/bafkqaaa/else", 404},
		{"GET", "/codex/v1/datasets/bafkqaaa", 404},
		{"GET", "/codex/v1/dialback?port=80", 405},
		{"POST", "/codex/v1/peer", 405},
		{"DELETE", "/ipfs/bafkqaaa", 405},
		{"POST", "/codex/v1/dialback", 400},
		{"POST", "/codex/v1/dialback?port=0", 400},
		{"POST", "/codex/v1/dialback?port=65536", 400},
		{"POST", "/codex/v1/dialback?port=80a", 400},
		{"POST", "/codex/v1/dialback?port=80&tls=1", 400},
	};

	for (size_t i = 0; i < CDX_ARRAY_LEN(asked); i++) {
		int status = web_kit_do(&e->kit, asked[i].method, asked[i].path,
					NULL, NULL, 0);

		if (status != asked[i].status)
			fail_msg("%s %s: %d", asked[i].method, asked[i].path,
				 status);
	}
}

static void test_private(void **state)
{
	struct env *e = *state;
	uint64_t before;

	make_dataset(e, e->store.s, true);
	assert_int_equal(get_block(e, 0), 404);
	assert_int_equal(get(e, "/ipfs/%s", &e->cid), 404);
	assert_int_equal(get(e, "/codex/v1/datasets/%s", &e->cid), 404);
	assert_int_equal(get(e, "/codex/v1/datasets/%s/manifest", &e->cid),
			 404);
	assert_int_equal(get(e, "/codex/v1/datasets/%s/blocks?r=0-1",
			     &e->info.tree),
			 404);
	assert_int_equal(stats(e).not_served, 5);
	/* one that nobody has ever had is another thing */
	before = stats(e).not_served;
	e->cid.digest[0] ^= 1;
	assert_int_equal(get(e, "/ipfs/%s", &e->cid), 404);
	e->cid.digest[0] ^= 1;
	assert_int_equal(stats(e).not_served, before);
	/* from one moment to the next, blocks in memory too */
	assert_int_equal(cdx_dataset_publish(e->store.s, &e->cid, true), 0);
	assert_int_equal(get_block(e, 0), 200);
	assert_int_equal(get(e, "/codex/v1/datasets/%s", &e->cid), 200);
	assert_int_equal(cdx_dataset_publish(e->store.s, &e->cid, false), 0);
	assert_int_equal(get_block(e, 0), 404);
	assert_int_equal(get(e, "/codex/v1/datasets/%s/blocks?r=0-1", &e->cid),
			 404);
}

/* ---- streams ---- */

struct taken {
	struct env *e;
	uint8_t block[CDX_BLOCK_SIZE];
	unsigned pages;
	unsigned blocks;
	unsigned absent;
	unsigned have;
	uint32_t last; /* index */
};

static int on_page(void *arg, const struct cdx_tree_page *p)
{
	struct taken *t = arg;
	struct cdx_digest root;

	t->pages++;
	memcpy(root.b, t->e->info.tree.digest, sizeof(root.b));
	assert_int_equal(cdx_tree_page_verify(p, &root), 0);
	assert_memory_equal(p->leaf, t->e->page[p->page].leaf,
			    p->n * sizeof(p->leaf[0]));
	return 0;
}

static uint8_t *on_block_begin(void *arg, uint32_t index, uint32_t len)
{
	struct taken *t = arg;

	(void)index;
	assert_int_equal(len, CDX_BLOCK_SIZE);
	return t->block;
}

static int on_block(void *arg, uint32_t index, uint32_t len)
{
	struct taken *t = arg;

	t->blocks++;
	t->last = index;
	assert_memory_equal(t->block,
			    t->e->data + (size_t)index * CDX_BLOCK_SIZE, len);
	return 0;
}

static int on_absent(void *arg, uint32_t index)
{
	struct taken *t = arg;

	t->absent++;
	t->last = index;
	return 0;
}

static int on_have(void *arg, uint32_t index)
{
	struct taken *t = arg;

	t->have++;
	t->last = index;
	return 0;
}

/* Takes the last answer apart. */
static void take(struct env *e, struct taken *t)
{
	static const struct cdx_wire_events events = {
		on_page, on_block_begin, on_block, on_absent, on_have};
	struct cdx_wire_reader *r;

	memset(t, 0, sizeof(*t));
	t->e = e;
	assert_int_equal(cdx_wire_reader_new(&r, CDX_BLOCK_SIZE, &events, t),
			 0);
	assert_int_equal(cdx_wire_read(r, e->kit.body, e->kit.len), 0);
	assert_true(cdx_wire_ended(r));
	cdx_wire_reader_free(r);
}

#define STREAM "/codex/v1/datasets/%s/blocks?r="

static void test_stream(void **state)
{
	struct env *e = *state;
	struct taken *t = malloc(sizeof(*t));
	char *out = malloc(1u << 20);
	char len[64];

	assert_non_null(t);
	assert_non_null(out);
	make_dataset(e, e->store.s, false);
	assert_int_equal(get(e, STREAM "0-299", &e->cid), 200);
	take(e, t);
	assert_int_equal(t->pages, 2);
	assert_int_equal(t->blocks, 300);
	/* its length is said beforehand */
	snprintf(len, sizeof(len), "\r\nContent-Length: %zu\r\n", e->kit.len);
	raw_ask(e, out, 1u << 20, "HEAD", STREAM "0-299", &e->cid, "");
	assert_non_null(strstr(out, len));
	assert_non_null(strstr(out, "immutable"));
	assert_int_equal(get(e, STREAM "3-3,250-260,299-299", &e->info.tree),
			 200);
	take(e, t);
	assert_int_equal(t->pages, 2);
	assert_int_equal(t->blocks, 13);
	assert_int_equal(t->last, 299);
	assert_int_equal(get(e, STREAM "3-3,7-8&p=0", &e->cid), 200);
	take(e, t);
	assert_int_equal(t->pages, 0);
	assert_int_equal(t->blocks, 3);
	assert_int_equal(get(e, STREAM "0-299&h=1", &e->cid), 200);
	take(e, t);
	assert_int_equal(t->have, 300);
	assert_int_equal(t->pages + t->blocks, 0);
	assert_int_equal(e->kit.len, 5 + 300 * 5 + 5);
	free(out);
	free(t);
}

static void test_bad_ranges(void **state)
{
	static const char *const bad[] = {
		"",
		"300-300",
		"0-300",
		"5-4",
		"0-1,1-2",
		"a-b",
		"0-1,",
		"0",
		"-1",
		"0-1024",
		"4294967295-4294967295",
	};
	struct env *e = *state;
	char format[128];

	make_dataset(e, e->store.s, false);
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		snprintf(format, sizeof(format), "%s%s",
			 "/codex/v1/datasets/%s/blocks?r=", bad[i]);
		if (get(e, format, &e->cid) != 400)
			fail_msg("taken: %s", bad[i]);
	}
	assert_int_equal(get(e, "/codex/v1/datasets/%s/blocks", &e->cid), 400);
}

static void test_damaged(void **state)
{
	struct env *e = *state;
	struct taken *t = malloc(sizeof(*t));
	struct cdx_block_info b;

	assert_non_null(t);
	make_dataset(e, e->store.s, false);
	assert_int_equal(cdx_block_info(e->store.s, leaf(e, 5), &b), 0);
	tmp_area_flip(&e->store, b.loc[0].area, (off_t)b.loc[0].off + 100);
	/* promised, and then not to be had: cut, said with the next one */
	assert_int_equal(get(e, STREAM "0-9", &e->cid), -EPIPE);
	assert_int_equal(get(e, STREAM "0-9", &e->cid), 200);
	take(e, t);
	assert_int_equal(t->blocks, 9);
	assert_int_equal(t->absent, 1);
	assert_int_equal(t->pages, 1);
	assert_int_equal(get_block(e, 5), 404);
	/* until it is mended */
	tmp_area_flip(&e->store, b.loc[0].area, (off_t)b.loc[0].off + 100);
	assert_int_equal(get_block(e, 5), 200);
	assert_int_equal(get(e, STREAM "0-9", &e->cid), 200);
	take(e, t);
	assert_int_equal(t->blocks, 10);
	free(t);
}

/* A store that has only fetched it serves what it has got. */
static void test_cached(void **state)
{
	struct env *e = *state;
	struct taken *t = malloc(sizeof(*t));
	struct cdx_buf CDX_CLEANUP(cdx_buf_free) bytes = {0};
	struct cdx_digest tree;

	assert_non_null(t);
	tmp_store_new(&e->other, SHARE);
	make_dataset(e, e->other.s, true);
	memcpy(tree.b, e->info.tree.digest, sizeof(tree.b));
	assert_int_equal(cdx_dataset_manifest(e->other.s, &e->cid, &bytes), 0);
	assert_int_equal(get(e, "/codex/v1/datasets/%s", &e->cid), 404);
	assert_int_equal(cdx_cache_put_manifest(e->store.s, &e->cid, &tree,
						bytes.p, bytes.len),
			 0);
	assert_int_equal(cdx_cache_put_page(e->store.s, &tree, &e->page[0]), 0);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(
			cdx_cache_put_block(e->store.s, leaf(e, i),
					    e->data + i * CDX_BLOCK_SIZE,
					    CDX_BLOCK_SIZE),
			0);
	assert_int_equal(get_block(e, 3), 200);
	assert_memory_equal(e->kit.body, e->data + 3 * CDX_BLOCK_SIZE,
			    CDX_BLOCK_SIZE);
	assert_int_equal(get_block(e, 10), 404);
	assert_int_equal(get(e, "/ipfs/%s", &e->cid), 200);
	assert_memory_equal(e->kit.body, bytes.p, bytes.len);
	assert_int_equal(get(e, "/codex/v1/datasets/%s", &e->info.tree), 200);
	assert_non_null(strstr((char *)e->kit.body, "\"complete\":false"));
	/* blocks 256 and on have no page here */
	assert_int_equal(get(e, STREAM "0-11,290-299", &e->cid), 200);
	take(e, t);
	assert_int_equal(t->pages, 1);
	assert_int_equal(t->blocks, 10);
	assert_int_equal(t->absent, 12);
	for (uint32_t i = 10; i < BLOCKS; i++)
		assert_int_equal(
			cdx_cache_put_block(e->store.s, leaf(e, i),
					    e->data + i * CDX_BLOCK_SIZE,
					    CDX_BLOCK_SIZE),
			0);
	assert_int_equal(cdx_cache_put_page(e->store.s, &tree, &e->page[1]), 0);
	assert_int_equal(get(e, "/codex/v1/datasets/%s", &e->cid), 200);
	assert_non_null(strstr((char *)e->kit.body, "\"complete\":true"));
	assert_int_equal(get(e, STREAM "0-299", &e->cid), 200);
	take(e, t);
	assert_int_equal(t->blocks, 300);
	free(t);
}

/* ---- peers ---- */

static int dial(struct env *e, unsigned port, const struct cdx_digest *tls)
{
	char path[256];
	char hex[65] = "";

	if (tls != NULL)
		cdx_hex(hex, tls->b, sizeof(tls->b));
	snprintf(path, sizeof(path), "/codex/v1/dialback?port=%u%s%s", port,
		 tls != NULL ? "&tls=" : "", hex);
	return web_kit_do(&e->kit, "POST", path, NULL, NULL, 0);
}

static void restart(struct env *e, const struct tls_kit *tls)
{
	cdx_exchange_server_free(e->server);
	start_server(e, tls);
	e->kit.pin = tls != NULL ? &tls->pin : NULL;
}

static void test_peer(void **state)
{
	struct env *e = *state;
	struct cdx_peer_record r;
	char id[CDX_PEER_ID_TEXT_MAX];
	char want[256];
	uint16_t port = e->kit.port;

	assert_int_equal(web_kit_get(&e->kit, "/codex/v1/peer"), 200);
	assert_int_equal(cdx_peer_record_open(&r, e->kit.body, e->kit.len,
					      &e->who.network,
					      cdx_clock_wall_s()),
			 0);
	assert_memory_equal(&r.id, &e->who.id, sizeof(r.id));
	/* the caller's address with the server's own port */
	assert_int_equal(dial(e, port, NULL), 200);
	cdx_peer_id_text(id, &e->who.id);
	snprintf(want, sizeof(want),
		 "{\"reachable\":true,\"id\":\"%s\","
		 "\"address\":\"/ip4/127.0.0.1/tcp/%u/http\",\"why\":\"\"}",
		 id, port);
	assert_string_equal((char *)e->kit.body, want);
	/* once a minute */
	assert_int_equal(dial(e, port, NULL), 429);
	/* nobody there */
	restart(e, NULL);
	assert_int_equal(dial(e, 1, NULL), 200);
	assert_non_null(strstr((char *)e->kit.body, "\"reachable\":false,"));
	assert_null(strstr((char *)e->kit.body, "\"id\""));
	/* somebody who is no peer of this network */
	restart(e, NULL);
	assert_int_equal(cdx_exchange_server_record(e->server, "nonsense", 8),
			 0);
	assert_int_equal(dial(e, e->kit.port, NULL), 200);
	assert_non_null(strstr((char *)e->kit.body, "\"reachable\":false,"));
	assert_non_null(strstr((char *)e->kit.body, "peer of this network"));
	assert_int_equal(cdx_exchange_server_record(e->server, want, 2000),
			 -EMSGSIZE);
}

static void test_tls(void **state)
{
	struct env *e = *state;
	struct tls_kit tls;

	tls_kit_make(&tls);
	restart(e, &tls);
	make_dataset(e, e->store.s, false);
	assert_int_equal(get_block(e, 2), 200);
	assert_memory_equal(e->kit.body, e->data + 2 * CDX_BLOCK_SIZE,
			    CDX_BLOCK_SIZE);
	assert_int_equal(dial(e, e->kit.port, &tls.pin), 200);
	assert_non_null(strstr((char *)e->kit.body, "\"reachable\":true,"));
	assert_non_null(strstr((char *)e->kit.body, "/tls/http"));
}

static void on_late(void *arg, int err, const struct cdx_http_res *res,
		    const char *why)
{
	(void)err;
	(void)res;
	(void)why;
	loop_kit_stop(&((struct env *)arg)->kit.loop);
}

/* Ends while a dial is under way: the loop, which would end it, is busy here */
static void test_end_in_dial(void **state)
{
	struct env *e = *state;
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	char url[128];
	struct cdx_http_req req = {.method = "POST",
				   .url = url,
				   .connect_ms = WEB_KIT_LIMIT_MS,
				   .total_ms = WEB_KIT_LIMIT_MS,
				   .max_body = 1000};
	/* listens, and never answers */
	int mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(mute, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(mute, 1), 0);
	assert_int_equal(getsockname(mute, (struct sockaddr *)&sa, &len), 0);
	snprintf(url, sizeof(url),
		 "http://127.0.0.1:%u/codex/v1/dialback?port=%u", e->kit.port,
		 ntohs(sa.sin_port));
	assert_int_equal(cdx_http_start(e->kit.http, NULL, &req, on_late, e),
			 0);
	loop_kit_run_ms(&e->kit.loop, 200);
	cdx_exchange_server_free(e->server);
	e->server = NULL;
	loop_kit_run(&e->kit.loop);
	close(mute);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(blocks),  T(manifest), T(gateway),	T(bad_requests),
		T(private), T(stream),	 T(bad_ranges), T(damaged),
		T(cached),  T(peer),	 T(tls),	T(end_in_dial),
	};

	return cmocka_run_group_tests_name("exchange/server", tests, NULL,
					   NULL);
}
