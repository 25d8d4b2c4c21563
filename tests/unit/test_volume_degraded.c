/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seg_protect.h"

#include <pthread.h>
#include <stdatomic.h>

#include "repair/repair.h"

static void test_evicted(void **state)
{
	struct seed s = seed_start("evicted");
	size_t len = 60 * BLOCK + 123;
	uint8_t *p = noise(&s, len);
	uint8_t small[4096];
	struct seg_env e;
	uint64_t made;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	ino = put_file(&e, "a", p, len);
	protect(&e);
	seg_env_same(&e, ino, p, len);
	evict(&e, 2);
	seg_env_same(&e, ino, p, len);
	made = status(&e).degraded_reads;
	assert_true(made > 0);
	/* 4 KiB at a time, anywhere: the block is made once */
	for (size_t at = 5; at + sizeof(small) < 4 * BLOCK; at += 4000) {
		assert_int_equal(seg_env_read(&e, ino, at, small,
					      sizeof(small)),
				 sizeof(small));
		assert_memory_equal(small, p + at, sizeof(small));
	}
	assert_int_equal(status(&e).degraded_reads, made);
	assert_int_equal(status(&e).read_errors, 0);
	/* given away on purpose: no bad blocks */
	assert_int_equal(bad_blocks(&e), 0);
	seg_env_clean(&e);
	seg_env_reopen(&e);
	ino = seg_env_find(&e, "a");
	seg_env_same(&e, ino, p, len);
	assert_int_equal(bad_blocks(&e), 0);
	seg_env_free(&e);
	free(p);
}

static void test_damaged(void **state)
{
	struct seed s = seed_start("damaged");
	size_t len = 60 * BLOCK;
	uint8_t *p = noise(&s, len);
	struct cdx_extent x;
	struct seg_env e;
	uint8_t c;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 4, 1);
	ino = put_file(&e, "a", p, len);
	protect(&e);
	x = seg_env_extent(&e, ino, 0);
	assert_int_equal(x.loc.kind, CDX_LOC_SEGMENT);
	seg_env_flip(&e, x.loc.area, (off_t)x.loc.off + 5000);
	seg_env_same(&e, ino, p, len);
	assert_int_equal(bad_blocks(&e), 1);
	seg_env_same(&e, ino, p, len);
	assert_int_equal(bad_blocks(&e), 1);
	assert_int_equal(status(&e).degraded_reads, 1);
	assert_int_equal(status(&e).read_errors, 0);
	seg_env_reopen(&e);
	ino = seg_env_find(&e, "a");
	/* one more of the same step than there is parity for */
	evict(&e, 1);
	x = seg_env_extent(&e, ino, 0);
	seg_env_flip(&e, x.loc.area,
		     (off_t)(x.loc.off +
			     protection_of(&e, x.loc.area).steps * BLOCK));
	assert_int_equal(seg_env_read(&e, ino, 0, &c, 1), -EIO);
	assert_true(status(&e).read_errors > 0);
	seg_env_free(&e);
	free(p);
}

static void test_file_gone(void **state)
{
	struct seed s = seed_start("file_gone");
	size_t len = 30 * BLOCK + 99;
	uint8_t *p = noise(&s, len);
	char path[PATH_MAX];
	struct areas a;
	struct seg_env e;
	uint64_t ino;

	(void)state;
	/* as much parity as data: the whole segment file may vanish */
	seg_env_new(&e, SHARE, 2, 2);
	ino = put_file(&e, "a", p, len);
	protect(&e);
	a = protected_areas(&e);
	seg_env_close(&e);
	for (unsigned i = 0; i < a.n; i++) {
		seg_env_area_path(&e, path, a.area[i]);
		assert_int_equal(truncate(path, i ? 0 : 70000), 0);
	}
	seg_env_open(&e);
	ino = seg_env_find(&e, "a");
	seg_env_same(&e, ino, p, len);
	assert_int_equal(status(&e).read_errors, 0);
	seg_env_free(&e);
	free(p);
}

/* Compaction reads what is not here, and what was given back of a segment that
 * goes is not given back twice */
