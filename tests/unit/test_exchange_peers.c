/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "exchange/internal.h"

/* The table of peers by itself: what records and people say about addresses. */

static struct cdx_exchange ex;

static int setup(void **state)
{
	(void)state;
	memset(&ex, 0, sizeof(ex));
	cdx_list_init(&ex.peers);
	cdx_list_init(&ex.sessions);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (!cdx_list_empty(&ex.peers))
		cdx_xpeer_free(
			cdx_list_entry(ex.peers.next, struct cdx_xpeer, node));
	return 0;
}

static struct cdx_maddr at(uint16_t port, bool http)
{
	struct cdx_maddr a = {
		.kind = CDX_MADDR_IP4,
		.port = port,
		.http = http,
	};

	(void)snprintf(a.host, sizeof(a.host), "192.0.2.1");
	return a;
}

/* A newer record without an address that can be asked takes none away: what is in
 * flight with its peer may still fail. */
static void records_of_bare_tcp(void **state)
{
	struct cdx_provider_record r = {.id.b = {1}, .n_addrs = 1};
	struct cdx_xpeer *p;

	(void)state;
	r.addr[0] = at(1, false);
	assert_null(cdx_xpeer_of(&ex, &r));
	assert_int_equal(ex.n_peers, 0);
	r.n_addrs = 2;
	r.addr[1] = at(2, true);
	p = cdx_xpeer_of(&ex, &r);
	assert_non_null(p);
	assert_int_equal(p->n_addrs, 1);
	assert_int_equal(p->addr[p->at].port, 2);
	r.n_addrs = 1;
	assert_null(cdx_xpeer_of(&ex, &r));
	assert_int_equal(p->n_addrs, 1);
	cdx_xpeer_failed(&ex, p, 0);
	assert_int_equal(p->addr[p->at].port, 2);
}

/* One that is called by another address than its record's is asked there, also
 * after the next record that has it. */
static void called_elsewhere(void **state)
{
	struct cdx_provider_record r = {.id.b = {1}, .n_addrs = 1};
	struct cdx_maddr other = at(9, true);
	struct cdx_xpeer *p;

	(void)state;
	r.addr[0] = at(1, true);
	p = cdx_xpeer_of(&ex, &r);
	assert_non_null(p);
	assert_ptr_equal(cdx_xpeer_at(&ex, &other, &r.id), p);
	assert_int_equal(p->n_addrs, 2);
	assert_int_equal(p->addr[p->at].port, 9);
	for (uint16_t i = 0; i < 2 * CDX_PEER_ADDRS_MAX; i++) {
		other.port = (uint16_t)(9 + i);
		assert_ptr_equal(cdx_xpeer_at(&ex, &other, &r.id), p);
		assert_int_equal(p->addr[p->at].port, 9 + i);
	}
	assert_int_equal(p->n_addrs, CDX_PEER_ADDRS_MAX);
	r.n_addrs = 2;
	r.addr[1] = other;
	assert_ptr_equal(cdx_xpeer_of(&ex, &r), p);
	assert_int_equal(p->n_addrs, 2);
	assert_int_equal(p->addr[p->at].port, other.port);
	assert_int_equal(ex.n_peers, 1);
}

/* A liar takes along its id and the address that lied, not one of somebody else
 * that its record names. */
static void liar_with_anothers_address(void **state)
{
	struct cdx_provider_record liar = {.id.b = {1}, .n_addrs = 2};
	struct cdx_provider_record honest = {.id.b = {2}, .n_addrs = 1};
	struct cdx_xpeer *p;

	(void)state;
	ex.lie_s = 3600;
	liar.addr[0] = at(1, true);
	liar.addr[1] = at(2, true);
	p = cdx_xpeer_of(&ex, &liar);
	assert_non_null(p);
	cdx_xpeer_lied(&ex, p, NULL, "nonsense");
	assert_null(cdx_xpeer_of(&ex, &liar));
	honest.addr[0] = at(1, true);
	assert_null(cdx_xpeer_of(&ex, &honest));
	honest.addr[0] = at(2, true);
	assert_non_null(cdx_xpeer_of(&ex, &honest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_of_bare_tcp, setup,
						teardown),
		cmocka_unit_test_setup_teardown(called_elsewhere, setup,
						teardown),
		cmocka_unit_test_setup_teardown(liar_with_anothers_address,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
