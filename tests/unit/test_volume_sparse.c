/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data_kit.h"

#include <linux/falloc.h>

#define KEEP FALLOC_FL_KEEP_SIZE
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static void test_seek(struct dk *k, bool out)
{
	uint64_t ino = dk_file(k, out ? "out" : "mem");
	uint8_t buf[8192];

	memset(buf, 1, sizeof(buf));
	assert_int_equal(cdx_vol_lseek(k->v, ino, 0, SEEK_DATA), -ENXIO);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 0, SEEK_HOLE), -ENXIO);
	assert_int_equal(dk_write(k, ino, 100000, buf, sizeof(buf)), 0);
	assert_int_equal(dk_write(k, ino, 100000 + sizeof(buf), buf, 1), 0);
	assert_int_equal(dk_write(k, ino, 300000, buf, 10), 0);
	assert_int_equal(dk_truncate(k, ino, 400000), 0);
	if (out)
		dk_check(k);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 0, SEEK_DATA), 100000);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 0, SEEK_HOLE), 0);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 100000, SEEK_HOLE), 108193);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 104000, SEEK_DATA), 104000);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 104000, SEEK_HOLE), 108193);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 108193, SEEK_DATA), 300000);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 300001, SEEK_HOLE), 300010);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 300010, SEEK_DATA), -ENXIO);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 300010, SEEK_HOLE), 300010);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 400000, SEEK_HOLE), -ENXIO);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 0, SEEK_CUR), -EINVAL);
	/* preallocated bytes are a hole; the end of the file is one, too */
	assert_int_equal(cdx_vol_fallocate(k->v, ino, 0, 0, 400000), 0);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 0, SEEK_DATA), 100000);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 0, SEEK_HOLE), 0);
	assert_int_equal(dk_truncate(k, ino, 300005), 0);
	assert_int_equal(cdx_vol_lseek(k->v, ino, 300001, SEEK_HOLE), 300005);
	dk_check(k);
}

static void test_seeks(void **state)
{
	struct dk k;

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	test_seek(&k, false);
	test_seek(&k, true);
	dk_close(&k);
	dk_free(&k);
}

static void test_modes(void **state)
{
	struct dk k;
	struct cdx_vol_status st;
	uint64_t ino;
	int64_t zero;
	uint8_t b[4];

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	ino = dk_file(&k, "f");
	assert_int_equal(cdx_vol_fallocate(k.v, ino, 0, 0, 0), -EINVAL);
	assert_int_equal(cdx_vol_fallocate(k.v, ino, FALLOC_FL_PUNCH_HOLE, 0,
					   1),
			 -EOPNOTSUPP);
	assert_int_equal(cdx_vol_fallocate(k.v, ino, FALLOC_FL_COLLAPSE_RANGE,
					   0, 4096),
			 -EOPNOTSUPP);
	assert_int_equal(cdx_vol_fallocate(k.v, ino, FALLOC_FL_INSERT_RANGE, 0,
					   4096),
			 -EOPNOTSUPP);
	assert_int_equal(cdx_vol_fallocate(k.v, ino, 0, UINT64_MAX, 2), -EFBIG);
	assert_int_equal(cdx_vol_fallocate(k.v, CDX_ROOT_INO, 0, 0, 1),
			 -EISDIR);
	/* more than there is */
	assert_int_equal(cdx_vol_fallocate(k.v, ino, 0, 0, (uint64_t)1 << 40),
			 -ENOSPC);
	assert_int_equal(dk_attr(&k, ino).size, 0);
	assert_int_equal(dk_attr(&k, ino).blocks, 0);

	assert_int_equal(cdx_vol_fallocate(k.v, ino, KEEP, 0, 100000), 0);
	assert_int_equal(dk_attr(&k, ino).size, 0);
	assert_int_equal(dk_attr(&k, ino).blocks, (100000 + 511) / 512);
	zero = cdx_kv_counter(k.s, CDX_CNT_ZERO_BYTES);
	assert_int_equal(zero, 100000);
	assert_int_equal(cdx_vol_fallocate(k.v, ino, 0, 50000, 100000), 0);
	assert_int_equal(dk_attr(&k, ino).size, 150000);
	assert_int_equal(dk_extents(&k, ino), 1);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_ZERO_BYTES), 150000);
	/* what is written is no longer preallocated */
	assert_int_equal(dk_write(&k, ino, 65536, "abcd", 4), 0);
	dk_check(&k);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_ZERO_BYTES), 149996);
	assert_int_equal(dk_attr(&k, ino).blocks, (150000 + 511) / 512);
	assert_int_equal(dk_read(&k, ino, 65536, b, 4), 4);
	assert_memory_equal(b, "abcd", 4);
	assert_int_equal(
		cdx_vol_fallocate(k.v, ino, FALLOC_FL_ZERO_RANGE, 65537, 2), 0);
	assert_int_equal(dk_read(&k, ino, 65536, b, 4), 4);
	assert_memory_equal(b, "a\0\0d", 4);
	assert_int_equal(cdx_vol_fallocate(k.v, ino, PUNCH, 0, 1 << 20), 0);
	assert_int_equal(dk_attr(&k, ino).size, 150000);
	assert_int_equal(dk_attr(&k, ino).blocks, 0);
	assert_int_equal(dk_extents(&k, ino), 0);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_ZERO_BYTES), 0);
	dk_check(&k);
	cdx_vol_status(k.v, &st);
	assert_int_equal(st.file_bytes, 0);
	dk_close(&k);
	dk_free(&k);
}

