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
#include "seed.h"
#include "store/area.h"
#include "store/area_internal.h"
#include "store/records.h"
#include "store_tmp.h"

#define KIB64 65536u

static struct tmp_store T;

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

/* A data file with @blocks blocks of bytes, recorded and committed */
static uint64_t make_area(enum cdx_area_kind kind, unsigned blocks)
{
	struct cdx_area_info info = {.kind = kind};
	uint8_t *p = malloc(KIB64);
	struct cdx_batch *b;
	uint64_t id;

	assert_non_null(p);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(cdx_area_create(T.s, &id, kind, 0, b), 0);
	for (unsigned i = 0; i < blocks; i++) {
		memset(p, (int)i + 1, KIB64);
		assert_int_equal(cdx_area_write(T.s, id, (uint64_t)i * KIB64, p,
						KIB64),
				 0);
	}
	info.size = (uint64_t)blocks * KIB64;
	info.live = info.size;
	cdx_area_set_info(b, id, &info);
	cdx_batch_names_data(b);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_store_commit(T.s), 0);
	free(p);
	return id;
}

static uint64_t disk_bytes(uint64_t id)
{
	char path[PATH_MAX];
	struct stat st;

	tmp_area_path(&T, path, id);
	if (stat(path, &st) < 0)
		return UINT64_MAX;
	return (uint64_t)st.st_blocks * 512;
}

static void records(void **state)
{
	struct cdx_area_info in = {.kind = CDX_AREA_LOOSE, .closed = true};
	struct cdx_area_info out;
	uint8_t val[CDX_AREA_VAL_LEN];

	(void)state;
	in.size = 1u << 28;
	in.live = 12345;
	cdx_area_info_encode(val, &in);
	assert_int_equal(cdx_area_info_decode(&out, val, sizeof(val)), 0);
	assert_int_equal(out.kind, in.kind);
	assert_int_equal(out.size, in.size);
	assert_int_equal(out.live, in.live);
	assert_true(out.closed);
	assert_int_equal(cdx_area_info_decode(&out, val, sizeof(val) - 1),
			 CDX_E_CORRUPT);
	val[0] = 2;
	assert_int_equal(cdx_area_info_decode(&out, val, sizeof(val)),
			 CDX_E_VERSION);
	val[0] = 1;
	val[1] = 9;
	assert_int_equal(cdx_area_info_decode(&out, val, sizeof(val)),
			 CDX_E_CORRUPT);
}

static void names(void **state)
{
	char name[CDX_AREA_NAME_LEN];
	uint64_t id;

	(void)state;
	cdx_area_name(name, 0xabcdef);
	assert_string_equal(name, "0000000000abcdef");
	assert_int_equal(cdx_area_name_parse(&id, name), 0);
	assert_int_equal(id, 0xabcdef);
	assert_true(cdx_area_name_parse(&id, "0000000000ABCDEF") < 0);
	assert_true(cdx_area_name_parse(&id, "0000000000abcde") < 0);
	assert_true(cdx_area_name_parse(&id, "..") < 0);
}

static void write_and_read(void **state)
{
	uint64_t id = make_area(CDX_AREA_RECORDS, 2);
	struct cdx_area_info info;
	uint8_t buf[16];

	(void)state;
	assert_int_equal(cdx_area_read(T.s, id, KIB64 - 8, buf, 16), 0);
	assert_int_equal(buf[0], 1);
	assert_int_equal(buf[15], 2);
	assert_int_equal(cdx_area_read(T.s, id, 2 * KIB64 - 8, buf, 16),
			 -ENODATA);
	assert_int_equal(cdx_area_read(T.s, id + 1000, 0, buf, 1), -ENOENT);
	assert_int_equal(cdx_area_write(T.s, id + 1000, 0, buf, 1), -ENOENT);
	assert_int_equal(cdx_area_write(T.s, id, UINT64_MAX, buf, 1), -EINVAL);
	assert_int_equal(cdx_area_info(T.s, id, &info), 0);
	assert_int_equal(info.live, 2 * KIB64);
	tmp_store_reopen(&T);
	assert_int_equal(cdx_area_read(T.s, id, KIB64, buf, 16), 0);
	assert_int_equal(buf[0], 2);
}

static void preallocated(void **state)
{
	struct cdx_batch *b;
	uint64_t id;
	uint64_t id2;

	(void)state;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(
		cdx_area_create(T.s, &id, CDX_AREA_SEGMENT, 8u << 20, b), 0);
	assert_int_equal(cdx_area_create(T.s, &id2, CDX_AREA_SEGMENT,
					 UINT64_C(1) << 60, b),
			 -ENOSPC);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_true(disk_bytes(id) >= 8u << 20);
	assert_int_equal(cdx_area_truncate(T.s, id, 1u << 20), 0);
	assert_true(disk_bytes(id) <= (1u << 20) + 4096);
}

