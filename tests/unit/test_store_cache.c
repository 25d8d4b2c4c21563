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
#include "cache_kit.h"
#include "store/block.h"
#include "store/block_set.h"
#include "store/records.h"
#include "store_tmp.h"

#define SIZE CK_SIZE

static struct tmp_store T;
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

static int put(unsigned n)
{
	return ck_put(T.s, n);
}

static int get(unsigned n)
{
	return ck_get(T.s, n);
}

static bool has(unsigned n)
{
	return ck_has(T.s, n);
}

static struct cdx_cache_stats stats(void)
{
	struct cdx_cache_stats st;

	cdx_cache_stats(T.s, &st);
	return st;
}

static struct cdx_cache_rec rec_of(unsigned n)
{
	struct cdx_digest d = ck_digest(n);
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
		struct cdx_digest d = ck_content(i, p, sizes[i]);

		assert_int_equal(cdx_cache_block_size(T.s, &d), -ENOENT);
		assert_int_equal(cdx_cache_get_block(T.s, out, sizes[i], &d),
				 -ENOENT);
		assert_int_equal(cdx_cache_put_block(T.s, &d, p, sizes[i]), 0);
		used += cdx_block_room(sizes[i]);
	}
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < CDX_ARRAY_LEN(sizes); i++) {
			struct cdx_digest d = ck_content(i, p, sizes[i]);

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
	uint8_t block[SIZE];
	struct cdx_digest d = ck_content(1, block, SIZE);

	(void)state;
	assert_int_equal(cdx_cache_put_block(T.s, &d, block, 0), -EINVAL);
	assert_int_equal(cdx_cache_put_block(T.s, &d, block, (4u << 20) + 1),
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

/* ---- files ---- */

struct files {
	unsigned n;
	uint64_t live;
	uint64_t size;
	uint64_t first; /* id */
};

static struct files files(void)
{
	struct cdx_kv_iter *it;
	struct cdx_kv_pair pair;
	struct cdx_area_info info;
	struct files f = {0};

	assert_int_equal(
		cdx_kv_iter_open(T.s, &it, CDX_DB_AREA, NULL, 0, NULL, 0), 0);
	while (cdx_kv_iter_next(it, &pair) > 0) {
		assert_int_equal(
			cdx_area_info_decode(&info, pair.val, pair.val_len), 0);
		assert_int_equal(info.kind, CDX_AREA_CACHE);
		f.first = f.n++ == 0 ? cdx_get_be64(pair.key) : f.first;
		f.live += info.live;
		f.size += info.size;
	}
	cdx_kv_iter_close(it);
	return f;
}

/* Files are left one after the other, and given back when they are empty. */
static void empty_files_go(void **state)
{
	char path[PATH_MAX];
	struct stat st;
	uint64_t first;

	(void)state;
	cdx_store_cache(T.s)->area_max = 4 * SIZE;
	for (unsigned i = 0; i < 14; i++)
		assert_int_equal(put(i), 0);
	assert_int_equal(files().n, 4);
	first = files().first;
	tmp_area_path(&T, path, first);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4 * SIZE);
	/* three of the first: holes */
	assert_int_equal(cdx_cache_resize(T.s, UINT64_C(11) * SIZE), 0);
	tmp_reclaim(&T);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_blocks < 2 * SIZE / 512);
	assert_int_equal(get(3), 0);
	assert_int_equal(files().live, 11 * SIZE);
	/* and the last */
	assert_int_equal(cdx_cache_resize(T.s, UINT64_C(10) * SIZE), 0);
	tmp_reclaim(&T);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(files().n, 3);
	/* what is appended to stays, also empty */
	assert_int_equal(cdx_cache_resize(T.s, 0), 0);
	assert_int_equal(files().n, 1);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
	reopen();
	assert_int_equal(cdx_cache_resize(T.s, UINT64_C(10) * SIZE), 0);
	assert_int_equal(put(1), 0);
	assert_int_equal(get(1), 0);
	assert_int_equal(files().n, 1);
	tmp_fsck_clean(&T);
}

static void drop(unsigned n)
{
	struct cdx_digest d = ck_digest(n);
	struct cdx_cache_key key = cdx_cache_key(CDX_CACHE_BLOCK, &d);
	struct cdx_cache_rec rec = rec_of(n);

	cdx_cache_drop_bad(T.s, &key, &rec);
	assert_false(has(n));
}

/* What is used again and again does not keep a file for itself. */
static void sparse_files_go(void **state)
{
	uint64_t used;

	(void)state;
	cdx_store_cache(T.s)->area_max = 32 * SIZE;
	for (unsigned i = 0; i < 70; i++)
		assert_int_equal(put(i), 0);
	assert_int_equal(files().n, 3);
	hour(1);
	for (unsigned i = 10; i < 13; i++)
		assert_int_equal(get(i), 0);
	/* the rest of the first file goes; what is left is more than 1/16 */
	assert_int_equal(cdx_cache_resize(T.s, UINT64_C(41) * SIZE), 0);
	assert_int_equal(files().n, 3);
	assert_int_equal(get(11), 0);
	hour(2);
	assert_int_equal(get(11), 0);
	assert_int_equal(files().n, 3);
	drop(10);
	used = stats().used;
	hour(3);
	assert_int_equal(get(11), 0);
	assert_int_equal(get(12), 0);
	assert_int_equal(files().n, 2);
	assert_int_equal(stats().used, used);
	assert_int_equal(files().live, used);
	tmp_reclaim(&T);
	assert_int_equal(get(11), 0);
	assert_int_equal(get(12), 0);
	tmp_fsck_clean(&T);
	reopen();
	assert_int_equal(get(12), 0);
	tmp_fsck_clean(&T);
}

