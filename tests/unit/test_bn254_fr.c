/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "bn254/backend.h"
#include "bn254/fr.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"

/*
 * The scalar field: conversions, the laws of a field, and every back end
 * against the portable one.
 */

#define R_TEXT                                                                \
	"2188824287183927522224640574525727508854836440041603434369820418657" \
	"5808495617"
#define R_LESS_1                                                              \
	"2188824287183927522224640574525727508854836440041603434369820418657" \
	"5808495616"

static bool equal(struct cdx_fr a, struct cdx_fr b)
{
	return cdx_fr_equal(&a, &b);
}

static struct cdx_fr add(struct cdx_fr a, struct cdx_fr b)
{
	struct cdx_fr c;

	cdx_fr_add(&c, &a, &b);
	return c;
}

static struct cdx_fr mul(struct cdx_fr a, struct cdx_fr b)
{
	struct cdx_fr c;

	cdx_fr_mul(&c, &a, &b);
	return c;
}

static void text_of_known_numbers(void **state)
{
	static const char *const good[] = {
		"0",
		"1",
		"9",
		"10",
		"18446744073709551615",
		"18446744073709551616",
		"10000000000000000000",
		"340282366920938463463374607431768211456",
		R_LESS_1,
	};
	static const char *const bad[] = {
		"",
		"00",
		"01",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1a",
		"0x1",
		R_TEXT,
		"31888242871839275222246405745257275088548364400416034343698204"
		"186575808495617",
		"99999999999999999999999999999999999999999999999999999999999999"
		"999999999999999",
		"100000000000000000000000000000000000000000000000000000000000000"
		"000000000000000",
	};
	struct cdx_fr x = cdx_fr_zero;
	struct cdx_fr keep;
	char text[CDX_FR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(good); i++) {
		assert_int_equal(cdx_fr_from_text(&x, good[i]), 0);
		cdx_fr_to_text(text, &x);
		assert_string_equal(text, good[i]);
	}
	keep = x;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_fr_from_text(&x, bad[i]), CDX_E_FORMAT);
	assert_true(equal(x, keep));
}

static void bytes_are_canonical(void **state)
{
	struct seed s = seed_start("bytes_are_canonical");
	/* r, least significant byte first */
	uint8_t r[CDX_FR_BYTES] = {0x01, 0x00, 0x00, 0xf0, 0x93, 0xf5, 0xe1,
				   0x43, 0x91, 0x70, 0xb9, 0x79, 0x48, 0xe8,
				   0x33, 0x28, 0x5d, 0x58, 0x81, 0x81, 0xb6,
				   0x45, 0x50, 0xb8, 0x29, 0xa0, 0x31, 0xe1,
				   0x72, 0x4e, 0x64, 0x30};
	uint8_t b[CDX_FR_BYTES];
	uint8_t all[CDX_FR_BYTES];
	struct cdx_fr x = cdx_fr_one;
	struct cdx_fr y;
	char text[CDX_FR_TEXT_MAX];

	(void)state;
	memset(all, 0xff, sizeof(all));
	assert_int_equal(cdx_fr_from_bytes(&x, r), CDX_E_FORMAT);
	assert_int_equal(cdx_fr_from_bytes(&x, all), CDX_E_FORMAT);
	assert_true(equal(x, cdx_fr_one));
	r[0]--;
	assert_int_equal(cdx_fr_from_bytes(&x, r), 0);
	cdx_fr_to_text(text, &x);
	assert_string_equal(text, R_LESS_1);
	assert_true(equal(add(x, cdx_fr_one), cdx_fr_zero));
	cdx_fr_to_bytes(b, &x);
	assert_memory_equal(b, r, sizeof(b));
	for (size_t len = 0; len <= 31; len++) {
		memset(b, 0, sizeof(b));
		seed_fill(&s, b, len);
		cdx_fr_from_short(&x, b, len);
		assert_int_equal(cdx_fr_from_bytes(&y, b), 0);
		assert_true(equal(x, y));
		cdx_fr_to_bytes(all, &x);
		assert_memory_equal(all, b, sizeof(b));
	}
}

static void limbs_and_small_numbers(void **state)
{
	struct cdx_fr x;
	uint64_t v[4];
	char text[CDX_FR_TEXT_MAX];

	(void)state;
	cdx_fr_from_u64(&x, 1);
	assert_true(equal(x, cdx_fr_one));
	cdx_fr_from_u64(&x, 0);
	assert_true(cdx_fr_is_zero(&x));
	assert_false(cdx_fr_is_zero(&cdx_fr_one));
	cdx_fr_from_u64(&x, UINT64_MAX);
	cdx_fr_to_limbs(v, &x);
	assert_true(v[0] == UINT64_MAX && (v[1] | v[2] | v[3]) == 0);
	x = add(x, cdx_fr_one);
	cdx_fr_to_limbs(v, &x);
	assert_true(v[1] == 1 && (v[0] | v[2] | v[3]) == 0);
	/* (2^64)^2 * 2^64, by hand */
	x = mul(mul(x, x), x);
	cdx_fr_to_text(text, &x);
	assert_string_equal(
		text,
		"6277101735386680763835789423207666416102355444464034512896");
}

