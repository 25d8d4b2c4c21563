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

#include <cmocka.h>

#include "base/err.h"
#include "crypto/block.h"
#include "merkle/sha256_tree.h"
#include "seed.h"
#include "store/block.h"
#include "store/block_set.h"
#include "store/cache.h"
#include "store/cache_internal.h"
#include "store/quota.h"
#include "store_tmp.h"

#define SIZE CDX_BLOCK_SIZE

static struct tmp_store T;
static uint8_t Buf[SIZE];
static int64_t Now; /* what the cache takes for the time */

static int64_t now(void)
{
	return Now;
}

/* Hours since the store was made */
static void hour(unsigned h)
{
	Now = 1700000000 / 3600 * 3600 + (int64_t)h * 3600;
	cdx_store_cache(T.s)->clock = now;
}

static int setup(void **state)
{
	(void)state;
	tmp_store_new(&T, UINT64_C(64) << 20);
	hour(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tmp_store_free(&T);
	return 0;
}

static void reopen(void)
{
	tmp_store_reopen(&T);
	cdx_store_cache(T.s)->clock = now;
}

/* The @size bytes that number @n stands for */
static struct cdx_digest content(unsigned n, uint8_t *out, size_t size)
{
	struct seed rnd = {.state = n};
	struct cdx_digest d;

	seed_fill(&rnd, out, size < 64 ? size : 64);
	if (size > 64)
		memset(out + 64, (int)n, size - 64);
	cdx_sha256(&d, out, size);
	return d;
}

static int put(unsigned n)
{
	struct cdx_digest d = content(n, Buf, SIZE);

	return cdx_cache_put_block(T.s, &d, Buf, SIZE);
}

static int get(unsigned n)
{
	struct cdx_digest d = content(n, Buf, SIZE);
	static uint8_t out[SIZE];
	int rc;

	memset(out, 0xaa, sizeof(out));
	rc = cdx_cache_get_block(T.s, out, SIZE, &d);
	if (rc == 0)
		assert_memory_equal(out, Buf, SIZE);
	return rc;
}

/* Without using it */
static bool has(unsigned n)
{
	struct cdx_digest d = content(n, Buf, SIZE);

	return cdx_cache_block_size(T.s, &d) == (int)SIZE;
}

static struct cdx_cache_stats stats(void)
{
	struct cdx_cache_stats st;

	cdx_cache_stats(T.s, &st);
	return st;
}

static struct cdx_cache_rec rec_of(unsigned n)
{
	struct cdx_digest d = content(n, Buf, SIZE);
	struct cdx_cache_key key = cdx_cache_key(CDX_CACHE_BLOCK, &d);
	struct cdx_buf row = {0};
	struct cdx_cache_rec rec;

	assert_int_equal(cdx_cache_load(T.s, &rec, &row, &key), 0);
	cdx_buf_free(&row);
	return rec;
}

/* ---- blocks ---- */

static void blocks_come_back(void **state)
{
	static const uint32_t sizes[] = {1,	   4095,    4096,
					 4097,	   100000,  CDX_BLOCK_SIZE,
					 1u << 20, 4u << 20};
	uint8_t *p = malloc(4u << 20);
	uint8_t *out = malloc(4u << 20);
	uint64_t used = 0;

	(void)state;
	for (unsigned i = 0; i < CDX_ARRAY_LEN(sizes); i++) {
		struct cdx_digest d = content(i, p, sizes[i]);

		assert_int_equal(cdx_cache_block_size(T.s, &d), -ENOENT);
		assert_int_equal(cdx_cache_get_block(T.s, out, sizes[i], &d),
				 -ENOENT);
		assert_int_equal(cdx_cache_put_block(T.s, &d, p, sizes[i]), 0);
		used += cdx_block_room(sizes[i]);
	}
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < CDX_ARRAY_LEN(sizes); i++) {
			struct cdx_digest d = content(i, p, sizes[i]);

			assert_int_equal(cdx_cache_block_size(T.s, &d),
					 sizes[i]);
			assert_int_equal(
				cdx_cache_get_block(T.s, out, sizes[i], &d), 0);
			assert_memory_equal(out, p, sizes[i]);
			assert_int_equal(cdx_cache_get_block(T.s, out,
							     sizes[i] - 1, &d),
					 -EINVAL);
			/* as any other block */
			memset(out, 0, sizes[i]);
			assert_int_equal(cdx_block_read(T.s, out, sizes[i], &d),
					 0);
			assert_memory_equal(out, p, sizes[i]);
			assert_int_equal(cdx_block_read_quiet(T.s, out,
							      sizes[i], &d),
					 0);
		}
		assert_int_equal(stats().used, used);
		assert_int_equal(stats().entries, CDX_ARRAY_LEN(sizes));
		reopen();
	}
	free(out);
	free(p);
}

