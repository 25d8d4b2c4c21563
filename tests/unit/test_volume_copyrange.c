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

#define CAP ((size_t)4 << 20)

static void test_share(void **state)
{
	struct dk k;
	struct cdx_vol_status before;
	struct cdx_vol_status after;
	struct dk_model a;
	struct dk_model b;
	uint8_t *buf = malloc(CAP);

	(void)state;
	assert_non_null(buf);
	dk_init(&k, 0);
	dk_open(&k);
	dk_model_init(&a, dk_file(&k, "a"), CAP);
	dk_model_init(&b, dk_file(&k, "b"), CAP);
	dk_fill(buf, CAP, 0, 1);
	assert_int_equal(dk_write(&k, a.ino, 0, buf, CAP), 0);
	dk_model_put(&a, 0, buf, CAP);
	dk_check(&k);
	cdx_vol_status(k.v, &before);
	assert_int_equal(cdx_vol_copy_range(k.v, a.ino, 0, b.ino, 0,
					    (uint64_t)1 << 60),
			 CAP);
	cdx_vol_status(k.v, &after);
	/* twice the file, no new block */
	assert_int_equal(after.file_bytes, 2 * CAP);
	assert_int_equal(after.seg_bytes, before.seg_bytes);
	assert_int_equal(after.record_bytes, before.record_bytes);
	dk_model_put(&b, 0, buf, CAP);
	dk_model_check(&k, &b);
	dk_check(&k);
	/* they part when one is written */
	assert_int_equal(dk_write(&k, a.ino, 5, "abc", 3), 0);
	dk_model_put(&a, 5, "abc", 3);
	assert_int_equal(dk_truncate(&k, b.ino, 70000), 0);
	dk_model_size(&b, 70000);
	dk_check(&k);
	dk_model_check(&k, &a);
	dk_model_check(&k, &b);
	/* the original goes, the copy stays */
	assert_int_equal(cdx_vol_unlink(k.v, CDX_ROOT_INO, "a"), 0);
	cdx_vol_forget(k.v, a.ino, 1);
	dk_check(&k);
	dk_reopen(&k);
	b.ino = dk_find(&k, "b");
	dk_model_check(&k, &b);
	dk_check(&k);
	dk_close(&k);
	dk_free(&k);
	free(a.p);
	free(b.p);
	free(buf);
}

static void test_edges(void **state)
{
	struct dk k;
	uint64_t a;
	uint64_t b;
	uint8_t buf[64];

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	a = dk_file(&k, "a");
	b = dk_file(&k, "b");
	assert_int_equal(cdx_vol_copy_range(k.v, a, 0, b, 0, 10), 0);
	/* tiny: inline bytes are sealed for their new place */
	assert_int_equal(dk_write(&k, a, 0, "0123456789", 10), 0);
	assert_int_equal(cdx_vol_copy_range(k.v, a, 2, b, 5, 100), 8);
	assert_int_equal(dk_attr(&k, b).size, 13);
	dk_check(&k);
	assert_int_equal(dk_read(&k, b, 0, buf, sizeof(buf)), 13);
	assert_memory_equal(buf, "\0\0\0\0\00023456789", 13);
	assert_int_equal(cdx_vol_copy_range(k.v, a, 10, b, 0, 1), 0);
	assert_int_equal(cdx_vol_copy_range(k.v, a, 99, b, 0, 1), 0);
	/* within one file */
	assert_int_equal(cdx_vol_copy_range(k.v, a, 0, a, 5, 6), -EINVAL);
	assert_int_equal(cdx_vol_copy_range(k.v, a, 5, a, 0, 6), -EINVAL);
	assert_int_equal(cdx_vol_copy_range(k.v, a, 0, a, 5, 5), 5);
	assert_int_equal(dk_read(&k, a, 0, buf, sizeof(buf)), 10);
	assert_memory_equal(buf, "0123401234", 10);
	/* a hole is copied as a hole, over bytes that are dirty */
	assert_int_equal(dk_truncate(&k, a, 300000), 0);
	assert_int_equal(dk_write(&k, b, 0, "xxxxxxxxxxxxxxx", 15), 0);
	assert_int_equal(cdx_vol_copy_range(k.v, a, 100, b, 3, 5), 5);
	assert_int_equal(dk_read(&k, b, 0, buf, 15), 15);
	assert_memory_equal(buf, "xxx\0\0\0\0\0xxxxxxx", 15);
	assert_int_equal(cdx_vol_lseek(k.v, b, 0, SEEK_DATA), 0);
	dk_check(&k);
	assert_int_equal(cdx_vol_copy_range(k.v, a, 0, b,
					    (uint64_t)CDX_FILE_MAX, 1),
			 -EFBIG);
	assert_int_equal(cdx_vol_copy_range(k.v, CDX_ROOT_INO, 0, b, 0, 1),
			 -EISDIR);
	assert_int_equal(cdx_vol_copy_range(k.v, a, 0, 12345, 0, 1), -ESTALE);
	dk_check(&k);
	dk_close(&k);
	dk_free(&k);
}

