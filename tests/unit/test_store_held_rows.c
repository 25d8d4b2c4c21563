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
#include "held_env.h"
#include "store/leaf_page.h"
#include "store/records.h"

/* Slots of somebody else's datasets: rows, pages, files, the check of them */

/* ---- pages ---- */

static void pages(void **state)
{
	struct cdx_leaf_pages *made;
	struct cdx_tree_page page;
	struct cdx_tree_page want;
	struct cdx_dataset_info info;
	struct cdx_digest digest;
	struct cdx_protection p;
	struct hk h;

	(void)state;
	/* three slots of 150 steps: pages 0 and 1, one of which all need */
	assert_int_equal(hk_make(&h, 3, 290, 2, 1, 285), 0);
	assert_int_equal(hk_adopt(T.s, &h, &p), 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(hk_leaves(T.s, &h, &p, i), 0);
		assert_int_equal(cdx_held_begin(T.s, &p, i, NULL), 0);
	}
	assert_int_equal(cdx_dataset_info(T.s, &h.cid, &info), 0);
	assert_int_equal(cdx_leaf_pages_new(&made, T.s, 1 << 20), 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(hk_page(&h, i, &want), 0);
		memset(&page, 0, sizeof(page));
		assert_int_equal(cdx_held_page(T.s, &info, i, &page), 0);
		assert_memory_equal(&page, &want, sizeof(page));
		memset(&page, 0, sizeof(page));
		assert_int_equal(cdx_leaf_page(made, &info, i, &page), 0);
		assert_memory_equal(page.leaf, want.leaf, sizeof(page.leaf));
	}
	assert_int_equal(cdx_held_page(T.s, &info, 2, &page), -ENOENT);
	cdx_leaf_pages_free(made);
	tmp_fsck_clean(&T);
	/* slot 0 lies in page 0, slot 1 in both, slot 2 in page 1 */
	assert_int_equal(cdx_held_release(T.s, &h.cid, 0, NULL), 0);
	assert_int_equal(cdx_held_page(T.s, &info, 0, &page), 0);
	assert_int_equal(cdx_dataset_leaf(T.s, &info, 0, &digest), -ENOENT);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 1, NULL), 0);
	assert_int_equal(cdx_held_page(T.s, &info, 0, &page), -ENOENT);
	assert_int_equal(cdx_held_page(T.s, &info, 1, &page), 0);
	assert_int_equal(cdx_dataset_leaf(T.s, &info, h.total - 1, &digest), 0);
	assert_int_equal(cdx_leaf_pages_new(&made, T.s, 1 << 20), 0);
	assert_int_equal(cdx_leaf_page(made, &info, 0, &page), -ENOENT);
	assert_int_equal(cdx_leaf_page(made, &info, 1, &page), 0);
	cdx_leaf_pages_free(made);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 2, NULL), 0);
	assert_int_equal(rows(CDX_DB_HELD_PAGE, 0), 0);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

/* A slot that is nothing but padding */
static void padding(void **state)
{
	struct cdx_protection p;
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 1, 2, 1, 0), 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 1, NULL), 0);
	assert_int_equal(provider(), 0);
	tmp_fsck_clean(&T);
	tmp_store_reopen(&T);
	get(&p);
	assert_true(cdx_held_whole(&p, 1));
	assert_int_equal(hk_fill(T.s, &h, &p, 0, NULL), 0);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 1, NULL), 0);
	assert_int_equal(provider(), CDX_BLOCK_SIZE);
	tmp_fsck_clean(&T);
	tmp_store_reopen(&T);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 0, NULL), 0);
	assert_int_equal(rows(CDX_DB_PROTECTION, 0), 0);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

/* ---- files ---- */

static uint64_t disk(uint64_t id)
{
	char path[PATH_MAX];
	struct stat st;

	tmp_area_path(&T, path, id);
	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}

/* Only slots that are held take room, each in one place; and it comes back. */
static void sparse(void **state)
{
	const uint64_t slot = 10 * CDX_BLOCK_SIZE;
	struct cdx_protection p;
	char path[PATH_MAX];
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 40, 4, 2, 0), 0);
	assert_int_equal(hk_adopt(T.s, &h, &p), 0);
	assert_int_equal(disk(p.segment) + disk(p.area), 0);
	assert_int_equal(hk_leaves(T.s, &h, &p, 1), 0);
	assert_int_equal(cdx_held_begin(T.s, &p, 1, NULL), 0);
	assert_true(disk(p.segment) >= slot);
	assert_int_equal(disk(p.area), 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 1, NULL), 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 5, NULL), 0);
	assert_true(disk(p.segment) < 2 * slot);
	assert_true(disk(p.area) >= slot && disk(p.area) < 2 * slot);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 1, NULL), 0);
	tmp_reclaim(&T);
	assert_true(disk(p.segment) < slot);

	/* a file that is lost is made again, as sparse as it was */
	tmp_store_close(&T);
	tmp_area_path(&T, path, p.area);
	assert_int_equal(unlink(path), 0);
	tmp_store_open(&T);
	get(&p);
	assert_true(cdx_slot_file_gone(T.s, &p, 5));
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 5), 0);
	assert_false(cdx_held_whole(&p, 5));
	assert_true(disk(p.area) < 2 * slot);
	assert_int_equal(hk_put(T.s, &h, &p, 5, 0, 10), 0);
	assert_int_equal(cdx_slot_restore_end(T.s, &p, 5), 0);
	assert_int_equal(provider(), slot);
	check_held(&h, &p, 1u << 5);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

