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
#include "held_kit.h"
#include "protection_env.h"
#include "store/public.h"

/* Slots of somebody else's datasets */

static int64_t provider(void)
{
	return cdx_kv_counter(T.s, CDX_CNT_USED_PROVIDER);
}

/* Everything of a slot reads as it should; the others are not here. */
static void check_held(const struct hk *h, const struct cdx_protection *p,
		       uint32_t here)
{
	uint8_t *got = malloc(CDX_BLOCK_SIZE);
	uint8_t *want = malloc(CDX_BLOCK_SIZE);

	for (uint64_t i = 0; i < h->total; i++) {
		bool pad = i >= h->blocks && i < h->steps * h->k;
		int rc = cdx_protection_read(T.s, got, p, i);

		if ((here >> (i / h->steps) & 1) == 0 && !pad) {
			assert_int_equal(rc, -ENODATA);
			continue;
		}
		assert_int_equal(rc, 0);
		hk_block(want, h, i);
		assert_memory_equal(got, want, CDX_BLOCK_SIZE);
	}
	free(got);
	free(want);
}

static void life(void **state)
{
	const int64_t slot = 10 * CDX_BLOCK_SIZE;
	struct cdx_protection p;
	struct cdx_dataset_info info;
	struct counts start = counts();
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 7, 38, 4, 2, 0), 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 1, NULL), 0);
	assert_true(cdx_held_is(&p));
	assert_true(cdx_held_whole(&p, 1));
	assert_int_equal(provider(), slot);
	check_held(&h, &p, 1u << 1);
	tmp_fsck_clean(&T);
	/* the last data slot has two blocks less */
	assert_int_equal(hk_fill(T.s, &h, &p, 3, NULL), 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 5, NULL), 0);
	assert_int_equal(provider(), 3 * slot - 2 * (int)CDX_BLOCK_SIZE);
	assert_int_equal(p.sold, 0x2a);
	check_held(&h, &p, 0x2a);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_dataset_info(T.s, &h.cid, &info), 0);
	assert_true(cdx_dataset_is_public(&info));

	tmp_store_reopen(&T);
	check_held(&h, &p, 0x2a);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 3, NULL), 0);
	get(&p);
	check_held(&h, &p, 0x22);
	tmp_fsck_clean(&T);
	tmp_reclaim(&T);
	assert_int_equal(provider(), 2 * slot);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 1, NULL), 0);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 5, NULL), 0);
	assert_int_equal(cdx_dataset_info(T.s, &h.cid, &info), -ENOENT);
	assert_int_equal(provider(), 0);
	same_counts(start);
	assert_int_equal(rows(CDX_DB_LEAF, 0), 0);
	assert_int_equal(rows(CDX_DB_SLOT_NODE, 0), 0);
	assert_int_equal(rows(CDX_DB_HELD_PAGE, 0), 0);
	assert_int_equal(rows(CDX_DB_PUBLIC, 0), 0);
	assert_int_equal(rows(CDX_DB_PROTECTION, 0), 0);
	tmp_fsck_clean(&T);
	tmp_reclaim(&T);
	assert_int_equal(rows(CDX_DB_AREA, 0), 0);
	hk_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
