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

/* Pages of a tree by themselves, blocks that nobody keeps, and the question whether
 * who says that he holds a slot does. */

#define BLOCK 4096u
#define K 3u
#define M 2u
#define BLOCKS 1201u
#define LEN ((size_t)BLOCKS * BLOCK - 99)

static struct seed seed;
static struct tmp_store provider;
static struct pk_data data;
static struct cdx_slots sl;
static struct cdx_leaf_pages *pages;

static int group_setup(void **state)
{
	struct cdx_protect_opts o = pk_opts(K, M);

	(void)state;
	seed = seed_start("ask");
	tmp_store_new(&provider, XK_SHARE);
	pk_add(&provider, &data, &seed, NULL, LEN, BLOCK);
	pk_protect(&provider, &data, &o);
	pk_slots(&provider, &data, &sl);
	assert_int_equal(cdx_leaf_pages_new(&pages, provider.s, 1u << 20), 0);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	cdx_leaf_pages_free(pages);
	cdx_slots_free(&sl);
	pk_free(&data);
	tmp_store_free(&provider);
	return 0;
}

/* What a call was told */
struct told {
	sem_t done;
	atomic_uint calls;
	int rc;
	struct cdx_tree_page page;
	uint8_t block[BLOCK];
	struct cdx_peer_id by;
	bool has_by;
};

static void told_init(struct told *t)
{
	memset(t, 0, sizeof(*t));
	assert_int_equal(sem_init(&t->done, 0, 0), 0);
}

static int told_wait(struct told *t)
{
	while (sem_wait(&t->done) != 0)
		;
	assert_int_equal(atomic_load(&t->calls), 1);
	(void)sem_destroy(&t->done);
	return t->rc;
}

static void told(struct told *t, int rc)
{
	t->rc = rc;
	atomic_fetch_add(&t->calls, 1);
	(void)sem_post(&t->done);
}

static void on_page(void *arg, int rc, const struct cdx_tree_page *page)
{
	struct told *t = arg;

	assert_int_equal(rc == 0, page != NULL);
	if (page != NULL)
		t->page = *page;
	told(t, rc);
}

static void on_block(void *arg, int rc, const uint8_t *block, size_t size)
{
	struct told *t = arg;

	if (rc == 0) {
		assert_int_equal(size, BLOCK);
		memcpy(t->block, block, size);
	}
	told(t, rc);
}

static void on_probe(void *arg, int rc, const struct cdx_peer_id *by)
{
	struct told *t = arg;

	t->has_by = by != NULL;
	if (by != NULL)
		t->by = *by;
	told(t, rc);
}

/* ---- pages ---- */

static void ask_page(struct cdx_reader *rd, uint32_t page, struct told *t)
{
	told_init(t);
	assert_int_equal(cdx_reader_page(rd, NULL, page, 0, on_page, t), 0);
}

/* What came is right. */
static int page_came(struct told *t, uint32_t page)
{
	struct cdx_tree_page right;
	int rc = told_wait(t);

	if (rc != 0)
		return rc;
	assert_int_equal(cdx_leaf_page(pages, &sl.info, page, &right), 0);
	assert_int_equal(t->page.page, page);
	assert_int_equal(t->page.n, right.n);
	assert_int_equal(t->page.leaves, right.leaves);
	assert_memory_equal(t->page.leaf, right.leaf,
			    right.n * sizeof(right.leaf[0]));
	return 0;
}

static int get_page(struct cdx_reader *rd, uint32_t page)
{
	struct told t;

	ask_page(rd, page, &t);
	return page_came(&t, page);
}

static uint32_t n_pages(void)
{
	return (uint32_t)cdx_tree_pages(sl.g.total);
}

static bool nothing(void *arg, uint32_t index)
{
	(void)arg;
	(void)index;
	return false;
}

static void pages_of_a_peer(void **state)
{
	struct xk k = {0};
	struct host h;
	struct cdx_reader *rd;
	unsigned asked;

	(void)state;
	host_start(&h, provider.s, HOST_HONEST);
	/* it has none of the blocks, and their hashes all the same */
	h.has = nothing;
	xk_start(&k);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.verifiable);
	for (uint32_t i = 0; i < n_pages(); i++)
		assert_int_equal(get_page(rd, i), 0);
	assert_int_equal(atomic_load(&h.blocks), 0);
	asked = atomic_load(&h.requests);
	assert_int_equal(asked, n_pages());
	for (uint32_t i = 0; i < n_pages(); i++)
		assert_int_equal(get_page(rd, i), 0);
	assert_int_equal(atomic_load(&h.requests), asked);
	assert_int_equal(cdx_reader_page(rd, NULL, n_pages(), 0, on_page, NULL),
			 -EINVAL);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

