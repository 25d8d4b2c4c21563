/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seg_env.h"

#define SHARE (256 * ENV_MIB) /* segments of 10 MiB data: 160 blocks */

/* ---- records of segments ---- */

static struct cdx_seg_rec some_rec(struct seed *s, uint32_t epochs)
{
	struct cdx_seg_rec rec;

	memset(&rec, 0, sizeof(rec));
	rec.state = CDX_SEG_SEALED;
	rec.k = 10;
	rec.m = 5;
	rec.cap = 5120;
	rec.next = 4711;
	rec.footers = 3;
	rec.progress = 256;
	rec.live = seed_u64(s);
	rec.entries = seed_u64(s);
	rec.content = seed_u64(s);
	rec.opened = -5;
	seed_fill(s, rec.id, sizeof(rec.id));
	rec.has_manifest = epochs & 1;
	if (rec.has_manifest)
		seed_fill(s, rec.manifest.b, sizeof(rec.manifest.b));
	rec.epochs = epochs;
	for (uint32_t i = 0; i < epochs; i++) {
		rec.epoch[i].first = i * 7;
		rec.epoch[i].cipher = (uint8_t)(1 + i % 2);
		seed_fill(s, rec.epoch[i].wrapped, CDX_WRAPPED_LEN);
	}
	return rec;
}

static void test_rec_codec(void **state)
{
	struct seed s = seed_start("rec_codec");
	uint8_t bytes[CDX_SEG_REC_MAX];
	uint8_t again[CDX_SEG_REC_MAX];
	struct cdx_seg_rec out;

	(void)state;
	for (uint32_t n = 0; n <= CDX_SEG_EPOCHS_MAX; n++) {
		struct cdx_seg_rec rec = some_rec(&s, n);
		size_t len = cdx_seg_rec_encode(bytes, &rec);

		assert_true(len <= sizeof(bytes));
		assert_int_equal(cdx_seg_rec_decode(&out, bytes, len), 0);
		assert_int_equal(cdx_seg_rec_encode(again, &out), len);
		assert_memory_equal(bytes, again, len);
		assert_int_equal(cdx_seg_rec_decode(&out, bytes, len - 1),
				 CDX_E_CORRUPT);
	}
}

static void test_rec_refused(void **state)
{
	struct seed s = seed_start("rec_refused");
	struct cdx_seg_rec good = some_rec(&s, 3);
	uint8_t bytes[CDX_SEG_REC_MAX];
	struct cdx_seg_rec rec;
	struct cdx_seg_rec out;
	size_t len;

	(void)state;
#define REFUSED(change)                                                \
	do {                                                           \
		rec = good;                                            \
		change;                                                \
		len = cdx_seg_rec_encode(bytes, &rec);                 \
		assert_int_equal(cdx_seg_rec_decode(&out, bytes, len), \
				 CDX_E_CORRUPT);                       \
	} while (0)
	REFUSED(rec.state = (enum cdx_seg_state)0);
	REFUSED(rec.state = (enum cdx_seg_state)5);
	REFUSED(rec.k = 0);
	REFUSED(rec.cap = 0);
	REFUSED(rec.next = rec.cap + 1);
	REFUSED(rec.epoch[1].cipher = 3);
	REFUSED(rec.epoch[1].first = rec.cap);
	REFUSED(rec.epoch[2].first = rec.epoch[1].first);
#undef REFUSED
	len = cdx_seg_rec_encode(bytes, &good);
	bytes[0] = 3;
	assert_int_equal(cdx_seg_rec_decode(&out, bytes, len), CDX_E_VERSION);
	assert_int_equal(cdx_seg_rec_decode(&out, bytes, 0), CDX_E_CORRUPT);
}

/* ---- geometry ---- */

