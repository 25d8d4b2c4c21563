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

#include "base/err.h"
#include "bn254/fq_modulus.h"
#include "bn254/fr_modulus.h"
#include "proof/zkey.h"
#include "tests/unit/zkey_kit.h"

/* Checking keys: every point, every coefficient against the circuit */

#define DELTA1_AT 468u
#define BETA1_AT 148u
#define DELTA2_AT 532u

struct key {
	struct seed s;
	struct cdx_r1cs r;
	struct cdx_buf b;
};

static void key_sized(struct key *k, uint32_t constraints, uint32_t wires)
{
	kit_circuit(&k->r, constraints, wires, 1, 2, &k->s);
	kit_key(&k->b, &k->r, &k->s);
}

static void key_new(struct key *k, const char *test)
{
	memset(k, 0, sizeof(*k));
	k->s = seed_start(test);
	key_sized(k, 4, 7);
}

static void key_free(struct key *k)
{
	cdx_buf_free(&k->b);
	cdx_r1cs_free(&k->r);
}

/* Checks the key, which opens, with and without the circuit */
static void checked(struct key *k, const struct cdx_r1cs *r, int want,
		    const char *want_why)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	uint8_t random[32];
	struct cdx_zkey z;

	seed_fill(&k->s, random, sizeof(random));
	assert_int_equal(cdx_zkey_open(&z, k->b.p, k->b.len, why), 0);
	assert_int_equal(cdx_zkey_check(&z, r, random, why), want);
	if (want_why)
		assert_string_equal(why, want_why);
	if (want < 0)
		assert_string_not_equal(why, "");
}

static void good_keys(void **state)
{
	static const uint32_t sizes[][2] = {{1, 4}, {4, 7}, {5, 30}, {40, 9}};
	struct seed s = seed_start("good_keys");

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(sizes); i++) {
		struct key k = {.s = s};

		key_sized(&k, sizes[i][0], sizes[i][1]);
		checked(&k, &k.r, 0, "");
		checked(&k, NULL, 0, "");
		s = k.s;
		key_free(&k);
	}
}

/* Entries of section 4 in any order are the same circuit */
static void coefficients_in_any_order(void **state)
{
	struct key k;
	uint8_t *e;
	size_t n;

	(void)state;
	key_new(&k, "coefficients_in_any_order");
	e = kit_section(&k.b, 4, &n) + 4;
	n = (n - 4) / CDX_ZKEY_COEF_BYTES;
	for (size_t i = n; i-- > 1;) {
		uint8_t *a = e + i * CDX_ZKEY_COEF_BYTES;
		uint8_t *b = e + seed_below(&k.s, i + 1) * CDX_ZKEY_COEF_BYTES;
		uint8_t t[CDX_ZKEY_COEF_BYTES];

		memcpy(t, a, sizeof(t));
		memmove(a, b, sizeof(t));
		memcpy(b, t, sizeof(t));
	}
	checked(&k, &k.r, 0, "");
	key_free(&k);
}

/* Whether a coefficient, little endian, is one of the field */
static bool below_prime(const uint8_t le[32])
{
	for (size_t i = 4; i-- > 0;) {
		uint64_t limb = cdx_get_le64(le + 8 * i);

		if (limb != fr_modulus.m[i])
			return limb < fr_modulus.m[i];
	}
	return false;
}

/* Every entry in every way: another matrix, row, wire, value, or as another */
static void coefficients_of_another_circuit(void **state)
{
	struct key k;
	uint8_t *e;
	size_t n;

	(void)state;
	key_new(&k, "coefficients_of_another_circuit");
	e = kit_section(&k.b, 4, &n) + 4;
	n = (n - 4) / CDX_ZKEY_COEF_BYTES;
	assert_true(n > 4);
	for (size_t i = 0; i < n; i++) {
		static const struct {
			size_t at;
			uint8_t by;
		} bends[] = {{0, 1}, {4, 1},  {4, 4},	 {8, 1},
			     {8, 2}, {12, 1}, {43, 0x10}};
		uint8_t *at = e + i * CDX_ZKEY_COEF_BYTES;
		uint8_t was[CDX_ZKEY_COEF_BYTES];

		memcpy(was, at, sizeof(was));
		for (size_t j = 0; j < CDX_ARRAY_LEN(bends); j++) {
			at[bends[j].at] ^= bends[j].by;
			if (cdx_get_le32(at + 8) < k.r.wires)
				checked(&k, &k.r,
					below_prime(at + 12) ? -EINVAL
							     : CDX_E_FORMAT,
					NULL);
			memcpy(at, was, sizeof(was));
		}
		memcpy(at, e + (i + 1) % n * CDX_ZKEY_COEF_BYTES, sizeof(was));
		checked(&k, &k.r, -EINVAL, NULL);
		memcpy(at, was, sizeof(was));
	}
	checked(&k, &k.r, 0, "");
	key_free(&k);
}

