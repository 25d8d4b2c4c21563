/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/market_internal.h"
#include "store/offer.h"
#include "store/quota.h"
#include "store_kit.h"

/* The availability of the configuration, in a real store: made, changed, withdrawn,
 * and refused in words. */

#define MIB (UINT64_C(1) << 20)

struct shop {
	struct kit k;
	struct cdx_node n;
	struct cdx_node_market m;
};

static void open_shop(struct shop *s)
{
	memset(s, 0, sizeof(*s));
	kit_defaults(&s->k);
	kit_init(&s->k);
	kit_open(&s->k);
	s->n.store = s->k.s;
	s->m.n = &s->n;
	s->m.conf.provides = true;
	s->m.conf.provide = 10 * MIB;
	s->m.conf.max_duration = 3600;
	s->m.conf.min_price = cdx_u256_of(2);
	s->m.conf.collateral = cdx_u256_of(1000);
}

static int in_step(struct shop *s, char why[CDX_CHAIN_WHY_MAX])
{
	s->n.store = s->k.s;
	return cdx_node_market_offer(&s->m, why);
}

struct all {
	struct cdx_offer o[4];
	unsigned n;
};

static int note(void *arg, const struct cdx_offer *o)
{
	struct all *a = arg;

	assert_true(a->n < CDX_ARRAY_LEN(a->o));
	a->o[a->n++] = *o;
	return 0;
}

static struct all offers(struct shop *s)
{
	struct all a = {.n = 0};

	assert_int_equal(cdx_offer_list(s->k.s, note, &a), 0);
	return a;
}

static uint64_t limit(struct shop *s)
{
	struct cdx_space sp;

	cdx_quota_space(s->k.s, CDX_SHARE_PROVIDER, &sp);
	return sp.limit;
}

static void test_in_step(void **state)
{
	char why[CDX_CHAIN_WHY_MAX];
	struct shop s;
	struct all a;
	struct cdx_offer own = {
		.total = MIB,
		.duration = 60,
		.min_price = {{1}},
		.collateral = {{5}},
		.enabled = true,
	};

	(void)state;
	open_shop(&s);
	/* the share had nothing, and has what is offered now */
	assert_int_equal(limit(&s), 0);
	assert_int_equal(in_step(&s, why), 0);
	assert_string_equal(why, "");
	assert_int_equal(limit(&s), 10 * MIB);
	a = offers(&s);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.o[0].total, 10 * MIB);
	assert_int_equal(a.o[0].free, 10 * MIB);
	assert_int_equal(a.o[0].collateral.v[0], 1000);
	assert_true(a.o[0].enabled);
	/* again, also after a restart, changes nothing */
	kit_reopen(&s.k);
	assert_int_equal(in_step(&s, why), 0);
	assert_int_equal(offers(&s).n, 1);
	assert_int_equal(limit(&s), 10 * MIB);
	/* one by hand is left alone, and has its own room */
	assert_int_equal(cdx_offer_add(s.k.s, &own), CDX_E_QUOTA);
	assert_int_equal(
		cdx_store_set_share(s.k.s, CDX_SHARE_PROVIDER, 11 * MIB), 0);
	assert_int_equal(cdx_offer_add(s.k.s, &own), 0);
	s.m.conf.provide = 20 * MIB;
	s.m.conf.min_price = cdx_u256_of(3);
	s.m.conf.until = 2000000000;
	assert_int_equal(in_step(&s, why), 0);
	assert_int_equal(limit(&s), 21 * MIB);
	a = offers(&s);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.o[0].total + a.o[1].total, 21 * MIB);
	/* less: what is not used is free again */
	s.m.conf.provide = 5 * MIB;
	assert_int_equal(in_step(&s, why), 0);
	a = offers(&s);
	assert_int_equal(a.o[0].free + a.o[1].free, 6 * MIB);
	/* by hand only from now on */
	s.m.conf.provide = 0;
	assert_int_equal(in_step(&s, why), 0);
	a = offers(&s);
	assert_int_equal(a.n, 2);
	assert_int_equal((int)a.o[0].enabled + (int)a.o[1].enabled, 1);
	s.m.conf.provide = 6 * MIB;
	assert_int_equal(in_step(&s, why), 0);
	a = offers(&s);
	assert_true(a.o[0].enabled && a.o[1].enabled);
	kit_free(&s.k);
}

static void test_refused(void **state)
{
	char why[CDX_CHAIN_WHY_MAX];
	struct cdx_reservation r = {.index = 1, .bytes = 8 * MIB};
	struct shop s;
	struct all a;

	(void)state;
	open_shop(&s);
	/* more than any disk has: words, and the share stays */
	s.m.conf.provide = UINT64_C(1) << 60;
	assert_int_equal(in_step(&s, why), -ENOSPC);
	assert_non_null(strstr(why, "offer less"));
	assert_int_equal(limit(&s), 0);
	assert_int_equal(offers(&s).n, 0);
	s.m.conf.provide = 10 * MIB;
	assert_int_equal(in_step(&s, why), 0);
	/* not below what slots take, but the price all the same */
	a = offers(&s);
	memcpy(r.offer, a.o[0].id, sizeof(r.offer));
	r.collateral = cdx_u256_of(7);
	r.valid_until = 1900000000;
	assert_int_equal(cdx_reservation_add(s.k.s, &r), 0);
	s.m.conf.provide = 2 * MIB;
	s.m.conf.min_price = cdx_u256_of(9);
	assert_int_equal(in_step(&s, why), -ERANGE);
	assert_non_null(strstr(why, "less than what slots take"));
	a = offers(&s);
	assert_int_equal(a.o[0].total, 10 * MIB);
	assert_int_equal(a.o[0].min_price.v[0], 9);
	s.m.conf.provide = 10 * MIB;
	s.m.conf.until = 1800000000;
	assert_int_equal(in_step(&s, why), -ERANGE);
	assert_non_null(strstr(why, "until is before"));
	assert_int_equal(offers(&s).o[0].until, 0);
	kit_free(&s.k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_step),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
