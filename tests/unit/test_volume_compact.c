/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repair/repair.h"
#include "seg_protect.h"
#include "store/dataset_store.h"

struct reports {
	unsigned n;
	unsigned dropped;
	uint64_t moved;
	struct cdx_compact_report last;
};

static void note(void *arg, const struct cdx_compact_report *r)
{
	struct reports *all = arg;

	all->n++;
	all->dropped += r->dropped;
	all->moved += r->moved;
	all->last = *r;
}

static void test_compact(void **state)
{
	struct seed s = seed_start("compact");
	size_t len = 40 * CDX_BLOCK_SIZE;
	uint8_t *p = noise(&s, len);
	struct reports rep = {0};
	struct seg_env_count c;
	struct seg_env e;
	uint64_t ino;
	uint64_t area;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	ino = seg_env_make(&e, "a");
	seg_env_write(&e, ino, 0, p, len);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	area = seg_env_segments(&e).last_sealed.area;
	/* full: nothing to do */
	assert_int_equal(cdx_vol_compact(e.v, 50, note, &rep), 0);
	assert_int_equal(rep.n, 0);
	/* three quarters go, in pieces that are no blocks */
	for (size_t i = 0; i < 40; i++) {
		size_t off = i * CDX_BLOCK_SIZE + 1000;
		size_t n = CDX_BLOCK_SIZE * 3 / 4;

		assert_int_equal(cdx_vol_fallocate(e.v, ino,
						   FALLOC_FL_PUNCH_HOLE |
							   FALLOC_FL_KEEP_SIZE,
						   off, n),
				 0);
		memset(p + off, 0, n);
	}
	seg_env_same(&e, ino, p, len);
	seg_env_clean(&e);
	assert_int_equal(cdx_vol_compact(e.v, 50, note, &rep), 0);
	assert_int_equal(rep.n, 1);
	assert_int_equal(rep.dropped, 1);
	assert_int_equal(rep.last.area, area);
	assert_int_equal(rep.last.live_before, len / 4);
	assert_int_equal(rep.moved, len / 4);
	assert_int_equal(rep.last.manifest.codec, CDX_CODEC_MANIFEST);
	c = seg_env_segments(&e);
	assert_int_equal(c.sealed + c.dropping + c.sealing, 0);
	assert_int_equal(c.open, 1);
	assert_int_equal(c.last_open.used, 10);
	seg_env_same(&e, ino, p, len);
	seg_env_clean(&e);
	seg_env_reopen(&e);
	seg_env_same(&e, seg_env_find(&e, "a"), p, len);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* What two files share is copied once */
static void test_shared(void **state)
{
	struct seed s = seed_start("shared");
	size_t len = 24 * CDX_BLOCK_SIZE;
	uint8_t *p = noise(&s, len);
	struct reports rep = {0};
	struct cdx_extent x;
	struct cdx_extent y;
	struct seg_env e;
	uint64_t a;
	uint64_t b;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	a = seg_env_make(&e, "a");
	b = seg_env_make(&e, "b");
	seg_env_write(&e, a, 0, p, len);
	seg_env_commit(&e);
	assert_int_equal(cdx_vol_copy_range(e.v, a, 5 * CDX_BLOCK_SIZE, b, 0,
					    8 * CDX_BLOCK_SIZE),
			 8 * CDX_BLOCK_SIZE);
	assert_int_equal(cdx_seal_open(e.v, NULL, NULL), 0);
	assert_int_equal(cdx_vol_compact(e.v, 101, note, &rep), 0);
	assert_int_equal(rep.dropped, 1);
	assert_int_equal(rep.moved, 32 * CDX_BLOCK_SIZE);
	assert_int_equal(seg_env_segments(&e).last_open.used, 24);
	x = seg_env_extent(&e, a, 5 * CDX_BLOCK_SIZE);
	y = seg_env_extent(&e, b, 0);
	assert_int_equal(x.loc.off + 5 * CDX_BLOCK_SIZE - x.off, y.loc.off);
	seg_env_same(&e, a, p, len);
	seg_env_same(&e, b, p + 5 * CDX_BLOCK_SIZE, 8 * CDX_BLOCK_SIZE);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* Somebody pinned the dataset of a segment: it is not dropped */
static void test_pinned(void **state)
{
	size_t len = 8 * CDX_BLOCK_SIZE;
	uint8_t *p = calloc(1, len);
	struct cdx_dataset_info info;
	struct seg_env_count c;
	struct cdx_buf m = {0};
	struct cdx_batch *b;
	struct seg_env e;
	struct cdx_cid cid;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	seg_env_write(&e, seg_env_make(&e, "a"), 0, p, len);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	cid = seg_env_segments(&e).last_sealed.manifest;
	assert_int_equal(cdx_dataset_info(e.s, &cid, &info), 0);
	assert_true(cdx_dataset_manifest(e.s, &cid, &m) >= 0);
	info.refs |= CDX_REF_PIN;
	assert_int_equal(cdx_batch_new(&b, e.s), 0);
	cdx_dataset_put(b, &info, m.p, m.len, false);
	assert_int_equal(cdx_batch_apply(b), 0);
	seg_env_drop(&e, "a");
	assert_int_equal(cdx_vol_compact(e.v, 50, NULL, NULL), 0);
	c = seg_env_segments(&e);
	assert_int_equal(c.dropping, 1);
	/* the user's pin goes, and the next round takes the segment */
	info.refs = CDX_REF_VOLUME;
	assert_int_equal(cdx_batch_new(&b, e.s), 0);
	cdx_dataset_put(b, &info, m.p, m.len, false);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_vol_compact(e.v, 50, NULL, NULL), 0);
	c = seg_env_segments(&e);
	assert_int_equal(c.dropping, 0);
	seg_env_reclaim(&e);
	seg_env_clean(&e);
	seg_env_free(&e);
	cdx_buf_free(&m);
	free(p);
}

/* A removal that nobody came to is done after the next open */
static void test_dropping_resumes(void **state)
{
	size_t len = 8 * CDX_BLOCK_SIZE;
	uint8_t *p = calloc(1, len);
	struct seg_env_count c;
	struct seg_env e;

	(void)state;
	seg_env_new(&e, SHARE, 4, 2);
	seg_env_write(&e, seg_env_make(&e, "a"), 0, p, len);
	assert_int_equal(cdx_vol_sync(e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	seg_env_drop(&e, "a");
	seg_env_close(&e);
	seg_env_open(&e);
	assert_int_equal(seg_env_segments(&e).dropping, 1);
	seg_env_clean(&e);
	seg_env_close(&e);
	e.background = true;
	seg_env_open(&e);
	for (int i = 0; i < 500; i++) {
		c = seg_env_segments(&e);
		if (!c.dropping)
			break;
		(void)usleep(10000);
	}
	assert_int_equal(c.dropping + c.sealed + c.open, 0);
	e.background = false;
	seg_env_reopen(&e);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_USED_VOLUME), 0);
	seg_env_reclaim(&e);
	seg_env_clean(&e);
	seg_env_free(&e);
	free(p);
}

/* ---- random work against a model ---- */

#define FILES 5
#define FILE_MAX (20 * (size_t)CDX_BLOCK_SIZE)

struct model {
	uint8_t *p[FILES];
	size_t len[FILES];
};

static uint64_t file(struct seg_env *e, unsigned i)
{
	char name[16];
	uint64_t ino;

	(void)snprintf(name, sizeof(name), "m%u", i);
	ino = seg_env_find(e, name);
	return ino ? ino : seg_env_make(e, name);
}

static void model_write(struct seg_env *e, struct model *m, struct seed *s)
{
	unsigned i = (unsigned)seed_below(s, FILES);
	size_t off = seed_below(s, FILE_MAX / 2);
	size_t n = 1 + seed_below(s, seed_below(s, 3) ? 9000 : FILE_MAX / 2);

	if (seed_below(s, 2))
		off -= off % CDX_BLOCK_SIZE;
	for (size_t k = 0; k < n; k += 512)
		seed_fill(s, m->p[i] + off + k, n - k < 16 ? n - k : 16);
	seg_env_write(e, file(e, i), off, m->p[i] + off, n);
	if (off + n > m->len[i])
		m->len[i] = off + n;
}

static void model_copy(struct seg_env *e, struct model *m, struct seed *s)
{
	unsigned i = (unsigned)seed_below(s, FILES);
	unsigned k = (unsigned)(i + 1 + seed_below(s, FILES - 1)) % FILES;
	size_t n;

	if (!m->len[i])
		return;
	n = 1 + seed_below(s, m->len[i]);
	assert_int_equal(
		cdx_vol_copy_range(e->v, file(e, i), 0, file(e, k), 0, n), n);
	memcpy(m->p[k], m->p[i], n);
	if (n > m->len[k])
		m->len[k] = n;
}

static void model_punch(struct seg_env *e, struct model *m, struct seed *s)
{
	unsigned i = (unsigned)seed_below(s, FILES);
	size_t off = seed_below(s, FILE_MAX - 1);
	size_t n = 1 + seed_below(s, FILE_MAX - off);

	assert_int_equal(cdx_vol_fallocate(e->v, file(e, i),
					   FALLOC_FL_PUNCH_HOLE |
						   FALLOC_FL_KEEP_SIZE,
					   off, n),
			 0);
	memset(m->p[i] + off, 0, n);
}

static void model_cut(struct seg_env *e, struct model *m, struct seed *s)
{
	unsigned i = (unsigned)seed_below(s, FILES);
	struct cdx_cred cred = {0};
	struct cdx_attr attr = {0};
	struct cdx_attr out;

	attr.size = m->len[i] ? seed_below(s, m->len[i]) : 0;
	assert_int_equal(cdx_vol_setattr(e->v, file(e, i), &attr, CDX_SET_SIZE,
					 &cred, &out),
			 0);
	memset(m->p[i] + attr.size, 0, FILE_MAX - attr.size);
	m->len[i] = attr.size;
}

static void model_check(struct seg_env *e, const struct model *m)
{
	for (unsigned i = 0; i < FILES; i++)
		seg_env_same(e, file(e, i), m->p[i], m->len[i]);
}

/* A slot of some protected segment goes, or comes back */
static void model_slot(struct seg_env *e, struct seed *s, bool back)
{
	struct cdx_rebuild o = {.pool = NULL};
	struct cdx_rebuild_report report;
	char why[CDX_REPAIR_WHY_MAX];
	struct areas a = {.n = 0};
	struct cdx_slots sl = {0};
	struct cdx_protection p;
	struct cdx_cid cid;
	uint32_t slot;
	int r;

	assert_int_equal(cdx_vol_segments(e->v, note_area, &a), 0);
	if (!a.n)
		return;
	p = protection_of(e, a.area[seed_below(s, a.n)]);
	slot = (uint32_t)seed_below(s, p.k + p.m);
	if (!back) {
		r = cdx_slot_evict(e->s, &p, slot);
		assert_true(r == 0 || r == -EBUSY);
		return;
	}
	cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p.verifiable);
	assert_int_equal(cdx_slots_open(&sl, e->s, &cid), 0);
	r = cdx_rebuild_slot(e->s, &sl, slot, &o, &report, why);
	assert_true(r == 0 || r == CDX_E_QUOTA || r == -ENOSPC);
	cdx_slots_free(&sl);
}

