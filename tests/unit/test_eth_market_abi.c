/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/abi.h"
#include "eth/market.h"
#include "tests/unit/market_kit.h"
#include "tests/unit/seed.h"

/* Encodings of the marketplace's values (spec/marketplace.md 1.1), and what is
 * not one. */

#define ROUNDS 500

static void assert_same_request(const struct cdx_storage_request *a,
				const struct cdx_storage_request *b)
{
	assert_memory_equal(a->client.b, b->client.b, sizeof(a->client.b));
	mk_same_ask(&a->ask, &b->ask);
	assert_true(a->cid_len == b->cid_len);
	assert_memory_equal(a->cid, b->cid, sizeof(a->cid));
	assert_memory_equal(a->merkle_root.b, b->merkle_root.b, 32);
	assert_true(a->expiry == b->expiry);
	assert_memory_equal(a->nonce.b, b->nonce.b, 32);
}

static void assert_same_config(const struct cdx_market_config *a,
			       const struct cdx_market_config *b)
{
	assert_int_equal(a->repair_reward, b->repair_reward);
	assert_int_equal(a->max_slashes, b->max_slashes);
	assert_int_equal(a->slash, b->slash);
	assert_int_equal(a->validator_reward, b->validator_reward);
	assert_true(a->period == b->period && a->timeout == b->timeout);
	assert_int_equal(a->downtime, b->downtime);
	assert_int_equal(a->downtime_product, b->downtime_product);
	assert_string_equal(a->zkey_hash, b->zkey_hash);
	assert_int_equal(a->max_reservations, b->max_reservations);
	assert_true(a->duration_limit == b->duration_limit);
}

/* What getActiveSlot answers: a tuple of the request's and the index */
static void encode_active(struct cdx_buf *out,
			  const struct cdx_storage_request *r, uint64_t index)
{
	struct cdx_buf sole = {.p = NULL};
	struct cdx_buf slot = {.p = NULL};
	struct cdx_buf tuple;
	struct cdx_abi w;

	assert_int_equal(cdx_storage_request_encode(&sole, r), 0);
	tuple = (struct cdx_buf){.p = sole.p + 32, .len = sole.len - 32};
	cdx_abi_begin(&w, 2);
	cdx_abi_dynamic(&w, &tuple);
	cdx_abi_u64(&w, index);
	assert_int_equal(cdx_abi_end(&w, &slot), 0);
	cdx_abi_begin(&w, 1);
	cdx_abi_dynamic(&w, &slot);
	assert_int_equal(cdx_abi_end(&w, out), 0);
	cdx_buf_free(&sole);
	cdx_buf_free(&slot);
}

static void test_round_trips(void **state)
{
	struct seed s = seed_start("eth_market round trips");
	struct cdx_storage_request r;
	struct cdx_storage_request got;
	struct cdx_market_config c;
	struct cdx_market_config got_config;
	uint64_t index;
	uint64_t got_index;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct cdx_buf b = {.p = NULL};

		r = mk_any_request(&s);
		assert_int_equal(cdx_storage_request_encode(&b, &r), 0);
		assert_int_equal(cdx_storage_request_decode(&got, b.p, b.len),
				 0);
		assert_same_request(&got, &r);
		b.len = 0;
		index = mk_any_u64(&s);
		encode_active(&b, &r, index);
		assert_int_equal(cdx_active_slot_decode(&got, &got_index, b.p,
							b.len),
				 0);
		assert_same_request(&got, &r);
		assert_true(got_index == index);
		b.len = 0;
		c = mk_any_config(&s);
		assert_int_equal(cdx_market_config_encode(&b, &c), 0);
		assert_int_equal(
			cdx_market_config_decode(&got_config, b.p, b.len), 0);
		assert_same_config(&got_config, &c);
		cdx_buf_free(&b);
	}
}

/* The default configuration of spec/marketplace.md 1.2, with hash "ab", word by
 * word as 1.1 has its members */
static void test_config_words(void **state)
{
	static const uint8_t words[] = {0x20, 10,  2,  20, 20, 0xe0, 3,
					0,    120, 30, 64, 67, 0xa0, 2};
	const struct cdx_market_config c = {
		.repair_reward = 10,
		.max_slashes = 2,
		.slash = 20,
		.validator_reward = 20,
		.period = 120,
		.timeout = 30,
		.downtime = 64,
		.downtime_product = 67,
		.zkey_hash = "ab",
		.max_reservations = 3,
		.duration_limit = 2592000,
	};
	struct cdx_market_config long_hash = c;
	uint8_t want[15 * 32] = {0};
	struct cdx_buf b = {.p = NULL};

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(words); i++)
		want[i * 32 + 31] = words[i];
	cdx_put_be64(want + 7 * 32 + 24, 2592000);
	memcpy(want + 14 * 32, "ab", 2);
	assert_int_equal(cdx_market_config_encode(&b, &c), 0);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));
	/* no end within its room */
	memset(long_hash.zkey_hash, 'a', sizeof(long_hash.zkey_hash));
	assert_int_equal(cdx_market_config_encode(&b, &long_hash), -EINVAL);
	cdx_buf_free(&b);
}

