/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The REST API of a node that fetches from another. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/peers.h"
#include "rest_kit.h"

#define SIZE 300000u

struct pair {
	struct cdx_conf_node conf; /* of both: on any port, no DHT */
	struct rest_kit has;
	struct rest_kit asks;
	char peer[CDX_PEER_ID_TEXT_MAX]; /* the one that has something */
	char addr[CDX_MADDR_TEXT_MAX];
};

static void one(struct rest_kit *k, const struct cdx_conf_node *conf)
{
	char address[] = "127.0.0.1:0";
	struct cdx_conf_api api = {.listen = address};

	rest_kit_open(k, 64u << 20, conf);
	assert_non_null(k->node.peers);
	assert_int_equal(rest_kit_listen(k, &api), 0);
}

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct cdx_peers_status st;

	assert_non_null(p);
	p->conf.network = strdup("test of REST");
	p->conf.listen = strdup("127.0.0.1:0");
	p->conf.has_cache = true;
	p->conf.cache = 64u << 20;
	p->conf.read_timeout_s = 60;
	one(&p->has, &p->conf);
	one(&p->asks, &p->conf);
	cdx_peers_status(p->has.node.peers, &st);
	assert_int_equal(st.n_addrs, 1);
	cdx_maddr_text(p->addr, &st.addr[0]);
	cdx_peer_id_text(p->peer, &cdx_peers_identity(p->has.node.peers)->id);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	rest_kit_close(&p->asks);
	rest_kit_close(&p->has);
	cdx_conf_node_free(&p->conf);
	free(p);
	return 0;
}

static int connect_by(const struct pair *p, const char *peer, const char *query)
{
	char path[2048];

	snprintf(path, sizeof(path), V1 "/connect/%s%s", peer, query);
	return rest_status(&p->asks, "GET", path, "");
}

static void connects(void **state)
{
	const struct pair *p = *state;
	char query[1024];
	char own[CDX_PEER_ID_TEXT_MAX];

	assert_int_equal(connect_by(p, p->peer, ""), 400);
	assert_int_equal(connect_by(p, p->peer, "?addrs=nonsense"), 400);
	assert_int_equal(connect_by(p, p->peer,
				    "?addrs=/ip4/127.0.0.1/tcp/1/http"),
			 400);
	/* somebody else is there */
	cdx_peer_id_text(own, &cdx_peers_identity(p->asks.node.peers)->id);
	snprintf(query, sizeof(query), "?addrs=%s", p->addr);
	assert_int_equal(connect_by(p, own, query), 400);
	/* the last of several */
	snprintf(query, sizeof(query),
		 "?addrs=/ip4/127.0.0.1/udp/1/quic-v1"
		 "&addrs=/ip4/127.0.0.1/tcp/1/http&addrs=%s",
		 p->addr);
	assert_int_equal(connect_by(p, p->peer, query), 200);
	/* and from now on where it was */
	assert_int_equal(connect_by(p, p->peer, ""), 200);
}

/* The same as text and as JSON */
static void form(const struct rest_kit *k, const char *path, const char *key,
		 const char *want)
{
	struct rest_answer a;
	json_t *j = rest_json(k, path);

	assert_string_equal(json_string_value(json_object_get(j, key)), want);
	json_decref(j);
	rest_ask(k, &a, "GET", path, "Accept: text/plain\r\n", NULL, 0);
	assert_string_equal(a.body, want);
	rest_answer_free(&a);
	rest_ask(k, &a, "GET", path,
		 "Accept: */*\r\nContent-Type: text/plain\r\n", NULL, 0);
	assert_string_equal(a.body, want);
	rest_answer_free(&a);
}

static void who(void **state)
{
	const struct pair *p = *state;
	char *spr;
	json_t *j;

	assert_int_equal(cdx_peers_spr(p->has.node.peers, &spr), 0);
	form(&p->has, V1 "/spr", "spr", spr);
	form(&p->has, V1 "/peerid", "id", p->peer);
	form(&p->has, V1 "/node/peerid", "id", p->peer);
	j = rest_json(&p->has, V1 "/debug/info");
	assert_string_equal(json_string_value(json_object_get(j, "id")),
			    p->peer);
	assert_string_equal(json_string_value(json_object_get(j, "spr")), spr);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(j, "addrs"), 0)),
			    p->addr);
	json_decref(j);
	free(spr);
}

