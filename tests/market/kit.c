/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * market_kit.h does what it says: a request is posted, filled by hand, proven,
 * and missed; the chain is moved, undone and cut off.
 *
 * usage: kit URL KEY.zkey ARTIFACTS
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "market_kit.h"

static char **args;

static bool head_silent(void *arg)
{
	struct mk *kit = arg;

	return cdx_head_why(kit->env.head)[0] != '\0';
}

static bool head_well(void *arg)
{
	return !head_silent(arg);
}

static void test_life(void **state)
{
	struct mk_account client = {.sender = NULL};
	struct mk_account host[3] = {{.sender = NULL}};
	struct mk_account validator = {.sender = NULL};
	struct cdx_revert why;
	struct mk_request rq;
	struct mk kit;
	uint64_t period;

	(void)state;
	mk_start(&kit, "market/kit", args, &(struct mk_opts){.gate = true});
	mk_account(&kit, &client);
	mk_account(&kit, &validator);
	mk_request(&kit, &client, &rq);
	mk_post(&kit, &client, &rq);
	assert_int_equal(mk_request_state(&kit, &rq.id), CDX_REQUEST_NEW);
	for (unsigned i = 0; i < 3; i++) {
		mk_account(&kit, &host[i]);
		mk_fill(&kit, &host[i], &rq, i);
	}
	assert_int_equal(mk_request_state(&kit, &rq.id), CDX_REQUEST_STARTED);

	/* a sender comes again */
	mk_sender_drop(&kit, &host[0]);
	mk_sender_make(&kit, &host[0]);
	mk_until_required(&kit, &rq.slot[0]);
	mk_submit(&kit, &host[0], &rq, 0);

	/* the environment is cut off, the test is not */
	mk_until_required(&kit, &rq.slot[1]);
	period = mk_period(&kit);
	mk_gate(&kit, false);
	mk_next_period(&kit);
	mk_until(&kit, head_silent, &kit, "no head");
	mk_gate(&kit, true);
	mk_until(&kit, head_well, &kit, "a head");
	mk_sync(&kit);
	assert_true(mk_can_mark(&kit, &rq.slot[1], period));
	assert_int_equal(mk_mark(&kit, &validator, &rq.slot[1], period, &why),
			 0);
	assert_int_equal(mk_missing(&kit, &rq.slot[1]), 1);
	assert_int_equal(mk_slot_state(&kit, &rq.slot[1]), CDX_SLOT_FILLED);

	/* that is undone */
	mk_reorg(&kit, 2);
	mk_mine(&kit, 1);
	mk_sync(&kit);
	assert_int_equal(mk_missing(&kit, &rq.slot[1]), 0);

	mk_sender_drop(&kit, &client);
	mk_sender_drop(&kit, &validator);
	for (unsigned i = 0; i < 3; i++)
		mk_sender_drop(&kit, &host[i]);
	mk_stop(&kit);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
	};

	if (argc != 4) {
		fprintf(stderr, "usage: kit URL KEY.zkey ARTIFACTS\n");
		return 2;
	}
	args = argv;
	return cmocka_run_group_tests_name("market/kit", tests, NULL, NULL);
}
