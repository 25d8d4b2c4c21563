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
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "erasure/cache.h"

#define SIZE 512u
#define MANY 20u /* more than the cache keeps */

/* The parity of some data, by @ec */
static void parity_of(uint8_t out[SIZE], const struct cdx_ec *ec, uint32_t k)
{
	uint8_t stripe[MANY * SIZE];
	struct cdx_ec_parity p;

	for (size_t i = 0; i < k * SIZE; i++)
		stripe[i] = (uint8_t)(i * 7 + i / 251);
	assert_int_equal(cdx_ec_encode(ec, &p, stripe), 0);
	memcpy(out, p.block[0], SIZE);
	cdx_ec_parity_free(ec, &p);
}

static void test_shared(void **state)
{
	struct cdx_ec *a;
	struct cdx_ec *b;

	(void)state;
	assert_int_equal(cdx_ec_get(&a, CDX_EC_ISA_L_CAUCHY, 4, 2, SIZE), 0);
	assert_int_equal(cdx_ec_get(&b, CDX_EC_ISA_L_CAUCHY, 4, 2, SIZE), 0);
	assert_ptr_equal(a, b);
	cdx_ec_put(b);
	assert_int_equal(cdx_ec_get(&b, CDX_EC_ISA_L_CAUCHY, 4, 2, 2 * SIZE),
			 0);
	assert_ptr_not_equal(a, b);
	cdx_ec_put(b);
	cdx_ec_putp(&a);
	assert_null(a);
	cdx_ec_put(NULL);
	assert_int_equal(cdx_ec_get(&a, CDX_EC_LEOPARD, 4, 2, SIZE),
			 CDX_E_CODEC);
	assert_null(a);
}

/* Those that find no room work as well, and those that made room come back. */
static void test_many(void **state)
{
	uint8_t first[MANY][SIZE];
	struct cdx_ec *ec[MANY];
	uint8_t again[SIZE];

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < MANY; i++) {
			assert_int_equal(cdx_ec_get(&ec[i], CDX_EC_ISA_L_CAUCHY,
						    i + 1, 1, SIZE),
					 0);
			parity_of(round ? again : first[i], ec[i], i + 1);
			if (round)
				assert_memory_equal(again, first[i], SIZE);
		}
		for (uint32_t i = 0; i < MANY; i++)
			cdx_ec_put(ec[i]);
	}
}

static void *user(void *arg)
{
	uint32_t from = *(const uint32_t *)arg;
	uint8_t out[SIZE];

	for (uint32_t i = 0; i < 200; i++) {
		uint32_t k = 1 + (from + i * 3) % MANY;
		struct cdx_ec *ec;

		if (cdx_ec_get(&ec, CDX_EC_ISA_L_CAUCHY, k, 1, SIZE) < 0)
			return arg;
		parity_of(out, ec, k);
		cdx_ec_put(ec);
	}
	return NULL;
}

static void test_threads(void **state)
{
	uint32_t from[4] = {0, 5, 10, 15};
	pthread_t t[4];
	void *bad;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, user, &from[i]),
				 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(t); i++) {
		assert_int_equal(pthread_join(t[i], &bad), 0);
		assert_null(bad);
	}
}

/* Coding in pieces gives what coding whole blocks gives. */
static void check_slice(uint32_t codec, uint32_t size)
{
	uint32_t slice = cdx_ec_slice(codec, size);
	uint8_t *stripe = test_malloc(3 * (size_t)size);
	uint8_t *piece = test_malloc(3 * (size_t)slice);
	struct cdx_ec_parity whole;
	struct cdx_ec_parity part;
	struct cdx_ec *a;
	struct cdx_ec *b;

	assert_int_equal(size % slice, 0);
	for (size_t i = 0; i < 3 * (size_t)size; i++)
		stripe[i] = (uint8_t)(i * 31 + i / 253);
	assert_int_equal(cdx_ec_get(&a, codec, 3, 2, size), 0);
	assert_int_equal(cdx_ec_get(&b, codec, 3, 2, slice), 0);
	assert_int_equal(cdx_ec_encode(a, &whole, stripe), 0);
	for (uint32_t off = 0; off < size; off += slice) {
		for (uint32_t c = 0; c < 3; c++)
			memcpy(piece + (size_t)c * slice,
			       stripe + (size_t)c * size + off, slice);
		assert_int_equal(cdx_ec_encode(b, &part, piece), 0);
		for (uint32_t j = 0; j < 2; j++)
			assert_memory_equal(part.block[j], whole.block[j] + off,
					    slice);
		cdx_ec_parity_free(b, &part);
	}
	cdx_ec_parity_free(a, &whole);
	cdx_ec_put(a);
	cdx_ec_put(b);
	test_free(stripe);
	test_free(piece);
}

static void test_slices(void **state)
{
	static const uint32_t sizes[] = {65536,	 262144, 1u << 20,
					 393216, 300000, 4u << 20};
	char why[CDX_EC_WHY_MAX];
	unsigned checked = 0;

	(void)state;
	for (uint32_t codec = CDX_EC_ISA_L_CAUCHY; codec < CDX_EC_CODECS;
	     codec++) {
		/* its library may be missing here */
		if (cdx_ec_check(codec, 3, 2, SIZE, why) < 0)
			continue;
		for (size_t i = 0; i < CDX_ARRAY_LEN(sizes); i++)
			check_slice(codec, sizes[i]);
		checked++;
	}
	assert_true(checked > 0);
	assert_int_equal(cdx_ec_slice(CDX_EC_ISA_L_CAUCHY, 65536), 65536);
	assert_int_equal(cdx_ec_slice(CDX_EC_ISA_L_CAUCHY, 4u << 20), 131072);
	assert_int_equal(cdx_ec_slice(CDX_EC_JERASURE_CAUCHY, 4u << 20),
			 4u << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
