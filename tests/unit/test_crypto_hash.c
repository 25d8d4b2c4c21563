/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "tests/unit/seed.h"

static void check_hex(const uint8_t *got, size_t len, const char *want)
{
	char text[129];

	assert_true(len <= 64);
	cdx_hex(text, got, len);
	assert_string_equal(text, want);
}

/* FIPS 180-4 examples */
static void test_sha256(void **state)
{
	static uint8_t many[1000000];
	struct cdx_digest d;

	(void)state;
	cdx_sha256(&d, NULL, 0);
	check_hex(d.b, 32,
		  "e3b0c44298fc1c149afbf4c8996fb924"
		  "27ae41e4649b934ca495991b7852b855");
	cdx_sha256(&d, "abc", 3);
	check_hex(d.b, 32,
		  "ba7816bf8f01cfea414140de5dae2223"
		  "b00361a396177a9cb410ff61f20015ad");
	memset(many, 'a', sizeof(many));
	cdx_sha256(&d, many, sizeof(many));
	check_hex(d.b, 32,
		  "cdc76e5c9914fb9281a1c7e284d73e67"
		  "f1809a48a497200e046d39ccc7112cd0");
}

static void test_sha256_2(void **state)
{
	struct seed seed = seed_start("sha256_2");
	uint8_t text[200];
	struct cdx_digest whole;
	struct cdx_digest parts;

	(void)state;
	seed_fill(&seed, text, sizeof(text));
	cdx_sha256(&whole, text, sizeof(text));
	for (size_t cut = 0; cut <= sizeof(text); cut++) {
		cdx_sha256_2(&parts, text, cut, text + cut, sizeof(text) - cut);
		assert_memory_equal(parts.b, whole.b, 32);
	}
}

