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

/* What is fsynced is there after a crash, whole; what is not may be lost but
 * is never torn.  The crash is a child that is killed. */

static uint8_t small[3000];
static uint8_t large[900000];

static void setup(struct dk *k)
{
	dk_init(k, 0);
	dk_fill(small, sizeof(small), 0, 1);
	dk_fill(large, sizeof(large), 0, 2);
}

static void expect(struct dk *k, const char *name, const uint8_t *p, size_t len)
{
	uint64_t ino = dk_find(k, name);
	uint8_t *buf = malloc(len + 1);

	assert_true(ino != 0);
	assert_non_null(buf);
	assert_int_equal(dk_attr(k, ino).size, len);
	assert_int_equal(dk_read(k, ino, 0, buf, len + 1), len);
	if (len > 0)
		assert_memory_equal(buf, p, len);
	free(buf);
}

static void done(struct dk *k)
{
	dk_check(k);
	dk_close(k);
	dk_free(k);
}

/* ---- small and large files ---- */

static void write_both(struct dk *k)
{
	uint64_t a;
	uint64_t b;
	uint64_t c;

	DK_CHILD(dk_mk(k, "small", &a) == 0);
	DK_CHILD(dk_mk(k, "large", &b) == 0);
	DK_CHILD(dk_mk(k, "lost", &c) == 0);
	DK_CHILD(dk_write(k, a, 0, small, sizeof(small)) == 0);
	DK_CHILD(dk_write(k, b, 0, large, sizeof(large)) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, a, false) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, b, true) == 0);
	DK_CHILD(dk_write(k, c, 0, small, sizeof(small)) == 0);
}

static void test_basic(void **state)
{
	struct dk k;

	(void)state;
	setup(&k);
	dk_crash(&k, write_both);
	dk_open(&k);
	expect(&k, "small", small, sizeof(small));
	expect(&k, "large", large, sizeof(large));
	expect(&k, "lost", NULL, 0);
	done(&k);
}

/* Small writes into a large file, each fsynced, some of them twice */
static void overwrite(struct dk *k)
{
	uint64_t b = dk_find(k, "large");
	uint8_t one = 0xee;

	DK_CHILD(b != 0);
	for (unsigned i = 0; i < 50; i++) {
		DK_CHILD(dk_write(k, b, i * 17000, &one, 1) == 0);
		DK_CHILD(cdx_vol_fsync(k->v, b, true) == 0);
		if (i == 25)
			DK_CHILD(cdx_store_commit(k->s) == 0);
		if (i == 30)
			DK_CHILD(dk_write(k, b, 0, "ab", 2) == 0);
	}
	DK_CHILD(dk_write(k, b, 4000, "not synced", 10) == 0);
}

static void test_overwrite(void **state)
{
	struct dk k;
	uint8_t *want = malloc(sizeof(large));

	(void)state;
	setup(&k);
	memcpy(want, large, sizeof(large));
	for (unsigned i = 0; i < 50; i++)
		want[i * 17000] = 0xee;
	want[0] = 'a';
	want[1] = 'b';
	dk_crash(&k, write_both);
	dk_crash(&k, overwrite);
	dk_open(&k);
	expect(&k, "large", want, sizeof(large));
	done(&k);
	free(want);
}

/* A second crash before the replayed bytes were committed */
static void nothing(struct dk *k)
{
	(void)k;
}

static void test_twice(void **state)
{
	struct dk k;

	(void)state;
	setup(&k);
	dk_crash(&k, write_both);
	dk_crash(&k, nothing);
	dk_crash(&k, nothing);
	dk_open(&k);
	expect(&k, "small", small, sizeof(small));
	expect(&k, "large", large, sizeof(large));
	done(&k);
}

/* A reader of a store that was not closed sees the fsynced bytes, too */
static void test_readonly(void **state)
{
	struct dk k;

	(void)state;
	setup(&k);
	dk_crash(&k, write_both);
	k.readonly = true;
	dk_open(&k);
	expect(&k, "small", small, sizeof(small));
	dk_close(&k);
	k.readonly = false;
	dk_open(&k);
	expect(&k, "small", small, sizeof(small));
	done(&k);
}

/* ---- what comes after the log record ---- */

