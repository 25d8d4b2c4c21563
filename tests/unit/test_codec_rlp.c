/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/rlp.h"
#include "tests/unit/seed.h"

#define LOREM "Lorem ipsum dolor sit amet, consectetur adipisicing elit"

static void is_hex(struct cdx_buf *b, const char *hex)
{
	char got[512];

	assert_int_equal(cdx_buf_ok(b), 0);
	assert_true(b->len < sizeof(got) / 2);
	cdx_hex(got, b->p, b->len);
	assert_string_equal(got, hex);
	cdx_buf_free(b);
}

static struct cdx_cursor from_hex(uint8_t room[64], const char *hex)
{
	size_t len = strlen(hex) / 2;

	assert_true(len <= 64);
	assert_int_equal(cdx_unhex(room, len, hex), 0);
	return cdx_cursor_init(room, len);
}

/* Examples of ethereum.org, "Recursive-length prefix (RLP) serialization" */
static void strings(void **state)
{
	struct cdx_buf b = {0};

	(void)state;
	cdx_rlp_bytes(&b, "dog", 3);
	is_hex(&b, "83646f67");
	cdx_rlp_bytes(&b, NULL, 0);
	is_hex(&b, "80");
	cdx_rlp_bytes(&b, "\0", 1);
	is_hex(&b, "00");
	cdx_rlp_bytes(&b, "\x0f", 1);
	is_hex(&b, "0f");
	cdx_rlp_bytes(&b, "\x04\x00", 2);
	is_hex(&b, "820400");
	cdx_rlp_bytes(&b, LOREM, strlen(LOREM));
	is_hex(&b, "b8384c6f72656d20697073756d20646f6c6f722073697420616d65742c"
		   "20636f6e7365637465747572206164697069736963696e6720656c69"
		   "74");
	/* on both sides of what is its own encoding */
	cdx_rlp_bytes(&b, "\x7f", 1);
	is_hex(&b, "7f");
	cdx_rlp_bytes(&b, "\x80", 1);
	is_hex(&b, "8180");
}

