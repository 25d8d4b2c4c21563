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
#include <string.h>

#include <cmocka.h>

#ifdef HAVE_GMP
#include <gmp.h>
#endif

#include "base/err.h"
#include "codec/u256.h"
#include "tests/unit/seed.h"

/* Numbers of 256 bits: arithmetic against GMP where it is there, texts,
 * refusals. */

/* 2^256 - 1 and 2^256: powers of two, https://oeis.org/A000079 */
#define MAX_TEXT                                                             \
	"115792089237316195423570985008687907853269984665640564039457584007" \
	"913129639935"
#define OVER_TEXT                                                            \
	"115792089237316195423570985008687907853269984665640564039457584007" \
	"913129639936"

/* one more than there can be */
#define DIGITS_65                                                            \
	"0x0000000000000000000000000000000000000000000000000000000000000000" \
	"1"

static bool same(const struct cdx_u256 *a, const struct cdx_u256 *b)
{
	return cdx_u256_cmp(a, b) == 0;
}

/* Of any length; limbs of zeros and ones are frequent, for the carries */
static struct cdx_u256 any(struct seed *s)
{
	struct cdx_u256 a = {{0}};
	size_t limbs = seed_below(s, 5);

	for (size_t i = 0; i < limbs; i++) {
		switch (seed_below(s, 4)) {
		case 0:
			a.v[i] = 0;
			break;
		case 1:
			a.v[i] = UINT64_MAX;
			break;
		case 2:
			a.v[i] = seed_u64(s) >> seed_below(s, 64);
			break;
		default:
			a.v[i] = seed_u64(s);
		}
	}
	return a;
}

#ifdef HAVE_GMP

static void to_gmp(mpz_t out, const struct cdx_u256 *a)
{
	mpz_import(out, 4, -1, sizeof(uint64_t), 0, 0, a->v);
}

/* Is @err what the operation that gives @want has to return, and @got the
 * result (which was @before)? */
static void check(int err, const struct cdx_u256 *got,
		  const struct cdx_u256 *before, mpz_t want)
{
	mpz_t t;

	if (mpz_sgn(want) < 0 || mpz_sizeinbase(want, 2) > 256) {
		assert_int_equal(err, -ERANGE);
		assert_true(same(got, before));
		return;
	}
	assert_int_equal(err, 0);
	mpz_init(t);
	to_gmp(t, got);
	assert_int_equal(mpz_cmp(t, want), 0);
	mpz_clear(t);
}

static void arithmetic(void **state)
{
	struct seed s = seed_start("arithmetic");
	mpz_t a;
	mpz_t b;
	mpz_t t;

	(void)state;
	mpz_inits(a, b, t, NULL);
	for (size_t i = 0; i < 20000; i++) {
		struct cdx_u256 x = any(&s);
		struct cdx_u256 y = any(&s);
		struct cdx_u256 got = cdx_u256_of(i);
		struct cdx_u256 before = got;
		uint64_t num = y.v[seed_below(&s, 4)];
		uint64_t den = x.v[seed_below(&s, 4)];
		uint64_t rem;
		int err;

		den = den ? den : 1;
		to_gmp(a, &x);
		to_gmp(b, &y);
		assert_int_equal(cdx_u256_cmp(&x, &y),
				 (mpz_cmp(a, b) > 0) - (mpz_cmp(a, b) < 0));
		assert_int_equal(cdx_u256_is_zero(&x), mpz_sgn(a) == 0);
		err = cdx_u256_add(&got, &x, &y);
		mpz_add(t, a, b);
		check(err, &got, &before, t);
		before = got;
		err = cdx_u256_sub(&got, &x, &y);
		mpz_sub(t, a, b);
		check(err, &got, &before, t);
		before = got;
		err = cdx_u256_mul(&got, &x, &y);
		mpz_mul(t, a, b);
		check(err, &got, &before, t);
		before = got;
		err = cdx_u256_mul_u64(&got, &x, num);
		mpz_mul_ui(t, a, num);
		check(err, &got, &before, t);
		before = got;
		err = cdx_u256_scale(&got, &x, num, den);
		mpz_fdiv_q_ui(t, t, den);
		check(err, &got, &before, t);
		got = cdx_u256_div_u64(&x, den, &rem);
		assert_true(mpz_fdiv_q_ui(t, a, den) == rem);
		check(0, &got, &before, t);
		/* in place */
		before = x;
		err = cdx_u256_mul(&x, &x, &x);
		mpz_mul(t, a, a);
		check(err, &x, &before, t);
		x = before;
		before = y;
		err = cdx_u256_sub(&y, &x, &y);
		mpz_sub(t, a, b);
		check(err, &y, &before, t);
	}
	mpz_clears(a, b, t, NULL);
}

