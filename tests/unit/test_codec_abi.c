/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/abi.h"
#include "tests/unit/seed.h"

/* 31 and 28 bytes of zeros */
#define Z28 "00000000000000000000000000000000000000000000000000000000"
#define W0 Z28 "000000"

#define ADDR                                                                  \
	{                                                                     \
		0xf3, 0x9f, 0xd6, 0xe5, 0x1a, 0xad, 0x88, 0xf6, 0xf4, 0xce,   \
			0x6a, 0xb8, 0x82, 0x72, 0x79, 0xcf, 0xff, 0xb9, 0x22, \
			0x66                                                  \
	}

static void is_hex(struct cdx_buf *b, const char *hex)
{
	char got[2048];

	assert_true(b->len < sizeof(got) / 2);
	cdx_hex(got, b->p, b->len);
	assert_string_equal(got, hex);
	cdx_buf_free(b);
}

/* Examples of the Solidity documentation, "Contract ABI Specification" */
static void documented(void **state)
{
	struct cdx_abi w;
	struct cdx_abi in;
	struct cdx_buf b = {0};
	struct cdx_buf out = {0};
	uint8_t id[4];

	(void)state;
	cdx_abi_selector(id, "baz(uint32,bool)");
	assert_memory_equal(id, "\xcd\xcd\x77\xc0", 4);
	cdx_abi_begin(&w, 2);
	cdx_abi_u64(&w, 69);
	cdx_abi_bool(&w, true);
	assert_int_equal(cdx_abi_end(&w, &out), 0);
	is_hex(&out, W0 "45" W0 "01");

	/* sam(bytes,bool,uint256[]) of "dave", true, [1, 2, 3] */
	cdx_abi_selector(id, "sam(bytes,bool,uint256[])");
	assert_memory_equal(id, "\xa5\x64\x3b\xf2", 4);
	cdx_abi_begin(&in, 4);
	for (uint64_t i = 0; i < 4; i++)
		cdx_abi_u64(&in, i ? i : 3);
	assert_int_equal(cdx_abi_end(&in, &b), 0);
	cdx_abi_begin(&w, 3);
	cdx_abi_bytes(&w, "dave", 4);
	cdx_abi_bool(&w, true);
	cdx_abi_dynamic(&w, &b);
	assert_int_equal(cdx_abi_end(&w, &out), 0);
	is_hex(&out, W0 "60" W0 "01" W0 "a0" W0 "04"
			"64617665" Z28 W0 "03" W0 "01" W0 "02" W0 "03");
	cdx_buf_free(&b);
}

/* Made by hand with cast 1.7.1: cast abi-encode 'f(uint64,(bytes32,uint256,
 * string),bytes,address,bool,(uint8,string)[],uint256[2])' 7
 * "(0x1111...11,5,abc)" 0x0102 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 true
 * "[(1,one),(2,two)]" "[8,9]" */
/* clang-format off */
static const char nested_hex[] =
	W0 "07"
	"00000000000000000000000000000000"
	"00000000000000000000000000000100"
	"00000000000000000000000000000000"
	"000000000000000000000000000001a0"
	"000000000000000000000000f39fd6e5"
	"1aad88f6f4ce6ab8827279cfffb92266"
	W0 "01"
	"00000000000000000000000000000000"
	"000000000000000000000000000001e0"
	W0 "08"
	W0 "09"
	"11111111111111111111111111111111"
	"11111111111111111111111111111111"
	W0 "05"
	W0 "60"
	W0 "03"
	"61626300" Z28
	W0 "02"
	"01020000" Z28
	W0 "02"
	W0 "40"
	W0 "c0"
	W0 "01"
	W0 "40"
	W0 "03"
	"6f6e6500" Z28
	W0 "02"
	W0 "40"
	W0 "03"
	"74776f00" Z28;
/* clang-format on */