static void later(struct dk *k)
{
	uint64_t a;
	uint64_t b;
	uint64_t c;
	uint64_t d;

	DK_CHILD(dk_mk(k, "cut", &a) == 0);
	DK_CHILD(dk_mk(k, "gone", &b) == 0);
	DK_CHILD(dk_mk(k, "punched", &c) == 0);
	DK_CHILD(dk_mk(k, "grown", &d) == 0);
	DK_CHILD(dk_write(k, a, 0, small, sizeof(small)) == 0);
	DK_CHILD(dk_write(k, b, 0, small, sizeof(small)) == 0);
	DK_CHILD(dk_write(k, c, 0, small, sizeof(small)) == 0);
	DK_CHILD(dk_write(k, d, 0, small, sizeof(small)) == 0);
	DK_CHILD(dk_truncate(k, d, 10000) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, a, false) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, b, false) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, c, false) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, d, false) == 0);
	DK_CHILD(dk_truncate(k, a, 1000) == 0);
	DK_CHILD(dk_truncate(k, a, 2000) == 0);
	DK_CHILD(cdx_vol_unlink(k->v, CDX_ROOT_INO, "gone") == 0);
	cdx_vol_forget(k->v, b, 1);
	DK_CHILD(cdx_vol_fallocate(k->v, c,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   500, 1000) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, CDX_ROOT_INO, false) == 0);
}

static void test_later(void **state)
{
	struct dk k;
	uint8_t want[10000];

	(void)state;
	setup(&k);
	dk_crash(&k, later);
	dk_open(&k);
	memset(want, 0, sizeof(want));
	memcpy(want, small, 1000);
	expect(&k, "cut", want, 2000);
	memcpy(want, small, sizeof(small));
	expect(&k, "grown", want, 10000);
	memset(want + 500, 0, 1000);
	expect(&k, "punched", want, sizeof(small));
	assert_int_equal(dk_find(&k, "gone"), 0);
	done(&k);
}

/* ---- times ---- */

static void with_times(struct dk *k)
{
	struct cdx_attr a = {.mtime = {1000, 5}, .atime = {2000, 6}};
	struct cdx_attr out;
	uint64_t ino;

	DK_CHILD(dk_mk(k, "t", &ino) == 0);
	DK_CHILD(dk_write(k, ino, 0, small, 100) == 0);
	DK_CHILD(cdx_vol_setattr(k->v, ino, &a, CDX_SET_MTIME | CDX_SET_ATIME,
				 NULL, &out) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, ino, false) == 0);
}

static void test_times(void **state)
{
	struct dk k;
	struct cdx_attr a;

	(void)state;
	setup(&k);
	dk_crash(&k, with_times);
	dk_open(&k);
	a = dk_attr(&k, dk_find(&k, "t"));
	assert_int_equal(a.mtime.tv_sec, 1000);
	assert_int_equal(a.mtime.tv_nsec, 5);
	assert_int_equal(a.size, 100);
	dk_check(&k);
	a = dk_attr(&k, dk_find(&k, "t"));
	assert_int_equal(a.mtime.tv_sec, 1000);
	expect(&k, "t", small, 100);
	done(&k);
}

/* ---- rename ---- */

static void save_by_rename(struct dk *k)
{
	uint64_t a;
	uint64_t b;

	DK_CHILD(dk_mk(k, "doc", &a) == 0);
	DK_CHILD(dk_write(k, a, 0, "old", 3) == 0);
	DK_CHILD(cdx_store_commit(k->s) == 0);
	DK_CHILD(dk_mk(k, "doc.new", &b) == 0);
	DK_CHILD(dk_write(k, b, 0, small, sizeof(small)) == 0);
	DK_CHILD(cdx_vol_rename(k->v, CDX_ROOT_INO, "doc.new", CDX_ROOT_INO,
				"doc", 0) == 0);
}

static void rename_then_sync(struct dk *k)
{
	uint64_t other;

	save_by_rename(k);
	DK_CHILD(dk_mk(k, "other", &other) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, other, false) == 0);
}

