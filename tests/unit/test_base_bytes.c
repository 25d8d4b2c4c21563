/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/err.h"
#include "tests/unit/seed.h"

#define ROUNDS 20000

static void test_integers(void **state)
{
	static const uint8_t be[8] = {1, 2, 3, 4, 5, 6, 7, 0xf8};
	uint8_t out[8];

	(void)state;
	assert_int_equal(cdx_get_be16(be), 0x0102);
	assert_int_equal(cdx_get_le16(be), 0x0201);
	assert_int_equal(cdx_get_be32(be), 0x01020304);
	assert_int_equal(cdx_get_le32(be + 4), 0xf8070605);
	assert_true(cdx_get_be64(be) == UINT64_C(0x01020304050607f8));
	assert_true(cdx_get_le64(be) == UINT64_C(0xf807060504030201));
	cdx_put_be64(out, UINT64_C(0x01020304050607f8));
	assert_memory_equal(out, be, 8);
	cdx_put_le64(out, UINT64_C(0xf807060504030201));
	assert_memory_equal(out, be, 8);
	cdx_put_be32(out, 0x01020304);
	assert_memory_equal(out, be, 4);
	cdx_put_le32(out, 0x04030201);
	assert_memory_equal(out, be, 4);
	cdx_put_be16(out, 0x0102);
	assert_memory_equal(out, be, 2);
	cdx_put_le16(out, 0x0201);
	assert_memory_equal(out, be, 2);
}

static void test_hex(void **state)
{
	static const uint8_t raw[] = {0x00, 0x9f, 0xa0, 0xff};
	char text[2 * sizeof(raw) + 1];
	uint8_t back[sizeof(raw)];
	static const char *const bad[] = {
		"",	    "009fa0f",	"009fa0ff0",   "009fa0fg",
		" 09fa0ff", "0x9fa0ff", "009fa0f\xff",
	};

	(void)state;
	cdx_hex(text, raw, sizeof(raw));
	assert_string_equal(text, "009fa0ff");
	assert_int_equal(cdx_unhex(back, sizeof(back), "009FA0fF"), 0);
	assert_memory_equal(back, raw, sizeof(raw));
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_unhex(back, sizeof(back), bad[i]),
				 CDX_E_FORMAT);
	assert_int_equal(cdx_unhex(back, 0, ""), 0);
	cdx_hex(text, raw, 0);
	assert_string_equal(text, "");
}

static void test_buf(void **state)
{
	static const uint8_t want[] = {
		0xab, 0x01, 0x02, 0x01, 0x02, 0x03, 0x04, 1,	2,    3,    4,
		5,    6,    7,	  8,	0x02, 0x01, 0x04, 0x03, 0x02, 0x01, 8,
		7,    6,    5,	  4,	3,    2,    1,	  0xac, 0x02, 'x',  'y',
	};
	struct cdx_buf b = {0};

	(void)state;
	assert_int_equal(cdx_buf_ok(&b), 0);
	cdx_buf_u8(&b, 0xab);
	cdx_buf_be16(&b, 0x0102);
	cdx_buf_be32(&b, 0x01020304);
	cdx_buf_be64(&b, UINT64_C(0x0102030405060708));
	cdx_buf_le16(&b, 0x0102);
	cdx_buf_le32(&b, 0x01020304);
	cdx_buf_le64(&b, UINT64_C(0x0102030405060708));
	cdx_buf_varint(&b, 300);
	cdx_buf_put(&b, "xy", 2);
	cdx_buf_put(&b, NULL, 0);
	assert_int_equal(cdx_buf_ok(&b), 0);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));
	cdx_buf_wipe(&b);
	assert_null(b.p);
	assert_int_equal(b.len + b.cap, 0);
}

static void test_buf_fails_for_good(void **state)
{
	struct cdx_buf b = {0};

	(void)state;
	cdx_buf_u8(&b, 1);
	assert_null(cdx_buf_extend(&b, SIZE_MAX));
	assert_int_equal(cdx_buf_ok(&b), -ENOMEM);
	cdx_buf_u8(&b, 2);
	assert_null(cdx_buf_extend(&b, 0));
	assert_int_equal(b.len, 1);
	cdx_buf_free(&b);
	assert_int_equal(cdx_buf_ok(&b), 0);
}

static void test_buf_grows(void **state)
{
	struct cdx_buf b = {0};

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		cdx_buf_be32(&b, i);
	assert_int_equal(cdx_buf_ok(&b), 0);
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(cdx_get_be32(b.p + 4 * (size_t)i), i);
	cdx_buf_free(&b);
}

