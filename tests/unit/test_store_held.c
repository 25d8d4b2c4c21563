/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "held_env.h"
#include "store/public.h"

/* Slots of somebody else's datasets */

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

/* ---- riders ---- */

struct ride {
	unsigned called;
	int rc;
	int64_t unreserve;
};

static int ride_put(void *arg, struct cdx_batch *b)
{
	struct ride *r = arg;

	r->called++;
	if (r->unreserve != 0)
		cdx_batch_add(b, CDX_CNT_RESERVED_PROVIDER, -r->unreserve);
	return r->rc;
}

static void riders(void **state)
{
	const int64_t slot = 10 * CDX_BLOCK_SIZE;
	struct ride ride = {.rc = -EIO};
	const struct cdx_rider also = {ride_put, &ride};
	struct cdx_protection p;
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 40, 4, 2, 0), 0);
	/* refused: nothing is done */
	assert_int_equal(hk_fill(T.s, &h, &p, 0, &also), -EIO);
	assert_int_equal(provider(), 0);
	get(&p);
	assert_int_equal(p.sold, 0);
	tmp_fsck_clean(&T);
	ride = (struct ride){0};
	assert_int_equal(hk_fill(T.s, &h, &p, 0, &also), 0);
	assert_int_equal(ride.called, 1);
	assert_int_equal(provider(), slot);
	/* another sale of what is whole: nothing is charged */
	assert_int_equal(hk_fill(T.s, &h, &p, 0, &also), 0);
	assert_int_equal(ride.called, 1);
	/* begun already */
	assert_int_equal(hk_leaves(T.s, &h, &p, 2), 0);
	assert_int_equal(cdx_held_begin(T.s, &p, 2, &also), 0);
	assert_int_equal(cdx_held_begin(T.s, &p, 2, &also), 0);
	assert_int_equal(ride.called, 2);
	/* only what is whole is given to strangers */
	assert_true(cdx_public_block(T.s, &h.leaf[0]));
	assert_false(cdx_public_block(T.s, &h.leaf[20]));
	assert_int_equal(provider(), 2 * slot);

	ride = (struct ride){.rc = -EIO};
	assert_int_equal(cdx_held_release(T.s, &h.cid, 0, &also), -EIO);
	get(&p);
	assert_int_equal(p.sold, 5);
	assert_int_equal(provider(), 2 * slot);
	ride = (struct ride){0};
	assert_int_equal(cdx_held_release(T.s, &h.cid, 0, &also), 0);
	assert_int_equal(ride.called, 1);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 0, &also), 0);
	assert_int_equal(ride.called, 2);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 2, &also), 0);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 2, &also), 0);
	assert_int_equal(ride.called, 4);
	assert_int_equal(provider(), 0);
	assert_int_equal(rows(CDX_DB_PROTECTION, 0), 0);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

/* Who brings a rider along has reserved the bytes; others need room. */
static void quota(void **state)
{
	const int64_t slot = 10 * CDX_BLOCK_SIZE;
	struct ride ride = {.unreserve = SHARE};
	const struct cdx_rider also = {ride_put, &ride};
	struct cdx_protection p;
	struct cdx_batch *b;
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 40, 4, 2, 0), 0);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(cdx_quota_reserve(T.s, b, CDX_SHARE_PROVIDER, SHARE),
			 0);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 4, NULL), CDX_E_QUOTA);
	get(&p);
	assert_int_equal(p.sold, 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 4, &also), 0);
	assert_int_equal(provider(), slot);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_RESERVED_PROVIDER), 0);
	assert_int_equal(cdx_kv_counter(T.s, CDX_CNT_USED_VOLUME), 0);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

/* ---- what is refused ---- */

static void adopt_refusals(void **state)
{
	struct cdx_manifest m = {0};
	struct cdx_buf buf = {0};
	struct cdx_protection p;
	struct cdx_cid cid;
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 9, 2, 1, 0), 0);
	cid = h.cid;
	cid.digest[5] ^= 1;
	assert_int_equal(cdx_held_adopt(T.s, &cid, h.manifest.p, h.manifest.len,
					&p),
			 -EINVAL);
	/* plain; protected; other blocks */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(cdx_manifest_decode(&m, h.manifest.p,
						     h.manifest.len),
				 0);
		m.is_verifiable = i == 2;
		m.is_protected = i != 0;
		if (i == 0)
			m.dataset_size = 5 * CDX_BLOCK_SIZE;
		if (i == 2) {
			m.block_size = 4096;
			m.dataset_size /= 16;
			m.erasure.original_size = (h.blocks - 1) * 4096 + 1;
		}
		buf.len = 0;
		assert_int_equal(cdx_manifest_encode(&buf, &m), 0);
		cid = cdx_manifest_cid(buf.p, buf.len);
		assert_int_equal(cdx_held_adopt(T.s, &cid, buf.p, buf.len, &p),
				 -EINVAL);
		cdx_manifest_free(&m);
	}
	cdx_buf_free(&buf);
	hk_free(&h);
	/* more slots than a mask has bits */
	assert_int_equal(hk_make(&h, 3, 40, 32, 1, 0), 0);
	assert_int_equal(hk_adopt(T.s, &h, &p), -EINVAL);
	hk_free(&h);
	assert_int_equal(rows(CDX_DB_AREA, 0), 0);
	tmp_fsck_clean(&T);
}

