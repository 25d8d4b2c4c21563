/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The REST API and clients that send nonsense, too much, or half of it. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rest_kit.h"
#include "store/kv.h"
#include "store/quota.h"

#define BLOCK 65536u
#define SIZE (2 * BLOCK + BLOCK / 2)

static void bad_uploads(void **state)
{
	static const char *const headers[] = {
		"Content-Type: nonsense\r\n",
		"Content-Type: text/\r\n",
		"Content-Disposition: attachment; filename=\"../x\"\r\n",
		"Content-Disposition: attachment; filename=\"a\tb\"\r\n",
		"Content-Disposition: attachment; filename=\"x\r\n",
		"Content-Disposition: ;;\r\n",
	};
	const struct rest_kit *k = *state;
	uint8_t *p = rest_bytes(SIZE);
	int64_t before = cdx_kv_counter(k->node.store, CDX_CNT_DATASETS);
	struct rest_answer a;

	for (size_t i = 0; i < CDX_ARRAY_LEN(headers); i++) {
		rest_ask(k, &a, "POST", V1 "/data", headers[i], p, SIZE);
		if (a.status != 422)
			fail_msg("%s: %d", headers[i], a.status);
		rest_answer_free(&a);
	}
	rest_ask(k, &a, "POST", V1 "/data", "", p, 0);
	assert_int_equal(a.status, 422);
	rest_answer_free(&a);
	assert_int_equal(cdx_kv_counter(k->node.store, CDX_CNT_DATASETS),
			 before);
	free(p);
}

/* Which bytes the volume's share is charged with */
static uint64_t used(const struct rest_kit *k)
{
	struct cdx_space sp;

	cdx_quota_space(k->node.store, CDX_SHARE_VOLUME, &sp);
	return sp.used;
}

/* The client goes in the middle: nothing stays */
static void cut_uploads(void **state)
{
	static const char *const heads[] = {
		"Content-Length: 10000000\r\n",
		"Transfer-Encoding: chunked\r\n",
	};
	const struct rest_kit *k = *state;
	struct cdx_store *s = k->node.store;
	uint8_t *p = rest_bytes(8u << 20);
	int64_t blocks_before = cdx_kv_counter(s, CDX_CNT_BLOCKS);
	int64_t datasets = cdx_kv_counter(s, CDX_CNT_DATASETS);
	uint64_t bytes = used(k);
	char text[256];

	for (size_t i = 0; i < CDX_ARRAY_LEN(heads); i++) {
		int fd = rest_kit_connect(k);
		uint64_t seen = 0;

		snprintf(text, sizeof(text),
			 "POST " V1 "/data HTTP/1.1\r\nHost: 127.0.0.1\r\n"
			 "%s\r\n%s",
			 heads[i], i == 1 ? "800000\r\n" : "");
		rest_kit_send(fd, text, strlen(text));
		/* more than is gathered before blocks are written */
		rest_kit_send(fd, p, 8u << 20);
		for (int t = 0; seen == 0 && t < 6000; t++) {
			seen = used(k) - bytes;
			poll(NULL, 0, 10);
		}
		assert_true(seen > 0);
		close(fd);
		for (int t = 0; used(k) != bytes && t < 6000; t++)
			poll(NULL, 0, 10);
		assert_int_equal(used(k), bytes);
		assert_int_equal(cdx_kv_counter(s, CDX_CNT_BLOCKS),
				 blocks_before);
		assert_int_equal(cdx_kv_counter(s, CDX_CNT_DATASETS), datasets);
	}
	free(p);
}

static void too_much(void **state)
{
	const struct rest_kit *k = *state;
	size_t len = 50u << 20; /* with its parity more than the share */
	uint8_t *p = rest_bytes(len);
	uint64_t before = used(k);
	struct rest_answer a;

	for (size_t o = 0; o < len; o += BLOCK)
		cdx_put_be32(p + o, (uint32_t)o);

	rest_ask(k, &a, "POST", V1 "/data", "", p, len);
	assert_int_equal(a.status, 507);
	assert_non_null(strstr(a.body, "quota"));
	rest_answer_free(&a);
	assert_int_equal(used(k), before);
	free(p);
}

static void bad_cids(void **state)
{
	static const char *const paths[] = {
		"",
		"/exists",
		"/network/stream",
		"/network/manifest",
	};
	static const char *const cids[] = {
		"nonsense", "z", "zz", "%7B%7D", "..", "QmNotACid", "123",
	};
	const struct rest_kit *k = *state;
	char long_cid[400];
	char headers[512];

	rest_auth(k, headers);
	memset(long_cid, 'z', sizeof(long_cid));
	long_cid[sizeof(long_cid) - 1] = '\0';
	for (size_t i = 0; i <= CDX_ARRAY_LEN(cids); i++) {
		const char *cid = i < CDX_ARRAY_LEN(cids) ? cids[i] : long_cid;

		for (size_t j = 0; j < CDX_ARRAY_LEN(paths); j++) {
			int status = rest_status(k, "GET",
						 rest_path(cid, paths[j]), "");

			if (status != 400)
				fail_msg("%s%s: %d", cid, paths[j], status);
		}
		assert_int_equal(rest_status(k, "DELETE", rest_path(cid, ""),
					     headers),
				 400);
		assert_int_equal(rest_status(k, "POST",
					     rest_path(cid, "/network"), ""),
				 400);
	}
	for (size_t j = 0; j < CDX_ARRAY_LEN(paths); j++)
		assert_int_equal(rest_status(k, "GET",
					     rest_path(ABSENT, paths[j]), ""),
				 j == 1 ? 200 : 404);
	assert_int_equal(
		rest_status(k, "POST", rest_path(ABSENT, "/network"), ""), 404);
}

