/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "seed.h"
#include "store_tmp.h"

#include "exchange_kit.h"
#include "protect_kit.h"

/* Slots that nobody has any more: what is left of each step gives them back, down
 * to k columns and no further. */

#define BLOCK 4096u
#define K 4u
#define M 3u
#define LEN ((size_t)1203 * BLOCK - 99)

static struct seed seed;
static struct tmp_store provider;
static struct xk_data data;
static uint64_t steps;

static int group_setup(void **state)
{
	struct cdx_protect_opts o = pk_opts(K, M);
	struct pk_data d;

	(void)state;
	seed = seed_start("loss");
	tmp_store_new(&provider, XK_SHARE);
	pk_add(&provider, &d, &seed, NULL, LEN, BLOCK);
	pk_protect(&provider, &d, &o);
	data.p = d.p;
	data.len = d.len;
	data.cid = d.verifiable;
	steps = (1203 + K - 1) / K;
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	free(data.p);
	tmp_store_free(&provider);
	return 0;
}

/* Columns that a host has; bits */
static bool has_columns(void *arg, uint32_t index)
{
	return (*(uint32_t *)arg >> (index / steps) & 1) != 0;
}

static void start(struct xk *k, struct host *h, uint32_t *columns)
{
	host_start(h, provider.s, HOST_HONEST);
	h->has = has_columns;
	h->arg = columns;
	xk_start(k);
	xk_know(k, h);
}