static void rename_large(struct dk *k)
{
	uint64_t b;

	DK_CHILD(dk_mk(k, "doc", &b) == 0);
	DK_CHILD(dk_mk(k, "doc.new", &b) == 0);
	/* not aligned: stays in memory */
	for (size_t off = 0; off + 10000 <= sizeof(large); off += 10000)
		DK_CHILD(dk_write(k, b, off, large + off, 10000) == 0);
	DK_CHILD(cdx_vol_rename(k->v, CDX_ROOT_INO, "doc.new", CDX_ROOT_INO,
				"doc", 0) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, CDX_ROOT_INO, false) == 0);
}

static void test_rename(void **state)
{
	struct dk k;

	(void)state;
	setup(&k);
	dk_crash(&k, save_by_rename);
	dk_open(&k);
	/* the rename was not durable: the old content, whole */
	expect(&k, "doc", (const uint8_t *)"old", 3);
	done(&k);
	setup(&k);
	dk_crash(&k, rename_then_sync);
	dk_open(&k);
	expect(&k, "doc", small, sizeof(small));
	assert_int_equal(dk_find(&k, "doc.new"), 0);
	done(&k);
	setup(&k);
	dk_crash(&k, rename_large);
	dk_open(&k);
	expect(&k, "doc", large, sizeof(large));
	done(&k);
}

/* ---- never torn ---- */

/* An unaligned write whose middle goes straight to the segment, then the log
 * of another file is flushed: the size must not run ahead of the head. */
static void torn(struct dk *k)
{
	uint64_t a;
	uint64_t b;

	DK_CHILD(dk_mk(k, "a", &a) == 0);
	DK_CHILD(dk_mk(k, "b", &b) == 0);
	DK_CHILD(dk_write(k, a, 0, large, 1000) == 0);
	DK_CHILD(dk_write(k, a, 1000, large + 1000, 400000) == 0);
	DK_CHILD(dk_write(k, b, 0, "b", 1) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, b, false) == 0);
}

static void test_torn(void **state)
{
	struct dk k;
	uint64_t size;

	(void)state;
	setup(&k);
	dk_crash(&k, torn);
	dk_open(&k);
	size = dk_attr(&k, dk_find(&k, "a")).size;
	assert_true(size <= 401000);
	expect(&k, "a", large, size);
	done(&k);
}

/* ---- random work with crashes ---- */

struct script {
	uint64_t seed;
	unsigned steps;
};
static struct script script;

/* One step on the file in the child, on the model in the parent */
static void step(struct dk *k, uint64_t ino, struct seed *sd,
		 struct dk_model *m)
{
	static uint8_t buf[20000];
	size_t len = 1 + seed_below(sd, sizeof(buf));
	size_t off = seed_below(sd, 150000);
	unsigned what = (unsigned)seed_below(sd, 8);

	if (what >= 4)
		seed_fill(sd, buf, len);
	if (m && what == 0)
		dk_model_size(m, off);
	if (m && what >= 4)
		dk_model_put(m, off, buf, len);
	if (m)
		return;
	if (what == 0)
		DK_CHILD(dk_truncate(k, ino, off) == 0);
	else if (what == 1)
		DK_CHILD(cdx_store_commit(k->s) == 0);
	else if (what < 4)
		DK_CHILD(cdx_vol_fsync(k->v, ino, false) == 0);
	else
		DK_CHILD(dk_write(k, ino, off, buf, len) == 0);
}

static void run_script(struct dk *k)
{
	struct seed sd = {.state = script.seed};
	uint64_t ino = dk_find(k, "f");

	if (ino == 0)
		DK_CHILD(dk_mk(k, "f", &ino) == 0);
	for (unsigned i = 0; i < script.steps; i++)
		step(k, ino, &sd, NULL);
	DK_CHILD(cdx_vol_fsync(k->v, ino, false) == 0);
}

static void test_random(void **state)
{
	struct seed sd = seed_start("fsync");
	struct dk_model m;
	struct dk k;

	(void)state;
	setup(&k);
	dk_model_init(&m, 0, 200000);
	for (unsigned round = 0; round < 12; round++) {
		struct seed s;

		script.seed = seed_u64(&sd);
		script.steps = (unsigned)seed_below(&sd, 40);
		dk_crash(&k, run_script);
		s.state = script.seed;
		for (unsigned i = 0; i < script.steps; i++)
			step(NULL, 0, &s, &m);
		dk_open(&k);
		m.ino = dk_find(&k, "f");
		dk_model_check(&k, &m);
		if (seed_below(&sd, 2))
			dk_check(&k);
		dk_close(&k);
	}
	free(m.p);
	dk_free(&k);
}