static void texts_of_gmp(void **state)
{
	struct seed s = seed_start("texts");
	char want[CDX_U256_TEXT_MAX + 2];
	char got[CDX_U256_TEXT_MAX];
	mpz_t a;

	(void)state;
	mpz_init(a);
	for (size_t i = 0; i < 2000; i++) {
		struct cdx_u256 x = any(&s);

		to_gmp(a, &x);
		(void)mpz_get_str(want, 10, a);
		cdx_u256_dec(got, &x);
		assert_string_equal(got, want);
		(void)gmp_snprintf(want, sizeof(want), "%#Zx", a);
		cdx_u256_quantity(got, &x);
		/* GMP writes no 0x before a zero */
		assert_string_equal(got, mpz_sgn(a) ? want : "0x0");
	}
	mpz_clear(a);
}

#endif

static void round_trips(void **state)
{
	struct seed s = seed_start("round trips");

	(void)state;
	for (size_t i = 0; i < 2000; i++) {
		struct cdx_u256 x = any(&s);
		struct cdx_u256 y;
		unsigned decimals = (unsigned)seed_below(&s, 78);
		char text[CDX_U256_TEXT_MAX + 2];
		uint8_t bytes[32];

		cdx_u256_to_be(bytes, &x);
		y = cdx_u256_from_be(bytes);
		assert_true(same(&x, &y));
		cdx_u256_dec(text, &x);
		assert_int_equal(cdx_u256_parse(&y, text), 0);
		assert_true(same(&x, &y));
		cdx_u256_units(text, &x, decimals);
		assert_int_equal(cdx_u256_parse_units(&y, text, decimals), 0);
		assert_true(same(&x, &y));
		cdx_u256_quantity(text, &x);
		assert_int_equal(cdx_u256_parse_quantity(&y, text), 0);
		assert_true(same(&x, &y));
	}
}

static void small_numbers(void **state)
{
	static const uint8_t five[32] = {[31] = 5, [30] = 1};
	struct cdx_u256 a = cdx_u256_from_be(five);
	struct cdx_u256 one = cdx_u256_of(1);
	uint64_t v = 7;

	(void)state;
	assert_int_equal(cdx_u256_to_u64(&v, &a), 0);
	assert_true(v == 261);
	assert_int_equal(cdx_u256_add(&a, &cdx_u256_max, &one), -ERANGE);
	assert_true(a.v[0] == 261);
	assert_int_equal(cdx_u256_to_u64(&v, &cdx_u256_max), -ERANGE);
	assert_true(v == 261);
	a = (struct cdx_u256){{0, 1, 0, 0}};
	assert_int_equal(cdx_u256_to_u64(&v, &a), -ERANGE);
	assert_int_equal(cdx_u256_sub(&a, &a, &one), 0);
	assert_int_equal(cdx_u256_to_u64(&v, &a), 0);
	assert_true(v == UINT64_MAX);
	/* the product does not fit, the quotient does */
	assert_int_equal(cdx_u256_scale(&a, &cdx_u256_max, 11, 11), 0);
	assert_true(same(&a, &cdx_u256_max));
	assert_int_equal(cdx_u256_scale(&a, &cdx_u256_max, 11, 10), -ERANGE);
	assert_true(same(&a, &cdx_u256_max));
	a = cdx_u256_div_u64(&cdx_u256_max, 2, NULL);
	assert_true(a.v[3] == UINT64_MAX >> 1 && a.v[0] == UINT64_MAX);
}

static void decimal(void **state)
{
	static const char *const bad[] = {"",	"-1",  "+1", " 1", "1 ", "0x1",
					  "1.", "1.0", ".",  "a",  "1e3"};
	struct cdx_u256 a = cdx_u256_of(3);
	char text[CDX_U256_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_u256_parse(&a, bad[i]), CDX_E_FORMAT);
	assert_int_equal(cdx_u256_parse(&a, OVER_TEXT), -ERANGE);
	assert_int_equal(cdx_u256_parse(&a, MAX_TEXT "0"), -ERANGE);
	/* no number, and too long besides */
	assert_int_equal(cdx_u256_parse(&a, MAX_TEXT "0x"), CDX_E_FORMAT);
	assert_true(a.v[0] == 3);
	assert_int_equal(cdx_u256_parse(&a, MAX_TEXT), 0);
	assert_true(same(&a, &cdx_u256_max));
	cdx_u256_dec(text, &a);
	assert_string_equal(text, MAX_TEXT);
	assert_int_equal(cdx_u256_parse(&a, "0"), 0);
	assert_true(cdx_u256_is_zero(&a));
	assert_int_equal(cdx_u256_parse(&a, "0012"), 0);
	cdx_u256_dec(text, &a);
	assert_string_equal(text, "12");
}

