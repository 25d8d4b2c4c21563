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

/* Opening keys: sections, counts, the header's points, bounds */

struct key {
	struct cdx_r1cs r;
	struct cdx_buf b;
};

static void key_new(struct key *k, const char *test)
{
	struct seed s = seed_start(test);

	memset(k, 0, sizeof(*k));
	kit_circuit(&k->r, 4, 7, 1, 2, &s);
	kit_key(&k->b, &k->r, &s);
}

static void key_free(struct key *k)
{
	cdx_buf_free(&k->b);
	cdx_r1cs_free(&k->r);
}

/* Opens what is exactly @len bytes, in memory of its own so that ASan sees a
 * byte too many; @want_why may be NULL */
static void opened(const uint8_t *p, size_t len, int want, const char *want_why)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_zkey z = {.wires = 99};
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, p, len);
	assert_int_equal(cdx_zkey_open(&z, copy, len, why), want);
	if (want_why)
		assert_string_equal(why, want_why);
	if (want < 0) {
		assert_string_not_equal(why, "");
		assert_int_equal(z.wires, 99);
	}
	free(copy);
}

static void is(struct key *k, int want, const char *why)
{
	opened(k->b.p, k->b.len, want, why);
}

/* XORs one byte, looks, and mends it */
static void bent(struct key *k, uint8_t *at, uint8_t by, int want,
		 const char *why)
{
	*at ^= by;
	is(k, want, why);
	*at ^= by;
}

static void keys_open(void **state)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_zkey z;
	struct cdx_vk vk;
	struct key k;

	(void)state;
	key_new(&k, "keys_open");
	assert_int_equal(cdx_zkey_open(&z, k.b.p, k.b.len, why), 0);
	assert_string_equal(why, "");
	assert_int_equal(z.wires, 7);
	assert_int_equal(z.public_inputs, 3);
	assert_int_equal(z.log_domain, 3);
	assert_int_equal(z.coefs, k.r.m[0].row[4] + k.r.m[1].row[4] + 4);
	assert_int_equal(z.contributions, 0);
	assert_true(z.development);
	assert_ptr_equal(z.ic, kit_section(&k.b, 3, NULL));
	assert_ptr_equal(z.coef, kit_section(&k.b, 4, NULL) + 4);
	assert_ptr_equal(z.h, kit_section(&k.b, 9, NULL));
	assert_int_equal(cdx_zkey_vk(&vk, &z), 0);
	assert_int_equal(vk.public_inputs, 3);
	assert_true(vk.development);
	assert_true(cdx_g1_equal(&vk.alpha1, &z.alpha1));
	assert_true(cdx_g2_equal(&vk.delta2, &z.delta2));
	for (size_t i = 0; i < 4; i++) {
		uint8_t bytes[CDX_G1_BYTES];

		cdx_g1_encode(bytes, &vk.ic[i]);
		assert_memory_equal(bytes, z.ic + i * CDX_G1_BYTES,
				    sizeof(bytes));
	}
	cdx_vk_free(&vk);
	kit_section(&k.b, 3, NULL)[CDX_G1_BYTES + 1] ^= 1;
	assert_int_equal(cdx_zkey_vk(&vk, &z), CDX_E_FORMAT);
	key_free(&k);
}

static void sections_in_any_order(void **state)
{
	static const uint32_t turned[] = {10, 9, 4, 3, 8, 7, 2, 6, 5, 1};
	static const uint32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	struct cdx_buf b = {0};
	struct key k;

	(void)state;
	key_new(&k, "sections_in_any_order");
	kit_again(&b, &k.b, turned, CDX_ARRAY_LEN(turned));
	opened(b.p, b.len, 0, "");
	cdx_buf_free(&b);
	for (size_t i = 0; i < CDX_ARRAY_LEN(ids); i++) {
		uint32_t some[CDX_ARRAY_LEN(ids) + 1];
		char want[64];
		size_t n = 0;

		/* without it */
		for (size_t j = 0; j < CDX_ARRAY_LEN(ids); j++)
			if (j != i)
				some[n++] = ids[j];
		kit_again(&b, &k.b, some, n);
		snprintf(want, sizeof(want), "section %u is missing",
			 (unsigned)ids[i]);
		opened(b.p, b.len, CDX_E_FORMAT, want);
		cdx_buf_free(&b);
		/* and twice */
		some[n++] = ids[i];
		some[n++] = ids[i];
		kit_again(&b, &k.b, some, n);
		snprintf(want, sizeof(want), "section %u is there twice",
			 (unsigned)ids[i]);
		opened(b.p, b.len, CDX_E_FORMAT, want);
		cdx_buf_free(&b);
	}
	key_free(&k);
}