/* A file whose batch is thrown away is gone after the next open; ids go on. */
static void unnamed_file_vanishes(void **state)
{
	struct cdx_batch *b;
	uint64_t kept = make_area(CDX_AREA_LOOSE, 1);
	uint64_t lost;

	(void)state;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(cdx_area_create(T.s, &lost, CDX_AREA_LOOSE, 0, b), 0);
	cdx_batch_drop(b);
	assert_int_not_equal(lost, kept);
	assert_true(disk_bytes(lost) != UINT64_MAX);
	tmp_store_reopen(&T);
	assert_true(disk_bytes(lost) == UINT64_MAX);
	assert_true(disk_bytes(kept) != UINT64_MAX);
}

static void missing_file_opens(void **state)
{
	uint64_t id = make_area(CDX_AREA_RECORDS, 1);
	struct tmp_findings v;
	char path[PATH_MAX];

	(void)state;
	tmp_area_path(&T, path, id);
	assert_int_equal(unlink(path), 0);
	tmp_store_reopen(&T);
	tmp_fsck(&T, &v);
	assert_int_equal(tmp_found(&v, "area-without-file"), 1);
}

/* ---- reclaim ---- */

static void free_block(uint64_t id, unsigned block)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_area_free_range(b, id, (uint64_t)block * KIB64, KIB64);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static bool is_hole(uint64_t id, unsigned block)
{
	uint8_t c;

	assert_int_equal(cdx_area_read(T.s, id, (uint64_t)block * KIB64, &c, 1),
			 0);
	return c == 0;
}

/* One group after the freeing one must be durable. */
static void punch_waits_for_group(void **state)
{
	uint64_t id = make_area(CDX_AREA_RECORDS, 4);
	uint64_t before = disk_bytes(id);
	bool pending;

	(void)state;
	free_block(id, 1);
	free_block(id, 2);
	assert_int_equal(cdx_area_frees_pending(T.s, id, &pending), 0);
	assert_true(pending);
	assert_true(cdx_store_reclaim(T.s) >= 0);
	assert_false(is_hole(id, 1));
	assert_int_equal(cdx_store_commit(T.s), 0);
	assert_true(cdx_store_reclaim(T.s) >= 0);
	assert_false(is_hole(id, 1));
	assert_int_equal(cdx_area_frees_pending(T.s, id, &pending), 0);
	assert_true(pending);
	tmp_reclaim(&T);
	assert_true(is_hole(id, 1));
	assert_true(is_hole(id, 2));
	assert_false(is_hole(id, 0));
	assert_false(is_hole(id, 3));
	assert_true(disk_bytes(id) <= before - 2 * KIB64);
	assert_int_equal(cdx_area_frees_pending(T.s, id, &pending), 0);
	assert_false(pending);
}

static void punch_waits_for_reader(void **state)
{
	uint64_t id = make_area(CDX_AREA_RECORDS, 2);
	uint64_t token = cdx_store_read_begin(T.s);
	uint64_t later;

	(void)state;
	free_block(id, 0);
	tmp_reclaim(&T);
	tmp_reclaim(&T);
	assert_false(is_hole(id, 0));
	/* one that begins later holds up nothing but the next list */
	later = cdx_store_read_begin(T.s);
	cdx_store_read_end(T.s, token);
	tmp_reclaim(&T);
	assert_true(is_hole(id, 0));
	free_block(id, 1);
	tmp_reclaim(&T);
	assert_false(is_hole(id, 1));
	cdx_store_read_end(T.s, later);
	tmp_reclaim(&T);
	assert_true(is_hole(id, 1));
}

/* Bytes that share a page with live ones stay; whole pages go, also when the
 * range was freed in pieces. */
static void punch_whole_pages(void **state)
{
	uint64_t id = make_area(CDX_AREA_RECORDS, 1);
	struct cdx_batch *b;
	uint8_t p[12288];

	(void)state;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_area_free_range(b, id, 100, 5000);
	cdx_area_free_range(b, id, 5100, 5000);
	assert_int_equal(cdx_batch_apply(b), 0);
	tmp_reclaim(&T);
	assert_int_equal(cdx_area_read(T.s, id, 0, p, sizeof(p)), 0);
	assert_int_equal(p[4095], 1);
	assert_int_equal(p[4096], 0);
	assert_int_equal(p[8191], 0);
	assert_int_equal(p[8192], 1);
}

