/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

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
#include "proof/binfile.h"
#include "proof/wtns.h"
#include "tests/unit/bn254_kit.h"
#include "tests/unit/seed.h"

/* The container, and witness files */

struct part {
	uint32_t id;
	const char *text;
};

static void put_parts(struct cdx_buf *b, const struct part *parts, size_t n)
{
	cdx_binfile_put_header(b, "test", 3, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(parts[i].text);

		cdx_binfile_put_section(b, parts[i].id, len);
		cdx_buf_put(b, parts[i].text, len);
	}
	assert_int_equal(cdx_buf_ok(b), 0);
}

/* Opens what is exactly @b, in memory of its own so that ASan sees a byte too
 * many, and expects @want, said as @why */
static void open_is(const struct cdx_buf *b, int want, const char *why)
{
	char said[CDX_PROOF_WHY_MAX] = "";
	struct cdx_binfile f = {.sections = 77};
	uint8_t *copy = malloc(b->len ? b->len : 1);

	assert_non_null(copy);
	if (b->len > 0)
		memcpy(copy, b->p, b->len);
	assert_int_equal(cdx_binfile_open(&f, copy, b->len, "test", 3, said),
			 want);
	assert_string_equal(said, why);
	if (want < 0)
		assert_int_equal(f.sections, 77);
	free(copy);
}

static void sections_are_found_in_any_order(void **state)
{
	static const struct part parts[] = {
		{9, "nine"}, {UINT32_MAX, ""}, {0, "zero"}, {4, "four"}};
	struct cdx_buf b = {0};
	struct cdx_binfile f;
	struct cdx_cursor c;
	const uint8_t *p;
	char why[CDX_PROOF_WHY_MAX] = "";

	(void)state;
	put_parts(&b, parts, CDX_ARRAY_LEN(parts));
	assert_int_equal(cdx_binfile_open(&f, b.p, b.len, "test", 3, why), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(parts); i++) {
		size_t len = strlen(parts[i].text);

		assert_true(cdx_binfile_has(&f, parts[i].id));
		assert_int_equal(cdx_binfile_section(&c, &f, parts[i].id, why),
				 0);
		assert_int_equal(c.left, len);
		assert_memory_equal(c.p, parts[i].text, len);
	}
	assert_int_equal(cdx_binfile_array(&p, &f, 9, 2, 2, why), 0);
	assert_memory_equal(p, "nine", 4);
	assert_int_equal(cdx_binfile_array(&p, &f, UINT32_MAX, 0, 8, why), 0);
	assert_string_equal(why, "");

	assert_false(cdx_binfile_has(&f, 5));
	assert_int_equal(cdx_binfile_section(&c, &f, 5, why), CDX_E_FORMAT);
	assert_string_equal(why, "section 5 is missing");
	assert_int_equal(cdx_binfile_array(&p, &f, 9, 1, 2, why), CDX_E_FORMAT);
	assert_string_equal(why, "section 9: 4 bytes, not 1 times 2");
	assert_int_equal(cdx_binfile_array(&p, &f, 9, 1, 3, why), CDX_E_FORMAT);
	/* whose product wraps round to the right number of bytes */
	assert_int_equal(cdx_binfile_array(&p, &f, 9, (UINT64_C(1) << 62) + 1,
					   4, why),
			 CDX_E_FORMAT);
	cdx_buf_free(&b);
}

static void files_that_end_early(void **state)
{
	static const struct part parts[] = {{1, "one"}, {2, ""}, {3, "three"}};
	struct cdx_buf b = {0};

	(void)state;
	put_parts(&b, parts, CDX_ARRAY_LEN(parts));
	for (size_t len = 0; len < b.len; len++) {
		char why[CDX_PROOF_WHY_MAX] = "";
		struct cdx_binfile f;
		uint8_t *copy = malloc(len ? len : 1);

		assert_non_null(copy);
		memcpy(copy, b.p, len);
		assert_int_equal(cdx_binfile_open(&f, copy, len, "test", 3,
						  why),
				 CDX_E_FORMAT);
		assert_string_not_equal(why, "");
		free(copy);
	}
	open_is(&b, 0, "");
	cdx_buf_u8(&b, 0);
	open_is(&b, CDX_E_FORMAT, "1 bytes after the last section");
	cdx_buf_free(&b);
}