static void keys_that_end_early(void **state)
{
	struct key k;

	(void)state;
	key_new(&k, "keys_that_end_early");
	for (size_t len = 0; len < k.b.len; len++)
		opened(k.b.p, len, CDX_E_FORMAT, NULL);
	is(&k, 0, "");
	cdx_buf_u8(&k.b, 0);
	is(&k, CDX_E_FORMAT, "1 bytes after the last section");
	key_free(&k);
}

/* A section made shorter and longer, with the file's size right */
static void sections_of_other_sizes(void **state)
{
	static const uint32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	struct key k;

	(void)state;
	key_new(&k, "sections_of_other_sizes");
	for (size_t i = 0; i < CDX_ARRAY_LEN(ids); i++) {
		for (int by = -1; by <= 1; by += 2) {
			struct cdx_buf b = {0};

			cdx_binfile_put_header(&b, "zkey", 1,
					       CDX_ARRAY_LEN(ids));
			for (size_t j = 0; j < CDX_ARRAY_LEN(ids); j++) {
				size_t len;
				const uint8_t *p =
					kit_section(&k.b, ids[j], &len);
				size_t less = j == i && by < 0;

				cdx_binfile_put_section(
					&b, ids[j],
					len - less + (j == i && by > 0));
				cdx_buf_put(&b, p, len - less);
				if (j == i && by > 0)
					cdx_buf_u8(&b, 0);
			}
			assert_int_equal(cdx_buf_ok(&b), 0);
			opened(b.p, b.len, CDX_E_FORMAT, NULL);
			cdx_buf_free(&b);
		}
	}
	key_free(&k);
}

static void other_protocols_and_fields(void **state)
{
	struct key k;
	uint8_t *p;

	(void)state;
	key_new(&k, "other_protocols_and_fields");
	p = kit_section(&k.b, 1, NULL);
	bent(&k, p, 1 ^ 2, CDX_E_CODEC, "a key of plonk, not of groth16");
	bent(&k, p, 1 ^ 10, CDX_E_CODEC, "a key of fflonk, not of groth16");
	bent(&k, p, 1 ^ 7, CDX_E_CODEC, "a key of protocol 7, not of groth16");
	p = kit_section(&k.b, 2, NULL);
	bent(&k, p, 32 ^ 48, CDX_E_CODEC, "the base field of 48 bytes, not 32");
	bent(&k, p + 5, 1, CDX_E_CODEC, "the base field is not that of BN254");
	bent(&k, p + 36, 32 ^ 31, CDX_E_CODEC,
	     "the scalar field of 31 bytes, not 32");
	bent(&k, p + 71, 1, CDX_E_CODEC,
	     "the scalar field is not that of BN254");
	bent(&k, k.b.p + 4, 1 ^ 2, CDX_E_VERSION, "version 2, not 1");
	bent(&k, k.b.p, 1, CDX_E_FORMAT, "not a .zkey file");
	key_free(&k);
}

static void other_counts(void **state)
{
	struct key k;
	uint8_t *p;

	(void)state;
	key_new(&k, "other_counts");
	p = kit_section(&k.b, 2, NULL) + 72;
	bent(&k, p, 7 ^ 8, CDX_E_FORMAT,
	     "section 5: 448 bytes, not 8 times 64");
	bent(&k, p, 7 ^ 3, CDX_E_FORMAT,
	     "3 public inputs, 3 wires, domain of 8");
	bent(&k, p, 7, CDX_E_FORMAT, "3 public inputs, 0 wires, domain of 8");
	bent(&k, p + 3, 0xff, CDX_E_FORMAT, NULL);
	bent(&k, p + 4, 3 ^ 4, CDX_E_FORMAT,
	     "section 3: 256 bytes, not 5 times 64");
	bent(&k, p + 7, 0xff, CDX_E_FORMAT, NULL);
	bent(&k, p + 8, 8 ^ 9, CDX_E_FORMAT,
	     "domain of 9: not a power of two from 2 to 2^27");
	bent(&k, p + 8, 8 ^ 1, CDX_E_FORMAT,
	     "domain of 1: not a power of two from 2 to 2^27");
	bent(&k, p + 8, 8, CDX_E_FORMAT,
	     "domain of 0: not a power of two from 2 to 2^27");
	bent(&k, p + 8, 8 ^ 16, CDX_E_FORMAT,
	     "section 9: 512 bytes, not 16 times 64");
	bent(&k, p + 8, 8 ^ 2, CDX_E_FORMAT,
	     "3 public inputs, 7 wires, domain of 2");
	p[8] = 0;
	bent(&k, p + 11, 0x10, CDX_E_FORMAT,
	     "domain of 268435456: not a power of two from 2 to 2^27");
	bent(&k, p + 11, 0x80, CDX_E_FORMAT, NULL);
	key_free(&k);
}

