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

#include "base/err.h"
#include "protection_env.h"
#include "seed.h"

/* Slots that are evicted and restored */

static void evict_and_restore(struct cdx_dataset_info *base, uint64_t seed,
			      uint64_t same, bool paid)
{
	struct cdx_protection p;
	struct counts start = counts();
	uint64_t bad = bad_blocks();
	int64_t whole;

	assert_int_equal(pk_protect(T.s, &p, base, 4, 2, paid), 0);
	whole = used();
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(cdx_slot_evict(T.s, &p, i), 0);
		get(&p);
		assert_int_equal(p.absent, 1u << i);
		assert_int_equal(p.evicting, 0);
		assert_true(used() < whole);
		tmp_fsck_clean(&T);
		if (same == 0)
			check_all(&p, seed, same);
		tmp_store_reopen(&T);
		assert_int_equal(pk_restore(T.s, &p, seed, same, i), 0);
		assert_int_equal(p.absent | p.damaged, 0);
		assert_int_equal(used(), whole);
		check_all(&p, seed, same);
		tmp_fsck_clean(&T);
	}
	assert_int_equal(bad_blocks(), 0);
	(void)bad;
	/* gone with slots missing */
	assert_int_equal(cdx_slot_evict(T.s, &p, 5), 0);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, false), 0);
	same_counts(start);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

static void slots_loose(void **state)
{
	struct cdx_dataset_info base;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 30, 65536, 0), 0);
	evict_and_restore(&base, 1, 0, false);
}

/* More than one batch, blocks smaller than a page */
static void slots_small(void **state)
{
	struct cdx_dataset_info base;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 1301, 64, 0), 0);
	evict_and_restore(&base, 1, 0, false);
}

static void slots_segment(void **state)
{
	struct cdx_dataset_info base;

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 40, 60 * CDX_BLOCK_SIZE), 0);
	evict_and_restore(&base, 1, 0, true);
	evict_and_restore(&base, 1, 0, false);
}

/* Equal blocks in several slots stay, and nothing is counted twice. */
static void slots_equal(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_dataset_info other;
	struct cdx_protection p;
	int64_t before;

	(void)state;
	/* slots 2 and 3 hold one block over and over */
	assert_int_equal(pk_loose(T.s, &base, 1, 24, 4096, 12), 0);
	before = used();
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 2), 0);
	get(&p);
	check_slot(&p, 1, 12, 3, true);
	tmp_fsck_clean(&T);
	/* both gone: now its bytes may go, but the other slot counts on them */
	assert_int_equal(cdx_slot_evict(T.s, &p, 3), 0);
	tmp_fsck_clean(&T);
	get(&p);
	assert_int_equal(pk_restore(T.s, &p, 1, 12, 2), 0);
	assert_int_equal(pk_restore(T.s, &p, 1, 12, 3), 0);
	check_all(&p, 1, 12);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, false), 0);
	assert_int_equal(used(), before);

	/* the parity column of zeros is somebody's data too */
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	{
		uint8_t zero[4096] = {0};
		struct cdx_ingest *in;
		struct cdx_cid cid;
		const struct cdx_ingest_opts o = {.block_size = 4096};

		assert_int_equal(cdx_ingest_new(&in, T.s, &o), 0);
		assert_int_equal(cdx_ingest_feed(in, zero, 4096), 0);
		assert_int_equal(cdx_ingest_end(in, &cid), 0);
		cdx_ingest_free(in);
		assert_int_equal(cdx_dataset_info(T.s, &cid, &other), 0);
	}
	assert_int_equal(cdx_slot_evict(T.s, &p, 5), 0);
	tmp_reclaim(&T);
	{
		uint8_t b[4096];

		assert_int_equal(cdx_dataset_read(T.s, b, &other, 0, 4096),
				 4096);
	}
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, false), 0);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_dataset_unpin(T.s, &other.cid), 1);
	assert_int_equal(used(), before);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

/* ---- all of them ---- */