static void test_geometry(void **state)
{
	const uint64_t tib = (uint64_t)1 << 40;

	(void)state;
	/* design: 10+5 gives 5,120 blocks, 320 MiB, by default */
	assert_int_equal(cdx_seg_geometry(10, 5, tib), 5120);
	assert_int_equal(cdx_seg_geometry(10, 5, 16 * 480 * ENV_MIB), 5120);
	/* with parity within 1/16 of the share */
	assert_int_equal(cdx_seg_geometry(10, 5, 16 * 480 * ENV_MIB - 1), 2560);
	assert_int_equal(cdx_seg_geometry(10, 5, 256 * ENV_MIB), 160);
	assert_int_equal(cdx_seg_geometry(4, 0, tib), 4096);
	assert_int_equal(cdx_seg_geometry(1, 1, 1), CDX_SEG_MIN_BLOCKS);
	for (uint32_t k = 1; k <= 32; k++) {
		uint32_t cap = cdx_seg_geometry(k, k / 2, tib);

		assert_true((uint64_t)cap * CDX_BLOCK_SIZE <= CDX_SEG_DATA_MAX);
		while (cap % 2 == 0 && cap > k)
			cap /= 2;
		assert_int_equal(cap, k);
	}
	assert_int_equal(cdx_seg_round(10, 11), 20);
	assert_int_equal(cdx_seg_round(10, 10), 10);
}

/* ---- bytes ---- */

static void test_round_trip(void **state)
{
	struct seed s = seed_start("round_trip");
	size_t len = 5 * ENV_MIB + 12345;
	uint8_t *p = malloc(len);
	struct seg_env e;
	uint64_t ino;

	(void)state;
	assert_non_null(p);
	seed_fill(&s, p, len);
	seg_env_new(&e, SHARE, 10, 5);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, len);
	seg_env_same(&e, ino, p, len);
	seg_env_commit(&e);
	assert_int_equal(seg_env_extent(&e, ino, 0).loc.kind, CDX_LOC_SEGMENT);
	assert_int_equal(seg_env_extent(&e, ino, len - 1).loc.kind,
			 CDX_LOC_RECORD);
	seg_env_same(&e, ino, p, len);
	for (int i = 0; i < 300; i++) {
		size_t off = seed_below(&s, len);
		size_t n = 1 + seed_below(&s, 200000);
		uint8_t *out = malloc(n);

		if (n > len - off)
			n = len - off;
		assert_int_equal(seg_env_read(&e, ino, off, out, n), n);
		assert_memory_equal(out, p + off, n);
		free(out);
	}
	seg_env_reopen(&e);
	ino = seg_env_find(&e, "a");
	seg_env_same(&e, ino, p, len);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* What lies on the disk is not what was written */
static void test_encrypted(void **state)
{
	uint8_t *p = calloc(1, CDX_BLOCK_SIZE);
	uint8_t *raw = malloc(CDX_BLOCK_SIZE);
	struct cdx_extent x;
	struct seg_env e;
	unsigned zeros = 0;
	uint64_t ino;

	(void)state;
	memset(p, 'x', CDX_BLOCK_SIZE);
	seg_env_new(&e, SHARE, 10, 5);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, CDX_BLOCK_SIZE);
	seg_env_commit(&e);
	x = seg_env_extent(&e, ino, 0);
	assert_int_equal(cdx_area_read(e.s, x.loc.area, x.loc.off, raw,
				       CDX_BLOCK_SIZE),
			 0);
	for (size_t i = 0; i < CDX_BLOCK_SIZE; i++)
		zeros += raw[i] == 'x';
	assert_true(zeros < CDX_BLOCK_SIZE / 128);
	seg_env_free(&e);
	free(p);
	free(raw);
}

