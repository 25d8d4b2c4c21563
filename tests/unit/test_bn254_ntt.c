/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "bn254/backend.h"
#include "bn254/fr.h"
#include "bn254/fr_vec.h"
#include "bn254/ntt.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"

/*
 * Transforms of every back end against sums written out, and against each
 * other.  test_bn254_ntt_verify is this with the bounds of lazy reduction
 * checked in every lane.
 */

#define NAIVE_LOG 8u
#define LARGE_LOG 14u

/* 2^@log_n elements; the caller frees */
static struct cdx_fr *elements(unsigned log_n)
{
	struct cdx_fr *a = calloc((size_t)1 << log_n, sizeof(*a));

	assert_non_null(a);
	return a;
}

static void fill(struct cdx_fr *a, size_t n, struct seed *seed)
{
	for (size_t i = 0; i < n; i++)
		bn254_any(&a[i], seed);
}

static struct cdx_ntt *new_ntt(unsigned log_n)
{
	struct cdx_ntt *t;

	assert_int_equal(cdx_ntt_new(&t, log_n), 0);
	return t;
}

static void check_equal(const char *what, const struct cdx_fr *got,
			const struct cdx_fr *want, unsigned log_n)
{
	for (size_t i = 0; i < (size_t)1 << log_n; i++) {
		if (!cdx_fr_equal(&got[i], &want[i]))
			fail_msg("%s, %s: element %zu of 2^%u differs",
				 cdx_bn254_backend_name(cdx_bn254_backend()),
				 what, i, log_n);
	}
}

/* The polynomial with coefficients @a at @x (Horner) */
static struct cdx_fr value_at(const struct cdx_fr *a, size_t n,
			      const struct cdx_fr *x)
{
	struct cdx_fr v = cdx_fr_zero;

	while (n-- > 0) {
		cdx_fr_mul(&v, &v, x);
		cdx_fr_add(&v, &v, &a[n]);
	}
	return v;
}

/* Values of @a at @shift, @shift w, @shift w^2 ... */
static void naive(struct cdx_fr *out, const struct cdx_fr *a, unsigned log_n,
		  const struct cdx_fr *shift)
{
	struct cdx_fr x = *shift;
	struct cdx_fr w;

	cdx_ntt_root(&w, log_n);
	for (size_t i = 0; i < (size_t)1 << log_n; i++) {
		out[i] = value_at(a, (size_t)1 << log_n, &x);
		cdx_fr_mul(&x, &x, &w);
	}
}

static void root_of_text(unsigned log_n, const char *text)
{
	struct cdx_fr want;
	struct cdx_fr got;

	assert_int_equal(cdx_fr_from_text(&want, text), 0);
	cdx_ntt_root(&got, log_n);
	assert_true(cdx_fr_equal(&got, &want));
}

/* The numbers of spec/proofs.md 5; orders: w_k^(2^(k - 1)) is -1 */
static void roots(void)
{
	struct cdx_fr minus_one;

	root_of_text(17, "126509419156620200580158620236659989989691915254798"
			 "88727406889100124684769509");
	root_of_text(18, "116995966683677766753466106877042205914350787917273"
			 "16319397053191800576917728");
	root_of_text(0, "1");
	cdx_fr_neg(&minus_one, &cdx_fr_one);
	for (unsigned k = 1; k <= CDX_NTT_LOG_MAX; k++) {
		struct cdx_fr w;

		cdx_ntt_root(&w, k);
		for (unsigned i = 1; i < k; i++)
			cdx_fr_sqr(&w, &w);
		assert_true(cdx_fr_equal(&w, &minus_one));
	}
}

static void sizes(void)
{
	struct cdx_ntt *t = (void *)1;

	assert_int_equal(cdx_ntt_new(&t, CDX_NTT_LOG_MAX), -EINVAL);
	assert_null(t);
	cdx_ntt_free(NULL);
}

/* All three on the coefficients @a */
static void check_naive(const struct cdx_fr *a, unsigned log_n)
{
	const size_t size = sizeof(*a) << log_n;
	struct cdx_ntt *t = new_ntt(log_n);
	struct cdx_fr *got = elements(log_n);
	struct cdx_fr *want = elements(log_n);
	struct cdx_fr s;

	memcpy(got, a, size);
	naive(want, a, log_n, &cdx_fr_one);
	assert_int_equal(cdx_ntt_forward(t, got), 0);
	check_equal("forward", got, want, log_n);
	assert_int_equal(cdx_ntt_inverse(t, got), 0);
	check_equal("inverse", got, a, log_n);
	cdx_ntt_root(&s, log_n + 1);
	memcpy(got, want, size);
	naive(want, a, log_n, &s);
	assert_int_equal(cdx_ntt_to_coset(t, got), 0);
	check_equal("to_coset", got, want, log_n);
	free(want);
	free(got);
	cdx_ntt_free(t);
}