static void all_away_and_back(struct cdx_dataset_info *base, uint64_t seed,
			      uint64_t same, bool paid)
{
	struct cdx_protection p;
	struct counts start = counts();
	uint8_t *b = malloc(base->block_size);
	int64_t whole;
	int64_t charged;

	assert_int_equal(pk_protect(T.s, &p, base, 4, 2, paid), 0);
	whole = used();
	assert_int_equal(cdx_store_charged(T.s, &charged), 0);
	/* once from whole ones, once with slots that are gone already */
	for (unsigned round = 0; round < 2; round++) {
		if (round == 1) {
			assert_int_equal(cdx_slot_evict(T.s, &p, 1), 0);
			assert_int_equal(cdx_slot_evict(T.s, &p, 4), 0);
		}
		assert_int_equal(cdx_protection_evict(T.s, &p), 0);
		get(&p);
		assert_int_equal(p.absent, 0x3f);
		assert_int_equal(p.evicting | p.damaged, 0);
		assert_false(p.evict_all);
		tmp_fsck_clean(&T);
		check_all(&p, seed, same);
		assert_int_equal(cdx_dataset_read(T.s, b, base, 0,
						  base->block_size),
				 -ENODATA);
		/* nothing more to do */
		assert_int_equal(cdx_protection_evict(T.s, &p), 0);
		tmp_reclaim(&T);
		tmp_store_reopen(&T);
		tmp_fsck_clean(&T);
		for (uint32_t i = 0; i < 6; i++) {
			uint32_t slot = round == 0 ? i : 5 - i;

			assert_int_equal(pk_restore(T.s, &p, seed, same, slot),
					 0);
			tmp_fsck_clean(&T);
		}
		assert_int_equal(p.absent | p.damaged, 0);
		assert_int_equal(used(), whole);
		check_all(&p, seed, same);
	}
	assert_int_equal(bad_blocks(), 0);
	/* gone while nothing of it is here */
	assert_int_equal(cdx_protection_evict(T.s, &p), 0);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, false), -EBUSY);
	assert_int_equal(pk_restore(T.s, &p, seed, same, 0), 0);
	for (uint32_t i = 1; i < 4; i++)
		assert_int_equal(pk_restore(T.s, &p, seed, same, i), 0);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, false), 0);
	same_counts(start);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
	free(b);
}

static void all_loose(void **state)
{
	struct cdx_dataset_info base;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 30, 65536, 0), 0);
	all_away_and_back(&base, 1, 0, false);
}

static void all_small(void **state)
{
	struct cdx_dataset_info base;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 1301, 64, 0), 0);
	all_away_and_back(&base, 1, 0, false);
}

static void all_segment(void **state)
{
	struct cdx_dataset_info base;

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 40, 60 * CDX_BLOCK_SIZE), 0);
	all_away_and_back(&base, 1, 0, true);
	all_away_and_back(&base, 1, 0, false);
}

/* Equal blocks of several slots go as well, but not what others need. */
static void all_equal(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_dataset_info other;
	struct cdx_protection p;
	struct cdx_protection q;
	uint8_t b[4096];
	int64_t before;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 24, 4096, 12), 0);
	before = used();
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	assert_int_equal(cdx_protection_evict(T.s, &p), 0);
	get(&p);
	for (uint32_t i = 0; i < 6; i++)
		check_slot(&p, 1, 12, i, false);
	/* the manifest of the plain dataset is left */
	assert_true(used() < 4096);
	tmp_fsck_clean(&T);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(pk_restore(T.s, &p, 1, 12, i), 0);
	/* a dataset that shares them, and one more protection */
	assert_int_equal(pk_loose(T.s, &other, 1, 12, 4096, 0), 0);
	assert_int_equal(pk_protect(T.s, &q, &base, 2, 1, false), 0);
	assert_int_equal(cdx_protection_evict(T.s, &p), -EBUSY);
	assert_int_equal(cdx_protection_drop(T.s, q.base, q.id, false), 0);
	assert_int_equal(cdx_protection_evict(T.s, &p), 0);
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(
			cdx_dataset_read(T.s, b, &other, i * 4096, 4096), 4096);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
	get(&p);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(pk_restore(T.s, &p, 1, 12, i), 0);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, false), 0);
	assert_int_equal(cdx_dataset_unpin(T.s, &other.cid), 1);
	assert_int_equal(used(), before);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

/* Cut at any batch it is finished by the next open. */
static void all_interrupted(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	struct cdx_batch *b;
	int64_t charge = 0;

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 40, 60 * CDX_BLOCK_SIZE), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, true), 0);
	/* as its first batch leaves it */
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	for (uint32_t i = 0; i < 6; i++)
		charge += (int64_t)cdx_protection_slot_charge(&p, i);
	p.absent = 0x3f;
	p.evicting = 1;
	p.evict_all = true;
	cdx_protection_put(b, &p);
	cdx_quota_charge(b, CDX_SHARE_VOLUME, -charge);
	assert_int_equal(cdx_batch_apply(b), 0);
	tmp_fsck_clean(&T);
	check_slot(&p, 1, 0, 2, true);
	tmp_store_reopen(&T);
	get(&p);
	assert_int_equal(p.evicting, 0);
	check_all(&p, 1, 0);
	tmp_fsck_clean(&T);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(pk_restore(T.s, &p, 1, 0, i), 0);
	check_all(&p, 1, 0);
	assert_int_equal(used(), 60 * CDX_BLOCK_SIZE);
	tmp_fsck_clean(&T);
}

