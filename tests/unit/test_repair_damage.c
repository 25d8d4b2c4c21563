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
#include "store_tmp.h"

#include "protect_kit.h"

#define SHARE ((uint64_t)1 << 30)

/* Bytes that changed by themselves: detected, blamed, passed over, found by
 * verify, mended by rebuild */

struct env {
	struct tmp_store t;
	struct pk_data d;
	struct seed seed;
	struct cdx_slots sl;
};

static void env_new(struct env *e, const char *what, uint32_t k, uint32_t m,
		    size_t blocks)
{
	struct cdx_protect_opts po = pk_opts(k, m);

	e->seed = seed_start(what);
	tmp_store_new(&e->t, SHARE);
	po.cell_size = 512;
	pk_add(&e->t, &e->d, &e->seed, NULL, blocks * 4096 - 9, 4096);
	pk_protect(&e->t, &e->d, &po);
	pk_slots(&e->t, &e->d, &e->sl);
}

static void env_free(struct env *e)
{
	cdx_slots_free(&e->sl);
	pk_free(&e->d);
	tmp_store_free(&e->t);
}

/* ---- survivors ---- */

static void test_bad_survivors(void **state)
{
	struct cdx_rebuild_report report;
	uint8_t block[4096];
	struct env e;

	(void)state;
	env_new(&e, "bad survivors", 4, 3, 22);
	/* one slot is gone; two others have a bad block each, in one step */
	pk_evict(&e.t, &e.d, 1);
	pk_corrupt(&e.t, &e.d, 0, 2);
	pk_corrupt(&e.t, &e.d, 5, 2);
	pk_same(&e.t, &e.d, &e.d.verifiable);
	pk_same(&e.t, &e.d, &e.d.plain);
	assert_int_equal(pk_rebuild(&e.t, &e.d, 1, NULL, &report), 0);
	assert_true(report.bad >= 1);
	assert_true(report.blamed & 1);
	assert_int_equal(report.blamed & ~UINT32_C(0x21), 0);
	/* then what was bad is mended too */
	assert_int_equal(pk_rebuild(&e.t, &e.d, 0, NULL, &report), 0);
	assert_int_equal(report.blocks, 1);
	assert_int_equal(report.kept, e.sl.g.steps - 1);
	assert_int_equal(pk_rebuild(&e.t, &e.d, 5, NULL, &report), 0);
	assert_int_equal(report.blocks, 1);
	tmp_reclaim(&e.t);
	tmp_fsck_clean(&e.t);
	/* four bad blocks in one step are one too many */
	for (uint32_t c = 0; c < 4; c++)
		pk_corrupt(&e.t, &e.d, 2 * c % 7, 4);
	assert_int_equal(cdx_repair_block(e.t.s, e.sl.rec.base, 4, block,
					  sizeof(block)),
			 -ENODATA);
	assert_int_equal(pk_rebuild(&e.t, &e.d, 0, NULL, &report), -ENODATA);
	env_free(&e);
}

/* Steps that are lost do not keep the others from being mended. */
static void test_lost_step(void **state)
{
	const struct cdx_rebuild none = {.pool = NULL};
	struct cdx_rebuild_report report;
	char why[CDX_REPAIR_WHY_MAX];
	struct cdx_verify_report r;
	struct env e;

	(void)state;
	env_new(&e, "lost steps", 2, 1, 20);
	pk_corrupt(&e.t, &e.d, 0, 1);
	pk_corrupt(&e.t, &e.d, 0, 4);
	pk_corrupt(&e.t, &e.d, 0, 9);
	pk_corrupt(&e.t, &e.d, 1, 1);
	assert_int_equal(cdx_rebuild_slot(e.t.s, &e.sl, 0, &none, &report, why),
			 -ENODATA);
	assert_int_equal(report.lost, 1);
	assert_int_equal(report.blocks, 2);
	assert_int_equal(report.kept, e.sl.g.steps - 3);
	assert_non_null(strstr(why, "1 of 10 steps"));
	assert_non_null(strstr(why, "step 1:"));
	assert_non_null(strstr(why, "--from"));
	assert_int_equal(pk_verify(&e.t, &e.d.verifiable, &r), 0);
	assert_int_equal(r.slot[0].bad, 1);
	assert_int_equal(r.slot[1].bad, 1);
	env_free(&e);
	/* an absent slot comes back but for that step, and stays marked */
	env_new(&e, "lost steps, absent", 2, 1, 20);
	pk_evict(&e.t, &e.d, 2);
	pk_corrupt(&e.t, &e.d, 1, 1);
	assert_int_equal(pk_rebuild(&e.t, &e.d, 2, NULL, &report), -ENODATA);
	assert_int_equal(report.lost, 1);
	assert_int_equal(report.blocks, e.sl.g.steps - 1);
	cdx_slots_free(&e.sl);
	pk_slots(&e.t, &e.d, &e.sl);
	assert_true(e.sl.rec.absent >> 2 & 1);
	env_free(&e);
}

