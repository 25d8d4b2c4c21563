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
#include "crypto/block.h"
#include "store/held.h"
#include "store/leaf_page.h"

/* A slot of somebody else's dataset: checked like one's own, and mended with what
 * others have. */

#define SHARE ((uint64_t)1 << 30)
#define BLOCKS 11u
#define SLOT 2u /* the last data slot: it has a block of padding */

struct env {
	struct tmp_store from;
	struct tmp_store to;
	struct pk_data d;
	struct seed seed;
	struct cdx_slots sl; /* in the store that has it all */
	struct cdx_protection p;
};

static void adopt(struct env *e)
{
	struct cdx_leaf_pages *pages;
	struct cdx_tree_page page;
	struct cdx_buf m = {0};

	assert_int_equal(cdx_dataset_manifest(e->from.s, &e->d.verifiable, &m),
			 0);
	assert_int_equal(cdx_held_adopt(e->to.s, &e->d.verifiable, m.p, m.len,
					&e->p),
			 0);
	cdx_buf_free(&m);
	assert_int_equal(cdx_leaf_pages_new(&pages, e->from.s, 1 << 20), 0);
	assert_int_equal(cdx_leaf_page(pages, &e->sl.info, 0, &page), 0);
	cdx_leaf_pages_free(pages);
	assert_int_equal(cdx_held_leaves(e->to.s, &e->p, SLOT, &page), 0);
	assert_int_equal(cdx_held_begin(e->to.s, &e->p, SLOT, NULL), 0);
}

/* A block from the store that has them all */
static int source(void *arg, uint32_t column, uint64_t step, uint8_t *out)
{
	struct env *e = arg;

	return cdx_protection_read(e->from.s, out, &e->sl.rec,
				   column * e->sl.rec.steps + step);
}

static void rebuild(struct env *e, struct cdx_rebuild_report *report)
{
	const struct cdx_rebuild o = {.source = source, .source_arg = e};
	char why[CDX_REPAIR_WHY_MAX];
	struct cdx_slots sl = {0};

	assert_int_equal(cdx_slots_open(&sl, e->to.s, &e->d.verifiable), 0);
	assert_int_equal(cdx_rebuild_slot(e->to.s, &sl, SLOT, &o, report, why),
			 0);
	cdx_slots_free(&sl);
}

static void check(struct env *e, uint64_t bad, uint64_t missing)
{
	struct cdx_verify_report r;

	assert_int_equal(
		cdx_verify_dataset(e->to.s, &e->d.verifiable, NULL, &r), 0);
	assert_int_equal(cdx_verify_ok(&r), bad == 0 && missing == 0);
	assert_int_equal(r.bad, bad);
	assert_int_equal(r.missing, missing);
	assert_false(r.tree_bad);
	assert_int_equal(r.parity_bad, 0);
	for (uint32_t i = 0; i < r.slots; i++) {
		assert_int_equal(r.slot[i].absent, i != SLOT);
		assert_false(r.slot[i].tree_bad);
	}
}

static void test_verify(void **state)
{
	struct cdx_protect_opts po = pk_opts(3, 2);
	struct cdx_rebuild_report report;
	struct cdx_block_loc loc = {0};
	struct cdx_slots sl = {0};
	struct env e;

	(void)state;
	memset(&e, 0, sizeof(e));
	e.seed = seed_start("repair held");
	tmp_store_new(&e.from, SHARE);
	tmp_store_new(&e.to, SHARE);
	pk_add(&e.from, &e.d, &e.seed, NULL, BLOCKS * CDX_BLOCK_SIZE - 9,
	       CDX_BLOCK_SIZE);
	pk_protect(&e.from, &e.d, &po);
	pk_slots(&e.from, &e.d, &e.sl);
	adopt(&e);
	rebuild(&e, &report);
	assert_int_equal(report.blocks, 3);
	check(&e, 0, 0);
	tmp_fsck_clean(&e.to);
	/* nothing but the slot's own bytes can be wrong */
	assert_int_equal(cdx_slots_open(&sl, e.to.s, &e.d.verifiable), 0);
	assert_true(
		pk_loc(&e.to, &sl, cdx_geometry_index(&sl.g, SLOT, 1), &loc));
	cdx_slots_free(&sl);
	tmp_area_flip(&e.to, loc.area, (off_t)loc.off + 77);
	check(&e, 1, 0);
	rebuild(&e, &report);
	assert_int_equal(report.blocks, 1);
	check(&e, 0, 0);
	tmp_fsck_clean(&e.to);
	assert_int_equal(cdx_held_release(e.to.s, &e.d.verifiable, SLOT, NULL),
			 0);
	tmp_fsck_clean(&e.to);
	cdx_slots_free(&e.sl);
	pk_free(&e.d);
	tmp_store_free(&e.from);
	tmp_store_free(&e.to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