static void sums_written_out(void)
{
	struct seed seed = seed_start("sums_written_out");

	for (unsigned log_n = 0; log_n <= NAIVE_LOG; log_n++) {
		struct cdx_fr *a = elements(log_n);

		fill(a, (size_t)1 << log_n, &seed);
		check_naive(a, log_n);
		free(a);
	}
}

/* Everywhere the same edge, also r - 1 as the integer; and a single one */
static void edges(void)
{
	const size_t count = CDX_ARRAY_LEN(bn254_edges);

	for (unsigned log_n = 1; log_n <= NAIVE_LOG; log_n++) {
		struct cdx_fr *a = elements(log_n);
		const size_t n = (size_t)1 << log_n;

		for (size_t k = 0; k < (log_n < 7 ? count : 0); k++) {
			for (size_t i = 0; i < n; i++)
				a[i] = bn254_edges[k];
			check_naive(a, log_n);
		}
		for (size_t i = 0; i < n; i++)
			cdx_fr_neg(&a[i], &cdx_fr_one);
		check_naive(a, log_n);
		for (size_t i = 0; i < n; i++)
			a[i] = bn254_edges[i % count];
		check_naive(a, log_n);
		memset(a, 0, sizeof(*a) << log_n);
		a[n - 1] = cdx_fr_one;
		check_naive(a, log_n);
		free(a);
	}
}

/* f -> c f + g goes through; the way back; the coset by both ways.  Sizes at
 * which the vectors' passes over memory change among them. */
static void check_large(unsigned log_n, struct seed *seed)
{
	const size_t n = (size_t)1 << log_n;
	struct cdx_ntt *t = new_ntt(log_n);
	struct cdx_fr *f = elements(log_n);
	struct cdx_fr *g = elements(log_n);
	struct cdx_fr *h = elements(log_n);
	struct cdx_fr *v = elements(log_n);
	struct cdx_fr power = cdx_fr_one;
	struct cdx_fr c;
	struct cdx_fr s;

	fill(f, n, seed);
	fill(g, n, seed);
	bn254_any(&c, seed);
	for (size_t i = 0; i < n; i++) {
		cdx_fr_mul(&h[i], &c, &f[i]);
		cdx_fr_add(&h[i], &h[i], &g[i]);
	}
	memcpy(v, f, n * sizeof(*f));
	assert_int_equal(cdx_ntt_forward(t, v), 0);
	assert_int_equal(cdx_ntt_forward(t, g), 0);
	assert_int_equal(cdx_ntt_forward(t, h), 0);
	for (size_t i = 0; i < n; i++) {
		cdx_fr_mul(&s, &c, &v[i]);
		cdx_fr_add(&g[i], &g[i], &s);
	}
	check_equal("linear", h, g, log_n);
	memcpy(h, v, n * sizeof(*v));
	assert_int_equal(cdx_ntt_inverse(t, h), 0);
	check_equal("back", h, f, log_n);
	cdx_ntt_root(&s, log_n + 1);
	for (size_t i = 0; i < n; i++) {
		cdx_fr_mul(&f[i], &f[i], &power);
		cdx_fr_mul(&power, &power, &s);
	}
	assert_int_equal(cdx_ntt_forward(t, f), 0);
	assert_int_equal(cdx_ntt_to_coset(t, v), 0);
	check_equal("coset", v, f, log_n);
	free(v);
	free(h);
	free(g);
	free(f);
	cdx_ntt_free(t);
}

static void large_sizes(void)
{
	struct seed seed = seed_start("large_sizes");

	for (unsigned log_n = 0; log_n <= LARGE_LOG; log_n++)
		check_large(log_n, &seed);
}

/* The fastest back end alone, where passes are cut in more ways; one element
 * of the result against the polynomial */