/* (number, text), which is dynamic */
static void put_pair(struct cdx_abi *array, uint64_t number, const char *text)
{
	struct cdx_abi w;
	struct cdx_buf b = {0};

	cdx_abi_begin(&w, 2);
	cdx_abi_u64(&w, number);
	cdx_abi_bytes(&w, text, strlen(text));
	assert_int_equal(cdx_abi_end(&w, &b), 0);
	cdx_abi_dynamic(array, &b);
	cdx_buf_free(&b);
}

static void put_nested(struct cdx_buf *out)
{
	static const uint8_t addr[20] = ADDR;
	uint8_t ones[32];
	struct cdx_u256 five = cdx_u256_of(5);
	struct cdx_buf b = {0};
	struct cdx_abi w;
	struct cdx_abi in;

	memset(ones, 0x11, sizeof(ones));
	cdx_abi_begin(&w, 8);
	cdx_abi_u64(&w, 7);
	cdx_abi_begin(&in, 3);
	cdx_abi_b32(&in, ones);
	cdx_abi_u256(&in, &five);
	cdx_abi_bytes(&in, "abc", 3);
	assert_int_equal(cdx_abi_end(&in, &b), 0);
	cdx_abi_dynamic(&w, &b);
	cdx_buf_free(&b);
	cdx_abi_bytes(&w, "\1\2", 2);
	cdx_abi_addr(&w, addr);
	cdx_abi_bool(&w, true);
	/* an array: its length, then as a tuple of its elements */
	cdx_abi_begin(&in, 1);
	cdx_abi_u64(&in, 2);
	assert_int_equal(cdx_abi_end(&in, &b), 0);
	cdx_abi_begin(&in, 2);
	put_pair(&in, 1, "one");
	put_pair(&in, 2, "two");
	assert_int_equal(cdx_abi_end(&in, &b), 0);
	cdx_abi_dynamic(&w, &b);
	cdx_buf_free(&b);
	cdx_abi_u64(&w, 8);
	cdx_abi_u64(&w, 9);
	assert_int_equal(cdx_abi_end(&w, out), 0);
}

static void nested(void **state)
{
	struct cdx_buf out = {0};

	(void)state;
	put_nested(&out);
	is_hex(&out, nested_hex);
}

static bool bytes_are(struct cdx_abi_in *r, const char *want)
{
	size_t len;
	const uint8_t *p = cdx_abi_get_bytes(r, &len);

	return p && len == strlen(want) && memcmp(p, want, len) == 0;
}

/* Is it what put_nested wrote? */
static bool is_nested(const void *p, size_t len)
{
	static const uint8_t addr[20] = ADDR;
	struct cdx_abi_in r = cdx_abi_in(p, len);
	struct cdx_abi_in t;
	struct cdx_abi_in pair;
	struct cdx_u256 v;
	uint8_t word[32];
	size_t n;
	bool ok;

	ok = cdx_abi_get_u64(&r) == 7;
	t = cdx_abi_get_tuple(&r);
	cdx_abi_get_b32(&t, word);
	ok &= word[0] == 0x11 && word[31] == 0x11;
	v = cdx_abi_get_u256(&t);
	ok &= v.v[0] == 5 && bytes_are(&t, "abc") && !cdx_abi_ok(&t);
	ok &= bytes_are(&r, "\1\2");
	cdx_abi_get_addr(&r, word);
	ok &= memcmp(word, addr, sizeof(addr)) == 0;
	ok &= cdx_abi_get_bool(&r);
	t = cdx_abi_get_array(&r, 1, &n);
	ok &= n == 2;
	pair = cdx_abi_get_tuple(&t);
	ok &= cdx_abi_get_u64(&pair) == 1 && bytes_are(&pair, "one");
	pair = cdx_abi_get_tuple(&t);
	ok &= cdx_abi_get_u64(&pair) == 2 && bytes_are(&pair, "two");
	ok &= cdx_abi_get_u64(&r) == 8 && cdx_abi_get_u64(&r) == 9;
	return ok && !cdx_abi_ok(&r) && !cdx_abi_ok(&t);
}