/* What it says */
static void coefficients_are_named(void **state)
{
	struct key k;
	uint8_t *last;
	size_t len;
	uint8_t *e;

	(void)state;
	key_new(&k, "coefficients_are_named");
	e = kit_section(&k.b, 4, &len) + 4;
	last = e - 4 + len - CDX_ZKEY_COEF_BYTES;
	/* the last one says that public input 3 is wire 3: row 4 + 3 */
	assert_int_equal(cdx_get_le32(last + 4), 7);
	last[8] = 2;
	checked(&k, &k.r, -EINVAL, NULL);
	last[8] = 3;
	memcpy(last - CDX_ZKEY_COEF_BYTES, last, CDX_ZKEY_COEF_BYTES);
	checked(&k, &k.r, -EINVAL, NULL);
	for (size_t i = 0; i < 4; i++)
		cdx_put_le64(e + 12 + 8 * i, fr_modulus.m[i]);
	checked(&k, &k.r, CDX_E_FORMAT, "coefficient 0: not below the prime");
	checked(&k, NULL, CDX_E_FORMAT, "coefficient 0: not below the prime");
	key_free(&k);
}

static void keys_of_other_circuits(void **state)
{
	struct key k;
	struct key other = {.s = seed_start("the other")};
	struct cdx_r1cs r;
	uint32_t n;

	(void)state;
	key_new(&k, "keys_of_other_circuits");
	r = k.r;
	r.wires = 8;
	checked(&k, &r, -EINVAL, "made for a circuit with 7 wires, ours has 8");
	r = k.r;
	r.outputs = 0;
	checked(&k, &r, -EINVAL,
		"made for a circuit with 3 public inputs, ours has 2");
	key_sized(&other, 5, 7);
	checked(&k, &other.r, -EINVAL,
		"made for a domain of 2^3, our circuit has 2^4");
	/* as many rows, but one term more; there is room for it */
	n = k.r.m[1].row[4]++;
	k.r.m[1].term[n] = (struct cdx_r1cs_term){.wire = 6};
	checked(&k, &k.r, -EINVAL, NULL);
	key_free(&k);
	key_free(&other);
}

static void put_q(uint8_t *at)
{
	for (size_t i = 0; i < 4; i++)
		cdx_put_le64(at + 8 * i, fq_modulus.m[i]);
}

/* One point of each list, in each way that is wrong */
static void every_list_of_points(void **state)
{
	static const struct {
		uint32_t id;
		const char *name;
		size_t len;
		size_t which;
		const char *group;
	} lists[] = {
		{3, "IC", CDX_G1_BYTES, 3, "G1"},
		{5, "A", CDX_G1_BYTES, 6, "G1"},
		{6, "B1", CDX_G1_BYTES, 0, "G1"},
		{7, "B2", CDX_G2_BYTES, 6, "the twist"},
		{8, "C", CDX_G1_BYTES, 2, "G1"},
		{9, "H", CDX_G1_BYTES, 7, "G1"},
	};
	struct key k;

	(void)state;
	key_new(&k, "every_list_of_points");
	for (size_t i = 0; i < CDX_ARRAY_LEN(lists); i++) {
		uint8_t *at = kit_section(&k.b, lists[i].id, NULL) +
			      lists[i].which * lists[i].len;
		uint8_t was[CDX_G2_BYTES];
		char want[64];

		memcpy(was, at, lists[i].len);
		snprintf(want, sizeof(want), "%s[%zu]: not a point of %s",
			 lists[i].name, lists[i].which, lists[i].group);
		at[0] ^= 1;
		checked(&k, &k.r, CDX_E_FORMAT, want);
		at[0] ^= 1;
		/* no point has x = 0 and y = 1 */
		memset(at, 0, lists[i].len);
		at[lists[i].len / 2] = 1;
		checked(&k, NULL, CDX_E_FORMAT, want);
		memcpy(at, was, lists[i].len);
		snprintf(want, sizeof(want),
			 "%s[%zu]: a coordinate is not below the prime",
			 lists[i].name, lists[i].which);
		for (size_t c = 0; c < lists[i].len; c += CDX_FQ_BYTES) {
			put_q(at + c);
			checked(&k, &k.r, CDX_E_FORMAT, want);
			memcpy(at, was, lists[i].len);
		}
	}
	checked(&k, &k.r, 0, "");
	key_free(&k);
}