static void put_q(uint8_t *at)
{
	for (size_t i = 0; i < 4; i++)
		cdx_put_le64(at + 8 * i, fq_modulus.m[i]);
}

/* Each of the header's points in each way that is wrong */
static void points_of_the_header(void **state)
{
	static const struct {
		const char *name;
		size_t at;
		size_t len;
	} points[] = {
		{"alpha1", 84, CDX_G1_BYTES},  {"beta1", 148, CDX_G1_BYTES},
		{"beta2", 212, CDX_G2_BYTES},  {"gamma2", 340, CDX_G2_BYTES},
		{"delta1", 468, CDX_G1_BYTES}, {"delta2", 532, CDX_G2_BYTES},
	};
	struct key k;
	uint8_t *head;

	(void)state;
	key_new(&k, "points_of_the_header");
	head = kit_section(&k.b, 2, NULL);
	for (size_t i = 0; i < CDX_ARRAY_LEN(points); i++) {
		unsigned group = points[i].len == CDX_G1_BYTES ? 1 : 2;
		uint8_t *at = head + points[i].at;
		uint8_t was[CDX_G2_BYTES];
		char off[64];
		char above[64];

		memcpy(was, at, points[i].len);
		snprintf(off, sizeof(off), "%s: not a point of G%u",
			 points[i].name, group);
		snprintf(above, sizeof(above),
			 "%s: a coordinate is not below the prime",
			 points[i].name);
		bent(&k, at, 1, CDX_E_FORMAT, off);
		for (size_t c = 0; c < points[i].len; c += CDX_FQ_BYTES) {
			put_q(at + c);
			is(&k, CDX_E_FORMAT, above);
			memset(at + c, 0xff, CDX_FQ_BYTES);
			is(&k, CDX_E_FORMAT, above);
			memcpy(at, was, points[i].len);
		}
		memset(at, 0, points[i].len); /* infinity */
		is(&k, CDX_E_FORMAT, off);
		if (group == 2) {
			kit_twist(at, false);
			is(&k, CDX_E_FORMAT, off);
		}
		memcpy(at, was, points[i].len);
	}
	is(&k, 0, "");
	key_free(&k);
}

static void coefficients_out_of_bounds(void **state)
{
	struct key k;
	uint8_t *p;

	(void)state;
	key_new(&k, "coefficients_out_of_bounds");
	/* entry 1; the first rows may be short, so write all of it */
	p = kit_section(&k.b, 4, NULL) + 4 + CDX_ZKEY_COEF_BYTES;
	cdx_put_le32(p, 1);
	cdx_put_le32(p + 4, 7);
	cdx_put_le32(p + 8, 6);
	is(&k, 0, "");
	bent(&k, p, 1 ^ 2, CDX_E_FORMAT,
	     "coefficient 1: matrix 2, row 7, wire 6");
	bent(&k, p + 4, 7 ^ 8, CDX_E_FORMAT,
	     "coefficient 1: matrix 1, row 8, wire 6");
	bent(&k, p + 7, 0x80, CDX_E_FORMAT,
	     "coefficient 1: matrix 1, row 2147483655, wire 6");
	bent(&k, p + 8, 6 ^ 7, CDX_E_FORMAT,
	     "coefficient 1: matrix 1, row 7, wire 7");
	bent(&k, p + 11, 0xff, CDX_E_FORMAT, NULL);
	p = kit_section(&k.b, 4, NULL);
	bent(&k, p, 1, CDX_E_FORMAT, NULL);
	bent(&k, p + 3, 0xff, CDX_E_FORMAT, NULL);
	key_free(&k);
}

