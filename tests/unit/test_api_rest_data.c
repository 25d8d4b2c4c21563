/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The REST API of a store that asks nobody: data, space, figures. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "merkle/sha256_page.h"
#include "rest_kit.h"
#include "store/block_set.h"
#include "store/cache.h"
#include "store/kv.h"
#include "store/quota.h"

#define BLOCK 65536u
/* two and a half blocks */
#define SIZE (2 * BLOCK + BLOCK / 2)
static int drop(const struct rest_kit *k, const char *cid)
{
	char headers[512];

	rest_auth(k, headers);
	return rest_status(k, "DELETE", rest_path(cid, ""), headers);
}

/* ---- upload and download ---- */

static void round_trip(void **state)
{
	const struct rest_kit *k = *state;
	uint8_t *p = rest_bytes(SIZE);
	char cid[CDX_CID_TEXT_MAX];
	char again[CDX_CID_TEXT_MAX];
	struct rest_answer a;
	json_t *j;

	rest_upload(k, p, SIZE,
		    "Content-Type: text/plain; charset=utf-8\r\n"
		    "Content-Disposition: attachment; filename=\"a b.txt\"\r\n",
		    cid);
	rest_ask(k, &a, "GET", rest_path(cid, ""), "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, SIZE);
	assert_memory_equal(a.body, p, SIZE);
	assert_string_equal(rest_header(&a, "Content-Type"),
			    "text/plain; charset=utf-8");
	assert_string_equal(rest_header(&a, "Content-Disposition"),
			    "attachment; filename=\"a b.txt\"");
	assert_string_equal(rest_header(&a, "Accept-Ranges"), "bytes");
	assert_string_equal(rest_header(&a, "Content-Security-Policy"),
			    "sandbox");
	assert_string_equal(rest_header(&a, "X-Content-Type-Options"),
			    "nosniff");
	assert_int_equal(strncmp(rest_header(&a, "ETag") + 1, cid, strlen(cid)),
			 0);
	rest_answer_free(&a);
	/* without a type and a name: another manifest, the same bytes */
	rest_upload(k, p, SIZE, "", again);
	assert_string_not_equal(again, cid);
	rest_ask(k, &a, "GET", rest_path(again, ""), "", NULL, 0);
	assert_int_equal(a.len, SIZE);
	assert_string_equal(rest_header(&a, "Content-Type"),
			    "application/octet-stream");
	assert_string_equal(rest_header(&a, "Content-Disposition"),
			    "attachment");
	rest_answer_free(&a);
	/* from others there is nothing, but what is here comes all the same */
	rest_ask(k, &a, "GET", rest_path(cid, "/network/stream"), "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, SIZE);
	rest_answer_free(&a);
	j = rest_json(k, rest_path(cid, "/network/manifest"));
	assert_string_equal(json_string_value(json_object_get(j, "cid")), cid);
	j = (json_decref(j), NULL);
	rest_ask(k, &a, "POST", rest_path(cid, "/network"), "", NULL, 0);
	assert_int_equal(a.status, 200);
	rest_answer_free(&a);
	free(p);
}

static void heads(void **state)
{
	const struct rest_kit *k = *state;
	uint8_t *p = rest_bytes(SIZE);
	char cid[CDX_CID_TEXT_MAX];
	struct rest_answer a;

	rest_upload(k, p, SIZE, "", cid);
	rest_ask(k, &a, "HEAD", rest_path(cid, ""), "Range: bytes=0-1\r\n",
		 NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, 0);
	assert_int_equal(rest_length(&a), SIZE);
	assert_non_null(rest_header(&a, "ETag"));
	rest_answer_free(&a);
	rest_ask(k, &a, "HEAD", V1 "/space", "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, 0);
	assert_true(rest_length(&a) > 20);
	rest_answer_free(&a);
	assert_int_equal(rest_status(k, "HEAD", rest_path(ABSENT, ""), ""),
			 404);
	assert_int_equal(rest_status(k, "HEAD", "/nothing", ""), 404);
	free(p);
}

struct range_case {
	const char *headers;
	int status;
	uint64_t first;
	uint64_t len;
};

static void one_range(const struct rest_kit *k, const char *cid,
		      const uint8_t *p, const struct range_case *c)
{
	struct rest_answer a;
	char text[96];

	rest_ask(k, &a, "GET", rest_path(cid, ""), c->headers, NULL, 0);
	if (a.status != c->status)
		fail_msg("%s: %d", c->headers, a.status);
	if (c->status == 416) {
		snprintf(text, sizeof(text), "bytes */%u", SIZE);
		assert_string_equal(rest_header(&a, "Content-Range"), text);
	} else {
		assert_int_equal(a.len, c->len);
		assert_memory_equal(a.body, p + c->first, c->len);
	}
	if (c->status == 206) {
		snprintf(text, sizeof(text), "bytes %llu-%llu/%u",
			 (unsigned long long)c->first,
			 (unsigned long long)(c->first + c->len - 1), SIZE);
		assert_string_equal(rest_header(&a, "Content-Range"), text);
	}
	if (c->status == 200)
		assert_null(rest_header(&a, "Content-Range"));
	rest_answer_free(&a);
}

static void ranges(void **state)
{
	static const struct range_case cases[] = {
		{"Range: bytes=0-0\r\n", 206, 0, 1},
		{"Range: bytes=65535-65536\r\n", 206, BLOCK - 1, 2},
		{"Range: bytes=1000-140000\r\n", 206, 1000, 139001},
		{"Range: bytes=65536-\r\n", 206, BLOCK, SIZE - BLOCK},
		{"Range: bytes=-10\r\n", 206, SIZE - 10, 10},
		{"Range: bytes=0-\r\n", 206, 0, SIZE},
		{"Range: bytes=0-999999999\r\n", 206, 0, SIZE},
		{"Range: bytes=163839-163839\r\n", 206, SIZE - 1, 1},
		{"Range: bytes=163840-\r\n", 416, 0, 0},
		{"Range: bytes=-0\r\n", 416, 0, 0},
		{"Range: bytes=99999999999999999999-\r\n", 416, 0, 0},
		/* passed over */
		{"Range: bytes=0-1,3-4\r\n", 200, 0, SIZE},
		{"Range: bytes=5-1\r\n", 200, 0, SIZE},
		{"Range: nonsense\r\n", 200, 0, SIZE},
		{"Range: lines=1-2\r\n", 200, 0, SIZE},
		/* of another version, or by a date that we do not keep */
		{"Range: bytes=0-1\r\nIf-Range: \"other\"\r\n", 200, 0, SIZE},
		{"Range: bytes=0-1\r\n"
		 "If-Range: Wed, 21 Oct 2015 07:28:00 GMT\r\n",
		 200, 0, SIZE},
	};
	const struct rest_kit *k = *state;
	uint8_t *p = rest_bytes(SIZE);
	char cid[CDX_CID_TEXT_MAX];
	char headers[512];
	struct range_case c = {headers, 206, 7, 3};
	struct rest_answer a;

	rest_upload(k, p, SIZE, "", cid);
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++)
		one_range(k, cid, p, &cases[i]);
	snprintf(headers, sizeof(headers),
		 "Range: bytes=7-9\r\nIf-Range: \"%s\"\r\n", cid);
	one_range(k, cid, p, &c);
	snprintf(headers, sizeof(headers),
		 "Range: bytes=7-9\r\nIf-Range: W/\"%s\"\r\n", cid);
	c = (struct range_case){headers, 200, 0, SIZE};
	one_range(k, cid, p, &c);
	snprintf(headers, sizeof(headers), "If-None-Match: \"x\", W/\"%s\"\r\n",
		 cid);
	rest_ask(k, &a, "GET", rest_path(cid, ""), headers, NULL, 0);
	assert_int_equal(a.status, 304);
	assert_int_equal(a.len, 0);
	assert_non_null(rest_header(&a, "ETag"));
	rest_answer_free(&a);
	free(p);
}

/* A single block has a CID too */
static void blocks(void **state)
{
	const struct rest_kit *k = *state;
	uint8_t *p = rest_bytes(SIZE);
	char cid[CDX_CID_TEXT_MAX];
	char text[CDX_CID_TEXT_MAX];
	struct cdx_cid block = cdx_cid_block(p + BLOCK, BLOCK);
	struct cdx_cid none = cdx_cid_empty();
	struct rest_answer a;
	json_t *j;

	rest_upload(k, p, SIZE, "", cid);
	cdx_cid_text(text, &block);
	rest_ask(k, &a, "GET", rest_path(text, ""), "Range: bytes=0-9\r\n",
		 NULL, 0);
	assert_int_equal(a.status, 206);
	assert_memory_equal(a.body, p + BLOCK, 10);
	rest_answer_free(&a);
	rest_ask(k, &a, "GET", rest_path(text, "/network/stream"), "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, BLOCK);
	rest_answer_free(&a);
	j = rest_json(k, rest_path(text, "/exists"));
	assert_true(json_is_true(json_object_get(j, "has")));
	json_decref(j);
	/* it has no manifest, and goes with its dataset alone */
	assert_int_equal(rest_status(k, "GET",
				     rest_path(text, "/network/manifest"), ""),
			 400);
	assert_int_equal(
		rest_status(k, "POST", rest_path(text, "/network"), ""), 400);
	assert_int_equal(drop(k, text), 204);
	assert_int_equal(rest_status(k, "GET", rest_path(text, ""), ""), 200);
	cdx_cid_text(text, &none);
	rest_ask(k, &a, "GET", rest_path(text, ""), "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, 0);
	rest_answer_free(&a);
	assert_int_equal(rest_status(k, "GET", rest_path(text, ""),
				     "Range: bytes=0-\r\n"),
			 416);
	free(p);
}

/* ---- lists and deletes ---- */

static json_t *listed(const struct rest_kit *k, const char *cid)
{
	json_t *all = rest_json(k, V1 "/data");
	json_t *content = json_object_get(all, "content");
	json_t *found = NULL;
	json_t *one;
	size_t i;

	assert_true(json_is_array(content));
	json_array_foreach(
		content, i,
		one) if (strcmp(json_string_value(json_object_get(one, "cid")),
				cid) == 0) found =
		json_incref(json_object_get(one, "manifest"));
	json_decref(all);
	return found;
}

static bool exists(const struct rest_kit *k, const char *cid)
{
	json_t *j = rest_json(k, rest_path(cid, "/exists"));
	bool has = json_is_true(json_object_get(j, "has"));

	assert_int_equal(json_object_size(j), 2);
	assert_int_equal(json_is_true(json_object_get(j, cid)), has);
	json_decref(j);
	return has;
}

static void lists(void **state)
{
	const struct rest_kit *k = *state;
	uint8_t *p = rest_bytes(SIZE);
	char cid[CDX_CID_TEXT_MAX];
	char other[CDX_CID_TEXT_MAX];
	json_t *m;

	assert_null(listed(k, ABSENT));
	assert_false(exists(k, ABSENT));
	rest_upload(k, p, SIZE,
		    "Content-Disposition: attachment; filename=\"x\"\r\n", cid);
	rest_upload(k, p, 10, "Content-Type: image/png\r\n", other);
	m = listed(k, cid);
	assert_non_null(m);
	assert_string_equal(json_string_value(json_object_get(m, "filename")),
			    "x");
	assert_true(json_is_null(json_object_get(m, "mimetype")));
	assert_int_equal(json_integer_value(json_object_get(m, "datasetSize")),
			 SIZE);
	assert_int_equal(json_integer_value(json_object_get(m, "blockSize")),
			 BLOCK);
	assert_true(json_is_false(json_object_get(m, "protected")));
	assert_true(json_is_string(json_object_get(m, "treeCid")));
	assert_false(
		exists(k, json_string_value(json_object_get(m, "treeCid"))));
	json_decref(m);
	m = listed(k, other);
	assert_non_null(m);
	json_decref(m);
	assert_true(exists(k, cid));
	assert_int_equal(drop(k, cid), 204);
	assert_null(listed(k, cid));
	assert_false(exists(k, cid));
	assert_int_equal(rest_status(k, "GET", rest_path(cid, ""), ""), 404);
	assert_int_equal(drop(k, cid), 204);
	m = listed(k, other);
	assert_non_null(m);
	json_decref(m);
	free(p);
}

/* What a volume keeps is not in the list, and a DELETE does not take it away */
static void of_a_volume(void **state)
{
	struct rest_kit *k = *state;
	struct cdx_store *s = k->node.store;
	uint8_t *p = rest_bytes(SIZE);
	struct cdx_dataset_info info;
	struct cdx_buf manifest = {0};
	char text[CDX_CID_TEXT_MAX];
	struct cdx_batch *b;
	struct rest_answer a;
	struct cdx_cid cid;
	json_t *m;

	rest_upload(k, p, SIZE, "", text);
	assert_int_equal(cdx_cid_parse(&cid, text, strlen(text)), 0);
	cdx_block_lock(s);
	assert_int_equal(cdx_dataset_info(s, &cid, &info), 0);
	assert_true(cdx_dataset_manifest(s, &cid, &manifest) >= 0);
	info.refs |= CDX_REF_VOLUME;
	assert_int_equal(cdx_batch_new(&b, s), 0);
	cdx_dataset_put(b, &info, manifest.p, manifest.len, false);
	assert_int_equal(cdx_batch_apply(b), 0);
	cdx_block_unlock(s);
	/* pinned as well */
	m = listed(k, text);
	assert_non_null(m);
	json_decref(m);
	assert_int_equal(drop(k, text), 204);
	assert_null(listed(k, text));
	assert_int_equal(drop(k, text), 204);
	assert_int_equal(cdx_dataset_info(s, &cid, &info), 0);
	assert_int_equal(info.refs, CDX_REF_VOLUME);
	rest_ask(k, &a, "GET", rest_path(text, ""), "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_memory_equal(a.body, p, SIZE);
	rest_answer_free(&a);
	cdx_buf_free(&manifest);
	free(p);
}

/* ---- what was fetched ---- */

static void put_block(struct cdx_store *s, const uint8_t *p, size_t len,
		      struct cdx_digest *digest, bool keep)
{
	uint8_t block[BLOCK] = {0};

	memcpy(block, p, len);
	cdx_sha256(digest, block, sizeof(block));
	if (keep)
		assert_int_equal(cdx_cache_put_block(s, digest, block,
						     sizeof(block)),
				 0);
}

static void cached(void **state)
{
	struct rest_kit *k = *state;
	struct cdx_store *s = k->node.store;
	uint8_t *p = rest_bytes(SIZE);
	struct cdx_tree_page page = {.leaves = 3, .n = 3};
	struct cdx_manifest m = {0};
	struct cdx_buf bytes = {0};
	struct cdx_digest tree;
	struct rest_answer a;
	struct cdx_cid cid;
	char text[CDX_CID_TEXT_MAX];
	json_t *j;

	p[0] ^= 1; /* blocks that nobody else has */
	p[BLOCK] ^= 1;
	p[2 * BLOCK] ^= 1;
	put_block(s, p, BLOCK, &page.leaf[0], true);
	put_block(s, p + BLOCK, BLOCK, &page.leaf[1], false);
	put_block(s, p + 2 * BLOCK, BLOCK / 2, &page.leaf[2], true);
	cdx_tree_page_root(&tree, page.leaf, 3, 0);
	assert_int_equal(cdx_tree_page_verify(&page, &tree), 0);
	assert_int_equal(cdx_manifest_plain(&m, &tree, SIZE, BLOCK, "f",
					    "text/html"),
			 0);
	assert_int_equal(cdx_manifest_encode(&bytes, &m), 0);
	cid = cdx_manifest_cid(bytes.p, bytes.len);
	cdx_cid_text(text, &cid);
	assert_int_equal(
		cdx_cache_put_manifest(s, &cid, &tree, bytes.p, bytes.len), 0);
	/* its manifest alone */
	assert_int_equal(rest_status(k, "GET", rest_path(text, ""), ""), 404);
	assert_int_equal(cdx_cache_put_page(s, &tree, &page), 0);
	/* all but a block in the middle */
	assert_int_equal(rest_status(k, "GET", rest_path(text, ""), ""), 404);
	assert_int_equal(rest_status(k, "HEAD", rest_path(text, ""), ""), 404);
	assert_int_equal(rest_status(k, "GET", rest_path(text, ""),
				     "Range: bytes=0-65535\r\n"),
			 206);
	assert_int_equal(rest_status(k, "GET", rest_path(text, ""),
				     "Range: bytes=0-65536\r\n"),
			 404);
	put_block(s, p + BLOCK, BLOCK, &page.leaf[1], true);
	rest_ask(k, &a, "GET", rest_path(text, ""), "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, SIZE);
	assert_memory_equal(a.body, p, SIZE);
	assert_string_equal(rest_header(&a, "Content-Type"), "text/html");
	rest_answer_free(&a);
	j = listed(k, text);
	assert_non_null(j);
	json_decref(j);
	assert_true(exists(k, text));
	assert_int_equal(drop(k, text), 204);
	assert_false(exists(k, text));
	assert_null(listed(k, text));
	cdx_buf_free(&bytes);
	cdx_manifest_free(&m);
	free(p);
}

/* ---- the rest of the table ---- */

static void without_peers(void **state)
{
	static const char *const alone[] = {
		"/spr",
		"/peerid",
		"/node/peerid",
		"/debug/info",
		"/connect/16Uiu2HAkyB7cZRb3ub1pTTTCVCdLYkwJHqk8gvnYBYwPJqM8gXQ",
	};
	static const char *const market[] = {
		"/sales/slots",	       "/sales/slots/x",
		"/sales/availability", "/sales/availability/x/reservations",
		"/storage/purchases",  "/storage/purchases/x",
	};
	const struct rest_kit *k = *state;
	struct rest_answer a;
	char path[256];

	for (size_t i = 0; i < CDX_ARRAY_LEN(alone); i++) {
		int status;

		snprintf(path, sizeof(path), V1 "%s", alone[i]);
		status = rest_status(k, "GET", path, "");
		if (status != 503 && !(i == 4 && status == 400))
			fail_msg("%s: %d", path, status);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(market); i++) {
		snprintf(path, sizeof(path), V1 "%s", market[i]);
		rest_ask(k, &a, "GET", path, "", NULL, 0);
		assert_int_equal(a.status, 503);
		assert_string_equal(a.body, "Persistence is not enabled\n");
		rest_answer_free(&a);
	}
}

static void space(void **state)
{
	const struct rest_kit *k = *state;
	json_t *before = rest_json(k, V1 "/space");
	uint8_t *p = rest_bytes(SIZE);
	char cid[CDX_CID_TEXT_MAX];
	json_t *after;

	p[1] = 99;
	rest_upload(k, p, SIZE, "", cid);
	after = rest_json(k, V1 "/space");
	assert_int_equal(
		json_integer_value(json_object_get(after, "quotaMaxBytes")),
		(64 + 8) << 20);
	assert_true(json_integer_value(json_object_get(after, "totalBlocks")) >
		    json_integer_value(json_object_get(before, "totalBlocks")));
	assert_true(
		json_integer_value(json_object_get(after, "quotaUsedBytes")) >
		json_integer_value(json_object_get(before, "quotaUsedBytes")));
	assert_true(
		json_is_integer(json_object_get(after, "quotaReservedBytes")));
	json_decref(before);
	json_decref(after);
	free(p);
}

static void loglevel(void **state)
{
	struct rest_kit *k = *state;
	static const char path[] = V1 "/debug/chronicles/loglevel";
	char text[128];

	assert_int_equal(rest_status(k, "POST", path, ""), 400);
	snprintf(text, sizeof(text), "%s?level=loud", path);
	assert_int_equal(rest_status(k, "POST", text, ""), 400);
	snprintf(text, sizeof(text), "%s?level=TRACE", path);
	assert_int_equal(rest_status(k, "POST", text, ""), 200);
	assert_int_equal(k->log.level, CDX_LOG_TRACE);
	snprintf(text, sizeof(text), "%s?level=warn", path);
	assert_int_equal(rest_status(k, "POST", text, ""), 200);
	assert_int_equal(k->log.level, CDX_LOG_WARN);
}

/* Every line of Prometheus' text form is one: # HELP, # TYPE, or NAME VALUE */
static void check_metrics(const char *text)
{
	char *copy = strdup(text);
	char *save = NULL;
	char type[128] = "";
	unsigned n = 0;

	assert_non_null(copy);
	for (char *line = strtok_r(copy, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		size_t len = strcspn(line, " {");

		if (strncmp(line, "# HELP ", 7) == 0)
			continue;
		if (strncmp(line, "# TYPE ", 7) == 0) {
			snprintf(type, sizeof(type), "%.*s",
				 (int)strcspn(line + 7, " "), line + 7);
			continue;
		}
		/* a sample belongs to the type above it */
		assert_int_equal(len, strlen(type));
		assert_memory_equal(line, type, len);
		assert_non_null(strchr(line, ' '));
		n++;
	}
	assert_true(n > 80);
	free(copy);
}

static void metrics(void **state)
{
	static const char *const names[] = {
		"codex_repostore_blocks",
		"codex_repostore_bytes_used",
		"codex_repostore_bytes_reserved",
		"codex_api_uploads",
		"codex_api_uploads_total",
		"codex_api_downloads",
		"codex_purchases_pending",
		"codex_purchases_submitted",
		"codex_purchases_started",
		"codex_purchases_finished",
		"codex_purchases_failed",
		"codex_purchases_cancelled",
		"codex_purchases_error",
		"codex_purchases_unknown",
		"codex_reservations_availability_mismatch",
		"codex_inflight_discovery",
		"codex_inflight_advertise",
		"codex_block_exchange_blocks_sent",
		"codex_block_exchange_blocks_received",
		"codex_block_exchange_want_have_lists_sent",
		"codex_block_exchange_want_have_lists_received",
		"codex_block_exchange_want_block_lists_sent",
		"codex_block_exchange_want_block_lists_received",
		"codex_block_exchange_spurious_blocks_received",
		"codex_block_exchange_pending_block_requests",
		"codex_block_exchange_retrieval_time_us",
		"codex_block_exchange_discovery_requests_total",
		"codex_block_exchange_peer_timeouts_total",
		"codex_block_exchange_requests_failed_total",
		"codexfs_store_failed",
		"codexfs_cache_hits_total",
		"codexfs_exchange_peers",
		"codexfs_discovery_announced",
		"codexfs_server_requests_total",
	};
	const struct rest_kit *k = *state;
	struct rest_answer a;
	struct rest_answer b;
	char line[256];

	rest_ask(k, &a, "GET", "/metrics", "", NULL, 0);
	assert_int_equal(a.status, 200);
	assert_string_equal(rest_header(&a, "Content-Type"),
			    "text/plain; version=0.0.4; charset=utf-8");
	check_metrics(a.body);
	for (size_t i = 0; i < CDX_ARRAY_LEN(names); i++) {
		snprintf(line, sizeof(line), "\n%s ", names[i]);
		if (strstr(a.body, line) == NULL)
			fail_msg("no %s", names[i]);
	}
	rest_answer_free(&a);
	rest_ask(k, &b, "GET", V1 "/metrics", "", NULL, 0);
	assert_int_equal(b.status, 200);
	rest_answer_free(&b);
}

static void health(void **state)
{
	const struct rest_kit *k = *state;
	json_t *j = rest_json(k, "/health");

	assert_string_equal(json_string_value(json_object_get(j, "status")),
			    "ok");
	json_decref(j);
	j = rest_json(k, V1 "/health");
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(heads),
		cmocka_unit_test(ranges),     cmocka_unit_test(blocks),
		cmocka_unit_test(lists),      cmocka_unit_test(of_a_volume),
		cmocka_unit_test(cached),     cmocka_unit_test(without_peers),
		cmocka_unit_test(space),      cmocka_unit_test(loglevel),
		cmocka_unit_test(metrics),    cmocka_unit_test(health),
	};

	return cmocka_run_group_tests(tests, rest_kit_setup, rest_kit_teardown);
}