static void paths(void **state)
{
	static const struct {
		const char *method;
		const char *path;
		int status;
		const char *allow;
	} cases[] = {
		{"GET", "/", 404, NULL},
		{"GET", "/api", 404, NULL},
		{"GET", V1, 404, NULL},
		{"GET", V1 "/", 404, NULL},
		{"GET", V1 "/data/", 404, NULL},
		{"GET", V1 "//data", 404, NULL},
		{"GET", V1 "/data/x/y", 404, NULL},
		{"GET", V1 "/data/x/network/", 404, NULL},
		{"GET", V1 "/data/x/network/y", 404, NULL},
		{"GET", V1 "/DATA", 404, NULL},
		{"OPTIONS", V1 "/nothing", 404, NULL},
		{"PUT", V1 "/data", 405, "GET, HEAD, POST, OPTIONS"},
		{"DELETE", V1 "/data", 405, "GET, HEAD, POST, OPTIONS"},
		{"POST", V1 "/data/x", 405, "GET, HEAD, DELETE, OPTIONS"},
		{"GET", V1 "/data/x/network", 405, "POST, OPTIONS"},
		{"GET", V1 "/storage/request/x", 405, "POST, OPTIONS"},
		{"POST", V1 "/space", 405, "GET, HEAD, OPTIONS"},
		{"POST", "/metrics", 405, "GET, HEAD, OPTIONS"},
		{"BREW", V1 "/space", 405, "GET, HEAD, OPTIONS"},
		{"OPTIONS", V1 "/data", 204, "GET, HEAD, POST, OPTIONS"},
		{"OPTIONS", V1 "/sales/availability/x", 204, "PATCH, OPTIONS"},
	};
	const struct rest_kit *k = *state;

	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		struct rest_answer a;

		rest_ask(k, &a, cases[i].method, cases[i].path, "", NULL, 0);
		if (a.status != cases[i].status)
			fail_msg("%s %s: %d", cases[i].method, cases[i].path,
				 a.status);
		if (cases[i].allow != NULL)
			assert_string_equal(rest_header(&a, "Allow"),
					    cases[i].allow);
		rest_answer_free(&a);
	}
}

/* Requests that are none; the server goes on */
static void not_http(void **state)
{
	static const char *const texts[] = {
		"\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"GET / HTTP/9.9\r\n\r\n",
		"GET " V1 "/data HTTP/1.1\r\n\r\n", /* no Host */
		"GET " V1 "/data HTTP/1.0\r\n\r\n",
		"POST " V1 "/data HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		"Content-Length: -1\r\n\r\n",
		"POST " V1 "/data HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		"Content-Length: 99999999999999999999999\r\n\r\n",
		"POST " V1 "/data HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	};
	const struct rest_kit *k = *state;
	int64_t before = cdx_kv_counter(k->node.store, CDX_CNT_DATASETS);
	struct rest_answer a;
	char *huge = malloc(1u << 20);
	int fd;

	assert_non_null(huge);
	for (size_t i = 0; i < CDX_ARRAY_LEN(texts); i++) {
		fd = rest_kit_connect(k);
		rest_kit_send(fd, texts[i], strlen(texts[i]));
		shutdown(fd, SHUT_WR);
		rest_kit_read(fd, &a);
		if (a.status != 0 && (a.status < 400 || a.status >= 600))
			fail_msg("%s: %d", texts[i], a.status);
		rest_answer_free(&a);
		close(fd);
	}
	/* a header without an end */
	memset(huge, 'h', 1u << 20);
	memcpy(huge, "GET / HTTP/1.1\r\nX: ", 19);
	fd = rest_kit_connect(k);
	rest_kit_send(fd, huge, 1u << 20);
	rest_kit_read(fd, &a);
	assert_true(a.status == 0 || a.status >= 400);
	rest_answer_free(&a);
	close(fd);
	free(huge);
	assert_int_equal(rest_status(k, "GET", V1 "/space", ""), 200);
	assert_int_equal(cdx_kv_counter(k->node.store, CDX_CNT_DATASETS),
			 before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_uploads), cmocka_unit_test(cut_uploads),
		cmocka_unit_test(too_much),    cmocka_unit_test(bad_cids),
		cmocka_unit_test(paths),       cmocka_unit_test(not_http),
	};

	return cmocka_run_group_tests(tests, rest_kit_setup, rest_kit_teardown);
}