static void test_cursor(void **state)
{
	static const uint8_t raw[] = {9, 1, 2, 1, 2, 3, 4, 7, 7, 5, 6};
	struct cdx_cursor c = cdx_cursor_init(raw, sizeof(raw));
	uint8_t two[2];

	(void)state;
	assert_int_equal(cdx_cursor_u8(&c), 9);
	assert_int_equal(cdx_cursor_be16(&c), 0x0102);
	assert_int_equal(cdx_cursor_le32(&c), 0x04030201);
	assert_ptr_equal(cdx_cursor_take(&c, 2), raw + 7);
	assert_int_equal(cdx_cursor_ok(&c), 0);
	assert_int_equal(cdx_cursor_done(&c), CDX_E_FORMAT);
	cdx_cursor_get(&c, two, 2);
	assert_memory_equal(two, raw + 9, 2);
	assert_int_equal(cdx_cursor_done(&c), 0);
	assert_non_null(cdx_cursor_take(&c, 0));
	assert_int_equal(cdx_cursor_done(&c), 0);
}

static void test_cursor_fails_for_good(void **state)
{
	static const uint8_t raw[] = {1, 2, 3};
	struct cdx_cursor c = cdx_cursor_init(raw, sizeof(raw));
	uint8_t out[3] = {5, 5, 5};

	(void)state;
	assert_int_equal(cdx_cursor_be32(&c), 0);
	/* a byte is left, but the reader has lost its place */
	assert_int_equal(cdx_cursor_u8(&c), 0);
	cdx_cursor_get(&c, out, sizeof(out));
	assert_memory_equal(out, "\0\0\0", 3);
	assert_null(cdx_cursor_take(&c, 0));
	assert_int_equal(cdx_cursor_ok(&c), CDX_E_FORMAT);
	assert_int_equal(cdx_cursor_done(&c), CDX_E_FORMAT);
	c = cdx_cursor_init(NULL, 0);
	assert_int_equal(cdx_cursor_done(&c), 0);
	assert_non_null(cdx_cursor_take(&c, 0));
	assert_true(cdx_cursor_be64(&c) == 0);
	assert_int_equal(cdx_cursor_ok(&c), CDX_E_FORMAT);
}

static void test_varint_round_trip(void **state)
{
	struct seed seed = seed_start("varint");

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t v = seed_u64(&seed) >> seed_below(&seed, 64);
		struct cdx_buf b = {0};
		struct cdx_cursor c;

		cdx_buf_varint(&b, v);
		assert_int_equal(cdx_buf_ok(&b), 0);
		c = cdx_cursor_init(b.p, b.len);
		assert_true(cdx_cursor_varint(&c) == v);
		assert_int_equal(cdx_cursor_done(&c), 0);
		/* every prefix is short */
		for (size_t n = 0; n < b.len; n++) {
			c = cdx_cursor_init(b.p, n);
			assert_true(cdx_cursor_varint(&c) == 0);
			assert_int_equal(cdx_cursor_ok(&c), CDX_E_FORMAT);
		}
		cdx_buf_free(&b);
	}
}

static void check_varint(const char *hex, int want_err, uint64_t want)
{
	uint8_t raw[16];
	size_t len = strlen(hex) / 2;
	struct cdx_cursor c;
	uint64_t v;

	assert_int_equal(cdx_unhex(raw, len, hex), 0);
	c = cdx_cursor_init(raw, len);
	v = cdx_cursor_varint(&c);
	assert_int_equal(cdx_cursor_ok(&c), want_err);
	assert_true(v == want);
}

static void test_varint_limits(void **state)
{
	(void)state;
	check_varint("00", 0, 0);
	check_varint("7f", 0, 127);
	check_varint("8001", 0, 128);
	check_varint("ffffffffffffffffff01", 0, UINT64_MAX);
	/* more than 64 bits, too long, overlong, endless */
	check_varint("ffffffffffffffffff02", CDX_E_FORMAT, 0);
	check_varint("8080808080808080808001", CDX_E_FORMAT, 0);
	check_varint("8000", CDX_E_FORMAT, 0);
	check_varint("ff8000", CDX_E_FORMAT, 0);
	check_varint("ffffffffffffffffffff", CDX_E_FORMAT, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_buf_fails_for_good),
		cmocka_unit_test(test_buf_grows),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_cursor_fails_for_good),
		cmocka_unit_test(test_varint_round_trip),
		cmocka_unit_test(test_varint_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
