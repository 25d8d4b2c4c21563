/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "seed.h"
#include "store/cache.h"
#include "store/quota.h"
#include "store_tmp.h"

#include "protect_kit.h"

#define SHARE ((uint64_t)1 << 30)

/* Slots taken out of a store, read through the others, and rebuilt */

static uint64_t used(struct tmp_store *t)
{
	struct cdx_space space;

	cdx_quota_space(t->s, CDX_SHARE_VOLUME, &space);
	return space.used;
}

/* Nothing but what is here is read: no repair. */
static void local_same(struct tmp_store *t, const struct pk_data *d)
{
	struct cdx_dataset_info info;
	uint8_t *got = malloc(d->len);

	assert_int_equal(cdx_dataset_info(t->s, &d->verifiable, &info), 0);
	assert_int_equal(cdx_dataset_read(t->s, got, &info, 0, d->len), d->len);
	assert_memory_equal(got, d->p, d->len);
	free(got);
}

/* Short reads at odd places */
static void read_pieces(struct tmp_store *t, const struct pk_data *d,
			struct seed *seed)
{
	struct cdx_dataset_info info;
	uint8_t got[5000];

	assert_int_equal(cdx_dataset_info(t->s, &d->plain, &info), 0);
	for (unsigned i = 0; i < 20; i++) {
		size_t off = seed_below(seed, d->len);
		size_t len = 1 + seed_below(seed, sizeof(got));
		size_t want = len < d->len - off ? len : d->len - off;

		assert_int_equal(cdx_repair_read(t->s, got, &info, off, len),
				 want);
		assert_memory_equal(got, d->p + off, want);
	}
	assert_int_equal(cdx_repair_read(t->s, got, &info, d->len, 1), 0);
}

/* Evicts the slots of @set, reads, rebuilds them in turn. */
static void lose(struct tmp_store *t, struct pk_data *d, uint32_t set,
		 const struct cdx_rebuild *o, struct seed *seed)
{
	struct cdx_rebuild_report report;
	struct cdx_verify_report verify;
	uint64_t before = used(t);
	struct cdx_slots sl;

	for (uint32_t i = 0; i < 32; i++)
		if (set >> i & 1)
			pk_evict(t, d, i);
	tmp_reclaim(t);
	pk_slots(t, d, &sl);
	assert_int_equal(sl.rec.absent, set);
	pk_same(t, d, &d->verifiable);
	read_pieces(t, d, seed);
	assert_true(pk_verify(t, &d->verifiable, &verify));
	for (uint32_t i = 0; i < sl.g.slots; i++)
		assert_int_equal(verify.slot[i].absent, set >> i & 1);
	for (uint32_t i = 0; i < 32; i++) {
		if (!(set >> i & 1))
			continue;
		assert_int_equal(pk_rebuild(t, d, i, o, &report), 0);
		assert_int_equal(report.bad, 0);
		assert_int_equal(report.blocks + report.kept, sl.g.steps);
	}
	cdx_slots_free(&sl);
	pk_slots(t, d, &sl);
	assert_int_equal(sl.rec.absent | sl.rec.damaged, 0);
	cdx_slots_free(&sl);
	local_same(t, d);
	assert_true(pk_verify(t, &d->verifiable, &verify));
	assert_int_equal(verify.missing, 0);
	assert_int_equal(used(t), before);
}