static void pages_of_ones_own(void **state)
{
	struct xk k = {.store = &provider};
	struct cdx_reader *rd;

	(void)state;
	xk_start(&k);
	rd = xk_open(&k, &data.verifiable);
	for (uint32_t i = 0; i < n_pages(); i++)
		assert_int_equal(get_page(rd, i), 0);
	assert_int_equal(xk_stats(&k).requests, 0);
	cdx_reader_put(rd);
	xk_end(&k);
}

/* One of these, and an honest one */
struct trial {
	struct xk k;
	struct host h;
	struct host honest;
	struct cdx_reader *rd;
	struct told t;
};

/* Each has a store, whose map is large: no more have room beside each other where
 * a sanitizer keeps most of the addresses for itself */
#define AT_ONCE 3u

static void trial_begin(struct trial *v, enum host_way way)
{
	host_start(&v->h, provider.s, way);
	host_start(&v->honest, provider.s, HOST_HONEST);
	xk_start(&v->k);
	xk_know(&v->k, &v->h);
	xk_know(&v->k, &v->honest);
	v->rd = xk_open(&v->k, &data.verifiable);
}

static void trial_end(struct trial *v, enum host_way way)
{
	if (way <= HOST_ENDLESS && way != HOST_HONEST) {
		struct cdx_peer_info info = {0};

		(void)xk_out(&v->k, &v->h, &info);
		assert_true(info.lies > 0 || atomic_load(&v->h.requests) == 0);
	}
	assert_int_equal(xk_out(&v->k, &v->honest, NULL), 0);
	cdx_reader_put(v->rd);
	xk_end(&v->k);
	host_stop(&v->h);
	host_stop(&v->honest);
}

/* A page comes, and it is right.  All of them side by side: each takes its time. */
static void pages_of_liars(void **state)
{
	static const enum host_way way[] = {
		HOST_WRONG_BLOCK, HOST_FALSE_PAGE,  HOST_FALSE_LEAF,
		HOST_NO_PAGE,	  HOST_UNREQUESTED, HOST_TWICE,
		HOST_SHORT_BLOCK, HOST_HUGE_FRAME,  HOST_GARBAGE,
		HOST_ENDLESS,	  HOST_REDIRECT,    HOST_CUT,
		HOST_TRUNCATED,	  HOST_NOT_FOUND,   HOST_BUSY,
	};
	size_t n = sizeof(way) / sizeof(way[0]);
	struct trial *v = calloc(n, sizeof(*v));

	(void)state;
	assert_non_null(v);
	for (size_t from = 0; from < n; from += AT_ONCE) {
		size_t end = from + AT_ONCE < n ? from + AT_ONCE : n;

		for (size_t i = from; i < end; i++)
			trial_begin(&v[i], way[i]);
		for (uint32_t p = 0; p < n_pages(); p++) {
			for (size_t i = from; i < end; i++)
				ask_page(v[i].rd, p, &v[i].t);
			for (size_t i = from; i < end; i++)
				assert_int_equal(page_came(&v[i].t, p), 0);
		}
		for (size_t i = from; i < end; i++)
			trial_end(&v[i], way[i]);
	}
	free(v);
}

static void pages_of_nobody(void **state)
{
	struct xk k = {.find_ms = 100};
	struct host h;
	struct cdx_reader *rd;
	struct told t;

	(void)state;
	host_start(&h, provider.s, HOST_HONEST);
	xk_start(&k);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.verifiable);
	atomic_store(&h.way, HOST_NOT_FOUND);
	assert_int_equal(get_page(rd, 0), -ENODATA);
	cdx_reader_put(rd);
	xk_end(&k);

	/* takes the question, and never answers */
	memset(&k, 0, sizeof(k));
	atomic_store(&h.way, HOST_HONEST);
	xk_start(&k);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.verifiable);
	atomic_store(&h.way, HOST_SILENT);
	told_init(&t);
	assert_int_equal(cdx_reader_page(rd, NULL, 0, 300, on_page, &t), 0);
	assert_int_equal(told_wait(&t), -ETIMEDOUT);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

static void cancelled(void **state)
{
	struct xk k = {0};
	struct host h;
	struct cdx_reader *rd;
	struct cdx_op *op;
	struct told t;

	(void)state;
	host_start(&h, provider.s, HOST_HONEST);
	xk_start(&k);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.verifiable);
	atomic_store(&h.way, HOST_SILENT);
	told_init(&t);
	assert_int_equal(cdx_reader_page(rd, &op, 1, 0, on_page, &t), 0);
	cdx_op_cancel(op);
	assert_int_equal(told_wait(&t), -ECANCELED);
	cdx_op_put(op);
	/* the end of the exchange does, too */
	told_init(&t);
	assert_int_equal(cdx_reader_page(rd, NULL, 1, 0, on_page, &t), 0);
	xk_free_exchange(&k);
	assert_int_equal(told_wait(&t), -ECANCELED);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