static void files_that_lie(void **state)
{
	static const struct part twice[] = {{1, "one"}, {2, "two"}, {1, ""}};
	struct cdx_buf b = {0};

	(void)state;
	put_parts(&b, twice, CDX_ARRAY_LEN(twice));
	open_is(&b, CDX_E_FORMAT, "section 1 is there twice");
	b.p[8] = 2; /* sections; the last one is then too much */
	open_is(&b, CDX_E_FORMAT, "12 bytes after the last section");
	b.p[8] = 1;
	b.p[23] = 1; /* the size's last byte */
	open_is(&b, CDX_E_FORMAT,
		"section 1: 72057594037927939 bytes, but 30 are left");
	b.p[0] = 'T';
	open_is(&b, CDX_E_FORMAT, "not a .test file");
	b.p[0] = 't';
	b.p[4] = 4;
	open_is(&b, CDX_E_VERSION, "version 4, not 3");
	b.p[4] = 2;
	open_is(&b, CDX_E_FORMAT, "version 2, not 3");
	b.p[4] = 3;
	b.p[8] = CDX_BINFILE_SECTIONS_MAX + 1;
	open_is(&b, CDX_E_FORMAT, "65 sections");
	cdx_buf_free(&b);
}

static void moduli(void **state)
{
	char why[CDX_PROOF_WHY_MAX];
	struct cdx_buf b = {0};
	struct cdx_cursor c;

	(void)state;
	cdx_binfile_put_modulus(&b, fr_modulus.m);
	assert_int_equal(b.len, CDX_BINFILE_MODULUS_BYTES);
	c = cdx_cursor_init(b.p, b.len);
	assert_int_equal(cdx_binfile_modulus(&c, fr_modulus.m, "it", why), 0);
	assert_int_equal(c.left, 0);
	c = cdx_cursor_init(b.p, b.len);
	assert_int_equal(cdx_binfile_modulus(&c, fq_modulus.m, "it", why),
			 CDX_E_CODEC);
	assert_string_equal(why, "it is not that of BN254");
	c = cdx_cursor_init(b.p, b.len - 1);
	assert_int_equal(cdx_binfile_modulus(&c, fr_modulus.m, "it", why),
			 CDX_E_FORMAT);
	assert_string_equal(why, "it is cut off");
	b.p[0] = 31;
	c = cdx_cursor_init(b.p, b.len);
	assert_int_equal(cdx_binfile_modulus(&c, fr_modulus.m, "it", why),
			 CDX_E_CODEC);
	assert_string_equal(why, "it of 31 bytes, not 32");
	cdx_buf_free(&b);
}

/* ---- .wtns ---- */

#define WIRES 5u
/* Of the values in the file: header and section heads before them */
#define VALUES_AT 76u

static void make_witness(struct cdx_buf *b, struct cdx_fr w[WIRES],
			 struct seed *s)
{
	w[0] = cdx_fr_one;
	for (size_t i = 1; i < WIRES; i++)
		bn254_any(&w[i], s);
	assert_int_equal(cdx_wtns_write(b, w, WIRES), 0);
}

static void witness_is(const uint8_t *p, size_t len, int want,
		       const char *want_why)
{
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_fr *w = NULL;
	uint32_t wires = 99;
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, p, len);
	assert_int_equal(cdx_wtns_read(&w, &wires, copy, len, why), want);
	if (want_why)
		assert_string_equal(why, want_why);
	if (want < 0) {
		assert_null(w);
		assert_int_equal(wires, 99);
		assert_string_not_equal(why, "");
	}
	free(w);
	free(copy);
}

static void witnesses_come_back(void **state)
{
	struct seed s = seed_start("witnesses_come_back");

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		char why[CDX_PROOF_WHY_MAX];
		struct cdx_buf b = {0};
		struct cdx_fr w[WIRES];
		struct cdx_fr *again;
		uint32_t wires;

		make_witness(&b, w, &s);
		assert_int_equal(b.len, VALUES_AT + WIRES * CDX_FR_BYTES);
		assert_int_equal(cdx_wtns_read(&again, &wires, b.p, b.len, why),
				 0);
		assert_int_equal(wires, WIRES);
		assert_memory_equal(again, w, sizeof(w));
		free(again);
		cdx_buf_free(&b);
	}
}

/* The layout, byte for byte (spec/proofs.md 4) */
static void witness_layout(void **state)
{
	static const char want[] =
		"77746e73"
		"02000000"
		"02000000"
		"01000000"
		"2800000000000000"
		"20000000"
		"010000f093f5e1439170b97948e833285d588181b64550b829a031e1724e"
		"6430"
		"02000000"
		"02000000"
		"4000000000000000"
		"0100000000000000000000000000000000000000000000000000000000"
		"000000"
		"000000f093f5e1439170b97948e833285d588181b64550b829a031e1724e"
		"6430";
	struct cdx_fr w[2] = {cdx_fr_one};
	struct cdx_buf b = {0};
	char hex[2 * 140 + 1];

	(void)state;
	cdx_fr_neg(&w[1], &cdx_fr_one);
	assert_int_equal(cdx_wtns_write(&b, w, 2), 0);
	assert_int_equal(b.len, 140);
	cdx_hex(hex, b.p, b.len);
	assert_string_equal(hex, want);
	cdx_buf_free(&b);
}