/* A file that somebody removed costs what it held, and no more. */
static void file_is_removed(void **state)
{
	struct cdx_store_stats st;
	char path[PATH_MAX];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(put(i), 0);
	tmp_area_path(&T, path, files().first);
	tmp_store_close(&T);
	assert_int_equal(unlink(path), 0);
	tmp_store_open(&T);
	cdx_store_cache(T.s)->clock = now;
	assert_int_equal(get(0), -ENOENT);
	assert_int_equal(put(10), 0);
	assert_int_equal(get(10), 0);
	assert_int_equal(stats().entries, 4);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(get(i), -ENOENT);
	assert_int_equal(files().n, 1);
	assert_int_equal(put(1), 0);
	assert_int_equal(get(1), 0);
	cdx_store_stats(T.s, &st);
	assert_int_equal(st.bad_blocks, 4);
	tmp_fsck_clean(&T);
}

/* A bad block is dropped, and can be fetched again. */
static void damage_is_dropped(void **state)
{
	struct cdx_store_stats st;
	struct cdx_cache_rec rec;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(put(i), 0);
	rec = rec_of(2);
	assert_int_equal(cdx_store_commit(T.s), 0);
	tmp_area_flip(&T, rec.area, (off_t)rec.off + 77);
	assert_int_equal(get(2), -ENOENT);
	assert_false(has(2));
	assert_int_equal(stats().entries, 3);
	assert_int_equal(stats().used, 3 * SIZE);
	assert_int_equal(put(2), 0);
	assert_int_equal(get(2), 0);
	cdx_store_stats(T.s, &st);
	assert_int_equal(st.bad_blocks, 1);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

/* ---- many threads ---- */

enum {
	THREADS = 6,
	ROUNDS = 300,
	BLOCKS = 48
};

struct worker {
	pthread_t thread;
	uint64_t seed;
	pthread_barrier_t *together; /* all put the same, in the same order */
	atomic_int *failed;
};

static void *put_same(void *arg)
{
	struct worker *w = arg;

	(void)pthread_barrier_wait(w->together);
	for (unsigned i = 0; i < BLOCKS; i++)
		if (put(i) != 0 || get(i) != 0)
			atomic_fetch_add(w->failed, 1);
	return NULL;
}

static void run_workers(void *(*fn)(void *arg), struct worker *w,
			atomic_int *failed)
{
	struct seed rnd = seed_start("cache");
	pthread_barrier_t together;

	assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		w[i].seed = seed_u64(&rnd);
		w[i].together = &together;
		w[i].failed = failed;
		assert_int_equal(pthread_create(&w[i].thread, NULL, fn, &w[i]),
				 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	assert_int_equal(pthread_barrier_destroy(&together), 0);
}

static void same_at_once(void **state)
{
	struct worker w[THREADS];
	atomic_int failed = 0;

	(void)state;
	cdx_store_cache(T.s)->area_max = 10 * SIZE;
	run_workers(put_same, w, &failed);
	assert_int_equal(failed, 0);
	assert_int_equal(stats().entries, BLOCKS);
	assert_int_equal(stats().used, UINT64_C(1) * BLOCKS * SIZE);
	/* written once */
	assert_int_equal(files().live, BLOCKS * SIZE);
	assert_int_equal(files().size, BLOCKS * SIZE);
	tmp_fsck_clean(&T);
}

/* An hour for every few calls */
static int64_t fast_clock(void)
{
	static atomic_int ticks;

	return (int64_t)atomic_fetch_add(&ticks, 1) * 600;
}

/* A share of half of the blocks: everything is evicted and punched all the
 * time, and nobody ever reads something else than what he asked for. */
static void *churn(void *arg)
{
	struct worker *w = arg;
	struct seed rnd = {.state = w->seed};
	int rc;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned n = (unsigned)seed_below(&rnd, BLOCKS);

		rc = seed_below(&rnd, 3) == 0 ? put(n) : get(n);
		/* the share may be promised to others as a whole */
		if (rc != 0 && rc != -ENOENT && rc != -ENOSPC)
			atomic_fetch_add(w->failed, 1);
		if (seed_below(&rnd, 40) == 0)
			rc = cdx_store_commit(T.s);
		else if (seed_below(&rnd, 60) == 0)
			rc = cdx_cache_resize(T.s, (10 + seed_below(&rnd, 20)) *
							   SIZE);
		else
			rc = 0;
		if (rc != 0)
			atomic_fetch_add(w->failed, 1);
	}
	return NULL;
}

static void evicted_under_readers(void **state)
{
	struct worker w[THREADS];
	struct cdx_store_stats st;
	atomic_int failed = 0;

	(void)state;
	cdx_store_cache(T.s)->area_max = 32 * SIZE;
	cdx_store_cache(T.s)->clock = fast_clock;
	assert_int_equal(cdx_cache_resize(T.s, UINT64_C(24) * SIZE), 0);
	run_workers(churn, w, &failed);
	assert_int_equal(failed, 0);
	cdx_store_stats(T.s, &st);
	assert_int_equal(st.bad_blocks, 0);
	assert_true(stats().evicted > 0 && stats().hits > 0);
	assert_int_equal(files().live, stats().used);
	tmp_fsck_clean(&T);
	reopen();
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_cache_resize(T.s, 0), 0);
	assert_int_equal(stats().used + stats().entries, 0);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(blocks_come_back),	   CASE(refuses_sizes),
		CASE(counts_once),	   CASE(oldest_go_first),
		CASE(use_counts_by_hours), CASE(touches_once_an_hour),
		CASE(clock_jumps_back),	   CASE(resizes),
		CASE(empty_files_go),	   CASE(file_is_removed),
		CASE(sparse_files_go),	   CASE(damage_is_dropped),
		CASE(same_at_once),	   CASE(evicted_under_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
