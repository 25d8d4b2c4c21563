/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "discovery/discovery.h"
#include "discovery/static.h"
#include "net/web.h"
#include "tests/unit/loop_kit.h"

/* Static peers: real HTTP servers on the loopback that say what the test wants. */

#define FIND_MS 10000u
#define SERVERS 4u

/* immutable once it serves */
struct server {
	struct cdx_web *web;
	struct cdx_identity who;
	struct cdx_buf record;
	const char *json; /* about any dataset; NULL: 404 */
	bool hangs;
};

struct env {
	struct loop_kit kit;
	struct cdx_http *http;
	struct cdx_identity us;
	struct server server[SERVERS];
	struct cdx_discovery_opts o;
	struct cdx_discovery *d;
	unsigned n;
	bool over;
	struct cdx_provider_record r[SERVERS];
};

static struct cdx_identity identity(uint8_t byte, const char *network)
{
	struct cdx_identity who;

	memset(&who, 0, sizeof(who));
	memset(who.key.b, byte, sizeof(who.key.b));
	assert_int_equal(cdx_seckey_public(who.id.b, &who.key), 0);
	cdx_network_of(&who.network, network);
	return who;
}

static void gone(void *arg)
{
	(void)arg;
}

/* On a thread of the server: no assertions here */
static void answer(void *arg, struct cdx_web_req *r)
{
	const struct server *s = arg;
	const char *path = cdx_web_path(r);

	if (s->hangs)
		cdx_web_defer(r, 60000, gone, NULL);
	else if (strcmp(path, "/codex/v1/peer") == 0 && s->record.len)
		cdx_web_reply(r, 200, "application/octet-stream", s->record.p,
			      s->record.len);
	else if (strncmp(path, "/codex/v1/datasets/z", 20) == 0 && s->json)
		cdx_web_reply(r, 200, "application/json", s->json,
			      strlen(s->json));
	else
		cdx_web_reply(r, 404, "text/plain", "no", 2);
}

static void sign(struct server *s, int64_t expires)
{
	struct cdx_peer_record r;

	memset(&r, 0, sizeof(r));
	r.seq = 1;
	r.expires = expires;
	assert_int_equal(cdx_peer_record_sign(&s->record, &r, &s->who), 0);
}

/* The next server, which becomes a peer of the configuration */
static struct server *serve(struct env *e, const char *network,
			    const char *json)
{
	unsigned i = e->o.n_peers++;
	struct server *s = &e->server[i];
	const struct cdx_web_opts o = {
		.listen = "127.0.0.1:0", .threads = 1, .fn = answer, .arg = s};
	struct sockaddr_storage at;
	char why[256];
	char text[32];

	s->who = identity((uint8_t)(10 + i), network);
	s->json = json;
	assert_int_equal(cdx_web_new(&s->web, &o, why), 0);
	cdx_web_addr(s->web, &at);
	(void)snprintf(
		text, sizeof(text), "127.0.0.1:%u",
		(unsigned)ntohs(((const struct sockaddr_in *)&at)->sin_port));
	assert_int_equal(cdx_maddr_parse(&e->o.peer[i], text), 0);
	return s;
}

static void env_start(struct env *e)
{
	memset(e, 0, sizeof(*e));
	loop_kit_start(&e->kit);
	assert_int_equal(cdx_http_new(&e->http, e->kit.loop), 0);
	e->us = identity(1, "test");
	e->o.loop = e->kit.loop;
	e->o.http = e->http;
	e->o.who = &e->us;
}

static void env_end(struct env *e)
{
	cdx_discovery_free(e->d);
	cdx_http_free(e->http);
	for (unsigned i = 0; i < SERVERS; i++) {
		cdx_web_free(e->server[i].web);
		cdx_buf_free(&e->server[i].record);
	}
	loop_kit_end(&e->kit);
}

static void on_found(void *arg, const struct cdx_provider_record *r)
{
	struct env *e = arg;

	if (!r) {
		e->over = true;
		loop_kit_stop(&e->kit);
		return;
	}
	assert_true(e->n < SERVERS);
	e->r[e->n++] = *r;
}

static void find(struct env *e, unsigned ms)
{
	struct cdx_cid cid = cdx_cid_block("x", 1);
	struct cdx_find *f;

	e->n = 0;
	e->over = false;
	if (!e->d)
		assert_int_equal(cdx_discovery_new(&e->d, &e->o), 0);
	assert_int_equal(cdx_discovery_find(e->d, &f, &cid, ms, on_found, e),
			 0);
	loop_kit_run(&e->kit);
	assert_true(e->over);
}

/* Was this server found, and with what? */
static bool from(const struct env *e, unsigned i,
		 struct cdx_provider_record *out)
{
	for (unsigned k = 0; k < e->n; k++) {
		if (memcmp(&e->r[k].id, &e->server[i].who.id,
			   sizeof(e->r[k].id)) != 0)
			continue;
		*out = e->r[k];
		return true;
	}
	return false;
}

