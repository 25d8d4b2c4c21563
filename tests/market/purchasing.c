/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Purchases from their record to their end, on a chain: every state, by its way and
 * by the others.
 *
 * usage: purchasing URL KEY.zkey ARTIFACTS
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/market/purchasing_kit.h"

static char **args;
static struct bk w;

static int setup(void **state)
{
	(void)state;
	bk_start(&w, "market/purchasing", args, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bk_stop(&w);
	return 0;
}

static bool is_settled(void *arg)
{
	struct cdx_purchasing_stats st;

	(void)arg;
	cdx_purchasing_stats(w.p, &st);
	return !cdx_u256_is_zero(&st.returned);
}

static bool is_proven(void *arg)
{
	(void)arg;
	return cdx_purchasing_stage(w.p, &w.kit.data.verifiable) ==
	       CDX_SEGMENT_PROVEN;
}

/* The whole way of a segment: bought, filled, safe, proven, finished, paid back; the
 * contract has nothing left */
static void test_life(void **state)
{
	struct cdx_purchase_info info;
	struct mk_request rq;
	struct cdx_u256 left;

	(void)state;
	bk_client(&w);
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	assert_int_equal(mk_request_state(&w.kit, &info.id), CDX_REQUEST_NEW);
	assert_int_equal(w.v.published, 1);
	assert_int_equal(cdx_purchasing_stage(w.p, &w.kit.data.verifiable),
			 CDX_SEGMENT_REQUESTED);
	assert_false(bk_safe(&w));
	bk_fill_all(&w, &info);
	info = bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	mk_until(&w.kit, bk_safe, &w, "safe");
	info = bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	assert_int_equal(info.filled, 3);
	assert_int_equal(info.hosts, 3);
	assert_int_equal(info.worst, 1);
	assert_int_equal(cdx_purchasing_stage(w.p, &w.kit.data.verifiable),
			 CDX_SEGMENT_STORED);
	rq = bk_request(&info);
	for (unsigned i = 0; i < 3; i++) {
		mk_next_period(&w.kit);
		mk_settle(&w.kit, &rq.slot[i]);
		mk_submit(&w.kit, &w.host[i], &rq, i);
	}
	mk_until(&w.kit, is_proven, NULL, "proven");
	/* nothing of it is wanted any more */
	bk_segment_gone(&w, 1);
	bk_rounds(&w);
	mk_go_to(&w.kit, (uint64_t)info.end + 2);
	bk_until(&w, 1, 0, CDX_PURCHASE_FINISHED);
	mk_until(&w.kit, is_settled, NULL, "withdrawn");
	for (unsigned i = 0; i < 3; i++)
		mk_free_slot(&w.kit, &w.host[i], &rq.slot[i]);
	bk_rounds(&w);
	assert_int_equal(bk_count(&w), 1);
	assert_int_equal(cdx_purchasing_stage(w.p, &w.kit.data.verifiable),
			 CDX_SEGMENT_KEPT);
	bk_client_end(&w);
	left = mk_balance(&w.kit, &w.kit.contract);
	assert_true(cdx_u256_is_zero(&left));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: purchasing URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	args = argv;
	return cmocka_run_group_tests_name("market/purchasing", tests, setup,
					   teardown);
}