static void read_all(uint32_t columns, bool cache)
{
	struct xk k = {0};
	struct host h;
	struct cdx_reader *rd;

	start(&k, &h, &columns);
	if (!cache)
		assert_int_equal(cdx_cache_resize(k.store->s, 0), 0);
	rd = xk_open(&k, &data.cid);
	xk_same(rd, &data, 200000);
	assert_true(xk_stats(&k).degraded > 0);
	assert_int_equal(xk_stats(&k).bad, 0);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

static void one_slot_gone(void **state)
{
	(void)state;
	read_all(0x7e, true);
}

static void all_but_k_gone(void **state)
{
	(void)state;
	read_all(0x78, true);
}

static void all_but_k_gone_without_a_cache(void **state)
{
	(void)state;
	read_all(0x71, false);
}

static void fewer_than_k(void **state)
{
	struct xk k = {0};
	struct host h;
	struct cdx_reader *rd;
	uint32_t columns = 0x62;
	uint8_t got[BLOCK];

	(void)state;
	start(&k, &h, &columns);
	rd = xk_open(&k, &data.cid);
	assert_int_equal(cdx_reader_read_wait(rd, got, 5 * BLOCK, BLOCK, 0,
					      NULL, NULL),
			 -ENODATA);
	/* what is there is read all the same */
	assert_int_equal(cdx_reader_read_wait(rd, got, (steps + 5) * BLOCK,
					      BLOCK, 0, NULL, NULL),
			 BLOCK);
	assert_memory_equal(got, data.p + (steps + 5) * BLOCK, BLOCK);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

/* One read of several blocks of the same steps, of which too little is left: the
 * end of the read comes from amid the giving up, with its other blocks. */
static void fewer_than_k_in_one_read(void **state)
{
	struct xk k = {0};
	struct host h;
	struct cdx_reader *rd;
	uint32_t columns = 0x70;
	uint8_t *got = malloc(LEN);

	(void)state;
	assert_non_null(got);
	start(&k, &h, &columns);
	rd = xk_open(&k, &data.cid);
	for (uint64_t i = 0; i < 8; i++) {
		uint64_t off = i * 30 * BLOCK;

		assert_int_equal(cdx_reader_read_wait(rd, got, off, LEN - off,
						      0, NULL, NULL),
				 -ENODATA);
	}
	free(got);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

/* Each of three peers has two or three columns. */
static void columns_of_several(void **state)
{
	struct xk k = {0};
	struct host h[3];
	uint32_t columns[3] = {0x03, 0x0c, 0x70};
	struct cdx_reader *rd;

	(void)state;
	xk_start(&k);
	for (int i = 0; i < 3; i++) {
		host_start(&h[i], provider.s, HOST_HONEST);
		h[i].has = has_columns;
		h[i].arg = &columns[i];
		xk_know(&k, &h[i]);
	}
	rd = xk_open(&k, &data.cid);
	xk_same(rd, &data, 500000);
	assert_int_equal(xk_stats(&k).degraded, 0);
	/* one of those who have data goes */
	host_stop(&h[0]);
	assert_int_equal(cdx_cache_resize(k.store->s, 0), 0);
	xk_same(rd, &data, 500000);
	assert_true(xk_stats(&k).degraded > 0);
	cdx_reader_put(rd);
	xk_end(&k);
	for (int i = 1; i < 3; i++)
		host_stop(&h[i]);
}

/* A block of a segment that gave its bytes back: the manifest and the leaves are
 * here, the bytes are not. */
struct one {
	sem_t done;
	int rc;
	uint8_t p[BLOCK];
};

static void on_one(void *arg, int rc, const uint8_t *p, size_t size)
{
	struct one *o = arg;

	o->rc = rc;
	if (rc == 0 && size == BLOCK)
		memcpy(o->p, p, size);
	(void)sem_post(&o->done);
}

static int one_block(struct xk *k, const struct cdx_cid *cid, uint32_t index,
		     struct one *o)
{
	assert_int_equal(sem_init(&o->done, 0, 0), 0);
	assert_int_equal(
		cdx_exchange_block(k->ex, NULL, cid, index, 0, on_one, o), 0);
	(void)sem_wait(&o->done);
	(void)sem_destroy(&o->done);
	return o->rc;
}

static void single_blocks(void **state)
{
	struct xk k = {0};
	struct cdx_protect_opts opts = pk_opts(K, M);
	struct pk_data d;
	struct cdx_slots sl;
	struct host h;
	uint32_t columns = 0x7f;
	struct one o;

	(void)state;
	start(&k, &h, &columns);
	pk_add(k.store, &d, &seed, data.p, data.len, BLOCK);
	pk_protect(k.store, &d, &opts);
	pk_slots(k.store, &d, &sl);
	assert_int_equal(cdx_protection_evict(k.store->s, &sl.rec), 0);
	cdx_slots_free(&sl);
	assert_int_equal(one_block(&k, &d.verifiable, 7, &o), 0);
	assert_memory_equal(o.p, data.p + 7 * BLOCK, BLOCK);
	/* no page was needed: the leaves are here */
	assert_int_equal(atomic_load(&h.pages_sent), 0);
	columns = 0x7a;
	assert_int_equal(one_block(&k, &d.verifiable, 9, &o), 0);
	assert_memory_equal(o.p, data.p + 9 * BLOCK, BLOCK);
	assert_int_equal(xk_stats(&k).degraded, 1);
	assert_int_equal(one_block(&k, &data.cid, 1u << 30, &o), -EINVAL);
	columns = 0x7f;
	assert_int_equal(one_block(&k, &d.plain, 3, &o), 0);
	pk_free(&d);
	xk_end(&k);
	host_stop(&h);
}

/* All of it here, with parity */
struct fetched {
	sem_t done;
	int rc;
	uint64_t last;
	uint64_t total;
};

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct fetched *f = arg;

	f->last = done;
	f->total = total;
}

static void on_fetched(void *arg, int rc)
{
	struct fetched *f = arg;

	f->rc = rc;
	(void)sem_post(&f->done);
}

static int fetch(struct cdx_reader *rd, bool parity, struct fetched *f)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(sem_init(&f->done, 0, 0), 0);
	assert_int_equal(cdx_reader_fetch(rd, NULL, parity, on_progress,
					  on_fetched, f),
			 0);
	(void)sem_wait(&f->done);
	(void)sem_destroy(&f->done);
	return f->rc;
}

static void fetched_whole(void **state)
{
	struct xk k = {0};
	struct host h;
	uint32_t columns = 0x7f;
	struct cdx_reader *rd;
	struct fetched f;

	(void)state;
	start(&k, &h, &columns);
	rd = xk_open(&k, &data.cid);
	assert_int_equal(fetch(rd, false, &f), 0);
	assert_true(cdx_reader_complete(rd));
	assert_int_equal(fetch(rd, true, &f), 0);
	/* what is here is not fetched again, and all of it is */
	atomic_store(&h.requests, 0);
	assert_int_equal(fetch(rd, true, &f), 0);
	assert_int_equal(atomic_load(&h.requests), 0);
	host_stop(&h);
	xk_same(rd, &data, 1u << 20);
	cdx_reader_put(rd);
	xk_end(&k);
}

static void fetched_without_room(void **state)
{
	struct xk k = {0};
	struct host h;
	uint32_t columns = 0x7f;
	struct cdx_reader *rd;
	struct fetched f;

	(void)state;
	start(&k, &h, &columns);
	assert_int_equal(cdx_cache_resize(k.store->s, 0), 0);
	rd = xk_open(&k, &data.cid);
	assert_int_equal(fetch(rd, false, &f), -ENOSPC);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_slot_gone),
		cmocka_unit_test(all_but_k_gone),
		cmocka_unit_test(all_but_k_gone_without_a_cache),
		cmocka_unit_test(fewer_than_k),
		cmocka_unit_test(fewer_than_k_in_one_read),
		cmocka_unit_test(columns_of_several),
		cmocka_unit_test(single_blocks),
		cmocka_unit_test(fetched_whole),
		cmocka_unit_test(fetched_without_room),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