static void test_compact(void **state)
{
	struct seed s = seed_start("compact");
	size_t len = 60 * BLOCK + 3000;
	uint8_t *p = noise(&s, len);
	struct seg_env_count c;
	struct seg_env e;
	int64_t empty;
	uint64_t ino;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	empty = used(&e);
	put_file(&e, "a", p, len);
	ino = put_file(&e, "b", p + 1000, len - 1000);
	protect(&e);
	evict(&e, 2);
	seg_env_drop(&e, "a");
	assert_int_equal(cdx_vol_compact(e.v, 101, NULL, NULL), 0);
	c = seg_env_segments(&e);
	assert_int_equal(c.dropping, 0);
	assert_int_equal(c.sealed, 0);
	assert_int_equal(status(&e).seg_protected, 0);
	seg_env_same(&e, ino, p + 1000, len - 1000);
	assert_int_equal(bad_blocks(&e), 0);
	seg_env_clean(&e);
	protect(&e);
	seg_env_same(&e, ino, p + 1000, len - 1000);
	seg_env_drop(&e, "b");
	assert_int_equal(cdx_vol_compact(e.v, 101, NULL, NULL), 0);
	seg_env_reclaim(&e);
	assert_int_equal(used(&e), empty);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* ---- slots come and go under readers ---- */

#define READERS 3
#define READS 150

struct reader {
	struct seg_env *e;
	uint64_t ino;
	const uint8_t *p;
	size_t len;
	uint64_t seed;
	atomic_uint *wrong;
	atomic_uint *ended;
};

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct seed s = {.state = r->seed};
	uint8_t *buf = malloc(2 * BLOCK);

	for (int i = 0; buf && i < READS; i++) {
		size_t off = seed_below(&s, r->len);
		size_t n = 1 + seed_below(&s, i % 2 ? 5000 : 2 * BLOCK - 1);

		if (n > r->len - off)
			n = r->len - off;
		if (seg_env_read(r->e, r->ino, off, buf, n) != (ssize_t)n ||
		    memcmp(buf, r->p + off, n) != 0)
			atomic_fetch_add(r->wrong, 1);
	}
	if (!buf)
		atomic_fetch_add(r->wrong, 1);
	free(buf);
	atomic_fetch_add(r->ended, 1);
	return NULL;
}

static void evict_and_back(struct seg_env *e, uint32_t slot)
{
	struct areas a = protected_areas(e);
	struct cdx_rebuild o = {.pool = NULL};
	struct cdx_rebuild_report report;
	char why[CDX_REPAIR_WHY_MAX];

	for (unsigned i = 0; i < a.n; i++) {
		struct cdx_protection p = protection_of(e, a.area[i]);
		struct cdx_cid cid =
			cdx_cid_sha256(CDX_CODEC_MANIFEST, &p.verifiable);
		struct cdx_slots sl = {0};

		assert_int_equal(cdx_slot_evict(e->s, &p, slot), 0);
		seg_env_reclaim(e);
		assert_int_equal(cdx_slots_open(&sl, e->s, &cid), 0);
		assert_int_equal(
			cdx_rebuild_slot(e->s, &sl, slot, &o, &report, why), 0);
		cdx_slots_free(&sl);
	}
}

static void test_readers(void **state)
{
	struct seed s = seed_start("readers");
	size_t len = 100 * BLOCK + 123;
	uint8_t *p = noise(&s, len);
	struct reader r[READERS];
	pthread_t id[READERS];
	atomic_uint wrong;
	atomic_uint ended;
	struct seg_env e;
	uint64_t ino;

	(void)state;
	atomic_init(&wrong, 0);
	atomic_init(&ended, 0);
	seg_env_new(&e, SHARE, 4, 2);
	ino = put_file(&e, "a", p, len);
	protect(&e);
	for (unsigned i = 0; i < READERS; i++) {
		r[i] = (struct reader){&e,	     ino,    p,	    len,
				       seed_u64(&s), &wrong, &ended};
		assert_int_equal(pthread_create(&id[i], NULL, read_on, &r[i]),
				 0);
	}
	for (uint32_t slot = 0; atomic_load(&ended) < READERS; slot++)
		evict_and_back(&e, slot % 6);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(id[i], NULL), 0);
	assert_int_equal(atomic_load(&wrong), 0);
	assert_int_equal(status(&e).read_errors, 0);
	assert_int_equal(bad_blocks(&e), 0);
	seg_env_same(&e, ino, p, len);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_evicted),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_file_gone),
		cmocka_unit_test(test_compact),
		cmocka_unit_test(test_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
