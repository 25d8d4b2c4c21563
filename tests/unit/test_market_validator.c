/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Which group a slot is of, and the periods that are kept in mind of one.  What the
 * validator does is in tests/market/validator.c.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "market/validator_internal.h"
#include "seed.h"

static unsigned group_of(const char *hex, unsigned groups)
{
	struct cdx_b32 id;

	assert_int_equal(cdx_unhex(id.b, sizeof(id.b), hex), 0);
	return cdx_validator_group(&id, groups);
}

/* The first 8 bytes decide, not the whole number (10.2, 13) */
static void test_group(void **state)
{
	static const char low[] = "0000000000000003"
				  "0000000000000000"
				  "0000000000000000"
				  "0000000000000000";
	static const char last[] = "0000000000000000"
				   "ffffffffffffffff"
				   "ffffffffffffffff"
				   "ffffffffffffffff";
	static const char first[] = "0100000000000000"
				    "ffffffffffffffff"
				    "ffffffffffffffff"
				    "ffffffffffffffff";

	(void)state;
	assert_int_equal(group_of(low, 2), 1);
	assert_int_equal(group_of(low, 65535), 3);
	assert_int_equal(group_of(last, 2), 0);
	assert_int_equal(group_of(last, 65535), 0);
	/* 2^56 */
	assert_int_equal(group_of(first, 3), 1);
	assert_int_equal(group_of(first, 65535), 256);
}

#define SPAN 300u

static void test_periods(void **state)
{
	struct seed seed = seed_start("market/validator");

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct validator_periods p = {0};
		bool in[SPAN] = {false};
		uint64_t base = 1 + seed_below(&seed, 1000000);
		uint64_t newest = 0;

		for (unsigned n = 0; n < 100; n++) {
			uint64_t at = seed_below(&seed, SPAN);

			if (seed_below(&seed, 4) == 0) {
				validator_periods_clear(&p, base + at);
				in[at] = false;
				continue;
			}
			validator_periods_set(&p, base + at);
			newest = at > newest ? at : newest;
			in[at] = true;
			for (uint64_t i = 0; i + VALIDATOR_PERIODS <= newest;
			     i++)
				in[i] = false;
			for (uint64_t i = 0; i < SPAN; i++)
				assert_int_equal(
					validator_periods_has(&p, base + i),
					in[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_periods),
	};

	return cmocka_run_group_tests_name("market/validator", tests, NULL,
					   NULL);
}