static void answers(void **state)
{
	struct env e;
	int64_t later = cdx_clock_wall_s() + 3600;
	struct cdx_provider_record r;

	(void)state;
	env_start(&e);
	sign(serve(&e, "test", "{\"complete\":true,\"slots\":[]}"), later);
	sign(serve(&e, "test", "{\"complete\":false,\"slots\":[0,9]}"), later);
	sign(serve(&e, "test", "{\"complete\":false,\"slots\":[],\"x\":1}"),
	     later);
	sign(serve(&e, "test", NULL), later);
	/* the second time they are known */
	for (unsigned round = 0; round < 2; round++) {
		find(&e, FIND_MS);
		assert_int_equal(e.n, 3);
		for (unsigned i = 0; i < 3; i++) {
			assert_true(from(&e, i, &r));
			assert_int_equal(r.n_addrs, 1);
			assert_true(cdx_maddr_equal(&r.addr[0], &e.o.peer[i]));
			assert_int_equal(r.holding, i == 0   ? CDX_HOLDS_ALL
						    : i == 1 ? CDX_HOLDS_SLOTS
							     : CDX_HOLDS_SOME);
			assert_int_equal(r.slots.b[0], i == 1 ? 1 : 0);
			assert_int_equal(r.slots.b[1], i == 1 ? 2 : 0);
		}
	}
	env_end(&e);
}

/* Another network, no record at all, an old one, ourselves */
static void strangers(void **state)
{
	static const char all[] = "{\"complete\":true,\"slots\":[]}";
	int64_t now = cdx_clock_wall_s();
	struct server *s;
	struct env e;

	(void)state;
	env_start(&e);
	sign(serve(&e, "other", all), now + 3600);
	(void)serve(&e, "test", all);
	sign(serve(&e, "test", all), now - 3600);
	s = serve(&e, "test", all);
	s->who = e.us;
	sign(s, now + 3600);
	find(&e, FIND_MS);
	assert_int_equal(e.n, 0);
	env_end(&e);
}

/* Nobody listens, or says nothing: the others are found in their time. */
static void faults(void **state)
{
	int64_t later = cdx_clock_wall_s() + 3600;
	struct cdx_provider_record r;
	struct env e;

	(void)state;
	env_start(&e);
	sign(serve(&e, "test", "{\"complete\":true,\"slots\":[]}"), later);
	serve(&e, "test", NULL)->hangs = true;
	sign(serve(&e, "test", "[\"complete\""), later);
	(void)serve(&e, "test", NULL);
	cdx_web_free(e.server[3].web);
	e.server[3].web = NULL;
	find(&e, 500);
	assert_int_equal(e.n, 1);
	assert_true(from(&e, 0, &r));
	env_end(&e);
}

/* Neither static peers nor a DHT */
static void nobody(void **state)
{
	struct env e;

	(void)state;
	env_start(&e);
	find(&e, FIND_MS);
	assert_int_equal(e.n, 0);
	env_end(&e);
}

static void ended(void **state)
{
	struct cdx_cid cid = cdx_cid_block("x", 1);
	struct cdx_find *f;
	struct env e;

	(void)state;
	env_start(&e);
	serve(&e, "test", NULL)->hangs = true;
	assert_int_equal(cdx_discovery_new(&e.d, &e.o), 0);
	assert_int_equal(
		cdx_discovery_find(e.d, &f, &cid, FIND_MS, on_found, &e), 0);
	loop_kit_run_ms(&e.kit, 50);
	cdx_find_cancel(f);
	assert_int_equal(
		cdx_discovery_find(e.d, &f, &cid, FIND_MS, on_found, &e), 0);
	loop_kit_run_ms(&e.kit, 50);
	cdx_discovery_free(e.d);
	e.d = NULL;
	loop_kit_run_ms(&e.kit, 50);
	assert_false(e.over);
	env_end(&e);
}

static void json(void **state)
{
	static const char *const bad[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"complete\":true}",
		"{\"complete\":1,\"slots\":[]}",
		"{\"complete\":true,\"slots\":{}}",
		"{\"complete\":true,\"slots\":[-1]}",
		"{\"complete\":true,\"slots\":[256]}",
		"{\"complete\":true,\"slots\":[1.0]}",
		"{\"complete\":true,\"slots\":[\"1\"]}",
		"{\"complete\":true,\"complete\":true,\"slots\":[]}",
		"{\"complete\":true,\"slots\":[]} x",
	};
	static const char most[] = "{\"complete\":false,\"slots\":[255]}";
	struct cdx_provider_record r;

	(void)state;
	memset(&r, 0, sizeof(r));
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_static_decode(&r, bad[i], strlen(bad[i])),
				 CDX_E_FORMAT);
	assert_int_equal(cdx_static_decode(&r, most, sizeof(most) - 1), 0);
	assert_int_equal(r.slots.b[31], 0x80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers), cmocka_unit_test(strangers),
		cmocka_unit_test(faults),  cmocka_unit_test(nobody),
		cmocka_unit_test(ended),   cmocka_unit_test(json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