/* Every pair of slots of 4 + 2 */
static void test_all_pairs(void **state)
{
	struct seed seed = seed_start("all pairs");
	struct cdx_protect_opts po = pk_opts(4, 2);
	struct cdx_rebuild o = {.prio = CDX_POOL_IDLE};
	struct tmp_store t;
	struct pk_data d;

	(void)state;
	assert_int_equal(cdx_pool_new(&o.pool, 2), 0);
	tmp_store_new(&t, SHARE);
	po.cell_size = 512;
	pk_add(&t, &d, &seed, NULL, 67 * 8192 - 5, 8192);
	pk_protect(&t, &d, &po);
	for (uint32_t a = 0; a < 6; a++)
		for (uint32_t b = a; b < 6; b++)
			lose(&t, &d, UINT32_C(1) << a | UINT32_C(1) << b,
			     (a + b) % 2 ? &o : NULL, &seed);
	tmp_reclaim(&t);
	tmp_fsck_clean(&t);
	pk_free(&d);
	tmp_store_free(&t);
	cdx_pool_free(o.pool);
}

static uint32_t random_set(struct seed *seed, uint32_t slots, uint32_t n)
{
	uint32_t set = 0;

	while ((uint32_t)__builtin_popcount(set) < n)
		set |= UINT32_C(1) << seed_below(seed, slots);
	return set;
}

static void test_random_sets(void **state)
{
	struct seed seed = seed_start("random sets");
	struct cdx_protect_opts po = pk_opts(10, 5);
	struct tmp_store t;
	struct pk_data d;

	(void)state;
	tmp_store_new(&t, SHARE);
	pk_add(&t, &d, &seed, NULL, 43 * 4096 - 1000, 4096);
	pk_protect(&t, &d, &po);
	for (unsigned i = 0; i < 8; i++)
		lose(&t, &d, random_set(&seed, 15, 1 + i % 5), NULL, &seed);
	tmp_reclaim(&t);
	tmp_fsck_clean(&t);
	pk_free(&d);
	tmp_store_free(&t);
}

/* One column, so that every parity is a copy or nearly one; blocks of the same
 * content everywhere */
static void test_odd_datasets(void **state)
{
	struct seed seed = seed_start("odd datasets");
	struct cdx_protect_opts po = pk_opts(1, 2);
	uint8_t *zeros = calloc(20, 4096);
	struct tmp_store t;
	struct pk_data d[2];

	(void)state;
	tmp_store_new(&t, SHARE);
	pk_add(&t, &d[0], &seed, NULL, 3 * 4096, 4096);
	pk_protect(&t, &d[0], &po);
	lose(&t, &d[0], 3, NULL, &seed);
	lose(&t, &d[0], 5, NULL, &seed);
	po = pk_opts(3, 2);
	pk_add(&t, &d[1], &seed, zeros, 20 * 4096, 4096);
	pk_protect(&t, &d[1], &po);
	lose(&t, &d[1], 9, NULL, &seed);
	lose(&t, &d[1], 24, NULL, &seed);
	tmp_reclaim(&t);
	tmp_fsck_clean(&t);
	pk_free(&d[0]);
	pk_free(&d[1]);
	free(zeros);
	tmp_store_free(&t);
}

/* The store refuses to give away what could not come back. */
static void test_too_many(void **state)
{
	struct seed seed = seed_start("too many");
	struct cdx_protect_opts po = pk_opts(3, 2);
	struct cdx_slots sl;
	struct tmp_store t;
	struct pk_data d;

	(void)state;
	tmp_store_new(&t, SHARE);
	pk_add(&t, &d, &seed, NULL, 9 * 4096, 4096);
	pk_protect(&t, &d, &po);
	pk_evict(&t, &d, 0);
	pk_evict(&t, &d, 4);
	pk_slots(&t, &d, &sl);
	assert_int_equal(cdx_slot_evict(t.s, &sl.rec, 1), -EBUSY);
	cdx_slots_free(&sl);
	pk_same(&t, &d, &d.plain);
	pk_free(&d);
	tmp_store_free(&t);
}

static bool stop_at_once(void *arg)
{
	(void)arg;
	return true;
}

/* A rebuild that ends early leaves a slot that counts as lost, and the next
 * one goes on with what is there. */