/* ---- a file that cannot be written out ---- */

static int shares(struct dk *k, uint64_t bytes)
{
	uint64_t share[CDX_SHARES] = {bytes, 0, 0};

	return cdx_store_set_shares(k->s, share);
}

/* Bytes are accepted, one part is fsynced, then the share shrinks */
static void stuck(struct dk *k)
{
	uint64_t a;
	uint64_t b;

	DK_CHILD(dk_mk(k, "a", &a) == 0);
	DK_CHILD(dk_mk(k, "b", &b) == 0);
	/* appended: whole chunks in memory, which need a segment */
	DK_CHILD(cdx_vol_write(k->v, a, 0, large, 200000, true) == 0);
	DK_CHILD(cdx_vol_fsync(k->v, a, false) == 0);
	DK_CHILD(dk_write(k, b, 0, large, 60000) == 0);
	DK_CHILD(shares(k, 1 << 20) == 0);
	/* the group goes on, and so does the next */
	DK_CHILD(cdx_store_commit(k->s) == 0);
	DK_CHILD(cdx_vol_unlink(k->v, CDX_ROOT_INO, "c") == -ENOENT);
	DK_CHILD(dk_mk(k, "c", &b) == 0);
	DK_CHILD(cdx_store_commit(k->s) == 0);
	DK_CHILD(cdx_vol_error(k->v, a) == -ENOSPC);
}

static void test_stuck(void **state)
{
	struct dk k;
	enum cdx_file_state st;
	uint64_t a;

	(void)state;
	setup(&k);
	dk_crash(&k, stuck);
	dk_open(&k);
	/* logged, carried over two groups, replayed, still not written out */
	expect(&k, "a", large, 200000);
	a = dk_find(&k, "a");
	assert_true(dk_find(&k, "c") != 0);
	assert_int_equal(cdx_vol_state(k.v, a, &st), 0);
	assert_int_equal(st, CDX_STATE_DIRTY);
	assert_int_equal(shares(&k, (uint64_t)512 << 20), 0);
	assert_int_equal(cdx_store_commit(k.s), 0);
	assert_int_equal(cdx_vol_state(k.v, a, &st), 0);
	assert_int_equal(st, CDX_STATE_OPEN);
	dk_reopen(&k);
	expect(&k, "a", large, 200000);
	done(&k);
}

/* ---- options and errors ---- */

static void sync_write(struct dk *k)
{
	uint64_t ino;

	DK_CHILD(dk_mk(k, "s", &ino) == 0);
	DK_CHILD(dk_write(k, ino, 0, small, sizeof(small)) == 0);
}

static void test_sync_write(void **state)
{
	struct dk k;

	(void)state;
	setup(&k);
	k.sync_write = true;
	dk_crash(&k, sync_write);
	dk_open(&k);
	expect(&k, "s", small, sizeof(small));
	done(&k);
}

static void test_late_error(void **state)
{
	struct dk k;
	struct cdx_vnode *n;
	uint64_t ino;

	(void)state;
	setup(&k);
	dk_open(&k);
	ino = dk_file(&k, "e");
	assert_int_equal(cdx_vol_error(k.v, ino), 0);
	assert_int_equal(cdx_vnode_get(k.v, &n, ino), 0);
	cdx_data_late(k.v, n, CDX_E_QUOTA);
	assert_int_equal(cdx_vol_error(k.v, ino), -ENOSPC);
	assert_int_equal(cdx_vol_error(k.v, ino), 0);
	cdx_data_late(k.v, n, -EIO);
	assert_int_equal(cdx_vol_fsync(k.v, ino, false), -EIO);
	assert_int_equal(cdx_vol_fsync(k.v, ino, false), 0);
	cdx_vnode_put(k.v, n);
	done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic),
		cmocka_unit_test(test_overwrite),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_readonly),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_rename),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_sync_write),
		cmocka_unit_test(test_late_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