static void remove_unlinks(void **state)
{
	uint64_t id = make_area(CDX_AREA_RECORDS, 2);
	struct cdx_area_info info;
	struct cdx_batch *b;
	uint8_t c;

	(void)state;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_area_remove(b, id);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_area_info(T.s, id, &info), -ENOENT);
	assert_int_equal(cdx_area_read(T.s, id, 0, &c, 1), 0);
	/* a store that was closed in between keeps the record */
	tmp_store_reopen(&T);
	tmp_reclaim(&T);
	assert_true(disk_bytes(id) == UINT64_MAX);
	assert_int_equal(cdx_area_read(T.s, id, 0, &c, 1), -ENOENT);
	tmp_fsck_clean(&T);
}

/* ---- many files, several threads ---- */

static void more_files_than_descriptors(void **state)
{
	enum {
		N = CDX_AREA_OPEN_MAX + 40
	};
	struct cdx_batch *b;
	uint64_t id[N];
	struct cdx_area_info info = {.kind = CDX_AREA_LOOSE, .size = 1};

	(void)state;
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	for (unsigned i = 0; i < N; i++) {
		uint8_t c = (uint8_t)i;

		assert_int_equal(
			cdx_area_create(T.s, &id[i], CDX_AREA_LOOSE, 0, b), 0);
		assert_int_equal(cdx_area_write(T.s, id[i], 0, &c, 1), 0);
		cdx_area_set_info(b, id[i], &info);
	}
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_area_sync_dirty(T.s), 0);
	for (unsigned i = 0; i < N; i++) {
		uint8_t c;

		assert_int_equal(cdx_area_read(T.s, id[i], 0, &c, 1), 0);
		assert_int_equal(c, (uint8_t)i);
	}
	assert_true(cdx_store_areas(T.s)->files.len <= CDX_AREA_OPEN_MAX);
}

static uint64_t Shared[4];

static void *hammer(void *arg)
{
	struct seed rnd = {.state = (uint64_t)(uintptr_t)arg};
	uint8_t p[512];

	for (unsigned i = 0; i < 200; i++) {
		uint64_t id = Shared[seed_below(&rnd, 4)];
		uint64_t token = cdx_store_read_begin(T.s);

		seed_fill(&rnd, p, sizeof(p));
		if (cdx_area_write(T.s, id, seed_below(&rnd, KIB64), p,
				   sizeof(p)) < 0)
			return arg;
		if (i % 8 == 0 && cdx_area_sync_dirty(T.s) < 0)
			return arg;
		cdx_store_read_end(T.s, token);
	}
	return NULL;
}

static void sync_from_many_threads(void **state)
{
	pthread_t th[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		Shared[i] = make_area(CDX_AREA_RECORDS, 1);
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&th[i], NULL, hammer,
						(void *)(i + 1)),
				 0);
	for (unsigned i = 0; i < 4; i++) {
		void *bad;

		assert_int_equal(pthread_join(th[i], &bad), 0);
		assert_null(bad);
	}
	assert_int_equal(cdx_area_sync_dirty(T.s), 0);
}

/* A failed fdatasync is never forgotten. */
static void sync_error_sticks(void **state)
{
	uint64_t id = make_area(CDX_AREA_RECORDS, 1);
	uint8_t c = 7;

	(void)state;
	T.s->fault.err[CDX_FAULT_FDATASYNC] = -EIO;
	atomic_store(&T.s->fault.times[CDX_FAULT_FDATASYNC], 1);
	atomic_store(&T.s->fault.after[CDX_FAULT_FDATASYNC], 1);
	assert_int_equal(cdx_area_write(T.s, id, 0, &c, 1), 0);
	assert_int_equal(cdx_area_sync_dirty(T.s), -EIO);
	assert_int_equal(cdx_area_sync_dirty(T.s), -EIO);
	(void)cdx_store_close(T.s);
	T.s = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(names),
		cmocka_unit_test_setup_teardown(write_and_read, setup,
						teardown),
		cmocka_unit_test_setup_teardown(preallocated, setup, teardown),
		cmocka_unit_test_setup_teardown(unnamed_file_vanishes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(missing_file_opens, setup,
						teardown),
		cmocka_unit_test_setup_teardown(punch_waits_for_group, setup,
						teardown),
		cmocka_unit_test_setup_teardown(punch_waits_for_reader, setup,
						teardown),
		cmocka_unit_test_setup_teardown(punch_whole_pages, setup,
						teardown),
		cmocka_unit_test_setup_teardown(remove_unlinks, setup,
						teardown),
		cmocka_unit_test_setup_teardown(more_files_than_descriptors,
						setup, teardown),
		cmocka_unit_test_setup_teardown(sync_from_many_threads, setup,
						teardown),
		cmocka_unit_test_setup_teardown(sync_error_sticks, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