/* The bytes really go, and come back. */
static void slots_bytes(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	char path[PATH_MAX];
	struct stat full;
	struct stat st;

	(void)state;
	assert_int_equal(pk_segment(T.s, &base, 1, 40, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, true), 0);
	tmp_area_path(&T, path, base.area);
	assert_int_equal(stat(path, &full), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 1), 0);
	tmp_reclaim(&T);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_blocks <= full.st_blocks - 10 * 128);
	get(&p);
	assert_int_equal(pk_restore(T.s, &p, 1, 0, 1), 0);
	tmp_reclaim(&T);
	check_all(&p, 1, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_blocks >= full.st_blocks);
	/* a bad block of a slot that is here */
	tmp_area_flip(&T, base.area, 3 * CDX_BLOCK_SIZE);
	{
		uint8_t *b = malloc(CDX_BLOCK_SIZE);

		assert_int_equal(cdx_protection_read(T.s, b, &p, 3),
				 CDX_E_HASH);
		assert_int_equal(bad_blocks(), 1);
		free(b);
	}
	assert_int_equal(pk_restore(T.s, &p, 1, 0, 0), 0);
	check_all(&p, 1, 0);
	tmp_fsck_clean(&T);
}

/* An interrupted restore stays absent, keeps what it has, and can be evicted
 * or gone on with. */
static void half_restored(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	struct counts start;
	uint8_t b[4096];
	int64_t whole;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 80, 4096, 0), 0);
	start = counts();
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	whole = used();
	for (uint32_t slot = 1; slot < 6; slot += 4) {
		assert_int_equal(cdx_slot_evict(T.s, &p, slot), 0);
		assert_int_equal(cdx_slot_restore_begin(T.s, &p, slot), 0);
		assert_int_equal(pk_restore_from(T.s, &p, 1, 0, slot, 0, 7), 0);
		tmp_store_reopen(&T);
		get(&p);
		assert_int_equal(p.absent, 1u << slot);
		assert_int_equal(p.damaged, 1u << slot);
		tmp_fsck_clean(&T);
		assert_int_equal(
			cdx_protection_read(T.s, b, &p, slot * p.steps + 6), 0);
		if (slot != 5)
			assert_int_equal(
				cdx_protection_read(T.s, b, &p,
						    slot * p.steps + 7),
				-ENODATA);
		/* others may still go, this one does not count as here */
		assert_int_equal(cdx_slot_evict(T.s, &p, 2), 0);
		assert_int_equal(cdx_slot_evict(T.s, &p, 3), -EBUSY);
		get(&p);
		assert_int_equal(pk_restore(T.s, &p, 1, 0, 2), 0);
		assert_int_equal(cdx_slot_evict(T.s, &p, slot), 0);
		tmp_fsck_clean(&T);
		get(&p);
		assert_int_equal(p.damaged, 0);
		assert_int_equal(cdx_slot_restore_begin(T.s, &p, slot), 0);
		assert_int_equal(pk_restore_from(T.s, &p, 1, 0, slot, 3, 9), 0);
		assert_int_equal(pk_restore(T.s, &p, 1, 0, slot), 0);
		assert_int_equal(used(), whole);
		check_all(&p, 1, 0);
	}
	/* with one half restored the base goes too */
	assert_int_equal(cdx_slot_evict(T.s, &p, 0), 0);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 0), 0);
	assert_int_equal(pk_restore_from(T.s, &p, 1, 0, 0, 0, 7), 0);
	{
		struct cdx_cid cid = cid_of(&p.verifiable);

		assert_int_equal(cdx_dataset_unpin(T.s, &cid), -EBUSY);
		assert_int_equal(cdx_dataset_unpin(T.s, &base.cid), 0);
		assert_int_equal(cdx_dataset_unpin(T.s, &cid), 1);
	}
	(void)start;
	assert_int_equal(used(), 0);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
}

