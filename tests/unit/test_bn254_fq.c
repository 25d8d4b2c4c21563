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

/*
 * Fq and Fq2, and inversion in both fields, against GMP; conversions; aliasing.
 */

#ifdef HAVE_GMP

#include <gmp.h>

#include "base/err.h"
#include "bn254/fq.h"
#include "bn254/fq2.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"

#define Q_TEXT                                                                \
	"2188824287183927522224640574525727508869631115729782366268903789464" \
	"5226208583"
#define Q_LESS_1                                                              \
	"2188824287183927522224640574525727508869631115729782366268903789464" \
	"5226208582"
#define R_TEXT                                                                \
	"2188824287183927522224640574525727508854836440041603434369820418657" \
	"5808495617"

/* The modulus of Fq, and numbers for whoever needs them */
static struct {
	mpz_t q;
	mpz_t r;
	mpz_t a;
	mpz_t b;
	mpz_t c;
	mpz_t d;
	mpz_t t;
	mpz_t u;
} g;

/* The integer that the element stands for */
static void to_gmp(mpz_t out, const struct cdx_fq *a)
{
	uint8_t bytes[CDX_FQ_BYTES];

	cdx_fq_to_bytes(bytes, a);
	mpz_import(out, sizeof(bytes), -1, 1, 0, 0, bytes);
	assert_true(mpz_cmp(out, g.q) < 0);
}

/* Is @a the integer @want modulo q? */
static bool is(const struct cdx_fq *a, mpz_t want)
{
	to_gmp(g.u, a);
	return mpz_congruent_p(g.u, want, g.q) != 0;
}

static void check_products(void)
{
	struct seed s = seed_start("products of Fq");

	for (size_t i = 0; i < 3000; i++) {
		struct cdx_fq a;
		struct cdx_fq b;
		struct cdx_fq t;
		struct cdx_fq u;

		bn254_any_fq(&a, &s);
		bn254_any_fq(&b, &s);
		to_gmp(g.a, &a);
		to_gmp(g.b, &b);
		cdx_fq_mul(&t, &a, &b);
		mpz_mul(g.t, g.a, g.b);
		assert_true(is(&t, g.t));
		cdx_fq_sqr(&t, &a);
		mpz_mul(g.t, g.a, g.a);
		assert_true(is(&t, g.t));
		cdx_fq_add(&t, &a, &b);
		mpz_add(g.t, g.a, g.b);
		assert_true(is(&t, g.t));
		cdx_fq_sub(&t, &a, &b);
		mpz_sub(g.t, g.a, g.b);
		assert_true(is(&t, g.t));
		cdx_fq_neg(&t, &a);
		mpz_neg(g.t, g.a);
		assert_true(is(&t, g.t));
		/* in place */
		cdx_fq_mul(&t, &a, &b);
		u = a;
		cdx_fq_mul(&u, &u, &b);
		assert_true(cdx_fq_equal(&t, &u));
		u = b;
		cdx_fq_mul(&u, &a, &u);
		assert_true(cdx_fq_equal(&t, &u));
		cdx_fq_sub(&t, &a, &b);
		u = b;
		cdx_fq_sub(&u, &a, &u);
		assert_true(cdx_fq_equal(&t, &u));
		cdx_fq_sqr(&t, &a);
		u = a;
		cdx_fq_sqr(&u, &u);
		assert_true(cdx_fq_equal(&t, &u));
		assert_int_equal(cdx_fq_is_zero(&a), mpz_sgn(g.a) == 0);
	}
}

/* All of them are below both moduli */
#define BITS 254u

/* 2^bit, or 1 less */
static void power_of_two(uint64_t out[4], size_t bit, bool less)
{
	for (size_t i = 0; i < 4; i++)
		out[i] = less && i < bit / 64 ? UINT64_MAX : 0;
	out[bit / 64] = (UINT64_C(1) << (bit % 64)) - less;
}

/* Of Fq and Fr: both take the same code */
static void check_inverses(void)
{
	struct seed s = seed_start("inverses");

	for (size_t i = 0; i < 3000; i++) {
		struct cdx_fq a;
		struct cdx_fq t;
		struct cdx_fr b;
		struct cdx_fr u;

		bn254_any_fq(&a, &s);
		bn254_any(&b, &s);
		if (i < 2 * BITS) {
			power_of_two(a.l, i / 2, i % 2 == 1);
			power_of_two(b.l, i / 2, i % 2 == 1);
		}
		cdx_fq_inv(&t, &a);
		to_gmp(g.a, &a);
		if (mpz_invert(g.t, g.a, g.q) == 0)
			mpz_set_ui(g.t, 0);
		assert_true(is(&t, g.t));
		cdx_fq_inv(&a, &a);
		assert_true(cdx_fq_equal(&a, &t));
		cdx_fr_inv(&u, &b);
		cdx_fr_mul(&u, &u, &b);
		assert_true(cdx_fr_equal(&u, cdx_fr_is_zero(&b) ? &cdx_fr_zero
								: &cdx_fr_one));
	}
}