/* ---- blocks that pass through ---- */

static uint32_t index_of(unsigned slot, uint64_t step)
{
	return (uint32_t)cdx_geometry_index(&sl.g, slot, step);
}

static void ask_block(struct cdx_reader *rd, uint32_t index, struct told *t)
{
	told_init(t);
	assert_int_equal(cdx_reader_block(rd, NULL, index, 0, on_block, t), 0);
}

static void block_came(struct told *t, uint32_t index)
{
	uint8_t right[BLOCK];

	assert_int_equal(told_wait(t), 0);
	assert_int_equal(cdx_protection_read(provider.s, right, &sl.rec, index),
			 0);
	assert_memory_equal(t->block, right, BLOCK);
}

/* Columns that a host has; bits */
static bool has_columns(void *arg, uint32_t index)
{
	return (*(uint32_t *)arg >> (index / sl.g.steps) & 1) != 0;
}

static uint64_t cached(struct xk *k)
{
	struct cdx_cache_stats st;

	cdx_cache_stats(k->store->s, &st);
	return st.used;
}

/* Neither what comes, nor what it is decoded from, goes to the cache. */
static void passing_through(void **state)
{
	static const unsigned slot[] = {0, 1, 4}; /* 1 is decoded */
	uint32_t columns = 0x1d;
	struct told *t;
	struct xk k = {0};
	struct host h;
	struct cdx_reader *rd;
	uint8_t *got;
	uint64_t used;

	(void)state;
	host_start(&h, provider.s, HOST_HONEST);
	h.has = has_columns;
	h.arg = &columns;
	xk_start(&k);
	xk_know(&k, &h);
	rd = xk_open(&k, &data.verifiable);
	for (uint32_t i = 0; i < n_pages(); i++)
		assert_int_equal(get_page(rd, i), 0);
	used = cached(&k);
	t = calloc(36, sizeof(*t));
	assert_non_null(t);
	for (unsigned i = 0; i < 36; i++)
		ask_block(rd, index_of(slot[i % 3], i / 3), &t[i]);
	for (unsigned i = 0; i < 36; i++)
		block_came(&t[i], index_of(slot[i % 3], i / 3));
	free(t);
	assert_int_equal(xk_stats(&k).degraded, 12);
	/* what goes there does so a moment later */
	(void)usleep(200000);
	assert_true(cached(&k) < used + 5 * BLOCK);
	/* who reads has it kept as ever */
	got = malloc(64 * BLOCK);
	assert_non_null(got);
	assert_int_equal(cdx_reader_read_wait(rd, got, 0, 64 * BLOCK, 0, NULL,
					      NULL),
			 64 * BLOCK);
	assert_memory_equal(got, data.p, 64 * BLOCK);
	/* but for the twelve that came before, which may be at hand still */
	for (int i = 0; cached(&k) < used + 52 * BLOCK; i++) {
		assert_true(i < 1000);
		(void)usleep(10000);
	}
	free(got);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

/* ---- probes ---- */

static void ask_probe(struct xk *k, uint32_t slot, uint64_t step,
		      struct told *t, unsigned ms)
{
	told_init(t);
	assert_int_equal(cdx_exchange_probe(k->ex, NULL, &data.verifiable, slot,
					    step, ms, on_probe, t),
			 0);
}

static int probe(struct xk *k, uint32_t slot, uint64_t step, struct told *t,
		 unsigned ms)
{
	ask_probe(k, slot, step, t, ms);
	return told_wait(t);
}

static bool by(const struct told *t, const struct host *h)
{
	return t->has_by && memcmp(&t->by, &h->who.id, sizeof(t->by)) == 0;
}

static void probe_of_hosts(void **state)
{
	struct xk k = {.store = &provider, .n_peers = 3};
	struct host h[3];
	struct told t;
	struct told none;
	uint64_t used;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		host_start(&h[i], provider.s, HOST_HONEST);
		h[i].tells = true;
		host_addr(&h[i], &k.peer[i]);
	}
	h[0].slots = 0x01;
	h[1].slots = 0x02;
	h[2].slots = 0; /* everything */
	xk_start(&k);
	used = cached(&k);
	/* all of it is here, and somebody else is asked all the same */
	assert_int_equal(probe(&k, 0, 7, &t, 0), 0);
	assert_true(by(&t, &h[0]) || by(&t, &h[2]));
	assert_int_equal(atomic_load(&h[1].requests), 0);
	assert_int_equal(probe(&k, 4, sl.g.steps - 1, &t, 0), 0);
	assert_true(by(&t, &h[2]));
	assert_int_equal(atomic_load(&h[1].requests), 0);
	host_stop(&h[2]);
	ask_probe(&k, 1, 9, &t, 0);
	ask_probe(&k, 4, 9, &none, 0);
	assert_int_equal(told_wait(&t), 0);
	assert_true(by(&t, &h[1]));
	assert_int_equal(told_wait(&none), -ENODATA);
	assert_false(none.has_by);
	assert_int_equal(probe(&k, 5, 0, &t, 0), -EINVAL);
	assert_int_equal(probe(&k, 0, sl.g.steps, &t, 0), -EINVAL);
	assert_int_equal(cached(&k), used);
	for (unsigned i = 0; i < 2; i++)
		host_stop(&h[i]);
	xk_end(&k);
}

