/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "seg_env.h"

#define SHARE (256 * ENV_MIB) /* k 10, m 5: segments of 160 blocks */

static void small_name(char out[16], unsigned i)
{
	(void)snprintf(out, 16, "f%u", i);
}

/* Content that depends on the number: longer than an inline value */
static size_t small_bytes(uint8_t *out, unsigned i)
{
	struct seed s = {.state = i};
	size_t len = 2000 + seed_below(&s, 9000);

	seed_fill(&s, out, len);
	return len;
}

static void make_small(struct seg_env *e, unsigned from, unsigned to)
{
	uint8_t p[16384];
	char name[16];

	for (unsigned i = from; i < to; i++) {
		size_t len = small_bytes(p, i);

		small_name(name, i);
		seg_env_write(e, seg_env_make(e, name), 0, p, len);
	}
}

static void check_small(struct seg_env *e, unsigned from, unsigned to)
{
	uint8_t p[16384];
	char name[16];

	for (unsigned i = from; i < to; i++) {
		size_t len = small_bytes(p, i);

		small_name(name, i);
		seg_env_same(e, seg_env_find(e, name), p, len);
	}
}

static uint64_t record_bytes(struct seg_env *e)
{
	return (uint64_t)cdx_kv_counter(e->s, CDX_CNT_RECORD_LIVE);
}

static size_t record_files(struct seg_env *e)
{
	size_t n = 0;

	cdx_list_foreach(pos, &e->v->segs->recfiles)
		n++;
	return n;
}

static void test_pack(void **state)
{
	struct seg_env e;
	char name[16];
	uint64_t used;

	(void)state;
	seg_env_new(&e, SHARE, 10, 5);
	make_small(&e, 0, 300);
	seg_env_commit(&e);
	assert_true(record_bytes(&e) > 300 * 2000);
	assert_int_equal(record_files(&e), 1);
	used = (uint64_t)cdx_kv_counter(e.s, CDX_CNT_USED_VOLUME);
	/* parity's part is charged; each record is rounded up */
	assert_in_range(used, record_bytes(&e) * 3 / 2,
			record_bytes(&e) * 3 / 2 + 300);
	assert_int_equal(cdx_pack(e.v, cdx_clock_mono_ns(), NULL, NULL), 0);
	assert_int_equal(record_bytes(&e), 0);
	assert_int_equal(record_files(&e), 0);
	check_small(&e, 0, 300);
	for (unsigned i = 0; i < 300; i++) {
		small_name(name, i);
		assert_int_equal(
			seg_env_extent(&e, seg_env_find(&e, name), 0).loc.kind,
			CDX_LOC_SEGMENT);
	}
	seg_env_clean(&e);
	seg_env_reopen(&e);
	check_small(&e, 0, 300);
	seg_env_clean(&e);
	seg_env_free(&e);
}

/* What does not fill a block waits, unless it must not */
static void test_leftover(void **state)
{
	struct seg_env e;
	uint64_t later = UINT64_MAX;

	(void)state;
	seg_env_new(&e, SHARE, 10, 5);
	make_small(&e, 0, 4);
	seg_env_commit(&e);
	pthread_mutex_lock(&e.v->segs->job_mu);
	assert_int_equal(cdx_pack_files(e.v, later, false, NULL, NULL), 0);
	pthread_mutex_unlock(&e.v->segs->job_mu);
	assert_true(record_bytes(&e) > 0);
	assert_int_equal(seg_env_segments(&e).open, 0);
	make_small(&e, 4, 60);
	seg_env_commit(&e);
	pthread_mutex_lock(&e.v->segs->job_mu);
	assert_int_equal(cdx_pack_files(e.v, later, false, NULL, NULL), 0);
	pthread_mutex_unlock(&e.v->segs->job_mu);
	assert_in_range(record_bytes(&e), 0, CDX_BLOCK_SIZE + 8192);
	assert_int_equal(seg_env_segments(&e).open, 1);
	check_small(&e, 0, 60);
	seg_env_clean(&e);
	assert_int_equal(cdx_pack(e.v, later, NULL, NULL), 0);
	assert_int_equal(record_bytes(&e), 0);
	check_small(&e, 0, 60);
	seg_env_clean(&e);
	seg_env_free(&e);
}

/* Young records are left alone */
static void test_young(void **state)
{
	struct seg_env e;
	uint64_t before;

	(void)state;
	seg_env_new(&e, SHARE, 10, 5);
	before = cdx_clock_mono_ns();
	make_small(&e, 0, 60);
	seg_env_commit(&e);
	pthread_mutex_lock(&e.v->segs->job_mu);
	assert_int_equal(cdx_pack_files(e.v, before, false, NULL, NULL), 0);
	pthread_mutex_unlock(&e.v->segs->job_mu);
	assert_int_equal(seg_env_segments(&e).open, 0);
	seg_env_free(&e);
}

