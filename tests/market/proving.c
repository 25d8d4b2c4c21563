/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Slots that were filled are proven on a real chain: in each period that wants
 * it and in no other, once, whatever is restarted, undone, cut off, too dear, too
 * late or lost meanwhile.
 *
 * usage: proving URL KEY.zkey ARTIFACTS [TEST]
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proving_kit.h"

#define ALL ((1u << PV_SLOTS) - 1)

static char **argv_;

static int setup(void **state)
{
	(void)state;
	pv_start(&pv, argv_, 3);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pv_stop(&pv);
	return 0;
}

/* Into a period that wants a proof of all */
static void all_wanted(void)
{
	unsigned mask;

	do {
		mask = 0;
		pv_next_period(&pv);
		for (unsigned i = 0; i < PV_SLOTS; i++)
			mask |= pv_wanted(&pv, i) ? 1u << i : 0;
	} while (mask != ALL);
}

static void periods(unsigned n)
{
	unsigned wanted = 0;
	unsigned had[PV_SLOTS];
	uint64_t nonce;

	pv_begin(&pv, ALL);
	pv_next_period(&pv);
	pv_settle(&pv);
	nonce = pv_nonce(&pv);
	for (unsigned i = 0; i < PV_SLOTS; i++)
		had[i] = pv.slot[i].submitted;
	for (; n > 0; n--) {
		unsigned mask = 0;
		uint64_t period;

		pv_next_period(&pv);
		period = mk_period(&pv.kit);
		for (unsigned i = 0; i < PV_SLOTS; i++) {
			if (!pv_wanted(&pv, i))
				continue;
			mask |= 1u << i;
			wanted++;
			had[i]++;
		}
		pv_until_done(&pv, mask);
		pv_settle(&pv);
		assert_int_equal(mk_period(&pv.kit), period);
		for (unsigned i = 0; i < PV_SLOTS; i++)
			assert_int_equal(pv.slot[i].submitted, had[i]);
		pv_after_period(&pv);
		for (unsigned i = 0; i < PV_SLOTS; i++)
			assert_false(
				mk_can_mark(&pv.kit, &pv.rq.slot[i], period));
		/* that period goes by as well */
		pv_settle(&pv);
		for (unsigned i = 0; i < PV_SLOTS; i++) {
			had[i] = pv.slot[i].submitted;
			assert_true(pv.slot[i].missed_period != period);
			assert_int_equal(pv.slot[i].trouble, 0);
		}
	}
	assert_true(wanted > 0);
	assert_int_equal(pv_stats(&pv).failed, 0);
	assert_int_equal(pv_stats(&pv).transactions <=
				 pv_nonce(&pv) - nonce + PV_SLOTS,
			 1);
	assert_true(pv_stats(&pv).margin_s > 0);
	assert_true(pv_stats(&pv).last_success > 0);
	pv_end(&pv);
}

static void test_periods(void **state)
{
	const char *count = getenv("CDX_COUNT");

	(void)state;
	periods(count ? (unsigned)strtoul(count, NULL, 10) : 2);
}

/* A contract that takes one at a time */
static void test_single(void **state)
{
	uint64_t nonce;

	(void)state;
	pv.env.batches = false;
	pv_begin(&pv, ALL);
	pv_settle(&pv);
	all_wanted();
	nonce = pv_nonce(&pv);
	pv_until_done(&pv, ALL);
	assert_int_equal(pv_nonce(&pv), nonce + PV_SLOTS);
	pv_end(&pv);
	pv.env.batches = true;
}

/* One that comes again in a period that is proven proves nothing; the note of its
 * owner is missing. */
static void test_restart(void **state)
{
	uint64_t nonce;

	(void)state;
	pv_begin(&pv, ALL);
	all_wanted();
	pv_until_done(&pv, ALL);
	pv_end(&pv);
	nonce = pv_nonce(&pv);
	pv_begin(&pv, ALL);
	pv_settle(&pv);
	assert_int_equal(pv_nonce(&pv), nonce);
	/* it knows that they are proven */
	pv_until_done(&pv, ALL);
	assert_true(pv_stats(&pv).next_deadline == 0);
	pv_end(&pv);
}

