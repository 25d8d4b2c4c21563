/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "far_kit.h"
#include "held_kit.h"
#include "store/dataset_store.h"

/* A volume that holds more than its store: what is safe elsewhere gives its
 * bytes back when others need them. */

#define SMALL (24 * ENV_MIB)
#define FILE_BYTES (ENV_MIB + ENV_MIB / 2 + 777)
#define FILES 14u

struct world {
	struct seg_env e;
	struct far_kit k;
	struct seed s;
	struct cdx_pool *pool;
	uint8_t *p[FILES];
	char name[FILES][8];
	unsigned n;
};

static void world_new(struct world *w, const char *name)
{
	memset(w, 0, sizeof(*w));
	w->s = seed_start(name);
	assert_int_equal(cdx_pool_new(&w->pool, 2), 0);
	seg_env_new(&w->e, SMALL, 4, 2);
	seg_env_close(&w->e);
	w->e.pool = w->pool;
	w->e.background = true;
	w->e.pack_age_s = 1;
	seg_env_open(&w->e);
	far_new(&w->k, &w->e, seed_u64(&w->s));
	far_be_safe(&w->k, true);
	far_set(&w->k);
}

static void world_free(struct world *w)
{
	seg_env_free(&w->e);
	cdx_pool_free(w->pool);
	far_end_kit(&w->k);
	for (unsigned i = 0; i < FILES; i++)
		free(w->p[i]);
}

/* Somebody elsewhere takes what is protected and here */
static void store_elsewhere(struct world *w)
{
	struct areas a = protected_areas(&w->e);

	for (unsigned i = 0; i < a.n; i++) {
		struct cdx_protection p = protection_of(&w->e, a.area[i]);
		struct cdx_cid cid =
			cdx_cid_sha256(CDX_CODEC_MANIFEST, &p.verifiable);

		if (!far_find(&w->k, &cid, 0))
			far_copy_segment(&w->k, a.area[i]);
	}
}

/* 0, or what a write said */
static int add_file(struct world *w)
{
	unsigned i = w->n;
	uint64_t ino;
	int rc = 0;

	w->p[i] = noise(&w->s, FILE_BYTES);
	(void)snprintf(w->name[i], sizeof(w->name[i]), "f%u", i);
	ino = seg_env_make(&w->e, w->name[i]);
	for (size_t at = 0; rc == 0 && at < FILE_BYTES; at += ENV_MIB) {
		size_t n =
			FILE_BYTES - at < ENV_MIB ? FILE_BYTES - at : ENV_MIB;

		rc = cdx_vol_write(w->e.v, ino, at, w->p[i] + at, n, false);
	}
	if (rc == 0)
		w->n++;
	return rc;
}

static void check_all(struct world *w)
{
	for (unsigned i = 0; i < w->n; i++)
		seg_env_same(&w->e, seg_env_find(&w->e, w->name[i]), w->p[i],
			     FILE_BYTES);
}

/* The checks want a volume that nobody works in */
static void check_quiet(struct world *w)
{
	seg_env_close(&w->e);
	w->e.background = false;
	seg_env_open(&w->e);
	seg_env_clean(&w->e);
	assert_int_equal(bad_blocks(&w->e), 0);
	seg_env_close(&w->e);
	w->e.background = true;
	seg_env_open(&w->e);
	far_set(&w->k);
}

static void fill(struct world *w)
{
	while (w->n < FILES) {
		assert_int_equal(add_file(w), 0);
		protect(&w->e);
		store_elsewhere(w);
	}
}

/* What is deleted goes, wherever its bytes are */
static void delete_all(struct world *w, int64_t empty)
{
	for (unsigned i = 0; i < w->n; i++)
		seg_env_drop(&w->e, w->name[i]);
	w->n = 0;
	seg_env_close(&w->e);
	w->e.background = false;
	seg_env_open(&w->e);
	assert_int_equal(cdx_vol_compact(w->e.v, 50, NULL, NULL), 0);
	seg_env_reclaim(&w->e);
	seg_env_clean(&w->e);
	assert_int_equal(status(&w->e).seg_sealed, 0);
	assert_int_equal(used(&w->e), empty);
}

static void test_more_than_it_holds(void **state)
{
	struct cdx_vol_status st;
	struct cdx_statfs fs;
	struct world w;
	int64_t empty;

	(void)state;
	world_new(&w, "more_than_it_holds");
	empty = used(&w.e);
	fill(&w);
	st = status(&w.e);
	assert_true(st.seg_evicted > 0);
	assert_true(st.evictions >= st.seg_evicted);
	cdx_vol_statfs(w.e.v, &fs);
	/* 21 MiB are in a store of 24, a third of which is for parity */
	assert_true(fs.bytes - fs.bytes_free >= FILES * FILE_BYTES);
	assert_true(fs.bytes_free > 0);
	assert_true(used(&w.e) < (int64_t)SMALL);
	check_all(&w);
	assert_int_equal(status(&w.e).read_errors, 0);
	check_quiet(&w);
	assert_true(status(&w.e).seg_evicted >= st.seg_evicted);
	check_all(&w);
	delete_all(&w, empty);
	world_free(&w);
}