static void any_fq2(struct cdx_fq2 *out, struct seed *s)
{
	bn254_any_fq(&out->c0, s);
	bn254_any_fq(&out->c1, s);
}

static bool fq2_is(const struct cdx_fq2 *a, mpz_t c0, mpz_t c1)
{
	return is(&a->c0, c0) && is(&a->c1, c1);
}

static void check_fq2(void)
{
	struct seed s = seed_start("Fq2");

	for (size_t i = 0; i < 3000; i++) {
		struct cdx_fq2 x;
		struct cdx_fq2 y;
		struct cdx_fq2 t;
		struct cdx_fq2 u;

		any_fq2(&x, &s);
		any_fq2(&y, &s);
		to_gmp(g.a, &x.c0);
		to_gmp(g.b, &x.c1);
		to_gmp(g.c, &y.c0);
		to_gmp(g.d, &y.c1);
		cdx_fq2_mul(&t, &x, &y);
		u = x;
		cdx_fq2_mul(&u, &u, &y);
		assert_true(cdx_fq2_equal(&t, &u));
		u = y;
		cdx_fq2_mul(&u, &x, &u);
		assert_true(cdx_fq2_equal(&t, &u));
		mpz_mul(g.t, g.a, g.c);
		mpz_submul(g.t, g.b, g.d);
		assert_true(is(&t.c0, g.t));
		mpz_mul(g.t, g.a, g.d);
		mpz_addmul(g.t, g.b, g.c);
		assert_true(is(&t.c1, g.t));
		cdx_fq2_mul(&t, &x, &x);
		u = x;
		cdx_fq2_sqr(&u, &u);
		assert_true(cdx_fq2_equal(&t, &u));
		u = x;
		cdx_fq2_mul(&u, &u, &u);
		assert_true(cdx_fq2_equal(&t, &u));
		u = x;
		cdx_fq2_mul_xi(&u, &u);
		mpz_mul_ui(g.t, g.a, 9);
		mpz_sub(g.t, g.t, g.b);
		assert_true(is(&u.c0, g.t));
		mpz_mul_ui(g.t, g.b, 9);
		mpz_add(g.t, g.t, g.a);
		assert_true(is(&u.c1, g.t));
		u = x;
		cdx_fq2_mul_fq(&u, &u, &u.c0);
		mpz_mul(g.t, g.a, g.b);
		assert_true(is(&u.c1, g.t));
		cdx_fq2_sub(&u, &x, &y);
		cdx_fq2_add(&u, &u, &y);
		assert_true(fq2_is(&u, g.a, g.b));
		cdx_fq2_add(&u, &x, &y);
		cdx_fq2_sub(&u, &u, &x);
		assert_true(fq2_is(&u, g.c, g.d));
		cdx_fq2_neg(&u, &x);
		cdx_fq2_conj(&t, &x);
		cdx_fq2_add(&t, &t, &u);
		assert_true(cdx_fq_is_zero(&t.c0));
		cdx_fq2_inv(&u, &x);
		cdx_fq2_mul(&u, &u, &x);
		assert_true(cdx_fq2_equal(&u, cdx_fq2_is_zero(&x)
						      ? &cdx_fq2_zero
						      : &cdx_fq2_one));
	}
}

static void products(void **state)
{
	(void)state;
	bn254_each_backend(check_products);
}

static void inverses(void **state)
{
	(void)state;
	bn254_each_backend(check_inverses);
}

static void quadratic_extension(void **state)
{
	(void)state;
	bn254_each_backend(check_fq2);
}