/* A changed byte is an error, counted, and only where it lies */
static void test_damage(void **state)
{
	struct seed s = seed_start("damage");
	size_t len = 4 * CDX_BLOCK_SIZE;
	uint8_t *p = malloc(len);
	uint8_t out[4096];
	struct cdx_vol_status st;
	struct cdx_extent x;
	struct seg_env e;
	uint64_t ino;

	(void)state;
	seed_fill(&s, p, len);
	seg_env_new(&e, SHARE, 10, 5);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, len);
	seg_env_commit(&e);
	x = seg_env_extent(&e, ino, 0);
	seg_env_flip(&e, x.loc.area, (off_t)x.loc.off + CDX_BLOCK_SIZE + 5000);
	assert_int_equal(seg_env_read(&e, ino, CDX_BLOCK_SIZE, out, 4096),
			 4096);
	assert_memory_equal(out, p + CDX_BLOCK_SIZE, 4096);
	assert_int_equal(seg_env_read(&e, ino, CDX_BLOCK_SIZE + 4096, out, 10),
			 -EIO);
	cdx_vol_status(e.v, &st);
	assert_int_equal(st.read_errors, 1);
	assert_true(seg_env_fsck(&e) > 0);
	seg_env_flip(&e, x.loc.area, (off_t)x.loc.off + CDX_BLOCK_SIZE + 5000);
	seg_env_same(&e, ino, p, len);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

static void test_damaged_record(void **state)
{
	uint8_t p[5000];
	uint8_t out[5000];
	struct cdx_extent x;
	struct seg_env e;
	uint64_t ino;

	(void)state;
	memset(p, 'r', sizeof(p));
	seg_env_new(&e, SHARE, 10, 5);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, sizeof(p));
	seg_env_commit(&e);
	x = seg_env_extent(&e, ino, 0);
	assert_int_equal(x.loc.kind, CDX_LOC_RECORD);
	seg_env_flip(&e, x.loc.area, (off_t)x.loc.off + 100);
	assert_int_equal(seg_env_read(&e, ino, 0, out, sizeof(out)), -EIO);
	assert_true(seg_env_fsck(&e) > 0);
	seg_env_flip(&e, x.loc.area, (off_t)x.loc.off + 100);
	seg_env_same(&e, ino, p, sizeof(p));
	seg_env_clean(&e);
	seg_env_free(&e);
}

/* ---- references ---- */

/* Dead blocks of the open segment are burnt and their bytes punched */
static void test_burnt(void **state)
{
	size_t len = 8 * CDX_BLOCK_SIZE;
	uint8_t *p = malloc(len);
	struct cdx_extent x;
	struct cdx_leaf leaf;
	struct seg_env e;
	uint64_t ino;
	uint8_t raw[64];

	(void)state;
	memset(p, 'b', len);
	seg_env_new(&e, SHARE, 10, 5);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, len);
	seg_env_commit(&e);
	x = seg_env_extent(&e, ino, 0);
	assert_int_equal(x.len, len);
	/* half a block more than two */
	assert_int_equal(
		cdx_vol_fallocate(e.v, ino,
				  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  CDX_BLOCK_SIZE, 2 * CDX_BLOCK_SIZE + 32768),
		0);
	memset(p + CDX_BLOCK_SIZE, 0, 2 * CDX_BLOCK_SIZE + 32768);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(cdx_leaf_get(e.s, x.loc.area, i, &leaf), 0);
		assert_int_equal(leaf.state, i == 1 || i == 2 ? CDX_LEAF_BURNT
							      : CDX_LEAF_DATA);
	}
	seg_env_same(&e, ino, p, len);
	seg_env_clean(&e);
	seg_env_reclaim(&e);
	assert_int_equal(cdx_area_read(e.s, x.loc.area, CDX_BLOCK_SIZE, raw,
				       sizeof(raw)),
			 0);
	for (size_t i = 0; i < sizeof(raw); i++)
		assert_int_equal(raw[i], 0);
	seg_env_same(&e, ino, p, len);
	/* burnt indexes are not used again */
	seg_env_write(&e, ino, CDX_BLOCK_SIZE, p, CDX_BLOCK_SIZE);
	seg_env_commit(&e);
	assert_int_equal(seg_env_extent(&e, ino, CDX_BLOCK_SIZE).loc.off,
			 8 * CDX_BLOCK_SIZE);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* Two files share a record; it lives as long as one of them */