/* More extents than one batch takes */
static void test_many(void **state)
{
	struct dk k;
	uint64_t a;
	uint64_t b;
	uint8_t got[4];

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	a = dk_file(&k, "a");
	b = dk_file(&k, "b");
	for (unsigned i = 0; i < 1500; i++)
		assert_int_equal(dk_write(&k, a, (uint64_t)i * 8192, &i, 4), 0);
	assert_int_equal(cdx_vol_copy_range(k.v, a, 0, b, 77, 1 << 30),
			 1499 * 8192 + 4);
	for (unsigned i = 0; i < 1500; i++) {
		assert_int_equal(
			dk_read(&k, b, 77 + (uint64_t)i * 8192, got, 4), 4);
		assert_memory_equal(got, &i, 4);
	}
	assert_int_equal(dk_extents(&k, b), 1500);
	dk_check(&k);
	dk_close(&k);
	dk_free(&k);
}

static void random_write(struct dk *k, struct dk_model *m, struct seed *sd,
			 uint8_t *buf)
{
	size_t len = 1 + seed_below(sd, seed_below(sd, 2) ? 3000 : 200000);
	size_t off = seed_below(sd, CAP - len);

	if (seed_below(sd, 3) == 0)
		off -= off % 65536;
	seed_fill(sd, buf, len);
	assert_int_equal(dk_write(k, m->ino, off, buf, len), 0);
	dk_model_put(m, off, buf, len);
}

static void random_copy(struct dk *k, struct dk_model *from,
			struct dk_model *to, struct seed *sd)
{
	size_t len = 1 + seed_below(sd, seed_below(sd, 2) ? 5000 : CAP / 2);
	size_t a = seed_below(sd, CAP - len);
	size_t b = seed_below(sd, CAP - len);
	size_t want = a >= from->size ? 0 : from->size - a;

	if (from == to && (a < b ? b - a : a - b) < len)
		return;
	if (want > len)
		want = len;
	assert_int_equal(
		cdx_vol_copy_range(k->v, from->ino, a, to->ino, b, len), want);
	if (want > 0)
		dk_model_put(to, b, from->p + a, want);
}

static void test_random(void **state)
{
	struct seed sd = seed_start("copyrange");
	struct dk_model m[2];
	struct dk k;
	uint8_t *buf = malloc(CAP);

	(void)state;
	assert_non_null(buf);
	dk_init(&k, 0);
	dk_open(&k);
	dk_model_init(&m[0], dk_file(&k, "a"), CAP);
	dk_model_init(&m[1], dk_file(&k, "b"), CAP);
	for (unsigned i = 0; i < 300; i++) {
		if (seed_below(&sd, 2))
			random_write(&k, &m[seed_below(&sd, 2)], &sd, buf);
		else
			random_copy(&k, &m[seed_below(&sd, 2)],
				    &m[seed_below(&sd, 2)], &sd);
		if (i % 60 == 59)
			dk_check(&k);
	}
	dk_model_check(&k, &m[0]);
	dk_model_check(&k, &m[1]);
	assert_int_equal(dk_truncate(&k, m[0].ino, 0), 0);
	assert_int_equal(dk_truncate(&k, m[1].ino, 0), 0);
	dk_check(&k);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_FILE_BYTES), 0);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_SEG_LIVE), 0);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_RECORD_LIVE), 0);
	assert_int_equal(cdx_kv_counter(k.s, CDX_CNT_INLINE_LIVE), 0);
	dk_close(&k);
	dk_free(&k);
	free(m[0].p);
	free(m[1].p);
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
