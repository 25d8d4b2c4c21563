/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What a volume's segments are bought for when: together, at once, again before the
 * end, not any more.
 *
 * usage: purchasing_time URL KEY.zkey ARTIFACTS
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "market/purchase_internal.h"
#include "tests/market/purchasing_kit.h"

static char **args;
static struct bk w;

static int setup(void **state)
{
	(void)state;
	bk_start(&w, "market/purchasing_time", args, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bk_stop(&w);
	return 0;
}

/* A segment whose request has started */
static struct cdx_purchase_info stored(uint64_t area)
{
	struct cdx_purchase_info info;

	bk_segment(&w, area, &w.kit.data.verifiable, 600000);
	if (w.p == NULL)
		bk_open(&w);
	info = bk_until(&w, area, 0, CDX_PURCHASE_SUBMITTED);
	bk_fill_all(&w, &info);
	return bk_until(&w, area, 0, CDX_PURCHASE_STARTED);
}

static unsigned waiting(void)
{
	struct cdx_purchasing_stats st;

	cdx_purchasing_stats(w.p, &st);
	return st.waiting;
}

static unsigned compactions(void)
{
	unsigned n;

	pthread_mutex_lock(&w.v.mu);
	n = w.v.compactions;
	pthread_mutex_unlock(&w.v.mu);
	return n;
}

static bool was_compacted(void *arg)
{
	(void)arg;
	return compactions() > 0;
}

/* Small segments wait for each other, or for their age, or until somebody asks */
static void test_together(void **state)
{
	(void)state;
	bk_client(&w);
	w.policy.min_bytes = 1200000;
	w.policy.max_age_s = 2000000000;
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	bk_rounds(&w);
	assert_int_equal(waiting(), 1);
	assert_int_equal(bk_count(&w), 0);
	bk_segment(&w, 2, &w.more[0].verifiable, 600000);
	bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	bk_until(&w, 2, 0, CDX_PURCHASE_SUBMITTED);
	bk_segment(&w, 3, &w.more[1].verifiable, 600000);
	bk_rounds(&w);
	assert_int_equal(waiting(), 1);
	assert_false(bk_has(&w, 3, 0));
	cdx_purchasing_hurry(w.p);
	bk_until(&w, 3, 0, CDX_PURCHASE_SUBMITTED);
	/* one that is not protected is not bought, whoever asks */
	bk_segment(&w, 4, NULL, 0);
	cdx_purchasing_hurry(w.p);
	bk_rounds(&w);
	assert_int_equal(bk_count(&w), 3);
	bk_client_end(&w);

	bk_client(&w);
	w.policy.min_bytes = UINT64_MAX;
	w.policy.max_age_s = 60;
	/* sealed in 1970 */
	bk_segment(&w, 1, &w.kit.data.verifiable, 600000);
	bk_open(&w);
	bk_until(&w, 1, 0, CDX_PURCHASE_SUBMITTED);
	bk_client_end(&w);
}

/* Renewed before its end, for the same dataset; safe all the time; the old one goes
 * on to its end */
static void test_renewed(void **state)
{
	struct cdx_purchase_info first;
	struct cdx_purchase_info next;

	(void)state;
	bk_client(&w);
	first = stored(1);
	mk_until(&w.kit, bk_safe, &w, "safe");
	assert_false(first.renewed);
	mk_go_to(&w.kit, (uint64_t)first.end - BK_LEAD - 60);
	bk_rounds(&w);
	assert_false(bk_has(&w, 1, 1));
	mk_go_to(&w.kit, (uint64_t)first.end - BK_LEAD + 1);
	next = bk_until(&w, 1, 1, CDX_PURCHASE_SUBMITTED);
	assert_memory_equal(next.what.cid, first.what.cid, first.what.cid_len);
	assert_memory_equal(&next.what.merkle_root, &first.what.merkle_root,
			    32);
	assert_int_not_equal(memcmp(&next.what.nonce, &first.what.nonce, 32),
			     0);
	assert_true(bk_safe(&w));
	bk_fill_all(&w, &next);
	next = bk_until(&w, 1, 1, CDX_PURCHASE_STARTED);
	mk_until(&w.kit, bk_safe, &w, "safe");
	first = bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	assert_true(first.renewed);
	mk_go_to(&w.kit, (uint64_t)first.end + 2);
	bk_until(&w, 1, 0, CDX_PURCHASE_FINISHED);
	mk_until(&w.kit, bk_safe, &w, "safe");
	assert_int_equal(bk_count(&w), 2);
	bk_client_end(&w);
}

static bool has_alarm(void *arg)
{
	struct cdx_purchasing_stats st;

	(void)arg;
	cdx_purchasing_stats(w.p, &st);
	return strstr(st.alarm, "not safe") != NULL;
}

/* A renewal that nobody fills: not safe any more when the window begins, and an alarm
 * that says so; the next one is dearer */
static void test_renewal_fails(void **state)
{
	struct cdx_purchase_info first;
	struct cdx_purchase_info next;

	(void)state;
	bk_client(&w);
	w.policy.max_price = cdx_u256_of(5);
	first = stored(1);
	mk_until(&w.kit, bk_safe, &w, "safe");
	mk_go_to(&w.kit, (uint64_t)first.end - BK_LEAD + 1);
	next = bk_until(&w, 1, 1, CDX_PURCHASE_SUBMITTED);
	mk_go_to(&w.kit, mk_now(&w.kit) + BK_EXPIRY + 1);
	next = bk_until(&w, 1, 2, CDX_PURCHASE_SUBMITTED);
	assert_int_equal(next.what.ask.price.v[0], 5);
	assert_true(bk_safe(&w));
	mk_go_to(&w.kit, (uint64_t)first.end - BK_RENEW + 1);
	mk_until(&w.kit, bk_unsafe, &w, "not safe");
	mk_until(&w.kit, has_alarm, NULL, "an alarm");
	assert_int_equal(cdx_purchasing_stage(w.p, &w.kit.data.verifiable),
			 CDX_SEGMENT_STORED);
	bk_client_end(&w);
}

/* Below the live share it is compacted, and renewed only when that has not come to an
 * end in time */
static void test_compacted(void **state)
{
	struct cdx_purchase_info first;

	(void)state;
	bk_client(&w);
	first = stored(1);
	bk_segment(&w, 1, &w.kit.data.verifiable, 200000);
	mk_go_to(&w.kit, (uint64_t)first.end - BK_LEAD + 1);
	mk_until(&w.kit, was_compacted, NULL, "compacted");
	bk_rounds(&w);
	assert_int_equal(w.v.compacted, 1);
	assert_int_equal(compactions(), 1);
	assert_false(bk_has(&w, 1, 1));
	mk_go_to(&w.kit, (uint64_t)first.end - BK_RENEW + 1);
	bk_until(&w, 1, 1, CDX_PURCHASE_SUBMITTED);
	bk_client_end(&w);
}

/* What was compacted away is renewed as long as a segment of before is not safe, the
 * open one included, and not any more when there is none */
static void test_gone(void **state)
{
	struct cdx_purchase_info first;
	struct cdx_purchase_info next;

	(void)state;
	bk_client(&w);
	first = stored(1);
	/* its extents are in the open segment */
	bk_segment(&w, 2, NULL, 0);
	bk_segment_gone(&w, 1);
	bk_rounds(&w);
	mk_go_to(&w.kit, (uint64_t)first.end - BK_LEAD + 1);
	next = bk_until(&w, 1, 1, CDX_PURCHASE_SUBMITTED);
	bk_fill_all(&w, &next);
	next = bk_until(&w, 1, 1, CDX_PURCHASE_STARTED);
	/* a later segment has nothing to do with it */
	bk_segment(&w, 9, NULL, 0);
	bk_segment_gone(&w, 2);
	bk_restart(&w);
	bk_until(&w, 1, 1, CDX_PURCHASE_STARTED);
	bk_rounds(&w);
	mk_go_to(&w.kit, (uint64_t)next.end - BK_LEAD + 1);
	bk_rounds(&w);
	bk_rounds(&w);
	assert_false(bk_has(&w, 1, 2));
	bk_client_end(&w);
}

static bool funds_alarm(void *arg)
{
	struct cdx_purchasing_stats st;

	(void)arg;
	cdx_purchasing_stats(w.p, &st);
	return strstr(st.alarm, "cannot be paid") != NULL;
}

/* A renewal that the budget will not pay for: not safe, long before its end; and the
 * patrol's word counts */
static void test_safe(void **state)
{
	(void)state;
	bk_client(&w);
	w.policy.has_budget = true;
	w.policy.budget =
		cdx_u256_of(UINT64_C(4) * 524288 * 3 * BK_DURATION * 3 / 2);
	(void)stored(1);
	bk_rounds(&w);
	assert_true(bk_unsafe(&w));
	assert_int_equal(cdx_purchasing_stage(w.p, &w.kit.data.verifiable),
			 CDX_SEGMENT_STORED);
	bk_close(&w);
	w.policy.budget =
		cdx_u256_of(UINT64_C(4) * 524288 * 3 * BK_DURATION * 3);
	bk_open(&w);
	mk_until(&w.kit, bk_safe, &w, "safe");
	cdx_purchasing_patrolled(w.p, &w.kit.data.verifiable, 1);
	bk_rounds(&w);
	assert_true(bk_safe(&w));
	cdx_purchasing_patrolled(w.p, &w.kit.data.verifiable, 2);
	mk_until(&w.kit, bk_unsafe, &w, "not safe");
	mk_until(&w.kit, has_alarm, NULL, "an alarm");
	cdx_purchasing_patrolled(w.p, &w.kit.data.verifiable, 0);
	mk_until(&w.kit, bk_safe, &w, "safe");
	/* what was safe cannot be paid for any more */
	bk_close(&w);
	w.policy.budget = cdx_u256_of(1);
	bk_open(&w);
	mk_until(&w.kit, funds_alarm, NULL, "an alarm about money");
	assert_true(bk_unsafe(&w));
	bk_client_end(&w);
}

static void no_expiry_here(void *arg)
{
	struct purchase *b =
		cdx_list_entry(w.p->all.next, struct purchase, link);
	const struct cdx_revert none = {.code = CDX_REVERT_NONE};

	(void)arg;
	b->rec.expires = 0;
	b->rec.end = 0;
	b->rec.state = CDX_PURCHASE_SUBMITTED;
	purchase_is(b, 0, CDX_REQUEST_STARTED, 0, &none);
	assert_int_equal(b->rec.state, CDX_PURCHASE_SUBMITTED);
	assert_true(b->look);
}

/* The state without the expiry: nothing follows of it, as its end is not known */
static void test_no_expiry(void **state)
{
	(void)state;
	bk_client(&w);
	(void)stored(1);
	mk_on_loop(&w.kit, no_expiry_here, NULL);
	bk_until(&w, 1, 0, CDX_PURCHASE_STARTED);
	bk_rounds(&w);
	assert_false(bk_has(&w, 1, 1));
	bk_client_end(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_renewed),
		cmocka_unit_test(test_renewal_fails),
		cmocka_unit_test(test_compacted),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_safe),
		cmocka_unit_test(test_no_expiry),
	};

	if (argc != 4) {
		fprintf(stderr,
			"usage: purchasing_time URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	args = argv;
	if (getenv("BK_FILTER") != NULL)
		cmocka_set_test_filter(getenv("BK_FILTER"));
	return cmocka_run_group_tests_name("market/purchasing_time", tests,
					   setup, teardown);
}