static void restore_needs_room(void **state)
{
	struct cdx_dataset_info base;
	struct cdx_protection p;
	const uint64_t small[3] = {2u << 20, 1, 1};
	const uint64_t large[3] = {SHARE, 1, 1};
	int64_t before;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 20, 65536, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 0), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 4), 0);
	get(&p);
	before = used();
	assert_int_equal(cdx_store_set_shares(T.s, small), 0);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 0), CDX_E_QUOTA);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 4), CDX_E_QUOTA);
	assert_int_equal(used(), before);
	get(&p);
	assert_int_equal(p.damaged, 0);
	assert_int_equal(cdx_store_set_shares(T.s, large), 0);
	assert_int_equal(pk_restore(T.s, &p, 1, 0, 0), 0);
	assert_int_equal(pk_restore(T.s, &p, 1, 0, 4), 0);
	tmp_fsck_clean(&T);
}

/* ---- any order ---- */

struct model {
	struct cdx_dataset_info base;
	uint64_t seed;
	struct counts start;
	bool paid;
	bool live;
	struct cdx_protection p;
};

static void model_step(struct model *m, struct seed *rnd)
{
	uint32_t slot = (uint32_t)seed_below(rnd, 6);
	int rc;

	if (!m->live) {
		m->start = counts();
		assert_int_equal(
			pk_protect(T.s, &m->p, &m->base, 4, 2, m->paid), 0);
		m->live = true;
		return;
	}
	get(&m->p);
	switch (seed_below(rnd, 12)) {
	case 0:
		tmp_store_reopen(&T);
		break;
	case 1:
		tmp_reclaim(&T);
		break;
	case 2:
		rc = cdx_protection_drop(T.s, m->p.base, m->p.id, false);
		assert_int_equal(rc,
				 cdx_protection_incomplete(&m->p) ? -EBUSY : 0);
		m->live = rc != 0;
		if (!m->live)
			same_counts(m->start);
		break;
	case 3:
		rc = cdx_slot_restore_begin(T.s, &m->p, slot);
		assert_int_equal(rc, 0);
		assert_int_equal(
			pk_restore_from(T.s, &m->p, m->seed, 0, slot, 0, 3), 0);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		if (((m->p.absent | m->p.damaged) >> slot & 1) != 0)
			assert_int_equal(
				pk_restore(T.s, &m->p, m->seed, 0, slot), 0);
		break;
	default:
		rc = cdx_slot_evict(T.s, &m->p, slot);
		assert_true(rc == 0 || rc == -EBUSY);
		break;
	}
}

static void model(void **state)
{
	struct seed rnd = seed_start("protection");
	struct model m[3] = {0};

	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		m[i].seed = i + 1;
	assert_int_equal(pk_loose(T.s, &m[0].base, 1, 43, 4096, 0), 0);
	assert_int_equal(
		pk_segment(T.s, &m[1].base, 2, 24, 36 * CDX_BLOCK_SIZE), 0);
	assert_int_equal(pk_segment(T.s, &m[2].base, 3, 22, 1 << 20), 0);
	m[1].paid = true;
	for (unsigned round = 0; round < 120; round++) {
		struct model *one = &m[seed_below(&rnd, 3)];

		/* one at a time, so that the counts are its own */
		for (unsigned i = 0; i < 3; i++)
			if (m[i].live && &m[i] != one) {
				one = &m[i];
				break;
			}
		do
			model_step(one, &rnd);
		while (seed_below(&rnd, 4) != 0);
		if (round % 10 == 0)
			tmp_fsck_clean(&T);
		if (one->live) {
			get(&one->p);
			for (uint32_t i = 0; i < 6; i++)
				if (((one->p.absent | one->p.damaged) >> i &
				     1) == 0)
					check_slot(&one->p, one->seed, 0, i,
						   true);
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		if (!m[i].live)
			continue;
		get(&m[i].p);
		assert_int_equal(cdx_protection_drop(T.s, m[i].p.base,
						     m[i].p.id, true),
				 0);
	}
	tmp_reclaim(&T);
	assert_int_equal(rows(CDX_DB_PROTECTION, 0), 0);
	assert_int_equal(rows(CDX_DB_SLOT_NODE, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(slots_loose),	  CASE(slots_small),
		CASE(slots_segment),	  CASE(slots_equal),
		CASE(slots_bytes),	  CASE(half_restored),
		CASE(restore_needs_room), CASE(model),
		CASE(all_loose),	  CASE(all_small),
		CASE(all_segment),	  CASE(all_equal),
		CASE(all_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