static void test_shared_record(void **state)
{
	uint8_t p[9000];
	struct seg_env e;
	uint64_t a;
	uint64_t b;

	(void)state;
	memset(p, 's', sizeof(p));
	seg_env_new(&e, SHARE, 10, 5);
	a = seg_env_make(&e, "a");
	b = seg_env_make(&e, "b");
	seg_env_write(&e, a, 0, p, sizeof(p));
	seg_env_commit(&e);
	assert_int_equal(cdx_vol_copy_range(e.v, a, 0, b, 0, sizeof(p)),
			 sizeof(p));
	seg_env_commit(&e);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_RECORD_LIVE),
			 sizeof(p) + CDX_SEAL_OVERHEAD);
	seg_env_clean(&e);
	seg_env_drop(&e, "a");
	seg_env_clean(&e);
	seg_env_same(&e, b, p, sizeof(p));
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_RECORD_LIVE),
			 sizeof(p) + CDX_SEAL_OVERHEAD);
	seg_env_drop(&e, "b");
	seg_env_reclaim(&e);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_RECORD_LIVE), 0);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_USED_VOLUME), 0);
	seg_env_clean(&e);
	seg_env_free(&e);
}

/* Overwrites split a record; unref and refs of one record in one batch */
static void test_split_record(void **state)
{
	struct seed s = seed_start("split_record");
	uint8_t p[60000];
	struct seg_env e;
	uint64_t ino;

	(void)state;
	seed_fill(&s, p, sizeof(p));
	seg_env_new(&e, SHARE, 10, 5);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, sizeof(p));
	seg_env_commit(&e);
	for (int i = 0; i < 40; i++) {
		size_t off = seed_below(&s, sizeof(p) - 3000);

		seed_fill(&s, p + off, 3000);
		seg_env_write(&e, ino, off, p + off, 3000);
		seg_env_commit(&e);
		seg_env_clean(&e);
	}
	seg_env_same(&e, ino, p, sizeof(p));
	seg_env_drop(&e, "a");
	seg_env_reclaim(&e);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_USED_VOLUME), 0);
	seg_env_clean(&e);
	seg_env_free(&e);
}

/* A batch that is dropped burns what it wrote and counts nothing */
static void test_dropped_batch(void **state)
{
	struct seg_env e;
	struct cdx_seg_run run;
	struct cdx_batch *b;
	struct cdx_leaf leaf;
	struct cdx_loc loc;
	uint8_t *p = calloc(3, CDX_BLOCK_SIZE);
	struct iovec iov = {p, 3 * CDX_BLOCK_SIZE};
	uint64_t area;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 10, 5);
	assert_int_equal(cdx_seg_write(e.v, &run, &iov, 1, 3), 0);
	area = run.area;
	assert_int_equal(run.index, 0);
	assert_int_equal(cdx_batch_new(&b, e.s), 0);
	cdx_seg_run_commit(e.v, b, &run);
	assert_int_equal(cdx_rec_write(e.v, b, &loc, p, 100), 0);
	cdx_loc_ref(e.v, b, &loc, 99, 0, 100);
	cdx_batch_drop(b);
	/* the next batch of the segment says so */
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, CDX_BLOCK_SIZE);
	seg_env_commit(&e);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(cdx_leaf_get(e.s, area, i, &leaf), 0);
		assert_int_equal(leaf.state, CDX_LEAF_BURNT);
	}
	assert_int_equal(seg_env_extent(&e, ino, 0).loc.off,
			 3 * CDX_BLOCK_SIZE);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_RECORD_LIVE), 0);
	seg_env_clean(&e);
	seg_env_reopen(&e);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rec_codec),
		cmocka_unit_test(test_rec_refused),
		cmocka_unit_test(test_geometry),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_damaged_record),
		cmocka_unit_test(test_burnt),
		cmocka_unit_test(test_shared_record),
		cmocka_unit_test(test_split_record),
		cmocka_unit_test(test_dropped_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