/* Marks say that two slots are left; the blocks do not. */
static void test_can_spare(void **state)
{
	struct cdx_rebuild o = {.pool = NULL};
	struct cdx_rebuild_report report;
	char why[CDX_REPAIR_WHY_MAX];
	struct env e;

	(void)state;
	env_new(&e, "can spare", 2, 2, 21);
	for (uint32_t slot = 0; slot < 4; slot++)
		assert_int_equal(
			cdx_repair_can_spare(e.t.s, &e.sl, slot, &o, why), 0);
	assert_int_equal(cdx_repair_can_spare(e.t.s, &e.sl, 4, &o, why),
			 -EINVAL);
	pk_corrupt(&e.t, &e.d, 0, 3);
	/* one bad block of three others */
	assert_int_equal(cdx_repair_can_spare(e.t.s, &e.sl, 2, &o, why), 0);
	pk_evict(&e.t, &e.d, 3);
	assert_int_equal(cdx_repair_can_spare(e.t.s, &e.sl, 2, &o, why),
			 -EBUSY);
	assert_non_null(strstr(why, "step 3 has only 1 good block beside"));
	assert_non_null(strstr(why, "rebuild --slot 0 "));
	/* the one that is bad itself could go */
	assert_int_equal(cdx_repair_can_spare(e.t.s, &e.sl, 0, &o, why), 0);
	assert_int_equal(pk_rebuild(&e.t, &e.d, 0, NULL, &report), 0);
	assert_int_equal(cdx_repair_can_spare(e.t.s, &e.sl, 2, &o, why), 0);
	env_free(&e);
}

static void test_blocks(void **state)
{
	uint8_t block[4096];
	struct env e;
	struct pk_data other;

	(void)state;
	env_new(&e, "single blocks", 3, 2, 11);
	/* whether it is here or not, it is made from others */
	for (uint64_t i = 0; i < 11; i++) {
		size_t len = i < 10 ? 4096 : 4096 - 9;

		assert_int_equal(cdx_repair_block(e.t.s, e.sl.rec.base, i,
						  block, sizeof(block)),
				 0);
		assert_memory_equal(block, e.d.p + i * 4096, len);
	}
	for (uint64_t i = 0; i < e.sl.g.total; i++)
		assert_int_equal(cdx_repair_index(e.t.s, &e.sl.rec, i, block),
				 0);
	assert_int_equal(cdx_repair_index(e.t.s, &e.sl.rec, e.sl.g.total,
					  block),
			 -EINVAL);
	assert_int_equal(cdx_repair_block(e.t.s, e.sl.rec.base, 11, block,
					  sizeof(block)),
			 -ENODATA);
	assert_int_equal(cdx_repair_block(e.t.s, e.sl.rec.base, 0, block, 1000),
			 -ENODATA);
	/* one that nobody protected */
	pk_add(&e.t, &other, &e.seed, NULL, 5 * 4096, 4096);
	{
		struct cdx_dataset_info info;

		assert_int_equal(cdx_dataset_info(e.t.s, &other.plain, &info),
				 0);
		assert_int_equal(cdx_repair_block(e.t.s, info.base, 0, block,
						  sizeof(block)),
				 -ENODATA);
	}
	pk_free(&other);
	env_free(&e);
}

/* ---- verify ---- */