/* What holds for any elements, whichever code multiplies */
static void check_laws(void)
{
	struct seed s = seed_start("field laws");

	for (size_t i = 0; i < 400; i++) {
		struct cdx_fr a;
		struct cdx_fr b;
		struct cdx_fr c;
		struct cdx_fr d;
		char text[CDX_FR_TEXT_MAX];

		bn254_any(&a, &s);
		bn254_any(&b, &s);
		bn254_any(&c, &s);
		assert_true(equal(mul(a, b), mul(b, a)));
		assert_true(equal(mul(mul(a, b), c), mul(a, mul(b, c))));
		assert_true(
			equal(mul(a, add(b, c)), add(mul(a, b), mul(a, c))));
		assert_true(equal(mul(a, cdx_fr_one), a));
		cdx_fr_sqr(&d, &a);
		assert_true(equal(d, mul(a, a)));
		cdx_fr_sub(&d, &a, &b);
		assert_true(equal(add(d, b), a));
		cdx_fr_neg(&d, &a);
		assert_true(equal(add(d, a), cdx_fr_zero));
		cdx_fr_to_text(text, &a);
		assert_int_equal(cdx_fr_from_text(&d, text), 0);
		assert_true(equal(d, a));
	}
	for (size_t i = 0; i < 40; i++) {
		struct cdx_fr a;
		struct cdx_fr d;

		bn254_any(&a, &s);
		cdx_fr_inv(&d, &a);
		assert_true(equal(mul(a, d), cdx_fr_is_zero(&a) ? cdx_fr_zero
								: cdx_fr_one));
	}
}

static void laws_of_a_field(void **state)
{
	(void)state;
	bn254_each_backend(check_laws);
}

static void outputs_may_be_inputs(void **state)
{
	struct seed s = seed_start("outputs_may_be_inputs");

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		struct cdx_fr a;
		struct cdx_fr b;
		struct cdx_fr x;
		struct cdx_fr y;

		bn254_any(&a, &s);
		bn254_any(&b, &s);
		cdx_fr_mul(&x, &a, &b);
		y = a;
		cdx_fr_mul(&y, &y, &b);
		assert_true(equal(x, y));
		y = b;
		cdx_fr_mul(&y, &a, &y);
		assert_true(equal(x, y));
		cdx_fr_mul(&x, &a, &a);
		y = a;
		cdx_fr_mul(&y, &y, &y);
		assert_true(equal(x, y));
		y = a;
		cdx_fr_sqr(&y, &y);
		assert_true(equal(x, y));
		cdx_fr_sub(&x, &a, &b);
		y = b;
		cdx_fr_sub(&y, &a, &y);
		assert_true(equal(x, y));
		y = a;
		cdx_fr_sub(&y, &y, &y);
		assert_true(cdx_fr_is_zero(&y));
	}
}

/* Products and squares of @a and @b by back end @b2 and by the portable one */
static void compare(const struct cdx_fr *a, const struct cdx_fr *b,
		    enum cdx_bn254_backend other)
{
	struct cdx_fr want[2];
	struct cdx_fr got[2];

	cdx_bn254_backend_force(CDX_BN254_PORTABLE);
	cdx_fr_mul(&want[0], a, b);
	cdx_fr_sqr(&want[1], a);
	cdx_bn254_backend_force(other);
	cdx_fr_mul(&got[0], a, b);
	cdx_fr_sqr(&got[1], a);
	assert_memory_equal(got, want, sizeof(got));
}

static void chain(struct cdx_fr *x, const struct cdx_fr *start, size_t n)
{
	struct cdx_fr y = *start;

	*x = *start;
	for (size_t i = 0; i < n; i++) {
		cdx_fr_sqr(x, x);
		cdx_fr_add(x, x, &y);
		cdx_fr_mul(&y, x, &y);
		cdx_fr_sub(&y, &y, start);
	}
}

static void back_ends_agree(void **state)
{
	struct seed s = seed_start("back_ends_agree");
	struct cdx_fr a;
	struct cdx_fr b;

	(void)state;
	for (int i = CDX_BN254_PORTABLE + 1; i < CDX_BN254_BACKENDS; i++) {
		enum cdx_bn254_backend other = (enum cdx_bn254_backend)i;
		struct cdx_fr want;
		struct cdx_fr got;

		if (!cdx_bn254_backend_have(other))
			continue;
		for (size_t j = 0; j < CDX_ARRAY_LEN(bn254_edges); j++)
			for (size_t k = 0; k < CDX_ARRAY_LEN(bn254_edges); k++)
				compare(&bn254_edges[j], &bn254_edges[k],
					other);
		for (size_t j = 0; j < 20000; j++) {
			bn254_any(&a, &s);
			bn254_any(&b, &s);
			compare(&a, &b, other);
		}
		for (size_t j = 0; j < 20; j++) {
			bn254_any(&a, &s);
			cdx_bn254_backend_force(CDX_BN254_PORTABLE);
			chain(&want, &a, 2000);
			cdx_bn254_backend_force(other);
			chain(&got, &a, 2000);
			assert_true(equal(want, got));
		}
	}
}

static void back_ends_have_names(void **state)
{
	(void)state;
	assert_true(cdx_bn254_backend_have(CDX_BN254_PORTABLE));
	assert_false(cdx_bn254_backend_have(CDX_BN254_BACKENDS));
	assert_true(cdx_bn254_backend_have(cdx_bn254_backend()));
	assert_string_equal(cdx_bn254_backend_name(CDX_BN254_PORTABLE),
			    "portable");
	assert_string_equal(cdx_bn254_backend_name(CDX_BN254_ADX), "adx");
	assert_string_equal(cdx_bn254_backend_name(CDX_BN254_IFMA), "ifma");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_ends_have_names),
		cmocka_unit_test(text_of_known_numbers),
		cmocka_unit_test(bytes_are_canonical),
		cmocka_unit_test(limbs_and_small_numbers),
		cmocka_unit_test(laws_of_a_field),
		cmocka_unit_test(outputs_may_be_inputs),
		cmocka_unit_test(back_ends_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