static void reading(void **state)
{
	struct cdx_buf out = {0};

	(void)state;
	put_nested(&out);
	assert_true(is_nested(out.p, out.len));
	/* bytes behind are left; the last padding may be missing */
	assert_true(is_nested(out.p, out.len - 29));
	for (size_t len = 0; len < out.len - 29; len++) {
		/* exactly as long, so that ASan sees one byte too many */
		uint8_t *cut = malloc(len ? len : 1);

		assert_non_null(cut);
		memcpy(cut, out.p, len);
		assert_false(is_nested(cut, len));
		free(cut);
	}
	cdx_buf_u8(&out, 1);
	assert_true(is_nested(out.p, out.len));
	cdx_buf_free(&out);
}

/* A head of one word too many or too few */
static void wrong_heads(void **state)
{
	struct cdx_abi w;
	struct cdx_buf out = {0};

	(void)state;
	for (size_t said = 0; said < 4; said++) {
		cdx_abi_begin(&w, said);
		cdx_abi_u64(&w, 1);
		cdx_abi_bytes(&w, "x", 1);
		assert_int_equal(cdx_abi_end(&w, &out),
				 said == 2 ? 0 : -EINVAL);
		assert_int_equal(out.len, said < 2 ? 0 : 128);
		assert_null(w.head.p);
	}
	out.fail = true;
	cdx_abi_begin(&w, 0);
	assert_int_equal(cdx_abi_end(&w, &out), -ENOMEM);
	cdx_buf_free(&out);
	/* an element without memory spoils the tuple */
	out.fail = true;
	cdx_abi_begin(&w, 1);
	cdx_abi_dynamic(&w, &out);
	out.fail = false;
	assert_int_equal(cdx_abi_end(&w, &out), -ENOMEM);
	cdx_buf_free(&out);
}

/* Words, most significant byte first: @high in the first 8 bytes, @low in the
 * last */
static void word(struct cdx_buf *b, uint64_t high, uint64_t low)
{
	cdx_buf_be64(b, high);
	cdx_buf_be64(b, 0);
	cdx_buf_be64(b, 0);
	cdx_buf_be64(b, low);
}

static void bad_words(void **state)
{
	struct cdx_buf b = {0};
	uint8_t out[32];
	size_t len;
	size_t n;

	(void)state;
	word(&b, 1, 1);
	for (unsigned i = 0; i < 6; i++) {
		struct cdx_abi_in r = cdx_abi_in(b.p, b.len);

		memset(out, 9, sizeof(out));
		len = n = 9;
		if (i == 0) {
			assert_true(cdx_abi_get_u64(&r) == 0);
		} else if (i == 1) {
			assert_false(cdx_abi_get_bool(&r));
		} else if (i == 2) {
			cdx_abi_get_addr(&r, out);
			assert_int_equal(out[0] | out[19], 0);
		} else if (i == 3) {
			assert_null(cdx_abi_get_bytes(&r, &len));
			assert_int_equal(len, 0);
		} else if (i == 4) {
			assert_true(cdx_abi_get_tuple(&r).fail);
		} else {
			assert_true(cdx_abi_get_array(&r, 1, &n).fail);
			assert_int_equal(n, 0);
		}
		assert_int_equal(cdx_abi_ok(&r), CDX_E_FORMAT);
		/* it sticks */
		r.at = 0;
		cdx_abi_get_b32(&r, out);
		assert_int_equal(out[0] | out[31], 0);
		assert_int_equal(cdx_abi_ok(&r), CDX_E_FORMAT);
	}
	cdx_buf_free(&b);
	word(&b, 0, 2);
	for (unsigned i = 0; i < 2; i++) {
		struct cdx_abi_in r = cdx_abi_in(b.p, b.len);

		if (i)
			assert_true(cdx_abi_get_u64(&r) == 2);
		else
			assert_false(cdx_abi_get_bool(&r));
		assert_int_equal(cdx_abi_ok(&r), i ? 0 : CDX_E_FORMAT);
	}
	cdx_buf_free(&b);
}

