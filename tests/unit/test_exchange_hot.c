/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Blocks in memory: who goes first, how much there may be, several threads. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "exchange/hot.h"
#include "seed.h"

#define BLOCK 1000u
#define SMALL (64u << 10) /* eight shards of 8 KiB */

static struct cdx_digest digest(uint32_t n)
{
	struct cdx_digest d = {{0}};

	/* all in one shard */
	cdx_put_be32(d.b, n);
	return d;
}

static struct cdx_hot_block *make(struct cdx_hot *h, uint32_t n, uint32_t size)
{
	struct cdx_digest d = digest(n);
	struct cdx_hot_block *b;

	assert_int_equal(cdx_hot_block_new(h, &b, &d, size), 0);
	memset(b->bytes, (int)n, size);
	return b;
}

static void put(struct cdx_hot *h, uint32_t n)
{
	struct cdx_hot_block *b = make(h, n, BLOCK);

	cdx_hot_put(h, b);
	cdx_hot_release(b);
}

static bool has(struct cdx_hot *h, uint32_t n)
{
	struct cdx_digest d = digest(n);
	struct cdx_hot_block *b = cdx_hot_get(h, &d);

	if (b == NULL)
		return false;
	assert_int_equal(b->size, BLOCK);
	assert_int_equal(b->bytes[BLOCK - 1], (uint8_t)n);
	cdx_hot_release(b);
	return true;
}

static void test_oldest_goes(void **state)
{
	struct cdx_hot *h;

	(void)state;
	assert_int_equal(cdx_hot_new(&h, SMALL), 0);
	for (uint32_t i = 0; i < 7; i++)
		put(h, i);
	assert_true(has(h, 0));
	for (uint32_t i = 7; i < 12; i++)
		put(h, i);
	/* what was used lately is here, what was not has gone */
	assert_true(has(h, 0));
	assert_false(has(h, 1));
	assert_true(has(h, 11));
	/* twice is once */
	put(h, 11);
	assert_true(has(h, 11));
	cdx_hot_free(h);
	cdx_hot_free(NULL);
}

static void test_held(void **state)
{
	struct cdx_digest d = digest(1);
	struct cdx_hot_block *held;
	struct cdx_hot *h;

	(void)state;
	assert_int_equal(cdx_hot_new(&h, SMALL), 0);
	put(h, 1);
	held = cdx_hot_get(h, &d);
	assert_non_null(held);
	for (uint32_t i = 2; i < 20; i++)
		put(h, i);
	/* not kept any more, and whole */
	assert_null(cdx_hot_get(h, &d));
	for (uint32_t i = 0; i < BLOCK; i++)
		assert_int_equal(held->bytes[i], 1);
	cdx_hot_release(held);
	/* one that has no room is for who made it alone */
	held = make(h, 3000, 9000);
	cdx_hot_put(h, held);
	d = digest(3000);
	assert_null(cdx_hot_get(h, &d));
	cdx_hot_release(held);
	cdx_hot_free(h);
}

static void test_limit(void **state)
{
	struct cdx_hot_block *b[40];
	struct cdx_hot_block *more;
	struct cdx_digest d = digest(99);
	struct cdx_hot *h;
	uint32_t n = 0;

	(void)state;
	assert_int_equal(cdx_hot_new(&h, SMALL), 0);
	while (n < 40 && cdx_hot_block_new(h, &b[n], &d, 4u << 20) == 0)
		n++;
	assert_int_equal(n, CDX_HOT_LOANS / (4u << 20));
	assert_int_equal(cdx_hot_block_new(h, &more, &d, 4u << 20), -EAGAIN);
	cdx_hot_release(b[--n]);
	assert_int_equal(cdx_hot_block_new(h, &b[n++], &d, 4u << 20), 0);
	while (n > 0)
		cdx_hot_release(b[--n]);
	cdx_hot_free(h);
}

static void *many(void *arg)
{
	struct cdx_hot *h = arg;
	struct seed rnd = {.state = (uint64_t)(uintptr_t)&rnd};

	for (int i = 0; i < 20000; i++) {
		uint32_t n = (uint32_t)seed_below(&rnd, 24);

		if (!has(h, n))
			put(h, n);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t thread[4];
	struct cdx_hot *h;

	(void)state;
	assert_int_equal(cdx_hot_new(&h, SMALL), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, many, h), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	cdx_hot_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oldest_goes),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("exchange/hot", tests, NULL, NULL);
}