static void units(void **state)
{
	static const struct {
		const char *amount;
		unsigned decimals;
		const char *text;
	} same_text[] = {
		{"0", 0, "0"},
		{"0", 18, "0"},
		{"1", 18, "0.000000000000000001"},
		{"1500000000000000000", 18, "1.5"},
		{"1000000000000000000", 18, "1"},
		{"100", 0, "100"},
		{"120", 1, "12"},
		{"1234567", 3, "1234.567"},
		{MAX_TEXT, 0, MAX_TEXT},
	};
	static const char *const bad[] = {"",	  ".5",	  "5.",	  "1.2.3",
					  "1,5",  "-1.5", "1.5 ", "1.0001",
					  "1.-5", "0x1",  "."};
	struct cdx_u256 a = cdx_u256_of(3);
	struct cdx_u256 b;
	char text[CDX_U256_TEXT_MAX + 2];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_u256_parse_units(&a, bad[i], 3),
				 CDX_E_FORMAT);
	assert_int_equal(cdx_u256_parse_units(&a, "1.0", 0), CDX_E_FORMAT);
	assert_int_equal(cdx_u256_parse_units(&a, OVER_TEXT, 0), -ERANGE);
	assert_int_equal(cdx_u256_parse_units(&a, MAX_TEXT, 1), -ERANGE);
	assert_true(a.v[0] == 3);
	for (size_t i = 0; i < CDX_ARRAY_LEN(same_text); i++) {
		assert_int_equal(cdx_u256_parse(&a, same_text[i].amount), 0);
		cdx_u256_units(text, &a, same_text[i].decimals);
		assert_string_equal(text, same_text[i].text);
		assert_int_equal(cdx_u256_parse_units(&b, text,
						      same_text[i].decimals),
				 0);
		assert_true(same(&a, &b));
	}
	/* the longest there are */
	cdx_u256_units(text, &cdx_u256_max, 77);
	assert_int_equal(strlen(text), 79);
	assert_memory_equal(text, MAX_TEXT, 1);
	assert_int_equal(text[1], '.');
	assert_string_equal(text + 2, &MAX_TEXT[1]);
	assert_int_equal(cdx_u256_parse_units(&a, "1.50", 2), 0);
	assert_true(a.v[0] == 150);
}

static void quantities(void **state)
{
	static const char *const bad[] = {"",	  "0",	  "0x",	    "0X1",
					  "1f",	  "0xg",  "0x ",    " 0x",
					  "0x1 ", "0x-1", DIGITS_65};
	struct cdx_u256 a = cdx_u256_of(3);
	char text[67];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_u256_parse_quantity(&a, bad[i]),
				 CDX_E_FORMAT);
	assert_true(a.v[0] == 3);
	assert_int_equal(cdx_u256_parse_quantity(&a, "0x0"), 0);
	cdx_u256_quantity(text, &a);
	assert_string_equal(text, "0x0");
	/* ethereum.org, JSON-RPC, "Quantities": 1024 is 0x400 */
	assert_int_equal(cdx_u256_parse_quantity(&a, "0x0400"), 0);
	assert_true(a.v[0] == 1024);
	cdx_u256_quantity(text, &a);
	assert_string_equal(text, "0x400");
	cdx_u256_quantity(text, &cdx_u256_max);
	assert_int_equal(strlen(text), 66);
	assert_int_equal(cdx_u256_parse_quantity(&a, text), 0);
	assert_true(same(&a, &cdx_u256_max));
	assert_int_equal(cdx_u256_parse_quantity(&a, "0xABcd"), 0);
	assert_true(a.v[0] == 0xabcd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef HAVE_GMP
		cmocka_unit_test(arithmetic),  cmocka_unit_test(texts_of_gmp),
#endif
		cmocka_unit_test(round_trips), cmocka_unit_test(small_numbers),
		cmocka_unit_test(decimal),     cmocka_unit_test(units),
		cmocka_unit_test(quantities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
