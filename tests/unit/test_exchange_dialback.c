/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Who a server is, and whether its callers can be reached; TLS. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve_kit.h"

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
		T(peer),
		T(tls),
		T(end_in_dial),
	};

	return cmocka_run_group_tests_name("exchange/dialback", tests, NULL,
					   NULL);
}
