/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What a store gives to others: blocks, manifests, streams. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "held_kit.h"
#include "serve_kit.h"

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

/* Of somebody else's dataset slots that are here and whole are offered and given,
 * with pages that were kept. */
static void test_held(void **state)
{
	struct env *e = *state;
	struct taken *t = malloc(sizeof(*t));
	struct cdx_protection p;
	struct cdx_cid own;
	struct cdx_cid cid;
	struct hk h;

	assert_non_null(t);
	/* slots of 100 blocks; a block of slot 0 is here as private data */
	assert_int_equal(hk_make(&h, 3, 200, 2, 1, 0), 0);
	for (uint64_t i = 0; i < h.total; i++)
		hk_block(e->data + i * CDX_BLOCK_SIZE, &h, i);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(hk_page(&h, i, &e->page[i]), 0);
	e->cid = h.cid;
	add(&own, e->store.s, e->data, CDX_BLOCK_SIZE, true);
	assert_int_equal(hk_adopt(e->store.s, &h, &p), 0);
	assert_int_equal(cdx_dataset_info(e->store.s, &h.cid, &e->info), 0);
	assert_int_equal(get(e, "/codex/v1/datasets/%s", &h.cid), 404);
	assert_int_equal(get(e, STREAM "100-109", &h.cid), 200);
	take(e, t);
	assert_int_equal(t->pages + t->blocks, 0);
	assert_int_equal(t->absent, 10);
	/* coming */
	assert_int_equal(hk_leaves(e->store.s, &h, &p, 1), 0);
	assert_int_equal(cdx_held_begin(e->store.s, &p, 1, NULL), 0);
	assert_int_equal(hk_put(e->store.s, &h, &p, 1, 0, 100), 0);
	assert_int_equal(get(e, STREAM "0-0,100-109", &h.cid), 200);
	take(e, t);
	assert_int_equal(t->pages, 1);
	assert_int_equal(t->absent, 11);
	assert_int_equal(get_block(e, 100), 404);
	/* whole */
	assert_int_equal(hk_nodes(e->store.s, &p, 1), 0);
	assert_int_equal(cdx_slot_restore_end(e->store.s, &p, 1), 0);
	assert_int_equal(get(e, "/codex/v1/datasets/%s", &h.cid), 200);
	assert_non_null(strstr((char *)e->kit.body, "\"slots\":[1],"));
	assert_non_null(strstr((char *)e->kit.body, "\"complete\":false"));
	assert_int_equal(get(e, STREAM "0-0,100-199,299-299", &h.cid), 200);
	take(e, t);
	assert_int_equal(t->pages, 1);
	assert_int_equal(t->blocks, 100);
	assert_int_equal(t->absent, 2);
	assert_int_equal(get_block(e, 100), 200);
	assert_int_equal(get_block(e, 0), 404);
	assert_int_equal(get(e, "/codex/v1/datasets/%s/manifest", &h.cid), 200);
	assert_memory_equal(e->kit.body, h.manifest.p, h.manifest.len);
	assert_int_equal(cdx_held_release(e->store.s, &h.cid, 1, NULL), 0);
	cid = cdx_cid_sha256(CDX_CODEC_BLOCK, &h.leaf[100]);
	assert_int_equal(get(e, "/ipfs/%s?format=raw", &cid), 404);
	assert_int_equal(get(e, "/codex/v1/datasets/%s", &h.cid), 404);
	hk_free(&h);
	free(t);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(blocks),  T(manifest), T(gateway),	T(bad_requests),
		T(private), T(stream),	 T(bad_ranges), T(damaged),
		T(cached),  T(held),
	};

	return cmocka_run_group_tests_name("exchange/server", tests, NULL,
					   NULL);
}