static void test_interrupted(void **state)
{
	struct seed seed = seed_start("interrupted");
	struct cdx_protect_opts po = pk_opts(2, 1);
	struct cdx_rebuild o = {.cancel = stop_at_once};
	struct cdx_rebuild_report report;
	struct cdx_slots sl;
	struct tmp_store t;
	struct pk_data d;

	(void)state;
	tmp_store_new(&t, SHARE);
	po.cell_size = 64;
	pk_add(&t, &d, &seed, NULL, 1201 * 1024, 1024);
	pk_protect(&t, &d, &po);
	for (uint32_t slot = 0; slot < 3; slot += 2) {
		uint64_t before = used(&t);

		pk_evict(&t, &d, slot);
		assert_int_equal(pk_rebuild(&t, &d, slot, &o, &report),
				 -ECANCELED);
		assert_true(report.blocks > 0);
		tmp_store_reopen(&t);
		pk_slots(&t, &d, &sl);
		assert_true((sl.rec.absent | sl.rec.damaged) >> slot & 1);
		assert_int_equal(cdx_slot_evict(t.s, &sl.rec, 1), -EBUSY);
		cdx_slots_free(&sl);
		pk_same(&t, &d, &d.verifiable);
		assert_int_equal(pk_rebuild(&t, &d, slot, NULL, &report), 0);
		local_same(&t, &d);
		assert_int_equal(used(&t), before);
		tmp_reclaim(&t);
		tmp_fsck_clean(&t);
	}
	pk_free(&d);
	tmp_store_free(&t);
}

/* ---- from files ---- */

static void export_all(struct tmp_store *t, const struct pk_data *d,
		       const char *dir, uint32_t set)
{
	struct cdx_slots sl;

	pk_slots(t, d, &sl);
	for (uint32_t i = 0; i < sl.g.slots; i++)
		if (set >> i & 1)
			assert_int_equal(cdx_slot_export(t->s, &sl, i, dir,
							 NULL, NULL),
					 0);
	cdx_slots_free(&sl);
}

/* Slots of one store rebuild those of another, where fewer than k are left. */
static void test_from_dir(void **state)
{
	struct seed seed = seed_start("from files");
	struct cdx_protect_opts po = pk_opts(4, 2);
	struct cdx_rebuild_report report;
	struct cdx_rebuild o = {.source = cdx_slot_dir_read};
	struct cdx_slot_dir *dir;
	char path[PATH_MAX];
	struct cdx_slots sl;
	struct tmp_store t;
	struct pk_data d;

	(void)state;
	tmp_store_new(&t, SHARE);
	po.cell_size = 512;
	pk_add(&t, &d, &seed, NULL, 41 * 8192 - 3, 8192);
	pk_protect(&t, &d, &po);
	assert_true(snprintf(path, sizeof(path), "%.3000s/slots", t.path) > 0);
	assert_int_equal(mkdir(path, 0700), 0);
	pk_evict(&t, &d, 3);
	pk_evict(&t, &d, 5);
	/* an absent slot is exported as well, made from others */
	export_all(&t, &d, path, 0x3b);
	pk_slots(&t, &d, &sl);
	assert_int_equal(cdx_slot_dir_open(&dir, path, &sl.g), 0);
	assert_int_equal(cdx_slot_dir_have(dir), 0x3b);
	/* two that are here are ruined; 3 and 5 come from the files */
	for (uint64_t s = 0; s < sl.g.steps; s++) {
		pk_corrupt(&t, &d, 0, s);
		pk_corrupt(&t, &d, 1, s);
	}
	assert_int_equal(pk_rebuild(&t, &d, 3, NULL, &report), -ENODATA);
	o.source_arg = dir;
	assert_int_equal(pk_rebuild(&t, &d, 3, &o, &report), 0);
	/* one that the directory does not have, and those that are damaged */
	assert_int_equal(pk_rebuild(&t, &d, 0, &o, &report), 0);
	assert_int_equal(report.blocks, sl.g.steps);
	assert_int_equal(pk_rebuild(&t, &d, 1, &o, &report), 0);
	assert_int_equal(pk_rebuild(&t, &d, 5, &o, &report), 0);
	assert_int_equal(pk_rebuild(&t, &d, 2, &o, &report), 0);
	assert_int_equal(report.kept, sl.g.steps);
	cdx_slot_dir_close(dir);
	cdx_slots_free(&sl);
	local_same(&t, &d);
	tmp_reclaim(&t);
	tmp_fsck_clean(&t);
	pk_free(&d);
	tmp_store_free(&t);
}

