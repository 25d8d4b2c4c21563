/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/err.h"
#include "seed.h"
#include "store_tmp.h"

#include "exchange_kit.h"

/* Datasets of another store: found, fetched, verified, kept. */

#define BLOCK 4096u
#define LEN ((size_t)600 * BLOCK + 1234)

static struct seed seed;
static struct tmp_store provider;
static struct xk_data data;

static int group_setup(void **state)
{
	(void)state;
	seed = seed_start("exchange client");
	tmp_store_new(&provider, XK_SHARE);
	xk_add(&provider, &data, &seed, LEN, BLOCK);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	free(data.p);
	tmp_store_free(&provider);
	return 0;
}

static void from_one_peer(void **state)
{
	struct xk k = {0};
	struct host h;
	struct cdx_reader *rd;
	struct cdx_exchange_stats st;

	(void)state;
	host_start(&h, provider.s, HOST_HONEST);
	xk_start(&k);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.cid);
	assert_false(cdx_reader_complete(rd));
	xk_same(rd, &data, 100000);
	st = xk_stats(&k);
	assert_true(st.blocks_received >= 601);
	assert_int_equal(st.bad, 0);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

/* What came once is in the cache: the peer may go. */
static void kept(void **state)
{
	struct xk k = {0};
	struct host h;
	struct cdx_reader *rd;

	(void)state;
	host_start(&h, provider.s, HOST_HONEST);
	xk_start(&k);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.cid);
	xk_same(rd, &data, 1u << 20);
	cdx_reader_put(rd);
	host_stop(&h);
	xk_free_exchange(&k);
	assert_int_equal(cdx_await(k.loop, xk_make, &k), 0);
	rd = xk_open(&k, &data.cid);
	assert_true(cdx_reader_complete(rd));
	xk_same(rd, &data, 1u << 20);
	assert_int_equal(xk_stats(&k).requests, 0);
	cdx_reader_put(rd);
	xk_end(&k);
}

/* A page that was verified is not asked for again. */
static void few_pages(void **state)
{
	struct xk k = {.memory = 512u << 10};
	struct host h;
	struct cdx_reader *rd;
	unsigned rounds = 0;
	unsigned blocks;
	unsigned pages;

	(void)state;
	host_start(&h, provider.s, HOST_HONEST);
	xk_start(&k);
	/* with nothing kept each round fetches */
	assert_int_equal(cdx_cache_resize(k.store->s, 0), 0);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.cid);
	/* more of them may come until the first of each is verified, which takes
	 * as long as it takes */
	do {
		assert_true(rounds++ < 100);
		blocks = atomic_load(&h.blocks);
		pages = atomic_load(&h.pages_sent);
		xk_same(rd, &data, 1u << 20);
	} while (atomic_load(&h.pages_sent) != pages);
	assert_true(pages >= 3);
	assert_true(atomic_load(&h.blocks) > blocks);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

/* Memory stays within its bound, however fast it comes. */
static void bounded(void **state)
{
	struct xk k = {.memory = 512u << 10};
	struct host h;
	struct cdx_reader *rd;
	uint8_t *got = malloc(LEN);
	uint64_t most = 0;

	(void)state;
	assert_non_null(got);
	host_start(&h, provider.s, HOST_HONEST);
	xk_start(&k);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.cid);
	for (size_t off = 0; off < LEN; off += 10000) {
		size_t n = LEN - off < 10000 ? LEN - off : 10000;

		assert_int_equal(cdx_reader_read_wait(rd, got + off, off, n, 0,
						      NULL, NULL),
				 n);
		if (xk_stats(&k).memory > most)
			most = xk_stats(&k).memory;
	}
	assert_memory_equal(got, data.p, LEN);
	/* jobs of eight blocks count twice for a moment */
	assert_true(most <= (512u << 10) + 16 * 8 * BLOCK);
	/* more than the memory at once */
	assert_int_equal(cdx_cache_resize(k.store->s, 0), 0);
	assert_int_equal(cdx_reader_read_wait(rd, got, 0, LEN, 0, NULL, NULL),
			 LEN);
	assert_memory_equal(got, data.p, LEN);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
	free(got);
}

/* The only provider goes in the middle, another one comes. */
static void vanishes(void **state)
{
	struct xk k = {0};
	struct host h;
	struct host next;
	struct cdx_reader *rd;
	uint8_t *got = malloc(LEN);

	(void)state;
	assert_non_null(got);
	host_start(&h, provider.s, HOST_HONEST);
	host_start(&next, provider.s, HOST_HONEST);
	xk_start(&k);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.cid);
	assert_int_equal(cdx_reader_read_wait(rd, got, 0, 50 * BLOCK, 0, NULL,
					      NULL),
			 50 * BLOCK);
	atomic_store(&h.way, HOST_CUT);
	xk_know(&k, &next);
	host_stop(&h);
	xk_same(rd, &data, 1u << 20);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&next);
	free(got);
}

/* Who is slow gets less, and does not hold the end up. */
static void slow_and_fast(void **state)
{
	struct xk k = {0};
	struct host slow;
	struct host fast;
	struct cdx_reader *rd;

	(void)state;
	host_start(&slow, provider.s, HOST_HONEST);
	host_start(&fast, provider.s, HOST_HONEST);
	slow.rate = 200000;
	xk_start(&k);
	assert_int_equal(cdx_cache_resize(k.store->s, 0), 0);
	xk_know(&k, &slow);
	xk_know(&k, &fast);
	rd = xk_open(&k, &data.cid);
	for (int i = 0; i < 3; i++)
		xk_same(rd, &data, 200000);
	assert_true(atomic_load(&slow.blocks) < atomic_load(&fast.blocks));
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&slow);
	host_stop(&fast);
}

/* One that says nothing more at the end: another one is asked for the same. */
static void hedged(void **state)
{
	struct xk k = {0};
	struct host dead;
	struct host good;
	struct cdx_reader *rd;

	(void)state;
	host_start(&dead, provider.s, HOST_HONEST);
	host_start(&good, provider.s, HOST_HONEST);
	xk_start(&k);
	assert_int_equal(cdx_cache_resize(k.store->s, 0), 0);
	xk_know(&k, &dead);
	xk_know(&k, &good);
	rd = xk_open(&k, &data.cid);
	xk_same(rd, &data, 1u << 20);
	atomic_store(&dead.way, HOST_STALL);
	while (xk_stats(&k).hedged == 0)
		xk_same(rd, &data, 1u << 20);
	assert_int_equal(xk_stats(&k).timeouts, 0);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&dead);
	host_stop(&good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_one_peer),
		cmocka_unit_test(kept),
		cmocka_unit_test(few_pages),
		cmocka_unit_test(bounded),
		cmocka_unit_test(vanishes),
		cmocka_unit_test(slow_and_fast),
		cmocka_unit_test(hedged),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