/* In memory of exactly @len bytes, for the sanitizer */
static int decode_all(const uint8_t *p, size_t len, int which)
{
	struct cdx_storage_request r;
	struct cdx_market_config c;
	uint8_t *copy = malloc(len ? len : 1);
	uint64_t index;
	int err;

	assert_non_null(copy);
	memcpy(copy, p, len);
	if (which == 0)
		err = cdx_storage_request_decode(&r, copy, len);
	else if (which == 1)
		err = cdx_active_slot_decode(&r, &index, copy, len);
	else
		err = cdx_market_config_decode(&c, copy, len);
	free(copy);
	return err;
}

/* Whatever is cut off, but for padding; whatever stands where zeros belong */
static void test_malformed(void **state)
{
	struct cdx_storage_request r = mk_vector();
	struct cdx_market_config c = {.zkey_hash = "0123"};
	static const size_t padding[] = {64 - 49, 64 - 49, 28};
	struct cdx_buf b[3] = {{.p = NULL}};

	(void)state;
	assert_int_equal(cdx_storage_request_encode(&b[0], &r), 0);
	encode_active(&b[1], &r, 2);
	assert_int_equal(cdx_market_config_encode(&b[2], &c), 0);
	for (int which = 0; which < 3; which++) {
		uint8_t *p = b[which].p;
		size_t len = b[which].len;

		assert_int_equal(decode_all(p, len, which), 0);
		for (size_t cut = padding[which] + 1; cut <= len; cut++)
			assert_int_equal(decode_all(p, len - cut, which),
					 CDX_E_FORMAT);
		/* the offset in front: nowhere near, and just outside */
		p[0] = 1;
		assert_int_equal(decode_all(p, len, which), CDX_E_FORMAT);
		p[0] = 0;
		p[28] = 0xff;
		assert_int_equal(decode_all(p, len, which), CDX_E_FORMAT);
		cdx_buf_free(&b[which]);
	}
}

/* Numbers above their types, a text or CID too long for us */
static void test_too_large(void **state)
{
	struct cdx_storage_request r = mk_vector();
	struct cdx_market_config c = {.zkey_hash = "0123"};
	struct cdx_buf b = {.p = NULL};
	/* slots is the sixth word behind the offset, expiry the tenth */
	static const size_t u64s[] = {5, 6, 7, 8, 10};
	static const size_t u8s[] = {1, 2, 3, 4, 6, 10, 11};

	(void)state;
	assert_int_equal(cdx_storage_request_encode(&b, &r), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(u64s); i++) {
		b.p[u64s[i] * 32 + 23] = 1;
		assert_int_equal(decode_all(b.p, b.len, 0), CDX_E_FORMAT);
		b.p[u64s[i] * 32 + 23] = 0;
	}
	b.p[32 + 11] = 1; /* an address of 21 bytes */
	assert_int_equal(decode_all(b.p, b.len, 0), CDX_E_FORMAT);
	b.p[32 + 11] = 0;
	assert_int_equal(decode_all(b.p, b.len, 0), 0);
	/* a CID of 129 bytes, all of which are there */
	b.p[14 * 32 + 31] = CDX_CONTENT_CID_MAX + 1;
	assert_non_null(cdx_buf_extend(&b, 128));
	memset(b.p + 544, 0, 128);
	assert_int_equal(decode_all(b.p, b.len, 0), CDX_E_FORMAT);
	b.p[14 * 32 + 31] = CDX_CONTENT_CID_MAX;
	assert_int_equal(decode_all(b.p, b.len, 0), 0);

	b.len = 0;
	assert_int_equal(cdx_market_config_encode(&b, &c), 0);
	for (size_t i = 0; i < CDX_ARRAY_LEN(u8s); i++) {
		b.p[u8s[i] * 32 + 30] = 1;
		assert_int_equal(decode_all(b.p, b.len, 2), CDX_E_FORMAT);
		b.p[u8s[i] * 32 + 30] = 0;
	}
	assert_int_equal(decode_all(b.p, b.len, 2), 0);
	b.p[14 * 32] = '\n'; /* in the text */
	assert_int_equal(decode_all(b.p, b.len, 2), CDX_E_FORMAT);
	cdx_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_config_words),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