/* Truncation hides what was behind the end for good */
static void test_truncate(void **state)
{
	struct dk k;
	uint64_t ino;
	uint8_t buf[200000];
	uint8_t got[200000];

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	ino = dk_file(&k, "f");
	for (int out = 0; out < 2; out++) {
		memset(buf, 7, sizeof(buf));
		assert_int_equal(dk_write(&k, ino, 0, buf, sizeof(buf)), 0);
		if (out)
			dk_check(&k);
		assert_int_equal(dk_truncate(&k, ino, 70001), 0);
		assert_int_equal(dk_truncate(&k, ino, sizeof(buf)), 0);
		if (out)
			dk_check(&k);
		assert_int_equal(dk_read(&k, ino, 0, got, sizeof(got)),
				 sizeof(got));
		memset(buf + 70001, 0, sizeof(buf) - 70001);
		assert_memory_equal(got, buf, sizeof(buf));
		assert_int_equal(dk_write(&k, ino, 150000, "z", 1), 0);
		assert_int_equal(dk_read(&k, ino, 149999, got, 2), 2);
		assert_memory_equal(got, "\0z", 2);
	}
	dk_check(&k);
	dk_close(&k);
	dk_free(&k);
}

/* More extents than one batch takes */
static void test_many(void **state)
{
	struct dk k;
	uint64_t ino;
	unsigned n = CDX_EDIT_EXTENTS * 2 + 100;

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	ino = dk_file(&k, "f");
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(
			dk_write(&k, ino, (uint64_t)i * 8192, "1234", 4), 0);
	dk_check(&k);
	assert_int_equal(dk_extents(&k, ino), n);
	assert_int_equal(cdx_vol_fallocate(k.v, ino, 0, 0, (uint64_t)n * 8192),
			 0);
	assert_int_equal(dk_extents(&k, ino), 2 * n);
	dk_check(&k);
	assert_int_equal(dk_truncate(&k, ino, 8192 * 3), 0);
	assert_int_equal(dk_extents(&k, ino), 6);
	dk_check(&k);
	for (unsigned i = 3; i < n; i++)
		assert_int_equal(
			dk_write(&k, ino, (uint64_t)i * 8192, "1234", 4), 0);
	assert_int_equal(cdx_vol_fallocate(k.v, ino, PUNCH, 2, 8192 * n), 0);
	assert_int_equal(dk_extents(&k, ino), 1);
	dk_check(&k);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(
			dk_write(&k, ino, (uint64_t)i * 8192, "1234", 4), 0);
	dk_check(&k);
	assert_int_equal(cdx_vol_unlink(k.v, CDX_ROOT_INO, "f"), 0);
	cdx_vol_forget(k.v, ino, 1);
	dk_check(&k);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_FILE_BYTES), 0);
	dk_close(&k);
	dk_free(&k);
}

/* Preallocated space is there for the file it was given to */
static void test_promise(void **state)
{
	struct dk k;
	struct cdx_statfs st;
	uint64_t other;
	uint64_t ino;
	uint8_t buf[65536];
	uint64_t len = (uint64_t)8 << 20;
	int rc = 0;

	(void)state;
	memset(buf, 3, sizeof(buf));
	dk_init(&k, (uint64_t)64 << 20);
	dk_open(&k);
	ino = dk_file(&k, "f");
	other = dk_file(&k, "other");
	assert_int_equal(cdx_vol_fallocate(k.v, ino, 0, 0, len), 0);
	for (uint64_t off = 0; rc == 0; off += sizeof(buf))
		rc = dk_write(&k, other, off, buf, sizeof(buf));
	assert_int_equal(rc, -ENOSPC);
	cdx_vol_statfs(k.v, &st);
	assert_true(st.bytes_free < len);
	for (uint64_t off = 0; off < len; off += sizeof(buf))
		assert_int_equal(dk_write(&k, ino, off, buf, sizeof(buf)), 0);
	dk_check(&k);
	dk_close(&k);
	dk_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeks),	 cmocka_unit_test(test_modes),
		cmocka_unit_test(test_truncate), cmocka_unit_test(test_many),
		cmocka_unit_test(test_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