static void leaf_refusals(void **state)
{
	struct cdx_tree_page page;
	struct cdx_protection p;
	struct cdx_dataset_info info;
	bool has;
	struct hk h;

	(void)state;
	/* slot 3 has blocks 24 to 29, and two of padding */
	assert_int_equal(hk_make(&h, 3, 30, 4, 2, 0), 0);
	assert_int_equal(hk_adopt(T.s, &h, &p), 0);
	assert_int_equal(hk_page(&h, 0, &page), 0);
	assert_int_equal(cdx_held_leaves(T.s, &p, 6, &page), -EINVAL);
	page.n--;
	assert_int_equal(cdx_held_leaves(T.s, &p, 0, &page), -EINVAL);
	page.n++;
	page.leaves++;
	assert_int_equal(cdx_held_leaves(T.s, &p, 0, &page), -EINVAL);
	page.leaves--;
	page.leaf[31] = page.leaf[0];
	assert_int_equal(cdx_held_leaves(T.s, &p, 3, &page), CDX_E_FORMAT);
	page.leaf[31] = cdx_digest_empty;
	assert_int_equal(cdx_held_has_leaves(T.s, &p, 3, &has), 0);
	assert_false(has);
	assert_int_equal(cdx_held_begin(T.s, &p, 3, NULL), CDX_E_SEQUENCE);
	assert_int_equal(cdx_held_leaves(T.s, &p, 3, &page), 0);
	assert_int_equal(cdx_held_leaves(T.s, &p, 3, &page), 0);
	assert_int_equal(cdx_held_has_leaves(T.s, &p, 3, &has), 0);
	assert_true(has);
	page.leaf[25] = page.leaf[0];
	assert_int_equal(cdx_held_leaves(T.s, &p, 3, &page), CDX_E_CORRUPT);
	tmp_fsck_clean(&T);
	/* only what is sold is restored, and not dropped by others */
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 3), -EBUSY);
	assert_int_equal(cdx_held_begin(T.s, &p, 3, NULL), 0);
	assert_int_equal(cdx_slot_restore_begin(T.s, &p, 3), 0);
	assert_int_equal(cdx_slot_evict(T.s, &p, 3), -EBUSY);
	assert_int_equal(cdx_protection_evict(T.s, &p), -EBUSY);
	assert_int_equal(cdx_protection_drop(T.s, p.base, p.id, true), -EBUSY);
	assert_int_equal(cdx_dataset_drop(T.s, &h.cid), -EBUSY);
	assert_int_equal(cdx_dataset_unpin(T.s, &h.cid), -ENOENT);
	assert_int_equal(cdx_dataset_info(T.s, &h.cid, &info), 0);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 6, NULL), -EINVAL);
	/* it is gone in the middle of coming */
	assert_int_equal(hk_put(T.s, &h, &p, 3, 0, 2), 0);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 3, NULL), 0);
	assert_int_equal(hk_put(T.s, &h, &p, 3, 2, 4), -ENOENT);
	assert_int_equal(cdx_held_leaves(T.s, &p, 3, &page), -ENOENT);
	assert_int_equal(cdx_held_begin(T.s, &p, 3, NULL), -ENOENT);
	assert_int_equal(rows(CDX_DB_BLOCK, 0), 0);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

/* ---- a start ---- */

