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
#include "store/quota.h"
#include "store_tmp.h"

#define MIB (UINT64_C(1) << 20)

static struct tmp_store T;

static int setup(void **state)
{
	(void)state;
	tmp_store_new(&T, 64 * MIB);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tmp_store_free(&T);
	return 0;
}

static struct cdx_space space(enum cdx_share share)
{
	struct cdx_space sp;

	cdx_quota_space(T.s, share, &sp);
	return sp;
}

static void charge(enum cdx_share share, int64_t bytes)
{
	struct cdx_batch *b;

	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	cdx_quota_charge(b, share, bytes);
	assert_int_equal(cdx_batch_apply(b), 0);
}

static void fresh(void **state)
{
	struct cdx_space sp = space(CDX_SHARE_VOLUME);

	(void)state;
	assert_int_equal(sp.limit, 64 * MIB);
	assert_int_equal(sp.used + sp.reserved + sp.held, 0);
	assert_true(sp.free <= sp.limit);
	assert_true(sp.disk_free > 0);
}

static void hold_and_release(void **state)
{
	(void)state;
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME, 40 * MIB, 0), 0);
	assert_int_equal(space(CDX_SHARE_VOLUME).held, 40 * MIB);
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME, 25 * MIB, 0),
			 CDX_E_QUOTA);
	/* what must stay free is not promised */
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME, 20 * MIB,
					5 * MIB),
			 CDX_E_QUOTA);
	assert_int_equal(
		cdx_quota_hold(T.s, CDX_SHARE_VOLUME, 20 * MIB, 4 * MIB), 0);
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME, UINT64_MAX, 0),
			 CDX_E_QUOTA);
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME, 1, UINT64_MAX),
			 CDX_E_QUOTA);
	cdx_quota_release(T.s, CDX_SHARE_VOLUME, 60 * MIB);
	assert_int_equal(space(CDX_SHARE_VOLUME).held, 0);
}

/* One share cannot starve another. */
static void shares_are_apart(void **state)
{
	(void)state;
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_CACHE, 64 * MIB, 0), 0);
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_CACHE, 1, 0),
			 CDX_E_QUOTA);
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME, 64 * MIB, 0), 0);
	charge(CDX_SHARE_PROVIDER, (int64_t)MIB);
	assert_int_equal(space(CDX_SHARE_PROVIDER).used, MIB);
	assert_int_equal(space(CDX_SHARE_CACHE).used, 0);
}

static void charges_last(void **state)
{
	struct cdx_batch *b;

	(void)state;
	charge(CDX_SHARE_VOLUME, 10 * (int64_t)MIB);
	charge(CDX_SHARE_VOLUME, -3 * (int64_t)MIB);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(cdx_quota_reserve(T.s, b, CDX_SHARE_VOLUME, 50 * MIB),
			 0);
	assert_int_equal(cdx_batch_apply(b), 0);
	tmp_store_reopen(&T);
	assert_int_equal(space(CDX_SHARE_VOLUME).used, 7 * MIB);
	assert_int_equal(space(CDX_SHARE_VOLUME).reserved, 50 * MIB);
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME, 8 * MIB, 0),
			 CDX_E_QUOTA);
	assert_int_equal(cdx_batch_new(&b, T.s), 0);
	assert_int_equal(cdx_quota_reserve(T.s, b, CDX_SHARE_VOLUME, 8 * MIB),
			 CDX_E_QUOTA);
	cdx_quota_unreserve(b, CDX_SHARE_VOLUME, 50 * MIB);
	assert_int_equal(cdx_batch_apply(b), 0);
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME, 57 * MIB, 0), 0);
}

/* A share larger than the disk promises no more than the disk has. */
static void disk_is_a_limit(void **state)
{
	const uint64_t huge[CDX_SHARES] = {UINT64_C(1) << 60, MIB, MIB};
	struct cdx_space sp;

	(void)state;
	assert_int_equal(cdx_store_set_shares(T.s, huge), 0);
	sp = space(CDX_SHARE_VOLUME);
	assert_int_equal(sp.free, sp.disk_free);
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME,
					UINT64_C(1) << 59, 0),
			 -ENOSPC);
	/* what is promised to one share is gone for all */
	assert_int_equal(
		cdx_quota_hold(T.s, CDX_SHARE_VOLUME, sp.disk_free / 2, 0), 0);
	assert_true(space(CDX_SHARE_VOLUME).disk_free <=
		    sp.disk_free - sp.disk_free / 2 + (UINT64_C(4) << 30));
}

/* Shrinking below what is used only stops new charges. */
static void shrinks_below_used(void **state)
{
	const uint64_t small[CDX_SHARES] = {MIB, MIB, MIB};

	(void)state;
	charge(CDX_SHARE_VOLUME, 10 * (int64_t)MIB);
	assert_int_equal(cdx_store_set_shares(T.s, small), 0);
	assert_int_equal(space(CDX_SHARE_VOLUME).free, 0);
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME, 1, 0),
			 CDX_E_QUOTA);
	assert_int_equal(cdx_quota_hold(T.s, CDX_SHARE_VOLUME, 0, 0), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(fresh),
		CASE(hold_and_release),
		CASE(shares_are_apart),
		CASE(charges_last),
		CASE(disk_is_a_limit),
		CASE(shrinks_below_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
