/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "crypto/block.h"
#include "seed.h"
#include "store/block_set.h"
#include "store/quota.h"
#include "store/records.h"
#include "store_tmp.h"

static struct tmp_store T;
static uint8_t Buf[CDX_BLOCK_SIZE];

static int setup(void **state)
{
	(void)state;
	tmp_store_new(&T, 64u << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tmp_store_free(&T);
	return 0;
}

/* The block that number @n stands for, in Buf */
static struct cdx_digest content(unsigned n)
{
	struct seed rnd = {.state = n};
	struct cdx_digest d;

	for (size_t i = 0; i < sizeof(Buf); i += 8)
		cdx_put_le64(Buf + i, seed_u64(&rnd));
	cdx_sha256(&d, Buf, sizeof(Buf));
	return d;
}

static uint64_t used(void)
{
	struct cdx_space sp;

	cdx_quota_space(T.s, CDX_SHARE_VOLUME, &sp);
	return sp.used;
}

static void append(unsigned n)
{
	struct cdx_digest d = content(n);
	struct cdx_block_set *set;

	assert_int_equal(cdx_block_set_begin(&set, T.s), 0);
	assert_int_equal(cdx_block_set_append(set, &d, Buf, CDX_BLOCK_SIZE), 0);
	assert_int_equal(cdx_block_set_apply(set), 0);
}

static void del(unsigned n)
{
	struct cdx_digest d = content(n);
	struct cdx_block_set *set;

	assert_int_equal(cdx_block_set_begin(&set, T.s), 0);
	assert_int_equal(cdx_block_set_del(set, &d, NULL), 0);
	assert_int_equal(cdx_block_set_apply(set), 0);
}

static struct cdx_block_info info_of(unsigned n)
{
	struct cdx_digest d = content(n);
	struct cdx_block_info info;

	assert_int_equal(cdx_block_info(T.s, &d, &info), 0);
	return info;
}

static int read_back(unsigned n)
{
	uint8_t *out = malloc(CDX_BLOCK_SIZE);
	struct cdx_digest d = content(n);
	int rc;

	assert_non_null(out);
	rc = cdx_block_read(T.s, out, CDX_BLOCK_SIZE, &d);
	if (rc == 0)
		assert_memory_equal(out, Buf, CDX_BLOCK_SIZE);
	free(out);
	return rc;
}

/* A segment file with these blocks, added to the block table */
static uint64_t segment(const unsigned *n, unsigned count)
{
	struct cdx_area_info info = {.kind = CDX_AREA_SEGMENT};
	struct cdx_block_loc loc = {0};
	struct cdx_batch *b;

	cdx_block_lock(T.s);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(cdx_area_create(T.s, &loc.area, CDX_AREA_SEGMENT,
					 count * CDX_BLOCK_SIZE, b),
			 0);
	for (unsigned i = 0; i < count; i++) {
		struct cdx_digest d = content(n[i]);

		loc.off = (uint64_t)i * CDX_BLOCK_SIZE;
		assert_int_equal(cdx_area_write(T.s, loc.area, loc.off, Buf,
						sizeof(Buf)),
				 0);
		assert_int_equal(cdx_block_add(T.s, b, &d, &loc), 0);
	}
	info.size = count * CDX_BLOCK_SIZE;
	info.live = info.size;
	cdx_area_set_info(b, loc.area, &info);
	cdx_batch_names_data(b);
	assert_int_equal(cdx_batch_apply(b), 0);
	cdx_block_unlock(T.s);
	return loc.area;
}

static void records(void **state)
{
	struct cdx_leaf leaf = {.state = CDX_LEAF_FOOTER, .has_sums = true};
	struct cdx_block_info in = {
		.refs = 3, .size = CDX_BLOCK_SIZE, .locs = 2};
	uint8_t val[CDX_LEAF_VAL_MAX];
	struct cdx_block_info out;
	struct cdx_leaf back;
	size_t len;

	(void)state;
	in.loc[1].area = 7;
	in.loc[1].off = CDX_BLOCK_SIZE;
	len = cdx_block_info_encode(val, &in);
	assert_int_equal(cdx_block_info_decode(&out, val, len), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_int_equal(cdx_block_info_decode(&out, val, len - 1),
			 CDX_E_CORRUPT);
	val[5] = CDX_BLOCK_LOCS_MAX + 1;
	assert_int_equal(cdx_block_info_decode(&out, val, len), CDX_E_CORRUPT);

	memset(leaf.sums, 0x5a, sizeof(leaf.sums));
	leaf.digest.b[31] = 9;
	len = cdx_leaf_encode(val, &leaf);
	assert_int_equal(cdx_leaf_decode_val(&back, val, len), 0);
	assert_memory_equal(&leaf, &back, sizeof(leaf));
	leaf.state = CDX_LEAF_BURNT;
	assert_int_equal(cdx_leaf_encode(val, &leaf), 3);
	assert_int_equal(cdx_leaf_decode_val(&back, val, 3), 0);
	assert_false(back.has_sums);
	assert_int_equal(cdx_leaf_decode_val(&back, val, 2), CDX_E_CORRUPT);
}

static void leaves(void **state)
{
	struct cdx_leaf leaf = {.state = CDX_LEAF_DATA};
	struct cdx_leaf back;
	struct cdx_batch *b;

	(void)state;
	leaf.digest = content(1);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_leaf_put(b, 5, 17, &leaf);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_leaf_get(T.s, 5, 17, &back), 0);
	assert_memory_equal(&back.digest, &leaf.digest, 32);
	assert_int_equal(cdx_leaf_get(T.s, 5, 18, &back), -ENOENT);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_leaf_del(b, 5, 17);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_leaf_get(T.s, 5, 17, &back), -ENOENT);
}