/* Offsets and lengths at the bounds and near 2^64: an offset, a length, two
 * words */
static void bad_places(void **state)
{
	static const struct {
		uint64_t offset;
		uint64_t size;
		bool bytes; /* taken as bytes */
		bool words; /* taken as an array of one word each */
		bool pairs; /* of two words each */
	} cases[] = {
		{32, 2, true, true, false},
		{32, 3, true, false, false},
		{32, 1, true, true, true},
		{32, 0, true, true, true},
		{32, 64, true, false, false},
		{32, 65, false, false, false},
		{32, UINT64_MAX, false, false, false},
		{32, UINT64_MAX / 32 + 1, false, false, false},
		{32, UINT64_MAX / 64 + 1, false, false, false},
		/* what is read there is zero */
		{64, 9, true, true, true},
		{96, 9, true, true, true},
		{97, 9, false, false, false},
		{128, 9, false, false, false},
		{129, 9, false, false, false},
		{UINT64_MAX, 0, false, false, false},
		{UINT64_MAX - 31, 0, false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		struct cdx_buf b = {0};
		struct cdx_abi_in r;
		size_t n;

		word(&b, 0, cases[i].offset);
		word(&b, 0, cases[i].size);
		word(&b, 0, 0);
		word(&b, 0, 0);
		r = cdx_abi_in(b.p, b.len);
		assert_int_equal(cdx_abi_get_bytes(&r, &n) != NULL,
				 cases[i].bytes);
		assert_int_equal(!cdx_abi_ok(&r), cases[i].bytes);
		r = cdx_abi_in(b.p, b.len);
		assert_int_equal(!cdx_abi_get_array(&r, 1, &n).fail,
				 cases[i].words);
		assert_int_equal(!cdx_abi_ok(&r), cases[i].words);
		r = cdx_abi_in(b.p, b.len);
		assert_int_equal(!cdx_abi_get_array(&r, 2, &n).fail,
				 cases[i].pairs);
		assert_int_equal(!cdx_abi_ok(&r), cases[i].pairs);
		cdx_buf_free(&b);
	}
}

static void round_trips(void **state)
{
	struct seed s = seed_start("round trips");
	static uint8_t text[4096];

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		size_t len = seed_below(&s, i < 70 ? 70 : sizeof(text));
		uint64_t v = seed_u64(&s);
		struct cdx_buf out = {0};
		struct cdx_abi_in r;
		struct cdx_abi w;
		const uint8_t *p;
		size_t n;

		seed_fill(&s, text, len);
		cdx_abi_begin(&w, 3);
		cdx_abi_bytes(&w, text, len);
		cdx_abi_u64(&w, v);
		cdx_abi_bytes(&w, text, len / 2);
		assert_int_equal(cdx_abi_end(&w, &out), 0);
		assert_int_equal(out.len % 32, 0);
		r = cdx_abi_in(out.p, out.len);
		p = cdx_abi_get_bytes(&r, &n);
		assert_non_null(p);
		assert_int_equal(n, len);
		assert_memory_equal(p, text, n);
		assert_true(cdx_abi_get_u64(&r) == v);
		p = cdx_abi_get_bytes(&r, &n);
		assert_non_null(p);
		assert_int_equal(n, len / 2);
		assert_memory_equal(p, text, n);
		assert_int_equal(cdx_abi_ok(&r), 0);
		cdx_buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documented),  cmocka_unit_test(nested),
		cmocka_unit_test(reading),     cmocka_unit_test(wrong_heads),
		cmocka_unit_test(bad_words),   cmocka_unit_test(bad_places),
		cmocka_unit_test(round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