static void conversions(void **state)
{
	static const char *const bad[] = {"", "01", "-1", "1 ", Q_TEXT};
	struct seed s = seed_start("conversions");
	struct cdx_fq a = cdx_fq_one;
	struct cdx_fq b;
	uint8_t bytes[CDX_FQ_BYTES];
	char text[CDX_FQ_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(bad); i++)
		assert_int_equal(cdx_fq_from_text(&a, bad[i]), CDX_E_FORMAT);
	assert_true(cdx_fq_equal(&a, &cdx_fq_one));
	assert_int_equal(cdx_fq_from_text(&a, Q_LESS_1), 0);
	cdx_fq_add(&a, &a, &cdx_fq_one);
	assert_true(cdx_fq_equal(&a, &cdx_fq_zero));
	for (size_t i = 0; i < 300; i++) {
		bn254_any_fq(&a, &s);
		to_gmp(g.a, &a);
		cdx_fq_to_text(text, &a);
		assert_int_equal(mpz_set_str(g.b, text, 10), 0);
		assert_int_equal(mpz_cmp(g.a, g.b), 0);
		assert_int_equal(cdx_fq_from_text(&b, text), 0);
		assert_true(cdx_fq_equal(&a, &b));
		cdx_fq_to_bytes(bytes, &a);
		assert_int_equal(cdx_fq_from_bytes(&b, bytes), 0);
		assert_true(cdx_fq_equal(&a, &b));
		/* the Montgomery form is a 2^256 */
		cdx_fq_to_mont(bytes, &a);
		assert_int_equal(cdx_fq_from_mont(&b, bytes), 0);
		assert_true(cdx_fq_equal(&a, &b));
		mpz_import(g.b, sizeof(bytes), -1, 1, 0, 0, bytes);
		mpz_mul_2exp(g.a, g.a, 256);
		assert_true(mpz_congruent_p(g.a, g.b, g.q) != 0);
	}
	cdx_fq_from_u64(&a, UINT64_MAX);
	cdx_fq_to_text(text, &a);
	assert_string_equal(text, "18446744073709551615");
	/* q itself, least significant byte first */
	memset(bytes, 0, sizeof(bytes));
	mpz_export(bytes, NULL, -1, 1, 0, 0, g.q);
	b = a;
	assert_int_equal(cdx_fq_from_bytes(&a, bytes), CDX_E_FORMAT);
	assert_int_equal(cdx_fq_from_mont(&a, bytes), CDX_E_FORMAT);
	assert_true(cdx_fq_equal(&a, &b));
	bytes[0]--;
	assert_int_equal(cdx_fq_from_bytes(&a, bytes), 0);
	assert_int_equal(cdx_fq_from_mont(&b, bytes), 0);
}

static int start(void **state)
{
	(void)state;
	mpz_inits(g.a, g.b, g.c, g.d, g.t, g.u, NULL);
	mpz_init_set_str(g.q, Q_TEXT, 10);
	mpz_init_set_str(g.r, R_TEXT, 10);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	mpz_clears(g.a, g.b, g.c, g.d, g.t, g.u, g.q, g.r, NULL);
	return 0;
}

/*
 * What cdx_g2_in_subgroup rests on: for f = 1 + x + x X + x X^2 - 2 x X^3
 * reduced by X^2 - t X + q to a + b X, the greatest common divisor of
 * a^2 + a b t + b^2 q and the order of the curve, r (2 q - r), is r.
 */
static void norm_of_the_subgroup_check(void **state)
{
	(void)state;
	mpz_set_str(g.u, "4965661367192848881", 10); /* x */
	mpz_mul(g.t, g.u, g.u);
	mpz_mul_ui(g.t, g.t, 6);
	mpz_add_ui(g.t, g.t, 1);
	/* X^2 = t X - q and X^3 = (t^2 - q) X - t q */
	mpz_mul(g.b, g.t, g.t);
	mpz_sub(g.b, g.b, g.q);
	mpz_mul_si(g.b, g.b, -2);
	mpz_add(g.b, g.b, g.t);
	mpz_add_ui(g.b, g.b, 1);
	mpz_mul(g.b, g.b, g.u); /* x (1 + t - 2 (t^2 - q)) */
	mpz_mul_ui(g.a, g.t, 2);
	mpz_sub_ui(g.a, g.a, 1);
	mpz_mul(g.a, g.a, g.q);
	mpz_add_ui(g.a, g.a, 1);
	mpz_mul(g.a, g.a, g.u);
	mpz_add_ui(g.a, g.a, 1); /* 1 + x (1 - q + 2 t q) */
	mpz_mul(g.c, g.b, g.t);
	mpz_add(g.c, g.c, g.a);
	mpz_mul(g.c, g.c, g.a);
	mpz_mul(g.d, g.b, g.b);
	mpz_addmul(g.c, g.d, g.q); /* the norm */
	mpz_mul_ui(g.d, g.q, 2);
	mpz_sub(g.d, g.d, g.r);
	mpz_mul(g.d, g.d, g.r);
	mpz_gcd(g.d, g.d, g.c);
	assert_int_equal(mpz_cmp(g.d, g.r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products),
		cmocka_unit_test(inverses),
		cmocka_unit_test(quadratic_extension),
		cmocka_unit_test(conversions),
		cmocka_unit_test(norm_of_the_subgroup_check),
	};

	return cmocka_run_group_tests(tests, start, stop);
}

#else

int main(void)
{
	puts("GMP is not there: install libgmp-dev");
	return 77;
}

#endif