static void reopened(void **state)
{
	const int64_t slot = 10 * CDX_BLOCK_SIZE;
	struct cdx_protection p;
	struct cdx_protection q;
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 40, 4, 2, 0), 0);
	assert_int_equal(hk_adopt(T.s, &h, &p), 0);
	assert_int_equal(hk_adopt(T.s, &h, &q), 0);
	assert_memory_equal(&p, &q, sizeof(p));
	/* nothing came of it */
	tmp_store_reopen(&T);
	assert_int_equal(rows(CDX_DB_PROTECTION, 0), 0);
	assert_int_equal(rows(CDX_DB_DATASET, 0), 0);
	tmp_fsck_clean(&T);
	/* one that is coming, leaves of another */
	assert_int_equal(hk_adopt(T.s, &h, &p), 0);
	assert_int_equal(hk_leaves(T.s, &h, &p, 1), 0);
	assert_int_equal(hk_leaves(T.s, &h, &p, 5), 0);
	assert_int_equal(cdx_held_begin(T.s, &p, 5, NULL), 0);
	assert_int_equal(hk_put(T.s, &h, &p, 5, 0, 4), 0);
	tmp_fsck_clean(&T);
	tmp_store_reopen(&T);
	tmp_fsck_clean(&T);
	get(&p);
	assert_int_equal(p.sold, 1u << 5);
	assert_int_equal(provider(), slot);
	assert_int_equal(rows(CDX_DB_LEAF, p.base), 0);
	assert_int_equal(rows(CDX_DB_LEAF, p.id), 10);
	assert_int_equal(cdx_held_begin(T.s, &p, 5, NULL), 0);
	assert_int_equal(hk_put(T.s, &h, &p, 5, 4, 10), 0);
	assert_int_equal(hk_nodes(T.s, &p, 5), 0);
	assert_int_equal(cdx_slot_restore_end(T.s, &p, 5), 0);
	check_held(&h, &p, 1u << 5);
	assert_int_equal(provider(), slot);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

/* Who gives up takes nothing along that another one has sold meanwhile. */
static void abandoned(void **state)
{
	struct cdx_dataset_info info;
	struct cdx_protection p;
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 40, 4, 2, 0), 0);
	assert_int_equal(cdx_held_abandon(T.s, &h.cid, 1), 0);
	assert_int_equal(hk_adopt(T.s, &h, &p), 0);
	assert_int_equal(cdx_held_abandon(T.s, &h.cid, 6), -EINVAL);
	assert_int_equal(hk_leaves(T.s, &h, &p, 1), 0);
	assert_int_equal(hk_leaves(T.s, &h, &p, 5), 0);
	assert_int_equal(cdx_held_begin(T.s, &p, 5, NULL), 0);
	assert_int_equal(cdx_held_abandon(T.s, &h.cid, 5), 0);
	assert_int_equal(rows(CDX_DB_LEAF, p.id), 10);
	assert_int_equal(rows(CDX_DB_LEAF, p.base), 10);
	assert_int_equal(cdx_held_abandon(T.s, &h.cid, 1), 0);
	assert_int_equal(rows(CDX_DB_LEAF, p.base), 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 5, NULL), 0);
	check_held(&h, &p, 1u << 5);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 5, NULL), 0);
	assert_int_equal(hk_adopt(T.s, &h, &p), 0);
	assert_int_equal(hk_leaves(T.s, &h, &p, 1), 0);
	assert_int_equal(cdx_held_abandon(T.s, &h.cid, 1), 0);
	assert_int_equal(cdx_dataset_info(T.s, &h.cid, &info), -ENOENT);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

/* ---- equal blocks ---- */

static void equal(void **state)
{
	struct cdx_protection p;
	struct cdx_protection q;
	struct counts start = counts();
	struct hk h;
	struct hk g;

	(void)state;
	/* slots 2 and 3 hold one block over and over */
	assert_int_equal(hk_make(&h, 3, 40, 4, 2, 20), 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 2, NULL), 0);
	assert_int_equal(hk_fill(T.s, &h, &p, 3, NULL), 0);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 2, NULL), 0);
	get(&p);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
	assert_true(cdx_public_block(T.s, &h.leaf[30]));
	{
		uint8_t *b = malloc(CDX_BLOCK_SIZE);

		assert_int_equal(cdx_protection_read(T.s, b, &p, 31), 0);
		free(b);
	}
	/* the same data by another name, known and not here */
	assert_int_equal(hk_make(&g, 3, 40, 4, 1, 20), 0);
	assert_int_equal(hk_adopt(T.s, &g, &q), 0);
	assert_int_equal(hk_leaves(T.s, &g, &q, 3), 0);
	assert_int_equal(cdx_held_release(T.s, &h.cid, 3, NULL), 0);
	tmp_reclaim(&T);
	tmp_fsck_clean(&T);
	assert_int_equal(provider(), 0);
	assert_int_equal(cdx_held_release(T.s, &g.cid, 3, NULL), 0);
	same_counts(start);
	assert_int_equal(rows(CDX_DB_PUBLIC, 0), 0);
	tmp_fsck_clean(&T);
	hk_free(&h);
	hk_free(&g);
}