static void flip_node(struct env *e, uint32_t slot, unsigned layer)
{
	uint8_t row[CDX_NODES_A_ROW * CDX_NODE_LEN];
	struct cdx_batch *b;
	int n;

	n = cdx_slot_nodes_get(e->t.s, e->sl.rec.id, slot, layer, 0, row);
	assert_true(n > 0);
	row[3] ^= 1;
	assert_int_equal(cdx_batch_new(&b, e->t.s), 0);
	cdx_slot_nodes_put(b, e->sl.rec.id, slot, layer, 0, row, (size_t)n);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void test_verify_blocks(void **state)
{
	struct cdx_rebuild_report rebuilt;
	struct cdx_verify_report r;
	struct env e;

	(void)state;
	env_new(&e, "verify: blocks", 4, 2, 30);
	assert_true(pk_verify(&e.t, &e.d.verifiable, &r));
	assert_int_equal(r.blocks, 30 + 2 * e.sl.g.steps);
	pk_corrupt(&e.t, &e.d, 2, 3);
	assert_false(pk_verify(&e.t, &e.d.verifiable, &r));
	assert_int_equal(r.bad, 1);
	assert_int_equal(r.slot[2].bad, 1);
	assert_int_equal(r.missing, 0);
	assert_int_equal(r.parity_bad, 0);
	assert_false(r.tree_bad || r.slot[2].tree_bad);
	assert_false(pk_verify(&e.t, &e.d.plain, &r));
	assert_int_equal(r.bad, 1);
	assert_int_equal(pk_rebuild(&e.t, &e.d, 2, NULL, &rebuilt), 0);
	pk_corrupt(&e.t, &e.d, 5, 0);
	assert_false(pk_verify(&e.t, &e.d.verifiable, &r));
	assert_int_equal(r.slot[5].bad, 1);
	assert_int_equal(r.parity_bad, 0);
	assert_true(pk_verify(&e.t, &e.d.plain, &r));
	assert_int_equal(pk_rebuild(&e.t, &e.d, 5, NULL, &rebuilt), 0);
	assert_true(pk_verify(&e.t, &e.d.verifiable, &r));
	/* absent is no damage */
	pk_evict(&e.t, &e.d, 0);
	assert_true(pk_verify(&e.t, &e.d.verifiable, &r));
	assert_true(r.slot[0].absent);
	assert_int_equal(r.slot[0].missing, e.sl.g.steps);
	assert_int_equal(r.missing, 0);
	env_free(&e);
}

static void test_verify_trees(void **state)
{
	unsigned depth;
	struct cdx_rebuild_report rebuilt;
	struct cdx_verify_report r;
	struct cdx_leaf leaf;
	struct cdx_leaf bad;
	struct cdx_batch *b;
	struct env e;

	(void)state;
	env_new(&e, "verify: trees", 4, 2, 30);
	depth = cdx_p2tree_depth(e.sl.g.slot_blocks);
	for (unsigned layer = 0; layer <= depth; layer++) {
		flip_node(&e, 1, layer);
		assert_false(pk_verify(&e.t, &e.d.verifiable, &r));
		assert_true(r.slot[1].tree_bad);
		assert_false(r.slot[0].tree_bad || r.tree_bad);
		assert_int_equal(r.bad, 0);
		/* a rebuild keeps the blocks and puts the nodes again */
		assert_int_equal(pk_rebuild(&e.t, &e.d, 1, NULL, &rebuilt), 0);
		assert_int_equal(rebuilt.blocks, 0);
		assert_int_equal(rebuilt.kept, e.sl.g.steps);
		assert_true(pk_verify(&e.t, &e.d.verifiable, &r));
	}
	/* a leaf of the data that names another block, which is here */
	assert_int_equal(cdx_leaf_get(e.t.s, e.sl.rec.base, 7, &leaf), 0);
	assert_int_equal(cdx_leaf_get(e.t.s, e.sl.rec.base, 8, &bad), 0);
	assert_int_equal(cdx_batch_new(&b, e.t.s), 0);
	cdx_leaf_put(b, e.sl.rec.base, 7, &bad);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_false(pk_verify(&e.t, &e.d.plain, &r));
	assert_true(r.tree_bad);
	assert_false(pk_verify(&e.t, &e.d.verifiable, &r));
	assert_true(r.tree_bad);
	assert_int_equal(r.parity_bad, 1);
	assert_true(r.slot[0].tree_bad);
	/* and a parity leaf that does */
	assert_int_equal(cdx_batch_new(&b, e.t.s), 0);
	cdx_leaf_put(b, e.sl.rec.base, 7, &leaf);
	cdx_leaf_put(b, e.sl.rec.id, (uint32_t)e.sl.g.rounded, &bad);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_false(pk_verify(&e.t, &e.d.verifiable, &r));
	assert_true(r.tree_bad);
	assert_int_equal(r.parity_bad, 1);
	assert_true(r.slot[4].tree_bad);
	env_free(&e);
}

/* ---- proof inputs ---- */

static void test_inputs(void **state)
{
	uint8_t challenge[CDX_CHALLENGE_LEN];
	struct cdx_proof_inputs a;
	struct cdx_proof_inputs b;
	struct env e;

	(void)state;
	env_new(&e, "inputs", 4, 2, 30);
	seed_fill(&e.seed, challenge, sizeof(challenge));
	assert_int_equal(cdx_slots_inputs(&a, e.t.s, &e.sl, 5, challenge, 8),
			 0);
	assert_int_equal(cdx_slots_inputs(&b, e.t.s, &e.sl, 6, challenge, 8),
			 -EINVAL);
	/* from a slot that is not here the same comes out */
	pk_evict(&e.t, &e.d, 5);
	cdx_slots_free(&e.sl);
	pk_slots(&e.t, &e.d, &e.sl);
	assert_int_equal(cdx_slots_inputs(&b, e.t.s, &e.sl, 5, challenge, 8),
			 0);
	assert_true(cdx_fr_equal(&a.slot_root, &b.slot_root));
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(a.sample[i].cell, b.sample[i].cell);
		assert_memory_equal(a.sample[i].data, b.sample[i].data,
				    a.cell_elements *
					    sizeof(*a.sample[i].data));
		assert_memory_equal(a.sample[i].path, b.sample[i].path,
				    sizeof(a.sample[i].path));
	}
	cdx_proof_inputs_free(&b);
	/* nodes that do not belong to the root */
	flip_node(&e, 5, cdx_p2tree_depth(e.sl.g.slot_blocks) - 1);
	flip_node(&e, 5, 0);
	{
		int rc = cdx_slots_inputs(&b, e.t.s, &e.sl, 5, challenge, 64);

		assert_true(rc == CDX_E_PROOF || rc == CDX_E_CORRUPT);
	}
	cdx_proof_inputs_free(&a);
	env_free(&e);
}

