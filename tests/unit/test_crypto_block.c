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

#include "base/bytes.h"
#include "crypto/block.h"
#include "crypto/hash.h"
#include "tests/unit/seed.h"

static const enum cdx_block_cipher ciphers[] = {
	CDX_CIPHER_AES256_CTR,
	CDX_CIPHER_XCHACHA20,
};

static void key_stream(uint8_t out[CDX_BLOCK_SIZE],
		       enum cdx_block_cipher cipher, const struct cdx_key *key,
		       uint64_t index)
{
	memset(out, 0, CDX_BLOCK_SIZE);
	assert_int_equal(cdx_block_crypt(out, cipher, key, index, 0, out,
					 CDX_BLOCK_SIZE),
			 0);
}

static void count_key(struct cdx_key *key)
{
	for (size_t i = 0; i < sizeof(key->b); i++)
		key->b[i] = (uint8_t)i;
}

/* The stored format: SHA-256 of a block of key stream, from `openssl enc` and
 * from an implementation of XChaCha20 in Python that passes the draft's
 * HChaCha20 vector */
static void test_golden(void **state)
{
	static uint8_t ks[CDX_BLOCK_SIZE];
	static const char *const want[] = {
		"953d5967d893c3526b9778d83ecdd3d1"
		"13196047111b058184cc788cac9b99ba",
		"b549898a79be03f0213d6b9abaae2739"
		"66e9db25b06e13c222c110314007ce02",
	};
	struct cdx_key key;

	(void)state;
	count_key(&key);
	for (size_t i = 0; i < CDX_ARRAY_LEN(ciphers); i++) {
		struct cdx_digest d;
		char text[65];

		key_stream(ks, ciphers[i], &key, UINT64_C(0x0102030405060708));
		cdx_sha256(&d, ks, sizeof(ks));
		cdx_hex(text, d.b, 32);
		assert_string_equal(text, want[i]);
	}
}

static void check_counters(const uint8_t *ks, const struct cdx_key *key,
			   uint64_t index)
{
	static uint8_t counters[CDX_BLOCK_SIZE];
	static uint8_t want[CDX_BLOCK_SIZE];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	assert_non_null(ctx);
	for (size_t j = 0; j < CDX_BLOCK_SIZE / 16; j++) {
		cdx_put_be64(counters + 16 * j, index);
		cdx_put_be64(counters + 16 * j + 8, j);
	}
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_ecb(), NULL,
					    key->b, NULL),
			 1);
	assert_int_equal(
		EVP_EncryptUpdate(ctx, want, &n, counters, CDX_BLOCK_SIZE), 1);
	EVP_CIPHER_CTX_free(ctx);
	assert_int_equal(n, CDX_BLOCK_SIZE);
	assert_memory_equal(ks, want, CDX_BLOCK_SIZE);
}

/* The AES key stream of block i is AES(BE64(i) || BE64(j)), j < 4096: a
 * permutation of inputs that differ, so no piece of it comes twice, whatever
 * the index.  Also at the ends, where a carry could leave the low half. */
static void test_aes_counters(void **state)
{
	static const uint64_t indexes[] = {
		0, 1, 2, 255, 256, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX,
	};
	static uint8_t ks[CDX_BLOCK_SIZE];
	struct cdx_key key;

	(void)state;
	cdx_random(&key, sizeof(key));
	for (size_t i = 0; i < CDX_ARRAY_LEN(indexes); i++) {
		key_stream(ks, CDX_CIPHER_AES256_CTR, &key, indexes[i]);
		check_counters(ks, &key, indexes[i]);
	}
}