/* ---- a dataset of one's own ---- */

static void own(void **state)
{
	struct ride ride = {0};
	const struct cdx_rider also = {ride_put, &ride};
	struct cdx_dataset_info base;
	struct cdx_protection p;
	struct cdx_cid cid;
	int64_t whole;

	(void)state;
	assert_int_equal(pk_loose(T.s, &base, 1, 30, 65536, 0), 0);
	assert_int_equal(pk_protect(T.s, &p, &base, 4, 2, false), 0);
	cid = cid_of(&p.verifiable);
	whole = used();
	assert_int_equal(cdx_held_begin(T.s, &p, 2, &also), 0);
	assert_int_equal(ride.called, 0);
	assert_int_equal(p.sold, 4);
	assert_false(cdx_held_is(&p));
	assert_int_equal(used(), whole);
	assert_int_equal(cdx_slot_evict(T.s, &p, 2), -EBUSY);
	assert_int_equal(cdx_protection_evict(T.s, &p), -EBUSY);
	assert_int_equal(cdx_slot_evict(T.s, &p, 3), 0);
	tmp_fsck_clean(&T);
	tmp_store_reopen(&T);
	get(&p);
	assert_int_equal(p.sold, 4);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), -EBUSY);
	assert_int_equal(pk_restore(T.s, &p, 1, 0, 3), 0);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), -EBUSY);
	assert_int_equal(cdx_held_release(T.s, &cid, 2, &also), 0);
	assert_int_equal(ride.called, 1);
	get(&p);
	assert_int_equal(p.sold | p.absent, 0);
	assert_int_equal(used(), whole);
	check_all(&p, 1, 0);
	/* one that is away is charged again, and sold */
	assert_int_equal(cdx_slot_evict(T.s, &p, 5), 0);
	get(&p);
	assert_int_equal(cdx_held_begin(T.s, &p, 5, &also), 0);
	assert_int_equal(ride.called, 2);
	assert_int_equal(pk_restore_from(T.s, &p, 1, 0, 5, 0, p.steps), 0);
	assert_int_equal(cdx_slot_restore_end(T.s, &p, 5), 0);
	assert_int_equal(used(), whole);
	assert_int_equal(provider(), 0);
	tmp_fsck_clean(&T);
	assert_int_equal(cdx_held_release(T.s, &cid, 5, NULL), 0);
	assert_int_equal(cdx_dataset_unpin(T.s, &cid), 1);
	tmp_fsck_clean(&T);
}

/* ---- several at once ---- */

struct seller {
	pthread_t thread;
	const struct hk *h;
	uint32_t slot;
	int rc;
};

/* One slot comes and goes; the dataset may go in between with another one. */
static void *sell(void *arg)
{
	struct seller *v = arg;
	struct cdx_protection p;

	for (int i = 0; i < 12 && v->rc == 0; i++) {
		do
			v->rc = hk_fill(T.s, v->h, &p, v->slot, NULL);
		while (v->rc == -ENOENT);
		if (v->rc == 0 && !cdx_held_whole(&p, v->slot))
			v->rc = -EIO;
		if (v->rc == 0)
			v->rc = cdx_held_release(T.s, &v->h->cid, v->slot,
						 NULL);
	}
	return NULL;
}

static void threads(void **state)
{
	struct seller v[3];
	struct counts start = counts();
	struct hk h;

	(void)state;
	assert_int_equal(hk_make(&h, 3, 12, 2, 1, 8), 0);
	for (uint32_t i = 0; i < 3; i++) {
		v[i] = (struct seller){.h = &h, .slot = i};
		assert_int_equal(
			pthread_create(&v[i].thread, NULL, sell, &v[i]), 0);
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(v[i].thread, NULL), 0);
		assert_int_equal(v[i].rc, 0);
	}
	assert_int_equal(provider(), 0);
	same_counts(start);
	assert_int_equal(rows(CDX_DB_PROTECTION, 0), 0);
	assert_int_equal(rows(CDX_DB_PUBLIC, 0), 0);
	tmp_fsck_clean(&T);
	hk_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(life),	      CASE(riders),	   CASE(quota),
		CASE(adopt_refusals), CASE(leaf_refusals), CASE(reopened),
		CASE(abandoned),      CASE(equal),	   CASE(own),
		CASE(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