/* RFC 4231 cases 1, 2 and 6, then OpenSSL's for every length of key */
static void test_hmac(void **state)
{
	static const char in2[] = "what do ya want for nothing?";
	static const char in6[] =
		"Test Using Larger Than Block-Size Key - Hash Key First";
	struct seed seed = seed_start("hmac");
	uint8_t key[150];
	uint8_t in[100];
	struct cdx_digest d;

	(void)state;
	memset(key, 0x0b, 20);
	cdx_hmac_sha256(&d, key, 20, "Hi There", 8);
	check_hex(d.b, 32,
		  "b0344c61d8db38535ca8afceaf0bf12b"
		  "881dc200c9833da726e9376c2e32cff7");
	cdx_hmac_sha256(&d, "Jefe", 4, in2, strlen(in2));
	check_hex(d.b, 32,
		  "5bdcc146bf60754e6a042426089575c7"
		  "5a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 131);
	cdx_hmac_sha256(&d, key, 131, in6, strlen(in6));
	check_hex(d.b, 32,
		  "60e431591ee0b67f0d8a26aacbf5b77f"
		  "8e0bc6213728c5140546040f0ee37f54");
	seed_fill(&seed, key, sizeof(key));
	seed_fill(&seed, in, sizeof(in));
	for (int n = 0; n <= (int)sizeof(key); n++) {
		uint8_t want[32];
		size_t len = seed_below(&seed, sizeof(in) + 1);

		assert_non_null(
			HMAC(EVP_sha256(), key, n, in, len, want, NULL));
		cdx_hmac_sha256(&d, key, (size_t)n, in, len);
		assert_memory_equal(d.b, want, 32);
	}
}

/* "" and "abc" as in the Keccak team's vectors; the bytes 0, 1, 2, ... around
 * the rate of 136 computed with @noble/hashes */
static void test_keccak256(void **state)
{
	static const struct {
		size_t len;
		const char *want;
	} cases[] = {
		{134, "861e165162f806cd361c4421a48f2058"
		      "20ddf4deb02db9f041f48e179ddada97"},
		{135, "cbdfd9dee5faad3818d6b06f95a219fd"
		      "290b0e1706f6a82e5a595b9ce9faca62"},
		{136, "7ce759f1ab7f9ce437719970c26b0a66"
		      "ff11fe3e38e17df89cf5d29c7d7f807e"},
		{137, "ac73d4fae68b8453f764007c1a20ce95"
		      "994187861f0c3227a3a8e99a73a3b1db"},
		{272, "fdf2ec49e749960d3c8521a0219af8d0"
		      "3e30e2b3bf19bd16150ee0eaf133d66e"},
	};
	uint8_t in[272];
	uint8_t out[32];

	(void)state;
	cdx_keccak256(out, NULL, 0);
	check_hex(out, 32,
		  "c5d2460186f7233c927e7db2dcc703c0"
		  "e500b653ca82273b7bfad8045d85a470");
	cdx_keccak256(out, "abc", 3);
	check_hex(out, 32,
		  "4e03657aea45a94fc7d47ba826c8d667"
		  "c0d1e6e33a64a036ec44f58fa12d6c45");
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (size_t i = 0; i < CDX_ARRAY_LEN(cases); i++) {
		cdx_keccak256(out, in, cases[i].len);
		check_hex(out, 32, cases[i].want);
	}
}

static void test_random_and_wipe(void **state)
{
	uint8_t a[300] = {0};
	uint8_t b[300] = {0};
	size_t zeros = 0;

	(void)state;
	cdx_random(a, sizeof(a));
	cdx_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	for (size_t i = 0; i < sizeof(a); i++)
		zeros += a[i] == 0;
	/* about 1 expected; 60 would not happen in the life of the universe */
	assert_true(zeros < 60);
	cdx_random(a, 0);
	cdx_wipe(a, sizeof(a));
	cdx_wipe(NULL, 0);
	memset(b, 0, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
}

static void *hash_in_thread(void *arg)
{
	struct cdx_digest *want = arg;
	struct cdx_digest d;

	for (int i = 0; i < 1000; i++) {
		cdx_sha256(&d, "abc", 3);
		if (memcmp(d.b, want->b, 32) != 0)
			return NULL;
	}
	return arg;
}

/* Contexts belong to threads, and go with them (the leak checker looks). */
static void test_threads(void **state)
{
	struct cdx_digest want;
	pthread_t ids[8];
	void *ok;

	(void)state;
	cdx_sha256(&want, "abc", 3);
	for (size_t i = 0; i < CDX_ARRAY_LEN(ids); i++)
		assert_int_equal(pthread_create(&ids[i], NULL, hash_in_thread,
						&want),
				 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(ids); i++) {
		assert_int_equal(pthread_join(ids[i], &ok), 0);
		assert_ptr_equal(ok, &want);
	}
}

static void test_seal(void **state)
{
	struct seed seed = seed_start("seal");
	struct cdx_key key;
	uint8_t in[100];
	uint8_t box[sizeof(in) + CDX_SEAL_OVERHEAD];
	uint8_t again[sizeof(box)];
	uint8_t out[sizeof(in)];
	uint8_t zero[sizeof(in)] = {0};

	(void)state;
	seed_fill(&seed, &key, sizeof(key));
	seed_fill(&seed, in, sizeof(in));
	for (size_t len = 0; len <= sizeof(in); len++) {
		size_t n = len + CDX_SEAL_OVERHEAD;
		size_t flip = seed_below(&seed, n);

		cdx_seal(box, &key, in, len, "ad", 2);
		cdx_seal(again, &key, in, len, "ad", 2);
		assert_memory_not_equal(box, again, CDX_NONCE_LEN);
		assert_int_equal(cdx_unseal(out, &key, box, n, "ad", 2), len);
		assert_memory_equal(out, in, len);
		assert_int_equal(cdx_unseal(out, &key, box, n, "aD", 2),
				 CDX_E_HASH);
		assert_int_equal(cdx_unseal(out, &key, box, n - 1, "ad", 2),
				 CDX_E_HASH);
		memset(out, 1, sizeof(out));
		box[flip] ^= (uint8_t)(1u << seed_below(&seed, 8));
		assert_int_equal(cdx_unseal(out, &key, box, n, "ad", 2),
				 CDX_E_HASH);
		assert_memory_equal(out, zero, len);
	}
	for (size_t n = 0; n < CDX_SEAL_OVERHEAD; n++)
		assert_int_equal(cdx_unseal(out, &key, box, n, "ad", 2),
				 CDX_E_HASH);
}

/* draft-irtf-cfrg-xchacha-03, A.3.1 */
static void test_seal_nonce(void **state)
{
	static const char in[] =
		"Ladies and Gentlemen of the class of '99: If I could offer "
		"you only one tip for the future, sunscreen would be it.";
	const size_t len = sizeof(in) - 1;
	struct cdx_key key;
	uint8_t nonce[CDX_NONCE_LEN];
	uint8_t ad[12];
	uint8_t box[sizeof(in) + CDX_TAG_LEN];
	uint8_t out[sizeof(in)];

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key.b[i] = (uint8_t)(0x80 + i);
	for (size_t i = 0; i < sizeof(nonce); i++)
		nonce[i] = (uint8_t)(0x40 + i);
	assert_int_equal(cdx_unhex(ad, 12, "50515253c0c1c2c3c4c5c6c7"), 0);
	cdx_seal_nonce(box, &key, nonce, in, len, ad, sizeof(ad));
	check_hex(box, 16, "bd6d179d3e83d43b9576579493c0e939");
	check_hex(box + len, 16, "c0875924c1c7987947deafd8780acf49");
	assert_int_equal(cdx_unseal_nonce(out, &key, nonce, box,
					  len + CDX_TAG_LEN, ad, sizeof(ad)),
			 len);
	assert_memory_equal(out, in, len);
	nonce[0] ^= 1;
	assert_int_equal(cdx_unseal_nonce(out, &key, nonce, box,
					  len + CDX_TAG_LEN, ad, sizeof(ad)),
			 CDX_E_HASH);
	assert_int_equal(cdx_unseal_nonce(out, &key, nonce, box, 15, ad, 12),
			 CDX_E_HASH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_sha256_2),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_keccak256),
		cmocka_unit_test(test_random_and_wipe),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_seal_nonce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