/* Known, but says nothing of slots */
static void probe_of_no_host(void **state)
{
	struct xk k = {.store = &provider};
	struct host h;
	struct told t;

	(void)state;
	host_start(&h, provider.s, HOST_HONEST);
	xk_start(&k);
	xk_know(&k, &h);
	assert_int_equal(probe(&k, 0, 7, &t, 0), -ENODATA);
	assert_int_equal(atomic_load(&h.requests), 0);
	xk_end(&k);
	host_stop(&h);
}

static void probe_of_liars(void **state)
{
	static const enum host_way way[] = {
		HOST_WRONG_BLOCK, HOST_FALSE_LEAF, HOST_SHORT_BLOCK,
		HOST_GARBAGE,	  HOST_ENDLESS,	   HOST_UNREQUESTED,
	};
	size_t n = sizeof(way) / sizeof(way[0]);
	struct trial *v = calloc(n, sizeof(*v));

	(void)state;
	assert_non_null(v);
	for (size_t i = 0; i < n; i++) {
		v[i].k.store = &provider;
		v[i].k.n_peers = 1;
		host_start(&v[i].h, provider.s, way[i]);
		v[i].h.tells = true;
		v[i].h.slots = 0x02;
		host_addr(&v[i].h, &v[i].k.peer[0]);
		xk_start(&v[i].k);
		ask_probe(&v[i].k, 1, 3, &v[i].t, 0);
	}
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(told_wait(&v[i].t), CDX_E_HASH);
		assert_true(by(&v[i].t, &v[i].h));
		assert_true(xk_out(&v[i].k, &v[i].h, NULL) > 0);
		/* he is not asked any more */
		assert_int_equal(probe(&v[i].k, 1, 3, &v[i].t, 0), -ENODATA);
		assert_int_equal(atomic_load(&v[i].h.requests), 1);
		xk_end(&v[i].k);
		host_stop(&v[i].h);
	}
	free(v);
}

static void probe_of_the_silent(void **state)
{
	struct xk k = {.store = &provider, .n_peers = 1};
	struct host h;
	struct told t;

	(void)state;
	host_start(&h, provider.s, HOST_ABSENT);
	h.tells = true;
	host_addr(&h, &k.peer[0]);
	xk_start(&k);
	assert_int_equal(probe(&k, 2, 3, &t, 0), -ENODATA);
	assert_int_equal(xk_out(&k, &h, NULL), 0);
	atomic_store(&h.way, HOST_SILENT);
	assert_int_equal(probe(&k, 2, 3, &t, 300), -ETIMEDOUT);
	atomic_store(&h.way, HOST_CUT);
	assert_int_equal(probe(&k, 2, 3, &t, 0), -ENODATA);
	xk_end(&k);
	host_stop(&h);
}

/* The leaf comes with the block where the store knows nothing but the manifest. */
static void probe_without_leaves(void **state)
{
	struct xk k = {.n_peers = 1};
	struct host h;
	struct cdx_reader *rd;
	struct told t;

	(void)state;
	host_start(&h, provider.s, HOST_HONEST);
	h.tells = true;
	host_addr(&h, &k.peer[0]);
	xk_start(&k);
	assert_int_equal(probe(&k, 2, 3, &t, 0), -ENOENT);
	rd = xk_open(&k, &data.verifiable);
	assert_int_equal(probe(&k, 2, 3, &t, 0), 0);
	assert_int_equal(atomic_load(&h.pages_sent), 1);
	atomic_store(&h.way, HOST_FALSE_LEAF);
	assert_int_equal(probe(&k, 3, 3, &t, 0), CDX_E_HASH);
	cdx_reader_put(rd);
	xk_end(&k);
	host_stop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_a_peer),
		cmocka_unit_test(pages_of_ones_own),
		cmocka_unit_test(pages_of_liars),
		cmocka_unit_test(pages_of_nobody),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(passing_through),
		cmocka_unit_test(probe_of_hosts),
		cmocka_unit_test(probe_of_no_host),
		cmocka_unit_test(probe_of_liars),
		cmocka_unit_test(probe_of_the_silent),
		cmocka_unit_test(probe_without_leaves),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
