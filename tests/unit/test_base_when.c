/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Times as people write them. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/when.h"

static void spans(void **state CDX_UNUSED)
{
	static const struct {
		const char *text;
		uint64_t s;
	} good[] = {
		{"0", 0},
		{"90", 90},
		{"90s", 90},
		{"15m", 900},
		{"12h", 43200},
		{"30d", 2592000},
		{"3650d", 315360000},
		{"315360000", 315360000},
	};
	static const char *const bad[] = {
		"",
		"s",
		"-1",
		"1.5h",
		"1 h",
		"1w",
		"1hh",
		"0x1",
		"315360001",
		"5256001m",
		"3651d",
		"+1",
		"99999999999999999999",
		"99999999999999999999d",
	};
	uint64_t v;

	for (size_t i = 0; i < CDX_ARRAY_LEN(good); i++) {
		assert_int_equal(cdx_span_parse(&v, good[i].text), 0);
		assert_int_equal(v, good[i].s);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_span_parse(&v, bad[i]), -EINVAL);
}

static void dates(void **state CDX_UNUSED)
{
	static const char *const bad[] = {
		"",
		"2027-",
		"2027-1-1",
		"2027-02-30",
		"2027-13-01",
		"27-01-01",
		"2027-01-01 ",
		"2027-01-01T00",
		"-1",
		"1969-12-31",
		"tomorrow",
		"9223372036854775808",
	};
	int64_t v;

	assert_int_equal(cdx_date_parse(&v, "2027-12-31"), 0);
	assert_int_equal(v, 1830211200);
	assert_int_equal(cdx_date_parse(&v, "2028-02-29"), 0);
	assert_int_equal(v, 1835395200);
	assert_int_equal(cdx_date_parse(&v, "0"), 0);
	assert_int_equal(v, 0);
	assert_int_equal(cdx_date_parse(&v, "9223372036854775807"), 0);
	assert_true(v == INT64_MAX);
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_date_parse(&v, bad[i]), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans),
		cmocka_unit_test(dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