static void refuses_sizes(void **state)
{
	struct cdx_digest d = content(1, Buf, SIZE);

	(void)state;
	assert_int_equal(cdx_cache_put_block(T.s, &d, Buf, 0), -EINVAL);
	assert_int_equal(cdx_cache_put_block(T.s, &d, Buf, (4u << 20) + 1),
			 -EINVAL);
	assert_int_equal(cdx_cache_resize(T.s, SIZE - 1), 0);
	assert_int_equal(put(1), -ENOSPC);
	assert_int_equal(cdx_cache_resize(T.s, SIZE), 0);
	assert_int_equal(put(1), 0);
	assert_int_equal(cdx_cache_resize(T.s, 0), 0);
	assert_int_equal(put(1), -ENOSPC);
	assert_int_equal(get(1), -ENOENT);
	assert_int_equal(stats().used + stats().entries, 0);
}

static void counts_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(put(7), 0);
	assert_int_equal(stats().used, SIZE);
	assert_int_equal(stats().entries, 1);
	assert_int_equal(get(7), 0);
	assert_int_equal(get(8), -ENOENT);
	assert_int_equal(stats().hits, 1);
	assert_int_equal(stats().misses, 1);
}

/* ---- which goes first ---- */

/* A share of 8 blocks with 1 to 8 in it, in this order */
static void fill_eight(void)
{
	assert_int_equal(cdx_cache_resize(T.s, UINT64_C(8) * SIZE), 0);
	for (unsigned i = 1; i <= 8; i++)
		assert_int_equal(put(i), 0);
	assert_int_equal(stats().evicted, 0);
}

static void oldest_go_first(void **state)
{
	(void)state;
	fill_eight();
	for (unsigned i = 9; i <= 20; i++) {
		assert_int_equal(put(i), 0);
		assert_false(has(i - 8));
		assert_true(has(i - 7));
	}
	assert_int_equal(stats().used, UINT64_C(8) * SIZE);
	assert_int_equal(stats().entries, 8);
	assert_int_equal(stats().evicted, 12);
}

static void use_counts_by_hours(void **state)
{
	(void)state;
	fill_eight();
	/* in the same hour it makes no difference */
	assert_int_equal(get(1), 0);
	assert_int_equal(put(9), 0);
	assert_false(has(1));
	hour(1);
	assert_int_equal(get(2), 0); /* a read is a use */
	assert_int_equal(put(3), 0); /* and so is a put */
	assert_int_equal(put(10), 0);
	assert_int_equal(put(11), 0);
	assert_true(has(2) && has(3));
	assert_false(has(4) || has(5));
	/* the order survives */
	reopen();
	for (unsigned i = 12; i <= 15; i++)
		assert_int_equal(put(i), 0);
	assert_true(has(2) && has(3));
	assert_false(has(6) || has(7) || has(8) || has(9));
	assert_int_equal(put(16), 0);
	assert_false(has(2));
}

static void touches_once_an_hour(void **state)
{
	uint64_t number;

	(void)state;
	assert_int_equal(put(1), 0);
	number = rec_of(1).number;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(get(1), 0);
		assert_int_equal(put(1), 0);
		assert_int_equal(rec_of(1).number, number);
	}
	hour(1);
	assert_int_equal(get(1), 0);
	assert_true(rec_of(1).number > number);
	number = rec_of(1).number;
	assert_int_equal(get(1), 0);
	assert_int_equal(rec_of(1).number, number);
	cdx_store_cache(T.s)->bucket_s = 1;
	Now++;
	assert_int_equal(get(1), 0);
	assert_true(rec_of(1).number > number);
	assert_int_equal(stats().entries, 1);
	assert_int_equal(stats().used, SIZE);
}

/* A clock that jumps back makes nothing immortal. */
static void clock_jumps_back(void **state)
{
	(void)state;
	hour(1000);
	fill_eight();
	assert_int_equal(put(9), 0);
	hour(0);
	for (unsigned i = 10; i <= 17; i++)
		assert_int_equal(put(i), 0);
	for (unsigned i = 10; i <= 17; i++)
		assert_true(has(i));
	for (unsigned i = 18; i <= 25; i++)
		assert_int_equal(put(i), 0);
	for (unsigned i = 18; i <= 25; i++)
		assert_true(has(i));
	assert_int_equal(stats().entries, 8);
}

static void resizes(void **state)
{
	(void)state;
	fill_eight();
	assert_int_equal(cdx_cache_resize(T.s, UINT64_C(3) * SIZE + 5), 0);
	assert_int_equal(stats().used, UINT64_C(3) * SIZE);
	assert_false(has(5));
	assert_true(has(6) && has(7) && has(8));
	assert_int_equal(cdx_cache_resize(T.s, UINT64_C(4) * SIZE), 0);
	assert_int_equal(put(9), 0);
	assert_true(has(6));
	assert_int_equal(put(10), 0);
	assert_false(has(6));
	assert_int_equal(stats().limit, UINT64_C(4) * SIZE);
	reopen();
	assert_int_equal(stats().limit, UINT64_C(4) * SIZE);
	assert_int_equal(stats().entries, 4);
	assert_int_equal(cdx_cache_resize(T.s, UINT64_MAX), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(blocks_come_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(refuses_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(oldest_go_first, setup,
						teardown),
		cmocka_unit_test_setup_teardown(use_counts_by_hours, setup,
						teardown),
		cmocka_unit_test_setup_teardown(touches_once_an_hour, setup,
						teardown),
		cmocka_unit_test_setup_teardown(clock_jumps_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(resizes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
