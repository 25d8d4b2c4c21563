/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The nonce of a request: its layout against a vector that was made by hand with
 * Python's HMAC-SHA256, and what is recognised. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "market/nonce.h"

static struct cdx_key key(uint8_t v)
{
	struct cdx_key k;

	memset(k.b, v, sizeof(k.b));
	return k;
}

/* P = 01 01 000000abcdef 00000007 01020304,
 * T = HMAC(key, 00 P)[:16], C = P xor HMAC(key, 01 T)[:16] */
static void test_layout(void **state)
{
	const struct cdx_key k = key(0x2a);
	const struct cdx_nonce_what what = {.kind = CDX_NONCE_SEGMENT,
					    .number = 0xabcdef,
					    .generation = 7,
					    .random = {1, 2, 3, 4}};
	struct cdx_nonce_what got;
	struct cdx_b32 nonce;
	char hex[65];

	(void)state;
	assert_int_equal(cdx_nonce_make(&nonce, &k, &what), 0);
	cdx_hex(hex, nonce.b, sizeof(nonce.b));
	assert_string_equal(hex, "88a4bf425413b7d6b5bce1185b871202"
				 "c531860909d8b6d224f83bbf47fdb35b");
	assert_int_equal(cdx_nonce_read(&got, &k, &nonce), 0);
	assert_int_equal(got.kind, CDX_NONCE_SEGMENT);
	assert_int_equal(got.number, 0xabcdef);
	assert_int_equal(got.generation, 7);
	assert_memory_equal(got.random, what.random, 4);
}

/* Largest numbers; too large ones are refused */
static void test_range(void **state)
{
	const struct cdx_key k = key(1);
	struct cdx_nonce_what what = {.kind = CDX_NONCE_SNAPSHOT,
				      .number = CDX_NONCE_NUMBER_LIMIT - 1,
				      .generation = UINT32_MAX};
	struct cdx_nonce_what got;
	struct cdx_b32 nonce;

	(void)state;
	assert_int_equal(cdx_nonce_make(&nonce, &k, &what), 0);
	assert_int_equal(cdx_nonce_read(&got, &k, &nonce), 0);
	assert_int_equal(got.kind, CDX_NONCE_SNAPSHOT);
	assert_int_equal(got.number, CDX_NONCE_NUMBER_LIMIT - 1);
	assert_int_equal(got.generation, UINT32_MAX);
	what.number++;
	assert_int_equal(cdx_nonce_make(&nonce, &k, &what), -ERANGE);
}

/* Another volume's, random ones and any bit that was changed are not ours */
static void test_foreign(void **state)
{
	const struct cdx_nonce_what what = {.kind = CDX_NONCE_SEGMENT,
					    .number = 1};
	const struct cdx_key k = key(1);
	const struct cdx_key other = key(2);
	struct cdx_nonce_what got;
	struct cdx_b32 nonce;
	struct cdx_b32 bad;

	(void)state;
	assert_int_equal(cdx_nonce_make(&nonce, &k, &what), 0);
	assert_int_equal(cdx_nonce_read(&got, &other, &nonce), -ENOENT);
	for (unsigned bit = 0; bit < 256; bit++) {
		bad = nonce;
		bad.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(cdx_nonce_read(&got, &k, &bad), -ENOENT);
	}
	cdx_random(bad.b, sizeof(bad.b));
	assert_int_equal(cdx_nonce_read(&got, &k, &bad), -ENOENT);
}

/* A kind that only a later version knows is ours, but not understood */
static void test_later(void **state)
{
	struct cdx_nonce_what what = {.kind = CDX_NONCE_SEGMENT, .number = 1};
	const unsigned later = 77;
	const struct cdx_key k = key(1);
	struct cdx_nonce_what got;
	struct cdx_b32 nonce;

	(void)state;
	memcpy(&what.kind, &later, sizeof(what.kind));
	assert_int_equal(cdx_nonce_make(&nonce, &k, &what), 0);
	assert_int_equal(cdx_nonce_read(&got, &k, &nonce), CDX_E_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
