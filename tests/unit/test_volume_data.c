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
#include <pthread.h>

#define FILE_CAP ((size_t)3 << 20)

static void test_small(void **state)
{
	struct dk k;
	uint8_t buf[256];
	uint64_t ino;

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	ino = dk_file(&k, "f");
	assert_int_equal(dk_read(&k, ino, 0, buf, sizeof(buf)), 0);
	assert_int_equal(dk_write(&k, ino, 0, "hello", 5), 0);
	assert_int_equal(dk_read(&k, ino, 0, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	/* a hole, and two runs in one page */
	assert_int_equal(dk_write(&k, ino, 100, "x", 1), 0);
	assert_int_equal(dk_read(&k, ino, 3, buf, 200), 98);
	assert_memory_equal(buf, "lo\0", 3);
	assert_int_equal(buf[97], 'x');
	assert_int_equal(buf[96], 0);
	assert_int_equal(dk_read(&k, ino, 101, buf, 1), 0);
	dk_check(&k);
	assert_int_equal(dk_extents(&k, ino), 1);
	assert_int_equal(dk_attr(&k, ino).size, 101);
	assert_int_equal(dk_attr(&k, ino).blocks, 1);
	/* append to what is inline now */
	assert_int_equal(cdx_vol_write(k.v, ino, 0, "tail", 4, true), 0);
	dk_check(&k);
	assert_int_equal(dk_extents(&k, ino), 1);
	dk_reopen(&k);
	ino = dk_find(&k, "f");
	assert_int_equal(dk_read(&k, ino, 0, buf, sizeof(buf)), 105);
	assert_memory_equal(buf, "hello\0", 6);
	assert_memory_equal(buf + 100, "xtail", 5);
	dk_check(&k);
	dk_close(&k);
	dk_free(&k);
}

static void test_errors(void **state)
{
	struct dk k;
	uint64_t ino;
	uint8_t b = 1;
	uint8_t buf[4];

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	ino = dk_file(&k, "f");
	assert_int_equal(dk_write(&k, CDX_ROOT_INO, 0, &b, 1), -EISDIR);
	assert_int_equal(dk_read(&k, CDX_ROOT_INO, 0, &b, 1), -EISDIR);
	assert_int_equal(dk_write(&k, 99999, 0, &b, 1), -ESTALE);
	assert_int_equal(dk_read(&k, 99999, 0, &b, 1), -ESTALE);
	assert_int_equal(dk_write(&k, ino, (uint64_t)CDX_FILE_MAX, &b, 1),
			 -EFBIG);
	assert_int_equal(dk_write(&k, ino, UINT64_MAX, &b, 1), -EFBIG);
	/* the last byte of the largest file */
	assert_int_equal(dk_write(&k, ino, (uint64_t)CDX_FILE_MAX - 1, &b, 1),
			 0);
	assert_int_equal(cdx_vol_write(k.v, ino, 0, &b, 1, true), -EFBIG);
	assert_int_equal(dk_read(&k, ino, (uint64_t)CDX_FILE_MAX - 2, buf, 4),
			 2);
	assert_int_equal(buf[1], 1);
	dk_check(&k);
	assert_int_equal(dk_truncate(&k, ino, (uint64_t)CDX_FILE_MAX + 1),
			 -EFBIG);
	assert_int_equal(dk_truncate(&k, ino, 0), 0);
	assert_int_equal(dk_extents(&k, ino), 0);
	assert_int_equal(dk_attr(&k, ino).blocks, 0);
	dk_check(&k);
	dk_close(&k);
	k.readonly = true;
	dk_open(&k);
	assert_int_equal(dk_write(&k, dk_find(&k, "f"), 0, &b, 1), -EROFS);
	dk_close(&k);
	dk_free(&k);
}

/* Writes in a row become long extents of blocks */
static void test_stream(void **state)
{
	const size_t call = (size_t)1 << 20;
	struct dk k;
	struct dk_model m;
	enum cdx_file_state st;
	uint8_t *buf = malloc(call);
	size_t odd = 0;

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	dk_model_init(&m, dk_file(&k, "f"), 12 * call);
	for (unsigned i = 0; i < 8; i++) {
		dk_fill(buf, call, i * call, 1);
		assert_int_equal(dk_write(&k, m.ino, i * call, buf, call), 0);
		dk_model_put(&m, i * call, buf, call);
	}
	assert_int_equal(cdx_vol_state(k.v, m.ino, &st), 0);
	assert_int_equal(st, CDX_STATE_OPEN);
	assert_true(dk_extents(&k, m.ino) <= 2);
	dk_model_check(&k, &m);
	/* calls that are not aligned still end as blocks */
	for (odd = m.size; odd + 100000 < 11 * call; odd += 100000) {
		dk_fill(buf, 100000, odd, 2);
		assert_int_equal(dk_write(&k, m.ino, odd, buf, 100000), 0);
		dk_model_put(&m, odd, buf, 100000);
	}
	assert_int_equal(cdx_vol_state(k.v, m.ino, &st), 0);
	assert_int_equal(st, CDX_STATE_DIRTY);
	dk_model_check(&k, &m);
	dk_check(&k);
	assert_true(dk_extents(&k, m.ino) <= 3);
	dk_model_check(&k, &m);
	dk_reopen(&k);
	m.ino = dk_find(&k, "f");
	dk_model_check(&k, &m);
	dk_check(&k);
	dk_close(&k);
	dk_free(&k);
	free(m.p);
	free(buf);
}

/* ---- random work against the model ---- */

static void one_write(struct dk *k, struct dk_model *m, struct seed *sd,
		      uint8_t *buf)
{
	static const size_t most[] = {10, 3000, 5000, 70000, 400000};
	size_t len = 1 + seed_below(sd, most[seed_below(sd, 5)]);
	size_t off = seed_below(sd, FILE_CAP - len);
	bool append = seed_below(sd, 8) == 0;

	if (seed_below(sd, 3) == 0)
		off -= off % (seed_below(sd, 2) ? 65536 : 4096);
	if (m->size > 0 && seed_below(sd, 2) == 0)
		off = seed_below(sd, m->size);
	if (append)
		off = m->size;
	if (off + len > FILE_CAP)
		return;
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)seed_u64(sd);
	assert_int_equal(cdx_vol_write(k->v, m->ino, append ? 0 : off, buf, len,
				       append),
			 0);
	dk_model_put(m, off, buf, len);
}

static void one_falloc(struct dk *k, struct dk_model *m, struct seed *sd)
{
	static const int modes[] = {
		0,
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	};
	int mode = modes[seed_below(sd, 5)];
	size_t len = 1 + seed_below(sd, seed_below(sd, 2) ? 5000 : 300000);
	size_t off = seed_below(sd, FILE_CAP - len);

	assert_int_equal(cdx_vol_fallocate(k->v, m->ino, mode, off, len), 0);
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(m->p + off, 0, len);
	if (!(mode & FALLOC_FL_KEEP_SIZE) && m->size < off + len)
		m->size = off + len;
}

static void one_truncate(struct dk *k, struct dk_model *m, struct seed *sd)
{
	size_t size = seed_below(sd, 3) ? seed_below(sd, FILE_CAP)
					: seed_below(sd, 4000);

	assert_int_equal(dk_truncate(k, m->ino, size), 0);
	dk_model_size(m, size);
}

static void one_read(struct dk *k, struct dk_model *m, struct seed *sd,
		     uint8_t *buf)
{
	size_t len = 1 + seed_below(sd, 200000);
	size_t off = seed_below(sd, FILE_CAP);
	size_t want = off >= m->size ? 0 : m->size - off;

	if (want > len)
		want = len;
	assert_int_equal(dk_read(k, m->ino, off, buf, len), want);
	assert_memory_equal(buf, m->p + off, want);
}

static void one_copy(struct dk *k, struct dk_model *m, struct seed *sd)
{
	size_t len = 1 + seed_below(sd, 500000);
	size_t from = seed_below(sd, FILE_CAP - len);
	size_t to = seed_below(sd, FILE_CAP - len);
	size_t want = from >= m->size ? 0 : m->size - from;

	if ((from < to ? to - from : from - to) < len) {
		assert_int_equal(cdx_vol_copy_range(k->v, m->ino, from, m->ino,
						    to, len),
				 -EINVAL);
		return;
	}
	if (want > len)
		want = len;
	assert_int_equal(
		cdx_vol_copy_range(k->v, m->ino, from, m->ino, to, len), want);
	if (want > 0)
		dk_model_put(m, to, m->p + from, want);
}

static void one_step(struct dk *k, struct dk_model *m, struct seed *sd,
		     uint8_t *buf)
{
	switch (seed_below(sd, 16)) {
	case 0:
		one_truncate(k, m, sd);
		break;
	case 1:
		one_falloc(k, m, sd);
		break;
	case 2:
		one_copy(k, m, sd);
		break;
	case 3:
		assert_int_equal(cdx_vol_fsync(k->v, m->ino, true), 0);
		break;
	case 4:
		if (seed_below(sd, 3) == 0)
			assert_int_equal(cdx_store_commit(k->s), 0);
		break;
	case 5:
	case 6:
	case 7:
		one_read(k, m, sd, buf);
		break;
	default:
		one_write(k, m, sd, buf);
		break;
	}
}

static void random_work(size_t dirty_bytes, unsigned rounds)
{
	struct seed sd = seed_start("random_work");
	uint8_t *buf = malloc(FILE_CAP);
	struct dk_model m[2];
	struct dk k;

	dk_init(&k, 0);
	k.dirty_bytes = dirty_bytes;
	dk_open(&k);
	dk_model_init(&m[0], dk_file(&k, "a"), FILE_CAP);
	dk_model_init(&m[1], dk_file(&k, "b"), FILE_CAP);
	for (unsigned r = 0; r < rounds; r++) {
		for (unsigned i = 0; i < 60; i++)
			one_step(&k, &m[seed_below(&sd, 2)], &sd, buf);
		if (seed_below(&sd, 3) == 0) {
			dk_reopen(&k);
			m[0].ino = dk_find(&k, "a");
			m[1].ino = dk_find(&k, "b");
		}
		dk_model_check(&k, &m[0]);
		dk_model_check(&k, &m[1]);
		dk_check(&k);
		dk_model_check(&k, &m[0]);
		dk_model_check(&k, &m[1]);
	}
	dk_close(&k);
	dk_free(&k);
	free(m[0].p);
	free(m[1].p);
	free(buf);
}

static void test_random(void **state)
{
	(void)state;
	random_work(0, 12);
}

static void test_random_pressure(void **state)
{
	(void)state;
	random_work(512 << 10, 8);
}

/* ---- accounts ---- */

static uint64_t dirty_bytes(struct dk *k)
{
	struct cdx_vol_status st;

	cdx_vol_status(k->v, &st);
	return st.dirty_bytes;
}

static void test_limit(void **state)
{
	struct dk k;
	struct seed sd = seed_start("limit");
	uint8_t page[4096];
	uint64_t ino;

	(void)state;
	dk_init(&k, 0);
	k.dirty_bytes = 1 << 20;
	dk_open(&k);
	ino = dk_file(&k, "f");
	for (unsigned i = 0; i < 3000; i++) {
		memset(page, (int)i, sizeof(page));
		assert_int_equal(
			dk_write(&k, ino,
				 (uint64_t)seed_below(&sd, 4096) * 4096, page,
				 sizeof(page)),
			0);
		assert_true(dirty_bytes(&k) <= (1 << 20) + 4096);
	}
	assert_true(dirty_bytes(&k) > 0);
	dk_check(&k);
	assert_int_equal(dirty_bytes(&k), 0);
	dk_close(&k);
	dk_free(&k);
}

/* The space is full: a clean error, nothing lost, and it comes back */
static void test_nospace(void **state)
{
	struct dk k;
	struct cdx_statfs st;
	uint64_t full = 0;
	uint64_t off = 0;
	uint64_t ino;
	uint64_t start;
	uint8_t buf[100000];
	uint8_t got[100000];
	int rc = 0;

	(void)state;
	dk_init(&k, (uint64_t)64 << 20);
	dk_open(&k);
	cdx_vol_statfs(k.v, &st);
	start = st.bytes_free;
	ino = dk_file(&k, "f");
	while (rc == 0 && off < (uint64_t)64 << 20) {
		dk_fill(buf, sizeof(buf), off, 3);
		rc = dk_write(&k, ino, off, buf, sizeof(buf));
		if (rc == 0)
			off += sizeof(buf);
	}
	assert_int_equal(rc, -ENOSPC);
	full = off;
	assert_true(full > start / 2);
	dk_check(&k);
	for (off = 0; off < full; off += sizeof(buf)) {
		dk_fill(buf, sizeof(buf), off, 3);
		assert_int_equal(dk_read(&k, ino, off, got, sizeof(got)),
				 sizeof(got));
		assert_memory_equal(buf, got, sizeof(buf));
	}
	assert_int_equal(dk_truncate(&k, ino, 0), 0);
	/* what the background thread would do */
	assert_int_equal(cdx_vol_sync(k.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	assert_int_equal(cdx_vol_compact(k.v, 100, NULL, NULL), 0);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(cdx_store_commit(k.s), 0);
	cdx_vol_statfs(k.v, &st);
	assert_true(st.bytes_free > start / 2);
	assert_int_equal(cdx_vol_error(k.v, ino), 0);
	dk_check(&k);
	dk_reopen(&k);
	ino = dk_find(&k, "f");
	assert_int_equal(dk_write(&k, ino, 0, buf, sizeof(buf)), 0);
	dk_check(&k);
	dk_close(&k);
	dk_free(&k);
}

/* The name and the kernel's reference go: so do the bytes in memory */
static void test_unlinked(void **state)
{
	struct dk k;
	uint8_t buf[5000];
	uint8_t got[5000];
	uint64_t ino;

	(void)state;
	dk_init(&k, 0);
	dk_open(&k);
	ino = dk_file(&k, "f");
	dk_fill(buf, sizeof(buf), 0, 4);
	assert_int_equal(dk_write(&k, ino, 0, buf, sizeof(buf)), 0);
	assert_int_equal(cdx_vol_unlink(k.v, CDX_ROOT_INO, "f"), 0);
	assert_int_equal(dk_write(&k, ino, 70000, buf, sizeof(buf)), 0);
	assert_int_equal(cdx_store_commit(k.s), 0);
	assert_int_equal(dk_read(&k, ino, 70000, got, sizeof(got)),
			 sizeof(got));
	assert_memory_equal(got, buf, sizeof(buf));
	assert_int_equal(dk_write(&k, ino, 0, buf, sizeof(buf)), 0);
	cdx_vol_forget(k.v, ino, 1);
	assert_int_equal(cdx_store_commit(k.s), 0);
	assert_int_equal(dirty_bytes(&k), 0);
	dk_check(&k);
	dk_close(&k);
	dk_free(&k);
}

/* ---- threads ---- */

#define THREADS 4u

struct worker {
	struct dk *k;
	struct dk_model m;
	struct seed sd;
	unsigned bad;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	uint8_t *buf = malloc(200000);
	uint8_t *got = malloc(200000);

	for (unsigned i = 0; i < 200 && buf && got; i++) {
		size_t len = 1 + seed_below(&w->sd, i % 3 ? 9000 : 200000);
		size_t off = seed_below(&w->sd, FILE_CAP - len);

		dk_fill(buf, len, off, i);
		w->bad += dk_write(w->k, w->m.ino, off, buf, len) != 0;
		memcpy(w->m.p + off, buf, len);
		if (w->m.size < off + len)
			w->m.size = off + len;
		w->bad +=
			dk_read(w->k, w->m.ino, off, got, len) != (ssize_t)len;
		w->bad += memcmp(buf, got, len) != 0;
		if (i % 10 == 3)
			w->bad += cdx_vol_fsync(w->k->v, w->m.ino, true) != 0;
		if (i % 40 == 7)
			w->bad += cdx_store_commit(w->k->s) != 0;
	}
	free(buf);
	free(got);
	return NULL;
}

static void run_threads(bool background)
{
	struct seed sd = seed_start("threads");
	struct worker w[THREADS];
	pthread_t t[THREADS];
	struct dk k;

	dk_init(&k, 0);
	k.dirty_bytes = 2 << 20;
	k.background = background;
	dk_open(&k);
	for (unsigned i = 0; i < THREADS; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "t%u", i);
		w[i].k = &k;
		w[i].bad = 0;
		w[i].sd.state = seed_u64(&sd);
		dk_model_init(&w[i].m, dk_file(&k, name), FILE_CAP);
		assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		assert_int_equal(w[i].bad, 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		dk_model_check(&k, &w[i].m);
		free(w[i].m.p);
	}
	/* the check wants a volume that nobody else works on */
	dk_close(&k);
	k.background = false;
	dk_open(&k);
	dk_check(&k);
	dk_close(&k);
	dk_free(&k);
}

static void test_threads(void **state)
{
	(void)state;
	run_threads(false);
}

static void test_background(void **state)
{
	(void)state;
	run_threads(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_pressure),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_nospace),
		cmocka_unit_test(test_unlinked),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_background),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
