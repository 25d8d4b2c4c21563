/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bn254/poseidon2.h"
#include "bn254/poseidon2_trace.h"
#include "tests/unit/bn254_kit.h"

/*
 * A permutation that keeps its steps: its result is the permutation's, and what
 * it keeps satisfies the equations of the rounds (spec/proofs.md 1).  The test
 * is also compiled with CDX_VERIFY, which checks the bounds inside.
 */

#define ROUNDS 300

static void times(struct cdx_fr *out, uint64_t k, const struct cdx_fr *a)
{
	struct cdx_fr n;

	cdx_fr_from_u64(&n, k);
	cdx_fr_mul(out, &n, a);
}

/* out = matrix in, with @last at its lower right corner */
static void mix(struct cdx_fr out[3], const struct cdx_fr in[3], uint64_t last)
{
	const uint64_t diagonal[3] = {2, 2, last};
	struct cdx_fr t[3];

	for (size_t i = 0; i < 3; i++) {
		times(&t[i], diagonal[i], &in[i]);
		for (size_t j = 0; j < 3; j++)
			if (j != i)
				cdx_fr_add(&t[i], &t[i], &in[j]);
	}
	memcpy(out, t, sizeof(t));
}

static void is(const struct cdx_fr *a, const struct cdx_fr *b)
{
	/* equal elements are equal bytes, so this says reduced too */
	assert_memory_equal(a, b, sizeof(*a));
}

static void check_sbox(struct cdx_fr *x, const struct cdx_fr *c,
		       const struct cdx_trace_sbox *t)
{
	struct cdx_fr s;
	struct cdx_fr p;

	cdx_fr_add(&s, x, c);
	cdx_fr_mul(&p, &s, &s);
	is(&t->x2, &p);
	cdx_fr_mul(&p, &p, &p);
	is(&t->x4, &p);
	cdx_fr_mul(x, &p, &s);
}

static void check_external(struct cdx_fr s[3], size_t k,
			   const struct cdx_poseidon2_trace *t,
			   const struct cdx_fr after[3])
{
	const struct cdx_fr *c = cdx_poseidon2_external_constants(k);

	for (size_t j = 0; j < 3; j++)
		check_sbox(&s[j], &c[j], &t->external[k][j]);
	mix(s, s, 2);
	for (size_t j = 0; j < 3; j++)
		is(&s[j], &after[j]);
}

static void check_trace(const struct cdx_fr in[3], const struct cdx_fr out[3],
			const struct cdx_poseidon2_trace *t)
{
	struct cdx_fr s[3];

	mix(s, in, 2);
	for (size_t k = 0; k < CDX_TRACE_HALF; k++)
		check_external(s, k, t, t->first[k]);
	for (size_t k = 0; k < CDX_TRACE_INTERNAL; k++) {
		check_sbox(&s[0], cdx_poseidon2_internal_constant(k),
			   &t->internal[k]);
		mix(s, s, 3);
		is(&s[0], &t->middle[k]);
	}
	for (size_t k = 0; k < CDX_TRACE_HALF - 1; k++)
		check_external(s, CDX_TRACE_HALF + k, t, t->last[k]);
	check_external(s, CDX_TRACE_EXTERNAL - 1, t, out);
}

static void check_traces(void)
{
	struct seed seed = seed_start("check_traces");
	struct cdx_poseidon2_trace t;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct cdx_fr in[3];
		struct cdx_fr out[3];
		struct cdx_fr want[3];

		for (size_t j = 0; j < 3; j++)
			bn254_any(&in[j], &seed);
		memcpy(out, in, sizeof(out));
		memcpy(want, in, sizeof(want));
		memset(&t, 0xff, sizeof(t));
		cdx_poseidon2_trace(out, &t);
		cdx_poseidon2_permute(want);
		assert_memory_equal(out, want, sizeof(out));
		check_trace(in, out, &t);
	}
}

static void traces(void **state)
{
	(void)state;
	bn254_each_backend(check_traces);
}

/* perm(0, 1, 2)[0], of the published test vectors (spec/proofs.md 1) */
static void published_value(void **state)
{
	static const char want[] =
		"30610a447b7dec194697fb50786aa7421494bd64c221ba4d3b1af25fb07bd"
		"103";
	struct cdx_poseidon2_trace t;
	struct cdx_fr s[3];
	uint8_t b[CDX_FR_BYTES];

	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		cdx_fr_from_u64(&s[i], i);
	cdx_poseidon2_trace(s, &t);
	cdx_fr_to_bytes(b, &s[0]);
	for (size_t i = 0; i < sizeof(b); i++) {
		const char *digits = "0123456789abcdef";
		const uint8_t byte = b[sizeof(b) - 1 - i];

		assert_int_equal(want[2 * i], digits[byte >> 4]);
		assert_int_equal(want[2 * i + 1], digits[byte & 15]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traces),
		cmocka_unit_test(published_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