static int piece_cmp(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* 16-byte pieces of the key streams of neighbours, at every multiple of 16:
 * none occurs twice.  (A chance hit is 2^-100.) */
static void test_neighbours_are_disjoint(void **state)
{
	enum {
		BLOCKS = 8
	};
	static uint8_t all[BLOCKS * CDX_BLOCK_SIZE];
	struct cdx_key key;

	(void)state;
	cdx_random(&key, sizeof(key));
	for (size_t c = 0; c < CDX_ARRAY_LEN(ciphers); c++) {
		for (uint64_t i = 0; i < BLOCKS; i++)
			key_stream(all + i * CDX_BLOCK_SIZE, ciphers[c], &key,
				   i + 250);
		qsort(all, sizeof(all) / 16, 16, piece_cmp);
		for (size_t i = 16; i < sizeof(all); i += 16)
			assert_true(memcmp(all + i - 16, all + i, 16) != 0);
	}
}

/* Any piece of a block is what the whole block says, also in place. */
static void check_pieces(struct seed *seed, enum cdx_block_cipher cipher)
{
	static uint8_t in[CDX_BLOCK_SIZE];
	static uint8_t whole[CDX_BLOCK_SIZE];
	static uint8_t part[CDX_BLOCK_SIZE];
	struct cdx_key key;

	seed_fill(seed, &key, sizeof(key));
	seed_fill(seed, in, sizeof(in));
	assert_int_equal(
		cdx_block_crypt(whole, cipher, &key, 77, 0, in, sizeof(in)), 0);
	for (int round = 0; round < 2000; round++) {
		size_t off = seed_below(seed, CDX_BLOCK_SIZE + 1);
		size_t len = seed_below(seed, round % 3 ? 200 : CDX_BLOCK_SIZE);

		if (len > CDX_BLOCK_SIZE - off)
			len = CDX_BLOCK_SIZE - off;
		assert_int_equal(cdx_block_crypt(part, cipher, &key, 77, off,
						 in + off, len),
				 0);
		assert_memory_equal(part, whole + off, len);
		assert_int_equal(cdx_block_crypt(part, cipher, &key, 77, off,
						 part, len),
				 0);
		assert_memory_equal(part, in + off, len);
	}
}

static void test_pieces(void **state)
{
	struct seed seed = seed_start("pieces");

	(void)state;
	for (size_t c = 0; c < CDX_ARRAY_LEN(ciphers); c++)
		check_pieces(&seed, ciphers[c]);
}

/* Every offset and short length around a few places */
static void check_alignment(enum cdx_block_cipher cipher, size_t base)
{
	static uint8_t ks[CDX_BLOCK_SIZE];
	static const uint8_t zero[70];
	uint8_t part[sizeof(zero)];
	struct cdx_key key;

	count_key(&key);
	key_stream(ks, cipher, &key, 3);
	for (size_t off = base; off < base + 130; off++) {
		for (size_t len = 0; len <= sizeof(zero); len++) {
			assert_int_equal(cdx_block_crypt(part, cipher, &key, 3,
							 off, zero, len),
					 0);
			assert_memory_equal(part, ks + off, len);
		}
	}
}

static void test_alignment(void **state)
{
	(void)state;
	for (size_t c = 0; c < CDX_ARRAY_LEN(ciphers); c++) {
		check_alignment(ciphers[c], 0);
		check_alignment(ciphers[c], 4096 - 64);
		check_alignment(ciphers[c], CDX_BLOCK_SIZE - 200);
	}
}

static void test_refusals(void **state)
{
	struct cdx_key key;
	uint8_t b[2] = {1, 2};

	(void)state;
	count_key(&key);
	for (size_t c = 0; c < CDX_ARRAY_LEN(ciphers); c++) {
		assert_int_equal(cdx_block_crypt(b, ciphers[c], &key, 0,
						 CDX_BLOCK_SIZE - 1, b, 2),
				 -EINVAL);
		assert_int_equal(cdx_block_crypt(b, ciphers[c], &key, 0,
						 SIZE_MAX, b, 2),
				 -EINVAL);
		assert_int_equal(cdx_block_crypt(b, ciphers[c], &key, 0, 0, b,
						 CDX_BLOCK_SIZE + 1),
				 -EINVAL);
		assert_int_equal(cdx_block_crypt(b, ciphers[c], &key, 0,
						 CDX_BLOCK_SIZE, b, 0),
				 0);
	}
	assert_int_equal(cdx_block_crypt(b, (enum cdx_block_cipher)0, &key, 0,
					 0, b, 2),
			 -EINVAL);
	assert_int_equal(cdx_block_crypt(b, (enum cdx_block_cipher)3, &key, 0,
					 0, b, 2),
			 -EINVAL);
	assert_int_equal(b[0] + b[1], 3);
	assert_true(cdx_block_cipher_best() == CDX_CIPHER_AES256_CTR ||
		    cdx_block_cipher_best() == CDX_CIPHER_XCHACHA20);
}

/* Bit counts of padding are those of noise, and no two are the same. */
static void test_padding(void **state)
{
	static uint8_t a[CDX_BLOCK_SIZE];
	static uint8_t b[CDX_BLOCK_SIZE];
	unsigned long ones = 0;

	(void)state;
	cdx_block_padding(a, sizeof(a));
	cdx_block_padding(b, sizeof(b));
	assert_memory_not_equal(a, b, 16);
	for (size_t i = 0; i < sizeof(a); i++)
		ones += (unsigned)__builtin_popcount(a[i]);
	/* 262144 expected, standard deviation 362 */
	assert_in_range(ones, 262144 - 3620, 262144 + 3620);
	cdx_block_padding(a, 0);
}

/* From a SipHash-2-4 in Python that passes the paper's vector */
static void test_page_sum(void **state)
{
	static uint8_t page[CDX_PAGE_SIZE];
	static const uint8_t want[] = {0xf7, 0xff, 0x49, 0x34,
				       0x7f, 0xe0, 0x2b, 0xc4};
	struct seed seed = seed_start("page_sum");
	struct cdx_key key;
	uint8_t sum[CDX_PAGE_SUM_LEN];
	uint8_t other[CDX_PAGE_SUM_LEN];

	(void)state;
	count_key(&key);
	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = (uint8_t)(i * 7 + i / 256);
	cdx_page_sum(sum, &key, 3, 0x123456789, page);
	assert_memory_equal(sum, want, sizeof(want));
	cdx_page_sum(other, &key, 4, 0x123456789, page);
	assert_memory_not_equal(sum, other, sizeof(sum));
	cdx_page_sum(other, &key, 3, 0x123456788, page);
	assert_memory_not_equal(sum, other, sizeof(sum));
	cdx_page_sum(other, &key, 0x123456789, 3, page);
	assert_memory_not_equal(sum, other, sizeof(sum));
	for (int i = 0; i < 500; i++) {
		size_t at = seed_below(&seed, sizeof(page));
		uint8_t bit = (uint8_t)(1u << seed_below(&seed, 8));

		page[at] ^= bit;
		cdx_page_sum(other, &key, 3, 0x123456789, page);
		assert_memory_not_equal(sum, other, sizeof(sum));
		page[at] ^= bit;
	}
	/* the second half of the key is not used */
	key.b[16] ^= 1;
	cdx_page_sum(other, &key, 3, 0x123456789, page);
	assert_memory_equal(sum, other, sizeof(sum));
	key.b[15] ^= 1;
	cdx_page_sum(other, &key, 3, 0x123456789, page);
	assert_memory_not_equal(sum, other, sizeof(sum));
}

static void *crypt_in_thread(void *arg)
{
	static const uint8_t zero[1000];
	uint8_t want[1000];
	uint8_t got[1000];
	struct cdx_key key;
	size_t off = *(size_t *)arg;

	cdx_random(&key, sizeof(key));
	if (cdx_block_crypt(want, CDX_CIPHER_AES256_CTR, &key, 1, off, zero,
			    sizeof(want)) != 0)
		return NULL;
	for (int i = 0; i < 300; i++) {
		if (cdx_block_crypt(got, CDX_CIPHER_AES256_CTR, &key, 1, off,
				    zero, sizeof(got)) != 0 ||
		    memcmp(got, want, sizeof(got)) != 0)
			return NULL;
	}
	return arg;
}

static void test_threads(void **state)
{
	pthread_t ids[6];
	size_t offs[6];
	void *ok;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(ids); i++) {
		offs[i] = i * 1001;
		assert_int_equal(pthread_create(&ids[i], NULL, crypt_in_thread,
						&offs[i]),
				 0);
	}
	for (size_t i = 0; i < CDX_ARRAY_LEN(ids); i++) {
		assert_int_equal(pthread_join(ids[i], &ok), 0);
		assert_ptr_equal(ok, &offs[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_aes_counters),
		cmocka_unit_test(test_neighbours_are_disjoint),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_page_sum),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
