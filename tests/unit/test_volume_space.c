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

#define SHARE (96 * ENV_MIB) /* k 4, m 2: segments of 64 blocks */

/* A hold that was granted can be written out; returns the bytes taken */
static uint64_t fill(struct seg_env *e, struct seed *s, const char *name,
		     size_t max)
{
	uint8_t *p = malloc(max);
	uint64_t ino = seg_env_make(e, name);
	uint64_t off = 0;

	assert_non_null(p);
	seed_fill(s, p, max < 4096 ? max : 4096);
	for (;;) {
		size_t n = 1 + seed_below(s, max);
		int r = cdx_vol_write(e->v, ino, off, p, n, false);

		if (r == -ENOSPC)
			break;
		assert_int_equal(r, 0);
		off += n;
		if (seed_below(s, 1 + 8000000 / max) == 0)
			assert_int_equal(cdx_store_commit(e->s), 0);
		assert_int_equal(cdx_vol_error(e->v, ino), 0);
	}
	assert_int_equal(cdx_store_commit(e->s), 0);
	assert_int_equal(cdx_vol_error(e->v, ino), 0);
	free(p);
	return off;
}

static void test_fill(void **state)
{
	struct seed s = seed_start("fill");
	const size_t sizes[] = {3000, 20000, 70000, 1000000};
	struct cdx_statfs before;
	struct cdx_statfs full;
	struct cdx_statfs after;
	struct seg_env e;

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(sizes); i++) {
		uint64_t got;

		seg_env_new(&e, SHARE, 4, 2);
		cdx_vol_statfs(e.v, &before);
		assert_int_equal(before.bytes, before.bytes_free);
		assert_true(before.bytes < SHARE * 2 / 3);
		assert_true(before.bytes > SHARE / 2 - 4 * ENV_MIB);
		got = fill(&e, &s, "a", sizes[i]);
		cdx_vol_statfs(e.v, &full);
		/* small pieces cost more than their bytes */
		assert_true(got > before.bytes * 3 / 4);
		/* records need no footer: a little more than promised */
		assert_true(got <= before.bytes + 2 * ENV_MIB);
		assert_true(full.bytes_free < 2 * ENV_MIB);
		assert_true((uint64_t)cdx_kv_counter(
				    e.s, CDX_CNT_USED_VOLUME) <= SHARE);
		seg_env_clean(&e);
		/* and comes back */
		seg_env_drop(&e, "a");
		if (i % 2) {
			assert_int_equal(cdx_vol_compact(e.v, 50, NULL, NULL),
					 0);
			seg_env_reclaim(&e);
			cdx_vol_statfs(e.v, &after);
			assert_int_equal(after.bytes_free, before.bytes_free);
		}
		got = fill(&e, &s, "b", sizes[i]);
		assert_true(got > before.bytes * 2 / 3);
		seg_env_clean(&e);
		seg_env_free(&e);
	}
}

/* A hold is exact, and so is its release */
static void test_hold(void **state)
{
	struct cdx_statfs a;
	struct cdx_statfs b;
	struct seg_env e;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	cdx_vol_statfs(e.v, &a);
	assert_int_equal(cdx_space_hold(e.v, a.bytes_free), 0);
	cdx_vol_statfs(e.v, &b);
	assert_int_equal(b.bytes_free, 0);
	assert_int_equal(cdx_space_hold(e.v, 1), -ENOSPC);
	cdx_space_release(e.v, 1000);
	assert_int_equal(cdx_space_hold(e.v, 1001), -ENOSPC);
	assert_int_equal(cdx_space_hold(e.v, 1000), 0);
	cdx_space_release(e.v, a.bytes_free);
	cdx_vol_statfs(e.v, &b);
	assert_int_equal(b.bytes_free, a.bytes_free);
	seg_env_free(&e);
}

/* Unlinking works on a full volume, and what was full of holes is compacted
 * when the next write needs the space */
static void test_compact_when_full(void **state)
{
	struct seed s = seed_start("compact_when_full");
	uint8_t *p = malloc(ENV_MIB);
	struct cdx_vol_status st;
	struct seg_env e;
	uint64_t len;
	uint64_t ino;
	uint64_t b;
	int r;

	(void)state;
	seed_fill(&s, p, ENV_MIB);
	seg_env_new(&e, SHARE, 4, 2);
	len = fill(&e, &s, "a", ENV_MIB);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	ino = seg_env_find(&e, "a");
	/* sealing gave the unused end of a segment back */
	while ((r = cdx_vol_write(e.v, ino, len, p, ENV_MIB, false)) == 0)
		len += ENV_MIB;
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	/* every other 128 KiB goes: all segments are half empty */
	for (uint64_t off = 0; off + 131072 <= len; off += 262144)
		assert_int_equal(cdx_vol_fallocate(e.v, ino,
						   FALLOC_FL_PUNCH_HOLE |
							   FALLOC_FL_KEEP_SIZE,
						   off, 131072),
				 0);
	b = seg_env_make(&e, "b");
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(cdx_vol_write(e.v, b, i * ENV_MIB, p, ENV_MIB,
					       false),
				 0);
		assert_int_equal(cdx_store_commit(e.s), 0);
		assert_int_equal(cdx_vol_error(e.v, b), 0);
	}
	cdx_vol_status(e.v, &st);
	assert_true(st.compactions > 0);
	for (unsigned i = 0; i < 16; i++) {
		uint8_t *out = malloc(ENV_MIB);

		assert_int_equal(seg_env_read(&e, b, i * ENV_MIB, out, ENV_MIB),
				 ENV_MIB);
		assert_memory_equal(out, p, ENV_MIB);
		free(out);
	}
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* Charges of every kind come to nothing again */
static void test_charges(void **state)
{
	struct seed s = seed_start("charges");
	uint8_t p[9000];
	struct seg_env e;
	char name[16];

	(void)state;
	seed_fill(&s, p, sizeof(p));
	seg_env_new(&e, SHARE, 4, 2);
	for (unsigned i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		seg_env_write(&e, seg_env_make(&e, name), 0, p,
			      1 + seed_below(&s, sizeof(p)));
	}
	seg_env_commit(&e);
	assert_true(cdx_kv_counter(e.s, CDX_CNT_INLINE_LIVE) > 0);
	assert_true(cdx_kv_counter(e.s, CDX_CNT_RECORD_LIVE) > 0);
	seg_env_clean(&e);
	seg_env_reopen(&e);
	seg_env_clean(&e);
	for (unsigned i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		seg_env_drop(&e, name);
	}
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_USED_VOLUME), 0);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_INLINE_LIVE), 0);
	/* closed files that are empty go by themselves */
	assert_int_equal(cdx_list_empty(&e.v->segs->recfiles), 1);
	seg_env_clean(&e);
	seg_env_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_charges),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_compact_when_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