/* The file of all parity columns is gone: the data gives them again. */
static void test_parity_file(void **state)
{
	struct cdx_rebuild_report report;
	struct cdx_verify_report r;
	char path[PATH_MAX];
	struct env e;

	(void)state;
	env_new(&e, "parity file", 4, 3, 41);
	tmp_area_path(&e.t, path, e.sl.rec.area);
	tmp_store_close(&e.t);
	assert_int_equal(unlink(path), 0);
	tmp_store_open(&e.t);
	assert_int_equal(pk_verify(&e.t, &e.d.verifiable, &r), 0);
	for (uint32_t slot = 4; slot < 7; slot++) {
		assert_int_equal(pk_rebuild(&e.t, &e.d, slot, NULL, &report),
				 0);
		assert_int_equal(report.blocks, e.sl.g.steps);
		assert_int_equal(report.kept, 0);
	}
	tmp_store_reopen(&e.t);
	assert_int_equal(pk_verify(&e.t, &e.d.verifiable, &r), 1);
	tmp_fsck_clean(&e.t);

	/* removed under a process that reads it: nothing is lost */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pk_rebuild(&e.t, &e.d, 5, NULL, &report), 0);
	assert_int_equal(report.kept, e.sl.g.steps);
	tmp_store_reopen(&e.t);
	assert_int_equal(pk_verify(&e.t, &e.d.verifiable, &r), 1);
	tmp_fsck_clean(&e.t);
	env_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_survivors),
		cmocka_unit_test(test_lost_step),
		cmocka_unit_test(test_can_spare),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_verify_blocks),
		cmocka_unit_test(test_verify_trees),
		cmocka_unit_test(test_inputs),
		cmocka_unit_test(test_parity_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