/* Nothing goes that is not safe */
static void test_not_safe(void **state)
{
	struct world w;
	int rc = 0;

	(void)state;
	world_new(&w, "not_safe");
	far_be_safe(&w.k, false);
	while (rc == 0 && w.n < FILES - 1) {
		rc = add_file(&w);
		if (rc == 0)
			protect(&w.e);
	}
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(status(&w.e).evictions, 0);
	check_all(&w);
	/* who found no space has compacted: what moved is protected again */
	protect(&w.e);
	/* now it is */
	store_elsewhere(&w);
	far_be_safe(&w.k, true);
	free(w.p[w.n]);
	w.p[w.n] = NULL;
	seg_env_drop(&w.e, w.name[w.n]);
	assert_int_equal(add_file(&w), 0);
	assert_true(status(&w.e).evictions > 0);
	check_all(&w);
	check_quiet(&w);
	world_free(&w);
}

/* Slots of all that is protected now are sold, or not any more */
static void sell(struct world *w, bool yes)
{
	struct areas a = protected_areas(&w->e);

	for (unsigned i = 0; i < a.n; i++) {
		struct cdx_protection p = protection_of(&w->e, a.area[i]);
		struct cdx_cid cid =
			cdx_cid_sha256(CDX_CODEC_MANIFEST, &p.verifiable);

		if (yes)
			assert_int_equal(cdx_held_begin(w->e.s, &p, 1, NULL),
					 0);
		else
			assert_int_equal(
				cdx_held_release(w->e.s, &cid, 1, NULL), 0);
	}
}

/* What is sold stays, evicted or dead; slots of others beside it are nothing of the
 * volume's. */
static void test_sold(void **state)
{
	struct cdx_protection p;
	struct world w;
	struct hk h;
	int64_t empty;
	int64_t left;
	int rc = 0;

	(void)state;
	world_new(&w, "sold");
	empty = used(&w.e);
	assert_int_equal(hk_make(&h, 5, 12, 2, 1, 0), 0);
	assert_int_equal(hk_fill(w.e.s, &h, &p, 0, NULL), 0);
	assert_int_equal(hk_fill(w.e.s, &h, &p, 2, NULL), 0);
	assert_int_equal(used(&w.e), empty);
	while (rc == 0 && w.n < FILES - 1) {
		rc = add_file(&w);
		if (rc == 0)
			protect(&w.e);
		sell(&w, true);
		store_elsewhere(&w);
	}
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(status(&w.e).evictions, 0);
	free(w.p[w.n]);
	w.p[w.n] = NULL;
	seg_env_drop(&w.e, w.name[w.n]);
	check_quiet(&w);
	assert_int_equal(status(&w.e).evictions, 0);

	/* dead ones go when they are not sold any more */
	seg_env_drop(&w.e, w.name[0]);
	seg_env_close(&w.e);
	w.e.background = false;
	seg_env_open(&w.e);
	assert_int_equal(cdx_vol_compact(w.e.v, 50, NULL, NULL), 0);
	seg_env_clean(&w.e);
	sell(&w, false);
	for (unsigned i = 1; i < w.n; i++)
		seg_env_drop(&w.e, w.name[i]);
	assert_int_equal(cdx_vol_compact(w.e.v, 50, NULL, NULL), 0);
	seg_env_reclaim(&w.e);
	seg_env_clean(&w.e);
	assert_int_equal(status(&w.e).seg_sealed, 0);
	assert_int_equal(status(&w.e).seg_evicted, 0);
	/* what is left is an open segment's */
	left = used(&w.e);
	assert_int_equal(cdx_held_release(w.e.s, &h.cid, 0, NULL), 0);
	assert_int_equal(cdx_held_release(w.e.s, &h.cid, 2, NULL), 0);
	assert_int_equal(used(&w.e), left);
	seg_env_clean(&w.e);
	hk_free(&h);
	world_free(&w);
}