static void model_protect(struct seg_env *e, struct seed *s)
{
	static const uint32_t codes[][2] = {{4, 2}, {3, 1}, {2, 2}, {3, 0}};
	const uint32_t *c = codes[seed_below(s, CDX_ARRAY_LEN(codes))];
	size_t what = seed_below(s, 8);

	if (what == 0)
		assert_int_equal(cdx_vol_set_code(e->v, c[0], c[1], 0), 0);
	else if (what < 3)
		protect(e);
	else
		model_slot(e, s, what == 7);
}

static void model_step(struct seg_env *e, struct model *m, struct seed *s)
{
	switch (seed_below(s, 18)) {
	case 0:
		assert_int_equal(cdx_pack(e->v, UINT64_MAX, NULL, NULL), 0);
		return;
	case 1:
		assert_int_equal(
			cdx_vol_sync(e->v, CDX_SYNC_SEALED, NULL, NULL), 0);
		return;
	case 2:
		assert_int_equal(cdx_vol_compact(e->v,
						 (unsigned)seed_below(s, 102),
						 NULL, NULL),
				 0);
		return;
	case 3:
		seg_env_reopen(e);
		return;
	case 4:
		seg_env_commit(e);
		return;
	case 5:
	case 6:
		model_copy(e, m, s);
		return;
	case 7:
		model_punch(e, m, s);
		return;
	case 8:
		model_cut(e, m, s);
		return;
	case 9:
	case 10:
		model_protect(e, s);
		return;
	default:
		model_write(e, m, s);
		return;
	}
}