/* Killed while its transactions are in no block */
static void test_restart_sent(void **state)
{
	uint64_t nonce;

	(void)state;
	pv.env.batches = false;
	all_wanted();
	mk_automine(&pv.kit, false);
	nonce = pv_nonce(&pv);
	pv_begin(&pv, ALL);
	pv_until_pooled(&pv, PV_SLOTS);
	pv_end(&pv);
	mk_mine(&pv.kit, 1);
	mk_automine(&pv.kit, true);
	pv_begin(&pv, ALL);
	pv_until_done(&pv, ALL);
	pv_settle(&pv);
	assert_int_equal(pv_nonce(&pv), nonce + PV_SLOTS);
	for (unsigned i = 0; i < PV_SLOTS; i++)
		assert_int_equal(pv.slot[i].again, 0);
	assert_int_equal(pv_stats(&pv).failed, 0);
	pv_end(&pv);
	pv.env.batches = true;
}

/* The same of many in one, of which it is not known whose they are */
static void test_restart_many(void **state)
{
	uint64_t nonce;

	(void)state;
	all_wanted();
	mk_automine(&pv.kit, false);
	pv_begin(&pv, ALL);
	pv_until_pooled(&pv, 1);
	pv_settle(&pv);
	nonce = pv_pending(&pv);
	pv_end(&pv);
	pv_begin(&pv, ALL);
	mk_mine(&pv.kit, 1);
	mk_automine(&pv.kit, true);
	pv_until_done(&pv, ALL);
	pv_settle(&pv);
	assert_int_equal(pv_nonce(&pv), nonce);
	assert_int_equal(pv_stats(&pv).failed, 0);
	pv_end(&pv);
}

static bool done_again(void *arg)
{
	struct pv *w = arg;
	bool any = false;

	for (unsigned i = 0; i < PV_SLOTS; i++)
		any = any || w->slot[i].again > 0;
	return any;
}

/* The last proof was told, and then its block is undone. */
static void test_reorg(void **state)
{
	uint64_t period;

	(void)state;
	pv_begin(&pv, ALL);
	all_wanted();
	pv_until_done(&pv, ALL);
	period = mk_period(&pv.kit);
	mk_mine(&pv.kit, 4);
	pv_settle(&pv);
	mk_reorg(&pv.kit, 5);
	mk_mine(&pv.kit, 1);
	mk_until(&pv.kit, done_again, &pv, "a proof in the other chain");
	assert_int_equal(mk_period(&pv.kit), period);
	pv_after_period(&pv);
	for (unsigned i = 0; i < PV_SLOTS; i++)
		assert_false(mk_can_mark(&pv.kit, &pv.rq.slot[i], period));
	pv_end(&pv);
}

/* What a test that failed has left would disturb the others. */
static int ended(void **state)
{
	(void)state;
	return pv.proving == NULL ? 0 : -1;
}

#define TEST(f) cmocka_unit_test_setup(f, ended)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_periods),	 TEST(test_single),
		TEST(test_restart),	 TEST(test_restart_sent),
		TEST(test_restart_many), TEST(test_reorg),
		TEST(pv_test_gate),	 TEST(pv_test_stuck),
		TEST(pv_test_late),	 TEST(pv_test_data),
		TEST(pv_test_bad_one),	 TEST(pv_test_freed),
	};

	if (argc != 4 && argc != 5) {
		fprintf(stderr,
			"usage: proving URL KEY.zkey ARTIFACTS [TEST]\n");
		return 2;
	}
	if (argc == 5)
		cmocka_set_test_filter(argv[4]);
	argv_ = argv;
	return cmocka_run_group_tests_name("market/proving", tests, setup,
					   teardown);
}
