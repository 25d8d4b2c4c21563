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

#include "seg_protect.h"

/* What the market has of a volume: how far segments are elsewhere, as states of
 * files, and one segment emptied into others. */

#define FILE_BYTES (9 * BLOCK + 77)

/* What somebody knows of segments */
struct known {
	struct cdx_cid cid[4];
	enum cdx_file_state state[4];
	struct cdx_vol_lasts lasts[4]; /* end 0: not known */
	unsigned n;
};

static enum cdx_file_state stage(void *arg, const struct cdx_cid *verifiable)
{
	const struct known *k = arg;

	for (unsigned i = 0; i < k->n; i++)
		if (cdx_cid_equal(&k->cid[i], verifiable))
			return k->state[i];
	return CDX_STATE_PROTECTED;
}

static bool lasts(void *arg, struct cdx_vol_lasts *out,
		  const struct cdx_cid *verifiable)
{
	const struct known *k = arg;

	for (unsigned i = 0; i < k->n; i++)
		if (cdx_cid_equal(&k->cid[i], verifiable) &&
		    k->lasts[i].end != 0) {
			*out = k->lasts[i];
			return true;
		}
	return false;
}

struct look {
	const struct known *k;
	unsigned same;
};

static int look_at(void *arg, const struct cdx_segment_info *info)
{
	struct look *l = arg;

	if (info->is_protected &&
	    info->stage == stage((void *)(uintptr_t)l->k, &info->verifiable))
		l->same++;
	return 0;
}

static void learn(struct known *k, struct seg_env *e, uint64_t area,
		  enum cdx_file_state st)
{
	struct cdx_protection p = protection_of(e, area);

	k->cid[k->n] = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p.verifiable);
	k->state[k->n++] = st;
}

/* A file with a half in a segment that is protected and one that is not yet, and
 * another file beside the latter */
static void two_files(struct seg_env *e, const uint8_t p[2 * FILE_BYTES],
		      uint64_t *both, uint64_t *one)
{
	seg_env_new(e, SHARE, 4, 2);
	*both = put_file(e, "both", p, FILE_BYTES);
	protect(e);
	seg_env_write(e, *both, FILE_BYTES, p + FILE_BYTES, FILE_BYTES);
	*one = put_file(e, "one", p, FILE_BYTES);
}