static void numbers(void **state)
{
	struct cdx_buf b = {0};
	struct cdx_u256 v = cdx_u256_of(1024);

	(void)state;
	cdx_rlp_u64(&b, 0);
	is_hex(&b, "80");
	cdx_rlp_u64(&b, 15);
	is_hex(&b, "0f");
	cdx_rlp_u64(&b, 1024);
	is_hex(&b, "820400");
	cdx_rlp_u256(&b, &v);
	is_hex(&b, "820400");
	cdx_rlp_u64(&b, UINT64_MAX);
	is_hex(&b, "88ffffffffffffffff");
	cdx_rlp_u256(&b, &cdx_u256_max);
	is_hex(&b, "a0fffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		   "fffffffff");
}

/* The set of three of the same page: [ [], [[]], [ [], [[]] ] ] */
static void lists(void **state)
{
	struct cdx_buf nothing = {0};
	struct cdx_buf empty = {0};
	struct cdx_buf b = {0};
	struct cdx_buf one = {0};
	struct cdx_buf two = {0};

	(void)state;
	cdx_rlp_list(&empty, &nothing);
	cdx_rlp_list(&one, &empty);
	cdx_buf_put(&two, empty.p, empty.len);
	cdx_buf_put(&two, one.p, one.len);
	cdx_rlp_list(&b, &two);
	cdx_buf_put(&two, b.p, b.len);
	cdx_buf_free(&b);
	cdx_rlp_list(&b, &two);
	is_hex(&b, "c7c0c1c0c3c0c1c0");
	cdx_buf_free(&two);
	cdx_rlp_bytes(&two, "cat", 3);
	cdx_rlp_bytes(&two, "dog", 3);
	cdx_rlp_list(&b, &two);
	is_hex(&b, "c88363617483646f67");
	cdx_rlp_list(&b, &empty);
	is_hex(&b, "c1c0");
	/* an item without memory spoils the list */
	two.fail = true;
	cdx_rlp_list(&b, &two);
	assert_true(cdx_buf_ok(&b) < 0);
	cdx_buf_free(&b);
	cdx_buf_free(&empty);
	cdx_buf_free(&one);
	cdx_buf_free(&two);
}

static void reading(void **state)
{
	uint8_t room[64];
	uint8_t fixed[3];
	struct cdx_cursor c =
		from_hex(room, "c88363617483646f678204000f80c18005");
	struct cdx_cursor list = cdx_rlp_get_list(&c);
	struct cdx_u256 v;
	const uint8_t *p;
	size_t len;

	(void)state;
	p = cdx_rlp_get_bytes(&list, &len);
	assert_non_null(p);
	assert_int_equal(len, 3);
	assert_memory_equal(p, "cat", 3);
	cdx_rlp_get_fixed(&list, fixed, 3);
	assert_memory_equal(fixed, "dog", 3);
	assert_int_equal(cdx_cursor_done(&list), 0);
	assert_true(cdx_rlp_get_u64(&c) == 1024);
	v = cdx_rlp_get_u256(&c);
	assert_true(v.v[0] == 15 && !v.v[1] && !v.v[2] && !v.v[3]);
	p = cdx_rlp_get_bytes(&c, &len);
	assert_non_null(p);
	assert_int_equal(len, 0);
	list = cdx_rlp_get_list(&c);
	assert_true(cdx_rlp_get_u64(&list) == 0);
	assert_int_equal(cdx_cursor_done(&list), 0);
	assert_true(cdx_rlp_get_u64(&c) == 5);
	assert_int_equal(cdx_cursor_done(&c), 0);
}

enum kind {
	BYTES,
	FIXED,
	NUMBER,
	BIG,
	LIST,
};

static void refusals(void **state)
{
	static const struct {
		enum kind kind;
		const char *hex;
	} bad[] = {
		{BYTES, ""},
		/* cut short */
		{BYTES, "81"},
		{BYTES, "83646f"},
		{BYTES, "b8"},
		{BYTES, "b838"},
		{BYTES, "b90100"},
		{LIST, "c1"},
		{LIST, "f8"},
		{LIST, "f838c0"},
		/* longer than needed */
		{BYTES, "8100"},
		{BYTES, "817f"},
		{BYTES, "b800"},
		{BYTES, "b801ff"},
		{BYTES, "b8026f6f"},
		{BYTES, "b90038"},
		{LIST, "f800"},
		{LIST, "f801c0"},
		{LIST, "f90001c0"},
		/* lengths near 2^64 */
		{BYTES, "bfffffffffffffffff00"},
		{BYTES, "bf8000000000000000"},
		{LIST, "ffffffffffffffffffc0"},
		/* the other kind */
		{BYTES, "c0"},
		{NUMBER, "c0"},
		{FIXED, "c3646f67"},
		{LIST, "80"},
		{LIST, "05"},
		{LIST, "bf"},
		/* of another length */
		{FIXED, "82646f"},
		{FIXED, "8464646f67"},
		{FIXED, "80"},
		{FIXED, "05"},
		/* numbers with zeros before them, or too large */
		{NUMBER, "00"},
		{NUMBER, "820001"},
		{NUMBER, "89010000000000000000"},
		{BIG, "00"},
		{BIG, "8200ff"},
		{BIG, "a100000000000000000000000000000000000000000000000000000"
		      "0000000000000"},
		{BIG, "a1010000000000000000000000000000000000000000000000000000"
		      "000000000000"},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++) {
		uint8_t room[64];
		uint8_t fixed[3] = {1, 1, 1};
		struct cdx_cursor c = from_hex(room, bad[i].hex);
		struct cdx_u256 v;
		size_t len = 9;

		switch (bad[i].kind) {
		case BYTES:
			assert_null(cdx_rlp_get_bytes(&c, &len));
			assert_int_equal(len, 0);
			break;
		case FIXED:
			cdx_rlp_get_fixed(&c, fixed, sizeof(fixed));
			assert_memory_equal(fixed, "\0\0\0", 3);
			break;
		case NUMBER:
			assert_true(cdx_rlp_get_u64(&c) == 0);
			break;
		case BIG:
			v = cdx_rlp_get_u256(&c);
			assert_true(cdx_u256_is_zero(&v));
			break;
		case LIST:
			assert_true(cdx_rlp_get_list(&c).fail);
			break;
		}
		if (!c.fail)
			print_message("taken: %s\n", bad[i].hex);
		assert_true(c.fail);
		/* it sticks */
		assert_null(cdx_rlp_get_bytes(&c, &len));
		assert_true(cdx_rlp_get_list(&c).fail);
	}
}

static void round_trips(void **state)
{
	struct seed s = seed_start("round trips");
	static const size_t lens[] = {0,   1,	2,   54,  55,	 56,   57,
				      255, 256, 257, 300, 65535, 65536};
	static uint8_t text[65536];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(lens); i++) {
		struct cdx_buf items = {0};
		struct cdx_buf list = {0};
		struct cdx_cursor c;
		struct cdx_cursor in;
		uint64_t v = seed_u64(&s) >> seed_below(&s, 64);
		const uint8_t *p;
		size_t len;

		seed_fill(&s, text, lens[i]);
		cdx_rlp_bytes(&items, text, lens[i]);
		cdx_rlp_u64(&items, v);
		cdx_rlp_list(&list, &items);
		cdx_rlp_u64(&list, v);
		assert_int_equal(cdx_buf_ok(&list), 0);
		c = cdx_cursor_init(list.p, list.len);
		in = cdx_rlp_get_list(&c);
		p = cdx_rlp_get_bytes(&in, &len);
		assert_non_null(p);
		assert_int_equal(len, lens[i]);
		assert_memory_equal(p, text, len);
		assert_true(cdx_rlp_get_u64(&in) == v);
		assert_int_equal(cdx_cursor_done(&in), 0);
		assert_true(cdx_rlp_get_u64(&c) == v);
		assert_int_equal(cdx_cursor_done(&c), 0);
		cdx_buf_free(&items);
		cdx_buf_free(&list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings),  cmocka_unit_test(numbers),
		cmocka_unit_test(lists),    cmocka_unit_test(reading),
		cmocka_unit_test(refusals), cmocka_unit_test(round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
