/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What goes wrong while slots are proven (proving.c) */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proving_kit.h"

#define ALL ((1u << PV_SLOTS) - 1)
/* wei a gas, far above what a transaction was sent with */
#define SPIKE UINT64_C(400000000000)
/* Seconds before the end of a period */
#define LATE_S 10u

/* Into a period that wants a proof of this slot */
static void wanted(unsigned slot)
{
	do {
		pv_next_period(&pv);
	} while (!pv_wanted(&pv, slot));
}

/* Was the first slot told to have missed this period? */
static bool is_missed(void *arg)
{
	return pv.slot[0].missed_period == *(uint64_t *)arg;
}

/* No node answers for two periods: what was missed is told, and the next one is
 * proven. */
void pv_test_gate(void **state)
{
	uint64_t period;

	(void)state;
	pv_begin(&pv, ALL);
	pv_settle(&pv);
	mk_gate(&pv.kit, false);
	do {
		mk_next_period(&pv.kit);
	} while (!mk_settled(&pv.kit, &pv.rq.slot[0]) ||
		 !mk_required(&pv.kit, &pv.rq.slot[0]));
	period = mk_period(&pv.kit);
	pv_after_period(&pv);
	assert_true(mk_can_mark(&pv.kit, &pv.rq.slot[0], period));
	mk_gate(&pv.kit, true);
	mk_until(&pv.kit, is_missed, &period, "a miss");
	wanted(0);
	pv_until_done(&pv, 1);
	pv_end(&pv);
}

static void base_fee(uint64_t wei)
{
	char text[20];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)wei);
	json_decref(chain_rpc(&pv.kit.hand, "anvil_setNextBlockBaseFeePerGas",
			      json_pack("[s]", text)));
}

static bool is_done(void *arg)
{
	return pv.slot[0].done_period == *(uint64_t *)arg;
}

/* A proof was sent, and then nothing gets in at that price: its stake pays for
 * more. */
void pv_test_stuck(void **state)
{
	struct cdx_sender_stats st;
	uint64_t period;

	(void)state;
	pv_eager_sender(&pv);
	pv.stake = UINT64_C(500000000000000000);
	pv_begin(&pv, 1);
	wanted(0);
	pv_until_done(&pv, 1);
	mk_automine(&pv.kit, false);
	wanted(0);
	pv_until_pooled(&pv, 1);
	period = mk_period(&pv.kit);
	base_fee(SPIKE);
	mk_mine(&pv.kit, 1);
	mk_until_mining(&pv.kit, is_done, &period,
			"the proof at another price");
	mk_automine(&pv.kit, true);
	cdx_sender_stats(pv.host.sender, &st);
	assert_true(st.replaced > 0);
	assert_true(pv.slot[0].missed_period != period);
	pv.stake = UINT64_C(10000000000000000);
	pv_end(&pv);
	/* back to what it was */
	base_fee(1000000000);
	mk_mine(&pv.kit, 1);
}

/* Less time is left than two blocks take, by a jump over most of a period: nothing is
 * begun, though a proof would still get in. */
void pv_test_late(void **state)
{
	const uint64_t s = pv.env.config.period;
	uint64_t period;

	(void)state;
	pv_begin(&pv, 1);
	pv_settle(&pv);
	do {
		period = mk_period(&pv.kit) + 1;
		mk_go_to(&pv.kit, (period + 1) * s - LATE_S);
	} while (!mk_settled(&pv.kit, &pv.rq.slot[0]) ||
		 !mk_required(&pv.kit, &pv.rq.slot[0]));
	pv_settle(&pv);
	mk_go_to(&pv.kit, (period + 1) * s + 1);
	mk_until(&pv.kit, is_missed, &period, "a miss");
	assert_true(mk_can_mark(&pv.kit, &pv.rq.slot[0], period));
	pv_end(&pv);
}

static bool troubled(void *arg)
{
	struct pv_slot *s = arg;

	return s->trouble > 0;
}

static bool troubled_or_done(void *arg)
{
	uint64_t *period = arg;

	return troubled(&pv.slot[0]) || pv.slot[0].done_period == *period;
}

/* Twice is as it was */
static void flip(void)
{
	for (uint32_t slot = 0; slot < 2; slot++) {
		for (uint64_t step = 0; step < pv.kit.slots.g.steps; step++) {
			struct cdx_block_loc loc;
			uint64_t i =
				cdx_geometry_index(&pv.kit.slots.g, slot, step);

			if (pk_loc(&pv.kit.store, &pv.kit.slots, i, &loc))
				tmp_area_flip(&pv.kit.store, loc.area,
					      (off_t)loc.off + 77);
		}
	}
}

/* A slot's blocks change, and more than the code bears; then they are back. */
void pv_test_data(void **state)
{
	uint64_t period;

	(void)state;
	pv_next_period(&pv);
	flip();
	pv_begin(&pv, 1);
	/* blocks that only fill the slot up are no data: some periods ask for
	 * one of these */
	do {
		wanted(0);
		period = mk_period(&pv.kit);
		mk_until(&pv.kit, troubled_or_done, &period, "trouble");
	} while (!troubled(&pv.slot[0]));
	assert_true(strlen(pv.slot[0].why) > 0);
	assert_true(pv.slot[0].done_period != period);
	flip();
	pv_until_done(&pv, 1);
	pv_end(&pv);
}

/* One of three that go together proves with the data of another. */
void pv_test_bad_one(void **state)
{
	unsigned mask;

	(void)state;
	do {
		mask = 0;
		pv_next_period(&pv);
		for (unsigned i = 0; i < PV_SLOTS; i++)
			mask |= pv_wanted(&pv, i) ? 1u << i : 0;
	} while (mask != ALL);
	pv.index[2] = 1;
	pv_begin(&pv, ALL);
	pv_until_done(&pv, ALL & ~4u);
	mk_until(&pv.kit, troubled, &pv.slot[2], "trouble");
	assert_int_equal(pv.slot[0].trouble, 0);
	assert_int_equal(pv.slot[1].trouble, 0);
	assert_int_equal(pv.slot[2].done, 0);
	assert_true(pv_stats(&pv).failed >= 2);
	pv.index[2] = 2;
	pv_end(&pv);
}

static bool is_gone(void *arg)
{
	struct pv_slot *s = arg;

	return s->gone > 0;
}

/* A slot is not ours any more: told, and nothing is sent for it. */
void pv_test_freed(void **state)
{
	(void)state;
	pv_begin(&pv, 3);
	pv_settle(&pv);
	mk_free_slot(&pv.kit, &pv.host, &pv.rq.slot[1]);
	mk_until(&pv.kit, is_gone, &pv.slot[1], "the end of a slot");
	wanted(0);
	pv_until_done(&pv, 1);
	assert_int_equal(pv.slot[0].gone, 0);
	/* the request ends */
	mk_go_to(&pv.kit, pv.rq.posted + pv.rq.r.ask.duration + 2);
	mk_until(&pv.kit, is_gone, &pv.slot[0], "the end of the request");
	pv_end(&pv);
}