/* Where nobody can say what is safe, no round is asked for and none awaited */
static void test_nobody_says(void **state)
{
	struct cdx_segs *s;
	struct world w;

	(void)state;
	world_new(&w, "nobody_says");
	far_unset(&w.k);
	w.k.says_nothing = true;
	far_set(&w.k);
	s = w.e.v->segs;
	/* no round can run meanwhile */
	pthread_mutex_lock(&s->job_mu);
	assert_false(cdx_evict_wait(w.e.v, 1));
	assert_int_equal(s->evict_want, 0);
	cdx_evict_ask(w.e.v);
	assert_false(atomic_load(&s->evict_asked));
	pthread_mutex_unlock(&s->job_mu);
	world_free(&w);
}

static void pin(struct world *w, uint64_t area)
{
	struct cdx_protection p = protection_of(&w->e, area);
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &p.plain);
	struct cdx_buf manifest = {0};
	struct cdx_dataset_info info;
	struct cdx_batch *b;

	cdx_block_lock(w->e.s);
	assert_int_equal(cdx_dataset_info(w->e.s, &cid, &info), 0);
	assert_int_equal(cdx_dataset_manifest(w->e.s, &cid, &manifest), 0);
	info.refs |= CDX_REF_PIN;
	assert_int_equal(cdx_batch_new(&b, w->e.s), 0);
	cdx_dataset_put(b, &info, manifest.p, manifest.len, false);
	assert_int_equal(cdx_batch_apply(b), 0);
	cdx_block_unlock(w->e.s);
	cdx_buf_free(&manifest);
}

/* Waits for another second, which is what use is told in */
static void next_second(void)
{
	int64_t now = cdx_clock_wall_s();

	while (cdx_clock_wall_s() == now)
		usleep(10000);
}

static uint64_t area_of(struct world *w, const char *name)
{
	return seg_env_extent(&w->e, seg_env_find(&w->e, name), 0).loc.area;
}

/* What is read or pinned stays, what is not goes */
static void test_least_recently_read(void **state)
{
	struct world w;
	uint64_t first;
	uint64_t pinned;

	(void)state;
	world_new(&w, "least_recently_read");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(add_file(&w), 0);
		protect(&w.e);
		store_elsewhere(&w);
	}
	first = area_of(&w, "f0");
	pinned = area_of(&w, "f1");
	pin(&w, pinned);
	while (w.n < FILES && status(&w.e).evictions == 0) {
		if (w.n == 3)
			next_second();
		seg_env_same(&w.e, seg_env_find(&w.e, "f0"), w.p[0],
			     FILE_BYTES);
		assert_int_equal(add_file(&w), 0);
		protect(&w.e);
		store_elsewhere(&w);
	}
	assert_true(status(&w.e).evictions > 0);
	assert_int_equal(protection_of(&w.e, first).absent, 0);
	assert_int_equal(protection_of(&w.e, pinned).absent, 0);
	check_all(&w);
	world_free(&w);
}

/* What the disk has now, when the store is opened after a crash */
static void check_copy(struct world *w, uint64_t evicted)
{
	struct seg_env copy;

	seg_env_copy(&w->e, &copy);
	seg_env_open(&copy);
	w->k.e = &copy;
	far_set(&w->k);
	seg_env_clean(&copy);
	assert_int_equal(status(&copy).seg_evicted, evicted);
	for (unsigned i = 0; i < w->n; i++)
		seg_env_same(&copy, seg_env_find(&copy, w->name[i]), w->p[i],
			     FILE_BYTES);
	seg_env_reclaim(&copy);
	seg_env_clean(&copy);
	seg_env_free(&copy);
	w->k.e = &w->e;
}

/* The rows of what was evicted are in the log, then in the database, and its
 * bytes beside them: somebody reads, so nothing is given back while the copies
 * are made. */
static void test_crash(void **state)
{
	struct world w;
	struct areas a;
	uint64_t reader;

	(void)state;
	world_new(&w, "crash");
	seg_env_close(&w.e);
	w.e.background = false;
	seg_env_open(&w.e);
	far_set(&w.k);
	while (w.n < 3)
		assert_int_equal(add_file(&w), 0);
	protect(&w.e);
	store_elsewhere(&w);
	seg_env_reclaim(&w.e);
	a = protected_areas(&w.e);
	reader = cdx_store_read_begin(w.e.s);
	for (unsigned i = 0; i < a.n; i++) {
		struct cdx_protection p = protection_of(&w.e, a.area[i]);

		assert_int_equal(cdx_protection_evict(w.e.s, &p), 0);
	}
	assert_int_equal(cdx_store_log_sync(w.e.s), 0);
	check_copy(&w, a.n);
	seg_env_commit(&w.e);
	check_copy(&w, a.n);
	cdx_store_read_end(w.e.s, reader);
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_than_it_holds),
		cmocka_unit_test(test_not_safe),
		cmocka_unit_test(test_sold),
		cmocka_unit_test(test_nobody_says),
		cmocka_unit_test(test_least_recently_read),
		cmocka_unit_test(test_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