static void counts_references(void **state)
{
	(void)state;
	assert_int_equal(cdx_block_charge(T.s, CDX_BLOCK_SIZE), 98304);
	append(1);
	append(2);
	append(1);
	assert_int_equal(info_of(1).refs, 2);
	assert_int_equal(info_of(1).locs, 1);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 2);
	assert_int_equal(used(), 2 * 98304);
	assert_int_equal(read_back(1), 0);
	assert_int_equal(read_back(3), -ENOENT);
	del(1);
	assert_int_equal(info_of(1).refs, 1);
	assert_int_equal(read_back(1), 0);
	del(1);
	assert_int_equal(read_back(1), -ENOENT);
	assert_int_equal(used(), 98304);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 1);
	tmp_reclaim(&T);
	assert_int_equal(read_back(2), 0);
}

/* Equal blocks, and several of one file, inside one batch */
static void one_batch(void **state)
{
	struct cdx_digest d1 = content(1);
	struct cdx_digest d2 = content(2);
	struct cdx_block_set *set;
	struct cdx_area_info ai;

	(void)state;
	assert_int_equal(cdx_block_set_begin(&set, T.s), 0);
	assert_int_equal(cdx_block_set_append(set, &d2, Buf, CDX_BLOCK_SIZE),
			 0);
	(void)content(1);
	assert_int_equal(cdx_block_set_append(set, &d1, Buf, CDX_BLOCK_SIZE),
			 0);
	assert_int_equal(cdx_block_set_append(set, &d1, Buf, CDX_BLOCK_SIZE),
			 0);
	assert_int_equal(cdx_block_set_apply(set), 0);
	assert_int_equal(info_of(1).refs, 2);
	assert_int_equal(used(), 2 * 98304);
	assert_int_equal(cdx_area_info(T.s, info_of(1).loc[0].area, &ai), 0);
	assert_int_equal(ai.live, 2 * CDX_BLOCK_SIZE);
	assert_int_equal(ai.size, 2 * CDX_BLOCK_SIZE);

	/* all gone and one back, in one batch */
	assert_int_equal(cdx_block_set_begin(&set, T.s), 0);
	assert_int_equal(cdx_block_set_del(set, &d1, NULL), 0);
	assert_int_equal(cdx_block_set_del(set, &d1, NULL), 0);
	assert_int_equal(cdx_block_set_del(set, &d1, NULL), -ENOENT);
	assert_int_equal(cdx_block_set_del(set, &d2, NULL), 0);
	(void)content(1);
	assert_int_equal(cdx_block_set_append(set, &d1, Buf, CDX_BLOCK_SIZE),
			 0);
	assert_int_equal(cdx_block_set_apply(set), 0);
	assert_int_equal(info_of(1).refs, 1);
	assert_int_equal(read_back(2), -ENOENT);
	assert_int_equal(used(), 98304);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 1);
	tmp_reclaim(&T);
	assert_int_equal(read_back(1), 0);
	assert_int_equal(cdx_area_info(T.s, info_of(1).loc[0].area, &ai), 0);
	assert_int_equal(ai.live, CDX_BLOCK_SIZE);
}

static void dropped_set_leaves_nothing(void **state)
{
	struct cdx_digest d = content(1);
	struct cdx_block_set *set;

	(void)state;
	assert_int_equal(cdx_block_set_begin(&set, T.s), 0);
	assert_int_equal(cdx_block_set_append(set, &d, Buf, CDX_BLOCK_SIZE), 0);
	cdx_block_set_drop(set);
	assert_int_equal(read_back(1), -ENOENT);
	assert_int_equal(used(), 0);
	append(2);
	assert_int_equal(read_back(2), 0);
}

static void bad_copy_is_not_served(void **state)
{
	struct cdx_store_stats st;
	struct cdx_block_info info;
	const unsigned n[] = {1};

	(void)state;
	append(1);
	info = info_of(1);
	assert_int_equal(cdx_store_commit(T.s), 0);
	tmp_area_flip(&T, info.loc[0].area, (off_t)info.loc[0].off + 99);
	assert_int_equal(read_back(1), CDX_E_HASH);
	cdx_store_stats(T.s, &st);
	assert_int_equal(st.bad_blocks, 1);
	/* a second location helps */
	(void)segment(n, 1);
	assert_int_equal(info_of(1).locs, 2);
	assert_int_equal(info_of(1).refs, 2);
	assert_int_equal(read_back(1), 0);
}