static void largest(void **unused)
{
	struct seed seed = seed_start("largest");

	(void)unused;
	for (int b = 0; b < CDX_BN254_BACKENDS; b++) {
		if (cdx_bn254_backend_have((enum cdx_bn254_backend)b))
			cdx_bn254_backend_force((enum cdx_bn254_backend)b);
	}
	for (unsigned log_n = LARGE_LOG + 1; log_n <= LARGE_LOG + 4; log_n++) {
		const size_t n = (size_t)1 << log_n;
		struct cdx_ntt *t = new_ntt(log_n);
		struct cdx_fr *f = elements(log_n);
		struct cdx_fr *v = elements(log_n);
		struct cdx_fr w;
		struct cdx_fr s;

		fill(f, n, &seed);
		memcpy(v, f, n * sizeof(*f));
		assert_int_equal(cdx_ntt_forward(t, v), 0);
		cdx_ntt_root(&w, log_n);
		s = value_at(f, n, &w);
		assert_true(cdx_fr_equal(&v[1], &s));
		cdx_ntt_root(&s, log_n + 1);
		assert_int_equal(cdx_ntt_to_coset(t, v), 0);
		w = value_at(f, n, &s);
		assert_true(cdx_fr_equal(&v[0], &w));
		cdx_fr_neg(&s, &s); /* s w^(n/2) */
		w = value_at(f, n, &s);
		assert_true(cdx_fr_equal(&v[n / 2], &w));
		free(v);
		free(f);
		cdx_ntt_free(t);
	}
}

/* Any number, into other memory and into that of @a; what is behind stays */
static void check_quotients(size_t n, struct seed *seed)
{
	struct cdx_fr a[64];
	struct cdx_fr b[64];
	struct cdx_fr c[64];
	uint8_t got[64 * CDX_FR_BYTES];
	uint8_t want[64 * CDX_FR_BYTES];

	fill(a, CDX_ARRAY_LEN(a), seed);
	fill(b, CDX_ARRAY_LEN(b), seed);
	fill(c, CDX_ARRAY_LEN(c), seed);
	memset(got, 0x5a, sizeof(got));
	memset(want, 0x5a, sizeof(want));
	for (size_t i = 0; i < n; i++) {
		struct cdx_fr h;

		cdx_fr_mul(&h, &a[i], &b[i]);
		if (i % 3 == 0) /* the difference is 0 */
			c[i] = h;
		cdx_fr_sub(&h, &h, &c[i]);
		cdx_fr_to_bytes(want + CDX_FR_BYTES * i, &h);
	}
	cdx_fr_quotients(got, a, b, c, n);
	assert_memory_equal(got, want, sizeof(got));
	cdx_fr_quotients((uint8_t *)a, a, b, c, n);
	assert_memory_equal(a, want, n * CDX_FR_BYTES);
}

static void quotients(void)
{
	struct seed seed = seed_start("quotients");

	for (size_t n = 0; n < 64; n++)
		check_quotients(n, &seed);
}

/* Any number, into other memory and into its own */
static void canonical(void)
{
	struct seed seed = seed_start("canonical");

	for (size_t n = 0; n < 64; n++) {
		struct cdx_fr a[64];
		uint8_t got[64 * CDX_FR_BYTES];
		uint8_t want[64 * CDX_FR_BYTES];

		fill(a, CDX_ARRAY_LEN(a), &seed);
		memcpy(a, bn254_edges,
		       n >= CDX_ARRAY_LEN(bn254_edges) ? sizeof(bn254_edges)
						       : 0);
		memset(got, 0x5a, sizeof(got));
		memset(want, 0x5a, sizeof(want));
		for (size_t i = 0; i < n; i++)
			cdx_fr_to_bytes(want + CDX_FR_BYTES * i, &a[i]);
		cdx_fr_to_canonical_many(got, a, n);
		assert_memory_equal(got, want, sizeof(got));
		cdx_fr_to_canonical_many((uint8_t *)a, a, n);
		assert_memory_equal(a, want, n * CDX_FR_BYTES);
	}
}

/* One test, done with every back end */
#define EACH_BACKEND(check)                        \
	static void check##_of_each(void **unused) \
	{                                          \
		(void)unused;                      \
		bn254_each_backend(check);         \
	}

EACH_BACKEND(roots)
EACH_BACKEND(sizes)
EACH_BACKEND(sums_written_out)
EACH_BACKEND(edges)
EACH_BACKEND(large_sizes)
EACH_BACKEND(quotients)
EACH_BACKEND(canonical)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_of_each),
		cmocka_unit_test(sizes_of_each),
		cmocka_unit_test(sums_written_out_of_each),
		cmocka_unit_test(edges_of_each),
		cmocka_unit_test(large_sizes_of_each),
		cmocka_unit_test(largest),
		cmocka_unit_test(quotients_of_each),
		cmocka_unit_test(canonical_of_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