/* Points of the twist outside G2: one far from it, one of the smallest order,
 * and two that are opposite, so that their plain sum is zero.  Often, each time
 * with other weights: one round alone would miss the second kind once in some
 * ten thousand times. */
static void outside(void)
{
	struct cdx_g2 twist;
	struct key k;
	uint8_t *b2;

	key_new(&k, "points_outside_the_subgroup");
	b2 = kit_section(&k.b, 7, NULL);
	for (unsigned i = 0; i < 40; i++) {
		size_t at = seed_below(&k.s, k.r.wires);
		uint8_t was[CDX_G2_BYTES];
		char want[64];

		snprintf(want, sizeof(want), "B2[%zu]: not a point of G2", at);
		memcpy(was, b2 + at * CDX_G2_BYTES, sizeof(was));
		kit_twist(b2 + at * CDX_G2_BYTES, i % 2 == 0);
		checked(&k, &k.r, CDX_E_FORMAT, want);
		memcpy(b2 + at * CDX_G2_BYTES, was, sizeof(was));
	}
	kit_twist(b2, true);
	assert_int_equal(cdx_g2_decode(&twist, b2), 0);
	cdx_g2_neg(&twist, &twist);
	cdx_g2_encode(b2 + 3 * CDX_G2_BYTES, &twist);
	checked(&k, &k.r, CDX_E_FORMAT, "B2[0]: not a point of G2");
	key_free(&k);
}

static void points_outside_the_subgroup(void **state)
{
	(void)state;
	bn254_each_backend(outside);
}

/* With enough points for sums of several windows to take turns */
static void one_bad(void)
{
	struct key k = {.s = seed_start("one_bad_point_of_many")};
	uint8_t *b2;

	key_sized(&k, 3, 700);
	checked(&k, &k.r, 0, "");
	b2 = kit_section(&k.b, 7, NULL);
	kit_twist(b2 + 699 * CDX_G2_BYTES, true);
	checked(&k, &k.r, CDX_E_FORMAT, "B2[699]: not a point of G2");
	key_free(&k);
}

static void one_bad_point_of_many(void **state)
{
	(void)state;
	bn254_each_backend(one_bad);
}

static void points_that_disagree(void **state)
{
	static const char beta[] = "beta is not the same in G1 and in G2";
	static const char delta[] = "delta is not the same in G1 and in G2";
	static const char b[] = "B is not the same in G1 and in G2";
	struct cdx_g1 other;
	struct cdx_g2 p;
	struct key k;
	uint8_t *head;
	uint8_t *b1;

	(void)state;
	key_new(&k, "points_that_disagree");
	head = kit_section(&k.b, 2, NULL);
	cdx_g1_encode(head + BETA1_AT, &cdx_g1_generator);
	checked(&k, &k.r, CDX_E_FORMAT, beta);
	key_free(&k);
	key_new(&k, "points_that_disagree");
	head = kit_section(&k.b, 2, NULL);
	assert_int_equal(cdx_g2_decode(&p, head + DELTA2_AT), 0);
	cdx_g2_neg(&p, &p);
	cdx_g2_encode(head + DELTA2_AT, &p);
	checked(&k, NULL, CDX_E_FORMAT, delta);
	cdx_g2_neg(&p, &p);
	cdx_g2_encode(head + DELTA2_AT, &p);
	checked(&k, NULL, 0, "");
	cdx_g1_encode(head + DELTA1_AT, &cdx_g1_generator);
	checked(&k, NULL, CDX_E_FORMAT, delta);
	key_free(&k);

	key_new(&k, "points_that_disagree");
	b1 = kit_section(&k.b, 6, NULL) + 5 * CDX_G1_BYTES;
	assert_int_equal(cdx_g1_decode(&other, b1), 0);
	if (cdx_g1_is_infinity(&other))
		other = cdx_g1_generator;
	else
		cdx_g1_neg(&other, &other);
	cdx_g1_encode(b1, &other);
	checked(&k, &k.r, CDX_E_FORMAT, b);
	memset(b1, 0, CDX_G1_BYTES);
	cdx_g2_encode(kit_section(&k.b, 7, NULL) + 5 * CDX_G2_BYTES,
		      &cdx_g2_infinity);
	checked(&k, &k.r, 0, ""); /* nowhere in B, both say */
	key_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_keys),
		cmocka_unit_test(coefficients_in_any_order),
		cmocka_unit_test(coefficients_of_another_circuit),
		cmocka_unit_test(coefficients_are_named),
		cmocka_unit_test(keys_of_other_circuits),
		cmocka_unit_test(every_list_of_points),
		cmocka_unit_test(points_outside_the_subgroup),
		cmocka_unit_test(one_bad_point_of_many),
		cmocka_unit_test(points_that_disagree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