static void test_model(void **state)
{
	struct seed s = seed_start("model");
	const char *given = getenv("CDX_COUNT");
	long rounds = given ? strtol(given, NULL, 10) : 250;
	struct model m = {0};
	struct seg_env e;

	(void)state;
	for (unsigned i = 0; i < FILES; i++) {
		m.p[i] = calloc(1, FILE_MAX);
		assert_non_null(m.p[i]);
	}
	seg_env_new(&e, SHARE, 4, 2);
	for (long i = 0; i < rounds; i++) {
		model_step(&e, &m, &s);
		if (i % 25 == 24) {
			model_check(&e, &m);
			seg_env_clean(&e);
		}
	}
	model_check(&e, &m);
	seg_env_clean(&e);
	/* and nothing is left of it when it is deleted */
	for (unsigned i = 0; i < FILES; i++) {
		char name[16];

		(void)file(&e, i);
		(void)snprintf(name, sizeof(name), "m%u", i);
		seg_env_drop(&e, name);
		free(m.p[i]);
	}
	assert_int_equal(cdx_seal_open(e.v, NULL, NULL), 0);
	assert_int_equal(cdx_vol_compact(e.v, 50, NULL, NULL), 0);
	seg_env_reclaim(&e);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_SEG_LIVE), 0);
	assert_int_equal(cdx_kv_counter(e.s, CDX_CNT_RECORD_LIVE), 0);
	assert_int_equal(seg_env_segments(&e).sealed, 0);
	seg_env_clean(&e);
	seg_env_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compact),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_dropping_resumes),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