/* ---- fsck ---- */

static void put_raw(enum cdx_db db, const void *key, size_t key_len,
		    const void *val, size_t val_len)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	if (val != NULL)
		cdx_batch_put(b, db, key, key_len, val, val_len);
	else
		cdx_batch_del(b, db, key, key_len);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void found(void **state)
{
	uint8_t key[CDX_HELD_PAGE_KEY_LEN];
	uint8_t val[CDX_HELD_PAGE_VAL_MAX];
	struct cdx_tree_page page;
	struct tmp_findings v;
	struct cdx_protection p;
	struct cdx_batch *b;
	size_t len;
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 40, 4, 2, 0), 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 1, NULL), 0);
	assert_int_equal(hk_page(&h, 0, &page), 0);

	page.leaf[7].b[3] ^= 1;
	len = cdx_held_page_encode(key, val, p.id, &page);
	put_raw(CDX_DB_HELD_PAGE, key, sizeof(key), val, len);
	tmp_fsck(&T, &v);
	assert_int_equal(v.n, 1);
	assert_int_equal(tmp_found(&v, "held-page-bad"), 1);
	page.leaf[7].b[3] ^= 1;
	len = cdx_held_page_encode(key, val, p.id, &page);
	put_raw(CDX_DB_HELD_PAGE, key, sizeof(key), val, len);
	put_raw(CDX_DB_HELD_PAGE, key, 3, val, len);
	key[7] ^= 1;
	put_raw(CDX_DB_HELD_PAGE, key, sizeof(key), val, len);
	tmp_fsck(&T, &v);
	assert_int_equal(v.n, 2);
	assert_int_equal(tmp_found(&v, "held-page-bad"), 1);
	assert_int_equal(tmp_found(&v, "held-page-stray"), 1);
	put_raw(CDX_DB_HELD_PAGE, key, sizeof(key), NULL, 0);
	put_raw(CDX_DB_HELD_PAGE, key, 3, NULL, 0);

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_batch_add(b, CDX_CNT_USED_PROVIDER, 1);
	assert_int_equal(cdx_batch_apply(b), 0);
	tmp_fsck(&T, &v);
	assert_int_equal(v.n, 1);
	assert_int_equal(tmp_found(&v, "counter-used"), 1);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_batch_add(b, CDX_CNT_USED_PROVIDER, -1);
	cdx_leaf_del(b, p.base, 12);
	assert_int_equal(cdx_batch_apply(b), 0);
	tmp_fsck(&T, &v);
	assert_int_equal(tmp_found(&v, "leaf-missing"), 1);
	assert_int_equal(tmp_found(&v, "block-refs"), 1);
	/* it goes all the same, and what nothing names any more stays */
	assert_int_equal(cdx_held_release(T.s, &h.cid, 1, NULL), 0);
	assert_int_equal(rows(CDX_DB_BLOCK, 0), 1);
	assert_int_equal(provider(), 0);
	hk_free(&h);
}

/* ---- kept pages as records ---- */

static void page_record(void **state)
{
	uint8_t key[CDX_HELD_PAGE_KEY_LEN];
	uint8_t val[CDX_HELD_PAGE_VAL_MAX];
	struct cdx_tree_page page;
	struct cdx_tree_page again = {.leaves = 441};
	size_t len;
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 290, 2, 1, 285), 0);
	again.leaves = h.total;
	again.page = 1;
	assert_int_equal(hk_page(&h, 1, &page), 0);
	len = cdx_held_page_encode(key, val, 5, &page);
	assert_int_equal(len, 1 + 32 * (page.n + page.path_len));
	assert_int_equal(cdx_held_page_decode(&again, val, len), 0);
	assert_memory_equal(&again, &page, sizeof(page));
	assert_int_equal(cdx_held_page_decode(&again, val, len - 1),
			 CDX_E_CORRUPT);
	assert_int_equal(cdx_held_page_decode(&again, val, len - 32),
			 CDX_E_CORRUPT);
	again.page = 2;
	assert_int_equal(cdx_held_page_decode(&again, val, len), CDX_E_CORRUPT);
	again.page = 1;
	val[0] = 2;
	assert_int_equal(cdx_held_page_decode(&again, val, len), CDX_E_VERSION);
	val[0] = 0;
	assert_int_equal(cdx_held_page_decode(&again, val, len), CDX_E_CORRUPT);
	hk_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pages),
		CASE(padding),
		CASE(sparse),
		CASE(found),
		cmocka_unit_test(page_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