/* A segment that goes takes its location along, never the last copy. */
static void last_copy_moves(void **state)
{
	const unsigned n[] = {1, 2};
	struct cdx_block_loc loc = {0};
	struct cdx_digest d;
	struct cdx_block_set *set;

	(void)state;
	loc.area = segment(n, 2);
	append(1); /* finds the segment's copy */
	assert_int_equal(info_of(1).locs, 1);
	assert_int_equal(info_of(1).refs, 2);
	assert_int_equal(used(), 0);
	assert_int_equal(cdx_block_set_begin(&set, T.s), 0);
	d = content(1);
	assert_int_equal(cdx_block_set_del(set, &d, &loc), 0);
	d = content(2);
	loc.off = CDX_BLOCK_SIZE;
	assert_int_equal(cdx_block_set_del(set, &d, &loc), 0);
	cdx_area_remove(cdx_block_set_batch(set), loc.area);
	assert_int_equal(cdx_block_set_apply(set), 0);
	tmp_reclaim(&T);
	assert_int_equal(read_back(1), 0);
	assert_int_equal(read_back(2), -ENOENT);
	assert_int_not_equal(info_of(1).loc[0].area, loc.area);
	assert_int_equal(used(), 98304);
}

static void single_calls(void **state)
{
	const unsigned n[] = {4};
	struct cdx_block_loc loc = {.area = segment(n, 1)};
	struct cdx_digest d = content(4);
	struct cdx_batch *b;

	(void)state;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(cdx_block_add(T.s, b, &d, NULL), 0);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(info_of(4).refs, 2);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(cdx_block_del(T.s, b, &d, NULL), 0);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(cdx_block_del(T.s, b, &d, &loc), 0);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(read_back(4), -ENOENT);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(cdx_block_del(T.s, b, &d, &loc), -ENOENT);
	assert_int_equal(cdx_block_add(T.s, b, &d, NULL), -ENOENT);
	cdx_batch_drop(b);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_BLOCKS), 0);
}

/* Appends go on where they were after a restart, in the same file. */
static void appends_after_reopen(void **state)
{
	struct cdx_block_info one;
	struct cdx_block_info two;

	(void)state;
	append(1);
	one = info_of(1);
	tmp_store_reopen(&T);
	append(2);
	two = info_of(2);
	assert_int_equal(one.loc[0].area, two.loc[0].area);
	assert_int_equal(two.loc[0].off, CDX_BLOCK_SIZE);
	assert_int_equal(read_back(1), 0);
	assert_int_equal(read_back(2), 0);
}

/* A full file is closed; when its last block goes, so does it. */
static void files_fill_and_go(void **state)
{
	struct cdx_area_info ai;
	uint64_t first;

	(void)state;
	cdx_store_areas(T.s)->loose_max = 3 * CDX_BLOCK_SIZE;
	for (unsigned i = 1; i <= 7; i++)
		append(i);
	first = info_of(1).loc[0].area;
	assert_int_equal(info_of(3).loc[0].area, first);
	assert_int_not_equal(info_of(4).loc[0].area, first);
	assert_int_not_equal(info_of(7).loc[0].area, info_of(4).loc[0].area);
	assert_int_equal(cdx_area_info(T.s, first, &ai), 0);
	assert_true(ai.closed);
	assert_int_equal(ai.live, 3 * CDX_BLOCK_SIZE);
	del(1);
	del(3);
	assert_int_equal(cdx_area_info(T.s, first, &ai), 0);
	assert_int_equal(ai.live, CDX_BLOCK_SIZE);
	del(2);
	assert_int_equal(cdx_area_info(T.s, first, &ai), -ENOENT);
	tmp_reclaim(&T);
	assert_int_equal(cdx_area_read(T.s, first, 0, Buf, 1), -ENOENT);
	/* the one that is appended to stays, empty or not */
	first = info_of(7).loc[0].area;
	del(7);
	assert_int_equal(cdx_area_info(T.s, first, &ai), 0);
	assert_int_equal(ai.live, 0);
	append(8);
	assert_int_equal(info_of(8).loc[0].area, first);
	for (unsigned i = 4; i <= 6; i++)
		assert_int_equal(read_back(i), 0);
	tmp_reclaim(&T);
	assert_int_equal(read_back(8), 0);
}

/* A file that somebody removed costs what it held, not what comes. */
static void removed_file_is_replaced(void **state)
{
	char path[PATH_MAX];

	(void)state;
	append(1);
	tmp_area_path(&T, path, info_of(1).loc[0].area);
	tmp_store_close(&T);
	assert_int_equal(unlink(path), 0);
	tmp_store_open(&T);
	assert_int_equal(read_back(1), CDX_E_HASH);
	append(2);
	assert_int_equal(read_back(2), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		CASE(leaves),
		CASE(counts_references),
		CASE(one_batch),
		CASE(dropped_set_leaves_nothing),
		CASE(bad_copy_is_not_served),
		CASE(last_copy_moves),
		CASE(single_calls),
		CASE(appends_after_reopen),
		CASE(files_fill_and_go),
		CASE(removed_file_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