static void witnesses_that_are_refused(void **state)
{
	struct seed s = seed_start("witnesses_that_are_refused");
	struct cdx_buf b = {0};
	struct cdx_fr w[WIRES];
	uint8_t *value;

	(void)state;
	make_witness(&b, w, &s);
	for (size_t len = 0; len < b.len; len++)
		witness_is(b.p, len, CDX_E_FORMAT, NULL);
	cdx_buf_u8(&b, 0);
	witness_is(b.p, b.len, CDX_E_FORMAT, "1 bytes after the last section");
	b.len--;
	value = b.p + VALUES_AT + 3 * CDX_FR_BYTES;
	for (size_t i = 0; i < 4; i++)
		cdx_put_le64(value + 8 * i, fr_modulus.m[i]);
	witness_is(b.p, b.len, CDX_E_FORMAT, "wire 3: not below the prime");
	value[0]--;
	witness_is(b.p, b.len, 0, "");
	memset(value, 0xff, CDX_FR_BYTES);
	witness_is(b.p, b.len, CDX_E_FORMAT, "wire 3: not below the prime");
	value[31] = 0;
	b.p[VALUES_AT] = 2;
	witness_is(b.p, b.len, CDX_E_FORMAT, "wire 0 is not one");
	b.p[VALUES_AT] = 1;
	b.p[60] = WIRES + 1; /* the header's count */
	witness_is(b.p, b.len, CDX_E_FORMAT,
		   "section 2: 160 bytes, not 6 times 32");
	b.p[60] = 0;
	witness_is(b.p, b.len, CDX_E_FORMAT,
		   "section 1 is not a witness's header");
	b.p[60] = WIRES;
	b.p[28]++; /* the prime */
	witness_is(b.p, b.len, CDX_E_CODEC, "the prime is not that of BN254");
	b.p[28]--;
	b.p[24] = 48;
	witness_is(b.p, b.len, CDX_E_CODEC, "the prime of 48 bytes, not 32");
	b.p[24] = 32;
	b.p[4] = 3;
	witness_is(b.p, b.len, CDX_E_VERSION, "version 3, not 2");
	b.p[4] = 2;
	b.p[64] = 1; /* the second section's number */
	witness_is(b.p, b.len, CDX_E_FORMAT, "section 1 is there twice");
	b.p[64] = 7;
	witness_is(b.p, b.len, CDX_E_FORMAT, "section 2 is missing");
	cdx_buf_free(&b);
}

/* Values before the header, and a section of somebody else between */
static void witness_in_another_order(void **state)
{
	struct seed s = seed_start("witness_in_another_order");
	struct cdx_buf b = {0};
	struct cdx_buf turned = {0};
	struct cdx_fr w[WIRES];

	(void)state;
	make_witness(&b, w, &s);
	cdx_binfile_put_header(&turned, "wtns", 2, 3);
	cdx_buf_put(&turned, b.p + 64, b.len - 64);
	cdx_binfile_put_section(&turned, 1000, 3);
	cdx_buf_put(&turned, "abc", 3);
	cdx_buf_put(&turned, b.p + 12, 52);
	witness_is(turned.p, turned.len, 0, "");
	cdx_buf_free(&b);
	cdx_buf_free(&turned);
}

static void reasons_are_plain_text(void **state)
{
	char why[CDX_PROOF_WHY_MAX];
	char want[CDX_PROOF_WHY_MAX];

	(void)state;
	assert_int_equal(cdx_refuse(why, -7, "a%sb", "\x1b[2J\n\xff"), -7);
	assert_string_equal(why, "a?[2J??b");
	(void)cdx_refuse(why, -7, "%500d", 1);
	memset(want, ' ', sizeof(want));
	want[CDX_PROOF_WHY_MAX - 1] = '\0';
	assert_string_equal(why, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections_are_found_in_any_order),
		cmocka_unit_test(files_that_end_early),
		cmocka_unit_test(files_that_lie),
		cmocka_unit_test(moduli),
		cmocka_unit_test(witnesses_come_back),
		cmocka_unit_test(witness_layout),
		cmocka_unit_test(witnesses_that_are_refused),
		cmocka_unit_test(witness_in_another_order),
		cmocka_unit_test(reasons_are_plain_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