/* Puts a slot's blocks where they do not count as kept. */
static void cache_slot(struct tmp_store *t, const struct cdx_slots *sl,
		       uint32_t slot)
{
	uint8_t *b = malloc(sl->g.block_size);
	struct cdx_digest digest;

	for (uint64_t s = 0; s < sl->g.steps; s++) {
		assert_int_equal(cdx_protection_read(
					 t->s, b, &sl->rec,
					 cdx_geometry_index(&sl->g, slot, s)),
				 0);
		cdx_sha256(&digest, b, sl->g.block_size);
		assert_int_equal(cdx_cache_put_block(t->s, &digest, b,
						     sl->g.block_size),
				 0);
	}
	free(b);
}

/* All slots are given back and come again from files and from each other. */
static void test_all_evicted(void **state)
{
	struct seed seed = seed_start("all evicted");
	struct cdx_protect_opts po = pk_opts(4, 2);
	struct cdx_rebuild_report report;
	struct cdx_rebuild o = {.source = cdx_slot_dir_read};
	char why[CDX_REPAIR_WHY_MAX];
	struct cdx_slot_dir *dir;
	char path[PATH_MAX];
	struct cdx_slots sl;
	struct tmp_store t;
	struct pk_data d;

	(void)state;
	tmp_store_new(&t, SHARE);
	po.cell_size = 512;
	pk_add(&t, &d, &seed, NULL, 41 * 8192 - 3, 8192);
	pk_protect(&t, &d, &po);
	assert_true(snprintf(path, sizeof(path), "%.3000s/slots", t.path) > 0);
	assert_int_equal(mkdir(path, 0700), 0);
	export_all(&t, &d, path, 0x35);
	pk_slots(&t, &d, &sl);
	assert_int_equal(cdx_slot_dir_open(&dir, path, &sl.g), 0);
	/* what is cached is no reason to spare a slot, but can be read */
	cache_slot(&t, &sl, 0);
	for (uint64_t s = 0; s < sl.g.steps; s++)
		pk_corrupt(&t, &d, 0, s);
	pk_evict(&t, &d, 5);
	assert_int_equal(cdx_repair_can_spare(t.s, &sl, 1, &o, why), -EBUSY);
	assert_int_equal(cdx_protection_read(t.s, d.p, &sl.rec, 0), 0);
	assert_int_equal(cdx_protection_evict(t.s, &sl.rec), 0);
	assert_int_equal(cdx_cache_resize(t.s, 0), 0);
	assert_int_equal(pk_rebuild(&t, &d, 3, NULL, &report), -ENODATA);
	o.source_arg = dir;
	for (uint32_t i = 0; i < 6; i++) {
		/* the last ones from those that are back */
		assert_int_equal(
			pk_rebuild(&t, &d, i, i < 4 ? &o : NULL, &report), 0);
		/* slot 3 has padding */
		assert_int_equal(report.kept, i == 3 ? 3 : 0);
	}
	cdx_slot_dir_close(dir);
	cdx_slots_free(&sl);
	local_same(&t, &d);
	tmp_reclaim(&t);
	tmp_fsck_clean(&t);
	pk_free(&d);
	tmp_store_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_pairs),
		cmocka_unit_test(test_random_sets),
		cmocka_unit_test(test_odd_datasets),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_from_dir),
		cmocka_unit_test(test_all_evicted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