/* An upload to one is read through the other */
static void streams(void **state)
{
	const struct pair *p = *state;
	uint8_t *bytes = rest_bytes(SIZE);
	char cid[CDX_CID_TEXT_MAX];
	struct rest_answer a;
	json_t *j;

	rest_upload(&p->has, bytes, SIZE, "Content-Type: image/png\r\n", cid);
	assert_int_equal(rest_status(&p->asks, "GET", rest_path(cid, ""), ""),
			 404);
	j = rest_json(&p->asks, rest_path(cid, "/network/manifest"));
	assert_string_equal(
		json_string_value(json_object_get(
			json_object_get(j, "manifest"), "mimetype")),
		"image/png");
	json_decref(j);
	rest_ask(&p->asks, &a, "GET", rest_path(cid, "/network/stream"),
		 "Range: bytes=70000-140000\r\n", NULL, 0);
	assert_int_equal(a.status, 206);
	assert_int_equal(a.len, 70001);
	assert_memory_equal(a.body, bytes + 70000, 70001);
	rest_answer_free(&a);
	rest_ask(&p->asks, &a, "HEAD", rest_path(cid, "/network/stream"), "",
		 NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(rest_length(&a), SIZE);
	rest_answer_free(&a);
	rest_ask(&p->asks, &a, "GET", rest_path(cid, "/network/stream"), "",
		 NULL, 0);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, SIZE);
	assert_memory_equal(a.body, bytes, SIZE);
	assert_string_equal(rest_header(&a, "Content-Type"), "image/png");
	rest_answer_free(&a);
	free(bytes);
}

/* Until all of it is here; the bytes of the last answer */
static void await_here(const struct rest_kit *k, const char *cid,
		       const uint8_t *bytes)
{
	struct rest_answer a;

	for (int t = 0;; t++) {
		rest_ask(k, &a, "GET", rest_path(cid, ""), "", NULL, 0);
		if (a.status == 200)
			break;
		assert_int_equal(a.status, 404);
		rest_answer_free(&a);
		assert_true(t < 6000);
		poll(NULL, 0, 10);
	}
	assert_int_equal(a.len, SIZE);
	assert_memory_equal(a.body, bytes, SIZE);
	rest_answer_free(&a);
}

static void fetches(void **state)
{
	struct pair *p = *state;
	uint8_t *bytes = rest_bytes(SIZE);
	char cid[CDX_CID_TEXT_MAX];
	char headers[512];
	json_t *j;

	bytes[0] ^= 1;
	bytes[SIZE - 1] ^= 1;
	rest_upload(&p->has, bytes, SIZE, "", cid);
	/* twice is once */
	for (int i = 0; i < 3; i++)
		assert_int_equal(rest_status(&p->asks, "POST",
					     rest_path(cid, "/network"), ""),
				 200);
	assert_true(cdx_rest_fetches_count(&p->asks.rest->fetches) <= 1);
	await_here(&p->asks, cid, bytes);
	j = rest_json(&p->asks, V1 "/data");
	assert_true(json_array_size(json_object_get(j, "content")) >= 1);
	json_decref(j);
	/* not announced any more */
	rest_auth(&p->asks, headers);
	assert_int_equal(rest_status(&p->asks, "DELETE", rest_path(cid, ""),
				     headers),
			 204);
	assert_int_equal(rest_status(&p->asks, "GET", rest_path(cid, ""), ""),
			 404);
	/* nobody has these */
	assert_int_equal(rest_status(&p->asks, "GET",
				     rest_path(ABSENT, "/network/stream"), ""),
			 404);
	assert_int_equal(rest_status(&p->asks, "POST",
				     rest_path(ABSENT, "/network"), ""),
			 404);
	free(bytes);
}

/* More than there is room for at once; what is under way ends with the server */
static void many_fetches(void **state)
{
	struct pair *p = *state;
	size_t len = 1u << 20;
	uint8_t *bytes = rest_bytes(len);
	char cid[CDX_CID_TEXT_MAX];

	for (unsigned i = 0; i < CDX_REST_FETCHES_MAX + 4; i++) {
		int status;

		for (size_t o = 0; o < len; o += 65536)
			cdx_put_be32(bytes + o, i << 16 | (uint32_t)(o >> 16));
		rest_upload(&p->has, bytes, len, "", cid);
		status = rest_status(&p->asks, "POST",
				     rest_path(cid, "/network"), "");
		assert_true(status == 200 || status == 503);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects),	cmocka_unit_test(who),
		cmocka_unit_test(streams),	cmocka_unit_test(fetches),
		cmocka_unit_test(many_fetches),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