static void test_states(void **state)
{
	struct seed s = seed_start("states");
	uint8_t *p = noise(&s, 2 * FILE_BYTES);
	struct known k = {.n = 0};
	struct cdx_vol_stages st = {.stage = stage, .arg = &k};
	struct look l = {.k = &k};
	struct seg_env e;
	struct areas a;
	uint64_t both;
	uint64_t one;

	(void)state;
	two_files(&e, p, &both, &one);
	/* nobody is asked about what is not protected */
	cdx_vol_set_stages(e.v, &st);
	assert_true(state_of(&e, both) < CDX_STATE_SEALED);
	protect(&e);
	a = protected_areas(&e);
	assert_int_equal(a.n, 2);
	assert_int_equal(state_of(&e, both), CDX_STATE_PROTECTED);
	learn(&k, &e, a.area[0], CDX_STATE_STORED);
	assert_int_equal(state_of(&e, both), CDX_STATE_PROTECTED);
	learn(&k, &e, a.area[1], CDX_STATE_REQUESTED);
	assert_int_equal(state_of(&e, both), CDX_STATE_REQUESTED);
	assert_int_equal(state_of(&e, one), CDX_STATE_REQUESTED);
	k.state[1] = CDX_STATE_PROVEN;
	assert_int_equal(state_of(&e, both), CDX_STATE_STORED);
	assert_int_equal(state_of(&e, one), CDX_STATE_PROVEN);
	assert_string_equal(cdx_file_state_name(CDX_STATE_PROVEN), "proven");
	assert_int_equal(cdx_vol_segments(e.v, look_at, &l), 0);
	assert_int_equal(l.same, 2);
	/* nonsense is not believed */
	k.state[1] = CDX_STATE_DIRTY;
	assert_int_equal(state_of(&e, one), CDX_STATE_PROTECTED);
	k.state[1] = CDX_STATE_PROVEN;
	cdx_vol_set_stages(e.v, NULL);
	assert_int_equal(state_of(&e, one), CDX_STATE_PROTECTED);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

static void assert_lasts(struct seg_env *e, uint64_t ino, int64_t end,
			 double nines)
{
	struct cdx_vol_lasts got;

	assert_int_equal(cdx_vol_lasts(e->v, ino, &got), 0);
	assert_int_equal(got.end, end);
	assert_true(got.nines == nines);
}

/* A file lasts as long as the segment that ends first, and as surely as the weakest,
 * which may be another; none of it is known while one of them is not. */
static void test_lasts(void **state)
{
	struct seed s = seed_start("lasts");
	uint8_t *p = noise(&s, 2 * FILE_BYTES);
	struct known k = {.n = 0};
	struct cdx_vol_stages st = {.stage = stage, .lasts = lasts, .arg = &k};
	struct cdx_vol_lasts got;
	struct seg_env e;
	struct areas a;
	uint64_t both;
	uint64_t one;

	(void)state;
	two_files(&e, p, &both, &one);
	cdx_vol_set_stages(e.v, &st);
	assert_int_equal(cdx_vol_lasts(e.v, one, &got), -ENODATA);
	protect(&e);
	a = protected_areas(&e);
	assert_int_equal(a.n, 2);
	learn(&k, &e, a.area[0], CDX_STATE_STORED);
	learn(&k, &e, a.area[1], CDX_STATE_STORED);
	assert_int_equal(cdx_vol_lasts(e.v, one, &got), -ENODATA);
	k.lasts[1] = (struct cdx_vol_lasts){.end = 1000, .nines = 4.5};
	assert_lasts(&e, one, 1000, 4.5);
	assert_int_equal(cdx_vol_lasts(e.v, both, &got), -ENODATA);
	k.lasts[0] = (struct cdx_vol_lasts){.end = 2000, .nines = 3};
	assert_lasts(&e, both, 1000, 3);
	assert_lasts(&e, one, 1000, 4.5);
	/* nothing to store, or not there yet */
	assert_int_equal(cdx_vol_lasts(e.v, CDX_ROOT_INO, &got), -ENODATA);
	assert_int_equal(cdx_vol_lasts(e.v, seg_env_make(&e, "empty"), &got),
			 -ENODATA);
	seg_env_write(&e, one, 0, p, 1);
	assert_int_equal(cdx_vol_lasts(e.v, one, &got), -ENODATA);
	cdx_vol_set_stages(e.v, NULL);
	assert_int_equal(cdx_vol_lasts(e.v, both, &got), -ENODATA);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

static void test_compact_one(void **state)
{
	struct seed s = seed_start("compact_one");
	uint8_t *p = noise(&s, FILE_BYTES);
	struct cdx_compact_report report;
	struct cdx_protection gone;
	struct seg_env e;
	struct areas a;
	uint64_t ino;
	uint64_t old;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	ino = put_file(&e, "a", p, FILE_BYTES);
	(void)put_file(&e, "b", p, FILE_BYTES);
	protect(&e);
	a = protected_areas(&e);
	assert_int_equal(a.n, 1);
	old = a.area[0];
	seg_env_drop(&e, "b");
	assert_int_equal(cdx_vol_compact_one(e.v, old, &report), 0);
	assert_int_equal(report.area, old);
	assert_true(report.moved >= FILE_BYTES);
	assert_true(report.dropped);
	assert_int_equal(cdx_vol_compact_one(e.v, old, NULL), -ENOENT);
	seg_env_same(&e, ino, p, FILE_BYTES);
	assert_int_equal(cdx_vol_compact_one(e.v, 123456, NULL), -ENOENT);
	protect(&e);
	a = protected_areas(&e);
	assert_int_equal(a.n, 1);
	assert_true(a.area[0] > old);
	assert_int_equal(state_of(&e, ino), CDX_STATE_PROTECTED);
	/* what is elsewhere is not fetched to be moved */
	gone = protection_of(&e, a.area[0]);
	assert_int_equal(cdx_protection_evict(e.s, &gone), 0);
	assert_int_equal(cdx_vol_compact_one(e.v, a.area[0], &report),
			 -ENODATA);
	a = protected_areas(&e);
	assert_int_equal(a.n, 1);
	seg_env_free(&e);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_lasts),
		cmocka_unit_test(test_compact_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