/* A shared record is packed once, however it is shared; parts of it that
 * nobody refers to are not packed at all */
static void test_shared(void **state)
{
	struct seed s = seed_start("shared");
	uint8_t p[50000];
	struct cdx_extent x;
	struct cdx_extent y;
	struct seg_env e;
	uint64_t a;
	uint64_t b;

	(void)state;
	seed_fill(&s, p, sizeof(p));
	seg_env_new(&e, SHARE, 10, 5);
	a = seg_env_make(&e, "a");
	b = seg_env_make(&e, "b");
	seg_env_write(&e, a, 0, p, sizeof(p));
	seg_env_commit(&e);
	assert_int_equal(cdx_vol_copy_range(e.v, a, 20000, b, 0, 20000), 20000);
	assert_int_equal(cdx_vol_fallocate(e.v, a,
					   FALLOC_FL_PUNCH_HOLE |
						   FALLOC_FL_KEEP_SIZE,
					   0, 10000),
			 0);
	seg_env_commit(&e);
	assert_int_equal(cdx_pack(e.v, UINT64_MAX, NULL, NULL), 0);
	x = seg_env_extent(&e, a, 20000);
	y = seg_env_extent(&e, b, 0);
	assert_int_equal(x.loc.kind, CDX_LOC_SEGMENT);
	assert_int_equal(y.loc.kind, CDX_LOC_SEGMENT);
	assert_int_equal(x.loc.off + (20000 - x.off), y.loc.off);
	assert_int_equal(seg_env_segments(&e).last_open.used, 1);
	memset(p, 0, 10000);
	seg_env_same(&e, a, p, sizeof(p));
	seg_env_same(&e, b, p + 20000, 20000);
	seg_env_clean(&e);
	seg_env_free(&e);
}

/* ---- while files are written ---- */

struct writer {
	struct seg_env *e;
	uint64_t ino;
	uint64_t seed;
	uint8_t *model;
	size_t len;
	atomic_bool *stop;
};

static void *writer_run(void *arg)
{
	struct writer *w = arg;
	struct seed s = {.state = w->seed};

	while (!atomic_load(w->stop)) {
		size_t off = seed_below(&s, w->len - 20000);
		size_t n = 1 + seed_below(&s, 20000);

		seed_fill(&s, w->model + off, n);
		if (cdx_vol_write(w->e->v, w->ino, off, w->model + off, n,
				  false) < 0)
			abort();
		if (seed_below(&s, 20) == 0 &&
		    cdx_vol_fsync(w->e->v, w->ino, true) < 0)
			abort();
		if (seed_below(&s, 50) == 0)
			(void)usleep(1000);
	}
	return NULL;
}

/* Packer, sealer, compactor and committer at work under two writers */
static void test_concurrent(void **state)
{
	struct seed s = seed_start("concurrent");
	struct writer w[2];
	pthread_t t[2];
	atomic_bool stop = false;
	struct seg_env e;
	char name[16];

	(void)state;
	seg_env_new(&e, 512 * ENV_MIB, 10, 5);
	seg_env_close(&e);
	e.background = true;
	e.pack_age_s = 1;
	e.seal_age_s = 1;
	e.commit_ms = 50;
	seg_env_open(&e);
	for (unsigned i = 0; i < 2; i++) {
		small_name(name, 1000 + i);
		w[i].e = &e;
		w[i].len = 3 * ENV_MIB + 77;
		w[i].model = calloc(1, w[i].len);
		w[i].ino = seg_env_make(&e, name);
		w[i].seed = seed_u64(&s);
		w[i].stop = &stop;
		seg_env_write(&e, w[i].ino, 0, w[i].model, w[i].len);
		assert_int_equal(pthread_create(&t[i], NULL, writer_run, &w[i]),
				 0);
	}
	for (int i = 0; i < 30; i++) {
		(void)usleep(100000);
		cdx_background_kick(e.v);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		seg_env_same(&e, w[i].ino, w[i].model, w[i].len);
	}
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	e.background = false;
	e.commit_ms = 0;
	seg_env_reopen(&e);
	for (unsigned i = 0; i < 2; i++) {
		small_name(name, 1000 + i);
		seg_env_same(&e, seg_env_find(&e, name), w[i].model, w[i].len);
		free(w[i].model);
	}
	seg_env_clean(&e);
	seg_env_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_leftover),
		cmocka_unit_test(test_young),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_concurrent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