/* Replaces section 10 by one of @count contributions, the last of which has
 * @params bytes of parameters; then our own section is gone too */
static void contribute(struct cdx_buf *out, struct cdx_buf *in, uint32_t count,
		       uint32_t says, uint8_t params)
{
	static const uint32_t ids[] = {1, 2, 4, 3, 9, 8, 5, 6, 7};
	struct cdx_buf s = {0};

	kit_again(out, in, ids, CDX_ARRAY_LEN(ids));
	out->p[8]++;
	memset(cdx_buf_extend(&s, 64), 0xab, 64);
	cdx_buf_le32(&s, says);
	for (uint32_t i = 0; i < count; i++) {
		memset(cdx_buf_extend(&s, 384), 0, 384);
		cdx_buf_le32(&s, 0);
		cdx_buf_le32(&s, i + 1 == count ? params : 0);
	}
	if (count > 0)
		memset(cdx_buf_extend(&s, params), 1, params);
	cdx_binfile_put_section(out, 10, s.len);
	cdx_buf_put(out, s.p, s.len);
	cdx_buf_free(&s);
	assert_int_equal(cdx_buf_ok(out), 0);
}

static void development_keys_are_known(void **state)
{
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_zkey z;
	struct key k;

	(void)state;
	key_new(&k, "development_keys_are_known");
	for (uint32_t n = 0; n < 3; n++) {
		struct cdx_buf b = {0};

		contribute(&b, &k.b, n, n, 5);
		assert_int_equal(cdx_zkey_open(&z, b.p, b.len, why), 0);
		assert_int_equal(z.contributions, n);
		assert_int_equal(z.circuit_hash[63], 0xab);
		assert_int_equal(z.development, n == 0);
		/* contributions that changed nothing */
		cdx_g2_encode(kit_section(&b, 2, NULL) + 532,
			      &cdx_g2_generator);
		assert_int_equal(cdx_zkey_open(&z, b.p, b.len, why), 0);
		assert_true(z.development);
		/* or our mark */
		b.p[8]++;
		cdx_binfile_put_section(&b, CDX_ZKEY_SECTION_DEVELOPMENT, 0);
		cdx_g2_neg(&z.delta2, &z.delta2);
		cdx_g2_encode(kit_section(&b, 2, NULL) + 532, &z.delta2);
		assert_int_equal(cdx_zkey_open(&z, b.p, b.len, why), 0);
		assert_true(z.development);
		cdx_buf_free(&b);
	}
	key_free(&k);
}

static void contributions_are_counted(void **state)
{
	struct cdx_buf b = {0};
	struct key k;

	(void)state;
	key_new(&k, "contributions_are_counted");
	contribute(&b, &k.b, 2, 1, 0);
	opened(b.p, b.len, CDX_E_FORMAT,
	       "section 10 does not hold 1 contributions");
	cdx_buf_free(&b);
	contribute(&b, &k.b, 2, 3, 0);
	opened(b.p, b.len, CDX_E_FORMAT,
	       "section 10 does not hold 3 contributions");
	cdx_buf_free(&b);
	contribute(&b, &k.b, 0, UINT32_MAX, 0);
	opened(b.p, b.len, CDX_E_FORMAT, NULL);
	cdx_buf_free(&b);
	contribute(&b, &k.b, 1, 1, 9);
	opened(b.p, b.len, 0, "");
	kit_section(&b, 10, NULL)[68 + 388] = 8; /* of 9 parameter bytes */
	opened(b.p, b.len, CDX_E_FORMAT, NULL);
	kit_section(&b, 10, NULL)[68 + 388] = 10;
	opened(b.p, b.len, CDX_E_FORMAT, NULL);
	cdx_buf_free(&b);
	key_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_open),
		cmocka_unit_test(sections_in_any_order),
		cmocka_unit_test(keys_that_end_early),
		cmocka_unit_test(sections_of_other_sizes),
		cmocka_unit_test(other_protocols_and_fields),
		cmocka_unit_test(other_counts),
		cmocka_unit_test(points_of_the_header),
		cmocka_unit_test(coefficients_out_of_bounds),
		cmocka_unit_test(development_keys_are_known),
		cmocka_unit_test(contributions_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
