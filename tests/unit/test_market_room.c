/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* How many slots one may take that makes so many proofs in a period */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "market/proving_internal.h"

#define SLOTS_MAX 8192u

static struct cdx_proving_slot slots[SLOTS_MAX];

/* Would another one fit beside @n slots, all with these odds? */
static bool fits(unsigned n, uint64_t odds, uint64_t most)
{
	struct cdx_list list;

	cdx_list_init(&list);
	for (unsigned i = 0; i < n; i++) {
		slots[i] = (struct cdx_proving_slot){.odds = odds};
		cdx_list_add_tail(&list, &slots[i].node);
	}
	return cdx_proving_fits(&list, odds, most);
}

/* The most slots that are taken one after the other */
static unsigned taken(uint64_t odds, uint64_t most)
{
	unsigned n = 0;

	while (n < SLOTS_MAX && fits(n, odds, most))
		n++;
	return n;
}

/* Slots that want one in every period; 0 is how the contract says that, too */
static void test_always(void **state)
{
	(void)state;
	for (uint64_t most = 0; most < 9; most++) {
		assert_int_equal(taken(1, most), most);
		assert_int_equal(taken(0, most), most);
	}
	assert_true(fits(5000, 1, UINT64_MAX));
	/* more than is counted one by one */
	assert_true(fits(4999, 1, 5000));
	assert_false(fits(5000, 1, 5000));
}

/* python, exact fractions: the largest n with P(more than most of n) < 1/1000 */
static void test_dice(void **state)
{
	static const struct {
		uint64_t odds;
		uint64_t most;
		unsigned n;
	} rows[] = {{2, 1, 1},	 {3, 2, 2},    {3, 10, 14},  {4, 5, 6},
		    {24, 3, 11}, {240, 1, 11}, {240, 4, 179}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(taken(rows[i].odds, rows[i].most), rows[i].n);
}

/* Odds of each count by themselves, and those that are gone do not. */
static void test_mixed(void **state)
{
	struct cdx_list list;

	(void)state;
	cdx_list_init(&list);
	for (unsigned i = 0; i < 3; i++) {
		slots[i] = (struct cdx_proving_slot){.odds = 1};
		cdx_list_add_tail(&list, &slots[i].node);
	}
	/* 1 of 1001 is rare enough, 1 of 999 is not */
	assert_true(cdx_proving_fits(&list, 1001, 3));
	assert_false(cdx_proving_fits(&list, 999, 3));
	assert_true(cdx_proving_fits(&list, 1, 4));
	slots[1].dead = true;
	assert_true(cdx_proving_fits(&list, 1, 3));
	assert_false(cdx_proving_fits(&list, 1, 2));
	assert_true(cdx_proving_fits(&list, UINT64_MAX, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_always),
		cmocka_unit_test(test_dice),
		cmocka_unit_test(test_mixed),
	};

	return cmocka_run_group_tests_name("market/room", tests, NULL, NULL);
}
